/* Products and their publish state: reading, staging, and what an operator puts right. */
#include "registry/products.h"

#include <math.h>
#include <string.h>

static const char *const state_words[CI_REGISTRY_PUBLISH_STATE_COUNT] = {
    "staging", "publishing", "published", "refused", "failed"};
const ci_words ci_registry_publish_words = {state_words, CI_REGISTRY_PUBLISH_STATE_COUNT,
                                            CI_REGISTRY_PUBLISH_FAILED};

static const char *const type_words[] = {"mosaic", "tile", "other"};
static const ci_words product_type_words = {type_words, 3, CI_REGISTRY_OTHER};

#define COLUMN(field, type, name, ...)                                                             \
    CI_COLUMN(ci_registry_product, field, type, name, __VA_ARGS__)
#define READ .flags = CI_COLUMN_READ
static const ci_column product_columns[] = {
    COLUMN(id, TEXT, "data_id"),
    COLUMN(type, WORD, "data_type", READ, .words = &product_type_words),
    COLUMN(type_word, TEXT, "data_type"),
    COLUMN(state, WORD, "status", .words = &ci_registry_publish_words),
    COLUMN(is_deployed, WORD, "origin", .words = &ci_registry_row_origin),
    COLUMN(auto_publish, INT, "auto_publish_enabled"),
    /* 2: it is gone. */
    COLUMN(staging_removable, INT, "staging_removable", READ, .select = "staging_removable=1"),
    COLUMN(is_withdrawn, INT, "finalization_status", READ,
           .select = "status='staging' AND finalization_status IS 'withdrawn'"),
    COLUMN(stage_path, STRING, "stage_path"),
    COLUMN(published_path, STRING, "published_path"),
    COLUMN(metadata_json, STRING, "metadata_json"),
    COLUMN(error, STRING, "publish_error", READ),
    COLUMN(qa_json, STRING, "qa_json"),
    COLUMN(time_mjd_s, REAL, "time_mjd_s"),
    COLUMN(created_unix_s, REAL, "created_at"),
    COLUMN(staged_unix_s, REAL, "staged_at"),
    COLUMN(published_unix_s, REAL, "published_at"),
    COLUMN(failed_unix_s, REAL, "failed_at", READ),
    COLUMN(next_try_unix_s, REAL, "next_try_at", READ),
    COLUMN(n_attempt, INT, "publish_attempts", READ),
    CI_LEASE_COLUMNS(ci_registry_product, owner),
};
static const ci_row_table product_rows = {
    CI_ROW_TABLE("data_registry", "data_id", ci_registry_product, product_columns)};

ci_registry_product_type ci_registry_product_type_of(const char *word)
{
    return (ci_registry_product_type)ci_registry_words_find(&product_type_words, word);
}

static void type_word_fill(ci_registry_product *row)
{
    if (!row->type_word[0])
        snprintf(row->type_word, sizeof row->type_word, "%s", type_words[row->type]);
}

const char *ci_registry_publish_state_word(ci_registry_publish_state state)
{
    return state_words[state];
}

/* ---- reading --------------------------------------------------------------------------------- */

ci_status ci_registry_product_get(ci_registry *registry, const char *id, ci_registry_products **out)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_DATA], &product_rows,
                                "WHERE data_id=?", VALUES(V(id)));
}

ci_status ci_registry_products_read(ci_registry *registry, ci_registry_products **out, int state,
                                    bool with_deployed)
{
    return ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_DATA], &product_rows,
        "WHERE (?1 IS NULL OR status=?1) AND (?2 OR origin<>'deployed') ORDER BY "
        "time_mjd_s,created_at,data_id",
        VALUES(state >= 0 ? V(state_words[state]) : CI_NULL, V(with_deployed)));
}

void ci_registry_products_free(ci_registry_products *products)
{
    ci_registry_list_free(&product_rows, products);
}

ci_status ci_registry_product_get_own(ci_registry *registry, const char *id,
                                      ci_registry_products **out)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_DATA], &product_rows,
                                "WHERE data_id=? AND origin<>'deployed'", VALUES(V(id)));
}

