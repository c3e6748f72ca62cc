/* product.h: what the files of image's product level share. Operator level: kernel, grid,
 * plane, transpose and direct sums live in their own headers; this level only calls the
 * public ci_image_gridder_* functions. */
#ifndef CONTIMG_IMAGE_PRODUCT_H
#define CONTIMG_IMAGE_PRODUCT_H

#include "contimg/fft.h"
#include "contimg/image.h"
#include "contimg/num.h"

/* ---- Stokes samples ----------------------------------------------------------------- */

/* A Stokes value as a sum over one or two correlations. */
typedef struct ci_image_recipe
{
    size_t n_term;
    int i_pol[2]; /* into meta->pol */
    ci_c64 factor[2];
    bool is_pseudo_i;
} ci_image_recipe;

/* One Stokes value of a set, this rank's blocks in global order. rows[i] belongs to
 * set->block[i]; its uvw and frequencies are the block's. */
typedef struct ci_image_samples
{
    const ci_vis_set *set; /* borrowed */
    ci_image_recipe recipe;
    size_t n_rows;
    ci_image_rows *rows; /* [n_rows]; weight = imaging weight, vis = data or work */
    ci_c32 **data;       /* [n_rows] [n_row][n_chan] Stokes value, owned */
    ci_c32 **work;       /* [n_rows] the same shape, for model and residual; NULL until asked */
    float **weight;      /* [n_rows] imaging weight, owned; rows[].weight points here */
    float **natural;     /* [n_rows] natural weight, 1/sigma^2 where weights are known */
    int64_t n_sample;    /* unflagged, over all ranks */
    double max_natural;  /* greatest natural weight of all ranks */
    double max_u_lambda, max_v_lambda; /* greatest |u|, |v| of the unflagged, all ranks */
} ci_image_samples;

/* How `stokes` comes from the set's correlations; n_good [n_pol]: unflagged
 * cross-correlation samples of each over the array. CI_ERR_USAGE, where the file's
 * correlations can never give it, names what the file has. */
CI_MUST_CHECK ci_status ci_image_recipe_find(ci_image_recipe *out, const ci_vis_meta *meta,
                                             const char *stokes, const int64_t *n_good);
/* Stokes values and natural weights; autocorrelations and what lies outside the uv range
 * have weight 0. CI_ERR_NO_DATA where nothing is left. Collective. */
CI_MUST_CHECK ci_status ci_image_samples_new(ci_comm *comm, ci_image_samples **out,
                                             const ci_vis_set *set,
                                             const ci_image_options *options);
void ci_image_samples_free(ci_image_samples *samples);
/* Gives every rows[i] a work array, and points rows[i].vis at it. Local. */
CI_MUST_CHECK ci_status ci_image_samples_work(ci_image_samples *samples);

/* ---- weights and sums ----------------------------------------------------------------- */

/* Sums of weights on uv cells, exact integers: weights are rounded to multiples of
 * 2^-exponent with which no sum can overflow, so any order of adding gives the same. The
 * half plane v > 0 (or v = 0, u >= 0). */
typedef struct ci_image_density
{
    double cell_lambda;
    int exponent;
    size_t n_u, n_v; /* 2 half_u + 1, half_v + 1 */
    int64_t half_u, half_v;
    int64_t *sum; /* [n_v][n_u] */
} ci_image_density;
/* Natural (use_imaging false) or imaging weights of all ranks' samples; the same on every
 * rank. Collective. */
CI_MUST_CHECK ci_status ci_image_density_new(ci_comm *comm, ci_image_density **out,
                                             const ci_image_samples *samples, double cell_lambda,
                                             bool use_imaging);
void ci_image_density_free(ci_image_density *density);
/* Sum of weights in the cell of (u, v), wavelengths. */
double ci_image_density_at(const ci_image_density *density, double u, double v);

/* Fills rows[].weight from the natural weights. extent_rad: image size x cell. */
CI_MUST_CHECK ci_status ci_image_weights_set(ci_comm *comm, ci_image_samples *samples,
                                             ci_image_weighting weighting, double robust,
                                             double extent_rad);

typedef struct ci_image_sums
{
    double weight, freq_hz, thermal_jy; /* freq: weight-mean; thermal valid for 1/sigma^2 */
    double freq_min_hz, freq_max_hz;    /* edges of the imaged channels */
} ci_image_sums;
/* Fixed units of a sum: the rows of one baseline in one sub-band, never split between ranks.
 * Does one begin at a row; how many this rank has. Local. */
