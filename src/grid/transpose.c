/* Grid rows that hold data, and their exchange for image rows. */
#include "grid/transpose.h"

bool ci_grid_strip_active(const ci_grid_operator *g, size_t i_strip, int i_plane)
{
    const int64_t *count = g->count + i_strip * (size_t)g->plan.n_bucket;
    int low, high;
    ci_grid_plane_buckets(&g->plan, i_plane, &low, &high);
    for (int q = low; q < high; q++)
        if (count[q] > 0) return true;
    return false;
}

size_t ci_grid_strip_rows(const ci_grid_operator *g, size_t i_strip, int i_plane)
{
    if (ci_grid_strip_active(g, i_strip, i_plane)) return g->plan.strip_rows;
    if (i_strip > 0 && ci_grid_strip_active(g, i_strip - 1, i_plane))
        return (size_t)g->plan.kernel_uv.support - 1;
    return 0;
}

ci_status ci_grid_row_list_new(ci_grid_row_list **out, const ci_grid_operator *g, bool with_reach)
{
    size_t n_rank = (size_t)g->n_rank;
    ci_grid_row_list *list = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "row list"));
    list->with_reach = with_reach;
    /* A run ends where the period of u does; that is at least 12 rows long. */
    ci_status status =
        ci_mem_alloc(&list->run, 4 * (g->plan.n_strip + n_rank), sizeof *list->run, "row list");
    if (status == CI_OK)
        status = ci_mem_alloc(&list->n_row, 5 * n_rank, sizeof *list->n_row, "row list");
    if (status != CI_OK) {
        ci_grid_row_list_free(list);
        return status;
    }
    list->start = list->n_row + n_rank;
    list->n_y = list->start + n_rank;
    list->n_grid_side = list->n_y + n_rank;
    list->n_image_side = list->n_grid_side + n_rank;
    for (int r = 0; r < g->n_rank; r++) {
        size_t first;
        ci_par_split(g->plan.n_y, g->n_rank, r, &first, &list->n_y[r]);
    }
    *out = list;
    return CI_OK;
}

void ci_grid_row_list_free(ci_grid_row_list *list)
{
    if (!list) return;
    ci_mem_free(list->run);
    ci_mem_free(list->n_row);
    ci_mem_free(list);
}

static void run_add(ci_grid_row_list *list, const ci_grid_plan *plan, size_t i_rank, size_t i_strip,
                    size_t n_row)
{
    int64_t n_u = (int64_t)plan->n_u;
    int64_t row = plan->row_first + (int64_t)(i_strip * plan->strip_rows);
    size_t index = (size_t)(((row % n_u) + n_u) % n_u);
    while (n_row > 0) {
        size_t n = plan->n_u - index < n_row ? plan->n_u - index : n_row;
        list->run[list->n_run++] = (ci_grid_row_run){i_rank, list->n_row[i_rank], index, n};
        list->n_row[i_rank] += n;
        n_row -= n;
        index = 0;
    }
}

void ci_grid_row_list_set(ci_grid_row_list *list, const ci_grid_operator *g, int i_plane,
                          size_t value_size)
{
    list->n_run = list->n_total = 0;
    for (int r = 0; r < g->n_rank; r++) {
        size_t end = g->strip_start[r + 1];
        list->n_row[r] = 0;
        for (size_t b = g->strip_start[r]; b < end; b++)
            run_add(list, &g->plan, (size_t)r, b, ci_grid_strip_rows(g, b, i_plane));
        if (list->with_reach && end > g->strip_start[r] && end < g->plan.n_strip &&
            ci_grid_strip_active(g, end - 1, i_plane))
            run_add(list, &g->plan, (size_t)r, end, (size_t)g->plan.kernel_uv.support - 1);
        list->start[r] = list->n_total * g->n_y_here;
        list->n_total += list->n_row[r];
    }
    for (int r = 0; r < g->n_rank; r++) {
        list->n_grid_side[r] = list->n_y[r] * list->n_row[g->rank] * g->plan.depth * value_size;
        list->n_image_side[r] = g->n_y_here * list->n_row[r] * g->plan.depth * value_size;
    }
}

void ci_grid_row_list_largest(ci_grid_row_list *list, const ci_grid_operator *g, size_t *grid_side,
                              size_t *image_side)
{
    *grid_side = *image_side = 0;
    for (int p = 0; p < g->plan.n_plane; p++) {
        ci_grid_row_list_set(list, g, p, 1);
        size_t grid = g->plan.n_y * list->n_row[g->rank] * g->plan.depth;
        size_t image = g->n_y_here * list->n_total * g->plan.depth;
        if (grid > *grid_side) *grid_side = grid;
        if (image > *image_side) *image_side = image;
    }
}
