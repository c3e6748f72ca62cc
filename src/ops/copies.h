/* The daily copies of the databases, below STATE/backups/daily. Private to ops. All functions are
 * local. */
#ifndef CONTIMG_OPS_COPIES_H
#define CONTIMG_OPS_COPIES_H

#include "contimg/base.h"

/* Beyond this age the next daily copy is missing. */
#define CI_OPS_COPY_MAX_AGE_S (36 * 3600.0)
/* When the newest finished copy was made; NaN where there is none. */
CI_MUST_CHECK ci_status ci_ops_copies_newest(double *newest_unix_s, const char *state);

#endif
