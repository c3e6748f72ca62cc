/* Samples that can be no visibility, where nobody asked for flags. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

enum
{
    N_SCRATCH = 512 /* samples of a baseline that its median is taken of */
};

static const double most_factor = 1e6; /* over the median of the baselines' medians */
static const double zeros_told =
    1e-3; /* of good samples: fewer are chance where values are rounded */

typedef struct level
{
    int64_t i_dynspec; /* sub-band and polarisation */
    double median;
} level;

static ci_status levels_make(const ci_vis_set *set, ci_isa isa, level **out, size_t *n_out)
{
    size_t n_max = 0, n = 0;
    float scratch[N_SCRATCH];
    for (size_t i = 0; i < set->n_block; i++)
        n_max += set->block[i]->part.n_baseline * set->block[i]->n_pol;
    CI_TRY(ci_mem_alloc(out, n_max, sizeof **out, "medians of baselines"));
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *block = set->block[i];
        for (size_t r = 0, end; r < block->n_row && n < n_max; r = end) {
            end = ci_vis_baseline_end(block, r);
            if (ci_vis_baseline_is_auto(block->meta, (size_t)block->i_baseline[r])) continue;
            for (size_t p = 0; p < block->n_pol; p++) {
                int64_t n_good;
                double median =
                    ci_flag_median_amplitude(block, r, end, p, scratch, N_SCRATCH, isa, &n_good);
                if (!(median > 0)) continue;
                (*out)[n++] = (level){(int64_t)(block->part.i_sub_band * block->n_pol + p), median};
            }
        }
    }
    *n_out = n;
    return CI_OK;
}

/* limit [n_dynspec]; infinite where nothing is known. */
static ci_status limits_fill(const level *all, size_t n, double *limit, size_t n_dynspec)
{
    double *median = NULL;
    CI_TRY(ci_mem_alloc(&median, n, sizeof *median, "medians of baselines"));
    for (size_t k = 0; k < n_dynspec; k++) {
        size_t n_here = 0;
        for (size_t i = 0; i < n; i++)
            if (all[i].i_dynspec == (int64_t)k) median[n_here++] = all[i].median;
        limit[k] = n_here > 0 ? most_factor * ci_num_median(median, n_here) : INFINITY;
    }
    ci_mem_free(median);
    return CI_OK;
}

/* Of good samples of baselines. */
typedef enum sample_count
{
    N_HUGE,
    N_ZERO, /* exactly 0, of parallel hands: no noise is */
    N_GOOD, /* of parallel hands */
    N_COUNT
} sample_count;

static void row_count(const ci_vis_block *block, size_t i_row, size_t i_pol, double most,
                      int64_t count[N_COUNT])
{
    size_t first = ci_vis_sample(block, i_row, 0, i_pol);
    bool is_parallel = ci_vis_pol_is_parallel(block->meta->pol[i_pol]);
    for (size_t c = 0; c < block->n_chan; c++) {
        size_t k = first + c * block->n_pol;
        double re = fabs((double)crealf(block->data[k])), im = fabs((double)cimagf(block->data[k]));
        if (block->flags[k]) continue;
        count[N_HUGE] += fmax(re, im) > most;
        count[N_ZERO] += is_parallel && re == 0 && im == 0;
        count[N_GOOD] += is_parallel;
    }
}

static void set_count(const ci_vis_set *set, const double *limit, int64_t count[N_COUNT])
{
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *block = set->block[i];
        const double *most = limit + block->part.i_sub_band * block->n_pol;
        for (size_t r = 0; r < block->n_row; r++) {
            if (ci_vis_baseline_is_auto(block->meta, (size_t)block->i_baseline[r])) continue;
            for (size_t p = 0; p < block->n_pol; p++)
                row_count(block, r, p, most[p], count);
        }
    }
}

static void count_tell(const int64_t count[N_COUNT])
{
    if (count[N_HUGE] > 0)
        ci_log_warning(
            "%lld sample%s more than %g times the usual amplitude, which no visibility "
            "is; used all the same, as nothing was to be flagged: flag them in the file, "
            "or see --flag",
            (long long)count[N_HUGE], count[N_HUGE] == 1 ? " is" : "s are", most_factor);
    if ((double)count[N_ZERO] > zeros_told * (double)count[N_GOOD])
        ci_log_warning(
            "%lld of %lld good samples (%.3g %%) are exactly 0, as where a correlator has "
            "no data; used as 0 Jy all the same, which lowers fluxes, as nothing was to "
            "be flagged: flag them in the file, or see --flag",
            (long long)count[N_ZERO], (long long)count[N_GOOD],
            100 * (double)count[N_ZERO] / (double)count[N_GOOD]);
}

ci_status ci_flag_impossible_warn(ci_comm *comm, const ci_vis_set *set)
{
    level *here = NULL;
    void *all = NULL;
    double *limit = NULL;
    size_t n_here = 0, n_byte = 0, n_dynspec = set->meta->n_sub_band * set->meta->n_pol;
    int64_t count[N_COUNT] = {0};
    ci_status status = ci_par_agree(comm, levels_make(set, ci_comm_isa(comm), &here, &n_here));
    if (status == CI_OK)
        status = ci_par_gather(comm, here, n_here * sizeof *here, -1, &all, &n_byte);
    if (status == CI_OK)
        status = ci_mem_alloc(&limit, n_dynspec, sizeof *limit, "medians of baselines");
    if (status == CI_OK) status = limits_fill(all, n_byte / sizeof *here, limit, n_dynspec);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) set_count(set, limit, count);
    if (status == CI_OK) status = ci_par_sum_int(comm, count, N_COUNT);
    if (status == CI_OK && ci_comm_rank(comm) == 0) count_tell(count);
    ci_mem_free(limit);
    ci_mem_free(all);
    ci_mem_free(here);
    return status;
}
