/* ingest: files and observations, from folders of small files.
 * ci-test: timeout=300 */
#include "ingest_case.h"

/* A group whose 16 names differ by seconds never completes: it does here. */
static void test_names_that_differ_by_seconds(void **state)
{
    ingest_case *t = *state;
    ci_registry_files *files;
    ci_registry_observation o;
    double now = t->c.clock.unix_s;
    for (int tile = 0; tile < 2; tile++)
        for (int band = 0; band < 16; band++)
            file_make(t, now + 309 * tile, 15 - band, band % 10, now + 309 * tile);
    t->c.clock.unix_s += 700;
    scan(t);
    assert_int_equal(t->report.n_complete, 2);
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_PENDING);
    assert_true(o.is_ready && !o.is_degraded && o.n_present == 16);
    assert_int_equal(state_of(t, now + 309, NULL), CI_REGISTRY_WORK_PENDING);
    OK(ci_registry_files_read(t->registry, &files, "2026-01-25T00:00:00"));
    assert_int_equal(files->n, 16);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(files->item[i].sub_band, i);
        assert_int_equal(files->item[i].state, CI_REGISTRY_FILE_USED);
        if (i) assert_true(files->item[i].freq_low_hz < files->item[i - 1].freq_low_hz);
    }
    ci_registry_files_free(files);
}

static void test_nothing_new(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    tile_make(t, now, 16, now);
    tile_make(t, now + 309, 16, now);
    t->c.clock.unix_s += 700;
    scan(t);
    scan(t);
    assert_int_equal(t->report.n_new + t->report.n_complete, 0);
    assert_int_equal(t->report.n_known, 32);
}

/* 14 sub-bands of 16 now, 11 of 16 a tile later; 0 to 599 s after the last file. */
static void make_short(ingest_case *t, double now)
{
    for (int band = 0; band < 16; band++) {
        if (band != 3 && band != 7) file_make(t, now, band, 0, now);
        if (band < 11) file_make(t, now + 309, band, 0, now);
    }
    t->c.clock.unix_s = now + 599;
    scan(t);
}

static void test_short_waits(void **state)
{
    ingest_case *t = *state;
    ci_registry_observation o;
    double now = t->c.clock.unix_s;
    make_short(t, now);
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_COLLECTING);
    assert_false(o.is_ready);
    assert_string_equal(o.missing, "3, 7"); /* while they are awaited */
}

static void test_sub_bands_text(void **state)
{
    (void)state;
    char text[2 * CI_REGISTRY_TEXT];
    ci_ingest_sub_bands_text(text, "");
    assert_string_equal(text, "");
    ci_ingest_sub_bands_text(text, "3, 7, 12, 103");
    assert_string_equal(text, "sb03, sb07, sb12, sb103");
}

static void test_short_is_degraded_or_failed(void **state)
{
    ingest_case *t = *state;
    ci_registry_observation o;
    double now = t->c.clock.unix_s;
    make_short(t, now);
    t->c.clock.unix_s = now + 601;
    OK(ci_ingest_advance(t->registry, &t->options, &t->report));
    assert_int_equal(t->report.n_degraded, 1);
    assert_int_equal(t->report.n_failed, 1);
    /* Counts as collecting until it is imaged, and may be. */
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_COLLECTING);
    assert_true(o.is_ready && o.is_degraded);
    assert_string_equal(o.missing, "3, 7");
    assert_int_equal(state_of(t, now + 309, &o), CI_REGISTRY_WORK_FAILED);
    assert_string_equal(o.missing, "11, 12, 13, 14, 15");
}

