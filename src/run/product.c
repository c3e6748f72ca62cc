/* What rank 0 does with images that stand in staging: judge, list sources, register,
 * publish. No MPI here. */
#include "contimg/draw.h"
#include "contimg/phot.h"
#include "run/run.h"

#include <math.h>
#include <string.h>

/* Widths of pictures: all of a run's are inside its one report page. */
enum
{
    TILE_PICTURE = 560,
    MOSAIC_PICTURE = 1400
};

/* A picture that cannot be drawn is a warning, never a reason to lose a product. */
static void draw(const char *folder, const char *fits_name, const char *png_name, const char *title,
                 size_t max_pixel)
{
    char *fits = NULL, *png = NULL;
    ci_status status = ci_path_join(&fits, folder, fits_name);
    if (status == CI_OK) status = ci_path_join(&png, folder, png_name);
    if (status == CI_OK) status = ci_draw_fits(fits, png, max_pixel, title);
    if (status != CI_OK) ci_log_warning("no picture: %s", ci_error_text());
    ci_mem_free(fits);
    ci_mem_free(png);
}

/* ---- tiles ------------------------------------------------------------------------------ */

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

static ci_status judge_files(const ci_run *run, const char *folder, double thermal_jy,
                             bool is_named, ci_qa_gates *gates)
{
    tile_paths paths = {0};
    ci_qa_limits limits;
    ci_tile_qa_limits(&limits, run->conf);
    ci_status status = tile_paths_new(&paths, folder);
    if (status == CI_OK) {
        ci_qa_subject subject = {.image = paths.image,
                                 .pb = paths.pb,
                                 .residual = ci_path_exists(paths.residual) ? paths.residual : NULL,
                                 .thermal_jy = thermal_jy,
                                 .flux_ratio = NAN,
                                 .accept_incomplete = is_named};
        status = ci_qa_image_judge(gates, &subject, &limits);
    }
    tile_paths_free(&paths);
    return status;
}

/* The registry's row of an image from its record; texts borrowed from the record. */
static void image_row(const ci_json *image, ci_registry_image *row)
{
    row->ra_rad = ci_json_get_number(image, "ra_deg", NAN) * CI_DEG_TO_RAD;
    row->dec_rad = ci_json_get_number(image, "dec_deg", NAN) * CI_DEG_TO_RAD;
    row->rms_jy = ci_json_get_number(image, "rms_jy", NAN);
    row->thermal_jy = ci_json_get_number(image, "thermal_jy", NAN);
    row->peak_jy = ci_json_get_number(image, "peak_jy", NAN);
    row->freq_hz = ci_json_get_number(image, "freq_hz", NAN);
    row->beam_major_rad = ci_json_get_number(image, "beam_major_arcsec", 0) * CI_ARCSEC_TO_RAD;
    row->beam_minor_rad = ci_json_get_number(image, "beam_minor_arcsec", 0) * CI_ARCSEC_TO_RAD;
    row->beam_pa_rad = ci_json_get_number(image, "beam_pa_deg", 0) * CI_DEG_TO_RAD;
    row->flux_ratio = NAN;
}

static ci_status register_tile(ci_run *run, const ci_json *tile, const ci_json *record,
                               const ci_qa_gates *gates)
{
    ci_json *gates_json = ci_qa_gates_json(gates);
    char *text = NULL;
    ci_registry_image row = {.folder = (char *)ci_json_get_string(record, "folder", ""),
                             .reason = (char *)ci_json_get_string(record, "reason", ""),
                             .is_degraded = ci_json_get_bool(record, "is_degraded", false)};
    snprintf(row.id, sizeof row.id, "%s", ci_json_get_string(record, "id", ""));
    snprintf(row.status, sizeof row.status, "%s", ci_json_get_string(record, "state", ""));
    snprintf(row.run, sizeof row.run, "%s", run->id);
    image_row(ci_json_get(record, "image"), &row);
    row.first_time_mjd_s = ci_json_get_number(tile, "time_mjd_s", NAN);
    row.last_time_mjd_s = row.first_time_mjd_s;
    ci_status status = ci_json_print(&text, gates_json, false);
    row.quality_json = text;
    if (status == CI_OK && strcmp(row.status, "failed") != 0)
        status = ci_registry_image_files_scan(&row);
    if (status == CI_OK) status = ci_registry_tile_put(run->registry, &row);
    ci_registry_image_files_free(&row);
    ci_json_free(gates_json);
    ci_mem_free(text);
    return status;
}

