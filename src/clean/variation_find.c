/* Sources that are not constant: found among the brightest, and described by one amplitude for each
 * cell of time and frequency, of weighted mean 0 (docs/science.md "CLEAN"). A source's amplitudes
 * are sums with the residual, which other sources must not be in: so a source is looked at, and
 * fitted, once the image is cleaned far below it. */
#include "clean/variation_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LOOK_MIN = 4, /* sources in one major cycle */
    LOOK_MAX = 32,
    STEPS = 3 /* of amplitudes and position, one after the other, when a variation is found */
};
static const double work_max = 5e8; /* source x sample in one major cycle */
static const double flux_min = 20;  /* over the rms */
static const double flux_early = 5; /* ... which is that of its own sidelobes */
static const double deep_min = 10;  /* flux over what the image is cleaned to */
static const double deep_last = 3;  /* ... when it is not cleaned any further */
/* Parts of a source's flux in the image that a variation must have: errors of gains leave less.
 * Before the image is cleaned deep enough, others are in a source's amplitudes: but a source that
 * is a burst or a line and little else keeps CLEAN from getting there, and shows at once. */
static const double share_min = 5e-3, share_early = 0.3;
/* Of the brightest source: what a source without a peak must be. Errors of gains leave less beside
 * it. */
static const double hidden_share = 0.05;
static const double faint_share =
    0.2; /* of the amplitudes of the greatest of those found with it */
enum
{
    LOOK_EARLY = 2 /* brightest sources, in each cycle that is not deep enough */
};
/* Of the brightest component: less is errors of gridding and of single precision. */
static const double rms_floor = 1e-5;
static const double apart_min = 2;        /* beams between two */
static const double look_again = 0.7;     /* where the rms has fallen to that */
static const double component_min = 0.02; /* of the least flux: no seed of a source */

/* ---- bright sources of the model ------------------------------------------------------------- */

typedef struct candidate
{
    double l, m, flux; /* centre; Jy within a beam */
} candidate;

typedef struct search
{
    const ci_clean_model *model;
    double beam_rad; /* major */
    candidate *list; /* [n] brightest component first */
    size_t n, n_most;
    double rms, least; /* of the residual; of a source: Jy */
    double over_rms;   /* of a source's flux, at least */
    double share;      /* of a source's flux, of the least variation */
} search;

static int by_flux(const void *a, const void *b)
{
    const candidate *p = a, *q = b;
    double x = fabs(p->flux), y = fabs(q->flux);
    if (x != y) return x < y ? 1 : -1;
    return p->l != q->l ? (p->l < q->l ? -1 : 1) : p->m < q->m ? -1 : p->m > q->m;
}

/* Pixel and point components in one list, brightest first. */
static ci_status parts_new(ci_comm *comm, const ci_clean_model *b, candidate **out, size_t *n_out)
{
    ci_clean_component *pixel = NULL;
    size_t n = 0;
    *n_out = 0;
    CI_TRY(ci_clean_components_gather(comm, b, NULL, &pixel, &n));
    ci_status status = ci_par_alloc(comm, out, n + b->n_source, sizeof **out, "bright sources");
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        candidate *c = &(*out)[(*n_out)++];
        ci_clean_model_pixel(b, pixel[i].index, &c->l, &c->m);
        c->flux = pixel[i].flux;
    }
    for (size_t i = 0; status == CI_OK && i < b->n_source; i++)
        if (b->source[i].is_point)
            (*out)[(*n_out)++] = (candidate){b->source[i].l, b->source[i].m, b->source[i].point_jy};
    if (status == CI_OK) qsort(*out, *n_out, sizeof **out, by_flux);
    ci_mem_free(pixel);
    return status;
}

/* The source about parts[seed]; its parts are used up (flux 0). */
static candidate source_take(const search *s, candidate *parts, size_t n, size_t seed)
{
    candidate at = parts[seed], sum = {0};
    for (size_t i = seed; i < n; i++) {
        if (hypot(parts[i].l - at.l, parts[i].m - at.m) > s->beam_rad) continue;
        sum.l += parts[i].flux * (parts[i].l - at.l);
        sum.m += parts[i].flux * (parts[i].m - at.m);
        sum.flux += parts[i].flux;
        parts[i].flux = 0;
    }
    double l = sum.l / sum.flux, m = sum.m / sum.flux;
    bool is_near = hypot(l, m) < s->beam_rad;
    return (candidate){at.l + (is_near ? l : 0), at.m + (is_near ? m : 0), sum.flux};
}

