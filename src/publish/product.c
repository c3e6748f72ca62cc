/* Publishing one product: its claim, what becomes of it, and all that is due. */
#include "publish/publish.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ci_publish_options_default(ci_publish_options *options)
{
    *options =
        (ci_publish_options){.lease_s = CI_REGISTRY_LEASE_S, .backoff_s = 60, .max_attempt = 3};
    ci_qa_limits_default(&options->limits);
}

static ci_status conclude(ci_publish_result *result, ci_publish_result_kind kind, ci_status status,
                          const char *format, ...) CI_PRINTF(4, 5);
static ci_status conclude(ci_publish_result *result, ci_publish_result_kind kind, ci_status status,
                          const char *format, ...)
{
    va_list values;
    va_start(values, format);
    result->kind = kind;
    vsnprintf(result->text, sizeof result->text, format, values);
    va_end(values);
    return status == CI_OK ? CI_OK : ci_error(status, "%s", result->text);
}

/* ---- after the commit --------------------------------------------------------------------- */

/* The folder, where it is below the base. */
static ci_status staging_folder_remove(const char *stage_path, const char *base)
{
    char *above = NULL;
    int fd;
    CI_TRY(ci_path_parent(&above, stage_path));
    ci_status status;
    /* Staged right below the base: the folder above is the base itself. */
    if (ci_publish_folder_open(base, stage_path, &fd) == CI_OK) {
        close(fd);
        ci_error_clear();
        status = ci_publish_folder_open(base, above, &fd);
        if (status == CI_ERR_GATE) status = ci_publish_base_open(base, &fd);
        if (status == CI_OK) {
            status = ci_publish_folder_remove(fd, ci_path_base(stage_path), stage_path);
            close(fd);
        }
    } else {
        status = CI_OK; /* gone already, or not ours to remove */
        ci_error_clear();
    }
    ci_mem_free(above);
    return status;
}

ci_status ci_publish_staging_remove(ci_registry *registry, const ci_registry_product *p,
                                    const ci_publish_options *options)
{
    bool may = false;
    CI_TRY(ci_registry_begin(registry, CI_REGISTRY_DB_DATA));
    ci_status status = ci_publish_staging_is_removable(registry, p->id, p->stage_path, &may);
    if (status == CI_OK && may)
        status = staging_folder_remove(p->stage_path, options->staging_base);
    if (status == CI_OK && may) status = ci_registry_product_staging_removed(registry, p->id);
    return ci_registry_end(registry, CI_REGISTRY_DB_DATA, status);
}

ci_status ci_publish_staging_is_removable(ci_registry *registry, const char *id,
                                          const char *stage_path, bool *out)
{
    ci_registry_products *now = NULL;
    *out = false;
    CI_TRY(ci_registry_product_get(registry, id, &now));
    const ci_registry_product *p = now->n > 0 ? &now->item[0] : NULL;
    *out = p && p->state == CI_REGISTRY_PUBLISH_PUBLISHED && !p->is_deployed &&
           p->staging_removable && ci_path_is_same(p->stage_path, stage_path);
    ci_registry_products_free(now);
    return CI_OK;
}

ci_status ci_publish_is_being_made(ci_registry *registry, const char *id, bool *out)
{
    ci_registry_groups *found = NULL;
    *out = false;
    CI_TRY(ci_registry_group_get(registry, id, &found));
    const ci_registry_group *group = found->n > 0 ? &found->item[0] : NULL;
    *out = group && group->state == CI_REGISTRY_WORK_IN_PROGRESS &&
           ci_registry_owner_alive(registry, &group->owner);
    ci_registry_groups_free(found);
    return CI_OK;
}

/* What follows a commit is derived: a fault there is said and left to --recover. */
static void after_commit(ci_registry *registry, const ci_registry_product *p,
                         const ci_publish_options *options)
{
    bool is_mosaic = p->type == CI_REGISTRY_MOSAIC;
    ci_status status = CI_OK;
    if (is_mosaic) status = ci_registry_mosaic_published(registry, p->id);
    if (status == CI_OK && is_mosaic && options->remove_staging)
        status = ci_publish_staging_remove(registry, p, options);
    if (status != CI_OK)
        ci_log_warning("%s: published, but: %s (contimg publish --recover puts it right)", p->id,
                       ci_error_text());
    ci_error_clear();
}

