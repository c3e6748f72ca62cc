/* contimg inspect as a library: with arguments [--json] FILE it prints what the command
 * would and ends with its exit code; without, what needs no sample data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contimg/ops.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_refusals(void **state)
{
    (void)state;
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(ci_ops_inspect("/nonexistent/x", false, out), CI_ERR_INPUT);
    assert_int_equal(ci_ops_inspect("/", false, out), CI_ERR_INPUT);
    assert_int_equal(ci_file_write("inspect.tmp", "plain text", 10), CI_OK);
    assert_int_equal(ci_ops_inspect("inspect.tmp", false, out), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "neither HDF5"));
    assert_int_equal(ftell(out), 0); /* nothing on stdout but results */
    assert_int_equal(ci_ops_inspect("inspect.tmp", true, out), CI_ERR_INPUT);
    assert_true(ftell(out) > 0);
    fclose(out);
    unlink("inspect.tmp");
    assert_int_equal(ci_mem_now(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals)};
    if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
    bool as_json = strcmp(argv[1], "--json") == 0;
    ci_status status = ci_ops_inspect(argv[argc - 1], as_json, stdout);
    if (status != CI_OK) fprintf(stderr, "%s\n", ci_error_text());
    return ci_status_exit_code(status);
}
