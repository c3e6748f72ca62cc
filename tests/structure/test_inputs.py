"""docs/inputs.md lists every FITS card and CSV column that the source reads and every dataset that the UVH5 memo
defines, and no other: a row's names are known to the reader, the memo or the FITS standard. What it calls used is in
the reader, and in the text of a test that the row names, which exists; what it calls left out, the reader does not use."""
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
COMPARED = r"strn?(?:case)?cmp\((?:\w+->)?(?:key|next|name), \"([A-Z][A-Z0-9_-]+)\""
LISTS = r"const char \*const (\w+)(?:\[\w*\])+ = \{(.*?)\};"
# Lists of module fits that hold no names of cards but what a card may say.
VALUES = {"types", "other", "same", "want", "near"}
# Of cards that change no number: told of where nothing else says the time. Names that no other code may write (fault.c)
# are known, not used; its list of what differs between equal files is of contimg's own.
LEFT_OUT = {"others"}
OWN = {"ci_fits_volatile"}
# Used by CFITSIO and WCSLIB, which read them without this program's naming them.
LIBRARY = {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "BSCALE", "BZERO", "BLANK", "CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT", "WCSAXES",
           "LONPOLE", "LATPOLE", "RADESYS", "EQUINOX", "SPECSYS", "CHECKSUM", "DATASUM"}
COLUMNS = r"static const char \*const (?:\w*names|columns)\[\w*\] = \{(.*?)\}"


def cards():
    """Names of cards that a reader knows, and of them those that it uses."""
    found, used = set(), set()
    for path in files_below("src"):
        code = text_of(path)
        used |= set(re.findall(READS, code))
        if path.startswith("src/fits/") and "write" not in path:
            used |= set(re.findall(COMPARED, code))
            for name, inside in re.findall(LISTS, code, re.S):
                here = {text for text in re.findall(r'"([^"]*)"', inside) if text}
                is_use = name not in LEFT_OUT and not path.endswith("fault.c")
                found |= here if name not in OWN | VALUES else set()
                used |= here if is_use and name not in VALUES else set()
    return found | used, used | LIBRARY


def columns():
    found = set()
    for path in files_below("src/sky"):
        for inside in re.findall(COLUMNS, text_of(path), re.S):
            found |= set(re.findall(r'"([^"]*)"', inside))
    return found, found - {"kind"}  # of the earth orientation, for a reader's eye


def check(kind, both, fewest, part):
    names, used = both
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) ?\|$", part, re.M)
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    if len(names) < fewest:
        failures.append(f"only {len(names)} {kind} found in the source: is this test's search still right?")
    for name in sorted(names):
        if name not in listed and name.rstrip("0123456789") not in listed:
            failures.append(f"{kind} {name} is read, and not listed in docs/inputs.md")
    said = {name: row[1] for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    for name in sorted(used):
        if re.match("left out", said.get(name, said.get(name.rstrip("0123456789"), ""))):
            failures.append(f"{kind} {name} is used, and docs/inputs.md says that it is left out")
    for name in sorted(listed - known(kind)):
        failures.append(f"{kind} {name} stands in docs/inputs.md, and no reader knows it")


# Of the standard, read by CFITSIO or met under other names.
STANDARD = {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "END", "BSCALE", "BZERO", "BLANK", "HIERARCH", "COMMENT"}


def known(kind):
    """Names that are a text of the reader's source."""
    code = "".join(text_of(path) for path in files_below("src") if kind == "card" or path.startswith("src/sky"))
    return set(re.findall(r'"(\w[\w-]*)"', code)) | (STANDARD if kind == "card" else set())


def test_text(name):
    """The text of a test that docs/inputs.md names; those without a folder are in science."""
    for path in (f"tests/{name if '/' in name else 'science/' + name}{ending}" for ending in (".py", ".c", ".sh")):
        if os.path.exists(os.path.join(source, path)):
            return text_of(path)
    failures.append(f"docs/inputs.md names a test that is not there: {name}")
    return ""


def check_tests(whole):
    """The tests of every row: there, and about one of its names."""
    for name in re.findall(r"\((?:\w+/)?(test_\w+)\)", whole):
        test_text(name)
    for names, what, test in re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) ?\|$", whole, re.M):
        text = "".join(test_text(name) for name in re.findall(r"(?:\w+/)?test_\w+", test))
        listed = re.findall(r"`([^`]+)`", names)
        # A CSV column follows from the table that a test reads.
        is_header = whole.find(f"| {names} |") < whole.index("## CSV")
        if is_header and re.match("used|compared", what) and not any(re.search(rf"\b{re.escape(name)}", text) for name in listed):
            failures.append(f"docs/inputs.md: {names} is said to be used: its test, {test or 'none'}, does not name it")


# Names of pyuvdata's objects, which test_header_names compares with its definitions.
PYUVDATA = {"location", "name", "telescope", "filename", "Nants", "baseline_array", "scan_number_array", "data_array", "flag_array", "nsample_array"}


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
    for name in sorted(set(use) - set(names)):
        if not re.search(rf"\b{name}\b", code) and name not in PYUVDATA:
            failures.append(f"{name} stands in docs/inputs.md, and neither the memo nor the reader knows it")
    for name in names:
        if name not in use:
            failures.append(f"{name} of the UVH5 memo is neither used nor listed in docs/inputs.md")
        elif not re.match(r"used|compared|told|kept|left out|not written", use[name]):
            failures.append(f"{name}: docs/inputs.md does not say what is done with it: {use[name]}")
        elif not re.match(r"left out|not written", use[name]) and not re.search(rf"\b{name}\b", code):
            failures.append(f"{name} is said to be used, and the reader does not name it")


def check_datasets(title, part, folder):
    """Each dataset of the header that the reader names stands in a row, which does not say that it is left out."""
    use = {}
    for names, what in re.findall(r"^\| (`.*?) \| (.*?) \|", part, re.M):
        use.update({name: what for name in re.findall(r"`([^`]+)`", names)})
    code = "".join(text_of(path) for path in files_below(folder) if "write" not in os.path.basename(path))
    read = set(re.findall(r'"Header/(?:extra_keywords/)?(\w+)"', code))
    read = {name for name in read if not name.startswith("contimg_")}
    if len(read) < 20:
        failures.append(f"only {len(read)} datasets of {title} found in the source: is this test's search still right?")
    for name in sorted(read):
        if not re.search(rf"\b{name}\b", part):
            failures.append(f"{name} of {title} is read, and not listed in docs/inputs.md")
    for name, what in sorted(use.items()):
        is_read = re.search(rf'"(?:[\w%]+/)*{name}"', code)
        if is_read and re.match("left out", what) and not re.match("left out, which is warned of", what):
            failures.append(f"{name} of {title} is read, and docs/inputs.md says that it is left out")


document = text_of("docs/inputs.md")
check_tests(document)
check_memo(re.search(r"^## UVH5[^\n]*\n(.*?)(?=^## )", document, re.S | re.M).group(1))
for of, folder in (("UVH5", "src/uvh5"), ("CalH5", "src/cal")):
    check_datasets(of, re.search(rf"^## {of}[^\n]*\n(.*?)(?=^## )", document, re.S | re.M).group(1), folder)
parts = dict(re.findall(r"^## (FITS|CSV)[^\n]*\n(.*?)(?=^## |\Z)", document, re.S | re.M))
check("card", cards(), 40, parts["FITS"])
check("column", columns(), 30, parts["CSV"])
for line in failures:
    print(line)
sys.exit(bool(failures))
