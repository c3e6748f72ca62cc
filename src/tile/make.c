/* One tile by one team: the order of its steps. */
#include "tile/coherence.h"
#include "tile/fill.h"
#include "tile/finish.h"

#include <string.h>
#include <unistd.h>

/* Of the rms, what it has to fall to for sources outside the image to be taken out. */
static const double outside_gain = 0.9;

typedef struct
{
    ci_comm *team;
    const ci_tile_options *options;
    const ci_tile_task *task;
    const ci_tile_tables *tables;
    ci_tile_events *events;
    char *part;       /* owned: the folder that it is made in */
    bool is_degraded; /* a sub-band is missing, or nothing is left of it */
    char tables_why[160];
    uint64_t odd_sub_bands; /* that are left out, by bits: ci_tile_sub_bands_odd */
} tile_job;

/* Says where more of a tile is flagged than --qa-ms-max-flagged. */
static void flags_warn(const tile_job *job, const ci_tile_data *data)
{
    double limit = ci_conf_double(job->options->conf, CI_CONF_OPT_QA_MS_MAX_FLAGGED);
    int64_t n_good = data->flags->counts.n_good, n = n_good;
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        n += data->flags->counts.n_by_bit[i];
    double fraction = n > 0 ? 1 - (double)n_good / (double)n : 0;
    if (fraction > limit)
        ci_log_warning("tile %s: %.1f %% of the samples are flagged, more than %.1f %% "
                       "(--qa-ms-max-flagged)",
                       job->task->id, 100 * fraction, 100 * limit);
}

/* What is another tile's own is transferred to this one. */
static ci_tile_gains gains_of(const tile_job *job)
{
    bool is_own = strcmp(job->tables->own_tile, job->task->id) == 0;
    if (job->tables->gains == CI_TILE_GAINS_OWN && !is_own) return CI_TILE_GAINS_TRANSFERRED;
    return job->tables->gains;
}

/* A safe point inside the tile: nothing of it is half-written. */
static ci_status stop_check(const tile_job *job)
{
    char where[CI_REGISTRY_ID + 16];
    snprintf(where, sizeof where, "in tile %s", job->task->id);
    return ci_tile_stop_check(job->team, where);
}

static ci_status flag(const tile_job *job, ci_tile_data *data)
{
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_FLAG);
    CI_TRY(ci_tile_flag(job->team, job->options, true, data));
    ci_tile_stage_end(job->events, stage, job->task->id);
    return CI_OK;
}

static ci_status load_and_flag(const tile_job *job, ci_tile_data *data)
{
    if (job->task->loaded && job->task->loaded->set) {
        *data = *job->task->loaded;
        *job->task->loaded = (ci_tile_data){0};
        return CI_OK;
    }
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_READ);
    ci_status status =
        ci_tile_load(job->team, job->options, job->task->path, job->task->n_path, data);
    ci_tile_stage_end(job->events, stage, job->task->id);
    CI_TRY(status);
    CI_TRY(stop_check(job));
    return flag(job, data);
}

static ci_status apply_and_weigh(const tile_job *job, ci_tile_data *data)
{
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_APPLY);
    CI_TRY(ci_tile_apply(job->team, job->options, job->tables->bandpass, job->tables->gain,
                         gains_of(job), job->tables->gain != NULL, data));
    data->is_solved_here = job->tables->quality_known;
    ci_tile_stage_end(job->events, stage, job->task->id);
    return CI_OK;
}

/* Tables of another tile are as old as that one: the tile's own field says what has changed. */
static ci_status correct(const tile_job *job, ci_tile_data *data)
{
    if (data->gains != CI_TILE_GAINS_TRANSFERRED && data->gains != CI_TILE_GAINS_BORROWED)
        return CI_OK;
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_CALIBRATE);
    CI_TRY(ci_tile_field_apply(job->team, job->options, job->task->field, data));
    ci_tile_stage_end(job->events, stage, job->task->id);
    return CI_OK;
}

static ci_status self_calibrate(const tile_job *job, const char *prefix, ci_tile_data *data)
{
    if (!job->options->self_calibrates) return CI_OK;
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_CALIBRATE);
    ci_status status = ci_tile_self_apply(job->team, job->options, prefix, data);
    ci_tile_stage_end(job->events, stage, job->task->id);
    return status;
}

static ci_status image(const tile_job *job, const char *prefix, ci_tile_data *data,
                       ci_image_stats *stats)
{
    CI_TRY(ci_tile_closures_draw(job->team, data, job->tables->gain, job->part));
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_IMAGE);
    ci_status status = ci_tile_image(job->team, job->options, data, prefix, stats);
    ci_tile_stage_end(job->events, stage, job->task->id);
    return status;
}

/* Channels that a table does not know are flagged when it is applied: the tile is made without
 * them. Before averaging: by the channels of the files. */
