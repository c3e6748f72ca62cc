# ci-test: timeout=600 cost=40
"""A catalogue whose calibrator lies elsewhere than in the sky. Antennas' phases absorb that, and the published sky would
lie as far off; but they then turn with the Earth. What calibrate says of the offset is the shift that was made, within its
errors, whatever the receptors' phases drift by; a sure one beyond the limit is refused with 7 and nothing is written. No
drift without a shift is refused, nor slopes and waves of the air, which are put on the visibilities by formula: near the
equator they look like hundreds of arcsec. A run makes no product of such a calibrator; the catalogue of a field that lies elsewhere
does not take the tile there, or where it does, that is said and the product is DEGRADED. The same numbers and tables at 1, 3 and 4 ranks. Shifts are made by formula, B1950 by
astropy."""
import csv
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess

import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, sources_write, tile_centre

contimg = need_contimg()
try:
    import h5py
    from astropy import units as u
    from astropy.coordinates import FK4, FK5, SkyCoord
    from astropy.time import Time
except ImportError as error:
    skip(f"{error} in the test venv")

ARRAY = ("--stations", 96, "--sub-bands", 1, "--channels", 4, "--samples", 96, "--integrations", 24, "--smear", "off", "--dec", 33)
RAW = ("--units", "raw", "--gain-amp-rms", 0.2, "--gain-phase", "random", "--bandpass-ripple", 0.1, "--delay-ns", 100, "--drift-amp", 0.06)
folder = scratch("position")
data = {}


def observed(drift_deg, *options, jy=12.7):
    """Folder of a calibrator in transit whose receptors' phases drift by so much an hour."""
    key = (drift_deg, jy, *options)
    if key not in data:
        data[key] = simulate(*ARRAY, *RAW, "--calibrator", jy, "--drift-phase", drift_deg, *options)[0]
    return data[key]


def shifted(where, name, move):
    """The truth's catalogue with its positions (ra, dec in degrees) moved."""
    path = os.path.join(folder, name + ".csv")
    with open(os.path.join(where, "truth-calibrator.csv")) as f:
        rows = list(csv.DictReader(line for line in f if not line.startswith("#")))
    for row in rows:
        ra, dec = move(float(row["ra_deg"]), float(row["dec_deg"]))
        row.update(ra_deg=f"{ra % 360:.9f}", dec_deg=f"{dec:.9f}")
    with open(path, "w", newline="") as f:
        out = csv.DictWriter(f, rows[0])
        out.writeheader()
        out.writerows(rows)
    return path


def by_arcsec(east, north):
    return lambda ra, dec: (ra + east / 3600 / np.cos(np.radians(dec)), dec + north / 3600)


def b1950(ra, dec):
    """What a catalogue of B1950 lists, read as if it were ICRS."""
    old = SkyCoord(ra, dec, unit="deg", frame="icrs").transform_to(FK5(equinox="J2000")).transform_to(
        FK4(equinox="B1950", obstime=Time("J2026")))
    return old.ra.deg, old.dec.deg


def calibrate(where, model, *options, ranks=1):
    prefix = os.path.join(folder, f"out-{ranks}")
    for kind in ("bandpass", "gain"):
        if os.path.exists(f"{prefix}.{kind}.calh5"):
            os.remove(f"{prefix}.{kind}.calh5")
    done = subprocess.run([os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "calibrate", *files_of(where), "--model", model,
                           "--out", prefix, *map(str, options)], capture_output=True, text=True)
    found = re.search(r"positions: east (\S+) \+- (\S+), north (\S+) \+- (\S+) arcsec", done.stdout)
    numbers = [float(x) for x in found.groups()] if found else None
    written = os.path.exists(f"{prefix}.gain.calh5")
    print(os.path.basename(model), options, f"exit {done.returncode}", found.group(0) if found else "no offset", flush=True)
    check(written == (done.returncode == 0), "tables and exit code", done.returncode, done.stderr[-800:])
    return done, numbers, prefix


