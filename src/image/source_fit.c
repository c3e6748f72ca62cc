/* Slopes, places and fluxes of bright sources by least squares on the residual visibilities, one
 * step a major cycle. A source's visibilities are r (S (nu/nu0)^a - C) exp(2 pi i ...) beside
 * those of its components, C Jy of its S: r the beam over its mean, x = ln(nu/nu0). They change
 * with the slope by S r (x - <x>), <x> the mean of x with weights w r^2, so that a wrong flux is
 * no slope; those held between pixels with flux by r, with place by 2 pi i S r u' and v'. These
 * are orthogonal but for u' and v', so a source's step is four divisions; slopes are held to
 * 0 +- 1 and steps of place to 0 +- 0.2 beams where the noise says nothing. The steps of all
 * sources are taken together by the length that leaves least (docs/science.md "CLEAN"). */
#include "image/bright.h"

#include <math.h>

static const double shows_min = 0.1; /* a change of visibilities in units of the rms */
static const double slope_max = 5;
static const double place_sigma = 0.2; /* beams */

typedef struct step
{
    double flux, l, m, slope;
    bool shows;
} step;

/* What steps are made by. */
typedef struct rules
{
    const ci_image_bright *bright;
    double noise2; /* of the sums: sum of weights x rms^2 */
    double beam_rad;
} rules;

/* ---- what sources are beside their components ------------------------------------------------ */

void ci_image_sources_points(const ci_image_bright *b, const ci_image_source *from, size_t n,
                             size_t i_first, ci_image_points *points)
{
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    for (size_t i = 0; i < n; i++) {
        const ci_image_source *s = &from[i];
        double *flux = points->flux + (i_first + i) * n_node;
        ci_image_points_place(points, i_first + i, s->l, s->m);
        ci_image_bright_profile(b, s->l, s->m, flux);
        for (size_t k = 0; k < n_node; k++) {
            double x = log(b->node_hz[k % CI_BRIGHT_NODES] / b->ref_hz);
            flux[k] *= s->flux * exp(s->slope * x) - (s->flux - s->own);
        }
    }
}

ci_status ci_image_sources_add(const ci_image_bright *b, const ci_image_samples *samples)
{
    ci_image_points points = {0};
    ci_status status = ci_image_points_new(&points, b->n_source, b->n_frame);
    if (status == CI_OK) ci_image_sources_points(b, b->source, b->n_source, 0, &points);
    if (status == CI_OK) status = ci_image_points_add(b, samples, &points, 1);
    ci_image_points_clear(&points);
    return status;
}

/* ---- one source's step ------------------------------------------------------------------------
 */

/* dP/d(l, m) has norms [ll lm; lm mm] S^2; no step is longer than a pixel. */
static void place_step(const rules *r, const ci_image_source *s, const double *sums, step *out)
{
    double s2 = s->flux * s->flux, damp = r->noise2 / pow(place_sigma * r->beam_rad, 2);
    double ll = s2 * sums[CI_FIT_NORM_LL] + damp, mm = s2 * sums[CI_FIT_NORM_MM] + damp;
    double lm = s2 * sums[CI_FIT_NORM_LM], det = ll * mm - lm * lm;
    double l = s->flux * sums[CI_FIT_DOT_L], m = s->flux * sums[CI_FIT_DOT_M];
    if (!(det > 0)) return;
    out->l = (mm * l - lm * m) / det;
    out->m = (ll * m - lm * l) / det;
    double length = hypot(out->l, out->m), most = r->bright->cell_rad;
    if (length <= most) return;
    out->l *= most / length;
    out->m *= most / length;
}

static step source_step(const rules *r, const ci_image_source *s, const double *sums)
{
    step out = {0};
    double norm = sums[CI_FIT_NORM];
    if (!(norm > 0)) return out;
    double mean = sums[CI_FIT_NORM_X] / norm;
    double spread = s->flux * s->flux * (sums[CI_FIT_NORM_XX] - mean * sums[CI_FIT_NORM_X]);
    double along = s->flux * (sums[CI_FIT_DOT_X] - mean * sums[CI_FIT_DOT]);
    if (r->noise2 + spread > 0) out.slope = (along - r->noise2 * s->slope) / (spread + r->noise2);
    out.slope = fmax(-slope_max, fmin(slope_max, s->slope + out.slope)) - s->slope;
    if (s->is_held) {
        out.flux = sums[CI_FIT_DOT] / norm - s->flux * mean * out.slope;
        place_step(r, s, sums, &out);
    }
    double least = shows_min * r->bright->rms;
    out.shows = fabs(out.slope * s->flux) * r->bright->rms_log > least || fabs(out.flux) > least ||
                fabs(s->flux) * hypot(out.l, out.m) / r->beam_rad > least;
    return out;
}

