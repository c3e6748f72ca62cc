/* Mosaic groups: recording them, claiming and ending the work on them. */
#include "registry/groups.h"

#include "contimg/registry_lease.h"

#include <math.h>
#include <string.h>

ci_status ci_registry_group_id(char out[CI_REGISTRY_ID], const char *const *observation_ids,
                               size_t n, double first_time_mjd_s)
{
    ci_text members = {0};
    char hex[CI_SHA256_HEX];
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = ci_text_append(&members, "%s%s", i ? "\n" : "", observation_ids[i]);
    if (status == CI_OK) status = ci_sha256_bytes(hex, members.text, members.length);
    ci_mem_free(members.text);
    CI_TRY(status);
    snprintf(out, CI_REGISTRY_ID, "%.12s_%lld", hex,
             (long long)llround(1e6 * ci_time_unix_from_mjd_s(first_time_mjd_s)));
    return CI_OK;
}

static ci_status member_add(ci_registry *registry, const ci_registry_group *group, size_t i)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    const ci_registry_member *m = &group->member[i];
    if (m->role != CI_REGISTRY_ROLE_NAMED) {
        int64_t n = 0;
        CI_TRY(ci_registry_db_int(
            db, &n, 0,
            "SELECT count(*) FROM mosaic_group_members WHERE observation_id=? AND "
            "role=?",
            VALUES(V(m->observation_id), V(ci_registry_role_words.word[m->role]))));
        if (n > 0)
            return ci_error(CI_ERR_INPUT, "group %s: observation %s is '%s' in a group already",
                            group->id, m->observation_id, ci_registry_role_words.word[m->role]);
    }
    return ci_registry_db_insert(db, "mosaic_group_members",
                                 SET({"group_id", V(group->id)}, {"i_member", V(i)},
                                     {"observation_id", V(m->observation_id)},
                                     {"role", V(ci_registry_role_words.word[m->role])}));
}

static ci_status paths_write(ci_db *db, const ci_registry_group *group)
{
    CI_TRY(ci_registry_db_run(db, NULL, "DELETE FROM mosaic_group_paths WHERE group_id=?",
                              VALUES(V(group->id))));
    for (size_t i = 0; i < group->n_member; i++)
        for (size_t k = 0; k < group->member[i].n_path; k++)
            CI_TRY(ci_registry_db_insert(db, "mosaic_group_paths",
                                         SET({"group_id", V(group->id)}, {"i_member", V(i)},
                                             {"i_path", V(k)},
                                             {"path", V(group->member[i].path[k])})));
    return CI_OK;
}

/* Its files are others: it is made at once, whatever it was or waited for. */
static ci_status group_begin_again(ci_registry *registry, const ci_registry_group *group)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(paths_write(db, group));
    CI_TRY(ci_registry_db_update(db, NULL, "mosaic_groups", SET({"next_try_at", CI_NULL}),
                                 "WHERE group_id=?", VALUES(V(group->id))));
    CI_TRY(ci_registry_work_again(registry, CI_REGISTRY_WORK_GROUP, group->id));
    for (size_t i = 0; i < group->n_member; i++)
        CI_TRY(ci_registry_work_again(registry, CI_REGISTRY_WORK_OBSERVATION,
                                      group->member[i].observation_id));
    return CI_OK;
}

/* The same observations named again, perhaps by other files: those count now. */
static ci_status group_renamed(ci_registry *registry, const ci_registry_group *group, bool *is_new)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    int64_t n_same = 0, n_stored = 0, n_given = 0;
    CI_TRY(ci_registry_db_int(db, &n_stored, 0,
                              "SELECT count(*) FROM mosaic_group_paths WHERE group_id=?",
                              VALUES(V(group->id))));
    for (size_t i = 0; i < group->n_member; i++) {
        for (size_t k = 0; k < group->member[i].n_path; k++) {
            int64_t n = 0;
            CI_TRY(
                ci_registry_db_int(db, &n, 0,
                                   "SELECT count(*) FROM mosaic_group_paths WHERE group_id=? AND "
                                   "i_member=? AND path=?",
                                   VALUES(V(group->id), V(i), V(group->member[i].path[k]))));
            n_same += n;
            n_given++;
        }
    }
    if (n_stored == 0 || (n_same == n_given && n_stored == n_given)) return CI_OK;
    *is_new = true;
    return group_begin_again(registry, group);
}

