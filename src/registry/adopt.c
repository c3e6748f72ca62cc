/* Rows of the deployed pipeline that become contimg's, one at a time and by name. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <string.h>

/* Where rows of the deployed pipeline are. */
static const struct adoptable
{
    ci_registry_database which;
    const char *table, *key, *state, *kind;
} tables[] = {
    {CI_REGISTRY_DB_DATA, "data_registry", "data_id", "status", "product"},
    {CI_REGISTRY_DB_INGEST, "ingest_queue", "group_id", "state", "observation"},
    {CI_REGISTRY_DB_CAL, "caltables", "path", "status", "table"},
};

static ci_status adopt_in(ci_registry *registry, const struct adoptable *t, const char *id,
                          bool *done)
{
    ci_db *db = &registry->db[t->which];
    char sql[256], state[CI_REGISTRY_WORD];
    int64_t n = 0;
    snprintf(sql, sizeof sql, "SELECT %s FROM %s WHERE %s=? AND origin='deployed'", t->state,
             t->table, t->key);
    CI_TRY(ci_registry_db_word(db, state, sizeof state, sql, VALUES(V(id))));
    snprintf(sql, sizeof sql, "UPDATE %s SET origin='contimg' WHERE %s=? AND origin='deployed'",
             t->table, t->key);
    CI_TRY(ci_registry_db_run(db, &n, sql, VALUES(V(id))));
    *done = n > 0;
    if (n == 0) return CI_OK;
    return ci_registry_db_change(registry, t->which, t->kind, id, "deployed", state, "adopted");
}

ci_status ci_registry_adopt(ci_registry *registry, const char *id, const char **kind)
{
    bool done = false;
    *kind = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !done; i++) {
        ci_db *db = &registry->db[tables[i].which];
        CI_TRY(ci_registry_db_begin(db));
        CI_TRY(ci_registry_db_end(db, adopt_in(registry, &tables[i], id, &done)));
        if (done) *kind = tables[i].kind;
    }
    if (done) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: no product, observation or calibration table of the deployed pipeline: "
                    "contimg status lists products",
                    id);
}
