# ci-test: timeout=300 cost=25
"""`image --flag` and `calibrate` flag outliers: interference of other shapes and strengths than
ordinary data, in data with noise, sources and gains whose truth is known; good data stay."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC = 150.0, 30.0
N_CHAN, N_TIME, SIGMA = 48, 24, 0.1
tel, enu = telescope()
freqs = 1.4e9 + 2.5e5 * np.arange(N_CHAN)
times = transit_jd(RA) + (np.arange(N_TIME) - N_TIME / 2) * 10 / 86400
clean = phased([(RA, DEC, 2.0), (150.3, 30.2, 0.7), (149.6, 29.8, 0.5)], (RA, DEC), tel, enu, freqs,
               times)
rng = np.random.default_rng(7)
clean.data_array += SIGMA * (rng.normal(size=clean.data_array.shape) +
                             1j * rng.normal(size=clean.data_array.shape))
at = np.searchsorted(times, clean.time_array)
N_ALL = clean.Nblts * N_CHAN  # Stokes I: samples where both parallel hands are good


def hit(which, amplitude):
    """which: [row][channel] true where interference of random phase is added."""
    uv = clean.copy()
    phase = np.exp(2j * np.pi * rng.random(uv.data_array.shape))
    uv.data_array += amplitude * phase * which[:, :, None]
    return write(uv, "x.uvh5")


def samples(result):
    return int(re.search(r"samples: (\d+)", result.stdout).group(1))


def rms(out="o."):
    data = np.squeeze(fits.getdata(out + "dirty.fits"))
    return np.std(np.r_[data[:12].ravel(), data[-12:].ravel()])


chan = np.arange(N_CHAN)[None, :]
row = at[:, None]
none = np.zeros((clean.Nblts, N_CHAN), bool)
cases = (("one line of a third of the times", (chan == 7) & (row % 3 == 0), 30),
         ("first and last channel", (chan == 0) | (chan == N_CHAN - 1) | none, 50),
         ("six channels, all times", ((chan >= 20) & (chan < 26)) | none, 20),
         ("four integrations", ((row >= 9) & (row < 13)) | none, 20),
         ("single samples", rng.random(none.shape) < 2e-3, 10),
         ("every second channel", (chan % 2 == 0) | none, 100),
         ("every second integration", (row % 2 == 1) | none, 100),
         ("one whole baseline", (clean.baseline_array == clean.baseline_array[3])[:, None] | none, 100),
         ("one whole antenna", ((clean.ant_1_array == 5) | (clean.ant_2_array == 5))[:, None] | none, 300),
         ("some baselines only", (chan == 30) & (clean.baseline_array[:, None] % 3 == 0), 1000))
result = image(write(clean, "c.uvh5"), "--flag")
check(samples(result) >= 0.9995 * N_ALL, "good data: only", samples(result), "of", N_ALL, "left")
quiet, flux = rms(), value(RA, DEC)
for what, which, amplitude in cases:
    n = int(which.sum())
    lost = 0.08 if what.startswith("every second") else 0.005  # good samples beside bad ones
    gone = 8 if what.endswith("whole antenna") else 1  # another PSF: more sidelobes
    result = image(hit(which, amplitude), "--flag")
    left = samples(result)
    check(N_ALL - n - lost * N_ALL <= left <= N_ALL - 0.995 * n, what, ":", left, "left of", N_ALL,
          "with", n, "bad")
    close(value(RA, DEC), flux, 0.02 * gone, what, ": flux")
    check(rms() < 1.15 * quiet + 0.01 * gone, what, ": rms", rms(), "without", quiet)
result = image("x.uvh5")
check(samples(result) == N_ALL, "without --flag all samples are used")

# calibrate: gains come out as without interference
gains = np.exp(2j * np.pi * rng.random((NUMBERS, 1, 1, 2))) * (0.7 + rng.random((NUMBERS, 1, 1, 2)))
true = table(tel, gains, freqs, times)
with open("m.csv", "w") as f:
    f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n"
            "a,150,30,2,1.4e9,0\nb,150.3,30.2,0.7,1.4e9,0\nc,149.6,29.8,0.5,1.4e9,0\n")
hit((chan == 12) | (chan == 13) | (row == 5) | none, 100)
bad = UVData.from_file("x.uvh5", run_check=False)
raw = utils.uvcalibrate(bad, true, inplace=False, undo=True)
raw.vis_units = "uncalib"
write(raw, "raw.uvh5")
result = run("calibrate", "raw.uvh5", "--model", "m.csv", "--beam", "none", "--out", "c",
             "--ref-antenna", "ant000")
check(result.returncode == 0, "calibrate:", result.stderr[-400:])
if result.returncode == 0:
    found = UVCal.from_file("c.gain.calh5", run_check=False)
    for h in range(2):
        known = ~found.flag_array[:, 0, :, h]  # not where all is interference
        check((known.sum(axis=1) >= found.Ntimes - 2).all(), "times without gains:", (~known).sum(axis=1))
        got = (found.gain_array[:, 0, :, h] * known).sum(axis=1) / known.sum(axis=1)
        got *= np.exp(1j * np.angle(gains[0, 0, 0, h] / got[0]))
        off = np.abs(got / gains[:, 0, 0, h] - 1)
        check(off.max() < 0.03, "gains off by", off.max())
finish()
