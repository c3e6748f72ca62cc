/* Shape algebra of elliptical Gaussians. A shape is a symmetric 2 x 2 matrix whose
 * eigenvalues are the squared FWHM; convolution adds matrices. */
#include "contimg/num.h"

#include <math.h>

typedef struct sym
{
    double xx, xy, yy;
} sym;

#define MAX_POINT 64

static sym sym_of(ci_num_beam b)
{
    double s = sin(b.pa_rad), c = cos(b.pa_rad);
    double major2 = b.major * b.major, minor2 = b.minor * b.minor;
    return (sym){.xx = major2 * s * s + minor2 * c * c,
                 .xy = -(major2 - minor2) * s * c,
                 .yy = major2 * c * c + minor2 * s * s};
}

/* Eigenvalues, the larger first; the smaller from the determinant, which keeps its digits. */
static void sym_eigen(sym m, double *large, double *small)
{
    double half = 0.5 * (m.xx + m.yy);
    double root = hypot(0.5 * (m.yy - m.xx), m.xy);
    *large = half + root;
    *small = *large > 0 ? (m.xx * m.yy - m.xy * m.xy) / *large : half - root;
}

static ci_num_beam beam_of(sym m)
{
    double large, small;
    sym_eigen(m, &large, &small);
    ci_num_beam b = {.major = sqrt(large > 0 ? large : 0), .minor = sqrt(small > 0 ? small : 0)};
    /* Axis direction (-sin pa, cos pa): tan 2 pa = -2 xy / (yy - xx). */
    if (large - small > 1e-14 * large) b.pa_rad = 0.5 * atan2(-2 * m.xy, m.yy - m.xx);
    if (b.pa_rad < 0) b.pa_rad += CI_PI;
    if (b.pa_rad >= CI_PI) b.pa_rad -= CI_PI;
    return b;
}

ci_num_beam ci_num_beam_convolve(ci_num_beam a, ci_num_beam b)
{
    sym p = sym_of(a), q = sym_of(b);
    return beam_of((sym){p.xx + q.xx, p.xy + q.xy, p.yy + q.yy});
}

bool ci_num_beam_deconvolve(ci_num_beam to, ci_num_beam from, ci_num_beam *kernel)
{
    sym t = sym_of(to), f = sym_of(from);
    sym d = {t.xx - f.xx, t.xy - f.xy, t.yy - f.yy};
    double half = 0.5 * (d.xx + d.yy), root = hypot(0.5 * (d.yy - d.xx), d.xy);
    /* Rounding of the matrices is 1e-16 of their size; differences below 1e-13 are none. */
    double rounding = 1e-13 * (to.major * to.major + from.major * from.major);
    if (half - root < -rounding) return false;
    if (half + root <= rounding)
        *kernel = (ci_num_beam){0};
    else
        *kernel = beam_of(d);
    if (half - root <= rounding) kernel->minor = 0;
    return true;
}

/* ---- common beam ---------------------------------------------------------------------
 * The ellipse of least area about the centre that holds all given ones: x' A x <= 1 for all
 * their points, det A greatest. Cutting planes: least ellipse of a few points, then the
 * point that sticks out most is added. The least ellipse of points by the multiplicative
 * update of Titterington (1978): lambda_k *= x_k' (2 M)^-1 x_k, M = sum lambda x x'. */

typedef struct points
{
    size_t n;
    double x[MAX_POINT], y[MAX_POINT], weight[MAX_POINT];
} points;

static sym sym_inverse(sym m)
{
    double det = m.xx * m.yy - m.xy * m.xy;
    return (sym){m.yy / det, -m.xy / det, m.xx / det};
}

static double form(sym a, double x, double y)
{
    return a.xx * x * x + 2 * a.xy * x * y + a.yy * y * y;
}

