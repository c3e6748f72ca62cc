#!/usr/bin/env python3
"""bench/drift.py [--dec DEG,...] [--stations 40,96] [--tiles N] [--no-smear] [--keep DIR]: three tiles
that drift past a 12.7 Jy source, which lies in the first tile's image and beyond the edge of the last
one's, with 120 faint sources and noise, made by contimg-sim and imaged at Briggs 0. Prints each tile's
rms against its thermal noise and appends it as a line of JSON to bench/results/drift.jsonl.
The programs are those of build/release, or of $CONTIMG_BUILD."""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
build = os.environ.get("CONTIMG_BUILD", os.path.join(here, "../build/release"))
CORE = ("1-9,12,14,16,18,20,24,26,28,30,32,34,36,38,40,42,44,46,49,51,68,71,75,80,84,88,92,96,99,100,101,102")
DRIFT_DEG = 309.24 * 15.0411 / 3600  # of a tile, at the equator
LAST_DEG = 2.1  # east-west distance of the source from the last tile's centre; the image ends at 2.0


def header(path):
    """Cards of a FITS file's first header."""
    cards = {}
    with open(path, "rb") as f:
        while "END" not in cards:
            block = f.read(2880).decode("ascii")
            for i in range(0, 2880, 80):
                key, value = block[i:i + 8].strip(), block[i + 10:i + 80].split(" /")[0].strip()
                cards[key] = value.strip("' ")
    return cards


def simulate(folder, *options):
    command = [f"{build}/bin/contimg-sim", "--out", folder] + [str(o) for o in options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def centre(folder, dec):
    """ICRS place of the first tile's centre: where the simulator puts a calibrator."""
    simulate(f"{folder}/centre", "--stations", 8, "--sub-bands", 1, "--channels", 1, "--dec", dec, "--calibrator", 1,
             "--calibrator-tile", 0)
    with open(f"{folder}/centre/truth.json") as f:
        source = json.load(f)["sources"][0]
    return source["ra_deg"], source["dec_deg"]


def series(folder, dec, stations, args):
    ra, dec_icrs = centre(folder, dec)
    cos = math.cos(math.radians(dec))
    behind = (LAST_DEG - 2 * DRIFT_DEG * cos) / cos  # of the first tile's centre
    data = f"{folder}/data"
    simulate(data, "--tiles", 3, "--stations", CORE if stations == 40 else stations, "--sub-bands", "6-9", "--channels", 24,
             "--fine", 16, "--dec", dec, "--calibrator", f"bright,{(ra - behind) % 360:.6f},{dec_icrs:.6f},12.7",
             "--random", 120, "--radius", 1.8, "--min-flux", 0.003, "--max-flux", 0.3, "--seed", 5,
             *(["--smear", "off"] if args.no_smear else []))
    names = sorted(n for n in os.listdir(data) if n.endswith(".hdf5"))
    for i, tile in enumerate(sorted({n.split("_sb")[0] for n in names})):
        if args.tiles and i not in args.tiles:
            continue
        files = [f"{data}/{n}" for n in names if n.startswith(tile)]
        begun = time.time()
        result = subprocess.run([f"{build}/bin/contimg", "image", *files, "--out", f"{folder}/{i}.", "--calibrated", "--outside",
                                 "--weights", "sigma"], capture_output=True, text=True)
        if result.returncode:
            sys.exit(result.stderr[-2000:])
        h = header(f"{folder}/{i}.residual.fits")
        line = {"dec_deg": dec, "stations": stations, "tile": i, "thermal_jy": float(h["THERMAL"]), "rms_jy": float(h["RMS"]),
                "ratio": round(float(h["RMS"]) / float(h["THERMAL"]), 4), "n_outside": int(h.get("NOUTSIDE", 0)),
                "n_point": int(h["NPOINT"]), "n_major": int(h["NMAJOR"]), "diverged": int(h["DIVERGED"]),
                "stopped": h["STOPPED"], "smear": not args.no_smear, "seconds": round(time.time() - begun, 1)}
        print(json.dumps(line), flush=True)
        with open(f"{here}/results/drift.jsonl", "a") as f:
            f.write(json.dumps(line) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dec", default="-20,-5,10,20,33,45,55,65,75,85")
    parser.add_argument("--stations", default="40,96")
    parser.add_argument("--tiles", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--no-smear", action="store_true")
    parser.add_argument("--keep")
    args = parser.parse_args()
    os.makedirs(f"{here}/results", exist_ok=True)
    for stations in args.stations.split(","):
        for dec in args.dec.split(","):
            with tempfile.TemporaryDirectory(prefix="contimg-drift-") as folder:
                if args.keep:
                    folder = f"{args.keep}/{stations}_{dec}"
                    os.makedirs(folder, exist_ok=True)
                series(folder, float(dec), int(stations), args)


main()
