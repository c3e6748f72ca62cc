/* contimg db: verify, backup, restore, migrate, adopt, leases. */
#include "cli/cli.h"

#include "contimg/registry_watch.h"
#include "contimg/run.h"

#include <string.h>

static const char *path_of(const ci_conf_paths *p, int i)
{
    const char *paths[CI_REGISTRY_DB_COUNT] = {p->ingest_db, p->cal_registry_db, p->products_db,
                                               p->data_registry_db};
    return paths[i];
}

static ci_status no_more(const ci_conf *conf, size_t n_most)
{
    if (ci_conf_argument_count(conf) <= n_most) return CI_OK;
    return ci_error(CI_ERR_USAGE, "contimg db %s: '%s' is one argument too many",
                    ci_conf_argument(conf, 0), ci_conf_argument(conf, n_most));
}

/* ---- verify ---------------------------------------------------------------------------------- */

/* Every database has its line; the first fault is the command's. */
static ci_status verify(const ci_conf *conf, const ci_conf_paths *p)
{
    ci_error_saved first = ci_error_save(CI_OK);
    CI_TRY(no_more(conf, 1));
    for (int i = 0; i < CI_REGISTRY_DB_COUNT; i++) {
        const char *path = path_of(p, i);
        int version = 0;
        if (!ci_path_exists(path)) {
            printf("none %s\n", path);
            continue;
        }
        ci_status status = ci_registry_file_verify(path, (ci_registry_database)i, &version);
        if (status == CI_OK)
            printf("ok   %s: version %d\n", path, version);
        else
            printf("FAIL %s\n", ci_error_text());
        if (status != CI_OK && first.status == CI_OK) first = ci_error_save(status);
    }
    return ci_error_restore(&first);
}

/* ---- backup, migrate ------------------------------------------------------------------------- */

/* A copy is worth something when it was read back. */
static ci_status backup_one(const char *path, int i, const char *folder, const char *when)
{
    const char *base = ci_path_base(path);
    char *copy = NULL;
    CI_TRY(ci_str_format(&copy, "%s/%.*s-%s.sqlite3", folder, (int)strcspn(base, "."), base, when));
    ci_status status = ci_path_exists(copy)
                           ? ci_error(CI_ERR_INPUT, "%s: is there already", copy)
                           : ci_registry_file_backup(path, (ci_registry_database)i, copy);
    int version = 0;
    if (status == CI_OK) status = ci_registry_file_verify(copy, (ci_registry_database)i, &version);
    if (status == CI_OK) printf("%s\n", copy);
    ci_mem_free(copy);
    return status;
}

