# What the reader must refuse, each with one line and its exit code, and the odd forms that
# it must take; all made with h5py from small files. ci-test: timeout=600
import json
import os
import shutil
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import h5py
import numpy as np
import uvh5_support as u
from dsa_file import write_dsa

u.need_driver()
folder = tempfile.mkdtemp(prefix="contimg-forms-")
base = os.path.join(folder, "base.hdf5")
write_dsa(base, n_ant=5, n_time=3, n_chan=8)
counter = 0


def path_of(name="f"):
    global counter
    counter += 1
    return os.path.join(folder, f"{name}{counter}.hdf5")


def changed(change, origin=base):
    path = path_of()
    shutil.copy(origin, path)
    with h5py.File(path, "r+") as f:
        change(f)
    return path


def put(name, value, **words):
    def change(f):
        del f[name]
        f.create_dataset(name, data=value, **words)
    return change


def edit(name, index, value):
    def change(f):
        f[name][index] = value
    return change


def drop(name):
    def change(f):
        del f[name]
    return change


refusals = []


def refuse(path, *parts, code=3, env=None):
    refusals.append((path, parts, code, env))


def outcome_holds(path, outcome, parts, code):
    assert outcome["exit"] == code, (parts, outcome)
    for part in parts:
        assert part in outcome["text"], (part, outcome["text"])
    assert "\n" not in outcome["text"]
    assert os.path.basename(path) in outcome["text"], outcome["text"]


def run_refusals():
    plain = [r for r in refusals if r[3] is None]
    for (path, parts, code, _), outcome in zip(plain, u.outcomes("try", *[r[0] for r in plain])):
        outcome_holds(path, outcome, parts, code)
    for path, parts, code, env in (r for r in refusals if r[3] is not None):
        outcome_holds(path, u.outcomes("try", path, env=env)[0], parts, code)
    print(f"{len(refusals)} refusals: one line each, with file, dataset and exit code")


# ---- datasets missing, of wrong shape or type
for name in ("Nblts", "Nfreqs", "Npols", "Nspws", "Nants_telescope", "latitude", "longitude",
             "altitude", "antenna_numbers", "antenna_names", "antenna_positions", "ant_1_array",
             "ant_2_array", "time_array", "integration_time", "freq_array", "channel_width",
             "spw_array", "polarization_array", "uvw_array"):
    refuse(changed(drop(f"Header/{name}")), f"Header/{name}", "missing")
for name in ("visdata", "flags", "nsamples"):
    refuse(changed(drop(f"Data/{name}")), f"Data/{name}", "missing")
    with h5py.File(base, "r") as f:
        whole = f[f"Data/{name}"][()]
    refuse(changed(put(f"Data/{name}", whole[:-1])), f"Data/{name}", "44 rows", "45")
    refuse(changed(put(f"Data/{name}", whole[:, :, :-1])), f"Data/{name}", "does not fit")
    refuse(changed(put(f"Data/{name}", whole.transpose(0, 1, 3, 2))), f"Data/{name}",
           "axes swapped")
    refuse(changed(put(f"Data/{name}", whole[:, 0].transpose(0, 2, 1))), f"Data/{name}",
           "axes swapped")
with h5py.File(base, "r") as f:
    shape = f["Data/visdata"].shape
    n_row = shape[0]
    numbers = f["Header/antenna_numbers"][()]
refuse(changed(drop("Header")), "no groups /Header")
refuse(changed(put("Data/visdata", np.zeros(shape, dtype=[("r", "<f4"), ("i", "<f8")]))),
       "Data/visdata", "not complex")
refuse(changed(put("Data/visdata", np.zeros(shape, dtype=[("r", "<i4"), ("i", "<f4")]))),
       "Data/visdata", "not complex")
