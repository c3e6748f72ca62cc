/* Components under a beam that moves over them: what the beam of each integration and channel
 * differs from the mean beam (docs/science.md "CLEAN"). */
#include "clean/sources.h"

#include <math.h>
#include <stdlib.h>

enum
{
    COMPONENTS_MIN = 64,
    COMPONENTS_MAX = 4096,
    TIMES_STILL = 3,
    TIMES_MOVING = 32
};
static const double work_max = 6e8;     /* component x sample of one major cycle */
static const double importance_min = 2; /* in units of the residual's rms */

/* Integration k of n that spread over all, the ends and the middle among them. */
static size_t time_at(size_t k, size_t n, size_t n_all)
{
    if (n == TIMES_STILL) return k == 0 ? 0 : k == 1 ? n_all / 2 : n_all - 1;
    return n == n_all ? k : k * (n_all - 1) / (n - 1);
}

/* Flux times the greatest relative change of the beam: first, middle and last integration, more
 * where the dishes move; ends of the band. */
static double importance(const ci_clean_model *b, const ci_clean_component *c)
{
    double l, m, ra, dec, greatest = 0;
    size_t most = b->field->pointing->n_move > 0 ? TIMES_MOVING : TIMES_STILL;
    size_t n_time = b->n_frame < most ? b->n_frame : most;
    ci_clean_model_pixel(b, c->index, &l, &m);
    ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < n_time; t++)
        for (int f = 0; f < CI_CLEAN_FLUX_NODES; f += CI_CLEAN_FLUX_NODES - 1) {
            double power = ci_sky_beam_power(b->field->beam, b->field->pointing,
                                             b->frame[time_at(t, n_time, b->n_frame)], ra, dec,
                                             b->axis.node_hz[f]);
            greatest = fmax(greatest, fabs(power / c->beam - 1));
        }
    return fabs(c->flux) * greatest;
}

static int by_index(const void *a, const void *b)
{
    const ci_clean_component *p = a, *q = b;
    return p->index < q->index ? -1 : p->index > q->index;
}

static int by_importance(const void *a, const void *b)
{
    const ci_clean_component *p = a, *q = b;
    if (p->importance != q->importance) return p->importance < q->importance ? 1 : -1;
    return by_index(a, b);
}

/* The components that matter most, as many as the work allows, in scan order on all ranks. */
static ci_status choose(ci_comm *comm, const ci_clean_model *b, int64_t n_sample,
                        const ci_clean_drifted *known, ci_clean_component **out, size_t *n_out)
{
    const ci_clean_choice choice = {importance, importance_min * b->residual_rms, known->list,
                                    known->n};
    CI_TRY(ci_clean_components_gather(comm, b, &choice, out, n_out));
    double most = work_max / (double)n_sample;
    most = fmin(fmax(most, COMPONENTS_MIN), COMPONENTS_MAX);
    qsort(*out, *n_out, sizeof **out, by_importance);
    if ((double)*n_out > most) *n_out = (size_t)most;
    qsort(*out, *n_out, sizeof **out, by_index);
    return CI_OK;
}

/* Flux (beam / mean beam - 1) of every component. */
static ci_status points_fill(const ci_clean_model *b, const ci_clean_component *c, size_t n,
                             ci_clean_points *points)
{
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES;
    CI_TRY(ci_clean_points_new(points, &b->axis, n, b->n_frame));
    for (size_t i = 0; i < n; i++) {
        double l, m, *flux = points->flux + i * n_node;
        ci_clean_model_pixel(b, c[i].index, &l, &m);
        ci_clean_points_place(points, i, l, m);
        ci_clean_model_beam_ratio(b, l, m, c[i].beam, flux);
        for (size_t k = 0; k < n_node; k++)
            flux[k] = c[i].flux * (flux[k] - 1);
    }
    return CI_OK;
}

/* What is known, and n more; both by index. */
static ci_status known_add(ci_clean_drifted *known, const ci_clean_component *more, size_t n)
{
    ci_clean_component *all = NULL;
    size_t n_all = 0, i = 0, k = 0;
    CI_TRY(ci_mem_alloc(&all, known->n + n, sizeof *all, "drifting components"));
    while (i < known->n || k < n) {
        bool is_new = i == known->n || (k < n && more[k].index < known->list[i].index);
        all[n_all] = is_new ? more[k++] : known->list[i++];
        if (!is_new && k < n && more[k].index == all[n_all].index)
            all[n_all].flux += more[k++].flux;
        n_all++;
    }
    ci_mem_free(known->list);
    *known = (ci_clean_drifted){all, n_all};
    return CI_OK;
}

void ci_clean_drifted_clear(ci_clean_drifted *known)
{
    ci_mem_free(known->list);
    *known = (ci_clean_drifted){0};
}

ci_status ci_clean_drifted_points(const ci_clean_model *model, const ci_clean_drifted *known,
                                  ci_clean_points *out)
{
    return points_fill(model, known->list, known->n, out);
}

ci_status ci_clean_drift_points(ci_comm *comm, const ci_clean_model *model, int64_t n_sample,
                                ci_clean_drifted *known, ci_clean_points *out)
{
    ci_clean_component *chosen = NULL;
    size_t n = 0;
    *out = (ci_clean_points){0};
    if (!model->has_beam) return CI_OK;
    ci_status status = choose(comm, model, n_sample, known, &chosen, &n);
    if (status == CI_OK) status = points_fill(model, chosen, n, out);
    if (status == CI_OK) status = known_add(known, chosen, n);
    ci_mem_free(chosen);
    return ci_par_agree(comm, status);
}
