"""The source tree as the rules of tests/structure see it: modules, files, C text, faults."""
import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("CONTIMG_SOURCE", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("CONTIMG_BUILD", ROOT / "build/ci"))
# Symbols of the foundation have families of names in place of their module's.
FAMILIES = {
    "base": ("mem str path json log time clock error status text parse sha256 file stop version "
             "isa timer").split(),
    "par": ["par", "comm"],
}


def modules():
    """Names in order, as the build has them: set(modules ...) of src/CMakeLists.txt."""
    text = (ROOT / "src/CMakeLists.txt").read_text()
    found = re.search(r"^set\(modules\s+([^)]*)\)", text, re.M)
    if not found:
        sys.exit("src/CMakeLists.txt: no set(modules ...)")
    return found.group(1).split()


def files(folders, suffixes=None):
    """Files of those folders of the tree, of any kind where none is given, sorted, as paths relative
    to its root."""
    found = []
    for folder in folders:
        for place, below, names in os.walk(ROOT / folder):
            below[:] = [name for name in below if name != "__pycache__"]
            found += [Path(place, name) for name in names if suffixes is None or Path(name).suffix in suffixes]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def read(path):
    return (ROOT / path).read_text(errors="replace")


def module_of(path):
    """src/x/..., include/contimg/x.h and a second header x_part.h belong to x."""
    parts = Path(path).parts
    return parts[1] if parts[0] == "src" else Path(path).stem.split("_")[0]


class Faults:
    """Collects faults and says them; those of known.txt are counted apart."""

    def __init__(self, rule):
        self.rule, self.new, self.known = rule, 0, 0
        self.pardoned = []
        listed = ROOT / "tests/structure/known.txt"
        for line in listed.read_text().splitlines() if listed.exists() else []:
            words = line.split("#")[0].split()
            if len(words) == 2 and words[0] == rule:
                self.pardoned.append(words[1])

    def add(self, subject, text):
        """subject is a path or a module's folder; known.txt names its beginning."""
        if any(subject.startswith(known) for known in self.pardoned):
            self.known += 1
            return
        self.new += 1
        print(f"{subject}: {text}" if subject else text)

    def end(self):
        known = f" ({self.known} known ones, tests/structure/known.txt)" if self.known else ""
        print(f"{self.rule}: {self.new} faults{known}")
        sys.exit(1 if self.new else 0)


# ---- C text -----------------------------------------------------------------

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^ ?#[^\n]*", re.M)
INCLUDE = re.compile(r"^ ?# ?(?:include|include_next|import)\b ?(.*?) ?$", re.M)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def _join(text):
    """Continued lines in one; as many empty ones follow, so that all others stay where they are."""
    return re.sub(r"(?:[^\n]*\\\n)+[^\n]*",
                  lambda match: match.group(0).replace("\\\n", "") + "\n" * match.group(0).count("\n"), text)


def normal(text):
    """The text as the rules read it: directives begin with #, continued lines are joined, comments
    are blanks, and every run of blanks is one; every line that is not continued stays where it is."""
    text = _join(re.sub(r"\?\?=|%:", "#", text.replace("??/", "\\")))
    text = TOKEN.sub(lambda match: blank(match) if match.group(0).startswith("/") else match.group(0), text)
    return re.sub(r"[ \t\v\f\r]+", " ", text)


def c_code(text):
    """The normal text without literals and directives."""
    return TOKEN.sub(blank, DIRECTIVE.sub("", normal(text)))


def includes(path):
    """What a file includes, as it is written: <name>, "name" or a macro."""
    return INCLUDE.findall(normal(read(path)))


def included_path(path, written):
    """The file of the tree that an include means; None where there is none."""
    for folder in [Path(path).parent] * written.startswith('"') + [Path("src"), Path("include")]:
        found = os.path.normpath(folder / written.strip('<>"'))
        if (ROOT / found).is_file():
            return found
    return None


def c_macros(text):
    """Names of the macros that a file defines."""
    return set(re.findall(r"^ ?# ?define (\w+)", normal(text), re.M))


def c_enum_constants(text):
    """Names of the constants of a file's enums."""
    return {name for body in re.findall(r"\benum\b[^;{}()]*\{([^{}]*)\}", c_code(text))
            for name in re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)", body)}


_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\bCI_PRINTF\([^()]*\)")


