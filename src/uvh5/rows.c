/* Rows: antennas, baselines in triangle order, distinct times, integration times. */
#include "uvh5/uvh5_private.h"

#include "contimg/num.h"
#include "contimg/sky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct numbered
{
    int64_t number;
    int32_t index;
} numbered;

static int compare_numbered(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Antenna numbers of the rows -> indices. Neighbouring rows often share one. */
static ci_status antennas_map(const ci_uvh5_file *file, const char *name, int64_t *number,
                              const numbered *sorted, int32_t *index)
{
    size_t n = file->meta->array.n_antenna;
    CI_TRY(ci_h5_read_int(file->h5, name, number, file->n_row));
    for (size_t i = 0; i < file->n_row; i++) {
        if (i > 0 && number[i] == number[i - 1]) {
            index[i] = index[i - 1];
            continue;
        }
        numbered key = {number[i], 0};
        const numbered *found = bsearch(&key, sorted, n, sizeof key, compare_numbered);
        if (found == NULL) {
            return ci_uvh5_refuse(
                file, name,
                "row %zu: antenna %lld is not in antenna_numbers: correct one of the two", i,
                (long long)number[i]);
        }
        index[i] = found->index;
    }
    return CI_OK;
}

static ci_status antennas_read(ci_uvh5_file *file, int32_t *ant1, int32_t *ant2)
{
    const ci_vis_array *array = &file->meta->array;
    numbered *sorted = NULL;
    int64_t *number = NULL;
    CI_TRY(ci_mem_alloc(&sorted, array->n_antenna, sizeof *sorted, "antennas"));
    ci_status status = ci_mem_alloc(&number, file->n_row, sizeof *number, "row antennas");
    if (status == CI_OK) {
        for (size_t i = 0; i < array->n_antenna; i++) {
            sorted[i] = (numbered){array->antenna[i].number, (int32_t)i};
        }
        qsort(sorted, array->n_antenna, sizeof *sorted, compare_numbered);
        status = antennas_map(file, "Header/ant_1_array", number, sorted, ant1);
    }
    if (status == CI_OK) status = antennas_map(file, "Header/ant_2_array", number, sorted, ant2);
    ci_mem_free(number);
    ci_mem_free(sorted);
    return status;
}

/* Reverses rows to ant1 <= ant2 and counts what is there. */
static void rows_order(ci_uvh5_file *file, int32_t *ant1, int32_t *ant2)
{
    for (size_t i = 0; i < file->n_row; i++) {
        if (ant1[i] <= ant2[i]) continue;
        int32_t swap = ant1[i];
        ant1[i] = ant2[i];
        ant2[i] = swap;
        file->row_reversed[i] = 1;
        file->n_reversed++;
    }
}

/* Fills `used` with the rank of every antenna among those that the rows have, or -1. */
static size_t antennas_rank(const ci_uvh5_file *file, const int32_t *ant1, const int32_t *ant2,
                            int32_t *used)
{
    size_t n_used = 0;
    memset(used, 0, file->meta->array.n_antenna * sizeof *used);
    for (size_t i = 0; i < file->n_row; i++)
        used[ant1[i]] = used[ant2[i]] = 1;
    for (size_t i = 0; i < file->meta->array.n_antenna; i++) {
        used[i] = used[i] != 0 ? (int32_t)n_used++ : -1;
    }
    return n_used;
}

/* Numbers the pairs that occur in triangle order. `table` [n_pair] holds 0 on entry. */
static ci_status baselines_number(ci_uvh5_file *file, const int32_t *ant1, const int32_t *ant2,
                                  const int32_t *used, int32_t *table, size_t n_pair)
{
    ci_vis_meta *meta = file->meta;
    size_t n = 0;
    for (size_t i = 0; i < file->n_row; i++)
        table[ci_uvh5_triangle(used[ant1[i]], used[ant2[i]])] = 1;
    for (size_t i = 0; i < n_pair; i++)
        table[i] = table[i] != 0 ? (int32_t)n++ : -1;
    CI_TRY(ci_mem_alloc(&meta->baseline_ant1, n, sizeof(int32_t), "baselines"));
    CI_TRY(ci_mem_alloc(&meta->baseline_ant2, n, sizeof(int32_t), "baselines"));
    meta->n_baseline = n;
    for (size_t i = 0; i < file->n_row; i++) {
        int32_t b = table[ci_uvh5_triangle(used[ant1[i]], used[ant2[i]])];
        file->row_baseline[i] = b;
        meta->baseline_ant1[b] = ant1[i];
        meta->baseline_ant2[b] = ant2[i];
    }
    return CI_OK;
}

static void counts_compare(ci_uvh5_file *file, const char *name, size_t n)
{
    int64_t said;
    if (ci_uvh5_header_int(file, name, &said) != CI_OK) {
        ci_error_clear();
        ci_uvh5_warning_add(file, "%s: is missing or unreadable; the rows have %zu", name, n);
    } else if (said != (int64_t)n) {
        ci_uvh5_warning_add(file, "%s: %lld, but the rows have %zu", name, (long long)said, n);
    }
}

static ci_status baselines_read(ci_uvh5_file *file)
{
    int32_t *ant1 = NULL, *ant2 = NULL, *used = NULL, *table = NULL;
    size_t n_used = 0;
    ci_status status = ci_mem_alloc(&ant1, file->n_row, sizeof *ant1, "row antennas");
    if (status == CI_OK) status = ci_mem_alloc(&ant2, file->n_row, sizeof *ant2, "row antennas");
    if (status == CI_OK)
        status = ci_mem_alloc(&used, file->meta->array.n_antenna, sizeof *used, "antennas");
    if (status == CI_OK) status = antennas_read(file, ant1, ant2);
    if (status == CI_OK) {
        rows_order(file, ant1, ant2);
        n_used = antennas_rank(file, ant1, ant2, used);
        if (n_used > UVH5_MAX_ANTENNA_USED) {
            status =
                ci_uvh5_refuse(file, "Header/ant_1_array",
                               "%zu antennas have data; contimg handles at most %d: leave some out",
                               n_used, UVH5_MAX_ANTENNA_USED);
        }
    }
    size_t n_pair = n_used * (n_used + 1) / 2;
    if (status == CI_OK) status = ci_mem_alloc(&table, n_pair, sizeof *table, "baselines");
    if (status == CI_OK) status = baselines_number(file, ant1, ant2, used, table, n_pair);
    if (status == CI_OK) {
        counts_compare(file, "Header/Nants_data", n_used);
        counts_compare(file, "Header/Nbls", file->meta->n_baseline);
    }
    ci_mem_free(table);
    ci_mem_free(used);
    ci_mem_free(ant2);
    ci_mem_free(ant1);
    return status;
}

static double baseline_length(const ci_vis_meta *meta, size_t b)
{
    const double *r1 = meta->array.antenna[meta->baseline_ant1[b]].pos_ecef_m;
    const double *r2 = meta->array.antenna[meta->baseline_ant2[b]].pos_ecef_m;
    double sum = 0;
    for (int k = 0; k < 3; k++)
        sum += (r2[k] - r1[k]) * (r2[k] - r1[k]);
    return sqrt(sum);
}

/* Antennas at one position: a pair of them is odd; where all are, their positions were not written.
 * Autocorrelations have no length. */
static ci_status lengths_check(ci_uvh5_file *file)
{
    const ci_vis_meta *meta = file->meta;
    const double least_m = 1e-3;
    size_t n_cross = 0, n_short = 0, at = 0;
    for (size_t b = 0; b < meta->n_baseline; b++) {
        if (ci_vis_baseline_is_auto(meta, b)) continue;
        n_cross++;
        if (baseline_length(meta, b) > least_m) continue;
        if (n_short++ == 0) at = b;
    }
    if (n_short == 0) return CI_OK;
    if (n_short == n_cross) {
        return ci_uvh5_refuse(
            file, "Header/antenna_positions",
            "all antennas with data are at one position: none of %zu baseline%s is "
            "longer than %g m: give their positions",
            n_cross, ci_plural(n_cross), least_m);
    }
    ci_uvh5_warning_add(
        file,
        "Header/antenna_positions: antennas %lld and %lld are at one position, %zu of %zu "
        "baselines are not longer than %g m",
        (long long)meta->array.antenna[meta->baseline_ant1[at]].number,
        (long long)meta->array.antenna[meta->baseline_ant2[at]].number, n_short, n_cross, least_m);
    return CI_OK;
}

/* Distinct values, ascending; those closer than `tolerance` to the one before count as one.
 * Runs of equal values, as in files sorted by time, are taken out before sorting. */
static size_t distinct(double *values, size_t n, double tolerance)
{
    size_t n_run = 0, n_out = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || values[i] != values[n_run - 1]) values[n_run++] = values[i];
    }
    qsort(values, n_run, sizeof *values, ci_num_compare_doubles);
    for (size_t i = 0; i < n_run; i++) {
        if (n_out == 0 || values[i] - values[n_out - 1] > tolerance) values[n_out++] = values[i];
    }
    return n_out;
}

