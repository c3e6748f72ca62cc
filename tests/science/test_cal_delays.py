"""Delays of a bandpass, as pyuvdata reads it, are the simulator's in size and sign: the gain is exp(+2 pi i delay nu), and
data are divided by it. ci-test: timeout=300 cost=8"""
import glob
import os
import subprocess
import warnings

import numpy as np

from checks import check, scratch
from sim_support import need_contimg, simulate, skip, source, truth_of

try:
    from pyuvdata import UVCal
except ImportError as why:
    skip(why)

here = scratch("delays")
folder, _ = simulate("--stations", 12, "--sub-bands", 2, "--channels", 16, "--integrations", 4, "--calibrator", 12.7,
                     "--units", "raw", "--gain-phase", "random", "--gain-amp-rms", 0.2, "--delay-ns", 400, "--sefd", 500)
done = subprocess.run([os.path.join(source, "tests/mpirun.sh"), "0", need_contimg(), "calibrate",
                       *sorted(glob.glob(f"{folder}/*.hdf5")), "--model", f"{folder}/truth-calibrator.csv", "--out",
                       f"{here}/c"], capture_output=True, text=True)
check(done.returncode == 0, done.stderr[-1000:])

cal = UVCal()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    cal.read(f"{here}/c.bandpass.calh5")
truth = {(r["station"], r["pol"]): r["delay_s"] for r in truth_of(folder)["gains"]["receptors"]}
pols = sorted({pol for _, pol in truth})  # X first
freq = cal.freq_array.ravel()
names = dict(zip(cal.telescope.antenna_numbers, cal.telescope.antenna_names))
number = [int(names[n]) for n in cal.ant_array]  # stations
trial = np.linspace(-1e-6, 1e-6, 20001)
worst = 0
for h, pol in enumerate(pols):
    for a, n in enumerate(number):
        if (n, pol) not in truth:
            continue  # not in the data
        gain = cal.gain_array[a, :, 0, h]
        # the delay whose phasor the gain follows best
        match = np.abs(np.exp(-2j * np.pi * np.outer(trial, freq - freq[0])) @ (gain / np.abs(gain)))
        found = trial[np.argmax(match)]
        worst = max(worst, abs(found - (truth[n, pol] - truth[int(cal.ref_antenna_name), pol])))
print(f"{len(number)} antennas: delays to {worst * 1e9:.2f} ns, up to {max(map(abs, truth.values())) * 1e9:.0f} ns")
check(worst < 0.5e-9, "delays differ by", worst)
check(max(map(abs, truth.values())) > 200e-9)
