/* ops: what operators ask of files, machines and runs. No MPI. All functions are local. */
#ifndef CONTIMG_OPS_H
#define CONTIMG_OPS_H

#include "contimg/registry_watch.h"

/* What is in a UVH5, CalH5 or FITS file, as text or as one JSON object, onto `out`.
 * CI_ERR_INPUT, with the reason, where the file cannot be used. */
CI_MUST_CHECK ci_status ci_ops_inspect(const char *path, bool as_json, FILE *out);

/* What `contimg check` looks at. Borrowed texts. */
typedef struct ci_ops_check_options
{
    const char *input, *staging, *products, *state;
    const char *databases[4]; /* ingest, calibration, products, publish */
    double disk_critical_gb;
    bool makes;   /* configured folders that are missing */
    bool dry_run; /* makes nothing at all */
    /* Else they are made by the first command that writes, and no fault here. */
    bool run_makes_staging, run_makes_products, run_makes_state;
    bool input_given;         /* else a missing input folder is a warning: files can be named */
    bool is_local;            /* ./contimg-data: nothing was configured, nothing is made here */
    bool disk_critical_given; /* else little free space is a warning where is_local */
    /* What the groups that are ready write, 0 where there are none; why that is not known, else
     * NULL. */
    double staging_writes_gb, products_writes_gb, state_writes_gb;
    const char *plan_fault;
    /* Why other commands would not take the configuration; NULL: they do. */
    const char *conf_fault;
    bool nodes;                  /* the same on every node, by srun, with these arguments */
    const char *const *argument; /* borrowed */
    size_t n_argument;
    const char *shared_with; /* on a node: the token of who asks; else NULL */
} ci_ops_check_options;
/* One line ok, warn or FAIL each, with the remedy; CI_ERR_NOT_READY where one failed. Makes what is
 * missing below the state folder, unless asked not to, and where asked the folders that were
 * configured. */
CI_MUST_CHECK ci_status ci_ops_check(const ci_ops_check_options *options, bool as_json, FILE *out);

/* ---- monitor ------------------------------------------------------------------------------- */

/* What the deployed monitor's document has, counted from the registry; all products count, also
 * those of the deployed pipeline. */
typedef struct ci_ops_metrics
{
    int64_t n_published, n_staging, n_publishing; /* products */
    int64_t n_failed, n_exhausted;                /* of which failed; attempts used up */
    int64_t n_refused;                            /* by a quality gate */
    int64_t n_recent_failure;                     /* attempts of the last 24 h that failed */
    double success_percent;                       /* of all attempts; 100 where there were none */
    double time_unix_s;
} ci_ops_metrics;
/* Counts them now. */
CI_MUST_CHECK ci_status ci_ops_metrics_read(ci_ops_metrics *out, ci_registry *registry);
/* {total_published, total_staging, ...}, names as deployed; the caller's. */
ci_json *ci_ops_metrics_json(const ci_ops_metrics *metrics);

/* Beyond which an alert is active. */
typedef struct ci_ops_thresholds
{
    double max_failed_per_hour;       /* 5 attempts to publish */
    double max_staging_hours;         /* 24 */
    double min_success_rate;          /* 95 %, of the attempts of 24 h */
    double max_group_failure_percent; /* 10, of the groups that ended within 24 h */
    double max_failed;                /* products that failed; infinite */
} ci_ops_thresholds;
/* Sets the values that are named above. */
void ci_ops_thresholds_default(ci_ops_thresholds *out);
/* Those that a JSON file {"name": number} names; CI_ERR_INPUT for an unknown name, or no number. */
CI_MUST_CHECK ci_status ci_ops_thresholds_read(ci_ops_thresholds *out, const char *path);

/* A folder whose disk is watched. */
typedef struct ci_ops_disk
{
    const char *name, *path; /* "staging"; borrowed */
} ci_ops_disk;
typedef struct ci_ops_disk_limits
{
    double warn_gb, critical_gb;
} ci_ops_disk_limits;

