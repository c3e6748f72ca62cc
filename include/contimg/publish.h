/* publish: the steps that bring a product from staging to the products folder so
 * that a kill between any two loses nothing and publishes nothing twice. All functions are
 * local. They call no MPI and no HDF5, so that a second thread may run them with a registry handle
 * of its own.
 *
 * Order: claim (a lease, one transaction) -> path rules -> checksums -> gates -> copy into
 * <products>/<date>/<id>.<token>.part/ -> sync -> read back and compare -> sync folder ->
 * rename to <id> (never over anything) -> commit -> staging may go. */
#ifndef CONTIMG_PUBLISH_H
#define CONTIMG_PUBLISH_H

#include "contimg/qa.h"
#include "contimg/registry_lease.h"

typedef struct ci_publish_options
{
    const char *staging_base;  /* products are staged below it */
    const char *products_base; /* and published below it */
    ci_qa_limits limits;       /* of the gates */
    bool by_name;              /* a person asked for this product */
    bool remove_staging;       /* of mosaics, after the commit */
    bool rebuild;              /* recover: products that are published and are not in the registry
                                  get their row again, and the files of all are compared with their
                                  checksums; without it, they are only looked for */
    bool dry_run;              /* gates and path rules only; nothing changes */
    double lease_s;            /* CI_REGISTRY_LEASE_S, renewed while copying */
    double backoff_s;          /* 60: waits 60, 120 s, ... */
    int64_t max_attempt;       /* 3 */
} ci_publish_options;
/* Sets the defaults that are named above. */
void ci_publish_options_default(ci_publish_options *options);

typedef enum ci_publish_result_kind
{
    CI_PUBLISH_DONE,        /* now, by us */
    CI_PUBLISH_DONE_BEFORE, /* nothing to do, and said so */
    CI_PUBLISH_BUSY,        /* by another process: CI_ERR_NOT_READY */
    CI_PUBLISH_WAITS,       /* for its next try, or for a person: CI_ERR_NOT_READY */
    CI_PUBLISH_GATE,        /* refused: CI_ERR_GATE */
    CI_PUBLISH_RETRY,       /* failed, back in staging: the error's status */
    CI_PUBLISH_GIVEN_UP     /* failed for good: the error's status */
} ci_publish_result_kind;
typedef struct ci_publish_result
{
    ci_publish_result_kind kind;
    char text[2 * CI_REGISTRY_TEXT];
    char published_path[4096];
    ci_qa_gates gates;
} ci_publish_result;

/* Publishes one product. The status is the error's, the result says what became of it. */
CI_MUST_CHECK ci_status ci_publish_product(ci_registry *registry, const char *id,
                                           const ci_publish_options *options,
                                           ci_publish_result *result);

/* products_base/<date>/<id>, where a product of this time is published; ci_mem_free. */
CI_MUST_CHECK ci_status ci_publish_path(char **out, const char *products_base, double time_mjd_s,
                                        const char *id);
/* Where the registry has it as published below products_base and the folder is not there: back
 * in staging, said in the log, *lost. ci_publish_product begins with it. */
CI_MUST_CHECK ci_status ci_publish_check_lost(ci_registry *registry, const char *id,
                                              const char *products_base, bool *lost);

/* Whether the row says now that this staging folder of a published product may go. Local. Called in
 * the transaction in which it is removed: who withdraws the product waits for its end. */
CI_MUST_CHECK ci_status ci_publish_staging_is_removable(ci_registry *registry, const char *id,
                                                        const char *stage_path, bool *out);

/* Whether a run makes the product of this id now, into its staging folder. Local. */
CI_MUST_CHECK ci_status ci_publish_is_being_made(ci_registry *registry, const char *id, bool *out);

/* Takes a published product back: its files into the staging folder, compared with their checksums;
 * the row, which then waits for a person to publish it by name; the published folder removed. Where
 * an earlier call was killed, the rest is done. Where a newer version is staged, refused or failed,
 * it is the version before, which stands published, and takes the newer one's place in staging.
 * CI_ERR_NOT_READY: it is not published. */
CI_MUST_CHECK ci_status ci_publish_withdraw(ci_registry *registry, const char *id,
                                            const ci_publish_options *options,
                                            ci_publish_result *result);

typedef struct ci_publish_recovered
{
    size_t n_finished; /* were renamed or committed half-way: published now */
    size_t n_returned; /* dead owners' products, back in staging */
    size_t n_given_up; /* of these, attempts used up */
    size_t n_part;     /* left-over .part folders removed */
    size_t n_staging;  /* staging folders of published products removed */
    size_t n_busy;     /* owners that live: left alone */
    size_t n_rebuilt;  /* published ones that the registry did not know: taken into it */
    size_t n_fault;    /* published, but its files are missing or changed: said in the log */
} ci_publish_recovered;
/* Brings every half-done state to an end; any number of processes may do so at once. */
CI_MUST_CHECK ci_status ci_publish_recover(ci_registry *registry, const ci_publish_options *options,
                                           ci_publish_recovered *recovered);
/* Publishes all that is due: staged, auto_publish, next_try_at passed. Goes on after a
 * failure; the worst status is returned. */
CI_MUST_CHECK ci_status ci_publish_due(ci_registry *registry, const ci_publish_options *options,
                                       size_t *n_published, size_t *n_failed);
/* Compares a published folder with its SHA256SUMS; CI_ERR_INPUT names the first fault. */
CI_MUST_CHECK ci_status ci_publish_verify(const char *folder);

#endif
