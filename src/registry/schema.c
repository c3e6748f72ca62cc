/* The schema of the four databases: what contimg adds to the deployed tables, and making it. */
#include "registry/schema.h"

#include <string.h>

/* What contimg adds. `origin` of rows that it did not write itself is 'deployed' by default:
 * so are all rows that a migration finds, and those that the old program writes after a
 * roll-back. */
#define ORIGIN "origin TEXT NOT NULL DEFAULT 'deployed'"
#define LEASE                                                                                      \
    "lease_host TEXT;lease_job TEXT;lease_token TEXT;lease_pid INTEGER;"                           \
    "lease_pid_start INTEGER;lease_acquired_at REAL;lease_expires_at REAL"
#define COMMON                                                                                     \
    {"contimg_meta", "key TEXT PRIMARY KEY;value"},                                                \
    {                                                                                              \
        "state_changes",                                                                           \
            "id INTEGER PRIMARY KEY;at REAL NOT NULL;kind TEXT NOT NULL;subject TEXT NOT NULL;"    \
            "from_state TEXT;to_state TEXT NOT NULL;reason TEXT;host TEXT;pid INTEGER;job TEXT;"   \
            "run TEXT;gate TEXT"                                                                   \
    }

static const ci_schema_table added_ingest[] = {
    COMMON,
    {"ingest_queue",
     ORIGIN ";is_ready INTEGER NOT NULL DEFAULT 0;is_degraded INTEGER NOT NULL DEFAULT 0;"
            "is_named INTEGER NOT NULL DEFAULT 0;first_time_mjd_s REAL;last_time_mjd_s REAL;"
            "interval_s REAL;dec_rad REAL;n_present INTEGER;arrived_at REAL;missing TEXT;" LEASE},
    {"files",
     "path TEXT PRIMARY KEY;observation_id TEXT REFERENCES ingest_queue(group_id);"
     "state TEXT NOT NULL;reason TEXT;size INTEGER;mtime REAL;changed_at REAL;arrived_at REAL;"
     "sub_band INTEGER;first_time_mjd_s REAL;last_time_mjd_s REAL;interval_s REAL;"
     "freq_low_hz REAL;freq_high_hz REAL;dec_rad REAL;n_time INTEGER;n_chan INTEGER;"
     "n_pol INTEGER;n_antenna INTEGER;unreadable_at REAL"},
    {"mosaic_groups",
     "group_id TEXT PRIMARY KEY;status TEXT NOT NULL;closed_by TEXT;"
     "is_early INTEGER NOT NULL DEFAULT 0;is_named INTEGER NOT NULL DEFAULT 0;"
     "n_min_tiles INTEGER;created_at REAL NOT NULL;first_time_mjd_s REAL;mosaic_id TEXT;"
     "error TEXT;origin TEXT NOT NULL DEFAULT 'contimg';"
     "n_fault INTEGER NOT NULL DEFAULT 0;next_try_at REAL;"
     "is_remake INTEGER NOT NULL DEFAULT 0;" LEASE},
    {"mosaic_group_members",
     "group_id TEXT NOT NULL REFERENCES mosaic_groups(group_id);i_member INTEGER NOT NULL;"
     "observation_id TEXT NOT NULL REFERENCES ingest_queue(group_id);role TEXT NOT NULL;"
     "(PRIMARY KEY(group_id,i_member))"},
    {"mosaic_group_paths",
     "group_id TEXT NOT NULL REFERENCES mosaic_groups(group_id);i_member INTEGER NOT NULL;"
     "i_path INTEGER NOT NULL;path TEXT NOT NULL;(PRIMARY KEY(group_id,i_member,i_path))"},
    {0}};

static const ci_schema_table added_cal[] = {
    COMMON,
    {"caltables",
     ORIGIN ";time_mjd_s REAL;dec_rad REAL;source TEXT;is_approximate INTEGER NOT NULL DEFAULT 0;"
            "quality_json TEXT;sha256 TEXT;run TEXT"},
    {0}};

