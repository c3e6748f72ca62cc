/* flag: dead receptors and outliers found, reasons counted; the same at any rank count. */
#include "cal_sim.h"

#include "contimg/flag.h"

static const cal_sim plain = {.n_antenna = 16,
                              .n_time = 12,
                              .n_sub_band = 2,
                              .n_chan = 8,
                              .n_pol = 4,
                              .flux_jy = 12.7,
                              .sigma_jy = 1,
                              .interval_s = 12.88,
                              .dead = 3,
                              .offset_source = true};

/* Antenna 5's Y is all zeros, antenna 7's X is flagged but for one time in 30. */
static void spoil(ci_vis_set *set)
{
    const ci_vis_meta *meta = set->meta;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            int32_t a1 = meta->baseline_ant1[block->i_baseline[r]];
            int32_t a2 = meta->baseline_ant2[block->i_baseline[r]];
            for (size_t c = 0; c < block->n_chan; c++) {
                size_t k = ci_vis_sample(block, r, c, 0);
                if (a1 == 5 || a2 == 5) {
                    block->data[k + 1] = 0;
                    block->flags[k + 1] |= CI_VIS_FLAG_ZERO;
                }
                bool keep = block->i_time[r] == 4 && c == 3;
                if ((a1 == 7 || a2 == 7) && !keep) block->flags[k] |= CI_VIS_FLAG_FILE;
            }
        }
    }
}

static bool same_report(const ci_flag_report *a, const ci_flag_report *b)
{
    size_t n = a->n_antenna * a->n_pol;
    return memcmp(a->dead, b->dead, n) == 0 &&
           memcmp(a->median_amplitude, b->median_amplitude, n * sizeof(double)) == 0 &&
           memcmp(&a->counts, &b->counts, sizeof a->counts) == 0 &&
           memcmp(a->antenna_fraction, b->antenna_fraction, a->n_antenna * sizeof(double)) == 0 &&
           memcmp(a->channel_fraction, b->channel_fraction, a->n_chan * sizeof(double)) == 0 &&
           memcmp(a->time_map, b->time_map, a->n_time * a->n_chan * sizeof(double)) == 0;
}

/* The share of flagged cross-correlations at a time and channel, and of an antenna at that channel,
 * counted one by one; the channel is of the first sub-band. */
static void check_maps(const ci_flag_report *report, const ci_vis_set *whole, int32_t time,
                       size_t i_chan, int32_t antenna)
{
    const ci_vis_block *block = whole->block[0];
    double n_time = 0, n_antenna = 0, bad_time = 0, bad_antenna = 0;
    for (size_t r = 0; r < block->n_row; r++) {
        int32_t a1 = block->meta->baseline_ant1[block->i_baseline[r]];
        int32_t a2 = block->meta->baseline_ant2[block->i_baseline[r]];
        for (size_t p = 0; p < block->n_pol && a1 != a2; p++) {
            bool bad = block->flags[ci_vis_sample(block, r, i_chan, p)] != 0;
            bool is_then = block->i_time[r] == time, is_its = a1 == antenna || a2 == antenna;
            n_time += is_then;
            bad_time += is_then && bad;
            n_antenna += is_its;
            bad_antenna += is_its && bad;
        }
    }
    CHECK(report->time_map[(size_t)time * report->n_chan + i_chan] == bad_time / n_time);
    CHECK(report->antenna_map[(size_t)antenna * report->n_chan + i_chan] ==
          bad_antenna / n_antenna);
}

/* Every flag of this rank's blocks as the whole set has them. */
static void check_same_flags(const ci_vis_set *set, const ci_vis_set *whole)
{
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *here = set->block[i], *all = whole->block[here->part.i_sub_band];
        size_t n = here->n_chan * here->n_pol, n_time = here->meta->n_time;
        CHECK(memcmp(here->flags, all->flags + here->part.i_baseline_first * n_time * n,
                     here->n_row * n) == 0);
    }
}

/* The same data over all ranks and on this one alone, with what flagging says of either. */
typedef struct flag_pair
{
    ci_vis_set *set, *whole;
    ci_flag_report *report, *alone;
} flag_pair;

