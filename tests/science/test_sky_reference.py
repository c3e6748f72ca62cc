# ci-test: timeout=300
"""contimg's sky against astropy: places, uvw, prediction in every phasing, rephasing; and
against files whose content is known."""
import json
import os
import subprocess

import numpy as np

from checks import attempt, check, scratch
import sim_reference as ref
import sim_support

build = os.environ.get("CONTIMG_BUILD", os.path.join(ref.root, "build/dev"))
data = os.environ.get("CONTIMG_TEST_DATA", os.path.join(ref.root, "../shared/data"))
driver = os.path.join(build, "tests/test_sky_driver")
folder = scratch("sky")
KINDS = {"unprojected": lambda p: (0, 0), "meridian": lambda p: (0, p[1]), "sidereal": lambda p: p[1:]}


class Answer:
    pass


def ask(site, ecef, phase, mjd_s, freqs, sources, centre, diameter=0, beam="none", dut1=0.0, eop="-",
        visibilities=None):
    """Runs the driver; see tests/unit/test_sky_driver.c."""
    names = [os.path.join(folder, n) for n in ("model.csv", "request", "answer", "data")]
    with open(names[0], "w") as f:
        f.write(",".join(ref.Source._fields) + "\n")
        f.writelines(",".join(repr(x) if isinstance(x, float) else str(x) for x in s) + "\n" for s in sources)
    if visibilities is not None:
        visibilities.astype(np.complex64).tofile(names[3])

    def words(values):
        return " ".join(repr(float(v)) for v in np.ravel(values))

    lat, lon, height = site
    with open(names[1], "w") as f:
        f.write(f"eop {eop} site {words([lat, lon, height])} dut1 {dut1!r}\n"
                f"antennas {len(ecef)} {words(ecef)} {diameter}\n"
                f"phase {phase[0]} {words(KINDS[phase[0]](phase))}\n"
                f"times {len(mjd_s)} {words(mjd_s)}\nchannels {len(freqs)} {words(freqs)}\n"
                f"beam {beam} model {names[0]} centre {words(centre)}\n"
                f"data {'-' if visibilities is None else names[3]} end\n")
    run = subprocess.run([driver, names[1], names[2]], capture_output=True, text=True)
    check(run.returncode == 0, run.stdout + run.stderr)
    numbers = np.fromfile(names[2])
    a = Answer()
    n_time, n_src, n_chan = len(mjd_s), len(sources), len(freqs)
    a.pairs = [(i, j) for j in range(len(ecef)) for i in range(j + 1)]
    n_row = len(a.pairs) * n_time
    head = numbers[:n_time * (10 + 2 * n_src)].reshape(n_time, -1)
    a.last, a.basis = head[:, 0], head[:, 1:10].reshape(-1, 3, 3)
    a.hadec = head[:, 10:].reshape(n_time, n_src, 2)
    at = head.size
    parts = []
    for _ in range(3):
        parts.append(numbers[at:at + 2 * n_row * n_chan].view(complex).reshape(-1, n_time, n_chan))
        at += 2 * n_row * n_chan
    a.predicted, a.moved, a.predicted_there = parts
    a.uvw = numbers[at:].reshape(-1, n_time, 3)
    check(a.uvw.shape[0] == len(a.pairs))
    return a


def site_of(location):
    return location.lat.rad, location.lon.rad, location.height.to_value("m")


def sources_about(ra, dec, n, rng):
    return [ref.Source(f"s{i}", float(np.degrees(ra) + 2.5 * rng.uniform(-1, 1)),
                       float(np.degrees(dec) + 2.5 * rng.uniform(-1, 1)), float(rng.uniform(0.5, 2)), 1.4e9,
                       float(rng.uniform(-1, 0.5))) for i in range(n)]


