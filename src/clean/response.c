/* What the data of each sub-band have of the model: the test of one sub-band by the others. */
#include "clean/state.h"

#include <complex.h>
#include <math.h>

enum
{
    SUM_DOT,      /* w Re conj(model) data */
    SUM_NORM,     /* w |model|^2 */
    SUM_WEIGHT,   /* w */
    SUM_VARIANCE, /* of the dot, by what the model leaves */
    N_SUM
};

static void row_add(const ci_vis_samples *s, size_t i_row, double *summand)
{
    double *to = summand + N_SUM * s->axis[s->i_axis[i_row]].i_sub_band;
    for (size_t i = s->first[i_row]; i < s->first[i_row + 1]; i++) {
        double w = s->weight[i];
        if (!(w > 0)) continue;
        double re = crealf(s->data[i]), im = cimagf(s->data[i]);
        double left_re = crealf(s->computed[i]), left_im = cimagf(s->computed[i]);
        double model_re = re - left_re, model_im = im - left_im;
        double norm = w * (model_re * model_re + model_im * model_im);
        to[SUM_DOT] += w * (model_re * re + model_im * im);
        to[SUM_NORM] += norm;
        to[SUM_WEIGHT] += w;
        to[SUM_VARIANCE] += 0.5 * w * norm * (left_re * left_re + left_im * left_im);
    }
}

static ci_status sums_find(ci_comm *comm, const ci_vis_samples *s, double *sums)
{
    double *summand = NULL;
    ci_par_pairwise *pairwise = NULL;
    CI_TRY(
        ci_par_pairwise_new(comm, &pairwise, ci_vis_samples_n_summand(s), N_SUM * s->n_sub_band));
    for (size_t i = 0; i < s->n_row; i++) {
        if (ci_vis_samples_summand_begins(s, i)) summand = ci_par_pairwise_next(pairwise);
        row_add(s, i, summand);
    }
    ci_status status = ci_par_pairwise_finish(comm, pairwise, sums);
    ci_par_pairwise_free(pairwise);
    return status;
}

ci_status ci_clean_response_find(ci_comm *comm, const ci_clean *c,
                                 ci_clean_response out[CI_CLEAN_MAX_RESPONSE], int *n)
{
    const ci_vis_samples *s = c->setup.samples;
    double sums[N_SUM * CI_CLEAN_MAX_RESPONSE];
    *n = 0;
    if (!c->is_exact || s->n_sub_band > CI_CLEAN_MAX_RESPONSE) return CI_OK;
    CI_TRY(sums_find(comm, s, sums));
    for (size_t b = 0; b < s->n_sub_band; b++) {
        const double *of = sums + N_SUM * b;
        const ci_vis_axis *axis = &s->axis[b];
        double scale = 1 / sqrt(of[SUM_NORM] * of[SUM_WEIGHT]);
        bool is_seen = of[SUM_NORM] > 0;
        out[b].freq_hz =
            0.5 * (s->freq_hz[axis->first] + s->freq_hz[axis->first + axis->n_chan - 1]);
        out[b].jy = is_seen ? of[SUM_DOT] * scale : NAN;
        out[b].sigma_jy = is_seen ? sqrt(of[SUM_VARIANCE]) * scale : NAN;
    }
    *n = (int)s->n_sub_band;
    return CI_OK;
}
