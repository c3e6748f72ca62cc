/* Sources outside the image within major cycles: fitted to every residual, and sought for as long
 * as what is left inside could hide one. */
#include "clean/state.h"

#include <math.h>

enum
{
    SEARCHES = 3 /* of one major cycle */
};
static const double stop_most = 0.6; /* of the residual's peak */
static const double fall_min = 0.5;  /* of it, until the next search */

/* Fitted; those that have come into the image, or were sidelobes of others, are no more. */
static ci_status fit(ci_comm *comm, ci_clean *c)
{
    CI_TRY(ci_clean_outside_fit(comm, &c->outside));
    return ci_par_agree(comm, ci_clean_outside_release(c->setup.model, c->setup.samples));
}

static void found_log(const ci_clean_model *b, const ci_clean_outside_found *found)
{
    for (size_t i = b->n_outside - found->n_new; i < b->n_outside; i++) {
        double ra, dec;
        ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, b->outside[i].l, b->outside[i].m,
                          &ra, &dec);
        ci_log_info("clean: source outside the image at %.4f %+.4f, %.2f deg from its centre: "
                    "%.4g Jy/beam in a coarse image",
                    ra * CI_RAD_TO_DEG, dec * CI_RAD_TO_DEG,
                    hypot(b->outside[i].l, b->outside[i].m) * CI_RAD_TO_DEG,
                    b->outside[i].column_jy[CI_CLEAN_OUTSIDE_KNOWN]);
    }
}

/* One search, as long as there is a reason for one: the residual's peak is well below that of the
 * last one. */
static ci_status search(ci_comm *comm, ci_clean *c, bool again, size_t *n_new)
{
    ci_clean_outside_found found;
    double peak = c->setup.model->residual_peak;
    *n_new = 0;
    if (!c->search || (!again && peak > fall_min * c->searched_peak)) return CI_OK;
    c->searched_peak = peak;
    CI_TRY(ci_clean_outside_find(comm, c->search, &found));
    *n_new = found.n_new;
    c->variability.outside_jy = found.outside > found.threshold ? found.outside : 0;
    c->outside_stop = found.sidelobe * c->variability.outside_jy;
    found_log(c->setup.model, &found);
    bool hides = found.sidelobe * found.inside > found.threshold;
    if (found.n_new > 0 || hides) return CI_OK;
    ci_clean_outside_search_free(c->search);
    c->search = NULL;
    return CI_OK;
}

ci_status ci_clean_outside_cycle(ci_comm *comm, ci_clean *c)
{
    size_t n_new = 1;
    bool is_sought = c->setup.options->outside || c->setup.options->known;
    if (!is_sought && c->setup.model->n_outside == 0) return CI_OK;
    if (!c->is_outside_begun && is_sought)
        CI_TRY(ci_clean_outside_search_new(comm, &c->search, &c->outside));
    c->is_outside_begun = true;
    CI_TRY(fit(comm, c));
    for (int i = 0; i < SEARCHES && n_new > 0; i++) {
        CI_TRY(search(comm, c, i > 0, &n_new));
        if (n_new > 0) CI_TRY(fit(comm, c));
    }
    return CI_OK;
}

double ci_clean_outside_stop(const ci_clean *c, double peak)
{
    return fmin(c->outside_stop, stop_most * peak);
}
