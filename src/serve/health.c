/* Whether all is well: databases that can be read, a state folder, room on the disks. */
#include "serve/serve_private.h"

#include <string.h>

/* What the other documents are made of can be read. */
static ci_status databases_read(ci_registry *registry)
{
    ci_ops_metrics metrics;
    ci_json *scratch = ci_json_object();
    ci_status status = ci_ops_status_put(scratch, registry);
    ci_json_free(scratch);
    if (status == CI_OK) status = ci_ops_metrics_read(&metrics, registry);
    return status;
}

static void reasons_put(ci_json *reasons, const ci_serve_options *options, const char *fault)
{
    ci_ops_alerts disks = {0};
    const ci_ops_disk_limits limits = {.warn_gb = 0, .critical_gb = options->disk_critical_gb};
    char text[1100];
    if (fault) ci_json_put_string(reasons, NULL, fault);
    if (!ci_path_is_folder(options->state)) {
        snprintf(text, sizeof text, "%s: there is no state folder: is its disk mounted?",
                 options->state);
        ci_json_put_string(reasons, NULL, text);
    }
    if (ci_ops_alerts_disks(&disks, options->disk, options->n_disk, &limits) != CI_OK)
        ci_json_put_string(reasons, NULL, ci_error_text());
    for (size_t i = 0; i < disks.n; i++)
        ci_json_put_string(reasons, NULL, disks.item[i].message);
}

ci_status ci_serve_health_put(ci_text *out, const ci_serve_options *options, ci_registry *registry,
                              const char *fault, bool *is_well)
{
    char at[32], *text = NULL;
    if (registry) CI_TRY(databases_read(registry));
    ci_json *json = ci_json_object(), *reasons = ci_json_array();
    reasons_put(reasons, options, fault);
    *is_well = ci_json_length(reasons) == 0;
    ci_time_iso(at, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    ci_json_put_string(json, "status", *is_well ? "healthy" : "unhealthy");
    ci_json_put(json, "reasons", reasons);
    ci_json_put_string(json, "version", ci_version());
    ci_json_put_string(json, "timestamp", at);
    ci_status status = ci_json_print(&text, json, true);
    if (status == CI_OK) status = ci_text_append(out, "%s\n", text);
    ci_mem_free(text);
    ci_json_free(json);
    return status;
}
