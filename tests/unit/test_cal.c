/* cal without other ranks: tables to files and back, gates, weights, matching on apply.
 * "test_cal write FOLDER" writes tables for science/test_cal.py. */

#include "unit_case.h"

#include "cal_sim.h"
#include "contimg/qa.h"

#include <stdlib.h>
#include <unistd.h>

static const cal_sim plain = {.n_antenna = 12,
                              .n_time = 15,
                              .n_sub_band = 2,
                              .n_chan = 8,
                              .n_pol = 2,
                              .flux_jy = 12.7,
                              .sigma_jy = 1,
                              .interval_s = 12.88,
                              .drift = 0.05,
                              .dead = -1};

static void tables_make(ci_cal_table **bandpass, ci_cal_table **gain)
{
    ci_comm *self = NULL;
    ci_cal_options options;
    cal_sim s = plain;
    ci_cal_options_default(&options);
    options.gain_interval_s = 60;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    CHECK_OK(
        ci_cal_solve(self, set, (ci_cal_model){sim_predict, &s}, &options, bandpass, gain, NULL));
    /* a dead receptor and a failed solution, to see flags through */
    for (size_t i = 1; *gain && i < 16; i++)
        if (i < (*gain)->n_time + 1) (*gain)->flag[ci_cal_index(*gain, i - 1, 0, 4, 1)] = 2;
    if (*gain) (*gain)->flag[ci_cal_index(*gain, 1, 0, 6, 0)] = CI_CAL_FAILED;
    if (*bandpass) CHECK_OK(ci_str_set(&(*bandpass)->model, "one point"));
    ci_vis_set_free(set);
    ci_comm_free(self);
}

static void check_equal(const ci_cal_table *a, const ci_cal_table *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n_time, b->n_time);
    assert_int_equal(a->n_chan, b->n_chan);
    assert_int_equal(a->n_feed, b->n_feed);
    assert_memory_equal(a->jones, b->jones, sizeof a->jones);
    assert_int_equal(a->x_is_north, b->x_is_north);
    assert_int_equal(a->i_ref_antenna, b->i_ref_antenna);
    assert_int_equal(a->is_approximate, b->is_approximate);
    assert_true(a->has_convention && b->has_convention);
    assert_int_equal(a->stokes_is_sum, b->stokes_is_sum);
    assert_string_equal(ci_vis_text(a->model), ci_vis_text(b->model));
    assert_string_equal(ci_vis_text(a->history), ci_vis_text(b->history));
    assert_true(fabs(a->interval_s - b->interval_s) < 1e-9);
    for (size_t t = 0; t < a->n_time; t++)
        assert_true(fabs(a->time_mjd_s[t] - b->time_mjd_s[t]) < 1e-4);
    for (size_t c = 0; c < a->n_chan; c++) {
        assert_true(fabs(a->freq_hz[c] - b->freq_hz[c]) < 1e-3);
        assert_true(fabs(a->width_hz[c] - b->width_hz[c]) < 1e-3);
    }
    for (size_t i = 0; i < a->array.n_antenna; i++) {
        assert_string_equal(a->array.antenna[i].name, b->array.antenna[i].name);
        assert_int_equal(a->array.antenna[i].number, b->array.antenna[i].number);
        for (int k = 0; k < 3; k++)
            assert_true(
                fabs(a->array.antenna[i].pos_ecef_m[k] - b->array.antenna[i].pos_ecef_m[k]) < 1e-6);
    }
    for (size_t i = 0; i < a->n_time * a->n_chan * a->array.n_antenna * a->n_feed; i++) {
        assert_int_equal(a->flag[i], b->flag[i]);
        if (a->flag[i]) continue;
        assert_true(a->gain[i] == b->gain[i]);
        assert_true(a->snr[i] == b->snr[i]);
    }
}

