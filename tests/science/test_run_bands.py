# ci-test: timeout=600 cost=30
"""contimg run against the truth, however the band comes: files named in another order than that of their frequencies,
channels that descend, sub-bands numbered from the top, and a sub-band that is missing (DEGRADED) give the fluxes of the
simulator's sources, whose spectra fall, at the image's frequency. Where sub-bands have each other's
frequencies, or all antennas are bad, nothing is published."""
import glob
import os
import shutil
import subprocess

import h5py
import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import FEW_STATIONS, files_of, need_contimg, simulate, skip, source, sources_write, tile_centre

contimg = need_contimg()
try:
    from astropy.io import fits
    from astropy.wcs import WCS
    from images import peak_fit
except ImportError as error:
    skip(f"{error} in the test venv")

N_BAND, STEEP = 4, -3.0
SMALL = ("--stations", FEW_STATIONS, "--sub-bands", N_BAND, "--channels", 4, "--samples", 192, "--integrations", 12, "--smear", "off")
folder = scratch("bands")


def sources_of():
    """One to calibrate on and three about it; one file of them all, with steep spectra."""
    ra, dec = tile_centre(0, *SMALL[:2], *SMALL[6:], "--tiles", 1)
    at = {"CAL": (0, 0, 6), "A": (0.2, 0.1, 1), "B": (-0.25, 0.15, 0.8), "C": (0.1, -0.25, 0.6)}
    return {n: (ra + x / np.cos(np.radians(dec)), dec + y, s) for n, (x, y, s) in at.items()}


def steep(path):
    """The same file with another spectral index in its last column."""
    with open(path) as f:
        lines = f.read().splitlines()
    at = lines[0].split(",").index("spectral_index")
    for i, line in enumerate(lines[1:], 1):
        cells = line.split(",")
        cells[at] = str(STEEP)
        lines[i] = ",".join(cells)
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


sky = sources_of()
model = steep(sources_write(os.path.join(folder, "sky.csv"), sky))
data, _ = simulate(*SMALL, "--sources", model, "--sefd", 700, "--units", "raw", "--gain-amp-rms", 0.2, "--gain-phase", "random",
                   "--bandpass-ripple", 0.2)
files = files_of(data)


def frequencies(path):
    with h5py.File(path) as f:
        return f["Header/freq_array"][...].ravel()


def edited(name, edit, names=None):
    """Copies of the files after edit(file); names: what they are called, in order."""
    place = os.path.join(folder, name)
    os.makedirs(place)
    out = []
    for path, to in zip(files, names or files):
        out.append(shutil.copy(path, os.path.join(place, os.path.basename(to))))
        with h5py.File(out[-1], "r+") as f:
            edit(f)
    return sorted(out)


def turn(f):
    """Channels in the opposite order."""
    f["Header/freq_array"][...] = f["Header/freq_array"][...][..., ::-1]
    for key in ("visdata", "flags", "nsamples"):
        f[f"Data/{key}"][...] = f[f"Data/{key}"][...][..., ::-1, :]


def scramble(f):
    """No visibility knows the phase of another."""
    values = f["Data/visdata"]
    turns = np.random.default_rng(len(f.filename)).uniform(0, 2 * np.pi, values.shape)
    values[...] = (values[...] * np.exp(1j * turns)).astype(values.dtype)


def run(name, paths, *options, code=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key in ("STATE", "OUTPUT", "PRODUCTS"):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, f"{name}-{key.lower()}")
        os.makedirs(env[f"CONTIMG_{key}_DIR"], exist_ok=True)
    env.update(CONTIMG_EXPECTED_SUBBANDS=str(N_BAND), CONTIMG_MIN_SUBBANDS=str(N_BAND - 1))
    command = [os.path.join(source, "tests/mpirun.sh"), "2", contimg, "run", *paths, "--size", "512", "--model", model, *options]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    check(done.returncode == code, " ".join(command[2:]), done.stdout, done.stderr[-3000:])
    return done.stdout + done.stderr, f"{folder}/{name}-products"


def published(products, what):
    found = glob.glob(f"{products}/*/*/mosaic.fits")
    check(len(found) == 1, what, found)
    return found[0]


def fluxes_of(path):
    """Each source over its flux by the law of its spectrum at the image's frequency; that frequency."""
    with fits.open(path) as f:
        pixel, header = f[0].data.squeeze().astype(float), f[0].header
    wcs = WCS(header).celestial
    ratio = {}
    for name, (ra, dec, flux) in sky.items():
        x, y = (int(round(float(v))) for v in wcs.all_world2pix(ra, dec, 0))
        ratio[name] = peak_fit(pixel, x, y)[0] / (flux * (header["RESTFRQ"] / 1.4e9) ** STEEP)
    print(path.split("/")[-4], {n: round(float(r), 4) for n, r in ratio.items()}, f"at {header['RESTFRQ'] * 1e-6:.3f} MHz")
    return ratio, header["RESTFRQ"]


def fluxes_check(path, mean_hz, what):
    ratio, freq_hz = fluxes_of(path)
    near(freq_hz / mean_hz, 1, 0.003, what, "frequency: the band's")
    for name, one in ratio.items():
        near(one, 1, 0.01, what, name)


def mean_of(paths):
    return np.mean([frequencies(p) for p in paths])


def test_band_orders():
    """The spectra are steep: a channel at a wrong frequency, or a bandpass of another one, shows in the fluxes."""
    for name, paths in (("plain", files), ("backwards", files[::-1]), ("mixed", [files[i] for i in (2, 0, 3, 1)]),
                        ("turned", edited("turned", turn)), ("renamed", edited("renamed", lambda f: None, files[::-1]))):
        out, products = run(name, paths)
        check("DEGRADED" not in out, name, out)
        fluxes_check(published(products, name), mean_of(files), name)


def refused(name, paths):
    out, products = run(name, paths, code=7)
    check("published: " not in out, out)
    check(not glob.glob(f"{products}/**/*.fits", recursive=True), os.listdir(products))
    return out


def test_mixed_up():
    """Sub-bands with each other's frequencies, as a reader that mixed them up would see them: so much would show."""
    of = dict(zip((os.path.basename(p) for p in files), map(frequencies, files[::-1])))

    def swap(f):
        f["Header/freq_array"][...] = of[os.path.basename(f.filename)].reshape(f["Header/freq_array"].shape)

    out = refused("swapped", edited("swapped", swap))
    check("(--qa-cal-max-structure)" in out, "baselines of wrong lengths are another structure", out)


def test_missing_sub_band():
    for i in (0, 2):
        left = files[:i] + files[i + 1:]
        out, products = run(f"without{i}", left)
        check("DEGRADED: sub-bands are missing in 1 tile" in out, out)
        fluxes_check(published(products, f"without{i}"), mean_of(left), f"without sub-band {i}")


def test_all_antennas_bad():
    out = refused("bad", edited("bad", scramble))
    why = [line for line in out.splitlines() if line.startswith("contimg: ")]
    check(len(why) == 1, why)
    print(*why)


run_tests(globals())
