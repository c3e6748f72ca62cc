/* Phase centres of all forms: DSA-110's meridian, the old phase_type, the catalogue. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Appends a field and its entries in meta->phase: one, or one for each time. `first` gets the
 * index of the first. */
static ci_status centre_append(ci_uvh5_file *file, int64_t id, const char *name,
                               const uvh5_centre *centre, size_t *first)
{
    ci_vis_meta *meta = file->meta;
    size_t n = centre->is_moving ? meta->n_time : 1;
    int32_t i_field;
    *first = meta->n_phase;
    CI_TRY(ci_vis_field_add(meta, id, name, &i_field));
    CI_TRY(ci_mem_resize(&meta->phase, meta->n_phase + n, sizeof *meta->phase, "phase centres"));
    for (size_t i = 0; i < n; i++) {
        ci_vis_phase_centre *position = &meta->phase[meta->n_phase + i];
        *position = centre->position;
        position->i_field = i_field;
        if (!centre->is_moving) continue;
        position->ra_rad = centre->moving[2 * i];
        position->dec_rad = centre->moving[2 * i + 1];
    }
    meta->n_phase += n;
    return CI_OK;
}

static void rows_point_to(ci_uvh5_file *file, size_t i_row, size_t first, bool is_moving)
{
    file->row_phase[i_row] = (int32_t)(first + (is_moving ? (size_t)file->row_time[i_row] : 0));
}

/* Older forms have one centre, named by object_name. */
static ci_status centre_for_all(ci_uvh5_file *file, const uvh5_centre *centre)
{
    size_t first;
    char *name = NULL;
    CI_TRY(ci_uvh5_header_text_copy(file, "Header/object_name", &name));
    const char *wanted = file->options.field;
    bool is_it = wanted == NULL || strcmp(wanted, name) == 0 || strcmp(wanted, "0") == 0;
    ci_status status =
        is_it ? centre_append(file, 0, name, centre, &first)
              : ci_uvh5_refuse(
                    file, "Header/object_name",
                    "--field %s: the only field is \"%s\": give that, or leave --field out", wanted,
                    name);
    ci_mem_free(name);
    CI_TRY(status);
    for (size_t i = 0; i < file->n_row; i++)
        rows_point_to(file, i, first, centre->is_moving);
    return CI_OK;
}

/* DSA-110 phases each integration to hour angle 0 and the pointing's declination; it says
 * so by a scalar phase_center_app_dec together with the epoch "HADEC" (others write a year). */
static ci_status hadec_look(ci_uvh5_file *file)
{
    static const char name_of_epoch[] = "Header/extra_keywords/phase_center_epoch";
    static const char name_of_dec[] = "Header/phase_center_app_dec";
    ci_h5_info info;
    char epoch[16] = "";
    if (ci_h5_has(file->h5, name_of_epoch)) {
        CI_TRY(ci_uvh5_header_info(file, name_of_epoch, &info));
        if (info.type_class == CI_H5_STRING)
            CI_TRY(ci_uvh5_header_text(file, name_of_epoch, epoch, sizeof epoch));
    }
    file->has_hadec_mark = strcmp(epoch, "HADEC") == 0;
    if (!ci_h5_has(file->h5, name_of_dec)) return CI_OK;
    CI_TRY(ci_uvh5_header_info(file, name_of_dec, &info));
    file->is_scalar_app_dec = info.rank == 0;
    return CI_OK;
}

/* The declination: scalar phase_center_app_dec, or one value for all rows of it, or the
 * extra keyword. */
static ci_status meridian_dec(ci_uvh5_file *file, double *dec_rad)
{
    const char *name = "Header/phase_center_app_dec";
    if (file->is_scalar_app_dec) return ci_h5_read_double(file->h5, name, dec_rad, 1);
    bool is_there;
    CI_TRY(
        ci_uvh5_header_double(file, "Header/extra_keywords/phase_center_dec", &is_there, dec_rad));
    if (is_there) return CI_OK;
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
            status = ci_uvh5_refuse(
                file, name,
                "is not one declination: phasing hadec cannot be: give another --phasing");
        }
    }
    ci_mem_free(values);
    return status;
}

