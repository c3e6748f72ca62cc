#include "registry/db.h"

#include <math.h>
#include <string.h>

static const char *const file_words[CI_FILE_STATE_COUNT] = {
    "growing", "incomplete", "empty", "truncated", "corrupt", "used", "duplicate", "late"};

const char *ci_registry_file_state_word(ci_registry_file_state state)
{
    return file_words[state];
}

ci_status ci_registry_file_put(ci_registry *registry, const ci_registry_file *f)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    char before[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_word(db, before, sizeof before,
                                           "SELECT state FROM files WHERE path=?", "t", f->path);
    const char *state = file_words[f->state];
    const char *observation = f->observation_id[0] ? f->observation_id : NULL;
    if (status == CI_OK)
        status = ci_registry_db_run(
            db, NULL,
            "INSERT INTO files(path,observation_id,state,reason,size,mtime,changed_at,arrived_at,"
            "sub_band,first_time_mjd_s,last_time_mjd_s,interval_s,freq_low_hz,freq_high_hz,"
            "dec_rad,n_time,n_chan,n_pol,n_antenna) "
            "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(path) DO UPDATE SET "
            "observation_id=excluded.observation_id,state=excluded.state,reason=excluded.reason,"
            "size=excluded.size,mtime=excluded.mtime,changed_at=excluded.changed_at,"
            "arrived_at=excluded.arrived_at,sub_band=excluded.sub_band,"
            "first_time_mjd_s=excluded.first_time_mjd_s,last_time_mjd_s=excluded.last_time_mjd_s,"
            "interval_s=excluded.interval_s,freq_low_hz=excluded.freq_low_hz,"
            "freq_high_hz=excluded.freq_high_hz,dec_rad=excluded.dec_rad,n_time=excluded.n_time,"
            "n_chan=excluded.n_chan,n_pol=excluded.n_pol,n_antenna=excluded.n_antenna",
            "ttttidddiddddddiiii", f->path, observation, state, f->reason, f->size, f->mtime_unix_s,
            f->changed_unix_s, f->arrived_unix_s, (int64_t)f->sub_band, f->first_time_mjd_s,
            f->last_time_mjd_s, f->interval_s, f->freq_low_hz, f->freq_high_hz,
            f->dec_known ? f->dec_rad : NAN, f->n_time, f->n_chan, f->n_pol, f->n_antenna);
    if (status == CI_OK && strcmp(before, state) != 0)
        status = ci_registry_db_change(registry, CI_DB_INGEST, "file", f->path, before, state,
                                       f->reason);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_file_forget(ci_registry *registry, const char *path)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    int64_t n = 0;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, &n, "DELETE FROM files WHERE path=? AND state IN ('growing','incomplete','empty')", "t",
        path);
    if (status == CI_OK && n > 0)
        status = ci_registry_db_change(registry, CI_DB_INGEST, "file", path, "", "gone",
                                       "renamed or removed before it was read");
    return ci_registry_db_end(db, status);
}

static ci_status file_from_row(sqlite3_stmt *stmt, ci_registry_file *f)
{
    char word[CI_REGISTRY_WORD];
    ci_registry_db_text(stmt, 1, f->observation_id, sizeof f->observation_id);
    ci_registry_db_text(stmt, 2, word, sizeof word);
    f->state = (ci_registry_file_state)ci_registry_word_find(file_words, CI_FILE_STATE_COUNT, word,
                                                             CI_FILE_CORRUPT);
    ci_registry_db_text(stmt, 3, f->reason, sizeof f->reason);
    f->size = ci_registry_db_integer(stmt, 4);
    f->mtime_unix_s = ci_registry_db_real(stmt, 5);
    f->changed_unix_s = ci_registry_db_real(stmt, 6);
    f->arrived_unix_s = ci_registry_db_real(stmt, 7);
    f->sub_band = (int)ci_registry_db_integer(stmt, 8);
    f->first_time_mjd_s = ci_registry_db_real(stmt, 9);
    f->last_time_mjd_s = ci_registry_db_real(stmt, 10);
    f->interval_s = ci_registry_db_real(stmt, 11);
    f->freq_low_hz = ci_registry_db_real(stmt, 12);
    f->freq_high_hz = ci_registry_db_real(stmt, 13);
    f->dec_rad = ci_registry_db_real(stmt, 14);
    f->dec_known = !isnan(f->dec_rad);
    f->n_time = ci_registry_db_integer(stmt, 15);
    f->n_chan = ci_registry_db_integer(stmt, 16);
    f->n_pol = ci_registry_db_integer(stmt, 17);
    f->n_antenna = ci_registry_db_integer(stmt, 18);
    return ci_registry_db_text_copy(stmt, 0, &f->path);
}

