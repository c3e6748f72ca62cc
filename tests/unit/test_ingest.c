/* ingest: observations and mosaic groups from folders of small files.
 * ci-test: timeout=180 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contimg/ingest.h"
#include "registry_case.h"

#include <fcntl.h>
#include <math.h>
#include <sys/wait.h>

#define OK(expression) assert_ok((expression), #expression)
static void assert_ok(ci_status status, const char *what)
{
    if (status != CI_OK) fail_msg("%s: %s: %s", what, ci_status_name(status), ci_error_text());
}

/* ---- a sky of small files ------------------------------------------------------------------ */

/* Stands for a header: "first dec band" as text. Any other content is not UVH5. */
static ci_status fake_summary(ci_uvh5_summary *out, const char *path)
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

static void ingest_new(ingest_case *t)
{
    case_new(&t->c);
    snprintf(t->in, sizeof t->in, "%s/incoming", t->c.folder);
    OK(ci_path_make_folder(t->in));
    OK(ci_registry_open(&t->registry, &t->c.paths, &t->c.options));
    ci_ingest_options_default(&t->options);
    t->options.summary = fake_summary;
}

static void ingest_end(ingest_case *t)
{
    ci_registry_close(t->registry);
    case_end(&t->c);
}

static void set_mtime(const char *path, double unix_s)
{
    struct timespec times[2] = {{(time_t)unix_s, 0}, {(time_t)unix_s, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A sub-band of the tile that begins at `first`; its name is off by `jitter` seconds. */
static void file_make(ingest_case *t, double first, int band, double jitter, double mtime)
{
    char path[400], text[100], stamp[32];
    ci_time_iso(stamp, ci_time_mjd_s_from_unix(first + jitter), 0, false);
    snprintf(path, sizeof path, "%s/%s_sb%02d.hdf5", t->in, stamp, band);
    snprintf(text, sizeof text, "uvh5 %.6f 16.15 %d 96\n", first, band);
    OK(ci_file_write(path, text, strlen(text)));
    set_mtime(path, mtime);
}

static void tile_make(ingest_case *t, double first, int n_band, double mtime)
{
    for (int band = 0; band < n_band; band++)
        file_make(t, first, band, 0, mtime);
}

static void scan(ingest_case *t)
{
    OK(ci_ingest_scan(t->registry, t->in, &t->options, &t->report));
}

static ci_registry_work_state state_of(ingest_case *t, double first, ci_registry_observation *copy)
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

static ci_registry_groups *groups_of(ingest_case *t)
{
    ci_registry_groups *groups;
    OK(ci_registry_groups_read(t->registry, &groups));
    return groups;
}

/* ---- observations ---------------------------------------------------------------------------- */

/* A group whose 16 names differ by seconds never completes: it does here. */
static void test_jittered_names(void **state)
{
    (void)state;
    ingest_case t;
    ci_registry_files *files;
    ci_registry_observation o;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    for (int tile = 0; tile < 2; tile++)
        for (int band = 0; band < 16; band++)
            file_make(&t, now + 309 * tile, 15 - band, band % 10, now + 309 * tile);
    t.c.clock.unix_s += 700;
    scan(&t);
    assert_int_equal(t.report.n_complete, 2);
    assert_int_equal(state_of(&t, now, &o), CI_WORK_PENDING);
    assert_true(o.is_ready && !o.is_degraded && o.n_present == 16);
    assert_int_equal(state_of(&t, now + 309, NULL), CI_WORK_PENDING);
    OK(ci_registry_files_read(t.registry, &files, "2026-01-25T00:00:00"));
    assert_int_equal(files->n, 16);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(files->item[i].sub_band, i);
        assert_int_equal(files->item[i].state, CI_FILE_USED);
        if (i) assert_true(files->item[i].freq_low_hz < files->item[i - 1].freq_low_hz);
    }
    ci_registry_files_free(files);
    /* Nothing new: nothing happens. */
    scan(&t);
    assert_int_equal(t.report.n_new + t.report.n_complete, 0);
    assert_int_equal(t.report.n_known, 32);
    ingest_end(&t);
}

static void test_short(void **state)
{
    (void)state;
    ingest_case t;
    ci_registry_observation o;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    for (int band = 0; band < 16; band++) {
        if (band != 3 && band != 7) file_make(&t, now, band, 0, now);
        if (band < 11) file_make(&t, now + 309, band, 0, now);
    }
    t.c.clock.unix_s = now + 599;
    scan(&t);
    assert_int_equal(state_of(&t, now, &o), CI_WORK_COLLECTING);
    assert_false(o.is_ready);
    t.c.clock.unix_s = now + 601;
    OK(ci_ingest_advance(t.registry, &t.options, &t.report));
    assert_int_equal(t.report.n_degraded, 1);
    assert_int_equal(t.report.n_failed, 1);
    /* Counts as collecting until it is imaged, and may be. */
    assert_int_equal(state_of(&t, now, &o), CI_WORK_COLLECTING);
    assert_true(o.is_ready && o.is_degraded);
    assert_string_equal(o.missing, "3, 7");
    assert_int_equal(state_of(&t, now + 309, &o), CI_WORK_FAILED);
    assert_string_equal(o.missing, "11, 12, 13, 14, 15");
    /* What comes now is late, is shown, and opens nothing again. */
    file_make(&t, now, 3, 0, now + 601);
    file_make(&t, now + 309, 11, 0, now + 601);
    file_make(&t, now, 0, 5, now + 601); /* the same sub-band under another name */
    t.c.clock.unix_s = now + 620;
    scan(&t);
    assert_int_equal(t.report.n_by_state[CI_FILE_LATE], 2);
    assert_int_equal(t.report.n_by_state[CI_FILE_DUPLICATE], 1);
    assert_int_equal(state_of(&t, now, &o), CI_WORK_COLLECTING);
    assert_int_equal(o.n_present, 14);
    assert_int_equal(state_of(&t, now + 309, &o), CI_WORK_FAILED);
    assert_int_equal(o.n_present, 11);
    ingest_end(&t);
}

static void write_text(ingest_case *t, const char *name, const char *text, size_t n, double mtime)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", t->in, name);
    OK(ci_file_write(path, text, n));
    set_mtime(path, mtime);
}

static void test_file_states(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    char name[400], again[400];
    /* An HDF5 superblock (version 0) that says 4096 bytes, with 100 there. */
    char head[100] = "\x89HDF\r\n\x1a\n";
    head[13] = 8;
    head[41] = 0x10;
    write_text(&t, "2026-01-25T00:00:00_sb00.hdf5", head, sizeof head, now - 100);
    write_text(&t, "2026-01-25T00:00:00_sb01.hdf5", "", 0, now - 100);
    write_text(&t, "2026-01-25T00:00:00_sb02_incomplete.hdf5", "uvh5", 4, now - 100);
    write_text(&t, "2026-01-25T00:00:00_sb03.hdf5", "rubbish", 7, now - 100);
    write_text(&t, "2026-01-25T00:00:00_sb04.hdf5", "uvh5 1", 6, now - 3);
    write_text(&t, "notes.txt", "x", 1, now - 100);
    scan(&t);
    assert_int_equal(t.report.n_file, 5);
    assert_int_equal(t.report.n_by_state[CI_FILE_TRUNCATED], 1);
    assert_int_equal(t.report.n_by_state[CI_FILE_EMPTY], 1);
    assert_int_equal(t.report.n_by_state[CI_FILE_INCOMPLETE], 1);
    assert_int_equal(t.report.n_by_state[CI_FILE_CORRUPT], 1);
    assert_int_equal(t.report.n_by_state[CI_FILE_GROWING], 1);
    /* Each that becomes whole is taken: renamed, filled, copied again, at rest. */
    snprintf(name, sizeof name, "%s/2026-01-25T00:00:00_sb02_incomplete.hdf5", t.in);
    snprintf(again, sizeof again, "%s/2026-01-25T00:00:00_sb02.hdf5", t.in);
    assert_int_equal(rename(name, again), 0);
    for (int band = 0; band < 5; band++)
        file_make(&t, now, band, 0, now + 1);
    t.c.clock.unix_s += 20;
    scan(&t);
    assert_int_equal(t.report.n_by_state[CI_FILE_USED], 5);
    ci_registry_files *files;
    OK(ci_registry_files_unsettled(t.registry, &files));
    assert_int_equal(files->n, 0); /* the _incomplete name is gone */
    ci_registry_files_free(files);
    /* A file that stands still under our clock, whatever its own says (another machine's). */
    file_make(&t, now, 5, 0, now + 7200);
    scan(&t);
    assert_int_equal(t.report.n_by_state[CI_FILE_GROWING], 1);
    t.c.clock.unix_s += 11;
    scan(&t);
    assert_int_equal(t.report.n_by_state[CI_FILE_USED], 1);
    /* Of another array: not mixed in. */
    write_text(&t, "2026-01-25T00:00:00_sb06.hdf5", "uvh5 1769299200 16.15 6 64", 26, now);
    scan(&t);
    assert_int_equal(t.report.n_by_state[CI_FILE_CORRUPT], 1);
    ingest_end(&t);
}

/* An observation waits while a file of it, by its name, still grows. */
static void test_waits_for_growing(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    tile_make(&t, now, 13, now);
    t.c.clock.unix_s = now + 500;
    write_text(&t, "2026-01-25T00:00:04_sb13_incomplete.hdf5", "uvh5", 4, now + 499);
    scan(&t);
    t.c.clock.unix_s = now + 700;
    scan(&t);
    ci_registry_observation o;
    state_of(&t, now, &o);
    assert_false(o.is_ready);
    t.c.clock.unix_s = now + 1101; /* and it stopped growing 600 s ago */
    scan(&t);
    state_of(&t, now, &o);
    assert_true(o.is_ready && o.is_degraded);
    ingest_end(&t);
}

/* Old files beside a database that was just migrated: passed over, counted, unless asked. */
static void test_passed_over(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    tile_make(&t, now - 86400, 16, now - 86400);
    tile_make(&t, now, 16, now);
    t.c.clock.unix_s += 100;
    t.options.since_unix_s = now - 3600;
    scan(&t);
    assert_int_equal(t.report.n_passed_over, 16);
    assert_int_equal(t.report.n_complete, 1);
    t.options.since_unix_s = NAN; /* a new database: all */
    scan(&t);
    assert_int_equal(t.report.n_passed_over, 0);
    assert_int_equal(t.report.n_complete, 1);
    ingest_end(&t);
}

static void test_folders(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    scan(&t); /* empty: fine */
    assert_int_equal(t.report.n_file, 0);
    assert_int_equal(ci_ingest_scan(t.registry, "/no/such", &t.options, &t.report), CI_ERR_INPUT);
    ingest_end(&t);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void test_windows(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    /* A night of 25 tiles, all there already. */
    for (int i = 0; i < 25; i++)
        tile_make(&t, now + 309 * i, 16, now + 309 * i);
    t.c.clock.unix_s = now + 309 * 25;
    scan(&t);
    assert_int_equal(t.report.n_complete, 25);
    ci_registry_groups *g = groups_of(&t);
    assert_int_equal(g->n, 2);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(g->item[k].n_member, 10);
        assert_string_equal(g->item[k].closed_by, "full");
        assert_int_equal(g->item[k].n_min_tiles, 8);
        for (int i = 0; i < 10; i++) {
            assert_true(fabs(g->item[k].member[i].first_time_mjd_s -
                             ci_time_mjd_s_from_unix(now + 309 * (8 * k + i))) < 1e-3);
            assert_int_equal(g->item[k].member[i].role,
                             k == 1 && i < 2 ? CI_ROLE_OVERLAP : CI_ROLE_NEW);
            assert_int_equal(g->item[k].member[i].n_path, 16);
        }
        /* Ascending in frequency: the last sub-band first. */
        assert_non_null(strstr(g->item[k].member[0].path[0], "_sb15"));
    }
    ci_registry_groups_free(g);
    /* Nothing more for 15 minutes: tiles 19 to 25, with their overlap, are a group too. */
    t.c.clock.unix_s = now + 309 * 24 + 899;
    scan(&t);
    assert_int_equal(t.report.n_group, 0);
    t.c.clock.unix_s = now + 309 * 24 + 901;
    scan(&t);
    assert_int_equal(t.report.n_group, 1);
    g = groups_of(&t);
    assert_int_equal(g->n, 3);
    assert_int_equal(g->item[2].n_member, 9);
    assert_string_equal(g->item[2].closed_by, "silence");
    assert_int_equal(g->item[2].n_min_tiles, 3);
    assert_true(g->item[2].is_early);
    ci_registry_groups_free(g);
    /* Every observation is new once. */
    scan(&t);
    assert_int_equal(t.report.n_group, 0);
    ingest_end(&t);
}

/* The oldest ten blocks with one gap at their head block everything after: not here. */
static void test_gap_at_head(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    tile_make(&t, now, 16, now);
    for (int i = 0; i < 10; i++)
        tile_make(&t, now + 3600 + 309 * i, 16, now + 3600 + 309 * i);
    t.c.clock.unix_s = now + 3600 + 3090 + 30;
    scan(&t);
    ci_registry_groups *g = groups_of(&t);
    assert_int_equal(g->n, 2);
    /* One tile is no mosaic: said, as a state. */
    assert_int_equal(g->item[0].n_member, 1);
    assert_int_equal(g->item[0].state, CI_WORK_FAILED);
    assert_string_equal(g->item[0].closed_by, "gap");
    assert_non_null(strstr(g->item[0].error, "3 needed"));
    assert_int_equal(g->item[1].n_member, 10);
    assert_int_equal(g->item[1].state, CI_WORK_PENDING);
    assert_int_equal(g->item[1].member[0].role, CI_ROLE_NEW);
    ci_registry_groups_free(g);
    ingest_end(&t);
}

/* An hour's gap between observations 5 and 6: a group of 5, the next without overlap. */
static void test_gap_in_the_middle(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    for (int i = 0; i < 8; i++)
        tile_make(&t, now + 309 * i + (i < 5 ? 0 : 3600), 16, now);
    t.c.clock.unix_s = now + 60; /* long before any silence */
    scan(&t);
    ci_registry_groups *g = groups_of(&t);
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_member, 5);
    assert_true(g->item[0].is_early);
    assert_int_equal(g->item[0].state, CI_WORK_PENDING);
    ci_registry_groups_free(g);
    t.c.clock.unix_s = now + 1000;
    scan(&t);
    g = groups_of(&t);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->item[1].n_member, 3);
    assert_int_equal(g->item[1].member[0].role, CI_ROLE_NEW);
    ci_registry_groups_free(g);
    ingest_end(&t);
}

