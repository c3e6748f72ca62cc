"""docs/inputs.md names every header entry that pyuvdata's definitions of UVH5 and CalH5 know, and what
it calls used is read by the reader's source; it names no other."""
import inspect
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
source = os.environ.get("CONTIMG_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
source = os.path.abspath(source)
from header_support import *
from pyuvdata.uvcal.calh5 import FastCalH5Meta
from pyuvdata.uvdata.uvh5 import FastUVH5Meta


def names_of(kind, meta):
    names = {getattr(thing, p).name for thing in (kind(), Telescope()) for p in thing}
    for level in meta.__mro__:
        for group in ("_string_attrs", "_int_attrs", "_float_attrs", "_bool_attrs", "_defaults"):
            names |= set(getattr(level, group, ()))
    return names


def written(path):
    import h5py
    with h5py.File(path, "r") as f:
        names = set(f["Header"]) | set(f["Data"])
        for entry in f.get("Header/phase_center_catalog", {}).values():
            names |= set(entry)
    return names


text = open(os.path.join(source, "docs/inputs.md")).read()
parts = {title: part for title, part in re.findall(r"^## (UVH5|CalH5)[^\n]*\n(.*?)(?=^## |\Z)", text,
                                                   re.S | re.M)}
tel, enu = telescope()
tel.antenna_diameters = np.full(NUMBERS, 5.0)
times = transit_jd(150.0) + np.array([0, 1]) * 60 / 86400
freqs = 1.4e9 + 1e6 * np.arange(2)
write(phased([(150.0, 30.0, 1.0)], (150.0, 30.0), tel, enu, freqs, times), "a.uvh5")
table(tel, 1, freqs, times).write_calh5("a.calh5", clobber=True, run_check=False)
wanted = {"UVH5": names_of(UVData, FastUVH5Meta) | written("a.uvh5"),
          "CalH5": names_of(UVCal, FastCalH5Meta) | written("a.calh5")}
entry = inspect.signature(UVData()._add_phase_center).parameters
wanted["UVH5"] |= {name for name in entry if name != "force_update"}

memo = set(open(os.path.join(source, "tests/support/uvh5_names.txt")).read().split())
for kind, folder_name in (("UVH5", "uvh5"), ("CalH5", "cal")):
    check(len(wanted[kind]) > 40, kind, "has few names:", len(wanted[kind]))
    listed = set(re.findall(r"`([A-Za-z_0-9]+)`", parts[kind]))
    for name in sorted(wanted[kind] - listed):
        check(False, kind, name, "is neither used nor listed in docs/inputs.md")
    where = os.path.join(source, "src", folder_name)
    code = "".join(open(os.path.join(where, f)).read() for f in sorted(os.listdir(where))
                   if f.endswith(".c") and "write" not in f)
    first = " ".join(row.split("|")[1] for row in re.findall(r"^\| `.*", parts[kind], re.M))
    for name in sorted(set(re.findall(r"`([A-Za-z_0-9]+)`", first)) - wanted[kind] - memo):
        check(re.search(rf"\b{name}\b", code), kind, name, "stands in docs/inputs.md, and neither pyuvdata nor the reader knows it")
    for row in re.findall(r"^\| (`.*?)\n", parts[kind], re.M):
        names, use, test = [cell.strip() for cell in row.strip().strip("|").split("|")][:3]
        if not re.match(r"used|compared|told|kept", use):
            continue
        for name in re.findall(r"`([A-Za-z_0-9]+)`", re.sub(r"\([^)]*\)", "", names)):
            if name in ("cat_id",) or re.search(rf"\b{name}\b", code):
                continue
            if name not in ("ref_antenna_array", "diffuse_model", "baseline_range", "observer"):
                check(False, kind, name, "is said to be used, but the reader does not name it")
        for name in re.findall(r"(?:unit/)?test_\w+", test):
            tests = [f"tests/science/{name}.py", f"tests/{name}.c"]
            check(any(os.path.exists(os.path.join(source, t)) for t in tests), "no such test:", name)
finish()
