/* Compression: one baseline's samples of one sub-band as the values of low-order polynomials in
 * time and channel at the nodes of Gauss rules (docs/science.md "Compression"). The nodes are
 * samples like any others: weight 1/variance, independent noise, a place (u, v, w) of their own. */
#ifndef CI_VIS_COMPRESS_H
#define CI_VIS_COMPRESS_H

#include "contimg/vis.h"

/* Samples of one baseline and sub-band, phased to the image's centre. Borrowed. */
typedef struct ci_vis_plane
{
    size_t n_time, n_chan;
    const double *time_mjd_s; /* [n_time] ascending */
    const double *uvw_m;      /* [n_time][3] */
    const double *freq_hz;    /* [n_chan] ascending */
    const ci_c32 *value;      /* [n_time][n_chan] */
    const float *weight;      /* [n_time][n_chan] 1/variance; 0: flagged */
} ci_vis_plane;

/* Nodes of a plane: rows of one time each, and their samples one row after the other. */
typedef struct ci_vis_nodes
{
    size_t n_row, n_sample;
    double *time_mjd_s; /* [n_row] */
    double *uvw_m;      /* [n_row][3] */
    size_t *n_chan;     /* [n_row] */
    double *freq_hz;    /* [n_sample] ascending within a row */
    ci_c32 *value;      /* [n_sample] */
    float *weight;      /* [n_sample] > 0 */
} ci_vis_nodes;

typedef struct ci_vis_compressor ci_vis_compressor;
/* For planes of at most max_time x max_chan samples: nodes lose at most `error` of the flux of a
 * source at radius_rad from the centre (and at none within). Local. */
CI_MUST_CHECK ci_status ci_vis_compressor_new(ci_vis_compressor **out, size_t max_time,
                                              size_t max_chan, double error, double radius_rad);
void ci_vis_compressor_free(ci_vis_compressor *compressor);
/* The nodes of a plane; borrowed, until the next call. Samples that compression would not make
 * fewer are kept as they are. Local. */
CI_MUST_CHECK ci_status ci_vis_compress(ci_vis_compressor *compressor, const ci_vis_plane *plane,
                                        const ci_vis_nodes **out);

#endif
