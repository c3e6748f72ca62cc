/* conf: the option table, the command line, help and lists of values. */
#include "conf_case.h"

#include "conf/table.h"

/* ---- the table ------------------------------------------------------------------------- */

static void names_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        char variable[64], other[64];
        ci_conf_variable((ci_conf_id)i, variable);
        assert_int_equal(strncmp(variable, "CONTIMG_", 8), 0);
        for (const char *c = ci_conf_name((ci_conf_id)i); *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-');
        for (int k = 0; k < i; k++) {
            ci_conf_variable((ci_conf_id)k, other);
            assert_string_not_equal(variable, other);
            bool is_same = strcmp(ci_conf_name((ci_conf_id)i), ci_conf_name((ci_conf_id)k)) == 0;
            /* One name may mean two things, each to commands of its own. */
            assert_false(is_same && (ci_conf_rows[i].commands & ci_conf_rows[k].commands));
        }
    }
}

static void nothing_is_given_by_default(void **state)
{
    (void)state;
    for (int bit = 0; bit < 14; bit++) {
        ci_conf *conf = parsed((ci_conf_command)(1 << bit), NULL);
        for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
            assert_false(ci_conf_is_given(conf, (ci_conf_id)i));
            assert_string_equal(ci_conf_origin(conf, (ci_conf_id)i), "default");
        }
        ci_conf_free(conf);
    }
}

static void deployed_names_keep_their_defaults(void **state)
{
    (void)state;
    static const struct
    {
        const char *variable, *value;
    } deployed[] = {
        {"CONTIMG_INPUT_DIR", "/data/incoming"},
        {"CONTIMG_OUTPUT_DIR", "/stage/dsa110-contimg"},
        {"CONTIMG_STATE_DIR", "/data/dsa110-contimg/state"},
        {"CONTIMG_PRODUCTS_DIR", "/data/dsa110-contimg/products"},
        {"CONTIMG_API_PORT", "8000"},
        {"CONTIMG_EXPECTED_SUBBANDS", "16"},
        {"CONTIMG_CHUNK_MINUTES", "5"},
        {"CONTIMG_LOG_LEVEL", "INFO"},
        {"CONTIMG_MONITOR_INTERVAL", "300"},
        {"CONTIMG_DISK_WARN_GB", "200"},
        {"CONTIMG_DISK_CRITICAL_GB", "100"},
        {"CONTIMG_CAL_BANDPASS_INTERVAL_HOURS", "24"},
        {"CONTIMG_CAL_GAIN_INTERVAL_HOURS", "1"},
        {"CONTIMG_QA_MS_MAX_FLAGGED", "0.5"},
        {"CONTIMG_QA_CAL_MAX_FLAGGED", "0.3"},
        {"CONTIMG_QA_CAL_MIN_AMP", "0.1"},
        {"CONTIMG_QA_CAL_MAX_AMP", "10"},
        {"CONTIMG_QA_IMG_MIN_DYNAMIC_RANGE", "5"},
        {"CONTIMG_QA_IMG_MIN_PEAK_SNR", "5"},
        {"CONTIMG_TMPFS_PATH", "/dev/shm"},
    };
    ci_conf *conf = parsed(CI_CONF_COMMAND_CHECK, NULL);
    for (size_t i = 0; i < sizeof deployed / sizeof *deployed; i++) {
        char variable[64];
        int found = -1;
        for (int k = 0; k < CI_CONF_OPT_COUNT; k++) {
            ci_conf_variable((ci_conf_id)k, variable);
            if (strcmp(variable, deployed[i].variable) == 0) found = k;
        }
        if (found < 0) fail_msg("%s is not in the table", deployed[i].variable);
        assert_string_equal(ci_conf_text(conf, (ci_conf_id)found), deployed[i].value);
    }
    ci_conf_free(conf);
}

/* ---- command line ------------------------------------------------------------------------ */

static void values_are_read(void **state)
{
    (void)state;
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE,
                           WORDS("a.uvh5", "--size", "512", "--cell-arcsec=2.5", "--flag",
                                 "--weighting", "NATURAL", "--robust", "-0.5", "--", "--odd"));
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_SIZE), 512);
    assert_true(ci_conf_double(conf, CI_CONF_OPT_CELL_ARCSEC) == 2.5);
    assert_true(ci_conf_double(conf, CI_CONF_OPT_ROBUST) == -0.5);
    assert_true(ci_conf_bool(conf, CI_CONF_OPT_FLAG));
    assert_false(ci_conf_bool(conf, CI_CONF_OPT_NO_AVERAGE));
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_WEIGHTING), "NATURAL");
    assert_string_equal(ci_conf_origin(conf, CI_CONF_OPT_SIZE), "command line");
    assert_int_equal(ci_conf_argument_count(conf), 2);
    assert_string_equal(ci_conf_argument(conf, 0), "a.uvh5");
    assert_string_equal(ci_conf_argument(conf, 1), "--odd");
    char *given = NULL;
    assert_int_equal(ci_conf_given_text(&given, conf), CI_OK);
    assert_string_equal(given, "flag=true size=512 cell-arcsec=2.5 weighting=NATURAL robust=-0.5");
    ci_mem_free(given);
    ci_conf_free(conf);
}

static void the_last_of_two_values_wins(void **state)
{
    (void)state;
    ci_conf *conf =
        parsed(CI_CONF_COMMAND_IMAGE, WORDS("--size=64", "--size", "128", "--flag", "--flag=no"));
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_SIZE), 128);
    assert_false(ci_conf_bool(conf, CI_CONF_OPT_FLAG));
    ci_conf_free(conf);
}

