# ci-test: cost=25
"""Feeds: Q, U, V by IAU for any right-angled orientation, refusals for what angles spoil. A source of
known Stokes parameters on feeds at given angles: V_pq = e_p C e_q*, C = [[I+Q, U+iV], [U-iV, I-Q]] in
(north, east), e = (cos, sin) of the angle from north through east (Hamaker & Bregman 1996)."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from header_support import *
import h5py

RA, DEC = 150.0, 30.0
I, Q, U, V = 2.0, 0.5, 0.3, -0.2
tel, enu = telescope()
freqs = 1.4e9 + 1e6 * np.arange(2)
times = transit_jd(RA) + np.array([-0.5, 0.5]) * 60 / 86400
unit = phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times, pols=(-5, -6, -7, -8))
phasor = unit.data_array[:, :, 0].copy()


def polarised(angles_deg, name, mount="fixed", feeds=("x", "y")):
    angles = np.deg2rad(np.broadcast_to(angles_deg, (NUMBERS, 2)))
    e = np.stack([np.cos(angles), np.sin(angles)], -1)
    c = np.array([[I + Q, U + 1j * V], [U - 1j * V, I - Q]])
    uv = unit.copy()
    for k, (p, q) in enumerate(((0, 0), (1, 1), (0, 1), (1, 0))):
        factor = np.einsum("ri,ij,rj->r", e[uv.ant_1_array, p], c, e[uv.ant_2_array, q])
        uv.data_array[:, :, k] = phasor * factor[:, None]
    feeds_set(uv.telescope, angles if feeds[0] == "x" else angles[:, ::-1], feeds, mount)
    return write(uv, name)


def stokes(name, which, *words):
    result = image(name, "--stokes", which, *words)
    return value(RA, DEC) if result.returncode == 0 else None


for angles in ((90, 0), (0, 90), (270, 180), (90, 180), (180, 270), (0.6, 90.4), (-90, 0)):
    name = polarised(angles, "x.uvh5")
    for which, truth in dict(I=I, Q=Q, U=U, V=V).items():
        close(stokes(name, which), truth, 0.01, "feeds", angles, "Stokes", which)
close(stokes(polarised((90, 0), "y.uvh5", feeds=("y", "x")), "Q"), Q, 0.01, "feeds named y, x")

# common angles off the axes: I and V are right, Q and U are not there
for angles in ((135, 45), (30, 120), (92, 2)):
    name = polarised(angles, "x.uvh5")
    close(stokes(name, "I"), I, 0.01, "feeds", angles, "Stokes I")
    for which in "QU":
        refused(image(name, "--stokes", which), "feed_angle", "off the axes", which, "image one of these", "correct feed_angle")
for angles in ((90, 30), (45, 45), (90, 90)):
    refused(image(polarised(angles, "x.uvh5"), "--stokes", "I"), "feed_angle", "right angles")

# angles that differ: nothing is right
for off in (2.0, 45.0, 180.0):
    angles = np.tile([90.0, 0.0], (NUMBERS, 1))
    angles[5] += off
    name = polarised(angles, "x.uvh5")
    refused(image(name), "feed_angle", "antenna 5", f"{90 + off:.2f}")
    shown = run("inspect", name).stdout
    check("X at 90.00 deg" in shown and "differ by antenna" in shown, "inspect:", shown)
angles = np.tile([90.0, 0.0], (NUMBERS, 1))
angles[5] += 0.8
close(stokes(polarised(angles, "x.uvh5"), "I"), I, 0.01, "differ by 0.8 deg")
# an antenna without data spoils nothing
wild = unit.copy()
angles = np.tile(np.deg2rad([90.0, 0.0]), (NUMBERS, 1))
angles[5] += 1
feeds_set(wild.telescope, angles)
wild.select(antenna_nums=[0, 1, 2, 3, 4, 6, 7], keep_all_metadata=True)
close(stokes(write(wild, "w.uvh5"), "I"), 1, 0.01, "an antenna without data")

# alt-az mounts turn Q and U, not I; some of them spoil all
name = polarised((90, 0), "x.uvh5", mount="alt-az")
close(stokes(name, "I"), I, 0.01, "alt-az")
refused(image(name, "--stokes", "Q"), "mount_type", "parallactic")
name = polarised((90, 0), "x.uvh5", mount=["alt-az"] + ["equatorial"] * (NUMBERS - 1))
refused(image(name), "mount_type")

# older headers say it by x_orientation; the option holds whatever the header says
name = polarised((0, 90), "old.uvh5")
with h5py.File(name, "r+") as f:
    for key in ("feed_array", "feed_angle", "mount_type", "Nfeeds"):
        if key in f["Header"]:
            del f["Header"][key]
    if "x_orientation" in f["Header"]:
        del f["Header/x_orientation"]
    f["Header/x_orientation"] = np.bytes_("north")
close(stokes(name, "Q"), Q, 0.01, "x_orientation north")
close(stokes(name, "Q", "--x-orientation", "east"), -Q, 0.01, "--x-orientation against the header")
warned(image(name, "--x-orientation", "east"), "although the header says otherwise")
with h5py.File(name, "r+") as f:
    del f["Header/x_orientation"]
close(stokes(name, "Q"), -Q, 0.01, "X east assumed")
close(stokes(name, "U"), U, 0.01, "X east assumed, U is the same")
close(stokes(name, "V"), -V, 0.01, "X east assumed, V")
for which, level in dict(I="INFO", Q="WARNING", U="INFO", V="WARNING").items():
    said = [line for line in image(name, "--stokes", which).stderr.splitlines() if "x_orientation: not in the files" in line]
    check(len(said) == 1 and f"{level} " in said[0], "an assumed orientation is said once:", which, said)
    check("not in the files" not in image(name, "--stokes", which, "--x-orientation", "east").stderr, "given, not assumed")
shown = run("inspect", name).stdout, json.loads(run("inspect", name, "--json").stdout)
check("X to the east (assumed)" in shown[0] and shown[1]["x_orientation_assumed"] is True, "inspect:", shown)
close(stokes(name, "Q", "--x-orientation", "north"), Q, 0.01, "--x-orientation north")
name = polarised((90, 0), "both.uvh5")
with h5py.File(name, "r+") as f:
    if "x_orientation" in f["Header"]:
        del f["Header/x_orientation"]
    f["Header/x_orientation"] = np.bytes_("north")
refused(image(name), "x_orientation", "feed_angle")

# one of feed_array and feed_angle alone does not say where feeds lie
for gone, left in (("feed_array", "feed_angle"), ("feed_angle", "feed_array")):
    name = polarised((0, 90), "half.uvh5")
    with h5py.File(name, "r+") as f:
        del f["Header"][gone]
    refused(image(name), left, f"{gone} is not")
    close(stokes(name, "Q", "--x-orientation", "north"), Q, 0.01, "--x-orientation north without", gone)

# R and L at an angle: RL turns by the sum of both, a sign at multiples of half a turn. Truth: RL = Q + iU of
# voltages e^{ia} of R, e^{-ib} of L
circular = phased([(RA, DEC, 1.0)], (RA, DEC), tel, enu, freqs, times, pols=(-1, -2, -3, -4))
circular.telescope = tel.copy()
for a, b in ((0, 0), (90, 90), (180, 0), (-90, 90), (45, 45), (90, 0)):
    turn = np.exp(1j * np.deg2rad(a + b))
    for k, factor in enumerate((I + V, I - V, (Q + 1j * U) * turn, (Q - 1j * U) / turn)):
        circular.data_array[:, :, k] = phasor * factor
    feeds_set(circular.telescope, np.deg2rad(np.broadcast_to((a, b), (NUMBERS, 2))), ("r", "l"))
    name = write(circular, "c.uvh5")
    for which, truth in dict(I=I, V=V, Q=Q, U=U).items():
        if which in "IV" or (a + b) % 180 == 0:
            close(stokes(name, which), truth, 0.01, "R, L at", a, b, "Stokes", which)
        else:
            refused(image(name, "--stokes", which), "feed_angle", "no multiple of 180", which)
with h5py.File(name, "r+") as f:
    for key in ("feed_array", "feed_angle"):
        del f["Header"][key]
for which, level in dict(Q="WARNING", V="INFO").items():
    said = [line for line in image(name, "--stokes", which).stderr.splitlines() if "feed_angle: not in the files" in line]
    check(len(said) == 1 and f"{level} " in said[0], "assumed angles of R and L are said once:", which, said)

# gains belong to feeds, whatever they are called: pyuvdata's own answer is the truth
rng = np.random.default_rng(2)
g = np.exp(2j * np.pi * rng.random((NUMBERS, 1, 1, 2))) * (1 + 0.3 * rng.random((NUMBERS, 1, 1, 2)))
two = unit.select(polarizations=[-5, -6], inplace=False)
true = table(two.telescope, g, freqs, times)
raw = utils.uvcalibrate(two, true, inplace=False, undo=True)
raw.vis_units = "uncalib"
write(raw, "raw.uvh5")
for what, jones, order, feed_deg, is_right in (
        ("as the data", (-5, -6), (0, 1), (90, 0), True),
        ("X north", (-5, -6), (1, 0), (0, 90), True),
        ("Y first", (-6, -5), (1, 0), (90, 0), True),
        ("Y first, X north", (-6, -5), (0, 1), (0, 90), True),
        ("half a turn", (-5, -6), (0, 1), (270, 180), True),
        ("turned by 45", (-5, -6), (0, 1), (135, 45), False)):
    cal = table(two.telescope, g[..., list(order)], freqs, times, jones=jones, angles=feed_deg)
    cal.write_calh5("t.calh5", clobber=True, run_check=False)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
    if is_right:
        close(value(RA, DEC) if result.returncode == 0 else None, 1, 0.005, "table", what)
    else:
        refused(result, "feed")
    check("Feeds" in run("inspect", "t.calh5").stdout, "inspect shows no feeds of a table")
with h5py.File("t.calh5", "r+") as f:
    del f["Header/feed_array"]
refused(image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit"), "t.calh5", "feed_angle", "feed_array is not")
# a feed is there once, and of the kind of the polarisations
for feeds, words in (((b"x", b"x"), ("feed_array", "appears twice")), ((b"r", b"l"), ("feed_array", "polarization_array"))):
    two.write_uvh5("f.uvh5", clobber=True)
    with h5py.File("f.uvh5", "r+") as f:
        f["Header/feed_array"][...] = np.array(feeds)
    refused(image("f.uvh5", "--weights", "unit"), *words)
# an antenna without a feed: what stands where its data or gains would be is none. The truth is that of the same
# file with those flagged
def without(name, number, feed):
    with h5py.File(name, "r+") as f:
        at = [n.item() for n in f["Header/antenna_numbers"][()]].index(number)
        f["Header/feed_array"][at, feed] = b""


for feed, pol in ((1, -6), (0, -5)):
    uv = two.copy()
    rows = (uv.ant_1_array == 3) | (uv.ant_2_array == 3)
    k = list(uv.polarization_array).index(pol)
    uv.data_array[rows, :, k] *= 30 * np.exp(2j)
    flagged = uv.copy()
    flagged.flag_array[rows, :, k] = True
    write(flagged, "flagged.uvh5")
    write(uv, "lacks.uvh5")
    without("lacks.uvh5", 3, feed)
    for which in ("I", "XX", "YY"):
        image("flagged.uvh5", "--stokes", which)
        truth = value(RA, DEC)
        result = image("lacks.uvh5", "--stokes", which)
        close(value(RA, DEC) if result.returncode == 0 else None, truth, 1e-6, "an antenna without feed", feed, which, result.stderr[-200:])
        warned(result, "feed_array", "1 antenna (3) lacks")
    for number in range(NUMBERS):
        if number != 3:
            without("lacks.uvh5", number, feed)
    refused(image("lacks.uvh5"), "feed_array", "no antenna has the " + "XY"[feed])
for feed in (0, 1):
    bad = table(two.telescope, g, freqs, times)
    bad.gain_array[3, ..., feed] *= 30
    bad.write_calh5("t.calh5", clobber=True, run_check=False)
    without("t.calh5", 3, feed)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
    close(value(RA, DEC) if result.returncode == 0 else None, 1, 0.005, "a table without a feed of an antenna", feed)
    warned(result, "t.calh5", "feed_array", "1 receptor that has gains (antenna 3)")
# older tables say it by x_orientation: a word that is neither, or that the angles contradict, is refused
for word, has_angles, is_right in (("east", False, True), ("north", False, False), ("nord", False, None), ("north", True, None)):
    table(two.telescope, g, freqs, times).write_calh5("t.calh5", clobber=True, run_check=False)
    with h5py.File("t.calh5", "r+") as f:
        for key in () if has_angles else ("feed_array", "feed_angle", "Nfeeds"):
            del f["Header"][key]
        if "x_orientation" in f["Header"]:
            del f["Header/x_orientation"]
        f["Header/x_orientation"] = np.bytes_(word)
    result = image("raw.uvh5", "--cal", "t.calh5", "--weights", "unit")
    if is_right is None:
        refused(result, "t.calh5", "x_orientation", word)
    else:  # with the gains of the other feed the flux is lost
        close(value(RA, DEC), 1, 0.005 if is_right else 0, "table with x_orientation", word) if is_right else check(
            abs(value(RA, DEC) - 1) > 0.1, "a table X north was used as X east")
finish()
