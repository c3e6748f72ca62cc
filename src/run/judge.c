/* What rank 0 does with a tile that was made: judge and register it. No MPI here. */
#include "run/judge.h"

#include "contimg/phot.h"
#include "run/lease.h"

#include <math.h>

/* ---- gates -------------------------------------------------------------------------------- */

typedef struct
{
    char *image, *pb, *residual;
} tile_paths;

static ci_status tile_paths_new(tile_paths *paths, const char *folder)
{
    CI_TRY(ci_path_join(&paths->image, folder, "image.fits"));
    CI_TRY(ci_path_join(&paths->pb, folder, "pb.fits"));
    return ci_path_join(&paths->residual, folder, "residual.fits");
}

static void tile_paths_free(tile_paths *paths)
{
    ci_mem_free(paths->image);
    ci_mem_free(paths->pb);
    ci_mem_free(paths->residual);
}

/* Fluxes against the catalogue of the field; a list of calibrators is none. What is no image is
 * told of by its gates. */
static ci_status fluxes_measure(const ci_run *run, const tile_paths *paths, ci_tile_record *record)
{
    ci_tile_images *images = record->images;
    ci_phot_scale scale;
    if (!images || !run->model || ci_tile_model_is_list(ci_conf_text(run->conf, CI_CONF_OPT_MODEL)))
        return CI_OK;
    ci_status status =
        ci_phot_scale_find(&scale, paths->image, paths->pb, images->rms_jy, run->model);
    if (status != CI_OK && ci_status_is_environment(status)) return status;
    if (status != CI_OK) {
        ci_error_clear();
        return CI_OK;
    }
    images->n_flux_match = (int64_t)scale.n;
    images->flux_ratio = scale.ratio;
    images->flux_ratio_err = scale.sure / 3;
    return CI_OK;
}

static ci_status gates_judge(const ci_run *run, ci_tile_record *record, bool is_named,
                             ci_qa_gates *gates)
{
    tile_paths paths = {0};
    ci_qa_limits limits;
    ci_tile_qa_limits(&limits, run->conf);
    ci_status status = tile_paths_new(&paths, record->folder);
    if (status == CI_OK) status = fluxes_measure(run, &paths, record);
    if (status == CI_OK) {
        const char *residual = ci_path_exists(paths.residual) ? paths.residual : NULL;
        const ci_tile_images *i = record->images;
        const ci_tile_coherence none = {0};
        const ci_tile_coherence *c = record->calibration ? &record->calibration->coherence : &none;
        ci_qa_subject subject = {.image.path = paths.image,
                                 .pb.path = paths.pb,
                                 .residual.path = residual,
                                 .thermal_jy = i ? i->thermal_jy : NAN,
                                 .flux_ratio = i ? i->flux_ratio : NAN,
                                 .flux_ratio_err = i ? i->flux_ratio_err : NAN,
                                 .n_flux_match = i ? i->n_flux_match : 0,
                                 .is_loss_doubted = c->is_doubted,
                                 .flux_loss = c->is_measured ? c->loss : NAN,
                                 .flux_sigma = c->is_measured ? c->sigma : NAN,
                                 .accept_incomplete = is_named};
        status = ci_qa_image_judge(gates, &subject, &limits);
    }
    tile_paths_free(&paths);
    return status;
}

const char *ci_run_noise_text(const ci_tile_record *record)
{
    for (size_t i = 0; record->gates && i < record->gates->n; i++) {
        const ci_qa_gate *g = &record->gates->item[i];
        if (g->kind == CI_QA_GATE_NOISE && g->outcome == CI_QA_WARN &&
            g->value > CI_QA_WARN_NOISE * g->limit)
            return g->text;
    }
    return NULL;
}

bool ci_run_phases_are_untold(const ci_tile_record *record)
{
    for (size_t i = 0; record->gates && i < record->gates->n; i++) {
        const ci_qa_gate *g = &record->gates->item[i];
        if (g->kind == CI_QA_GATE_COHERENCE && g->outcome == CI_QA_SKIP) return true;
    }
    return false;
}

