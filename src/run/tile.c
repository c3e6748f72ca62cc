/* One tile by one team. */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ci_status ci_run_tile_folder(const ci_run *run, const char *id, char **out)
{
    return ci_str_format(out, "%s/tiles/%s", run->places.staging, id);
}

ci_status ci_run_tile_paths(const ci_json *tile, const char ***out, size_t *n)
{
    const ci_json *paths = ci_json_get(tile, "paths");
    *n = ci_json_length(paths);
    CI_TRY(ci_mem_alloc(out, *n, sizeof **out, "paths"));
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = ci_json_string(ci_json_at(paths, i), "");
    return CI_OK;
}

/* ---- what stands in a folder --------------------------------------------------------- */

ci_status ci_run_folder_empty(const char *folder)
{
    DIR *stream = opendir(folder);
    if (!stream) return ci_error_errno(errno, folder, "open folder");
    ci_status status = CI_OK;
    for (struct dirent *entry; status == CI_OK && (entry = readdir(stream));) {
        char *path = NULL;
        struct stat facts;
        status = ci_path_join(&path, folder, entry->d_name);
        if (status == CI_OK && lstat(path, &facts) == 0 && S_ISREG(facts.st_mode) &&
            unlink(path) != 0)
            status = ci_error_errno(errno, path, "remove what an earlier try left");
        ci_mem_free(path);
    }
    closedir(stream);
    return status;
}

