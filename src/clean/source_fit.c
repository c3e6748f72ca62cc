/* Slopes, positions and fluxes of bright sources by least squares on the residual visibilities, in
 * every major cycle some steps, of those sources whose step before showed. A source's visibilities
 * are r (S (nu/nu0)^a - C) exp(2 pi i ...) beside those of its components, C Jy of its S: r the
 * beam over its mean, x = ln(nu/nu0). They change with the slope by S r (x - <x>), <x> the mean of
 * x with weights w r^2, so that a wrong flux is no slope; those held between pixels with flux by r,
 * with position by 2 pi i S r u' and v'. These are orthogonal but for u' and v', so a source's step
 * is four divisions; slopes are held to 0 +- 1 and steps of position to 0 +- 0.2 beams where the
 * noise says nothing. The steps of all sources are taken together by the length that leaves least
 * (docs/science.md "CLEAN"). */
#include "clean/sources.h"

#include <math.h>

enum
{
    PASSES = 5
};
static const double shows_min = 0.1; /* a change of visibilities in units of the rms */

typedef struct step
{
    double flux, l, m, slope;
    bool shows;
} step;

typedef struct fit
{
    ci_clean_model *model;
    ci_vis_samples *samples; /* residual in samples->computed */
    double noise2;           /* of the sums: sum of weights x rms^2 */
    double beam_rad;
    size_t *which, n; /* the sources that are fitted, by their indices in the list, and ... */
    step *steps;      /* ... their steps, [n] */
    ci_c32 *change;   /* [samples] visibilities of these steps */
} fit;

/* ---- what sources are beside their components ------------------------------------------------ */

void ci_clean_sources_points(const ci_clean_model *b, const ci_clean_source *from, size_t n,
                             size_t i_first, ci_clean_points *points)
{
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES;
    for (size_t i = 0; i < n; i++) {
        const ci_clean_source *s = &from[i];
        double *flux = points->flux + (i_first + i) * n_node;
        ci_clean_points_place(points, i_first + i, s->l, s->m);
        ci_clean_model_beam_profile(b, s->l, s->m, flux);
        for (size_t k = 0; k < n_node; k++) {
            double x = log(b->axis.node_hz[k % CI_CLEAN_FLUX_NODES] / b->axis.ref_hz);
            flux[k] *= s->flux * exp(s->slope * x) - (s->flux - s->point_jy);
        }
    }
}

/* ---- one source's step --------------------------------------------------------------------- */

/* dP/d(l, m) has norms [ll lm; lm mm] S^2; no step is longer than a pixel. */
static void place_step(const fit *f, const ci_clean_source *s, const double *sums, step *out)
{
    double s2 = s->flux * s->flux, damp = f->noise2 / pow(CI_CLEAN_POSITION_SIGMA * f->beam_rad, 2);
    double ll = s2 * sums[CI_FIT_NORM_LL] + damp, mm = s2 * sums[CI_FIT_NORM_MM] + damp;
    double lm = s2 * sums[CI_FIT_NORM_LM], det = ll * mm - lm * lm;
    double l = s->flux * sums[CI_FIT_DOT_L], m = s->flux * sums[CI_FIT_DOT_M];
    if (!(det > 0)) return;
    out->l = (mm * l - lm * m) / det;
    out->m = (ll * m - lm * l) / det;
    double length = hypot(out->l, out->m), most = f->model->cell_rad;
    if (length <= most) return;
    out->l *= most / length;
    out->m *= most / length;
}

static step source_step(const fit *f, const ci_clean_source *s, const double *sums)
{
    step out = {0};
    double norm = sums[CI_FIT_NORM];
    if (!(norm > 0)) return out;
    double mean = sums[CI_FIT_NORM_X] / norm;
    double spread = s->flux * s->flux * (sums[CI_FIT_NORM_XX] - mean * sums[CI_FIT_NORM_X]);
    double along = s->flux * (sums[CI_FIT_DOT_X] - mean * sums[CI_FIT_DOT]);
    if (f->noise2 + spread > 0) out.slope = (along - f->noise2 * s->slope) / (spread + f->noise2);
    out.slope =
        fmax(-CI_CLEAN_SLOPE_MAX, fmin(CI_CLEAN_SLOPE_MAX, s->slope + out.slope)) - s->slope;
    if (s->is_point) {
        out.flux = sums[CI_FIT_DOT] / norm - s->flux * mean * out.slope;
        place_step(f, s, sums, &out);
    }
    double least = shows_min * f->model->residual_rms;
    out.shows = fabs(out.slope * s->flux) * f->model->rms_log > least || fabs(out.flux) > least ||
                fabs(s->flux) * hypot(out.l, out.m) / f->beam_rad > least;
    return out;
}

static ci_clean_source source_stepped(const ci_clean_source *s, const step *by, double part)
{
    ci_clean_source out = *s;
    out.flux += part * by->flux;
    out.point_jy += part * by->flux;
    out.l += part * by->l;
    out.m += part * by->m;
    out.slope += part * by->slope;
    return out;
}

/* ---- all together -------------------------------------------------------------------------- */

/* Sums of the sources that are fitted with the residual: sums [n][CI_FIT_SUMS]. */
static ci_status sums_find(ci_comm *comm, const fit *f, double *sums)
{
    const ci_clean_model *b = f->model;
    ci_clean_points points = {0};
    ci_status status = ci_par_agree(comm, ci_clean_points_new(&points, &b->axis, f->n, b->n_frame));
    for (size_t i = 0; status == CI_OK && i < f->n; i++) {
        const ci_clean_source *s = &b->source[f->which[i]];
        ci_clean_points_place(&points, i, s->l, s->m);
        ci_clean_model_beam_profile(b, s->l, s->m,
                                    points.flux + i * b->n_frame * CI_CLEAN_FLUX_NODES);
    }
    if (status == CI_OK) status = ci_clean_points_correlate(comm, &points, f->samples, sums);
    ci_clean_points_clear(&points);
    return status;
}

