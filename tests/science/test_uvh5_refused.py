# What the reader must refuse, each with one line and its exit code; made with h5py from small
# files. ci-test: timeout=300
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from checks import check, run_tests
import h5py
import numpy as np
from uvh5_files import (add, base, catalogued, changed, drop, edit, folder, n_row, path_of, put,
                        shape, sidereal, u, width)


def check_outcome(path, outcome, parts, code):
    text = outcome.get("text", "")
    check(outcome["exit"] == code, parts, outcome)
    for part in parts:
        check(part in text, repr(part), "not in", text)
    check("\n" not in text, "not one line:", text)
    check(os.path.basename(path) in text, "does not name its file:", text)


def refused(*cases, code=3, env=None):
    """Each case: a path, and the parts that the one line of its refusal has."""
    outcomes = u.outcomes("try", *[case[0] for case in cases], env=env)
    check(len(outcomes) == len(cases), len(outcomes), "outcomes of", len(cases))
    for (path, *parts), outcome in zip(cases, outcomes):
        check_outcome(path, outcome, parts, code)


def header(name, index, value, *parts):
    """A case: one value of a header dataset."""
    return changed(edit(f"Header/{name}", index, value)), f"Header/{name}", *parts


def test_missing_dataset():
    names = ["Nblts", "Nfreqs", "Npols", "Nspws", "Nants_telescope", "latitude", "longitude",
             "altitude", "antenna_numbers", "antenna_names", "antenna_positions", "ant_1_array",
             "ant_2_array", "time_array", "integration_time", "freq_array", "channel_width",
             "spw_array", "polarization_array", "uvw_array"]
    paths = [f"Header/{name}" for name in names]
    paths += [f"Data/{name}" for name in ("visdata", "flags", "nsamples")]
    refused(*[(changed(drop(path)), path, "missing") for path in paths])
    refused((changed(drop("Header")), "no groups /Header"))


def test_shape_of_data():
    for name in ("visdata", "flags", "nsamples"):
        path = f"Data/{name}"
        with h5py.File(base, "r") as f:
            whole = f[path][()]
        refused((changed(put(path, whole[:-1])), path, "44 rows", "45"),
                (changed(put(path, whole[:, :, :-1])), path, "does not fit"),
                (changed(put(path, whole.transpose(0, 1, 3, 2))), path, "axes swapped"),
                (changed(put(path, whole[:, 0].transpose(0, 2, 1))), path, "axes swapped"))


def test_type_of_data():
    mixed = np.zeros(shape, dtype=[("r", "<f4"), ("i", "<f8")])
    half = np.zeros(shape, dtype=[("r", "<i4"), ("i", "<f4")])
    refused((changed(put("Data/visdata", mixed)), "Data/visdata", "not complex"),
            (changed(put("Data/visdata", half)), "Data/visdata", "not complex"),
            (changed(put("Data/visdata", np.zeros(shape, "f4"))), "Data/visdata", "not complex"),
            (changed(put("Data/flags", np.zeros(shape, "f4"))), "Data/flags", "neither"),
            (changed(put("Data/nsamples", np.full(shape, b"x"))), "Data/nsamples", "not numeric"))


def test_shape_of_header():
    refused((changed(put("Header/uvw_array", np.zeros((n_row, 2)))), "Header/uvw_array", "45 x 2"),
            (changed(put("Header/time_array", np.zeros(n_row - 1))), "Header/time_array", "44"),
            (changed(put("Header/antenna_positions", np.zeros((3, 117)))), "antenna_positions", "3 x 117"))


def test_counts():
    refused((changed(put("Header/Nblts", n_row + 10)), "Data/visdata", "not finished"),
            (changed(put("Header/Nblts", -1)), "Header/Nblts", "-1"),
            (changed(put("Header/Nblts", 2 ** 60)), "Header/Nblts"),
            (changed(put("Header/Nfreqs", 8.5)), "Header/Nfreqs", "integer"))


