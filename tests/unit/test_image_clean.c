/* Beam fit, minor cycle, restoring, distributed statistics as one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/clean/minor.h"
#include "../../src/clean/rms.h"
#include "../../src/image/beam_fit.h"
#include "../../src/image/restore.h"

static ci_comm *comm;

static double gauss(double x, double y, double major, double minor, double pa)
{
    /* pa from +y towards -x */
    double along = -x * sin(pa) + y * cos(pa), across = x * cos(pa) + y * sin(pa);
    return exp(-4 * log(2) * (along * along / (major * major) + across * across / (minor * minor)));
}

/* ---- beam fit ---------------------------------------------------------------------------- */

enum
{
    N = 129,
    C = N / 2
};
static float patch[N * N];

static void check_fit(double major, double minor, double pa, double tolerance)
{
    ci_image_beam_fit fit;
    assert_int_equal(ci_image_beam_fit_patch(patch, N, &fit), CI_OK);
    assert_false(fit.touches_edge);
    assert_float_equal(fit.major / major, 1, tolerance);
    assert_float_equal(fit.minor / minor, 1, tolerance);
    assert_float_equal(sin(fit.pa_rad - pa), 0, 2 * tolerance);
}

static void test_fit_gaussian(void **state)
{
    (void)state;
    static const double cases[][3] = {{4, 4, 0},   {6.3, 3.1, 0.4}, {6.3, 3.1, -1.2},
                                      {9, 4, 1.5}, {20, 5, -0.01},  {3, 2.2, 0.8}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        for (int i = 0; i < N * N; i++)
            patch[i] = (float)gauss(i % N - C, i / N - C, cases[k][0], cases[k][1], cases[k][2]);
        check_fit(cases[k][0], cases[k][1], cases[k][2], 1e-4);
    }
}

/* A core of 12 x 9 pixels with a ring that rises again to 0.65 at 27 pixels on two sides, as
 * natural PSFs of arrays with a dense core do: "above 0.5" would take the ring in. */
static void test_fit_rising_sidelobe(void **state)
{
    (void)state;
    for (int i = 0; i < N * N; i++) {
        double x = i % N - C, y = i / N - C;
        double core = 0.45 * gauss(x, y, 12, 9, 0.3);
        double base = 0.55 * gauss(x, y, 80, 80, 0);
        double lobe = 0.2 * (gauss(x - 27, y, 14, 14, 0) + gauss(x + 27, y, 14, 14, 0));
        patch[i] = (float)((core + base + lobe) / (0.45 + 0.55 + 0.4 * gauss(27, 0, 14, 14, 0)));
    }
    ci_image_beam_fit fit;
    assert_int_equal(ci_image_beam_fit_patch(patch, N, &fit), CI_OK);
    assert_false(fit.touches_edge);
    /* The saddle towards the lobe lies between core and lobe, well above 0.5. */
    double saddle = 2;
    for (int x = 0; x < 27; x++)
        saddle = fmin(saddle, patch[C * N + C + x]);
    assert_true(saddle > 0.5 && patch[C * N + C + 27] > saddle + 0.01);
    assert_float_equal(fit.level, saddle + 0.02, 1e-6);
    assert_true(fit.major < 25 && fit.minor > 9);
}

static void test_fit_coarse(void **state)
{
    (void)state;
    for (int i = 0; i < N * N; i++)
        patch[i] = (float)gauss(i % N - C, i / N - C, 1.2, 1.0, 0);
    check_fit(1.2, 1.0, 0, 1e-3);
    for (int i = 0; i < N * N; i++)
        patch[i] = (float)cos(0.2 * (i % N - C)); /* an east-west array's PSF */
    ci_image_beam_fit fit;
    assert_int_equal(ci_image_beam_fit_patch(patch, N, &fit), CI_OK);
    assert_true(fit.touches_edge && fit.major > 100 && fit.minor < 20);
    assert_float_equal(fit.pa_rad, 0, 1e-3);
}

/* ---- minor cycle --------------------------------------------------------------------------- */

enum
{
    H = 40,
    S = 2 * H + 1,
    M = 64
};
static float psf[S * S];
static double image[M * M], truth[M * M];

static float psf_at(double x, double y)
{
    double r = hypot(x, y);
    return (float)(gauss(x, y, 4, 3, 0.5) * 0.8 + 0.2 * cos(0.9 * r) * exp(-r / 30));
}

