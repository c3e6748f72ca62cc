/* draw: distributions along an axis: bars and marks are to scale, nothing is drawn without data,
 * what lies beyond is cut, two in one picture. */
#include "unit_case.h"

#include "contimg/draw.h"

#include <cairo/cairo.h>
#include <math.h>

enum
{
    LEFT = 92, /* margins within the picture */
    RIGHT = 110,
    TOP = 34,
    BOTTOM = 48,
    HEIGHT = 240,
    N = 96,
    STEP = 8 /* 768 pixels */
};

static double middle[N], low[N], high[N], expected[N];

/* Place 10: 20 to 60, median 30, +- 40 by noise; place 11: none; the others at 0. */
static ci_draw_spread some(void)
{
    for (int i = 0; i < N; i++)
        middle[i] = low[i] = high[i] = expected[i] = 0;
    middle[10] = 30;
    low[10] = 20;
    high[10] = 60;
    expected[10] = 40;
    middle[11] = low[11] = high[11] = expected[11] = NAN;
    return (ci_draw_spread){.title = "closure phases",
                            .x_label = "antenna",
                            .y_label = "deg",
                            .n = N,
                            .x_last = N - 1,
                            .middle = middle,
                            .low = low,
                            .high = high,
                            .expected = expected,
                            .most = 80};
}

static cairo_surface_t *drawn(void **state, const ci_draw_spread *spread, size_t n)
{
    UNIT_PATH(path, state, "spread.png");
    OK(ci_draw_spreads(path, spread, n));
    cairo_surface_t *surface = cairo_image_surface_create_from_png(path);
    assert_int_equal(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
    return surface;
}

/* 0xrrggbb in the middle of a place, at a value. */
static uint32_t colour_at(cairo_surface_t *surface, int i, double value, int i_panel)
{
    int x = LEFT + i * STEP + STEP / 2 - 1;
    int y = i_panel * (TOP + HEIGHT + BOTTOM) + TOP + (int)(0.5 * HEIGHT * (1 - value / 80));
    uint32_t word;
    memcpy(&word,
           cairo_image_surface_get_data(surface) + y * cairo_image_surface_get_stride(surface) +
               4 * x,
           4);
    return word & 0xffffff;
}

static bool is_red(uint32_t colour)
{
    return (colour >> 16) > 180 && (colour >> 8 & 255) < 80;
}

static bool is_dark(uint32_t colour)
{
    return (colour >> 16) < 60;
}

static void bars_and_marks_are_to_scale(void **state)
{
    ci_draw_spread spread = some();
    cairo_surface_t *s = drawn(state, &spread, 1);
    assert_int_equal(cairo_image_surface_get_width(s), LEFT + N * STEP + RIGHT);
    assert_int_equal(cairo_image_surface_get_height(s), TOP + HEIGHT + BOTTOM);
    uint32_t bar = colour_at(s, 10, 50, 0);
    assert_true(bar != 0xffffff && !is_red(bar) && !is_dark(bar));
    assert_int_equal(colour_at(s, 10, 24, 0), bar);
    assert_int_equal(colour_at(s, 10, 64, 0), 0xffffff);
    assert_int_equal(colour_at(s, 10, 15, 0), 0xffffff);
    assert_true(is_dark(colour_at(s, 10, 30, 0)));
    assert_true(is_red(colour_at(s, 10, 70, 0)));
    assert_true(is_red(colour_at(s, 10, -10, 0)));
    assert_int_equal(colour_at(s, 9, 50, 0), 0xffffff);
    cairo_surface_destroy(s);
}

static void nothing_is_drawn_without_data(void **state)
{
    ci_draw_spread spread = some();
    expected[10] = NAN;
    cairo_surface_t *s = drawn(state, &spread, 1);
    for (double y = -79; y < 80; y++)
        if (fabs(y) > 2) assert_int_equal(colour_at(s, 11, y, 0), 0xffffff);
    assert_int_equal(colour_at(s, 10, 70, 0), 0xffffff);
    assert_true(is_dark(colour_at(s, 10, 30, 0)));
    cairo_surface_destroy(s);
}

static void what_lies_beyond_is_cut(void **state)
{
    ci_draw_spread spread = some();
    high[10] = 1000;
    low[10] = -1000;
    expected[10] = 1e9;
    cairo_surface_t *s = drawn(state, &spread, 1);
    uint32_t bar = colour_at(s, 10, 50, 0);
    assert_int_equal(colour_at(s, 10, 79, 0), bar);
    assert_int_equal(colour_at(s, 10, 84, 0), 0xffffff);
    assert_int_equal(colour_at(s, 10, -84, 0), 0xffffff);
    cairo_surface_destroy(s);
}

static void two_are_one_below_the_other(void **state)
{
    ci_draw_spread spread[2] = {some(), some()};
    double other[N] = {0};
    other[10] = -60;
    spread[1].middle = other;
    cairo_surface_t *s = drawn(state, spread, 2);
    assert_int_equal(cairo_image_surface_get_height(s), 2 * (TOP + HEIGHT + BOTTOM));
    assert_true(is_dark(colour_at(s, 10, 30, 0)));
    assert_true(is_dark(colour_at(s, 10, -60, 1)) && !is_dark(colour_at(s, 10, 30, 1)));
    cairo_surface_destroy(s);
}

/* Of one place, and of more than the page has pixels, it is still a picture. */
static void any_number_of_places(void **state)
{
    static double many[5000];
    for (int n = 0; n <= 5000; n += n < 2 ? 1 : 4998) {
        ci_draw_spread spread = some();
        spread.n = (size_t)n;
        spread.middle = spread.low = spread.high = spread.expected = many;
        cairo_surface_t *s = drawn(state, &spread, 1);
        assert_true(cairo_image_surface_get_width(s) <= LEFT + 1536 + RIGHT);
        cairo_surface_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(bars_and_marks_are_to_scale), UNIT_TEST(nothing_is_drawn_without_data),
        UNIT_TEST(what_lies_beyond_is_cut),     UNIT_TEST(two_are_one_below_the_other),
        UNIT_TEST(any_number_of_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
