/* Claims of work: the same for observations and mosaic groups. */
#include "registry/handle.h"

#include <string.h>

static const char *const work_words[CI_REGISTRY_WORK_STATE_COUNT] = {
    "collecting", "pending", "in_progress", "completed", "failed"};
const ci_words ci_registry_work_words = {work_words, CI_REGISTRY_WORK_STATE_COUNT,
                                         CI_REGISTRY_WORK_FAILED};

const char *ci_registry_work_state_word(ci_registry_work_state state)
{
    return work_words[state];
}

/* What decides a claim. */
typedef struct work_row
{
    ci_registry_work_state state;
    bool is_deployed;
    ci_registry_owner owner;
} work_row;

#define WORK_COLUMNS(state_column)                                                                 \
    CI_COLUMN(work_row, state, WORD, state_column, .words = &ci_registry_work_words),              \
        CI_COLUMN(work_row, is_deployed, WORD, "origin", .words = &ci_registry_row_origin),        \
        CI_LEASE_COLUMNS(work_row, owner)
static const ci_column observation_columns[] = {WORK_COLUMNS("state")};
static const ci_column group_columns[] = {WORK_COLUMNS("status")};

static const struct work_table
{
    ci_row_table rows;
    const char *state_column, *kind;
    bool has_stage; /* the deployed columns beside its state */
} tables[] = {
    [CI_REGISTRY_WORK_OBSERVATION] = {{CI_ROW_TABLE("ingest_queue", "group_id", work_row,
                                                    observation_columns)},
                                      "state",
                                      "observation",
                                      true},
    [CI_REGISTRY_WORK_GROUP] = {{CI_ROW_TABLE("mosaic_groups", "group_id", work_row,
                                              group_columns)},
                                "status",
                                "group",
                                false},
};

/* *found false and a row of zeros where there is none. */
static ci_status row_get(ci_db *db, const struct work_table *table, const char *id, work_row *row,
                         bool *found)
{
    work_row *list = NULL;
    size_t n = 0;
    memset(row, 0, sizeof *row);
    ci_status status =
        ci_registry_rows_read(db, &table->rows, "WHERE group_id=?", VALUES(V(id)), &n, &list);
    *found = status == CI_OK && n > 0;
    if (*found) *row = list[0];
    ci_registry_rows_free(&table->rows, n, list);
    return status;
}

/* *done: completed already. A status where it cannot be taken. */
static ci_status claim_check(const ci_registry *registry, const struct work_table *table,
                             const char *id, const work_row *row, bool *done)
{
    *done = false;
    if (row->is_deployed)
        return ci_error(CI_ERR_INPUT,
                        "%s: %s of the deployed pipeline, which contimg leaves alone: name its "
                        "files to contimg run with another --queue-db",
                        id, table->kind);
    *done = row->state == CI_REGISTRY_WORK_COMPLETED;
    if (row->state != CI_REGISTRY_WORK_IN_PROGRESS) return CI_OK;
    if (!ci_registry_lease_is_other(registry, &row->owner)) return CI_OK;
    char who[CI_REGISTRY_TEXT];
    ci_registry_owner_text(&row->owner, who);
    return ci_error(CI_ERR_NOT_READY, "%s: %s is being worked on by %s", id, table->kind, who);
}

static ci_status state_set(ci_registry *registry, const struct work_table *table, const char *id,
                           ci_registry_work_state state)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    ci_value word = V(work_words[state]);
    CI_TRY(ci_registry_db_update(db, NULL, table->rows.name, SET({table->state_column, word}),
                                 "WHERE group_id=?", VALUES(V(id))));
    if (!table->has_stage) return CI_OK;
    return ci_registry_db_update(
        db, NULL, table->rows.name,
        SET({"processing_stage", word}, {"last_update", V(ci_registry_now(registry))}),
        "WHERE group_id=?", VALUES(V(id)));
}

static ci_status take(ci_registry *registry, const struct work_table *table, const char *id,
                      double lease_s, const work_row *row)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    ci_registry_owner mine;
    bool is_begun = row->state == CI_REGISTRY_WORK_IN_PROGRESS;
    if (is_begun && ci_registry_lease_is_ours(registry, &row->owner)) {
        mine = row->owner; /* ours: only renewed */
        mine.expires_unix_s = ci_registry_now(registry) + lease_s;
        return ci_registry_lease_write(db, table->rows.name, "group_id", id, &mine);
    }
    ci_registry_lease_new(registry, lease_s, &mine);
    CI_TRY(ci_registry_lease_write(db, table->rows.name, "group_id", id, &mine));
    CI_TRY(state_set(registry, table, id, CI_REGISTRY_WORK_IN_PROGRESS));
    return ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, table->kind, id,
                                 work_words[row->state], work_words[CI_REGISTRY_WORK_IN_PROGRESS],
                                 is_begun ? "taken over: its owner is dead" : NULL);
}

