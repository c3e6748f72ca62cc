/* contimg status: what there is, the story of one thing, and what happened day by day. */
#include "cli/cli.h"

#include "contimg/ingest.h"
#include "contimg/ops.h"
#include "contimg/run.h"

#include <math.h>
#include <string.h>

/* A time as UTC text; "" where it is not known. */
static const char *time_of(char text[32], double unix_s)
{
    text[0] = '\0';
    if (unix_s > 0) ci_time_iso(text, ci_time_mjd_s_from_unix(unix_s), 0, true);
    return text;
}

/* " [HOST pid N job J]" and the line's end. */
static void print_process(const char *host, int64_t pid, const char *job)
{
    printf(" [%s pid %lld%s%s]\n", host, (long long)pid, *job ? " job " : "", job);
}

/* ---- one thing ------------------------------------------------------------------------------- */

/* Files of its time that are not used. */
static void print_files(const ci_ops_story *story)
{
    for (size_t i = 0; story->files && i < story->files->n; i++) {
        ci_registry_file *f = &story->files->item[i];
        if (!ci_ops_file_is_of(f, &story->observations->item[0])) continue;
        const char *reason = ci_ops_file_reason(f);
        ci_str_one_line(f->path);
        printf("  file %s is not used: %s: %s\n", f->path, ci_registry_file_state_word(f->state),
               reason);
    }
}

static void print_now(const ci_ops_standing *now)
{
    printf("%-11s %s%s%s\n", ci_ops_standing_word(now->kind), now->state, *now->error ? ": " : "",
           now->error);
    if (now->owner[0])
        printf("  %s %s\n", now->is_lost ? "LOST, was taken by" : "owner", now->owner);
    if (now->is_degraded) printf("  DEGRADED: %s\n", now->degraded_why);
    if (*now->published_path) printf("  published %s\n", now->published_path);
    if (*now->version_before)
        printf("  the version before is published: %s\n", now->version_before);
    printf("  next: %s\n", now->next);
}

static void print_change(const ci_registry_change *c, const char *log)
{
    char at[32];
    printf("%s %-11s %s -> %s  %s", time_of(at, c->at_unix_s), c->kind_word,
           c->from[0] ? c->from : "-", c->to, c->reason);
    print_process(c->host, c->pid, c->job);
    if (log) printf("%21slog %s\n", "", log);
}

static void print_attempt(const ci_registry_attempt *a)
{
    char started[32];
    printf("%s attempt %lld: %s%s%s", time_of(started, a->started_unix_s), (long long)a->attempt,
           a->outcome[0] ? a->outcome : "under way", a->error[0] ? ": " : "", a->error);
    print_process(a->host, a->pid, a->job);
}

static void print_story(const ci_ops_story *story)
{
    for (size_t i = 0; i < story->n_now; i++) {
        print_now(&story->now[i]);
        if (story->now[i].kind == CI_OPS_STANDING_OBSERVATION) print_files(story);
    }
    if (story->file) printf("  path %s\n", story->file->path);
    if (story->last_log_line && *story->last_log_line)
        printf("  its run said last: %s\n", story->last_log_line);
    for (size_t i = 0; i < story->changes->n; i++)
        print_change(&story->changes->item[i], story->log[i]);
    for (size_t i = 0; i < story->attempts->n; i++)
        print_attempt(&story->attempts->item[i]);
}

static ci_status one_thing(const ci_run_site *site, const char *id, bool as_json)
{
    ci_ops_story story;
    ci_status status = ci_ops_story_read(&story, site->registry, site->paths.state, id);
    if (status == CI_OK && as_json)
        status = ci_cli_print_json(ci_ops_story_json(&story));
    else if (status == CI_OK)
        print_story(&story);
    ci_ops_story_clear(&story);
    return status;
}

/* ---- day by day ------------------------------------------------------------------------------ */

/* Whether an observation failed for what its tile failed for, which has a line. */
static bool is_of_tile(const ci_ops_reasons *list, const ci_ops_reason *reason)
{
    static const char mark[] = "observation: ", tile[] = "tile: ";
    if (strncmp(reason->text, mark, sizeof mark - 1) != 0) return false;
    for (size_t i = 0; i < list->n; i++) {
        const char *other = list->item[i].text;
        /* The text is cut where its room ends, for the longer word before. */
        size_t n = strlen(reason->text + sizeof mark - 1);
        if (strncmp(other, tile, sizeof tile - 1) == 0 && list->item[i].n >= reason->n &&
            strncmp(other + sizeof tile - 1, reason->text + sizeof mark - 1, n) == 0)
            return true;
    }
    return false;
}

