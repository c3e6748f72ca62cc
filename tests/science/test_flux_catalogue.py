# ci-test: timeout=900 cost=40
"""A catalogue of the field says when fluxes are off: gains that changed in common between the calibrator's tile and the
field's, 25 minutes later, by 5 or 4 % of the flux, make the product DEGRADED, with the number; fluxes that are right of
which one source varies, and two sources that disagree do not. Far off, it is refused, though the catalogue may be at fault,
and the text says both. With --flux-scale field fluxes become the catalogue's, a source that varies or not; headers and the
record say so. Sources that do not agree set no scale, and it is said."""
import glob
import json
import os
import shutil
import subprocess

import h5py
import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import FEW_STATIONS, field_sources, files_of, need_contimg, simulate, skip, source, sources_write, tile_centre

contimg = need_contimg()
try:
    from astropy.io import fits
    from astropy.wcs import WCS
    from images import peak_fit
except ImportError as error:
    skip(f"{error} in the test venv")

SMALL = ("--stations", FEW_STATIONS, "--sub-bands", 2, "--channels", 8, "--samples", 192, "--integrations", 12, "--smear", "off", "--tiles", 2,
         "--tile-step", 1500)
FLUXES = [0.8, 0.36, 0.4, 0.3] + [0.3] * 8
FIELD = "2026-01-25T00:25:10"
OFF = f"DEGRADED: fluxes are not the catalogue's in 1 tile: in {FIELD} "
folder = scratch("catalogue")


def write(name, rows):
    return sources_write(os.path.join(folder, name), rows)


field = field_sources(tile_centre(1, *SMALL[:2], *SMALL[6:]), FLUXES)
calibrator = {"CAL": (*tile_centre(0, *SMALL[:2], *SMALL[6:]), 12.7)}
tiles = []
for tile, rows in enumerate((calibrator, field)):
    data, _ = simulate(*SMALL, "--sources", write(f"sky-{tile}.csv", rows), "--sefd", 700, "--units", "raw", "--gain-amp-rms", 0.2,
                       "--gain-phase", "random", "--bandpass-ripple", 0.1, "--drift-phase", 30)
    tiles.append(sorted(files_of(data))[2 * tile:2 * tile + 2])


def changed(factor):
    """The field's files with visibilities that are `factor` times as much: amplitudes of all receptors changed alike."""
    place = os.path.join(folder, f"x{factor}")
    os.makedirs(place, exist_ok=True)
    out = []
    for path in tiles[1]:
        out.append(shutil.copy(path, place))
        with h5py.File(out[-1], "r+") as f:
            values = f["Data/visdata"]
            values[...] = values[...] * np.array(factor, values.dtype)
    return out


def catalogue(name, factor=1.0, only=None, **others):
    """The calibrator and the field's sources, all `factor` times as bright as they are, those of `others` by theirs."""
    rows = {n: (ra, dec, s * others.get(n, factor)) for n, (ra, dec, s) in field.items() if not only or n in only}
    return write(f"{name}.csv", {**calibrator, **rows})


def scale_of(tile):
    """The median of the field's fluxes over the simulator's."""
    with fits.open(f"{tile}/pbcor.fits") as f:
        pixel, header = f[0].data.squeeze().astype(float), f[0].header
    wcs, ratio = WCS(header).celestial, []
    for ra, dec, flux in field.values():
        x, y = (int(round(float(v))) for v in wcs.all_world2pix(ra, dec, 0))
        ratio.append(peak_fit(pixel, x, y)[0] / (flux * (header["RESTFRQ"] / 1.4e9) ** -0.7))
    return np.median(ratio)


