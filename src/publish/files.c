/* The files of a product: hashing, copying, reading back, SHA256SUMS. */
#include "publish/publish.h"

#include "contimg/base_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An open file by a path of its own: the same inode, whatever the folder holds by now. */
static ci_status hash_fd(char hex[CI_SHA256_HEX], int fd, const char *shown, const char *name)
{
    ci_status status = ci_sha256_fd(hex, fd, name);
    return status == CI_OK ? CI_OK : ci_error_prefix(status, "%s/%s", shown, name);
}

static ci_status list_grow(ci_publish_files *files)
{
    if (files->n & (files->n - 1)) return CI_OK;
    return ci_mem_resize(&files->item, files->n ? 2 * files->n : 1, sizeof *files->item,
                         "files of a product");
}

static ci_status file_open(ci_publish_files *files, int folder, const char *shown, const char *name)
{
    struct stat facts;
    if (fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return ci_error_errno(errno, shown, "look at a file of");
    if (S_ISDIR(facts.st_mode)) return CI_OK; /* folders are not part of a product */
    if (!S_ISREG(facts.st_mode) || !ci_publish_name_ok(name))
        return ci_error(CI_ERR_GATE,
                        "%s: '%s' is a link, a device or has a name that may not be "
                        "published",
                        shown, name);
    CI_TRY(list_grow(files));
    ci_publish_file *f = &files->item[files->n++];
    f->fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (f->fd < 0)
        return errno == ELOOP ? ci_error(CI_ERR_GATE, "%s: '%s' is a link", shown, name)
                              : ci_error_errno(errno, shown, "open a file of");
    if (fstat(f->fd, &facts) != 0) return ci_error_errno(errno, shown, "look at a file of");
    if (!S_ISREG(facts.st_mode))
        return ci_error(CI_ERR_GATE, "%s: '%s' is no plain file", shown, name);
    f->is.n_byte = facts.st_size;
    CI_TRY(ci_str_copy(&f->is.name, name));
    return hash_fd(f->is.sha256, f->fd, shown, name);
}

ci_status ci_publish_files_open(ci_publish_files *files, int folder, const char *shown)
{
    memset(files, 0, sizeof *files);
    int fd = dup(folder);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return ci_error_errno(errno, shown, "list folder");
    }
    rewinddir(dir); /* the position is shared with the descriptor that was copied */
    ci_status status = CI_OK;
    struct dirent *entry;
    while (status == CI_OK && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && !ci_path_is_part(entry->d_name) &&
            strcmp(entry->d_name, "SHA256SUMS") != 0)
            status = file_open(files, folder, shown, entry->d_name);
    closedir(dir);
    if (status != CI_OK) {
        ci_publish_files_close(files);
        return status;
    }
    if (files->n > 1)
        qsort(files->item, files->n, sizeof *files->item, ci_registry_product_file_order);
    return CI_OK;
}

void ci_publish_files_close(ci_publish_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        if (files->item[i].fd >= 0) close(files->item[i].fd);
        ci_mem_free(files->item[i].is.name);
    }
    ci_mem_free(files->item);
    memset(files, 0, sizeof *files);
}

const ci_publish_file *ci_publish_files_find(const ci_publish_files *files, const char *name)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->item[i].is.name, name) == 0) return &files->item[i];
    return NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static ci_status write_all(int fd, const char *data, size_t n, const char *shown)
{
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return ci_error_errno(errno, shown, "write");
        data += done;
        n -= (size_t)done;
    }
    return CI_OK;
}

static ci_status create(int folder, const char *name, const char *shown, int *fd)
{
    *fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    return *fd >= 0 ? CI_OK : ci_error_errno(errno, shown, "make a file in");
}

/* Published files are for reading: 0444 before the name is seen. close() may report what
 * the network file system kept to itself until now. */
static ci_status finish(int fd, ci_status status, const char *shown)
{
    if (status == CI_OK && fchmod(fd, 0444) != 0)
        status = ci_error_errno(errno, shown, "make read-only a file of");
    if (status == CI_OK) status = ci_publish_sync(fd, shown);
    if (status == CI_OK) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* read back: the disk's */
    if (close(fd) != 0 && status == CI_OK) status = ci_error_errno(errno, shown, "close a file of");
    return status;
}

ci_status ci_publish_file_copy(const ci_publish_file *file, int folder, const char *shown,
                               const ci_publish_tick *tick)
{
    enum
    {
        piece = 4 << 20
    };
    char *buffer = NULL;
    int fd;
    off_t at = 0;
    CI_TRY(ci_mem_alloc(&buffer, piece, 1, "copy buffer"));
    ci_status status = create(folder, file->is.name, shown, &fd);
    if (status != CI_OK) {
        ci_mem_free(buffer);
        return status;
    }
    while (status == CI_OK) {
        ssize_t n = pread(file->fd, buffer, piece, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = ci_error_errno(errno, file->is.name, "read staged file");
        if (n <= 0) break;
        status = write_all(fd, buffer, (size_t)n, shown);
        at += n;
        if (status == CI_OK && tick) status = tick->call(tick->context);
    }
    ci_mem_free(buffer);
    if (status == CI_OK && at != file->is.n_byte)
        status = ci_error(CI_ERR_INPUT, "%s: changed while it was published: %lld bytes, then %lld",
                          file->is.name, (long long)file->is.n_byte, (long long)at);
    return finish(fd, status, shown);
}

ci_status ci_publish_file_text(ci_publish_files *files, int folder, const char *shown,
                               const char *name, const char *text)
{
    int fd;
    size_t n = strlen(text);
    CI_TRY(list_grow(files));
    ci_publish_file *f = &files->item[files->n];
    f->fd = -1;
    f->is.n_byte = (int64_t)n;
    CI_TRY(ci_sha256_bytes(f->is.sha256, text, n));
    CI_TRY(ci_str_copy(&f->is.name, name));
    files->n++;
    CI_TRY(create(folder, name, shown, &fd));
    return finish(fd, write_all(fd, text, n, shown), shown);
}

ci_status ci_publish_sums_text(char **out, const ci_publish_files *files)
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "%s", "");
    for (size_t i = 0; i < files->n && status == CI_OK; i++)
        status =
            ci_text_append(&text, "%s  %s\n", files->item[i].is.sha256, files->item[i].is.name);
    *out = text.text;
    return status;
}

