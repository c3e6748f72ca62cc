/* A made-up array and sky for image tests: visibilities by the formula of docs/science.md,
 * summed here in double, with noise that hangs on the sample alone, so that any split over
 * ranks holds the same data. Include in one file only. */
#ifndef TEST_IMAGE_SET_H
#define TEST_IMAGE_SET_H

#include "contimg/vis.h"
#include "random.h"

#include <complex.h>
#include <math.h>
#include <string.h>

typedef struct fake_source
{
    double flux_jy, l, m;
} fake_source;

typedef struct fake_sky
{
    size_t n_antenna, n_time, n_sub_band, n_chan, n_pol;
    int pol[4];
    double size_m, height_m; /* spread of the antennas, along and across the ground */
    double freq_hz, width_hz;
    double sigma_jy; /* of a real or imaginary part; weight = 1/sigma^2; 0: weight 1 */
    size_t n_source;
    const fake_source *source;
} fake_sky;

/* A small array of four polarisations; with one source. */
static inline fake_sky fake_sky_small(size_t n_antenna, size_t n_time, size_t n_chan)
{
    static const fake_source one_source[] = {{2.0, 0.001, -0.002}};
    return (fake_sky){.n_antenna = n_antenna,
                      .n_time = n_time,
                      .n_sub_band = 2,
                      .n_chan = n_chan,
                      .n_pol = 4,
                      .pol = {-5, -6, -7, -8},
                      .size_m = 800,
                      .height_m = 5,
                      .freq_hz = 1.3e9,
                      .width_hz = 1e6,
                      .sigma_jy = 0.5,
                      .n_source = 1,
                      .source = one_source};
}

static inline double fake_normal(uint64_t key)
{
    return sqrt(-2 * log(test_random_uniform(2 * key))) *
           cos(CI_TWO_PI * test_random_uniform(2 * key + 1));
}

static inline ci_status fake_meta_new(ci_vis_meta **out, const fake_sky *sky)
{
    ci_vis_meta *m = NULL;
    CI_TRY(ci_mem_alloc(&m, 1, sizeof *m, "meta"));
    *out = m;
    m->array.n_antenna = sky->n_antenna;
    m->array.telescope = "made up";
    m->array.lat_rad = 0.65;
    m->array.lon_rad = -2.06;
    CI_TRY(ci_mem_alloc(&m->array.antenna, sky->n_antenna, sizeof *m->array.antenna, "antennas"));
    for (size_t i = 0; i < sky->n_antenna; i++) {
        double *p = m->array.antenna[i].pos_ecef_m;
        /* denser towards the middle, as real arrays are */
        double r = sky->size_m / 2 * pow(test_random_uniform(1000 + 3 * i), 1.2);
        double a = CI_TWO_PI * test_random_uniform(1001 + 3 * i);
        p[0] = r * cos(a);
        p[1] = r * sin(a);
        p[2] = sky->height_m * (test_random_uniform(1002 + 3 * i) - 0.5);
        m->array.antenna[i].number = (int64_t)i;
    }
    m->n_pol = sky->n_pol;
    memcpy(m->pol, sky->pol, sizeof m->pol);
    m->units = CI_VIS_UNITS_JY;
    m->n_baseline = sky->n_antenna * (sky->n_antenna + 1) / 2;
    CI_TRY(ci_mem_alloc(&m->baseline_ant1, m->n_baseline, sizeof(int32_t), "baselines"));
    CI_TRY(ci_mem_alloc(&m->baseline_ant2, m->n_baseline, sizeof(int32_t), "baselines"));
    size_t k = 0;
    for (size_t j = 0; j < sky->n_antenna; j++)
        for (size_t i = 0; i <= j; i++, k++) {
            m->baseline_ant1[k] = (int32_t)i;
            m->baseline_ant2[k] = (int32_t)j;
        }
    m->n_time = sky->n_time;
    CI_TRY(ci_mem_alloc(&m->time_mjd_s, m->n_time, sizeof(double), "times"));
    for (size_t t = 0; t < m->n_time; t++)
        m->time_mjd_s[t] = 60000 * CI_DAY_S + 12.88 * (double)t;
    m->interval_s = 12.88;
    CI_TRY(ci_mem_alloc(&m->sub_band, sky->n_sub_band, sizeof *m->sub_band, "sub-bands"));
    m->n_sub_band = sky->n_sub_band;
    for (size_t b = 0; b < m->n_sub_band; b++) {
        ci_vis_sub_band *s = &m->sub_band[b];
        CI_TRY(ci_mem_alloc(&s->freq_hz, sky->n_chan, sizeof(double), "channels"));
        CI_TRY(ci_mem_alloc(&s->width_hz, sky->n_chan, sizeof(double), "channels"));
        s->n_chan = sky->n_chan;
        for (size_t c = 0; c < sky->n_chan; c++) {
            s->freq_hz[c] = sky->freq_hz + sky->width_hz * (double)(b * sky->n_chan + c);
            s->width_hz[c] = sky->width_hz;
        }
    }
    CI_TRY(ci_mem_alloc(&m->phase, 1, sizeof *m->phase, "phase centres"));
    m->n_phase = 1;
    m->phase[0] =
        (ci_vis_phase_centre){.kind = CI_VIS_PHASING_SIDEREAL, .ra_rad = 1, .dec_rad = 0.3};
    return CI_OK;
}