static const double most_mjd = 99999.5;

/* What a time may count that is no Julian date. */
static const char *other_count(double time)
{
    if (time > 0 && time < most_mjd) return ", but a modified one (MJD)";
    if (time > most_mjd * 1e4 && time < most_mjd * CI_DAY_S) return ", but seconds";
    return "";
}

ci_status ci_uvh5_times_to_utc(const ci_uvh5_file *file, double *jd, size_t n)
{
    char scale[32];
    CI_TRY(ci_uvh5_header_text(file, "Header/timesys", scale, sizeof scale));
    for (size_t i = 0; i < n && scale[0] != '\0' && strcasecmp(scale, "UTC") != 0; i++) {
        double time_mjd_s = (jd[i] - CI_TIME_JD_OF_MJD) * CI_DAY_S;
        if (!ci_sky_time_to_utc(scale, &time_mjd_s))
            return ci_uvh5_refuse(file, "Header/timesys",
                                  "\"%s\": UTC, TAI or TT is understood: convert the times", scale);
        jd[i] = time_mjd_s / CI_DAY_S + CI_TIME_JD_OF_MJD;
    }
    return CI_OK;
}

/* Julian dates to MJD seconds, UTC. */
static ci_status times_to_mjd(ci_uvh5_file *file, double *times)
{
    char scale[32];
    CI_TRY(ci_uvh5_header_text(file, "Header/timesys", scale, sizeof scale));
    if (scale[0] == '\0') snprintf(scale, sizeof scale, "UTC");
    for (size_t i = 0; i < file->n_row; i++) {
        /* MJD 0 (1858) to 2132: catches MJD or seconds given as JD. */
        if (!(times[i] >= CI_TIME_JD_OF_MJD && times[i] < CI_TIME_JD_OF_MJD + most_mjd))
            return ci_uvh5_refuse(file, "Header/time_array",
                                  "row %zu: %.6f is no Julian date%s: give days of JD (MJD + "
                                  "2400000.5)",
                                  i, times[i], other_count(times[i]));
        times[i] = (times[i] - CI_TIME_JD_OF_MJD) * CI_DAY_S;
        if (!ci_sky_time_to_utc(scale, &times[i])) {
            return ci_uvh5_refuse(file, "Header/timesys",
                                  "\"%s\": time_array in UTC, TAI or TT is understood: convert it",
                                  scale);
        }
    }
    if (strcasecmp(scale, "UTC") != 0)
        ci_uvh5_warning_add(file, "Header/timesys: \"%s\": time_array was converted to UTC", scale);
    return CI_OK;
}

