/* The expansion of exp(-2 pi i w t) in pairs of terms: its error is what it says, in each part of
 * the range of w; sizes of transforms. */
#include "contimg/fft.h"
#include "grid/terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

enum
{
    N = 41
};

/* Squares of the errors at N x N places of x and y in [-1, 1]: row by row of x. */
static void errors_find(const ci_grid_terms *terms, double phi, int n_pair, double square[N])
{
    ci_grid_series sample[CI_GRID_TERMS_MAX_PAIRS][2], pixel[CI_GRID_TERMS_MAX_PAIRS][2];
    for (int k = 0; k < n_pair; k++)
        ci_grid_terms_pair(terms, k, 1e-14, sample[k], pixel[k]);
    for (int i = 0; i < N; i++) {
        double x = (2.0 * i + 1.0) / N - 1.0;
        square[i] = 0.0;
        for (int j = 0; j < N; j++) {
            double y = (2.0 * j + 1.0) / N - 1.0, cosine = 0.0, sine = 0.0;
            for (int k = 0; k < n_pair; k++) {
                cosine +=
                    ci_grid_series_value(&sample[k][0], x) * ci_grid_series_value(&pixel[k][0], y);
                sine += x * y * ci_grid_series_value(&sample[k][1], x) *
                        ci_grid_series_value(&pixel[k][1], y);
            }
            square[i] += pow(cosine - cos(phi * x * y), 2) + pow(sine - sin(phi * x * y), 2);
        }
        square[i] /= N;
    }
}

static void test_error_is_kept(void **state)
{
    (void)state;
    int64_t n_in_bin[CI_GRID_TERMS_BINS];
    for (int i = 0; i < CI_GRID_TERMS_BINS; i++)
        n_in_bin[i] = 1000;
    const double phases[] = {0.05, 0.25, 1.0, 2.7, 6.0, 12.0};
    for (size_t p = 0; p < sizeof phases / sizeof *phases; p++) {
        ci_grid_terms terms;
        ci_grid_terms_make(&terms, phases[p], n_in_bin);
        for (int n_pair = 1; n_pair <= CI_GRID_TERMS_MAX_PAIRS; n_pair++) {
            double square[N], sum = 0.0;
            errors_find(&terms, phases[p], n_pair, square);
            for (int i = 0; i < N; i++)
                sum += square[i] / N;
            assert_true(sqrt(sum) < 1.5 * terms.error[n_pair] + 1e-13);
            assert_true(sqrt(sum) > 0.4 * terms.error[n_pair] - 1e-13);
            assert_true(terms.error[n_pair] <= terms.error[n_pair - 1]);
        }
    }
}

/* Two pairs do for what a plane fit leaves of w. */
static void test_few_do(void **state)
{
    (void)state;
    int64_t n_in_bin[CI_GRID_TERMS_BINS] = {0};
    ci_grid_terms terms;
    n_in_bin[3] = 1;
    ci_grid_terms_make(&terms, 0.25, n_in_bin);
    assert_true(terms.error[1] < 5e-3 && terms.error[2] < 2e-6);
}

/* Where samples are, the error is less; where there are none it stays in bounds. */
static void test_samples_count(void **state)
{
    (void)state;
    int64_t n_in_bin[CI_GRID_TERMS_BINS] = {0};
    ci_grid_terms terms;
    double square[N];
    for (int i = 0; i < CI_GRID_TERMS_BINS / 4; i++)
        n_in_bin[i] = 1000;
    ci_grid_terms_make(&terms, 3.0, n_in_bin);
    errors_find(&terms, 3.0, 3, square);
    assert_true(sqrt(square[N / 2 + 3]) < terms.error[3]);
    assert_true(sqrt(square[0]) < 30.0 * terms.error[3]);
    assert_true(sqrt(square[0]) > terms.error[3]);
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20000; n += 37) {
        size_t size = ci_fft_fast_size(n);
        assert_true(size >= n && size >= ci_fft_good_size(n));
        assert_true(size == ci_fft_good_size(n) || size <= n + n / 8);
        assert_int_equal(ci_fft_good_size(size), size);
        assert_true(ci_fft_row_ns(size) <= ci_fft_row_ns(ci_fft_good_size(n)));
    }
    assert_int_equal(ci_fft_fast_size(5040), 5120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_is_kept), cmocka_unit_test(test_few_do),
        cmocka_unit_test(test_samples_count), cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
