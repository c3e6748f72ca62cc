/* Rows as structs: SELECT, INSERT and UPDATE from one table of columns. */
#include "registry/rows.h"

#include <math.h>
#include <string.h>

static const char *const origin_words[] = {"contimg", "deployed"};
const ci_words ci_registry_row_origin = {origin_words, 2, 0};

const char *ci_registry_words_get(const ci_words *words, int value)
{
    return words->word[value];
}

int ci_registry_words_find(const ci_words *words, const char *word)
{
    int i = (int)ci_str_index(word, words->word, (size_t)words->n);
    return i < words->n ? i : words->missing;
}

ci_status ci_registry_list_grow(void *items, size_t n, size_t item_size)
{
    if (n & (n - 1)) return CI_OK; /* enough until the next power of two */
    return ci_mem_resize(items, n ? 2 * n : 1, item_size, "list of rows");
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int64_t integer_get(const ci_column *c, const char *field)
{
    int64_t wide;
    int32_t narrow;
    if (c->size == sizeof(bool)) return *(const bool *)field;
    if (c->size == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, field, sizeof wide);
    return wide;
}

static void integer_set(const ci_column *c, char *field, int64_t value)
{
    int32_t narrow = (int32_t)value;
    if (c->size == sizeof(bool))
        *(bool *)field = value != 0;
    else if (c->size == sizeof narrow)
        memcpy(field, &narrow, sizeof narrow);
    else
        memcpy(field, &value, sizeof value);
}

static ci_value real_get(const ci_column *c, const char *row)
{
    double real;
    memcpy(&real, row + c->offset, sizeof real);
    if (c->known && !*(const bool *)(row + c->known - 1)) return CI_NULL;
    return ci_value_real(c->unit > 0 ? real / c->unit : real);
}

static void real_set(const ci_column *c, char *row, double real)
{
    if (c->unit > 0) real *= c->unit;
    memcpy(row + c->offset, &real, sizeof real);
    if (c->known) *(bool *)(row + c->known - 1) = !isnan(real);
}

static ci_value field_get(const ci_column *c, const char *row)
{
    const char *field = row + c->offset, *text = field;
    if (c->type == CI_COLUMN_REAL) return real_get(c, row);
    if (c->type == CI_COLUMN_INT) return ci_value_int(integer_get(c, field));
    if (c->type == CI_COLUMN_WORD)
        return ci_value_text(ci_registry_words_get(c->words, (int)integer_get(c, field)));
    if (c->type == CI_COLUMN_STRING) memcpy(&text, field, sizeof text);
    bool is_null = (c->flags & CI_COLUMN_EMPTY_NULL) && text && !text[0];
    return is_null ? CI_NULL : ci_value_text(text);
}

static ci_status field_set(const ci_column *c, char *row, sqlite3_stmt *stmt, int i)
{
    char *field = row + c->offset, *text = NULL;
    char word[CI_REGISTRY_TEXT];
    switch (c->type) {
    case CI_COLUMN_REAL:
        real_set(c, row, ci_registry_db_real(stmt, i));
        return CI_OK;
    case CI_COLUMN_INT:
        integer_set(c, field, sqlite3_column_int64(stmt, i));
        return CI_OK;
    case CI_COLUMN_WORD:
        ci_registry_db_text(stmt, i, word, sizeof word);
        integer_set(c, field, ci_registry_words_find(c->words, word));
        return CI_OK;
    case CI_COLUMN_TEXT:
        ci_registry_db_text(stmt, i, field, c->size);
        return CI_OK;
    default:
        CI_TRY(ci_registry_db_text_copy(stmt, i, &text));
        memcpy(field, &text, sizeof text);
        return CI_OK;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The columns of a row that are written, and the further ones behind them; ends with a NULL
 * column. The caller frees. */
static ci_status set_new(ci_named_value **out, const ci_row_table *table, const void *row,
                         const ci_named_value *further, unsigned without)
{
    size_t n = 0, n_further = 0;
    while (further[n_further].column)
        n_further++;
    CI_TRY(ci_mem_alloc(out, table->n_column + n_further + 1, sizeof **out, "values of a row"));
    for (size_t i = 0; i < table->n_column; i++) {
        const ci_column *c = &table->column[i];
        if (!(c->flags & without)) (*out)[n++] = (ci_named_value){c->name, field_get(c, row)};
    }
    memcpy(*out + n, further, n_further * sizeof *further);
    return CI_OK;
}

ci_status ci_registry_row_insert(ci_db *db, const ci_row_table *table, const void *row,
                                 const ci_named_value *further)
{
    ci_named_value *set = NULL;
    CI_TRY(set_new(&set, table, row, further, CI_COLUMN_READ));
    ci_status status = ci_registry_db_insert(db, table->name, set);
    ci_mem_free(set);
    return status;
}

ci_status ci_registry_row_update(ci_db *db, const ci_row_table *table, const void *row,
                                 const ci_named_value *further, const char *where,
                                 const ci_value *values)
{
    ci_named_value *set = NULL;
    CI_TRY(set_new(&set, table, row, further, CI_COLUMN_READ | CI_COLUMN_ONCE));
    ci_status status = ci_registry_db_update(db, NULL, table->name, set, where, values);
    ci_mem_free(set);
    return status;
}

ci_status ci_registry_row_put(ci_db *db, const ci_row_table *table, const void *row,
                              const ci_named_value *further)
{
    char *sql = NULL, *where = NULL;
    int64_t n = 0;
    ci_value key = CI_NULL;
    for (size_t i = 0; i < table->n_column; i++)
        if (strcmp(table->column[i].name, table->key) == 0) key = field_get(&table->column[i], row);
    CI_TRY(ci_str_format(&where, "WHERE %s=?", table->key));
    ci_status status = ci_str_format(&sql, "SELECT count(*) FROM %s %s", table->name, where);
    if (status == CI_OK) status = ci_registry_db_int(db, &n, 0, sql, VALUES(key));
    if (status == CI_OK)
        status = n > 0 ? ci_registry_row_update(db, table, row, further, where, VALUES(key))
                       : ci_registry_row_insert(db, table, row, further);
    ci_mem_free(sql);
    ci_mem_free(where);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static ci_status select_text(ci_text *sql, const ci_row_table *table, const char *tail)
{
    const char *before = "SELECT ";
    for (size_t i = 0; i < table->n_column; i++) {
        const ci_column *c = &table->column[i];
        if (c->flags & CI_COLUMN_WRITE) continue;
        CI_TRY(ci_text_append(sql, "%s%s", before, c->select ? c->select : c->name));
        before = ",";
    }
    return ci_text_append(sql, " FROM %s %s", table->from ? table->from : table->name, tail);
}

static ci_status row_read(const ci_row_table *table, sqlite3_stmt *stmt, char *row)
{
    int i_column = 0;
    for (size_t i = 0; i < table->n_column; i++)
        if (!(table->column[i].flags & CI_COLUMN_WRITE))
            CI_TRY(field_set(&table->column[i], row, stmt, i_column++));
    return CI_OK;
}

ci_status ci_registry_rows_read(ci_db *db, const ci_row_table *table, const char *tail,
                                const ci_value *values, size_t *n, void *items)
{
    ci_text sql = {0};
    sqlite3_stmt *stmt = NULL;
    ci_status status = select_text(&sql, table, tail);
    if (status == CI_OK) status = ci_registry_db_query(db, &stmt, sql.text, values);
    while (ci_registry_db_next(db, &stmt, &status)) {
        char *first = NULL;
        status = ci_registry_list_grow(items, *n, table->row_size);
        if (status != CI_OK) continue;
        memcpy(&first, items, sizeof first);
        status = row_read(table, stmt, first + (*n)++ * table->row_size);
    }
    ci_mem_free(sql.text);
    return status;
}

void ci_registry_row_clear(const ci_row_table *table, void *row)
{
    for (size_t i = 0; i < table->n_column; i++) {
        const ci_column *c = &table->column[i];
        char *text = NULL;
        if (c->type != CI_COLUMN_STRING || (c->flags & CI_COLUMN_WRITE)) continue;
        memcpy(&text, (char *)row + c->offset, sizeof text);
        ci_mem_free(text);
    }
}

void ci_registry_rows_free(const ci_row_table *table, size_t n, void *items)
{
    for (size_t i = 0; i < n; i++)
        ci_registry_row_clear(table, (char *)items + i * table->row_size);
    ci_mem_free(items);
}

/* Every list of CI_REGISTRY_LIST. */
CI_REGISTRY_LIST(row_list, void);

ci_status ci_registry_list_new(void *out, ci_db *db, const ci_row_table *table, const char *tail,
                               const ci_value *values)
{
    row_list *list = NULL;
    memcpy(out, &list, sizeof list);
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, table->name));
    ci_status status = ci_registry_rows_read(db, table, tail, values, &list->n, &list->item);
    if (status == CI_OK)
        memcpy(out, &list, sizeof list);
    else
        ci_registry_list_free(table, list);
    return status;
}

void ci_registry_list_free(const ci_row_table *table, void *list)
{
    row_list *rows = list;
    if (!rows) return;
    ci_registry_rows_free(table, rows->n, rows->item);
    ci_mem_free(rows);
}
