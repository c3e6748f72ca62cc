/* Shapes of extended components, minor cycles of several scales and restored extended components,
 * against sums written out here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/clean/minor.h"
#include "../../src/clean/scales.h"
#include "../../src/image/restore.h"

#include <math.h>
#include <string.h>

static ci_comm *comm;

/* The transform in the plane of a shape of `width` pixels, of sum 1, along u. */
static double direct_transform(double width, double u)
{
    double sum = 0, whole = 0;
    int half = (int)(width / 2);
    for (int y = -half; y <= half; y++)
        for (int x = -half; x <= half; x++) {
            double v = ci_clean_shape(hypot(x, y) / width);
            sum += v * cos(CI_TWO_PI * u * x);
            whole += v;
        }
    return sum / whole;
}

static void test_shape(void **state)
{
    (void)state;
    assert_true(ci_clean_shape(0) == 1 && ci_clean_shape(0.5) == 0 && ci_clean_shape(0.7) == 0);
    /* (1 - 4/16) (1 + cos(pi / 2)) / 2 */
    assert_float_equal(ci_clean_shape(0.25), 0.375, 1e-12);
    ci_clean_transform t = {0};
    assert_int_equal(ci_clean_transform_new(comm, &t), CI_OK);
    for (double q = 0; q < 8; q += 0.37) {
        double got = ci_clean_transform_at(&t, q), want = direct_transform(201, q / 201);
        assert_float_equal(got, want, 5e-5);
    }
    assert_true(ci_clean_transform_at(&t, 1e9) == 0);
    ci_mem_free(t.value);
}

/* Two scales of a line of pixels under a PSF that is one pixel: the wide one is 1/4, 1/2, 1/4.
 * Values of the wide scale are the line convolved with it, over its norm. */
enum
{
    N = 41,
    HALF = 8
};
static const double wide[3] = {0.25, 0.5, 0.25};

static void line_convolve(const double *from, double *to)
{
    for (int i = 0; i < N; i++) {
        to[i] = 0;
        for (int k = -1; k <= 1; k++)
            if (i + k >= 0 && i + k < N) to[i] += wide[k + 1] * from[i + k];
    }
}

/* The middle row of a patch of the line's values about its centre; a line needs no other. */
static void patch_fill(ci_clean_patch *p, float *value, const double *line, double factor)
{
    memset(value, 0, (2 * HALF + 1) * (2 * HALF + 1) * sizeof *value);
    for (int i = -HALF; i <= HALF; i++)
        value[HALF * (2 * HALF + 1) + HALF + i] = (float)(factor * line[N / 2 + i]);
    *p = (ci_clean_patch){HALF, value};
}

static void test_minor(void **state)
{
    (void)state;
    static float value[3][(2 * HALF + 1) * (2 * HALF + 1)];
    static ci_clean_active active[2 * N];
    static double flux[2 * N];
    double line[3][N] = {{0}}, sky[N] = {0}, seen[N], bias = 0.9;
    line[0][N / 2] = 1;
    line_convolve(line[0], line[1]);
    line_convolve(line[1], line[2]);
    double norm = sqrt(line[2][N / 2]);
    ci_clean_patch patch[4];
    patch_fill(&patch[0], value[0], line[0], 1);
    patch_fill(&patch[1], value[1], line[1], 1 / norm);
    patch_fill(&patch[3], value[2], line[2], 1 / (norm * norm));
    patch[2] = patch[1];
    const float ratio[4] = {1, (float)bias, (float)(1 / bias), 1};
    /* 3 Jy at pixel 30; 8 Jy of the wide shape about 12. */
    sky[30] = 3;
    for (int k = -1; k <= 1; k++)
        sky[12 + k] += 8 * wide[k + 1];
    line_convolve(sky, seen);
    for (int i = 0; i < N; i++) {
        active[i] = (ci_clean_active){i, 0, (float)sky[i], 1e-3f, 1e-3f, false, 0};
        active[N + i] =
            (ci_clean_active){i, 0, (float)(seen[i] * bias / norm), 1e-3f, 1e-3f, false, 1};
    }
    ci_clean_minor_result result;
    ci_clean_minor_limits limits = {0.1, 0, 5000, 2, ratio};
    assert_int_equal(ci_clean_minor_clark(patch, 2 * N, active, flux, &limits, &result), CI_OK);
    assert_float_equal(flux[30], 3, 0.01);
    assert_float_equal(flux[N + 12] / (norm * bias), 8, 0.1);
    double rest[N], model[N], sum = 0;
    for (int i = 0; i < N; i++) {
        rest[i] = flux[N + i] / (norm * bias);
        sum += flux[i] + rest[i];
    }
    line_convolve(rest, model);
    assert_float_equal(sum, 11, 0.02);
    for (int i = 0; i < N; i++)
        assert_float_equal(sky[i] - flux[i] - model[i], active[i].value, 2e-5);
}

static void test_restore(void **state)
{
    (void)state;
    enum
    {
        SIDE = 96
    };
    static double pixels[SIDE * SIDE], extended[SIDE * SIDE], residual[SIDE * SIDE];
    static double restored[SIDE * SIDE], points[SIDE * SIDE];
    ci_grid_layout *l = NULL;
    assert_int_equal(ci_grid_layout_new(comm, &l, SIDE, SIDE, 0, SIDE), CI_OK);
    for (int y = -12; y <= 12; y++)
        for (int x = -12; x <= 12; x++)
            extended[(40 + y) * SIDE + 50 + x] = ci_clean_shape(hypot(x, y) / 25);
    ci_num_beam beam = {6, 4, 0.5};
    assert_int_equal(ci_image_restore(comm, l, (ci_image_sky){pixels, NULL, 0, extended}, residual,
                                      beam, restored),
                     CI_OK);
    assert_int_equal(
        ci_image_restore(comm, l, (ci_image_sky){extended, NULL, 0, NULL}, residual, beam, points),
        CI_OK);
    double peak = points[40 * SIDE + 50];
    assert_true(peak > 20);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        assert_float_equal(restored[i], points[i], 2e-6 * peak);
    ci_grid_layout_free(l);
}

int main(void)
{
    if (ci_comm_self(&comm) != CI_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shape), cmocka_unit_test(test_minor),
                                       cmocka_unit_test(test_restore)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ci_comm_free(comm);
    return failed;
}
