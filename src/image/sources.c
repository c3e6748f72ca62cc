/* Which sources are bright enough that their spectra, or their places between pixels, show.
 * A source is the components within a beam of the greatest of them. Its slope is what the model
 * image, with one flux per pixel, cannot describe; nor can it describe a point between pixels
 * but by components of both signs around it, whose errors other sources then pay. So a bright
 * compact source is held: its components leave the model and it becomes a point, once for all;
 * what is found near it later stays in the model (docs/science.md "CLEAN"). */
#include "image/bright.h"

#include <math.h>
#include <stdlib.h>

enum
{
    SOURCES_MIN = 8,
    SOURCES_MAX = CI_IMAGE_MAX_SLOPE,
    TRIES = 8,       /* seeds of a source for each that may be found */
    EDGE_PIXELS = 16 /* a point so near the edge of the image is not held */
};
static const double work_max = 2.5e9;     /* source x sample of one sum */
static const double measured_min = 3;     /* flux x rms of x over the rms: slope known to 1/3 */
static const double held_min = 100;       /* flux over the rms */
static const double component_min = 0.02; /* of the least source: no seed of one */
/* Second moment of a compact source's components over the beam's width squared. A point between
 * two pixels, on them alone, has up to 1/4 pixel^2; a Gaussian of the beam's width 0.18. */
static const double compact_max = 0.05;

