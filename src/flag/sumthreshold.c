/* SumThreshold, the scale-invariant rank operator, and growing: on a plane of values whose mean and
 * rms without interference are known. */
#include "flag/plane.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    N_QUANTILE = 512 /* windows that their scatter is taken of */
};

/* sum[i] += sum[i + step], i < n. */
static void half_add(float *sum, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += sum[i + step];
}

/* From sums over windows of `half` to those over twice as many; a line's windows that reach beyond
 * its end are left as they are and never read. */
static void sums_double(const ci_flag_search *s, bool along_chan, size_t half)
{
    size_t n_time = s->n_time, n_chan = s->n_chan;
    if (!along_chan) {
        half_add(s->sum[1], (n_time - 2 * half + 1) * n_chan, half * n_chan);
        return;
    }
    for (size_t t = 0; t < n_time; t++)
        half_add(s->sum[0] + t * n_chan, n_chan - 2 * half + 1, half);
}

static void sums_start(const ci_flag_search *s, float *sum, double limit)
{
    size_t n = s->n_time * s->n_chan;
    float centre = (float)s->centre, at_limit = (float)limit;
    for (size_t i = 0; i < n; i++)
        sum[i] = s->mark[i] == CI_FLAG_MARK_FOUND    ? at_limit
                 : s->mark[i] == CI_FLAG_MARK_ABSENT ? centre
                                                     : s->value[i];
}

/* Windows of a line's own number: lines are times (along channels) or one whole plane. */
static size_t exceeding_count(const ci_flag_search *s, bool along_chan, size_t length, float limit)
{
    size_t n_line = along_chan ? s->n_time : 1, n_chan = s->n_chan, count = 0;
    size_t n = along_chan ? n_chan - length + 1 : (s->n_time - length + 1) * n_chan;
    const float *sum = s->sum[along_chan ? 0 : 1];
    for (size_t k = 0; k < n_line; k++) {
        unsigned here = 0;
        for (size_t i = 0; i < n; i++)
            here += sum[k * n_chan + i] > limit;
        count += here;
    }
    return count;
}

/* Scatter of the windows' means, robust: neighbours that are alike (fringes that the surface does
 * not follow) scatter more than noise. */
static double scatter_measure(const ci_flag_search *s, bool along_chan, size_t length)
{
    size_t n_t = along_chan ? s->n_time : s->n_time - length + 1, n = 0;
    size_t n_c = along_chan ? s->n_chan - length + 1 : s->n_chan;
    size_t stride = (n_t * n_c + N_QUANTILE - 1) / N_QUANTILE;
    const float *sum = s->sum[along_chan ? 0 : 1];
    float *value = s->scratch;
    for (size_t i = 0; i < n_t * n_c; i += stride)
        value[n++] = sum[(i / n_c) * s->n_chan + i % n_c];
    float middle = ci_num_median_float(value, n);
    size_t n_above = 0;
    for (size_t i = 0; i < n; i++)
        if (value[i] > middle) value[n_above++] = value[i];
    double upper = n_above ? (double)ci_num_median_float(value, n_above) : (double)middle;
    return (upper - (double)middle) / (0.6745 * (double)length);
}

/* Marks the windows above the limit in s->mask. */
static void windows_mark(const ci_flag_search *s, bool along_chan, size_t length, float limit)
{
    size_t n_t = along_chan ? s->n_time : s->n_time - length + 1;
    size_t n_c = along_chan ? s->n_chan - length + 1 : s->n_chan;
    size_t step = along_chan ? 1 : s->n_chan;
    const float *sum = s->sum[along_chan ? 0 : 1];
    for (size_t t = 0; t < n_t; t++) {
        for (size_t c = 0; c < n_c; c++) {
            size_t i = t * s->n_chan + c;
            if (!(sum[i] > limit)) continue;
            for (size_t k = 0; k < length; k++)
                s->mask[i + k * step] = 1;
        }
    }
}

/* One direction and length: marks in s->mask; true where there are any. */
static bool direction_search(const ci_flag_search *s, bool along_chan, size_t i_length,
                             double threshold)
{
    size_t length = (size_t)1 << i_length;
    float limit = (float)(threshold * (double)length);
    if (exceeding_count(s, along_chan, length, limit) == 0) return false;
    if (length > 1) { /* measured only where it matters */
        double scatter = scatter_measure(s, along_chan, length) / 1.15;
        double wide = s->centre + s->n_sigma[i_length] * scatter;
        if (wide > threshold) limit = (float)(wide * (double)length);
    }
    windows_mark(s, along_chan, length, limit);
    return true;
}

static size_t mask_take(const ci_flag_search *s)
{
    size_t n = s->n_time * s->n_chan, n_new = 0;
    for (size_t i = 0; i < n; i++) {
        if (!s->mask[i] || s->mark[i] != CI_FLAG_MARK_GOOD) continue;
        s->mark[i] = CI_FLAG_MARK_FOUND;
        n_new++;
    }
    return n_new;
}

static void sums_make(const ci_flag_search *s, bool along_chan, size_t length, double threshold,
                      bool anew)
{
    if (!anew) {
        if (length > 1) sums_double(s, along_chan, length / 2);
        return;
    }
    sums_start(s, s->sum[along_chan ? 0 : 1], threshold);
    for (size_t half = 1; half < length; half *= 2)
        sums_double(s, along_chan, half);
}

size_t ci_flag_sumthreshold(ci_flag_search *s)
{
    size_t n = s->n_time * s->n_chan, n_found = 0;
    bool anew = true;
    for (size_t i = 0; i < n; i++)
        n_found += s->mark[i] == CI_FLAG_MARK_FOUND;
    for (size_t i_length = 0; i_length < CI_FLAG_N_LENGTH; i_length++) {
        size_t length = (size_t)1 << i_length;
        double mean_sigma = s->sigma / sqrt((double)length);
        double threshold = fmax(s->centre + s->n_sigma[i_length] * mean_sigma, s->least);
        bool any = false;
        memset(s->mask, 0, n);
        for (int along_chan = 0; along_chan < 2; along_chan++) {
            if (length > (along_chan ? s->n_chan : s->n_time)) continue;
            sums_make(s, along_chan, length, threshold, anew || n_found > 0);
            any |= direction_search(s, along_chan, i_length, threshold);
        }
        if (any) n_found += mask_take(s);
        anew = false;
    }
    return n_found;
}

void ci_flag_grow(ci_flag_search *s, double limit)
{
    size_t n_time = s->n_time, n_chan = s->n_chan;
    memset(s->mask, 0, n_time * n_chan);
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
    memset(s->mask, 0, s->n_time * s->n_chan);
    for (size_t t = 0; t < s->n_time; t++)
        line_operate(s, t * s->n_chan, s->n_chan, 1, eta);
    for (size_t c = 0; c < s->n_chan; c++)
        line_operate(s, c, s->n_time, s->n_chan, eta);
    mask_take(s);
}
