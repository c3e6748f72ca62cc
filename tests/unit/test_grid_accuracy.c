/* The gridder against direct sums: fields, ranges of w, accuracies, both precisions, both
 * directions; adjointness; a point in each quadrant.
 * ci-test: timeout=600 */
#include "grid_case.h"
#include "../../src/grid/direct.h"
#include "grid/operator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

static ci_comm *self;

typedef struct field
{
    const char *name;
    size_t n_x, n_y;
    double cell_arcsec;
    grid_case samples;
} field;

enum
{
    N_PLAIN = 7 /* then those that are gridded with a slant */
};

static const field fields[] = {
    {"w = 0", 128, 128, 10, {2, 40, 16, 1.30e9, 5e6, 900, 900, 0, false, 0}},
    {"constant declination", 180, 120, 20, {2, 40, 16, 1.30e9, 5e6, 800, 400, 300, false, 0}},
    {"odd, not square", 75, 210, 30, {1, 60, 24, 1.0e9, 20e6, 500, 300, 1500, false, 0}},
    {"very wide", 512, 512, 120, {2, 30, 12, 134.4e6, 1.28e6, 900, 900, 700, false, 0}},
    {"to the horizon", 128, 128, 3600, {1, 40, 8, 100e6, 2e6, 60, 60, 40, false, 0}},
    {"coarse pixels", 64, 64, 400, {1, 40, 8, 1.4e9, 10e6, 900, 900, 300, false, 0}},
    {"one w", 100, 100, 60, {1, 40, 8, 1.4e9, 0.001, 300, 300, 0, false, 0}},
    {"tilted", 512, 480, 22, {2, 60, 16, 1.3e9, 5e6, 300, 300, 3, false, -0.2}},
    {"tilted, odd", 301, 203, 40, {2, 60, 16, 1.3e9, 5e6, 300, 250, 1, false, 0.3}},
};

static size_t pick_pixels(const field *f, size_t *pixel)
{
    size_t n = 0;
    for (size_t y = 0; y < f->n_y; y++)
        for (size_t x = 0; x < f->n_x; x++)
            if ((y * f->n_x + x) % 31 == 7) pixel[n++] = y * f->n_x + x;
    return n;
}

static double image_error(const field *f, const ci_grid_geometry *geometry, const grid_share *share,
                          const double *slab)
{
    size_t *pixel = malloc(f->n_x * f->n_y * sizeof *pixel);
    double *truth = malloc(f->n_x * f->n_y * sizeof *truth), error = 0, power = 0;
    size_t n = pick_pixels(f, pixel);
    ci_grid_direct_image(geometry, share->samples, share->vis_double, pixel, n, truth);
    for (size_t i = 0; i < n; i++) {
        double d = slab[pixel[i]] - truth[i];
        error += d * d;
        power += truth[i] * truth[i];
    }
    free(pixel);
    free(truth);
    return sqrt(error / power);
}

/* Predicts a sparse sky and compares every 7th sample. */
static double sample_error(const field *f, const ci_grid_geometry *geometry, ci_grid_operator *g,
                           grid_share *share)
{
    double *sky = calloc(f->n_x * f->n_y, sizeof *sky), error = 0, power = 0;
    for (uint64_t i = 0; i < 40; i++)
        sky[(size_t)((grid_random(i) + 1) / 2 * (double)(f->n_x * f->n_y))] = grid_random(i + 99);
    assert_int_equal(ci_grid_degrid_double(self, g, sky, share->vis_double), CI_OK);
    size_t n = 0;
    const ci_vis_samples *s = share->samples;
    for (size_t r = 0; r < s->n_row; r++)
        for (size_t i = s->first[r]; i < s->first[r + 1]; i++) {
            if (!(s->weight[i] > 0)) {
                assert_true(share->vis_double[i] == 0.0);
                continue;
            }
            if (n++ % 7) continue;
            ci_c64 truth = ci_grid_direct_sample(geometry, s->uvw_m + 3 * r,
                                                 ci_vis_row_freq(s, r)[i - s->first[r]], sky);
            error += pow(cabs(truth - share->vis_double[i]), 2);
            power += pow(cabs(truth), 2);
        }
    free(sky);
    return sqrt(error / power);
}

