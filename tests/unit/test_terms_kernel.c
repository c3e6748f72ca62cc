/* The kernel of direct sums over bright points: against the formula, and the same bits with
 * every instruction set. */
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
    STRIDE = 131
};

typedef struct result
{
    double re[STRIDE], im[STRIDE], sums[CI_CLEAN_TERMS_SUMS];
} result;

static double lagrange[CI_CLEAN_FLUX_NODES * STRIDE];
static const double node[CI_CLEAN_FLUX_NODES] = {1.25, -0.5, 12.7, 3e-3};
static double x[STRIDE], g[STRIDE];
static float weight[STRIDE], vis[2 * STRIDE];
static const double angle = 0.731, first = -2.2;

static void run(ci_clean_terms_kernel kernel, size_t n, result *out)
{
    const double start[2] = {cos(first), sin(first)}, turn[2] = {cos(angle), sin(angle)};
    memset(out, 0, sizeof *out);
    kernel.fill(n, start, turn, lagrange, STRIDE, node, out->re, out->im);
    kernel.sums(n, weight, vis, out->re, out->im, x, g, out->sums);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < CI_CLEAN_FLUX_NODES * STRIDE; i++)
        lagrange[i] = sin(0.37 * (double)i * (double)i);
    for (size_t c = 0; c < STRIDE; c++) {
        x[c] = -0.07 + 1e-3 * (double)c;
        g[c] = 29 + 0.02 * (double)c;
        weight[c] = (float)(1.5 + sin(3.1 * (double)c));
        vis[2 * c] = (float)cos(0.3 * (double)c * (double)c);
        vis[2 * c + 1] = (float)sin(1.7 * (double)c);
    }
    return 0;
}

static void test_formula(void **state)
{
    (void)state;
    result got;
    static const size_t counts[] = {0, 1, 7, 8, 9, 48, 64, STRIDE};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), counts[k], &got);
        for (size_t c = 0; c < STRIDE; c++) {
            double flux = 0;
            for (size_t i = 0; i < CI_CLEAN_FLUX_NODES; i++)
                flux += node[i] * lagrange[i * STRIDE + c];
            double complex z = c < counts[k] ? flux * cexp(I * (first + angle * (double)c)) : 0;
            assert_true(fabs(got.re[c] - creal(z)) < 1e-12);
            assert_true(fabs(got.im[c] - cimag(z)) < 1e-12);
        }
    }
}

static void test_sums(void **state)
{
    (void)state;
    result got;
    run(ci_clean_terms_kernel_get(CI_ISA_PLAIN), STRIDE, &got);
    double want[CI_CLEAN_TERMS_SUMS] = {0};
    for (size_t c = 0; c < STRIDE; c++) {
        double complex p = got.re[c] + I * got.im[c], r = vis[2 * c] + I * vis[2 * c + 1];
        double complex product = weight[c] * r * conj(p);
        double norm = weight[c] * creal(p * conj(p));
        const double term[CI_CLEAN_TERMS_SUMS] = {[CI_CLEAN_TERMS_A] = creal(product),
                                                  [CI_CLEAN_TERMS_A_X] = creal(product) * x[c],
                                                  [CI_CLEAN_TERMS_B_G] = cimag(product) * g[c],
                                                  [CI_CLEAN_TERMS_N] = norm,
                                                  [CI_CLEAN_TERMS_N_X] = norm * x[c],
                                                  [CI_CLEAN_TERMS_N_XX] = norm * x[c] * x[c],
                                                  [CI_CLEAN_TERMS_N_GG] = norm * g[c] * g[c]};
        for (int k = 0; k < CI_CLEAN_TERMS_SUMS; k++)
            want[k] += term[k];
    }
    for (int k = 0; k < CI_CLEAN_TERMS_SUMS; k++)
        assert_true(fabs(got.sums[k] - want[k]) <= 1e-12 * want[CI_CLEAN_TERMS_N_GG]);
}

static void test_same_bits(void **state)
{
    (void)state;
    result plain, wide;
    int n_tried = 0;
    for (int i = 1; i < CI_ISA_COUNT; i++) {
        bool has = ci_isa_has((ci_isa)i);
        ci_clean_terms_kernel kernel = ci_clean_terms_kernel_get((ci_isa)i);
        for (size_t n = 1; has && n <= STRIDE; n++) {
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