bool ci_image_unit_begins(const ci_vis_block *block, size_t i_row);
size_t ci_image_units_count(const ci_image_samples *samples);
/* Sum [n_value] over all ranks' units [n_unit][n_value], in order. Collective. */
CI_MUST_CHECK ci_status ci_image_units_sum(ci_comm *comm, size_t n_unit, size_t n_value,
                                           const double *unit, double *sum);
CI_MUST_CHECK ci_status ci_image_sums_get(ci_comm *comm, const ci_image_samples *samples,
                                          ci_image_sums *out);
/* Imaging weight per [n_time][all channels], exact integers as ci_image_density, in
 * arbitrary but common units. *out is ci_mem_free'd by the caller. Collective. */
CI_MUST_CHECK ci_status ci_image_weight_by_time(ci_comm *comm, const ci_image_samples *samples,
                                                int64_t **out, size_t *n_chan_all);

/* ---- distributed images ----------------------------------------------------------------- */

/* Who holds which image rows: contiguous slabs, ascending with rank. */
typedef struct ci_image_layout
{
    size_t n_x, n_y, y_first, n_here; /* this rank's rows */
    int n_rank;
    size_t *first_of, *count_of; /* [n_rank] */
} ci_image_layout;
CI_MUST_CHECK ci_status ci_image_layout_new(ci_comm *comm, ci_image_layout **out, size_t n_x,
                                            size_t n_y, size_t y_first, size_t n_here);
void ci_image_layout_free(ci_image_layout *layout);

/* The rectangle of n_x x n_y pixels from (x_first, y_first) of a distributed image, as float,
 * on rank `root` (*out NULL elsewhere), -1: on all; must lie inside. *out by ci_mem_free.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_slab_cut(ci_comm *comm, const ci_image_layout *layout,
                                          const double *slab, size_t x_first, size_t y_first,
                                          size_t n_x, size_t n_y, int root, float **out);
/* Maximum of |value| and of value over the whole image. Collective. */
CI_MUST_CHECK ci_status ci_image_slab_peak(ci_comm *comm, const ci_image_layout *layout,
                                           const double *slab, double *max_abs, double *max_value);
/* 1.4826 MAD over the whole image, pixels as float: exact order statistics by counting, so
 * no rank needs the others' pixels. NaN pixels are left out. Collective. */
CI_MUST_CHECK ci_status ci_image_slab_rms(ci_comm *comm, const ci_image_layout *layout,
                                          const double *slab, double *rms);

/* Local rms on a mesh of boxes whose edges depend on the image alone. Of a positive sky:
 * extended emission that fills a box is not taken for noise. */
typedef struct ci_image_rms_mesh
{
    size_t n_x, n_y;         /* image */
    size_t n_box_x, n_box_y; /* boxes */
    float *rms;              /* [n_box_y][n_box_x], the same on every rank */
} ci_image_rms_mesh;
CI_MUST_CHECK ci_status ci_image_rms_mesh_new(ci_comm *comm, ci_image_rms_mesh **out,
                                              const ci_image_layout *layout, const double *slab,
                                              size_t box, bool is_positive);
void ci_image_rms_mesh_free(ci_image_rms_mesh *mesh);
/* One row of the map, bilinear between box centres. Local. */
void ci_image_rms_mesh_row(const ci_image_rms_mesh *mesh, size_t y, float *rms);

/* ---- beam ---------------------------------------------------------------------------------- */

/* FWHM axes in pixels, angle from +y towards -x. */
typedef struct ci_image_beam_fit
{
    double major, minor, pa_rad;
    double level;      /* pixels down to this level were fitted */
    bool touches_edge; /* the fitted region reaches the patch's edge */
    bool is_guess;     /* no core of several pixels to fit: 2 pixels */
} ci_image_beam_fit;
/* Fits exp(-quadratic form) to the connected pixels around the centre of a PSF patch
 * [n][n], n odd, down to max(0.5, first saddle + 0.02). Local. */
CI_MUST_CHECK ci_status ci_image_beam_fit_patch(const float *patch, size_t n,
                                                ci_image_beam_fit *out);
