/* Buffers of the planes. */
#include "grid/work.h"

void ci_grid_work_free(ci_grid_work *w)
{
    if (!w) return;
    if (w->image_side != w->grid_side) ci_mem_free(w->image_side);
    ci_mem_free(w->grid_side);
    ci_mem_free(w->strip);
    ci_mem_free(w->first);
    ci_mem_free(w->carry);
    ci_mem_free(w->line_v);
    ci_mem_free(w->line_u);
    ci_mem_free(w->screen);
    ci_mem_free(w->row);
    ci_mem_free(w->correction);
    ci_mem_free(w->image);
    ci_mem_free(w->n_halo_send);
    ci_grid_row_list_free(w->list[0]);
    ci_grid_row_list_free(w->list[1]);
    ci_mem_free(w);
}

/* Grid side and image side, as large as any plane of either direction needs them. */
static ci_status sides_make(ci_grid_work *w, const ci_grid_operator *g, size_t size)
{
    for (int i = 0; i < 2; i++) {
        size_t grid_side, image_side;
        CI_TRY(ci_grid_row_list_new(&w->list[i], g, i == 1));
        ci_grid_row_list_largest(w->list[i], g, &grid_side, &image_side);
        if (grid_side > w->n_grid_side) w->n_grid_side = grid_side;
        if (image_side > w->n_image_side) w->n_image_side = image_side;
    }
    size_t n_batch = (size_t)g->plan.n_batch;
    if (g->n_rank == 1 && w->n_image_side > w->n_grid_side) w->n_grid_side = w->n_image_side;
    CI_TRY(ci_mem_alloc(&w->grid_side, n_batch * w->n_grid_side, size, "planes"));
    if (g->n_rank == 1) {
        w->image_side = w->grid_side;
        w->n_image_side = w->n_grid_side;
        return CI_OK;
    }
    return ci_mem_alloc(&w->image_side, n_batch * w->n_image_side, size, "planes");
}

static ci_status work_make(ci_grid_work *w, const ci_grid_operator *g, size_t size)
{
    const ci_grid_plan *plan = &g->plan;
    size_t half = plan->n_x / 2 + 1, n_batch = (size_t)plan->n_batch;
    w->stride = plan->n_store * plan->depth;
    w->n_halo = (size_t)plan->kernel_uv.support - 1;
    w->n_carry = w->n_halo * w->stride;
    w->stride_v = (plan->n_v + 8) / 8 * 8 + 8; /* rows do not meet in one set of the cache */
    w->n_strip =
        CI_GRID_STRIP_ROWS * w->stride + w->n_carry + 2 * CI_GRID_KERNEL_MAX_SUPPORT * plan->depth;
    CI_TRY(ci_mem_alloc(&w->strip, w->n_strip, size, "grid strip"));
    CI_TRY(ci_mem_alloc(&w->first, n_batch * w->n_strip, size, "grid strip"));
    CI_TRY(ci_mem_alloc(&w->carry, n_batch * w->n_carry, size, "grid strip"));
    CI_TRY(ci_mem_alloc(&w->line_v, CI_GRID_LINES * w->stride_v, size, "grid rows"));
    CI_TRY(ci_mem_alloc(&w->line_u, plan->n_u, size, "grid rows"));
    CI_TRY(ci_mem_alloc(&w->screen, half, size, "screen"));
    CI_TRY(ci_mem_alloc(&w->row, plan->n_x, size / 2, "image row"));
    CI_TRY(ci_mem_alloc(&w->correction, half, sizeof(double), "screen"));
    CI_TRY(ci_mem_alloc(&w->n_halo_send, 2 * (size_t)g->n_rank, sizeof(size_t), "grid strip"));
    w->n_halo_recv = w->n_halo_send + g->n_rank;
    return sides_make(w, g, size);
}

ci_status ci_grid_work_need(ci_grid_operator *g, bool is_degrid)
{
    size_t size = g->plan.is_double ? sizeof(ci_c64) : sizeof(ci_c32);
    if (!g->work) {
        CI_TRY(ci_mem_alloc(&g->work, 1, sizeof *g->work, "planes"));
        CI_TRY(work_make(g->work, g, size));
    }
    if (!is_degrid || g->work->image) return CI_OK;
    return ci_mem_alloc(&g->work->image, g->n_y_here * g->plan.n_x, size / 2, "image to degrid");
}
