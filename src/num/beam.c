/* Shape algebra of elliptical Gaussians. A shape is a symmetric 2 x 2 matrix whose
 * eigenvalues are the squared FWHM; convolution adds matrices. */
#include "contimg/num.h"

#include <math.h>

typedef struct sym
{
    double xx, xy, yy;
} sym;

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
 * their points, det A greatest. Two or three points on the given ellipses determine it. As
 * in Remez' exchange, the point that sticks out most of the present ellipse enters, and the
 * least ellipse of it with the two or three before is the next. */

typedef struct point
{
    double x, y;
} point;

static sym sym_inverse(sym m)
{
    double det = m.xx * m.yy - m.xy * m.xy;
    return (sym){m.yy / det, -m.xy / det, m.xx / det};
}

static double form(sym a, double x, double y)
{
    return a.xx * x * x + 2 * a.xy * x * y + a.yy * y * y;
}

static double det_of(sym m)
{
    return m.xx * m.yy - m.xy * m.xy;
}

/* Least ellipse of two points: C = x1 x1' + x2 x2'. */
static sym ellipse_of_two(point p, point q)
{
    return (sym){p.x * p.x + q.x * q.x, p.x * p.y + q.x * q.y, p.y * p.y + q.y * q.y};
}

/* The ellipse through three points: x' A x = 1 thrice, by Cramer's rule. det 0 where none. */
static sym ellipse_of_three(const point p[3])
{
    double a[3], b[3], c[3];
    for (int k = 0; k < 3; k++) {
        a[k] = p[k].x * p[k].x;
        b[k] = 2 * p[k].x * p[k].y;
        c[k] = p[k].y * p[k].y;
    }
    double det = a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) +
                 c[0] * (a[1] * b[2] - a[2] * b[1]);
    sym m = {.xx = (b[1] * c[2] - b[2] * c[1]) - b[0] * (c[2] - c[1]) + c[0] * (b[2] - b[1]),
             .xy = a[0] * (c[2] - c[1]) - (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] - a[2]),
             .yy = a[0] * (b[1] - b[2]) - b[0] * (a[1] - a[2]) + (a[1] * b[2] - a[2] * b[1])};
    if (det == 0) return (sym){0};
    m = (sym){m.xx / det, m.xy / det, m.yy / det};
    return m.xx > 0 && det_of(m) > 0 ? sym_inverse(m) : (sym){0};
}

/* Takes `c` where it holds all points and is smaller than the best so far. */
static bool take_smaller(sym c, const point *p, size_t n, sym *best)
{
    if (!(c.xx > 0) || !(det_of(c) > 1e-14 * c.xx * c.yy)) return false;
    if (det_of(*best) > 0 && det_of(c) >= det_of(*best)) return false;
    sym a = sym_inverse(c);
    for (size_t k = 0; k < n; k++)
        if (form(a, p[k].x, p[k].y) > 1 + 1e-11) return false;
    *best = c;
    return true;
}

/* The new point p[n - 1] must be on the next ellipse. The points that determine it are left
 * in p. False where rounding leaves no candidate. */
static bool exchange(point *p, size_t *n, sym *outer)
{
    size_t last = *n - 1;
    sym best = {0};
    point kept[3] = {{0}};
    size_t n_kept = 0;
    for (size_t i = 0; i < last; i++)
        if (take_smaller(ellipse_of_two(p[i], p[last]), p, *n, &best)) {
            kept[0] = p[i];
            kept[1] = p[last];
            n_kept = 2;
        }
    for (size_t i = 0; i < last; i++)
        for (size_t j = i + 1; j < last; j++) {
            point three[3] = {p[i], p[j], p[last]};
            if (!take_smaller(ellipse_of_three(three), p, *n, &best)) continue;
            for (int k = 0; k < 3; k++)
                kept[k] = three[k];
            n_kept = 3;
        }
    if (!n_kept) return false;
    for (size_t k = 0; k < n_kept; k++)
        p[k] = kept[k];
    *n = n_kept;
    *outer = best;
    return true;
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

/* The point of all ellipses that sticks out most of `outer`. */
static double worst_point(sym outer, const ci_num_beam *beams, size_t n, point *far)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        point p;
        double q = farthest(outer, sym_of(beams[i]), &p.x, &p.y);
        if (q <= worst) continue;
        worst = q;
        *far = p;
    }
    return worst;
}

ci_num_beam ci_num_beam_common(const ci_num_beam *beams, size_t n)
{
    if (n == 0) return (ci_num_beam){0};
    size_t widest = 0;
    for (size_t i = 0; i < n; i++)
        if (beams[i].major * beams[i].minor > beams[widest].major * beams[widest].minor) widest = i;
    ci_num_beam first = beams[widest];
    if (holds_all(first, beams, n)) return beam_of(sym_of(first));

    double s = sin(first.pa_rad), c = cos(first.pa_rad);
    point p[4] = {{-first.major * s, first.major * c}, {first.minor * c, first.minor * s}};
    size_t n_point = 2;
    sym outer = ellipse_of_two(p[0], p[1]);
    double worst = 0;
    for (int pass = 0; pass < 200; pass++) {
        point far = {0};
        worst = worst_point(outer, beams, n, &far);
        if (worst < 1 + 1e-9) break;
        p[n_point++] = far;
        if (!exchange(p, &n_point, &outer)) break;
        worst = 0;
    }
    if (worst == 0) worst = worst_point(outer, beams, n, &p[3]);
    /* The remaining excess decides the last digits: all must be contained. */
    double grow = (worst > 1 ? worst : 1) * (1 + 1e-11);
    return beam_of((sym){outer.xx * grow, outer.xy * grow, outer.yy * grow});
}

/* ---- transforms ------------------------------------------------------------------------------ */

ci_num_beam_gauss ci_num_beam_gauss_of(ci_num_beam k, double factor)
{
    double to_variance = 1 / (8 * log(2.0)), s = sin(k.pa_rad), c = cos(k.pa_rad);
    double a = k.major * k.major * to_variance, b = k.minor * k.minor * to_variance;
    return (ci_num_beam_gauss){a * s * s + b * c * c, (b - a) * s * c, a * c * c + b * s * s,
                               factor};
}

double ci_num_beam_gauss_transfer(void *context, double u, double v)
{
    const ci_num_beam_gauss *g = context;
    double form = g->xx * u * u + 2 * g->xy * u * v + g->yy * v * v;
    return g->factor * exp(-2 * CI_PI * CI_PI * form);
}
