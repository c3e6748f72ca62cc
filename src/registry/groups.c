#include "registry/db.h"

#include <math.h>
#include <string.h>

static const char *const role_words[] = {"new", "overlap", "named"};
static const ci_work_table table = {"mosaic_groups", "status", "group"};

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
    ci_db *db = &registry->db[CI_DB_INGEST];
    const ci_registry_member *m = &group->member[i];
    if (m->role != CI_ROLE_NAMED) {
        int64_t n = 0;
        CI_TRY(ci_registry_db_int(
            db, &n, 0,
            "SELECT count(*) FROM mosaic_group_members WHERE observation_id=? AND "
            "role=?",
            "tt", m->observation_id, role_words[m->role]));
        if (n > 0)
            return ci_error(CI_ERR_INPUT, "group %s: observation %s is '%s' in a group already",
                            group->id, m->observation_id, role_words[m->role]);
    }
    return ci_registry_db_run(
        db, NULL,
        "INSERT INTO mosaic_group_members(group_id,i_member,observation_id,role) "
        "VALUES(?,?,?,?)",
        "titt", group->id, (int64_t)i, m->observation_id, role_words[m->role]);
}

static ci_status paths_write(ci_db *db, const ci_registry_group *group)
{
    CI_TRY(ci_registry_db_run(db, NULL, "DELETE FROM mosaic_group_paths WHERE group_id=?", "t",
                              group->id));
    for (size_t i = 0; i < group->n_member; i++)
        for (size_t k = 0; k < group->member[i].n_path; k++)
            CI_TRY(ci_registry_db_run(
                db, NULL,
                "INSERT INTO mosaic_group_paths(group_id,i_member,i_path,path) "
                "VALUES(?,?,?,?)",
                "tiit", group->id, (int64_t)i, (int64_t)k, group->member[i].path[k]));
    return CI_OK;
}

/* The same observations named again, perhaps by other files: those count now. */
static ci_status group_renamed(ci_registry *registry, const ci_registry_group *group, bool *is_new)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    int64_t n_same = 0, n_stored = 0, n_given = 0;
    CI_TRY(ci_registry_db_int(db, &n_stored, 0,
                              "SELECT count(*) FROM mosaic_group_paths WHERE group_id=?", "t",
                              group->id));
    for (size_t i = 0; i < group->n_member; i++) {
        for (size_t k = 0; k < group->member[i].n_path; k++) {
            int64_t n = 0;
            CI_TRY(
                ci_registry_db_int(db, &n, 0,
                                   "SELECT count(*) FROM mosaic_group_paths WHERE group_id=? AND "
                                   "i_member=? AND path=?",
                                   "tit", group->id, (int64_t)i, group->member[i].path[k]));
            n_same += n;
            n_given++;
        }
    }
    if (n_stored == 0 || (n_same == n_given && n_stored == n_given)) return CI_OK;
    CI_TRY(paths_write(db, group));
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "UPDATE mosaic_groups SET status='pending' WHERE group_id=? AND status IN "
        "('completed','failed')",
        "t", group->id));
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "UPDATE ingest_queue SET state='pending' WHERE state='completed' AND group_id "
        "IN (SELECT observation_id FROM mosaic_group_members WHERE group_id=?)",
        "t", group->id));
    *is_new = true;
    return ci_registry_db_change(registry, CI_DB_INGEST, "group", group->id, "", "pending",
                                 "named again, with other files");
}

static ci_status group_insert(ci_registry *registry, const ci_registry_group *group)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    const char *error = group->error && group->error[0] ? group->error : NULL;
    const char *state = ci_registry_work_state_word(group->state);
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "INSERT INTO mosaic_groups(group_id,status,closed_by,is_early,is_named,n_min_tiles,"
        "created_at,first_time_mjd_s,error,origin) VALUES(?,?,?,?,?,?,?,?,?,'contimg')",
        "tttiiiddt", group->id, state, group->closed_by, (int64_t)group->is_early,
        (int64_t)group->is_named, group->n_min_tiles, ci_registry_now(registry),
        group->member[0].first_time_mjd_s, error));
    for (size_t i = 0; i < group->n_member; i++)
        CI_TRY(member_add(registry, group, i));
    if (group->is_named) CI_TRY(paths_write(db, group));
    return ci_registry_db_change(registry, CI_DB_INGEST, "group", group->id, "", state,
                                 error ? error : group->closed_by);
}