/* --group-size 12: a span of 60 minutes passes, 61 does not. */
static void test_span(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        ingest_case t;
        ingest_new(&t);
        double now = t.c.clock.unix_s, step = k == 0 ? 3600.0 / 11 : 3660.0 / 11;
        t.options.group_size = 12;
        for (int i = 0; i < 12; i++)
            tile_make(&t, now + step * i, 16, now);
        t.c.clock.unix_s = now + 60;
        scan(&t);
        ci_registry_groups *g = groups_of(&t);
        assert_int_equal(g->n, 1);
        assert_int_equal(g->item[0].n_member, k == 0 ? 12 : 11);
        assert_string_equal(g->item[0].closed_by, k == 0 ? "full" : "span");
        ci_registry_groups_free(g);
        ingest_end(&t);
    }
}

static void test_declination_step(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    for (int i = 0; i < 6; i++) {
        for (int band = 0; band < 16; band++) {
            char name[64], text[100], stamp[32];
            ci_time_iso(stamp, ci_time_mjd_s_from_unix(now + 309 * i), 0, false);
            snprintf(name, sizeof name, "%s_sb%02d.hdf5", stamp, band);
            snprintf(text, sizeof text, "uvh5 %.6f %f %d 96\n", now + 309 * i,
                     i < 3 ? 16.15 : 16.27, band);
            write_text(&t, name, text, strlen(text), now);
        }
    }
    t.c.clock.unix_s = now + 1000;
    scan(&t);
    ci_registry_groups *g = groups_of(&t);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->item[0].n_member, 3);
    assert_string_equal(g->item[0].closed_by, "declination");
    assert_int_equal(g->item[1].n_member, 3);
    ci_registry_groups_free(g);
    ingest_end(&t);
}

