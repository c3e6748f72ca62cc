/* unit_case: what a unit test with files begins and ends with, whether its assertions hold or
 * not: a folder of its own, and no counted memory left. Includes cmocka and what it wants first.
 *
 *     UNIT_TEST(test_x)                  in the table of cmocka_run_group_tests
 *     UNIT_PATH(path, state, "x.fits");  char path[] of a file in the test's folder */
#ifndef TEST_UNIT_CASE_H
#define TEST_UNIT_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "contimg/base.h"

typedef struct unit_case
{
    char folder[200];
    size_t n_byte_before;
} unit_case;

#define UNIT_PATH(path, state, name)                                                               \
    char path[256];                                                                                \
    snprintf(path, sizeof path, "%s/%s", ((unit_case *)*(state))->folder, (name))

#define UNIT_TEST(function) cmocka_unit_test_setup_teardown(function, unit_begin, unit_end)

#define OK(expression) unit_ok((expression), #expression)
static inline void unit_ok(ci_status status, const char *what)
{
    if (status != CI_OK) fail_msg("%s: %s: %s", what, ci_status_name(status), ci_error_text());
}

/* Refused with that status and a text that holds `part`. */
static inline void unit_refused(ci_status status, ci_status expected, const char *part)
{
    assert_int_equal(status, expected);
    if (!strstr(ci_error_text(), part)) fail_msg("no '%s' in '%s'", part, ci_error_text());
}

static inline void unit_near(double got, double want, double tolerance)
{
    double off = got > want ? got - want : want - got;
    if (!(off <= tolerance)) fail_msg("%.17g, not %.17g +- %g", got, want, tolerance);
}

static inline int unit_begin(void **state)
{
    const char *base = getenv("TMPDIR");
    unit_case *c = calloc(1, sizeof *c);
    if (!c) return -1;
    *state = c;
    snprintf(c->folder, sizeof c->folder, "%s/contimg-unit-XXXXXX", base ? base : "/tmp");
    c->n_byte_before = ci_mem_now();
    return mkdtemp(c->folder) ? 0 : -1;
}

static inline int unit_end(void **state)
{
    unit_case *c = *state;
    char command[256];
    size_t n_byte = ci_mem_now();
    snprintf(command, sizeof command, "rm -rf '%s'", c->folder);
    int result = system(command);
    if (n_byte != c->n_byte_before) {
        print_error("%zd bytes of counted memory are left\n", (ssize_t)(n_byte - c->n_byte_before));
        result = -1;
    }
    free(c);
    return result;
}

#endif
