/* registry, for who watches: what is counted and listed for operators, and the alerts that they
 * were notified of. All functions are local. */
#ifndef CONTIMG_REGISTRY_WATCH_H
#define CONTIMG_REGISTRY_WATCH_H

#include "contimg/registry.h"

/* ---- what became of a thing: changes of state, attempts to publish
 * ------------------------------- */
typedef enum ci_registry_change_kind
{
    CI_REGISTRY_CHANGE_FILE,
    CI_REGISTRY_CHANGE_OBSERVATION,
    CI_REGISTRY_CHANGE_GROUP,
    CI_REGISTRY_CHANGE_TILE,
    CI_REGISTRY_CHANGE_MOSAIC,
    CI_REGISTRY_CHANGE_PRODUCT,
    CI_REGISTRY_CHANGE_OTHER /* a table, an alert */
} ci_registry_change_kind;

typedef struct ci_registry_change
{
    double at_unix_s;
    ci_registry_change_kind kind;
    /* Of the enum of the kind's states (ci_registry_file_state, ci_registry_work_state,
     * ci_registry_image_state, ci_registry_publish_state); -1: none of them. */
    int from_state, to_state;
    char kind_word[CI_REGISTRY_WORD]; /* all three as stored */
    char subject[CI_REGISTRY_TEXT], from[CI_REGISTRY_WORD], to[CI_REGISTRY_WORD];
    char host[CI_REGISTRY_ID], job[CI_REGISTRY_ID], run[CI_REGISTRY_ID];
    int64_t pid;
    char *reason; /* owned by the list, "" where none */
    /* The gate that refused it, "" where none did, and of changes that are older than this column
     * (versions 4, 1, 1 and 2 of the four databases). */
    char gate[CI_REGISTRY_WORD];
} ci_registry_change;
CI_REGISTRY_LIST(ci_registry_changes, ci_registry_change); /* by time */
/* All changes of one subject over the four databases (NULL: of all), since a time. */
CI_MUST_CHECK ci_status ci_registry_changes_read(ci_registry *registry, ci_registry_changes **out,
                                                 const char *subject, double since_unix_s);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_changes_free(ci_registry_changes *changes);

typedef struct ci_registry_attempt
{
    char product_id[CI_REGISTRY_ID], outcome[CI_REGISTRY_WORD]; /* "" while under way */
    char host[CI_REGISTRY_ID], job[CI_REGISTRY_ID];
    int64_t attempt, pid;
    double started_unix_s, ended_unix_s;
    char *error;
} ci_registry_attempt;
CI_REGISTRY_LIST(ci_registry_attempts, ci_registry_attempt); /* by start */
/* Attempts to publish a product (NULL: any) since a time. */
CI_MUST_CHECK ci_status ci_registry_attempts_read(ci_registry *registry, ci_registry_attempts **out,
                                                  const char *product_id, double since_unix_s);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_attempts_free(ci_registry_attempts *attempts);

/* ---- counts -------------------------------------------------------------------------------- */

typedef struct ci_registry_publish_counts
{
    int64_t n_published, n_staging, n_publishing, n_refused;
    int64_t n_failed;    /* in staging after a failure, or failed for good */
    int64_t n_exhausted; /* failed for good: attempts used up */
} ci_registry_publish_counts;
/* Products by state; those of the deployed pipeline only where asked. */
CI_MUST_CHECK ci_status ci_registry_products_count(ci_registry *registry, bool with_deployed,
                                                   ci_registry_publish_counts *out);
/* How many there were, well or not. */
typedef struct ci_registry_outcomes
{
    int64_t n_good, n_bad;
} ci_registry_outcomes;
/* Attempts to publish that ended since then: published, or failed or died. Refusals are neither. */
CI_MUST_CHECK ci_status ci_registry_attempts_count(ci_registry *registry, double since_unix_s,
                                                   ci_registry_outcomes *out);
/* Groups whose last end since then was completed, or failed. */
CI_MUST_CHECK ci_status ci_registry_groups_count(ci_registry *registry, double since_unix_s,
                                                 ci_registry_outcomes *out);
/* contimg's products that were staged before then and still are, those that wait for a person to
 * publish them left out: how many, and the first one. */
CI_MUST_CHECK ci_status ci_registry_staging_count(ci_registry *registry, double before_unix_s,
                                                  int64_t *n, char first[CI_REGISTRY_ID]);

/* ---- the queue, runs ------------------------------------------------------------------------- */