static void minor_prepare(void)
{
    for (int i = 0; i < S * S; i++)
        psf[i] = psf_at(i % S - H, i / S - H);
    memset(truth, 0, sizeof truth);
    memset(image, 0, sizeof image);
    truth[20 * M + 30] = 10;
    truth[22 * M + 36] = 1;
    truth[50 * M + 11] = -2;
    for (int s = 0; s < M * M; s++)
        for (int i = 0; truth[s] != 0 && i < M * M; i++)
            if (abs(i % M - s % M) <= H && abs(i / M - s / M) <= H)
                image[i] += truth[s] * psf[(i / M - s / M + H) * S + i % M - s % M + H];
}

static void test_minor(void **state)
{
    (void)state;
    minor_prepare();
    ci_clean_patch p = {H, psf};
    static ci_clean_active active[M * M];
    static double flux[M * M];
    memset(flux, 0, sizeof flux);
    for (int i = 0; i < M * M; i++)
        active[i] = (ci_clean_active){i % M, i / M, (float)image[i], 0.01f, 0.005f, false, 0};
    ci_clean_minor_limits limits = {0.1, 0, 5000, 0, NULL};
    ci_clean_minor_result result;
    assert_int_equal(ci_clean_minor_clark(&p, M * M, active, flux, &limits, &result), CI_OK);
    assert_true(!result.diverged && result.n_iteration > 100 && result.n_iteration < 5000);
    double sum[3] = {0};
    for (int i = 0; i < M * M; i++) {
        int x = i % M, y = i / M;
        if (hypot(x - 30, y - 20) < 2.5) sum[0] += flux[i];
        if (hypot(x - 36, y - 22) < 2.5) sum[1] += flux[i];
        if (hypot(x - 11, y - 50) < 2.5) sum[2] += flux[i];
        assert_true(fabsf(active[i].value) <= 0.0101f);
    }
    assert_float_equal(sum[0], 10, 0.03);
    assert_float_equal(sum[1], 1, 0.03);
    assert_float_equal(sum[2], -2, 0.03);

    /* What is left is the image less the components, to float rounding. */
    for (int i = 0; i < M * M; i += 37) {
        double left = image[i];
        for (int s = 0; s < M * M; s++)
            if (flux[s] != 0 && abs(i % M - s % M) <= H && abs(i / M - s / M) <= H)
                left -= flux[s] * psf[(i / M - s / M + H) * S + i % M - s % M + H];
        assert_float_equal(active[i].value, left, 1e-4);
    }

    /* The depth, the limit and the thresholds are kept. */
    for (int i = 0; i < M * M; i++)
        active[i].value = (float)image[i];
    limits = (ci_clean_minor_limits){0.1, 2.5, 5000, 0, NULL};
    assert_int_equal(ci_clean_minor_clark(&p, M * M, active, flux, &limits, &result), CI_OK);
    for (int i = 0; i < M * M; i++)
        assert_true(fabsf(active[i].value) <= 2.5f);
    for (int i = 0; i < M * M; i++)
        active[i].value = (float)image[i];
    limits = (ci_clean_minor_limits){0.1, 0, 7, 0, NULL};
    assert_int_equal(ci_clean_minor_clark(&p, M * M, active, flux, &limits, &result), CI_OK);
    assert_int_equal(result.n_iteration, 7);
}

/* The first component is the gain times the greatest pixel. */
static void test_minor_gain(void **state)
{
    (void)state;
    minor_prepare();
    ci_clean_patch p = {H, psf};
    static ci_clean_active active[M * M];
    static double flux[M * M];
    int peak = 0;
    for (int i = 0; i < M * M; i++) {
        active[i] = (ci_clean_active){i % M, i / M, (float)image[i], 0.01f, 0.005f, false, 0};
        if (fabs(image[i]) > fabs(image[peak])) peak = i;
    }
    ci_clean_minor_limits limits = {0.1, 0, 1, 0, NULL};
    ci_clean_minor_result result;
    assert_int_equal(ci_clean_minor_clark(&p, M * M, active, flux, &limits, &result), CI_OK);
    assert_float_equal(flux[peak], 0.1 * image[peak], 1e-6);
}

/* A PSF patch that has nothing to do with the image: the loop stops by itself. */
static void test_minor_diverges(void **state)
{
    (void)state;
    minor_prepare();
    for (int i = 0; i < S * S; i++)
        psf[i] = i == H * S + H ? 1 : -1.5f;
    ci_clean_patch p = {H, psf};
    static ci_clean_active active[M * M];
    static double flux[M * M];
    for (int i = 0; i < M * M; i++)
        active[i] = (ci_clean_active){i % M, i / M, (float)image[i], 0.01f, 0.005f, false, 0};
    ci_clean_minor_limits limits = {0.5, 0, 100000, 0, NULL};
    ci_clean_minor_result result;
    assert_int_equal(ci_clean_minor_clark(&p, M * M, active, flux, &limits, &result), CI_OK);
    assert_true(result.diverged && result.n_iteration < 100);
}

