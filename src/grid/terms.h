/* exp(-2 pi i w t) as few terms, each a function of w times a function of t: where |w| is small,
 * a few images with weights a(w) do instead of many planes with a kernel along w. With
 * x = w / w_max, y = t / t_half and phi = 2 pi w_max t_half
 *
 *   cos(phi x y) = sum_k a_k(x) g_k(y)        (even in x and y)
 *   sin(phi x y) = sum_k x b_k(x) y h_k(y)    (odd; b_k, h_k even)
 *
 * with the least rms error for given numbers of samples over x: a singular value decomposition in
 * polynomials that are orthonormal under those weights. Even images are real, odd ones imaginary,
 * so that one complex transform makes a pair of both. Made from +, -, x, / and sqrt alone.
 * All functions are local. */
#ifndef GRID_TERMS_H
#define GRID_TERMS_H

#include "grid/series.h"

enum
{
    CI_GRID_TERMS_BINS = 64,     /* of |x| */
    CI_GRID_TERMS_MAX_PAIRS = 8, /* more are better done by planes */
    CI_GRID_TERMS_ORDER = 24     /* polynomials in x^2 and y^2 */
};

/* Singular functions, at the nodes of their series. */
typedef struct ci_grid_terms
{
    double error[CI_GRID_TERMS_MAX_PAIRS + 1]; /* rms over samples and image, by pairs */
    /* [0] even, [1] odd; [term][node] */
    double sample[2][CI_GRID_TERMS_MAX_PAIRS][CI_GRID_TERMS_ORDER];
    double pixel[2][CI_GRID_TERMS_MAX_PAIRS][CI_GRID_TERMS_ORDER];
} ci_grid_terms;

/* n_in_bin [CI_GRID_TERMS_BINS]: samples by |x|. */
void ci_grid_terms_make(ci_grid_terms *terms, double phi, const int64_t *n_in_bin);
/* Pair k as series: of the sample, of the pixel, even and odd, exact to `error`. */
void ci_grid_terms_pair(const ci_grid_terms *terms, int k, double error, ci_grid_series sample[2],
                        ci_grid_series pixel[2]);

#endif
