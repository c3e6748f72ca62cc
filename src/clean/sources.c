/* Which sources are bright enough that their spectra, or their positions between pixels, show.
 * A source is the components within a beam of the greatest of them. Its slope is what the model
 * image, with one flux per pixel, cannot describe; nor can it describe a point between pixels
 * but by components of both signs around it, whose errors other sources then pay. So a bright
 * compact source becomes a point component: its pixel components leave the model, once for all;
 * what is found near it later stays in the model (docs/science.md "CLEAN"). */
#include "clean/sources.h"

#include <math.h>
#include <stdlib.h>

enum
{
    SOURCES_MIN = 8,
    SOURCES_MAX = CI_CLEAN_MAX_SLOPE,
    TRIES = 8,       /* seeds of a source for each that may be found */
    EDGE_PIXELS = 16 /* no point component so near the edge of the image */
};
static const double work_max = 2.5e9;     /* source x sample of one sum */
static const double measured_min = 3;     /* flux x rms of x over the rms: slope known to 1/3 */
static const double point_min = 100;      /* flux over the rms */
static const double deep_min = 10;        /* flux over the residual's peak: what is near shows */
static const double alone_max = 0.05;     /* components from one to two beams away, of the flux */
static const double component_min = 0.02; /* of the least source: no seed of one */
/* Beams by which a source's centre may move and count as the same position: one that moves costs
 * two points, one that stays none. */
static const double still_max = 0.05;
/* Second moment of a point's components, pixels^2: on the two pixels that it lies between it has up
 * to 1/4. */
static const double compact_max = 0.3;
/* Components within a beam of a point component that are too much for a point: of its flux, and of
 * the rms, which noise may ask for. */
static const double beside_max = 0.03, beside_rms = 50;

