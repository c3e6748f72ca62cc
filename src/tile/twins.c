/* Sources of a model that may be one, listed twice: of which the gains would carry twice the flux.
 */
#include "tile/twins.h"

#include "tile/middle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Apart; nearer than an arcsec the model is refused when it is read. */
static const double most_rad = 30 * CI_ARCSEC_TO_RAD;
static const double least_ratio = 0.05; /* of their fluxes */
static const double least_share = 0.02; /* of the model's flux: what fluxes may be off by */
static const double sigma = 3;

/* A source that counts, in the middle of the tile. */
typedef struct counted
{
    const ci_sky_source *source;
    double flux_jy;
} counted;

/* The sources with a share of the model's apparent flux, in their order; *total: that flux. */
static ci_status counted_find(const ci_tile_data *data, const ci_sky_model *model, counted *out,
                              size_t *n, double *total)
{
    ci_tile_middle middle;
    *n = 0;
    *total = 0;
    CI_TRY(ci_tile_middle_new(data, &middle));
    for (size_t i = 0; i < model->n_source; i++) {
        const ci_sky_source *s = &model->source[i];
        out[i] = (counted){s, ci_tile_middle_flux_jy(&middle, s)};
        *total += out[i].flux_jy;
    }
    ci_tile_middle_clear(&middle);
    for (size_t i = 0; i < model->n_source; i++)
        if (out[i].flux_jy >= least_share * *total && out[i].flux_jy > 0) out[(*n)++] = out[i];
    return CI_OK;
}

/* What two sources of the model say of its structure, and the data of them. */
static ci_tile_twins pair_judge(const counted *a, const counted *b, double total,
                                const ci_cal_structure *structure)
{
    const ci_sky_source *s = a->source, *t = b->source;
    double dec = 0.5 * (s->dec_rad + t->dec_rad), both = a->flux_jy + b->flux_jy;
    double x = remainder(t->ra_rad - s->ra_rad, 2 * CI_PI) * cos(dec) * CI_RAD_TO_ARCSEC;
    double y = (t->dec_rad - s->dec_rad) * CI_RAD_TO_ARCSEC;
    double part = a->flux_jy * b->flux_jy / (both * total);
    double moment[3] = {-part * x * x, -part * x * y, -part * y * y}; /* if they are one */
    ci_tile_twins out = {.apart_arcsec = hypot(x, y),
                         .factor = total / (total - fmin(a->flux_jy, b->flux_jy))};
    snprintf(out.name[0], sizeof out.name[0], "%s", ci_vis_text(s->name));
    snprintf(out.name[1], sizeof out.name[1], "%s", ci_vis_text(t->name));
    out.one = ci_cal_structure_share(structure, moment, &out.one_sigma);
    bool is_told = fmax(out.one, 1 - out.one) > sigma * out.one_sigma;
    out.verdict = !is_told         ? CI_TILE_TWINS_DOUBTED
                  : out.one <= 0.5 ? CI_TILE_TWINS_TWO
                                   : CI_TILE_TWINS_ONE;
    return out;
}

static bool may_be_one(const counted *a, const counted *b)
{
    const ci_sky_source *s = a->source, *t = b->source;
    double fainter = fmin(a->flux_jy, b->flux_jy), brighter = fmax(a->flux_jy, b->flux_jy);
    if (fainter < least_ratio * brighter) return false;
    return ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra_rad, t->dec_rad) < most_rad;
}

ci_status ci_tile_twins_find(const ci_tile_data *data, const ci_sky_model *model,
                             const ci_cal_structure *structure, ci_tile_twins *out)
{
    counted *each = NULL;
    size_t n = 0;
    double total = 0;
    *out = (ci_tile_twins){.factor = 1, .verdict = CI_TILE_TWINS_TWO};
    CI_TRY(ci_mem_alloc(&each, model->n_source, sizeof *each, "sources of the model"));
    ci_status status = counted_find(data, model, each, &n, &total);
    for (size_t i = 0; status == CI_OK && i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            if (!may_be_one(&each[i], &each[j])) continue;
            ci_tile_twins next = pair_judge(&each[i], &each[j], total, structure);
            bool is_worse = next.verdict > out->verdict ||
                            (next.verdict == out->verdict && next.factor > out->factor);
            if (is_worse) *out = next;
        }
    out->model_jy = total;
    ci_mem_free(each);
    return status;
}

static void twins_tell(const ci_tile_twins *t, char text[CI_TILE_DOUBT_TEXT])
{
    if (t->verdict == CI_TILE_TWINS_ONE)
        snprintf(
            text, CI_TILE_DOUBT_TEXT,
            "model: sources \"%s\" and \"%s\", %.1f arcsec apart, are one in the data (%.2f +- "
            "%.2f; 0: two): listed twice, and fluxes %.2f times too high: remove one, or give "
            "one with the sum of their fluxes",
            t->name[0], t->name[1], t->apart_arcsec, t->one, t->one_sigma, t->factor);
    if (t->verdict == CI_TILE_TWINS_DOUBTED)
        snprintf(text, CI_TILE_DOUBT_TEXT,
                 "model: sources \"%s\" and \"%s\", %.1f arcsec apart, may be one that is listed "
                 "twice, with fluxes %.2f times too high: the data cannot tell",
                 t->name[0], t->name[1], t->apart_arcsec, t->factor);
}

/* Of amplitudes alone a place and its opposite look the same. */
static void neighbour_tell(const ci_tile_quality *q, char text[CI_TILE_DOUBT_TEXT])
{
    const struct ci_cal_neighbour *n = &q->cal.structure.neighbour;
    double angle = atan2(n->east_arcsec, n->north_arcsec) * CI_RAD_TO_DEG;
    angle = round(angle < 0 ? angle + 180 : angle);
    snprintf(text, CI_TILE_DOUBT_TEXT,
             "calibrator: a source of about %.0f %% of its flux (%.2g Jy), %.0f arcsec from it at "
             "%.0f or %.0f deg, is not in the model: fluxes may be off by as much: give a model "
             "that has it",
             100 * n->ratio, n->ratio * q->twins.model_jy, hypot(n->east_arcsec, n->north_arcsec),
             angle, angle + 180);
}

const char *ci_tile_doubt_text(const ci_tile_quality *quality, double ratio,
                               char text[CI_TILE_DOUBT_TEXT])
{
    const ci_cal_structure *s = &quality->cal.structure;
    text[0] = '\0';
    twins_tell(&quality->twins, text);
    if (!*text && s->neighbour.ratio >= ratio && ci_cal_structure_has_neighbour(s))
        neighbour_tell(quality, text);
    return text;
}
