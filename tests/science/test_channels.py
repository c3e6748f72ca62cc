# ci-test: timeout=600 cost=60
"""--channels-out: sources of spectral index -2 to +1 under an Airy beam that changes with frequency and moves over them,
with noise (contimg-sim). The map of spectral indices against the truth, with its errors; each channel's flux at its own
frequency; the channels' weighted sum against the joint image; headers by astropy; the same bytes at 1 to 4 ranks; more
channels than sub-bands; refusals; files of an earlier call with more channels go."""
import csv
import os
import subprocess

import numpy as np

from checks import check, near, scratch
from sim_support import files_of, need_contimg, simulate, skip, source, truth_of

contimg = need_contimg()
try:
    from astropy.io import fits
    from astropy.wcs import WCS
    from scipy.ndimage import map_coordinates
    from images import pixels_digest
except ImportError as error:
    skip(f"{error} in the test venv")

DEC, REF_HZ, SIDE, CELL, N = 33, 1.4e9, 1000, 10, 4
STATIONS = ("1,2,3,5,7,8,11,13,14,16,18,19,24,26,27,29,31,33,34,36,38,39,41,43,45,46,48,50,51,"
            "68,69,70,72,73,75,76,78,79,81,82,84,85,87,88,90,91,93,94,96,97,99,100,101,102")
SIM = ("--integrations", 8, "--samples", 288, "--dec", DEC, "--smear", "off")
folder = scratch("channels")


