/* Keeping leases: a thread that prolongs those of its process while the process works. */
#include "contimg/registry_lease.h"
#include "registry/handle.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum
{
    MAX_BUSY_S = 10 /* its end is waited for */
};

struct ci_registry_keeper
{
    ci_registry *registry; /* the thread's own, once it runs */
    double period_s;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ended;
};

/* ---- all leases of this process -------------------------------------------------------------- */

static ci_status renew_in(ci_registry *registry, ci_registry_database which, const char *table,
                          double lease_s)
{
    const ci_registry_owner *self = &registry->self;
    char *sql = NULL;
    CI_TRY(ci_str_format(&sql,
                         "UPDATE %s SET lease_expires_at=? WHERE lease_pid=? AND lease_pid_start=? "
                         "AND lease_host=? AND substr(lease_token,1,length(?5))=?5",
                         table));
    ci_status status =
        ci_registry_db_run(&registry->db[which], NULL, sql,
                           VALUES(V(ci_registry_now(registry) + lease_s), V(self->pid),
                                  V(self->pid_start), V(self->host), V(self->token)));
    ci_mem_free(sql);
    return status;
}

ci_status ci_registry_leases_renew(ci_registry *registry, double lease_s)
{
    CI_TRY(ci_registry_db_begin(&registry->db[CI_REGISTRY_DB_INGEST]));
    ci_status status = renew_in(registry, CI_REGISTRY_DB_INGEST, "mosaic_groups", lease_s);
    if (status == CI_OK)
        status = renew_in(registry, CI_REGISTRY_DB_INGEST, "ingest_queue", lease_s);
    CI_TRY(ci_registry_db_end(&registry->db[CI_REGISTRY_DB_INGEST], status));
    CI_TRY(ci_registry_db_begin(&registry->db[CI_REGISTRY_DB_DATA]));
    return ci_registry_db_end(&registry->db[CI_REGISTRY_DB_DATA],
                              renew_in(registry, CI_REGISTRY_DB_DATA, "data_registry", lease_s));
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* False where the keeper is ended. */
static bool wait_period(ci_registry_keeper *keeper)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    double end_s = (double)at.tv_sec + 1e-9 * (double)at.tv_nsec + keeper->period_s;
    at.tv_sec = (time_t)end_s;
    at.tv_nsec = (long)(1e9 * (end_s - (double)at.tv_sec));
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->is_ended &&
           pthread_cond_timedwait(&keeper->ended, &keeper->lock, &at) != ETIMEDOUT)
        continue;
    bool goes_on = !keeper->is_ended;
    pthread_mutex_unlock(&keeper->lock);
    return goes_on;
}

static void *keep(void *context)
{
    ci_registry_keeper *keeper = context;
    bool is_said = false;
    while (wait_period(keeper)) {
        ci_status status = ci_registry_leases_renew(keeper->registry, CI_REGISTRY_LEASE_S);
        if (status != CI_OK && !is_said)
            ci_log_warning("leases could not be renewed, tried again every %.0f s; after %d s "
                           "others take them over: %s",
                           keeper->period_s, CI_REGISTRY_LEASE_S, ci_error_text());
        is_said = status != CI_OK;
    }
    return NULL;
}

/* Signals are for the thread that works. */
static int thread_start(ci_registry_keeper *keeper)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&keeper->thread, NULL, keep, keeper);
    if (why == 0) pthread_setname_np(keeper->thread, "leases"); /* as top and ps show it */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

static void keeper_free(ci_registry_keeper *keeper)
{
    pthread_cond_destroy(&keeper->ended);
    pthread_mutex_destroy(&keeper->lock);
    ci_registry_close(keeper->registry);
    ci_mem_free(keeper);
}

static ci_status keeper_open(ci_registry_keeper *keeper, const ci_registry *registry)
{
    ci_registry_options options = registry->options;
    /* Nothing is left to migrate, so nothing is backed up. */
    const ci_registry_paths paths = {
        registry->db[CI_REGISTRY_DB_INGEST].path, registry->db[CI_REGISTRY_DB_CAL].path,
        registry->db[CI_REGISTRY_DB_PRODUCTS].path, registry->db[CI_REGISTRY_DB_DATA].path, ""};
    options.busy_s = fmin(options.busy_s, MAX_BUSY_S);
    return ci_registry_open(&keeper->registry, &paths, &options);
}

ci_status ci_registry_keeper_start(ci_registry_keeper **out, const ci_registry *registry,
                                   double period_s)
{
    ci_registry_keeper *keeper = NULL;
    pthread_condattr_t monotonic;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&keeper, 1, sizeof *keeper, "keeper of leases"));
    keeper->period_s = period_s;
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    ci_status status = keeper_open(keeper, registry);
    int why = status == CI_OK ? thread_start(keeper) : 0;
    if (why != 0) status = ci_error_errno(why, "leases", "start the thread that renews them");
    if (status != CI_OK) {
        keeper_free(keeper);
        return status;
    }
    *out = keeper;
    return CI_OK;
}

void ci_registry_keeper_end(ci_registry_keeper *keeper)
{
    if (!keeper) return;
    pthread_mutex_lock(&keeper->lock);
    keeper->is_ended = true;
    pthread_cond_signal(&keeper->ended);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    keeper_free(keeper);
}
