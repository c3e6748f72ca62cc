/* clean: deconvolution: the model, masks, minor and major cycles. Image rows are distributed over
 * ranks; results have the same bytes at any rank count. */
#ifndef CONTIMG_CLEAN_H
#define CONTIMG_CLEAN_H

#include "contimg/grid.h"
#include "contimg/num.h"
#include "contimg/sky.h"

/* Widths of components besides points. */
#define CI_CLEAN_MAX_SCALE 9
/* Of them, those that are chosen at most. */
#define CI_CLEAN_AUTO_SCALE 6
typedef struct ci_clean_options
{
    int max_iteration;     /* --niter; 0: dirty only */
    double gain;           /* minor loop gain 0.1 */
    double major_gain;     /* 0.8: a major cycle cleans down to (1 - that) of the peak */
    double auto_mask;      /* 5 x local rms */
    double auto_threshold; /* 1 x local rms */
    int max_major;         /* 40 */
    bool auto_scales;      /* widths of components are chosen by beam and image ... */
    int n_scale;           /* ... or given; 0: points alone */
    double scale_px[CI_CLEAN_MAX_SCALE]; /* [n_scale] pixels from rim to rim, ascending */
    bool outside;              /* sources outside the image are sought everywhere, and subtracted */
    const ci_sky_model *known; /* else where these are; NULL: nowhere. Borrowed */
} ci_clean_options;

/* A bright source that was cleaned with a spectral slope of its own. */
typedef struct ci_clean_slope
{
    double ra_rad, dec_rad;
    double flux_jy, beam; /* flux at freq_hz as seen through the mean beam `beam` */
    double slope;         /* flux goes as nu^slope, the beam's own change taken out */
} ci_clean_slope;
#define CI_CLEAN_MAX_SLOPE 64
#define CI_CLEAN_MAX_OUTSIDE 100

/* A bright source that is not constant: its mean is in the image, what it differs from it is left
 * out of it. */
typedef struct ci_clean_variable
{
    double ra_rad, dec_rad;
    double flux_jy;                   /* mean */
    double excess_jy, sigma;          /* of the part that stands out most: mean, significance */
    double time_mjd_s[2], freq_hz[2]; /* ... its first and last integration and channel, centres */
} ci_clean_variable;
#define CI_CLEAN_MAX_VARIABLE 8

/* What the data of a sub-band have of the model. */
typedef struct ci_clean_response
{
    double freq_hz;      /* the sub-band's middle */
    double jy, sigma_jy; /* correlation with the model over the model's own rms, and its error by
                          * what the model leaves; NaN: no data, or no model */
} ci_clean_response;
#define CI_CLEAN_MAX_RESPONSE 64

typedef struct ci_clean_stats
{
    int n_major, n_minor;
    int n_point; /* point components: bright compact sources between pixels */
    int n_scale; /* widths of components besides points */
    double scale_px[CI_CLEAN_MAX_SCALE]; /* [n_scale] */
    int n_slope;
    ci_clean_slope slope[CI_CLEAN_MAX_SLOPE]; /* [n_slope] brightest first */
    int n_variable;
    ci_clean_variable variable[CI_CLEAN_MAX_VARIABLE]; /* [n_variable] as they were found */
    int n_outside; /* sources outside the image: in no image ... */
    ci_clean_slope
        outside[CI_CLEAN_MAX_OUTSIDE]; /* [n_outside] ... brightest first; slopes as
                                          seen, with the beam's change beyond its model */
    bool diverged;
    char stop_reason[64];
} ci_clean_stats;

/* ---- PSF ------------------------------------------------------------------------------- */

/* A PSF patch of side 2 half + 1, 1 at the centre. */
typedef struct ci_clean_patch
{
    size_t half;
    float *value; /* [2 half + 1][2 half + 1], row by row */
} ci_clean_patch;

/* *far: greatest |PSF| from half an image to a whole one from its centre. Where that is more than
 * `enough`, and the image not too large for it, *patch is the PSF out to a whole image, value
 * on rank 0 only, to ci_mem_free; else its half is 0. Collective. */
CI_MUST_CHECK ci_status ci_clean_psf_wide(ci_comm *comm, const ci_vis_samples *samples,
                                          const ci_grid_geometry *geometry, double sum_weight,
                                          double enough, ci_clean_patch *patch, double *far);

/* ---- model ------------------------------------------------------------------------------ */

