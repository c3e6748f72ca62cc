/* Even functions on [-1, 1] as Chebyshev series in 2 z^2 - 1. All functions are local. */
#ifndef GRID_SERIES_H
#define GRID_SERIES_H

#include "contimg/base.h"

enum
{
    CI_GRID_SERIES_MAX = 48
};

typedef struct ci_grid_series
{
    int n_term;
    double coef[CI_GRID_SERIES_MAX];
} ci_grid_series;

/* Chebyshev coefficients of the polynomial of degree n - 1 through f at the n nodes
 * cos(pi (i + 1/2) / n). */
void ci_grid_chebyshev_fit(int n, const double *f, double *coef);
/* The series through f at z^2 = (1 + cos(pi (i + 1/2) / n)) / 2, i < n <= CI_GRID_SERIES_MAX, less
 * its last terms below `least`. */
void ci_grid_series_fit(ci_grid_series *series, int n, const double *f, double least);
double ci_grid_series_value(const ci_grid_series *series, double z);
/* z^2 of node i of n. */
double ci_grid_series_node(int i, int n);

#endif
