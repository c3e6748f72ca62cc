/* ingest: mosaic groups of observations: when they close, what they share, holes.
 * ci-test: timeout=300 cost=22 */
#include "ingest_case.h"

/* A night of 25 tiles, all there already. */
static void make_night(ingest_case *t, double now)
{
    for (int i = 0; i < 25; i++)
        tile_make(t, now + 309 * i, 16, now + 309 * i);
    t->c.clock.unix_s = now + 309 * 25;
    scan(t);
}

static void check_full_group(const ci_registry_group *g, double first, int n_overlap)
{
    assert_int_equal(g->n_member, 10);
    assert_string_equal(g->closed_by, "full");
    assert_int_equal(g->n_min_tiles, 8);
    for (int i = 0; i < 10; i++) {
        double time_mjd_s = ci_time_mjd_s_from_unix(first + 309 * i);
        assert_true(fabs(g->member[i].first_time_mjd_s - time_mjd_s) < 1e-3);
        assert_int_equal(g->member[i].role,
                         i < n_overlap ? CI_REGISTRY_ROLE_OVERLAP : CI_REGISTRY_ROLE_NEW);
        assert_int_equal(g->member[i].n_path, 16);
    }
    /* Ascending in frequency: the last sub-band first. */
    assert_non_null(strstr(g->member[0].path[0], "_sb15"));
}

static void test_full_groups_overlap(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    make_night(t, now);
    assert_int_equal(t->report.n_complete, 25);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 2);
    check_full_group(&g->item[0], now, 0);
    check_full_group(&g->item[1], now + 309 * 8, 2);
    ci_registry_groups_free(g);
}

/* Nothing more for 15 minutes: tiles 19 to 25, with their overlap, are a group too. */
static void test_silence_closes_a_group(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    make_night(t, now);
    t->c.clock.unix_s = now + 309 * 24 + 899;
    scan(t);
    assert_int_equal(t->report.n_group, 0);
    t->c.clock.unix_s = now + 309 * 24 + 901;
    scan(t);
    assert_int_equal(t->report.n_group, 1);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 3);
    assert_int_equal(g->item[2].n_member, 9);
    assert_string_equal(g->item[2].closed_by, "silence");
    assert_int_equal(g->item[2].n_min_tiles, 3);
    assert_true(g->item[2].is_early);
    ci_registry_groups_free(g);
    /* Every observation is new once. */
    scan(t);
    assert_int_equal(t->report.n_group, 0);
}

/* An observation is overlap once: after a group with one new tile, closed by silence, comes a tile
 * that belongs to its time. Of the two before it one was shared already. */
static void test_overlap_is_used_once(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    for (int i = 0; i < 11; i++)
        tile_make(t, now + 309 * i, 16, now + 309 * i);
    t->c.clock.unix_s = now + 309 * 10 + 901;
    scan(t);
    for (int i = 11; i < 14; i++)
        tile_make(t, now + 309 * i, 16, t->c.clock.unix_s);
    t->c.clock.unix_s += 960;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 3);
    assert_int_equal(g->item[1].n_member, 3);
    assert_int_equal(g->item[1].member[1].role, CI_REGISTRY_ROLE_OVERLAP);
    assert_int_equal(g->item[1].member[2].role, CI_REGISTRY_ROLE_NEW);
    assert_int_equal(g->item[2].n_member, 4);
    assert_string_equal(g->item[2].member[0].observation_id, g->item[1].member[2].observation_id);
    assert_int_equal(g->item[2].member[0].role, CI_REGISTRY_ROLE_OVERLAP);
    assert_int_equal(g->item[2].member[1].role, CI_REGISTRY_ROLE_NEW);
    ci_registry_groups_free(g);
}

/* The oldest ten blocks with one gap at their head block everything after: not here. */
static void test_gap_at_head_blocks_nothing(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    tile_make(t, now, 16, now);
    for (int i = 0; i < 10; i++)
        tile_make(t, now + 3600 + 309 * i, 16, now + 3600 + 309 * i);
    t->c.clock.unix_s = now + 3600 + 3090 + 30;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 2);
    /* One tile is no mosaic: said, as a state. */
    assert_int_equal(g->item[0].n_member, 1);
    assert_int_equal(g->item[0].state, CI_REGISTRY_WORK_FAILED);
    assert_string_equal(g->item[0].closed_by, "gap");
    assert_non_null(strstr(g->item[0].error, "closed early (gap) with 1 member"));
    assert_non_null(strstr(g->item[0].error, "3 needed"));
    assert_int_equal(g->item[1].n_member, 10);
    assert_int_equal(g->item[1].state, CI_REGISTRY_WORK_PENDING);
    assert_int_equal(g->item[1].member[0].role, CI_REGISTRY_ROLE_NEW);
    ci_registry_groups_free(g);
}

/* A group of two needs two, closed early or not: three it never has. */
static void test_small_group_needs_its_size(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    t->options.group_size = 2;
    t->options.overlap = 0;
    tile_make(t, now, 16, now);
    t->c.clock.unix_s = now + 901;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_min_tiles, 2);
    assert_non_null(strstr(g->item[0].error, "2 needed"));
    ci_registry_groups_free(g);
}

/* An hour's gap between observations 5 and 6: a group of 5, the next without overlap. */
static void test_gap_in_the_middle(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    for (int i = 0; i < 8; i++)
        tile_make(t, now + 309 * i + (i < 5 ? 0 : 3600), 16, now);
    t->c.clock.unix_s = now + 60; /* long before any silence */
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_member, 5);
    assert_true(g->item[0].is_early);
    assert_int_equal(g->item[0].state, CI_REGISTRY_WORK_PENDING);
    ci_registry_groups_free(g);
    t->c.clock.unix_s = now + 1000;
    scan(t);
    g = groups_of(t);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->item[1].n_member, 3);
    assert_int_equal(g->item[1].member[0].role, CI_REGISTRY_ROLE_NEW);
    ci_registry_groups_free(g);
}

