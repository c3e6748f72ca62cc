/* One group: tiles by teams, a mosaic by all, a product by rank 0. */
#include "contimg/mosaic.h"
#include "run/run.h"

#include <math.h>
#include <string.h>

/* ---- teams ------------------------------------------------------------------------- */

static ci_status choose_teams(const ci_run *run, const ci_json *group, ci_plan_teams *teams)
{
    ci_plan_work work = {.n_group = 1};
    ci_plan_limits limits = {.n_rank = ci_comm_size(run->world),
                             .n_team = (int)ci_conf_int(run->conf, CI_OPT_TEAMS)};
    const ci_json *tiles = ci_json_get(group, "tiles");
    work.n_tile = ci_json_length(tiles);
    for (size_t i = 0; i < work.n_tile; i++) {
        size_t n = ci_json_length(ci_json_get(ci_json_at(tiles, i), "paths"));
        if (n > work.n_sub_band) work.n_sub_band = n;
    }
    CI_TRY(ci_plan_teams_choose(teams, &work, &limits));
    if (ci_comm_rank(run->world) == 0)
        ci_log_info("group %s: %zu tile%s, %d rank%s in %d team%s",
                    ci_json_get_string(group, "id", ""), work.n_tile, ci_plural(work.n_tile),
                    teams->n_rank, ci_plural(teams->n_rank), teams->n_team,
                    ci_plural(teams->n_team));
    return CI_OK;
}

/* ---- tiles made before ----------------------------------------------------------------- */

/* A tile's header names the limits that judge it. One that is judged already, by no limit looser
 * than its default, stays what it is. */
static bool is_judged_alike(const ci_run *run, const ci_json *record, bool is_judged)
{
    const char *relaxed = ci_json_get_string(record, "relaxed", "");
    return strcmp(relaxed, run->tile_relaxed) == 0 || (is_judged && !*relaxed);
}

/* The record of a tile that an earlier run made with the same options from the same files,
 * checked by checksum; NULL where there is none. One that was also judged and registered is
 * marked "is_reused"; one that was not, because its run ended too soon, is judged in this run.
 * Rank 0. */
static ci_json *reusable(ci_run *run, const ci_json *tile)
{
    const char *id = ci_json_get_string(tile, "id", "");
    ci_registry_images *found = NULL;
    ci_json *record = ci_run_tile_load_cached(run, tile);
    if (!record) return NULL;
    bool is_judged = ci_registry_tile_get(run->registry, id, &found) == CI_OK && found->n == 1 &&
                     strcmp(found->item[0].status, "passed") == 0;
    bool is_good = is_judged_alike(run, record, is_judged);
    if (!is_good)
        ci_log_info("tile %s is made again: other quality limits are relaxed", id);
    else if (is_judged && ci_registry_image_check(&found->item[0]) != CI_OK) {
        ci_log_warning("tile %s is made again: %s", id, ci_error_text());
        is_good = false;
    }
    ci_registry_images_free(found);
    if (!is_good) {
        ci_json_free(record);
        return NULL;
    }
    ci_json_remove(record, "is_reused");
    ci_json_put_bool(record, "is_reused", is_judged);
    ci_log_info("tile %s: made before with the same options, used again", id);
    return record;
}

/* {"reused": [record or null per tile]} on all ranks. */
static ci_status find_reusable(ci_run *run, const ci_json *tiles, ci_json **out)
{
    if (ci_comm_rank(run->world) == 0) {
        ci_json *list = ci_json_array();
        for (size_t i = 0; i < ci_json_length(tiles); i++) {
            ci_json *record = reusable(run, ci_json_at(tiles, i));
            if (record)
                ci_json_put(list, NULL, record);
            else
                ci_json_put_string(list, NULL, NULL);
        }
        *out = ci_json_object();
        ci_json_put(*out, "reused", list);
    }
    return ci_run_json_share(run->world, out);
}

static bool is_reused(const ci_json *reused, size_t i)
{
    return ci_json_get(ci_json_at(ci_json_get(reused, "reused"), i), "id") != NULL;
}

/* ---- tiles ------------------------------------------------------------------------------ */

