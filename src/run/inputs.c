/* What a group is made from: groups are known by their times, and other data may have the same. */
#include "run/run.h"

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

ci_status ci_run_group_inputs_hash(const ci_json *group, char out[CI_SHA256_HEX])
{
    const ci_json *tiles = ci_json_get(group, "tiles");
    ci_text text = {0};
    char *buffer = NULL;
    CI_TRY(ci_mem_alloc(&buffer, (size_t)PIECE * N_PIECE, 1, "pieces of input files"));
    ci_status status = ci_text_append(&text, "group inputs\n");
    for (size_t i = 0; status == CI_OK && i < ci_json_length(tiles); i++) {
        const ci_json *tile = ci_json_at(tiles, i), *paths = ci_json_get(tile, "paths");
        status = ci_text_append(&text, "%s\n", ci_json_get_string(tile, "id", ""));
        for (size_t k = 0; status == CI_OK && k < ci_json_length(paths); k++)
            status = file_append(&text, ci_json_string(ci_json_at(paths, k), ""), buffer);
    }
    if (status == CI_OK) status = ci_sha256_bytes(out, text.text, text.length);
    ci_mem_free(text.text);
    ci_mem_free(buffer);
    return status;
}

ci_status ci_run_made_from(const ci_run *run, const ci_registry_product *product,
                           const char **difference)
{
    ci_json *metadata = NULL;
    *difference = NULL;
    if (!product->metadata_json[0]) return CI_OK;
    CI_TRY(ci_json_parse(&metadata, product->metadata_json, "metadata of a product"));
    /* "": published by a contimg that did not write it down. */
    const char *inputs = ci_json_get_string(metadata, "inputs_sha256", "");
    const char *choices = ci_json_get_string(metadata, "options_sha256", "");
    if (*inputs && strcmp(inputs, run->group_inputs_sha256) != 0)
        *difference = "it was made from other files of these times";
    else if (*choices && strcmp(choices, run->choices_sha256) != 0)
        *difference = "it was made with other options";
    ci_json_free(metadata);
    return CI_OK;
}
