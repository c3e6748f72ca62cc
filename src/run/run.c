/* One run: its places, its work, its report. */
#include "run/run.h"

#include "contimg/run.h"
#include "contimg/report.h"

#include <string.h>
#include <unistd.h>

/* ---- opening --------------------------------------------------------------------------- */

/* The content of a file that an option names, where it is one. */
static ci_status hash_file(ci_text *text, const char *path)
{
    char hex[CI_SHA256_HEX];
    if (!*path || !ci_path_exists(path) || ci_path_is_folder(path)) return CI_OK;
    CI_TRY(ci_sha256_file(hex, path));
    return ci_text_append(text, " sha256=%s", hex);
}

/* --cal P names P.bandpass.calh5 and P.gain.calh5. */
static ci_status hash_tables(ci_text *text, const char *prefix)
{
    static const char *const endings[] = {"bandpass", "gain"};
    for (int i = 0; *prefix && i < 2; i++) {
        char *path = NULL;
        CI_TRY(ci_str_format(&path, "%s.%s.calh5", prefix, endings[i]));
        ci_status status = hash_file(text, path);
        ci_mem_free(path);
        CI_TRY(status);
    }
    return CI_OK;
}

/* A file by its content, wherever it lies; else the value. */
static ci_status hash_value(ci_text *text, ci_conf_id id, const char *value)
{
    size_t before = text->length;
    if (id == CI_OPT_MODEL || id == CI_OPT_CAL || id == CI_OPT_BEAM ||
        id == CI_OPT_EARTH_ORIENTATION)
        CI_TRY(hash_file(text, value));
    if (id == CI_OPT_CAL) CI_TRY(hash_tables(text, value));
    return text->length > before ? CI_OK : ci_text_append(text, "%s", value);
}

/* Options that change what a tile looks like, and the program's version. */
static ci_status hash_options(ci_run *run)
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "%s", ci_version());
    for (int i = 0; status == CI_OK && i < CI_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (id < CI_OPT_PHASING || id > CI_OPT_PB_CUT) continue;
        status = ci_text_append(&text, "\n%s=", ci_conf_name(id));
        if (status == CI_OK) status = hash_value(&text, id, ci_conf_text(run->conf, id));
    }
    size_t n = strlen(ci_version());
    if (status == CI_OK) status = ci_sha256_bytes(run->options_sha256, text.text, text.length);
    if (status == CI_OK)
        status = ci_sha256_bytes(run->choices_sha256, text.text + n, text.length - n);
    ci_mem_free(text.text);
    return status;
}

static ci_status make_folders(const ci_run *run)
{
    const ci_conf_paths *p = &run->places;
    CI_TRY(ci_path_make_folder(p->state));
    CI_TRY(ci_path_make_folder(p->staging));
    return ci_path_make_folder(p->products);
}

static ci_status open_registry(ci_run *run)
{
    const ci_conf_paths *p = &run->places;
    char *backups = NULL;
    ci_registry_options options;
    CI_TRY(ci_path_join(&backups, p->state, "backups"));
    ci_registry_options_default(&options);
    ci_registry_paths paths = {p->ingest_db, p->cal_registry_db, p->products_db,
                               p->data_registry_db, backups};
    ci_status status = ci_registry_open(&run->registry, &paths, &options);
    ci_mem_free(backups);
    return status;
}

/* Reports folder, JSON log, and the record's head. Needs the run's id. */
static ci_status open_report(ci_run *run)
{
    char *log = NULL, host[CI_REGISTRY_ID] = "", started[32];
    CI_TRY(ci_str_format(&run->report_folder, "%s/reports/%s", run->places.state, run->id));
    CI_TRY(ci_path_make_folder(run->report_folder));
    CI_TRY(ci_path_join(&log, run->report_folder, "log.jsonl"));
    ci_status status = ci_log_set_json_file(log);
    ci_mem_free(log);
    CI_TRY(status);
    char *options = NULL;
    CI_TRY(ci_conf_given_text(&options, run->conf));
    gethostname(host, sizeof host - 1);
    ci_time_iso(started, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    run->record = ci_json_object();
    run->groups = ci_json_array();
    ci_json_put_string(run->record, "schema", "contimg-report-1");
    ci_json_put_string(run->record, "run", run->id);
    ci_json_put_string(run->record, "command", "contimg run");
    ci_json_put_string(run->record, "version", ci_version());
    ci_json_put_string(run->record, "host", host);
    ci_json_put_int(run->record, "n_rank", ci_comm_size(run->world));
    ci_json_put_string(run->record, "options", options);
    ci_json_put(run->record, "relaxed", ci_tile_relaxed_json(run->conf));
    ci_json_put_string(run->record, "started", started);
    ci_json_put(run->record, "groups", run->groups);
    ci_mem_free(options);
    ci_conf_relaxed_warn(run->conf); /* into the JSON log, too */
    return CI_OK;
}

static ci_status recover(ci_run *run)
{
    ci_publish_options options;
    ci_publish_recovered recovered;
    ci_publish_options_default(&options);
    options.staging_base = run->places.staging;
    options.products_base = run->places.products;
    ci_tile_qa_limits(&options.limits, run->conf);
    return ci_publish_recover(run->registry, &options, &recovered);
}

static ci_status open_root(ci_run *run)
{
    if (run->places.is_local_default)
        ci_log_info("nothing is configured and the deployed folders are absent: using "
                    "./contimg-data/{state,staging,products}");
    ci_log_info("state %s, staging %s, products %s", run->places.state, run->places.staging,
                run->places.products);
    CI_TRY(make_folders(run));
    CI_TRY(open_registry(run));
    char *log = NULL;
    CI_TRY(ci_path_join(&log, run->places.state, "reports"));
    ci_status status = ci_registry_run_begin(run->registry, "run", log, run->id);
    ci_mem_free(log);
    CI_TRY(status);
    CI_TRY(open_report(run));
    return recover(run);
}

/* An input folder that is not there is named before anything is made. */
static ci_status check_input(const ci_run *run)
{
    if (ci_conf_argument_count(run->conf) > 0) return CI_OK;
    if (ci_path_is_folder(run->places.input)) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "input folder %s (%s) does not exist: set --input-dir or CONTIMG_INPUT_DIR, or "
                    "name UVH5 files",
                    run->places.input, ci_conf_origin(run->conf, CI_OPT_INPUT_DIR));
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
    CI_AGREE(run->world, ci_conf_paths_new(&run->places, run->conf));
    CI_AGREE(run->world, hash_options(run));
    CI_AGREE(run->world, check_input(run));
    CI_AGREE(run->world, check_arguments(run));
    CI_TRY(ci_tile_budget_set(run->world, run->conf));
    const char *model = ci_conf_text(run->conf, CI_OPT_MODEL);
    if (*model) CI_AGREE(run->world, ci_sky_model_read(&run->model, model));
    CI_TRY(ci_par_agree(run->world, ci_comm_rank(run->world) == 0 ? open_root(run) : CI_OK));
    return ci_par_bcast(run->world, run->id, sizeof run->id, 0);
}

