/* Which grid rows hold data in a plane, on which rank, and the exchange that makes them
 * image rows and back. Blocks are [rank][image row][grid row of that rank][depth]. All functions
 * are local. */
#ifndef GRID_TRANSPOSE_H
#define GRID_TRANSPOSE_H

#include "grid/operator.h"

/* Local. */
ci_status ci_grid_row_list_new(ci_grid_row_list **out, const ci_grid_operator *g, bool with_reach);
void ci_grid_row_list_free(ci_grid_row_list *list);
/* Sets the list to plane p. */
void ci_grid_row_list_set(ci_grid_row_list *list, const ci_grid_operator *g, int i_plane,
                          size_t value_size);
/* Most values that the grid side [n_y][rows here] and the image side (blocks of all ranks)
 * hold in any plane. */
void ci_grid_row_list_largest(ci_grid_row_list *list, const ci_grid_operator *g, size_t *grid_side,
                              size_t *image_side);

#endif
