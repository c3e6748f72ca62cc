/* Models of the installed tables: flux standards, resolved standards, VLA calibrators. */
#include <math.h>
#include <string.h>

#include "contimg/sky.h"
#include "sky/csv.h"

/* One row of a share/ table as a source; *keep false for rows that are no source here. */
typedef ci_status (*row_reader)(const ci_sky_csv *csv, ci_sky_source *source, bool *keep);

static ci_status load(ci_sky_model **out, const char *file, const char *const *names, int n_name,
                      row_reader read)
{
    *out = NULL;
    char *path = NULL;
    ci_sky_csv csv = {0};
    ci_sky_model *model = NULL;
    ci_status status = ci_path_share(&path, file);
    if (status == CI_OK) status = ci_sky_csv_open(&csv, path, names, n_name, n_name);
    if (status == CI_OK) status = ci_sky_model_new(&model);
    while (status == CI_OK) {
        bool end, keep = true;
        ci_sky_source source = {0};
        status = ci_sky_csv_row(&csv, &end);
        if (status != CI_OK || end) break;
        status = read(&csv, &source, &keep);
        if (status == CI_OK && keep) status = ci_sky_model_append(model, &source);
    }
    ci_sky_csv_close(&csv);
    ci_mem_free(path);
    if (status == CI_OK)
        *out = model;
    else
        ci_sky_model_free(model);
    return status;
}

static ci_status read_position(const ci_sky_csv *csv, int name, int ra, ci_sky_source *source)
{
    source->name = ci_sky_csv_text(csv, name); /* the model copies it */
    CI_TRY(ci_sky_csv_number(csv, ra, NAN, &source->ra_rad));
    CI_TRY(ci_sky_csv_number(csv, ra + 1, NAN, &source->dec_rad));
    source->ra_rad *= CI_DEG_TO_RAD;
    source->dec_rad *= CI_DEG_TO_RAD;
    return CI_OK;
}

static const char *const standard_names[] = {"name", "ra_deg", "dec_deg", "is_point",
                                             "a0",   "a1",     "a2",      "a3",
                                             "a4",   "a5",     "min_hz",  "max_hz"};

static ci_status read_any_standard(const ci_sky_csv *csv, ci_sky_source *source)
{
    double point;
    CI_TRY(read_position(csv, 0, 1, source));
    CI_TRY(ci_sky_csv_number(csv, 3, NAN, &point));
    source->is_flux_standard = point != 0;
    source->n_poly = 6;
    for (int i = 0; i < 6; i++)
        CI_TRY(ci_sky_csv_number(csv, 4 + i, NAN, &source->poly[i]));
    CI_TRY(ci_sky_csv_number(csv, 10, NAN, &source->poly_min_hz));
    CI_TRY(ci_sky_csv_number(csv, 11, NAN, &source->poly_max_hz));
    /* For readers of flux_jy: the polynomial where this array observes, as near as its range
     * allows. */
    source->ref_freq_hz = fmin(fmax(1.4e9, source->poly_min_hz), source->poly_max_hz);
    source->flux_jy = ci_sky_source_flux_jy(source, source->ref_freq_hz);
    return CI_OK;
}

static ci_status read_standard(const ci_sky_csv *csv, ci_sky_source *source, bool *keep)
{
    CI_TRY(read_any_standard(csv, source));
    *keep = source->is_flux_standard;
    return CI_OK;
}

static ci_status read_resolved(const ci_sky_csv *csv, ci_sky_source *source, bool *keep)
{
    CI_TRY(read_any_standard(csv, source));
    *keep = !source->is_flux_standard;
    return CI_OK;
}

ci_status ci_sky_catalog_standards(ci_sky_model **out)
{
    return load(out, "perley_butler_2017.csv", standard_names, 12, read_standard);
}

ci_status ci_sky_catalog_resolved(ci_sky_model **out)
{
    return load(out, "perley_butler_2017.csv", standard_names, 12, read_resolved);
}

static ci_status read_vla(const ci_sky_csv *csv, ci_sky_source *source, bool *keep)
{
    CI_TRY(read_position(csv, 0, 2, source));
    CI_TRY(ci_sky_csv_number(csv, 4, NAN, &source->flux_jy));
    CI_TRY(ci_sky_csv_number(csv, 5, 0, &source->spectral_index));
    source->ref_freq_hz = 1.4e9;
    source->is_flux_approximate = true;
    *keep = source->flux_jy > 0; /* listed with 0.00 where nobody knows */
    return CI_OK;
}

ci_status ci_sky_catalog_vla(ci_sky_model **out)
{
    static const char *const names[] = {"name",         "alias", "ra_deg", "dec_deg",
                                        "flux_1400_jy", "index", "code"};
    return load(out, "vla_calibrators.csv", names, 7, read_vla);
}

static const double same_rad = 60 * CI_ARCSEC_TO_RAD;
static const double resolved_rad = 600 * CI_ARCSEC_TO_RAD; /* their lobes */

static bool is_near(const ci_sky_model *model, const ci_sky_source *source, double radius_rad)
{
    double distance_rad;
    ci_sky_model_nearest(model, source->ra_rad, source->dec_rad, &distance_rad);
    return distance_rad < radius_rad;
}

static ci_status vla_append(ci_sky_model *model, const ci_sky_model *vla,
                            const ci_sky_model *standards, const ci_sky_model *resolved)
{
    for (size_t i = 0; i < vla->n_source; i++) {
        const ci_sky_source *s = &vla->source[i];
        if (is_near(standards, s, same_rad) || is_near(resolved, s, resolved_rad)) continue;
        CI_TRY(ci_sky_model_append(model, s));
    }
    return CI_OK;
}

ci_status ci_sky_catalog_calibrators(ci_sky_model **out)
{
    ci_sky_model *model = NULL, *standards = NULL, *vla = NULL, *resolved = NULL;
    *out = NULL;
    ci_status status = ci_sky_catalog_standards(&model);
    if (status == CI_OK) status = ci_sky_catalog_standards(&standards);
    if (status == CI_OK) status = ci_sky_catalog_vla(&vla);
    if (status == CI_OK) status = ci_sky_catalog_resolved(&resolved);
    if (status == CI_OK) status = vla_append(model, vla, standards, resolved);
    ci_sky_model_free(standards);
    ci_sky_model_free(vla);
    ci_sky_model_free(resolved);
    if (status == CI_OK)
        *out = model;
    else
        ci_sky_model_free(model);
    return status;
}
