/* Compression of one baseline's samples in one sub-band to the nodes of Gauss rules. */
#include "vis/compress.h"
#include "vis/compress_axis.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* Fewest nodes along an axis, where it has as many points: a source that drifts through the beam
 * and has a spectrum changes its flux along both. */
enum
{
    MIN_TIME_NODES = 3,
    MIN_CHAN_NODES = 2,
    N_LANE = 8
};

/* Of the error asked for, what weights that are no products may make; that of single precision. */
static const double part_of_error = 0.1, rounding = 1e-6;

struct ci_vis_compressor
{
    size_t max_time, max_chan;
    double half_width;
    ci_num_gauss *rules;
    ci_vis_compress_axis time, chan;
    size_t *pattern;  /* [max_time or max_chan] flag pattern of each time (or channel) */
    float *projected; /* [max_chan][2] one time node */
    ci_vis_nodes nodes;
};

/* ---- making ------------------------------------------------------------------------------- */

static ci_status nodes_new(ci_vis_nodes *nodes, size_t n_row, size_t n_sample)
{
    CI_TRY(ci_mem_alloc(&nodes->time_mjd_s, n_row, sizeof(double), "compression"));
    CI_TRY(ci_mem_alloc(&nodes->uvw_m, 3 * n_row, sizeof(double), "compression"));
    CI_TRY(ci_mem_alloc(&nodes->n_chan, n_row, sizeof(size_t), "compression"));
    CI_TRY(ci_mem_alloc(&nodes->freq_hz, n_sample, sizeof(double), "compression"));
    CI_TRY(ci_mem_alloc(&nodes->value, n_sample, sizeof(ci_c32), "compression"));
    return ci_mem_alloc(&nodes->weight, n_sample, sizeof(float), "compression");
}

void ci_vis_compressor_free(ci_vis_compressor *c)
{
    if (!c) return;
    ci_num_gauss_free(c->rules);
    ci_vis_compress_axis_clear(&c->time);
    ci_vis_compress_axis_clear(&c->chan);
    ci_mem_free(c->pattern);
    ci_mem_free(c->projected);
    ci_mem_free(c->nodes.time_mjd_s);
    ci_mem_free(c->nodes.uvw_m);
    ci_mem_free(c->nodes.n_chan);
    ci_mem_free(c->nodes.freq_hz);
    ci_mem_free(c->nodes.value);
    ci_mem_free(c->nodes.weight);
    ci_mem_free(c);
}

ci_status ci_vis_compressor_new(ci_vis_compressor **out, size_t max_time, size_t max_chan,
                                double error, double half_width)
{
    *out = NULL;
    ci_vis_compressor *c = NULL;
    size_t longest = max_time > max_chan ? max_time : max_chan;
    CI_TRY(ci_mem_alloc(&c, 1, sizeof *c, "compression"));
    c->max_time = max_time;
    c->max_chan = max_chan;
    c->half_width = half_width;
    ci_status status = ci_num_gauss_new(&c->rules, longest, CI_VIS_COMPRESS_MAX_NODES);
    /* Half of the error is each axis's. */
    if (status == CI_OK) status = ci_vis_compress_axis_new(&c->time, c->rules, max_time, error / 2);
    if (status == CI_OK) status = ci_vis_compress_axis_new(&c->chan, c->rules, max_chan, error / 2);
    if (status == CI_OK)
        status = ci_mem_alloc(&c->pattern, longest, sizeof *c->pattern, "compression");
    if (status == CI_OK)
        status = ci_mem_alloc(&c->projected, 2 * max_chan, sizeof(float), "compression");
    /* Times or channels of every flag pattern hold at most as many nodes as points. */
    if (status == CI_OK) status = nodes_new(&c->nodes, max_time * max_chan, max_time * max_chan);
    if (status == CI_OK)
        *out = c;
    else
        ci_vis_compressor_free(c);
    return status;
}

/* ---- flag patterns: blocks of times x channels without a flag inside ----------------------- */

static bool times_agree(const ci_vis_dynspec *p, size_t a, size_t b)
{
    for (size_t k = 0; k < p->n_chan; k++)
        if ((p->weight[a * p->n_chan + k] > 0) != (p->weight[b * p->n_chan + k] > 0)) return false;
    return true;
}

