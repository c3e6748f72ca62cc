/* Rows as they lie in the file, spread over a canonical block. All functions are local. */
#ifndef CI_UVH5_SPREAD_H
#define CI_UVH5_SPREAD_H

#include "uvh5/uvh5_private.h"

/* From file to block. */
typedef struct uvh5_spread
{
    const ci_uvh5_file *file;
    ci_vis_block *block;
    int32_t *baseline_map, *time_map; /* the file's -> meta's, -1: not there */
    int32_t *row_baseline, *row_time; /* [n_row of file] in terms of meta */
    int64_t *dest;                    /* [n_row of file] row of the block, -1: not wanted */
    size_t n_wanted;
    size_t row_first, row_end; /* file rows that hold all wanted ones */
    size_t chan_low, n_span;   /* file channels that hold the sub-band */
    /* [0] as the rows are, [1] reversed: [n_chan][n_pol], where a canonical sample lies in a
     * row of the file (n_span x n_pol) */
    uint32_t *order[2];
    bool is_in_order[2]; /* each sample where it is in the file */
    ci_isa isa;
} uvh5_spread;

/* Fills order, chan_low and n_span for a sub-band of the file. */
ci_status ci_uvh5_spread_order(uvh5_spread *s, size_t i_spw);

/* One row of the file of each array; `row` holds n_span x n_pol values. */
typedef ci_status (*uvh5_row_taker)(const uvh5_spread *s, size_t i_row, const void *row);
/* Sets data and flags (NONFINITE, with data 0, and ZERO). */
ci_status ci_uvh5_take_visibilities(const uvh5_spread *s, size_t i_row, const void *row);
/* Adds FILE; after the visibilities. */
ci_status ci_uvh5_take_flags(const uvh5_spread *s, size_t i_row, const void *row);
/* Values that cannot be weights become 0. Weights that are products stay so as long as all of a row
 * are equal and positive. */
ci_status ci_uvh5_take_weights(const uvh5_spread *s, size_t i_row, const void *row);

#endif
