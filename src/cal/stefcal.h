/* One gain solve: V = g_p M conj(g_q) for all baselines of one channel or one interval. All
 * functions are local. */
#ifndef CI_CAL_STEFCAL_H
#define CI_CAL_STEFCAL_H

#include "contimg/base.h"

typedef struct ci_cal_stefcal_options
{
    double tolerance, min_snr, huber_sigma;
    int max_iteration, min_baselines;
    ci_isa isa;
} ci_cal_stefcal_options;

/* Work space, reused by many solves. */
typedef struct ci_cal_stefcal ci_cal_stefcal;
CI_MUST_CHECK ci_status ci_cal_stefcal_new(ci_cal_stefcal **out, size_t n_antenna,
                                           size_t n_baseline, const int32_t *ant1,
                                           const int32_t *ant2,
                                           const ci_cal_stefcal_options *options);
void ci_cal_stefcal_free(ci_cal_stefcal *solver);

/* Normal sums per baseline: re + i im = sum w V conj(M), b = sum w |M|^2 [n_baseline]; b <= 0:
 * no data. gain [n_antenna]: start in (all 0: none known), solution out. flag: 0 or CI_CAL_*.
 * The phase of i_ref (if it has a solution) is made 0. Returns the steps taken; 0 where
 * nothing could be solved, negative where max_iteration did not suffice (all flagged). */
int ci_cal_stefcal_solve(ci_cal_stefcal *solver, const double *re, const double *im,
                         const double *b, int32_t i_ref, ci_c64 *gain, uint8_t *flag, float *snr);

#endif
