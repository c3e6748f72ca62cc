/* The record of a tile as JSON: of tile.json and of reports. */
#include "contimg/tile.h"

#include <math.h>

/* ---- numbers, by a table that serves both ways ------------------------------------------- */

typedef struct
{
    const char *name;
    bool is_int;
    size_t offset;
} field;

#define REAL(name)                                                                                 \
    {                                                                                              \
#name, false, offsetof(ci_tile_images, name)                                               \
    }
#define INT(name)                                                                                  \
    {                                                                                              \
#name, true, offsetof(ci_tile_images, name)                                                \
    }
static const field image_fields[] = {INT(n_x),
                                     INT(n_y),
                                     REAL(cell_arcsec),
                                     REAL(ra_deg),
                                     REAL(dec_deg),
                                     REAL(beam_major_arcsec),
                                     REAL(beam_minor_arcsec),
                                     REAL(beam_pa_deg),
                                     REAL(psf_sidelobe),
                                     REAL(rms_jy),
                                     REAL(thermal_jy),
                                     REAL(peak_jy),
                                     REAL(dirty_peak_jy),
                                     REAL(model_flux_jy),
                                     REAL(freq_hz),
                                     REAL(bandwidth_hz),
                                     REAL(taper_arcsec),
                                     REAL(compression),
                                     REAL(flux_ratio),
                                     REAL(flux_ratio_err),
                                     INT(n_flux_match),
                                     INT(n_sample),
                                     INT(n_gridded),
                                     INT(n_major),
                                     INT(n_minor),
                                     INT(n_plane),
                                     INT(n_point_component)};
#undef REAL
#undef INT
#define REAL(name)                                                                                 \
    {                                                                                              \
#name, false, offsetof(ci_tile_slope, name)                                                \
    }
static const field slope_fields[] = {REAL(ra_deg), REAL(dec_deg), REAL(flux_jy), REAL(beam),
                                     REAL(slope)};
#undef REAL
#define REAL(name)                                                                                 \
    {                                                                                              \
#name, false, offsetof(ci_tile_variable, name)                                             \
    }
static const field variable_fields[] = {REAL(ra_deg),     REAL(dec_deg),  REAL(flux_jy),
                                        REAL(excess_jy),  REAL(sigma),    REAL(first_mjd_s),
                                        REAL(last_mjd_s), REAL(first_hz), REAL(last_hz)};
#undef REAL
#define N_FIELD(fields) (sizeof(fields) / sizeof *(fields))

static void fields_put(ci_json *json, const field *fields, size_t n, const void *from)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = (const char *)from + fields[i].offset;
        if (fields[i].is_int)
            ci_json_put_int(json, fields[i].name, *(const int64_t *)(const void *)at);
        else
            ci_json_put_number(json, fields[i].name, *(const double *)(const void *)at);
    }
}

static void fields_get(const ci_json *json, const field *fields, size_t n, void *to)
{
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)to + fields[i].offset;
        if (fields[i].is_int)
            *(int64_t *)(void *)at = (int64_t)ci_json_get_number(json, fields[i].name, 0);
        else
            *(double *)(void *)at = ci_json_get_number(json, fields[i].name, NAN);
    }
}

static ci_status numbers_get(double **out, size_t *n, const ci_json *list, const char *what)
{
    *n = ci_json_length(list);
    CI_TRY(ci_mem_alloc(out, *n, sizeof **out, what));
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = ci_json_number(ci_json_at(list, i), NAN);
    return CI_OK;
}

/* ---- images ---------------------------------------------------------------------------------- */

static void slopes_put(ci_json *json, const char *name, const ci_tile_slope *slope, size_t n)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        ci_json *one = ci_json_object();
        fields_put(one, slope_fields, N_FIELD(slope_fields), &slope[i]);
        ci_json_put(list, NULL, one);
    }
    ci_json_put(json, name, list);
}

/* slope [n_max]; how many there are. */
static size_t slopes_get(ci_tile_slope *slope, size_t n_max, const ci_json *json, const char *name)
{
    const ci_json *list = ci_json_get(json, name);
    size_t n = ci_json_length(list) < n_max ? ci_json_length(list) : n_max;
    for (size_t i = 0; i < n; i++)
        fields_get(ci_json_at(list, i), slope_fields, N_FIELD(slope_fields), &slope[i]);
    return n;
}