def close(numbers, east, north, about):
    """The sky lies so far from the model: within 4 of its errors."""
    if not check(numbers is not None, about, "no offset"):
        return
    near(numbers[0], east, 4 * numbers[1], about, "east")
    near(numbers[2], north, 4 * numbers[3], about, "north")


def test_offsets_are_measured():
    """The model lies at -offset of the sky."""
    where = observed(5)
    for east, north, code in ((0, 0, 0), (15, 0, 0), (-120, 0, 7), (90, -60, 7), (0, 160, 7)):
        done, numbers, _ = calibrate(where, shifted(where, f"s{east}_{north}", by_arcsec(-east, -north)))
        close(numbers, east, north, f"{east} {north}")
        check(done.returncode == code, east, north, done.returncode, done.stderr[-800:])
        check(numbers and numbers[1] < 2 and numbers[3] < 4, "errors", numbers)
        if code == 0:
            check("gate position: the sky lies" in done.stderr, done.stderr[-800:])
            continue
        check(f"s{east}_{north}.csv lists lay" in done.stderr and "--qa-cal-max-offset" in done.stderr, done.stderr[-800:])
    done, numbers, _ = calibrate(where, shifted(where, "s60_0", by_arcsec(-60, 0)))
    close(numbers, 60, 0, "60")
    check(done.returncode == 0 and "WARNING gate position" in done.stderr, "warned", done.stderr[-800:])


def test_b1950():
    """Also where the receptors drift, by much."""
    for drift in (5, 60):
        where = observed(drift)
        model = shifted(where, "b1950", b1950)
        with open(model) as f, open(os.path.join(where, "truth-calibrator.csv")) as g:
            old, new = (next(csv.DictReader(line for line in h if line[0] != "#")) for h in (f, g))
        east = (float(new["ra_deg"]) - float(old["ra_deg"]) + 180) % 360 - 180
        done, numbers, _ = calibrate(where, model)
        check(done.returncode == 7 and "B1950" in done.stderr, done.returncode, done.stderr[-800:])
        # To first order: 2 % of it.
        near(numbers[0], 3600 * east * np.cos(np.radians(float(old["dec_deg"]))), 60 + 4 * numbers[1], "east")
    done, _, _ = calibrate(where, model, "--qa-cal-max-offset", 10000)
    check(done.returncode == 0 and "--qa-cal-max-offset 10000 (command line) is looser" in done.stderr, "relaxed", done.stderr[-800:])


def test_drifts_pass():
    """No shift: much drift, another seed, faint, few antennas, long intervals."""
    cases = [(60, ()), (60, ("--seed", 2)), (400, ("--seed", 3)), (60, ("--stations", "1-9,40,49,68,75,88,96,99,100")),
             (60, ("--stations", "12,16,20,24,44,71,80,92,96,102"))]
    for drift, options in cases:
        where = observed(drift, *options)
        done, numbers, _ = calibrate(where, os.path.join(where, "truth-calibrator.csv"))
        check(done.returncode == 0, drift, options, done.stderr[-800:])
        close(numbers, 0, 0, f"{drift} {options}")
    faint = observed(25, jy=1)
    done, numbers, _ = calibrate(faint, os.path.join(faint, "truth-calibrator.csv"))
    check(done.returncode == 0, "faint", done.stderr[-800:])
    close(numbers, 0, 0, "faint")
    where = observed(25)
    truth = os.path.join(where, "truth-calibrator.csv")
    done, numbers, _ = calibrate(where, truth, "--gain-interval", 60)
    check(done.returncode == 0, "60 s", done.stderr[-800:])
    close(numbers, 0, 0, "60 s")
    done, numbers, _ = calibrate(where, truth, "--gain-interval", 1000)
    check(done.returncode == 0 and numbers is None, "one interval", numbers, done.stderr[-800:])
    check("gate position: skipped: 1 interval of gains" in done.stderr, done.stderr[-800:])


