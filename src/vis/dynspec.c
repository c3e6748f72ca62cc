/* Dynamic spectra of samples into imaging samples, as they are or compressed. */
#include "vis/compress.h"

#include <math.h>
#include <string.h>

/* ---- what the data hold ---------------------------------------------------------------------- */

/* Counts a dynamic spectrum's samples with weight, and the edges of their channels. */
static size_t dynspec_count(ci_vis_samples *s, const ci_vis_dynspec *p, size_t i_sub_band)
{
    const double *width_hz = s->width_hz + s->axis[i_sub_band].first;
    size_t n_good = 0;
    for (size_t c = 0; c < p->n_chan; c++) {
        size_t n = 0;
        for (size_t t = 0; t < p->n_time; t++)
            n += p->weight[t * p->n_chan + c] > 0;
        if (n == 0) continue;
        n_good += n;
        s->freq_min_hz = fmin(s->freq_min_hz, p->freq_hz[c] - width_hz[c] / 2);
        s->freq_max_hz = fmax(s->freq_max_hz, p->freq_hz[c] + width_hz[c] / 2);
    }
    s->n_visibility += (int64_t)n_good;
    return n_good;
}

/* ---- as they are ----------------------------------------------------------------------------- */

static bool row_has_weight(const ci_vis_dynspec *p, size_t i_time)
{
    for (size_t c = 0; c < p->n_chan; c++)
        if (p->weight[i_time * p->n_chan + c] > 0) return true;
    return false;
}

static ci_status rows_add(ci_vis_samples *s, const ci_vis_dynspec *p, ci_vis_row row)
{
    CI_TRY(ci_vis_samples_reserve(s, p->n_time, p->n_time * p->n_chan));
    for (size_t t = 0; t < p->n_time; t++) {
        if (!row_has_weight(p, t)) continue;
        memcpy(row.uvw_m, p->uvw_m + 3 * t, sizeof row.uvw_m);
        row.time_mjd_s = p->time_mjd_s[t];
        memcpy(s->data + s->n_sample, p->value + t * p->n_chan, p->n_chan * sizeof *s->data);
        memcpy(s->natural + s->n_sample, p->weight + t * p->n_chan, p->n_chan * sizeof(float));
        ci_vis_samples_add(s, &row);
    }
    return CI_OK;
}

/* ---- compressed ------------------------------------------------------------------------------ */

static bool axis_is(const ci_vis_samples *s, size_t i_axis, const double *freq_hz, size_t n_chan)
{
    const ci_vis_axis *a = &s->axis[i_axis];
    return a->n_chan == n_chan &&
           memcmp(s->freq_hz + a->first, freq_hz, n_chan * sizeof *freq_hz) == 0;
}

static ci_status axis_append(ci_vis_samples *s, size_t i_sub_band, const double *freq_hz,
                             size_t n_chan)
{
    if (s->n_axis == s->n_axis_max) {
        s->n_axis_max += s->n_axis_max / 2 + 64;
        CI_TRY(ci_mem_resize(&s->axis, s->n_axis_max, sizeof *s->axis, "channel axes"));
    }
    if (s->n_axis_freq + n_chan > s->n_axis_freq_max) {
        s->n_axis_freq_max += s->n_axis_freq_max / 2 + n_chan;
        CI_TRY(ci_mem_resize(&s->freq_hz, s->n_axis_freq_max, sizeof *s->freq_hz, "channel axes"));
    }
    memcpy(s->freq_hz + s->n_axis_freq, freq_hz, n_chan * sizeof *freq_hz);
    s->axis[s->n_axis++] =
        (ci_vis_axis){.first = s->n_axis_freq, .n_chan = n_chan, .i_sub_band = i_sub_band};
    s->n_axis_freq += n_chan;
    return CI_OK;
}

/* The axis of a row: the sub-band's, or one of the last few, or a new one. */
static ci_status axis_find(ci_vis_samples *s, size_t i_sub_band, const double *freq_hz,
                           size_t n_chan, int32_t *out)
{
    enum
    {
        LOOK_BACK = 12
    };
    *out = (int32_t)i_sub_band;
    if (axis_is(s, i_sub_band, freq_hz, n_chan)) return CI_OK;
    for (size_t k = 0; k < LOOK_BACK && s->n_axis - k > s->n_sub_band; k++) {
        size_t i = s->n_axis - 1 - k;
        *out = (int32_t)i;
        if (s->axis[i].i_sub_band == i_sub_band && axis_is(s, i, freq_hz, n_chan)) return CI_OK;
    }
    *out = (int32_t)s->n_axis;
    return axis_append(s, i_sub_band, freq_hz, n_chan);
}

static ci_status nodes_add(ci_vis_samples *s, const ci_vis_nodes *nodes, size_t i_sub_band,
                           ci_vis_row row)
{
    CI_TRY(ci_vis_samples_reserve(s, nodes->n_row, nodes->n_sample));
    for (size_t r = 0, i = 0; r < nodes->n_row; i += nodes->n_chan[r], r++) {
        size_t n = nodes->n_chan[r];
        CI_TRY(axis_find(s, i_sub_band, nodes->freq_hz + i, n, &row.i_axis));
        memcpy(row.uvw_m, nodes->uvw_m + 3 * r, sizeof row.uvw_m);
        row.time_mjd_s = nodes->time_mjd_s[r];
        memcpy(s->data + s->n_sample, nodes->value + i, n * sizeof *s->data);
        memcpy(s->natural + s->n_sample, nodes->weight + i, n * sizeof(float));
        ci_vis_samples_add(s, &row);
    }
    return CI_OK;
}

ci_status ci_vis_samples_add_dynspec(ci_vis_samples *s, ci_vis_compressor *compressor,
                                     const ci_vis_dynspec *p, int32_t i_baseline, size_t i_sub_band)
{
    const ci_vis_row row = {.i_baseline = i_baseline, .i_axis = (int32_t)i_sub_band};
    const ci_vis_nodes *nodes = NULL;
    if (dynspec_count(s, p, i_sub_band) == 0) return CI_OK;
    if (!compressor) return rows_add(s, p, row);
    CI_TRY(ci_vis_compress(compressor, p, &nodes));
    return nodes_add(s, nodes, i_sub_band, row);
}