def _name(head):
    """Name of the function whose declaration that is; None where it is something else."""
    head = _ATTRIBUTE.sub(" ", head)
    if "=" in head or re.match(r"\s*(typedef\b|(struct|enum|union)\b[^()]*$)", head):
        return None
    found = re.search(r"(\w+)\s*\(", head)
    return found.group(1) if found else None


def _items(code):
    """Of each declaration or definition at file scope: begin, end of its head, end, and the
    lines that initialised tables within it take."""
    depth, begin, open_at, table, lines = 0, 0, None, None, 0
    for match in re.finditer(r"[{};]", code):
        at, mark = match.start(), match.group(0)
        if mark == "{":
            if depth == 0 and open_at is None:
                open_at, lines = at, 0
            elif table is None and code[:at].rstrip().endswith("="):
                table = (at, depth)
            depth += 1
        elif mark == "}":
            depth -= 1
            if table and table[1] == depth:
                lines += code.count("\n", table[0], at)
                table = None
        if depth:
            continue
        # A function's body ends its definition; a structure's or a table's does not.
        head = code[begin:open_at]
        if mark == ";" or (mark == "}" and (_name(head) or not head.strip())):
            yield begin, at if open_at is None else open_at, match.end(), lines, open_at is not None
            begin, open_at = match.end(), None


def _line(code, begin):
    """Number of the line of the first text from begin on."""
    rest = code[begin:]
    return code.count("\n", 0, begin + len(rest) - len(rest.lstrip())) + 1


def c_functions(text):
    """(name, first line, last line, lines of tables within) of each function defined."""
    code, old_style = c_code(text), None
    for begin, head, end, lines, has_body in _items(code):
        name = _name(code[begin:head])
        if has_body and not code[begin:head].strip():
            name = old_style  # `int f(a) int a; {`
        old_style = name or old_style
        if name and has_body:
            yield name, _line(code, begin), code.count("\n", 0, end) + 1, lines


def c_prototypes(text):
    """(name, first line, last line) of each function declared or defined at file scope."""
    code = c_code(text)
    for begin, head, end, _, _ in _items(code):
        name = _name(code[begin:head])
        if name:
            yield name, _line(code, begin), code.count("\n", 0, head) + 1