/* Names the row farthest from the middle of all: one damaged time moves the middle of the
 * observation, and with it the image. `sorted` [n_row] is overwritten. */
static ci_status span_refuse(const ci_uvh5_file *file, const double *times, double *sorted)
{
    size_t n = file->n_row, worst = 0;
    memcpy(sorted, times, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ci_num_compare_doubles);
    double middle = sorted[n / 2];
    for (size_t i = 1; i < n; i++) {
        if (fabs(times[i] - middle) > fabs(times[worst] - middle)) worst = i;
    }
    return ci_uvh5_refuse(
        file, "Header/time_array",
        "row %zu: %.6f is %.6g days from the middle of the rows, %.6f: the times of "
        "one file span a day at most: correct it, or split the file",
        worst, times[worst] / CI_DAY_S + CI_TIME_JD_OF_MJD, fabs(times[worst] - middle) / CI_DAY_S,
        middle / CI_DAY_S + CI_TIME_JD_OF_MJD);
}

static ci_status times_read(ci_uvh5_file *file)
{
    ci_vis_meta *meta = file->meta;
    double *times = NULL;
    size_t n_row = file->n_row;
    CI_TRY(ci_mem_alloc(&meta->time_mjd_s, n_row, sizeof *times, "row times"));
    CI_TRY(ci_h5_read_double(file->h5, "Header/time_array", meta->time_mjd_s, n_row));
    CI_TRY(times_to_mjd(file, meta->time_mjd_s));
    CI_TRY(ci_mem_alloc(&times, n_row, sizeof *times, "row times"));
    memcpy(times, meta->time_mjd_s, n_row * sizeof *times);
    /* A Julian date in a double has steps of 40 us: rows of one integration may differ by a
     * few of them. */
    double tolerance = 0.01 * meta->interval_s;
    size_t n = distinct(meta->time_mjd_s, n_row, tolerance < 5e-4 ? tolerance : 5e-4);
    size_t last = 0;
    if (meta->time_mjd_s[n - 1] - meta->time_mjd_s[0] > CI_DAY_S) {
        ci_status status = span_refuse(file, times, meta->time_mjd_s);
        ci_mem_free(times);
        return status;
    }
    for (size_t i = 0; i < n_row; i++) {
        if (i == 0 || times[i] != times[i - 1])
            last = ci_num_nearest(meta->time_mjd_s, n, times[i]);
        file->row_time[i] = (int32_t)last;
    }
    ci_mem_free(times);
    meta->n_time = n;
    CI_TRY(ci_mem_resize(&meta->time_mjd_s, n, sizeof *times, "times"));
    counts_compare(file, "Header/Ntimes", n);
    return CI_OK;
}

