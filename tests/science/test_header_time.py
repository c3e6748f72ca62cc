# ci-test: cost=20
"""Time scales of time_array, and sidereal times against it. Truth: the same file in UTC."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
import h5py

RA, DEC = 150.0, 30.0
OFF = (150.2, 30.1)
tel, enu = telescope()
freqs = 1.4e9 + 1e6 * np.arange(2)
times = transit_jd(RA) + np.array([-0.5, 0.5]) * 600 / 86400
data = unphased([(RA, DEC, 1.0)], tel, enu, freqs, times)
write(data, "utc.uvh5")


def variant(name, scale=None, shift_s=0.0, lst_s=0.0, drop_lst=False):
    write(data, name)
    with h5py.File(name, "r+") as f:
        h = f["Header"]
        if scale is not None:
            if "timesys" in h:
                del h["timesys"]
            h["timesys"] = np.bytes_(scale)
        h["time_array"][...] = h["time_array"][()] + shift_s / 86400
        h["lst_array"][...] = h["lst_array"][()] + 2 * np.pi * lst_s / 86164.0905
        if drop_lst:
            del h["lst_array"]
    return name


def flux(name):
    result = image(name, "--phase-center", f"{RA},{DEC}")
    return value(RA, DEC) if result.returncode == 0 else None


# at day 2461000 TAI is 37 s ahead of UTC, TT 69.184 s: with unprojected data the source is at its
# place only with the right time
close(flux("utc.uvh5"), 1, 2e-3, "UTC")
for scale, shift in (("UTC", 0), ("TAI", 37), ("IAT", 37), ("TT", 69.184), ("tai", 37)):
    close(flux(variant("x.uvh5", scale, shift)), 1, 2e-3, "timesys", scale)
    if shift:
        warned(run("inspect", "x.uvh5"), "converted to UTC")
for dut1, word in ((0.9, None), (-0.9, None), (5.0, "5 s"), (-0.91, "-0.91 s"), (np.nan, "nan s")):
    with h5py.File(variant("x.uvh5"), "r+") as f:
        if "dut1" in f["Header"]:
            del f["Header/dut1"]
        f["Header/dut1"] = dut1
    result = run("inspect", "x.uvh5")
    if word:
        refused(result, "Header/dut1", word, "-0.9 and 0.9")
    else:
        check(result.returncode == 0, "dut1", dut1, result.stderr)
with h5py.File(variant("x.uvh5"), "r+") as f:
    if "dut1" in f["Header"]:
        del f["Header/dut1"]
    f["Header/dut1"] = 0.7
said = [line for line in image("x.uvh5").stderr.splitlines() if "the header's UT1-UTC +0.7000 s differs" in line]
check(len(said) == 1, "another UT1 than the table's is warned of once:", said)
for scale in ("UT1", "GPS", "local"):
    refused(image(variant("x.uvh5", scale)), "timesys", scale)
wrong = flux(variant("x.uvh5", None, 37, drop_lst=True))
check(wrong is not None and wrong < 0.9, "37 s do matter here, flux", wrong)

# sidereal times: a second is no rounding
refused(image(variant("x.uvh5", None, 37)), "lst_array", "TAI")
refused(image(variant("x.uvh5", lst_s=-3)), "lst_array", "3.0")
refused(image(variant("x.uvh5", lst_s=43082)), "lst_array")
name = variant("x.uvh5", lst_s=0.2)
warned(run("inspect", name), "0.200 s off")
close(flux(name), 1, 2e-3, "sidereal times 0.2 s off")
with h5py.File(variant("x.uvh5"), "r+") as f:  # one row in the middle
    lst = f["Header/lst_array"][()]
    lst[len(lst) // 2:] += 1e-3
    f["Header/lst_array"][...] = lst
refused(image("x.uvh5"), "lst_array")
for rows in (-1, 0, 30):  # a row without one hides nothing
    for shift in (0, 37):
        with h5py.File(variant("x.uvh5", None, shift), "r+") as f:
            lst = f["Header/lst_array"][()]
            lst[rows] = np.nan
            f["Header/lst_array"][...] = lst
        result = run("inspect", "x.uvh5")
        refused(result, "lst_array", "TAI") if shift else warned(result, "lst_array", "1 of")
close(flux(variant("x.uvh5", "UTC  ")), 1, 2e-3, "timesys with blanks")

# phased data whose times uvw_array contradicts, or that were rounded
field = phased([(*OFF, 1.0)], (RA, DEC), tel, enu, freqs, times)


def phased_with(times_of, drop=("lst_array",)):
    write(field, "p.uvh5")
    with h5py.File("p.uvh5", "r+") as f:
        new = times_of(f["Header/time_array"][()])
        for key in ("time_array", *drop):
            del f["Header/" + key]
        f["Header/time_array"] = new
    return image("p.uvh5")


phased_with(lambda jd: jd)
close(value(*OFF), 1, 0.02, "phased")
for off_s in (7200, -3600):
    for drop in (("lst_array",), ("lst_array", "phase_center_app_ra", "phase_center_app_dec")):
        refused(phased_with(lambda jd: jd + off_s / 86400, drop), "Header/time_array", f"{abs(off_s) + 0:.0f}"[:2],
                "later" if off_s < 0 else "earlier", "correct time_array")
refused(phased_with(lambda jd: jd.astype("f4")), "Header/time_array", "28 rows repeat", "double precision")
finish()
