/* One file: its name, its header, its sub-band among the files of its time. */
#include "contimg/h5.h"
#include "ingest/ingest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ci_ingest_options_default(ci_ingest_options *options)
{
    *options = (ci_ingest_options){
        .n_expected = 16,
        .min_fraction = 0.75,
        .quiet_s = 600,
        .settle_s = 10,
        .group_size = 10,
        .overlap = 2,
        .max_step_s = 360,
        .max_span_s = 3600,
        .max_dec_step_rad = 0.1 * CI_DEG_TO_RAD,
        .silence_s = 900,
        .min_group_fraction = 0.8,
        .min_group_early = 3,
        .since_unix_s = NAN,
        .named_accept_incomplete = true,
    };
}

double ci_ingest_tolerance_s(const ci_registry_file *file)
{
    double length_s = file->interval_s * (double)(file->n_time > 0 ? file->n_time : 1);
    return fmin(60, 0.5 * length_s);
}

/* ---- names ----------------------------------------------------------------------------- */

int ci_ingest_name_number(const char *path)
{
    const char *at = strstr(ci_path_base(path), "_sb");
    if (!at || at[3] < '0' || at[3] > '9') return -1;
    return (int)strtol(at + 3, NULL, 10);
}

double ci_ingest_name_time(const char *path)
{
    char text[20];
    const char *name = ci_path_base(path);
    double time_mjd_s;
    if (strlen(name) < 19) return NAN;
    memcpy(text, name, 19);
    text[19] = '\0';
    ci_status status = ci_time_parse_iso(text, &time_mjd_s);
    if (status == CI_OK) return time_mjd_s;
    ci_error_clear(); /* a name need not hold a time */
    return NAN;
}

bool ci_ingest_name_is_incomplete(const char *path)
{
    return strstr(ci_path_base(path), "_incomplete") != NULL;
}

bool ci_ingest_name_is_data(const char *name)
{
    static const char *const endings[] = {".hdf5", ".uvh5", ".h5"};
    size_t n = strlen(name);
    if (name[0] == '.') return false;
    for (size_t i = 0; i < 3; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && strcmp(name + n - m, endings[i]) == 0) return true;
    }
    return false;
}

ci_status ci_ingest_path_check(const char *path)
{
    if (ci_str_is_utf8(path)) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: its name is not UTF-8 (the bytes shown as '?'), which databases and "
                    "reports are: rename it",
                    path);
}

/* ---- what is in a file ------------------------------------------------------------------ */

static void reason_set(ci_registry_file *file, ci_registry_file_state state, const char *text)
{
    file->state = state;
    snprintf(file->reason, sizeof file->reason, "%s", text);
}

ci_status ci_ingest_file_read(ci_registry_file *file, const ci_ingest_options *options)
{
    ci_uvh5_summary s;
    char text[CI_REGISTRY_TEXT];
    int64_t stated, actual;
    if (ci_h5_is_short(file->path, &stated, &actual)) {
        snprintf(text, sizeof text, "%lld bytes, its header says %lld: copy it again",
                 (long long)actual, (long long)stated);
        reason_set(file, CI_REGISTRY_FILE_TRUNCATED, text);
        return ci_error(CI_ERR_INPUT, "%s: truncated: %s", file->path, text);
    }
    ci_status status =
        options->summary ? options->summary(&s, file->path) : ci_uvh5_summary_read(&s, file->path);
    if (status == CI_OK && !(s.n_time > 0 && s.interval_s > 0 && isfinite(s.first_time_mjd_s)))
        status = ci_error(CI_ERR_INPUT, "%s: no integrations in it", file->path);
    if (status != CI_OK) {
        reason_set(file, CI_REGISTRY_FILE_CORRUPT, ci_error_text());
        return status;
    }
    file->first_time_mjd_s = s.first_time_mjd_s;
    file->last_time_mjd_s = s.last_time_mjd_s;
    file->interval_s = s.interval_s;
    file->freq_low_hz = s.freq_low_hz;
    file->freq_high_hz = s.freq_high_hz;
    file->dec_rad = s.dec_rad;
    file->dec_known = s.dec_known;
    file->n_time = (int64_t)s.n_time;
    file->n_chan = (int64_t)s.n_chan;
    file->n_pol = (int64_t)s.n_pol;
    file->n_antenna = (int64_t)s.n_antenna;
    reason_set(file, CI_REGISTRY_FILE_USED, "");
    return CI_OK;
}

