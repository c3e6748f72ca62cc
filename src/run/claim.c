/* Who works on a group: one run at a time, and one at a time on each of its tiles. */
#include "run/claim.h"

#include "run/inputs.h"
#include "run/lease.h"
#include "run/provenance.h"
#include "run/publish.h"

#include <math.h>
#include <string.h>

enum
{
    N_FAULT_AT_ONCE = 3, /* a machine's faults from which on a group waits: 1 min, 2, 4, ... */
    FAULT_WAIT_S = 60,
    MAX_FAULT_WAIT_S = 3600,
    TABLES_WAIT_S = 600, /* or until tables are registered */
    WAIT_S = 2,
    SAY_S = 60 /* who waits says for whom */
};

/* ---- tiles --------------------------------------------------------------------------------- */

/* Neighbouring groups share tiles, and a tile has one folder: the group that has it is waited for.
 * All tiles are taken at once, so that no two runs wait for each other. Rank 0. */
static ci_status tiles_wait(ci_run *run, const char *const *ids, size_t n)
{
    ci_clock *clock = ci_registry_clock(run->site.registry);
    double next_s = ci_clock_read_monotonic_s(clock);
    ci_status status;
    for (;;) {
        status = ci_registry_tiles_claim(run->site.registry, ids, n, CI_REGISTRY_LEASE_S);
        if (status != CI_ERR_NOT_READY) return status;
        if (ci_clock_read_monotonic_s(clock) >= next_s) {
            ci_log_info("%s: waiting", ci_error_text());
            next_s += SAY_S;
        }
        if (ci_stop_asked())
            return ci_error(CI_ERR_STOPPED, "stopped on request while waiting: %s; run it again",
                            ci_error_text());
        ci_error_clear();
        ci_clock_wait(clock, WAIT_S);
    }
}

/* Takes the group's tiles, or gives them back. Rank 0. */
static ci_status tiles_take(ci_run *run, const ci_run_group *group, bool takes)
{
    size_t n = group->n_tile;
    const char **ids = NULL;
    CI_TRY(ci_mem_alloc(&ids, n, sizeof *ids, "ids"));
    for (size_t i = 0; i < n; i++)
        ids[i] = group->tile[i].id;
    ci_status status =
        takes ? tiles_wait(run, ids, n) : ci_registry_tiles_release(run->site.registry, ids, n);
    ci_mem_free(ids);
    return status;
}

/* ---- the end ------------------------------------------------------------------------- */

/* A group whose product is staged, published or refused is completed; what becomes of the
 * product is the publisher's matter. Data that are no good stay so; else the group is to be made
 * another time. */
static ci_registry_work_state state_after(const ci_run *run, bool has_product, ci_status status)
{
    bool is_for_later = status == CI_ERR_STOPPED || status == CI_ERR_USAGE ||
                        status == CI_ERR_NOT_READY || ci_status_is_environment(status) ||
                        run->waits_for_tables;
    if (has_product) return CI_REGISTRY_WORK_COMPLETED;
    return is_for_later ? CI_REGISTRY_WORK_PENDING : CI_REGISTRY_WORK_FAILED;
}

/* When a group that stays pending may be taken again: what it waits for, or a machine that fails it
 * again and again, does not keep the others from being made. NaN: at once. */
static ci_status next_try(ci_run *run, const char *id, ci_status status, double *unix_s)
{
    double now = ci_registry_now(run->site.registry);
    int64_t n_fault = 0;
    *unix_s = run->waits_for_tables ? now + TABLES_WAIT_S : (double)NAN;
    if (run->waits_for_tables || !ci_status_is_environment(status)) return CI_OK;
    CI_TRY(ci_registry_group_fault(run->site.registry, id, &n_fault));
    if (n_fault >= N_FAULT_AT_ONCE)
        *unix_s =
            now + fmin(MAX_FAULT_WAIT_S, FAULT_WAIT_S * exp2((double)(n_fault - N_FAULT_AT_ONCE)));
    return CI_OK;
}