def with_air(where, name, phase):
    """Folder of the same data with a phase (rad) of each antenna by metres to the east and north, and seconds."""
    out = os.path.join(folder, name)
    shutil.copytree(where, out)
    for path in files_of(out):
        with h5py.File(path, "r+") as f:
            head = f["Header"]
            lat, lon = (np.radians(float(head[k][()])) for k in ("latitude", "longitude"))
            x, y, z = head["antenna_positions"][...].T
            east = y * np.cos(lon) - x * np.sin(lon)
            north = z * np.cos(lat) - (x * np.cos(lon) + y * np.sin(lon)) * np.sin(lat)
            row = {number: i for i, number in enumerate(head["antenna_numbers"][...])}
            second = 86400 * (head["time_array"][...] - head["time_array"][...].min())
            first, other = (np.array([row[a] for a in head[f"ant_{k}_array"][...]]) for k in (1, 2))
            by = phase(east[first], north[first], second) - phase(east[other], north[other], second)
            vis = f["Data/visdata"][...]
            f["Data/visdata"][...] = (vis * np.exp(1j * by).reshape(-1, *(1,) * (vis.ndim - 1))).astype(vis.dtype)
    return out


def test_air_passes():
    """A slope of 2 degrees/km that grows in 5 minutes, travelling waves of 0.2 TECU and of the array's scale: what they look
    like is warned of or less, at any declination; an offset that turns phases as far as 150 arcsec east is refused."""
    slope = np.radians(2) / 1000 / 300
    per_rad = 2 * np.pi / 299792458 * 7.2921159e-5
    for dec in (0.2, 3, 33):
        where = simulate(*ARRAY[:-1], dec, *RAW, "--calibrator", 12.7, "--drift-phase", 1)[0]
        truth = os.path.join(where, "truth-calibrator.csv")
        with h5py.File(files_of(where)[0]) as f:
            freq = np.mean(f["Header/freq_array"][...])
        done, numbers, _ = calibrate(with_air(where, f"slope{dec}", lambda e, n, s: slope * e * s), truth)
        check(done.returncode == 0, "slope", dec, done.stderr[-800:])
        if dec > 1:  # to the south, by its formula
            near(numbers[2], -206265 * slope / (per_rad * freq * np.sin(np.radians(dec))), 12 + 4 * numbers[3], "slope", dec)
        wave = np.radians(69)
        done, _, _ = calibrate(with_air(where, f"east{dec}", lambda e, n, s: wave * np.cos(2 * np.pi * (e / 2e5 - (s - 150) / 1200))), truth)
        check(done.returncode == 0, "wave to the east", dec, done.stderr[-800:])
        done, _, _ = calibrate(with_air(where, f"north{dec}", lambda e, n, s: wave * np.cos(2 * np.pi * (n / 2e5 - (s - 150) / 1200))), truth)
        check(done.returncode == 0 and "the ionosphere may do it, too" in done.stderr, "wave to the north", dec, done.stderr[-800:])
        short = with_air(where, f"short{dec}", lambda e, n, s: np.radians(60) * np.sin(2 * np.pi * ((e - n / 2) / 2e4 - s / 600)))
        done, numbers, _ = calibrate(short, truth)
        check(done.returncode == 0 and (dec < 1 or "but not at one rate" in done.stderr), "short wave", dec, numbers, done.stderr[-800:])
        far = (0, 150 / np.sin(np.radians(dec))) if dec > 1 else (150, 0)
        done, _, _ = calibrate(where, shifted(where, f"far{dec}", by_arcsec(*far)))
        check(done.returncode == 7 and "use another transit" in done.stderr, "offset", dec, done.returncode, done.stderr[-800:])


