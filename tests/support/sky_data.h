/* Small data sets in memory for tests of sky: antennas, baselines, times, channels. */
#ifndef TEST_SKY_DATA_H
#define TEST_SKY_DATA_H

#include "unit_case.h"

#include <math.h>

#include "contimg/sky.h"

static inline void *sky_data_alloc(size_t n, size_t size)
{
    void *out = NULL;
    OK(ci_mem_alloc(&out, n, size, "test"));
    return out;
}

/* Every 9th station and the outriggers of the longest baseline. */
static inline ci_vis_array sky_data_stations(void)
{
    ci_vis_array array;
    size_t n = 0;
    OK(ci_sky_array_dsa110(&array, false));
    for (size_t a = 0; a < 117; a++)
        if (a % 9 == 0 || a == 116) array.antenna[n++] = array.antenna[a];
    array.n_antenna = n;
    return array;
}

/* All baselines with autocorrelations of `array` (its antennas become the meta's), one
 * sub-band of evenly spaced channels, evenly spaced times, one phase centre. */
static inline ci_vis_meta *sky_data_meta(const ci_vis_array *array, double time_mjd_s,
                                         double interval_s, size_t n_time, double freq_hz,
                                         double width_hz, size_t n_chan, ci_vis_phase_centre phase)
{
    ci_vis_meta *meta = sky_data_alloc(1, sizeof *meta);
    meta->array = *array;
    meta->n_pol = 2;
    meta->pol[0] = -5;
    meta->pol[1] = -6;
    meta->n_baseline = array->n_antenna * (array->n_antenna + 1) / 2;
    meta->baseline_ant1 = sky_data_alloc(meta->n_baseline, sizeof(int32_t));
    meta->baseline_ant2 = sky_data_alloc(meta->n_baseline, sizeof(int32_t));
    size_t i = 0;
    for (int32_t b = 0; b < (int32_t)array->n_antenna; b++)
        for (int32_t a = 0; a <= b; a++) {
            meta->baseline_ant1[i] = a;
            meta->baseline_ant2[i++] = b;
        }
    meta->n_time = n_time;
    meta->interval_s = interval_s;
    meta->time_mjd_s = sky_data_alloc(n_time, sizeof(double));
    for (size_t t = 0; t < n_time; t++)
        meta->time_mjd_s[t] = time_mjd_s + (double)t * interval_s;
    meta->n_sub_band = 1;
    meta->sub_band = sky_data_alloc(1, sizeof *meta->sub_band);
    meta->sub_band->n_chan = n_chan;
    meta->sub_band->freq_hz = sky_data_alloc(n_chan, sizeof(double));
    meta->sub_band->width_hz = sky_data_alloc(n_chan, sizeof(double));
    for (size_t c = 0; c < n_chan; c++) {
        meta->sub_band->freq_hz[c] = freq_hz + (double)c * width_hz;
        meta->sub_band->width_hz[c] = width_hz;
    }
    meta->n_phase = 1;
    meta->phase = sky_data_alloc(1, sizeof *meta->phase);
    meta->phase[0] = phase;
    return meta;
}

/* Baselines [first, first + n) of the one sub-band, all times, data 0. */
static inline ci_vis_block *sky_data_block(const ci_vis_meta *meta, size_t first, size_t n)
{
    ci_vis_block *block = NULL;
    ci_vis_part part = {.i_baseline_first = first, .n_baseline = n};
    OK(ci_vis_block_new(&block, meta, part, n * meta->n_time));
    for (size_t i = 0; i < block->n_row; i++) {
        block->i_baseline[i] = (int32_t)(first + i / meta->n_time);
        block->i_time[i] = (int32_t)(i % meta->n_time);
        block->interval_s[i] = meta->interval_s;
    }
    return block;
}

/* Row of baseline (a, b) at time t in a block of all baselines. */
static inline size_t sky_data_row(const ci_vis_meta *meta, size_t a, size_t b, size_t t)
{
    return (b * (b + 1) / 2 + a) * meta->n_time + t;
}

static inline ci_sky_eop *sky_data_eop(void)
{
    ci_sky_eop *eop = NULL;
    OK(ci_sky_eop_load(&eop, NULL));
    return eop;
}

#endif
