# ci-test: timeout=600 cost=60
"""A calibrator that is not what its model says sets no wrong flux scale unnoticed: a double of 5 to 120 arcsec that is listed
as a point is refused where a field's fluxes would be off by more than 2 %, by as much as the calibration says; its true
components pass, as does a point among 300 sources that no model has. One source beside the calibrator that its model does
not have is named, and the product DEGRADED. One source that is listed twice, also with unlike fluxes, is refused by name, and
where the data cannot tell it from two the product is DEGRADED, that of later tiles with these tables, too. The same at 1
and 3 ranks, and with gains of every minute."""
import glob
import json
import os
import re
import sqlite3
import subprocess

import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, sources_write, tile_centre

contimg = need_contimg()
try:
    from astropy.io import fits
    from images import peak_fit
except ImportError as error:
    skip(f"{error} in the test venv")

CORE = "1-9,12,16,20,24,28,32,36,40,44,49,51,68,71,75,80,84,88,92,96,99,100,101,102"  # to 2270 wavelengths
WIDE = CORE + ",103,105,107,109,111,113,115,117"  # to 12400
DATA = ("--sub-bands", 2, "--channels", 8, "--samples", 192, "--integrations", 12, "--smear", "off")
TILES = ("--tiles", 2, "--tile-step", 1500)
RAW = ("--units", "raw", "--gain-amp-rms", 0.2, "--gain-phase", "random", "--bandpass-ripple", 0.1)
QUIET, NOISY = 100, 8285  # SEFD over the efficiency, Jy
FIELD_JY, INDEX = 3.0, -0.7
folder = scratch("structure")
centre = [tile_centre(tile, "--stations", CORE, *TILES) for tile in (0, 1)]
_made = {}


def write(name, rows):
    return sources_write(os.path.join(folder, name), rows)


def pair(arcsec, flux_jy=6.35, angle_deg=0):
    """Two like points about the calibrator's place; one at 0 arcsec."""
    ra, dec = centre[0]
    x, y = np.array([np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))]) * arcsec / 7200
    if arcsec == 0:
        return {"CAL": (ra, dec, 2 * flux_jy)}
    x /= np.cos(np.radians(dec))
    return {"CAL": (ra + x, dec + y, flux_jy), "CAL2": (ra - x, dec - y, flux_jy)}


def beside(part, arcsec, angle_deg=0):
    """The calibrator, and a source of a part of its flux."""
    (ra, dec), turn = centre[0], np.radians(angle_deg)
    east, north = np.sin(turn) * arcsec / 3600 / np.cos(np.radians(dec)), np.cos(turn) * arcsec / 3600
    return {**pair(0), "BESIDE": (ra + east, dec + north, 12.7 * part)}


def observe(sky, stations=CORE, sefd=QUIET, tile=0):
    key = (str(sky), stations, sefd, tile)
    if key not in _made:
        data, _ = simulate("--stations", stations, *DATA, *(TILES if tile else ()), *RAW, "--sefd", sefd, "--sources",
                           write(f"sky{len(_made)}.csv", sky))
        _made[key] = files_of(data)[2 * tile:2 * tile + 2]
    return _made[key]


def calibrate(files, model, *options, ranks=1):
    """Exit code, what was printed, and by which part fluxes are said to be too high, with the error."""
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "calibrate", *files, "--model", write("model.csv", model),
               "--out", os.path.join(folder, "cal"), *options]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    found = re.search(r"fluxes off by (\S+) \+- (\S+) %", done.stdout)
    flux, error = (float(x) / 100 for x in found.groups()) if found else (np.nan, np.nan)
    return done.returncode, done.stdout + done.stderr, flux, error