/* The longest part of a path that is there; ci_mem_free. */
CI_MUST_CHECK ci_status ci_ops_existing_part(char **out, const char *path);

#define CI_OPS_MAX_ALERT 16
/* The alerts that hold now. */
typedef struct ci_ops_alerts
{
    size_t n;
    ci_registry_alert item[CI_OPS_MAX_ALERT];
} ci_ops_alerts;
/* Judges the registry by the thresholds, now. */
CI_MUST_CHECK ci_status ci_ops_alerts_judge(ci_ops_alerts *out, ci_registry *registry,
                                            const ci_ops_thresholds *thresholds);
/* Appends those of disks; a folder that is not there counts by the part of its path that is. */
CI_MUST_CHECK ci_status ci_ops_alerts_disks(ci_ops_alerts *out, const ci_ops_disk *disk,
                                            size_t n_disk, const ci_ops_disk_limits *limits);
/* {name, state (active or clear), message, value, limit, since, contact}; contact: whom to ask, ""
 * for nobody. The caller's. */
ci_json *ci_ops_alert_json(const ci_registry_alert *alert, const char *contact);
/* Runs `command` by the shell with the alert's JSON on its standard input, its output on standard
 * error. CI_ERR_IO where it does not end with 0 within limit_s seconds; then it is killed with all
 * that it started. */
CI_MUST_CHECK ci_status ci_ops_alert_tell(const char *command, const ci_registry_alert *alert,
                                          const char *contact, double limit_s);

/* ---- what needs somebody --------------------------------------------------------------------- */

enum
{
    CI_OPS_CONCERNS = 5
};
typedef struct ci_ops_concern
{
    const char *kind, *state; /* "product" or "group"; "failed", "refused" or "LOST" */
    char id[CI_REGISTRY_ID];
    char why[128]; /* of what is LOST who had it; cut at a word */
} ci_ops_concern;
typedef struct ci_ops_concerns
{
    size_t n;      /* of all */
    size_t n_item; /* of them the first here: LOST, then products, then groups, newest first */
    ci_ops_concern item[CI_OPS_CONCERNS];
} ci_ops_concerns;
/* Products that failed or were refused, groups that failed, and what a run had that is gone. */
CI_MUST_CHECK ci_status ci_ops_concerns_read(ci_ops_concerns *out, ci_registry *registry);
/* [{kind, id, state, why}]; the caller's. */
ci_json *ci_ops_concerns_json(const ci_ops_concerns *concerns);
/* A text in n_byte (16 or more) bytes: what is longer ends after a word, with " ...". */
void ci_ops_text_cut(char *out, size_t n_byte, const char *text);

/* ---- lists ---------------------------------------------------------------------------------- */

/* What there is, as the registry has it: what `contimg group` and `contimg status` list. */
typedef struct ci_ops_status
{
    ci_registry_observations *observations; /* contimg's */
    ci_registry_groups *groups;
    ci_registry_files *files;       /* that are no sub-band of an observation */
    ci_registry_products *products; /* deployed ones too */
} ci_ops_status;
/* Clear it with ci_ops_status_clear, whatever the status. */
CI_MUST_CHECK ci_status ci_ops_status_read(ci_ops_status *out, ci_registry *registry);
/* Frees what it owns. */
void ci_ops_status_clear(ci_ops_status *status);
/* Observations that did not fail and are in no group yet; *arrived_unix_s: when the last file of
 * theirs came, 0: there is none. */
size_t ci_ops_status_ungrouped(const ci_ops_status *status, double *arrived_unix_s);
/* {observations, groups, files, products}; the caller's. The registry says who still lives. */
ci_json *ci_ops_status_json(const ci_ops_status *status, const ci_registry *registry);
/* ---- clean ----------------------------------------------------------------------------------- */