/* Sources of at least `least` Jy, and flux_min over the least rms that counts. */
static ci_status search_new(ci_comm *comm, search *s)
{
    candidate *parts = NULL;
    size_t n = 0;
    CI_TRY(parts_new(comm, s->model, &parts, &n));
    if (n > 0) s->rms = fmax(s->rms, rms_floor * fabs(parts[0].flux));
    s->least = fmax(s->least, s->over_rms * s->rms);
    ci_status status = ci_par_alloc(comm, &s->list, s->n_most, sizeof *s->list, "bright sources");
    for (size_t i = 0; status == CI_OK && i < n && s->n < s->n_most; i++) {
        if (fabs(parts[i].flux) < component_min * s->least) continue; /* or used up */
        candidate found = source_take(s, parts, n, i);
        double size = s->model->is_positive ? found.flux : fabs(found.flux);
        if (size >= s->least) s->list[s->n++] = found;
    }
    ci_mem_free(parts);
    return status;
}

static ci_status search_share(ci_comm *comm, search *s)
{
    int64_t n = (int64_t)s->n;
    CI_TRY(ci_par_bcast(comm, &n, sizeof n, 0));
    CI_TRY(ci_par_bcast(comm, &s->rms, sizeof s->rms, 0));
    s->n = (size_t)n;
    return ci_par_bcast(comm, s->list, s->n * sizeof *s->list, 0);
}

static const candidate *source_near(const search *s, double l, double m)
{
    for (size_t i = 0; i < s->n; i++)
        if (hypot(s->list[i].l - l, s->list[i].m - m) < s->beam_rad) return &s->list[i];
    return NULL;
}

/* As many sources as there may be; the caller sets how faint. */
static search search_of(ci_clean_model *b, const ci_clean_sources_setup *setup)
{
    return (search){.model = b,
                    .beam_rad = setup->beam.major * b->cell_rad,
                    .n_most = LOOK_MAX,
                    .over_rms = flux_min,
                    .rms = b->residual_rms};
}

/* ---- those that are known -------------------------------------------------------------------- */

ci_status ci_clean_variations_fit(ci_comm *comm, ci_clean_model *b, ci_clean_variability *state,
                                  const ci_clean_sources_setup *setup, ci_vis_samples *samples,
                                  double level)
{
    if (b->n_variation == 0) return CI_OK;
    search s = search_of(b, setup);
    s.least = deep_min * level;
    ci_clean_variation_fit f = ci_clean_variation_fit_of(b, state, setup, samples);
    ci_status status = search_new(comm, &s);
    if (status == CI_OK) status = search_share(comm, &s);
    if (status == CI_OK) status = ci_clean_variation_fit_new(comm, &f);
    for (size_t i = 0; status == CI_OK && i < b->n_variation; i++)
        /* One of no mean flux has no source: it is by itself as bright as a source must be. */
        if (source_near(&s, b->variation[i].l, b->variation[i].m) ||
            (b->variation[i].flux == 0 && ci_clean_variation_fit_rms(&f, i) >= s.least))
            status = ci_clean_variation_fit_step(comm, &f, i);
    ci_clean_variation_fit_clear(&f);
    ci_mem_free(s.list);
    return status;
}

/* ---- new ones -------------------------------------------------------------------------------- */

static bool is_known(const search *s, const candidate *c)
{
    for (size_t i = 0; i < s->model->n_variation; i++) {
        const ci_clean_variation *v = &s->model->variation[i];
        if (hypot(v->l - c->l, v->m - c->m) < apart_min * s->beam_rad) return true;
    }
    return false;
}

/* Where a position is noted, or is to be, that is to be looked at: not again while the noise is as
 * it was. NULL: it is not. */
static ci_clean_looked *place_to_look(const search *s, ci_clean_variability *state,
                                      const candidate *c)
{
    for (size_t i = 0; i < state->n_looked; i++) {
        ci_clean_looked *before = &state->looked[i];
        if (hypot(before->l - c->l, before->m - c->m) > s->beam_rad / 2) continue;
        return s->rms > look_again * before->rms ? NULL : before;
    }
    return state->n_looked < CI_CLEAN_MAX_LOOKED ? &state->looked[state->n_looked] : NULL;
}

