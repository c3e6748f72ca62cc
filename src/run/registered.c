/* The registry's tables for a group: those of its time and declination that know its
 * channels. */
#include "contimg/registry_cal.h"
#include "run/share.h"
#include "run/tables.h"

#include <math.h>
#include <string.h>

double ci_run_table_validity_s(const ci_run *run, ci_registry_cal_kind kind)
{
    bool is_bandpass = kind == CI_REGISTRY_BANDPASS;
    return 3600 * ci_conf_double(run->conf,
                                 is_bandpass ? CI_CONF_OPT_BANDPASS_HOURS : CI_CONF_OPT_GAIN_HOURS);
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Channels of a tile's files that the table knows, of how many; a file that cannot be opened fails
 * by itself later. */
static void chans_count(const ci_run *run, const ci_cal_table *table, const ci_run_tile *tile,
                        size_t *n_known, size_t *n_all)
{
    *n_known = *n_all = 0;
    for (size_t i = 0; i < tile->n_path; i++) {
        ci_uvh5_file *file = NULL;
        size_t n = 0;
        if (ci_uvh5_open(&file, tile->path[i], &run->options.uvh5) != CI_OK) continue;
        *n_known += ci_cal_chans_known(table, ci_uvh5_meta(file), &n);
        *n_all += n;
        ci_uvh5_close(file);
    }
}

static ci_status path_known(const ci_run *run, const char *path, const ci_run_tile *tile,
                            size_t *n_known, size_t *n_all)
{
    ci_cal_table *table = NULL;
    CI_TRY(ci_cal_table_read(&table, path));
    chans_count(run, table, tile, n_known, n_all);
    ci_cal_table_free(table);
    return CI_OK;
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* The best of the tables that were looked at. */
typedef struct choice
{
    char *path; /* owned */
    double time_mjd_s;
    bool is_borrowed, is_faint; /* is_faint: of a field without a calibrator */
    size_t n_known, n_looked, n_unreadable;
    char doubt[256]; /* "": none */
} choice;

/* Whether a table, looked at after the one that is chosen, and so farther in time, is better. */
static bool is_better(const choice *best, const choice *next)
{
    if (next->n_known == 0) return false;
    if (!best->path) return true;
    if (next->is_borrowed != best->is_borrowed) return false;
    if (next->is_faint != best->is_faint) return best->is_faint;
    return next->n_known > best->n_known;
}

/* A table that is damaged or gone is no reason to fail: another may do. */
static bool is_passed_over(ci_status status)
{
    return status == CI_ERR_INPUT || status == CI_ERR_NO_DATA || status == CI_ERR_IO;
}

static void quality_read(const ci_registry_cal *table, choice *out)
{
    ci_json *json = NULL;
    if (ci_vis_text(table->quality_json)[0] == '\0') return; /* another pipeline's row */
    if (ci_json_parse(&json, table->quality_json, table->path) != CI_OK) {
        ci_error_clear();
        return;
    }
    out->is_faint = ci_json_get_bool(json, CI_RUN_TABLE_FAINT, false);
    ci_json_copy_string(out->doubt, sizeof out->doubt, json, CI_RUN_TABLE_DOUBT);
    ci_json_free(json);
}

/* Looks at the next table; *is_done where no other can be better. */
static ci_status table_look(const ci_run *run, const ci_run_tile *tile,
                            const ci_registry_cal *table, bool is_borrowed, choice *best,
                            bool *is_done)
{
    size_t n_all;
    const char *path = table->path;
    choice next = {.time_mjd_s = table->time_mjd_s, .is_borrowed = is_borrowed};
    quality_read(table, &next);
    ci_status status = path_known(run, path, tile, &next.n_known, &n_all);
    best->n_looked++;
    if (is_passed_over(status)) {
        ci_log_warning("registered table passed over: %s", ci_error_text());
        ci_error_clear();
        best->n_unreadable++;
        return CI_OK;
    }
    CI_TRY(status);
    *is_done = (next.n_known == n_all && (!next.is_faint || n_all == 0)) ||
               (best->path && is_borrowed && !best->is_borrowed);
    if (next.n_known == 0 && n_all > 0)
        ci_log_info("%s: passed over: it knows none of the %zu channels of %s", path, n_all,
                    tile->id);
    if (n_all > 0 && !is_better(best, &next)) return CI_OK;
    next.n_looked = best->n_looked;
    next.n_unreadable = best->n_unreadable;
    ci_mem_free(best->path);
    *best = next;
    return ci_str_copy(&best->path, path);
}

static const char *kind_word(ci_registry_cal_kind kind)
{
    return kind == CI_REGISTRY_BANDPASS ? "bandpass" : "gain";
}

static ci_status none_found(const ci_registry_cal_want *want, const choice *best,
                            const ci_run_tile *tile)
{
    const char *name = kind_word(want->kind);
    char where[64] = "";
    if (want->dec_known)
        snprintf(where, sizeof where, " within %g deg of declination %.1f",
                 want->max_dec_off_rad * CI_RAD_TO_DEG, want->dec_rad * CI_RAD_TO_DEG);
    const char *todo = "give --model SOURCES.csv to solve, --cal P to apply tables, or "
                       "--calibrated if the data are";
    if (best->n_looked == 0)
        return ci_error(CI_ERR_NOT_READY, "no %s table is registered for this time%s: %s", name,
                        where, todo);
    return ci_error(CI_ERR_NOT_READY,
                    "none of the %zu %s tables registered for this time knows a channel of %s (%zu "
                    "cannot be read): %s",
                    best->n_looked, name, tile->id, best->n_unreadable, todo);
}

/* The best of a kind; its path NULL where there is none. */
static ci_status best_find(ci_run *run, const ci_run_tile *tile, ci_registry_cal_want *want,
                           choice *best)
{
    bool is_done = false;
    while (!is_done) {
        bool is_borrowed;
        ci_registry_cals *found = NULL;
        CI_TRY(ci_registry_cal_choose(run->site.registry, want, &found, &is_borrowed));
        ci_status status = CI_OK;
        is_done = found->n == 0;
        if (!is_done) status = table_look(run, tile, &found->item[0], is_borrowed, best, &is_done);
        ci_registry_cals_free(found);
        CI_TRY(status);
        want->n_skip++;
    }
    return CI_OK;
}

/* A table outside its validity: said, and refused where asked. */
static ci_status borrow(ci_run *run, const ci_run_group *group, const ci_registry_cal_want *want,
                        const choice *table, char why[256])
{
    char when[32];
    ci_time_iso(when, table->time_mjd_s, 0, true);
    snprintf(why, 256, "borrowed %s table of %s, %.1f h from the data (validity %g h)",
             kind_word(want->kind), when, fabs(table->time_mjd_s - want->time_mjd_s) / 3600,
             want->validity_s / 3600);
    if (ci_conf_bool(run->conf, CI_CONF_OPT_STRICT)) {
        run->waits_for_tables = true;
        return ci_error(CI_ERR_GATE, "group %s: only a %s, which --strict refuses: %s", group->id,
                        why, table->path);
    }
    ci_log_warning("group %s: %s: DEGRADED: %s", group->id, why, table->path);
    return CI_OK;
}

/* Middle of the observation in time, and the declination that its dishes point to. Of a file that
 * cannot be opened, and fails by itself later, the first integration, and no declination. */
static void middle_find(const ci_run *run, const ci_run_tile *tile, ci_registry_cal_want *want)
{
    ci_uvh5_file *file = NULL;
    ci_sky_pointing pointing;
    want->time_mjd_s = tile->time_mjd_s;
    if (tile->n_path == 0 || ci_uvh5_open(&file, tile->path[0], &run->options.uvh5) != CI_OK)
        return;
    const ci_vis_meta *meta = ci_uvh5_meta(file);
    want->time_mjd_s = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    want->dec_known = ci_sky_pointing_from(meta, &pointing) == CI_OK;
    if (want->dec_known) {
        want->dec_rad = pointing.is_fixed ? pointing.dec_app_rad : pointing.dec_rad;
        ci_sky_pointing_clear(&pointing);
    }
    ci_uvh5_close(file);
}

/* The tile in the middle of those that are imaged. */
static const ci_run_tile *middle_tile(const ci_run_group *group)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < group->n_tile; i++)
        n += !group->tile[i].is_hole;
    for (size_t i = 0; i < group->n_tile; i++)
        if (!group->tile[i].is_hole && k++ == n / 2) return &group->tile[i];
    return &group->tile[group->n_tile / 2];
}

