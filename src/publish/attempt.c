/* One attempt: the steps from the staged files to the committed product. */
#include "contimg/base_file.h"
#include "publish/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything that one attempt has open. */
typedef struct attempt
{
    ci_registry *registry;
    const ci_registry_product *p;
    const ci_registry_owner *owner;
    const ci_publish_options *options;
    ci_publish_result *result;
    ci_publish_files files;
    int staging, base, date, part;
    bool replaces; /* the version before stands published */
    char part_name[2 * CI_REGISTRY_ID + 8];
    double renewed_s; /* monotonic */
} attempt;

static ci_status renew(attempt *a)
{
    a->renewed_s = ci_clock_read_monotonic_s(ci_registry_clock(a->registry));
    return ci_registry_product_renew(a->registry, a->p->id, a->owner->token, a->options->lease_s);
}

/* While bytes move: the lease must not run out under a big file on a slow disk. */
static ci_status tick(void *context)
{
    attempt *a = context;
    double now_s = ci_clock_read_monotonic_s(ci_registry_clock(a->registry));
    return now_s - a->renewed_s < a->options->lease_s / 4 ? CI_OK : renew(a);
}

/* ---- what was there before ------------------------------------------------------------------ */

/* The folder of that name is the version before the staged one, which takes its place. */
static bool is_version_before(const attempt *a)
{
    return a->p->published_path[0] &&
           ci_path_is_same(a->p->published_path, a->result->published_path);
}

/* A folder of that name is there: an earlier attempt came as far as the rename, or it is the
 * version before. CI_OK with *done where it is this product; else the reason why it is not. */
