/* Writes CalH5, pyuvdata's HDF5 form of UVCal. */
#include "cal/calh5.h"

#include "contimg/sky.h"

#include <complex.h>
#include <math.h>
#include <string.h>

typedef struct writer
{
    ci_h5_file *file;
    const ci_cal_table *table;
    size_t n_antenna, n_feed, name_width; /* name_width at least 8 */
    double *number;                       /* scratch [3 n_antenna or n_time or n_chan] */
    int64_t *integer;
    char *text;
} writer;

/* Angle of a feed: the antenna's own, else that of the orientation. */
static double feed_angle(const ci_cal_table *t, size_t a, int jones)
{
    int feed[2];
    ci_vis_pol_feeds(jones, feed);
    if (t->array.has_feeds && isfinite(t->array.antenna[a].feed_rad[feed[0]]))
        return t->array.antenna[a].feed_rad[feed[0]];
    bool is_linear = ci_vis_pol_kind_of(jones) == CI_VIS_POL_LINEAR;
    return is_linear && (feed[0] == 0) != t->x_is_north ? 0.5 * CI_PI : 0;
}

/* Letter of the feed that a Jones number belongs to. */
static char feed_letter(int jones)
{
    int feed[2];
    ci_vis_pol_feeds(jones, feed);
    return (ci_vis_pol_kind_of(jones) == CI_VIS_POL_LINEAR ? "xy" : "rl")[feed[0]];
}

static ci_status feeds_write(const writer *w)
{
    uint64_t n = w->n_antenna, dim[2] = {n, w->n_feed};
    memset(w->text, 0, n * w->name_width);
    for (size_t a = 0; a < n; a++)
        memcpy(w->text + a * 8, w->table->array.antenna[a].is_rotating ? "alt-az" : "other", 6);
    CI_TRY(ci_h5_write_strings(w->file, "Header/mount_type", 1, &n, w->text, 8));
    memset(w->text, 0, n * w->name_width);
    for (size_t a = 0; a < n; a++) {
        for (size_t h = 0; h < w->n_feed; h++) {
            int jones = w->table->jones[h];
            w->text[a * w->n_feed + h] = feed_letter(jones);
            w->number[a * w->n_feed + h] = feed_angle(w->table, a, jones);
        }
    }
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Nfeeds", (int64_t)w->n_feed));
    CI_TRY(ci_h5_write_strings(w->file, "Header/feed_array", 2, dim, w->text, 1));
    return ci_h5_write_double(w->file, "Header/feed_angle", 2, dim, w->number);
}

static ci_status antennas_write(const writer *w)
{
    const ci_vis_array *array = &w->table->array;
    uint64_t n = w->n_antenna, dim[2] = {n, 3};
    double origin_m[3];
    bool has_diameter = false;
    ci_sky_geodetic_to_ecef(array->lat_rad, array->lon_rad, array->height_m, origin_m);
    for (size_t a = 0; a < n; a++) {
        w->integer[a] = array->antenna[a].number;
        const char *name = ci_vis_text(array->antenna[a].name);
        memcpy(w->text + a * w->name_width, name, strlen(name));
        for (size_t k = 0; k < 3; k++)
            w->number[3 * a + k] = array->antenna[a].pos_ecef_m[k] - origin_m[k];
        has_diameter |= array->antenna[a].diameter_m > 0;
    }
    CI_TRY(ci_h5_write_int(w->file, "Header/antenna_numbers", 1, &n, w->integer));
    CI_TRY(ci_h5_write_int(w->file, "Header/ant_array", 1, &n, w->integer));
    CI_TRY(ci_h5_write_strings(w->file, "Header/antenna_names", 1, &n, w->text, w->name_width));
    CI_TRY(ci_h5_write_double(w->file, "Header/antenna_positions", 2, dim, w->number));
    for (size_t a = 0; a < n; a++)
        w->number[a] = array->antenna[a].diameter_m;
    if (has_diameter)
        CI_TRY(ci_h5_write_double(w->file, "Header/antenna_diameters", 1, &n, w->number));
    return feeds_write(w);
}

static ci_status telescope_write(const writer *w)
{
    const ci_vis_array *array = &w->table->array;
    CI_TRY(ci_h5_write_string(w->file, "Header/version", "0.1"));
    CI_TRY(ci_h5_write_string(w->file, "Header/telescope_name", ci_vis_text(array->telescope)));
    if (*ci_vis_text(array->instrument))
        CI_TRY(ci_h5_write_string(w->file, "Header/instrument", array->instrument));
    CI_TRY(ci_h5_write_string(w->file, "Header/telescope_frame", "itrs"));
    CI_TRY(ci_h5_write_double_1(w->file, "Header/latitude", array->lat_rad * CI_RAD_TO_DEG));
    CI_TRY(ci_h5_write_double_1(w->file, "Header/longitude", array->lon_rad * CI_RAD_TO_DEG));
    CI_TRY(ci_h5_write_double_1(w->file, "Header/altitude", array->height_m));
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Nants_telescope", (int64_t)w->n_antenna));
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Nants_data", (int64_t)w->n_antenna));
    return antennas_write(w);
}

