/* Files that arrived, each with its state. */
#include "registry/handle.h"

#include <string.h>

static const char *const state_words[CI_REGISTRY_FILE_STATE_COUNT] = {
    "growing", "incomplete", "empty", "truncated", "corrupt", "used", "duplicate", "late"};
const ci_words ci_registry_file_words = {state_words, CI_REGISTRY_FILE_STATE_COUNT,
                                         CI_REGISTRY_FILE_CORRUPT};

#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_file, field, type, name, __VA_ARGS__)
static const ci_column file_columns[] = {
    COLUMN(path, STRING, "path"),
    COLUMN(observation_id, TEXT, "observation_id", .flags = CI_COLUMN_EMPTY_NULL),
    COLUMN(state, WORD, "state", .words = &ci_registry_file_words),
    COLUMN(reason, TEXT, "reason"),
    COLUMN(size, INT, "size"),
    COLUMN(mtime_unix_s, REAL, "mtime"),
    COLUMN(changed_unix_s, REAL, "changed_at"),
    COLUMN(arrived_unix_s, REAL, "arrived_at"),
    COLUMN(unreadable_unix_s, REAL, "unreadable_at"),
    COLUMN(sub_band, INT, "sub_band"),
    COLUMN(first_time_mjd_s, REAL, "first_time_mjd_s"),
    COLUMN(last_time_mjd_s, REAL, "last_time_mjd_s"),
    COLUMN(interval_s, REAL, "interval_s"),
    COLUMN(freq_low_hz, REAL, "freq_low_hz"),
    COLUMN(freq_high_hz, REAL, "freq_high_hz"),
    COLUMN(dec_rad, REAL, "dec_rad", CI_KNOWN(ci_registry_file, dec_known)),
    COLUMN(n_time, INT, "n_time"),
    COLUMN(n_chan, INT, "n_chan"),
    COLUMN(n_pol, INT, "n_pol"),
    COLUMN(n_antenna, INT, "n_antenna"),
};
static const ci_row_table file_rows = {
    CI_ROW_TABLE("files", "path", ci_registry_file, file_columns)};

const char *ci_registry_file_state_word(ci_registry_file_state state)
{
    return state_words[state];
}

ci_status ci_registry_file_put(ci_registry *registry, const ci_registry_file *f)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    char before[CI_REGISTRY_WORD];
    const char *state = state_words[f->state];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_word(
        db, before, sizeof before, "SELECT state FROM files WHERE path=?", VALUES(V(f->path)));
    if (status == CI_OK) status = ci_registry_row_put(db, &file_rows, f, SET_NOTHING);
    if (status == CI_OK && strcmp(before, state) != 0)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, "file", f->path, before,
                                       state, f->reason);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_file_forget(ci_registry *registry, const char *path)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    int64_t n = 0;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(db, &n,
                                          "DELETE FROM files WHERE path=? AND state IN "
                                          "('growing','incomplete','empty','truncated')",
                                          VALUES(V(path)));
    if (status == CI_OK && n > 0)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, "file", path, "", "gone",
                                       "renamed or removed before it was read");
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_files_read(ci_registry *registry, ci_registry_files **out,
                                 const char *observation_id)
{
    if (!observation_id)
        return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_INGEST], &file_rows,
                                    "ORDER BY first_time_mjd_s,sub_band,path", NO_VALUES);
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_INGEST], &file_rows,
                                "WHERE observation_id=? ORDER BY sub_band,path",
                                VALUES(V(observation_id)));
}

ci_status ci_registry_file_get(ci_registry *registry, const char *path, ci_registry_files **out)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_INGEST], &file_rows,
                                "WHERE path=?", VALUES(V(path)));
}

ci_status ci_registry_files_unsettled(ci_registry *registry, ci_registry_files **out)
{
    return ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_INGEST], &file_rows,
        "WHERE state IN ('growing','incomplete','empty','truncated') ORDER BY path", NO_VALUES);
}

ci_status ci_registry_files_unused(ci_registry *registry, ci_registry_files **out)
{
    return ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_INGEST], &file_rows,
        "WHERE state<>'used' AND (state<>'growing' OR coalesce(reason,'')<>'') ORDER "
        "BY path",
        NO_VALUES);
}

void ci_registry_files_free(ci_registry_files *files)
{
    ci_registry_list_free(&file_rows, files);
}

ci_status ci_registry_sub_bands_put(ci_registry *registry, const char *observation_id,
                                    const ci_registry_files *files)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(db, NULL, "DELETE FROM subband_files WHERE group_id=?",
                                          VALUES(V(observation_id)));
    for (size_t i = 0; i < files->n && status == CI_OK; i++) {
        const ci_registry_file *f = &files->item[i];
        if (f->state == CI_REGISTRY_FILE_USED)
            status =
                ci_registry_db_insert(db, "subband_files",
                                      SET({"group_id", V(observation_id)},
                                          {"subband_idx", V(f->sub_band)}, {"path", V(f->path)}));
    }
    return ci_registry_db_end(db, status);
}
