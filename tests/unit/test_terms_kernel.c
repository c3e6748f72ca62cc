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

/* A row's frequencies, in place of what the run makes of them: hertz beside the middle one. */
static const double freq_hz[N_ROW] = {1.31e9, 1.4e9, 1.49e9};
static const double uvw_s[N_ROW][3] = {
    {6.1e-6, -2.3e-6, 1e-6}, {-5e-7, 4e-7, -3e-8}, {1e-8, 5.5e-6, -2e-6}};
enum
{
    SPACE = N + CI_CLEAN_TERMS_LANES,
    N_ARRAY = 18
};
static float space[N_ARRAY][SPACE];
static ci_clean_terms_row row[N_ROW];
static const double lmn[3] = {0.03, -0.02, -0.000650211};
static const double nodes[2 * CI_CLEAN_FLUX_NODES] = {1.25, -0.5, 12.7, 3e-3, 1.5, 0.5, 12.4, 0};
static const ci_vis_time_taps taps[N_ROW] = {{0, 1, {1}}, {0, 2, {0.75, 0.25}}, {1, 1, {1}}};

/* Rows that end at a third, two thirds and all of n samples. */
static ci_clean_terms_run run_of(size_t n)
{
    float(*a)[SPACE] = space;
    ci_clean_terms_run out = {.n = n,
                              .n_row = N_ROW,
                              .row = row,
                              .offset_hz = a[0],
                              .lagrange = {a[1], a[2], a[3], a[4]},
                              .u = a[5],
                              .v = a[6],
                              .w = a[7],
                              .x = a[8],
                              .weight = a[9],
                              .re = a[10],
                              .im = a[11],
                              .flux = a[12],
                              .turns = a[13],
                              .p_re = a[14],
                              .p_im = a[15],
                              .sum_re = a[16],
                              .sum_im = a[17]};
    for (size_t r = 0; r < N_ROW; r++) {
        row[r].end = (r + 1) * n / N_ROW;
        row[r].freq_hz = freq_hz[r];
        row[r].taps = taps[r];
        memcpy(row[r].uvw_s, uvw_s[r], sizeof row[r].uvw_s);
    }
    return out;
}

static void run(ci_clean_terms_kernel kernel, size_t n, result *out)
{
    const ci_clean_terms_run of = run_of(n);
    const ci_clean_terms_point point = {lmn, 2, nodes};
    memset(out, 0, sizeof *out);
    memset(of.p_re, 0, SPACE * sizeof(float));
    memset(of.p_im, 0, SPACE * sizeof(float));
    kernel.fill(&of, &point);
    kernel.sums(&of, lmn, out->sums);
    memcpy(out->re, of.p_re, sizeof out->re);
    memcpy(out->im, of.p_im, sizeof out->im);
}

static int setup(void **state)
{
    (void)state;
    const ci_clean_terms_run r = run_of(N);
    for (size_t i = 0; i < SPACE; i++) {
        r.offset_hz[i] = (float)(6e6 * sin(0.9 * (double)i));
        r.u[i] = (float)(9000 * sin(0.37 * (double)(i * i)));
        r.v[i] = (float)(7000 * cos(0.73 * (double)(i * i)));
        r.w[i] = (float)(3000 * sin(1.1 * (double)(i * i)));
        r.x[i] = (float)(-0.07 + 1e-3 * (double)i);
        r.weight[i] = (float)(1.5 + sin(3.1 * (double)i));
        r.re[i] = (float)cos(0.3 * (double)(i * i));
        r.im[i] = (float)sin(1.7 * (double)i);
        for (size_t k = 0; k < CI_CLEAN_FLUX_NODES; k++)
            r.lagrange[k][i] = (float)sin(0.41 * (double)(i + 7 * k));
    }
    return 0;
}

static double complex visibility(size_t i, size_t n)
{
    const ci_clean_terms_run of = run_of(n);
    size_t r = 0;
    while (i >= row[r].end)
        r++;
    double sum = 0, freq = freq_hz[r] + of.offset_hz[i];
    for (size_t t = 0; t < taps[r].n; t++)
        for (size_t k = 0; k < CI_CLEAN_FLUX_NODES; k++)
            sum += taps[r].weight[t] * of.lagrange[k][i] *
                   nodes[(taps[r].first + t) * CI_CLEAN_FLUX_NODES + k];
    double path_s = uvw_s[r][0] * lmn[0] + uvw_s[r][1] * lmn[1] + uvw_s[r][2] * lmn[2];
    return sum * cexp(I * CI_TWO_PI * freq * path_s);
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
            assert_true(fabs(got.re[i] - creal(z)) < 3e-5);
            assert_true(fabs(got.im[i] - cimag(z)) < 3e-5);
        }
    }
}

static void test_sums(void **state)
{
    (void)state;
    result got;
    run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), N, &got);
    const ci_clean_terms_run of = run_of(N);
    double want[CI_FIT_SUMS] = {0}, size[CI_FIT_SUMS] = {0};
    for (size_t i = 0; i < N; i++) {
        double complex p = got.re[i] + I * got.im[i], data = of.re[i] + I * of.im[i],
                       product = of.weight[i] * data * conj(p);
        double norm = of.weight[i] * creal(p * conj(p)), dot = creal(product);
        double cross = cimag(product), x = of.x[i];
        double du = CI_TWO_PI * (of.u[i] - of.w[i] * lmn[0] / (1 + lmn[2]));
        double dv = CI_TWO_PI * (of.v[i] - of.w[i] * lmn[1] / (1 + lmn[2]));
        const double term[CI_FIT_SUMS] = {
            dot,      dot * x,      cross * du,     cross * dv,     norm,
            norm * x, norm * x * x, norm * du * du, norm * du * dv, norm * dv * dv};
        for (int k = 0; k < CI_FIT_SUMS; k++) {
            want[k] += term[k];
            size[k] += fabs(term[k]);
        }
    }
    for (int k = 0; k < CI_FIT_SUMS; k++)
        assert_true(fabs(got.sums[k] - want[k]) <= 3e-6 * size[k]);
}

static void test_add(void **state)
{
    (void)state;
    result got;
    const ci_clean_terms_run of = run_of(N);
    const ci_clean_terms_point point = {lmn, 2, nodes};
    run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), N, &got);
    for (size_t i = 0; i < N; i++)
        of.sum_re[i] = of.sum_im[i] = 1;
    ci_clean_terms_kernel_get(CI_ISA_PLAIN).add(&of, &point);
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs(of.sum_re[i] - 1 - got.re[i]) < 1e-6 * (1 + fabs(got.re[i])));
        assert_true(fabs(of.sum_im[i] - 1 - got.im[i]) < 1e-6 * (1 + fabs(got.im[i])));
    }
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
        cmocka_unit_test_setup(test_add, setup),
        cmocka_unit_test_setup(test_same_bits, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
