"""Phase centres that move, and several in one file. pyuvdata phases the data; positions and fluxes are
known from astropy (space motion, parallax) and from a source that stands still. ci-test: timeout=300 cost=24"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
import h5py
from astropy.coordinates import get_body_barycentric
from scipy.interpolate import CubicSpline

RA, DEC = 150.0, 30.0
tel, enu = telescope()
freqs = 1.4e9 + 1e6 * np.arange(2)
times = transit_jd(RA) + (np.arange(4) - 1.5) * 300 / 86400


# cat_dist, cat_vrad, cat_pm_ra and cat_pm_dec of the catalogue against astropy
def star_now(ra, dec, epoch, pm_ra=0.0, pm_dec=0.0, dist=None, vrad=None):
    """Direction from the Earth at mid time, without aberration."""
    kw = {}
    if dist is not None:
        kw["distance"] = dist * au.pc
    if vrad is not None:
        kw["radial_velocity"] = vrad * au.km / au.s
    now = Time(times.mean(), format="jd", scale="utc")
    star = SkyCoord(ra * au.deg, dec * au.deg, pm_ra_cosdec=pm_ra * np.cos(np.deg2rad(dec)) * au.mas / au.yr,
                    pm_dec=pm_dec * au.mas / au.yr, obstime=Time(epoch, format="jyear", scale="tdb"), **kw)
    star = star.apply_space_motion(new_obstime=now)
    if dist is None:
        return star.ra.deg, star.dec.deg
    seen = SkyCoord(star.cartesian.without_differentials() - get_body_barycentric("earth", now),
                    frame="icrs")
    return seen.ra.deg, seen.dec.deg


def centre_is(name, place, what, tolerance=0.01):
    result = image(name)
    check(result.returncode == 0, what, result.stderr[-300:])
    if result.returncode:
        return
    off = centre().separation(SkyCoord(*place, unit="deg")).arcsec
    check(off < tolerance, what, ": centre off by", off, "arcsec")
    close(value(*place), 1, 3e-3, what, ": flux")


for dec, pm_ra, pm_dec, epoch, dist, vrad in (
        (60.0, 5000.0, 0.0, 2000.0, None, None), (-10.0, -3000.0, 8000.0, 2000.0, None, None),
        (80.0, 20000.0, -2000.0, 2000.0, None, None), (30.0, 4000.0, 1000.0, 2015.5, None, None),
        (30.0, 0.0, 0.0, 2000.0, 1.3, None), (30.0, -3800.0, 10300.0, 2000.0, 1.8, -110.0),
        (50.0, 0.0, 5000.0, 2000.0, 2.0, 300.0)):
    # pyuvdata counts proper motion from 2000, whatever cat_epoch says
    place = star_now(RA, dec, 2000.0, pm_ra, pm_dec, dist, vrad)
    uv = unphased([(*place, 1.0)], tel, enu, freqs, times)
    kw = {k: v for k, v in dict(dist=dist, vrad=vrad).items() if v is not None}
    uv.phase(lon=np.deg2rad(RA), lat=np.deg2rad(dec), epoch=epoch, phase_frame="icrs", cat_name="star",
             pm_ra=pm_ra, pm_dec=pm_dec, **kw)
    check(np.abs(np.angle(uv.data_array)).max() < 1e-3, "pyuvdata's phases")
    what = f"star at {dec}, {pm_ra}, {pm_dec} mas/yr from {epoch}, {dist} pc, {vrad} km/s"
    centre_is(write(uv, "s.uvh5"), place, what)
    if epoch != 2000:
        warned(run("inspect", "s.uvh5"), "cat_epoch")
# the epoch of the entry, where the rows were phased so
place = star_now(RA, DEC, 2015.5, 4000.0, 1000.0)
uv = phased([(*place, 1.0)], place, tel, enu, freqs, times, name="star")
write(uv, "s.uvh5")
with h5py.File("s.uvh5", "r+") as f:
    group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
    for key, number in dict(cat_lon=np.deg2rad(RA), cat_lat=np.deg2rad(DEC), cat_epoch=2015.5,
                            cat_pm_ra=4000.0, cat_pm_dec=1000.0).items():
        if key in group:
            del group[key]
        group[key] = number
centre_is("s.uvh5", place, "proper motion from 2015.5")
with h5py.File("s.uvh5", "r+") as f:
    group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
    group["cat_pm_ra"][()] = np.nan if group["cat_pm_ra"].shape == () else 0
    if "cat_dist" in group:
        del group["cat_dist"]
    group["cat_dist"] = -2.0
refused(image("s.uvh5"), "phase_center_catalog", "distance -2")

# a centre that moves, by its ephemeris; the source stands still at RA, DEC
still = unphased([(RA, DEC, 1.0)], tel, enu, freqs, times)
mid = times.mean()
for what, n, step_s, curve in (("six points", 6, 400, 1), ("four points", 4, 500, 1),
                               ("three points: lines", 3, 700, 0.2), ("two points", 2, 1500, 0.2),
                               ("across RA 0", 6, 400, 1)):
    t = mid + (np.arange(n) - (n - 1) / 2) * step_s / 86400
    x = (t - mid) / 0.01
    lon = np.deg2rad(RA - 0.1 + 0.3 * x + 0.5 * curve * x**2 - 0.4 * curve * x**3)
    lat = np.deg2rad(DEC + 0.2 * x - 0.3 * curve * x**2)
    uv = still.copy()
    uv.phase(lon=lon, lat=lat, epoch=2000.0, phase_frame="icrs", cat_name="planet", cat_type="ephem",
             ephem_times=t)
    write(uv, "e.uvh5")
    if what == "across RA 0":  # the same track told with jumps of a turn, and out of order
        with h5py.File("e.uvh5", "r+") as f:
            group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
            order = [3, 1, 0, 5, 2, 4]
            turns = np.array([0, 1, 0, -1, 1, 0]) * 2 * np.pi
            group["cat_lon"][...] = (lon + turns)[order]
            group["cat_lat"][...] = lat[order]
            group["cat_times"][...] = t[order]
    result = image("e.uvh5", "--phase-center", f"{RA},{DEC}")
    close(value(RA, DEC) if result.returncode == 0 else None, 1, 3e-3, "ephemeris of", what)
with h5py.File("e.uvh5", "r+") as f:
    group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
    group["cat_times"][...] = group["cat_times"][()] + 0.02
refused(image("e.uvh5"), "phase_center_catalog", "ephemeris of 6 points", "does not cover")
with h5py.File("e.uvh5", "r+") as f:
    group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
    group["cat_times"][...] = np.full(6, mid)
refused(image("e.uvh5"), "cat_times", "different")

with h5py.File("e.uvh5", "r+") as f:  # one point is no track
    group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
    for key, number in (("cat_times", mid - 1), ("cat_lon", lon[0]), ("cat_lat", lat[0])):
        del group[key]
        group[key] = [number]
refused(image("e.uvh5"), "phase_center_catalog", "ephemeris of 1 point", "does not cover")

# the header's times are of one scale: at day 2461000 TAI is 37 s ahead of UTC (astropy)
t = mid + (np.arange(6) - 2.5) * 400 / 86400
x = (t - mid) / 0.01
uv = still.copy()
uv.phase(lon=np.deg2rad(RA + 3 * x), lat=np.deg2rad(DEC + 0.1 * x), epoch=2000.0, phase_frame="icrs", cat_name="fast",
         cat_type="ephem", ephem_times=t)
write(uv, "e.uvh5")
with h5py.File("e.uvh5", "r+") as f:
    group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
    for times_of in (f["Header/time_array"], group["cat_times"]):
        times_of[...] = Time(Time(times_of[()], format="jd", scale="utc").tai.jd, format="jd").jd
    f["Header/timesys"] = np.bytes_("TAI")
    del group["cat_frame"]
    group["cat_frame"] = np.bytes_("icrs ")
result = image("e.uvh5", "--phase-center", f"{RA},{DEC}")
close(value(RA, DEC) if result.returncode == 0 else None, 1, 3e-3, "ephemeris in TAI")

# a place that neither the rows' uvw nor their apparent places know
for key, number in (("cat_lon", RA), ("cat_pm_ra", np.nan)):
    write(phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times), "s.uvh5")
    with h5py.File("s.uvh5", "r+") as f:
        group = f["Header/phase_center_catalog"][list(f["Header/phase_center_catalog"])[0]]
        if key in group:
            del group[key]
        group[key] = number
    refused(image("s.uvh5"), "phase_center_catalog", "in radians" if key == "cat_lon" else "proper motion nan")

# two fields taken in turns: each row is phased by its own centre
A, B = (RA, DEC), (150.25, 30.15)
sky = [(*A, 1.0), (*B, 2.0)]
halves = [phased(sky, c, tel, enu, freqs, times[k::2], name=n)
          for k, (c, n) in enumerate(((A, "first"), (B, "second")))]
both = halves[0] + halves[1]
write(both, "f.uvh5")
result = image("f.uvh5", size=128)
check(result.returncode == 0, "two fields without a beam:", result.stderr[-300:])
uv = phased(sky, A, tel, enu, freqs, times)
write(uv, "one.uvh5")
image("one.uvh5", size=128, out="one.")
for place in (A, B):
    close(value(*place), value(*place, out="one."), 3e-3, "two fields as one at", place)
told = run("inspect", "f.uvh5").stdout
check('"first"' in told and '"second"' in told, "inspect lists fields:", told)
ids = {e["cat_name"]: k for k, e in both.phase_center_catalog.items()}
for field, place, flux in (("first", A, 1), ("second", B, 2), (ids["second"], B, 2)):
    result = image("f.uvh5", "--field", field, size=128, out="p.")
    check(result.returncode == 0, "--field", field, result.stderr[-300:])
    off = centre("p.").separation(SkyCoord(*place, unit="deg")).arcsec
    check(off < 0.01, "--field", field, "centre off by", off)
    half = halves[0 if place == A else 1]
    write(half, "h.uvh5")
    image("h.uvh5", size=128, out="h.")
    close(value(*place, out="p."), value(*place, out="h."), 1e-4, "--field", field, "flux")
refused(image("f.uvh5", "--field", "third"), "--field third", '"first"', '"second"')
with h5py.File("f.uvh5", "r+") as f:  # the first is called by the second's number
    group = f["Header/phase_center_catalog"][str(ids["first"])]
    del group["cat_name"]
    group["cat_name"] = np.bytes_(str(ids["second"]))
number = ids["second"]
refused(image("f.uvh5", "--field", number), f"--field {number}", f"name:{number}", f"id:{number}")
for field, place in ((f"name:{number}", A), (f"id:{number}", B)):
    result = image("f.uvh5", "--field", field, size=128, out="p.")
    check(result.returncode == 0, "--field", field, result.stderr[-300:])
    off = centre("p.").separation(SkyCoord(*place, unit="deg")).arcsec
    check(off < 0.01, "--field", field, "centre off by", off)
finish()
