# ci-test: timeout=600 cost=12
"""Sources in all four quadrants, far off the axis, land on the pixel that astropy gives for
their ICRS place, to 0.01: contimg-sim's visibilities (its own directions) through `contimg
image`, one source at a time, at two declinations."""
import os
import subprocess
import sys

import numpy as np

from checks import check, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, truth_of

contimg = need_contimg()
try:
    from astropy.io import fits
    from astropy.wcs import WCS
    from scipy.ndimage import map_coordinates
    from scipy.optimize import minimize
except ImportError as error:
    skip(f"{error} in the test venv")

CELL, SIZE = 8.0, 1200
REACH = 32  # pixels about a peak: the spline feels its edge no more


def image(files, *options, ranks=1):
    prefix = os.path.join(scratch("image"), "x.")
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "image", *files, "--out", prefix,
               "--size", str(SIZE), "--cell-arcsec", str(CELL), *options]
    result = subprocess.run(command, capture_output=True, text=True)
    check(result.returncode == 0, f"{' '.join(command)}: {result.stderr}")
    return prefix


def peak_of(data):
    """Place of the greatest value between pixels: maximum of the spline through those about it."""
    y0, x0 = np.unravel_index(np.argmax(data), data.shape)
    about = data[y0 - REACH:y0 + REACH + 1, x0 - REACH:x0 + REACH + 1]
    found = minimize(lambda p: -map_coordinates(about, [[p[1]], [p[0]]], order=5)[0], [REACH, REACH],
                     method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-12})
    return found.x + [x0 - REACH, y0 - REACH], -found.fun


def field_centre(dec):
    """The ICRS place that a tile without options is centred on."""
    folder, _ = simulate("--stations", 8, "--sub-bands", 1, "--channels", 2, "--integrations", 3,
                         "--dec", dec, "--sefd", 0, "--calibrator", 1, "--beam", "none", "--smear", "off")
    one = truth_of(folder)["sources"][0]
    return one["ra_deg"], one["dec_deg"]


def check_quadrant(dec, east, north, ra0, dec0):
    folder = scratch("test")
    ra, de = ra0 + east / np.cos(np.radians(dec0)), dec0 + north
    catalogue = os.path.join(folder, "one.csv")
    with open(catalogue, "w") as f:
        f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
        f.write(f"one,{ra:.9f},{de:.9f},2.5,1.4e9,0\n")
    out, _ = simulate("--sub-bands", 1, "--channels", 6, "--integrations", 2, "--dec", dec, "--sefd", 0,
                      "--sources", catalogue, "--beam", "none", "--smear", "off")
    prefix = image(files_of(out), "--weighting", "natural", "--niter", "0", "--beam", "none",
                   "--accuracy", "1e-5", "--uv-range", "0,6000", "--calibrated")
    with fits.open(prefix + "dirty.fits") as hdus:
        header, data = hdus[0].header, np.squeeze(hdus[0].data).astype(float)
    (x, y), peak = peak_of(data)
    px, py = WCS(header).celestial.all_world2pix(ra, de, 0)
    print(f"dec {dec:g}: {east:+.2f} {north:+.2f} deg: found ({x:.4f}, {y:.4f}), astropy ({px:.4f}, {py:.4f}), "
          f"off by {x - px:+.4f} {y - py:+.4f} pixels, {peak:.5f} Jy")
    check(abs(x - px) < 0.01 and abs(y - py) < 0.01)
    check(abs(peak / 2.5 - 1) < 1e-3)
    check((px < SIZE / 2) == (east > 0) and (py > SIZE / 2) == (north > 0))
    check(header["BUNIT"] == "Jy/beam" and header["CTYPE1"] == "RA---SIN" and header["CDELT1"] < 0)
    check(1.2e9 < header["RESTFRQ"] < 1.6e9 and header["BMAJ"] >= header["BMIN"] > 0)


def main():
    for dec in (16.15, 62.0):
        ra0, dec0 = field_centre(dec)
        for east, north in ((1.1, 0.9), (-1.05, 1.15), (-0.7, -1.2), (1.2, -0.35)):
            check_quadrant(dec, east, north, ra0, dec0)


main()
sys.exit(0)
