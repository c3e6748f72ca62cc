/* Reads CalH5, pyuvdata's HDF5 form of UVCal, its own and others'. */
#include "cal/calh5.h"

#include "contimg/sky.h"

#include <complex.h>
#include <math.h>
#include <string.h>
#include <strings.h>

typedef struct reader
{
    ci_h5_file *file;
    const char *path;
    int64_t n_antenna, n_data, n_chan, n_time, n_feed, n_window; /* n_antenna: telescope's */
    bool is_wide, is_multiply;
    int64_t *data_antenna; /* [n_data] index into the array */
    size_t *chan, *time;   /* [n_chan], [n_time] of the file: the table's, they ascend there */
    ci_vis_array array;
} reader;

static ci_status size_read(const reader *r, const char *name, int64_t *out)
{
    CI_TRY(ci_h5_read_int(r->file, name, out, 1));
    if (*out <= 0 || *out > INT32_MAX)
        return ci_error(CI_ERR_INPUT, "%s: %s: %lld: a positive number is needed", r->path, name,
                        (long long)*out);
    return CI_OK;
}

static ci_status sizes_read(reader *r)
{
    char type[32], convention[32];
    int64_t wide = 0;
    CI_TRY(ci_cal_calh5_word_read(r->file, "Header/cal_type", type, sizeof type));
    CI_TRY(
        ci_cal_calh5_word_read(r->file, "Header/gain_convention", convention, sizeof convention));
    if (strcasecmp(type, "gain") != 0)
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/cal_type: \"%s\": only tables of gains are used: convert it "
                        "(pyuvdata: convert_to_gain)",
                        r->path, type);
    r->is_multiply = strcasecmp(convention, "multiply") == 0;
    if (!r->is_multiply && strcasecmp(convention, "divide") != 0)
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/gain_convention: \"%s\": divide or multiply is needed", r->path,
                        convention);
    CI_TRY(size_read(r, "Header/Nants_telescope", &r->n_antenna));
    CI_TRY(size_read(r, "Header/Nants_data", &r->n_data));
    CI_TRY(size_read(r, "Header/Nfreqs", &r->n_chan));
    CI_TRY(size_read(r, "Header/Ntimes", &r->n_time));
    CI_TRY(size_read(r, "Header/Njones", &r->n_feed));
    if (ci_h5_has(r->file, "Header/wide_band"))
        CI_TRY(ci_h5_read_int(r->file, "Header/wide_band", &wide, 1));
    r->is_wide = wide != 0;
    if (r->is_wide) {
        CI_TRY(size_read(r, "Header/Nspws", &r->n_window));
        if (r->n_window != 1)
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/Nspws: %lld: wide-band tables of one window "
                            "only are used: select one (pyuvdata: select with spws)",
                            r->path, (long long)r->n_window);
        r->n_chan = 1;
    }
    return CI_OK;
}

/* Telescope, instrument and antenna names, whole. */
static ci_status texts_read(reader *r)
{
    char *part[3] = {NULL}, *texts = NULL;
    size_t n_byte[3] = {1, 1, 0};
    CI_TRY(ci_h5_read_string_list(r->file, "Header/antenna_names", (size_t)r->n_antenna, &part[2],
                                  &n_byte[2]));
    ci_status status = ci_h5_has(r->file, "Header/telescope_name")
                           ? ci_h5_read_string(r->file, "Header/telescope_name", &part[0])
                           : CI_OK;
    if (status == CI_OK && ci_h5_has(r->file, "Header/instrument"))
        status = ci_h5_read_string(r->file, "Header/instrument", &part[1]);
    for (int k = 0; k < 2; k++)
        n_byte[k] = strlen(ci_vis_text(part[k])) + 1;
    if (status == CI_OK)
        status = ci_mem_alloc(&texts, n_byte[0] + n_byte[1] + n_byte[2], 1, "names of antennas");
    if (status == CI_OK) {
        char *at = texts;
        for (int k = 0; k < 3; k++, at += n_byte[k - 1])
            if (part[k]) memcpy(at, part[k], n_byte[k]);
        ci_vis_array_texts_set(&r->array, texts, (size_t)(at - texts));
    }
    for (int k = 0; k < 3; k++)
        ci_mem_free(part[k]);
    return status;
}