def c_variables(text):
    """Names of the variables that a file defines for others: at file scope, not static."""
    code, names = _ATTRIBUTE.sub(" ", c_code(text)), set()
    for begin, _, end, _, _ in _items(code):
        item, n = code[begin:end], 1
        while n:
            item, n = re.subn(r"\{[^{}]*\}|\[[^\[\]]*\]", " ", item)
        item = re.sub(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\([^()]*\)", r" \1", item)
        declared = re.sub(r"=[^,;]*", "", item)
        if not re.match(r"\s*(?:typedef\b|(?:struct|union|enum)\b\s*\w*\s*;)", item) and "(" not in declared:
            if not re.search(r"\b(?:static|extern)\b", declared):
                names.update(re.findall(r"[\s*](\w+)\s*[,;]", declared))
    return names


def c_types(text):
    """Names of the types that a file defines: structures with their members, enums, other typedefs."""
    code, names = c_code(text), set()
    for begin, _, end, _, has_body in _items(code):
        item = code[begin:end]
        tag = re.match(r"\s*(?:typedef\s+)?(?:struct|enum|union)\s+(\w+)\s*\{", item)
        function = None if has_body else re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", item)
        last = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*;$", item)
        is_forward = not has_body and re.match(r"\s*typedef\s+(struct|enum|union)\b[^*]*$", item)
        if re.match(r"\s*typedef\b", item) and not is_forward and (function or last):
            names.add((function or last).group(1))
        if tag:
            names.add(tag.group(1))
    return names


_STATEMENT = re.compile(r"(?:^|[;{}])\s*((?:\w+[\s*]+)+)(\w+)\s*\([^;{}]*\)\s*;")
_NO_TYPE = {"return", "else", "do", "case", "goto", "sizeof", "typedef", "static"}


_BEHIND_TYPE = r"(?:^|[;{}])\s*(?:extern\s+)?"


def c_declared(text):
    """Names of what a file declares and does not define: functions, also within others, also as
    `int (name)(int a);` or by a typedef of a function type, and everything `extern`."""
    code = _ATTRIBUTE.sub(" ", c_code(text))
    code = re.sub(r"(\b(?!(?:if|while|for|switch|return)\b)\w+[\s*]+)\(\s*(\w+)\s*\)"
                  r"(\s*\((?:[^;{}()]|\([^()]*\))*\)\s*;)", r"\1 \2\3", code)
    of_type = set(re.findall(r"\btypedef\b[^;{}()]*?(\w+)\s*\([^;{}*]*\)\s*;", code))
    names = set(re.findall(r"\bextern\b[^;{(=]*\b(\w+)\s*[;\[(]", code))
    for words, name in _STATEMENT.findall(re.sub(r"([;{}])", r"\1\1", code)):
        if not _NO_TYPE & set(words.split()):
            names.add(name)
    for name in of_type:
        for declared in re.findall(_BEHIND_TYPE + rf"{name}\s+([\w\s,]+);", code):
            names.update(re.findall(r"\w+", declared))
    return names


def python_functions(text):
    """(name, first line, last line, 0) of each function."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.name, node.lineno, node.end_lineno, 0)
            for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]


_SHELL_FUNCTION = re.compile(r"(?:function +([\w-]+) *(?:\( *\))?|([\w-]+) *\( *\)) *(?:[{(].*)?(?:#.*)?$")
_HEREDOC = re.compile(r"(?<!<)<<-? *([\"']?)(\w+)\1")


def shell_functions(text):
    """(name, first line, last line, 0) of each function that begins and ends at a line's start, in either
    form of the shell; texts for other programs (<<END) are left out of the search for its end."""
    found, begun, until = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = None if line.strip() == until else until
            continue
        heredoc = _HEREDOC.search(line)
        until = heredoc[2] if heredoc else None
        start = _SHELL_FUNCTION.match(line)
        if begun and line[:1] in ("}", ")"):
            found.append((*begun, number, 0))
            begun = None
        elif start and not begun and not re.search(r"[})]\s*(#.*)?$", line.split("{", 1)[-1].split("(", 2)[-1]
                                                   if re.search(r"\{|\( *\) *\(", line) else ""):
            begun = (start[1] or start[2], number)
    return found


def c_macro_lengths(text):
    """(name, first line, last line, 0) of each macro of more than one line."""
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(?:[^\n]*\\\n)+[^\n]*", text, re.M):
        first = text.count("\n", 0, match.start()) + 1
        yield match[1], first, first + match[0].count("\n"), 0


# ---- what the compiler made --------------------------------------------------

# What sanitizers, coverage and the linker add.
_ADDED = re.compile(r"__(odr_asan|asan|ubsan|sanitizer|gcov|llvm|start|stop)[._]")


class Symbols:
    """Of each object file of a module's library: what it defines and what it needs. Code that this
    build leaves out (assertions, other instruction sets) is found in the source."""

    def __init__(self, module):
        self.defined, self.needed, self.linked = {}, {}, {}  # linked: needed by this build's objects
        library = BUILD / f"src/libci_{module}.a"
        if not library.exists():
            return
        out = subprocess.run(["nm", "-A", "-g", library], capture_output=True, text=True, check=True)
        for line in out.stdout.splitlines():
            where, _, rest = line.rpartition(":")
            kind, name = rest.split()[-2:]
            if _ADDED.match(name):
                continue
            member = where.rpartition(":")[2].removesuffix(".o")
            table = self.needed if kind in "Uwv" else self.defined
            table.setdefault(member, set()).add(name)
            if table is self.needed:
                self.linked.setdefault(member, set()).add(name)
        for path in files([f"src/{module}"], {".c"}):
            if path != "src/cli/main.c":  # is in no library
                self._read_source(Path(path).name, read(path))

    def _read_source(self, member, text):
        code = c_code(text)
        self.needed.setdefault(member, set()).update(
            re.findall(r"\b\w+\b", normal(code + "\n".join(DIRECTIVE.findall(TOKEN.sub(blank, normal(text)))))))
        lines = code.splitlines()
        for name, first, last, _ in c_functions(text):
            head = " ".join(lines[first - 1:last]).split("{")[0]
            if not re.search(r"\bstatic\b|CI_ISA_INLINE", head) and not name.isupper():
                self.defined.setdefault(member, set()).add(name)
        if variables := c_variables(text):
            self.defined.setdefault(member, set()).update(variables)