def run(name, files, model, *options, code=0):
    """What the run printed, the field's record, its gate, its fluxes over the truth's, and the mosaic's header."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key, place in (("STATE", f"{name}-state"), ("OUTPUT", name), ("PRODUCTS", f"{name}-products")):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, place)
        os.makedirs(env[f"CONTIMG_{key}_DIR"], exist_ok=True)
    env.update(CONTIMG_EXPECTED_SUBBANDS="2", CONTIMG_MIN_SUBBANDS="2")
    ranks = "2" if "--flux-scale" in options else "1"  # on cores that others use, two wait for each other
    command = [os.path.join(source, "tests/mpirun.sh"), ranks, contimg, "run", *tiles[0], *files, "--size", "800", "--model", model,
               *options]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    check(done.returncode == code, " ".join(command[2:]), done.stdout, done.stderr[-3000:])
    tile = f"{env['CONTIMG_OUTPUT_DIR']}/tiles/{FIELD}"
    with open(f"{tile}/tile.json") as f:
        record = json.load(f)
    gate = {g["gate"]: g for g in record["gates"]}["flux_ratio"]
    header = fits.getheader(glob.glob(f"{env['CONTIMG_OUTPUT_DIR']}/mosaics/*/mosaic.fits")[0])
    if "WARN" in done.stderr or "field" in name: print("\n".join(l for l in done.stderr.splitlines() if "scale" in l))
    print(f"{name}: {scale_of(tile):.4f} of the truth: {gate['outcome']}: {gate['text']}")
    return done.stdout + done.stderr, record, gate, scale_of(tile), header


def test_common_change():
    for factor in (0.955, 1.05):
        out, record, gate, scale, header = run(f"by{factor}", changed(factor), catalogue("all"))
        near(scale, factor, 0.01, "fluxes over the truth's")
        near(record["image"]["flux_ratio"], factor, 3 * record["image"]["flux_ratio_err"], "the number that is said")
        check(record["image"]["n_flux_match"] == 12 and record["image"]["flux_ratio_err"] < 0.01, record["image"])
        check(gate["outcome"] == "warn" and record["state"] == "passed", gate)
        check(OFF + gate["text"] in out and "the calibrator varied, or the catalogue has another scale: " in gate["text"], out)
        check(header["DEGRADED"].startswith(OFF[10:]), header["DEGRADED"])


def test_right():
    """Fluxes that are right, one of which is another one than the catalogue's."""
    for name, model in (("varies", catalogue("varies", S0=1.25, S1=0.8)),
                        ("few", catalogue("few", only=("S0", "S2", "S3"), S0=1.25))):
        out, record, gate, scale, header = run(name, tiles[1], model)
        near(scale, 1, 0.01, "fluxes over the truth's")
        check(gate["outcome"] == ("skip" if name == "few" else "pass") and "DEGRADED" not in out, gate, out)
        check("DEGRADED" not in header, name)


def test_few_sources():
    out, record, gate, scale, header = run("five", changed(0.9), catalogue("five", only=("S0", "S1", "S2", "S3", "S4")))
    check(gate["outcome"] == "warn" and "over 5 sources" in gate["text"] and OFF + gate["text"] in out, gate, out)


def test_relaxed():
    out, record, gate, scale, header = run("relaxed", changed(0.9), catalogue("all"), "--qa-img-max-flux-offset", "0.15")
    check(gate["outcome"] == "warn" and gate["text"].endswith(", limit relaxed"), gate)
    check("DEGRADED" not in out and "qa-img-max-flux-offset 0.15 (0.02)" in record["relaxed"], out, record["relaxed"])


def test_far_off():
    """The catalogue's fluxes are 30 % higher than the sources': they may be, or the gains: refused, with both named."""
    out, record, gate, scale, header = run("far", tiles[1], catalogue("far", 1.3), code=7)
    near(scale, 1, 0.01, "fluxes over the truth's")
    check("refused: flux_ratio: fluxes are 0.7" in out and "gains have changed since the calibrator" in out
          and "or the catalogue has another scale" in out, out)


def test_flux_scale_of_the_field():
    out, record, gate, scale, header = run("field", changed(0.9), catalogue("varies", S0=1.25), "--flux-scale", "field")
    near(scale, 1, 0.01, "fluxes over the truth's")
    check(gate["outcome"] == "pass" and "DEGRADED" not in out, gate, out)
    tile = fits.getheader(f"{folder}/field/tiles/{FIELD}/image.fits")
    near(tile["FLUXDIV"], 0.9, 0.01, "what fluxes were divided by")
    near(record["calibration"]["flux_scale"], tile["FLUXDIV"], 1e-6, "the record's")
    check(tile["FLUXSCAL"] == "field" and header["FLUXSCAL"] == "field", tile["FLUXSCAL"])
    near(tile["RMS"] / tile["THERMAL"], 1, 0.1, "the noise goes with the fluxes")


def test_flux_scale_of_two_that_disagree():
    model = catalogue("two", only=("S0", "S2"), S0=1.25)
    out, record, gate, scale, header = run("two", changed(0.9), model, "--flux-scale", "field")
    near(scale, 0.9, 0.01, "fluxes over the truth's")
    check("--flux-scale field: not done: " in out and "flux_scale" not in record["calibration"], out)


run_tests(globals())
