/* ops: what operators ask of files, machines and runs. Local, no MPI. */
#ifndef CONTIMG_OPS_H
#define CONTIMG_OPS_H

#include "contimg/base.h"

/* What is in a UVH5, CalH5 or FITS file, as text or as one JSON object, onto `out`.
 * CI_ERR_INPUT, with the reason, where the file cannot be used. */
CI_MUST_CHECK ci_status ci_ops_inspect(const char *path, bool as_json, FILE *out);

/* What `contimg check` looks at. Borrowed texts. */
typedef struct ci_ops_check_options
{
    const char *input, *staging, *products, *state;
    const char *databases[4]; /* ingest, calibration, products, publish */
    double disk_critical_gb;
    bool input_given;         /* else a missing input folder is a warning: files can be named */
    bool is_local;            /* ./contimg-data: nothing was configured, nothing is made here */
    bool disk_critical_given; /* else little room is a warning where is_local */
} ci_ops_check_options;
/* One line ok, warn or FAIL each, with the remedy; CI_ERR_NOT_READY where one failed. Makes
 * missing folders that were configured and whose parent is writable. */
CI_MUST_CHECK ci_status ci_ops_check(const ci_ops_check_options *options, bool as_json, FILE *out);

#endif