typedef struct ci_ops_clean_options
{
    const char *staging, *state; /* borrowed */
    double staging_s;            /* least age of tiles, and since a mosaic was published */
    double log_s, report_s;
    int64_t n_overlap; /* observations that a group shares with the one that follows */
    bool dry_run;
} ci_ops_clean_options;
typedef struct ci_ops_cleaned
{
    size_t n_removed, n_fault;
    int64_t n_byte;
    size_t n_young; /* of staging: what stays for its age alone */
    int64_t n_young_byte;
    double next_unix_s; /* when the first of them may go; 0: there is none */
} ci_ops_cleaned;
/* Removes, one line each onto `out`: tiles that no group needs, staging of mosaics that are
 * published and whole, files in logs, folders in reports. What cannot be removed is warned of and
 * counted. */
CI_MUST_CHECK ci_status ci_ops_clean(ci_ops_cleaned *sum, ci_registry *registry,
                                     const ci_ops_clean_options *options, FILE *out);

/* ---- documents ------------------------------------------------------------------------------ */

/* Puts what /api/status answers into an object: queue, recent_groups, calibration_sets,
 * matched_recent. */
CI_MUST_CHECK ci_status ci_ops_status_put(ci_json *root, ci_registry *registry);
/* Load and memory of this machine. */
typedef struct ci_ops_machine
{
    double cpu_percent;             /* busy time of its processors, over a tenth of a second */
    double load[3];                 /* of 1, 5 and 15 minutes */
    int64_t memory_byte, used_byte; /* used: not available */
} ci_ops_machine;
/* Measures for a tenth of a second; what the system does not say is 0. */
void ci_ops_machine_read(ci_ops_machine *out);
/* Bytes of a file system; 0: not known. */
typedef struct ci_ops_disk_use
{
    int64_t size_byte, used_byte, free_byte; /* free: for an ordinary user */
} ci_ops_disk_use;
/* Of the file system of a folder, or of what of its path is there. */
void ci_ops_disk_use_read(ci_ops_disk_use *out, const char *path);
/* /api/metrics/system of now, to ci_json_free. */
ci_json *ci_ops_system_json(double now_unix_s, const ci_ops_disk *disk, size_t n_disk);
/* /api/monitoring/publish/failed: so many products at most, of those with at least min_attempts
 * attempts; *out is the caller's. */
CI_MUST_CHECK ci_status ci_ops_failed_json(ci_json **out, ci_registry *registry, size_t limit,
                                           int64_t min_attempts);
/* All four as files below `state`/api, each replaced whole. */
CI_MUST_CHECK ci_status ci_ops_documents_write(ci_registry *registry, const char *state,
                                               const ci_ops_disk *disk, size_t n_disk);
/* ---- what became of one thing ------------------------------------------------------------ */

typedef enum ci_ops_standing_kind
{
    CI_OPS_STANDING_OBSERVATION,
    CI_OPS_STANDING_GROUP,
    CI_OPS_STANDING_PRODUCT,
    CI_OPS_STANDING_FILE,
    CI_OPS_STANDING_COUNT
} ci_ops_standing_kind;
/* "observation", "group", "product", "file". */
const char *ci_ops_standing_word(ci_ops_standing_kind kind);

/* Where an observation, group, product or file of that id stands. Texts without a size are borrowed
 * from the story's rows. */
typedef struct ci_ops_standing
{
    ci_ops_standing_kind kind;
    const char *state, *error;            /* "" where there is none, as all below */
    char owner[CI_REGISTRY_TEXT];         /* who works on it */
    double owned_unix_s, next_try_unix_s; /* NaN or 0: none */
    bool is_lost;                         /* its owner is gone */
    const char *published_path;
    const char *version_before; /* that is published while this one is not */
    bool is_degraded;           /* of a product or an observation */
    char degraded_why[512];
    char next[2 * CI_REGISTRY_TEXT];
} ci_ops_standing;
typedef struct ci_ops_story
{
    char id[CI_REGISTRY_ID];
    size_t n_now;
    ci_ops_standing now[CI_OPS_STANDING_COUNT]; /* [n_now] */
    ci_registry_observations *observations;     /* the rows, one or none of each; owned, as all */
    ci_registry_groups *groups;
    ci_registry_products *products;
    ci_registry_files *files;     /* of an observation all that are not used; else the one of that
                                     path or name, or all */
    const ci_registry_file *file; /* of them the one that the story is of; NULL: of another thing */
    ci_registry_changes *changes;
    char **log; /* [changes->n] the log of a change's run; NULL: there is none */
    ci_registry_attempts *attempts;
    char *last_log_line; /* of what is lost; NULL: not known */
} ci_ops_story;
/* `state`: the state folder; `id`: of a file its path or name. CI_ERR_INPUT where nothing is known
 * of the id. To be cleared whatever the status. */
