"""ducc0_time.py DUMP N_PIXEL CELL_ARCSEC EPSILON: ducc0's wgridder on the samples that
contimg-bench-gridder has dumped (one DSA-110-like tile, not compressed), one thread: processor
seconds of an image and of a prediction, and the image's error against direct sums of some pixels.
Prints one line of JSON."""
import json
import sys
import time

import ducc0
import numpy as np

C_M_S = 299792458.0
N_SUB_BAND, N_CHAN, N_TIME = 16, 48, 24


def read(path):
    """uvw_m [n_row][3], freq_hz [n_chan], values and weights [n_row][n_chan]: rows are those of
    baselines and times, channels those of all sub-bands, as ducc0 is fastest."""
    n = int(np.fromfile(path, "<i8", 1)[0])
    shape = (N_SUB_BAND, n // (N_SUB_BAND * N_TIME * N_CHAN), N_TIME, N_CHAN)
    uvw = np.memmap(path, "<f8", "r", 8, shape + (3,))
    value = np.memmap(path, "<c8", "r", 8 + 24 * n, shape)
    weight = np.memmap(path, "<f4", "r", 8 + 32 * n, shape)
    channel = np.arange(N_SUB_BAND * N_CHAN) + 0.5
    freq_hz = 1311.25e6 + 187.5e6 / (N_SUB_BAND * N_CHAN) * channel
    uvw_m = np.ascontiguousarray(uvw[0, :, :, 0, :]).reshape(-1, 3) * (C_M_S / freq_hz[0])

    def rows(a):
        return np.ascontiguousarray(a.transpose(1, 2, 0, 3)).reshape(len(uvw_m), -1)

    return uvw_m, freq_hz, rows(value), rows(weight)


def direct(uvw_m, freq_hz, value, l, m):
    """ducc0's sum: value exp(2 pi i (u l + v m - w (n - 1))), real part."""
    n1 = np.sqrt(1 - l * l - m * m) - 1
    path = (uvw_m @ np.array([l, m, -n1])) / C_M_S
    total = 0.0
    for first in range(0, len(path), 2000):
        part = slice(first, first + 2000)
        turn = np.outer(path[part], freq_hz)
        turn -= np.rint(turn)
        total += np.sum(np.real(value[part] * np.exp(2j * np.pi * turn)))
    return total


def main():
    path, n, cell_arcsec, epsilon = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    cell = np.deg2rad(cell_arcsec / 3600)
    uvw_m, freq_hz, value, weight = read(path)
    how = dict(uvw=uvw_m, freq=freq_hz, pixsize_x=cell, pixsize_y=cell, epsilon=epsilon,
               do_wgridding=True, divide_by_n=False, nthreads=1)
    start = time.process_time()
    image = ducc0.wgridder.vis2dirty(vis=value, wgt=weight, npix_x=n, npix_y=n, **how)
    image_s = time.process_time() - start
    rng = np.random.default_rng(1)
    sky = np.zeros((n, n), np.float32)
    sky[rng.integers(0, n, 3000), rng.integers(0, n, 3000)] = rng.uniform(-1, 1, 3000)
    start = time.process_time()
    ducc0.wgridder.dirty2vis(dirty=sky, wgt=weight, **how)
    predict_s = time.process_time() - start
    error = power = 0.0
    for x, y in rng.integers(0, n, (12, 2)):
        truth = direct(uvw_m, freq_hz, value, (x - n // 2) * cell, (y - n // 2) * cell)
        error += (image[x, y] - truth) ** 2
        power += truth**2
    print(json.dumps({"ducc0": ducc0.__version__, "n_visibility": int(value.size), "epsilon": epsilon,
                      "image_cpu_s": round(image_s, 3), "predict_cpu_s": round(predict_s, 3),
                      "image_error": float(np.sqrt(error / power))}))


main()
