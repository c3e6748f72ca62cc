/* The residual visibilities after a cycle: what it changed in the model is taken from them, so that
 * what stays costs nothing. */
#include "clean/state.h"

#include <math.h>
#include <stdlib.h>

enum
{
    BRIGHT_MAX = 64
};
static const double direct_max =
    1e9; /* pixel x sample of direct sums that cost less than gridding */
static const double bright_min = 100; /* flux over the rms: may become a point component */

static const ci_clean_snapshot *before(const ci_clean *c)
{
    return c->saved_model;
}

/* ---- pixel components ------------------------------------------------------------------------ */

/* The largest change first. */
static int by_change(const void *a, const void *b)
{
    const ci_grid_pixel *p = a, *q = b;
    double x = fabs(p->value), y = fabs(q->value);
    if (x != y) return x < y ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* Takes n changed pixels out of the residual by direct sums, and from the slab `change`. */
static ci_status changed_take(const ci_clean *c, const ci_grid_pixel *list, size_t n,
                              double *change)
{
    const ci_clean_model *b = c->setup.model;
    const ci_grid_layout *layout = c->layout;
    int64_t first = (int64_t)(layout->y_first * layout->n_x);
    int64_t end = first + (int64_t)(layout->n_here * layout->n_x);
    ci_clean_points points = {0};
    CI_TRY(ci_clean_points_new(&points, &b->axis, n, 1));
    for (size_t i = 0; i < n; i++) {
        double l, m;
        ci_clean_model_pixel(b, list[i].index, &l, &m);
        ci_clean_points_place(&points, i, l, m);
        for (size_t k = 0; k < CI_CLEAN_FLUX_NODES; k++)
            points.flux[i * CI_CLEAN_FLUX_NODES + k] = list[i].value;
        if (list[i].index >= first && list[i].index < end) change[list[i].index - first] = 0;
    }
    ci_status status = ci_clean_points_add(&points, c->setup.samples, -1);
    ci_clean_points_clear(&points);
    return status;
}

/* Direct sums of all pixels, where they are few, or of the brightest ones: what comes in one cycle
 * as pixels, and leaves in a later one for a point component, leaves without the gridder's error.
 * *is_all: nothing is left to grid. */
static ci_status brightest_take(ci_comm *comm, const ci_clean *c, double *change, bool *is_all)
{
    ci_grid_pixel *list = NULL;
    size_t n = 0;
    double most = direct_max / (double)c->setup.samples->n_good;
    double least = bright_min * c->setup.model->residual_rms;
    ci_status status = ci_grid_slab_nonzero(comm, c->layout, change, &list, &n);
    if (n > 0) qsort(list, n, sizeof *list, by_change);
    *is_all = (double)n <= most;
    if (!*is_all) {
        size_t k = 0;
        while (k < n && k < BRIGHT_MAX && fabs(list[k].value) >= least)
            k++;
        n = k;
    }
    if (status == CI_OK) status = ci_par_agree(comm, changed_take(c, list, n, change));
    ci_mem_free(list);
    return status;
}

static ci_status rest_take(ci_comm *comm, ci_clean *c, const double *change)
{
    ci_vis_samples *s = c->setup.samples;
    if (!c->predicted)
        CI_AGREE(comm, ci_mem_alloc(&c->predicted, s->n_sample, sizeof *c->predicted,
                                    "model visibilities"));
    CI_TRY(ci_grid_degrid(comm, c->setup.gridder, change, c->predicted));
    for (size_t i = 0; i < s->n_sample; i++)
        if (s->weight[i] > 0) s->computed[i] -= c->predicted[i];
    return CI_OK;
}

/* Adds what changed in extended components; whether anything did. */
static ci_status extended_add(ci_comm *comm, const ci_clean *c, double *change, bool *is_changed)
{
    const double *now = c->setup.model->extended, *was = before(c)->extended;
    int64_t n = 0;
    *is_changed = false;
    if (!now) return CI_OK;
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++) {
        n += now[i] != was[i];
        change[i] += now[i] - was[i];
    }
    CI_TRY(ci_par_sum_int(comm, &n, 1));
    *is_changed = n > 0;
    return CI_OK;
}

/* The residual image, which is made anew, takes the change meanwhile. */
static ci_status pixels_take(ci_comm *comm, ci_clean *c)
{
    bool is_all;
    double *change = c->setup.residual;
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        change[i] = c->pixels[i] - before(c)->pixels[i];
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    ci_status status = brightest_take(comm, c, change, &is_all);
    ci_timer_end(ci_comm_timer(comm), mark);
    CI_TRY(status);
    bool is_extended;
    CI_TRY(extended_add(comm, c, change, &is_extended));
    return is_all && !is_extended ? CI_OK : rest_take(comm, c, change);
}

/* ---- bright sources -------------------------------------------------------------------------- */

static ci_status drift_take(ci_comm *comm, ci_clean *c)
{
    ci_clean_points points;
    ci_status status =
        ci_clean_drift_points(comm, c->setup.model, c->setup.samples->n_good, &c->drifted, &points);
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_clean_points_add(&points, c->setup.samples, -1));
    ci_clean_points_clear(&points);
    return status;
}

/* The source that was at the same position; NULL: none. */
static const ci_clean_source *source_at(const ci_clean_source *list, size_t n,
                                        const ci_clean_source *s)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].l == s->l && list[i].m == s->m) return &list[i];
    return NULL;
}

static bool is_same(const ci_clean_source *a, const ci_clean_source *b)
{
    return a->flux == b->flux && a->point_jy == b->point_jy && a->slope == b->slope;
}

/* Points of what sources are now, less what they were. */
static void sources_change(const ci_clean_model *b, const ci_clean_snapshot *was,
                           ci_clean_points *points)
{
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES;
    points->n = 0;
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        const ci_clean_source *old = source_at(was->source, was->n_source, s);
        double *flux = points->flux + points->n * n_node;
        if (old && is_same(old, s)) continue;
        ci_clean_sources_points(b, s, 1, points->n, points);
        if (old) ci_clean_sources_points(b, old, 1, points->n + 1, points);
        for (size_t k = 0; old && k < n_node; k++)
            flux[k] -= flux[n_node + k];
        points->n++;
    }
    for (size_t i = 0; i < was->n_source; i++) {
        double *flux = points->flux + points->n * n_node;
        if (source_at(b->source, b->n_source, &was->source[i])) continue;
        ci_clean_sources_points(b, &was->source[i], 1, points->n, points);
        for (size_t k = 0; k < n_node; k++)
            flux[k] = -flux[k];
        points->n++;
    }
}

static ci_status sources_take(ci_clean *c)
{
    const ci_clean_model *b = c->setup.model;
    ci_clean_points points = {0};
    size_t n = b->n_source + before(c)->n_source + 1;
    ci_status status = ci_clean_points_new(&points, &b->axis, n, b->n_frame);
    if (status == CI_OK) sources_change(b, before(c), &points);
    if (status == CI_OK) status = ci_clean_points_add(&points, c->setup.samples, -1);
    ci_clean_points_clear(&points);
    return status;
}

ci_status ci_clean_residual_change(ci_comm *comm, ci_clean *c)
{
    CI_TRY(pixels_take(comm, c));
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    ci_status status = drift_take(comm, c);
    if (status == CI_OK) status = ci_par_agree(comm, sources_take(c));
    ci_timer_end(ci_comm_timer(comm), mark);
    return status;
}
