/* The queue as the deployed dashboards see it, and runs. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <math.h>

#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_entry, field, type, name, __VA_ARGS__)
static const ci_column entry_columns[] = {
    COLUMN(id, TEXT, "group_id"),
    COLUMN(state, TEXT, "state"),
    COLUMN(received_unix_s, REAL, "received_at"),
    COLUMN(updated_unix_s, REAL, "last_update"),
    COLUMN(n_present, INT, "n_present",
           .select = "coalesce(n_present,(SELECT count(*) FROM subband_files s WHERE "
                     "s.group_id=q.group_id))"),
    COLUMN(n_expected, INT, "expected_subbands", .select = "coalesce(expected_subbands,16)"),
    COLUMN(has_calibrator, INT, "has_calibrator", .select = "coalesce(has_calibrator,-1)"),
    COLUMN(calibrators, STRING, "calibrators"),
};
static const ci_row_table entry_rows = {
    CI_ROW_TABLE("ingest_queue", "group_id", ci_registry_entry, entry_columns),
    .from = "ingest_queue q"};

ci_status ci_registry_queue_count(ci_registry *registry, int64_t n[CI_REGISTRY_WORK_STATE_COUNT])
{
    for (int i = 0; i < CI_REGISTRY_WORK_STATE_COUNT; i++)
        CI_TRY(
            ci_registry_db_int(&registry->db[CI_REGISTRY_DB_INGEST], &n[i], 0,
                               "SELECT count(*) FROM ingest_queue WHERE state=?",
                               VALUES(V(ci_registry_work_state_word((ci_registry_work_state)i)))));
    return CI_OK;
}

ci_status ci_registry_queue_recent(ci_registry *registry, size_t n, ci_registry_entries **out)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_INGEST], &entry_rows,
                                "ORDER BY received_at DESC,group_id DESC LIMIT ?", VALUES(V(n)));
}

void ci_registry_entries_free(ci_registry_entries *entries)
{
    ci_registry_list_free(&entry_rows, entries);
}

/* ---- runs ------------------------------------------------------------------------------------ */

#undef COLUMN
#define COLUMN(field, type, name) CI_COLUMN(ci_registry_run, field, type, name)
static const ci_column run_columns[] = {
    COLUMN(id, TEXT, "run"),
    COLUMN(host, TEXT, "host"),
    COLUMN(job, TEXT, "job"),
    COLUMN(pid, INT, "pid"),
    COLUMN(exit_code, INT, "exit_code"),
    COLUMN(started_unix_s, REAL, "started_at"),
    COLUMN(ended_unix_s, REAL, "ended_at"),
    COLUMN(text, STRING, "text"),
    COLUMN(report_path, STRING, "report_path"),
};
static const ci_row_table run_rows = {CI_ROW_TABLE("runs", "run", ci_registry_run, run_columns)};

ci_status ci_registry_runs_read(ci_registry *registry, ci_registry_runs **out, double since_unix_s)
{
    return ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_PRODUCTS], &run_rows,
        "WHERE started_at>=?1 OR ended_at>=?1 OR ended_at IS NULL ORDER BY started_at,run",
        VALUES(V(since_unix_s)));
}

void ci_registry_runs_free(ci_registry_runs *runs)
{
    ci_registry_list_free(&run_rows, runs);
}

ci_status ci_registry_tiles_noise(ci_registry *registry, double from_unix_s, double to_unix_s,
                                  int64_t *n, double *mean_ratio)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    char text[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_int(db, n, 0,
                              "SELECT count(*) FROM tiles WHERE created_at>=? AND created_at<?",
                              VALUES(V(from_unix_s), V(to_unix_s))));
    CI_TRY(ci_registry_db_word(db, text, sizeof text,
                               "SELECT avg(rms_jy/thermal_jy) FROM tiles WHERE created_at>=? AND "
                               "created_at<? AND rms_jy>0 AND thermal_jy>0",
                               VALUES(V(from_unix_s), V(to_unix_s))));
    *mean_ratio = (double)NAN;
    return *text ? ci_parse_double(text, "noise", mean_ratio) : CI_OK;
}
