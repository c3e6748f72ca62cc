"""Visibilities of point sources, and the geometry behind them, by astropy: small, slow, plain,
and nothing of contimg in it but the station list and the earth-orientation table.

    array = dsa110()
    sky = Sky(array.site, mjd)            # one UTC time
    v = visibilities(sky, array.ecef, pairs, freqs, sources, phase=("meridian", dec_app))

Signs as in docs/science.md: b = r2 - r1, V = sum S exp(+2 pi i nu/c b.(s - s0)).
"""
import collections
import csv
import os

import numpy as np
from astropy import units as u
from astropy.coordinates import EarthLocation, HADec, SkyCoord
from astropy.time import Time

C = 299792458.0
Array = collections.namedtuple("Array", "numbers ecef site")
Source = collections.namedtuple("Source", "name ra_deg dec_deg flux_jy ref_freq_hz spectral_index")
root = os.environ.get("CONTIMG_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


def dsa110(active_only=False):
    """Stations as ITRF positions, and the site (the tee's centre)."""
    with open(os.path.join(root, "share/dsa110_stations.csv")) as f:
        rows = [r for r in csv.DictReader(x for x in f if not x.startswith("#"))
                if r["active"] == "1" or not active_only]
    places = EarthLocation.from_geodetic([float(r["lon_deg"]) for r in rows] * u.deg,
                                         [float(r["lat_deg"]) for r in rows] * u.deg,
                                         [float(r["height_m"]) for r in rows] * u.m)
    site = EarthLocation.from_geodetic(-2.064427799136453 * u.rad, 0.6498455107238486 * u.rad,
                                       1188.0519 * u.m)
    ecef = np.stack([c.to_value(u.m) for c in places.geocentric], -1)
    return Array([int(r["station"]) - 1 for r in rows], ecef, site)


class Sky:
    """The sky over a site at one UTC time (MJD, days)."""

    def __init__(self, site, mjd):
        self.site = site
        self.time = Time(np.floor(mjd), mjd - np.floor(mjd), format="mjd", scale="utc")
        self.frame = HADec(obstime=self.time, location=site, pressure=0 * u.hPa)
        self.longitude = site.lon.rad

    def hadec(self, ra, dec):
        place = SkyCoord(ra * u.rad, dec * u.rad, frame="icrs").transform_to(self.frame)
        return place.ha.rad, place.dec.rad

    def vector(self, ha, dec):
        """ITRF unit vector of an hour angle and declination of date."""
        g = np.asarray(ha) - self.longitude
        return np.stack([np.cos(dec) * np.cos(g), -np.cos(dec) * np.sin(g),
                         np.sin(dec) + 0 * g], -1)

    def towards(self, ra, dec):
        return self.vector(*self.hadec(ra, dec))

    def last(self):
        return self.time.sidereal_time("apparent", longitude=self.site.lon).rad

    def basis(self, ra, dec, step=1e-3):
        """Rows u, v, w: numeric derivatives of the direction by ICRS l and m, and itself."""
        rows = []
        for l, m in ((step, 0), (0, step)):
            plus, minus = self.towards(*place(ra, dec, l, m)), self.towards(*place(ra, dec, -l, -m))
            rows.append((plus - minus) / (2 * step))
        return np.array(rows + [self.towards(ra, dec)])

    def reference(self, phase):
        if phase[0] == "meridian":
            return self.vector(0.0, phase[1])
        if phase[0] == "sidereal":
            return self.towards(phase[1], phase[2])
        return np.zeros(3)


def place(ra0, dec0, l, m):
    """ICRS place at direction cosines about a centre."""
    n = np.sqrt(1 - l * l - m * m)
    east = np.array([-np.sin(ra0), np.cos(ra0), 0])
    north = np.array([-np.sin(dec0) * np.cos(ra0), -np.sin(dec0) * np.sin(ra0), np.cos(dec0)])
    centre = np.array([np.cos(dec0) * np.cos(ra0), np.cos(dec0) * np.sin(ra0), np.sin(dec0)])
    x, y, z = l * east + m * north + n * centre
    return np.arctan2(y, x) % (2 * np.pi), np.arctan2(z, np.hypot(x, y))


def airy(s, s0, diameter, freqs):
    """Power [freq] of a uniform dish that looks towards s0, at s."""
    from scipy.special import j1
    x = np.pi * diameter * np.linalg.norm(np.cross(s, s0)) * np.asarray(freqs) / C
    return np.where(x > 1e-6, (2 * j1(np.maximum(x, 1e-6)) / np.maximum(x, 1e-6)) ** 2, 1.0)


def visibilities(sky, ecef, pairs, freqs, sources, phase, beam=None):
    """[pair][freq] of one time. phase: ("unprojected",), ("meridian", dec of date) or
    ("sidereal", ra, dec), rad; beam: (dish diameter, phase tuple of where it looks)."""
    pairs, freqs = np.asarray(pairs), np.asarray(freqs)
    b = ecef[pairs[:, 1]] - ecef[pairs[:, 0]]
    s0 = sky.reference(phase)
    out = np.zeros((len(pairs), len(freqs)), complex)
    for one in sources:
        s = sky.towards(np.radians(one.ra_deg), np.radians(one.dec_deg))
        amplitude = one.flux_jy * (freqs / one.ref_freq_hz) ** one.spectral_index
        if beam:
            amplitude = amplitude * airy(s, sky.reference(beam[1]), beam[0], freqs)
        out += amplitude * np.exp(2j * np.pi / C * np.outer(b @ (s - s0), freqs))
    return out
