# ci-test: timeout=900 cost=80
"""A tile with tables of a calibrator 25 minutes before, whose gains have drifted since, and no catalogue of its field: no
image is published whose fluxes are off by more than 2 %. Its gains are corrected on its own image where the phases that
its sources show cost more than noise tells, also where the noise alone would pass; where that is not to be, the tile is
refused. Antennas that give noise alone while the field is observed are flagged by name. Gains that are good are left alone, however much noise a source outside the image makes: it is taken out. The
same bytes at 1 and 3 ranks."""
import glob
import json
import os
import shutil
import subprocess

import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import FEW_STATIONS, field_sources, files_of, need_contimg, simulate, skip, source, sources_write, tile_centre

contimg = need_contimg()
try:
    import h5py
    from astropy.io import fits
    from astropy.wcs import WCS
    from images import peak_fit, pixels_digest
except ImportError as error:
    skip(f"{error} in the test venv")

SMALL = ("--stations", FEW_STATIONS, "--sub-bands", 2, "--channels", 8, "--samples", 192, "--integrations", 12, "--smear", "off", "--tiles", 2,
         "--tile-step", 1500)
RAW = ("--units", "raw", "--gain-amp-rms", 0.2, "--gain-phase", "random", "--bandpass-ripple", 0.1)
NOISE_JY = 1500  # SEFD over the efficiency
BRIGHT, FAINT = [0.8, 0.36, 0.4, 0.3] + [0.05] * 8, [0.36] + [0.08] * 11
FIELD = "2026-01-25T00:25:10"
folder = scratch("scale")
logs = {}


def centre_of(tile):
    return tile_centre(tile, *SMALL[:2], *SMALL[6:])


calibrator = {"CAL": (*centre_of(0), 12.7)}
field_centre = centre_of(1)


def sources_of(fluxes):
    return field_sources(field_centre, fluxes)


def write(name, rows):
    return sources_write(os.path.join(folder, name), rows)


def observe(name, sky, drift_deg, seen=None):
    """Files of the calibrator's tile and of the field's: one sky for each, as one sky has no edge."""
    out = []
    for tile, rows in enumerate((seen or calibrator, sky)):
        data, _ = simulate(*SMALL, "--sources", write(f"{name}-{tile}.csv", rows), "--sefd", NOISE_JY, *RAW, "--drift-phase",
                           drift_deg, "--drift-amp", 0.06 if drift_deg else 0)
        out += sorted(files_of(data))[2 * tile:2 * tile + 2]
    return out


