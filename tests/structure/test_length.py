"""No file over 500 lines, no function over 60; lines of an initialised table do not count. A script is
told by its first line, a macro of C is a function."""
import re
from pathlib import Path

import tree

FILE_LINES, FUNCTION_LINES = 500, 60


def c_all(text):
    return [*tree.c_functions(text), *tree.c_macro_lengths(text)]


FUNCTIONS = {".c": c_all, ".h": c_all, ".def": c_all, ".py": tree.python_functions, ".sh": tree.shell_functions}


def functions_of(path, text):
    by_shebang = re.match(r"#!.*\b(?:(python)|(?:ba|da|z)?sh\b)", text)
    if by_shebang:
        return (tree.python_functions if by_shebang[1] else tree.shell_functions)(text)
    return FUNCTIONS.get(Path(path).suffix, lambda _: [])(text)


faults = tree.Faults("length")
for path in tree.files(["src", "include", "tests", "tools", "bench", "slurm", ".ci"],
                       {*FUNCTIONS, "", ".cmake", ".sbatch", ".txt"}):
    text = tree.read(path)
    if path.endswith(".txt") and Path(path).name != "CMakeLists.txt":
        continue
    n_line = text.count("\n") + (text[-1:] not in ("", "\n"))
    if n_line > FILE_LINES:
        faults.add(path, f"{n_line} lines, more than {FILE_LINES}")
    for name, first, last, of_tables in functions_of(path, text):
        if (n := last - first + 1 - of_tables) > FUNCTION_LINES:
            faults.add(path, f"line {first}: {name} has {n} lines, more than {FUNCTION_LINES}")
faults.end()
