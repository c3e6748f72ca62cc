/* Phase centres of all forms: DSA-110's meridian, the old phase_type, the catalogue. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Appends entries to meta->phase: one, or one for each time. `first` gets its index. */
static ci_status centre_append(ci_uvh5_file *file, const uvh5_centre *centre, size_t *first)
{
    ci_vis_meta *meta = file->meta;
    size_t n = centre->is_moving ? meta->n_time : 1;
    *first = meta->n_phase;
    CI_TRY(ci_mem_resize(&meta->phase, meta->n_phase + n, sizeof *meta->phase, "phase centres"));
    for (size_t i = 0; i < n; i++) {
        ci_vis_phase_centre *place = &meta->phase[meta->n_phase + i];
        *place = centre->place;
        if (!centre->is_moving) continue;
        place->ra_rad = centre->moving[2 * i];
        place->dec_rad = centre->moving[2 * i + 1];
    }
    meta->n_phase += n;
    return CI_OK;
}

static void rows_point_to(ci_uvh5_file *file, size_t i_row, size_t first, bool is_moving)
{
    file->row_phase[i_row] = (int32_t)(first + (is_moving ? (size_t)file->row_time[i_row] : 0));
}

static ci_status centre_for_all(ci_uvh5_file *file, const uvh5_centre *centre)
{
    size_t first;
    CI_TRY(centre_append(file, centre, &first));
    for (size_t i = 0; i < file->n_row; i++)
        rows_point_to(file, i, first, centre->is_moving);
    return CI_OK;
}

/* DSA-110 phases each integration to hour angle 0 and the pointing's declination; it says
 * so by a scalar phase_center_app_dec together with the epoch "HADEC". */
static void hadec_look(ci_uvh5_file *file)
{
    ci_h5_info info;
    char epoch[16];
    ci_uvh5_header_text(file, "Header/extra_keywords/phase_center_epoch", epoch, sizeof epoch);
    file->has_hadec_mark = strcmp(epoch, "HADEC") == 0;
    if (ci_h5_has(file->h5, "Header/phase_center_app_dec") &&
        ci_h5_info_get(file->h5, "Header/phase_center_app_dec", &info) == CI_OK) {
        file->is_scalar_app_dec = info.rank == 0;
    }
    ci_error_clear();
}

/* The declination: scalar phase_center_app_dec, or one value for all rows of it, or the
 * extra keyword. */
static ci_status meridian_dec(ci_uvh5_file *file, double *dec_rad)
{
    const char *name = "Header/phase_center_app_dec";
    if (file->is_scalar_app_dec) return ci_h5_read_double(file->h5, name, dec_rad, 1);
    if (ci_uvh5_header_double(file, "Header/extra_keywords/phase_center_dec", dec_rad))
        return CI_OK;
    if (!ci_h5_has(file->h5, name)) {
        return ci_uvh5_refuse(file, name,
                              "dataset is missing: phasing hadec needs the pointing's declination");
    }
    double *values = NULL;
    CI_TRY(ci_mem_alloc(&values, file->n_row, sizeof *values, "apparent declinations"));
    ci_status status = ci_h5_read_double(file->h5, name, values, file->n_row);
    if (status == CI_OK) *dec_rad = values[0];
    for (size_t i = 1; status == CI_OK && i < file->n_row; i++) {
        if (fabs(values[i] - values[0]) > 1e-6) {
            status = ci_uvh5_refuse(file, name, "is not one declination: phasing hadec cannot be");
        }
    }
    ci_mem_free(values);
    return status;
}

static ci_status meridian_read(ci_uvh5_file *file)
{
    uvh5_centre centre = {.place = {.kind = CI_PHASING_MERIDIAN}};
    double ha = 0;
    CI_TRY(meridian_dec(file, &centre.place.dec_rad));
    if (!isfinite(centre.place.dec_rad) || fabs(centre.place.dec_rad) > CI_PI / 2) {
        return ci_uvh5_refuse(file, "Header/phase_center_app_dec",
                              "%g is no declination in radians", centre.place.dec_rad);
    }
    if (ci_uvh5_header_double(file, "Header/extra_keywords/ha_phase_center", &ha) &&
        fabs(ha) > 1e-9) {
        return ci_uvh5_refuse(file, "Header/extra_keywords/ha_phase_center",
                              "hour angle %g: only data phased to the meridian (0) are understood",
                              ha);
    }
    ci_uvh5_header_text(file, "Header/object_name", centre.place.name, sizeof centre.place.name);
    return centre_for_all(file, &centre);
}

static ci_status unprojected_read(ci_uvh5_file *file)
{
    uvh5_centre centre = {.place = {.kind = CI_PHASING_UNPROJECTED}};
    ci_uvh5_header_text(file, "Header/object_name", centre.place.name, sizeof centre.place.name);
    return centre_for_all(file, &centre);
}

