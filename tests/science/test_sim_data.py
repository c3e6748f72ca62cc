# ci-test: timeout=300 cost=14
"""What contimg-sim does to the sky: noise, gains' place, losses, dead receptors, lost packets,
interference, missing files, units, names."""
import csv
import os
import shutil

import h5py
import numpy as np

from checks import check
import sim_support as sim


def load(folder, i=0):
    with h5py.File(sim.files_of(folder)[i], "r") as f:
        n_time = f["Header/Ntimes"][()]
        ant1, ant2 = f["Header/ant_1_array"][()], f["Header/ant_2_array"][()]
        data = f["Data/visdata"][:, 0]
    n = len(ant1) // n_time
    return ant1[:n], ant2[:n], data.reshape(n_time, n, *data.shape[1:])


def run(*options):
    folder, _ = sim.simulate(*options)
    truth, loaded = sim.truth_of(folder), load(folder)
    return folder, truth, loaded


# Noise: each part of a cross-correlation has SEFD/sqrt(2 dnu dt), before unit gains or after.
folder, truth, (a1, a2, v) = run("--stations", 24, "--sub-bands", 1)
cross = v[:, a1 != a2].astype(complex)
sigma = 8285.714 / np.sqrt(2 * 244140.625 * 96 * 0.134217728)
check(abs(sigma - 3.3) < 0.01 and abs(truth["noise"]["sigma_jy"] / sigma - 1) < 1e-6)
n = cross.size
for part in (cross.real, cross.imag):
    check(abs(part.std() / sigma - 1) < 4 / np.sqrt(2 * n), part.std(), sigma)
    check(abs(part.mean()) < 4 * sigma / np.sqrt(n))
    check(abs((part ** 4).mean() / sigma ** 4 - 3) < 4 * np.sqrt(96 / n), "not Gaussian")
# no cell's noise depends on another's: along time, baseline, channel, polarisation, r-i
for axis in range(4):
    a, b = (np.take(cross, range(*r), axis=axis) for r in ((0, cross.shape[axis] - 1), (1, cross.shape[axis])))
    check(abs((a * b.conj()).mean()) < 5 * 2 * sigma ** 2 / np.sqrt(a.size), axis)
check(abs((cross.real * cross.imag).mean()) < 5 * sigma ** 2 / np.sqrt(n))
auto = v[:, a1 == a2]
check((auto.imag == 0).all() and abs(auto.real.mean() / 8285.714 - 1) < 1e-3)
print(f"noise: {cross.real.std():.4f} and {cross.imag.std():.4f} Jy of {n} cells, {sigma:.4f} expected")
shutil.rmtree(folder)

# A bright source and raw units: noise passes the gains, or with --noise-after does not.
spread = {}
for after in (False, True):
    folder, truth, (a1, a2, v) = run("--stations", 16, "--sub-bands", 1, "--units", "raw",
                                     "--raw-scale", 0.25, "--gain-amp-rms", 0.2,
                                     *(["--noise-after"] if after else []))
    amp = {(r["number"], r["pol"]): r["amp"] for r in truth["gains"]["receptors"]}
    check(abs(np.mean(list(amp.values())) - 0.5) < 0.08, "sqrt(0.25)")
    rows = np.flatnonzero(a1 != a2)
    ratio = [v[:, b, :, p].real.std() / (sigma * (0.25 if after else amp[a1[b], "XY"[p]] * amp[a2[b], "XY"[p]]))
             for b in rows for p in (0, 1)]
    check(abs(np.mean(ratio) - 1) < 0.01 and np.std(ratio) < 0.05, after, np.mean(ratio), np.std(ratio))
    spread[after] = np.std(ratio)
    shutil.rmtree(folder)
print("noise before and after the gains: scatter over baselines", spread)

# Losses: a source off the centre, against sinc of what the delays say.
place = "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\nA,8.9,18.0,10,1.4e9,0\n"
name = f"/tmp/contimg-loss-{os.getpid()}.csv"
with open(name, "w") as f:
    f.write(place)
common = ("--stations", "1,51,68,102,103,108,116", "--sub-bands", 1, "--integrations", 1, "--sefd", 0,
          "--beam", "none", "--sources", name, "--order", "station")
