/* Plots and bars as SVG, escaped text and embedded pictures for the HTML page. */
#include "report/svg.h"

#include <math.h>
#include <string.h>

enum
{
    LEFT = 62,
    RIGHT = 14,
    TOP = 28,
    BOTTOM = 42,
    ROW = 22
};

ci_status ci_report_escape(ci_text *out, const char *text)
{
    for (; text && *text; text++) {
        const char *safe = *text == '&'   ? "&amp;"
                           : *text == '<' ? "&lt;"
                           : *text == '>' ? "&gt;"
                           : *text == '"' ? "&quot;"
                                          : NULL;
        if (safe)
            CI_TRY(ci_text_append(out, "%s", safe));
        else
            CI_TRY(ci_text_append(out, "%c", *text));
    }
    return CI_OK;
}

typedef struct
{
    double low, high;
} range;

static void widen(range *r, double value)
{
    if (!isfinite(value)) return;
    if (value < r->low) r->low = value;
    if (value > r->high) r->high = value;
}

/* A margin around the values; a default range for none or one. */
static void relax(range *r)
{
    if (!(r->high >= r->low)) *r = (range){0, 1};
    double air = 0.05 * (r->high - r->low);
    /* Of values that differ by rounding only, no step of an axis would move a number. */
    if (!(air > 1e-9 * fmax(fabs(r->low), fabs(r->high)))) air = fabs(r->low) * 0.1 + 1e-9;
    r->low -= air;
    r->high += air;
}

