# ci-test: cost=21
"""Which antenna is which: by number together with name. The truth is pyuvdata's own application of
the gains (uvcalibrate), or its gains by construction."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
import h5py

RA, DEC = 150.0, 30.0
freqs = 1.4e9 + 1e6 * np.arange(2)
times = transit_jd(RA) + np.array([-0.5, 0.5]) * 60 / 86400
rng = np.random.default_rng(5)
gains = np.exp(2j * np.pi * rng.random((NUMBERS, 1, 1, 2)))
tel, enu = telescope(numbers=3 + 2 * np.arange(NUMBERS))
data = phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times)
raw = utils.uvcalibrate(data, table(tel, gains, freqs, times), inplace=False, undo=True)
raw.vis_units = "uncalib"
write(raw, "raw.uvh5")


def rename(path, names, numbers=None):
    with h5py.File(path, "r+") as f:
        del f["Header/antenna_names"]
        f["Header/antenna_names"] = np.array(names, "S")


def flux_with(cal, names_data, names_table, *words):
    write(raw, "raw.uvh5")
    cal.write_calh5("t.calh5", clobber=True, run_check=False)
    rename("raw.uvh5", names_data)
    rename("t.calh5", names_table)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit", *words)
    return value(RA, DEC) if result.returncode == 0 else result.stderr.splitlines()[-1]


plain = [f"ant{k:03d}" for k in range(NUMBERS)]
order = rng.permutation(NUMBERS)
elsewhere = telescope(numbers=(3 + 2 * np.arange(NUMBERS))[order])[0]
elsewhere.antenna_positions = tel.antenna_positions[order]
mixed = table(elsewhere, gains[order], freqs, times)
cal = table(tel, gains, freqs, times)
other = table(telescope(numbers=100 + np.arange(NUMBERS))[0], gains, freqs, times)
rolled = table(telescope(numbers=np.roll(3 + 2 * np.arange(NUMBERS), 1))[0], gains, freqs, times)
same = ["dish"] * NUMBERS
pairs = [f"st{k // 2}" for k in range(NUMBERS)]
long = ["a station with a name of more than a hundred characters " * 2 + f"{k}" for k in range(NUMBERS)]
permuted = lambda names: [names[k] for k in order]
for what, c, names_data, names_table, *words in (
        ("plain", cal, plain, plain),
        ("table in another order", mixed, plain, permuted(plain)),
        ("all alike", cal, same, same),
        ("all alike, another order", mixed, same, same),
        ("pairs alike, another order", mixed, pairs, permuted(pairs)),
        ("empty", mixed, [""] * NUMBERS, [""] * NUMBERS),
        ("empty in the table", mixed, plain, [""] * NUMBERS),
        ("alike to the 112th character", mixed, long, permuted(long)),
        ("other numbers, the same names", other, plain, plain),
        ("numbers of others, the names are right", rolled, plain, plain, "--cal-antennas", "name"),
        ("names of others, the numbers are right", cal, plain, permuted(plain), "--cal-antennas", "number"),
        ("renamed, the numbers are right", cal, plain, [f"pad{k}" for k in range(NUMBERS)], "--cal-antennas", "number")):
    flux = flux_with(c, names_data, names_table, *words)
    close(flux if isinstance(flux, float) else None, 1, 2e-3, what, flux)

# what names and numbers contradict, and what a table lacks, is said
shifted = [f"ant{k:03d}" for k in range(1, NUMBERS)] + ["ant000"]


def with_table(c, names_table, *words, **header):
    """The image with a table of these names, and these datasets in its header."""
    write(raw, "raw.uvh5")
    c.write_calh5("t.calh5", clobber=True, run_check=False)
    rename("raw.uvh5", plain)
    rename("t.calh5", names_table)
    with h5py.File("t.calh5", "r+") as f:
        for key, new in header.items():
            was = f["Header/" + key][()]
            del f["Header/" + key]
            f["Header/" + key] = new(was) if callable(new) else new
    return image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit", *words)


warned(with_table(cal, [""] * NUMBERS), "t.calh5", f"{NUMBERS} antennas", "another name", "matched by number")
warned(with_table(other, plain), "t.calh5", f"{NUMBERS} antennas", "another number", "matched by name")
refused(with_table(cal, shifted), "t.calh5", "antenna_names", f"{NUMBERS} of", "--cal-antennas name or number")
refused(with_table(rolled, plain), "t.calh5", "antenna_names", "--cal-antennas name or number")
refused(with_table(cal, [f"pad{k}" for k in range(NUMBERS)]), "t.calh5", "none of its", "pad0")
warned(with_table(cal, shifted, "--cal-antennas", "name"), "t.calh5", "antenna_positions", "stand elsewhere")

# a table of another place, or of antennas that have moved since
moved = lambda xyz: xyz + np.where(np.arange(NUMBERS)[:, None] == 3, 2.0, 0.0)
for what, header in (("moved by 3.5 m", {"antenna_positions": moved}), ("twice as far", {"antenna_positions": lambda xyz: 2 * xyz}),
                     ("of another latitude", {"latitude": -30.0}), ("higher", {"altitude": ALT + 5})):
    refused(with_table(cal, plain, **header), "t.calh5", "antenna_positions", "elsewhere", "--cal-antennas")
refused(with_table(cal, plain, antenna_positions=moved), "1 of the data's antennas stands", " 3.464 m")
warned(with_table(cal, plain, "--cal-antennas", "number", antenna_positions=moved), "antenna_positions", "3.464 m")
for what, places in (("not a number", lambda xyz: xyz * np.nan), ("0: unknown", lambda xyz: xyz * 0), ("0.4 m off", lambda xyz: xyz + 0.2)):
    result = with_table(cal, plain, antenna_positions=places)
    check(result.returncode == 0, "positions", what, result.stderr[-300:])
for key in ("latitude", "longitude", "altitude"):
    refused(with_table(cal, plain, **{key: lambda old: np.nan}), "t.calh5", f"Header/{key}: nan", "correct it")
refused(with_table(cal, plain, antenna_positions=lambda old: np.where(np.arange(len(old))[:, None] == 2, np.nan, old)),
        "t.calh5", "Header/antenna_positions: no numbers for 1 of", "correct them")
warned(with_table(cal, plain, telescope_name=np.bytes_("VLA")), "t.calh5", "telescope_name", "VLA")
refused(with_table(cal, plain, time_array=lambda jd: jd - 2400000.5), "t.calh5", "time_array", "MJD + 2400000.5")
write(raw, "raw.uvh5")
few = cal.select(antenna_nums=(3 + 2 * np.arange(NUMBERS))[:NUMBERS - 3], inplace=False, run_check=False)
few.write_calh5("t.calh5", clobber=True, run_check=False)
result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
warned(result, "t.calh5", f"no gains for 3 of the data's {NUMBERS} antennas", "flagged")
close(value(RA, DEC), 1, 2e-3, "table without three antennas")
one = cal.select(jones=[-5], inplace=False, run_check=False)
one.write_calh5("t.calh5", clobber=True, run_check=False)
result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit", "--stokes", "XX")
warned(result, "t.calh5", "no gains of the feed of YY")
close(value(RA, DEC), 1, 2e-3, "XX with gains of X")
write(raw.select(polarizations=[-6], inplace=False, run_check=False), "yy.uvh5")
refused(image("yy.uvh5", "--cal", "t.calh5", "--weights", "unit", "--stokes", "YY"), "t.calh5", "XX only", "YY")

# a number twice cannot tell antennas apart
for path, writer in (("raw.uvh5", lambda: write(raw, "raw.uvh5")),
                     ("t.calh5", lambda: cal.write_calh5("t.calh5", clobber=True, run_check=False))):
    write(raw, "raw.uvh5")
    cal.write_calh5("t.calh5", clobber=True, run_check=False)
    with h5py.File(path, "r+") as f:
        numbers = f["Header/antenna_numbers"][()]
        numbers[2] = numbers[4]
        f["Header/antenna_numbers"][...] = numbers
    refused(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), path, "antenna_numbers", "twice")

# texts of any length reach what is told of the file, whole
write(raw, "raw.uvh5")
with h5py.File("raw.uvh5", "r+") as f:
    for key in ("telescope_name", "instrument"):
        del f["Header/" + key]
        f["Header/" + key] = np.bytes_("T" * 300)
    key = list(f["Header/phase_center_catalog"])[0]
    del f[f"Header/phase_center_catalog/{key}/cat_name"]
    f[f"Header/phase_center_catalog/{key}/cat_name"] = np.bytes_("N" * 300)
import json

told = json.loads(run("inspect", "--json", "raw.uvh5").stdout)
told = told[0] if isinstance(told, list) else told
check(told["telescope"] == "T" * 300 and told["phase_centre"] == "N" * 300, "texts were cut")
shown = run("inspect", "raw.uvh5").stdout
check("N" * 300 in shown, "the text of inspect was cut")
refused(image("raw.uvh5", "--field", "x"), "N" * 300)
long_name = "s" * 200
with open("m.csv", "w") as f:
    f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n"
            f"{long_name}1,150,30,1,1.4e9,0\n{long_name}2,150.01,30,1e-6,1.4e9,0\n")
result = run("calibrate", "raw.uvh5", "--model", "m.csv", "--out", "c")
check("longer" not in result.stderr, "names of sources:", result.stderr[-300:])
finish()
