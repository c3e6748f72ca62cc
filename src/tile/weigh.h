/* Weights, where the pass that applies tables gives them. */
#ifndef CI_TILE_WEIGH_H
#define CI_TILE_WEIGH_H

#include "contimg/tile.h"

/* How ci_tile_weigh weighs. Local. */
ci_cal_weighting ci_tile_weighting(const ci_tile_options *options, bool to_be_calibrated,
                                   const ci_vis_meta *meta);
/* Adds what one block showed to what others did. Local. */
void ci_tile_noise_add(ci_cal_noise *total, const ci_cal_noise *seen);
/* What follows from the noise of this rank's blocks, which are weighed by it: whether weights are
 * known, and what is said. Collective. */
CI_MUST_CHECK ci_status ci_tile_noise_take(ci_comm *comm, double sefd_jy, ci_cal_noise noise,
                                           ci_tile_data *data);

#endif