/* A hole keeps its place: 8 of 10 are enough, 7 are not. */
static void test_holes(void **state)
{
    (void)state;
    for (int n_hole = 2; n_hole <= 3; n_hole++) {
        ingest_case t;
        ingest_new(&t);
        double now = t.c.clock.unix_s;
        for (int i = 0; i < 10; i++)
            tile_make(&t, now + 309 * i, i >= 3 && i < 3 + n_hole ? 5 : 16, now);
        t.c.clock.unix_s = now + 601;
        scan(&t);
        ci_registry_groups *g = groups_of(&t);
        assert_int_equal(g->n, 1);
        assert_int_equal(g->item[0].n_member, 10);
        assert_int_equal(g->item[0].member[3].state, CI_WORK_FAILED);
        assert_int_equal(g->item[0].state, n_hole == 2 ? CI_WORK_PENDING : CI_WORK_FAILED);
        ci_registry_groups_free(g);
        ingest_end(&t);
    }
}

/* One that came when its group was closed already finds a group of its own. */
static void test_late_observation(void **state)
{
    (void)state;
    ingest_case t;
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    for (int i = 0; i < 9; i++)
        if (i != 4) tile_make(&t, now + 309 * i, 16, now);
    t.c.clock.unix_s = now + 60;
    scan(&t);
    ci_registry_groups *g = groups_of(&t);
    assert_int_equal(g->n, 1); /* 0 to 3; 5 to 8 wait */
    ci_registry_groups_free(g);
    tile_make(&t, now + 309 * 4, 16, now + 61);
    t.c.clock.unix_s = now + 1000;
    scan(&t);
    g = groups_of(&t);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->item[1].n_member, 7); /* 2 and 3 again, then 4 to 8 */
    assert_int_equal(g->item[1].member[1].role, CI_ROLE_OVERLAP);
    assert_int_equal(g->item[1].member[2].role, CI_ROLE_NEW);
    ci_registry_groups_free(g);
    ingest_end(&t);
}

