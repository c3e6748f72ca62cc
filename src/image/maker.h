/* A maker of images from inside. */
#ifndef IMAGE_MAKER_H
#define IMAGE_MAKER_H

#include "image/beam_fit.h"
#include "image/channels.h"
#include "contimg/image.h"

struct ci_image_maker
{
    ci_image_setup setup;
    ci_image_stats stats;
    ci_vis_samples *samples;
    ci_grid_geometry geometry;
    ci_grid_operator *gridder;
    ci_grid_layout *layout;
    ci_fits_header header;  /* of the files */
    char unit[8];           /* of fluxes: "Jy" */
    double *residual, *psf; /* slabs */
    float *pb;              /* slab, mean primary beam */
    float *out;             /* slab for files */
    uint8_t *mask;          /* slab: where CLEAN may find components; NULL: everywhere */
    double sum_weight, psf_far;
    ci_clean_patch psf_wide;
    ci_clean_model *model; /* NULL before the first cycle */
    ci_clean *clean;
    ci_image_band *band;       /* [n_channel of the options]; NULL: no output channels */
    ci_clean_spectra *spectra; /* NULL before CLEAN has ended */
};
/* Pixels of this rank's slab. Local. */
static inline size_t ci_image_maker_slab(const ci_image_maker *maker)
{
    return maker->layout->n_here * maker->layout->n_x;
}

/* ---- check.c ---- */
/* CI_ERR_USAGE for options that make no image. Local. */
CI_MUST_CHECK ci_status ci_image_options_check(const ci_image_options *options);
/* CI_ERR_MEMORY where the image is more than the budget holds. Collective. */
CI_MUST_CHECK ci_status ci_image_memory_check(ci_comm *comm, const ci_image_maker *maker);

/* ---- psf.c ---- */
/* Slabs and the mean primary beam. Collective. */
CI_MUST_CHECK ci_status ci_image_slabs_new(ci_comm *comm, ci_image_maker *maker);
/* The PSF, its greatest sidelobe and the restoring beam. Collective. */
CI_MUST_CHECK ci_status ci_image_psf_make(ci_comm *comm, ci_image_maker *maker);

/* The beam of a PSF [n_here][n_x], 1 at its centre, as its core has it. Collective. */
CI_MUST_CHECK ci_status ci_image_beam_of(ci_comm *comm, const ci_image_maker *maker,
                                         const double *psf, ci_image_beam_fit *fit);

/* ---- spectra.c ---- */
/* Spectra of components after CLEAN; *changed where they leave it something to do. Nothing without
 * output channels. Collective. */
CI_MUST_CHECK ci_status ci_image_spectra_fit(ci_comm *comm, ci_image_maker *maker, bool *changed);
/* Bytes of a pixel that these take. Local. */
double ci_image_channel_bytes(const ci_image_options *options);
/* PREFIXchNNNN.{psf,residual,model,image,pb,pbcor}.fits and PREFIXalpha{,.error}.fits, not yet in
 * place; nothing without output channels. The PSF's slab is used up. Collective. */
CI_MUST_CHECK ci_status ci_image_channels_write(ci_comm *comm, ci_image_maker *maker,
                                                const char *prefix);

/* ---- cards.c ---- */
/* Header and cards that are known before an image is made. Local. */
CI_MUST_CHECK ci_status ci_image_cards_begin(ci_image_maker *maker);
/* Cards that are known once the beam is fitted. Local. */
CI_MUST_CHECK ci_status ci_image_cards_beam(ci_image_maker *maker);
/* Cards that are known once cleaning is over. Local. */
CI_MUST_CHECK ci_status ci_image_cards_clean(ci_image_maker *maker);

/* ---- mask.c ---- */
/* The mask of the options, where there is one: CI_ERR_INPUT for another image's.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_mask_read(ci_comm *comm, ci_image_maker *maker);

/* ---- files.c ---- */
/* PREFIX{psf,dirty}.fits, not yet in place. Collective. */
CI_MUST_CHECK ci_status ci_image_dirty_write(ci_comm *comm, ci_image_maker *maker,
                                             const char *prefix);
/* PREFIX{residual,model,image,pb,pbcor}.fits, not yet in place. The PSF's slab takes the restored
 * image, and point components become pixels of the model: the maker's work is over. Collective. */
CI_MUST_CHECK ci_status ci_image_restored_write(ci_comm *comm, ci_image_maker *maker,
                                                const char *prefix);

#endif