/* Steps of the sources that are fitted, rank 0's on every rank; those whose step does not show
 * are fitted no more. */
static ci_status steps_find(ci_comm *comm, fit *f)
{
    double *sums = NULL;
    size_t n_show = 0;
    CI_TRY(ci_par_alloc(comm, &sums, f->n * CI_FIT_SUMS, sizeof *sums, "bright sources"));
    ci_status status = sums_find(comm, f, sums);
    for (size_t i = 0; status == CI_OK && i < f->n; i++)
        f->steps[i] = source_step(f, &f->model->source[f->which[i]], sums + i * CI_FIT_SUMS);
    if (status == CI_OK) status = ci_par_bcast(comm, f->steps, f->n * sizeof *f->steps, 0);
    for (size_t i = 0; status == CI_OK && i < f->n; i++)
        if (f->steps[i].shows) {
            f->which[n_show] = f->which[i];
            f->steps[n_show++] = f->steps[i];
        }
    f->n = n_show;
    ci_mem_free(sums);
    return status;
}

/* The change that `part` of the steps makes: the new points, less the old ones; one point where the
 * position stays. */
static void change_fill(const fit *f, double part, ci_clean_points *points)
{
    const ci_clean_model *b = f->model;
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES;
    points->n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const ci_clean_source *before = &b->source[f->which[i]];
        ci_clean_source now = source_stepped(before, &f->steps[i], part);
        bool moves = now.l != before->l || now.m != before->m;
        double *flux = points->flux + points->n * n_node, *old = flux + n_node;
        ci_clean_sources_points(b, &now, 1, points->n, points);
        ci_clean_sources_points(b, before, 1, points->n + 1, points);
        for (size_t k = 0; k < n_node; k++)
            if (moves)
                old[k] = -old[k];
            else
                flux[k] -= old[k];
        points->n += moves ? 2 : 1;
    }
}

/* The part of the steps, at most all, that leaves least of the residual. */
static ci_status part_find(ci_comm *comm, const fit *f, ci_clean_points *points, double *part)
{
    double along = 0, length = 0;
    change_fill(f, 1, points);
    CI_TRY(ci_clean_points_project(comm, points, f->samples, f->change, &along, &length));
    for (size_t i = 0; i < f->n; i++) {
        double slope = f->model->source[f->which[i]].slope;
        along -= f->noise2 * slope * f->steps[i].slope;
        length += f->noise2 * f->steps[i].slope * f->steps[i].slope;
    }
    *part = length > 0 ? fmax(0, fmin(1, along / length)) : 0;
    return CI_OK;
}

/* Takes the change out of the residual; that of whole steps is known. */
static ci_status change_take(const fit *f, double part, ci_clean_points *points)
{
    if (part < 1) {
        change_fill(f, part, points);
        return ci_clean_points_add(points, f->samples, -1);
    }
    for (size_t i = 0; i < f->samples->n_sample; i++)
        f->samples->computed[i] -= f->change[i];
    return CI_OK;
}

static ci_status steps_take(ci_comm *comm, const fit *f)
{
    double part = 0;
    ci_clean_model *b = f->model;
    ci_clean_points points = {0};
    ci_status status =
        ci_par_agree(comm, ci_clean_points_new(&points, &b->axis, 2 * f->n, b->n_frame));
    if (status == CI_OK) status = part_find(comm, f, &points, &part);
    if (status == CI_OK) status = ci_par_agree(comm, change_take(f, part, &points));
    for (size_t i = 0; status == CI_OK && i < f->n; i++) {
        ci_clean_source *s = &b->source[f->which[i]];
        *s = source_stepped(s, &f->steps[i], part);
    }
    ci_clean_points_clear(&points);
    return status;
}

/* The others' fluxes are CLEAN's: more steps would make slopes of what it has not found yet. */
static void points_select(fit *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->model->source[f->which[i]].is_point) f->which[n++] = f->which[i];
    f->n = n;
}

ci_status ci_clean_sources_fit(ci_comm *comm, ci_clean_model *b,
                               const ci_clean_sources_setup *setup, ci_vis_samples *samples)
{
    fit f = {.model = b,
             .samples = samples,
             .noise2 = setup->sum_weight * b->residual_rms * b->residual_rms,
             .beam_rad = setup->beam.minor * b->cell_rad,
             .n = b->n_source};
    CI_TRY(ci_par_alloc(comm, &f.which, f.n, sizeof *f.which, "bright sources"));
    ci_status status = ci_par_alloc(comm, &f.steps, f.n, sizeof *f.steps, "bright sources");
    if (status == CI_OK && f.n > 0)
        status =
            ci_par_alloc(comm, &f.change, samples->n_sample, sizeof *f.change, "bright sources");
    for (size_t i = 0; i < f.n; i++)
        f.which[i] = i;
    for (int pass = 0; status == CI_OK && pass < PASSES && f.n > 0; pass++) {
        status = steps_find(comm, &f);
        if (status == CI_OK && f.n > 0) status = steps_take(comm, &f);
        points_select(&f);
    }
    ci_mem_free(f.which);
    ci_mem_free(f.steps);
    ci_mem_free(f.change);
    return status;
}
