/* What a model holds, for stats and log. */
#include "clean/outside.h"
#include "clean/variation.h"

#include <math.h>
#include <stdlib.h>

static int by_flux(const void *a, const void *b)
{
    const ci_clean_slope *p = a, *q = b;
    return fabs(p->flux_jy) < fabs(q->flux_jy) ? 1 : fabs(p->flux_jy) > fabs(q->flux_jy) ? -1 : 0;
}

static void outside_sum_up(const ci_clean_model *b, ci_clean_stats *stats)
{
    stats->n_outside = 0;
    for (size_t i = 0; i < b->n_outside && i < CI_CLEAN_MAX_OUTSIDE; i++)
        ci_clean_outside_describe(b, &b->outside[i], &stats->outside[stats->n_outside++]);
    qsort(stats->outside, (size_t)stats->n_outside, sizeof *stats->outside, by_flux);
    if (stats->n_outside > 0)
        ci_log_info("clean: %d source%s outside the image subtracted", stats->n_outside,
                    ci_plural(stats->n_outside));
}

/* What varies, once for all. */
static void variables_sum_up(const ci_clean_model *b, ci_clean_stats *stats)
{
    stats->n_variable = 0;
    for (size_t i = 0; i < b->n_variation && i < CI_CLEAN_MAX_VARIABLE; i++) {
        const ci_clean_variation *v = &b->variation[i];
        ci_clean_variable *out = &stats->variable[stats->n_variable++];
        *out = (ci_clean_variable){.flux_jy = v->flux,
                                   .excess_jy = v->excess_jy,
                                   .sigma = v->sigma,
                                   .time_mjd_s = {v->time_mjd_s[0], v->time_mjd_s[1]},
                                   .freq_hz = {v->freq_hz[0], v->freq_hz[1]}};
        ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, v->l, v->m, &out->ra_rad,
                          &out->dec_rad);
    }
}

void ci_clean_model_summary(const ci_clean_model *b, ci_clean_stats *stats)
{
    stats->n_slope = stats->n_point = 0;
    variables_sum_up(b, stats);
    outside_sum_up(b, stats);
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        stats->n_point += s->is_point;
        if (!s->has_slope || stats->n_slope >= CI_CLEAN_MAX_SLOPE) continue;
        ci_clean_slope *out = &stats->slope[stats->n_slope++];
        *out = (ci_clean_slope){.flux_jy = s->flux, .beam = s->beam, .slope = s->slope};
        ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, s->l, s->m, &out->ra_rad,
                          &out->dec_rad);
    }
    qsort(stats->slope, (size_t)stats->n_slope, sizeof *stats->slope, by_flux);
    if (stats->n_point > 0)
        ci_log_info("clean: %d point component%s: bright compact sources between pixels",
                    stats->n_point, ci_plural(stats->n_point));
    if (stats->n_slope == 0) return;
    const ci_clean_slope *s = &stats->slope[0];
    ci_log_info("clean: %d bright source%s own; the brightest, %.4g "
                "Jy at %.4f %+.4f deg: %+.3f",
                stats->n_slope,
                stats->n_slope == 1 ? " has a spectral slope of its"
                                    : "s have spectral slopes of their",
                s->flux_jy, s->ra_rad * CI_RAD_TO_DEG, s->dec_rad * CI_RAD_TO_DEG, s->slope);
}
