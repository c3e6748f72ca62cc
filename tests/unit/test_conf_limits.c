/* conf: quality limits that were relaxed, and the paths that options resolve to. */
#include "conf_case.h"

#include "contimg/tile.h"

#include <ctype.h>
#include <unistd.h>

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
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        const char *name = ci_conf_name(id);
        if (strncmp(name, "qa-", 3) != 0 || id == CI_CONF_OPT_QA_MS_MAX_FLAGGED) continue;
        /* Greatest limits say so by name, and so do least ones. */
        bool is_greatest = strstr(name, "-max-") != NULL;
        assert_true(is_greatest != (strstr(name, "-min-") != NULL));
        double normal = ci_conf_default(id);
        for (int side = -1; side <= 1; side++) {
            ci_conf *conf = with_value(CI_CONF_COMMAND_RUN, id, normal * (1 + 0.1 * side));
            bool is_relaxed = side != 0 && (side > 0) == is_greatest;
            if (ci_conf_is_relaxed(conf, id) != is_relaxed) fail_msg("--%s, side %d", name, side);
            for (int k = 0; k < CI_CONF_OPT_COUNT; k++)
                assert_true(k == i || !ci_conf_is_relaxed(conf, (ci_conf_id)k));
            size_t before = ci_log_warning_count();
            ci_conf_relaxed_warn(conf);
            assert_int_equal(ci_log_warning_count() - before, is_relaxed);
            ci_conf_free(conf);
        }
        n_limit++;
    }
    assert_in_range(n_limit, 7, 35); /* one character in the names of their FITS cards */
}

/* All at once: a FITS card each, whose names are 8 characters long. */
static void every_limit_has_its_card(void **state)
{
    (void)state;
    char text[4096] = "", key[16];
    int n_limit = 0;
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        const char *name = ci_conf_name((ci_conf_id)i);
        double factor = strstr(name, "-max-") ? 1.1 : 0.9;
        if (strncmp(name, "qa-", 3) != 0 || i == CI_CONF_OPT_QA_MS_MAX_FLAGGED) continue;
        size_t n = strlen(text);
        int more = snprintf(text + n, sizeof text - n, "CONTIMG_%s=%g\n", name,
                            factor * ci_conf_default((ci_conf_id)i));
        for (char *c = text + n; *c && c < text + n + more && *c != '='; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        n_limit++;
    }
    write_file(text);
    ci_conf *conf = parsed(CI_CONF_COMMAND_RUN, WORDS("--config", conf_file));
    ci_fits_header header = {0};
    OK(ci_tile_relaxed_cards(&header, conf, CI_CONF_JUDGES_TABLES | CI_CONF_JUDGES_IMAGES));
    assert_int_equal(header.n_card, n_limit);
    for (int i = 1; i <= n_limit; i++) {
        snprintf(key, sizeof key, "QARELAX%c", i < 10 ? '0' + i : 'A' + i - 10);
        assert_non_null(ci_fits_card_get(&header, key));
        ci_fits_card_remove(&header, key);
    }
    ci_fits_header_clear(&header);
    ci_conf_free(conf);
}

static void a_value_that_only_warns_is_no_limit(void **state)
{
    (void)state;
    ci_conf *conf = with_value(CI_CONF_COMMAND_RUN, CI_CONF_OPT_QA_MS_MAX_FLAGGED, 1);
    assert_false(ci_conf_is_relaxed(conf, CI_CONF_OPT_QA_MS_MAX_FLAGGED));
    ci_conf_free(conf);
}

static void relaxed_limits_are_named(void **state)
{
    (void)state;
    char text[CI_CONF_RELAXED_TEXT], line[400];
    write_file("CONTIMG_QA_CAL_MAX_PHASE_SCATTER=90.0\nCONTIMG_QA_MS_MAX_FLAGGED=0.4\n");
    setenv("CONTIMG_QA_CAL_MIN_AMP", "1e-3", 1);
    ci_conf *conf =
        parsed(CI_CONF_COMMAND_CALIBRATE,
               WORDS("--config", conf_file, "--qa-cal-max-amp", "20", "--model", "m.csv"));
    size_t before = ci_log_warning_count();
    ci_conf_relaxed_warn(conf);
    assert_int_equal(ci_log_warning_count() - before, 3);
    assert_string_equal(ci_log_warning_get(before),
                        "--qa-cal-min-amp 1e-3 (environment) is looser than its default 0.1");
    assert_string_equal(ci_log_warning_get(before + 1),
                        "--qa-cal-max-amp 20 (command line) is looser than its default 10");
    snprintf(line, sizeof line,
             "--qa-cal-max-phase-scatter 90.0 (%s:1) is looser than its default 30", conf_file);
    assert_string_equal(ci_log_warning_get(before + 2), line);
    ci_conf_relaxed_text(conf, CI_CONF_OPT_QA_CAL_MAX_PHASE_SCATTER, text);
    assert_string_equal(text, "qa-cal-max-phase-scatter 90 (30)");
    ci_conf_relaxed_text(conf, CI_CONF_OPT_QA_CAL_MIN_AMP, text);
    assert_string_equal(text, "qa-cal-min-amp 0.001 (0.1)");
    ci_conf_free(conf);
}