/* An observation as the deployed dashboards show it; deployed rows, too. */
typedef struct ci_registry_entry
{
    char id[CI_REGISTRY_ID], state[CI_REGISTRY_WORD];
    double received_unix_s, updated_unix_s;
    int64_t n_present, n_expected;
    int64_t has_calibrator; /* -1: not known */
    char *calibrators;      /* JSON, "" where none */
} ci_registry_entry;
CI_REGISTRY_LIST(ci_registry_entries, ci_registry_entry);
/* Observations by state. */
CI_MUST_CHECK ci_status ci_registry_queue_count(ci_registry *registry,
                                                int64_t n[CI_REGISTRY_WORK_STATE_COUNT]);
/* The n that came last, the last one first. */
CI_MUST_CHECK ci_status ci_registry_queue_recent(ci_registry *registry, size_t n,
                                                 ci_registry_entries **out);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_entries_free(ci_registry_entries *entries);

typedef struct ci_registry_run
{
    char id[CI_REGISTRY_ID], host[CI_REGISTRY_ID], job[CI_REGISTRY_ID];
    int64_t pid, exit_code;
    double started_unix_s, ended_unix_s; /* ended: NaN while it runs, or where it was killed */
    char *text, *report_path;            /* its error; its folder of reports */
} ci_registry_run;
CI_REGISTRY_LIST(ci_registry_runs, ci_registry_run); /* by start */
/* Runs that began or ended since then, and those that have no end. */
CI_MUST_CHECK ci_status ci_registry_runs_read(ci_registry *registry, ci_registry_runs **out,
                                              double since_unix_s);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_runs_free(ci_registry_runs *runs);
/* Tiles made in [from, to), and their mean rms over thermal noise, NaN where it is not known. */
CI_MUST_CHECK ci_status ci_registry_tiles_noise(ci_registry *registry, double from_unix_s,
                                                double to_unix_s, int64_t *n, double *mean_ratio);

/* ---- alerts -------------------------------------------------------------------------------- */

/* Something that an operator is to be notified of once, and once when it is over. */
typedef struct ci_registry_alert
{
    char name[CI_REGISTRY_ID];
    char message[CI_REGISTRY_TEXT];
    double value, limit, since_unix_s;
    bool is_active; /* false: it has cleared */
} ci_registry_alert;
CI_REGISTRY_LIST(ci_registry_alerts, ci_registry_alert); /* by name */
/* Records which alerts hold now (name, message, value, limit of each). *tell: those whose beginning
 * or end nobody was notified of yet; for tell_s seconds no other process gets them. One that ends
 * before anybody was notified of it is forgotten. */
CI_MUST_CHECK ci_status ci_registry_alerts_update(ci_registry *registry,
                                                  const ci_registry_alerts *found, double tell_s,
                                                  ci_registry_alerts **tell);
/* The operator was notified. */
CI_MUST_CHECK ci_status ci_registry_alert_told(ci_registry *registry,
                                               const ci_registry_alert *alert);
/* Those that are active, as recorded. */
CI_MUST_CHECK ci_status ci_registry_alerts_read(ci_registry *registry, ci_registry_alerts **out);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_alerts_free(ci_registry_alerts *alerts);

/* ---- databases as files ---------------------------------------------------------------------- */

/* Integrity and foreign keys of one database, as it is; CI_ERR_DATABASE with the first fault,
 * CI_ERR_INPUT where it is another program's. *version: of its schema, 0 for a deployed one. */
CI_MUST_CHECK ci_status ci_registry_file_verify(const char *path, ci_registry_database which,
                                                int *version);
/* Online copy of a database as it is, whatever its version. */
CI_MUST_CHECK ci_status ci_registry_file_backup(const char *path, ci_registry_database which,
                                                const char *copy);
/* Puts a copy, sound and of no newer version than known, over the database that it is of
 * (*which). What was there is renamed to *kept (ci_mem_free; NULL: nothing was there).
 * CI_ERR_NOT_READY: another process has it open. */
CI_MUST_CHECK ci_status ci_registry_restore(const ci_registry_paths *paths, const char *copy,
                                            double now_unix_s, ci_registry_database *which,
                                            char **kept);
/* A product, an observation or a table (by its path) of the deployed pipeline becomes contimg's.
 * *kind: "product", "observation" or "table". */
CI_MUST_CHECK ci_status ci_registry_adopt(ci_registry *registry, const char *id, const char **kind);

#endif