/* Sets a member that may be there already. */
static void reset_string(ci_json *record, const char *name, const char *text)
{
    ci_json_remove(record, name);
    ci_json_put_string(record, name, text);
}

/* A tile failed for good where its data are at fault; where the machine was, or what was asked, it
 * may be made another time. */
static ci_registry_work_state state_after(const ci_json *record, bool passed)
{
    if (passed) return CI_WORK_COMPLETED;
    int code = (int)ci_json_get_number(record, "exit_code", 0);
    bool is_fault_of_data = code == 0 || code == ci_status_exit_code(CI_ERR_INPUT) ||
                            code == ci_status_exit_code(CI_ERR_GATE);
    return is_fault_of_data ? CI_WORK_FAILED : CI_WORK_PENDING;
}

/* Ends the work on an observation; its tile stays claimed, for the mosaic. */
static ci_status end_observation(ci_run *run, const ci_json *record, bool passed)
{
    bool done = false;
    const char *id = ci_json_get_string(record, "id", "");
    CI_TRY(ci_registry_begin(run->registry, CI_DB_INGEST));
    ci_status status = ci_registry_observation_claim(run->registry, id, CI_RUN_LEASE_S, &done);
    if (status == CI_OK && !done)
        status =
            ci_registry_observation_end(run->registry, id, state_after(record, passed),
                                        passed ? "" : ci_json_get_string(record, "reason", ""));
    if (status == CI_OK) status = ci_registry_tiles_claim(run->registry, &id, 1, CI_RUN_LEASE_S);
    return ci_registry_end(run->registry, CI_DB_INGEST, status);
}

/* tile.json beside the images, and a quick look. */
static ci_status keep_record(const ci_json *record, const char *folder, const char *id)
{
    char *path = NULL;
    CI_TRY(ci_path_join(&path, folder, "tile.json"));
    ci_status status = ci_json_write_file(record, path);
    ci_mem_free(path);
    if (status != CI_OK) return status;
    char *residual = NULL;
    draw(folder, "image.fits", "image.png", id, TILE_PICTURE);
    CI_TRY(ci_path_join(&residual, folder, "residual.fits"));
    if (ci_path_exists(residual))
        draw(folder, "residual.fits", "residual.png", "residual", TILE_PICTURE);
    ci_mem_free(residual);
    return CI_OK;
}

ci_status ci_run_tile_judge(ci_run *run, const ci_json *tile, ci_json *record, bool is_named,
                            bool *passed)
{
    const char *id = ci_json_get_string(record, "id", "");
    const char *folder = ci_json_get_string(record, "folder", "");
    *passed = strcmp(ci_json_get_string(record, "state", ""), "passed") == 0;
    ci_qa_gates gates = {0};
    if (ci_json_get_bool(tile, "is_hole", false)) return CI_OK;
    if (ci_json_get_bool(record, "is_reused", false)) return end_observation(run, record, true);
    if (*passed) {
        char why[CI_QA_TEXT] = "";
        double thermal = ci_json_get_number(ci_json_get(record, "image"), "thermal_jy", NAN);
        CI_TRY(judge_files(run, folder, thermal, is_named, &gates));
        ci_json_remove(record, "gates");
        ci_json_put(record, "gates", ci_qa_gates_json(&gates));
        *passed = ci_qa_tile_passes(&gates, why);
        if (!*passed) {
            ci_log_warning("tile %s refused: %s", id, why);
            reset_string(record, "state", "refused");
            reset_string(record, "reason", why);
        }
        CI_TRY(keep_record(record, folder, id));
    }
    CI_TRY(register_tile(run, tile, record, &gates));
    return end_observation(run, record, *passed);
}

/* ---- mosaics ----------------------------------------------------------------------------- */

typedef struct
{
    char *image, *noise, *sources;
} mosaic_paths;