/* What comes when an observation is closed is shown, and opens nothing again. */
static void test_late_files(void **state)
{
    ingest_case *t = *state;
    ci_registry_observation o;
    double now = t->c.clock.unix_s;
    make_short(t, now);
    t->c.clock.unix_s = now + 601;
    OK(ci_ingest_advance(t->registry, &t->options, &t->report));
    file_make(t, now, 3, 0, now + 601);
    file_make(t, now + 309, 11, 0, now + 601);
    file_make(t, now, 0, 5, now + 601); /* the same sub-band under another name */
    t->c.clock.unix_s = now + 620;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_LATE], 2);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_DUPLICATE], 1);
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_COLLECTING);
    assert_int_equal(o.n_present, 14);
    assert_int_equal(state_of(t, now + 309, &o), CI_REGISTRY_WORK_FAILED);
    assert_int_equal(o.n_present, 11);
}

/* Asked for by a person they are taken in: an observation that failed, and has enough of them now,
 * is to be imaged, and one that was imaged is to be imaged again, with the counts of what they
 * have. */
static void test_late_files_are_taken_by_name(void **state)
{
    ingest_case *t = *state;
    ci_registry_observation o;
    char id[32];
    size_t n = 0;
    double now = t->c.clock.unix_s;
    make_short(t, now);
    t->c.clock.unix_s = now + 601;
    OK(ci_ingest_advance(t->registry, &t->options, &t->report));
    file_make(t, now, 3, 0, now + 601);
    file_make(t, now + 309, 11, 0, now + 601);
    t->c.clock.unix_s = now + 620;
    scan(t);
    ci_time_iso(id, ci_time_mjd_s_from_unix(now + 309), 0, false);
    OK(ci_ingest_take_late(t->registry, id, &t->options, &n));
    assert_int_equal(n, 1);
    assert_int_equal(state_of(t, now + 309, &o), CI_REGISTRY_WORK_PENDING);
    assert_true(o.is_ready && o.is_degraded);
    assert_int_equal(o.n_present, 12);
    assert_string_equal(o.missing, "12, 13, 14, 15");
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_COLLECTING);
    assert_int_equal(o.n_present, 14);
    ci_time_iso(id, ci_time_mjd_s_from_unix(now), 0, false);
    OK(ci_ingest_take_late(t->registry, id, &t->options, &n));
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_PENDING);
    assert_int_equal(o.n_present, 15);
    assert_string_equal(o.missing, "7");
    OK(ci_ingest_take_late(t->registry, id, &t->options, &n));
    assert_int_equal(n, 0);
}

/* Too few still: failed as before, fewer are missing. One that is gone is not taken. */
static void test_late_files_that_are_too_few(void **state)
{
    ingest_case *t = *state;
    ci_registry_observation o;
    char id[32], path[400];
    size_t n = 0;
    double now = t->c.clock.unix_s;
    file_make(t, now, 0, 0, now);
    t->c.clock.unix_s = now + 601;
    scan(t);
    file_make(t, now, 1, 0, now + 601);
    file_make(t, now, 2, 0, now + 601);
    t->c.clock.unix_s = now + 620;
    scan(t);
    ci_time_iso(id, ci_time_mjd_s_from_unix(now), 0, false);
    snprintf(path, sizeof path, "%s/%s_sb02.hdf5", t->in, id);
    assert_int_equal(unlink(path), 0);
    OK(ci_ingest_take_late(t->registry, id, &t->options, &n));
    assert_int_equal(n, 1);
    assert_int_equal(state_of(t, now, &o), CI_REGISTRY_WORK_FAILED);
    assert_false(o.is_ready || o.is_degraded);
    assert_int_equal(o.n_present, 2);
    assert_non_null(strstr(o.missing, "2, 3, "));
}

/* One file of each state. */
static void make_states(ingest_case *t, double now)
{
    /* An HDF5 superblock (version 0) that says 4096 bytes, with 100 there. */
    char head[100] = "\x89HDF\r\n\x1a\n";
    head[13] = 8;
    head[41] = 0x10;
    write_text(t, "2026-01-25T00:00:00_sb00.hdf5", head, sizeof head, now - 100);
    write_text(t, "2026-01-25T00:00:00_sb01.hdf5", "", 0, now - 100);
    write_text(t, "2026-01-25T00:00:00_sb02_incomplete.hdf5", "uvh5", 4, now - 100);
    write_text(t, "2026-01-25T00:00:00_sb03.hdf5", "rubbish", 7, now - 100);
    write_text(t, "2026-01-25T00:00:00_sb04.hdf5", "uvh5 1", 6, now - 3);
    write_text(t, "notes.txt", "x", 1, now - 100);
}