/* Which antenna of the array each of the data's is. */
static ci_status data_antennas_find(reader *r, const int64_t *numbers)
{
    size_t n = (size_t)r->n_antenna;
    for (size_t a = 0; a < n; a++)
        for (size_t k = 0; k < a; k++)
            if (numbers[a] == numbers[k])
                return ci_error(CI_ERR_INPUT,
                                "%s: Header/antenna_numbers: %lld appears twice: numbers tell "
                                "antennas apart, each must be unique",
                                r->path, (long long)numbers[a]);
    for (size_t i = 0; i < (size_t)r->n_data; i++) {
        size_t a = 0;
        while (a < n && numbers[a] != r->data_antenna[i])
            a++;
        if (a == n)
            return ci_error(
                CI_ERR_INPUT,
                "%s: Header/ant_array: %lld: not in antenna_numbers: correct one of the two",
                r->path, (long long)r->data_antenna[i]);
        for (size_t k = 0; k < i; k++)
            if (r->data_antenna[k] == (int64_t)a)
                return ci_error(CI_ERR_INPUT,
                                "%s: Header/ant_array: %lld appears twice: remove one", r->path,
                                (long long)numbers[a]);
        r->data_antenna[i] = (int64_t)a;
    }
    return CI_OK;
}

/* Latitude and longitude (degrees), altitude: without one no antenna could be compared. */
static ci_status site_read(const reader *r, double *position)
{
    static const char *const names[] = {"Header/latitude", "Header/longitude", "Header/altitude"};
    const double most[] = {90, 360, 1e9};
    for (int k = 0; k < 3; k++) {
        CI_TRY(ci_h5_read_double(r->file, names[k], &position[k], 1));
        if (!(fabs(position[k]) <= most[k]))
            return ci_error(CI_ERR_INPUT, "%s: %s: %g: must lie between -%g and %g: correct it",
                            r->path, names[k], position[k], most[k], most[k]);
    }
    return CI_OK;
}

/* Positions without a number say that none is known: of one antenna alone that is a fault. */
static ci_status positions_check(const reader *r, const int64_t *numbers, const double *pos)
{
    size_t n = (size_t)r->n_antenna, n_bad = 0, bad = 0;
    for (size_t a = 0; a < n; a++) {
        bool is_good = isfinite(pos[3 * a]) && isfinite(pos[3 * a + 1]) && isfinite(pos[3 * a + 2]);
        if (!is_good && n_bad++ == 0) bad = a;
    }
    if (n_bad == 0 || n_bad == n) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: Header/antenna_positions: no numbers for %zu of %zu antennas (%lld ...): "
                    "correct them",
                    r->path, n_bad, n, (long long)numbers[bad]);
}

static ci_status antennas_read(reader *r, int64_t *numbers, double *pos, double *diameter)
{
    size_t n = (size_t)r->n_antenna;
    double origin_m[3], position[3];
    CI_TRY(site_read(r, position));
    r->array.lat_rad = position[0] * CI_DEG_TO_RAD;
    r->array.lon_rad = position[1] * CI_DEG_TO_RAD;
    r->array.height_m = position[2];
    ci_sky_geodetic_to_ecef(r->array.lat_rad, r->array.lon_rad, r->array.height_m, origin_m);
    CI_TRY(texts_read(r));
    CI_TRY(ci_h5_read_int(r->file, "Header/antenna_numbers", numbers, n));
    CI_TRY(ci_h5_read_double(r->file, "Header/antenna_positions", pos, 3 * n));
    CI_TRY(positions_check(r, numbers, pos));
    if (ci_h5_has(r->file, "Header/antenna_diameters"))
        CI_TRY(ci_h5_read_double(r->file, "Header/antenna_diameters", diameter, n));
    CI_TRY(ci_h5_read_int(r->file, "Header/ant_array", r->data_antenna, (size_t)r->n_data));
    for (size_t a = 0; a < n; a++) {
        ci_vis_antenna *antenna = &r->array.antenna[a];
        antenna->number = numbers[a];
        antenna->diameter_m = diameter[a];
        for (size_t k = 0; k < 3; k++)
            antenna->pos_ecef_m[k] = pos[3 * a + k] + origin_m[k];
    }
    return data_antennas_find(r, numbers);
}

