/* Where a group's calibration tables come from. */
#include "run/tables.h"

#include "run/lease.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ci_status table_append(ci_text *text, const ci_cal_table *table)
{
    char hex[2][CI_SHA256_HEX] = {"", ""};
    size_t n = table ? table->n_time * table->n_chan * table->array.n_antenna * table->n_feed : 0;
    if (table) CI_TRY(ci_sha256_bytes(hex[0], table->gain, n * sizeof *table->gain));
    if (table) CI_TRY(ci_sha256_bytes(hex[1], table->flag, n * sizeof *table->flag));
    return ci_text_append(text, "\n%s %s", hex[0], hex[1]);
}

static ci_status relaxed_set(ci_run_recipe *out, const ci_run *run, const ci_tile_tables *tables)
{
    char *text = NULL;
    unsigned judged = CI_CONF_JUDGES_IMAGES | (tables->quality_known ? CI_CONF_JUDGES_TABLES : 0);
    CI_TRY(ci_conf_relaxed_list(&text, run->conf, judged));
    snprintf(out->relaxed, sizeof out->relaxed, "%s", text);
    ci_mem_free(text);
    return CI_OK;
}

ci_status ci_run_recipe_set(ci_run_recipe *out, const ci_run *run, const ci_tile_tables *tables)
{
    ci_text text = {0};
    CI_TRY(relaxed_set(out, run, tables));
    ci_status status = ci_text_append(&text, "%s", run->options_sha256);
    if (status == CI_OK) status = table_append(&text, tables->bandpass);
    if (status == CI_OK) status = table_append(&text, tables->gain);
    if (status == CI_OK) status = ci_sha256_bytes(out->sha256, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

/* ---- the tile to solve on --------------------------------------------------------- */

/* What is known of a group before it is calibrated; the same on all ranks. */
typedef struct sight
{
    int64_t any_jy;      /* data of a tile are in Jy */
    double brightest_jy; /* of the model's sources, in any tile's beam */
    int64_t is_faint;    /* it is seen, but as no calibrator */
} sight;

/* Apparent model flux of one tile; 0 where no source is in the beam. */
static ci_status apparent_flux(const ci_run *run, const ci_sky_eop *eop, const char *path,
                               double *flux_jy, sight *group)
{
    ci_uvh5_file *file = NULL;
    ci_sky_beam *beam = NULL;
    ci_tile_seen seen = {0};
    CI_TRY(ci_uvh5_open(&file, path, &run->options.uvh5));
    const ci_vis_meta *meta = ci_uvh5_meta(file);
    if (meta->units == CI_VIS_UNITS_JY) group->any_jy = 1;
    ci_status status = ci_sky_beam_new(&beam, run->options.beam, &meta->array);
    if (status == CI_OK && run->model)
        status = ci_tile_model_seen(eop, meta, beam, run->model, &seen);
    double least_jy = ci_tile_model_least_jy(ci_conf_text(run->conf, CI_CONF_OPT_MODEL));
    bool is_seen = seen.level >= CI_TILE_MIN_BEAM_LEVEL && seen.flux_jy >= least_jy;
    *flux_jy = is_seen ? seen.flux_jy : 0;
    if (is_seen) group->brightest_jy = fmax(group->brightest_jy, seen.brightest_jy);
    ci_sky_beam_free(beam);
    ci_uvh5_close(file);
    return status;
}

static ci_status check_holes(const ci_run_group *group)
{
    for (size_t i = 0; i < group->n_tile; i++)
        if (!group->tile[i].is_hole) return CI_OK;
    return ci_error(CI_ERR_GATE,
                    "group %s: each of its observations failed or has too few sub-bands: contimg "
                    "status %s",
                    group->id, group->tile[0].id);
}

/* Apparent flux of every tile (-1: it cannot be opened, and fails by itself later, or is a hole).
 */
static ci_status measure_tiles(const ci_run *run, const ci_run_group *group, double *flux_jy,
                               sight *out)
{
    ci_sky_eop *eop = NULL;
    CI_TRY(check_holes(group));
    CI_TRY(ci_sky_eop_load(&eop, run->options.earth_orientation));
    ci_status status = CI_OK;
    bool any = false;
    for (size_t i = 0; i < group->n_tile; i++) {
        const ci_run_tile *tile = &group->tile[i];
        flux_jy[i] = -1;
        if (tile->n_path == 0 || tile->is_hole) continue;
        status = apparent_flux(run, eop, tile->path[0], &flux_jy[i], out);
        if (status != CI_OK) flux_jy[i] = -1;
        any = any || status == CI_OK;
    }
    ci_sky_eop_free(eop);
    out->is_faint =
        out->brightest_jy > 0 &&
        ci_tile_model_is_faint(ci_conf_text(run->conf, CI_CONF_OPT_MODEL), out->brightest_jy);
    return any ? CI_OK : status;
}

/* ---- solving ------------------------------------------------------------------------ */

/* What the registry holds of a table: that it has the flux scale of a faint field, and why its
 * fluxes are in doubt. */
static ci_status quality_text(const ci_run *run, const ci_tile_tables *tables,
                              const ci_tile_data *data, char **out)
{
    char doubt[CI_TILE_DOUBT_TEXT];
    ci_tile_seen seen;
    CI_TRY(ci_tile_model_seen(data->eop, data->set->meta, data->beam, run->model, &seen));
    const char *model = ci_conf_text(run->conf, CI_CONF_OPT_MODEL);
    bool is_faint = ci_tile_model_is_faint(model, seen.brightest_jy);
    ci_json *json = ci_json_object();
    if (is_faint) ci_json_put_bool(json, CI_RUN_TABLE_FAINT, true);
    if (*ci_tile_doubt_text(&tables->quality, CI_TILE_DOUBT_RATIO, doubt))
        ci_json_put_string(json, CI_RUN_TABLE_DOUBT, doubt);
    ci_status status = ci_json_print(out, json, false);
    ci_json_free(json);
    return status;
}

static ci_status register_table(ci_run *run, const ci_tile_tables *tables,
                                ci_registry_cal_kind kind, const ci_tile_data *data)
{
    const ci_vis_meta *meta = data->set->meta;
    double middle = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    double valid_s = ci_run_table_validity_s(run, kind);
    char *source = NULL, *antenna = NULL, *quality = NULL;
    size_t i_ref = (size_t)tables->gain->i_ref_antenna;
    CI_TRY(ci_str_copy(&source, ci_conf_text(run->conf, CI_CONF_OPT_MODEL)));
    ci_status status = ci_str_copy(&antenna, ci_vis_text(tables->gain->array.antenna[i_ref].name));
    if (status == CI_OK) status = quality_text(run, tables, data, &quality);
    ci_registry_cal row = {.kind = kind,
                           .path = kind == CI_REGISTRY_BANDPASS ? tables->bandpass_path
                                                                : tables->gain_path,
                           .source = source,
                           .ref_antenna = antenna,
                           .quality_json = quality,
                           .time_mjd_s = middle,
                           .valid_start_mjd_s = middle - valid_s,
                           .valid_end_mjd_s = middle + valid_s,
                           .dec_rad = data->dec_rad,
                           .dec_known = true,
                           .is_approximate = tables->gain->is_approximate};
    snprintf(row.set_name, sizeof row.set_name, "%s", tables->own_tile);
    bool is_new = false;
    if (status == CI_OK) status = ci_run_lease_check(run);
    if (status == CI_OK) status = ci_sha256_file(row.sha256, row.path);
    if (status == CI_OK) status = ci_registry_cal_add(run->site.registry, &row, &is_new);
    if (status == CI_OK && is_new) status = ci_registry_groups_wake(run->site.registry);
    ci_mem_free(source);
    ci_mem_free(antenna);
    ci_mem_free(quality);
    return status;
}

/* True for "<tile>-<time>Z-<host>-<pid>.*.part" of a process of this host that is no more. */
static bool is_dead_part(const char *name, const char *host)
{
    size_t n_host = strlen(host);
    const char *at = strstr(name, "Z-");
    if (!ci_path_is_part(name) || !at) return false;
    if (strncmp(at + 2, host, n_host) != 0 || at[2 + n_host] != '-') return false;
    long pid = strtol(at + 3 + n_host, NULL, 10);
    return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* What a run that was killed while it wrote a table has left. */
static void remove_dead_parts(const char *folder)
{
    char host[CI_REGISTRY_ID] = "";
    DIR *stream = opendir(folder);
    if (!stream) return;
    gethostname(host, 24); /* as a run's id holds it */
    for (struct dirent *entry; (entry = readdir(stream));) {
        char *path = NULL;
        if (is_dead_part(entry->d_name, host) &&
            ci_path_join(&path, folder, entry->d_name) == CI_OK)
            unlink(path);
        ci_mem_free(path);
    }
    closedir(stream);
}

/* STATE/caltables/<tile>-<run>.{bandpass,gain}.calh5, registered. Rank 0. */
static ci_status keep_tables(ci_run *run, ci_tile_tables *tables, const ci_tile_data *data)
{
    char *folder = NULL;
    CI_TRY(ci_path_join(&folder, run->site.paths.state, "caltables"));
    ci_status status = ci_path_make_folder(folder);
    remove_dead_parts(folder);
    if (status == CI_OK)
        status = ci_str_format(&tables->bandpass_path, "%s/%s-%s.bandpass.calh5", folder,
                               tables->own_tile, run->record.id);
    if (status == CI_OK)
        status = ci_str_format(&tables->gain_path, "%s/%s-%s.gain.calh5", folder, tables->own_tile,
                               run->record.id);
    const ci_cal_table *const table[] = {tables->bandpass, tables->gain};
    char *const path[] = {tables->bandpass_path, tables->gain_path};
    if (status == CI_OK) status = ci_cal_tables_write(table, path, 2);
    if (status == CI_OK) status = register_table(run, tables, CI_REGISTRY_BANDPASS, data);
    if (status == CI_OK) status = register_table(run, tables, CI_REGISTRY_GAIN, data);
    ci_mem_free(folder);
    return status;
}

ci_status ci_run_tables_refuse(ci_run *run, const ci_tile_tables *tables,
                               const ci_tile_record *tile, bool *is_failed)
{
    *is_failed = false;
    const char *const path[] = {tables->bandpass_path, tables->gain_path};
    char why[sizeof tile->reason + 32];
    const ci_qa_gate *gate = tile->gates ? ci_qa_tile_first_failed(tile->gates) : NULL;
    if (tables->gains != CI_TILE_GAINS_OWN || strcmp(tile->id, tables->own_tile) != 0) return CI_OK;
    if (!gate || (gate->kind != CI_QA_GATE_NOISE && gate->kind != CI_QA_GATE_DYNAMIC_RANGE))
        return CI_OK; /* a file that does not open, or has no beam, says nothing of gains */
    *is_failed = true;
    snprintf(why, sizeof why, "its tile was refused: %s", tile->reason);
    CI_TRY(ci_run_lease_check(run));
    for (int i = 0; i < 2; i++)
        CI_TRY(ci_registry_cal_state_set(run->site.registry, path[i], CI_REGISTRY_CAL_FAILED, why));
    ci_log_warning("tile %s: the tables that were solved on it are failed, no other tile "
                   "takes them: %s",
                   tile->id, why);
    return CI_OK;
}

static ci_status solve_loaded(ci_run *run, ci_tile_data *data, ci_tile_tables *out)
{
    ci_tile_stage_run stage = ci_tile_stage_begin(&run->events, CI_TILE_STAGE_FLAG);
    CI_TRY(ci_tile_flag(run->world, &run->options, true, data));
    CI_TRY(ci_tile_weigh(run->world, &run->options, true, data));
    ci_tile_stage_end(&run->events, stage, out->own_tile);
    CI_TRY(ci_tile_stop_check(run->world, "before solving"));
    stage = ci_tile_stage_begin(&run->events, CI_TILE_STAGE_CALIBRATE);
    CI_TRY(ci_tile_solve(run->world, &run->options, data, run->model, &out->bandpass, &out->gain,
                         &out->quality));
    out->quality_known = true;
    ci_tile_stage_end(&run->events, stage, out->own_tile);
    ci_status judged = CI_OK;
    if (ci_comm_rank(run->world) == 0) /* it tells */
        judged = ci_tile_tables_judge(run->conf, out->bandpass, out->gain, &out->quality);
    CI_TRY(ci_par_agree(run->world, judged));
    char doubt[CI_TILE_DOUBT_TEXT];
    snprintf(out->borrowed_why, sizeof out->borrowed_why, "%.255s",
             ci_tile_doubt_text(&out->quality, CI_TILE_DOUBT_RATIO, doubt));
    const char *model = ci_path_base(ci_conf_text(run->conf, CI_CONF_OPT_MODEL));
    CI_AGREE(run->world, ci_str_set(&out->gain->model, model));
    CI_AGREE(run->world, ci_str_set(&out->bandpass->model, model));
    CI_AGREE(run->world, ci_tile_relaxed_history(out->bandpass, run->conf));
    CI_AGREE(run->world, ci_tile_relaxed_history(out->gain, run->conf));
    ci_status status = ci_comm_rank(run->world) == 0 ? keep_tables(run, out, data) : CI_OK;
    return ci_par_agree(run->world, status);
}

/* *held: what was read and flagged, where tables came of it. */
static ci_status solve_on(ci_run *run, const ci_run_tile *tile, ci_tile_tables *out,
                          ci_tile_data *held)
{
    snprintf(out->own_tile, sizeof out->own_tile, "%s", tile->id);
    out->gains = CI_TILE_GAINS_OWN;
    ci_tile_stage_run stage = ci_tile_stage_begin(&run->events, CI_TILE_STAGE_READ);
    ci_status status = ci_tile_load(run->world, &run->options, (const char *const *)tile->path,
                                    tile->n_path, held);
    ci_tile_stage_end(&run->events, stage, out->own_tile);
    if (status == CI_OK) status = ci_tile_stop_check(run->world, "before flagging");
    if (status == CI_OK) status = solve_loaded(run, held, out);
    if (status == CI_OK) return CI_OK;
    ci_tile_data_free(held);
    return ci_error_prefix(status, "calibration on %s", out->own_tile);
}

/* ---- choosing ------------------------------------------------------------------------ */

/* The tile in which the model is brightest, of those not tried yet. */
static size_t brightest(const double *flux_jy, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (flux_jy[i] > flux_jy[best]) best = i;
    return best;
}

/* The tile with the brightest model; where its files are at fault the next, as long as it
 * has a tenth of the flux. `flux_jy` is used up. */
static ci_status solve_on_brightest(ci_run *run, const ci_run_group *group, double *flux_jy,
                                    ci_tile_tables *out, ci_tile_data *held)
{
    double greatest = 0;
    ci_status status = ci_error(CI_ERR_GATE, "no source of --model %s is in the beam of any tile",
                                ci_conf_text(run->conf, CI_CONF_OPT_MODEL));
    for (;;) {
        size_t best = brightest(flux_jy, group->n_tile);
        if (flux_jy[best] <= 0.1 * greatest) return status;
        greatest = fmax(greatest, flux_jy[best]);
        flux_jy[best] = -1;
        ci_tile_tables_free(out);
        status = solve_on(run, &group->tile[best], out, held);
        bool is_files_fault =
            status == CI_ERR_INPUT || status == CI_ERR_NO_DATA || status == CI_ERR_IO;
        if (!is_files_fault) return status;
        if (ci_comm_rank(run->world) == 0) ci_log_warning("%s", ci_error_text());
    }
}

/* The model is not in the beam or too faint to solve on, the gates refused the solution, or the
 * data of the tiles that see it are at fault: tables of the registry may do instead. */
static bool may_choose_instead(ci_status status)
{
    return status == CI_ERR_GATE || status == CI_ERR_INPUT || status == CI_ERR_NO_DATA;
}

/* A solution that quality gates refused is no missing calibrator: said, and the product DEGRADED.
 */
static void refused_tell(const ci_run *run, const ci_run_group *group, const char *why,
                         ci_tile_tables *out)
{
    size_t n = strlen(out->borrowed_why);
    snprintf(out->borrowed_why + n, sizeof out->borrowed_why - n,
             "%stables of another tile, as its own solution was refused", n > 0 ? "; " : "");
    if (ci_comm_rank(run->world) == 0)
        ci_log_warning("group %s: DEGRADED: tables from the registry, as its own solution was "
                       "refused: %s",
                       group->id, why);
}

/* Where the group has no calibrator, the registry's tables; where there are none, it waits for
 * them. Data at fault, and files that a person named, end with what was wrong with the solve. */
static ci_status choose_instead(ci_run *run, const ci_run_group *group, ci_status why,
                                ci_tile_tables *out)
{
    ci_error_saved saved = ci_error_save(why);
    bool is_refused = out->quality_known; /* solved, and then judged */
    ci_tile_tables_free(out);
    ci_status status = ci_run_tables_choose(run, group, out);
    if (status == CI_OK && is_refused)
        refused_tell(run, group, saved.text, out);
    else if (status == CI_OK && ci_comm_rank(run->world) == 0)
        ci_log_info("group %s: tables from the registry: %s", group->id, saved.text);
    if (status != CI_ERR_NOT_READY) return status;
    if (group->is_named || why != CI_ERR_GATE) return ci_error_restore(&saved);
    return ci_error_prefix(status, "%s; and", saved.text);
}

/* A model of faint sources would set the flux scale, whatever has become of them: the registry's
 * tables of a calibrator do, where they are of this time. *is_done: they are taken. Collective. */
static ci_status faint_choose(ci_run *run, const ci_run_group *group, const sight *seen,
                              ci_tile_tables *out, bool *is_done)
{
    CI_TRY(ci_run_tables_are_there(run, group, is_done));
    if (ci_comm_rank(run->world) == 0 && *is_done)
        ci_log_info("group %s: tables from the registry: the brightest of --model %s is seen at "
                    "%.2g Jy, too faint to set the flux scale",
                    group->id, ci_conf_text(run->conf, CI_CONF_OPT_MODEL), seen->brightest_jy);
    else if (ci_comm_rank(run->world) == 0)
        ci_log_warning("group %s: solved on its own faint field, as no tables of a calibrator are "
                       "registered for its time: the flux scale is that of --model %s, whose "
                       "brightest source is seen at %.2g Jy",
                       group->id, ci_conf_text(run->conf, CI_CONF_OPT_MODEL), seen->brightest_jy);
    return *is_done ? ci_run_tables_choose(run, group, out) : CI_OK;
}

static ci_status solve_or_choose(ci_run *run, const ci_run_group *group, double *flux_jy,
                                 ci_tile_tables *out, ci_tile_data *held)
{
    sight seen = {0};
    bool is_done = false;
    ci_status status = CI_OK;
    if (ci_comm_rank(run->world) == 0) status = measure_tiles(run, group, flux_jy, &seen);
    CI_TRY(ci_par_agree(run->world, status));
    CI_TRY(ci_par_bcast(run->world, flux_jy, group->n_tile * sizeof *flux_jy, 0));
    CI_TRY(ci_par_bcast(run->world, &seen, sizeof seen, 0));
    bool may_choose = !seen.any_jy && !run->options.is_calibrated;
    if (run->model && seen.is_faint && may_choose) {
        CI_TRY(faint_choose(run, group, &seen, out, &is_done));
        if (is_done) return CI_OK;
    }
    if (run->model) {
        status = solve_on_brightest(run, group, flux_jy, out, held);
        if (!may_choose_instead(status) || !may_choose) return status;
        return choose_instead(run, group, status, out);
    }
    return may_choose ? ci_run_tables_choose(run, group, out) : CI_OK;
}

ci_status ci_run_calibrate(ci_run *run, const ci_run_group *group, ci_tile_tables *out,
                           ci_tile_data *held)
{
    memset(out, 0, sizeof *out);
    memset(held, 0, sizeof *held);
    const char *given = ci_conf_text(run->conf, CI_CONF_OPT_CAL);
    if (*given) {
        out->gains = CI_TILE_GAINS_GIVEN;
        if (run->model && ci_comm_rank(run->world) == 0)
            ci_log_info(
                "--cal: its tables are applied as they are: on the sources of --model nothing "
                "is solved (registered tables would be corrected on them, --field-gains)");
        return ci_tile_tables_read(run->world, &run->options, given, &out->bandpass, &out->gain);
    }
    double *flux_jy = NULL;
    CI_TRY(ci_par_alloc(run->world, &flux_jy, group->n_tile + 1, sizeof *flux_jy, "tiles"));
    ci_status status = solve_or_choose(run, group, flux_jy, out, held);
    ci_mem_free(flux_jy);
    return status;
}