/* The state first: it tells whether the group is still this run's. */
static ci_status end_in_registry(ci_run *run, const char *id, bool has_product,
                                 const ci_error_saved *why)
{
    double unix_s = NAN;
    ci_registry_work_state state = state_after(run, has_product, why->status);
    CI_TRY(ci_registry_group_end(run->site.registry, id, state, why->text, has_product ? id : ""));
    if (state == CI_REGISTRY_WORK_PENDING) CI_TRY(next_try(run, id, why->status, &unix_s));
    return ci_registry_group_wait(run->site.registry, id, unix_s);
}

ci_status ci_run_claim_end(ci_run *run, const ci_run_group *group, bool has_product,
                           ci_status status)
{
    ci_error_saved saved = ci_error_save(status);
    ci_status ended = ci_registry_begin(run->site.registry, CI_REGISTRY_DB_INGEST);
    if (ended == CI_OK)
        ended = ci_registry_end(run->site.registry, CI_REGISTRY_DB_INGEST,
                                end_in_registry(run, group->id, has_product, &saved));
    ci_status released = tiles_take(run, group, false);
    if (ended == CI_OK) ended = released;
    return status == CI_OK ? ended : ci_error_restore(&saved);
}

/* ---- what was made before ------------------------------------------------------------------- */

/* A product that a gate refused is left only by name, one that failed in its time or by name: a
 * run of the group does not end well meanwhile. */
static ci_status tell_unpublished(const ci_registry_product *product, ci_report_group *record)
{
    bool is_refused = product->state == CI_REGISTRY_PUBLISH_REFUSED;
    record->state = is_refused ? CI_REPORT_GROUP_REFUSED : CI_REPORT_GROUP_STAGED;
    snprintf(record->reason, sizeof record->reason, "%s", product->error);
    return ci_error(is_refused ? CI_ERR_GATE : CI_ERR_NOT_READY,
                    "group %s was made before and is not published: %s%s; contimg publish --id "
                    "%s %s",
                    record->id, is_refused ? "refused: " : "", product->error, record->id,
                    is_refused ? "judges it again" : "tries again");
}

/* Whether it was made DEGRADED, and why, as its provenance has it. */
static void degraded_read(const ci_registry_product *product, ci_report_group *record)
{
    ci_run_provenance made;
    if (ci_run_provenance_read(&made, product) != CI_OK) ci_error_clear();
    record->is_degraded = made.is_degraded;
    memcpy(record->degraded_why, made.degraded_why, sizeof record->degraded_why);
}

/* What a group is that was done before. One that waits to be published again is, if it is time. */
static ci_status tell_done(ci_run *run, const ci_registry_product *product, ci_report_group *record)
{
    bool waits = product->state == CI_REGISTRY_PUBLISH_STAGING && product->n_attempt > 0;
    bool is_due = waits && product->next_try_unix_s <= ci_registry_now(run->site.registry);
    degraded_read(product, record);
    /* --strict refuses it however old it is. */
    if (record->is_degraded) run->record.is_degraded = true;
    if (is_due && !ci_conf_bool(run->conf, CI_CONF_OPT_NO_PUBLISH))
        return ci_run_publish(run, product->stage_path, record);
    record->is_made_before = true;
    record->product_state = product->state;
    if (waits || product->state == CI_REGISTRY_PUBLISH_FAILED ||
        product->state == CI_REGISTRY_PUBLISH_REFUSED)
        return tell_unpublished(product, record);
    record->state = CI_REPORT_GROUP_STAGED;
    if (product->state != CI_REGISTRY_PUBLISH_PUBLISHED) return CI_OK;
    record->state = CI_REPORT_GROUP_PUBLISHED;
    return ci_str_copy(&record->published_path, product->published_path);
}