/* Online copies of what is there, as it is: nothing is migrated for it. */
static ci_status backup(const ci_conf *conf, const ci_conf_paths *p)
{
    char when[32], *folder = NULL;
    CI_TRY(no_more(conf, 2));
    ci_time_iso(when, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    for (char *c = when; *c; c++)
        if (*c == ':') *c = '-';
    ci_status status = ci_conf_argument_count(conf) > 1
                           ? ci_path_absolute(&folder, ci_conf_argument(conf, 1))
                           : ci_path_join(&folder, p->state, "backups");
    for (int i = 0; i < CI_REGISTRY_DB_COUNT && status == CI_OK; i++)
        if (ci_path_exists(path_of(p, i))) status = backup_one(path_of(p, i), i, folder, when);
    ci_mem_free(folder);
    return status;
}

static ci_status migrate(const ci_conf *conf, ci_run_site *site)
{
    CI_TRY(no_more(conf, 1));
    CI_TRY(ci_run_site_open_databases(site, CI_RUN_WRITES));
    for (int i = 0; i < CI_REGISTRY_DB_COUNT; i++) {
        ci_registry_database which = (ci_registry_database)i;
        int found = ci_registry_version_found(site->registry, which),
            known = ci_registry_version_known(which);
        printf("%s: version %d", path_of(&site->paths, i), known);
        if (found != known) printf(" (was %d)", found);
        printf("\n");
    }
    return CI_OK;
}

/* ---- restore, adopt -------------------------------------------------------------------------- */

static ci_status restore(const ci_conf *conf, const ci_conf_paths *p)
{
    ci_registry_paths paths = ci_run_registry_paths(p, "");
    if (ci_conf_argument_count(conf) < 2)
        return ci_error(CI_ERR_USAGE, "contimg db restore COPY...: name the copies to put back");
    for (size_t i = 1; i < ci_conf_argument_count(conf); i++) {
        const char *copy = ci_conf_argument(conf, i);
        ci_registry_database which;
        char *kept = NULL;
        CI_TRY(ci_registry_restore(&paths, copy, ci_clock_unix_s(), &which, &kept));
        printf("%s: restored from %s", path_of(p, (int)which), copy);
        if (kept) printf("; as it was before: %s", kept);
        printf("\n");
        ci_mem_free(kept);
    }
    return CI_OK;
}

static ci_status adopt(const ci_conf *conf, ci_run_site *site)
{
    if (ci_conf_argument_count(conf) < 2)
        return ci_error(CI_ERR_USAGE, "contimg db adopt ID...: name products, observations or "
                                      "calibration tables (by path) of the deployed pipeline");
    CI_TRY(ci_run_site_open_databases(site, CI_RUN_WRITES));
    for (size_t i = 1; i < ci_conf_argument_count(conf); i++) {
        const char *id = ci_conf_argument(conf, i), *kind = NULL;
        if (ci_path_is_folder(id))
            return ci_error(CI_ERR_INPUT,
                            "%s: a CASA table, which contimg cannot apply: solve again", id);
        CI_TRY(ci_registry_adopt(site->registry, id, &kind));
        printf("%s: %s, contimg's from now on\n", id, kind);
    }
    return CI_OK;
}

/* ---- leases ---------------------------------------------------------------------------------- */

static void print_lease(const ci_registry *registry, const char *kind, const char *id,
                        const ci_registry_owner *owner, size_t *n)
{
    char who[CI_REGISTRY_TEXT];
    if (!owner->host[0] || !ci_registry_owner_alive(registry, owner)) return;
    ci_registry_owner_text(owner, who);
    printf("%s %s: %s\n", kind, id, who);
    ++*n;
}

/* Who works on what now: a program is not replaced under a run. */
static ci_status leases(const ci_conf *conf, ci_run_site *site)
{
    ci_ops_status all = {0};
    size_t n = 0;
    CI_TRY(no_more(conf, 1));
    CI_TRY(ci_run_site_open_databases(site, CI_RUN_READS));
    ci_status status = ci_ops_status_read(&all, site->registry);
    for (size_t i = 0; status == CI_OK && i < all.groups->n; i++)
        print_lease(site->registry, "group", all.groups->item[i].id, &all.groups->item[i].owner,
                    &n);
    for (size_t i = 0; status == CI_OK && i < all.products->n; i++)
        print_lease(site->registry, "product", all.products->item[i].id,
                    &all.products->item[i].owner, &n);
    ci_ops_status_clear(&all);
    CI_TRY(status);
    if (n == 0) printf("no lease is held: nobody works on anything\n");
    if (n == 0) return CI_OK;
    return ci_error(CI_ERR_NOT_READY, "%zu lease%s held: wait for the run, or stop it", n,
                    n == 1 ? " is" : "s are");
}

ci_status ci_cli_db(const ci_conf *conf)
{
    static const char *const names[] = {"verify",  "backup", "restore",
                                        "migrate", "adopt",  "leases"};
    enum
    {
        N_NAME = sizeof names / sizeof *names
    };
    const char *action = ci_conf_argument_count(conf) > 0 ? ci_conf_argument(conf, 0) : "";
    size_t i = 0;
    while (i < N_NAME && strcmp(action, names[i]) != 0)
        i++;
    if (i == N_NAME)
        return ci_error(CI_ERR_USAGE,
                        "contimg db %s: give one of verify, backup, restore, migrate, adopt, "
                        "leases",
                        action);
    ci_run_site site;
    memset(&site, 0, sizeof site);
    ci_status status = ci_conf_paths_new(&site.paths, conf);
    if (status == CI_OK)
        status = i == 0   ? verify(conf, &site.paths)
                 : i == 1 ? backup(conf, &site.paths)
                 : i == 2 ? restore(conf, &site.paths)
                 : i == 3 ? migrate(conf, &site)
                 : i == 4 ? adopt(conf, &site)
                          : leases(conf, &site);
    ci_run_site_close(&site);
    return status;
}