folder, truth, (a1, a2, whole) = run(*common, "--smear", "off")
shutil.rmtree(folder)
folder, truth, (a1, a2, lossy) = run(*common)
sim.use_earth_orientation()
sky = sim.Sky(truth)
jd = truth["tiles"][0]["time_jd"][0]
position = {a["number"]: np.array(a["position_m"]) for a in truth["array"]["antennas"]}
freq = np.array(truth["sub_bands"][0]["freq_hz"])
offset = sky.towards(8.9, 18.0, jd, [-5.0, 0.0, 5.0]) - sky.reference([-5.0, 0.0, 5.0])
least = 1.0
for b in range(len(a1)):
    tau = offset @ (position[a2[b]] - position[a1[b]]) / sim.C
    rate = (tau[2] - tau[0]) / 10
    expected = np.sinc(244140.625 * tau[1]) * np.sinc(freq * rate * 96 * sim.SAMPLE_S)
    got = (lossy[0, b, :, 0] / whole[0, b, :, 0]).real
    check(np.abs(got - expected).max() < 6e-3, a1[b], a2[b], got[0], expected[0])
    least = min(least, expected.min())
check(least < 0.95, "no baseline that loses anything")
print(f"losses: down to {least:.3f}, as sinc predicts to 6e-3")
shutil.rmtree(folder)

# Averaged over the instrument's delays too: coherence sinc(dnu (tau1 - tau2)).
folder, truth, (a1, a2, v) = run("--stations", 10, "--sub-bands", 1, "--integrations", 1, "--sefd", 0,
                                 "--calibrator", 10, "--delay-ns", 900, "--beam", "none")
scale = (np.array(truth["sub_bands"][0]["freq_hz"]) / 1.4e9) ** -0.5
for b in range(len(a1)):
    for p in (0, 1):
        d = sim.delay(truth, a1[b], "XY"[p]) - sim.delay(truth, a2[b], "XY"[p])
        # the calibrator is at the middle of the tile's one integration: no loss from the sky
        check(np.abs(np.abs(v[0, b, :, p]) / (10 * scale) - abs(np.sinc(244140.625 * d))).max() < 0.01)
shutil.rmtree(folder)

# Dead antennas and hands are the listed ones; lost packets are the listed cells and no others.
folder, truth, (a1, a2, v) = run("--stations", 20, "--sub-bands", "2,9", "--integrations", 8, "--dead", 2,
                                 "--dead-pol", 3, "--nan-packets", 0.03, "--missing-sub-band", 9)
check(len(sim.files_of(folder)) == 1 and truth["flags"]["missing_sub_bands"] == [[0, 9]])
dead = {(r["number"], r["pol"]) for r in truth["gains"]["receptors"] if r["is_dead"]}
check(len(dead) == 2 * 2 + 3)
lost = np.zeros(v.shape, bool)
for tile, sub_band, t, number, first, end in truth["flags"]["lost_packets"]:
    check(tile == 0 and sub_band == 2)
    lost[int(t), (a1 == number) | (a2 == number), int(first):int(end)] = True
check(np.array_equal(np.isnan(v), lost) and 0.01 < lost.mean() < 0.12, lost.mean())
for number in np.unique(a1):
    for p in (0, 1):
        rows = ((a1 == number) | (a2 == number)) & (a1 != a2)
        level = np.nanmedian(np.abs(v[:, rows, :, p])) / sigma
        check((level < 0.01) == ((number, "XY"[p]) in dead), number, p, level)
print(f"dead receptors {len(dead)}, lost cells {lost.mean():.3f}")
shutil.rmtree(folder)

# Interference: all of it in the listed rectangles, about the asked fraction, seen by all.
for kind, fraction in (("narrow", 0.05), ("broad", 0.1), ("swept", 0.05), ("burst", 0.03)):
    folder, truth, (a1, a2, v) = run("--stations", 8, "--sub-bands", 1, "--integrations", 60, "--sefd", 0,
                                     "--rfi", f"{kind}:{fraction}")
    hit = np.zeros((60, 48), bool)
    for e in truth["flags"]["rfi"]:
        check(e["kind"] == kind)
        hit[e["time"][0]:e["time"][1], e["chan"][0]:e["chan"][1]] = True
    cross = np.abs(v[:, a1 != a2])
    by_cell = cross.transpose(0, 2, 1, 3)
    check(by_cell[~hit].max(initial=0) == 0 and by_cell[hit].min() > 0)
    check(0.3 * fraction < hit.mean() < 2.5 * fraction, kind, hit.mean())
    print(f"{kind}: {hit.mean():.3f} of the cells, median {np.median(by_cell[hit]):.0f} Jy")
    shutil.rmtree(folder)

# Drawn sources: in their regions, apart, and following the counts' slope; files late by jitter.
from astropy.coordinates import SkyCoord


