/* report: what the page, the summary and the JSON say is what the record says; names are safe in
 * HTML; pictures lie inside the page. */
#include "text_count.h"
#include "unit_case.h"

#include "contimg/report.h"

#include "report/page.h"
#include "report/svg.h"

#include <math.h>
#include <unistd.h>

/* ---- a record ---------------------------------------------------------------------------- */

static const char record_text[] =
    "{\"schema\":\"contimg-report-1\",\"run\":\"run-7\",\"version\":\"1.2.3\",\"host\":\"node1\","
    "\"job\":\"4711\",\"relaxed\":[{\"name\":\"qa-img-max-noise-ratio\",\"value\":5,"
    "\"default\":3,\"origin\":\"own.env:7\"}],"
    "\"n_rank\":2,\"isa\":\"plain\",\"options\":\"--robust "
    "0\",\"started\":\"2026-01-25T00:00:00Z\","
    "\"ended\":\"2026-01-25T00:02:03Z\",\"seconds\":123.4,\"status\":\"ok\",\"exit_code\":0,"
    "\"error\":\"\",\"warnings\":[\"tile A: <odd> & loud\"],"
    "\"memory_peak_bytes\":[1500000,2500000],\"bytes_sent\":[1000000,0],"
    "\"stages\":[{\"name\":\"image\",\"subject\":\"A\",\"rank\":0,\"start_s\":1,\"end_s\":3.5},"
    "{\"name\":\"image\",\"subject\":\"B\",\"rank\":0,\"start_s\":4,\"end_s\":5},"
    "{\"name\":\"image\",\"subject\":\"A\",\"rank\":1,\"start_s\":1,\"end_s\":2},"
    "{\"name\":\"mosaic\",\"subject\":\"G\",\"rank\":0,\"start_s\":5,\"end_s\":5.25}],"
    "\"groups\":[{\"id\":\"G\",\"state\":\"published\",\"reason\":\"\",\"is_degraded\":true,"
    "\"degraded_why\":\"gains of two days later\","
    "\"published_path\":\"/products/G\",\"sources\":\"/nowhere/sources.csv\","
    "\"n_source\":12,"
    "\"mosaic\":{\"image\":\"/nowhere/mosaic.fits\",\"n_x\":640,\"n_y\":480,\"cell_arcsec\":3,"
    "\"beam_major_arcsec\":12.5,\"beam_minor_arcsec\":9.25,\"freq_hz\":1405500000,"
    "\"rms_jy\":0.00025,\"min_noise_jy\":0.0002,\"peak_jy\":12.66},"
    "\"gates\":[{\"gate\":\"noise\",\"outcome\":\"warn\",\"value\":1.75,\"limit\":1.5,"
    "\"text\":\"rms above\"},{\"gate\":\"flux_ratio\",\"outcome\":\"skip\",\"value\":null,"
    "\"limit\":null,\"text\":\"\"}],"
    "\"flux\":{\"n_match\":2,\"median_ratio\":0.985,\"mad_ratio\":0.0125,\"match\":["
    "{\"name\":\"S<1>\",\"true_jy\":0.5,\"found_jy\":0.49,\"found_err_jy\":0.002,"
    "\"separation_arcsec\":0.75},"
    "{\"name\":\"S2\",\"true_jy\":0.25,\"found_jy\":0.2475,\"found_err_jy\":0.001,"
    "\"separation_arcsec\":0.5}]},"
    "\"tiles\":[{\"id\":\"A\",\"state\":\"passed\",\"reason\":\"\",\"is_degraded\":false,"
    "\"folder\":\"/nowhere\",\"image\":{\"n_x\":512,\"n_y\":512,\"cell_arcsec\":3,"
    "\"rms_jy\":0.0003,\"thermal_jy\":0.00024,\"peak_jy\":1.5,\"freq_hz\":1405500000,"
    "\"n_sample\":1000,\"n_major\":1,\"n_minor\":250,\"model_flux_jy\":3.25,"
    "\"stop_reason\":\"threshold\",\"is_pseudo_i\":true},"
    "\"flags\":{\"n_good\":900,\"by_reason\":{\"rfi\":75,\"dead\":25},"
    "\"antenna\":[{\"name\":\"A1\",\"fraction\":0.1,\"dead\":[false,true]},"
    "{\"name\":\"B<2>\",\"fraction\":1,\"dead\":[true,true]},"
    "{\"name\":\"C3\",\"fraction\":0,\"dead\":[false,false]}],\"channel_fraction\":[0.1,null]},"
    "\"uv\":{\"u_lambda\":[10,20,30],\"v_lambda\":[1,2,3]}},"
    "{\"id\":\"B\",\"state\":\"failed\",\"reason\":\"B.hdf5: truncated\",\"is_degraded\":false,"
    "\"folder\":\"/nowhere\",\"image\":{\"rms_jy\":0.0004,\"thermal_jy\":null,\"peak_jy\":1}}]}]}";

