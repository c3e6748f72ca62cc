"""No file over 500 lines, no function over 60; lines of an initialised table do not count."""
from pathlib import Path

import tree

FILE_LINES, FUNCTION_LINES = 500, 60
FUNCTIONS = {".c": tree.c_functions, ".h": tree.c_functions, ".py": tree.python_functions,
             ".sh": tree.shell_functions}

faults = tree.Faults("length")
for path in tree.files(["src", "include", "tests", "tools", "bench", "slurm"],
                       {*FUNCTIONS, "", ".def", ".cmake", ".sbatch"}):
    text = tree.read(path)
    n_line = text.count("\n")
    if n_line > FILE_LINES:
        faults.add(path, f"{n_line} lines, more than {FILE_LINES}")
    for name, first, last, of_tables in FUNCTIONS.get(Path(path).suffix, lambda _: [])(text):
        if (n := last - first + 1 - of_tables) > FUNCTION_LINES:
            faults.add(path, f"line {first}: {name} has {n} lines, more than {FUNCTION_LINES}")
faults.end()
