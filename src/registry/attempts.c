/* Attempts at publishing, as they are read. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <math.h>

#define COLUMN(field, type, name) CI_COLUMN(ci_registry_attempt, field, type, name)
static const ci_column attempt_columns[] = {
    COLUMN(product_id, TEXT, "data_id"),
    COLUMN(outcome, TEXT, "outcome"),
    COLUMN(host, TEXT, "host"),
    COLUMN(job, TEXT, "job"),
    COLUMN(attempt, INT, "attempt"),
    COLUMN(pid, INT, "pid"),
    COLUMN(started_unix_s, REAL, "started_at"),
    COLUMN(ended_unix_s, REAL, "ended_at"),
    COLUMN(error, STRING, "error"),
};
static const ci_row_table attempt_rows = {
    CI_ROW_TABLE("publish_attempts", NULL, ci_registry_attempt, attempt_columns)};

ci_status ci_registry_attempts_read(ci_registry *registry, ci_registry_attempts **out,
                                    const char *product_id, double since_unix_s)
{
    return ci_registry_list_new(out, &registry->db[CI_REGISTRY_DB_DATA], &attempt_rows,
                                "WHERE (?1 IS NULL OR data_id=?1) AND started_at>=?2 ORDER BY id",
                                VALUES(V(product_id), V(isnan(since_unix_s) ? 0.0 : since_unix_s)));
}

void ci_registry_attempts_free(ci_registry_attempts *attempts)
{
    ci_registry_list_free(&attempt_rows, attempts);
}