static ci_json *record_new(void)
{
    ci_json *record = NULL;
    OK(ci_json_parse(&record, record_text, "record"));
    return record;
}

/* One of the files of the record's report; ci_mem_free. */
static char *written(void **state, const ci_json *json, const char *name)
{
    UNIT_PATH(folder, state, "report");
    UNIT_PATH(path, state, "report/");
    char *text = NULL;
    ci_report_record record;
    OK(ci_report_record_parse(&record, json));
    OK(ci_report_write(&record, folder));
    ci_report_record_clear(&record);
    strncat(path, name, sizeof path - strlen(path) - 1);
    OK(ci_file_read(&text, NULL, path));
    return text;
}

/* Writes the record above, and looks for texts in one of its files; "!..." must not be there. */
static void check_file(void **state, const char *name, const char *const *parts)
{
    ci_json *record = record_new();
    char *text = written(state, record, name);
    const char *wrong = NULL;
    for (; *parts && !wrong; parts++)
        if (**parts == '!' ? strstr(text, *parts + 1) != NULL : !strstr(text, *parts))
            wrong = *parts;
    ci_mem_free(text);
    ci_json_free(record);
    if (wrong) fail_msg("%s: '%s'", name, wrong);
}
#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the page ------------------------------------------------------------------------------ */

static void page_states_the_run(void **state)
{
    check_file(state, "report.html",
               PARTS("<title>contimg run-7</title>", "<p class='ok'>ok</p>", "node1, 2 ranks",
                     "2026-01-25T00:00:00Z to 2026-01-25T00:02:03Z, 123.4 s", "1.2.3",
                     "--robust 0"));
}

static void page_states_the_group(void **state)
{
    check_file(state, "report.html",
               PARTS("Group G <span class='published'>published</span> DEGRADED",
                     "<code>/products/G</code>", "640 &times; 480 pixels of 3.00&Prime;",
                     "beam 12.50&Prime; &times; 9.25&Prime;; 1405.500 MHz; peak 12.66 Jy/beam",
                     "rms 0.25, least noise 0.2 mJy/beam; 12 sources"));
}

/* At the top: what a reader must not miss. */
static void page_begins_with_what_is_degraded(void **state)
{
    check_file(state, "report.html",
               PARTS("<div class='degraded'>\n<p>DEGRADED: group G: gains of two days later; 1 of "
                     "2 tiles are in its mosaic; "
                     "tile B failed: B.hdf5: truncated</p>\n<p>limit relaxed: "
                     "qa-img-max-noise-ratio 5 (default 3, set by own.env:7)</p>",
                     "<td>Slurm job</td><td>4711</td>"));
    check_file(state, "summary.txt",
               PARTS("2 ranks on node1, job 4711\nok\nDEGRADED: group G: gains of two days later; "
                     "1 of 2 tiles"));
}

static void page_states_gates(void **state)
{
    check_file(state, "report.html",
               PARTS("<td>noise</td><td class='warn'>warn</td><td class='n'>1.75</td><td "
                     "class='n'>1.5</td><td>rms above</td>",
                     "<td>flux_ratio</td><td class='skip'>skip</td><td class='n'></td><td "
                     "class='n'></td>"));
}

static void page_states_fluxes(void **state)
{
    check_file(state, "report.html",
               PARTS("2 isolated sources of the model found", "median 0.9850, scatter 0.0125",
                     "<td class='n'>500.000</td><td class='n'>490.000</td><td "
                     "class='n'>2.000</td><td class='n'>0.9800</td><td "
                     "class='n'>0.75&Prime;</td>"));
}

static void page_states_tiles(void **state)
{
    check_file(state, "report.html",
               PARTS("<b>A</b> <span class='passed'>passed</span>",
                     "thermal 0.24 mJy/beam (rms/thermal 1.25)",
                     "clean: 1 major cycle, 250 components, 3.25 Jy; threshold",
                     "pseudo-I from one polarisation", "<details open><summary><b>B</b>",
                     "B.hdf5: truncated", "thermal unknown"));
}