def run(name, files, model, code):
    """What the run said, and its tiles' records."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key, place in (("STATE", f"{name}-state"), ("OUTPUT", name), ("PRODUCTS", f"{name}-products")):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, place)
        os.makedirs(env[f"CONTIMG_{key}_DIR"])
    env.update(CONTIMG_EXPECTED_SUBBANDS="1", CONTIMG_MIN_SUBBANDS="1")
    done = subprocess.run([os.path.join(source, "tests/mpirun.sh"), "2", contimg, "run", *files, "--no-publish", "--size", "256", "--niter",
                           "100", "--qa-img-max-noise-ratio", "100", "--qa-img-max-flux-loss", "1", "--model", model],
                          capture_output=True, text=True, env=env)
    check(done.returncode == code, name, done.returncode, done.stdout, done.stderr[-2000:])
    records = []
    for path in sorted(glob.glob(f"{env['CONTIMG_OUTPUT_DIR']}/tiles/*/tile.json")):
        with open(path) as f:
            records.append(json.load(f))
    return done, records


def test_run():
    """A calibrator, and 25 minutes later a field: the catalogue has one or the other elsewhere."""
    small = ("--stations", 48, *ARRAY[2:-2], "--tiles", 2, "--tile-step", 1500)
    (ra, dec), field = (tile_centre(tile, *small[:2], *small[-4:]) for tile in (0, 1))
    sky = {"CAL": (ra, dec, 12.7), **{f"S{i}": (field[0] + x, field[1] + y, 1.5) for i, (x, y) in
                                       enumerate(((0, 0.1), (0.2, -0.1), (-0.2, 0.2), (0.1, 0.25), (-0.15, -0.2)))}}
    where, _ = simulate(*small, *RAW, "--sources", sources_write(os.path.join(folder, "sky.csv"), sky), "--sefd", 1500,
                        "--drift-phase", 5)
    elsewhere = {k: (*by_arcsec(-300, 200)(*v[:2]), v[2]) for k, v in sky.items()}
    done, records = run("calibrator", files_of(where), sources_write(os.path.join(folder, "c.csv"), {**sky, "CAL": elsewhere["CAL"]}), 7)
    check(not records and "gate position" in done.stderr, records, done.stderr[-1000:])
    model = sources_write(os.path.join(folder, "f.csv"), {**elsewhere, "CAL": sky["CAL"]})
    done, records = run("field", files_of(where), model, 0)
    own, other = (r["calibration"] for r in records)
    check("gains by the tile's own field are not taken: gate position" in done.stderr, done.stderr[-2000:])
    check(other["field"] == "none" and other["field_why"].startswith("gate position: "), other)
    for side in ("east", "north"):
        near(own[f"offset_{side}_arcsec"], 0, 4 * own[f"offset_{side}_err"], side)
    check(own["field_shift_arcsec"] == other["field_shift_arcsec"] == 0 and "DEGRADED" not in done.stdout + done.stderr, own, other)
    for name, east in (("right", 0), ("moved", 12), ("far", 40)):
        rows = {k: (*by_arcsec(east, 0)(*v[:2]), v[2]) if k != "CAL" else v for k, v in sky.items()}
        done, records = run(name, files_of(where), sources_write(os.path.join(folder, f"{name}.csv"), rows), 0)
        own, other = (r["calibration"] for r in records)
        why = other["field_shift_why"]
        print(f"{name}: the field's catalogue has moved it by {other['field_shift_arcsec']:.2f} arcsec: {why}", flush=True)
        near(other["field_shift_arcsec"], east, 2, name)
        check(other["field"] in ("phase", "all") and own["field_shift_why"] == "", name, own, other)
        check((why != "") == (east > 10) and ("DEGRADED: positions are not the calibrator's in 1 tile" in done.stdout + done.stderr) ==
              (east > 10), name, why, done.stdout, done.stderr[-2000:])
        check(re.search("WARNING.*gains by the tile's own field: " + re.escape(why), done.stderr) or east < 10, name, done.stderr[-2000:])
    with open(glob.glob(os.path.join(folder, "field-state/reports/*/report.html"))[0]) as f:
        check("offset of the sky from the model's positions: " in f.read(), "report")


def test_ranks():
    where = observed(25)
    model = shifted(where, "ranks", by_arcsec(30, 0))
    seen = set()
    for ranks in (1, 3, 4):
        done, numbers, prefix = calibrate(where, model, ranks=ranks)
        check(done.returncode == 0, done.stderr[-800:])
        with open(f"{prefix}.gain.calh5", "rb") as f:
            seen.add((tuple(numbers), hashlib.sha256(f.read()).hexdigest()))
    check(len(seen) == 1, "ranks", seen)


run_tests(globals())
