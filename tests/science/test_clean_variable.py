# ci-test: timeout=300 cost=43
"""CLEAN on sources that are not constant in time or frequency: the image has their mean flux, with the weights
that the image has, and no component stands on the sidelobes of what differs from it, which the mean PSF lacks
(0.1 Jy of a burst of 20 Jy in one of 30 integrations, with 14 antennas). They are named. Constant sources are
cleaned as ever. Truth: sums over the fluxes put in, with natural or Briggs (1995) weights formed here."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC, N_CHAN, N_TIME, SIGMA = 150.0, 30.0, 32, 24, 0.1
SIDE, CELL = 360, 10.0
A, B = (150.25, 30.1), (149.8, 29.85)
tel, enu = telescope(n=14, spread=400.0)
freqs = 1.4e9 + 5e5 * np.arange(N_CHAN)
times = transit_jd(RA) + (np.arange(N_TIME) - N_TIME / 2) * 10 / 86400
unit = {place: phased([(*place, 1.0)], (RA, DEC), tel, enu, freqs, times) for place in (A, B)}
row = np.searchsorted(times, unit[A].time_array)
T, F = np.meshgrid(np.arange(N_TIME), np.arange(N_CHAN), indexing="ij")


def weights(is_briggs):
    """Of [row][channel]; Briggs R = 0 on cells of 1 / (width of the image)."""
    if not is_briggs:
        return np.ones((len(row), N_CHAN))
    uv = unit[A].uvw_array[:, None, :2] * (freqs / C)[None, :, None] * SIDE * CELL / 206264.80625
    cell = np.rint(uv).astype(int)
    cell = np.where((cell[..., 1:] < 0) | ((cell[..., 1:] == 0) & (cell[..., :1] < 0)), -cell, cell)
    _, which, n = np.unique(cell.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    square = 25.0 * n.sum() / (n.astype(float) ** 2).sum()
    return (1 / (1 + square * n[which.ravel()])).reshape(len(row), N_CHAN)


def observe(sky, seed):
    """sky: flux [time][channel] of each place, Jy."""
    uv = unit[A].copy()
    data = sum(flux[row] * unit[place].data_array[:, :, 0] for place, flux in sky.items())
    rng = np.random.default_rng(seed)
    uv.data_array[:] = data[:, :, None]
    uv.data_array += SIGMA * (rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape))
    return write(uv, "v.uvh5")


def clean(name, kind, *words):
    result = run("image", name, "--out", "o.", "--size", SIDE, "--cell-arcsec", CELL, "--weighting", kind,
                 "--weights", "unit", "--calibrated", *words)
    check(result.returncode == 0, result.stderr)
    return result


def pixel(header, place):
    return np.round(WCS(header).celestial.wcs_world2pix(*place, 0)).astype(int)


def judge(what, kind, sky, result, n_varied, is_compressed=False):
    header = fits.getheader("o.image.fits")
    image, model, residual = (np.squeeze(fits.getdata(f"o.{n}.fits")) for n in ("image", "model", "residual"))
    w, far = weights(kind == "briggs"), np.ones(image.shape, bool)
    beam = int(np.ceil(header["BMAJ"] * 3600 / CELL))
    for place, flux in sky.items():
        x, y = pixel(header, place)
        far[y - 3 * beam:y + 3 * beam + 1, x - 3 * beam:x + 3 * beam + 1] = False
        truth = (w * flux[row]).sum() / w.sum()
        found = model[y - beam:y + beam + 1, x - beam:x + beam + 1].sum()
        print(f"{what}, {kind}: {found:.4f} of {truth:.4f} Jy, image {image[y - 2:y + 3, x - 2:x + 3].max():.4f}")
        size = abs(truth) if flux.mean() else np.abs(flux).max()  # what weights leave of nothing
        close(found, truth, 0.005 * size + 3 * header["RMS"], what, kind, place)
    thermal = np.sqrt((w ** 2).sum()) / w.sum() * SIGMA / np.sqrt(2)
    check(np.abs(model[far]).max() < 5 * thermal, what, kind, "false component", np.abs(model[far]).max())
    most = 100 if is_compressed else 7  # the shape of a burst off axis is not within compression's polynomials
    check(np.abs(residual).max() < most * thermal, what, kind, "residual", np.abs(residual).max() / thermal)
    # ... and what it leaves of it may make another source look as if it varied
    n_found, n_most = header["NVARIED"], len(sky) if is_compressed else n_varied
    check(n_varied <= n_found <= n_most, what, kind, "NVARIED", n_found)
    named = re.findall(r"the source of .* is not constant", result.stderr)
    check(len(named) == n_found, what, kind, named)


def ranks_compare(name):
    """The same bytes at 1 and 3 ranks, as all else."""
    launcher, data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../mpirun.sh"), []
    for n in (1, 3):
        words = (name, "--out", f"r{n}.", "--size", SIDE, "--cell-arcsec", CELL, "--weights", "unit", "--calibrated")
        done = subprocess.run([launcher, str(n), program, "image", *map(str, words)], capture_output=True, text=True)
        check(done.returncode == 0, done.stderr)
        data.append([fits.getdata(f"r{n}.{kind}.fits").tobytes() for kind in ("image", "residual", "model")])
    check(data[0] == data[1], "bytes differ between 1 and 3 ranks")


steady = np.ones(T.shape)
CASES = (("burst of three integrations and a neighbour", {A: 1 + 9.0 * ((T >= 4) & (T < 7)), B: 0.8 * steady}, 1),
         ("absorption line at the edge of the band", {A: 3 - 3.0 * (F >= 29), B: 0.2 * steady}, 1),
         ("spectrum from 0 to twice the mean, and a neighbour", {A: 2.0 * F / (N_CHAN - 1), B: 0.5 * steady}, 1),
         ("burst in a part of the band, and nothing else", {B: 30.0 * ((T == 17) & (F >= 8) & (F < 20))}, 1),
         ("no mean flux, and a neighbour", {A: 5.0 * np.where(T < N_TIME // 2, 1, -1), B: 0.8 * steady}, 1),
         ("scintillation, and a maser", {A: 2 + 0.8 * np.sin(T / 3), B: 1 + 25.0 * (F == 11)}, 2))
for what, sky, n_varied in CASES:
    name = observe(sky, 3)
    for kind in ("natural", "briggs"):
        judge(what, kind, sky, clean(name, kind, "--no-average"), n_varied)
result = clean(name, "natural")
judge(what, "natural", sky, result, n_varied, is_compressed=True)
check("give --no-average" in result.stderr, "what to do is not said")
ranks_compare(name)
# What is nothing but varying keeps CLEAN from getting deep: it is found all the same.
for what, sky in (("line and nothing else, off the centre", {A: 30.0 * (F == 9), B: 0.5 * steady}),
                  ("burst and nothing else, off the centre", {A: 20.0 * (T == 12), B: 0.02 * steady})):
    name = observe(sky, 5)
    for kind in ("natural", "briggs"):
        judge(what, kind, sky, clean(name, kind, "--no-average"), 1)
    judge(what + ", compressed", "natural", sky, clean(name, "natural"), 1, is_compressed=True)
for seed in (11, 12):
    sky = {A: 5 * steady, B: 0.3 * steady * (freqs / freqs.mean())[None, :] ** -0.8}
    judge(f"constant, seed {seed}", "briggs", sky, clean(observe(sky, seed), "briggs"), 0)
finish()
