/* What may be removed, by rule and age: tiles that no group needs, staging of what is published,
 * logs and reports. Only what lies in their own folders, never through a link. */
#include "contimg/ops.h"
#include "contimg/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct cleaner
{
    ci_registry *registry;
    const ci_ops_clean_options *options;
    FILE *out;
    double now_unix_s;
    ci_ops_cleaned *sum;
} cleaner;

/* A thing that a rule looks at. */
typedef struct candidate
{
    char *path;
    const char *name;
    double age_s; /* since it was last changed */
    bool is_folder;
} candidate;
typedef ci_status (*rule)(cleaner *c, const candidate *what);

static int64_t n_byte_of(const candidate *what)
{
    struct stat facts;
    int64_t sum = 0;
    if (!what->is_folder) return lstat(what->path, &facts) == 0 ? facts.st_size : 0;
    DIR *dir = opendir(what->path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (fstatat(dirfd(dir), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(facts.st_mode))
            sum += facts.st_size;
    if (dir) closedir(dir);
    return sum;
}

/* A folder and the plain files in it; where something else is in it, that and the folder stay. */
static ci_status remove_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    ci_status status = CI_OK;
    if (!dir) {
        int why = errno;
        if (fd >= 0) close(fd);
        return why == ENOENT ? CI_OK : ci_error_errno(why, path, "open folder");
    }
    for (struct dirent *entry; status == CI_OK && (entry = readdir(dir));) {
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!is_dots && unlinkat(fd, entry->d_name, 0) != 0 && errno != ENOENT)
            status = ci_error_errno(errno, path, "remove a file of");
    }
    closedir(dir);
    if (status == CI_OK && rmdir(path) != 0 && errno != ENOENT)
        status = ci_error_errno(errno, path, "remove");
    return status;
}

/* Removes it and says so; *gone also where it is only said. A fault stops nothing else. */
static void remove_one(cleaner *c, const candidate *what, const char *why, bool *gone)
{
    int64_t n_byte = n_byte_of(what);
    ci_status status = CI_OK;
    if (!c->options->dry_run && what->is_folder)
        status = remove_folder(what->path);
    else if (!c->options->dry_run && unlink(what->path) != 0 && errno != ENOENT)
        status = ci_error_errno(errno, what->path, "remove");
    *gone = status == CI_OK;
    if (status != CI_OK) {
        c->sum->n_fault++;
        ci_log_warning("%s", ci_error_text());
        ci_error_clear();
        return;
    }
    c->sum->n_removed++;
    c->sum->n_byte += n_byte;
    fprintf(c->out, "%s %s: %.1f MB, %s\n", c->options->dry_run ? "would remove" : "removed",
            what->path, 1e-6 * (double)n_byte, why);
}

