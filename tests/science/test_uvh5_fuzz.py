# Damaged files end with a status and a line, never with a crash: bytes flipped, runs blanked,
# cut. Most worth running with the asan preset. CONTIMG_TEST_FUZZ sets the number of files.
# ci-test: timeout=600
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import numpy as np
from checks import check, scratch
import uvh5_support as u
from dsa_file import write_dsa

u.need_driver()
n_file = int(os.environ.get("CONTIMG_TEST_FUZZ", "300"))
folder = scratch("fuzz")
bases = [os.path.join(folder, "base.hdf5")]
write_dsa(bases[0], n_ant=3, n_time=2, n_chan=4)
for name in ("uvh5_sim/testfile_singlesource.uvh5", "synthetic/hera_i4_gzip.uvh5",
             "synthetic/hera_i4_lzf.uvh5"):
    if os.path.exists(os.path.join(u.data, name)):
        bases.append(os.path.join(u.data, name))


def damage(content, rng, i):
    content = content.copy()
    kind = i % 4
    if kind == 0:  # single bits
        for _ in range(rng.integers(1, 20)):
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    elif kind == 1:  # bytes, most of them where HDF5 keeps its own tables
        for _ in range(rng.integers(1, 8)):
            content[int(rng.integers(min(len(content), 20000)))] = rng.integers(256)
    elif kind == 2:  # a run of one value
        at = rng.integers(len(content))
        content[at:at + int(rng.integers(1, 300))] = rng.choice([0, 255])
    else:  # cut
        content = content[:rng.integers(1, len(content))]
    return content


# HDF5 asks for absurd amounts of memory and lives with being refused
environment = dict(os.environ)
environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1"


def run(paths):
    return subprocess.run([u.driver, "try", *paths], capture_output=True, text=True, timeout=300,
                          env=environment)


counts = {}
for first in range(0, n_file, 20):
    paths = []
    for i in range(first, min(first + 20, n_file)):
        rng = np.random.default_rng(1000 + i)
        content = np.fromfile(bases[i % len(bases)], dtype=np.uint8)
        paths.append(os.path.join(folder, f"f{i}.hdf5"))
        damage(content, rng, i // len(bases)).tofile(paths[-1])
    result = run(paths)
    if result.returncode != 0:
        for path in paths:
            alone = run([path])
            if alone.returncode != 0:
                keep = shutil.copy(path, "/tmp")
                sys.exit(f"{keep}: ended with {alone.returncode}: {alone.stderr[-3000:]}")
        sys.exit(f"files {first}..: ended with {result.returncode}: {result.stderr[-3000:]}")
    for line in result.stdout.splitlines():
        outcome = json.loads(line)
        counts[outcome["exit"]] = counts.get(outcome["exit"], 0) + 1
        check(outcome["exit"] in (0, 3, 5, 6), outcome)
        check(outcome["exit"] == 0 or (outcome["path"] in outcome["text"]
                                        and "\n" not in outcome["text"]), outcome)
    for path in paths:
        os.unlink(path)
check(sum(counts.values()) == n_file and counts.get(3, 0) > n_file // 4, counts)
print(f"{n_file} damaged files, exit codes: {counts}")