ci_status ci_registry_group_add(ci_registry *registry, const ci_registry_group *group, bool *is_new)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    int64_t n = 0;
    *is_new = false;
    if (group->n_member == 0) return ci_error(CI_ERR_INTERNAL, "group %s: no members", group->id);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_int(
        db, &n, 0, "SELECT count(*) FROM mosaic_groups WHERE group_id=?", "t", group->id);
    if (status == CI_OK && n == 0) {
        status = group_insert(registry, group);
        *is_new = status == CI_OK;
    } else if (status == CI_OK && group->is_named) {
        status = group_renamed(registry, group, is_new);
    }
    return ci_registry_db_end(db, status);
}

/* ---- reading ---------------------------------------------------------------------------- */

static ci_status paths_read(ci_db *db, const ci_registry_group *g, size_t i_member,
                            ci_registry_member *m)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status =
        g->is_named ? ci_registry_db_query(
                          db, &stmt,
                          "SELECT path FROM mosaic_group_paths WHERE group_id=? AND i_member=? "
                          "ORDER BY i_path",
                          "ti", g->id, (int64_t)i_member)
                    : ci_registry_db_query(
                          db, &stmt,
                          "SELECT path FROM files WHERE observation_id=? AND state='used' ORDER BY "
                          "freq_low_hz,path",
                          "t", m->observation_id);
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&m->path, m->n_path, sizeof *m->path);
        if (status == CI_OK) status = ci_registry_db_text_copy(stmt, 0, &m->path[m->n_path++]);
    }
    return status;
}

static ci_status members_read(ci_db *db, ci_registry_group *g)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        "SELECT m.observation_id,m.role,q.state,q.is_degraded,q.first_time_mjd_s,q.dec_rad FROM "
        "mosaic_group_members m JOIN ingest_queue q ON q.group_id=m.observation_id WHERE "
        "m.group_id=? ORDER BY m.i_member",
        "t", g->id);
    while (ci_registry_db_next(db, &stmt, &status)) {
        char word[CI_REGISTRY_WORD];
        status = ci_registry_db_list_grow(&g->member, g->n_member, sizeof *g->member);
        if (status != CI_OK) continue;
        ci_registry_member *m = &g->member[g->n_member++];
        ci_registry_db_text(stmt, 0, m->observation_id, sizeof m->observation_id);
        ci_registry_db_text(stmt, 1, word, sizeof word);
        m->role = (ci_registry_role)ci_registry_word_find(role_words, 3, word, CI_ROLE_NAMED);
        ci_registry_db_text(stmt, 2, word, sizeof word);
        m->state = CI_WORK_FAILED;
        for (int k = 0; k < CI_WORK_STATE_COUNT; k++)
            if (strcmp(word, ci_registry_work_state_word((ci_registry_work_state)k)) == 0)
                m->state = (ci_registry_work_state)k;
        m->is_degraded = ci_registry_db_integer(stmt, 3) != 0;
        m->first_time_mjd_s = ci_registry_db_real(stmt, 4);
        m->dec_rad = ci_registry_db_real(stmt, 5);
    }
    for (size_t i = 0; i < g->n_member && status == CI_OK; i++)
        status = paths_read(db, g, i, &g->member[i]);
    return status;
}

#define SELECT_GROUP                                                                               \
    "SELECT group_id,status,closed_by,is_early,is_named,n_min_tiles,created_at,mosaic_id,error,"   \
    "origin," CI_LEASE_COLUMNS " FROM mosaic_groups "

