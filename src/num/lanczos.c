/* Interpolation weights: a sinc under a window, ten taps. */
#include "contimg/num.h"

#include <gsl/gsl_sf_bessel.h>
#include <math.h>

#define HALF (CI_NUM_LANCZOS_TAPS / 2)
/* Lanczos' own window, sinc(t / 5), is wrong by 1.3e-3 at the peak of a Gaussian of 4 pixels
 * FWHM, its normalised sum by twice that in two dimensions. A Kaiser window of the same
 * length and this parameter: 1.5e-4 (3.5e-4 at 3.5 pixels, 1.3e-3 at 3). */
#define KAISER 7.0

void ci_num_lanczos_taps(double f, double taps[CI_NUM_LANCZOS_TAPS])
{
    double sine = sin(CI_PI * f), sum = 0;
    for (int k = 0; k < CI_NUM_LANCZOS_TAPS; k++) {
        int j = HALF - 1 - k; /* distance t = f + j, -5 <= j <= 4 */
        double t = f + j, inside = 1 - t * t / (HALF * HALF);
        double sign = j % 2 ? -1.0 : 1.0; /* sin(pi t) = sign sin(pi f) */
        double sinc = t == 0 ? 1.0 : sign * sine / (CI_PI * t);
        taps[k] = sinc * gsl_sf_bessel_I0(KAISER * sqrt(inside > 0 ? inside : 0));
        sum += taps[k];
    }
    for (int k = 0; k < CI_NUM_LANCZOS_TAPS; k++)
        taps[k] /= sum;
}
