/* The scan of the input folder: the state of each file. */
#include "ingest/ingest.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum
{
    CORRUPT_S = 60 /* between two reads of a file that cannot be read */
};

/* Files that a scan found to be new or changed. */
typedef struct found_files
{
    size_t n;
    ci_registry_file *item;
} found_files;

static void found_free(found_files *found)
{
    for (size_t i = 0; i < found->n; i++)
        ci_mem_free(found->item[i].path);
    ci_mem_free(found->item);
}

static ci_status found_add(found_files *found, const ci_registry_file *file)
{
    if ((found->n & (found->n - 1)) == 0)
        CI_TRY(ci_mem_resize(&found->item, found->n ? 2 * found->n : 1, sizeof *found->item,
                             "files found"));
    ci_registry_file *f = &found->item[found->n];
    *f = *file;
    f->path = NULL;
    CI_TRY(ci_str_copy(&f->path, file->path));
    found->n++;
    return CI_OK;
}

static double unix_of(struct timespec t)
{
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Is the file at rest? By its own time, or, where another machine's clock set that, by how
 * long it has stood still under ours. */
static bool is_at_rest(const ci_registry_file *f, double now, double settle_s)
{
    return now - f->mtime_unix_s >= settle_s || now - f->changed_unix_s >= settle_s;
}

/* One look at an input folder. */
typedef struct listing
{
    ci_registry *registry;
    const ci_ingest_options *options;
    double since_unix_s; /* files that are older, and not known, are passed over */
    ci_ingest_report *report;
} listing;

/* State of a file from outside; *take: it is to be recorded. */
static ci_status look(const listing *l, const char *path, const struct stat *facts,
                      ci_registry_file *f, bool *take)
{
    ci_registry_files *known = NULL;
    ci_ingest_report *report = l->report;
    double now = ci_registry_now(l->registry), mtime = unix_of(facts->st_mtim);
    *take = false;
    CI_TRY(ci_registry_file_get(l->registry, path, &known));
    bool is_known = known->n > 0;
    memset(f, 0, sizeof *f);
    if (is_known) *f = known->item[0];
    bool moved = !is_known || f->size != facts->st_size || fabs(f->mtime_unix_s - mtime) > 1e-6;
    ci_registry_files_free(known);
    f->path = NULL;
    if (!is_known && mtime < l->since_unix_s) {
        report->n_passed_over++;
        return CI_OK;
    }
    if (is_known) report->n_known++;
    /* Used, late and duplicate files are done with; what their content does now is for who
     * reads them to see. */
    bool is_open = !is_known || f->state <= CI_REGISTRY_FILE_CORRUPT;
    if (!is_open || (!moved && f->state != CI_REGISTRY_FILE_GROWING)) return CI_OK;
    if (!moved && f->unreadable_unix_s > 0 && now - f->unreadable_unix_s < CORRUPT_S)
        return CI_OK; /* read again when the minute is over */
    if (!is_known) {
        f->arrived_unix_s = fmin(mtime, now);
        f->sub_band = -1;
        report->n_new++;
    }
    if (moved) {
        f->unreadable_unix_s = NAN;
        f->changed_unix_s = now;
        f->arrived_unix_s = fmin(mtime, now);
    }
    f->size = facts->st_size;
    f->mtime_unix_s = mtime;
    f->reason[0] = '\0';
    if (ci_ingest_name_is_incomplete(path)) {
        f->state = CI_REGISTRY_FILE_INCOMPLETE;
        snprintf(f->reason, sizeof f->reason, "by its name its writer is not done with it");
    } else if (facts->st_size == 0) {
        f->state = CI_REGISTRY_FILE_EMPTY;
        snprintf(f->reason, sizeof f->reason, "0 bytes: copy it again");
    } else
        f->state = is_at_rest(f, now, l->options->settle_s) ? CI_REGISTRY_FILE_USED
                                                            : CI_REGISTRY_FILE_GROWING;
    *take = true;
    return CI_OK;
}

/* A file of which the system does not say what it is (its server fails, its folder is closed): no
 * file that is gone. Until it can be looked at its observation waits for it as for one that grows.
 */
static ci_status look_failed(const listing *l, const char *path, int why, ci_registry_file *f,
                             bool *take)
{
    ci_registry_files *known = NULL;
    double now = ci_registry_now(l->registry), named_mjd_s = ci_ingest_name_time(path);
    ci_log_warning("%s: look at: %s: it is looked at again by the next scan", path, strerror(why));
    CI_TRY(ci_registry_file_get(l->registry, path, &known));
    bool is_known = known->n > 0;
    ci_registry_files_free(known);
    /* Of one that is not known only its name tells whether it is to be passed over. */
    if (is_known || isnan(named_mjd_s) || ci_time_unix_from_mjd_s(named_mjd_s) < l->since_unix_s)
        return CI_OK;
    memset(f, 0, sizeof *f);
    f->state = CI_REGISTRY_FILE_GROWING;
    f->sub_band = -1;
    f->arrived_unix_s = f->changed_unix_s = now;
    f->unreadable_unix_s = NAN;
    snprintf(f->reason, sizeof f->reason, "it cannot be looked at: %s", strerror(why));
    l->report->n_new++;
    *take = true;
    return CI_OK;
}

static ci_status list_one(const listing *l, const char *folder, const char *name,
                          found_files *found)
{
    struct stat facts;
    ci_registry_file f;
    char *path = NULL;
    bool take = false;
    CI_TRY(ci_path_join(&path, folder, name));
    if (ci_ingest_path_check(path) != CI_OK) {
        ci_log_warning("%s", ci_error_text());
        ci_error_clear();
        ci_mem_free(path);
        return CI_OK;
    }
    int why = stat(path, &facts) == 0 ? 0 : errno;
    ci_status status = CI_OK;
    /* Gone between the listing and here (renamed by its writer): not an error. */
    if (why == 0 ? S_ISREG(facts.st_mode) : why != ENOENT) {
        l->report->n_file++;
        status = why ? look_failed(l, path, why, &f, &take) : look(l, path, &facts, &f, &take);
        f.path = path;
        if (status == CI_OK && take) status = found_add(found, &f);
    }
    ci_mem_free(path);
    return status;
}

/* Files that are older, and not known, are passed over. */
static double since_of(const ci_registry *registry, const ci_ingest_options *options)
{
    return isnan(options->since_unix_s)
               ? ci_registry_migrated_unix_s(registry, CI_REGISTRY_DB_INGEST)
               : options->since_unix_s;
}

static ci_status list_folder(ci_registry *registry, const char *folder,
                             const ci_ingest_options *options, found_files *found,
                             ci_ingest_report *report)
{
    listing l = {registry, options, since_of(registry, options), report};
    DIR *dir = opendir(folder);
    if (!dir) {
        if (errno == ENOENT || errno == ENOTDIR)
            return ci_error(CI_ERR_INPUT,
                            "%s: no such folder: set CONTIMG_INPUT_DIR to where the "
                            "sub-band files arrive",
                            folder);
        return ci_error_errno(errno, folder, "open folder");
    }
    ci_status status = CI_OK;
    struct dirent *entry;
    while (status == CI_OK && (entry = readdir(dir)))
        if (ci_ingest_name_is_data(entry->d_name))
            status = list_one(&l, folder, entry->d_name, found);
    closedir(dir);
    return status;
}

size_t ci_ingest_count(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat facts;
        n += ci_ingest_name_is_data(entry->d_name) &&
             fstatat(dirfd(dir), entry->d_name, &facts, 0) == 0 && S_ISREG(facts.st_mode);
    }
    closedir(dir);
    return n;
}

