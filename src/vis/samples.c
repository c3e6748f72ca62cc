/* Imaging samples of one Stokes value, and sums over them. */
#include "contimg/num.h"
#include "contimg/vis.h"

#include <math.h>
#include <string.h>

/* ---- making ---------------------------------------------------------------------------------- */

void ci_vis_samples_free(ci_vis_samples *s)
{
    if (!s) return;
    void *const owned[] = {s->array.antenna, s->time_mjd_s, s->freq_hz,    s->width_hz, s->axis,
                           s->uvw_m,         s->row_mjd_s,  s->i_baseline, s->i_axis,   s->first,
                           s->data,          s->computed,   s->natural,    s->weight};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        ci_mem_free(owned[i]);
    ci_mem_free(s);
}

static ci_status axes_new(ci_vis_samples *s, const ci_vis_meta *meta)
{
    s->n_freq = s->n_axis_freq = s->n_axis_freq_max = ci_vis_chan_first(meta, meta->n_sub_band);
    s->n_sub_band = s->n_axis = s->n_axis_max = meta->n_sub_band;
    CI_TRY(ci_mem_alloc(&s->axis, s->n_axis, sizeof *s->axis, "channel axes"));
    CI_TRY(ci_mem_alloc(&s->freq_hz, s->n_freq, sizeof *s->freq_hz, "channel axes"));
    CI_TRY(ci_mem_alloc(&s->width_hz, s->n_freq, sizeof *s->width_hz, "channel axes"));
    for (size_t i = 0, first = 0; i < s->n_axis; first += s->axis[i].n_chan, i++) {
        const ci_vis_sub_band *from = &meta->sub_band[i];
        s->axis[i] = (ci_vis_axis){.first = first, .n_chan = from->n_chan, .i_sub_band = i};
        memcpy(s->freq_hz + first, from->freq_hz, from->n_chan * sizeof(double));
        memcpy(s->width_hz + first, from->width_hz, from->n_chan * sizeof(double));
    }
    return CI_OK;
}

/* What all ranks share. */
static ci_status tables_new(ci_vis_samples *s, const ci_vis_meta *meta)
{
    s->array = meta->array;
    s->array.antenna = NULL;
    s->dut1_s = meta->dut1_s;
    s->n_time = meta->n_time;
    s->freq_min_hz = INFINITY;
    s->freq_max_hz = -INFINITY;
    CI_TRY(ci_mem_alloc(&s->array.antenna, meta->array.n_antenna, sizeof *s->array.antenna,
                        "antennas"));
    CI_TRY(ci_mem_alloc(&s->time_mjd_s, s->n_time, sizeof *s->time_mjd_s, "times"));
    if (meta->array.n_antenna > 0)
        memcpy(s->array.antenna, meta->array.antenna,
               meta->array.n_antenna * sizeof *s->array.antenna);
    if (s->n_time > 0) memcpy(s->time_mjd_s, meta->time_mjd_s, s->n_time * sizeof(double));
    return axes_new(s, meta);
}

static ci_status rows_resize(ci_vis_samples *s, size_t n)
{
    s->n_row_max = n;
    CI_TRY(ci_mem_resize(&s->uvw_m, n, 3 * sizeof(double), "uvw of samples"));
    CI_TRY(ci_mem_resize(&s->row_mjd_s, n, sizeof(double), "times of samples"));
    CI_TRY(ci_mem_resize(&s->i_baseline, n, sizeof(int32_t), "baselines of samples"));
    CI_TRY(ci_mem_resize(&s->i_axis, n, sizeof(int32_t), "channels of samples"));
    return ci_mem_resize(&s->first, n + 1, sizeof(size_t), "rows of samples");
}

static ci_status values_resize(ci_vis_samples *s, size_t n)
{
    s->n_sample_max = n;
    CI_TRY(ci_mem_resize(&s->data, n, sizeof *s->data, "Stokes visibilities"));
    CI_TRY(ci_mem_resize(&s->natural, n, sizeof *s->natural, "natural weights"));
    return ci_mem_resize(&s->weight, n, sizeof *s->weight, "imaging weights");
}

/* Half as much again, where that is enough: few copies, little to spare. */
static size_t grown(size_t now, size_t need)
{
    return now + now / 2 > need ? now + now / 2 : need;
}

ci_status ci_vis_samples_reserve(ci_vis_samples *s, size_t n_row, size_t n_sample)
{
    if (s->n_row + n_row > s->n_row_max)
        CI_TRY(rows_resize(s, grown(s->n_row_max, s->n_row + n_row)));
    if (s->n_sample + n_sample > s->n_sample_max)
        CI_TRY(values_resize(s, grown(s->n_sample_max, s->n_sample + n_sample)));
    return CI_OK;
}