static ci_status meridian_read(ci_uvh5_file *file)
{
    uvh5_centre centre = {.position = {.kind = CI_VIS_PHASING_MERIDIAN}};
    double ha = 0;
    bool is_there;
    CI_TRY(meridian_dec(file, &centre.position.dec_rad));
    if (!isfinite(centre.position.dec_rad) || fabs(centre.position.dec_rad) > CI_PI / 2) {
        return ci_uvh5_refuse(file, "Header/phase_center_app_dec",
                              "%g is no declination in radians: correct it",
                              centre.position.dec_rad);
    }
    CI_TRY(ci_uvh5_header_double(file, "Header/extra_keywords/ha_phase_center", &is_there, &ha));
    if (!(fabs(ha) <= 1e-9)) {
        return ci_uvh5_refuse(
            file, "Header/extra_keywords/ha_phase_center",
            "hour angle %g: only data phased to the meridian (0) are understood: rephase them", ha);
    }
    return centre_for_all(file, &centre);
}

static ci_status unprojected_read(ci_uvh5_file *file)
{
    uvh5_centre centre = {.position = {.kind = CI_VIS_PHASING_UNPROJECTED}};
    return centre_for_all(file, &centre);
}

/* Before version 1.1: one phase_type for all rows. */
static ci_status legacy_read(ci_uvh5_file *file)
{
    char type[32], frame[16];
    bool is_there;
    CI_TRY(ci_uvh5_header_text(file, "Header/phase_type", type, sizeof type));
    if (strcasecmp(type, "phased") != 0) {
        if (strcasecmp(type, "drift") != 0) {
            ci_uvh5_warning_add(file, "Header/phase_type: \"%s\": taken as unprojected", type);
        }
        return unprojected_read(file);
    }
    uvh5_centre centre = {.position = {.kind = CI_VIS_PHASING_SIDEREAL}};
    ci_vis_phase_centre *position = &centre.position;
    double epoch = 2000;
    CI_TRY(ci_h5_read_double(file->h5, "Header/phase_center_ra", &position->ra_rad, 1));
    CI_TRY(ci_h5_read_double(file->h5, "Header/phase_center_dec", &position->dec_rad, 1));
    CI_TRY(ci_uvh5_header_double(file, "Header/phase_center_epoch", &is_there, &epoch));
    CI_TRY(ci_uvh5_header_text(file, "Header/phase_center_frame", frame, sizeof frame));
    const uvh5_frame in = {frame, epoch, ci_uvh5_mid_time(file)};
    CI_TRY(ci_uvh5_frame_to_icrs(file, "Header/phase_center_ra", in, &position->ra_rad,
                                 &position->dec_rad));
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

static size_t row_of(const int64_t *row_id, int64_t id)
{
    size_t i = 0;
    while (row_id[i] != id)
        i++;
    return i;
}

/* Reads the centres of the ids that rows have and points the rows with each id to it; those of
 * other fields than `wanted` (NULL: all) are named only. */
static ci_status ids_resolve(ci_uvh5_file *file, const int64_t *row_id, const int64_t *ids,
                             size_t n_id, const int64_t *wanted)
{
    for (size_t k = 0; k < n_id; k++) {
        uvh5_centre centre = {0};
        char *name = NULL;
        size_t first = 0;
        CI_TRY(ci_uvh5_catalog_name(file, ids[k], &name));
        bool is_used = wanted == NULL || *wanted == ids[k];
        ci_status status = CI_OK;
        if (is_used) {
            status = ci_uvh5_catalog_read(file, ids[k], row_of(row_id, ids[k]), &centre);
            if (status == CI_OK) status = centre_append(file, ids[k], name, &centre, &first);
        } else {
            status = ci_vis_field_add(file->meta, ids[k], name, NULL);
        }
        for (size_t i = 0; is_used && status == CI_OK && i < file->n_row; i++)
            if (row_id[i] == ids[k]) rows_point_to(file, i, first, centre.is_moving);
        ci_mem_free(name);
        ci_mem_free(centre.moving);
        CI_TRY(status);
    }
    return CI_OK;
}

/* What --field means: name:X, id:N, or either where only one of the two is there. */
typedef struct field_wish
{
    const char *text, *name, *id; /* name, id: NULL where not meant */
    size_t n_named, n_numbered;
    int64_t named, numbered;
} field_wish;

static field_wish field_wish_of(const char *text)
{
    if (strncmp(text, "name:", 5) == 0) return (field_wish){.text = text, .name = text + 5};
    if (strncmp(text, "id:", 3) == 0) return (field_wish){.text = text, .id = text + 3};
    return (field_wish){.text = text, .name = text, .id = text};
}

/* Counts a field that is meant, and adds it to the list of all. */
static ci_status field_compare(ci_uvh5_file *file, int64_t id, field_wish *w, ci_text *list)
{
    char *name = NULL, digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)id);
    CI_TRY(ci_uvh5_catalog_name(file, id, &name));
    if (w->name && name && strcmp(name, w->name) == 0) {
        w->named = id;
        w->n_named++;
    }
    if (w->id && strcmp(digits, w->id) == 0) {
        w->numbered = id;
        w->n_numbered++;
    }
    ci_status status =
        ci_text_append(list, "%s%s \"%s\"", list->text ? ", " : "", digits, ci_vis_text(name));
    ci_mem_free(name);
    return status;
}

