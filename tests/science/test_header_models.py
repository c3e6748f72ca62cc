# ci-test: timeout=120 cost=5
"""Numbers of models: what no source can have is refused by line, column and value; one size is a round source, in the
model of a catalogue and in the model of CLEAN that --continue goes on from."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
import h5py  # noqa: E402

HEAD = "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index"
SIZES = HEAD + ",major_arcsec,minor_arcsec,pa_deg"
IMAGE = ("--calibrated", "--size", "64", "--cell-arcsec", "20", "--niter", "50", "--out", "o")
# A file's lines, and what the one line of the refusal names.
REFUSED = {
    "index of 1e6": (HEAD, "a,150,30,5,1.4e9,1e6", ("line 2: spectral_index 1e6 must be -10 to 10",)),
    "index of -11": (HEAD, "a,150,30,5,1.4e9,-11", ("line 2: spectral_index -11",)),
    "index without a number": (HEAD, "a,150,30,5,1.4e9,nan", ("line 2: spectral_index",)),
    "index that is infinite": (HEAD, "a,150,30,5,1.4e9,-inf", ("line 2: spectral_index",)),
    "flux of 1e300": (HEAD, "a,150,30,1e300,1.4e9,0", ("line 2: flux_jy 1e300 must be in Jy",)),
    "flux of -1e11": (HEAD, "b,150,30,5,1.4e9,0\na,150,31,-1e11,1.4e9,0", ("line 3: flux_jy -1e11",)),
    "size of 20 degrees": (SIZES, "a,150,30,5,1.4e9,0,72000,1,0", ("line 2: major_arcsec 72000 must be arcsec, 0 to 36000",)),
    "minor alone": (SIZES, "a,150,30,5,1.4e9,0,,30,0", ("line 2: minor_arcsec 30 without major_arcsec: give both",)),
    "minor alone, no column": (HEAD + ",minor_arcsec", "a,150,30,5,1.4e9,0,30", ("line 2: minor_arcsec 30 without",)),
    "minor above major": (SIZES, "a,150,30,5,1.4e9,0,10,30,0", ("line 2: minor_arcsec 30 must be from 0 to major_arcsec",)),
    "angle of 1e30": (SIZES, "a,150,30,5,1.4e9,0,10,3,1e30", ("line 2: pa_deg 1e30 must be degrees",)),
    "a name in Latin-1": (HEAD, "caf\udce9,150,30,5,1.4e9,0", ("line 2: name: 'caf?': byte 4 (0xe9) is no UTF-8",)),
    "a name cut in UTF-8": (HEAD, "a\udce6\udc9d,150,30,5,1.4e9,0", ("line 2: name", "byte 2 (0xe6) is no UTF-8")),
    "an escape": (HEAD, "a\x1b[31m,150,30,5,1.4e9,0", ("line 2: name", "byte 2 (0x1b) is a control character")),
    "a control of two bytes": (HEAD, "ab\x9b,150,30,5,1.4e9,0", ("line 2: name", "byte 3 (0xc2) is a control character")),
    # 1 Jy at 1 MHz with an index of 9 is 1400^9 = 2e28 Jy at 1.4 GHz.
    "flux at the data": (HEAD, "a,150,30,1,1e6,9", ("--model: source a", "spectral_index 9", "2.07e+28 Jy at 1400.000 MHz", "correct")),
}


def model(folder, head, rows):
    with open(os.path.join(folder, "m.csv"), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{head}\n{rows}\n")


def catalogues(folder):
    for what, (head, rows, words) in REFUSED.items():
        model(folder, head, rows)
        refused(what, run(folder, "calibrate", "x.uvh5", "--model", "m.csv", "--out", "c"), *words)
    gains = []
    for head, sizes in ((SIZES, ",20,20,0"), (HEAD + ",major_arcsec", ",20"), (SIZES, ",20,,"), (SIZES, ",0,0,0")):
        model(folder, head, "a,150,30,5,1.4e9,10" + sizes)  # an index at the limit is used
        # The data are of a point.
        result = run(folder, "calibrate", "x.uvh5", "--model", "m.csv", "--out", "c", "--qa-cal-max-structure", "1")
        check(f"size {sizes}", result.returncode == 0, own_line(result))
        with h5py.File(os.path.join(folder, "c.gain.calh5"), "r") as file:
            gains.append(file["Data/gains"][()])
    check("one size is a round source", np.array_equal(gains[0], gains[1]) and np.array_equal(gains[0], gains[2]), "")
    check("which is no point", not np.allclose(gains[0], gains[3], rtol=1e-3), np.abs(gains[0] - gains[3]).max())


def set_slope(file):
    file["source"][0, 5] = 1e6  # l, m, flux, point, beam, slope


def set_place(file):
    file["source"][0, 0] = 1.5


def set_nan(file):
    file["source"][0, 2] = np.nan


def set_flux(file):
    file["source"][0, 2] = 1e300


def set_rms(file):
    file["residual_rms_jy"][()] = np.nan


def set_course(file):
    file["course"][1] = np.nan  # major cycles, components, ...


def set_inner(file):
    file["course"][7] = 0


def set_mark(file):
    file["mark"][0] = -1


def clean_model(folder):
    result = run(folder, "image", "x.uvh5", *IMAGE)
    path = os.path.join(folder, "o.clean.h5")
    with h5py.File(path, "r") as file:
        check("CLEAN's model has a source", result.returncode == 0 and len(file["source"]) > 0, own_line(result))
    good = open(path, "rb").read()
    for change, words in ((set_slope, ("o.clean.h5", "source 0 has a slope of 1e+06", "remove the file")),
                          (set_place, ("o.clean.h5", "source 0 lies at l, m of 1.5", "remove the file")),
                          (set_flux, ("o.clean.h5", "source has a value of 1e+300", "remove the file")),
                          (set_rms, ("o.clean.h5", "residual_rms_jy has a value of nan", "remove the file")),
                          (set_course, ("o.clean.h5", "course has a value of nan", "remove the file")),
                          (set_inner, ("o.clean.h5", "course has thresholds of 0", "remove the file")),
                          (set_mark, ("o.clean.h5", "mark 0 is no pixel", "remove the file")),
                          (set_nan, ("o.clean.h5", "source 0", "not finite"))):
        open(path, "wb").write(good)
        with h5py.File(path, "r+") as file:
            change(file)
        refused(f"{change.__name__} of CLEAN's model", run(folder, "image", "x.uvh5", *IMAGE, "--continue"), *words)


with tempfile.TemporaryDirectory() as at:
    sim.make([(150.0, 30.0, 5.0)], sigma=0.05, step_s=10.0).write_uvh5(os.path.join(at, "x.uvh5"))
    catalogues(at)
    clean_model(at)
end()