/* Eight processes scan while files arrive: every observation and group once. */
static void test_eight_scanners(void **state)
{
    (void)state;
    ingest_case t;
    enum
    {
        n_process = 8,
        n_tile = 26
    };
    pid_t pids[n_process];
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    ci_registry_close(t.registry);
    t.c.clock.unix_s = now + 3600;
    for (int p = 0; p < n_process; p++) {
        pids[p] = fork();
        if (pids[p] != 0) continue;
        if (ci_registry_open(&t.registry, &t.c.paths, &t.c.options) != CI_OK) _exit(2);
        for (int k = 0; k < 12; k++) {
            ci_status status = ci_ingest_scan(t.registry, t.in, &t.options, &t.report);
            if (status != CI_OK) {
                fprintf(stderr, "scan: %s\n", ci_error_text());
                _exit(1);
            }
            usleep(20000);
        }
        ci_registry_close(t.registry);
        _exit(0);
    }
    for (int i = 0; i < n_tile; i++)
        for (int band = 0; band < 16; band++) {
            /* Written under another name and renamed, as arriving files are. */
            char path[400], final[420], text[100], stamp[32];
            ci_time_iso(stamp, ci_time_mjd_s_from_unix(now + 309 * i), 0, false);
            snprintf(path, sizeof path, "%s/.%s_sb%02d.tmp", t.in, stamp, band);
            snprintf(final, sizeof final, "%s/%s_sb%02d.hdf5", t.in, stamp, band);
            snprintf(text, sizeof text, "uvh5 %.6f 16.15 %d 96\n", now + 309 * i, band);
            OK(ci_file_write(path, text, strlen(text)));
            set_mtime(path, now + 3500);
            assert_int_equal(rename(path, final), 0);
            usleep(500);
        }
    for (int p = 0; p < n_process; p++) {
        int result;
        waitpid(pids[p], &result, 0);
        assert_int_equal(result, 0);
    }
    OK(ci_registry_open(&t.registry, &t.c.paths, &t.c.options));
    scan(&t);
    ci_registry_observations *all;
    OK(ci_registry_observations_read(t.registry, &all, NAN, NAN, false));
    assert_int_equal(all->n, n_tile);
    for (size_t i = 0; i < all->n; i++)
        assert_int_equal(all->item[i].n_present, 16);
    ci_registry_observations_free(all);
    ci_registry_groups *g = groups_of(&t);
    assert_int_equal(g->n, 3);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(g->item[k].n_member, 10);
    ci_registry_groups_free(g);
    OK(ci_registry_verify(t.registry, CI_DB_INGEST));
    ingest_end(&t);
}

