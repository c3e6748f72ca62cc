/* image: visibilities to images: Stokes, weights, w-gridding, CLEAN, restore. Image rows
 * are distributed over ranks; the result has the same bytes at any rank count. */
#ifndef CONTIMG_IMAGE_H
#define CONTIMG_IMAGE_H

#include "contimg/fits.h"
#include "contimg/par.h"
#include "contimg/sky.h"
#include "contimg/vis.h"

typedef enum ci_image_weighting
{
    CI_IMAGE_NATURAL,
    CI_IMAGE_UNIFORM,
    CI_IMAGE_BRIGGS
} ci_image_weighting;

typedef struct ci_image_options
{
    size_t n_pixel;  /* square image; 0: default rule (docs/science.md) */
    double cell_rad; /* 0: a quarter of the fitted beam */
    ci_image_weighting weighting;
    double robust;                       /* Briggs R */
    char stokes[8];                      /* "I","Q","U","V","XX","YY","RR","LL" */
    double accuracy;                     /* 1e-3 .. 1e-12; double precision below 5e-6 */
    double min_uv_lambda, max_uv_lambda; /* 0: no limit */
    int max_iteration;                   /* --niter; 0: dirty only */
    double gain;                         /* minor loop gain 0.1 */
    double major_gain;     /* 0.8: a major cycle cleans down to (1 - that) of the peak */
    double auto_mask;      /* 5 x local rms */
    double auto_threshold; /* 1 x local rms */
    int max_major;         /* 40 */
    bool divide_by_n;      /* only to compare with other programs */
    double pb_cut;         /* 0.2 */
    /* NULL, or asked at safe points (before gridding, between major cycles): where it says yes
     * on any rank, all ranks end with CI_ERR_STOPPED. The same NULL or not on all ranks. */
    bool (*stop)(void);
} ci_image_options;
void ci_image_options_default(ci_image_options *options);

/* ---- operator level: the w-gridder ------------------------------------------------- */

/* Samples to grid, this rank's part, in global order: rows of one sub-band's channels. */
typedef struct ci_image_rows
{
    size_t n_row, n_chan;
    const double *uvw_m;   /* [n_row][3] */
    const double *freq_hz; /* [n_chan], ascending or descending */
    const float *weight;   /* [n_row][n_chan] imaging weight; 0 = flagged */
    ci_c32 *vis;           /* [n_row][n_chan] one Stokes value (in: dirty; out: predict) */
    ci_c64 *vis_double;    /* used in place of vis where not NULL: all digits in and out */
} ci_image_rows;

/* Geometry of the operator: rows of the image are FITS rows; pixel (x, y) is at
 * l = -(x - n_x/2) cell, m = (y - n_y/2) cell (phase centre at pixel n/2, 0-based). */
typedef struct ci_image_geometry
{
    size_t n_x, n_y;
    double cell_rad;
    double accuracy;
    bool divide_by_n;
} ci_image_geometry;

typedef struct ci_image_gridder ci_image_gridder;
/* Plans bands, planes and transforms from the geometry and all samples' uvw range; moves
 * every sample once to the rank that grids it (rows' uvw, freq and weight are kept; vis
 * are taken at each call). Collective. */
CI_MUST_CHECK ci_status ci_image_gridder_new(ci_comm *comm, ci_image_gridder **out,
                                             const ci_image_geometry *geometry,
                                             const ci_image_rows *rows, size_t n_rows);
void ci_image_gridder_free(ci_image_gridder *gridder);
/* Image rows [*y_first, *y_first + *n_y) of this rank. */
void ci_image_gridder_slab(const ci_image_gridder *gridder, size_t *y_first, size_t *n_y);
/* What was planned, for reports and tests. Local. */
typedef struct ci_image_gridder_numbers
{
    int64_t n_sample, n_sample_here;  /* unflagged samples in all; that this rank grids */
    int n_plane, n_band, n_band_here; /* planes of w, bands of grid rows */
    size_t n_u, n_v;                  /* padded grid */
    int support_uv, support_w;        /* support_w 0: one plane, no kernel along w */
    bool is_double;
    double error; /* expected relative rms error */
} ci_image_gridder_numbers;
void ci_image_gridder_counts(const ci_image_gridder *gridder, ci_image_gridder_numbers *out);
/* dirty(l,m) = Re sum weight vis exp(-2 pi i (u l + v m + w (n-1))), not normalised, into
 * this rank's slab [n_y][n_x] (double where accuracy asks for it, hence double here).
 * `rows` as given at creation, vis may differ. Collective. */
