"""Runs tests/unit/test_uvh5_driver.c and takes its answers apart."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

build = os.environ.get("CONTIMG_BUILD", "build/dev")
source = os.environ.get("CONTIMG_SOURCE", os.path.join(os.path.dirname(__file__), "../.."))
data = os.environ.get("CONTIMG_TEST_DATA", os.path.join(source, "../shared/data"))
driver = os.path.join(build, "tests/test_uvh5_driver")


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def need_driver():
    if not os.path.exists(driver):
        skip(f"no {driver}: build test_uvh5_driver")


def run(mode, *words, env=None):
    environment = dict(os.environ)
    environment.update(env or {})
    return subprocess.run([driver, mode, *map(str, words)], capture_output=True, text=True,
                          env=environment, timeout=300)


def outcomes(mode, *paths, env=None):
    """JSON lines of `try`, `set`, `summary`."""
    result = run(mode, *paths, env=env)
    assert result.returncode == 0, (result.returncode, result.stderr[-2000:])
    return [json.loads(line) for line in result.stdout.splitlines()]


def dump(*paths):
    """(facts, blocks): the canonical arrays of the files as one set."""
    with tempfile.NamedTemporaryFile() as out:
        result = run("dump", out.name, *paths)
        assert result.returncode == 0, (paths, result.stderr[-2000:])
        raw = np.fromfile(out.name, dtype=np.uint8).tobytes()
    facts = json.loads(result.stdout)
    blocks = []
    at = 0

    def take(dtype, *shape):
        nonlocal at
        n = int(np.prod(shape)) * np.dtype(dtype).itemsize
        values = np.frombuffer(raw[at:at + n], dtype=dtype).reshape(shape)
        at += n
        return values

    while at < len(raw):
        n_row, n_chan, n_pol = take(np.int64, 3)
        block = {"freq": take(np.float64, n_chan), "width": take(np.float64, n_chan)}
        for name, dtype in (("ant1", np.int64), ("ant2", np.int64), ("time", np.float64),
                            ("interval", np.float64)):
            block[name] = take(dtype, n_row)
        block["uvw"] = take(np.float64, n_row, 3)
        block["data"] = take(np.complex64, n_row, n_chan, n_pol)
        block["flags"] = take(np.uint8, n_row, n_chan, n_pol)
        block["weight"] = take(np.float32, n_row, n_chan, n_pol)
        blocks.append(block)
    return facts, blocks
