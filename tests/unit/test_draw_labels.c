/* draw: labels of the grid: neighbouring lines never have the same, and each names its place to a
 * tenth of the step. */
#include "unit_case.h"

#include "draw/labels.h"

#include <math.h>

/* Seconds of time that a label stands for. */
static double seconds_of(const char *text)
{
    int h = 0, m = 0;
    double s = 0;
    int n = sscanf(text, "%dh%dm%lfs", &h, &m, &s);
    assert_true(n >= 2);
    return 3600 * h + 60 * m + s;
}

static void right_ascensions_are_told_apart(void **state)
{
    (void)state;
    for (double field_deg = 5.0 / 3600; field_deg < 100; field_deg *= 1.3) {
        double step_deg = ci_draw_grid_step(field_deg, true), step_s = step_deg * 240;
        for (int k = 0; k < 7; k++) {
            double ra_deg = step_deg * (ceil(80.3 / step_deg) + k);
            char text[32];
            ci_draw_ra_text(ra_deg, step_deg, text);
            assert_true(fabs(seconds_of(text) - ra_deg * 240) < 0.1 * step_s);
        }
    }
}

static void steps_give_a_handful_of_lines(void **state)
{
    (void)state;
    for (int is_ra = 0; is_ra < 2; is_ra++)
        for (double field_deg = 8.0 / 3600; field_deg < 100; field_deg *= 1.3) {
            double n_line = field_deg / ci_draw_grid_step(field_deg, is_ra);
            assert_true(n_line > 1.6 && n_line <= 5.0001);
        }
}

static void labels_are_written_as_usual(void **state)
{
    (void)state;
    char text[32];
    ci_draw_ra_text(-15, 15, text);
    assert_string_equal(text, "23h00m");
    ci_draw_ra_text(80.3, 1.0 / 60, text);
    assert_string_equal(text, "05h21m12s");
    ci_draw_ra_text(15 * 1.0 / 3600 * 0.5, 7.5 / 3600, text);
    assert_string_equal(text, "00h00m00.5s");
    ci_draw_dec_text(-0.5, 0.5, text);
    assert_string_equal(text, "-00°30'");
    ci_draw_dec_text(16.6 + 5.0 / 3600, 5.0 / 3600, text);
    assert_string_equal(text, "+16°36'05\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(right_ascensions_are_told_apart),
        UNIT_TEST(steps_give_a_handful_of_lines),
        UNIT_TEST(labels_are_written_as_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
