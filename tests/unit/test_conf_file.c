/* conf: the configuration file and the environment, and which value wins. */
#include "conf_case.h"

/* ---- file and environment -------------------------------------------------------------------- */

static void precedence_is_default_file_environment_line(void **state)
{
    (void)state;
    write_file("CONTIMG_SIZE=100\nCONTIMG_NITER=200\nCONTIMG_ROBUST=1\n");
    setenv("CONTIMG_NITER", "300", 1);
    setenv("CONTIMG_ROBUST", "2", 1);
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file, "--robust", "-2"));
    char origin[300];
    snprintf(origin, sizeof origin, "%s:1", conf_file);
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_SIZE), 100);
    assert_string_equal(ci_conf_origin(conf, CI_CONF_OPT_SIZE), origin);
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_NITER), 300);
    assert_string_equal(ci_conf_origin(conf, CI_CONF_OPT_NITER), "environment");
    assert_true(ci_conf_double(conf, CI_CONF_OPT_ROBUST) == -2);
    assert_string_equal(ci_conf_origin(conf, CI_CONF_OPT_ROBUST), "command line");
    assert_string_equal(ci_conf_origin(conf, CI_CONF_OPT_ACCURACY), "default");
    assert_string_equal(ci_conf_file(conf), conf_file);
    ci_conf_free(conf);
}

static void the_file_is_named_by_its_variable(void **state)
{
    (void)state;
    write_file("CONTIMG_SIZE=100\n");
    setenv("CONTIMG_CONFIG", "/no/such.env", 1);
    refused(CI_ERR_INPUT, CI_CONF_COMMAND_IMAGE, NULL, "/no/such.env");
    setenv("CONTIMG_CONFIG", conf_file, 1);
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, NULL);
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_SIZE), 100);
    ci_conf_free(conf);
}

static void an_empty_value_is_no_default(void **state)
{
    (void)state;
    const ci_conf_command run = CI_CONF_COMMAND_RUN;
    char text[320];
    refused(CI_ERR_USAGE, run, WORDS("--output-dir", ""), "--output-dir '' (command line): empty");
    refused(CI_ERR_USAGE, run, WORDS("--input-dir="), "--input-dir '' (command line): empty");
    refused(CI_ERR_USAGE, run, WORDS("--beam", ""), "--beam '' (command line): empty");
    refused(CI_ERR_USAGE, run, WORDS("--uv-range", ""), "--uv-range '' (command line): empty");
    refused(CI_ERR_USAGE, run, WORDS("--cal="), "--cal '' (command line): empty");
    write_file("\nCONTIMG_PRODUCTS_DIR=\n");
    snprintf(text, sizeof text, "--products-dir '' (%s:2): empty", conf_file);
    refused(CI_ERR_USAGE, run, WORDS("--config", conf_file), text);
    setenv("CONTIMG_STATE_DIR", "", 1);
    refused(CI_ERR_USAGE, run, NULL, "--state-dir '' (environment): empty");
    /* A better one stands in for it, and other commands do not look at it. */
    ci_conf_free(parsed(run, WORDS("--state-dir", "/s")));
    ci_conf_free(parsed(CI_CONF_COMMAND_IMAGE, NULL));
}

/* As systemd reads the same file for the services. */
static void a_value_ends_with_its_line(void **state)
{
    (void)state;
    const ci_conf_command monitor = CI_CONF_COMMAND_MONITOR;
    write_file(
        "CONTIMG_ALERT_COMMAND=tee -a /var/log/a ; mail ops@x \nCONTIMG_CONTACT = \"a ; b\"\n"
        "CONTIMG_STATE_DIR: '/x ;y'\n; CONTIMG_STATE_DIR=/comment\n");
    ci_conf *conf = parsed(monitor, WORDS("--config", conf_file));
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_ALERT_COMMAND),
                        "tee -a /var/log/a ; mail ops@x");
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_CONTACT), "a ; b");
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_STATE_DIR), "/x ;y");
    ci_conf_free(conf);
}

/* It configures no paths either. */
static void an_empty_value_without_default_is_not_given(void **state)
{
    (void)state;
    setenv("CONTIMG_SCRATCH_DIR", "", 1);
    ci_conf *conf = parsed(CI_CONF_COMMAND_RUN, WORDS("--group", "", "--queue-db", ""));
    ci_conf_paths p;
    assert_int_equal(ci_conf_paths_new(&p, conf), CI_OK);
    assert_true(p.is_local_default || ci_path_is_folder("/data/dsa110-contimg"));
    ci_conf_paths_free(&p);
    ci_conf_free(conf);
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
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file));
    char origin[300];
    snprintf(origin, sizeof origin, "%s:5", conf_file);
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_SIZE), 128);
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_STOKES), "Q");
    assert_string_equal(ci_conf_origin(conf, CI_CONF_OPT_STOKES), origin);
    assert_true(ci_conf_double(conf, CI_CONF_OPT_CELL_ARCSEC) == 3);
    assert_true(ci_conf_double(conf, CI_CONF_OPT_AUTO_MASK) == 6);
    assert_true(ci_conf_double(conf, CI_CONF_OPT_ROBUST) == 1);
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_NITER), 2);
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
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file));
    assert_int_equal(ci_conf_int(conf, CI_CONF_OPT_SIZE), 64);
    ci_conf_free(conf);
    snprintf(text, sizeof text, "CONTIMG_SIZE=64\nCONTIMG_OUT=%s\n", path);
    write_file(text);
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file),
            ":2: CONTIMG_OUT: longer than");
}

