/* Places of stars that move, and time scales of file headers. */
#include "contimg/sky.h"

#include <erfa.h>
#include <erfam.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* TDB of a UTC as a two-part Julian date; TT serves for TDB (2 ms). */
static void tt_of_utc(double time_mjd_s, double tt[2])
{
    double tai[2];
    /* where leap seconds are not known UTC serves for TT: nothing here is that fast */
    if (eraUtctai(ERFA_DJM0, time_mjd_s / CI_DAY_S, &tai[0], &tai[1]) < 0 ||
        eraTaitt(tai[0], tai[1], &tt[0], &tt[1]) < 0) {
        tt[0] = ERFA_DJM0;
        tt[1] = time_mjd_s / CI_DAY_S;
    }
}

void ci_sky_star_place(const ci_sky_star *star, double time_mjd_s, double *ra_rad, double *dec_rad)
{
    const double mas = CI_ARCSEC_TO_RAD * 1e-3;
    double tt[2], heliocentric[2][3], earth[2][3], direction[3], ra, dec;
    tt_of_utc(time_mjd_s, tt);
    double n_year = (tt[0] - ERFA_DJ00 + tt[1]) / ERFA_DJY + 2000 - star->epoch_year;
    double parallax_arcsec = star->distance_pc > 0 ? 1 / star->distance_pc : 0;
    (void)eraEpv00(tt[0], tt[1], heliocentric, earth);
    eraPmpx(star->ra_rad, star->dec_rad, star->pm_ra_mas_yr * mas, star->pm_dec_mas_yr * mas,
            parallax_arcsec, star->vrad_km_s, n_year, earth[0], direction);
    eraC2s(direction, &ra, &dec);
    *ra_rad = eraAnp(ra);
    *dec_rad = dec;
}

bool ci_sky_time_to_utc(const char *scale, double *time_mjd_s)
{
    double day = time_mjd_s[0] / CI_DAY_S, tai[2] = {ERFA_DJM0, day}, utc[2];
    bool is_tt = strcasecmp(scale, "TT") == 0 || strcasecmp(scale, "TDT") == 0;
    if (strcasecmp(scale, "UTC") == 0) return true;
    if (!is_tt && strcasecmp(scale, "TAI") != 0 && strcasecmp(scale, "IAT") != 0) return false;
    if (is_tt && eraTttai(ERFA_DJM0, day, &tai[0], &tai[1]) < 0) return false;
    if (eraTaiutc(tai[0], tai[1], &utc[0], &utc[1]) < 0) return false;
    *time_mjd_s = (utc[0] - ERFA_DJM0 + utc[1]) * CI_DAY_S;
    return true;
}