def sky_write(ra0, dec0, side, name):
    """side x side sources, 20 arcmin apart, of 0.1 to 5 Jy as seen through the beam."""
    rng = np.random.default_rng(3)
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
        for k in range(side * side):
            east, north = (np.array([k // side, k % side]) - (side - 1) / 2) * 0.33 + rng.uniform(-0.06, 0.06, 2)
            seen = 10 ** rng.uniform(-1, 0.7)
            flux = seen * np.exp(4 * np.log(2) * (np.hypot(east, north) / 2.8) ** 2)
            dec = dec0 + north
            f.write(f"s{k},{ra0 + east / np.cos(np.radians(dec)):.9f},{dec:.9f},{flux:.6f},{REF_HZ},"
                    f"{rng.uniform(-2, 1):.5f}\n")
    return path


def image(files, prefix, *words, ranks=0, size=SIDE, code=0):
    command = [contimg] if ranks == 0 else [os.path.join(source, "tests/mpirun.sh"), str(ranks), contimg]
    command += ["image", *files, "--out", prefix, "--size", str(size), "--cell-arcsec", str(CELL), "--calibrated",
                "--weights", "sigma", *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True)
    check(result.returncode == code, f"{' '.join(command)}: exit {result.returncode}: {result.stderr}")
    return result


def data(prefix, name):
    return np.squeeze(fits.getdata(f"{prefix}{name}.fits")).astype(float)


def places(prefix, sky):
    """Sources where the beam is above 0.2: their rows, positions and pixels."""
    pb, wcs = data(prefix, "pb"), WCS(fits.getheader(prefix + "image.fits")).celestial
    for row in csv.DictReader(open(sky)):
        x, y = (float(v) for v in wcs.wcs_world2pix(float(row["ra_deg"]), float(row["dec_deg"]), 0))
        i, j = int(round(y)), int(round(x))
        if 20 < i < len(pb) - 20 and 20 < j < len(pb) - 20 and pb[i, j] > 0.2:
            yield row, (x, y), (i, j)


def indices_compare(prefix, sky):
    alpha, error, im, pb = (data(prefix, n) for n in ("alpha", "alpha.error", "image", "pb"))
    rms, table = fits.getheader(prefix + "image.fits")["RMS"], []
    for row, _, at in places(prefix, sky):
        table.append((im[at] / rms, pb[at], alpha[at] - float(row["spectral_index"]), error[at]))
    snr, beam, off, sigma = np.array(table).T
    for name, some in (("all", snr > 50), ("on axis", (snr > 50) & (beam > 0.7)), ("off axis", (snr > 50) & (beam < 0.6))):
        pull = off[some] / sigma[some]
        print(f"{name}: {some.sum()} sources, median bias {np.median(off[some]):+.4f}, pulls {pull.mean():+.2f} with rms "
              f"{np.sqrt((pull ** 2).mean()):.2f}, median error {np.median(sigma[some]):.3f}")
        check(some.sum() >= 8, name, "sources", some.sum())
        check(abs(np.median(off[some])) < 0.05, name, "bias", np.median(off[some]))
        check(0.7 < np.sqrt((pull ** 2).mean()) < 1.35, name, "pulls", np.sqrt((pull ** 2).mean()))
    blank = np.isnan(alpha)
    least = fits.getheader(prefix + "alpha.fits")["ALPHASNR"]
    check(blank[(im < 0.99 * least * rms) & (im > -0.99 * least * rms)].all(), "an index below the limit")
    check((blank == np.isnan(error)).all(), "an index without error")


def channels_compare(prefix, sky, n):
    joint = fits.getheader(prefix + "image.fits")
    headers = [fits.getheader(f"{prefix}ch{k:04d}.image.fits") for k in range(n)]
    weights = np.array([h["SUMWT"] for h in headers])
    near(weights.sum(), joint["SUMWT"], 1e-6 * joint["SUMWT"], "sum of weights")
    near((weights * [h["CRVAL3"] for h in headers]).sum() / weights.sum(), joint["CRVAL3"], 1e-6 * joint["CRVAL3"],
         "mean frequency")
    total = sum(w * data(prefix, f"ch{k:04d}.residual") for k, w in enumerate(weights)) / weights.sum()
    miss = np.abs(total - data(prefix, "residual")).max() / joint["RMS"]
    print(f"sum of the channels' residuals: {miss:.2g} rms from the joint one")
    check(miss < 1e-3, "residuals", miss)
    total = sum(w * data(prefix, f"ch{k:04d}.image") for k, w in enumerate(weights)) / weights.sum()
    for _, _, at in places(prefix, sky):
        near(total[at], data_joint[at], 0.01 * abs(data_joint[at]) + 3 * joint["RMS"], "sum of the channels' images")
    for k, h in enumerate(headers):
        print(f"channel {k}: {h['CRVAL3'] * 1e-6:.2f} MHz, beam {h['BMAJ'] * 3600:.1f} x {h['BMIN'] * 3600:.1f} arcsec, "
              f"rms {h['RMS']:.4g}, thermal {h['THERMAL']:.4g}")
        check(0.95 < h["RMS"] / h["THERMAL"] < 1.1, "noise of channel", k, h["RMS"] / h["THERMAL"])
        near(h["BMIN"] * h["CRVAL3"], joint["BMIN"] * joint["CRVAL3"], 0.1 * joint["BMIN"] * joint["CRVAL3"], "beam", k)
        image_k, ratio = np.nan_to_num(data(prefix, f"ch{k:04d}.pbcor")), []
        for row, (x, y), _ in places(prefix, sky):
            true = float(row["flux_jy"]) * (h["CRVAL3"] / REF_HZ) ** float(row["spectral_index"])
            ratio.append(map_coordinates(image_k, [[y], [x]], order=5)[0] / true)
        check(abs(np.median(ratio) - 1) < 0.005, "flux in channel", k, np.median(ratio))


one = truth_of(simulate("--stations", 8, "--sub-bands", 1, "--channels", 2, *SIM, "--sefd", 0, "--calibrator", 1, "--beam",
                        "none")[0])["sources"][0]
sky = sky_write(one["ra_deg"], one["dec_deg"], 7, "sky.csv")
files = files_of(simulate("--stations", STATIONS, "--sub-bands", 16, "--channels", 6, *SIM, "--sefd", 3000, "--sources",
                          sky, "--beam", "airy")[0])
prefix = os.path.join(folder, "a.")
image(files, prefix, "--channels-out", N)
data_joint = data(prefix, "image")
indices_compare(prefix, sky)
channels_compare(prefix, sky, N)

# Fewer sub-bands than output channels: compression ends at their edges. The same bytes at any number of ranks.
sky = sky_write(one["ra_deg"], one["dec_deg"], 2, "few.csv")
files = files_of(simulate("--stations", STATIONS, "--sub-bands", "0,5,10,15", "--channels", 6, *SIM, "--sefd", 3000,
                          "--sources", sky, "--beam", "airy")[0])
hashes = set()
for ranks in (1, 2, 3, 4):
    prefix = os.path.join(folder, "r.")
    image(files, prefix, "--channels-out", 6, "--spectral-terms", 3, ranks=ranks, size=300)
    names = ["image", "alpha", "alpha.error"] + [f"ch{k:04d}.{n}" for k in range(6) for n in ("image", "pb", "model", "psf")]
    hashes.add(pixels_digest(prefix, names))
check(len(hashes) == 1, f"bytes differ between rank counts: {hashes}")
data_joint = data(prefix, "image")
channels_compare(prefix, sky, 6)
for h in (fits.getheader(f"{prefix}ch{k:04d}.image.fits") for k in range(6)):
    check(h["CHANNUM"] == 4 and h["CHANFRST"] == 4 * h["CHANOUT"] and h["NCHANOUT"] == 6, "channels", repr(h)[:200])

# Files of the earlier call go, and without channels nothing is there but the joint image.
image(files, prefix, "--channels-out", 2, size=300)
left = sorted(n for n in os.listdir(folder) if n.startswith("r.ch"))
check(left == sorted(f"r.ch{k:04d}.{n}.fits" for k in range(2) for n in ("image", "model", "pb", "pbcor", "psf", "residual")),
      "files of two channels", left)
image(files, prefix, "--channels-out", 3, "--niter", 0, size=300)
left = sorted(n for n in os.listdir(folder) if n.startswith("r.ch0000") or n.startswith("r.alpha"))
check(left == [f"r.ch0000.{n}.fits" for n in ("image", "pb", "pbcor", "psf")], "dirty channels", left)
image(files, prefix, size=300)
left = [n for n in os.listdir(folder) if n.startswith("r.ch") or n.startswith("r.alpha")]
check(left == [], "files without output channels", left)

for words, told in ((("--channels-out", 25), "24 channels"), (("--channels-out", 0), "--channels-out"),
                    (("--channels-out", 2, "--spectral-terms", 3), "--spectral-terms 3"),
                    (("--channels-out", 2, "--spectral-terms", 0), "--spectral-terms")):
    result = image(files, os.path.join(folder, "no."), *words, size=300, code=2)
    lines = [line for line in result.stderr.splitlines() if "ERROR" in line or line.startswith("contimg:")]
    check(len(lines) == 1 and told in lines[0], words, result.stderr)
check(not any(n.startswith("no.") for n in os.listdir(folder)), "files of a refused call")