def test_antennas():
    everywhere = np.full((117, 3), 5.0)
    refused(header("ant_1_array", 7, 999, "row 7", "999"),
            header("antenna_numbers", 5, 4, "4 appears twice"),
            header("antenna_positions", (3, 1), np.nan),
            header("antenna_positions", (3, 1), -1e30, "antenna 3: -1e+30 m", "not near the Earth"),
            header("antenna_positions", (3, 1), 1.1e8),
            (changed(put("Header/antenna_positions", everywhere)), "Header/antenna_positions",
             "all antennas with data are at one position", "10 baselines"))


def test_polarisations():
    refused(header("polarization_array", 0, 9, "9"), header("polarization_array", 0, 0, "0"),
            header("polarization_array", 0, -6, "-6 appears twice"))


def second_channel():
    with h5py.File(base, "r") as f:
        return f["Header/freq_array"][0, 1]


def test_frequencies():
    refused(header("freq_array", (0, 2), np.nan, "channel 2"),
            header("freq_array", (0, 2), np.inf, "channel 2"),
            header("freq_array", (0, 2), -1.4e9, "channel 2"),
            header("freq_array", (0, 2), second_channel(), "twice"),
            header("freq_array", (0, 2), 1498.4, "channel 2: 1498.4 Hz", "1e+06 to 1e+13 Hz"),
            header("freq_array", (0, 2), 2e13, "channel 2: 2e+13 Hz"))


def ascending(f):
    f["Header/freq_array"][0] = f["Header/freq_array"][0][::-1]


def test_channel_that_strayed():
    """Into the others, and far from them on both sides; also the first and last, and in an
    ascending file."""
    second = second_channel()
    strayed = ((2, second - 2.4 * width), (2, 1.9001e9), (2, 1e9 + 1), (0, 1.9001e9), (7, 1e9 + 1),
               (7, second - 0.6 * width))
    refused(*[header("freq_array", (0, index), value, f"channel {index}: {value * 1e-6:.6f} MHz", "grid")
              for index, value in strayed])
    refused((changed(edit("Header/freq_array", (0, 3), 1.9001e9), changed(ascending)),
             "channel 3: 1900.100000 MHz"))


def test_channel_widths():
    name = "Header/channel_width"
    refused((changed(put(name, 0.0)), name, "not positive"),
            (changed(put(name, -244e3)), name, "not positive"),
            (changed(put(name, np.full(8, np.nan))), name),
            (changed(put(name, 1e10)), name, "channel 0", "below 0 Hz"))


def test_times():
    refused(header("time_array", 3, np.nan, "row 3"),
            header("time_array", 3, 59625.6, "no Julian date"),
            header("time_array", 3, 2460625.6489, "row 3: 2460625.648900 is 1000 days from the middle"),
            header("time_array", 44, 2459624.5, "row 44", "a day"),
            header("integration_time", 3, 86401, "row 3: 86401 s: more than a day"),
            header("integration_time", 3, np.nan, "row 3"),
            header("integration_time", 3, -1, "row 3"))


def test_optional_entry_that_is_no_text():
    """It must not pass for one that is absent."""
    names = "timesys", "pol_convention", "vis_units", "telescope_frame", "x_orientation", "version"
    refused(*[(changed(add(f"Header/{name}", 5.0)), f"Header/{name}") for name in names])
    refused((changed(add("Header/dut1", np.bytes_("x"))), "Header/dut1"),
            (changed(put("Header/extra_keywords/ha_phase_center", np.bytes_("x"))), "ha_phase_center"))


def chunked_epoch(f):
    del f["Header/extra_keywords/phase_center_epoch"]
    f.create_dataset("Header/extra_keywords/phase_center_epoch", (1,), data=["HADEC"], maxshape=(None,),
                     dtype=h5py.string_dtype())


def test_damaged_text():
    """The epoch says that DSA-110's data are phased to the meridian: h5py writes it of variable
    length, into a heap."""
    for change in (lambda f: None, chunked_epoch):
        heap_damaged(changed(change))


