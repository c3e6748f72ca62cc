# contimg inspect on every kind of file: what the sample data's README says is what it says.
# ci-test: timeout=300
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import h5py
import numpy as np
from checks import check
import uvh5_support as u

driver = os.path.join(u.build, "tests/test_inspect_driver")
if not os.path.exists(driver):
    u.skip(f"no {driver}: build test_inspect_driver")
if not os.path.isdir(u.data):
    u.skip(f"no sample data at {u.data}")


def inspect(path, code=0):
    """(text, facts) of both forms, which end alike."""
    text = subprocess.run([driver, path], capture_output=True, text=True)
    found = subprocess.run([driver, "--json", path], capture_output=True, text=True)
    check(text.returncode == code and found.returncode == code, path, text, found)
    facts = json.loads(found.stdout)
    check(facts["usable"] == (code == 0), facts)
    if code != 0:
        check(text.stdout == "" and facts["reason"] in text.stderr, text)
    return text.stdout, facts


n = 0
for path in sorted(glob.glob(f"{u.data}/uvh5_*/*.uvh5") + glob.glob(f"{u.data}/real_sky/*.uvh5")
                   + glob.glob(f"{u.data}/synthetic/**/*5", recursive=True)):
    if "transpose" in path:
        text, facts = inspect(path, code=3)
        check("axes swapped" in facts["reason"])
        continue
    text, facts = inspect(path)
    check(facts["kind"] == "UVH5" and facts["n_visibility"] > 0)
    check(max(len(line) for line in text.splitlines()) < 180, path)
    n += 1
print(f"{n} UVH5 files")

text, f = inspect(f"{u.data}/synthetic/dsa110_like/2022-02-15T03:34:30_sb00.hdf5")
check(f["phasing"] == "meridian" and abs(f["meridian_dec_deg"] - 16.27) < 1e-9, f)
check(f["n_antenna"] == 12 and f["n_antenna_telescope"] == 117 and f["diameter_m"] == 4.65)
check(f["n_baseline"] == 66 and f["n_autocorrelation"] == 12 and f["flagged"] == 0)
check(f["first_time"] == "2022-02-15T03:34:36.442Z" and f["polarisations"] == ["XX", "YY"])
check(np.allclose(f["windows"][0]["freq_hz"], [1487168579.1015625, 1498643188.4765625], atol=1))
check("the meridian at apparent declination +16.27000 deg" in text and f["warnings"] == [])
text, f = inspect(f"{u.data}/real_sky/mwa_puppis_a.uvh5")
check(f["units"] == "Jy" and 0.21 < f["flagged"] < 0.23 and f["n_antenna"] == 72)
check(np.allclose(f["centre_deg"], [125.0, -42.75], atol=1e-4))
text, f = inspect(f"{u.data}/uvh5_sim/uvd_bad_chan_width.uvh5")
check("all visibilities are exactly 0" in text and f["exact_zero"] == 1)
# Not one finite sample is another fault than zeros; so is a mixture.
with tempfile.TemporaryDirectory() as folder:
    for part, words in ((slice(None), "no visibility is a finite number"),
                        (slice(5), "all finite visibilities are exactly 0")):
        path = os.path.join(folder, "nan.uvh5")
        shutil.copyfile(f"{u.data}/uvh5_sim/uvd_bad_chan_width.uvh5", path)
        with h5py.File(path, "r+") as file:
            file["Data/visdata"][part] = np.nan
        text, f = inspect(path)
        check(words in text and "all visibilities are exactly 0" not in text, text)
        check(any(words in text for text in f["warnings"]) and f["not_finite"] > 0, f)
text, f = inspect(f"{u.data}/uvh5_real/zen.2457698.40355.xx.HH.uvcAA.uvh5")
check(any("by up to 33.7 m" in text for text in f["warnings"]))
text, f = inspect(f"{u.data}/uvh5_real/mwa_integration_time.uvh5")
check(any("451 of 451 rows have ant1 > ant2" in text for text in f["warnings"]))
text, f = inspect(f"{u.data}/uvh5_real/ata.LoA.C0352.uvh5_60647_62965_9760406_3c286_0001.uvh5")
check(not f["nsamples_usable"] and any("nsamples" in text for text in f["warnings"]))

text, f = inspect(f"{u.data}/real_sky/reference/mwa_puppis_a.XX.dirty.fits")
check(f["kind"] == "FITS" and (f["n_x"], f["n_y"]) == (512, 512))
check(abs(f["value"][1] - 15.7022) < 1e-3 and "greatest at pixel 233, 246 (from 1)" in text)
check(abs(f["cell_arcsec"] - 120) < 1e-9)

with tempfile.TemporaryDirectory() as folder:
    warnings.simplefilter("ignore")
    from astropy.coordinates import EarthLocation
    from astropy.coordinates.sites import SiteRegistry
    from pyuvdata import UVCal

    EarthLocation._site_registry = SiteRegistry()  # the list of sites is not fetched
    EarthLocation._site_registry.add_site(["nowhere"], EarthLocation.from_geodetic(0, 0))

    cal = UVCal()
    cal.read(f"{u.data}/uvh5_real/zen.2458043.40141.xx.HH.XRAA.abs.calfits", run_check=False)
    path = os.path.join(folder, "gains.calh5")
    cal.write_calh5(path, run_check=False)
    text, f = inspect(path)
    check(f["kind"] == "CalH5" and f["n_time"] == cal.Ntimes and f["n_channel"] == cal.Nfreqs)
    good = np.abs(cal.gain_array)[~cal.flag_array]
    far = np.maximum(good / np.median(good), np.median(good) / good) > 1e3  # are flagged when they are read
    flagged = (cal.flag_array.sum() + far.sum()) / cal.flag_array.size
    good = good[~far]
    check(abs(f["median_amplitude"] / np.median(good) - 1) < 1e-6, f, np.median(good))
    check(np.allclose(f["amplitude"], [good.min(), good.max()], rtol=1e-6))
    for name, content, part in (("empty.uvh5", b"", "empty file"), ("text.fits", b"hello", "neither"),
                                ("a_incomplete.hdf5", open(path, "rb").read(), "_incomplete")):
        other = os.path.join(folder, name)
        with open(other, "wb") as out:
            out.write(content)
        check(part in inspect(other, code=3)[1]["reason"], name)
    check("folder" in inspect(folder, code=3)[1]["reason"])
    check("No such file" in inspect(os.path.join(folder, "no"), code=3)[1]["reason"])
print("UVH5, CalH5, FITS and what is none of them: facts and reasons as they should be")
