/* draw: the pixels of pictures: where an image pixel lies, that brightness follows the value, what
 * is blank, the grid and its labels at the right ascensions and declinations they name, the beam.
 */
#include "unit_case.h"

#include "contimg/draw.h"
#include "contimg/fits.h"

#include <cairo/cairo.h>
#include <math.h>

enum
{
    LEFT = 92, /* margins of the image within its picture */
    RIGHT = 110,
    TOP = 44,
    BOTTOM = 58,
    SIDE = 200,
    GREY = 217 /* of a blank pixel */
};

static const char the_title[] = "0123456789ab_1769299209999986";

typedef struct picture
{
    cairo_surface_t *surface;
    int n_x, n_y; /* of the image within */
} picture;

static ci_fits_header header(void)
{
    return (ci_fits_header){.n_x = SIDE,
                            .n_y = SIDE,
                            .ra_rad = 80.3 * CI_DEG_TO_RAD,
                            .dec_rad = 16.6 * CI_DEG_TO_RAD,
                            .x_ref = SIDE / 2,
                            .y_ref = SIDE / 2,
                            .cell_rad = 60 * CI_ARCSEC_TO_RAD,
                            .bunit = "Jy/beam",
                            .stokes = CI_VIS_POL_I,
                            .freq_hz = 1.4e9};
}

static picture drawn(void **state, const ci_fits_header *h, const float *pixels, size_t max_pixel)
{
    UNIT_PATH(fits_path, state, "x.fits");
    UNIT_PATH(png_path, state, "x.png");
    OK(ci_fits_write(fits_path, h, pixels));
    OK(ci_draw_fits(fits_path, png_path, max_pixel, the_title));
    picture p = {.surface = cairo_image_surface_create_from_png(png_path)};
    assert_int_equal(cairo_surface_status(p.surface), CAIRO_STATUS_SUCCESS);
    p.n_y = cairo_image_surface_get_height(p.surface) - TOP - BOTTOM;
    p.n_x = p.n_y; /* of a square; the picture may be wider for its words */
    return p;
}

/* Red, green and blue at a place of the whole picture. */
static void colour_at(const picture *p, int x, int y, int rgb[3])
{
    const unsigned char *data = cairo_image_surface_get_data(p->surface);
    uint32_t word;
    memcpy(&word, data + y * cairo_image_surface_get_stride(p->surface) + 4 * x, 4);
    for (int i = 0; i < 3; i++)
        rgb[i] = (int)(word >> (16 - 8 * i) & 255);
}

/* 0 to 1 at an image pixel: x to the right, y upwards. */
static double light_at(const picture *p, int x, int y)
{
    int rgb[3];
    colour_at(p, LEFT + x, TOP + p->n_y - 1 - y, rgb);
    return (0.30 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]) / 255;
}

static bool is_grey(const picture *p, int x, int y)
{
    int rgb[3];
    colour_at(p, LEFT + x, TOP + p->n_y - 1 - y, rgb);
    return rgb[0] == GREY && rgb[1] == GREY && rgb[2] == GREY;
}

/* Dark pixels in a rectangle of the whole picture. */
static int count_dark(const picture *p, int x0, int y0, int x1, int y1)
{
    int n = 0, rgb[3];
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            colour_at(p, x, y, rgb);
            n += rgb[0] + rgb[1] + rgb[2] < 300;
        }
    return n;
}

/* A faint pattern, so that the scale has a sigma of about 1 mJy. */
static float *background(void)
{
    float *pixels = malloc((size_t)SIDE * SIDE * sizeof *pixels);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        pixels[i] = 1e-3f * (float)sin(2.4 * (double)i);
    return pixels;
}

static void set_square(float *pixels, int x0, int y0, int side, float value)
{
    for (int y = y0; y < y0 + side; y++)
        for (int x = x0; x < x0 + side; x++)
            pixels[y * SIDE + x] = value;
}

/* ---- pixels -------------------------------------------------------------------------------- */

