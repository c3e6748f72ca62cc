/* A data registry that was lost, from the products that are published. */
#include "contimg/fits.h"
#include "publish/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct found_product
{
    ci_registry_product row;
    char *stage_path, *published_path; /* owned, in row */
    ci_publish_provenance provenance;
} found_product;

static void found_clear(found_product *f)
{
    ci_mem_free(f->stage_path);
    ci_mem_free(f->published_path);
    ci_publish_provenance_clear(&f->provenance);
}

/* Time of the first integration: the header's, where it is of the folder's date. */
static double first_time(const char *folder, ci_registry_product_type type, const char *date,
                         const char *id)
{
    char *path = NULL, of_header[16] = "";
    ci_fits_reader *reader = NULL;
    double midnight = NAN, time = NAN;
    const char *name = type == CI_REGISTRY_MOSAIC ? "mosaic.fits" : "image.fits";
    char text[32];
    snprintf(text, sizeof text, "%.10sT00:00:00", date);
    bool is_known = ci_time_parse_iso(text, &midnight) == CI_OK &&
                    ci_path_join(&path, folder, name) == CI_OK &&
                    ci_fits_reader_open(&reader, path) == CI_OK;
    if (is_known) time = ci_fits_reader_header(reader)->time_mjd_s;
    is_known = is_known && ci_publish_date(of_header, time, id) == CI_OK;
    ci_fits_reader_close(reader);
    ci_mem_free(path);
    ci_error_clear();
    return is_known && strcmp(of_header, date) == 0 ? time : midnight;
}

/* The row, from the product's own words; its files are as their checksums say. */
static ci_status row_fill(found_product *f, const ci_publish_options *options, int fd,
                          const char *folder, const char *date)
{
    ci_registry_product *row = &f->row;
    char *path = NULL;
    struct stat facts;
    CI_TRY(ci_publish_folder_verify(fd, folder, NULL));
    CI_TRY(ci_path_join(&path, folder, "provenance.json"));
    ci_publish_provenance *p = &f->provenance;
    ci_status status = ci_publish_provenance_read(p, path);
    ci_mem_free(path);
    CI_TRY(status);
    memcpy(row->id, p->id, sizeof row->id);
    memcpy(row->type_word, p->type_word, sizeof row->type_word);
    row->type = ci_registry_product_type_of(row->type_word);
    if (strcmp(row->id, ci_path_base(folder)) != 0 || !row->type_word[0] ||
        strcmp(p->date, date) != 0)
        return ci_error(CI_ERR_INPUT, "%s/provenance.json: of product '%s', not of this folder",
                        folder, row->id);
    if (fstat(fd, &facts) != 0) return ci_error_errno(errno, folder, "look at");
    bool is_mosaic = row->type == CI_REGISTRY_MOSAIC;
    CI_TRY(ci_str_copy(&f->published_path, folder));
    CI_TRY(ci_str_format(&f->stage_path, "%s/%s/%s", options->staging_base,
                         is_mosaic ? "mosaics" : "tiles", row->id));
    row->stage_path = f->stage_path;
    row->published_path = f->published_path;
    row->metadata_json = p->metadata_json;
    row->qa_json = p->gates_json;
    row->created_unix_s = row->staged_unix_s = row->published_unix_s = (double)facts.st_mtime;
    row->time_mjd_s = first_time(folder, row->type, date, row->id);
    return CI_OK;
}

/* One folder of a date. Its own fault is said and counted, and stops nothing. */
static ci_status take(ci_registry *registry, const ci_publish_options *options, int fd,
                      const char *folder, const char *date, ci_publish_recovered *r)
{
    ci_registry_products *known = NULL;
    found_product found = {0};
    bool is_new = false;
    CI_TRY(ci_registry_product_get(registry, ci_path_base(folder), &known));
    bool is_known = known->n > 0;
    ci_registry_products_free(known);
    if (is_known) return CI_OK;
    ci_status status = row_fill(&found, options, fd, folder, date);
    if (status != CI_OK) {
        r->n_fault++;
        ci_log_error("%s: is among the products and cannot be taken into the registry: %s", folder,
                     ci_error_text());
        ci_error_clear();
        status = CI_OK;
    } else {
        status = ci_registry_product_adopt(registry, &found.row, &is_new);
        r->n_rebuilt += is_new;
        if (is_new) ci_log_info("%s: published before, taken into the registry", folder);
    }
    found_clear(&found);
    return status;
}

/* Folders with a provenance.json are contimg's products; what else lies there is not looked at. */
static ci_status take_named(ci_registry *registry, const ci_publish_options *options, int above,
                            const char *date, const char *name, ci_publish_recovered *r)
{
    char *folder = NULL;
    if (!ci_publish_name_ok(name) || ci_path_is_part(name)) return CI_OK;
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return CI_OK;
    ci_status status = CI_OK;
    if (faccessat(fd, "provenance.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        status = ci_str_format(&folder, "%s/%s/%s", options->products_base, date, name);
        if (status == CI_OK) status = take(registry, options, fd, folder, date, r);
    }
    ci_mem_free(folder);
    close(fd);
    return status;
}

static ci_status take_date(ci_registry *registry, const ci_publish_options *options, int base,
                           const char *date, ci_publish_recovered *r)
{
    int fd = openat(base, date, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return CI_OK;
    }
    ci_status status = CI_OK;
    for (struct dirent *entry; status == CI_OK && (entry = readdir(dir));)
        status = take_named(registry, options, dirfd(dir), date, entry->d_name, r);
    closedir(dir);
    return status;
}

ci_status ci_publish_rebuild(ci_registry *registry, const ci_publish_options *options,
                             ci_publish_recovered *r)
{
    int base;
    if (!ci_path_is_folder(options->products_base)) return CI_OK;
    CI_TRY(ci_publish_base_open(options->products_base, &base));
    DIR *dir = fdopendir(base);
    if (!dir) {
        close(base);
        return ci_error_errno(errno, options->products_base, "list folder");
    }
    ci_status status = CI_OK;
    for (struct dirent *entry; status == CI_OK && (entry = readdir(dir));)
        if (ci_publish_is_date(entry->d_name))
            status = take_date(registry, options, dirfd(dir), entry->d_name, r);
    closedir(dir);
    return status;
}
