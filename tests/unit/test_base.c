/* base: status, log, memory, strings, paths, clock, JSON, SHA-256. */
#include "unit_case.h"

#include "contimg/base.h"

#include <math.h>
#include <unistd.h>

static void test_status(void **state)
{
    (void)state;
    assert_int_equal(ci_status_exit_code(CI_OK), 0);
    assert_int_equal(ci_status_exit_code(CI_ERR_NO_DATA), 3);
    assert_int_equal(ci_status_exit_code(CI_ERR_STOPPED), 75);
    assert_int_equal(ci_error(CI_ERR_INPUT, "%s: %d", "x", 3), CI_ERR_INPUT);
    assert_string_equal(ci_error_text(), "x: 3");
    ci_error_prefix(CI_ERR_INPUT, "file %s", "f");
    assert_string_equal(ci_error_text(), "file f: x: 3");
    ci_error(CI_ERR_INPUT, "again: %s", ci_error_text()); /* its own text as argument */
    assert_string_equal(ci_error_text(), "again: file f: x: 3");
}

/* What was saved is the text again, whatever has set another; success leaves the present one. */
static void test_error_saved(void **state)
{
    (void)state;
    ci_error(CI_ERR_IO, "first");
    ci_error_saved first = ci_error_save(CI_ERR_IO);
    ci_error(CI_ERR_INPUT, "second");
    ci_error_saved none = ci_error_save(CI_OK);
    assert_string_equal(none.text, "");
    assert_int_equal(ci_error_restore(&none), CI_OK);
    assert_string_equal(ci_error_text(), "second");
    assert_int_equal(ci_error_restore(&first), CI_ERR_IO);
    assert_string_equal(ci_error_text(), "first");
}

/* A scope is told by its name and what it is in; one that an error left open ends with what it is
 * in. */
static void test_timer_nests(void **state)
{
    (void)state;
    ci_timer *timer = NULL;
    assert_int_equal(ci_timer_new(&timer), CI_OK);
    for (int i = 0; i < 3; i++) {
        size_t outer = ci_timer_begin(timer, "image");
        ci_timer_end(timer, ci_timer_begin(timer, "FFT"));
        (void)ci_timer_begin(timer, "grid");
        (void)ci_timer_begin(timer, "FFT");
        ci_timer_end(timer, outer);
    }
    ci_timer_end(timer, ci_timer_begin(timer, "FFT"));
    size_t n = 0;
    const ci_timer_scope *s = ci_timer_scopes(timer, &n);
    const char *const names[] = {"image", "FFT", "grid", "FFT", "FFT"};
    const int parents[] = {-1, 0, 0, 2, -1}, calls[] = {3, 3, 3, 3, 1};
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(s[i].name, names[i]);
        assert_int_equal(s[i].i_parent, parents[i]);
        assert_int_equal(s[i].n_call, calls[i]);
        assert_true(s[i].seconds >= 0 && s[i].seconds <= s[0].seconds + s[4].seconds);
    }
    ci_timer_free(timer);
    ci_timer_end(NULL, ci_timer_begin(NULL, "no timer"));
}

/* Timers are merged by name and parent. */
static void test_timer_adds(void **state)
{
    (void)state;
    const ci_timer_scope a[] = {{"x", -1, 1, 2, 3, 3}, {"y", 0, 1, 1, 2, 2}};
    const ci_timer_scope b[] = {{"y", -1, 1, 1, 1, 1}, {"x", -1, 1, 1, 5, 5}, {"y", 1, 1, 1, 4, 4}};
    const ci_timer_scope sum[] = {
        {"x", -1, 2, 3, 8, 5}, {"y", 0, 2, 2, 6, 4}, {"y", -1, 1, 1, 1, 1}};
    ci_timer *timer = NULL;
    size_t n = 0;
    assert_int_equal(ci_timer_new(&timer), CI_OK);
    ci_timer_add(timer, a, 2);
    ci_timer_add(timer, b, 3);
    const ci_timer_scope *s = ci_timer_scopes(timer, &n);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(s[i].name, sum[i].name);
        assert_int_equal(s[i].i_parent, sum[i].i_parent);
        assert_int_equal(s[i].n_timer, sum[i].n_timer);
        assert_int_equal(s[i].n_call, sum[i].n_call);
        assert_true(s[i].seconds == sum[i].seconds && s[i].max_seconds == sum[i].max_seconds);
    }
    ci_timer_free(timer);
}