/* Greatest |extremum| of the PSF other than the centre. Collective. */
CI_MUST_CHECK ci_status ci_image_sidelobe(ci_comm *comm, const ci_image_layout *layout,
                                          const double *psf, double *out);
/* Cell (rad) and size where the options leave them open. Also sets the imaging weights
 * that belong to them. Collective. */
CI_MUST_CHECK ci_status ci_image_geometry_choose(ci_comm *comm, ci_image_samples *samples,
                                                 const ci_image_sky *sky,
                                                 const ci_image_options *options,
                                                 ci_image_geometry *out);

/* Whether the sky of this Stokes parameter is positive. */
bool ci_image_stokes_is_positive(const char *stokes);

/* CI_ERR_STOPPED where options->stop says so on any rank. Collective. */
CI_MUST_CHECK ci_status ci_image_stop_check(ci_comm *comm, const ci_image_options *options);

/* ---- deconvolution --------------------------------------------------------------------------- */

/* A PSF patch of side 2 half + 1, 1 at the centre. */
typedef struct ci_image_patch
{
    size_t half;
    float *value; /* [2 half + 1][2 half + 1] */
} ci_image_patch;

/* *far: greatest |PSF| from half an image to a whole one from its centre. Where that is more than
 * `enough`, and the image not too large for it, *patch is the PSF out to a whole image, value
 * on rank 0 only, to ci_mem_free; else its half is 0. Collective. */
CI_MUST_CHECK ci_status ci_image_psf_wide(ci_comm *comm, const ci_image_samples *samples,
                                          const ci_image_geometry *geometry, double sum_weight,
                                          double enough, ci_image_patch *patch, double *far);

/* Pixels that can matter, in scan order. */
typedef struct ci_image_active
{
    int32_t x, y;
    float value;        /* residual; in and out */
    float threshold;    /* not cleaned at or below this ... */
    float threshold_in; /* ... or this, once it holds a component */
    bool no_negative;   /* below 0 not cleaned before it holds a component */
} ci_image_active;

typedef struct ci_image_minor_limits
{
    double gain, stop; /* stop: |value| down to which this cycle goes */
    int64_t max_iteration;
} ci_image_minor_limits;

typedef struct ci_image_minor_result
{
    int64_t n_iteration;
    bool diverged;
} ci_image_minor_result;

/* A minor cycle: moves flux from active[].value to flux[n] (zeroed by the caller). Local,
 * run on rank 0. ci_image_minor_clark is the one there is; others (multi-scale) have the
 * same shape. */
typedef ci_status (*ci_image_minor)(const ci_image_patch *psf, size_t n, ci_image_active *active,
                                    double *flux, const ci_image_minor_limits *limits,
                                    ci_image_minor_result *result);
CI_MUST_CHECK ci_status ci_image_minor_clark(const ci_image_patch *psf, size_t n,
                                             ci_image_active *active, double *flux,
                                             const ci_image_minor_limits *limits,
                                             ci_image_minor_result *result);

/* Bright sources: where the beam's change with time and frequency, their spectra and their
 * places between pixels show. */
typedef struct ci_image_bright ci_image_bright;

/* What the major cycle works on. */
typedef struct ci_image_clean
{
    ci_image_gridder *gridder;
    ci_image_samples *samples;
    const ci_image_layout *layout;
    const ci_image_options *options;
    ci_image_minor minor;
    double sum_weight;
    ci_num_beam beam;        /* the restoring one, in pixels */
    double psf_far;          /* greatest |PSF| beyond half an image from its centre */
    ci_image_patch psf_wide; /* out to a whole image, borrowed; half 0: not needed */
    ci_image_bright *bright;
    const double *psf;        /* slab, 1 at the centre */
    double *residual, *model; /* slabs; residual in: dirty */
} ci_image_clean;
/* pb: this rank's slab of the mean beam, borrowed like `sky` and `layout`. Collective. */
CI_MUST_CHECK ci_status ci_image_bright_new(ci_comm *comm, ci_image_bright **out,
                                            const ci_image_sky *sky,
                                            const ci_image_samples *samples,
                                            const ci_image_layout *layout, const float *pb,
                                            const char *stokes, const ci_image_stats *stats);
void ci_image_bright_free(ci_image_bright *bright);
/* Finds the bright sources in the model; takes from it the components of those that are held
 * between pixels from now on. Collective. */
