/* What all solves work on: normal sums of every baseline, channel and time interval, taken
 * in one pass over the data. */
#ifndef CI_CAL_SUMS_H
#define CI_CAL_SUMS_H

#include "cal/rows.h"
#include "cal/stefcal.h"
#include "contimg/cal.h"

enum
{
    CI_CAL_COARSE_INTERVAL_S = 60, /* of the first gains, where --gain-interval is auto */
    CI_CAL_GAP = 16 /* a flag on the way: this receptor has no data in this channel */
};

/* Sums of one part (baselines of one sub-band) of this rank. */
typedef struct ci_cal_sums
{
    ci_vis_part part;
    size_t n_chan, i_chan_first; /* the sub-band's position in the whole band */
    /* [baseline of the part][feed][interval][channel]: a = sum w V conj(M), b = sum w |M|^2,
     * c = sum w |V|^2 */
    float *a_re, *a_im, *b, *c;
    /* [baseline of the part][feed][integration][CI_CAL_FINE]: re, im of a, b, and c, the bandpass
     * in the model, over the channels; NULL until ci_cal_fine_sums */
    double *fine;
} ci_cal_sums;

/* Where a part lies, known to all. */
typedef struct ci_cal_share
{
    int64_t rank, i_sub_band, i_baseline_first, n_baseline;
} ci_cal_share;

typedef struct ci_cal_problem
{
    ci_comm *comm;
    const ci_vis_meta *meta;
    const ci_cal_options *options;
    size_t n_antenna, n_baseline, n_feed, n_interval, n_chan;
    size_t i_pol[2]; /* polarisation index of each feed's parallel hand */
    int jones[2];
    size_t *i_interval;     /* [n_time] */
    double *interval_mjd_s; /* [n_interval] */
    double interval_s;
    size_t n_part;
    ci_cal_sums *part; /* [n_part] */
    size_t n_share;
    ci_cal_share *share; /* [n_share] parts of all ranks, in rank order */
    ci_c32 *model;       /* [n_row][n_chan] of any block of this rank: scratch */
    /* numbers of good samples, whole world */
    int64_t *count;         /* owner of the next three */
    int64_t *good_chan;     /* [n_feed][n_chan] */
    int64_t *good_interval; /* [n_feed][n_interval] */
    int64_t *good_antenna;  /* [n_feed][n_antenna] */
    int64_t *good_time;     /* [n_feed][n_time], and by interval: of ci_cal_fine_sums */
    int64_t *fine_good;
    double freq_mean_hz; /* weight-mean frequency */
    int32_t i_ref;
    ci_cal_stefcal *solver;
    /* solutions, the same on all ranks */
    ci_c64 *bandpass, *gain; /* [n_feed][n_chan][n_antenna], [n_feed][n_interval][n_antenna] */
    uint8_t *bandpass_flag, *gain_flag;
    float *bandpass_snr, *gain_snr;
    double
        *delay_s; /* [n_feed][n_antenna] of the bandpass, 0: none; NULL: nothing is lost by them */
    double (*factor)[CI_CAL_N_NORMAL]; /* [n_interval of the bandpass]: scratch */
    int n_iteration;
    size_t n_unconverged;
} ci_cal_problem;

/* Where the sums of a baseline of the part, feed and interval begin. Local. */
static inline size_t ci_cal_sum_index(const ci_cal_problem *problem, const ci_cal_sums *sums,
                                      size_t i_baseline_here, size_t i_feed, size_t i_interval)
{
    return ((i_baseline_here * problem->n_feed + i_feed) * problem->n_interval + i_interval) *
           sums->n_chan;
}

/* Where the normal sums of a baseline, feed and interval begin. Local. */
static inline ci_cal_normal ci_cal_normal_at(const ci_cal_sums *sums, size_t at)
{
    return (ci_cal_normal){sums->a_re + at, sums->a_im + at, sums->b + at, sums->c + at};
}

/* bandpass_parts.c. The bandpass of this rank's channels as it is now, 0 where flagged: of each
 * part [feed][antenna][2: real, imaginary][channel of the part]. Local. */
typedef struct ci_cal_bandpass_parts
{
    size_t n_antenna;
    float *value;
    size_t *first;  /* [part] */
    bool *is_empty; /* [part] no solution in it */
} ci_cal_bandpass_parts;
/* To be cleared by the caller; of the bandpass as it is now. Local. */
ci_status ci_cal_bandpass_parts_new(const ci_cal_problem *problem, ci_cal_bandpass_parts *out);
/* Frees what it owns. Local. */
void ci_cal_bandpass_parts_clear(ci_cal_bandpass_parts *parts);
/* Real parts [n_chan], then imaginary ones, of one part, feed and antenna; borrowed. Local. */
static inline const float *ci_cal_bandpass_of(const ci_cal_bandpass_parts *parts, size_t i_part,
                                              size_t n_chan, size_t i_feed, size_t i_antenna)
{
    return parts->value + parts->first[i_part] +
           (i_feed * parts->n_antenna + i_antenna) * 2 * n_chan;
}

