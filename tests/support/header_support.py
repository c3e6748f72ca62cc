"""Small UVH5 and CalH5 files whose truth is known from numpy, astropy and pyuvdata alone, and what
contimg makes of them. Checks go on after a failure; `finish` tells all."""
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import astropy.units as au
    import numpy as np
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.io import fits
    from astropy.time import Time
    from astropy.utils import iers
    from astropy.wcs import WCS
    from pyuvdata import Telescope, UVCal, UVData, utils
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

warnings.filterwarnings("ignore")
iers.conf.auto_download = False
C = 299792458.0
program = os.path.join(os.environ["CONTIMG_BUILD"], "bin", "contimg")
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)
failures = []


def check(is_right, *what):
    if not is_right:
        failures.append(" ".join(str(w) for w in what))
        print("FAILED:", failures[-1])


def close(value, truth, tolerance, *what):
    check(value is not None and np.isfinite(value) and abs(value - truth) <= tolerance, *what,
          "is", value, "not", truth, "+-", tolerance)


def finish():
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


def run(*words):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=300)


def refused(result, *texts):
    """Exit 3, one line that holds all texts."""
    last = result.stderr.strip().splitlines()[-1] if result.stderr.strip() else ""
    check(result.returncode == 3, "exit", result.returncode, "not 3:", last)
    for text in texts:
        check(text in last, "no", repr(text), "in:", last)


def warned(result, *texts):
    """One line of warning that holds all texts."""
    lines = [line for line in result.stderr.splitlines() if "WARNING" in line]
    check(any(all(text in line for text in texts) for line in lines), "no warning with", texts, "in", lines)


NUMBERS = 8
LON, LAT, ALT = -118.3, 37.2, 1200.0


def telescope(n=NUMBERS, numbers=None, names=None, spread=250.0, seed=3):
    rng = np.random.default_rng(seed)
    enu = np.c_[rng.uniform(-spread, spread, (n, 2)), rng.uniform(-2, 2, n)]
    place = EarthLocation.from_geodetic(LON * au.deg, LAT * au.deg, ALT * au.m)
    xyz = utils.ECEF_from_ENU(enu, center_loc=place) - np.array(
        [place.x.value, place.y.value, place.z.value])
    numbers = np.arange(n) if numbers is None else np.asarray(numbers)
    names = [f"ant{k:03d}" for k in numbers] if names is None else list(names)
    made = Telescope.new(location=place, name="TEST", instrument="TEST", antenna_positions=xyz,
                         antenna_numbers=numbers, antenna_names=np.array(names),
                         update_from_known=False, feeds=["x", "y"], x_orientation="east",
                         mount_type="fixed")
    return made, enu


def transit_jd(ra_deg, day=2461000.5):
    lst = Time(day, format="jd").sidereal_time("mean", longitude=LON * au.deg).deg
    return day + ((ra_deg - lst) % 360) / 360.98564736629


def directions(places, times, location):
    """East, north, up of ICRS places (deg) at JD times: [place][time][3]."""
    out = []
    for ra, dec in places:
        seen = SkyCoord(ra * au.deg, dec * au.deg).transform_to(
            AltAz(obstime=Time(times, format="jd"), location=location))
        out.append(np.c_[np.cos(seen.alt) * np.sin(seen.az), np.cos(seen.alt) * np.cos(seen.az),
                         np.sin(seen.alt)])
    return out


def unphased(sources, tel, enu, freqs, times, pols=(-5, -6), tint=10.0):
    """sources: (ra_deg, dec_deg, flux): V = sum S exp(2 pi i nu/c b.s) in all parallel hands."""
    nums = tel.antenna_numbers
    n = len(nums)
    pairs = [(nums[i], nums[j]) for i in range(n) for j in range(i + 1, n)]
    width = freqs[1] - freqs[0] if len(freqs) > 1 else 1e5
    uv = UVData.new(freq_array=np.asarray(freqs), polarization_array=np.array(pols),
                    antpairs=np.array(pairs), times=np.asarray(times), telescope=tel,
                    channel_width=np.full(len(freqs), width), integration_time=tint,
                    do_blt_outer=True, vis_units="Jy", empty=True)
    uv.nsample_array[:] = 1
    uv.flag_array[:] = False
    index = {a: i for i, a in enumerate(nums)}
    b = np.array([enu[index[y]] - enu[index[x]] for x, y in zip(uv.ant_1_array, uv.ant_2_array)])
    at = np.searchsorted(np.unique(times), uv.time_array)
    vis = np.zeros((uv.Nblts, len(freqs)), complex)
    for s, (_, _, flux) in zip(directions([x[:2] for x in sources], times, tel.location), sources):
        delay = np.einsum("ij,ij->i", b, np.asarray(s)[at])
        vis += flux * np.exp(2j * np.pi * np.outer(delay, freqs) / C)
    uv.data_array[:] = 0
    for k, p in enumerate(pols):
        if p in (-5, -6, -1, -2):
            uv.data_array[:, :, k] = vis
    return uv


