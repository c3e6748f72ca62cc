/* Sources of a catalogue that may be seen outside the image. */
#include "clean/outside.h"

#include <math.h>

/* What a beam lets in at the least, of a source that is near: its sidelobes are known badly. */
static const double sidelobe_power = 0.01;
/* Fainter than that in units of the noise: its sidelobes are less than the noise. */
static const double faint_sigma = 20;

/* Where the source lies; false inside the image, too far out, or too faint. */
static bool is_seen(const ci_clean_outside_setup *setup, const ci_sky_source *s, double *l,
                    double *m)
{
    const ci_clean_model *b = setup->model;
    const ci_sky_field *field = b->field;
    if (!(ci_sky_separation_rad(field->ra_rad, field->dec_rad, s->ra_rad, s->dec_rad) <
          CI_CLEAN_OUTSIDE_RADIUS_RAD))
        return false;
    ci_sky_lm(field->ra_rad, field->dec_rad, s->ra_rad, s->dec_rad, l, m);
    if (ci_clean_outside_is_inside(b, *l, *m)) return false;
    double power = fmax(ci_clean_model_beam_mean(b, *l, *m), sidelobe_power);
    double least = isfinite(setup->noise_jy) ? faint_sigma * setup->noise_jy : 0;
    return power * fabs(ci_sky_source_flux_jy(s, b->axis.ref_hz)) >= least; /* not of NaN */
}

ci_status ci_clean_outside_known(const ci_clean_outside_setup *setup, ci_clean_place **out,
                                 size_t *n_out)
{
    const ci_sky_model *known = setup->known;
    ci_clean_place *place = NULL;
    size_t n = 0;
    *out = NULL;
    *n_out = 0;
    CI_TRY(ci_mem_alloc(&place, known->n_source, sizeof *place, "sources outside the image"));
    for (size_t i = 0; i < known->n_source; i++)
        if (is_seen(setup, &known->source[i], &place[n].l, &place[n].m)) n++;
    *out = place;
    *n_out = n;
    return CI_OK;
}
