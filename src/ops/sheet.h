/* ops: the lines of contimg check. All functions are local. */
#ifndef CONTIMG_OPS_SHEET_H
#define CONTIMG_OPS_SHEET_H

#include "contimg/ops.h"

typedef enum
{
    CI_OPS_LINE_OK,
    CI_OPS_LINE_WARN,
    CI_OPS_LINE_FAIL,
    CI_OPS_LINE_COUNT
} ci_ops_line_level;

typedef struct ci_ops_line
{
    ci_ops_line_level level;
    char name[256], text[1024]; /* what was looked at, or the node; what was found */
} ci_ops_line;

typedef struct ci_ops_sheet
{
    FILE *out; /* where lines go at once; NULL: nowhere */
    size_t n, n_max;
    ci_ops_line *item; /* [n], owned */
    size_t n_fail, n_warn;
    ci_status status; /* CI_ERR_MEMORY: a line was counted, and not kept */
} ci_ops_sheet;

void ci_ops_sheet_line(ci_ops_sheet *s, ci_ops_line_level level, const char *name,
                       const char *format, ...) CI_PRINTF(4, 5);
/* Whether there is a line warn of that name. */
bool ci_ops_sheet_warns(const ci_ops_sheet *s, const char *name);
/* Leaves zeros. */
void ci_ops_sheet_clear(ci_ops_sheet *s);
/* [{level ("ok", "warn", "FAIL"), name, text}], to ci_json_free. */
ci_json *ci_ops_sheet_json(const ci_ops_sheet *s);
/* Appends the lines of such JSON, unprinted: what another node's check says. CI_ERR_INPUT where a
 * level is unknown. */
CI_MUST_CHECK ci_status ci_ops_sheet_parse(ci_ops_sheet *s, const ci_json *list);

/* True where a program is on PATH. */
bool ci_ops_is_program(const char *name);

/* The same check on every node of the cluster, by srun; lines with the node's name. */
void ci_ops_nodes_check(ci_ops_sheet *s, const ci_ops_check_options *options);
/* On a node: whether its folders and its program are those of who asks. */
void ci_ops_shared_check(ci_ops_sheet *s, const ci_ops_check_options *options);

#endif
