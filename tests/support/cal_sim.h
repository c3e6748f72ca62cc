/* Data sets in memory with known gains for tests of flag and cal: V = g1 conj(g2) M + noise,
 * every sample's noise from its own number, so that any rank makes the same sample. */
#ifndef TEST_CAL_SIM_H
#define TEST_CAL_SIM_H

#include "check.h"
#include "contimg/cal.h"
#include "random.h"

#include <complex.h>
#include <math.h>
#include <string.h>

typedef struct cal_sim
{
    size_t n_antenna, n_time, n_sub_band, n_chan, n_pol;
    double flux_jy, sigma_jy, interval_s, drift; /* drift: turns of phase over the whole span */
    double delay_s, outliers;                    /* outliers: fraction of baselines spoiled */
    int dead;                                    /* antenna without signal, -1: none */
    bool offset_source; /* model has a second source: it differs by baseline and channel */
    bool is_y_only;
} cal_sim;

static inline double sim_uniform(uint64_t seed, uint64_t a, uint64_t b)
{
    return test_random_uniform(test_random_mix(test_random_mix(seed) + a) + b);
}

static inline ci_c64 sim_normal(uint64_t seed, uint64_t a, uint64_t b)
{
    double r = sqrt(-2 * log(sim_uniform(seed, a, 2 * b)));
    return r * cexp(I * CI_TWO_PI * sim_uniform(seed, a, 2 * b + 1));
}

static inline void *sim_room(size_t n, size_t size)
{
    void *out = NULL;
    CHECK_OK(ci_mem_alloc(&out, n, size, "test"));
    return out;
}

static inline double sim_freq(size_t i_sub_band, size_t n_chan, size_t c)
{
    return 1.3e9 + ((double)(i_sub_band * n_chan + c) + 0.5) * 244140.625;
}

static inline double sim_delay(const cal_sim *s, size_t a, size_t h)
{
    return s->n_sub_band * s->n_chan > 1 ? s->delay_s * (2 * sim_uniform(12, a, h) - 1) : 0;
}

/* What is left of a baseline in a channel of 244 kHz. */
static inline double sim_loss(const cal_sim *s, size_t a1, size_t h1, size_t a2, size_t h2)
{
    double x = CI_PI * 244140.625 * (sim_delay(s, a1, h1) - sim_delay(s, a2, h2));
    return x != 0 ? sin(x) / x : 1;
}

/* True bandpass, mean of its amplitude near 1; gain with flux scale and random phase. */
static inline ci_c64 sim_bandpass(const cal_sim *s, size_t a, size_t h, size_t i_sub_band, size_t c)
{
    double x = ((double)(i_sub_band * s->n_chan + c) + 0.5) / (double)(s->n_sub_band * s->n_chan);
    double wave = 0.1 * sin(CI_TWO_PI * (3 * x + sim_uniform(11, a, h)));
    double turn = CI_TWO_PI * sim_delay(s, a, h) * (sim_freq(i_sub_band, s->n_chan, c) - 1.3e9);
    return (1 + wave) * cexp(I * (turn + 0.3 * sin(CI_TWO_PI * (x + sim_uniform(13, a, h)))));
}

static inline ci_c64 sim_gain(const cal_sim *s, size_t a, size_t h, double t_part)
{
    double amplitude = 0.05 * (0.8 + 0.4 * sim_uniform(14, a, h));
    double turn = CI_TWO_PI * (sim_uniform(15, a, h) +
                               s->drift * (2 * sim_uniform(16, a, h) - 1) * (t_part - 0.5));
    return amplitude * cexp(I * turn);
}

static inline ci_c64 sim_model(const cal_sim *s, size_t b, double freq_hz)
{
    double turn = (sim_uniform(17, b, 0) - 0.5) * 20 * freq_hz / 1.4e9;
    return s->flux_jy * (1 + (s->offset_source ? 0.3 * cexp(I * CI_TWO_PI * turn) : 0));
}