static ci_image_source source_stepped(const ci_image_source *s, const step *by, double part)
{
    ci_image_source out = *s;
    out.flux += part * by->flux;
    out.own += part * by->flux;
    out.l += part * by->l;
    out.m += part * by->m;
    out.slope += part * by->slope;
    return out;
}

/* ---- all together ------------------------------------------------------------------------------
 */

/* Steps [n_source], the same on every rank, rank 0's; *n_show of them show. */
static ci_status steps_find(ci_comm *comm, const rules *r, const ci_image_clean *clean, step *steps,
                            size_t *n_show)
{
    const ci_image_bright *b = r->bright;
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    double *sums = NULL;
    ci_image_points points = {0};
    ci_status status =
        ci_mem_alloc(&sums, b->n_source * CI_FIT_SUMS, sizeof *sums, "bright sources");
    if (status == CI_OK) status = ci_image_points_new(&points, b->n_source, b->n_frame);
    status = ci_par_agree(comm, status);
    for (size_t i = 0; status == CI_OK && i < b->n_source; i++) {
        ci_image_points_place(&points, i, b->source[i].l, b->source[i].m);
        ci_image_bright_profile(b, b->source[i].l, b->source[i].m, points.flux + i * n_node);
    }
    if (status == CI_OK) status = ci_image_points_correlate(comm, b, clean->samples, &points, sums);
    for (size_t i = 0; status == CI_OK && i < b->n_source; i++)
        steps[i] = source_step(r, &b->source[i], sums + i * CI_FIT_SUMS);
    if (status == CI_OK) status = ci_par_bcast(comm, steps, b->n_source * sizeof *steps, 0);
    *n_show = 0;
    for (size_t i = 0; status == CI_OK && i < b->n_source; i++)
        *n_show += steps[i].shows;
    ci_image_points_clear(&points);
    ci_mem_free(sums);
    return status;
}

/* The change that `part` of the steps that show makes: the new points, less the old ones. */
static void change_fill(const ci_image_bright *b, const step *steps, double part,
                        ci_image_points *points)
{
    size_t n = 0, n_node = b->n_frame * CI_BRIGHT_NODES;
    for (size_t i = 0; i < b->n_source; i++) {
        if (!steps[i].shows) continue;
        ci_image_source now = source_stepped(&b->source[i], &steps[i], part);
        ci_image_sources_points(b, &now, 1, n++, points);
        ci_image_sources_points(b, &b->source[i], 1, n, points);
        for (size_t k = 0; k < n_node; k++)
            points->flux[n * n_node + k] *= -1;
        n++;
    }
}

/* The part of the steps, at most all, that leaves least of the residual. */
static ci_status part_find(ci_comm *comm, const rules *r, const ci_image_clean *clean,
                           const step *steps, ci_image_points *points, double *part)
{
    const ci_image_bright *b = r->bright;
    double along = 0, length = 0;
    change_fill(b, steps, 1, points);
    CI_TRY(ci_image_points_project(comm, b, clean->samples, points, &along, &length));
    for (size_t i = 0; i < b->n_source; i++) {
        if (!steps[i].shows) continue;
        along -= r->noise2 * b->source[i].slope * steps[i].slope;
        length += r->noise2 * steps[i].slope * steps[i].slope;
    }
    *part = length > 0 ? fmax(0, fmin(1, along / length)) : 0;
    return CI_OK;
}

static ci_status steps_take(ci_comm *comm, const rules *r, ci_image_bright *b,
                            const ci_image_clean *clean, const step *steps, size_t n_show)
{
    double part = 0;
    ci_image_points points = {0};
    ci_status status = ci_par_agree(comm, ci_image_points_new(&points, 2 * n_show, b->n_frame));
    if (status == CI_OK) status = part_find(comm, r, clean, steps, &points, &part);
    if (status == CI_OK) {
        change_fill(b, steps, part, &points);
        status = ci_par_agree(comm, ci_image_points_add(b, clean->samples, &points, -1));
    }
    for (size_t i = 0; status == CI_OK && i < b->n_source; i++)
        if (steps[i].shows) b->source[i] = source_stepped(&b->source[i], &steps[i], part);
    ci_image_points_clear(&points);
    return status;
}

ci_status ci_image_bright_fit(ci_comm *comm, ci_image_bright *b, const ci_image_clean *clean)
{
    const rules r = {.bright = b,
                     .noise2 = clean->sum_weight * b->rms * b->rms,
                     .beam_rad = clean->beam.minor * b->cell_rad};
    step *steps = NULL;
    size_t n_show = 0;
    if (b->n_source == 0) return CI_OK;
    CI_TRY(ci_par_alloc(comm, &steps, b->n_source, sizeof *steps, "bright sources"));
    ci_status status = steps_find(comm, &r, clean, steps, &n_show);
    if (status == CI_OK && n_show > 0) status = steps_take(comm, &r, b, clean, steps, n_show);
    ci_mem_free(steps);
    return status;
}
