# ci-test: timeout=400 cost=16
"""contimg-sim's files are DSA-110's: the real size to the byte, and the structure that the
real writer's calls give when h5py replays them."""
import os
import shutil
import warnings

import h5py
import numpy as np

from checks import check
import sim_support as sim

FULL_SIZE = 145348600  # of each sub-band of 210 real dumps


def replay(path, n_antenna, n_time, n_chan):
    """The calls of the DSA-110 writer, in its order."""
    n_bl = n_antenna * (n_antenna + 1) // 2
    with h5py.File(path, "w") as f:
        h, d = f.create_group("Header"), f.create_group("Data")
        h["latitude"], h["longitude"], h["altitude"] = 37.2, -118.3, 1188.0
        h["telescope_name"], h["instrument"] = np.bytes_("OVRO_MMA"), np.bytes_("DSA")
        h["object_name"], h["history"] = np.bytes_("search"), np.bytes_("written by")
        h["phase_type"], h["phase_center_app_dec"] = np.bytes_("drift"), 0.28
        h["Nants_data"], h["Nants_telescope"] = n_antenna, 117
        h["antenna_diameters"] = np.ones(117) * 4.65
        for name in ("ant_1_array", "ant_2_array"):
            h.create_dataset(name, (0,), maxshape=(None,), dtype=int, chunks=True)
        h.create_dataset("antenna_names", (117,), "S4",
                         data=np.array([str(i + 1) for i in range(117)], dtype="S4"))
        h["antenna_numbers"] = np.arange(117)
        h["Nbls"], h["Nblts"], h["Nfreqs"] = n_bl, 0, n_chan
        h["Npols"], h["Ntimes"], h["Nspws"] = 2, 0, 1
        h.create_dataset("uvw_array", (0, 3), maxshape=(None, 3), dtype=np.float32, chunks=True)
        h.create_dataset("time_array", (0,), maxshape=(None,), dtype=float, chunks=True)
        h.create_dataset("integration_time", (0,), maxshape=(None,), dtype=float, chunks=True)
        h["freq_array"], h["channel_width"] = np.arange(float(n_chan))[None], 1.0
        h["spw_array"], h["polarization_array"] = np.array([1]), np.array([-5, -6])
        h["antenna_positions"] = np.zeros((117, 3))
        e = h.create_group("extra_keywords")
        e["phase_center_dec"], e["ha_phase_center"] = 0.28, 0.0
        e["phase_center_epoch"] = "HADEC"
        e["fs_table"] = np.bytes_("table.npz")
        e["applied_delays_ns"] = np.bytes_(" ".join(["3000"] * 234))
        for name, kind in (("visdata", np.complex64), ("flags", bool), ("nsamples", np.float32)):
            d.create_dataset(name, (0, 1, n_chan, 2), maxshape=(None, 1, n_chan, 2), dtype=kind,
                             chunks=True)
        for k in range(n_time):
            for group, names in ((h, ("time_array", "integration_time", "uvw_array", "ant_1_array",
                                      "ant_2_array")), (d, ("visdata", "flags", "nsamples"))):
                for name in names:
                    group[name].resize((k + 1) * n_bl, axis=0)
            h["Nblts"][()] = (k + 1) * n_bl
            h["Ntimes"][()] = k + 1


def structure(path):
    """[(name, type, shape, limits, chunks, filters, attributes)], sorted."""
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Group):
            found.append((name, "group", sorted(item.attrs)))
            return
        kind = item.id.get_type()
        text = (kind.get_class(), kind.get_size())
        if kind.get_class() == h5py.h5t.STRING:
            is_variable = kind.is_variable_str()
            free = name in ("Header/history", "Header/extra_keywords/fs_table")
            text = ("string", is_variable, None if is_variable or free else kind.get_size(),
                    kind.get_strpad(), kind.get_cset())
        elif kind.get_class() == h5py.h5t.COMPOUND:
            text = [(kind.get_member_name(i), kind.get_member_offset(i),
                     kind.get_member_type(i) == h5py.h5t.IEEE_F32LE) for i in range(kind.get_nmembers())]
        elif kind.get_class() == h5py.h5t.ENUM:
            text = ("enum", kind.get_size(), kind.enum_nameof(0), kind.enum_nameof(1))
        elif kind.get_class() == h5py.h5t.INTEGER:
            text += (kind.get_order(), kind.get_sign())
        elif kind.get_class() == h5py.h5t.FLOAT:
            text += (kind.get_order(),)
        plist = item.id.get_create_plist()
        found.append((name, text, item.shape, item.maxshape, item.chunks, plist.get_nfilters(),
                      sorted(item.attrs)))

    with h5py.File(path, "r") as f:
        f.visititems(visit)
    return sorted(found)


def order(path):
    """Names in the order in which contiguous data lie, which is that of creation."""
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.chunks is None and item.id.get_storage_size() < 1000:
            found.append((item.id.get_offset(), name))

    with h5py.File(path, "r") as f:
        f.visititems(visit)
    return [name for _, name in sorted(found)]


def compare(path, other):
    mine, theirs = structure(path), structure(other)
    for a, b in zip(mine, theirs):
        check(a == b, f"contimg-sim {a}\nwriter      {b}")
    check(len(mine) == len(theirs))
    return len(mine)


# A full sub-band, without sky: size, types, chunks.
folder, _ = sim.simulate("--sub-bands", "3")
names = sim.files_of(folder)
check([os.path.basename(n) for n in names] == [f"2026-01-25T00:00:10_sb{k:02d}.hdf5" for k in range(3)])
for name in names:
    check(os.path.getsize(name) == FULL_SIZE, name, os.path.getsize(name))
