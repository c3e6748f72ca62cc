#include "registry/db.h"

#include <math.h>
#include <string.h>

static const char *const state_words[CI_PUBLISH_STATE_COUNT] = {"staging", "publishing",
                                                                "published", "refused", "failed"};

const char *ci_registry_publish_state_word(ci_registry_publish_state state)
{
    return state_words[state];
}

/* ---- reading -------------------------------------------------------------------------- */

#define SELECT_PRODUCT                                                                             \
    "SELECT data_id,data_type,status,origin,auto_publish_enabled,staging_removable,stage_path,"    \
    "published_path,metadata_json,publish_error,qa_json,time_mjd_s,created_at,staged_at,"          \
    "published_at,failed_at,next_try_at,publish_attempts," CI_LEASE_COLUMNS " FROM data_registry "

static ci_status product_from_row(sqlite3_stmt *stmt, ci_registry_product *p)
{
    char word[CI_REGISTRY_WORD];
    ci_registry_db_text(stmt, 0, p->id, sizeof p->id);
    ci_registry_db_text(stmt, 1, p->type, sizeof p->type);
    ci_registry_db_text(stmt, 2, word, sizeof word);
    p->state = (ci_registry_publish_state)ci_registry_word_find(state_words, CI_PUBLISH_STATE_COUNT,
                                                                word, CI_PUBLISH_FAILED);
    ci_registry_db_text(stmt, 3, word, sizeof word);
    p->is_deployed = strcmp(word, "deployed") == 0;
    p->auto_publish = ci_registry_db_integer(stmt, 4) != 0;
    p->staging_removable = ci_registry_db_integer(stmt, 5) == 1; /* 2: it is gone */
    p->time_mjd_s = ci_registry_db_real(stmt, 11);
    p->created_unix_s = ci_registry_db_real(stmt, 12);
    p->staged_unix_s = ci_registry_db_real(stmt, 13);
    p->published_unix_s = ci_registry_db_real(stmt, 14);
    p->failed_unix_s = ci_registry_db_real(stmt, 15);
    p->next_try_unix_s = ci_registry_db_real(stmt, 16);
    p->n_attempt = ci_registry_db_integer(stmt, 17);
    ci_registry_lease_read(stmt, 18, &p->owner);
    char **texts[] = {&p->stage_path, &p->published_path, &p->metadata_json, &p->error,
                      &p->qa_json};
    for (int i = 0; i < 5; i++)
        CI_TRY(ci_registry_db_text_copy(stmt, 6 + i, texts[i]));
    return CI_OK;
}

static ci_status read_list(ci_db *db, sqlite3_stmt *stmt, ci_status status,
                           ci_registry_products **out)
{
    ci_registry_products *list = NULL;
    if (status == CI_OK) status = ci_mem_alloc(&list, 1, sizeof *list, "products");
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status == CI_OK) status = product_from_row(stmt, &list->item[list->n++]);
    }
    if (status != CI_OK) {
        ci_registry_products_free(list);
        list = NULL;
    }
    *out = list;
    return status;
}

ci_status ci_registry_product_get(ci_registry *registry, const char *id, ci_registry_products **out)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(db, &stmt, SELECT_PRODUCT "WHERE data_id=?", "t", id);
    return read_list(db, stmt, status, out);
}

ci_status ci_registry_products_read(ci_registry *registry, ci_registry_products **out, int state,
                                    bool with_deployed)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        SELECT_PRODUCT "WHERE (?1 IS NULL OR status=?1) AND (?2 OR origin<>'deployed') "
                       "ORDER BY time_mjd_s,created_at,data_id",
        "ti", state >= 0 ? state_words[state] : NULL, (int64_t)with_deployed);
    return read_list(db, stmt, status, out);
}

void ci_registry_products_free(ci_registry_products *products)
{
    if (!products) return;
    for (size_t i = 0; i < products->n; i++) {
        ci_registry_product *p = &products->item[i];
        ci_mem_free(p->stage_path);
        ci_mem_free(p->published_path);
        ci_mem_free(p->metadata_json);
        ci_mem_free(p->error);
        ci_mem_free(p->qa_json);
    }
    ci_mem_free(products->item);
    ci_mem_free(products);
}