static void tables_count(tile_job *job, const ci_tile_data *data)
{
    const ci_cal_table *const table[] = {job->tables->bandpass, job->tables->gain};
    for (int i = 0; i < 2 && !job->tables_why[0]; i++) {
        size_t n_all = 0,
               n_known = table[i] ? ci_cal_chans_known(table[i], data->set->meta, &n_all) : 0;
        if (n_known < n_all)
            snprintf(job->tables_why, sizeof job->tables_why,
                     "the %s table knows %zu of %zu channels", i == 0 ? "bandpass" : "gain",
                     n_known, n_all);
    }
}

/* Files to data that can be imaged. */
static ci_status prepare(tile_job *job, ci_tile_data *data)
{
    CI_TRY(load_and_flag(job, data));
    tables_count(job, data);
    CI_TRY(stop_check(job));
    CI_TRY(apply_and_weigh(job, data));
    ci_tile_sub_bands_flag(job->odd_sub_bands, data);
    CI_TRY(stop_check(job));
    return correct(job, data);
}

/* After a rescue: where phases were corrected, or sources outside the image were the noise. */
static ci_status image_again(const tile_job *job, const char *prefix, ci_tile_data *data,
                             ci_image_stats *stats)
{
    tile_job again = *job;
    ci_tile_options options = *job->options;
    bool is_outside = data->coherence.rms_jy < outside_gain * stats->rms_jy;
    bool is_same = data->self == CI_TILE_FIELD_NONE && !data->has_silent;
    if (is_same && !is_outside) return CI_OK;
    if (is_outside && ci_comm_rank(job->team) == 0)
        ci_log_info("tile %s: sources outside the image make its noise: they are taken out",
                    job->task->id);
    options.image.clean.outside = options.image.clean.outside || is_outside;
    again.options = &options;
    return image(&again, prefix, data, stats);
}

/* The values are gone with the images: they are read once more. Where there is no room for what
 * follows, nothing is measured. */
static ci_status rescue(tile_job *job, const char *prefix, ci_tile_data *data,
                        ci_image_stats *stats)
{
    if (ci_comm_rank(job->team) == 0)
        ci_log_info("tile %s: rms %.2f x thermal with gains of another tile: what their phases "
                    "cost is measured on its own sources",
                    job->task->id, stats->rms_jy / stats->thermal_jy);
    ci_tile_data_free(data);
    CI_TRY(prepare(job, data));
    ci_tile_stage_run stage = ci_tile_stage_begin(job->events, CI_TILE_STAGE_CALIBRATE);
    ci_status status = ci_tile_self_rescue(job->team, job->options, prefix, data);
    ci_tile_stage_end(job->events, stage, job->task->id);
    if (status == CI_ERR_MEMORY && data->self == CI_TILE_FIELD_NONE) {
        if (ci_comm_rank(job->team) == 0)
            ci_log_warning("tile %s: not measured: %s", job->task->id, ci_error_text());
        return CI_OK;
    }
    CI_TRY(status);
    return image_again(job, prefix, data, stats);
}

/* The images, and once more without sub-bands that gains of another tile do not fit: the values are
 * gone with the images, so they are read again. Collective. */
static ci_status image_without_odd(tile_job *job, const char *prefix, ci_tile_data *data,
                                   ci_image_stats *stats)
{
    CI_TRY(self_calibrate(job, prefix, data));
    CI_TRY(image(job, prefix, data, stats));
    if (ci_tile_gains_are_own(data, job->tables->gain)) return CI_OK;
    job->odd_sub_bands = ci_tile_sub_bands_odd(job->team, stats);
    if (job->odd_sub_bands == 0) return CI_OK;
    ci_tile_data_free(data);
    CI_TRY(prepare(job, data));
    CI_TRY(self_calibrate(job, prefix, data));
    return image(job, prefix, data, stats);
}

static ci_status image_and_doubt(tile_job *job, const char *prefix, ci_tile_data *data,
                                 ci_image_stats *stats)
{
    CI_TRY(image_without_odd(job, prefix, data, stats));
    ci_tile_doubt doubt = ci_tile_coherence_doubt(job->options, data, job->tables->gain, stats);
    data->coherence.is_doubted = doubt != CI_TILE_DOUBT_NONE;
    if (doubt != CI_TILE_DOUBT_NOISE || data->coherence.is_measured) return CI_OK;
    return rescue(job, prefix, data, stats);
}

static ci_status process(tile_job *job, ci_tile_data *data, ci_image_stats *stats)
{
    char *prefix = NULL;
    CI_TRY(prepare(job, data));
    if (ci_comm_rank(job->team) == 0) flags_warn(job, data);
    CI_AGREE(job->team, ci_str_format(&prefix, "%s/", job->part));
    ci_status status = image_and_doubt(job, prefix, data, stats);
    ci_mem_free(prefix);
    /* image knows no tile. */
    return status == CI_ERR_STOPPED ? stop_check(job) : status;
}

/* A folder that no other claim of the tile writes into, made by the team's rank 0. */
static ci_status folder_open(const tile_job *job)
{
    ci_status status = CI_OK;
    if (ci_comm_rank(job->team) == 0) {
        status = ci_path_make_folder(job->part);
        if (status == CI_OK) status = ci_tile_folder_empty(job->part);
    }
    return ci_par_agree(job->team, status);
}