int ci_ingest_file_order(const void *a, const void *b)
{
    const ci_registry_file *x = a, *y = b;
    if (x->first_time_mjd_s != y->first_time_mjd_s)
        return x->first_time_mjd_s < y->first_time_mjd_s ? -1 : 1;
    if (x->freq_low_hz != y->freq_low_hz) return x->freq_low_hz > y->freq_low_hz ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* ---- sub-bands --------------------------------------------------------------------------- */

bool ci_ingest_same_sub_band(const ci_registry_file *a, const ci_registry_file *b)
{
    double width_hz = fmax(a->freq_high_hz - a->freq_low_hz, b->freq_high_hz - b->freq_low_hz);
    return fabs(a->freq_low_hz - b->freq_low_hz) <= fmax(0.5 * width_hz, 1);
}

const char *ci_ingest_differs(const ci_registry_file *a, const ci_registry_file *b)
{
    if (a->n_antenna != b->n_antenna) return "number of antennas";
    if (a->n_pol != b->n_pol) return "number of polarisations";
    if (fabs(a->interval_s - b->interval_s) > 0.01 * b->interval_s) return "integration time";
    if (a->dec_known && b->dec_known && fabs(a->dec_rad - b->dec_rad) > 0.05 * CI_DEG_TO_RAD)
        return "declination";
    return NULL;
}

/* Distance of neighbouring sub-bands, from the closest pair; 0 where there is one only. */
static double step_hz(const ci_registry_file *files, size_t n, int64_t n_expected)
{
    double nearest = 0, width = 0, low = INFINITY, high = 0;
    for (size_t i = 0; i < n; i++) {
        if (files[i].state != CI_REGISTRY_FILE_USED) continue;
        double n_chan = (double)files[i].n_chan;
        width = fmax(width, (files[i].freq_high_hz - files[i].freq_low_hz) *
                                (n_chan > 1 ? n_chan / (n_chan - 1) : 1));
        low = fmin(low, files[i].freq_low_hz);
        high = fmax(high, files[i].freq_low_hz);
        for (size_t k = 0; k < i; k++) {
            double d = fabs(files[i].freq_low_hz - files[k].freq_low_hz);
            if (files[k].state == CI_REGISTRY_FILE_USED && d > 0 && (nearest == 0 || d < nearest))
                nearest = d;
        }
    }
    /* The closest two may have others missing between them. */
    double between = width > 0 ? fmax(1, round(nearest / width)) : 1;
    /* But sub-bands that do not touch are so far apart by themselves: the band has n_expected
     * positions, not more. */
    if (n_expected > 0 && (high - low) * between > ((double)n_expected - 0.5) * nearest)
        between = 1;
    return nearest / between;
}

/* Positions along the band from its end (falling: the highest frequency is 0). */
static void positions_find(const ci_registry_file *files, size_t n, bool is_falling, double step,
                           int *position)
{
    double end = NAN;
    for (size_t i = 0; i < n; i++) {
        double f = files[i].freq_low_hz;
        if (files[i].state != CI_REGISTRY_FILE_USED) continue;
        if (isnan(end) || (is_falling ? f > end : f < end)) end = f;
    }
    for (size_t i = 0; i < n; i++)
        position[i] = step > 0 ? (int)lround(fabs(files[i].freq_low_hz - end) / step) : 0;
}

/* The offset that most names agree on; its votes. */
static int best_offset(const ci_registry_file *files, size_t n, const int *position, size_t *votes)
{
    int best = 0;
    *votes = 0;
    for (size_t i = 0; i < n; i++) {
        int number = ci_ingest_name_number(files[i].path);
        if (files[i].state != CI_REGISTRY_FILE_USED || number < 0) continue;
        size_t n_same = 0;
        for (size_t k = 0; k < n; k++)
            n_same += files[k].state == CI_REGISTRY_FILE_USED &&
                      ci_ingest_name_number(files[k].path) - position[k] == number - position[i];
        if (n_same > *votes) {
            *votes = n_same;
            best = number - position[i];
        }
    }
    return best;
}

#define MAX_FILES 1024

void ci_ingest_number(ci_registry_file *files, size_t n, int64_t n_expected)
{
    int falling[MAX_FILES] = {0}, rising[MAX_FILES] = {0};
    if (n > MAX_FILES) n = MAX_FILES;
    double step = step_hz(files, n, n_expected);
    size_t votes_falling, votes_rising;
    positions_find(files, n, true, step, falling);
    positions_find(files, n, false, step, rising);
    int offset = best_offset(files, n, falling, &votes_falling);
    int offset_rising = best_offset(files, n, rising, &votes_rising);
    const int *position = falling;
    if (votes_rising > votes_falling) {
        position = rising;
        offset = offset_rising;
    }
    int low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        if (files[i].state != CI_REGISTRY_FILE_USED) continue;
        if (position[i] + offset < low) low = position[i] + offset;
        if (position[i] + offset > high) high = position[i] + offset;
    }
    /* Names that would put a sub-band outside the band are wrong. */
    if (low < 0 || (n_expected > 0 && high >= n_expected)) offset = 0;
    for (size_t i = 0; i < n; i++)
        files[i].sub_band = files[i].state == CI_REGISTRY_FILE_USED ? position[i] + offset : -1;
}

int64_t ci_ingest_missing(const ci_registry_file *files, size_t n, int64_t n_expected,
                          char text[CI_REGISTRY_TEXT])
{
    bool there[MAX_FILES] = {false};
    int low = MAX_FILES, high = -1;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int k = files[i].sub_band;
        if (files[i].state != CI_REGISTRY_FILE_USED || k < 0 || k >= MAX_FILES) continue;
        there[k] = true;
        if (k < low) low = k;
        if (k > high) high = k;
    }
    if (n_expected > 0) {
        low = 0;
        high = (int)(n_expected < MAX_FILES ? n_expected : MAX_FILES) - 1;
    }
    int64_t n_missing = 0;
    size_t at = 0;
    for (int k = low; k <= high; k++) {
        if (there[k]) continue;
        if (at < CI_REGISTRY_TEXT - 8)
            at += (size_t)snprintf(text + at, CI_REGISTRY_TEXT - at, "%s%d", n_missing ? ", " : "",
                                   k);
        n_missing++;
    }
    return n_missing;
}

void ci_ingest_sub_bands_text(char out[2 * CI_REGISTRY_TEXT], const char *numbers)
{
    size_t n = 0;
    out[0] = '\0';
    for (const char *p = numbers; *p && n + 16 < 2 * CI_REGISTRY_TEXT;) {
        char *end;
        long number = strtol(p, &end, 10);
        if (end == p) return;
        n +=
            (size_t)snprintf(out + n, 2 * CI_REGISTRY_TEXT - n, "%ssb%02ld", n ? ", " : "", number);
        p = end + strspn(end, ", ");
    }
}
