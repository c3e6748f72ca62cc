"""A tile in raw units as DSA-110 writes it, by numpy and astropy alone: the sky of sim_reference.py, receptors and noise.

    tile = TileSky(dsa110(), seed=1)       # a calibrator in transit and sources about it; .truth(), .catalogue()
    write_tile(folder, tile, n_sub_band=6, n_chan=16, dead=(5, 4))

V(i, j) = g_i conj(g_j) (sinc(dnu (tau_i - tau_j)) sum S beam exp(+2 pi i nu/c b.(s - s0)) + noise), b = r_j - r_i, s0 hour
angle 0 and the pointing's declination; g = amplitude exp(i phase) bandpass(nu) exp(2 pi i tau nu) of each receptor. A cell's
own width costs nothing but by the delays (docs/simulator.md: --smear off, with the loss that calibration divides out).
The sum over sources is one matrix product for each channel, as exp(2 pi i nu/c b.s) is one factor for each antenna."""
import csv
import os

import numpy as np
from astropy import units as u
from astropy.coordinates import HADec, SkyCoord
from scipy.special import j1

import sim_reference as reference
from dsa_file import INTERVAL_S, frequencies, pairs_of, write_dsa_vis

C = 299792458.0
N_TIME, MJD, WIDTH_HZ, DISH_M = 24, 61065.9, 8 * 30517.578125, 4.65
SEFD_JY = 5800 / 0.7
SIGMA_JY = SEFD_JY / np.sqrt(2 * WIDTH_HZ * INTERVAL_S)  # of one visibility, real or imaginary part
RAW_SCALE = 0.02
REF_HZ = 1.4e9


class TileSky:
    """Sources of a seed: a calibrator in transit at mid tile, and others about it."""

    def __init__(self, array, seed, n_source=80, radius_deg=0.5, apart_arcsec=100, flux_jy=(0.02, 0.3), dec_deg=33.0):
        self.array, self.seed, self.dec = array, seed, np.radians(dec_deg)
        self.mjd = MJD + np.arange(N_TIME) * INTERVAL_S / 86400
        middle = reference.Sky(array.site, self.mjd.mean())
        at = SkyCoord(HADec(ha=0 * u.rad, dec=self.dec * u.rad, obstime=middle.time, location=array.site, pressure=0 * u.hPa)).icrs
        self.random = np.random.default_rng([seed, 7])
        places = [(at.ra.deg, at.dec.deg)]
        while len(places) <= n_source:
            x, y = self.random.uniform(-radius_deg, radius_deg, 2)
            new = np.degrees(reference.place(at.ra.rad, at.dec.rad, np.radians(x), np.radians(y)))
            away = SkyCoord(*new, unit="deg").separation(SkyCoord(places, unit="deg")).arcsec
            if np.hypot(x, y) < radius_deg and away.min() > apart_arcsec:
                places.append(tuple(new))
        # dN/dS = S^-1.7 between the limits
        low, high = np.array(flux_jy) ** -0.7
        flux = (low + self.random.uniform(size=n_source) * (high - low)) ** (-1 / 0.7)
        self.sources = [reference.Source("CAL", *places[0], 12.7, REF_HZ, -0.5)]
        self.sources += [reference.Source(f"S{i:03}", *where, s, REF_HZ, -0.7) for i, (where, s) in enumerate(zip(places[1:], flux))]

    def write(self, path, error=0.0):
        """As a catalogue; error: rms of the fluxes, but the calibrator's."""
        factor = 1 + error * np.random.default_rng([self.seed, 8]).normal(size=len(self.sources))
        factor[0] = 1
        with open(path, "w", newline="") as f:
            out = csv.writer(f)
            out.writerow(("name", "ra_deg", "dec_deg", "flux_jy", "ref_freq_hz", "spectral_index"))
            out.writerows((s.name, f"{s.ra_deg:.9f}", f"{s.dec_deg:.9f}", s.flux_jy * k, s.ref_freq_hz, s.spectral_index)
                          for s, k in zip(self.sources, factor))

    def directions(self, i_time):
        """Of all sources less s0, [source][3], and the sines of their distances from s0."""
        sky = reference.Sky(self.array.site, self.mjd[i_time])
        ra, dec = np.radians([[s.ra_deg for s in self.sources], [s.dec_deg for s in self.sources]])
        s, s0 = sky.towards(ra, dec), sky.vector(0.0, self.dec)
        return s - s0, np.linalg.norm(np.cross(s, s0), axis=1)

    def fluxes(self, sine, freq):
        """[chan][source], seen through the beam."""
        x = np.maximum(np.pi * DISH_M / C * freq[:, None] * sine, 1e-9)
        flux, index = np.array([(s.flux_jy, s.spectral_index) for s in self.sources]).T
        return flux * (freq[:, None] / REF_HZ) ** index * (2 * j1(x) / x) ** 2

    def predict(self, directions, freq, ecef):
        """[chan][antenna 1][antenna 2] of one integration; directions: what that function gave."""
        offset, sine = directions
        factor = np.exp(2j * np.pi / C * freq[:, None, None] * (ecef @ offset.T))
        return factor.conj() @ (factor * self.fluxes(sine, freq)[:, None]).transpose(0, 2, 1)


