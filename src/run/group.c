/* One group: tables, tiles by teams, a mosaic by all, a product by rank 0. */
#include "run/group.h"

#include "run/claim.h"
#include "run/inputs.h"
#include "run/judge.h"
#include "run/mosaic.h"
#include "run/product.h"
#include "run/tables.h"
#include "run/tiles.h"

#include <math.h>
#include <string.h>

/* ---- DEGRADED -------------------------------------------------------------------------------- */

/* One more reason. */
static void degraded_add(ci_report_group *record, const char *format, ...) CI_PRINTF(2, 3);
static void degraded_add(ci_report_group *record, const char *format, ...)
{
    size_t n = strlen(record->degraded_why);
    va_list values;
    if (n > 0 && n + 2 < sizeof record->degraded_why) {
        strcpy(record->degraded_why + n, "; ");
        n += 2;
    }
    va_start(values, format);
    vsnprintf(record->degraded_why + n, sizeof record->degraded_why - n, format, values);
    va_end(values);
    record->is_degraded = true;
}

/* The first of the tiles whose tables do not know all of their band, and how many there are. */
static void tables_degrade(ci_report_group *record)
{
    const ci_tile_record *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < record->n_tile; i++) {
        const ci_tile_record *tile = record->tile[i];
        if (tile->state != CI_TILE_PASSED || !tile->tables_why[0]) continue;
        if (n++ == 0) first = tile;
    }
    if (n > 0)
        degraded_add(record, "channels are lost in %zu tile%s: in %s %s", n, ci_plural(n),
                     first->id, first->tables_why);
}

/* What one of the gates says of tiles that passed all the same: the first such tile, and how many.
 */
static size_t texts_degrade(ci_report_group *record, const char *(*text_of)(const ci_tile_record *),
                            const char *what)
{
    const ci_tile_record *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < record->n_tile; i++) {
        const ci_tile_record *tile = record->tile[i];
        if (tile->state != CI_TILE_PASSED || !text_of(tile)) continue;
        if (n++ == 0) first = tile;
    }
    if (n > 0)
        degraded_add(record, "%s in %zu tile%s: in %s %s", what, n, ci_plural(n), first->id,
                     text_of(first));
    return n;
}

/* Tiles that say it of their fluxes, or all of them together where no one tile has sources enough:
 * their mean, its error by the larger of theirs and of their scatter. */
static void fluxes_degrade(const ci_run *run, ci_report_group *record)
{
    double limit = ci_conf_double(run->conf, CI_CONF_OPT_QA_IMG_MAX_FLUX_OFFSET);
    double weights = 0, sum = 0, sum2 = 0;
    size_t n = 0;
    if (texts_degrade(record, ci_run_fluxes_text, "fluxes are not the catalogue's") > 0) return;
    for (size_t i = 0; i < record->n_tile; i++) {
        const ci_tile_images *images = record->tile[i]->images;
        if (record->tile[i]->state != CI_TILE_PASSED || !images || !(images->flux_ratio_err > 0))
            continue;
        double w = 1 / (images->flux_ratio_err * images->flux_ratio_err);
        n++;
        weights += w;
        sum += w * images->flux_ratio;
        sum2 += w * images->flux_ratio * images->flux_ratio;
    }
    if (n < 2) return;
    double mean = sum / weights, chi2 = (sum2 - mean * sum) / (double)(n - 1);
    double error = sqrt(fmax(chi2, 1) / weights);
    if (ci_qa_fluxes_are_off(mean, error, limit))
        degraded_add(record,
                     "fluxes are not the catalogue's in %zu tiles together: %.3f +- %.3f of it: %s",
                     n, mean, error, ci_qa_fluxes_why());
}

/* Gains of another tile whose phases no source tells of. */
static void phases_degrade(ci_report_group *record)
{
    size_t n = 0;
    for (size_t i = 0; i < record->n_tile; i++)
        n += record->tile[i]->state == CI_TILE_PASSED && ci_run_phases_are_untold(record->tile[i]);
    if (n > 0)
        degraded_add(
            record,
            "sources of %zu tile%s are too faint to say whether gains of another tile have "
            "kept their phases",
            n, ci_plural(n));
}

