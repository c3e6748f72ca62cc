/* Files: open, create, close; errors; the plugin path. */
#include "h5/h5_private.h"

#include "contimg/base_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool plugin_path_is_known(const char *path)
{
    unsigned n = 0;
    char known[4096];
    if (H5PLsize(&n) < 0) return true;
    for (unsigned i = 0; i < n; i++) {
        if (H5PLget(i, known, sizeof known) > 0 && strcmp(known, path) == 0) return true;
    }
    return false;
}

/* Debian keeps the plugins beside the library (<libdir>/hdf5/openmpi/plugins), not in the
 * folder that HDF5 itself searches; the loader knows the library's folder. */
static void add_plugin_path(void)
{
    static const char *const below[] = {"/hdf5/openmpi/plugins", "/hdf5/plugins",
                                        "/hdf5/lib/plugin"};
    Dl_info library;
    herr_t (*function)(void) = H5open;
    void *address = NULL;
    memcpy(&address, &function, sizeof address);
    if (dladdr(address, &library) == 0 || library.dli_fname == NULL) return;
    const char *slash = strrchr(library.dli_fname, '/');
    if (slash == NULL) return;
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        char path[4096];
        struct stat status;
        int n = snprintf(path, sizeof path, "%.*s%s", (int)(slash - library.dli_fname),
                         library.dli_fname, below[i]);
        if (n < 0 || (size_t)n >= sizeof path) continue;
        if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) continue;
        if (!plugin_path_is_known(path)) H5PLappend(path);
    }
}

typedef struct reason
{
    char text[256];
    int error_number; /* of the system call that failed; 0: none did */
} reason;

/* Walking upward the first entry is the innermost: what really went wrong. */
static herr_t keep_first(unsigned n, const H5E_error2_t *entry, void *context)
{
    reason *kept = context;
    (void)n;
    if (kept->error_number == 0 && entry->desc != NULL)
        kept->error_number = ci_h5_error_number(entry->desc);
    if (kept->text[0] == '\0' && entry->desc != NULL) {
        snprintf(kept->text, sizeof kept->text, "%s", entry->desc);
        ci_h5_text_clean(kept->text);
        for (char *c = kept->text; *c != '\0'; c++) {
            if ((unsigned char)*c < 0x20) *c = ' ';
        }
    }
    return 0;
}

/* What the system refused to read is no fault of the content. */
static ci_status status_of(const reason *why, ci_status status)
{
    if (status != CI_ERR_INPUT || why->error_number == 0) return status;
    return why->error_number == ENOMEM ? CI_ERR_MEMORY : CI_ERR_IO;
}

ci_status ci_h5_error(ci_status status, const char *path, const char *name, const char *action)
{
    reason why = {"", 0};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &why);
    H5Eclear2(H5E_DEFAULT);
    status = status_of(&why, status);
    return ci_error(status, "%s: %s%s%s%s%s", path, name != NULL ? name : "",
                    name != NULL ? ": " : "", action, why.text[0] != '\0' ? ": " : "", why.text);
}

static ci_status file_new(ci_h5_file **out, const char *path)
{
    ci_h5_file *file = NULL;
    CI_TRY(ci_mem_alloc(&file, 1, sizeof *file, "HDF5 file"));
    file->id = -1;
    ci_status status = ci_str_copy(&file->path, path);
    if (status != CI_OK) {
        ci_mem_free(file);
        return status;
    }
    *out = file;
    return CI_OK;
}

/* Says what is wrong with a file that HDF5 cannot open. */
static ci_status open_error(const char *path)
{
    struct stat status;
    reason why = {"", 0};
    if (stat(path, &status) != 0) return ci_error_errno(errno, path, "open");
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) return ci_error_errno(errno, path, "open");
    fclose(stream);
    if (status.st_size == 0)
        return ci_error(CI_ERR_INPUT, "%s: empty file (0 bytes): copy it again", path);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &why);
    H5Eclear2(H5E_DEFAULT);
    if (strstr(why.text, "truncated") != NULL) {
        return ci_error(CI_ERR_INPUT,
                        "%s: truncated HDF5 file, %lld bytes are there (%s): copy it again", path,
                        (long long)status.st_size, why.text);
    }
    if (strstr(why.text, "signature") != NULL) {
        return ci_error(CI_ERR_INPUT, "%s: not an HDF5 file (no signature): give one", path);
    }
    return ci_error(status_of(&why, CI_ERR_INPUT), "%s: HDF5 cannot open it: %s", path, why.text);
}

