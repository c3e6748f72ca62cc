/* Models that take a well-known resolved source for a point. */
#include "contimg/sky.h"

#include <math.h>

static const double near_rad = 120 * CI_ARCSEC_TO_RAD; /* of a centre as commonly quoted */
static const double most_share = 0.5;                  /* of its flux, that a component may have */

/* Share of a resolved source's flux that a point beside it has; frequencies outside the spectrum
 * count as its end. */
static double share_of(const ci_sky_source *point, const ci_sky_source *resolved)
{
    double freq = fmin(fmax(point->ref_freq_hz, resolved->poly_min_hz), resolved->poly_max_hz);
    return ci_sky_source_flux_jy(point, freq) / ci_sky_source_flux_jy(resolved, freq);
}

static ci_status check(const ci_sky_model *resolved, const ci_sky_model *model, const char *name)
{
    for (size_t i = 0; i < model->n_source; i++) {
        const ci_sky_source *s = &model->source[i];
        double distance_rad;
        if (s->major_rad > 0) continue;
        const ci_sky_source *r =
            ci_sky_model_nearest(resolved, s->ra_rad, s->dec_rad, &distance_rad);
        if (!r || distance_rad > near_rad || !(share_of(s, r) > most_share)) continue;
        return ci_error(CI_ERR_INPUT,
                        "%s: source %s has %.2g of the flux of %s, which is resolved, in one "
                        "point: no gains fit such a model; give its components (several points, "
                        "or Gaussians by major_arcsec, minor_arcsec and pa_deg)",
                        name, ci_vis_text(s->name), share_of(s, r), r->name);
    }
    return CI_OK;
}

ci_status ci_sky_model_points_check(const ci_sky_model *model, const char *name)
{
    ci_sky_model *resolved = NULL;
    CI_TRY(ci_sky_catalog_resolved(&resolved));
    ci_status status = check(resolved, model, name);
    ci_sky_model_free(resolved);
    return status;
}
