/* Colours, words and the file of a picture. */
#include "draw/page.h"

#include "contimg/base_file.h"

#include <math.h>
#include <unistd.h>

enum
{
    N_TICK = 6
};

/* Cubehelix (Green 2011, BASI 39, 289): start 0.5, rotations -1.5, hue 1. Brightness rises
 * with t, in print and for every eye. */
void ci_draw_colour(double t, double rgb[3])
{
    double angle = CI_TWO_PI * (0.5 / 3 + 1 - 1.5 * t);
    double amplitude = 0.5 * t * (1 - t);
    double c = cos(angle), s = sin(angle);
    rgb[0] = t + amplitude * (-0.14861 * c + 1.78277 * s);
    rgb[1] = t + amplitude * (-0.29227 * c - 0.90649 * s);
    rgb[2] = t + amplitude * (1.97294 * c);
    for (int i = 0; i < 3; i++)
        rgb[i] = rgb[i] < 0 ? 0 : rgb[i] > 1 ? 1 : rgb[i];
}

void ci_draw_font(cairo_t *cr)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
}

cairo_t *ci_draw_page_begin(cairo_surface_t *surface)
{
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    ci_draw_font(cr);
    cairo_set_font_size(cr, CI_DRAW_TEXT_SIZE);
    return cr;
}

void ci_draw_text(cairo_t *cr, double x, double y, double align, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cr, text, &extents);
    cairo_move_to(cr, x - align * extents.width, y);
    cairo_show_text(cr, text);
}

/* 1, 2 or 5 times a power of ten: about N_TICK steps over the span. */
static double tick_step(double span)
{
    double power = pow(10, floor(log10(span / N_TICK))), f = span / N_TICK / power;
    return power * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

bool ci_draw_tick(double first, double last, int i, double *share, char text[32])
{
    double step = last > first ? tick_step(last - first) : 1;
    double value = (ceil(first / step) + i) * step;
    if (value > last + 1e-9 * step) return false;
    *share = last > first ? (value - first) / (last - first) : 0;
    snprintf(text, 32, "%.6g", value);
    return true;
}

/* Where cairo writes. */
typedef struct png_file
{
    int fd;
    const char *path;
    ci_status status;
} png_file;

static cairo_status_t png_bytes(void *context, const unsigned char *bytes, unsigned n)
{
    png_file *file = context;
    file->status = ci_file_put(file->fd, file->path, bytes, n);
    return file->status == CI_OK ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

ci_status ci_draw_png(cairo_surface_t *surface, const char *path)
{
    char *part = NULL;
    CI_TRY(ci_path_part(&part, path));
    png_file file = {.path = path};
    ci_status status = ci_file_create(&file.fd, part);
    if (status == CI_OK) {
        cairo_status_t written = cairo_surface_write_to_png_stream(surface, png_bytes, &file);
        if (file.status != CI_OK)
            status = file.status;
        else if (written != CAIRO_STATUS_SUCCESS)
            status = ci_error(CI_ERR_IO, "%s: %s", path, cairo_status_to_string(written));
        close(file.fd);
        if (status == CI_OK) status = ci_path_commit(part, path);
        if (status != CI_OK) unlink(part);
    }
    ci_mem_free(part);
    return status;
}
