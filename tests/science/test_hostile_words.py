"""Words that a header chooses among: whatever stands there is used or refused, in lines that a log can hold. ci-test: timeout=600 cost=60

Every text of UVH5, CalH5 and FITS that is one of a few words, against empty, long, forged, cut and broken ones. Names, which
may be anything, are those of test_hostile_names. A word is in force only where it stands whole."""
import json
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402

HOSTILE = {
    "empty": b"", "blanks": b"     ", "long": b"w" * 10240, "markup": b"<script>alert('x')</script>&amp;", "quotes": b"a'b\"c`d$(id)",
    "lines": b"first\nERROR forged line\r\n\tend", "not UTF-8": b"\xff\xfe\xc3(\x80", "option": b"--help", "format": b"%s%n%1000d%p",
    "escapes": b"\x1b[31m\x07\x7f",
}
NONE = ("empty", "blanks")  # as if it were not there
SOME = ("blanks", "markup", "quotes", "option", "format", "escapes")  # at a third of the places, which takes a third of the time
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) |contimg: ")
IMAGE = ("--size", "64", "--cell-arcsec", "20", "--niter", "0", "--out", "o")
# Dataset, a word of it that is in force, what unknown words do: refused, or warned of.
UVH5 = {
    "vis_units": (b"Jy", "warned"), "timesys": (b"UTC", "refused"), "pol_convention": (b"avg", "refused"), "telescope_frame": (b"itrs", "refused"),
    "x_orientation": (b"east", "refused"), "mount_type": (b"fixed", "refused"), "feed_array": (b"x", "refused"),
    "phase_center_catalog/1/cat_type": (b"sidereal", "refused"), "phase_center_catalog/1/cat_frame": (b"icrs", "refused"),
    "blt_order": (b"time, baseline", "used"), "eq_coeffs_convention": (b"divide", "used"), "phase_center_catalog/1/info_source": (b"user", "used"),
    "version": (b"1.2", "used"),
}
OLD = {"phase_type": (b"phased", "used"), "phase_center_frame": (b"icrs", "refused")}  # of files before 1.1
CALH5 = {
    "cal_type": (b"gain", "refused"), "gain_convention": (b"divide", "refused"), "gain_scale": (b"Jy", "refused"), "pol_convention": (b"avg", "refused"),
    "x_orientation": (b"east", "refused"), "feed_array": (b"x", "refused"), "cal_style": (b"sky", "used"), "telescope_frame": (b"itrs", "used"),
    "mount_type": (b"fixed", "used"), "ref_antenna_name": (b"ant000", "used"),
}
NEEDED = {"cal_type", "gain_convention", "phase_center_catalog/1/cat_type"}  # not there is no word
FITS = {
    "CTYPE1": ("RA---SIN", "refused"), "CTYPE3": ("FREQ", "refused"), "CUNIT1": ("deg", "refused"), "CUNIT3": ("Hz", "refused"),
    "BUNIT": ("Jy/beam", "refused"), "RADESYS": ("ICRS", "refused"), "TIMESYS": ("UTC", "refused"), "SPECSYS": ("TOPOCENT", "refused"),
    "DATE-OBS": ("2026-01-25T00:00:00", "warned"),
}
FITS_NEEDED = {"CTYPE1", "BUNIT"}