static bool is_to_look(const search *s, ci_clean_variability *state, const candidate *c)
{
    ci_clean_looked *at = place_to_look(s, state, c);
    if (!at) return false;
    if (at == &state->looked[state->n_looked]) state->n_looked++;
    *at = (ci_clean_looked){c->l, c->m, s->rms};
    return true;
}

/* *f->sum of candidate i: with it those of others that will be looked at. */
static ci_status sums_find(ci_comm *comm, ci_clean_variation_fit *f, const search *s, size_t i,
                           bool is_last)
{
    double at[CI_CLEAN_CELLS_AT_ONCE][2];
    size_t k = 0;
    while (k < f->n_ahead && f->i_ahead[k] != i)
        k++;
    if (k == f->n_ahead) {
        size_t n = k = 0;
        for (size_t j = i; j < s->n && n < CI_CLEAN_CELLS_AT_ONCE; j++) {
            const candidate *c = &s->list[j];
            bool is_wanted = is_last || place_to_look(s, f->state, c);
            if (j > i && (!is_wanted || is_known(s, c))) continue;
            at[n][0] = c->l;
            at[n][1] = c->m;
            f->i_ahead[n++] = j;
        }
        CI_TRY(ci_clean_cells_correlate(comm, f->model, at, n, f->samples, f->ahead));
        f->n_ahead = n;
    }
    memcpy(f->sum, f->ahead + k * f->n_cell, f->n_cell * sizeof *f->sum);
    return CI_OK;
}

static ci_status variation_append(ci_comm *comm, ci_clean_variation_fit *f,
                                  const ci_clean_variation *found)
{
    ci_clean_model *b = f->model;
    size_t n = b->n_variation + 1;
    ci_status status = ci_mem_resize(&b->variation, n, sizeof *b->variation, "variable sources");
    if (status == CI_OK)
        status =
            ci_mem_resize(&b->amplitude, n * f->n_cell, sizeof *b->amplitude, "variable sources");
    CI_AGREE(comm, status);
    b->variation[b->n_variation++] = *found;
    for (int i = 0; i < STEPS; i++)
        CI_TRY(ci_clean_variation_fit_step(comm, f, n - 1));
    return CI_OK;
}

/* How far the slope of a candidate may still go from what the model's source there has. */
static void slope_range(const search *s, const candidate *c, double range_jy[2])
{
    double most = CI_CLEAN_SLOPE_MAX * fabs(c->flux), own = 0;
    for (size_t i = 0; i < s->model->n_source; i++) {
        const ci_clean_source *at = &s->model->source[i];
        if (hypot(at->l - c->l, at->m - c->m) < s->beam_rad) own += at->slope * at->flux;
    }
    range_jy[0] = fmin(0, -most - own);
    range_jy[1] = fmax(0, most - own);
}

/* One source, its sums known: looked at, and described if it varies. */
static ci_status source_look(ci_comm *comm, ci_clean_variation_fit *f, const search *s,
                             const candidate *c, bool is_sure, int *n_new)
{
    ci_clean_spectrum spectrum = {.cells = &f->model->cells,
                                  .sum = f->sum,
                                  .beam = f->beam,
                                  .weight = f->state->weight,
                                  .variance = f->state->variance,
                                  .total_weight = f->total_weight,
                                  .total_variance = f->total_variance,
                                  .flux = c->flux,
                                  .brightest = s->n > 0 ? s->list[0].flux : 0,
                                  .share_min = s->share,
                                  .is_sure = is_sure,
                                  .rms = s->rms};
    slope_range(s, c, spectrum.slope_jy);
    CI_AGREE(comm, ci_clean_variation_beam(f->model, c->l, c->m, f->beam));
    ci_clean_variation found = {.l = c->l, .m = c->m, .flux = c->flux};
    bool varies = false;
    CI_AGREE(comm, ci_clean_spectrum_test(&spectrum, &varies, &found));
    CI_TRY(ci_par_bcast(comm, &varies, sizeof varies, 0));
    CI_TRY(ci_par_bcast(comm, &found, sizeof found, 0));
    if (!varies) return CI_OK;
    ++*n_new;
    return variation_append(comm, f, &found);
}

/* A source that varies has made others, and components on its sidelobes, look as if they did, too:
 * beside the greatest of those from `first` on, faint variations do not count. Those that are real
 * are found again. */