static ci_json *images_json(const ci_tile_images *images)
{
    ci_json *json = ci_json_object(), *variables = ci_json_array();
    fields_put(json, image_fields, N_FIELD(image_fields), images);
    ci_json_put_string(json, "stop_reason", images->stop_reason);
    ci_json_put_string(json, "scales_pixel", images->scales);
    ci_json_put_bool(json, "is_pseudo_i", images->is_pseudo_i);
    slopes_put(json, "slopes", images->slope, images->n_slope);
    slopes_put(json, "outside", images->outside, images->n_outside);
    for (size_t i = 0; i < images->n_variable; i++) {
        ci_json *one = ci_json_object();
        fields_put(one, variable_fields, N_FIELD(variable_fields), &images->variable[i]);
        ci_json_put(variables, NULL, one);
    }
    ci_json_put(json, "variable_sources", variables);
    return json;
}

static ci_status images_parse(ci_tile_images **out, const ci_json *json)
{
    if (!json) return CI_OK;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    ci_tile_images *images = *out;
    fields_get(json, image_fields, N_FIELD(image_fields), images);
    ci_json_copy_string(images->stop_reason, sizeof images->stop_reason, json, "stop_reason");
    ci_json_copy_string(images->scales, sizeof images->scales, json, "scales_pixel");
    images->is_pseudo_i = ci_json_get_bool(json, "is_pseudo_i", false);
    const ci_json *variables = ci_json_get(json, "variable_sources");
    for (size_t i = 0; i < ci_json_length(variables) && i < CI_CLEAN_MAX_VARIABLE; i++)
        fields_get(ci_json_at(variables, i), variable_fields, N_FIELD(variable_fields),
                   &images->variable[images->n_variable++]);
    images->n_slope = slopes_get(images->slope, CI_CLEAN_MAX_SLOPE, json, "slopes");
    images->n_outside = slopes_get(images->outside, CI_CLEAN_MAX_OUTSIDE, json, "outside");
    return CI_OK;
}

/* ---- flags ----------------------------------------------------------------------------------- */

static ci_json *antenna_json(const ci_tile_antenna *antenna)
{
    ci_json *json = ci_json_object(), *dead = ci_json_array();
    ci_json_put_string(json, "name", antenna->name);
    ci_json_put_number(json, "fraction", antenna->fraction);
    for (size_t p = 0; p < antenna->n_pol; p++)
        ci_json_put_bool(dead, NULL, antenna->dead[p]);
    ci_json_put(json, "dead", dead);
    return json;
}

static ci_json *flags_json(const ci_tile_flags *flags)
{
    ci_json *json = ci_json_object(), *reasons = ci_json_object();
    ci_json *antennas = ci_json_array(), *channels = ci_json_array();
    ci_json_put_int(json, "n_good", flags->counts.n_good);
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        ci_json_put_int(reasons, ci_vis_flag_name(i), flags->counts.n_by_bit[i]);
    for (size_t i = 0; i < flags->n_antenna; i++)
        ci_json_put(antennas, NULL, antenna_json(&flags->antenna[i]));
    for (size_t i = 0; i < flags->n_chan; i++)
        ci_json_put_number(channels, NULL, flags->channel_fraction[i]);
    ci_json_put(json, "by_reason", reasons);
    ci_json_put(json, "antenna", antennas);
    ci_json_put(json, "channel_fraction", channels);
    return json;
}

static ci_status antenna_parse(ci_tile_antenna *antenna, const ci_json *json)
{
    const ci_json *dead = ci_json_get(json, "dead");
    antenna->fraction = ci_json_get_number(json, "fraction", NAN);
    for (size_t p = 0; p < ci_json_length(dead) && p < 4; p++)
        antenna->dead[antenna->n_pol++] = ci_json_bool(ci_json_at(dead, p), false);
    return ci_str_copy(&antenna->name, ci_json_get_string(json, "name", ""));
}