def drawn_sky(*options):
    folder, _ = sim.simulate("--stations", 3, "--sub-bands", 16, "--integrations", 1, "--channels", 1,
                             "--tiles", 4, "--tile-step", 309.24, "--random", 400, "--outside", 100,
                             "--radius", 1.2, "--isolated", 60, "--min-flux", 0.01, "--max-flux", 2,
                             "--calibrator", 12.7, *options, "--name-jitter", 6, "--catalogue-error", 0.1, "--catalogue-min", 0.02)
    truth = sim.truth_of(folder)
    s = truth["sources"]
    sky = SkyCoord([x["ra_deg"] for x in s], [x["dec_deg"] for x in s], unit="deg")
    span = (truth["tiles"][-1]["centre_ra_deg"] - truth["tiles"][0]["centre_ra_deg"]) % 360
    check(abs(span / (3 * 309.24 * 15.041 / 3600) - 1) < 0.02, span)  # precession tilts the track
    track = SkyCoord(truth["tiles"][0]["centre_ra_deg"] + np.linspace(0, span, 400),
                     np.linspace(truth["tiles"][0]["centre_dec_deg"], truth["tiles"][-1]["centre_dec_deg"], 400), unit="deg")
    distance = sky[:, None].separation(track[None]).deg.min(axis=1)
    role = np.array([x["role"] for x in s])
    flux = np.array([x["flux_jy"] for x in s])
    check((role == "inside").sum() == 400 and (role == "outside").sum() == 100)
    check(distance[role == "inside"].max() < 1.201 and distance[role == "outside"].min() > 1.199)
    check(distance[role == "outside"].max() < 5.001)
    inside = sky[role != "outside"]
    check(inside.match_to_catalog_sky(inside, nthneighbor=2)[1].arcsec.min() > 60)
    cal = truth["sources"][int(np.flatnonzero(role == "calibrator")[0])]
    check(cal["flux_jy"] == 12.7 and abs(cal["ra_deg"] - truth["tiles"][1]["centre_ra_deg"]) < 1e-9)
    drawn = flux[role == "inside"]
    check(drawn.min() >= 0.01 and drawn.max() <= 2)
    # the counts are near dN/dS = S^-1.7 between 10 and 100 mJy: about 0.59 of 10-100 mJy lie below 25
    share = (drawn < 0.025).sum() / (drawn < 0.1).sum()
    check(0.45 < share < 0.72, share)
    with open(os.path.join(folder, "truth.csv")) as f:
        rows = list(csv.DictReader(f))
    check(len(rows) == len(s) and rows[0]["name"] == s[0]["name"])
    check(all(abs(float(r["flux_jy"]) / x["flux_jy"] - 1) < 1e-8 for r, x in zip(rows, s)))
    with open(os.path.join(folder, "truth-calibrator.csv")) as f:
        check([r["name"] for r in csv.DictReader(f)] == ["CAL"])
    with open(os.path.join(folder, "truth-catalogue.csv")) as f:
        listed = {r["name"]: float(r["flux_jy"]) for r in csv.DictReader(f)}
    check(listed["CAL"] == 12.7 and min(v for k, v in listed.items() if k != "CAL") >= 0.02)
    error = np.array([listed[x["name"]] / x["flux_jy"] - 1 for x in s if x["name"] in listed and x["flux_jy"] > 0.04])
    check(len(error) > 50 and abs(error.std() / 0.1 - 1) < 0.35 and abs(error.mean()) < 0.05, error.std(), error.mean())
    return folder, truth, share


folder, truth, _ = drawn_sky("--start", "2026-01-24T23:27:00", "--dec", 75)
check(truth["tiles"][0]["centre_ra_deg"] > 350 and truth["tiles"][-1]["centre_ra_deg"] < 10, "not across RA 0h")
shutil.rmtree(folder)
folder, truth, share = drawn_sky()
stamps = {os.path.basename(n)[:19] for n in sim.files_of(folder)}
check(len(sim.files_of(folder)) == 64 and 4 < len(stamps) <= 28, stamps)
first = {}
for n in sim.files_of(folder):
    with h5py.File(n, "r") as f:
        first.setdefault(f["Header/time_array"][0], []).append(n)
check(len(first) == 4 and all(len(v) == 16 for v in first.values()), "sub-bands share their first time")
print(f"sky: {len(truth['sources'])} sources, {share:.2f} of the faint ones below 25 mJy; {len(stamps)} name stamps of 64 files")
shutil.rmtree(folder)
os.remove(name)
