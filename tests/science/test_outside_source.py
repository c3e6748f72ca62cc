# ci-test: timeout=600
"""A bright source just outside the image, at the edge of a beam through which it drifts: contimg finds it in a
coarse image, fits it with a flux that changes with time, and takes it out of the visibilities
(src/clean/outside_cycle.c). Left in, its sidelobes are several times the noise. The same bytes at 1 and 3 ranks.
`run` seeks it unasked where its --model has it, and nowhere else."""
import glob
import json
import os
import re
import subprocess

import numpy as np

from checks import check, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, truth_of

contimg = need_contimg()
try:
    import h5py
    from astropy.io import fits
    from scipy.special import j1
    from images import pixels_digest
except ImportError as error:
    skip(f"{error} in the test venv")

DEC, STATIONS = 33, ("1-9,12,14,16,18,20,24,26,28,30,32,34,36,38,40,42,44,46,49,51,68,71,75,80,84,88,92,96,99,100,101,102")
SMALL = ("--sub-bands", "4,9", "--channels", 4, "--integrations", 8, "--samples", 288, "--dec", DEC)

folder, _ = simulate("--stations", 8, *SMALL[:4], "--dec", DEC, "--calibrator", 1)
centre = truth_of(folder)["sources"][0]
cos = np.cos(np.radians(centre["dec_deg"]))
places = {"outside": (centre["ra_deg"] + 2.17 / cos, centre["dec_deg"], 40), "inside": (centre["ra_deg"] - 0.6 / cos, centre["dec_deg"] + 0.4, 0.3)}
catalogue = os.path.join(scratch("outside"), "two.csv")
with open(catalogue, "w") as f:
    f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
    for name, (ra, dec, flux) in places.items():
        f.write(f"{name},{ra % 360:.9f},{dec:.9f},{flux},1.4e9,-0.7\n")
folder, _ = simulate("--stations", STATIONS, *SMALL, "--sources", catalogue)

hashes = set()
for ranks in (1, 3):
    prefix = os.path.join(scratch("outside"), "x.")
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "image", *files_of(folder), "--out", prefix,
               "--calibrated", "--weights", "sigma", "--outside"]
    result = subprocess.run(command, capture_output=True, text=True)
    check(result.returncode == 0, f"{' '.join(command)}: {result.stderr}")
    hashes.add(pixels_digest(prefix, ("image", "residual", "model")))
check(len(hashes) == 1, f"bytes differ between rank counts: {hashes}")

header = fits.getheader(prefix + "image.fits")
ratio = header["RMS"] / header["THERMAL"]
found = re.findall(r"source outside the image at ([0-9.]+) ([-+][0-9.]+), ", result.stderr)
print(f"rms {ratio:.3f} x thermal, {header['NOUTSIDE']} outside, found at {found}, model {header['MODELJY']:.4f} Jy")
check(header["NOUTSIDE"] == 1 and header["DIVERGED"] == 0, header["NOUTSIDE"])
check(ratio < 1.1, ratio)
ra, dec, _ = places["outside"]
off = [np.hypot((float(r) - ra % 360) * cos, float(d) - dec) * 3600 for r, d in found]
check(min(off) < 30, off)  # a third of the coarse beam
power = fits.getdata(prefix + "pb.fits").squeeze().max()
check(0 < header["MODELJY"] < 0.3 * power, header["MODELJY"])  # nothing of it is in the model


def run(name, model, *options, ranks=2):
    """Noise over thermal of the tile that `run` makes, and the sources outside that it found."""
    place = scratch(name)
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key in ("STATE", "OUTPUT", "PRODUCTS"):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(place, key)
        os.makedirs(env[f"CONTIMG_{key}_DIR"])
    env.update(CONTIMG_EXPECTED_SUBBANDS="2", CONTIMG_MIN_SUBBANDS="2")
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "run", *files_of(folder), "--model", model,
               "--cal", tables, "--weights", "sigma", "--no-publish", "--qa-img-max-noise-ratio", "100", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    check(done.returncode == 0, f"{' '.join(command)}: {done.stderr}")
    with open(glob.glob(f"{place}/OUTPUT/tiles/*/tile.json")[0]) as f:
        image = json.load(f)["image"]
    at = glob.glob(f"{place}/OUTPUT/tiles/*/image.fits")[0][:-len("image.fits")]
    return image["rms_jy"] / image["thermal_jy"], image["outside"], pixels_digest(at, ("image", "residual"))


