"""No function that is said to be local reaches MPI, and each that is said to be collective does.

Calls are followed through the sources and headers by name. Those of ON_ONE_PROCESS call collective
functions on a communicator of one: these call no MPI then."""
import re
import sys

import tree
from test_comments import ALL, SAYS, Comments

# Asks for what this process knows, or sets up; no message.
QUIET = re.compile(r"MPI_(Wtime|Comm_(rank|size|get_attr|set_errhandler)|Initialized|Finalized|Query_thread|"
                   r"Error_\w+|Get_(?!accumulate)\w+|Op_\w+|Type_\w+|Abort|[A-Z0-9_]+)")
ON_ONE_PROCESS = {"ci_tile_estimate"}  # calls collective functions on a communicator of one (ci_comm_self)
MACROS = {"CI_AGREE": "ci_par_agree", "CI_PAR_EQUAL": "ci_par_check_equal", "CI_PAR_EQUAL_TEXTS": "ci_par_check_texts"}
CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(|\b(ci_\w+)\b")


class Calls:
    """Which functions a function calls, by (file, name)."""

    def __init__(self):
        self.of, self.known, self.static = {}, {}, set()
        for path in tree.files(["src", "include"], {".c", ".h"}):
            text = tree.read(path)
            code = tree.c_code(text).splitlines()
            for name, body in re.findall(r"^ ?# ?define (\w+)(.*)$", tree.normal(text), re.M):
                if path.endswith(".c"):
                    self.static.add((path, name))
                words = {a or b for a, b in CALL.findall(body)} | set(re.findall(r"\bP?MPI_\w+", body))
                self.of.setdefault(name, {})[path] = {MACROS.get(word, word) for word in words}
            for name, first, last, _ in tree.c_functions(text):
                words = {a or b for a, b in CALL.findall(" ".join(code[first - 1:last]))}
                if re.search(r"\bstatic\b", " ".join(code[first - 1:last]).split("{")[0]):
                    self.static.add((path, name))
                self.of.setdefault(name, {})[path] = {MACROS.get(word, word) for word in words}

    def way(self, path, name):
        """From a function to MPI: names, last the MPI function; None where there is no way."""
        here = self.of.get(name, {})
        if path not in here:
            path = next((each for each in sorted(here) if (each, name) not in self.static or each.endswith(".h")), None)
        key = (path, name)
        if path is None or key in self.known:
            return self.known.get(key)
        self.known[key] = None
        calls = here[path]
        direct = sorted(word for word in calls if re.match("P?MPI_", word) and not QUIET.fullmatch(word.lstrip("P")))
        if direct:
            self.known[key] = [direct[0]]
        elif name not in ON_ONE_PROCESS:
            ways = ((word, self.way(path, word)) for word in sorted(calls) if word != name)
            self.known[key] = next(([word, *way] for word, way in ways if way), None)
        return self.known[key]


def check(faults, calls, header):
    text = tree.read(header)
    comments = Comments(text)
    of_all = set(ALL.findall(comments.leading[0][2] if comments.leading else ""))
    for name, first, last in tree.c_prototypes(text):
        if name.isupper():  # a macro that declares
            continue
        said = of_all | {word.lower() for word in SAYS.findall(comments.of(first, last))}
        if name not in calls.of:
            continue  # inline, or made by a macro
        way = calls.way(header if (header, name) in calls.static else None, name)
        if said == {"local"} and way:
            faults.add(header, f"{name} is said to be local and reaches {' -> '.join(way)}")
        if said == {"collective"} and not way:
            faults.add(header, f"{name} is said to be collective and reaches no function of MPI")


sys.setrecursionlimit(10000)
faults_local = tree.Faults("local")
calls_of_all = Calls()
for each in tree.files(["include/contimg", "src"], {".h"}):
    check(faults_local, calls_of_all, each)
faults_local.end()