static bool channels_agree(const ci_vis_dynspec *p, size_t a, size_t b)
{
    for (size_t i = 0; i < p->n_time; i++)
        if ((p->weight[i * p->n_chan + a] > 0) != (p->weight[i * p->n_chan + b] > 0)) return false;
    return true;
}

static bool has_flags(const ci_vis_dynspec *p)
{
    uint32_t n_flag = 0;
    for (size_t i = 0; i < p->n_time * p->n_chan; i++)
        n_flag += !(p->weight[i] > 0);
    return n_flag > 0;
}

/* Gives the n times (or channels) of equal flags one pattern; returns how many there
 * are. */
static size_t patterns_find(const ci_vis_dynspec *p, size_t n,
                            bool (*agree)(const ci_vis_dynspec *, size_t, size_t), size_t *pattern)
{
    size_t n_pattern = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < i && !(pattern[j] >= j && agree(p, i, j)))
            j++;
        pattern[i] = j; /* of the first of its kind: itself where it is new */
        n_pattern += j == i;
    }
    return n_pattern;
}

/* ---- phase ranges ------------------------------------------------------------------------- */

/* Phase ranges over the whole dynamic spectrum, radians, of a source anywhere in the square field:
 * along channels by its delay, along times by the fastest change of its path: one that returns, as
 * near transit, has no less of it than one that goes on. */
static double path_greatest(const double uvw_m[3], double half_width)
{
    double square = 2 * half_width * half_width; /* l^2 + m^2 of a corner */
    double w_path = fabs(uvw_m[2]) * square / (1 + sqrt(fmax(0, 1 - square)));
    return (fabs(uvw_m[0]) + fabs(uvw_m[1])) * half_width + w_path;
}

/* Greatest change of path from one row to the next, as fast over the whole dynamic spectrum. */
static double change_greatest(const ci_vis_dynspec *p, double half_width)
{
    double most = 0, span = p->time_mjd_s[p->n_time - 1] - p->time_mjd_s[0];
    for (size_t t = 1; t < p->n_time; t++) {
        const double *uvw = p->uvw_m + 3 * t;
        double change[3] = {uvw[0] - uvw[-3], uvw[1] - uvw[-2], uvw[2] - uvw[-1]};
        double share = (p->time_mjd_s[t] - p->time_mjd_s[t - 1]) / span;
        most = fmax(most, path_greatest(change, half_width) / share);
    }
    return most;
}

static void ranges_find(const ci_vis_compressor *c, const ci_vis_dynspec *p, double *time,
                        double *chan)
{
    const double *first = p->uvw_m, *last = p->uvw_m + 3 * (p->n_time - 1);
    double path = fmax(path_greatest(first, c->half_width), path_greatest(last, c->half_width));
    double high = p->freq_hz[p->n_chan - 1], band = high - p->freq_hz[0];
    *chan = CI_TWO_PI * band / CI_C_M_S * path;
    *time = CI_TWO_PI * high / CI_C_M_S * change_greatest(p, c->half_width);
}

/* ---- one block ------------------------------------------------------------------------------- */

/* u, v, w at a time between the dynamic spectrum's, by a cubic through the nearest four. */
static void uvw_at(const ci_vis_dynspec *p, double time_mjd_s, double out[3])
{
    size_t n = p->n_time < 4 ? p->n_time : 4, first = 0;
    while (first + n < p->n_time && p->time_mjd_s[first + n / 2] < time_mjd_s)
        first++;
    out[0] = out[1] = out[2] = 0;
    for (size_t j = first; j < first + n; j++) {
        double factor = 1;
        for (size_t k = first; k < first + n; k++)
            if (k != j)
                factor *= (time_mjd_s - p->time_mjd_s[k]) / (p->time_mjd_s[j] - p->time_mjd_s[k]);
        for (int a = 0; a < 3; a++)
            out[a] += factor * p->uvw_m[3 * j + a];
    }
}

static double position_of(const double *x, size_t n, size_t i)
{
    return n > 1 ? (x[i] - x[0]) / (x[n - 1] - x[0]) : 0;
}

