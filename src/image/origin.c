/* What tells the samples of an image from others: sums over them, the same at any number of ranks.
 */
#include "image/origin.h"

#include <complex.h>

enum
{
    SUM_NUMBER,
    SUM_WEIGHT,
    SUM_RE,
    SUM_IM,
    SUM_POWER,
    SUM_U,
    SUM_V
};
_Static_assert(SUM_V + 1 == CI_CLEAN_ORIGIN_SUMS, "sums of an origin");

static void row_add(const ci_vis_samples *s, size_t r, double *sum)
{
    const double *uvw = s->uvw_m + 3 * r, *freq_hz = ci_vis_row_freq(s, r);
    for (size_t k = s->first[r]; k < s->first[r + 1]; k++) {
        double w = s->weight[k], re = crealf(s->data[k]), im = cimagf(s->data[k]);
        double hz = freq_hz[k - s->first[r]] / CI_C_M_S;
        if (!(w > 0)) continue;
        sum[SUM_NUMBER] += 1;
        sum[SUM_WEIGHT] += w;
        sum[SUM_RE] += w * re;
        sum[SUM_IM] += w * im;
        sum[SUM_POWER] += w * (re * re + im * im);
        sum[SUM_U] += w * hz * uvw[0];
        sum[SUM_V] += w * hz * uvw[1];
    }
}

ci_status ci_image_origin_find(ci_comm *comm, const ci_vis_samples *s, ci_clean_origin *out)
{
    ci_par_pairwise *sums = NULL;
    double *summand = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(s), CI_CLEAN_ORIGIN_SUMS));
    for (size_t r = 0; r < s->n_row; r++) {
        if (ci_vis_samples_summand_begins(s, r)) summand = ci_par_pairwise_next(sums);
        row_add(s, r, summand);
    }
    ci_status status = ci_par_pairwise_finish(comm, sums, out->sum);
    ci_par_pairwise_free(sums);
    return status;
}
