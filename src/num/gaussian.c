/* Elliptical Gaussians: value and least-squares fit (GSL's trust-region Levenberg-Marquardt).
 *
 * The shape is fitted as the triangular factor of its quadratic form,
 *     g = A exp(-[(p dx + q dy)^2 + (r dy)^2]),
 * which is an ellipse for any p, q, r and, unlike axes and an angle, has no singular point
 * where the Gaussian is round. */
#include "contimg/num.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>

#define FOUR_LN2 2.772588722239781237668928485832706
#define N_FREE 6
#define N_FIXED 3
#define MAX_ITERATION 200

double ci_num_gaussian_value(const ci_num_gaussian *g, double x, double y)
{
    double s = sin(g->pa_rad), c = cos(g->pa_rad);
    double dx = x - g->x, dy = y - g->y;
    double along = (dy * c - dx * s) / g->major, across = (dx * c + dy * s) / g->minor;
    return g->peak * exp(-FOUR_LN2 * (along * along + across * across));
}

/* p, q, r of axes and angle. */
static void factor_of(const ci_num_gaussian *g, double f[3])
{
    double s = sin(g->pa_rad), c = cos(g->pa_rad);
    double a = FOUR_LN2 / (g->major * g->major), b = FOUR_LN2 / (g->minor * g->minor);
    double xx = a * s * s + b * c * c, xy = (b - a) * s * c, yy = a * c * c + b * s * s;
    f[0] = sqrt(xx);
    f[1] = xy / f[0];
    double rest = yy - f[1] * f[1];
    f[2] = sqrt(rest > 0 ? rest : 0);
}

/* Axes and angle of p, q, r. */
static void shape_of(const double f[3], double shape[3])
{
    double xx = f[0] * f[0], xy = f[0] * f[1], yy = f[1] * f[1] + f[2] * f[2];
    double half = 0.5 * (xx + yy), root = hypot(0.5 * (xx - yy), xy);
    double large = half + root;
    double small = large > 0 ? f[0] * f[0] * f[2] * f[2] / large : 0;
    shape[0] = sqrt(FOUR_LN2 / small);
    shape[1] = sqrt(FOUR_LN2 / large);
    /* The long axis is the eigenvector of the small eigenvalue, (-sin pa, cos pa). */
    double pa = root > 1e-14 * half ? 0.5 * atan2(2 * xy, xx - yy) : 0;
    if (pa < 0) pa += CI_PI;
    shape[2] = pa >= CI_PI ? pa - CI_PI : pa;
}

typedef struct problem
{
    const double *x, *y, *value, *sigma;
    size_t n_pixel, n_gaussian, n_each; /* 6 or 3 parameters each */
    const double *factor;               /* [n_gaussian][3], fixed shapes */
} problem;

static void component(const problem *p, const gsl_vector *v, size_t i, double a[N_FREE])
{
    for (size_t k = 0; k < p->n_each; k++)
        a[k] = gsl_vector_get(v, i * p->n_each + k);
    if (p->n_each == N_FIXED)
        for (size_t k = 0; k < 3; k++)
            a[3 + k] = p->factor[3 * i + k];
}

static double weight_of(const problem *p, size_t i)
{
    return p->sigma ? 1.0 / p->sigma[i] : 1.0;
}

static int residual(const gsl_vector *v, void *params, gsl_vector *out)
{
    const problem *p = params;
    for (size_t i = 0; i < p->n_pixel; i++)
        gsl_vector_set(out, i, -p->value[i]);
    for (size_t c = 0; c < p->n_gaussian; c++) {
        double a[N_FREE];
        component(p, v, c, a);
        for (size_t i = 0; i < p->n_pixel; i++) {
            double dx = p->x[i] - a[1], dy = p->y[i] - a[2];
            double s = a[3] * dx + a[4] * dy, t = a[5] * dy;
            double e = s * s + t * t;
            if (e < 700) *gsl_vector_ptr(out, i) += a[0] * exp(-e);
        }
    }
    for (size_t i = 0; i < p->n_pixel; i++)
        *gsl_vector_ptr(out, i) *= weight_of(p, i);
    return GSL_SUCCESS;
}

