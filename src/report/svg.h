/* Small plots as SVG text inside the report's page. All functions are local. */
#ifndef CONTIMG_REPORT_SVG_H
#define CONTIMG_REPORT_SVG_H

#include "contimg/report.h"

/* One set of points or one line of a plot. */
typedef struct ci_report_series
{
    const double *x, *y; /* [n]; non-finite points are left out */
    const double *y_err; /* NULL: none */
    size_t n;
    bool is_line;
    const char *colour; /* CSS */
} ci_report_series;

typedef struct ci_report_plot
{
    const char *title, *x_label, *y_label;
    int width, height;
    bool x_is_log, is_square; /* is_square: equal scales */
    bool has_y_range;
    double y_low, y_high;
    double rule; /* a horizontal line there; NaN: none */
    const ci_report_series *series;
    size_t n_series;
} ci_report_plot;
CI_MUST_CHECK ci_status ci_report_plot_svg(ci_text *out, const ci_report_plot *plot);

/* A bar per row from start to end, rows stacked: who did what when. */
typedef struct ci_report_bar
{
    double start, end;
    size_t i_row, i_colour;
    const char *label;
} ci_report_bar;
const char *ci_report_bar_colour(size_t i_colour); /* CSS */
CI_MUST_CHECK ci_status ci_report_bars_svg(ci_text *out, const ci_report_bar *bar, size_t n_bar,
                                           size_t n_row, const char *row_word, const char *x_label);

/* <img> with a PNG file inside; *shown false where the file cannot be read. */
CI_MUST_CHECK ci_status ci_report_picture(ci_text *out, const char *png_path, const char *alt,
                                          bool *shown);

#endif
