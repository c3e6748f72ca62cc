# The forms that the reader must take: types, orders, turned rows, odd values with a warning,
# several windows; made with h5py from small files. ci-test: timeout=300
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from checks import check, run_tests
import h5py
import numpy as np
from uvh5_files import (add, base, changed, drop, edit, n_row, numbers, positions, put, shape, u,
                        width, written)

facts0, (b0, *_) = u.dump(base)
freq = b0["freq"]
f1 = np.array(freq[::-1])  # as in the file
with h5py.File(base, "r") as f:
    v0 = f["Data/visdata"][()]
CANONICAL = ("ant1", "ant2", "freq", "width", "time", "data", "flags", "weight")


def same(path, what, names=CANONICAL):
    """The file reads as the base file does."""
    facts, blocks = u.dump(path)
    for name in names:
        check(np.array_equal(blocks[0][name], b0[name]), what, name)
    return facts, blocks[0]


def test_base():
    check(facts0["kind"] == 2, facts0)
    check(np.all(b0["weight"] == 96))


# ---- types and shapes

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


def test_flag_types():
    want = u.dump(changed(edit("Data/flags", 5, True)))[1][0]["flags"]
    check(want.sum() == 16, want.sum())
    row_5 = (np.arange(n_row) == 5)[:, None, None, None]
    for what, change in (("4-byte enum", c_enum),
                         ("uint8", put("Data/flags", row_5 * np.ones(shape, dtype="u1"))),
                         ("int64", put("Data/flags", row_5 * np.full(shape, -256, dtype="i8")))):
        check(np.array_equal(u.dump(changed(change))[1][0]["flags"], want), what)


def test_data_types():
    same(changed(put("Data/visdata", v0[:, 0])), "3-D visibilities beside 4-D flags")
    same(changed(put("Data/visdata", v0.astype("c16"))), "complex128")
    same(changed(put("Data/visdata", v0.astype(">c8"))), "big-endian")


def test_chunks_and_filters():
    same(changed(put("Data/visdata", v0, chunks=(7, 1, 3, 2))), "odd chunks")
    same(changed(put("Data/visdata", v0, chunks=(7, 1, 3, 2), compression="gzip", shuffle=True,
                     fletcher32=True)), "gzip, shuffle, checksum")


def test_header_types():
    same(changed(put("Header/integration_time", float(b0["interval"][0]))), "scalar integration_time")
    same(changed(put("Header/antenna_numbers", numbers.astype(">i2"))), ">i2 antenna numbers")
    same(changed(put("Header/antenna_names", [f"π{i}" for i in range(117)],
                     dtype=h5py.string_dtype())), "variable-length UTF-8 names")
    same(changed(put("Header/freq_array", f1)), "1-D frequencies")


def test_year_as_epoch():
    """What others have as extra keyword of this name."""
    check(u.dump(changed(put("Header/extra_keywords/phase_center_epoch", 2000.0)))[0]["kind"] == 0)


def test_versions():
    for version, more in (("1.2", ()), ("1.10", ("version 1.10",)), ("1.3", ("version 1.3",)), ("2", ("version 2",))):
        is_odd(add("Header/version", np.bytes_(version)), *more)


def test_header_without_what_is_not_needed():
    same(changed(drop("Header/history")), "no history")
    same(changed(put("Header/object_name", h5py.Empty("f4"))), "null object_name")
    same(changed(add("Header/dut1", h5py.Empty("f4"))), "null dut1")


# ---- odd values

def is_odd(change, *parts):
    """Taken, with one more warning that has the parts; no parts: with none more."""
    found, plain = u.outcomes("try", changed(change), base)
    if not check(found["exit"] == 0, found):
        return
    more = [text for text in found["odd"] if text not in plain["odd"] and "uvw" not in text]
    if parts:
        check(any(all(part in text for part in parts) for text in more), parts, more)
    else:
        check(not more, more)


def test_wrong_number_of_baselines():
    same(changed(put("Header/Nbls", n_row)), "wrong Nbls")
    is_odd(put("Header/Nbls", n_row), "Nbls", "45", "15")