/* The row's state and lease, for decisions inside a transaction. */
static ci_status row_read(ci_registry *registry, const char *id, ci_registry_products **out)
{
    CI_TRY(ci_registry_product_get(registry, id, out));
    if ((*out)->n == 0 || !(*out)->item[0].is_deployed) return CI_OK;
    ci_registry_products_free(*out); /* to work on, it is not there */
    return ci_mem_alloc(out, 1, sizeof **out, "products");
}

/* ---- staging ---------------------------------------------------------------------------- */

ci_status ci_registry_product_stage(ci_registry *registry, const ci_registry_product *p,
                                    bool *is_new)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    ci_registry_products *found = NULL;
    double now = ci_registry_now(registry);
    char *base = NULL;
    *is_new = false;
    CI_TRY(ci_path_parent(&base, p->stage_path));
    ci_status status = ci_registry_db_begin(db);
    if (status != CI_OK) {
        ci_mem_free(base);
        return status;
    }
    status = ci_registry_product_get(registry, p->id, &found);
    if (status == CI_OK && found->n == 0) {
        status =
            ci_registry_db_run(db, NULL,
                               "INSERT INTO data_registry(data_type,data_id,base_path,status,"
                               "stage_path,created_at,staged_at,metadata_json,auto_publish_enabled,"
                               "origin,time_mjd_s) VALUES(?,?,?,'staging',?,?,?,?,?,'contimg',?)",
                               "ttttddtid", p->type, p->id, base, p->stage_path, now, now,
                               p->metadata_json, (int64_t)p->auto_publish, p->time_mjd_s);
        if (status == CI_OK)
            status =
                ci_registry_db_change(registry, CI_DB_DATA, "product", p->id, "", "staging", NULL);
        *is_new = status == CI_OK;
    } else if (status == CI_OK && found->item[0].is_deployed) {
        status = ci_error(CI_ERR_INPUT,
                          "%s: a product of the deployed pipeline has this id, and contimg leaves "
                          "it alone: use another --registry-db",
                          p->id);
    } else if (status == CI_OK && found->item[0].state != CI_PUBLISH_PUBLISHING &&
               found->item[0].state != CI_PUBLISH_PUBLISHED) {
        status = ci_registry_db_run(
            db, NULL,
            "UPDATE data_registry SET base_path=?,stage_path=?,staged_at=?,"
            "metadata_json=?,auto_publish_enabled=?,time_mjd_s=?,status='staging',"
            "publish_attempts=0,publish_error=NULL,next_try_at=NULL WHERE data_id=?",
            "ttdtidt", base, p->stage_path, now, p->metadata_json, (int64_t)p->auto_publish,
            p->time_mjd_s, p->id);
        if (status == CI_OK && found->item[0].state != CI_PUBLISH_STAGING)
            status =
                ci_registry_db_change(registry, CI_DB_DATA, "product", p->id,
                                      state_words[found->item[0].state], "staging", "made again");
    }
    ci_registry_products_free(found);
    ci_mem_free(base);
    return ci_registry_db_end(db, status);
}

/* ---- claims -------------------------------------------------------------------------------- */

static ci_status attempt_close(ci_db *db, const char *token, double now, const char *outcome,
                               const char *error)
{
    return ci_registry_db_run(
        db, NULL,
        "UPDATE publish_attempts SET ended_at=?,outcome=?,error=? WHERE token=? AND "
        "outcome IS NULL",
        "dttt", now, outcome, error, token);
}

