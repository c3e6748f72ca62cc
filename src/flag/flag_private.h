/* Shared by flag's own files. */
#ifndef CI_FLAG_PRIVATE_H
#define CI_FLAG_PRIVATE_H

#include "contimg/flag.h"

/* Which column of "receptor" a polarisation product uses on either side; -1: none in the
 * data. A parallel hand is its own receptor; all Stokes parameters depend on I. */
typedef struct ci_flag_hands
{
    int first, second;
} ci_flag_hands;
ci_flag_hands ci_flag_hands_of(const ci_vis_meta *meta, size_t i_pol);
bool ci_flag_is_parallel(const ci_vis_meta *meta, size_t i_pol);

/* First row after `i_row` that belongs to another baseline. */
size_t ci_flag_baseline_end(const ci_vis_block *block, size_t i_row);

/* Median amplitude over the good samples of rows [first, end) of one polarisation, NaN for
 * none; at most n_scratch of them are looked at, evenly spread. */
double ci_flag_median_amplitude(const ci_vis_block *block, size_t i_row_first, size_t i_row_end,
                                size_t i_pol, float *scratch, size_t n_scratch, int64_t *n_good);

/* Finds and flags dead receptors; fills report->dead, median_amplitude, n_*. Collective. */
ci_status ci_flag_dead(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                       ci_flag_report *report);
/* The robust clip; adds to report->n_clipped. Collective. */
ci_status ci_flag_clip(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                       ci_flag_report *report);

#endif
