/* A tile that stands in its folder: written down when it is made, and found again. */
#include "contimg/tile.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ci_status ci_tile_folder_empty(const char *folder)
{
    DIR *stream = opendir(folder);
    if (!stream) return ci_error_errno(errno, folder, "open folder");
    ci_status status = CI_OK;
    for (struct dirent *entry; status == CI_OK && (entry = readdir(stream));) {
        char *path = NULL;
        struct stat facts;
        status = ci_path_join(&path, folder, entry->d_name);
        if (status == CI_OK && lstat(path, &facts) == 0 && S_ISREG(facts.st_mode) &&
            unlink(path) != 0)
            status = ci_error_errno(errno, path, "remove what an earlier try left");
        ci_mem_free(path);
    }
    closedir(stream);
    return status;
}

/* Names, sizes and times of the tile's input files: those of other bytes give another tile. */
static ci_status inputs_hash(const ci_tile_task *task, char out[CI_SHA256_HEX])
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "inputs\n");
    for (size_t i = 0; status == CI_OK && i < task->n_path; i++) {
        const char *path = task->path[i];
        struct stat facts;
        if (stat(path, &facts) != 0)
            status = ci_error_errno(errno, path, "look at");
        else
            status = ci_text_append(&text, "%s %lld %lld.%09ld\n", ci_path_base(path),
                                    (long long)facts.st_size, (long long)facts.st_mtim.tv_sec,
                                    facts.st_mtim.tv_nsec);
    }
    if (status == CI_OK) status = ci_sha256_bytes(out, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

/* The list of `row` for the record's own, which was a part of it. */
static void files_move(ci_tile_record *record, ci_registry_image *row)
{
    for (size_t i = 0; i < record->n_file; i++)
        ci_mem_free(record->file[i].name);
    ci_mem_free(record->file);
    record->file = row->file;
    record->n_file = row->n_file;
    row->file = NULL;
    row->n_file = 0;
}

ci_status ci_tile_record_keep(ci_tile_record *record, const ci_tile_task *task)
{
    ci_registry_image row = {.n_file = record->n_file, .file = record->file};
    CI_TRY(inputs_hash(task, record->inputs_sha256));
    CI_TRY(ci_str_copy(&row.folder, record->folder));
    ci_status status = ci_registry_image_files_scan(&row);
    if (status == CI_OK) files_move(record, &row);
    ci_mem_free(row.folder);
    return status == CI_OK ? ci_tile_record_write(record) : status;
}

static const ci_registry_product_file *file_find(const ci_tile_record *record, const char *name)
{
    for (size_t i = 0; i < record->n_file; i++)
        if (strcmp(record->file[i].name, name) == 0) return &record->file[i];
    return NULL;
}

static bool is_file_as_made(const ci_registry_product_file *file, const char *folder)
{
    char *path = NULL, hex[CI_SHA256_HEX] = "";
    bool same = ci_path_join(&path, folder, file->name) == CI_OK &&
                ci_sha256_file(hex, path) == CI_OK && strcmp(hex, file->sha256) == 0;
    ci_mem_free(path);
    return same;
}

/* Those of its files that later steps read are as they were made. */
static bool is_whole(const ci_tile_record *record, const char *folder)
{
    static const char *const needed[] = {"image.fits", "pb.fits", "residual.fits"};
    if (!file_find(record, "image.fits")) return false;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const ci_registry_product_file *file = file_find(record, needed[i]);
        if (file && !is_file_as_made(file, folder)) return false;
    }
    return true;
}

static ci_status record_read(ci_tile_record **out, const char *folder)
{
    char *path = NULL;
    ci_json *json = NULL;
    CI_TRY(ci_path_join(&path, folder, "tile.json"));
    ci_status status = ci_path_exists(path) ? ci_json_read_file(&json, path) : CI_ERR_INPUT;
    if (status == CI_OK) status = ci_json_seal_check(json);
    if (status == CI_OK) status = ci_tile_record_parse(out, json);
    ci_json_free(json);
    ci_mem_free(path);
    return status;
}

/* The folder is where it was checked: staging may have been moved or copied since. */
static ci_status folder_set(ci_tile_record *record, const char *folder)
{
    ci_mem_free(record->folder);
    record->folder = NULL;
    return ci_str_copy(&record->folder, folder);
}

ci_tile_record *ci_tile_record_load_cached(const ci_tile_task *task)
{
    ci_tile_record *record = NULL;
    char hash[CI_SHA256_HEX] = "";
    bool good = record_read(&record, task->folder) == CI_OK && inputs_hash(task, hash) == CI_OK &&
                record->state == CI_TILE_PASSED && strcmp(record->inputs_sha256, hash) == 0 &&
                strcmp(record->made_with_sha256, task->made_with_sha256) == 0 &&
                is_whole(record, task->folder) && folder_set(record, task->folder) == CI_OK;
    ci_error_clear();
    if (good) return record;
    ci_tile_record_free(record);
    return NULL;
}
