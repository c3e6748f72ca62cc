/* What the monitor measures: the numbers of its document, and the limits of alerts. */
#include "contimg/ops.h"

#include <math.h>
#include <string.h>

/* 100 where nothing was tried. */
static double success_percent(const ci_registry_outcomes *o)
{
    int64_t n = o->n_good + o->n_bad;
    return n > 0 ? 100 * (double)o->n_good / (double)n : 100;
}

ci_status ci_ops_metrics_read(ci_ops_metrics *out, ci_registry *registry)
{
    ci_registry_publish_counts counts;
    ci_registry_outcomes ever, recent;
    memset(out, 0, sizeof *out);
    out->time_unix_s = ci_registry_now(registry);
    CI_TRY(ci_registry_products_count(registry, true, &counts));
    CI_TRY(ci_registry_attempts_count(registry, 0, &ever));
    CI_TRY(ci_registry_attempts_count(registry, out->time_unix_s - CI_DAY_S, &recent));
    out->n_published = counts.n_published;
    out->n_staging = counts.n_staging;
    out->n_publishing = counts.n_publishing;
    out->n_refused = counts.n_refused;
    out->n_failed = counts.n_failed;
    out->n_exhausted = counts.n_exhausted;
    out->n_recent_failure = recent.n_bad;
    out->success_percent = success_percent(&ever);
    return CI_OK;
}

ci_json *ci_ops_metrics_json(const ci_ops_metrics *metrics)
{
    ci_json *json = ci_json_object();
    char at[32];
    ci_time_iso(at, ci_time_mjd_s_from_unix(metrics->time_unix_s), 0, true);
    ci_json_put_int(json, "total_published", metrics->n_published);
    ci_json_put_int(json, "total_staging", metrics->n_staging);
    ci_json_put_int(json, "total_publishing", metrics->n_publishing);
    ci_json_put_int(json, "total_refused", metrics->n_refused);
    ci_json_put_int(json, "failed_publishes", metrics->n_failed);
    ci_json_put_int(json, "max_attempts_exceeded", metrics->n_exhausted);
    ci_json_put_number(json, "success_rate_percent", round(100 * metrics->success_percent) / 100);
    ci_json_put_int(json, "recent_failures_24h", metrics->n_recent_failure);
    ci_json_put_string(json, "timestamp", at);
    return json;
}

/* ---- limits ---------------------------------------------------------------------------------- */

void ci_ops_thresholds_default(ci_ops_thresholds *out)
{
    *out = (ci_ops_thresholds){.max_failed_per_hour = 5,
                               .max_staging_hours = 24,
                               .min_success_rate = 95,
                               .max_group_failure_percent = 10,
                               .max_failed = INFINITY};
}