/* losses.c. Finds the delays of the bandpass as it is now; where channels lose by them the model of
 * all further solves does. The same on all ranks. Local. */
ci_status ci_cal_delays_find(ci_cal_problem *problem);
/* What is left of a baseline of a part of this rank. Local. */
double ci_cal_loss(const ci_cal_problem *problem, size_t i_sub_band, size_t i_feed, size_t ant1,
                   size_t ant2);

/* Collective. Frees what it made where it fails. */
ci_status ci_cal_problem_new(ci_comm *comm, const ci_vis_set *set, ci_cal_predict predict,
                             void *context, const ci_cal_options *options, ci_cal_problem **out);
/* NULL-safe. Local. */
void ci_cal_problem_free(ci_cal_problem *problem);

/* One round of the bandpass, gains as they are; solutions on all ranks. Collective. */
ci_status ci_cal_bandpass_solve(ci_cal_problem *problem);
/* One round of gains, the bandpass as it is; solutions on all ranks. Collective. */
ci_status ci_cal_gain_solve(ci_cal_problem *problem);
/* Fills gaps of the bandpass of up to 3 channels within a sub-band. All alike. Local. */
void ci_cal_bandpass_fill(ci_cal_problem *problem);
/* sqrt(chi^2 / power) per feed. Collective. */
ci_status ci_cal_residual(ci_cal_problem *problem, double residual[2]);

/* First integration of an interval, n_time for n_interval. Local. */
size_t ci_cal_interval_first(const ci_cal_problem *problem, size_t i_interval);

/* Channels [first, end) of a row with its model, model [n_row][n_chan] of the block; scratch
 * [n_chan][n_pol] may hold the row's weights. Local. */
ci_cal_row ci_cal_row_of(const ci_vis_block *block, size_t i_row, const ci_c32 *model, size_t first,
                         size_t end, float *scratch);
/* Channels [first, end) of a row that lie within the options' limits of uv distance. Local. */
void ci_cal_chan_limits(const ci_cal_options *options, const ci_vis_block *block, size_t i_row,
                        size_t *first, size_t *end);
/* Gains on intervals as short as the S/N allows, the bandpass as it is; phases and amplitudes on
 * their own, a step in amplitude splits an interval. Collective. */
ci_status ci_cal_fine_solve(ci_cal_problem *problem, const ci_vis_set *set, ci_cal_predict predict,
                            void *context);
/* Its steps: sums of every integration, the bandpass as it is. Collective. */
ci_status ci_cal_fine_sums(ci_cal_problem *problem, const ci_vis_set *set, ci_cal_predict predict,
                           void *context);
/* Intervals of `length` integrations, none over a gap; solutions start anew. Local. */
ci_status ci_cal_fine_intervals(ci_cal_problem *problem, size_t length);
/* One amplitude of a receptor for every `length` intervals, or, where it steps, two. Local. */
void ci_cal_fine_amplitudes(const ci_cal_problem *problem, size_t length);
/* The problem's gains as a table. Local. */
ci_status ci_cal_gain_table(const ci_cal_problem *problem, ci_cal_table **out);

/* Finds sub-bands, and antennas in a sub-band, that the model does not explain as it does the
 * others; their bandpass gets flags. Collective. */
ci_status ci_cal_misfits_flag(ci_cal_problem *problem);

/* Of every part and baseline in order, [n_baseline of all parts][feed][2]: power that the solution
 * leaves, and all power, over what has a solution; *whole, ci_mem_free. Collective. */
ci_status ci_cal_powers_gather(ci_cal_problem *problem, void **whole, size_t *n_all);

/* gain.c. Sums of one baseline of a part over its channels, the bandpass in the model: re, im of a,
 * and b. Local. */
void ci_cal_interval_sums(const ci_cal_problem *problem, const ci_cal_bandpass_parts *bandpass,
                          size_t i_part, size_t i_baseline_here, size_t i_feed, size_t i_interval,
                          double out[3]);
/* structure.c. What the solution leaves that is structure of the source; the same on all ranks.
 * Collective. */
ci_status ci_cal_structure_find(const ci_cal_problem *problem, const ci_vis_set *set,
                                ci_cal_structure *out);

/* reference.c. Antenna whose phase is 0. Local. */
ci_status ci_cal_reference_choose(ci_cal_problem *problem);
/* Warns where it is none of those that were named. Local. */
void ci_cal_reference_tell(const ci_cal_problem *problem);
/* Solutions [n_step][n_antenna] (channels or intervals) of one feed where the reference has
 * none are rotated to agree best with the nearest that have a phase. Local. */
void ci_cal_reference_align(size_t n_step, size_t n_antenna, int32_t i_ref, ci_c64 *gain,
                            const uint8_t *flag);

#endif