static ci_status kind_find(ci_run *run, const ci_run_group *group, ci_registry_cal_want *want,
                           ci_registry_cal_kind kind, choice *best)
{
    const ci_run_tile *tile = middle_tile(group);
    ci_registry_cal_want_default(want, kind);
    middle_find(run, tile, want);
    want->validity_s = ci_run_table_validity_s(run, kind);
    want->borrow_s = 3600 * ci_conf_double(run->conf, CI_CONF_OPT_CAL_BORROW_HOURS);
    return best_find(run, tile, want, best);
}

/* `why` is "" where the table is not borrowed, `doubt` where its fluxes are in none. */
static ci_status choose_kind(ci_run *run, const ci_run_group *group, ci_registry_cal_kind kind,
                             char **path, char why[256], char doubt[256])
{
    ci_registry_cal_want want;
    choice best = {0};
    why[0] = '\0';
    ci_status status = kind_find(run, group, &want, kind, &best);
    *path = best.path;
    memcpy(doubt, best.doubt, sizeof best.doubt);
    CI_TRY(status);
    if (best.path && best.is_borrowed) return borrow(run, group, &want, &best, why);
    if (best.path) return CI_OK;
    run->waits_for_tables = true;
    return none_found(&want, &best, middle_tile(group));
}

/* Rank 0's answer. */
static ci_status pair_look(ci_run *run, const ci_run_group *group, int64_t *found)
{
    *found = 1;
    for (int kind = CI_REGISTRY_BANDPASS; *found && kind <= CI_REGISTRY_GAIN; kind++) {
        ci_registry_cal_want want;
        choice best = {0};
        ci_status status = kind_find(run, group, &want, (ci_registry_cal_kind)kind, &best);
        *found = best.path && !best.is_borrowed && !best.is_faint;
        ci_mem_free(best.path);
        CI_TRY(status);
    }
    return CI_OK;
}