refuse(changed(put("Data/visdata", np.zeros(shape, dtype="f4"))), "Data/visdata", "not complex")
refuse(changed(put("Data/flags", np.zeros(shape, dtype="f4"))), "Data/flags", "neither")
refuse(changed(put("Data/nsamples", np.full(shape, b"x"))), "Data/nsamples", "not numeric")
refuse(changed(put("Header/uvw_array", np.zeros((n_row, 2)))), "Header/uvw_array", "45 x 2")
refuse(changed(put("Header/time_array", np.zeros(n_row - 1))), "Header/time_array", "44")
refuse(changed(put("Header/antenna_positions", np.zeros((3, 117)))), "antenna_positions", "3 x 117")
refuse(changed(put("Header/Nblts", n_row + 10)), "Data/visdata", "not finished")
refuse(changed(put("Header/Nblts", -1)), "Header/Nblts", "-1")
refuse(changed(put("Header/Nblts", 2 ** 60)), "Header/Nblts")
refuse(changed(put("Header/Nfreqs", 8.5)), "Header/Nfreqs", "integer")
# ---- values
refuse(changed(edit("Header/ant_1_array", 7, 999)), "Header/ant_1_array", "row 7", "999")
refuse(changed(edit("Header/antenna_numbers", 5, 4)), "Header/antenna_numbers", "4 appears twice")
refuse(changed(edit("Header/polarization_array", 0, 9)), "polarization_array", "9")
refuse(changed(edit("Header/polarization_array", 0, 0)), "polarization_array", "0")
refuse(changed(edit("Header/polarization_array", 0, -6)), "polarization_array", "-6 appears twice")
refuse(changed(edit("Header/freq_array", (0, 2), np.nan)), "Header/freq_array", "channel 2")
refuse(changed(edit("Header/freq_array", (0, 2), np.inf)), "Header/freq_array", "channel 2")
refuse(changed(edit("Header/freq_array", (0, 2), -1.4e9)), "Header/freq_array", "channel 2")
with h5py.File(base, "r") as f:
    second = f["Header/freq_array"][0, 1]
refuse(changed(edit("Header/freq_array", (0, 2), second)), "Header/freq_array", "twice")
refuse(changed(edit("Header/freq_array", (0, 2), 1498.4)), "Header/freq_array", "channel 2: 1498.4 Hz",
       "1e+06 to 1e+13 Hz")
refuse(changed(edit("Header/freq_array", (0, 2), 2e13)), "Header/freq_array", "channel 2: 2e+13 Hz")
# A channel that strayed: into the others, and far from them on both sides; also the first and
# last, and in ascending files and windows.
width = 30517.578125 * 8
for index, value in ((2, second - 2.4 * width), (2, 1.9001e9), (2, 1e9 + 1), (0, 1.9001e9),
                     (7, 1e9 + 1), (7, second - 0.6 * width)):
    refuse(changed(edit("Header/freq_array", (0, index), value)), "Header/freq_array",
           f"channel {index}: {value * 1e-6:.6f} MHz", "grid")


def ascending(f):
    f["Header/freq_array"][0] = f["Header/freq_array"][0][::-1]


refuse(changed(edit("Header/freq_array", (0, 3), 1.9001e9), changed(ascending)),
       "channel 3: 1900.100000 MHz")
refuse(changed(edit("Header/time_array", 3, np.nan)), "Header/time_array", "row 3")
refuse(changed(edit("Header/time_array", 3, 59625.6)), "Header/time_array", "no Julian date")
refuse(changed(edit("Header/time_array", 3, 2460625.6489)), "Header/time_array",
       "row 3: 2460625.648900 is 1000 days from the middle")
refuse(changed(edit("Header/time_array", 44, 2459624.5)), "Header/time_array", "row 44", "a day")
refuse(changed(edit("Header/integration_time", 3, 86401)), "Header/integration_time",
       "row 3: 86401 s: more than a day")