/* ---- closing ----------------------------------------------------------------------------- */

static void put_warnings(ci_json *record)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < ci_log_warning_count(); i++)
        ci_json_put_string(list, NULL, ci_log_warning_get(i));
    ci_json_put(record, "warnings", list);
}

/* Rank 0: report and the run's row. A report that cannot be written does not undo a
 * published product, but is told. */
static ci_status close_root(ci_run *run, ci_status status)
{
    char ended[32];
    ci_error_saved saved = ci_error_save(status);
    ci_time_iso(ended, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    ci_json_put_string(run->record, "ended", ended);
    ci_json_put_number(run->record, "seconds", ci_run_seconds(run));
    ci_json_put_string(run->record, "status", ci_status_text(status));
    ci_json_put_int(run->record, "exit_code", ci_status_exit_code(status));
    ci_json_put_string(run->record, "error", saved.text);
    put_warnings(run->record);
    ci_status written = CI_OK;
    if (ci_json_length(run->groups) > 0) {
        written = ci_report_write(run->record, run->report_folder);
        if (written == CI_OK) printf("report: %s/report.html\n", run->report_folder);
    }
    if (written != CI_OK) ci_log_error("report: %s", ci_error_text());
    ci_status ended_row =
        ci_registry_run_end(run->registry, run->id, status, saved.text, run->report_folder);
    if (ci_error_restore(&saved) != CI_OK) return status;
    return written != CI_OK ? written : ended_row;
}

static void free_run(ci_run *run)
{
    if (run->record) ci_json_free(run->record);
    ci_registry_close(run->registry);
    ci_sky_model_free(run->model);
    ci_conf_paths_free(&run->places);
    ci_mem_free(run->event);
    ci_mem_free(run->report_folder);
    ci_status ignored = ci_log_set_json_file(NULL);
    (void)ignored;
}

static ci_status check_stop(const ci_run *run, size_t i, size_t n)
{
    char where[64];
    snprintf(where, sizeof where, "before group %zu of %zu", i + 1, n);
    return ci_run_stop_check(run->world, where);
}

static ci_status do_groups(ci_run *run)
{
    ci_json *work = NULL;
    CI_TRY(ci_run_work_choose(run, &work));
    const ci_json *groups = ci_json_get(work, "groups");
    ci_error_saved first = ci_error_save(CI_OK);
    for (size_t i = 0; i < ci_json_length(groups); i++) {
        ci_status of_group = check_stop(run, i, ci_json_length(groups));
        if (of_group == CI_OK) of_group = ci_run_group(run, ci_json_at(groups, i));
        /* The first fault is the run's; later groups are done all the same. */
        if (first.status == CI_OK) first = ci_error_save(of_group);
        if (of_group == CI_ERR_STOPPED || of_group == CI_ERR_INTERNAL) break;
    }
    ci_json_free(work);
    return ci_error_restore(&first);
}

ci_status ci_run_execute(ci_comm *world, const ci_conf *conf)
{
    ci_run run = {.world = world, .conf = conf, .start_s = ci_clock_monotonic_s()};
    ci_status status = open_run(&run);
    bool is_open = status == CI_OK;
    if (status == CI_OK) status = do_groups(&run);
    if (is_open) {
        int64_t degraded = run.any_degraded;
        ci_status ranks = ci_run_record_ranks(&run);
        if (status == CI_OK) status = ranks;
        if (ci_par_bcast(world, &degraded, sizeof degraded, 0) == CI_OK && degraded) {
            if (ci_comm_rank(world) == 0) printf("DEGRADED: see the report\n");
            if (status == CI_OK && ci_conf_bool(conf, CI_OPT_STRICT))
                status = ci_error(CI_ERR_GATE, "the product is DEGRADED and --strict is given");
        }
        if (ci_comm_rank(world) == 0) status = close_root(&run, status);
        status = ci_par_agree(world, status);
    }
    free_run(&run);
    return status;
}
