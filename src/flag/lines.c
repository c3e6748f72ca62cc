/* Channels and times of one dynamic spectrum that interference fills: where they are many, a median
 * over the dynamic spectrum says nothing, and they are left out of what its level, its noise and
 * its surface are measured of. What is flagged is decided by sample, beside the quiet rest. */
#include "flag/dynspec.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    MIN_LINE = 8,
    N_LANE = 8
};

static const float most_amplitude = 5; /* of the lower quartile of all lines */
static const float most_scatter = 3;
static const float most_step = 2; /* between neighbours, of a bandpass or a fading sky */

/* The lower quartile of the levels that are known, as the median of what is below the median. */
static float lower_quartile(const float *level, size_t n, float *scratch)
{
    size_t n_known = 0, n_below = 0;
    for (size_t i = 0; i < n; i++)
        if (level[i] > 0) scratch[n_known++] = level[i];
    if (n_known < MIN_LINE) return INFINITY;
    float middle = ci_num_median_float(scratch, n_known);
    for (size_t i = 0; i < n; i++)
        if (level[i] > 0 && level[i] < middle) scratch[n_below++] = level[i];
    return n_below > 0 ? ci_num_median_float(scratch, n_below) : middle;
}

/* keep[i]: whether line i is left in; true where one is not. Neighbours of like level belong
 * together: a bandpass or a sky leads from quiet to loud lines by steps that are small, the edge of
 * interference is a large one. */
static bool lines_judge(const float *level, size_t n, float most, float floor, float *keep)
{
    float least = INFINITY, greatest = 0;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        least = level[i] > 0 && level[i] < least ? level[i] : least;
        greatest = level[i] > greatest ? level[i] : greatest;
    }
    if (!(greatest > most * least) || !(greatest > floor)) return false;
    float limit = fmaxf(most * lower_quartile(level, n, keep), floor);
    for (size_t i = 0, end; i < n; i = end) {
        float before = level[i], lowest = level[i] > 0 ? level[i] : INFINITY;
        for (end = i + 1; end < n; end++) {
            if (!(level[end] > 0)) continue;
            if (before > 0 && (level[end] > most_step * before || before > most_step * level[end]))
                break;
            before = level[end];
            lowest = fminf(lowest, before);
        }
        bool is_loud = isfinite(lowest) && lowest > limit;
        for (size_t k = i; k < end; k++)
            keep[k] = is_loud ? 0 : 1;
        found |= is_loud;
    }
    return found;
}

static void lines_drop(ci_flag_dynspec *p, bool of_chan, const float *keep)
{
    for (size_t t = 0; t < p->n_time; t++)
        for (size_t c = 0; c < p->n_chan; c++)
            p->weight[t * p->n_chan + c] *= keep[of_chan ? c : t];
}

/* Roots of the amplitudes (value is their square), of which a few bursts do not make the mean. */
CI_ISA_INLINE void roots_fill(const ci_flag_dynspec *p, float *restrict root)
{
    const float *restrict value = p->search.value;
    for (size_t i = 0; i < p->n_time * p->n_chan; i++)
        root[i] = sqrtf(sqrtf(value[i]));
}

/* Sums of the weights, and of weight x root, of one row, by lanes. */
CI_ISA_INLINE void row_sum(size_t n, const float *restrict weight, const float *restrict root,
                           float *level, float *count)
{
    float x[N_LANE] = {0}, y[N_LANE] = {0};
    size_t c = 0;
    *level = *count = 0;
    for (; c + N_LANE <= n; c += N_LANE) {
        for (size_t k = 0; k < N_LANE; k++) {
            x[k] += weight[c + k] * root[c + k];
            y[k] += weight[c + k];
        }
    }
    for (size_t k = 0; c < n; c++, k++) {
        x[k] += weight[c] * root[c];
        y[k] += weight[c];
    }
    for (size_t k = 0; k < N_LANE; k++) {
        *level += x[k];
        *count += y[k];
    }
}

/* Level of each channel along times, or of each time along channels: the square of the roots' mean;
 * 0 where nothing is known. */
CI_ISA_INLINE void levels_mean(const ci_flag_dynspec *p, bool of_chan, const float *root,
                               float *restrict level, float *restrict count)
{
    size_t n_line = of_chan ? p->n_chan : p->n_time;
    memset(level, 0, n_line * sizeof *level);
    memset(count, 0, n_line * sizeof *count);
    for (size_t t = 0; t < p->n_time; t++) {
        const float *restrict from = root + t * p->n_chan;
        const float *restrict weight = p->weight + t * p->n_chan;
        for (size_t c = 0; of_chan && c < p->n_chan; c++) {
            level[c] += weight[c] * from[c];
            count[c] += weight[c];
        }
        if (!of_chan) row_sum(p->n_chan, weight, from, level + t, count + t);
    }
    for (size_t i = 0; i < n_line; i++) {
        float mean = count[i] > 0 ? level[i] / count[i] : 0;
        level[i] = mean * mean;
    }
}

