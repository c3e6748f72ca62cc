/* Chebyshev series of even functions. */
#include "grid/series.h"
#include "contimg/num.h"

#include <math.h>

void ci_grid_chebyshev_fit(int n, const double *f, double *coef)
{
    for (int m = 0; m < n; m++) {
        double sum = 0.0;
        for (int i = 0; i < n; i++) {
            double c, s;
            ci_num_turns_cos_sin(m * (i + 0.5) / (2.0 * n), &c, &s);
            sum += f[i] * c;
        }
        coef[m] = sum * (m == 0 ? 1.0 : 2.0) / n;
    }
}

void ci_grid_series_fit(ci_grid_series *series, int n, const double *f, double least)
{
    *series = (ci_grid_series){.n_term = n};
    ci_grid_chebyshev_fit(n, f, series->coef);
    while (series->n_term > 1 && fabs(series->coef[series->n_term - 1]) < least)
        series->n_term--;
}

double ci_grid_series_value(const ci_grid_series *series, double z)
{
    double y = 2.0 * (2.0 * z * z - 1.0), b1 = 0.0, b2 = 0.0;
    for (int i = series->n_term - 1; i > 0; i--) {
        double b = series->coef[i] + y * b1 - b2;
        b2 = b1;
        b1 = b;
    }
    return series->coef[0] + 0.5 * y * b1 - b2;
}

double ci_grid_series_node(int i, int n)
{
    double c, s;
    ci_num_turns_cos_sin((i + 0.5) / (2.0 * n), &c, &s);
    return 0.5 * (1.0 + c);
}
