/* One run: it opens folders and databases, does its groups and writes its report. */
#include "contimg/ops.h"
#include "contimg/report.h"
#include "run/choose.h"
#include "run/context.h"
#include "run/group.h"
#include "run/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- opening --------------------------------------------------------------------------- */

/* Quality limits that are looser than their defaults. */
static ci_status limits_fill(ci_report_record *record, const ci_conf *conf)
{
    const unsigned all = CI_CONF_JUDGES_TABLES | CI_CONF_JUDGES_IMAGES;
    for (ci_conf_id id = ci_conf_relaxed_next(conf, all, 0); id < CI_CONF_OPT_COUNT;
         id = ci_conf_relaxed_next(conf, all, id + 1))
        CI_TRY(ci_report_limit_add(record, ci_conf_name(id), ci_conf_origin(conf, id),
                                   ci_conf_double(conf, id), ci_conf_default(id)));
    return CI_OK;
}

/* Reports folder, JSON log, and the record's head. Needs the run's id. */
static ci_status open_report(ci_run *run)
{
    char *log = NULL;
    ci_report_record *record = &run->record;
    CI_TRY(ci_str_format(&run->report_folder, "%s/reports/%s", run->site.paths.state, record->id));
    CI_TRY(ci_path_make_folder(run->report_folder));
    CI_TRY(ci_path_join(&log, run->report_folder, "log.jsonl"));
    ci_status status = ci_log_set_json_file(log);
    ci_mem_free(log);
    CI_TRY(status);
    const char *job = getenv("SLURM_JOB_ID");
    snprintf(record->version, sizeof record->version, "%s", ci_version());
    snprintf(record->job, sizeof record->job, "%s", job ? job : "");
    CI_TRY(limits_fill(record, run->conf));
    CI_TRY(ci_conf_given_text(&record->options, run->conf));
    gethostname(record->host, sizeof record->host - 1);
    record->isa = ci_comm_isa(run->world);
    ci_time_iso(record->started, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    record->n_rank = ci_comm_size(run->world);
    ci_conf_relaxed_warn(run->conf); /* into the JSON log, too */
    return CI_OK;
}

static ci_status recover(ci_run *run)
{
    ci_publish_options options;
    ci_publish_recovered recovered;
    ci_run_publish_options(&run->site, run->conf, &options);
    return ci_publish_recover(run->site.registry, &options, &recovered);
}

/* What waits to be published again and is due, where the run takes what arrives. The log tells; a
 * fault of such a product is its own. */
static void publish_due(ci_run *run)
{
    ci_publish_options options;
    size_t n_published, n_failed;
    bool is_named =
        ci_conf_argument_count(run->conf) > 0 || *ci_conf_text(run->conf, CI_CONF_OPT_GROUP);
    if (is_named || ci_conf_bool(run->conf, CI_CONF_OPT_NO_PUBLISH)) return;
    ci_run_publish_options(&run->site, run->conf, &options);
    if (ci_publish_due(run->site.registry, &options, &n_published, &n_failed) != CI_OK)
        ci_error_clear();
}

/* What follows once the run has its row. */
static ci_status open_begun(ci_run *run)
{
    CI_TRY(open_report(run));
    CI_TRY(ci_run_site_keep_leases(&run->site));
    CI_TRY(recover(run));
    publish_due(run);
    return CI_OK;
}

static ci_status open_root(ci_run *run)
{
    char *log = NULL;
    if (run->site.paths.is_local_default)
        ci_log_info("nothing is configured and the deployed folders are absent: using "
                    "./contimg-data/{state,staging,products}");
    CI_TRY(ci_run_site_open_databases(&run->site, CI_RUN_MAKES));
    CI_TRY(ci_path_join(&log, run->site.paths.state, "reports"));
    ci_status status = ci_registry_run_begin(run->site.registry, "run", log, run->record.id);
    ci_mem_free(log);
    CI_TRY(status);
    status = open_begun(run);
    if (status == CI_OK) return CI_OK;
    ci_error_saved saved = ci_error_save(status);
    status =
        ci_registry_run_end(run->site.registry, run->record.id, saved.status, saved.text, NULL);
    if (status != CI_OK) ci_log_warning("run %s: %s", run->record.id, ci_error_text());
    return ci_error_restore(&saved);
}

/* An input folder that is not there is named before anything is made. */
static ci_status check_input(const ci_run *run)
{
    if (ci_conf_argument_count(run->conf) > 0) return CI_OK;
    if (ci_path_is_folder(run->site.paths.input)) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "input folder %s (%s) does not exist: set --input-dir or CONTIMG_INPUT_DIR, or "
                    "name UVH5 files",
                    run->site.paths.input, ci_conf_origin(run->conf, CI_CONF_OPT_INPUT_DIR));
}

