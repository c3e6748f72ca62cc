/* clean: which spectra of what is left of a source are variations, and which are a slope of its
 * own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four headers above first. */
#include <cmocka.h>

#include "clean/variation.h"

enum
{
    N_TIME = 10,
    N_FREQ = 16
};
#define SOURCE_JY 2.0
#define RMS_JY 1e-3
#define SLOPE_MOST 5

/* 187 MHz about 1.4 GHz; every cell has the weight 1. */
typedef struct scene
{
    double time[N_TIME], freq[N_FREQ];
    double sum[N_TIME * N_FREQ], weight[N_TIME * N_FREQ];
    ci_clean_cells cells;
    ci_clean_spectrum spectrum;
} scene;

static void scene_set(scene *s)
{
    *s = (scene){.cells = {.time = {.n = N_TIME}, .freq = {.n = N_FREQ}}};
    for (int i = 0; i < N_TIME; i++)
        s->time[i] = 5.2e9 + 30 * i;
    for (int k = 0; k < N_FREQ; k++)
        s->freq[k] = 1.3125e9 + 11.7e6 * k;
    for (int i = 0; i < N_TIME * N_FREQ; i++)
        s->weight[i] = 1;
    s->cells.time.low = s->cells.time.high = s->time;
    s->cells.freq.low = s->cells.freq.high = s->freq;
    s->spectrum =
        (ci_clean_spectrum){.cells = &s->cells,
                            .sum = s->sum,
                            .beam = s->weight, /* 1 */
                            .weight = s->weight,
                            .variance = s->weight,
                            .total_weight = N_TIME * N_FREQ,
                            .total_variance = N_TIME * N_FREQ,
                            .flux = SOURCE_JY,
                            .brightest = SOURCE_JY,
                            .share_min = 5e-3,
                            .rms = RMS_JY,
                            .slope_jy = {-SLOPE_MOST * SOURCE_JY, SLOPE_MOST * SOURCE_JY}};
}

static void slope_add(scene *s, double slope)
{
    for (int i = 0; i < N_TIME * N_FREQ; i++)
        s->sum[i] += SOURCE_JY * slope * log(s->freq[i % N_FREQ] / 1.4e9);
}

static bool varies(const scene *s, ci_clean_variation *found)
{
    bool is_found = false;
    assert_int_equal(ci_clean_spectrum_test(&s->spectrum, &is_found, found), CI_OK);
    return is_found;
}

/* A tenth of the source is not cleaned yet, and is seen through a beam that it drifts through. */
static void what_is_left_drifts_through_the_beam(void **state)
{
    (void)state;
    scene s;
    double beam[N_TIME * N_FREQ];
    ci_clean_variation found = {0};
    scene_set(&s);
    for (int i = 0; i < N_TIME * N_FREQ; i++) {
        beam[i] = 1 + 0.3 * (2.0 * (i / N_FREQ) / (N_TIME - 1) - 1);
        s.sum[i] = 0.1 * SOURCE_JY * beam[i];
    }
    assert_true(varies(&s, &found)); /* the beam is 1: that much of it is a change */
    s.spectrum.beam = beam;
    assert_false(varies(&s, &found));
}

static void a_slope_of_continuum_is_none(void **state)
{
    (void)state;
    scene s;
    ci_clean_variation found;
    for (double slope = -4.9; slope < 5; slope += 0.7) {
        scene_set(&s);
        slope_add(&s, slope);
        assert_false(varies(&s, &found));
    }
}

/* From 0 to twice the mean over the band is a slope of 15. */
static void a_steeper_spectrum_is_one(void **state)
{
    (void)state;
    const double slopes[] = {-15, -8, 8, 15};
    for (int i = 0; i < 4; i++) {
        scene s;
        ci_clean_variation found;
        scene_set(&s);
        slope_add(&s, slopes[i]);
        assert_true(varies(&s, &found));
    }
}

/* A source that has all the slope it may have has none left. */
static void a_slope_beyond_the_fitted_one_is_one(void **state)
{
    (void)state;
    scene s;
    ci_clean_variation found;
    scene_set(&s);
    slope_add(&s, 3);
    assert_false(varies(&s, &found));
    s.spectrum.slope_jy[1] = 0;
    assert_true(varies(&s, &found));
}

static void a_burst_in_the_last_integration_is_located(void **state)
{
    (void)state;
    scene s;
    ci_clean_variation found;
    scene_set(&s);
    slope_add(&s, -0.8);
    for (int k = 0; k < N_FREQ; k++)
        s.sum[(N_TIME - 1) * N_FREQ + k] += 3;
    assert_true(varies(&s, &found));
    assert_true(found.time_mjd_s[0] == s.time[N_TIME - 1]);
    assert_true(found.time_mjd_s[1] == s.time[N_TIME - 1]);
    assert_true(found.freq_hz[0] == s.freq[0] && found.freq_hz[1] == s.freq[N_FREQ - 1]);
    assert_true(fabs(found.excess_jy - 3 * (1 - 1.0 / N_TIME)) < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_drifts_through_the_beam),
        cmocka_unit_test(a_slope_of_continuum_is_none),
        cmocka_unit_test(a_steeper_spectrum_is_one),
        cmocka_unit_test(a_slope_beyond_the_fitted_one_is_one),
        cmocka_unit_test(a_burst_in_the_last_integration_is_located),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
