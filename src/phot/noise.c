/* Correlated noise: Condon's errors of fits, and the measured autocorrelation. */
#include "phot/internal.h"

#include <math.h>

/* rho^2 of Condon's equation 41 for exponents (a, b). */
static double rho2(const ci_num_gaussian *g, double noise2, double snr2, double a, double b)
{
    double major2 = g->major * g->major, minor2 = g->minor * g->minor;
    return g->major * g->minor / (4 * noise2) * pow(1 + noise2 / major2, a) *
           pow(1 + noise2 / minor2, b) * snr2;
}

phot_errors phot_condon(const ci_num_gaussian *g, ci_num_beam noise, double rms)
{
    double noise2 = noise.major * noise.minor, snr2 = g->peak / rms * (g->peak / rms);
    double log8 = 8 * log(2.0);
    phot_errors e = {0};
    e.peak = sqrt(2 / rho2(g, noise2, snr2, 1.5, 1.5));
    e.major = sqrt(2 / rho2(g, noise2, snr2, 2.5, 0.5));
    e.minor = sqrt(2 / rho2(g, noise2, snr2, 0.5, 2.5));
    e.along_pixel = e.major * g->major / sqrt(log8);
    e.across_pixel = e.minor * g->minor / sqrt(log8);
    double part = noise2 / (g->major * g->minor);
    e.flux = sqrt(e.peak * e.peak + part * (e.major * e.major + e.minor * e.minor));
    double difference = g->major * g->major - g->minor * g->minor;
    double turn = difference > 0 ? e.minor * sqrt(2.0) * g->major * g->minor / difference : CI_PI;
    e.pa_rad = fmin(turn, 0.5 * CI_PI);
    return e;
}

void phot_acf_clear(phot_acf *acf)
{
    ci_mem_free(acf->value);
    *acf = (phot_acf){0};
}

double phot_acf_at(const phot_acf *acf, long dx, long dy)
{
    if (dy < 0 || (dy == 0 && dx < 0)) {
        dx = -dx;
        dy = -dy;
    }
    long reach = acf->reach;
    if (dy > reach || dx > reach || dx < -reach) return 0;
    return acf->value[dy * (2 * reach + 1) + dx + reach];
}

/* Where too little sky is empty: white noise smoothed by the beam. */
static void acf_of_beam(const phot_image *im, phot_acf *acf)
{
    ci_num_gaussian wide = {.peak = 1,
                            .major = im->beam.major * sqrt(2.0),
                            .minor = im->beam.minor * sqrt(2.0),
                            .pa_rad = im->beam.pa_rad};
    long reach = acf->reach;
    for (long dy = 0; dy <= reach; dy++)
        for (long dx = -reach; dx <= reach; dx++)
            acf->value[dy * (2 * reach + 1) + dx + reach] =
                ci_num_gaussian_value(&wide, (double)dx, (double)dy);
}

/* Noise of unit level with sources cut off: 0 where there is none. */
static float level(const phot_image *im, size_t i)
{
    float e = im->pixel[i] / im->rms[i];
    return isfinite(e) && im->rms[i] > 0 && fabsf(e) < 4 ? e : 0;
}

/* Sums over anchors on every `stride`-th row: products and their number per lag. */
static void acf_sum(const phot_image *im, phot_acf *acf, size_t stride, double *count)
{
    size_t reach = (size_t)acf->reach, width = 2 * reach + 1;
    for (size_t y = 0; y + reach < im->n_y; y += stride)
        for (size_t x = reach; x + reach < im->n_x; x++) {
            float e = level(im, y * im->n_x + x);
            if (e == 0) continue;
            for (size_t dy = 0; dy <= reach; dy++)
                for (size_t k = 0; k < width; k++) {
                    float f = level(im, (y + dy) * im->n_x + x - reach + k);
                    acf->value[dy * width + k] += (double)e * (double)f;
                    count[dy * width + k] += f != 0;
                }
        }
}

ci_status phot_acf_measure(const phot_image *im, phot_acf *acf)
{
    double reach = ceil(2 * im->beam.major);
    *acf = (phot_acf){.reach = reach > 24 ? 24 : (int)reach};
    size_t width = 2 * (size_t)acf->reach + 1, n_lag = (size_t)(acf->reach + 1) * width;
    double *count = NULL;
    CI_TRY(ci_mem_alloc(&acf->value, n_lag, sizeof(double), "noise correlation"));
    ci_status status = ci_mem_alloc(&count, n_lag, sizeof(double), "noise correlation");
    if (status != CI_OK) {
        phot_acf_clear(acf);
        return status;
    }
    /* A few hundred thousand anchors tell the correlation to a per cent. */
    size_t stride = im->n_x * im->n_y / 300000 + 1;
    if (stride > im->n_y / 16) stride = im->n_y / 16 + 1;
    acf_sum(im, acf, stride, count);
    double n_beam = count[acf->reach] * (double)stride / (1.133 * im->beam.major * im->beam.minor);
    double zero = acf->value[acf->reach] / count[acf->reach];
    if (n_beam < 300 || !(zero > 0))
        acf_of_beam(im, acf);
    else
        for (size_t i = 0; i < n_lag; i++)
            acf->value[i] = count[i] > 0 ? acf->value[i] / count[i] / zero : 0;
    ci_mem_free(count);
    return CI_OK;
}