/* ---- files named by a person ----------------------------------------------------------------- */

static void test_named(void **state)
{
    (void)state;
    ingest_case t;
    ci_registry_groups *g;
    static char paths[20][400];
    const char *names[20];
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    for (int i = 0; i < 10; i++) {
        char stamp[32];
        int tile = i / 5, band = i % 5;
        file_make(&t, now + 309 * tile, band, 0, now);
        ci_time_iso(stamp, ci_time_mjd_s_from_unix(now + 309 * tile), 0, false);
        snprintf(paths[i], sizeof paths[i], "%s/%s_sb%02d.hdf5", t.in, stamp, band);
        names[9 - i] = paths[i]; /* any order */
    }
    OK(ci_ingest_named(t.registry, names, 10, &t.options, &g));
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_member, 2);
    assert_true(g->item[0].is_named);
    assert_int_equal(g->item[0].n_min_tiles, 1);
    assert_int_equal(g->item[0].member[0].n_path, 5);
    assert_non_null(strstr(g->item[0].member[0].path[0], "_sb04"));
    assert_false(g->item[0].member[0].is_degraded);
    char id[CI_REGISTRY_ID];
    snprintf(id, sizeof id, "%s", g->item[0].id);
    ci_registry_groups_free(g);
    /* Again: the same group. */
    OK(ci_ingest_named(t.registry, names, 10, &t.options, &g));
    assert_string_equal(g->item[0].id, id);
    ci_registry_groups_free(g);
    /* A hole in the band is seen without being told how many there should be. */
    OK(ci_ingest_named(t.registry, (const char *[]){paths[0], paths[1], paths[4]}, 3, &t.options,
                       &g));
    assert_int_equal(g->item[0].member[0].n_path, 3);
    assert_true(g->item[0].member[0].is_degraded);
    ci_registry_groups_free(g);
    /* Sorted without a database: the same order. */
    t.options.named_accept_incomplete = false;
    assert_int_equal(ci_ingest_named(t.registry, names, 10, &t.options, &g), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "5 of 16"));
    t.options.n_expected = 6; /* 5 of 6 do, degraded */
    OK(ci_ingest_named(t.registry, names, 10, &t.options, &g));
    assert_true(g->item[0].member[0].is_degraded);
    ci_registry_groups_free(g);
    ingest_end(&t);
}

