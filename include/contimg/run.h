/* run: from files or arrived groups to published products: claims, groups, teams of ranks,
 * products and the record of a run. */
#ifndef CONTIMG_RUN_H
#define CONTIMG_RUN_H

#include "contimg/conf.h"
#include "contimg/ingest.h"
#include "contimg/par.h"
#include "contimg/publish.h"
#include "contimg/report.h"
#include "contimg/tile.h"

/* ---- folders and databases ---------------------------------------------------------------- */

typedef enum ci_run_access
{
    CI_RUN_READS,  /* nothing is made or changed */
    CI_RUN_WRITES, /* older databases are migrated; the state folder is there, or is made where
                      nothing but the command line names it: CI_ERR_NOT_READY else */
    CI_RUN_MAKES   /* and so are the staging and products folders */
} ci_run_access;
/* Paths and databases of a command. */
typedef struct ci_run_site
{
    ci_conf_paths paths;
    ci_registry *registry;      /* NULL: not opened */
    ci_registry_keeper *keeper; /* renews this process's leases; NULL: nobody does */
} ci_run_site;
/* The paths of a configuration, and their databases opened. To be closed whatever the status.
 * Local. */
CI_MUST_CHECK ci_status ci_run_site_open(ci_run_site *out, const ci_conf *conf,
                                         ci_run_access access);
/* The four databases of a configuration, its texts borrowed. Local. */
ci_registry_paths ci_run_registry_paths(const ci_conf_paths *paths, const char *backups);
/* Makes folders as `access` says, checks that they can be written to, and opens the databases of a
 * site whose paths are set. Local. */
CI_MUST_CHECK ci_status ci_run_site_open_databases(ci_run_site *site, ci_run_access access);
/* From now until the site is closed, a thread of its own renews this process's leases. Local. */
CI_MUST_CHECK ci_status ci_run_site_keep_leases(ci_run_site *site);
/* Leaves zeros. Local. */
void ci_run_site_close(ci_run_site *site);
/* How to publish, as the configuration says; borrows the site's texts. Local. */
void ci_run_publish_options(const ci_run_site *site, const ci_conf *conf,
                            ci_publish_options *options);
/* How files become observations and groups, as the configuration says; CI_ERR_USAGE for a --since
 * that is no time. Local. */
CI_MUST_CHECK ci_status ci_run_ingest_options(const ci_conf *conf, ci_ingest_options *options);

/* ---- groups ---------------------------------------------------------------------------------- */

/* One observation of a group, to be imaged. */
typedef struct ci_run_tile
{
    char id[CI_REGISTRY_ID];
    double time_mjd_s, last_time_mjd_s; /* first and last integration */
    bool is_degraded;                   /* sub-bands are missing */
    bool is_hole; /* its observation failed: it keeps its position, and is not imaged */
    size_t n_path;
    char **path; /* [n_path] ascending in frequency, owned */
} ci_run_tile;
typedef struct ci_run_group
{
    char id[CI_REGISTRY_ID];
    bool is_named;      /* files named by a person */
    size_t n_min_tiles; /* passed tiles that a mosaic needs */
    size_t n_tile;
    ci_run_tile *tile; /* [n_tile] by time, owned */
} ci_run_group;
/* What a run has to do; owns all below it. */
typedef struct ci_run_groups
{
    size_t n_group;
    ci_run_group *group; /* [n_group] in the order in which they are done */
} ci_run_groups;
/* Appends a copy of a group of the registry. Local. */
CI_MUST_CHECK ci_status ci_run_groups_add(ci_run_groups *groups, const ci_registry_group *group);
/* Keeps the first n. Local. */
void ci_run_groups_cut(ci_run_groups *groups, size_t n);
/* Leaves zeros. Local. */
void ci_run_groups_free(ci_run_groups *groups);
/* CI_ERR_IO where none of the group's files is there, as when their disk is not mounted: the
 * machine's fault, not the data's. Local. */
CI_MUST_CHECK ci_status ci_run_group_inputs_check(const ci_run_group *group);
/* All of it as bytes [n_byte] for other ranks, to ci_mem_free, and back. Local. */
CI_MUST_CHECK ci_status ci_run_groups_pack(char **out, size_t *n_byte, const ci_run_groups *groups);
/* The groups from such bytes. Local. */
CI_MUST_CHECK ci_status ci_run_groups_unpack(ci_run_groups *out, const char *bytes, size_t n_byte);
/* CI_OK where a run would take the files named: they are of one array, and each observation has
 * enough of its sub-bands. Errors as the run gives them. No database. Local. */
CI_MUST_CHECK ci_status ci_run_check_named(const ci_conf *conf);

/* ---- a run ----------------------------------------------------------------------------------- */

/* Why a run has nothing to do. */
typedef struct ci_run_nothing
{
    const char *input;
    size_t n_file, n_failed_group, n_waiting_group, n_busy_group;
    size_t n_passed_over;             /* of the files: older than the migration, or than --since */
    const ci_registry_group *waiting; /* the first of those that wait; NULL: none */
    const ci_registry_group *busy;    /* the first of those that another run has; NULL: none */
} ci_run_nothing;
/* Who is notified, on rank 0, of what a run does. Arguments are borrowed for the call. */
typedef struct ci_run_listener
{
    /* No group of the input folder is complete, or those that are wait. */
    void (*nothing)(const ci_run_nothing *nothing);
    /* A group is done, well or not. */
    void (*group)(const ci_report_group *group);
    /* The end; report_folder NULL where there is no report. */
    void (*end)(bool is_degraded, const char *report_folder);
} ci_run_listener;
/* From files, or the oldest complete groups of the input folder, to published products
 * and a report. A DEGRADED product is CI_OK, with --strict CI_ERR_GATE. Collective. */
CI_MUST_CHECK ci_status ci_run_execute(ci_comm *world, const ci_conf *conf,
                                       const ci_run_listener *listener);

#endif
