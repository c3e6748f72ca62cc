/* Imaging samples whose rows have channels and times of their own: what they own, their fixed
 * units, and sums over them, direct sums included. */
#include "unit_case.h"
#include "../../src/clean/model.h"
#include "../../src/clean/points.h"
#include "../../src/clean/variation.h"
#include "contimg/vis.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static ci_comm *self;
static double freq_hz[2][6] = {{1.1e9, 1.2e9}, {1.3e9, 1.31e9, 1.33e9, 1.34e9, 1.35e9, 1.4e9}};
static double width_hz[6] = {1e6, 1e6, 1e6, 1e6, 1e6, 1e6};
static double time_mjd_s[3] = {100, 112.5, 130};

/* Baselines 1 1 2 in the first sub-band, 2 3 in the second. */
static ci_vis_samples *samples_new(void)
{
    ci_vis_antenna antenna[2] = {{.number = 4}, {.number = 9}};
    ci_vis_sub_band band[2] = {{2, freq_hz[0], width_hz}, {6, freq_hz[1], width_hz}};
    const ci_vis_meta meta = {.array = {.n_antenna = 2, .antenna = antenna},
                              .n_time = 3,
                              .time_mjd_s = time_mjd_s,
                              .n_sub_band = 2,
                              .sub_band = band};
    const ci_vis_row rows[5] = {{{100, 20, 3}, 100, 1, 0},
                                {{90, 25, 3}, 130, 1, 0},
                                {{-400, 10, -30}, 112.5, 2, 0},
                                {{-400, 10, -30}, 112.5, 2, 1},
                                {{7, -500, 60}, 130, 3, 1}};
    ci_vis_samples *s = NULL;
    assert_int_equal(ci_vis_samples_new(&s, &meta, 5, 18), CI_OK);
    memset(antenna, 0, sizeof antenna);
    for (int i = 0; i < 5; i++) {
        for (size_t k = s->n_sample; k < s->n_sample + s->axis[rows[i].i_axis].n_chan; k++)
            s->natural[k] = k == 4 ? 0 : (float)(k + 1);
        ci_vis_samples_add(s, &rows[i]);
    }
    assert_int_equal(ci_vis_samples_close(self, s), CI_OK);
    return s;
}

static void test_rows(void **state)
{
    (void)state;
    ci_vis_samples *s = samples_new();
    const size_t first[6] = {0, 2, 4, 6, 12, 18};
    assert_memory_equal(s->first, first, sizeof first);
    assert_int_equal(s->array.antenna[1].number, 9); /* a copy */
    assert_int_equal(ci_vis_row_n_chan(s, 2), 2);
    assert_true(ci_vis_row_freq(s, 4)[5] == 1.4e9);
    assert_int_equal(s->n_good, 17);
    assert_true(s->max_natural == 18);
    assert_float_equal(s->max_v_lambda, 500 * 1.4e9 / CI_C_M_S, 1e-9);
    const bool begins[5] = {true, false, true, true, true};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(ci_vis_samples_summand_begins(s, i), begins[i]);
    assert_int_equal(ci_vis_samples_n_summand(s), 4);
    ci_vis_samples_free(s);
}

static void test_weight_by_time(void **state)
{
    (void)state;
    ci_vis_samples *s = samples_new();
    int64_t *sum = NULL;
    assert_int_equal(ci_vis_samples_weight_by_time(self, s, &sum), CI_OK);
    const double want[3][8] = {{1, 2}, {0, 6, 7, 8, 9, 10, 11, 12}, {3, 4, 13, 14, 15, 16, 17, 18}};
    for (size_t t = 0; t < 3; t++)
        for (size_t c = 0; c < 8; c++)
            assert_float_equal((double)sum[t * 8 + c] / (double)sum[0], want[t][c], 1e-12);
    ci_mem_free(sum);
    ci_vis_samples_free(s);
}