CI_MUST_CHECK ci_status ci_ops_story_read(ci_ops_story *out, ci_registry *registry,
                                          const char *state, const char *id);
/* Leaves zeros. */
void ci_ops_story_clear(ci_ops_story *story);
/* {id, now [{kind, state, error, owner, owned_since, is_lost, next, ...}], changes [{at, kind,
 * from, to, reason, host, pid, job, run, log}], attempts [{attempt, started, ended, outcome, error,
 * host, pid, job}], last_log_line}, to ci_json_free. */
ci_json *ci_ops_story_json(const ci_ops_story *story);

/* ---- what happened day by day ------------------------------------------------------------ */

/* "24h", "7d" as seconds; CI_ERR_USAGE. */
CI_MUST_CHECK ci_status ci_ops_since_parse(const char *text, double *seconds);
/* A reason, how often it was one, and which thing was the last: "<id>", of a refusal with the
 * gate's value and limit. */
typedef struct ci_ops_reason
{
    char text[CI_REGISTRY_TEXT], last[CI_REGISTRY_TEXT];
    int64_t n;
} ci_ops_reason;
typedef struct ci_ops_reasons
{
    size_t n;
    ci_ops_reason item[32]; /* further ones count as the last */
} ci_ops_reasons;
typedef struct ci_ops_day
{
    double from_unix_s, to_unix_s;
    int64_t n_group, n_group_failed, n_published, n_refused, n_publish_failed;
    int64_t n_lost; /* groups and products taken over of runs that were gone */
    int64_t n_tile_passed, n_tile_refused, n_tile_failed;
    double tile_s, noise_ratio; /* a tile; rms / thermal, the median; NaN: no tile was made */
    ci_ops_reasons failures, refusals;
} ci_ops_day;
typedef struct ci_ops_history
{
    size_t n_day;
    ci_ops_day *day; /* [n_day] on which something happened, owned */
} ci_ops_history;
/* The last so many seconds. To be cleared whatever the status. */
CI_MUST_CHECK ci_status ci_ops_history_read(ci_ops_history *out, ci_registry *registry,
                                            double seconds);
/* Leaves zeros. */
void ci_ops_history_clear(ci_ops_history *history);
/* GB that are free where a path is, or will be made, to 0.01. */
CI_MUST_CHECK ci_status ci_ops_disk_free_gb(double *out, const char *path);
/* {days [{date, groups_completed, groups_failed, tiles_passed, tiles_refused, tiles_failed,
 * published, refused, publish_failures, taken_over, seconds_per_tile, noise_over_thermal, failures
 * [{reason, last, count}], refusals [...]}]}, to ci_json_free. */
ci_json *ci_ops_history_json(const ci_ops_history *history);

/* ---- lines ---------------------------------------------------------------------------------- */

#define CI_OPS_LINE 1024
/* What an observation has, awaits and until when, or misses: "2 of 3 sub-bands, missing sb01". */
void ci_ops_observation_text(char out[CI_OPS_LINE], const ci_registry_observation *o);
/* Whether a file that is not used is of that observation: by what the registry knows, else by the
 * time in its name. */
bool ci_ops_file_is_of(const ci_registry_file *file, const ci_registry_observation *o);
/* Why a product is DEGRADED; NULL where it is not; ci_mem_free. */
char *ci_ops_product_degraded(const ci_registry_product *product);
/* Why a file is not used, without its path in front; borrowed. */
const char *ci_ops_file_reason(const ci_registry_file *file);

#endif
