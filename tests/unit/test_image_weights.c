/* Stokes values, weights, sums and the automatic cell, against small direct versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/image/beam_fit.h"
#include "../../src/image/choose.h"
#include "../../src/image/stokes.h"
#include "../../src/image/weight.h"
#include "image_set.h"

static ci_comm *comm;

static fake_sky small_sky(void)
{
    return fake_sky_small(9, 3, 4);
}

static ci_vis_set *set_new(const fake_sky *sky)
{
    ci_vis_set *set = NULL;
    assert_int_equal(fake_set_new(&set, sky, 1, 0), CI_OK);
    return set;
}

static ci_image_options options_for(int stokes)
{
    ci_image_options o;
    ci_image_options_default(&o);
    o.stokes = stokes;
    return o;
}

/* ---- Stokes ---------------------------------------------------------------------------- */

static ci_vis_stokes recipe(int stokes, size_t n_pol, const int *pol, const int64_t *n_good,
                            bool is_sum, ci_status want)
{
    ci_vis_meta meta = {.n_pol = n_pol, .stokes_is_sum = is_sum};
    memcpy(meta.pol, pol, n_pol * sizeof *pol);
    ci_vis_stokes r = {0};
    assert_int_equal(ci_vis_stokes_find(&r, &meta, stokes, n_good), want);
    return r;
}

static void test_recipes(void **state)
{
    (void)state;
    static const int linear[4] = {-5, -6, -7, -8}, round[4] = {-1, -2, -3, -4};
    static const int64_t all[4] = {9, 9, 9, 9}, no_yy[4] = {9, 0, 9, 9}, none[4] = {0};
    /* Receptor voltages of a source with I, Q, U, V = 7, 2, 3, 4 (docs/science.md, V =
     * (XY - YX)/2i; circular: RR = I + V, RL = Q + iU). */
    const ci_c64 lin[4] = {9, 5, 3 + 4 * I, 3 - 4 * I};
    const ci_c64 circ[4] = {11, 3, 2 + 3 * I, 2 - 3 * I};
    static const char *const names[4] = {"I", "Q", "U", "V"};
    static const double truth[4] = {7, 2, 3, 4};
    for (int k = 0; k < 4; k++)
        for (int is_circular = 0; is_circular < 2; is_circular++) {
            const ci_c64 *v = is_circular ? circ : lin;
            ci_vis_stokes r = recipe(ci_vis_pol_parse(names[k]), 4, is_circular ? round : linear,
                                     all, false, CI_OK);
            assert_int_equal(r.n_pol, 2);
            assert_false(r.is_pseudo_i);
            ci_c64 sum = r.factor[0] * v[r.i_pol[0]] + r.factor[1] * v[r.i_pol[1]];
            assert_true(cabs(sum - truth[k]) < 1e-14);
        }
    ci_vis_stokes r = recipe(CI_VIS_POL_I, 4, linear, no_yy, false, CI_OK);
    assert_true(r.is_pseudo_i && r.n_pol == 1 && r.i_pol[0] == 0 && creal(r.factor[0]) == 1);
    r = recipe(CI_VIS_POL_I, 1, linear + 1, all, true, CI_OK);
    assert_true(r.is_pseudo_i && creal(r.factor[0]) == 2);
    /* Nothing good is no fault of the question. */
    r = recipe(CI_VIS_POL_I, 1, linear, none, false, CI_OK);
    assert_true(r.is_pseudo_i && r.n_pol == 1 && r.i_pol[0] == 0);
    r = recipe(CI_VIS_POL_I, 1, round + 1, none, false, CI_OK);
    assert_true(r.is_pseudo_i && r.n_pol == 1 && r.i_pol[0] == 0);
    r = recipe(CI_VIS_POL_I, 2, linear, none, false, CI_OK);
    assert_true(!r.is_pseudo_i && r.n_pol == 2);
    recipe(CI_VIS_POL_I, 2, linear + 2, none, false, CI_ERR_USAGE);
    recipe(CI_VIS_POL_Q, 1, linear, none, false, CI_ERR_USAGE);
    r = recipe(CI_VIS_POL_I, 2, linear, all, true, CI_OK);
    assert_true(creal(r.factor[0]) == 1 && creal(r.factor[1]) == 1);
    r = recipe(CI_VIS_POL_YY, 4, linear, no_yy, false, CI_OK);
    assert_true(r.n_pol == 1 && r.i_pol[0] == 1 && !r.is_pseudo_i);
    recipe(CI_VIS_POL_XY, 4, linear, all, false, CI_ERR_USAGE);
    assert_non_null(strstr(ci_error_text(), "XX YY XY YX"));
    recipe(CI_VIS_POL_RR, 4, linear, all, false, CI_ERR_USAGE);
    recipe(CI_VIS_POL_U, 2, linear, all, false, CI_ERR_USAGE);
    assert_non_null(strstr(ci_error_text(), "the file has XX YY"));
}

