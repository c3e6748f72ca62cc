/* The offset between a model's positions and the sky. */
#ifndef CI_TILE_OFFSET_H
#define CI_TILE_OFFSET_H

#include "contimg/tile.h"

/* ci_cal_offset_find of gains that were solved on a model; of several sources all are taken to be
 * shifted alike, and seen in the direction of the mean of their apparent fluxes. The same on all
 * ranks. Local. */
CI_MUST_CHECK ci_status ci_tile_offset_find(const ci_tile_data *data, const ci_sky_model *model,
                                            const ci_cal_table *gain, ci_cal_offset *out);

#endif
