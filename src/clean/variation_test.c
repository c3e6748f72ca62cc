/* Whether what is left of a source varies in time or frequency: every box of cells of 1, 2, 4, ...
 * times by 1, 2, 4, ... frequencies is a candidate for a burst or a line, long ones for slow
 * changes. */
#include "clean/variation.h"

#include <math.h>

static const double sigma_min = 7; /* of 1e4 boxes noise brings one there in 1e8 */
/* A box of flux a and part f of the weights adds a f times the sidelobes that its samples have and
 * all together have not, at most 0.3 or so. */
static const double effect_min = 3; /* a f in units of the rms */
/* a f over the flux of the brightest source: errors of gains leave sidelobes of it, which are not
 * constant either. */
static const double effect_of_brightest = 5e-4;

/* Boxes of one size; summed in place to the next. */
typedef struct boxes
{
    size_t n_time, n_freq;
    size_t time_step, freq_step; /* cells in one */
    double *sum, *weight, *variance;
} boxes;

/* ---- what is no variation ------------------------------------------------------------------- */

/* Sums of a column of cells. */
static double column_sum(const double *value, size_t n_time, size_t n_freq, size_t k)
{
    double sum = 0;
    for (size_t t = 0; t < n_time; t++)
        sum += value[t * n_freq + k];
    return sum;
}

static double cell_log(const ci_clean_axis *freq, size_t k)
{
    return log(0.5 * (freq->low[k] + freq->high[k]) / freq->low[0]);
}

/* Takes the mean, seen through the beam, and what the source's own slope can still be, from the
 * sums: a spectrum steeper than any source's slope is a variation. */
static void trend_take(const ci_clean_spectrum *s, boxes *b)
{
    double sum = 0, x_mean = 0, along = 0, square = 0;
    for (size_t i = 0; i < b->n_time * b->n_freq; i++)
        sum += s->sum[i];
    for (size_t k = 0; k < b->n_freq; k++)
        x_mean += column_sum(s->weight, b->n_time, b->n_freq, k) * cell_log(&s->cells->freq, k);
    double mean = sum / s->total_weight;
    x_mean /= s->total_weight;
    for (size_t k = 0; k < b->n_freq; k++) {
        double x = cell_log(&s->cells->freq, k) - x_mean;
        along += x * column_sum(s->sum, b->n_time, b->n_freq, k);
        square += x * x * column_sum(s->weight, b->n_time, b->n_freq, k);
    }
    double slope = square > 0 ? fmax(s->slope_jy[0], fmin(s->slope_jy[1], along / square)) : 0;
    for (size_t k = 0; k < b->n_freq; k++) {
        double trend = slope * (cell_log(&s->cells->freq, k) - x_mean);
        for (size_t t = 0; t < b->n_time; t++) {
            size_t i = t * b->n_freq + k;
            b->sum[i] = s->sum[i] - (mean * s->beam[i] + trend) * s->weight[i];
            b->weight[i] = s->weight[i];
            b->variance[i] = s->variance[i];
        }
    }
}

/* ---- boxes ----------------------------------------------------------------------------------- */

static void pairs_sum(double *value, size_t n_time, size_t n_freq, bool of_time)
{
    size_t n_t = of_time ? (n_time + 1) / 2 : n_time, n_f = of_time ? n_freq : (n_freq + 1) / 2;
    size_t other = of_time ? n_freq : 1;
    for (size_t t = 0; t < n_t; t++)
        for (size_t k = 0; k < n_f; k++) {
            size_t first = (of_time ? 2 * t : t) * n_freq + (of_time ? k : 2 * k);
            bool is_pair = of_time ? 2 * t + 1 < n_time : 2 * k + 1 < n_freq;
            value[t * n_f + k] = value[first] + (is_pair ? value[first + other] : 0);
        }
}

static void boxes_double(boxes *b, bool of_time)
{
    double *const values[3] = {b->sum, b->weight, b->variance};
    for (int i = 0; i < 3; i++)
        pairs_sum(values[i], b->n_time, b->n_freq, of_time);
    size_t *n = of_time ? &b->n_time : &b->n_freq;
    *n = (*n + 1) / 2;
    *(of_time ? &b->time_step : &b->freq_step) *= 2;
}

static void range_set(double range[2], const ci_clean_axis *axis, size_t i, size_t step)
{
    size_t first = i * step, last = first + step - 1 < axis->n ? first + step - 1 : axis->n - 1;
    range[0] = axis->low[first];
    range[1] = axis->high[last];
}

/* The box that stands out most, into out where it does more than what it holds. */
static void boxes_look(const ci_clean_spectrum *s, const boxes *b, ci_clean_variation *out)
{
    double rms_sum = s->rms * s->total_weight / sqrt(s->total_variance);
    double of_gains = fmax(s->share_min * fabs(s->flux), effect_of_brightest * fabs(s->brightest));
    double least = s->is_sure ? 0 : s->total_weight * fmax(effect_min * s->rms, of_gains);
    for (size_t i = 0; i < b->n_time * b->n_freq; i++) {
        double noise = rms_sum * sqrt(b->variance[i]);
        double sigma = noise > 0 ? fabs(b->sum[i]) / noise : 0;
        if (!(fabs(b->sum[i]) >= least) || sigma <= out->sigma) continue;
        out->sigma = sigma;
        out->excess_jy = b->sum[i] / b->weight[i];
        range_set(out->time_mjd_s, &s->cells->time, i / b->n_freq, b->time_step);
        range_set(out->freq_hz, &s->cells->freq, i % b->n_freq, b->freq_step);
    }
}

/* Boxes of one time step and every step in frequency, which begin at `from`. */
static void boxes_scan(const ci_clean_spectrum *s, const boxes *from, double *scratch,
                       ci_clean_variation *out)
{
    size_t n = from->n_time * from->n_freq;
    boxes b = *from;
    b.sum = scratch;
    b.weight = scratch + n;
    b.variance = scratch + 2 * n;
    for (size_t i = 0; i < n; i++) {
        b.sum[i] = from->sum[i];
        b.weight[i] = from->weight[i];
        b.variance[i] = from->variance[i];
    }
    boxes_look(s, &b, out);
    while (b.n_freq > 1) {
        boxes_double(&b, false);
        boxes_look(s, &b, out);
    }
}

ci_status ci_clean_spectrum_test(const ci_clean_spectrum *s, bool *varies, ci_clean_variation *out)
{
    double *value = NULL;
    size_t n = s->cells->time.n * s->cells->freq.n;
    *varies = false;
    out->sigma = sigma_min;
    if (!(s->rms > 0) || !(s->total_weight > 0)) return CI_OK;
    CI_TRY(ci_mem_alloc(&value, 6 * n, sizeof *value, "spectrum of a source"));
    boxes b = {.n_time = s->cells->time.n,
               .n_freq = s->cells->freq.n,
               .time_step = 1,
               .freq_step = 1,
               .sum = value,
               .weight = value + n,
               .variance = value + 2 * n};
    trend_take(s, &b);
    boxes_scan(s, &b, value + 3 * n, out);
    while (b.n_time > 1) {
        boxes_double(&b, true);
        boxes_scan(s, &b, value + 3 * n, out);
    }
    ci_mem_free(value);
    *varies = out->sigma > sigma_min;
    return CI_OK;
}
