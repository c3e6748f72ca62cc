#include "registry/db.h"

#include <math.h>
#include <string.h>

static const char *const kind_words[] = {"bandpass", "gain"};

void ci_registry_cal_want_default(ci_registry_cal_want *want, ci_registry_cal_kind kind)
{
    *want = (ci_registry_cal_want){
        .kind = kind,
        .validity_s = kind == CI_REGISTRY_BANDPASS ? 24 * 3600.0 : 3600.0,
        .max_dec_off_rad = 5 * CI_DEG_TO_RAD,
        .borrow_s = 30 * CI_DAY_S,
    };
}

ci_status ci_registry_cal_add(ci_registry *registry, const ci_registry_cal *c, bool *is_new)
{
    ci_db *db = &registry->db[CI_DB_CAL];
    int64_t n = 0;
    *is_new = false;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status =
        ci_registry_db_int(db, &n, 0, "SELECT count(*) FROM caltables WHERE path=?", "t", c->path);
    if (status != CI_OK || n > 0) return ci_registry_db_end(db, status);
    const char *state = c->status[0] ? c->status : "active";
    status = ci_registry_db_run(
        db, NULL,
        "INSERT INTO caltables(set_name,path,table_type,order_index,cal_field,refant,created_at,"
        "valid_start_mjd,valid_end_mjd,status,origin,time_mjd_s,dec_rad,source,is_approximate,"
        "quality_json,sha256,run) VALUES(?,?,?,?,?,?,?,?,?,?,'contimg',?,?,?,?,?,?,?)",
        "tttittdddtddtittt", c->set_name, c->path, kind_words[c->kind], (int64_t)c->kind, c->source,
        c->ref_antenna, ci_registry_now(registry), c->valid_start_mjd_s / CI_DAY_S,
        c->valid_end_mjd_s / CI_DAY_S, state, c->time_mjd_s, c->dec_known ? c->dec_rad : NAN,
        c->source, (int64_t)c->is_approximate, c->quality_json, c->sha256, registry->run);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_CAL, "table", c->path, "", state, NULL);
    *is_new = status == CI_OK;
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_cal_set_status(ci_registry *registry, const char *path, const char *state,
                                     const char *reason)
{
    ci_db *db = &registry->db[CI_DB_CAL];
    char before[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_word(db, before, sizeof before,
                                           "SELECT status FROM caltables WHERE path=?", "t", path);
    if (status == CI_OK && !before[0])
        status = ci_error(CI_ERR_INPUT, "%s: no such calibration table in %s", path, db->path);
    if (status == CI_OK)
        status = ci_registry_db_run(db, NULL, "UPDATE caltables SET status=?,notes=? WHERE path=?",
                                    "ttt", state, reason, path);
    if (status == CI_OK && strcmp(before, state) != 0)
        status = ci_registry_db_change(registry, CI_DB_CAL, "table", path, before, state, reason);
    return ci_registry_db_end(db, status);
}

#define SELECT_CAL                                                                                 \
    "SELECT id,table_type,path,source,quality_json,set_name,refant,sha256,status,time_mjd_s,"      \
    "valid_start_mjd,valid_end_mjd,dec_rad,is_approximate,origin,created_at FROM caltables "

static ci_status cal_from_row(sqlite3_stmt *stmt, ci_registry_cal *c)
{
    char word[CI_REGISTRY_WORD];
    c->id = ci_registry_db_integer(stmt, 0);
    ci_registry_db_text(stmt, 1, word, sizeof word);
    /* The old program's words: K, BA, BP, GA, GP, 2G, FLUX, ... */
    c->kind = strcmp(word, "bandpass") == 0 || word[0] == 'B' || word[0] == 'b'
                  ? CI_REGISTRY_BANDPASS
                  : CI_REGISTRY_GAIN;
    ci_registry_db_text(stmt, 5, c->set_name, sizeof c->set_name);
    ci_registry_db_text(stmt, 6, c->ref_antenna, sizeof c->ref_antenna);
    ci_registry_db_text(stmt, 7, c->sha256, sizeof c->sha256);
    ci_registry_db_text(stmt, 8, c->status, sizeof c->status);
    c->time_mjd_s = ci_registry_db_real(stmt, 9);
    c->valid_start_mjd_s = ci_registry_db_real(stmt, 10) * CI_DAY_S;
    c->valid_end_mjd_s = ci_registry_db_real(stmt, 11) * CI_DAY_S;
    c->dec_rad = ci_registry_db_real(stmt, 12);
    c->dec_known = !isnan(c->dec_rad);
    c->is_approximate = ci_registry_db_integer(stmt, 13) != 0;
    ci_registry_db_text(stmt, 14, word, sizeof word);
    c->is_deployed = strcmp(word, "deployed") == 0;
    c->created_unix_s = ci_registry_db_real(stmt, 15);
    CI_TRY(ci_registry_db_text_copy(stmt, 2, &c->path));
    CI_TRY(ci_registry_db_text_copy(stmt, 3, &c->source));
    return ci_registry_db_text_copy(stmt, 4, &c->quality_json);
}

static ci_status read_list(ci_db *db, sqlite3_stmt *stmt, ci_status status, ci_registry_cals **out)
{
    ci_registry_cals *list = NULL;
    if (status == CI_OK) status = ci_mem_alloc(&list, 1, sizeof *list, "calibration tables");
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status == CI_OK) status = cal_from_row(stmt, &list->item[list->n++]);
    }
    if (status != CI_OK) {
        ci_registry_cals_free(list);
        list = NULL;
    }
    *out = list;
    return status;
}