class Receptors:
    """Gains by antenna and polarisation: random phases, amplitudes of 20 %, ripples of 5 % over the band, delays to 100 ns."""

    def __init__(self, n_antenna, seed, n_dead=0, n_dead_pol=0):
        random = np.random.default_rng([seed, 9])
        shape = (n_antenna, 2)
        self.amplitude = np.sqrt(RAW_SCALE) * np.maximum(1 + 0.2 * random.normal(size=shape), 0.2)
        self.phase = random.uniform(-np.pi, np.pi, shape)
        self.delay = random.uniform(-100e-9, 100e-9, shape)
        self.ripple = 0.05 * np.sqrt(2 / 3) * (random.normal(size=(3, *shape)) + 1j * random.normal(size=(3, *shape)))
        self.shift = random.uniform(0, 2 * np.pi, (3, *shape))
        dead = random.permutation(n_antenna)[:n_dead + n_dead_pol]
        self.amplitude[dead[:n_dead]] *= 1e-3
        self.amplitude[dead[n_dead:], dead[n_dead:] % 2] *= 1e-3

    def gains(self, freq):
        """[antenna][chan][pol]."""
        x = (freq[:, None] - 1.28e9) / 0.25e9
        wave = sum(self.ripple[k][:, None] * np.cos(2 * np.pi * (k + 1) * x + self.shift[k][:, None]) for k in range(3))
        turns = self.delay[:, None] * freq[:, None]
        return self.amplitude[:, None] * np.exp(wave + 1j * self.phase[:, None] + 2j * np.pi * turns)


def write_tile(folder, tile, n_sub_band, n_chan, dead=(0, 0)):
    """The files, and truth.csv and truth-catalogue.csv (fluxes 5 % off, as a survey's) beside them. dead: antennas, receptors."""
    array, i_time = tile.array, range(N_TIME)
    order = np.arange(len(array.numbers))
    one, two = pairs_of(order)
    numbers = np.array(array.numbers)
    receptors = Receptors(len(order), tile.seed, *dead)
    loss = np.sinc(WIDTH_HZ * (receptors.delay[one] - receptors.delay[two]))[:, None]
    directions = [tile.directions(t) for t in i_time]
    everyone = reference.dsa110()
    origin = np.array([c.to_value(u.m) for c in array.site.geocentric])
    site = (array.site.lat.deg, array.site.lon.deg, array.site.height.to_value(u.m))
    stamp = reference.Sky(array.site, tile.mjd[0]).time.strftime("%Y-%m-%dT%H:%M:%S")
    for i in range(n_sub_band):
        random = np.random.default_rng([tile.seed, 10, i])
        freq = frequencies(i, n_chan)
        gain = receptors.gains(freq)
        gain = (gain[one] * gain[two].conj()).astype(np.complex64)
        vis = np.empty((N_TIME, len(one), n_chan, 2), np.complex64)
        for t in i_time:
            true = tile.predict(directions[t], freq, array.ecef)[:, one, two].T
            noise = SIGMA_JY * random.standard_normal((len(one), n_chan, 2, 2), dtype=np.float32).view(np.complex64)[..., 0]
            noise[one == two] = SEFD_JY + np.sqrt(2) * noise[one == two].real
            vis[t] = gain * ((true[..., None] * loss).astype(np.complex64) + noise)
        write_dsa_vis(os.path.join(folder, f"{stamp}_sb{i:02}.hdf5"), vis, (numbers[one], numbers[two]), freq, dec_rad=tile.dec,
                      first_jd=2400000.5 + tile.mjd[0], position=everyone.ecef - origin, site=site)
    tile.write(os.path.join(folder, "truth.csv"))
    tile.write(os.path.join(folder, "truth-catalogue.csv"), error=0.05)
