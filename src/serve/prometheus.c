/* The numbers of status and monitor as Prometheus reads them, text format 0.0.4. */
#include "serve/serve_private.h"

#include <math.h>

/* Begins a metric: what it is, and its type. */
static ci_status head(ci_text *out, const char *name, const char *help)
{
    return ci_text_append(out, "# HELP contimg_%s %s\n# TYPE contimg_%s gauge\n", name, help, name);
}

static ci_status one(ci_text *out, const char *name, const char *help, double value)
{
    CI_TRY(head(out, name, help));
    return ci_text_append(out, "contimg_%s %.15g\n", name, value);
}

/* name{label="value"} number. */
static ci_status labelled(ci_text *out, const char *name, const char *label, const char *text,
                          double value)
{
    CI_TRY(ci_text_append(out, "contimg_%s{%s=\"", name, label));
    for (; *text; text++) {
        if (*text == '\\' || *text == '"') CI_TRY(ci_text_append(out, "\\"));
        CI_TRY(ci_text_append(out, "%c", *text == '\n' ? ' ' : *text));
    }
    return ci_text_append(out, "\"} %.15g\n", value);
}

static ci_status queue_put(ci_text *out, ci_registry *registry)
{
    int64_t n[CI_REGISTRY_WORK_STATE_COUNT];
    CI_TRY(ci_registry_queue_count(registry, n));
    CI_TRY(head(out, "queue_observations", "Observations by state."));
    for (int i = 0; i < CI_REGISTRY_WORK_STATE_COUNT; i++)
        CI_TRY(labelled(out, "queue_observations", "state",
                        ci_registry_work_state_word((ci_registry_work_state)i), (double)n[i]));
    return CI_OK;
}

static ci_status products_put(ci_text *out, ci_registry *registry)
{
    ci_registry_publish_counts n;
    CI_TRY(ci_registry_products_count(registry, true, &n));
    const struct
    {
        const char *state;
        int64_t n;
    } rows[] = {{"staging", n.n_staging},
                {"publishing", n.n_publishing},
                {"published", n.n_published},
                {"refused", n.n_refused},
                {"failed", n.n_exhausted}};
    CI_TRY(head(out, "products", "Products by publish state."));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CI_TRY(labelled(out, "products", "state", rows[i].state, (double)rows[i].n));
    return CI_OK;
}

static ci_status publish_put(ci_text *out, ci_registry *registry)
{
    ci_ops_metrics m;
    ci_registry_outcomes groups;
    CI_TRY(ci_ops_metrics_read(&m, registry));
    CI_TRY(ci_registry_groups_count(registry, m.time_unix_s - CI_DAY_S, &groups));
    CI_TRY(one(out, "failed_publishes", "Products in staging after a failure, or failed for good.",
               (double)m.n_failed));
    CI_TRY(one(out, "max_attempts_exceeded", "Products whose attempts to publish are used up.",
               (double)m.n_exhausted));
    CI_TRY(one(out, "publish_success_percent", "Attempts to publish that succeeded, of all.",
               m.success_percent));
    CI_TRY(one(out, "publish_failures_24h", "Attempts to publish that failed within 24 hours.",
               (double)m.n_recent_failure));
    CI_TRY(one(out, "groups_completed_24h", "Mosaic groups completed within 24 hours.",
               (double)groups.n_good));
    return one(out, "groups_failed_24h", "Mosaic groups that failed within 24 hours.",
               (double)groups.n_bad);
}

static ci_status alerts_put(ci_text *out, ci_registry *registry)
{
    ci_registry_alerts *alerts = NULL;
    CI_TRY(ci_registry_alerts_read(registry, &alerts));
    ci_status status = head(out, "alert_active", "Alerts that the monitor found active.");
    for (size_t i = 0; i < alerts->n && status == CI_OK; i++)
        status = labelled(out, "alert_active", "name", alerts->item[i].name, 1);
    ci_registry_alerts_free(alerts);
    return status;
}

static ci_status disks_put(ci_text *out, const ci_serve_options *options)
{
    CI_TRY(head(out, "disk_size_bytes", "Size of the file system."));
    for (size_t i = 0; i < options->n_disk; i++) {
        ci_ops_disk_use use;
        ci_ops_disk_use_read(&use, options->disk[i].path);
        CI_TRY(
            labelled(out, "disk_size_bytes", "path", options->disk[i].path, (double)use.size_byte));
    }
    CI_TRY(head(out, "disk_free_bytes", "Bytes free for an ordinary user."));
    for (size_t i = 0; i < options->n_disk; i++) {
        ci_ops_disk_use use;
        ci_ops_disk_use_read(&use, options->disk[i].path);
        CI_TRY(
            labelled(out, "disk_free_bytes", "path", options->disk[i].path, (double)use.free_byte));
    }
    return CI_OK;
}

static ci_status machine_put(ci_text *out)
{
    ci_ops_machine machine;
    ci_ops_machine_read(&machine);
    CI_TRY(one(out, "cpu_percent", "Busy time of the machine's processors.", machine.cpu_percent));
    CI_TRY(one(out, "memory_size_bytes", "Memory of the machine.", (double)machine.memory_byte));
    CI_TRY(
        one(out, "memory_used_bytes", "Memory that is not available.", (double)machine.used_byte));
    return one(out, "load1", "Load of the last minute.", machine.load[0]);
}

ci_status ci_serve_prometheus_put(ci_text *out, const ci_serve_options *options,
                                  ci_registry *registry)
{
    CI_TRY(head(out, "build_info", "The version of contimg."));
    CI_TRY(labelled(out, "build_info", "version", ci_version(), 1));
    CI_TRY(queue_put(out, registry));
    CI_TRY(products_put(out, registry));
    CI_TRY(publish_put(out, registry));
    CI_TRY(alerts_put(out, registry));
    CI_TRY(disks_put(out, options));
    return machine_put(out);
}
