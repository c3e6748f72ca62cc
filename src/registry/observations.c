#include "registry/db.h"

#include <math.h>
#include <string.h>

static const char *const work_words[CI_WORK_STATE_COUNT] = {"collecting", "pending", "in_progress",
                                                            "completed", "failed"};

const char *ci_registry_work_state_word(ci_registry_work_state state)
{
    return work_words[state];
}

ci_status ci_registry_observation_put(ci_registry *registry, const ci_registry_observation *o)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    char before[CI_REGISTRY_WORD];
    const char *state = work_words[o->state];
    double now = ci_registry_now(registry);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_word(
        db, before, sizeof before, "SELECT state FROM ingest_queue WHERE group_id=?", "t", o->id);
    if (status == CI_OK && !before[0])
        status =
            ci_registry_db_run(db, NULL,
                               "INSERT INTO ingest_queue(group_id,state,received_at,last_update,"
                               "origin) VALUES(?,?,?,?,'contimg')",
                               "ttdd", o->id, state, o->received_unix_s, now);
    if (status == CI_OK)
        status = ci_registry_db_run(
            db, NULL,
            "UPDATE ingest_queue SET state=?,last_update=?,expected_subbands=?,error=?,"
            "processing_stage=?,chunk_minutes=?,is_ready=?,is_degraded=?,is_named=?,"
            "first_time_mjd_s=?,last_time_mjd_s=?,interval_s=?,dec_rad=?,n_present=?,arrived_at=?,"
            "missing=? WHERE group_id=?",
            "tdittdiiiddddidtt", state, now, o->n_expected,
            o->error && o->error[0] ? o->error : NULL, state,
            (o->last_time_mjd_s - o->first_time_mjd_s + o->interval_s) / 60.0, (int64_t)o->is_ready,
            (int64_t)o->is_degraded, (int64_t)o->is_named, o->first_time_mjd_s, o->last_time_mjd_s,
            o->interval_s, o->dec_known ? o->dec_rad : NAN, o->n_present, o->arrived_unix_s,
            o->missing, o->id);
    if (status == CI_OK && strcmp(before, state) != 0)
        status = ci_registry_db_change(registry, CI_DB_INGEST, "observation", o->id, before, state,
                                       o->error);
    return ci_registry_db_end(db, status);
}

static ci_status observation_from_row(sqlite3_stmt *stmt, ci_registry_observation *o)
{
    char word[CI_REGISTRY_WORD];
    ci_registry_db_text(stmt, 0, o->id, sizeof o->id);
    ci_registry_db_text(stmt, 1, word, sizeof word);
    o->state = (ci_registry_work_state)ci_registry_word_find(work_words, CI_WORK_STATE_COUNT, word,
                                                             CI_WORK_FAILED);
    ci_registry_db_text(stmt, 2, word, sizeof word);
    o->is_deployed = strcmp(word, "deployed") == 0;
    o->is_ready = ci_registry_db_integer(stmt, 3) != 0;
    o->is_degraded = ci_registry_db_integer(stmt, 4) != 0;
    o->is_named = ci_registry_db_integer(stmt, 5) != 0;
    o->first_time_mjd_s = ci_registry_db_real(stmt, 6);
    o->last_time_mjd_s = ci_registry_db_real(stmt, 7);
    o->interval_s = ci_registry_db_real(stmt, 8);
    o->dec_rad = ci_registry_db_real(stmt, 9);
    o->dec_known = !isnan(o->dec_rad);
    o->n_present = ci_registry_db_integer(stmt, 10);
    o->n_expected = ci_registry_db_integer(stmt, 11);
    o->received_unix_s = ci_registry_db_real(stmt, 12);
    o->arrived_unix_s = ci_registry_db_real(stmt, 13);
    ci_registry_db_text(stmt, 14, o->missing, sizeof o->missing);
    return ci_registry_db_text_copy(stmt, 15, &o->error);
}

/* n_present of deployed rows, which do not carry it, is counted. */
#define SELECT_OBSERVATION                                                                         \
    "SELECT group_id,state,origin,is_ready,is_degraded,is_named,first_time_mjd_s,"                 \
    "last_time_mjd_s,interval_s,dec_rad,coalesce(n_present,(SELECT count(*) FROM subband_files s " \
    "WHERE s.group_id=q.group_id)),expected_subbands,received_at,arrived_at,missing,error "        \
    "FROM ingest_queue q "

