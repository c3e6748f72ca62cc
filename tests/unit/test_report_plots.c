/* report: plots are to scale, leave out what is no number, and end. */
#include "text_count.h"
#include "unit_case.h"

#include "report/svg.h"

#include <math.h>

/* The coordinates of the k-th circle. */
static void circle_of(const char *svg, int k, double *x, double *y)
{
    const char *at = strstr(svg, "<circle");
    while (at && k-- > 0)
        at = strstr(at + 1, "<circle");
    if (!at || sscanf(strstr(at, "cx="), "cx='%lf' cy='%lf'", x, y) != 2) fail_msg("no circle");
}

static char *plotted_so(ci_report_series series, bool x_is_log)
{
    ci_text out = {0};
    series.colour = "#123456";
    ci_report_plot plot = {.title = "t",
                           .x_label = "x",
                           .y_label = "y",
                           .width = 400,
                           .height = 300,
                           .x_is_log = x_is_log,
                           .rule = NAN,
                           .series = &series,
                           .n_series = 1};
    OK(ci_report_plot_svg(&out, &plot));
    return out.text;
}

static char *plotted(const double *x, const double *y, size_t n, bool x_is_log)
{
    return plotted_so((ci_report_series){.x = x, .y = y, .n = n}, x_is_log);
}

static void points_lie_to_scale(void **state)
{
    (void)state;
    const double x[3] = {1, 2, 4}, y[3] = {10, 20, 15};
    double sx[3], sy[3];
    char *svg = plotted(x, y, 3, false);
    for (int k = 0; k < 3; k++)
        circle_of(svg, k, &sx[k], &sy[k]);
    ci_mem_free(svg);
    unit_near((sx[2] - sx[0]) / (sx[1] - sx[0]), 3, 0.01);
    unit_near((sy[2] - sy[0]) / (sy[1] - sy[0]), 0.5, 0.01);
    assert_true(sx[1] > sx[0] && sy[1] < sy[0]); /* upwards is a smaller y */
}

/* The same places as printf puts them, at any length; what is no number is a gap. */
static void lines_go_through_their_points(void **state)
{
    (void)state;
    enum
    {
        N = 100
    };
    double x[N], y[N];
    char want[40 * N] = "", *to = want;
    for (int k = 0; k < N; k++) {
        x[k] = k;
        y[k] = k == 40 ? NAN : 1e-3 * ((k * 37) % 101 - 50);
    }
    char *circles = plotted(x, y, N, false);
    char *svg = plotted_so((ci_report_series){.x = x, .y = y, .n = N, .is_line = true}, false);
    for (int k = 0; k < N - 1; k++) {
        double sx, sy;
        circle_of(circles, k, &sx, &sy);
        bool begins = k == 0 || k == 40;
        to += sprintf(to, "%c%.1f %.1f%s", begins ? 'M' : 'L', sx, sy, begins ? "h0" : "");
    }
    const char *path = strstr(svg, " d='");
    bool is_same = path && strncmp(path + 4, want, strlen(want)) == 0;
    bool ends = path && path[4 + strlen(want)] == '\'';
    ci_mem_free(circles);
    ci_mem_free(svg);
    assert_true(is_same && ends);
}

static void a_point_between_missing_ones_is_drawn_by_a_line_too(void **state)
{
    (void)state;
    const double x[5] = {0, 1, 2, 3, 4}, y[5] = {NAN, 2, NAN, 4, 5};
    char *svg = plotted_so((ci_report_series){.x = x, .y = y, .n = 5, .is_line = true}, false);
    size_t n_begin = text_count(svg, "h0");
    bool shows = strstr(svg, "stroke-linecap='round'") != NULL;
    ci_mem_free(svg);
    assert_true(n_begin == 2 && shows);
}

/* Ticks of an axis: 1, 2, 5 of each decade; powers alone of many; equal steps within one. */
static void a_logarithmic_axis_has_round_numbers(void **state)
{
    (void)state;
    const struct
    {
        double low, high;
        const char *there[3], *not_there;
    } axis[3] = {{150, 12000, {">200<", ">500<", ">10000<"}, ">150<"},
                 {1, 1e6, {">1<", ">1000<", ">1e+06<"}, ">2<"},
                 {110, 290, {">150<", ">200<", ">250<"}, ">500<"}};
    for (size_t i = 0; i < 3; i++) {
        const double x[2] = {axis[i].low, axis[i].high}, y[2] = {1e-3, 3e-3};
        char *svg = plotted(x, y, 2, true);
        bool are_there = strstr(svg, axis[i].not_there) == NULL;
        for (size_t k = 0; k < 3; k++)
            are_there = are_there && strstr(svg, axis[i].there[k]) != NULL;
        ci_mem_free(svg);
        assert_true(are_there);
    }
}

static void a_logarithmic_axis_has_equal_decades(void **state)
{
    (void)state;
    const double x[3] = {1, 10, 100}, y[3] = {1, 2, 3};
    double sx[3], sy[3];
    char *svg = plotted(x, y, 3, true);
    for (int k = 0; k < 3; k++)
        circle_of(svg, k, &sx[k], &sy[k]);
    ci_mem_free(svg);
    unit_near(sx[2] - sx[1], sx[1] - sx[0], 0.2);
}

static void points_that_are_no_numbers_are_left_out(void **state)
{
    (void)state;
    const double x[4] = {1, NAN, 3, 4}, y[4] = {1, 2, INFINITY, 4};
    char *svg = plotted(x, y, 4, false);
    size_t n = text_count(svg, "<circle"), n_nan = text_count(svg, "nan") + text_count(svg, "inf");
    ci_mem_free(svg);
    assert_int_equal(n, 2);
    assert_int_equal(n_nan, 0);
}

/* As amplitudes that were normalised: no step between them moves a number. */
static void values_that_differ_by_rounding_have_an_axis(void **state)
{
    (void)state;
    const double x[2] = {0, 1}, y[2] = {1, nextafter(1, 2)};
    char *svg = plotted(x, y, 2, false);
    size_t n = text_count(svg, "<circle"), n_line = text_count(svg, "<line");
    ci_mem_free(svg);
    assert_int_equal(n, 2);
    assert_in_range(n_line, 4, 40);
}

static void a_plot_of_nothing_is_a_frame(void **state)
{
    (void)state;
    char *svg = plotted(NULL, NULL, 0, false);
    size_t n = text_count(svg, "<circle"), n_nan = text_count(svg, "nan") + text_count(svg, "inf");
    bool is_whole = strncmp(svg, "<svg", 4) == 0 && strstr(svg, "</svg>") != NULL;
    ci_mem_free(svg);
    assert_true(is_whole && n == 0 && n_nan == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(points_lie_to_scale),
        UNIT_TEST(lines_go_through_their_points),
        UNIT_TEST(a_point_between_missing_ones_is_drawn_by_a_line_too),
        UNIT_TEST(a_logarithmic_axis_has_equal_decades),
        UNIT_TEST(a_logarithmic_axis_has_round_numbers),
        UNIT_TEST(points_that_are_no_numbers_are_left_out),
        UNIT_TEST(values_that_differ_by_rounding_have_an_axis),
        UNIT_TEST(a_plot_of_nothing_is_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
