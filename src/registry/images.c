/* Tiles and mosaics as made, with what was measured of them. */
#include "registry/product_files.h"

#include <string.h>

static const char *const state_words[] = {"passed", "refused", "failed", "completed", "other"};
const ci_words ci_registry_image_words = {state_words, 5, CI_REGISTRY_IMAGE_OTHER};

#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_image, field, type, name, __VA_ARGS__)
#define SHARED_COLUMNS                                                                             \
    COLUMN(state, WORD, "status", .words = &ci_registry_image_words),                              \
        COLUMN(folder, STRING, "folder"), COLUMN(created_unix_s, REAL, "created_at"),              \
        COLUMN(reason, STRING, "reason"), COLUMN(quality_json, STRING, "quality_json"),            \
        COLUMN(run, TEXT, "run"), COLUMN(is_degraded, INT, "is_degraded"),                         \
        COLUMN(first_time_mjd_s, REAL, "first_time_mjd_s"),                                        \
        COLUMN(last_time_mjd_s, REAL, "last_time_mjd_s"), COLUMN(ra_rad, REAL, "ra_rad"),          \
        COLUMN(dec_rad, REAL, "dec_rad"), COLUMN(rms_jy, REAL, "rms_jy"),                          \
        COLUMN(thermal_jy, REAL, "thermal_jy"), COLUMN(peak_jy, REAL, "peak_jy"),                  \
        COLUMN(beam_major_rad, REAL, "beam_major_rad"),                                            \
        COLUMN(beam_minor_rad, REAL, "beam_minor_rad"), COLUMN(beam_pa_rad, REAL, "beam_pa_rad"),  \
        COLUMN(freq_hz, REAL, "freq_hz"), COLUMN(flux_ratio, REAL, "flux_ratio"),                  \
        COLUMN(n_flux_match, INT, "n_flux_match"), COLUMN(n_source, INT, "n_source"),              \
        COLUMN(n_tile, INT, "n_tile")

static const ci_column tile_columns[] = {COLUMN(id, TEXT, "observation_id"), SHARED_COLUMNS};
static const ci_row_table tile_rows = {
    CI_ROW_TABLE("tiles", "observation_id", ci_registry_image, tile_columns)};

static const ci_column mosaic_columns[] = {
    COLUMN(id, TEXT, "group_id"),
    SHARED_COLUMNS,
    /* The deployed columns: derived, in the deployed units. Every NOT NULL column of both deployed
     * shapes is among these and path. */
    COLUMN(id, TEXT, "name", .flags = CI_COLUMN_WRITE),
    COLUMN(first_time_mjd_s, REAL, "start_mjd", .unit = CI_DAY_S, .flags = CI_COLUMN_WRITE),
    COLUMN(last_time_mjd_s, REAL, "end_mjd", .unit = CI_DAY_S, .flags = CI_COLUMN_WRITE),
    COLUMN(ra_rad, REAL, "center_ra_deg", .unit = CI_DEG_TO_RAD, .flags = CI_COLUMN_WRITE),
    COLUMN(dec_rad, REAL, "center_dec_deg", .unit = CI_DEG_TO_RAD, .flags = CI_COLUMN_WRITE),
    COLUMN(rms_jy, REAL, "noise_jy", .flags = CI_COLUMN_WRITE),
    COLUMN(beam_major_rad, REAL, "beam_major_arcsec", .unit = CI_ARCSEC_TO_RAD,
           .flags = CI_COLUMN_WRITE),
    COLUMN(beam_minor_rad, REAL, "beam_minor_arcsec", .unit = CI_ARCSEC_TO_RAD,
           .flags = CI_COLUMN_WRITE),
    COLUMN(beam_pa_rad, REAL, "beam_pa_deg", .unit = CI_DEG_TO_RAD, .flags = CI_COLUMN_WRITE),
    COLUMN(n_source, INT, "n_sources", .flags = CI_COLUMN_WRITE),
};
static const ci_row_table mosaic_rows = {
    CI_ROW_TABLE("mosaics", "group_id", ci_registry_image, mosaic_columns)};