/* An integration of more than a day is none; one of more than an hour smears every source, but
 * drift scans are averaged so. */
static ci_status interval_check(const ci_uvh5_file *file, size_t i_row)
{
    double value = file->row_interval[i_row];
    if (!isfinite(value) || value <= 0) {
        return ci_uvh5_refuse(file, "Header/integration_time",
                              "row %zu: %g s: not positive: correct it (in seconds)", i_row, value);
    }
    if (value > CI_DAY_S) {
        return ci_uvh5_refuse(file, "Header/integration_time",
                              "row %zu: %g s: more than a day: correct it (in seconds)", i_row,
                              value);
    }
    return CI_OK;
}

static ci_status intervals_read(ci_uvh5_file *file)
{
    const double most_s = 3600;
    double *sorted = NULL, longest = 0;
    size_t n = file->n_row;
    bool are_equal = true;
    CI_TRY(ci_uvh5_header_doubles(file, "Header/integration_time", file->row_interval, n));
    for (size_t i = 0; i < n; i++) {
        CI_TRY(interval_check(file, i));
        longest = fmax(longest, file->row_interval[i]);
        are_equal = are_equal && file->row_interval[i] == file->row_interval[0];
    }
    if (longest > most_s)
        ci_uvh5_warning_add(file, "Header/integration_time: up to %g s: more than an hour",
                            longest);
    file->meta->interval_s = file->row_interval[0];
    if (are_equal) return CI_OK;
    CI_TRY(ci_mem_alloc(&sorted, n, sizeof *sorted, "row intervals"));
    memcpy(sorted, file->row_interval, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ci_num_compare_doubles);
    file->meta->interval_s = sorted[n / 2];
    ci_mem_free(sorted);
    return CI_OK;
}

/* Rows in the order of their times: `order` [n_row]. */
static ci_status rows_by_time(const ci_uvh5_file *file, size_t *order)
{
    size_t *start = NULL, n_time = file->meta->n_time;
    CI_TRY(ci_mem_alloc(&start, n_time + 1, sizeof *start, "row check"));
    ci_num_sort_by_key((const uint32_t *)file->row_time, file->n_row, n_time, start, order);
    ci_mem_free(start);
    return CI_OK;
}

/* Integrations of a baseline follow each other: where they would overlap, or fill next to nothing
 * of the time between, integration_time counts in another unit, or the times do. `order`: rows by
 * time; `last` [n_baseline]: 1 + the row before. */
static ci_status overlaps_find(ci_uvh5_file *file, const size_t *order, size_t *last)
{
    const double most = 1.5, least = 0.02; /* of a step between times */
    const double scan_s = 120;             /* a longer step lies between scans */
    const ci_vis_meta *meta = file->meta;
    double greatest = 0, longest_s = 0, step_then_s = 0;
    for (size_t k = 0; k < file->n_row; k++) {
        size_t i = order[k], *before = &last[file->row_baseline[i]];
        double step_s = 0, mean_s = 0;
        if (*before > 0) {
            step_s =
                meta->time_mjd_s[file->row_time[i]] - meta->time_mjd_s[file->row_time[*before - 1]];
            mean_s = 0.5 * (file->row_interval[i] + file->row_interval[*before - 1]);
        }
        *before = i + 1;
        if (!(step_s > 0)) continue;
        if (mean_s > most * step_s)
            return ci_uvh5_refuse(file, "Header/integration_time",
                                  "row %zu: %g s, but the times of its baseline are %g s apart: "
                                  "integrations do not overlap: correct integration_time (in "
                                  "seconds) or time_array",
                                  i, file->row_interval[i], step_s);
        if (mean_s <= greatest * step_s) continue;
        greatest = mean_s / step_s;
        longest_s = mean_s;
        step_then_s = step_s;
    }
    if (greatest > 0 && greatest < least && step_then_s < scan_s)
        ci_uvh5_warning_add(file,
                            "Header/integration_time: %g s, but times are %g s apart or more: most "
                            "of the time is not in the file, or it is not in seconds",
                            longest_s, step_then_s);
    return CI_OK;
}

