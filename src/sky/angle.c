/* Angles on the sphere: separations, means, direction cosines, small frame rotations. */
#include "contimg/sky.h"

#include <erfa.h>
#include <erfam.h>
#include <math.h>

double ci_sky_separation_rad(double ra1_rad, double dec1_rad, double ra2_rad, double dec2_rad)
{
    return eraSeps(ra1_rad, dec1_rad, ra2_rad, dec2_rad);
}

double ci_sky_mean_angle_rad(const double *angle_rad, size_t n)
{
    double c = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        c += cos(angle_rad[i]);
        s += sin(angle_rad[i]);
    }
    return n == 0 ? NAN : eraAnp(atan2(s, c));
}

void ci_sky_lm(double ra0_rad, double dec0_rad, double ra_rad, double dec_rad, double *l, double *m)
{
    double d = ra_rad - ra0_rad, half = sin(d / 2);
    *l = cos(dec_rad) * sin(d);
    /* sin(dec-dec0) + ... (1 - cos d): no loss of digits near the centre. */
    *m = sin(dec_rad - dec0_rad) + 2 * half * half * cos(dec_rad) * sin(dec0_rad);
}

void ci_sky_lm_inverse(double ra0_rad, double dec0_rad, double l, double m, double *ra_rad,
                       double *dec_rad)
{
    double n = sqrt(1 - l * l - m * m); /* NaN outside the hemisphere, and so the position */
    double sd = sin(dec0_rad), cd = cos(dec0_rad);
    *ra_rad = eraAnp(ra0_rad + atan2(l, cd * n - sd * m));
    *dec_rad = atan2(m * cd + n * sd, hypot(l, cd * n - sd * m));
}

void ci_sky_fk5_to_icrs(double *ra_rad, double *dec_rad)
{
    double ra, dec;
    eraFk5hz(*ra_rad, *dec_rad, ERFA_DJ00, 0.0, &ra, &dec);
    *ra_rad = eraAnp(ra);
    *dec_rad = dec;
}

void ci_sky_gcrs_to_icrs(double time_mjd_s, double *ra_rad, double *dec_rad)
{
    eraASTROM astrom;
    double ra, dec, tai[2], tt[2];
    /* where leap seconds are not known UTC serves for TT: a minute moves it by 0.3 mas */
    if (eraUtctai(ERFA_DJM0, time_mjd_s / CI_DAY_S, &tai[0], &tai[1]) < 0 ||
        eraTaitt(tai[0], tai[1], &tt[0], &tt[1]) < 0) {
        tt[0] = ERFA_DJM0;
        tt[1] = time_mjd_s / CI_DAY_S;
    }
    eraApcg13(tt[0], tt[1], &astrom);
    eraAticq(*ra_rad, *dec_rad, &astrom, &ra, &dec);
    *ra_rad = ra;
    *dec_rad = dec;
}
