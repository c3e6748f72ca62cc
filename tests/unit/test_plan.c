/* plan: teams, memory and time of known loads. */

#include "unit_case.h"
#include "contimg/plan.h"

#include <string.h>

/* A DSA-110 tile. */
static const ci_plan_workload tile = {.n_group = 1,
                                      .n_tile = 10,
                                      .n_sub_band = 16,
                                      .n_chan = 768,
                                      .n_pol = 2,
                                      .n_time = 24,
                                      .n_baseline = 4656};

static void test_teams(void **state)
{
    (void)state;
    ci_plan_teams t;
    for (int n_rank = 1; n_rank <= 64; n_rank++) {
        for (size_t n_tile = 1; n_tile <= 12; n_tile++) {
            ci_plan_workload w = tile;
            ci_plan_limits limits = {.n_rank = n_rank};
            int n_in_team[64] = {0};
            size_t n_made = 0;
            w.n_tile = n_tile;
            assert_int_equal(ci_plan_teams_choose(&t, &w, &limits), CI_OK);
            assert_true(t.n_team >= 1 && t.n_team <= n_rank && (size_t)t.n_team <= n_tile);
            /* Every rank is in one team, in order; every tile is made once. */
            int last = 0;
            for (int rank = 0; rank < n_rank; rank++) {
                int in_team, team = ci_plan_team_of(&t, rank, &in_team);
                assert_true(team == last || team == last + 1);
                assert_int_equal(in_team, n_in_team[team]++);
                last = team;
            }
            for (int team = 0; team < t.n_team; team++) {
                assert_true(n_in_team[team] >= t.min_ranks && n_in_team[team] <= t.max_ranks);
                n_made += ci_plan_team_tiles(&t, n_tile, team);
            }
            assert_int_equal(n_made, n_tile);
        }
    }
    ci_plan_workload w = tile;
    w.n_tile = 4;
    ci_plan_limits limits = {.n_rank = 4};
    assert_int_equal(ci_plan_teams_choose(&t, &w, &limits), CI_OK);
    assert_int_equal(t.n_team, 4);
    limits.n_team = 2;
    assert_int_equal(ci_plan_teams_choose(&t, &w, &limits), CI_OK);
    assert_int_equal(t.n_team, 2);
    limits.n_team = 5;
    assert_int_equal(ci_plan_teams_choose(&t, &w, &limits), CI_ERR_USAGE);
}

static void test_memory(void **state)
{
    (void)state;
    ci_plan plan;
    ci_plan_limits limits = {.n_rank = 8};
    assert_int_equal(ci_plan_make(&plan, &tile, &limits), CI_OK);
    int free_teams = plan.teams.n_team;
    /* Less memory: fewer tiles at a time; too little: said, with the numbers. */
    limits.memory_per_node = 12e9;
    assert_int_equal(ci_plan_make(&plan, &tile, &limits), CI_OK);
    assert_true(plan.teams.n_team < free_teams);
    assert_true(plan.memory_per_node <= 12e9 && plan.fits);
    limits.memory_per_node = 1e9;
    assert_int_equal(ci_plan_make(&plan, &tile, &limits), CI_ERR_MEMORY);
    assert_non_null(strstr(ci_error_text(), "1.0 GB a node"));
    assert_false(plan.fits);
    /* A tile's data alone: 171,638,784 samples of 13 bytes. */
    assert_true(plan.n_sample == 24.0 * 4656 * 768 * 2);
}

/* Gains that are solved for again: on the field in the memory of the solve before; on its image a
 * tile keeps its visibilities, 13 bytes each, while it is imaged, and is imaged several times. */
static void test_solved_again(void **state)
{
    (void)state;
    ci_plan once, field, self, none;
    ci_plan_limits limits = {.n_rank = 1};
    ci_plan_workload w = tile;
    w.is_compressed = true;
    w.span_s = 309;
    assert_int_equal(ci_plan_make(&none, &w, &limits), CI_OK);
    w.is_self = true;
    assert_int_equal(ci_plan_make(&self, &w, &limits), CI_OK);
    assert_true(self.memory_per_rank > 13.0 * self.n_sample);
    assert_true(self.memory_per_rank > none.memory_per_rank);
    assert_true(self.seconds_per_tile > 3 * none.seconds_per_tile);
    w.is_self = false;
    w.is_solved = true;
    assert_int_equal(ci_plan_make(&once, &w, &limits), CI_OK);
    w.has_field = true;
    assert_int_equal(ci_plan_make(&field, &w, &limits), CI_OK);
    assert_true(field.memory_per_rank == once.memory_per_rank);
    assert_true(field.seconds_per_tile > 1.1 * once.seconds_per_tile);
}

static void test_text(void **state)
{
    (void)state;
    ci_plan plan;
    ci_plan_limits limits = {.max_rank = 8};
    const char *arguments[] = {"/data/in/a_sb00.hdf5", "it's"};
    char *text;
    assert_int_equal(ci_plan_make(&plan, &tile, &limits), CI_OK);
    assert_true(plan.teams.n_rank > 1 && plan.teams.n_rank <= 8);
    assert_int_equal(ci_plan_text(&text, &plan), CI_OK);
    assert_non_null(strstr(text, "10 tiles"));
    ci_mem_free(text);
    assert_int_equal(ci_plan_sbatch(&text, &plan, "slurm/contimg.sbatch", arguments, 2), CI_OK);
    assert_non_null(strstr(text, " slurm/contimg.sbatch /data/in/a_sb00.hdf5 'it'\\''s'"));
    assert_non_null(strstr(text, "--mem="));
    ci_mem_free(text);
    ci_json *json = ci_plan_json(&plan);
    assert_true(ci_json_get_number(json, "n_tile", 0) == 10);
    ci_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_teams),
        UNIT_TEST(test_memory),
        UNIT_TEST(test_solved_again),
        UNIT_TEST(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