def field_flux(field):
    """Of the field's source, with the tables of the last calibration, over the true one."""
    out = os.path.join(folder, "field")
    done = subprocess.run([os.path.join(source, "tests/mpirun.sh"), "2", contimg, "image", *field, "--cal", os.path.join(folder, "cal"),
                           "--out", out, "--size", "512", "--niter", "500"], capture_output=True, text=True)
    check(done.returncode == 0, "image", done.stderr[-1000:])
    with fits.open(f"{out}.pbcor.fits") as f:
        pixels, restfrq = f[0].data.squeeze().astype(float), f[0].header["RESTFRQ"]
    y, x = np.unravel_index(np.nanargmax(pixels), pixels.shape)
    return peak_fit(pixels, x, y)[0] / (FIELD_JY * (restfrq / 1.4e9) ** INDEX)


def test_listed_as_a_point():
    field = observe({"F": (*centre[1], FIELD_JY)}, tile=1)
    for arcsec in (0, 5, 10, 16):
        code, text, flux, error = calibrate(observe(pair(arcsec)), pair(0), "--qa-cal-max-structure", "1")
        true = field_flux(field) - 1
        print(f"{arcsec} arcsec as a point: fluxes off by {flux:.4f} +- {error:.4f}, in an image by {true:.4f}")
        check(code == 0, text[-1000:])
        near(flux, true, 0.005, f"{arcsec} arcsec: part by which fluxes are too high")
        check(("calibrator: its visibilities fall" in text) == (arcsec >= 10), f"{arcsec} arcsec: a warning", text[-1000:])
        code, text, _, _ = calibrate(observe(pair(arcsec)), pair(0))
        check(code == (7 if true > 0.02 else 0), f"{arcsec} arcsec: exit {code}", text[-1000:])
    check(true > 0.03, "16 arcsec are to put fluxes off by more than 3 %, not", true)


def test_no_hole():
    """Up to where the first null of a double is within the shortest baselines."""
    for stations, doubles in ((CORE, ((16, 0), (30, 65), (60, 65), (90, 65), (120, 65))),
                              (WIDE, ((5, 0), (10, 65), (45, 0), (75, 0), (105, 0)))):
        for arcsec, angle in doubles:
            code, text, _, _ = calibrate(observe(pair(arcsec, angle_deg=angle), stations), pair(0))
            is_named = "--qa-cal-max-structure" in text or "is this the right model" in text
            check(code == 7 and is_named, f"{arcsec} arcsec at {angle} deg: exit {code}", text[-700:])
        code, text, _, _ = calibrate(observe(pair(16), stations, NOISY), pair(0))
        check(code == 7 and "--qa-cal-max-structure" in text, "16 arcsec in noise:", text[-700:])


def test_true_components():
    for arcsec, stations in ((6, CORE), (16, CORE), (29, CORE), (60, CORE), (6, WIDE), (29, WIDE)):
        code, text, flux, error = calibrate(observe(pair(arcsec), stations, NOISY), pair(arcsec))
        check(code == 0 and "WARNING model" not in text, f"{arcsec} arcsec with its components: exit {code}", text[-700:])
        near(flux, 0, 4 * error, f"{arcsec} arcsec with its components")
        check(0 < error < 0.002, f"{arcsec} arcsec: error {error}")
    code, text, flux, _ = calibrate(observe(pair(0)), pair(16))
    check(code == 7 and flux < -0.02, "a point listed as a double: fluxes too low by", flux, text[-700:])


def test_listed_twice():
    for arcsec, sefd in ((2, QUIET), (6, NOISY), (20, NOISY)):
        code, text, _, _ = calibrate(observe(pair(0), sefd=sefd), pair(arcsec, 12.7))
        check(code == 7 and '"CAL" and "CAL2"' in text and f"{arcsec:.1f} arcsec apart, are one" in text and "2.00 times" in text,
              f"twice, {arcsec} arcsec apart: exit {code}", text[-700:])
    for sky, flux in ((pair(0), 12.7), (pair(2), 6.35)):
        code, text, _, _ = calibrate(observe(sky, sefd=NOISY), pair(2, flux))
        check(code == 0 and "the data cannot tell" in text, f"2 arcsec apart in noise: exit {code}", text[-700:])