static void test_file_states(void **state)
{
    ingest_case *t = *state;
    make_states(t, t->c.clock.unix_s);
    scan(t);
    assert_int_equal(t->report.n_file, 5);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_TRUNCATED], 1);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_EMPTY], 1);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_INCOMPLETE], 1);
    /* One was just written, and one is read again before it counts as corrupt. */
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_GROWING], 2);
}

/* What cannot be read as UVH5 counts as corrupt when it is so twice, a minute apart. */
static void test_corrupt_is_read_twice(void **state)
{
    ingest_case *t = *state;
    write_text(t, "2026-01-25T00:00:00_sb03.hdf5", "rubbish", 7, t->c.clock.unix_s - 100);
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_GROWING], 1);
    t->c.clock.unix_s += 59;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_CORRUPT], 0);
    t->c.clock.unix_s += 1;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_CORRUPT], 1);
}

/* A file server that fails for a while. */
static ci_status no_summary(ci_uvh5_summary *out, const char *path)
{
    (void)out;
    return ci_error(CI_ERR_IO, "%s: read: Stale file handle", path);
}

/* However often it is read meanwhile, it is no fault of the file. */
static void test_read_error_is_not_corrupt(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    file_make(t, now, 5, 0, now - 100);
    t->options.summary = no_summary;
    for (int i = 0; i < 3; i++, t->c.clock.unix_s += 61) {
        scan(t);
        assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_GROWING], 1);
    }
    t->options.summary = fake_summary;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_USED], 1);
}

/* Each that becomes whole is taken: renamed, filled, copied again, at rest. */
static void test_files_become_whole(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    char name[400], again[400];
    make_states(t, now);
    scan(t);
    snprintf(name, sizeof name, "%s/2026-01-25T00:00:00_sb02_incomplete.hdf5", t->in);
    snprintf(again, sizeof again, "%s/2026-01-25T00:00:00_sb02.hdf5", t->in);
    assert_int_equal(rename(name, again), 0);
    for (int band = 0; band < 5; band++)
        file_make(t, now, band, 0, now + 1);
    t->c.clock.unix_s += 20;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_USED], 5);
    ci_registry_files *files;
    OK(ci_registry_files_unsettled(t->registry, &files));
    assert_int_equal(files->n, 0); /* the _incomplete name is gone */
    ci_registry_files_free(files);
}

/* A file that stands still under our clock, whatever its own says (another machine's). */
static void test_clock_of_another_machine(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    file_make(t, now, 5, 0, now + 7200);
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_GROWING], 1);
    t->c.clock.unix_s += 11;
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_USED], 1);
}

static void test_another_array_is_not_mixed_in(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    file_make(t, now, 5, 0, now - 100);
    scan(t);
    write_text(t, "2026-01-25T00:00:00_sb06.hdf5", "uvh5 1769299200 16.15 6 64", 26, now - 100);
    scan(t);
    assert_int_equal(t->report.n_by_state[CI_REGISTRY_FILE_CORRUPT], 1);
}

/* An observation waits while a file of it, by its name, still grows. */
static void test_waits_for_growing(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    tile_make(t, now, 13, now);
    t->c.clock.unix_s = now + 500;
    write_text(t, "2026-01-25T00:00:04_sb13_incomplete.hdf5", "uvh5", 4, now + 499);
    scan(t);
    t->c.clock.unix_s = now + 700;
    scan(t);
    ci_registry_observation o;
    state_of(t, now, &o);
    assert_false(o.is_ready);
    t->c.clock.unix_s = now + 1101; /* and it stopped growing 600 s ago */
    scan(t);
    state_of(t, now, &o);
    assert_true(o.is_ready && o.is_degraded);
}

