/* Commands that need no MPI: they ask and set the registry. */
#include "cli/cli.h"

#include "contimg/ingest.h"
#include "contimg/ops.h"
#include "contimg/run.h"
#include "contimg/publish.h"
#include "contimg/registry.h"

#include <string.h>
#include <unistd.h>

/* ---- inspect ---------------------------------------------------------------------------- */

ci_status ci_cli_inspect(const ci_conf *conf)
{
    if (ci_conf_argument_count(conf) == 0)
        return ci_error(CI_ERR_USAGE, "no file given; contimg inspect FILE...");
    ci_status worst = CI_OK;
    ci_error_saved last = ci_error_save(CI_OK);
    for (size_t i = 0; i < ci_conf_argument_count(conf); i++) {
        ci_status status =
            ci_ops_inspect(ci_conf_argument(conf, i), ci_conf_bool(conf, CI_OPT_JSON), stdout);
        if (status == CI_OK) continue;
        /* Each unusable file is named; the last line is main's. */
        if (last.status != CI_OK) fprintf(stderr, "contimg: %s\n", last.text);
        last = ci_error_save(status);
        if (status > worst) worst = status;
    }
    ci_error_restore(&last);
    return worst;
}

/* ---- group ----------------------------------------------------------------------------------- */

static ci_json *group_record(const ci_registry_group *group)
{
    ci_json *record = ci_json_object(), *members = ci_json_array();
    ci_json_put_string(record, "id", group->id);
    ci_json_put_string(record, "state", ci_registry_work_state_word(group->state));
    ci_json_put_string(record, "closed_by", group->closed_by);
    ci_json_put_bool(record, "is_early", group->is_early);
    for (size_t i = 0; i < group->n_member; i++)
        ci_json_put_string(members, NULL, group->member[i].observation_id);
    ci_json_put(record, "members", members);
    return record;
}

static ci_json *observation_record(const ci_registry_observation *o)
{
    ci_json *record = ci_json_object();
    ci_json_put_string(record, "id", o->id);
    ci_json_put_string(record, "state", ci_registry_work_state_word(o->state));
    ci_json_put_int(record, "subbands_present", o->n_present);
    ci_json_put_int(record, "expected_subbands", o->n_expected);
    ci_json_put_string(record, "missing", o->missing);
    ci_json_put_bool(record, "is_degraded", o->is_degraded);
    ci_json_put_string(record, "error", o->error);
    return record;
}

ci_status ci_cli_print_json(ci_json *record)
{
    char *text = NULL;
    ci_status status = ci_json_print(&text, record, true);
    if (status == CI_OK) printf("%s\n", text);
    ci_mem_free(text);
    ci_json_free(record);
    return status;
}

static void print_observation(const ci_registry_observation *o)
{
    printf("observation %-20s %-12s %2lld of %lld sub-bands%s%s%s%s\n", o->id,
           ci_registry_work_state_word(o->state), (long long)o->n_present, (long long)o->n_expected,
           *o->missing ? ", missing " : "", o->missing, o->error && *o->error ? ": " : "",
           o->error ? o->error : "");
}

static void print_group(const ci_registry_group *group)
{
    printf("group       %-32s %-12s %zu observation%s, closed by %s%s\n", group->id,
           ci_registry_work_state_word(group->state), group->n_member, ci_plural(group->n_member),
           group->closed_by, group->is_early ? " (early)" : "");
}

/* Why a file is not used; the path stands before it already. */
static const char *file_reason(const ci_registry_file *f)
{
    size_t n = strlen(f->path);
    if (strncmp(f->reason, f->path, n) == 0 && strncmp(f->reason + n, ": ", 2) == 0)
        return f->reason + n + 2;
    return f->reason;
}

static ci_json *file_record(const ci_registry_file *f)
{
    ci_json *record = ci_json_object();
    ci_json_put_string(record, "path", f->path);
    ci_json_put_string(record, "state", ci_registry_file_state_word(f->state));
    ci_json_put_string(record, "reason", file_reason(f));
    return record;
}

/* Files that are not used, each with its reason; into `list` where it is given. */
static ci_status list_files(ci_registry *registry, ci_json *list)
{
    ci_registry_files *files = NULL;
    CI_TRY(ci_registry_files_unused(registry, &files));
    for (size_t i = 0; i < files->n; i++) {
        const ci_registry_file *f = &files->item[i];
        if (list) {
            ci_json_put(list, NULL, file_record(f));
            continue;
        }
        ci_str_one_line(f->path);
        printf("file        %s %s: %s\n", f->path, ci_registry_file_state_word(f->state),
               file_reason(f));
    }
    ci_registry_files_free(files);
    return CI_OK;
}

