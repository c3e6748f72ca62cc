/* image: visibilities to images: Stokes, weights, size, beam, restored images, files. Image rows
 * are distributed over ranks; the result has the same bytes at any rank count. */
#ifndef CONTIMG_IMAGE_H
#define CONTIMG_IMAGE_H

#include "contimg/cal.h"
#include "contimg/clean.h"
#include "contimg/fits.h"

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
    double robust;    /* Briggs R */
    double taper_rad; /* FWHM in the image of the Gaussian that weights are tapered with; 0: none */
    int stokes;       /* CI_VIS_POL_*: I, Q, U, V, XX, YY, RR or LL */
    double accuracy;  /* 1e-3 .. 1e-12; double precision below 5e-6 */
    double compression; /* most of a source's flux that it loses at the edge; 0: none */
    double min_uv_lambda, max_uv_lambda; /* 0: no limit */
    ci_clean_options clean;
    bool divide_by_n; /* only to compare with other programs */
    double pb_cut;    /* 0.2 */
    const char *mask; /* FITS image whose set pixels may be cleaned; borrowed; NULL or "": all */
    int n_channel;    /* output channels beside the joint image; 1: none */
    int n_term;       /* of the polynomial spectra of components, at most n_channel */
    bool keeps_model; /* PREFIXclean.h5 is written, at a stop on request, too */
    bool continues;   /* CLEAN begins with the model in it */
    /* NULL, or asked at safe points (before gridding, between major cycles): where it says yes
     * on any rank, all ranks end with CI_ERR_STOPPED. The same NULL or not on all ranks. */
    bool (*stop)(void);
} ci_image_options;
/* Local. */
void ci_image_options_default(ci_image_options *options);

typedef struct ci_image_stats
{
    size_t n_x, n_y;
    double cell_rad;
    double beam_major_rad, beam_minor_rad, beam_pa_rad, psf_sidelobe;
    double freq_hz, bandwidth_hz; /* weight-mean frequency, covered band */
    double sum_weight;
    double taper_rad;  /* as asked */
    double thermal_jy; /* NaN: unknown */
    double rms_jy, dirty_peak_jy, peak_jy;
    double model_flux_jy;
    int64_t n_sample; /* unflagged visibilities imaged ... */
    int64_t n_node;   /* ... and the samples gridded: fewer, where they were compressed */
    double compression, compression_half_width; /* as kept to; 0: not compressed */
    int n_plane;
    bool is_pseudo_i;
    ci_clean_stats clean;
    int n_response; /* sub-bands, in the order of the data's; 0: not known */
    ci_clean_response response[CI_CLEAN_MAX_RESPONSE]; /* [n_response] of each to the model */
} ci_image_stats;

/* Size and cell that ci_image_maker_new would choose for such a set: unflagged samples, weights and
 * uvw count, values do not. Collective. */
CI_MUST_CHECK ci_status ci_image_geometry_find(ci_comm *comm, const ci_vis_set *set,
                                               const ci_sky_field *sky,
                                               const ci_image_options *options,
                                               ci_grid_geometry *out);

/* What becomes of a set whose values are read. */
typedef struct ci_image_reading
{
    bool keeps_values;              /* they stay; else each block's are freed once they are read */
    const ci_cal_table *correction; /* NULL, or gains that the values read are divided by: those of
                                     * the set stay as they are; borrowed */
} ci_image_reading;

/* What images are made of. Borrowed while the maker lives. */
typedef struct ci_image_setup
{
    const ci_sky_field *field;
    const ci_image_options *options;
    /* Telescope, object, time and provenance cards, and as BUNIT that of fluxes ("": Jy), to which
     * "/beam" or "/pixel" is added. */
    const ci_fits_header *header;
    bool weights_known;    /* block weights are 1/sigma^2 */
    const char *made_with; /* lines "option=value" that --continue compares, on rank 0; or NULL */
    ci_image_reading reading;
} ci_image_setup;