#define SELECT_FILE                                                                                \
    "SELECT path,observation_id,state,reason,size,mtime,changed_at,arrived_at,sub_band,"           \
    "first_time_mjd_s,last_time_mjd_s,interval_s,freq_low_hz,freq_high_hz,dec_rad,n_time,"         \
    "n_chan,n_pol,n_antenna FROM files "

static ci_status read_list(ci_db *db, sqlite3_stmt *stmt, ci_status status, ci_registry_files **out)
{
    ci_registry_files *list = NULL;
    if (status == CI_OK) status = ci_mem_alloc(&list, 1, sizeof *list, "files");
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status == CI_OK) status = file_from_row(stmt, &list->item[list->n++]);
    }
    if (status != CI_OK) {
        ci_registry_files_free(list);
        list = NULL;
    }
    *out = list;
    return status;
}

ci_status ci_registry_files_read(ci_registry *registry, ci_registry_files **out,
                                 const char *observation_id)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status =
        observation_id
            ? ci_registry_db_query(db, &stmt,
                                   SELECT_FILE "WHERE observation_id=? ORDER BY sub_band,path", "t",
                                   observation_id)
            : ci_registry_db_query(db, &stmt, SELECT_FILE "ORDER BY first_time_mjd_s,sub_band,path",
                                   "");
    return read_list(db, stmt, status, out);
}

ci_status ci_registry_file_get(ci_registry *registry, const char *path, ci_registry_files **out)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(db, &stmt, SELECT_FILE "WHERE path=?", "t", path);
    return read_list(db, stmt, status, out);
}

ci_status ci_registry_files_unsettled(ci_registry *registry, ci_registry_files **out)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        SELECT_FILE "WHERE state IN ('growing','incomplete','empty','truncated') ORDER BY path",
        "");
    return read_list(db, stmt, status, out);
}

ci_status ci_registry_files_unused(ci_registry *registry, ci_registry_files **out)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status =
        ci_registry_db_query(db, &stmt,
                             SELECT_FILE "WHERE state<>'used' AND (state<>'growing' OR "
                                         "coalesce(reason,'')<>'') ORDER BY path",
                             "");
    return read_list(db, stmt, status, out);
}

void ci_registry_files_free(ci_registry_files *files)
{
    if (!files) return;
    for (size_t i = 0; i < files->n; i++)
        ci_mem_free(files->item[i].path);
    ci_mem_free(files->item);
    ci_mem_free(files);
}

ci_status ci_registry_sub_bands_put(ci_registry *registry, const char *observation_id,
                                    const ci_registry_files *files)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(db, NULL, "DELETE FROM subband_files WHERE group_id=?",
                                          "t", observation_id);
    for (size_t i = 0; i < files->n && status == CI_OK; i++) {
        const ci_registry_file *f = &files->item[i];
        if (f->state == CI_FILE_USED)
            status = ci_registry_db_run(
                db, NULL, "INSERT INTO subband_files(group_id,subband_idx,path) VALUES(?,?,?)",
                "tit", observation_id, (int64_t)f->sub_band, f->path);
    }
    return ci_registry_db_end(db, status);
}
