/* The restoring beam and the greatest sidelobe of a PSF. */
#ifndef IMAGE_BEAM_FIT_H
#define IMAGE_BEAM_FIT_H

#include "contimg/grid.h"

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
CI_MUST_CHECK ci_status ci_image_sidelobe(ci_comm *comm, const ci_grid_layout *layout,
                                          const double *psf, double *out);

#endif
