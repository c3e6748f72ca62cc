/* phot: source lists, forced photometry, comparison with a catalogue, image quality. All
 * functions are local. */
#ifndef CONTIMG_PHOT_H
#define CONTIMG_PHOT_H

#include "contimg/fits.h"
#include "contimg/num.h"
#include "contimg/sky.h"

typedef struct ci_phot_source
{
    char name[32]; /* "J052109.9+163822" */
    double ra_rad, dec_rad, ra_err_rad, dec_err_rad;
    double peak_jy, peak_err_jy;         /* per beam */
    double flux_jy, flux_err_jy;         /* integrated where resolved, else the peak */
    double major_rad, minor_rad, pa_rad; /* fitted FWHM, from the north at its position; the
                                            beam's where not resolved */
    double rms_jy;                       /* local */
    int32_t island;
    bool is_resolved;
} ci_phot_source;
typedef struct ci_phot_list
{
    size_t n_source;
    ci_phot_source *source; /* owned; by declining peak signal to noise */
} ci_phot_list;
typedef struct ci_phot_options
{
    double seed_sigma; /* 5 */
    double grow_sigma; /* 3 */
    size_t box;        /* pixels of a local rms box; 0: 20 beams */
    double rms_jy;     /* the noise is this everywhere; 0: local, or the noise map's */
} ci_phot_options;
/* Sets the defaults that are named above. */
void ci_phot_options_default(ci_phot_options *options);
/* "J052109.9+163822", cut, not rounded. */
void ci_phot_name(char out[32], double ra_rad, double dec_rad);
/* Islands and Gaussian fits with Condon (1997) errors. noise_path: the noise map
 * (where the image scatters more than that, its own local rms), NULL: local rms of the image. An
 * island with several peaks becomes several sources, fitted together. What is not larger than the
 * beam by three errors is fitted with the beam's shape. */
CI_MUST_CHECK ci_status ci_phot_find(ci_phot_list **out, const char *image_path,
                                     const char *noise_path, const ci_phot_options *options);
/* Frees it with all that it owns; NULL is allowed. */
void ci_phot_list_free(ci_phot_list *list);
/* CSV name,ra_deg,dec_deg,ra_err_arcsec,dec_err_arcsec,peak_jy,peak_err_jy,flux_jy,
 * flux_err_jy,major_arcsec,minor_arcsec,pa_deg,rms_jy,island,resolved. */
CI_MUST_CHECK ci_status ci_phot_list_write(const ci_phot_list *list, const char *csv_path);
/* Reads such a file; CI_ERR_INPUT names the column and line. */
CI_MUST_CHECK ci_status ci_phot_list_read(ci_phot_list **out, const char *csv_path);
/* Forced flux of a point source at a position: S = sum(d K/s^2)/sum(K^2/s^2) over one width of
 * the beam K, with the error of noise correlated as measured in this image. NaN outside. */
CI_MUST_CHECK ci_status ci_phot_forced(const char *image_path, const char *noise_path, size_t n,
                                       const double *ra_rad, const double *dec_rad, double *flux_jy,
                                       double *flux_err_jy);
/* Found against a catalogue at `freq_hz`: nearest within match_rad, one to one, isolated ones
 * only (nothing above 2 % of it within isolation_rad, in either list). NaN without matches. */
typedef struct ci_phot_match
{
    size_t i_found, i_true;
    double ratio, separation_rad;
} ci_phot_match;
typedef struct ci_phot_compare
{
    size_t n_match;
    ci_phot_match *match; /* owned */
    double median_ratio, mad_ratio, median_separation_rad;
    double gain, scatter; /* Huber fit found = gain x true */
} ci_phot_compare;
/* Compares found sources with a catalogue. */
CI_MUST_CHECK ci_status ci_phot_compare_new(ci_phot_compare **out, const ci_phot_list *found,
                                            const ci_sky_model *truth, double freq_hz,
                                            double match_rad, double isolation_rad);
/* Frees it with all that it owns; NULL is allowed. */
void ci_phot_compare_free(ci_phot_compare *compare);

/* Fluxes of an image against a catalogue: the median of found / catalogue over n sources, and its
 * error, by the larger of their scatter and of their own errors. NaN where n is 0, the error where
 * n is 1. `sure`: it is off by more than this as seldom as a normal error is by three sigma,
 * however few sources tell their scatter; NaN where n is below 3, as two tell none. */
typedef struct ci_phot_scale
{
    size_t n;
    double ratio, sigma, sure;
} ci_phot_scale;
/* The scale of n ratios with their errors; both are overwritten. */
ci_phot_scale ci_phot_scale_of(double *ratio, double *error, size_t n);
/* The scale of a tile: image_path (flat noise, Stokes I, else n is 0) with noise rms_jy, seen
 * through the beam pb_path. Of isolated points of the catalogue that are 20 times the noise by the
 * catalogue, so that noise does not choose them, and where the beam is at least 0.4. To the errors
 * is added what their mean spectral index may do between the catalogue's frequency and the image's.
 */
CI_MUST_CHECK ci_status ci_phot_scale_find(ci_phot_scale *out, const char *image_path,
                                           const char *pb_path, double rms_jy,
                                           const ci_sky_model *catalogue);

/* Cost, for who plans it: bytes of ci_phot_find for an image of n_pixel with its noise and
 * islands. */
double ci_phot_find_bytes(double n_pixel);

#endif
