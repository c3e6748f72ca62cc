/* ingest: files named by a person, and several scanners at once.
 * ci-test: timeout=300 */
#include "ingest_case.h"

#include <sys/wait.h>

/* Two tiles of five sub-bands, named by a person in any order. */
typedef struct named_files
{
    char path[10][400];
    const char *names[10];
} named_files;

static void make_named(ingest_case *t, named_files *f)
{
    double now = t->c.clock.unix_s;
    for (int i = 0; i < 10; i++) {
        char stamp[32];
        int tile = i / 5, band = i % 5;
        file_make(t, now + 309 * tile, band, 0, now);
        ci_time_iso(stamp, ci_time_mjd_s_from_unix(now + 309 * tile), 0, false);
        snprintf(f->path[i], sizeof f->path[i], "%s/%s_sb%02d.hdf5", t->in, stamp, band);
        f->names[9 - i] = f->path[i];
    }
}

static ci_status take_named(ingest_case *t, const char *const *names, size_t n,
                            ci_registry_groups **out)
{
    ci_ingest_named_files *named = NULL;
    *out = NULL;
    CI_TRY(ci_ingest_named_read(&named, names, n, t->c.clock.unix_s, &t->options));
    ci_status status = ci_ingest_named(t->registry, named, &t->options, out);
    ci_ingest_named_free(named);
    return status;
}

static void test_named_files_are_one_group(void **state)
{
    ingest_case *t = *state;
    named_files f;
    ci_registry_groups *g, *again;
    make_named(t, &f);
    OK(take_named(t, f.names, 10, &g));
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_member, 2);
    assert_true(g->item[0].is_named);
    assert_int_equal(g->item[0].n_min_tiles, 1);
    assert_int_equal(g->item[0].member[0].n_path, 5);
    assert_non_null(strstr(g->item[0].member[0].path[0], "_sb04"));
    assert_false(g->item[0].member[0].is_degraded);
    OK(take_named(t, f.names, 10, &again));
    assert_string_equal(again->item[0].id, g->item[0].id);
    ci_registry_groups_free(again);
    ci_registry_groups_free(g);
}

/* A hole in the band is seen without being told how many there should be. */
static void test_named_with_a_hole(void **state)
{
    ingest_case *t = *state;
    named_files f;
    ci_registry_groups *g;
    make_named(t, &f);
    const char *names[] = {f.path[0], f.path[1], f.path[4]};
    OK(take_named(t, names, 3, &g));
    assert_int_equal(g->item[0].member[0].n_path, 3);
    assert_true(g->item[0].member[0].is_degraded);
    ci_registry_groups_free(g);
}

/* Some of the files of an observation that a scan has closed: the group is DEGRADED, the
 * observation stays as it is. */
static void test_named_part_of_a_closed_one(void **state)
{
    ingest_case *t = *state;
    ci_registry_groups *g;
    ci_registry_observations *all;
    char path[12][400];
    const char *names[12];
    double now = t->c.clock.unix_s;
    tile_make(t, now - 400, 16, now - 400);
    for (int i = 0; i < 3; i++, t->c.clock.unix_s += 60)
        scan(t);
    for (int band = 0; band < 12; band++) {
        char stamp[32];
        ci_time_iso(stamp, ci_time_mjd_s_from_unix(now - 400), 0, false);
        snprintf(path[band], sizeof path[band], "%s/%s_sb%02d.hdf5", t->in, stamp, band);
        names[band] = path[band];
    }
    t->options.named_accept_incomplete = false;
    OK(take_named(t, names, 12, &g));
    OK(ci_registry_observations_read(t->registry, &all, NAN, NAN, false));
    bool in_group = g->item[0].member[0].is_degraded, is_closed = all->item[0].is_ready;
    bool in_row = all->item[0].is_degraded || all->item[0].missing[0];
    ci_registry_groups_free(g);
    ci_registry_observations_free(all);
    assert_true(in_group);
    assert_true(is_closed);
    assert_false(in_row);
}

/* An observation that failed is whole when all its files are named, the late ones too. */
static void test_named_with_late_ones(void **state)
{
    ingest_case *t = *state;
    ci_registry_groups *g;
    ci_registry_observations *all;
    char path[16][400], stamp[32];
    const char *names[16];
    double now = t->c.clock.unix_s;
    ci_time_iso(stamp, ci_time_mjd_s_from_unix(now), 0, false);
    file_make(t, now, 4, 0, now);
    t->c.clock.unix_s = now + 601;
    scan(t);
    for (int band = 0; band < 16; band++) {
        if (band != 4) file_make(t, now, band, 0, now + 601);
        snprintf(path[band], sizeof path[band], "%s/%s_sb%02d.hdf5", t->in, stamp, band);
        names[band] = path[band];
    }
    t->c.clock.unix_s = now + 620;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_LATE], 15);
    t->options.named_accept_incomplete = false;
    OK(take_named(t, names, 16, &g));
    ci_registry_groups_free(g);
    OK(ci_registry_observations_read(t->registry, &all, NAN, NAN, false));
    ci_registry_observation o = all->item[0];
    bool has_error = o.error && *o.error;
    ci_registry_observations_free(all);
    assert_int_equal(o.state, CI_REGISTRY_WORK_PENDING);
    assert_int_equal(o.n_present, 16);
    assert_true(o.is_ready);
    assert_false(o.is_degraded || o.missing[0] || has_error);
}