static ci_status check_arguments(const ci_run *run)
{
    CI_TRY(ci_conf_check_work(run->conf));
    for (size_t i = 0; i < ci_conf_argument_count(run->conf); i++)
        if (!ci_path_exists(ci_conf_argument(run->conf, i)))
            return ci_error(CI_ERR_INPUT, "%s: no such file", ci_conf_argument(run->conf, i));
    return CI_OK;
}

static ci_status open_run(ci_run *run)
{
    CI_AGREE(run->world, ci_tile_options_new(&run->options, run->conf));
    run->options.image.stop = ci_stop_asked;
    CI_AGREE(run->world, ci_conf_paths_new(&run->site.paths, run->conf));
    CI_AGREE(run->world, ci_run_options_hash(run));
    CI_AGREE(run->world, check_input(run));
    CI_AGREE(run->world, check_arguments(run));
    CI_TRY(ci_tile_budget_set(run->world, run->conf));
    const char *model = ci_conf_text(run->conf, CI_CONF_OPT_MODEL);
    if (*model) CI_AGREE(run->world, ci_tile_model_read(&run->model, model));
    if (!ci_conf_bool(run->conf, CI_CONF_OPT_NO_OUTSIDE))
        run->options.image.clean.known = run->model;
    return ci_par_agree(run->world, ci_comm_rank(run->world) == 0 ? open_root(run) : CI_OK);
}

/* ---- closing ----------------------------------------------------------------------------- */

/* Ranks' events, memory, bytes and timers into the record. Collective. */
static ci_status gather_ranks(ci_run *run)
{
    ci_tile_event *event = NULL;
    ci_report_rank_counts *counts = NULL, mine = {.peak_bytes = ci_mem_peak()};
    ci_timer *timer = NULL;
    size_t n_byte = 0;
    mine.sent_bytes = ci_par_counters_get(run->world).n_byte_sent;
    ci_status status =
        ci_par_gather(run->world, run->events.item, run->events.n * sizeof *run->events.item, 0,
                      (void **)&event, &n_byte);
    if (status == CI_OK)
        status = ci_par_gather(run->world, &mine, sizeof mine, 0, (void **)&counts, NULL);
    if (status == CI_OK) status = ci_comm_timer_merge(run->world, &timer);
    if (status == CI_OK && ci_comm_rank(run->world) == 0) {
        run->record.event = event;
        run->record.n_event = n_byte / sizeof *event;
        run->record.counts = counts;
        run->record.timer = timer;
        return CI_OK;
    }
    ci_mem_free(event);
    ci_mem_free(counts);
    return status;
}

static ci_status report_write(ci_run *run)
{
    for (size_t i = 0; i < ci_log_warning_count(); i++)
        CI_TRY(ci_report_texts_add(&run->record.warnings, ci_log_warning_get(i)));
    return ci_report_write(&run->record, run->report_folder);
}

/* What dashboards read; a fault of it is no fault of the run. */
static void documents_write(const ci_run *run)
{
    const ci_conf_paths *p = &run->site.paths;
    const ci_ops_disk disks[] = {
        {"staging", p->staging}, {"products", p->products}, {"state", p->state}};
    if (ci_ops_documents_write(run->site.registry, p->state, disks, 3) != CI_OK)
        ci_log_warning("%s/api: %s", p->state, ci_error_text());
}

/* Rank 0: report and the run's row. A report that cannot be written does not undo a
 * published product, but is told. */