/* Old files beside a database that was just migrated: passed over, counted, unless asked. */
static void test_passed_over(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    tile_make(t, now - 86400, 16, now - 86400);
    tile_make(t, now, 16, now);
    t->c.clock.unix_s += 100;
    t->options.since_unix_s = now - 3600;
    scan(t);
    assert_int_equal(t->report.n_passed_over, 16);
    assert_int_equal(t->report.n_complete, 1);
    size_t n = 0;
    OK(ci_ingest_passed_over(t->registry, t->in, &t->options, &n));
    assert_int_equal(n, 16);
    t->options.since_unix_s = NAN; /* a new database: all */
    scan(t);
    OK(ci_ingest_passed_over(t->registry, t->in, &t->options, &n));
    assert_int_equal(n, 0);
    assert_int_equal(t->report.n_passed_over, 0);
    assert_int_equal(t->report.n_complete, 1);
}

/* Databases and reports are UTF-8: a file whose name is not is warned of, and left. */
static void test_name_is_no_text(void **state)
{
    ingest_case *t = *state;
    write_text(t, "2026-01-25T00:00:00_sb\xfc.hdf5", "uvh5 1769299200 16.15 6 96", 26, 1769299200);
    file_make(t, 1769299200, 7, 0, 1769299200);
    size_t n = ci_log_warning_count();
    scan(t);
    assert_int_equal(ci_log_warning_count(), n + 1);
    assert_int_equal(t->report.n_file, 1);
    ci_registry_files *files;
    OK(ci_registry_files_unsettled(t->registry, &files));
    for (size_t i = 0; i < files->n; i++)
        assert_true(ci_str_is_utf8(files->item[i].path));
    ci_registry_files_free(files);
}

static void test_empty_folder(void **state)
{
    ingest_case *t = *state;
    scan(t);
    assert_int_equal(t->report.n_file, 0);
}

static void test_missing_folder(void **state)
{
    ingest_case *t = *state;
    assert_int_equal(ci_ingest_scan(t->registry, "/no/such", &t->options, &t->report),
                     CI_ERR_INPUT);
}

/* The real reader on files in DSA-110's layout. */
static void test_real_files(void **state)
{
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
    ingest_case *t = *state;
    t->options.summary = NULL;
    t->options.n_expected = 2;
    t->c.clock.unix_s = ci_clock_unix_s() + 1000;
    OK(ci_ingest_scan(t->registry, folder, &t->options, &t->report));
    assert_int_equal(t->report.n_file, 2);
    assert_int_equal(t->report.n_complete, 1);
    ci_registry_observations *all;
    OK(ci_registry_observations_read(t->registry, &all, NAN, NAN, false));
    assert_int_equal(all->n, 1);
    assert_true(all->item[0].dec_known);
    assert_int_equal(all->item[0].n_present, 2);
    ci_registry_observations_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_names_that_differ_by_seconds),
        INGEST_TEST(test_nothing_new),
        INGEST_TEST(test_short_waits),
        INGEST_TEST(test_short_is_degraded_or_failed),
        cmocka_unit_test(test_sub_bands_text),
        INGEST_TEST(test_late_files),
        INGEST_TEST(test_late_files_are_taken_by_name),
        INGEST_TEST(test_late_files_that_are_too_few),
        INGEST_TEST(test_file_states),
        INGEST_TEST(test_corrupt_is_read_twice),
        INGEST_TEST(test_read_error_is_not_corrupt),
        INGEST_TEST(test_files_become_whole),
        INGEST_TEST(test_clock_of_another_machine),
        INGEST_TEST(test_another_array_is_not_mixed_in),
        INGEST_TEST(test_waits_for_growing),
        INGEST_TEST(test_passed_over),
        INGEST_TEST(test_name_is_no_text),
        INGEST_TEST(test_empty_folder),
        INGEST_TEST(test_missing_folder),
        INGEST_TEST(test_real_files),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