/* Names, sizes and times of the tile's input files: those of other bytes give another tile. */
static ci_status inputs_hash(const ci_json *tile, char out[CI_SHA256_HEX])
{
    ci_text text = {0};
    const ci_json *paths = ci_json_get(tile, "paths");
    ci_status status = ci_text_append(&text, "inputs\n");
    for (size_t i = 0; status == CI_OK && i < ci_json_length(paths); i++) {
        const char *path = ci_json_string(ci_json_at(paths, i), "");
        struct stat facts;
        if (stat(path, &facts) != 0)
            status = ci_error_errno(errno, path, "look at");
        else
            status = ci_text_append(&text, "%s %lld %lld.%09ld\n", ci_path_base(path),
                                    (long long)facts.st_size, (long long)facts.st_mtim.tv_sec,
                                    facts.st_mtim.tv_nsec);
    }
    if (status == CI_OK) status = ci_sha256_bytes(out, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

/* tile.json, with a checksum of every file beside it: from now on the tile is done, whatever
 * becomes of the run. */
static ci_status keep_made(const ci_json *tile, const char *folder, ci_json *record)
{
    char hash[CI_SHA256_HEX], *path = NULL;
    ci_registry_image row = {.folder = (char *)folder};
    CI_TRY(inputs_hash(tile, hash));
    ci_status status = ci_registry_image_files_scan(&row);
    ci_json *files = ci_json_object();
    for (size_t i = 0; status == CI_OK && i < row.n_file; i++)
        ci_json_put_string(files, row.file[i].name, row.file[i].sha256);
    ci_registry_image_files_free(&row);
    ci_json_put(record, "files", files);
    ci_json_put_string(record, "inputs_sha256", hash);
    if (status == CI_OK) status = ci_path_join(&path, folder, "tile.json");
    if (status == CI_OK) status = ci_json_write_file(record, path);
    ci_mem_free(path);
    return status;
}

static bool is_file_as_made(const ci_json *record, const char *folder, const char *name)
{
    char *path = NULL, hex[CI_SHA256_HEX] = "";
    const char *made = ci_json_get_string(ci_json_get(record, "files"), name, "-");
    bool same = ci_path_join(&path, folder, name) == CI_OK && ci_sha256_file(hex, path) == CI_OK &&
                strcmp(hex, made) == 0;
    ci_mem_free(path);
    return same;
}

ci_json *ci_run_tile_load_cached(const ci_run *run, const ci_json *tile)
{
    static const char *const needed[] = {"image.fits", "pb.fits", "residual.fits"};
    char *folder = NULL, *path = NULL, hash[CI_SHA256_HEX] = "";
    ci_json *record = NULL;
    bool good = ci_run_tile_folder(run, ci_json_get_string(tile, "id", ""), &folder) == CI_OK &&
                ci_path_join(&path, folder, "tile.json") == CI_OK && ci_path_exists(path) &&
                ci_json_read_file(&record, path) == CI_OK && inputs_hash(tile, hash) == CI_OK;
    good = good && strcmp(ci_json_get_string(record, "state", ""), "passed") == 0 &&
           strcmp(ci_json_get_string(record, "made_with_sha256", ""), run->tile_sha256) == 0 &&
           strcmp(ci_json_get_string(record, "inputs_sha256", ""), hash) == 0;
    for (size_t i = 0; good && i < sizeof needed / sizeof *needed; i++)
        good = !ci_json_get_string(ci_json_get(record, "files"), needed[i], NULL) ||
               is_file_as_made(record, folder, needed[i]);
    good = good && ci_json_get_string(ci_json_get(record, "files"), "image.fits", NULL);
    if (good) { /* where it was checked; staging may have been moved or copied since */
        ci_json_remove(record, "folder");
        ci_json_put_string(record, "folder", folder);
    }
    ci_error_clear();
    ci_mem_free(folder);
    ci_mem_free(path);
    if (good) return record;
    ci_json_free(record);
    return NULL;
}

/* ---- making it ------------------------------------------------------------------------ */

static ci_json *calibration_record(const ci_run_tables *tables, const ci_tile_data *data)
{
    ci_json *record = ci_json_object();
    ci_json_put_string(record, "how", data->gains);
    ci_json_put_string(record, "bandpass", tables->bandpass_path ? tables->bandpass_path : "");
    ci_json_put_string(record, "gain", tables->gain_path ? tables->gain_path : "");
    ci_json_put_string(record, "model", tables->gain ? ci_vis_text(tables->gain->model) : "");
    ci_json_put_bool(record, "is_approximate", data->is_approximate);
    if (!tables->quality_known) return record;
    ci_json *residual = ci_json_array();
    for (size_t i = 0; i < tables->gain->n_feed; i++)
        ci_json_put_number(residual, NULL, tables->quality.residual[i]);
    ci_json_put(record, "residual", residual);
    ci_json_put_number(record, "flagged_fraction", tables->quality.flagged_fraction);
    ci_json_put_number(record, "phase_scatter_deg", tables->quality.phase_scatter_deg);
    return record;
}

/* Says where more of a tile is flagged than --qa-ms-max-flagged. */
static void flags_warn(const ci_run *run, const char *id, const ci_tile_data *data)
{
    double limit = ci_conf_double(run->conf, CI_OPT_QA_MS_MAX_FLAGGED);
    int64_t n_good = data->flags->counts.n_good, n = n_good;
    for (int i = 0; i < 8; i++)
        n += data->flags->counts.n_by_bit[i];
    double fraction = n > 0 ? 1 - (double)n_good / (double)n : 0;
    if (fraction > limit)
        ci_log_warning("tile %s: %.1f %% of the samples are flagged, more than %.1f %% "
                       "(--qa-ms-max-flagged)",
                       id, 100 * fraction, 100 * limit);
}

static const char *gains_word(const ci_run_tables *tables, const char *id)
{
    if (strcmp(tables->how, "own") == 0 && strcmp(tables->own_tile, id) != 0) return "transferred";
    return tables->how;
}

typedef struct
{
    ci_run *run;
    ci_comm *team;
    const char *id;
    char *prefix;     /* folder with its slash */
    bool is_degraded; /* a sub-band is missing, or nothing is left of it */
} tile_job;

/* A safe point inside the tile: nothing of it is half-written. */
static ci_status stop_check(const tile_job *job)
{
    char where[CI_REGISTRY_ID + 16];
    snprintf(where, sizeof where, "in tile %s", job->id);
    return ci_run_stop_check(job->team, where);
}

static ci_status process(const tile_job *job, const ci_json *tile, const ci_run_tables *tables,
                         ci_tile_data *data, ci_image_stats *stats)
{
    const char **paths = NULL;
    size_t n = 0;
    ci_run *run = job->run;
    ci_status status = ci_par_agree(job->team, ci_run_tile_paths(tile, &paths, &n));
    double start = ci_run_seconds(run);
    if (status == CI_OK) status = ci_tile_load(job->team, &run->options, paths, n, data);
    ci_mem_free(paths);
    ci_run_note(run, "read", job->id, start);
    CI_TRY(status);
    CI_TRY(stop_check(job));
    start = ci_run_seconds(run);
    CI_TRY(ci_tile_flag(job->team, &run->options, true, data));
    if (ci_comm_rank(job->team) == 0) flags_warn(run, job->id, data);
    CI_TRY(ci_tile_weigh(job->team, &run->options, tables->gain != NULL, data));
    ci_run_note(run, "flag", job->id, start);
    CI_TRY(stop_check(job));
    start = ci_run_seconds(run);
    CI_TRY(ci_tile_apply(job->team, &run->options, tables->bandpass, tables->gain,
                         gains_word(tables, job->id), data));
    data->is_solved_here = tables->quality_known;
    ci_run_note(run, "apply", job->id, start);
    start = ci_run_seconds(run);
    status = ci_tile_image(job->team, &run->options, data, job->prefix, stats);
    ci_run_note(run, "image", job->id, start);
    /* image knows no tile. */
    return status == CI_ERR_STOPPED ? stop_check(job) : status;
}

/* Folder of the tile, made by the team's rank 0. */
static ci_status open_job(tile_job *job)
{
    char *folder = NULL;
    ci_status status = ci_run_tile_folder(job->run, job->id, &folder);
    if (status == CI_OK) status = ci_str_format(&job->prefix, "%s/", folder);
    if (status == CI_OK && ci_comm_rank(job->team) == 0) {
        status = ci_path_make_folder(folder);
        if (status == CI_OK) status = ci_run_folder_empty(folder);
    }
    ci_mem_free(folder);
    return ci_par_agree(job->team, status);
}

static ci_json *finish_record(const tile_job *job, ci_status status, ci_json *record)
{
    if (!record) record = ci_json_object();
    ci_json_put_string(record, "id", job->id);
    ci_json_put_string(record, "state", status == CI_OK ? "passed" : "failed");
    ci_json_put_string(record, "reason", status == CI_OK ? "" : ci_error_text());
    ci_json_put_int(record, "exit_code", ci_status_exit_code(status));
    ci_json_put_bool(record, "is_degraded", job->is_degraded);
    ci_json_put_string(record, "folder", job->prefix ? job->prefix : "");
    ci_json_put_string(record, "made_with_sha256", job->run->tile_sha256);
    ci_json_put_string(record, "relaxed", job->run->tile_relaxed);
    return record;
}

/* The record of a tile that was made or that failed, beside it where it was made; *status
 * also where that fails. Team's rank 0. */
static ci_json *keep_record(const tile_job *job, const ci_json *tile, ci_json *made,
                            ci_status *status)
{
    made = finish_record(job, *status, made);
    if (*status == CI_OK) {
        *status = keep_made(tile, job->prefix, made);
        if (*status != CI_OK) {
            ci_json_free(made);
            made = finish_record(job, *status, NULL);
        }
    }
    if (*status != CI_OK) ci_log_warning("tile %s failed: %s", job->id, ci_error_text());
    return made;
}

/* A tile that was stopped is as if it had not been begun: what stands of it goes. Team's rank
 * 0; what cannot be removed is replaced when the tile is made. */
static void forget(const tile_job *job)
{
    ci_error_saved stopped = ci_error_save(CI_ERR_STOPPED);
    if (ci_run_folder_empty(job->prefix) == CI_OK) rmdir(job->prefix);
    ci_error_restore(&stopped);
}

ci_status ci_run_tile_make(ci_run *run, ci_comm *team, const ci_json *tile,
                           const ci_run_tables *tables, ci_json **record)
{
    tile_job job = {run, team, ci_json_get_string(tile, "id", ""), NULL,
                    ci_json_get_bool(tile, "is_degraded", false)};
    bool is_root = ci_comm_rank(team) == 0;
    ci_tile_data data = {0};
    ci_image_stats stats;
    ci_json *made = NULL;
    *record = NULL;
    ci_status status = open_job(&job);
    if (status == CI_OK) status = process(&job, tile, tables, &data, &stats);
    if (data.n_empty_sub_band > 0) job.is_degraded = true;
    bool is_stopped = status == CI_ERR_STOPPED;
    if (is_stopped && is_root) forget(&job);
    if (data.set && !is_stopped) { /* on all ranks of the team, or on none */
        ci_error_saved saved = ci_error_save(status);
        ci_status recorded =
            ci_run_tile_record(team, &data, status == CI_OK ? &stats : NULL, &made);
        status = status == CI_OK ? recorded : ci_error_restore(&saved);
    }
    if (is_root && !is_stopped) {
        if (made) ci_json_put(made, "calibration", calibration_record(tables, &data));
        *record = keep_record(&job, tile, made, &status);
    }
    ci_tile_data_free(&data);
    ci_mem_free(job.prefix);
    /* The tile's fault stays with the tile; a stop or a fault of our own does not. Rank 0 may
     * have met one of its own by now. */
    if (status != CI_ERR_STOPPED && status != CI_ERR_INTERNAL) status = CI_OK;
    status = ci_par_agree(team, status);
    if (status == CI_OK) return CI_OK;
    ci_json_free(*record);
    *record = NULL;
    return status;
}
