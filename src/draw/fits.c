/* A FITS image as a picture: robust asinh scale, colour bar, RA/Dec grid, beam. */
#include "contimg/draw.h"

#include "contimg/fits.h"
#include "contimg/num.h"
#include "draw/labels.h"
#include "draw/page.h"

#include <math.h>
#include <string.h>

enum
{
    MARGIN_LEFT = 92,
    MARGIN_RIGHT = 110,
    MARGIN_TOP = 44,
    MARGIN_BOTTOM = 58,
    TITLE_SIZE = 16 /* of letters, pixels */
};

typedef struct
{
    const ci_fits_header *header;
    ci_fits_wcs *wcs;
    size_t n_x, n_y, factor; /* picture pixels; each is the mean of factor x factor */
    float *pixel;            /* [n_y][n_x], row 0 at the bottom */
    double low, high, knee;  /* colour scale; knee: where asinh goes from linear to log */
} picture;

/* ---- colours ----------------------------------------------------------------------------- */

static double scaled(const picture *p, double value)
{
    double t = (asinh(value / p->knee) - asinh(p->low / p->knee)) /
               (asinh(p->high / p->knee) - asinh(p->low / p->knee));
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

static double unscaled(const picture *p, double t)
{
    double low = asinh(p->low / p->knee), high = asinh(p->high / p->knee);
    return p->knee * sinh(low + t * (high - low));
}

/* From -3 sigma to the peak; linear within a few sigma. */
static ci_status choose_scale(picture *p)
{
    size_t n = p->n_x * p->n_y, n_good = 0;
    float *copy = NULL, peak = -INFINITY;
    CI_TRY(ci_mem_alloc(&copy, n, sizeof *copy, "picture"));
    for (size_t i = 0; i < n; i++)
        if (isfinite(p->pixel[i])) {
            copy[n_good++] = p->pixel[i];
            if (p->pixel[i] > peak) peak = p->pixel[i];
        }
    double sigma = n_good ? ci_num_mad_sigma_float(copy, n_good) : 0;
    ci_mem_free(copy);
    if (n_good == 0) return ci_error(CI_ERR_NO_DATA, "no pixel is finite");
    if (!(sigma > 0)) sigma = fabs((double)peak) * 1e-3 + 1e-30;
    p->knee = 4 * sigma;
    p->low = -3 * sigma;
    p->high = peak > 6 * sigma ? peak : 6 * sigma;
    return CI_OK;
}

/* ---- pixels -------------------------------------------------------------------------------- */

static float mean_of(const float *rows, size_t n_x, size_t x_first, size_t factor, size_t n_row)
{
    double sum = 0;
    size_t n = 0;
    for (size_t y = 0; y < n_row; y++)
        for (size_t x = x_first; x < x_first + factor && x < n_x; x++)
            if (isfinite(rows[y * n_x + x])) {
                sum += rows[y * n_x + x];
                n++;
            }
    return n ? (float)(sum / (double)n) : NAN;
}

static ci_status read_pixels(picture *p, ci_fits_reader *reader, size_t max_pixel)
{
    size_t n_x = p->header->n_x, n_y = p->header->n_y, longest = n_x > n_y ? n_x : n_y;
    p->factor = (longest + max_pixel - 1) / max_pixel;
    if (p->factor == 0) p->factor = 1;
    p->n_x = (n_x + p->factor - 1) / p->factor;
    p->n_y = (n_y + p->factor - 1) / p->factor;
    float *rows = NULL;
    CI_TRY(ci_mem_alloc(&p->pixel, p->n_x * p->n_y, sizeof *p->pixel, "picture"));
    ci_status status = ci_mem_alloc(&rows, n_x * p->factor, sizeof *rows, "picture");
    for (size_t y = 0; status == CI_OK && y < p->n_y; y++) {
        size_t first = y * p->factor, n = n_y - first < p->factor ? n_y - first : p->factor;
        status = ci_fits_reader_rows(reader, first, n, rows);
        for (size_t x = 0; status == CI_OK && x < p->n_x; x++)
            p->pixel[y * p->n_x + x] = mean_of(rows, n_x, x * p->factor, p->factor, n);
    }
    ci_mem_free(rows);
    return status;
}

/* Screen position of an image pixel index. */
static void to_screen(const picture *p, double x, double y, double *sx, double *sy)
{
    *sx = MARGIN_LEFT + (x + 0.5) / (double)p->factor;
    *sy = MARGIN_TOP + (double)p->n_y - (y + 0.5) / (double)p->factor;
}

static void paint_pixels(cairo_t *cr, const picture *p)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)p->n_x, (int)p->n_y);
    unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (size_t y = 0; data && y < p->n_y; y++)
        for (size_t x = 0; x < p->n_x; x++) {
            float value = p->pixel[(p->n_y - 1 - y) * p->n_x + x];
            double rgb[3] = {0.85, 0.85, 0.85};
            if (isfinite(value)) ci_draw_colour(scaled(p, value), rgb);
            uint32_t word = (uint32_t)(rgb[0] * 255 + 0.5) << 16 |
                            (uint32_t)(rgb[1] * 255 + 0.5) << 8 | (uint32_t)(rgb[2] * 255 + 0.5);
            memcpy(data + y * (size_t)stride + 4 * x, &word, 4);
        }
    cairo_surface_mark_dirty(surface);
    cairo_set_source_surface(cr, surface, MARGIN_LEFT, MARGIN_TOP);
    cairo_paint(cr);
    cairo_surface_destroy(surface);
}

