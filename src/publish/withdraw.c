/* Taking a published product back into staging.
 *
 * Order: published files read and compared -> copied into <stage_path>.part, compared, renamed
 * (where a newer version is staged, it goes) -> commit -> the published folder renamed to a .part
 * and removed. Until the commit it is published; after it, recovery removes what is left. */
#include "publish/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct withdrawal
{
    const ci_registry_product *p;
    const ci_publish_options *options;
    ci_publish_files files;           /* the published ones */
    ci_publish_provenance provenance; /* of a version before */
    int published, above;             /* the product's folder; where its staging folder is */
    bool is_before;                   /* a newer version is staged, refused or failed */
} withdrawal;

/* ---- the staging folder ---------------------------------------------------------------------- */

/* The folder in which the staging folder is or will be. */
static ci_status above_open(withdrawal *w)
{
    const char *base = w->options->staging_base;
    char *above = NULL;
    CI_TRY(ci_path_parent(&above, w->p->stage_path));
    ci_status status = ci_publish_folder_open(base, above, &w->above);
    if (status == CI_ERR_INPUT) {
        status = ci_path_make_folder(above);
        if (status == CI_OK) status = ci_publish_folder_open(base, above, &w->above);
    }
    /* Right below the base. */
    if (status == CI_ERR_GATE && ci_path_is_same(above, base))
        status = ci_publish_base_open(base, &w->above);
    ci_mem_free(above);
    return status;
}

static ci_status copy_into(withdrawal *w, int part, const char *shown)
{
    ci_publish_files copied = {0};
    CI_TRY(ci_mem_alloc(&copied.item, w->files.n, sizeof *copied.item, "files of a product"));
    ci_status status = CI_OK;
    for (size_t i = 0; i < w->files.n && status == CI_OK; i++) {
        /* Written anew when it is published again. */
        if (strcmp(w->files.item[i].is.name, "provenance.json") == 0) continue;
        status = ci_publish_file_copy(&w->files.item[i], part, shown, NULL);
        copied.item[copied.n++] = w->files.item[i];
    }
    if (status == CI_OK) status = ci_publish_files_compare(&copied, part, shown, NULL);
    ci_mem_free(copied.item);
    return status == CI_OK ? ci_publish_sync(part, shown) : status;
}

static ci_status put_back(withdrawal *w, const char *name)
{
    const char *shown = w->p->stage_path;
    char part_name[2 * CI_REGISTRY_ID + 8];
    int part;
    snprintf(part_name, sizeof part_name, "%s.part", name);
    CI_TRY(ci_publish_folder_remove(w->above, part_name, shown)); /* of one that was killed */
    CI_TRY(ci_publish_child_open(w->above, part_name, true, shown, &part));
    ci_status status = copy_into(w, part, shown);
    close(part);
    /* What a clean left, or a newer version. */
    if (status == CI_OK) status = ci_publish_folder_remove(w->above, name, shown);
    if (status == CI_OK && renameat(w->above, part_name, w->above, name) != 0)
        status = ci_error_errno(errno, shown, "rename into place");
    if (status == CI_OK) return ci_publish_sync(w->above, shown);
    ci_error_saved saved = ci_error_save(status);
    if (ci_publish_folder_remove(w->above, part_name, shown) != CI_OK)
        ci_log_warning("%s", ci_error_text());
    return ci_error_restore(&saved);
}

/* Every published file but provenance.json, which is written anew, is among the staged ones. */
static bool is_all_of_it(const withdrawal *w, const ci_publish_files *staged)
{
    for (size_t i = 0; i < w->files.n; i++) {
        const char *name = w->files.item[i].is.name;
        if (strcmp(name, "provenance.json") != 0 && !ci_publish_files_find(staged, name))
            return false;
    }
    return true;
}

/* What the staging folder `fd` holds: the published files, or those that a clean which was killed
 * left of them. Anything else is another's. */
static ci_status staging_judge(withdrawal *w, int fd, bool *is_whole)
{
    ci_publish_files staged = {0};
    CI_TRY(ci_publish_files_open(&staged, fd, w->p->stage_path));
    ci_status status = ci_publish_folder_verify(w->published, w->p->published_path, &staged);
    *is_whole = is_all_of_it(w, &staged);
    ci_publish_files_close(&staged);
    if (status == CI_OK) return CI_OK;
    return ci_error_prefix(
        status,
        "%s holds something else (it was changed since): move that folder away, and "
        "withdraw again",
        w->p->stage_path);
}

