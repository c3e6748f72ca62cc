/* What a group is made from: groups are known by their times, and other data may have the same. */
#include "run/inputs.h"
#include "run/provenance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    PIECE = 1 << 16,
    N_PIECE = 16
};

static ci_status piece_read(int fd, const char *path, char *out, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t got = pread(fd, out, n, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ci_error_errno(errno, path, "read");
        if (got == 0) return ci_error(CI_ERR_IO, "%s: the file shrank while it was read", path);
        out += got;
        n -= (size_t)got;
        at += got;
    }
    return CI_OK;
}

/* Size and a checksum of pieces from the first to the last byte: a copy is the same, whatever
 * its name and time, and nothing that a program writes anew is. All bytes of all files would
 * take as long as to read the data twice. */
static ci_status sample_append(ci_text *text, int fd, const char *path, off_t size, char *buffer)
{
    char hex[CI_SHA256_HEX];
    size_t n = 0;
    if (size <= (off_t)PIECE * N_PIECE) {
        n = (size_t)size;
        CI_TRY(piece_read(fd, path, buffer, n, 0));
    }
    for (int i = 0; size > (off_t)PIECE * N_PIECE && i < N_PIECE; i++, n += PIECE)
        CI_TRY(piece_read(fd, path, buffer + n, PIECE, (size - PIECE) / (N_PIECE - 1) * i));
    CI_TRY(ci_sha256_bytes(hex, buffer, n));
    return ci_text_append(text, "%lld %s\n", (long long)size, hex);
}

/* A file that is not there (of a hole) is part of the answer, not a fault. */
static ci_status file_append(ci_text *text, const char *path, char *buffer)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ci_text_append(text, "absent\n");
    ci_status status = CI_OK;
    if (fstat(fd, &facts) != 0)
        status = ci_error_errno(errno, path, "look at");
    else
        status = sample_append(text, fd, path, facts.st_size, buffer);
    close(fd);
    return status;
}

static ci_status tile_append(ci_text *text, const ci_run_tile *tile, char *buffer)
{
    CI_TRY(ci_text_append(text, "%s\n", tile->id));
    if (ci_stop_asked())
        return ci_error(CI_ERR_STOPPED,
                        "stopped on request while the input of tile %s was read; run it again to "
                        "resume",
                        tile->id);
    for (size_t i = 0; i < tile->n_path; i++)
        CI_TRY(file_append(text, tile->path[i], buffer));
    return CI_OK;
}

ci_status ci_run_group_inputs_hash(const ci_run_group *group, char out[CI_SHA256_HEX])
{
    ci_text text = {0};
    char *buffer = NULL;
    CI_TRY(ci_mem_alloc(&buffer, (size_t)PIECE * N_PIECE, 1, "pieces of input files"));
    ci_status status = ci_text_append(&text, "group inputs\n");
    for (size_t i = 0; status == CI_OK && i < group->n_tile; i++)
        status = tile_append(&text, &group->tile[i], buffer);
    if (status == CI_OK) status = ci_sha256_bytes(out, text.text, text.length);
    ci_mem_free(text.text);
    ci_mem_free(buffer);
    return status;
}

ci_status ci_run_group_inputs_check(const ci_run_group *group)
{
    const char *first = NULL;
    size_t n_path = 0;
    for (size_t i = 0; i < group->n_tile; i++) {
        const ci_run_tile *tile = &group->tile[i];
        for (size_t k = 0; k < tile->n_path && !tile->is_hole; k++, n_path++) {
            struct stat facts;
            if (stat(tile->path[k], &facts) == 0 || (errno != ENOENT && errno != ENOTDIR))
                return CI_OK;
            if (!first) first = tile->path[k];
        }
    }
    if (!first) return CI_OK;
    return ci_error(CI_ERR_IO,
                    "group %s: none of its %zu files is there, %s the first: mount their disk, or "
                    "put them back; the group stays pending and is tried again by itself",
                    group->id, n_path, first);
}

ci_status ci_run_made_from(const ci_run *run, const ci_registry_product *product,
                           const char *inputs_sha256, const char **difference)
{
    ci_run_provenance made;
    *difference = NULL;
    CI_TRY(ci_run_provenance_read(&made, product));
    if (made.inputs_sha256[0] && strcmp(made.inputs_sha256, inputs_sha256) != 0)
        *difference = "it was made from other files of these times";
    else if (made.options_sha256[0] && strcmp(made.options_sha256, run->choices_sha256) != 0)
        *difference = "it was made with other options";
    return CI_OK;
}

/* ---- options ---------------------------------------------------------------------------- */

/* Options that change what a tile looks like, and the program's version. */
ci_status ci_run_options_hash(ci_run *run)
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "%s", ci_version());
    for (int i = 0; status == CI_OK && i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (!ci_conf_changes_tile(id)) continue;
        status = ci_text_append(&text, "\n%s=", ci_conf_name(id));
        if (status == CI_OK) status = ci_tile_value_append(&text, run->conf, id);
    }
    size_t n = strlen(ci_version());
    if (status == CI_OK) status = ci_sha256_bytes(run->options_sha256, text.text, text.length);
    if (status == CI_OK)
        status = ci_sha256_bytes(run->choices_sha256, text.text + n, text.length - n);
    ci_mem_free(text.text);
    return status;
}