refuse(changed(edit("Header/integration_time", 3, np.nan)), "Header/integration_time", "row 3")
refuse(changed(edit("Header/integration_time", 3, -1)), "Header/integration_time", "row 3")
refuse(changed(put("Header/channel_width", 0.0)), "Header/channel_width", "not positive")
refuse(changed(put("Header/channel_width", -244e3)), "Header/channel_width", "not positive")
refuse(changed(put("Header/channel_width", np.full(8, np.nan))), "Header/channel_width")
refuse(changed(put("Header/channel_width", 1e10)), "Header/channel_width", "channel 0", "below 0 Hz")
refuse(changed(edit("Header/antenna_positions", (3, 1), np.nan)), "Header/antenna_positions")
refuse(changed(edit("Header/antenna_positions", (3, 1), -1e30)), "Header/antenna_positions",
       "antenna 3: -1e+30 m", "not near the Earth")
refuse(changed(edit("Header/antenna_positions", (3, 1), 1.1e8)), "Header/antenna_positions")
refuse(changed(put("Header/antenna_positions", np.full((117, 3), 5.0))),
       "Header/antenna_positions", "all antennas with data are at one place", "10 baselines")
refuse(changed(put("Header/latitude", 123.0)), "Header/latitude", "123")
refuse(changed(lambda f: f["Header"].create_dataset("telescope_frame", data=np.bytes_("mcmf"))),
       "telescope_frame", "mcmf")
refuse(changed(put("Header/extra_keywords/ha_phase_center", 0.1)), "ha_phase_center", "meridian")
refuse(changed(lambda f: f["Header"].create_dataset("flex_spw_id_array", data=np.full(8, 3))),
       "flex_spw_id_array", "window 3")
