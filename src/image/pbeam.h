/* The primary beam of an image. */
#ifndef IMAGE_PBEAM_H
#define IMAGE_PBEAM_H

#include "image/channels.h"
#include "contimg/sky.h"
#include "contimg/grid.h"

/* Mean of the beam over times and channels with their imaging weights, into this rank's
 * slab; of an output channel alone, or of all with band NULL; 0 where a beam file does not cover
 * all of them, which is told. Collective. */
CI_MUST_CHECK ci_status ci_image_pb(ci_comm *comm, const ci_vis_samples *samples,
                                    const ci_sky_field *sky, const ci_grid_layout *layout,
                                    double cell_rad, const ci_image_band *band, float *slab);

#endif
