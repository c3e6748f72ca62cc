/* The files of a tile that is made: pictures and checksums, shared out to the ranks of its team. */
#include "tile/finish.h"

#include "contimg/base_file.h"
#include "contimg/draw.h"
#include "tile/fill.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ci_tile_picture_draw(const char *folder, const char *fits_name, const char *png_name,
                          const char *title, size_t max_pixel)
{
    char *fits = NULL, *png = NULL;
    ci_status status = ci_path_join(&fits, folder, fits_name);
    if (status == CI_OK) status = ci_path_join(&png, folder, png_name);
    if (status == CI_OK && ci_path_exists(fits)) status = ci_draw_fits(fits, png, max_pixel, title);
    if (status != CI_OK) ci_log_warning("no picture: %s", ci_error_text());
    ci_mem_free(fits);
    ci_mem_free(png);
}

/* What one rank found of a file. */
typedef struct file_sum
{
    char name[64], sha256[CI_SHA256_HEX];
    int64_t n_byte;
} file_sum;

static bool is_image(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && n < sizeof((file_sum *)NULL)->name && strcmp(name + n - 5, ".fits") == 0;
}

/* Names of the folder's images. Local. */
static ci_status names_list(const char *folder, file_sum **out, size_t *n)
{
    struct dirent *entry;
    DIR *stream = opendir(folder);
    if (!stream) return ci_error_errno(errno, folder, "open folder");
    ci_status status = CI_OK;
    while (status == CI_OK && (entry = readdir(stream))) {
        if (!is_image(entry->d_name)) continue;
        status = ci_mem_resize(out, *n + 1, sizeof **out, "checksums of files");
        if (status == CI_OK) snprintf((*out)[(*n)++].name, sizeof(*out)->name, "%s", entry->d_name);
    }
    closedir(stream);
    return status;
}

/* The same names on all ranks. */
static ci_status names_share(ci_comm *team, const char *folder, file_sum **out, size_t *n)
{
    uint64_t n_file = 0;
    *out = NULL;
    *n = 0;
    ci_status status = ci_comm_rank(team) == 0 ? names_list(folder, out, n) : CI_OK;
    n_file = *n;
    CI_AGREE(team, status);
    CI_TRY(ci_par_bcast(team, &n_file, sizeof n_file, 0));
    if (ci_comm_rank(team) != 0) status = ci_mem_alloc(out, n_file, sizeof **out, "names of files");
    CI_AGREE(team, status);
    *n = n_file;
    return ci_par_bcast(team, *out, n_file * sizeof **out, 0);
}

/* To its end, whether a stop was asked for: the tile is made. */
static ci_status sum_find(const char *folder, file_sum *file)
{
    char *path = NULL;
    struct stat facts;
    int fd = -1;
    ci_status status = ci_path_join(&path, folder, file->name);
    if (status == CI_OK) status = ci_file_open(&fd, path);
    if (status == CI_OK && fstat(fd, &facts) != 0) status = ci_error_errno(errno, path, "look at");
    if (status == CI_OK) file->n_byte = facts.st_size;
    if (status == CI_OK) status = ci_sha256_fd(file->sha256, fd, path);
    if (fd >= 0) close(fd);
    ci_mem_free(path);
    return status;
}

/* This rank's share of the files, packed at the begin of the list; the last rank has the first. */
static ci_status sums_find(const ci_comm *team, const char *folder, file_sum *file, size_t *n)
{
    size_t n_rank = (size_t)ci_comm_size(team), n_own = 0;
    for (size_t i = n_rank - 1 - (size_t)ci_comm_rank(team); i < *n; i += n_rank) {
        CI_TRY(sum_find(folder, &file[i]));
        file[n_own++] = file[i];
    }
    *n = n_own;
    return CI_OK;
}

static ci_status record_take(ci_tile_record *record, const file_sum *file, size_t n)
{
    CI_TRY(ci_mem_alloc(&record->file, n, sizeof *record->file, "tile record"));
    for (; record->n_file < n; record->n_file++) {
        const file_sum *from = &file[record->n_file];
        ci_registry_product_file *to = &record->file[record->n_file];
        CI_TRY(ci_str_copy(&to->name, from->name));
        memcpy(to->sha256, from->sha256, sizeof to->sha256);
        to->n_byte = from->n_byte;
    }
    return CI_OK;
}

static ci_status sums_gather(ci_comm *team, const char *folder, ci_tile_record *record)
{
    file_sum *file = NULL, *all = NULL;
    size_t n = 0, n_byte = 0;
    ci_status status = names_share(team, folder, &file, &n);
    if (status == CI_OK) status = ci_par_agree(team, sums_find(team, folder, file, &n));
    if (status == CI_OK)
        status = ci_par_gather(team, file, n * sizeof *file, 0, (void **)&all, &n_byte);
    if (status == CI_OK && record) status = record_take(record, all, n_byte / sizeof *all);
    ci_mem_free(file);
    ci_mem_free(all);
    return ci_par_agree(team, status);
}

ci_status ci_tile_files_finish(ci_comm *team, const ci_tile_data *data, const char *id,
                               const char *folder, ci_tile_record *record)
{
    int rank = ci_comm_rank(team), n_rank = ci_comm_size(team);
    if (rank == 0) ci_tile_flags_draw(data, folder);
    if (rank == n_rank - 1)
        ci_tile_picture_draw(folder, "image.fits", "image.png", id, CI_TILE_PICTURE);
    if (rank == (n_rank - 1) / 2)
        ci_tile_picture_draw(folder, "residual.fits", "residual.png", "residual", CI_TILE_PICTURE);
    return sums_gather(team, folder, record);
}
