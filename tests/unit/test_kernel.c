/* The gridding kernel: what its table promises against what its transform says; the series;
 * sine and cosine in turns. */
#include "../../src/grid/kernel.h"
#include "contimg/num.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* Aliases of one sample at N places of the image, rms relative to the sample itself. */
static double alias_error(const ci_grid_kernel *kernel, double sigma, double *amplification)
{
    enum
    {
        N = 160
    };
    double sum = 0, grown = 0, whole = ci_grid_kernel_transform(kernel, 0);
    for (int i = 0; i < N; i++) {
        double xi = (i + 0.5) / N * 0.5 / sigma, own = ci_grid_kernel_transform(kernel, xi);
        grown += whole / own * whole / own / N;
        for (int k = 1; k <= 5; k++)
            sum += (pow(ci_grid_kernel_transform(kernel, k + xi), 2) +
                    pow(ci_grid_kernel_transform(kernel, k - xi), 2)) /
                   (own * own * N);
    }
    *amplification = sqrt(grown);
    return sqrt(sum);
}

static void test_table(void **state)
{
    (void)state;
    ci_grid_kernel *kernel = aligned_alloc(64, (sizeof *kernel + 63) / 64 * 64);
    for (size_t i = 0; i < ci_grid_kernel_table_length; i++) {
        const ci_grid_kernel_entry *e = &ci_grid_kernel_table[i];
        double amplification;
        ci_grid_kernel_make(kernel, e->support, e->degree, e->beta);
        double error = alias_error(kernel, e->sigma, &amplification);
        /* Below it is the rounding of this sum that is seen. */
        assert_true(fabs(error - e->error) < 0.2 * e->error + 1e-14);
        assert_true(fabs(amplification / e->amplification - 1) < 0.1);
        assert_in_range(e->support, 2, CI_GRID_KERNEL_MAX_SUPPORT);
        assert_in_range(e->degree, 1, CI_GRID_KERNEL_MAX_DEGREE);
    }
    free(kernel);
}

static void test_shape(void **state)
{
    (void)state;
    ci_grid_kernel *kernel = aligned_alloc(64, (sizeof *kernel + 63) / 64 * 64);
    ci_grid_kernel_make(kernel, 8, 12, 2.3);
    for (int tap = 0; tap < 8; tap++)
        for (double t = -1; t <= 1; t += 0.125) {
            double x = tap + 0.5 * (t + 1) - 4, value = 0;
            double expected = exp(2.3 * 8 * (sqrt(fmax(0, 1 - x * x / 16)) - 1));
            for (int d = 0; d <= 12; d++)
                value = value * t + kernel->coef64[d][tap];
            assert_true(fabs(value - expected) < 3e-8);
        }
    /* Gauss-Legendre nodes: the area under the kernel by brute force. */
    double sum = 0;
    for (int i = 0; i < 200000; i++)
        sum += exp(2.3 * 8 * (sqrt(1 - pow((i + 0.5) / 100000 - 1, 2)) - 1)) * 8 / 200000;
    assert_true(fabs(ci_grid_kernel_transform(kernel, 0) / sum - 1) < 1e-7);
    free(kernel);
}

static void test_series(void **state)
{
    (void)state;
    ci_grid_kernel *kernel = aligned_alloc(64, (sizeof *kernel + 63) / 64 * 64);
    ci_grid_series series;
    for (int support = 3; support <= 16; support++) {
        ci_grid_kernel_make(kernel, support, support < 14 ? support : 14, 2.2);
        ci_grid_kernel_series_make(&series, kernel, 0.3, 1e-15);
        for (double z = -1; z <= 1; z += 0.0625)
            assert_true(
                fabs(ci_grid_series_value(&series, z) * ci_grid_kernel_transform(kernel, 0.3 * z) -
                     1) < 3e-14);
    }
    free(kernel);
}

static void test_turns(void **state)
{
    (void)state;
    for (double x = -1000.123; x < 1000; x += 0.0371) {
        double c, s, f = ci_num_turns_fraction(x);
        float c32, s32;
        assert_true(f >= -0.5 && f <= 0.5 && x - f == rint(x));
        ci_num_turns_cos_sin(x, &c, &s);
        ci_num_turns_cos_sin32((float)f, &c32, &s32);
        assert_true(fabs(c - cos(CI_TWO_PI * f)) < 1e-15);
        assert_true(fabs(s - sin(CI_TWO_PI * f)) < 1e-15);
        assert_true(fabs(c32 - cos(CI_TWO_PI * (float)f)) < 6e-7);
        assert_true(fabs(s32 - sin(CI_TWO_PI * (float)f)) < 6e-7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_shape),
                                       cmocka_unit_test(test_series), cmocka_unit_test(test_turns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