/* ---- reading back ---------------------------------------------------------------------------- */

static ci_status compare_one(int folder, const char *name, const char *sha256, const char *shown)
{
    char hex[CI_SHA256_HEX];
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return ci_error_prefix(ci_error_errno(errno, name, "open"), "%s", shown);
    ci_status status = hash_fd(hex, fd, shown, name);
    close(fd);
    if (status == CI_OK && strcmp(hex, sha256) != 0)
        status = ci_error(CI_ERR_IO,
                          "%s/%s: sha256 is %.12s..., should be %.12s...: what was "
                          "written is not what reads back",
                          shown, name, hex, sha256);
    return status;
}

ci_status ci_publish_files_compare(const ci_publish_files *files, int folder, const char *shown,
                                   const ci_publish_tick *tick)
{
    for (size_t i = 0; i < files->n; i++) {
        CI_TRY(compare_one(folder, files->item[i].is.name, files->item[i].is.sha256, shown));
        if (tick) CI_TRY(tick->call(tick->context));
    }
    return CI_OK;
}

static ci_status sums_read(int folder, const char *shown, char **text)
{
    char path[64];
    size_t n;
    int fd = openat(folder, "SHA256SUMS", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return ci_error_errno(errno, shown, "open SHA256SUMS of");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ci_status status = ci_file_read(text, &n, path);
    close(fd);
    if (status != CI_OK) return ci_error_prefix(status, "%s/SHA256SUMS", shown);
    if (n > 0) return CI_OK;
    ci_mem_free(*text);
    return ci_error(CI_ERR_INPUT, "%s/SHA256SUMS: empty, 0 bytes", shown);
}

/* Splits a line of SHA256SUMS: the checksum stays at its begin, *name is behind it. */
static ci_status line_split(char *line, const char *shown, const char **name)
{
    if (strlen(line) < 67 || strncmp(line + 64, "  ", 2) != 0 || !ci_publish_name_ok(line + 66))
        return ci_error(CI_ERR_INPUT, "%s/SHA256SUMS: not a line of checksums: '%.80s'", shown,
                        line);
    line[64] = '\0';
    *name = line + 66;
    return CI_OK;
}

/* A plain file is there; nothing of it is read. */
static ci_status look_for(int folder, const char *name, const char *shown)
{
    struct stat facts;
    if (fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return ci_error_prefix(ci_error_errno(errno, name, "look for"), "%s", shown);
    if (S_ISREG(facts.st_mode)) return CI_OK;
    return ci_error(CI_ERR_INPUT, "%s/%s: no plain file", shown, name);
}

ci_status ci_publish_folder_complete(int folder, const char *shown)
{
    char *text = NULL, *rest = NULL;
    const char *name = NULL;
    CI_TRY(sums_read(folder, shown, &text));
    ci_status status = CI_OK;
    for (char *line = strtok_r(text, "\n", &rest); line && status == CI_OK;
         line = strtok_r(NULL, "\n", &rest)) {
        status = line_split(line, shown, &name);
        if (status == CI_OK) status = look_for(folder, name, shown);
    }
    ci_mem_free(text);
    return status;
}

ci_status ci_publish_folder_verify(int folder, const char *shown, const ci_publish_files *staged)
{
    char *text = NULL, *rest = NULL;
    const char *name = NULL;
    size_t n_staged = 0;
    CI_TRY(sums_read(folder, shown, &text));
    ci_status status = CI_OK;
    for (char *line = strtok_r(text, "\n", &rest); line && status == CI_OK;
         line = strtok_r(NULL, "\n", &rest)) {
        status = line_split(line, shown, &name);
        if (status != CI_OK) break;
        status = compare_one(folder, name, line, shown);
        const ci_publish_file *f = staged ? ci_publish_files_find(staged, name) : NULL;
        n_staged += f != NULL;
        if (status == CI_OK && f && strcmp(f->is.sha256, line) != 0)
            status = ci_error(CI_ERR_INPUT,
                              "%s/%s: another content than the staged file of that "
                              "name: two products have one id",
                              shown, name);
    }
    ci_mem_free(text);
    if (status == CI_OK && staged && n_staged != staged->n)
        status = ci_error(CI_ERR_INPUT, "%s: %zu of the %zu staged files are in it", shown,
                          n_staged, staged->n);
    return status;
}

ci_status ci_publish_verify(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ci_error_errno(errno, folder, "open folder");
    ci_status status = ci_publish_folder_verify(fd, folder, NULL);
    close(fd);
    return status == CI_ERR_IO ? CI_ERR_INPUT : status;
}
