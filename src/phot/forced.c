/* Flux at given positions: the beam fitted to the image, with the error of correlated noise. */
#include "phot/internal.h"

#include <math.h>

/* Pixels within one full width of the position: the beam is down to 1/16. */
#define RADIUS 1.0
#define MAX_SIDE 101

typedef struct stamp
{
    size_t n;
    double sum_k2, sum_dk, all_k2; /* over used pixels; all_k2: over all, had they values */
    long x[MAX_SIDE * MAX_SIDE], y[MAX_SIDE * MAX_SIDE];
    double weight[MAX_SIDE * MAX_SIDE]; /* K / s */
} stamp;

static void stamp_fill(const phot_image *im, double x, double y, stamp *st)
{
    ci_num_beam b = ci_phot_beam_at(im, x, y);
    ci_num_gaussian k = {
        .peak = 1, .x = x, .y = y, .major = b.major, .minor = b.minor, .pa_rad = b.pa_rad};
    long reach = (long)fmin(ceil(RADIUS * b.major), MAX_SIDE / 2 - 1);
    double least = pow(0.5, 4 * RADIUS * RADIUS);
    st->n = 0;
    st->sum_k2 = st->sum_dk = st->all_k2 = 0;
    for (long py = (long)floor(y) - reach; py <= (long)floor(y) + reach + 1; py++)
        for (long px = (long)floor(x) - reach; px <= (long)floor(x) + reach + 1; px++) {
            double kernel = ci_num_gaussian_value(&k, (double)px, (double)py);
            if (kernel < least) continue;
            st->all_k2 += kernel * kernel;
            if (px < 0 || py < 0 || px >= (long)im->n_x || py >= (long)im->n_y) continue;
            size_t i = (size_t)py * im->n_x + (size_t)px;
            double s = (double)im->rms[i], d = (double)im->pixel[i];
            if (!isfinite(d) || !(s > 0)) {
                continue;
            }
            st->sum_k2 += kernel * kernel / (s * s);
            st->sum_dk += d * kernel / (s * s);
            st->x[st->n] = px;
            st->y[st->n] = py;
            st->weight[st->n++] = kernel / s;
        }
}

/* var S = sum_ij w_i w_j rho_ij / (sum K^2/s^2)^2, w = K/s: for independent pixels this is
 * 1 / sum(K^2/s^2). */
static double stamp_error(const stamp *st, const phot_acf *acf)
{
    double sum = 0;
    for (size_t i = 0; i < st->n; i++)
        for (size_t j = 0; j < st->n; j++)
            sum += st->weight[i] * st->weight[j] *
                   ci_phot_acf_at(acf, st->x[i] - st->x[j], st->y[i] - st->y[j]);
    /* The measured correlation carries noise; below independent pixels it cannot be right. */
    return sqrt(fmax(sum, st->sum_k2)) / st->sum_k2;
}

static ci_status measure(const phot_image *im, const phot_acf *acf, size_t n, const double *ra_rad,
                         const double *dec_rad, double *flux_jy, double *flux_err_jy)
{
    stamp *st = NULL;
    CI_TRY(ci_mem_alloc(&st, 1, sizeof *st, "forced photometry"));
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++) {
        double x, y;
        flux_jy[i] = flux_err_jy[i] = NAN;
        status = ci_fits_wcs_to_pixel(im->wcs, 1, &ra_rad[i], &dec_rad[i], &x, &y);
        if (status != CI_OK || !(x > -1 && y > -1 && x < (double)im->n_x && y < (double)im->n_y))
            continue;
        stamp_fill(im, x, y, st);
        double used = 0;
        for (size_t k = 0; k < st->n; k++) {
            double s = (double)im->rms[(size_t)st->y[k] * im->n_x + (size_t)st->x[k]];
            used += st->weight[k] * st->weight[k] * s * s;
        }
        /* Half of the beam must have values. */
        if (!(used > 0.5 * st->all_k2)) continue;
        flux_jy[i] = st->sum_dk / st->sum_k2;
        flux_err_jy[i] = stamp_error(st, acf);
    }
    ci_mem_free(st);
    return status;
}

ci_status ci_phot_forced(const char *image_path, const char *noise_path, size_t n,
                         const double *ra_rad, const double *dec_rad, double *flux_jy,
                         double *flux_err_jy)
{
    phot_image im;
    phot_acf acf = {0};
    CI_TRY(ci_phot_image_load(&im, image_path, noise_path, 0, 0));
    ci_status status = ci_phot_acf_measure(&im, &acf);
    if (status == CI_OK) status = measure(&im, &acf, n, ra_rad, dec_rad, flux_jy, flux_err_jy);
    ci_phot_acf_clear(&acf);
    ci_phot_image_clear(&im);
    return status;
}