static void tiles_degrade(const ci_run *run, ci_report_group *record, size_t n_passed,
                          size_t n_partial)
{
    if (n_passed < record->n_tile)
        degraded_add(record, "%zu of %zu tile%s", n_passed, record->n_tile,
                     ci_plural(record->n_tile));
    if (n_partial > 0)
        degraded_add(record, "sub-bands are missing in %zu tile%s", n_partial,
                     ci_plural(n_partial));
    tables_degrade(record);
    /* Noise that is no reason to refuse a tile, and not thermal either: gains, a source outside,
     * faults of the catalogue that they were corrected on, or interference. */
    texts_degrade(record, ci_run_noise_text, "noise is above thermal");
    phases_degrade(record);
    texts_degrade(record, ci_run_shift_text, "positions are not the calibrator's");
    fluxes_degrade(run, record);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Too few tiles are left, or the machine failed one: it is made by another run, and its mosaic
 * waits for it. */
static ci_status check_tiles(const ci_run_group *group, const ci_report_group *record,
                             const ci_tile_record *first_failed, size_t n_passed)
{
    size_t n_needed = group->is_named ? 1 : group->n_min_tiles;
    for (size_t i = 0; i < record->n_tile; i++) {
        const ci_tile_record *tile = record->tile[i];
        if (tile->state == CI_TILE_FAILED && ci_status_is_environment(tile->status))
            return ci_error(tile->status,
                            "tile %s: %s; the machine is at fault, not the data: the group "
                            "stays pending and is tried again by itself",
                            tile->id, tile->reason);
    }
    if (n_passed >= n_needed) return CI_OK;
    ci_status why =
        first_failed && first_failed->status != CI_OK ? first_failed->status : CI_ERR_GATE;
    return ci_error(why, "%zu of %zu tile%s passed, %zu needed; the first that did not: %s",
                    n_passed, group->n_tile, ci_plural(group->n_tile), n_needed,
                    first_failed ? first_failed->reason : "");
}

/* Files that all went away meanwhile are no fault of the data. Rank 0. */
static void away_note(const ci_run_group *group, ci_report_group *record)
{
    if (ci_run_group_inputs_check(group) == CI_OK) return;
    for (size_t i = 0; i < group->n_tile; i++) {
        ci_tile_record *tile = record->tile[i];
        if (tile->state == CI_TILE_FAILED && tile->status == CI_ERR_INPUT) tile->status = CI_ERR_IO;
    }
    ci_error_clear();
}

/* The tile that the tables were solved on is the first: where its image has shown that they are
 * bad, they are bad for the others. */
static ci_status judge_in_order(ci_run *run, const ci_run_group *group,
                                const ci_tile_tables *tables, ci_report_group *record)
{
    size_t own = 0;
    bool is_failed = false;
    while (own < group->n_tile && strcmp(group->tile[own].id, tables->own_tile) != 0)
        own++;
    if (own < group->n_tile) {
        ci_tile_record *tile = record->tile[own];
        CI_TRY(ci_run_tile_judge(run, group, &group->tile[own], NULL, tile));
        if (tile->state == CI_TILE_REFUSED)
            CI_TRY(ci_run_tables_refuse(run, tables, tile, &is_failed));
    }
    for (size_t i = 0; i < group->n_tile; i++)
        if (i != own)
            CI_TRY(ci_run_tile_judge(run, group, &group->tile[i],
                                     is_failed ? record->tile[own] : NULL, record->tile[i]));
    return CI_OK;
}

/* Rank 0: judges and registers the tiles; has_passed[i]. CI_ERR_GATE, or what the first that
 * failed ended with, where too few are left. */
static ci_status judge_tiles(ci_run *run, const ci_run_group *group, const ci_tile_tables *tables,
                             ci_report_group *record, int64_t *has_passed)
{
    size_t n_passed = 0, n_partial = 0;
    const ci_tile_record *first_failed = NULL;
    away_note(group, record);
    CI_TRY(judge_in_order(run, group, tables, record));
    for (size_t i = 0; i < group->n_tile; i++) {
        const ci_tile_record *tile = record->tile[i];
        has_passed[i] = tile->state == CI_TILE_PASSED;
        n_passed += has_passed[i] != 0;
        n_partial += has_passed[i] != 0 && tile->is_degraded;
        if (!has_passed[i] && !first_failed) first_failed = tile;
    }
    tiles_degrade(run, record, n_passed, n_partial);
    return check_tiles(group, record, first_failed, n_passed);
}

/* ---- the product ----------------------------------------------------------------------------- */

/* Thermal noise of the best tile: what a mosaic's least noise is compared with. */
static double least_thermal_jy(const ci_report_group *record)
{
    double least = NAN;
    for (size_t i = 0; i < record->n_tile; i++) {
        double t = record->tile[i]->images ? record->tile[i]->images->thermal_jy : NAN;
        if (isfinite(t) && !(t >= least)) least = t;
    }
    return least;
}

/* Rank 0. */
static ci_status publish_product(ci_run *run, const ci_run_group *group, const int64_t *has_passed,
                                 const ci_phot_list *sources, ci_report_group *record)
{
    const char **id = NULL;
    ci_run_product product = {
        .group = group, .thermal_jy = least_thermal_jy(record), .sources = sources};
    CI_TRY(ci_mem_alloc(&id, group->n_tile, sizeof *id, "ids"));
    for (size_t i = 0; i < group->n_tile; i++)
        if (has_passed[i]) id[product.n_tile++] = group->tile[i].id;
    product.tile_id = id;
    ci_status status = ci_run_product_finish(run, &product, record);
    ci_mem_free(id);
    return status;
}

/* The status is each rank's own. Collective. */
static ci_status finish_product(ci_run *run, const ci_run_group *group, const int64_t *has_passed,
                                ci_report_group *record)
{
    ci_phot_list *sources = NULL;
    ci_tile_stage_run stage = ci_tile_stage_begin(&run->events, CI_TILE_STAGE_PUBLISH);
    ci_status status = ci_run_product_look(run, group, record, &sources);
    if (status == CI_OK && record)
        status = publish_product(run, group, has_passed, sources, record);
    ci_tile_stage_end(&run->events, stage, group->id);
    ci_phot_list_free(sources);
    return status;
}

/* ---- the group ------------------------------------------------------------------------------- */

/* The tiles, judged. Collective. */
static ci_status process_tiles(ci_run *run, const ci_run_group *group, ci_report_group *record,
                               int64_t *has_passed, ci_tile_gains *gains)
{
    ci_tile_tables tables = {0};
    ci_tile_data held = {0};
    ci_run_recipe recipe;
    ci_status status = ci_run_calibrate(run, group, &tables, &held);
    if (status == CI_OK)
        status = ci_par_agree(run->world, ci_run_recipe_set(&recipe, run, &tables));
    if (status == CI_OK)
        status = ci_run_tiles_make(run, group, &(ci_run_material){&tables, &recipe, &held}, record);
    ci_tile_data_free(&held);
    *gains = tables.gains;
    if (record && *tables.borrowed_why) degraded_add(record, "%s", tables.borrowed_why);
    if (status == CI_OK)
        status = ci_par_agree(
            run->world, record ? judge_tiles(run, group, &tables, record, has_passed) : CI_OK);
    ci_tile_tables_free(&tables);
    CI_TRY(status);
    return ci_par_bcast(run->world, has_passed, group->n_tile * sizeof *has_passed, 0);
}

/* From tables to the product. Collective. */
static ci_status process(ci_run *run, const ci_run_group *group, ci_report_group *record)
{
    int64_t *has_passed = NULL;
    ci_tile_gains gains;
    CI_TRY(ci_par_alloc(run->world, &has_passed, group->n_tile, sizeof *has_passed, "tiles"));
    ci_status status = process_tiles(run, group, record, has_passed, &gains);
    if (status == CI_OK) status = ci_tile_stop_check(run->world, "before the mosaic");
    if (status == CI_OK) status = ci_run_mosaic_make(run, group, has_passed, gains, record);
    if (status == CI_OK) status = finish_product(run, group, has_passed, record);
    ci_mem_free(has_passed);
    return ci_par_agree(run->world, status);
}

/* Rank 0: what became of the group, and the end of the claim. */
static ci_status group_end(ci_run *run, const ci_run_group *group, ci_report_group *record,
                           ci_status status)
{
    /* A state other than this one was set by the publisher. */
    bool has_product = record->state != CI_REPORT_GROUP_FAILED;
    bool is_kept =
        record->state == CI_REPORT_GROUP_PUBLISHED || record->state == CI_REPORT_GROUP_STAGED;
    if (!has_product && status != CI_OK)
        snprintf(record->reason, sizeof record->reason, "%s", ci_error_text());
    if (record->is_degraded && is_kept) run->record.is_degraded = true;
    /* Before any tile: its tables are of its data, too. */
    if (!has_product && status == CI_ERR_INPUT) {
        ci_error_saved saved = ci_error_save(status);
        ci_status away = ci_run_group_inputs_check(group);
        status = away != CI_OK ? away : ci_error_restore(&saved);
        snprintf(record->reason, sizeof record->reason, "%s", ci_error_text());
    }
    return ci_run_claim_end(run, group, has_product, status);
}

/* Rank 0: a record of the group among the run's. */
static ci_status record_open(ci_run *run, const ci_run_group *group, ci_report_group **record)
{
    ci_report_record *of_run = &run->record;
    CI_TRY(ci_mem_resize(&of_run->group, of_run->n_group + 1, sizeof *of_run->group, "records"));
    CI_TRY(ci_report_group_new(record, group->id));
    of_run->group[of_run->n_group++] = *record;
    return CI_OK;
}

/* Whether a claim failed because another run has the group. Collective. */
static ci_status busy_share(ci_run *run, const ci_report_group *record, bool *is_busy)
{
    int64_t flag = record && record->is_busy;
    CI_TRY(ci_par_bcast(run->world, &flag, sizeof flag, 0));
    *is_busy = flag != 0;
    return CI_OK;
}

ci_status ci_run_group_make(ci_run *run, const ci_run_group *group, bool *is_busy)
{
    bool is_root = ci_comm_rank(run->world) == 0, done = false;
    ci_report_group *record = NULL;
    CI_AGREE(run->world, is_root ? record_open(run, group, &record) : CI_OK);
    ci_status status = ci_run_claim(run, group, record, &done);
    if (status != CI_OK) {
        ci_error_saved saved = ci_error_save(status);
        CI_TRY(busy_share(run, record, is_busy));
        ci_error_restore(&saved);
    }
    if (status == CI_OK && !done) {
        status = process(run, group, record);
        if (is_root) status = group_end(run, group, record, status);
        status = ci_par_agree(run->world, status);
    }
    if (is_root) record->status = status;
    if (is_root) run->listener->group(record);
    return status;
}
