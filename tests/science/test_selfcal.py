"""Self-calibration: of data with phase errors that drift, --selfcal brings the image near to the thermal noise, moves
no source by more than a fiftieth of the beam and no flux by more than 2 %. A source that changes by 20 % between two
tiles shows 20 %, with gains transferred from one tile to the other and with self-calibration. ci-test: timeout=900 cost=40"""
import glob
import json
import os
import subprocess

import numpy as np

from checks import check, near, run_tests, scratch
from sim_support import need_contimg, simulate, source

contimg = need_contimg()
HEAD = "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n"
SMALL = ("--stations", 30, "--sub-bands", 2, "--channels", 8, "--fine", 1, "--smear", "off")


def run(ranks, *args, env=None):
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg, *(str(a) for a in args)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})})
    check(done.returncode == 0, " ".join(command[2:]), done.stderr[-1500:])
    return done.stderr


def fits(path):
    from astropy.io import fits as files
    with files.open(path) as f:
        return f[0].data.squeeze().astype(float), f[0].header


def peak(pixel, x, y):
    """Position (pixels) and value at the top of the Gaussian through the pixels about the peak near x, y."""
    x, y = int(round(float(x))), int(round(float(y)))
    box = pixel[y - 4:y + 5, x - 4:x + 5]
    dy, dx = np.unravel_index(np.argmax(box), box.shape)
    x, y = x + dx - 4, y + dy - 4
    i, j = np.mgrid[-1:2, -1:2]
    design = np.stack([np.ones(9), j.ravel(), i.ravel(), j.ravel() ** 2, (i * j).ravel(), i.ravel() ** 2], 1)
    c = np.linalg.lstsq(design, np.log(pixel[y - 1:y + 2, x - 1:x + 2].ravel()), rcond=None)[0]
    at = np.linalg.solve([[2 * c[3], c[4]], [c[4], 2 * c[5]]], [-c[1], -c[2]])
    return x + at[0], y + at[1], np.exp(c[0] + 0.5 * (c[1] * at[0] + c[2] * at[1]))


def place(header, ra, dec):
    from astropy.wcs import WCS
    return WCS(header).celestial.all_world2pix(ra, dec, 0)


def sources_about(ra, dec, seed):
    """Ten of 0.3 Jy and one of 5 Jy within 0.25 degrees."""
    random = np.random.default_rng(seed)
    rows = [("A", ra + 0.05, dec - 0.03, 5.0)]
    rows += [(f"S{i}", ra + x, dec + y, 0.3) for i, (x, y) in enumerate(random.uniform(-0.25, 0.25, (10, 2)))]
    return rows


def write(path, rows):
    with open(path, "w") as f:
        f.write(HEAD + "".join(f"{n},{ra:.6f},{dec:.6f},{s},1.45e9,-0.7\n" for n, ra, dec, s in rows))


def centre_of(start, n=24):
    """ICRS centre of the tile that begins at a time: where a run images it."""
    folder, _ = simulate(*SMALL, "--integrations", n, "--start", start, "--calibrator", 5)
    with open(f"{folder}/truth-calibrator.csv") as f:
        row = [line for line in f if line[0] != "#"][1].split(",")
    return float(row[1]), float(row[2])


