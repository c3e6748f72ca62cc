#include "registry/db.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- files of a product ----------------------------------------------------------------- */

void ci_registry_image_files_free(ci_registry_image *image)
{
    for (size_t i = 0; i < image->n_file; i++)
        ci_mem_free(image->file[i].name);
    ci_mem_free(image->file);
    image->file = NULL;
    image->n_file = 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ci_registry_product_file *)a)->name,
                  ((const ci_registry_product_file *)b)->name);
}

static ci_status file_take(ci_registry_image *image, const char *name)
{
    char *path = NULL;
    struct stat facts;
    CI_TRY(ci_path_join(&path, image->folder, name));
    ci_status status = CI_OK;
    if (lstat(path, &facts) != 0)
        status = ci_error_errno(errno, path, "look at");
    else if (S_ISREG(facts.st_mode)) {
        status = ci_registry_db_list_grow(&image->file, image->n_file, sizeof *image->file);
        if (status == CI_OK) {
            ci_registry_product_file *f = &image->file[image->n_file++];
            f->n_byte = facts.st_size;
            status = ci_str_copy(&f->name, name);
            if (status == CI_OK) status = ci_sha256_file(f->sha256, path);
        }
    }
    ci_mem_free(path);
    return status;
}

ci_status ci_registry_image_files_scan(ci_registry_image *image)
{
    image->n_file = 0;
    image->file = NULL;
    DIR *folder = opendir(image->folder);
    if (!folder) return ci_error_errno(errno, image->folder, "open folder");
    ci_status status = CI_OK;
    struct dirent *entry;
    while (status == CI_OK && (entry = readdir(folder))) {
        size_t n = strlen(entry->d_name);
        bool is_part = n > 5 && strcmp(entry->d_name + n - 5, ".part") == 0;
        if (entry->d_name[0] != '.' && !is_part) status = file_take(image, entry->d_name);
    }
    closedir(folder);
    if (status != CI_OK) ci_registry_image_files_free(image);
    if (image->n_file > 1) qsort(image->file, image->n_file, sizeof *image->file, by_name);
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

static ci_status files_write(ci_db *db, const char *kind, const ci_registry_image *image)
{
    CI_TRY(ci_registry_db_run(db, NULL, "DELETE FROM product_files WHERE kind=? AND product_id=?",
                              "tt", kind, image->id));
    for (size_t i = 0; i < image->n_file; i++)
        CI_TRY(ci_registry_db_run(db, NULL,
                                  "INSERT INTO product_files(kind,product_id,name,sha256,n_byte) "
                                  "VALUES(?,?,?,?,?)",
                                  "ttt"
                                  "ti",
                                  kind, image->id, image->file[i].name, image->file[i].sha256,
                                  image->file[i].n_byte));
    return CI_OK;
}

static ci_status files_read(ci_db *db, const char *kind, ci_registry_image *image)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status =
        ci_registry_db_query(db, &stmt,
                             "SELECT name,sha256,n_byte FROM product_files WHERE kind=? AND "
                             "product_id=? ORDER BY name",
                             "tt", kind, image->id);
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&image->file, image->n_file, sizeof *image->file);
        if (status != CI_OK) continue;
        ci_registry_product_file *f = &image->file[image->n_file++];
        ci_registry_db_text(stmt, 1, f->sha256, sizeof f->sha256);
        f->n_byte = ci_registry_db_integer(stmt, 2);
        status = ci_registry_db_text_copy(stmt, 0, &f->name);
    }
    return status;
}

/* ---- columns that tiles and mosaics share --------------------------------------------------- */

#define COLUMNS                                                                                    \
    "reason,quality_json,run,is_degraded,first_time_mjd_s,last_time_mjd_s,ra_rad,dec_rad,rms_jy,"  \
    "thermal_jy,peak_jy,beam_major_rad,beam_minor_rad,beam_pa_rad,freq_hz,flux_ratio,"             \
    "n_flux_match,n_source,n_tile"

