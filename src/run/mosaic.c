/* The mosaic of a group, by all ranks. */
#include "run/mosaic.h"

#include "contimg/mosaic.h"
#include "run/lease.h"
#include "run/tiles.h"

#include <string.h>
#include <unistd.h>

/* What goes in, for all ranks. */
typedef struct
{
    size_t n;
    char **image, **pb; /* [n] */
} mosaic_inputs;

static void inputs_free(mosaic_inputs *in)
{
    for (size_t i = 0; i < in->n; i++) {
        ci_mem_free(in->image[i]);
        ci_mem_free(in->pb[i]);
    }
    ci_mem_free(in->image);
    ci_mem_free(in->pb);
}

static ci_status input_add(mosaic_inputs *in, const ci_run *run, const char *id)
{
    char *folder = NULL;
    size_t i = in->n++;
    ci_status status = ci_run_tile_folder(run, id, &folder);
    if (status == CI_OK) status = ci_path_join(&in->image[i], folder, "image.fits");
    if (status == CI_OK) status = ci_path_join(&in->pb[i], folder, "pb.fits");
    ci_mem_free(folder);
    return status;
}

static ci_status inputs_new(mosaic_inputs *in, const ci_run *run, const ci_run_group *group,
                            const int64_t *has_passed)
{
    CI_TRY(ci_mem_alloc(&in->image, group->n_tile, sizeof *in->image, "paths"));
    CI_TRY(ci_mem_alloc(&in->pb, group->n_tile, sizeof *in->pb, "paths"));
    for (size_t i = 0; i < group->n_tile; i++)
        if (has_passed[i]) CI_TRY(input_add(in, run, group->tile[i].id));
    return CI_OK;
}

static ci_status header_fill(const ci_run *run, const ci_run_group *group, ci_tile_gains gains,
                             const char *degraded_why, ci_fits_header *header)
{
    unsigned judged =
        CI_CONF_JUDGES_IMAGES | (gains == CI_TILE_GAINS_OWN ? CI_CONF_JUDGES_TABLES : 0);
    memset(header, 0, sizeof *header);
    CI_TRY(ci_str_set(&header->object, group->id));
    header->time_mjd_s = group->tile[0].time_mjd_s;
    CI_TRY(ci_fits_card_set_text(header, "CIVERS", ci_version(), "contimg version"));
    CI_TRY(
        ci_fits_card_set_text(header, "GAINS", ci_tile_gains_word(gains), "origin of the gains"));
    if (run->options.scales_by_field)
        CI_TRY(ci_fits_card_set_text(header, "FLUXSCAL", "field",
                                     "of tiles with gains of another one: FLUXDIV"));
    CI_TRY(ci_tile_relaxed_cards(header, run->conf, judged));
    if (*degraded_why)
        CI_TRY(ci_fits_card_set_text(header, "DEGRADED", degraded_why, "why it is DEGRADED"));
    return ci_fits_card_set_text(header, "GROUP", group->id, "mosaic group");
}

/* staging/mosaics/<id>, and the folder beside it that no other claim of the group writes into:
 * made new, what earlier tries left goes. */
static ci_status folder_open(const ci_run *run, const char *id, char **folder, char **part)
{
    ci_status status = ci_str_format(folder, "%s/mosaics/%s", run->site.paths.staging, id);
    if (status == CI_OK) status = ci_str_format(part, "%s.%s.part", *folder, run->claim_token);
    if (status == CI_OK && ci_comm_rank(run->world) == 0) {
        status = ci_run_lease_check(run);
        if (status == CI_OK) ci_path_remove_parts(*folder);
        if (status == CI_OK) status = ci_path_make_folder(*part);
        if (status == CI_OK) status = ci_tile_folder_empty(*part);
    }
    return ci_par_agree(run->world, status);
}

/* Rank 0: the mosaic that was made takes its place, if the group is still this run's. */
static ci_status folder_keep(const ci_run *run, const char *part, const char *folder)
{
    CI_TRY(ci_run_lease_check(run));
    return ci_path_replace_folder(part, folder);
}

