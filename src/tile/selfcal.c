/* Self-calibration: images of a tile, and corrections of its gains on what CLEAN finds in them,
 * round by round. The data stay as they are until it is over: each round solves for all of the
 * correction, and its table is divided out of a copy of the values while they are imaged. So a
 * round is undone by forgetting its table. */
#include "tile/coherence.h"
#include "tile/imager.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Of what CLEAN found, whose components are parts of sources. */
static const ci_tile_choice choice = {1000, 1e-5};
/* Of peak/rms, of a round that is kept, and of one that only repeats the one before. */
static const double least_rise = 1.05, least_again = 1.01;

/* Of the greatest loss of flux: less needs no rounds. */
static const double needless = 0.25;

enum
{
    N_LENGTH = 3,
    N_ROUND = 10 /* one for each length, the others with amplitudes while that gains: phases
                  * are then of the length that is worth most */
};
static const double length_s[N_LENGTH] = {300, 120, 60}; /* of intervals of phases */

/* What an image showed. */
typedef struct look
{
    ci_sky_model *model; /* owned */
    double peak_jy, rms_jy, thermal_jy;
} look;

typedef struct self_job
{
    ci_comm *comm;
    const ci_tile_options *options;
    ci_tile_data *data;
    const char *prefix;
    look best;               /* with what is kept so far */
    ci_cal_corrections kept; /* table NULL: nothing */
    double phase_s;          /* that was asked of it */
    bool is_rescue;          /* of gains in doubt: nobody asked for it */
    double phase_rise;       /* of peak/rms, of a round of phases that is kept */
} self_job;

static double range_of(const look *l)
{
    return l->rms_jy > 0 ? l->peak_jy / l->rms_jy : 0;
}