static double at_position(const double *x, size_t n, double position)
{
    return n > 1 ? x[0] + position * (x[n - 1] - x[0]) : x[0];
}

/* Sums of the weights of whole rows, and of each channel's. */
CI_ISA_INLINE void weights_add(const float *restrict row, size_t n, double *restrict of_chan,
                               double *of_row)
{
    double part[N_LANE] = {0}, sum = 0;
    size_t n_whole = n / N_LANE * N_LANE;
    for (size_t k = 0; k < n_whole; k += N_LANE)
        for (size_t j = 0; j < N_LANE; j++)
            part[j] += (double)row[k + j];
    for (size_t k = 0; k < n; k++)
        of_chan[k] += (double)row[k];
    for (size_t j = 0; j < N_LANE; j++)
        sum += part[j];
    for (size_t k = n_whole; k < n; k++)
        sum += (double)row[k];
    *of_row = sum;
}

CI_ISA_INSTANCES(weights_add, (const float *row, size_t n, double *of_chan, double *of_row),
                 (row, n, of_chan, of_row))

/* Weights of the block's times and channels: sums over the other axis; their sum is returned. */
static double weights_sum(const ci_vis_dynspec *p, ci_vis_compress_axis *time,
                          ci_vis_compress_axis *chan)
{
    double total = 0;
    memset(time->w, 0, time->n_point * sizeof *time->w);
    memset(chan->w, 0, chan->n_point * sizeof *chan->w);
    for (size_t i = 0; i < time->n_point; i++) {
        const float *row = p->weight + time->index[i] * p->n_chan;
        if (chan->n_point == p->n_chan)
            CI_ISA_KERNEL(weights_add, p->isa)(row, p->n_chan, chan->w, &time->w[i]);
        for (size_t k = 0; chan->n_point < p->n_chan && k < chan->n_point; k++) {
            double w = row[chan->index[k]];
            time->w[i] += w;
            chan->w[k] += w;
        }
        total += time->w[i];
    }
    return total;
}

/* sum += factor x row, n numbers. */
CI_ISA_INLINE void row_add(const float *restrict row, float factor, size_t n, float *restrict sum)
{
    for (size_t k = 0; k < n; k++)
        sum[k] += factor * row[k];
}

CI_ISA_INSTANCES(row_add, (const float *row, float factor, size_t n, float *sum),
                 (row, factor, n, sum))

/* Sum of |row - factor x of_chan|, n numbers. */
CI_ISA_INLINE void deviation_sum(const float *restrict row, double factor, size_t n,
                                 const double *restrict of_chan, double *out)
{
    double part[N_LANE] = {0}, sum = 0;
    size_t n_whole = n / N_LANE * N_LANE;
    for (size_t k = 0; k < n_whole; k += N_LANE)
        for (size_t j = 0; j < N_LANE; j++)
            part[j] += fabs((double)row[k + j] - factor * of_chan[k + j]);
    for (size_t j = 0; j < N_LANE; j++)
        sum += part[j];
    for (size_t k = n_whole; k < n; k++)
        sum += fabs((double)row[k] - factor * of_chan[k]);
    *out = sum;
}

CI_ISA_INSTANCES(deviation_sum,
                 (const float *row, double factor, size_t n, const double *of_chan, double *out),
                 (row, factor, n, of_chan, out))

/* Sum of |weight - time->w chan->w / total| along a row of the block. */
static double row_deviation(const ci_vis_compressor *c, const ci_vis_dynspec *p, size_t i,
                            double total)
{
    const ci_vis_compress_axis *chan = &c->chan;
    const float *row = p->weight + c->time.index[i] * p->n_chan;
    double factor = c->time.w[i] / total, sum = 0;
    if (chan->n_point == p->n_chan)
        CI_ISA_KERNEL(deviation_sum, p->isa)(row, factor, p->n_chan, chan->w, &sum);
    for (size_t k = 0; chan->n_point < p->n_chan && k < chan->n_point; k++)
        sum += fabs((double)row[chan->index[k]] - factor * chan->w[k]);
    return sum;
}

/* Whether weights are products of a time's and a channel's, so nearly that a source errs by far
 * less than it may: then rules of both axes describe them. They are, but where nsamples differ from
 * sample to sample, or gains change differently in both polarisations. */
