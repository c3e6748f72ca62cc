/* UVH5 1.2 of one sub-band, as pyuvdata reads it with its checks on. */
#include "uvh5/uvh5_private.h"

#include "contimg/sky.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Per-row header arrays, made from per-time frames. */
typedef struct row_arrays
{
    double *lst, *app_ra, *app_dec, *frame_pa, *time_jd;
    int64_t *ant1, *ant2, *phase_id;
} row_arrays;

/* Apparent place of the phase centre, and the angle from its north of date to ICRS north,
 * through east: what rotates (u, v) of date into those along ICRS. */
static void position_of(const ci_sky_frame *frame, const ci_vis_phase_centre *centre,
                        const ci_vis_array *array, double out[3])
{
    double last = ci_sky_frame_last_rad(frame), ha, dec, s[3], ahead[3], basis[3][3];
    if (centre->kind != CI_VIS_PHASING_SIDEREAL) {
        out[0] = last;
        out[1] = array->lat_rad;
        out[2] = 0;
        return;
    }
    ci_sky_apparent(frame, centre->ra_rad, centre->dec_rad, &ha, &dec);
    ci_sky_uvw_basis(frame, centre->ra_rad, centre->dec_rad, basis);
    /* north of date: derivative of the apparent direction by declination */
    const double h = 1e-5;
    ci_sky_direction_apparent(frame, ha, dec + h, ahead);
    ci_sky_direction_apparent(frame, ha, dec - h, s);
    double north_u = 0, north_v = 0;
    for (int k = 0; k < 3; k++) {
        north_u += basis[0][k] * (ahead[k] - s[k]);
        north_v += basis[1][k] * (ahead[k] - s[k]);
    }
    out[0] = last - ha;
    out[1] = dec;
    out[2] = -atan2(north_u, north_v);
}

static ci_status rows_of_times(const ci_vis_block *block, const ci_sky_eop *eop, row_arrays *rows)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t i_time = 0; i_time < meta->n_time; i_time++) {
        ci_sky_frame *frame = NULL;
        CI_TRY(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[i_time], meta->dut1_s));
        double last = ci_sky_frame_last_rad(frame), position[3] = {0};
        int32_t i_phase = -1;
        for (size_t i = 0; i < block->n_row; i++) {
            if ((size_t)block->i_time[i] != i_time) continue;
            if (block->i_phase[i] != i_phase) {
                i_phase = block->i_phase[i];
                position_of(frame, &meta->phase[i_phase], &meta->array, position);
            }
            rows->lst[i] = last - CI_TWO_PI * floor(last / CI_TWO_PI);
            rows->app_ra[i] = position[0] - CI_TWO_PI * floor(position[0] / CI_TWO_PI);
            rows->app_dec[i] = position[1];
            rows->frame_pa[i] = position[2];
        }
        ci_sky_frame_free(frame);
    }
    return CI_OK;
}

static void rows_clear(row_arrays *rows)
{
    ci_mem_free(rows->lst);
    ci_mem_free(rows->app_ra);
    ci_mem_free(rows->app_dec);
    ci_mem_free(rows->frame_pa);
    ci_mem_free(rows->time_jd);
    ci_mem_free(rows->ant1);
    ci_mem_free(rows->ant2);
    ci_mem_free(rows->phase_id);
}

static ci_status rows_make(const ci_vis_block *block, row_arrays *rows)
{
    const ci_vis_meta *meta = block->meta;
    size_t n = block->n_row;
    ci_sky_eop *eop = NULL;
    CI_TRY(ci_mem_alloc(&rows->lst, n, sizeof(double), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->app_ra, n, sizeof(double), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->app_dec, n, sizeof(double), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->frame_pa, n, sizeof(double), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->time_jd, n, sizeof(double), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->ant1, n, sizeof(int64_t), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->ant2, n, sizeof(int64_t), "header rows"));
    CI_TRY(ci_mem_alloc(&rows->phase_id, n, sizeof(int64_t), "header rows"));
    for (size_t i = 0; i < n; i++) {
        int32_t b = block->i_baseline[i];
        rows->ant1[i] = meta->array.antenna[meta->baseline_ant1[b]].number;
        rows->ant2[i] = meta->array.antenna[meta->baseline_ant2[b]].number;
        rows->time_jd[i] = meta->time_mjd_s[block->i_time[i]] / CI_DAY_S + CI_TIME_JD_OF_MJD;
        rows->phase_id[i] = block->i_phase[i];
    }
    CI_TRY(ci_sky_eop_load(&eop, NULL));
    ci_status status = rows_of_times(block, eop, rows);
    ci_sky_eop_free(eop);
    return status;
}

