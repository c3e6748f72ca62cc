/* Mosaic groups with their members and the members' files. */
#include "registry/groups.h"

#include <string.h>

static const char *const roles[] = {"new", "overlap", "named"};
const ci_words ci_registry_role_words = {roles, 3, CI_REGISTRY_ROLE_NAMED};

#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_group, field, type, name, __VA_ARGS__)
static const ci_column group_columns[] = {
    COLUMN(id, TEXT, "group_id"),
    COLUMN(state, WORD, "status", .words = &ci_registry_work_words),
    COLUMN(closed_by, TEXT, "closed_by"),
    COLUMN(is_early, INT, "is_early"),
    COLUMN(is_named, INT, "is_named"),
    COLUMN(n_min_tiles, INT, "n_min_tiles"),
    COLUMN(created_unix_s, REAL, "created_at"),
    COLUMN(next_try_unix_s, REAL, "next_try_at", .flags = CI_COLUMN_READ),
    COLUMN(is_remake, INT, "is_remake", .flags = CI_COLUMN_READ),
    COLUMN(mosaic_id, TEXT, "mosaic_id", .flags = CI_COLUMN_READ),
    COLUMN(error, STRING, "error", .flags = CI_COLUMN_EMPTY_NULL),
    COLUMN(is_deployed, WORD, "origin", .words = &ci_registry_row_origin),
    CI_LEASE_COLUMNS(ci_registry_group, owner),
};
static const ci_row_table group_rows = {
    CI_ROW_TABLE("mosaic_groups", "group_id", ci_registry_group, group_columns)};

ci_status ci_registry_group_insert(ci_registry *registry, const ci_registry_group *group)
{
    ci_registry_group row = *group;
    row.created_unix_s = ci_registry_now(registry);
    row.is_deployed = false;
    return ci_registry_row_insert(&registry->db[CI_REGISTRY_DB_INGEST], &group_rows, &row,
                                  SET({"first_time_mjd_s", V(group->member[0].first_time_mjd_s)}));
}

/* ---- members --------------------------------------------------------------------------------- */

#undef COLUMN
#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_member, field, type, name, __VA_ARGS__)
static const ci_column member_columns[] = {
    COLUMN(observation_id, TEXT, "m.observation_id"),
    COLUMN(role, WORD, "m.role", .words = &ci_registry_role_words),
    COLUMN(state, WORD, "q.state", .words = &ci_registry_work_words),
    COLUMN(is_degraded, INT, "q.is_degraded"),
    COLUMN(n_expected, INT, "q.expected_subbands"),
    COLUMN(first_time_mjd_s, REAL, "q.first_time_mjd_s"),
    COLUMN(last_time_mjd_s, REAL, "q.last_time_mjd_s"),
    COLUMN(dec_rad, REAL, "q.dec_rad"),
};
static const ci_row_table member_rows = {
    CI_ROW_TABLE("mosaic_group_members", NULL, ci_registry_member, member_columns),
    .from = "mosaic_group_members m JOIN ingest_queue q ON q.group_id=m.observation_id"};

static ci_status paths_read(ci_db *db, const ci_registry_group *g, size_t i_member,
                            ci_registry_member *m)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status = CI_OK;
    if (g->is_named)
        status = ci_registry_db_query(
            db, &stmt,
            "SELECT path FROM mosaic_group_paths WHERE group_id=? AND i_member=? ORDER BY i_path",
            VALUES(V(g->id), V(i_member)));
    else
        status = ci_registry_db_query(
            db, &stmt,
            "SELECT path FROM files WHERE observation_id=? AND state='used' ORDER BY "
            "freq_low_hz,path",
            VALUES(V(m->observation_id)));
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_list_grow(&m->path, m->n_path, sizeof *m->path);
        if (status == CI_OK) status = ci_registry_db_text_copy(stmt, 0, &m->path[m->n_path++]);
    }
    return status;
}

static ci_status members_read(ci_db *db, ci_registry_group *g)
{
    CI_TRY(ci_registry_rows_read(db, &member_rows, "WHERE m.group_id=? ORDER BY m.i_member",
                                 VALUES(V(g->id)), &g->n_member, &g->member));
    for (size_t i = 0; i < g->n_member; i++) {
        ci_registry_member *m = &g->member[i];
        CI_TRY(paths_read(db, g, i, m));
        /* A person may have named some of an observation's files only. */
        if (g->is_named && m->n_expected > 0) m->is_degraded = (int64_t)m->n_path < m->n_expected;
    }
    return CI_OK;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Nobody works on it, or nobody any more. */
static bool is_ready(const ci_registry *registry, const ci_registry_group *g)
{
    bool waits = g->next_try_unix_s > ci_registry_now(registry);
    return (g->state == CI_REGISTRY_WORK_PENDING && !waits) ||
           (g->state == CI_REGISTRY_WORK_IN_PROGRESS &&
            !ci_registry_owner_alive(registry, &g->owner));
}

static void keep_ready(const ci_registry *registry, ci_registry_groups *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (is_ready(registry, &list->item[i]))
            list->item[n++] = list->item[i];
        else
            ci_registry_row_clear(&group_rows, &list->item[i]);
    }
    list->n = n;
}

static ci_status members_of_all(ci_db *db, ci_registry_groups **out)
{
    ci_registry_groups *list = *out;
    ci_status status = CI_OK;
    for (size_t i = 0; i < list->n && status == CI_OK; i++)
        status = members_read(db, &list->item[i]);
    if (status == CI_OK) return CI_OK;
    ci_registry_groups_free(list);
    *out = NULL;
    return status;
}

ci_status ci_registry_group_get(ci_registry *registry, const char *id, ci_registry_groups **out)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_list_new(out, db, &group_rows, "WHERE group_id=?", VALUES(V(id))));
    return members_of_all(db, out);
}

ci_status ci_registry_groups_ready(ci_registry *registry, ci_registry_groups **out)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_list_new(out, db, &group_rows,
                                "WHERE origin<>'deployed' AND status IN ('pending','in_progress') "
                                "ORDER BY first_time_mjd_s,group_id",
                                NO_VALUES));
    keep_ready(registry, *out);
    return members_of_all(db, out);
}

ci_status ci_registry_groups_unfinished(ci_registry *registry, ci_registry_groups **out)
{
    return ci_registry_list_new(
        out, &registry->db[CI_REGISTRY_DB_INGEST], &group_rows,
        "WHERE origin<>'deployed' AND status<>'completed' ORDER BY first_time_mjd_s,group_id",
        NO_VALUES);
}

ci_status ci_registry_groups_read(ci_registry *registry, ci_registry_groups **out)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_INGEST];
    CI_TRY(ci_registry_list_new(out, db, &group_rows, "ORDER BY first_time_mjd_s,group_id",
                                NO_VALUES));
    return members_of_all(db, out);
}

static void members_free(ci_registry_group *g)
{
    for (size_t i = 0; i < g->n_member; i++)
        ci_str_list_free(g->member[i].path, g->member[i].n_path);
    ci_mem_free(g->member);
}

void ci_registry_groups_free(ci_registry_groups *groups)
{
    if (!groups) return;
    for (size_t i = 0; i < groups->n; i++)
        members_free(&groups->item[i]);
    ci_registry_list_free(&group_rows, groups);
}
