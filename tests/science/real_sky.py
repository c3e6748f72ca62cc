"""What the tests on real observations share: where the data are, running contimg, FITS."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from astropy.io import fits

SOURCE = os.environ.get("CONTIMG_SOURCE") or os.path.join(os.path.dirname(__file__), "..", "..")
DATA = os.path.join(
    os.environ.get("CONTIMG_TEST_DATA") or os.path.join(SOURCE, "..", "shared", "data"), "real_sky"
)
RANKS = (1, 2, 3, 4)
FILES = {
    "mwa": os.path.join(DATA, "mwa_puppis_a.uvh5"),
    "wsrt": os.path.join(DATA, "wsrt_3c343.1.uvh5"),
    "aavs2": os.path.join(DATA, "aavs2_sun.uvh5"),
}
SUN = "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\nsun,151.6567,11.6294,1,159375000,0\n"


def need_data():
    build = os.environ.get("CONTIMG_BUILD")
    if not build or not os.path.exists(os.path.join(build, "bin", "contimg")):
        print("skipped: no contimg below CONTIMG_BUILD")
        sys.exit(77)
    for path in FILES.values():
        if not os.path.exists(path):
            print("skipped: no %s (set CONTIMG_TEST_DATA)" % path)
            sys.exit(77)


class Folder:
    """A working folder that goes when the test ends, unless CONTIMG_TEST_KEEP is set."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="contimg-real-sky-")
        return self.path

    def __exit__(self, *_):
        if os.environ.get("CONTIMG_TEST_KEEP"):
            print("kept:", self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def contimg(ranks, *arguments, cwd):
    """Runs contimg at so many ranks, without anybody's configuration; (stdout, stderr)."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_")}
    for name in ("CONTIMG_SHARE", "CONTIMG_TEST_TIMEOUT"):
        if name in os.environ:
            environment[name] = os.environ[name]
    environment.setdefault("CONTIMG_TEST_TIMEOUT", "1500")  # the test's own limit is shorter
    program = os.path.join(os.environ["CONTIMG_BUILD"], "bin", "contimg")
    done = subprocess.run(
        [os.path.join(SOURCE, "tests", "mpirun.sh"), str(ranks), program, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, "contimg %s at %d ranks: exit %d\n%s" % (
        " ".join(map(str, arguments)),
        ranks,
        done.returncode,
        done.stderr[-3000:],
    )
    return done.stdout, done.stderr


def image(path):
    """Pixels in double, header."""
    with fits.open(path) as hdus:
        return np.squeeze(hdus[0].data).astype(float), hdus[0].header.copy()


def datasums(path):
    """DATASUM of each HDU; each is also what astropy finds it to be."""
    with fits.open(path, checksum=True) as hdus:
        for hdu in hdus:
            assert hdu.verify_datasum() == 1, path
        return [hdu.header["DATASUM"] for hdu in hdus]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