static ci_status image_get(ci_registry *registry, const ci_row_table *rows, const char *where,
                           const char *kind, const char *id, ci_registry_images **out)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    CI_TRY(ci_registry_list_new(out, db, rows, where, VALUES(V(id))));
    ci_status status = CI_OK;
    for (size_t i = 0; i < (*out)->n && status == CI_OK; i++)
        status = ci_registry_product_files_read(db, kind, &(*out)->item[i]);
    if (status == CI_OK) return CI_OK;
    ci_registry_images_free(*out);
    *out = NULL;
    return status;
}

void ci_registry_images_free(ci_registry_images *images)
{
    if (!images) return;
    for (size_t i = 0; i < images->n; i++)
        ci_registry_image_files_free(&images->item[i]);
    /* Tiles and mosaics own the same texts. */
    ci_registry_list_free(&tile_rows, images);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* The deployed table of single images, one row a file, for what reads it. */
static ci_status deployed_image_write(ci_registry *registry, const ci_registry_image *tile,
                                      const ci_registry_product_file *file)
{
    char *path = NULL, type[CI_REGISTRY_WORD];
    size_t n = strlen(file->name);
    if (n < 6 || strcmp(file->name + n - 5, ".fits") != 0) return CI_OK;
    snprintf(type, sizeof type, "%.*s", (int)(n - 5), file->name);
    CI_TRY(ci_path_join(&path, tile->folder, file->name));
    ci_status status = ci_registry_db_insert(
        &registry->db[CI_REGISTRY_DB_PRODUCTS], "images",
        SET({"path", V(path)}, {"ms_path", V(tile->id)},
            {"created_at", V(ci_registry_now(registry))}, {"type", V(type)},
            {"beam_major_arcsec", V(tile->beam_major_rad * CI_RAD_TO_ARCSEC)},
            {"noise_jy", V(tile->rms_jy)}, {"pbcor", V(strcmp(type, "pbcor") == 0)},
            {"origin", V("contimg")}, {"observation_id", V(tile->id)},
            {"sha256", V(file->sha256)}));
    ci_mem_free(path);
    return status;
}

static ci_status deployed_images_write(ci_registry *registry, const ci_registry_image *tile)
{
    CI_TRY(ci_registry_db_run(&registry->db[CI_REGISTRY_DB_PRODUCTS], NULL,
                              "DELETE FROM images WHERE observation_id=? AND origin='contimg'",
                              VALUES(V(tile->id))));
    for (size_t i = 0; i < tile->n_file; i++)
        CI_TRY(deployed_image_write(registry, tile, &tile->file[i]));
    return CI_OK;
}

/* The row as it is written: made now, by this run where it does not say by which. */
static ci_registry_image row_of(const ci_registry *registry, const ci_registry_image *image)
{
    ci_registry_image row = *image;
    row.created_unix_s = ci_registry_now(registry);
    if (!row.run[0]) snprintf(row.run, sizeof row.run, "%s", registry->run);
    return row;
}

ci_status ci_registry_tile_put(ci_registry *registry, const ci_registry_image *tile)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    ci_registry_image row = row_of(registry, tile);
    char before[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status =
        ci_registry_db_word(db, before, sizeof before,
                            "SELECT status FROM tiles WHERE observation_id=?", VALUES(V(row.id)));
    if (status == CI_OK) status = ci_registry_row_put(db, &tile_rows, &row, SET_NOTHING);
    if (status == CI_OK) status = ci_registry_product_files_write(db, "tile", &row);
    if (status == CI_OK) status = deployed_images_write(registry, &row);
    if (status == CI_OK)
        status = ci_registry_db_change_refused(
            registry, CI_REGISTRY_DB_PRODUCTS,
            &(ci_refusal){"tile", row.id, before, state_words[row.state], row.reason, row.gate});
    return ci_registry_db_end(db, status);
}

ci_status ci_registry_tile_get(ci_registry *registry, const char *observation_id,
                               ci_registry_images **out)
{
    return image_get(registry, &tile_rows, "WHERE observation_id=?", "tile", observation_id, out);
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

/* The deployed row of a mosaic's group: derived from ours. */
static ci_status deployed_group_write(ci_registry *registry, const ci_registry_image *m,
                                      const char *tiles)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    CI_TRY(ci_registry_db_run(
        db, NULL, "INSERT OR IGNORE INTO mosaic_groups(group_id,ms_paths,created_at) VALUES(?,?,?)",
        VALUES(V(m->id), V(tiles), V(m->created_unix_s))));
    return ci_registry_db_update(db, NULL, "mosaic_groups",
                                 SET({"ms_paths", V(tiles)}, {"mosaic_id", V(m->id)},
                                     {"mosaicked_at", V(m->created_unix_s)},
                                     {"status", V(state_words[m->state])}),
                                 "WHERE group_id=?", VALUES(V(m->id)));
}

/* path: of mosaic.fits; tiles: their ids as JSON. */
static ci_status mosaic_row_write(ci_db *db, const ci_registry_image *m, const char *path,
                                  const char *tiles, size_t n_tile, bool is_new)
{
    double span_s = m->last_time_mjd_s - m->first_time_mjd_s;
    const ci_named_value *further =
        SET({"path", V(path)}, {"output_path", V(path)}, {"integration_sec", V(span_s)},
            {"n_images", V(n_tile)}, {"tiles", V(tiles)}, {"method", V("contimg")},
            {"origin", V("contimg")});
    if (is_new) return ci_registry_row_insert(db, &mosaic_rows, m, further);
    return ci_registry_row_update(db, &mosaic_rows, m, further,
                                  "WHERE group_id=? AND origin='contimg'", VALUES(V(m->id)));
}

static ci_status mosaic_tiles_write(ci_db *db, const char *id, const char *const *tile_ids,
                                    size_t n_tile)
{
    CI_TRY(
        ci_registry_db_run(db, NULL, "DELETE FROM mosaic_tiles WHERE group_id=?", VALUES(V(id))));
    for (size_t i = 0; i < n_tile; i++)
        CI_TRY(ci_registry_db_insert(
            db, "mosaic_tiles",
            SET({"group_id", V(id)}, {"i_tile", V(i)}, {"observation_id", V(tile_ids[i])})));
    return CI_OK;
}

static ci_status mosaic_write(ci_registry *registry, const ci_registry_image *m, const char *path,
                              const char *tiles, const char *const *tile_ids, size_t n_tile)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    char before[CI_REGISTRY_WORD];
    CI_TRY(ci_registry_db_word(db, before, sizeof before,
                               "SELECT status FROM mosaics WHERE group_id=? AND origin='contimg'",
                               VALUES(V(m->id))));
    CI_TRY(mosaic_row_write(db, m, path, tiles, n_tile, !before[0]));
    CI_TRY(deployed_group_write(registry, m, tiles));
    CI_TRY(ci_registry_product_files_write(db, "mosaic", m));
    CI_TRY(mosaic_tiles_write(db, m->id, tile_ids, n_tile));
    CI_TRY(ci_registry_mosaic_published(registry, m->id));
    return ci_registry_db_change(registry, CI_REGISTRY_DB_PRODUCTS, "mosaic", m->id, before,
                                 state_words[m->state], m->reason);
}

