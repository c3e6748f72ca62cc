/* Rows of the image from rows of the slanted one and back, as a template (see taps.h). */

/* Row y of the image: by distance d from the middle column, tap j lies in row tap_cell[d] + j of
 * the slanted image. The taps hold 1 / n where that is asked for. */
CI_ISA_INLINE void NAME(slant_taps)(const ci_grid_operator *g, size_t y)
{
    const ci_grid_plan *plan = &g->plan;
    const ci_grid_kernel *kernel = &plan->slant.kernel;
    const size_t n = plan->n_x / 2 + 1;
    double m = plan->cell_rad * ((double)y - (double)(plan->n_y_out / 2));
    double row = (double)(y + plan->slant.n_pad), slope = plan->slant.slope / plan->cell_rad;
    double half = 0.5 * kernel->support;
    int32_t *cell = g->buffers->tap_cell;
    REAL *tap = g->buffers->tap, arg[CHUNK], scale[CHUNK];
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < count; i++) {
            double l = plan->cell_rad * (double)(first + i), r2 = l * l + m * m;
            double n1 = sqrt(1.0 - r2), t = -r2 / (1.0 + n1) - plan->t_mid, at;
            cell[first + i] = ci_grid_cell(row + slope * t, half, &at);
            arg[i] = (REAL)at;
            scale[i] = g->divide_by_n ? (REAL)(1.0 / n1) : 1;
        }
        for (int j = 0; j < kernel->support; j++) {
            REAL *k = tap + (size_t)j * n + first;
            for (size_t i = 0; i < count; i++)
                k[i] = kernel->COEF[0][j];
            for (int d = 1; d <= kernel->degree; d++)
                for (size_t i = 0; i < count; i++)
                    k[i] = k[i] * arg[i] + kernel->COEF[d][j];
            for (size_t i = 0; i < count; i++)
                k[i] *= scale[i];
        }
    }
}

/* Distances from `first` on whose taps lie in the same rows. */
static inline size_t NAME(slant_run)(const int32_t *cell, size_t first, size_t n)
{
    size_t end = first + 1;
    while (end < n && cell[end] == cell[first])
        end++;
    return end;
}

/* Rows [*first, *first + n) of the image into the slab, from slanted rows that begin at y_from. */
CI_ISA_INLINE void NAME(slant_gather)(const ci_grid_operator *g, const REAL *rows, size_t y_from,
                                      double *slab)
{
    const ci_grid_plan *plan = &g->plan;
    const ci_grid_buffers *buf = g->buffers;
    const size_t n_x = plan->n_x, half = n_x / 2, n = half + 1, n_right = n_x - half;
    REAL *out = buf->row;
    for (size_t k = 0; k < g->n_out; k++, slab += n_x) {
        NAME(slant_taps)(g, g->y_first_out + k);
        memset(out, 0, n_x * sizeof *out);
        for (size_t d = 0, end; d < n; d = end) {
            end = NAME(slant_run)(buf->tap_cell, d, n);
            size_t end_right = end < n_right ? end : n_right;
            const REAL *from = rows + ((size_t)buf->tap_cell[d] - y_from) * n_x;
            for (int j = 0; j < plan->slant.kernel.support; j++, from += n_x) {
                const REAL *tap = (const REAL *)buf->tap + (size_t)j * n;
                for (size_t i = d; i < end_right; i++)
                    out[half + i] += tap[i] * from[half + i];
                for (size_t i = d > 0 ? d : 1; i < end; i++)
                    out[half - i] += tap[i] * from[half - i];
            }
        }
        for (size_t x = 0; x < n_x; x++)
            slab[x] = (double)out[x];
    }
}
CI_ISA_INSTANCES(NAME(slant_gather),
                 (const ci_grid_operator *g, const REAL *rows, size_t y_from, double *slab),
                 (g, rows, y_from, slab))

/* The adjoint: this rank's slanted rows from rows [first, end) of the image, in their order. */
CI_ISA_INLINE void NAME(slant_scatter)(const ci_grid_operator *g, const double *rows, size_t first,
                                       size_t end)
{
    const ci_grid_plan *plan = &g->plan;
    const ci_grid_buffers *buf = g->buffers;
    const size_t n_x = plan->n_x, half = n_x / 2, n = half + 1, n_right = n_x - half;
    REAL *in = buf->row, *image = buf->image;
    memset(image, 0, g->n_y_here * n_x * sizeof *image);
    for (size_t y = first; y < end; y++, rows += n_x) {
        NAME(slant_taps)(g, y);
        for (size_t x = 0; x < n_x; x++)
            in[x] = (REAL)rows[x];
        for (size_t d = 0, stop; d < n; d = stop) {
            stop = NAME(slant_run)(buf->tap_cell, d, n);
            size_t stop_right = stop < n_right ? stop : n_right;
            for (int j = 0; j < plan->slant.kernel.support; j++) {
                size_t row = (size_t)(buf->tap_cell[d] + j) - g->y_first;
                const REAL *tap = (const REAL *)buf->tap + (size_t)j * n;
                REAL *to = image + row * n_x;
                if (row >= g->n_y_here) continue; /* another rank's */
                for (size_t i = d; i < stop_right; i++)
                    to[half + i] += tap[i] * in[half + i];
                for (size_t i = d > 0 ? d : 1; i < stop; i++)
                    to[half - i] += tap[i] * in[half - i];
            }
        }
    }
}
CI_ISA_INSTANCES(NAME(slant_scatter),
                 (const ci_grid_operator *g, const double *rows, size_t first, size_t end),
                 (g, rows, first, end))

static ci_status NAME(slant_to_slab)(ci_comm *comm, const ci_grid_operator *g, double *slab)
{
    const ci_grid_buffers *buf = g->buffers;
    size_t first, end;
    const REAL *rows = buf->image;
    ci_grid_slant_needed(g, true, &first, &end);
    if (g->n_rank > 1) {
        CI_TRY(ci_grid_slant_exchange(comm, g, true, g->plan.n_x * sizeof(REAL), rows, buf->rows));
        rows = buf->rows;
    }
    CI_ISA_KERNEL(NAME(slant_gather), g->isa)(g, rows, first, slab);
    return CI_OK;
}

static ci_status NAME(slant_from_slab)(ci_comm *comm, const ci_grid_operator *g, const double *slab)
{
    const ci_grid_buffers *buf = g->buffers;
    size_t first, end;
    ci_grid_slant_needed(g, false, &first, &end);
    if (g->n_rank > 1) {
        CI_TRY(
            ci_grid_slant_exchange(comm, g, false, g->plan.n_x * sizeof(double), slab, buf->rows));
        slab = buf->rows;
    }
    CI_ISA_KERNEL(NAME(slant_scatter), g->isa)(g, slab, first, end);
    return CI_OK;
}