static void the_first_row_is_at_the_bottom(void **state)
{
    ci_fits_header h = header();
    float *pixels = background();
    set_square(pixels, 20, 150, 10, 1);
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    double there = light_at(&p, 25, 155), mirrored = light_at(&p, 25, SIDE - 1 - 155);
    double other_side = light_at(&p, SIDE - 1 - 25, 155);
    cairo_surface_destroy(p.surface);
    assert_true(there > 0.9);
    assert_true(mirrored < 0.6 && other_side < 0.6);
}

static void brightness_follows_the_value(void **state)
{
    ci_fits_header h = header();
    float *pixels = background();
    double light[6];
    for (int i = 0; i < 6; i++)
        set_square(pixels, 10 + 30 * i, 150, 8, 1e-3f * (float)pow(10, 0.6 * i));
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    for (int i = 0; i < 6; i++)
        light[i] = light_at(&p, 13 + 30 * i, 153);
    cairo_surface_destroy(p.surface);
    for (int i = 1; i < 6; i++)
        assert_true(light[i] > light[i - 1] + 0.02);
}

static void blank_pixels_are_grey(void **state)
{
    ci_fits_header h = header();
    float *pixels = background();
    set_square(pixels, 120, 130, 40, NAN);
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    int n_inside = 0, n_outside = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool is_inside = x >= 120 && x < 160 && y >= 130 && y < 170;
            *(is_inside ? &n_inside : &n_outside) += is_grey(&p, x, y);
        }
    cairo_surface_destroy(p.surface);
    assert_true(n_inside > 40 * 40 * 8 / 10); /* but for lines of the grid */
    assert_int_equal(n_outside, 0);
}

static void an_image_without_values_is_refused(void **state)
{
    UNIT_PATH(fits_path, state, "x.fits");
    UNIT_PATH(png_path, state, "x.png");
    UNIT_PATH(part_path, state, "x.png.part");
    ci_fits_header h = header();
    float *pixels = background();
    set_square(pixels, 0, 0, SIDE, NAN);
    OK(ci_fits_write(fits_path, &h, pixels));
    free(pixels);
    unit_refused(ci_draw_fits(fits_path, png_path, 1000, "t"), CI_ERR_NO_DATA, fits_path);
    assert_false(ci_path_exists(png_path) || ci_path_exists(part_path));
}

/* Of 200 pixels at most 60: blocks of 4 x 4, the mean of what is not blank. */
static void large_images_are_averaged(void **state)
{
    ci_fits_header h = header();
    float *pixels = background();
    for (int y = 100; y < 120; y++)
        for (int x = 100; x < 140; x++)
            pixels[y * SIDE + x] = x < 120 ? 1 : x % 2 ? 1 : NAN;
    set_square(pixels, 148, 100, 20, NAN);
    picture p = drawn(state, &h, pixels, 60);
    free(pixels);
    int n_y = p.n_y;
    double full = light_at(&p, 27, 27), half_blank = light_at(&p, 32, 27);
    bool is_blank = is_grey(&p, 39, 27);
    cairo_surface_destroy(p.surface);
    assert_int_equal(n_y, 50);
    unit_near(half_blank, full, 0.01);
    assert_true(full > 0.9 && is_blank);
}

/* ---- axes ---------------------------------------------------------------------------------- */

/* How much lighter an image row (or column) is than those three pixels off, in the mean. */
static double line_contrast(const picture *p, int at, bool is_row)
{
    double sum = 0;
    for (int i = 0; i < SIDE; i++) {
        double on = is_row ? light_at(p, i, at) : light_at(p, at, i);
        for (int side = -3; side <= 3; side += 6)
            sum += 0.5 * (on - (is_row ? light_at(p, i, at + side) : light_at(p, at + side, i)));
    }
    return sum / SIDE;
}

/* Of the lines near the middle of the field, each at the pixel of its right ascension or
 * declination. The field is 3.3 degrees wide: lines every degree. */