static ci_status take(ci_registry *registry, const ci_registry_product *p, bool from_zero,
                      double lease_s, ci_registry_owner *owner)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    double now = ci_registry_now(registry);
    int64_t attempt = 0;
    if (p->state == CI_PUBLISH_PUBLISHING)
        CI_TRY(attempt_close(db, p->owner.token, now, "died", "its process ended before it did"));
    ci_registry_lease_new(registry, lease_s, owner);
    CI_TRY(ci_registry_lease_write(db, "data_registry", "data_id", p->id, owner));
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "UPDATE data_registry SET status='publishing',publish_attempts="
        "CASE WHEN ? THEN 1 ELSE coalesce(publish_attempts,0)+1 END,publish_mode=?,"
        "finalization_status='pending' WHERE data_id=?",
        "itt", (int64_t)from_zero, from_zero ? "manual" : "auto", p->id));
    CI_TRY(ci_registry_db_int(
        db, &attempt, 0, "SELECT coalesce(max(attempt),0)+1 FROM publish_attempts WHERE data_id=?",
        "t", p->id));
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "INSERT INTO publish_attempts(data_id,attempt,started_at,host,pid,job,token,"
        "run) VALUES(?,?,?,?,?,?,?,?)",
        "tidtittt", p->id, attempt, now, owner->host, owner->pid, owner->job, owner->token,
        registry->run));
    return ci_registry_db_change(
        registry, CI_DB_DATA, "product", p->id, state_words[p->state], "publishing",
        p->state == CI_PUBLISH_PUBLISHING ? "taken over: its owner is dead" : NULL);
}

static ci_registry_claim judge(const ci_registry *registry, const ci_registry_product *p,
                               bool by_name)
{
    double now = ci_registry_now(registry);
    switch (p->state) {
    case CI_PUBLISH_PUBLISHED:
        return CI_CLAIM_PUBLISHED;
    case CI_PUBLISH_PUBLISHING:
        return ci_registry_owner_alive(registry, &p->owner) ? CI_CLAIM_HELD : CI_CLAIM_TAKEN;
    case CI_PUBLISH_REFUSED:
        return by_name ? CI_CLAIM_TAKEN : CI_CLAIM_REFUSED;
    case CI_PUBLISH_FAILED:
        return by_name ? CI_CLAIM_TAKEN : CI_CLAIM_FAILED;
    default:
        if (by_name) return CI_CLAIM_TAKEN;
        if (!p->auto_publish) return CI_CLAIM_WAIT;
        /* A failure that lies ahead: the clock was set back; waiting would be for the clock. */
        if (p->failed_unix_s > now) return CI_CLAIM_TAKEN;
        return p->next_try_unix_s > now ? CI_CLAIM_WAIT : CI_CLAIM_TAKEN;
    }
}

ci_status ci_registry_product_claim(ci_registry *registry, const char *id, bool by_name,
                                    double lease_s, ci_registry_claim *claim,
                                    ci_registry_owner *owner)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    ci_registry_products *found = NULL;
    *claim = CI_CLAIM_UNKNOWN;
    memset(owner, 0, sizeof *owner);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = row_read(registry, id, &found);
    if (status == CI_OK && found->n > 0) {
        const ci_registry_product *p = &found->item[0];
        *claim = judge(registry, p, by_name);
        *owner = p->owner;
        bool from_zero = by_name && p->state != CI_PUBLISH_PUBLISHING;
        if (*claim == CI_CLAIM_TAKEN) status = take(registry, p, from_zero, lease_s, owner);
    }
    ci_registry_products_free(found);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_take_over(ci_registry *registry, const char *id, double lease_s,
                                        ci_registry_owner *owner, bool *taken)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    ci_registry_products *found = NULL;
    *taken = false;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = row_read(registry, id, &found);
    if (status == CI_OK && found->n > 0) {
        const ci_registry_product *p = &found->item[0];
        *owner = p->owner;
        if (p->state == CI_PUBLISH_PUBLISHING && !ci_registry_owner_alive(registry, &p->owner)) {
            status = take(registry, p, false, lease_s, owner);
            *taken = status == CI_OK;
        }
    }
    ci_registry_products_free(found);
    return ci_registry_db_end(db, status);
}

/* ---- the ends of an attempt ------------------------------------------------------------------ */

/* Begins the transaction that ends an attempt; refuses where the lease is not `token` now. */
static ci_status end_begin(ci_registry *registry, const char *id, const char *token)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    int64_t n = 0;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_int(db, &n, 0,
                                          "SELECT count(*) FROM data_registry WHERE data_id=? AND "
                                          "status='publishing' AND lease_token=?",
                                          "tt", id, token);
    if (status == CI_OK && n == 0)
        status = ci_error(CI_ERR_NOT_READY,
                          "%s: the lease was lost: another process took the product over", id);
    return status == CI_OK ? CI_OK : ci_registry_db_end(db, status);
}

