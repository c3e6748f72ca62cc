"""What the documents name is there: linked pages, files and folders of the tree, tests, functions,
types and macros of contimg, tables of the databases; and every module has its line."""
import re

import tree

FOLDERS = "src|include|tests|tools|docs|share|slurm|bench"
PATH = re.compile(rf"(?<![\w/.<])((?:{FOLDERS})/[\w./*{{}},<>-]+)")
TEST = re.compile(r"(?<![\w/])((?:unit|mpi|cli|science|fault|slurm|structure)/test_\w+)")
SYMBOL = re.compile(r"\b(ci_[a-z][a-z0-9_]*[a-z0-9]|CI_[A-Z][A-Z0-9_]*[A-Z0-9])\b(?!_|<)")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# `src/run/group.c` (`judge_tiles`): functions that only its file sees, with or without words between.
WITHIN = re.compile(rf"`((?:{FOLDERS})/[\w/.-]+)` \((`\w+`[^()]*)")
# unit/test_fits (`test_wcs`): a function of a test.
OF_TEST = re.compile(r"(?<![\w/])((?:unit|mpi)/test_\w+) \((`\w+`[^()]*)")
# `ci_par_agree` (`src/par/comm.c`) or `ci_par_agree`, `src/par/comm.c`: a function and where it is.
PLACED = re.compile(rf"`(ci_\w+)`(?:, |\s*\()`((?:src)/[\w/.-]+\.c)`")
TABLE = re.compile(r"`([a-z_]+)`")


def documents():
    """Pages for people that name parts of the tree."""
    yield from (tree.ROOT / name for name in ("README.md", "INSTALL.md", "src/README.md")
                if (tree.ROOT / name).exists())
    yield from sorted((tree.ROOT / "docs").rglob("*.md"))


def symbols():
    """Every word of the C sources that looks like one of contimg's names."""
    found = set()
    for path in tree.files(["include", "src", "tests", "tools"], {".c", ".h", ".def"}):
        found.update(re.findall(r"\b(?:ci|CI)_\w+", tree.read(path)))
    return found


def is_there(path):
    """A path of the tree; a pattern has to match something."""
    path = path.rstrip(".,/")
    if path.startswith("share/man"):
        return True  # of an installation
    if "<" in path:
        return True  # src/<module>
    match = re.fullmatch(r"(.*)\{(.*)\}(.*)", path)
    if match:
        return all(is_there(match[1] + middle + match[3]) for middle in match[2].split(","))
    return any(tree.ROOT.glob(path)) if "*" in path else (tree.ROOT / path).exists()


def check_text(faults, page, text, known):
    name = str(page.relative_to(tree.ROOT))
    for target in LINK.findall(text):
        if "://" not in target and not (page.parent / target).exists():
            faults.add(name, f"a link to {target}, which is not there")
    prose = LINK.sub("]", text)
    for path in sorted(set(PATH.findall(prose))):
        if not is_there(path):
            faults.add(name, f"names {path}, which is not in the tree")
    for test in sorted(set(TEST.findall(prose))):
        if not any((tree.ROOT / "tests").glob(test + ".*")):
            faults.add(name, f"names the test {test}, which is not there")
    check_functions(faults, name, prose)
    for symbol in sorted(set(SYMBOL.findall(prose))):
        if symbol not in known:
            faults.add(name, f"names {symbol}, which is not in the sources")


def check_functions(faults, name, prose):
    """Functions that stand in brackets behind a file, or before one, are in it."""
    for function, path in PLACED.findall(prose):
        text = tree.read(path) if (tree.ROOT / path).exists() else ""
        if not re.search(rf"\b{function}\b", text):
            faults.add(name, f"says that {function} is in {path}, which does not name it")
    within = WITHIN.findall(prose) + [(f"tests/{test}.c", names) for test, names in OF_TEST.findall(prose)]
    for path, functions in within:
        text = tree.read(path) if (tree.ROOT / path).exists() else ""
        for function in re.findall(r"`(\w+)`", functions):
            if not re.search(rf"\b{function}\b", text):
                faults.add(name, f"says that {path} has {function}, which is not there")


def check_databases(faults):
    """Headings of docs/databases.md name tables."""
    page = tree.ROOT / "docs/databases.md"
    if not page.exists():
        return
    schema = "".join(path.read_text() for path in (tree.ROOT / "src/registry").glob("schema*.c"))
    tables = set(re.findall(r'\{\s*"([a-z_]+)",', schema))
    for heading in re.findall(r"^### (.*)$", page.read_text(), re.M):
        for table in TABLE.findall(heading):
            if table not in tables:
                faults.add("docs/databases.md", f"names the table {table}, which the schema has not")


def check_modules(faults):
    """src/README.md has one line of each module that has a folder, in the order of the build."""
    page = tree.ROOT / "src/README.md"
    if not page.exists():
        return
    built = [module for module in tree.modules() if (tree.ROOT / "src" / module).is_dir()]
    listed = re.findall(r"^\| ([a-z0-9]+) \|", page.read_text(), re.M)
    listed = [module for module in listed if module != "module"]
    if listed != built:
        faults.add("src/README.md", f"lists {' '.join(listed)}; the build has {' '.join(built)}")


faults = tree.Faults("docs")
known_symbols = symbols()
for document in documents():
    check_text(faults, document, document.read_text(), known_symbols)
check_databases(faults)
check_modules(faults)
faults.end()