static ci_status mosaic_paths_new(mosaic_paths *paths, const char *folder)
{
    CI_TRY(ci_path_join(&paths->image, folder, "mosaic.fits"));
    CI_TRY(ci_path_join(&paths->noise, folder, "noise.fits"));
    return ci_path_join(&paths->sources, folder, "sources.csv");
}

static void mosaic_paths_free(mosaic_paths *paths)
{
    ci_mem_free(paths->image);
    ci_mem_free(paths->noise);
    ci_mem_free(paths->sources);
}

static ci_json *compare_record(const ci_phot_compare *compare, const ci_phot_list *found,
                               const ci_sky_model *model, double freq_hz)
{
    ci_json *record = ci_json_object(), *list = ci_json_array();
    ci_json_put_int(record, "n_match", (int64_t)compare->n_match);
    ci_json_put_number(record, "median_ratio", compare->n_match ? compare->median_ratio : NAN);
    ci_json_put_number(record, "mad_ratio", compare->n_match ? compare->mad_ratio : NAN);
    ci_json_put_number(record, "gain", compare->n_match ? compare->gain : NAN);
    ci_json_put_number(record, "scatter", compare->n_match ? compare->scatter : NAN);
    for (size_t i = 0; i < compare->n_match; i++) {
        const ci_phot_match *m = &compare->match[i];
        const ci_phot_source *s = &found->source[m->i_found];
        const ci_sky_source *t = &model->source[m->i_true];
        ci_json *match = ci_json_object();
        ci_json_put_string(match, "name", t->name);
        ci_json_put_number(match, "true_jy", ci_sky_source_flux_jy(t, freq_hz));
        ci_json_put_number(match, "found_jy", s->flux_jy);
        ci_json_put_number(match, "found_err_jy", s->flux_err_jy);
        ci_json_put_number(match, "separation_arcsec", m->separation_rad * CI_RAD_TO_ARCSEC);
        ci_json_put(list, NULL, match);
    }
    ci_json_put(record, "match", list);
    return record;
}

/* Source list, and how it compares with the model. */
static ci_status list_sources(const ci_run *run, const mosaic_paths *paths, ci_json *group_record,
                              ci_phot_list **sources)
{
    ci_phot_options options;
    ci_phot_options_default(&options);
    CI_TRY(ci_phot_find(sources, paths->image, paths->noise, &options));
    CI_TRY(ci_phot_list_write(*sources, paths->sources));
    ci_json_put_string(group_record, "sources", paths->sources);
    ci_json_put_int(group_record, "n_source", (int64_t)(*sources)->n_source);
    if (!run->model) return CI_OK;
    const ci_json *mosaic = ci_json_get(group_record, "mosaic");
    double beam = ci_json_get_number(mosaic, "beam_major_arcsec", 10) * CI_ARCSEC_TO_RAD;
    double freq = ci_json_get_number(mosaic, "freq_hz", 1.4e9);
    ci_phot_compare *compare = NULL;
    CI_TRY(ci_phot_compare_new(&compare, *sources, run->model, freq, beam, 2 * beam));
    ci_json_put(group_record, "flux", compare_record(compare, *sources, run->model, freq));
    ci_phot_compare_free(compare);
    return CI_OK;
}