/* Before version 1.1: one phase_type for all rows. */
static ci_status legacy_read(ci_uvh5_file *file)
{
    char type[32], frame[16];
    ci_uvh5_header_text(file, "Header/phase_type", type, sizeof type);
    if (strcasecmp(type, "phased") != 0) {
        if (strcasecmp(type, "drift") != 0) {
            ci_uvh5_warning_add(file, "Header/phase_type: \"%s\": taken as unprojected", type);
        }
        return unprojected_read(file);
    }
    uvh5_centre centre = {.place = {.kind = CI_PHASING_SIDEREAL}};
    ci_vis_phase_centre *place = &centre.place;
    double epoch = 2000;
    CI_TRY(ci_h5_read_double(file->h5, "Header/phase_center_ra", &place->ra_rad, 1));
    CI_TRY(ci_h5_read_double(file->h5, "Header/phase_center_dec", &place->dec_rad, 1));
    ci_uvh5_header_double(file, "Header/phase_center_epoch", &epoch);
    ci_uvh5_header_text(file, "Header/phase_center_frame", frame, sizeof frame);
    ci_uvh5_header_text(file, "Header/object_name", place->name, sizeof place->name);
    const uvh5_frame in = {frame, epoch, ci_uvh5_mid_time(file)};
    CI_TRY(
        ci_uvh5_frame_to_icrs(file, "Header/phase_center_ra", in, &place->ra_rad, &place->dec_rad));
    return centre_for_all(file, &centre);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static size_t distinct_ids(int64_t *ids, size_t n)
{
    size_t n_run = 0, n_out = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || ids[i] != ids[n_run - 1]) ids[n_run++] = ids[i];
    }
    qsort(ids, n_run, sizeof *ids, compare_ids);
    for (size_t i = 0; i < n_run; i++) {
        if (i == 0 || ids[i] != ids[n_out - 1]) ids[n_out++] = ids[i];
    }
    return n_out;
}

/* Reads the centres of the ids that rows have and points the rows with each id to it. */
static ci_status ids_resolve(ci_uvh5_file *file, const int64_t *row_id, const int64_t *ids,
                             size_t n_id)
{
    for (size_t k = 0; k < n_id; k++) {
        uvh5_centre centre = {0};
        size_t first = 0;
        ci_status status = ci_uvh5_catalog_read(file, ids[k], &centre);
        if (status == CI_OK) status = centre_append(file, &centre, &first);
        for (size_t i = 0; status == CI_OK && i < file->n_row; i++) {
            if (row_id[i] == ids[k]) rows_point_to(file, i, first, centre.is_moving);
        }
        ci_mem_free(centre.moving);
        CI_TRY(status);
    }
    return CI_OK;
}

static ci_status catalog_form_read(ci_uvh5_file *file)
{
    enum
    {
        MAX_CENTRES = 4096
    };
    const char *name = "Header/phase_center_id_array";
    int64_t *row_id = NULL, *ids = NULL;
    CI_TRY(ci_mem_alloc(&row_id, file->n_row, sizeof *row_id, "phase centre ids"));
    ci_status status = ci_h5_read_int(file->h5, name, row_id, file->n_row);
    if (status == CI_OK) status = ci_mem_alloc(&ids, file->n_row, sizeof *ids, "phase centre ids");
    if (status == CI_OK) {
        memcpy(ids, row_id, file->n_row * sizeof *ids);
        size_t n_id = distinct_ids(ids, file->n_row);
        if (n_id > MAX_CENTRES) {
            status = ci_uvh5_refuse(file, name, "%zu phase centres; contimg handles at most %d",
                                    n_id, MAX_CENTRES);
        } else {
            status = ids_resolve(file, row_id, ids, n_id);
        }
    }
    ci_mem_free(ids);
    ci_mem_free(row_id);
    return status;
}

ci_status ci_uvh5_phase_read(ci_uvh5_file *file)
{
    hadec_look(file);
    bool is_hadec = file->is_scalar_app_dec && file->has_hadec_mark;
    const char *origin = "header";
    ci_status status;
    if (file->options.phasing == CI_UVH5_PHASING_HADEC) {
        origin = "--phasing hadec";
        status = meridian_read(file);
    } else if (file->options.phasing == CI_UVH5_PHASING_UNPROJECTED) {
        origin = "--phasing unprojected";
        status = unprojected_read(file);
    } else if (is_hadec) {
        origin = "scalar phase_center_app_dec and epoch HADEC";
        status = meridian_read(file);
    } else if (ci_h5_kind_of(file->h5, "Header/phase_center_catalog") == CI_H5_GROUP) {
        origin = "phase_center_catalog";
        status = catalog_form_read(file);
    } else {
        origin = "phase_type";
        status = legacy_read(file);
    }
    ci_uvh5_fact_set(file, "phasing", "%s", origin);
    if (status == CI_OK && file->has_hadec_mark && !file->is_scalar_app_dec) {
        ci_uvh5_warning_add(
            file, "the epoch is HADEC, but phase_center_app_dec is not one number: taken as "
                  "the other header entries say");
    }
    return status;
}
