/* Compression: one baseline's samples of one sub-band as the values of low-order polynomials in
 * time and channel at the nodes of Gauss rules (docs/science.md "Compression"). The nodes are
 * samples like any others: weight 1/variance, independent noise, a position (u, v, w) of their own.
 */
#ifndef CI_VIS_COMPRESS_H
#define CI_VIS_COMPRESS_H

#include "contimg/vis.h"

/* Nodes of a dynamic spectrum: rows of one time each, and their samples one row after the other. */
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

/* The nodes of a dynamic spectrum; borrowed, until the next call. Samples that compression would
 * not make fewer are kept as they are. Local. */
CI_MUST_CHECK ci_status ci_vis_compress(ci_vis_compressor *compressor,
                                        const ci_vis_dynspec *dynspec, const ci_vis_nodes **out);

#endif