const char *ci_run_shift_text(const ci_tile_record *record)
{
    const ci_tile_calibration *c = record->calibration;
    return c && c->field_shift_why[0] ? c->field_shift_why : NULL;
}

const char *ci_run_fluxes_text(const ci_tile_record *record)
{
    for (size_t i = 0; record->gates && i < record->gates->n; i++) {
        const ci_qa_gate *g = &record->gates->item[i];
        bool is_beyond = g->value < 1 ? g->value < g->limit : g->value > g->limit;
        bool is_told = g->outcome == CI_QA_FAIL || g->outcome == CI_QA_WARN;
        if (g->kind == CI_QA_GATE_FLUX_RATIO && is_told && is_beyond) return g->text;
    }
    return NULL;
}

/* Tables that their own tile's image has shown to be bad are bad for others. */
static void tables_refuse(const ci_tile_record *tables_of, ci_tile_record *record)
{
    bool is_passed = record->state == CI_TILE_PASSED && record->calibration;
    if (!tables_of || !is_passed || record->calibration->gains != CI_TILE_GAINS_TRANSFERRED) return;
    record->state = CI_TILE_REFUSED;
    snprintf(record->reason, sizeof record->reason,
             "its tables were solved on tile %s, which was refused: %.200s", tables_of->id,
             tables_of->reason);
}

static void doubts_warn(const ci_tile_record *record)
{
    const char *noise = ci_run_noise_text(record), *fluxes = ci_run_fluxes_text(record);
    if (noise) ci_log_warning("tile %s: noise: %s: its fluxes may be off, too", record->id, noise);
    if (fluxes) ci_log_warning("tile %s: %s", record->id, fluxes);
}

static ci_status judge(ci_run *run, bool is_named, const ci_tile_record *tables_of,
                       ci_tile_record *record)
{
    ci_qa_gates *gates = NULL;
    CI_TRY(ci_mem_alloc(&gates, 1, sizeof *gates, "quality gates"));
    ci_status status = gates_judge(run, record, is_named, gates);
    if (status == CI_OK) status = ci_tile_record_judge(record, gates);
    ci_mem_free(gates);
    CI_TRY(status);
    tables_refuse(tables_of, record);
    if (record->state == CI_TILE_REFUSED)
        ci_log_warning("tile %s refused: %s", record->id, record->reason);
    else
        doubts_warn(record);
    return ci_tile_record_write(record);
}

/* ---- the registry ---------------------------------------------------------------------------- */

static void image_row(const ci_tile_images *images, ci_registry_image *row)
{
    row->ra_rad = images->ra_deg * CI_DEG_TO_RAD;
    row->dec_rad = images->dec_deg * CI_DEG_TO_RAD;
    row->rms_jy = images->rms_jy;
    row->thermal_jy = images->thermal_jy;
    row->peak_jy = images->peak_jy;
    row->freq_hz = images->freq_hz;
    row->flux_ratio = images->flux_ratio;
    row->n_flux_match = images->n_flux_match;
    row->beam_major_rad = images->beam_major_arcsec * CI_ARCSEC_TO_RAD;
    row->beam_minor_rad = images->beam_minor_arcsec * CI_ARCSEC_TO_RAD;
    row->beam_pa_rad = images->beam_pa_deg * CI_DEG_TO_RAD;
}

static ci_status quality_text(const ci_tile_record *record, char **out)
{
    ci_json *json = record->gates ? ci_qa_gates_json(record->gates) : ci_json_array();
    ci_status status = ci_json_print(out, json, false);
    ci_json_free(json);
    return status;
}

