/* Lists as text, and contimg group. */
#include "cli/cli.h"

#include "contimg/ingest.h"
#include "contimg/ops.h"
#include "contimg/run.h"

ci_status ci_cli_print_json(ci_json *record)
{
    char *text = NULL;
    ci_status status = ci_json_print(&text, record, true);
    if (status == CI_OK) printf("%s\n", text);
    ci_mem_free(text);
    ci_json_free(record);
    return status;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void print_observation(const ci_registry_observation *o)
{
    char text[CI_OPS_LINE];
    ci_ops_observation_text(text, o);
    printf("observation %-20s %-12s %s\n", o->id, ci_registry_work_state_word(o->state), text);
}

static void print_group(const ci_registry_group *group)
{
    printf("group       %-32s %-12s %zu observation%s, closed by %s%s\n", group->id,
           ci_registry_work_state_word(group->state), group->n_member, ci_plural(group->n_member),
           group->closed_by, group->is_early ? " (early)" : "");
}

/* A file that is not used, with its reason. */
static void print_file(ci_registry_file *f)
{
    const char *reason = ci_ops_file_reason(f);
    ci_str_one_line(f->path);
    printf("file        %s %s: %s\n", f->path, ci_registry_file_state_word(f->state), reason);
}

static void print_product(ci_registry_product *p)
{
    bool is_published = p->state == CI_REGISTRY_PUBLISH_PUBLISHED;
    bool is_there = ci_path_exists(p->published_path);
    ci_str_one_line(p->published_path);
    ci_str_one_line(p->error);
    printf("product     %-32s %-12s %s%s\n", p->id, ci_registry_publish_state_word(p->state),
           is_published ? p->published_path : p->error,
           is_published && !is_there ? " (not there)" : "");
    char *why = ci_ops_product_degraded(p);
    if (why) printf("            DEGRADED: %s\n", why);
    ci_mem_free(why);
}

/* ---- group ----------------------------------------------------------------------------------- */

/* Observations that are in no group yet, and what they wait for. */
static void print_waiting(const ci_ops_status *status, const ci_ingest_options *options)
{
    char until[32];
    double arrived;
    size_t n = ci_ops_status_ungrouped(status, &arrived);
    if (n == 0) return;
    ci_time_iso(until, ci_time_mjd_s_from_unix(arrived + options->silence_s), 0, true);
    printf("waiting     %zu observation%s in no group yet: a group closes when it has %lld, at a "
           "gap, or %.0f minutes after the time of its last file: %s if no other comes\n",
           n, n == 1 ? " is" : "s are", (long long)options->group_size, options->silence_s / 60,
           until);
}

/* Files that nothing else tells of yet: their writer may not be done. */
static void print_growing(const ci_ingest_report *report, const char *input,
                          const ci_ingest_options *options)
{
    size_t n = report->n_by_state[CI_REGISTRY_FILE_GROWING];
    if (n == 0) return;
    printf("waiting     %zu of the %zu file%s in %s %s just written: looked at again when at rest "
           "for %.0f s\n",
           n, report->n_file, ci_plural(report->n_file), input, n == 1 ? "was" : "were",
           options->settle_s);
}

void ci_cli_print_passed_over(size_t n, const char *input)
{
    if (n == 0) return;
    printf("passed over %zu file%s in %s, older than the migration of the database or --since: "
           "--since TIME, or CONTIMG_INPUT_SINCE, takes those from then on\n",
           n, ci_plural(n), input);
}

static void print_lists(const ci_ops_status *status)
{
    for (size_t i = 0; i < status->observations->n; i++)
        print_observation(&status->observations->item[i]);
    for (size_t i = 0; i < status->groups->n; i++)
        print_group(&status->groups->item[i]);
}

static void print_files(const ci_ops_status *status)
{
    for (size_t i = 0; i < status->files->n; i++)
        print_file(&status->files->item[i]);
}

static ci_status scan_and_print(const ci_conf *conf, const ci_run_site *site)
{
    ci_ingest_options options;
    ci_ingest_report report;
    ci_ops_status all = {0};
    CI_TRY(ci_run_ingest_options(conf, &options));
    CI_TRY(ci_ingest_scan(site->registry, site->paths.input, &options, &report));
    if (report.n_file == 0) ci_log_info("no UVH5 files in %s", site->paths.input);
    ci_status status = ci_ops_status_read(&all, site->registry);
    if (status == CI_OK && ci_conf_bool(conf, CI_CONF_OPT_JSON)) {
        status = ci_cli_print_json(ci_ops_status_json(&all, site->registry));
    } else if (status == CI_OK) {
        print_lists(&all);
        print_waiting(&all, &options);
        print_files(&all);
        print_growing(&report, site->paths.input, &options);
        ci_cli_print_passed_over(report.n_passed_over, site->paths.input);
    }
    ci_ops_status_clear(&all);
    return status;
}

ci_status ci_cli_group(const ci_conf *conf)
{
    ci_run_site site;
    /* Said before anything is made. */
    const char *input = ci_conf_text(conf, CI_CONF_OPT_INPUT_DIR);
    if (!ci_path_is_folder(input))
        return ci_error(CI_ERR_INPUT,
                        "input folder %s (%s) does not exist: set --input-dir or CONTIMG_INPUT_DIR",
                        input, ci_conf_origin(conf, CI_CONF_OPT_INPUT_DIR));
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_WRITES);
    if (status == CI_OK) status = scan_and_print(conf, &site);
    ci_run_site_close(&site);
    return status;
}

/* ---- status ---------------------------------------------------------------------------------- */

/* Who makes it, or that its run is gone. */
static void print_owner(const ci_registry *registry, const ci_registry_owner *owner)
{
    char who[CI_REGISTRY_TEXT];
    if (!owner->host[0]) return;
    ci_registry_owner_text(owner, who);
    printf("            %s %s\n",
           ci_registry_owner_alive(registry, owner) ? "by" : "LOST, was taken by", who);
}

/* What it waits for and until when, or why it failed. */
static void print_wait(const ci_registry *registry, const ci_registry_group *group)
{
    char until[32] = "";
    bool waits = group->state == CI_REGISTRY_WORK_PENDING &&
                 group->next_try_unix_s > ci_registry_now(registry);
    /* Of one that was made, the product's own line tells. */
    if (!group->error || !*group->error || group->state == CI_REGISTRY_WORK_COMPLETED) return;
    if (waits) ci_time_iso(until, ci_time_mjd_s_from_unix(group->next_try_unix_s), 0, true);
    printf("            %s%s%s%s\n", waits ? "waits until " : "", until, waits ? ": " : "",
           group->error);
}

void ci_cli_print_all(const ci_registry *registry, const ci_ops_status *all)
{
    for (size_t i = 0; i < all->observations->n; i++)
        print_observation(&all->observations->item[i]);
    for (size_t i = 0; i < all->groups->n; i++) {
        const ci_registry_group *group = &all->groups->item[i];
        print_group(group);
        if (group->state == CI_REGISTRY_WORK_IN_PROGRESS) print_owner(registry, &group->owner);
        print_wait(registry, group);
    }
    print_files(all);
    for (size_t i = 0; i < all->products->n; i++) {
        print_product(&all->products->item[i]);
        if (all->products->item[i].state == CI_REGISTRY_PUBLISH_PUBLISHING)
            print_owner(registry, &all->products->item[i].owner);
    }
}