static ci_status columns_write(ci_registry *registry, const char *table, const char *key,
                               const ci_registry_image *m)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "UPDATE %s SET status=?,folder=?,created_at=?,(" COLUMNS
             ")=(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE %s=?",
             table, key);
    return ci_registry_db_run(
        &registry->db[CI_DB_PRODUCTS], NULL, sql, "ttdtttiddddddddddddiiit", m->status, m->folder,
        ci_registry_now(registry), m->reason, m->quality_json, m->run[0] ? m->run : registry->run,
        (int64_t)m->is_degraded, m->first_time_mjd_s, m->last_time_mjd_s, m->ra_rad, m->dec_rad,
        m->rms_jy, m->thermal_jy, m->peak_jy, m->beam_major_rad, m->beam_minor_rad, m->beam_pa_rad,
        m->freq_hz, m->flux_ratio, m->n_flux_match, m->n_source, m->n_tile, m->id);
}

static ci_status image_from_row(sqlite3_stmt *stmt, ci_registry_image *m)
{
    double *reals[] = {&m->first_time_mjd_s, &m->last_time_mjd_s, &m->ra_rad,  &m->dec_rad,
                       &m->rms_jy,           &m->thermal_jy,      &m->peak_jy, &m->beam_major_rad,
                       &m->beam_minor_rad,   &m->beam_pa_rad,     &m->freq_hz, &m->flux_ratio};
    ci_registry_db_text(stmt, 0, m->id, sizeof m->id);
    ci_registry_db_text(stmt, 1, m->status, sizeof m->status);
    m->created_unix_s = ci_registry_db_real(stmt, 3);
    ci_registry_db_text(stmt, 6, m->run, sizeof m->run);
    m->is_degraded = ci_registry_db_integer(stmt, 7) != 0;
    for (int i = 0; i < 12; i++)
        *reals[i] = ci_registry_db_real(stmt, 8 + i);
    m->n_flux_match = ci_registry_db_integer(stmt, 20);
    m->n_source = ci_registry_db_integer(stmt, 21);
    m->n_tile = ci_registry_db_integer(stmt, 22);
    CI_TRY(ci_registry_db_text_copy(stmt, 2, &m->folder));
    CI_TRY(ci_registry_db_text_copy(stmt, 4, &m->reason));
    return ci_registry_db_text_copy(stmt, 5, &m->quality_json);
}

static ci_status image_get(ci_registry *registry, const char *sql, const char *kind, const char *id,
                           ci_registry_images **out)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    ci_registry_images *list = NULL;
    sqlite3_stmt *stmt = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "images"));
    ci_status status = ci_registry_db_query(db, &stmt, sql, "t", id);
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status == CI_OK) status = image_from_row(stmt, &list->item[list->n++]);
    }
    for (size_t i = 0; i < list->n && status == CI_OK; i++)
        status = files_read(db, kind, &list->item[i]);
    if (status != CI_OK) {
        ci_registry_images_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}

void ci_registry_images_free(ci_registry_images *images)
{
    if (!images) return;
    for (size_t i = 0; i < images->n; i++) {
        ci_registry_image_files_free(&images->item[i]);
        ci_mem_free(images->item[i].folder);
        ci_mem_free(images->item[i].reason);
        ci_mem_free(images->item[i].quality_json);
    }
    ci_mem_free(images->item);
    ci_mem_free(images);
}

/* ---- tiles ---------------------------------------------------------------------------------- */

/* The deployed table of single images, one row a file, for what reads it. */
static ci_status tile_images_write(ci_registry *registry, const ci_registry_image *tile)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    CI_TRY(ci_registry_db_run(
        db, NULL, "DELETE FROM images WHERE observation_id=? AND origin='contimg'", "t", tile->id));
    for (size_t i = 0; i < tile->n_file; i++) {
        const char *name = tile->file[i].name;
        size_t n = strlen(name);
        if (n < 6 || strcmp(name + n - 5, ".fits") != 0) continue;
        char *path = NULL, type[CI_REGISTRY_WORD];
        snprintf(type, sizeof type, "%.*s", (int)(n - 5), name);
        CI_TRY(ci_path_join(&path, tile->folder, name));
        ci_status status = ci_registry_db_run(
            db, NULL,
            "INSERT INTO images(path,ms_path,created_at,type,beam_major_arcsec,noise_jy,pbcor,"
            "origin,observation_id,sha256) VALUES(?,?,?,?,?,?,?,'contimg',?,?)",
            "ttdtdditt", path, tile->id, ci_registry_now(registry), type,
            tile->beam_major_rad * CI_RAD_TO_ARCSEC, tile->rms_jy,
            (int64_t)(strcmp(type, "pbcor") == 0), tile->id, tile->file[i].sha256);
        ci_mem_free(path);
        CI_TRY(status);
    }
    return CI_OK;
}

