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


def flux_with(cal, names_data, names_table):
    write(raw, "raw.uvh5")
    cal.write_calh5("t.calh5", clobber=True, run_check=False)
    rename("raw.uvh5", names_data)
    rename("t.calh5", names_table)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
    return value(RA, DEC) if result.returncode == 0 else result.stderr.splitlines()[-1]


plain = [f"ant{k:03d}" for k in range(NUMBERS)]
order = rng.permutation(NUMBERS)
mixed = table(telescope(numbers=(3 + 2 * np.arange(NUMBERS))[order])[0], gains[order], freqs, times)
cal = table(tel, gains, freqs, times)
other = table(telescope(numbers=100 + np.arange(NUMBERS))[0], gains, freqs, times)
rolled = table(telescope(numbers=np.roll(3 + 2 * np.arange(NUMBERS), 1))[0], gains, freqs, times)
same = ["dish"] * NUMBERS
pairs = [f"st{k // 2}" for k in range(NUMBERS)]
long = ["a station with a name of more than a hundred characters " * 2 + f"{k}" for k in range(NUMBERS)]
permuted = lambda names: [names[k] for k in order]
for what, c, names_data, names_table in (
        ("plain", cal, plain, plain),
        ("table in another order", mixed, plain, permuted(plain)),
        ("all alike", cal, same, same),
        ("all alike, another order", mixed, same, same),
        ("pairs alike, another order", mixed, pairs, permuted(pairs)),
        ("empty", mixed, [""] * NUMBERS, [""] * NUMBERS),
        ("empty in the table", mixed, plain, [""] * NUMBERS),
        ("alike to the 112th character", mixed, long, permuted(long)),
        ("other numbers, the same names", other, plain, plain),
        ("numbers of others, the same names", rolled, plain, plain)):
    flux = flux_with(c, names_data, names_table)
    close(flux if isinstance(flux, float) else None, 1, 2e-3, what, flux)

# what names and numbers contradict, and what a table lacks, is said
shifted = [f"ant{k:03d}" for k in range(1, NUMBERS)] + ["ant000"]
for what, c, names_table, words in (
        ("names of others", cal, shifted, (f"{NUMBERS} antennas", "another number", "matched by name")),
        ("no names there", cal, [""] * NUMBERS, (f"{NUMBERS} antennas", "another name", "matched by number")),
        ("numbers of others", rolled, plain, ("another number", "matched by name"))):
    write(raw, "raw.uvh5")
    c.write_calh5("t.calh5", clobber=True, run_check=False)
    rename("raw.uvh5", plain)
    rename("t.calh5", names_table)
    warned(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "t.calh5", *words)
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