static ci_status read_list(ci_db *db, sqlite3_stmt *stmt, ci_status status,
                           ci_registry_observations **out)
{
    ci_registry_observations *list = NULL;
    if (status == CI_OK) status = ci_mem_alloc(&list, 1, sizeof *list, "observations");
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status == CI_OK) status = observation_from_row(stmt, &list->item[list->n++]);
    }
    if (status != CI_OK) {
        ci_registry_observations_free(list);
        list = NULL;
    }
    *out = list;
    return status;
}

ci_status ci_registry_observation_get(ci_registry *registry, const char *id,
                                      ci_registry_observations **out)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status =
        ci_registry_db_query(db, &stmt, SELECT_OBSERVATION "WHERE group_id=?", "t", id);
    return read_list(db, stmt, status, out);
}

ci_status ci_registry_observations_read(ci_registry *registry, ci_registry_observations **out,
                                        double from_mjd_s, double to_mjd_s, bool with_deployed)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status =
        ci_registry_db_query(db, &stmt,
                             SELECT_OBSERVATION "WHERE (?1 IS NULL OR first_time_mjd_s>=?1) AND "
                                                "(?2 IS NULL OR first_time_mjd_s<?2) AND "
                                                "(?3 OR origin<>'deployed') "
                                                "ORDER BY first_time_mjd_s,group_id",
                             "ddi", from_mjd_s, to_mjd_s, (int64_t)with_deployed);
    return read_list(db, stmt, status, out);
}

ci_status ci_registry_observations_open(ci_registry *registry, ci_registry_observations **out)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        SELECT_OBSERVATION "WHERE origin<>'deployed' AND state='collecting' AND is_ready=0 "
                           "ORDER BY first_time_mjd_s,group_id",
        "");
    return read_list(db, stmt, status, out);
}

void ci_registry_observations_free(ci_registry_observations *observations)
{
    if (!observations) return;
    for (size_t i = 0; i < observations->n; i++)
        ci_mem_free(observations->item[i].error);
    ci_mem_free(observations->item);
    ci_mem_free(observations);
}

ci_status ci_registry_observation_counts(ci_registry *registry, int64_t counts[CI_WORK_STATE_COUNT])
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    memset(counts, 0, CI_WORK_STATE_COUNT * sizeof *counts);
    ci_status status = ci_registry_db_query(
        db, &stmt, "SELECT state,count(*) FROM ingest_queue GROUP BY state", "");
    while (ci_registry_db_next(db, &stmt, &status)) {
        char word[CI_REGISTRY_WORD];
        ci_registry_db_text(stmt, 0, word, sizeof word);
        int i = ci_registry_word_find(work_words, CI_WORK_STATE_COUNT, word, -1);
        if (i >= 0) counts[i] = ci_registry_db_integer(stmt, 1);
    }
    return status;
}

/* ---- claims: the same for observations and groups ----------------------------------- */