static void test_named_refused(void **state)
{
    (void)state;
    ingest_case t;
    ci_registry_groups *g;
    char a[400], b[400], c[400], d[400];
    ingest_new(&t);
    double now = t.c.clock.unix_s;
    file_make(&t, now, 0, 0, now);
    file_make(&t, now, 0, 5, now);
    snprintf(a, sizeof a, "%s/2026-01-25T00:00:00_sb00.hdf5", t.in);
    snprintf(b, sizeof b, "%s/2026-01-25T00:00:05_sb00.hdf5", t.in);
    write_text(&t, "x_incomplete.hdf5", "uvh5 1 1 1 1", 12, now);
    snprintf(c, sizeof c, "%s/x_incomplete.hdf5", t.in);
    write_text(&t, "y.hdf5", "uvh5 1769299200 16.15 3 64", 26, now);
    snprintf(d, sizeof d, "%s/y.hdf5", t.in);
    const char *const wrong[][2] = {
        {a, "/no/such.hdf5"}, {a, a}, {a, b}, {a, c}, {a, d}, {a, t.in}};
    const char *const words[] = {"No such file",       "twice",     "same sub-band", "_incomplete",
                                 "number of antennas", "not a file"};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(ci_ingest_named(t.registry, wrong[i], 2, &t.options, &g), CI_ERR_INPUT);
        if (!strstr(ci_error_text(), words[i])) fail_msg("%d: %s", i, ci_error_text());
        assert_null(g);
    }
    ci_registry_observations *all;
    OK(ci_registry_observations_read(t.registry, &all, NAN, NAN, true));
    assert_int_equal(all->n, 0); /* nothing half-done */
    ci_registry_observations_free(all);
    ingest_end(&t);
}

/* The real reader on files in DSA-110's layout. */
static void test_real_files(void **state)
{
    (void)state;
    const char *data = getenv("CONTIMG_TEST_DATA"), *source = getenv("CONTIMG_SOURCE");
    char folder[400];
    if (data)
        snprintf(folder, sizeof folder, "%s/synthetic/dsa110_like", data);
    else
        snprintf(folder, sizeof folder, "%s/../shared/data/synthetic/dsa110_like",
                 source ? source : ".");
    if (!ci_path_is_folder(folder)) {
        print_message("skipped: no %s (CONTIMG_TEST_DATA)\n", folder);
        skip();
    }
    ingest_case t;
    ingest_new(&t);
    t.options.summary = NULL;
    t.options.n_expected = 2;
    t.c.clock.unix_s = ci_clock_unix_s() + 1000;
    OK(ci_ingest_scan(t.registry, folder, &t.options, &t.report));
    assert_int_equal(t.report.n_file, 2);
    assert_int_equal(t.report.n_complete, 1);
    ci_registry_observations *all;
    OK(ci_registry_observations_read(t.registry, &all, NAN, NAN, false));
    assert_int_equal(all->n, 1);
    assert_true(all->item[0].dec_known);
    assert_int_equal(all->item[0].n_present, 2);
    ci_registry_observations_free(all);
    ingest_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jittered_names),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_file_states),
        cmocka_unit_test(test_waits_for_growing),
        cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_gap_at_head),
        cmocka_unit_test(test_gap_in_the_middle),
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_declination_step),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_late_observation),
        cmocka_unit_test(test_eight_scanners),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_named_refused),
        cmocka_unit_test(test_real_files),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