def test_two_antennas_in_one_place():
    is_odd(edit("Header/antenna_positions", 3, positions[1]), "antennas 1 and 3", "1 of 10 baselines")


def test_odd_times():
    slow = put("Header/integration_time", 3601.0), put("Header/time_array", np.repeat(2459625.5 + np.array([0, 0.1, 0.2]), 15))
    is_odd(lambda file: [change(file) for change in slow], "integration_time", "3601 s: more than an hour")
    is_odd(put("Header/time_array", np.repeat(2459625.5 + np.array([0, 0.5, 1]), 15)))


def test_channel_off_its_grid():
    for index, value in ((3, f1[3] + 0.3 * width), (7, f1[7] - 0.5 * width), (0, f1[0] + 3.5 * width)):
        moved = f1.copy()
        moved[index] = value
        is_odd(put("Header/freq_array", moved), "freq_array", f"channel {index}:", "grid")


def test_legal_grids():
    """Steps of whole channels, channels narrower than their steps, two grids, uneven ones."""
    for legal in (f1[0] - width * np.array([0, 1, 2, 3, 4, 5, 6, 3000]),
                  f1[0] - width * np.array([0, 1, 2, 3, 40.5, 41.5, 42.5, 43.5]),
                  f1[0] - 1.37 * width * np.array([0, 1, 2, 3, 4, 5, 6, 7.4]),
                  f1[0] - width * np.array([0, 1, 2.2, 3.6, 5.2, 7, 9, 11.3])):
        is_odd(put("Header/freq_array", legal))


def ragged(f):
    """The last channel is wider, and far: it says so itself."""
    put("Header/freq_array", np.append(f1[:7], 1e9))(f)
    put("Header/channel_width", np.append(np.full(7, width), 3 * width))(f)


def test_one_wide_channel_far_away():
    is_odd(ragged)


def only_autos(f):
    """One dish at a time, all of them at one place."""
    f["Header/ant_2_array"][...] = f["Header/ant_1_array"][()]
    f["Header/antenna_positions"][...] = 0


def test_only_autocorrelations():
    outcome = u.outcomes("try", changed(only_autos))[0]
    check(outcome["exit"] == 0, outcome)


def test_data_that_are_no_numbers():
    """Zeroed, and flagged with their own reason."""
    nan = v0.copy()
    nan[4, 0, 2, 1] = np.nan + 1j
    nan[5, 0, 3, 0] = 1 - 1j * np.inf
    nan[6, 0, 1, 0] = 0
    b = u.dump(changed(put("Data/visdata", nan)))[1][0]
    check((b["flags"] == 2).sum() == 2, "not finite")
    check((b["flags"] == 4).sum() == 1, "zero")
    check(np.all(np.isfinite(b["data"])))
    check(np.all(b["data"][b["flags"] != 0] == 0))


def test_weights():
    for value, usable in ((0, False), (-3, False), (np.nan, False), (1e12, False), (27, True)):
        path = changed(put("Data/nsamples", np.full(shape, value, "f4")))
        facts, b = same(path, "nsamples", ("data",))
        check(facts["nsamples"] == usable, value, facts)
        check(np.all(b["weight"] == (value if usable else 1)), value)


def test_no_samples_are_no_data():
    """Where most of nsamples have sense, the others are flagged as the file's own flags are."""
    counts = np.full(shape, 96, "f4")
    counts[4, 0, 2, 1], counts[5, 0, 3, 0], counts[6, 0, 1, 1] = 0, -1, np.nan
    b = u.dump(changed(put("Data/nsamples", counts)))[1][0]
    check(np.array_equal(b["flags"] == 1, b["weight"] == 0))
    check((b["weight"] == 0).sum() == 3 and (b["weight"] == 96).sum() == counts.size - 3)


# ---- rows in the other direction

def turned(f):
    """Every second row in the other direction."""
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


