/* Recovery: products of dead owners, .part folders, staging of what is published. */
#include "publish/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- products of dead owners --------------------------------------------------------------- */

static ci_status recover_one(ci_registry *registry, const ci_registry_product *p,
                             const ci_publish_options *options, ci_publish_recovered *r)
{
    ci_registry_owner owner;
    ci_registry_products *now = NULL;
    bool taken = false;
    CI_TRY(ci_registry_product_take_over(registry, p->id, options->lease_s, &owner, &taken));
    if (!taken) {
        r->n_busy += ci_registry_owner_alive(registry, &owner);
        return CI_OK;
    }
    CI_TRY(ci_registry_product_get(registry, p->id, &now));
    ci_publish_result result = {0};
    ci_status status = CI_OK;
    if (now->n == 1)
        status = ci_publish_conclude(registry, &now->item[0], &owner, options, &result);
    ci_registry_products_free(now);
    r->n_finished += status == CI_OK;
    r->n_returned += status != CI_OK && result.kind != CI_PUBLISH_GIVEN_UP;
    r->n_given_up += status != CI_OK && result.kind == CI_PUBLISH_GIVEN_UP;
    if (status != CI_OK) ci_log_warning("%s", result.text[0] ? result.text : ci_error_text());
    /* The product's fault is recorded with it; the others are recovered all the same. */
    ci_error_clear();
    return CI_OK;
}

static ci_status recover_publishing(ci_registry *registry, const ci_publish_options *options,
                                    ci_publish_recovered *r)
{
    ci_registry_products *list = NULL;
    CI_TRY(ci_registry_products_read(registry, &list, CI_REGISTRY_PUBLISH_PUBLISHING, false));
    ci_status status = CI_OK;
    for (size_t i = 0; i < list->n && status == CI_OK; i++)
        status = recover_one(registry, &list->item[i], options, r);
    ci_registry_products_free(list);
    return status;
}

/* ---- left-over .part folders ----------------------------------------------------------------- */

/* "<id>.<token>.part", token "<hex>-<16 hex>": its token, else NULL. */
static const char *part_token(const char *name, char token[CI_REGISTRY_ID])
{
    size_t n = strlen(name);
    if (n < 24 || !ci_path_is_part(name)) return NULL;
    snprintf(token, CI_REGISTRY_ID, "%s", "");
    for (size_t i = n - 5; i-- > 0;) {
        if (name[i] != '.') continue;
        size_t length = n - 5 - (i + 1);
        if (length >= CI_REGISTRY_ID) return NULL;
        memcpy(token, name + i + 1, length);
        token[length] = '\0';
        const char *dash = strchr(token, '-');
        bool ok = dash && strlen(dash + 1) == 16 && strspn(token, "0123456789abcdef-") == length;
        return ok ? token : NULL;
    }
    return NULL;
}

typedef struct part_list
{
    size_t n;
    struct part
    {
        char date[16], name[256], token[CI_REGISTRY_ID];
    } * item;
} part_list;

static ci_status parts_of_date(part_list *parts, int base, const char *date)
{
    int fd = openat(base, date, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return CI_OK;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return CI_OK;
    }
    ci_status status = CI_OK;
    struct dirent *entry;
    while (status == CI_OK && (entry = readdir(dir))) {
        char token[CI_REGISTRY_ID];
        if (!part_token(entry->d_name, token)) continue;
        if ((parts->n & (parts->n - 1)) == 0)
            status = ci_mem_resize(&parts->item, parts->n ? 2 * parts->n : 1, sizeof *parts->item,
                                   ".part folders");
        if (status != CI_OK) break;
        struct part *p = &parts->item[parts->n++];
        snprintf(p->date, sizeof p->date, "%s", date);
        snprintf(p->name, sizeof p->name, "%s", entry->d_name);
        snprintf(p->token, sizeof p->token, "%s", token);
    }
    closedir(dir);
    return status;
}

static ci_status parts_list(part_list *parts, int base, const char *shown)
{
    int fd = dup(base);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return ci_error_errno(errno, shown, "list folder");
    }
    ci_status status = CI_OK;
    struct dirent *entry;
    rewinddir(dir);
    while (status == CI_OK && (entry = readdir(dir)))
        if (ci_publish_is_date(entry->d_name)) status = parts_of_date(parts, base, entry->d_name);
    closedir(dir);
    return status;
}

/* Listed first, leases read after: whoever made a .part has had its lease in the database
 * before, so a .part without a lease is nobody's. */
