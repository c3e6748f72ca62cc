/* Weights from the noise that the visibilities themselves show. Second differences take out
 * what is smooth: over time and channel D = V(t,c) - V(t,c+1) - V(t+1,c) + V(t+1,c+1), variance
 * 4 sigma^2; with one time V(c-1) - 2 V(c) + V(c+1), variance 6 sigma^2 (or V(c+1) - V(c), 2
 * sigma^2, where there are two channels only); likewise over time with one channel. */
#include "contimg/cal.h"
#include "contimg/num.h"

#include <complex.h>
#include <math.h>

enum
{
    N_ENOUGH = 8, /* differences (each two real numbers) that a median needs */
    N_MOST = 768  /* that are looked at: they give sigma to 4 % */
};

/* The pattern of a difference: up to four samples (row, channel) with their factors. */
typedef struct difference
{
    int n, row[4], chan[4];
    double factor[4];
} difference;

static const difference over_both = {4, {0, 0, 1, 1}, {0, 1, 0, 1}, {1, -1, -1, 1}};
static const difference over_chan_3 = {3, {0, 0, 0}, {0, 1, 2}, {1, -2, 1}};
static const difference over_chan_2 = {2, {0, 0}, {0, 1}, {1, -1}};
static const difference over_time_3 = {3, {0, 1, 2}, {0, 0, 0}, {1, -2, 1}};
static const difference over_time_2 = {2, {0, 1}, {0, 0}, {1, -1}};

/* What the shape of the data set allows; NULL: nothing. */
static const difference *pattern_choose(const ci_vis_block *block)
{
    size_t n_time = block->meta->n_time, n_chan = block->n_chan;
    if (n_time >= 2 && n_chan >= 2) return &over_both;
    if (n_chan >= 3) return &over_chan_3;
    if (n_chan == 2) return &over_chan_2;
    if (n_time >= 3) return &over_time_3;
    if (n_time == 2) return &over_time_2;
    return NULL;
}

/* One difference, its real and imaginary part scaled to the noise of 1 Hz x 1 s; false where
 * a sample is flagged. */
static bool difference_at(const ci_vis_block *block, const difference *pattern, size_t i_row,
                          size_t i_chan, size_t i_pol, double out[2])
{
    double x = 0, y = 0, variance = 0;
    for (int k = 0; k < pattern->n; k++) {
        size_t row = i_row + (size_t)pattern->row[k], chan = i_chan + (size_t)pattern->chan[k];
        size_t i = ci_vis_sample(block, row, chan, i_pol);
        double f = pattern->factor[k];
        if (block->flags[i]) return false;
        x += f * (double)crealf(block->data[i]);
        y += f * (double)cimagf(block->data[i]);
        variance += f * f / (block->width_hz[chan] * block->interval_s[row]);
    }
    out[0] = x / sqrt(variance);
    out[1] = y / sqrt(variance);
    return true;
}

/* Differences of one baseline and polarisation, evenly spread where there are more than are
 * needed; returns how many numbers. out holds 2 N_MOST. */
static size_t differences(const ci_vis_block *block, const difference *pattern, size_t first,
                          size_t end, size_t i_pol, double *out)
{
    size_t n_row = (size_t)pattern->row[pattern->n - 1] + 1, n = 0;
    size_t n_chan = (size_t)pattern->chan[pattern->n - 1] + 1;
    if (end - first < n_row || block->n_chan < n_chan) return 0;
    size_t n_start = block->n_chan - n_chan + 1, n_all = (end - first - n_row + 1) * n_start;
    size_t step = (n_all + N_MOST - 1) / N_MOST;
    for (size_t i = 0; i < n_all && n < 2 * N_MOST;) {
        bool good = difference_at(block, pattern, first + i / n_start, i % n_start, i_pol, out + n);
        n += good ? 2 : 0;
        i += good ? step : 1;
    }
    return n;
}

/* Standard deviation of one part at 1 Hz x 1 s; 0 where it cannot be told. The mean is 0 by
 * construction, so the median of |x| is taken about it. */
static double noise_measure(double *values, size_t n)
{
    double sum = 0;
    if (n < 2) return 0;
    if (n < 2 * N_ENOUGH) {
        for (size_t i = 0; i < n; i++)
            sum += values[i] * values[i];
        return sqrt(sum / (double)n);
    }
    for (size_t i = 0; i < n; i++)
        values[i] = fabs(values[i]);
    return 1.482602218505602 * ci_num_median(values, n);
}

static void baseline_weigh(ci_vis_block *block, size_t first, size_t end, size_t i_pol,
                           double noise, bool known)
{
    for (size_t r = first; r < end; r++) {
        for (size_t c = 0; c < block->n_chan; c++) {
            double size = block->width_hz[c] * block->interval_s[r];
            double weight = noise > 0 ? size / (noise * noise) : 0;
            block->weight[ci_vis_sample(block, r, c, i_pol)] = known ? (float)weight : 1;
        }
    }
}

static ci_status sigma_weigh(ci_vis_block *block, double sefd_jy, bool *known)
{
    const difference *pattern = pattern_choose(block);
    double *values = NULL;
    /* SEFD / sqrt(2 width time) of one part, at 1 Hz x 1 s */
    double fall_back = sefd_jy > 0 ? sefd_jy / sqrt(2.0) : 0;
    *known = pattern || fall_back > 0;
    CI_TRY(ci_mem_alloc(&values, 2 * N_MOST, sizeof *values, "differences of a baseline"));
    for (size_t first = 0, end; first < block->n_row; first = end) {
        end = ci_vis_baseline_end(block, first);
        for (size_t p = 0; p < block->n_pol; p++) {
            double noise = 0;
            if (pattern) {
                size_t n = differences(block, pattern, first, end, p, values);
                noise = noise_measure(values, n);
            }
            baseline_weigh(block, first, end, p, noise > 0 ? noise : fall_back, *known);
        }
    }
    ci_mem_free(values);
    return CI_OK;
}

ci_status ci_cal_weights(ci_vis_block *block, ci_cal_weighting how, double sefd_jy, bool *known)
{
    *known = false;
    size_t n = block->n_row * block->n_chan * block->n_pol;
    if (how == CI_WEIGHTS_SIGMA) return sigma_weigh(block, sefd_jy, known);
    for (size_t i = 0; i < n; i++) {
        float w = block->weight[i];
        bool keep =
            how == CI_WEIGHTS_NSAMPLES && block->meta->has_valid_nsamples && isfinite(w) && w >= 0;
        block->weight[i] = keep ? w : 1;
    }
    return CI_OK;
}
