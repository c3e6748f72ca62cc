"""What the tests of a mosaic from visibilities share: simulate, run, read back, compare."""
import csv
import glob
import json
import os
import shutil
import subprocess
import tempfile
import time

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

import sim_support as sim

# Little data: 4 of the 16 sub-bands, of 3 wide channels each, and half the integrations of a
# tile. Without noise 54 stations of the two arms, sub-bands spread over the band; with noise
# the whole core and neighbouring sub-bands. Beams of about 110 by 60 arcsec.
ARMS = ("--sub-bands", "0,5,10,15", "--stations",
        "1,2,3,5,7,8,11,13,14,16,18,19,24,26,27,29,31,33,34,36,38,39,41,43,45,46,48,50,51,"
        "68,69,70,72,73,75,76,78,79,81,82,84,85,87,88,90,91,93,94,96,97,99,100,101,102")
CORE = ("--sub-bands", "6-9", "--stations", "1-9,11-20,24-51,68-102")
SMALL = ("--channels", 3, "--fine", 128, "--integrations", 12, "--samples", 192, "--smear", "off", "--units", "jy")
N_SUB_BAND = 4
# The image holds what the beam sees to its first null: sources of the neighbouring tiles
# stand there. Five pixels to the beam: between two pixels a source is cleaned as two, and
# restored the wider (by 3 % in area at four pixels to the beam), its peak lower by as much.
IMAGE = ("--cell-arcsec", 12, "--size", 1400, "--robust", 0.7)


class Product:
    """A run's published folder, read back."""

    def __init__(self, folder, text, seconds):
        with open(glob.glob(f"{folder}/state/reports/*/report.json")[-1]) as f:
            self.report = json.load(f)
        self.seconds, self.text = seconds, text
        self.path = os.path.dirname(glob.glob(f"{folder}/products/*/*/mosaic.fits")[0])
        self.staging = f"{folder}/staging"
        with open(f"{self.path}/sources.csv") as f:
            self.sources = [{k: float(v) if k != "name" else v for k, v in row.items()}
                            for row in csv.DictReader(f)]
        self.header = fits.getheader(f"{self.path}/mosaic.fits")

    def tiles(self):
        return self.report["groups"][0]["tiles"]

    def image(self, name):
        return np.squeeze(fits.getdata(f"{self.path}/{name}.fits")).astype(float)

    def wcs(self):
        return WCS(self.header).celestial

    def print_tiles(self):
        for t in self.tiles():
            i = t.get("image") or {}
            rms, thermal = i.get("rms_jy") or np.nan, i.get("thermal_jy") or np.nan
            print(f"tile {t['id']}: {t['state']}, {i.get('n_major')} major cycles ({i.get('stop_reason')}), "
                  f"rms {rms * 1e3:.4f} mJy, thermal {thermal * 1e3:.4f}, ratio {rms / thermal:.3f} {t['reason']}")
        peaks = ", ".join(f"{b / 1e6:.0f}" for b in self.report["memory_peak_bytes"])
        print(f"{self.seconds:.1f} s; counted memory of the ranks at their peak: {peaks} MB")


def run(files, *options, ranks=2, folder=None, code=0):
    """contimg run into a fresh folder (a Product), the exit code asserted."""
    folder = folder or tempfile.mkdtemp(prefix="contimg-mosaic-")
    config = f"{folder}/contimg.env"
    for name in ("staging", "state", "products"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    with open(config, "w") as f:
        f.write(f"CONTIMG_OUTPUT_DIR={folder}/staging\nCONTIMG_STATE_DIR={folder}/state\n"
                f"CONTIMG_PRODUCTS_DIR={folder}/products\n")
    command = [os.path.join(sim.source, "tests/mpirun.sh"), str(ranks), os.path.join(sim.build, "bin/contimg"),
               "run", *files, "--config", config, "--expected-subbands", str(N_SUB_BAND),
               "--min-subbands", str(N_SUB_BAND), *[str(o) for o in options]]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k in
                   ("CONTIMG_SHARE", "CONTIMG_TEST_TIMEOUT")}
    start = time.monotonic()
    environment.setdefault("CONTIMG_TEST_TIMEOUT", "900")  # the test's own limit is shorter
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == code, (result.returncode, result.stderr[-3000:])
    return Product(folder, result.stdout, time.monotonic() - start)


def truth(folder, freq_hz):
    """The true sources with their flux at freq_hz: name, ra_deg, dec_deg, flux_jy."""
    with open(f"{folder}/truth.csv") as f:
        rows = list(csv.DictReader(f))
    return [(r["name"], float(r["ra_deg"]), float(r["dec_deg"]), float(r["flux_jy"])
             * (freq_hz / float(r["ref_freq_hz"])) ** float(r["spectral_index"])) for r in rows]


def offset_arcsec(source, ra, dec):
    east = (source["ra_deg"] - ra + 180) % 360 - 180
    return np.array([east * np.cos(np.radians(dec)), source["dec_deg"] - dec]) * 3600


def nearest(sources, ra, dec):
    return min(sources, key=lambda s: np.hypot(*offset_arcsec(s, ra, dec)))


def clean_up(*folders):
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