/* This team's tiles, one after the other; records as JSON lines on the team's rank 0. */
static ci_status make_team_tiles(ci_run *run, ci_comm *team, const ci_plan_teams *teams, int i_team,
                                 const ci_json *tiles, const ci_json *reused,
                                 const ci_run_tables *tables, ci_text *lines)
{
    size_t n_tile = ci_json_length(tiles);
    for (size_t i = (size_t)i_team; i < n_tile; i += (size_t)teams->n_team) {
        const ci_json *tile = ci_json_at(tiles, i);
        ci_json *record = NULL;
        if (is_reused(reused, i) || ci_json_get_bool(tile, "is_hole", false)) continue;
        CI_TRY(ci_run_tile_make(run, team, tile, tables, &record));
        char *text = NULL;
        ci_status status = CI_OK;
        if (record) {
            ci_json_put_int(record, "i_tile", (int64_t)i);
            status = ci_json_print(&text, record, false);
            if (status == CI_OK) status = ci_text_append(lines, "%s\n", text);
        }
        ci_mem_free(text);
        ci_json_free(record);
        CI_AGREE(team, status);
        char where[64];
        snprintf(where, sizeof where, "after tile %zu of %zu", i + 1, n_tile);
        CI_TRY(ci_run_stop_check(team, where));
    }
    return CI_OK;
}

/* Array of the tiles' records in tile order, on rank 0, from the teams' lines. */
static ci_status sort_records(const ci_json *tiles, const ci_json *reused, char *lines,
                              ci_json **out)
{
    size_t n = ci_json_length(tiles);
    ci_json **record = NULL;
    CI_TRY(ci_mem_alloc(&record, n, sizeof *record, "records"));
    ci_status status = CI_OK;
    for (char *line = lines, *end; status == CI_OK && line && (end = strchr(line, '\n'));
         line = end + 1) {
        ci_json *parsed = NULL;
        *end = '\0';
        status = ci_json_parse(&parsed, line, "tile record");
        if (status != CI_OK) break;
        record[(size_t)ci_json_get_number(parsed, "i_tile", 0)] = parsed;
    }
    *out = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        char *text = NULL;
        if (!record[i] && is_reused(reused, i) && status == CI_OK) {
            status = ci_json_print(&text, ci_json_at(ci_json_get(reused, "reused"), i), false);
            if (status == CI_OK) status = ci_json_parse(&record[i], text, "tile record");
        }
        ci_mem_free(text);
        if (!record[i]) {
            record[i] = ci_json_object();
            ci_json_put_string(record[i], "id", ci_json_get_string(ci_json_at(tiles, i), "id", ""));
            ci_json_put_string(record[i], "state", "failed");
            ci_json_put_string(record[i], "reason", "its observation failed");
        }
        ci_json_put(*out, NULL, record[i]);
    }
    ci_mem_free(record);
    return status;
}

static ci_status make_tiles(ci_run *run, const ci_json *group, const ci_run_tables *tables,
                            ci_json **records)
{
    const ci_json *tiles = ci_json_get(group, "tiles");
    ci_plan_teams teams;
    ci_json *reused = NULL;
    ci_comm *team = NULL;
    ci_text lines = {0};
    char *all = NULL;
    int rank_in_team;
    CI_AGREE(run->world, choose_teams(run, group, &teams));
    ci_status status = find_reusable(run, tiles, &reused);
    int i_team = ci_plan_team_of(&teams, ci_comm_rank(run->world), &rank_in_team);
    if (status == CI_OK) status = ci_comm_split(run->world, i_team, &team);
    if (status == CI_OK) {
        status = make_team_tiles(run, team, &teams, i_team, tiles, reused, tables, &lines);
        status = ci_par_agree(run->world, status);
    }
    if (status == CI_OK) {
        /* Terminated, so that rank 0 may walk the lines. */
        size_t n = lines.length + (ci_comm_rank(run->world) == ci_comm_size(run->world) - 1);
        if (!lines.text) status = ci_text_append(&lines, "%s", "");
        status = ci_par_agree(run->world, status);
        if (status == CI_OK)
            status = ci_par_gather(run->world, lines.text, n, 0, (void **)&all, NULL);
    }
    if (status == CI_OK && ci_comm_rank(run->world) == 0)
        status = sort_records(tiles, reused, all, records);
    ci_comm_free(team);
    ci_json_free(reused);
    ci_mem_free(lines.text);
    ci_mem_free(all);
    return ci_par_agree(run->world, status);
}

