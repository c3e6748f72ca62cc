/* Pixels of a model in its file: those that are not 0, by index. */
#ifndef CLEAN_PIXELS_FILE_H
#define CLEAN_PIXELS_FILE_H

#include "contimg/grid.h"
#include "contimg/h5.h"

typedef struct ci_clean_pixels
{
    size_t n;
    ci_grid_pixel *pixel; /* [n] ascending by index y n_x + x; to ci_mem_free */
} ci_clean_pixels;
/* Writes n_<what>, <what>_index and <what>_flux_jy. Local. */
CI_MUST_CHECK ci_status ci_clean_pixels_write(ci_h5_file *file, const char *what,
                                              const ci_clean_pixels *pixels);
/* Reads them; CI_ERR_INPUT for what is in no image of this layout. Local. */
CI_MUST_CHECK ci_status ci_clean_pixels_read(const ci_h5_file *file, const char *what,
                                             const ci_grid_layout *layout, ci_clean_pixels *out);
/* Rank 0's for all. Collective. */
CI_MUST_CHECK ci_status ci_clean_pixels_share(ci_comm *comm, ci_clean_pixels *pixels);
/* Those of this rank's rows into its slab; the others of it stay. Local. */
void ci_clean_pixels_fill(const ci_clean_pixels *pixels, const ci_grid_layout *layout,
                          double *slab);

#endif