/* ---- one attempt and its end ----------------------------------------------------------------- */

static ci_status end_failed(ci_registry *registry, const ci_registry_product *p,
                            const ci_registry_owner *owner, const ci_publish_options *options,
                            ci_publish_result *result, ci_status why)
{
    ci_registry_publish_state state = CI_REGISTRY_PUBLISH_STAGING;
    ci_error_saved saved = ci_error_save(why);
    ci_status ended = ci_registry_product_fail(registry, p->id, owner->token, saved.text,
                                               options->backoff_s, options->max_attempt, &state);
    if (ended != CI_OK)
        ci_log_warning("%s: its failure could not be recorded: %s (contimg publish --recover puts "
                       "it right)",
                       p->id, ci_error_text());
    if (state == CI_REGISTRY_PUBLISH_FAILED)
        return conclude(result, CI_PUBLISH_GIVEN_UP, why, "%s: not published, attempts used up: %s",
                        p->id, saved.text);
    return conclude(result, CI_PUBLISH_RETRY, why, "%s: not published, back in staging: %s", p->id,
                    saved.text);
}

static ci_status end_refused(ci_registry *registry, const ci_registry_product *p,
                             const ci_registry_owner *owner, ci_publish_result *result)
{
    char *gates = NULL;
    ci_error_saved saved = ci_error_save(CI_ERR_GATE);
    const ci_qa_gate *failed = ci_qa_gates_first_failed(&result->gates);
    ci_json *json = ci_qa_gates_json(&result->gates);
    ci_status status = ci_json_print(&gates, json, false);
    ci_json_free(json);
    if (status == CI_OK)
        status = ci_registry_product_refuse(registry, p->id, owner->token,
                                            failed ? ci_qa_gate_name(failed->kind) : "paths",
                                            saved.text, gates);
    ci_mem_free(gates);
    if (status != CI_OK) return status;
    return conclude(result, CI_PUBLISH_GATE, CI_ERR_GATE, "%s: refused: %s", p->id, saved.text);
}

ci_status ci_publish_conclude(ci_registry *registry, const ci_registry_product *p,
                              const ci_registry_owner *owner, const ci_publish_options *options,
                              ci_publish_result *result)
{
    /* More than the attempts allowed: each of them ended with its process. */
    ci_status status =
        p->n_attempt > options->max_attempt
            ? ci_error(CI_ERR_INTERNAL, "its process died %lld time%s on it: look at the logs",
                       (long long)p->n_attempt - 1, ci_plural(p->n_attempt - 1))
            : ci_publish_attempt(registry, p, owner, options, result);
    if (status == CI_OK) {
        after_commit(registry, p, options);
        return conclude(result, CI_PUBLISH_DONE, CI_OK, "%s: published: %s", p->id,
                        result->published_path);
    }
    if (status == CI_ERR_GATE) return end_refused(registry, p, owner, result);
    return end_failed(registry, p, owner, options, result, status);
}

/* ---- the ways not to publish ----------------------------------------------------------------- */

static ci_status not_taken(const ci_registry_product *p, ci_registry_claim claim,
                           const ci_registry_owner *owner, ci_publish_result *result)
{
    char who[CI_REGISTRY_TEXT], when[32];
    switch (claim) {
    case CI_REGISTRY_CLAIM_PUBLISHED:
        snprintf(result->published_path, sizeof result->published_path, "%s", p->published_path);
        return conclude(result, CI_PUBLISH_DONE_BEFORE, CI_OK,
                        "%s: published before, nothing to do: %s", p->id, p->published_path);
    case CI_REGISTRY_CLAIM_BUSY:
        ci_registry_owner_text(owner, who);
        return conclude(result, CI_PUBLISH_BUSY, CI_ERR_NOT_READY, "%s: is being published by %s",
                        p->id, who);
    case CI_REGISTRY_CLAIM_WAIT:
        if (!p->auto_publish)
            return conclude(result, CI_PUBLISH_WAITS, CI_ERR_NOT_READY,
                            "%s: waits for contimg publish --id (auto_publish_enabled is 0)",
                            p->id);
        ci_time_iso(when, ci_time_mjd_s_from_unix(p->next_try_unix_s), 0, true);
        return conclude(result, CI_PUBLISH_WAITS, CI_ERR_NOT_READY,
                        "%s: failed %lld time%s, tried again after %s: %s", p->id,
                        (long long)p->n_attempt, ci_plural(p->n_attempt), when, p->error);
    case CI_REGISTRY_CLAIM_REFUSED:
        return conclude(result, CI_PUBLISH_GATE, CI_ERR_GATE,
                        "%s: refused before, contimg publish --id tries again: %s", p->id,
                        p->error);
    case CI_REGISTRY_CLAIM_FAILED:
        return conclude(result, CI_PUBLISH_GIVEN_UP, CI_ERR_NOT_READY,
                        "%s: attempts used up, contimg publish --id or --retry-failed tries "
                        "again: %s",
                        p->id, p->error);
    default:
        return conclude(
            result, CI_PUBLISH_WAITS, CI_ERR_INPUT,
            "%s: no such product, or one of the deployed pipeline, which contimg leaves "
            "alone: contimg status lists them",
            p->id);
    }
}

