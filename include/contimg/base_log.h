/* base: where log lines of a service go. All functions are local. */
#ifndef CONTIMG_BASE_LOG_H
#define CONTIMG_BASE_LOG_H

#include <stdbool.h>

/* Lines below WARNING go to standard output: what a service writes to standard error is then its
 * warnings and errors. */
void ci_log_set_split(bool is_split);

#endif