ci_status ci_registry_product_renew(ci_registry *registry, const char *id, const char *token,
                                    double lease_s)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    CI_TRY(end_begin(registry, id, token));
    return ci_registry_db_end(
        db,
        ci_registry_db_run(db, NULL, "UPDATE data_registry SET lease_expires_at=? WHERE data_id=?",
                           "dt", ci_registry_now(registry) + lease_s, id));
}

ci_status ci_registry_product_publish(ci_registry *registry, const char *id, const char *token,
                                      const char *published_path, const char *qa_json)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    double now = ci_registry_now(registry);
    CI_TRY(end_begin(registry, id, token));
    ci_status status = ci_registry_db_run(
        db, NULL,
        "UPDATE data_registry SET status='published',published_path=?,published_at=?,"
        "qa_status='passed',validation_status='validated',finalization_status='finalized',"
        "publish_attempts=0,publish_error=NULL,next_try_at=NULL,staging_removable=1,"
        "qa_json=coalesce(?,qa_json) WHERE data_id=?",
        "tdtt", published_path, now, qa_json, id);
    if (status == CI_OK) status = attempt_close(db, token, now, "published", NULL);
    if (status == CI_OK) status = ci_registry_lease_write(db, "data_registry", "data_id", id, NULL);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_DATA, "product", id, "publishing",
                                       "published", published_path);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_refuse(ci_registry *registry, const char *id, const char *token,
                                     const char *why, const char *qa_json)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    double now = ci_registry_now(registry);
    CI_TRY(end_begin(registry, id, token));
    /* A gate's refusal is no attempt that failed: the count goes back by the one of the claim. */
    ci_status status = ci_registry_db_run(
        db, NULL,
        "UPDATE data_registry SET status='refused',qa_status='failed',"
        "validation_status='failed',finalization_status='failed',publish_error=?,failed_at=?,"
        "publish_attempts=max(publish_attempts-1,0),qa_json=? WHERE data_id=?",
        "tdtt", why, now, qa_json, id);
    if (status == CI_OK) status = attempt_close(db, token, now, "refused", why);
    if (status == CI_OK) status = ci_registry_lease_write(db, "data_registry", "data_id", id, NULL);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_DATA, "product", id, "publishing", "refused",
                                       why);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_fail(ci_registry *registry, const char *id, const char *token,
                                   const char *why, double backoff_s, int64_t max_attempt,
                                   ci_registry_publish_state *state)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    double now = ci_registry_now(registry);
    int64_t n_attempt = 0;
    CI_TRY(end_begin(registry, id, token));
    ci_status status = ci_registry_db_int(
        db, &n_attempt, 1, "SELECT publish_attempts FROM data_registry WHERE data_id=?", "t", id);
    *state = n_attempt >= max_attempt ? CI_PUBLISH_FAILED : CI_PUBLISH_STAGING;
    double wait_s = backoff_s * pow(2, (double)(n_attempt > 1 ? n_attempt - 1 : 0));
    if (status == CI_OK)
        status = ci_registry_db_run(db, NULL,
                                    "UPDATE data_registry SET status=?,publish_error=?,failed_at=?,"
                                    "next_try_at=?,finalization_status='failed' WHERE data_id=?",
                                    "ttddt", state_words[*state], why, now,
                                    *state == CI_PUBLISH_FAILED ? (double)NAN : now + wait_s, id);
    if (status == CI_OK) status = attempt_close(db, token, now, "failed", why);
    if (status == CI_OK) status = ci_registry_lease_write(db, "data_registry", "data_id", id, NULL);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_DATA, "product", id, "publishing",
                                       state_words[*state], why);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_staging_removed(ci_registry *registry, const char *id)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_run(db, NULL,
                               "UPDATE data_registry SET staging_removable=2 WHERE data_id=? "
                               "AND status='published'",
                               "t", id));
}