static void test_round_trip(void **state)
{
    UNIT_PATH(path, state, "x.calh5");
    ci_cal_table *table[2] = {NULL, NULL}, *back = NULL;
    tables_make(&table[0], &table[1]);
    assert_non_null(table[1]);
    table[0]->x_is_north = true;
    table[1]->is_approximate = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ci_cal_table_write(table[i], path), CI_OK);
        assert_int_equal(ci_cal_table_read(&back, path), CI_OK);
        check_equal(table[i], back);
        ci_cal_table_free(back);
    }
    /* what is no table is refused with its name */
    assert_int_equal(ci_file_write(path, "nothing", 7), CI_OK);
    assert_int_equal(ci_cal_table_read(&back, path), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), path));
    assert_null(back);
    ci_cal_table_free(table[0]);
    ci_cal_table_free(table[1]);
}

static void test_gates(void **state)
{
    (void)state;
    ci_cal_table *bandpass = NULL, *gain = NULL;
    ci_qa_limits limits;
    ci_qa_limits_default(&limits);
    tables_make(&bandpass, &gain);
    assert_non_null(gain);
    assert_int_equal(ci_qa_table_judge(bandpass, &limits, "b"), CI_OK);
    assert_int_equal(ci_qa_table_judge(gain, &limits, "g"), CI_OK);
    /* one amplitude of 20 times the others */
    size_t i = ci_cal_index(gain, 0, 0, 2, 0);
    ci_c64 kept = gain->gain[i];
    gain->gain[i] *= 20;
    assert_int_equal(ci_qa_table_judge(gain, &limits, "g"), CI_ERR_GATE);
    assert_non_null(strstr(ci_error_text(), "g: amplitudes"));
    gain->gain[i] = kept;
    /* a steady drift of the phases is no scatter, phases at random are 104 deg */
    ci_cal_quality quality;
    ci_cal_table *longer = NULL;
    assert_int_equal(ci_cal_table_new(&longer, CI_CAL_GAIN, &gain->array, 60, 1, 2), CI_OK);
    longer->interval_s = 60;
    for (size_t t = 0; t < 60; t++) {
        longer->time_mjd_s[t] = 60.0 * (double)t;
        for (size_t k = 0; k < 24; k++)
            longer->gain[t * 24 + k] = cexp(I * (0.4 * (double)(t * (k % 5)) + (double)k));
    }
    assert_int_equal(ci_cal_table_quality(longer, &quality), CI_OK);
    assert_true(quality.phase_scatter_deg < 1e-6);
    assert_int_equal(ci_qa_table_judge(longer, &limits, "g"), CI_OK);
    for (size_t k = 0; k < 60 * 24; k++)
        longer->gain[k] = cexp(I * CI_TWO_PI * sim_uniform(5, k, 0));
    assert_int_equal(ci_cal_table_quality(longer, &quality), CI_OK);
    assert_true(fabs(quality.phase_scatter_deg - 104) < 10);
    assert_int_equal(ci_qa_table_judge(longer, &limits, "g"), CI_ERR_GATE);
    assert_non_null(strstr(ci_error_text(), "scatter"));
    ci_cal_table_free(longer);
    /* 35 % flagged; nothing at all; too few antennas */
    for (size_t k = 0; k < 16 * 12 * 2; k++)
        bandpass->flag[k] = k / 24 < 6 ? CI_CAL_FAILED : 0;
    assert_int_equal(ci_qa_table_judge(bandpass, &limits, "b"), CI_ERR_GATE);
    assert_non_null(strstr(ci_error_text(), "37.5 %"));
    for (size_t k = 0; k < 16 * 12 * 2; k++)
        bandpass->flag[k] = k / 2 % 12 < 4 ? CI_CAL_NO_DATA : 0;
    assert_int_equal(ci_qa_table_judge(bandpass, &limits, "b"), CI_ERR_GATE);
    assert_non_null(strstr(ci_error_text(), "8 antennas"));
    memset(bandpass->flag, CI_CAL_NO_DATA, 16 * 12 * 2);
    assert_int_equal(ci_qa_table_judge(bandpass, &limits, "b"), CI_ERR_GATE);
    ci_cal_table_free(bandpass);
    ci_cal_table_free(gain);
}

