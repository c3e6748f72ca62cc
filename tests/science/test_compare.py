"""contimg-compare passes lists that are right and refuses each kind of wrong one (exit 7)."""
import json
import os
import subprocess

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from checks import check, scratch
import sim_support as sim

program = os.path.join(sim.build, "bin/contimg-compare")
folder = scratch("compare")
rng = np.random.default_rng(4)
BEAM, FREQ, N = 40.0, 1.405e9, 1200
header = fits.Header()
for key, value in {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 359.9, "CRVAL2": 16.0, "CRPIX1": 600.5,
                   "CRPIX2": 601.0, "CDELT1": -10 / 3600, "CDELT2": 10 / 3600, "PV2_1": 0.02, "PV2_2": -0.2,
                   "BMAJ": BEAM / 3600, "BMIN": 0.009, "BPA": 10.0, "RESTFRQ": FREQ}.items():
    header[key] = value
noise = np.full((N, N), 1e-3, np.float32)
noise[:, :30] = np.nan
noise[700:, 700:] = 2e-3
fits.writeto(f"{folder}/noise.fits", noise, header)
fits.writeto(f"{folder}/mosaic.fits", noise * 0, header)
wcs = WCS(header)

# 150 isolated sources on a jittered lattice, 3 pairs, a few beyond the edge
x, y = np.meshgrid(np.linspace(70, 1150, 13), np.linspace(60, 1140, 12))
pixel = np.stack([x.ravel(), y.ravel()], 1) + rng.uniform(-15, 15, (156, 2))
pixel = np.concatenate([pixel, pixel[:3] + [4, 3], [[10, 500], [1500, 600], [600, -30]]])
ra, dec = wcs.all_pix2world(pixel, 0).T
flux = 0.02 * rng.uniform(0, 1, len(ra)) ** -0.8
index = rng.normal(-0.7, 0.2, len(ra))
with open(f"{folder}/truth.csv", "w") as f:
    f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
    for i in range(len(ra)):
        f.write(f"S{i},{ra[i]:.9f},{dec[i]:.9f},{flux[i]:.9g},1.4e9,{index[i]:.6f}\n")
sigma = noise[np.clip(pixel[:, 1].round().astype(int), 0, N - 1), np.clip(pixel[:, 0].round().astype(int), 0, N - 1)]
err = np.where(np.isfinite(sigma), sigma, 1e-3)
true = flux * (FREQ / 1.4e9) ** index
good = true + err * rng.normal(size=len(ra)) + 0.01 * true * rng.normal(size=len(ra))


def compared(label, expected, text, found=good, keep=slice(None), extra=()):
    with open(f"{folder}/sources.csv", "w") as f:
        f.write("name,ra_deg,dec_deg,ra_err_arcsec,dec_err_arcsec,peak_jy,peak_err_jy,flux_jy,flux_err_jy\n")
        for i in np.arange(len(ra))[keep]:
            f.write(f"J{i},{ra[i] + 2 / 3600:.7f},{dec[i]:.7f},1,1,{found[i]:.6e},{err[i]:.3e},{found[i]:.6e},{err[i]:.3e}\n")
        for r, d, s in extra:
            f.write(f"X,{r},{d},1,1,{s},1e-3,{s},1e-3\n")
    result = subprocess.run([program, "--product", folder, "--truth", f"{folder}/truth.csv", "--top", "3"],
                            capture_output=True, text=True)
    wrong = [line for line in result.stdout.splitlines() if line.startswith("WRONG")]
    check(result.returncode == expected, label, result.returncode, result.stdout, result.stderr)
    check((text is None and not wrong) or any(text in line for line in wrong), label, result.stdout)
    print(f"{label}: exit {result.returncode}", wrong)
    return result.stdout


out = compared("right", 0, None)
# how many count, by plain arithmetic on pixels
n = int(out.split("isolated sources above 10 sigma:")[1].split()[0])
expected = 0
for i in range(156):
    s = np.hypot(*(pixel - pixel[i]).T) * 10
    s[i] = 1e9
    expected += s.min() > 2 * BEAM and true[i] > 10 * sigma[i]
check(n == expected, n, expected)
compared("5 % too bright", 7, "median deviation", found=good * 1.05)
compared("incomplete", 7, "found", keep=slice(0, 140))
blind = [(ra[20 + k] + 0.04, dec[20 + k] + 0.04, 0.02) for k in range(4)]
compared("false ones", 7, "false among", extra=blind)
outlier = good.copy()
outlier[np.argmax(np.where(np.arange(len(ra)) > 5, flux, 0)[:156])] *= 1.2
compared("one outlier", 7, "largest deviation", found=outlier)
compared("errors too small", 7, "rms deviation", found=true + 1.8 * (good - true))
compared("errors too large", 7, "rms deviation", found=true + 0.5 * (good - true))
compared("none", 7, "found", keep=slice(0, 0))
for arguments, code in ((["--prodct", "x"], 2), (["--product", folder], 2),
                        (["--product", "/nowhere", "--truth", f"{folder}/truth.csv"], 3)):
    result = subprocess.run([program, *arguments], capture_output=True, text=True)
    check(result.returncode == code and result.stderr.count("\n") == 1, arguments, result)

# The run's report and the line of numbers for bench.
report = {"schema": "contimg-report-1", "run": "r1", "version": "v", "host": "h", "n_rank": 2, "started": "t",
          "seconds": 9.5, "stages": [
              {"name": "image", "subject": "a", "rank": 0, "start_s": 1.0, "end_s": 3.0},
              {"name": "image", "subject": "b", "rank": 0, "start_s": 3.0, "end_s": 4.5},
              {"name": "image", "subject": "c", "rank": 1, "start_s": 1.0, "end_s": 4.0},
              {"name": "mosaic", "subject": "g", "rank": 0, "start_s": 5.0, "end_s": 5.25}],
          "groups": [{"tiles": [{"id": "a", "state": "passed", "image": {"rms_jy": 3e-4, "thermal_jy": 2e-4}}]}]}
with open(f"{folder}/report.json", "w") as f:
    json.dump(report, f)
compared("right again", 0, None)
for _ in range(2):
    result = subprocess.run([program, "--product", folder, "--truth", f"{folder}/truth.csv", "--report",
                             f"{folder}/report.json", "--append", f"{folder}/lines"], capture_output=True, text=True)
    check(result.returncode == 0, result)
with open(f"{folder}/lines") as f:
    lines = [json.loads(line) for line in f]
check(len(lines) == 2 and lines[0] == lines[1])
check(lines[0]["stage_seconds"] == {"image": 3.5, "mosaic": 0.25} and lines[0]["seconds"] == 9.5)
check(lines[0]["tiles"][0]["rms_jy"] == 3e-4 and lines[0]["found_against_true"]["n_bright"] == n)
check("ratio 1.500" in result.stdout)