ci_status ci_h5_open(ci_h5_file **out, const char *path)
{
    ci_h5_file *file = NULL;
    *out = NULL;
    ci_h5_refusal_watch();
    add_plugin_path();
    CI_TRY(ci_file_check_plain(path));
    CI_TRY(file_new(&file, path));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0) {
        /* Files are read from network file systems without locks, and by several ranks. */
        H5Pset_file_locking(access, 0, 1);
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
        file->id = H5Fopen(path, H5F_ACC_RDONLY, access);
    }
    if (file->id < 0) {
        ci_status status = open_error(path);
        if (access >= 0) H5Pclose(access);
        ci_h5_close(file);
        return status;
    }
    H5Pclose(access);
    *out = file;
    return CI_OK;
}

ci_status ci_h5_create(ci_h5_file **out, const char *path)
{
    ci_h5_file *file = NULL;
    *out = NULL;
    ci_h5_refusal_watch();
    /* HDF5 hides errno: the system is asked first. */
    int fd;
    CI_TRY(ci_file_create(&fd, path));
    close(fd);
    CI_TRY(file_new(&file, path));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0) {
        /* In memory: a file that HDF5 cannot flush stays open, and crashes the end of the program.
         */
        H5Pset_fapl_core(access, (size_t)1 << 20, 0);
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
        file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
        H5Pclose(access);
    }
    if (file->id < 0) {
        ci_status status = ci_h5_error(CI_ERR_IO, path, NULL, "HDF5 cannot create it");
        ci_h5_close(file);
        return status;
    }
    file->is_written = true;
    *out = file;
    return CI_OK;
}

/* What was made in memory, to disk. */
static ci_status image_write(const ci_h5_file *file)
{
    void *bytes = NULL;
    ssize_t n = -1;
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) >= 0) n = H5Fget_file_image(file->id, NULL, 0);
    if (n < 0) return ci_h5_error(CI_ERR_IO, file->path, NULL, "flush");
    CI_TRY(ci_mem_alloc(&bytes, (size_t)n, 1, "HDF5 file"));
    ci_status status = CI_OK;
    if (H5Fget_file_image(file->id, bytes, (size_t)n) != n)
        status = ci_h5_error(CI_ERR_IO, file->path, NULL, "flush");
    if (status == CI_OK) status = ci_file_write(file->path, bytes, (size_t)n);
    ci_mem_free(bytes);
    return status;
}

ci_status ci_h5_close(ci_h5_file *file)
{
    ci_status status = CI_OK;
    if (file == NULL) return CI_OK;
    if (file->id >= 0) {
        if (file->is_written) status = image_write(file);
        if (H5Fclose(file->id) < 0 && file->is_written && status == CI_OK) {
            status = ci_h5_error(CI_ERR_IO, file->path, NULL, "close");
        }
        H5Eclear2(H5E_DEFAULT);
    }
    ci_mem_free(file->path);
    ci_mem_free(file);
    return status;
}

ci_status ci_h5_finish(ci_h5_file *file, ci_status status)
{
    if (file && status != CI_OK) file->is_written = false; /* nothing goes to disk */
    ci_status closed = ci_h5_close(file);
    return status == CI_OK ? closed : status;
}

const char *ci_h5_path(const ci_h5_file *file)
{
    return file->path;
}

bool ci_h5_filter_is_there(int number)
{
    add_plugin_path();
    bool there = H5Zfilter_avail((H5Z_filter_t)number) > 0;
    H5Eclear2(H5E_DEFAULT);
    return there;
}