ci_status ci_run_tables_are_there(ci_run *run, const ci_run_group *group, bool *found)
{
    int64_t flag = 0;
    CI_AGREE(run->world, ci_comm_rank(run->world) == 0 ? pair_look(run, group, &flag) : CI_OK);
    CI_TRY(ci_par_bcast(run->world, &flag, sizeof flag, 0));
    *found = flag != 0;
    return CI_OK;
}

/* Rank 0's choice. The flux scale is in the gains. */
static ci_status choose_pair(ci_run *run, const ci_run_group *group, ci_tile_tables *out,
                             char doubt[256])
{
    char why[2][256];
    CI_TRY(choose_kind(run, group, CI_REGISTRY_BANDPASS, &out->bandpass_path, why[0], doubt));
    CI_TRY(choose_kind(run, group, CI_REGISTRY_GAIN, &out->gain_path, why[1], doubt));
    snprintf(out->borrowed_why, sizeof out->borrowed_why, "%.120s%s%.120s", why[0],
             *why[0] && *why[1] ? "; " : "", why[1]);
    if (*doubt) ci_log_warning("group %s: DEGRADED: %s: %s", group->id, out->gain_path, doubt);
    return CI_OK;
}

ci_status ci_run_tables_choose(ci_run *run, const ci_run_group *group, ci_tile_tables *out)
{
    ci_cal_table *none = NULL;
    ci_status status = CI_OK;
    char doubt[256] = "";
    if (ci_comm_rank(run->world) == 0) status = choose_pair(run, group, out, doubt);
    CI_AGREE(run->world, status);
    CI_TRY(ci_par_bcast(run->world, out->borrowed_why, sizeof out->borrowed_why, 0));
    CI_TRY(ci_par_bcast(run->world, doubt, sizeof doubt, 0));
    out->gains = *out->borrowed_why ? CI_TILE_GAINS_BORROWED : CI_TILE_GAINS_TRANSFERRED;
    if (*doubt) snprintf(out->borrowed_why, sizeof out->borrowed_why, "%.255s", doubt);
    CI_TRY(ci_run_share_text(run->world, &out->bandpass_path));
    CI_TRY(ci_run_share_text(run->world, &out->gain_path));
    CI_TRY(
        ci_tile_tables_read(run->world, &run->options, out->bandpass_path, &out->bandpass, &none));
    ci_cal_table_free(none);
    CI_TRY(ci_tile_tables_read(run->world, &run->options, out->gain_path, &none, &out->gain));
    ci_cal_table_free(none);
    return CI_OK;
}