static void check_field(const field *f, double accuracy, bool divide_by_n)
{
    ci_grid_geometry geometry = {f->n_x, f->n_y, f->cell_arcsec * CI_ARCSEC_TO_RAD, accuracy,
                                 divide_by_n};
    grid_share share;
    ci_grid_operator *g = NULL;
    double *slab = malloc(f->n_x * f->n_y * sizeof *slab);
    assert_int_equal(
        grid_share_make(&f->samples, 0, f->samples.n_sub_band * f->samples.n_row, &share), CI_OK);
    if (strcmp(f->name, "one w") == 0)
        for (size_t i = 0; i < share.samples->n_row; i++)
            share.samples->uvw_m[3 * i + 2] = share.samples->uvw_m[3 * i] < 0 ? -200.0 : 200.0;
    if (ci_grid_operator_new(self, &g, &geometry, share.samples) != CI_OK)
        fail_msg("%s", ci_error_text());
    ci_grid_numbers n;
    ci_grid_operator_numbers(g, &n);
    assert_int_equal(ci_grid_image_double(self, g, share.vis_double, slab), CI_OK);
    double grid = image_error(f, &geometry, &share, slab);
    double degrid = sample_error(f, &geometry, g, &share);
    printf("%-22s asked %.0e promised %.1e: image %.1e, samples %.1e (%s, %zu x %zu, kernel %d, "
           "%d planes of %d, %d pairs)\n",
           f->name, accuracy, n.error, grid, degrid, n.is_double ? "double" : "single", n.n_u,
           n.n_v, n.support_uv, n.n_plane, n.support_w, n.n_pair);
    assert_true(grid <= accuracy);
    assert_true(degrid <= accuracy);
    ci_grid_operator_free(g);
    grid_share_free(&share);
    free(slab);
}

static void test_accuracy(void **state)
{
    (void)state;
    static const double accuracies[] = {1e-3, 1e-4, 1e-5, 1e-7, 1e-9, 1e-11};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (size_t j = 0; j < sizeof accuracies / sizeof accuracies[0]; j++)
            check_field(&fields[i], accuracies[j], false);
    check_field(&fields[3], 1e-6, true);
    check_field(&fields[1], 5e-6, false);
    check_field(&fields[1], 1e-12, false);
}

/* Where baselines lie near a plane, and accuracy is what images of a survey ask for, a slanted
 * image needs fewer terms; of all pixels of the image, and divided by n. */
static void test_slant(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const field *f = &fields[N_PLAIN + i];
        ci_grid_geometry geometry = {f->n_x, f->n_y, f->cell_arcsec * CI_ARCSEC_TO_RAD, 1e-4,
                                     false};
        grid_share share;
        ci_grid_plan with, without;
        for (int k = 0; k < 2; k++) {
            grid_case samples = f->samples;
            ci_grid_operator *g = NULL;
            if (k == 1) samples.w_m = fabs(samples.tilt) * samples.v_m, samples.tilt = 0;
            assert_int_equal(
                grid_share_make(&samples, 0, samples.n_sub_band * samples.n_row, &share), CI_OK);
            assert_int_equal(ci_grid_operator_new(self, &g, &geometry, share.samples), CI_OK);
            *(k == 0 ? &with : &without) = g->plan;
            ci_grid_operator_free(g);
            grid_share_free(&share);
        }
        assert_true(with.slant.is_on && !without.slant.is_on);
        assert_true(fabs(with.slant.slope - f->samples.tilt) < 0.01);
        assert_true(with.n_plane < without.n_plane && with.n_y > f->n_y);
        check_field(f, 1e-4, true);
        check_field(f, 1e-3, false);
    }
}

static void test_adjoint(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++) {
        const field *f = &fields[k];
        ci_grid_geometry geometry = {f->n_x, f->n_y, f->cell_arcsec * CI_ARCSEC_TO_RAD,
                                     k < N_PLAIN ? 1e-7 : 1e-4, false};
        grid_case samples = f->samples;
        samples.no_weights = true;
        size_t n_pixel = f->n_x * f->n_y;
        double *x = malloc(n_pixel * sizeof *x), *gy = malloc(n_pixel * sizeof *gy);
        grid_share y, gx;
        ci_grid_operator *g = NULL;
        size_t n_row = samples.n_sub_band * samples.n_row;
        assert_int_equal(grid_share_make(&samples, 0, n_row, &y), CI_OK);
        assert_int_equal(grid_share_make(&samples, 0, n_row, &gx), CI_OK);
        for (size_t i = 0; i < n_pixel; i++)
            x[i] = grid_random(i + 5);
        assert_int_equal(ci_grid_operator_new(self, &g, &geometry, y.samples), CI_OK);
        assert_int_equal(ci_grid_image_double(self, g, y.vis_double, gy), CI_OK);
        assert_int_equal(ci_grid_degrid_double(self, g, x, gx.vis_double), CI_OK);
        double left = 0, right = 0, norm_gx = 0, norm_y = 0;
        for (size_t i = 0; i < y.samples->n_sample; i++) {
            if (!(y.samples->weight[i] > 0)) continue;
            ci_c64 a = gx.vis_double[i], c = y.vis_double[i];
            left += creal(conj(a) * c);
            norm_gx += pow(cabs(a), 2);
            norm_y += pow(cabs(c), 2);
        }
        for (size_t i = 0; i < n_pixel; i++)
            right += x[i] * gy[i];
        double difference = fabs(left - right) / sqrt(norm_gx * norm_y);
        printf("%-22s <Gx,y> %.12e <x,G*y> %.12e difference %.1e\n", f->name, left, right,
               difference);
        bool is_double = k < N_PLAIN;
        assert_true(difference < (is_double ? 1e-12 : 1e-6));
        if (is_double) assert_true(fabs(left - right) < 1e-10 * fabs(left));
        ci_grid_operator_free(g);
        grid_share_free(&y);
        grid_share_free(&gx);
        free(x);
        free(gy);
    }
}