static void grid_lines_lie_on_the_sky(void **state)
{
    ci_fits_header h = header();
    ci_fits_wcs *wcs = NULL;
    const double ra[2] = {80 * CI_DEG_TO_RAD, 80.3 * CI_DEG_TO_RAD};
    const double dec[2] = {16.6 * CI_DEG_TO_RAD, 17 * CI_DEG_TO_RAD};
    double x[2], y[2], column = 0, row = 0;
    OK(ci_fits_wcs_new(&wcs, &h));
    ci_status status = ci_fits_wcs_to_pixel(wcs, 2, ra, dec, x, y);
    ci_fits_wcs_free(wcs);
    OK(status);
    float *pixels = background();
    set_square(pixels, 0, 0, SIDE, 0);
    set_square(pixels, 5, 5, 3, 1); /* that all else is dark */
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    for (int off = -1; off <= 1; off++) {
        column = fmax(column, line_contrast(&p, (int)lrint(x[0]) + off, false));
        row = fmax(row, line_contrast(&p, (int)lrint(y[1]) + off, true));
    }
    double beside = line_contrast(&p, (int)lrint(y[1]) + 9, true);
    cairo_surface_destroy(p.surface);
    assert_true(column > 0.03 && row > 0.03);
    assert_true(fabs(beside) < 0.01);
}

static void axes_bar_and_title_have_labels(void **state)
{
    ci_fits_header h = header();
    float *pixels = background();
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    int bottom = TOP + SIDE, right = LEFT + SIDE;
    int dec = count_dark(&p, 0, TOP, LEFT - 6, bottom), title = count_dark(&p, LEFT, 0, right, 32);
    int ra = count_dark(&p, LEFT, bottom + 4, right, bottom + 24);
    int facts = count_dark(&p, LEFT, bottom + 28, right, bottom + BOTTOM);
    int bar = count_dark(&p, right + 36, TOP, right + RIGHT, bottom);
    cairo_surface_destroy(p.surface);
    assert_true(dec > 20 && ra > 20 && title > 20 && facts > 20 && bar > 20);
}

/* The picture is as wide as title and caption need: nothing is cut at its right. */
static void words_of_a_small_picture_are_whole(void **state)
{
    ci_fits_header h = header();
    h.beam_major_rad = h.beam_minor_rad = 1000 * CI_ARCSEC_TO_RAD;
    h.time_mjd_s = 61065 * CI_DAY_S;
    float *pixels = background();
    picture p = drawn(state, &h, pixels, 50);
    free(pixels);
    int width = cairo_image_surface_get_width(p.surface), bottom = TOP + p.n_y;
    int caption = count_dark(&p, width / 2, bottom + 28, width, bottom + BOTTOM);
    int cut = count_dark(&p, width - 4, 0, width, bottom + BOTTOM);
    cairo_surface_destroy(p.surface);
    assert_true(width > LEFT + 50 + RIGHT && caption > 20 && cut == 0);
}

/* Dark below, light above, rising all the way. */
static void the_bar_rises(void **state)
{
    ci_fits_header h = header();
    float *pixels = background();
    double light[5];
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    for (int i = 0; i < 5; i++)
        light[i] = light_at(&p, SIDE + 16 + 8, 10 + 45 * i);
    cairo_surface_destroy(p.surface);
    for (int i = 1; i < 5; i++)
        assert_true(light[i] > light[i - 1] + 0.05);
}

/* ---- the beam ------------------------------------------------------------------------------ */

