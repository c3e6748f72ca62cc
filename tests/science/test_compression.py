# ci-test: timeout=120 cost=8
"""Dirty images of compressed visibilities are those of every visibility, to the bound of --compression, whatever the
gains: right, off by 25 degrees and drifting, or random and turning by 300 degrees within the tile."""
import os
import subprocess

import numpy as np

from checks import check, run_tests, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, sources_write, tile_centre

contimg = need_contimg()
try:
    from astropy.io import fits
except ImportError as error:
    skip(f"{error} in the test venv")

STATIONS = "1-9,12,16,20,24,28,32,36,40,44,49,51,68,71,75,80,84,88,92,96,99-102"
TILE = ("--stations", STATIONS, "--samples", 192, "--integrations", 12)
SEFD_JY, BOUND = 1500, 1e-4
GAINS = {"right": (), "transferred": ("--gain-phase", 25, "--gain-amp-rms", 0.05, "--drift-phase", 60),
         "turning": ("--gain-phase", "random", "--drift-phase", 3600)}
folder = scratch("compression")
ra, dec = tile_centre(0, *TILE)
SKY = {f"S{i}": (ra + x, dec + y, flux) for i, (x, y, flux) in
       enumerate([(0.1, -0.2, 3.0), (-0.3, 0.25, 1.2), (0.5, 0.5, 0.5), (-1.1, -1.1, 0.5), (0.02, 0.9, 0.2)])}
sky = sources_write(os.path.join(folder, "sky.csv"), SKY)


def dirty(name, files, *options):
    """The dirty image, natural weights; visibilities and samples that were gridded."""
    prefix = os.path.join(folder, name)
    command = [os.path.join(source, "tests/mpirun.sh"), "2", contimg, "image", *files, "--out", prefix, "--calibrated",
               "--weights", "unit", "--weighting", "natural", "--niter", "0", "--size", "800", "--cell-arcsec", "12.2",
               "--accuracy", "1e-6", "--beam", "none", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    check(done.returncode == 0, " ".join(command[2:]), done.stdout, done.stderr[-3000:])
    with fits.open(f"{prefix}.dirty.fits") as f:
        header = f[0].header
        return f[0].data.squeeze().astype(float), header["NSAMPLE"], header.get("NGRIDDED")


def test_dirty_images():
    flux = sum(s for _, _, s in SKY.values())
    for name, gains in GAINS.items():
        data, _ = simulate(*TILE, "--sub-bands", 2, "--channels", 8, "--smear", "off", "--beam", "none", "--sources", sky,
                           "--sefd", SEFD_JY, "--noise-after", *gains)
        files = files_of(data)
        whole, n, _ = dirty(f"{name}-whole", files, "--no-average")
        packed, _, n_packed = dirty(f"{name}-packed", files, "--compression", str(BOUND))
        # visibilities of 8 fine channels (30.5 kHz) and 192 samples (0.134 s), both polarisations
        thermal = SEFD_JY / np.sqrt(2 * 8 * 0.25e9 / 8192 * 192 * 0.134217728 * 2 * n)
        off = packed - whole
        print(f"{name}: {n} visibilities as {n_packed}, rms {whole.std():.4f} Jy; differences: rms {off.std() / thermal:.4f} of the "
              f"thermal noise, at most {np.abs(off).max() / flux:.2e} of the flux")
        check(n_packed < n / 5, name, "is compressed", n, n_packed)
        check(np.abs(off).max() < BOUND * flux, name, "greatest difference", np.abs(off).max(), BOUND * flux)
        check(off.std() < 0.03 * thermal, name, "rms of differences", off.std(), thermal)


run_tests(globals())