ci_status ci_registry_mosaic_put(ci_registry *registry, const ci_registry_image *mosaic,
                                 const char *const *tile_ids, size_t n_tile)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    ci_registry_image row = row_of(registry, mosaic);
    char *path = NULL, *tiles = NULL;
    ci_status status = ci_path_join(&path, mosaic->folder, "mosaic.fits");
    if (status == CI_OK) status = tile_list(&tiles, tile_ids, n_tile);
    if (status == CI_OK) status = ci_registry_db_begin(db);
    if (status == CI_OK)
        status =
            ci_registry_db_end(db, mosaic_write(registry, &row, path, tiles, tile_ids, n_tile));
    ci_mem_free(path);
    ci_mem_free(tiles);
    return status;
}

ci_status ci_registry_mosaic_get(ci_registry *registry, const char *group_id,
                                 ci_registry_images **out)
{
    return image_get(registry, &mosaic_rows, "WHERE group_id=? AND origin='contimg'", "mosaic",
                     group_id, out);
}

/* ---- where they are published: the data registry has the truth of it ------------------------- */

ci_status ci_registry_mosaic_published(ci_registry *registry, const char *group_id)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    char folder[4096];
    CI_TRY(ci_registry_db_begin(db));
    /* Read under the lock: who publishes or withdraws it now writes this row after us. */
    ci_status status =
        ci_registry_db_word(&registry->db[CI_REGISTRY_DB_DATA], folder, sizeof folder,
                            "SELECT published_path FROM data_registry WHERE "
                            "data_id=? AND status='published' AND "
                            "origin<>'deployed'",
                            VALUES(V(group_id)));
    if (status == CI_OK)
        status = ci_registry_db_run(
            db, NULL,
            "UPDATE mosaics SET published_path=?1,"
            "path=coalesce(coalesce(?1,folder)||'/mosaic.fits',path),"
            "output_path=coalesce(coalesce(?1,folder)||'/mosaic.fits',output_path) "
            "WHERE group_id=?2 AND origin='contimg'",
            VALUES(*folder ? V((const char *)folder) : CI_NULL, V(group_id)));
    return ci_registry_db_end(db, status);
}

