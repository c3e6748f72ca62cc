/* Configurations for tests: from words, from a file of the test's folder, refused. */
#ifndef TEST_CONF_CASE_H
#define TEST_CONF_CASE_H

#include "unit_case.h"

#include "contimg/conf.h"

extern char **environ;

static char conf_file[256]; /* the test's own, set by conf_begin */

/* Nothing of the caller's environment, no file but the test's. */
static inline int conf_begin(void **state)
{
    if (unit_begin(state) != 0) return -1;
    snprintf(conf_file, sizeof conf_file, "%s/contimg.env", ((unit_case *)*state)->folder);
    char name[256];
    for (char **entry = environ; *entry;) {
        size_t n = strcspn(*entry, "=");
        if (n < sizeof name &&
            (strncmp(*entry, "CONTIMG_", 8) == 0 || strncmp(*entry, "CAL_REGISTRY_DB", n) == 0)) {
            memcpy(name, *entry, n);
            name[n] = '\0';
            unsetenv(name);
            entry = environ;
        } else
            entry++;
    }
    setenv("CONTIMG_CONFIG", "", 1);
    return 0;
}

static inline void write_file(const char *text)
{
    FILE *stream = fopen(conf_file, "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static inline ci_status parse(ci_conf **conf, ci_conf_command command, const char *const *words)
{
    char *argv[24] = {(char *)"command"};
    int argc = 1;
    bool help = false;
    while (words && words[argc - 1])
        argv[argc] = (char *)words[argc - 1], argc++;
    return ci_conf_new(conf, command, argc, argv, &help);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline ci_conf *parsed(ci_conf_command command, const char *const *words)
{
    ci_conf *conf = NULL;
    ci_status status = parse(&conf, command, words);
    if (status != CI_OK) print_error("%s\n", ci_error_text());
    assert_int_equal(status, CI_OK);
    return conf;
}

static inline void refused(ci_status expected, ci_conf_command command, const char *const *words,
                           const char *text)
{
    ci_conf *conf = NULL;
    size_t before = ci_mem_now();
    assert_int_equal(parse(&conf, command, words), expected);
    assert_null(conf);
    if (!strstr(ci_error_text(), text)) print_error("no '%s' in '%s'\n", text, ci_error_text());
    assert_non_null(strstr(ci_error_text(), text));
    assert_int_equal(ci_mem_now(), before);
}

#define CONF_TEST(function) cmocka_unit_test_setup_teardown(function, conf_begin, unit_end)

#endif