static void test_apply_matching(void **state)
{
    (void)state;
    ci_cal_table *bandpass = NULL, *gain = NULL;
    ci_comm *self = NULL;
    cal_sim s = plain;
    tables_make(&bandpass, &gain);
    assert_non_null(gain);
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    ci_vis_block *block = set->block[1];
    /* antennas by name, not by place; one that the table does not know is flagged */
    ci_vis_antenna first = set->meta->array.antenna[0];
    set->meta->array.antenna[0].name = "other";
    assert_int_equal(ci_cal_apply(gain, block), CI_OK);
    for (size_t r = 0; r < block->n_row; r++) {
        int32_t a1 = set->meta->baseline_ant1[block->i_baseline[r]];
        int32_t a2 = set->meta->baseline_ant2[block->i_baseline[r]];
        bool none = a1 == 0 || a2 == 0, no_y = a1 == 4 || a2 == 4;
        /* antenna 6's X failed in the second interval: flagged where that is nearest */
        double time = set->meta->time_mjd_s[block->i_time[r]], d[3];
        assert_int_equal(gain->n_time, 3);
        for (int k = 0; k < 3; k++)
            d[k] = fabs(gain->time_mjd_s[k] - time);
        bool no_x = (a1 == 6 || a2 == 6) && d[1] < d[0] && d[1] < d[2];
        if (d[1] == d[0] || d[1] == d[2]) continue;
        uint8_t *flag = block->flags + ci_vis_sample(block, r, 3, 0);
        assert_int_equal(flag[0], none || no_x ? CI_VIS_FLAG_CAL : 0);
        assert_int_equal(flag[1], none || no_y ? CI_VIS_FLAG_CAL : 0);
    }
    set->meta->array.antenna[0] = first;
    /* a sub-band that the bandpass does not know is flagged, the others are not touched */
    size_t n_lost = 0;
    for (size_t c = 0; c < bandpass->n_chan; c++)
        if (bandpass->freq_hz[c] > block->freq_hz[0] - 1 &&
            bandpass->freq_hz[c] < block->freq_hz[block->n_chan - 1] + 1) {
            bandpass->freq_hz[c] += 1e9;
            n_lost++;
        }
    assert_int_equal(n_lost, block->n_chan);
    assert_int_equal(ci_cal_apply(bandpass, block), CI_OK);
    for (size_t i = 0; i < block->n_row * block->n_chan * block->n_pol; i++)
        assert_true(block->flags[i] & CI_VIS_FLAG_CAL);
    /* a bandpass of other frequencies, or of strangers, is refused */
    for (size_t c = 0; c < bandpass->n_chan; c++)
        bandpass->freq_hz[c] += 2e9;
    assert_int_equal(ci_cal_apply(bandpass, block), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "does not cover"));
    for (size_t a = 0; a < 12; a++) {
        gain->array.antenna[a].name = "Z";
        gain->array.antenna[a].number += 1000;
    }
    assert_int_equal(ci_cal_apply(gain, block), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "antennas"));
    ci_vis_set_free(set);
    ci_comm_free(self);
    ci_cal_table_free(bandpass);
    ci_cal_table_free(gain);
}

/* Two tables in one pass, by the formula, with each instruction set: a flagged gain of either
 * leaves a sample, and flags it. */
