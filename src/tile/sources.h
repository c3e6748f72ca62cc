/* The sources that a tile's gains are corrected on. */
#ifndef CI_TILE_SOURCES_H
#define CI_TILE_SOURCES_H

#include "contimg/tile.h"

#define CI_TILE_FLUXES 12 /* that are measured, at most */

/* A model's sources as the array sees them. */
typedef struct ci_tile_sources
{
    ci_sky_model *model; /* owned: brightest first */
    size_t n_flux;
    double scale[CI_TILE_FLUXES];      /* their fluxes over the catalogue's */
    ci_sky_model *one[CI_TILE_FLUXES]; /* owned: the brightest, one by one */
    ci_sky_scene scene, scene_of[CI_TILE_FLUXES];
    ci_cal_field cal;
} ci_tile_sources;
typedef struct ci_tile_choice
{
    size_t most;
    double least_power;
} ci_tile_choice;
/* Those of a catalogue that are seen in the tile: as many of the brightest as have all but the part
 * least_power of the power, `most` at most; may be none. Points to itself: not to be moved. To be
 * cleared whatever the status. Local. */
CI_MUST_CHECK ci_status ci_tile_sources_new(const ci_tile_data *data, const ci_sky_model *catalogue,
                                            const ci_tile_choice *choice, ci_isa isa,
                                            ci_tile_sources *out);
/* Frees what they own. Local. */
void ci_tile_sources_clear(ci_tile_sources *sources);
/* A ci_cal_predict; the context is a ci_sky_scene. Local. */
CI_MUST_CHECK ci_status ci_tile_sources_predict(void *scene, const ci_vis_block *block,
                                                ci_c32 *out);
/* Divides this rank's blocks by the gains of one table, then of the other; NULL: none. Local. */
CI_MUST_CHECK ci_status ci_tile_blocks_apply(const ci_cal_table *const table[2], ci_isa isa,
                                             ci_vis_set *set);

#endif