static ci_status array_read(reader *r)
{
    int64_t *numbers = NULL;
    double *pos = NULL;
    size_t n = (size_t)r->n_antenna;
    r->array.n_antenna = n;
    ci_status status =
        ci_mem_alloc(&r->array.antenna, n, sizeof *r->array.antenna, "antennas of a table");
    if (status == CI_OK)
        status = ci_mem_alloc(&r->data_antenna, (size_t)r->n_data, sizeof(int64_t), "antennas");
    if (status == CI_OK) status = ci_mem_alloc(&numbers, n, sizeof *numbers, "antennas of a table");
    if (status == CI_OK) status = ci_mem_alloc(&pos, 4 * n, sizeof *pos, "antennas of a table");
    if (status == CI_OK) status = antennas_read(r, numbers, pos, pos + 3 * n);
    ci_mem_free(numbers);
    ci_mem_free(pos);
    return status;
}

/* Where each value is once they ascend; equal ones keep their order. */
static ci_status order_make(size_t **out, const double *value, size_t n)
{
    size_t *order = NULL;
    CI_TRY(ci_mem_alloc(&order, n, sizeof *order, "order of a table"));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            order[i] += value[k] < value[i] || (k < i && value[k] == value[i]);
    *out = order;
    return CI_OK;
}

static ci_status order_apply(const size_t *order, double *value, size_t n)
{
    double *old = NULL;
    CI_TRY(ci_mem_alloc(&old, n, sizeof *old, "order of a table"));
    memcpy(old, value, n * sizeof *old);
    for (size_t i = 0; i < n; i++)
        value[order[i]] = old[i];
    ci_mem_free(old);
    return CI_OK;
}

/* A table holds as long as its validity; an interval of more is another unit, and would take its
 * age away. */
static const double most_interval_s = 30 * CI_DAY_S;

/* The longest of the intervals' lengths, in seconds, into the table. */
static ci_status intervals_take(const reader *r, ci_cal_table *t, const double *length_s,
                                bool is_range)
{
    for (size_t i = 0; i < t->n_time; i++) {
        if (!(length_s[i] >= 0 && length_s[i] <= most_interval_s))
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/%s: element %zu: %g s: must lie between 0 and %g: correct "
                            "it (%s)",
                            r->path, is_range ? "time_range" : "integration_time", i, length_s[i],
                            most_interval_s,
                            is_range ? "Julian dates, first to last" : "in seconds");
        t->interval_s = fmax(t->interval_s, length_s[i]);
    }
    return CI_OK;
}

/* Times into ascending order; each has gains of its own. */
static ci_status times_sort(reader *r, ci_cal_table *t)
{
    CI_TRY(order_make(&r->time, t->time_mjd_s, t->n_time));
    CI_TRY(order_apply(r->time, t->time_mjd_s, t->n_time));
    for (size_t i = 1; i < t->n_time; i++)
        if (t->time_mjd_s[i] == t->time_mjd_s[i - 1])
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/time_array or time_range: %.6f appears twice: gains of one "
                            "time must be unique: leave one out (pyuvdata: select)",
                            r->path, t->time_mjd_s[i] / CI_DAY_S + CI_TIME_JD_OF_MJD);
    return CI_OK;
}