static int jacobian(const gsl_vector *v, void *params, gsl_matrix *out)
{
    const problem *p = params;
    for (size_t c = 0; c < p->n_gaussian; c++) {
        double a[N_FREE];
        component(p, v, c, a);
        size_t at = c * p->n_each;
        for (size_t i = 0; i < p->n_pixel; i++) {
            double dx = p->x[i] - a[1], dy = p->y[i] - a[2];
            double s = a[3] * dx + a[4] * dy, t = a[5] * dy;
            double e = s * s + t * t, w = weight_of(p, i);
            double g = e < 700 ? w * exp(-e) : 0, slope = 2 * a[0] * g;
            gsl_matrix_set(out, i, at, g);
            gsl_matrix_set(out, i, at + 1, slope * s * a[3]);
            gsl_matrix_set(out, i, at + 2, slope * (s * a[4] + t * a[5]));
            if (p->n_each == N_FIXED) continue;
            gsl_matrix_set(out, i, at + 3, -slope * s * dx);
            gsl_matrix_set(out, i, at + 4, -slope * s * dy);
            gsl_matrix_set(out, i, at + 5, -slope * t * dy);
        }
    }
    return GSL_SUCCESS;
}

/* Errors of axes and angle from the covariance of p, q, r, by central differences. */
static void shape_errors(const double f[3], const gsl_matrix *cov, size_t at, double err[3])
{
    double slope[3][3];
    for (size_t k = 0; k < 3; k++) {
        double step = 1e-6 * (fabs(f[0]) + fabs(f[2])), up[3], down[3], s_up[3], s_down[3];
        for (size_t m = 0; m < 3; m++)
            up[m] = down[m] = f[m];
        up[k] += step;
        down[k] -= step;
        shape_of(up, s_up);
        shape_of(down, s_down);
        for (size_t m = 0; m < 3; m++) {
            double d = s_up[m] - s_down[m];
            if (m == 2) d -= CI_PI * round(d / CI_PI);
            slope[m][k] = d / (2 * step);
        }
    }
    for (size_t m = 0; m < 3; m++) {
        double sum = 0;
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++)
                sum += slope[m][i] * slope[m][j] * gsl_matrix_get(cov, at + i, at + j);
        err[m] = sqrt(sum > 0 ? sum : 0);
    }
}

static void store(const problem *p, const gsl_vector *v, const gsl_matrix *cov, double scale,
                  ci_num_gaussian *g)
{
    for (size_t i = 0; i < p->n_gaussian; i++) {
        double a[N_FREE], shape[3], err[3] = {0};
        size_t at = i * p->n_each;
        component(p, v, i, a);
        g[i].peak = a[0];
        g[i].x = a[1];
        g[i].y = a[2];
        g[i].peak_err = scale * sqrt(gsl_matrix_get(cov, at, at));
        g[i].x_err = scale * sqrt(gsl_matrix_get(cov, at + 1, at + 1));
        g[i].y_err = scale * sqrt(gsl_matrix_get(cov, at + 2, at + 2));
        if (p->n_each == N_FREE) {
            shape_of(a + 3, shape);
            shape_errors(a + 3, cov, at + 3, err);
            g[i].major = shape[0];
            g[i].minor = shape[1];
            g[i].pa_rad = shape[2];
        }
        g[i].major_err = scale * err[0];
        g[i].minor_err = scale * err[1];
        g[i].pa_err = scale * err[2];
    }
}

