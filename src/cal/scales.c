/* Fluxes of a model's sources in the data: each source's least-squares factor on what the model
 * leaves. */
#include "cal/apply.h"
#include "cal/sums.h"

#include <complex.h>
#include <math.h>

/* What is fitted, and the sums of this rank's blocks: of every baseline of every block in order
 * [source][2]: w Re(rest conj(m)), w |m|^2. */
typedef struct scales_job
{
    const ci_cal_table *gain;
    ci_cal_model model;
    const ci_cal_model *source;
    size_t n;
    ci_c32 *predicted; /* [row][chan] of a block */
    ci_c32 *rest;      /* weighted: sum over the parallel hands of w (V - M) */
    float *weight;
    double *sum; /* of the next baseline */
} scales_job;

/* Adds one row and parallel hand to rest and weight; data divided by the gain, whose factors are
 * 1/(g1 conj(g2)). */
static void row_add(const scales_job *job, const ci_vis_block *block, size_t i_row, size_t i_pol,
                    const ci_c64 *factor)
{
    for (size_t c = 0; c < block->n_chan; c++) {
        size_t i = ci_vis_sample(block, i_row, c, i_pol), k = i_row * block->n_chan + c;
        double f = factor ? creal(factor[c]) : 1, g = factor ? cimag(factor[c]) : 0;
        double size2 = f * f + g * g, x = (double)crealf(block->data[i]);
        double y = (double)cimagf(block->data[i]);
        if (block->flags[i] || !(size2 > 0)) continue;
        double w = (double)ci_vis_weight(block, i_row, c, i_pol) / size2;
        double re = w * (x * f - y * g - (double)crealf(job->predicted[k]));
        double im = w * (x * g + y * f - (double)cimagf(job->predicted[k]));
        job->rest[k] += (float)re + I * (float)im;
        job->weight[k] += (float)w;
    }
}

static ci_status rest_fill(const scales_job *job, const ci_vis_block *block)
{
    ci_cal_correction *correction = NULL;
    ci_c64 *factor = NULL;
    for (size_t i = 0; i < block->n_row * block->n_chan; i++) {
        job->rest[i] = 0;
        job->weight[i] = 0;
    }
    CI_TRY(job->model.predict(job->model.context, block, job->predicted));
    if (job->gain) CI_TRY(ci_cal_correction_new(&correction, job->gain, block));
    ci_status status = ci_mem_alloc(&factor, block->n_chan, sizeof *factor, "corrections of a row");
    for (size_t r = 0; status == CI_OK && r < block->n_row; r++) {
        if (ci_vis_baseline_is_auto(block->meta, (size_t)block->i_baseline[r])) continue;
        for (size_t p = 0; p < block->n_pol; p++) {
            int feed[2];
            ci_vis_pol_feeds(block->meta->pol[p], feed);
            if (feed[0] != feed[1] || feed[0] < 0) continue;
            if (correction) ci_cal_correction_row(correction, block, r, p, factor);
            row_add(job, block, r, p, correction ? factor : NULL);
        }
    }
    ci_mem_free(factor);
    ci_cal_correction_free(correction);
    return status;
}

/* One source's sums over the rows of each baseline of a block. */
static void source_sum(const scales_job *job, const ci_vis_block *block, size_t i_source)
{
    for (size_t r = 0; r < block->n_row; r++) {
        size_t b = (size_t)block->i_baseline[r] - block->part.i_baseline_first;
        double *out = job->sum + 2 * (b * job->n + i_source);
        for (size_t k = r * block->n_chan; k < (r + 1) * block->n_chan; k++) {
            double x = (double)crealf(job->predicted[k]), y = (double)cimagf(job->predicted[k]);
            out[0] += (double)crealf(job->rest[k]) * x + (double)cimagf(job->rest[k]) * y;
            out[1] += (double)job->weight[k] * (x * x + y * y);
        }
    }
}

static ci_status block_sum(scales_job *job, const ci_vis_block *block)
{
    CI_TRY(rest_fill(job, block));
    for (size_t k = 0; k < job->n; k++) {
        CI_TRY(job->source[k].predict(job->source[k].context, block, job->predicted));
        source_sum(job, block, k);
    }
    job->sum += 2 * job->n * block->part.n_baseline;
    return CI_OK;
}

static size_t n_sum_of(const ci_vis_set *set, size_t n)
{
    size_t n_baseline = 0;
    for (size_t i = 0; i < set->n_block; i++)
        n_baseline += set->block[i]->part.n_baseline;
    return 2 * n * n_baseline;
}

static ci_status set_sum(scales_job *job, const ci_vis_set *set, double **sum)
{
    static const char what[] = "fluxes of a field";
    size_t n = 0;
    CI_TRY(ci_mem_alloc(sum, n_sum_of(set, job->n), sizeof **sum, what));
    job->sum = *sum;
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->n_row * set->block[i]->n_chan > n)
            n = set->block[i]->n_row * set->block[i]->n_chan;
    CI_TRY(ci_mem_alloc(&job->predicted, n, sizeof *job->predicted, what));
    CI_TRY(ci_mem_alloc(&job->rest, n, sizeof *job->rest, what));
    CI_TRY(ci_mem_alloc(&job->weight, n, sizeof *job->weight, what));
    for (size_t i = 0; i < set->n_block; i++)
        CI_TRY(block_sum(job, set->block[i]));
    return CI_OK;
}

/* Sums of all ranks in the order of sub-bands and baselines. */
static void scales_find(const double *in, size_t n_value, size_t n, double *scale, double *sigma)
{
    for (size_t k = 0; k < n; k++)
        scale[k] = sigma[k] = 0;
    for (size_t i = 0; i < n_value; i += 2) {
        scale[i / 2 % n] += in[i];
        sigma[i / 2 % n] += in[i + 1];
    }
    for (size_t k = 0; k < n; k++) {
        scale[k] = sigma[k] > 0 ? 1 + scale[k] / sigma[k] : 1;
        sigma[k] = sigma[k] > 0 ? 1 / sqrt(sigma[k]) : INFINITY;
    }
}

ci_status ci_cal_source_scales(ci_comm *comm, const ci_vis_set *set, const ci_cal_table *gain,
                               ci_cal_model model, const ci_cal_model *source, size_t n,
                               double *scale, double *sigma)
{
    scales_job job = {.gain = gain, .model = model, .source = source, .n = n};
    double *sum = NULL;
    void *whole = NULL;
    size_t n_byte = 0;
    CI_PAR_EQUAL(comm, "fluxes of a field: how many, or gains", n, gain != NULL);
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "fluxes of a field");
    ci_status status = ci_par_agree(comm, set_sum(&job, set, &sum));
    if (status == CI_OK)
        status = ci_par_gather(comm, sum, n_sum_of(set, n) * sizeof *sum, -1, &whole, &n_byte);
    if (status == CI_OK) scales_find(whole, n_byte / sizeof(double), n, scale, sigma);
    ci_timer_end(ci_comm_timer(comm), mark);
    ci_mem_free(sum);
    ci_mem_free(whole);
    ci_mem_free(job.predicted);
    ci_mem_free(job.rest);
    ci_mem_free(job.weight);
    return status;
}
