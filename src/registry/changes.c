/* Changes of state: each database records its own, a reader sees them together. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <math.h>
#include <stdlib.h>

#define COLUMN(field, type, name) CI_COLUMN(ci_registry_change, field, type, name)
static const ci_column change_columns[] = {
    COLUMN(at_unix_s, REAL, "at"),    COLUMN(kind, TEXT, "kind"),
    COLUMN(subject, TEXT, "subject"), COLUMN(from, TEXT, "from_state"),
    COLUMN(to, TEXT, "to_state"),     COLUMN(host, TEXT, "host"),
    COLUMN(job, TEXT, "job"),         COLUMN(run, TEXT, "run"),
    COLUMN(pid, INT, "pid"),          COLUMN(reason, STRING, "reason"),
};
static const ci_row_table change_rows = {
    CI_ROW_TABLE("state_changes", NULL, ci_registry_change, change_columns)};

ci_status ci_registry_db_change(ci_registry *registry, ci_registry_database which, const char *kind,
                                const char *subject, const char *from, const char *to,
                                const char *reason)
{
    const ci_registry_owner *self = &registry->self;
    return ci_registry_db_insert(&registry->db[which], "state_changes",
                                 SET({"at", V(ci_registry_now(registry))}, {"kind", V(kind)},
                                     {"subject", V(subject)}, {"from_state", V(from)},
                                     {"to_state", V(to)}, {"reason", V(reason)},
                                     {"host", V(self->host)}, {"pid", V(self->pid)},
                                     {"job", V(self->job)}, {"run", V(registry->run)}));
}

static int by_time(const void *a, const void *b)
{
    double x = ((const ci_registry_change *)a)->at_unix_s;
    double y = ((const ci_registry_change *)b)->at_unix_s;
    return (x > y) - (x < y);
}

static ci_status read_one(ci_registry *registry, int which, ci_registry_changes *list,
                          const char *subject, double since_unix_s)
{
    return ci_registry_rows_read(&registry->db[which], &change_rows,
                                 "WHERE (?1 IS NULL OR subject=?1) AND at>=?2 ORDER BY id",
                                 VALUES(V(subject), V(isnan(since_unix_s) ? 0.0 : since_unix_s)),
                                 &list->n, &list->item);
}

ci_status ci_registry_changes_read(ci_registry *registry, ci_registry_changes **out,
                                   const char *subject, double since_unix_s)
{
    ci_registry_changes *list = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "changes"));
    ci_status status = CI_OK;
    for (int i = 0; i < CI_DB_COUNT && status == CI_OK; i++)
        status = read_one(registry, i, list, subject, since_unix_s);
    if (status != CI_OK) {
        ci_registry_changes_free(list);
        return status;
    }
    if (list->n > 1) qsort(list->item, list->n, sizeof *list->item, by_time);
    *out = list;
    return CI_OK;
}

void ci_registry_changes_free(ci_registry_changes *changes)
{
    ci_registry_list_free(&change_rows, changes);
}
