/* What calibration costs, for who plans it. */
#include "contimg/cal.h"

static const double visibility_s = 1.1e-7; /* solving, most of it, and applying */

double ci_cal_seconds(double n_visibility)
{
    return n_visibility * visibility_s;
}
