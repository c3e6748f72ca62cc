"""Virtual and external datasets, soft and external links: read as HDF5 defines, or named as what they are. ci-test: timeout=300 cost=17

Truth: the image of the same numbers in one plain file."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from header_case import *  # noqa: F403,E402
import header_sim as sim  # noqa: E402
import h5py  # noqa: E402

IMAGE = ("--size", "64", "--cell-arcsec", "20", "--niter", "0", "--calibrated", "--out", "o")


def image(folder, name):
    return run(folder, "image", name, *IMAGE)


def made(folder):
    return fits.getdata(os.path.join(folder, "o.dirty.fits"))


def edited(folder, change):
    """A copy of the good file, changed by change(file)."""
    for name in os.listdir(folder):
        if name not in ("good.uvh5", "o.dirty.fits"):
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    shutil.copy(os.path.join(folder, "good.uvh5"), os.path.join(folder, "x.uvh5"))
    with h5py.File(os.path.join(folder, "x.uvh5"), "r+") as file:
        change(file, folder)
    return image(folder, "x.uvh5")


def moved(file, name, folder, target="other.h5", place="moved"):
    """Moves a dataset or group to another file."""
    with h5py.File(os.path.join(folder, target), "a") as other:
        file.copy(name, other, place)
    del file[name]


def virtual(name, n_source=1, lost=None, gap=False, other_form=None):
    """The dataset as a virtual one of n_source files, along its first axis."""
    def change(file, folder):
        values = file[name][()]
        kind = file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(values.shape, kind)
        edges = np.linspace(0, len(values), n_source + 1).astype(int)
        for k in range(n_source):
            part = values[edges[k]:edges[k + 1]]
            with h5py.File(os.path.join(folder, f"part{k}.h5"), "w") as other:
                other["d"] = part
            if gap and k == 1:
                continue
            layout[edges[k]:edges[k + 1]] = h5py.VirtualSource(f"part{k}.h5", "d", part.shape)
        file.create_virtual_dataset(name, layout)
        if lost is not None:
            os.remove(os.path.join(folder, f"part{lost}.h5"))
            if lost == 1 and other_form == "short":
                with h5py.File(os.path.join(folder, "part1.h5"), "w") as other:
                    other["d"] = values[:3]
            if lost == 2:
                os.mkfifo(os.path.join(folder, "part2.h5"))
    return change


def unwritten(name, plain=False):
    """Half of the chunks were never written: of the dataset itself, or of its virtual source."""
    def change(file, folder):
        values = file[name][()]
        del file[name]
        n, chunks = len(values) // 2, (max(1, len(values) // 6), *values.shape[1:])
        if plain:
            file.create_dataset(name, values.shape, values.dtype, chunks=chunks)[:n] = values[:n]
            return
        with h5py.File(os.path.join(folder, "part0.h5"), "w") as other:
            other.create_dataset("d", values.shape, values.dtype, chunks=chunks)[:n] = values[:n]
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        layout[:] = h5py.VirtualSource("part0.h5", "d", values.shape)[:]
        file.create_virtual_dataset(name, layout)
    return change


def twice_mapped(name):
    """Two sources for the first half, none for the second: as many values as there are."""
    def change(file, folder):
        values = file[name][()]
        del file[name]
        n = len(values) // 2
        layout = h5py.VirtualLayout((2 * n, *values.shape[1:]), values.dtype)
        for k in range(2):
            with h5py.File(os.path.join(folder, f"part{k}.h5"), "w") as other:
                other["d"] = values[:n]
            layout[k:n] = h5py.VirtualSource(f"part{k}.h5", "d", (n, *values.shape[1:]))[k:]
        file.create_virtual_dataset(name, layout)
    return change


def itself(name):
    def change(file, folder):
        values = file[name][()]
        del file[name]
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        layout[:] = h5py.VirtualSource("x.uvh5", name, values.shape)
        file.create_virtual_dataset(name, layout)
    return change


def external(name, keep=1.0, special=None):
    """The dataset's bytes in a plain file beside."""
    def change(file, folder):
        values = file[name][()]
        kind = file[name].dtype
        del file[name]
        raw = os.path.join(folder, "raw.bin")
        data = values.tobytes()
        size = h5py.h5f.UNLIMITED if special == "endless" else len(data)
        file.create_dataset(name, values.shape, kind, external=[("raw.bin", 0, size)])
        if special == "pipe":
            os.mkfifo(raw)
        elif special != "missing":
            with open(raw, "wb") as out:
                out.write(data[:int(keep * len(data))])
    return change


def enumerated(members):
    """Flags as an enumeration of these names; the stored numbers stay."""
    def change(file, folder):
        flags = file["Data/flags"][()].astype("i1")
        del file["Data/flags"]
        file.create_dataset("Data/flags", data=flags, dtype=h5py.enum_dtype(members, basetype="i1"))
    return change


