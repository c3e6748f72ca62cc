/* The files of a product with their checksums: on the disk and in the registry. */
#include "registry/product_files.h"

#include "contimg/base_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COLUMN(field, type, name) CI_COLUMN(ci_registry_product_file, field, type, name)
static const ci_column file_columns[] = {
    COLUMN(name, STRING, "name"),
    COLUMN(sha256, TEXT, "sha256"),
    COLUMN(n_byte, INT, "n_byte"),
};
static const ci_row_table file_rows = {
    CI_ROW_TABLE("product_files", NULL, ci_registry_product_file, file_columns)};

void ci_registry_image_files_free(ci_registry_image *image)
{
    ci_registry_rows_free(&file_rows, image->n_file, image->file);
    image->file = NULL;
    image->n_file = 0;
}

int ci_registry_product_file_order(const void *a, const void *b)
{
    return strcmp(((const ci_registry_product_file *)a)->name,
                  ((const ci_registry_product_file *)b)->name);
}

/* To its end, whether a stop was asked for: what was just made is not lost for the reading of it.
 */
static ci_status hash(char out_hex[CI_SHA256_HEX], const char *path)
{
    int fd;
    CI_TRY(ci_file_open(&fd, path));
    ci_status status = ci_sha256_fd(out_hex, fd, path);
    close(fd);
    return status;
}

/* What is known of a file of that name and length; NULL: nothing. */
static const ci_registry_product_file *known_find(const ci_registry_image *known, const char *name,
                                                  int64_t n_byte)
{
    for (size_t i = 0; i < known->n_file; i++) {
        const ci_registry_product_file *f = &known->file[i];
        if (strcmp(f->name, name) == 0 && (f->n_byte < 0 || f->n_byte == n_byte)) return f;
    }
    return NULL;
}

static ci_status file_take(ci_registry_image *image, const char *name,
                           const ci_registry_image *known)
{
    char *path = NULL;
    struct stat facts;
    CI_TRY(ci_path_join(&path, image->folder, name));
    ci_status status = CI_OK;
    if (lstat(path, &facts) != 0)
        status = ci_error_errno(errno, path, "look at");
    else if (S_ISREG(facts.st_mode)) {
        status = ci_registry_list_grow(&image->file, image->n_file, sizeof *image->file);
        if (status == CI_OK) {
            ci_registry_product_file *f = &image->file[image->n_file++];
            f->n_byte = facts.st_size;
            status = ci_str_copy(&f->name, name);
            const ci_registry_product_file *as = known_find(known, name, facts.st_size);
            if (as)
                memcpy(f->sha256, as->sha256, sizeof f->sha256);
            else if (status == CI_OK)
                status = hash(f->sha256, path);
        }
    }
    ci_mem_free(path);
    return status;
}

ci_status ci_registry_image_files_scan(ci_registry_image *image)
{
    const ci_registry_image known = *image;
    image->n_file = 0;
    image->file = NULL;
    DIR *folder = opendir(image->folder);
    if (!folder) return ci_error_errno(errno, image->folder, "open folder");
    ci_status status = CI_OK;
    struct dirent *entry;
    while (status == CI_OK && (entry = readdir(folder))) {
        if (entry->d_name[0] != '.' && !ci_path_is_part(entry->d_name))
            status = file_take(image, entry->d_name, &known);
    }
    closedir(folder);
    if (status != CI_OK) ci_registry_image_files_free(image);
    if (image->n_file > 1)
        qsort(image->file, image->n_file, sizeof *image->file, ci_registry_product_file_order);
    return status;
}

ci_status ci_registry_image_check(const ci_registry_image *image)
{
    for (size_t i = 0; i < image->n_file; i++) {
        const ci_registry_product_file *f = &image->file[i];
        char *path = NULL, hex[CI_SHA256_HEX];
        CI_TRY(ci_path_join(&path, image->folder, f->name));
        ci_status status = ci_sha256_file(hex, path);
        if (status == CI_OK && strcmp(hex, f->sha256) != 0)
            status = ci_error(CI_ERR_INPUT,
                              "%s: sha256 %.12s..., registered with %.12s...: the file was changed "
                              "after %s was made: make it again",
                              path, hex, f->sha256, image->id);
        ci_mem_free(path);
        CI_TRY(status);
    }
    return CI_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

ci_status ci_registry_product_files_write(ci_db *db, const char *kind,
                                          const ci_registry_image *image)
{
    CI_TRY(ci_registry_db_run(db, NULL, "DELETE FROM product_files WHERE kind=? AND product_id=?",
                              VALUES(V(kind), V(image->id))));
    for (size_t i = 0; i < image->n_file; i++)
        CI_TRY(ci_registry_row_insert(db, &file_rows, &image->file[i],
                                      SET({"kind", V(kind)}, {"product_id", V(image->id)})));
    return CI_OK;
}

ci_status ci_registry_product_files_read(ci_db *db, const char *kind, ci_registry_image *image)
{
    return ci_registry_rows_read(db, &file_rows, "WHERE kind=? AND product_id=? ORDER BY name",
                                 VALUES(V(kind), V(image->id)), &image->n_file, &image->file);
}
