/* SumThreshold, the scale-invariant rank operator, and growing: on a dynamic spectrum of values
 * whose mean and rms without interference are known. */
#include "flag/dynspec.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    N_QUANTILE = 512 /* windows that their scatter is taken of */
};

/* Sums over the windows of one direction and length, by their first sample. A found sample is worth
 * the threshold: they are counted apart, as the threshold falls with length. */
typedef struct windows
{
    size_t length, step; /* step between the samples of a window */
    size_t n_t, n_c;     /* windows that lie in the dynamic spectrum begin at t < n_t, c < n_c */
    float *value[2], *found[2]; /* [0] as they are, [1] scratch */
    bool along_chan;            /* in a single channel a step of times is 1, too */
    bool has_found;
    float each; /* what a found sample is worth */
} windows;

CI_ISA_INLINE void samples_split(const ci_flag_search *s, float *restrict value,
                                 float *restrict found)
{
    size_t n = s->n_time * s->n_chan;
    const uint8_t *restrict mark = s->mark;
    const float *restrict in = s->value;
    float centre = (float)s->centre;
    for (size_t i = 0; i < n; i++) {
        float here = mark[i] == CI_FLAG_MARK_ABSENT ? centre : in[i];
        value[i] = mark[i] == CI_FLAG_MARK_FOUND ? 0 : here;
        found[i] = mark[i] == CI_FLAG_MARK_FOUND ? 1 : 0;
    }
}

CI_ISA_INLINE void windows_start(const ci_flag_search *s, bool along_chan, bool has_found,
                                 windows *w)
{
    size_t size = CI_FLAG_WINDOWS_SIZE(s->n_time, s->n_chan);
    float *sums = s->windows + (along_chan ? 4 * size : 0);
    *w = (windows){.length = 1,
                   .step = along_chan ? 1 : s->n_chan,
                   .n_t = s->n_time,
                   .n_c = s->n_chan,
                   .value = {sums, sums + size},
                   .found = {sums + 2 * size, sums + 3 * size},
                   .along_chan = along_chan,
                   .has_found = has_found};
    samples_split(s, w->value[0], w->found[0]);
}

CI_ISA_INLINE void sums_double(size_t n, size_t step, float *sum[2])
{
    const float *restrict in = sum[0];
    float *restrict out = sum[1];
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] + in[i + step];
    sum[1] = sum[0];
    sum[0] = out;
}

CI_ISA_INLINE void windows_double(const ci_flag_search *s, windows *w)
{
    size_t n = s->n_time * s->n_chan, step = w->length * w->step;
    sums_double(n, step, w->value);
    if (w->has_found) sums_double(n, step, w->found);
    if (w->along_chan)
        w->n_c -= w->length;
    else
        w->n_t -= w->length;
    w->length *= 2;
}

/* Sum over the window that begins at sample i. */
static inline float window_sum(const windows *w, size_t i)
{
    return w->has_found ? w->value[0][i] + w->each * w->found[0][i] : w->value[0][i];
}

CI_ISA_INLINE uint32_t line_count(const ci_flag_search *s, const windows *w, size_t t, float limit)
{
    const float *restrict value = w->value[0] + t * s->n_chan;
    const float *restrict found = w->found[0] + t * s->n_chan;
    uint32_t n_chan = (uint32_t)s->n_chan, n_c = (uint32_t)w->n_c, count = 0;
    float each = w->each;
    if (w->has_found)
        for (uint32_t c = 0; c < n_chan; c++)
            count += (value[c] + each * found[c] > limit) & (c < n_c);
    else
        for (uint32_t c = 0; c < n_chan; c++)
            count += (value[c] > limit) & (c < n_c);
    return count;
}

CI_ISA_INLINE bool any_exceeds(const ci_flag_search *s, const windows *w, float limit)
{
    uint32_t count = 0;
    for (size_t t = 0; t < w->n_t; t++)
        count += line_count(s, w, t, limit);
    return count > 0;
}

/* Scatter of the windows' means, robust: neighbours that are alike (fringes that the surface does
 * not follow) scatter more than noise. */
static double scatter_measure(const ci_flag_search *s, const windows *w)
{
    size_t n_all = w->n_t * w->n_c, n = 0, stride = (n_all + N_QUANTILE - 1) / N_QUANTILE;
    float *value = s->scratch;
    for (size_t i = 0; i < n_all; i += stride)
        value[n++] = window_sum(w, (i / w->n_c) * s->n_chan + i % w->n_c);
    float middle = ci_num_median_by(value, n, s->isa);
    size_t n_above = 0;
    for (size_t i = 0; i < n; i++)
        if (value[i] > middle) value[n_above++] = value[i];
    double upper = n_above ? (double)ci_num_median_by(value, n_above, s->isa) : (double)middle;
    return (upper - (double)middle) / (0.6745 * (double)w->length);
}

/* Marks the windows above the limit in s->mask. */
CI_ISA_INLINE void windows_mark(const ci_flag_search *s, const windows *w, float limit)
{
    for (size_t t = 0; t < w->n_t; t++) {
        if (line_count(s, w, t, limit) == 0) continue;
        for (size_t c = 0; c < w->n_c; c++) {
            size_t i = t * s->n_chan + c;
            if (!(window_sum(w, i) > limit)) continue;
            for (size_t k = 0; k < w->length; k++)
                s->mask[i + k * w->step] = 1;
        }
    }
}

