/* Robust clip: amplitudes that stand out of one baseline's plane of times and channels of one
 * sub-band, one polarisation. What lies too high
 *  1. above the median of the plane (long bursts, wide lines),
 *  2. above a running median over channels (lines, however steady),
 *  3. above a running median over times (bursts, however wide)
 * by n sigma is flagged; only what lies high: interference adds. Sigma is robust and follows
 * channel and time, so that edges of a band and noisy integrations are judged by their own. Each
 * baseline is judged by itself: resolved fields differ from baseline to baseline. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

enum
{
    HALF = 8,       /* of a running median's window, in samples */
    HALF_END = 4,   /* the least, where the plane ends */
    NODE_STEP = 4,  /* running medians are taken at every fourth sample, lines between */
    MIN_LINE = 5,   /* samples that a running median needs */
    MIN_SPREAD = 16 /* and that a line's own spread needs */
};

/* Without noise everything stands out of a smooth amplitude by something: less than this part of
 * the plane's median is no interference. */
static const double least_excess = 0.1, least_plane_excess = 0.5;

/* Times and channels of one baseline in one sub-band, one polarisation. */
typedef struct plane
{
    size_t n_time, n_chan;
    float *value;           /* [n_time][n_chan] amplitudes; NaN: flagged */
    float *excess;          /* the same shape, over what is smooth */
    float *size;            /* its amount */
    float *by_time;         /* [n_time] typical size */
    float *by_chan;         /* [n_chan] */
    float *line, *scratch;  /* [longer side], [n_time * n_chan] */
    double median, n_sigma; /* of the amplitudes; as asked */
    int64_t n_clipped;
} plane;

static ci_status plane_new(plane *p, size_t n_time, size_t n_chan)
{
    size_t n = n_time * n_chan, longer = n_time > n_chan ? n_time : n_chan;
    CI_TRY(ci_mem_alloc(&p->value, 4 * n + n_time + n_chan + longer, sizeof(float), "clip"));
    p->excess = p->value + n;
    p->size = p->excess + n;
    p->scratch = p->size + n;
    p->by_time = p->scratch + n;
    p->by_chan = p->by_time + n_time;
    p->line = p->by_chan + n_chan;
    return CI_OK;
}

/* Median of the finite of n values that lie `stride` apart; NaN where none is. */
static float median_of(const float *value, size_t n, size_t stride, float *scratch)
{
    size_t n_good = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i * stride])) scratch[n_good++] = value[i * stride];
    return ci_num_median_float(scratch, n_good);
}

static float window_median(const float *value, size_t n, size_t stride, size_t i, float *scratch)
{
    size_t end = i < n - 1 - i ? i : n - 1 - i;
    size_t half = end < HALF_END ? HALF_END : end > HALF ? HALF : end;
    size_t first = i > half ? i - half : 0, last = i + half < n ? i + half : n - 1;
    return median_of(value + first * stride, last - first + 1, stride, scratch);
}

/* The running median of n values that lie `stride` apart, into `out` [n]. */
static void smooth(const float *value, size_t n, size_t stride, float *out, float *scratch)
{
    size_t at = 0;
    float here = window_median(value, n, stride, 0, scratch);
    while (at + 1 < n) {
        size_t next = at + NODE_STEP < n ? at + NODE_STEP : n - 1;
        float there = window_median(value, n, stride, next, scratch);
        for (size_t i = at; i < next; i++)
            out[i] = here + (there - here) * (float)(i - at) / (float)(next - at);
        at = next;
        here = there;
    }
    out[n - 1] = here;
}

/* Excess over the running median along channels, or along times. */
static void excess_fill(plane *p, bool along_chan)
{
    size_t n_line = along_chan ? p->n_time : p->n_chan, n = along_chan ? p->n_chan : p->n_time;
    size_t step = along_chan ? p->n_chan : 1, stride = along_chan ? 1 : p->n_chan;
    for (size_t k = 0; k < n_line; k++) {
        const float *value = p->value + k * step;
        smooth(value, n, stride, p->line, p->scratch);
        for (size_t i = 0; i < n; i++)
            p->excess[k * step + i * stride] = value[i * stride] - p->line[i];
    }
}

/* Typical size of the excess of each channel, smooth, of each time, and of all (returned): that of
 * all serves where there are too few samples to tell one line from another. */
