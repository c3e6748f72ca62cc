/* Changes of state: each database records its own, a reader sees them together. */
#include "contimg/registry_watch.h"
#include "registry/handle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN(field, type, name) CI_COLUMN(ci_registry_change, field, type, name)
static const ci_column change_columns[] = {
    COLUMN(at_unix_s, REAL, "at"),    COLUMN(kind_word, TEXT, "kind"),
    COLUMN(subject, TEXT, "subject"), COLUMN(from, TEXT, "from_state"),
    COLUMN(to, TEXT, "to_state"),     COLUMN(host, TEXT, "host"),
    COLUMN(job, TEXT, "job"),         COLUMN(run, TEXT, "run"),
    COLUMN(pid, INT, "pid"),          COLUMN(reason, STRING, "reason"),
    COLUMN(gate, TEXT, "gate"),
};
static const ci_row_table change_rows = {
    CI_ROW_TABLE("state_changes", NULL, ci_registry_change, change_columns)};

/* The states of a kind, by its word. */
static const struct
{
    const char *word;
    const ci_words *states;
} kinds[] = {
    [CI_REGISTRY_CHANGE_FILE] = {"file", &ci_registry_file_words},
    [CI_REGISTRY_CHANGE_OBSERVATION] = {"observation", &ci_registry_work_words},
    [CI_REGISTRY_CHANGE_GROUP] = {"group", &ci_registry_work_words},
    [CI_REGISTRY_CHANGE_TILE] = {"tile", &ci_registry_image_words},
    [CI_REGISTRY_CHANGE_MOSAIC] = {"mosaic", &ci_registry_image_words},
    [CI_REGISTRY_CHANGE_PRODUCT] = {"product", &ci_registry_publish_words},
};

static int state_of(const ci_words *words, const char *word)
{
    int state = ci_registry_words_find(words, word);
    return strcmp(ci_registry_words_get(words, state), word) == 0 ? state : -1;
}

static void states_fill(ci_registry_change *c)
{
    int kind = 0;
    while (kind < CI_REGISTRY_CHANGE_OTHER && strcmp(kinds[kind].word, c->kind_word) != 0)
        kind++;
    c->kind = (ci_registry_change_kind)kind;
    c->from_state = c->to_state = -1;
    if (kind == CI_REGISTRY_CHANGE_OTHER) return;
    c->from_state = state_of(kinds[kind].states, c->from);
    c->to_state = state_of(kinds[kind].states, c->to);
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
    for (int i = 0; i < CI_REGISTRY_DB_COUNT && status == CI_OK; i++)
        status = read_one(registry, i, list, subject, since_unix_s);
    if (status != CI_OK) {
        ci_registry_changes_free(list);
        return status;
    }
    for (size_t i = 0; i < list->n; i++)
        states_fill(&list->item[i]);
    if (list->n > 1) qsort(list->item, list->n, sizeof *list->item, by_time);
    *out = list;
    return CI_OK;
}

void ci_registry_changes_free(ci_registry_changes *changes)
{
    ci_registry_list_free(&change_rows, changes);
}