/* A table that has both: the ranges hold the centres. One range of older tables is of all. */
static ci_status ranges_check(const reader *r, const double *centre, size_t n, double *edge)
{
    static const char name[] = "Header/time_range";
    const double slack = 1e-3 / CI_DAY_S;
    ci_h5_info info;
    if (!ci_h5_has(r->file, name)) return CI_OK;
    CI_TRY(ci_h5_info_get(r->file, name, &info));
    size_t n_edge = info.is_null ? 0 : (size_t)ci_h5_info_count(&info);
    if (n_edge != 2 && n_edge != 2 * n) return CI_OK;
    CI_TRY(ci_h5_read_double(r->file, name, edge, n_edge));
    for (size_t i = 0; i < n; i++) {
        const double *range = edge + (n_edge == 2 ? 0 : 2 * i);
        if (centre[i] >= range[0] - slack && centre[i] <= range[1] + slack) continue;
        return ci_error(CI_ERR_INPUT,
                        "%s: %s: %.6f to %.6f does not hold time_array's element %zu, %.6f: "
                        "correct one of the two",
                        r->path, name, range[0], range[1], i, centre[i]);
    }
    return CI_OK;
}

/* Times as centres; a table may give ranges instead. */
static ci_status times_read(reader *r, ci_cal_table *t)
{
    size_t n = t->n_time;
    double *edge = NULL;
    CI_TRY(ci_mem_alloc(&edge, 2 * n, sizeof *edge, "times of a table"));
    bool has_centres = ci_h5_has(r->file, "Header/time_array");
    ci_status status = has_centres
                           ? ci_h5_read_double(r->file, "Header/time_array", t->time_mjd_s, n)
                           : ci_h5_read_double(r->file, "Header/time_range", edge, 2 * n);
    if (status == CI_OK && has_centres) status = ranges_check(r, t->time_mjd_s, n, edge);
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        if (!has_centres) {
            t->time_mjd_s[i] = 0.5 * (edge[2 * i] + edge[2 * i + 1]);
            edge[i] = (edge[2 * i + 1] - edge[2 * i]) * CI_DAY_S; /* read already */
        }
        bool is_date =
            t->time_mjd_s[i] >= CI_TIME_JD_OF_MJD && t->time_mjd_s[i] < 2 * CI_TIME_JD_OF_MJD;
        if (!is_date)
            status =
                ci_error(CI_ERR_INPUT,
                         "%s: Header/%s: element %zu: %.6f is no Julian date: give days of JD "
                         "(MJD + 2400000.5)",
                         r->path, has_centres ? "time_array" : "time_range", i, t->time_mjd_s[i]);
        t->time_mjd_s[i] = (t->time_mjd_s[i] - CI_TIME_JD_OF_MJD) * CI_DAY_S;
    }
    if (status == CI_OK && has_centres)
        status = ci_h5_read_double(r->file, "Header/integration_time", edge, n);
    if (status == CI_OK) status = intervals_take(r, t, edge, !has_centres);
    ci_mem_free(edge);
    return status == CI_OK ? times_sort(r, t) : status;
}

static ci_status channels_sort(reader *r, ci_cal_table *t)
{
    CI_TRY(order_make(&r->chan, t->freq_hz, t->n_chan));
    CI_TRY(order_apply(r->chan, t->freq_hz, t->n_chan));
    return order_apply(r->chan, t->width_hz, t->n_chan);
}

static ci_status freqs_read(reader *r, ci_cal_table *t)
{
    double edge[2];
    if (r->is_wide) {
        CI_TRY(ci_h5_read_double(r->file, "Header/freq_range", edge, 2));
        t->freq_hz[0] = 0.5 * (edge[0] + edge[1]);
        t->width_hz[0] = edge[1] - edge[0];
    } else {
        CI_TRY(ci_h5_read_double(r->file, "Header/freq_array", t->freq_hz, t->n_chan));
        CI_TRY(ci_h5_read_double(r->file, "Header/channel_width", t->width_hz, t->n_chan));
    }
    for (size_t c = 0; c < t->n_chan; c++)
        if (!isfinite(t->freq_hz[c]) || !(t->freq_hz[c] > 0) || !(t->width_hz[c] > 0))
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/%s: frequency %zu: %g Hz, width %g Hz: both must be "
                            "positive: correct it%s",
                            r->path, r->is_wide ? "freq_range" : "freq_array, channel_width", c,
                            t->freq_hz[c], t->width_hz[c],
                            r->is_wide ? " (lower, upper edge in Hz)" : "");
    CI_TRY(channels_sort(r, t));
    return ci_cal_chans_check(t, r->path);
}

