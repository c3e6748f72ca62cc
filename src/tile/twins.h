/* Sources of a model that may be one, listed twice. */
#ifndef CI_TILE_TWINS_H
#define CI_TILE_TWINS_H

#include "contimg/tile.h"

/* Of a model's sources as the array sees them the two that are most in question: less than 30
 * arcsec apart, of like flux, with a part of the model's that counts. The same on all ranks. Local.
 */
CI_MUST_CHECK ci_status ci_tile_twins_find(const ci_tile_data *data, const ci_sky_model *model,
                                           const ci_cal_structure *structure, ci_tile_twins *out);

#endif