/* Whether the staged files of a product are there, by name. */
static bool is_staged_whole(const ci_registry_product *product)
{
    static const char *const needed[] = {"mosaic.fits", "noise.fits", "weight.fits", "sources.csv"};
    bool whole = true;
    for (size_t i = 0; i < sizeof needed / sizeof *needed && whole; i++) {
        char *path = NULL;
        whole =
            ci_path_join(&path, product->stage_path, needed[i]) == CI_OK && ci_path_exists(path);
        ci_mem_free(path);
    }
    return whole;
}

/* Why a group that was done is to be made again, NULL where it is not: its product, not published,
 * is lost or is not what this run would make. */
static const char *why_again(const ci_registry_product *product, const char *difference)
{
    if (!product) return "its product is not in the data registry";
    if (product->is_deployed || product->state == CI_REGISTRY_PUBLISH_PUBLISHED ||
        product->state == CI_REGISTRY_PUBLISH_PUBLISHING)
        return NULL;
    if (!is_staged_whole(product)) return "its staged product is not there, or not all of it";
    return difference;
}

static ci_status refuse_other(const ci_registry_product *product, const char *difference)
{
    return ci_error(CI_ERR_INPUT,
                    "group %s was published before with another result, which is kept: %s; %s. "
                    "For other data or options use another --state-dir",
                    product->id, product->published_path, difference);
}

/* What stands published and the registry does not know is the registry's to take in. */
static ci_status check_unknown(const ci_run *run, const ci_run_group *group)
{
    char *path = NULL;
    CI_TRY(ci_publish_path(&path, run->site.paths.products, group->tile[0].time_mjd_s, group->id));
    ci_status status = CI_OK;
    if (ci_path_exists(path))
        status = ci_error(CI_ERR_NOT_READY,
                          "group %s: %s stands published, and %s does not know it: contimg "
                          "publish --recover takes it in; if that calls it damaged, move the "
                          "folder away and run again",
                          group->id, path, run->site.paths.data_registry_db);
    ci_mem_free(path);
    return status;
}

/* ---- the claim ----------------------------------------------------------------------- */

/* Looks at the group's product (NULL: none) before anything of it is touched. *again: why a group
 * that was done is to be made again. */
static ci_status product_check(ci_run *run, const ci_run_group *group,
                               const ci_registry_product *product, const ci_report_group *record,
                               const char **again)
{
    const char *difference = NULL;
    bool is_remake = record->version > 0;
    if (!product) CI_TRY(check_unknown(run, group));
    if (product) CI_TRY(ci_run_made_from(run, product, record->inputs_sha256, &difference));
    *again = why_again(product, difference);
    if (difference && product->state == CI_REGISTRY_PUBLISH_PUBLISHED && !is_remake)
        return refuse_other(product, difference);
    return CI_OK;
}

/* A group that was done, taken all the same. */
static ci_status claim_again(ci_run *run, const char *id, const char *why, bool *done)
{
    ci_log_warning("group %s: recorded as completed, but %s: made again", id, why);
    CI_TRY(ci_registry_group_reopen(run->site.registry, id, why));
    return ci_registry_group_claim(run->site.registry, id, CI_REGISTRY_LEASE_S, done);
}

/* After the group was claimed, or found done. */
static ci_status claim_with(ci_run *run, const ci_run_group *group,
                            const ci_registry_product *product, ci_report_group *record, bool *done)
{
    const char *again = NULL;
    ci_status status = product_check(run, group, product, record, &again);
    if (status != CI_OK) {
        record->state = CI_REPORT_GROUP_FAILED;
        snprintf(record->reason, sizeof record->reason, "%s", ci_error_text());
    }
    if (status == CI_OK && *done && again) status = claim_again(run, group->id, again, done);
    if (status == CI_OK && !*done) status = tiles_take(run, group, true);
    if (status != CI_OK) return *done ? status : ci_run_claim_end(run, group, false, status);
    return *done ? tell_done(run, product, record) : CI_OK;
}