#define IMAGE_COLUMNS                                                                              \
    "reason TEXT;quality_json TEXT;run TEXT;is_degraded INTEGER NOT NULL DEFAULT 0;"               \
    "first_time_mjd_s REAL;last_time_mjd_s REAL;ra_rad REAL;dec_rad REAL;rms_jy REAL;"             \
    "thermal_jy REAL;peak_jy REAL;beam_major_rad REAL;beam_minor_rad REAL;beam_pa_rad REAL;"       \
    "freq_hz REAL;flux_ratio REAL;n_flux_match INTEGER;n_source INTEGER;n_tile INTEGER"

static const ci_schema_table added_products[] = {
    COMMON,
    {"images", ORIGIN ";observation_id TEXT;sha256 TEXT"},
    {"photometry",
     ORIGIN ";product_id TEXT;source_name TEXT;mjd REAL;flux_jy REAL;flux_err_jy REAL;"
            "ra_err_arcsec REAL;dec_err_arcsec REAL;major_arcsec REAL;minor_arcsec REAL;"
            "pa_deg REAL;rms_jy REAL;is_resolved INTEGER"},
    {"mosaics", ORIGIN ";group_id TEXT;folder TEXT;published_path TEXT;" IMAGE_COLUMNS},
    {"tiles", "observation_id TEXT PRIMARY KEY;status TEXT NOT NULL;folder TEXT;"
              "created_at REAL NOT NULL;" IMAGE_COLUMNS},
    {"mosaic_tiles", "group_id TEXT NOT NULL;i_tile INTEGER NOT NULL;"
                     "observation_id TEXT NOT NULL REFERENCES tiles(observation_id);"
                     "(PRIMARY KEY(group_id,i_tile))"},
    {"product_files", "kind TEXT NOT NULL;product_id TEXT NOT NULL;name TEXT NOT NULL;"
                      "sha256 TEXT NOT NULL;n_byte INTEGER NOT NULL;"
                      "(PRIMARY KEY(kind,product_id,name))"},
    {"runs", "run TEXT PRIMARY KEY;started_at REAL NOT NULL;ended_at REAL;host TEXT;job TEXT;"
             "pid INTEGER;command TEXT;exit_code INTEGER;text TEXT;log_path TEXT;"
             "report_path TEXT;version TEXT"},
    {0}};

static const ci_schema_table added_data[] = {
    COMMON,
    {"data_registry", ORIGIN ";time_mjd_s REAL;failed_at REAL;next_try_at REAL;"
                             "staging_removable INTEGER NOT NULL DEFAULT 0;qa_json TEXT;" LEASE},
    {"publish_attempts", "id INTEGER PRIMARY KEY;data_id TEXT NOT NULL;attempt INTEGER NOT NULL;"
                         "started_at REAL NOT NULL;ended_at REAL;outcome TEXT;error TEXT;"
                         "host TEXT;pid INTEGER;job TEXT;token TEXT;run TEXT"},
    {"alerts", "name TEXT PRIMARY KEY;is_active INTEGER NOT NULL;is_told INTEGER NOT NULL;"
               "message TEXT;value REAL;limit_value REAL;since REAL NOT NULL;tell_after REAL"},
    {0}};

static const char *const indices[CI_REGISTRY_DB_COUNT][8] = {
    [CI_REGISTRY_DB_INGEST] =
        {"CREATE INDEX IF NOT EXISTS contimg_files_observation ON files(observation_id)",
         "CREATE INDEX IF NOT EXISTS contimg_queue_time ON ingest_queue(first_time_mjd_s)",
         "CREATE INDEX IF NOT EXISTS contimg_changes ON state_changes(subject)",
         /* An observation is new in one group and overlap in at most one more. */
         "CREATE UNIQUE INDEX IF NOT EXISTS contimg_member_once ON "
         "mosaic_group_members(observation_id,role) WHERE role IN ('new','overlap')"},
    [CI_REGISTRY_DB_CAL] = {"CREATE INDEX IF NOT EXISTS contimg_cal_time ON caltables(time_mjd_s)"},
    [CI_REGISTRY_DB_PRODUCTS] =
        {"CREATE INDEX IF NOT EXISTS contimg_photometry ON photometry(product_id)",
         "CREATE INDEX IF NOT EXISTS contimg_images ON images(observation_id)"},
    [CI_REGISTRY_DB_DATA] = {
        "CREATE INDEX IF NOT EXISTS contimg_attempts ON publish_attempts(data_id)",
        "CREATE INDEX IF NOT EXISTS contimg_data_status ON data_registry(status)"}};

