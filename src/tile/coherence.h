/* What is lost of a tile's flux by phases of gains that are another tile's. */
#ifndef CI_TILE_COHERENCE_H
#define CI_TILE_COHERENCE_H

#include "tile/sources.h"

/* Whether the data's gains (none at all, too) owe nothing to another observation; `gain`: the table
 * applied, or NULL. Tables that --cal gives are own where one of their times is the tile's. Local.
 */
bool ci_tile_gains_are_own(const ci_tile_data *data, const ci_cal_table *gain);
/* Whether an image's noise leaves room for a loss of flux above its limit by phases of gains that
 * are another tile's, which the tile's field has not corrected. Local. */
bool ci_tile_coherence_is_doubted(const ci_tile_options *options, const ci_tile_data *data,
                                  const ci_cal_table *gain, const ci_image_stats *stats);
/* The part of the flux that the data lose by the phases that the sources of `model` show, and its
 * error; NaN: they are too faint. The data stay. Collective. */
CI_MUST_CHECK ci_status ci_tile_coherence_find(ci_comm *comm, const ci_tile_options *options,
                                               const ci_sky_model *model, const ci_tile_data *data,
                                               double *loss, double *sigma);

#endif