static ci_registry_image_state registered_state(ci_tile_state state)
{
    return state == CI_TILE_PASSED   ? CI_REGISTRY_IMAGE_PASSED
           : state == CI_TILE_FAILED ? CI_REGISTRY_IMAGE_FAILED
                                     : CI_REGISTRY_IMAGE_REFUSED;
}

static ci_status register_tile(ci_run *run, const ci_run_tile *tile, ci_tile_record *record)
{
    ci_registry_image row = {.folder = record->folder ? record->folder : "",
                             .reason = record->reason,
                             .is_degraded = ci_tile_record_is_degraded(record),
                             .ra_rad = NAN,
                             .dec_rad = NAN,
                             .rms_jy = NAN,
                             .thermal_jy = NAN,
                             .peak_jy = NAN,
                             .freq_hz = NAN,
                             .flux_ratio = NAN,
                             .first_time_mjd_s = tile->time_mjd_s,
                             .last_time_mjd_s = tile->last_time_mjd_s};
    snprintf(row.id, sizeof row.id, "%s", record->id);
    row.state = registered_state(record->state);
    const ci_qa_gate *failed =
        row.state == CI_REGISTRY_IMAGE_REFUSED ? ci_qa_tile_first_failed(record->gates) : NULL;
    if (failed) row.gate = ci_qa_gate_name(failed->kind);
    snprintf(row.run, sizeof row.run, "%s", run->record.id);
    if (record->images) image_row(record->images, &row);
    ci_status status = quality_text(record, &row.quality_json);
    if (status == CI_OK && record->state != CI_TILE_FAILED) {
        row.n_file = record->n_file; /* as they were made */
        row.file = record->file;
        status = ci_registry_image_files_scan(&row);
    }
    if (status == CI_OK) status = ci_registry_tile_put(run->site.registry, &row);
    ci_registry_image_files_free(&row);
    ci_mem_free(row.quality_json);
    return status;
}

/* A tile failed for good where its data are at fault; where the machine was, or what was asked, it
 * may be made another time. */
static ci_registry_work_state state_after(const ci_tile_record *record)
{
    if (record->state == CI_TILE_PASSED) return CI_REGISTRY_WORK_COMPLETED;
    ci_status status = record->status;
    bool is_fault_of_data = status == CI_OK || status == CI_ERR_INPUT || status == CI_ERR_NO_DATA ||
                            status == CI_ERR_GATE;
    return is_fault_of_data ? CI_REGISTRY_WORK_FAILED : CI_REGISTRY_WORK_PENDING;
}

/* Ends the claim on an observation; its tile stays taken, for the mosaic. */
static ci_status observation_end(ci_run *run, const ci_tile_record *record)
{
    bool done = false, passed = record->state == CI_TILE_PASSED;
    const char *id = record->id;
    ci_registry *registry = run->site.registry;
    CI_TRY(ci_registry_begin(registry, CI_REGISTRY_DB_INGEST));
    ci_status status = ci_run_lease_check(run);
    if (status == CI_OK)
        status = ci_registry_observation_claim(registry, id, CI_REGISTRY_LEASE_S, &done);
    if (status == CI_OK && !done)
        status = ci_registry_observation_end(registry, id, state_after(record),
                                             passed ? "" : record->reason);
    if (status == CI_OK) status = ci_registry_tiles_claim(registry, &id, 1, CI_REGISTRY_LEASE_S);
    return ci_registry_end(registry, CI_REGISTRY_DB_INGEST, status);
}

ci_status ci_run_tile_judge(ci_run *run, const ci_run_group *group, const ci_run_tile *tile,
                            const ci_tile_record *tables_of, ci_tile_record *record)
{
    if (tile->is_hole) return CI_OK;
    CI_TRY(ci_run_lease_check(run));
    if (!record->is_reused) {
        if (record->state == CI_TILE_PASSED) CI_TRY(judge(run, group->is_named, tables_of, record));
        CI_TRY(ci_run_lease_check(run));
        CI_TRY(register_tile(run, tile, record));
    }
    return observation_end(run, record);
}
