/* The gridding kernel as polynomials, its transform and its correction. */
#include "grid/kernel.h"
#include "contimg/num.h"

#include <math.h>

/* exp(x), x in [-700, 0]: Taylor series of the remainder of x / ln 2. */
static double exponential(double x)
{
    double k = floor(x * 1.44269504088896340736 + 0.5);
    double r = (x - k * 0x1.62e42fefap-1) - k * 0x1.cf79abc9e3b3ap-40;
    double sum = 1.0;
    for (int i = 18; i > 0; i--)
        sum = 1.0 + sum * r / i;
    return ldexp(sum, (int)k);
}

/* Roots and weights of the Legendre polynomial of degree n by Newton's method. */
static void gauss_legendre(int n, double *node, double *weight)
{
    for (int i = 0; i < n; i++) {
        double x, sine, derivative = 1.0;
        ci_num_turns_cos_sin((i + 0.75) / (n + 0.5) / 2.0, &x, &sine);
        for (int iteration = 0; iteration < 8; iteration++) {
            double p0 = 1.0, p1 = x;
            for (int k = 2; k <= n; k++) {
                double p2 = ((2.0 * k - 1.0) * x * p1 - (k - 1.0) * p0) / k;
                p0 = p1;
                p1 = p2;
            }
            derivative = n * (x * p1 - p0) / (x * x - 1.0);
            x -= p1 / derivative;
        }
        node[i] = x;
        weight[i] = 2.0 / ((1.0 - x * x) * derivative * derivative);
    }
}

/* Monomial coefficients (lowest first) of a Chebyshev series of n terms. */
static void chebyshev_to_powers(int n, const double *coef, double *power)
{
    double t0[CI_GRID_KERNEL_MAX_DEGREE + 1] = {1.0},
                                          t1[CI_GRID_KERNEL_MAX_DEGREE + 1] = {0.0, 1.0};
    for (int i = 0; i < n; i++)
        power[i] = 0.0;
    for (int m = 0; m < n; m++) {
        for (int i = 0; i <= m; i++)
            power[i] += coef[m] * t0[i];
        for (int i = n - 1; i >= 0; i--) { /* T_{m+2} = 2 t T_{m+1} - T_m */
            double next = (i > 0 ? 2.0 * t1[i - 1] : 0.0) - t0[i];
            t0[i] = next;
        }
        for (int i = 0; i < n; i++) {
            double swap = t0[i];
            t0[i] = t1[i];
            t1[i] = swap;
        }
    }
}

static double semicircle(double x, int support, double beta)
{
    double z = 1.0 - 4.0 * x * x / ((double)support * support);
    return exponential(beta * support * (sqrt(z > 0.0 ? z : 0.0) - 1.0));
}

static void tap_make(ci_grid_kernel *kernel, int tap, double beta)
{
    int n = kernel->degree + 1;
    double f[CI_GRID_KERNEL_MAX_DEGREE + 1], series[CI_GRID_KERNEL_MAX_DEGREE + 1];
    double power[CI_GRID_KERNEL_MAX_DEGREE + 1];
    for (int i = 0; i < n; i++) {
        double t, s;
        ci_num_turns_cos_sin((i + 0.5) / (2.0 * n), &t, &s);
        f[i] = semicircle(tap + 0.5 * (t + 1.0) - 0.5 * kernel->support, kernel->support, beta);
    }
    ci_grid_chebyshev_fit(n, f, series);
    chebyshev_to_powers(n, series, power);
    for (int d = 0; d < n; d++) {
        kernel->coef64[d][tap] = power[n - 1 - d];
        kernel->coef32[d][tap] = (float)power[n - 1 - d];
    }
}

void ci_grid_kernel_make(ci_grid_kernel *kernel, int support, int degree, double beta)
{
    double node[CI_GRID_KERNEL_NODES], weight[CI_GRID_KERNEL_NODES];
    *kernel = (ci_grid_kernel){.support = support, .degree = degree};
    gauss_legendre(CI_GRID_KERNEL_NODES, node, weight);
    for (int tap = 0; tap < support; tap++) {
        tap_make(kernel, tap, beta);
        for (int i = 0; i < CI_GRID_KERNEL_NODES; i++) {
            double value = 0.0;
            for (int d = 0; d <= degree; d++)
                value = value * node[i] + kernel->coef64[d][tap];
            kernel->node[kernel->n_node] = tap + 0.5 * (node[i] + 1.0) - 0.5 * support;
            kernel->node_value[kernel->n_node++] = 0.5 * weight[i] * value;
        }
    }
}

double ci_grid_kernel_transform(const ci_grid_kernel *kernel, double frequency)
{
    double sum = 0.0;
    for (int i = 0; i < kernel->n_node; i++) {
        double c, s;
        ci_num_turns_cos_sin(frequency * kernel->node[i], &c, &s);
        sum += kernel->node_value[i] * c;
    }
    return sum;
}

void ci_grid_kernel_series_make(ci_grid_series *series, const ci_grid_kernel *kernel, double scale,
                                double error)
{
    double f[CI_GRID_SERIES_MAX], largest = 0.0;
    for (int i = 0; i < CI_GRID_SERIES_MAX; i++) {
        double z = sqrt(ci_grid_series_node(i, CI_GRID_SERIES_MAX));
        f[i] = 1.0 / ci_grid_kernel_transform(kernel, scale * z);
        if (f[i] > largest) largest = f[i];
    }
    ci_grid_series_fit(series, CI_GRID_SERIES_MAX, f, error * largest);
}

/* Between two values given by their logarithms' straight line, without a logarithm: they are
 * replaced by x^(1/32), which is nearly one. */
static double between(double a, double b, double part)
{
    for (int i = 0; i < 5; i++) {
        a = sqrt(a);
        b = sqrt(b);
    }
    double value = a + (b - a) * part;
    for (int i = 0; i < 5; i++)
        value *= value;
    return value;
}

ci_grid_kernel_entry ci_grid_kernel_entry_at(size_t i_entry, double sigma)
{
    const ci_grid_kernel_entry *low = &ci_grid_kernel_table[i_entry], *high = low + 1;
    while (high < ci_grid_kernel_table + ci_grid_kernel_table_length &&
           high->support == low->support && high->sigma <= sigma)
        low = high++;
    if (high == ci_grid_kernel_table + ci_grid_kernel_table_length ||
        high->support != low->support || !(sigma > low->sigma))
        return *low;
    double part = (sigma - low->sigma) / (high->sigma - low->sigma);
    return (ci_grid_kernel_entry){.support = low->support,
                                  .degree = low->degree > high->degree ? low->degree : high->degree,
                                  .sigma = sigma,
                                  .beta = low->beta + (high->beta - low->beta) * part,
                                  .error = between(low->error, high->error, part),
                                  .amplification =
                                      between(low->amplification, high->amplification, part)};
}
