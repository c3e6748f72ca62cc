"""Each exported symbol begins with ci_<module>_, or with a family of base or par; inline functions,
macros and enum constants of public headers too. src/cli/main.c, which is in no library, defines main alone."""
import re

import tree

faults = tree.Faults("prefix")

# The option table's row, and what base and par give to all: constants, attributes, status checks.
BARE_MACROS = set("""CI_OPTION CI_PRINTF CI_MUST_CHECK CI_PI CI_TWO_PI CI_C_M_S CI_DEG_TO_RAD
    CI_RAD_TO_DEG CI_ARCSEC_TO_RAD CI_RAD_TO_ARCSEC CI_DAY_S CI_MJD_UNIX_EPOCH CI_TRY CI_AGREE
    ci_plural""".split())
# Statuses, which every module returns.
BARE_CONSTANTS = re.compile(r"CI_OK|CI_ERR_[A-Z_]+")
WHOLE = {"ci_error", "ci_log", "ci_version"}  # families that are a function's name too


def is_guard(name, header):
    return name == re.sub(r"\W", "_", header.replace("include/", "")).upper()


def check(module, subject, names):
    prefixes = tuple(f"ci_{family}_" for family in tree.FAMILIES.get(module, [module]))
    for name in sorted(names):
        if not name.startswith(prefixes) and not (module == "base" and name in WHOLE):
            faults.add(subject, f"{name} does not begin with {prefixes[0]}"
                       + ("" if len(prefixes) == 1 else " or another family's prefix"))


for each in tree.modules():
    symbols = tree.Symbols(each)
    if not symbols.defined and tree.files([f"src/{each}"], {".c"}):
        faults.add(f"src/{each}/", f"no object files in {tree.BUILD}: build first")
    for member, defined in sorted(symbols.defined.items()):
        check(each, f"src/{each}/{member}", defined)
for header in tree.files(["include/contimg"], {".h"}):
    check(tree.module_of(header), header,
          {name for name, _, _, _ in tree.c_functions(tree.read(header))})
    macros = {name for name in tree.c_macros(tree.read(header)) if not is_guard(name, header)}
    constants = tree.c_enum_constants(tree.read(header))
    if header == "include/contimg/base.h":
        constants = {name for name in constants if not BARE_CONSTANTS.fullmatch(name)}
    check(tree.module_of(header), header, {name.lower() for name in (macros - BARE_MACROS) | constants})
for path in tree.files(["src/cli"], {".c"}):
    if not path.endswith("/main.c"):
        continue
    lines = tree.read(path).splitlines()
    for name, first, last, _ in tree.c_functions(tree.read(path)):
        if name != "main" and not re.search(r"\bstatic\b", " ".join(lines[first - 1:last])):
            faults.add(path, f"exports {name}: the program's file defines main alone")
    for name in sorted(tree.c_variables(tree.read(path))):
        faults.add(path, f"exports {name}: the program's file defines main alone")
faults.end()
