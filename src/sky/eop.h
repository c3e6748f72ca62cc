/* eop.h: the earth orientation table, inside. All functions are local. */
#ifndef CI_SKY_EOP_H
#define CI_SKY_EOP_H

#include "contimg/sky.h"

/* One day of the table; ut1_tai_s has no leap seconds, so that it can be interpolated. */
typedef struct ci_sky_eop_day
{
    double mjd, ut1_tai_s, x_rad, y_rad;
} ci_sky_eop_day;

struct ci_sky_eop
{
    char *path;
    size_t n_day;
    ci_sky_eop_day *day; /* [n_day] ascending by one */
    /* What was said in the log already; kept apart so that a const table can be noisy once. */
    struct
    {
        bool outside, header;
    } * said;
};

/* UT1-UTC (s) and polar motion (rad) at a UTC time; never fails: outside the table's dates
 * the header's dut1 and no polar motion. */
void ci_sky_eop_at(const ci_sky_eop *eop, double time_mjd_s, double dut1_header_s, double *dut1_s,
                   double *x_rad, double *y_rad);

#endif
