# ci-test: timeout=300 cost=25
"""A bright source that drifts through the beam's edge: contimg-sim evaluates the beam for each
integration and channel, and CLEAN must take that change out (src/clean/drift.c). Cleaned at
constant flux such a source leaves several per mille of its flux all over the image. The same
bytes at 1 to 4 ranks."""
import os
import subprocess

import numpy as np

from checks import check, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, truth_of

contimg = need_contimg()
try:
    from astropy.io import fits
    from astropy.wcs import WCS
    from images import pixels_digest
except ImportError as error:
    skip(f"{error} in the test venv")


def field_centre(dec):
    folder, _ = simulate("--stations", 8, "--sub-bands", 1, "--channels", 2, "--integrations", 3,
                         "--dec", dec, "--sefd", 0, "--calibrator", 1, "--beam", "none", "--smear", "off")
    one = truth_of(folder)["sources"][0]
    return one["ra_deg"], one["dec_deg"]


def image(files, ranks, beam):
    prefix = os.path.join(scratch("drift"), "x.")
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "image", *files, "--out", prefix,
               "--size", "600", "--cell-arcsec", "18", "--niter", "3000", "--calibrated", "--weights", "unit", "--beam", beam]
    result = subprocess.run(command, capture_output=True, text=True)
    check(result.returncode == 0, f"{' '.join(command)}: {result.stderr}")
    return prefix


DEC = 33
ra0, dec0 = field_centre(DEC)
ra, dec = ra0 + 1.25 / np.cos(np.radians(dec0)), dec0 + 0.3
catalogue = os.path.join(scratch("drift"), "one.csv")
with open(catalogue, "w") as f:
    f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
    f.write(f"one,{ra:.9f},{dec:.9f},10,1.4e9,0\n")
STATIONS = ("1,2,4,7,9,12,14,16,18,20,24,26,28,30,32,34,36,38,40,42,44,46,49,51,68,69,71,73,75,78,80,82,85,87,90,92,"
            "94,97,100,102")
folder, _ = simulate("--stations", STATIONS, "--sub-bands", "4,9", "--channels", 4, "--integrations", 8, "--samples", 288,
                     "--dec", DEC, "--sefd", 0, "--sources", catalogue, "--beam", "airy", "--smear", "off")
files = files_of(folder)

hashes, kept = set(), None
for ranks in (1, 2, 3, 4):
    prefix = image(files, ranks, "airy:4.65")
    kept = kept or prefix
    hashes.add(pixels_digest(prefix, ("image", "residual", "model", "pb")))
check(len(hashes) == 1, f"bytes differ between rank counts: {hashes}")

header = fits.getheader(kept + "image.fits")
residual = np.squeeze(fits.getdata(kept + "residual.fits"))
pb = np.squeeze(fits.getdata(kept + "pb.fits"))
x, y = WCS(header).celestial.wcs_world2pix(ra, dec, 0)
i, j = int(round(float(y))), int(round(float(x)))
power = pb[i, j]
model = np.squeeze(fits.getdata(kept + "model.fits"))
found = model[i - 6:i + 7, j - 6:j + 7].sum() / power
left = np.sqrt(np.mean(residual ** 2)) / (10 * power)

# What constant flux leaves: the same visibilities, the beam not told.
blind = image(files, 1, "none")
blind_residual = np.squeeze(fits.getdata(blind + "residual.fits"))
blind_left = np.sqrt(np.mean(blind_residual ** 2)) / (10 * power)
print(f"beam at the source {power:.3f}; flux {found:.4f} of 10 Jy in the model; rms left "
      f"{left:.2e} of the apparent flux, at constant flux {blind_left:.2e}")
check(0.2 < power < 0.8, power)
check(abs(found / 10 - 1) < 0.01, found)
check(left < 1e-4, left)
check(blind_left > 5 * left, blind_left, left)
