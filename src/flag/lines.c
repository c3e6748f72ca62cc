/* Channels and times of one dynamic spectrum that interference fills: a median over the dynamic
 * spectrum says nothing where they are more than half of it, the quieter ones beside each do. */
#include "flag/dynspec.h"

#include "contimg/num.h"

#include <math.h>

enum
{
    HALF = 8, /* lines on either side that one is compared with */
    MIN_LINE = 8
};

static const double most_left = 0.75; /* else a median over the dynamic spectrum does */
static const float outlier = 5; /* of the lower quartile beside: far beyond a bandpass's slope */

/* The lower quartile of `mean` around line i, of those that are known. */
static float quartile_beside(const float *mean, size_t n, size_t i)
{
    float sorted[2 * HALF + 1];
    size_t n_here = 0;
    for (size_t k = i > HALF ? i - HALF : 0; k < n && k <= i + HALF; k++) {
        if (!(mean[k] > 0)) continue;
        size_t at = n_here++;
        for (; at > 0 && sorted[at - 1] > mean[k]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = mean[k];
    }
    return n_here >= MIN_LINE ? sorted[n_here / 4] : INFINITY;
}

/* keep[i] = whether line i is as most beside it; true where one is not. Sums are over counts. */
static bool lines_judge(float *sum, const float *count, float *keep, size_t n)
{
    float least = INFINITY, most = 0;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        sum[i] = count[i] > 0 ? sum[i] / count[i] : 0;
        keep[i] = 1;
        if (sum[i] > 0) least = fminf(least, sum[i]);
        most = fmaxf(most, sum[i]);
    }
    if (!(most > outlier * least)) return false;
    for (size_t i = 0; i < n; i++) {
        if (!(sum[i] > outlier * quartile_beside(sum, n, i))) continue;
        keep[i] = 0;
        found = true;
    }
    return found;
}

/* Sums of amplitude (value is its square) and weight, along times to each channel or along channels
 * to each time. */
static void lines_sum(const ci_flag_dynspec *p, bool of_chan, float *sum, float *count)
{
    size_t n_line = of_chan ? p->n_chan : p->n_time;
    for (size_t i = 0; i < n_line; i++)
        sum[i] = count[i] = 0;
    for (size_t t = 0; t < p->n_time; t++) {
        const float *value = p->search.value + t * p->n_chan, *weight = p->weight + t * p->n_chan;
        for (size_t c = 0; c < p->n_chan; c++) {
            size_t i = of_chan ? c : t;
            sum[i] += weight[c] * sqrtf(value[c]);
            count[i] += weight[c];
        }
    }
}

bool ci_flag_lines_leave_out(ci_flag_dynspec *p)
{
    float *sum = p->left[0], *count = p->left[1], *keep = p->search.scratch;
    size_t n = p->n_time * p->n_chan, n_left = 0;
    for (int axis = 0; axis < 2; axis++) {
        size_t n_line = axis == 0 ? p->n_chan : p->n_time;
        lines_sum(p, axis == 0, sum, count);
        if (!lines_judge(sum, count, keep, n_line)) continue;
        for (size_t t = 0; t < p->n_time; t++)
            for (size_t c = 0; c < p->n_chan; c++)
                p->weight[t * p->n_chan + c] *= keep[axis == 0 ? c : t];
    }
    for (size_t i = 0; i < n; i++)
        n_left += p->weight[i] > 0;
    if ((double)n_left < most_left * (double)p->n_good) return true;
    for (size_t i = 0; i < n; i++)
        p->weight[i] = p->search.mark[i] == CI_FLAG_MARK_GOOD ? 1 : 0;
    return false;
}

/* Greatest common divisor, n > 0. */
static size_t n_divisor(size_t n, size_t m)
{
    while (m > 0) {
        size_t rest = n % m;
        n = m;
        m = rest;
    }
    return n;
}

/* Good samples; without the lines that were left out of the start. */
static bool is_usual(const ci_flag_dynspec *p, size_t i)
{
    return p->has_lines ? p->weight[i] > 0 : p->search.mark[i] == CI_FLAG_MARK_GOOD;
}

double ci_flag_dynspec_median(const ci_flag_dynspec *p, const float *value, size_t n_most)
{
    size_t n = p->n_time * p->n_chan, n_here = 0;
    size_t stride = (p->n_good + n_most - 1) / n_most;
    float *out = p->search.scratch;
    while (p->has_lines && n_divisor(stride, p->n_chan) > 1)
        stride--;
    for (size_t i = 0; i < n; i += stride)
        if (is_usual(p, i)) out[n_here++] = value[i];
    return (double)ci_num_median_float(out, n_here);
}