def test_errors_go():
    here = scratch("selfcal")
    start = "2026-01-25T00:00:10"
    rows = sources_about(*centre_of(start), 1)
    write(f"{here}/sky.csv", rows)
    options = (*SMALL, "--integrations", 24, "--start", start, "--sources", f"{here}/sky.csv", "--sefd", 1500)
    folder, _ = simulate(*options, "--gain-phase", 15, "--drift-phase", 200)
    image = ("--size", 512, "--cell-arcsec", 4, "--weights", "sigma")
    files = sorted(glob.glob(f"{folder}/*.hdf5"))
    run(2, "image", *files, *image, "--out", f"{here}/before")
    said = run(2, "image", *files, *image, "--selfcal", "--out", f"{here}/after")
    print("\n".join(line for line in said.splitlines() if "self-cal" in line))
    (before, head), (after, _) = fits(f"{here}/before.image.fits"), fits(f"{here}/after.image.fits")
    rms = [1.4826 * np.median(np.abs(fits(f"{here}/{k}.residual.fits")[0])) for k in ("before", "after")]
    thermal = fits(f"{here}/after.image.fits")[1]["THERMAL"]
    print(f"rms {rms[0]:.3g} -> {rms[1]:.3g}, thermal {thermal:.3g}")
    check(rms[0] > 2 * rms[1], "errors were small before, or are there still", rms)
    check(rms[1] < 1.2 * thermal, "rms", rms[1], "thermal", thermal)
    beam = fits(f"{here}/after.pb.fits")[0]
    x, y = place(head, rows[0][1], rows[0][2])
    a, b = peak(before, x, y), peak(after, x, y)
    moved = np.hypot(a[0] - b[0], a[1] - b[1]) * 4
    print(f"A moved by {moved:.4f} arcsec, {np.hypot(b[0] - x, b[1] - y) * 4:.4f} from its place")
    check(moved < head["BMAJ"] * 3600 / 50, "moved by", moved, "arcsec, beam", head["BMAJ"] * 3600)
    level = beam[int(round(float(y))), int(round(float(x)))]
    freq = head["RESTFRQ"]
    near(b[2] / level, rows[0][3] * (freq / 1.45e9) ** -0.7, 0.02 * rows[0][3], "flux of A")


def test_change_stays():
    here = scratch("change")
    starts = ("2026-01-25T00:00:10", "2026-01-25T00:02:10")
    middle = centre_of("2026-01-25T00:01:10", 8)
    rows = sources_about(*middle, 2)
    changed = [(n, ra, dec, s * (1.2 if n == "S0" else 1)) for n, ra, dec, s in rows]
    rows[1] = (*rows[1][:3], 1.0)
    changed[1] = (*changed[1][:3], 1.2)
    write(f"{here}/first.csv", rows)
    write(f"{here}/second.csv", changed)
    files = []
    for start, sky in zip(starts, ("first", "second")):
        folder, _ = simulate(*SMALL, "--integrations", 8, "--start", start, "--sources", f"{here}/{sky}.csv", "--sefd",
                             100, "--gain-phase", "random", "--gain-amp-rms", 0.2, "--drift-phase", 10, "--units", "raw")
        files += sorted(glob.glob(f"{folder}/*.hdf5"))
    for name, options in (("transferred", ()), ("selfcal", ("--selfcal",))):
        env = {f"CONTIMG_{k}_DIR": f"{here}/{name}/{v}" for k, v in
               (("STATE", "state"), ("OUTPUT", "staging"), ("PRODUCTS", "products"))}
        for folder in env.values():
            os.makedirs(folder)
        env.update(CONTIMG_EXPECTED_SUBBANDS="2", CONTIMG_MIN_SUBBANDS="2")
        run(2, "run", *files, "--model", f"{here}/first.csv", "--size", 700, "--cell-arcsec", 5, *options, env=env)
        flux = []
        with open(glob.glob(f"{here}/{name}/state/reports/*/report.json")[0]) as f:
            tiles = [t for g in json.load(f)["groups"] for t in g["tiles"]]
        for tile in tiles:
            pixel, head = fits(f"{tile['folder']}/pbcor.fits")
            flux.append(peak(pixel, *place(head, rows[1][1], rows[1][2]))[2])
        print(f"{name}: {flux[0]:.4f} Jy, then {flux[1]:.4f}: ratio {flux[1] / flux[0]:.4f}")
        near(flux[1] / flux[0], 1.2, 0.012, name)
        near(flux[0], (head["RESTFRQ"] / 1.45e9) ** -0.7, 0.02, name, "first tile")


run_tests(globals())