static int by_flux(const void *a, const void *b)
{
    const ci_image_component *p = a, *q = b;
    double x = fabs(p->flux), y = fabs(q->flux);
    if (x != y) return x < y ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* What became of a component. */
enum
{
    FREE,
    TAKEN, /* by a source */
    MOVED  /* into a source that is held from now on */
};

/* Components on their way into sources. */
typedef struct grouping
{
    const ci_image_bright *bright;
    const ci_image_component *list; /* [n] greatest |flux| first */
    uint8_t *state;                 /* [n] */
    size_t n;
    double radius;                  /* of a source, pixels */
    double slope_least, held_least; /* Jy */
    ci_image_source *found;
    size_t n_found;
} grouping;

/* Components that no source had, about a pixel. */
typedef struct cluster
{
    int64_t x, y;
    double flux, sum_x, sum_y, sum_xx, sum_xy, sum_yy;
} cluster;

static double distance2(const grouping *g, size_t i, const cluster *c, double *dx, double *dy)
{
    int64_t n_x = (int64_t)g->bright->layout->n_x;
    *dx = (double)(g->list[i].index % n_x - c->x);
    *dy = (double)(g->list[i].index / n_x - c->y);
    return *dx * *dx + *dy * *dy;
}

/* Takes the free components within the radius of a pixel. */
static cluster cluster_take(const grouping *g, int64_t x, int64_t y)
{
    cluster c = {.x = x, .y = y};
    for (size_t i = 0; i < g->n; i++) {
        double dx, dy, flux = g->list[i].flux;
        if (g->state[i] != FREE || distance2(g, i, &c, &dx, &dy) > g->radius * g->radius) continue;
        g->state[i] = TAKEN;
        c.flux += flux;
        c.sum_x += flux * dx;
        c.sum_y += flux * dy;
        c.sum_xx += flux * dx * dx;
        c.sum_xy += flux * dx * dy;
        c.sum_yy += flux * dy * dy;
    }
    return c;
}

/* Whether the components describe a point, as far as the beam tells. */
static bool cluster_is_compact(const grouping *g, const cluster *c)
{
    double x = c->sum_x / c->flux, y = c->sum_y / c->flux;
    double xx = c->sum_xx / c->flux - x * x, xy = c->sum_xy / c->flux - x * y;
    double yy = c->sum_yy / c->flux - y * y;
    double greatest = fabs(xx + yy) / 2 + hypot((xx - yy) / 2, xy);
    return hypot(x, y) < g->radius / 2 && greatest < compact_max * g->radius * g->radius;
}

static bool cluster_is_inside(const grouping *g, const cluster *c)
{
    const ci_image_layout *l = g->bright->layout;
    return c->x >= EDGE_PIXELS && c->x < (int64_t)l->n_x - EDGE_PIXELS && c->y >= EDGE_PIXELS &&
           c->y < (int64_t)l->n_y - EDGE_PIXELS;
}

/* The source becomes a point: the cluster's components are its own flux. */
static void source_hold(grouping *g, const cluster *c, ci_image_source *s)
{
    s->is_held = true;
    s->own = c->flux;
    for (size_t i = 0; i < g->n; i++) {
        double dx, dy;
        if (g->state[i] == TAKEN && distance2(g, i, c, &dx, &dy) <= g->radius * g->radius)
            g->state[i] = MOVED;
    }
}

/* A source from the free components about list[seed], where they have `least` Jy together. */
static void source_take(grouping *g, size_t seed, double least, double slope)
{
    int64_t n_x = (int64_t)g->bright->layout->n_x, index = g->list[seed].index;
    cluster c = cluster_take(g, index % n_x, index / n_x);
    double size = g->bright->is_positive ? c.flux : fabs(c.flux);
    if (!(size >= least) || c.flux == 0) return;
    double dx = c.sum_x / c.flux, dy = c.sum_y / c.flux;
    if (hypot(dx, dy) > g->radius) dx = dy = 0;
    ci_image_source *s = &g->found[g->n_found++];
    *s = (ci_image_source){.flux = c.flux, .beam = g->list[seed].beam, .slope = slope};
    ci_image_bright_place(g->bright, (double)c.x + dx, (double)c.y + dy, &s->l, &s->m);
    if (size >= g->held_least && cluster_is_inside(g, &c) && cluster_is_compact(g, &c))
        source_hold(g, &c, s);
}

/* One that is held, with the components that lie near it. */
static void source_keep(grouping *g, const ci_image_source *before)
{
    const ci_image_bright *b = g->bright;
    double x = (double)(b->layout->n_x / 2) - before->l / b->cell_rad;
    double y = (double)(b->layout->n_y / 2) + before->m / b->cell_rad;
    cluster c = cluster_take(g, (int64_t)floor(x + 0.5), (int64_t)floor(y + 0.5));
    ci_image_source *s = &g->found[g->n_found++];
    *s = *before;
    s->flux = s->own + c.flux;
}

/* The greatest component near a place that no source has; n: none. */
static size_t seed_near(const grouping *g, double l, double m)
{
    double reach = g->radius * g->bright->cell_rad;
    for (size_t i = 0; i < g->n; i++) {
        double l_i, m_i;
        ci_image_bright_pixel(g->bright, g->list[i].index, &l_i, &m_i);
        if (g->state[i] == FREE && hypot(l_i - l, m_i - m) < reach) return i;
    }
    return g->n;
}

/* Those there were, then new ones, greatest component first; at most n_most. */
static void sources_group(grouping *g, size_t n_most)
{
    const ci_image_bright *b = g->bright;
    double least = fmin(g->slope_least, g->held_least);
    for (size_t k = 0; k < b->n_source && g->n_found < n_most; k++) {
        const ci_image_source *s = &b->source[k];
        size_t seed = s->is_held ? g->n : seed_near(g, s->l, s->m);
        if (s->is_held)
            source_keep(g, s);
        else if (seed < g->n)
            source_take(g, seed, least / 2, s->slope);
    }
    size_t n_try = TRIES * n_most;
    for (size_t i = 0; i < g->n && g->n_found < n_most && n_try > 0; i++) {
        if (fabs(g->list[i].flux) < component_min * least) break;
        if (g->state[i] != FREE || (b->is_positive && g->list[i].flux < 0)) continue;
        source_take(g, i, least, 0);
        n_try--;
    }
    for (size_t k = 0; k < g->n_found; k++)
        g->found[k].has_slope = fabs(g->found[k].flux) >= g->slope_least / 2;
}

/* Rank 0's sources for all: their logarithms and roots may be another library's. */
static ci_status sources_share(ci_comm *comm, ci_image_bright *b, grouping *g)
{
    int64_t n = (int64_t)g->n_found;
    CI_TRY(ci_par_bcast(comm, &n, sizeof n, 0));
    CI_TRY(ci_par_bcast(comm, g->found, (size_t)n * sizeof *g->found, 0));
    CI_TRY(ci_par_bcast(comm, g->state, g->n, 0));
    ci_mem_free(b->source);
    b->source = g->found;
    b->n_source = (size_t)n;
    g->found = NULL;
    return CI_OK;
}

/* Takes what moved out of this rank's slab of the model. */
static void moved_remove(const grouping *g, double *model)
{
    const ci_image_layout *l = g->bright->layout;
    int64_t first = (int64_t)(l->y_first * l->n_x), end = first + (int64_t)(l->n_here * l->n_x);
    for (size_t i = 0; i < g->n; i++)
        if (g->state[i] == MOVED && g->list[i].index >= first && g->list[i].index < end)
            model[g->list[i].index - first] = 0;
}

ci_status ci_image_sources_find(ci_comm *comm, ci_image_bright *b, const ci_image_clean *clean)
{
    double most = work_max / (double)clean->samples->n_sample;
    size_t n_most = (size_t)fmin(fmax(most, SOURCES_MIN), SOURCES_MAX);
    ci_image_component *list = NULL;
    grouping g = {.bright = b,
                  .radius = clean->beam_pixel,
                  .slope_least = b->rms_log > 0 ? measured_min * b->rms / b->rms_log : INFINITY,
                  .held_least = held_min * b->rms};
    CI_TRY(ci_image_components_gather(comm, b, clean->model, NULL, 0, &list, &g.n));
    ci_status status = ci_mem_alloc(&g.state, g.n, sizeof *g.state, "bright sources");
    if (status == CI_OK) status = ci_mem_alloc(&g.found, n_most, sizeof *g.found, "bright sources");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        qsort(list, g.n, sizeof *list, by_flux);
        g.list = list;
        sources_group(&g, n_most);
        status = sources_share(comm, b, &g);
    }
    if (status == CI_OK) moved_remove(&g, clean->model);
    ci_mem_free(g.found);
    ci_mem_free(g.state);
    ci_mem_free(list);
    return status;
}