static ci_status axes_write(const writer *w)
{
    const ci_cal_table *t = w->table;
    uint64_t n_time = t->n_time, n_chan = t->n_chan, n_feed = t->n_feed, one = 1;
    int64_t jones[2] = {t->jones[0], t->jones[1]}, window = 1;
    bool is_wide = t->kind == CI_CAL_GAIN;
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Nfreqs", (int64_t)n_chan));
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Njones", (int64_t)n_feed));
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Ntimes", (int64_t)n_time));
    CI_TRY(ci_h5_write_int_1(w->file, "Header/Nspws", 1));
    CI_TRY(ci_h5_write_int(w->file, "Header/spw_array", 1, &one, &window));
    CI_TRY(ci_h5_write_int(w->file, "Header/jones_array", 1, &n_feed, jones));
    CI_TRY(ci_h5_write_bool_1(w->file, "Header/wide_band", is_wide));
    for (size_t i = 0; i < n_time; i++)
        w->number[i] = t->time_mjd_s[i] / CI_DAY_S + CI_TIME_JD_OF_MJD;
    CI_TRY(ci_h5_write_double(w->file, "Header/time_array", 1, &n_time, w->number));
    for (size_t i = 0; i < n_time; i++)
        w->number[i] = t->interval_s;
    CI_TRY(ci_h5_write_double(w->file, "Header/integration_time", 1, &n_time, w->number));
    if (is_wide) {
        uint64_t dim[2] = {1, 2};
        double edge[2] = {t->freq_hz[0] - 0.5 * t->width_hz[0],
                          t->freq_hz[0] + 0.5 * t->width_hz[0]};
        return ci_h5_write_double(w->file, "Header/freq_range", 2, dim, edge);
    }
    for (size_t i = 0; i < n_chan; i++)
        w->integer[i] = 1;
    CI_TRY(ci_h5_write_int(w->file, "Header/flex_spw_id_array", 1, &n_chan, w->integer));
    CI_TRY(ci_h5_write_double(w->file, "Header/freq_array", 1, &n_chan, t->freq_hz));
    return ci_h5_write_double(w->file, "Header/channel_width", 1, &n_chan, t->width_hz);
}

static ci_status words_write(const writer *w)
{
    const ci_cal_table *t = w->table;
    const char *ref = t->i_ref_antenna >= 0 && (size_t)t->i_ref_antenna < w->n_antenna
                          ? ci_vis_text(t->array.antenna[t->i_ref_antenna].name)
                          : "none";
    const char *model = *ci_vis_text(t->model) ? t->model : "unnamed model";
    CI_TRY(ci_h5_write_string(w->file, "Header/cal_type", "gain"));
    CI_TRY(ci_h5_write_string(w->file, "Header/cal_style", "sky"));
    CI_TRY(ci_h5_write_string(w->file, "Header/gain_convention", "divide"));
    if (t->has_convention) {
        CI_TRY(ci_h5_write_string(w->file, "Header/gain_scale", "Jy"));
        CI_TRY(
            ci_h5_write_string(w->file, "Header/pol_convention", t->stokes_is_sum ? "sum" : "avg"));
    }
    CI_TRY(ci_h5_write_string(w->file, "Header/sky_catalog", model));
    CI_TRY(ci_h5_write_string(w->file, "Header/ref_antenna_name", ref));
    CI_TRY(ci_h5_write_string(w->file, "Header/history",
                              *ci_vis_text(t->history) ? t->history : "contimg"));
    CI_TRY(ci_h5_write_group(w->file, "Header/extra_keywords"));
    CI_TRY(ci_h5_write_string(w->file, "Header/extra_keywords/contimg_kind",
                              t->kind == CI_CAL_GAIN ? "gain" : "bandpass"));
    CI_TRY(
        ci_h5_write_string(w->file, "Header/extra_keywords/contimg_model", ci_vis_text(t->model)));
    CI_TRY(ci_h5_write_bool_1(w->file, "Header/extra_keywords/contimg_approximate",
                              t->is_approximate));
    if (isfinite(t->dec_rad))
        CI_TRY(ci_h5_write_double_1(w->file, "Header/extra_keywords/contimg_dec_deg",
                                    t->dec_rad * CI_RAD_TO_DEG));
    if (t->has_delay_loss)
        CI_TRY(ci_h5_write_bool_1(w->file, "Header/extra_keywords/contimg_delay_loss", true));
    return CI_OK;
}