static sym least_ellipse(points *p)
{
    sym c = {0};
    for (size_t k = 0; k < p->n; k++)
        p->weight[k] = 1.0 / (double)p->n;
    for (int pass = 0; pass < 20000; pass++) {
        sym m = {0};
        for (size_t k = 0; k < p->n; k++) {
            m.xx += p->weight[k] * p->x[k] * p->x[k];
            m.xy += p->weight[k] * p->x[k] * p->y[k];
            m.yy += p->weight[k] * p->y[k] * p->y[k];
        }
        c = (sym){2 * m.xx, 2 * m.xy, 2 * m.yy};
        sym a = sym_inverse(c);
        double worst = 0;
        for (size_t k = 0; k < p->n; k++) {
            double q = form(a, p->x[k], p->y[k]);
            if (q > worst) worst = q;
            p->weight[k] *= q;
        }
        if (worst < 1 + 1e-10) break;
    }
    return c;
}

/* The point of ellipse `inner` that sticks out most of the ellipse with matrix `outer`: the
 * largest x' outer^-1 x, by the eigenvector of inner outer^-1. */
static double farthest(sym outer, sym inner, double *x, double *y)
{
    /* With inner = L L', x = L e, e a unit vector: largest eigenvalue of L' outer^-1 L. */
    double l11 = sqrt(inner.xx), l21 = inner.xy / l11;
    double rest = inner.yy - l21 * l21, l22 = sqrt(rest > 0 ? rest : 0);
    sym a = sym_inverse(outer);
    sym b = {
        .xx = form(a, l11, l21), .xy = l22 * (a.xy * l11 + a.yy * l21), .yy = a.yy * l22 * l22};
    double large = 0.5 * (b.xx + b.yy) + hypot(0.5 * (b.xx - b.yy), b.xy);
    double angle = 0.5 * atan2(2 * b.xy, b.xx - b.yy);
    *x = l11 * cos(angle);
    *y = l21 * cos(angle) + l22 * sin(angle);
    return large;
}

static bool holds_all(ci_num_beam outer, const ci_num_beam *beams, size_t n)
{
    ci_num_beam kernel;
    for (size_t i = 0; i < n; i++)
        if (!ci_num_beam_deconvolve(outer, beams[i], &kernel)) return false;
    return true;
}

/* Replaces the point of least weight once the list is full. */
static void point_add(points *p, double x, double y)
{
    size_t at = p->n;
    if (p->n < MAX_POINT)
        p->n++;
    else {
        at = 0;
        for (size_t k = 1; k < p->n; k++)
            if (p->weight[k] < p->weight[at]) at = k;
    }
    p->x[at] = x;
    p->y[at] = y;
}

ci_num_beam ci_num_beam_common(const ci_num_beam *beams, size_t n)
{
    if (n == 0) return (ci_num_beam){0};
    size_t widest = 0;
    for (size_t i = 0; i < n; i++)
        if (beams[i].major * beams[i].minor > beams[widest].major * beams[widest].minor) widest = i;
    if (holds_all(beams[widest], beams, n)) return beam_of(sym_of(beams[widest]));

    points p = {.n = 2};
    double s = sin(beams[widest].pa_rad), c = cos(beams[widest].pa_rad);
    p.x[0] = -beams[widest].major * s;
    p.y[0] = beams[widest].major * c;
    p.x[1] = beams[widest].minor * c;
    p.y[1] = beams[widest].minor * s;
    sym outer = {0};
    double worst = 0;
    for (int pass = 0; pass < 200; pass++) {
        outer = least_ellipse(&p);
        double x_far = 0, y_far = 0;
        worst = 0;
        for (size_t i = 0; i < n; i++) {
            double x, y, q = farthest(outer, sym_of(beams[i]), &x, &y);
            if (q > worst) {
                worst = q;
                x_far = x;
                y_far = y;
            }
        }
        if (worst < 1 + 1e-9) break;
        point_add(&p, x_far, y_far);
    }
    /* What still sticks out decides the last digits: all must be held. */
    double grow = (worst > 1 ? worst : 1) * (1 + 1e-11);
    return beam_of((sym){outer.xx * grow, outer.xy * grow, outer.yy * grow});
}
