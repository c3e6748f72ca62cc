/* Shared by flag's own files. */
#ifndef CI_FLAG_PRIVATE_H
#define CI_FLAG_PRIVATE_H

#include "contimg/flag.h"

/* Median amplitude over the good samples of rows [first, end) of one polarisation, NaN for
 * none; at most n_scratch of them are looked at, evenly spread. Local. */
double ci_flag_median_amplitude(const ci_vis_block *block, size_t i_row_first, size_t i_row_end,
                                size_t i_pol, float *scratch, size_t n_scratch, ci_isa isa,
                                int64_t *n_good);

/* Finds and flags dead receptors; fills report->dead, median_amplitude, n_*. `again`: after
 * interference was found, beside which a dead receptor may not have been seen: only those of low
 * amplitude are added. Collective. */
ci_status ci_flag_dead(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options, bool again,
                       ci_flag_report *report);
/* A line for each polarisation that has dead receptors: how many, and why. Local. */
void ci_flag_dead_tell(const ci_vis_meta *meta, const ci_flag_options *options,
                       const ci_flag_report *report);
/* Finds interference and flags it, CI_VIS_FLAG_RFI; *n_bad: dynamic spectra flagged whole.
 * Collective. */
ci_status ci_flag_rfi(ci_comm *comm, ci_vis_set *set, size_t *n_bad);
/* Fills the report's counts and shares; *n_left: good samples of parallel hands. Collective. */
ci_status ci_flag_tally(ci_comm *comm, const ci_vis_set *set, ci_flag_report *report,
                        int64_t *n_left);

#endif
