/* A folder of small files that stand for sub-bands, and what ingest makes of it. */
#ifndef TEST_INGEST_CASE_H
#define TEST_INGEST_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contimg/ingest.h"
#include "registry_case.h"

#include <fcntl.h>
#include <math.h>

#define OK(expression) assert_ok((expression), #expression)
static inline void assert_ok(ci_status status, const char *what)
{
    if (status != CI_OK) fail_msg("%s: %s: %s", what, ci_status_name(status), ci_error_text());
}

/* Stands for a header: "first dec band" as text. Any other content is not UVH5. */
static inline ci_status fake_summary(ci_uvh5_summary *out, const char *path)
{
    double unix_s, dec_deg;
    int band, n_antenna;
    FILE *file = fopen(path, "r");
    if (!file) return ci_error(CI_ERR_IO, "%s: gone", path);
    int n = fscanf(file, "uvh5 %lf %lf %d %d", &unix_s, &dec_deg, &band, &n_antenna);
    fclose(file);
    if (n != 4) return ci_error(CI_ERR_INPUT, "%s: not UVH5", path);
    memset(out, 0, sizeof *out);
    out->first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s);
    out->interval_s = 12.885;
    out->n_time = 24;
    out->last_time_mjd_s = out->first_time_mjd_s + 23 * 12.885;
    out->n_chan = 48;
    out->n_pol = 2;
    out->n_antenna = (size_t)n_antenna;
    out->freq_high_hz = 1498.643e6 - 11.71875e6 * band;
    out->freq_low_hz = out->freq_high_hz - 47 * 244140.625;
    out->dec_rad = dec_deg * CI_DEG_TO_RAD;
    out->dec_known = true;
    return CI_OK;
}

typedef struct ingest_case
{
    registry_case c;
    char in[300];
    ci_registry *registry;
    ci_ingest_options options;
    ci_ingest_report report;
} ingest_case;

static inline int ingest_begin(void **state)
{
    ingest_case *t = calloc(1, sizeof *t);
    if (!t) return -1;
    *state = t;
    case_new(&t->c);
    snprintf(t->in, sizeof t->in, "%s/incoming", t->c.folder);
    ci_ingest_options_default(&t->options);
    t->options.summary = fake_summary;
    if (ci_path_make_folder(t->in) != CI_OK) return -1;
    return ci_registry_open(&t->registry, &t->c.paths, &t->c.options) == CI_OK ? 0 : -1;
}

static inline int ingest_end(void **state)
{
    ingest_case *t = *state;
    ci_registry_close(t->registry);
    case_end(&t->c);
    free(t);
    return 0;
}

#define INGEST_TEST(function) cmocka_unit_test_setup_teardown(function, ingest_begin, ingest_end)

static inline void set_mtime(const char *path, double unix_s)
{
    struct timespec times[2] = {{(time_t)unix_s, 0}, {(time_t)unix_s, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A sub-band of the tile that begins at `first`; its name is off by `jitter` seconds. */
static inline void file_make(ingest_case *t, double first, int band, double jitter, double mtime)
{
    char path[400], text[100], stamp[32];
    ci_time_iso(stamp, ci_time_mjd_s_from_unix(first + jitter), 0, false);
    snprintf(path, sizeof path, "%s/%s_sb%02d.hdf5", t->in, stamp, band);
    snprintf(text, sizeof text, "uvh5 %.6f 16.15 %d 96\n", first, band);
    OK(ci_file_write(path, text, strlen(text)));
    set_mtime(path, mtime);
}

static inline void tile_make(ingest_case *t, double first, int n_band, double mtime)
{
    for (int band = 0; band < n_band; band++)
        file_make(t, first, band, 0, mtime);
}

static inline void scan(ingest_case *t)
{
    OK(ci_ingest_scan(t->registry, t->in, &t->options, &t->report));
}

static inline ci_registry_work_state state_of(ingest_case *t, double first,
                                              ci_registry_observation *copy)
{
    char id[32];
    ci_registry_observations *list;
    ci_time_iso(id, ci_time_mjd_s_from_unix(first), 0, false);
    OK(ci_registry_observation_get(t->registry, id, &list));
    if (list->n != 1) fail_msg("%s: no such observation", id);
    ci_registry_work_state state = list->item[0].state;
    if (copy) {
        *copy = list->item[0];
        copy->error = NULL;
    }
    ci_registry_observations_free(list);
    return state;
}

static inline ci_registry_groups *groups_of(ingest_case *t)
{
    ci_registry_groups *groups;
    OK(ci_registry_groups_read(t->registry, &groups));
    return groups;
}

static inline void write_text(ingest_case *t, const char *name, const char *text, size_t n,
                              double mtime)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", t->in, name);
    OK(ci_file_write(path, text, n));
    set_mtime(path, mtime);
}

#endif
