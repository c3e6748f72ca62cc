"""Every refusal of the readers of files (UVH5, CalH5, FITS, CSV) says what to do: one of the words below, as an order or as
what is needed. Those that follow from no input of a user are listed."""
import glob
import os
import re
import sys

source = os.path.abspath(os.environ.get("CONTIMG_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
READERS = ("src/uvh5/*.c", "src/fits/*.c", "src/sky/*.c", "src/cal/calh5_*.c", "src/cal/receptors.c", "src/cal/apply.c", "src/vis/feeds.c")
ORDER = (r"(?:^|[:,;?] |or |and |\"|,)(?:correct|give|remove|convert|regrid|add|rephase|choose|wait|separate|free|did you mean|leave|subtract|"
         r"precess|copy|cut|install|select|say|close|split|transpose|rotate|name|use|edit|write|run|image)\b|\bmust\b|\bneeds?\b|\bis needed\b|are needed\b")
# Faults of the machine or of CFITSIO's own words; and what callers give, not files.
OTHERS = {"src/fits/fault.c": 5, "src/fits/wcs.c": 1, "src/fits/world_read.c": 2, "src/sky/frame.c": 1, "src/sky/model.c": 1,
          "src/uvh5/header.c": 1, "src/uvh5/set.c": 1, "src/uvh5/write.c": 1}


def calls(code):
    """The whole text of every call that refuses."""
    for match in re.finditer(r"\b(?:ci_error|ci_uvh5_refuse)\s*\(", code):
        depth, at, quoted = 1, match.end(), False
        while depth > 0:
            c = code[at]
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = not quoted
            elif not quoted:
                depth += (c == "(") - (c == ")")
            at += 1
        yield code[:match.start()].count("\n") + 1, code[match.start():at]


failures, n_call = [], 0
for pattern in READERS:
    for path in sorted(glob.glob(os.path.join(source, pattern))):
        name, without = os.path.relpath(path, source), []
        with open(path) as file:
            code = file.read()
        for line, call in calls(code):
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', call))
            if "CI_ERR_INTERNAL" in call or text == "":
                continue
            n_call += 1
            if not re.search(ORDER, text):
                without.append(f"{name}:{line}: says not what to do: {text}")
        if len(without) != OTHERS.get(name, 0):
            failures += without or [f"{name}: has fewer refusals without a remedy than this test lists"]
if n_call < 150:
    failures.append(f"only {n_call} refusals found: is this test's search still right?")
for failure in failures:
    print(failure)
sys.exit(bool(failures))
