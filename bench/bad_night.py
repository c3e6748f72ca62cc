#!/usr/bin/env python3
"""bench/bad_night.py [--stations N] [--sub-bands N] [--channels N] [--seed N,...] [--trouble NAME,...]
[--simulator contimg-sim|python] [--keep DIR]: tiles of
96 stations and 16 sub-bands with unknown gains, bandpasses and delays, noise, a 12.7 Jy calibrator and 80 sources,
made by contimg-sim or by the Python simulator of the tests, each with one of the troubles of docs/simulator.md on top, through `contimg run`. Prints for
each the exit status, rms against the thermal noise of what is left unflagged, the share of flags and the median
flux ratio, and appends it as a line of JSON to bench/results/bad_night.jsonl. Needs h5py and numpy.
The programs are those of build/release, or of $CONTIMG_BUILD."""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
build = os.environ.get("CONTIMG_BUILD", os.path.join(here, "../build/release"))
MINUTE = 60 / 86400


class Tile:
    """What the troubles of one tile have in common: random numbers by antenna and by cell of the band."""

    def __init__(self, names, seed):
        self.random = np.random.default_rng(1000 + seed)
        with h5py.File(names[0]) as f:
            header = f["Header"]
            self.time = np.unique(header["time_array"][:])
            self.antennas = np.unique(header["ant_1_array"][:])
            self.n_antenna = int(max(header["ant_1_array"][:].max(), header["ant_2_array"][:].max())) + 1
            self.n_chan = f["Data/visdata"].shape[-2]
        self.minute = (self.time - self.time[0]) / MINUTE
        self.names = names

    def by_antenna(self, factor):
        """Multiplies data by factor[time][antenna] of antenna 1 and its conjugate of antenna 2."""
        def change(data, row):
            return data * (factor[row.t, row.a] * np.conj(factor[row.t, row.b]))[:, None, None]
        return change

    def cells(self, share, n_time, n_chan):
        """Marks in [time][channel]: blocks of n_time x n_chan, until a share of all is marked."""
        marks = np.zeros((len(self.time), self.n_chan), bool)
        while marks.mean() < share:
            t, c = self.random.integers(len(self.time) - n_time + 1), self.random.integers(self.n_chan - n_chan + 1)
            marks[t:t + n_time, c:c + n_chan] = True
        return marks

    def interference(self, share, n_time, n_chan, jy):
        """On all baselines, of random phase on each."""
        marks = [self.cells(share, n_time, n_chan) for _ in self.names]
        phase = self.random.uniform(0, 2 * np.pi, (self.n_antenna, self.n_antenna))

        def change(data, row):
            add = jy * row.unit * np.exp(1j * phase[row.a, row.b])[:, None] * marks[row.i_file][row.t]
            return data + add[:, :, None]
        return change

    def bursts(self):
        return self.interference(0.02, 1, 3, 6000)

    def weak(self):
        return self.interference(0.04, 3, 4, 3)

    def turning(self):
        rate = self.random.uniform(-1, 1, self.n_antenna)
        return self.by_antenna(np.exp(1j * self.minute[:, None] * rate))

    def walking(self):
        step = np.sqrt(np.diff(self.minute, prepend=self.minute[0]))[:, None]
        walk = np.cumsum(0.5 * step * self.random.normal(size=(len(self.time), self.n_antenna)), axis=0)
        return self.by_antenna(np.exp(1j * walk))

    def jump(self):
        factor = np.ones((len(self.time), self.n_antenna))
        factor[len(self.time) // 2 - 1:, ::6] = 1.3
        return self.by_antenna(factor)

    def without_signal(self):
        """Marks [time][antenna]: two antennas from mid tile on, a third in the first third."""
        marks, those = np.zeros((2, len(self.time), self.n_antenna), bool), self.antennas
        marks[0, len(self.time) // 2:, those[[len(those) // 4, len(those) // 2]]] = True
        marks[1, :len(self.time) // 3, those[-3]] = True
        return marks

    def lost(self):
        """A thousandth of the signal is left of the two, of the third the noise of its receivers."""
        quiet, noisy = self.without_signal()

        def change(data, row):
            noise = 4.7 * row.unit * self.random.normal(size=(2, *data.shape))
            is_noise = (noisy[row.t, row.a] | noisy[row.t, row.b]) & (row.a != row.b)
            data = np.where(is_noise[:, None, None], noise[0] + 1j * noise[1], data)
            return data * np.where(quiet, 1e-3, 1.0)[row.t, row.a, None, None] * np.where(quiet, 1e-3, 1.0)[row.t, row.b, None, None]
        return change

    def hole(self):
        def change(data, row):
            mine = (row.a == self.n_antenna // 3) | (row.b == self.n_antenna // 3)
            if row.i_file == 5:
                data[np.flatnonzero(mine)[:, None], 4:8] *= 0.02
            return data
        return change

    def scrambled(self):
        def change(data, row):
            if row.i_file == 5:
                data = data * np.exp(1j * self.random.uniform(0, 2 * np.pi, data.shape[:2]))[:, :, None]
            return data
        return change

    def all_bad(self):
        """Nothing but noise: to be refused."""
        def change(data, row):
            return (np.abs(data) * np.exp(1j * self.random.uniform(0, 2 * np.pi, data.shape))).astype(data.dtype)
        return change

    def rows(self, f, i_file):
        header = f["Header"]
        row = argparse.Namespace(i_file=i_file, a=header["ant_1_array"][:], b=header["ant_2_array"][:],
                                 t=np.searchsorted(self.time, header["time_array"][:] - 1e-7))
        row.unit = 0.02  # contimg-sim's --raw-scale
        return row

    def spoil(self, changes):
        for i, name in enumerate(self.names):
            with h5py.File(name, "r+") as f:
                row, stored = self.rows(f, i), f["Data/visdata"]
                data, shape = stored[:], stored.shape
                is_pair = data.dtype.names is not None
                values = data["r"] + 1j * data["i"] if is_pair else data
                values = values.reshape(len(row.a), shape[-2], shape[-1])
                for change in changes:
                    values = change(values, row)
                values = values.reshape(shape).astype(np.complex64)
                if is_pair:
                    data["r"], data["i"] = values.real, values.imag
                else:
                    data = values
                stored[...] = data


# options of the simulator, and what is done to the files
TROUBLES = {
    "none": ([], []),
    "bursts": ([], ["bursts"]),
    "weak": ([], ["weak"]),
    "turning": ([], ["turning"]),
    "walking": ([], ["walking"]),
    "jump": ([], ["jump"]),
    "lost": ([], ["lost"]),
    "hole": ([], ["hole"]),
    "scrambled": ([], ["scrambled"]),
    "dead": (["--dead", 5, "--dead-pol", 4], []),
    "bursts+walking+dead": (["--dead", 5, "--dead-pol", 4], ["walking", "bursts"]),
    "weak+turning+jump": ([], ["turning", "jump", "weak"]),
    "scrambled+hole+dead": (["--dead", 5], ["hole", "scrambled"]),
    "all_bad": ([], ["all_bad"]),
}


def simulate(folder, args, seed, options):
    # As many channels of 244 kHz in each sub-band as asked for, 16 sub-bands.
    what = ["--stations", args.stations, "--sub-bands", args.sub_bands, "--channels", args.channels, "--dec", 33, "--seed", seed, "--calibrator", 12.7,
            "--random", 80, "--radius", 0.5, "--isolated", 100, "--min-flux", 0.02, "--max-flux", 0.3,
            "--gain-phase", "random", "--gain-amp-rms", 0.2, "--bandpass-ripple", 0.05, "--delay-ns", 100, "--units", "raw"]
    command = ["mpirun", "-n", "2", f"{build}/bin/contimg-sim", "--out", folder] + what + options
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)


def simulate_python(folder, args, seed, options):
    """The same by tests/science/sim_tile.py, which shares nothing with contimg-sim; needs astropy and scipy."""
    for part in ("science", "support"):
        sys.path.append(os.path.join(here, "../tests", part))
    import sim_support
    import sim_tile
    sim_support.use_earth_orientation()
    given = dict(zip(options[::2], options[1::2]))
    active = sim_tile.reference.dsa110(active_only=True)
    n = int(args.stations)
    array = sim_tile.reference.Array(active.numbers[:n], active.ecef[:n], active.site)
    os.makedirs(folder)
    sim_tile.write_tile(folder, sim_tile.TileSky(array, seed), args.sub_bands, args.channels, (given.get("--dead", 0), given.get("--dead-pol", 0)))


def clean_copy(folder, data, args, seed, options):
    """A copy in data of what the simulator makes; made once for all troubles of a seed with the same options."""
    shutil.rmtree(data, ignore_errors=True)
    clean = f"{folder}/clean/" + "-".join(str(c).strip("-") for c in [seed, *options])
    if not os.path.isdir(clean):
        (simulate_python if args.simulator == "python" else simulate)(clean, args, int(seed), options)
    shutil.copytree(clean, data)


def image(folder, data, args):
    """Runs contimg; gives its exit status and the tile's entry of the report."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONTIMG_")}
    for key, name in (("INPUT", data), ("OUTPUT", "staging"), ("STATE", "state"), ("PRODUCTS", "products")):
        env[f"CONTIMG_{key}_DIR"] = os.path.join(folder, name)
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    env["CONTIMG_EXPECTED_SUBBANDS"] = env["CONTIMG_MIN_SUBBANDS"] = str(args.sub_bands)
    files = sorted(glob.glob(f"{data}/*.hdf5"))
    command = ["mpirun", "-n", str(args.ranks), f"{build}/bin/contimg", "run", *files, "--model",
               f"{data}/truth-catalogue.csv", "--size", str(args.size)]
    start = time.time()
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    with open(f"{folder}/log", "w") as f:
        f.write(done.stdout + done.stderr)
    return done, time.time() - start


def judge(folder, data, done, seconds):
    line = {"exit": done.returncode, "seconds": seconds}
    reports = sorted(glob.glob(f"{folder}/state/reports/*/report.json"))
    sources = sorted(glob.glob(f"{folder}/**/sources.csv", recursive=True))
    if done.returncode != 0:
        line["why"] = [t for t in done.stderr.splitlines() if "ERROR" in t or "WARN" in t][-1:]
    if not reports or not sources:
        return line
    compared = f"{folder}/compared.jsonl"
    subprocess.run([f"{build}/bin/contimg-compare", "--product", os.path.dirname(sources[0]), "--truth", f"{data}/truth.csv",
                    "--report", reports[-1], "--least", "20", "--append", compared], stdout=subprocess.DEVNULL)
    with open(compared) as f:
        found = json.load(f)
    for tile in found["tiles"][:1]:
        line.update(state=tile["state"], rms_over_thermal=tile["rms_jy"] / tile["thermal_jy"], thermal_jy=tile["thermal_jy"])
    line.update(version=found["version"], median_ratio=found["found_against_true"]["median_ratio"],
                n_found=found["found_against_true"]["n_bright_found"], n_bright=found["found_against_true"]["n_bright"],
                n_false=found["found_against_true"]["n_false"])
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", default="96")
    parser.add_argument("--sub-bands", type=int, default=16, help="fewer: a quick look [16]")
    parser.add_argument("--channels", type=int, default=16, help="of each sub-band [16]")
    parser.add_argument("--seed", default="1", help="one or more [1]")
    parser.add_argument("--trouble", default=",".join(TROUBLES), help="one or more [all]")
    parser.add_argument("--simulator", choices=("contimg-sim", "python"), default="contimg-sim",
                        help="python: numpy and astropy alone, of tests/science [contimg-sim]")
    parser.add_argument("--size", type=int, default=1280, help="of the image, pixels [1280]")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--keep", help="folder that stays, in place of a temporary one")
    args = parser.parse_args()
    folder = args.keep or tempfile.mkdtemp()
    os.makedirs(f"{here}/results", exist_ok=True)
    for seed in args.seed.split(","):
        shutil.rmtree(f"{folder}/clean", ignore_errors=True)
        for name in args.trouble.split(","):
            if name not in TROUBLES:
                sys.exit(f"--trouble {name}: known are {', '.join(TROUBLES)}")
            options, changes = TROUBLES[name]
            data = f"{folder}/data"
            clean_copy(folder, data, args, seed, options)
            for part in ("staging", "state", "products", "compared.jsonl"):
                path = f"{folder}/{part}"
                shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
            tile = Tile(sorted(glob.glob(f"{data}/*.hdf5")), int(seed))
            tile.spoil([getattr(tile, change)() for change in changes])
            line = {"trouble": name, "seed": int(seed), "stations": args.stations, "sub_bands": args.sub_bands, "channels": args.channels,
                    "simulator": args.simulator}
            line.update(judge(folder, data, *image(folder, data, args)))
            print(f"{name:22} seed {seed}: exit {line['exit']}, {line.get('state', 'no image')}, rms/thermal "
                  f"{line.get('rms_over_thermal') or float('nan'):.3f}, flux x {line.get('median_ratio') or float('nan'):.4f}, "
                  f"{line.get('n_found')} of {line.get('n_bright')} found, {line.get('n_false')} false {line.get('why', '')}",
                  flush=True)
            with open(f"{here}/results/bad_night.jsonl", "a") as f:
                f.write(json.dumps(line) + "\n")
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