/* Makes the images of one tile, step by step; what is between two steps is its state. */
typedef struct ci_image_maker ci_image_maker;
/* From a calibrated, rephased, weighted set, whose values are freed as soon as they are read but
 * where setup->reading keeps them: samples, size, weights, gridder. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_new(ci_comm *comm, ci_image_maker **out, ci_vis_set *set,
                                           const ci_image_setup *setup);
/* NULL-safe. Local. */
void ci_image_maker_free(ci_image_maker *maker);
/* Widths of components besides points as "12.5,25", "" where there are none, cut to fit. Local. */
void ci_image_scales_text(const ci_clean_stats *clean, char *out, size_t size);
/* Of the steps until now; borrowed. Local. */
const ci_image_stats *ci_image_maker_stats(const ci_image_maker *maker);
/* PSF, restoring beam and dirty image, which is the residual of an empty model. Once. Collective.
 */
CI_MUST_CHECK ci_status ci_image_maker_dirty(ci_comm *comm, ci_image_maker *maker);
/* One major cycle of CLEAN; *is_done where it has ended. After ci_image_maker_dirty. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_cycle(ci_comm *comm, ci_image_maker *maker, bool *is_done);
/* From the PSF to CLEAN's last cycle, in place of the two steps before: the model, and what it
 * leaves (rms in the stats), without files. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_clean(ci_comm *comm, ci_image_maker *maker);
/* The model as a list of sources (ci_clean_model_catalogue), of what is brighter than 1.5 times the
 * depth of the residual's deepest hole: as bright as that are the artefacts of wrong gains, too.
 * The same on all ranks. After ci_image_maker_clean. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_sources(ci_comm *comm, const ci_image_maker *maker,
                                               ci_sky_model **out);
/* The model's visibilities, in (*out)->computed; *out is borrowed. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_predict(ci_comm *comm, ci_image_maker *maker,
                                               const ci_vis_samples **out);
/* The model into a file, and out of it instead of cycles: the residual is then that of the model
 * (after ci_image_maker_dirty). On any number of ranks. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_save(ci_comm *comm, const ci_image_maker *maker,
                                            const char *path);
/* Reads the model that _save wrote. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_load(ci_comm *comm, ci_image_maker *maker, const char *path);
/* PREFIX{image,residual,model,pb,pbcor}.fits of the model as it stands, all or none; the dirty
 * image and pb, pbcor where there is no model. The last step: residual and PSF are used up.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_maker_write(ci_comm *comm, ci_image_maker *maker,
                                             const char *prefix);
/* All steps, into PREFIX{dirty,psf,image,residual,model,pb,pbcor}.fits ("PREFIX" with its dot or
 * slash): all of them or, after a fault, none; what an earlier call left under the same prefix is
 * then as it was, else it is replaced. With max_iteration 0: dirty, psf, pb, pbcor and, as image,
 * the dirty one. Collective. */
CI_MUST_CHECK ci_status ci_image_maker_run(ci_comm *comm, ci_image_maker *maker,
                                           const char *prefix);

/* ---- cost, for who plans it ---------------------------------------------------------------- */

/* Pixels a side of a tile whose size is not known: DSA-110's. */
#define CI_IMAGE_USUAL_PIXELS 4200
/* What images are made of: rows and samples on one rank, after compression; pixels in all. */
typedef struct ci_image_workload
{
    double n_row, n_sample, n_pixel;
    int n_rank;
    int n_scale;    /* widths of components besides points */
    bool is_double; /* gridding in double precision */
} ci_image_workload;
/* Bytes of a rank while images are made: samples, gridder, images, PSF. Local. */
double ci_image_bytes(const ci_image_workload *workload);
/* Seconds of one core to make images of n_sample and n_pixel in all, with components of n_scale
 * widths besides points, about. Local. */
double ci_image_seconds(double n_sample, double n_pixel, int n_scale);
/* Bytes of the files of a tile. Local. */
double ci_image_file_bytes(double n_pixel);

#endif
