/* Corrections of one block, in double precision. */
#ifndef CI_CAL_APPLY_H
#define CI_CAL_APPLY_H

#include "contimg/cal.h"

/* 1/g of every receptor where the block needs it; 0: no solution. */
typedef struct ci_cal_correction
{
    size_t n_slot, n_antenna, n_feed, n_chan; /* n_chan: the block's, or 1 */
    size_t *slot;                             /* [meta n_time] of each time of the data */
    ci_c64 *inverse; /* [n_slot][n_antenna][n_feed][n_chan], antennas of the data */
    int hand[4][2];  /* [pol] hands of either side, -1: not in the table */
} ci_cal_correction;

CI_MUST_CHECK ci_status ci_cal_correction_new(ci_cal_correction **out, const ci_cal_table *table,
                                              const ci_vis_block *block);
void ci_cal_correction_free(ci_cal_correction *correction);
/* factor [block n_chan] = 1/(g1 conj(g2)) of one row and polarisation; 0: none. */
void ci_cal_correction_row(const ci_cal_correction *correction, const ci_vis_block *block,
                           size_t i_row, size_t i_pol, ci_c64 *factor);

#endif