/* Rank 0: what there is of a mosaic that failed goes. */
static void folder_forget(const char *part, ci_status why)
{
    ci_error_saved saved = ci_error_save(why);
    if (ci_tile_folder_empty(part) == CI_OK) rmdir(part);
    ci_error_restore(&saved);
}

static ci_status record_fill(ci_report_group *record, const ci_mosaic_stats *s, const char *folder)
{
    CI_TRY(ci_str_copy(&record->folder, folder));
    CI_TRY(ci_mem_alloc(&record->mosaic, 1, sizeof *record->mosaic, "group record"));
    ci_report_mosaic *mosaic = record->mosaic;
    mosaic->n_x = (int64_t)s->n_x;
    mosaic->n_y = (int64_t)s->n_y;
    mosaic->cell_arcsec = s->cell_rad * CI_RAD_TO_ARCSEC;
    mosaic->ra_deg = s->ra_rad * CI_RAD_TO_DEG;
    mosaic->dec_deg = s->dec_rad * CI_RAD_TO_DEG;
    mosaic->beam_major_arcsec = s->beam_major_rad * CI_RAD_TO_ARCSEC;
    mosaic->beam_minor_arcsec = s->beam_minor_rad * CI_RAD_TO_ARCSEC;
    mosaic->beam_pa_deg = s->beam_pa_rad * CI_RAD_TO_DEG;
    mosaic->rms_jy = s->rms_jy;
    mosaic->min_noise_jy = s->min_noise_jy;
    mosaic->peak_jy = s->peak_jy;
    mosaic->freq_hz = s->freq_hz;
    CI_TRY(ci_path_join(&mosaic->image, folder, "mosaic.fits"));
    CI_TRY(ci_path_join(&mosaic->noise, folder, "noise.fits"));
    return ci_path_join(&mosaic->weight, folder, "weight.fits");
}

static ci_status mosaic_write(ci_run *run, const mosaic_inputs *in, const ci_fits_header *header,
                              const char *folder, ci_mosaic_stats *stats)
{
    char *prefix = NULL;
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    options.pb_cut = ci_conf_double(run->conf, CI_CONF_OPT_PB_CUT);
    CI_AGREE(run->world, ci_str_format(&prefix, "%s/", folder));
    ci_status status = ci_mosaic_make(
        run->world,
        &(ci_mosaic_inputs){(const char *const *)in->image, (const char *const *)in->pb, in->n},
        &options, header, prefix, stats);
    ci_mem_free(prefix);
    return status;
}

ci_status ci_run_mosaic_make(ci_run *run, const ci_run_group *group, const int64_t *has_passed,
                             ci_tile_gains gains, ci_report_group *record)
{
    mosaic_inputs in = {0};
    char *folder = NULL, *part = NULL;
    ci_fits_header header = {0};
    ci_mosaic_stats stats = {0};
    char degraded_why[sizeof record->degraded_why] = "";
    if (record) memcpy(degraded_why, record->degraded_why, sizeof degraded_why);
    CI_TRY(ci_par_bcast(run->world, degraded_why, sizeof degraded_why, 0));
    ci_status status = folder_open(run, group->id, &folder, &part);
    if (status == CI_OK) status = inputs_new(&in, run, group, has_passed);
    if (status == CI_OK) status = header_fill(run, group, gains, degraded_why, &header);
    status = ci_par_agree(run->world, status);
    ci_tile_stage_run stage = ci_tile_stage_begin(&run->events, CI_TILE_STAGE_MOSAIC);
    if (status == CI_OK) status = mosaic_write(run, &in, &header, part, &stats);
    ci_tile_stage_end(&run->events, stage, group->id);
    if (status == CI_OK && record) status = folder_keep(run, part, folder);
    if (status == CI_OK && record) status = record_fill(record, &stats, folder);
    if (status != CI_OK && record && part) folder_forget(part, status);
    inputs_free(&in);
    ci_fits_header_clear(&header);
    ci_mosaic_stats_clear(&stats);
    ci_mem_free(folder);
    ci_mem_free(part);
    return ci_par_agree(run->world, status);
}