/* ---- grid ------------------------------------------------------------------------------------ */

/* One grid line as a chain of points; broken where it leaves the sky. */
static ci_status grid_line(cairo_t *cr, const picture *p, bool is_ra, double fixed_deg,
                           double from_deg, double to_deg)
{
    enum
    {
        N = 120
    };
    double ra[N], dec[N], x[N], y[N];
    for (int i = 0; i < N; i++) {
        double moving = from_deg + (to_deg - from_deg) * i / (N - 1);
        ra[i] = (is_ra ? fixed_deg : moving) * CI_DEG_TO_RAD;
        dec[i] = (is_ra ? moving : fixed_deg) * CI_DEG_TO_RAD;
    }
    CI_TRY(ci_fits_wcs_to_pixel(p->wcs, N, ra, dec, x, y));
    bool drawing = false;
    for (int i = 0; i < N; i++) {
        double sx, sy;
        bool good = isfinite(x[i]) && isfinite(y[i]);
        if (good) to_screen(p, x[i], y[i], &sx, &sy);
        if (good && drawing) cairo_line_to(cr, sx, sy);
        if (good && !drawing) cairo_move_to(cr, sx, sy);
        drawing = good;
    }
    cairo_stroke(cr);
    return CI_OK;
}

/* Half the field's extent in declination and right ascension, degrees. */
static void extent(const picture *p, double *half_dec, double *half_ra)
{
    double half = 0.5 * (double)(p->header->n_y > p->header->n_x ? p->header->n_y : p->header->n_x);
    double angle = half * p->header->cell_rad * CI_RAD_TO_DEG;
    double centre = fabs(p->header->dec_rad) * CI_RAD_TO_DEG;
    *half_dec = angle < 85 ? angle : 85;
    double cosine = cos((centre + *half_dec < 85 ? centre + *half_dec : 85) * CI_DEG_TO_RAD);
    *half_ra = *half_dec / cosine < 175 ? *half_dec / cosine : 175;
}

