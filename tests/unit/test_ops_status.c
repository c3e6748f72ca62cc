/* ops: what status and group list, as data and as JSON. */
#include "registry_test.h"

#include "contimg/ops.h"
#include "contimg/registry_lease.h"

static void file_put(registry_test *t, const char *path, ci_registry_file_state state,
                     const char *reason)
{
    ci_registry_file f = {.path = (char *)path, .state = state, .sub_band = -1};
    snprintf(f.reason, sizeof f.reason, "%s", reason);
    OK(ci_registry_file_put(t->registry, &f));
}

/* Three observations, two of them in a group; a corrupt file; a staged product. */
static void fill(registry_test *t, char ids[3][CI_REGISTRY_ID], char id[CI_REGISTRY_ID])
{
    ci_registry_product p = {
        .id = "g1",
        .type = CI_REGISTRY_MOSAIC,
        .auto_publish = true,
        .stage_path = "/s/g1",
        .metadata_json = (char[]){"{\"is_degraded\":true,\"degraded_why\":\"7 of 10 tiles\"}"}};
    bool is_new;
    for (int i = 0; i < 3; i++)
        observation_make(t->registry, t->c.clock.unix_s + 309 * i, ids[i]);
    OK(group_make(t->registry, 2, ids, 0, t->c.clock.unix_s, id, &is_new));
    file_put(t, "/in/bad.hdf5", CI_REGISTRY_FILE_CORRUPT, "/in/bad.hdf5: not HDF5");
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
}

static void test_empty(void **state)
{
    registry_test *t = *state;
    ci_ops_status status;
    OK(ci_ops_status_read(&status, t->registry));
    assert_int_equal(status.observations->n + status.groups->n + status.files->n, 0);
    assert_int_equal(status.products->n, 0);
    double arrived = 1;
    assert_int_equal(ci_ops_status_ungrouped(&status, &arrived), 0);
    assert_true(arrived == 0);
    ci_ops_status_clear(&status);
}

static void test_ungrouped(void **state)
{
    registry_test *t = *state;
    char ids[3][CI_REGISTRY_ID], id[CI_REGISTRY_ID];
    ci_registry_observation failed = {.id = "2026-01-25T09:00:00",
                                      .state = CI_REGISTRY_WORK_FAILED,
                                      .arrived_unix_s = 9e9,
                                      .error = "8 sub-bands of 16"};
    double arrived;
    ci_ops_status status;
    fill(t, ids, id);
    OK(ci_registry_observation_put(t->registry, &failed)); /* waits for nothing */
    OK(ci_ops_status_read(&status, t->registry));
    for (size_t i = 0; i < status.observations->n; i++) {
        bool is_third = strcmp(status.observations->item[i].id, ids[2]) == 0;
        if (status.observations->item[i].state != CI_REGISTRY_WORK_FAILED)
            status.observations->item[i].arrived_unix_s = is_third ? 1002 : 1003;
    }
    size_t n = ci_ops_status_ungrouped(&status, &arrived);
    size_t n_product = status.products->n;
    ci_ops_status_clear(&status);
    assert_int_equal(n, 1);
    assert_true(arrived == 1002); /* of the third, the others are in a group */
    assert_int_equal(n_product, 1);
}

static void check_json(const ci_json *json, char ids[3][CI_REGISTRY_ID], const char *id)
{
    const ci_json *observations = ci_json_get(json, "observations");
    const ci_json *group = ci_json_at(ci_json_get(json, "groups"), 0);
    const ci_json *file = ci_json_at(ci_json_get(json, "files"), 0);
    assert_int_equal(ci_json_length(observations), 3);
    assert_string_equal(ci_json_get_string(ci_json_at(observations, 2), "id", ""), ids[2]);
    assert_string_equal(ci_json_get_string(ci_json_at(observations, 2), "state", ""), "pending");
    assert_true(ci_json_get_number(ci_json_at(observations, 2), "subbands_present", 0) == 16);
    assert_string_equal(ci_json_get_string(group, "id", ""), id);
    assert_string_equal(ci_json_get_string(group, "closed_by", ""), "full");
    assert_string_equal(ci_json_string(ci_json_at(ci_json_get(group, "members"), 1), ""), ids[1]);
    assert_string_equal(ci_json_get_string(file, "path", ""), "/in/bad.hdf5");
    assert_string_equal(ci_json_get_string(file, "state", ""), "corrupt");
    assert_string_equal(ci_json_get_string(file, "reason", ""), "not HDF5"); /* its path once */
}

static void test_json(void **state)
{
    registry_test *t = *state;
    char ids[3][CI_REGISTRY_ID], id[CI_REGISTRY_ID];
    ci_ops_status status;
    fill(t, ids, id);
    OK(ci_ops_status_read(&status, t->registry));
    ci_json *json = ci_ops_status_json(&status, t->registry);
    ci_ops_status_clear(&status);
    check_json(json, ids, id);
    ci_json_free(json);
}

/* A group that waits says so to programs, too; a product, why it is DEGRADED and what comes next.
 */
static void test_json_says_what_waits(void **state)
{
    registry_test *t = *state;
    char ids[3][CI_REGISTRY_ID], id[CI_REGISTRY_ID];
    ci_ops_status status;
    fill(t, ids, id);
    OK(ci_registry_group_wait(t->registry, id, t->c.clock.unix_s + 300));
    OK(ci_ops_status_read(&status, t->registry));
    ci_json *json = ci_ops_status_json(&status, t->registry);
    ci_ops_status_clear(&status);
    const ci_json *group = ci_json_at(ci_json_get(json, "groups"), 0);
    const ci_json *product = ci_json_at(ci_json_get(json, "products"), 0);
    assert_string_equal(ci_json_get_string(group, "next_try", ""), "2026-01-25T00:05:00Z");
    assert_non_null(strstr(ci_json_get_string(group, "next", ""), "waits until"));
    assert_true(ci_json_get_bool(product, "is_degraded", false));
    assert_string_equal(ci_json_get_string(product, "degraded_why", ""), "7 of 10 tiles");
    assert_non_null(strstr(ci_json_get_string(product, "next", ""), "is published by its run"));
    ci_json_free(json);
}

static void test_file_reason(void **state)
{
    (void)state;
    ci_registry_file f = {.path = "/in/a", .reason = "/in/a: truncated"};
    assert_string_equal(ci_ops_file_reason(&f), "truncated");
    snprintf(f.reason, sizeof f.reason, "/in/ab: another file");
    assert_string_equal(ci_ops_file_reason(&f), "/in/ab: another file");
    snprintf(f.reason, sizeof f.reason, "late");
    assert_string_equal(ci_ops_file_reason(&f), "late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_empty),          REGISTRY_TEST(test_ungrouped),
        REGISTRY_TEST(test_json),           REGISTRY_TEST(test_json_says_what_waits),
        cmocka_unit_test(test_file_reason),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