CI_ISA_INLINE void drop_bright(ci_flag_dynspec *p, bool *found)
{
    float *root = p->left[0], *level = p->left[1], *keep = p->search.scratch;
    roots_fill(p, root);
    for (int of_chan = 1; of_chan >= 0; of_chan--) {
        size_t n = of_chan ? p->n_chan : p->n_time;
        levels_mean(p, of_chan, root, level, keep);
        if (!lines_judge(level, n, most_amplitude, 0, keep)) continue;
        lines_drop(p, of_chan, keep);
        *found = true;
    }
}

CI_ISA_INSTANCES(drop_bright, (ci_flag_dynspec * p, bool *found), (p, found))

bool ci_flag_lines_drop_bright(ci_flag_dynspec *p)
{
    bool found = false;
    CI_ISA_KERNEL(drop_bright, p->search.isa)(p, &found);
    return found;
}

/* Lines that are loud beside the quietest few, which are no quarter of all: and not by a bandpass,
 * which scales the coherent part of the power, too. Interference in so many may as well be noise.
 */
static size_t loud_count(const ci_flag_dynspec *p, bool of_chan, const float *level, float floor)
{
    size_t n = of_chan ? p->n_chan : p->n_time, n_loud = 0, quiet[2] = {n, n};
    const float *x = p->lag[of_chan ? 0 : 1], *y = x + n, *z = y + n;
    for (size_t i = 0; i < n; i++) {
        if (!(level[i] > 0)) continue;
        if (quiet[0] == n || level[i] < level[quiet[0]]) {
            quiet[1] = quiet[0];
            quiet[0] = i;
        } else if (quiet[1] == n || level[i] < level[quiet[1]]) {
            quiet[1] = i;
        }
    }
    if (quiet[1] == n) return 0;
    size_t q = quiet[1];
    float share = 1 - sqrtf(x[q] * x[q] + y[q] * y[q]) / z[q];
    for (size_t i = 0; i < n; i++) {
        float here = 1 - sqrtf(x[i] * x[i] + y[i] * y[i]) / z[i];
        n_loud += level[i] > fmaxf(most_scatter * level[q], floor) &&
                  here > most_scatter * most_scatter * share;
    }
    return 4 * n_loud > 3 * n ? n_loud : 0;
}

static size_t dropped_count(const float *keep, size_t n)
{
    size_t n_dropped = 0;
    for (size_t i = 0; i < n; i++)
        n_dropped += keep[i] == 0;
    return n_dropped;
}

bool ci_flag_lines_drop_scattered(ci_flag_dynspec *p, double floor)
{
    float *level = p->left[0], *keep = p->left[1];
    bool found = false;
    for (int of_chan = 1; of_chan >= 0; of_chan--) {
        size_t n = of_chan ? p->n_chan : p->n_time;
        ci_flag_lags_scatter(p, of_chan, level);
        if (!lines_judge(level, n, most_scatter, 0, keep)) {
            p->n_loud[of_chan] = loud_count(p, of_chan, level, (float)floor);
            continue;
        }
        p->n_loud[of_chan] = dropped_count(keep, n);
        if (!lines_judge(level, n, most_scatter, (float)floor, keep)) continue;
        p->n_loud[of_chan] -= dropped_count(keep, n);
        lines_drop(p, of_chan, keep);
        found = true;
    }
    return found;
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

/* Into p->search.scratch; how many. */
static size_t usual_take(const ci_flag_dynspec *p, const float *value, size_t n_most)
{
    size_t n = p->n_time * p->n_chan, n_here = 0;
    size_t stride = (p->n_good + n_most - 1) / n_most;
    float *out = p->search.scratch;
    while (p->has_lines && n_divisor(stride, p->n_chan) > 1)
        stride--;
    for (size_t i = 0; i < n; i += stride)
        if (is_usual(p, i)) out[n_here++] = value[i];
    return n_here;
}

double ci_flag_dynspec_median(const ci_flag_dynspec *p, const float *value, size_t n_most)
{
    size_t n = usual_take(p, value, n_most);
    return (double)ci_num_median_by(p->search.scratch, n, p->search.isa);
}

double ci_flag_dynspec_low(const ci_flag_dynspec *p, const float *value, size_t n_most)
{
    float *out = p->search.scratch;
    size_t n = usual_take(p, value, n_most), n_below = 0;
    float middle = ci_num_median_by(out, n, p->search.isa);
    for (size_t i = 0; i < n; i++)
        if (out[i] < middle) out[n_below++] = out[i];
    return (double)(n_below > 0 ? ci_num_median_by(out, n_below, p->search.isa) : middle);
}