/* ---- staging --------------------------------------------------------------------------------- */

static ci_status stage_new(ci_registry *registry, const ci_registry_product *p, const char *base)
{
    ci_registry_product row = *p;
    row.state = CI_REGISTRY_PUBLISH_STAGING;
    row.is_deployed = false;
    row.published_path = row.qa_json = NULL;
    row.created_unix_s = row.staged_unix_s = ci_registry_now(registry);
    row.published_unix_s = NAN;
    type_word_fill(&row);
    CI_TRY(ci_registry_row_insert(&registry->db[CI_REGISTRY_DB_DATA], &product_rows, &row,
                                  SET({"base_path", V(base)})));
    return ci_registry_db_change(registry, CI_REGISTRY_DB_DATA, "product", p->id, "", "staging",
                                 NULL);
}

static ci_status stage_again(ci_registry *registry, const ci_registry_product *p, const char *base,
                             const ci_registry_product *found)
{
    if (found->is_deployed)
        return ci_error(CI_ERR_INPUT,
                        "%s: a product of the deployed pipeline has this id, and contimg leaves "
                        "it alone: use another --registry-db",
                        p->id);
    if (found->state == CI_REGISTRY_PUBLISH_PUBLISHING) {
        char who[CI_REGISTRY_TEXT];
        ci_registry_owner_text(&found->owner, who);
        return ci_error(CI_ERR_NOT_READY,
                        "%s: is being published by %s: what was made of it since is staged by the "
                        "next run",
                        p->id, who);
    }
    if (found->state == CI_REGISTRY_PUBLISH_PUBLISHED && !p->is_new_version) return CI_OK;
    CI_TRY(ci_registry_db_update(
        &registry->db[CI_REGISTRY_DB_DATA], NULL, product_rows.name,
        SET({"base_path", V(base)}, {"stage_path", V(p->stage_path)},
            {"staged_at", V(ci_registry_now(registry))}, {"metadata_json", V(p->metadata_json)},
            {"auto_publish_enabled", V(p->auto_publish)}, {"time_mjd_s", V(p->time_mjd_s)},
            {"status", V("staging")}, {"publish_attempts", V(0)}, {"publish_error", CI_NULL},
            {"finalization_status", V("pending")}, {"next_try_at", CI_NULL},
            {"staging_removable", V(0)}),
        "WHERE data_id=?", VALUES(V(p->id))));
    if (found->state == CI_REGISTRY_PUBLISH_STAGING) return CI_OK;
    return ci_registry_db_change(registry, CI_REGISTRY_DB_DATA, "product", p->id,
                                 state_words[found->state], "staging", "made again");
}

ci_status ci_registry_product_stage(ci_registry *registry, const ci_registry_product *p,
                                    bool *is_new)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    ci_registry_products *found = NULL;
    char *base = NULL;
    *is_new = false;
    CI_TRY(ci_path_parent(&base, p->stage_path));
    ci_status status = ci_registry_db_begin(db);
    if (status == CI_OK) {
        status = ci_registry_product_get(registry, p->id, &found);
        bool is_first = status == CI_OK && found->n == 0;
        if (is_first)
            status = stage_new(registry, p, base);
        else if (status == CI_OK)
            status = stage_again(registry, p, base, &found->item[0]);
        *is_new = is_first && status == CI_OK;
        status = ci_registry_db_end(db, status);
    }
    ci_registry_products_free(found);
    ci_mem_free(base);
    return status;
}

ci_status ci_registry_product_staging_removed(ci_registry *registry, const char *id)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_run(db, NULL,
                               "UPDATE data_registry SET staging_removable=2 WHERE data_id=? "
                               "AND status='published'",
                               VALUES(V(id))));
}

/* ---- registry and disk put right ------------------------------------------------------------- */

/* How a product leaves its published path. */
typedef struct
{
    const char *id, *published_path;
    const char *from; /* its state word */
    const char *why;
    bool is_withdrawal;
    const char *metadata_json, *qa_json; /* NULL: stay */
} departure;

