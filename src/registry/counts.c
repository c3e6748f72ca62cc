/* What the monitor counts: products by state, attempts and groups by how they ended. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <string.h>

ci_status ci_registry_products_count(ci_registry *registry, bool with_deployed,
                                     ci_registry_publish_counts *out)
{
    const struct
    {
        int64_t *n;
        const char *where;
    } counts[] = {
        {&out->n_published, "status='published'"},
        {&out->n_staging, "status='staging'"},
        {&out->n_publishing, "status='publishing'"},
        {&out->n_refused, "status='refused'"},
        {&out->n_failed, "status='failed' OR (status='staging' AND publish_attempts>0)"},
        /* The deployed pipeline leaves such a product in staging. */
        {&out->n_exhausted, "status='failed' OR (status='staging' AND publish_attempts>=3)"},
    };
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM data_registry WHERE (%s) AND (? OR origin<>'deployed')",
                 counts[i].where);
        CI_TRY(ci_registry_db_int(&registry->db[CI_REGISTRY_DB_DATA], counts[i].n, 0, sql,
                                  VALUES(V(with_deployed))));
    }
    return CI_OK;
}

ci_status ci_registry_attempts_count(ci_registry *registry, double since_unix_s,
                                     ci_registry_outcomes *out)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    CI_TRY(ci_registry_db_int(
        db, &out->n_good, 0,
        "SELECT count(*) FROM publish_attempts WHERE ended_at>=? AND outcome='published'",
        VALUES(V(since_unix_s))));
    return ci_registry_db_int(
        db, &out->n_bad, 0,
        "SELECT count(*) FROM publish_attempts WHERE ended_at>=? AND outcome IN ('failed','died')",
        VALUES(V(since_unix_s)));
}

ci_status ci_registry_groups_count(ci_registry *registry, double since_unix_s,
                                   ci_registry_outcomes *out)
{
    /* The row of max(id) is the one that to_state is of. */
    static const char sql[] =
        "SELECT count(*) FROM (SELECT to_state,max(id) FROM state_changes WHERE kind='group' AND "
        "at>=? AND to_state IN ('completed','failed') GROUP BY subject) WHERE to_state=?";
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_int(db, &out->n_good, 0, sql, VALUES(V(since_unix_s), V("completed"))));
    return ci_registry_db_int(db, &out->n_bad, 0, sql, VALUES(V(since_unix_s), V("failed")));
}

ci_status ci_registry_staging_count(ci_registry *registry, double before_unix_s, int64_t *n,
                                    char first[CI_REGISTRY_ID])
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_DATA];
    CI_TRY(ci_registry_db_int(db, n, 0,
                              "SELECT count(*) FROM data_registry WHERE status='staging' AND "
                              "staged_at<? AND auto_publish_enabled AND origin<>'deployed'",
                              VALUES(V(before_unix_s))));
    return ci_registry_db_word(
        db, first, CI_REGISTRY_ID,
        "SELECT data_id FROM data_registry WHERE status='staging' AND "
        "staged_at<? AND auto_publish_enabled AND origin<>'deployed' ORDER BY "
        "staged_at,data_id",
        VALUES(V(before_unix_s)));
}
