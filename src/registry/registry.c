/* Opening all four databases. */
#include "registry/handle.h"
#include "registry/open.h"
#include "registry/schema.h"

void ci_registry_options_default(ci_registry_options *options)
{
    *options = (ci_registry_options){.busy_s = 60};
}

/* Does the file have a table of that name? Asked before anything is opened for good. */
static bool file_has_table(const char *path, const char *table, double busy_s)
{
    ci_db db = {.busy_s = busy_s < 5 ? busy_s : 5};
    if (!ci_path_exists(path)) return false;
    if (sqlite3_open_v2(path, &db.handle, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        sqlite3_close(db.handle);
        return false;
    }
    sqlite3_busy_timeout(db.handle, (int)(1000 * db.busy_s));
    bool found = ci_str_copy(&db.path, path) == CI_OK && ci_registry_db_has_table(&db, table);
    ci_registry_db_close(&db);
    ci_error_clear();
    return found;
}

/* An older contimg.env names the calibration registry where today's names the data registry:
 * told by content, said, and put right. */
static ci_status sort_paths(ci_registry *registry, const ci_registry_paths *paths)
{
    const char *given[CI_REGISTRY_DB_COUNT] = {paths->ingest, paths->cal, paths->products,
                                               paths->data};
    for (int i = 0; i < CI_REGISTRY_DB_COUNT; i++)
        CI_TRY(ci_str_copy(&registry->db[i].path, given[i]));
    double busy_s = registry->options.busy_s;
    if (!file_has_table(paths->data, "caltables", busy_s) ||
        file_has_table(paths->data, "data_registry", busy_s))
        return CI_OK;
    char *folder = NULL, *data = NULL;
    ci_status status = ci_path_parent(&folder, paths->data);
    if (status == CI_OK)
        status = ci_path_join(&data, folder, ci_registry_schema_file_name(CI_REGISTRY_DB_DATA));
    ci_mem_free(folder);
    CI_TRY(status);
    ci_log(registry->options.is_repeated ? CI_LOG_DEBUG : CI_LOG_WARNING,
           "%s: named as the data registry, but it holds calibration tables: %s is used for the "
           "data registry; set CONTIMG_REGISTRY_DB to it",
           paths->data, data);
    ci_mem_free(registry->db[CI_REGISTRY_DB_DATA].path);
    registry->db[CI_REGISTRY_DB_DATA].path = data;
    if (!ci_path_exists(paths->cal)) {
        ci_mem_free(registry->db[CI_REGISTRY_DB_CAL].path);
        registry->db[CI_REGISTRY_DB_CAL].path = NULL;
        CI_TRY(ci_str_copy(&registry->db[CI_REGISTRY_DB_CAL].path, paths->data));
    }
    return CI_OK;
}

ci_status ci_registry_open(ci_registry **out, const ci_registry_paths *paths,
                           const ci_registry_options *options)
{
    ci_registry *registry = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&registry, 1, sizeof *registry, "registry"));
    if (options)
        registry->options = *options;
    else
        ci_registry_options_default(&registry->options);
    ci_registry_lease_self(&registry->self);
    ci_status status =
        ci_mem_alloc(&registry->job, CI_REGISTRY_N_JOB, sizeof *registry->job, "registry");
    if (status == CI_OK) status = sort_paths(registry, paths);
    double now = ci_registry_now(registry);
    for (int i = 0; i < CI_REGISTRY_DB_COUNT && status == CI_OK; i++) {
        ci_db *db = &registry->db[i];
        db->which = (ci_registry_database)i;
        db->busy_s = registry->options.busy_s;
        db->is_repeated = registry->options.is_repeated;
        status = registry->options.read_only ? ci_registry_db_open_read(db, now)
                                             : ci_registry_db_open_write(db, paths->backups, now);
    }
    if (status != CI_OK) {
        ci_registry_close(registry);
        return status;
    }
    *out = registry;
    return CI_OK;
}

void ci_registry_close(ci_registry *registry)
{
    if (!registry) return;
    for (int i = 0; i < CI_REGISTRY_DB_COUNT; i++)
        ci_registry_db_close(&registry->db[i]);
    ci_mem_free(registry->job);
    ci_mem_free(registry);
}
