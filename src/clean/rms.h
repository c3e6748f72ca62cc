/* Local rms of an image on a mesh of boxes. */
#ifndef CLEAN_RMS_H
#define CLEAN_RMS_H

#include "contimg/grid.h"

/* Local rms on a mesh of boxes whose edges depend on the image alone. Of a positive sky:
 * extended emission that fills a box is not taken for noise. */
typedef struct ci_clean_rms_mesh
{
    size_t n_x, n_y;         /* image */
    size_t n_box_x, n_box_y; /* boxes */
    float *rms;              /* [n_box_y][n_box_x], the same on every rank */
    float *row;              /* [n_box_x + 1] scratch: of one row of pixels */
    uint32_t *below;         /* [n_x] the box below a pixel, and ... */
    float *above;            /* [n_x] ... the weight of the next one */
} ci_clean_rms_mesh;
/* From the slabs of an image, boxes of `box` pixels; is_positive: sources are. Collective. */
CI_MUST_CHECK ci_status ci_clean_rms_mesh_new(ci_comm *comm, ci_clean_rms_mesh **out,
                                              const ci_grid_layout *layout, const double *slab,
                                              size_t box, bool is_positive);
/* NULL-safe. Local. */
void ci_clean_rms_mesh_free(ci_clean_rms_mesh *mesh);
/* Makes the mesh ready for row y of the map, bilinear between box centres; a lower bound of its
 * values. Local. */
float ci_clean_rms_mesh_row(const ci_clean_rms_mesh *mesh, size_t y);
/* Its value at a pixel of that row. Local. */
static inline float ci_clean_rms_mesh_at(const ci_clean_rms_mesh *mesh, size_t x)
{
    const float *pair = mesh->row + mesh->below[x];
    return pair[0] + mesh->above[x] * (pair[1] - pair[0]);
}

#endif