def against_astropy():
    rng = np.random.default_rng(20220215)
    array = ref.dsa110()
    use = [0, 23, 50, 67, 101, 102, 107, 115, 116]
    ecef = array.ecef[use]
    longest = np.linalg.norm(ecef[:, None] - ecef, axis=-1).max()
    per_rad = 2 * np.pi * 1.5e9 / ref.C * longest
    freqs = 1.3113873e9 + 244140.625 * np.arange(70)
    for mjd, ra, dec in ((59625.1490329, 1.4, 0.28), (57753.99, 4.0, 1.3), (61000.123456, 0.001, -0.4)):
        sky = ref.Sky(array.site, mjd)
        mjd_s = np.array([0.0, 150.0, 300.0]) + np.round(mjd * 86400)
        # the pointing is where that place culminates: put the array's meridian there
        dec_app = float(sky.hadec(ra, dec)[1])
        hour = float(sky.hadec(ra, dec)[0])
        mjd_s = mjd_s - np.round(hour / (2 * np.pi) * 86164.0905)
        sources = sources_about(ra, dec, 12, rng)
        skies = [ref.Sky(array.site, t / 86400) for t in mjd_s]
        for phase in (("meridian", dec_app), ("sidereal", ra + 0.004, dec), ("unprojected",)):
            look = phase if phase[0] != "unprojected" else ("meridian", array.site.lat.rad)
            beam = (4.65, look) if phase[0] != "unprojected" else None
            a = ask(site_of(array.site), ecef, phase, mjd_s, freqs, sources, (ra, dec), 4.65,
                    "auto" if beam else "none")
            angle, uvw, worst, moved, there = 0, 0, 0, 0, 0
            total = sum(s.flux_jy for s in sources)
            for t, now in enumerate(skies):
                ha, de = now.hadec(np.radians([s.ra_deg for s in sources]), np.radians([s.dec_deg for s in sources]))
                ours = now.vector(a.hadec[t, :, 0], a.hadec[t, :, 1])
                angle = max(angle, np.abs(ours - now.vector(ha, de)).max(),
                            abs((a.last[t] - now.last() + 1) % (2 * np.pi) - 1))
                basis = now.basis(ra, dec)
                uvw = max(uvw, np.abs(a.basis[t] - basis).max())
                expected = ref.visibilities(now, ecef, a.pairs, freqs, sources, phase, beam)
                worst = max(worst, np.abs(a.predicted[:, t] - expected).max() / total)
                expected = ref.visibilities(now, ecef, a.pairs, freqs, sources, ("sidereal", ra, dec), beam)
                moved = max(moved, np.abs(a.moved[:, t] - expected).max() / total)
                there = max(there, np.abs(a.predicted_there[:, t] - expected).max() / total)
                b = np.array([ecef[j] - ecef[i] for i, j in a.pairs])
                check(np.abs(a.uvw[:, t] - b @ basis.T).max() * 2 * np.pi * 1.5e9 / ref.C < 1e-5)
            print(f"MJD {mjd} {phase[0]}: places {angle * per_rad:.1e}, uvw {uvw * per_rad:.1e} rad of phase on "
                  f"{longest:.0f} m; predict {worst:.1e}, moved {moved:.1e}, predicted there {there:.1e} of the flux")
            check(angle * per_rad < 1e-5 and uvw * per_rad < 1e-5)
            check(max(worst, moved, there) < 2e-6)


def truth_of_dsa_like():
    """The file in DSA-110's layout, from its header and truth, on the meridian as it stands
    and moved to one sidereal centre."""
    import h5py
    where = os.path.join(data, "synthetic/dsa110_like")
    truth = json.load(open(os.path.join(where, "truth.json")))
    sources = [ref.Source(s["name"], s["ra_icrs_deg"], s["dec_icrs_deg"], s["flux_jy"], 1.4e9, 0.0)
               for s in truth["sources"]]
    for name in sorted(n for n in os.listdir(where) if n.endswith(".hdf5")):
        with h5py.File(os.path.join(where, name), "r") as f:
            h = f["Header"]
            lat, lon = np.radians(h["latitude"][()]), np.radians(h["longitude"][()])
            height = h["altitude"][()]
            from astropy import units as u
            from astropy.coordinates import EarthLocation
            origin = EarthLocation.from_geodetic(lon * u.rad, lat * u.rad, height * u.m)
            ecef = h["antenna_positions"][()] + np.array([c.to_value("m") for c in origin.geocentric])
            ant1, ant2, jd = h["ant_1_array"][()], h["ant_2_array"][()], h["time_array"][()]
            freqs, vis = h["freq_array"][0], f["Data/visdata"][:, 0, :, :]
        used = sorted(set(ant1) | set(ant2))
        times = np.unique(jd)
        # rows into triangle order, channels ascending
        order = {(i, j): k for k, (i, j) in enumerate((i, j) for j in range(len(used)) for i in range(j + 1))}
        given = np.zeros((2, len(order), len(times), len(freqs)), np.complex64)
        for r in range(len(jd)):
            i, j = used.index(ant1[r]), used.index(ant2[r])
            v = vis[r, ::-1].T
            given[:, order[min(i, j), max(i, j)], np.searchsorted(times, jd[r])] = v if i <= j else v.conj()
        mjd_s = (times - 2400000.5) * 86400
        for pol in range(2):
            centre = np.radians([80.4, 16.3])
            a = ask((lat, lon, height), ecef[used], ("meridian", truth["pt_dec_rad"]), mjd_s, freqs[::-1], sources,
                    centre, visibilities=given[pol])
            worst = np.abs(a.predicted - given[pol]).max() / np.abs(given[pol]).max()
            there = np.abs(a.predicted_there - a.moved).max() / np.abs(given[pol]).max()
            unmoved = np.abs(a.predicted_there - given[pol]).max() / np.abs(given[pol]).max()
            print(f"{name} pol {pol}: predicted {worst:.1e}, moved to one centre {there:.1e}, not moved {unmoved:.1f}")
            check(worst < 1e-6 and there < 1e-6 and unmoved > 0.5)
        for e in truth["apparent"]:
            k = next(i for i, s in enumerate(sources) if s.name == e["name"])
            check(np.abs(a.hadec[e["t"], k] - [e["ha_rad"], e["dec_rad"]]).max() < 2e-9)


