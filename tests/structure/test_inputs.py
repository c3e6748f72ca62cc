"""docs/inputs.md lists every FITS card and CSV column that the source reads, and the tests it names exist."""
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


document = text_of("docs/inputs.md")
parts = dict(re.findall(r"^## (FITS|CSV)[^\n]*\n(.*?)(?=^## |\Z)", document, re.S | re.M))
check("card", cards(), 40, parts["FITS"])
check("column", columns(), 30, parts["CSV"])
for line in failures:
    print(line)
sys.exit(bool(failures))
