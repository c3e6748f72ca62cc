/* base: parts of the log that few need. All functions are local. */
#ifndef CONTIMG_BASE_LOG_H
#define CONTIMG_BASE_LOG_H

#include "contimg/base.h"

/* A warning of what every rank sees alike: rank 0 says it. */
void ci_log_warning_shared(const char *format, ...) CI_PRINTF(1, 2);

/* The same, of a fact that several parts of a process come upon: a text is said once. */
void ci_log_warning_once(const char *format, ...) CI_PRINTF(1, 2);

/* Lines below WARNING go to standard output: what a service writes to standard error is then its
 * warnings and errors. */
void ci_log_set_split(bool is_split);

/* This thread's lines are dropped until it is called with false: where the same will be said again.
 */
void ci_log_mute(bool is_muted);

#endif
