/* Private to phot. All functions are local. */
#ifndef PHOT_INTERNAL_H
#define PHOT_INTERNAL_H

#include "contimg/phot.h"

/* An image with its noise and world coordinates, whole in memory. */
typedef struct phot_image
{
    const char *path; /* borrowed */
    ci_fits_header header;
    ci_fits_wcs *wcs;
    size_t n_x, n_y;
    float *pixel, *rms; /* [n_y][n_x] */
    float *noise;       /* the noise map as given, NULL without one */
    ci_num_beam beam;   /* pixels, at the reference point */
    /* In one interferometer image the beam is the same in pixels everywhere; a mosaic's is
     * the same on the sky (card BMFRAME), so that its pixels see it narrowed off the middle. */
    bool is_beam_on_sky;
} phot_image;

/* rms_jy > 0: the noise everywhere, without a noise map. */
ci_status ci_phot_image_load(phot_image *im, const char *image_path, const char *noise_path,
                             size_t box, double rms_jy);
void ci_phot_image_clear(phot_image *im);
/* Where a source fitted as g really is. A mosaic S = sum(PB I / s^2) / sum(PB^2 / s^2) shows
 * it as a Gaussian times 1 + d . grad ln N at distance d, N = 1 / sqrt(sum(PB^2 / s^2)) the noise
 * map: its fit is too far towards the noise by the Gaussian's covariance times grad ln N. Without a
 * noise map the fit's position. */
void ci_phot_place(const phot_image *im, const ci_num_gaussian *g, double *x, double *y);
/* The beam in pixels at a position in the image. */
ci_num_beam ci_phot_beam_at(const phot_image *im, double x, double y);
/* Pixel shape to sky shape: arc lengths in rad, angle from the north at that position. */
ci_status ci_phot_shape_on_sky(const phot_image *im, double x, double y, ci_num_beam shape,
                               ci_num_beam *sky, double *north_rad);

/* One fitted component of an island, pixel units. */
typedef struct phot_component
{
    ci_num_gaussian g;
    bool is_resolved, is_fixed; /* fixed: fitted with the beam's shape */
    double rms;
} phot_component;
#define PHOT_MAX_COMPONENT 8
/* Components of one island. Those of a fit are at most PHOT_MAX_COMPONENT; islands with more
 * peaks are fitted peak by peak. *component is grown with ci_mem_resize. */
ci_status ci_phot_island_fit(const phot_image *im, const int32_t *labels,
                             const ci_num_island *island, double seed_sigma,
                             phot_component **component, size_t *n_component);

/* Relative errors of a Gaussian fitted in noise that is correlated like the beam, Condon
 * (1997, PASP 109, 166), equations 21 and 40 to 42. */
typedef struct phot_errors
{
    double peak, flux;                            /* relative */
    double major, minor;                          /* relative */
    double position_xx, position_xy, position_yy; /* covariance of the position, pixels^2 */
    double pa_rad;
} phot_errors;
phot_errors ci_phot_condon(const ci_num_gaussian *g, ci_num_beam noise, double rms);
/* Error of the position along a unit vector, pixels. */
double ci_phot_place_error(const phot_errors *errors, double x, double y);

/* Autocorrelation of an image's noise, 1 at no lag, for lags |dx|, |dy| <= reach. */
typedef struct phot_acf
{
    int reach;
    double *value; /* [reach + 1][2 reach + 1]: dy >= 0, dx from -reach */
} phot_acf;
ci_status ci_phot_acf_measure(const phot_image *im, phot_acf *acf);
void ci_phot_acf_clear(phot_acf *acf);
double ci_phot_acf_at(const phot_acf *acf, long dx, long dy); /* 0 beyond the reach */

#endif
