/* The residual visibilities after a cycle: what it changed in the model is taken from them, so that
 * what stays costs nothing. */
#include "clean/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Pixels whose change is summed directly. */
typedef struct direct_pixels
{
    ci_grid_pixel *list; /* [n] */
    size_t n;
    bool is_all; /* nothing is left to grid */
} direct_pixels;

/* They leave the slab `change`. */
static void direct_remove(const ci_clean *c, const direct_pixels *direct, double *change)
{
    const ci_grid_layout *layout = c->layout;
    int64_t first = (int64_t)(layout->y_first * layout->n_x);
    int64_t end = first + (int64_t)(layout->n_here * layout->n_x);
    for (size_t i = 0; i < direct->n; i++) {
        int64_t index = direct->list[i].index;
        if (index >= first && index < end) change[index - first] = 0;
    }
}

/* All pixels, where they are few, or the brightest ones: what comes in one cycle as pixels, and
 * leaves in a later one for a point component, leaves without the gridder's error. */
static ci_status brightest_find(ci_comm *comm, const ci_clean *c, double *change,
                                direct_pixels *out)
{
    double most = direct_max / (double)c->setup.samples->n_good;
    double least = bright_min * c->setup.model->residual_rms;
    CI_TRY(ci_grid_slab_nonzero(comm, c->layout, change, &out->list, &out->n));
    if (out->n > 0) qsort(out->list, out->n, sizeof *out->list, by_change);
    out->is_all = (double)out->n <= most;
    if (!out->is_all) {
        size_t k = 0;
        while (k < out->n && k < BRIGHT_MAX && fabs(out->list[k].value) >= least)
            k++;
        out->n = k;
    }
    direct_remove(c, out, change);
    return CI_OK;
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
static ci_status pixels_take(ci_comm *comm, ci_clean *c, direct_pixels *direct)
{
    double *change = c->setup.residual;
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        change[i] = c->pixels[i] - before(c)->pixels[i];
    CI_TRY(brightest_find(comm, c, change, direct));
    bool is_extended;
    CI_TRY(extended_add(comm, c, change, &is_extended));
    return direct->is_all && !is_extended ? CI_OK : rest_take(comm, c, change);
}

/* A changed pixel, constant in time and frequency, beside what drifts: one point where both are at
 * one place. */
static void pixel_append(const ci_clean_model *b, const ci_grid_pixel *pixel, size_t n_drift,
                         ci_clean_points *points)
{
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES, at = 0;
    double l, m;
    ci_clean_model_pixel(b, pixel->index, &l, &m);
    while (at < n_drift && (points->lmn[3 * at] != l || points->lmn[3 * at + 1] != m))
        at++;
    if (at == n_drift) {
        at = points->n++;
        ci_clean_points_place(points, at, l, m);
        memset(points->flux + at * n_node, 0, n_node * sizeof *points->flux);
    }
    for (size_t k = 0; k < n_node; k++)
        points->flux[at * n_node + k] += pixel->value;
}

/* ---- bright sources -------------------------------------------------------------------------- */

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

/* Appends points of what sources are now, less what they were. */
static void sources_append(const ci_clean_model *b, const ci_clean_snapshot *was,
                           ci_clean_points *points)
{
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES;
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

/* Takes pixels, what drifts and what changed of sources out of the residual, in one sum. */
static ci_status points_take(const ci_clean *c, const direct_pixels *direct,
                             const ci_clean_points *drift)
{
    const ci_clean_model *b = c->setup.model;
    ci_clean_points points = {0};
    size_t n = drift->n + direct->n + b->n_source + before(c)->n_source + 1;
    ci_status status = ci_clean_points_new(&points, &b->axis, n, b->n_frame);
    if (status == CI_OK) {
        points.n = drift->n;
        if (drift->n > 0) {
            size_t n_flux = drift->n * b->n_frame * CI_CLEAN_FLUX_NODES;
            memcpy(points.lmn, drift->lmn, 3 * drift->n * sizeof *points.lmn);
            memcpy(points.flux, drift->flux, n_flux * sizeof *points.flux);
        }
        for (size_t i = 0; i < direct->n; i++)
            pixel_append(b, &direct->list[i], drift->n, &points);
        sources_append(b, before(c), &points);
        status = ci_clean_points_add(&points, c->setup.samples, -1);
    }
    ci_clean_points_clear(&points);
    return status;
}

ci_status ci_clean_residual_change(ci_comm *comm, ci_clean *c)
{
    direct_pixels direct = {0};
    ci_clean_points drift = {0};
    ci_status status = pixels_take(comm, c, &direct);
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    if (status == CI_OK)
        status = ci_clean_drift_points(comm, c->setup.model, c->setup.samples->n_good, &c->drifted,
                                       &drift);
    if (status == CI_OK) status = ci_par_agree(comm, points_take(c, &direct, &drift));
    ci_timer_end(ci_comm_timer(comm), mark);
    ci_clean_points_clear(&drift);
    ci_mem_free(direct.list);
    return status;
}
