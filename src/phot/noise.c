/* Correlated noise: Condon's errors of fits, and the measured autocorrelation. */
#include "phot/internal.h"

#include <math.h>

/* A symmetric matrix of pixels. */
typedef struct form
{
    double xx, xy, yy;
} form;

/* sum of a^2 along the direction (-sin pa, cos pa) and b^2 across. */
static form form_from(double a, double b, double pa_rad)
{
    double s = sin(pa_rad), c = cos(pa_rad), a2 = a * a, b2 = b * b;
    return (form){a2 * s * s + b2 * c * c, (b2 - a2) * s * c, a2 * c * c + b2 * s * s};
}

static double form_along(form f, double x, double y)
{
    return f.xx * x * x + 2 * f.xy * x * y + f.yy * y * y;
}

/* t f t with t symmetric, too. */
static form form_rotated(form f, form t)
{
    double ax = t.xx * f.xx + t.xy * f.xy, ay = t.xx * f.xy + t.xy * f.yy;
    double bx = t.xy * f.xx + t.yy * f.xy, by = t.xy * f.xy + t.yy * f.yy;
    return (form){ax * t.xx + ay * t.xy, ax * t.xy + ay * t.yy, bx * t.xy + by * t.yy};
}

/* As ci_phot_condon has it: the Gaussian where the noise's correlation is a circle of width 1. */
static ci_num_gaussian rounded(const ci_num_gaussian *g, form to_round)
{
    form f = form_rotated(form_from(g->major, g->minor, g->pa_rad), to_round);
    double half = hypot((f.xx - f.yy) / 2, f.xy), mean = (f.xx + f.yy) / 2;
    ci_num_gaussian out = *g;
    out.major = sqrt(mean + half);
    out.minor = sqrt(fmax(mean - half, 0));
    out.pa_rad = 0.5 * atan2(-2 * f.xy, f.yy - f.xx);
    return out;
}

/* rho^2 of Condon's equation 41 for exponents (a, b), the noise's width 1. */
static double rho2(const ci_num_gaussian *g, double snr2, double a, double b)
{
    double major2 = g->major * g->major, minor2 = g->minor * g->minor;
    return g->major * g->minor / 4 * pow(1 + 1 / major2, a) * pow(1 + 1 / minor2, b) * snr2;
}

/* Relative error of the width along (x, y) from those along both axes of g. */
static double width_error(const ci_num_gaussian *g, double major, double minor, double x, double y)
{
    double s = sin(g->pa_rad), c = cos(g->pa_rad), length = hypot(x, y);
    return hypot(major * (c * y - s * x), minor * (c * x + s * y)) / length;
}

/* Condon's noise has a round correlation. The fit of a Gaussian knows no scale of its own, so one
 * in noise of an elongated correlation is fitted as one where pixels are stretched to make that
 * round, and its errors are stretched back. */
phot_errors ci_phot_condon(const ci_num_gaussian *g, ci_num_beam noise, double rms)
{
    double snr2 = g->peak / rms * (g->peak / rms), sigma = 1 / sqrt(8 * log(2.0));
    form to_round = form_from(sqrt(1 / noise.major), sqrt(1 / noise.minor), noise.pa_rad);
    form back = form_from(sqrt(noise.major), sqrt(noise.minor), noise.pa_rad);
    ci_num_gaussian r = rounded(g, to_round);
    phot_errors e = {.peak = sqrt(2 / rho2(&r, snr2, 1.5, 1.5))};
    double major = sqrt(2 / rho2(&r, snr2, 2.5, 0.5)), minor = sqrt(2 / rho2(&r, snr2, 0.5, 2.5));
    form position =
        form_rotated(form_from(major * r.major * sigma, minor * r.minor * sigma, r.pa_rad), back);
    e.position_xx = position.xx;
    e.position_xy = position.xy;
    e.position_yy = position.yy;
    double part = 1 / (r.major * r.minor);
    e.flux = sqrt(e.peak * e.peak + part * (major * major + minor * minor));
    double s = sin(g->pa_rad), c = cos(g->pa_rad);
    e.major = width_error(&r, major, minor, to_round.xy * c - to_round.xx * s,
                          to_round.yy * c - to_round.xy * s);
    e.minor = width_error(&r, major, minor, to_round.xx * c + to_round.xy * s,
                          to_round.xy * c + to_round.yy * s);
    double difference = g->major * g->major - g->minor * g->minor;
    double error = difference > 0 ? e.minor * sqrt(2.0) * g->major * g->minor / difference : CI_PI;
    e.pa_rad = fmin(error, 0.5 * CI_PI);
    return e;
}

double ci_phot_place_error(const phot_errors *e, double x, double y)
{
    return sqrt(form_along((form){e->position_xx, e->position_xy, e->position_yy}, x, y));
}

void ci_phot_acf_clear(phot_acf *acf)
{
    ci_mem_free(acf->value);
    *acf = (phot_acf){0};
}

double ci_phot_acf_at(const phot_acf *acf, long dx, long dy)
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

ci_status ci_phot_acf_measure(const phot_image *im, phot_acf *acf)
{
    double reach = ceil(2 * im->beam.major);
    *acf = (phot_acf){.reach = reach > 24 ? 24 : (int)reach};
    size_t width = 2 * (size_t)acf->reach + 1, n_lag = (size_t)(acf->reach + 1) * width;
    double *count = NULL;
    CI_TRY(ci_mem_alloc(&acf->value, n_lag, sizeof(double), "noise correlation"));
    ci_status status = ci_mem_alloc(&count, n_lag, sizeof(double), "noise correlation");
    if (status != CI_OK) {
        ci_phot_acf_clear(acf);
        return status;
    }
    /* A few hundred thousand anchors give the correlation to a per cent. */
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