ci_status ci_registry_work_claim(ci_registry *registry, const ci_work_table *table, const char *id,
                                 double lease_s, bool *done)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    char sql[256], word[CI_REGISTRY_WORD] = "", origin[CI_REGISTRY_WORD] = "";
    ci_registry_owner holder = {0}, mine;
    *done = false;
    snprintf(sql, sizeof sql, "SELECT %s,origin," CI_LEASE_COLUMNS " FROM %s WHERE group_id=?",
             table->state_column, table->name);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_query(db, &stmt, sql, "t", id);
    if (ci_registry_db_next(db, &stmt, &status)) {
        ci_registry_db_text(stmt, 0, word, sizeof word);
        ci_registry_db_text(stmt, 1, origin, sizeof origin);
        ci_registry_lease_read(stmt, 2, &holder);
        ci_registry_db_done(&stmt);
    }
    bool is_held = strcmp(word, "in_progress") == 0;
    if (status == CI_OK && !word[0])
        status = ci_error(CI_ERR_INPUT, "%s: no such %s", id, table->kind);
    else if (status == CI_OK && strcmp(origin, "deployed") == 0)
        status = ci_error(CI_ERR_INPUT,
                          "%s: %s of the deployed pipeline, which contimg leaves alone: name "
                          "its files to contimg run with another --queue-db",
                          id, table->kind);
    else if (status == CI_OK && strcmp(word, "completed") == 0)
        *done = true;
    else if (status == CI_OK && is_held && !ci_registry_lease_is_ours(registry, &holder) &&
             ci_registry_owner_alive(registry, &holder)) {
        char who[CI_REGISTRY_TEXT];
        ci_registry_owner_text(&holder, who);
        status =
            ci_error(CI_ERR_NOT_READY, "%s: %s is being worked on by %s", id, table->kind, who);
    }
    if (status == CI_OK && !*done) {
        ci_registry_lease_new(registry, lease_s, &mine);
        status = ci_registry_lease_write(db, table->name, "group_id", id, &mine);
        snprintf(sql, sizeof sql, "UPDATE %s SET %s='in_progress' WHERE group_id=?", table->name,
                 table->state_column);
        if (status == CI_OK) status = ci_registry_db_run(db, NULL, sql, "t", id);
        bool is_dead = is_held && !ci_registry_lease_is_ours(registry, &holder);
        if (status == CI_OK && (!is_held || is_dead))
            status = ci_registry_db_change(registry, CI_DB_INGEST, table->kind, id, word,
                                           "in_progress", is_dead ? "its owner is dead" : NULL);
    }
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_work_end(ci_registry *registry, const ci_work_table *table, const char *id,
                               ci_registry_work_state state, const char *reason)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    char sql[256], word[CI_REGISTRY_WORD] = "";
    ci_registry_owner holder = {0};
    snprintf(sql, sizeof sql, "SELECT %s," CI_LEASE_COLUMNS " FROM %s WHERE group_id=?",
             table->state_column, table->name);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_query(db, &stmt, sql, "t", id);
    if (ci_registry_db_next(db, &stmt, &status)) {
        ci_registry_db_text(stmt, 0, word, sizeof word);
        ci_registry_lease_read(stmt, 1, &holder);
        ci_registry_db_done(&stmt);
    }
    if (status == CI_OK &&
        (strcmp(word, "in_progress") != 0 || !ci_registry_lease_is_ours(registry, &holder)))
        status = ci_error(CI_ERR_NOT_READY, "%s: %s is %s and not held by this process", id,
                          table->kind, word[0] ? word : "not known");
    snprintf(sql, sizeof sql, "UPDATE %s SET %s=?,error=? WHERE group_id=?", table->name,
             table->state_column);
    if (status == CI_OK)
        status = ci_registry_db_run(db, NULL, sql, "ttt", work_words[state], reason, id);
    if (status == CI_OK) status = ci_registry_lease_write(db, table->name, "group_id", id, NULL);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_INGEST, table->kind, id, word,
                                       work_words[state], reason);
    return ci_registry_db_end(db, status);
}

static const ci_work_table queue = {"ingest_queue", "state", "observation"};

ci_status ci_registry_observation_claim(ci_registry *registry, const char *id, double lease_s,
                                        bool *done)
{
    return ci_registry_work_claim(registry, &queue, id, lease_s, done);
}

ci_status ci_registry_observation_end(ci_registry *registry, const char *id,
                                      ci_registry_work_state state, const char *reason)
{
    return ci_registry_work_end(registry, &queue, id, state, reason);
}

/* ---- tiles: neighbouring groups share them ----------------------------------------------- */

static ci_status holder_read(ci_db *db, const char *id, ci_registry_owner *holder)
{
    sqlite3_stmt *stmt = NULL;
    memset(holder, 0, sizeof *holder);
    ci_status status = ci_registry_db_query(
        db, &stmt, "SELECT " CI_LEASE_COLUMNS " FROM ingest_queue WHERE group_id=?", "t", id);
    if (ci_registry_db_next(db, &stmt, &status)) {
        ci_registry_lease_read(stmt, 0, holder);
        ci_registry_db_done(&stmt);
    }
    return status;
}

static ci_status hold(ci_registry *registry, ci_db *db, const char *id, double lease_s)
{
    ci_registry_owner holder, mine;
    CI_TRY(holder_read(db, id, &holder));
    if (!ci_registry_lease_is_ours(registry, &holder) &&
        ci_registry_owner_alive(registry, &holder)) {
        char who[CI_REGISTRY_TEXT];
        ci_registry_owner_text(&holder, who);
        return ci_error(CI_ERR_NOT_READY, "tile %s is held by %s", id, who);
    }
    ci_registry_lease_new(registry, lease_s, &mine);
    return ci_registry_lease_write(db, queue.name, "group_id", id, &mine);
}

ci_status ci_registry_tiles_hold(ci_registry *registry, const char *const *ids, size_t n,
                                 double lease_s)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = hold(registry, db, ids[i], lease_s);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_tiles_release(ci_registry *registry, const char *const *ids, size_t n)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++) {
        ci_registry_owner holder;
        status = holder_read(db, ids[i], &holder);
        if (status == CI_OK && ci_registry_lease_is_ours(registry, &holder))
            status = ci_registry_lease_write(db, queue.name, "group_id", ids[i], NULL);
    }
    return ci_registry_db_end(db, status);
}