static void test_samples(void **state)
{
    (void)state;
    fake_sky sky = small_sky();
    ci_vis_set *set = set_new(&sky);
    ci_vis_block *b = set->block[0];
    /* Row of baseline (0,1): index 1 in triangle order. */
    size_t r = 1 * sky.n_time;
    b->weight[ci_vis_sample(b, r, 0, 0)] = 4;
    b->weight[ci_vis_sample(b, r, 0, 1)] = 12;
    b->data[ci_vis_sample(b, r, 0, 0)] = 1 + 2 * I;
    b->data[ci_vis_sample(b, r, 0, 1)] = 3 - 1 * I;
    b->flags[ci_vis_sample(b, r, 1, 1)] = CI_VIS_FLAG_FILE;
    b->data[ci_vis_sample(b, r, 2, 0)] = NAN;
    b->flags[ci_vis_sample(b, r, 3, 2)] = CI_VIS_FLAG_FILE; /* XY: of no matter for I */
    ci_image_options o = options_for(CI_VIS_POL_I);
    ci_vis_samples *s = NULL;
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_OK);
    /* Rows of autocorrelations are left out: this is the first. */
    assert_int_equal(s->i_baseline[0], 1);
    assert_true(s->data[0] == (ci_c32)(2 + 0.5 * I));
    assert_float_equal(s->weight[0], 4 / (1.0 / 4 + 1.0 / 12), 1e-5);
    assert_true(s->weight[1] == 0 && s->weight[2] == 0);
    assert_true(s->data[1] == 0 && s->data[2] == 0);
    assert_float_equal(s->weight[3], 8, 1e-5); /* 2 x 1/0.5^2 */
    assert_int_equal(s->n_row, 36 * 3 * 2);
    assert_int_equal(s->n_sample, 36 * 3 * 2 * 4);
    assert_int_equal(s->n_good, 36 * 3 * 2 * 4 - 2);
    ci_vis_samples_free(s);

    o.min_uv_lambda = 500;
    o.max_uv_lambda = 1500;
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_OK);
    int64_t n_in = 0;
    for (size_t i = 0; i < s->n_row; i++)
        for (size_t k = s->first[i]; k < s->first[i + 1]; k++) {
            const double *uvw = s->uvw_m + 3 * i;
            double d = sqrt(uvw[0] * uvw[0] + uvw[1] * uvw[1]) *
                       ci_vis_row_freq(s, i)[k - s->first[i]] / CI_C_M_S;
            if (s->weight[k] > 0) {
                n_in++;
                assert_true(d >= 500 && d <= 1500);
            }
        }
    assert_true(n_in == s->n_good && n_in > 100 && n_in < 800);
    ci_vis_samples_free(s);
    o.min_uv_lambda = 1e7;
    o.max_uv_lambda = 0;
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_ERR_USAGE);
    assert_null(s);
    ci_vis_set_free(set);
}

/* ---- weights ----------------------------------------------------------------------------- */

typedef struct point
{
    double u, v, w;
} point;

static size_t points_list(const ci_vis_samples *s, point *out)
{
    size_t n = 0;
    for (size_t r = 0; r < s->n_row; r++)
        for (size_t k = s->first[r]; k < s->first[r + 1]; k++) {
            double f = ci_vis_row_freq(s, r)[k - s->first[r]] / CI_C_M_S;
            if (s->natural[k] > 0)
                out[n++] = (point){s->uvw_m[3 * r] * f, s->uvw_m[3 * r + 1] * f, s->natural[k]};
        }
    return n;
}

