/* What is lost of a tile's flux by phases of gains that are another tile's. */
#ifndef CI_TILE_COHERENCE_H
#define CI_TILE_COHERENCE_H

#include "tile/sources.h"

/* Whether the data's gains (none at all, too) owe nothing to another observation; `gain`: the table
 * applied, or NULL. Tables that --cal gives are own where one of their times is the tile's. Local.
 */
bool ci_tile_gains_are_own(const ci_tile_data *data, const ci_cal_table *gain);
/* Why phases of gains that are another tile's, and that the tile's field has not corrected, are not
 * known to be good. */
typedef enum ci_tile_doubt
{
    CI_TILE_DOUBT_NONE,
    CI_TILE_DOUBT_NOISE, /* the noise leaves room for a loss of flux above its limit: to be measured
                          */
    CI_TILE_DOUBT_FAINT  /* no source is bright enough to say anything of them */
} ci_tile_doubt;
/* By an image made with them. Local. */
ci_tile_doubt ci_tile_coherence_doubt(const ci_tile_options *options, const ci_tile_data *data,
                                      const ci_cal_table *gain, const ci_image_stats *stats);
/* The part of the flux that the data lose by the phases that the sources of `model` show, and by
 * receptors that do not show them, and its error: into loss and sigma of `out`; NaN: they are too
 * faint. The data stay. *found: its table to be freed. Collective. */
CI_MUST_CHECK ci_status ci_tile_coherence_find(ci_comm *comm, const ci_tile_options *options,
                                               const ci_sky_model *model, const ci_tile_data *data,
                                               ci_tile_coherence *out, ci_cal_corrections *found);
/* silent.c. Names the receptors in which a field does not show. Local. */
void ci_tile_silent_tell(ci_comm *comm, const ci_cal_corrections *corrections);
/* Names and flags them, and divides by none of the table's gains, which become 1. Local. */
CI_MUST_CHECK ci_status ci_tile_silent_flag(ci_comm *comm, const ci_cal_corrections *corrections,
                                            ci_tile_data *data);

/* sub_bands.c. Sub-bands, bit by bit, in which the tile's own sources have another flux than in the
 * others, by an image of data whose gains are another tile's: each is named in the log of rank 0;
 * 0: none, or it is not sure which. Local. */
uint64_t ci_tile_sub_bands_odd(ci_comm *comm, const ci_image_stats *stats);
/* Flags them in this rank's blocks, and counts them with those of which nothing is left. Local. */
void ci_tile_sub_bands_flag(uint64_t odd, ci_tile_data *data);

#endif