static ci_status recover_parts(ci_registry *registry, const ci_publish_options *options,
                               ci_publish_recovered *r)
{
    part_list parts = {0};
    ci_registry_products *list = NULL;
    int base;
    if (!ci_path_is_folder(options->products_base)) return CI_OK; /* nothing published yet */
    CI_TRY(ci_publish_base_open(options->products_base, &base));
    ci_status status = parts_list(&parts, base, options->products_base);
    if (status == CI_OK)
        status = ci_registry_products_read(registry, &list, CI_REGISTRY_PUBLISH_PUBLISHING, false);
    for (size_t i = 0; i < parts.n && status == CI_OK; i++) {
        bool is_owned = false;
        for (size_t k = 0; k < list->n; k++)
            is_owned = is_owned || strcmp(list->item[k].owner.token, parts.item[i].token) == 0;
        if (is_owned) continue;
        int date =
            openat(base, parts.item[i].date, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (date < 0) continue;
        status = ci_publish_folder_remove(date, parts.item[i].name, parts.item[i].name);
        close(date);
        r->n_part += status == CI_OK;
    }
    ci_registry_products_free(list);
    ci_mem_free(parts.item);
    close(base);
    return status;
}

/* ---- published products ---------------------------------------------------------------------- */

/* The files of one published product: all there, and on an operator's demand (rebuild) all as they
 * were; else why not is the error's text. */
static ci_status published_look(const ci_registry_product *p, const ci_publish_options *options)
{
    int fd = open(p->published_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, "SHA256SUMS", F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        if (fd >= 0) close(fd);
        return ci_error(
            CI_ERR_IO,
            "%s: recorded as published, but %s is not there or has no SHA256SUMS: where "
            "its folder is gone, contimg publish --id %s publishes it again from "
            "staging, and contimg run --group %s --remake makes it again where that "
            "was cleaned",
            p->id, p->published_path, p->id, p->id);
    }
    ci_status status = options->rebuild ? ci_publish_folder_verify(fd, p->published_path, NULL)
                                        : ci_publish_folder_complete(fd, p->published_path);
    close(fd);
    if (status == CI_OK) return CI_OK;
    char why[CI_REGISTRY_TEXT];
    snprintf(why, sizeof why, "%s", ci_error_text());
    return ci_error(CI_ERR_IO,
                    "%s: published, and damaged since: %s (restore the file from a copy)", p->id,
                    why);
}

/* Its fault is said and counted, and stops nothing. One that was withdrawn or published anew since
 * the list was read has none. */
static ci_status is_sound(ci_registry *registry, const ci_registry_product *p,
                          const ci_publish_options *options, ci_publish_recovered *r, bool *sound)
{
    ci_registry_products *now = NULL;
    *sound = published_look(p, options) == CI_OK;
    if (*sound) return CI_OK;
    ci_error_saved saved = ci_error_save(CI_ERR_IO);
    ci_error_clear();
    CI_TRY(ci_registry_product_get(registry, p->id, &now));
    bool is_as_listed = now->n > 0 && now->item[0].state == CI_REGISTRY_PUBLISH_PUBLISHED &&
                        now->item[0].published_unix_s == p->published_unix_s;
    ci_registry_products_free(now);
    if (!is_as_listed) return CI_OK;
    r->n_fault++;
    ci_log_error("%s", saved.text);
    return CI_OK;
}

/* Staging that is not needed any more, unless a run works there again. */
static ci_status staging_drop(ci_registry *registry, const ci_registry_product *p,
                              const ci_publish_options *options, ci_publish_recovered *r)
{
    bool is_busy;
    CI_TRY(ci_publish_is_being_made(registry, p->id, &is_busy));
    if (is_busy) return CI_OK;
    CI_TRY(ci_publish_staging_remove(registry, p, options));
    r->n_staging++;
    return CI_OK;
}

static ci_status recover_published(ci_registry *registry, const ci_publish_options *options,
                                   ci_publish_recovered *r)
{
    ci_registry_products *list = NULL;
    CI_TRY(ci_registry_products_read(registry, &list, CI_REGISTRY_PUBLISH_PUBLISHED, false));
    ci_status status = ci_registry_mosaics_published(registry);
    for (size_t i = 0; i < list->n && status == CI_OK; i++) {
        const ci_registry_product *p = &list->item[i];
        bool sound;
        status = is_sound(registry, p, options, r, &sound);
        if (status == CI_OK && sound && p->staging_removable && options->remove_staging &&
            p->type == CI_REGISTRY_MOSAIC)
            status = staging_drop(registry, p, options, r);
    }
    ci_registry_products_free(list);
    return status;
}

/* A kill after the commit of a withdrawal left the published folder. */
static ci_status recover_withdrawn(ci_registry *registry, const ci_publish_options *options)
{
    ci_registry_products *list = NULL;
    CI_TRY(ci_registry_products_read(registry, &list, CI_REGISTRY_PUBLISH_STAGING, false));
    ci_status status = CI_OK;
    for (size_t i = 0; i < list->n && status == CI_OK; i++)
        if (list->item[i].is_withdrawn)
            status = ci_publish_withdraw_finish(registry, &list->item[i], options);
    ci_registry_products_free(list);
    return status;
}

ci_status ci_publish_recover(ci_registry *registry, const ci_publish_options *options,
                             ci_publish_recovered *recovered)
{
    memset(recovered, 0, sizeof *recovered);
    CI_TRY(recover_publishing(registry, options, recovered));
    CI_TRY(recover_withdrawn(registry, options));
    CI_TRY(recover_parts(registry, options, recovered));
    if (options->rebuild) CI_TRY(ci_publish_rebuild(registry, options, recovered));
    return recover_published(registry, options, recovered);
}