/* Published at this path no longer: back in staging, `why` in its row. */
static ci_status unpublish(ci_registry *registry, const departure *d, bool *done)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    int64_t n = 0;
    *done = false;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, &n,
        "UPDATE data_registry SET status='staging',published_path=NULL,published_at=NULL,"
        "finalization_status=?,staging_removable=0,publish_error=?,next_try_at=NULL,staged_at=?,"
        "auto_publish_enabled=CASE WHEN ? THEN 0 ELSE auto_publish_enabled END,"
        "publish_attempts=CASE WHEN ? THEN 0 ELSE publish_attempts END,"
        "metadata_json=COALESCE(?,metadata_json),qa_json=COALESCE(?,qa_json) "
        "WHERE data_id=? AND status=? AND published_path=? AND origin<>'deployed'",
        VALUES(V(d->is_withdrawal ? "withdrawn" : "pending"), V(d->why),
               V(ci_registry_now(registry)), V(d->is_withdrawal), V(d->is_withdrawal),
               V(d->metadata_json), V(d->qa_json), V(d->id), V(d->from), V(d->published_path)));
    if (status == CI_OK && n > 0)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_DATA, "product", d->id, d->from,
                                       "staging", d->why);
    *done = status == CI_OK && n > 0;
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_product_lost(ci_registry *registry, const char *id,
                                   const char *published_path, bool *done)
{
    char why[CI_REGISTRY_TEXT];
    snprintf(why, sizeof why, "%s is not there any more", published_path);
    const departure lost = {
        .id = id, .published_path = published_path, .from = "published", .why = why};
    return unpublish(registry, &lost, done);
}

ci_status ci_registry_product_withdraw(ci_registry *registry, const char *id,
                                       const char *published_path, bool *done)
{
    const departure withdrawal = {.id = id,
                                  .published_path = published_path,
                                  .from = "published",
                                  .why = "withdrawn: waits for contimg publish --id",
                                  .is_withdrawal = true};
    return unpublish(registry, &withdrawal, done);
}

ci_status ci_registry_product_withdraw_before(ci_registry *registry, const ci_registry_product *p,
                                              const char *metadata_json, const char *qa_json,
                                              bool *done)
{
    const departure withdrawal = {
        .id = p->id,
        .published_path = p->published_path,
        .from = state_words[p->state],
        .why = "the version before withdrawn: waits for contimg publish --id",
        .is_withdrawal = true,
        .metadata_json = metadata_json,
        .qa_json = qa_json};
    return unpublish(registry, &withdrawal, done);
}

/* Nothing where a row of this id is there. */
static ci_status adopt(ci_registry *registry, const ci_registry_product *p, const char *base,
                       bool *is_new)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    ci_registry_product row = *p;
    int64_t n = 0;
    CI_TRY(ci_registry_db_int(db, &n, 0, "SELECT count(*) FROM data_registry WHERE data_id=?",
                              VALUES(V(p->id))));
    if (n > 0) return CI_OK;
    row.state = CI_REGISTRY_PUBLISH_PUBLISHED;
    row.is_deployed = false;
    row.auto_publish = true;
    type_word_fill(&row);
    CI_TRY(ci_registry_row_insert(db, &product_rows, &row,
                                  SET({"base_path", V(base)}, {"qa_status", V("passed")},
                                      {"validation_status", V("validated")},
                                      {"finalization_status", V("finalized")})));
    CI_TRY(ci_registry_db_change(registry, CI_REGISTRY_DB_DATA, "product", p->id, "", "published",
                                 "found in the products folder"));
    *is_new = true;
    return CI_OK;
}

ci_status ci_registry_product_adopt(ci_registry *registry, const ci_registry_product *p,
                                    bool *is_new)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    char *base = NULL;
    *is_new = false;
    CI_TRY(ci_path_parent(&base, p->stage_path));
    ci_status status = ci_registry_db_begin(db);
    if (status == CI_OK) status = ci_registry_db_end(db, adopt(registry, p, base, is_new));
    ci_mem_free(base);
    return status;
}
