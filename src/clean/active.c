/* Thresholds, and the pixels above them: what minor cycles work on. */
#include "clean/state.h"

#include <math.h>

static const int64_t active_max = 1 << 22;
static const double mask_tolerance = 2; /* inside the mask, in units of the threshold */

/* Whether the lower one of the two thresholds holds. */
static bool is_inside(const ci_clean *c, size_t i)
{
    return c->mask[i] == CI_CLEAN_MASK_COMPONENT ||
           (c->inner < 1 && c->mask[i] == CI_CLEAN_MASK_NEAR);
}

static double threshold_at(const ci_clean *c, size_t i, double rms)
{
    const ci_clean_options *o = c->setup.options;
    return (is_inside(c, i) ? c->inner * o->auto_threshold : o->auto_mask) * rms;
}

/* No pixel of a row that is not near a component counts below it; least: of the row's rms. */
static double floor_of(const ci_clean *c, float least)
{
    return c->setup.options->auto_mask * least;
}

/* |residual| where a component may come to stand by its sign and the user's mask, else 0. */
static double residual_counted(const ci_clean *c, size_t i)
{
    double v = c->setup.residual[i];
    if (c->setup.mask && !c->setup.mask[i]) return 0;
    return v < 0 && c->setup.is_positive && c->mask[i] == CI_CLEAN_MASK_NONE ? 0 : fabs(v);
}

ci_status ci_clean_scan_make(ci_comm *comm, const ci_clean *c, const ci_clean_rms_mesh *mesh,
                             ci_clean_scan *out)
{
    double best[3] = {0, 0, 0};
    for (size_t y = 0; y < c->layout->n_here; y++) {
        double low = floor_of(c, ci_clean_rms_mesh_row(mesh, c->layout->y_first + y));
        for (size_t x = 0; x < c->layout->n_x; x++) {
            size_t i = y * c->layout->n_x + x;
            double v = fabs(c->setup.residual[i]);
            if (v > best[1]) best[1] = v;
            if (v <= low && c->mask[i] == CI_CLEAN_MASK_NONE) continue;
            double t = threshold_at(c, i, ci_clean_rms_mesh_at(mesh, x));
            v = residual_counted(c, i);
            if (v <= t) continue;
            if (v > best[0]) best[0] = v;
            double excess = v / fmax(t, 1e-300) / (is_inside(c, i) ? mask_tolerance : 1);
            if (excess > best[2]) best[2] = excess;
        }
    }
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
static ci_status row_active(const ci_clean *c, const ci_clean_rms_mesh *mesh, size_t y, double stop,
                            active_list *list)
{
    double inner = c->inner * c->setup.options->auto_threshold;
    double low = floor_of(c, ci_clean_rms_mesh_row(mesh, c->layout->y_first + y));
    for (size_t x = 0; x < c->layout->n_x; x++) {
        size_t i = y * c->layout->n_x + x;
        double v = c->setup.residual[i];
        if (fabs(v) <= stop || (fabs(v) <= low && c->mask[i] == CI_CLEAN_MASK_NONE)) continue;
        double rms = ci_clean_rms_mesh_at(mesh, x), t = threshold_at(c, i, rms);
        if (fabs(v) <= t || residual_counted(c, i) == 0) continue;
        const ci_clean_active pixel = {.x = (int32_t)x,
                                       .y = (int32_t)(c->layout->y_first + y),
                                       .value = (float)v,
                                       .threshold = (float)t,
                                       .threshold_in = (float)(inner * rms),
                                       .no_negative = c->setup.is_positive &&
                                                      c->mask[i] == CI_CLEAN_MASK_NONE};
        CI_TRY(active_append(list, &pixel));
    }
    return CI_OK;
}

static ci_status active_find(const ci_clean *c, const ci_clean_rms_mesh *mesh, double stop,
                             active_list *list)
{
    list->n = 0;
    for (size_t y = 0; y < c->layout->n_here; y++)
        CI_TRY(row_active(c, mesh, y, stop, list));
    return CI_OK;
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
    return status;
}