/* Where a line crosses the left (declination) or bottom (right ascension) edge. */
static ci_status label_lines(cairo_t *cr, const picture *p, bool is_ra, double step_deg,
                             double centre_deg, double half_deg)
{
    double last = -1e9;
    for (double k = ceil((centre_deg - half_deg) / step_deg); k * step_deg <= centre_deg + half_deg;
         k++) {
        double other = is_ra ? p->header->dec_rad : p->header->ra_rad, x, y, sx, sy;
        double fixed = k * step_deg * CI_DEG_TO_RAD;
        double ra = is_ra ? fixed : other, dec = is_ra ? other : fixed;
        char text[32];
        CI_TRY(ci_fits_wcs_to_pixel(p->wcs, 1, &ra, &dec, &x, &y));
        if (!isfinite(x) || !isfinite(y)) continue;
        to_screen(p, x, y, &sx, &sy);
        if (is_ra) {
            if (sx < MARGIN_LEFT || sx > MARGIN_LEFT + (double)p->n_x || fabs(sx - last) < 70)
                continue;
            ci_draw_ra_text(k * step_deg, step_deg, text);
            ci_draw_text(cr, sx, MARGIN_TOP + (double)p->n_y + 18, 0.5, text);
            last = sx;
        } else {
            if (sy < MARGIN_TOP || sy > MARGIN_TOP + (double)p->n_y || fabs(sy - last) < 16)
                continue;
            ci_draw_dec_text(k * step_deg, step_deg, text);
            ci_draw_text(cr, MARGIN_LEFT - 8, sy + 4, 1, text);
            last = sy;
        }
    }
    return CI_OK;
}

static ci_status draw_grid(cairo_t *cr, const picture *p)
{
    double half_dec, half_ra, ra0 = p->header->ra_rad * CI_RAD_TO_DEG;
    double dec0 = p->header->dec_rad * CI_RAD_TO_DEG;
    extent(p, &half_dec, &half_ra);
    double step_dec = ci_draw_grid_step(2 * half_dec, false),
           step_ra = ci_draw_grid_step(2 * half_ra, true);
    cairo_save(cr);
    cairo_rectangle(cr, MARGIN_LEFT, MARGIN_TOP, (double)p->n_x, (double)p->n_y);
    cairo_clip(cr);
    cairo_set_line_width(cr, 1);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.25);
    ci_status status = CI_OK;
    for (double k = ceil((ra0 - half_ra) / step_ra);
         status == CI_OK && k * step_ra <= ra0 + half_ra; k++)
        status = grid_line(cr, p, true, k * step_ra, fmax(dec0 - 1.5 * half_dec, -90),
                           fmin(dec0 + 1.5 * half_dec, 90));
    for (double k = ceil((dec0 - half_dec) / step_dec);
         status == CI_OK && k * step_dec <= dec0 + half_dec; k++)
        if (fabs(k * step_dec) <= 90)
            status = grid_line(cr, p, false, k * step_dec, ra0 - half_ra, ra0 + half_ra);
    cairo_restore(cr);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    if (status == CI_OK) status = label_lines(cr, p, true, step_ra, ra0, half_ra);
    if (status == CI_OK) status = label_lines(cr, p, false, step_dec, dec0, half_dec);
    return status;
}

/* ---- bar, beam, title ------------------------------------------------------------------------ */

static void draw_bar(cairo_t *cr, const picture *p)
{
    double x = MARGIN_LEFT + (double)p->n_x + 16, height = (double)p->n_y, width = 16;
    for (int i = 0; i < (int)height; i++) {
        double rgb[3];
        ci_draw_colour(1 - (i + 0.5) / height, rgb);
        cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
        cairo_rectangle(cr, x, MARGIN_TOP + i, width, 1.5);
        cairo_fill(cr);
    }
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    for (int i = 0; i <= 6; i++) {
        char text[32];
        double value = unscaled(p, i / 6.0), unit = fabs(p->high) < 0.5 ? 1e3 : 1;
        snprintf(text, sizeof text, "%.3g", value * unit);
        ci_draw_text(cr, x + width + 5, MARGIN_TOP + height * (1 - i / 6.0) + 4, 0, text);
    }
    const char *unit = p->header->bunit[0] ? p->header->bunit : "";
    char text[48];
    snprintf(text, sizeof text, "%s%s", fabs(p->high) < 0.5 ? "m" : "", unit);
    ci_draw_text(cr, x, MARGIN_TOP - 8, 0, text);
}