static void test_apply_pair(void **state)
{
    (void)state;
    ci_cal_table *bandpass = NULL, *gain = NULL;
    ci_comm *self = NULL;
    cal_sim s = plain;
    tables_make(&bandpass, &gain);
    CHECK_OK(ci_comm_self(&self));
    bandpass->has_delay_loss = false;
    for (size_t i = 0; i < bandpass->n_chan * 24; i++)
        bandpass->gain[i] = (1 + 0.01 * (double)(i % 7)) * cexp(I * (double)i);
    for (size_t i = 0; i < gain->n_time * 24; i++)
        gain->gain[i] = (2 + (double)(i % 24)) * cexp(I * 2.0 * (double)(i % 24)); /* constant */
    memset(bandpass->flag, 0, bandpass->n_chan * 24);
    memset(gain->flag, 0, gain->n_time * 24);
    bandpass->flag[ci_cal_index(bandpass, 0, 1, 5, 1)] = CI_CAL_FAILED;
    for (size_t t = 0; t < gain->n_time; t++)
        gain->flag[ci_cal_index(gain, t, 0, 3, 0)] = CI_CAL_FAILED;
    for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
        if (!ci_isa_has((ci_isa)isa)) continue;
        ci_vis_set *set = sim_set(self, &s);
        ci_vis_block *b = set->block[0], *raw = NULL;
        OK(ci_vis_block_copy(&raw, b));
        OK(ci_cal_apply_pair((const ci_cal_table *const[2]){bandpass, gain}, (ci_isa)isa, b));
        for (size_t i = 0; i < b->n_row * b->n_chan * b->n_pol; i++) {
            size_t p = i % b->n_pol, c = i / b->n_pol % b->n_chan;
            size_t base = (size_t)b->i_baseline[i / b->n_pol / b->n_chan];
            size_t a[2] = {(size_t)set->meta->baseline_ant1[base],
                           (size_t)set->meta->baseline_ant2[base]};
            ci_c64 of[2][2];
            bool is_bad[2];
            for (int k = 0; k < 2; k++) {
                of[k][0] = bandpass->gain[ci_cal_index(bandpass, 0, c, a[k], p)];
                of[k][1] = gain->gain[ci_cal_index(gain, 0, 0, a[k], p)];
            }
            is_bad[0] = c == 1 && p == 1 && (a[0] == 5 || a[1] == 5);
            is_bad[1] = p == 0 && (a[0] == 3 || a[1] == 3);
            ci_c64 value = raw->data[i];
            double weight = (double)raw->weight[i];
            for (int k = 0; k < 2; k++) {
                ci_c64 g = of[0][k] * conj(of[1][k]);
                value = is_bad[k] ? value : value / g;
                weight *= is_bad[k] ? 1 : creal(g * conj(g));
            }
            assert_true(cabs(b->data[i] - value) <= 3e-7 * cabs(value));
            assert_true(fabs((double)b->weight[i] - weight) <= 3e-7 * weight);
            assert_int_equal(b->flags[i],
                             raw->flags[i] | (is_bad[0] || is_bad[1] ? CI_VIS_FLAG_CAL : 0));
        }
        ci_vis_block_free(raw);
        ci_vis_set_free(set);
    }
    ci_comm_free(self);
    ci_cal_table_free(bandpass);
    ci_cal_table_free(gain);
}

/* Tables applied and noise weighed in one pass: as one after the other. */
static void test_apply_weigh(void **state)
{
    (void)state;
    ci_cal_table *both[2] = {NULL, NULL};
    ci_comm *self = NULL;
    cal_sim s = plain;
    tables_make(&both[0], &both[1]);
    const ci_cal_table *const table[2] = {both[0], both[1]};
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    ci_vis_block *b = set->block[0], *other = NULL;
    ci_cal_noise noise, want;
    size_t n = b->n_row * b->n_chan * b->n_pol;
    for (size_t i = 0; i < n; i++) /* noise of its own for each baseline */
        b->data[i] += (float)(0.01 * (double)(i % 97 + (i * i) % 13));
    OK(ci_vis_block_copy(&other, b));
    OK(ci_cal_apply_pair(table, CI_ISA_PLAIN, other));
    OK(ci_cal_weights(other, CI_CAL_WEIGHTS_SIGMA, 0, CI_ISA_PLAIN, &want));
    OK(ci_cal_apply_weigh(table, ci_isa_widest(), 0, b, &noise));
    assert_true(noise.is_known && noise.n_measured > 0);
    assert_int_equal(noise.n_measured, want.n_measured);
    assert_int_equal(noise.n_rounding, want.n_rounding);
    assert_memory_equal(b->data, other->data, n * sizeof *b->data);
    assert_memory_equal(b->flags, other->flags, n);
    assert_memory_equal(b->weight, other->weight, n * sizeof *b->weight);
    ci_vis_block_free(other);
    ci_vis_set_free(set);
    ci_comm_free(self);
    ci_cal_table_free(both[0]);
    ci_cal_table_free(both[1]);
}