static ci_status threshold_take(ci_ops_thresholds *out, const ci_json *item, const char *path)
{
    static const char *const names[] = {"max_failed_per_hour", "max_staging_hours",
                                        "min_success_rate", "max_group_failure_percent",
                                        "max_failed"};
    double *const values[] = {&out->max_failed_per_hour, &out->max_staging_hours,
                              &out->min_success_rate, &out->max_group_failure_percent,
                              &out->max_failed};
    const char *name = ci_json_member_name(item);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *values[i] = ci_json_number(item, NAN);
        if (*values[i] >= 0) return CI_OK;
        return ci_error(CI_ERR_INPUT, "%s: %s: must be a number of at least 0", path, name);
    }
    const char *nearest = ci_str_nearest(name, names, sizeof names / sizeof *names);
    return ci_error(
        CI_ERR_INPUT, "%s: '%s' is no limit of an alert%s%s%s (contimg monitor --help lists them)",
        path, name, nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

ci_status ci_ops_thresholds_read(ci_ops_thresholds *out, const char *path)
{
    ci_json *json = NULL;
    char *text = NULL;
    CI_TRY(ci_json_read_file(&json, path));
    ci_status status = ci_json_print(&text, json, false);
    if (status == CI_OK && *text != '{')
        status =
            ci_error(CI_ERR_INPUT, "%s: must be a JSON object, {\"max_failed\": 3, ...}", path);
    for (size_t i = 0; status == CI_OK && i < ci_json_length(json); i++)
        status = threshold_take(out, ci_json_at(json, i), path);
    ci_mem_free(text);
    ci_json_free(json);
    return status;
}

/* ---- alerts ---------------------------------------------------------------------------------- */

CI_PRINTF(5, 6)
static void add(ci_ops_alerts *out, const char *name, double value, double limit,
                const char *format, ...)
{
    if (out->n == CI_OPS_MAX_ALERT) return;
    ci_registry_alert *alert = &out->item[out->n++];
    va_list values;
    memset(alert, 0, sizeof *alert);
    snprintf(alert->name, sizeof alert->name, "%s", name);
    va_start(values, format);
    vsnprintf(alert->message, sizeof alert->message, format, values);
    va_end(values);
    alert->value = value;
    alert->limit = limit;
    alert->is_active = true;
}

static ci_status judge_attempts(ci_ops_alerts *out, ci_registry *registry, double now,
                                const ci_ops_thresholds *t)
{
    ci_registry_outcomes hour, day;
    CI_TRY(ci_registry_attempts_count(registry, now - 3600, &hour));
    CI_TRY(ci_registry_attempts_count(registry, now - CI_DAY_S, &day));
    if ((double)hour.n_bad > t->max_failed_per_hour)
        add(out, "failed_publishes", (double)hour.n_bad, t->max_failed_per_hour,
            "%lld attempts to publish failed within an hour, more than %g: contimg status lists "
            "the reasons",
            (long long)hour.n_bad, t->max_failed_per_hour);
    double percent = success_percent(&day);
    if (percent < t->min_success_rate)
        add(out, "success_rate", percent, t->min_success_rate,
            "%.1f %% of the attempts to publish of 24 h succeeded (%lld of %lld), less than %g %%",
            percent, (long long)day.n_good, (long long)(day.n_good + day.n_bad),
            t->min_success_rate);
    return CI_OK;
}

static ci_status judge_products(ci_ops_alerts *out, ci_registry *registry, double now,
                                const ci_ops_thresholds *t)
{
    ci_registry_publish_counts own;
    char first[CI_REGISTRY_ID];
    int64_t n = 0;
    CI_TRY(ci_registry_products_count(registry, false, &own));
    CI_TRY(ci_registry_staging_count(registry, now - 3600 * t->max_staging_hours, &n, first));
    if ((double)own.n_failed > t->max_failed)
        add(out, "failed_products", (double)own.n_failed, t->max_failed,
            "%lld products failed to publish, more than %g: contimg publish --retry-failed tries "
            "again",
            (long long)own.n_failed, t->max_failed);
    if (n > 0)
        add(out, "staging_age", (double)n, t->max_staging_hours,
            "%lld product%s in staging for more than %g h, the first is %s: contimg status %s says "
            "why",
            (long long)n, n == 1 ? " is" : "s are", t->max_staging_hours, first, first);
    return CI_OK;
}

static ci_status judge_groups(ci_ops_alerts *out, ci_registry *registry, double now,
                              const ci_ops_thresholds *t)
{
    ci_registry_outcomes day;
    CI_TRY(ci_registry_groups_count(registry, now - CI_DAY_S, &day));
    int64_t n = day.n_good + day.n_bad;
    double percent = n > 0 ? 100 * (double)day.n_bad / (double)n : 0;
    if (percent > t->max_group_failure_percent)
        add(out, "group_failures", percent, t->max_group_failure_percent,
            "%lld of %lld groups failed within 24 h (%.1f %%), more than %g %%: contimg status "
            "lists the reasons",
            (long long)day.n_bad, (long long)n, percent, t->max_group_failure_percent);
    return CI_OK;
}

ci_status ci_ops_alerts_judge(ci_ops_alerts *out, ci_registry *registry,
                              const ci_ops_thresholds *thresholds)
{
    double now = ci_registry_now(registry);
    CI_TRY(judge_attempts(out, registry, now, thresholds));
    CI_TRY(judge_products(out, registry, now, thresholds));
    return judge_groups(out, registry, now, thresholds);
}

/* ---- disks ----------------------------------------------------------------------------------- */

static ci_status judge_disk(ci_ops_alerts *out, const ci_ops_disk *disk,
                            const ci_ops_disk_limits *limits)
{
    char *folder = NULL, name[CI_REGISTRY_ID];
    uint64_t bytes = 0;
    CI_TRY(ci_ops_existing_part(&folder, disk->path));
    ci_status status = ci_path_free_bytes(folder, &bytes);
    ci_mem_free(folder);
    CI_TRY(status);
    double free_gb = 1e-9 * (double)bytes;
    bool is_critical = free_gb < limits->critical_gb;
    if (!is_critical && free_gb >= limits->warn_gb) return CI_OK;
    double limit = is_critical ? limits->critical_gb : limits->warn_gb;
    snprintf(name, sizeof name, "disk_%s_%s", is_critical ? "critical" : "warn", disk->name);
    add(out, name, free_gb, limit, "%s: %.1f GB free, below %s %g: %s", disk->path, free_gb,
        is_critical ? "--disk-critical-gb" : "--disk-warn-gb", limit,
        is_critical ? "nothing new is begun" : "free some space");
    return CI_OK;
}

ci_status ci_ops_alerts_disks(ci_ops_alerts *out, const ci_ops_disk *disk, size_t n_disk,
                              const ci_ops_disk_limits *limits)
{
    for (size_t i = 0; i < n_disk; i++)
        CI_TRY(judge_disk(out, &disk[i], limits));
    return CI_OK;
}

ci_json *ci_ops_alert_json(const ci_registry_alert *alert, const char *contact)
{
    ci_json *json = ci_json_object();
    char at[32];
    ci_time_iso(at, ci_time_mjd_s_from_unix(alert->since_unix_s), 0, true);
    ci_json_put_string(json, "name", alert->name);
    ci_json_put_string(json, "state", alert->is_active ? "active" : "clear");
    ci_json_put_string(json, "message", alert->message);
    ci_json_put_number(json, "value", alert->value);
    ci_json_put_number(json, "limit", alert->limit);
    ci_json_put_string(json, "since", at);
    ci_json_put_string(json, "contact", contact);
    return json;
}
