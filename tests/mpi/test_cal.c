/* cal: gains of simulated data recovered, with and without noise, outliers, dead antennas,
 * holes; the same bytes on all ranks together as on one alone.
 * ci-test: timeout=240 */
#include "cal_solve.h"

#include "contimg/flag.h"
#include "contimg/num.h"

#include <stdlib.h>

static void test_noiseless(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.offset_source = true;
    s.drift = 0.02;
    s.delay_s = 100e-9;
    solve_both(world, &s, NULL, NULL, &x);
    if (!x.gain) return;
    error_stats e = compare(&s, &x, -1);
    if (ci_comm_rank(world) == 0)
        printf("no noise: worst %.2e, residual %.2e %.2e, %d steps\n", e.worst,
               x.quality.residual[0], x.quality.residual[1], x.quality.n_iteration);
    CHECK(e.worst < 1e-3 && e.n == 5 * 48 * 2 * 14);
    CHECK(x.gain->n_time == 5 && x.quality.n_failed == 0 && x.quality.flagged_fraction == 0);
    /* conventions: the reference's phase is 0, the bandpass's mean amplitude 1 */
    for (size_t h = 0; h < 2; h++) {
        size_t ref = (size_t)x.gain->i_ref_antenna;
        for (size_t t = 0; t < 5; t++)
            CHECK(fabs(carg(x.gain->gain[ci_cal_index(x.gain, t, 0, ref, h)])) < 1e-12);
        for (size_t a = 0; a < s.n_antenna; a++) {
            double mean = 0;
            for (size_t c = 0; c < 48; c++)
                mean += cabs(x.bandpass->gain[ci_cal_index(x.bandpass, 0, c, a, h)]) / 48;
            CHECK(fabs(mean - 1) < 1e-6);
        }
    }
    solved_free(&x);
}

/* Errors of one channel's bandpass against the least that is possible. */
static void test_noise(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.sigma_jy = 3.3;
    solve_both(world, &s, NULL, NULL, &x);
    if (!x.gain) return;
    error_stats e = compare(&s, &x, -1);
    double n = (double)s.n_antenna, one = s.sigma_jy / (s.flux_jy * sqrt((double)s.n_time));
    double gain2 = one * one * 5 / 48; /* of the gains, on top */
    double amplitude = sqrt((one * one + gain2) / (n - 2) * (1 - 1 / (2 * n - 2)));
    double phase = sqrt((one * one + gain2) / n * (1 - 1 / n));
    if (ci_comm_rank(world) == 0)
        printf("noise: amplitude %.5f (least %.5f), phase %.5f (least %.5f), residual %.4f\n",
               e.amplitude_rms, amplitude, e.phase_rms, phase, x.quality.residual[0]);
    CHECK(e.amplitude_rms < 1.2 * amplitude && e.amplitude_rms > 0.8 * amplitude);
    CHECK(e.phase_rms < 1.2 * phase && e.phase_rms > 0.8 * phase);
    CHECK(x.quality.n_failed == 0);
    /* S/N is what the errors show: 1/rms of the relative error of one part */
    double snr = 0;
    for (size_t i = 0; i < 48 * 14 * 2; i++)
        snr += (double)x.bandpass->snr[i] / (48 * 14 * 2);
    CHECK(fabs(snr * one / sqrt(n - 1) - 1) < 0.1);
    solved_free(&x);
}

static void test_outliers(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.n_antenna = 20;
    s.sigma_jy = 1;
    s.outliers = 0.05;
    solve_both(world, &s, NULL, NULL, &x);
    if (!x.gain) return;
    error_stats e = compare(&s, &x, -1);
    double one = s.sigma_jy / (s.flux_jy * sqrt((double)s.n_time * 18));
    if (ci_comm_rank(world) == 0)
        printf("5 %% of baselines off by 30 x: amplitude error %.5f (clean data %.5f)\n",
               e.amplitude_rms, one);
    CHECK(e.amplitude_rms < 1.5 * one && x.quality.n_failed == 0);
    /* plain least squares follows the outliers */
    ci_cal_options options;
    ci_cal_table *bandpass = NULL, *gain = NULL;
    ci_cal_options_default(&options);
    options.huber_sigma = 0;
    ci_vis_set *set = sim_set(world, &s);
    CHECK(ci_cal_solve(world, set, (ci_cal_model){sim_predict, &s}, &options, &bandpass, &gain,
                       NULL) == CI_ERR_GATE);
    ci_vis_set_free(set);
    solved_free(&x);
}