CI_MUST_CHECK ci_status ci_image_grid(ci_comm *comm, ci_image_gridder *gridder,
                                      const ci_image_rows *rows, size_t n_rows, double *slab);
/* The adjoint without weights: vis = sum image exp(+2 pi i (...)), into rows' vis (weight
 * 0 samples: 0). Collective. */
CI_MUST_CHECK ci_status ci_image_degrid(ci_comm *comm, ci_image_gridder *gridder,
                                        const double *slab, ci_image_rows *rows, size_t n_rows);
/* PSF of the samples' weights (vis = 1), at the phase centre. Collective. */
CI_MUST_CHECK ci_status ci_image_psf(ci_comm *comm, ci_image_gridder *gridder, double *slab);

/* ---- product level ------------------------------------------------------------------ */

/* A bright source that was cleaned with a spectral slope of its own. */
typedef struct ci_image_slope
{
    double ra_rad, dec_rad;
    double flux_jy, beam; /* flux at freq_hz as seen through the mean beam `beam` */
    double slope;         /* flux goes as nu^slope, the beam's own change taken out */
} ci_image_slope;
#define CI_IMAGE_MAX_SLOPE 64

typedef struct ci_image_stats
{
    size_t n_x, n_y;
    double cell_rad;
    double beam_major_rad, beam_minor_rad, beam_pa_rad, psf_sidelobe;
    double freq_hz, bandwidth_hz; /* weight-mean frequency, covered band */
    double sum_weight;
    double thermal_jy; /* NaN: unknown */
    double rms_jy, dirty_peak_jy, peak_jy;
    double model_flux_jy;
    int64_t n_sample; /* unflagged samples imaged */
    int n_major, n_minor, n_plane, n_band;
    int n_held; /* bright compact sources, each a point between pixels */
    int n_slope;
    ci_image_slope slope[CI_IMAGE_MAX_SLOPE]; /* [n_slope] brightest first */
    bool diverged, is_pseudo_i;
    char stop_reason[64];
} ci_image_stats;

/* Images of one tile from a calibrated, rephased, weighted set, as FITS files
 * PREFIX{dirty,psf,image,residual,model,pb,pbcor}.fits ("PREFIX" with its dot or slash).
 * header: telescope, object, time and provenance cards are taken from it, and as BUNIT that of
 * fluxes ("": Jy), to which "/beam" or "/pixel" is added. weights_known:
 * block weights are 1/sigma^2. All of them or, after a fault, none; what an earlier call left under
 * the same prefix is then as it was, else it is replaced. With max_iteration 0: dirty, psf, pb,
 * pbcor and, as image, the dirty one. Collective. */
typedef struct ci_image_sky
{
    const ci_sky_eop *eop;
    const ci_sky_beam *beam;
    const ci_sky_pointing *pointing;
    double ra_rad, dec_rad; /* image centre = phase centre */
} ci_image_sky;
/* Size and cell that ci_image_make would choose for such a set: unflagged samples, weights and
 * uvw count, values do not. Collective. */
CI_MUST_CHECK ci_status ci_image_geometry_find(ci_comm *comm, const ci_vis_set *set,
                                               const ci_image_sky *sky,
                                               const ci_image_options *options,
                                               ci_image_geometry *out);
CI_MUST_CHECK ci_status ci_image_make(ci_comm *comm, const ci_vis_set *set, const ci_image_sky *sky,
                                      const ci_image_options *options, bool weights_known,
                                      const ci_fits_header *header, const char *prefix,
                                      ci_image_stats *stats);

#endif