tables = os.path.join(scratch("tables"), "t")
done = subprocess.run([contimg, "calibrate", *files_of(folder), "--model", catalogue, "--out", tables], capture_output=True, text=True)
check(done.returncode == 0, done.stderr)
other = os.path.join(scratch("outside"), "other.csv")
with open(catalogue) as f, open(other, "w") as g:
    # The same, but for the bright one 0.5 degrees farther north.
    g.write("".join(line.replace(f"{dec:.9f},40", f"{dec + 0.5:.9f},40") for line in f))
ratio, outside, digest = run("known", catalogue)
print(f"known: {ratio:.3f} x thermal, {len(outside)} outside")
check(ratio < 1.1 and len(outside) == 1, ratio, outside)
seen = [s["flux_jy"] / (40 * s["beam"] * (header["RESTFRQ"] / 1.4e9) ** -0.7) for s in outside]
check(len(seen) == 1 and abs(seen[0] - 1) < 0.1, "flux seen through the beam over the truth's:", seen)
check(run("three", catalogue, ranks=3)[2] == digest, "bytes differ between 2 and 3 ranks")
for name, model, options in (("unasked", catalogue, ["--no-outside"]), ("elsewhere", other, [])):
    ratio, outside, _ = run(name, model, *options)
    print(f"{name}: {ratio:.3f} x thermal, {len(outside)} outside")
    check(ratio > 2 and len(outside) == 0, name, ratio, outside)

# Beside a bright source, one outside is found when that is cleaned, with its flux as it is; a constant one on the
# image's last pixels is neither taken for one outside nor for one that varies.
CELL, SIZE = 8, 960
edge = (SIZE / 2 - 1) * CELL / 3600
for name, where in (("beside", [(0.1, 0.1, 8), (1.5, 0.1, 2)]), ("edge", [(edge, 0.1, 12.7), (0.3, 0.4, 0.3)])):
    sky, prefix = os.path.join(scratch("outside"), "sky.csv"), os.path.join(scratch("outside"), "x.")
    with open(sky, "w") as f:
        f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
        for i, (east, north, flux) in enumerate(where):
            ra, dec = header["CRVAL1"] + east / cos, header["CRVAL2"] + north
            f.write(f"s{i},{ra % 360:.9f},{dec:.9f},{flux},1.4e9,-0.7\n")
    folder, _ = simulate("--stations", STATIONS, *SMALL, "--sources", sky)
    command = [contimg, "image", *files_of(folder), "--out", prefix, "--calibrated", "--weights", "sigma", "--outside",
               "--size", str(SIZE), "--cell-arcsec", str(CELL)]
    result = subprocess.run(command, capture_output=True, text=True)
    check(result.returncode == 0 and "not constant" not in result.stderr, name, result.stderr)
    one = fits.getheader(prefix + "image.fits")
    print(f"{name}: {one['RMS'] / one['THERMAL']:.3f} x thermal, {one['NOUTSIDE']} outside, model {one['MODELJY']:.3f} Jy")
    check(one["RMS"] < 1.1 * one["THERMAL"] and one["NOUTSIDE"] == (name == "beside"), name, one["NOUTSIDE"])
    if name == "edge":
        check(one["MODELJY"] > 12.7 * np.nanmin(fits.getdata(prefix + "pb.fits")), one["MODELJY"])
        continue
    with h5py.File(prefix + "clean.h5") as f:
        # l, m, flux as the beam goes, its slope, flux besides, ...
        at = f["outside"][()][0]
    x = np.pi * 4.65 * np.hypot(*at[:2]) * one["RESTFRQ"] / 299792458.0
    power = (2 * j1(x) / x) ** 2
    seen = (at[2] + at[4]) / (2 * power * (one["RESTFRQ"] / 1.4e9) ** -0.7)
    print(f"outside: {seen:.3f} of its flux")
    check(abs(seen - 1) < 0.1, "flux over the truth's", seen)
