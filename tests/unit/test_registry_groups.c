/* registry: mosaic groups are formed once, whoever offers them how often.
 * ci-test: timeout=300 */
#include "registry_test.h"

/* The id is the sha256 of the members' ids and the microseconds of the first. */
static void test_group_id(void **state)
{
    registry_test *t = *state;
    char ids[3][CI_REGISTRY_ID], id[CI_REGISTRY_ID], hex[CI_SHA256_HEX], text[400];
    char wanted[CI_REGISTRY_ID];
    bool is_new;
    for (int i = 0; i < 3; i++)
        observation_make(t->registry, t->c.clock.unix_s + 309 * i, ids[i]);
    OK(group_make(t->registry, 3, ids, 0, t->c.clock.unix_s, id, &is_new));
    snprintf(text, sizeof text, "%s\n%s\n%s", ids[0], ids[1], ids[2]);
    OK(ci_sha256_bytes(hex, text, strlen(text)));
    snprintf(wanted, sizeof wanted, "%.12s_%.0f000000", hex, t->c.clock.unix_s);
    assert_string_equal(id, wanted);
}

/* The same list again is the same group. */
static void test_same_list(void **state)
{
    registry_test *t = *state;
    char ids[3][CI_REGISTRY_ID], id[CI_REGISTRY_ID], again[CI_REGISTRY_ID];
    bool is_new;
    for (int i = 0; i < 3; i++)
        observation_make(t->registry, t->c.clock.unix_s + 309 * i, ids[i]);
    OK(group_make(t->registry, 3, ids, 0, t->c.clock.unix_s, id, &is_new));
    assert_true(is_new);
    OK(group_make(t->registry, 3, ids, 0, t->c.clock.unix_s, again, &is_new));
    assert_string_equal(id, again);
    assert_false(is_new);
}

/* Named again with another file, a group that failed and waits is to be made at once, and so are
 * its observations; what they were is on record. */
static void test_named_again(void **state)
{
    registry_test *t = *state;
    char id[CI_REGISTRY_ID], *path[2] = {"/a.hdf5", "/b.hdf5"};
    ci_registry_member m = {.role = CI_REGISTRY_ROLE_NAMED, .n_path = 1, .path = &path[0]};
    ci_registry_group group = {.state = CI_REGISTRY_WORK_PENDING,
                               .is_named = true,
                               .closed_by = "named",
                               .n_member = 1,
                               .member = &m};
    bool is_new, done;
    observation_make(t->registry, t->c.clock.unix_s, id);
    snprintf(m.observation_id, sizeof m.observation_id, "%s", id);
    snprintf(group.id, sizeof group.id, "g");
    OK(ci_registry_group_add(t->registry, &group, &is_new));
    OK(ci_registry_group_claim(t->registry, "g", 600, &done));
    OK(ci_registry_observation_claim(t->registry, id, 600, &done));
    OK(ci_registry_observation_end(t->registry, id, CI_REGISTRY_WORK_COMPLETED, ""));
    OK(ci_registry_group_end(t->registry, "g", CI_REGISTRY_WORK_FAILED, "no good", ""));
    raw_change(t->c.ingest, "UPDATE mosaic_groups SET next_try_at=9e9");
    m.path = &path[1];
    OK(ci_registry_group_add(t->registry, &group, &is_new));
    assert_true(is_new);
    assert_int_equal(raw_int(t->c.ingest, "SELECT count(*) FROM mosaic_groups WHERE "
                                          "status='pending' AND next_try_at IS NULL"),
                     1);
    assert_int_equal(raw_int(t->c.ingest, "SELECT count(*) FROM state_changes WHERE "
                                          "to_state='pending' AND from_state=CASE kind WHEN "
                                          "'group' THEN 'failed' ELSE 'completed' END"),
                     2);
}

/* An observation is new in one group and overlap in one more; what is refused leaves nothing
 * behind. */
static void test_roles(void **state)
{
    registry_test *t = *state;
    char ids[6][CI_REGISTRY_ID], id[CI_REGISTRY_ID], other[CI_REGISTRY_ID];
    double now = t->c.clock.unix_s;
    bool is_new;
    for (int i = 0; i < 6; i++)
        observation_make(t->registry, now + 309 * i, ids[i]);
    OK(group_make(t->registry, 3, ids, 0, now, id, &is_new));
    assert_int_equal(group_make(t->registry, 2, &ids[2], 0, now + 618, other, &is_new),
                     CI_ERR_INPUT);
    OK(group_make(t->registry, 3, &ids[1], 2, now + 309, other, &is_new));
    assert_true(is_new);
    /* The one is new in a group already; the other is not, and is overlap in a group already. */
    assert_int_equal(group_make(t->registry, 2, &ids[2], 1, now, other, &is_new), CI_ERR_INPUT);
    char twice[2][CI_REGISTRY_ID];
    memcpy(twice[0], ids[2], CI_REGISTRY_ID);
    memcpy(twice[1], ids[4], CI_REGISTRY_ID);
    assert_int_equal(group_make(t->registry, 2, twice, 1, now, other, &is_new), CI_ERR_INPUT);
    /* Whoever writes: the database refuses it too. */
    assert_int_equal(raw_try(t->c.ingest, "UPDATE mosaic_group_members SET role='overlap' WHERE "
                                          "observation_id IN (SELECT observation_id FROM "
                                          "mosaic_group_members WHERE role='overlap')"),
                     SQLITE_CONSTRAINT);
    assert_int_equal(raw_try(t->c.ingest, "UPDATE mosaic_group_members SET role='new'"),
                     SQLITE_CONSTRAINT);
    ci_registry_groups *groups;
    OK(ci_registry_groups_ready(t->registry, &groups));
    assert_int_equal(groups->n, 2);
    assert_string_equal(groups->item[0].id, id);
    assert_int_equal(groups->item[1].n_member, 3);
    assert_int_equal(groups->item[1].member[1].role, CI_REGISTRY_ROLE_OVERLAP);
    assert_int_equal(groups->item[1].member[2].role, CI_REGISTRY_ROLE_NEW);
    assert_int_equal(groups->item[1].member[2].state, CI_REGISTRY_WORK_PENDING);
    ci_registry_groups_free(groups);
}