static void test_memory(void **state)
{
    (void)state;
    size_t before = ci_mem_now();
    double *a = NULL;
    void *b = NULL;
    assert_int_equal(ci_mem_alloc(&a, 10, sizeof *a, "a"), CI_OK);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_int_equal(ci_mem_now() - before, 80);
    a[9] = 4;
    assert_int_equal(ci_mem_resize(&a, 20, sizeof *a, "a"), CI_OK);
    assert_true(a[9] == 4 && a[19] == 0);
    assert_int_equal(ci_mem_alloc(&b, SIZE_MAX / 2, 8, "huge"), CI_ERR_MEMORY);
    ci_mem_set_budget(ci_mem_now() + 100);
    assert_int_equal(ci_mem_alloc(&b, 101, 1, "grid"), CI_ERR_MEMORY);
    assert_non_null(strstr(ci_error_text(), "grid"));
    assert_null(b);
    ci_mem_set_budget(0);
    ci_mem_free(a);
    assert_int_equal(ci_mem_now(), before);
}

/* A clock that a test sets stands still but where it is waited on; NULL is the system's. */
static void test_set_clock(void **state)
{
    (void)state;
    ci_clock clock = {.is_set = true, .unix_s = 1e9, .monotonic_s = 5};
    assert_true(ci_clock_read_unix_s(&clock) == 1e9);
    ci_clock_wait(&clock, 3600);
    assert_true(ci_clock_read_unix_s(&clock) == 1e9 + 3600);
    assert_true(ci_clock_read_monotonic_s(&clock) == 3605);
    clock.is_set = false;
    assert_true(fabs(ci_clock_read_unix_s(&clock) - ci_clock_unix_s()) < 60);
    double start_s = ci_clock_read_monotonic_s(NULL);
    ci_clock_wait(NULL, 0.02);
    assert_true(ci_clock_read_monotonic_s(NULL) - start_s >= 0.02);
}

static void test_text(void **state)
{
    (void)state;
    const char *names[] = {"size", "cell-arcsec", "robust"};
    assert_string_equal(ci_str_nearest("cell-arcsecs", names, 3), "cell-arcsec");
    assert_null(ci_str_nearest("zzzz", names, 3));
    double x;
    int64_t n;
    assert_int_equal(ci_parse_double("1.5e3", "x", &x), CI_OK);
    assert_true(x == 1500);
    assert_int_equal(ci_parse_double("5mJy", "noise", &x), CI_ERR_USAGE);
    assert_int_equal(ci_parse_double("nan", "noise", &x), CI_ERR_USAGE);
    assert_int_equal(ci_parse_int("-12", "n", &n), CI_OK);
    assert_true(n == -12);
    assert_int_equal(ci_parse_int("1e3", "n", &n), CI_ERR_USAGE);
    ci_text buffer = {0};
    for (int i = 0; i < 100; i++)
        assert_int_equal(ci_text_append(&buffer, "%d,", i % 10), CI_OK);
    assert_int_equal(buffer.length, 200);
    ci_mem_free(buffer.text);
}

static void test_clock(void **state)
{
    (void)state;
    double t;
    char text[32];
    assert_int_equal(ci_time_parse_iso("2026-01-25T00:00:10Z", &t), CI_OK);
    assert_true(t == 61065.0 * 86400 + 10); /* MJD 61065 */
    ci_time_iso(text, t, 0, true);
    assert_string_equal(text, "2026-01-25T00:00:10Z");
    ci_time_iso(text, t + 0.25, 3, false);
    assert_string_equal(text, "2026-01-25T00:00:10.250");
    assert_int_equal(ci_time_parse_iso("2026-01-25", &t), CI_ERR_USAGE);
    assert_int_equal(ci_time_parse_iso("2026-02-31T00:00:00", &t), CI_ERR_USAGE);
    assert_int_equal(ci_time_parse_iso("2026-02-29T00:00:00", &t), CI_ERR_USAGE);
    assert_int_equal(ci_time_parse_iso("2028-02-29T00:00:00", &t), CI_OK);
    assert_int_equal(ci_time_parse_iso("2026-01-25T00:00:10+08", &t), CI_ERR_USAGE);
}

