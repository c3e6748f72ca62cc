/* ops: the lines of contimg check. All functions are local. */
#ifndef CONTIMG_OPS_SHEET_H
#define CONTIMG_OPS_SHEET_H

#include "contimg/ops.h"

typedef enum
{
    CI_OPS_LINE_OK,
    CI_OPS_LINE_WARN,
    CI_OPS_LINE_FAIL
} ci_ops_line_level;

typedef struct ci_ops_sheet
{
    FILE *out;     /* where lines go at once; NULL: nowhere */
    ci_json *list; /* all lines: {level, name, text} */
    size_t n_fail, n_warn;
} ci_ops_sheet;

void ci_ops_sheet_line(ci_ops_sheet *s, ci_ops_line_level level, const char *name,
                       const char *format, ...) CI_PRINTF(4, 5);
/* Whether there is a line warn of that name. */
bool ci_ops_sheet_warns(const ci_ops_sheet *s, const char *name);

/* True where a program is on PATH. */
bool ci_ops_is_program(const char *name);

/* The same check on every node of the cluster, by srun; lines with the node's name. */
void ci_ops_nodes_check(ci_ops_sheet *s, const ci_ops_check_options *options);
/* On a node: whether its folders and its program are those of who asks. */
void ci_ops_shared_check(ci_ops_sheet *s, const ci_ops_check_options *options);

#endif