static void faint_drop(ci_clean_variation_fit *f, size_t first)
{
    ci_clean_model *b = f->model;
    double greatest = 0;
    size_t n = 0;
    for (size_t i = first; i < b->n_variation; i++)
        greatest = fmax(greatest, ci_clean_variation_fit_rms(f, i));
    for (size_t i = 0; i < b->n_variation; i++) {
        if (ci_clean_variation_fit_rms(f, i) < faint_share * greatest) continue;
        if (n < i) {
            b->variation[n] = b->variation[i];
            memcpy(b->amplitude + n * f->n_cell, b->amplitude + i * f->n_cell,
                   f->n_cell * sizeof *b->amplitude);
        }
        n++;
    }
    if (n < b->n_variation) f->state->n_looked = 0;
    b->n_variation = n;
}

/* Sources bright enough to be looked at now; where there is none, the brightest for what is nothing
 * but varying. */
static ci_status search_deep(ci_comm *comm, search *s, double outside_jy, bool is_last)
{
    double peak = fmax(s->model->residual_peak, outside_jy);
    s->least = (is_last ? deep_last : deep_min) * peak;
    s->share = share_min;
    CI_TRY(search_new(comm, s));
    CI_TRY(search_share(comm, s));
    if (s->n > 0) return CI_OK;
    ci_mem_free(s->list);
    s->list = NULL;
    s->n_most = LOOK_EARLY;
    s->least = peak;
    s->over_rms = flux_early;
    s->share = share_early;
    CI_TRY(search_new(comm, s));
    return search_share(comm, s);
}

ci_status ci_clean_variations_find(ci_comm *comm, ci_clean_model *b, ci_clean_variability *state,
                                   const ci_clean_sources_setup *setup, ci_vis_samples *samples,
                                   bool is_last, int *n_new)
{
    double most = work_max / (double)samples->n_good;
    *n_new = 0;
    if (b->cells.time.n * b->cells.freq.n < 2) return CI_OK;
    search s = search_of(b, setup);
    s.n_most = (size_t)fmin(fmax(most, LOOK_MIN), LOOK_MAX);
    ci_clean_variation_fit f = ci_clean_variation_fit_of(b, state, setup, samples);
    size_t n_before = b->n_variation;
    ci_status status = search_deep(comm, &s, state->outside_jy, is_last);
    for (size_t i = 0; status == CI_OK && i < s.n && b->n_variation < CI_CLEAN_MAX_VARIABLE; i++) {
        bool is_new = is_to_look(&s, state, &s.list[i]) || is_last;
        if (!is_new || is_known(&s, &s.list[i])) continue;
        if (!f.sum) status = ci_clean_variation_fit_new(comm, &f);
        if (status == CI_OK) status = sums_find(comm, &f, &s, i, is_last);
        if (status == CI_OK) status = source_look(comm, &f, &s, &s.list[i], false, n_new);
    }
    if (status == CI_OK && *n_new > 0) faint_drop(&f, n_before);
    ci_clean_variation_fit_clear(&f);
    ci_mem_free(s.list);
    return status;
}

/* ---- those that no peak shows ---------------------------------------------------------------- */

ci_status ci_clean_variations_look(ci_comm *comm, ci_clean_model *b, ci_clean_variability *state,
                                   const ci_clean_sources_setup *setup, ci_vis_samples *samples,
                                   const ci_clean_hidden *list, size_t n, int *n_new)
{
    search s = search_of(b, setup);
    *n_new = 0;
    s.over_rms = 0;
    ci_clean_variation_fit f = ci_clean_variation_fit_of(b, state, setup, samples);
    ci_status status = search_new(comm, &s);
    if (status == CI_OK) status = search_share(comm, &s);
    if (status == CI_OK) status = ci_clean_variation_fit_new(comm, &f);
    for (size_t i = 0; status == CI_OK && i < n && *n_new == 0; i++) {
        const candidate *near = source_near(&s, list[i].l, list[i].m);
        candidate at = {list[i].l, list[i].m, near ? near->flux : 0};
        double brightest = s.n > 0 ? fabs(s.list[0].flux) : 0;
        double least = fmax(hidden_share * brightest, share_early * fabs(at.flux));
        if (list[i].effect_jy < least || is_known(&s, &at)) continue;
        status =
            ci_clean_cells_correlate(comm, b, &(const double[2]){at.l, at.m}, 1, samples, f.sum);
        if (status == CI_OK) status = source_look(comm, &f, &s, &at, true, n_new);
        if (status == CI_OK && *n_new > 0) faint_drop(&f, b->n_variation - 1);
    }
    ci_clean_variation_fit_clear(&f);
    ci_mem_free(s.list);
    return status;
}