/* [antenna][channel][time][feed] of pyuvdata from [time][channel][antenna][feed]. */
static ci_status data_write(const writer *w)
{
    const ci_cal_table *t = w->table;
    size_t n = t->n_time * t->n_chan * w->n_antenna * t->n_feed, i = 0;
    uint64_t dim[4] = {w->n_antenna, t->n_chan, t->n_time, t->n_feed};
    ci_c64 *gain = NULL;
    float *snr = NULL;
    uint8_t *flag = NULL;
    ci_status status = ci_mem_alloc(&gain, n, sizeof *gain, "table to write");
    if (status == CI_OK) status = ci_mem_alloc(&snr, n, sizeof *snr, "table to write");
    if (status == CI_OK) status = ci_mem_alloc(&flag, n, 1, "table to write");
    for (size_t a = 0; status == CI_OK && a < w->n_antenna; a++) {
        for (size_t c = 0; c < t->n_chan; c++) {
            for (size_t k = 0; k < t->n_time; k++) {
                for (size_t h = 0; h < t->n_feed; h++, i++) {
                    size_t from = ci_cal_index(t, k, c, a, h);
                    gain[i] = t->gain[from];
                    snr[i] = t->snr[from];
                    flag[i] = t->flag[from] != 0;
                }
            }
        }
    }
    if (status == CI_OK) status = ci_h5_write_c64(w->file, "Data/gains", 4, dim, gain);
    if (status == CI_OK) status = ci_h5_write_bool(w->file, "Data/flags", 4, dim, flag);
    if (status == CI_OK) status = ci_h5_write_float(w->file, "Data/qualities", 4, dim, snr);
    ci_mem_free(gain);
    ci_mem_free(snr);
    ci_mem_free(flag);
    return status;
}

static ci_status table_write(writer *w)
{
    size_t n = 3 * w->n_antenna + w->table->n_time + w->table->n_chan;
    w->name_width = 8;
    for (size_t a = 0; a < w->n_antenna; a++) {
        size_t length = strlen(ci_vis_text(w->table->array.antenna[a].name));
        if (length > w->name_width) w->name_width = length;
    }
    ci_status status = ci_mem_alloc(&w->number, n, sizeof *w->number, "table to write");
    if (status == CI_OK)
        status = ci_mem_alloc(&w->integer, n, sizeof *w->integer, "table to write");
    if (status == CI_OK)
        status = ci_mem_alloc(&w->text, w->name_width * w->n_antenna, 1, "table to write");
    if (status == CI_OK) status = ci_h5_write_group(w->file, "Header");
    if (status == CI_OK) status = telescope_write(w);
    if (status == CI_OK) status = axes_write(w);
    if (status == CI_OK) status = words_write(w);
    if (status == CI_OK) status = ci_h5_write_group(w->file, "Data");
    if (status == CI_OK) status = data_write(w);
    ci_mem_free(w->number);
    ci_mem_free(w->integer);
    ci_mem_free(w->text);
    return status;
}

/* Writes "<path>.part", synced; removes it where that fails. */
static ci_status part_write(const ci_cal_table *table, const char *path)
{
    writer w = {.table = table, .n_antenna = table->array.n_antenna, .n_feed = table->n_feed};
    char *part = NULL;
    CI_TRY(ci_path_part(&part, path));
    ci_status status = ci_h5_create(&w.file, part);
    if (status == CI_OK) {
        status = ci_h5_finish(w.file, table_write(&w));
    }
    if (status == CI_OK) status = ci_path_sync(part);
    if (status != CI_OK) remove(part);
    ci_mem_free(part);
    return status;
}

ci_status ci_cal_tables_write(const ci_cal_table *const *tables, char *const *paths, size_t n)
{
    ci_status status = CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = part_write(tables[i], paths[i]);
    if (status == CI_OK) status = ci_path_commit_set(paths, n);
    if (status != CI_OK) ci_path_discard_set(paths, n);
    return status;
}

ci_status ci_cal_table_write(const ci_cal_table *table, const char *path)
{
    char *part = NULL;
    CI_TRY(part_write(table, path));
    CI_TRY(ci_path_part(&part, path));
    ci_status status = ci_path_commit(part, path);
    if (status != CI_OK) remove(part);
    ci_mem_free(part);
    return status;
}