static ci_status array_write(ci_h5_file *out, const ci_vis_meta *meta)
{
    const ci_vis_array *array = &meta->array;
    size_t n = array->n_antenna, width = 1;
    uint64_t dim[2] = {n, 3};
    double origin[3], *numbers = NULL;
    char *names = NULL;
    int64_t *number = NULL;
    bool has_diameters = true;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(ci_vis_text(array->antenna[i].name));
        if (length > width) width = length;
    }
    ci_sky_geodetic_to_ecef(array->lat_rad, array->lon_rad, array->height_m, origin);
    ci_status status = ci_mem_alloc(&numbers, n, 3 * sizeof *numbers, "antennas");
    if (status == CI_OK) status = ci_mem_alloc(&names, n, width, "antennas");
    if (status == CI_OK) status = ci_mem_alloc(&number, n, sizeof *number, "antennas");
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        for (size_t k = 0; k < 3; k++) {
            numbers[3 * i + k] = array->antenna[i].pos_ecef_m[k] - origin[k];
        }
        const char *name = ci_vis_text(array->antenna[i].name);
        memcpy(names + i * width, name, strlen(name));
        number[i] = array->antenna[i].number;
        has_diameters = has_diameters && array->antenna[i].diameter_m > 0;
    }
    if (status == CI_OK)
        status = ci_h5_write_double(out, "Header/antenna_positions", 2, dim, numbers);
    if (status == CI_OK)
        status = ci_h5_write_strings(out, "Header/antenna_names", 1, dim, names, width);
    if (status == CI_OK) status = ci_h5_write_int(out, "Header/antenna_numbers", 1, dim, number);
    if (status == CI_OK && has_diameters) {
        for (size_t i = 0; i < n; i++)
            numbers[i] = array->antenna[i].diameter_m;
        status = ci_h5_write_double(out, "Header/antenna_diameters", 1, dim, numbers);
    }
    ci_mem_free(number);
    ci_mem_free(names);
    ci_mem_free(numbers);
    return status;
}

/* How many distinct values `index` [n] (each below n_value) has. */
static ci_status distinct_count(const int32_t *index, size_t n, size_t n_value, int64_t *out)
{
    uint8_t *seen = NULL;
    CI_TRY(ci_mem_alloc(&seen, n_value, 1, "counts"));
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (seen[index[i]] == 0) ++*out;
        seen[index[i]] = 1;
    }
    ci_mem_free(seen);
    return CI_OK;
}

static ci_status antennas_count(const ci_vis_block *block, int64_t *out)
{
    const ci_vis_meta *meta = block->meta;
    uint8_t *seen = NULL;
    CI_TRY(ci_mem_alloc(&seen, meta->array.n_antenna, 1, "counts"));
    for (size_t i = 0; i < block->n_row; i++) {
        seen[meta->baseline_ant1[block->i_baseline[i]]] = 1;
        seen[meta->baseline_ant2[block->i_baseline[i]]] = 1;
    }
    *out = 0;
    for (size_t i = 0; i < meta->array.n_antenna; i++)
        *out += seen[i];
    ci_mem_free(seen);
    return CI_OK;
}

static ci_status counts_write(ci_h5_file *out, const ci_vis_block *block)
{
    const ci_vis_meta *meta = block->meta;
    int64_t n_antenna, n_baseline, n_time;
    CI_TRY(antennas_count(block, &n_antenna));
    CI_TRY(distinct_count(block->i_baseline, block->n_row, meta->n_baseline, &n_baseline));
    CI_TRY(distinct_count(block->i_time, block->n_row, meta->n_time, &n_time));
    CI_TRY(ci_h5_write_int_1(out, "Header/Nblts", (int64_t)block->n_row));
    CI_TRY(ci_h5_write_int_1(out, "Header/Nfreqs", (int64_t)block->n_chan));
    CI_TRY(ci_h5_write_int_1(out, "Header/Npols", (int64_t)block->n_pol));
    CI_TRY(ci_h5_write_int_1(out, "Header/Nspws", 1));
    CI_TRY(ci_h5_write_int_1(out, "Header/Ntimes", n_time));
    CI_TRY(ci_h5_write_int_1(out, "Header/Nbls", n_baseline));
    CI_TRY(ci_h5_write_int_1(out, "Header/Nants_data", n_antenna));
    return ci_h5_write_int_1(out, "Header/Nants_telescope", (int64_t)meta->array.n_antenna);
}

