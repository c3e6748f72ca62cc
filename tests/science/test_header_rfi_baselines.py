# ci-test: timeout=300 cost=35
"""`image --flag` with interference on a third to nearly half of the baselines and antennas: the loud ones
go, the others stay, none is taken as dead; small data, and samples that no visibility can be, are said."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC, FLUX, SIGMA = 150.0, 30.0, 2.0, 0.1
tel, enu = telescope(10, spread=300)
rng = np.random.default_rng(11)


def observed(n_time, n_chan):
    times = transit_jd(RA) + (np.arange(n_time) - n_time / 2) * 10 / 86400
    uv = phased([(RA, DEC, FLUX)], (RA, DEC), tel, enu, 1.4e9 + 2.5e5 * np.arange(n_chan), times)
    uv.data_array += SIGMA * (rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape))
    return uv


def samples(result):
    return int(re.search(r"samples: (\d+)", result.stdout).group(1))


def hit(uv, rows, amplitude):
    """Interference of random phase in all channels of these rows."""
    bad = uv.copy()
    bad.data_array += amplitude * np.exp(2j * np.pi * rng.random(uv.data_array.shape)) * rows[:, None, None]
    return write(bad, "x.uvh5")


clean = observed(20, 32)
N_ALL = clean.Nblts * 32
numbers = np.unique(clean.baseline_array)


def of_antennas(which):
    return np.isin(clean.ant_1_array, which) | np.isin(clean.ant_2_array, which)


cases = [(f"{n} of 45 baselines at {a} Jy", np.isin(clean.baseline_array, rng.permutation(numbers)[:n]), a)
         for n, a in ((14, 100), (16, 100), (20, 100), (25, 100), (20, 5))]
cases += [("3 antennas at 5 Jy", of_antennas([0, 2, 5]), 5), ("4 antennas", of_antennas([0, 2, 5, 7]), 100),
          ("5 antennas", of_antennas([0, 2, 5, 7, 9]), 100)]
for what, rows, amplitude in cases:
    n = int(rows.sum()) * 32
    result = image(hit(clean, rows, amplitude), "--flag")
    left = samples(result)
    check(0.995 * N_ALL - n <= left <= N_ALL - 0.99 * n, what, ":", left, "left of", N_ALL, "with", n, "bad")
    close(value(RA, DEC), FLUX, 0.02, what, ": flux")
    check("taken as dead" not in result.stderr, what, ": taken as dead", result.stderr[-300:])
    warned(result, f"{2 * n // 640} of 90 baselines by sub-band and polarisation are flagged")
# nearly all: nothing can be decided, which is said
result = image(hit(clean, of_antennas([0, 2, 5, 7, 8, 9]), 100), "--flag")
check("taken as dead" not in result.stderr, "6 antennas: the others are taken as dead")
warned(result, "of 90 baselines", "which are right cannot be told")
# a receptor of no signal is dead, which is said with the number
quiet = clean.copy()
quiet.data_array[of_antennas([4])] *= 1e-4
result = image(write(quiet, "q.uvh5"), "--flag")
for pol in (-5, -6):
    check(f"polarisation {pol}: 1 of 10 receptors taken as dead" in result.stderr, result.stderr[-400:])
check(abs(samples(result) - 36 * 640) < 0.005 * N_ALL, samples(result), "left without an antenna")

# too few samples for a search: said, and what is far above the other baselines goes
small = observed(4, 2)
result = image(write(small, "s.uvh5"), "--flag")
check(samples(result) == 45 * 8, "small: good data flagged")
warned(result, "90 of 90 baselines", "fewer than 16 good samples")
small.data_array[7, 0, 0] += 1000
result = image(write(small, "s.uvh5"), "--flag")
check(samples(result) == 44 * 8, "small: the baseline with a spike is left:", samples(result))
close(value(RA, DEC), FLUX, 0.02, "small: flux")

# too few baselines to compare: one that is loud in all its samples stays, which is said once
for n, words in ((4, ["12 of 12 baselines", "takes 10 or more"]), (2, ["2 of 2 baselines", "takes 10 or more"]), (5, ["2 of 20 baselines", "are flagged"])):
    tel, enu = telescope(n, spread=300)
    few = observed(20, 32)
    result = image(hit(few, few.baseline_array == few.baseline_array[0], 100), "--flag")
    check(result.stderr.count("not compared") == (n < 5), n, "antennas:", result.stderr)
    warned(result, *words)

# a clean sky whose fringes turn too fast to be followed is not called interference alone
tel, enu = telescope(8, spread=1500)
FEW = [(RA, DEC, 20.0), (RA + 0.5, DEC + 0.4, 30.0), (RA - 0.9, DEC - 0.5, 15.0), (RA + 1.1, DEC - 0.8, 40.0)]
times = transit_jd(RA) + (np.arange(30) - 15) * 10 / 86400
bright = phased(FEW, (RA, DEC), tel, enu, 1.4e9 + 2.5e5 * np.arange(32), times)
bright.data_array += 0.01 * (rng.normal(size=bright.data_array.shape) + 1j * rng.normal(size=bright.data_array.shape))
warned(image(write(bright, "f.uvh5"), "--flag"), "more loud samples left than noise has", "fringes of a bright sky")

# no visibility is like that: said without --flag, gone with it
bad = clean.copy()
bad.data_array[17, 3, 0] = 1e30
write(bad, "b.uvh5")
warned(image("b.uvh5"), "1 sample is more than 1e+06 times the usual amplitude")
check("usual amplitude" not in image(write(clean, "c.uvh5")).stderr, "good data are warned of")
image("b.uvh5", "--flag")
close(value(RA, DEC), FLUX, 0.01, "1e30 in one sample: flux")
finish()
