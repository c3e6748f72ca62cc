/* Maps of a share, 0 to 1, over rows and columns: flags by time and channel, by antenna and
 * channel. */
#include "contimg/draw.h"

#include "draw/page.h"

#include <math.h>

enum
{
    LEFT = 92, /* margins of a map */
    RIGHT = 110,
    TOP = 34,
    BOTTOM = 48,
    WIDTH = 768,  /* of a map of few columns, and what one of many is at most twice as wide as */
    HEIGHT = 240, /* of few rows without names */
    MOST_HEIGHT = 4000,
    LINE = 11, /* from one name to the next */
    N_TICK = 6
};

/* A map on the page: n_x x n_y cells of step_x x step_y pixels, each the mean of factor_x x
 * factor_y values. */
typedef struct panel
{
    const ci_draw_map *map;
    size_t n_x, n_y, factor_x, factor_y;
    int step_x, step_y, top;
} panel;

/* Pixels of a cell, and the values that share one where there are too many. */
static void cells_choose(size_t n, size_t usual, size_t most, size_t *factor, size_t *n_cell,
                         int *step)
{
    *factor = n > most ? (n + most - 1) / most : 1;
    *n_cell = (n + *factor - 1) / *factor;
    *step = *n_cell < usual ? (int)((usual + *n_cell - 1) / *n_cell) : 1;
}

static panel panel_of(const ci_draw_map *map, int top)
{
    panel p = {.map = map, .top = top};
    size_t usual = map->row_name ? map->n_y * LINE : HEIGHT;
    cells_choose(map->n_x, WIDTH, 2 * (size_t)WIDTH, &p.factor_x, &p.n_x, &p.step_x);
    cells_choose(map->n_y, usual < MOST_HEIGHT ? usual : MOST_HEIGHT, MOST_HEIGHT, &p.factor_y,
                 &p.n_y, &p.step_y);
    return p;
}

static int panel_height(const panel *p)
{
    return TOP + (int)p->n_y * p->step_y + BOTTOM;
}

/* Mean of a cell's values; NaN where it has none. */
static double cell_mean(const panel *p, size_t i_x, size_t i_y)
{
    double sum = 0;
    size_t n = 0;
    for (size_t y = i_y * p->factor_y; y < (i_y + 1) * p->factor_y && y < p->map->n_y; y++)
        for (size_t x = i_x * p->factor_x; x < (i_x + 1) * p->factor_x && x < p->map->n_x; x++) {
            double value = p->map->value[y * p->map->n_x + x];
            if (!isfinite(value)) continue;
            sum += value;
            n++;
        }
    return n ? sum / (double)n : NAN;
}

/* 0 is white, 1 black, nothing grey. */
static void colour_set(cairo_t *cr, double value)
{
    double rgb[3] = {0.85, 0.85, 0.85};
    if (isfinite(value)) ci_draw_colour(1 - fmin(fmax(value, 0), 1), rgb);
    cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
}

static void cells_draw(cairo_t *cr, const panel *p)
{
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
    for (size_t y = 0; y < p->n_y; y++)
        for (size_t x = 0; x < p->n_x; x++) {
            colour_set(cr, cell_mean(p, x, y));
            cairo_rectangle(cr, LEFT + (int)x * p->step_x, p->top + TOP + (int)y * p->step_y,
                            p->step_x, p->step_y);
            cairo_fill(cr);
        }
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    cairo_set_line_width(cr, 1);
    cairo_rectangle(cr, LEFT - 1, p->top + TOP - 1, (int)p->n_x * p->step_x + 1,
                    (int)p->n_y * p->step_y + 1);
    cairo_stroke(cr);
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_DEFAULT);
}

/* Numbers along the lower edge. */
static void columns_label(cairo_t *cr, const panel *p)
{
    double bottom = p->top + TOP + (int)p->n_y * p->step_y, step = p->step_x, share;
    char text[32];
    for (int i = 0; ci_draw_tick(p->map->x_first, p->map->x_last, i, &share, text); i++) {
        double x = LEFT + 0.5 * step + ((double)p->n_x - 1) * step * share;
        cairo_rectangle(cr, x, bottom, 1, 4);
        cairo_fill(cr);
        ci_draw_text(cr, x, bottom + 16, 0.5, text);
    }
    ci_draw_text(cr, LEFT + 0.5 * (double)p->n_x * step, bottom + 34, 0.5, p->map->x_label);
}

/* Names of rows, as many as have space, or numbers at the left edge. */
static void rows_label(cairo_t *cr, const panel *p)
{
    double top = p->top + TOP, share;
    size_t apart = (size_t)((LINE + p->step_y - 1) / p->step_y);
    char text[32];
    if (p->map->row_name) {
        for (size_t y = 0; y < p->n_y; y += apart)
            ci_draw_text(cr, LEFT - 6, top + ((double)y + 0.5) * p->step_y + 4, 1,
                         p->map->row_name[y * p->factor_y]);
        return;
    }
    for (int i = 0; ci_draw_tick(p->map->y_first, p->map->y_last, i, &share, text); i++) {
        double y = top + 0.5 * p->step_y + ((double)p->n_y - 1) * p->step_y * share;
        ci_draw_text(cr, LEFT - 6, y + 4, 1, text);
    }
}

/* What the colours mean, to the right. */
static void bar_draw(cairo_t *cr, const panel *p)
{
    enum
    {
        BAR = 120
    };
    double x = LEFT + (int)p->n_x * p->step_x + 18, top = p->top + TOP;
    for (int i = 0; i < BAR; i++) {
        colour_set(cr, 1 - (i + 0.5) / BAR);
        cairo_rectangle(cr, x, top + i, 16, 1);
        cairo_fill(cr);
    }
    colour_set(cr, NAN);
    cairo_rectangle(cr, x, top + BAR + 12, 16, 12);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    ci_draw_text(cr, x + 22, top + 10, 0, "all");
    ci_draw_text(cr, x + 22, top + BAR / 2 + 4, 0, "half");
    ci_draw_text(cr, x + 22, top + BAR, 0, "none");
    ci_draw_text(cr, x + 22, top + BAR + 22, 0, "no data");
}

static void panel_draw(cairo_t *cr, const panel *p)
{
    cells_draw(cr, p);
    cairo_set_font_size(cr, CI_DRAW_TEXT_SIZE);
    columns_label(cr, p);
    bar_draw(cr, p);
    ci_draw_text(cr, LEFT, p->top + TOP - 10, 0, p->map->title);
    ci_draw_text(cr, LEFT - 16, p->top + TOP - 10, 1, p->map->y_label);
    cairo_set_font_size(cr, LINE - 1);
    rows_label(cr, p);
}

ci_status ci_draw_maps(const char *png_path, const ci_draw_map *map, size_t n)
{
    int width = 0, height = 0;
    for (size_t i = 0; i < n; i++) {
        panel p = panel_of(&map[i], height);
        int own = LEFT + (int)p.n_x * p.step_x + RIGHT;
        if (own > width) width = own;
        height += panel_height(&p);
    }
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    ci_draw_font(cr);
    height = 0;
    for (size_t i = 0; i < n; i++) {
        panel p = panel_of(&map[i], height);
        panel_draw(cr, &p);
        height += panel_height(&p);
    }
    ci_status status = ci_draw_png(surface, png_path);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return status;
}
