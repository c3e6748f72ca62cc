/* base: what several threads, or all ranks, do at once: counted memory, warnings that all share. */
#include <pthread.h>

#include "unit_case.h"

#include "contimg/base_log.h"

/* Asks for more than there is, again and again. */
static void *ask_too_much(void *context)
{
    (void)context;
    for (int i = 0; i < 20000; i++) {
        void *out = NULL;
        if (ci_mem_alloc(&out, 1000001, 1, "too much") == CI_OK) ci_mem_free(out);
    }
    return NULL;
}

/* A request that is refused is in no other's way. */
static void test_refused_request_counts_nothing(void **state)
{
    (void)state;
    pthread_t thread;
    size_t n_failed = 0;
    ci_mem_set_budget(ci_mem_now() + 1000000);
    assert_int_equal(pthread_create(&thread, NULL, ask_too_much, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        void *out = NULL;
        n_failed += ci_mem_alloc(&out, 64, 1, "a little") != CI_OK;
        ci_mem_free(out);
    }
    pthread_join(thread, NULL);
    ci_mem_set_budget(0);
    assert_int_equal(n_failed, 0);
}

static void test_shared_warning_is_of_rank_0(void **state)
{
    (void)state;
    size_t n = ci_log_warning_count();
    ci_log_set_rank(1);
    ci_log_warning_shared("beam %d", 7);
    assert_int_equal(ci_log_warning_count(), n);
    ci_log_set_rank(0);
    ci_log_warning_shared("beam %d", 7);
    assert_int_equal(ci_log_warning_count(), n + 1);
    assert_string_equal(ci_log_warning_get(n), "beam 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {UNIT_TEST(test_refused_request_counts_nothing),
                                       UNIT_TEST(test_shared_warning_is_of_rank_0)};
    return cmocka_run_group_tests_name("base, shared", tests, NULL, NULL);
}
