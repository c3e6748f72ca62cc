# ci-test: timeout=900 cost=60
"""The troubles of bench/bad_night.py, on tiles that the Python simulator made (sim_tile.py shares no code with contimg or
contimg-sim), through `contimg run` on 2 ranks, from raw units with unknown gains, bandpasses and delays to a published
image: at the thermal noise of what is left unflagged, on the true flux scale, DEGRADED where a sub-band is lost; refused
where nothing can be saved. One seed; CONTIMG_TEST_EXHAUSTIVE=1: three.

Truth: the noise of a visibility by SEFD, the imaging weights by Briggs (1995), formed here; the rms is that of the residual
image, measured here. 39 stations of the core, 6 sub-bands and 16 channels of each in place of 96, 16 and 48, and 12 sources in place of 80: with 30,
of which 30 antennas (9 have a dead receptor) see the sidelobes, CLEAN itself leaves 1.1 times the noise."""
import argparse
import csv
import glob
import json
import os
import shutil
import subprocess
import sys

import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import need_contimg, skip, source, use_earth_orientation

contimg = need_contimg()
try:
    import h5py
    import sim_tile
    from astropy.io import fits
except ImportError as error:
    skip(f"{error} in the test venv")
sys.path.append(os.path.join(source, "bench"))
from bad_night import TROUBLES, Tile

N_SUB_BAND, N_CHAN, SIDE = 6, 16, 512
SPOILED = 5  # the sub-band of "scrambled" and "hole"
SEEDS = (1, 2, 3) if os.environ.get("CONTIMG_TEST_EXHAUSTIVE") else (1,)
# of rms / thermal, over that without the trouble: the image of a small array has few independent values, and its rms varies
# by 3 % with the seed, alike with and without the trouble. "As without" of bursts is 1 %.
LIMITS = {"bursts": 1.01, "weak": 1.05, "turning": 1.1, "walking": 1.1, "jump": 1.05, "lost": 1.03, "hole": 1.03, "scrambled": 1.02,
          "bursts+walking+dead": 1.1, "weak+turning+jump": 1.1, "scrambled+hole+dead": 1.1}
folder = scratch("bad-night")
use_earth_orientation()


def core():
    """Every second active station of the core; antenna 32, a third of them, is there for "hole"."""
    all_of = sim_tile.reference.dsa110(active_only=True)
    mine = [i for i, number in enumerate(all_of.numbers) if number < 98][::2]
    return sim_tile.reference.Array([all_of.numbers[i] for i in mine], all_of.ecef[mine], all_of.site)


N_ALL = len(core().numbers) * (len(core().numbers) - 1) // 2 * sim_tile.N_TIME * N_SUB_BAND * N_CHAN


def clean_of(seed, options):
    """The files without the trouble, made once; options: those of contimg-sim."""
    given = dict(zip(options[::2], options[1::2]))
    dead = (given.pop("--dead", 0), given.pop("--dead-pol", 0))
    check(not given, "options that sim_tile.py has not", given)
    path = os.path.join(folder, f"clean-{seed}-{dead[0]}-{dead[1]}")
    if not os.path.isdir(path):
        os.makedirs(path)
        tile = sim_tile.TileSky(core(), seed, n_source=12, apart_arcsec=300, flux_jy=(0.1, 0.6))
        sim_tile.write_tile(path, tile, N_SUB_BAND, N_CHAN, dead)
    return path


def values_of(path):
    with h5py.File(path) as f:
        return f["Data/visdata"][()]


def spoiled(name, seed):
    options, changes = TROUBLES[name]
    path = os.path.join(folder, f"{name}-{seed}")
    shutil.copytree(clean_of(seed, options), path)
    tile = Tile(sorted(glob.glob(f"{path}/*.hdf5")), seed)
    check(len(tile.names) == N_SUB_BAND, "files", tile.names)
    before = values_of(tile.names[SPOILED])
    tile.spoil([getattr(tile, change)() for change in changes])
    check((values_of(tile.names[SPOILED]) != before).any(), name, "has changed nothing")
    return path


