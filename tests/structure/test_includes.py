"""Each module includes only modules before it, and each outside library only its owner."""
import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import tree

OWNERS = {  # outside header: the modules that may include it
    "mpi.h": "par fft", "fftw3*": "fft", "gsl/*": "num", "hdf5*.h": "h5", "H5*": "h5",
    "erfa.h": "sky", "fitsio.h": "fits", "wcslib/*": "fits", "cairo*": "draw",
    "sqlite3.h": "registry", "microhttpd.h": "serve", "openssl/*": "base", "cjson/*": "base",
    "cJSON.h": "base", "ini.h": "conf",
}
SEE_CONF = ("conf", "tile", "run", "cli")
GENERATED = ("ci_version.h",)
KINDS = {".c", ".h", ".def", ".txt", ".cmake", ".md"}
ENDS = re.compile(r"(?<!\.)(?<!->)\b(exit|_exit|_Exit|quick_exit|abort|MPI_Abort)\b")

faults = tree.Faults("includes")
order = tree.modules()


def target_of(name):
    """Module of an included name of contimg; None where it is something else."""
    if name == "contimg/options.def":
        return "conf"
    if fnmatch(name, "contimg/*.h"):
        return Path(name).stem.split("_")[0]
    first = name.split("/")[0]
    return first if fnmatch(name, "*/*.h") and (first in order or not outside(name)) else None


def outside(name):
    """Owners of an outside header, which may lie in a folder of its own."""
    return next((owners.split() for pattern, owners in OWNERS.items()
                 if fnmatch(name, pattern) or fnmatch(Path(name).name, pattern)), None)


def check_own(path, module, name):
    target = target_of(name)
    if target not in order:
        faults.add(path, f"includes {name} of an unknown module")
    elif order.index(target) > order.index(module):
        faults.add(path, f"includes {name}, which comes after module {module}")
    if target == "conf" and module not in SEE_CONF:
        faults.add(path, f"only {', '.join(SEE_CONF[1:])} may see conf")
    if name == "par/par_private.h":
        if module not in ("par", "fft"):
            faults.add(path, "includes par's private header")
    elif not name.startswith("contimg/") and target != module:
        faults.add(path, f"includes {name}, a private header of another module")


def check_outside(path, module, name):
    owners = outside(name)
    if owners and path.startswith("include/"):
        faults.add(path, f"a public header includes <{name}>")
    elif owners and module not in owners:
        faults.add(path, f"<{name}> belongs to {' '.join(owners)}")


def check_include(path, module, written):
    match = re.fullmatch(r'<([^>]*)>|"([^"]*)"', written)
    if not match:
        faults.add(path, f"includes {written}: an include names its file")
        return
    name = match[1] or match[2] or ""
    parts = name.split("/")
    if "." in parts or ".." in parts:
        faults.add(path, f"includes {name}: named from src/ or include/, without . and ..")
        name = "/".join(part for part in parts if part not in (".", ".."))
    is_own = name.startswith("contimg/") or name.split("/")[0] in order
    if is_own and match[1]:
        faults.add(path, f"includes <{name}>: contimg's own headers stand in quotes")
    if is_own and target_of(name) is None:
        faults.add(path, f"includes {name}, which is no header")
    elif is_own or (match[2] and target_of(name)):
        check_own(path, module, name)
    else:
        if match[2] and name not in GENERATED:
            faults.add(path, f'includes "{name}": contimg\'s headers are named with their folder, others '
                       "stand in angle brackets")
        check_outside(path, module, name)


@cache
def named_by(path):
    """A file's headers of the tree, and the words of its text."""
    found = {tree.included_path(path, written) for written in tree.includes(path)} - {None}
    return found, set(re.findall(r"\w+", tree.normal(tree.read(path))))


def words_of_headers(path):
    """Words of a file's headers of the tree, theirs included."""
    seen, todo, words = set(), list(named_by(path)[0]), set()
    while todo:
        header = todo.pop()
        if header not in seen:
            seen.add(header)
            todo += named_by(header)[0]
            words |= named_by(header)[1]
    return words


def check_linked():
    """What an object file takes from another is named by a header that its source includes: so no form of
    declaration within the source goes unseen."""
    symbols = {module: tree.Symbols(module) for module in order}
    owners = {name for each in symbols.values() for names in each.defined.values() for name in names}
    for module in order:
        for member, names in sorted(symbols[module].linked.items()):
            path = f"src/{module}/{member}"
            taken = names & owners if (tree.ROOT / path).is_file() else set()
            for name in sorted(taken - words_of_headers(path) if taken else []):
                faults.add(path, f"declares {name} by itself, not by a header")


for path in tree.files(["src", "include"]):
    if Path(path).suffix not in KINDS:
        faults.add(path, "is no kind of file that the rules read: .c, .h or .def")
for path in tree.files(["src", "include"], {".c", ".h", ".def"}):
    module, text = tree.module_of(path) if not path.endswith("options.def") else "conf", tree.read(path)
    if module not in order:
        faults.add(path, f"module {module} is not in src/CMakeLists.txt")
        continue
    for written in tree.includes(path):
        check_include(path, module, written)
    # What another file has is declared by its header.
    for name in sorted(tree.c_declared(text)) if path.endswith(".c") else []:
        faults.add(path, f"declares {name} by itself, not by a header")
    # A header declares its own module's functions.
    for name in sorted(tree.c_declared(text)) if path.endswith(".h") else []:
        owner = re.match(r"ci_([a-z0-9]+)_", name)
        if owner and owner[1] in order and owner[1] != module:
            faults.add(path, f"declares {name}, which is module {owner[1]}'s")
    # The program's end has one place.
    if module != "par":
        for call in ENDS.findall(tree.TOKEN.sub(" ", tree.normal(text))):
            faults.add(path, f"calls {call} outside par")
check_linked()
faults.end()
