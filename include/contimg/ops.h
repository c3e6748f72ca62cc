/* ops: what operators ask of files, machines and runs. No MPI. All functions are local. */
#ifndef CONTIMG_OPS_H
#define CONTIMG_OPS_H

#include "contimg/registry.h"

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
    bool disk_critical_given; /* else little free space is a warning where is_local */
} ci_ops_check_options;
/* One line ok, warn or FAIL each, with the remedy; CI_ERR_NOT_READY where one failed. Makes
 * missing folders that were configured and whose parent is writable. */
CI_MUST_CHECK ci_status ci_ops_check(const ci_ops_check_options *options, bool as_json, FILE *out);

/* What there is, as the registry has it: what `contimg group` and `contimg status` list. */
typedef struct ci_ops_status
{
    ci_registry_observations *observations; /* contimg's */
    ci_registry_groups *groups;
    ci_registry_files *files;       /* that are no sub-band of an observation */
    ci_registry_products *products; /* deployed ones too */
} ci_ops_status;
/* Clear it with ci_ops_status_clear, whatever the status. */
CI_MUST_CHECK ci_status ci_ops_status_read(ci_ops_status *out, ci_registry *registry);
void ci_ops_status_clear(ci_ops_status *status);
/* Observations that did not fail and are in no group yet. */
size_t ci_ops_status_ungrouped(const ci_ops_status *status);
/* {observations, groups, files}; the caller's. */
ci_json *ci_ops_status_json(const ci_ops_status *status);
/* Why a file is not used, without its path in front; borrowed. */
const char *ci_ops_file_reason(const ci_registry_file *file);

#endif