/* Briggs (1995) word by word, on the whole plane: each sample and its conjugate in their
 * cells, found by comparing every pair. */
static double direct_cell(const point *p, size_t n, double cell, point at)
{
    double sum = 0, u = round(at.u / cell), v = round(at.v / cell);
    for (size_t i = 0; i < n; i++) {
        double a = round(p[i].u / cell), b = round(p[i].v / cell);
        if ((a == u && b == v) || (a == -u && b == -v)) sum += p[i].w;
    }
    return sum;
}

/* Of the FWHM t in the image: exp(-r^2 4 ln 2 / t^2) has the transform exp(-(pi t q)^2 / (4 ln 2)).
 */
static double taper_at(double taper_rad, point at)
{
    return exp(-pow(CI_PI * taper_rad, 2) * (at.u * at.u + at.v * at.v) / (4 * log(2)));
}

static void check_weights(ci_vis_samples *s, ci_image_weighting weighting, double robust,
                          double taper_rad)
{
    const double extent = 0.02;
    const ci_image_options o = {.weighting = weighting, .robust = robust, .taper_rad = taper_rad};
    static point p[8192];
    static double cell_of[8192];
    size_t n = points_list(s, p);
    /* sum over cells of W^2 = sum over samples of w W */
    double square = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        cell_of[i] = direct_cell(p, n, 1 / extent, p[i]);
        square += p[i].w * cell_of[i];
        sum += p[i].w;
    }
    double f2 = pow(5 * pow(10, -robust), 2) / (square / sum);
    assert_int_equal(ci_image_weights_set(comm, s, &o, extent), CI_OK);
    size_t k = 0;
    for (size_t j = 0; j < s->n_sample; j++) {
        if (s->natural[j] <= 0) {
            assert_true(s->weight[j] == 0);
            continue;
        }
        double want = weighting == CI_IMAGE_NATURAL   ? p[k].w
                      : weighting == CI_IMAGE_UNIFORM ? p[k].w / cell_of[k]
                                                      : p[k].w / (1 + f2 * cell_of[k]);
        want *= taper_at(taper_rad, p[k]);
        assert_float_equal(s->weight[j] / want, 1, 2e-7);
        k++;
    }
    assert_int_equal(k, n);
}

static void test_weights(void **state)
{
    (void)state;
    fake_sky sky = small_sky();
    ci_vis_set *set = set_new(&sky);
    /* uneven weights, so that w itself counts */
    for (size_t i = 0; i < set->n_block; i++)
        for (size_t k = 0; k < set->block[i]->n_row * 16; k++)
            set->block[i]->weight[k] *= (float)(0.2 + test_random_uniform(77 * k + i));
    ci_image_options o = options_for(CI_VIS_POL_I);
    ci_vis_samples *s = NULL;
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_OK);
    check_weights(s, CI_IMAGE_UNIFORM, 0, 0);
    check_weights(s, CI_IMAGE_UNIFORM, 0, 1e-4);
    check_weights(s, CI_IMAGE_NATURAL, 0, 2e-4);
    check_weights(s, CI_IMAGE_BRIGGS, 0, 0);
    check_weights(s, CI_IMAGE_BRIGGS, -1.3, 1e-4);
    check_weights(s, CI_IMAGE_BRIGGS, 1, 0);

    /* Sums with the Briggs weights. */
    double w = 0, wf = 0, noise = 0;
    for (size_t r = 0; r < s->n_row; r++)
        for (size_t k = s->first[r]; k < s->first[r + 1]; k++) {
            double x = s->weight[k];
            if (x <= 0) continue;
            w += x;
            wf += x * ci_vis_row_freq(s, r)[k - s->first[r]];
            noise += x * x / s->natural[k];
        }
    ci_image_sums sums;
    assert_int_equal(ci_image_sums_get(comm, s, &sums), CI_OK);
    assert_float_equal(sums.weight / w, 1, 1e-12);
    assert_float_equal(sums.freq_hz / (wf / w), 1, 1e-12);
    assert_float_equal(sums.thermal_jy / (sqrt(noise) / w), 1, 1e-12);
    assert_float_equal(sums.freq_min_hz, 1.2995e9, 1);
    assert_float_equal(sums.freq_max_hz, 1.3075e9, 1);
    check_weights(s, CI_IMAGE_NATURAL, 0, 0);
    ci_vis_samples_free(s);
    ci_vis_set_free(set);
}