/* One direction and length: marks in s->mask; true where there are any. */
CI_ISA_INLINE bool direction_search(const ci_flag_search *s, windows *w, double n_sigma,
                                    double threshold)
{
    float limit = (float)(threshold * (double)w->length);
    w->each = (float)threshold;
    if (!any_exceeds(s, w, limit)) return false;
    if (w->length > 1) { /* measured only where it matters */
        double wide = s->centre + n_sigma * scatter_measure(s, w) / 1.15;
        if (wide > threshold) limit = (float)(wide * (double)w->length);
    }
    windows_mark(s, w, limit);
    return true;
}

/* What the mask says is found; how many are new. The mask is empty then. */
CI_ISA_INLINE size_t mask_take(const ci_flag_search *s)
{
    size_t n = s->n_time * s->n_chan;
    uint8_t *restrict mask = s->mask, *restrict mark = s->mark;
    uint32_t n_new = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t take = mask[i] & (mark[i] == CI_FLAG_MARK_GOOD);
        mark[i] = take ? CI_FLAG_MARK_FOUND : mark[i];
        n_new += take;
    }
    memset(mask, 0, n);
    return n_new;
}

CI_ISA_INLINE void sumthreshold(const ci_flag_search *s, size_t *n_found)
{
    windows w[2];
    bool anew = true;
    for (size_t i_length = 0; i_length < CI_FLAG_N_LENGTH; i_length++) {
        size_t length = (size_t)1 << i_length;
        double mean_sigma = s->sigma / sqrt((double)length);
        double threshold = fmax(s->centre + s->n_sigma[i_length] * mean_sigma, s->least);
        bool any = false;
        for (int along_chan = 0; along_chan < 2; along_chan++) {
            if (length > (along_chan ? s->n_chan : s->n_time)) continue;
            if (anew) windows_start(s, along_chan, *n_found > 0, &w[along_chan]);
            while (w[along_chan].length < length)
                windows_double(s, &w[along_chan]);
            any |= direction_search(s, &w[along_chan], s->n_sigma[i_length], threshold);
        }
        size_t n_new = any ? mask_take(s) : 0;
        *n_found += n_new;
        anew = n_new > 0;
    }
}

CI_ISA_INSTANCES(sumthreshold, (const ci_flag_search *s, size_t *n_found), (s, n_found))

size_t ci_flag_sumthreshold(ci_flag_search *s)
{
    size_t n = s->n_time * s->n_chan, n_found = 0;
    for (size_t i = 0; i < n; i++)
        n_found += s->mark[i] == CI_FLAG_MARK_FOUND;
    CI_ISA_KERNEL(sumthreshold, s->isa)(s, &n_found);
    return n_found;
}

void ci_flag_grow(ci_flag_search *s, double limit)
{
    size_t n_time = s->n_time, n_chan = s->n_chan;
    for (size_t t = 0; t < n_time; t++) {
        for (size_t c = 0; c < n_chan; c++) {
            size_t i = t * n_chan + c;
            if (!((double)s->value[i] > limit)) continue;
            bool beside = (c > 0 && s->mark[i - 1] == CI_FLAG_MARK_FOUND) ||
                          (c + 1 < n_chan && s->mark[i + 1] == CI_FLAG_MARK_FOUND) ||
                          (t > 0 && s->mark[i - n_chan] == CI_FLAG_MARK_FOUND) ||
                          (t + 1 < n_time && s->mark[i + n_chan] == CI_FLAG_MARK_FOUND);
            s->mask[i] = beside;
        }
    }
    mask_take(s);
}

/* With weights eta (found), eta - 1 (good) and 0 (absent), a sample belongs to a run of positive
 * sum where the greatest prefix sum from it on exceeds the least up to it. */
static void line_operate(const ci_flag_search *s, size_t first, size_t n, size_t stride, double eta)
{
    float *least = s->scratch; /* before each sample */
    double sum = 0, low = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t mark = s->mark[first + i * stride];
        least[i] = (float)low;
        sum += mark == CI_FLAG_MARK_FOUND ? eta : mark == CI_FLAG_MARK_GOOD ? eta - 1 : 0;
        if (sum < low) low = sum;
    }
    double high = sum;
    for (size_t i = n; i-- > 0;) {
        uint8_t mark = s->mark[first + i * stride];
        if (sum > high) high = sum;
        if (high - (double)least[i] > 1e-4) s->mask[first + i * stride] = 1;
        sum -= mark == CI_FLAG_MARK_FOUND ? eta : mark == CI_FLAG_MARK_GOOD ? eta - 1 : 0;
    }
}

void ci_flag_rank_operate(ci_flag_search *s, double eta)
{
    for (size_t t = 0; t < s->n_time; t++)
        line_operate(s, t * s->n_chan, s->n_chan, 1, eta);
    for (size_t c = 0; c < s->n_chan; c++)
        line_operate(s, c, s->n_time, s->n_chan, eta);
    mask_take(s);
}
