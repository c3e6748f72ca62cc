/* Whether CLEAN may stop at a threshold that its residual's own rms sets. Where stations are few,
 * what is left of the sources lies in sidelobes over the whole image, is taken for noise and hides
 * them. */
#include "clean/state.h"

#include <complex.h>
#include <math.h>

static const double coherent_min = 5; /* rms over that of independent residuals */
static const double fills_min = 0.05; /* rms of the PSF whose sources fill the image */
static const double rms_falls = 0.97; /* in a cycle that goes deeper, else it is of no use */
static const double inner_least = 1.0 / 16;

/* The rms that an image has whose residual visibilities know nothing of each other, as noise does:
 * sqrt(sum w^2 |r|^2 / 2) / sum w. */
static ci_status incoherent_rms(ci_comm *comm, const ci_clean *c, double *rms)
{
    const ci_vis_samples *s = c->setup.samples;
    double *summand = NULL, sum = 0;
    ci_par_pairwise *sums = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(s), 1));
    for (size_t i = 0; i < s->n_row; i++) {
        if (ci_vis_samples_summand_begins(s, i)) summand = ci_par_pairwise_next(sums);
        for (size_t k = s->first[i]; k < s->first[i + 1]; k++) {
            double w = s->weight[k], re = crealf(s->computed[k]), im = cimagf(s->computed[k]);
            *summand += w * w * (re * re + im * im);
        }
    }
    ci_status status = ci_par_pairwise_finish(comm, sums, &sum);
    ci_par_pairwise_free(sums);
    *rms = sqrt(sum / 2) / c->setup.sum_weight;
    return status;
}

/* Whether what is left of sources can be the residual's rms. Sidelobes of many stations are too low
 * for that: what is coherent there comes from gains that are wrong, and the model should not follow
 * it. */
static ci_status sources_fill(ci_comm *comm, const ci_clean *c, bool *out)
{
    double rms;
    CI_TRY(ci_grid_slab_rms(comm, c->layout, c->setup.psf, &rms));
    *out = rms > fills_min;
    return CI_OK;
}

/* Whether to try it: the first time where the residual is no noise, then where it helped. */
static ci_status is_worth(ci_comm *comm, const ci_clean *c, bool *out)
{
    double rms = c->setup.model->residual_rms, incoherent = 0;
    *out = false;
    if (c->stats.n_major == 0 || c->inner <= inner_least) return CI_OK;
    if (c->inner < 1) {
        *out = rms < rms_falls * c->deeper_rms;
        return CI_OK;
    }
    CI_TRY(incoherent_rms(comm, c, &incoherent));
    if (rms > coherent_min * incoherent) CI_TRY(sources_fill(comm, c, out));
    if (*out)
        ci_log_info(
            "clean: rms %.4g Jy/beam is %.3g times that of noise: components are cleaned to "
            "less than their threshold",
            rms, rms / incoherent);
    return CI_OK;
}

ci_status ci_clean_scan_deeper(ci_comm *comm, ci_clean *c, const ci_clean_rms_mesh *mesh,
                               ci_clean_scan *scan)
{
    bool deeper;
    CI_TRY(is_worth(comm, c, &deeper));
    if (!deeper) return CI_OK;
    c->deeper_rms = c->setup.model->residual_rms;
    while (scan->excess <= 1 && c->inner > inner_least) {
        c->inner /= 2;
        CI_TRY(ci_clean_scan_make(comm, c, mesh, scan));
    }
    return CI_OK;
}