/* A point component: flux at a position between pixels; x, y in pixels from 0. */
typedef struct ci_clean_point
{
    double x, y, flux; /* Jy at the model's reference frequency */
} ci_clean_point;
/* Adds points [n_point] to this rank's slab pixels [n_here][n_x] of a model image, each as the
 * pixels whose sum with ci_num_lanczos_taps would read it: they have its flux, and its visibilities
 * but for the highest spatial frequencies that pixels can hold. Local. */
void ci_clean_points_pixelise(const ci_grid_layout *layout, const ci_clean_point *points,
                              size_t n_point, double *pixels);

/* What CLEAN has found: pixel components (one flux each, constant in time and frequency but for
 * the primary beam's change), bright sources with a spectral slope, of which compact ones are
 * point components between pixels, what bright sources that vary have in time and frequency
 * beside their mean, and sources outside the image. */
typedef struct ci_clean_model ci_clean_model;

/* What tells the visibilities and options that a model is made from and with. */
#define CI_CLEAN_ORIGIN_SUMS 7
typedef struct ci_clean_origin
{
    double sum[CI_CLEAN_ORIGIN_SUMS]; /* over the samples; the first two: number and weight */
    const char *made_with;            /* lines "option=value", borrowed; needed on rank 0 alone */
} ci_clean_origin;

/* What a model is of. Borrowed while it lives. */
typedef struct ci_clean_model_setup
{
    ci_clean_origin origin;
    const ci_sky_field *field;
    const ci_grid_layout *layout;
    const float *pb; /* this rank's slab [n_here][n_x] of the mean beam */
    double cell_rad;
    double ref_hz;     /* fluxes are meant there */
    bool is_positive;  /* the sky is: sources are, too */
    bool has_extended; /* it may have components that are no points */
    int stokes;        /* CI_VIS_POL_* */
} ci_clean_model_setup;
/* An empty model; of the samples only times, frequencies and weights matter. Collective. */
CI_MUST_CHECK ci_status ci_clean_model_new(ci_comm *comm, ci_clean_model **out,
                                           const ci_clean_model_setup *setup,
                                           const ci_vis_samples *samples);
/* NULL-safe. Local. */
void ci_clean_model_free(ci_clean_model *model);
/* This rank's slab of pixel components [n_here][n_x], Jy; borrowed, may be changed. Local. */
double *ci_clean_model_pixels(ci_clean_model *model);
/* This rank's slab of extended components [n_here][n_x], Jy; borrowed; NULL: there are none. Local.
 */
const double *ci_clean_model_extended(const ci_clean_model *model);
/* The point components [*n], to ci_mem_free, the same on every rank. Local. */
CI_MUST_CHECK ci_status ci_clean_model_points(const ci_clean_model *model, ci_clean_point **out,
                                              size_t *n);
/* Sum of pixel, point and extended components, Jy. Collective. */
CI_MUST_CHECK ci_status ci_clean_model_flux(ci_comm *comm, const ci_clean_model *model,
                                            double *flux_jy);
/* Number of its sources outside the image. Local. */
size_t ci_clean_model_n_outside(const ci_clean_model *model);
/* What is in the image, and beyond its edge, as point sources to predict: fluxes at the reference
 * frequency, the beam taken out. Point components with their slopes, and pixel components: those
 * within a `beam` (pixels) of a brighter one are a patch, and one source at their centre where that
 * changes no baseline of 1 / beam by more than least_jy. Points and patches below least_jy (as they
 * show) are left out, at most 1000 patches are in. What varies has its mean. *out to
 * ci_sky_model_free, the same on every rank. Collective. */
CI_MUST_CHECK ci_status ci_clean_model_catalogue(ci_comm *comm, const ci_clean_model *model,
                                                 double beam, double least_jy, ci_sky_model **out);
/* Point components and slopes for stats, brightest first, and a line about them for the log.
 * Local. */
void ci_clean_model_summary(const ci_clean_model *model, ci_clean_stats *stats);

/* A copy of what a model holds. */
typedef struct ci_clean_snapshot ci_clean_snapshot;
/* Into *snapshot, made where it is NULL, else its memory is used again. Local. */
CI_MUST_CHECK ci_status ci_clean_model_snapshot(const ci_clean_model *model,
                                                ci_clean_snapshot **snapshot);
/* Back to a snapshot of this model. Local. */
CI_MUST_CHECK ci_status ci_clean_model_restore(ci_clean_model *model,
                                               const ci_clean_snapshot *snapshot);
/* NULL-safe. Local. */
void ci_clean_snapshot_free(ci_clean_snapshot *snapshot);

