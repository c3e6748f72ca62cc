/* Steps and labels of a grid of right ascension and declination. */
#include "draw/labels.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

/* 1, 2, 5, 10, 15, 30 x units; a second of time is 15 arcsec. */
static const double dec_steps[] = {1.0 / 3600, 2.0 / 3600, 5.0 / 3600, 10.0 / 3600, 30.0 / 3600},
                    ra_steps[] = {1.5 / 3600, 3.0 / 3600, 7.5 / 3600, 15.0 / 3600, 30.0 / 3600},
                    large_steps[] = {1.0 / 60, 2.0 / 60, 5.0 / 60, 10.0 / 60, 15.0 / 60, 30.0 / 60,
                                     1,        2,        5,        10,        15,        30};

double ci_draw_grid_step(double field_deg, bool is_ra)
{
    const double *small = is_ra ? ra_steps : dec_steps;
    size_t n_small = sizeof dec_steps / sizeof *dec_steps;
    size_t n_large = sizeof large_steps / sizeof *large_steps, i = 0;
    for (size_t k = 0; k < n_small; k++)
        if (small[k] >= field_deg / 5) return small[k];
    while (i + 1 < n_large && large_steps[i] < field_deg / 5)
        i++;
    return large_steps[i];
}

void ci_draw_ra_text(double ra_deg, double step_deg, char out[32])
{
    double hours = fmod(ra_deg + 720, 360) / 15, step_s = step_deg / 15 * 3600;
    long tenths = lround(hours * 36000) % 864000, seconds = tenths / 10;
    if (step_s < 1 - 1e-9) {
        snprintf(out, 32, "%02ldh%02ldm%02ld.%lds", seconds / 3600, seconds / 60 % 60, seconds % 60,
                 tenths % 10);
        return;
    }
    seconds = lround(hours * 3600) % 86400;
    if (step_s >= 60)
        snprintf(out, 32, "%02ldh%02ldm", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, 32, "%02ldh%02ldm%02lds", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

void ci_draw_dec_text(double dec_deg, double step_deg, char out[32])
{
    long seconds = lround(fabs(dec_deg) * 3600);
    const char *sign = dec_deg < 0 && seconds ? "-" : "+";
    if (step_deg * 60 >= 1)
        snprintf(out, 32, "%s%02ld\u00b0%02ld'", sign, seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, 32, "%s%02ld\u00b0%02ld'%02ld\"", sign, seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
}