static ci_status texts_write(ci_h5_file *out, const ci_vis_meta *meta, const char *history)
{
    static const char *const units[] = {"uncalib", "Jy", "K str"};
    const ci_vis_array *array = &meta->array;
    CI_TRY(ci_h5_write_string(out, "Header/version", "1.2"));
    CI_TRY(ci_h5_write_string(out, "Header/telescope_name",
                              *ci_vis_text(array->telescope) ? array->telescope : "unknown"));
    CI_TRY(ci_h5_write_string(out, "Header/instrument",
                              *ci_vis_text(array->instrument) ? array->instrument : "unknown"));
    CI_TRY(ci_h5_write_string(out, "Header/telescope_frame", "itrs"));
    CI_TRY(ci_h5_write_string(out, "Header/history", history));
    CI_TRY(ci_h5_write_string(out, "Header/vis_units", units[meta->units]));
    /* pyuvdata allows a convention for calibrated data only */
    if (meta->units != CI_VIS_UNITS_UNCALIB) {
        CI_TRY(
            ci_h5_write_string(out, "Header/pol_convention", meta->stokes_is_sum ? "sum" : "avg"));
    }
    if (ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_LINEAR) {
        CI_TRY(
            ci_h5_write_string(out, "Header/x_orientation", meta->x_is_north ? "north" : "east"));
    }
    CI_TRY(ci_h5_write_double_1(out, "Header/latitude", array->lat_rad * CI_RAD_TO_DEG));
    CI_TRY(ci_h5_write_double_1(out, "Header/longitude", array->lon_rad * CI_RAD_TO_DEG));
    return ci_h5_write_double_1(out, "Header/altitude", array->height_m);
}

static ci_status spectrum_write(ci_h5_file *out, const ci_vis_block *block)
{
    const ci_vis_meta *meta = block->meta;
    uint64_t n_chan = block->n_chan, n_pol = block->n_pol, one = 1;
    int64_t pol[4], zero = 0, *window = NULL;
    for (size_t i = 0; i < block->n_pol; i++)
        pol[i] = meta->pol[i];
    CI_TRY(ci_h5_write_double(out, "Header/freq_array", 1, &n_chan, block->freq_hz));
    CI_TRY(ci_h5_write_double(out, "Header/channel_width", 1, &n_chan, block->width_hz));
    CI_TRY(ci_h5_write_int(out, "Header/spw_array", 1, &one, &zero));
    CI_TRY(ci_h5_write_int(out, "Header/polarization_array", 1, &n_pol, pol));
    CI_TRY(ci_mem_alloc(&window, block->n_chan, sizeof *window, "windows"));
    ci_status status = ci_h5_write_int(out, "Header/flex_spw_id_array", 1, &n_chan, window);
    ci_mem_free(window);
    CI_TRY(status);
    return ci_h5_write_bool_1(out, "Header/flex_spw", false);
}

static ci_status phases_write(ci_h5_file *out, const ci_vis_meta *meta)
{
    char name[96];
    for (size_t i = 0; i < meta->n_phase; i++) {
        const ci_vis_phase_centre *centre = &meta->phase[i];
        const char *label = ci_vis_phase_name(meta, i);
        bool is_sidereal = centre->kind == CI_VIS_PHASING_SIDEREAL;
        const char *group = "Header/phase_center_catalog";
        double lat = is_sidereal ? centre->dec_rad : CI_PI / 2;
        double lon = is_sidereal ? centre->ra_rad : 0;
        snprintf(name, sizeof name, "%s/%zu/cat_name", group, i);
        CI_TRY(ci_h5_write_string(out, name, label[0] != '\0' ? label : "unnamed"));
        snprintf(name, sizeof name, "%s/%zu/cat_type", group, i);
        CI_TRY(ci_h5_write_string(out, name, is_sidereal ? "sidereal" : "unprojected"));
        snprintf(name, sizeof name, "%s/%zu/cat_frame", group, i);
        CI_TRY(ci_h5_write_string(out, name, is_sidereal ? "icrs" : "altaz"));
        snprintf(name, sizeof name, "%s/%zu/cat_lon", group, i);
        CI_TRY(ci_h5_write_double_1(out, name, lon));
        snprintf(name, sizeof name, "%s/%zu/cat_lat", group, i);
        CI_TRY(ci_h5_write_double_1(out, name, lat));
        snprintf(name, sizeof name, "%s/%zu/info_source", group, i);
        CI_TRY(ci_h5_write_string(out, name, "contimg"));
    }
    return ci_h5_write_int_1(out, "Header/Nphase", (int64_t)meta->n_phase);
}

