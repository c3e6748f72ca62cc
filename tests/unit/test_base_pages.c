/* Large blocks: zeros wherever they come from, given back and used again, no more kept than told.
 */
#include "unit_case.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "../../src/base/pages.h"

enum
{
    PAGE = CI_MEM_HUGE_PAGE,
    N_THREAD = 4,
    N_TURN = 200
};

static bool is_zero(const char *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] != 0) return false;
    return true;
}

/* Whether the process has these pages: msync knows no others. */
static bool is_mapped(char *at, size_t n)
{
    if (msync(at, n, MS_ASYNC) == 0) return true;
    assert_int_equal(errno, ENOMEM);
    return false;
}

static size_t pages_mapped(char *at, size_t n_page)
{
    size_t n = 0;
    for (size_t i = 0; i < n_page; i++)
        n += is_mapped(at + i * PAGE, PAGE);
    return n;
}

/* Of one block of five pages two smaller ones are made; all of it is one again when both are back.
 */
static void used_again(void **unused)
{
    (void)unused;
    char *whole = ci_mem_pages_new(5 * PAGE, 0);
    assert_non_null(whole);
    assert_int_equal((uintptr_t)whole % PAGE, 0);
    assert_true(is_zero(whole, 5 * PAGE));
    memset(whole, 7, 5 * PAGE);
    ci_mem_pages_free(whole, 5 * PAGE);
    char *a = ci_mem_pages_new(2 * PAGE, 0), *b = ci_mem_pages_new(3 * PAGE, 0);
    assert_true(a >= whole && a + 2 * PAGE <= whole + 5 * PAGE);
    assert_true(b >= whole && b + 3 * PAGE <= whole + 5 * PAGE);
    assert_true(a + 2 * PAGE <= b || b + 3 * PAGE <= a);
    assert_true(is_zero(a, 2 * PAGE) && is_zero(b, 3 * PAGE));
    memset(a, 8, 2 * PAGE);
    memset(b, 9, 3 * PAGE);
    ci_mem_pages_free(a, 2 * PAGE);
    ci_mem_pages_free(b, 3 * PAGE);
    char *again = ci_mem_pages_new(5 * PAGE, 0);
    assert_ptr_equal(again, whole);
    assert_true(is_zero(again, 5 * PAGE));
    ci_mem_pages_free(again, 5 * PAGE);
}

/* Where fresh pages are asked for, what is kept shrinks to what is said. */
static void no_more_than_told(void **unused)
{
    (void)unused;
    char *whole = ci_mem_pages_new(5 * PAGE, 0); /* what the test before has left, or fresh */
    ci_mem_pages_free(whole, 5 * PAGE);
    assert_int_equal(pages_mapped(whole, 5), 5);
    char *big = ci_mem_pages_new(9 * PAGE, 3 * PAGE);
    assert_true(big + 9 * PAGE <= whole || big >= whole + 3 * PAGE);
    char *rest = ci_mem_pages_new(3 * PAGE, 0);
    assert_ptr_equal(rest, whole); /* the three that were left */
    char *fresh = ci_mem_pages_new(PAGE, 0);
    assert_true(fresh >= big + 9 * PAGE || fresh + PAGE <= big);
    ci_mem_pages_free(rest, 3 * PAGE);
    ci_mem_pages_free(big, 9 * PAGE);
    ci_mem_pages_free(fresh, PAGE);
    char *huge = ci_mem_pages_new(40 * PAGE, 0);
    assert_non_null(huge);
    bool is_inside = whole >= huge && whole < huge + 40 * PAGE;
    assert_true(is_inside || pages_mapped(whole, 3) == 0);
    ci_mem_pages_free(huge, 40 * PAGE);
}

static void *turns(void *number)
{
    int own = *(int *)number;
    for (size_t i = 0; i < N_TURN; i++) {
        size_t n = (1 + (i + (size_t)own) % 3) * PAGE;
        char *at = ci_mem_pages_new(n, 8 * PAGE);
        if (!at || !is_zero(at, 4096) || !is_zero(at + n - 4096, 4096)) return number;
        memset(at, own, 4096);
        memset(at + n - 4096, own, 4096);
        for (size_t k = 0; k < 4096; k++)
            if (at[k] != own || at[n - 1 - k] != own) return number;
        ci_mem_pages_free(at, n);
    }
    return NULL;
}

/* No block is given to two. */
static void by_threads(void **unused)
{
    (void)unused;
    pthread_t thread[N_THREAD];
    int number[N_THREAD];
    for (int k = 0; k < N_THREAD; k++) {
        number[k] = k + 1;
        assert_int_equal(pthread_create(&thread[k], NULL, turns, &number[k]), 0);
    }
    for (int k = 0; k < N_THREAD; k++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(thread[k], &wrong), 0);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_again),
        cmocka_unit_test(no_more_than_told),
        cmocka_unit_test(by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