refuse(changed(put("Header/phase_center_app_dec", 16.15)), "phase_center_app_dec", "16.15")
# ---- files
name = os.path.join(folder, "2026-01-25T00:00:10_sb00_incomplete.hdf5")
shutil.copy(base, name)
refuse(name, "_incomplete", "still being written")
size = os.path.getsize(base)
for n_byte in (0, 7, 100, 2048, size // 2, size - 1):
    name = path_of("short")
    shutil.copy(base, name)
    os.truncate(name, n_byte)
    refuse(name, "empty file" if n_byte == 0 else "not an HDF5" if n_byte < 8 else "")
refuse(os.path.join(folder, "none.hdf5"), "")
refuse(folder, "folder")


def unwritten(f):
    """Rows that were made room for but never written, as after a crash."""
    del f["Data/visdata"]
    v = f["Data"].create_dataset("visdata", shape, dtype="c8", chunks=(8, 1, 8, 2))
    v[:20] = 1


refuse(changed(unwritten), "Data/visdata", "never written", "not finished")


def unknown_filter(f):
    d = f["Data/visdata"][()]
    del f["Data/visdata"]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(d.shape)
    plist.set_filter(32099, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(f["Data"].id, b"visdata", h5py.h5t.py_create(np.dtype("c8"), logical=True),
                    h5py.h5s.create_simple(d.shape), plist).write_direct_chunk((0,) * 4,
                                                                               d.tobytes())


refuse(changed(unknown_filter), "Data/visdata", "32099", "plugin", code=6)
if os.path.isdir(u.data):
    for f in ("lzf", "bitshuffle_lz4"):
        refuse(f"{u.data}/synthetic/hera_i4_{f}.uvh5", 'install Debian package "bitshuffle"',
               code=6, env={"HDF5_PLUGIN_PRELOAD": "::"})

# ---- a catalogue of phase centres

def catalogued(entry, json_form=False):
    """The base file with phase_center_catalog instead of DSA-110's marks."""
    def change(f):
        h = f["Header"]
        del h["phase_center_app_dec"], h["phase_type"], h["extra_keywords"]
        h["version"] = np.bytes_("1.2")
        h["Nphase"] = 1
        h["phase_center_id_array"] = np.full(n_row, 7)
        h["phase_center_app_ra"] = np.zeros(n_row)
        h["phase_center_app_dec"] = np.zeros(n_row)
        c = h.create_group("phase_center_catalog")
        if json_form:
            c["3C48"] = json.dumps(dict(entry, cat_id=7))
            return
        g = c.create_group("7")
        for key, value in entry.items():
            if value is None:
                g.create_dataset(key, data=h5py.Empty("f4"))
            else:
                g[key] = np.bytes_(value) if isinstance(value, str) else value
    return changed(change)


sidereal = dict(cat_name="3C48", cat_type="sidereal", cat_frame="icrs", cat_lon=0.4262,
                cat_lat=0.5787, cat_epoch=None, cat_pm_ra=None, cat_times=None)
refuse(catalogued(dict(sidereal, cat_frame="galactic")), "galactic")
refuse(catalogued(dict(sidereal, cat_frame="fk5", cat_epoch=1975.0)), "fk5", "1975")
refuse(catalogued(dict(sidereal, cat_type="near_field")), "near_field")
refuse(catalogued(dict(sidereal, cat_lat=5.7)), "no place")
refuse(catalogued(dict(sidereal, cat_lon=None)), "cat_lon")
refuse(changed(edit("Header/phase_center_id_array", 3, 8), catalogued(sidereal)),
       "id 8 is not in phase_center_catalog")
run_refusals()

# ---- forms that are taken ------------------------------------------------------------
facts0, blocks0 = u.dump(base)
b0 = blocks0[0]


def same(path, what, names=("ant1", "ant2", "freq", "width", "time", "data", "flags", "weight")):
    facts, blocks = u.dump(path)
    for name in names:
        assert np.array_equal(blocks[0][name], b0[name]), (what, name)
    return facts, blocks[0]


assert facts0["kind"] == 2 and np.all(b0["weight"] == 96)
with h5py.File(base, "r") as f:
    v0, fl0 = f["Data/visdata"][()], f["Data/flags"][()]
    positions = f["Header/antenna_positions"][()]


def c_enum(f):
    """The memo's own example: a four-byte enum."""
    kind = h5py.h5t.enum_create(h5py.h5t.STD_I32LE)
    kind.enum_insert(b"FALSE", 0)
    kind.enum_insert(b"TRUE", 1)
    values = np.zeros(shape, dtype="<i4")
    values[5] = 1
    del f["Data/flags"]
    d = h5py.h5d.create(f["Data"].id, b"flags", kind, h5py.h5s.create_simple(shape))
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, values, mtype=kind)


flagged = changed(edit("Data/flags", 5, True))
want = u.dump(flagged)[1][0]["flags"]
assert want.sum() == 16
for what, change in (("4-byte enum", c_enum),
                     ("uint8 flags", put("Data/flags", (np.arange(n_row) == 5)[:, None, None, None]
                                         * np.ones(shape, dtype="u1"))),
                     ("int64 flags", put("Data/flags", (np.arange(n_row) == 5)[:, None, None, None]
                                         * np.full(shape, -256, dtype="i8")))):
    assert np.array_equal(u.dump(changed(change))[1][0]["flags"], want), what
same(changed(put("Data/visdata", v0[:, 0])), "3-D visibilities beside 4-D flags")
same(changed(put("Data/visdata", v0.astype("c16"))), "complex128")
same(changed(put("Data/visdata", v0.astype(">c8"))), "big-endian")
same(changed(put("Data/visdata", v0, chunks=(7, 1, 3, 2))), "odd chunks")
same(changed(put("Data/visdata", v0, chunks=(7, 1, 3, 2), compression="gzip", shuffle=True,
                 fletcher32=True)), "gzip, shuffle, checksum")
same(changed(put("Header/integration_time", float(b0["interval"][0]))), "scalar integration_time")
same(changed(put("Header/antenna_numbers", numbers.astype(">i2"))), ">i2 antenna numbers")
same(changed(put("Header/antenna_names", [f"π{i}" for i in range(117)],
                 dtype=h5py.string_dtype())), "variable-length UTF-8 names")
same(changed(drop("Header/history")), "no history")
same(changed(put("Header/object_name", h5py.Empty("f4"))), "null object_name")
same(changed(lambda f: f["Header"].create_dataset("dut1", data=h5py.Empty("f4"))), "null dut1")
same(changed(put("Header/Nbls", n_row)), "wrong Nbls")
same(changed(put("Header/freq_array", 1.53e9 - (1024 + 8 * np.arange(8) + 3.5) * 30517.578125)),
     "1-D frequencies")
odd = u.outcomes("try", changed(put("Header/Nbls", n_row)))[0]["odd"]
assert any("Nbls" in text and "45" in text and "15" in text for text in odd), odd


def only_autos(f):
    """One dish at a time, all of them at one place."""
    f["Header/ant_2_array"][...] = f["Header/ant_1_array"][()]
    f["Header/antenna_positions"][...] = 0


def is_odd(change, *parts):
    """Taken, with something more that is odd; no parts: with nothing more."""
    found, plain = u.outcomes("try", changed(change), base)
    assert found["exit"] == 0, found
    more = [text for text in found["odd"] if text not in plain["odd"] and "uvw" not in text]
    assert any(all(part in text for part in parts) for text in more) if parts else not more, more


is_odd(edit("Header/antenna_positions", 3, positions[1]), "antennas 1 and 3", "1 of 10 baselines")
is_odd(put("Header/integration_time", 3601.0), "integration_time", "3601 s")
is_odd(put("Header/time_array", np.repeat(2459625.5 + np.array([0, 0.5, 1]), 15)))
f1 = np.array(b0["freq"][::-1])
for index, value in ((3, f1[3] + 0.3 * width), (7, f1[7] - 0.5 * width), (0, f1[0] + 3.5 * width)):
    moved = f1.copy()
    moved[index] = value
    is_odd(put("Header/freq_array", moved), "freq_array", f"channel {index}:", "grid")
# Steps of whole channels, channels narrower than their steps, two grids, uneven ones: all legal.
for legal in (f1[0] - width * np.array([0, 1, 2, 3, 4, 5, 6, 3000]),
              f1[0] - width * np.array([0, 1, 2, 3, 40.5, 41.5, 42.5, 43.5]),
              f1[0] - 1.37 * width * np.array([0, 1, 2, 3, 4, 5, 6, 7.4]),
              f1[0] - width * np.array([0, 1, 2.2, 3.6, 5.2, 7, 9, 11.3])):
    is_odd(put("Header/freq_array", legal))


def ragged(f):
    """The last channel is wider, and far: it says so itself."""
    put("Header/freq_array", np.append(f1[:7], 1e9))(f)
    put("Header/channel_width", np.append(np.full(7, width), 3 * width))(f)


is_odd(ragged)
outcome = u.outcomes("try", changed(only_autos))[0]
assert outcome["exit"] == 0, outcome

# data that are no numbers: zeroed, flagged with their own reason
nan = v0.copy()
nan[4, 0, 2, 1] = np.nan + 1j
nan[5, 0, 3, 0] = 1 - 1j * np.inf
nan[6, 0, 1, 0] = 0
b = u.dump(changed(put("Data/visdata", nan)))[1][0]
assert (b["flags"] == 2).sum() == 2 and (b["flags"] == 4).sum() == 1
assert np.all(np.isfinite(b["data"])) and np.all(b["data"][b["flags"] != 0] == 0)

# weights
for value, usable in ((0, False), (-3, False), (np.nan, False), (1e12, False), (27, True)):
    facts, b = same(changed(put("Data/nsamples", np.full(shape, value, "f4"))), "nsamples",
                    ("data",))
    assert facts["nsamples"] == usable and np.all(b["weight"] == (value if usable else 1)), value


def turned(f):
    """Every second row the other way round."""
    h, d = f["Header"], f["Data"]
    a1, a2 = h["ant_1_array"][()], h["ant_2_array"][()]
    rows = np.nonzero((np.arange(n_row) % 2 == 0) & (a1 != a2))[0]
    v = d["visdata"][()]
    a1[rows], a2[rows] = a2[rows], a1[rows].copy()
    v[rows] = np.conj(v[rows])
    h["ant_1_array"][...], h["ant_2_array"][...] = a1, a2
    uvw = h["uvw_array"][()]
    uvw[rows] *= -1
    h["uvw_array"][...] = uvw
    d["visdata"][...] = v


facts, b = same(changed(turned), "rows turned round")
assert np.array_equal(b["uvw"], b0["uvw"])
four = path_of()
write_dsa(four, n_ant=5, n_time=2, n_chan=8, pols=(-5, -7, -8, -6))
plain = u.dump(four)[1][0]


def turned4(f):
    f["Header/ant_1_array"][...], f["Header/ant_2_array"][...] = (
        f["Header/ant_2_array"][()], f["Header/ant_1_array"][()])
    v = f["Data/visdata"][()]
    cross = f["Header/ant_1_array"][()] != f["Header/ant_2_array"][()]
    v[cross] = np.conj(v[cross])[:, :, :, [0, 2, 1, 3]]  # XY and YX change places
    f["Data/visdata"][...] = v


b = u.dump(changed(turned4, four))[1][0]
assert np.array_equal(b["data"], plain["data"]) and u.dump(four)[0]["pol"] == [-5, -6, -7, -8]
# one cross-hand alone: right only where all rows are turned
one = path_of()
write_dsa(one, n_ant=5, n_time=2, n_chan=8, pols=(-7,))
with h5py.File(one, "r+") as f:
    f["Header/ant_1_array"][...], f["Header/ant_2_array"][...] = (
        f["Header/ant_2_array"][()], f["Header/ant_1_array"][()])
assert u.dump(one)[0]["pol"] == [-8]  # autocorrelations turn with the others
b = u.dump(one)[1][0]
with h5py.File(one, "r") as f:
    raw = f["Data/visdata"][:, 0]
assert sorted(b["data"].ravel().tolist(), key=lambda z: (z.real, z.imag)) == sorted(
    np.conj(raw).ravel().tolist(), key=lambda z: (z.real, z.imag))
with h5py.File(one, "r+") as f:
    f["Header/ant_1_array"][1], f["Header/ant_2_array"][1] = 0, 1
mixed = u.outcomes("try", one)[0]
assert mixed["exit"] == 3 and "both directions" in mixed["text"].replace("\n", " "), mixed


# ---- several windows in one file
def windows(f):
    """Channels 0-2 window 4, 3-7 window 9, in turn; written in file order."""
    h = f["Header"]
    for name in ("Nspws", "spw_array"):
        del h[name]
    h["Nspws"], h["spw_array"] = 2, np.array([4, 9])
    h["flex_spw"] = True
    h["flex_spw_id_array"] = np.array([4, 9, 4, 9, 4, 9, 9, 9])


facts, blocks = u.dump(changed(windows))
assert facts["n_sub_band"] == 2
freq = b0["freq"]
# ascending file channels are 7..0: window 4 has file channels 0, 2, 4, window 9 the others
for block, chans in zip(blocks, ([0, 1, 2, 4, 6], [3, 5, 7])):
    assert np.array_equal(block["freq"], freq[chans])
    assert np.array_equal(block["data"], b0["data"][:, chans])
assert blocks[0]["freq"][0] < blocks[1]["freq"][0]
nine = changed(windows)
with h5py.File(nine, "r+") as f:
    del f["Header/flex_spw_id_array"]
text = u.outcomes("try", nine)[0]
assert text["exit"] == 3 and "flex_spw_id_array" in text["text"]


def old_windows(f):
    """(Nblts, Nspws, Nfreqs, Npols) with (Nspws, Nfreqs) frequencies."""
    h, d = f["Header"], f["Data"]
    freq = h["freq_array"][0].reshape(2, 4)
    for name in ("Nspws", "spw_array", "freq_array", "Nfreqs"):
        del h[name]
    h["Nspws"], h["Nfreqs"] = 2, 4
    h["spw_array"], h["freq_array"] = np.array([0, 1]), freq
    for name in ("visdata", "flags", "nsamples"):
        v = d[name][()]
        del d[name]
        d[name] = v.reshape(n_row, 2, 4, 2)


facts, blocks = u.dump(changed(old_windows))
assert [list(b["freq"]) for b in blocks] == [list(freq[:4]), list(freq[4:])]
assert np.array_equal(np.concatenate([b["data"] for b in blocks], axis=1), b0["data"])

# ---- phase centres
facts, _ = u.dump(catalogued(sidereal))
assert facts["kind"] == 1 and facts["ra_rad"] == 0.4262 and facts["dec_rad"] == 0.5787
facts, _ = u.dump(catalogued(sidereal, json_form=True))
assert facts["kind"] == 1 and facts["ra_rad"] == 0.4262 and facts["dec_rad"] == 0.5787
facts, _ = u.dump(catalogued(dict(sidereal, cat_frame="fk5", cat_epoch=2000.0)))
# FK5 and ICRS differ by at most some 25 mas; astropy's own numbers
from astropy.coordinates import FK5, GCRS, ICRS, SkyCoord
from astropy.time import Time
from astropy.utils import iers

iers.conf.auto_download = False
import astropy.units as au
warnings.simplefilter("ignore")
place = SkyCoord(0.4262, 0.5787, unit="rad", frame=FK5(equinox="J2000")).transform_to(ICRS())
assert abs(facts["ra_rad"] - place.ra.rad) < 1e-10 and abs(facts["dec_rad"] - place.dec.rad) < 1e-10
assert 1e-9 < abs(facts["ra_rad"] - 0.4262) < 2e-7
# GCRS of the middle time: aberration, up to 20 arcsec
facts, _ = u.dump(catalogued(dict(sidereal, cat_frame="gcrs")))
mjd = b0["time"].mean() / 86400
place = SkyCoord(0.4262, 0.5787, unit="rad",
                 frame=GCRS(obstime=Time(mjd, format="mjd", scale="utc"))).transform_to(ICRS())
assert abs(facts["ra_rad"] - place.ra.rad) < 5e-9 and abs(facts["dec_rad"] - place.dec.rad) < 5e-9
assert np.hypot(facts["ra_rad"] - 0.4262, facts["dec_rad"] - 0.5787) > 1e-5
moving = dict(sidereal, cat_pm_ra=1000.0, cat_pm_dec=-2000.0, cat_epoch=2000.0)
facts, _ = u.dump(catalogued(moving))
# proper motion in right ascension is dRA/dt: astropy wants it times cos(dec)
star = SkyCoord(0.4262 * au.rad, 0.5787 * au.rad, pm_ra_cosdec=1000 * np.cos(0.5787) * au.mas / au.yr,
                pm_dec=-2000 * au.mas / au.yr, obstime=Time(2000.0, format="jyear", scale="tdb"))
star = star.apply_space_motion(new_obstime=Time(mjd, format="mjd", scale="utc"))
assert abs(facts["ra_rad"] - star.ra.rad) < 1e-10 and abs(facts["dec_rad"] - star.dec.rad) < 1e-10
times = np.unique(b0["time"]) / 86400 + 2400000.5
ephem = dict(sidereal, cat_type="ephem", cat_times=times[[0, 2]], cat_lon=np.array([6.28, 0.0032]),
             cat_lat=np.array([0.1, 0.2]))
facts, _ = u.dump(catalogued(ephem))
assert facts["n_phase"] == 3 and abs(facts["ra_rad"] - 6.28) < 1e-12 and facts["dec_rad"] == 0.1
lat = np.radians(37.2334)
for azimuth, elevation, dec in ((np.pi, 1.2, lat - np.pi / 2 + 1.2), (0.0, 1.2, lat + np.pi / 2 - 1.2),
                                (0.0, np.pi / 2, lat)):
    facts, _ = u.dump(catalogued(dict(sidereal, cat_type="driftscan", cat_frame="altaz",
                                      cat_lon=azimuth, cat_lat=elevation)))
    assert facts["kind"] == 2 and abs(facts["dec_rad"] - dec) < 1e-9, (facts, dec)
facts, _ = u.dump(catalogued(dict(sidereal, cat_type="driftscan", cat_frame="altaz", cat_lon=1.0,
                                  cat_lat=0.9)))
assert facts["kind"] == 1 and facts["n_phase"] == 3
from astropy.coordinates import AltAz, EarthLocation
from astropy.units import rad

site = EarthLocation.from_geodetic(-118.2834, 37.2334, 1188.05)
sky = SkyCoord(AltAz(az=1.0 * rad, alt=0.9 * rad, obstime=Time(times[0], format="jd", scale="utc"),
                     location=site)).transform_to(ICRS())
off = np.hypot((facts["ra_rad"] - sky.ra.rad) * np.cos(sky.dec.rad), facts["dec_rad"] - sky.dec.rad)
assert off < 2e-6, off  # 0.4 arcsec: astropy without recent earth orientation
facts, _ = u.dump(catalogued(dict(sidereal, cat_type="unprojected", cat_frame="altaz",
                                  cat_lon=None, cat_lat=None)))
assert facts["kind"] == 0


def legacy(f):
    h = f["Header"]
    del h["phase_type"], h["phase_center_app_dec"], h["extra_keywords"]
    h["phase_type"] = np.bytes_("phased")
    h["phase_center_ra"], h["phase_center_dec"], h["phase_center_epoch"] = 1.5, -0.3, 2000.0


facts, _ = u.dump(changed(legacy))
assert facts["kind"] == 1 and facts["ra_rad"] == 1.5 and facts["dec_rad"] == -0.3
facts, _ = u.dump(changed(drop("Header/extra_keywords")))
assert facts["kind"] == 0  # the scalar alone does not make it DSA-110's
print("odd forms are taken: types, orders, turned rows, windows, phase centres")

# ---- sets -------------------------------------------------------------------------------
second = path_of()
write_dsa(second, n_ant=5, n_time=3, n_chan=8, i_sub_band=1)


def together(*paths, part=None):
    outcome = u.outcomes("set", *paths)[0]
    if part is None:
        assert outcome["exit"] == 0, outcome
    else:
        assert outcome["exit"] == 3 and part in outcome["text"], outcome
        for path in paths:
            assert path in outcome["text"], outcome["text"]


together(base, second)
together(base, base, part="the same frequency twice")
other = path_of()
write_dsa(other, n_ant=5, n_time=3, n_chan=8, i_sub_band=1, seed=2)
together(base, other, part="two different arrays")
together(base, changed(put("Header/telescope_name", np.bytes_("MWA")), second),
         part="two different arrays")
later = changed(lambda f: f["Header/time_array"].__setitem__(
    slice(None), f["Header/time_array"][()] + 309 / 86400), second)
together(base, later, part="different times")
together(base, changed(edit("Header/polarization_array", slice(None), [-5, -7]), second),
         part="different polarisations")
together(base, changed(put("Header/phase_center_app_dec", 0.29), second),
         part="different phase centres")
together(base, changed(edit("Header/integration_time", slice(None), 10.0), second),
         part="different integration times")
together(base, changed(lambda f: f["Header"].create_dataset("vis_units", data=np.bytes_("Jy")),
                       second), part="different units")
gap = path_of()
write_dsa(gap, n_ant=5, n_time=3, n_chan=8, i_sub_band=7)
together(base, gap)
# names jitter, clocks of files too: a hundredth of an integration is the same time
near = changed(lambda f: f["Header/time_array"].__setitem__(
    slice(None), f["Header/time_array"][()] + 0.1 / 86400), second)
together(base, near)
# a sub-band that lost its last integration keeps its place
short = path_of()
write_dsa(short, n_ant=5, n_time=2, n_chan=8, i_sub_band=1)
together(base, short)
facts, blocks = u.dump(base, short)
assert facts["n_time"] == 3 and [len(b["time"]) for b in blocks] == [30, 45]
assert np.array_equal(blocks[1]["data"], b0["data"])
# and one with an antenna less
few = path_of()
write_dsa(few, n_ant=4, n_time=3, n_chan=8, i_sub_band=1)
facts, blocks = u.dump(few, base)
assert facts["n_baseline"] == 15 and [len(b["time"]) for b in blocks] == [30, 45]
print("sets: what fits is joined, what does not is refused naming both files")
shutil.rmtree(folder)
