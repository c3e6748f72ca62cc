/* Photometry: the sources found in an image. */
#include "registry/handle.h"

#define COLUMN(field, type, name, ...) CI_COLUMN(ci_registry_source, field, type, name, __VA_ARGS__)
static const ci_column source_columns[] = {
    COLUMN(name, TEXT, "source_name"),
    COLUMN(ra_rad, REAL, "ra_deg", .unit = CI_DEG_TO_RAD),
    COLUMN(dec_rad, REAL, "dec_deg", .unit = CI_DEG_TO_RAD),
    COLUMN(ra_err_rad, REAL, "ra_err_arcsec", .unit = CI_ARCSEC_TO_RAD),
    COLUMN(dec_err_rad, REAL, "dec_err_arcsec", .unit = CI_ARCSEC_TO_RAD),
    COLUMN(peak_jy, REAL, "peak_jyb"),
    COLUMN(peak_err_jy, REAL, "peak_err_jyb"),
    COLUMN(flux_jy, REAL, "flux_jy"),
    COLUMN(flux_err_jy, REAL, "flux_err_jy"),
    COLUMN(major_rad, REAL, "major_arcsec", .unit = CI_ARCSEC_TO_RAD),
    COLUMN(minor_rad, REAL, "minor_arcsec", .unit = CI_ARCSEC_TO_RAD),
    COLUMN(pa_rad, REAL, "pa_deg", .unit = CI_DEG_TO_RAD),
    COLUMN(rms_jy, REAL, "rms_jy"),
    COLUMN(is_resolved, INT, "is_resolved"),
};
static const ci_row_table source_rows = {
    CI_ROW_TABLE("photometry", NULL, ci_registry_source, source_columns)};

ci_status ci_registry_sources_put(ci_registry *registry, const char *product_id,
                                  const char *image_path, double time_mjd_s,
                                  const ci_registry_source *sources, size_t n_source)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    CI_TRY(ci_registry_db_begin(db));
    ci_status status = ci_registry_db_run(
        db, NULL, "DELETE FROM photometry WHERE product_id=? AND origin='contimg'",
        VALUES(V(product_id)));
    for (size_t i = 0; i < n_source && status == CI_OK; i++)
        status = ci_registry_row_insert(
            db, &source_rows, &sources[i],
            SET({"image_path", V(image_path)}, {"product_id", V(product_id)},
                {"measured_at", V(ci_registry_now(registry))}, {"mjd", V(time_mjd_s / CI_DAY_S)},
                {"origin", V("contimg")}));
    return ci_registry_db_end(db, status);
}
