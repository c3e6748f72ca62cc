/* num: robust and local statistics, islands, Gaussian fits, interpolation.
 * Deterministic; kernels use the caller's arrays. NaN pixels are left out. All functions are
 * local. */
#ifndef CONTIMG_NUM_H
#define CONTIMG_NUM_H

#include "contimg/base.h"

/* Items by key, those of one key in their own order: order [n] are their indices, those of key k
 * order[start[k]] to order[start[k + 1] - 1]; keys < n_key, start [n_key + 1]. */
void ci_num_sort_by_key(const uint32_t *key, size_t n, size_t n_key, size_t *start, size_t *order);

/* For qsort of doubles without NaN. */
int ci_num_compare_doubles(const void *a, const void *b);
/* Index of the one of n >= 1 ascending values that is nearest to x; the lower of two as near. */
size_t ci_num_nearest(const double *values, size_t n, double x);

/* Median of n values (reordered in place); mean of the two middle ones for even n;
 * NaN for n = 0. */
double ci_num_median(double *values, size_t n);
/* The same of float. */
float ci_num_median_float(float *values, size_t n);
/* ci_num_median_float with an instruction set, the same with each; quick for a few hundred values,
 * of which none is NaN. They may be reordered. Local. */
float ci_num_median_by(float *values, size_t n, ci_isa isa);
/* The one of n values that has k smaller (or equal) ones before it when they are sorted; none is
 * NaN, k < n; values reordered. Local. */
double ci_num_nth(double *values, size_t n, size_t k);
/* 1.4826 x median |x - median|; values reordered. */
double ci_num_mad_sigma(double *values, size_t n);
/* The same of float. */
float ci_num_mad_sigma_float(float *values, size_t n);

/* As improbable of Student's t with n_free degrees of freedom as so many sigma are of a normal
 * distribution (Wallace 1959): for 3 sigma 22 % too much with n_free 2, 3 % with 4, 0.6 % with 7.
 */
double ci_num_student(double sigma, double n_free);

/* Robust level of n values with sources in them: median and 1.4826 MAD after values beyond
 * 3.5 sigma of the median are dropped, again and again until none is. Non-finite values are
 * left out. values is reordered and cut, scratch [n] overwritten; returns how many values are
 * left (0: centre and sigma NaN). */
size_t ci_num_clipped_float(float *values, float *scratch, size_t n, float *centre, float *sigma);

/* Local rms (1.4826 MAD) of a float image [n_y][n_x] on a mesh of boxes of `box` pixels,
 * sources clipped, bilinear between box centres: rms [n_y][n_x]. mean may be NULL; rms may be
 * the image itself, which it then replaces. */
CI_MUST_CHECK ci_status ci_num_local_rms(const float *image, size_t n_y, size_t n_x, size_t box,
                                         float *rms, float *mean);

/* Connected pixels (8 neighbours) with value >= grow x rms that hold one >= seed x rms. rms
 * NULL: 1 everywhere; pixels that are not finite or whose rms is not > 0 belong to none. */
typedef struct ci_num_island
{
    size_t x_min, x_max, y_min, y_max, n_pixel, x_peak, y_peak;
    float peak;
    int32_t label; /* in the label image */
} ci_num_island;
/* Where islands are sought: pixels of at least grow * rms that touch, with one of at least
 * seed * rms. */
typedef struct ci_num_island_search
{
    const float *image, *rms; /* [n_y][n_x] */
    size_t n_y, n_x;
    double seed, grow; /* in units of rms */
} ci_num_island_search;
/* labels [n_y][n_x] (caller's; 0 = none). *islands is allocated, ci_mem_free. Order: by
 * first pixel in scan order. */
CI_MUST_CHECK ci_status ci_num_islands(const ci_num_island_search *search, int32_t *labels,
                                       ci_num_island **islands, size_t *n_island);

/* An elliptical Gaussian, pixel units: FWHM axes, position angle from +y towards -x
 * (north through east on our images), with 1-sigma errors where fitted. */
