/* Visibilities of a model: pixel components by the gridder, all else by direct sums. */
#include "clean/outside.h"
#include "clean/sources.h"
#include "clean/variation.h"

/* What sources are beside their pixel components. */
static ci_status sources_add(const ci_clean_model *b, ci_vis_samples *samples)
{
    ci_clean_points points = {0};
    ci_status status = ci_clean_points_new(&points, &b->axis, b->n_source, b->n_frame);
    if (status == CI_OK) ci_clean_sources_points(b, b->source, b->n_source, 0, &points);
    if (status == CI_OK) status = ci_clean_points_add(&points, samples, 1);
    ci_clean_points_clear(&points);
    return status;
}

static ci_status drift_add(ci_comm *comm, const ci_clean_model *b, ci_clean_drifted *known,
                           ci_vis_samples *samples)
{
    ci_clean_points points;
    ci_clean_drifted_clear(known);
    ci_status status = ci_clean_drift_points(comm, b, samples->n_good, known, &points);
    if (status == CI_OK) status = ci_par_agree(comm, ci_clean_points_add(&points, samples, 1));
    ci_clean_points_clear(&points);
    return status;
}

/* Pixel and extended components by the gridder. */
static ci_status image_degrid(ci_comm *comm, const ci_clean_model *b, ci_grid_operator *gridder,
                              ci_c32 *vis)
{
    size_t n = b->layout->n_here * b->layout->n_x;
    double *sum = NULL;
    if (!b->extended) return ci_grid_degrid(comm, gridder, b->pixels, vis);
    CI_AGREE(comm, ci_mem_alloc(&sum, n, sizeof *sum, "model image"));
    for (size_t i = 0; i < n; i++)
        sum[i] = b->pixels[i] + b->extended[i];
    ci_status status = ci_grid_degrid(comm, gridder, sum, vis);
    ci_mem_free(sum);
    return status;
}

ci_status ci_clean_model_compute(ci_comm *comm, const ci_clean_model *b, ci_grid_operator *gridder,
                                 ci_vis_samples *samples, ci_clean_drifted *known)
{
    CI_AGREE(comm, ci_vis_samples_computed_alloc(samples));
    CI_TRY(image_degrid(comm, b, gridder, samples->computed));
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    ci_status status = drift_add(comm, b, known, samples);
    if (status == CI_OK) status = ci_par_agree(comm, sources_add(b, samples));
    if (status == CI_OK) status = ci_par_agree(comm, ci_clean_variations_add(b, samples));
    if (status == CI_OK) status = ci_par_agree(comm, ci_clean_outside_add(b, samples, 1));
    ci_timer_end(ci_comm_timer(comm), mark);
    return status;
}

ci_status ci_clean_model_predict(ci_comm *comm, const ci_clean_model *b, ci_grid_operator *gridder,
                                 ci_vis_samples *samples)
{
    ci_clean_drifted known = {0};
    ci_status status = ci_clean_model_compute(comm, b, gridder, samples, &known);
    ci_clean_drifted_clear(&known);
    return status;
}