ci_status ci_registry_tile_put(ci_registry *registry, const ci_registry_image *tile)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    char before[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status =
        ci_registry_db_word(db, before, sizeof before,
                            "SELECT status FROM tiles WHERE observation_id=?", "t", tile->id);
    if (status == CI_OK)
        status = ci_registry_db_run(db, NULL,
                                    "INSERT OR IGNORE INTO tiles(observation_id,status,created_at) "
                                    "VALUES(?,?,?)",
                                    "ttd", tile->id, tile->status, ci_registry_now(registry));
    if (status == CI_OK) status = columns_write(registry, "tiles", "observation_id", tile);
    if (status == CI_OK) status = files_write(db, "tile", tile);
    if (status == CI_OK) status = tile_images_write(registry, tile);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_PRODUCTS, "tile", tile->id, before,
                                       tile->status, tile->reason);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_tile_get(ci_registry *registry, const char *observation_id,
                               ci_registry_images **out)
{
    return image_get(registry,
                     "SELECT observation_id,status,folder,created_at," COLUMNS
                     " FROM tiles WHERE observation_id=?",
                     "tile", observation_id, out);
}

/* ---- mosaics --------------------------------------------------------------------------------- */

static ci_status tile_list(char **out, const char *const *tile_ids, size_t n_tile)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < n_tile; i++)
        ci_json_put_string(list, NULL, tile_ids[i]);
    ci_status status = ci_json_print(out, list, false);
    ci_json_free(list);
    return status;
}

/* The deployed columns of a mosaic, and the deployed row of its group: derived from ours. */
static ci_status mosaic_deployed_columns(ci_registry *registry, const ci_registry_image *m,
                                         const char *path, const char *tiles, size_t n_tile)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    double now = ci_registry_now(registry);
    CI_TRY(ci_registry_db_run(
        db, NULL,
        "UPDATE mosaics SET path=?,start_mjd=?,end_mjd=?,integration_sec=?,n_images=?,"
        "center_ra_deg=?,center_dec_deg=?,noise_jy=?,beam_major_arcsec=?,beam_minor_arcsec=?,"
        "beam_pa_deg=?,n_sources=?,method='contimg',tiles=?,output_path=? WHERE group_id=? AND "
        "origin='contimg'",
        "tdddiddddddittt", path, m->first_time_mjd_s / CI_DAY_S, m->last_time_mjd_s / CI_DAY_S,
        m->last_time_mjd_s - m->first_time_mjd_s, (int64_t)n_tile, m->ra_rad * CI_RAD_TO_DEG,
        m->dec_rad * CI_RAD_TO_DEG, m->rms_jy, m->beam_major_rad * CI_RAD_TO_ARCSEC,
        m->beam_minor_rad * CI_RAD_TO_ARCSEC, m->beam_pa_rad * CI_RAD_TO_DEG, m->n_source, tiles,
        path, m->id));
    CI_TRY(ci_registry_db_run(db, NULL,
                              "INSERT OR IGNORE INTO mosaic_groups(group_id,ms_paths,created_at) "
                              "VALUES(?,?,?)",
                              "ttd", m->id, tiles, now));
    return ci_registry_db_run(
        db, NULL,
        "UPDATE mosaic_groups SET ms_paths=?,mosaic_id=?,mosaicked_at=?,status=? "
        "WHERE group_id=?",
        "ttdtt", tiles, m->id, now, m->status, m->id);
}

