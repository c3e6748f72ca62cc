/* Observations: the deployed table ingest_queue with contimg's columns. */
#include "registry/handle.h"

#include <math.h>
#include <string.h>

#define COLUMN(field, type, name, ...)                                                             \
    CI_COLUMN(ci_registry_observation, field, type, name, __VA_ARGS__)
static const ci_column observation_columns[] = {
    COLUMN(id, TEXT, "group_id", .flags = CI_COLUMN_ONCE),
    COLUMN(state, WORD, "state", .words = &ci_registry_work_words),
    COLUMN(state, WORD, "processing_stage", .words = &ci_registry_work_words,
           .flags = CI_COLUMN_WRITE),
    COLUMN(is_deployed, WORD, "origin", .words = &ci_registry_row_origin, .flags = CI_COLUMN_ONCE),
    COLUMN(is_ready, INT, "is_ready"),
    COLUMN(is_degraded, INT, "is_degraded"),
    COLUMN(is_named, INT, "is_named"),
    COLUMN(first_time_mjd_s, REAL, "first_time_mjd_s"),
    COLUMN(last_time_mjd_s, REAL, "last_time_mjd_s"),
    COLUMN(interval_s, REAL, "interval_s"),
    COLUMN(dec_rad, REAL, "dec_rad", CI_KNOWN(ci_registry_observation, dec_known)),
    /* Deployed rows do not carry it: counted. */
    COLUMN(n_present, INT, "n_present",
           .select = "coalesce(n_present,(SELECT count(*) FROM subband_files s WHERE "
                     "s.group_id=q.group_id))"),
    COLUMN(n_expected, INT, "expected_subbands"),
    COLUMN(received_unix_s, REAL, "received_at", .flags = CI_COLUMN_ONCE),
    COLUMN(arrived_unix_s, REAL, "arrived_at"),
    COLUMN(missing, TEXT, "missing"),
    COLUMN(error, STRING, "error", .flags = CI_COLUMN_EMPTY_NULL),
};
static const ci_row_table observation_rows = {
    CI_ROW_TABLE("ingest_queue", "group_id", ci_registry_observation, observation_columns),
    .from = "ingest_queue q"};

ci_status ci_registry_observation_put(ci_registry *registry, const ci_registry_observation *o)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    ci_registry_observation row = *o;
    char before[CI_REGISTRY_WORD];
    const char *state = ci_registry_work_state_word(o->state);
    double minutes = (o->last_time_mjd_s - o->first_time_mjd_s + o->interval_s) / 60.0;
    row.is_deployed = false;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status =
        ci_registry_db_word(db, before, sizeof before,
                            "SELECT state FROM ingest_queue WHERE group_id=?", VALUES(V(o->id)));
    if (status == CI_OK)
        status = ci_registry_row_put(
            db, &observation_rows, &row,
            SET({"last_update", V(ci_registry_now(registry))}, {"chunk_minutes", V(minutes)}));
    if (status == CI_OK && strcmp(before, state) != 0)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, "observation", o->id,
                                       before, state, o->error);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_observation_get(ci_registry *registry, const char *id,
                                      ci_registry_observations **out)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_INGEST], &observation_rows,
                                "WHERE group_id=?", VALUES(V(id)));
}

ci_status ci_registry_observations_read(ci_registry *registry, ci_registry_observations **out,
                                        double from_mjd_s, double to_mjd_s, bool with_deployed)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_INGEST], &observation_rows,
                                "WHERE (?1 IS NULL OR first_time_mjd_s>=?1) AND (?2 IS NULL OR "
                                "first_time_mjd_s<?2) AND (?3 OR origin<>'deployed') ORDER BY "
                                "first_time_mjd_s,group_id",
                                VALUES(V(from_mjd_s), V(to_mjd_s), V(with_deployed)));
}

ci_status ci_registry_observations_open(ci_registry *registry, ci_registry_observations **out)
{
    return ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_INGEST], &observation_rows,
        "WHERE origin<>'deployed' AND state='collecting' AND is_ready=0 ORDER BY "
        "first_time_mjd_s,group_id",
        NO_VALUES);
}

void ci_registry_observations_free(ci_registry_observations *observations)
{
    ci_registry_list_free(&observation_rows, observations);
}

/* ---- claims ---------------------------------------------------------------------------------- */

ci_status ci_registry_observation_claim(ci_registry *registry, const char *id, double lease_s,
                                        bool *done)
{
    return ci_registry_work_claim(registry, CI_REGISTRY_WORK_OBSERVATION, id, lease_s, done);
}

ci_status ci_registry_observation_end(ci_registry *registry, const char *id,
                                      ci_registry_work_state state, const char *reason)
{
    return ci_registry_work_end(registry, CI_REGISTRY_WORK_OBSERVATION, id, state, reason);
}

/* ---- tiles: neighbouring groups share them --------------------------------------------------- */

static ci_status tile_claim(ci_registry *registry, const char *id, double lease_s)
{
    ci_registry_owner owner, mine;
    CI_TRY(ci_registry_work_owner(registry, CI_REGISTRY_WORK_OBSERVATION, id, &owner));
    if (ci_registry_lease_is_other(registry, &owner)) {
        char who[CI_REGISTRY_TEXT];
        ci_registry_owner_text(&owner, who);
        return ci_error(CI_ERR_NOT_READY, "tile %s is in use by %s", id, who);
    }
    ci_registry_lease_new(registry, lease_s, &mine);
    if (ci_registry_lease_is_ours(registry, &owner)) mine.acquired_unix_s = owner.acquired_unix_s;
    return ci_registry_lease_write(&registry->db[CI_REGISTRY_DB_INGEST], observation_rows.name,
                                   "group_id", id, &mine);
}

ci_status ci_registry_tiles_claim(ci_registry *registry, const char *const *ids, size_t n,
                                  double lease_s)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    for (size_t i = 0; i < n; i++) {
        ci_registry_owner owner;
        CI_TRY(ci_registry_work_owner(registry, CI_REGISTRY_WORK_OBSERVATION, ids[i], &owner));
        ci_registry_lease_ask(registry, &owner);
    }
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = tile_claim(registry, ids[i], lease_s);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_tiles_release(ci_registry *registry, const char *const *ids, size_t n)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++) {
        ci_registry_owner owner;
        status = ci_registry_work_owner(registry, CI_REGISTRY_WORK_OBSERVATION, ids[i], &owner);
        if (status == CI_OK && ci_registry_lease_is_ours(registry, &owner))
            status = ci_registry_lease_write(db, observation_rows.name, "group_id", ids[i], NULL);
    }
    return ci_registry_db_end(db, status);
}
