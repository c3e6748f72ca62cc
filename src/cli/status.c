/* contimg status: what there is, the story of one thing, and what happened day by day. */
#include "cli/cli.h"

#include "contimg/ops.h"
#include "contimg/run.h"

#include <math.h>

static const char *text_of(const ci_json *json, const char *name)
{
    return ci_json_get_string(json, name, "");
}

/* " name value" where there is a value. */
static void print_part(const ci_json *json, const char *name, const char *word)
{
    if (*text_of(json, name)) printf(" %s %s", word, text_of(json, name));
}

/* ---- one thing ------------------------------------------------------------------------------- */

static void print_now(const ci_json *now)
{
    bool lost = ci_json_get_bool(now, "is_lost", false);
    printf("%-11s %s%s%s\n", text_of(now, "kind"), text_of(now, "state"),
           *text_of(now, "error") ? ": " : "", text_of(now, "error"));
    if (*text_of(now, "owner"))
        printf("  %s %s since %s\n", lost ? "LOST, was taken by" : "owner", text_of(now, "owner"),
               text_of(now, "owned_since"));
    if (*text_of(now, "published_path")) printf("  published %s\n", text_of(now, "published_path"));
    if (*text_of(now, "version_before"))
        printf("  the version before is published: %s\n", text_of(now, "version_before"));
    printf("  next: %s\n", text_of(now, "next"));
}

static void print_change(const ci_json *c)
{
    const char *from = text_of(c, "from");
    printf("%s %-11s %s -> %s  %s", text_of(c, "at"), text_of(c, "kind"), *from ? from : "-",
           text_of(c, "to"), text_of(c, "reason"));
    printf(" [%s pid %.0f", text_of(c, "host"), ci_json_get_number(c, "pid", 0));
    print_part(c, "job", "job");
    printf("]\n");
    if (*text_of(c, "log")) printf("%21slog %s\n", "", text_of(c, "log"));
}

static void print_attempt(const ci_json *a)
{
    const char *outcome = text_of(a, "outcome");
    printf("%s attempt %.0f: %s%s%s [%s pid %.0f", text_of(a, "started"),
           ci_json_get_number(a, "attempt", 0), *outcome ? outcome : "under way",
           *text_of(a, "error") ? ": " : "", text_of(a, "error"), text_of(a, "host"),
           ci_json_get_number(a, "pid", 0));
    print_part(a, "job", "job");
    printf("]\n");
}

static void print_each(const ci_json *list, void (*print)(const ci_json *))
{
    for (size_t i = 0; i < ci_json_length(list); i++)
        print(ci_json_at(list, i));
}

static ci_status one_thing(const ci_run_site *site, const char *id, bool as_json)
{
    ci_json *story = NULL;
    CI_TRY(ci_ops_story_json(&story, site->registry, site->paths.state, id));
    if (as_json) return ci_cli_print_json(story);
    print_each(ci_json_get(story, "now"), print_now);
    if (*text_of(story, "last_log_line"))
        printf("  its run said last: %s\n", text_of(story, "last_log_line"));
    print_each(ci_json_get(story, "changes"), print_change);
    print_each(ci_json_get(story, "attempts"), print_attempt);
    ci_json_free(story);
    return CI_OK;
}

/* ---- day by day ------------------------------------------------------------------------------ */

static void print_reasons(const ci_json *list, const char *word)
{
    for (size_t i = 0; i < ci_json_length(list); i++)
        printf("  %s %4.0f x %s\n", word, ci_json_get_number(ci_json_at(list, i), "count", 0),
               text_of(ci_json_at(list, i), "reason"));
}

