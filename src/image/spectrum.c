/* Spectral slopes of bright sources. The model image has one flux per pixel, meant at the
 * image's frequency. A source of flux S and slope a differs from it by S ((nu/nu0)^a - 1),
 * which no component can describe and whose sidelobes are all over the image. The slopes are
 * found by least squares on the residual visibilities, one step a major cycle: the residual
 * against S r (x - <x>) exp(2 pi i ...), r the beam over its mean, x = ln(nu/nu0), <x> its mean
 * with weights w r^2, so that a wrong flux is no slope; and with slopes held to 0 +- 1 where the
 * noise says nothing. The steps of single sources (the diagonal of the normal equations) are
 * taken together by the length that leaves least (docs/science.md "CLEAN"). */
#include "image/bright.h"

#include <math.h>
#include <stdlib.h>

enum
{
    SOURCES_MIN = 8,
    SOURCES_MAX = CI_IMAGE_MAX_SLOPE,
    TRIES = 8 /* seeds of a source for each that may be found */
};
static const double work_max = 2.5e9;     /* source x sample of one sum */
static const double measured_min = 3;     /* flux x rms of x over the rms: slope known to 1/3 */
static const double component_min = 0.02; /* of the least source: no seed of one */
static const double shows_min = 0.1;      /* a change of visibilities in units of the rms */
static const double slope_max = 5;

/* ---- which sources ----------------------------------------------------------------------- */