ci_status ci_ingest_passed_over(ci_registry *registry, const char *folder,
                                const ci_ingest_options *options, size_t *n)
{
    char *resolved = realpath(folder, NULL); /* as a scan records them */
    double since = since_of(registry, options);
    DIR *dir = resolved && since > 0 ? opendir(resolved) : NULL;
    ci_status status = CI_OK;
    *n = 0;
    for (struct dirent *entry; dir && status == CI_OK && (entry = readdir(dir));) {
        struct stat facts;
        ci_registry_files *known = NULL;
        char *path = NULL;
        if (!ci_ingest_name_is_data(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &facts, 0) != 0 || !S_ISREG(facts.st_mode) ||
            !(unix_of(facts.st_mtim) < since))
            continue;
        status = ci_path_join(&path, resolved, entry->d_name);
        if (status == CI_OK) status = ci_registry_file_get(registry, path, &known);
        if (status == CI_OK) *n += known->n == 0;
        ci_registry_files_free(known);
        ci_mem_free(path);
    }
    if (dir) closedir(dir);
    free(resolved);
    return status;
}

/* A read that fails is a state of the moment (a file server, a limit of open files), and so may be
 * what HDF5 calls corrupt: only a file that it finds so twice, a minute apart, is. */
static void unreadable_set(ci_registry_file *f, ci_status status, double now)
{
    char text[CI_REGISTRY_TEXT];
    bool is_first = !(f->unreadable_unix_s > 0);
    ci_log_warning("%s", ci_error_text());
    if (status == CI_ERR_IO) {
        f->state = CI_REGISTRY_FILE_GROWING;
        f->unreadable_unix_s = NAN;
    } else if (f->state == CI_REGISTRY_FILE_CORRUPT && is_first) {
        f->state = CI_REGISTRY_FILE_GROWING;
        f->unreadable_unix_s = now;
        snprintf(text, sizeof text, "%s", f->reason);
        snprintf(f->reason, sizeof f->reason, "read again in a minute: %s", text);
    }
}