/* The id of the one field that --field means. */
static ci_status field_find(ci_uvh5_file *file, const int64_t *ids, size_t n_id, int64_t *out)
{
    static const char what[] = "Header/phase_center_catalog";
    field_wish w = field_wish_of(file->options.field);
    ci_text list = {0};
    ci_status status = CI_OK;
    for (size_t k = 0; status == CI_OK && k < n_id; k++)
        status = field_compare(file, ids[k], &w, &list);
    bool is_both = w.n_named > 0 && w.n_numbered > 0 && (w.n_named > 1 || w.named != w.numbered);
    if (status == CI_OK && is_both)
        status = ci_uvh5_refuse(file, what,
                                "--field %s: field %lld is called so, and another has this id: "
                                "give --field name:%s or id:%s: the fields with rows are %s",
                                w.text, (long long)w.named, w.text, w.text, list.text);
    else if (status == CI_OK && w.n_named + w.n_numbered == 0)
        status =
            ci_uvh5_refuse(file, what, "--field %s: no such field: choose of those with rows: %s",
                           w.text, list.text);
    else if (status == CI_OK && w.n_named > 1)
        status = ci_uvh5_refuse(file, what,
                                "--field %s: several are called so: give the id, as id:%lld: the "
                                "fields with rows are %s",
                                w.text, (long long)w.named, list.text);
    *out = w.n_named > 0 ? w.named : w.numbered;
    ci_mem_free(list.text);
    return status;
}

/* Numbers `index` [n_row] anew so that only values of used rows are left; `kept` [n_value] gets
 * the new number of each, or -1. */
static size_t values_keep(const ci_uvh5_file *file, int32_t *index, size_t n_value, int32_t *kept)
{
    size_t n = 0;
    for (size_t k = 0; k < n_value; k++)
        kept[k] = -1;
    for (size_t i = 0; i < file->n_row; i++)
        if (file->row_phase[i] >= 0) kept[index[i]] = 0;
    for (size_t k = 0; k < n_value; k++)
        if (kept[k] == 0) kept[k] = (int32_t)n++;
    for (size_t i = 0; i < file->n_row; i++)
        index[i] = kept[index[i]] < 0 ? 0 : kept[index[i]];
    return n;
}