static void bad_files_are_refused_by_line(void **state)
{
    (void)state;
    char text[320];
    write_file("CONTIMG_SIZE=64\nsise = 3\n");
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file),
            ":2: unknown key 'sise', did you mean 'size'?");
    write_file("CONTIMG_SIZE=64\n\njust words\n");
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file), ":3: not KEY=VALUE");
    write_file("\nCONTIMG_SIZE=many\n");
    snprintf(text, sizeof text, "--size 'many' (%s:2): not a whole number", conf_file);
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file), text);
}

static void options_of_other_commands_are_not_looked_at(void **state)
{
    (void)state;
    write_file("CONTIMG_STATE_DIR=${NOWHERE}\nCONTIMG_TEAMS=many\n");
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file));
    ci_conf_free(conf);
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_RUN, WORDS("--config", conf_file),
            ":1): holds a ${NAME}");
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_RUN, WORDS("--config", conf_file, "--state-dir", "s"),
            "many");
}

static void names_are_expanded(void **state)
{
    (void)state;
    write_file("ROOT=/mine\nCONTIMG_STATE_DIR=${CONTIMG_HOME}/state\n"
               "CONTIMG_QUEUE_DB=${CONTIMG_STATE_DIR}/q.sqlite3\nCONTIMG_HOME=${ROOT}/x\n"
               "CONTIMG_INPUT_DIR=${TEST_CONF_IN}/a${TEST_CONF_IN}$HOME$\n");
    setenv("ROOT", "/theirs", 1);
    setenv("TEST_CONF_IN", "/in", 1);
    setenv("CONTIMG_PRODUCTS_DIR", "${TEST_CONF_IN}/products", 1);
    ci_conf *conf = parsed(CI_CONF_COMMAND_RUN, WORDS("--config", conf_file));
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_STATE_DIR), "/mine/x/state");
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_QUEUE_DB), "/mine/x/state/q.sqlite3");
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_INPUT_DIR), "/in/a/in$HOME$");
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_PRODUCTS_DIR), "/in/products");
    ci_conf_free(conf);
}

static void names_that_cannot_be_expanded_are_refused(void **state)
{
    (void)state;
    char text[320];
    write_file("\nCONTIMG_STATE_DIR=${NOWHERE}/state\n");
    snprintf(text, sizeof text, "--state-dir '${NOWHERE}/state' (%s:2): holds a ${NAME}",
             conf_file);
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_RUN, WORDS("--config", conf_file), text);
    write_file("CONTIMG_STATE_DIR=/a/${CONTIMG_STATE_DIR}\n");
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_RUN, WORDS("--config", conf_file),
            ":1): holds a ${NAME}");
    /* A better value stands in for one that cannot be expanded. */
    ci_conf *conf = parsed(CI_CONF_COMMAND_RUN, WORDS("--config", conf_file, "--state-dir", "/b"));
    assert_string_equal(ci_conf_text(conf, CI_CONF_OPT_STATE_DIR), "/b");
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
    ci_conf *conf = parsed(CI_CONF_COMMAND_RUN, WORDS("--config", conf_file));
    assert_int_equal(ci_log_warning_count() - before, 2);
    assert_non_null(strstr(ci_log_warning_get(before), ":1: CONTIMG_MS_DIR is retired"));
    assert_non_null(strstr(ci_log_warning_get(before + 1), ":2: CONTIMG_NEW_THING is unknown"));
    ci_conf_free(conf);
}

int main(void)
{
    ci_log_set_level(CI_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        CONF_TEST(precedence_is_default_file_environment_line),
        CONF_TEST(the_file_is_named_by_its_variable),
        CONF_TEST(an_empty_value_is_no_default),
        CONF_TEST(an_empty_value_without_default_is_not_given),
        CONF_TEST(files_are_read_in_both_forms),
        CONF_TEST(a_value_ends_with_its_line),
        CONF_TEST(long_lines),
        CONF_TEST(bad_files_are_refused_by_line),
        CONF_TEST(options_of_other_commands_are_not_looked_at),
        CONF_TEST(names_are_expanded),
        CONF_TEST(names_that_cannot_be_expanded_are_refused),
        CONF_TEST(odd_names_are_warned_of_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
