/* Leases: who works on a row, and whether that process still lives. */
#include "registry/handle.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Containers on one host may share its name. */
static unsigned long pid_space(void)
{
    char link[64];
    ssize_t n = readlink("/proc/self/ns/pid", link, sizeof link - 1);
    if (n < 0) return 0;
    link[n] = '\0';
    const char *bracket = strchr(link, '[');
    return bracket ? strtoul(bracket + 1, NULL, 10) : 0;
}

/* The first digits of what the kernel draws at each start: since then process ids and their starts
 * are counted anew; and hosts of one name differ by it. */
static unsigned long boot_id(void)
{
    char text[16] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file) return 0;
    if (!fgets(text, sizeof text, file)) text[0] = '\0';
    fclose(file);
    return strtoul(text, NULL, 16);
}

/* State letter and start (clock ticks since boot) of a process; false where /proc does not
 * show it. */
static bool process_facts(int64_t pid, char *state, int64_t *start)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    /* The command is in brackets and may contain anything, brackets too. */
    const char *after = strrchr(text, ')');
    if (!after || after[1] != ' ') return false;
    *state = after[2];
    const char *p = after + 2;
    for (int field = 3; field < 22 && p; field++) {
        p = strchr(p, ' ');
        if (p) p++;
    }
    if (!p) return false;
    *start = strtoll(p, NULL, 10);
    return true;
}

void ci_registry_lease_self(ci_registry_owner *self)
{
    memset(self, 0, sizeof *self);
    if (gethostname(self->host, sizeof self->host - 1) != 0) strcpy(self->host, "unknown");
    const char *job = getenv("SLURM_JOB_ID");
    snprintf(self->job, sizeof self->job, "%s", job ? job : "");
    self->pid = getpid();
    char state;
    if (!process_facts(self->pid, &state, &self->pid_start)) self->pid_start = 0;
    snprintf(self->token, sizeof self->token, "%lx-", boot_id() << 32 ^ pid_space());
}

/* Its process id means here what it means there. */
static bool is_here(const ci_registry *registry, const ci_registry_owner *owner)
{
    const ci_registry_owner *self = &registry->self;
    return strcmp(owner->host, self->host) == 0 &&
           strncmp(owner->token, self->token, strlen(self->token)) == 0;
}

void ci_registry_lease_new(const ci_registry *registry, double lease_s, ci_registry_owner *owner)
{
    unsigned long long random = 0;
    *owner = registry->self;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (unsigned long long)(1e9 * ci_clock_monotonic_s());
    size_t n = strlen(owner->token);
    snprintf(owner->token + n, sizeof owner->token - n, "%016llx", random);
    owner->acquired_unix_s = ci_registry_now(registry);
    owner->expires_unix_s = owner->acquired_unix_s + lease_s;
}

bool ci_registry_lease_is_ours(const ci_registry *registry, const ci_registry_owner *owner)
{
    return owner->pid == registry->self.pid && owner->pid_start == registry->self.pid_start &&
           is_here(registry, owner);
}

bool ci_registry_owner_alive(const ci_registry *registry, const ci_registry_owner *owner)
{
    if (!owner->host[0] || owner->pid <= 0) return false;
    if (is_here(registry, owner)) {
        /* The process table knows better than any clock. */
        char state;
        int64_t start;
        if (process_facts(owner->pid, &state, &start)) {
            if (state == 'Z' || state == 'X') return false;
            if (owner->pid_start && start != owner->pid_start) return false;
        } else if (kill((pid_t)owner->pid, 0) != 0 && errno == ESRCH) {
            return false;
        }
    } else if (ci_registry_job_is_over(registry, owner->job)) {
        return false;
    }
    return ci_registry_now(registry) < owner->expires_unix_s;
}

bool ci_registry_lease_is_other(const ci_registry *registry, const ci_registry_owner *owner)
{
    return !ci_registry_lease_is_ours(registry, owner) && ci_registry_owner_alive(registry, owner);
}

void ci_registry_lease_ask(const ci_registry *registry, const ci_registry_owner *owner)
{
    bool is_alive = ci_registry_lease_is_other(registry, owner);
    (void)is_alive; /* what Slurm said is kept */
}

void ci_registry_owner_text(const ci_registry_owner *owner, char out[CI_REGISTRY_TEXT])
{
    char since[32];
    const char *before = owner->job[0] ? " (job " : "", *after = owner->job[0] ? ")" : "";
    ci_time_iso(since, ci_time_mjd_s_from_unix(owner->acquired_unix_s), 0, true);
    snprintf(out, CI_REGISTRY_TEXT, "%s pid %lld%s%s%s, since %s", owner->host,
             (long long)owner->pid, before, owner->job, after, since);
}

/* A value of a lease, null where nobody holds it. */
static ci_value if_owned(const ci_registry_owner *owner, ci_value value)
{
    return owner ? value : CI_NULL;
}

ci_status ci_registry_lease_write(ci_db *db, const char *table, const char *key_column,
                                  const char *key, const ci_registry_owner *owner)
{
    static const ci_registry_owner nobody;
    char where[64];
    snprintf(where, sizeof where, "WHERE %s=?", key_column);
    const ci_registry_owner *o = owner ? owner : &nobody;
    const ci_named_value set[] = {{"lease_host", if_owned(owner, V(o->host))},
                                  {"lease_job", if_owned(owner, V(o->job))},
                                  {"lease_token", if_owned(owner, V(o->token))},
                                  {"lease_pid", if_owned(owner, V(o->pid))},
                                  {"lease_pid_start", if_owned(owner, V(o->pid_start))},
                                  {"lease_acquired_at", if_owned(owner, V(o->acquired_unix_s))},
                                  {"lease_expires_at", if_owned(owner, V(o->expires_unix_s))},
                                  {NULL, CI_NULL}};
    return ci_registry_db_update(db, NULL, table, set, where, VALUES(V(key)));
}
