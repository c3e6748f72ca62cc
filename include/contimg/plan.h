/* plan: what a run will need, and how ranks are split into tile teams. Pure but for the
 * reading of file sizes: the same input gives the same plan on every rank. All functions are local.
 */
#ifndef CONTIMG_PLAN_H
#define CONTIMG_PLAN_H

#include "contimg/base.h"

/* Tile teams: team t has the contiguous ranks that ci_par_split(n_rank, n_team, t) gives. */
typedef struct ci_plan_teams
{
    int n_rank, n_team;
    int max_ranks, min_ranks; /* of a team */
    size_t n_round;           /* tiles that the busiest team makes, one after the other */
} ci_plan_teams;
/* The team of a rank, and its rank in it. */
int ci_plan_team_of(const ci_plan_teams *teams, int rank, int *rank_in_team);
/* Tiles of a team: i_tile = team, team + n_team, ... (neighbouring tiles are made at the
 * same time, so that a group's mosaic waits for no straggler). Number of them. */
size_t ci_plan_team_tiles(const ci_plan_teams *teams, size_t n_tile, int team);

/* What is to be done. Zero where unknown: taken from the files or a default, as said. */
typedef struct ci_plan_workload
{
    size_t n_group, n_tile;                               /* tiles over all groups */
    size_t n_sub_band, n_chan, n_pol, n_time, n_baseline; /* of a tile; n_chan over all */
    size_t image_size;                                    /* pixels a side; 0: 4200 */
    double input_bytes;                                   /* of all files; 0: from the samples */
    bool is_double;                                       /* gridding in double precision */
    int n_scale;                                          /* widths of components besides points */
    bool is_compressed;                                   /* samples are, before they are imaged */
    double span_s;                                        /* that a tile lasts */
    bool is_solved;                                       /* gains are solved for */
    bool has_field;                                       /* ... and again on each tile's field */
    bool is_self;                                         /* ... and on each tile's image */
} ci_plan_workload;
/* input_bytes from the files of one observation (the first of n_tile alike). */
CI_MUST_CHECK ci_status ci_plan_input_bytes(ci_plan_workload *workload, const char *const *paths,
                                            size_t n_path);

typedef struct ci_plan_limits
{
    int n_rank;             /* 0: as many as pay, at most max_rank */
    int max_rank;           /* with n_rank 0: 16 */
    int ranks_per_node;     /* 0: all on one node */
    int n_team;             /* 0: chosen */
    double memory_per_node; /* bytes; 0: no limit */
} ci_plan_limits;

typedef struct ci_plan
{
    ci_plan_workload workload;
    ci_plan_teams teams;
    int n_node, ranks_per_node;
    double n_sample;                         /* of one tile */
    double memory_per_rank, memory_per_node; /* bytes at the peak */
    double staging_bytes, products_bytes, state_bytes, read_bytes;
    double seconds_per_tile, seconds; /* a guess: the whole run */
    bool fits;                        /* memory_per_node within the limit */
} ci_plan;
/* CI_ERR_MEMORY (after *out is filled) where no split fits memory_per_node. */
CI_MUST_CHECK ci_status ci_plan_make(ci_plan *out, const ci_plan_workload *workload,
                                     const ci_plan_limits *limits);
/* The teams alone, for a run that has its ranks already. */
CI_MUST_CHECK ci_status ci_plan_teams_choose(ci_plan_teams *out, const ci_plan_workload *workload,
                                             const ci_plan_limits *limits);
/* Text for people; free with ci_mem_free. */
CI_MUST_CHECK ci_status ci_plan_text(char **out, const ci_plan *plan);
/* The same as JSON, the caller's. */
ci_json *ci_plan_json(const ci_plan *plan);
/* "sbatch --nodes=1 --ntasks=4 --mem=12G --time=00:30:00 <script> <arguments>", with shell
 * quoting where an argument needs it. */
CI_MUST_CHECK ci_status ci_plan_sbatch(char **out, const ci_plan *plan, const char *script,
                                       const char *const *arguments, size_t n_argument);

#endif
