/* cal: what a solve does with gaps in time, a dead feed and sub-bands of one channel, and what it
 * says of itself. Truth: the gains that the data were made with, a direct sum over the data. */
#include "unit_case.h"

#include "cal_sim.h"

static const cal_sim plain = {.n_antenna = 12,
                              .n_time = 24,
                              .n_sub_band = 2,
                              .n_chan = 8,
                              .n_pol = 2,
                              .flux_jy = 12.7,
                              .sigma_jy = 1,
                              .interval_s = 12.88,
                              .drift = 0.05,
                              .dead = -1};

typedef struct solved
{
    ci_comm *self;
    ci_vis_set *set;
    ci_cal_table *bandpass, *gain;
    ci_cal_quality quality;
} solved;

static void solve(solved *x, cal_sim *s, double interval_s)
{
    ci_cal_options options;
    ci_cal_options_default(&options);
    options.gain_interval_s = interval_s;
    assert_int_equal(ci_cal_solve(x->self, x->set, (ci_cal_model){sim_predict, s}, &options,
                                  &x->bandpass, &x->gain, &x->quality),
                     CI_OK);
}

static void begin(solved *x, cal_sim *s)
{
    *x = (solved){0};
    CHECK_OK(ci_comm_self(&x->self));
    x->set = sim_set(x->self, s);
}

static void end(solved *x)
{
    ci_cal_table_free(x->bandpass);
    ci_cal_table_free(x->gain);
    ci_vis_set_free(x->set);
    ci_comm_free(x->self);
}

/* The model is XX = YY = I: so is what the tables lead to, also where the file does not say so. */
static void test_tables_lead_to_avg(void **state)
{
    UNIT_PATH(path, state, "x.calh5");
    cal_sim s = plain;
    solved x;
    ci_cal_table *back = NULL;
    begin(&x, &s);
    solve(&x, &s, 0);
    for (int i = 0; i < 2; i++) {
        ci_cal_table *table = i ? x.gain : x.bandpass;
        assert_true(table->has_convention && !table->stokes_is_sum);
        table->has_convention = i == 0;
        assert_int_equal(ci_cal_table_write(table, path), CI_OK);
        assert_int_equal(ci_cal_table_read(&back, path), CI_OK);
        assert_true(back->has_convention && !back->stokes_is_sum);
        ci_cal_table_free(back);
    }
    end(&x);
}

static void test_length_of_solutions_is_a_number(void **state)
{
    UNIT_PATH(path, state, "x.calh5");
    cal_sim s = plain;
    solved x;
    ci_cal_table *back = NULL;
    begin(&x, &s);
    solve(&x, &s, 0);
    x.gain->interval_s = NAN;
    assert_int_equal(ci_cal_table_write(x.gain, path), CI_OK);
    unit_refused(ci_cal_table_read(&back, path), CI_ERR_INPUT, "integration_time: element 0: nan");
    assert_null(back);
    end(&x);
}

/* Ten minutes are missing between the integrations 8 and 9: no solution has its time there, and
 * each is of data on one side. */
static void test_gap_ends_intervals(void **state)
{
    (void)state;
    cal_sim s = plain;
    solved x;
    s.sigma_jy = 8; /* S/N of a receptor in one integration about 20: several make an interval */
    s.flux_jy = 10;
    begin(&x, &s);
    double *time = x.set->meta->time_mjd_s;
    for (size_t t = 9; t < 24; t++)
        time[t] += 600;
    solve(&x, &s, CI_CAL_INTERVAL_AUTO);
    assert_true(fabs(x.gain->interval_s - 2 * s.interval_s) < 1e-6);
    for (size_t i = 0; i < x.gain->n_time; i++)
        assert_false(x.gain->time_mjd_s[i] > time[8] + 1 && x.gain->time_mjd_s[i] < time[9] - 1);
    end(&x);
}

/* Delays of up to 500 ns: a channel of 244 kHz loses up to a tenth by their differences, which no
 * gains of antennas describe. */
static void test_losses_by_delays_come_back(void **state)
{
    UNIT_PATH(path, state, "x.calh5");
    cal_sim s = plain;
    solved x;
    ci_cal_table *back = NULL;
    s.sigma_jy = 0;
    s.n_chan = 48; /* a ripple over the band is no delay */
    s.delay_s = 500e-9;
    begin(&x, &s);
    solve(&x, &s, CI_CAL_INTERVAL_AUTO);
    assert_true(x.quality.residual[0] < 1e-3 && x.quality.residual[1] < 1e-3);
    assert_int_equal(ci_cal_table_write(x.bandpass, path), CI_OK);
    assert_int_equal(ci_cal_table_read(&back, path), CI_OK);
    ci_vis_block *block = x.set->block[0];
    assert_int_equal(ci_cal_apply(back, block), CI_OK);
    assert_int_equal(ci_cal_apply(x.gain, block), CI_OK);
    for (size_t r = 0; r < block->n_row; r++) {
        if (ci_vis_baseline_is_auto(x.set->meta, (size_t)block->i_baseline[r])) continue;
        for (size_t c = 0; c < block->n_chan; c++) {
            ci_c64 model = sim_model(&s, (size_t)block->i_baseline[r], block->freq_hz[c]);
            ci_c64 v = block->data[ci_vis_sample(block, r, c, 0)];
            assert_true(cabs(v / model - 1) < 3e-3);
        }
    }
    ci_cal_table_free(back);
    end(&x);
}