static void page_states_flags(void **state)
{
    check_file(state, "report.html",
               PARTS("flagged 10.00 % of 1000 samples; dead 2.50 %; rfi 7.50 %",
                     "dead receptors: A1 (1), B&lt;2&gt; (01)</p>", "!C3 ("));
}

static void page_states_time_and_memory_of_ranks(void **state)
{
    /* Of image: 2.5 + 1 s on rank 0, 1 s on rank 1. */
    check_file(state, "report.html",
               PARTS("<tr><td>0</td><td class='n'>0.0</td><td class='n'>0.0</td><td "
                     "class='n'>0.0</td><td class='n'>0.0</td><td class='n'>3.5</td>",
                     "<td class='n'>1.5</td><td class='n'>1.0</td></tr>",
                     "<td class='n'>2.5</td><td class='n'>0.0</td></tr>", "image A: 2.50 s"));
}

static void names_are_safe_in_html(void **state)
{
    check_file(state, "report.html",
               PARTS("tile A: &lt;odd&gt; &amp; loud", "S&lt;1&gt;", "!<odd>", "!S<1>", "!B<2>"));
}

static void page_works_offline(void **state)
{
    check_file(state, "report.html",
               PARTS("!http://", "!https://", "!<script", "!<link", "!@import", "!url("));
}

/* As it was looked at in a browser at 390 px: tables of gates have their words below, and what is
 * wider has a box to move in. */
static void page_fits_a_telephone(void **state)
{
    ci_json *record = record_new();
    char *text = written(state, record, "report.html");
    static const char gates[] = "<table class='gates'><tr><th>gate";
    size_t n_gates = text_count(text, gates), n_table = text_count(text, "<th>gate</th>");
    size_t n_boxed = text_count(text, "<div class='wide'><svg viewBox='0 0 900 ");
    size_t n_wide = text_count(text, "<svg viewBox='0 0 900 ");
    size_t n_end = text_count(text, "</svg></div>");
    bool is_styled = strstr(text, "@media(max-width:600px)") && strstr(text, "width=device-width");
    ci_mem_free(text);
    ci_json_free(record);
    assert_true(is_styled);
    assert_true(n_table > 0 && n_wide > 0);
    assert_int_equal(n_gates, n_table);
    assert_int_equal(n_boxed, n_wide);
    assert_int_equal(n_end, n_wide);
}

static void plots_have_a_point_for_each_value(void **state)
{
    ci_json *record = record_new();
    char *text = written(state, record, "report.html");
    /* Of fluxes 2, of antennas 3, of channels 1 of 2 (one is null), of uv 3 and their conjugates.
     */
    size_t n_circle = text_count(text, "<circle"), n_plot = text_count(text, "<svg");
    ci_mem_free(text);
    ci_json_free(record);
    assert_int_equal(n_circle, 2 + 3 + 1 + 6);
    assert_int_equal(n_plot, 5); /* fluxes, antennas, channels, uv; who did what when */
}

static void a_failed_run_says_why(void **state)
{
    ci_json *record = record_new();
    for (int i = 0; i < 3; i++)
        ci_json_remove(record, (const char *const[]){"status", "error", "exit_code"}[i]);
    ci_json_put_string(record, "status", "input cannot be used");
    ci_json_put_string(record, "error", "x.hdf5: <bad>");
    ci_json_put_int(record, "exit_code", 3);
    char *text = written(state, record, "report.html");
    bool is_said =
        strstr(text, "<p class='failed'>input cannot be used: x.hdf5: &lt;bad&gt;</p>") != NULL;
    ci_mem_free(text);
    ci_json_free(record);
    assert_true(is_said);
}

/* ---- pictures ------------------------------------------------------------------------------ */

static void a_picture_that_is_missing_is_said(void **state)
{
    check_file(state, "report.html", PARTS("<p>no picture was drawn</p>", "!<img"));
}