def run(name, files, *options, ranks=2, code=0):
    """What the run printed, and record and folder of the field's tile."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key, place in (("STATE", f"{name}-state"), ("OUTPUT", name), ("PRODUCTS", f"{name}-products")):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, place)
        os.makedirs(env[f"CONTIMG_{key}_DIR"], exist_ok=True)
    env.update(CONTIMG_EXPECTED_SUBBANDS="2", CONTIMG_MIN_SUBBANDS="2")
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, "run", *files, "--no-publish", "--size", "800",
               "--model", model, *options]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    check(done.returncode == code, " ".join(command[2:]), done.stdout, done.stderr[-3000:])
    tile = f"{env['CONTIMG_OUTPUT_DIR']}/tiles/{FIELD}"
    with open(f"{tile}/tile.json") as f:
        record = json.load(f)
    header = fits.getheader(f"{tile}/image.fits")
    gates = {g["gate"]: g for g in record["gates"]}
    print(f"{name}: {record['state']}, rms {header['RMS'] / header['THERMAL']:.2f} x thermal, {header['SELFCAL']}, "
          f"{gates.get('coherence', {}).get('text')}, fluxes {flux_scale(tile):.4f}")
    logs[name] = done.stderr
    return done.stdout, record, tile, gates


def flux_scale(tile):
    """Fluxes of the field's four first sources over the truth's, weighted by their power."""
    name = tile.split("/")[-3]
    sky = faint if "faint" in name else weak if "weak" in name else bright
    with fits.open(f"{tile}/pbcor.fits") as f:
        pixel, header = f[0].data.squeeze().astype(float), f[0].header
    wcs, sums = WCS(header).celestial, np.zeros(2)
    for ra, dec, flux in list(sky.values())[:4]:
        x, y = (int(round(float(v))) for v in wcs.all_world2pix(ra, dec, 0))
        found = peak_fit(pixel, x, y)[0] / (header["RESTFRQ"] / 1.4e9) ** -0.7
        sums += found * flux, flux * flux
    return sums[0] / sums[1]


def sum_of(tile):
    return pixels_digest(f"{tile}/", ("image", "residual", "pbcor"))


model = write("calibrator.csv", calibrator)
bright, faint, weak = sources_of(BRIGHT), sources_of(FAINT), sources_of([0.1] + [0.02] * 11)
drifted, slightly = observe("bright", bright, 25), observe("faint", faint, 19)
ra, dec = field_centre
steady, steady_weak = (observe(name, {**sky, "OUT": (ra + 0.3, dec + 1.6, 2.2)}, 0)
                       for name, sky in (("steady", bright), ("weak", weak)))
saved = run("saved", drifted, ranks=1)


def test_what_it_is_about():
    """Without the gate: fluxes are lost, and the product says no more than that there is noise."""
    out, record, tile, gates = run("bare", drifted, "--qa-img-max-flux-loss", "1")
    check(record["state"] == "passed" and "coherence" not in gates, record["state"], gates)
    check(flux_scale(tile) < 0.95 and 1.5 < gates["noise"]["value"] < 3, flux_scale(tile), gates["noise"])
    check(f"DEGRADED: noise is above thermal in 1 tile: in {FIELD} rms " in out, out)


def test_saved():
    out, record, tile, gates = saved
    got = record["calibration"]
    check(record["state"] == "passed" and got["how"] == "transferred" and got["self"] != "none", got)
    check(gates["coherence"]["outcome"] == "pass" and got["is_doubted"] and got["flux_loss_before"] > 0.05, gates, got)
    near(got["flux_loss"], 0, 0.005, "what is left")
    near(flux_scale(tile), 1, 0.02, "fluxes")
    check(gates["noise"]["outcome"] == "pass" and "DEGRADED" not in out, gates["noise"], out)


def test_ranks():
    check(sum_of(run("again", drifted, ranks=3)[2]) == sum_of(saved[2]), "bytes differ between 1 and 3 ranks")


def test_refused():
    """Where nothing is to be solved on the tile, also where the noise alone would pass."""
    for name, files in (("plain", drifted), ("plain-faint", slightly)):
        out, record, tile, gates = run(name, files, "--field-gains", "none")
        check(record["state"] == "refused" and record["reason"].startswith("coherence: gains of another tile"), record["reason"])
        check("1 of 2 tiles" in out and record["calibration"]["self"] == "none", out)
        check(gates["noise"]["outcome"] == ("pass" if "faint" in name else "warn"), gates["noise"])
        check(flux_scale(tile) < 0.98, flux_scale(tile))


def test_slight():
    out, record, tile, gates = run("faint", slightly)
    check("nothing but noise" not in logs["faint"], logs["faint"])
    check(record["state"] == "passed" and gates["coherence"]["outcome"] == "pass", gates)
    near(flux_scale(tile), 1, 0.02, "fluxes")


def silenced(files, antennas):
    """Copies of them in which these antennas give noise alone, as much as there is."""
    out = []
    for i, path in enumerate(files):
        out.append(shutil.copy(path, os.path.join(folder, f"silent{i}-{os.path.basename(path)}")))
        with h5py.File(out[-1], "r+") as f:
            values, header, rng = f["Data/visdata"], f["Header"], np.random.default_rng(i)
            ant1, ant2 = header["ant_1_array"][...], header["ant_2_array"][...]
            rows = np.flatnonzero(np.isin(ant1, antennas) ^ np.isin(ant2, antennas) | np.isin(ant1, antennas) & (ant1 != ant2))
            data = values[...]
            sigma = np.sqrt(np.mean(np.abs(np.diff(data[rows], axis=-2)) ** 2, axis=-2, keepdims=True)) / 2
            shape = data[rows].shape
            data[rows] = sigma * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
            values[...] = data
    return out


def test_silent_antennas():
    """Two of 35 antennas that give only their noise would cost 11 %; without a word of the catalogue's, or by it."""
    files = observe("silent", faint, 5)
    broken = files[:2] + silenced(files[2:], [3, 5])
    catalogue = write("silent-catalogue.csv", {**calibrator, **faint})
    for name, options in (("silent-faint", ()), ("silent-known-faint", ("--model", catalogue))):
        out, record, tile, gates = run(name, broken, *options)
        check(record["state"] == "passed" and "DEGRADED" not in out, record["state"], out)
        near(flux_scale(tile), 1, 0.02, "fluxes")
        check("nothing but noise in 4 receptors, though it does in others: flagged: antenna 3, 5\n" in logs[name], logs[name])
    out, record, tile, gates = run("silent-left-faint", broken, "--field-gains", "none")
    check(record["state"] == "refused" and record["reason"].startswith("coherence: "), record["reason"])


def test_good_gains():
    """Noise of a source outside the image is no fault of gains, also where it is brighter than all inside."""
    for name, files in (("steady", steady), ("weak", steady_weak)):
        out, record, tile, gates = run(name, files)
        got = record["calibration"]
        check(record["state"] == "passed" and got["self"] == "none" and got["is_doubted"], got)
        check(gates["noise"]["value"] < 1.2 and gates["coherence"]["outcome"] == "pass", gates["noise"], gates["coherence"])
        check("DEGRADED" not in out and len(record["image"]["outside"]) >= 1, out)
        near(flux_scale(tile), 1, 0.02 if name == "steady" else 0.045, "fluxes")  # 3 sigma of faint ones


def test_faint_field():
    """No source says whether the phases were kept: the product does."""
    out, record, tile, gates = run("blank", observe("blank", sources_of([0.012] + [0.006] * 11), 60))
    check(record["state"] == "passed" and gates["coherence"]["outcome"] == "skip", record["state"], gates)
    check("DEGRADED: sources of 1 tile are too faint to say whether gains of another tile have kept their phases" in out, out)


def test_tables_of_a_refused_tile():
    """A calibrator that is two sources, listed as one: its tile shows that the tables are bad, the field's does not. The
    gate of the tables is told to let them be."""
    ra, dec, _ = calibrator["CAL"]
    two = {name: (ra, dec + sign * 15 / 3600, 6.35) for name, sign in (("CAL", 1), ("CALB", -1))}
    out, record, tile, gates = run("double", observe("double", bright, 10, two), "--qa-cal-max-structure", "1", code=7)
    check(gates["noise"]["outcome"] == "pass" and gates["coherence"]["outcome"] == "pass", gates)
    check(record["state"] == "refused" and record["reason"].startswith("its tables were solved on tile "), record["reason"])


run_tests(globals())
