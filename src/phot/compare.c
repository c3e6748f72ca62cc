/* Found sources against a catalogue. */
#include "phot/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Neighbours fainter than this part of a source do not spoil it. */
#define FAINT_NEIGHBOUR 0.02
/* Every flux is uncertain by this part at least; so no single bright source rules the fit. */
#define FLOOR 0.02
#define HUBER 1.345

void ci_phot_compare_free(ci_phot_compare *compare)
{
    if (!compare) return;
    ci_mem_free(compare->match);
    ci_mem_free(compare);
}

static bool truth_is_isolated(const ci_sky_model *truth, size_t i, double freq_hz, double radius)
{
    const ci_sky_source *s = &truth->source[i];
    double least = FAINT_NEIGHBOUR * ci_sky_source_flux_jy(s, freq_hz);
    for (size_t j = 0; j < truth->n_source; j++) {
        const ci_sky_source *t = &truth->source[j];
        if (j == i || fabs(t->dec_rad - s->dec_rad) > radius) continue;
        if (ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra_rad, t->dec_rad) < radius &&
            ci_sky_source_flux_jy(t, freq_hz) > least)
            return false;
    }
    return true;
}

static bool found_is_isolated(const ci_phot_list *found, size_t i, double radius)
{
    const ci_phot_source *s = &found->source[i];
    for (size_t j = 0; j < found->n_source; j++) {
        const ci_phot_source *t = &found->source[j];
        if (j == i || fabs(t->dec_rad - s->dec_rad) > radius) continue;
        if (ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra_rad, t->dec_rad) < radius &&
            t->peak_jy > FAINT_NEIGHBOUR * s->peak_jy)
            return false;
    }
    return true;
}

/* Nearest catalogue source that is not taken yet; n_source where none is near enough. */
static size_t nearest(const ci_sky_model *truth, const ci_phot_source *s, double radius,
                      const bool *taken, double *separation)
{
    size_t best = truth->n_source;
    *separation = radius;
    for (size_t j = 0; j < truth->n_source; j++) {
        const ci_sky_source *t = &truth->source[j];
        if (taken[j] || fabs(t->dec_rad - s->dec_rad) > radius) continue;
        double d = ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra_rad, t->dec_rad);
        if (d >= *separation) continue;
        *separation = d;
        best = j;
    }
    return best;
}

static ci_status match(ci_phot_compare *c, const ci_phot_list *found, const ci_sky_model *truth,
                       double freq_hz, double match_rad, double isolation_rad)
{
    bool *taken = NULL;
    CI_TRY(ci_mem_alloc(&c->match, found->n_source, sizeof *c->match, "matches"));
    CI_TRY(ci_mem_alloc(&taken, truth->n_source, sizeof *taken, "matches"));
    /* The list is sorted: the most significant source chooses first. */
    for (size_t i = 0; i < found->n_source; i++) {
        double separation;
        size_t j = nearest(truth, &found->source[i], match_rad, taken, &separation);
        if (j == truth->n_source) continue;
        taken[j] = true;
        double flux = ci_sky_source_flux_jy(&truth->source[j], freq_hz);
        if (!(flux > 0) || !truth_is_isolated(truth, j, freq_hz, isolation_rad) ||
            !found_is_isolated(found, i, isolation_rad))
            continue;
        c->match[c->n_match++] = (ci_phot_match){i, j, found->source[i].flux_jy / flux, separation};
    }
    ci_mem_free(taken);
    return CI_OK;
}

/* Huber's estimate of found = gain x true, weighted by the fluxes' relative errors, by
 * re-weighting from the median. */
static double huber_gain(const ci_phot_compare *c, const ci_phot_list *found, double start)
{
    double gain = start;
    for (int pass = 0; pass < 100; pass++) {
        double top = 0, bottom = 0;
        for (size_t i = 0; i < c->n_match; i++) {
            const ci_phot_source *s = &found->source[c->match[i].i_found];
            double error = hypot(s->flux_err_jy / s->flux_jy * c->match[i].ratio, FLOOR);
            double pull = fabs(c->match[i].ratio - gain) / error;
            double w = (pull > HUBER ? HUBER / pull : 1) / (error * error);
            top += w * c->match[i].ratio;
            bottom += w;
        }
        double next = top / bottom;
        if (fabs(next - gain) < 1e-12 * fabs(gain)) return next;
        gain = next;
    }
    return gain;
}

static ci_status statistics(ci_phot_compare *c, const ci_phot_list *found)
{
    c->median_ratio = c->mad_ratio = c->median_separation_rad = c->gain = c->scatter = NAN;
    if (c->n_match == 0) return CI_OK;
    double *v = NULL;
    CI_TRY(ci_mem_alloc(&v, c->n_match, sizeof *v, "matches"));
    for (size_t i = 0; i < c->n_match; i++)
        v[i] = c->match[i].separation_rad;
    c->median_separation_rad = ci_num_median(v, c->n_match);
    for (size_t i = 0; i < c->n_match; i++)
        v[i] = c->match[i].ratio;
    c->median_ratio = ci_num_median(v, c->n_match);
    for (size_t i = 0; i < c->n_match; i++)
        v[i] = c->match[i].ratio;
    c->mad_ratio = ci_num_mad_sigma(v, c->n_match);
    c->gain = huber_gain(c, found, c->median_ratio);
    for (size_t i = 0; i < c->n_match; i++)
        v[i] = fabs(c->match[i].ratio / c->gain - 1);
    c->scatter = 1.482602218505602 * ci_num_median(v, c->n_match);
    ci_mem_free(v);
    return CI_OK;
}

ci_status ci_phot_compare_new(ci_phot_compare **out, const ci_phot_list *found,
                              const ci_sky_model *truth, double freq_hz, double match_rad,
                              double isolation_rad)
{
    *out = NULL;
    ci_phot_compare *c = NULL;
    CI_TRY(ci_mem_alloc(&c, 1, sizeof *c, "comparison with a catalogue"));
    ci_status status = match(c, found, truth, freq_hz, match_rad, isolation_rad);
    if (status == CI_OK) status = statistics(c, found);
    if (status != CI_OK) {
        ci_phot_compare_free(c);
        return status;
    }
    *out = c;
    return CI_OK;
}
