# ci-test: timeout=1400 processors=2 cost=150
"""contimg run on real observations, from file to published product and report, in an empty
folder and without configuration, the same bytes at 1 to 4 ranks (MWA, whose run takes minutes,
with coarse pixels and few components at 1 and 4; whole at 3)."""

import csv
import json
import os

import numpy as np
from astropy.wcs import WCS

from checks import attempt, check
import real_sky as sky

FITS = ("mosaic.fits", "noise.fits", "weight.fits")


def published(folder):
    """The one product's folder: all its files are there and hash as SHA256SUMS says."""
    found = []
    for path, _, names in os.walk(os.path.join(folder, "contimg-data", "products")):
        if "SHA256SUMS" in names:
            found.append(path)
    check(len(found) == 1, found)
    with open(os.path.join(found[0], "SHA256SUMS"), encoding="ascii") as file:
        sums = dict(reversed(line.split()) for line in file)
    names = {name.lstrip("*") for name in sums}
    check(names >= {*FITS, "sources.csv", "mosaic.png", "provenance.json"}, names)
    for name, want in sums.items():
        check(sky.sha256(os.path.join(found[0], name.lstrip("*"))) == want, name)
    return found[0]


def report_of(folder):
    reports = os.path.join(folder, "contimg-data", "state", "reports")
    runs = os.listdir(reports)
    check(len(runs) == 1, runs)
    for name in ("report.html", "summary.txt", "log.jsonl"):
        check(os.path.getsize(os.path.join(reports, runs[0], name)) > 200, name)
    with open(os.path.join(reports, runs[0], "report.json"), encoding="utf-8") as file:
        return json.load(file)


def run_at_ranks(root, name, *options, ranks_tried=sky.RANKS):
    """Runs, checks the product, compares bytes; (product folder, sources, log) of the first count."""
    seen = {}
    for ranks in ranks_tried:
        folder = os.path.join(root, "%s%d" % (name, ranks))
        os.mkdir(folder)
        _, log = sky.contimg(ranks, "run", sky.FILES[name], *options, cwd=folder)
        product = published(folder)
        with open(os.path.join(product, "provenance.json"), encoding="utf-8") as file:
            gates = {g["gate"]: g["outcome"] for g in json.load(file)["gates"]}
        # One tile of an array without known noise has nothing to hold its rms against.
        check(gates["noise"] == "skip" and "fail" not in gates.values(), gates)
        check(report_of(folder))
        seen[ranks] = {n: sky.datasums(os.path.join(product, n)) for n in FITS}
        seen[ranks]["sources"] = sky.sha256(os.path.join(product, "sources.csv"))
        check(seen[ranks] == seen[ranks_tried[0]], "%s: other bytes at %d ranks" % (name, ranks))
        if len(seen) == 1:
            first = (product, log)
    with open(os.path.join(first[0], "sources.csv"), encoding="ascii") as file:
        sources = list(csv.DictReader(file))
    for source in sources:
        for key in ("peak_jy", "flux_jy", "peak_err_jy", "flux_err_jy", "major_arcsec"):
            check(np.isfinite(float(source[key])) and float(source[key]) > 0, source)
    return first[0], sources, first[1]


def distance_deg(source, ra, dec):
    d_ra = (float(source["ra_deg"]) - ra) * np.cos(np.radians(dec))
    return float(np.hypot(d_ra, float(source["dec_deg"]) - dec))


def brightest(sources):
    return max(sources, key=lambda s: float(s["peak_jy"]))


def aavs2(root):
    """The Sun at the model's 1 Jy; and, 35 degrees off, Virgo A (187.71 +12.39), found
    within a fifth of the 3 degree beam: the sky of that day and nothing else."""
    model = os.path.join(root, "sun.csv")
    with open(model, "w", encoding="ascii") as file:
        file.write(sky.SUN)
    _, sources, _ = run_at_ranks(root, "aavs2", "--model", model)
    sun = brightest(sources)
    print("aavs2 run: the Sun %s Jy/beam, %d sources" % (sun["peak_jy"], len(sources)))
    check(abs(float(sun["peak_jy"]) - 1) < 0.05 and distance_deg(sun, 151.6567, 11.6294) < 0.05)
    others = [s for s in sources if s is not sun]
    check(len(others) < 10 and all(float(s["peak_jy"]) < 0.02 for s in others))
    virgo = [s for s in others if distance_deg(s, 187.71, 12.39) < 1.5]
    print("aavs2 run: Virgo A %s" % [s["peak_jy"] for s in virgo])
    check(virgo)


def wsrt(root):
    """Six east-west baselines: a beam of half a degree by half an arcminute whose grating
    responses are as high as the main one. The run must come to its end and say so."""
    product, sources, log = run_at_ranks(root, "wsrt")
    _, header = sky.image(os.path.join(product, "mosaic.fits"))
    check(25 < header["BMIN"] * 3600 < 28 and header["BMAJ"] > 50 * header["BMIN"])
    check("ambiguous" in log, log)
    lines = sorted(float(s["peak_jy"]) for s in sources)
    print("wsrt run: %d sources, peaks %s Jy/beam" % (len(sources), lines))
    check(1 <= len(sources) <= 20)


def mwa(root):
    """An image of 43 degrees, the 20 % level of MWA's beam. Puppis A, the brightest of the field,
    has two peaks; how many Gaussians its blend is fitted with, and so the peak of each, is chance.
    Vela X is extended."""
    product, sources, _ = run_at_ranks(root, "mwa", ranks_tried=(3,))
    bright = brightest(sources)
    pixels, header = sky.image(os.path.join(product, "mosaic.fits"))
    print(
        "mwa run: %d sources, the brightest %s Jy/beam at %s %s, peak %.3f Jy/beam"
        % (len(sources), bright["peak_jy"], bright["ra_deg"], bright["dec_deg"], np.nanmax(pixels))
    )
    puppis = [s for s in sources if distance_deg(s, 125.8, -43.0) < 0.5]
    check(len(puppis) >= 2 and sum(float(s["flux_jy"]) for s in puppis) > 50)
    y, x = np.indices(pixels.shape)
    ra, dec = WCS(header, naxis=2).all_pix2world(x, y, 0)
    top = np.unravel_index(np.nanargmax(pixels), pixels.shape)
    off_top = np.hypot((ra[top] - 126.04) * np.cos(np.radians(43.09)), dec[top] + 43.09)
    check(off_top < 0.12, ra[top], dec[top])
    off_vela = np.hypot((ra - 128.5) * np.cos(np.radians(45.7)), dec + 45.7)
    off_empty = np.hypot((ra - 120) * np.cos(np.radians(43)), dec + 43)
    vela, empty = np.median(pixels[off_vela < 0.6]), np.median(pixels[off_empty < 2])
    print("mwa run: Vela X %.2f Jy/beam, beside it %.2f" % (vela, empty))
    # CLEAN of points leaves a shallow bowl about what is degrees wide.
    check(vela > 1.2 and abs(empty) < 0.5)
    check(len(sources) > 100)


def mwa_bytes(root):
    """The field of the whole run, two pixels to the beam."""
    folder = os.path.join(root, "coarse")
    os.mkdir(folder)
    run_at_ranks(folder, "mwa", "--cell-arcsec", 150, "--size", 1046, "--niter", 5000, ranks_tried=(1, 4))


def main():
    sky.need_data()
    with sky.Folder() as root:
        for array in (aavs2, wsrt, mwa_bytes, mwa):
            attempt(array, root)


main()