/* A point's visibilities, row by row, against the formula. */
static void test_direct_sums(void **state)
{
    (void)state;
    ci_vis_samples *s = samples_new();
    ci_clean_flux_axis axis = {.ref_hz = 1.2e9, .node_hz = {1.0e9, 1.15e9, 1.3e9, 1.45e9}};
    ci_clean_points points;
    assert_int_equal(ci_clean_flux_axis_tabulate(&axis, s), CI_OK);
    assert_int_equal(ci_clean_points_new(&points, &axis, 1, 3), CI_OK);
    const double l = 0.03, m = -0.02, n1 = sqrt(1 - l * l - m * m) - 1;
    ci_clean_points_place(&points, 0, l, m);
    for (size_t t = 0; t < 3; t++)
        for (size_t k = 0; k < CI_CLEAN_FLUX_NODES; k++) /* linear in frequency */
            points.flux[t * CI_CLEAN_FLUX_NODES + k] = (double)(t + 1) * axis.node_hz[k] * 1e-9;
    assert_int_equal(ci_vis_samples_computed_alloc(s), CI_OK);
    assert_int_equal(ci_clean_points_add(&points, s, 1), CI_OK);
    for (size_t r = 0; r < s->n_row; r++)
        for (size_t k = s->first[r]; k < s->first[r + 1]; k++) {
            const double *uvw = s->uvw_m + 3 * r, f = ci_vis_row_freq(s, r)[k - s->first[r]];
            double turns = (uvw[0] * l + uvw[1] * m + uvw[2] * n1) * f / CI_C_M_S;
            double t = s->row_mjd_s[r] < 112 ? 1 : s->row_mjd_s[r] < 120 ? 2 : 3;
            ci_c64 want = t * f * 1e-9 * cexp(I * CI_TWO_PI * turns);
            assert_true(cabs(s->computed[k] - want) < 1e-5);
        }
    ci_clean_points_clear(&points);
    ci_clean_flux_axis_clear(&axis);
    ci_vis_samples_free(s);
}

/* The residual at several positions, cell by cell, against the formula; the same bytes on any
 * machine. */
static void test_cells(void **state)
{
    (void)state;
    enum
    {
        N_CELL = 3 * 8,
        N = 3
    };
    const double at[N][2] = {{0.03, -0.02}, {-0.1, 0.08}, {0, 0}};
    double sums[CI_ISA_COUNT][N * N_CELL], most = 0;
    ci_c64 want[N][N_CELL] = {{0}};
    ci_vis_samples *s = samples_new();
    ci_clean_model model = {0};
    assert_int_equal(ci_clean_cells_new(&model.cells, s), CI_OK);
    assert_int_equal(ci_vis_samples_computed_alloc(s), CI_OK);
    for (size_t r = 0; r < s->n_row; r++)
        for (size_t k = s->first[r]; k < s->first[r + 1]; k++) {
            const double *uvw = s->uvw_m + 3 * r, f = ci_vis_row_freq(s, r)[k - s->first[r]];
            size_t t = s->row_mjd_s[r] < 112 ? 0 : s->row_mjd_s[r] < 120 ? 1 : 2;
            size_t cell = 8 * t + (f < 1.25e9 ? 0 : 2) + (k - s->first[r]);
            s->computed[k] = (ci_c32)(cos(1.0 + (double)k) + I * sin(3.0 * (double)k));
            for (size_t j = 0; j < N; j++) {
                double l = at[j][0], m = at[j][1], n1 = sqrt(1 - l * l - m * m) - 1;
                double turns = (uvw[0] * l + uvw[1] * m + uvw[2] * n1) * f / CI_C_M_S;
                want[j][cell] += s->weight[k] * s->computed[k] * cexp(-I * CI_TWO_PI * turns);
            }
        }
    for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
        if (!ci_isa_has((ci_isa)isa)) continue;
        model.axis.isa = (ci_isa)isa;
        assert_int_equal(ci_clean_cells_correlate(self, &model, at, N, s, sums[isa]), CI_OK);
        assert_memory_equal(sums[0], sums[isa], sizeof sums[0]);
    }
    for (size_t i = 0; i < N * N_CELL; i++)
        most = fmax(most, fabs(sums[0][i] - creal(want[i / N_CELL][i % N_CELL])));
    assert_true(most <
                5e-4); /* of sums up to 18: 30 turns beside the first channel in single precision */
    ci_clean_cells_clear(&model.cells);
    ci_vis_samples_free(s);
}

int main(void)
{
    if (ci_comm_self(&self) != CI_OK) return 1;
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_rows),
        UNIT_TEST(test_weight_by_time),
        UNIT_TEST(test_direct_sums),
        UNIT_TEST(test_cells),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ci_comm_free(self);
    return failed;
}