/* A source away from the centre, in each quadrant: the dirty image peaks on its pixel. */
static void test_quadrants(void **state)
{
    (void)state;
    grid_case samples = {1, 400, 8, 1.3e9, 10e6, 900, 900, 400, true, 0};
    ci_grid_geometry geometry = {160, 128, 12 * CI_ARCSEC_TO_RAD, 1e-4, false};
    for (int q = 0; q < 4; q++) {
        size_t x0 = q & 1 ? 133 : 21, y0 = q & 2 ? 101 : 17, best = 0;
        double l = -((double)x0 - 80.0) * geometry.cell_rad;
        double m = ((double)y0 - 64.0) * geometry.cell_rad, n1 = sqrt(1 - l * l - m * m) - 1;
        double slab[160 * 128], sum = 0;
        grid_share share;
        ci_grid_operator *g = NULL;
        assert_int_equal(grid_share_make(&samples, 0, samples.n_row, &share), CI_OK);
        ci_vis_samples *s = share.samples;
        for (size_t i = 0; i < s->n_sample; i++) {
            const double *uvw = s->uvw_m + 3 * (i / s->n_freq);
            double turns =
                (uvw[0] * l + uvw[1] * m + uvw[2] * n1) * s->freq_hz[i % s->n_freq] / CI_C_M_S;
            share.vis[i] = (ci_c32)cexp(I * CI_TWO_PI * turns);
            sum += s->weight[i];
        }
        assert_int_equal(ci_grid_operator_new(self, &g, &geometry, s), CI_OK);
        assert_int_equal(ci_grid_image(self, g, share.vis, slab), CI_OK);
        for (size_t i = 1; i < 160 * 128; i++)
            if (slab[i] > slab[best]) best = i;
        assert_int_equal(best, y0 * 160 + x0);
        assert_true(fabs(slab[best] / sum - 1.0) < 1e-3);
        assert_int_equal(ci_grid_psf(self, g, slab), CI_OK);
        assert_true(fabs(slab[64 * 160 + 80] / sum - 1.0) < 1e-3);
        ci_grid_operator_free(g);
        grid_share_free(&share);
    }
}

/* Rows that follow each other with other channels, and other numbers of them. */
static void test_mixed_axes(void **state)
{
    (void)state;
    enum
    {
        N_ROW = 300,
        N = 64
    };
    const grid_case c = {2, N_ROW, 9, 1.3e9, 10e6, 900, 900, 300, false, 0};
    const ci_grid_geometry geometry = {N, N, 20 * CI_ARCSEC_TO_RAD, 1e-5, false};
    ci_vis_meta *meta = NULL;
    ci_vis_samples *s = NULL;
    ci_grid_operator *g = NULL;
    static ci_c64 vis[9 * N_ROW];
    static double slab[N * N], truth[N * N];
    static size_t pixel[N * N];
    assert_int_equal(grid_meta_new(&meta, &c), CI_OK);
    meta->sub_band[0].n_chan = 4;
    assert_int_equal(ci_vis_samples_new(&s, meta, N_ROW, 9 * N_ROW), CI_OK);
    ci_vis_meta_free(meta);
    for (size_t i = 0; i < N_ROW; i++) {
        const ci_vis_row row = {.uvw_m = {900 * grid_random(3 * i), 900 * grid_random(3 * i + 1),
                                          300 * grid_random(3 * i + 2)},
                                .i_axis = i % 3 == 0};
        for (size_t k = s->n_sample; k < s->n_sample + s->axis[row.i_axis].n_chan; k++) {
            s->natural[k] = (float)(1.5 + grid_random(7000 + k));
            vis[k] = grid_random(9000 + k) + I * grid_random(90000 + k);
        }
        ci_vis_samples_add(s, &row);
    }
    assert_int_equal(s->n_sample, 100 * 9 + 200 * 4);
    assert_int_equal(ci_vis_samples_close(self, s), CI_OK);
    assert_int_equal(ci_grid_operator_new(self, &g, &geometry, s), CI_OK);
    assert_int_equal(ci_grid_image_double(self, g, vis, slab), CI_OK);
    for (size_t i = 0; i < N * N; i++)
        pixel[i] = i;
    ci_grid_direct_image(&geometry, s, vis, pixel, N * N, truth);
    double error = 0, power = 0;
    for (size_t i = 0; i < N * N; i++) {
        error += (slab[i] - truth[i]) * (slab[i] - truth[i]);
        power += truth[i] * truth[i];
    }
    assert_true(sqrt(error / power) < geometry.accuracy);
    ci_grid_operator_free(g);
    ci_vis_samples_free(s);
}