static void test_named_incomplete(void **state)
{
    ingest_case *t = *state;
    named_files f;
    ci_registry_groups *g;
    make_named(t, &f);
    t->options.named_accept_incomplete = false;
    assert_int_equal(take_named(t, f.names, 10, &g), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "5 of 16"));
    t->options.n_expected = 6; /* 5 of 6 do, degraded */
    OK(take_named(t, f.names, 10, &g));
    assert_true(g->item[0].member[0].is_degraded);
    ci_registry_groups_free(g);
}

static void test_named_refused(void **state)
{
    ingest_case *t = *state;
    ci_registry_groups *g;
    char a[400], b[400], c[400], d[400];
    double now = t->c.clock.unix_s;
    file_make(t, now, 0, 0, now);
    file_make(t, now, 0, 5, now);
    snprintf(a, sizeof a, "%s/2026-01-25T00:00:00_sb00.hdf5", t->in);
    snprintf(b, sizeof b, "%s/2026-01-25T00:00:05_sb00.hdf5", t->in);
    write_text(t, "x_incomplete.hdf5", "uvh5 1 1 1 1", 12, now);
    snprintf(c, sizeof c, "%s/x_incomplete.hdf5", t->in);
    write_text(t, "y.hdf5", "uvh5 1769299200 16.15 3 64", 26, now);
    snprintf(d, sizeof d, "%s/y.hdf5", t->in);
    const char *const wrong[][2] = {
        {a, "/no/such.hdf5"}, {a, a}, {a, b}, {a, c}, {a, d}, {a, t->in}};
    const char *const words[] = {"No such file",       "twice",     "same sub-band", "_incomplete",
                                 "number of antennas", "not a file"};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(take_named(t, wrong[i], 2, &g), CI_ERR_INPUT);
        if (!strstr(ci_error_text(), words[i])) fail_msg("%d: %s", i, ci_error_text());
        assert_null(g);
    }
    ci_registry_observations *all;
    OK(ci_registry_observations_read(t->registry, &all, NAN, NAN, true));
    assert_int_equal(all->n, 0); /* nothing half-done */
    ci_registry_observations_free(all);
}

/* ---- several scanners ------------------------------------------------------------------------ */

/* Scans twelve times; what the process ends with. */
static int scan_often(ingest_case *t)
{
    if (ci_registry_open(&t->registry, &t->c.paths, &t->c.options) != CI_OK) return 2;
    for (int k = 0; k < 12; k++) {
        if (ci_ingest_scan(t->registry, t->in, &t->options, &t->report) != CI_OK) {
            fprintf(stderr, "scan: %s\n", ci_error_text());
            return 1;
        }
        usleep(20000);
    }
    ci_registry_close(t->registry);
    return 0;
}

/* Written under another name and renamed, as arriving files are. */
static void file_arrive(ingest_case *t, double first, int band, double mtime)
{
    char path[400], final[420], text[100], stamp[32];
    ci_time_iso(stamp, ci_time_mjd_s_from_unix(first), 0, false);
    snprintf(path, sizeof path, "%s/.%s_sb%02d.tmp", t->in, stamp, band);
    snprintf(final, sizeof final, "%s/%s_sb%02d.hdf5", t->in, stamp, band);
    snprintf(text, sizeof text, "uvh5 %.6f 16.15 %d 96\n", first, band);
    OK(ci_file_write(path, text, strlen(text)));
    set_mtime(path, mtime);
    assert_int_equal(rename(path, final), 0);
}

enum
{
    N_PROCESS = 8,
    N_TILE = 26
};

/* Scanners while files arrive. */
static void run_scanners(ingest_case *t, double now)
{
    pid_t pids[N_PROCESS];
    ci_registry_close(t->registry);
    t->registry = NULL;
    t->c.clock.unix_s = now + 3600;
    for (int p = 0; p < N_PROCESS; p++) {
        pids[p] = fork();
        if (pids[p] == 0) _exit(scan_often(t));
    }
    for (int i = 0; i < N_TILE; i++)
        for (int band = 0; band < 16; band++) {
            file_arrive(t, now + 309 * i, band, now + 3500);
            usleep(500);
        }
    for (int p = 0; p < N_PROCESS; p++) {
        int result;
        waitpid(pids[p], &result, 0);
        assert_int_equal(result, 0);
    }
    OK(ci_registry_open(&t->registry, &t->c.paths, &t->c.options));
    scan(t);
}

/* Eight processes scan while files arrive: every observation and group once. */
static void test_eight_scanners(void **state)
{
    ingest_case *t = *state;
    run_scanners(t, t->c.clock.unix_s);
    ci_registry_observations *all;
    OK(ci_registry_observations_read(t->registry, &all, NAN, NAN, false));
    assert_int_equal(all->n, N_TILE);
    for (size_t i = 0; i < all->n; i++)
        assert_int_equal(all->item[i].n_present, 16);
    ci_registry_observations_free(all);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 3);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(g->item[k].n_member, 10);
    ci_registry_groups_free(g);
    OK(ci_registry_verify(t->registry, CI_REGISTRY_DB_INGEST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_named_files_are_one_group),
        INGEST_TEST(test_named_with_a_hole),
        INGEST_TEST(test_named_part_of_a_closed_one),
        INGEST_TEST(test_named_with_late_ones),
        INGEST_TEST(test_named_incomplete),
        INGEST_TEST(test_named_refused),
        INGEST_TEST(test_eight_scanners),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
