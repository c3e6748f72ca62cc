/* Which rank owns which strips of the grid: contiguous runs whose greatest cost is the least. */
#include "grid/operator.h"

#include <math.h>

/* Cost of a strip in ns or so: its samples' visits to planes and its rows' transforms. */
static double strip_cost(const ci_grid_operator *g, size_t i_strip)
{
    const ci_grid_plan *plan = &g->plan;
    double n_sample = 0.0, n_row = 0.0, support = plan->kernel_uv.support;
    for (int q = 0; q < plan->n_bucket; q++)
        n_sample += (double)g->count[i_strip * (size_t)plan->n_bucket + (size_t)q];
    for (int p = 0; p < plan->n_plane; p++)
        n_row += (double)ci_grid_strip_rows(g, i_strip, p);
    double visits = plan->has_terms ? plan->n_plane : plan->is_flat ? 1.0 : plan->kernel_w.support;
    double depth = (double)plan->depth;
    double row = depth * (ci_fft_row_ns(plan->n_v) + 2.0 * (double)plan->n_y);
    return n_sample * visits * (12.0 + 0.15 * depth * support * support) + n_row * row;
}

/* Fills runs of at most `limit` one after the other, start [n_run + 1]; the greatest cost of a run,
 * INFINITY where n_run runs do not hold all. */
static double runs_fill(const double *cost, size_t n, double limit, size_t n_run, size_t *start)
{
    double here = 0.0, greatest = 0.0;
    size_t i_run = 0;
    start[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if (here > 0.0 && here + cost[i] > limit) {
            if (++i_run == n_run) return INFINITY;
            start[i_run] = i;
            here = 0.0;
        }
        here += cost[i];
        greatest = here > greatest ? here : greatest;
    }
    while (i_run < n_run)
        start[++i_run] = n;
    return greatest;
}

/* The least limit that n_run runs can keep to, by halving the interval that it lies in. */
static double runs_share(const double *cost, size_t n, size_t n_run, size_t *start)
{
    double low = 0.0, high = 0.0;
    for (size_t i = 0; i < n; i++)
        high += cost[i];
    for (int step = 0; step < 40; step++) {
        double limit = 0.5 * (low + high);
        if (runs_fill(cost, n, limit, n_run, start) <= limit)
            high = limit;
        else
            low = limit;
    }
    return runs_fill(cost, n, high, n_run, start);
}

ci_status ci_grid_strips_share(ci_grid_operator *g)
{
    size_t n = g->plan.n_strip, n_rank = (size_t)g->n_rank;
    double *cost = NULL, total = 0.0;
    CI_TRY(ci_mem_alloc(&g->strip_start, n_rank + 1, sizeof *g->strip_start, "strips"));
    CI_TRY(ci_mem_alloc(&cost, n, sizeof *cost, "strips"));
    for (size_t b = 0; b < n; b++)
        total += cost[b] = strip_cost(g, b);
    double greatest = runs_share(cost, n, n_rank, g->strip_start);
    g->balance = total > 0.0 ? greatest * (double)n_rank / total : 1.0;
    ci_mem_free(cost);
    return CI_OK;
}

int ci_grid_strip_owner(const ci_grid_operator *g, size_t i_strip)
{
    int rank = 0;
    while (rank + 1 < g->n_rank && g->strip_start[rank + 1] <= i_strip)
        rank++;
    return rank;
}
