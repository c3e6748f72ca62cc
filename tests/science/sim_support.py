"""A second simulator, in Python on astropy: slow and plain, sharing nothing with contimg-sim
but the facts (stations, earth orientation) and the definitions in docs/science.md."""
import json
import os
import subprocess
import sys

import numpy as np

from checks import scratch

C = 299792458.0
FINE_HZ = 0.25e9 / 8192
SAMPLE_S = 0.134217728

source = os.environ.get("CONTIMG_SOURCE", os.path.join(os.path.dirname(__file__), "../.."))
build = os.environ.get("CONTIMG_BUILD", os.path.join(source, "build/dev"))
program = os.path.join(build, "bin/contimg-sim")


# of DSA-110: few enough for a small tile, the core and its arms
FEW_STATIONS = "1-9,12,16,20,24,28,32,36,40,44,49,51,68,71,75,80,84,88,92,96,99,100,101,102"


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def need_contimg():
    """The path of contimg; the test is skipped where it is not built."""
    path = os.path.join(build, "bin/contimg")
    if not os.path.exists(path):
        skip(f"{path} is not built")
    return path


def simulate(*options, ranks=0, check=True):
    """Runs contimg-sim into a fresh folder; gives (folder, process)."""
    folder = scratch("sim")
    command = [os.path.join(source, "tests/mpirun.sh"), str(ranks), program, "--out", folder]
    result = subprocess.run(command + [str(o) for o in options], capture_output=True, text=True)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {result.returncode}: {result.stderr}")
    return folder, result


def truth_of(folder):
    with open(os.path.join(folder, "truth.json")) as f:
        return json.load(f)


def files_of(folder):
    return sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".hdf5"))


def use_earth_orientation():
    """Makes astropy take UT1 and polar motion from the project's table, never the network."""
    from astropy import units as u
    from astropy.utils import iers

    rows = []
    with open(os.path.join(source, "share/earth_orientation.csv")) as f:
        for line in f:
            if line[0].isdigit():
                rows.append([float(x) for x in line.split(",")[:4]])
    mjd, dut1, x, y = np.array(rows).T
    table = iers.IERS({"MJD": mjd * u.d, "UT1_UTC": dut1 * u.s, "PM_x": x * u.arcsec,
                       "PM_y": y * u.arcsec})
    iers.conf.auto_download = False
    iers.earth_orientation_table.set(table)


class Sky:
    """Directions from one site, by astropy's ICRS -> HADec."""

    def __init__(self, truth):
        from astropy import units as u
        from astropy.coordinates import EarthLocation
        a = truth["array"]
        self.site = EarthLocation.from_geodetic(a["longitude_deg"] * u.deg, a["latitude_deg"] * u.deg,
                                                a["altitude_m"] * u.m)
        self.longitude = np.radians(a["longitude_deg"])
        self.dec0 = truth["pointing"]["dec_app_rad"]

    def vector(self, ha, dec):
        g = ha - self.longitude
        return np.stack([np.cos(dec) * np.cos(g), -np.cos(dec) * np.sin(g), np.sin(dec) + 0 * g], -1)

    def towards(self, ra_deg, dec_deg, jd, seconds):
        """Unit vectors [len(seconds)][3] towards an ICRS place at jd + seconds."""
        from astropy import units as u
        from astropy.coordinates import HADec, SkyCoord
        from astropy.time import Time
        time = Time(np.full(len(seconds), jd), np.asarray(seconds) / 86400.0, format="jd", scale="utc")
        place = SkyCoord(ra_deg * u.deg, dec_deg * u.deg, frame="icrs")
        local = place.transform_to(HADec(obstime=time, location=self.site, pressure=0 * u.hPa))
        return self.vector(local.ha.rad, local.dec.rad)

    def reference(self, seconds):
        """The point that the fringe stopping follows inside an integration."""
        return self.vector(np.asarray(seconds) * 2 * np.pi / 86164.09, self.dec0)


def airy(s, s0, diameter, freq):
    from scipy.special import j1
    x = np.pi * diameter * np.linalg.norm(np.cross(s, s0)) * freq / C
    return (2 * j1(x) / x) ** 2 if x > 1e-6 else 1.0


