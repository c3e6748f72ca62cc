/* The rows of a block by time and phase centre: one frame serves many rows. All functions are
 * local. */
#ifndef CI_SKY_ROWS_H
#define CI_SKY_ROWS_H

#include "contimg/sky.h"

typedef struct ci_sky_rows
{
    size_t n_batch;
    size_t *first; /* [n_batch + 1] into row */
    size_t *row;   /* [n_row] row numbers, ascending within a batch */
} ci_sky_rows;

/* Batches of equal (i_time, i_phase), ascending. CI_ERR_INTERNAL where an index is outside
 * the meta. */
ci_status ci_sky_rows_new(ci_sky_rows *out, const ci_vis_block *block);
/* Rows of the largest batch. */
size_t ci_sky_rows_most(const ci_sky_rows *rows);
void ci_sky_rows_clear(ci_sky_rows *rows);

/* Position of every antenna relative to one of the array, ITRS, m: [n_antenna][3], for
 * ci_mem_free. Phases of antennas, whose differences count, stay small so. */
ci_status ci_sky_positions(double **out, const ci_vis_meta *meta);

#endif