static flag_pair pair_new(ci_comm *world, ci_comm *self, const cal_sim *s)
{
    return (flag_pair){.set = sim_set(world, s), .whole = sim_set(self, s)};
}

/* Flags both, which must come out the same; false where there is no report. */
static bool pair_flag(ci_comm *world, ci_comm *self, flag_pair *p)
{
    ci_flag_options options;
    ci_flag_options_default(&options);
    CHECK_OK(ci_flag_run(world, p->set, &options, &p->report));
    CHECK_OK(ci_flag_run(self, p->whole, &options, &p->alone));
    if (!p->report || !p->alone) return false;
    CHECK(same_report(p->report, p->alone));
    check_same_flags(p->set, p->whole);
    return true;
}

static void pair_free(flag_pair *p)
{
    ci_flag_report_free(p->report);
    ci_flag_report_free(p->alone);
    ci_vis_set_free(p->set);
    ci_vis_set_free(p->whole);
}

static void test_dead(ci_comm *world, ci_comm *self)
{
    flag_pair pair = pair_new(world, self, &plain);
    spoil(pair.set);
    spoil(pair.whole);
    if (!pair_flag(world, self, &pair)) return;
    const ci_vis_set *whole = pair.whole;
    const ci_flag_report *report = pair.report;
    for (size_t a = 0; a < 16; a++) {
        for (size_t p = 0; p < 4; p++) {
            int want = CI_FLAG_RECEPTOR_ALIVE;
            if (p < 2 && a == 3) want = CI_FLAG_RECEPTOR_LOW;
            if ((p == 1 && a == 5) || (p == 0 && a == 7)) want = CI_FLAG_RECEPTOR_EMPTY;
            CHECK(report->dead[a * 4 + p] == want);
        }
    }
    CHECK(report->n_alive[0] == 14 && report->n_low[0] == 1 && report->n_empty[0] == 1);
    CHECK(report->n_alive[1] == 14 && report->n_low[1] == 1 && report->n_empty[1] == 1);
    double ratio = report->median_amplitude[3 * 4] / report->median_amplitude[4 * 4];
    CHECK(ratio > 0 && ratio < 1e-3);
    CHECK(isnan(report->median_amplitude[5 * 4 + 1]));
    /* cross hands die with either of their receptors: XY of (3, any), of (7, any), of (any, 5) */
    const ci_vis_meta *meta = whole->meta;
    for (size_t r = 0; r < whole->block[0]->n_row; r++) {
        const ci_vis_block *block = whole->block[0];
        int32_t a1 = meta->baseline_ant1[block->i_baseline[r]];
        int32_t a2 = meta->baseline_ant2[block->i_baseline[r]];
        bool dead = a1 == 3 || a2 == 3 || a1 == 7 || a2 == 5;
        CHECK((block->flags[ci_vis_sample(block, r, 0, 2)] == CI_VIS_FLAG_DEAD) == dead);
    }
    check_maps(report, whole, 4, 3, 7);
    check_maps(report, whole, 0, 3, 5);
    CHECK(report->antenna_fraction[3] == 1 && report->antenna_fraction[0] < 0.25);
    CHECK(report->counts.n_by_bit[3] > 0 && report->counts.n_by_bit[2] > 0);
    pair_free(&pair);
}

/* Antenna 4 has a thousandth of its signal from time 7 on, antenna 9's X nothing but the noise of
 * receivers at times 2 to 5: of the times those are flagged, no others, and neither is dead. */
static bool is_lost(int32_t antenna, int32_t time, int feed)
{
    return (antenna == 4 && time >= 7) || (antenna == 9 && feed == 0 && time >= 2 && time <= 5);
}

static void signal_lose(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
            int32_t a1 = set->meta->baseline_ant1[b], a2 = set->meta->baseline_ant2[b];
            for (size_t c = 0; c < block->n_chan; c++) {
                ci_c32 *v = block->data + ci_vis_sample(block, r, c, 0);
                size_t chan = block->part.i_sub_band * block->n_chan + c;
                bool is_4 = (a1 == 4 || a2 == 4) && t >= 7;
                for (size_t p = 0; p < 4 && is_4; p++)
                    v[p] *= 1e-3F;
                if (a1 != a2 && (is_lost(a1, (int32_t)t, 0) || is_lost(a2, (int32_t)t, 0)) && !is_4)
                    v[0] = (ci_c32)(0.0025 * sim_normal(91, b, t * 100 + chan));
            }
        }
    }
}

