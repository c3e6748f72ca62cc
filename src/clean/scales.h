/* Scales: components that are no points but round shapes of given widths (Cornwell 2008; Offringa &
 * Smirnov 2017), and the residual as it looks to each of them. */
#ifndef CLEAN_SCALES_H
#define CLEAN_SCALES_H

#include "contimg/clean.h"

/* The transform of a shape of width 1 and sum 1, at [n] equal steps. */
typedef struct ci_clean_transform
{
    size_t n;
    double *value;
} ci_clean_transform;

/* One width of components. Its values are the residual convolved with the shape, over `norm` and
 * times `bias`: as significant as those of points; a component of 1 Jy has norm x bias there. */
typedef struct ci_clean_scale
{
    double width; /* pixels, rim to rim; 0: points */
    double norm;  /* root of the PSF convolved twice with the shape, at its centre */
    double bias;
    double noise;   /* of the values, over that of the residual */
    size_t margin;  /* pixels from the image's edge in which no centre may be */
    size_t half;    /* the shape has 2 half + 1 pixels a side ... */
    double *shape;  /* ... these, of sum 1; NULL for points */
    float *value;   /* slab [n_here][n_x]; NULL for points: the residual itself */
    uint8_t *mask;  /* slab: how near a component of this width is; CI_CLEAN_MASK_* */
    int32_t radius; /* pixels within which components of either sign may stand */
} ci_clean_scale;

typedef struct ci_clean_scales
{
    size_t n;              /* 1: points alone */
    ci_clean_scale *scale; /* [n] points first */
    ci_clean_patch *patch; /* [n][n] on rank 0: of a component of one scale in the values of
                              another, over their biases; the first is the PSF's, borrowed */
    float *ratio;          /* [n][n] bias of the values over the component's */
    ci_clean_transform transform;
    double *row;   /* [n_x] scratch */
    float *slab;   /* [n_here][n_x] scratch */
    double hidden; /* greatest value beyond the patches, of components of one width in its values */
} ci_clean_scales;

/* What scales are made from. */
typedef struct ci_clean_scales_setup
{
    const ci_grid_layout *layout;
    const ci_vis_samples *samples;
    const ci_clean_options *options;
    const double *psf; /* slab [n_here][n_x] */
    ci_num_beam beam;  /* pixels */
    double cell_rad;
    const ci_clean_patch *patch; /* the PSF's */
} ci_clean_scales_setup;
/* Those of the options; CI_ERR_USAGE for one that does not fit into the image, or that the data do
 * not see. To be cleared by the caller, whatever the status. Collective. */
CI_MUST_CHECK ci_status ci_clean_scales_new(ci_comm *comm, ci_clean_scales *out,
                                            const ci_clean_scales_setup *setup);
/* Frees what it owns. Local. */
void ci_clean_scales_clear(ci_clean_scales *scales);
/* The values of all scales but the points', from a residual (slab). Collective. */
CI_MUST_CHECK ci_status ci_clean_scales_see(ci_comm *comm, const ci_clean_scales *scales,
                                            const ci_grid_layout *layout, const double *residual);
/* Row i of this rank's values of a scale [n_x], until the next call. Local. */
const double *ci_clean_scales_row(const ci_clean_scales *scales, size_t i_scale,
                                  const ci_grid_layout *layout, const double *residual, size_t i);
/* Adds a component of flux Jy at pixel (x, y) to this rank's slab of extended components. Local. */
void ci_clean_scale_add(const ci_clean_scale *scale, const ci_grid_layout *layout, int32_t x,
                        int32_t y, double flux_jy, double *slab);

/* ---- shapes (shape.c) ------------------------------------------------------------------------ */

/* A tapered quadratic of width 1: (1 - 4 r^2) (1 + cos 2 pi r) / 2 at distance r from its centre,
 * 0 from 1/2 on. Local. */
double ci_clean_shape(double r);
/* The table of its transform, the same on all ranks. Collective. */
CI_MUST_CHECK ci_status ci_clean_transform_new(ci_comm *comm, ci_clean_transform *out);
/* Its value at q cycles per width. Local. */
double ci_clean_transform_at(const ci_clean_transform *transform, double q);

#endif