/* Headers are read outside any transaction: reading is slow, others may write meanwhile. */
static ci_status read_headers(found_files *found, const ci_ingest_options *options, double now)
{
    for (size_t i = 0; i < found->n; i++) {
        ci_registry_file *f = &found->item[i];
        if (ci_stop_asked())
            return ci_error(CI_ERR_STOPPED,
                            "%s: stopped on request before it was read; run it again to resume",
                            f->path);
        if (f->state != CI_REGISTRY_FILE_USED) continue;
        ci_status status = ci_ingest_file_read(f, options);
        if (status == CI_ERR_MEMORY || status == CI_ERR_INTERNAL) return status;
        if (status != CI_OK) unreadable_set(f, status, now);
        ci_error_clear();
    }
    return CI_OK;
}

static bool is_gone(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Rows of files that were renamed or removed before they were whole. */
static ci_status forget_gone(ci_registry *registry)
{
    ci_registry_files *list = NULL;
    ci_status status = ci_registry_files_unsettled(registry, &list);
    for (size_t i = 0; status == CI_OK && i < list->n; i++)
        if (is_gone(list->item[i].path))
            status = ci_registry_file_forget(registry, list->item[i].path);
    ci_registry_files_free(list);
    return status;
}

/* One file in the transaction. Another process may have recorded it since we looked. */
static ci_status record(ci_registry *registry, ci_registry_file *f,
                        const ci_ingest_options *options, ci_ingest_report *report)
{
    ci_registry_files *known = NULL;
    CI_TRY(ci_registry_file_get(registry, f->path, &known));
    bool is_done = known->n > 0 && known->item[0].state >= CI_REGISTRY_FILE_USED;
    ci_registry_files_free(known);
    if (is_done) return CI_OK;
    ci_status status = f->state == CI_REGISTRY_FILE_USED ? ci_ingest_assign(registry, f, options)
                                                         : ci_registry_file_put(registry, f);
    if (status == CI_OK) report->n_by_state[f->state]++;
    return status;
}

static ci_status record_all(ci_registry *registry, found_files *found,
                            const ci_ingest_options *options, ci_ingest_report *report)
{
    ci_status status = CI_OK;
    for (size_t i = 0; i < found->n && status == CI_OK; i++)
        status = record(registry, &found->item[i], options, report);
    /* In order of time: an observation's files are together. */
    const char *last = "";
    for (size_t i = 0; i < found->n && status == CI_OK; i++) {
        const ci_registry_file *f = &found->item[i];
        if (f->state != CI_REGISTRY_FILE_USED || strcmp(f->observation_id, last) == 0) continue;
        last = f->observation_id;
        status = ci_ingest_refresh(registry, last, options);
    }
    return status;
}

ci_status ci_ingest_scan(ci_registry *registry, const char *folder,
                         const ci_ingest_options *options, ci_ingest_report *report)
{
    char resolved[PATH_MAX];
    found_files found = {0};
    memset(report, 0, sizeof *report);
    if (!realpath(folder, resolved))
        return ci_error(CI_ERR_INPUT,
                        "%s: %s: set CONTIMG_INPUT_DIR to where the sub-band files arrive", folder,
                        strerror(errno));
    CI_TRY(ci_ingest_path_check(resolved));
    ci_status status = list_folder(registry, resolved, options, &found, report);
    if (status == CI_OK) status = read_headers(&found, options, ci_registry_now(registry));
    if (found.n > 1) qsort(found.item, found.n, sizeof *found.item, ci_ingest_file_order);
    if (status == CI_OK) status = ci_registry_begin(registry, CI_REGISTRY_DB_INGEST);
    if (status == CI_OK) {
        status = forget_gone(registry);
        if (status == CI_OK) status = record_all(registry, &found, options, report);
        if (status == CI_OK) status = ci_ingest_close_observations(registry, options, report);
        if (status == CI_OK) status = ci_ingest_form_groups(registry, resolved, options, report);
        status = ci_registry_end(registry, CI_REGISTRY_DB_INGEST, status);
    }
    found_free(&found);
    if (status == CI_OK && report->n_passed_over)
        ci_log_info("%s: %zu file%s passed over: older than the first use of this database "
                    "(--since takes those from a time on, and by name contimg run takes any)",
                    resolved, report->n_passed_over, ci_plural(report->n_passed_over));
    return status;
}

ci_status ci_ingest_advance(ci_registry *registry, const ci_ingest_options *options,
                            ci_ingest_report *report)
{
    memset(report, 0, sizeof *report);
    CI_TRY(ci_registry_begin(registry, CI_REGISTRY_DB_INGEST));
    ci_status status = ci_ingest_close_observations(registry, options, report);
    if (status == CI_OK) status = ci_ingest_form_groups(registry, NULL, options, report);
    return ci_registry_end(registry, CI_REGISTRY_DB_INGEST, status);
}
