/* One axis of a block of samples that is compressed: its points, and the smallest rule of nodes
 * that holds a sky (docs/science.md "Compression"). */
#ifndef CI_VIS_COMPRESS_AXIS_H
#define CI_VIS_COMPRESS_AXIS_H

#include "contimg/num.h"
#include "contimg/vis.h"

enum
{
    CI_VIS_COMPRESS_MAX_NODES = 24
};

/* A rule of a whole axis with weights 1. */
typedef struct ci_vis_compress_rule
{
    bool is_there;
    double reach; /* up to this phase range it is known to lose no more than it may */
    double node[CI_VIS_COMPRESS_MAX_NODES], weight[CI_VIS_COMPRESS_MAX_NODES];
    double *projection; /* [n_node][n_whole] */
} ci_vis_compress_rule;

/* Points along one axis that all unflagged samples of a block share, and their rule. */
typedef struct ci_vis_compress_axis
{
    size_t n_point, n_node;
    size_t *index;            /* [n_point] into the dynamic spectrum's times or channels */
    double *x, *w;            /* [n_point] position from 0 to 1, ascending; weight */
    double *mapped;           /* [n_point] positions in which what is fitted is a polynomial */
    double *node;             /* [CI_VIS_COMPRESS_MAX_NODES] positions */
    double *weight;           /* [CI_VIS_COMPRESS_MAX_NODES] */
    const double *projection; /* [n_node][n_point] */
    double *own;              /* [CI_VIS_COMPRESS_MAX_NODES][n_whole] it, where it is not kept */
    size_t n_whole;           /* points of the axis where none is flagged */
    double error;             /* most that a source loses along this axis */
    /* Kept rules of whole axes of equal weights, as nearly all baselines of a sub-band have, plain
     * and bent. They hang on the positions alone: it is of no matter which baseline came first. */
    double *kept_x; /* [n_whole] where they are */
    ci_vis_compress_rule kept[2][CI_VIS_COMPRESS_MAX_NODES + 1];
    size_t n_reach;
    /* [n_reach] greatest phase range of 1, 2, ... nodes, radians, for equal steps and weights; of
     * plain polynomials, and in a bent coordinate */
    double plain_reach[CI_VIS_COMPRESS_MAX_NODES], reach[CI_VIS_COMPRESS_MAX_NODES];
} ci_vis_compress_axis;

/* For at most max_point points, as many as `rules` can have. Local. */
CI_MUST_CHECK ci_status ci_vis_compress_axis_new(ci_vis_compress_axis *axis, ci_num_gauss *rules,
                                                 size_t max_point, double error);
/* Of a zeroed one too. Local. */
void ci_vis_compress_axis_clear(ci_vis_compress_axis *axis);
/* Sets the smallest rule of at least `fewest` nodes that loses no more than axis->error of a source
 * whose phase goes through up to `range` radians from position 0 to 1. Local. */
CI_MUST_CHECK ci_status ci_vis_compress_axis_rule(ci_num_gauss *rules, ci_vis_compress_axis *axis,
                                                  double range, size_t fewest);
/* Whether it loses no more: false where even the largest rule is too small. Local. */
bool ci_vis_compress_axis_holds(const ci_vis_compress_axis *axis, double range);

#endif