def test_unlike_fluxes():
    """Twice with unlike fluxes; a true companion is none, unless the array is too small to tell."""
    ra, dec = centre[0]

    def two(arcsec, flux):
        return {**pair(0), "CAL2": (ra, dec + arcsec / 3600, flux)}

    for arcsec, flux in ((3, 6.0), (3, 3.0), (12, 5.0), (20, 4.0)):
        code, text, _, _ = calibrate(observe(pair(0)), two(arcsec, flux))
        is_said = "are one in the data" in text and f"{(12.7 + flux) / 12.7:.2f} times" in text
        check(code == 7 and is_said, f"twice, {flux} Jy at {arcsec} arcsec: exit {code}", text[-700:])
    for arcsec, flux in ((6, 4.0), (12, 2.0), (20, 4.0)):
        code, text, _, _ = calibrate(observe(two(arcsec, flux)), two(arcsec, flux))
        check(code == 0 and "listed twice" not in text, f"two, {flux} Jy at {arcsec} arcsec: exit {code}", text[-700:])
    code, text, _, _ = calibrate(observe(two(2, 3.0), sefd=NOISY), two(2, 3.0))
    check(code == 0 and "may be one that is listed twice, with fluxes 1.24 times" in text, f"in noise: exit {code}", text[-700:])


def test_beside():
    """One source beside the calibrator, in no model: how bright and where, and no refusal."""
    for part, arcsec, angle, stations, sefd in ((0.08, 60, 60, CORE, QUIET), (0.08, 120, 0, CORE, NOISY), (0.04, 240, 90, CORE, QUIET),
                                                (0.08, 600, 150, CORE, QUIET), (0.08, 400, 60, WIDE, QUIET)):
        what = f"{part} at {arcsec} arcsec, {angle} deg"
        code, text, _, _ = calibrate(observe(beside(part, arcsec, angle), stations, sefd), pair(0))
        found = re.search(r"a source of about (\S+) % of its flux \((\S+) Jy\), (\S+) arcsec from it at (\S+) or (\S+) deg, is not", text)
        check(code == 0 and found, f"{what}: exit {code}", text[-700:])
        check("WARNING calibrator: its" not in text and "fluxes off by" not in text, f"{what}: moments", text[-700:])
        seen = [float(x) for x in found.groups()] if found else [np.nan] * 5
        near(seen[0], 100 * part, 1, f"{what}: part of its flux")
        near(seen[1], 12.7 * part, 0.1 * 12.7 * part, f"{what}: flux")
        near(seen[2], arcsec, 4, f"{what}: distance")
        check(abs(np.sin(np.radians(seen[3] - angle))) < 0.05 and seen[4] == seen[3] + 180, f"{what}: angles", seen[3:])
        code, text, _, _ = calibrate(observe(beside(part, arcsec, angle), stations, sefd), beside(part, arcsec, angle))
        check(code == 0 and "is not in the model" not in text, f"{what}, listed: exit {code}", text[-700:])
    code, text, _, _ = calibrate(observe(beside(0.5, 100, 90)), pair(0))
    found = re.search(r"([0-9]+) arcsec from it, is not in the model", text)
    check(code == 7 and found and 90 < int(found[1]) < 110, f"half of its flux: exit {code}", text[-1400:])


def test_among_others():
    """300 sources of up to 1 Jy that the model does not have."""
    pulls = []
    for stations in (CORE, WIDE):
        for seed in (1, 2, 8):
            data, _ = simulate("--stations", stations, "--sub-bands", 2, "--channels", 8, *RAW, "--random", 300, "--calibrator", 12.7,
                               "--seed", seed)
            model = os.path.join(data, "truth-calibrator.csv")
            done = subprocess.run([contimg, "calibrate", *files_of(data), "--model", model, "--out", os.path.join(folder, "cal")],
                                  capture_output=True, text=True)
            found = re.search(r"fluxes off by (\S+) \+- (\S+) %", done.stdout)
            check(done.returncode == 0 and found and "WARNING calibrator" not in done.stderr, f"seed {seed}", done.stderr[-700:])
            pulls.append(float(found[1]) / float(found[2]) if found else np.nan)
            check(not found or 0.1 < float(found[2]) < 2, f"seed {seed}: error of {found and found[2]} %")
    print("a point among 300 sources: pulls", np.round(pulls, 2))
    check(max(np.abs(pulls)) < 3, "pulls", pulls)