static ci_status rows_write(ci_h5_file *out, const ci_vis_block *block, const row_arrays *rows)
{
    uint64_t dim[2] = {block->n_row, 3};
    CI_TRY(ci_h5_write_int(out, "Header/ant_1_array", 1, dim, rows->ant1));
    CI_TRY(ci_h5_write_int(out, "Header/ant_2_array", 1, dim, rows->ant2));
    CI_TRY(ci_h5_write_int(out, "Header/phase_center_id_array", 1, dim, rows->phase_id));
    CI_TRY(ci_h5_write_double(out, "Header/time_array", 1, dim, rows->time_jd));
    CI_TRY(ci_h5_write_double(out, "Header/integration_time", 1, dim, block->interval_s));
    CI_TRY(ci_h5_write_double(out, "Header/lst_array", 1, dim, rows->lst));
    CI_TRY(ci_h5_write_double(out, "Header/phase_center_app_ra", 1, dim, rows->app_ra));
    CI_TRY(ci_h5_write_double(out, "Header/phase_center_app_dec", 1, dim, rows->app_dec));
    CI_TRY(ci_h5_write_double(out, "Header/phase_center_frame_pa", 1, dim, rows->frame_pa));
    return ci_h5_write_double(out, "Header/uvw_array", 2, dim, block->uvw_m);
}

static ci_status data_write(ci_h5_file *out, const ci_vis_block *block)
{
    uint64_t dim[3] = {block->n_row, block->n_chan, block->n_pol};
    CI_TRY(ci_h5_write_c32(out, "Data/visdata", 3, dim, block->data));
    CI_TRY(ci_h5_write_bool(out, "Data/flags", 3, dim, block->flags));
    if (block->weight) return ci_h5_write_float(out, "Data/nsamples", 3, dim, block->weight);
    float *weight = NULL;
    size_t n = block->n_chan * block->n_pol;
    CI_TRY(ci_mem_alloc(&weight, block->n_row * n, sizeof *weight, "weights"));
    for (size_t r = 0; r < block->n_row; r++)
        (void)ci_vis_weights_row(block, r, weight + r * n);
    ci_status status = ci_h5_write_float(out, "Data/nsamples", 3, dim, weight);
    ci_mem_free(weight);
    return status;
}

static ci_status file_write(ci_h5_file *out, const ci_vis_block *block, const row_arrays *rows,
                            const char *history)
{
    CI_TRY(texts_write(out, block->meta, history));
    CI_TRY(counts_write(out, block));
    CI_TRY(array_write(out, block->meta));
    CI_TRY(spectrum_write(out, block));
    CI_TRY(phases_write(out, block->meta));
    CI_TRY(rows_write(out, block, rows));
    return data_write(out, block);
}

ci_status ci_uvh5_write(const char *path, const ci_vis_block *block, const char *history)
{
    ci_h5_file *out = NULL;
    row_arrays rows = {0};
    char *part = NULL;
    for (size_t i = 0; i < block->n_row; i++) {
        if (block->meta->phase[block->i_phase[i]].kind == CI_VIS_PHASING_MERIDIAN) {
            return ci_error(CI_ERR_INTERNAL,
                            "%s: visibilities phased to the meridian: rephase before writing",
                            path);
        }
    }
    if (block->n_row == 0) return ci_error(CI_ERR_NO_DATA, "%s: no rows to write", path);
    ci_status status = ci_path_part(&part, path);
    if (status == CI_OK) status = rows_make(block, &rows);
    if (status == CI_OK) status = ci_h5_create(&out, part);
    if (status == CI_OK) {
        status = file_write(out, block, &rows, history);
        ci_status closed = ci_h5_close(out);
        if (status == CI_OK) status = closed;
        if (status == CI_OK) status = ci_path_commit(part, path);
        if (status != CI_OK) unlink(part);
    }
    rows_clear(&rows);
    ci_mem_free(part);
    return status;
}
