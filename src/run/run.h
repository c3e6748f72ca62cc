/* A run: its work, its clock, its record. Private to run. */
#ifndef CONTIMG_RUN_RUN_H
#define CONTIMG_RUN_RUN_H

#include "contimg/ingest.h"
#include "contimg/plan.h"
#include "contimg/publish.h"
#include "contimg/registry.h"
#include "contimg/tile.h"

/* When a rank did what, for the report: seconds since the run's start. */
typedef struct ci_run_event
{
    char stage[24], subject[CI_REGISTRY_ID];
    int32_t rank;
    double start_s, end_s;
} ci_run_event;

typedef struct ci_run
{
    ci_comm *world;
    const ci_conf *conf;
    ci_tile_options options;
    ci_conf_paths places;
    ci_sky_model *model;   /* NULL: none given */
    ci_registry *registry; /* rank 0 only */
    ci_json *record;       /* rank 0 only: contimg/report.h */
    ci_json *groups;       /* in record */
    char id[CI_REGISTRY_ID];
    char options_sha256[CI_SHA256_HEX];      /* of the options that change a tile */
    char choices_sha256[CI_SHA256_HEX];      /* the same, whatever the program's version */
    char group_inputs_sha256[CI_SHA256_HEX]; /* rank 0: of the group at hand */
    char tile_sha256[CI_SHA256_HEX];         /* of these and the tables of the group at hand */
    char tile_relaxed[512]; /* limits that judge its tiles, looser than their defaults */
    char *report_folder;    /* rank 0 only */
    double start_s;         /* monotonic */
    ci_run_event *event;    /* this rank's, owned */
    size_t n_event, max_event;
    bool group_degraded; /* rank 0: the group at hand */
    bool any_degraded;   /* rank 0: a product that this run published or staged */
} ci_run;

enum
{
    CI_RUN_LEASE_S = 6 * 3600 /* of a group and its tiles */
};

/* ---- record.c: local unless said ---- */
double ci_run_seconds(const ci_run *run);
/* Notes that `stage` of `subject` ran from start_s until now. */
void ci_run_note(ci_run *run, const char *stage, const char *subject, double start_s);
/* Makes the same JSON on all ranks from rank 0's; collective. */
CI_MUST_CHECK ci_status ci_run_json_share(ci_comm *comm, ci_json **inout);
/* What one tile's team knows of it, as report.h says, on the team's rank 0 (*record NULL
 * elsewhere). `stats` may be NULL. Collective over the team. */
CI_MUST_CHECK ci_status ci_run_tile_record(ci_comm *team, const ci_tile_data *data,
                                           const ci_image_stats *stats, ci_json **record);
/* Puts ranks' events, memory and bytes into the record; collective. */
CI_MUST_CHECK ci_status ci_run_record_ranks(ci_run *run);

/* CI_ERR_STOPPED where a stop is asked for on any rank of `comm`: ranks are told at different
 * times, so they agree. `where` is for the text. Collective. */
CI_MUST_CHECK ci_status ci_run_stop_check(ci_comm *comm, const char *where);

/* ---- work.c ---- */
/* The groups to do, the same on all ranks: {"groups": [{"id", "is_named", "min_tiles",
 * "tiles": [{"id", "paths": [], "is_degraded", "time_mjd_s"}]}]}. Collective. */
CI_MUST_CHECK ci_status ci_run_work_choose(ci_run *run, ci_json **work);

/* ---- calibration.c ---- */
typedef struct ci_run_tables
{
    ci_cal_table *bandpass, *gain;   /* owned; NULL: none needed */
    char how[32];                    /* "own", "transferred", "given", "borrowed", "none" */
    char own_tile[CI_REGISTRY_ID];   /* the tile that they were solved on */
    char *bandpass_path, *gain_path; /* owned; "" where none */
    ci_cal_quality quality;
    bool quality_known;
} ci_run_tables;
/* Tables for a group: given, solved on the tile with the brightest model, or chosen from the
 * registry; none for data in Jy. CI_ERR_GATE where there is no calibration to be had.
 * Collective over the world. */