def predict(truth, jd, freqs, baselines, delays=None, beam=True, smear=True):
    """True visibilities [baseline][channel] of one integration. baselines: ECEF vectors, m;
    delays: the instrument's, s, per baseline. Averaged over samples and fine channels one by one."""
    sky = Sky(truth)
    n_fine, n_int = truth["options"]["fine"], truth["options"]["samples"]
    seconds = (np.arange(n_int) - 0.5 * (n_int - 1)) * SAMPLE_S if smear else np.zeros(1)
    fine = (np.arange(n_fine) - 0.5 * (n_fine - 1)) * FINE_HZ if smear else np.zeros(1)
    s0_mid, s0 = sky.reference([0.0])[0], sky.reference(seconds)
    out = np.zeros((len(baselines), len(freqs)), complex)
    delays = np.zeros(len(baselines)) if delays is None else delays
    for one in truth["sources"]:
        middle = sky.towards(one["ra_deg"], one["dec_deg"], jd, [0.0])[0]
        offset = sky.towards(one["ra_deg"], one["dec_deg"], jd, seconds) - s0
        tau = np.asarray(baselines) @ offset.T / C  # [baseline][sample]
        for c, freq in enumerate(freqs):
            amp = one["flux_jy"] * (freq / one["ref_freq_hz"]) ** one["spectral_index"]
            if beam:
                amp *= airy(middle, s0_mid, truth["array"]["diameter_m"], freq)
            total = np.zeros(len(baselines), complex)
            for df in fine:
                # the gain holds the instrument's phase at the channel's centre
                total += (np.exp(2j * np.pi * (freq + df) * tau)
                          * np.exp(2j * np.pi * df * delays)[:, None]).mean(axis=1)
            out[:, c] += amp * total / len(fine)
    return out


def gain(truth, number, pol, jd, freqs):
    g = truth["gains"]
    r = next(r for r in g["receptors"] if r["number"] == number and r["pol"] == pol)
    hour = (jd - g["reference_time_jd"]) * 24
    x = (freqs - g["band_low_hz"]) / (g["band_high_hz"] - g["band_low_hz"])
    log = 0j
    for k in range(3):
        log = log + (r["ripple_amp"][k] + 1j * r["ripple_phase"][k]) * np.cos(
            2 * np.pi * (k + 1) * x + r["ripple_shift"][k])
    return (r["amp"] * (1 + r["drift_amp_per_hour"] * hour)
            * np.exp(1j * (r["phase_rad"] + r["drift_phase_rad_per_hour"] * hour))
            * np.exp(log) * np.exp(2j * np.pi * r["delay_s"] * freqs))


def delay(truth, number, pol):
    return next(r for r in truth["gains"]["receptors"] if r["number"] == number and r["pol"] == pol)["delay_s"]


def field_sources(centre, fluxes):
    """{S0, S1, ...: (right ascension and declination in degrees, Jy)} for twelve fluxes at most: places well apart about a
    tile's centre, the first two nearest to it."""
    ra, dec = centre
    grid = np.mgrid[-0.3:0.31:0.2, -0.3:0.1:0.15].reshape(2, 12).T + np.random.default_rng(5).uniform(-0.03, 0.03, (12, 2))
    at = grid[[5, 10, 0, 1, 2, 3, 4, 6, 7, 8, 9, 11]]
    return {f"S{i}": (ra + x / np.cos(np.radians(dec)), dec + y, s) for i, ((x, y), s) in enumerate(zip(at, fluxes))}


def tile_centre(tile, *options):
    """Right ascension and declination, degrees, that a tile of contimg-sim's looks at."""
    made, _ = simulate("--sub-bands", 1, "--channels", 1, *options, "--calibrator", 1, "--calibrator-tile", tile, "--sefd", 0)
    one = truth_of(made)["sources"][0]
    return one["ra_deg"], one["dec_deg"]


def sources_write(path, rows):
    """A catalogue of {name: (right ascension and declination in degrees, Jy at 1.4 GHz)}, spectra of -0.7."""
    with open(path, "w") as f:
        f.write("name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n")
        f.writelines(f"{n},{ra % 360:.8f},{dec:.8f},{s},1.4e9,-0.7\n" for n, (ra, dec, s) in rows.items())
    return path