static inline ci_c64 fake_visibility(const fake_sky *sky, const double *uvw_m, double freq_hz)
{
    ci_c64 sum = 0;
    double k = freq_hz / CI_C_M_S;
    for (size_t i = 0; i < sky->n_source; i++) {
        const fake_source *s = &sky->source[i];
        double n1 = sqrt(1 - s->l * s->l - s->m * s->m) - 1;
        double phase = k * (uvw_m[0] * s->l + uvw_m[1] * s->m + uvw_m[2] * n1);
        sum += s->flux_jy * cexp(I * CI_TWO_PI * phase);
    }
    return sum;
}

static inline void fake_row_fill(const fake_sky *sky, ci_vis_block *b, size_t r)
{
    const ci_vis_meta *m = b->meta;
    int32_t i_bl = b->i_baseline[r];
    const double *p1 = m->array.antenna[m->baseline_ant1[i_bl]].pos_ecef_m;
    const double *p2 = m->array.antenna[m->baseline_ant2[i_bl]].pos_ecef_m;
    double turn = 0.02 * b->i_time[r], d[3] = {p2[0] - p1[0], p2[1] - p1[1], p2[2] - p1[2]};
    double *uvw = b->uvw_m + 3 * r;
    uvw[0] = d[0] * cos(turn) - d[1] * sin(turn);
    uvw[1] = (d[0] * sin(turn) + d[1] * cos(turn)) * 0.9 + d[2] * 0.3;
    uvw[2] = d[2] * 0.9 - (d[0] * sin(turn) + d[1] * cos(turn)) * 0.1;
    for (size_t c = 0; c < b->n_chan; c++) {
        ci_c64 v = fake_visibility(sky, uvw, b->freq_hz[c]);
        for (size_t p = 0; p < b->n_pol; p++) {
            size_t s = ci_vis_sample(b, r, c, p);
            uint64_t key = (((b->part.i_sub_band * 4096 + c) * 65536 + (size_t)i_bl) * 512 +
                            (size_t)b->i_time[r]) *
                               8 +
                           2 * p;
            ci_c64 noise = fake_normal(key) + I * fake_normal(key + 1);
            b->data[s] = (ci_c32)(v + sky->sigma_jy * noise);
            b->weight[s] = sky->sigma_jy > 0 ? (float)(1 / (sky->sigma_jy * sky->sigma_jy)) : 1;
        }
    }
}

/* The blocks of `rank` of `n_rank`. XX and YY alike; cross hands are noise and signal too,
 * which no test of Stokes I looks at. */
static inline ci_status fake_set_new(ci_vis_set **out, const fake_sky *sky, int n_rank, int rank)
{
    ci_vis_set *set = NULL;
    CI_TRY(ci_mem_alloc(&set, 1, sizeof *set, "set"));
    *out = set;
    CI_TRY(fake_meta_new(&set->meta, sky));
    ci_vis_part parts[64];
    size_t n_part = 0;
    ci_vis_parts(sky->n_sub_band, set->meta->n_baseline, n_rank, rank, parts, &n_part);
    CI_TRY(ci_mem_alloc(&set->block, n_part, sizeof *set->block, "blocks"));
    for (size_t i = 0; i < n_part; i++) {
        size_t n_row = parts[i].n_baseline * sky->n_time;
        CI_TRY(ci_vis_block_new(&set->block[i], set->meta, parts[i], n_row));
        set->n_block++;
        for (size_t r = 0; r < n_row; r++) {
            set->block[i]->i_baseline[r] = (int32_t)(parts[i].i_baseline_first + r / sky->n_time);
            set->block[i]->i_time[r] = (int32_t)(r % sky->n_time);
            set->block[i]->interval_s[r] = 12.88;
            fake_row_fill(sky, set->block[i], r);
        }
    }
    return CI_OK;
}

#endif
