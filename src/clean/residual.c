/* The exact residual of a model, and the model's bright sources fitted to it. */
#include "clean/state.h"

#include <math.h>
#include <string.h>

/* samples->computed becomes the data less the model as it stands. */
static ci_status predict(ci_comm *comm, ci_clean *c)
{
    ci_vis_samples *s = c->setup.samples;
    CI_TRY(ci_clean_model_compute(comm, c->setup.model, c->setup.gridder, s, &c->drifted));
    for (size_t i = 0; i < s->n_sample; i++)
        s->computed[i] = s->weight[i] > 0 ? s->data[i] - s->computed[i] : 0;
    return CI_OK;
}

static ci_status measure(ci_comm *comm, ci_clean *c)
{
    ci_clean_model *b = c->setup.model;
    c->is_measured = true;
    CI_TRY(ci_grid_slab_rms(comm, c->layout, c->setup.residual, &b->residual_rms));
    return ci_grid_slab_peak(comm, c->layout, c->setup.residual, &b->residual_peak, NULL);
}

ci_status ci_clean_residual_image(ci_comm *comm, ci_clean *c)
{
    CI_TRY(ci_grid_image(comm, c->setup.gridder, c->setup.samples->computed, c->setup.residual));
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        c->setup.residual[i] /= c->setup.sum_weight;
    return measure(comm, c);
}

ci_status ci_clean_residual_plain(ci_comm *comm, ci_clean *c)
{
    CI_TRY(predict(comm, c));
    c->is_exact = true;
    return ci_clean_residual_image(comm, c);
}

void ci_clean_residual_forget(ci_clean *c)
{
    c->is_exact = false;
}

/* What lies outside the image leaves the residual of an empty model before the first cycle. */
ci_status ci_clean_residual_begin(ci_comm *comm, ci_clean *c)
{
    ci_vis_samples *s = c->setup.samples;
    if (!c->is_measured) CI_TRY(measure(comm, c));
    if (c->is_outside_begun || !c->setup.options->outside) return CI_OK;
    CI_AGREE(comm, ci_vis_samples_computed_alloc(s));
    memcpy(s->computed, s->data, s->n_sample * sizeof *s->computed);
    CI_TRY(ci_clean_outside_cycle(comm, c));
    return c->setup.model->n_outside > 0 ? ci_clean_residual_image(comm, c) : CI_OK;
}

ci_status ci_clean_residual_finish(ci_comm *comm, ci_clean *c, double peak, bool *again)
{
    ci_clean_model *b = c->setup.model;
    size_t n_before = b->n_outside;
    *again = false;
    if (!c->search || !(peak < c->searched_peak)) return CI_OK;
    b->residual_peak = peak;
    c->searched_peak = INFINITY;
    CI_TRY(ci_clean_outside_cycle(comm, c));
    *again = b->n_outside != n_before;
    return b->n_outside > 0 ? ci_clean_residual_image(comm, c) : CI_OK;
}

/* Its sources were fitted when it was saved; those outside the image are sought anew. */
ci_status ci_clean_residual_resume(ci_comm *comm, ci_clean *c)
{
    bool is_sought = c->setup.options->outside || c->setup.options->known;
    return is_sought ? ci_clean_residual(comm, c) : ci_clean_residual_plain(comm, c);
}

ci_status ci_clean_residual(ci_comm *comm, ci_clean *c)
{
    const ci_clean_setup *setup = &c->setup;
    ci_vis_samples *s = setup->samples;
    CI_TRY(ci_clean_sources_find(comm, setup->model, &c->sources));
    ci_log_progress("clean: major cycle %d: visibilities of the model", c->stats.n_major + 1);
    bool is_known = c->is_exact;
    c->is_exact = false;
    CI_TRY(is_known ? ci_clean_residual_change(comm, c) : predict(comm, c));
    ci_log_progress("clean: major cycle %d: %zu bright sources", c->stats.n_major + 1,
                    setup->model->n_source);
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    ci_status status = ci_clean_sources_fit(comm, setup->model, &c->sources, s);
    if (status == CI_OK)
        status =
            ci_clean_variations_fit(comm, setup->model, &c->variability, &c->sources, s, c->level);
    if (status == CI_OK) status = ci_clean_outside_cycle(comm, c);
    ci_timer_end(ci_comm_timer(comm), mark);
    CI_TRY(status);
    c->is_exact = true;
    ci_log_progress("clean: major cycle %d: image of the residual", c->stats.n_major + 1);
    return ci_clean_residual_image(comm, c);
}