static void y_flag(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++)
        for (size_t k = 1; k < set->block[i]->n_row * set->block[i]->n_chan * 2; k += 2)
            set->block[i]->flags[k] = CI_VIS_FLAG_DEAD;
}

/* Phases turn five times over the span: the first gains need a start although Y is dead. */
static void test_dead_feed_has_a_start(void **state)
{
    (void)state;
    cal_sim s = plain;
    solved x;
    s.drift = 5;
    s.n_time = 48;
    s.sigma_jy = 0.1;
    begin(&x, &s);
    y_flag(x.set);
    solve(&x, &s, CI_CAL_INTERVAL_AUTO);
    assert_int_equal(x.quality.n_failed, 0);
    assert_true(x.quality.residual[0] < 0.02);
    end(&x);
}

/* chi^2 and power of the first feed after the tables, summed directly. */
static double residual_direct(const solved *x, const cal_sim *s)
{
    double chi2 = 0, power = 0;
    const ci_cal_table *bp = x->bandpass, *gain = x->gain;
    for (size_t i = 0; i < x->set->n_block; i++) {
        const ci_vis_block *block = x->set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
            size_t a1 = (size_t)block->meta->baseline_ant1[b];
            size_t a2 = (size_t)block->meta->baseline_ant2[b];
            for (size_t c = 0; c < block->n_chan && a1 != a2; c++) {
                size_t k = ci_vis_sample(block, r, c, 0), at = block->part.i_sub_band * 8 + c;
                ci_c64 g = bp->gain[ci_cal_index(bp, 0, at, a1, 0)] *
                           conj(bp->gain[ci_cal_index(bp, 0, at, a2, 0)]) *
                           gain->gain[ci_cal_index(gain, t, 0, a1, 0)] *
                           conj(gain->gain[ci_cal_index(gain, t, 0, a2, 0)]);
                ci_c64 off = block->data[k] - g * sim_model(s, b, block->freq_hz[c]);
                chi2 += (double)block->weight[k] * creal(off * conj(off));
                power += (double)block->weight[k] * creal(block->data[k] * conj(block->data[k]));
            }
        }
    }
    return sqrt(chi2 / power);
}

/* The residual is that of the gains in the table, which follow a drift that those of the first
 * pass do not. */
static void test_residual_of_final_gains(void **state)
{
    (void)state;
    cal_sim s = plain;
    solved x;
    s.drift = 1.5;
    s.sigma_jy = 0.5;
    begin(&x, &s);
    solve(&x, &s, CI_CAL_INTERVAL_AUTO);
    assert_int_equal(x.gain->n_time, 24);
    double truth = residual_direct(&x, &s);
    print_message("residual %.5f, summed directly %.5f\n", x.quality.residual[0], truth);
    assert_true(fabs(x.quality.residual[0] / truth - 1) < 1e-3);
    end(&x);
}

/* One integration: the noise of a sub-band of one channel cannot be measured, and weights of the
 * others alone could not be compared with its own. */
static void test_weights_of_all_sub_bands(void **state)
{
    (void)state;
    cal_sim s = plain;
    solved x;
    ci_cal_noise noise = {0};
    s.n_time = 1;
    begin(&x, &s);
    ci_vis_block *block = x.set->block[0];
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_SIGMA, 0, ci_isa_widest(), &noise),
                     CI_OK);
    assert_true(noise.is_known && block->weight[0] != 1);
    x.set->meta->sub_band[1].n_chan = 1;
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_SIGMA, 0, ci_isa_widest(), &noise),
                     CI_OK);
    assert_false(noise.is_known);
    assert_true(block->weight[0] == 1);
    x.set->meta->sub_band[1].n_chan = 8;
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_tables_lead_to_avg),      UNIT_TEST(test_length_of_solutions_is_a_number),
        UNIT_TEST(test_gap_ends_intervals),      UNIT_TEST(test_losses_by_delays_come_back),
        UNIT_TEST(test_dead_feed_has_a_start),   UNIT_TEST(test_residual_of_final_gains),
        UNIT_TEST(test_weights_of_all_sub_bands)};
    return cmocka_run_group_tests_name("cal solve", tests, NULL, NULL);
}