ci_status ci_registry_cals_read(ci_registry *registry, ci_registry_cals **out, bool with_deployed)
{
    ci_db *db = &registry->db[CI_DB_CAL];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(
        db, &stmt, SELECT_CAL "WHERE ?1 OR origin<>'deployed' ORDER BY time_mjd_s,id", "i",
        (int64_t)with_deployed);
    return read_list(db, stmt, status, out);
}

/* Nearest first; a table whose own validity is stated must cover the time to count as not
 * borrowed. */
ci_status ci_registry_cal_choose(ci_registry *registry, const ci_registry_cal_want *want,
                                 ci_registry_cals **out, bool *is_borrowed)
{
    ci_db *db = &registry->db[CI_DB_CAL];
    sqlite3_stmt *stmt = NULL;
    double mjd = want->time_mjd_s / CI_DAY_S;
    double reach = want->validity_s > want->borrow_s ? want->validity_s : want->borrow_s;
    *is_borrowed = false;
    /* valid: within the asked validity and the table's own. Those come before all others. */
    ci_status status = ci_registry_db_query(
        db, &stmt,
        SELECT_CAL
        "WHERE origin<>'deployed' AND status='active' AND table_type=?1 AND "
        "abs(time_mjd_s-?2)<=?3 AND (?4 IS NULL OR dec_rad IS NULL OR abs(dec_rad-?4)<=?5) "
        "ORDER BY (abs(time_mjd_s-?2)<=?6 AND coalesce(valid_start_mjd,?7)<=?7 AND "
        "coalesce(valid_end_mjd,?7)>=?7) DESC,abs(time_mjd_s-?2),created_at DESC,id DESC LIMIT 1",
        "tdddddd", kind_words[want->kind], want->time_mjd_s, reach,
        want->dec_known ? want->dec_rad : NAN, want->max_dec_off_rad, want->validity_s, mjd);
    CI_TRY(read_list(db, stmt, status, out));
    if ((*out)->n == 0) return CI_OK;
    const ci_registry_cal *c = &(*out)->item[0];
    bool is_valid = fabs(c->time_mjd_s - want->time_mjd_s) <= want->validity_s &&
                    !(c->valid_start_mjd_s / CI_DAY_S > mjd) &&
                    !(c->valid_end_mjd_s / CI_DAY_S < mjd);
    if (is_valid) return CI_OK;
    *is_borrowed = true;
    if (fabs(c->time_mjd_s - want->time_mjd_s) <= want->borrow_s) return CI_OK;
    ci_registry_cals_free(*out); /* within the validity asked for, but not within its own */
    return ci_mem_alloc(out, 1, sizeof **out, "calibration tables");
}

void ci_registry_cals_free(ci_registry_cals *tables)
{
    if (!tables) return;
    for (size_t i = 0; i < tables->n; i++) {
        ci_mem_free(tables->item[i].path);
        ci_mem_free(tables->item[i].source);
        ci_mem_free(tables->item[i].quality_json);
    }
    ci_mem_free(tables->item);
    ci_mem_free(tables);
}