def test_reversed_rows():
    facts, b = same(changed(turned), "reversed rows")
    check(np.array_equal(b["uvw"], b0["uvw"]))


def swap_antennas(f):
    f["Header/ant_1_array"][...], f["Header/ant_2_array"][...] = (
        f["Header/ant_2_array"][()], f["Header/ant_1_array"][()])


def turned4(f):
    swap_antennas(f)
    v = f["Data/visdata"][()]
    cross = f["Header/ant_1_array"][()] != f["Header/ant_2_array"][()]
    v[cross] = np.conj(v[cross])[:, :, :, [0, 2, 1, 3]]  # XY and YX change places
    f["Data/visdata"][...] = v


def test_reversed_rows_of_four_polarisations():
    four = written(n_time=2, pols=(-5, -7, -8, -6))
    plain = u.dump(four)[1][0]
    b = u.dump(changed(turned4, four))[1][0]
    check(np.array_equal(b["data"], plain["data"]))
    check(u.dump(four)[0]["pol"] == [-5, -6, -7, -8])


def ordered(values):
    return sorted(values.ravel().tolist(), key=lambda z: (z.real, z.imag))


def test_one_cross_hand_alone():
    """Right only where all rows are reversed; autocorrelations turn with the others."""
    one = changed(swap_antennas, written(n_time=2, pols=(-7,)))
    check(u.dump(one)[0]["pol"] == [-8])
    b = u.dump(one)[1][0]
    with h5py.File(one, "r") as f:
        raw = f["Data/visdata"][:, 0]
    check(ordered(b["data"]) == ordered(np.conj(raw)))
    with h5py.File(one, "r+") as f:
        f["Header/ant_1_array"][1], f["Header/ant_2_array"][1] = 0, 1
    mixed = u.outcomes("try", one)[0]
    check(mixed["exit"] == 3 and "both directions" in mixed["text"], mixed)


# ---- several windows in one file

def windows(f):
    """Channels 0-2 window 4, 3-7 window 9, in turn; written in file order."""
    h = f["Header"]
    for name in ("Nspws", "spw_array"):
        del h[name]
    h["Nspws"], h["spw_array"] = 2, np.array([4, 9])
    h["flex_spw"] = True
    h["flex_spw_id_array"] = np.array([4, 9, 4, 9, 4, 9, 9, 9])


def test_windows():
    facts, blocks = u.dump(changed(windows))
    check(facts["n_sub_band"] == 2, facts)
    # ascending file channels are 7..0: window 4 has file channels 0, 2, 4, window 9 the others
    for block, chans in zip(blocks, ([0, 1, 2, 4, 6], [3, 5, 7])):
        check(np.array_equal(block["freq"], freq[chans]), chans)
        check(np.array_equal(block["data"], b0["data"][:, chans]), chans)
    check(blocks[0]["freq"][0] < blocks[1]["freq"][0])


def test_windows_without_their_channels():
    found = u.outcomes("try", changed(drop("Header/flex_spw_id_array"), changed(windows)))[0]
    check(found["exit"] == 3 and "flex_spw_id_array" in found["text"], found)


def old_windows(f):
    """(Nblts, Nspws, Nfreqs, Npols) with (Nspws, Nfreqs) frequencies."""
    h, d = f["Header"], f["Data"]
    by_window = h["freq_array"][0].reshape(2, 4)
    for name in ("Nspws", "spw_array", "freq_array", "Nfreqs"):
        del h[name]
    h["Nspws"], h["Nfreqs"] = 2, 4
    h["spw_array"], h["freq_array"] = np.array([0, 1]), by_window
    for name in ("visdata", "flags", "nsamples"):
        v = d[name][()]
        del d[name]
        d[name] = v.reshape(n_row, 2, 4, 2)


def test_old_windows():
    facts, blocks = u.dump(changed(old_windows))
    check([list(b["freq"]) for b in blocks] == [list(freq[:4]), list(freq[4:])])
    check(np.array_equal(np.concatenate([b["data"] for b in blocks], axis=1), b0["data"]))


run_tests(globals())
