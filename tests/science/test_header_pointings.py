"""Dishes that look at several places, or follow one, within one file: every row has the beam of its own
pointing. A source's visibilities are put in with the Airy beam of the place that its row looks at
(Born & Wolf 8.5.2, angles by astropy), and pbcor must have its true flux. ci-test: timeout=300"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
import h5py
from scipy.special import j1

RA, DEC, DISH = 150.0, 30.0, 25.0
ANTENNAS = 14
tel, enu = telescope(n=ANTENNAS, spread=150.0)
freqs = 1.4e9 + 1e6 * np.arange(2)
N = 12
times = transit_jd(RA) + (np.arange(N) - (N - 1) / 2) * 300 / 86400
A, B, D = (RA, DEC), (150.3, 30.2), (149.75, 29.9)
SKY = [(*A, 1.0), (*B, 2.0), (149.9, 30.05, 0.7)]


def power(place, pointing, freq):
    x = np.pi * DISH * freq / C * np.sin(SkyCoord(*place, unit="deg").separation(SkyCoord(*pointing, unit="deg")).rad)
    return 1.0 if x < 1e-9 else (2 * j1(x) / x) ** 2


def observe(looks):
    """looks: for each time the ICRS place that the dishes look at. Unphased."""
    total = None
    for ra, dec, flux in SKY:
        part = unphased([(ra, dec, flux)], tel, enu, freqs, times)
        at = np.searchsorted(times, part.time_array)
        seen = np.array([[power((ra, dec), look, f) for f in freqs] for look in looks])
        part.data_array *= seen[at][:, :, None]
        if total is None:
            total = part
        else:
            total.data_array += part.data_array
    total.telescope.antenna_diameters = np.full(ANTENNAS, DISH)
    return total


def several(order, fields):
    """Rows of each time phased to fields[order[i]]."""
    uv = observe([fields[k] for k in order])
    parts = []
    for k in sorted(set(order)):
        part = uv.select(times=times[np.array(order) == k], inplace=False)
        part.phase(lon=np.deg2rad(fields[k][0]), lat=np.deg2rad(fields[k][1]), epoch=2000.0, phase_frame="icrs",
                   cat_name=f"field {k}")
        parts.append(part)
    both = parts[0]
    for part in parts[1:]:
        both = both + part
    return write(both, "f.uvh5")


def fluxes(what, name, *words, within=0.02):
    result = run("image", name, "--out", "o.", "--size", 200, "--cell-arcsec", 20, "--weighting", "natural",
                 "--weights", "unit", "--phase-center", f"{RA},{DEC}", *words)
    check(result.returncode == 0, what, result.stderr[-300:])
    if result.returncode:
        return
    with fits.open("o.pbcor.fits") as hdus, fits.open("o.residual.fits") as left:
        data, wcs = np.squeeze(hdus[0].data), WCS(hdus[0].header).celestial
        rest = np.abs(np.squeeze(left[0].data)).max()
    for ra, dec, flux in SKY:
        x, y = (int(round(float(v))) for v in wcs.all_world2pix([[ra, dec]], 0)[0])
        found = np.nanmax(data[y - 2:y + 3, x - 2:x + 3])
        close(found, flux, within * flux + 0.005, what, (ra, dec))
    check(rest < 0.01, what, "residual", rest)


fluxes("two fields in turns", several([0, 1] * 6, (A, B)))
fluxes("two fields, unequal", several([0] * 9 + [1] * 3, (A, B)))
fluxes("three fields", several([0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1, 2], (A, B, D)))
fluxes("three fields, by ranks", several([2, 2, 0, 0, 1, 1, 2, 2, 0, 0, 1, 1], (A, B, D)))
result = run("image", "f.uvh5", "--out", "s.", "--niter", 0)
width = fits.getheader("s.dirty.fits")["NAXIS1"] * fits.getheader("s.dirty.fits")["CDELT2"]
check(width > 2 * (0.33 + 0.35), "default size holds all fields:", width)  # the beam is 0.2 at 0.36 degrees

# a place that moves: the beam follows its ephemeris
t = times.mean() + (np.arange(6) - 2.5) * 900 / 86400
track = lambda x: (RA - 0.1 + 0.25 * x, DEC + 0.1 * x + 0.05 * x**2)
x_of = lambda jd: (jd - times.mean()) * 86400 / 1650
uv = observe([track(x_of(jd)) for jd in times])
lon, lat = track(x_of(t))
uv.phase(lon=np.deg2rad(lon), lat=np.deg2rad(lat), epoch=2000.0, phase_frame="icrs", cat_name="moving", cat_type="ephem",
         ephem_times=t)
fluxes("an ephemeris", write(uv, "e.uvh5"))
fluxes("an ephemeris, no averaging", "e.uvh5", "--no-average")

# dishes that stand still, off the meridian: the sky drifts through
mid = Time(times.mean(), format="jd")
aim = SkyCoord(RA * au.deg, (DEC + 0.05) * au.deg).transform_to(AltAz(obstime=mid, location=tel.location))
times = times.mean() + (np.arange(N) - (N - 1) / 2) * 15 / 86400
looks = []
for jd in times:
    here = SkyCoord(AltAz(az=aim.az, alt=aim.alt, obstime=Time(jd, format="jd"), location=tel.location)).icrs
    looks.append((here.ra.deg, here.dec.deg))
uv = observe(looks)
# pyuvdata phases to sidereal time plus hour angle: to this place with the azimuth of its mirror image
uv.phase(lon=-aim.az.rad, lat=aim.alt.rad, epoch=2000.0, phase_frame="altaz", cat_name="still", cat_type="driftscan")
fluxes("a drift scan", write(uv, "d.uvh5"), within=0.03)
warned(run("inspect", "d.uvh5"), "other side of the meridian")
with h5py.File("d.uvh5", "r+") as f:  # by the memo: azimuth as it is, places that say so
    entry = list(f["Header/phase_center_catalog"].values())[0]
    entry["cat_lon"][...] = -entry["cat_lon"][()]
fluxes("a drift scan by the memo", "d.uvh5", within=0.03)

# the centre is the place on the sky by the table that is given: 0.3 s of UT1 are 4.51 arcsec of it
with open(os.path.join(os.environ["CONTIMG_SHARE"], "earth_orientation.csv")) as f, open("late.csv", "w") as late:
    for line in f:
        words = line.split(",")
        if words[0].isdigit():
            words[1] = f"{float(words[1]) + 0.3:.6f}"
        late.write(",".join(words))
centres = []
for words in ((), ("--earth-orientation", "late.csv")):
    result = run("image", "d.uvh5", "--out", "p.", "--niter", 0, "--size", 64, "--cell-arcsec", 20, *words)
    check(result.returncode == 0, "centre:", result.stderr[-300:])
    centres.append(fits.getheader("p.dirty.fits")["CRVAL1"])
moved = (centres[1] - centres[0]) * 3600
check(abs(moved - 4.51) < 0.1, "a table of 0.3 s more moved the centre by", moved, "arcsec")

# rows of one time in two fields: nothing says where the dishes looked
name = several([0, 1] * 6, (A, B))
with h5py.File(name, "r+") as f:
    ids, jd = f["Header/phase_center_id_array"][()], f["Header/time_array"][()]
    ids[np.flatnonzero(jd == jd[0])[::2]] = ids[jd != jd[0]].max()
    f["Header/phase_center_id_array"][...] = ids
    for name_app in ("ra", "dec"):  # nor do apparent places
        f[f"Header/phase_center_app_{name_app}"][...] = np.nan
wide = run("image", name, "--out", "w.", "--niter", 0, "--size", 64, "--cell-arcsec", 20)
refused(wide, "phase_center_id_array", '"field 0"', '"field 1"', "--field")
finish()