/* ---- judging and mosaic ------------------------------------------------------------------- */

/* What a tile that did not pass ended with; a gate where its record does not say. */
static ci_status status_of(const ci_json *record)
{
    int code = (int)ci_json_get_number(record, "exit_code", 0);
    for (ci_status s = CI_ERR_USAGE; s < CI_STATUS_COUNT; s++)
        if (ci_status_exit_code(s) == code) return s;
    return CI_ERR_GATE;
}

/* The passed tiles' ids in order, judged and registered by rank 0, the same on all ranks:
 * {"ids": [...], "folders": [...]}; CI_ERR_GATE where too few are left. */
static ci_status judge_tiles(ci_run *run, const ci_json *group, ci_json *records, ci_json **passed)
{
    const ci_json *tiles = ci_json_get(group, "tiles");
    bool is_named = ci_json_get_bool(group, "is_named", false);
    ci_json *ids = ci_json_array(), *folders = ci_json_array();
    ci_status status = CI_OK, first_fault = CI_OK;
    char why[512] = "";
    for (size_t i = 0; status == CI_OK && i < ci_json_length(tiles); i++) {
        ci_json *record = (ci_json *)ci_json_at(records, i);
        bool ok = false;
        status = ci_run_tile_judge(run, ci_json_at(tiles, i), record, is_named, &ok);
        if (!ok || ci_json_get_bool(record, "is_degraded", false)) run->group_degraded = true;
        if (!ok && !*why) {
            snprintf(why, sizeof why, "%s", ci_json_get_string(record, "reason", ""));
            first_fault = status_of(record);
        }
        if (!ok) continue;
        ci_json_put_string(ids, NULL, ci_json_get_string(record, "id", ""));
        ci_json_put_string(folders, NULL, ci_json_get_string(record, "folder", ""));
    }
    size_t n = ci_json_length(ids);
    size_t least = is_named ? 1 : (size_t)ci_json_get_number(group, "min_tiles", 1);
    *passed = ci_json_object();
    ci_json_put(*passed, "ids", ids);
    ci_json_put(*passed, "folders", folders);
    if (status == CI_OK && n < least)
        status = ci_error(first_fault,
                          "%zu of %zu tile%s passed, %zu needed; the first that did "
                          "not: %s",
                          n, ci_json_length(tiles), ci_plural(ci_json_length(tiles)), least, why);
    return status;
}

/* staging/mosaics/<id>, made new: what an earlier, unfinished try left is replaced. */
static ci_status mosaic_folder(const ci_run *run, const char *id, char **out)
{
    ci_status status = ci_str_format(out, "%s/mosaics/%s", run->places.staging, id);
    if (status == CI_OK && ci_comm_rank(run->world) == 0) {
        status = ci_path_make_folder(*out);
        if (status == CI_OK) status = ci_run_folder_empty(*out);
    }
    return ci_par_agree(run->world, status);
}

