/* The registry's handle and what all its tables share: leases, changes of state, claims of work.
 * Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_HANDLE_H
#define CONTIMG_REGISTRY_HANDLE_H

#include "registry/rows.h"

enum
{
    CI_REGISTRY_N_JOB = 16
};
/* What Slurm said of a job, and when. */
typedef struct ci_registry_job
{
    char id[CI_REGISTRY_ID];
    bool is_over;
    double asked_s; /* monotonic */
} ci_registry_job;

struct ci_registry
{
    ci_db db[CI_REGISTRY_DB_COUNT];
    ci_registry_options options;
    char run[CI_REGISTRY_ID];
    ci_registry_owner self; /* this process; times unused */
    ci_registry_job *job;   /* [CI_REGISTRY_N_JOB] those that were asked for last */
};

/* ---- lease.c --------------------------------------------------------------------------------- */

/* Fills host, job, pid and its start; as token the first part of this process's tokens: a process
 * id means something only among the processes of one id space, since one start of the machine. */
void ci_registry_lease_self(ci_registry_owner *self);
/* A new lease of this process with a token of its own. */
void ci_registry_lease_new(const ci_registry *registry, double lease_s, ci_registry_owner *owner);
bool ci_registry_lease_is_ours(const ci_registry *registry, const ci_registry_owner *owner);
/* Another process that lives has it. */
bool ci_registry_lease_is_other(const ci_registry *registry, const ci_registry_owner *owner);
/* Asks Slurm what the former needs to know; before a transaction, so that others do not wait for
 * the answer. */
void ci_registry_lease_ask(const ci_registry *registry, const ci_registry_owner *owner);
/* Sets or clears (owner NULL) the lease of the row `key_column` = key. */
CI_MUST_CHECK ci_status ci_registry_lease_write(ci_db *db, const char *table,
                                                const char *key_column, const char *key,
                                                const ci_registry_owner *owner);
/* The columns of a lease, read into an owner in `row`. */
#define CI_LEASE_COLUMN(row, field, kind, name)                                                    \
    CI_COLUMN(row, field, kind, name, .flags = CI_COLUMN_READ)
#define CI_LEASE_COLUMNS(row, owner)                                                               \
    CI_LEASE_COLUMN(row, owner.host, TEXT, "lease_host"),                                          \
        CI_LEASE_COLUMN(row, owner.job, TEXT, "lease_job"),                                        \
        CI_LEASE_COLUMN(row, owner.token, TEXT, "lease_token"),                                    \
        CI_LEASE_COLUMN(row, owner.pid, INT, "lease_pid"),                                         \
        CI_LEASE_COLUMN(row, owner.pid_start, INT, "lease_pid_start"),                             \
        CI_LEASE_COLUMN(row, owner.acquired_unix_s, REAL, "lease_acquired_at"),                    \
        CI_LEASE_COLUMN(row, owner.expires_unix_s, REAL, "lease_expires_at")

/* ---- job.c ----------------------------------------------------------------------------------- */

/* Whether squeue says that a Slurm job is over, or waits to be run again; false where that is not
 * known. The answer is kept for half a minute. */
bool ci_registry_job_is_over(const ci_registry *registry, const char *job);

/* ---- changes.c ------------------------------------------------------------------------------- */

/* Records that a gate refused, in the present transaction; gate as in ci_registry_change. */
typedef struct ci_refusal
{
    const char *kind, *subject, *from, *to, *reason, *gate;
} ci_refusal;
CI_MUST_CHECK ci_status ci_registry_db_change_refused(ci_registry *registry,
                                                      ci_registry_database which,
                                                      const ci_refusal *refusal);
/* Records a change of state, in the present transaction; reason may be NULL. */
CI_MUST_CHECK ci_status ci_registry_db_change(ci_registry *registry, ci_registry_database which,
                                              const char *kind, const char *subject,
                                              const char *from, const char *to, const char *reason);

/* ---- work.c ---------------------------------------------------------------------------------- */

/* What is claimed to be worked on: rows of ingest_queue and of mosaic_groups. */
typedef enum ci_work_kind
{
    CI_REGISTRY_WORK_OBSERVATION,
    CI_REGISTRY_WORK_GROUP
} ci_work_kind;
extern const ci_words ci_registry_work_words;
/* Words of states: files.c, images.c, products.c. */
extern const ci_words ci_registry_file_words, ci_registry_image_words, ci_registry_publish_words;
CI_MUST_CHECK ci_status ci_registry_work_claim(ci_registry *registry, ci_work_kind kind,
                                               const char *id, double lease_s, bool *done);
CI_MUST_CHECK ci_status ci_registry_work_end(ci_registry *registry, ci_work_kind kind,
                                             const char *id, ci_registry_work_state state,
                                             const char *reason);
/* What was done (a group: or failed) and is named again, with other files, is pending again; in the
 * present transaction. */
CI_MUST_CHECK ci_status ci_registry_work_again(ci_registry *registry, ci_work_kind kind,
                                               const char *id);
/* CI_ERR_NOT_READY where the work in progress is not that of `token` any more. */
CI_MUST_CHECK ci_status ci_registry_work_check(ci_registry *registry, ci_work_kind kind,
                                               const char *id, const char *token);
/* Who has the lease; all zero where nobody. */
CI_MUST_CHECK ci_status ci_registry_work_owner(ci_registry *registry, ci_work_kind kind,
                                               const char *id, ci_registry_owner *owner);

#endif