/* What was made takes the place of the task's folder: from now on the tile is done, whatever
 * becomes of the run. Team's rank 0. */
static ci_status folder_keep(const tile_job *job, ci_tile_record *record)
{
    const ci_tile_task *task = job->task;
    CI_TRY(ci_tile_record_keep(record, task));
    if (task->check_claim) CI_TRY(task->check_claim(task->claim_context));
    CI_TRY(ci_path_replace_folder(job->part, task->folder));
    ci_mem_free(record->folder);
    record->folder = NULL;
    return ci_str_copy(&record->folder, task->folder);
}

/* A record of the tile on the team's rank 0, NULL elsewhere. */
static ci_status record_open(tile_job *job, ci_tile_record **record)
{
    const char *token = job->task->claim_token;
    CI_TRY(ci_str_format(&job->part, "%s.%s.part", job->task->folder, token ? token : "new"));
    if (ci_comm_rank(job->team) != 0) return CI_OK;
    CI_TRY(ci_tile_record_new(record, job->task->id));
    snprintf((*record)->made_with_sha256, sizeof(*record)->made_with_sha256, "%s",
             job->task->made_with_sha256);
    snprintf((*record)->relaxed, sizeof(*record)->relaxed, "%s", job->task->relaxed);
    return ci_str_copy(&(*record)->folder, job->part);
}

static void outcome_set(ci_tile_record *record, ci_status status)
{
    record->state = status == CI_OK ? CI_TILE_PASSED : CI_TILE_FAILED;
    record->status = status;
    snprintf(record->reason, sizeof record->reason, "%s", status == CI_OK ? "" : ci_error_text());
}

/* Writes down what became of a tile, beside it where it was made; team's rank 0. */
static ci_status record_close(const tile_job *job, ci_status status, ci_tile_record *record)
{
    record->is_degraded = job->is_degraded;
    memcpy(record->tables_why, job->tables_why, sizeof record->tables_why);
    outcome_set(record, status);
    if (status == CI_OK) {
        status = folder_keep(job, record);
        if (status != CI_OK) outcome_set(record, status);
    }
    if (status != CI_OK && status != CI_ERR_STOPPED)
        ci_log_warning("tile %s failed: %s", record->id, record->reason);
    return status;
}

/* What stands of a tile that was stopped or failed goes. Team's rank 0; what cannot be removed is
 * removed by the next who claims the tile. */
static void forget(const tile_job *job, ci_status why, ci_tile_record *record)
{
    ci_error_saved saved = ci_error_save(why);
    if (ci_tile_folder_empty(job->part) == CI_OK) rmdir(job->part);
    ci_mem_free(record->folder); /* it has none */
    record->folder = NULL;
    ci_error_restore(&saved);
}

/* The parts of the record that come from the data, on all ranks of the team or on none. */
static ci_status record_data(const tile_job *job, ci_status status, const ci_tile_data *data,
                             const ci_image_stats *stats, ci_tile_record *record)
{
    ci_error_saved saved = ci_error_save(status);
    ci_status filled = ci_tile_record_fill(job->team, data, status == CI_OK ? stats : NULL, record);
    if (filled == CI_OK && record)
        filled = ci_tile_record_fill_calibration(job->tables, data, record);
    return status == CI_OK ? filled : ci_error_restore(&saved);
}

ci_status ci_tile_make(ci_comm *team, const ci_tile_options *options, const ci_tile_task *task,
                       const ci_tile_tables *tables, ci_tile_events *events,
                       ci_tile_record **record)
{
    tile_job job = {team, options, task, tables, events, NULL, task->is_degraded, "", 0};
    ci_tile_data data = {0};
    ci_image_stats stats;
    *record = NULL;
    ci_status status = ci_par_agree(team, record_open(&job, record));
    if (status != CI_OK) {
        ci_mem_free(job.part);
        ci_tile_record_free(*record);
        *record = NULL;
        return status;
    }
    status = folder_open(&job);
    if (status == CI_OK) status = process(&job, &data, &stats);
    if (data.n_empty_sub_band > 0) job.is_degraded = true;
    bool is_stopped = status == CI_ERR_STOPPED;
    if (data.set && !is_stopped) status = record_data(&job, status, &data, &stats, *record);
    /* Into the folder that is not the tile's yet: a kill leaves nothing beside a tile that is done.
     */
    if (!is_stopped) status = ci_par_agree(team, status);
    if (status == CI_OK) status = ci_tile_files_finish(team, &data, task->id, job.part, *record);
    if (*record && !is_stopped) status = record_close(&job, status, *record);
    if (*record && status != CI_OK) forget(&job, status, *record);
    ci_mem_free(job.part);
    ci_tile_data_free(&data);
    /* The tile's fault stays with the tile; a stop or a fault of our own does not. Rank 0 may
     * have met one of its own by now. */
    if (status != CI_ERR_STOPPED && status != CI_ERR_INTERNAL) status = CI_OK;
    status = ci_par_agree(team, status);
    if (status == CI_OK) return CI_OK;
    ci_tile_record_free(*record);
    *record = NULL;
    return status;
}