ci_status ci_vis_samples_new(ci_vis_samples **out, const ci_vis_meta *meta, size_t n_row_max,
                             size_t n_sample_max)
{
    *out = NULL;
    ci_vis_samples *s = NULL;
    CI_TRY(ci_mem_alloc(&s, 1, sizeof *s, "imaging samples"));
    ci_status status = tables_new(s, meta);
    if (status == CI_OK) status = rows_resize(s, n_row_max);
    if (status == CI_OK) status = values_resize(s, n_sample_max);
    if (status == CI_OK)
        *out = s;
    else
        ci_vis_samples_free(s);
    return status;
}

void ci_vis_samples_add(ci_vis_samples *s, const ci_vis_row *row)
{
    size_t i = s->n_row++, n_chan = s->axis[row->i_axis].n_chan;
    memcpy(s->uvw_m + 3 * i, row->uvw_m, sizeof row->uvw_m);
    s->row_mjd_s[i] = row->time_mjd_s;
    s->i_baseline[i] = row->i_baseline;
    s->i_axis[i] = row->i_axis;
    s->first[i] = s->n_sample;
    const double *freq_hz = ci_vis_row_freq(s, i);
    for (size_t c = 0; c < n_chan; c++) {
        float w = s->natural[s->n_sample + c];
        s->weight[s->n_sample + c] = w;
        if (!(w > 0)) continue;
        double k = freq_hz[c] / CI_C_M_S;
        s->n_good++;
        s->max_natural = fmax(s->max_natural, w);
        s->max_u_lambda = fmax(s->max_u_lambda, fabs(row->uvw_m[0]) * k);
        s->max_v_lambda = fmax(s->max_v_lambda, fabs(row->uvw_m[1]) * k);
    }
    s->n_sample += n_chan;
    s->first[i + 1] = s->n_sample;
}

ci_status ci_vis_samples_close(ci_comm *comm, ci_vis_samples *s)
{
    double max[5] = {s->max_natural, s->max_u_lambda, s->max_v_lambda, -s->freq_min_hz,
                     s->freq_max_hz};
    int64_t count[2] = {s->n_good, s->n_visibility};
    CI_TRY(ci_par_sum_int(comm, count, 2));
    CI_TRY(ci_par_max_double(comm, max, 5));
    s->n_good = count[0];
    s->n_visibility = count[1];
    s->max_natural = max[0];
    s->max_u_lambda = max[1];
    s->max_v_lambda = max[2];
    s->freq_min_hz = -max[3];
    s->freq_max_hz = max[4];
    return CI_OK;
}

ci_status ci_vis_samples_computed_alloc(ci_vis_samples *s)
{
    if (s->computed) return CI_OK;
    return ci_mem_alloc(&s->computed, s->n_sample, sizeof *s->computed, "model visibilities");
}

/* ---- fixed summands -------------------------------------------------------------------------- */

bool ci_vis_samples_summand_begins(const ci_vis_samples *s, size_t i_row)
{
    return i_row == 0 || s->i_baseline[i_row] != s->i_baseline[i_row - 1] ||
           s->axis[s->i_axis[i_row]].i_sub_band != s->axis[s->i_axis[i_row - 1]].i_sub_band;
}

size_t ci_vis_samples_n_summand(const ci_vis_samples *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_row; i++)
        n += ci_vis_samples_summand_begins(s, i);
    return n;
}

/* ---- sums ------------------------------------------------------------------------------------ */

ci_status ci_vis_samples_max_weight(ci_comm *comm, const ci_vis_samples *s, const float *weight,
                                    double *out)
{
    double max = 0;
    for (size_t i = 0; i < s->n_sample; i++)
        max = fmax(max, weight[i]);
    CI_TRY(ci_par_max_double(comm, &max, 1));
    *out = max;
    return CI_OK;
}

/* ---- between integrations and channels ------------------------------------------------------ */

