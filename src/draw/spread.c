/* Distributions along an axis: closure phases by time and by antenna. */
#include "contimg/draw.h"

#include "draw/page.h"

#include <math.h>

enum
{
    LEFT = 92, /* margins, as of maps */
    RIGHT = 110,
    TOP = 34,
    BOTTOM = 48,
    WIDTH = 768,
    MOST = 2 * WIDTH,
    HEIGHT = 240
};

/* One of them on the page: places of `step` pixels. */
typedef struct panel
{
    const ci_draw_spread *spread;
    size_t n, every; /* of so many places one */
    int step, top;
} panel;

static panel panel_of(const ci_draw_spread *spread, int top)
{
    size_t every = spread->n > MOST ? (spread->n + MOST - 1) / MOST : 1;
    size_t n = (spread->n + every - 1) / every;
    int step = n > 0 && n < WIDTH ? (int)((WIDTH + n - 1) / n) : 1;
    return (panel){spread, n, every, step, top};
}

static int panel_width(const panel *p)
{
    return p->n > 0 ? (int)p->n * p->step : WIDTH;
}

/* Pixels from the top of the page. */
static double y_of(const panel *p, double value)
{
    double share = fmin(fmax(value / p->spread->most, -1), 1);
    return p->top + TOP + 0.5 * HEIGHT * (1 - share);
}

/* A horizontal mark over the middle half of a place. */
static void mark_draw(cairo_t *cr, const panel *p, size_t i, double value)
{
    if (!(fabs(value) <= p->spread->most)) return;
    double width = p->step > 4 ? 0.5 * p->step : p->step;
    double x = LEFT + ((double)i + 0.5) * p->step - 0.5 * width;
    cairo_rectangle(cr, floor(x), floor(y_of(p, value)) - 1, ceil(width), 2);
    cairo_fill(cr);
}

static void places_draw(cairo_t *cr, const panel *p)
{
    const ci_draw_spread *s = p->spread;
    int gap = p->step > 4 ? 2 : 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t k = i * p->every;
        if (!isfinite(s->low[k]) || !isfinite(s->high[k])) continue;
        double top = floor(y_of(p, s->high[k])), bottom = ceil(y_of(p, s->low[k]));
        cairo_set_source_rgb(cr, 0.72, 0.80, 0.89);
        cairo_rectangle(cr, LEFT + (int)i * p->step, top, p->step - gap, fmax(bottom - top, 1));
        cairo_fill(cr);
        cairo_set_source_rgb(cr, 0.8, 0.2, 0.15);
        mark_draw(cr, p, i, s->middle[k] + s->expected[k]);
        mark_draw(cr, p, i, s->middle[k] - s->expected[k]);
        cairo_set_source_rgb(cr, 0.1, 0.2, 0.35);
        mark_draw(cr, p, i, s->middle[k]);
    }
}

static void frame_draw(cairo_t *cr, const panel *p)
{
    int top = p->top + TOP, width = panel_width(p);
    cairo_set_source_rgb(cr, 0.75, 0.75, 0.75);
    cairo_rectangle(cr, LEFT, floor(y_of(p, 0)), width, 1);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    cairo_set_line_width(cr, 1);
    cairo_rectangle(cr, LEFT - 1, top - 1, width + 1, HEIGHT + 1);
    cairo_stroke(cr);
}

static void axes_label(cairo_t *cr, const panel *p)
{
    const ci_draw_spread *s = p->spread;
    double top = p->top + TOP, share;
    char text[32];
    for (int i = 0; p->n && ci_draw_tick(s->x_first, s->x_last, i, &share, text); i++) {
        double x = LEFT + 0.5 * p->step + ((double)p->n - 1) * p->step * share;
        cairo_rectangle(cr, x, top + HEIGHT, 1, 4);
        cairo_fill(cr);
        ci_draw_text(cr, x, top + HEIGHT + 16, 0.5, text);
    }
    for (int i = 0; ci_draw_tick(-s->most, s->most, i, &share, text); i++)
        ci_draw_text(cr, LEFT - 6, top + HEIGHT * (1 - share) + 4, 1, text);
    ci_draw_text(cr, LEFT + 0.5 * panel_width(p), top + HEIGHT + 34, 0.5, s->x_label);
    ci_draw_text(cr, LEFT, top - 10, 0, s->title);
    ci_draw_text(cr, LEFT - 16, top - 10, 1, s->y_label);
}

/* What the marks mean, to the right. */
static void key_draw(cairo_t *cr, const panel *p)
{
    static const struct
    {
        const char *word;
        double rgb[3];
        int height;
    } entry[] = {{"68 %", {0.72, 0.80, 0.89}, 12},
                 {"median", {0.1, 0.2, 0.35}, 2},
                 {"by noise", {0.8, 0.2, 0.15}, 2}};
    double x = LEFT + panel_width(p) + 12, y = p->top + TOP + 6;
    for (size_t i = 0; i < sizeof entry / sizeof *entry; i++, y += 20) {
        cairo_set_source_rgb(cr, entry[i].rgb[0], entry[i].rgb[1], entry[i].rgb[2]);
        cairo_rectangle(cr, x, y - entry[i].height / 2, 14, entry[i].height);
        cairo_fill(cr);
        cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
        ci_draw_text(cr, x + 20, y + 4, 0, entry[i].word);
    }
}

ci_status ci_draw_spreads(const char *png_path, const ci_draw_spread *spread, size_t n)
{
    int width = 0, height = (int)n * (TOP + HEIGHT + BOTTOM);
    for (size_t i = 0; i < n; i++) {
        panel p = panel_of(&spread[i], 0);
        int own = LEFT + panel_width(&p) + RIGHT;
        if (own > width) width = own;
    }
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = ci_draw_page_begin(surface);
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
    for (size_t i = 0; i < n; i++) {
        panel p = panel_of(&spread[i], (int)i * (TOP + HEIGHT + BOTTOM));
        frame_draw(cr, &p);
        places_draw(cr, &p);
        cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
        axes_label(cr, &p);
        key_draw(cr, &p);
    }
    ci_status status = ci_draw_png(surface, png_path);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return status;
}
