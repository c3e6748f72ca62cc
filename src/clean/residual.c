/* The exact residual of a model, and the model's bright sources fitted to it. */
#include "clean/state.h"

ci_status ci_clean_residual_predict(ci_comm *comm, ci_clean *c)
{
    ci_vis_samples *s = c->setup.samples;
    CI_TRY(ci_clean_model_predict(comm, c->setup.model, c->setup.gridder, s));
    for (size_t i = 0; i < s->n_sample; i++)
        s->work[i] = s->weight[i] > 0 ? s->data[i] - s->work[i] : 0;
    return CI_OK;
}

ci_status ci_clean_residual(ci_comm *comm, ci_clean *c)
{
    const ci_clean_setup *setup = &c->setup;
    ci_vis_samples *s = setup->samples;
    CI_TRY(ci_clean_sources_find(comm, setup->model, &c->sources, setup->residual));
    CI_TRY(ci_clean_residual_predict(comm, c));
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    ci_status status = ci_clean_sources_fit(comm, setup->model, &c->sources, s);
    if (status == CI_OK)
        status =
            ci_clean_variations_fit(comm, setup->model, &c->variability, &c->sources, s, c->level);
    ci_timer_end(ci_comm_timer(comm), mark);
    CI_TRY(status);
    CI_TRY(ci_grid_image(comm, setup->gridder, s->work, setup->residual));
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        setup->residual[i] /= setup->sum_weight;
    return CI_OK;
}
