/* Solves of simulated data and their errors, for tests of cal. */
#ifndef TEST_CAL_SOLVE_H
#define TEST_CAL_SOLVE_H

#include "cal_sim.h"

static const cal_sim plain = {.n_antenna = 14,
                              .n_time = 24,
                              .n_sub_band = 3,
                              .n_chan = 16,
                              .n_pol = 2,
                              .flux_jy = 12.7,
                              .interval_s = 12.88,
                              .dead = -1};

typedef struct solved
{
    ci_cal_table *bandpass, *gain;
    ci_cal_quality quality;
} solved;

static inline void solved_free(solved *x)
{
    ci_cal_table_free(x->bandpass);
    ci_cal_table_free(x->gain);
    x->bandpass = x->gain = NULL;
}

static inline void solve(ci_comm *comm, const cal_sim *s, const ci_vis_set *set,
                         const ci_cal_options *given, solved *out)
{
    ci_cal_options options;
    ci_cal_options_default(&options);
    options.gain_interval_s = 60;
    if (given) options = *given;
    memset(out, 0, sizeof *out);
    CHECK_OK(ci_cal_solve(comm, set, (ci_cal_model){sim_predict, (void *)s}, &options,
                          &out->bandpass, &out->gain, &out->quality));
}

/* Product of both tables at a channel and solution time, over the truth, the common phase
 * of the antennas taken out: rms of log amplitude and of phase over everything, and the
 * greatest |ratio - 1|. */
typedef struct error_stats
{
    double amplitude_rms, phase_rms, worst;
    size_t n;
} error_stats;

static inline error_stats compare(const cal_sim *s, const solved *x, int skip)
{
    error_stats e = {0};
    const ci_cal_table *bp = x->bandpass, *gain = x->gain;
    double first = 60700 * CI_DAY_S - 0.5 * s->interval_s;
    double span = (double)s->n_time * s->interval_s;
    ci_c64 *ratio = sim_room(s->n_antenna, sizeof *ratio);
    for (size_t i = 0; i < gain->n_time * bp->n_chan * bp->n_feed; i++) {
        size_t h = i % bp->n_feed, c = i / bp->n_feed % bp->n_chan, t = i / bp->n_feed / bp->n_chan;
        double part = (gain->time_mjd_s[t] - first) / span;
        ci_c64 mean = 0;
        for (size_t a = 0; a < s->n_antenna; a++) {
            size_t ib = ci_cal_index(bp, 0, c, a, h), ig = ci_cal_index(gain, t, 0, a, h);
            ratio[a] = NAN;
            if ((int)a == skip || bp->flag[ib] || gain->flag[ig]) continue;
            ci_c64 truth =
                sim_bandpass(s, a, h, c / s->n_chan, c % s->n_chan) * sim_gain(s, a, h, part);
            ratio[a] = bp->gain[ib] * gain->gain[ig] / truth;
            mean += ratio[a] / cabs(ratio[a]);
        }
        for (size_t a = 0; a < s->n_antenna; a++) {
            if (isnan(creal(ratio[a]))) continue;
            ci_c64 r = ratio[a] * conj(mean) / cabs(mean);
            double la = log(cabs(r)), ph = carg(r);
            e.amplitude_rms += la * la;
            e.phase_rms += ph * ph;
            e.worst = fmax(e.worst, cabs(r - 1));
            e.n++;
        }
    }
    e.amplitude_rms = sqrt(e.amplitude_rms / (double)e.n);
    e.phase_rms = sqrt(e.phase_rms / (double)e.n);
    ci_mem_free(ratio);
    return e;
}

static inline bool same_table(const ci_cal_table *a, const ci_cal_table *b)
{
    size_t n = a->n_time * a->n_chan * a->array.n_antenna * a->n_feed;
    return a->n_time == b->n_time && a->n_chan == b->n_chan &&
           memcmp(a->gain, b->gain, n * sizeof *a->gain) == 0 && memcmp(a->flag, b->flag, n) == 0 &&
           memcmp(a->snr, b->snr, n * sizeof *a->snr) == 0 &&
           memcmp(a->freq_hz, b->freq_hz, a->n_chan * sizeof(double)) == 0 &&
           memcmp(a->time_mjd_s, b->time_mjd_s, a->n_time * sizeof(double)) == 0 &&
           a->i_ref_antenna == b->i_ref_antenna;
}

/* Solves with all ranks and with each alone: every byte must agree. */
static inline void solve_both(ci_comm *world, const cal_sim *s, const ci_cal_options *options,
                              void (*spoil)(ci_vis_set *), solved *out)
{
    ci_comm *self = NULL;
    solved alone;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(world, s), *whole = sim_set(self, s);
    if (spoil) {
        spoil(set);
        spoil(whole);
    }
    solve(world, s, set, options, out);
    solve(self, s, whole, options, &alone);
    if (out->gain && alone.gain) {
        CHECK(same_table(out->bandpass, alone.bandpass));
        CHECK(same_table(out->gain, alone.gain));
        CHECK(memcmp(out->quality.residual, alone.quality.residual, s->n_pol > 1 ? 16 : 8) == 0);
        CHECK(out->quality.n_iteration == alone.quality.n_iteration);
    }
    solved_free(&alone);
    ci_vis_set_free(set);
    ci_vis_set_free(whole);
    ci_comm_free(self);
}

#endif