static const ci_schema_table *const deployed[CI_REGISTRY_DB_COUNT] = {
    ci_registry_schema_deployed_ingest, ci_registry_schema_deployed_cal,
    ci_registry_schema_deployed_products, ci_registry_schema_deployed_data};
static const ci_schema_table *const added[CI_REGISTRY_DB_COUNT] = {added_ingest, added_cal,
                                                                   added_products, added_data};

int ci_registry_schema_version(ci_registry_database which)
{
    static const int versions[CI_REGISTRY_DB_COUNT] = {[CI_REGISTRY_DB_INGEST] = 5,
                                                       [CI_REGISTRY_DB_CAL] = 2,
                                                       [CI_REGISTRY_DB_PRODUCTS] = 2,
                                                       [CI_REGISTRY_DB_DATA] = 3};
    return versions[which];
}

const char *ci_registry_schema_file_name(ci_registry_database which)
{
    static const char *const names[CI_REGISTRY_DB_COUNT] = {
        "ingest.sqlite3", "cal_registry.sqlite3", "products.sqlite3", "data_registry.sqlite3"};
    return names[which];
}

ci_status ci_registry_schema_version_read(ci_db *db, int *out)
{
    int64_t version = 0;
    CI_TRY(ci_registry_db_int(db, &version, 0, "PRAGMA user_version", NO_VALUES));
    *out = (int)version;
    return CI_OK;
}

/* ---- making and widening tables --------------------------------------------------- */

static ci_status table_create(ci_db *db, const ci_schema_table *table)
{
    ci_text sql = {0};
    ci_status status = ci_text_append(&sql, "CREATE TABLE %s(", table->name);
    const char *comma = "";
    for (const char *p = table->columns; *p && status == CI_OK;) {
        size_t n = strcspn(p, ";");
        bool is_constraint = *p == '(';
        status = ci_text_append(&sql, "%s%.*s", comma, (int)(is_constraint ? n - 2 : n),
                                is_constraint ? p + 1 : p);
        comma = ",";
        p += n + (p[n] == ';');
    }
    if (status == CI_OK) status = ci_text_append(&sql, ")");
    if (status == CI_OK) status = ci_registry_db_run(db, NULL, sql.text, NO_VALUES);
    ci_mem_free(sql.text);
    return status;
}

static ci_status has_column(ci_db *db, const char *table, const char *column, bool *out)
{
    int64_t n = 0;
    CI_TRY(ci_registry_db_int(db, &n, 0, "SELECT count(*) FROM pragma_table_info(?) WHERE name=?",
                              VALUES(V(table), V(column))));
    *out = n > 0;
    return CI_OK;
}

/* A column that is added to rows that exist can be neither key nor unique, and not NOT NULL
 * without a default. */
static ci_status column_add(ci_db *db, const char *table, const char *declaration, size_t n)
{
    char text[256];
    if (n >= sizeof text) return ci_error(CI_ERR_INTERNAL, "%s: declaration too long", table);
    memcpy(text, declaration, n);
    text[n] = '\0';
    static const char *const cut[] = {" PRIMARY KEY", " UNIQUE", " NOT NULL"};
    bool has_default = strstr(text, "DEFAULT") != NULL;
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        char *at = i == 2 && has_default ? NULL : strstr(text, cut[i]);
        if (at) memmove(at, at + strlen(cut[i]), strlen(at + strlen(cut[i])) + 1);
    }
    char *sql = NULL;
    CI_TRY(ci_str_format(&sql, "ALTER TABLE %s ADD COLUMN %s", table, text));
    ci_status status = ci_registry_db_run(db, NULL, sql, NO_VALUES);
    ci_mem_free(sql);
    return status;
}

/* ---- whose database it is ---------------------------------------------------------- */

/* *out: the table is there with every column that the deployed pipeline could not do without:
 * a name alone (users, jobs, images) may be anybody's. */
static ci_status is_deployed_table(ci_db *db, const ci_schema_table *table, bool *out)
{
    *out = ci_registry_db_has_table(db, table->name);
    for (const char *p = table->columns; *p && *out;) {
        size_t n = strcspn(p, ";");
        char text[256], name[64];
        snprintf(text, sizeof text, "%.*s", (int)n, p);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
        bool is_needed = strstr(text, " NOT NULL") || strstr(text, " PRIMARY KEY");
        if (*p != '(' && is_needed) CI_TRY(has_column(db, table->name, name, out));
        p += n + (p[n] == ';');
    }
    return CI_OK;
}

