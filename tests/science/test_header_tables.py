# ci-test: cost=20
"""What a table is for: its channels and its times against the data's."""
import os
import sys

import h5py

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *

RA, DEC = 150.0, 30.0
tel, enu = telescope()
freqs = 1.4e9 + 1e6 * np.arange(8)
t0 = transit_jd(RA)
times = t0 + np.array([-0.5, 0.5]) * 60 / 86400
data = phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times)
data.data_array *= 4  # a gain of 2 for all
data.vis_units = "uncalib"
write(data, "raw.uvh5")


def calibrated(gain, table_freqs, table_times, *words, **kw):
    table(tel, gain, table_freqs, table_times, **kw).write_calh5("t.calh5", clobber=True,
                                                                 run_check=False)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit", *words)
    return result, value(RA, DEC) if result.returncode == 0 else None


result, flux = calibrated(2, freqs, times)
close(flux, 1, 1e-3, "table of these channels and times")
told = [line for line in result.stderr.splitlines() if "t.calh5" in line and "INFO" in line]
check(len(told) == 1 and "bandpass" in told[0] and "8 channels" in told[0] and
      "1399.500-1407.500 MHz" in told[0] and Time(times[0], format="jd").isot[:16] in told[0],
      "which table is used:", told)

# other bands: a bandpass, one number for a band, one number of one channel
refused(calibrated(2, freqs + 2e8, times)[0], "t.calh5", "1599.5", "does not cover")
refused(calibrated(2, None, times, wide=[[1.0e9, 1.2e9]])[0], "t.calh5", "gains", "1000.000-1200.000")
refused(calibrated(2, [1.3e9], times)[0], "t.calh5", "does not cover")
result, flux = calibrated(2, None, times, wide=[[1.39e9, 1.41e9]])
close(flux, 1, 1e-3, "one number for this band")
# half of the channels: the others are flagged, and that is said; the flux stays right
for own, kw in ((freqs[:4], {}), (None, dict(wide=[[1.3995e9, 1.4035e9]]))):
    result, flux = calibrated(2, own, times, **kw)
    close(flux, 1, 1e-3, "half of the channels", kw)
    warned(result, "4 of the data's 8 channels")
# gains that change over the band, in finer, coarser and shifted channels: between these, not the nearest's
ramp = 1 + 2 * (freqs - freqs[0]) / 7e6
data.data_array *= (ramp / 2)[None, :, None] ** 2
write(data, "ramp.uvh5")
for own in (freqs[0] - 3.75e5 + 2.5e5 * np.arange(32), freqs[0] + 5e5 + 2e6 * np.arange(-1, 5), freqs[0] + 4e5 + 1e6 * np.arange(-1, 8)):
    table(tel, (1 + 2 * (own - freqs[0]) / 7e6)[None, :, None, None], own, times).write_calh5("t.calh5", clobber=True, run_check=False)
    image("ramp.uvh5", "--cal", "t.calh5", "--weights", "unit")
    close(value(RA, DEC), 1, 2e-3, "channels of the table", own[:2])
# a gain far off all others is none
for far in (1e-30, 1e5):
    gain = np.full((NUMBERS, 1, 1, 1), 2.0)
    gain[2] = far
    result, flux = calibrated(gain, freqs, times)
    close(flux, 1, 1e-3, "one antenna with a gain of", far)
    warned(result, "t.calh5", "ant002", f"is {far:.4g}")

# a gap between solutions is no cover
around = np.array([times[0] - 31, times[1] + 31])
refused(calibrated(2, None, around, wide=[[1.39e9, 1.41e9]])[0], "t.calh5", "31.0 days", "--cal-any-time")
# age: from the last integration of the data to the table's interval
for what, days, code in (("within an hour", 0.02, 0), ("of hours", 0.2, 0), ("of 20 days", 20, 0),
                         ("of 40 days", 40, 3), ("of 40 days to come", -40, 3)):
    result, flux = calibrated(2, None, times - days, wide=[[1.39e9, 1.41e9]])
    check(result.returncode == code, what, "exit", result.returncode, result.stderr[-300:])
    if code:
        refused(result, "t.calh5", "40.0 days", "--cal-any-time")
        result, flux = calibrated(2, None, times - days, "--cal-any-time", wide=[[1.39e9, 1.41e9]])
    close(flux, 1, 1e-3, "table", what)
    if days > 0.1:
        warned(result, f"{days * 24:.1f} h away" if days < 2 else f"{days:.1f} days away")
# ranges beside times hold them: one for each, or one of all
for off, ranges in ((0, times[:, None] + [-30 / 86400, 30 / 86400]), (0, [times[0] - 1e-3, times[1] + 1e-3]),
                    (1, times[:, None] - 1 + [-30 / 86400, 30 / 86400]), (1, [np.nan, np.nan])):
    calibrated(2, freqs, times)
    with h5py.File("t.calh5", "r+") as f:
        f["Header/time_range"] = np.array(ranges)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
    if off:
        refused(result, "t.calh5", "Header/time_range", "does not hold time_array's element 0", "correct one of the two")
    else:
        check(result.returncode == 0, "ranges that hold the times", ranges, result.stderr[-300:])
