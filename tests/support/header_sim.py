"""Small UVH5 files of a known sky for the tests of headers: pyuvdata writes them, astropy gives the directions."""
import sys

try:
    import astropy.units as u
    import numpy as np
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers
    from pyuvdata import Telescope, UVData, utils
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

iers.conf.auto_download = False
LIGHT, LON, LAT = 299792458.0, -118.3, 37.2


def telescope(n=12, spread=300.0, seed=3, names=None, name="TESTARR", instrument="TESTARR"):
    rng = np.random.default_rng(seed)
    enu = np.c_[rng.uniform(-spread, spread, (n, 2)), rng.uniform(-2, 2, n)]
    place = EarthLocation.from_geodetic(LON * u.deg, LAT * u.deg, 1200 * u.m)
    xyz = utils.ECEF_from_ENU(enu, center_loc=place) - np.array([place.x.value, place.y.value, place.z.value])
    names = [f"ant{k:03d}" for k in range(n)] if names is None else names
    made = Telescope.new(location=place, name=name, instrument=instrument, antenna_positions=xyz, antenna_numbers=np.arange(n),
                         antenna_names=np.array(names), update_from_known=False, feeds=["x", "y"], x_orientation="east",
                         mount_type="fixed")
    return made, enu


def transit_jd(ra_deg, day=2461000.5):
    lst = Time(day, format="jd").sidereal_time("mean", longitude=LON * u.deg).deg
    return day + ((ra_deg - lst) % 360) / 360.98564736629


def visibilities(uv, enu, ra, dec, freqs, times):
    """exp(2 pi i nu/c b.s) of a source of 1 Jy, unphased."""
    sky = SkyCoord(ra * u.deg, dec * u.deg).transform_to(AltAz(obstime=Time(times, format="jd"), location=uv.telescope.location))
    s = np.c_[np.cos(sky.alt) * np.sin(sky.az), np.cos(sky.alt) * np.cos(sky.az), np.sin(sky.alt)]
    b = enu[uv.ant_2_array] - enu[uv.ant_1_array]
    delay = np.einsum("ij,ij->i", b, np.asarray(s)[np.searchsorted(times, uv.time_array)])
    return np.exp(2j * np.pi * np.outer(delay, freqs) / LIGHT)


def make(sources, n_chan=4, n_time=6, centre=(150.0, 30.0), tel=None, sigma=0.0, name="field", width=1e6, step_s=600.0):
    """sources: (ra, dec, Jy). Noise of sigma in each part of a sample, phased to the centre."""
    tel, enu = tel or telescope()
    n = len(enu)
    freqs = 1.4e9 + np.arange(n_chan) * width
    times = transit_jd(centre[0]) + (np.arange(n_time) - (n_time - 1) / 2) * step_s / 86400
    uv = UVData.new(freq_array=freqs, polarization_array=np.array([-5, -6]), times=times, telescope=tel, empty=True,
                    antpairs=np.array([(i, j) for i in range(n) for j in range(i + 1, n)]), channel_width=np.full(n_chan, width),
                    integration_time=10.0, do_blt_outer=True, vis_units="Jy")
    uv.nsample_array[:], uv.flag_array[:] = 1, False
    uv.data_array[:] = sum(flux * visibilities(uv, enu, ra, dec, freqs, times) for ra, dec, flux in sources)[:, :, None]
    rng = np.random.default_rng(1)
    uv.data_array += sigma * (rng.normal(size=uv.data_array.shape) + 1j * rng.normal(size=uv.data_array.shape))
    uv.phase(lon=np.deg2rad(centre[0]), lat=np.deg2rad(centre[1]), epoch=2000.0, phase_frame="icrs", cat_name=name)
    return uv
