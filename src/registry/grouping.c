/* What group forming and cleaning ask of observations: in which groups they are. */
#include "registry/handle.h"

#include <math.h>

/* Needed: a member of a group that is still to be made, or new in one group and overlap in
 * none yet while it is among the last two of its group (the next may begin with it). */
ci_status ci_registry_observation_is_needed(ci_registry *registry, const char *id,
                                            int64_t n_overlap, bool *out)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    int64_t n_open = 0, n_group = 0, n_follow = 0;
    *out = true;
    CI_TRY(
        ci_registry_db_int(db, &n_open, 0,
                           "SELECT count(*) FROM mosaic_group_members m JOIN mosaic_groups g USING"
                           "(group_id) WHERE m.observation_id=? AND g.status IN ('pending',"
                           "'in_progress')",
                           VALUES(V(id))));
    CI_TRY(ci_registry_db_int(db, &n_group, 0,
                              "SELECT count(*) FROM mosaic_group_members WHERE observation_id=?",
                              VALUES(V(id))));
    CI_TRY(ci_registry_db_int(
        db, &n_follow, 0,
        "SELECT count(*) FROM mosaic_group_members m JOIN ingest_queue q ON "
        "q.group_id=m.observation_id WHERE m.observation_id=?1 AND m.role='new' AND NOT EXISTS("
        "SELECT 1 FROM mosaic_group_members o WHERE o.observation_id=?1 AND o.role='overlap') AND "
        "m.i_member+?2>=(SELECT count(*) FROM mosaic_group_members c WHERE c.group_id=m.group_id) "
        "AND NOT EXISTS(SELECT 1 FROM mosaic_group_members n JOIN ingest_queue p ON "
        "p.group_id=n.observation_id WHERE n.role='new' AND p.first_time_mjd_s>"
        "(SELECT max(z.first_time_mjd_s) FROM mosaic_group_members y JOIN ingest_queue z ON "
        "z.group_id=y.observation_id WHERE y.group_id=m.group_id))",
        VALUES(V(id), V(n_overlap))));
    *out = n_open > 0 || n_group == 0 || n_follow > 0;
    return CI_OK;
}

ci_status ci_registry_observation_roles(ci_registry *registry, const char *id, bool *is_new,
                                        bool *is_overlap)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    static const char sql[] =
        "SELECT count(*) FROM mosaic_group_members WHERE observation_id=? AND role=?";
    int64_t n_new = 0, n_overlap = 0;
    CI_TRY(ci_registry_db_int(db, &n_new, 0, sql, VALUES(V(id), V("new"))));
    CI_TRY(ci_registry_db_int(db, &n_overlap, 0, sql, VALUES(V(id), V("overlap"))));
    *is_new = n_new > 0;
    *is_overlap = n_overlap > 0;
    return CI_OK;
}

ci_status ci_registry_ungrouped_since(ci_registry *registry, double *mjd_s)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    *mjd_s = NAN;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        "SELECT min(first_time_mjd_s) FROM ingest_queue q WHERE origin<>'deployed' AND "
        "is_named=0 AND NOT EXISTS(SELECT 1 FROM mosaic_group_members m WHERE "
        "m.observation_id=q.group_id AND m.role='new')",
        NO_VALUES);
    if (ci_registry_db_next(db, &stmt, &status)) *mjd_s = ci_registry_db_real(stmt, 0);
    ci_registry_db_done(&stmt);
    return status;
}
