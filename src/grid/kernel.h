/* The gridding kernel: exponential of a semicircle (Barnett, Magland & af Klinteberg 2019),
 * kept as one polynomial per tap. What is gridded with is the polynomial, and the correction
 * is the polynomial's own Fourier transform: low degrees do no harm, what is left is
 * aliasing (tools/kernel_table.py). Every constant is made from +, -, x, / and sqrt alone,
 * so that no machine's library changes a bit of it. All functions are local. */
#ifndef GRID_KERNEL_H
#define GRID_KERNEL_H

#include "grid/series.h"

enum
{
    CI_GRID_KERNEL_MAX_SUPPORT = 16,
    CI_GRID_KERNEL_MAX_DEGREE = 14,
    CI_GRID_KERNEL_NODES = 24 /* Gauss-Legendre nodes per tap */
};

/* One line of the table: relative rms error of an image whose padded size is sigma times
 * its own, and the rms over the image of the correction relative to its centre, by which
 * rounding grows. */
typedef struct ci_grid_kernel_entry
{
    int support, degree;
    double sigma, beta, error, amplification;
} ci_grid_kernel_entry;
extern const ci_grid_kernel_entry ci_grid_kernel_table[];
extern const size_t ci_grid_kernel_table_length;
/* The same support at a sigma that is not below that of line i_entry: between two lines. */
ci_grid_kernel_entry ci_grid_kernel_entry_at(size_t i_entry, double sigma);

/* Tap j of a sample at position x covers cell i_first + j, i_first = floor(x - W/2) + 1. Its
 * weight is the polynomial in t = 2 (i_first - (x - W/2)) - 1 with coef[d][j], highest power
 * first; taps past the support are 0. */
typedef struct ci_grid_kernel
{
    int support, degree;
    _Alignas(64) double coef64[CI_GRID_KERNEL_MAX_DEGREE + 1][CI_GRID_KERNEL_MAX_SUPPORT];
    _Alignas(64) float coef32[CI_GRID_KERNEL_MAX_DEGREE + 1][CI_GRID_KERNEL_MAX_SUPPORT];
    /* Quadrature of the kernel, distances from its middle in cells. */
    int n_node;
    double node[CI_GRID_KERNEL_MAX_SUPPORT * CI_GRID_KERNEL_NODES];
    double node_value[CI_GRID_KERNEL_MAX_SUPPORT * CI_GRID_KERNEL_NODES];
} ci_grid_kernel;

void ci_grid_kernel_make(ci_grid_kernel *kernel, int support, int degree, double beta);
/* Fourier transform at `frequency` cycles per cell (real: the kernel is even). */
double ci_grid_kernel_transform(const ci_grid_kernel *kernel, double frequency);

/* 1 / transform(scale z) for |z| <= 1, less terms below `error` of its greatest value. */
void ci_grid_kernel_series_make(ci_grid_series *series, const ci_grid_kernel *kernel, double scale,
                                double error);

#endif