static ci_status group_from_row(sqlite3_stmt *stmt, ci_registry_group *g, ci_registry_owner *owner)
{
    char word[CI_REGISTRY_WORD];
    ci_registry_db_text(stmt, 0, g->id, sizeof g->id);
    ci_registry_db_text(stmt, 1, word, sizeof word);
    g->state = CI_WORK_FAILED;
    for (int k = 0; k < CI_WORK_STATE_COUNT; k++)
        if (strcmp(word, ci_registry_work_state_word((ci_registry_work_state)k)) == 0)
            g->state = (ci_registry_work_state)k;
    ci_registry_db_text(stmt, 2, g->closed_by, sizeof g->closed_by);
    g->is_early = ci_registry_db_integer(stmt, 3) != 0;
    g->is_named = ci_registry_db_integer(stmt, 4) != 0;
    g->n_min_tiles = ci_registry_db_integer(stmt, 5);
    g->created_unix_s = ci_registry_db_real(stmt, 6);
    ci_registry_db_text(stmt, 7, g->mosaic_id, sizeof g->mosaic_id);
    ci_registry_db_text(stmt, 9, word, sizeof word);
    g->is_deployed = strcmp(word, "deployed") == 0;
    ci_registry_lease_read(stmt, 10, owner);
    return ci_registry_db_text_copy(stmt, 8, &g->error);
}

static ci_status read_list(ci_registry *registry, ci_registry_groups **out, const char *id,
                           bool only_ready)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    ci_registry_groups *list = NULL;
    sqlite3_stmt *stmt = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "groups"));
    ci_status status = ci_registry_db_query(
        db, &stmt,
        SELECT_GROUP "WHERE (?1 IS NULL OR group_id=?1) ORDER BY first_time_mjd_s,group_id", "t",
        id);
    while (ci_registry_db_next(db, &stmt, &status)) {
        ci_registry_owner owner;
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status != CI_OK) continue;
        ci_registry_group *g = &list->item[list->n];
        status = group_from_row(stmt, g, &owner);
        /* A group of a dead owner may be taken like one that nobody began. */
        bool is_free = g->state == CI_WORK_PENDING || (g->state == CI_WORK_IN_PROGRESS &&
                                                       !ci_registry_owner_alive(registry, &owner));
        if (only_ready && (!is_free || g->is_deployed)) {
            ci_mem_free(g->error);
            memset(g, 0, sizeof *g);
        } else {
            list->n++;
        }
    }
    for (size_t i = 0; i < list->n && status == CI_OK; i++)
        status = members_read(db, &list->item[i]);
    if (status != CI_OK) {
        ci_registry_groups_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}

ci_status ci_registry_group_get(ci_registry *registry, const char *id, ci_registry_groups **out)
{
    return read_list(registry, out, id, false);
}

ci_status ci_registry_groups_ready(ci_registry *registry, ci_registry_groups **out)
{
    return read_list(registry, out, NULL, true);
}

ci_status ci_registry_groups_read(ci_registry *registry, ci_registry_groups **out)
{
    return read_list(registry, out, NULL, false);
}

void ci_registry_groups_free(ci_registry_groups *groups)
{
    if (!groups) return;
    for (size_t i = 0; i < groups->n; i++) {
        ci_registry_group *g = &groups->item[i];
        for (size_t k = 0; k < g->n_member; k++) {
            for (size_t p = 0; p < g->member[k].n_path; p++)
                ci_mem_free(g->member[k].path[p]);
            ci_mem_free(g->member[k].path);
        }
        ci_mem_free(g->member);
        ci_mem_free(g->error);
    }
    ci_mem_free(groups->item);
    ci_mem_free(groups);
}

/* ---- claims ------------------------------------------------------------------------------- */

ci_status ci_registry_group_claim(ci_registry *registry, const char *id, double lease_s, bool *done)
{
    return ci_registry_work_claim(registry, &table, id, lease_s, done);
}

