/* Weights from the noise that the visibilities themselves show. Second differences take out
 * what is smooth: over time and channel D = V(t,c) - V(t,c+1) - V(t+1,c) + V(t+1,c+1), variance
 * 4 sigma^2; with one time V(c-1) - 2 V(c) + V(c+1), variance 6 sigma^2 (or V(c+1) - V(c), 2
 * sigma^2, where there are two channels only); likewise over time with one channel. */
#include "cal/weights.h"
#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    MAX_POL = 4,
    N_SAMPLE = 4, /* of a difference, at most */
    N_ENOUGH = 8, /* differences (each two real numbers) that a median needs */
    N_MOST = 768  /* that are looked at: they give sigma to 4 % */
};

/* Of the amplitudes in a difference: less is the rounding of single precision, not noise. */
static const double rounding = 1e-6;

/* The pattern of a difference: samples (row, channel) with their factors; 0: the first again. */
typedef struct difference
{
    int row[N_SAMPLE], chan[N_SAMPLE];
    float factor[N_SAMPLE];
} difference;

static const difference over_both = {{0, 0, 1, 1}, {0, 1, 0, 1}, {1, -1, -1, 1}};
static const difference over_chan_3 = {{0, 0, 0, 0}, {0, 1, 2, 0}, {1, -2, 1, 0}};
static const difference over_chan_2 = {{0, 0, 0, 0}, {0, 1, 0, 0}, {1, -1, 0, 0}};
static const difference over_time_3 = {{0, 1, 2, 0}, {0, 0, 0, 0}, {1, -2, 1, 0}};
static const difference over_time_2 = {{0, 1, 0, 0}, {0, 0, 0, 0}, {1, -1, 0, 0}};

/* What the shape of a sub-band allows; NULL: nothing. */
static const difference *pattern_choose(size_t n_time, size_t n_chan)
{
    if (n_time >= 2 && n_chan >= 2) return &over_both;
    if (n_chan >= 3) return &over_chan_3;
    if (n_chan == 2) return &over_chan_2;
    if (n_time >= 3) return &over_time_3;
    if (n_time == 2) return &over_time_2;
    return NULL;
}

/* Whether the noise of every sub-band can be measured: weights of some sub-bands only could not
 * be compared with the others'. */
static bool is_measurable(const ci_vis_meta *meta)
{
    for (size_t i = 0; i < meta->n_sub_band; i++)
        if (!pattern_choose(meta->n_time, meta->sub_band[i].n_chan)) return false;
    return true;
}

/* Differences of one block: the pattern, where its samples lie from the first, and its rms for
 * noise of 1 at 1 Hz x 1 s, where it is the same everywhere. */
typedef struct differences
{
    const ci_vis_block *block;
    const difference *pattern;
    ci_isa isa;
    size_t offset[N_SAMPLE], n_row, n_chan;
    bool is_even;
    float rms;
} differences;

static double rms_at(const differences *d, size_t i_row, size_t i_chan)
{
    double variance = 0;
    for (size_t k = 0; k < N_SAMPLE; k++) {
        double f = (double)d->pattern->factor[k];
        variance += f * f /
                    (d->block->width_hz[i_chan + (size_t)d->pattern->chan[k]] *
                     d->block->interval_s[i_row + (size_t)d->pattern->row[k]]);
    }
    return sqrt(variance);
}

static differences differences_of(const ci_vis_block *block, const difference *pattern, ci_isa isa)
{
    differences d = {.block = block, .pattern = pattern, .isa = isa, .is_even = true};
    for (size_t k = 0; k < N_SAMPLE; k++) {
        size_t row = (size_t)pattern->row[k], chan = (size_t)pattern->chan[k];
        d.offset[k] = (row * block->n_chan + chan) * block->n_pol;
        if (row + 1 > d.n_row) d.n_row = row + 1;
        if (chan + 1 > d.n_chan) d.n_chan = chan + 1;
    }
    for (size_t r = 1; r < block->n_row; r++)
        d.is_even = d.is_even && block->interval_s[r] == block->interval_s[0];
    for (size_t c = 1; c < block->n_chan; c++)
        d.is_even = d.is_even && block->width_hz[c] == block->width_hz[0];
    if (d.is_even && block->n_row >= d.n_row && block->n_chan >= d.n_chan)
        d.rms = (float)rms_at(&d, 0, 0);
    return d;
}

