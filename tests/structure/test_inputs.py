"""docs/inputs.md lists every FITS card and CSV column that the source reads and every dataset that the UVH5 memo
defines; what it calls used is in the reader, and the tests it names exist."""
import os
import re
import sys

source = os.path.abspath(os.environ.get("CONTIMG_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
failures = []


def text_of(path):
    with open(os.path.join(source, path)) as f:
        return f.read()


def files_below(folder):
    for where, _, names in os.walk(os.path.join(source, folder)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(where, name), source)


READS = r"(?:ci_fits_(?:long_)?(?:text|number)_read|ci_fits_card_get|fits_read_key\w*)\s*\([^;\"]*\"([A-Z][A-Z0-9_-]*)\""
LISTS = r"static const char \*const (?:needed|off|whole|with_axis)\[\d*\] = \{(.*?)\}"
COLUMNS = r"static const char \*const (?:\w*names|columns)\[\w*\] = \{(.*?)\}"


def cards():
    found = set()
    for path in files_below("src"):
        code = text_of(path)
        found |= set(re.findall(READS, code))
        if path.startswith("src/fits/"):
            for inside in re.findall(LISTS, code, re.S):
                found |= {name for name in re.findall(r'"([^"]*)"', inside) if name}
    return found - {"RA---SIN", "DEC--SIN"}


def columns():
    found = set()
    for path in files_below("src/sky"):
        for inside in re.findall(COLUMNS, text_of(path), re.S):
            found |= set(re.findall(r'"([^"]*)"', inside))
    return found


def check(kind, names, fewest, part):
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) ?\|$", part, re.M)
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    if len(names) < fewest:
        failures.append(f"only {len(names)} {kind} found in the source: is this test's search still right?")
    for name in sorted(names):
        if name not in listed and name.rstrip("0123456789") not in listed:
            failures.append(f"{kind} {name} is read, and not listed in docs/inputs.md")
    for _, _, test in rows:
        for name in re.findall(r"\w+/test_\w+", test):
            if not any(os.path.exists(os.path.join(source, "tests", name + ending)) for ending in (".py", ".c", ".sh")):
                failures.append(f"docs/inputs.md names a test that is not there: {name}")


def memo_names():
    lines = text_of("tests/support/uvh5_names.txt").split("\n")
    return [line for line in lines if line and line[0] not in "#["]


def check_memo(part):
    """Each name of the memo stands in the first column, with what is done with it; what is used is in the reader's source."""
    use = {}
    for names, what in re.findall(r"^\| (`.*?) \| (.*?) \|", part, re.M):
        use.update({name: what for name in re.findall(r"`([^`]+)`", names)})
    for line in re.findall(r"^`/Data`.*?(?=\n\n|\Z)", part, re.M | re.S):
        use.update({name: "used" for name in re.findall(r"`(\w+)`", line.split(" are used")[0])})
    code = "".join(text_of(path) for path in files_below("src/uvh5") if "write" not in os.path.basename(path))
    names = memo_names()
    if len(names) < 75:
        failures.append(f"only {len(names)} names of the memo: is the list whole?")
    for name in names:
        if name not in use:
            failures.append(f"{name} of the UVH5 memo is neither used nor listed in docs/inputs.md")
        elif not re.match(r"used|compared|told|kept|left out|not written", use[name]):
            failures.append(f"{name}: docs/inputs.md does not say what is done with it: {use[name]}")
        elif not re.match(r"left out|not written", use[name]) and not re.search(rf"\b{name}\b", code):
            failures.append(f"{name} is said to be used, and the reader does not name it")


document = text_of("docs/inputs.md")
check_memo(re.search(r"^## UVH5[^\n]*\n(.*?)(?=^## )", document, re.S | re.M).group(1))
parts = dict(re.findall(r"^## (FITS|CSV)[^\n]*\n(.*?)(?=^## |\Z)", document, re.S | re.M))
check("card", cards(), 40, parts["FITS"])
check("column", columns(), 30, parts["CSV"])
for line in failures:
    print(line)
sys.exit(bool(failures))
