#!/usr/bin/env python3
"""bench/night.py [--full] [--stations N] [--sub-bands N] [--channels N] [--fields N] [--sources N] [--seed N] [--keep DIR]: a
night from raw units to a mosaic by one `contimg run`: a tile with a 12.7 Jy calibrator, then field tiles of more than 500
sources within 5 degrees each, inside the image and outside. Gains of 20 % and random phase that drift over the hour, bandpasses of 10 % ripple,
delays to 500 ns, 3 dead antennas, a dead receptor, interference in 2 % of the cells. Prints for each tile rms against
the thermal noise of what is left unflagged, without and with the term of the sources below the mask, and the median
ratio of found and true flux, and appends a line of JSON to bench/results/night.jsonl. Needs numpy and astropy.
The programs are those of build/release, or of $CONTIMG_BUILD."""
import argparse
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

here = os.path.dirname(os.path.abspath(__file__))
build = os.environ.get("CONTIMG_BUILD", os.path.join(here, "../build/release"))


# of a night that takes minutes, and of a real one
SIZES = [("stations", 96, 96), ("sub_bands", 8, 16), ("channels", 16, 48), ("fields", 3, 10), ("sources", 200, 100)]


def simulate(folder, args):
    what = ["--stations", args.stations, "--sub-bands", args.sub_bands, "--channels", args.channels, "--dec", 33,
            "--seed", args.seed, "--tiles", args.fields + 1, "--calibrator", 12.7, "--calibrator-tile", 0,
            "--random", args.sources * (args.fields + 1), "--outside", args.sources // 5 * (args.fields + 1),
            "--units", "raw", "--gain-amp-rms", 0.2, "--gain-phase", "random", "--drift-amp", 0.05, "--drift-phase", 20,
            "--bandpass-ripple", 0.1, "--delay-ns", 500, "--dead", 3, "--dead-pol", 1, "--rfi", "narrow:0.01,broad:0.01"]
    command = ["mpirun", "-n", "2", f"{build}/bin/contimg-sim", "--out", folder] + what
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)


def run(folder, data, args):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_") or k == "CONTIMG_SHARE"}
    for key, name in (("INPUT", data), ("OUTPUT", "staging"), ("STATE", "state"), ("PRODUCTS", "products")):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, name)
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    env["CONTIMG_EXPECTED_SUBBANDS"] = env["CONTIMG_MIN_SUBBANDS"] = str(args.sub_bands)
    command = ["mpirun", "-n", "2", f"{build}/bin/contimg", "run", *sorted(glob.glob(f"{data}/*.hdf5")), "--model",
               f"{data}/truth-catalogue.csv", *args.option]
    start = time.time()
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    with open(f"{folder}/log", "w") as f:
        f.write(done.stdout + done.stderr)
    return done.returncode, time.time() - start


def truth_in(data, freq_hz):
    """Positions (degrees) and fluxes at a frequency."""
    with open(f"{data}/truth.csv") as f:
        rows = [r for r in csv.DictReader(line for line in f if line[0] != "#")]
    at = np.array([[float(r["ra_deg"]), float(r["dec_deg"])] for r in rows])
    flux = np.array([float(r["flux_jy"]) * (freq_hz / float(r["ref_freq_hz"])) ** float(r["spectral_index"]) for r in rows])
    return at, flux


def plane(path):
    with fits.open(path) as f:
        return f[0].data.squeeze().astype(float), f[0].header


