# ci-test: timeout=300
"""contimg-sim against the Python simulator: sky, beam, losses and gains to 1e-5."""
import os
import shutil

import h5py
import numpy as np

from checks import check
import sim_support as sim

sim.use_earth_orientation()

SOURCES = """name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index
centre,6.3589,16.0048,5.0,1.4e9,-0.5
north,6.9,16.9,3.0,1.4e9,-0.7
south,5.6,15.1,2.0,1.3e9,0.3
far,9.3,14.2,4.0,1.4e9,-1.1
"""
STATIONS = "1,24,51,68,102,103,108,116"


def compare(label, limit, *options, **how):
    list_name = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"contimg-sources-{os.getpid()}.csv")
    with open(list_name, "w") as f:
        f.write(SOURCES)
    folder, _ = sim.simulate("--stations", STATIONS, "--sub-bands", "0,15", "--integrations", 3,
                             "--channels", how.pop("channels", 5), "--sefd", 0,
                             "--sources", list_name, *options)
    truth = sim.truth_of(folder)
    place = {a["number"]: np.array(a["position_m"]) for a in truth["array"]["antennas"]}
    scale = sum(s["flux_jy"] for s in truth["sources"])
    worst, n, reversed_rows = 0.0, 0, 0
    with_gains = how.pop("gains", False)
    for path in sim.files_of(folder):
        with h5py.File(path, "r") as f:
            ant1, ant2 = f["Header/ant_1_array"][()], f["Header/ant_2_array"][()]
            jds, freqs = f["Header/time_array"][()], f["Header/freq_array"][0]
            data = f["Data/visdata"][:, 0]
        reversed_rows += int(np.sum(ant1 > ant2))
        for jd in np.unique(jds):
            rows = np.flatnonzero(jds == jd)
            b = np.array([place[ant2[r]] - place[ant1[r]] for r in rows])
            for i_pol, pol in enumerate("XY"):
                d = np.array([sim.delay(truth, ant1[r], pol) - sim.delay(truth, ant2[r], pol) for r in rows])
                model = sim.predict(truth, jd, freqs, b, d, **how)
                if with_gains:
                    g = {a: sim.gain(truth, a, pol, jd, freqs) for a in place}
                    model *= np.array([g[ant1[r]] * g[ant2[r]].conj() for r in rows])
                worst = max(worst, np.abs(data[rows, :, i_pol] - model).max() / scale)
                n += model.size
    shutil.rmtree(folder)
    os.remove(list_name)
    print(f"{label}: worst difference {worst:.2e} of the total flux, {n} visibilities")
    check(reversed_rows > 0, "no row with ant1 > ant2: the order of antennas is not mixed")
    check(worst < limit, label)


compare("no beam, no losses", 1e-5, "--beam", "none", "--smear", "off", beam=False, smear=False)
compare("beam", 1e-5, "--smear", "off", smear=False)
compare("beam, losses", 1e-5)
compare("declination 75", 1e-5, "--dec", 75, "--calibrator", 3, channels=3)
compare("wide channels", 1e-5, "--fine", 32, channels=3)
compare("gains", 1e-5, "--gain-phase", "random", "--gain-amp-rms", 0.1, "--bandpass-ripple", 0.05,
        "--delay-ns", 300, "--drift-amp", 0.1, "--drift-phase", 40, gains=True)
