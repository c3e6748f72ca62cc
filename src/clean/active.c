/* Thresholds, and the pixels above them: what minor cycles work on. */
#include "clean/state.h"

#include <math.h>
#include <stdlib.h>

static const int64_t active_max = 1 << 22;
static const double mask_tolerance = 2; /* inside the mask, in units of the threshold */

/* One row of this rank's values of a scale. */
typedef struct row
{
    const double *value;      /* [n_x] */
    const uint8_t *mask;      /* [n_x] how near a component of this scale is */
    const uint8_t *user_mask; /* [n_x] or NULL */
    size_t from, to;          /* pixels in which centres may be */
    uint8_t inside;           /* least mask where the lower threshold holds */
    double noise;             /* of the values, over that of the residual */
    double low;               /* no pixel that is not near a component counts below it */
} row;

/* Row i; the mesh is made ready for it. */
static row row_at(const ci_clean *c, const ci_clean_rms_mesh *mesh, size_t i_scale, size_t i)
{
    const ci_grid_layout *l = c->layout;
    const ci_clean_scale *scale = &c->scales.scale[i_scale];
    size_t y = l->y_first + i, first = i * l->n_x;
    bool is_off = y < scale->margin || y + scale->margin >= l->n_y;
    float least = ci_clean_rms_mesh_row(mesh, y);
    return (row){.value = ci_clean_scales_row(&c->scales, i_scale, l, c->setup.residual, i),
                 .mask = scale->mask + first,
                 .user_mask = c->setup.mask ? c->setup.mask + first : NULL,
                 .from = is_off ? 0 : scale->margin,
                 .to = is_off ? 0 : l->n_x - scale->margin,
                 .inside =
                     c->inner < 1 || i_scale > 0 ? CI_CLEAN_MASK_NEAR : CI_CLEAN_MASK_COMPONENT,
                 .noise = scale->noise,
                 .low = c->setup.options->auto_mask * least * scale->noise};
}

static double threshold_at(const ci_clean *c, const row *r, size_t x, double rms)
{
    const ci_clean_options *o = c->setup.options;
    return (r->mask[x] >= r->inside ? c->inner * o->auto_threshold : o->auto_mask) * rms;
}

/* |value| where a component may come to stand by its sign and the user's mask, else 0. */
static double value_counted(const ci_clean *c, const row *r, size_t x)
{
    double v = r->value[x];
    if (r->user_mask && !r->user_mask[x]) return 0;
    return v < 0 && c->setup.is_positive && r->mask[x] == CI_CLEAN_MASK_NONE ? 0 : fabs(v);
}

/* best: |value| where it counts, of all, in units of its threshold. */
static void row_scan(const ci_clean *c, const ci_clean_rms_mesh *mesh, const row *r, double best[3])
{
    for (size_t x = r->from; x < r->to; x++) {
        double v = fabs(r->value[x]);
        if (v > best[1]) best[1] = v;
        if (v <= r->low && r->mask[x] == CI_CLEAN_MASK_NONE) continue;
        double t = threshold_at(c, r, x, ci_clean_rms_mesh_at(mesh, x) * r->noise);
        v = value_counted(c, r, x);
        if (v <= t) continue;
        if (v > best[0]) best[0] = v;
        double excess = v / fmax(t, 1e-300) / (r->mask[x] >= r->inside ? mask_tolerance : 1);
        if (excess > best[2]) best[2] = excess;
    }
}

ci_status ci_clean_scan_make(ci_comm *comm, const ci_clean *c, const ci_clean_rms_mesh *mesh,
                             ci_clean_scan *out)
{
    double best[3] = {0, 0, 0}, peak_all = 0;
    for (size_t s = 0; s < c->scales.n; s++) {
        for (size_t y = 0; y < c->layout->n_here; y++) {
            row r = row_at(c, mesh, s, y);
            row_scan(c, mesh, &r, best);
        }
        if (s == 0) peak_all = best[1];
    }
    best[1] = peak_all;
    CI_TRY(ci_par_max_double(comm, best, 3));
    *out = (ci_clean_scan){.peak = best[0], .peak_all = best[1], .excess = best[2]};
    return CI_OK;
}