/* One difference, its real and imaginary part scaled to the noise of 1 Hz x 1 s, and *size, the sum
 * of what it is made of, scaled alike; false where a sample is flagged. */
static inline bool difference_at(const differences *d, size_t i_row, size_t i_chan, size_t i_pol,
                                 float out[2], float *size)
{
    size_t first = ci_vis_sample(d->block, i_row, i_chan, i_pol);
    const uint8_t *flags = d->block->flags + first;
    const ci_c32 *data = d->block->data + first;
    const size_t *at = d->offset;
    const float *f = d->pattern->factor;
    float scale = 1 / (d->is_even ? d->rms : (float)rms_at(d, i_row, i_chan)), x = 0, y = 0,
          sum = 0;
    if (flags[at[0]] | flags[at[1]] | flags[at[2]] | flags[at[3]]) return false;
    for (size_t k = 0; k < N_SAMPLE; k++) {
        x += f[k] * crealf(data[at[k]]);
        y += f[k] * cimagf(data[at[k]]);
        sum += fabsf(f[k]) * (fabsf(crealf(data[at[k]])) + fabsf(cimagf(data[at[k]])));
    }
    *size = sum * scale;
    out[0] = x * scale;
    out[1] = y * scale;
    return true;
}

/* Where differences begin in rows without flags, from the rows' first sample; for one number of
 * rows. */
typedef struct places
{
    size_t n_row, n;
    uint32_t at[N_MOST];
    float size[N_MOST]; /* scratch */
} places;

/* The differences that begin at the samples `at`, as difference_at has them: out [n][2], size [n].
 * data: of the first sample, real and imaginary parts. */
CI_ISA_INLINE void differences_take(const differences *d, const float *restrict data,
                                    const uint32_t *restrict at, size_t n, float *restrict out,
                                    float *restrict size)
{
    float scale = 1 / d->rms;
    for (size_t j = 0; j < n; j++) {
        float x = 0, y = 0, sum = 0;
        for (size_t k = 0; k < N_SAMPLE; k++) {
            size_t i = at[j] + d->offset[k];
            float re = data[2 * i], im = data[2 * i + 1], f = d->pattern->factor[k];
            x += f * re;
            y += f * im;
            sum += fabsf(f) * (fabsf(re) + fabsf(im));
        }
        out[2 * j] = x * scale;
        out[2 * j + 1] = y * scale;
        size[j] = sum * scale;
    }
}

CI_ISA_INSTANCES(differences_take,
                 (const differences *d, const float *data, const uint32_t *at, size_t n, float *out,
                  float *size),
                 (d, data, at, n, out, size))

static size_t step_of(size_t n_all)
{
    return (n_all + N_MOST - 1) / N_MOST;
}

static void places_set(const differences *d, size_t n_row, places *out)
{
    size_t n_start = d->block->n_chan - d->n_chan + 1, n_all = (n_row - d->n_row + 1) * n_start;
    if (out->n_row == n_row) return;
    out->n_row = n_row;
    out->n = 0;
    for (size_t i = 0; i < n_all && out->n < N_MOST; i += step_of(n_all)) {
        size_t sample = i / n_start * d->block->n_chan + i % n_start;
        out->at[out->n++] = (uint32_t)(sample * d->block->n_pol);
    }
}

/* Differences of a baseline and polarisation without flags; returns how many numbers, 0 where it
 * has some, or is not even. */
