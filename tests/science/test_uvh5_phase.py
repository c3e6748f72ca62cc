# Phase centres of UVH5 files, of every kind that there is, against astropy's places.
# ci-test: timeout=300
import os
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from checks import check, near, run_tests
import numpy as np
from astropy.coordinates import FK5, GCRS, ICRS, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.units import mas, rad, yr
from astropy.utils import iers
from uvh5_files import base, catalogued, changed, drop, u

iers.conf.auto_download = False
warnings.simplefilter("ignore")
UNPROJECTED, SIDEREAL, MERIDIAN = 0, 1, 2
RA, DEC = 0.4262, 0.5787  # of the catalogue's entry
time_mjd = np.unique(u.dump(base)[1][0]["time"]) / 86400


def centre(*words, **changes):
    return u.dump(catalogued(*words, **changes))[0]


def test_sidereal():
    for json_form in (False, True):
        facts = centre(json_form=json_form)
        check(facts["kind"] == SIDEREAL, facts)
        check((facts["ra_rad"], facts["dec_rad"]) == (RA, DEC), facts)


def test_fk5():
    """FK5 and ICRS differ by at most some 25 mas."""
    facts = centre(cat_frame="fk5", cat_epoch=2000.0)
    place = SkyCoord(RA, DEC, unit="rad", frame=FK5(equinox="J2000")).transform_to(ICRS())
    near(facts["ra_rad"], place.ra.rad, 1e-10)
    near(facts["dec_rad"], place.dec.rad, 1e-10)
    check(1e-9 < abs(facts["ra_rad"] - RA) < 2e-7, facts)


def test_gcrs():
    """Of the middle time: aberration, up to 20 arcsec."""
    facts = centre(cat_frame="gcrs")
    frame = GCRS(obstime=Time(time_mjd.mean(), format="mjd", scale="utc"))
    place = SkyCoord(RA, DEC, unit="rad", frame=frame).transform_to(ICRS())
    near(facts["ra_rad"], place.ra.rad, 5e-9)
    near(facts["dec_rad"], place.dec.rad, 5e-9)
    check(np.hypot(facts["ra_rad"] - RA, facts["dec_rad"] - DEC) > 1e-5, facts)


def test_proper_motion():
    """Of right ascension it is dRA/dt: astropy wants it times cos(dec)."""
    facts = centre(cat_pm_ra=1000.0, cat_pm_dec=-2000.0, cat_epoch=2000.0)
    star = SkyCoord(RA * rad, DEC * rad, pm_ra_cosdec=1000 * np.cos(DEC) * mas / yr,
                    pm_dec=-2000 * mas / yr, obstime=Time(2000.0, format="jyear", scale="tdb"))
    star = star.apply_space_motion(new_obstime=Time(time_mjd.mean(), format="mjd", scale="utc"))
    near(facts["ra_rad"], star.ra.rad, 1e-10)
    near(facts["dec_rad"], star.dec.rad, 1e-10)


def test_ephemeris():
    facts = centre(cat_type="ephem", cat_times=time_mjd[[0, 2]] + 2400000.5,
                   cat_lon=np.array([6.28, 0.0032]), cat_lat=np.array([0.1, 0.2]))
    check(facts["n_phase"] == 3, facts)
    near(facts["ra_rad"], 6.28, 1e-12)
    check(facts["dec_rad"] == 0.1, facts)


def test_driftscan_on_the_meridian():
    lat = np.radians(37.2334)
    for azimuth, elevation, dec in ((np.pi, 1.2, lat - np.pi / 2 + 1.2),
                                    (0.0, 1.2, lat + np.pi / 2 - 1.2), (0.0, np.pi / 2, lat)):
        facts = centre(cat_type="driftscan", cat_frame="altaz", cat_lon=azimuth, cat_lat=elevation)
        check(facts["kind"] == MERIDIAN, facts)
        near(facts["dec_rad"], dec, 1e-9, "azimuth", azimuth)


def test_driftscan_off_the_meridian():
    facts = centre(cat_type="driftscan", cat_frame="altaz", cat_lon=1.0, cat_lat=0.9)
    check(facts["kind"] == SIDEREAL and facts["n_phase"] == 3, facts)
    site = EarthLocation.from_geodetic(-118.2834, 37.2334, 1188.05)
    first = Time(time_mjd[0], format="mjd", scale="utc")
    sky = SkyCoord(AltAz(az=1.0 * rad, alt=0.9 * rad, obstime=first, location=site)).transform_to(ICRS())
    off = np.hypot((facts["ra_rad"] - sky.ra.rad) * np.cos(sky.dec.rad), facts["dec_rad"] - sky.dec.rad)
    check(off < 2e-6, off)  # 0.4 arcsec: astropy without recent earth orientation


def test_unprojected():
    facts = centre(cat_type="unprojected", cat_frame="altaz", cat_lon=None, cat_lat=None)
    check(facts["kind"] == UNPROJECTED, facts)


def legacy(f):
    h = f["Header"]
    del h["phase_type"], h["phase_center_app_dec"], h["extra_keywords"]
    h["phase_type"] = np.bytes_("phased")
    h["phase_center_ra"], h["phase_center_dec"], h["phase_center_epoch"] = 1.5, -0.3, 2000.0


def test_before_the_catalogue():
    facts, _ = u.dump(changed(legacy))
    check(facts["kind"] == SIDEREAL and facts["ra_rad"] == 1.5 and facts["dec_rad"] == -0.3, facts)


def test_scalar_alone_does_not_make_it_dsa110():
    facts, _ = u.dump(changed(drop("Header/extra_keywords")))
    check(facts["kind"] == UNPROJECTED, facts)


run_tests(globals())
