/* One row of the image: n - 1, and what the kernels' shapes have to be divided out by. */
#include "grid/plane_rows.h"
#include "grid/slant.h"

#include <math.h>

static ci_status slanted_t_make(ci_grid_operator *g)
{
    const ci_grid_plan *plan = &g->plan;
    size_t n = plan->n_x / 2 + 1;
    CI_TRY(ci_mem_alloc(&g->t, g->n_y_here * n, sizeof *g->t, "directions of pixels"));
    for (size_t y = 0; y < g->n_y_here; y++) {
        double m = plan->cell_rad * ((double)(g->y_first + y) - (double)(plan->n_y / 2));
        for (size_t i = 0; i < n; i++)
            g->t[y * n + i] = ci_grid_slant_t(plan, plan->cell_rad * (double)i, m);
    }
    return CI_OK;
}

/* Kept for all rows: every plane needs it, and a root and a quotient cost more than to read
 * them. Rows that mirror each other share theirs. */
ci_status ci_grid_plane_t_make(ci_grid_operator *g)
{
    const ci_grid_plan *plan = &g->plan;
    size_t n = plan->n_x / 2 + 1, low = SIZE_MAX, high = 0;
    if (plan->slant.is_on) return slanted_t_make(g);
    for (size_t y = g->y_first; y < g->y_first + g->n_y_here; y++) {
        size_t d = ci_grid_distance(y, plan->n_y);
        low = d < low ? d : low;
        high = d > high ? d : high;
    }
    g->t_first = low;
    size_t n_row = low <= high ? high - low + 1 : 0;
    CI_TRY(ci_mem_alloc(&g->t, n_row * n, sizeof *g->t, "directions of pixels"));
    for (size_t k = 0; k < n_row; k++) {
        double m = plan->cell_rad * (double)(low + k);
        for (size_t i = 0; i < n; i++) {
            double l = plan->cell_rad * (double)i, r2 = l * l + m * m, n2 = 1.0 - r2;
            g->t[k * n + i] = -r2 / (1.0 + sqrt(n2 > 0.0 ? n2 : 0.0)) - plan->t_mid;
        }
    }
    return CI_OK;
}

/* The series for w, over a run of pixels at a time so that the loops vectorise. */
static void series_row(const ci_grid_series *series, const double *t, double scale, size_t n,
                       double *out)
{
    enum
    {
        RUN = 128
    };
    double y[RUN], b1[RUN], b2[RUN];
    for (size_t first = 0; first < n; first += RUN) {
        size_t m = n - first < RUN ? n - first : RUN;
        for (size_t i = 0; i < m; i++) {
            double z = t[first + i] * scale;
            y[i] = 2.0 * (2.0 * z * z - 1.0);
            b1[i] = b2[i] = 0.0;
        }
        for (int k = series->n_term - 1; k > 0; k--) {
            double c = series->coef[k];
            for (size_t i = 0; i < m; i++) {
                double b = c + y[i] * b1[i] - b2[i];
                b2[i] = b1[i];
                b1[i] = b;
            }
        }
        for (size_t i = 0; i < m; i++)
            out[first + i] = series->coef[0] + 0.5 * y[i] * b1[i] - b2[i];
    }
}

void ci_grid_plane_row_correction(const ci_grid_operator *g, size_t y, double *out)
{
    const ci_grid_plan *plan = &g->plan;
    size_t half = plan->n_x / 2;
    if (plan->is_flat || plan->has_terms)
        for (size_t i = 0; i <= half; i++)
            out[i] = 1.0;
    else
        series_row(&plan->correction_w, ci_grid_plane_row_t(g, y), 1.0 / plan->t_half, half + 1,
                   out);
    double m = plan->cell_rad * (double)ci_grid_distance(y, plan->n_y);
    double cy = g->correction_y[ci_grid_distance(y, plan->n_y)];
    double l_max = plan->cell_rad * (double)half;
    for (size_t i = 0; i <= half; i++)
        out[i] *= g->correction_x[i] * cy;
    if (plan->slant.is_on) return; /* the image's own pixels are divided by n */
    if (!g->divide_by_n && l_max * l_max + m * m <= 1.0) return;
    for (size_t i = 0; i <= half; i++) {
        double l = plan->cell_rad * (double)i, n2 = 1.0 - (l * l + m * m);
        double n = g->divide_by_n ? sqrt(n2 > 0.0 ? n2 : 1.0) : 1.0;
        out[i] = n2 >= 0.0 ? out[i] / n : 0.0;
    }
}
