/* Robust clip. Amplitudes are divided by their baseline's own median first (across raw
 * baselines a clip takes resolved fields for interference); a channel's centre and width
 * come from all baselines of the sub-band:
 *     centre = median over baselines of the median over time
 *     width^2 = (median over baselines of the MAD over time)^2
 *             + (MAD over baselines of the median over time)^2
 * which needs two numbers per baseline and channel from each rank, not the samples. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

enum
{
    N_SCRATCH = 512
};

typedef struct clip
{
    float *here;           /* [baseline here][n_chan][2] median, MAD sigma; NaN: none */
    float *whole;          /* the same for the sub-band's baselines, gathered */
    size_t n_baseline;     /* of whole */
    float *centre, *width; /* [n_chan] */
    float *scratch;
} clip;

static float amplitude(const ci_vis_block *block, size_t i)
{
    double re = crealf(block->data[i]), im = cimagf(block->data[i]);
    return (float)sqrt(re * re + im * im);
}

static void baseline_describe(const ci_vis_block *block, size_t i_row, size_t end, size_t i_pol,
                              float *out, float *scratch)
{
    int64_t n_good;
    float scale =
        (float)ci_flag_median_amplitude(block, i_row, end, i_pol, scratch, N_SCRATCH, &n_good);
    for (size_t c = 0; c < block->n_chan; c++) {
        size_t n = 0;
        for (size_t r = i_row; r < end; r++) {
            size_t i = ci_vis_sample(block, r, c, i_pol);
            if (!block->flags[i]) scratch[n++] = amplitude(block, i) / scale;
        }
        out[2 * c] = out[2 * c + 1] = NAN;
        if (n == 0 || !(scale > 0)) continue;
        out[2 * c] = ci_num_median_float(scratch, n);
        out[2 * c + 1] = ci_num_mad_sigma_float(scratch, n);
    }
}

static void channels_describe(clip *k, size_t n_chan)
{
    for (size_t c = 0; c < n_chan; c++) {
        double spread[2];
        for (int what = 1; what >= 0; what--) {
            size_t n = 0;
            for (size_t b = 0; b < k->n_baseline; b++) {
                float value = k->whole[2 * (b * n_chan + c) + (size_t)what];
                if (isfinite(value)) k->scratch[n++] = value;
            }
            spread[what] = n ? (double)ci_num_median_float(k->scratch, n) : NAN;
            if (what == 0) {
                k->centre[c] = (float)spread[0];
                spread[0] = n ? (double)ci_num_mad_sigma_float(k->scratch, n) : NAN;
            }
        }
        k->width[c] = (float)sqrt(spread[0] * spread[0] + spread[1] * spread[1]);
    }
}

static int64_t block_clip(ci_vis_block *block, const clip *k, size_t i_pol, double n_sigma)
{
    int64_t n_clipped = 0, n_good;
    for (size_t i_row = 0, end; i_row < block->n_row; i_row = end) {
        end = ci_vis_baseline_end(block, i_row);
        int32_t b = block->i_baseline[i_row];
        if (block->meta->baseline_ant1[b] == block->meta->baseline_ant2[b]) continue;
        float scale = (float)ci_flag_median_amplitude(block, i_row, end, i_pol, k->scratch,
                                                      N_SCRATCH, &n_good);
        for (size_t r = i_row; r < end; r++) {
            for (size_t c = 0; c < block->n_chan; c++) {
                size_t i = ci_vis_sample(block, r, c, i_pol);
                if (block->flags[i] || !(k->width[c] > 0)) continue;
                double off = fabs((double)(amplitude(block, i) / scale - k->centre[c]));
                if (off <= n_sigma * (double)k->width[c]) continue;
                block->flags[i] |= CI_FLAG_CLIP;
                n_clipped++;
            }
        }
    }
    return n_clipped;
}

/* This rank's block of a sub-band; a rank holds at most one. */
static ci_vis_block *block_of(const ci_vis_set *set, size_t i_sub_band)
{
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->part.i_sub_band == i_sub_band) return set->block[i];
    return NULL;
}

static ci_status describe_here(clip *k, const ci_vis_block *block, size_t i_pol, size_t *n_here)
{
    *n_here = 0;
    if (!block) return CI_OK;
    size_t n_scratch = block->meta->n_baseline + block->meta->n_time + N_SCRATCH;
    CI_TRY(ci_mem_alloc(&k->scratch, n_scratch, sizeof(float), "clip"));
    CI_TRY(
        ci_mem_alloc(&k->here, block->part.n_baseline * block->n_chan * 2, sizeof(float), "clip"));
    CI_TRY(ci_mem_alloc(&k->centre, block->n_chan, sizeof(float), "clip"));
    CI_TRY(ci_mem_alloc(&k->width, block->n_chan, sizeof(float), "clip"));
    for (size_t i_row = 0, end; i_row < block->n_row; i_row = end) {
        end = ci_vis_baseline_end(block, i_row);
        int32_t b = block->i_baseline[i_row];
        if (block->meta->baseline_ant1[b] == block->meta->baseline_ant2[b]) continue;
        baseline_describe(block, i_row, end, i_pol, k->here + *n_here * block->n_chan * 2,
                          k->scratch);
        ++*n_here;
    }
    return CI_OK;
}

static ci_status sub_band_clip(ci_comm *comm, ci_vis_set *set, size_t i_sub_band, size_t i_pol,
                               const ci_flag_options *options, ci_flag_report *report)
{
    ci_vis_block *block = block_of(set, i_sub_band);
    size_t n_chan = set->meta->sub_band[i_sub_band].n_chan, n_here = 0, n_byte = 0;
    clip k = {0};
    void *whole = NULL;
    int64_t n_clipped = 0;
    ci_status status = ci_par_agree(comm, describe_here(&k, block, i_pol, &n_here));
    if (status == CI_OK)
        status =
            ci_par_gather(comm, k.here, n_here * n_chan * 2 * sizeof(float), -1, &whole, &n_byte);
    if (status == CI_OK && block) {
        k.whole = whole;
        k.n_baseline = n_byte / (n_chan * 2 * sizeof(float));
        channels_describe(&k, n_chan);
        n_clipped = block_clip(block, &k, i_pol, options->clip_sigma);
    }
    if (status == CI_OK) status = ci_par_sum_int(comm, &n_clipped, 1);
    report->n_clipped += (size_t)n_clipped;
    ci_mem_free(whole);
    ci_mem_free(k.here);
    ci_mem_free(k.centre);
    ci_mem_free(k.width);
    ci_mem_free(k.scratch);
    return status;
}

ci_status ci_flag_clip(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                       ci_flag_report *report)
{
    for (size_t s = 0; s < set->meta->n_sub_band; s++)
        for (size_t p = 0; p < set->meta->n_pol; p++)
            if (ci_vis_pol_is_parallel(set->meta->pol[p]))
                CI_TRY(sub_band_clip(comm, set, s, p, options, report));
    return CI_OK;
}