ci_status ci_registry_group_renew(ci_registry *registry, const char *id, double lease_s)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    ci_registry_owner owner = {0};
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_query(db, &stmt,
                                            "SELECT " CI_LEASE_COLUMNS " FROM mosaic_groups WHERE "
                                            "group_id=? AND status='in_progress'",
                                            "t", id);
    if (ci_registry_db_next(db, &stmt, &status)) {
        ci_registry_lease_read(stmt, 0, &owner);
        ci_registry_db_done(&stmt);
    }
    if (status == CI_OK && !ci_registry_lease_is_ours(registry, &owner)) {
        char who[CI_REGISTRY_TEXT];
        ci_registry_owner_text(&owner, who);
        status = ci_error(CI_ERR_NOT_READY, "%s: group was taken over by %s", id, who);
    }
    owner.expires_unix_s = ci_registry_now(registry) + lease_s;
    if (status == CI_OK) status = ci_registry_lease_write(db, table.name, "group_id", id, &owner);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_group_end(ci_registry *registry, const char *id, ci_registry_work_state state,
                                const char *reason, const char *mosaic_id)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_work_end(registry, &table, id, state, reason);
    if (status == CI_OK && mosaic_id)
        status = ci_registry_db_run(
            db, NULL, "UPDATE mosaic_groups SET mosaic_id=? WHERE group_id=?", "tt", mosaic_id, id);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_group_reopen(ci_registry *registry, const char *id, const char *why)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    int64_t n = 0;
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(db, &n,
                                          "UPDATE mosaic_groups SET status='pending',error=? WHERE "
                                          "group_id=? AND status='completed'",
                                          "tt", why, id);
    if (status == CI_OK && n > 0)
        status = ci_registry_db_change(registry, CI_DB_INGEST, table.kind, id, "completed",
                                       "pending", why);
    return ci_registry_db_end(db, status);
}

/* Needed: a member of a group that is still to be made, or new in one group and overlap in
 * none yet while it stands among the last two of its group (the next may begin with it). */
ci_status ci_registry_observation_is_needed(ci_registry *registry, const char *id, bool *out)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    int64_t n_open = 0, n_group = 0, n_follow = 0;
    *out = true;
    CI_TRY(
        ci_registry_db_int(db, &n_open, 0,
                           "SELECT count(*) FROM mosaic_group_members m JOIN mosaic_groups g USING"
                           "(group_id) WHERE m.observation_id=? AND g.status IN ('pending',"
                           "'in_progress')",
                           "t", id));
    CI_TRY(ci_registry_db_int(db, &n_group, 0,
                              "SELECT count(*) FROM mosaic_group_members WHERE observation_id=?",
                              "t", id));
    CI_TRY(ci_registry_db_int(
        db, &n_follow, 0,
        "SELECT count(*) FROM mosaic_group_members m JOIN ingest_queue q ON "
        "q.group_id=m.observation_id WHERE m.observation_id=?1 AND m.role='new' AND NOT EXISTS("
        "SELECT 1 FROM mosaic_group_members o WHERE o.observation_id=?1 AND o.role='overlap') AND "
        "m.i_member+2>=(SELECT count(*) FROM mosaic_group_members c WHERE c.group_id=m.group_id) "
        "AND NOT EXISTS(SELECT 1 FROM mosaic_group_members n JOIN ingest_queue p ON "
        "p.group_id=n.observation_id WHERE n.role='new' AND p.first_time_mjd_s>"
        "(SELECT max(z.first_time_mjd_s) FROM mosaic_group_members y JOIN ingest_queue z ON "
        "z.group_id=y.observation_id WHERE y.group_id=m.group_id))",
        "t", id));
    *out = n_open > 0 || n_group == 0 || n_follow > 0;
    return CI_OK;
}

ci_status ci_registry_observation_roles(ci_registry *registry, const char *id, bool *is_new,
                                        bool *is_overlap)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    static const char sql[] =
        "SELECT count(*) FROM mosaic_group_members WHERE observation_id=? AND role=?";
    int64_t n_new = 0, n_overlap = 0;
    CI_TRY(ci_registry_db_int(db, &n_new, 0, sql, "tt", id, "new"));
    CI_TRY(ci_registry_db_int(db, &n_overlap, 0, sql, "tt", id, "overlap"));
    *is_new = n_new > 0;
    *is_overlap = n_overlap > 0;
    return CI_OK;
}

ci_status ci_registry_ungrouped_since(ci_registry *registry, double *mjd_s)
{
    ci_db *db = &registry->db[CI_DB_INGEST];
    sqlite3_stmt *stmt = NULL;
    *mjd_s = NAN;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        "SELECT min(first_time_mjd_s) FROM ingest_queue q WHERE origin<>'deployed' AND "
        "is_named=0 AND NOT EXISTS(SELECT 1 FROM mosaic_group_members m WHERE "
        "m.observation_id=q.group_id AND m.role='new')",
        "");
    if (ci_registry_db_next(db, &stmt, &status)) *mjd_s = ci_registry_db_real(stmt, 0);
    ci_registry_db_done(&stmt);
    return status;
}