/* A tile is needed until its groups are made, and as long as one may still be formed with it. */
static void test_needed(void **state)
{
    registry_test *t = *state;
    char ids[6][CI_REGISTRY_ID], id[CI_REGISTRY_ID], other[CI_REGISTRY_ID];
    double now = t->c.clock.unix_s;
    bool is_new, needed, done;
    for (int i = 0; i < 6; i++)
        observation_make(t->registry, now + 309 * i, ids[i]);
    OK(group_make(t->registry, 3, ids, 0, now, id, &is_new));
    OK(group_make(t->registry, 3, &ids[1], 2, now + 309, other, &is_new));
    OK(ci_registry_observation_is_needed(t->registry, ids[0], 2, &needed));
    assert_true(needed); /* its group is not made */
    OK(ci_registry_group_claim(t->registry, id, 600, &done));
    OK(ci_registry_group_end(t->registry, id, CI_REGISTRY_WORK_COMPLETED, NULL, "mosaic"));
    OK(ci_registry_observation_is_needed(t->registry, ids[0], 2, &needed));
    assert_false(needed);
    OK(ci_registry_observation_is_needed(t->registry, ids[2], 2, &needed));
    assert_true(needed); /* member of the second, still open */
    OK(ci_registry_group_claim(t->registry, other, 600, &done));
    OK(ci_registry_group_end(t->registry, other, CI_REGISTRY_WORK_COMPLETED, NULL, "mosaic"));
    OK(ci_registry_observation_is_needed(t->registry, ids[3], 1, &needed));
    assert_true(needed); /* by the group that follows */
    OK(ci_registry_observation_is_needed(t->registry, ids[3], 0, &needed));
    assert_false(needed); /* groups that share nothing */
}

/* ---- 1000 groups within a second, from 8 processes, every list offered by two of them -------- */

enum
{
    n_process = 8,
    n_group = 1000
};

/* 1: all of its 250 groups were new, 0: none was. */
static int offer_groups(registry_test *t, int first, char (*ids)[CI_REGISTRY_ID])
{
    ci_registry *registry;
    int n_new = 0;
    if (ci_registry_open(&registry, &t->c.paths, &t->c.options) != CI_OK) return 255;
    if (ci_registry_begin(registry, CI_REGISTRY_DB_INGEST) != CI_OK) return 254;
    for (int i = first; i < first + n_group / 4; i++) {
        bool is_new;
        char id[CI_REGISTRY_ID];
        double unix_s = t->c.clock.unix_s + 1e-3 * i;
        if (group_make(registry, 1, &ids[i], 0, unix_s, id, &is_new) != CI_OK) return 253;
        n_new += is_new;
    }
    if (ci_registry_end(registry, CI_REGISTRY_DB_INGEST, CI_OK) != CI_OK) return 252;
    return n_new == n_group / 4 ? 1 : n_new == 0 ? 0 : 251;
}

static void test_thousand_groups_in_a_second(void **state)
{
    registry_test *t = *state;
    static char ids[n_group][CI_REGISTRY_ID];
    pid_t pids[n_process];
    int n_winner = 0;
    OK(ci_registry_begin(t->registry, CI_REGISTRY_DB_INGEST));
    for (int i = 0; i < n_group; i++)
        observation_make(t->registry, t->c.clock.unix_s + 1e-3 * i, ids[i]);
    OK(ci_registry_end(t->registry, CI_REGISTRY_DB_INGEST, CI_OK));
    registry_close(t);
    for (int p = 0; p < n_process; p++) {
        pids[p] = fork();
        if (pids[p] == 0) _exit(offer_groups(t, (p % 4) * (n_group / 4), ids));
    }
    for (int p = 0; p < n_process; p++) {
        int result;
        waitpid(pids[p], &result, 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) <= 1);
        n_winner += WEXITSTATUS(result);
    }
    assert_int_equal(n_winner, 4);
    assert_int_equal(raw_int(t->c.ingest, "SELECT count(DISTINCT group_id) FROM mosaic_groups"),
                     n_group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_group_id),    REGISTRY_TEST(test_same_list),
        REGISTRY_TEST(test_named_again), REGISTRY_TEST(test_roles),
        REGISTRY_TEST(test_needed),      REGISTRY_TEST(test_thousand_groups_in_a_second),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