static void draw_beam(cairo_t *cr, const picture *p)
{
    double scale = 1 / (p->header->cell_rad * (double)p->factor);
    double major = p->header->beam_major_rad * scale, minor = p->header->beam_minor_rad * scale;
    if (!(major > 0) || major > 0.4 * (double)p->n_x) return;
    double box = major + 14;
    cairo_save(cr);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.85);
    cairo_rectangle(cr, MARGIN_LEFT + 8, MARGIN_TOP + (double)p->n_y - 8 - box, box, box);
    cairo_fill(cr);
    cairo_translate(cr, MARGIN_LEFT + 8 + box / 2, MARGIN_TOP + (double)p->n_y - 8 - box / 2);
    /* Position angle from north (up) through east (left). */
    cairo_rotate(cr, -p->header->beam_pa_rad);
    cairo_scale(cr, minor / 2, major / 2);
    cairo_arc(cr, 0, 0, 1, 0, CI_TWO_PI);
    cairo_restore(cr);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    cairo_fill(cr);
}

/* Below the picture: when, at which frequency, with which beam. */
static void caption_of(const picture *p, char out[128])
{
    char when[32] = "";
    if (p->header->time_mjd_s > 0) ci_time_iso(when, p->header->time_mjd_s, 0, true);
    snprintf(out, 128, "%s  %.2f MHz  beam %.1f\" x %.1f\"", when, p->header->freq_hz * 1e-6,
             p->header->beam_major_rad * CI_RAD_TO_ARCSEC,
             p->header->beam_minor_rad * CI_RAD_TO_ARCSEC);
}

static void draw_words(cairo_t *cr, const picture *p, const char *title)
{
    char caption[128];
    caption_of(p, caption);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    cairo_set_font_size(cr, TITLE_SIZE);
    ci_draw_text(cr, MARGIN_LEFT, 18, 0, title);
    cairo_set_font_size(cr, CI_DRAW_TEXT_SIZE);
    ci_draw_text(cr, MARGIN_LEFT, MARGIN_TOP + (double)p->n_y + 42, 0, caption);
}

/* The width that title and caption need, where the picture itself is narrower. */
static int words_width(const picture *p, const char *title)
{
    char caption[128];
    cairo_text_extents_t above, below;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
    cairo_t *cr = cairo_create(surface);
    caption_of(p, caption);
    ci_draw_font(cr);
    cairo_set_font_size(cr, TITLE_SIZE);
    cairo_text_extents(cr, title, &above);
    cairo_set_font_size(cr, CI_DRAW_TEXT_SIZE);
    cairo_text_extents(cr, caption, &below);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return MARGIN_LEFT + (int)ceil(fmax(above.x_advance, below.x_advance)) + CI_DRAW_TEXT_SIZE;
}

static ci_status png_write(const picture *p, const char *png_path, const char *title)
{
    int width = MARGIN_LEFT + (int)p->n_x + MARGIN_RIGHT, least = words_width(p, title);
    if (width < least) width = least;
    int height = MARGIN_TOP + (int)p->n_y + MARGIN_BOTTOM;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = ci_draw_page_begin(surface);
    paint_pixels(cr, p);
    ci_status status = draw_grid(cr, p);
    draw_bar(cr, p);
    draw_beam(cr, p);
    draw_words(cr, p, title);
    if (status == CI_OK) status = ci_draw_png(surface, png_path);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return status;
}

ci_status ci_draw_fits(const char *fits_path, const char *png_path, size_t max_pixel,
                       const char *title)
{
    ci_fits_reader *reader = NULL;
    picture p = {0};
    CI_TRY(ci_fits_reader_open(&reader, fits_path));
    p.header = ci_fits_reader_header(reader);
    ci_status status = ci_fits_wcs_new(&p.wcs, p.header);
    if (status == CI_OK) status = read_pixels(&p, reader, max_pixel);
    if (status == CI_OK) status = choose_scale(&p);
    if (status == CI_OK) status = png_write(&p, png_path, title);
    ci_mem_free(p.pixel);
    ci_fits_wcs_free(p.wcs);
    ci_fits_reader_close(reader);
    return status == CI_OK ? CI_OK : ci_error_prefix(status, "%s", fits_path);
}
