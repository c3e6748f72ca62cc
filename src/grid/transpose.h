/* Which grid rows hold data in a plane, on which rank, and the exchange that makes them
 * image rows and back. Blocks are [rank][image row][grid row of that rank][depth]. */
#ifndef GRID_TRANSPOSE_H
#define GRID_TRANSPOSE_H

#include "grid/operator.h"

/* Neighbouring grid rows: `column` within the rank's rows, `index` in the period of u. */
typedef struct ci_grid_row_run
{
    size_t i_rank, column, index, length;
} ci_grid_row_run;

/* The rows of one plane. Arrays belong to the structure. */
typedef struct ci_grid_row_list
{
    bool with_reach; /* also the rows of the next rank that a rank's last strip reaches into */
    size_t n_run, n_total;
    ci_grid_row_run *run;
    size_t *n_row;       /* [n_rank] */
    size_t *start;       /* [n_rank] of rank's block, in grid rows x image rows here */
    size_t *n_y;         /* [n_rank] image rows */
    size_t *n_grid_side; /* [n_rank] bytes of blocks by grid rank, by image rank */
    size_t *n_image_side;
} ci_grid_row_list;

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