static ci_status shape_check(const reader *r, const char *name)
{
    ci_h5_info info;
    uint64_t want[4] = {(uint64_t)r->n_data, (uint64_t)r->n_chan, (uint64_t)r->n_time,
                        (uint64_t)r->n_feed};
    char shape[128];
    CI_TRY(ci_h5_info_get(r->file, name, &info));
    bool same = info.rank == 4;
    for (int k = 0; k < 4 && same; k++)
        same = info.dim[k] == want[k];
    if (same) return ci_h5_filters_check(r->file, name);
    ci_h5_info_shape(&info, shape);
    return ci_error(CI_ERR_INPUT,
                    "%s: %s: shape %s, the header says %lld antennas x %lld channels x %lld times "
                    "x %lld feeds: correct one of the two",
                    r->path, name, shape, (long long)r->n_data, (long long)r->n_chan,
                    (long long)r->n_time, (long long)r->n_feed);
}

/* All of a dataset of the table's shape. */
static ci_status cube_read(const reader *r, const char *name, ci_h5_type type, void *out)
{
    ci_h5_reader *dataset = NULL;
    uint64_t start[4] = {0, 0, 0, 0};
    uint64_t count[4] = {(uint64_t)r->n_data, (uint64_t)r->n_chan, (uint64_t)r->n_time,
                         (uint64_t)r->n_feed};
    CI_TRY(shape_check(r, name));
    CI_TRY(ci_h5_reader_open(&dataset, r->file, name, type));
    ci_status status = ci_h5_reader_read(dataset, start, count, out);
    ci_h5_reader_close(dataset);
    return status;
}

static void cube_store(const reader *r, ci_cal_table *t, const ci_c64 *gain, const uint8_t *flag,
                       const float *snr)
{
    size_t i = 0, n = t->n_time * t->n_chan * t->array.n_antenna * t->n_feed;
    for (size_t k = 0; k < n; k++) {
        t->gain[k] = 1;
        t->flag[k] = CI_CAL_NO_DATA; /* antennas that are not in the table */
    }
    for (size_t d = 0; d < (size_t)r->n_data; d++) {
        for (size_t c = 0; c < t->n_chan; c++) {
            for (size_t k = 0; k < t->n_time; k++) {
                for (size_t h = 0; h < t->n_feed; h++, i++) {
                    size_t to =
                        ci_cal_index(t, r->time[k], r->chan[c], (size_t)r->data_antenna[d], h);
                    ci_c64 g = r->is_multiply ? 1 / gain[i] : gain[i];
                    bool good = !flag[i] && isfinite(creal(g)) && isfinite(cimag(g)) && cabs(g) > 0;
                    t->gain[to] = good ? g : 1;
                    t->flag[to] = good ? 0 : CI_CAL_FAILED;
                    t->snr[to] = good && snr && isfinite(snr[i]) ? snr[i] : 0;
                }
            }
        }
    }
}

/* Flags the gains of a receptor; false where there are none. */
static bool receptor_flag(ci_cal_table *t, size_t antenna, size_t h)
{
    bool any = false;
    for (size_t k = 0; k < t->n_time; k++)
        for (size_t c = 0; c < t->n_chan; c++) {
            size_t i = ci_cal_index(t, k, c, antenna, h);
            any |= t->flag[i] == 0;
            t->gain[i] = 1;
            t->flag[i] = CI_CAL_NO_DATA;
        }
    return any;
}