/* Writes the model to one HDF5 file (rank 0; "<path>.part", then renamed), with all digits and
 * nothing of how ranks share it. Collective. */
CI_MUST_CHECK ci_status ci_clean_model_save(ci_comm *comm, const ci_clean_model *model,
                                            const char *path);
/* Fills an empty model of the same setup, on any number of ranks. CI_ERR_INPUT for a file that
 * is none, of another image size, cell, centre or frequency, or of another origin. Collective. */
CI_MUST_CHECK ci_status ci_clean_model_load(ci_comm *comm, ci_clean_model *model, const char *path);

/* The model's visibilities, into samples->computed; without meaning where the weight is 0.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_model_predict(ci_comm *comm, const ci_clean_model *model,
                                               ci_grid_operator *gridder, ci_vis_samples *samples);

/* ---- cycles ------------------------------------------------------------------------------ */

/* What CLEAN is given. All borrowed while it lives. */
typedef struct ci_clean_setup
{
    ci_grid_operator *gridder;
    ci_vis_samples *samples;
    const ci_grid_layout *layout;
    const ci_clean_options *options;
    ci_clean_model *model;
    double *residual;  /* slab [n_here][n_x], of the model as it stands: at first the dirty image */
    const double *psf; /* slab [n_here][n_x], 1 at the centre */
    double sum_weight;
    ci_num_beam beam;        /* the restoring one, in pixels */
    double psf_far;          /* greatest |PSF| beyond half an image from its centre */
    const uint8_t *mask;     /* slab [n_here][n_x]: where components may stand; NULL: everywhere */
    ci_clean_patch psf_wide; /* out to a whole image; half 0: not needed */
    bool is_positive;        /* the sky is */
    double noise_jy;         /* Jy/beam, of the visibilities alone; NaN: not known */
} ci_clean_setup;

/* Cotton-Schwab CLEAN (Schwab 1984) with Clark's minor cycles (Clark 1980). */
typedef struct ci_clean ci_clean;
/* At the start of CLEAN: no component yet, or those of a model that was loaded. Collective. */
CI_MUST_CHECK ci_status ci_clean_new(ci_comm *comm, ci_clean **out, const ci_clean_setup *setup);
/* NULL-safe. Local. */
void ci_clean_free(ci_clean *clean);
/* One major cycle: minor cycles on the residual as it stands, then the exact residual of the
 * model with what they found. *is_done where CLEAN has ended, and why in the stats. Collective. */
CI_MUST_CHECK ci_status ci_clean_cycle(ci_comm *comm, ci_clean *clean, bool *is_done);
/* The exact residual of the model as it stands, to which its bright sources are fitted again.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_residual(ci_comm *comm, ci_clean *clean);
/* The exact residual of a model that was loaded. Collective. */
CI_MUST_CHECK ci_status ci_clean_residual_resume(ci_comm *comm, ci_clean *clean);
/* samples->computed is no longer what the last cycle left: the next one computes all of it. Local.
 */
void ci_clean_residual_forget(ci_clean *clean);
/* Saves the model and how far CLEAN has come, so that one that begins with that model goes on as if
 * it had not ended: of a last major cycle that max_iteration cut short, what was before it.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_save(ci_comm *comm, ci_clean *clean, const char *path);
/* Of the cycles until now; borrowed. Local. */
const ci_clean_stats *ci_clean_stats_get(const ci_clean *clean);
/* After cycles: of each sub-band of the samples, ascending; *n 0 where they are more than fit, or
 * nothing was found. Collective. */
CI_MUST_CHECK ci_status ci_clean_response_find(ci_comm *comm, const ci_clean *clean,
                                               ci_clean_response out[CI_CLEAN_MAX_RESPONSE],
                                               int *n);
/* The sidelobe level that minor cycles need not see: major cycles are shallow enough for it.
 * Local. */
double ci_clean_max_hidden_sidelobe(void);

/* ---- cost, for who plans it ---------------------------------------------------------------- */

/* Bytes of the PSF out to a whole image of n_pixel, on rank 0, and of making it on n_rank. Local.
 */
double ci_clean_psf_bytes(double n_pixel, int n_rank);
/* Seconds of one core for about ten major cycles. Local. */
double ci_clean_seconds(double n_sample, double n_pixel);
/* What components of n_scale widths besides points ask for: bytes on rank 0 of n_rank. Local. */
double ci_clean_scales_bytes(double n_pixel, int n_rank, int n_scale);
/* The same in seconds of one core. Local. */
double ci_clean_scales_seconds(double n_pixel, int n_scale);

#endif