/* ---- registry and disk put right ------------------------------------------------------------- */

ci_status ci_registry_product_lost(ci_registry *registry, const char *id,
                                   const char *published_path, bool *done)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    char why[CI_REGISTRY_TEXT];
    int64_t n = 0;
    *done = false;
    snprintf(why, sizeof why, "%s is not there any more", published_path);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, &n,
        "UPDATE data_registry SET status='staging',published_path=NULL,published_at=NULL,"
        "finalization_status='pending',staging_removable=0,publish_error=?,next_try_at=NULL "
        "WHERE data_id=? AND status='published' AND published_path=? AND origin<>'deployed'",
        "ttt", why, id, published_path);
    if (status == CI_OK && n > 0)
        status =
            ci_registry_db_change(registry, CI_DB_DATA, "product", id, "published", "staging", why);
    *done = status == CI_OK && n > 0;
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_adopt(ci_registry *registry, const ci_registry_product *p,
                                    bool *is_new)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    char *base = NULL;
    int64_t n = 0;
    *is_new = false;
    CI_TRY(ci_path_parent(&base, p->stage_path));
    ci_status status = ci_registry_db_begin(db);
    if (status == CI_OK) {
        status = ci_registry_db_run(
            db, &n,
            "INSERT INTO data_registry(data_type,data_id,base_path,status,stage_path,"
            "published_path,created_at,staged_at,published_at,metadata_json,qa_json,qa_status,"
            "validation_status,finalization_status,origin,time_mjd_s) VALUES(?,?,?,'published',?,"
            "?,?,?,?,?,?,'passed','validated','finalized','contimg',?) ON CONFLICT DO NOTHING",
            "tttttdddttd", p->type, p->id, base, p->stage_path, p->published_path,
            p->created_unix_s, p->staged_unix_s, p->published_unix_s, p->metadata_json, p->qa_json,
            p->time_mjd_s);
        if (status == CI_OK && n > 0)
            status = ci_registry_db_change(registry, CI_DB_DATA, "product", p->id, "", "published",
                                           "found in the products folder");
        *is_new = status == CI_OK && n > 0;
        status = ci_registry_db_end(db, status);
    }
    ci_mem_free(base);
    return status;
}

/* ---- attempts -------------------------------------------------------------------------------- */

ci_status ci_registry_attempts_read(ci_registry *registry, ci_registry_attempts **out,
                                    const char *product_id, double since_unix_s)
{
    ci_db *db = &registry->db[CI_DB_DATA];
    ci_registry_attempts *list = NULL;
    sqlite3_stmt *stmt = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "attempts"));
    ci_status status = ci_registry_db_query(
        db, &stmt,
        "SELECT data_id,outcome,host,job,attempt,pid,started_at,ended_at,error FROM "
        "publish_attempts WHERE (?1 IS NULL OR data_id=?1) AND started_at>=?2 ORDER "
        "BY id",
        "td", product_id, isnan(since_unix_s) ? 0.0 : since_unix_s);
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status != CI_OK) continue;
        ci_registry_attempt *a = &list->item[list->n++];
        ci_registry_db_text(stmt, 0, a->product_id, sizeof a->product_id);
        ci_registry_db_text(stmt, 1, a->outcome, sizeof a->outcome);
        ci_registry_db_text(stmt, 2, a->host, sizeof a->host);
        ci_registry_db_text(stmt, 3, a->job, sizeof a->job);
        a->attempt = ci_registry_db_integer(stmt, 4);
        a->pid = ci_registry_db_integer(stmt, 5);
        a->started_unix_s = ci_registry_db_real(stmt, 6);
        a->ended_unix_s = ci_registry_db_real(stmt, 7);
        status = ci_registry_db_text_copy(stmt, 8, &a->error);
    }
    if (status != CI_OK) {
        ci_registry_attempts_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}

void ci_registry_attempts_free(ci_registry_attempts *attempts)
{
    if (!attempts) return;
    for (size_t i = 0; i < attempts->n; i++)
        ci_mem_free(attempts->item[i].error);
    ci_mem_free(attempts->item);
    ci_mem_free(attempts);
}