static size_t clean_differences(const differences *d, size_t first, size_t end, size_t i_pol,
                                places *p, float *out, double *size)
{
    const ci_vis_block *b = d->block;
    size_t s = ci_vis_sample(b, first, 0, i_pol), n = (end - first) * b->n_chan;
    if (!d->is_even || n * b->n_pol > UINT32_MAX) return 0;
    if (ci_vis_good_count(b->flags + s, n, b->n_pol, d->isa) < (int64_t)n) return 0;
    places_set(d, end - first, p);
    CI_ISA_KERNEL(differences_take, d->isa)
    (d, (const float *)(b->data + s), p->at, p->n, out, p->size);
    *size = 0;
    for (size_t j = 0; j < p->n; j++)
        *size += (double)p->size[j];
    *size /= (double)p->n;
    return 2 * p->n;
}

/* Differences of one baseline and polarisation, evenly spread where there are more than are
 * needed; returns how many numbers. out holds 2 N_MOST; *size: their mean size. */
static size_t baseline_differences(const differences *d, size_t first, size_t end, size_t i_pol,
                                   places *p, float *out, double *size)
{
    float each = 0;
    *size = 0;
    size_t n_chan = d->block->n_chan;
    if (end - first < d->n_row || n_chan < d->n_chan) return 0;
    size_t n = clean_differences(d, first, end, i_pol, p, out, size);
    if (n > 0) return n;
    size_t n_start = n_chan - d->n_chan + 1, n_all = (end - first - d->n_row + 1) * n_start;
    size_t step = step_of(n_all);
    for (size_t i = 0, row = first, chan = 0; i < n_all && n < 2 * N_MOST;) {
        bool good = difference_at(d, row, chan, i_pol, out + n, &each);
        *size += good ? (double)each : 0;
        n += good ? 2 : 0;
        i += good ? step : 1;
        for (chan += good ? step : 1; chan >= n_start; chan -= n_start)
            row++;
    }
    *size /= n > 0 ? (double)(n / 2) : 1;
    return n;
}

/* Standard deviation of one part at 1 Hz x 1 s; 0 where it cannot be told. The mean is 0 by
 * construction, so the median of |x| is taken about it. */
static double noise_measure(float *values, size_t n, ci_isa isa)
{
    double sum = 0;
    if (n < 2) return 0;
    if (n < 2 * N_ENOUGH) {
        for (size_t i = 0; i < n; i++)
            sum += (double)values[i] * (double)values[i];
        return sqrt(sum / (double)n);
    }
    for (size_t i = 0; i < n; i++)
        values[i] = fabsf(values[i]);
    return 1.482602218505602 * (double)ci_num_median_by(values, n, isa);
}

/* noise [n_pol]; of a block whose weights are products. */
static void baseline_weigh_rows(ci_vis_block *block, size_t first, size_t end, const double *noise,
                                bool known)
{
    for (size_t r = first; r < end; r++)
        for (size_t p = 0; p < block->n_pol; p++) {
            double inverse = noise[p] > 0 ? 1 / (noise[p] * noise[p]) : 0;
            block->row_weight[r * block->n_pol + p] = known ? inverse * block->interval_s[r] : 1;
        }
}

/* noise [n_pol]. Rows of equal length have equal weights. */
static void baseline_weigh(ci_vis_block *block, size_t first, size_t end, const double *noise,
                           bool known)
{
    size_t n_pol = block->n_pol, n = block->n_chan * n_pol;
    for (size_t r = first; r < end; r++) {
        float *weight = block->weight + r * n;
        if (r > first && block->interval_s[r] == block->interval_s[r - 1]) {
            memcpy(weight, weight - n, n * sizeof *weight);
            continue;
        }
        for (size_t p = 0; p < n_pol; p++) {
            double inverse = noise[p] > 0 ? 1 / (noise[p] * noise[p]) : 0;
            double each = inverse * block->interval_s[r];
            for (size_t c = 0; c < block->n_chan; c++)
                weight[c * n_pol + p] = known ? (float)(block->width_hz[c] * each) : 1;
        }
    }
}

