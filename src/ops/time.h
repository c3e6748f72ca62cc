/* ops: times in JSON. All functions are local. */
#ifndef CONTIMG_OPS_TIME_H
#define CONTIMG_OPS_TIME_H

#include "contimg/base.h"

/* Puts a time as UTC text (YYYY-MM-DDTHH:MM:SSZ). */
void ci_ops_time_put(ci_json *json, const char *name, double unix_s);
/* The same, and nothing where it is not known (NaN, 0). */
void ci_ops_time_put_known(ci_json *json, const char *name, double unix_s);

#endif