static void print_reasons(const ci_ops_reasons *list, const char *word)
{
    for (size_t i = 0; i < list->n; i++) {
        const ci_ops_reason *r = &list->item[i];
        char text[200];
        if (is_of_tile(list, r)) continue;
        ci_ops_text_cut(text, sizeof text, r->text);
        printf("  %s %4lld x %s%s%s%s\n", word, (long long)r->n, text,
               *r->last ? " (the last: " : "", r->last, *r->last ? ")" : "");
    }
}

static void print_day(const ci_ops_day *d)
{
    char date[32];
    printf("%.10s: groups %lld made, %lld failed; tiles %lld passed, %lld refused, %lld failed; "
           "products %lld published, %lld refused, %lld failed attempts",
           time_of(date, d->from_unix_s), (long long)d->n_group, (long long)d->n_group_failed,
           (long long)d->n_tile_passed, (long long)d->n_tile_refused, (long long)d->n_tile_failed,
           (long long)d->n_published, (long long)d->n_refused, (long long)d->n_publish_failed);
    if (d->n_lost > 0) printf("; %lld taken over from runs that were gone", (long long)d->n_lost);
    if (isfinite(d->tile_s)) printf("; %.0f s a tile", d->tile_s);
    if (isfinite(d->noise_ratio)) printf("; noise %.2f x thermal", d->noise_ratio);
    printf("\n");
    print_reasons(&d->failures, "failed ");
    print_reasons(&d->refusals, "refused");
}

/* After the point, of GB. */
static int digits(double gb)
{
    return gb < 10 ? 2 : 1;
}

static void print_history(const ci_ops_history *history, const double free_gb[3])
{
    for (size_t i = 0; i < history->n_day; i++)
        print_day(&history->day[i]);
    if (history->n_day == 0) printf("nothing happened\n");
    printf("free: staging %.*f GB, products %.*f GB, state %.*f GB\n", digits(free_gb[0]),
           free_gb[0], digits(free_gb[1]), free_gb[1], digits(free_gb[2]), free_gb[2]);
}

/* free_gb {name: GB} beside the days. */
static ci_json *history_json(const ci_ops_history *history, const ci_ops_disk disks[3],
                             const double free_gb[3])
{
    ci_json *json = ci_ops_history_json(history), *space = ci_json_object();
    for (int i = 0; i < 3; i++)
        ci_json_put_number(space, disks[i].name, free_gb[i]);
    ci_json_put(json, "free_gb", space);
    return json;
}

static ci_status day_by_day(const ci_run_site *site, const char *since, bool as_json)
{
    const ci_ops_disk disks[] = CI_CLI_DISKS(site);
    double seconds = 0, free_gb[3];
    ci_ops_history history;
    CI_TRY(ci_ops_since_parse(since, &seconds));
    for (int i = 0; i < 3; i++)
        CI_TRY(ci_ops_disk_free_gb(&free_gb[i], disks[i].path));
    ci_status status = ci_ops_history_read(&history, site->registry, seconds);
    if (status == CI_OK && as_json)
        status = ci_cli_print_json(history_json(&history, disks, free_gb));
    else if (status == CI_OK)
        print_history(&history, free_gb);
    ci_ops_history_clear(&history);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* What there is, and the documents of the deployed service. */
static ci_status all_json(const ci_run_site *site, const ci_ops_status *all, size_t n_passed_over)
{
    const ci_ops_disk disks[] = CI_CLI_DISKS(site);
    ci_ops_metrics metrics;
    ci_json *root = ci_ops_status_json(all, site->registry), *failed = NULL;
    ci_status status = ci_ops_status_put(root, site->registry);
    if (status == CI_OK) status = ci_ops_metrics_read(&metrics, site->registry);
    if (status == CI_OK) status = ci_ops_failed_json(&failed, site->registry, 50, 0);
    if (status != CI_OK) {
        ci_json_free(root);
        return status;
    }
    ci_json_put_int(root, "files_passed_over", (int64_t)n_passed_over);
    ci_json_put(root, "publish", ci_ops_metrics_json(&metrics));
    ci_json_put(root, "failed", failed);
    ci_json_put(root, "system", ci_ops_system_json(metrics.time_unix_s, disks, 3));
    return ci_cli_print_json(root);
}

static ci_status all_things(const ci_run_site *site, const ci_conf *conf, bool as_json)
{
    ci_ops_status all = {0};
    ci_ingest_options options;
    size_t n_passed_over = 0;
    CI_TRY(ci_run_ingest_options(conf, &options));
    CI_TRY(ci_ingest_passed_over(site->registry, site->paths.input, &options, &n_passed_over));
    ci_status status = ci_ops_status_read(&all, site->registry);
    if (status == CI_OK && as_json)
        status = all_json(site, &all, n_passed_over);
    else if (status == CI_OK) {
        ci_cli_print_all(site->registry, &all);
        ci_cli_print_passed_over(n_passed_over, site->paths.input);
    }
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
                          : all_things(&site, conf, as_json);
    ci_run_site_close(&site);
    return status;
}