/* Gains between two solutions: amplitude and phase both linear, the shorter way round. */
static void test_apply_interpolates(void **state)
{
    (void)state;
    ci_comm *self = NULL;
    cal_sim s = plain;
    ci_cal_table *gain = NULL;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    ci_vis_block *block = set->block[0];
    assert_int_equal(ci_cal_table_new(&gain, CI_CAL_GAIN, &set->meta->array, 2, 1, 2), CI_OK);
    gain->jones[0] = -5;
    gain->jones[1] = -6;
    gain->freq_hz[0] = 1.3e9;
    gain->width_hz[0] = 1e9;
    gain->time_mjd_s[0] = set->meta->time_mjd_s[0];
    gain->time_mjd_s[1] = set->meta->time_mjd_s[10];
    for (size_t i = 0; i < 24; i++) {
        gain->gain[i] = i / 2 == 1 ? 2 * cexp(I * 3.0) : 1;
        gain->gain[24 + i] = i / 2 == 1 ? 8 * cexp(-I * 3.0) : 1;
    }
    for (size_t i = 0; i < block->n_row * 16; i++)
        block->data[i] = 1;
    assert_int_equal(ci_cal_apply(gain, block), CI_OK);
    for (size_t r = 0; r < block->n_row; r++) {
        if (block->i_baseline[r] != 1) continue; /* antennas 0 and 1 */
        double f = fmin(block->i_time[r] / 10.0, 1);
        double phase = 3.0 + f * (CI_TWO_PI - 6.0), amplitude = 2 * pow(4, f);
        ci_c64 expected = 1 / conj(amplitude * cexp(I * phase));
        assert_true(cabs(block->data[ci_vis_sample(block, r, 2, 1)] - expected) < 1e-6);
        assert_true(fabs((double)block->weight[ci_vis_sample(block, r, 2, 1)] -
                         amplitude * amplitude) < 1e-4);
    }
    ci_cal_table_free(gain);
    ci_vis_set_free(set);
    ci_comm_free(self);
}

/* A bandpass is the nearest one, never something between two; of one time it is the same at all. */
static void test_bandpass_is_nearest(void **state)
{
    (void)state;
    ci_comm *self = NULL;
    cal_sim s = plain;
    CHECK_OK(ci_comm_self(&self));
    for (size_t n_time = 1; n_time <= 2; n_time++) {
        ci_cal_table *table = NULL;
        ci_vis_set *set = sim_set(self, &s);
        ci_vis_block *block = set->block[0];
        const ci_vis_array *array = &set->meta->array;
        OK(ci_cal_table_new(&table, CI_CAL_BANDPASS, array, n_time, block->n_chan, 2));
        table->jones[0] = -5;
        table->jones[1] = -6;
        for (size_t c = 0; c < block->n_chan; c++) {
            table->freq_hz[c] = block->freq_hz[c];
            table->width_hz[c] = block->width_hz[c];
        }
        table->time_mjd_s[0] = set->meta->time_mjd_s[0];
        if (n_time == 2) table->time_mjd_s[1] = set->meta->time_mjd_s[10];
        size_t n = block->n_chan * array->n_antenna * 2;
        for (size_t i = 0; i < n * n_time; i++)
            table->gain[i] = i < n ? 1 : 3;
        for (size_t i = 0; i < block->n_row * block->n_chan * block->n_pol; i++)
            block->data[i] = 9;
        OK(ci_cal_apply(table, block));
        for (size_t r = 0; r < block->n_row; r++) {
            if (block->i_time[r] == 5) continue; /* as near to one as to the other */
            float expected = n_time == 2 && block->i_time[r] > 5 ? 1 : 9;
            assert_true(cabsf(block->data[ci_vis_sample(block, r, 2, 1)] - expected) < 1e-5f);
        }
        ci_cal_table_free(table);
        ci_vis_set_free(set);
    }
    ci_comm_free(self);
}

/* sigma from differences, with a bright source that fringes and a few spikes in the data. */
static double weights_ratio(size_t n_time, size_t n_chan, size_t n_antenna, ci_cal_noise *noise)
{
    cal_sim s = plain;
    ci_comm *self = NULL;
    s.n_time = n_time;
    s.n_chan = n_chan;
    s.n_sub_band = 1;
    s.n_antenna = n_antenna;
    s.sigma_jy = 2;
    s.flux_jy = 20;
    s.delay_s = 100e-9;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    ci_vis_block *block = set->block[0];
    for (size_t i = 0; i < block->n_row; i += 97)
        block->data[ci_vis_sample(block, i, 0, 0)] *= 100;
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_SIGMA, 0, ci_isa_widest(), noise), CI_OK);
    double sum = 0;
    size_t n = 0;
    for (size_t r = 0; r < block->n_row; r++) {
        size_t b = (size_t)block->i_baseline[r];
        size_t a1 = (size_t)set->meta->baseline_ant1[b], a2 = (size_t)set->meta->baseline_ant2[b];
        if (a1 == a2) continue;
        double g = cabs(sim_gain(&s, a1, 0, 0.5) * sim_gain(&s, a2, 0, 0.5));
        sum += 1 / sqrt((double)block->weight[ci_vis_sample(block, r, n_chan / 2, 0)]) / (2 * g);
        n++;
    }
    ci_vis_set_free(set);
    ci_comm_free(self);
    return sum / (double)n;
}