static ci_status flags_parse(ci_tile_flags **out, const ci_json *json)
{
    if (!json) return CI_OK;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    ci_tile_flags *flags = *out;
    const ci_json *antennas = ci_json_get(json, "antenna"), *by = ci_json_get(json, "by_reason");
    flags->counts.n_good = (int64_t)ci_json_get_number(json, "n_good", 0);
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        flags->counts.n_by_bit[i] = (int64_t)ci_json_get_number(by, ci_vis_flag_name(i), 0);
    size_t n = ci_json_length(antennas);
    CI_TRY(ci_mem_alloc(&flags->antenna, n, sizeof *flags->antenna, "tile record"));
    flags->n_antenna = n;
    for (size_t i = 0; i < n; i++)
        CI_TRY(antenna_parse(&flags->antenna[i], ci_json_at(antennas, i)));
    return numbers_get(&flags->channel_fraction, &flags->n_chan,
                       ci_json_get(json, "channel_fraction"), "tile record");
}

/* ---- calibration ----------------------------------------------------------------------------- */

/* Of the sky from the model that gains were solved on, and its errors. */
static const char *const offset_names[2][2] = {{"offset_east_arcsec", "offset_east_err"},
                                               {"offset_north_arcsec", "offset_north_err"}};

static void coherence_json(ci_json *json, const ci_tile_coherence *c)
{
    ci_json_put_bool(json, "is_doubted", c->is_doubted);
    if (!c->is_measured) return;
    ci_json_put_number(json, "flux_loss", c->loss);
    ci_json_put_number(json, "flux_loss_err", c->sigma);
    ci_json_put_number(json, "flux_loss_before", c->before);
}

static ci_tile_coherence coherence_parse(const ci_json *json)
{
    return (ci_tile_coherence){.is_doubted = ci_json_get_bool(json, "is_doubted", false),
                               .is_measured = ci_json_get(json, "flux_loss") != NULL,
                               .loss = ci_json_get_number(json, "flux_loss", NAN),
                               .sigma = ci_json_get_number(json, "flux_loss_err", NAN),
                               .before = ci_json_get_number(json, "flux_loss_before", NAN)};
}

static ci_json *calibration_json(const ci_tile_calibration *calibration)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "how", ci_tile_gains_word(calibration->gains));
    ci_json_put_string(json, "bandpass", calibration->bandpass);
    ci_json_put_string(json, "gain", calibration->gain);
    ci_json_put_string(json, "model", calibration->model);
    ci_json_put_string(json, "field", ci_tile_field_word(calibration->field));
    ci_json_put_string(json, "field_why", calibration->field_why);
    ci_json_put_number(json, "field_shift_arcsec", calibration->field_shift_arcsec);
    ci_json_put_string(json, "field_shift_why", calibration->field_shift_why);
    if (calibration->flux_scale > 0)
        ci_json_put_number(json, "flux_scale", calibration->flux_scale);
    ci_json_put_string(json, "self", ci_tile_field_word(calibration->self));
    ci_json_put_string(json, "self_rounds", calibration->self_rounds);
    ci_json_put_bool(json, "is_approximate", calibration->is_approximate);
    coherence_json(json, &calibration->coherence);
    if (calibration->n_residual == 0) return json;
    ci_json *residual = ci_json_array();
    for (size_t i = 0; i < calibration->n_residual; i++)
        ci_json_put_number(residual, NULL, calibration->residual[i]);
    ci_json_put(json, "residual", residual);
    ci_json_put_number(json, "flagged_fraction", calibration->flagged_fraction);
    ci_json_put_number(json, "phase_scatter_deg", calibration->phase_scatter_deg);
    for (int k = 0; k < 2; k++) {
        ci_json_put_number(json, offset_names[k][0], calibration->offset_arcsec[k]);
        ci_json_put_number(json, offset_names[k][1], calibration->offset_sigma[k]);
    }
    ci_json_put_number(json, "structure", calibration->structure);
    ci_json_put_number(json, "structure_err", calibration->structure_sigma);
    return json;
}

