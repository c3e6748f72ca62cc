/* clean: deconvolution: the model, masks, minor and major cycles. Image rows are distributed over
 * ranks; results have the same bytes at any rank count. */
#ifndef CONTIMG_CLEAN_H
#define CONTIMG_CLEAN_H

#include "contimg/grid.h"
#include "contimg/num.h"
#include "contimg/sky.h"

typedef struct ci_clean_options
{
    int max_iteration;     /* --niter; 0: dirty only */
    double gain;           /* minor loop gain 0.1 */
    double major_gain;     /* 0.8: a major cycle cleans down to (1 - that) of the peak */
    double auto_mask;      /* 5 x local rms */
    double auto_threshold; /* 1 x local rms */
    int max_major;         /* 40 */
} ci_clean_options;

/* A bright source that was cleaned with a spectral slope of its own. */
typedef struct ci_clean_slope
{
    double ra_rad, dec_rad;
    double flux_jy, beam; /* flux at freq_hz as seen through the mean beam `beam` */
    double slope;         /* flux goes as nu^slope, the beam's own change taken out */
} ci_clean_slope;
#define CI_CLEAN_MAX_SLOPE 64

typedef struct ci_clean_stats
{
    int n_major, n_minor;
    int n_held; /* bright compact sources, each a point between pixels */
    int n_slope;
    ci_clean_slope slope[CI_CLEAN_MAX_SLOPE]; /* [n_slope] brightest first */
    bool diverged;
    char stop_reason[64];
} ci_clean_stats;

/* ---- PSF ------------------------------------------------------------------------------- */

/* A PSF patch of side 2 half + 1, 1 at the centre. */
typedef struct ci_clean_patch
{
    size_t half;
    float *value; /* [2 half + 1][2 half + 1] */
} ci_clean_patch;

/* *far: greatest |PSF| from half an image to a whole one from its centre. Where that is more than
 * `enough`, and the image not too large for it, *patch is the PSF out to a whole image, value
 * on rank 0 only, to ci_mem_free; else its half is 0. Collective. */
CI_MUST_CHECK ci_status ci_clean_psf_wide(ci_comm *comm, const ci_vis_samples *samples,
                                          const ci_grid_geometry *geometry, double sum_weight,
                                          double enough, ci_clean_patch *patch, double *far);

/* ---- model ------------------------------------------------------------------------------ */

/* Flux at a place between pixels: x, y in pixels from 0. */
typedef struct ci_clean_spot
{
    double x, y, flux; /* Jy */
} ci_clean_spot;
/* Adds the spots to this rank's slab of a model image, each as the pixels whose sum with
 * ci_num_lanczos_taps would read it: they have its flux, and its visibilities but for the highest
 * spatial frequencies that pixels can hold. Local. */
void ci_clean_spots_paint(const ci_grid_layout *layout, const ci_clean_spot *spots, size_t n_spot,
                          double *model);

/* Bright sources: where the beam's change with time and frequency, their spectra and their
 * places between pixels show. */
typedef struct ci_clean_bright ci_clean_bright;
/* pb: this rank's slab of the mean beam, borrowed like `sky` and `layout`. Collective. */
CI_MUST_CHECK ci_status ci_clean_bright_new(ci_comm *comm, ci_clean_bright **out,
                                            const ci_sky_field *sky, const ci_vis_samples *samples,
                                            const ci_grid_layout *layout, const float *pb,
                                            bool is_positive, double cell_rad, double ref_hz);
void ci_clean_bright_free(ci_clean_bright *bright);
/* The sources for stats, brightest first, and one line about them for the log. Local. */
void ci_clean_bright_list(const ci_clean_bright *bright, ci_clean_stats *stats);
/* The sources held between pixels, [*n] by ci_mem_free, the same on every rank. Local. */
CI_MUST_CHECK ci_status ci_clean_bright_spots(const ci_clean_bright *bright, ci_clean_spot **out,
                                              size_t *n);

/* ---- cycles ------------------------------------------------------------------------------ */

/* What the major cycle works on. */
typedef struct ci_clean
{
    ci_grid_operator *gridder;
    ci_vis_samples *samples;
    const ci_grid_layout *layout;
    const ci_clean_options *options;
    bool is_positive; /* the sky is */
    /* NULL, or asked between major cycles (ci_image_options). */
    bool (*stop)(void);
    double sum_weight;
    ci_num_beam beam;        /* the restoring one, in pixels */
    double psf_far;          /* greatest |PSF| beyond half an image from its centre */
    ci_clean_patch psf_wide; /* out to a whole image, borrowed; half 0: not needed */
    ci_clean_bright *bright;
    const double *psf;        /* slab, 1 at the centre */
    double *residual, *model; /* slabs; residual in: dirty */
} ci_clean;
/* The sidelobe level that minor cycles need not see: major cycles are shallow enough for it. */
double ci_clean_max_hidden_sidelobe(void);
/* Cotton-Schwab major cycles; fills n_major, n_minor, diverged, stop_reason. Collective. */
CI_MUST_CHECK ci_status ci_clean_run(ci_comm *comm, ci_clean *clean, ci_clean_stats *stats);

#endif
