/* Where a group's calibration tables come from. */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ci_run_tables_free(ci_run_tables *tables)
{
    ci_cal_table_free(tables->bandpass);
    ci_cal_table_free(tables->gain);
    ci_mem_free(tables->bandpass_path);
    ci_mem_free(tables->gain_path);
    memset(tables, 0, sizeof *tables);
}

static ci_status table_append(ci_text *text, const ci_cal_table *table)
{
    char hex[2][CI_SHA256_HEX] = {"", ""};
    size_t n = table ? table->n_time * table->n_chan * table->array.n_antenna * table->n_feed : 0;
    if (table) CI_TRY(ci_sha256_bytes(hex[0], table->gain, n * sizeof *table->gain));
    if (table) CI_TRY(ci_sha256_bytes(hex[1], table->flag, n * sizeof *table->flag));
    return ci_text_append(text, "\n%s %s", hex[0], hex[1]);
}

static ci_status tile_relaxed(ci_run *run, const ci_run_tables *tables)
{
    char *text = NULL;
    unsigned what = CI_TILE_RELAXED_IMAGES | (tables->quality_known ? CI_TILE_RELAXED_TABLES : 0);
    CI_TRY(ci_tile_relaxed_text(&text, run->conf, what));
    snprintf(run->tile_relaxed, sizeof run->tile_relaxed, "%s", text);
    ci_mem_free(text);
    return CI_OK;
}

