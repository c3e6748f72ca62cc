/* Distributed images as FITS files. */
#ifndef IMAGE_WRITE_H
#define IMAGE_WRITE_H

#include "contimg/fits.h"
#include "contimg/grid.h"

/* Rank 0 takes the slabs in row order and writes PREFIX + name + ".fits.part". Collective. */
CI_MUST_CHECK ci_status ci_image_slab_write(ci_comm *comm, const ci_grid_layout *layout,
                                            const float *slab, const ci_fits_header *header,
                                            const char *prefix, const char *name);
/* Puts the files of this call in place, all or none; those of an earlier call with the same
 * prefix go, also those that this one does not make. Collective. */
CI_MUST_CHECK ci_status ci_image_files_commit(ci_comm *comm, const char *prefix);
/* Removes what was not put in place. Collective. */
CI_MUST_CHECK ci_status ci_image_files_discard(ci_comm *comm, const char *prefix);

#endif