/* XX and XY; other flags of a row are of interference, which is not there. */
static void test_lost(ci_comm *world, ci_comm *self)
{
    cal_sim s = plain;
    size_t n_wrong = 0, n_other = 0, n = 0;
    s.dead = -1;
    flag_pair pair = pair_new(world, self, &s);
    signal_lose(pair.set);
    signal_lose(pair.whole);
    if (!pair_flag(world, self, &pair)) return;
    const ci_vis_set *whole = pair.whole;
    for (size_t i = 0; i < whole->n_block; i++) {
        const ci_vis_block *block = whole->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            int32_t a1 = whole->meta->baseline_ant1[block->i_baseline[r]], t = block->i_time[r];
            int32_t a2 = whole->meta->baseline_ant2[block->i_baseline[r]];
            for (size_t c = 0; c < block->n_chan; c++) {
                const uint8_t *flag = block->flags + ci_vis_sample(block, r, c, 0);
                n_wrong +=
                    ((flag[0] & CI_VIS_FLAG_DEAD) != 0) != (is_lost(a1, t, 0) || is_lost(a2, t, 0));
                n_wrong +=
                    ((flag[2] & CI_VIS_FLAG_DEAD) != 0) != (is_lost(a1, t, 0) || is_lost(a2, t, 1));
                n_other += (flag[0] & ~CI_VIS_FLAG_DEAD) != 0 && a1 != a2;
                n += a1 != a2;
            }
        }
    }
    if (ci_comm_rank(world) == 0)
        printf("lost: %zu samples wrong, %zu of %zu taken for interference\n", n_wrong, n_other, n);
    CHECK(n_wrong == 0 && (double)n_other < 0.01 * (double)n);
    CHECK(pair.report->dead[4 * 4] == CI_FLAG_RECEPTOR_ALIVE);
    CHECK(pair.report->dead[9 * 4] == CI_FLAG_RECEPTOR_ALIVE);
    pair_free(&pair);
}

/* Times at which most of the array is weak, and a burst of one antenna a hundred times as strong as
 * the sky, are no receptor's loss. */
static void strength_change(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
            int32_t a1 = set->meta->baseline_ant1[b], a2 = set->meta->baseline_ant2[b];
            size_t k = ci_vis_sample(block, r, 0, 0);
            for (size_t i_sample = 0; i_sample < block->n_chan * block->n_pol; i_sample++) {
                if (t == 3) block->data[k + i_sample] *= 1e-3F;
                if (t == 8 && a1 != a2 && (a1 == 6 || a2 == 6))
                    block->data[k + i_sample] +=
                        (ci_c32)(5 * sim_normal(92, b, 1000 * t + i_sample));
            }
        }
    }
}

static void test_not_lost(ci_comm *world, ci_comm *self)
{
    cal_sim s = plain;
    size_t n_dead = 0;
    s.dead = -1;
    flag_pair pair = pair_new(world, self, &s);
    strength_change(pair.set);
    strength_change(pair.whole);
    if (!pair_flag(world, self, &pair)) return;
    for (size_t i = 0; i < pair.whole->n_block; i++) {
        const ci_vis_block *block = pair.whole->block[i];
        for (size_t k = 0; k < block->n_row * block->n_chan * block->n_pol; k++)
            n_dead += (block->flags[k] & CI_VIS_FLAG_DEAD) != 0;
    }
    CHECK(n_dead == 0);
    pair_free(&pair);
}

/* Spikes of 30 times the amplitude, one sample in 400; a fringing field is not touched. */
static bool is_spike(size_t b, size_t t, size_t chan, size_t p)
{
    return p < 2 && sim_uniform(77, b, (t * 100 + chan) * 4 + p) < 1.0 / 400;
}