static void print_day(const ci_json *d)
{
    double seconds = ci_json_get_number(d, "seconds_per_tile", NAN);
    double noise = ci_json_get_number(d, "noise_over_thermal", NAN);
    printf("%s: groups %.0f made, %.0f failed; tiles %.0f passed, %.0f refused, %.0f failed; "
           "products %.0f published, %.0f refused, %.0f failed attempts",
           text_of(d, "date"), ci_json_get_number(d, "groups_completed", 0),
           ci_json_get_number(d, "groups_failed", 0), ci_json_get_number(d, "tiles_passed", 0),
           ci_json_get_number(d, "tiles_refused", 0), ci_json_get_number(d, "tiles_failed", 0),
           ci_json_get_number(d, "published", 0), ci_json_get_number(d, "refused", 0),
           ci_json_get_number(d, "publish_failures", 0));
    if (isfinite(seconds)) printf("; %.0f s a tile", seconds);
    if (isfinite(noise)) printf("; noise %.2f x thermal", noise);
    printf("\n");
    print_reasons(ci_json_get(d, "failures"), "failed ");
    print_reasons(ci_json_get(d, "refusals"), "refused");
}

static ci_status day_by_day(const ci_run_site *site, const char *since, bool as_json)
{
    const ci_ops_disk disks[] = CI_CLI_DISKS(site);
    double seconds = 0;
    ci_json *history = NULL;
    CI_TRY(ci_ops_since_parse(since, &seconds));
    CI_TRY(ci_ops_history_json(&history, site->registry, seconds, disks, 3));
    if (as_json) return ci_cli_print_json(history);
    const ci_json *days = ci_json_get(history, "days"), *space = ci_json_get(history, "free_gb");
    print_each(days, print_day);
    if (ci_json_length(days) == 0) printf("nothing happened\n");
    printf("free: staging %.1f GB, products %.1f GB, state %.1f GB\n",
           ci_json_get_number(space, "staging", NAN), ci_json_get_number(space, "products", NAN),
           ci_json_get_number(space, "state", NAN));
    ci_json_free(history);
    return CI_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* What there is, and the documents of the deployed service. */
static ci_status all_json(const ci_run_site *site, const ci_ops_status *all)
{
    const ci_ops_disk disks[] = CI_CLI_DISKS(site);
    ci_ops_metrics metrics;
    ci_json *root = ci_ops_status_json(all), *failed = NULL;
    ci_status status = ci_ops_status_put(root, site->registry);
    if (status == CI_OK) status = ci_ops_metrics_read(&metrics, site->registry);
    if (status == CI_OK) status = ci_ops_failed_json(&failed, site->registry, 50, 0);
    if (status != CI_OK) {
        ci_json_free(root);
        return status;
    }
    ci_json_put(root, "publish", ci_ops_metrics_json(&metrics));
    ci_json_put(root, "failed", failed);
    ci_json_put(root, "system", ci_ops_system_json(metrics.time_unix_s, disks, 3));
    return ci_cli_print_json(root);
}

static ci_status all_things(const ci_run_site *site, bool as_json)
{
    ci_ops_status all = {0};
    ci_status status = ci_ops_status_read(&all, site->registry);
    if (status == CI_OK && as_json)
        status = all_json(site, &all);
    else if (status == CI_OK)
        ci_cli_print_all(site->registry, &all);
    ci_ops_status_clear(&all);
    return status;
}

ci_status ci_cli_status(const ci_conf *conf)
{
    ci_run_site site;
    const char *since = ci_conf_text(conf, CI_CONF_OPT_STATUS_SINCE);
    bool as_json = ci_conf_bool(conf, CI_CONF_OPT_JSON);
    size_t n = ci_conf_argument_count(conf);
    if (n > 1 || (n > 0 && *since))
        return ci_error(CI_ERR_USAGE, "give one ID, or --since, or neither");
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_READS);
    if (status == CI_OK)
        status = n > 0    ? one_thing(&site, ci_conf_argument(conf, 0), as_json)
                 : *since ? day_by_day(&site, since, as_json)
                          : all_things(&site, as_json);
    ci_run_site_close(&site);
    return status;
}
