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
                           s->uvw_m,         s->i_time,     s->i_baseline, s->i_axis,   s->first,
                           s->data,          s->work,       s->natural,    s->weight};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        ci_mem_free(owned[i]);
    ci_mem_free(s);
}

static ci_status axes_new(ci_vis_samples *s, const ci_vis_meta *meta)
{
    for (size_t i = 0; i < meta->n_sub_band; i++)
        s->n_freq += meta->sub_band[i].n_chan;
    s->n_axis = meta->n_sub_band;
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
    CI_TRY(ci_mem_alloc(&s->array.antenna, meta->array.n_antenna, sizeof *s->array.antenna,
                        "antennas"));
    CI_TRY(ci_mem_alloc(&s->time_mjd_s, s->n_time, sizeof *s->time_mjd_s, "times"));
    if (meta->array.n_antenna > 0)
        memcpy(s->array.antenna, meta->array.antenna,
               meta->array.n_antenna * sizeof *s->array.antenna);
    if (s->n_time > 0) memcpy(s->time_mjd_s, meta->time_mjd_s, s->n_time * sizeof(double));
    return axes_new(s, meta);
}

static ci_status rows_new(ci_vis_samples *s)
{
    size_t n = s->n_row_max, m = s->n_sample_max;
    CI_TRY(ci_mem_alloc(&s->uvw_m, n, 3 * sizeof(double), "uvw of samples"));
    CI_TRY(ci_mem_alloc(&s->i_time, n, sizeof(int32_t), "times of samples"));
    CI_TRY(ci_mem_alloc(&s->i_baseline, n, sizeof(int32_t), "baselines of samples"));
    CI_TRY(ci_mem_alloc(&s->i_axis, n, sizeof(int32_t), "channels of samples"));
    CI_TRY(ci_mem_alloc(&s->first, n + 1, sizeof(size_t), "rows of samples"));
    CI_TRY(ci_mem_alloc(&s->data, m, sizeof *s->data, "Stokes visibilities"));
    CI_TRY(ci_mem_alloc(&s->natural, m, sizeof *s->natural, "natural weights"));
    return ci_mem_alloc(&s->weight, m, sizeof *s->weight, "imaging weights");
}

ci_status ci_vis_samples_new(ci_vis_samples **out, const ci_vis_meta *meta, size_t n_row_max,
                             size_t n_sample_max)
{
    *out = NULL;
    ci_vis_samples *s = NULL;
    CI_TRY(ci_mem_alloc(&s, 1, sizeof *s, "imaging samples"));
    s->n_row_max = n_row_max;
    s->n_sample_max = n_sample_max;
    ci_status status = tables_new(s, meta);
    if (status == CI_OK) status = rows_new(s);
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
    s->i_time[i] = row->i_time;
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
    double max[3] = {s->max_natural, s->max_u_lambda, s->max_v_lambda};
    CI_TRY(ci_par_sum_int(comm, &s->n_good, 1));
    CI_TRY(ci_par_max_double(comm, max, 3));
    s->max_natural = max[0];
    s->max_u_lambda = max[1];
    s->max_v_lambda = max[2];
    return CI_OK;
}

ci_status ci_vis_samples_work(ci_vis_samples *s)
{
    if (s->work) return CI_OK;
    return ci_mem_alloc(&s->work, s->n_sample, sizeof *s->work, "model visibilities");
}

/* ---- fixed units ----------------------------------------------------------------------------- */

bool ci_vis_samples_unit_begins(const ci_vis_samples *s, size_t i_row)
{
    return i_row == 0 || s->i_baseline[i_row] != s->i_baseline[i_row - 1] ||
           s->axis[s->i_axis[i_row]].i_sub_band != s->axis[s->i_axis[i_row - 1]].i_sub_band;
}

size_t ci_vis_samples_n_unit(const ci_vis_samples *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_row; i++)
        n += ci_vis_samples_unit_begins(s, i);
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

ci_status ci_vis_samples_weight_by_time(ci_comm *comm, const ci_vis_samples *s, int64_t **out)
{
    *out = NULL;
    double max = 0;
    CI_TRY(ci_vis_samples_max_weight(comm, s, s->weight, &max));
    int exponent = ci_num_fixed_exponent(max, s->n_good);
    int64_t *sum = NULL;
    CI_TRY(ci_par_alloc(comm, &sum, s->n_time * s->n_freq, sizeof *sum, "weights by time"));
    for (size_t r = 0; r < s->n_row; r++) {
        int64_t *to = sum + (size_t)s->i_time[r] * s->n_freq + s->axis[s->i_axis[r]].first;
        const float *weight = s->weight + s->first[r];
        for (size_t c = 0; c < ci_vis_row_n_chan(s, r); c++)
            to[c] += ci_num_fixed(weight[c], exponent);
    }
    ci_status status = ci_par_sum_int(comm, sum, s->n_time * s->n_freq);
    if (status == CI_OK)
        *out = sum;
    else
        ci_mem_free(sum);
    return status;
}