static ci_json *mosaic_record(const ci_mosaic_stats *s, const char *folder)
{
    ci_json *record = ci_json_object();
    static const char *const names[] = {"mosaic", "noise", "weight"};
    static const char *const keys[] = {"image", "noise", "weight"};
    for (int i = 0; i < 3; i++) {
        char *path = NULL;
        if (ci_str_format(&path, "%s/%s.fits", folder, names[i]) == CI_OK)
            ci_json_put_string(record, keys[i], path);
        ci_mem_free(path);
    }
    ci_json_put_int(record, "n_x", (int64_t)s->n_x);
    ci_json_put_int(record, "n_y", (int64_t)s->n_y);
    ci_json_put_number(record, "cell_arcsec", s->cell_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(record, "ra_deg", s->ra_rad * CI_RAD_TO_DEG);
    ci_json_put_number(record, "dec_deg", s->dec_rad * CI_RAD_TO_DEG);
    ci_json_put_number(record, "beam_major_arcsec", s->beam_major_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(record, "beam_minor_arcsec", s->beam_minor_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(record, "beam_pa_deg", s->beam_pa_rad * CI_RAD_TO_DEG);
    ci_json_put_number(record, "rms_jy", s->rms_jy);
    ci_json_put_number(record, "min_noise_jy", s->min_noise_jy);
    ci_json_put_number(record, "peak_jy", s->peak_jy);
    ci_json_put_number(record, "freq_hz", s->freq_hz);
    return record;
}

static ci_status mosaic_header(const ci_run *run, const ci_json *group, const char *gains,
                               ci_fits_header *header)
{
    unsigned judged =
        CI_TILE_RELAXED_IMAGES | (strcmp(gains, "own") == 0 ? CI_TILE_RELAXED_TABLES : 0);
    memset(header, 0, sizeof *header);
    snprintf(header->object, sizeof header->object, "%s", ci_json_get_string(group, "id", ""));
    header->time_mjd_s =
        ci_json_get_number(ci_json_at(ci_json_get(group, "tiles"), 0), "time_mjd_s", 0);
    CI_TRY(ci_fits_card_set_text(header, "CIVERS", ci_version(), "contimg version"));
    CI_TRY(ci_fits_card_set_text(header, "GAINS", gains, "origin of the gains"));
    CI_TRY(ci_tile_relaxed_cards(header, run->conf, judged));
    return ci_fits_card_set_text(header, "GROUP", ci_json_get_string(group, "id", ""),
                                 "mosaic group");
}

static ci_status make_mosaic(ci_run *run, const ci_json *group, const ci_json *passed,
                             const char *folder, ci_json *group_record)
{
    const ci_json *folders = ci_json_get(passed, "folders");
    size_t n = ci_json_length(folders);
    char **image = NULL, **pb = NULL, *prefix = NULL;
    ci_fits_header header = {0};
    ci_mosaic_options options;
    ci_mosaic_stats stats = {0};
    ci_mosaic_options_default(&options);
    options.pb_cut = ci_conf_double(run->conf, CI_OPT_PB_CUT);
    ci_status status = ci_mem_alloc(&image, n, sizeof *image, "paths");
    if (status == CI_OK) status = ci_mem_alloc(&pb, n, sizeof *pb, "paths");
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        const char *tile = ci_json_string(ci_json_at(folders, i), "");
        status = ci_path_join(&image[i], tile, "image.fits");
        if (status == CI_OK) status = ci_path_join(&pb[i], tile, "pb.fits");
    }
    if (status == CI_OK) status = ci_str_format(&prefix, "%s/", folder);
    if (status == CI_OK)
        status = mosaic_header(run, group, ci_json_get_string(passed, "gains", "none"), &header);
    status = ci_par_agree(run->world, status);
    double start = ci_run_seconds(run);
    if (status == CI_OK)
        status = ci_mosaic_make(run->world, (const char *const *)image, (const char *const *)pb, n,
                                &options, &header, prefix, &stats);
    ci_run_note(run, "mosaic", ci_json_get_string(group, "id", ""), start);
    if (status == CI_OK && group_record)
        ci_json_put(group_record, "mosaic", mosaic_record(&stats, folder));
    for (size_t i = 0; i < n; i++) {
        if (image) ci_mem_free(image[i]);
        if (pb) ci_mem_free(pb[i]);
    }
    ci_mem_free(image);
    ci_mem_free(pb);
    ci_mem_free(prefix);
    ci_fits_header_clear(&header);
    ci_mosaic_stats_clear(&stats);
    return status;
}

/* ---- the group ------------------------------------------------------------------------------- */

/* Thermal noise of the best tile: what a mosaic's least noise is compared with. */
static double least_thermal_jy(const ci_json *records)
{
    double least = NAN;
    for (size_t i = 0; i < ci_json_length(records); i++) {
        double t =
            ci_json_get_number(ci_json_get(ci_json_at(records, i), "image"), "thermal_jy", NAN);
        if (isfinite(t) && !(t >= least)) least = t;
    }
    return least;
}

static ci_status finish_product(ci_run *run, const ci_json *group, const ci_json *passed,
                                const char *folder, const ci_json *records, ci_json *group_record)
{
    const ci_json *ids = ci_json_get(passed, "ids"), *tiles = ci_json_get(group, "tiles");
    size_t n = ci_json_length(ids);
    const char **tile_ids = NULL;
    CI_TRY(ci_mem_alloc(&tile_ids, n, sizeof *tile_ids, "ids"));
    for (size_t i = 0; i < n; i++)
        tile_ids[i] = ci_json_string(ci_json_at(ids, i), "");
    ci_run_product product = {.group_id = ci_json_get_string(group, "id", ""),
                              .folder = folder,
                              .is_named = ci_json_get_bool(group, "is_named", false),
                              .is_degraded = run->group_degraded,
                              .n_tile = n,
                              .tile_ids = tile_ids,
                              .time_mjd_s =
                                  ci_json_get_number(ci_json_at(tiles, 0), "time_mjd_s", 0),
                              .thermal_jy = least_thermal_jy(records),
                              .tiles = records};
    double start = ci_run_seconds(run);
    ci_status status = ci_run_product_finish(run, &product, group_record);
    ci_run_note(run, "publish", product.group_id, start);
    ci_mem_free(tile_ids);
    return status;
}

/* From tables to the product; `records` (rank 0) keeps the tiles' records. */
static ci_status process(ci_run *run, const ci_json *group, ci_json **records,
                         ci_json *group_record)
{
    ci_run_tables tables = {0};
    ci_json *passed = NULL;
    char *folder = NULL;
    bool is_root = ci_comm_rank(run->world) == 0;
    ci_status status = ci_run_calibrate(run, group, &tables);
    if (status == CI_OK) status = ci_par_agree(run->world, ci_run_tables_hash(run, &tables));
    if (status == CI_OK) status = make_tiles(run, group, &tables, records);
    if (status == CI_OK) {
        if (is_root) {
            status = judge_tiles(run, group, *records, &passed);
            ci_json_put_string(passed, "gains", tables.how);
        }
        status = ci_par_agree(run->world, status);
    }
    ci_run_tables_free(&tables);
    if (status == CI_OK) status = ci_run_json_share(run->world, &passed);
    if (status == CI_OK) status = ci_run_stop_check(run->world, "before the mosaic");
    if (status == CI_OK) status = mosaic_folder(run, ci_json_get_string(group, "id", ""), &folder);
    if (status == CI_OK) status = make_mosaic(run, group, passed, folder, group_record);
    if (status == CI_OK && is_root)
        status = finish_product(run, group, passed, folder, *records, group_record);
    ci_json_free(passed);
    ci_mem_free(folder);
    return ci_par_agree(run->world, status);
}

/* Whether the group's product is published, or staged to be. */
static bool is_kept(const ci_json *group_record)
{
    const char *state = ci_json_get_string(group_record, "state", "");
    return strcmp(state, "published") == 0 || strcmp(state, "staged") == 0;
}

ci_status ci_run_group(ci_run *run, const ci_json *group)
{
    const char *id = ci_json_get_string(group, "id", "");
    bool is_root = ci_comm_rank(run->world) == 0, done = false;
    ci_json *group_record = NULL, *records = NULL;
    run->group_degraded = false;
    if (is_root) {
        group_record = ci_json_object();
        ci_json_put_string(group_record, "id", id);
        ci_json_put(run->groups, NULL, group_record);
    }
    CI_TRY(ci_run_claim(run, group, group_record, &done));
    if (done) return CI_OK;
    ci_status status = process(run, group, &records, group_record);
    if (is_root) {
        bool has_product = ci_json_get(group_record, "state") != NULL;
        if (!has_product) {
            ci_json_put_string(group_record, "state", "failed");
            ci_json_put_string(group_record, "reason", status == CI_OK ? "" : ci_error_text());
        }
        ci_json_put_bool(group_record, "is_degraded", run->group_degraded);
        run->any_degraded = run->any_degraded || (run->group_degraded && is_kept(group_record));
        if (records) ci_json_put(group_record, "tiles", records);
        status = ci_run_claim_end(run, group, has_product, status);
    }
    return ci_par_agree(run->world, status);
}