ci_status ci_registry_mosaic_put(ci_registry *registry, const ci_registry_image *m,
                                 const char *const *tile_ids, size_t n_tile)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    char before[CI_REGISTRY_WORD], *path = NULL, *tiles = NULL;
    ci_status status = ci_path_join(&path, m->folder, "mosaic.fits");
    if (status == CI_OK) status = tile_list(&tiles, tile_ids, n_tile);
    if (status == CI_OK) status = ci_registry_db_begin(db);
    if (status != CI_OK) {
        ci_mem_free(path);
        ci_mem_free(tiles);
        return status;
    }
    status = ci_registry_db_word(db, before, sizeof before,
                                 "SELECT status FROM mosaics WHERE group_id=? AND origin='contimg'",
                                 "t", m->id);
    /* Every NOT NULL column of both deployed shapes is given. */
    if (status == CI_OK && !before[0])
        status = ci_registry_db_run(
            db, NULL,
            "INSERT INTO mosaics(path,name,created_at,start_mjd,end_mjd,status,"
            "method,tiles,output_path,group_id,origin) "
            "VALUES(?,?,?,?,?,?,'contimg',?,?,?,'contimg')",
            "ttdddtttt", path, m->id, ci_registry_now(registry), m->first_time_mjd_s / CI_DAY_S,
            m->last_time_mjd_s / CI_DAY_S, m->status, tiles, path, m->id);
    if (status == CI_OK) status = columns_write(registry, "mosaics", "group_id", m);
    if (status == CI_OK) status = mosaic_deployed_columns(registry, m, path, tiles, n_tile);
    if (status == CI_OK) status = files_write(db, "mosaic", m);
    if (status == CI_OK)
        status =
            ci_registry_db_run(db, NULL, "DELETE FROM mosaic_tiles WHERE group_id=?", "t", m->id);
    for (size_t i = 0; i < n_tile && status == CI_OK; i++)
        status = ci_registry_db_run(
            db, NULL, "INSERT INTO mosaic_tiles(group_id,i_tile,observation_id) VALUES(?,?,?)",
            "tit", m->id, (int64_t)i, tile_ids[i]);
    if (status == CI_OK)
        status = ci_registry_db_change(registry, CI_DB_PRODUCTS, "mosaic", m->id, before, m->status,
                                       m->reason);
    ci_mem_free(path);
    ci_mem_free(tiles);
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_mosaic_get(ci_registry *registry, const char *group_id,
                                 ci_registry_images **out)
{
    return image_get(registry,
                     "SELECT group_id,status,folder,created_at," COLUMNS
                     " FROM mosaics WHERE group_id=? AND origin='contimg'",
                     "mosaic", group_id, out);
}

ci_status ci_registry_mosaic_published(ci_registry *registry, const char *group_id,
                                       const char *published_path)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    char *path = NULL;
    CI_TRY(ci_path_join(&path, published_path, "mosaic.fits"));
    ci_status status = ci_registry_db_begin(db);
    if (status == CI_OK)
        status = ci_registry_db_end(
            db, ci_registry_db_run(db, NULL,
                                   "UPDATE mosaics SET published_path=?,output_path=?,path=? WHERE "
                                   "group_id=? AND origin='contimg' AND published_path IS NOT ?",
                                   "ttttt", published_path, path, path, group_id, published_path));
    ci_mem_free(path);
    return status;
}

/* ---- photometry ------------------------------------------------------------------------------ */

ci_status ci_registry_sources_put(ci_registry *registry, const char *product_id,
                                  const char *image_path, double time_mjd_s,
                                  const ci_phot_list *sources)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    double now = ci_registry_now(registry);
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, NULL, "DELETE FROM photometry WHERE product_id=? AND origin='contimg'", "t",
        product_id);
    for (size_t i = 0; i < sources->n_source && status == CI_OK; i++) {
        const ci_phot_source *s = &sources->source[i];
        status = ci_registry_db_run(
            db, NULL,
            "INSERT INTO photometry(image_path,ra_deg,dec_deg,peak_jyb,peak_err_jyb,measured_at,"
            "origin,product_id,source_name,mjd,flux_jy,flux_err_jy,ra_err_arcsec,dec_err_arcsec,"
            "major_arcsec,minor_arcsec,pa_deg,rms_jy,is_resolved) "
            "VALUES(?,?,?,?,?,?,'contimg',?,?,?,?,?,?,?,?,?,?,?,?)",
            "tdddddttdddddddddi", image_path, s->ra_rad * CI_RAD_TO_DEG, s->dec_rad * CI_RAD_TO_DEG,
            s->peak_jy, s->peak_err_jy, now, product_id, s->name, time_mjd_s / CI_DAY_S, s->flux_jy,
            s->flux_err_jy, s->ra_err_rad * CI_RAD_TO_ARCSEC, s->dec_err_rad * CI_RAD_TO_ARCSEC,
            s->major_rad * CI_RAD_TO_ARCSEC, s->minor_rad * CI_RAD_TO_ARCSEC,
            s->pa_rad * CI_RAD_TO_DEG, s->rms_jy, (int64_t)s->is_resolved);
    }
    return ci_registry_db_end(db, status);
}
