/* What logs say of databases. Private to ops. All functions are local. */
#ifndef CONTIMG_OPS_LOGS_H
#define CONTIMG_OPS_LOGS_H

#include "contimg/base.h"

typedef struct ci_ops_log_scan
{
    size_t n_file, n_line;       /* looked at; lines that tell of a database error */
    char path[4096], line[4096]; /* the last of them */
    double since_unix_s;
} ci_ops_log_scan;
/* The last MiB of every file in the folders logs and reports/RUN of the state folder that was
 * written since then. */
CI_MUST_CHECK ci_status ci_ops_log_scan_run(ci_ops_log_scan *out, const char *state,
                                            double since_unix_s);

#endif