/* A group whose published folder is gone is no longer done. */
static ci_status lost_check(ci_run *run, const char *id)
{
    bool lost;
    CI_TRY(ci_publish_check_lost(run->site.registry, id, run->site.paths.products, &lost));
    if (!lost) return CI_OK;
    return ci_registry_group_reopen(run->site.registry, id, "its published folder is not there");
}

ci_status ci_run_check_published(ci_run *run, const ci_run_group *group)
{
    ci_registry_products *found = NULL;
    const char *difference = NULL;
    char inputs[CI_SHA256_HEX];
    CI_TRY(lost_check(run, group->id));
    CI_TRY(ci_registry_product_get(run->site.registry, group->id, &found));
    ci_status status = CI_OK;
    if (found->n == 1 && found->item[0].state == CI_REGISTRY_PUBLISH_PUBLISHED) {
        status = ci_run_group_inputs_hash(group, inputs);
        if (status == CI_OK) status = ci_run_made_from(run, &found->item[0], inputs, &difference);
    }
    if (status == CI_OK && difference) status = refuse_other(&found->item[0], difference);
    ci_registry_products_free(found);
    return status;
}

/* The version that a group to be made again makes, 0: its first. One that was staged before, and
 * is not published, is made once more. */
static ci_status version_set(ci_run *run, const ci_registry_product *product,
                             ci_report_group *record)
{
    ci_registry_groups *found = NULL;
    ci_run_provenance made;
    CI_TRY(ci_registry_group_get(run->site.registry, record->id, &found));
    bool is_remake = found->n == 1 && found->item[0].is_remake && product;
    ci_registry_groups_free(found);
    if (!is_remake) return CI_OK;
    if (ci_run_provenance_read(&made, product) != CI_OK) ci_error_clear();
    record->version = made.version > 0 ? made.version : 1;
    record->version += product->state == CI_REGISTRY_PUBLISH_PUBLISHED;
    ci_log_info("group %s: made again, version %lld", record->id, (long long)record->version);
    return CI_OK;
}

/* The claim comes first: what stands in the registry after it is not another run's any more.
 * Rank 0. */
static ci_status claim(ci_run *run, const ci_run_group *group, ci_report_group *record, bool *done)
{
    ci_registry_products *found = NULL;
    CI_TRY(lost_check(run, group->id));
    if (ci_conf_bool(run->conf, CI_CONF_OPT_REMAKE))
        CI_TRY(ci_registry_group_remake(run->site.registry, group->id));
    ci_status status =
        ci_registry_group_claim(run->site.registry, group->id, CI_REGISTRY_LEASE_S, done);
    record->is_busy = status == CI_ERR_NOT_READY;
    CI_TRY(status);
    run->waits_for_tables = false;
    status = *done ? CI_OK : ci_run_group_inputs_check(group);
    if (status == CI_OK) status = ci_run_group_inputs_hash(group, record->inputs_sha256);
    if (status == CI_OK) status = ci_registry_product_get(run->site.registry, group->id, &found);
    const ci_registry_product *product = status == CI_OK && found->n == 1 ? found->item : NULL;
    if (status == CI_OK && !*done) status = version_set(run, product, record);
    if (status == CI_OK)
        status = claim_with(run, group, product, record, done);
    else if (!*done)
        status = ci_run_claim_end(run, group, false, status);
    ci_registry_products_free(found);
    return status;
}

ci_status ci_run_claim(ci_run *run, const ci_run_group *group, ci_report_group *record, bool *done)
{
    ci_status status = CI_OK;
    int64_t flag = 0;
    if (ci_comm_rank(run->world) == 0) {
        status = claim(run, group, record, done);
        flag = *done;
    }
    CI_TRY(ci_par_agree(run->world, status));
    CI_TRY(ci_par_bcast(run->world, &flag, sizeof flag, 0));
    *done = flag != 0;
    if (*done) return CI_OK;
    status = ci_run_lease_share(run, group->id);
    if (status != CI_OK && ci_comm_rank(run->world) == 0)
        status = ci_run_claim_end(run, group, false, status);
    return status;
}
