/* What is done with a mosaic that stands in staging: sources and picture, then, by rank 0 without
 * MPI, registration and publishing. */
#include "run/product.h"

#include "run/lease.h"
#include "run/provenance.h"
#include "run/publish.h"

#include <math.h>

/* Width of its picture, which is inside the run's report page. */
static const size_t mosaic_picture = 1400;

/* ---- sources --------------------------------------------------------------------------------- */

static ci_status flux_new(ci_report_flux **out, const ci_phot_compare *compare,
                          const ci_phot_list *found, const ci_sky_model *model, double freq_hz)
{
    bool any = compare->n_match > 0;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "group record"));
    ci_report_flux *flux = *out;
    flux->median_ratio = any ? compare->median_ratio : NAN;
    flux->mad_ratio = any ? compare->mad_ratio : NAN;
    flux->gain = any ? compare->gain : NAN;
    flux->scatter = any ? compare->scatter : NAN;
    CI_TRY(ci_mem_alloc(&flux->match, compare->n_match, sizeof *flux->match, "group record"));
    flux->n_match = compare->n_match;
    for (size_t i = 0; i < flux->n_match; i++) {
        const ci_phot_match *m = &compare->match[i];
        const ci_phot_source *s = &found->source[m->i_found];
        const ci_sky_source *t = &model->source[m->i_true];
        ci_report_flux_match *match = &flux->match[i];
        CI_TRY(ci_str_copy(&match->name, t->name));
        match->true_jy = ci_sky_source_flux_jy(t, freq_hz);
        match->found_jy = s->flux_jy;
        match->found_err_jy = s->flux_err_jy;
        match->separation_arcsec = m->separation_rad * CI_RAD_TO_ARCSEC;
    }
    return CI_OK;
}

static ci_status compare_model(const ci_run *run, const ci_phot_list *sources,
                               ci_report_group *record)
{
    ci_phot_compare *compare = NULL;
    double beam_rad = record->mosaic->beam_major_arcsec * CI_ARCSEC_TO_RAD;
    double freq_hz = record->mosaic->freq_hz;
    CI_TRY(ci_phot_compare_new(&compare, sources, run->model, freq_hz, beam_rad, 2 * beam_rad));
    ci_status status = flux_new(&record->flux, compare, sources, run->model, freq_hz);
    ci_phot_compare_free(compare);
    return status;
}

/* Source list, and how it compares with the model. */
static ci_status sources_find(const ci_run *run, ci_report_group *record, ci_phot_list **sources)
{
    ci_phot_options options;
    ci_phot_options_default(&options);
    CI_TRY(ci_phot_find(sources, record->mosaic->image, record->mosaic->noise, &options));
    CI_TRY(ci_path_join(&record->sources, record->folder, "sources.csv"));
    CI_TRY(ci_phot_list_write(*sources, record->sources));
    record->n_source = (*sources)->n_source;
    return run->model ? compare_model(run, *sources, record) : CI_OK;
}

static ci_status picture_draw(const ci_run *run, const char *id)
{
    char *folder = NULL;
    CI_TRY(ci_str_format(&folder, "%s/mosaics/%s", run->site.paths.staging, id));
    ci_tile_picture_draw(folder, "mosaic.fits", "mosaic.png", id, mosaic_picture);
    ci_mem_free(folder);
    return CI_OK;
}

ci_status ci_run_product_look(const ci_run *run, const ci_run_group *group, ci_report_group *record,
                              ci_phot_list **sources)
{
    ci_status status = CI_OK;
    *sources = NULL;
    if (ci_comm_rank(run->world) == ci_comm_size(run->world) - 1)
        status = picture_draw(run, group->id);
    if (status == CI_OK && record) status = ci_run_lease_check(run);
    if (status == CI_OK && record) status = sources_find(run, record, sources);
    return ci_par_agree(run->world, status);
}

/* ---- registration ---------------------------------------------------------------------------- */

