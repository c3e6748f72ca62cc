/* h5 by itself: what it writes it reads, errors are one line, chunks come out right. */

#include "unit_case.h"

#include "contimg/h5.h"

#include <complex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char file_name[64];

static void test_round_trip(void **state)
{
    (void)state;
    ci_h5_file *file = NULL;
    uint64_t dim[2] = {2, 3};
    double numbers[6] = {1, 2, 3, 4, 5, 6.5}, back[6];
    int64_t ints[6] = {1, -2, 3, 4, 5, 1LL << 40}, ints_back[6];
    uint8_t truth[3] = {0, 7, 1}, truth_back[3];
    ci_c32 complex_in[2] = {1.0F + 2.0F * I, 3.0F - 4.0F * I};
    ci_c64 complex_back[2];
    char names[3][5] = {"one", "two2", ""};
    assert_int_equal(ci_h5_create(&file, file_name), CI_OK);
    assert_int_equal(ci_h5_write_double(file, "A/B/x", 2, dim, numbers), CI_OK);
    assert_int_equal(ci_h5_write_int(file, "A/n", 2, dim, ints), CI_OK);
    assert_int_equal(ci_h5_write_bool(file, "A/truth", 1, dim + 1, truth), CI_OK);
    assert_int_equal(ci_h5_write_c32(file, "A/c", 1, dim, complex_in), CI_OK);
    assert_int_equal(ci_h5_write_string(file, "A/text", "hello"), CI_OK);
    assert_int_equal(ci_h5_write_strings(file, "A/names", 1, dim + 1, names[0], 5), CI_OK);
    assert_int_equal(ci_h5_write_int_1(file, "A/one", 11), CI_OK);
    assert_int_equal(ci_h5_write_group(file, "A/empty"), CI_OK);
    assert_int_equal(ci_h5_close(file), CI_OK);

    assert_int_equal(ci_h5_open(&file, file_name), CI_OK);
    assert_int_equal(ci_h5_read_double(file, "A/B/x", back, 6), CI_OK);
    assert_memory_equal(back, numbers, sizeof back);
    assert_int_equal(ci_h5_read_int(file, "A/n", ints_back, 6), CI_OK);
    assert_memory_equal(ints_back, ints, sizeof ints);
    char *text = NULL;
    assert_int_equal(ci_h5_read_string(file, "A/text", &text), CI_OK);
    assert_string_equal(text, "hello");
    ci_mem_free(text);
    size_t n_byte = 0;
    assert_int_equal(ci_h5_read_string_list(file, "A/names", 3, &text, &n_byte), CI_OK);
    assert_int_equal(n_byte, 10);
    assert_memory_equal(text, "one\0two2\0", 10);
    ci_mem_free(text);
    char cut[3];
    assert_int_equal(ci_h5_read_text(file, "A/text", cut, sizeof cut), CI_OK);
    assert_string_equal(cut, "he");
    ci_h5_reader *reader = NULL;
    uint64_t start[2] = {0, 1}, count[2] = {2, 2};
    assert_int_equal(ci_h5_reader_open(&reader, file, "A/c", CI_H5_C64), CI_OK);
    assert_int_equal(ci_h5_reader_read(reader, start, count, complex_back), CI_OK);
    assert_true(complex_back[1] == 3.0 - 4.0 * I);
    ci_h5_reader_close(reader);
    assert_int_equal(ci_h5_reader_open(&reader, file, "A/truth", CI_H5_U8), CI_OK);
    uint64_t three = 3;
    assert_int_equal(ci_h5_reader_read(reader, start, &three, truth_back), CI_OK);
    assert_true(truth_back[0] == 0 && truth_back[1] == 1 && truth_back[2] == 1);
    ci_h5_reader_close(reader);
    assert_int_equal(ci_h5_reader_open(&reader, file, "A/B/x", CI_H5_F32), CI_OK);
    float part[4];
    assert_int_equal(ci_h5_reader_read(reader, start, count, part), CI_OK);
    assert_true(part[0] == 2 && part[1] == 3 && part[2] == 5 && part[3] == 6.5F);
    start[1] = 2;
    assert_int_equal(ci_h5_reader_read(reader, start, count, part), CI_ERR_INTERNAL);
    ci_h5_reader_close(reader);
    assert_int_equal(ci_h5_close(file), CI_OK);
}