static void spikes_add(ci_vis_set *set, size_t *n_spike)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r];
            if (set->meta->baseline_ant1[b] == set->meta->baseline_ant2[b]) continue;
            for (size_t c = 0; c < block->n_chan; c++) {
                for (size_t p = 0; p < block->n_pol; p++) {
                    size_t chan = block->part.i_sub_band * block->n_chan + c;
                    if (!is_spike(b, (size_t)block->i_time[r], chan, p)) continue;
                    block->data[ci_vis_sample(block, r, c, p)] *= 30;
                    ++*n_spike;
                }
            }
        }
    }
}

static void test_rfi(ci_comm *world, ci_comm *self)
{
    cal_sim s = plain;
    size_t n_here = 0, n_spike = 0, n_found = 0, n_false = 0;
    s.dead = -1;
    flag_pair pair = pair_new(world, self, &s);
    spikes_add(pair.set, &n_here);
    spikes_add(pair.whole, &n_spike);
    if (!pair_flag(world, self, &pair)) return;
    const ci_vis_set *whole = pair.whole;
    for (size_t i = 0; i < whole->n_block; i++) {
        const ci_vis_block *block = whole->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r];
            for (size_t c = 0; c < block->n_chan; c++) {
                for (size_t p = 0; p < block->n_pol; p++) {
                    size_t chan = block->part.i_sub_band * block->n_chan + c;
                    bool flagged = block->flags[ci_vis_sample(block, r, c, p)] != 0;
                    bool spike = p < 2 &&
                                 whole->meta->baseline_ant1[b] != whole->meta->baseline_ant2[b] &&
                                 is_spike(b, (size_t)block->i_time[r], chan, p);
                    n_found += flagged && spike;
                    n_false += flagged && !spike;
                }
            }
        }
    }
    size_t n_all = whole->meta->n_pol * 120 * 12 * 16;
    if (ci_comm_rank(world) == 0)
        printf("interference: %zu of %zu spikes found, %zu of %zu others flagged\n", n_found,
               n_spike, n_false, n_all);
    CHECK(n_spike > 50 && n_found == n_spike && (double)n_false < 1e-3 * (double)n_all);
    CHECK((size_t)pair.report->counts.n_by_bit[4] == n_found + n_false);
    pair_free(&pair);
}

/* Interference of 2 sigma on every baseline, a phase of its own on each: too weak for one baseline,
 * plain in the mean over all. 4 % of the cells, three channels x two times at a place. */
static bool is_weak(size_t i_sub_band, size_t t, size_t c)
{
    return (i_sub_band == 0 && t / 2 == 2 && c >= 4 && c < 7) ||
           (i_sub_band == 1 && t / 2 == 4 && c >= 1 && c < 4);
}

static void test_weak(ci_comm *world, double flux_jy)
{
    cal_sim s = plain;
    ci_flag_options options;
    ci_flag_report *report = NULL;
    int64_t n[4] = {0}; /* hit, of them found, others, of them flagged */
    ci_flag_options_default(&options);
    s.dead = -1;
    s.n_antenna = 24;
    s.flux_jy = flux_jy;
    s.sigma_jy = 3.3;
    ci_vis_set *set = sim_set(world, &s);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < set->n_block; i++) {
            ci_vis_block *block = set->block[i];
            for (size_t k = 0; k < block->n_row * block->n_chan * block->n_pol; k++) {
                size_t r = k / block->n_pol / block->n_chan, c = k / block->n_pol % block->n_chan;
                size_t b = (size_t)block->i_baseline[r];
                if (set->meta->baseline_ant1[b] == set->meta->baseline_ant2[b]) continue;
                bool hit = is_weak(block->part.i_sub_band, (size_t)block->i_time[r], c);
                if (pass == 0 && hit)
                    block->data[k] += (ci_c32)(2 * 3.3 * 0.0025 *
                                               cexp(I * CI_TWO_PI * sim_uniform(78, b, k % 8)));
                if (pass == 1) n[hit ? 0 : 2]++;
                if (pass == 1 && block->flags[k]) n[hit ? 1 : 3]++;
            }
        }
        if (pass == 0) CHECK_OK(ci_flag_run(world, set, &options, &report));
    }
    CHECK_OK(ci_par_sum_int(world, n, 4));
    if (ci_comm_rank(world) == 0)
        printf("weak, beside %g Jy: %lld of %lld found (wanted 99 %%), %lld of %lld others flagged "
               "(0.5 %%)\n",
               flux_jy, (long long)n[1], (long long)n[0], (long long)n[3], (long long)n[2]);
    CHECK(100 * n[1] >= 99 * n[0] && 200 * n[3] <= n[2]);
    ci_flag_report_free(report);
    ci_vis_set_free(set);
}

