/* The option table: parsing, precedence, checking, the configuration file, places, help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "contimg/conf.h"

extern char **environ;

static char folder[] = "/tmp/contimg-conf-XXXXXX";
static char file[64];

/* Nothing of the caller's environment, no file but the test's. */
static int begin(void **state)
{
    (void)state;
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

static void write_file(const char *text)
{
    FILE *stream = fopen(file, "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static ci_status parse(ci_conf **conf, ci_conf_command command, const char *const *words)
{
    char *argv[24] = {(char *)"command"};
    int argc = 1;
    bool help = false;
    while (words && words[argc - 1])
        argv[argc] = (char *)words[argc - 1], argc++;
    return ci_conf_new(conf, command, argc, argv, &help);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static ci_conf *parsed(ci_conf_command command, const char *const *words)
{
    ci_conf *conf = NULL;
    ci_status status = parse(&conf, command, words);
    if (status != CI_OK) print_error("%s\n", ci_error_text());
    assert_int_equal(status, CI_OK);
    return conf;
}

static void refused(ci_status expected, ci_conf_command command, const char *const *words,
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

/* ---- the table ------------------------------------------------------------------------- */

static void names_are_unique_and_defaults_valid(void **state)
{
    (void)state;
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        char variable[64], other[64];
        ci_conf_variable((ci_conf_id)i, variable);
        assert_int_equal(strncmp(variable, "CONTIMG_", 8), 0);
        for (const char *c = ci_conf_name((ci_conf_id)i); *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-');
        for (int k = 0; k < i; k++) {
            ci_conf_variable((ci_conf_id)k, other);
            assert_string_not_equal(variable, other);
            assert_string_not_equal(ci_conf_name((ci_conf_id)i), ci_conf_name((ci_conf_id)k));
        }
    }
    for (int bit = 0; bit < 10; bit++) {
        ci_conf *conf = parsed((ci_conf_command)(1 << bit), NULL);
        for (int i = 0; i < CI_OPT_COUNT; i++) {
            assert_false(ci_conf_is_given(conf, (ci_conf_id)i));
            assert_string_equal(ci_conf_origin(conf, (ci_conf_id)i), "default");
        }
        ci_conf_free(conf);
    }
    assert_int_equal(ci_mem_now(), 0);
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
        {"CONTIMG_MONITOR_INTERVAL", "60"},
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
    ci_conf *conf = parsed(CI_COMMAND_CHECK, NULL);
    for (size_t i = 0; i < sizeof deployed / sizeof *deployed; i++) {
        char variable[64];
        int found = -1;
        for (int k = 0; k < CI_OPT_COUNT; k++) {
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
    ci_conf *conf = parsed(CI_COMMAND_IMAGE,
                           WORDS("a.uvh5", "--size", "512", "--cell-arcsec=2.5", "--flag",
                                 "--weighting", "NATURAL", "--robust", "-0.5", "--", "--odd"));
    assert_int_equal(ci_conf_int(conf, CI_OPT_SIZE), 512);
    assert_true(ci_conf_double(conf, CI_OPT_CELL_ARCSEC) == 2.5);
    assert_true(ci_conf_double(conf, CI_OPT_ROBUST) == -0.5);
    assert_true(ci_conf_bool(conf, CI_OPT_FLAG));
    assert_false(ci_conf_bool(conf, CI_OPT_NO_AVERAGE));
    assert_string_equal(ci_conf_text(conf, CI_OPT_WEIGHTING), "NATURAL");
    assert_string_equal(ci_conf_origin(conf, CI_OPT_SIZE), "command line");
    assert_int_equal(ci_conf_argument_count(conf), 2);
    assert_string_equal(ci_conf_argument(conf, 0), "a.uvh5");
    assert_string_equal(ci_conf_argument(conf, 1), "--odd");
    char *given = NULL;
    assert_int_equal(ci_conf_given_text(&given, conf), CI_OK);
    assert_string_equal(given, "flag=true size=512 cell-arcsec=2.5 weighting=NATURAL robust=-0.5");
    ci_mem_free(given);
    ci_conf_free(conf);
    /* The last of two wins; a flag may be told off. */
    conf = parsed(CI_COMMAND_IMAGE, WORDS("--size=64", "--size", "128", "--flag", "--flag=no"));
    assert_int_equal(ci_conf_int(conf, CI_OPT_SIZE), 128);
    assert_false(ci_conf_bool(conf, CI_OPT_FLAG));
    ci_conf_free(conf);
    assert_int_equal(ci_mem_now(), 0);
}

static void bad_command_lines_are_refused(void **state)
{
    (void)state;
    const ci_conf_command image = CI_COMMAND_IMAGE;
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
    refused(CI_ERR_INPUT, image, WORDS("--config", folder), "a folder");
}

/* ---- file and environment -------------------------------------------------------------------- */

static void precedence_is_default_file_environment_line(void **state)
{
    (void)state;
    write_file("CONTIMG_SIZE=100\nCONTIMG_NITER=200\nCONTIMG_ROBUST=1\n");
    setenv("CONTIMG_NITER", "300", 1);
    setenv("CONTIMG_ROBUST", "2", 1);
    ci_conf *conf = parsed(CI_COMMAND_IMAGE, WORDS("--config", file, "--robust", "-2"));
    char origin[80];
    snprintf(origin, sizeof origin, "%s:1", file);
    assert_int_equal(ci_conf_int(conf, CI_OPT_SIZE), 100);
    assert_string_equal(ci_conf_origin(conf, CI_OPT_SIZE), origin);
    assert_int_equal(ci_conf_int(conf, CI_OPT_NITER), 300);
    assert_string_equal(ci_conf_origin(conf, CI_OPT_NITER), "environment");
    assert_true(ci_conf_double(conf, CI_OPT_ROBUST) == -2);
    assert_string_equal(ci_conf_origin(conf, CI_OPT_ROBUST), "command line");
    assert_string_equal(ci_conf_origin(conf, CI_OPT_ACCURACY), "default");
    assert_string_equal(ci_conf_file(conf), file);
    ci_conf_free(conf);
    /* The file by its variable; --config before it. */
    setenv("CONTIMG_CONFIG", "/no/such.env", 1);
    refused(CI_ERR_INPUT, CI_COMMAND_IMAGE, NULL, "/no/such.env");
    setenv("CONTIMG_CONFIG", file, 1);
    conf = parsed(CI_COMMAND_IMAGE, NULL);
    assert_int_equal(ci_conf_int(conf, CI_OPT_SIZE), 100);
    ci_conf_free(conf);
    assert_int_equal(ci_mem_now(), 0);
}

static void an_empty_value_is_no_default(void **state)
{
    (void)state;
    const ci_conf_command run = CI_COMMAND_RUN;
    char text[96];
    refused(CI_ERR_USAGE, run, WORDS("--output-dir", ""), "--output-dir '' (command line): empty");
    refused(CI_ERR_USAGE, run, WORDS("--input-dir="), "--input-dir '' (command line): empty");
    refused(CI_ERR_USAGE, run, WORDS("--beam", ""), "--beam '' (command line): empty");
    write_file("\nCONTIMG_PRODUCTS_DIR=\n");
    snprintf(text, sizeof text, "--products-dir '' (%s:2): empty", file);
    refused(CI_ERR_USAGE, run, WORDS("--config", file), text);
    setenv("CONTIMG_STATE_DIR", "", 1);
    refused(CI_ERR_USAGE, run, NULL, "--state-dir '' (environment): empty");
    /* A better one stands in for it, and other commands do not look at it. */
    ci_conf_free(parsed(run, WORDS("--state-dir", "/s")));
    ci_conf_free(parsed(CI_COMMAND_IMAGE, NULL));
    unsetenv("CONTIMG_STATE_DIR");
    /* What has no default is not given where it is empty, and configures no places. */
    setenv("CONTIMG_SCRATCH_DIR", "", 1);
    ci_conf *conf = parsed(run, WORDS("--group", "", "--queue-db", ""));
    ci_conf_paths p;
    assert_int_equal(ci_conf_paths_new(&p, conf), CI_OK);
    assert_true(p.is_local_default || ci_path_is_folder("/data/dsa110-contimg"));
    ci_conf_paths_free(&p);
    ci_conf_free(conf);
    unsetenv("CONTIMG_SCRATCH_DIR");
    assert_int_equal(ci_mem_now(), 0);
}

static void files_are_read_in_both_forms(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF# a comment\r\n; another\r\n\r\n"
                               "export CONTIMG_SIZE=\"128\"\r\n"
                               "  CONTIMG_STOKES = 'Q'\r\n"
                               "[imaging]\r\n"
                               "cell-arcsec = 3\r\n"
                               "auto_mask = 6\r\n"
                               "\tCONTIMG_ROBUST=1\r\n"
                               "PIPELINE_THREADS=8\r\nOMP_NUM_THREADS=4\r\n"
                               "CONTIMG_NITER=1\r\nCONTIMG_NITER=2";
    write_file(text);
    ci_conf *conf = parsed(CI_COMMAND_IMAGE, WORDS("--config", file));
    char origin[80];
    snprintf(origin, sizeof origin, "%s:5", file);
    assert_int_equal(ci_conf_int(conf, CI_OPT_SIZE), 128);
    assert_string_equal(ci_conf_text(conf, CI_OPT_STOKES), "Q");
    assert_string_equal(ci_conf_origin(conf, CI_OPT_STOKES), origin);
    assert_true(ci_conf_double(conf, CI_OPT_CELL_ARCSEC) == 3);
    assert_true(ci_conf_double(conf, CI_OPT_AUTO_MASK) == 6);
    assert_true(ci_conf_double(conf, CI_OPT_ROBUST) == 1);
    assert_int_equal(ci_conf_int(conf, CI_OPT_NITER), 2);
    ci_conf_free(conf);
}

static void long_lines(void **state)
{
    (void)state;
    char text[1200], path[600];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    snprintf(text, sizeof text, "PYTHONPATH=%s\n# %s\nCONTIMG_SIZE=64\n", path, "");
    write_file(text);
    ci_conf *conf = parsed(CI_COMMAND_IMAGE, WORDS("--config", file));
    assert_int_equal(ci_conf_int(conf, CI_OPT_SIZE), 64);
    ci_conf_free(conf);
    snprintf(text, sizeof text, "CONTIMG_SIZE=64\nCONTIMG_OUT=%s\n", path);
    write_file(text);
    refused(CI_ERR_USAGE, CI_COMMAND_IMAGE, WORDS("--config", file),
            ":2: CONTIMG_OUT: longer than");
}

static void bad_files_are_refused_by_line(void **state)
{
    (void)state;
    char text[96];
    write_file("CONTIMG_SIZE=64\nsise = 3\n");
    refused(CI_ERR_USAGE, CI_COMMAND_IMAGE, WORDS("--config", file),
            ":2: unknown key 'sise', did you mean 'size'?");
    write_file("CONTIMG_SIZE=64\n\njust words\n");
    refused(CI_ERR_USAGE, CI_COMMAND_IMAGE, WORDS("--config", file), ":3: not KEY=VALUE");
    write_file("\nCONTIMG_SIZE=many\n");
    snprintf(text, sizeof text, "--size 'many' (%s:2): not a whole number", file);
    refused(CI_ERR_USAGE, CI_COMMAND_IMAGE, WORDS("--config", file), text);
    /* Not an option of this command: not looked at. */
    write_file("CONTIMG_STATE_DIR=${NOWHERE}\nCONTIMG_TEAMS=many\n");
    ci_conf *conf = parsed(CI_COMMAND_IMAGE, WORDS("--config", file));
    ci_conf_free(conf);
    refused(CI_ERR_USAGE, CI_COMMAND_RUN, WORDS("--config", file), ":1): holds a ${NAME}");
    refused(CI_ERR_USAGE, CI_COMMAND_RUN, WORDS("--config", file, "--state-dir", "s"), "many");
    assert_int_equal(ci_mem_now(), 0);
}

static void names_are_expanded(void **state)
{
    (void)state;
    char text[96];
    write_file("ROOT=/mine\nCONTIMG_STATE_DIR=${CONTIMG_HOME}/state\n"
               "CONTIMG_QUEUE_DB=${CONTIMG_STATE_DIR}/q.sqlite3\nCONTIMG_HOME=${ROOT}/x\n"
               "CONTIMG_INPUT_DIR=${TEST_CONF_IN}/a${TEST_CONF_IN}$HOME$\n");
    setenv("ROOT", "/theirs", 1);
    setenv("TEST_CONF_IN", "/in", 1);
    setenv("CONTIMG_PRODUCTS_DIR", "${TEST_CONF_IN}/products", 1);
    ci_conf *conf = parsed(CI_COMMAND_RUN, WORDS("--config", file));
    assert_string_equal(ci_conf_text(conf, CI_OPT_STATE_DIR), "/mine/x/state");
    assert_string_equal(ci_conf_text(conf, CI_OPT_QUEUE_DB), "/mine/x/state/q.sqlite3");
    assert_string_equal(ci_conf_text(conf, CI_OPT_INPUT_DIR), "/in/a/in$HOME$");
    assert_string_equal(ci_conf_text(conf, CI_OPT_PRODUCTS_DIR), "/in/products");
    ci_conf_free(conf);
    unsetenv("ROOT");
    unsetenv("TEST_CONF_IN");
    unsetenv("CONTIMG_PRODUCTS_DIR");
    write_file("\nCONTIMG_STATE_DIR=${NOWHERE}/state\n");
    snprintf(text, sizeof text, "--state-dir '${NOWHERE}/state' (%s:2): holds a ${NAME}", file);
    refused(CI_ERR_USAGE, CI_COMMAND_RUN, WORDS("--config", file), text);
    write_file("CONTIMG_STATE_DIR=/a/${CONTIMG_STATE_DIR}\n");
    refused(CI_ERR_USAGE, CI_COMMAND_RUN, WORDS("--config", file), ":1): holds a ${NAME}");
    /* A better value stands in for one that cannot be expanded. */
    conf = parsed(CI_COMMAND_RUN, WORDS("--config", file, "--state-dir", "/b"));
    assert_string_equal(ci_conf_text(conf, CI_OPT_STATE_DIR), "/b");
    ci_conf_free(conf);
}

static void odd_names_are_warned_of_once(void **state)
{
    (void)state;
    write_file("CONTIMG_MS_DIR=${CONTIMG_SCRATCH_DIR}/ms\nCONTIMG_NEW_THING=1\n"
               "CONTIMG_MS_DIR=/b\nTMPDIR=${CONTIMG_SCRATCH_DIR}/tmp\n");
    setenv("CONTIMG_MS_DIR", "${CONTIMG_SCRATCH_DIR}/ms", 1);
    setenv("CONTIMG_TEST_DATA", "/x", 1);
    size_t before = ci_log_warning_count();
    ci_conf *conf = parsed(CI_COMMAND_RUN, WORDS("--config", file));
    assert_int_equal(ci_log_warning_count() - before, 2);
    assert_non_null(strstr(ci_log_warning_get(before), ":1: CONTIMG_MS_DIR is retired"));
    assert_non_null(strstr(ci_log_warning_get(before + 1), ":2: CONTIMG_NEW_THING is unknown"));
    ci_conf_free(conf);
    assert_int_equal(ci_mem_now(), 0);
}

/* ---- quality limits -------------------------------------------------------------------------- */

/* A conf with one option set. */
static ci_conf *with_value(ci_conf_command command, ci_conf_id id, double value)
{
    char option[64];
    snprintf(option, sizeof option, "--%s=%.17g", ci_conf_name(id), value);
    return parsed(command, WORDS(option));
}

static void every_limit_has_its_looser_side(void **state)
{
    (void)state;
    int n_limit = 0;
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        const char *name = ci_conf_name(id);
        if (strncmp(name, "qa-", 3) != 0 || id == CI_OPT_QA_MS_MAX_FLAGGED) continue;
        /* Greatest limits say so by name, and so do least ones. */
        bool is_greatest = strstr(name, "-max-") != NULL;
        assert_true(is_greatest != (strstr(name, "-min-") != NULL));
        double normal = ci_conf_default(id);
        for (int side = -1; side <= 1; side++) {
            ci_conf *conf = with_value(CI_COMMAND_RUN, id, normal * (1 + 0.1 * side));
            bool is_relaxed = side != 0 && (side > 0) == is_greatest;
            if (ci_conf_is_relaxed(conf, id) != is_relaxed) fail_msg("--%s, side %d", name, side);
            for (int k = 0; k < CI_OPT_COUNT; k++)
                assert_true(k == i || !ci_conf_is_relaxed(conf, (ci_conf_id)k));
            size_t before = ci_log_warning_count();
            ci_conf_relaxed_warn(conf);
            assert_int_equal(ci_log_warning_count() - before, is_relaxed);
            ci_conf_free(conf);
        }
        n_limit++;
    }
    /* One that only warns is no limit. */
    ci_conf *conf = with_value(CI_COMMAND_RUN, CI_OPT_QA_MS_MAX_FLAGGED, 1);
    assert_false(ci_conf_is_relaxed(conf, CI_OPT_QA_MS_MAX_FLAGGED));
    ci_conf_free(conf);
    assert_in_range(n_limit, 7, 9); /* one digit in the names of their FITS cards */
    assert_int_equal(ci_mem_now(), 0);
}

static void relaxed_limits_are_named(void **state)
{
    (void)state;
    char text[CI_CONF_RELAXED_TEXT], line[160];
    write_file("CONTIMG_QA_CAL_MAX_PHASE_SCATTER=90.0\nCONTIMG_QA_MS_MAX_FLAGGED=0.4\n");
    setenv("CONTIMG_QA_CAL_MIN_AMP", "1e-3", 1);
    ci_conf *conf = parsed(CI_COMMAND_CALIBRATE,
                           WORDS("--config", file, "--qa-cal-max-amp", "20", "--model", "m.csv"));
    size_t before = ci_log_warning_count();
    ci_conf_relaxed_warn(conf);
    assert_int_equal(ci_log_warning_count() - before, 3);
    assert_string_equal(ci_log_warning_get(before),
                        "--qa-cal-min-amp 1e-3 (environment) is looser than its default 0.1");
    assert_string_equal(ci_log_warning_get(before + 1),
                        "--qa-cal-max-amp 20 (command line) is looser than its default 10");
    snprintf(line, sizeof line,
             "--qa-cal-max-phase-scatter 90.0 (%s:1) is looser than its default 30", file);
    assert_string_equal(ci_log_warning_get(before + 2), line);
    ci_conf_relaxed_text(conf, CI_OPT_QA_CAL_MAX_PHASE_SCATTER, text);
    assert_string_equal(text, "qa-cal-max-phase-scatter 90 (30)");
    ci_conf_relaxed_text(conf, CI_OPT_QA_CAL_MIN_AMP, text);
    assert_string_equal(text, "qa-cal-min-amp 0.001 (0.1)");
    ci_conf_free(conf);
    /* A command that judges nothing has none. */
    conf = parsed(CI_COMMAND_IMAGE, WORDS("--config", file));
    ci_conf_relaxed_warn(conf);
    assert_int_equal(ci_log_warning_count() - before, 3);
    ci_conf_free(conf);
    unsetenv("CONTIMG_QA_CAL_MIN_AMP");
    assert_int_equal(ci_mem_now(), 0);
}

/* ---- places ---------------------------------------------------------------------------------- */

static ci_conf_paths places(const char *text)
{
    ci_conf_paths out;
    write_file(text);
    ci_conf *conf = parsed(CI_COMMAND_RUN, WORDS("--config", file));
    assert_int_equal(ci_conf_paths_new(&out, conf), CI_OK);
    ci_conf_free(conf);
    return out;
}

static void places_are_resolved(void **state)
{
    (void)state;
    ci_conf_paths p = places("CONTIMG_STATE_DIR=/s\nCONTIMG_SCRATCH_DIR=/stage/x\n"
                             "CONTIMG_OUTPUT_DIR=/stage/x/ms\n");
    assert_false(p.is_local_default);
    assert_string_equal(p.staging, "/stage/x");
    assert_string_equal(p.state, "/s");
    assert_string_equal(p.ingest_db, "/s/ingest.sqlite3");
    assert_string_equal(p.products_db, "/s/products.sqlite3");
    assert_string_equal(p.data_registry_db, "/s/data_registry.sqlite3");
    assert_string_equal(p.cal_registry_db, "/s/cal_registry.sqlite3");
    ci_conf_paths_free(&p);
    /* A name that only begins alike is not under it; no scratch folder, no base. */
    p = places("CONTIMG_SCRATCH_DIR=/stage/x\nCONTIMG_OUTPUT_DIR=/stage/xyz\n");
    assert_string_equal(p.staging, "/stage/xyz");
    ci_conf_paths_free(&p);
    p = places("CONTIMG_OUTPUT_DIR=/stage/xyz\n");
    assert_string_equal(p.staging, "/stage/xyz");
    ci_conf_paths_free(&p);
    p = places("CONTIMG_SCRATCH_DIR=/stage/x/\nCONTIMG_OUTPUT_DIR=/stage/x\n");
    assert_string_equal(p.staging, "/stage/x");
    ci_conf_paths_free(&p);
    assert_int_equal(ci_mem_now(), 0);
}

/* However a folder is written, its text is one, and holds in any other current folder. */
static void places_are_absolute(void **state)
{
    (void)state;
    char *here = getcwd(NULL, 0), expected[4200];
    assert_non_null(here);
    ci_conf_paths p = places("CONTIMG_STATE_DIR=./s/\nCONTIMG_OUTPUT_DIR=a/../out//x\n"
                             "CONTIMG_PRODUCTS_DIR=/p/./q/\nCONTIMG_INPUT_DIR=.\n"
                             "CONTIMG_SCRATCH_DIR=./out\nCONTIMG_QUEUE_DB=q.sqlite3\n");
    snprintf(expected, sizeof expected, "%s/s", here);
    assert_string_equal(p.state, expected);
    snprintf(expected, sizeof expected, "%s/out", here);
    assert_string_equal(p.staging, expected);
    assert_string_equal(p.products, "/p/q");
    assert_string_equal(p.input, here);
    snprintf(expected, sizeof expected, "%s/q.sqlite3", here);
    assert_string_equal(p.ingest_db, expected);
    snprintf(expected, sizeof expected, "%s/s/products.sqlite3", here);
    assert_string_equal(p.products_db, expected);
    ci_conf_paths_free(&p);
    free(here);
    assert_int_equal(ci_mem_now(), 0);
}

static void calibration_registry_under_the_old_name(void **state)
{
    (void)state;
    size_t before = ci_log_warning_count();
    ci_conf_paths p = places("CONTIMG_STATE_DIR=/s\n"
                             "CONTIMG_REGISTRY_DB=${CONTIMG_STATE_DIR}/cal_registry.sqlite3\n");
    assert_string_equal(p.data_registry_db, "/s/data_registry.sqlite3");
    assert_string_equal(p.cal_registry_db, "/s/cal_registry.sqlite3");
    assert_int_equal(ci_log_warning_count() - before, 1);
    ci_conf_paths_free(&p);
    p = places("CONTIMG_STATE_DIR=/s\nCAL_REGISTRY_DB=/c/cals.sqlite3\n");
    assert_string_equal(p.cal_registry_db, "/c/cals.sqlite3");
    ci_conf_paths_free(&p);
    p = places("CONTIMG_STATE_DIR=/s\nCONTIMG_CAL_REGISTRY_DB=/own.sqlite3\n"
               "CAL_REGISTRY_DB=/c/cals.sqlite3\n");
    assert_string_equal(p.cal_registry_db, "/own.sqlite3");
    ci_conf_paths_free(&p);
    setenv("CAL_REGISTRY_DB", "/env.sqlite3", 1);
    p = places("CONTIMG_STATE_DIR=/s\nCONTIMG_CAL_REGISTRY_DB=/own.sqlite3\n");
    assert_string_equal(p.cal_registry_db, "/own.sqlite3");
    ci_conf_paths_free(&p);
    p = places("CONTIMG_STATE_DIR=/s\n");
    assert_string_equal(p.cal_registry_db, "/env.sqlite3");
    ci_conf_paths_free(&p);
    unsetenv("CAL_REGISTRY_DB");
    assert_int_equal(ci_mem_now(), 0);
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
    ci_conf_help(out, CI_COMMAND_IMAGE, "contimg image", "About it.");
}

static void print_man(FILE *out)
{
    const char *const see_also[] = {"contimg", "contimg-image", NULL};
    ci_conf_page page = {.command = CI_COMMAND_IMAGE,
                         .name = "image",
                         .usage = "contimg image",
                         .about = "About it.",
                         .see_also = see_also};
    ci_conf_man(out, &page);
}

static void print_values(FILE *out)
{
    ci_conf *conf = parsed(CI_COMMAND_IMAGE, WORDS("--size", "64"));
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
    assert_int_equal(n_line, CI_OPT_COUNT);
    free(help);
    free(man);
    free(values);
}

static int end(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    snprintf(file, sizeof file, "%s/contimg.env", folder);
    ci_log_set_level(CI_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names_are_unique_and_defaults_valid, begin),
        cmocka_unit_test_setup(deployed_names_keep_their_defaults, begin),
        cmocka_unit_test_setup(values_are_read, begin),
        cmocka_unit_test_setup(bad_command_lines_are_refused, begin),
        cmocka_unit_test_setup(precedence_is_default_file_environment_line, begin),
        cmocka_unit_test_setup(files_are_read_in_both_forms, begin),
        cmocka_unit_test_setup(long_lines, begin),
        cmocka_unit_test_setup(bad_files_are_refused_by_line, begin),
        cmocka_unit_test_setup(an_empty_value_is_no_default, begin),
        cmocka_unit_test_setup(names_are_expanded, begin),
        cmocka_unit_test_setup(odd_names_are_warned_of_once, begin),
        cmocka_unit_test_setup(every_limit_has_its_looser_side, begin),
        cmocka_unit_test_setup(relaxed_limits_are_named, begin),
        cmocka_unit_test_setup(places_are_resolved, begin),
        cmocka_unit_test_setup(places_are_absolute, begin),
        cmocka_unit_test_setup(calibration_registry_under_the_old_name, begin),
        cmocka_unit_test_setup(texts_hold_the_options_of_the_command, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