static void test_look(void **state)
{
    (void)state;
    ci_h5_file *file = NULL;
    ci_h5_info info;
    char **names = NULL, shape[128];
    size_t n = 0;
    assert_int_equal(ci_h5_open(&file, file_name), CI_OK);
    assert_int_equal(ci_h5_kind_of(file, "A"), CI_H5_GROUP);
    assert_int_equal(ci_h5_kind_of(file, "A/c"), CI_H5_DATASET);
    assert_int_equal(ci_h5_kind_of(file, "A/none"), CI_H5_NOTHING);
    assert_int_equal(ci_h5_kind_of(file, "no/such/path"), CI_H5_NOTHING);
    assert_int_equal(ci_h5_kind_of(file, "A/c/below"), CI_H5_NOTHING);
    assert_true(ci_h5_has(file, "A/one"));
    assert_false(ci_h5_has(file, "A"));
    assert_int_equal(ci_h5_members(file, "A", &names, &n), CI_OK);
    assert_int_equal(n, 8);
    assert_string_equal(names[0], "B");
    assert_string_equal(names[7], "truth");
    ci_mem_free(names);
    assert_int_equal(ci_h5_info_get(file, "A/c", &info), CI_OK);
    assert_int_equal(info.type_class, CI_H5_COMPLEX);
    assert_false(info.part_is_int);
    assert_int_equal(ci_h5_info_get(file, "A/truth", &info), CI_OK);
    assert_int_equal(info.type_class, CI_H5_ENUM);
    assert_int_equal(ci_h5_info_get(file, "A/B/x", &info), CI_OK);
    ci_h5_info_shape(&info, shape);
    assert_string_equal(shape, "2 x 3");
    ci_h5_close(file);
}

static void expect_error(ci_status status, ci_status wanted, const char *part)
{
    assert_int_equal(status, wanted);
    assert_non_null(strstr(ci_error_text(), part));
    assert_null(strchr(ci_error_text(), '\n'));
}

static void test_errors(void **state)
{
    UNIT_PATH(no_hdf5, state, "h5_text");
    UNIT_PATH(cut, state, "h5_short");
    ci_h5_file *file = NULL;
    double x[6];
    int64_t n;
    char *text;
    expect_error(ci_h5_open(&file, "/nonexistent/a.h5"), CI_ERR_INPUT, "/nonexistent/a.h5");
    expect_error(ci_h5_open(&file, "/"), CI_ERR_INPUT, "folder");
    assert_null(file);
    assert_int_equal(ci_file_write(no_hdf5, "no HDF5 here, but more than eight bytes", 39), 0);
    expect_error(ci_h5_open(&file, no_hdf5), CI_ERR_INPUT, "not an HDF5 file");
    assert_int_equal(truncate(no_hdf5, 0), 0);
    expect_error(ci_h5_open(&file, no_hdf5), CI_ERR_INPUT, "empty");
    assert_int_equal(ci_h5_open(&file, file_name), CI_OK);
    expect_error(ci_h5_read_double(file, "A/none", x, 1), CI_ERR_INPUT, "A/none: dataset is miss");
    expect_error(ci_h5_read_double(file, "A/B/x", x, 5), CI_ERR_INPUT, "2 x 3");
    expect_error(ci_h5_read_int(file, "A/B/x", &n, 6), CI_ERR_INPUT, "not of an integer");
    expect_error(ci_h5_read_string(file, "A/one", &text), CI_ERR_INPUT, "not of a string");
    expect_error(ci_h5_read_double(file, "A", x, 1), CI_ERR_INPUT, "is a group");
    ci_h5_reader *reader = NULL;
    expect_error(ci_h5_reader_open(&reader, file, "A/n", CI_H5_C32), CI_ERR_INPUT, "not complex");
    ci_h5_close(file);
    expect_error(ci_h5_create(&file, "/nonexistent/a.h5"), CI_ERR_IO, "/nonexistent/a.h5");
    /* a copy cut short */
    char *bytes = NULL;
    size_t n_byte = 0;
    assert_int_equal(ci_file_read(&bytes, &n_byte, file_name), CI_OK);
    assert_int_equal(ci_file_write(cut, bytes, n_byte - 200), CI_OK);
    ci_mem_free(bytes);
    expect_error(ci_h5_open(&file, cut), CI_ERR_INPUT, "truncated");
}

static int set_up(void **state)
{
    (void)state;
    snprintf(file_name, sizeof file_name, "h5_test.%ld.tmp", (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file_name);
    return 0;
}

/* What could not be written whole is not written, and keeps its error. */
static void test_finish_with_an_error(void **state)
{
    UNIT_PATH(path, state, "x.h5");
    ci_h5_file *file = NULL;
    OK(ci_h5_create(&file, path));
    OK(ci_h5_write_double_1(file, "a", 1));
    ci_status status = ci_h5_finish(file, ci_error(CI_ERR_NO_DATA, "nothing to write"));
    assert_int_equal(status, CI_ERR_NO_DATA);
    assert_string_equal(ci_error_text(), "nothing to write");
    assert_int_equal(ci_h5_open(&file, path), CI_ERR_INPUT);
    OK(ci_h5_create(&file, path));
    OK(ci_h5_finish(file, CI_OK));
    OK(ci_h5_open(&file, path));
    OK(ci_h5_finish(file, CI_OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_round_trip),
        UNIT_TEST(test_look),
        UNIT_TEST(test_errors),
        UNIT_TEST(test_finish_with_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