static double spread_measure(plane *p)
{
    size_t n = p->n_time * p->n_chan;
    for (size_t i = 0; i < n; i++)
        p->size[i] = fabsf(p->excess[i]);
    float all = median_of(p->size, n, 1, p->scratch);
    for (size_t c = 0; c < p->n_chan; c++)
        p->line[c] =
            p->n_time < MIN_SPREAD ? all : median_of(p->size + c, p->n_time, p->n_chan, p->scratch);
    smooth(p->line, p->n_chan, 1, p->by_chan, p->scratch);
    for (size_t t = 0; t < p->n_time; t++)
        p->line[t] = p->n_chan < MIN_SPREAD
                         ? all
                         : median_of(p->size + t * p->n_chan, p->n_chan, 1, p->scratch);
    smooth(p->line, p->n_time, 1, p->by_time, p->scratch);
    return (double)all;
}

static void sample_clip(plane *p, size_t i, double limit)
{
    if (!((double)p->excess[i] > limit)) return; /* NaN: flagged before */
    p->value[i] = NAN;
    p->n_clipped++;
}

static void lines_clip(plane *p, bool along_chan)
{
    const double mad_to_sigma = 1.4826;
    excess_fill(p, along_chan);
    double all = spread_measure(p);
    for (size_t t = 0; t < p->n_time; t++) {
        for (size_t c = 0; c < p->n_chan; c++) {
            double size = all > 0 ? (double)p->by_time[t] * (double)p->by_chan[c] / all : 0;
            double limit = fmax(p->n_sigma * mad_to_sigma * size, least_excess * p->median);
            sample_clip(p, t * p->n_chan + c, limit);
        }
    }
}

static void plane_clip(plane *p)
{
    size_t n = p->n_time * p->n_chan;
    p->median = (double)median_of(p->value, n, 1, p->scratch);
    if (!(p->median > 0)) return;
    for (size_t i = 0; i < n; i++)
        p->excess[i] = p->value[i] - (float)p->median;
    for (size_t i = 0; i < n; i++)
        p->size[i] = fabsf(p->excess[i]);
    double limit = p->n_sigma * 1.4826 * (double)median_of(p->size, n, 1, p->scratch);
    for (size_t i = 0; i < n; i++)
        sample_clip(p, i, fmax(limit, least_plane_excess * p->median));
    if (p->n_chan >= MIN_LINE) lines_clip(p, true);
    if (p->n_time >= MIN_LINE) lines_clip(p, false);
}

/* One baseline's rows [first, end). */
static void baseline_clip(ci_vis_block *block, size_t first, size_t end, size_t i_pol, plane *p)
{
    size_t n = (end - first) * block->n_chan;
    p->n_time = end - first;
    p->n_chan = block->n_chan;
    for (size_t i = 0; i < n; i++) {
        size_t s = ci_vis_sample(block, first, 0, i_pol) + i * block->n_pol;
        double re = crealf(block->data[s]), im = cimagf(block->data[s]);
        p->value[i] = block->flags[s] ? NAN : (float)sqrt(re * re + im * im);
    }
    int64_t n_before = p->n_clipped;
    plane_clip(p);
    if (p->n_clipped == n_before) return;
    for (size_t i = 0; i < n; i++) {
        size_t s = ci_vis_sample(block, first, 0, i_pol) + i * block->n_pol;
        if (isnan(p->value[i]) && !block->flags[s]) block->flags[s] |= CI_FLAG_CLIP;
    }
}

static ci_status block_clip(ci_vis_block *block, double n_sigma, int64_t *n_clipped)
{
    plane p = {.n_sigma = n_sigma};
    size_t n_time = 0;
    for (size_t i = 0, end; i < block->n_row; i = end) {
        end = ci_vis_baseline_end(block, i);
        if (end - i > n_time) n_time = end - i;
    }
    if (n_time == 0) return CI_OK;
    CI_TRY(plane_new(&p, n_time, block->n_chan));
    for (size_t i = 0, end; i < block->n_row; i = end) {
        end = ci_vis_baseline_end(block, i);
        int32_t b = block->i_baseline[i];
        if (block->meta->baseline_ant1[b] == block->meta->baseline_ant2[b]) continue;
        for (size_t i_pol = 0; i_pol < block->n_pol; i_pol++)
            baseline_clip(block, i, end, i_pol, &p);
    }
    *n_clipped += p.n_clipped;
    ci_mem_free(p.value);
    return CI_OK;
}

ci_status ci_flag_clip(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                       ci_flag_report *report)
{
    int64_t n_clipped = 0;
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++)
        status = block_clip(set->block[i], options->clip_sigma, &n_clipped);
    CI_TRY(ci_par_agree(comm, status));
    CI_TRY(ci_par_sum_int(comm, &n_clipped, 1));
    report->n_clipped += (size_t)n_clipped;
    return CI_OK;
}