/* Everything that says how the product came to be. */
static ci_status provenance(const ci_run *run, const ci_run_product *product,
                            const ci_json *group_record, char **out)
{
    ci_json *record = ci_json_object(), *tiles = ci_json_array();
    char *options = NULL, *mosaic = NULL, host[CI_REGISTRY_ID];
    ci_json *copy = NULL;
    snprintf(host, sizeof host, "%s", ci_json_get_string(run->record, "host", ""));
    ci_status status = ci_conf_given_text(&options, run->conf);
    if (status == CI_OK)
        status = ci_json_print(&mosaic, ci_json_get(group_record, "mosaic"), false);
    if (status == CI_OK) status = ci_json_parse(&copy, mosaic, "mosaic record");
    if (status == CI_OK) {
        ci_json_put_string(record, "program", "contimg");
        ci_json_put_string(record, "version", ci_version());
        ci_json_put_string(record, "run", run->id);
        ci_json_put_string(record, "host", host);
        ci_json_put_int(record, "n_rank", ci_comm_size(run->world));
        ci_json_put_string(record, "options", options);
        ci_json_put(record, "relaxed", ci_tile_relaxed_json(run->conf));
        ci_json_put_string(record, "group", product->group_id);
        ci_json_put_string(record, "inputs_sha256", run->group_inputs_sha256);
        ci_json_put_string(record, "options_sha256", run->choices_sha256);
        ci_json_put_bool(record, "is_degraded", product->is_degraded);
        for (size_t i = 0; i < product->n_tile; i++)
            ci_json_put_string(tiles, NULL, product->tile_ids[i]);
        ci_json_put(record, "tiles", tiles);
        ci_json_put(record, "mosaic", copy);
        status = ci_json_print(out, record, true);
    }
    ci_json_free(record);
    ci_mem_free(options);
    ci_mem_free(mosaic);
    return status;
}

static ci_status register_sources(ci_run *run, const ci_run_product *product,
                                  const ci_phot_list *sources, const char *image)
{
    ci_registry_source *rows = NULL;
    CI_TRY(ci_mem_alloc(&rows, sources->n_source, sizeof *rows, "rows of sources"));
    for (size_t i = 0; i < sources->n_source; i++) {
        const ci_phot_source *s = &sources->source[i];
        rows[i] = (ci_registry_source){.ra_rad = s->ra_rad,
                                       .dec_rad = s->dec_rad,
                                       .ra_err_rad = s->ra_err_rad,
                                       .dec_err_rad = s->dec_err_rad,
                                       .peak_jy = s->peak_jy,
                                       .peak_err_jy = s->peak_err_jy,
                                       .flux_jy = s->flux_jy,
                                       .flux_err_jy = s->flux_err_jy,
                                       .rms_jy = s->rms_jy,
                                       .major_rad = s->major_rad,
                                       .minor_rad = s->minor_rad,
                                       .pa_rad = s->pa_rad,
                                       .is_resolved = s->is_resolved};
        snprintf(rows[i].name, sizeof rows[i].name, "%s", s->name);
    }
    ci_status status = ci_registry_sources_put(run->registry, product->group_id, image,
                                               product->time_mjd_s, rows, sources->n_source);
    ci_mem_free(rows);
    return status;
}

static ci_status register_mosaic(ci_run *run, const ci_run_product *product,
                                 const ci_phot_list *sources, const mosaic_paths *paths,
                                 const ci_json *group_record)
{
    const ci_json *flux = ci_json_get(group_record, "flux");
    ci_registry_image row = {.folder = (char *)product->folder,
                             .reason = (char *)"",
                             .quality_json = (char *)"{}",
                             .is_degraded = product->is_degraded,
                             .n_tile = (int64_t)product->n_tile,
                             .n_source = (int64_t)sources->n_source};
    snprintf(row.id, sizeof row.id, "%s", product->group_id);
    snprintf(row.status, sizeof row.status, "completed");
    snprintf(row.run, sizeof row.run, "%s", run->id);
    image_row(ci_json_get(group_record, "mosaic"), &row);
    row.thermal_jy = product->thermal_jy;
    row.flux_ratio = ci_json_get_number(flux, "median_ratio", NAN);
    row.n_flux_match = (int64_t)ci_json_get_number(flux, "n_match", 0);
    row.first_time_mjd_s = row.last_time_mjd_s = product->time_mjd_s;
    ci_status status = ci_registry_image_files_scan(&row);
    if (status == CI_OK)
        status = ci_registry_mosaic_put(run->registry, &row, product->tile_ids, product->n_tile);
    if (status == CI_OK) status = register_sources(run, product, sources, paths->image);
    ci_registry_image_files_free(&row);
    return status;
}

