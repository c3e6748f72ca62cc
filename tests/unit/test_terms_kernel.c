/* The kernels of direct sums over points: against the formula, and the same bits with every
 * instruction set. */
#include "../../src/clean/terms_kernel.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum
{
    N = 136,
    N_ROW = 3
};

typedef struct result
{
    float re[N], im[N];
    double sums[CI_FIT_SUMS];
} result;

static double u[N], v[N], w[N], x[N], weight[N], re[N], im[N], lagrange[N * CI_CLEAN_FLUX_NODES];
static float flux[N], turns[N];
static const double lmn[3] = {0.03, -0.02, -0.000650211};
static const double nodes[2 * CI_CLEAN_FLUX_NODES] = {1.25, -0.5, 12.7, 3e-3, 1.5, 0.5, 12.4, 0};
static ci_vis_time_taps taps[N_ROW] = {{0, 1, {1}}, {0, 2, {0.75, 0.25}}, {1, 1, {1}}};

/* Rows that end at a third, two thirds and all of n samples. */
static void run(ci_clean_terms_kernel kernel, size_t n, result *out)
{
    size_t row_end[N_ROW] = {n / 3, 2 * n / 3, n};
    const ci_clean_terms_run of = {n, N_ROW,  row_end, taps, lagrange, u,     v,       w,
                                   x, weight, re,      im,   flux,     turns, out->re, out->im};
    const ci_clean_terms_point point = {lmn, 2, nodes};
    memset(out, 0, sizeof *out);
    kernel.fill(&of, &point);
    kernel.sums(&of, lmn, out->sums);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        u[i] = 9000 * sin(0.37 * (double)(i * i));
        v[i] = 7000 * cos(0.73 * (double)(i * i));
        w[i] = 3000 * sin(1.1 * (double)(i * i));
        x[i] = -0.07 + 1e-3 * (double)i;
        weight[i] = 1.5 + sin(3.1 * (double)i);
        re[i] = cos(0.3 * (double)(i * i));
        im[i] = sin(1.7 * (double)i);
        for (size_t k = 0; k < CI_CLEAN_FLUX_NODES; k++)
            lagrange[i * CI_CLEAN_FLUX_NODES + k] = sin(0.41 * (double)(i + 7 * k));
    }
    return 0;
}

static double complex visibility(size_t i, size_t n)
{
    size_t row = i < n / 3 ? 0 : i < 2 * n / 3 ? 1 : 2;
    double sum = 0;
    for (size_t t = 0; t < taps[row].n; t++)
        for (size_t k = 0; k < CI_CLEAN_FLUX_NODES; k++)
            sum += taps[row].weight[t] * lagrange[i * CI_CLEAN_FLUX_NODES + k] *
                   nodes[(taps[row].first + t) * CI_CLEAN_FLUX_NODES + k];
    return sum * cexp(I * CI_TWO_PI * (u[i] * lmn[0] + v[i] * lmn[1] + w[i] * lmn[2]));
}

static void test_formula(void **state)
{
    (void)state;
    result got;
    static const size_t counts[] = {0, 8, 16, 64, N};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), counts[k], &got);
        for (size_t i = 0; i < N; i++) {
            double complex z = i < counts[k] ? visibility(i, counts[k]) : 0;
            assert_true(fabs(got.re[i] - creal(z)) < 1e-5);
            assert_true(fabs(got.im[i] - cimag(z)) < 1e-5);
        }
    }
}

static void test_sums(void **state)
{
    (void)state;
    result got;
    run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), N, &got);
    double want[CI_FIT_SUMS] = {0}, size[CI_FIT_SUMS] = {0};
    for (size_t i = 0; i < N; i++) {
        double complex p = got.re[i] + I * got.im[i],
                       product = weight[i] * (re[i] + I * im[i]) * conj(p);
        double norm = weight[i] * creal(p * conj(p)), dot = creal(product), cross = cimag(product);
        double du = CI_TWO_PI * (u[i] - w[i] * lmn[0] / (1 + lmn[2]));
        double dv = CI_TWO_PI * (v[i] - w[i] * lmn[1] / (1 + lmn[2]));
        const double term[CI_FIT_SUMS] = {
            dot,         dot * x[i],         cross * du,     cross * dv,     norm,
            norm * x[i], norm * x[i] * x[i], norm * du * du, norm * du * dv, norm * dv * dv};
        for (int k = 0; k < CI_FIT_SUMS; k++) {
            want[k] += term[k];
            size[k] += fabs(term[k]);
        }
    }
    for (int k = 0; k < CI_FIT_SUMS; k++)
        assert_true(fabs(got.sums[k] - want[k]) <= 1e-11 * size[k]);
}

static void test_same_bits(void **state)
{
    (void)state;
    result plain, wide;
    int n_tried = 0;
    for (int i = 1; i < CI_ISA_COUNT; i++) {
        bool has = ci_isa_has((ci_isa)i);
        ci_clean_terms_kernel kernel = ci_clean_terms_kernel_get((ci_isa)i);
        for (size_t n = 0; has && n <= N; n += CI_CLEAN_TERMS_LANES) {
            run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), n, &plain);
            run(kernel, n, &wide);
            assert_memory_equal(&plain, &wide, sizeof plain);
        }
        n_tried += has;
    }
    print_message("%d wider instruction sets on this machine\n", n_tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_formula, setup),
        cmocka_unit_test_setup(test_sums, setup),
        cmocka_unit_test_setup(test_same_bits, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
