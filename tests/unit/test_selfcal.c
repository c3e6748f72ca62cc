/* What self-calibration may do to gains: no slope of phase over the array, no change of the flux
 * scale. */
#include "unit_case.h"

#include "contimg/tile.h"

#include <complex.h>
#include <math.h>

enum
{
    N_ANTENNA = 20,
    N_TIME = 3
};

static ci_cal_table *table_make(void)
{
    ci_vis_antenna antenna[N_ANTENNA] = {0};
    ci_vis_array array = {.n_antenna = N_ANTENNA, .antenna = antenna};
    ci_cal_table *table = NULL;
    for (int a = 0; a < N_ANTENNA; a++)
        antenna[a].number = a;
    OK(ci_cal_table_new(&table, CI_CAL_GAIN, &array, N_TIME, 1, 2));
    for (size_t t = 0; t < N_TIME; t++)
        for (size_t a = 0; a < N_ANTENNA; a++)
            for (size_t h = 0; h < 2; h++)
                table->gain[ci_cal_index(table, t, 0, a, h)] =
                    1.3 * exp(0.1 * sin(3.7 * (double)a)) * cexp(0.4 * I);
    return table;
}

static void test_phases_about_mean(void **state)
{
    (void)state;
    ci_cal_table *table = table_make();
    size_t flagged = ci_cal_index(table, 1, 0, 4, 0);
    table->flag[flagged] = CI_CAL_FAILED;
    table->gain[flagged] = 17;
    ci_tile_selfcal_normalise(table, false);
    for (size_t i = 0; i < N_TIME * N_ANTENNA * 2; i++) {
        assert_true(cabs(table->gain[i] - 1) < 1e-3);
        assert_int_equal(table->flag[i], 0);
    }
    ci_cal_table_free(table);
}

static void test_flux_scale_stays(void **state)
{
    (void)state;
    ci_cal_table *table = table_make();
    ci_tile_selfcal_normalise(table, true);
    double sum = 0, greatest = 0;
    for (size_t a = 0; a < N_ANTENNA; a++)
        for (size_t h = 0; h < 2; h++) {
            double amplitude = cabs(table->gain[ci_cal_index(table, 0, 0, a, h)]);
            sum += log(amplitude);
            greatest = fmax(greatest, amplitude);
        }
    assert_true(fabs(sum) < 1e-12);
    assert_true(greatest > 1.08); /* and receptors still differ */
    ci_cal_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_phases_about_mean),
                                       cmocka_unit_test(test_flux_scale_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