/* More cells than an integer counts are refused before one is. */
static void test_too_many_cells(void **state)
{
    (void)state;
    fake_sky sky = small_sky();
    ci_vis_set *set = set_new(&sky);
    ci_image_options o = options_for(CI_VIS_POL_I);
    ci_vis_samples *s = NULL;
    ci_image_density *d = NULL;
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_OK);
    const double cells[] = {1e-12, 1e-16, 1e-300, 0, NAN};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        assert_int_equal(ci_image_density_new(comm, &d, s, cells[i], false), CI_ERR_MEMORY);
        assert_null(d);
        assert_non_null(strstr(ci_error_text(), "uv density"));
    }
    s->max_u_lambda = 1e30;
    assert_int_equal(ci_image_density_new(comm, &d, s, 50, false), CI_ERR_MEMORY);
    ci_vis_samples_free(s);
    ci_vis_set_free(set);
}

/* Natural weights and equal noise: thermal = sigma / sqrt(2 n). */
static void test_thermal(void **state)
{
    (void)state;
    fake_sky sky = small_sky();
    ci_vis_set *set = set_new(&sky);
    ci_image_options o = options_for(CI_VIS_POL_I);
    ci_vis_samples *s = NULL;
    ci_image_sums sums;
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_OK);
    assert_int_equal(ci_image_sums_get(comm, s, &sums), CI_OK);
    assert_float_equal(sums.thermal_jy, 0.5 / sqrt(2.0 * (double)s->n_good), 1e-9);
    ci_vis_samples_free(s);
    ci_vis_set_free(set);
}

/* The automatic cell is a quarter of the beam of a direct PSF. */
static void test_cell(void **state)
{
    (void)state;
    fake_sky sky = small_sky();
    sky.n_antenna = 20;
    ci_vis_set *set = set_new(&sky);
    ci_image_options o = options_for(CI_VIS_POL_I);
    o.weighting = CI_IMAGE_NATURAL;
    ci_vis_samples *s = NULL;
    ci_grid_geometry g;
    ci_sky_field where = {.ra_rad = 1, .dec_rad = 0.3};
    assert_int_equal(ci_image_samples_new(comm, &s, set, &o), CI_OK);
    assert_int_equal(ci_image_geometry_choose(comm, s, &where, &o, &g), CI_OK);
    assert_int_equal(g.n_x, 1024);

    enum
    {
        N = 41
    };
    static float patch[N * N];
    static point p[8192];
    double sum = 0;
    size_t n = points_list(s, p);
    for (size_t i = 0; i < n; i++)
        sum += p[i].w;
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) {
            double v = 0;
            for (size_t i = 0; i < n; i++)
                v += p[i].w *
                     cos(CI_TWO_PI * g.cell_rad * (-p[i].u * (x - N / 2) + p[i].v * (y - N / 2)));
            patch[y * N + x] = (float)(v / sum);
        }
    ci_image_beam_fit fit;
    assert_int_equal(ci_image_beam_fit_patch(patch, N, &fit), CI_OK);
    assert_float_equal(fit.minor, 4, 0.12);

    o.n_pixel = 300;
    o.cell_rad = 0;
    o.weighting = CI_IMAGE_UNIFORM;
    double natural_cell = g.cell_rad;
    assert_int_equal(ci_image_geometry_choose(comm, s, &where, &o, &g), CI_OK);
    assert_true(g.n_x == 300 && g.cell_rad < 0.95 * natural_cell);
    o.cell_rad = 0.01;
    assert_int_equal(ci_image_geometry_choose(comm, s, &where, &o, &g), CI_ERR_USAGE);
    ci_vis_samples_free(s);
    ci_vis_set_free(set);
}

int main(void)
{
    if (ci_comm_self(&comm) != CI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipes), cmocka_unit_test(test_samples),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_too_many_cells),
        cmocka_unit_test(test_thermal), cmocka_unit_test(test_cell),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ci_comm_free(comm);
    return failed;
}