/* Noise of one spectrum, 0 where it cannot be told; counted unless it has no values. */
static double spectrum_noise(const differences *d, size_t first, size_t end, size_t i_pol,
                             places *p, float *scratch, ci_cal_noise *seen)
{
    double size;
    size_t n = baseline_differences(d, first, end, i_pol, p, scratch, &size);
    double noise = noise_measure(scratch, n, d->isa);
    bool is_auto = ci_vis_baseline_is_auto(d->block->meta, (size_t)d->block->i_baseline[first]);
    if (noise <= rounding * size) noise = 0;
    if (size > 0 && !is_auto) {
        seen->n_measured += noise > 0;
        seen->n_rounding += !(noise > 0);
    }
    return noise;
}

struct ci_cal_weigher
{
    ci_vis_block *block;
    const difference *pattern;
    differences d;
    double fall_back; /* SEFD / sqrt(2 width time) of one part, at 1 Hz x 1 s */
    ci_cal_noise *seen;
    places where;
    float values[2 * N_MOST];
};

ci_status ci_cal_weigher_new(ci_cal_weigher **out, ci_vis_block *block, double sefd_jy, ci_isa isa,
                             ci_cal_noise *seen)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "differences of a baseline"));
    ci_cal_weigher *w = *out;
    w->block = block;
    w->seen = seen;
    w->pattern = pattern_choose(block->meta->n_time, block->n_chan);
    if (w->pattern) w->d = differences_of(block, w->pattern, isa);
    w->fall_back = sefd_jy > 0 ? sefd_jy / sqrt(2.0) : 0;
    *seen = (ci_cal_noise){.is_known = is_measurable(block->meta) || w->fall_back > 0};
    for (size_t c = 0; block->row_weight && c < block->n_chan; c++)
        block->chan_weight[c] = seen->is_known ? block->width_hz[c] : 1;
    return CI_OK;
}

void ci_cal_weigher_free(ci_cal_weigher *w)
{
    ci_mem_free(w);
}

void ci_cal_weigher_set(ci_cal_weigher *w, size_t first, size_t end)
{
    double noise[MAX_POL];
    for (size_t p = 0; p < w->block->n_pol; p++) {
        noise[p] =
            w->pattern ? spectrum_noise(&w->d, first, end, p, &w->where, w->values, w->seen) : 0;
        if (!(noise[p] > 0)) noise[p] = w->fall_back;
    }
    if (w->block->row_weight)
        baseline_weigh_rows(w->block, first, end, noise, w->seen->is_known);
    else
        baseline_weigh(w->block, first, end, noise, w->seen->is_known);
}

static ci_status sigma_weigh(ci_vis_block *block, double sefd_jy, ci_isa isa, ci_cal_noise *seen)
{
    ci_cal_weigher *weigher = NULL;
    CI_TRY(ci_cal_weigher_new(&weigher, block, sefd_jy, isa, seen));
    for (size_t first = 0, end; first < block->n_row; first = end) {
        end = ci_vis_baseline_end(block, first);
        ci_cal_weigher_set(weigher, first, end);
    }
    ci_cal_weigher_free(weigher);
    return CI_OK;
}

/* As they are where they are weights, else 1. */
static void weights_keep(ci_vis_block *block, bool are_nsamples)
{
    size_t n = block->n_row * block->n_chan * block->n_pol;
    for (size_t i = 0; block->weight && i < n; i++) {
        float w = block->weight[i];
        block->weight[i] = are_nsamples && isfinite(w) && w >= 0 ? w : 1;
    }
    if (block->weight || are_nsamples) return; /* products are positive as read */
    for (size_t i = 0; i < block->n_row * block->n_pol; i++)
        block->row_weight[i] = 1;
    for (size_t c = 0; c < block->n_chan; c++)
        block->chan_weight[c] = 1;
}

ci_status ci_cal_weights(ci_vis_block *block, ci_cal_weighting how, double sefd_jy, ci_isa isa,
                         ci_cal_noise *noise)
{
    *noise = (ci_cal_noise){0};
    if (how == CI_CAL_WEIGHTS_SIGMA) return sigma_weigh(block, sefd_jy, isa, noise);
    weights_keep(block, how == CI_CAL_WEIGHTS_NSAMPLES && block->meta->has_valid_nsamples);
    return CI_OK;
}
