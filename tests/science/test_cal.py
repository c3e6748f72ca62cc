"""Calibration tables of contimg as pyuvdata reads them, with all its checks."""
import os
import subprocess
import sys
import tempfile
import warnings

from checks import check

try:
    import numpy as np
    from pyuvdata import UVCal
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

program = os.path.join(os.environ["CONTIMG_BUILD"], "tests", "test_cal")

with tempfile.TemporaryDirectory() as folder:
    said = subprocess.run([program, "write", folder], check=True, capture_output=True, text=True)
    for line in said.stdout.splitlines():
        name, n_time, n_chan, re, im, ref = line.split()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cal = UVCal()
            cal.read(os.path.join(folder, name), run_check=True)
        caught = [w for w in caught if "pyuvdata" in str(w.filename) and "IERS" not in str(w.message)]
        check(not caught, [str(w.message) for w in caught])
        is_gain = "gain" in name
        check(cal.gain_convention == "divide" and cal.cal_type == "gain" and cal.cal_style == "sky")
        check(cal.wide_band == is_gain)
        check(cal.gain_array.shape == (12, int(n_chan), int(n_time), 2), cal.gain_array.shape)
        check(list(cal.jones_array) == [-5, -6])
        check(cal.gain_array[5, -1, 0, 1] == float(re) + 1j * float(im))
        check(cal.ref_antenna_name == ref)
        i_ref = list(cal.telescope.antenna_names).index(ref)
        check(np.allclose(np.angle(cal.gain_array[i_ref]), 0, atol=1e-12))
        check(cal.telescope.get_x_orientation_from_feeds() == "east")
        check(list(cal.ant_array) == [2 * a + 3 for a in range(12)])
        check(np.allclose(cal.telescope.antenna_diameters, 4.65))
        if is_gain:
            check(cal.flag_array[4, :, :, 1].all() and cal.flag_array[6, 0, 1, 0])
            check(cal.flag_array.sum() == int(n_time) + 1)
            check(cal.freq_range.shape == (1, 2))
        else:
            check(not cal.flag_array.any())
            check(np.all(np.diff(cal.freq_array) > 0))
            amplitude = np.abs(cal.gain_array).mean(axis=1)
            check(np.allclose(amplitude, 1, atol=1e-6))
        again = os.path.join(folder, "again.calh5")
        cal.write_calh5(again, clobber=True)
        print(f"{name}: {cal.gain_array.shape}, reference {ref}: read by pyuvdata")
    check(len(said.stdout.splitlines()) == 2)
