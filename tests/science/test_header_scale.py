# ci-test: cost=23
"""Units and conventions of power, of data and of tables. Truth: the definition of pol_convention
(sum: I = XX + YY; avg: half of it) and of gain_scale."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
import h5py

RA, DEC = 150.0, 30.0
tel, enu = telescope()
freqs = 1.4e9 + 1e6 * np.arange(2)
times = transit_jd(RA) + np.array([-0.5, 0.5]) * 60 / 86400
data = phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times)  # XX = YY = 1


def put(path, **texts):
    with h5py.File(path, "r+") as f:
        for key, text in texts.items():
            if key in f["Header"]:
                del f["Header"][key]
            if text is not None:
                f["Header"][key] = np.bytes_(text)


for convention, flux in ((None, 1), ("avg", 1), ("mean", 1), ("sum", 2)):
    put(write(data, "d.uvh5"), pol_convention=convention)
    result = image("d.uvh5")
    close(value(RA, DEC) if result.returncode == 0 else None, flux, 2e-3, "data", convention)
put("d.uvh5", pol_convention="half")
refused(image("d.uvh5"), "d.uvh5", "pol_convention", "half")

# what a correlator multiplied by: said where it is not 1, never applied
for factor in (1.0, 3.0, np.nan):
    write(data, "d.uvh5")
    with h5py.File("d.uvh5", "r+") as f:
        f["Header/eq_coeffs"] = np.where(np.arange(NUMBERS)[:, None] == 2, factor, 1.0) * np.ones((NUMBERS, 2))
    result = image("d.uvh5")
    close(value(RA, DEC) if result.returncode == 0 else None, 1, 2e-3, "eq_coeffs", factor)
    check(("Header/eq_coeffs: 1 to 3" in result.stderr) == (factor == 3.0), "eq_coeffs", factor, result.stderr[-300:])

raw = data.copy()
raw.vis_units = "uncalib"
write(raw, "raw.uvh5")
for convention, flux in ((None, 1), ("avg", 1), ("sum", 2)):
    table(tel, 1, freqs, times).write_calh5("t.calh5", clobber=True, run_check=False)
    put("t.calh5", pol_convention=convention, gain_scale="Jy")
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
    close(value(RA, DEC) if result.returncode == 0 else None, flux, 2e-3, "table", convention)
put("t.calh5", pol_convention="other")
refused(image("raw.uvh5", "--cal", "t.calh5"), "t.calh5", "pol_convention", "other")
put("t.calh5", pol_convention=None, gain_scale="K str")
refused(image("raw.uvh5", "--cal", "t.calh5"), "t.calh5", "gain_scale", "K str")
put("t.calh5", gain_scale="uncalib")
warned(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "gain_scale")
with h5py.File("t.calh5", "r+") as f:
    f["Header/flex_jones_array"] = np.array([-5])
refused(image("raw.uvh5", "--cal", "t.calh5"), "flex_jones_array")
finish()