/* ---- active pixels --------------------------------------------------------------------------- */

/* Beyond the most that are of use they are counted alone. */
typedef struct active_list
{
    ci_clean_active *pixel; /* [n] */
    size_t n, n_max;
} active_list;

static ci_status active_append(active_list *list, const ci_clean_active *pixel)
{
    if (list->n >= (size_t)active_max) {
        list->n++;
        return CI_OK;
    }
    if (list->n == list->n_max) {
        list->n_max = list->n_max ? 2 * list->n_max : 4096;
        CI_TRY(ci_mem_resize(&list->pixel, list->n_max, sizeof *list->pixel, "active pixels"));
    }
    list->pixel[list->n++] = *pixel;
    return CI_OK;
}

/* Pixels of a row of this rank's above their threshold and `stop`. */
static ci_status row_active(const ci_clean *c, const ci_clean_rms_mesh *mesh, const row *r,
                            ci_clean_active pixel, double stop, active_list *list)
{
    double inner = c->inner * c->setup.options->auto_threshold;
    for (size_t x = r->from; x < r->to; x++) {
        double v = r->value[x];
        if (fabs(v) <= stop || (fabs(v) <= r->low && r->mask[x] == CI_CLEAN_MASK_NONE)) continue;
        double rms = ci_clean_rms_mesh_at(mesh, x) * r->noise, t = threshold_at(c, r, x, rms);
        if (fabs(v) <= t || value_counted(c, r, x) == 0) continue;
        pixel.x = (int32_t)x;
        pixel.value = (float)v;
        pixel.threshold = (float)t;
        pixel.threshold_in = (float)(inner * rms);
        pixel.no_negative = c->setup.is_positive && r->mask[x] == CI_CLEAN_MASK_NONE;
        CI_TRY(active_append(list, &pixel));
    }
    return CI_OK;
}

static ci_status active_find(const ci_clean *c, const ci_clean_rms_mesh *mesh, double stop,
                             active_list *list)
{
    list->n = 0;
    for (size_t s = 0; s < c->scales.n; s++)
        for (size_t y = 0; y < c->layout->n_here; y++) {
            row r = row_at(c, mesh, s, y);
            const ci_clean_active at = {.y = (int32_t)(c->layout->y_first + y),
                                        .scale = (int32_t)s};
            CI_TRY(row_active(c, mesh, &r, at, stop, list));
        }
    return CI_OK;
}

static int by_scale(const void *a, const void *b)
{
    const ci_clean_active *p = a, *q = b;
    if (p->scale != q->scale) return p->scale < q->scale ? -1 : 1;
    if (p->y != q->y) return p->y < q->y ? -1 : 1;
    return p->x < q->x ? -1 : p->x > q->x;
}

/* All ranks' active pixels on rank 0, and the depth that keeps them to a number that one
 * rank can hold. */
ci_status ci_clean_active_gather(ci_comm *comm, const ci_clean *c, const ci_clean_rms_mesh *mesh,
                                 double *stop, ci_clean_active **out, size_t *n_out)
{
    active_list here = {0};
    size_t n_byte = 0;
    int64_t n_all = 0;
    ci_status status;
    for (;; *stop *= 1.5) {
        status = ci_par_agree(comm, active_find(c, mesh, *stop, &here));
        n_all = (int64_t)here.n;
        if (status == CI_OK) status = ci_par_sum_int(comm, &n_all, 1);
        if (status != CI_OK || n_all <= active_max) break;
    }
    if (status == CI_OK)
        status =
            ci_par_gather(comm, here.pixel, here.n * sizeof *here.pixel, 0, (void **)out, &n_byte);
    ci_mem_free(here.pixel);
    *n_out = n_byte / sizeof **out;
    if (c->scales.n > 1 && *n_out > 0) qsort(*out, *n_out, sizeof **out, by_scale);
    return status;
}