ci_status ci_run_tables_hash(ci_run *run, const ci_run_tables *tables)
{
    ci_text text = {0};
    CI_TRY(tile_relaxed(run, tables));
    ci_status status = ci_text_append(&text, "%s", run->options_sha256);
    if (status == CI_OK) status = table_append(&text, tables->bandpass);
    if (status == CI_OK) status = table_append(&text, tables->gain);
    if (status == CI_OK) status = ci_sha256_bytes(run->tile_sha256, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

/* ---- the tile to solve on --------------------------------------------------------- */

/* Apparent model flux of one tile; 0 where no source is in the beam. */
static ci_status apparent_flux(const ci_run *run, const ci_sky_eop *eop, const char *path,
                               double *flux_jy, bool *is_jy)
{
    ci_uvh5_file *file = NULL;
    ci_sky_beam *beam = NULL;
    double level = 0;
    *flux_jy = 0;
    CI_TRY(ci_uvh5_open(&file, path, &run->options.uvh5));
    const ci_vis_meta *meta = ci_uvh5_meta(file);
    *is_jy = meta->units == CI_UNITS_JY;
    ci_status status = ci_sky_beam_new(&beam, run->options.beam, &meta->array);
    if (status == CI_OK && run->model)
        status = ci_tile_model_seen(eop, meta, beam, run->model, flux_jy, &level);
    if (level < CI_TILE_MIN_BEAM_LEVEL) *flux_jy = 0;
    ci_sky_beam_free(beam);
    ci_uvh5_close(file);
    return status;
}

/* Apparent flux of every tile (-1: it cannot be opened, and fails by itself later). */
static ci_status measure_tiles(const ci_run *run, const ci_json *tiles, double *flux_jy,
                               int64_t *any_jy)
{
    ci_sky_eop *eop = NULL;
    CI_TRY(ci_sky_eop_load(&eop, run->options.earth_orientation));
    ci_status status = CI_OK;
    bool any = false;
    for (size_t i = 0; i < ci_json_length(tiles); i++) {
        const ci_json *paths = ci_json_get(ci_json_at(tiles, i), "paths");
        bool is_jy = false;
        flux_jy[i] = -1;
        if (ci_json_length(paths) == 0) continue;
        status =
            apparent_flux(run, eop, ci_json_string(ci_json_at(paths, 0), ""), &flux_jy[i], &is_jy);
        if (status != CI_OK) flux_jy[i] = -1;
        if (status == CI_OK && is_jy) *any_jy = 1;
        any = any || status == CI_OK;
    }
    ci_sky_eop_free(eop);
    return any ? CI_OK : status;
}

/* ---- solving ------------------------------------------------------------------------ */

static ci_status register_table(ci_run *run, const ci_run_tables *tables, const char *path,
                                ci_registry_cal_kind kind, const ci_tile_data *data)
{
    const ci_vis_meta *meta = data->set->meta;
    double middle = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    double hours = ci_conf_double(run->conf, kind == CI_REGISTRY_BANDPASS ? CI_OPT_BANDPASS_HOURS
                                                                          : CI_OPT_GAIN_HOURS);
    ci_registry_cal row = {.kind = kind,
                           .path = (char *)path,
                           .source = (char *)ci_conf_text(run->conf, CI_OPT_MODEL),
                           .quality_json = (char *)"{}",
                           .time_mjd_s = middle,
                           .valid_start_mjd_s = middle - hours * 3600,
                           .valid_end_mjd_s = middle + hours * 3600,
                           .dec_rad = data->dec_rad,
                           .dec_known = true,
                           .is_approximate = tables->gain->is_approximate};
    snprintf(row.set_name, sizeof row.set_name, "%s", tables->own_tile);
    snprintf(row.ref_antenna, sizeof row.ref_antenna, "%s",
             ci_vis_text(tables->gain->array.antenna[tables->gain->i_ref_antenna].name));
    CI_TRY(ci_sha256_file(row.sha256, path));
    bool is_new = false;
    return ci_registry_cal_add(run->registry, &row, &is_new);
}

/* True for "<tile>-<time>Z-<host>-<pid>.*.part" of a process of this host that is no more. */
static bool is_dead_part(const char *name, const char *host)
{
    size_t n = strlen(name), n_host = strlen(host);
    const char *at = strstr(name, "Z-");
    if (n < 5 || strcmp(name + n - 5, ".part") != 0 || !at) return false;
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
static ci_status keep_tables(ci_run *run, ci_run_tables *tables, const ci_tile_data *data)
{
    char *folder = NULL;
    CI_TRY(ci_path_join(&folder, run->places.state, "caltables"));
    ci_status status = ci_path_make_folder(folder);
    remove_dead_parts(folder);
    if (status == CI_OK)
        status = ci_str_format(&tables->bandpass_path, "%s/%s-%s.bandpass.calh5", folder,
                               tables->own_tile, run->id);
    if (status == CI_OK)
        status = ci_str_format(&tables->gain_path, "%s/%s-%s.gain.calh5", folder, tables->own_tile,
                               run->id);
    const ci_cal_table *const table[] = {tables->bandpass, tables->gain};
    char *const path[] = {tables->bandpass_path, tables->gain_path};
    if (status == CI_OK) status = ci_cal_tables_write(table, path, 2);
    if (status == CI_OK)
        status = register_table(run, tables, tables->bandpass_path, CI_REGISTRY_BANDPASS, data);
    if (status == CI_OK)
        status = register_table(run, tables, tables->gain_path, CI_REGISTRY_GAIN, data);
    ci_mem_free(folder);
    return status;
}

static ci_status solve_loaded(ci_run *run, ci_tile_data *data, ci_run_tables *out)
{
    double start = ci_run_seconds(run);
    CI_TRY(ci_tile_flag(run->world, &run->options, true, data));
    CI_TRY(ci_tile_weigh(run->world, &run->options, true, data));
    ci_run_note(run, "flag", out->own_tile, start);
    CI_TRY(ci_run_stop_check(run->world, "before solving"));
    start = ci_run_seconds(run);
    CI_TRY(ci_tile_solve(run->world, &run->options, data, run->model, &out->bandpass, &out->gain,
                         &out->quality));
    out->quality_known = true;
    ci_run_note(run, "calibrate", out->own_tile, start);
    CI_TRY(ci_par_agree(run->world, ci_tile_tables_judge(run->conf, out->bandpass, out->gain)));
    const char *model = ci_path_base(ci_conf_text(run->conf, CI_OPT_MODEL));
    CI_AGREE(run->world, ci_cal_text_set(&out->gain->model, model));
    CI_AGREE(run->world, ci_cal_text_set(&out->bandpass->model, model));
    CI_AGREE(run->world, ci_tile_relaxed_history(out->bandpass, run->conf));
    CI_AGREE(run->world, ci_tile_relaxed_history(out->gain, run->conf));
    ci_status status = ci_comm_rank(run->world) == 0 ? keep_tables(run, out, data) : CI_OK;
    return ci_par_agree(run->world, status);
}

static ci_status solve_on(ci_run *run, const ci_json *tile, ci_run_tables *out)
{
    const char **paths = NULL;
    size_t n = 0;
    ci_tile_data data = {0};
    snprintf(out->own_tile, sizeof out->own_tile, "%s", ci_json_get_string(tile, "id", ""));
    snprintf(out->how, sizeof out->how, "own");
    double start = ci_run_seconds(run);
    CI_AGREE(run->world, ci_run_tile_paths(tile, &paths, &n));
    ci_status status = ci_tile_load(run->world, &run->options, paths, n, &data);
    ci_run_note(run, "read", out->own_tile, start);
    if (status == CI_OK) status = ci_run_stop_check(run->world, "before flagging");
    if (status == CI_OK) status = solve_loaded(run, &data, out);
    ci_tile_data_free(&data);
    ci_mem_free(paths);
    return status == CI_OK ? CI_OK : ci_error_prefix(status, "calibration on %s", out->own_tile);
}

/* ---- choosing ------------------------------------------------------------------------ */

static ci_status choose_kind(ci_run *run, const ci_json *group, ci_registry_cal_kind kind,
                             char **path, bool *borrowed)
{
    const ci_json *tiles = ci_json_get(group, "tiles");
    const ci_json *middle = ci_json_at(tiles, ci_json_length(tiles) / 2);
    ci_registry_cal_want want;
    ci_registry_cals *found = NULL;
    ci_registry_cal_want_default(&want, kind);
    want.time_mjd_s = ci_json_get_number(middle, "time_mjd_s", NAN);
    want.validity_s =
        3600 * ci_conf_double(run->conf, kind == CI_REGISTRY_BANDPASS ? CI_OPT_BANDPASS_HOURS
                                                                      : CI_OPT_GAIN_HOURS);
    CI_TRY(ci_registry_cal_choose(run->registry, &want, &found, borrowed));
    ci_status status = CI_OK;
    if (found->n == 0)
        status = ci_error(CI_ERR_NOT_READY,
                          "no %s table is registered for this time: give --model SOURCES.csv to "
                          "solve, --cal P to apply tables, or --calibrated if the data are",
                          kind == CI_REGISTRY_BANDPASS ? "bandpass" : "gain");
    else
        status = ci_str_copy(path, found->item[0].path);
    ci_registry_cals_free(found);
    return status;
}

/* The registry's tables, chosen apart; paths shared by a small record. */
static ci_status choose_registered(ci_run *run, const ci_json *group, ci_run_tables *out)
{
    ci_json *choice = NULL;
    ci_status status = CI_OK;
    if (ci_comm_rank(run->world) == 0) {
        bool borrowed[2] = {false, false};
        status = choose_kind(run, group, CI_REGISTRY_BANDPASS, &out->bandpass_path, &borrowed[0]);
        if (status == CI_OK)
            status = choose_kind(run, group, CI_REGISTRY_GAIN, &out->gain_path, &borrowed[1]);
        choice = ci_json_object();
        ci_json_put_string(choice, "bandpass", out->bandpass_path);
        ci_json_put_string(choice, "gain", out->gain_path);
        ci_json_put_bool(choice, "borrowed", borrowed[0] || borrowed[1]);
    }
    status = ci_par_agree(run->world, status);
    if (status == CI_OK) status = ci_run_json_share(run->world, &choice);
    ci_cal_table *none = NULL;
    if (status == CI_OK)
        status = ci_tile_tables_read(run->world, ci_json_get_string(choice, "bandpass", ""),
                                     &out->bandpass, &none);
    if (status == CI_OK)
        status = ci_tile_tables_read(run->world, ci_json_get_string(choice, "gain", ""), &none,
                                     &out->gain);
    snprintf(out->how, sizeof out->how, "%s",
             ci_json_get_bool(choice, "borrowed", false) ? "borrowed" : "transferred");
    ci_json_free(choice);
    return status;
}

/* The tile with the brightest model; where its files are at fault the next, as long as it
 * has a tenth of the flux. `flux_jy` is used up. */
static ci_status solve_on_brightest(ci_run *run, const ci_json *tiles, double *flux_jy,
                                    ci_run_tables *out)
{
    double greatest = 0;
    ci_status status = ci_error(CI_ERR_GATE, "no source of --model %s is in the beam of any tile",
                                ci_conf_text(run->conf, CI_OPT_MODEL));
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < ci_json_length(tiles); i++)
            if (flux_jy[i] > flux_jy[best]) best = i;
        if (flux_jy[best] <= 0.1 * greatest) return status;
        greatest = fmax(greatest, flux_jy[best]);
        flux_jy[best] = -1;
        ci_run_tables_free(out);
        status = solve_on(run, ci_json_at(tiles, best), out);
        bool is_files_fault =
            status == CI_ERR_INPUT || status == CI_ERR_NO_DATA || status == CI_ERR_IO;
        if (!is_files_fault) return status;
        if (ci_comm_rank(run->world) == 0) ci_log_warning("%s", ci_error_text());
    }
}

static ci_status solve_or_choose(ci_run *run, const ci_json *group, double *flux_jy,
                                 ci_run_tables *out)
{
    const ci_json *tiles = ci_json_get(group, "tiles");
    size_t n = ci_json_length(tiles);
    int64_t any_jy = 0;
    ci_status status = CI_OK;
    if (ci_comm_rank(run->world) == 0) status = measure_tiles(run, tiles, flux_jy, &any_jy);
    CI_TRY(ci_par_agree(run->world, status));
    CI_TRY(ci_par_bcast(run->world, flux_jy, n * sizeof *flux_jy, 0));
    CI_TRY(ci_par_bcast(run->world, &any_jy, sizeof any_jy, 0));
    if (run->model) return solve_on_brightest(run, tiles, flux_jy, out);
    snprintf(out->how, sizeof out->how, "none");
    if (any_jy || run->options.is_calibrated) return CI_OK;
    return choose_registered(run, group, out);
}

ci_status ci_run_calibrate(ci_run *run, const ci_json *group, ci_run_tables *out)
{
    memset(out, 0, sizeof *out);
    const char *given = ci_conf_text(run->conf, CI_OPT_CAL);
    if (*given) {
        snprintf(out->how, sizeof out->how, "given");
        return ci_tile_tables_read(run->world, given, &out->bandpass, &out->gain);
    }
    double *flux_jy = NULL;
    CI_TRY(ci_par_alloc(run->world, &flux_jy, ci_json_length(ci_json_get(group, "tiles")) + 1,
                        sizeof *flux_jy, "tiles"));
    ci_status status = solve_or_choose(run, group, flux_jy, out);
    ci_mem_free(flux_jy);
    return status;
}