with h5py.File(names[0], "r") as f:
    chunks = {n: f["Data"][n].chunks for n in f["Data"]}
    check(chunks == {"visdata": (128, 1, 12, 1), "flags": (256, 1, 24, 1),
                      "nsamples": (256, 1, 12, 1)}, chunks)
    check(f["Header/uvw_array"].chunks == (512, 3) and f["Header/ant_1_array"].chunks == (1024,))
    freq = f["Header/freq_array"][0]
    check(abs(freq[0] - 1498.643188e6) < 1 and abs(freq[-1] - 1487.168579e6) < 1)
    check(f["Header/integration_time"][0] == 12.884902000427246)
    check((f["Data/nsamples"][::1000] == 96).all() and not f["Data/flags"][::1000].any())
    check(f["Header/Nblts"][()] == 24 * 4656 == f["Header/ant_1_array"].shape[0])
    time = f["Header/time_array"][::4656]
    check(np.allclose(np.diff(time) * 86400, 12.884901888, atol=1e-4))
    check(f["Header/Nants_data"][()] == 96)
    active = {int(a) + 1 for a in np.unique(f["Header/ant_1_array"][:4656])}
    check(active == set(range(1, 117)) - {10, 21, 22, 23} - set(range(52, 68)), active)
    # triangle order over the correlator's list
    ant1, ant2 = f["Header/ant_1_array"][:6], f["Header/ant_2_array"][:6]
    o = [ant1[0], ant2[1], ant2[3]]
    check(list(ant1) == [o[0], o[0], o[1], o[0], o[1], o[2]])
    check(list(ant2) == [o[0], o[1], o[1], o[2], o[2], o[2]])
print("full sub-band:", FULL_SIZE, "bytes, chunks", chunks)

other = os.path.join(folder, "replay.h5")
replay(other, 96, 24, 48)
print("full size:", compare(names[1], other), "objects alike")
if h5py.version.hdf5_version_tuple < (1, 13):
    check(os.path.getsize(other) == FULL_SIZE)
shutil.rmtree(folder)

# Other sizes: the chunk rule holds too.
for n_ant, n_time, n_chan in ((12, 4, 48), (30, 3, 16), (5, 2, 384), (3, 1, 1)):
    folder, _ = sim.simulate("--stations", n_ant, "--sub-bands", 1, "--integrations", n_time,
                             "--channels", n_chan, "--fine", 1 if n_chan > 48 else 8)
    other = os.path.join(folder, "replay.h5")
    replay(other, n_ant, n_time, n_chan)
    n = compare(sim.files_of(folder)[0], other)
    check(order(sim.files_of(folder)[0]) == order(other))
    print(f"{n_ant} antennas, {n_time} integrations, {n_chan} channels: {n} objects alike, same order")
    shutil.rmtree(folder)

# The order of datasets in a DSA-110 file, where one is available.
data = os.environ.get("CONTIMG_TEST_DATA", os.path.join(sim.source, "../shared/data"))
sample = os.path.join(data, "synthetic/dsa110_like/2022-02-15T03:34:30_sb00.hdf5")
folder, _ = sim.simulate("--stations", 12, "--sub-bands", 1, "--integrations", 4, "--ref-mjd", 59625)
mine = sim.files_of(folder)[0]
if os.path.exists(sample):
    with h5py.File(sample, "r") as f, h5py.File(mine, "r") as g:
        check(sorted(f["Header"]) == sorted(g["Header"]))
        check(sorted(f["Header/extra_keywords"]) == sorted(g["Header/extra_keywords"]))
        for name in ("Data/visdata", "Data/flags", "Data/nsamples", "Header/uvw_array",
                     "Header/time_array", "Header/latitude"):
            # what depends on the version of h5py, as the real writer's had it
            a, b = (x[name].id.get_create_plist().get_fill_time() for x in (f, g))
            check(a == b, name, a, b)
        difference = np.abs(f["Header/antenna_positions"][()] - g["Header/antenna_positions"][()]).max()
        print(f"sample: same names; antenna positions differ by {difference:.2e} m at most")
else:
    print("no sample file: part skipped")

# pyuvdata reads it as it reads the real ones.
from pyuvdata import UVData
uv = UVData()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    uv.read(mine, file_type="uvh5", run_check=False)
check(uv.data_array.shape == (4 * 78, 48, 2) and list(uv.polarization_array) == [-5, -6])
with h5py.File(mine, "r") as f:
    check(np.array_equal(uv.data_array.squeeze(), f["Data/visdata"][:, 0]))
    ant1, ant2, uvw = f["Header/ant_1_array"][:78], f["Header/ant_2_array"][:78], f["Header/uvw_array"][:78]
    position, dec = f["Header/antenna_positions"][()], f["Header/phase_center_app_dec"][()]
    longitude = np.radians(f["Header/longitude"][()])
b = position[ant2] - position[ant1]
s0 = np.array([np.cos(dec) * np.cos(longitude), np.cos(dec) * np.sin(longitude), np.sin(dec)])
check(np.abs(b @ s0 - uvw[:, 2]).max() < 1e-3)
check(np.abs(np.linalg.norm(b, axis=1) - np.linalg.norm(uvw, axis=1)).max() < 1e-3)
print("pyuvdata reads it; stored uvw fit the positions")
shutil.rmtree(folder)