/* --group-size 12, tiles `step` apart: the one group's members, and what closed it. */
static void check_span(ingest_case *t, double step, size_t n_member, const char *closed_by)
{
    double now = t->c.clock.unix_s;
    t->options.group_size = 12;
    for (int i = 0; i < 12; i++)
        tile_make(t, now + step * i, 16, now);
    t->c.clock.unix_s = now + 60;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_member, n_member);
    assert_string_equal(g->item[0].closed_by, closed_by);
    ci_registry_groups_free(g);
}

static void test_span_of_60_minutes(void **state)
{
    check_span(*state, 3600.0 / 11, 12, "full");
}

static void test_span_of_61_minutes(void **state)
{
    check_span(*state, 3660.0 / 11, 11, "span");
}

/* Neighbours less than 6 minutes apart are in one group, those at 6 minutes are not: three tiles,
 * the last one `step` after the second. */
static void check_step(ingest_case *t, double step, size_t n_member, const char *closed_by)
{
    double now = t->c.clock.unix_s;
    tile_make(t, now, 16, now);
    tile_make(t, now + 309, 16, now);
    tile_make(t, now + 309 + step, 16, now);
    t->c.clock.unix_s = now + 1000; /* silence closes what no gap closes */
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->item[0].n_member, n_member);
    assert_string_equal(g->item[0].closed_by, closed_by);
    ci_registry_groups_free(g);
}

static void test_step_below_6_minutes(void **state)
{
    check_step(*state, 359.9, 3, "silence");
}

static void test_step_of_6_minutes(void **state)
{
    check_step(*state, 360, 2, "gap");
}

/* As a Julian date in double precision may have it. */
static void test_step_of_6_minutes_rounded(void **state)
{
    check_step(*state, 360 - 4e-5, 2, "gap");
}

static void test_step_above_6_minutes(void **state)
{
    check_step(*state, 360.1, 2, "gap");
}

static void test_declination_step(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    for (int i = 0; i < 6; i++) {
        for (int band = 0; band < 16; band++) {
            char name[64], text[100], stamp[32];
            ci_time_iso(stamp, ci_time_mjd_s_from_unix(now + 309 * i), 0, false);
            snprintf(name, sizeof name, "%s_sb%02d.hdf5", stamp, band);
            snprintf(text, sizeof text, "uvh5 %.6f %f %d 96\n", now + 309 * i,
                     i < 3 ? 16.15 : 16.27, band);
            write_text(t, name, text, strlen(text), now);
        }
    }
    t->c.clock.unix_s = now + 1000;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->item[0].n_member, 3);
    assert_string_equal(g->item[0].closed_by, "declination");
    assert_int_equal(g->item[1].n_member, 3);
    ci_registry_groups_free(g);
}

/* A hole keeps its place in a group of ten. */
static void check_holes(ingest_case *t, int n_hole, ci_registry_work_state want)
{
    double now = t->c.clock.unix_s;
    for (int i = 0; i < 10; i++)
        tile_make(t, now + 309 * i, i >= 3 && i < 3 + n_hole ? 5 : 16, now);
    t->c.clock.unix_s = now + 601;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 1);
    assert_int_equal(g->item[0].n_member, 10);
    assert_int_equal(g->item[0].member[3].state, CI_REGISTRY_WORK_FAILED);
    assert_int_equal(g->item[0].state, want);
    ci_registry_groups_free(g);
}

static void test_two_holes(void **state)
{
    check_holes(*state, 2, CI_REGISTRY_WORK_PENDING);
}

static void test_three_holes(void **state)
{
    check_holes(*state, 3, CI_REGISTRY_WORK_FAILED);
}

/* One that came when its group was closed already finds a group of its own. */
static void test_late_observation(void **state)
{
    ingest_case *t = *state;
    double now = t->c.clock.unix_s;
    for (int i = 0; i < 9; i++)
        if (i != 4) tile_make(t, now + 309 * i, 16, now);
    t->c.clock.unix_s = now + 60;
    scan(t);
    ci_registry_groups *g = groups_of(t);
    assert_int_equal(g->n, 1); /* 0 to 3; 5 to 8 wait */
    ci_registry_groups_free(g);
    tile_make(t, now + 309 * 4, 16, now + 61);
    t->c.clock.unix_s = now + 1000;
    scan(t);
    g = groups_of(t);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->item[1].n_member, 7); /* 2 and 3 again, then 4 to 8 */
    assert_int_equal(g->item[1].member[1].role, CI_REGISTRY_ROLE_OVERLAP);
    assert_int_equal(g->item[1].member[2].role, CI_REGISTRY_ROLE_NEW);
    ci_registry_groups_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_full_groups_overlap),
        INGEST_TEST(test_silence_closes_a_group),
        INGEST_TEST(test_overlap_is_used_once),
        INGEST_TEST(test_gap_at_head_blocks_nothing),
        INGEST_TEST(test_small_group_needs_its_size),
        INGEST_TEST(test_gap_in_the_middle),
        INGEST_TEST(test_span_of_60_minutes),
        INGEST_TEST(test_span_of_61_minutes),
        INGEST_TEST(test_step_below_6_minutes),
        INGEST_TEST(test_step_of_6_minutes),
        INGEST_TEST(test_step_of_6_minutes_rounded),
        INGEST_TEST(test_step_above_6_minutes),
        INGEST_TEST(test_declination_step),
        INGEST_TEST(test_two_holes),
        INGEST_TEST(test_three_holes),
        INGEST_TEST(test_late_observation),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