static bool weights_are_products(const ci_vis_compressor *c, const ci_vis_dynspec *p, double total)
{
    const ci_vis_compress_axis *time = &c->time;
    double sum = 0, most = fmax(part_of_error * (time->error + c->chan.error), rounding);
    for (size_t i = 0; i < time->n_point && sum <= most * total; i++)
        sum += row_deviation(c, p, i, total);
    return sum <= most * total;
}

/* The values of one time node along all channels of the block. */
static void time_project(ci_vis_compressor *c, const ci_vis_dynspec *p, size_t i_node)
{
    const ci_vis_compress_axis *time = &c->time, *chan = &c->chan;
    float *sum = c->projected;
    bool is_whole = chan->n_point == p->n_chan;
    memset(sum, 0, 2 * chan->n_point * sizeof *sum);
    for (size_t i = 0; i < time->n_point; i++) {
        float factor = (float)time->projection[i_node * time->n_point + i];
        const float *row = (const float *)(p->value + time->index[i] * p->n_chan);
        if (is_whole) {
            CI_ISA_KERNEL(row_add, p->isa)(row, factor, 2 * p->n_chan, sum);
            continue;
        }
        for (size_t k = 0; k < chan->n_point; k++) {
            sum[2 * k] += factor * row[2 * chan->index[k]];
            sum[2 * k + 1] += factor * row[2 * chan->index[k] + 1];
        }
    }
}

/* Sum of factors times complex values, in parts of four values that vectors can take side by side.
 */
CI_ISA_INLINE void dot(const double *restrict factor, const float *restrict value, size_t n,
                       double out[2])
{
    double part[N_LANE] = {0};
    size_t n_whole = n / 4 * 4;
    for (size_t k = 0; k < n_whole; k += 4)
        for (size_t j = 0; j < N_LANE; j++)
            part[j] += factor[k + j / 2] * (double)value[2 * k + j];
    for (size_t k = n_whole; k < n; k++)
        for (size_t i = 0; i < 2; i++)
            part[2 * (k - n_whole) + i] += factor[k] * (double)value[2 * k + i];
    for (size_t i = 0; i < 2; i++)
        out[i] = (part[i] + part[2 + i]) + (part[4 + i] + part[6 + i]);
}

CI_ISA_INSTANCES(dot, (const double *factor, const float *value, size_t n, double *out),
                 (factor, value, n, out))

static ci_c32 chan_project(const ci_vis_compressor *c, size_t i_node, ci_isa isa)
{
    const ci_vis_compress_axis *chan = &c->chan;
    double sum[2];
    CI_ISA_KERNEL(dot, isa)
    (chan->projection + i_node * chan->n_point, c->projected, chan->n_point, sum);
    return (ci_c32)(sum[0] + I * sum[1]);
}

static double *row_begin(ci_vis_nodes *out, double time_mjd_s, size_t n_chan)
{
    size_t r = out->n_row++;
    out->time_mjd_s[r] = time_mjd_s;
    out->n_chan[r] = n_chan;
    return out->uvw_m + 3 * r;
}

static void sample_put(ci_vis_nodes *out, double freq_hz, ci_c32 value, double weight)
{
    size_t s = out->n_sample++;
    out->freq_hz[s] = freq_hz;
    out->value[s] = value;
    out->weight[s] = (float)weight;
}

static void block_copy(ci_vis_compressor *c, const ci_vis_dynspec *p)
{
    for (size_t i = 0; i < c->time.n_point; i++) {
        size_t t = c->time.index[i];
        double *uvw = row_begin(&c->nodes, p->time_mjd_s[t], c->chan.n_point);
        memcpy(uvw, p->uvw_m + 3 * t, 3 * sizeof *uvw);
        for (size_t k = 0; k < c->chan.n_point; k++) {
            size_t s = t * p->n_chan + c->chan.index[k];
            sample_put(&c->nodes, p->freq_hz[c->chan.index[k]], p->value[s], p->weight[s]);
        }
    }
}

/* Where even the largest rule is too small, or weights are no products, samples stay as they are.
 */
