"""Small UVH5 files of DSA-110's form, and changed copies of them, in a folder that goes at the
end."""
import json
import os
import shutil

import h5py
import numpy as np
import uvh5_support as u
from checks import scratch
from dsa_file import write_dsa

u.need_driver()
folder = scratch("uvh5")
base = os.path.join(folder, "base.hdf5")
write_dsa(base, n_ant=5, n_time=3, n_chan=8)
with h5py.File(base, "r") as f:
    shape = f["Data/visdata"].shape
    numbers = f["Header/antenna_numbers"][()]
    positions = f["Header/antenna_positions"][()]
n_row = shape[0]
width = 30517.578125 * 8
_counter = 0


def path_of(name="f"):
    global _counter
    _counter += 1
    return os.path.join(folder, f"{name}{_counter}.hdf5")


def written(**words):
    """A new file by write_dsa."""
    path = path_of()
    write_dsa(path, **{"n_ant": 5, "n_time": 3, "n_chan": 8, **words})
    return path


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


def add(name, value):
    return lambda f: f.create_dataset(name, data=value)


def edit(name, index, value):
    def change(f):
        f[name][index] = value
    return change


def drop(name):
    def change(f):
        del f[name]
    return change


sidereal = dict(cat_name="3C48", cat_type="sidereal", cat_frame="icrs", cat_lon=0.4262,
                cat_lat=0.5787, cat_epoch=None, cat_pm_ra=None, cat_times=None)


def catalogued(entry=None, json_form=False, **words):
    """The base file with phase_center_catalog (sidereal, its words changed) instead of DSA-110's
    marks."""
    entry = {**(entry or sidereal), **words}

    def change(f):
        h = f["Header"]
        del h["phase_center_app_dec"], h["phase_type"], h["extra_keywords"]
        h["version"] = np.bytes_("1.2")
        h["Nphase"] = 1
        h["phase_center_id_array"] = np.full(n_row, 7)
        h["phase_center_app_ra"] = np.full(n_row, np.nan)  # not said
        h["phase_center_app_dec"] = np.full(n_row, np.nan)  # not said
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