def judge(folder, data, image):
    """Flux ratio of isolated sources above 20 sigma where the beam is above 0.3; the rms that sources below the mask
    make by themselves: theirs at single pixels of the restoring beam, added in quadrature."""
    pixel, header = plane(f"{folder}/image.fits")
    beam, _ = plane(f"{folder}/pb.fits")
    wcs = WCS(header).celestial
    at, flux = truth_in(data, header["RESTFRQ"])
    x, y = wcs.all_world2pix(at[:, 0], at[:, 1], 0)
    cell = abs(header["CDELT1"]) * 3600
    width = header["BMAJ"] * 3600 / cell
    inside = (x > 3 * width) & (x < pixel.shape[1] - 3 * width) & (y > 3 * width) & (y < pixel.shape[0] - 3 * width)
    level = np.zeros(len(x))
    level[inside] = beam[np.rint(y[inside]).astype(int), np.rint(x[inside]).astype(int)]
    rms = image["rms_jy"]
    apart = ((at[:, 0] - header["CRVAL1"] + 180) % 360 - 180) * np.cos(np.radians(header["CRVAL2"]))
    near_tile = np.hypot(apart, at[:, 1] - header["CRVAL2"]) < 5
    ratio = []
    for i in np.flatnonzero(inside & (level > 0.3) & (level * flux > 20 * rms)):
        away = np.hypot(x - x[i], y - y[i])
        if np.any((away > 0) & (away < 3 * width) & (flux > 0.01 * flux[i])):
            continue
        u, v = int(round(x[i])), int(round(y[i]))
        near = pixel[v - 1:v + 2, u - 1:u + 2]
        # peak of the parabola through three pixels on each axis
        ax, ay = near[1, 0] - 2 * near[1, 1] + near[1, 2], near[0, 1] - 2 * near[1, 1] + near[2, 1]
        bx, by = near[1, 2] - near[1, 0], near[2, 1] - near[0, 1]
        ratio.append((near[1, 1] - bx * bx / (8 * ax) - by * by / (8 * ay)) / level[i] / flux[i])
    faint = inside & (level * flux < 5 * rms)
    area = np.pi / (8 * np.log(2)) * header["BMAJ"] * header["BMIN"] * 3600 ** 2 / cell ** 2  # of the beam squared
    faint_rms = np.sqrt(area * np.sum((level * flux)[faint] ** 2) / pixel.size)
    thermal = image["thermal_jy"]
    return {"rms_over_thermal": rms / thermal, "rms_over_expected": rms / np.hypot(thermal, faint_rms),
            "thermal_jy": thermal, "faint_jy": faint_rms, "flux_ratio": float(np.median(ratio)) if ratio else None,
            "n_source": len(ratio), "n_in_image": int(inside.sum()), "n_within_5_deg": int(near_tile.sum())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true",
                        help="16 sub-bands of 48 channels, 10 fields, more than 500 sources within 5 degrees of each")
    parser.add_argument("--stations", type=int, help="[96]")
    parser.add_argument("--sub-bands", type=int, help="[8]")
    parser.add_argument("--channels", type=int, help="of each sub-band [16]")
    parser.add_argument("--fields", type=int, help="tiles after the calibrator's [3]")
    parser.add_argument("--sources", type=int, help="that each tile adds to the strip that all drift along [200]")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--option", action="append", default=[], help="of contimg run, as --option=--size=1280")
    parser.add_argument("--keep", help="folder that stays, in place of a temporary one")
    args = parser.parse_args()
    for name, usual, full in SIZES:
        if getattr(args, name) is None:
            setattr(args, name, full if args.full else usual)
    folder = args.keep or tempfile.mkdtemp()
    data = os.path.join(folder, "data")
    if not glob.glob(f"{data}/*.hdf5"):
        simulate(data, args)
    code, seconds = run(folder, data, args)
    line = {"stations": args.stations, "sub_bands": args.sub_bands, "channels": args.channels, "seed": args.seed,
            "exit": code, "seconds": seconds, "tiles": []}
    reports = sorted(glob.glob(f"{folder}/state/reports/*/report.json"))
    tiles = []
    if reports:
        with open(reports[-1]) as f:
            record = json.load(f)
        line["version"] = record["version"]
        tiles = [t for g in record["groups"] for t in g["tiles"]]
    for tile in tiles:
        one = {"id": tile["id"], "state": tile["state"], "how": (tile.get("calibration") or {}).get("how")}
        if tile.get("image") and tile.get("folder"):
            one.update(judge(tile["folder"], data, tile["image"]))
        line["tiles"].append(one)
        number = {k: one.get(k) if one.get(k) is not None else float("nan") for k in
                  ("rms_over_thermal", "rms_over_expected", "flux_ratio")}
        print(f"{one['id']} {one['state']:8} {one['how'] or '-':12} rms/thermal {number['rms_over_thermal']:.3f}, with faint "
              f"sources {number['rms_over_expected']:.3f}, flux x {number['flux_ratio']:.4f} of {one.get('n_source', 0)}; "
              f"{one.get('n_in_image')} sources in the image, {one.get('n_within_5_deg')} within 5 deg", flush=True)
    print(f"exit {code}, {seconds:.0f} s")
    os.makedirs(f"{here}/results", exist_ok=True)
    with open(f"{here}/results/night.jsonl", "a") as f:
        f.write(json.dumps(line) + "\n")
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