/* The image of one field's samples and what it predicts for them, with one instruction set. */
static void both_ways(const field *f, double accuracy, ci_isa isa, double *image, grid_share *share)
{
    ci_grid_geometry geometry = {f->n_x, f->n_y, f->cell_arcsec * CI_ARCSEC_TO_RAD, accuracy,
                                 false};
    ci_grid_operator *g = NULL;
    assert_int_equal(ci_comm_isa_set(self, isa), CI_OK);
    assert_int_equal(
        grid_share_make(&f->samples, 0, f->samples.n_sub_band * f->samples.n_row, share), CI_OK);
    assert_int_equal(ci_grid_operator_new(self, &g, &geometry, share->samples), CI_OK);
    assert_int_equal(ci_grid_image_double(self, g, share->vis_double, image), CI_OK);
    assert_int_equal(ci_grid_degrid_double(self, g, image, share->vis_double), CI_OK);
    ci_grid_operator_free(g);
}

/* Every instruction set that this machine has: the bytes of plain C, with terms and with planes,
 * in both precisions. */
static void test_instructions(void **state)
{
    (void)state;
    static const double accuracies[] = {1e-3, 1e-4, 1e-7};
    for (size_t k = 0; k < 12; k++) {
        const field *f = &fields[k % 4 < 3 ? k % 4 + 1 : N_PLAIN + 1];
        size_t n_pixel = f->n_x * f->n_y;
        double *image[2] = {malloc(n_pixel * sizeof(double)), malloc(n_pixel * sizeof(double))};
        grid_share share[2];
        both_ways(f, accuracies[k / 4], CI_ISA_PLAIN, image[0], &share[0]);
        for (int isa = CI_ISA_PLAIN + 1; isa < CI_ISA_COUNT && ci_isa_has((ci_isa)isa); isa++) {
            both_ways(f, accuracies[k / 4], (ci_isa)isa, image[1], &share[1]);
            assert_memory_equal(image[0], image[1], n_pixel * sizeof(double));
            assert_memory_equal(share[0].vis_double, share[1].vis_double,
                                share[0].samples->n_sample * sizeof(ci_c64));
            grid_share_free(&share[1]);
        }
        grid_share_free(&share[0]);
        free(image[0]);
        free(image[1]);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    grid_case samples = {1, 1, 4, 1e9, 1e6, 100, 100, 10, true, 0};
    ci_grid_geometry geometry = {32, 32, 1e-4, 1e-4, false};
    grid_share share;
    ci_grid_operator *g = NULL;
    double slab[32 * 32] = {0};
    assert_int_equal(grid_share_make(&samples, 0, 1, &share), CI_OK);
    memset(share.samples->weight, 0, 4 * sizeof(float));
    assert_int_equal(ci_grid_operator_new(self, &g, &geometry, share.samples), CI_OK);
    slab[5] = 1.0;
    assert_int_equal(ci_grid_image(self, g, share.vis, slab), CI_OK);
    for (size_t i = 0; i < 32 * 32; i++)
        assert_true(slab[i] == 0.0);
    assert_int_equal(ci_grid_degrid(self, g, slab, share.vis), CI_OK);
    ci_grid_operator_free(g);
    grid_share none;
    assert_int_equal(grid_share_make(&samples, 0, 0, &none), CI_OK);
    assert_int_equal(ci_grid_operator_new(self, &g, &geometry, none.samples), CI_OK);
    assert_int_equal(ci_grid_image(self, g, none.vis, slab), CI_OK);
    grid_share_free(&none);
    ci_grid_operator_free(g);
    geometry.accuracy = 1e-14;
    assert_int_equal(ci_grid_operator_new(self, &g, &geometry, share.samples), CI_ERR_USAGE);
    assert_null(g);
    geometry = (ci_grid_geometry){32, 32, -1.0, 1e-4, false};
    assert_int_equal(ci_grid_operator_new(self, &g, &geometry, share.samples), CI_ERR_USAGE);
    grid_share_free(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),   cmocka_unit_test(test_slant),
        cmocka_unit_test(test_adjoint),    cmocka_unit_test(test_quadrants),
        cmocka_unit_test(test_mixed_axes), cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_nothing)};
    if (ci_comm_self(&self) != CI_OK) return 1;
    size_t before = ci_mem_now();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (ci_mem_now() != before) {
        fprintf(stderr, "%zu bytes not freed\n", ci_mem_now() - before);
        failed++;
    }
    ci_comm_free(self);
    return failed;
}
