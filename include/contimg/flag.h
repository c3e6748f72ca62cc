/* flag: marks bad samples, each with its reason (CI_FLAG_* of contimg/vis.h).
 *
 * Non-finite values, exact zeros and the file's own flags come with the data;
 * autocorrelations are not flagged, consumers leave them out. */
#ifndef CONTIMG_FLAG_H
#define CONTIMG_FLAG_H

#include "contimg/par.h"
#include "contimg/vis.h"

typedef struct ci_flag_options
{
    bool dead;               /* find dead receptors */
    double dead_fraction;    /* of the array's median amplitude: 0.05 */
    double flagged_fraction; /* a receptor with more flagged than this is dead: 0.95 */
    bool rfi;                /* find interference (SumThreshold) */
} ci_flag_options;
/* The values named above. Local. */
void ci_flag_options_default(ci_flag_options *options);

/* What a receptor is; anything but 0 is dead. */
enum
{
    CI_FLAG_RECEPTOR_ALIVE = 0, /* or not in the data at all: median_amplitude NaN */
    CI_FLAG_RECEPTOR_LOW = 1,   /* has data, but no signal in them */
    CI_FLAG_RECEPTOR_EMPTY = 2  /* in the data, all or nearly all of it flagged */
};

/* What flagging found; the same on all ranks. */
typedef struct ci_flag_report
{
    size_t n_antenna, n_pol;
    uint8_t *dead;            /* [n_antenna][n_pol] CI_FLAG_RECEPTOR_*; receptor p is the
                               * parallel hand of index p, other columns stay 0 */
    double *median_amplitude; /* [n_antenna][n_pol] of its cross-correlations, in data units,
                               * before the dead were found; NaN where no data */
    size_t n_alive[4];        /* [n_pol] receptors with data that are alive */
    size_t n_low[4], n_empty[4];
    ci_vis_flag_counts counts; /* over the whole set, autocorrelations in */
    double *antenna_fraction;  /* [n_antenna] flagged fraction of cross-correlations; NaN
                                * where the antenna has none */
    size_t n_chan;
    double *channel_fraction; /* [n_chan = sum over sub-bands], cross-correlations; NaN where
                               * none */
    size_t n_time;
    double *time_map;    /* [n_time][n_chan] the same by time and channel */
    double *antenna_map; /* [n_antenna][n_chan] and by antenna and channel */
} ci_flag_report;
/* NULL-safe. Local. */
void ci_flag_report_free(ci_flag_report *report);

/* Flags a whole data set in place. A receptor is judged by medians over its baselines that
 * are gathered from all ranks, a sample by the dynamic spectrum of its baseline in one sub-band:
 * never by what a rank happens to hold. Collective. CI_ERR_NO_DATA where no
 * cross-correlation is left. */
CI_MUST_CHECK ci_status ci_flag_run(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                                    ci_flag_report **report);
/* Counts only, nothing flagged. Collective. */
CI_MUST_CHECK ci_status ci_flag_count(ci_comm *comm, const ci_vis_set *set,
                                      ci_flag_report **report);
/* Warns of good samples of cross-correlations that are above 1e6 times the median of their
 * sub-band's baselines, and of more than one in a thousand that are exactly 0: where nothing is to
 * be flagged, they would be used without a word. Collective. */
CI_MUST_CHECK ci_status ci_flag_impossible_warn(ci_comm *comm, const ci_vis_set *set);

/* Cost, for who plans it: seconds of one core to flag n_visibility values, about. Local. */
double ci_flag_seconds(double n_visibility);

#endif
