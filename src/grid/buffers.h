/* Buffers of the planes, made when first needed and kept as long as the operator. All functions are
 * local. */
#ifndef GRID_BUFFERS_H
#define GRID_BUFFERS_H

#include "grid/operator.h"

/* Sees to it that g->buffers is there, with `image` for degridding. */
ci_status ci_grid_buffers_need(ci_grid_operator *g, bool is_degrid);
/* NULL-safe. */
void ci_grid_buffers_free(ci_grid_buffers *buffers);

#endif