static ci_status calibration_parse(ci_tile_calibration **out, const ci_json *json)
{
    if (!json) return CI_OK;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    ci_tile_calibration *calibration = *out;
    const ci_json *residual = ci_json_get(json, "residual");
    calibration->gains = ci_tile_gains_parse(ci_json_get_string(json, "how", ""));
    calibration->is_approximate = ci_json_get_bool(json, "is_approximate", false);
    calibration->field = ci_tile_field_parse(ci_json_get_string(json, "field", ""));
    snprintf(calibration->field_why, sizeof calibration->field_why, "%s",
             ci_json_get_string(json, "field_why", ""));
    calibration->field_shift_arcsec = ci_json_get_number(json, "field_shift_arcsec", 0);
    snprintf(calibration->field_shift_why, sizeof calibration->field_shift_why, "%s",
             ci_json_get_string(json, "field_shift_why", ""));
    calibration->flux_scale = ci_json_get_number(json, "flux_scale", 0);
    calibration->coherence = coherence_parse(json);
    calibration->self = ci_tile_field_parse(ci_json_get_string(json, "self", ""));
    snprintf(calibration->self_rounds, sizeof calibration->self_rounds, "%s",
             ci_json_get_string(json, "self_rounds", ""));
    for (size_t i = 0; i < ci_json_length(residual) && i < 2; i++)
        calibration->residual[calibration->n_residual++] =
            ci_json_number(ci_json_at(residual, i), NAN);
    calibration->flagged_fraction = ci_json_get_number(json, "flagged_fraction", NAN);
    calibration->phase_scatter_deg = ci_json_get_number(json, "phase_scatter_deg", NAN);
    for (int k = 0; k < 2; k++) {
        calibration->offset_arcsec[k] = ci_json_get_number(json, offset_names[k][0], NAN);
        calibration->offset_sigma[k] = ci_json_get_number(json, offset_names[k][1], NAN);
    }
    calibration->structure = ci_json_get_number(json, "structure", NAN);
    calibration->structure_sigma = ci_json_get_number(json, "structure_err", NAN);
    CI_TRY(ci_str_copy(&calibration->model, ci_json_get_string(json, "model", "")));
    CI_TRY(ci_str_copy(&calibration->bandpass, ci_json_get_string(json, "bandpass", "")));
    return ci_str_copy(&calibration->gain, ci_json_get_string(json, "gain", ""));
}

/* ---- uv coverage, gates, files --------------------------------------------------------------- */

static ci_json *uv_json(const ci_tile_uv *uv)
{
    ci_json *json = ci_json_object(), *u = ci_json_array(), *v = ci_json_array();
    for (size_t i = 0; i < uv->n; i++) {
        ci_json_put_number(u, NULL, uv->uv_lambda[2 * i]);
        ci_json_put_number(v, NULL, uv->uv_lambda[2 * i + 1]);
    }
    ci_json_put(json, "u_lambda", u);
    ci_json_put(json, "v_lambda", v);
    return json;
}

static ci_status uv_parse(ci_tile_uv **out, const ci_json *json)
{
    if (!json) return CI_OK;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    const ci_json *u = ci_json_get(json, "u_lambda"), *v = ci_json_get(json, "v_lambda");
    ci_tile_uv *uv = *out;
    uv->n = ci_json_length(u);
    if (ci_json_length(v) != uv->n)
        return ci_error(CI_ERR_INPUT, "tile record: not as many v as u");
    CI_TRY(ci_mem_alloc(&uv->uv_lambda, uv->n, 2 * sizeof *uv->uv_lambda, "tile record"));
    for (size_t i = 0; i < uv->n; i++) {
        uv->uv_lambda[2 * i] = ci_json_number(ci_json_at(u, i), NAN);
        uv->uv_lambda[2 * i + 1] = ci_json_number(ci_json_at(v, i), NAN);
    }
    return CI_OK;
}

static ci_json *files_json(const ci_tile_record *record)
{
    ci_json *json = ci_json_object();
    for (size_t i = 0; i < record->n_file; i++)
        ci_json_put_string(json, record->file[i].name, record->file[i].sha256);
    return json;
}

