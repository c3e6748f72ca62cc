# ci-test: timeout=300 cost=25
"""`image --flag` on interference that fills much of what a level could be measured of: many channels or
times side by side, antennas, whole planes; and on bright skies that turn fast. The source's flux
and the noise beside it come out as without interference, and what cannot be told is said."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC = 150.0, 30.0
N_CHAN, N_TIME, SIGMA, FLUX = 32, 20, 0.1, 2.0
tel, enu = telescope(10, spread=300)
times = transit_jd(RA) + (np.arange(N_TIME) - N_TIME / 2) * 10 / 86400
freqs = 1.4e9 + 2.5e5 * np.arange(N_CHAN)
rng = np.random.default_rng(11)


def noisy(uv):
    uv.data_array += SIGMA * (rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape))
    return uv


clean = noisy(phased([(RA, DEC, FLUX)], (RA, DEC), tel, enu, freqs, times))
N_ALL = clean.Nblts * N_CHAN
chan = np.arange(N_CHAN)[None, :]
row = np.searchsorted(times, clean.time_array)[:, None]
antenna = ((clean.ant_1_array == 3) | (clean.ant_2_array == 3))[:, None]
baselines = np.isin(clean.baseline_array, np.unique(clean.baseline_array)[[4, 17, 30]])[:, None]
everywhere = np.ones((clean.Nblts, N_CHAN), bool)


def hit(which, amplitude, name="x.uvh5", uv=clean):
    """Interference of random phase where which [row][channel] is true."""
    bad = uv.copy()
    bad.data_array += amplitude * np.exp(2j * np.pi * rng.random(uv.data_array.shape)) * which[:, :, None]
    return write(bad, name)


def samples(result):
    return int(re.search(r"samples: (\d+)", result.stdout).group(1))


def border_rms():
    data = np.squeeze(fits.getdata("o.dirty.fits"))
    return np.std(np.r_[data[:12].ravel(), data[-12:].ravel()])


some = np.isin(chan, rng.choice(N_CHAN, 10, replace=False))
half = np.isin(chan, rng.choice(N_CHAN, 16, replace=False))
# beside: good samples that may go, as shares of the bad ones (a run of ten takes one more at each end)
cases = (("an antenna in 10 channels here and there", antenna & some, 30, 0.3),
         ("an antenna in the first 10 channels", antenna & (chan < 10), 30, 0.3),
         ("16 channels here and there", everywhere & half, 20, 0.3),
         ("16 channels side by side", everywhere & (chan >= 8) & (chan < 24), 20, 0.3),
         ("the upper half of the channels", everywhere & (chan >= 16), 20, 0.3),
         ("one sample of three baselines", baselines & (chan == 11) & (row == 7), 500, 0.3),
         ("three baselines in a third of the channels", baselines & (chan >= 11) & (chan < 22), 30, 0.3),
         ("a burst of 8 times", everywhere & (row >= 6) & (row < 14), 30, 0.3),
         ("an antenna in half of the times", antenna & (row < 10) & (chan >= 0), 30, 0.3),
         ("an antenna in all", antenna & everywhere, 30, 0.0))
result = image(write(clean, "c.uvh5"), "--flag")
check(samples(result) >= 0.995 * N_ALL, "good data: only", samples(result), "of", N_ALL, "left")
quiet = border_rms()
for what, which, amplitude, beside in cases:
    n = int(which.sum())
    result = image(hit(which, amplitude), "--flag")
    left = samples(result)
    check(N_ALL - n * (1 + beside) - 0.005 * N_ALL <= left <= N_ALL - 0.99 * n, what, ":", left, "of",
          N_ALL, "left with", n, "bad")
    close(value(RA, DEC), FLUX, 0.01, what, ": flux")
    # noise by what is left: the weights' sum; the pattern of three sigma-points of a small border
    expected = quiet * np.sqrt(N_ALL / left)
    check(border_rms() < 1.25 * expected + 0.002, what, ": rms", border_rms(), "not", expected)

# bright skies: 600 s and 1 MHz apart, a source of 200 Jy turns by whole turns from sample to sample
for what, sky, step, width in (("hours", [(RA, DEC, FLUX), (150.6, 30.3, 200.0)], 600, 1e6),
                               ("hours, near", [(RA, DEC, FLUX), (150.2, 30.1, 200.0)], 600, 1e6),
                               ("two bright", [(150.2, 30.1, 200.0), (149.2, 30.5, 100.0)], 60, 2.5e5),
                               ("several", [(150.2, 30.1, 5.0), (149.2, 30.5, 3.0), (150.6, 29.5, 2.0)], 60, 2.5e5)):
    when = transit_jd(RA) + (np.arange(N_TIME) - N_TIME / 2) * step / 86400
    uv = noisy(phased(sky, (RA, DEC), tel, enu, 1.4e9 + width * np.arange(N_CHAN), when))
    left = samples(image(write(uv, "s.uvh5"), "--flag"))
    check(left >= 0.995 * N_ALL, what, ": only", left, "of", N_ALL, "of a true sky left")
    at = np.searchsorted(when, uv.time_array)[:, None]
    bad = samples(image(hit(baselines & (chan == 11) & (at == 7), 500, uv=uv), "--flag"))
    check(0.995 * N_ALL - 3 <= bad <= left - 3, what, ":", bad, "left with 3 bad,", left, "without")

# what cannot be told is said, with numbers
warned(image(hit(everywhere & (row % 5 != 0), 30), "--flag"), "up to 16 of 20 times", "90 of 90 baselines")
warned(image(hit(antenna & everywhere, 1.0), "--flag"), "ant003", "times as much as those of the other antennas")
bright = noisy(phased([(RA, DEC, 200.0)], (RA, DEC), tel, enu, freqs, times))
warned(image(hit(antenna & (chan >= 8) & (chan < 18), 8, uv=bright), "--flag"), "10 of 32 channels", "18 of 90 baselines")
quiet_run = image("c.uvh5", "--flag")
check("WARNING flag" not in quiet_run.stderr, "good data are warned of:", quiet_run.stderr)
finish()
