/* Calibration tables: registration, and the choice of one for a time. */
#include "contimg/cal.h"
#include "contimg/registry_cal.h"
#include "registry/handle.h"

#include <math.h>
#include <string.h>

static const char *const kinds[] = {"bandpass", "gain"};
static const ci_words kind_words = {kinds, 2, CI_REGISTRY_GAIN};
static const char *const state_words[] = {"active", "failed", "retired", "other"};
static const ci_words cal_state_words = {state_words, 4, CI_REGISTRY_CAL_OTHER};

#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_cal, field, type, name, __VA_ARGS__)
static const ci_column cal_columns[] = {
    COLUMN(id, INT, "id", .flags = CI_COLUMN_READ),
    /* The deployed words: K, BA, BP, GA, GP, 2G, FLUX, ... */
    COLUMN(kind, WORD, "table_type", .words = &kind_words,
           .select = "CASE WHEN table_type LIKE 'b%' THEN 'bandpass' ELSE 'gain' END"),
    COLUMN(kind, INT, "order_index", .flags = CI_COLUMN_WRITE),
    COLUMN(path, STRING, "path"),
    COLUMN(source, STRING, "source"),
    COLUMN(source, STRING, "cal_field", .flags = CI_COLUMN_WRITE),
    COLUMN(quality_json, STRING, "quality_json"),
    COLUMN(set_name, TEXT, "set_name"),
    COLUMN(ref_antenna, STRING, "refant"),
    COLUMN(sha256, TEXT, "sha256"),
    COLUMN(state, WORD, "status", .words = &cal_state_words),
    COLUMN(time_mjd_s, REAL, "time_mjd_s"),
    COLUMN(valid_start_mjd_s, REAL, "valid_start_mjd", .unit = CI_DAY_S),
    COLUMN(valid_end_mjd_s, REAL, "valid_end_mjd", .unit = CI_DAY_S),
    COLUMN(dec_rad, REAL, "dec_rad", CI_KNOWN(ci_registry_cal, dec_known)),
    COLUMN(is_approximate, INT, "is_approximate"),
    COLUMN(is_deployed, WORD, "origin", .words = &ci_registry_row_origin),
    COLUMN(created_unix_s, REAL, "created_at"),
};
static const ci_row_table cal_rows = {
    CI_ROW_TABLE("caltables", "path", ci_registry_cal, cal_columns)};

void ci_registry_cal_want_default(ci_registry_cal_want *want, ci_registry_cal_kind kind)
{
    *want = (ci_registry_cal_want){
        .kind = kind,
        .validity_s = kind == CI_REGISTRY_BANDPASS ? 24 * 3600.0 : 3600.0,
        .max_dec_off_rad = CI_CAL_STRIP_RAD,
        .borrow_s = 30 * CI_DAY_S,
    };
}

ci_status ci_registry_cal_add(ci_registry *registry, const ci_registry_cal *table, bool *is_new)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_CAL];
    ci_registry_cal row = *table;
    int64_t n = 0;
    *is_new = false;
    row.is_deployed = false;
    row.created_unix_s = ci_registry_now(registry);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_int(db, &n, 0, "SELECT count(*) FROM caltables WHERE path=?",
                                          VALUES(V(row.path)));
    if (status != CI_OK || n > 0) return ci_registry_db_end(db, status);
    status = ci_registry_row_insert(db, &cal_rows, &row, SET({"run", V(registry->run)}));
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_CAL, "table", row.path, "",
                                       state_words[row.state], NULL);
    *is_new = status == CI_OK;
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_cal_state_set(ci_registry *registry, const char *path,
                                    ci_registry_cal_state state, const char *reason)
{
    const char *word = state_words[state];
    ci_db *db = &registry->db[CI_REGISTRY_DB_CAL];
    char before[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_word(
        db, before, sizeof before, "SELECT status FROM caltables WHERE path=?", VALUES(V(path)));
    if (status == CI_OK && !before[0])
        status = ci_error(CI_ERR_INPUT, "%s: no such calibration table in %s", path, db->path);
    if (status == CI_OK)
        status = ci_registry_db_update(db, NULL, "caltables",
                                       SET({"status", V(word)}, {"notes", V(reason)}),
                                       "WHERE path=?", VALUES(V(path)));
    if (status == CI_OK && strcmp(before, word) != 0)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_CAL, "table", path, before, word,
                                       reason);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_cals_read(ci_registry *registry, ci_registry_cals **out, bool with_deployed)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_CAL], &cal_rows,
                                "WHERE ?1 OR origin<>'deployed' ORDER BY time_mjd_s,id",
                                VALUES(V(with_deployed)));
}

/* Nearest first; a table whose own validity is stated must cover the time to count as not
 * borrowed. */
ci_status ci_registry_cal_choose(ci_registry *registry, const ci_registry_cal_want *want,
                                 ci_registry_cals **out, bool *is_borrowed)
{
    double mjd = want->time_mjd_s / CI_DAY_S;
    double reach = want->validity_s > want->borrow_s ? want->validity_s : want->borrow_s;
    *is_borrowed = false;
    /* Those within the validity asked for and their own come before all others. */
    CI_TRY(ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_CAL], &cal_rows,
        "WHERE origin<>'deployed' AND status='active' AND table_type=?1 AND "
        "abs(time_mjd_s-?2)<=?3 AND (?4 IS NULL OR dec_rad IS NULL OR abs(dec_rad-?4)<=?5) "
        "ORDER BY (abs(time_mjd_s-?2)<=?6 AND coalesce(valid_start_mjd,?7)<=?7 AND "
        "coalesce(valid_end_mjd,?7)>=?7) DESC,abs(time_mjd_s-?2),created_at DESC,id DESC LIMIT 1 "
        "OFFSET ?8",
        VALUES(V(kinds[want->kind]), V(want->time_mjd_s), V(reach),
               V(want->dec_known ? want->dec_rad : NAN), V(want->max_dec_off_rad),
               V(want->validity_s), V(mjd), V(want->n_skip))));
    if ((*out)->n == 0) return CI_OK;
    const ci_registry_cal *c = &(*out)->item[0];
    double off_s = fabs(c->time_mjd_s - want->time_mjd_s);
    if (off_s <= want->validity_s && !(c->valid_start_mjd_s > want->time_mjd_s) &&
        !(c->valid_end_mjd_s < want->time_mjd_s))
        return CI_OK;
    *is_borrowed = true;
    if (off_s <= want->borrow_s) return CI_OK;
    ci_registry_cals_free(*out); /* within the validity asked for, but not within its own */
    return ci_mem_alloc(out, 1, sizeof **out, "calibration tables");
}

void ci_registry_cals_free(ci_registry_cals *tables)
{
    ci_registry_list_free(&cal_rows, tables);
}