static void test_weights(void **state)
{
    (void)state;
    ci_cal_noise noise = {0};
    double both = weights_ratio(24, 48, 8, &noise);
    print_message("sigma measured / true: times x channels %.4f", both);
    assert_true(noise.is_known &&
                fabs(both - 1) < 0.06); /* the bandpass is not in the truth here */
    double time = weights_ratio(200, 1, 8, &noise);
    double chan = weights_ratio(1, 400, 8, &noise);
    print_message(", times %.4f, channels %.4f\n", time, chan);
    assert_true(noise.is_known && fabs(time - 1) < 0.1 && fabs(chan - 1) < 0.1);
    /* one number cannot tell */
    cal_sim s = plain;
    ci_comm *self = NULL;
    s.n_time = s.n_chan = s.n_sub_band = 1;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(self, &s);
    ci_vis_block *block = set->block[0];
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_SIGMA, 0, ci_isa_widest(), &noise),
                     CI_OK);
    assert_false(noise.is_known);
    assert_true(block->weight[5] == 1);
    /* SEFD 8286 Jy, 244 kHz x 12.88 s: 3.3 Jy */
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_SIGMA, 8286, ci_isa_widest(), &noise),
                     CI_OK);
    assert_true(noise.is_known && fabs(1 / sqrt((double)block->weight[5]) - 3.304) < 0.01);
    block->weight[5] = 7;
    set->meta->has_valid_nsamples = true;
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_NSAMPLES, 0, ci_isa_widest(), &noise),
                     CI_OK);
    assert_true(!noise.is_known && block->weight[5] == 7);
    set->meta->has_valid_nsamples = false;
    assert_int_equal(ci_cal_weights(block, CI_CAL_WEIGHTS_NSAMPLES, 0, ci_isa_widest(), &noise),
                     CI_OK);
    assert_true(block->weight[5] == 1);
    ci_vis_set_free(set);
    ci_comm_free(self);
}

static int write_tables(const char *folder)
{
    ci_cal_table *table[2] = {NULL, NULL};
    static const char *const names[2] = {"t.bandpass.calh5", "t.gain.calh5"};
    tables_make(&table[0], &table[1]);
    for (int i = 0; i < 2; i++) {
        char *path = NULL, *text = NULL;
        CHECK_OK(ci_path_join(&path, folder, names[i]));
        if (table[i]) CHECK_OK(ci_cal_table_write(table[i], path));
        if (table[i]) {
            /* a few numbers to compare with, from memory */
            ci_c64 g = table[i]->gain[ci_cal_index(table[i], 0, table[i]->n_chan - 1, 5, 1)];
            CHECK_OK(ci_str_format(&text, "%s %zu %zu %.17g %.17g %s\n", names[i], table[i]->n_time,
                                   table[i]->n_chan, creal(g), cimag(g),
                                   table[i]->array.antenna[table[i]->i_ref_antenna].name));
            fputs(text, stdout);
        }
        ci_mem_free(path);
        ci_mem_free(text);
        ci_cal_table_free(table[i]);
    }
    return check_failures ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0) return write_tables(argv[2]);
    ci_log_set_level(CI_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_round_trip),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_apply_matching),
        cmocka_unit_test(test_apply_pair),
        cmocka_unit_test(test_apply_weigh),
        cmocka_unit_test(test_apply_interpolates),
        cmocka_unit_test(test_bandpass_is_nearest),
        cmocka_unit_test(test_weights),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || check_failures;
}
