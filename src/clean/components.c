/* One set of minor cycles: on rank 0, from all ranks' pixels, into everybody's model. */
#include "clean/state.h"

#include <math.h>

typedef struct component
{
    int32_t x, y, scale;
    double flux;
} component;

static ci_status minor_run(const ci_clean *c, size_t n, ci_clean_active *active,
                           const ci_clean_minor_limits *limits, ci_clean_minor_result *result,
                           component **out, size_t *n_out)
{
    double *flux = NULL;
    ci_status status = ci_mem_alloc(&flux, n, sizeof *flux, "clean components");
    if (status == CI_OK)
        status = ci_clean_minor_clark(c->scales.patch, n, active, flux, limits, result);
    size_t n_found = 0;
    for (size_t i = 0; status == CI_OK && i < n; i++)
        n_found += flux[i] != 0;
    if (status == CI_OK) status = ci_mem_alloc(out, n_found, sizeof **out, "clean components");
    *n_out = 0;
    for (size_t i = 0; status == CI_OK && i < n; i++)
        if (flux[i] != 0) {
            const ci_clean_scale *scale = &c->scales.scale[active[i].scale];
            (*out)[(*n_out)++] = (component){active[i].x, active[i].y, active[i].scale,
                                             flux[i] / (scale->norm * scale->bias)};
        }
    ci_mem_free(flux);
    return status;
}

void ci_clean_near_mark(ci_clean *c, size_t i_scale, int32_t x_at, int32_t y_at)
{
    const ci_clean_scale *scale = &c->scales.scale[i_scale];
    int32_t r = scale->radius, n_x = (int32_t)c->layout->n_x;
    int32_t y_first = (int32_t)c->layout->y_first, y_end = y_first + (int32_t)c->layout->n_here;
    for (int32_t y = y_at - r > y_first ? y_at - r : y_first; y <= y_at + r && y < y_end; y++)
        for (int32_t x = x_at > r ? x_at - r : 0; x <= x_at + r && x < n_x; x++) {
            uint8_t *mask = &scale->mask[(size_t)(y - y_first) * c->layout->n_x + (size_t)x];
            if (*mask == CI_CLEAN_MASK_NONE) *mask = CI_CLEAN_MASK_NEAR;
        }
}

void ci_clean_variations_mark(ci_clean *c)
{
    const ci_clean_model *b = c->setup.model;
    for (size_t i = 0; i < b->n_variation; i++)
        ci_clean_near_mark(
            c, 0, (int32_t)lrint((double)(c->layout->n_x / 2) - b->variation[i].l / b->cell_rad),
            (int32_t)lrint((double)(c->layout->n_y / 2) + b->variation[i].m / b->cell_rad));
}

static void components_add(ci_clean *c, const component *found, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t y = (size_t)found[k].y, i_scale = (size_t)found[k].scale;
        const ci_clean_scale *scale = &c->scales.scale[i_scale];
        if (c->setup.is_positive || i_scale > 0)
            ci_clean_near_mark(c, i_scale, found[k].x, found[k].y);
        if (scale->shape)
            ci_clean_scale_add(scale, c->layout, found[k].x, found[k].y, found[k].flux,
                               c->setup.model->extended);
        if (y < c->layout->y_first || y >= c->layout->y_first + c->layout->n_here) continue;
        size_t i = (y - c->layout->y_first) * c->layout->n_x + (size_t)found[k].x;
        if (!scale->shape) c->pixels[i] += found[k].flux;
        scale->mask[i] = CI_CLEAN_MASK_COMPONENT;
    }
}

/* Finds components on rank 0 and adds them to everybody's model. */
ci_status ci_clean_components_find(ci_comm *comm, ci_clean *c, const ci_clean_rms_mesh *mesh,
                                   double stop, int64_t n_left, ci_clean_minor_result *result)
{
    ci_clean_active *active = NULL;
    component *found = NULL;
    size_t n_active = 0;
    int64_t head[3] = {0};
    CI_TRY(ci_clean_active_gather(comm, c, mesh, &stop, &active, &n_active));
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) == 0) {
        ci_clean_minor_limits limits = {c->setup.options->gain, stop, n_left, c->scales.n,
                                        c->scales.ratio};
        size_t n = 0;
        size_t mark = ci_timer_begin(ci_comm_timer(comm), "minor cycle");
        status = minor_run(c, n_active, active, &limits, result, &found, &n);
        ci_timer_end(ci_comm_timer(comm), mark);
        head[0] = (int64_t)n;
        head[1] = result->n_iteration;
        head[2] = result->diverged;
    }
    ci_mem_free(active);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_bcast(comm, head, sizeof head, 0);
    if (status == CI_OK && ci_comm_rank(comm) != 0)
        status = ci_mem_alloc(&found, (size_t)head[0], sizeof *found, "clean components");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_bcast(comm, found, (size_t)head[0] * sizeof *found, 0);
    if (status == CI_OK) {
        components_add(c, found, (size_t)head[0]);
        *result = (ci_clean_minor_result){head[1], head[2] != 0};
    }
    ci_mem_free(found);
    return status;
}