/* Its files are in staging: they still are, or are put there. */
static ci_status staging_fill(withdrawal *w)
{
    const char *name = ci_path_base(w->p->stage_path);
    bool is_whole = false;
    CI_TRY(above_open(w));
    if (w->is_before) return put_back(w, name);
    int fd = openat(w->above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return put_back(w, name);
    if (fd < 0) return ci_error_errno(errno, w->p->stage_path, "open folder");
    ci_status status = staging_judge(w, fd, &is_whole);
    close(fd);
    return status != CI_OK || is_whole ? status : put_back(w, name);
}

/* Whether they are in staging still: clean may have looked at the product before. */
static bool is_filled(const withdrawal *w)
{
    const char *name = ci_path_base(w->p->stage_path);
    int fd = openat(w->above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool filled = fd >= 0;
    for (size_t i = 0; i < w->files.n && filled; i++) {
        const char *file = w->files.item[i].is.name;
        filled = strcmp(file, "provenance.json") == 0 ||
                 faccessat(fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
    if (fd >= 0) close(fd);
    return filled;
}

/* ---- the published folder -------------------------------------------------------------------- */

/* Moves the folder out of the products, unless the product was published again meanwhile: who would
 * do so waits for the end of the transaction. */
static ci_status take_away(ci_registry *registry, const char *id, int above, const char *part_name)
{
    ci_registry_products *now = NULL;
    CI_TRY(ci_registry_begin(registry, CI_REGISTRY_DB_DATA));
    ci_status status = ci_registry_product_get(registry, id, &now);
    bool is_withdrawn = status == CI_OK && now->n > 0 && now->item[0].is_withdrawn;
    ci_registry_products_free(now);
    if (is_withdrawn && renameat(above, id, above, part_name) != 0 && errno != ENOENT)
        status = ci_error_errno(errno, id, "rename the published folder of");
    return ci_registry_end(registry, CI_REGISTRY_DB_DATA, status);
}

ci_status ci_publish_withdraw_finish(ci_registry *registry, const ci_registry_product *p,
                                     const ci_publish_options *options)
{
    char date[16], part_name[2 * CI_REGISTRY_ID + 8];
    int base, above;
    if (!ci_path_is_folder(options->products_base)) return CI_OK;
    CI_TRY(ci_publish_date(date, p->time_mjd_s, p->id));
    CI_TRY(ci_publish_base_open(options->products_base, &base));
    above = openat(base, date, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    close(base);
    if (above < 0) return CI_OK;
    snprintf(part_name, sizeof part_name, "%s.%s.part", p->id, CI_PUBLISH_NOBODY);
    ci_status status = CI_OK;
    if (faccessat(above, p->id, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        status = ci_publish_folder_remove(above, part_name, part_name);
        if (status == CI_OK) status = take_away(registry, p->id, above, part_name);
        if (status == CI_OK) status = ci_publish_sync(above, p->id);
    }
    if (status == CI_OK) status = ci_publish_folder_remove(above, part_name, part_name);
    close(above);
    return status;
}

/* Opens and reads the published files; nobody else withdraws it meanwhile. */
static ci_status published_open(withdrawal *w)
{
    const ci_registry_product *p = w->p;
    char *path = NULL;
    CI_TRY(ci_publish_path(&path, w->options->products_base, p->time_mjd_s, p->id));
    ci_status status = CI_OK;
    if (!ci_path_is_same(path, p->published_path))
        status =
            ci_error(CI_ERR_INPUT, "%s: is published at %s, not at %s: give its --products-dir",
                     p->id, p->published_path, path);
    ci_mem_free(path);
    if (status == CI_OK)
        status =
            ci_publish_folder_open(w->options->products_base, p->published_path, &w->published);
    CI_TRY(status);
    if (flock(w->published, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return ci_error(CI_ERR_NOT_READY, "%s: is being withdrawn by another process", p->id);
    CI_TRY(ci_publish_folder_verify(w->published, p->published_path, NULL));
    return ci_publish_files_open(&w->files, w->published, p->published_path);
}

/* In one transaction: who removes staging looks at the product's state in one, too. */
static ci_status commit(ci_registry *registry, const withdrawal *w)
{
    const ci_registry_product *p = w->p;
    bool done = false;
    CI_TRY(ci_registry_begin(registry, CI_REGISTRY_DB_DATA));
    ci_status status = CI_OK;
    if (is_filled(w) && w->is_before)
        status = ci_registry_product_withdraw_before(registry, p, w->provenance.metadata_json,
                                                     w->provenance.gates_json, &done);
    else if (is_filled(w))
        status = ci_registry_product_withdraw(registry, p->id, p->published_path, &done);
    if (status == CI_OK && !done)
        status = ci_error(CI_ERR_NOT_READY, "%s: was changed meanwhile, try again", p->id);
    return ci_registry_end(registry, CI_REGISTRY_DB_DATA, status);
}

/* What a run works on would be mixed with what is put back. */
static ci_status not_made_check(ci_registry *registry, const char *id)
{
    bool is_busy;
    CI_TRY(ci_publish_is_being_made(registry, id, &is_busy));
    if (!is_busy) return CI_OK;
    return ci_error(CI_ERR_NOT_READY,
                    "%s: a run makes it again (contimg db leases): withdraw it when that is done",
                    id);
}

static ci_status provenance_read(withdrawal *w)
{
    char *path = NULL;
    CI_TRY(ci_path_join(&path, w->p->published_path, "provenance.json"));
    ci_status status = ci_publish_provenance_read(&w->provenance, path);
    ci_mem_free(path);
    return status;
}

static ci_status steps(ci_registry *registry, const ci_registry_product *p,
                       const ci_publish_options *options)
{
    withdrawal w = {.p = p,
                    .options = options,
                    .published = -1,
                    .above = -1,
                    .is_before = p->state != CI_REGISTRY_PUBLISH_PUBLISHED};
    ci_status status = published_open(&w);
    if (status == CI_OK) status = not_made_check(registry, p->id);
    if (status == CI_OK && w.is_before) status = provenance_read(&w);
    if (status == CI_OK) status = staging_fill(&w);
    if (status == CI_OK) status = commit(registry, &w);
    if (status == CI_OK) status = ci_publish_withdraw_finish(registry, p, options);
    ci_publish_files_close(&w.files);
    ci_publish_provenance_clear(&w.provenance);
    if (w.published >= 0) close(w.published);
    if (w.above >= 0) close(w.above);
    return status;
}

/* Published, or a version of it is while a newer one is not. */
static bool is_to_be_had(const ci_registry_product *p)
{
    bool is_before = p->published_path && p->published_path[0] && !p->is_withdrawn &&
                     p->state != CI_REGISTRY_PUBLISH_PUBLISHING;
    return p->state == CI_REGISTRY_PUBLISH_PUBLISHED || is_before;
}

ci_status ci_publish_withdraw(ci_registry *registry, const char *id,
                              const ci_publish_options *options, ci_publish_result *result)
{
    ci_registry_products *list = NULL;
    memset(result, 0, sizeof *result);
    CI_TRY(ci_registry_product_get(registry, id, &list));
    const ci_registry_product *p = list->n ? &list->item[0] : NULL;
    ci_status status;
    if (!p || p->is_deployed)
        status = ci_error(CI_ERR_INPUT,
                          "%s: no such product, or one of the deployed pipeline, which contimg "
                          "leaves alone: contimg status lists them",
                          id);
    else if (is_to_be_had(p))
        status = steps(registry, p, options);
    else if (p->is_withdrawn)
        status = ci_publish_withdraw_finish(registry, p, options);
    else
        status = ci_error(CI_ERR_NOT_READY, "%s: is %s, not published: nothing to withdraw", id,
                          ci_registry_publish_state_word(p->state));
    if (status == CI_OK && p->type == CI_REGISTRY_MOSAIC)
        status = ci_registry_mosaic_published(registry, id);
    if (status == CI_OK)
        snprintf(result->text, sizeof result->text,
                 "%s: %s, in staging: %s; contimg publish --id %s publishes it again", id,
                 p->state == CI_REGISTRY_PUBLISH_PUBLISHED || p->is_withdrawn
                     ? "withdrawn"
                     : "the version before withdrawn",
                 p->stage_path, id);
    ci_registry_products_free(list);
    return status;
}