CI_MUST_CHECK ci_status ci_run_calibrate(ci_run *run, const ci_json *group, ci_run_tables *out);
void ci_run_tables_free(ci_run_tables *tables);
/* run->tile_sha256 and tile_relaxed from the options and these tables; the same on all ranks.
 * Local. */
CI_MUST_CHECK ci_status ci_run_tables_hash(ci_run *run, const ci_run_tables *tables);

/* ---- tile.c ---- */
/* One tile by one team: files -> staging/tiles/<id>/. *record (team's rank 0): the tile's
 * record whatever became of it. Returns CI_OK unless the team itself is broken: a tile that
 * fails stops nobody. Collective over the team. */
CI_MUST_CHECK ci_status ci_run_tile_make(ci_run *run, ci_comm *team, const ci_json *tile,
                                         const ci_run_tables *tables, ci_json **record);
/* The tile's files: borrowed texts; free the array with ci_mem_free. Local. */
CI_MUST_CHECK ci_status ci_run_tile_paths(const ci_json *tile, const char ***out, size_t *n);
/* staging/tiles/<id> */
CI_MUST_CHECK ci_status ci_run_tile_folder(const ci_run *run, const char *id, char **out);
/* Removes the files of a folder that is to be filled anew (folders in it stay). Local. */
CI_MUST_CHECK ci_status ci_run_folder_empty(const char *folder);
/* The record of a tile that stands in staging, made from the same input files with the same
 * options, its files as their checksums say; NULL where there is none. Local. */
ci_json *ci_run_tile_load_cached(const ci_run *run, const ci_json *tile);

/* ---- inputs.c: local ---- */
/* Of the sizes and samples of the content of a group's files, in order. */
CI_MUST_CHECK ci_status ci_run_group_inputs_hash(const ci_json *group, char out[CI_SHA256_HEX]);
/* How the making of a product differs from what this run would do: "it was made with other options"
 * or "... from other files of these times"; NULL where it does not, or does not say. */
CI_MUST_CHECK ci_status ci_run_made_from(const ci_run *run, const ci_registry_product *product,
                                         const char **difference);

/* ---- claim.c ---- */
/* CI_ERR_INPUT where the group was published with another result. Local, rank 0. */
CI_MUST_CHECK ci_status ci_run_check_published(ci_run *run, const ci_json *group);
/* Takes a group and its tiles, which neighbouring groups share, for this run; waits where another
 * run is at one of the tiles. *done where the group was made before: then group_record (rank 0)
 * says what it is, and an error why that is no good end. Collective. */
CI_MUST_CHECK ci_status ci_run_claim(ci_run *run, const ci_json *group, ci_json *group_record,
                                     bool *done);
/* Gives them back, after the work on the group ended with `status`, which it returns, with its
 * text. Local, rank 0. */
CI_MUST_CHECK ci_status ci_run_claim_end(ci_run *run, const ci_json *group, bool has_product,
                                         ci_status status);

/* ---- group.c ---- */
/* One group, from tiles to a published mosaic, into run->record. Collective. */
CI_MUST_CHECK ci_status ci_run_group(ci_run *run, const ci_json *group);

/* ---- product.c: rank 0 ---- */
typedef struct ci_run_product
{
    const char *group_id, *folder;
    bool is_named, is_degraded;
    size_t n_tile;
    const char *const *tile_ids;
    double time_mjd_s, thermal_jy;
    const ci_json *tiles; /* their records */
} ci_run_product;
/* Source list, comparison, picture, registration, staging and publishing of a mosaic that
 * stands in its folder; fills the group's record. Local, rank 0. */
CI_MUST_CHECK ci_status ci_run_product_finish(ci_run *run, const ci_run_product *product,
                                              ci_json *group_record);
/* Publishes a product that is staged in its folder; fills the group's record. Local, rank 0. */
CI_MUST_CHECK ci_status ci_run_product_publish(ci_run *run, const char *id, const char *folder,
                                               ci_json *group_record);
/* Gates of one tile that was made; registers it. *passed out. Local, rank 0. */
CI_MUST_CHECK ci_status ci_run_tile_judge(ci_run *run, const ci_json *tile, ci_json *tile_record,
                                          bool is_named, bool *passed);

#endif