/* Antenna 3's X has no data at all; channel 20 none for anybody; 30 to 32 none for antenna
 * 5's Y; 5 to 9 none for antenna 6's X. */
static void spoil_holes(ci_vis_set *set)
{
    const ci_vis_meta *meta = set->meta;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            int32_t a1 = meta->baseline_ant1[block->i_baseline[r]];
            int32_t a2 = meta->baseline_ant2[block->i_baseline[r]];
            for (size_t k = 0; k < block->n_chan; k++) {
                size_t c = block->part.i_sub_band * 16 + k;
                uint8_t *flag = block->flags + ci_vis_sample(block, r, k, 0);
                if (a1 == 3 || a2 == 3) flag[0] |= CI_VIS_FLAG_DEAD;
                if (c == 20) flag[0] = flag[1] = CI_VIS_FLAG_FILE;
                if ((a1 == 5 || a2 == 5) && c >= 34 && c <= 36) flag[1] = CI_VIS_FLAG_FILE;
                if ((a1 == 6 || a2 == 6) && c >= 5 && c <= 9) flag[0] = CI_VIS_FLAG_FILE;
            }
        }
    }
}

static void test_holes(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.delay_s = 300e-9;
    solve_both(world, &s, NULL, spoil_holes, &x);
    if (!x.gain) return;
    for (size_t c = 0; c < 48; c++) {
        const uint8_t *flag = x.bandpass->flag;
        CHECK(flag[ci_cal_index(x.bandpass, 0, c, 3, 0)] == CI_CAL_NO_DATA);
        CHECK(flag[ci_cal_index(x.bandpass, 0, c, 3, 1)] == 0);
        CHECK(flag[ci_cal_index(x.bandpass, 0, c, 4, 0)] == 0); /* channel 20 interpolated */
        CHECK(flag[ci_cal_index(x.bandpass, 0, c, 5, 1)] == 0);
        bool long_gap = c >= 5 && c <= 9;
        CHECK((flag[ci_cal_index(x.bandpass, 0, c, 6, 0)] != 0) == long_gap);
    }
    error_stats e = compare(&s, &x, -1);
    if (ci_comm_rank(world) == 0) printf("holes: worst, interpolated ones in, %.2e\n", e.worst);
    CHECK(e.worst < 0.03);
    CHECK(x.quality.n_receptor[0] == 13 && x.quality.n_receptor[1] == 14);
    CHECK(x.quality.n_failed == 5);
    solved_free(&x);
}

/* The reference is lost in the middle: phases stay continuous. */
static void spoil_reference(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            int32_t b = block->i_baseline[r];
            bool is_2 = set->meta->baseline_ant1[b] == 2 || set->meta->baseline_ant2[b] == 2;
            if (!is_2 || block->i_time[r] < 10 || block->i_time[r] >= 14) continue;
            memset(block->flags + ci_vis_sample(block, r, 0, 0), CI_VIS_FLAG_FILE,
                   block->n_chan * block->n_pol);
        }
    }
}

static void test_reference_lost(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    solved x;
    ci_cal_options_default(&options);
    options.ref_antenna = "A02,A01";
    options.gain_interval_s = 60;
    s.drift = 0.02;
    solve_both(world, &s, &options, spoil_reference, &x);
    if (!x.gain) return;
    CHECK(x.gain->i_ref_antenna == 2);
    CHECK(x.gain->flag[ci_cal_index(x.gain, 2, 0, 2, 0)] == CI_CAL_FAILED);
    CHECK(x.quality.phase_scatter_deg < 5);
    for (size_t a = 0; a < s.n_antenna; a++) {
        ci_c64 before = x.gain->gain[ci_cal_index(x.gain, 1, 0, a, 0)];
        ci_c64 after = x.gain->gain[ci_cal_index(x.gain, 2, 0, a, 0)];
        if (a != 2) CHECK(fabs(carg(after * conj(before))) < 0.1);
    }
    solved_free(&x);
}

/* Antennas that lose their signal unnoticed keep what was solved while they had it, the reference
 * too; the data's unit is not that of gains. */
static bool is_without(int32_t antenna, int32_t time)
{
    return (antenna == 2 && time >= 11) || (antenna == 7 && time < 16);
}

static void spoil_signal(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            int32_t b = block->i_baseline[r], t = block->i_time[r];
            bool is_off = is_without(set->meta->baseline_ant1[b], t) ||
                          is_without(set->meta->baseline_ant2[b], t);
            size_t k = ci_vis_sample(block, r, 0, 0);
            for (size_t i_sample = 0; is_off && i_sample < block->n_chan * block->n_pol; i_sample++)
                block->data[k + i_sample] =
                    (ci_c32)(1e-3 * sim_normal(93, (size_t)b, 1000 * (size_t)t + i_sample));
        }
    }
}