/* Observations that are in no group yet, and what they wait for. */
static void print_waiting(const ci_registry_observations *observations,
                          const ci_registry_groups *groups, const ci_ingest_options *options)
{
    size_t n = observations->n;
    for (size_t i = 0; i < observations->n; i++) {
        bool is_member = observations->item[i].state == CI_WORK_FAILED;
        for (size_t k = 0; k < groups->n && !is_member; k++)
            for (size_t m = 0; m < groups->item[k].n_member && !is_member; m++)
                is_member =
                    strcmp(groups->item[k].member[m].observation_id, observations->item[i].id) == 0;
        n -= is_member;
    }
    if (n == 0) return;
    printf("waiting     %zu observation%s in no group yet: a group closes when it has %lld, at a "
           "gap, or %.0f minutes after its last file\n",
           n, n == 1 ? " is" : "s are", (long long)options->group_size, options->silence_s / 60);
}

/* Files that nothing else tells of yet: their writer may not be done. */
static void print_growing(const ci_ingest_report *report, const char *input,
                          const ci_ingest_options *options)
{
    size_t n = report->n_by_state[CI_FILE_GROWING];
    if (n == 0) return;
    printf("waiting     %zu of the %zu file%s in %s %s just written: looked at again when at rest "
           "for %.0f s\n",
           n, report->n_file, ci_plural(report->n_file), input, n == 1 ? "was" : "were",
           options->settle_s);
}

/* options: of the grouping, NULL where it is not known. */
static ci_status list_all(ci_registry *registry, const ci_ingest_options *options, bool as_json)
{
    ci_registry_observations *observations = NULL;
    ci_registry_groups *groups = NULL;
    ci_status status =
        ci_registry_observations_read(registry, &observations, 0.0 / 0.0, 0.0 / 0.0, false);
    if (status == CI_OK) status = ci_registry_groups_read(registry, &groups);
    ci_json *root = as_json ? ci_json_object() : NULL;
    ci_json *o_list = as_json ? ci_json_array() : NULL, *g_list = as_json ? ci_json_array() : NULL;
    for (size_t i = 0; status == CI_OK && i < observations->n; i++) {
        if (as_json)
            ci_json_put(o_list, NULL, observation_record(&observations->item[i]));
        else
            print_observation(&observations->item[i]);
    }
    for (size_t i = 0; status == CI_OK && i < groups->n; i++) {
        if (as_json)
            ci_json_put(g_list, NULL, group_record(&groups->item[i]));
        else
            print_group(&groups->item[i]);
    }
    if (status == CI_OK && options && !as_json) print_waiting(observations, groups, options);
    ci_registry_observations_free(observations);
    ci_registry_groups_free(groups);
    ci_json *f_list = as_json ? ci_json_array() : NULL;
    if (status == CI_OK) status = list_files(registry, f_list);
    if (!as_json) return status;
    ci_json_put(root, "observations", o_list);
    ci_json_put(root, "groups", g_list);
    ci_json_put(root, "files", f_list);
    if (status == CI_OK) return ci_cli_print_json(root);
    ci_json_free(root);
    return status;
}

ci_status ci_cli_group(const ci_conf *conf)
{
    ci_run_site site;
    ci_ingest_options options;
    ci_ingest_report report;
    ci_run_ingest_options(conf, &options);
    /* Said before anything is made. */
    const char *input = ci_conf_text(conf, CI_OPT_INPUT_DIR);
    if (!ci_path_is_folder(input))
        return ci_error(CI_ERR_INPUT,
                        "input folder %s (%s) does not exist: set --input-dir or CONTIMG_INPUT_DIR",
                        input, ci_conf_origin(conf, CI_OPT_INPUT_DIR));
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_WRITES);
    if (status == CI_OK)
        status = ci_ingest_scan(site.registry, site.paths.input, &options, &report);
    if (status == CI_OK && report.n_file == 0) ci_log_info("no UVH5 files in %s", site.paths.input);
    bool as_json = ci_conf_bool(conf, CI_OPT_JSON);
    if (status == CI_OK) status = list_all(site.registry, &options, as_json);
    if (status == CI_OK && !as_json) print_growing(&report, site.paths.input, &options);
    ci_run_site_close(&site);
    return status;
}

/* ---- check ----------------------------------------------------------------------------------- */

static ci_status print_values(const ci_conf *conf)
{
    if (!ci_conf_bool(conf, CI_OPT_JSON)) {
        ci_conf_print(stdout, conf);
        return CI_OK;
    }
    ci_json *list = ci_json_array();
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        char variable[64];
        ci_json *item = ci_json_object();
        ci_conf_variable(id, variable);
        ci_json_put_string(item, "name", ci_conf_name(id));
        ci_json_put_string(item, "variable", variable);
        ci_json_put_string(item, "value", ci_conf_text(conf, id));
        ci_json_put_string(item, "origin", ci_conf_origin(conf, id));
        ci_json_put(list, NULL, item);
    }
    return ci_cli_print_json(list);
}