static ci_status close_root(ci_run *run, ci_status status)
{
    ci_report_record *record = &run->record;
    ci_status written = CI_OK;
    ci_error_saved saved = ci_error_save(status);
    bool has_report = record->n_group > 0;
    snprintf(record->error, sizeof record->error, "%s", saved.text);
    ci_time_iso(record->ended, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    record->seconds = ci_tile_events_now(&run->events);
    record->status = status;
    if (has_report) written = report_write(run);
    if (written != CI_OK) ci_log_error("report: %s", ci_error_text());
    ci_error_saved unwritten = ci_error_save(written);
    run->listener->end(record->is_degraded,
                       has_report && written == CI_OK ? run->report_folder : NULL);
    documents_write(run);
    ci_status row_ended = ci_registry_run_end(run->site.registry, record->id, status, record->error,
                                              run->report_folder);
    if (status != CI_OK) return ci_error_restore(&saved);
    return written != CI_OK ? ci_error_restore(&unwritten) : row_ended;
}

/* With --strict a DEGRADED product is no good end. Collective. */
static ci_status check_strict(const ci_run *run, ci_status status)
{
    int64_t degraded = run->record.is_degraded;
    CI_TRY(ci_par_bcast(run->world, &degraded, sizeof degraded, 0));
    if (status != CI_OK || !degraded || !ci_conf_bool(run->conf, CI_CONF_OPT_STRICT)) return status;
    return ci_error(CI_ERR_GATE, "the product is DEGRADED and --strict is given");
}

static ci_status close_run(ci_run *run, ci_status status)
{
    ci_status gathered = gather_ranks(run);
    if (status == CI_OK) status = gathered;
    status = check_strict(run, status);
    if (ci_comm_rank(run->world) == 0) status = close_root(run, status);
    return ci_par_agree(run->world, status);
}

static void free_run(ci_run *run)
{
    ci_report_record_clear(&run->record);
    ci_run_site_close(&run->site);
    ci_sky_model_free(run->model);
    ci_mem_free(run->events.item);
    ci_mem_free(run->report_folder);
    ci_status ignored = ci_log_set_json_file(NULL);
    (void)ignored;
}

/* ---- the groups -------------------------------------------------------------------------- */

static ci_status check_stop(const ci_run *run, size_t i, size_t n)
{
    char where[64];
    snprintf(where, sizeof where, "before group %zu of %zu", i + 1, n);
    return ci_tile_stop_check(run->world, where);
}

/* The first fault is the run's; later groups are done all the same. */
static ci_status make_groups(ci_run *run, const ci_run_groups *groups)
{
    ci_error_saved first = ci_error_save(CI_OK);
    for (size_t i = 0; i < groups->n_group; i++) {
        bool is_busy = false;
        ci_status status = check_stop(run, i, groups->n_group);
        if (status == CI_OK) status = ci_run_group_make(run, &groups->group[i], &is_busy);
        /* Of several, one that another run has is that one's. */
        if (is_busy && groups->n_group > 1) {
            if (ci_comm_rank(run->world) == 0) ci_log_info("passed over: %s", ci_error_text());
            continue;
        }
        if (first.status == CI_OK) first = ci_error_save(status);
        if (status == CI_ERR_STOPPED || status == CI_ERR_INTERNAL) break;
    }
    return ci_error_restore(&first);
}

static ci_status do_work(ci_run *run)
{
    ci_run_groups groups = {0};
    ci_status status = ci_run_groups_choose(run, &groups);
    if (status == CI_OK) status = make_groups(run, &groups);
    ci_run_groups_free(&groups);
    return status;
}

ci_status ci_run_execute(ci_comm *world, const ci_conf *conf, const ci_run_listener *listener)
{
    ci_run run = {.world = world,
                  .conf = conf,
                  .listener = listener,
                  .events = {.origin_s = ci_clock_monotonic_s(),
                             .rank = ci_comm_rank(world),
                             .timer = ci_comm_timer(world)}};
    ci_status status = open_run(&run);
    if (status == CI_OK) status = close_run(&run, do_work(&run));
    free_run(&run);
    return status;
}
