# ci-test: timeout=300
"""A bright source just outside the image, at the edge of a beam through which it drifts: contimg finds it in a
coarse image, fits it with a flux that changes with time, and takes it out of the visibilities
(src/clean/outside_cycle.c). Left in, its sidelobes are several times the noise. The same bytes at 1 and 3 ranks."""
import os
import re
import subprocess

import numpy as np

from checks import check, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, truth_of

contimg = need_contimg()
try:
    from astropy.io import fits
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