/* 1, 2 or 5 times a power of ten: about n steps. */
static double nice_step(double span, int n)
{
    double rough = span / n, power = pow(10, floor(log10(rough))), f = rough / power;
    return power * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

typedef struct
{
    const ci_report_plot *plot;
    range x, y;
} frame;

static double x_value(const frame *f, double x)
{
    return f->plot->x_is_log ? log10(x) : x;
}

static double screen_x(const frame *f, double x)
{
    return LEFT +
           (x_value(f, x) - f->x.low) / (f->x.high - f->x.low) * (f->plot->width - LEFT - RIGHT);
}

static double screen_y(const frame *f, double y)
{
    return f->plot->height - BOTTOM -
           (y - f->y.low) / (f->y.high - f->y.low) * (f->plot->height - TOP - BOTTOM);
}

static void find_ranges(frame *f)
{
    const ci_report_plot *plot = f->plot;
    f->x = f->y = (range){INFINITY, -INFINITY};
    for (size_t i = 0; i < plot->n_series; i++)
        for (size_t k = 0; k < plot->series[i].n; k++) {
            widen(&f->x, x_value(f, plot->series[i].x[k]));
            widen(&f->y, plot->series[i].y[k]);
        }
    widen(&f->y, plot->rule);
    relax(&f->x);
    relax(&f->y);
    if (plot->has_y_range) f->y = (range){plot->y_low, plot->y_high};
    if (!plot->is_square) return;
    double half =
        fmax(fmax(fabs(f->x.low), fabs(f->x.high)), fmax(fabs(f->y.low), fabs(f->y.high)));
    f->x = f->y = (range){-half, half};
}

static ci_status x_tick(ci_text *out, const frame *f, double value)
{
    int low = f->plot->height - BOTTOM;
    double sx = screen_x(f, value);
    return ci_text_append(out,
                          "<line class='g' x1='%.1f' y1='%d' x2='%.1f' y2='%d'/><text x='%.1f' "
                          "y='%d' text-anchor='middle'>%.6g</text>\n",
                          sx, TOP, sx, low, sx, low + 15, value);
}

/* 1, 2 and 5 times powers of ten; of many decades the powers alone, of less than one equal steps.
 */
static ci_status x_ticks_log(ci_text *out, const frame *f)
{
    static const double digit[] = {1, 2, 5};
    double low = pow(10, f->x.low), high = pow(10, f->x.high), span = f->x.high - f->x.low;
    if (span < 1) {
        double step = nice_step(high - low, f->plot->width / 90);
        for (double v = ceil(low / step) * step; v <= high; v += step)
            CI_TRY(x_tick(out, f, v));
        return CI_OK;
    }
    for (int e = (int)floor(f->x.low); e <= (int)floor(f->x.high); e++)
        for (size_t i = 0; i < (span < 4 ? 3 : 1); i++) {
            double value = digit[i] * pow(10, e);
            if (value >= low && value <= high) CI_TRY(x_tick(out, f, value));
        }
    return CI_OK;
}

static ci_status x_ticks(ci_text *out, const frame *f)
{
    if (f->plot->x_is_log) return x_ticks_log(out, f);
    double step = nice_step(f->x.high - f->x.low, f->plot->width / 90);
    for (double v = ceil(f->x.low / step) * step; v <= f->x.high; v += step)
        CI_TRY(x_tick(out, f, fabs(v) < 1e-9 * step ? 0 : v));
    return CI_OK;
}

static ci_status axes(ci_text *out, const frame *f)
{
    const ci_report_plot *p = f->plot;
    CI_TRY(x_ticks(out, f));
    double step = nice_step(f->y.high - f->y.low, p->height / 45);
    for (double v = ceil(f->y.low / step) * step; v <= f->y.high; v += step) {
        double value = fabs(v) < 1e-9 * step ? 0 : v, sy = screen_y(f, value);
        CI_TRY(ci_text_append(out,
                              "<line class='g' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/><text x='%d' "
                              "y='%.1f' text-anchor='end'>%.4g</text>\n",
                              LEFT, sy, p->width - RIGHT, sy, LEFT - 5, sy + 4, value));
    }
    CI_TRY(ci_text_append(out, "<text class='t' x='%d' y='17'>%s</text>\n", LEFT, p->title));
    return ci_text_append(
        out,
        "<text x='%d' y='%d' text-anchor='middle'>%s</text><text "
        "transform='translate(13 %d) rotate(-90)' text-anchor='middle'>%s</text>\n",
        (LEFT + p->width - RIGHT) / 2, p->height - 8, p->x_label, (TOP + p->height - BOTTOM) / 2,
        p->y_label);
}

static ci_status points(ci_text *out, const frame *f, const ci_report_series *s)
{
    for (size_t k = 0; k < s->n; k++) {
        if (!isfinite(x_value(f, s->x[k])) || !isfinite(s->y[k])) continue;
        double sx = screen_x(f, s->x[k]), sy = screen_y(f, s->y[k]);
        if (s->y_err && isfinite(s->y_err[k]))
            CI_TRY(ci_text_append(out,
                                  "<line stroke='%s' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>",
                                  s->colour, sx, screen_y(f, fmax(s->y[k] - s->y_err[k], f->y.low)),
                                  sx, screen_y(f, fmin(s->y[k] + s->y_err[k], f->y.high))));
        CI_TRY(ci_text_append(out, "<circle fill='%s' cx='%.1f' cy='%.1f' r='%s'/>\n", s->colour,
                              sx, sy, s->n > 500 ? "0.8" : "2.2"));
    }
    return CI_OK;
}

/* x with one digit behind the point, as "%.1f": a page has 300,000 of them. Returns the end. */
static char *tenths_put(char *to, double x)
{
    char digit[24];
    int64_t tenths = llrint(fabs(x) * 10);
    size_t n = 0;
    if (x < 0 && tenths > 0) *to++ = '-';
    do {
        digit[n++] = (char)('0' + tenths % 10);
        tenths /= 10;
        if (n == 1) digit[n++] = '.';
    } while (tenths > 0 || n < 3);
    while (n > 0)
        *to++ = digit[--n];
    return to;
}

static ci_status line(ci_text *out, const frame *f, const ci_report_series *s)
{
    enum
    {
        POINT = 64 /* characters that one takes at most */
    };
    char text[16 * POINT], *to = text;
    CI_TRY(
        ci_text_append(out, "<path fill='none' stroke-linecap='round' stroke='%s' d='", s->colour));
    bool drawing = false;
    for (size_t k = 0; k < s->n; k++) {
        double x = screen_x(f, s->x[k]), y = screen_y(f, s->y[k]);
        /* What is further off would not be seen, nor fit. */
        bool good = fabs(x) < 1e9 && fabs(y) < 1e9;
        if (good) {
            *to++ = drawing ? 'L' : 'M';
            to = tenths_put(to, x);
            *to++ = ' ';
            to = tenths_put(to, y);
            /* A line of no length: a point between two that are missing is seen. */
            if (!drawing) {
                *to++ = 'h';
                *to++ = '0';
            }
        }
        drawing = good;
        if (to - text <= (ptrdiff_t)sizeof text - POINT - 1) continue;
        *to = '\0';
        CI_TRY(ci_text_append(out, "%s", text));
        to = text;
    }
    *to = '\0';
    return ci_text_append(out, "%s'/>\n", text);
}

/* One that is wider than a telephone's screen moves within a box of its own there. */
static const char *box_of(int width, bool is_begin)
{
    if (width <= 600) return "";
    return is_begin ? "<div class='wide'>" : "</div>";
}

static ci_status svg_begin(ci_text *out, int width, int height)
{
    return ci_text_append(out, "%s<svg viewBox='0 0 %d %d' width='%d' role='img'>\n",
                          box_of(width, true), width, height, width);
}

static ci_status svg_end(ci_text *out, int width)
{
    return ci_text_append(out, "</svg>%s\n", box_of(width, false));
}

ci_status ci_report_plot_svg(ci_text *out, const ci_report_plot *plot)
{
    frame f = {.plot = plot};
    find_ranges(&f);
    CI_TRY(svg_begin(out, plot->width, plot->height));
    CI_TRY(axes(out, &f));
    if (isfinite(plot->rule))
        CI_TRY(ci_text_append(out, "<line class='r' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>\n", LEFT,
                              screen_y(&f, plot->rule), plot->width - RIGHT,
                              screen_y(&f, plot->rule)));
    for (size_t i = 0; i < plot->n_series; i++)
        CI_TRY(plot->series[i].is_line ? line(out, &f, &plot->series[i])
                                       : points(out, &f, &plot->series[i]));
    return svg_end(out, plot->width);
}

const char *ci_report_bar_colour(size_t i_colour)
{
    static const char *const colours[] = {"#4878a8", "#d9a441", "#6aa56e", "#b8564f",
                                          "#8569a8", "#5aa7b0", "#9a7b5f", "#777777"};
    return colours[i_colour % (sizeof colours / sizeof *colours)];
}

ci_status ci_report_bars_svg(ci_text *out, const ci_report_bar *bar, size_t n_bar, size_t n_row,
                             const char *row_word, const char *x_label)
{
    int width = 900, height = TOP + (int)n_row * ROW + BOTTOM;
    double last = 1e-9;
    for (size_t i = 0; i < n_bar; i++)
        last = fmax(last, bar[i].end);
    double scale = (width - LEFT - RIGHT) / last, step = nice_step(last, 9);
    CI_TRY(svg_begin(out, width, height));
    for (double v = 0; v <= last; v += step)
        CI_TRY(ci_text_append(out,
                              "<line class='g' x1='%.1f' y1='%d' x2='%.1f' y2='%d'/><text x='%.1f' "
                              "y='%d' text-anchor='middle'>%.4g</text>\n",
                              LEFT + v * scale, TOP, LEFT + v * scale, height - BOTTOM,
                              LEFT + v * scale, height - BOTTOM + 15, v));
    for (size_t r = 0; r < n_row; r++)
        CI_TRY(ci_text_append(out, "<text x='%d' y='%d' text-anchor='end'>%s %zu</text>\n",
                              LEFT - 5, TOP + (int)r * ROW + 15, row_word, r));
    for (size_t i = 0; i < n_bar; i++) {
        CI_TRY(ci_text_append(out,
                              "<rect x='%.2f' y='%d' width='%.2f' height='%d' fill='%s'><title>",
                              LEFT + bar[i].start * scale, TOP + (int)bar[i].i_row * ROW + 2,
                              fmax(0.5, (bar[i].end - bar[i].start) * scale), ROW - 4,
                              ci_report_bar_colour(bar[i].i_colour)));
        CI_TRY(ci_report_escape(out, bar[i].label));
        CI_TRY(ci_text_append(out, ": %.2f s</title></rect>\n", bar[i].end - bar[i].start));
    }
    CI_TRY(ci_text_append(out, "<text x='%d' y='%d' text-anchor='middle'>%s</text>", width / 2,
                          height - 8, x_label));
    return svg_end(out, width);
}

/* RFC 4648 base 64. */
static ci_status append_base64(ci_text *out, const unsigned char *data, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char line_text[4 * 256 + 1];
    size_t at = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned long word = (unsigned long)data[i] << 16;
        if (i + 1 < n) word |= (unsigned long)data[i + 1] << 8;
        if (i + 2 < n) word |= data[i + 2];
        line_text[at++] = digit[word >> 18 & 63];
        line_text[at++] = digit[word >> 12 & 63];
        line_text[at++] = i + 1 < n ? digit[word >> 6 & 63] : '=';
        line_text[at++] = i + 2 < n ? digit[word & 63] : '=';
        if (at == sizeof line_text - 1 || i + 3 >= n) {
            line_text[at] = '\0';
            CI_TRY(ci_text_append(out, "%s", line_text));
            at = 0;
        }
    }
    return CI_OK;
}

ci_status ci_report_picture(ci_text *out, const char *png_path, const char *alt, bool *shown)
{
    char *data = NULL;
    size_t n = 0;
    *shown = ci_path_exists(png_path) && ci_file_read(&data, &n, png_path) == CI_OK;
    if (!*shown) return CI_OK;
    ci_status status = ci_text_append(out, "<img alt=\"");
    if (status == CI_OK) status = ci_report_escape(out, alt);
    if (status == CI_OK) status = ci_text_append(out, "\" src=\"data:image/png;base64,");
    if (status == CI_OK) status = append_base64(out, (const unsigned char *)data, n);
    if (status == CI_OK) status = ci_text_append(out, "\">\n");
    ci_mem_free(data);
    return status;
}
