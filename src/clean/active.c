/* Thresholds, and the pixels above them: what minor cycles work on. */
#include "clean/state.h"

#include <math.h>

static const int64_t active_max = 1 << 22;
static const double mask_tolerance = 1.2; /* inside the mask, in units of the threshold */

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
        ci_clean_rms_mesh_row(mesh, c->layout->y_first + y, c->rms_row);
        for (size_t x = 0; x < c->layout->n_x; x++) {
            size_t i = y * c->layout->n_x + x;
            double v = fabs(c->setup.residual[i]), t = threshold_at(c, i, c->rms_row[x]);
            if (v > best[1]) best[1] = v;
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

/* Pixels of this rank above their threshold and `stop`; list may be NULL to count. */
static size_t active_list(const ci_clean *c, const ci_clean_rms_mesh *mesh, double stop,
                          ci_clean_active *list)
{
    size_t n = 0;
    double inner = c->inner * c->setup.options->auto_threshold;
    for (size_t y = 0; y < c->layout->n_here; y++) {
        ci_clean_rms_mesh_row(mesh, c->layout->y_first + y, c->rms_row);
        for (size_t x = 0; x < c->layout->n_x; x++) {
            size_t i = y * c->layout->n_x + x;
            double v = c->setup.residual[i], t = threshold_at(c, i, c->rms_row[x]);
            double counted = residual_counted(c, i);
            if (counted <= t || counted <= stop) continue;
            if (list)
                list[n] = (ci_clean_active){.x = (int32_t)x,
                                            .y = (int32_t)(c->layout->y_first + y),
                                            .value = (float)v,
                                            .threshold = (float)t,
                                            .threshold_in = (float)(inner * c->rms_row[x]),
                                            .no_negative = c->setup.is_positive &&
                                                           c->mask[i] == CI_CLEAN_MASK_NONE};
            n++;
        }
    }
    return n;
}

/* All ranks' active pixels on rank 0, and the depth that keeps them to a number that one
 * rank can hold. */
ci_status ci_clean_active_gather(ci_comm *comm, const ci_clean *c, const ci_clean_rms_mesh *mesh,
                                 double *stop, ci_clean_active **out, size_t *n_out)
{
    size_t n;
    for (;;) {
        n = active_list(c, mesh, *stop, NULL);
        int64_t n_all = (int64_t)n;
        CI_TRY(ci_par_sum_int(comm, &n_all, 1));
        if (n_all <= active_max) break;
        *stop *= 1.5;
    }
    ci_clean_active *here = NULL;
    size_t n_byte = 0;
    CI_TRY(ci_par_alloc(comm, &here, n, sizeof *here, "active pixels"));
    active_list(c, mesh, *stop, here);
    ci_status status = ci_par_gather(comm, here, n * sizeof *here, 0, (void **)out, &n_byte);
    ci_mem_free(here);
    *n_out = n_byte / sizeof **out;
    return status;
}
