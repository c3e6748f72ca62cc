/* Rates of phase of antennas, and the offset on the sky that they fit. */
#ifndef CI_CAL_OFFSET_H
#define CI_CAL_OFFSET_H

#include "contimg/cal.h"

enum
{
    CI_CAL_OFFSET_ANTENNAS = 8 /* fewer tell nothing */
};

/* An antenna: the rate of its phase (rad/s), and what an offset of 1 rad over its lever to the east
 * and north of the model would give it. */
typedef struct ci_cal_turn
{
    double rate, per_rad[2];
} ci_cal_turn;
/* The offset times its levers, its errors and what is sure of it, of n antennas; n_antenna is how
 * many of them count. Local. */
CI_MUST_CHECK ci_status ci_cal_offset_fit(const ci_cal_turn *turn, size_t n, ci_cal_offset *out);
/* What is sure of it at so many sigma where antennas have no drift in common; 0: nothing, or too
 * few antennas. Local. */
CI_MUST_CHECK ci_status ci_cal_offset_sure(const ci_cal_turn *turn, size_t n, double sigma,
                                           double *out_rad);

#endif