def lines_check(what, result):
    """One line for each message, of printable characters."""
    bad = [c for c in result.stdout.replace("\t", " ") + result.stderr if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
    odd = [line for line in result.stderr.splitlines() if not LINE.match(line)]
    check(f"{what}: lines", not bad and not odd and max(map(len, result.stderr.splitlines() or [""])) < 2000, f"{bad[:3]} {odd[:1]}")


def judge(what, result, fate, dataset):
    own = [line for line in result.stderr.splitlines() if line.startswith("contimg: ")]
    lines_check(what, result)
    if fate == "refused":
        check(what, result.returncode == 3 and len(own) == 1 and dataset in own[0], f"{result.returncode} {str(own)[:200]}")
    else:
        said = [line for line in result.stderr.splitlines() if "WARNING" in line and dataset in line]
        check(what, result.returncode == 0 and (fate == "used" or said), f"{result.returncode} {str(own)[:200]}")


def text_put(path, dataset, word, variable=False):
    """The first of several; as long as it needs."""
    with h5py.File(path, "r+") as file:
        at = f"Header/{dataset}"
        old = file[at][()] if at in file else None
        if at in file:
            del file[at]
        if isinstance(old, np.ndarray) and old.size > 1:
            new = np.full(old.shape, b"", f"S{max(len(word), 20)}")
            new[...] = [b if isinstance(b, bytes) else b.encode() for b in old.flat] if old.ndim == 1 else old
            new.flat[0] = word
            file[at] = new
        elif variable:
            file.create_dataset(at, data=word, dtype=h5py.string_dtype("ascii"))
        else:
            file.create_dataset(at, data=np.array(word, f"S{max(len(word), 1)}"))


def fate_of(dataset, case, fate, needed):
    return ("refused" if dataset in needed else "used") if case in NONE else fate


def hdf5(folder, title, good, table, command):
    path = os.path.join(folder, "w.h5")
    for dataset, (right, fate) in table.items():
        last = "frame" if "frame" in dataset and dataset != "telescope_frame" else dataset.split("/")[-1]
        words = {**HOSTILE, "cut": right + b" " * 80 + b"not", "behind a NUL": right + b"\0more", "right": right, "padded": right + b" " * 50}
        for i, (case, word) in enumerate(words.items()):
            if case in NONE and dataset == "feed_array":
                continue  # an antenna of fewer feeds: test_header_feeds
            if case in SOME and (i + len(dataset)) % 3:
                continue
            shutil.copy(good, path)
            text_put(path, dataset, word, variable=i % 2 == 1 and b"\0" not in word)
            due = "used" if case in ("right", "padded", "behind a NUL") else fate_of(dataset, case, fate, NEEDED)
            judge(f"{title} {dataset} {case}", run(folder, *command), due, last)
            if case in ("lines", "not UTF-8"):
                result = run(folder, "inspect", "w.h5", "--json")
                lines_check(f"{title} {dataset} {case}: inspect", result)
                check(f"{title} {dataset} {case}: inspect", result.returncode in (0, 3) and (result.returncode or json.loads(result.stdout)), "")


def card_patch(path, key, word):
    """Bytes that no FITS library writes, where the value of a card stands."""
    with open(path, "r+b") as file:
        head = file.read(2880 * 4)
        at = next(i for i in range(0, len(head), 80) if head[i:i + 8].rstrip() == key.encode())
        file.seek(at + 8)
        file.write((b"= '" + word[:60].replace(b"'", b"''") + b"'").ljust(72))


def images(folder):
    for key, (right, fate) in FITS.items():
        words = {**HOSTILE, "right": right.encode(), "padded": right.encode() + b" " * 30, "cut": right.encode() + b" " * 30 + b"not"}
        for i, (case, word) in enumerate(words.items()):
            if case in SOME and (i + len(key)) % 3:
                continue
            header = header_of(10.0, 30.0)
            tile(folder, "t", header, [(10.0, 30.0, 1.0)], cards={key.replace("-", "__"): right})
            card_patch(os.path.join(folder, "t.image.fits"), key, word)
            due = "used" if case in ("right", "padded") else fate_of(key, case, fate, FITS_NEEDED)
            if case in ("lines", "not UTF-8", "escapes"):
                due = "refused"  # characters that FITS does not know
            judge(f"FITS {key} {case}", mosaic(folder, "t"), due, key)


def old_form(path):
    """The same data with a header of before 1.1."""
    with h5py.File(path, "r+") as file:
        h = file["Header"]
        for key in ("phase_center_catalog", "phase_center_id_array", "Nphase", "phase_center_frame_pa", "phase_center_app_ra", "phase_center_app_dec"):
            if key in h:
                del h[key]
        h["version"][...] = np.array(b"1.0", h["version"].dtype)
        h["phase_type"], h["phase_center_frame"] = np.bytes_("phased"), np.bytes_("icrs")
        h["phase_center_ra"], h["phase_center_dec"], h["phase_center_epoch"] = np.deg2rad(150.0), np.deg2rad(30.0), 2000.0


with tempfile.TemporaryDirectory() as at:
    data = os.path.join(at, "good.uvh5")
    sim.make([(150.0, 30.0, 5.0)], sigma=0.05, step_s=10.0, n_time=2).write_uvh5(data)
    with open(os.path.join(at, "m.csv"), "w") as made:
        made.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\na,150,30,5,1.4e9,0\n")
    image = ("image", "w.h5", "--calibrated", *IMAGE)
    hdf5(at, "UVH5", data, UVH5, image)
    before = os.path.join(at, "old.uvh5")
    shutil.copy(data, before)
    old_form(before)
    hdf5(at, "UVH5 of old", before, OLD, image)
    solved = run(at, "calibrate", "good.uvh5", "--model", "m.csv", "--out", "c")
    check("calibrate", solved.returncode == 0, own_line(solved))
    hdf5(at, "CalH5", os.path.join(at, "c.gain.calh5"), CALH5, ("image", "good.uvh5", "--cal", "w.h5", *IMAGE))
    images(at)
end()
