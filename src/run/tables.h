/* Where a group's calibration tables come from. */
#ifndef CONTIMG_RUN_TABLES_H
#define CONTIMG_RUN_TABLES_H

#include "contimg/registry_cal.h"
#include "run/context.h"

/* Tables for a group: given, solved on the tile with the brightest model, or chosen from the
 * registry; none for data in Jy. CI_ERR_GATE where there is no calibration to be had. *held: the
 * observation that they were solved on (out->own_tile), read and flagged by the world, else zeros.
 * Both to be freed whatever the status. Over the world. Collective. */
CI_MUST_CHECK ci_status ci_run_calibrate(ci_run *run, const ci_run_group *group,
                                         ci_tile_tables *out, ci_tile_data *held);

/* How long, each side, a table of this kind is good for. Local. */
double ci_run_table_validity_s(const ci_run *run, ci_registry_cal_kind kind);
/* The registry's bandpass and gains for a group: nearest in time of those that know the channels of
 * its data. CI_ERR_NOT_READY where there are none. Over the world. Collective. */
CI_MUST_CHECK ci_status ci_run_tables_choose(ci_run *run, const ci_run_group *group,
                                             ci_tile_tables *out);

/* Tables that this run solved on a tile whose image quality gates refused: `failed` in the
 * registry, for no other run to take (*is_failed). Others stay as they are. Rank 0. Local. */
CI_MUST_CHECK ci_status ci_run_tables_refuse(ci_run *run, const ci_tile_tables *tables,
                                             const ci_tile_record *tile, bool *is_failed);
/* *found: both kinds are registered, within their validity, and solved on a calibrator, no faint
 * field. Over the world. Collective. */
CI_MUST_CHECK ci_status ci_run_tables_are_there(ci_run *run, const ci_run_group *group,
                                                bool *found);
/* In quality_json of tables in the registry: solved on a faint field (bool), and why fluxes are in
 * doubt (text). */
#define CI_RUN_TABLE_FAINT "faint_model"
#define CI_RUN_TABLE_DOUBT "doubt"

/* With what a group's tiles are made. */
typedef struct ci_run_recipe
{
    char sha256[CI_SHA256_HEX]; /* of the options that change a tile, and the tables */
    char relaxed[512];          /* limits that judge its tiles, looser than their defaults */
} ci_run_recipe;
/* The same on all ranks. Local. */
CI_MUST_CHECK ci_status ci_run_recipe_set(ci_run_recipe *out, const ci_run *run,
                                          const ci_tile_tables *tables);

#endif
