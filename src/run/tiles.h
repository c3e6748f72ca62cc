/* The tiles of a group: used again or made, by teams of ranks. */
#ifndef CONTIMG_RUN_TILES_H
#define CONTIMG_RUN_TILES_H

#include "run/context.h"
#include "run/tables.h"

/* staging/tiles/<id>; ci_mem_free. Local. */
CI_MUST_CHECK ci_status ci_run_tile_folder(const ci_run *run, const char *id, char **out);
/* Makes those tiles of a group that no earlier run has made with the same recipe. Rank 0:
 * record->tile, all of them in the group's order, NULL elsewhere. Over the world. Collective. */
CI_MUST_CHECK ci_status ci_run_tiles_make(ci_run *run, const ci_run_group *group,
                                          const ci_tile_tables *tables, const ci_run_recipe *recipe,
                                          ci_report_group *record);
/* Whether a tile whose record says `relaxed`, the limits that its header names, can be used in a
 * run that relaxes `wanted`: one that is judged already, by no limit looser than its default,
 * stays what it is. Local. */
bool ci_run_tile_is_judged_alike(const char *relaxed, const char *wanted, bool is_judged);

#endif
