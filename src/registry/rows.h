/* Rows as structs: one table of columns (name, type, field) gives the text of SELECT, INSERT and
 * UPDATE, and moves the values. Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_ROWS_H
#define CONTIMG_REGISTRY_ROWS_H

#include "registry/db.h"

/* Words that stand for the values of an enum, or of a bool. */
typedef struct ci_words
{
    const char *const *word;
    int n;
    int missing; /* the value of any other word */
} ci_words;

typedef enum ci_column_type
{
    CI_COLUMN_TEXT,   /* char [size] */
    CI_COLUMN_STRING, /* char *: owned by rows that were read, borrowed where written */
    CI_COLUMN_INT,    /* bool, int, enum or int64_t */
    CI_COLUMN_REAL,   /* double, NaN is null */
    CI_COLUMN_WORD    /* enum or bool, as a word in the database */
} ci_column_type;

enum
{
    CI_COLUMN_READ = 1,      /* never written with the row */
    CI_COLUMN_WRITE = 2,     /* never read */
    CI_COLUMN_ONCE = 4,      /* written when the row is made, not later */
    CI_COLUMN_EMPTY_NULL = 8 /* "" is written as null */
};

typedef struct ci_column
{
    const char *name;
    ci_column_type type;
    size_t offset, size; /* of the field in the struct */
    unsigned flags;
    double unit;           /* of a REAL: field = column x unit; 0: 1 */
    size_t known;          /* of a REAL: offset + 1 of the bool that says whether it is; 0: none */
    const ci_words *words; /* of a WORD */
    const char *select;    /* what is read in place of the column; NULL: the column */
} ci_column;

/* {"state", WORD, field state of `row`, further members}. */
#define CI_COLUMN(row, field, kind, column_name, ...)                                              \
    {                                                                                              \
        .name = (column_name), .type = CI_COLUMN_##kind, .offset = offsetof(row, field),           \
        .size = sizeof(((row *)0)->field), __VA_ARGS__                                             \
    }
#define CI_KNOWN(row, field) .known = offsetof(row, field) + 1

typedef struct ci_row_table
{
    const char *name; /* of the SQL table */
    const char *key;  /* its unique column; NULL: none */
    const char *from; /* what is read from; NULL: name */
    size_t row_size;
    const ci_column *column;
    size_t n_column;
} ci_row_table;
#define CI_ROW_TABLE(table_name, key_name, row, columns)                                           \
    .name = (table_name), .key = (key_name), .row_size = sizeof(row), .column = (columns),         \
    .n_column = sizeof(columns) / sizeof *(columns)

/* Origin of rows: of the deployed pipeline, or contimg's. */
extern const ci_words ci_registry_row_origin;

const char *ci_registry_words_get(const ci_words *words, int value);
int ci_registry_words_find(const ci_words *words, const char *word);

/* Inserts a row, with the further columns in `set`. */
CI_MUST_CHECK ci_status ci_registry_row_insert(ci_db *db, const ci_row_table *table,
                                               const void *row, const ci_named_value *set);
/* The same; where a row of this key is there, its columns are set instead. */
CI_MUST_CHECK ci_status ci_registry_row_put(ci_db *db, const ci_row_table *table, const void *row,
                                            const ci_named_value *set);
/* Sets the columns of the rows that `where` ("WHERE id=?") selects. */
CI_MUST_CHECK ci_status ci_registry_row_update(ci_db *db, const ci_row_table *table,
                                               const void *row, const ci_named_value *set,
                                               const char *where, const ci_value *values);
/* Appends the rows that `tail` ("WHERE ... ORDER BY ...") selects to the list of *n in *items
 * (address of a pointer to rows). On a fault the list holds what was read. */
CI_MUST_CHECK ci_status ci_registry_rows_read(ci_db *db, const ci_row_table *table,
                                              const char *tail, const ci_value *values, size_t *n,
                                              void *items);
/* Frees what a row that was read owns; a whole list of them. */
void ci_registry_row_clear(const ci_row_table *table, void *row);
void ci_registry_rows_free(const ci_row_table *table, size_t n, void *items);

/* A list (CI_REGISTRY_LIST) of the rows that `tail` selects into *out (address of a pointer to a
 * list), NULL on a fault; and what frees one, NULL-safe. */
CI_MUST_CHECK ci_status ci_registry_list_new(void *out, ci_db *db, const ci_row_table *table,
                                             const char *tail, const ci_value *values);
void ci_registry_list_free(const ci_row_table *table, void *list);

/* Capacity for item n (0-based) in a list that grows by doubling; new bytes are zero. */
CI_MUST_CHECK ci_status ci_registry_list_grow(void *items, size_t n, size_t item_size);

#endif
