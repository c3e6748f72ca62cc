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

/* Chebyshev coefficients of the polynomial of degree n - 1 through f at the n nodes
 * cos(pi (i + 1/2) / n). */
static void chebyshev_fit(int n, const double *f, double *coef)
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
    chebyshev_fit(n, f, series);
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

void ci_grid_kernel_series_make(ci_grid_kernel_series *series, const ci_grid_kernel *kernel,
                                double scale)
{
    enum
    {
        N = sizeof series->coef / sizeof series->coef[0]
    };
    double f[N], largest = 0.0;
    for (int i = 0; i < N; i++) {
        double y, s;
        ci_num_turns_cos_sin((i + 0.5) / (2.0 * N), &y, &s);
        f[i] = 1.0 / ci_grid_kernel_transform(kernel, scale * sqrt(0.5 * (y + 1.0)));
        if (f[i] > largest) largest = f[i];
    }
    chebyshev_fit(N, f, series->coef);
    series->n_term = N;
    while (series->n_term > 1 && fabs(series->coef[series->n_term - 1]) < 1e-15 * largest)
        series->n_term--;
}
