/* The whole operator in one precision: the templates in order. Their loops are kernels for several
 * instruction sets; what they are called from, with the messages between ranks, is not. All
 * functions are local. */
#include "grid/taps.h"
#include "grid/strip_template.h"
#include "grid/rows_template.h"
#include "grid/image_template.h"
#include "grid/values_template.h"
#include "grid/slant_template.h"

/* All planes of a batch between grid side and image side. */
static ci_status NAME(planes_exchange)(ci_comm *comm, const ci_grid_operator *g, bool to_image)
{
    const ci_grid_buffers *buf = g->buffers;
    const ci_grid_row_list *list = buf->list[to_image ? 0 : 1];
    if (g->n_rank == 1) return CI_OK;
    for (int k = 0; k < g->plan.n_batch; k++) {
        CPLX *grid_side = (CPLX *)buf->grid_side + (size_t)k * buf->n_grid_side;
        CPLX *image_side = (CPLX *)buf->image_side + (size_t)k * buf->n_image_side;
        if (to_image)
            CI_TRY(ci_par_exchange_into(comm, grid_side, list->n_grid_side, image_side,
                                        list->n_image_side));
        else
            CI_TRY(ci_par_exchange_into(comm, image_side, list->n_image_side, grid_side,
                                        list->n_grid_side));
    }
    return CI_OK;
}

static ci_status NAME(grid)(ci_comm *comm, ci_grid_operator *g, const void *values, double *slab)
{
    CI_AGREE(comm, ci_grid_buffers_need(g, false));
    for (int p = 0; p < g->plan.n_plane; p += g->plan.n_batch) {
        ci_grid_row_list_set(g->buffers->list[0], g, p, sizeof(CPLX));
        CI_TRY(NAME(strips_grid)(comm, g, p, values));
        CI_TRY(NAME(planes_exchange)(comm, g, true));
        CI_ISA_KERNEL(NAME(planes_to_slab), g->isa)(comm, g, p, slab);
    }
    return g->plan.slant.is_on ? NAME(slant_to_slab)(comm, g, slab) : CI_OK;
}

/* The image that planes are made from. */
static ci_status NAME(image_begin)(ci_comm *comm, const ci_grid_operator *g, const double *slab)
{
    if (!g->plan.slant.is_on) {
        CI_ISA_KERNEL(NAME(image_correct), g->isa)(g, slab);
        return CI_OK;
    }
    CI_TRY(NAME(slant_from_slab)(comm, g, slab));
    CI_ISA_KERNEL(NAME(image_correct_slanted), g->isa)(g);
    return CI_OK;
}

static ci_status NAME(degrid)(ci_comm *comm, ci_grid_operator *g, const double *slab, void *values)
{
    CI_AGREE(comm, ci_grid_buffers_need(g, true));
    if (g->n_owned > 0) memset(values, 0, g->n_owned * sizeof(CPLX));
    CI_TRY(NAME(image_begin)(comm, g, slab));
    for (int p = 0; p < g->plan.n_plane; p += g->plan.n_batch) {
        ci_grid_row_list_set(g->buffers->list[1], g, p, sizeof(CPLX));
        CI_ISA_KERNEL(NAME(image_to_planes), g->isa)(comm, g, p);
        CI_TRY(NAME(planes_exchange)(comm, g, false));
        NAME(strips_degrid)(comm, g, p, values);
    }
    return CI_OK;
}

static void NAME(weight_phase_apply)(const ci_grid_operator *g, bool unit, void *values)
{
    CI_ISA_KERNEL(NAME(values_weight_phase_apply), g->isa)(g, unit, values);
}

static void NAME(phase_remove)(const ci_grid_operator *g, void *values)
{
    CI_ISA_KERNEL(NAME(values_phase_remove), g->isa)(g, values);
}

const ci_grid_planes NAME(ci_grid_planes) = {.size = sizeof(CPLX),
                                             .weight_phase_apply = NAME(weight_phase_apply),
                                             .phase_remove = NAME(phase_remove),
                                             .grid = NAME(grid),
                                             .degrid = NAME(degrid)};