static inline ci_vis_meta *sim_meta(const cal_sim *s)
{
    ci_vis_meta *meta = sim_room(1, sizeof *meta);
    meta->array.telescope = "SIM";
    meta->array.lat_rad = 0.65;
    meta->array.lon_rad = -2.06;
    meta->array.height_m = 1200;
    meta->array.n_antenna = s->n_antenna;
    meta->array.antenna = sim_room(s->n_antenna, sizeof *meta->array.antenna);
    char *names = meta->array.texts = sim_room(s->n_antenna, 8);
    for (size_t a = 0; a < s->n_antenna; a++) {
        ci_vis_antenna *antenna = &meta->array.antenna[a];
        antenna->name = names + 8 * a;
        snprintf(names + 8 * a, 8, "A%02zu", a % 100000);
        antenna->number = (int64_t)(2 * a + 3);
        antenna->diameter_m = 4.65;
        double place[3] = {-2409555.9, -4478213.6, 3838767.5};
        for (size_t k = 0; k < 3; k++)
            antenna->pos_ecef_m[k] = place[k] + 500 * (sim_uniform(18, a, k) - 0.5);
    }
    meta->n_pol = s->n_pol;
    static const int pols[4] = {-5, -6, -7, -8};
    memcpy(meta->pol, pols, sizeof pols);
    if (s->is_y_only) meta->pol[0] = -6;
    meta->n_baseline = s->n_antenna * (s->n_antenna + 1) / 2;
    meta->baseline_ant1 = sim_room(meta->n_baseline, sizeof(int32_t));
    meta->baseline_ant2 = sim_room(meta->n_baseline, sizeof(int32_t));
    size_t i = 0;
    for (int32_t q = 0; q < (int32_t)s->n_antenna; q++) {
        for (int32_t p = 0; p <= q; p++) {
            meta->baseline_ant1[i] = p;
            meta->baseline_ant2[i++] = q;
        }
    }
    meta->n_time = s->n_time;
    meta->interval_s = s->interval_s;
    meta->time_mjd_s = sim_room(s->n_time, sizeof(double));
    for (size_t t = 0; t < s->n_time; t++)
        meta->time_mjd_s[t] = 60700 * CI_DAY_S + (double)t * s->interval_s;
    meta->n_sub_band = s->n_sub_band;
    meta->sub_band = sim_room(s->n_sub_band, sizeof *meta->sub_band);
    for (size_t k = 0; k < s->n_sub_band; k++) {
        meta->sub_band[k].n_chan = s->n_chan;
        meta->sub_band[k].freq_hz = sim_room(s->n_chan, sizeof(double));
        meta->sub_band[k].width_hz = sim_room(s->n_chan, sizeof(double));
        for (size_t c = 0; c < s->n_chan; c++) {
            meta->sub_band[k].freq_hz[c] = sim_freq(k, s->n_chan, c);
            meta->sub_band[k].width_hz[c] = 244140.625;
        }
    }
    meta->n_phase = 1;
    meta->phase = sim_room(1, sizeof *meta->phase);
    meta->phase[0].kind = CI_VIS_PHASING_SIDEREAL;
    return meta;
}

static inline int sim_feed(const ci_vis_meta *meta, size_t i_pol, int side)
{
    int pol = meta->pol[i_pol];
    if (pol == -5) return 0;
    if (pol == -6) return 1;
    return pol == -7 ? side : 1 - side;
}

static inline void sim_fill(const cal_sim *s, ci_vis_block *block)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t r = 0; r < block->n_row; r++) {
        size_t b = block->part.i_baseline_first + r / s->n_time, t = r % s->n_time;
        size_t a1 = (size_t)meta->baseline_ant1[b], a2 = (size_t)meta->baseline_ant2[b];
        double part = ((double)t + 0.5) / (double)s->n_time;
        block->i_baseline[r] = (int32_t)b;
        block->i_time[r] = (int32_t)t;
        block->interval_s[r] = s->interval_s;
        for (size_t k = 0; k < 3; k++)
            block->uvw_m[3 * r + k] =
                meta->array.antenna[a2].pos_ecef_m[k] - meta->array.antenna[a1].pos_ecef_m[k];
        bool spoiled = sim_uniform(19, b, 0) < s->outliers;
        for (size_t c = 0; c < s->n_chan; c++) {
            ci_c64 model = sim_model(s, b, block->freq_hz[c]);
            for (size_t p = 0; p < s->n_pol; p++) {
                size_t h1 = (size_t)sim_feed(meta, p, 0), h2 = (size_t)sim_feed(meta, p, 1);
                size_t k = block->part.i_sub_band;
                ci_c64 g1 = sim_gain(s, a1, h1, part) * sim_bandpass(s, a1, h1, k, c);
                ci_c64 g2 = sim_gain(s, a2, h2, part) * sim_bandpass(s, a2, h2, k, c);
                uint64_t cell = ((k * s->n_chan + c) * s->n_time + t) * 4 + p;
                ci_c64 noise = s->sigma_jy * sim_normal(20, b, cell);
                ci_c64 sky = h1 == h2 ? model * sim_loss(s, a1, h1, a2, h2) : 0;
                if ((int)a1 == s->dead || (int)a2 == s->dead) g1 = g2 = 1e-4;
                ci_c64 v = g1 * conj(g2) * sky + cabs(g1 * g2) * noise;
                if (spoiled) v += 30 * 0.0025 * s->flux_jy * cexp(I * 7 * (double)b);
                size_t i = ci_vis_sample(block, r, c, p);
                block->data[i] = (ci_c32)v;
                block->weight[i] = 1;
            }
        }
    }
}

/* This rank's part of the data set. */
static inline ci_vis_set *sim_set(ci_comm *comm, const cal_sim *s)
{
    ci_vis_set *set = sim_room(1, sizeof *set);
    ci_vis_part *parts = sim_room(s->n_sub_band, sizeof *parts);
    set->meta = sim_meta(s);
    ci_vis_parts(s->n_sub_band, set->meta->n_baseline, ci_comm_size(comm), ci_comm_rank(comm),
                 parts, &set->n_block);
    set->block = sim_room(set->n_block, sizeof *set->block);
    for (size_t i = 0; i < set->n_block; i++) {
        CHECK_OK(
            ci_vis_block_new(&set->block[i], set->meta, parts[i], parts[i].n_baseline * s->n_time));
        sim_fill(s, set->block[i]);
    }
    ci_mem_free(parts);
    return set;
}

static inline ci_status sim_predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    const cal_sim *s = context;
    for (size_t r = 0; r < block->n_row; r++)
        for (size_t c = 0; c < block->n_chan; c++)
            out[r * block->n_chan + c] =
                (ci_c32)sim_model(s, (size_t)block->i_baseline[r], block->freq_hz[c]);
    return CI_OK;
}

#endif