static ci_status files_parse(ci_tile_record *record, const ci_json *json)
{
    size_t n = ci_json_length(json);
    CI_TRY(ci_mem_alloc(&record->file, n, sizeof *record->file, "tile record"));
    for (size_t i = 0; i < n; i++) {
        ci_registry_product_file *file = &record->file[i];
        const ci_json *one = ci_json_at(json, i);
        CI_TRY(ci_str_copy(&file->name, ci_json_member_name(one)));
        record->n_file++;
        snprintf(file->sha256, sizeof file->sha256, "%s", ci_json_string(one, ""));
        file->n_byte = -1; /* not written down */
    }
    return CI_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

ci_json *ci_tile_record_json(const ci_tile_record *record)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "id", record->id);
    ci_json_put_string(json, "state", ci_tile_state_word(record->state));
    ci_json_put_string(json, "reason", record->reason);
    ci_json_put_int(json, "exit_code", ci_status_exit_code(record->status));
    ci_json_put_bool(json, "is_degraded", record->is_degraded);
    if (record->tables_why[0]) ci_json_put_string(json, "tables_why", record->tables_why);
    if (record->is_reused) ci_json_put_bool(json, "is_reused", true);
    if (record->folder) ci_json_put_string(json, "folder", record->folder);
    ci_json_put_string(json, "relaxed", record->relaxed);
    if (record->made_with_sha256[0])
        ci_json_put_string(json, "made_with_sha256", record->made_with_sha256);
    if (record->inputs_sha256[0]) ci_json_put_string(json, "inputs_sha256", record->inputs_sha256);
    if (record->images) ci_json_put(json, "image", images_json(record->images));
    if (record->flags) ci_json_put(json, "flags", flags_json(record->flags));
    if (record->uv) ci_json_put(json, "uv", uv_json(record->uv));
    if (record->calibration)
        ci_json_put(json, "calibration", calibration_json(record->calibration));
    if (record->gates) ci_json_put(json, "gates", ci_qa_gates_json(record->gates));
    if (record->n_file > 0) ci_json_put(json, "files", files_json(record));
    return json;
}

static ci_status parts_parse(ci_tile_record *record, const ci_json *json)
{
    const char *folder = ci_json_get_string(json, "folder", NULL);
    if (folder) CI_TRY(ci_str_copy(&record->folder, folder));
    CI_TRY(images_parse(&record->images, ci_json_get(json, "image")));
    CI_TRY(flags_parse(&record->flags, ci_json_get(json, "flags")));
    CI_TRY(uv_parse(&record->uv, ci_json_get(json, "uv")));
    CI_TRY(calibration_parse(&record->calibration, ci_json_get(json, "calibration")));
    const ci_json *gates = ci_json_get(json, "gates");
    if (gates) {
        CI_TRY(ci_mem_alloc(&record->gates, 1, sizeof *record->gates, "tile record"));
        CI_TRY(ci_qa_gates_parse(record->gates, gates));
    }
    return files_parse(record, ci_json_get(json, "files"));
}

ci_status ci_tile_record_parse(ci_tile_record **out, const ci_json *json)
{
    ci_tile_record *record = NULL;
    *out = NULL;
    CI_TRY(ci_tile_record_new(&record, ci_json_get_string(json, "id", "")));
    ci_json_copy_string(record->reason, sizeof record->reason, json, "reason");
    ci_json_copy_string(record->relaxed, sizeof record->relaxed, json, "relaxed");
    ci_json_copy_string(record->made_with_sha256, sizeof record->made_with_sha256, json,
                        "made_with_sha256");
    ci_json_copy_string(record->inputs_sha256, sizeof record->inputs_sha256, json, "inputs_sha256");
    record->is_degraded = ci_json_get_bool(json, "is_degraded", false);
    ci_json_copy_string(record->tables_why, sizeof record->tables_why, json, "tables_why");
    record->is_reused = ci_json_get_bool(json, "is_reused", false);
    ci_status status = ci_tile_state_parse(ci_json_get_string(json, "state", ""), &record->state);
    if (status == CI_OK) status = parts_parse(record, json);
    if (status == CI_OK)
        *out = record;
    else
        ci_tile_record_free(record);
    return status;
}

/* ---- for the next run ------------------------------------------------------------------------ */

ci_status ci_tile_record_write(const ci_tile_record *record)
{
    char *path = NULL;
    CI_TRY(ci_path_join(&path, record->folder, "tile.json"));
    ci_json *json = ci_tile_record_json(record);
    ci_status status = ci_json_seal(json);
    if (status == CI_OK) status = ci_json_write_file(json, path);
    ci_json_free(json);
    ci_mem_free(path);
    return status;
}
