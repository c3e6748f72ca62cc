/* Shared by flag's own files. */
#ifndef CI_FLAG_PRIVATE_H
#define CI_FLAG_PRIVATE_H

#include "contimg/flag.h"

/* Median amplitude over the good samples of rows [first, end) of one polarisation, NaN for
 * none; at most n_scratch of them are looked at, evenly spread. Local. */
double ci_flag_median_amplitude(const ci_vis_block *block, size_t i_row_first, size_t i_row_end,
                                size_t i_pol, float *scratch, size_t n_scratch, ci_isa isa,
                                int64_t *n_good);

/* What a rank has seen of one baseline in one sub-band. */
typedef struct ci_flag_record
{
    int64_t i_sub_band, i_baseline;
    double median[4];    /* NaN: no good sample */
    double coherence[4]; /* of neighbours: near 1 a sky, 0 noise or interference */
    int64_t n_good[4], n_all;
} ci_flag_record;

/* lost.c. What receptors have at each time. */
typedef struct ci_flag_times
{
    size_t n_pol, n_time;
    float *power;   /* owned: [n_record][n_pol][n_time] */
    int64_t *count; /* owned: [n_antenna][n_pol][n_time][...] */
} ci_flag_times;
/* Zeroed, for a rank's n_record baselines by sub-band; to be cleared by the caller, also where it
 * fails. Local. */
ci_status ci_flag_times_new(ci_flag_times *times, const ci_vis_meta *meta, size_t n_record);
/* Frees what it owns. Local. */
void ci_flag_times_clear(ci_flag_times *times);
/* Looks at some of the neighbours of the rows [i_row, i_row_end) of a baseline, evenly spread:
 * |sum v' conj v| / sum |v|^2 of good samples v and the next good ones v' of their row; into
 * `times` (NULL: not) what they have at each time. Local. */
double ci_flag_times_add(ci_flag_times *times, const ci_vis_block *block, size_t i_row,
                         size_t i_row_end, size_t i_pol, size_t i_record);
/* Counts what was added, of all ranks; limit: amplitude of the dead, [n_sub_band][n_pol].
 * Collective. */
ci_status ci_flag_times_count(ci_comm *comm, ci_flag_times *times, const ci_vis_meta *meta,
                              const ci_flag_record *records, size_t n_record, const double *limit);
/* lost: [n_antenna][n_pol][n_time] 1 where a receptor is lost, while it works at other times;
 * ci_mem_free, also where it fails. Local. */
ci_status ci_flag_times_judge(const ci_flag_times *times, const ci_vis_meta *meta, bool tells,
                              uint8_t **lost, size_t *n_lost);

/* Finds and flags dead receptors, and those that are lost for a part of the time at these; fills
 * report->dead, median_amplitude, n_*. `again`: after interference was found, beside which a dead
 * receptor may not have been seen: only those of low amplitude are added. Collective. */
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
