#!/usr/bin/env python3
"""Writes src/grid/kernel_table.c: for support W and oversampling sigma the exponent beta and
the polynomial degree of the gridding kernel exp(beta W (sqrt(1 - (2x/W)^2) - 1)) with the
least aliasing error, and that error.

The kernel that is used is the piecewise polynomial (one of degree D per tap, through Chebyshev
nodes), and the correction divides by that polynomial's own Fourier transform P. What is left is
aliasing: rms over the image, |xi| < 1/(2 sigma), of sqrt(sum_{k != 0} P(xi + k)^2) / P(xi).
The degree is the least one within 10 % of the error of high degree. numpy only."""
import sys
import numpy as np

SIGMA = [1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.75, 2, 2.5, 3, 4, 6, 8]
N_ALIAS = 5
EDGE = 0.04  # share of the error at the very edge (xi = 1 / (2 sigma)) in what is minimised
NODE, NODE_WEIGHT = np.polynomial.legendre.leggauss(32)


def poly_kernel(support, beta, degree):
    n = degree + 1
    theta = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    x, p = [], []
    for tap in range(support):
        position = tap + (theta + 1) / 2 - support / 2
        root = np.sqrt(np.maximum(0, 1 - (2 * position / support) ** 2))
        c = np.polynomial.chebyshev.chebfit(theta, np.exp(beta * support * (root - 1)), degree)
        x.append(tap + (NODE + 1) / 2 - support / 2)
        p.append(np.polynomial.chebyshev.chebval(NODE, c) * NODE_WEIGHT / 2)
    return np.concatenate(x), np.concatenate(p)


class Alias:
    def __init__(self, support, sigma, n_xi=40):
        node, weight = np.polynomial.legendre.leggauss(n_xi)
        xi, self.weight = (node + 1) / 4 / sigma, weight / 2
        x = poly_kernel(support, 2.0, 3)[0]
        z = [xi] + [s for k in range(1, N_ALIAS + 1) for s in (k + xi, k - xi)]
        self.cos = np.cos(2 * np.pi * np.outer(np.concatenate(z), x))
        self.n = n_xi

    def error(self, p, edge=0.0):
        f = (self.cos @ p).reshape(-1, self.n)
        square = (f[1:] ** 2).sum(0) / f[0] ** 2
        return np.sqrt((self.weight * square).sum() + edge * square[-1])

    def amplification(self, p):
        f = (self.cos[:self.n] @ p)
        return np.sqrt((self.weight * (p.sum() / f) ** 2).sum())


def best(support, sigma):
    alias = Alias(support, sigma)
    found = None
    for degree in range(2, 15):
        step, centre = 0.05, 1.8
        grid = np.arange(0.6, 3.0, step)
        for _ in range(3):
            e = [alias.error(poly_kernel(support, b, degree)[1], EDGE) for b in grid]
            centre = grid[int(np.argmin(e))]
            grid = np.linspace(centre - step, centre + step, 11)
            step /= 5
        error = min(e)
        if found is None or error < 0.9 * found[2]:
            found = (round(float(centre), 3), degree, error)
        elif degree > found[1] + 2:
            break
    p = poly_kernel(support, found[0], found[1])[1]
    return found[0], found[1], alias.error(p), alias.amplification(p)


out = sys.stdout
out.write("/* The kernels to choose from, by support and padding: shapes and errors "
          "(tools/kernel_table.py). */\n#include \"grid/kernel.h\"\n\n"
          "const ci_grid_kernel_entry ci_grid_kernel_table[] = {\n"
          "    /* support, degree, sigma, beta, error, rms amplification */\n")
for w in range(2, 17):
    for s in SIGMA:
        b, d, e, a = best(w, s)
        out.write("    {%d, %d, %.2f, %.3f, %.3e, %.1f},\n" % (w, d, s, b, e, a))
        out.flush()
out.write("};\nconst size_t ci_grid_kernel_table_length = sizeof ci_grid_kernel_table / "
          "sizeof ci_grid_kernel_table[0];\n")
