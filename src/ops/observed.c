/* What an observation has, awaits or misses, and which files of its time are not used. */
#include "contimg/ingest.h"
#include "ops/story.h"

#include <math.h>
#include <string.h>

bool ci_ops_observation_is_awaited(const ci_registry_observation *o)
{
    return o->state == CI_REGISTRY_WORK_COLLECTING && !o->is_ready && !o->is_deployed;
}

void ci_ops_observation_closes(char out[32], const ci_registry_observation *o)
{
    ci_ingest_options options;
    ci_ingest_options_default(&options);
    ci_time_iso(out, ci_time_mjd_s_from_unix(o->arrived_unix_s + options.quiet_s), 0, true);
}

void ci_ops_observation_text(char out[CI_OPS_LINE], const ci_registry_observation *o)
{
    char missing[2 * CI_REGISTRY_TEXT], until[32], has[64];
    const char *error = o->error ? o->error : "";
    snprintf(has, sizeof has, "%lld of %lld sub-bands", (long long)o->n_present,
             (long long)o->n_expected);
    /* The reason why one failed for its sub-bands says all of it. */
    if (strncmp(error, has, strlen(has)) == 0) {
        snprintf(out, CI_OPS_LINE, "%s", error);
        return;
    }
    ci_ingest_sub_bands_text(missing, o->missing);
    if (ci_ops_observation_is_awaited(o)) {
        ci_ops_observation_closes(until, o);
        snprintf(out, CI_OPS_LINE, "%s, awaits %s until %s", has, *missing ? missing : "the others",
                 until);
        return;
    }
    snprintf(out, CI_OPS_LINE, "%s%s%s%s%s%s", has, *missing ? ", missing " : "", missing,
             o->is_degraded ? ", DEGRADED" : "", *error ? ": " : "", error);
}

bool ci_ops_file_is_of(const ci_registry_file *file, const ci_registry_observation *o)
{
    if (*file->observation_id) return strcmp(file->observation_id, o->id) == 0;
    /* Of one that could not be read only its name tells. */
    return fabs(ci_ingest_name_time(file->path) - o->first_time_mjd_s) <= 60;
}

const char *ci_ops_file_reason(const ci_registry_file *file)
{
    size_t n = strlen(file->path);
    if (strncmp(file->reason, file->path, n) == 0 && strncmp(file->reason + n, ": ", 2) == 0)
        return file->reason + n + 2;
    return file->reason;
}