static void a_command_that_judges_nothing_has_no_limits(void **state)
{
    (void)state;
    write_file("CONTIMG_QA_CAL_MAX_PHASE_SCATTER=90.0\n");
    ci_conf *conf = parsed(CI_CONF_COMMAND_IMAGE, WORDS("--config", conf_file));
    size_t before = ci_log_warning_count();
    ci_conf_relaxed_warn(conf);
    assert_int_equal(ci_log_warning_count() - before, 0);
    ci_conf_free(conf);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static ci_conf_paths resolved(const char *text)
{
    ci_conf_paths out;
    write_file(text);
    ci_conf *conf = parsed(CI_CONF_COMMAND_RUN, WORDS("--config", conf_file));
    assert_int_equal(ci_conf_paths_new(&out, conf), CI_OK);
    ci_conf_free(conf);
    return out;
}

static void paths_are_resolved(void **state)
{
    (void)state;
    ci_conf_paths p = resolved("CONTIMG_STATE_DIR=/s\nCONTIMG_SCRATCH_DIR=/stage/x\n"
                               "CONTIMG_OUTPUT_DIR=/stage/x/ms\n");
    assert_false(p.is_local_default);
    assert_string_equal(p.staging, "/stage/x");
    assert_string_equal(p.state, "/s");
    assert_string_equal(p.ingest_db, "/s/ingest.sqlite3");
    assert_string_equal(p.products_db, "/s/products.sqlite3");
    assert_string_equal(p.data_registry_db, "/s/data_registry.sqlite3");
    assert_string_equal(p.cal_registry_db, "/s/cal_registry.sqlite3");
    ci_conf_paths_free(&p);
}

/* OUTPUT_DIR, or the scratch folder that it lies under; a name that only begins alike is not under
 * it. */
static void staging_is_the_scratch_folder_or_the_output(void **state)
{
    (void)state;
    ci_conf_paths p = resolved("CONTIMG_SCRATCH_DIR=/stage/x\nCONTIMG_OUTPUT_DIR=/stage/xyz\n");
    assert_string_equal(p.staging, "/stage/xyz");
    ci_conf_paths_free(&p);
    p = resolved("CONTIMG_OUTPUT_DIR=/stage/xyz\n");
    assert_string_equal(p.staging, "/stage/xyz");
    ci_conf_paths_free(&p);
    p = resolved("CONTIMG_SCRATCH_DIR=/stage/x/\nCONTIMG_OUTPUT_DIR=/stage/x\n");
    assert_string_equal(p.staging, "/stage/x");
    ci_conf_paths_free(&p);
}

/* However a folder is written, its text is one, and holds in any other current folder. */
static void paths_are_absolute(void **state)
{
    (void)state;
    char *here = getcwd(NULL, 0), expected[4200];
    assert_non_null(here);
    ci_conf_paths p = resolved("CONTIMG_STATE_DIR=./s/\nCONTIMG_OUTPUT_DIR=a/../out//x\n"
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
}

static void calibration_registry_under_the_old_name(void **state)
{
    (void)state;
    size_t before = ci_log_warning_count();
    ci_conf_paths p = resolved("CONTIMG_STATE_DIR=/s\n"
                               "CONTIMG_REGISTRY_DB=${CONTIMG_STATE_DIR}/cal_registry.sqlite3\n");
    assert_string_equal(p.data_registry_db, "/s/data_registry.sqlite3");
    assert_string_equal(p.cal_registry_db, "/s/cal_registry.sqlite3");
    assert_int_equal(ci_log_warning_count() - before, 1);
    ci_conf_paths_free(&p);
    p = resolved("CONTIMG_STATE_DIR=/s\nCAL_REGISTRY_DB=/c/cals.sqlite3\n");
    assert_string_equal(p.cal_registry_db, "/c/cals.sqlite3");
    ci_conf_paths_free(&p);
    p = resolved("CONTIMG_STATE_DIR=/s\nCONTIMG_CAL_REGISTRY_DB=/own.sqlite3\n"
                 "CAL_REGISTRY_DB=/c/cals.sqlite3\n");
    assert_string_equal(p.cal_registry_db, "/own.sqlite3");
    ci_conf_paths_free(&p);
    setenv("CAL_REGISTRY_DB", "/env.sqlite3", 1);
    p = resolved("CONTIMG_STATE_DIR=/s\nCONTIMG_CAL_REGISTRY_DB=/own.sqlite3\n");
    assert_string_equal(p.cal_registry_db, "/own.sqlite3");
    ci_conf_paths_free(&p);
    p = resolved("CONTIMG_STATE_DIR=/s\n");
    assert_string_equal(p.cal_registry_db, "/env.sqlite3");
    ci_conf_paths_free(&p);
}

/* "5mJy": no other limit in silence, but file, line and value. */
static void noise_limit_with_a_unit_is_refused(void **state)
{
    (void)state;
    char text[400];
    write_file("\nCONTIMG_QA_IMG_MAX_NOISE_RATIO=5mJy\n");
    snprintf(text, sizeof text, "--qa-img-max-noise-ratio '5mJy' (%s:2): not a number", conf_file);
    refused(CI_ERR_USAGE, CI_CONF_COMMAND_RUN, WORDS("--config", conf_file), text);
}

int main(void)
{
    ci_log_set_level(CI_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        CONF_TEST(noise_limit_with_a_unit_is_refused),
        CONF_TEST(every_limit_has_its_looser_side),
        CONF_TEST(every_limit_has_its_card),
        CONF_TEST(a_value_that_only_warns_is_no_limit),
        CONF_TEST(relaxed_limits_are_named),
        CONF_TEST(a_command_that_judges_nothing_has_no_limits),
        CONF_TEST(paths_are_resolved),
        CONF_TEST(staging_is_the_scratch_folder_or_the_output),
        CONF_TEST(paths_are_absolute),
        CONF_TEST(calibration_registry_under_the_old_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