def uvw_of(uv, ra_deg, dec_deg):
    """Baselines in wavelengths along the apparent directions of an image's axes about a place: derivatives by l and m
    of astropy's directions. [n_blt, n_freq, 3]"""
    times, step = np.unique(uv.time_array), 1e-4
    east = [(ra_deg + np.rad2deg(s * step / np.cos(np.deg2rad(dec_deg))), dec_deg) for s in (1, -1)]
    north = [(ra_deg, dec_deg + np.rad2deg(s * step)) for s in (1, -1)]
    place = uv.telescope.location
    s0, e1, e0, n1, n0 = (np.asarray(d) for d in directions([(ra_deg, dec_deg)] + east + north, times, place))
    axes = np.stack([(e1 - e0) / (2 * step), (n1 - n0) / (2 * step), s0], axis=1)[np.searchsorted(times, uv.time_array)]
    ecef = uv.telescope.antenna_positions + np.array([place.x.value, place.y.value, place.z.value])
    enu = utils.ENU_from_ECEF(ecef, center_loc=place)
    b = enu[uv.ant_2_array] - enu[uv.ant_1_array]
    return np.einsum("ij,ikj->ik", b, axes)[:, None, :] * (uv.freq_array / C)[None, :, None]


def phased(sources, centre, *args, name="field", **kw):
    uv = unphased(sources, *args, **kw)
    uv.phase(lon=np.deg2rad(centre[0]), lat=np.deg2rad(centre[1]), epoch=2000.0,
             phase_frame="icrs", cat_name=name)
    return uv


def write(uv, name):
    uv.write_uvh5(name, clobber=True, run_check=False)
    return name


def feeds_set(tel, angles, names=("x", "y"), mount="fixed"):
    """angles [antenna][feed] in rad."""
    n = len(tel.antenna_numbers)
    tel.Nfeeds = len(names)
    tel.feed_array = np.array([list(names)] * n)
    tel.feed_angle = np.array(angles, float)
    tel.mount_type = [mount] * n if isinstance(mount, str) else list(mount)


def table(tel, gains, freqs, times, wide=None, jones=(-5, -6), angles=(90.0, 0.0), tint=60.0,
          ants=None):
    """gains [antenna][channel][time][jones]."""
    tel = tel.copy()
    feeds_set(tel, np.tile(np.deg2rad(angles), (len(tel.antenna_numbers), 1)))
    kw = dict(freq_array=np.asarray(freqs), channel_width=np.full(len(freqs), freqs[1] - freqs[0])
              if len(freqs) > 1 else np.full(1, 1e6)) if wide is None else dict(
                  freq_range=np.asarray(wide), wide_band=True)
    cal = UVCal.new(gain_convention="divide", cal_style="redundant", cal_type="gain",
                    integration_time=tint, jones_array=np.array(jones), telescope=tel,
                    time_array=np.asarray(times), empty=True,
                    ant_array=tel.antenna_numbers if ants is None else np.asarray(ants), **kw)
    cal.gain_array = np.broadcast_to(np.asarray(gains, complex), cal.gain_array.shape).copy()
    cal.flag_array[:] = False
    cal.quality_array = np.zeros(cal.gain_array.shape, float)
    return cal


def image(name, *words, size=64, cell=20, out="o."):
    """Dirty image with natural weights: (result, value at a place)."""
    result = run("image", name, "--out", out, "--size", size, "--cell-arcsec", cell, "--niter", 0,
                 "--weighting", "natural", "--beam", "none", *words)
    return result


def value(ra_deg, dec_deg, out="o."):
    with fits.open(out + "dirty.fits") as hdus:
        data = np.squeeze(hdus[0].data)
        x, y = WCS(hdus[0].header).celestial.all_world2pix([[ra_deg, dec_deg]], 0)[0]
    return float(data[int(round(y)), int(round(x))])


def centre(out="o."):
    header = fits.getheader(out + "dirty.fits")
    return SkyCoord(header["CRVAL1"], header["CRVAL2"], unit="deg")