/* Staging was removed: the picture is the one that was published. */
static void picture_of_what_was_published(void **state)
{
    UNIT_PATH(folder, state, "published");
    UNIT_PATH(path, state, "published/mosaic.png");
    static const char place[] = "/products/G";
    const char *at = strstr(record_text, place);
    ci_text edited = {0};
    ci_json *record = NULL;
    OK(ci_path_make_folder(folder));
    OK(ci_file_write(path, "foo", 3));
    OK(ci_text_append(&edited, "%.*s%s%s", (int)(at - record_text), record_text, folder,
                      at + sizeof place - 1));
    OK(ci_json_parse(&record, edited.text, "record"));
    char *page = written(state, record, "report.html");
    bool is_shown = strstr(page, "<img alt=\"mosaic\" src=\"data:image/png;base64,Zm9v\">") != NULL;
    ci_mem_free(page);
    ci_json_free(record);
    ci_mem_free(edited.text);
    assert_true(is_shown);
}

/* Bytes of every remainder by three, against base 64 by RFC 4648's examples. */
static void pictures_lie_inside(void **state)
{
    static const struct
    {
        const char *data, *base64;
    } cases[] = {{"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    UNIT_PATH(path, state, "x.png");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[128];
        ci_text out = {0};
        bool is_shown = false;
        snprintf(want, sizeof want, "<img alt=\"a&quot;b\" src=\"data:image/png;base64,%s\">\n",
                 cases[i].base64);
        OK(ci_file_write(path, cases[i].data, strlen(cases[i].data)));
        OK(ci_report_picture(&out, path, "a\"b", &is_shown));
        bool is_right = is_shown && strcmp(out.text, want) == 0;
        ci_mem_free(out.text);
        if (!is_right) fail_msg("%s is not %s", cases[i].data, cases[i].base64);
    }
}

/* Nor the one of the folder that the run was started in. */
static void a_failed_tile_has_no_picture(void **state)
{
    const unit_case *test = *state;
    UNIT_PATH(path, state, "image.png");
    const ci_tile_record tile = {.id = "A", .state = CI_TILE_FAILED};
    ci_text out = {0};
    char before[4096];
    OK(ci_file_write(path, "\x89PNG", 4));
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test->folder), 0);
    ci_status status = ci_report_tile(&out, &tile);
    assert_int_equal(chdir(before), 0);
    bool is_shown = strstr(out.text, "<img") != NULL;
    ci_mem_free(out.text);
    assert_int_equal(status, CI_OK);
    assert_false(is_shown);
}

/* Of one feed, in too few intervals for a scatter. */
static void what_is_not_known_of_gains_is_said(void **state)
{
    (void)state;
    ci_tile_calibration cal = {.gains = CI_TILE_GAINS_GIVEN,
                               .n_residual = 1,
                               .residual = {0.0123, NAN},
                               .flagged_fraction = 0.25,
                               .phase_scatter_deg = NAN,
                               .offset_arcsec = {-63.52, 20},
                               .offset_sigma = {2.49, NAN}};
    const ci_tile_record tile = {.id = "A", .state = CI_TILE_FAILED, .calibration = &cal};
    ci_text out = {0};
    OK(ci_report_tile(&out, &tile));
    bool is_said =
        strstr(out.text, "|V| feed 0 0.0123; flagged 25.0 %; phase scatter unknown") != NULL;
    is_said &= strstr(out.text, "positions: -63.5 &plusmn; 2.5 arcsec to the east; unknown to the "
                                "north;") != NULL;
    bool has_nan = strstr(out.text, "nan") != NULL;
    ci_mem_free(out.text);
    assert_true(is_said);
    assert_false(has_nan);
}

/* ---- summary, JSON ------------------------------------------------------------------------- */

static void summary_states_the_record(void **state)
{
    check_file(state, "summary.txt",
               PARTS("contimg 1.2.3, run run-7\n", "123.4 s, 2 ranks on node1, job 4711\nok\n",
                     "group G: published DEGRADED\n",
                     "passed   rms 0.0003 thermal 0.00024 peak 1.5 Jy/beam",
                     "failed   rms 0.0004 thermal unknown peak 1 Jy/beam B.hdf5: truncated",
                     "mosaic 640 x 480, rms 0.00025, least noise 0.0002, peak 12.66 Jy/beam, 12 "
                     "sources\n",
                     "flux found/model: 2 sources, median 0.9850, scatter 0.0125\n",
                     "image 3.50 mosaic 0.25", "warning: tile A: <odd> & loud\n"));
}