static ci_status group_insert(ci_registry *registry, const ci_registry_group *group)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    const char *error = group->error && group->error[0] ? group->error : NULL;
    const char *state = ci_registry_work_state_word(group->state);
    CI_TRY(ci_registry_group_insert(registry, group));
    for (size_t i = 0; i < group->n_member; i++)
        CI_TRY(member_add(registry, group, i));
    if (group->is_named) CI_TRY(paths_write(db, group));
    return ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, "group", group->id, "", state,
                                 error ? error : group->closed_by);
}

ci_status ci_registry_group_add(ci_registry *registry, const ci_registry_group *group, bool *is_new)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    int64_t n = 0;
    *is_new = false;
    if (group->n_member == 0) return ci_error(CI_ERR_INTERNAL, "group %s: no members", group->id);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_int(
        db, &n, 0, "SELECT count(*) FROM mosaic_groups WHERE group_id=?", VALUES(V(group->id)));
    if (status == CI_OK && n == 0) {
        status = group_insert(registry, group);
        *is_new = status == CI_OK;
    } else if (status == CI_OK && group->is_named) {
        status = group_renamed(registry, group, is_new);
    }
    return ci_registry_db_end(db, status);
}

/* ---- claims ------------------------------------------------------------------------------- */

ci_status ci_registry_group_claim(ci_registry *registry, const char *id, double lease_s, bool *done)
{
    return ci_registry_work_claim(registry, CI_REGISTRY_WORK_GROUP, id, lease_s, done);
}

ci_status ci_registry_group_check(ci_registry *registry, const char *id, const char *token)
{
    return ci_registry_work_check(registry, CI_REGISTRY_WORK_GROUP, id, token);
}

ci_status ci_registry_group_end(ci_registry *registry, const char *id, ci_registry_work_state state,
                                const char *reason, const char *mosaic_id)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_work_end(registry, CI_REGISTRY_WORK_GROUP, id, state, reason);
    if (status == CI_OK && mosaic_id)
        status =
            ci_registry_db_run(db, NULL, "UPDATE mosaic_groups SET mosaic_id=? WHERE group_id=?",
                               VALUES(V(mosaic_id), V(id)));
    if (status == CI_OK && state == CI_REGISTRY_WORK_COMPLETED)
        status = ci_registry_db_run(
            db, NULL, "UPDATE mosaic_groups SET is_remake=0 WHERE group_id=?", VALUES(V(id)));
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_group_wait(ci_registry *registry, const char *id, double next_try_unix_s)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_run(db, NULL, "UPDATE mosaic_groups SET next_try_at=? WHERE group_id=?",
                               VALUES(V(next_try_unix_s), V(id))));
}

ci_status ci_registry_groups_wake(ci_registry *registry)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_run(db, NULL,
                               "UPDATE mosaic_groups SET next_try_at=NULL WHERE status='pending' "
                               "AND next_try_at IS NOT NULL",
                               NO_VALUES));
}

ci_status ci_registry_group_fault(ci_registry *registry, const char *id, int64_t *n_fault)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, NULL, "UPDATE mosaic_groups SET n_fault=n_fault+1 WHERE group_id=?", VALUES(V(id)));
    if (status == CI_OK)
        status = ci_registry_db_int(
            db, n_fault, 0, "SELECT n_fault FROM mosaic_groups WHERE group_id=?", VALUES(V(id)));
    return ci_registry_db_end(db, status);
}

/* From completed to pending; joins a transaction. */
static ci_status reopen(ci_registry *registry, const char *id, const char *why)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    int64_t n = 0;
    ci_status status = ci_registry_db_run(db, &n,
                                          "UPDATE mosaic_groups SET status='pending',error=? WHERE "
                                          "group_id=? AND status='completed'",
                                          VALUES(V(why), V(id)));
    if (status == CI_OK && n > 0)
        status = ci_registry_db_change(registry, CI_REGISTRY_DB_INGEST, "group", id, "completed",
                                       "pending", why);
    return status;
}

ci_status ci_registry_group_reopen(ci_registry *registry, const char *id, const char *why)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(db, reopen(registry, id, why));
}

ci_status ci_registry_group_remake(ci_registry *registry, const char *id)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, NULL, "UPDATE mosaic_groups SET is_remake=1 WHERE group_id=? AND origin<>'deployed'",
        VALUES(V(id)));
    if (status == CI_OK) status = reopen(registry, id, "made again by name: --remake");
    return ci_registry_db_end(db, status);
}