def heap_damaged(path):
    with open(path, "r+b") as f:
        content = f.read()
        at = content.find(b"GCOL")
        check(at > 0 and content.find(b"HADEC", at) > 0)
        f.seek(at)
        f.write(b"XXXX")
    refused((path, "phase_center_epoch", "damaged"))


def test_site():
    refused((changed(put("Header/latitude", 123.0)), "Header/latitude", "123"),
            (changed(add("Header/telescope_frame", np.bytes_("mcmf"))), "telescope_frame", "mcmf"))


def test_window_that_is_not_there():
    refused((changed(add("Header/flex_spw_id_array", np.full(8, 3))), "flex_spw_id_array", "window 3"))


def test_window_with_a_polarisation_of_its_own():
    own = add("Header/flex_spw_polarization_array", np.array([-5])), put("Header/polarization_array", np.array([0, -6]))
    refused((changed(lambda file: [change(file) for change in own]), "flex_spw_polarization_array", "remove_flex_pol"))


def test_phase_centres():
    refused((changed(put("Header/extra_keywords/ha_phase_center", 0.1)), "ha_phase_center", "meridian"),
            (changed(put("Header/phase_center_app_dec", 16.15)), "phase_center_app_dec", "16.15"),
            (catalogued(cat_frame="galactic"), "galactic"),
            (catalogued(cat_frame="fk5", cat_epoch=1975.0), "fk5", "1975"),
            (catalogued(cat_type="near_field"), "near_field"),
            (catalogued(cat_lon=[0.4262, 0.5], cat_lat=[0.5787, 0.6]), "sidereal", "2 values of cat_lon"),
            (catalogued(cat_type="driftscan", cat_lon=[0.1, 0.2], cat_lat=[1.2, 1.3]), "driftscan", "2 values"),
            (catalogued(cat_lat=5.7), "no position"), (catalogued(cat_lon=None), "cat_lon"),
            (changed(edit("Header/phase_center_id_array", 3, 8), catalogued(sidereal)),
             "id 8 is not in phase_center_catalog"))


def test_file_still_written():
    path = os.path.join(folder, "2026-01-25T00:00:10_sb00_incomplete.hdf5")
    shutil.copy(base, path)
    refused((path, "_incomplete", "still being written"))


def test_file_cut_short():
    size, cases = os.path.getsize(base), []
    for n_byte in (0, 7, 100, 2048, size // 2, size - 1):
        path = path_of("short")
        shutil.copy(base, path)
        os.truncate(path, n_byte)
        cases.append((path, "empty file" if n_byte == 0 else "not an HDF5" if n_byte < 8 else ""))
    refused(*cases)


def test_no_file():
    refused((os.path.join(folder, "none.hdf5"),), (folder, "folder"))


def unwritten(f):
    """Rows that were made room for but never written, as after a crash."""
    del f["Data/visdata"]
    v = f["Data"].create_dataset("visdata", shape, dtype="c8", chunks=(8, 1, 8, 2))
    v[:20] = 1


def test_rows_never_written():
    refused((changed(unwritten), "Data/visdata", "never written", "not finished"))


def unknown_filter(f):
    d = f["Data/visdata"][()]
    del f["Data/visdata"]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(d.shape)
    plist.set_filter(32099, h5py.h5z.FLAG_OPTIONAL, ())
    kind = h5py.h5t.py_create(np.dtype("c8"), logical=True)
    dataset = h5py.h5d.create(f["Data"].id, b"visdata", kind, h5py.h5s.create_simple(d.shape), plist)
    dataset.write_direct_chunk((0,) * 4, d.tobytes())


def test_unknown_filter():
    refused((changed(unknown_filter), "Data/visdata", "32099", "plugin"), code=6)


def test_filter_that_is_not_installed():
    if not os.path.isdir(u.data):
        print("no sample data: files of missing filters are not tried")
        return
    paths = [f"{u.data}/synthetic/hera_i4_{name}.uvh5" for name in ("lzf", "bitshuffle_lz4")]
    refused(*[(path, 'install Debian package "bitshuffle"') for path in paths], code=6,
            env={"HDF5_PLUGIN_PRELOAD": "::"})


run_tests(globals())