ci_status ci_registry_work_claim(ci_registry *registry, ci_work_kind kind, const char *id,
                                 double lease_s, bool *done)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    const struct work_table *table = &tables[kind];
    work_row row;
    bool found = false;
    *done = false;
    CI_TRY(row_get(db, table, id, &row, &found));
    ci_registry_lease_ask(registry, &row.owner);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = row_get(db, table, id, &row, &found);
    if (status == CI_OK && !found)
        status = ci_error(CI_ERR_INPUT, "%s: no such %s", id, table->kind);
    if (status == CI_OK) status = claim_check(registry, table, id, &row, done);
    if (status == CI_OK && !*done) status = take(registry, table, id, lease_s, &row);
    return ci_registry_db_end(db, status);
}

/* In progress, and by this process. */
static bool is_ours(const ci_registry *registry, const work_row *row)
{
    return row->state == CI_REGISTRY_WORK_IN_PROGRESS &&
           ci_registry_lease_is_ours(registry, &row->owner);
}

ci_status ci_registry_work_end(ci_registry *registry, ci_work_kind kind, const char *id,
                               ci_registry_work_state state, const char *reason)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    const struct work_table *table = &tables[kind];
    work_row row;
    bool found = false;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = row_get(db, table, id, &row, &found);
    if (status == CI_OK && !is_ours(registry, &row))
        status = ci_error(CI_ERR_NOT_READY, "%s: %s is %s and not claimed by this process", id,
                          table->kind, found ? work_words[row.state] : "not known");
    if (status == CI_OK) status = state_set(registry, table, id, state);
    if (status == CI_OK)
        status = ci_registry_db_update(db, NULL, table->rows.name, SET({"error", V(reason)}),
                                       "WHERE group_id=?", VALUES(V(id)));
    if (status == CI_OK)
        status = ci_registry_lease_write(db, table->rows.name, "group_id", id, NULL);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, table->kind, id,
                                       work_words[row.state], work_words[state], reason);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_work_check(ci_registry *registry, ci_work_kind kind, const char *id,
                                 const char *token)
{
    const struct work_table *table = &tables[kind];
    char who[CI_REGISTRY_TEXT];
    work_row row;
    bool found = false;
    ci_status status = row_get(&registry->db[CI_REGISTRY_DB_INGEST], table, id, &row, &found);
    /* A database that others lock says nothing of the lease: the machine's fault. */
    if (status == CI_ERR_NOT_READY) status = CI_ERR_DATABASE;
    CI_TRY(status);
    if (row.state == CI_REGISTRY_WORK_IN_PROGRESS && strcmp(row.owner.token, token) == 0)
        return CI_OK;
    if (!row.owner.host[0])
        return ci_error(CI_ERR_NOT_READY,
                        "%s %s: the lease was lost: another process took it over, and the %s is "
                        "%s by now; nothing more of it is written here",
                        table->kind, id, table->kind, found ? work_words[row.state] : "not known");
    ci_registry_owner_text(&row.owner, who);
    return ci_error(CI_ERR_NOT_READY,
                    "%s %s: the lease was lost: taken over by %s; nothing more of it is written "
                    "here",
                    table->kind, id, who);
}

ci_status ci_registry_work_owner(ci_registry *registry, ci_work_kind kind, const char *id,
                                 ci_registry_owner *owner)
{
    work_row row;
    bool found = false;
    ci_status status =
        row_get(&registry->db[CI_REGISTRY_DB_INGEST], &tables[kind], id, &row, &found);
    *owner = row.owner;
    return status;
}

ci_status ci_registry_work_again(ci_registry *registry, ci_work_kind kind, const char *id)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    const struct work_table *table = &tables[kind];
    const char *pending = work_words[CI_REGISTRY_WORK_PENDING];
    work_row row;
    bool found;
    CI_TRY(row_get(db, table, id, &row, &found));
    bool has_failed = kind == CI_REGISTRY_WORK_GROUP && row.state == CI_REGISTRY_WORK_FAILED;
    if (!found || !(row.state == CI_REGISTRY_WORK_COMPLETED || has_failed)) return CI_OK;
    CI_TRY(ci_registry_db_update(db, NULL, table->rows.name, SET({table->state_column, V(pending)}),
                                 "WHERE group_id=?", VALUES(V(id))));
    return ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, table->kind, id,
                                 work_words[row.state], pending, "named again, with other files");
}
