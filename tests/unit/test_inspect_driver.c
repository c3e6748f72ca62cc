/* contimg inspect as a library: with arguments [--json] FILE it prints what the command
 * would and ends with its exit code; without, what needs no sample data. */
#include "unit_case.h"

#include "contimg/ops.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_refusals(void **state)
{
    UNIT_PATH(path, state, "inspect.txt");
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(ci_ops_inspect("/nonexistent/x", false, out), CI_ERR_INPUT);
    assert_int_equal(ci_ops_inspect("/", false, out), CI_ERR_INPUT);
    assert_int_equal(ci_file_write(path, "plain text", 10), CI_OK);
    assert_int_equal(ci_ops_inspect(path, false, out), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "neither HDF5"));
    assert_int_equal(ftell(out), 0); /* nothing on stdout but results */
    assert_int_equal(ci_ops_inspect(path, true, out), CI_ERR_INPUT);
    assert_true(ftell(out) > 0);
    fclose(out);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {UNIT_TEST(test_refusals)};
    if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
    bool as_json = strcmp(argv[1], "--json") == 0;
    ci_status status = ci_ops_inspect(argv[argc - 1], as_json, stdout);
    if (status != CI_OK) fprintf(stderr, "%s\n", ci_error_text());
    return ci_status_exit_code(status);
}