/* First of n ascending values that is not below x; n where there is none. */
static size_t lower_bound(const double *value, size_t n, double x)
{
    size_t low = 0;
    while (n > 0) {
        size_t half = n / 2;
        if (value[low + half] < x) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

void ci_vis_row_time_taps(const ci_vis_samples *s, size_t i_row, ci_vis_time_taps *out)
{
    double t = s->row_mjd_s[i_row];
    size_t at = lower_bound(s->time_mjd_s, s->n_time, t);
    size_t n = s->n_time < CI_VIS_TIME_TAPS ? s->n_time : CI_VIS_TIME_TAPS;
    if (at < s->n_time && s->time_mjd_s[at] == t) {
        *out = (ci_vis_time_taps){.first = at, .n = 1, .weight = {1}};
        return;
    }
    size_t first = at > n / 2 ? at - n / 2 : 0;
    if (first + n > s->n_time) first = s->n_time - n;
    *out = (ci_vis_time_taps){.first = first, .n = n};
    const double *x = s->time_mjd_s + first;
    for (size_t j = 0; j < n; j++) {
        double above = 1, below = 1;
        for (size_t k = 0; k < n; k++) {
            above *= k == j ? 1 : t - x[k];
            below *= k == j ? 1 : x[j] - x[k];
        }
        out->weight[j] = above / below;
    }
}

/* A channel of the row's sub-band and how much of its neighbour above belongs to a frequency. */
static size_t channel_at(const ci_vis_samples *s, const ci_vis_axis *sub_band, double freq_hz,
                         double *above)
{
    const double *f = s->freq_hz + sub_band->first;
    size_t i = lower_bound(f, sub_band->n_chan, freq_hz);
    *above = 0;
    if (i == sub_band->n_chan) return i - 1;
    if (f[i] == freq_hz || i == 0) return i;
    *above = (freq_hz - f[i - 1]) / (f[i] - f[i - 1]);
    return i - 1;
}

/* The channels that an axis' frequencies lie at, among all of the data: kept for its rows. */
typedef struct axis_channels
{
    int32_t i_axis; /* -1: none */
    size_t *index;  /* [n_chan] */
    double *above;  /* [n_chan] how much belongs to the next channel */
} axis_channels;

static ci_status axis_channels_new(axis_channels *out, const ci_vis_samples *s)
{
    size_t longest = 1;
    for (size_t i = 0; i < s->n_axis; i++)
        if (s->axis[i].n_chan > longest) longest = s->axis[i].n_chan;
    *out = (axis_channels){.i_axis = -1};
    CI_TRY(ci_mem_alloc(&out->index, longest, sizeof *out->index, "weights by time"));
    return ci_mem_alloc(&out->above, longest, sizeof *out->above, "weights by time");
}

static void axis_channels_clear(axis_channels *channels)
{
    ci_mem_free(channels->index);
    ci_mem_free(channels->above);
}

static void axis_channels_set(axis_channels *out, const ci_vis_samples *s, int32_t i_axis)
{
    const ci_vis_axis *axis = &s->axis[i_axis], *sub_band = &s->axis[axis->i_sub_band];
    if (out->i_axis == i_axis) return;
    out->i_axis = i_axis;
    for (size_t c = 0; c < axis->n_chan; c++) {
        out->above[c] = 0;
        out->index[c] = sub_band->first;
        out->index[c] += axis == sub_band
                             ? c
                             : channel_at(s, sub_band, s->freq_hz[axis->first + c], &out->above[c]);
    }
}

/* Adds a row's weights to sum [n_time][n_freq]. */
static void row_weight_add(const ci_vis_samples *s, size_t i_row, const axis_channels *channels,
                           int exponent, int64_t *sum)
{
    ci_vis_time_taps taps;
    const float *weight = s->weight + s->first[i_row];
    ci_vis_row_time_taps(s, i_row, &taps);
    for (size_t c = 0; c < ci_vis_row_n_chan(s, i_row); c++) {
        double above = channels->above[c];
        for (size_t k = 0; k < taps.n; k++) {
            int64_t *to = sum + (taps.first + k) * s->n_freq + channels->index[c];
            double w = taps.weight[k] * weight[c];
            to[0] += ci_num_fixed((1 - above) * w, exponent);
            if (above > 0) to[1] += ci_num_fixed(above * w, exponent);
        }
    }
}

ci_status ci_vis_samples_weight_by_time(ci_comm *comm, const ci_vis_samples *s, int64_t **out)
{
    *out = NULL;
    double max = 0;
    CI_TRY(ci_vis_samples_max_weight(comm, s, s->weight, &max));
    int exponent = ci_num_fixed_exponent(2 * max, s->n_good); /* weights of taps: up to 1.25 */
    int64_t *sum = NULL;
    axis_channels channels;
    ci_status status = axis_channels_new(&channels, s);
    if (status == CI_OK)
        status = ci_mem_alloc(&sum, s->n_time * s->n_freq, sizeof *sum, "weights by time");
    status = ci_par_agree(comm, status);
    for (size_t r = 0; status == CI_OK && r < s->n_row; r++) {
        axis_channels_set(&channels, s, s->i_axis[r]);
        row_weight_add(s, r, &channels, exponent, sum);
    }
    axis_channels_clear(&channels);
    if (status == CI_OK) status = ci_par_sum_int(comm, sum, s->n_time * s->n_freq);
    if (status == CI_OK)
        *out = sum;
    else
        ci_mem_free(sum);
    return status;
}