/* Leaves out the rows of other fields, and the times and baselines that only they have. */
static ci_status rows_choose(ci_uvh5_file *file, const int64_t *row_id, int64_t wanted)
{
    ci_vis_meta *meta = file->meta;
    int32_t *kept = NULL;
    size_t most = meta->n_time > meta->n_baseline ? meta->n_time : meta->n_baseline;
    CI_TRY(ci_mem_alloc(&kept, most, sizeof *kept, "rows of a field"));
    for (size_t i = 0; i < file->n_row; i++)
        file->row_phase[i] = row_id[i] == wanted ? 0 : -1;
    size_t n_time = values_keep(file, file->row_time, meta->n_time, kept);
    for (size_t k = 0; k < meta->n_time; k++)
        if (kept[k] >= 0) meta->time_mjd_s[kept[k]] = meta->time_mjd_s[k];
    meta->n_time = n_time;
    size_t n_baseline = values_keep(file, file->row_baseline, meta->n_baseline, kept);
    for (size_t k = 0; k < meta->n_baseline; k++) {
        if (kept[k] < 0) continue;
        meta->baseline_ant1[kept[k]] = meta->baseline_ant1[k];
        meta->baseline_ant2[kept[k]] = meta->baseline_ant2[k];
    }
    meta->n_baseline = n_baseline;
    ci_mem_free(kept);
    return CI_OK;
}

static ci_status fields_read(ci_uvh5_file *file, const int64_t *row_id, const int64_t *ids,
                             size_t n_id)
{
    int64_t wanted = 0;
    if (file->options.field == NULL) return ids_resolve(file, row_id, ids, n_id, NULL);
    CI_TRY(field_find(file, ids, n_id, &wanted));
    CI_TRY(rows_choose(file, row_id, wanted));
    return ids_resolve(file, row_id, ids, n_id, &wanted);
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
        status =
            n_id > MAX_CENTRES
                ? ci_uvh5_refuse(file, name,
                                 "%zu phase centres; contimg handles at most %d: split the file",
                                 n_id, MAX_CENTRES)
                : fields_read(file, row_id, ids, n_id);
    }
    ci_mem_free(ids);
    ci_mem_free(row_id);
    return status;
}

/* A link that leads nowhere among them: reading it says so. */
static bool has_catalog(const ci_uvh5_file *file)
{
    ci_h5_kind kind = ci_h5_kind_of(file->h5, "Header/phase_center_catalog");
    return kind == CI_H5_GROUP || kind == CI_H5_BROKEN;
}

/* Which centre the rows of each integration have. */
static ci_status times_point_to(ci_uvh5_file *file)
{
    const int32_t unknown = -2;
    ci_vis_meta *meta = file->meta;
    CI_TRY(ci_mem_alloc(&meta->time_phase, meta->n_time, sizeof(int32_t), "phase centres"));
    for (size_t k = 0; k < meta->n_time; k++)
        meta->time_phase[k] = unknown;
    for (size_t i = 0; i < file->n_row; i++) {
        int32_t *at = &meta->time_phase[file->row_time[i]], phase = file->row_phase[i];
        if (phase < 0 || *at == phase) continue;
        *at = *at == unknown ? phase : CI_VIS_PHASE_MIXED;
    }
    return CI_OK;
}

ci_status ci_uvh5_phase_read(ci_uvh5_file *file)
{
    CI_TRY(hadec_look(file));
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
    } else if (has_catalog(file)) {
        origin = "phase_center_catalog";
        status = catalog_form_read(file);
    } else {
        origin = "phase_type";
        status = legacy_read(file);
    }
    ci_uvh5_fact_set(file, "phasing", "%s", origin);
    if (status == CI_OK) status = times_point_to(file);
    if (status == CI_OK && file->has_hadec_mark && !file->is_scalar_app_dec) {
        ci_uvh5_warning_add(
            file, "the epoch is HADEC, but phase_center_app_dec is not one number: taken as "
                  "the other header entries say");
    }
    return status;
}