def stored_uvw(name, limit_m):
    """uvw of a real file are our axes, but for the field scale of aberration, which rigid axes
    do not have: rows are brought to length 1 first."""
    import h5py
    from astropy import units as u
    from astropy.coordinates import EarthLocation, SkyCoord
    with h5py.File(os.path.join(data, "real_sky", name), "r") as f:
        h = f["Header"]
        site = np.radians(h["latitude"][()]), np.radians(h["longitude"][()]), h["altitude"][()]
        origin = EarthLocation.from_geodetic(site[1] * u.rad, site[0] * u.rad, site[2] * u.m)
        ecef = h["antenna_positions"][()] + np.array([c.to_value("m") for c in origin.geocentric])
        at = {n: i for i, n in enumerate(h["antenna_numbers"][()])}
        ant1, ant2, jd, uvw = (h[k][()] for k in ("ant_1_array", "ant_2_array", "time_array", "uvw_array"))
        centre = h["phase_center_catalog/0"]
        ra, dec, frame = centre["cat_lon"][()], centre["cat_lat"][()], centre["cat_frame"][()].decode()
    c = SkyCoord(np.ravel(ra)[0] * u.rad, np.ravel(dec)[0] * u.rad, frame=frame).icrs
    times = np.unique(jd)
    a = ask(site, ecef[:2], ("unprojected",), (times - 2400000.5) * 86400, [1e9],
            [ref.Source("any", 0.0, 0.0, 1.0, 1e9, 0.0)], (c.ra.rad, c.dec.rad))
    basis = a.basis / np.linalg.norm(a.basis, axis=2, keepdims=True)
    b = np.array([ecef[at[j]] - ecef[at[i]] for i, j in zip(ant1, ant2)])
    ours = np.einsum("rqj,rj->rq", basis[np.searchsorted(times, jd)], b)
    off = np.abs(ours - uvw).max()
    print(f"{name}: stored uvw differ by {off * 1e3:.2f} mm, longest {np.abs(b).max():.0f} m")
    check(off < limit_m)


def table_of_iers():
    """finals2000A as IERS gives it, from astropy's data package, and our table: one time."""
    import astropy_iers_data
    path = astropy_iers_data.IERS_A_FILE
    array = ref.dsa110()
    mjd_s = np.array([55555.25, 57753.5, 58849.75, 60800.125]) * 86400
    one = [ref.Source("any", 10.0, 20.0, 1.0, 1e9, 0.0)]
    ask_ = lambda eop: ask(site_of(array.site), array.ecef[:2], ("unprojected",), mjd_s, [1e9], one, (1, 0.3), eop=eop)
    ours, theirs = ask_("-"), ask_(path)
    off = np.abs(ours.basis - theirs.basis).max()
    print(f"finals2000A against share/earth_orientation.csv: {off:.1e} rad")
    check(off < 1e-9 and np.abs(ours.last - theirs.last).max() < 1e-9)


if not os.path.exists(driver):
    sim_support.skip(f"no {driver}: build test_sky_driver")
sim_support.use_earth_orientation()
attempt(against_astropy)
attempt(table_of_iers)
if os.path.isdir(data):
    attempt(truth_of_dsa_like)
    attempt(stored_uvw, "wsrt_3c343.1.uvh5", 1.0e-3)
    attempt(stored_uvw, "mwa_puppis_a.uvh5", 0.1)  # 4e-5 rad: another Earth orientation
else:
    print(f"skipped the parts that need files: no {data} (set CONTIMG_TEST_DATA)")