def run(data):
    """The process, the tile's record and folder, and the published one."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key in ("STATE", "OUTPUT", "PRODUCTS"):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(data, key)
        os.makedirs(env[f"CONTIMG_{key}_DIR"])
    env.update(CONTIMG_EXPECTED_SUBBANDS=str(N_SUB_BAND), CONTIMG_MIN_SUBBANDS=str(N_SUB_BAND))
    files = sorted(glob.glob(f"{data}/*.hdf5"))
    command = [os.path.join(source, "tests/mpirun.sh"), "2", contimg, "run", *files, "--model", f"{data}/truth-catalogue.csv",
               "--size", str(SIDE)]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    tiles, products = glob.glob(f"{data}/OUTPUT/tiles/*/tile.json"), glob.glob(f"{data}/PRODUCTS/*/*/sources.csv")
    record = None
    if tiles:
        with open(tiles[0]) as f:
            record = json.load(f)
    return done, record, tiles and os.path.dirname(tiles[0]), products and os.path.dirname(products[0])


def thermal_of(cell_arcsec):
    """Of all visibilities, Briggs R = 0 on cells of 1 / (width of the image), Jy."""
    array, dec = core(), np.radians(33.0)
    one, two = np.triu_indices(len(array.numbers), 1)
    x, y, z = (array.ecef[two] - array.ecef[one]).T
    freq = np.concatenate([sim_tile.frequencies(i, N_CHAN) for i in range(N_SUB_BAND)])
    cells = []
    for t in range(sim_tile.N_TIME):
        g = (t - (sim_tile.N_TIME - 1) / 2) * sim_tile.INTERVAL_S * 2 * np.pi / 86164.09 - array.site.lon.rad
        u = np.sin(g) * x + np.cos(g) * y
        v = -np.sin(dec) * (np.cos(g) * x - np.sin(g) * y) + np.cos(dec) * z
        uv = np.stack([np.outer(k, freq).ravel() for k in (u, v)]) / sim_tile.C * SIDE * np.radians(cell_arcsec / 3600)
        uv = np.rint(np.where(uv[1] < 0, -uv, uv)).astype(int)
        cells.append(uv[0] + 100000 * uv[1])
    _, which, n = np.unique(cells, return_inverse=True, return_counts=True)
    w = 1 / (1 + 25.0 * n.sum() / (n.astype(float) ** 2).sum() * n[which.ravel()])
    sigma = sim_tile.SIGMA_JY / np.sqrt(2)  # of Stokes I
    return sigma * np.sqrt((w ** 2).sum()) / w.sum()


def ratios_of(data, product):
    """Of the calibrator's flux to the truth, and of the other sources'."""
    with fits.open(f"{product}/mosaic.fits") as f:
        freq = f[0].header["RESTFRQ"]
    with open(f"{data}/truth.csv") as f:
        true = list(csv.DictReader(f))
    with open(f"{product}/sources.csv") as f:
        found = list(csv.DictReader(f))
    place = np.array([[float(s["ra_deg"]), float(s["dec_deg"])] for s in found])
    ratio = []
    for s in true:
        ra, dec = float(s["ra_deg"]), float(s["dec_deg"])
        away = np.hypot((place[:, 0] - ra) * np.cos(np.radians(dec)), place[:, 1] - dec) * 3600
        i = int(np.argmin(away))
        flux = float(s["flux_jy"]) * (freq / float(s["ref_freq_hz"])) ** float(s["spectral_index"])
        ratio.append(float(found[i]["flux_jy"]) / flux if away[i] < 20 else np.nan)
    return ratio[0], np.array(ratio[1:])


def lost_sub_bands(record):
    """Of which the bandpass has no solution at all."""
    with h5py.File(record["calibration"]["bandpass"]) as f:
        flags, freq = f["Data/flags"][()].astype(bool), f["Header/freq_array"][()].ravel()
    gone = freq[flags.all(axis=tuple(i for i in range(flags.ndim) if i != 1))]
    return [i for i in range(N_SUB_BAND) if np.isin(np.round(sim_tile.frequencies(i, N_CHAN)), np.round(gone)).all()]


def measured(name, data, what):
    """Exit status, noise and what else is known of the data spoiled, through contimg."""
    done, record, tile, product = run(data)
    if name == "all_bad" or not check(done.returncode == 0 and product, what, done.returncode, done.stderr[-3000:]):
        return done, None
    check(os.path.getsize(f"{tile}/closures.png") > 1000 and 'alt="closures.png"' in page_of(data), what, "picture of closure phases")
    residual = fits.getdata(f"{tile}/residual.fits").squeeze().astype(float)
    image, (calibrator, others) = record["image"], ratios_of(data, product)
    rms = 1.4826 * np.nanmedian(np.abs(residual - np.nanmedian(residual)))
    found = argparse.Namespace(rms=rms / image["thermal_jy"], left=image["n_sample"], thermal=image["thermal_jy"], others=others,
                               calibrator=calibrator, is_degraded=record["is_degraded"], lost=lost_sub_bands(record),
                               cell_arcsec=image["cell_arcsec"])
    print(f"{what} rms {found.rms:.3f} x thermal, {found.left / N_ALL:.3f} of the data left, calibrator x {calibrator:.4f}, median of "
          f"{np.isfinite(others).sum()} others x {np.nanmedian(others):.4f}", flush=True)
    return done, found


def page_of(data):
    with open(glob.glob(f"{data}/STATE/reports/*/report.html")[0]) as f:
        return f.read()


clean = {}


def clean_run(seed, options):
    """Without the trouble, from the same noise and dead receptors; made once."""
    key = (seed, *options)
    if key not in clean:
        clean[key] = measured("none", shutil.copytree(clean_of(seed, options), os.path.join(folder, "-".join(map(str, key)))),
                              f"clean, seed {seed} {' '.join(map(str, options))}:")[1]
    return clean[key]


def judge(name, seed):
    options, changes = TROUBLES[name]
    what = f"{name}, seed {seed}:"
    base = clean_run(seed, options)
    if not changes:
        # whether the noise said is that of the receivers
        true = thermal_of(base.cell_arcsec) * np.sqrt(N_ALL / base.left)
        check(abs(base.thermal / true - 1) < 0.05, what, "thermal", base.thermal, true)
        check(base.rms < 1.1, what, "rms over thermal", base.rms)
        flux_judge(base, what)
        return
    data = spoiled(name, seed)
    done, got = measured(name, data, what)
    published = glob.glob(f"{data}/PRODUCTS/*/*/*")
    shutil.rmtree(data)
    if name == "all_bad":
        print(what, "exit", done.returncode, done.stdout[-300:])
        check(done.returncode == 7 and not published, what, "not refused", done.returncode, published, done.stderr[-2000:])
    elif got:
        near(got.thermal * np.sqrt(got.left), base.thermal * np.sqrt(base.left), 0.02 * base.thermal * np.sqrt(base.left), what,
             "noise of what is left")
        if name == "lost":  # a part of three antennas' times, and no more
            near(got.left / base.left, share_with_signal(clean_of(seed, options), seed), 0.004, what, "share of the data left")
        check(got.rms <= LIMITS[name] * base.rms, what, "rms over thermal", got.rms, "without", base.rms)
        flux_judge(got, what)
        check(got.is_degraded == ("scrambled" in name) and got.lost == [SPOILED] * ("scrambled" in name), what, "left out", got.lost)


def share_with_signal(data, seed):
    """Of baselines and times, those both of whose antennas have a signal."""
    tile = Tile(sorted(glob.glob(f"{data}/*.hdf5")), seed)
    lost = tile.without_signal().any(axis=0)[:, tile.antennas]
    one, two = np.triu_indices(lost.shape[1], 1)
    return 1 - (lost[:, one] | lost[:, two]).mean()


def flux_judge(got, what):
    near(got.calibrator, 1, 0.02, what, "flux of the calibrator")
    near(np.nanmedian(got.others), 1, 0.02, what, "median flux")
    check(np.isfinite(got.others).all(), what, "sources not found", np.isnan(got.others).sum())


def test_prediction():
    """The product of matrices against the sum, one source and baseline after the other."""
    tile = sim_tile.TileSky(core(), 1, n_source=5)
    freq, pairs = sim_tile.frequencies(2, 3), [(0, 1), (5, 30), (38, 7)]
    sky = sim_tile.reference.Sky(tile.array.site, tile.mjd[3])
    meridian = ("meridian", tile.dec)
    true = sim_tile.reference.visibilities(sky, tile.array.ecef, pairs, freq, tile.sources, meridian, (sim_tile.DISH_M, meridian))
    got = tile.predict(tile.directions(3), freq, tile.array.ecef)
    worst = max(np.abs(got[:, a, b] - row).max() for (a, b), row in zip(pairs, true))
    check(worst < 1e-6, "prediction", worst)


def test_troubles():
    for seed in SEEDS:
        for name in TROUBLES:
            judge(name, seed)


run_tests(globals())