static void test_signal_lost(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    solved x;
    size_t n_wrong = 0, n_gap = 0;
    ci_cal_options_default(&options);
    options.ref_antenna = "A02";
    s.drift = 0.02;
    s.sigma_jy = 0.3;
    solve_both(world, &s, &options, spoil_signal, &x);
    if (!x.gain) return;
    CHECK(x.gain->i_ref_antenna == 2 && x.gain->n_time == s.n_time);
    for (size_t t = 0; t < x.gain->n_time; t++)
        for (size_t a = 0; a < s.n_antenna; a++)
            for (size_t h = 0; h < 2; h++)
                n_wrong += (x.gain->flag[ci_cal_index(x.gain, t, 0, a, h)] != 0) !=
                           is_without((int32_t)a, (int32_t)t);
    for (size_t c = 0; c < 48; c++)
        n_gap += x.bandpass->flag[ci_cal_index(x.bandpass, 0, c, 2, 0)] != 0 ||
                 x.bandpass->flag[ci_cal_index(x.bandpass, 0, c, 7, 1)] != 0;
    error_stats e = compare(&s, &x, -1);
    if (ci_comm_rank(world) == 0)
        printf("signal lost: %zu gains wrongly flagged or not, worst error of others %.2e\n",
               n_wrong, e.worst);
    CHECK(n_wrong == 0 && n_gap == 0 && e.worst < 0.05);
    for (size_t a = 0; a < s.n_antenna; a++) {
        ci_c64 before = x.gain->gain[ci_cal_index(x.gain, 10, 0, a, 0)];
        ci_c64 after = x.gain->gain[ci_cal_index(x.gain, 11, 0, a, 0)];
        if (a != 2 && a != 7) CHECK(fabs(carg(after * conj(before))) < 0.05);
    }
    solved_free(&x);
}

/* One channel, one time: all in the gains. Y only in the second. */
static void test_single(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.n_time = s.n_sub_band = s.n_chan = 1;
    s.n_antenna = 40;
    for (int y_only = 0; y_only < 2; y_only++) {
        s.is_y_only = y_only;
        s.n_pol = y_only ? 1 : 2;
        solve_both(world, &s, NULL, NULL, &x);
        if (!x.gain) return;
        CHECK(x.bandpass->n_chan == 1 && x.gain->n_time == 1);
        CHECK(x.gain->jones[0] == (y_only ? -6 : -5));
        for (size_t a = 0; a < s.n_antenna; a++) {
            size_t i = ci_cal_index(x.gain, 0, 0, a, 0), h = (size_t)y_only;
            ci_c64 truth = sim_gain(&s, a, h, 0.5) * sim_bandpass(&s, a, h, 0, 0);
            CHECK(x.bandpass->flag[i] == 0 && x.bandpass->gain[i] == 1);
            CHECK(x.gain->flag[i] == 0 && fabs(cabs(x.gain->gain[i] / truth) - 1) < 1e-5);
        }
        solved_free(&x);
    }
}

/* Y dead over the whole array: X is solved as ever, its reference is found. */
static void spoil_y(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t k = 1; k < block->n_row * block->n_chan * 2; k += 2)
            block->flags[k] = CI_VIS_FLAG_DEAD;
    }
}

static void test_feed_dead(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.drift = 0.02;
    solve_both(world, &s, NULL, spoil_y, &x);
    if (!x.gain) return;
    CHECK(x.gain->i_ref_antenna >= 0 && x.quality.n_failed == 0);
    CHECK(x.quality.n_receptor[0] == 14 && x.quality.n_receptor[1] == 0);
    CHECK(isnan(x.quality.residual[1]) && x.quality.residual[0] < 0.01);
    for (size_t a = 0; a < 14; a++)
        CHECK(x.bandpass->flag[ci_cal_index(x.bandpass, 0, 7, a, 1)] == CI_CAL_NO_DATA);
    error_stats e = compare(&s, &x, -1);
    CHECK(e.worst < 1e-3 && e.n == 5 * 48 * 14);
    solved_free(&x);
}