/* A gain of a feed that feed_array does not give to the antenna is of nothing that is there. */
static ci_status feeds_lacking_flag(const char *path, ci_cal_table *t)
{
    size_t n = 0, first = 0;
    for (size_t a = t->array.n_antenna; t->array.has_feeds && a-- > 0;)
        for (size_t h = 0; h < t->n_feed; h++) {
            bool is_second = t->jones[h] == CI_VIS_POL_YY || t->jones[h] == CI_VIS_POL_LL;
            if (!isnan(t->array.antenna[a].feed_rad[is_second]) || !receptor_flag(t, a, h))
                continue;
            n++;
            first = a;
        }
    if (n == 0) return CI_OK;
    return ci_cal_warning_add(t,
                              "%s: Header/feed_array: does not have the feed of %zu receptor%s "
                              "that ha%s gains (antenna %lld%s): flagged",
                              path, n, ci_plural(n), n == 1 ? "s" : "ve",
                              (long long)t->array.antenna[first].number, n > 1 ? " ..." : "");
}

static ci_status data_read(const reader *r, ci_cal_table *t)
{
    size_t n = (size_t)r->n_data * t->n_chan * t->n_time * t->n_feed;
    bool has_snr = ci_h5_has(r->file, "Data/qualities") &&
                   ci_h5_has(r->file, "Header/extra_keywords/contimg_kind");
    ci_c64 *gain = NULL;
    uint8_t *flag = NULL;
    float *snr = NULL;
    ci_status status = ci_mem_alloc(&gain, n, sizeof *gain, "gains of a table");
    if (status == CI_OK) status = ci_mem_alloc(&flag, n, 1, "flags of a table");
    if (status == CI_OK && has_snr) status = ci_mem_alloc(&snr, n, sizeof *snr, "S/N of a table");
    if (status == CI_OK) status = cube_read(r, "Data/gains", CI_H5_C64, gain);
    if (status == CI_OK) status = cube_read(r, "Data/flags", CI_H5_U8, flag);
    if (status == CI_OK && has_snr) status = cube_read(r, "Data/qualities", CI_H5_F32, snr);
    if (status == CI_OK) cube_store(r, t, gain, flag, snr);
    if (status == CI_OK) status = feeds_lacking_flag(r->path, t);
    if (status == CI_OK) status = ci_cal_outliers_flag(t);
    if (status == CI_OK) ci_cal_flags_refine(t);
    ci_mem_free(gain);
    ci_mem_free(flag);
    ci_mem_free(snr);
    return status;
}

static ci_status table_read(reader *r, ci_cal_table **out)
{
    CI_TRY(sizes_read(r));
    if (r->n_feed > 2)
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/Njones: %lld: at most 2 are used: select those of parallel "
                        "hands (pyuvdata: select with jones)",
                        r->path, (long long)r->n_feed);
    CI_TRY(array_read(r));
    CI_TRY(ci_cal_table_new(out, CI_CAL_GAIN, &r->array, (size_t)r->n_time, (size_t)r->n_chan,
                            (size_t)r->n_feed));
    CI_TRY(ci_str_set(&(*out)->path, r->path));
    CI_TRY(ci_cal_calh5_words_read(r->file, r->path, *out));
    CI_TRY(ci_cal_calh5_feeds_read(r->file, r->path, *out));
    CI_TRY(times_read(r, *out));
    CI_TRY(freqs_read(r, *out));
    return data_read(r, *out);
}

ci_status ci_cal_table_read(ci_cal_table **out, const char *path)
{
    reader r = {.path = path};
    ci_cal_table *table = NULL;
    *out = NULL;
    ci_h5_refusal_clear();
    CI_TRY(ci_h5_open(&r.file, path));
    ci_status status = ci_h5_refusal_check(path, table_read(&r, &table));
    ci_h5_close(r.file);
    ci_vis_array_clear(&r.array);
    ci_mem_free(r.data_antenna);
    ci_mem_free(r.chan);
    ci_mem_free(r.time);
    if (status != CI_OK) {
        ci_cal_table_free(table);
        return status;
    }
    *out = table;
    return CI_OK;
}
