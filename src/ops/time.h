/* ops: times in JSON. */
#ifndef CONTIMG_OPS_TIME_H
#define CONTIMG_OPS_TIME_H

#include "contimg/base.h"

/* Puts a time as UTC text (YYYY-MM-DDTHH:MM:SSZ), nothing where it is not known (NaN, 0). Local. */
void ci_ops_time_put(ci_json *json, const char *name, double unix_s);

#endif