/* Applying the tables gives the model back, weights follow, every polarisation. */
static void test_apply(ci_comm *world)
{
    cal_sim s = plain;
    ci_comm *self = NULL;
    solved x;
    s.n_pol = 4;
    s.drift = 0.05;
    s.offset_source = true;
    solve_both(world, &s, NULL, NULL, &x);
    if (!x.gain) return;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    double worst = 0;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        CHECK_OK(ci_cal_apply(x.bandpass, block));
        CHECK_OK(ci_cal_apply(x.gain, block));
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r];
            double part = ((double)block->i_time[r] + 0.5) / (double)s.n_time;
            size_t a1 = (size_t)set->meta->baseline_ant1[b];
            size_t a2 = (size_t)set->meta->baseline_ant2[b];
            if (part < 0.1 || part > 0.9) continue; /* outside the first and last solution */
            for (size_t c = 0; c < s.n_chan; c++) {
                ci_c64 model = sim_model(&s, b, block->freq_hz[c]);
                for (size_t p = 0; p < 2; p++) {
                    size_t k = ci_vis_sample(block, r, c, p);
                    worst = fmax(worst, cabs(block->data[k] / model - 1));
                    double g2 = cabs(sim_gain(&s, a1, p, part) * sim_gain(&s, a2, p, part) *
                                     sim_bandpass(&s, a1, p, block->part.i_sub_band, c) *
                                     sim_bandpass(&s, a2, p, block->part.i_sub_band, c));
                    CHECK(fabs((double)block->weight[k] / (g2 * g2) - 1) < 0.02);
                    CHECK(block->flags[k] == 0);
                }
            }
        }
    }
    if (ci_comm_rank(world) == 0) printf("applied, drift 0.05 turns: worst %.2e\n", worst);
    CHECK(worst < 0.004);
    ci_vis_set_free(set);
    ci_comm_free(self);
    solved_free(&x);
}

static void spoil_all(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++)
        memset(set->block[i]->flags, CI_VIS_FLAG_FILE,
               set->block[i]->n_row * set->block[i]->n_chan * set->block[i]->n_pol);
}

static ci_status predict_nothing(void *context, const ci_vis_block *block, ci_c32 *out)
{
    (void)context;
    memset(out, 0, block->n_row * block->n_chan * sizeof *out);
    return CI_OK;
}

/* A name that no antenna has is refused, also beside others. */
static void test_unknown_reference(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    ci_cal_table *bandpass, *gain;
    ci_cal_options_default(&options);
    options.ref_antenna = "nobody,A02";
    ci_vis_set *set = sim_set(world, &s);
    CHECK(ci_cal_solve(world, set, (ci_cal_model){sim_predict, &s}, &options, &bandpass, &gain,
                       NULL) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "--ref-antenna nobody") && !bandpass && !gain);
    ci_vis_set_free(set);
}

static void test_failed_solve_is_no_table(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    ci_cal_table *bandpass, *gain;
    ci_cal_options_default(&options);
    ci_vis_set *set = sim_set(world, &s);
    CHECK(ci_cal_solve(world, set, (ci_cal_model){predict_nothing, NULL}, &options, &bandpass,
                       &gain, NULL) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "predicts nothing") && !bandpass && !gain);
    spoil_all(set);
    CHECK(ci_cal_solve(world, set, (ci_cal_model){sim_predict, &s}, &options, &bandpass, &gain,
                       NULL) == CI_ERR_NO_DATA);
    ci_vis_set_free(set);
    /* noise only: nothing reaches S/N 3 (or nearly nothing): refused, no table of ones */
    s.sigma_jy = 1e5;
    set = sim_set(world, &s);
    options.min_snr = 12;
    CHECK(ci_cal_solve(world, set, (ci_cal_model){sim_predict, &s}, &options, &bandpass, &gain,
                       NULL) == CI_ERR_GATE);
    CHECK(strstr(ci_error_text(), "no solution"));
    ci_vis_set_free(set);
    s = plain;
    s.n_antenna = 4;
    set = sim_set(world, &s);
    ci_cal_options_default(&options);
    CHECK(ci_cal_solve(world, set, (ci_cal_model){sim_predict, &s}, &options, &bandpass, &gain,
                       NULL) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "4 antennas"));
    ci_vis_set_free(set);
}

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 1;
    ci_log_set_level(CI_LOG_ERROR);
    size_t before = ci_mem_now();
    test_noiseless(world);
    test_noise(world);
    test_outliers(world);
    test_holes(world);
    test_reference_lost(world);
    test_signal_lost(world);
    test_feed_dead(world);
    test_single(world);
    test_apply(world);
    test_unknown_reference(world);
    test_failed_solve_is_no_table(world);
    CHECK(ci_mem_now() == before); /* nothing left behind, errors included */
    return check_end(world);
}
