/* Spectral slopes of bright sources. The model image has one flux per pixel, meant at the
 * image's frequency. A source of flux S and slope a differs from it by S ((nu/nu0)^a - 1),
 * which no component can describe and whose sidelobes are all over the image. The slopes are
 * found by least squares on the residual visibilities, one step a major cycle: the residual
 * against dV/da = S x exp(2 pi i ...), x = ln(nu/nu0) less its mean over the imaging weights, so
 * that a wrong flux is no slope, and with slopes held to 0 +- 1 where the noise says nothing.
 * The steps of single sources (the diagonal of the normal equations) are taken together by the
 * length that leaves least (docs/science.md "CLEAN"). */
#include "image/bright.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SOURCES_MIN = 8,
    SOURCES_MAX = 64
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
    if (p->flux != q->flux) return p->flux < q->flux ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

typedef struct cluster
{
    double flux, x, y; /* sums; x and y about the seed */
} cluster;

/* Takes components[seed] and all later ones within the radius that no source has yet. */
static cluster cluster_take(const ci_image_component *c, size_t n, size_t seed, int64_t n_x,
                            double radius, bool *taken)
{
    cluster sum = {0};
    int64_t x = c[seed].index % n_x, y = c[seed].index / n_x;
    for (size_t i = seed; i < n; i++) {
        double dx = (double)(c[i].index % n_x - x), dy = (double)(c[i].index / n_x - y);
        if (taken[i] || dx * dx + dy * dy > radius * radius) continue;
        taken[i] = true;
        sum.flux += c[i].flux;
        sum.x += c[i].flux * dx;
        sum.y += c[i].flux * dy;
    }
    return sum;
}

/* The slope of the source that was found there before, else 0. */
static double slope_before(const ci_image_bright *b, double l, double m, double radius)
{
    for (size_t i = 0; i < b->n_source; i++)
        if (hypot(b->source[i].l - l, b->source[i].m - m) < radius) return b->source[i].slope;
    return 0;
}

/* Groups components, brightest first, into sources of at least `least` Jy; at most n_most. */
static size_t sources_group(const ci_image_bright *b, const ci_image_component *c, size_t n,
                            double radius, double least, size_t n_most, bool *taken,
                            ci_image_source *out)
{
    int64_t n_x = (int64_t)b->layout->n_x;
    size_t n_found = 0;
    for (size_t i = 0; i < n && n_found < n_most && c[i].flux > component_min * least; i++) {
        if (taken[i]) continue;
        cluster sum = cluster_take(c, n, i, n_x, radius, taken);
        if (!(sum.flux >= least)) continue;
        ci_image_source *s = &out[n_found++];
        double x = (double)(c[i].index % n_x), y = (double)(c[i].index / n_x);
        double dx = sum.x / sum.flux, dy = sum.y / sum.flux;
        if (hypot(dx, dy) > radius) dx = dy = 0;
        *s = (ci_image_source){.flux = sum.flux, .beam = c[i].beam};
        ci_image_bright_place(b, x + dx, y + dy, &s->l, &s->m);
        s->slope = slope_before(b, s->l, s->m, radius * b->cell_rad / 2);
    }
    return n_found;
}

ci_status ci_image_spectrum_find(ci_comm *comm, ci_image_bright *b, const ci_image_clean *clean)
{
    double rms = 0, most = work_max / (double)clean->samples->n_sample;
    if (!(b->rms_log > 0)) return CI_OK;
    CI_TRY(ci_image_slab_rms(comm, b->layout, clean->residual, &rms));
    size_t n_most = (size_t)fmin(fmax(most, SOURCES_MIN), SOURCES_MAX), n = 0;
    double least = measured_min * rms / b->rms_log;
    ci_image_component *list = NULL;
    ci_image_source *found = NULL;
    bool *taken = NULL;
    CI_TRY(ci_image_components_gather(comm, b, clean->model, NULL, 0, &list, &n));
    ci_status status = ci_mem_alloc(&taken, n, sizeof *taken, "bright sources");
    if (status == CI_OK) status = ci_mem_alloc(&found, n_most, sizeof *found, "bright sources");
    if (status == CI_OK) {
        qsort(list, n, sizeof *list, by_flux);
        size_t n_found = sources_group(b, list, n, clean->beam_pixel, least, n_most, taken, found);
        ci_mem_free(b->source);
        b->source = found;
        b->n_source = n_found;
        found = NULL;
    }
    ci_mem_free(found);
    ci_mem_free(taken);
    ci_mem_free(list);
    return ci_par_agree(comm, status);
}