/* ---- slabs, as one process ------------------------------------------------------------------- */

static void test_restore(void **state)
{
    (void)state;
    static double model[M * M], residual[M * M], restored[M * M];
    memset(model, 0, sizeof model);
    for (int i = 0; i < M * M; i++)
        residual[i] = 1e-3 * sin(i);
    model[30 * M + 20] = 2;
    model[31 * M + 20] = 3;
    model[0 * M + 63] = -1;
    ci_grid_layout *l = NULL;
    assert_int_equal(ci_grid_layout_new(comm, &l, M, M, 0, M), CI_OK);
    ci_num_beam beam = {7, 4, 0.6};
    assert_int_equal(
        ci_image_restore(comm, l, (ci_image_sky){model, NULL, 0, NULL}, residual, beam, restored),
        CI_OK);
    ci_num_gaussian g = {.peak = 1, .major = 7, .minor = 4, .pa_rad = 0.6};
    for (int i = 0; i < M * M; i++) {
        double x = i % M, y = i / M;
        double want = residual[i] + 2 * gauss(x - 20, y - 30, 7, 4, 0.6) +
                      3 * gauss(x - 20, y - 31, 7, 4, 0.6) - gauss(x - 63, y, 7, 4, 0.6);
        assert_float_equal(restored[i], want, 2e-7);
        /* and num's idea of a position angle is ours */
        assert_float_equal(ci_num_gaussian_value(&g, x - 20, y - 30),
                           gauss(x - 20, y - 30, 7, 4, 0.6), 1e-9);
    }
    ci_grid_layout_free(l);
}

/* A source between pixels is restored at its place; painted on pixels it has its flux and place,
 * and its visibilities at half the highest spatial frequency. */
static void test_points(void **state)
{
    (void)state;
    static double model[M * M], residual[M * M], restored[M * M];
    const ci_clean_point points[2] = {{20.37, 30.81, 2}, {45.5, 9.02, -0.5}};
    ci_grid_layout *l = NULL;
    memset(model, 0, sizeof model);
    memset(residual, 0, sizeof residual);
    assert_int_equal(ci_grid_layout_new(comm, &l, M, M, 0, M), CI_OK);
    ci_num_beam beam = {7, 4, 0.6};
    assert_int_equal(
        ci_image_restore(comm, l, (ci_image_sky){model, points, 2, NULL}, residual, beam, restored),
        CI_OK);
    for (int i = 0; i < M * M; i++) {
        double x = i % M, y = i / M;
        double want =
            2 * gauss(x - 20.37, y - 30.81, 7, 4, 0.6) - 0.5 * gauss(x - 45.5, y - 9.02, 7, 4, 0.6);
        assert_float_equal(restored[i], want, 2e-7);
    }
    ci_clean_points_pixelise(l, points, 1, model);
    double sum = 0, x_sum = 0, y_sum = 0, re = 0, im = 0;
    for (int i = 0; i < M * M; i++) {
        double x = i % M, y = i / M, turn = 2 * CI_PI * 0.25 * (x - 20.37);
        sum += model[i];
        x_sum += model[i] * x;
        y_sum += model[i] * y;
        re += model[i] * cos(turn);
        im += model[i] * sin(turn);
    }
    assert_float_equal(sum, 2, 1e-9);
    assert_float_equal(x_sum / 2, 20.37, 3e-3);
    assert_float_equal(y_sum / 2, 30.81, 3e-3);
    assert_float_equal(hypot(re - 2, im), 0, 2e-3);
    ci_grid_layout_free(l);
}

