/* Spectral index of a pixel: a power law times the beam's response in each channel, exact and with
 * noise in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "../../src/image/alpha.h"

enum
{
    N = 5
};

static void filled(ci_image_alpha *a, double flux, double index, double noise)
{
    static double image[1] = {5};
    static float pb[1] = {1};
    const ci_grid_layout layout = {.n_x = 1, .n_y = 1, .n_here = 1};
    const ci_image_alpha_choice choice = {.image = image, .least = 1, .pb = pb, .pb_cut = 0.2};
    assert_int_equal(ci_image_alpha_new(a, N, &layout, &choice), CI_OK);
    assert_int_equal(a->n_pixel, 1);
    for (size_t i = 0; i < N; i++) {
        double x = -0.06 + 0.03 * (double)i;
        float response = (float)(0.5 - 2 * x + x * x);
        double value = flux * response * exp(index * x);
        ci_image_alpha_set(a, i, x, noise, &value, &response);
    }
}

static void power_law(void **state)
{
    (void)state;
    static const double indices[] = {-4, -0.7, 0, 1.3};
    for (size_t k = 0; k < 4; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            ci_image_alpha a;
            double value, error;
            filled(&a, sign * 2.5, indices[k], 0.01);
            ci_image_alpha_fit(&a, 0, &value, &error);
            assert_true(fabs((value) - (indices[k])) <= 1e-5);
            ci_image_alpha_clear(&a);
        }
}

/* The covariance of (flux, index) is the inverse of the sums of derivatives' products over noise^2;
 * and noise in one channel moves the index by its row of the generalised inverse. */
static void errors(void **state)
{
    (void)state;
    const double flux = 2.5, index = -1.1, noise = 1e-4;
    ci_image_alpha a;
    double value, error, ss = 0, sa = 0, aa = 0;
    filled(&a, flux, index, noise);
    for (size_t i = 0; i < N; i++) {
        double x = a.x[i], by_flux = a.response[i] * exp(index * x), by_index = flux * x * by_flux;
        ss += by_flux * by_flux / (noise * noise);
        sa += by_flux * by_index / (noise * noise);
        aa += by_index * by_index / (noise * noise);
    }
    ci_image_alpha_fit(&a, 0, &value, &error);
    assert_true(fabs((error) - (sqrt(ss / (ss * aa - sa * sa)))) <= 1e-6 * error);
    double x = a.x[4], by_flux = a.response[4] * exp(index * x), shift = 2e-4;
    a.flux[4] += (float)shift;
    double moved =
        (ss * flux * x * by_flux - sa * by_flux) / (ss * aa - sa * sa) * shift / (noise * noise);
    ci_image_alpha_fit(&a, 0, &value, &error);
    assert_true(fabs((value - index) - (moved)) <= 0.02 * fabs(moved));
    /* a channel without data */
    a.flux[4] = 1000;
    a.weight[4] = 0;
    ci_image_alpha_fit(&a, 0, &value, &error);
    assert_true(fabs((value) - (index)) <= 1e-4);
    ci_image_alpha_clear(&a);
}

static void none(void **state)
{
    (void)state;
    ci_image_alpha a;
    double value, error;
    filled(&a, 2.5, 0, 1);
    for (size_t i = 0; i < N; i++)
        a.flux[i] = 0;
    ci_image_alpha_fit(&a, 0, &value, &error);
    assert_true(isnan(value) && isnan(error));
    for (size_t i = 0; i + 1 < N; i++)
        a.weight[i] = 0;
    a.flux[4] = 1;
    ci_image_alpha_fit(&a, 0, &value, &error);
    assert_true(isnan(value) && isnan(error));
    ci_image_alpha_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_law), cmocka_unit_test(errors),
                                       cmocka_unit_test(none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