/* Noise of its own in all that antenna 5 has, and in half of the channels of antenna 6. */
static bool is_filled(int32_t a1, int32_t a2, size_t c)
{
    return a1 != a2 && (a1 == 5 || a2 == 5 || ((a1 == 6 || a2 == 6) && c < 4));
}

static void filled_add(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t k = 0; k < block->n_row * block->n_chan * block->n_pol; k++) {
            size_t r = k / block->n_pol / block->n_chan, c = k / block->n_pol % block->n_chan;
            size_t b = (size_t)block->i_baseline[r], s = block->part.i_sub_band;
            if (!is_filled(set->meta->baseline_ant1[b], set->meta->baseline_ant2[b], c)) continue;
            uint64_t cell = ((s * 100 + (size_t)block->i_time[r]) * 100 + c) * 4 + k % block->n_pol;
            block->data[k] += (ci_c32)(200 * 0.0025 * sim_normal(79, b, cell));
        }
    }
}

static void test_filled(ci_comm *world, ci_comm *self)
{
    cal_sim s = plain;
    size_t n_hit = 0, n_found = 0, n_other = 0, n_wrong = 0;
    s.dead = -1;
    flag_pair pair = pair_new(world, self, &s);
    filled_add(pair.set);
    filled_add(pair.whole);
    if (!pair_flag(world, self, &pair)) return;
    const ci_vis_set *whole = pair.whole;
    for (size_t i = 0; i < whole->n_block; i++) {
        const ci_vis_block *block = whole->block[i];
        for (size_t k = 0; k < block->n_row * block->n_chan * block->n_pol; k++) {
            size_t r = k / block->n_pol / block->n_chan, c = k / block->n_pol % block->n_chan;
            size_t b = (size_t)block->i_baseline[r];
            bool hit = is_filled(whole->meta->baseline_ant1[b], whole->meta->baseline_ant2[b], c);
            bool flagged = block->flags[k] != 0;
            n_hit += hit;
            n_found += hit && flagged;
            n_other += !hit;
            n_wrong += !hit && flagged;
        }
    }
    if (ci_comm_rank(world) == 0)
        printf("filled: %zu of %zu found, %zu of %zu others flagged\n", n_found, n_hit, n_wrong,
               n_other);
    CHECK(100 * n_found >= 99 * n_hit && 100 * n_wrong <= 2 * n_other);
    pair_free(&pair);
}

static void test_nothing_left(ci_comm *world)
{
    ci_flag_options options;
    ci_flag_report *report = NULL;
    ci_flag_options_default(&options);
    ci_vis_set *set = sim_set(world, &plain);
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        memset(block->flags, CI_VIS_FLAG_ZERO, block->n_row * block->n_chan * block->n_pol);
    }
    CHECK(ci_flag_run(world, set, &options, &report) == CI_ERR_NO_DATA && !report);
    CHECK(strstr(ci_error_text(), "no data left after flags"));
    CHECK(strstr(ci_error_text(), "exactly zero 104448"));
    CHECK_OK(ci_flag_count(world, set, &report));
    CHECK(report && report->counts.n_good == 0 && report->channel_fraction[15] == 1);
    ci_flag_report_free(report);
    ci_vis_set_free(set);
}

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    if (ci_par_start(&world) != CI_OK) return 1;
    CHECK_OK(ci_comm_self(&self));
    size_t before = ci_mem_now();
    test_dead(world, self);
    test_lost(world, self);
    test_not_lost(world, self);
    test_rfi(world, self);
    test_weak(world, 0.5);
    test_weak(world, 12.7);
    test_filled(world, self);
    test_nothing_left(world);
    CHECK(ci_mem_now() == before); /* nothing left behind, errors included */
    ci_comm_free(self);
    return check_end(world);
}