/* Width and height of the beam's ellipse in the lower left corner; 0 where there is none. */
static void beam_extent(void **state, double pa_rad, double major_pixel, int *width, int *height)
{
    ci_fits_header h = header();
    h.beam_major_rad = major_pixel * h.cell_rad;
    h.beam_minor_rad = 0.4 * h.beam_major_rad;
    h.beam_pa_rad = pa_rad;
    float *pixels = background();
    set_square(pixels, 0, 0, SIDE, 0.5e-3f); /* not dark */
    set_square(pixels, SIDE - 10, SIDE - 10, 10, 1e-3f);
    picture p = drawn(state, &h, pixels, 1000);
    free(pixels);
    int low[2] = {SIDE, SIDE}, high[2] = {-1, -1};
    for (int y = 8; y < 70; y++)
        for (int x = 8; x < 70; x++) {
            int at[2] = {x, y};
            if (light_at(&p, x, y) > 0.2) continue;
            for (int k = 0; k < 2; k++) {
                if (at[k] < low[k]) low[k] = at[k];
                if (at[k] > high[k]) high[k] = at[k];
            }
        }
    cairo_surface_destroy(p.surface);
    *width = high[0] < 0 ? 0 : high[0] - low[0] + 1;
    *height = high[1] < 0 ? 0 : high[1] - low[1] + 1;
}

static void the_beam_is_to_scale(void **state)
{
    int width, height;
    beam_extent(state, 0, 40, &width, &height); /* north: upwards */
    unit_near(height, 40, 2);
    unit_near(width, 16, 2);
}

static void the_beam_turns_with_its_angle(void **state)
{
    int width, height;
    beam_extent(state, 0.5 * CI_PI, 40, &width, &height);
    unit_near(height, 16, 2);
    unit_near(width, 40, 2);
}

static void no_beam_no_ellipse(void **state)
{
    int width, height;
    beam_extent(state, 0, 0, &width, &height);
    assert_true(width == 0 && height == 0);
}

/* ---- files --------------------------------------------------------------------------------- */

static void pictures_of_one_image_are_equal(void **state)
{
    UNIT_PATH(fits_path, state, "x.fits");
    UNIT_PATH(first, state, "1.png");
    UNIT_PATH(second, state, "2.png");
    UNIT_PATH(part, state, "2.png.part");
    char sum[2][CI_SHA256_HEX];
    ci_fits_header h = header();
    float *pixels = background();
    OK(ci_fits_write(fits_path, &h, pixels));
    free(pixels);
    OK(ci_draw_fits(fits_path, first, 1000, "t"));
    OK(ci_draw_fits(fits_path, second, 1000, "t"));
    OK(ci_sha256_file(sum[0], first));
    OK(ci_sha256_file(sum[1], second));
    assert_string_equal(sum[0], sum[1]);
    assert_false(ci_path_exists(part));
}

static void a_missing_image_is_named(void **state)
{
    UNIT_PATH(fits_path, state, "no.fits");
    UNIT_PATH(png_path, state, "x.png");
    unit_refused(ci_draw_fits(fits_path, png_path, 1000, "t"), CI_ERR_INPUT, "no.fits");
}

static void a_folder_that_is_missing_is_an_error(void **state)
{
    UNIT_PATH(fits_path, state, "x.fits");
    UNIT_PATH(png_path, state, "no/x.png");
    ci_fits_header h = header();
    float *pixels = background();
    OK(ci_fits_write(fits_path, &h, pixels));
    free(pixels);
    assert_int_equal(ci_draw_fits(fits_path, png_path, 1000, "t"), CI_ERR_IO);
    assert_non_null(strstr(ci_error_text(), "no/x.png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(the_first_row_is_at_the_bottom),
        UNIT_TEST(brightness_follows_the_value),
        UNIT_TEST(blank_pixels_are_grey),
        UNIT_TEST(an_image_without_values_is_refused),
        UNIT_TEST(large_images_are_averaged),
        UNIT_TEST(grid_lines_lie_on_the_sky),
        UNIT_TEST(axes_bar_and_title_have_labels),
        UNIT_TEST(words_of_a_small_picture_are_whole),
        UNIT_TEST(the_bar_rises),
        UNIT_TEST(the_beam_is_to_scale),
        UNIT_TEST(the_beam_turns_with_its_angle),
        UNIT_TEST(no_beam_no_ellipse),
        UNIT_TEST(pictures_of_one_image_are_equal),
        UNIT_TEST(a_missing_image_is_named),
        UNIT_TEST(a_folder_that_is_missing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
