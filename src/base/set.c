/* Sets of files that take the place of an earlier set: a list of the new ones, written first, lets
 * whoever comes after a kill bring the renaming to its end. */
#include "contimg/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file with its names on the way: as written, as one of a set that is whole. */
typedef struct set_file
{
    const char *path; /* borrowed */
    char *part, *ready;
    bool is_listed; /* of the new set */
} set_file;

typedef struct file_set
{
    size_t n;
    set_file *file;
    char *list, *list_part;
} file_set;

static void set_close(file_set *set)
{
    for (size_t i = 0; set->file && i < set->n; i++) {
        ci_mem_free(set->file[i].part);
        ci_mem_free(set->file[i].ready);
    }
    ci_mem_free(set->file);
    ci_mem_free(set->list);
    ci_mem_free(set->list_part);
}

static ci_status set_open(file_set *set, char *const *paths, size_t n)
{
    *set = (file_set){.n = n};
    CI_TRY(ci_mem_alloc(&set->file, n, sizeof *set->file, "files of a set"));
    ci_status status = ci_str_format(&set->list, "%s.set.part", paths[n - 1]);
    if (status == CI_OK) status = ci_path_part(&set->list_part, set->list);
    for (size_t i = 0; i < n && status == CI_OK; i++) {
        set->file[i].path = paths[i];
        status = ci_path_part(&set->file[i].part, paths[i]);
        if (status == CI_OK) status = ci_str_format(&set->file[i].ready, "%s.ready.part", paths[i]);
    }
    if (status != CI_OK) set_close(set);
    return status;
}

/* What is missing of an output is no missing input. */
static ci_status output_error(const char *path, const char *action)
{
    ci_status status = ci_error_errno(errno, path, action);
    return status == CI_ERR_INPUT ? CI_ERR_IO : status;
}

static ci_status remove_there(const char *path, const char *action)
{
    return unlink(path) == 0 || errno == ENOENT ? CI_OK : output_error(path, action);
}

/* The names get their files; no step of it needs to be the first that is made. */
static ci_status set_apply(const file_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (!set->file[i].is_listed || ci_path_exists(set->file[i].ready))
            CI_TRY(remove_there(set->file[i].path, "remove the earlier file"));
    for (size_t i = 0; i < set->n; i++) {
        const set_file *f = &set->file[i];
        if (f->is_listed && rename(f->ready, f->path) != 0 && errno != ENOENT)
            return output_error(f->path, "rename into place");
    }
    char *folder = NULL;
    CI_TRY(ci_path_parent(&folder, set->list));
    ci_status status = ci_path_sync(folder);
    ci_mem_free(folder);
    return status == CI_OK ? remove_there(set->list, "remove the list of a set") : status;
}

/* Each name on a line of its own. */
static ci_status list_read(file_set *set)
{
    char *text = NULL, *line = NULL;
    CI_TRY(ci_file_read(&text, NULL, set->list));
    ci_status status = CI_OK;
    for (size_t i = 0; i < set->n && status == CI_OK; i++) {
        status = ci_str_format(&line, "\n%s\n", ci_path_base(set->file[i].path));
        set->file[i].is_listed = status == CI_OK && strstr(text, line);
        ci_mem_free(line);
    }
    ci_mem_free(text);
    return status;
}

static ci_status list_write(const file_set *set)
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "Files of one call, each as NAME.ready.part until it "
                                             "has its name; the next call brings it to its end:\n");
    for (size_t i = 0; i < set->n && status == CI_OK; i++)
        if (set->file[i].is_listed)
            status = ci_text_append(&text, "%s\n", ci_path_base(set->file[i].path));
    if (status == CI_OK) status = ci_file_write(set->list, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

/* An earlier commit: to its end where its list is there; else nothing of it counts. */
static ci_status set_finish(file_set *set)
{
    if (ci_path_exists(set->list)) {
        CI_TRY(list_read(set));
        CI_TRY(set_apply(set));
        ci_log_info("%s: the files of an earlier call got their names", set->list);
    }
    for (size_t i = 0; i < set->n; i++)
        CI_TRY(remove_there(set->file[i].ready, "remove a left-over"));
    return remove_there(set->list_part, "remove a left-over");
}

/* From .part to .ready.part, and their list: before it the earlier set is the one that counts. */
static ci_status set_prepare(file_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (ci_path_is_folder(set->file[i].path))
            return ci_error(CI_ERR_IO, "%s: a folder is in the way: remove it or write elsewhere",
                            set->file[i].path);
    for (size_t i = 0; i < set->n; i++) {
        set_file *f = &set->file[i];
        f->is_listed = ci_path_exists(f->part);
        if (f->is_listed && rename(f->part, f->ready) != 0)
            return output_error(f->path, "make ready");
    }
    return list_write(set);
}

ci_status ci_path_commit_set(char *const *paths, size_t n)
{
    file_set set;
    if (n == 0) return CI_OK;
    CI_TRY(set_open(&set, paths, n));
    ci_status status = set_finish(&set);
    if (status == CI_OK) status = set_prepare(&set);
    if (status == CI_OK) status = set_apply(&set);
    set_close(&set);
    return status;
}

void ci_path_discard_set(char *const *paths, size_t n)
{
    file_set set;
    if (n == 0) return;
    ci_error_saved saved = ci_error_save(CI_ERR_IO); /* why it is discarded */
    if (set_open(&set, paths, n) == CI_OK) {
        if (set_finish(&set) != CI_OK) ci_log_warning("left-overs stay: %s", ci_error_text());
        for (size_t i = 0; i < n; i++)
            unlink(set.file[i].part);
        set_close(&set);
    }
    ci_error_restore(&saved);
}

ci_status ci_path_end_set(const char *prefix, const char *const *names, size_t n, bool commits)
{
    char **path = NULL;
    CI_TRY(ci_mem_alloc(&path, n, sizeof *path, "names of files"));
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = ci_str_format(&path[i], "%s%s", prefix, names[i]);
    if (status == CI_OK && commits) status = ci_path_commit_set(path, n);
    if (n > 0 && path[n - 1] && (status != CI_OK || !commits)) ci_path_discard_set(path, n);
    for (size_t i = 0; i < n; i++)
        ci_mem_free(path[i]);
    ci_mem_free(path);
    return status;
}