typedef struct id_list
{
    size_t n;
    char (*item)[CI_REGISTRY_ID];
} id_list;

static ci_status id_append(id_list *list, sqlite3_stmt *stmt)
{
    CI_TRY(ci_registry_list_grow(&list->item, list->n, sizeof *list->item));
    ci_registry_db_text(stmt, 0, list->item[list->n++], CI_REGISTRY_ID);
    return CI_OK;
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text ? text : "";
}

/* Mosaics whose row and the data registry differ: both in order of id. */
static ci_status differing_find(ci_registry *registry, id_list *out)
{
    ci_db *products = &registry->db[CI_REGISTRY_DB_PRODUCTS],
          *data = &registry->db[CI_REGISTRY_DB_DATA];
    sqlite3_stmt *row = NULL, *truth = NULL;
    ci_status status = ci_registry_db_query(
        data, &truth,
        "SELECT data_id,published_path FROM data_registry WHERE status='published' AND "
        "origin<>'deployed' AND data_type='mosaic' ORDER BY data_id",
        NO_VALUES);
    if (status == CI_OK)
        status = ci_registry_db_query(
            products, &row,
            "SELECT group_id,published_path,coalesce(path=coalesce(published_path,folder)||"
            "'/mosaic.fits',1) FROM mosaics WHERE origin='contimg' ORDER BY group_id",
            NO_VALUES);
    bool has_truth = ci_registry_db_next(data, &truth, &status);
    while (ci_registry_db_next(products, &row, &status)) {
        const char *id = text_of(row, 0);
        while (has_truth && strcmp(text_of(truth, 0), id) < 0)
            has_truth = ci_registry_db_next(data, &truth, &status);
        bool is_published = has_truth && strcmp(text_of(truth, 0), id) == 0;
        const char *folder = is_published ? text_of(truth, 1) : "";
        if (strcmp(folder, text_of(row, 1)) != 0 || !sqlite3_column_int(row, 2))
            status = status == CI_OK ? id_append(out, row) : status;
    }
    ci_registry_db_done(&row);
    ci_registry_db_done(&truth);
    return status;
}

ci_status ci_registry_mosaics_published(ci_registry *registry)
{
    id_list list = {0};
    ci_status status = differing_find(registry, &list);
    for (size_t i = 0; i < list.n && status == CI_OK; i++)
        status = ci_registry_mosaic_published(registry, list.item[i]);
    ci_mem_free(list.item);
    return status;
}