static void mosaic_row(const ci_report_mosaic *mosaic, ci_registry_image *row)
{
    row->ra_rad = mosaic->ra_deg * CI_DEG_TO_RAD;
    row->dec_rad = mosaic->dec_deg * CI_DEG_TO_RAD;
    row->rms_jy = mosaic->rms_jy;
    row->peak_jy = mosaic->peak_jy;
    row->freq_hz = mosaic->freq_hz;
    row->beam_major_rad = mosaic->beam_major_arcsec * CI_ARCSEC_TO_RAD;
    row->beam_minor_rad = mosaic->beam_minor_arcsec * CI_ARCSEC_TO_RAD;
    row->beam_pa_rad = mosaic->beam_pa_deg * CI_DEG_TO_RAD;
}

static ci_registry_source source_row(const ci_phot_source *s)
{
    ci_registry_source row = {.ra_rad = s->ra_rad,
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
    snprintf(row.name, sizeof row.name, "%s", s->name);
    return row;
}

static ci_status register_sources(ci_run *run, const ci_report_group *record, double time_mjd_s,
                                  const ci_phot_list *sources)
{
    ci_registry_source *rows = NULL;
    CI_TRY(ci_mem_alloc(&rows, sources->n_source, sizeof *rows, "rows of sources"));
    for (size_t i = 0; i < sources->n_source; i++)
        rows[i] = source_row(&sources->source[i]);
    ci_status status = ci_registry_sources_put(
        run->site.registry, record->id, record->mosaic->image, time_mjd_s, rows, sources->n_source);
    ci_mem_free(rows);
    return status;
}

static ci_status register_mosaic(ci_run *run, const ci_run_product *product,
                                 const ci_phot_list *sources, const ci_report_group *record)
{
    char none[] = "", no_quality[] = "{}";
    const ci_run_group *group = product->group;
    double time_mjd_s = group->tile[0].time_mjd_s;
    ci_registry_image row = {.state = CI_REGISTRY_IMAGE_COMPLETED,
                             .folder = record->folder,
                             .reason = none,
                             .quality_json = no_quality,
                             .is_degraded = record->is_degraded,
                             .n_tile = (int64_t)product->n_tile,
                             .n_source = (int64_t)sources->n_source,
                             .thermal_jy = product->thermal_jy,
                             .flux_ratio = record->flux ? record->flux->median_ratio : NAN,
                             .n_flux_match = record->flux ? (int64_t)record->flux->n_match : 0,
                             .first_time_mjd_s = time_mjd_s,
                             .last_time_mjd_s = group->tile[group->n_tile - 1].last_time_mjd_s};
    snprintf(row.id, sizeof row.id, "%s", record->id);
    snprintf(row.run, sizeof row.run, "%s", run->record.id);
    mosaic_row(record->mosaic, &row);
    ci_status status = ci_registry_image_files_scan(&row);
    if (status == CI_OK)
        status =
            ci_registry_mosaic_put(run->site.registry, &row, product->tile_id, product->n_tile);
    if (status == CI_OK) status = register_sources(run, record, time_mjd_s, sources);
    ci_registry_image_files_free(&row);
    return status;
}

static ci_status stage(ci_run *run, const ci_run_product *product, char *metadata,
                       const ci_report_group *record)
{
    char none[] = "";
    ci_registry_product row = {.type = CI_REGISTRY_MOSAIC,
                               .auto_publish = !ci_conf_bool(run->conf, CI_CONF_OPT_NO_PUBLISH),
                               .is_new_version = record->version > 0,
                               .stage_path = record->folder,
                               .published_path = none,
                               .metadata_json = metadata,
                               .error = none,
                               .qa_json = none,
                               .time_mjd_s = product->group->tile[0].time_mjd_s};
    bool is_new = false;
    snprintf(row.id, sizeof row.id, "%s", record->id);
    return ci_registry_product_stage(run->site.registry, &row, &is_new);
}

ci_status ci_run_product_finish(ci_run *run, const ci_run_product *product, ci_report_group *record)
{
    char *metadata = NULL;
    ci_status status = ci_run_lease_check(run);
    if (status == CI_OK) status = register_mosaic(run, product, product->sources, record);
    if (status == CI_OK)
        status = ci_run_provenance_text(&metadata, run, product->tile_id, product->n_tile, record);
    if (status == CI_OK) status = ci_run_lease_check(run);
    if (status == CI_OK) status = stage(run, product, metadata, record);
    if (status == CI_OK) status = ci_run_lease_check(run);
    if (status == CI_OK) status = ci_run_publish(run, record->folder, record);
    ci_mem_free(metadata);
    return status;
}
