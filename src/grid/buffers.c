/* Buffers of the planes. */
#include "grid/buffers.h"
#include "grid/slant.h"
#include "grid/transpose.h"

void ci_grid_buffers_free(ci_grid_buffers *buf)
{
    if (!buf) return;
    if (buf->image_side != buf->grid_side) ci_mem_free(buf->image_side);
    ci_mem_free(buf->grid_side);
    ci_mem_free(buf->strip);
    ci_mem_free(buf->first);
    ci_mem_free(buf->carry);
    ci_mem_free(buf->line_v);
    ci_mem_free(buf->line_u);
    ci_mem_free(buf->screen);
    ci_mem_free(buf->row);
    ci_mem_free(buf->correction);
    ci_mem_free(buf->image);
    ci_mem_free(buf->rows);
    ci_mem_free(buf->tap_cell);
    ci_mem_free(buf->tap);
    ci_mem_free(buf->n_halo_send);
    ci_grid_row_list_free(buf->list[0]);
    ci_grid_row_list_free(buf->list[1]);
    ci_mem_free(buf);
}

/* Grid side and image side, as large as any plane of either direction needs them. */
static ci_status sides_make(ci_grid_buffers *buf, const ci_grid_operator *g, size_t size)
{
    for (int i = 0; i < 2; i++) {
        size_t grid_side, image_side;
        CI_TRY(ci_grid_row_list_new(&buf->list[i], g, i == 1));
        ci_grid_row_list_largest(buf->list[i], g, &grid_side, &image_side);
        if (grid_side > buf->n_grid_side) buf->n_grid_side = grid_side;
        if (image_side > buf->n_image_side) buf->n_image_side = image_side;
    }
    size_t n_batch = (size_t)g->plan.n_batch;
    if (g->n_rank == 1 && buf->n_image_side > buf->n_grid_side)
        buf->n_grid_side = buf->n_image_side;
    CI_TRY(ci_mem_alloc(&buf->grid_side, n_batch * buf->n_grid_side, size, "planes"));
    if (g->n_rank == 1) {
        buf->image_side = buf->grid_side;
        buf->n_image_side = buf->n_grid_side;
        return CI_OK;
    }
    return ci_mem_alloc(&buf->image_side, n_batch * buf->n_image_side, size, "planes");
}

/* Taps, and on several ranks rows that this one interpolates from: reals, or backwards doubles. */
static ci_status slant_make(ci_grid_buffers *buf, const ci_grid_operator *g, size_t size)
{
    size_t n_byte = 0, half = g->plan.n_x / 2 + 1, n_tap = (size_t)g->plan.slant.kernel.support;
    CI_TRY(ci_mem_alloc(&buf->tap_cell, half, sizeof *buf->tap_cell, "image rows"));
    CI_TRY(ci_mem_alloc(&buf->tap, n_tap * half, size / 2, "image rows"));
    for (int i = 0; i < 2; i++) {
        size_t first, end, value = i == 1 ? size / 2 : sizeof(double);
        ci_grid_slant_needed(g, i == 1, &first, &end);
        if ((end - first) * value > n_byte) n_byte = (end - first) * value;
    }
    if (g->n_rank == 1) return CI_OK;
    return ci_mem_alloc(&buf->rows, g->plan.n_x, n_byte, "image rows");
}

static ci_status buffers_make(ci_grid_buffers *buf, const ci_grid_operator *g, size_t size)
{
    const ci_grid_plan *plan = &g->plan;
    size_t half = plan->n_x / 2 + 1, n_batch = (size_t)plan->n_batch;
    buf->stride = plan->n_store * plan->depth;
    buf->n_halo = (size_t)plan->kernel_uv.support - 1;
    buf->n_carry = buf->n_halo * buf->stride;
    buf->stride_v = (plan->n_v + 8) / 8 * 8 + 8; /* rows do not meet in one set of the cache */
    buf->n_strip = plan->strip_rows * buf->stride + buf->n_carry +
                   2 * CI_GRID_KERNEL_MAX_SUPPORT * plan->depth;
    CI_TRY(ci_mem_alloc(&buf->strip, n_batch * buf->n_strip, size, "grid strip"));
    CI_TRY(ci_mem_alloc(&buf->first, n_batch * buf->n_strip, size, "grid strip"));
    CI_TRY(ci_mem_alloc(&buf->carry, n_batch * buf->n_carry, size, "grid strip"));
    CI_TRY(ci_mem_alloc(&buf->line_v, CI_GRID_LINES * buf->stride_v, size, "grid rows"));
    CI_TRY(ci_mem_alloc(&buf->line_u, plan->n_u, size, "grid rows"));
    CI_TRY(ci_mem_alloc(&buf->screen, half, size, "screen"));
    CI_TRY(ci_mem_alloc(&buf->row, plan->n_x, size / 2, "image row"));
    CI_TRY(ci_mem_alloc(&buf->correction, half, sizeof(double), "screen"));
    CI_TRY(ci_mem_alloc(&buf->n_halo_send, 2 * (size_t)g->n_rank, sizeof(size_t), "grid strip"));
    buf->n_halo_recv = buf->n_halo_send + g->n_rank;
    if (plan->slant.is_on) CI_TRY(slant_make(buf, g, size));
    return sides_make(buf, g, size);
}

ci_status ci_grid_buffers_need(ci_grid_operator *g, bool is_degrid)
{
    size_t size = g->plan.is_double ? sizeof(ci_c64) : sizeof(ci_c32);
    if (!g->buffers) {
        CI_TRY(ci_mem_alloc(&g->buffers, 1, sizeof *g->buffers, "planes"));
        CI_TRY(buffers_make(g->buffers, g, size));
    }
    if ((!is_degrid && !g->plan.slant.is_on) || g->buffers->image) return CI_OK;
    return ci_mem_alloc(&g->buffers->image, g->n_y_here * g->plan.n_x, size / 2,
                        "image of the planes");
}
