/* The tiles of a group: used again or made, by teams of ranks. */
#ifndef CONTIMG_RUN_TILES_H
#define CONTIMG_RUN_TILES_H

#include "run/context.h"
#include "run/tables.h"

/* staging/tiles/<id>; ci_mem_free. Local. */
CI_MUST_CHECK ci_status ci_run_tile_folder(const ci_run *run, const char *id, char **out);
/* What a group's tiles are made with. Borrowed. */
typedef struct ci_run_material
{
    const ci_tile_tables *tables;
    const ci_run_recipe *recipe;
    ci_tile_data *held; /* of ci_run_calibrate; used up */
} ci_run_material;
/* Makes those tiles of a group that no earlier run has made with the same recipe. The observation
 * that is held need not be read again where its tile is the first to be made, by all ranks. Rank 0:
 * record->tile, all of them in the group's order, NULL elsewhere. Over the world. Collective. */
CI_MUST_CHECK ci_status ci_run_tiles_make(ci_run *run, const ci_run_group *group,
                                          const ci_run_material *material, ci_report_group *record);
/* Whether a tile whose record says `relaxed`, the limits that its header names, can be used in a
 * run that relaxes `wanted`: one that is judged already, by no limit looser than its default,
 * stays what it is. Local. */
bool ci_run_tile_is_judged_alike(const char *relaxed, const char *wanted, bool is_judged);

#endif