def soft(name, target=None):
    def change(file, folder):
        if target is None:
            file.move(name, "elsewhere")
        else:
            del file[name]
        file[name] = h5py.SoftLink(target or "/elsewhere")
    return change


def link(name, special=None):
    def change(file, folder):
        moved(file, name, folder)
        file[name] = h5py.ExternalLink("other.h5", "/moved" if special != "place" else "/nowhere")
        path = os.path.join(folder, "other.h5")
        if special in ("missing", "pipe", "text"):
            os.remove(path)
        if special == "pipe":
            os.mkfifo(path)
        if special == "text":
            open(path, "w").write("no HDF5")
    return change


READ = {
    "virtual data": virtual("Data/visdata"), "virtual data of three files": virtual("Data/visdata", 3),
    "virtual flags": virtual("Data/flags", 2), "virtual times": virtual("Header/time_array", 2),
    "external data": external("Data/visdata"), "external data to a file's end": external("Data/visdata", special="endless"),
    "flags by an enumeration": enumerated({"FALSE": 0, "TRUE": 1}),
    "external positions": external("Header/antenna_positions"),
    "soft link to data": soft("Data/visdata"), "soft link to the header": soft("Header"),
    "external link to data": link("Data/visdata"), "external link to the header": link("Header"),
    "external link to names": link("Header/antenna_names"),
}
REFUSED = {
    "a virtual source is missing": (virtual("Data/visdata", 3, lost=1), "Data/visdata", "virtual", "part1.h5"),
    "a virtual source is a pipe": (virtual("Data/visdata", 3, lost=2), "Data/visdata", "virtual", "part2.h5"),
    "a virtual source is short": (virtual("Data/visdata", 3, lost=1, other_form="short"), "Data/visdata", "part1.h5", "smaller"),
    "virtual data of a source that was not finished": (unwritten("Data/visdata"), "Data/visdata", "part0.h5", "never written"),
    "virtual positions of a source that was not finished":
        (unwritten("Header/antenna_positions"), "Header/antenna_positions", "part0.h5", "never written"),
    "positions that were not finished": (unwritten("Header/antenna_positions", True), "Header/antenna_positions", "never written"),
    "data that were not finished": (unwritten("Data/visdata", True), "Data/visdata", "never written"),
    "two sources for one half of the data, none for the other": (twice_mapped("Data/visdata"), "Data/visdata", "have no source"),
    "a virtual dataset of itself": (itself("Data/visdata"), "Data/visdata", "virtual", "itself"),
    "a part of a virtual dataset is nowhere": (virtual("Data/visdata", 3, gap=True), "Data/visdata", "virtual"),
    "virtual times are missing": (virtual("Header/time_array", 2, lost=0), "Header/time_array", "virtual", "part0.h5"),
    "external data are missing": (external("Data/visdata", special="missing"), "Data/visdata", "raw.bin"),
    "external data are short": (external("Data/visdata", 0.7), "Data/visdata", "raw.bin"),
    "external data to a file's end are short": (external("Data/visdata", 0.7, "endless"), "Data/visdata", "raw.bin"),
    "external flags to a file's end are short": (external("Data/flags", 0.7, "endless"), "Data/flags", "raw.bin"),
    "flags are an enumeration of other numbers": (enumerated({"TRUE": 0, "FALSE": 1}), "Data/flags", "boolean"),
    "flags are an enumeration of other names": (enumerated({"GOOD": 1, "BAD": 0}), "Data/flags", "boolean"),
    "external data are a pipe": (external("Data/visdata", special="pipe"), "Data/visdata", "raw.bin"),
    "a soft link to nothing": (soft("Data/visdata", "/nowhere"), "Data/visdata", "soft link", "/nowhere"),
    "a soft link to itself": (soft("Data/visdata", "/Data/visdata"), "Data/visdata", "soft link"),
    "an external link to no file": (link("Data/visdata", "missing"), "Data/visdata", "external link", "other.h5"),
    "an external link to a pipe": (link("Data/visdata", "pipe"), "Data/visdata", "external link", "other.h5"),
    "an external link to a text": (link("Data/visdata", "text"), "Data/visdata", "external link", "other.h5"),
    "an external link to no dataset": (link("Data/visdata", "place"), "Data/visdata", "external link", "/nowhere"),
    "a header elsewhere, missing": (link("Header", "missing"), "Header", "external link", "other.h5"),
}

with tempfile.TemporaryDirectory() as scratch:
    sim.make([(150.0, 30.0, 2.0), (150.1, 30.05, 1.0)], sigma=0.1, step_s=60.0).write_uvh5(os.path.join(scratch, "good.uvh5"))
    image(scratch, "good.uvh5")
    truth = made(scratch)
    for what, change in READ.items():
        result = edited(scratch, change)
        check(what, result.returncode == 0 and np.array_equal(made(scratch), truth), own_line(result))
    for what, (change, *words) in REFUSED.items():
        refused(what, edited(scratch, change), "x.uvh5", *words)
end()