/* A line for the log, and without its beginning for the record. */
__attribute__((format(printf, 2, 3))) static void told(const self_job *job, const char *format, ...)
{
    char line[256], *rounds_text = job->data->self_rounds;
    size_t n = strlen(rounds_text), size = sizeof job->data->self_rounds;
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (ci_comm_rank(job->comm) == 0) ci_log_info("self-calibration: %s", line);
    snprintf(rounds_text + n, size - n, "%s%s", n > 0 ? "; " : "", line);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Stokes I of the data divided by a table, cleaned, and its sources. Collective. */
static ci_status look_at(const self_job *job, const ci_cal_table *table, look *out)
{
    ci_tile_imager imager;
    ci_tile_options options = *job->options;
    options.image.stokes = CI_VIS_POL_I;
    options.image.continues = options.image.keeps_model = false;
    if (job->is_rescue) options.image.clean.outside = true; /* its phases are those of no gains */
    *out = (look){0};
    ci_status status = ci_tile_imager_new(job->comm, &imager, &options, job->data, job->prefix,
                                          (ci_image_reading){true, table});
    if (status == CI_OK) status = ci_image_maker_clean(job->comm, imager.maker);
    if (status == CI_OK) status = ci_image_maker_sources(job->comm, imager.maker, &out->model);
    if (status == CI_OK) {
        const ci_image_stats *stats = ci_image_maker_stats(imager.maker);
        out->peak_jy = stats->dirty_peak_jy;
        out->rms_jy = stats->rms_jy;
        out->thermal_jy = stats->thermal_jy;
    }
    ci_tile_imager_clear(&imager);
    return status;
}

/* ---- a round --------------------------------------------------------------------------------- */

static bool with_amplitude(int i_round)
{
    return i_round >= N_LENGTH;
}

static bool is_again(int i_round)
{
    return i_round > N_LENGTH;
}

/* That a round is to have, whose phases or amplitudes are significant anyway. */
static double rise_of(const self_job *job, int i_round)
{
    if (!with_amplitude(i_round)) return job->phase_rise;
    return is_again(i_round) ? least_again : least_rise;
}

/* Corrections on the sources that are seen so far. Collective. */
static ci_status round_solve(const self_job *job, int i_round, ci_cal_corrections *out)
{
    ci_tile_sources sources = {0};
    *out = (ci_cal_corrections){0};
    ci_status status =
        ci_par_agree(job->comm, ci_tile_sources_new(job->data, job->best.model, &choice,
                                                    ci_comm_isa(job->comm), &sources));
    sources.cal.with_amplitude = with_amplitude(i_round);
    if (!with_amplitude(i_round)) sources.cal.phase_s = length_s[i_round];
    sources.cal.holds_position = true;
    if (status == CI_OK && sources.model->n_source > 0)
        status =
            ci_cal_field_solve(job->comm, job->data->set, &sources.cal, &job->options->cal, out);
    ci_tile_sources_clear(&sources);
    return status;
}

/* Takes the place of what was kept until now. */
static void round_keep(self_job *job, const look *seen, const ci_cal_corrections *corrections)
{
    ci_cal_table_free(job->kept.table);
    ci_sky_model_free(job->best.model);
    job->kept = *corrections;
    job->best = *seen;
}

/* Looks at the data with what was solved for, and decides. Collective. */
static ci_status round_judge(self_job *job, int i_round, const char *what, ci_cal_corrections *c,
                             bool *is_kept)
{
    look seen;
    CI_TRY(look_at(job, c->table, &seen));
    double before = range_of(&job->best), after = range_of(&seen);
    *is_kept = after >= rise_of(job, i_round) * before;
    told(job, "%s: %s: peak/rms %.4g to %.4g", what, *is_kept ? "kept" : "undone", before, after);
    if (ci_comm_rank(job->comm) == 0)
        ci_log_info("self-calibration: %s: phases of %.3g s, S/N of a receptor %.3g, chi-squared "
                    "falls by %.3g; rms %.4g to %.4g Jy/beam, %.3g of the thermal noise; a slope "
                    "of phase of %.3g arcsec is held",
                    what, c->phase_s, c->interval_snr, c->fall, job->best.rms_jy, seen.rms_jy,
                    seen.rms_jy / seen.thermal_jy, c->shift_rad * CI_RAD_TO_ARCSEC);
    if (*is_kept) {
        round_keep(job, &seen, c);
        c->table = NULL;
    } else {
        ci_sky_model_free(seen.model);
    }
    return CI_OK;
}

/* *is_last where another round of its kind can be no better. Collective. */
static ci_status round_run(self_job *job, int i_round, bool *is_last)
{
    ci_cal_corrections c;
    char what[64] = "amplitudes";
    bool is_kept = false;
    if (!with_amplitude(i_round)) snprintf(what, sizeof what, "phases of %g s", length_s[i_round]);
    CI_TRY(round_solve(job, i_round, &c));
    ci_status status = CI_OK;
    bool is_faint = c.snr < CI_CAL_FIELD_SNR;
    if (is_faint)
        told(job, "too faint: S/N %.2g of a receptor by %zu source%s, %g is needed", c.snr,
             job->best.model->n_source, ci_plural(job->best.model->n_source), CI_CAL_FIELD_SNR);
    else if (!with_amplitude(i_round) && c.interval_snr < CI_CAL_FIELD_SNR)
        told(job, "%s: left out: S/N %.2g of a receptor, %g is needed", what, c.interval_snr,
             CI_CAL_FIELD_SNR);
    else if (!(with_amplitude(i_round) ? c.has_amplitude : c.has_phase))
        told(job, "%s: left out: chi-squared does not fall", what);
    else
        status = round_judge(job, i_round, what, &c, &is_kept);
    *is_last = is_faint || (with_amplitude(i_round) && !is_kept);
    ci_cal_table_free(c.table);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static ci_status stop_check(const self_job *job)
{
    return ci_tile_stop_check(job->comm, "between rounds of self-calibration");
}

static ci_status rounds_run(self_job *job)
{
    bool is_last = false;
    for (int i = 0; i < N_ROUND && !is_last; i++) {
        CI_TRY(stop_check(job));
        CI_TRY(round_run(job, i, &is_last));
    }
    return CI_OK;
}

/* PREFIXself.gain.calh5, or no such file. Rank 0. */
static ci_status table_write(const self_job *job)
{
    char *path = NULL;
    ci_cal_table *table = job->kept.table;
    CI_TRY(ci_str_format(&path, "%sself.gain.calh5", job->prefix));
    ci_status status = CI_OK;
    if (table) {
        status = ci_cal_table_write(table, path);
        if (status == CI_OK) ci_log_info("self-calibration: %s", path);
    } else {
        unlink(path); /* of an earlier call */
    }
    ci_mem_free(path);
    return status;
}

static ci_status table_finish(const self_job *job)
{
    ci_cal_table *table = job->kept.table;
    if (table) {
        table->is_approximate = job->data->is_approximate;
        CI_TRY(ci_str_set(&table->model, "the tile's own image"));
        CI_TRY(ci_str_set(&table->history, job->data->self_rounds));
    }
    if (ci_comm_rank(job->comm) == 0) CI_TRY(table_write(job));
    return ci_tile_blocks_apply((const ci_cal_table *const[2]){table, NULL}, ci_comm_isa(job->comm),
                                job->data->set);
}

/* What the data lose as they are now; found: of that. Collective. */
static ci_status loss_measure(self_job *job, ci_cal_corrections *found)
{
    ci_tile_coherence *c = &job->data->coherence;
    CI_TRY(ci_tile_coherence_find(job->comm, job->options, job->best.model, job->data, c, found));
    c->is_measured = true;
    if (ci_comm_rank(job->comm) == 0)
        ci_log_info(
            "self-calibration: phases that the tile's own sources show cost %.2f +- %.2f %% "
            "of the flux",
            100 * c->loss, 100 * c->sigma);
    return CI_OK;
}

/* The same, once more without receptors that do not show them, which are flagged. Collective. */
static ci_status loss_find(self_job *job)
{
    ci_cal_corrections found = {0};
    ci_status status = loss_measure(job, &found);
    if (job->is_rescue && isnan(job->data->coherence.before))
        job->data->coherence.before = job->data->coherence.loss;
    bool flags = found.n_silent > 0 && job->options->field != CI_TILE_FIELD_NONE;
    if (status == CI_OK && flags) {
        status = ci_par_agree(job->comm, ci_tile_silent_flag(job->comm, &found, job->data));
        job->data->has_silent = true;
    }
    ci_cal_table_free(found.table);
    if (status != CI_OK || !flags) return status;
    ci_sky_model_free(job->best.model);
    CI_TRY(look_at(job, NULL, &job->best));
    status = loss_measure(job, &found);
    ci_cal_table_free(found.table);
    return status;
}

/* The rounds, and what they leave. Collective. */
static ci_status rounds_finish(self_job *job)
{
    CI_TRY(rounds_run(job));
    CI_TRY(ci_par_agree(job->comm, table_finish(job)));
    if (job->kept.table)
        job->data->self = ci_tile_field_of(job->kept.has_phase, job->kept.has_amplitude);
    return loss_find(job);
}

/* Collective. */
static ci_status rescue(self_job *job)
{
    ci_qa_limits limits;
    ci_tile_coherence *c = &job->data->coherence;
    ci_tile_qa_limits(&limits, job->options->conf);
    CI_TRY(loss_find(job));
    c->rms_jy = job->best.rms_jy;
    bool is_good = c->loss <= needless * limits.image.max_flux_loss;
    if (is_good || job->options->field == CI_TILE_FIELD_NONE) return CI_OK;
    return rounds_finish(job);
}

static ci_status self_run(ci_comm *comm, const ci_tile_options *options, const char *prefix,
                          ci_tile_data *data, ci_status (*work)(self_job *job))
{
    self_job job = {.comm = comm, .options = options, .data = data, .prefix = prefix};
    job.is_rescue = work == rescue;
    job.phase_rise = job.is_rescue ? 1 : least_rise; /* fluxes are worth it */
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "self-calibration");
    ci_status status = look_at(&job, NULL, &job.best);
    if (status == CI_OK) status = work(&job);
    ci_timer_end(ci_comm_timer(comm), mark);
    ci_cal_table_free(job.kept.table);
    ci_sky_model_free(job.best.model);
    return status;
}

ci_status ci_tile_self_apply(ci_comm *comm, const ci_tile_options *options, const char *prefix,
                             ci_tile_data *data)
{
    data->self = CI_TILE_FIELD_NONE;
    data->coherence = (ci_tile_coherence){.before = NAN};
    if (!options->self_calibrates) return CI_OK;
    return self_run(comm, options, prefix, data, rounds_finish);
}

ci_status ci_tile_self_rescue(ci_comm *comm, const ci_tile_options *options, const char *prefix,
                              ci_tile_data *data)
{
    data->self = CI_TILE_FIELD_NONE;
    data->coherence = (ci_tile_coherence){.is_doubted = true, .before = NAN};
    return self_run(comm, options, prefix, data, rescue);
}