typedef struct ci_num_gaussian
{
    double peak, x, y, major, minor, pa_rad;
    double peak_err, x_err, y_err, major_err, minor_err, pa_err;
} ci_num_gaussian;
/* Its value at pixel (x, y). */
double ci_num_gaussian_value(const ci_num_gaussian *g, double x, double y);
/* What Gaussians are fitted to. */
typedef struct ci_num_pixels
{
    const double *x, *y, *value, *sigma; /* [n] */
    size_t n;
} ci_num_pixels;
/* Least squares (GSL, Levenberg-Marquardt) of n_gaussian to pixels. In: guess; out: fit,
 * with the errors of independent pixels (phot scales them for correlated noise). fixed_shape
 * keeps axes and angle. sigma NULL: equal weights, errors from the scatter about the fit.
 * chi2 may be NULL. CI_ERR_NO_DATA where there are too few pixels or no solution. */
CI_MUST_CHECK ci_status ci_num_gaussian_fit(const ci_num_pixels *pixels, ci_num_gaussian *g,
                                            size_t n_gaussian, bool fixed_shape, double *chi2);
/* A cubic spline through n points, x strictly ascending, without a knot at the second and the
 * last but one (scipy's interp1d "cubic"); straight lines below four points. *second [n]:
 * second derivatives, ci_mem_free. */
CI_MUST_CHECK ci_status ci_num_spline_new(double **second, const double *x, const double *y,
                                          size_t n);
/* Its value; beyond the points the cubic of the nearest piece. */
double ci_num_spline_value(const double *x, const double *y, const double *second, size_t n,
                           double at);
/* Shape algebra of beams: the Gaussian that convolves `from` to `to` (FWHM axes, rad);
 * false where `to` is smaller in any direction. */
typedef struct ci_num_beam
{
    double major, minor, pa_rad;
} ci_num_beam;
/* The kernel that takes `from` to `to`. */
bool ci_num_beam_deconvolve(ci_num_beam to, ci_num_beam from, ci_num_beam *kernel);
/* The beam of a convolved with b. */
ci_num_beam ci_num_beam_convolve(ci_num_beam a, ci_num_beam b);
/* Smallest beam that all convolve to. */
ci_num_beam ci_num_beam_common(const ci_num_beam *beams, size_t n);

/* Transform of a Gaussian of unit integral, times a factor: exp(-2 pi^2 k' C k), C the covariance
 * in pixels, x to the west, y to the north. */
typedef struct ci_num_beam_gauss
{
    double xx, xy, yy, factor;
} ci_num_beam_gauss;
/* Of a beam, whose position angle counts from +y towards -x. Local. */
ci_num_beam_gauss ci_num_beam_gauss_of(ci_num_beam beam, double factor);
/* Its value at u, v (cycles a pixel) of the ci_num_beam_gauss *context, as ci_fft_convolve asks for
 * it. Local. */
double ci_num_beam_gauss_transfer(void *context, double u, double v);

/* Interpolation weights at fraction 0 <= f < 1, sum 1: a sinc under a Kaiser window, 2a taps,
 * a = 5 (Lanczos' form, but its own window errs by 1.3e-3 where this one errs by 1.5e-4: peak
 * of a Gaussian of 4 pixels FWHM). Tap k belongs to pixel floor(x) - 4 + k, f = x - floor(x). */
#define CI_NUM_LANCZOS_TAPS 10
/* Sets the weights of all taps at f. */
void ci_num_lanczos_taps(double f, double taps[CI_NUM_LANCZOS_TAPS]);

/* ---- sine and cosine of an angle in turns ------------------------------------------------- */

/* By polynomials without branches: loops over them vectorise and give the same bits with any
 * library. */

/* x less the nearest whole number, |x| < 2^51; rounding where the last bit of
 * a double counts 1. */
static inline double ci_num_turns_fraction(double x)
{
    const double shift = 0x1.8p52;
    return x - ((x + shift) - shift);
}

/* The same, |x| < 2^22. */
static inline float ci_num_turns_fraction32(float x)
{
    const float shift = 0x1.8p23f;
    return x - ((x + shift) - shift);
}

/* cos and sin of 2 pi x, |x| <= 1/2, from half the angle a = pi x: sin 2a = 2 sin a cos a,
 * cos 2a = 1 - 2 sin^2 a. Absolute error 4e-16. */
