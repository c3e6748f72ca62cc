/* contimg publish: one product by name, those that failed, or what a crash left. */
#include "cli/cli.h"

#include "contimg/publish.h"
#include "contimg/run.h"

/* The limits that this command judges by and that are relaxed, on one line. */
static void print_relaxed(const ci_conf *conf)
{
    char *list = NULL;
    if (ci_conf_relaxed_list(&list, conf, CI_CONF_JUDGES_IMAGES) == CI_OK && *list)
        printf("judged by relaxed limits: %s\n", list);
    ci_mem_free(list);
}

static ci_status publish_one(const ci_run_site *site, const ci_conf *conf, const char *id,
                             const ci_publish_options *options)
{
    ci_publish_result *result = NULL;
    CI_TRY(ci_mem_alloc(&result, 1, sizeof *result, "publish"));
    ci_status status = ci_publish_product(site->registry, id, options, result);
    if (status == CI_OK) printf("%s\n", result->text);
    if (result->gates.n > 0) print_relaxed(conf);
    ci_mem_free(result);
    return status;
}

/* Failed for good, or back in staging after a failure; not one that was withdrawn, which is
 * published by its name alone. */
static bool has_failed(const ci_registry_product *p)
{
    return p->state == CI_REGISTRY_PUBLISH_FAILED ||
           (p->state == CI_REGISTRY_PUBLISH_STAGING && p->n_attempt > 0 && p->auto_publish);
}

typedef struct retry_counts
{
    size_t n_tried, n_good;
} retry_counts;

/* Each that failed, or the one named; a fault of one does not stop the others. */
static ci_status publish_again(const ci_run_site *site, const ci_conf *conf,
                               const ci_cli_retry *what, const ci_publish_options *options,
                               retry_counts *counts)
{
    ci_registry_products *list = NULL;
    ci_error_saved worst = ci_error_save(CI_OK);
    CI_TRY(ci_registry_products_read(site->registry, &list, -1, false));
    for (size_t i = 0; i < list->n && counts->n_tried < what->limit; i++) {
        if (!has_failed(&list->item[i])) continue;
        ci_status status = publish_one(site, conf, list->item[i].id, options);
        counts->n_tried++;
        counts->n_good += status == CI_OK;
        if (status != CI_OK) ci_log_warning("%s", ci_error_text());
        if (status > worst.status) worst = ci_error_save(status);
    }
    ci_registry_products_free(list);
    return ci_error_restore(&worst);
}

ci_status ci_cli_publish_again(const ci_run_site *site, const ci_conf *conf,
                               const ci_cli_retry *what)
{
    ci_publish_options options;
    retry_counts n = {0};
    ci_run_publish_options(site, conf, &options);
    options.dry_run = what->dry_run;
    options.by_name = true;
    if (*what->id) return publish_one(site, conf, what->id, &options);
    ci_status status = publish_again(site, conf, what, &options, &n);
    if (!what->as_json) {
        printf("%zu product%s with failed attempts %s\n", n.n_tried, ci_plural(n.n_tried),
               what->dry_run ? "looked at, none changed" : "tried again");
        return status;
    }
    ci_error_saved saved = ci_error_save(status);
    ci_json *json = ci_json_object();
    ci_json_put_int(json, "total", (int64_t)n.n_tried);
    ci_json_put_int(json, "successful", what->dry_run ? 0 : (int64_t)n.n_good);
    ci_json_put_int(json, "failed", (int64_t)(n.n_tried - n.n_good));
    CI_TRY(ci_cli_print_json(json));
    return ci_error_restore(&saved);
}

static ci_status publish_due(const ci_run_site *site, const ci_publish_options *given)
{
    ci_publish_options options = *given;
    size_t n_published = 0, n_failed = 0;
    options.by_name = false;
    ci_status status = ci_publish_due(site->registry, &options, &n_published, &n_failed);
    printf("%zu product%s published, %zu failed\n", n_published, ci_plural(n_published), n_failed);
    return status;
}

static ci_status publish_recover(const ci_run_site *site, const ci_conf *conf,
                                 const ci_publish_options *options)
{
    ci_publish_recovered r;
    ci_publish_options with_rebuild = *options;
    with_rebuild.rebuild = true;
    CI_TRY(ci_publish_recover(site->registry, &with_rebuild, &r));
    printf("finished %zu, returned to staging %zu, given up %zu, left alone (owner alive) %zu, "
           "left-overs removed %zu, taken into the registry %zu, faults %zu\n",
           r.n_finished, r.n_returned, r.n_given_up, r.n_busy, r.n_part, r.n_rebuilt, r.n_fault);
    if (r.n_finished + r.n_returned + r.n_given_up > 0) print_relaxed(conf);
    if (r.n_fault > 0)
        return ci_error(CI_ERR_IO,
                        "%zu product%s faulty below %s, each named by an ERROR line above: restore "
                        "the folder from a copy, or move it away and publish or run again",
                        r.n_fault, r.n_fault == 1 ? " is" : "s are", site->paths.products);
    return CI_OK;
}

static ci_status publish_withdraw(const ci_run_site *site, const char *id,
                                  const ci_publish_options *options)
{
    ci_publish_result *result = NULL;
    CI_TRY(ci_mem_alloc(&result, 1, sizeof *result, "publish"));
    ci_status status = ci_publish_withdraw(site->registry, id, options, result);
    if (status == CI_OK) printf("%s\n", result->text);
    ci_mem_free(result);
    return status;
}

static ci_status publish_site(const ci_run_site *site, const ci_conf *conf)
{
    ci_publish_options options;
    ci_cli_retry what = {.id = ci_conf_text(conf, CI_CONF_OPT_ID),
                         .limit = SIZE_MAX,
                         .dry_run = ci_conf_bool(conf, CI_CONF_OPT_DRY_RUN)};
    const char *withdraw = ci_conf_text(conf, CI_CONF_OPT_WITHDRAW);
    ci_run_publish_options(site, conf, &options);
    options.by_name = true;
    if (*withdraw) return publish_withdraw(site, withdraw, &options);
    ci_conf_relaxed_warn(conf);
    if (ci_conf_bool(conf, CI_CONF_OPT_DUE)) return publish_due(site, &options);
    return ci_conf_bool(conf, CI_CONF_OPT_RECOVER) ? publish_recover(site, conf, &options)
                                                   : ci_cli_publish_again(site, conf, &what);
}

ci_status ci_cli_publish(const ci_conf *conf)
{
    bool id = *ci_conf_text(conf, CI_CONF_OPT_ID),
         withdraw = *ci_conf_text(conf, CI_CONF_OPT_WITHDRAW),
         retry = ci_conf_bool(conf, CI_CONF_OPT_RETRY_FAILED),
         recover = ci_conf_bool(conf, CI_CONF_OPT_RECOVER),
         due = ci_conf_bool(conf, CI_CONF_OPT_DUE);
    if (id + withdraw + retry + recover + due != 1)
        return ci_error(CI_ERR_USAGE,
                        "give one of --id ID, --withdraw ID, --due, --retry-failed, --recover");
    if ((recover || withdraw || due) && ci_conf_bool(conf, CI_CONF_OPT_DRY_RUN))
        return ci_error(CI_ERR_USAGE,
                        "%s has no --dry-run: it goes with --id and --retry-failed; leave it out",
                        recover ? "--recover"
                        : due   ? "--due"
                                : "--withdraw");
    ci_run_site site;
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_WRITES);
    if (status == CI_OK) status = ci_run_site_keep_leases(&site);
    if (status == CI_OK) status = publish_site(&site, conf);
    ci_run_site_close(&site);
    return status;
}