static ci_status stage(ci_run *run, const ci_run_product *product, const char *metadata)
{
    ci_registry_product row = {.auto_publish = !ci_conf_bool(run->conf, CI_OPT_NO_PUBLISH),
                               .stage_path = (char *)product->folder,
                               .published_path = (char *)"",
                               .metadata_json = (char *)metadata,
                               .error = (char *)"",
                               .qa_json = (char *)"",
                               .time_mjd_s = product->time_mjd_s};
    bool is_new = false;
    snprintf(row.id, sizeof row.id, "%s", product->group_id);
    snprintf(row.type, sizeof row.type, "mosaic");
    return ci_registry_product_stage(run->registry, &row, &is_new);
}

/* A run that ended between publishing and its own end is made again with the same bytes. */
static bool has_same_sources(const char *folder, const char *published)
{
    char *path[2] = {NULL, NULL}, hex[2][CI_SHA256_HEX] = {"", ""};
    bool same = ci_path_join(&path[0], folder, "sources.csv") == CI_OK &&
                ci_path_join(&path[1], published, "sources.csv") == CI_OK &&
                ci_sha256_file(hex[0], path[0]) == CI_OK &&
                ci_sha256_file(hex[1], path[1]) == CI_OK && strcmp(hex[0], hex[1]) == 0;
    ci_mem_free(path[0]);
    ci_mem_free(path[1]);
    return same;
}

/* Groups are known by their times: other data of the same times, or other options. */
static ci_status other_result(const char *id, const char *folder, ci_publish_result *result)
{
    snprintf(result->text, sizeof result->text,
             "group %s was published before with another result, which is kept: %.300s; this run's "
             "is in %.300s. For other data or options use another --state-dir",
             id, result->published_path, folder);
    return ci_error(CI_ERR_INPUT, "%s", result->text);
}

ci_status ci_run_product_publish(ci_run *run, const char *id, const char *folder,
                                 ci_json *group_record)
{
    ci_publish_options options;
    ci_publish_result *result = NULL;
    if (ci_conf_bool(run->conf, CI_OPT_NO_PUBLISH)) {
        ci_json_put_string(group_record, "state", "staged");
        ci_json_put_string(group_record, "reason", "--no-publish");
        printf("staged: %s\n", folder);
        return CI_OK;
    }
    CI_TRY(ci_mem_alloc(&result, 1, sizeof *result, "publish"));
    ci_publish_options_default(&options);
    options.staging_base = run->places.staging;
    options.products_base = run->places.products;
    ci_tile_qa_limits(&options.limits, run->conf);
    ci_status status = ci_publish_product(run->registry, id, &options, result);
    bool done = result->kind == CI_PUBLISHED || result->kind == CI_PUBLISHED_BEFORE;
    if (status == CI_OK && result->kind == CI_PUBLISHED_BEFORE &&
        !has_same_sources(folder, result->published_path)) {
        done = false;
        status = other_result(id, folder, result);
    }
    ci_json_put_string(group_record, "state",
                       done                              ? "published"
                       : result->kind == CI_PUBLISH_GATE ? "refused"
                                                         : "staged");
    ci_json_put_string(group_record, "reason", done ? "" : result->text);
    ci_json_put(group_record, "gates", ci_qa_gates_json(&result->gates));
    if (done) {
        ci_json_put_string(group_record, "published_path", result->published_path);
        printf("published: %s\n", result->published_path);
    }
    ci_mem_free(result);
    return status;
}

ci_status ci_run_product_finish(ci_run *run, const ci_run_product *product, ci_json *group_record)
{
    mosaic_paths paths = {0};
    ci_phot_list *sources = NULL;
    char *metadata = NULL;
    ci_status status = mosaic_paths_new(&paths, product->folder);
    if (status == CI_OK) status = list_sources(run, &paths, group_record, &sources);
    if (status == CI_OK)
        draw(product->folder, "mosaic.fits", "mosaic.png", product->group_id, MOSAIC_PICTURE);
    if (status == CI_OK) status = register_mosaic(run, product, sources, &paths, group_record);
    if (status == CI_OK) status = provenance(run, product, group_record, &metadata);
    if (status == CI_OK) status = stage(run, product, metadata);
    if (status == CI_OK)
        status = ci_run_product_publish(run, product->group_id, product->folder, group_record);
    mosaic_paths_free(&paths);
    ci_phot_list_free(sources);
    ci_mem_free(metadata);
    return status;
}
