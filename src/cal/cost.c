/* What calibration costs, for who plans it. */
#include "cal/sums.h"

#include <math.h>

static const double visibility_s = 1.1e-7; /* solving, most of it, and applying */

double ci_cal_bytes(const ci_cal_load *load)
{
    double n_interval = fmin(load->n_time, fmax(1, round(load->span_s / CI_CAL_COARSE_INTERVAL_S)));
    double used = fmin(1, 2 / load->n_pol); /* the two receptors' own polarisations */
    double sums = 4 * sizeof(float) * used * load->n_visibility * n_interval / load->n_time;
    double fine = CI_CAL_FINE * sizeof(double) * used * load->n_pol * load->n_row;
    return sums + fine + sizeof(ci_c32) * load->n_block_visibility;
}

double ci_cal_seconds(double n_visibility)
{
    return n_visibility * visibility_s;
}