static inline void ci_num_turns_cos_sin64(double x, double *c, double *s)
{
    double a = 3.14159265358979323846 * x, z = a * a;
    double p = -1.0 / 51090942171709440000.0; /* Taylor series up to a^21 and a^20 */
    double q = 1.0 / 2432902008176640000.0;
    p = 1.0 / 121645100408832000.0 + z * p;
    p = -1.0 / 355687428096000.0 + z * p;
    p = 1.0 / 1307674368000.0 + z * p;
    p = -1.0 / 6227020800.0 + z * p;
    p = 1.0 / 39916800.0 + z * p;
    p = -1.0 / 362880.0 + z * p;
    p = 1.0 / 5040.0 + z * p;
    p = -1.0 / 120.0 + z * p;
    p = 1.0 / 6.0 + z * p;
    q = -1.0 / 6402373705728000.0 + z * q;
    q = 1.0 / 20922789888000.0 + z * q;
    q = -1.0 / 87178291200.0 + z * q;
    q = 1.0 / 479001600.0 + z * q;
    q = -1.0 / 3628800.0 + z * q;
    q = 1.0 / 40320.0 + z * q;
    q = -1.0 / 720.0 + z * q;
    q = 1.0 / 24.0 + z * q;
    q = -0.5 + z * q;
    double sine = a - a * z * p, cosine = 1.0 + z * q;
    *c = 1.0 - 2.0 * sine * sine;
    *s = 2.0 * sine * cosine;
}

/* The same in single precision, absolute error 3e-7. */
static inline void ci_num_turns_cos_sin32(float x, float *c, float *s)
{
    float a = 3.14159265f * x, z = a * a;
    float p = 1.0f / 6227020800.0f, q = 1.0f / 479001600.0f;
    p = -1.0f / 39916800.0f + z * p;
    p = 1.0f / 362880.0f + z * p;
    p = -1.0f / 5040.0f + z * p;
    p = 1.0f / 120.0f + z * p;
    p = -1.0f / 6.0f + z * p;
    q = -1.0f / 3628800.0f + z * q;
    q = 1.0f / 40320.0f + z * q;
    q = -1.0f / 720.0f + z * q;
    q = 1.0f / 24.0f + z * q;
    q = -0.5f + z * q;
    float sine = a + a * z * p, cosine = 1.0f + z * q;
    *c = 1.0f - 2.0f * sine * sine;
    *s = 2.0f * sine * cosine;
}

/* Cosine and sine of 2 pi x, of any x. */
static inline void ci_num_turns_cos_sin(double x, double *c, double *s)
{
    ci_num_turns_cos_sin64(ci_num_turns_fraction(x), c, s);
}

/* ---- weights as integers ------------------------------------------------------------------- */

/* Weights <= max rounded to multiples of 2^-exponent so that n of them cannot pass 2^62: sums
 * are exact integers then, and any order of adding gives the same. With 1e9 samples a weight
 * keeps 2^-32 of the greatest. */
int ci_num_fixed_exponent(double max, int64_t n);
/* A value as such an integer. */
int64_t ci_num_fixed(double value, int exponent);
/* Gauss rules of sums: for n points x with weights w, a few nodes that stand for them. A sum
 * over the points, sum_i w_i f(x_i), is that over n_node nodes, sum_k weight_k f(node_k), for
 * every polynomial f of degree < 2 n_node (Gautschi 2004, Orthogonal Polynomials, ch. 2.2). */
typedef struct ci_num_gauss ci_num_gauss;
/* Scratch for rules of at most max_point points and max_node nodes. Local. */
CI_MUST_CHECK ci_status ci_num_gauss_new(ci_num_gauss **out, size_t max_point, size_t max_node);
/* Frees it with all that it owns; NULL is allowed. */
void ci_num_gauss_free(ci_num_gauss *gauss);
/* A Gauss rule; the arrays are the caller's. */
typedef struct ci_num_rule
{
    size_t n_node;
    double *node, *weight; /* [n_node] */
    double *projection;    /* [n_node][n_point] */
} ci_num_rule;
/* The rule of points x [n_point], distinct, with weights w [n_point] >= 0 of which at least
 * n_node are above 0: node [n_node] ascending, between the outermost points of weight above 0;
 * weight [n_node] > 0, of sum sum_i w_i; projection [n_node][n_point]: the values at the nodes
 * of the polynomial of degree < n_node that fits values at the points best (least squares,
 * weights w). Where w_i is 1 / variance of independent values, the projected values are
 * independent, too, of variance 1 / weight_k. Local. CI_ERR_INTERNAL for too few points. */
CI_MUST_CHECK ci_status ci_num_gauss_rule(ci_num_gauss *gauss, size_t n_point, const double *x,
                                          const double *w, const ci_num_rule *rule);

#endif
