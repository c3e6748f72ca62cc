/* The map of spectral indices. */
#ifndef IMAGE_ALPHA_H
#define IMAGE_ALPHA_H

#include "contimg/grid.h"

/* What a pixel has in the output channels: pixels of this rank's slab that are bright enough. */
typedef struct ci_image_alpha
{
    size_t n_pixel, n_channel;
    size_t *index;   /* [n_pixel] in the slab */
    double *x;       /* [n_channel] ln(nu / reference) */
    double *weight;  /* [n_channel] 1 / noise^2; 0: no data */
    float *flux;     /* [n_channel][n_pixel] Jy/beam, all with one beam */
    float *response; /* [n_channel][n_pixel] of the primary beam */
} ci_image_alpha;
/* Which pixels. */
typedef struct ci_image_alpha_choice
{
    const double *image; /* slab: |image| is above `least` ... */
    double least;
    const float *pb; /* slab: ... the primary beam is at least pb_cut ... */
    double pb_cut;
    double margin; /* ... and it is so many pixels from the edge */
} ci_image_alpha_choice;
/* For the pixels of this rank's slab that are chosen; to be cleared. Local. */
CI_MUST_CHECK ci_status ci_image_alpha_new(ci_image_alpha *out, size_t n_channel,
                                           const ci_grid_layout *layout,
                                           const ci_image_alpha_choice *choice);
/* Frees what it owns. Local. */
void ci_image_alpha_clear(ci_image_alpha *alpha);
/* Sets output channel i from its slabs; noise in Jy/beam. Local. */
void ci_image_alpha_set(ci_image_alpha *alpha, size_t i, double x, double noise,
                        const double *image, const float *pb);
/* The power law S response exp(alpha x) that is nearest to a pixel's channels by least squares: its
 * alpha and the error of it by the channels' noise; NaN where there is none. Local. */
void ci_image_alpha_fit(const ci_image_alpha *alpha, size_t i_pixel, double *value, double *error);

#endif