/* Entries of the record stand in report.json as they were. */
static void json_is_the_record(void **state)
{
    static const char *const names[] = {"run",     "job",      "options", "seconds",
                                        "relaxed", "warnings", "stages",  "bytes_sent"};
    ci_json *record = record_new(), *back = NULL;
    char *text = written(state, record, "report.json");
    OK(ci_json_parse(&back, text, "report.json"));
    ci_mem_free(text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *want = NULL, *got = NULL;
        OK(ci_json_print(&want, ci_json_get(record, names[i]), false));
        OK(ci_json_print(&got, ci_json_get(back, names[i]), false));
        bool is_same = strcmp(got, want) == 0;
        ci_mem_free(want);
        ci_mem_free(got);
        if (!is_same) fail_msg("%s is not as it was", names[i]);
    }
    ci_json_free(back);
    ci_json_free(record);
}

/* Nothing of it is lost between JSON and structure. */
static void json_read_and_written_is_the_same(void **state)
{
    ci_json *record = record_new(), *back = NULL;
    char *first = written(state, record, "report.json");
    OK(ci_json_parse(&back, first, "report.json"));
    char *again = written(state, back, "report.json");
    assert_string_equal(again, first);
    ci_mem_free(first);
    ci_mem_free(again);
    ci_json_free(back);
    ci_json_free(record);
}

/* What is none of the words that an entry can have is named. */
static void an_unknown_word_is_refused(void **state)
{
    (void)state;
    static const struct
    {
        const char *name, *text;
    } wrong[] = {{"schema", "\"contimg-report-0\""},
                 {"status", "\"fine\""},
                 {"isa", "\"abacus\""},
                 {"stages", "[{\"name\":\"lunch\"}]"},
                 {"groups", "[{\"id\":\"G\",\"state\":\"lunch\"}]"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ci_json *json = record_new(), *value = NULL;
        ci_report_record record;
        OK(ci_json_parse(&value, wrong[i].text, "value"));
        ci_json_put(json, wrong[i].name, value);
        ci_status status = ci_report_record_parse(&record, json);
        ci_report_record_clear(&record);
        ci_json_free(json);
        if (status != CI_ERR_INPUT) fail_msg("%s %s", wrong[i].name, wrong[i].text);
    }
}

static void written_again_is_the_same(void **state)
{
    UNIT_PATH(folder, state, "report");
    UNIT_PATH(path, state, "report/report.html");
    ci_json *record = record_new();
    char *first = written(state, record, "report.html"), *again = NULL;
    ci_json_free(record);
    OK(ci_file_write(path, "gone", 4));
    OK(ci_report_rewrite(folder));
    OK(ci_file_read(&again, NULL, path));
    assert_string_equal(again, first);
    ci_mem_free(again);
    ci_mem_free(first);
}

static void a_folder_without_a_record_is_refused(void **state)
{
    UNIT_PATH(folder, state, "");
    unit_refused(ci_report_rewrite(folder), CI_ERR_INPUT, "report.json");
}

static void what_cannot_be_written_is_an_error(void **state)
{
    UNIT_PATH(folder, state, "file");
    ci_report_record record = {.n_rank = 1};
    OK(ci_file_write(folder, "x", 1));
    ci_status status = ci_report_write(&record, folder);
    assert_int_not_equal(status, CI_OK);
    assert_non_null(strstr(ci_error_text(), folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(page_states_the_run),
        UNIT_TEST(page_states_the_group),
        UNIT_TEST(page_begins_with_what_is_degraded),
        UNIT_TEST(page_states_gates),
        UNIT_TEST(page_states_fluxes),
        UNIT_TEST(page_states_tiles),
        UNIT_TEST(page_states_flags),
        UNIT_TEST(page_states_time_and_memory_of_ranks),
        UNIT_TEST(names_are_safe_in_html),
        UNIT_TEST(page_works_offline),
        UNIT_TEST(plots_have_a_point_for_each_value),
        UNIT_TEST(page_fits_a_telephone),
        UNIT_TEST(a_failed_run_says_why),
        UNIT_TEST(a_picture_that_is_missing_is_said),
        UNIT_TEST(picture_of_what_was_published),
        UNIT_TEST(pictures_lie_inside),
        UNIT_TEST(a_failed_tile_has_no_picture),
        UNIT_TEST(what_is_not_known_of_gains_is_said),
        UNIT_TEST(summary_states_the_record),
        UNIT_TEST(json_is_the_record),
        UNIT_TEST(json_read_and_written_is_the_same),
        UNIT_TEST(an_unknown_word_is_refused),
        UNIT_TEST(written_again_is_the_same),
        UNIT_TEST(a_folder_without_a_record_is_refused),
        UNIT_TEST(what_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
