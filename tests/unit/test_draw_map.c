/* draw: maps of a share: which cell is which row and column, what is dark, what is blank, names of
 * rows, two maps in one picture. */
#include "unit_case.h"

#include "contimg/draw.h"

#include <cairo/cairo.h>
#include <math.h>

enum
{
    LEFT = 92, /* margins of a map within its picture */
    RIGHT = 110,
    TOP = 34,
    BOTTOM = 48,
    N_X = 4,
    N_Y = 3
};

typedef struct picture
{
    cairo_surface_t *surface;
    int width, height;
} picture;

static picture drawn(void **state, const ci_draw_map *map, size_t n)
{
    UNIT_PATH(path, state, "map.png");
    OK(ci_draw_maps(path, map, n));
    picture p = {.surface = cairo_image_surface_create_from_png(path)};
    assert_int_equal(cairo_surface_status(p.surface), CAIRO_STATUS_SUCCESS);
    p.width = cairo_image_surface_get_width(p.surface);
    p.height = cairo_image_surface_get_height(p.surface);
    return p;
}

/* Sum of red, green and blue, 0 to 765. */
static int light_at(const picture *p, int x, int y)
{
    const unsigned char *data = cairo_image_surface_get_data(p->surface);
    uint32_t word;
    memcpy(&word, data + y * cairo_image_surface_get_stride(p->surface) + 4 * x, 4);
    return (int)((word >> 16 & 255) + (word >> 8 & 255) + (word & 255));
}

/* In the middle of a cell of the first map. */
static int cell_light(const picture *p, int n_x, int n_y, int i_x, int i_y)
{
    int width = p->width - LEFT - RIGHT, height = p->height - TOP - BOTTOM;
    return light_at(p, LEFT + (2 * i_x + 1) * width / (2 * n_x),
                    TOP + (2 * i_y + 1) * height / (2 * n_y));
}

static int count_dark(const picture *p, int x0, int y0, int x1, int y1)
{
    int n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            n += light_at(p, x, y) < 300;
    return n;
}

static const double some[N_Y * N_X] = {0, 1, 0, 0, 0, 0, 0, 0.5, NAN, 0, 0, 0};

static ci_draw_map map_of(const double *value)
{
    return (ci_draw_map){.title = "flagged",
                         .x_label = "channel",
                         .y_label = "minutes",
                         .n_x = N_X,
                         .n_y = N_Y,
                         .value = value,
                         .x_last = N_X - 1,
                         .y_last = 5};
}

static void the_first_row_is_on_top(void **state)
{
    ci_draw_map map = map_of(some);
    picture p = drawn(state, &map, 1);
    assert_true(cell_light(&p, N_X, N_Y, 1, 0) < 20);      /* all: black */
    assert_int_equal(cell_light(&p, N_X, N_Y, 0, 0), 765); /* none: white */
    int half = cell_light(&p, N_X, N_Y, 3, 1);
    assert_in_range(half, 200, 600);
    assert_int_equal(cell_light(&p, N_X, N_Y, 3, 0), 765);
    cairo_surface_destroy(p.surface);
}

static void a_cell_without_data_is_grey(void **state)
{
    ci_draw_map map = map_of(some);
    picture p = drawn(state, &map, 1);
    assert_int_equal(cell_light(&p, N_X, N_Y, 0, 2), 3 * 217);
    cairo_surface_destroy(p.surface);
}

static void hundred_rows_have_each_its_name(void **state)
{
    enum
    {
        N = 96
    };
    static const char *name[N];
    double value[N * N_X] = {0};
    for (int i = 0; i < N; i++)
        name[i] = i % 2 ? "" : "117"; /* every second, so that they can be told apart */
    ci_draw_map map = map_of(value);
    map.n_y = N;
    map.row_name = name;
    picture p = drawn(state, &map, 1);
    int step = (p.height - TOP - BOTTOM) / N;
    assert_true(step >= 9);
    for (int i = 0; i < N; i++) {
        int y = TOP + i * step + step / 2, n = count_dark(&p, 0, y - 1, LEFT - 4, y + 2);
        assert_int_equal(n > 0, i % 2 == 0);
    }
    cairo_surface_destroy(p.surface);
}

static void many_columns_are_averaged(void **state)
{
    enum
    {
        N = 6144
    };
    double *value = calloc(N, sizeof *value);
    for (int i = 0; i < N / 2; i++)
        value[i] = 1;
    ci_draw_map map = map_of(value);
    map.n_x = N;
    map.n_y = 1;
    picture p = drawn(state, &map, 1);
    free(value);
    assert_int_equal(p.width, LEFT + 1536 + RIGHT);
    assert_true(light_at(&p, LEFT + 700, TOP + 50) < 20);
    assert_int_equal(light_at(&p, LEFT + 800, TOP + 50), 765);
    cairo_surface_destroy(p.surface);
}

static void a_second_map_is_below_the_first(void **state)
{
    double none[N_Y * N_X] = {0}, all[N_Y * N_X];
    for (int i = 0; i < N_Y * N_X; i++)
        all[i] = 1;
    ci_draw_map map[] = {map_of(none), map_of(all)};
    picture p = drawn(state, map, 2);
    assert_int_equal(light_at(&p, LEFT + 50, p.height / 4), 765);
    assert_true(light_at(&p, LEFT + 50, 3 * p.height / 4) < 20);
    cairo_surface_destroy(p.surface);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(the_first_row_is_on_top),         UNIT_TEST(a_cell_without_data_is_grey),
        UNIT_TEST(hundred_rows_have_each_its_name), UNIT_TEST(many_columns_are_averaged),
        UNIT_TEST(a_second_map_is_below_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