static ci_status block_compress(ci_vis_compressor *c, const ci_vis_dynspec *p)
{
    ci_vis_compress_axis *time = &c->time, *chan = &c->chan;
    double range_time, range_chan, total = weights_sum(p, time, chan);
    if (!weights_are_products(c, p, total)) {
        block_copy(c, p);
        return CI_OK;
    }
    ranges_find(c, p, &range_time, &range_chan);
    CI_TRY(ci_vis_compress_axis_rule(c->rules, time, range_time, MIN_TIME_NODES));
    CI_TRY(ci_vis_compress_axis_rule(c->rules, chan, range_chan, MIN_CHAN_NODES));
    if (!ci_vis_compress_axis_holds(time, range_time) ||
        !ci_vis_compress_axis_holds(chan, range_chan) ||
        time->n_node * chan->n_node == time->n_point * chan->n_point) {
        block_copy(c, p);
        return CI_OK;
    }
    for (size_t i = 0; i < time->n_node; i++) {
        double at_s = at_position(p->time_mjd_s, p->n_time, time->node[i]);
        uvw_at(p, at_s, row_begin(&c->nodes, at_s, chan->n_node));
        time_project(c, p, i);
        for (size_t k = 0; k < chan->n_node; k++)
            sample_put(&c->nodes, at_position(p->freq_hz, p->n_chan, chan->node[k]),
                       chan_project(c, k, p->isa), time->weight[i] * chan->weight[k] / total);
    }
    return CI_OK;
}

/* ---- all blocks ------------------------------------------------------------------------------ */

static void axis_add(ci_vis_compress_axis *a, const double *x, size_t n, size_t i)
{
    a->index[a->n_point] = i;
    a->x[a->n_point++] = position_of(x, n, i);
}

/* The block of one pattern: its times and channels; false where all is flagged. */
static bool block_take(ci_vis_compressor *c, const ci_vis_dynspec *p, size_t first, bool by_time)
{
    size_t n_pattern = by_time ? p->n_time : p->n_chan;
    c->time.n_point = c->chan.n_point = 0;
    for (size_t i = first; i < n_pattern; i++) {
        if (c->pattern[i] != first) continue;
        if (by_time)
            axis_add(&c->time, p->time_mjd_s, p->n_time, i);
        else
            axis_add(&c->chan, p->freq_hz, p->n_chan, i);
    }
    size_t n_other = by_time ? p->n_chan : p->n_time;
    for (size_t i = 0; i < n_other; i++) {
        size_t s = by_time ? first * p->n_chan + i : i * p->n_chan + first;
        if (!(p->weight[s] > 0)) continue;
        if (by_time)
            axis_add(&c->chan, p->freq_hz, p->n_chan, i);
        else
            axis_add(&c->time, p->time_mjd_s, p->n_time, i);
    }
    return c->time.n_point > 0 && c->chan.n_point > 0;
}

ci_status ci_vis_compress(ci_vis_compressor *c, const ci_vis_dynspec *p, const ci_vis_nodes **out)
{
    *out = &c->nodes;
    c->nodes.n_row = c->nodes.n_sample = 0;
    if (p->n_time > c->max_time || p->n_chan > c->max_chan)
        return ci_error(CI_ERR_INTERNAL, "compression of %zu x %zu samples", p->n_time, p->n_chan);
    if (p->n_time == 0 || p->n_chan == 0) return CI_OK;
    if (!has_flags(p)) { /* as nearly all are */
        memset(c->pattern, 0, p->n_time * sizeof *c->pattern);
        return block_take(c, p, 0, true) ? block_compress(c, p) : CI_OK;
    }
    size_t n_by_chan = patterns_find(p, p->n_chan, channels_agree, c->pattern);
    size_t n_by_time = patterns_find(p, p->n_time, times_agree, c->pattern);
    /* A pattern's channels cost about as many nodes as its times. */
    bool by_time = n_by_time <= n_by_chan;
    if (!by_time) patterns_find(p, p->n_chan, channels_agree, c->pattern);
    size_t n = by_time ? p->n_time : p->n_chan;
    for (size_t i = 0; i < n; i++)
        if (c->pattern[i] == i && block_take(c, p, i, by_time)) CI_TRY(block_compress(c, p));
    return CI_OK;
}