static bool is_gone(const char *path)
{
    struct stat facts;
    return stat(path, &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

ci_status ci_publish_path(char **out, const char *products_base, double time_mjd_s, const char *id)
{
    char date[16];
    CI_TRY(ci_publish_date(date, time_mjd_s, id));
    return ci_str_format(out, "%s/%s/%s", products_base, date, id);
}

/* Neither where the registry has it nor where it would be published: a path may be one that was
 * relative to another folder. */
static ci_status is_lost(const ci_registry_product *p, const char *products_base, bool *out)
{
    char date[16], *path = NULL;
    *out =
        p->state == CI_REGISTRY_PUBLISH_PUBLISHED && !p->is_deployed && is_gone(p->published_path);
    if (!*out || ci_publish_date(date, p->time_mjd_s, p->id) != CI_OK) return CI_OK;
    CI_TRY(ci_publish_path(&path, products_base, p->time_mjd_s, p->id));
    *out = is_gone(path);
    ci_mem_free(path);
    return CI_OK;
}

ci_status ci_publish_check_lost(ci_registry *registry, const char *id, const char *products_base,
                                bool *lost)
{
    ci_registry_products *list = NULL;
    *lost = false;
    /* Without the folder of all products nothing can be said of one. */
    if (!ci_path_is_folder(products_base)) return CI_OK;
    CI_TRY(ci_registry_product_get(registry, id, &list));
    const ci_registry_product *p = list->n ? &list->item[0] : NULL;
    ci_status status = p ? is_lost(p, products_base, lost) : CI_OK;
    if (status == CI_OK && *lost)
        status = ci_registry_product_lost(registry, id, p->published_path, lost);
    if (status == CI_OK && *lost) status = ci_registry_mosaic_published(registry, id);
    if (status == CI_OK && *lost)
        ci_log_warning("%s: recorded as published, but %s is not there: it is not published, and "
                       "back in staging",
                       id, p->published_path);
    ci_registry_products_free(list);
    return status;
}

/* What an attempt would find where it writes: the folder of the date, and room for a second copy.
 */
static ci_status target_check(const ci_publish_options *options, const char *date, const char *id,
                              const ci_publish_files *files)
{
    uint64_t n_free = 0, n_needed = 0;
    int base, fd = -1;
    CI_TRY(ci_publish_base_open(options->products_base, &base));
    ci_status status = ci_publish_child_open(base, date, false, options->products_base, &fd);
    close(base);
    if (fd >= 0) close(fd);
    if (status == CI_ERR_INPUT) {
        ci_error_clear(); /* it is made */
        status = CI_OK;
    }
    if (status != CI_OK) return status;
    CI_TRY(ci_path_free_bytes(options->products_base, &n_free));
    for (size_t i = 0; i < files->n; i++)
        n_needed += (uint64_t)files->item[i].is.n_byte;
    if (n_needed <= n_free) return CI_OK;
    return ci_error(CI_ERR_DISK,
                    "%s: would not be published: %s has %.3f GB free, its files are %.3f GB: make "
                    "room",
                    id, options->products_base, 1e-9 * (double)n_free, 1e-9 * (double)n_needed);
}

/* Path rules, gates and room, nothing else. */
static ci_status dry_run(ci_registry *registry, const ci_registry_product *p,
                         const ci_publish_options *options, ci_publish_result *result)
{
    ci_publish_files files = {0};
    char date[16];
    int fd;
    CI_TRY(ci_publish_date(date, p->time_mjd_s, p->id));
    CI_TRY(ci_publish_folder_open(options->staging_base, p->stage_path, &fd));
    ci_status status = ci_publish_files_open(&files, fd, p->stage_path);
    if (status == CI_OK)
        status = ci_publish_judge_files(registry, p, &files, options, &result->gates);
    if (status == CI_OK && !result->gates.refused)
        status = target_check(options, date, p->id, &files);
    ci_publish_files_close(&files);
    close(fd);
    CI_TRY(status);
    if (result->gates.refused) {
        char why[CI_QA_TEXT];
        ci_qa_gates_text(&result->gates, why);
        return conclude(result, CI_PUBLISH_GATE, CI_ERR_GATE, "%s: would be refused: %s", p->id,
                        why);
    }
    return conclude(result, CI_PUBLISH_WAITS, CI_OK, "%s: would be published: %s/%s/%s", p->id,
                    options->products_base, date, p->id);
}

ci_status ci_publish_product(ci_registry *registry, const char *id,
                             const ci_publish_options *options, ci_publish_result *result)
{
    ci_registry_products *list = NULL;
    ci_registry_claim claim = CI_REGISTRY_CLAIM_UNKNOWN;
    ci_registry_owner owner = {0};
    memset(result, 0, sizeof *result);
    result->kind = CI_PUBLISH_WAITS;
    /* Its commits would be the outer transaction's to undo, its files not. */
    if (ci_registry_in_transaction(registry, CI_REGISTRY_DB_DATA))
        return ci_error(CI_ERR_INTERNAL, "%s: publish inside an open transaction", id);
    ci_status status = CI_OK;
    bool lost;
    if (!options->dry_run)
        status = ci_publish_check_lost(registry, id, options->products_base, &lost);
    if (status == CI_OK && !options->dry_run)
        status = ci_registry_product_claim(registry, id, options->by_name, options->lease_s, &claim,
                                           &owner);
    if (status == CI_OK) status = ci_registry_product_get(registry, id, &list);
    if (status != CI_OK) return conclude(result, CI_PUBLISH_WAITS, status, "%s", ci_error_text());
    ci_registry_product none = {.stage_path = "", .published_path = "", .error = ""};
    snprintf(none.id, sizeof none.id, "%s", id);
    const ci_registry_product *p = list->n ? &list->item[0] : &none;
    if (options->dry_run && list->n)
        status = dry_run(registry, p, options, result);
    else if (claim == CI_REGISTRY_CLAIM_TAKEN)
        status = ci_publish_conclude(registry, p, &owner, options, result);
    else
        status = not_taken(p, claim, &owner, result);
    ci_registry_products_free(list);
    return status;
}

ci_status ci_publish_due(ci_registry *registry, const ci_publish_options *options,
                         size_t *n_published, size_t *n_failed)
{
    ci_registry_products *list = NULL;
    ci_status worst = CI_OK;
    char text[2 * CI_REGISTRY_TEXT] = "";
    *n_published = *n_failed = 0;
    CI_TRY(ci_registry_products_read(registry, &list, CI_REGISTRY_PUBLISH_STAGING, false));
    for (size_t i = 0; i < list->n; i++) {
        ci_publish_result result;
        ci_status status = ci_publish_product(registry, list->item[i].id, options, &result);
        if (result.kind == CI_PUBLISH_BUSY ||
            (result.kind == CI_PUBLISH_WAITS && !options->dry_run))
            continue; /* not due */
        *n_published += result.kind == CI_PUBLISH_DONE;
        *n_failed += status != CI_OK;
        ci_log(status == CI_OK ? CI_LOG_INFO : CI_LOG_WARNING, "%s", result.text);
        if (status > worst) {
            worst = status;
            snprintf(text, sizeof text, "%s", result.text);
        }
    }
    ci_registry_products_free(list);
    return worst == CI_OK ? CI_OK : ci_error(worst, "%s", text);
}