/* ---- what slopes change -------------------------------------------------------------------- */

ci_status ci_image_spectrum_add(const ci_image_bright *b, const ci_image_samples *samples)
{
    ci_image_points points;
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    ci_status status = ci_image_points_new(&points, b->n_source, b->n_frame);
    for (size_t i = 0; status == CI_OK && i < b->n_source; i++) {
        const ci_image_source *s = &b->source[i];
        double *flux = points.flux + i * n_node;
        ci_image_points_place(&points, i, s->l, s->m);
        ci_image_bright_ratio(b, s->l, s->m, s->beam, flux);
        for (size_t k = 0; k < n_node; k++)
            flux[k] *= s->flux * (pow(b->node_hz[k % CI_BRIGHT_NODES] / b->ref_hz, s->slope) - 1);
    }
    if (status == CI_OK) status = ci_image_points_add(b, samples, &points, 1);
    ci_image_points_clear(&points);
    return status;
}

/* dV/da of every source. */
static ci_status derivatives_fill(const ci_image_bright *b, ci_image_points *points)
{
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    CI_TRY(ci_image_points_new(points, b->n_source, b->n_frame));
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_image_source *s = &b->source[i];
        double *flux = points->flux + i * n_node;
        ci_image_points_place(points, i, s->l, s->m);
        ci_image_bright_ratio(b, s->l, s->m, s->beam, flux);
        for (size_t k = 0; k < n_node; k++)
            flux[k] *= s->flux * (log(b->node_hz[k % CI_BRIGHT_NODES] / b->ref_hz) - b->mean_log);
    }
    return CI_OK;
}

/* ---- better slopes ----------------------------------------------------------------------- */

/* What one step is made of: [n_source] each. */
typedef struct step_work
{
    double *dot, *norm, *step;
    double rms;   /* of the residual image */
    double prior; /* weight of slope = 0 +- 1 beside sum w |D|^2, for noise of that rms */
} step_work;

/* Half the gradient of sum w |R - D|^2 + prior slope^2, downhill. */
static double descent(const ci_image_bright *b, const step_work *w, size_t i)
{
    return w->dot[i] - w->prior * b->source[i].slope;
}

/* Steps of single sources, within slope_max; false where none shows. */
static bool steps_set(const ci_image_bright *b, const step_work *w)
{
    bool shows = false;
    for (size_t i = 0; i < b->n_source; i++) {
        double slope = b->source[i].slope, new_slope = slope;
        if (w->norm[i] > 0) new_slope += descent(b, w, i) / (w->norm[i] + w->prior);
        w->step[i] = fmax(-slope_max, fmin(slope_max, new_slope)) - slope;
        if (fabs(w->step[i]) * b->source[i].flux * b->rms_log > shows_min * w->rms) shows = true;
    }
    return shows;
}

/* The steps together: least squares in their direction, never longer than they are. */
static ci_status steps_take(ci_comm *comm, ci_image_bright *b, const ci_image_samples *samples,
                            const step_work *w, ci_image_points *points)
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
    if (!(length > 0)) return CI_OK;
    double part = fmax(0, fmin(1, along / length));
    for (size_t i = 0; i < b->n_source; i++)
        b->source[i].slope += part * w->step[i];
    return ci_par_agree(comm, ci_image_points_add(b, samples, points, -part));
}

ci_status ci_image_spectrum_fit(ci_comm *comm, ci_image_bright *b, const ci_image_clean *clean)
{
    size_t n = b->n_source;
    step_work w = {0};
    ci_image_points points = {0};
    if (n == 0) return CI_OK;
    CI_TRY(ci_image_slab_rms(comm, b->layout, clean->residual, &w.rms));
    w.prior = clean->sum_weight * w.rms * w.rms;
    ci_status status = ci_mem_alloc(&w.dot, 3 * n, sizeof *w.dot, "bright sources");
    if (status == CI_OK) {
        w.norm = w.dot + n;
        w.step = w.norm + n;
        status = derivatives_fill(b, &points);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK)
        status = ci_image_points_correlate(comm, b, clean->samples, &points, w.dot, w.norm);
    if (status == CI_OK && steps_set(b, &w))
        status = steps_take(comm, b, clean->samples, &w, &points);
    ci_image_points_clear(&points);
    ci_mem_free(w.dot);
    return status;
}