static int by_flux(const void *a, const void *b)
{
    const ci_clean_component *p = a, *q = b;
    double x = fabs(p->flux), y = fabs(q->flux);
    if (x != y) return x < y ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* What became of a component; above these the number of the cluster that took it. */
enum
{
    MOVED = -1, /* into a point component */
    FREE = 0
};

/* Components on their way into sources. */
typedef struct gathering
{
    const ci_clean_model *model;
    const ci_clean_component *list; /* [n] greatest |flux| first */
    int32_t *state;                 /* [n] */
    size_t n;
    double to_beams[2][2];           /* from pixels to beams, along and across its major axis */
    double slope_least, point_least; /* Jy */
    ci_clean_source *found;
    size_t n_found;
    int32_t n_cluster;
} gathering;

/* From pixels to widths of the beam; the major axis points to (-sin pa, cos pa). */
static void to_beams_set(gathering *g, ci_num_beam beam)
{
    double s = sin(beam.pa_rad), c = cos(beam.pa_rad);
    g->to_beams[0][0] = -s / beam.major;
    g->to_beams[0][1] = c / beam.major;
    g->to_beams[1][0] = c / beam.minor;
    g->to_beams[1][1] = s / beam.minor;
}

/* How far (dx, dy) pixels are, in widths of the beam. */
static double beams(const gathering *g, double dx, double dy)
{
    double along = g->to_beams[0][0] * dx + g->to_beams[0][1] * dy;
    double across = g->to_beams[1][0] * dx + g->to_beams[1][1] * dy;
    return hypot(along, across);
}

/* Components that no source had, about a pixel: sums of flux with pixels. */
typedef struct cluster
{
    int32_t number;
    int64_t x, y;
    double flux, size, sum_x, sum_y; /* size: sum of |flux| */
    double sum_xx, sum_xy, sum_yy;
} cluster;

/* From the cluster's pixel to a component: d pixels; the value in beams. */
static double distance(const gathering *g, size_t i, const cluster *c, double d[2])
{
    int64_t n_x = (int64_t)g->model->layout->n_x;
    d[0] = (double)(g->list[i].index % n_x - c->x);
    d[1] = (double)(g->list[i].index / n_x - c->y);
    return beams(g, d[0], d[1]);
}

/* Takes the free components within a beam of a pixel. */
static cluster cluster_take(gathering *g, int64_t x, int64_t y)
{
    cluster c = {.number = ++g->n_cluster, .x = x, .y = y};
    for (size_t i = 0; i < g->n; i++) {
        double d[2], flux = g->list[i].flux;
        if (g->state[i] != FREE || distance(g, i, &c, d) > 1) continue;
        g->state[i] = c.number;
        c.flux += flux;
        c.size += fabs(flux);
        c.sum_x += flux * d[0];
        c.sum_y += flux * d[1];
        c.sum_xx += flux * d[0] * d[0];
        c.sum_xy += flux * d[0] * d[1];
        c.sum_yy += flux * d[1] * d[1];
    }
    return c;
}

/* Whether the components describe a point, as far as pixels tell. */
static bool cluster_is_compact(const gathering *g, const cluster *c)
{
    double x = c->sum_x / c->flux, y = c->sum_y / c->flux;
    double xx = c->sum_xx / c->flux - x * x, xy = c->sum_xy / c->flux - x * y;
    double yy = c->sum_yy / c->flux - y * y;
    double greatest = fabs(xx + yy) / 2 + hypot((xx - yy) / 2, xy);
    return beams(g, x, y) < 0.5 && greatest < compact_max;
}

static bool cluster_is_inside(const gathering *g, const cluster *c)
{
    const ci_grid_layout *l = g->model->layout;
    return c->x >= EDGE_PIXELS && c->x < (int64_t)l->n_x - EDGE_PIXELS && c->y >= EDGE_PIXELS &&
           c->y < (int64_t)l->n_y - EDGE_PIXELS;
}

/* No components of weight from one to two beams away. */
static bool cluster_is_alone(const gathering *g, const cluster *c)
{
    double size = 0;
    for (size_t i = 0; i < g->n; i++) {
        double d[2], away = distance(g, i, c, d);
        if (away > 1 && away <= 2) size += fabs(g->list[i].flux);
    }
    return size <= alone_max * fabs(c->flux);
}

static bool may_be_point(const gathering *g, const cluster *c)
{
    return fabs(c->flux) >= g->point_least && cluster_is_inside(g, c) && cluster_is_compact(g, c) &&
           cluster_is_alone(g, c);
}

/* The source becomes a point: the cluster's components are its own flux. */
static void point_make(gathering *g, const cluster *c, ci_clean_source *s)
{
    s->is_point = true;
    s->point_jy = c->flux;
    for (size_t i = 0; i < g->n; i++)
        if (g->state[i] == c->number) g->state[i] = MOVED;
}

/* A source's position: that of its components' centre, or where it was before and is still near. */
static void place_set(const gathering *g, ci_clean_point centre, const ci_clean_source *before,
                      ci_clean_source *s)
{
    ci_clean_point was = before ? ci_clean_source_point(g->model, before) : centre;
    if (before && beams(g, centre.x - was.x, centre.y - was.y) < still_max) {
        s->l = before->l;
        s->m = before->m;
        return;
    }
    ci_clean_model_place(g->model, centre.x, centre.y, &s->l, &s->m);
}

/* A source from the free components about list[seed], where they have `least` Jy together; before:
 * what it was, NULL for a new one. */
static void source_take(gathering *g, size_t seed, double least, const ci_clean_source *before)
{
    int64_t n_x = (int64_t)g->model->layout->n_x, index = g->list[seed].index;
    cluster c = cluster_take(g, index % n_x, index / n_x);
    double size = g->model->is_positive ? c.flux : fabs(c.flux);
    if (!(size >= least) || c.flux == 0) return;
    double dx = c.sum_x / c.flux, dy = c.sum_y / c.flux;
    if (beams(g, dx, dy) > 1) dx = dy = 0;
    ci_clean_source *s = &g->found[g->n_found++];
    *s = (ci_clean_source){.flux = c.flux, .beam = g->list[seed].beam};
    if (before) {
        s->slope = before->slope;
        s->is_rejected = before->is_rejected;
    }
    place_set(g, (ci_clean_point){(double)c.x + dx, (double)c.y + dy, 0}, before, s);
    if (!s->is_rejected && may_be_point(g, &c)) point_make(g, &c, s);
}

/* A point component, with the pixel components that lie near it; rejected where they are too
 * many. */
static void source_follow(gathering *g, const ci_clean_source *before)
{
    ci_clean_point at = ci_clean_source_point(g->model, before);
    cluster c = cluster_take(g, (int64_t)floor(at.x + 0.5), (int64_t)floor(at.y + 0.5));
    ci_clean_source *s = &g->found[g->n_found++];
    *s = *before;
    s->flux = s->point_jy + c.flux;
    s->is_rejected =
        c.size > fmax(beside_max * fabs(s->point_jy), beside_rms * g->model->residual_rms);
}

/* The greatest component within a beam of a source that no other has; n: none. */
static size_t seed_near(const gathering *g, const ci_clean_source *s)
{
    int64_t n_x = (int64_t)g->model->layout->n_x;
    ci_clean_point at = ci_clean_source_point(g->model, s);
    for (size_t i = 0; i < g->n; i++) {
        double dx = (double)(g->list[i].index % n_x) - at.x;
        double dy = (double)(g->list[i].index / n_x) - at.y;
        if (g->state[i] == FREE && beams(g, dx, dy) < 1) return i;
    }
    return g->n;
}

/* Those there were, then new ones, greatest component first; at most n_most. */
static void sources_gather(gathering *g, size_t n_most)
{
    const ci_clean_model *b = g->model;
    double least = fmin(g->slope_least, g->point_least);
    for (size_t k = 0; k < b->n_source && g->n_found < n_most; k++) {
        const ci_clean_source *s = &b->source[k];
        size_t seed = s->is_point ? g->n : seed_near(g, s);
        if (s->is_point)
            source_follow(g, s);
        else if (seed < g->n)
            source_take(g, seed, least / 2, s);
    }
    size_t n_try = TRIES * n_most;
    for (size_t i = 0; i < g->n && g->n_found < n_most && n_try > 0; i++) {
        if (fabs(g->list[i].flux) < component_min * least) break;
        if (g->state[i] != FREE || (b->is_positive && g->list[i].flux < 0)) continue;
        source_take(g, i, least, NULL);
        n_try--;
    }
    for (size_t k = 0; k < g->n_found; k++)
        g->found[k].has_slope = fabs(g->found[k].flux) >= g->slope_least / 2;
}

/* Rank 0's sources for all: their logarithms and roots may be another library's. */
static ci_status sources_share(ci_comm *comm, ci_clean_model *b, gathering *g)
{
    int64_t n = (int64_t)g->n_found;
    CI_TRY(ci_par_bcast(comm, &n, sizeof n, 0));
    CI_TRY(ci_par_bcast(comm, g->found, (size_t)n * sizeof *g->found, 0));
    CI_TRY(ci_par_bcast(comm, g->state, g->n * sizeof *g->state, 0));
    ci_mem_free(b->source);
    b->source = g->found;
    b->n_source = (size_t)n;
    g->found = NULL;
    return CI_OK;
}

/* Points that are rejected now become pixel components again. */
static void rejected_pixelise(ci_clean_model *b)
{
    for (size_t i = 0; i < b->n_source; i++)
        if (b->source[i].is_point && b->source[i].is_rejected)
            ci_clean_source_pixelise(b, &b->source[i]);
}

/* Takes what moved out of this rank's slab of the model. */
static void moved_remove(const gathering *g, double *model)
{
    const ci_grid_layout *l = g->model->layout;
    int64_t first = (int64_t)(l->y_first * l->n_x), end = first + (int64_t)(l->n_here * l->n_x);
    for (size_t i = 0; i < g->n; i++)
        if (g->state[i] == MOVED && g->list[i].index >= first && g->list[i].index < end)
            model[g->list[i].index - first] = 0;
}

ci_status ci_clean_sources_find(ci_comm *comm, ci_clean_model *b,
                                const ci_clean_sources_setup *setup)
{
    double most = work_max / (double)setup->samples->n_good;
    size_t n_most = (size_t)fmin(fmax(most, SOURCES_MIN), SOURCES_MAX);
    ci_clean_component *list = NULL;
    gathering g = {
        .model = b,
        .slope_least = b->rms_log > 0 ? measured_min * b->residual_rms / b->rms_log : INFINITY,
        .point_least = b->points_off
                           ? INFINITY
                           : fmax(point_min * b->residual_rms, deep_min * b->residual_peak)};
    to_beams_set(&g, setup->beam);
    CI_TRY(ci_clean_components_gather(comm, b, NULL, &list, &g.n));
    ci_status status = ci_mem_alloc(&g.state, g.n, sizeof *g.state, "bright sources");
    if (status == CI_OK) status = ci_mem_alloc(&g.found, n_most, sizeof *g.found, "bright sources");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        qsort(list, g.n, sizeof *list, by_flux);
        g.list = list;
        sources_gather(&g, n_most);
        status = sources_share(comm, b, &g);
    }
    if (status == CI_OK) {
        moved_remove(&g, b->pixels);
        rejected_pixelise(b);
    }
    ci_mem_free(g.found);
    ci_mem_free(g.state);
    ci_mem_free(list);
    return status;
}

bool ci_clean_sources_have_points(const ci_clean_model *b)
{
    for (size_t i = 0; i < b->n_source; i++)
        if (b->source[i].is_point) return true;
    return false;
}

void ci_clean_sources_release(ci_clean_model *b)
{
    for (size_t i = 0; i < b->n_source; i++)
        if (b->source[i].is_point) ci_clean_source_pixelise(b, &b->source[i]);
    b->points_off = true;
}