def test_ranks_and_intervals():
    said = [calibrate(observe(pair(10), sefd=NOISY), pair(0), *options, ranks=ranks)[:3]
            for ranks, options in ((1, ()), (3, ()), (1, ("--gain-interval", "60")))]
    lines = [[line for line in text.splitlines() if "structure of the source" in line][0].split("calibration: ")[1] for _, text, _ in said]
    check(lines[0] == lines[1], "1 and 3 ranks:", *lines)
    near(said[2][2], said[0][2], 0.001, "gains of every minute")


def run(name, files, *options):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key, place in (("STATE", "state"), ("OUTPUT", "o"), ("PRODUCTS", "p")):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, name, place)
        os.makedirs(env[f"CONTIMG_{key}_DIR"], exist_ok=True)
    env.update(CONTIMG_EXPECTED_SUBBANDS="2", CONTIMG_MIN_SUBBANDS="2")
    done = subprocess.run([os.path.join(source, "tests/mpirun.sh"), "2", contimg, "run", *files, "--no-publish", "--size", "256", *options],
                          capture_output=True, text=True, env=env)
    return done.returncode, done.stdout + done.stderr


def doubt_of(name, words="may be one that is listed twice"):
    """Whether the newest report of a run has it among the reasons for DEGRADED."""
    reports = glob.glob(os.path.join(folder, name, "state/reports/*/summary.txt"))
    with open(max(reports, key=os.path.getmtime)) as f:
        return words in f.read()


def test_runs():
    """What is in doubt is said of every product; what is refused is not registered."""
    twice, good = write("twice.csv", pair(2, 12.7)), write("good.csv", pair(0))
    files, field = observe(pair(0), sefd=NOISY), observe({"F": (*centre[1], FIELD_JY)}, sefd=NOISY, tile=1)
    code, text = run("doubt", files, "--model", twice)
    check(code == 0 and doubt_of("doubt"), f"in doubt: exit {code}", text[-1500:])
    code, text = run("doubt", field)
    check(code == 0 and "DEGRADED" in text and doubt_of("doubt"), f"its tables: exit {code}", text[-1500:])
    code, text = run("beside", observe(beside(0.08, 120), sefd=NOISY), "--model", good, "--qa-img-max-noise-ratio", "20")
    check(code == 0 and "DEGRADED" in text and doubt_of("beside", "is not in the model"), f"beside it: exit {code}", text[-1500:])
    code, text = run("beside", field)
    check(code == 0 and "DEGRADED" in text and doubt_of("beside", "is not in the model"), f"its tables: exit {code}", text[-1500:])
    code, text = run("faint", observe(beside(0.04, 240, 90), sefd=NOISY), "--model", good)
    check(code == 0 and "is not in the model" in text and "DEGRADED" not in text, f"a faint one: exit {code}", text[-1500:])
    code, text = run("refused", observe(pair(16), sefd=NOISY), "--model", good)
    check(code == 7 and "--qa-cal-max-structure" in text, f"refused: exit {code}", text[-1500:])
    registry = sqlite3.connect(os.path.join(folder, "refused/state/cal_registry.sqlite3"))
    check(registry.execute("SELECT count(*) FROM caltables").fetchone()[0] == 0, "a refused table is registered")
    code, text = run("good", files, "--model", good)
    check(code == 0 and "listed twice" not in text, f"good: exit {code}", text[-1500:])
    with open(glob.glob(os.path.join(folder, "good/o/tiles/*/tile.json"))[0]) as f:
        calibration = json.load(f)["calibration"]
    near(calibration["structure"], 0, 0.002, "structure in tile.json")
    check(0 < calibration["structure_err"] < 0.002, "its error", calibration["structure_err"])


run_tests(globals())