static ci_status holds_one_of(ci_db *db, const ci_schema_table *tables, bool *out)
{
    for (; tables->name && !*out; tables++)
        CI_TRY(is_deployed_table(db, tables, out));
    return CI_OK;
}

ci_status ci_registry_schema_check_owner(ci_db *db)
{
    static const char *const variables[CI_REGISTRY_DB_COUNT] = {
        "CONTIMG_QUEUE_DB", "CONTIMG_CAL_REGISTRY_DB", "CONTIMG_PRODUCTS_DB",
        "CONTIMG_REGISTRY_DB"};
    int64_t n = 0;
    bool is_ours = false;
    CI_TRY(ci_registry_db_int(db, &n, 0, "SELECT count(*) FROM sqlite_master", NO_VALUES));
    if (n == 0) return CI_OK;
    CI_TRY(holds_one_of(db, deployed[db->which], &is_ours));
    if (db->which == CI_REGISTRY_DB_PRODUCTS) {
        /* The deployed API and monitor make the data registry's tables there, too. */
        CI_TRY(holds_one_of(db, ci_registry_schema_deployed_workflow, &is_ours));
        CI_TRY(holds_one_of(db, ci_registry_schema_deployed_data, &is_ours));
    }
    if (is_ours) return CI_OK;
    char first[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_word(db, first, sizeof first, "SELECT name FROM sqlite_master LIMIT 1",
                               NO_VALUES));
    return ci_error(CI_ERR_INPUT,
                    "%s (%s): a database, but not this one of contimg's (it holds '%s', and no "
                    "table of %s): left as it is; name another file",
                    db->path, variables[db->which], first, ci_registry_schema_file_name(db->which));
}

/* ---- widening ------------------------------------------------------------------------ */

static ci_status table_widen(ci_db *db, const ci_schema_table *table)
{
    for (const char *p = table->columns; *p;) {
        size_t n = strcspn(p, ";"), n_name = strcspn(p, " ;");
        char name[64];
        bool there = true;
        snprintf(name, sizeof name, "%.*s", (int)n_name, p);
        if (*p != '(') CI_TRY(has_column(db, table->name, name, &there));
        if (!there) CI_TRY(column_add(db, table->name, p, n));
        p += n + (p[n] == ';');
    }
    return CI_OK;
}

static ci_status tables_apply(ci_db *db, const ci_schema_table *tables)
{
    for (; tables->name; tables++)
        CI_TRY(ci_registry_db_has_table(db, tables->name) ? table_widen(db, tables)
                                                          : table_create(db, tables));
    return CI_OK;
}

/* 0 -> 1: whatever is there (nothing, the deployed pipeline's tables, some of them, an
 * older shape of them) gets every table and column that is missing. Nothing is changed,
 * moved or removed. */
static ci_status migrate_0_to_1(ci_db *db, double now_unix_s)
{
    int64_t n_table = 0;
    CI_TRY(ci_registry_db_int(db, &n_table, 0,
                              "SELECT count(*) FROM sqlite_master WHERE type='table'", NO_VALUES));
    CI_TRY(tables_apply(db, deployed[db->which]));
    CI_TRY(tables_apply(db, added[db->which]));
    for (size_t i = 0; i < 8 && indices[db->which][i]; i++)
        CI_TRY(ci_registry_db_run(db, NULL, indices[db->which][i], NO_VALUES));
    return ci_registry_db_run(db, NULL, "INSERT OR IGNORE INTO contimg_meta(key,value) VALUES(?,?)",
                              VALUES(V(n_table > 0 ? "migrated_at" : "created_at"), V(now_unix_s)));
}

ci_status ci_registry_schema_migrate(ci_db *db, double now_unix_s)
{
    int version = 0;
    CI_TRY(ci_registry_schema_version_read(db, &version));
    if (version < 1) CI_TRY(migrate_0_to_1(db, now_unix_s));
    /* Later versions only add tables and columns. */
    if (version >= 1) CI_TRY(tables_apply(db, added[db->which]));
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", ci_registry_schema_version(db->which));
    return ci_registry_db_script(db, sql);
}