static void test_files(void **state)
{
    UNIT_PATH(deep, state, "a/b/c");
    char hex[CI_SHA256_HEX], *path = NULL, *data = NULL;
    size_t n = 0;
    assert_int_equal(ci_path_make_folder(deep), CI_OK);
    assert_int_equal(ci_path_join(&path, deep, "x.txt"), CI_OK);
    assert_int_equal(ci_file_write(path, "abc", 3), CI_OK);
    assert_int_equal(ci_file_read(&data, &n, path), CI_OK);
    assert_int_equal(n, 3);
    assert_string_equal(data, "abc");
    /* FIPS 180-2, appendix B.1 */
    assert_int_equal(ci_sha256_file(hex, path), CI_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ci_mem_free(data);
    assert_int_equal(ci_file_read(&data, &n, "/nonexistent/file"), CI_ERR_INPUT);
    assert_int_equal(ci_file_write("/nonexistent/file", "abc", 3), CI_ERR_IO);
    assert_int_equal(ci_path_make_folder(path), CI_ERR_IO); /* a file is in the way */
    ci_mem_free(path);
}

static void test_absolute(void **state)
{
    UNIT_PATH(link, state, "link");
    static const char *const pairs[][2] = {{"/a/./b//c/", "/a/b/c"},    {"/", "/"},   {"//..", "/"},
                                           {"/a/x/../b", "/a/b"},       {"/..", "/"}, {"", ""},
                                           {"/a/..b/...", "/a/..b/..."}};
    char expected[4200], *out = NULL;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(ci_path_absolute(&out, pairs[i][0]), CI_OK);
        assert_string_equal(out, pairs[i][1]);
        ci_mem_free(out);
    }
    /* What is above a link is not what stands before it. */
    assert_int_equal(symlink("/", link), 0);
    snprintf(expected, sizeof expected, "%s/../../x", link);
    assert_int_equal(ci_path_absolute(&out, expected), CI_OK);
    assert_string_equal(out, expected);
    ci_mem_free(out);
    char *here = getcwd(NULL, 0), *above = NULL;
    assert_int_equal(ci_path_parent(&above, here), CI_OK);
    assert_int_equal(ci_path_absolute(&out, "./.."), CI_OK);
    assert_string_equal(out, above);
    ci_mem_free(above);
    ci_mem_free(out);
    free(here);
}

static void test_json_has_a_name_once(void **state)
{
    (void)state;
    char *text = NULL;
    ci_json *root = ci_json_object();
    ci_json_put_string(root, "version", "0.1");
    ci_json_put_bool(root, "Version", true);
    ci_json_put_int(root, "version", 2);
    assert_int_equal(ci_json_print(&text, root, false), CI_OK);
    assert_string_equal(text, "{\"version\":2,\"Version\":true}");
    ci_mem_free(text);
    ci_json_free(root);
}

static void test_json(void **state)
{
    (void)state;
    ci_json *root = ci_json_object(), *list = ci_json_array(), *back = NULL;
    ci_json_put_number(list, NULL, 0.5);
    ci_json_put_number(list, NULL, 1.0 / 0.0);
    ci_json_put(root, "list", list);
    ci_json_put_int(root, "big", 1234567890123456789);
    ci_json_put_string(root, "name", "a \"b\"");
    char *text = NULL;
    assert_int_equal(ci_json_print(&text, root, false), CI_OK);
    assert_string_equal(
        text, "{\"list\":[0.5,null],\"big\":1234567890123456789,\"name\":\"a \\\"b\\\"\"}");
    assert_int_equal(ci_json_parse(&back, text, "text"), CI_OK);
    assert_true(ci_json_number(ci_json_at(ci_json_get(back, "list"), 0), 0) == 0.5);
    assert_string_equal(ci_json_get_string(back, "name", ""), "a \"b\"");
    ci_json *none = NULL;
    assert_int_equal(ci_json_parse(&none, "{\"a\":", "text"), CI_ERR_INPUT);
    ci_mem_free(text);
    ci_json_free(root);
    ci_json_free(back);
}

/* Names of files are bytes: what is written for others to read is valid all the same. */
static void test_bytes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a\xff_b", "a\xef\xbf\xbd_b"},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc3", "\xef\xbf\xbd"},                                 /* cut off */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""}};
    char *text = NULL, line[] = "a\nb\t\x1b[31m\x7f\xc3\xa9";
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(ci_str_utf8(&text, pairs[i][0]), CI_OK);
        assert_string_equal(text, pairs[i][1]);
        ci_mem_free(text);
    }
    ci_str_one_line(line);
    assert_string_equal(line, "a?b??[31m?\xc3\xa9");
    char broken[] = "\xff\xfe\xe9 \xc2\x9b[m \xe2\x82\xac \xc3"; /* C1 controls are two bytes */
    ci_str_one_line(broken);
    assert_string_equal(broken, "??? ??[m \xe2\x82\xac ?");
    ci_error_prefix(ci_error(CI_ERR_INPUT, "x\ny: %s", "\r"), "in\n%d", 1);
    assert_string_equal(ci_error_text(), "in?1: x?y: ?");
    /* To others valid, to contimg itself the very name. */
    ci_json *root = ci_json_object();
    ci_json_put_string(root, "a\n", "b\xff\n");
    assert_int_equal(ci_json_print(&text, root, true), CI_OK);
    assert_string_equal(text, "{\n\t\"a\\n\":\t\"b\xef\xbf\xbd\\n\"\n}");
    ci_mem_free(text);
    assert_int_equal(ci_json_print(&text, root, false), CI_OK);
    assert_string_equal(text, "{\"a\\n\":\"b\xff\\n\"}");
    ci_mem_free(text);
    ci_json_free(root);
}

