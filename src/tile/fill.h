/* What a team knows of its tile, for the record. */
#ifndef CONTIMG_TILE_FILL_H
#define CONTIMG_TILE_FILL_H

#include "contimg/tile.h"

/* Fills images (where `stats` is given), flags and uv points of the record on the team's rank 0
 * (NULL elsewhere). Over the team. Collective. */
CI_MUST_CHECK ci_status ci_tile_record_fill(ci_comm *team, const ci_tile_data *data,
                                            const ci_image_stats *stats, ci_tile_record *record);
/* The calibration's part of it. Local. */
CI_MUST_CHECK ci_status ci_tile_record_fill_calibration(const ci_tile_tables *tables,
                                                        const ci_tile_data *data,
                                                        ci_tile_record *record);
/* flags.png in the folder: flagged by time and channel, by antenna and channel. What cannot be
 * drawn is a line in the log. Local. */
void ci_tile_flags_draw(const ci_tile_data *data, const char *folder);
/* closures.png in the folder: closure phases (ci_cal_closures_find) of the data as they are,
 * degrees: median and the 68 % about it over the triangles at each integration, and over time of
 * each triangle, with the median of what noise gives them. Triangles with the reference antenna of
 * the gains (NULL: none). What cannot be drawn is a line in the log. Collective. */
CI_MUST_CHECK ci_status ci_tile_closures_draw(ci_comm *team, const ci_tile_data *data,
                                              const ci_cal_table *gain, const char *folder);

#endif
