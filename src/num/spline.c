/* Cubic splines through points that may lie at unequal distances. */
#include "contimg/num.h"

#include <math.h>

/* Second derivatives [n] of the spline whose first two pieces, and last two, are one cubic
 * each ("not a knot"). `lower`, `diagonal`, `upper` [n] are overwritten. */
static void spline_solve(const double *x, const double *y, size_t n, double *second, double *lower,
                         double *diagonal, double *upper)
{
    size_t last = n - 2; /* unknowns 1 ... n - 2; the ends follow from them */
    for (size_t i = 1; i <= last; i++) {
        double h0 = x[i] - x[i - 1], h1 = x[i + 1] - x[i];
        lower[i] = h0;
        diagonal[i] = 2 * (h0 + h1);
        upper[i] = h1;
        second[i] = 6 * ((y[i + 1] - y[i]) / h1 - (y[i] - y[i - 1]) / h0);
    }
    double first = (x[1] - x[0]) / (x[2] - x[1]);
    double end = (x[n - 1] - x[n - 2]) / (x[n - 2] - x[n - 3]);
    diagonal[1] += lower[1] * (1 + first);
    upper[1] -= lower[1] * first;
    diagonal[last] += upper[last] * (1 + end);
    lower[last] -= upper[last] * end;
    for (size_t i = 2; i <= last; i++) {
        double f = lower[i] / diagonal[i - 1];
        diagonal[i] -= f * upper[i - 1];
        second[i] -= f * second[i - 1];
    }
    second[last] /= diagonal[last];
    for (size_t i = last - 1; i >= 1; i--)
        second[i] = (second[i] - upper[i] * second[i + 1]) / diagonal[i];
    second[0] = (1 + first) * second[1] - first * second[2];
    second[n - 1] = (1 + end) * second[n - 2] - end * second[n - 3];
}

ci_status ci_num_spline_new(double **second, const double *x, const double *y, size_t n)
{
    double *scratch = NULL;
    *second = NULL;
    for (size_t i = 1; i < n; i++)
        if (!(x[i] > x[i - 1]))
            return ci_error(CI_ERR_INTERNAL, "spline: point %zu does not ascend", i);
    CI_TRY(ci_mem_alloc(second, n, sizeof **second, "spline"));
    if (n < 4) return CI_OK; /* straight lines */
    ci_status status = ci_mem_alloc(&scratch, 3 * n, sizeof *scratch, "spline");
    if (status == CI_OK)
        spline_solve(x, y, n, *second, scratch, scratch + n, scratch + 2 * n);
    else
        ci_mem_free(*second);
    ci_mem_free(scratch);
    if (status != CI_OK) *second = NULL;
    return status;
}

double ci_num_spline_value(const double *x, const double *y, const double *second, size_t n,
                           double at)
{
    size_t i = 0;
    if (n == 1) return y[0];
    while (i + 2 < n && x[i + 1] <= at)
        i++;
    double h = x[i + 1] - x[i], b = (at - x[i]) / h, a = 1 - b;
    return a * y[i] + b * y[i + 1] +
           ((a * a * a - a) * second[i] + (b * b * b - b) * second[i + 1]) * h * h / 6;
}