static ci_status finish_earlier(attempt *a, bool *done)
{
    int fd = openat(a->date, a->p->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    *done = false;
    if (fd < 0 && errno == ENOENT) return CI_OK;
    if (fd < 0) return ci_error_errno(errno, a->result->published_path, "open");
    ci_status status =
        ci_publish_folder_verify(fd, a->result->published_path, a->files.n ? &a->files : NULL);
    close(fd);
    /* Another content, or one that is damaged and reads as no content at all. */
    bool differs = status == CI_ERR_INPUT || status == CI_ERR_IO;
    a->replaces = is_version_before(a) && (differs || a->files.n == 0);
    if (a->replaces) return CI_OK;
    *done = status == CI_OK;
    return status;
}

/* ---- the product's own words ----------------------------------------------------------------- */

/* The gates as text; NULL where there are none. */
static ci_status gates_text(char **out, const attempt *a)
{
    *out = NULL;
    if (a->result->gates.n == 0) return CI_OK;
    ci_json *json = ci_qa_gates_json(&a->result->gates);
    ci_status status = ci_json_print(out, json, false);
    ci_json_free(json);
    return status;
}

static ci_status provenance_text(char **out, const attempt *a, const char *date)
{
    ci_publish_provenance p = {.metadata_json = a->p->metadata_json};
    snprintf(p.id, sizeof p.id, "%s", a->p->id);
    snprintf(p.type_word, sizeof p.type_word, "%s", a->p->type_word);
    snprintf(p.date, sizeof p.date, "%s", date);
    CI_TRY(gates_text(&p.gates_json, a));
    ci_status status = ci_publish_provenance_text(out, &p, &a->files);
    ci_mem_free(p.gates_json);
    return status;
}

static ci_status sums_write(attempt *a)
{
    char *text = NULL;
    CI_TRY(ci_publish_sums_text(&text, &a->files));
    ci_status status =
        ci_publish_file_text(&a->files, a->part, a->result->published_path, "SHA256SUMS", text);
    ci_mem_free(text);
    return status;
}

static ci_status provenance_write(attempt *a, const char *date)
{
    char *text = NULL;
    if (ci_publish_files_find(&a->files, "provenance.json")) return CI_OK; /* staged, copied */
    CI_TRY(provenance_text(&text, a, date));
    ci_status status = ci_publish_file_text(&a->files, a->part, a->result->published_path,
                                            "provenance.json", text);
    ci_mem_free(text);
    return status;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static ci_status copy_all(attempt *a, const char *date)
{
    ci_publish_tick beat = {tick, a};
    const char *shown = a->result->published_path;
    size_t n_staged = a->files.n;
    if (mkdirat(a->date, a->part_name, 0755) != 0)
        return ci_error_errno(errno, shown, "make the .part folder of");
    CI_TRY(ci_publish_child_open(a->date, a->part_name, false, shown, &a->part));
    ci_file_share(a->part, a->date);
    for (size_t i = 0; i < n_staged; i++)
        CI_TRY(ci_publish_file_copy(&a->files.item[i], a->part, shown, &beat));
    CI_TRY(provenance_write(a, date));
    CI_TRY(sums_write(a));
    CI_TRY(ci_publish_files_compare(&a->files, a->part, shown, &beat));
    return ci_publish_sync(a->part, shown);
}

/* A file system that cannot exchange two names: the version before goes aside, into a .part that
 * recovery removes; a kill between leaves the new version to recovery, which publishes it. */
static int exchange_slowly(attempt *a)
{
    char aside[sizeof a->part_name + 8];
    snprintf(aside, sizeof aside, "%s." CI_PUBLISH_NOBODY ".part", a->p->id);
    if (renameat(a->date, a->p->id, a->date, aside) != 0) return errno;
    if (renameat(a->date, a->part_name, a->date, a->p->id) == 0) {
        if (renameat(a->date, aside, a->date, a->part_name) != 0)
            ci_log_warning("%s: the version before is still in %s: contimg publish --recover "
                           "removes it",
                           a->result->published_path, aside);
        return 0;
    }
    int why = errno;
    if (renameat(a->date, aside, a->date, a->p->id) != 0)
        ci_log_error("%s: the version before is in %s beside it, and could not be put back: %s",
                     a->result->published_path, aside, strerror(errno));
    return why;
}

/* The new version and the one before change names, which then is in the .part. */
static ci_status exchange(attempt *a)
{
    int why = renameat2(a->date, a->part_name, a->date, a->p->id, RENAME_EXCHANGE) ? errno : 0;
    if (why == EINVAL || why == ENOSYS) why = exchange_slowly(a);
    if (why) return ci_error_errno(why, a->result->published_path, "replace the version before of");
    return ci_publish_sync(a->date, a->result->published_path);
}

static ci_status rename_part(attempt *a, bool *lost_race)
{
    const char *shown = a->result->published_path;
    *lost_race = false;
    /* Ours until now? Who took the product over meanwhile does its own rename. */
    CI_TRY(renew(a));
    if (a->replaces) return exchange(a);
    if (renameat2(a->date, a->part_name, a->date, a->p->id, RENAME_NOREPLACE) != 0) {
        int why = errno;
        if (why == EINVAL || why == ENOSYS) {
            /* A file system without the flag: a folder with files in it is not replaced by a
             * plain rename either. */
            why = renameat(a->date, a->part_name, a->date, a->p->id) == 0 ? 0 : errno;
        }
        *lost_race = why == EEXIST || why == ENOTEMPTY;
        if (why) return ci_error_errno(why, shown, "rename into place");
    }
    return ci_publish_sync(a->date, shown);
}

static ci_status commit(attempt *a)
{
    char *gates = NULL;
    CI_TRY(gates_text(&gates, a));
    ci_status status = ci_registry_product_publish(a->registry, a->p->id, a->owner->token,
                                                   a->result->published_path, gates);
    ci_mem_free(gates);
    return status;
}

static ci_status folders_open(attempt *a, char date[16])
{
    const ci_publish_options *o = a->options;
    CI_TRY(ci_publish_date(date, a->p->time_mjd_s, a->p->id));
    if (!ci_publish_name_ok(a->p->id))
        return ci_error(CI_ERR_GATE, "'%s': an id that cannot be the name of a folder", a->p->id);
    snprintf(a->result->published_path, sizeof a->result->published_path, "%s/%s/%s",
             o->products_base, date, a->p->id);
    snprintf(a->part_name, sizeof a->part_name, "%s.%s.part", a->p->id, a->owner->token);
    CI_TRY(ci_publish_base_open(o->products_base, &a->base));
    return ci_publish_child_open(a->base, date, true, a->result->published_path, &a->date);
}

static ci_status steps(attempt *a)
{
    char date[16];
    bool done = false, lost_race = false;
    CI_TRY(folders_open(a, date));
    ci_status staged =
        ci_publish_folder_open(a->options->staging_base, a->p->stage_path, &a->staging);
    if (staged == CI_OK) staged = ci_publish_files_open(&a->files, a->staging, a->p->stage_path);
    /* Renamed but not committed, perhaps with the staging folder gone already. */
    if (staged == CI_OK || staged == CI_ERR_INPUT) CI_TRY(finish_earlier(a, &done));
    if (done) return commit(a);
    if (staged != CI_OK) {
        if (staged == CI_ERR_INPUT)
            return ci_error(CI_ERR_INPUT,
                            "%s: the staged product is not there: contimg run makes it again",
                            a->p->stage_path);
        return staged;
    }
    if (a->files.n == 0) return ci_error(CI_ERR_INPUT, "%s: no files in it", a->p->stage_path);
    CI_TRY(ci_publish_judge_files(a->registry, a->p, &a->files, a->options, &a->result->gates));
    if (a->result->gates.refused) {
        char why[CI_QA_TEXT];
        ci_qa_gates_text(&a->result->gates, why);
        return ci_error(CI_ERR_GATE, "%s", why);
    }
    CI_TRY(renew(a));
    CI_TRY(copy_all(a, date));
    ci_status status = rename_part(a, &lost_race);
    if (lost_race) {
        status = finish_earlier(a, &done);
        if (status == CI_OK && !done)
            status = ci_error(CI_ERR_IO, "%s: another publisher made it and took it away meanwhile",
                              a->result->published_path);
    }
    return status == CI_OK ? commit(a) : status;
}

ci_status ci_publish_attempt(ci_registry *registry, const ci_registry_product *p,
                             const ci_registry_owner *owner, const ci_publish_options *options,
                             ci_publish_result *result)
{
    attempt a = {.registry = registry,
                 .p = p,
                 .owner = owner,
                 .options = options,
                 .result = result,
                 .staging = -1,
                 .base = -1,
                 .date = -1,
                 .part = -1,
                 .renewed_s = ci_clock_read_monotonic_s(ci_registry_clock(registry))};
    ci_status status = steps(&a);
    /* What is left of a failed copy, or the version before; else, after a rename, there is nothing
     * of that name. */
    if (a.part >= 0 || status != CI_OK) {
        ci_error_saved saved = ci_error_save(status);
        if (a.date >= 0 && a.part_name[0] &&
            ci_publish_folder_remove(a.date, a.part_name, result->published_path) != CI_OK)
            ci_log_warning("%s", ci_error_text());
        ci_error_restore(&saved);
    }
    ci_publish_files_close(&a.files);
    int fds[] = {a.staging, a.base, a.date, a.part};
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0) close(fds[i]);
    return status;
}