static void test_log(void **state)
{
    UNIT_PATH(path, state, "log.jsonl");
    char *text = NULL;
    assert_int_equal(ci_log_set_json_file(path), CI_OK);
    ci_log_error("a\xff\nb");
    assert_int_equal(ci_log_set_json_file(NULL), CI_OK);
    assert_int_equal(ci_file_read(&text, NULL, path), CI_OK);
    assert_non_null(strstr(text, "\"msg\":\"a??b\"}\n"));
    ci_mem_free(text);
}

/* Of two calls, the second makes one file less than the first. */
static void test_set(void **state)
{
    const char *folder = ((unit_case *)*state)->folder;
    char part[300], *path[3];
    for (int i = 0; i < 3; i++) {
        const char *const names[] = {"a", "b", "c"};
        assert_int_equal(ci_path_join(&path[i], folder, names[i]), CI_OK);
        assert_int_equal(ci_file_write(path[i], "first", 5), CI_OK);
        snprintf(part, sizeof part, "%s.part", path[i]);
        if (i != 1) assert_int_equal(ci_file_write(part, "second", 6), CI_OK);
    }
    assert_int_equal(ci_path_commit_set(path, 3), CI_OK);
    for (int i = 0; i < 3; i++) {
        char *text = NULL;
        snprintf(part, sizeof part, "%s.part", path[i]);
        assert_false(ci_path_exists(part));
        assert_int_equal(ci_path_exists(path[i]), i != 1);
        if (i == 1) continue;
        assert_int_equal(ci_file_read(&text, NULL, path[i]), CI_OK);
        assert_string_equal(text, "second");
        ci_mem_free(text);
    }
    assert_int_equal(ci_path_make_folder(path[1]), CI_OK); /* in the way */
    snprintf(part, sizeof part, "%s.part", path[0]);
    assert_int_equal(ci_file_write(part, "third", 5), CI_OK);
    assert_int_equal(ci_path_commit_set(path, 3), CI_ERR_IO);
    assert_non_null(strstr(ci_error_text(), path[1]));
    ci_path_discard_set(path, 3);
    assert_false(ci_path_exists(part));
    assert_true(ci_path_exists(path[0]) && ci_path_exists(path[2])); /* the earlier set stays */
    for (int i = 0; i < 3; i++)
        ci_mem_free(path[i]);
}

/* A name of 10 kB leaves the file before it and the advice after it, and says what is left out. */
static void test_error_short(void **state)
{
    (void)state;
    char name[10001];
    for (size_t i = 0; i + 1 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    name[sizeof name - 1] = '\0';
    ci_error(CI_ERR_INPUT, "x.uvh5: \"%s\": choose one by --field", name);
    const char *text = ci_error_text(), *mark = strstr(text, " [... ");
    assert_true(strlen(text) < 1024 && strlen(text) > 950);
    assert_true(strncmp(text, "x.uvh5: \"", 9) == 0 && mark != NULL);
    assert_string_equal(text + strlen(text) - 24, "\": choose one by --field");
    size_t n_left_out = strtoul(mark + 6, NULL, 10),
           n_mark = (size_t)(strstr(mark, "...] ") + 5 - mark);
    assert_int_equal(strlen(text) - n_mark + n_left_out, sizeof name - 1 + 33);
    assert_true(((unsigned char)mark[-1] & 0xc0) == 0x80 && (mark[n_mark] & 0xc0) == 0xc0);
    ci_error_prefix(CI_ERR_INPUT, "%s", "first");
    assert_true(strncmp(ci_error_text(), "first: x.uvh5", 13) == 0);
    assert_string_equal(text + strlen(text) - 24, "\": choose one by --field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),     cmocka_unit_test(test_error_saved),
        cmocka_unit_test(test_set_clock),  cmocka_unit_test(test_timer_nests),
        cmocka_unit_test(test_timer_adds), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_text),       cmocka_unit_test(test_error_short),
        cmocka_unit_test(test_clock),      UNIT_TEST(test_files),
        UNIT_TEST(test_absolute),          UNIT_TEST(test_set),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_json_has_a_name_once),
        cmocka_unit_test(test_bytes),      UNIT_TEST(test_log)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
