/* Imaging samples of one Stokes value, and sums over them. */
#include "contimg/num.h"
#include "contimg/vis.h"

#include <math.h>

void ci_vis_samples_free(ci_vis_samples *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_rows; i++) {
        ci_mem_free(s->data[i]);
        ci_mem_free(s->work[i]);
        ci_mem_free(s->weight[i]);
        ci_mem_free(s->natural[i]);
    }
    ci_mem_free(s->rows);
    ci_mem_free(s->data);
    ci_mem_free(s->work);
    ci_mem_free(s->weight);
    ci_mem_free(s->natural);
    ci_mem_free(s);
}

ci_status ci_vis_samples_work(ci_vis_samples *s)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        if (!s->work[i])
            CI_TRY(ci_mem_alloc(&s->work[i], s->rows[i].n_row * s->rows[i].n_chan, sizeof(ci_c32),
                                "model visibilities"));
        s->rows[i].vis = s->work[i];
    }
    return CI_OK;
}

bool ci_vis_unit_begins(const ci_vis_block *b, size_t i_row)
{
    return i_row == 0 || b->i_baseline[i_row] != b->i_baseline[i_row - 1];
}

size_t ci_vis_samples_units(const ci_vis_samples *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_rows; i++)
        for (size_t r = 0; r < s->set->block[i]->n_row; r++)
            n += ci_vis_unit_begins(s->set->block[i], r);
    return n;
}

ci_status ci_vis_samples_max_weight(ci_comm *comm, const ci_vis_samples *s, float *const *weight,
                                    double *out)
{
    double max = 0;
    for (size_t i = 0; i < s->n_rows; i++)
        for (size_t k = 0; k < s->rows[i].n_row * s->rows[i].n_chan; k++)
            max = fmax(max, weight[i][k]);
    CI_TRY(ci_par_max_double(comm, &max, 1));
    *out = max;
    return CI_OK;
}

ci_status ci_vis_samples_weight_by_time(ci_comm *comm, const ci_vis_samples *s, int64_t **out,
                                        size_t *n_chan_all)
{
    *out = NULL;
    const ci_vis_meta *meta = s->set->meta;
    size_t n_chan = 0;
    for (size_t i = 0; i < meta->n_sub_band; i++)
        n_chan += meta->sub_band[i].n_chan;
    double max = 0;
    CI_TRY(ci_vis_samples_max_weight(comm, s, s->weight, &max));
    int exponent = ci_num_fixed_exponent(max, s->n_sample);
    int64_t *sum = NULL;
    CI_TRY(ci_par_alloc(comm, &sum, meta->n_time * n_chan, sizeof *sum, "weights by time"));
    for (size_t i = 0; i < s->n_rows; i++) {
        const ci_vis_block *b = s->set->block[i];
        size_t first = 0;
        for (size_t k = 0; k < b->part.i_sub_band; k++)
            first += meta->sub_band[k].n_chan;
        for (size_t r = 0; r < b->n_row; r++)
            for (size_t c = 0; c < b->n_chan; c++)
                sum[(size_t)b->i_time[r] * n_chan + first + c] +=
                    ci_num_fixed(s->weight[i][r * b->n_chan + c], exponent);
    }
    ci_status status = ci_par_sum_int(comm, sum, meta->n_time * n_chan);
    if (status != CI_OK) {
        ci_mem_free(sum);
        return status;
    }
    *out = sum;
    *n_chan_all = n_chan;
    return CI_OK;
}
