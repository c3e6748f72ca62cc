/* flag: marks bad samples, each with its reason (CI_FLAG_* of contimg/vis.h). */
#ifndef CONTIMG_FLAG_H
#define CONTIMG_FLAG_H

#include "contimg/par.h"
#include "contimg/vis.h"

typedef struct ci_flag_options
{
    bool dead;            /* find dead receptors */
    double dead_fraction; /* of the array's median cross-amplitude: 0.05 */
    bool clip;            /* robust clip per channel on normalised amplitudes */
    double clip_sigma;
} ci_flag_options;
void ci_flag_options_default(ci_flag_options *options);

/* What flagging found; the same on all ranks. */
typedef struct ci_flag_report
{
    size_t n_antenna, n_pol;
    uint8_t *dead;             /* [n_antenna][n_pol (parallel hands: receptor p = pol index p)] */
    double *median_amplitude;  /* [n_antenna][n_pol] in data units; NaN where no data */
    ci_vis_flag_counts counts; /* over the whole set */
    double *antenna_fraction;  /* [n_antenna] flagged fraction of cross-correlations */
    double *channel_fraction;  /* [sum of n_chan over sub-bands] */
} ci_flag_report;
void ci_flag_report_free(ci_flag_report *report);

/* Flags a whole data set in place; every operation has one whole sub-band and one
 * baseline as its scope, never what a rank happens to hold. Collective. CI_ERR_NO_DATA
 * where nothing is left. */
CI_MUST_CHECK ci_status ci_flag_run(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                                    ci_flag_report **report);
/* Counts only, nothing flagged. Collective. */
CI_MUST_CHECK ci_status ci_flag_count(ci_comm *comm, const ci_vis_set *set,
                                      ci_flag_report **report);

#endif
