"""Each module includes only modules before it, and each outside library only its owner."""
import re
from fnmatch import fnmatch
from pathlib import Path

import tree

OWNERS = {  # outside header: the modules that may include it
    "mpi.h": "par fft", "fftw3*": "fft", "gsl/*": "num", "hdf5*.h": "h5", "H5*": "h5",
    "erfa.h": "sky", "fitsio.h": "fits", "wcslib/*": "fits", "cairo*": "draw",
    "sqlite3.h": "registry", "microhttpd.h": "serve", "openssl/*": "base", "cjson/*": "base",
    "cJSON.h": "base", "ini.h": "conf",
}
SEE_CONF = ("conf", "tile", "run", "cli")
INCLUDE = re.compile(r'^ *# *include *([<"])([^">]+)[">]', re.M)

faults = tree.Faults("includes")
order = tree.modules()


def target_of(name):
    """Module of an included name; None where it is the module's own or an outside header."""
    if name == "contimg/options.def":
        return "conf"
    if fnmatch(name, "contimg/*.h"):
        return Path(name).stem.split("_")[0]
    return name.split("/")[0] if fnmatch(name, "*/*.h") else None


def check_own(path, module, name):
    target = target_of(name)
    if target is None:
        return
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
    for pattern, owners in OWNERS.items():
        if not fnmatch(name, pattern):
            continue
        if path.startswith("include/"):
            faults.add(path, f"a public header includes <{name}>")
        elif module not in owners.split():
            faults.add(path, f"<{name}> belongs to {owners}")


for path in tree.files(["src", "include"], {".c", ".h"}):
    module, text = tree.module_of(path), tree.read(path)
    if module not in order:
        faults.add(path, f"module {module} is not in src/CMakeLists.txt")
        continue
    for mark, name in INCLUDE.findall(text):
        is_own = mark == '"' or fnmatch(name, "contimg/*") or name.split("/")[0] in order
        if is_own and mark == "<":
            faults.add(path, f"includes <{name}>: contimg's own headers stand in quotes")
        (check_own if is_own else check_outside)(path, module, name)
    # What another file has is declared by its header.
    for name in re.findall(r"^ *extern [^;{(]*\b(ci_\w+) *\(", text, re.M):
        faults.add(path, f"declares {name} by itself, not by a header")
    # The program's end has one place each.
    if path.startswith("src/") and module != "par":
        for call in re.findall(r"\b(exit|_exit|abort|MPI_Abort)\(", tree.c_code(text)):
            faults.add(path, f"calls {call} outside par")
faults.end()