# channels of a table lie side by side, once each
for change, words in ((lambda h: h["channel_width"].__setitem__(..., h["channel_width"][()] * 1000), ("channel_width", "overlap")),
                      (lambda h: h["freq_array"].__setitem__(1, h["freq_array"][0]), ("freq_array", "appears twice"))):
    calibrated(2, freqs, times)
    with h5py.File("t.calh5", "r+") as f:
        change(f["Header"])
    refused(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "t.calh5", *words)
# texts padded with blanks are the same texts
calibrated(2, freqs, times)
with h5py.File("t.calh5", "r+") as f:
    padded = [f"{name:12s}".encode() for name in tel.antenna_names]
    for key, new in (("antenna_names", np.array(padded)), ("cal_type", np.bytes_("Gain ")), ("gain_convention", np.bytes_("DIVIDE "))):
        del f["Header/" + key]
        f["Header/" + key] = new
result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
close(value(RA, DEC) if result.returncode == 0 else None, 1, 1e-3, "padded names:", result.stderr[-200:])
# widths in MHz would make a table of narrow channels
calibrated(2, freqs, times)
with h5py.File("t.calh5", "r+") as f:
    f["Header/channel_width"][...] = f["Header/channel_width"][()] * 1e-6
warned(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "channel_width", "it is not in Hz")
# ranges of frequency of a wide band
calibrated(2, None, times, wide=[[1.39e9, 1.41e9]])
with h5py.File("t.calh5", "r+") as f:
    f["Header/freq_range"][...] = f["Header/freq_range"][()][..., ::-1]
refused(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "t.calh5", "freq_range", "correct it")
# words and sizes that say what the gains are
for name, new, word in (("cal_type", np.bytes_("delay"), "delay"), ("gain_convention", np.bytes_("both"), "both"),
                        ("jones_array", np.array([-5, -7]), "-7"), ("jones_array", np.array([-5, -2]), "-5 and -2: linear and circular"),
                        ("jones_array", np.array([-1, -6]), "-1 and -6: linear and circular"), ("jones_array", np.array([-6, -6]), "-6 appears twice"), ("Nants_data", NUMBERS - 1, "shape"), ("Nfreqs", 2, ""),
                        ("Njones", 3, "3"), ("Ntimes", 0, "0"), ("integration_time", np.full(2, 1e10), "1e+10 s"),
                        ("integration_time", np.full(2, np.nan), "nan s"), ("Nants_telescope", NUMBERS + 1, "")):
    calibrated(2, freqs, times)
    with h5py.File("t.calh5", "r+") as f:
        del f["Header/" + name]
        f["Header/" + name] = new
    refused(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "t.calh5", word)
# ranges of time instead of centres (pyuvdata's time_range): the middle counts
calibrated(2, freqs, times)
with h5py.File("t.calh5", "r+") as f:
    half = f["Header/integration_time"][()] / 2 / 86400
    f["Header/time_range"] = np.c_[f["Header/time_array"][()] - half, f["Header/time_array"][()] + half]
    del f["Header/time_array"], f["Header/integration_time"]
result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
check(result.returncode == 0, "time_range:", result.stderr[-300:])
close(value(RA, DEC), 1, 1e-3, "table of ranges of time")
# of a year, or backwards: no such range has a gain
for begin, end in ((-180, 180), (0.01, -0.01)):
    with h5py.File("t.calh5", "r+") as f:
        middle = f["Header/time_range"][()].mean(axis=-1)
        f["Header/time_range"][...] = np.c_[middle + begin, middle + end]
    refused(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "t.calh5", "time_range: element 0", "must lie between 0")
result, flux = calibrated(2, freqs, times - 0.5)
check("WARNING" not in result.stderr, "bandpass of 12 hours:", result.stderr)
result, flux = calibrated(2, freqs, times - 0.5, "--cal-bandpass-interval-hours", 2)
warned(result, "12.0 h away")
# times in any order, each with its gains; data without noise have no weights of their own: all count alike
data = phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times)
data.data_array *= np.where(data.time_array < t0, 4, 16)[:, None, None]
data.vis_units = "uncalib"
write(data, "raw.uvh5")
for order in ([0, 1], [1, 0], [0, 0]):
    made = table(tel, (2.0 * (1 + np.array(order)))[None, None, :, None], freqs, times)
    made.time_array = times[order]
    made.write_calh5("t.calh5", clobber=True, run_check=False)
    result = image("raw.uvh5", "--cal", "t.calh5")
    if order == [0, 0]:
        refused(result, "t.calh5", "time_array", "appears twice", "leave one out")
    else:
        close(value(RA, DEC) if result.returncode == 0 else None, 1, 1e-3, "times", order, result.stderr[-300:])
        check(f"samples: {data.data_array.size // 2}" in result.stdout, "all samples:", result.stdout)
        check("noise cannot be measured" in result.stderr, "no noise:", result.stderr)
finish()