/* It is not needed, and stays for its age alone. */
static void young_count(cleaner *c, const candidate *what, double age_s)
{
    double next = c->now_unix_s + c->options->staging_s - age_s;
    if (c->sum->n_young == 0 || next < c->sum->next_unix_s) c->sum->next_unix_s = next;
    c->sum->n_young++;
    c->sum->n_young_byte += n_byte_of(what);
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* A tile whose observation is known and that no open group, and none still to be formed, needs.
 * Its lease keeps runs away meanwhile. */
static ci_status tile_rule(cleaner *c, const candidate *what)
{
    ci_registry_observations *known = NULL;
    const char *ids[] = {what->name};
    bool is_needed = true, gone;
    if (!what->is_folder) return CI_OK;
    CI_TRY(ci_registry_observation_get(c->registry, what->name, &known));
    bool is_ours = known->n > 0 && !known->item[0].is_deployed;
    ci_registry_observations_free(known);
    if (!is_ours) return CI_OK;
    if (what->age_s < c->options->staging_s) {
        CI_TRY(ci_registry_observation_is_needed(c->registry, what->name, c->options->n_overlap,
                                                 &is_needed));
        if (!is_needed) young_count(c, what, what->age_s);
        return CI_OK;
    }
    if (!c->options->dry_run) {
        ci_status status = ci_registry_tiles_claim(c->registry, ids, 1, 600);
        if (status == CI_ERR_NOT_READY) {
            ci_error_clear();
            return CI_OK; /* a run has it */
        }
        CI_TRY(status);
    }
    ci_status status = ci_registry_observation_is_needed(c->registry, what->name,
                                                         c->options->n_overlap, &is_needed);
    if (status == CI_OK && !is_needed) remove_one(c, what, "a tile that no group needs", &gone);
    if (!c->options->dry_run) {
        ci_status released = ci_registry_tiles_release(c->registry, ids, 1);
        if (status == CI_OK) status = released;
    }
    return status;
}

/* In one transaction: who withdraws it waits for its end, or has done so before. */
static ci_status mosaic_remove(cleaner *c, const candidate *what)
{
    bool may = false, is_busy = false, gone = false;
    CI_TRY(ci_registry_begin(c->registry, CI_REGISTRY_DB_DATA));
    ci_status status = ci_publish_staging_is_removable(c->registry, what->name, what->path, &may);
    if (status == CI_OK && may)
        status = ci_publish_is_being_made(c->registry, what->name, &is_busy);
    if (status == CI_OK && may && !is_busy)
        remove_one(c, what, "staging of a published product", &gone);
    if (status == CI_OK && gone && !c->options->dry_run)
        status = ci_registry_product_staging_removed(c->registry, what->name);
    return ci_registry_end(c->registry, CI_REGISTRY_DB_DATA, status);
}

/* A mosaic that is published, whole, for long enough. */
static ci_status mosaic_rule(cleaner *c, const candidate *what)
{
    ci_registry_products *found = NULL;
    bool may = false;
    if (!what->is_folder) return CI_OK;
    CI_TRY(ci_publish_staging_is_removable(c->registry, what->name, what->path, &may));
    if (!may) return CI_OK;
    CI_TRY(ci_registry_product_get(c->registry, what->name, &found));
    const ci_registry_product *p = found->n > 0 ? &found->item[0] : NULL;
    /* It may have been made again just now. */
    double age_s = p ? fmin(what->age_s, c->now_unix_s - p->published_unix_s) : 0;
    bool is_due = p && age_s >= c->options->staging_s;
    ci_status status = CI_OK;
    if (p && !is_due) young_count(c, what, age_s);
    if (is_due && ci_publish_verify(p->published_path) == CI_OK) {
        status = mosaic_remove(c, what);
    } else if (is_due) {
        ci_log_warning("%s: stays: as published it is not whole: %s", what->path, ci_error_text());
        ci_error_clear();
    }
    ci_registry_products_free(found);
    return status;
}

/* A service has these open: where it has nothing to say for a month, they are old and in use. */
static bool is_log_of_service(const char *name)
{
    static const char *const open_names[] = {"contimg-api.out",     "contimg-api.err",
                                             "contimg-stream.out",  "contimg-stream.err",
                                             "contimg-monitor.out", "contimg-monitor.err"};
    for (size_t i = 0; i < sizeof open_names / sizeof *open_names; i++)
        if (strcmp(name, open_names[i]) == 0) return true;
    return false;
}

static ci_status log_rule(cleaner *c, const candidate *what)
{
    bool gone;
    if (is_log_of_service(what->name)) return CI_OK;
    if (!what->is_folder && what->age_s >= c->options->log_s) remove_one(c, what, "a log", &gone);
    return CI_OK;
}

static ci_status report_rule(cleaner *c, const candidate *what)
{
    bool gone;
    if (what->is_folder && what->age_s >= c->options->report_s)
        remove_one(c, what, "a run's report", &gone);
    return CI_OK;
}

/* ---- folders --------------------------------------------------------------------------------- */

/* Each plain file and folder in base/name; links and devices are nobody's business here. */
static ci_status each(cleaner *c, const char *base, const char *name, rule apply)
{
    char *folder = NULL;
    struct stat facts;
    CI_TRY(ci_path_join(&folder, base, name));
    bool is_there = lstat(folder, &facts) == 0 && S_ISDIR(facts.st_mode);
    DIR *dir = is_there ? opendir(folder) : NULL;
    ci_status status = is_there && !dir ? ci_error_errno(errno, folder, "list folder") : CI_OK;
    for (struct dirent *entry; status == CI_OK && dir && (entry = readdir(dir));) {
        candidate what = {.name = entry->d_name};
        if (entry->d_name[0] == '.') continue;
        if (fstatat(dirfd(dir), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) continue;
        what.is_folder = S_ISDIR(facts.st_mode);
        what.age_s = c->now_unix_s - (double)facts.st_mtime;
        status = ci_path_join(&what.path, folder, entry->d_name);
        if (status == CI_OK) status = apply(c, &what);
        ci_mem_free(what.path);
    }
    if (dir) closedir(dir);
    ci_mem_free(folder);
    return status;
}

ci_status ci_ops_clean(ci_ops_cleaned *sum, ci_registry *registry,
                       const ci_ops_clean_options *options, FILE *out)
{
    cleaner c = {.registry = registry,
                 .options = options,
                 .out = out,
                 .now_unix_s = ci_registry_now(registry),
                 .sum = sum};
    memset(sum, 0, sizeof *sum);
    CI_TRY(each(&c, options->staging, "tiles", tile_rule));
    CI_TRY(each(&c, options->staging, "mosaics", mosaic_rule));
    CI_TRY(each(&c, options->state, "logs", log_rule));
    return each(&c, options->state, "reports", report_rule);
}