static int by_flux(const void *a, const void *b)
{
    const ci_image_component *p = a, *q = b;
    double x = fabs(p->flux), y = fabs(q->flux);
    if (x != y) return x < y ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* Components on their way into sources. */
typedef struct grouping
{
    const ci_image_bright *bright;
    const ci_image_component *list; /* [n] greatest |flux| first */
    bool *taken;                    /* [n] by a source */
    size_t n;
    double radius; /* of a source, pixels */
    ci_image_source *found;
    size_t n_found;
} grouping;

/* Takes the components within the radius of list[seed] that no source has; a source of them
 * where they have `least` Jy together. */
static bool source_take(grouping *g, size_t seed, double least, double slope)
{
    const ci_image_component *c = g->list;
    int64_t n_x = (int64_t)g->bright->layout->n_x, x = c[seed].index % n_x, y = c[seed].index / n_x;
    double flux = 0, sum_x = 0, sum_y = 0;
    for (size_t i = 0; i < g->n; i++) {
        double dx = (double)(c[i].index % n_x - x), dy = (double)(c[i].index / n_x - y);
        if (g->taken[i] || dx * dx + dy * dy > g->radius * g->radius) continue;
        g->taken[i] = true;
        flux += c[i].flux;
        sum_x += c[i].flux * dx;
        sum_y += c[i].flux * dy;
    }
    if (!((g->bright->is_positive ? flux : fabs(flux)) >= least) || flux == 0) return false;
    double dx = sum_x / flux, dy = sum_y / flux;
    if (hypot(dx, dy) > g->radius) dx = dy = 0;
    ci_image_source *s = &g->found[g->n_found++];
    *s = (ci_image_source){.flux = flux, .beam = c[seed].beam, .slope = slope};
    ci_image_bright_place(g->bright, (double)x + dx, (double)y + dy, &s->l, &s->m);
    return true;
}

/* The greatest component near a place that no source has; n: none. */
static size_t seed_near(const grouping *g, double l, double m)
{
    double reach = g->radius * g->bright->cell_rad;
    for (size_t i = 0; i < g->n; i++) {
        double l_i, m_i;
        ci_image_bright_pixel(g->bright, g->list[i].index, &l_i, &m_i);
        if (!g->taken[i] && hypot(l_i - l, m_i - m) < reach) return i;
    }
    return g->n;
}

/* Those there were, then new ones, greatest component first; at most n_most. */
static void sources_group(grouping *g, double least, size_t n_most)
{
    const ci_image_bright *b = g->bright;
    for (size_t k = 0; k < b->n_source && g->n_found < n_most; k++) {
        size_t seed = seed_near(g, b->source[k].l, b->source[k].m);
        if (seed < g->n) source_take(g, seed, least / 2, b->source[k].slope);
    }
    size_t n_try = TRIES * n_most;
    for (size_t i = 0; i < g->n && g->n_found < n_most && n_try > 0; i++) {
        if (fabs(g->list[i].flux) < component_min * least) break;
        if (g->taken[i] || (b->is_positive && g->list[i].flux < 0)) continue;
        source_take(g, i, least, 0);
        n_try--;
    }
}

/* Rank 0's sources for all: their logarithms and roots may be another library's. */
static ci_status sources_share(ci_comm *comm, ci_image_bright *b, grouping *g)
{
    int64_t n = (int64_t)g->n_found;
    CI_TRY(ci_par_bcast(comm, &n, sizeof n, 0));
    CI_TRY(ci_par_bcast(comm, g->found, (size_t)n * sizeof *g->found, 0));
    ci_mem_free(b->source);
    b->source = g->found;
    b->n_source = (size_t)n;
    g->found = NULL;
    return CI_OK;
}

ci_status ci_image_spectrum_find(ci_comm *comm, ci_image_bright *b, const ci_image_clean *clean)
{
    double most = work_max / (double)clean->samples->n_sample;
    if (!(b->rms_log > 0)) return CI_OK;
    size_t n_most = (size_t)fmin(fmax(most, SOURCES_MIN), SOURCES_MAX);
    ci_image_component *list = NULL;
    grouping g = {.bright = b, .radius = clean->beam_pixel};
    CI_TRY(ci_image_components_gather(comm, b, clean->model, NULL, 0, &list, &g.n));
    ci_status status = ci_mem_alloc(&g.taken, g.n, sizeof *g.taken, "bright sources");
    if (status == CI_OK) status = ci_mem_alloc(&g.found, n_most, sizeof *g.found, "bright sources");
    if (status == CI_OK) {
        qsort(list, g.n, sizeof *list, by_flux);
        g.list = list;
        sources_group(&g, measured_min * b->rms / b->rms_log, n_most);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = sources_share(comm, b, &g);
    ci_mem_free(g.found);
    ci_mem_free(g.taken);
    ci_mem_free(list);
    return status;
}

/* ---- what slopes change ------------------------------------------------------------------ */

/* What of source i is meant, in units of its flux, at x = ln(nu / ref_hz). */
typedef double (*flux_factor)(const ci_image_bright *b, size_t i, double x, const void *context);

/* Points at the sources: S r factor(x). */
static ci_status points_fill(const ci_image_bright *b, flux_factor factor, const void *context,
                             ci_image_points *points)
{
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    CI_TRY(ci_image_points_new(points, b->n_source, b->n_frame));
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_image_source *s = &b->source[i];
        double *flux = points->flux + i * n_node;
        ci_image_points_place(points, i, s->l, s->m);
        ci_image_bright_ratio(b, s->l, s->m, s->beam, flux);
        for (size_t k = 0; k < n_node; k++) {
            double x = log(b->node_hz[k % CI_BRIGHT_NODES] / b->ref_hz);
            flux[k] *= s->flux * factor(b, i, x, context);
        }
    }
    return CI_OK;
}

static ci_status points_apply(const ci_image_bright *b, const ci_image_samples *samples,
                              flux_factor factor, const void *context, double scale)
{
    ci_image_points points = {0};
    ci_status status = points_fill(b, factor, context, &points);
    if (status == CI_OK) status = ci_image_points_add(b, samples, &points, scale);
    ci_image_points_clear(&points);
    return status;
}

static double slope_factor(const ci_image_bright *b, size_t i, double x, const void *context)
{
    (void)context;
    return exp(b->source[i].slope * x) - 1;
}

ci_status ci_image_spectrum_add(const ci_image_bright *b, const ci_image_samples *samples)
{
    return points_apply(b, samples, slope_factor, NULL, 1);
}

/* ---- better slopes ----------------------------------------------------------------------- */

/* What one step is made of: [n_source] each. */
typedef struct step_work
{
    double *mean; /* <x> */
    double *dot, *norm, *step;
    double prior; /* weight of slope = 0 +- 1 beside sum w |D|^2, at the residual's noise */
    double *all;  /* owns them */
} step_work;

static ci_status step_new(const ci_image_bright *b, const ci_image_clean *clean, step_work *w)
{
    size_t n = b->n_source;
    CI_TRY(ci_mem_alloc(&w->all, 4 * n, sizeof *w->all, "bright sources"));
    w->mean = w->all;
    w->dot = w->mean + n;
    w->norm = w->dot + n;
    w->step = w->norm + n;
    w->prior = clean->sum_weight * b->rms * b->rms;
    return CI_OK;
}

/* Mean of x with weights w r^2, by the moments of Lagrange's weights. */
static double mean_of(const ci_image_bright *b, const double *ratio)
{
    const size_t n = CI_BRIGHT_NODES;
    double sum[2] = {0, 0};
    for (size_t t = 0; t < b->n_frame; t++)
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    sum[k] += b->moment[((2 * t + k) * n + i) * n + j] * ratio[t * n + i] *
                              ratio[t * n + j];
    return sum[0] > 0 ? sum[1] / sum[0] : 0;
}

static ci_status means_fill(const ci_image_bright *b, step_work *w)
{
    double *ratio = NULL;
    CI_TRY(ci_mem_alloc(&ratio, b->n_frame * CI_BRIGHT_NODES, sizeof *ratio, "bright sources"));
    for (size_t i = 0; i < b->n_source; i++) {
        ci_image_bright_ratio(b, b->source[i].l, b->source[i].m, b->source[i].beam, ratio);
        w->mean[i] = mean_of(b, ratio);
    }
    ci_mem_free(ratio);
    return CI_OK;
}

static double derivative_factor(const ci_image_bright *b, size_t i, double x, const void *context)
{
    const step_work *w = context;
    (void)b;
    return x - w->mean[i];
}

/* Half the gradient of sum w |R - D|^2 + prior slope^2, downhill. */
static double descent(const ci_image_bright *b, const step_work *w, size_t i)
{
    return w->dot[i] - w->prior * b->source[i].slope;
}

/* Steps of single sources, within slope_max; *shows 0 where none does. Collective. */
static ci_status steps_set(ci_comm *comm, const ci_image_bright *b, step_work *w, int64_t *shows)
{
    *shows = 0;
    for (size_t i = 0; i < b->n_source; i++) {
        double slope = b->source[i].slope, new_slope = slope;
        if (w->norm[i] > 0) new_slope += descent(b, w, i) / (w->norm[i] + w->prior);
        w->step[i] = fmax(-slope_max, fmin(slope_max, new_slope)) - slope;
        if (fabs(w->step[i] * b->source[i].flux) * b->rms_log > shows_min * b->rms) *shows = 1;
    }
    return ci_par_max_int(comm, shows, 1);
}

/* From the slopes before, which are step[i] less now, to those now. */
static double change_factor(const ci_image_bright *b, size_t i, double x, const void *context)
{
    const step_work *w = context;
    return exp(b->source[i].slope * x) - exp((b->source[i].slope - w->step[i]) * x);
}

/* The steps together: least squares in their direction, never longer than they are. */
static ci_status steps_take(ci_comm *comm, ci_image_bright *b, const ci_image_samples *samples,
                            step_work *w, ci_image_points *points)
{
    double along = 0, length = 0;
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    for (size_t i = 0; i < b->n_source; i++)
        for (size_t k = 0; k < n_node; k++)
            points->flux[i * n_node + k] *= w->step[i];
    CI_TRY(ci_image_points_norm(comm, b, samples, points, &length));
    for (size_t i = 0; i < b->n_source; i++) {
        along += w->step[i] * descent(b, w, i);
        length += w->prior * w->step[i] * w->step[i];
    }
    double part = length > 0 ? fmax(0, fmin(1, along / length)) : 0;
    for (size_t i = 0; i < b->n_source; i++) {
        w->step[i] *= part;
        b->source[i].slope += w->step[i];
    }
    return ci_par_agree(comm, points_apply(b, samples, change_factor, w, -1));
}

ci_status ci_image_spectrum_fit(ci_comm *comm, ci_image_bright *b, const ci_image_clean *clean)
{
    step_work w = {0};
    ci_image_points points = {0};
    int64_t shows = 0;
    if (b->n_source == 0) return CI_OK;
    ci_status status = step_new(b, clean, &w);
    if (status == CI_OK) status = means_fill(b, &w);
    if (status == CI_OK) status = points_fill(b, derivative_factor, &w, &points);
    status = ci_par_agree(comm, status);
    if (status == CI_OK)
        status = ci_image_points_correlate(comm, b, clean->samples, &points, w.dot, w.norm);
    if (status == CI_OK) status = steps_set(comm, b, &w, &shows);
    if (status == CI_OK && shows) status = steps_take(comm, b, clean->samples, &w, &points);
    ci_image_points_clear(&points);
    ci_mem_free(w.all);
    return status;
}
