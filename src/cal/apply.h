/* Corrections of one block, in double precision. All functions are local. */
#ifndef CI_CAL_APPLY_H
#define CI_CAL_APPLY_H

#include "contimg/cal.h"

/* 1/g of every receptor where the block needs it; 0: no solution. */
typedef struct ci_cal_correction
{
    size_t n_slot, n_antenna, n_feed, n_chan; /* n_chan: the block's, or 1 */
    size_t *slot;                             /* [meta n_time] of each time of the data */
    ci_c64 *inverse; /* [n_slot][n_antenna][n_feed][n_chan], antennas of the data */
    bool *is_known;  /* [block n_chan] channels of which the table knows something */
    double *delay_s; /* [n_antenna][n_feed] 0: none; NULL: channels lose nothing by them */
    int feed[4][2];  /* [pol] feed of the table on either side, -1: not in the table */
} ci_cal_correction;

CI_MUST_CHECK ci_status ci_cal_correction_new(ci_cal_correction **out, const ci_cal_table *table,
                                              const ci_vis_block *block);
void ci_cal_correction_free(ci_cal_correction *correction);
/* factor [block n_chan] = 1/(loss g1 conj(g2)) of one row and polarisation; 0: none. */
void ci_cal_correction_row(const ci_cal_correction *correction, const ci_vis_block *block,
                           size_t i_row, size_t i_pol, ci_c64 *factor);
/* The same where the correction has n_chan 1 and no delays: in all channels that it knows. */
ci_c64 ci_cal_correction_gain(const ci_cal_correction *correction, const ci_vis_block *block,
                              size_t i_row, size_t i_pol);

/* Table channel nearest to a channel of the data, to half a channel of the wider; -1: none. */
int32_t ci_cal_chan_match(const ci_cal_table *table, double freq_hz, double width_hz);
/* Channels of a table from `first` that say what the gain of a channel of the data is: the same
 * channel, the two on either side, or several that lie in it. */
typedef struct ci_cal_chans
{
    size_t first, n, near;    /* n 0: none; near: the nearest */
    double freq_hz, width_hz; /* of the data */
    double step_hz;           /* between the two on either side; 0: they lie in it */
} ci_cal_chans;
ci_cal_chans ci_cal_chans_of(const ci_cal_table *table, double freq_hz, double width_hz);
/* What table channel i_chan counts in the mean. */
double ci_cal_chans_weight(const ci_cal_table *table, const ci_cal_chans *chans, size_t i_chan);
/* Table antenna of each antenna of the data, -1: none; returns how many have one. */
size_t ci_cal_antennas_match(const ci_cal_table *table, const ci_vis_array *array, int32_t *match);
/* table_feed[pol][side]: which feed of the table is that of the data, -1: none. */
void ci_cal_pols_match(const ci_cal_table *table, const ci_vis_meta *meta, bool is_swapped,
                       int table_feed[4][2]);
/* CI_ERR_INPUT where the table knows no channel of the data set. */
ci_status ci_cal_band_check(const ci_cal_table *table, const ci_vis_meta *meta);
/* antenna [data's antennas]: the table's, -1 none. *is_swapped: the table's X is the data's Y.
 * CI_ERR_INPUT where their feeds lie in other directions. */
ci_status ci_cal_feeds_match(const ci_cal_table *table, const ci_vis_meta *meta,
                             const int32_t *antenna, bool *is_swapped);
/* Says (tells) which antennas have no gains and where names and numbers contradict each other;
 * CI_ERR_INPUT where no parallel hand of the data has gains of its feeds. */
ci_status ci_cal_receptors_check(const ci_cal_table *table, const ci_vis_meta *meta, bool tells);
/* Its path, or "calibration table". */
const char *ci_cal_table_title(const ci_cal_table *table);

#endif