/* Runs the solver on a prepared workspace. */
static ci_status solve(problem *p, gsl_multifit_nlinear_workspace *work, gsl_vector *start,
                       gsl_matrix *cov, ci_num_gaussian *g, double *chi2)
{
    gsl_multifit_nlinear_fdf fdf = {.f = residual,
                                    .df = jacobian,
                                    .n = p->n_pixel,
                                    .p = p->n_gaussian * p->n_each,
                                    .params = p};
    int info = 0;
    int code = gsl_multifit_nlinear_init(start, &fdf, work);
    if (code == GSL_SUCCESS)
        code = gsl_multifit_nlinear_driver(MAX_ITERATION, 1e-9, 1e-12, 0, NULL, NULL, &info, work);
    /* No progress means that the last digit is reached. */
    if (code != GSL_SUCCESS && code != GSL_ENOPROG)
        return ci_error(CI_ERR_NO_DATA, "Gaussian fit to %zu pixels: %s", p->n_pixel,
                        gsl_strerror(code));
    gsl_vector *rest = gsl_multifit_nlinear_residual(work);
    double sum = 0;
    gsl_blas_ddot(rest, rest, &sum);
    if (!isfinite(sum) || gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(work), 0, cov))
        return ci_error(CI_ERR_NO_DATA, "Gaussian fit to %zu pixels: no solution", p->n_pixel);
    if (chi2) *chi2 = sum;
    size_t n_par = p->n_gaussian * p->n_each;
    /* Without sigma the scatter about the fit takes its place. */
    double scale = p->sigma || p->n_pixel <= n_par ? 1 : sqrt(sum / (double)(p->n_pixel - n_par));
    store(p, gsl_multifit_nlinear_position(work), cov, scale, g);
    return CI_OK;
}

static ci_status fit_in(problem *p, gsl_vector *start, ci_num_gaussian *g, double *chi2)
{
    size_t n_par = p->n_gaussian * p->n_each;
    gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *work =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, p->n_pixel, n_par);
    gsl_matrix *cov = gsl_matrix_alloc(n_par, n_par);
    ci_status status;
    if (work && cov)
        status = solve(p, work, start, cov, g, chi2);
    else
        status =
            ci_error(CI_ERR_MEMORY, "Gaussian fit: %zu pixels x %zu parameters", p->n_pixel, n_par);
    if (cov) gsl_matrix_free(cov);
    if (work) gsl_multifit_nlinear_free(work);
    return status;
}

ci_status ci_num_gaussian_fit(const ci_num_pixels *pixels, ci_num_gaussian *g, size_t n_gaussian,
                              bool fixed_shape, double *chi2)
{
    problem p = {.x = pixels->x,
                 .y = pixels->y,
                 .value = pixels->value,
                 .sigma = pixels->sigma,
                 .n_pixel = pixels->n,
                 .n_gaussian = n_gaussian,
                 .n_each = fixed_shape ? N_FIXED : N_FREE};
    size_t n_par = n_gaussian * p.n_each;
    if (n_gaussian == 0 || pixels->n < n_par)
        return ci_error(CI_ERR_NO_DATA, "Gaussian fit: %zu pixels for %zu parameters", pixels->n,
                        n_par);
    double *factor = NULL;
    CI_TRY(ci_mem_alloc(&factor, n_gaussian * 3, sizeof(double), "Gaussian fit"));
    p.factor = factor;
    gsl_error_handler_t *old = gsl_set_error_handler_off();
    gsl_vector *start = gsl_vector_alloc(n_par);
    ci_status status = start ? CI_OK : ci_error(CI_ERR_MEMORY, "Gaussian fit: parameters");
    for (size_t i = 0; start && i < n_gaussian; i++) {
        size_t at = i * p.n_each;
        factor_of(&g[i], factor + 3 * i);
        gsl_vector_set(start, at, g[i].peak);
        gsl_vector_set(start, at + 1, g[i].x);
        gsl_vector_set(start, at + 2, g[i].y);
        for (size_t k = 3; k < p.n_each; k++)
            gsl_vector_set(start, at + k, factor[3 * i + k - 3]);
    }
    if (status == CI_OK) status = fit_in(&p, start, g, chi2);
    if (start) gsl_vector_free(start);
    gsl_set_error_handler(old);
    ci_mem_free(factor);
    return status;
}