CI_MUST_CHECK ci_status ci_image_bright_find(ci_comm *comm, ci_image_bright *bright,
                                             const ci_image_clean *clean);
/* Adds to samples->work, which holds the model constant in time and frequency, what bright
 * sources differ from it. Collective. */
CI_MUST_CHECK ci_status ci_image_bright_add(ci_comm *comm, const ci_image_bright *bright,
                                            const ci_image_clean *clean);
/* Steps of least squares on the residual in samples->work towards better slopes, places and
 * fluxes of the sources; takes what they change from it. Collective. */
CI_MUST_CHECK ci_status ci_image_bright_fit(ci_comm *comm, ci_image_bright *bright,
                                            const ci_image_clean *clean);
/* Keeps the sources as they are, and goes back to them. Local. */
CI_MUST_CHECK ci_status ci_image_bright_keep(ci_image_bright *bright);
CI_MUST_CHECK ci_status ci_image_bright_restore(ci_image_bright *bright);
/* Whether any is held between pixels. Local. */
bool ci_image_bright_is_any_held(const ci_image_bright *bright);
/* Where that did harm: all are painted on this rank's slab of the model, and none is held again.
 * Local. */
void ci_image_bright_let_go(ci_image_bright *bright, double *model);
/* The sources for stats, brightest first, and one line about them for the log. Local. */
void ci_image_bright_list(const ci_image_bright *bright, ci_image_stats *stats);
/* Flux at a place between pixels: x, y in pixels from 0. */
typedef struct ci_image_spot
{
    double x, y, flux; /* Jy */
} ci_image_spot;
/* The sources held between pixels, [*n] by ci_mem_free, the same on every rank. Local. */
CI_MUST_CHECK ci_status ci_image_bright_spots(const ci_image_bright *bright, ci_image_spot **out,
                                              size_t *n);
/* residual = (data - model's visibilities), gridded, over sum_weight: exact for the model as
 * it stands. Collective. */
CI_MUST_CHECK ci_status ci_image_residual(ci_comm *comm, const ci_image_clean *clean);
/* The sidelobe level that minor cycles need not see: major cycles are shallow enough for it. */
double ci_image_clean_unseen(void);
/* Cotton-Schwab major cycles; fills n_major, n_minor, diverged, stop_reason. Collective. */
CI_MUST_CHECK ci_status ci_image_clean_run(ci_comm *comm, ci_image_clean *clean,
                                           ci_image_stats *stats);

/* restored = (model + spots) * beam + residual; beam in pixels. Components are added in scan
 * order, then the spots [n_spot], so that a pixel's sum is the same whoever holds it.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_restore(ci_comm *comm, const ci_image_layout *layout,
                                         const double *model, const ci_image_spot *spots,
                                         size_t n_spot, const double *residual, ci_num_beam beam,
                                         double *restored);
/* Adds the spots to this rank's slab of a model image, each as the pixels whose sum with
 * ci_num_lanczos_taps would read it: they have its flux, and its visibilities but for the highest
 * spatial frequencies that pixels can hold. Local. */
void ci_image_spots_paint(const ci_image_layout *layout, const ci_image_spot *spots, size_t n_spot,
                          double *model);

/* ---- primary beam ---------------------------------------------------------------------------- */

/* Mean of the beam over times and channels with their imaging weights, into this rank's
 * slab. Collective. */
CI_MUST_CHECK ci_status ci_image_pb(ci_comm *comm, const ci_image_samples *samples,
                                    const ci_image_sky *sky, const ci_image_layout *layout,
                                    double cell_rad, float *slab);

/* ---- files ----------------------------------------------------------------------------------- */

/* Rank 0 takes the slabs in row order and writes PREFIX + name + ".fits.part". Collective. */
CI_MUST_CHECK ci_status ci_image_slab_write(ci_comm *comm, const ci_image_layout *layout,
                                            const float *slab, const ci_fits_header *header,
                                            const char *prefix, const char *name);
/* Puts the files of this call in place, all or none; those of an earlier call with the same
 * prefix go, also those that this one does not make. Collective. */
CI_MUST_CHECK ci_status ci_image_files_commit(ci_comm *comm, const char *prefix);
/* Removes what was not put in place. Collective. */
CI_MUST_CHECK ci_status ci_image_files_discard(ci_comm *comm, const char *prefix);

#endif
