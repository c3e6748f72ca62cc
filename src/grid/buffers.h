/* Buffers of the planes, made when first needed and kept as long as the operator; numbers are
 * complex, in the operator's precision. All functions are local. */
#ifndef GRID_BUFFERS_H
#define GRID_BUFFERS_H

#include "grid/transpose.h"

enum
{
    CI_GRID_LINES = 16 /* rows that are transformed along v together */
};

typedef struct ci_grid_buffers
{
    ci_grid_row_list *list[2]; /* gridding, degridding */
    size_t stride, stride_v;   /* numbers of a strip's row, of a row in the transform along v */
    size_t n_halo, n_carry;    /* rows of a strip that reach into the next, their numbers */
    size_t n_strip;            /* numbers of a strip, its halo and a vector more */
    void *strip;               /* [n_strip] */
    void *first;               /* [n_batch][n_strip] this rank's first, until its halo is here */
    void *carry;               /* [n_batch][n_carry] from the strip before */
    void *line_v;              /* [CI_GRID_LINES][stride_v] */
    void *line_u;              /* [n_u] */
    void *screen;              /* [2][n_x / 2 + 1] real */
    void *row;                 /* [n_x] real: a row of the image, added up */
    double *correction;        /* [n_x / 2 + 1] */
    size_t n_grid_side, n_image_side;  /* numbers of a plane */
    void *grid_side, *image_side;      /* [n_batch][...]; the same memory on one rank */
    void *image;                       /* [n_y_here][n_x] real: corrected image (degridding) */
    size_t *n_halo_send, *n_halo_recv; /* bytes, [n_rank] */
} ci_grid_buffers;

/* Sees to it that g->buffers is there, with `image` for degridding. */
ci_status ci_grid_buffers_need(ci_grid_operator *g, bool is_degrid);
/* NULL-safe. */
void ci_grid_buffers_free(ci_grid_buffers *buffers);

#endif