static ci_status overlaps_check(ci_uvh5_file *file)
{
    size_t *order = NULL, *last = NULL;
    CI_TRY(ci_mem_alloc(&order, file->n_row, sizeof *order, "row check"));
    ci_status status = ci_mem_alloc(&last, file->meta->n_baseline, sizeof *last, "row check");
    if (status == CI_OK) status = rows_by_time(file, order);
    if (status == CI_OK) status = overlaps_find(file, order, last);
    ci_mem_free(last);
    ci_mem_free(order);
    return status;
}

/* Rows that repeat a time, where the header counts more times than there are: rounded times. */
static ci_status repeats_check(const ci_uvh5_file *file, size_t n_double)
{
    int64_t n_time = 0;
    if (ci_uvh5_header_int(file, "Header/Ntimes", &n_time) != CI_OK) ci_error_clear();
    if (n_time <= (int64_t)file->meta->n_time) return CI_OK;
    double n_missing =
        (double)file->n_row * (1 - (double)file->meta->n_time / (double)n_time); /* rows of them */
    if ((double)n_double < 0.5 * n_missing) return CI_OK;
    return ci_uvh5_refuse(file, "Header/time_array",
                          "%zu rows repeat the baseline and time of another, and Ntimes is %lld "
                          "where time_array has %zu: were times rounded? Write them in double "
                          "precision, or correct Ntimes",
                          n_double, (long long)n_time, file->meta->n_time);
}

/* The same baseline twice at one time is legal, but nobody means it. */
static ci_status doubles_count(ci_uvh5_file *file)
{
    const ci_vis_meta *meta = file->meta;
    size_t n_cell = meta->n_baseline * meta->n_time, n_double = 0;
    if (n_cell > 64 * file->n_row) return CI_OK; /* sparse: not worth the memory */
    uint8_t *seen = NULL;
    CI_TRY(ci_mem_alloc(&seen, n_cell, 1, "row check"));
    for (size_t i = 0; i < file->n_row; i++) {
        size_t cell = (size_t)file->row_baseline[i] * meta->n_time + (size_t)file->row_time[i];
        if (seen[cell] != 0) n_double++;
        seen[cell] = 1;
    }
    ci_mem_free(seen);
    if (n_double > 0) {
        ci_uvh5_warning_add(file, "%zu row%s repeat%s the baseline and time of another row",
                            n_double, ci_plural(n_double), n_double == 1 ? "s" : "");
    }
    return n_double > 0 ? repeats_check(file, n_double) : CI_OK;
}

ci_status ci_uvh5_rows_read(ci_uvh5_file *file)
{
    size_t n = file->n_row;
    CI_TRY(ci_mem_alloc(&file->row_baseline, n, sizeof(int32_t), "row baselines"));
    CI_TRY(ci_mem_alloc(&file->row_time, n, sizeof(int32_t), "row times"));
    CI_TRY(ci_mem_alloc(&file->row_phase, n, sizeof(int32_t), "row phase centres"));
    CI_TRY(ci_mem_alloc(&file->row_reversed, n, 1, "row directions"));
    CI_TRY(ci_mem_alloc(&file->row_interval, n, sizeof(double), "row intervals"));
    CI_TRY(intervals_read(file));
    CI_TRY(times_read(file));
    CI_TRY(baselines_read(file));
    CI_TRY(lengths_check(file));
    CI_TRY(ci_uvh5_heights_check(file));
    if (file->depth >= UVH5_READ) {
        ci_h5_info info;
        CI_TRY(doubles_count(file));
        CI_TRY(overlaps_check(file));
        CI_TRY(ci_uvh5_header_info(file, "Header/uvw_array", &info));
        if (info.rank != 2 || info.dim[0] != n || info.dim[1] != 3) {
            char shape[128];
            ci_h5_info_shape(&info, shape);
            return ci_uvh5_refuse(file, "Header/uvw_array", "shape %s, needs %zu x 3", shape, n);
        }
        CI_TRY(ci_mem_alloc(&file->row_uvw, n, 3 * sizeof(double), "uvw"));
        CI_TRY(ci_h5_read_double(file->h5, "Header/uvw_array", file->row_uvw, 3 * n));
    }
    if (file->n_reversed > 0) {
        ci_uvh5_fact_set(file, "reversed", "%zu of %zu rows have ant1 > ant2", file->n_reversed, n);
    }
    return CI_OK;
}