ci_status ci_cli_check(const ci_conf *conf)
{
    ci_conf_paths places;
    if (ci_conf_bool(conf, CI_OPT_VALUES)) return print_values(conf);
    CI_TRY(ci_conf_paths_new(&places, conf));
    ci_ops_check_options options = {
        .input = places.input,
        .staging = places.staging,
        .products = places.products,
        .state = places.state,
        .databases = {places.ingest_db, places.cal_registry_db, places.products_db,
                      places.data_registry_db},
        .disk_critical_gb = ci_conf_double(conf, CI_OPT_DISK_CRITICAL_GB),
        .input_given = ci_conf_is_given(conf, CI_OPT_INPUT_DIR),
        .is_local = places.is_local_default,
        .disk_critical_given = ci_conf_is_given(conf, CI_OPT_DISK_CRITICAL_GB)};
    ci_status status = ci_ops_check(&options, ci_conf_bool(conf, CI_OPT_JSON), stdout);
    ci_conf_paths_free(&places);
    return status;
}

/* ---- publish --------------------------------------------------------------------------------- */

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

static ci_status publish_failed(const ci_run_site *site, const ci_conf *conf,
                                const ci_publish_options *options)
{
    ci_registry_products *failed = NULL;
    ci_status worst = CI_OK;
    ci_error_saved last = ci_error_save(CI_OK);
    CI_TRY(ci_registry_products_read(site->registry, &failed, CI_PUBLISH_FAILED, false));
    for (size_t i = 0; i < failed->n; i++) {
        ci_status status = publish_one(site, conf, failed->item[i].id, options);
        if (status != CI_OK) last = ci_error_save(status);
        if (status > worst) worst = status;
    }
    printf("%zu failed product%s %s\n", failed->n, ci_plural(failed->n),
           options->dry_run ? "looked at, none changed" : "tried again");
    ci_registry_products_free(failed);
    ci_error_restore(&last);
    return worst;
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

ci_status ci_cli_publish(const ci_conf *conf)
{
    const char *id = ci_conf_text(conf, CI_OPT_ID);
    bool retry = ci_conf_bool(conf, CI_OPT_RETRY_FAILED),
         recover = ci_conf_bool(conf, CI_OPT_RECOVER);
    if ((*id != '\0') + retry + recover != 1)
        return ci_error(CI_ERR_USAGE, "give one of --id ID, --retry-failed, --recover");
    if (recover && ci_conf_bool(conf, CI_OPT_DRY_RUN))
        return ci_error(CI_ERR_USAGE, "--recover has no --dry-run: it goes with --id and "
                                      "--retry-failed; leave it out to recover");
    ci_run_site site;
    ci_publish_options options;
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_WRITES);
    if (status == CI_OK) {
        ci_run_publish_options(&site, conf, &options);
        options.dry_run = ci_conf_bool(conf, CI_OPT_DRY_RUN);
        options.by_name = true;
        ci_conf_relaxed_warn(conf);
        status = *id     ? publish_one(&site, conf, id, &options)
                 : retry ? publish_failed(&site, conf, &options)
                         : publish_recover(&site, conf, &options);
    }
    ci_run_site_close(&site);
    return status;
}

/* ---- status ---------------------------------------------------------------------------------- */

static ci_status print_changes(ci_registry *registry, const char *subject)
{
    ci_registry_changes *changes = NULL;
    CI_TRY(ci_registry_changes_read(registry, &changes, subject, 0));
    for (size_t i = 0; i < changes->n; i++) {
        ci_registry_change *c = &changes->item[i];
        char at[32];
        ci_str_one_line(c->subject);
        ci_str_one_line(c->reason);
        ci_time_iso(at, ci_time_mjd_s_from_unix(c->at_unix_s), 0, true);
        printf("%s %-12s %-34s %s -> %s  %s\n", at, c->kind, c->subject, *c->from ? c->from : "-",
               c->to, c->reason);
    }
    bool is_known = changes->n > 0;
    ci_registry_changes_free(changes);
    if (is_known) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: nothing is known of it: `contimg status` lists what there is", subject);
}

static ci_status print_products(ci_registry *registry)
{
    ci_registry_products *products = NULL;
    CI_TRY(ci_registry_products_read(registry, &products, -1, true));
    for (size_t i = 0; i < products->n; i++) {
        const ci_registry_product *p = &products->item[i];
        bool is_published = p->state == CI_PUBLISH_PUBLISHED;
        bool is_there = ci_path_exists(p->published_path);
        ci_str_one_line(p->published_path);
        ci_str_one_line(p->error);
        printf("product     %-32s %-12s %s%s\n", p->id, ci_registry_publish_state_word(p->state),
               is_published ? p->published_path : p->error,
               is_published && !is_there ? " (not there)" : "");
    }
    ci_registry_products_free(products);
    return CI_OK;
}

ci_status ci_cli_status(const ci_conf *conf)
{
    ci_run_site site;
    ci_status status = ci_run_site_open(&site, conf, CI_RUN_READS);
    if (status == CI_OK && ci_conf_argument_count(conf) > 0)
        status = print_changes(site.registry, ci_conf_argument(conf, 0));
    else if (status == CI_OK) {
        bool as_json = ci_conf_bool(conf, CI_OPT_JSON);
        status = list_all(site.registry, NULL, as_json);
        if (status == CI_OK && !as_json) status = print_products(site.registry);
    }
    ci_run_site_close(&site);
    return status;
}