static void bad_command_lines_are_refused(void **state)
{
    (void)state;
    const ci_conf_command image = CI_CONF_COMMAND_IMAGE;
    refused(CI_ERR_USAGE, image, WORDS("--sise", "3"), "did you mean --size");
    refused(CI_ERR_USAGE, image, WORDS("--halp"), "did you mean --help");
    refused(CI_ERR_USAGE, image, WORDS("--qqqqqqqq"), "is unknown; --help");
    refused(CI_ERR_USAGE, image, WORDS("--teams", "3"), "is not for this command");
    refused(CI_ERR_USAGE, image, WORDS("-s", "3"), "two dashes");
    refused(CI_ERR_USAGE, image, WORDS("--size"), "needs a value");
    refused(CI_ERR_USAGE, image, WORDS("--size", "12x"),
            "--size '12x' (command line): not a whole");
    refused(CI_ERR_USAGE, image, WORDS("--size", "1.5"), "not a whole number");
    refused(CI_ERR_USAGE, image, WORDS("--size", ""), "not a whole number");
    refused(CI_ERR_USAGE, image, WORDS("--size", "-1"), "must lie between 0 and 65536");
    refused(CI_ERR_USAGE, image, WORDS("--size", "99999999999999999999"), "--size");
    refused(CI_ERR_USAGE, image, WORDS("--robust", "nan"), "--robust 'nan'");
    refused(CI_ERR_USAGE, image, WORDS("--robust", "0x"), "not a number");
    refused(CI_ERR_USAGE, image, WORDS("--cell-arcsec", "inf"), "--cell-arcsec 'inf'");
    refused(CI_ERR_USAGE, image, WORDS("--accuracy", "0"), "must lie between 1e-12 and 0.01");
    refused(CI_ERR_USAGE, image, WORDS("--weighting", "brigs"),
            "use one of natural|uniform|briggs");
    refused(CI_ERR_USAGE, image, WORDS("--weighting", "nat"), "use one of");
    refused(CI_ERR_USAGE, image, WORDS("--flag=perhaps"), "use true or false");
    refused(CI_ERR_USAGE, image, WORDS("--out", "${NOWHERE}/x"), "${NAME} that is set nowhere");
    refused(CI_ERR_USAGE, image, WORDS("--log-level", "LOUD"), "DEBUG|INFO|WARNING|ERROR");
    refused(CI_ERR_INPUT, image, WORDS("--config", "/no/such.env"), "/no/such.env");
    refused(CI_ERR_INPUT, image, WORDS("--config", ((unit_case *)*state)->folder), "a folder");
}

/* ---- texts ----------------------------------------------------------------------------------- */

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    assert_non_null(stream);
    print(stream);
    fclose(stream);
    return text;
}

static void print_help(FILE *out)
{
    ci_conf_help(out, CI_CONF_COMMAND_IMAGE, "contimg image", "About it.");
}

static void print_man(FILE *out)
{
    const char *const see_also[] = {"contimg", "contimg-image", NULL};
    ci_conf_page page = {.command = CI_CONF_COMMAND_IMAGE,
                         .name = "image",
                         .usage = "contimg image",
                         .about = "About it.",
                         .see_also = see_also};
    ci_conf_man(out, &page);
}

static void print_values(FILE *out)
{
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, WORDS("--size", "64"));
    ci_conf_print(out, conf);
    ci_conf_free(conf);
}

static void texts_hold_the_options_of_the_command(void **state)
{
    (void)state;
    char *help = printed(print_help), *man = printed(print_man), *values = printed(print_values);
    assert_non_null(strstr(help, "--cell-arcsec arcsec"));
    assert_non_null(strstr(help, "CONTIMG_CELL_ARCSEC"));
    assert_non_null(strstr(help, "--help"));
    assert_null(strstr(help, "--teams"));
    assert_non_null(strstr(man, ".TH CONTIMG\\-IMAGE 1"));
    assert_non_null(strstr(man, "\\-\\-cell\\-arcsec\\fR \\fIarcsec"));
    assert_null(strstr(man, "\\-\\-teams"));
    assert_non_null(strstr(man, ".SH EXIT STATUS"));
    assert_non_null(strstr(values, "CONTIMG_SIZE=64  # command line\n"));
    assert_non_null(strstr(values, "CONTIMG_NITER=100000  # default\n"));
    size_t n_line = 0;
    for (const char *c = values; *c; c++)
        n_line += *c == '\n';
    assert_int_equal(n_line, CI_CONF_OPT_COUNT);
    free(help);
    free(man);
    free(values);
}

static void a_word_is_no_option(void **state)
{
    (void)state;
    const ci_conf_command clean = CI_CONF_COMMAND_CLEAN;
    static const char *const words[][3] = {{"dry-run"}, {"--", "--dry-run"}, {"--dry-run", "no"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ci_conf *conf = parsed(clean, words[i]);
        assert_int_equal(ci_conf_check_no_argument(conf, "clean"), CI_ERR_USAGE);
        assert_non_null(strstr(ci_error_text(), "contimg clean takes options only, not '"));
        if (i < 2) assert_non_null(strstr(ci_error_text(), "did you mean --dry-run?"));
        ci_conf_free(conf);
    }
    ci_conf *conf = parsed(clean, WORDS("--dry-run"));
    assert_int_equal(ci_conf_check_no_argument(conf, "clean"), CI_OK);
    ci_conf_free(conf);
}

int main(void)
{
    ci_log_set_level(CI_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        CONF_TEST(names_are_unique),
        CONF_TEST(nothing_is_given_by_default),
        CONF_TEST(deployed_names_keep_their_defaults),
        CONF_TEST(values_are_read),
        CONF_TEST(the_last_of_two_values_wins),
        CONF_TEST(bad_command_lines_are_refused),
        CONF_TEST(texts_hold_the_options_of_the_command),
        CONF_TEST(a_word_is_no_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