static void test_statistics(void **state)
{
    (void)state;
    enum
    {
        NX = 200,
        NY = 150
    };
    static double slab[NX * NY];
    static float copy[NX * NY];
    uint32_t seed = 1;
    for (int i = 0; i < NX * NY; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++) {
            seed = seed * 1664525u + 1013904223u;
            sum += seed / 4294967296.0;
        }
        slab[i] = sum * (i % NX < NX / 2 ? 1 : 3) + 0.1;
        copy[i] = (float)slab[i];
    }
    ci_grid_layout *l = NULL;
    assert_int_equal(ci_grid_layout_new(comm, &l, NX, NY, 0, NY), CI_OK);
    double rms;
    assert_int_equal(ci_grid_slab_rms(comm, l, slab, &rms), CI_OK);
    assert_float_equal(rms, ci_num_mad_sigma_float(copy, NX * NY), 1e-6);
    ci_clean_rms_mesh *mesh = NULL;
    assert_int_equal(ci_clean_rms_mesh_new(comm, &mesh, l, slab, 50, false), CI_OK);
    assert_true(mesh->n_box_x == 4 && mesh->n_box_y == 3);
    float least = ci_clean_rms_mesh_row(mesh, 75);
    for (size_t x = 0; x < NX; x++)
        assert_true(ci_clean_rms_mesh_at(mesh, x) >= least);
    assert_float_equal(least, 1, 0.06);
    assert_float_equal(ci_clean_rms_mesh_at(mesh, 10), 1, 0.06);
    assert_float_equal(ci_clean_rms_mesh_at(mesh, NX - 10), 3, 0.18);
    float middle = ci_clean_rms_mesh_at(mesh, NX / 2);
    assert_true(middle > 1.7 && middle < 2.3);
    ci_clean_rms_mesh_free(mesh);
    ci_grid_layout_free(l);
}

static float row_rms(const ci_grid_layout *l, const double *slab, bool is_positive, size_t y,
                     size_t x)
{
    ci_clean_rms_mesh *mesh = NULL;
    assert_int_equal(ci_clean_rms_mesh_new(comm, &mesh, l, slab, 50, is_positive), CI_OK);
    ci_clean_rms_mesh_row(mesh, y);
    float rms = ci_clean_rms_mesh_at(mesh, x);
    ci_clean_rms_mesh_free(mesh);
    return rms;
}

/* Noise of 1 everywhere but in two boxes: one holds a nebula between 4 and 26, the other
 * artefacts of both signs, 5 times the noise. Of a positive sky the nebula is none. */
static void test_rms_of_emission(void **state)
{
    (void)state;
    enum
    {
        NX = 400,
        NY = 400
    };
    static double slab[NX * NY];
    uint32_t seed = 7;
    for (int i = 0; i < NX * NY; i++) {
        double sum = -6, x = i % NX, y = i / NX;
        for (int k = 0; k < 12; k++) {
            seed = seed * 1664525u + 1013904223u;
            sum += seed / 4294967296.0;
        }
        bool nebula = x >= 100 && x < 150 && y >= 100 && y < 150;
        bool artefact = x >= 250 && x < 300 && y >= 250 && y < 300;
        slab[i] = sum * (artefact ? 5 : 1) + (nebula ? 15 + 11 * sin(x / 7) * cos(y / 9) : 0);
    }
    ci_grid_layout *l = NULL;
    assert_int_equal(ci_grid_layout_new(comm, &l, NX, NY, 0, NY), CI_OK);
    assert_true(row_rms(l, slab, false, 125, 125) > 4);
    assert_float_equal(row_rms(l, slab, true, 125, 125), 1, 0.08);
    for (int positive = 0; positive < 2; positive++) {
        assert_float_equal(row_rms(l, slab, positive, 275, 275), 5, 0.4);
        assert_float_equal(row_rms(l, slab, positive, 25, 25), 1, 0.08);
    }
    ci_grid_layout_free(l);
}

static void test_sidelobe(void **state)
{
    (void)state;
    static double slab[N * N];
    for (int i = 0; i < N * N; i++) {
        double x = i % N - C, y = i / N - C;
        slab[i] = gauss(x, y, 8, 6, 0) - 0.31 * gauss(x - 20, y + 14, 6, 6, 0) +
                  0.17 * gauss(x + 30, y, 6, 6, 0);
    }
    ci_grid_layout *l = NULL;
    double sidelobe;
    assert_int_equal(ci_grid_layout_new(comm, &l, N, N, 0, N), CI_OK);
    assert_int_equal(ci_image_sidelobe(comm, l, slab, &sidelobe), CI_OK);
    assert_float_equal(sidelobe, 0.31, 1e-3);
    ci_grid_layout_free(l);
}

int main(void)
{
    if (ci_comm_self(&comm) != CI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit_gaussian), cmocka_unit_test(test_fit_rising_sidelobe),
        cmocka_unit_test(test_fit_coarse),   cmocka_unit_test(test_minor),
        cmocka_unit_test(test_minor_gain),   cmocka_unit_test(test_minor_diverges),
        cmocka_unit_test(test_restore),      cmocka_unit_test(test_points),
        cmocka_unit_test(test_statistics),   cmocka_unit_test(test_rms_of_emission),
        cmocka_unit_test(test_sidelobe),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ci_comm_free(comm);
    return failed;
}
