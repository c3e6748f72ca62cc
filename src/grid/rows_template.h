/* The grid's side of the planes, as a template (see taps.h): strips of grid rows, their transform
 * along v, and what a strip adds to the next. All functions are local. */

/* Stored columns of a row's number d into the period of v. */
CI_ISA_INLINE void NAME(line_put)(const ci_grid_plan *plan, const CPLX *row, size_t d, CPLX *line)
{
    int64_t n_v = (int64_t)plan->n_v;
    size_t at = (size_t)(((plan->v_first % n_v) + n_v) % n_v), depth = plan->depth;
    memset(line, 0, plan->n_v * sizeof *line);
    for (size_t done = 0; done < plan->n_store; at = 0) {
        size_t left = plan->n_store - done, n = plan->n_v - at < left ? plan->n_v - at : left;
        for (size_t i = 0; i < n; i++)
            line[at + i] += row[(done + i) * depth + d];
        done += n;
    }
}

CI_ISA_INLINE void NAME(line_get)(const ci_grid_plan *plan, const CPLX *line, size_t d, CPLX *row)
{
    int64_t n_v = (int64_t)plan->n_v;
    size_t at = (size_t)(((plan->v_first % n_v) + n_v) % n_v), depth = plan->depth;
    for (size_t done = 0; done < plan->n_store; at = 0) {
        size_t left = plan->n_store - done, n = plan->n_v - at < left ? plan->n_v - at : left;
        for (size_t i = 0; i < n; i++)
            row[(done + i) * depth + d] = line[at + i];
        done += n;
    }
}

enum
{
    AHEAD = 8 /* image rows whose values are asked for before they are needed */
};

/* Columns of the grid side that follow one another, and where they begin. */
typedef struct NAME(columns)
{
    CPLX *grid_side;
    size_t n_total, first; /* rows of the plane on this rank, first of these */
} NAME(columns);

/* n_row <= CI_GRID_LINES / depth rows transformed; image rows into the columns. */
CI_ISA_INLINE void NAME(lines_to_image)(const ci_grid_operator *g, const CPLX *rows, size_t n_row,
                                        NAME(columns) to)
{
    const ci_grid_plan *plan = &g->plan;
    const ci_grid_buffers *buf = g->buffers;
    size_t depth = plan->depth, half = plan->n_y / 2, n_line = n_row * depth;
    CPLX *lines = buf->line_v;
    for (size_t i = 0; i < n_line; i++) {
        CPLX *line = lines + i * buf->stride_v;
        NAME(line_put)(plan, rows + i / depth * buf->stride, i % depth, line);
        FFT_RUN(g->fft_v[0], line, 1);
    }
    for (size_t y = 0; y < plan->n_y; y++) {
        size_t k = y >= half ? y - half : plan->n_v - half + y;
        CPLX *out = to.grid_side + (y * to.n_total + to.first) * depth;
        for (size_t i = 0; i < n_line; i++)
            out[i] = lines[i * buf->stride_v + k];
    }
}

CI_ISA_INLINE void NAME(lines_from_image)(const ci_grid_operator *g, CPLX *rows, size_t n_row,
                                          NAME(columns) from)
{
    const ci_grid_plan *plan = &g->plan;
    const ci_grid_buffers *buf = g->buffers;
    size_t depth = plan->depth, half = plan->n_y / 2, n_line = n_row * depth;
    CPLX *lines = buf->line_v;
    for (size_t i = 0; i < n_line; i++)
        memset(lines + i * buf->stride_v + (plan->n_y - half), 0,
               (plan->n_v - plan->n_y) * sizeof *lines);
    for (size_t y = 0; y < plan->n_y; y++) {
        size_t k = y >= half ? y - half : plan->n_v - half + y;
        const CPLX *in = from.grid_side + (y * from.n_total + from.first) * depth;
        const CPLX *soon = in + (y + AHEAD < plan->n_y ? AHEAD : 0) * from.n_total * depth;
        for (size_t i = 0; i < n_line; i += 64 / sizeof(CPLX))
            __builtin_prefetch(soon + i);
        for (size_t i = 0; i < n_line; i++)
            lines[i * buf->stride_v + k] = in[i];
    }
    for (size_t i = 0; i < n_line; i++) {
        CPLX *line = lines + i * buf->stride_v;
        FFT_RUN(g->fft_v[1], line, 1);
        NAME(line_get)(plan, line, i % depth, rows + i / depth * buf->stride);
    }
}

/* Any number of rows, to the image or from it; `column`: first row of the plane's. */
CI_ISA_INLINE void NAME(rows_transform)(ci_comm *comm, const ci_grid_operator *g, bool to_image,
                                        int i_batch, CPLX *rows, size_t n_row, size_t column)
{
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "FFT");
    const ci_grid_buffers *buf = g->buffers;
    size_t most = CI_GRID_LINES / g->plan.depth;
    NAME(columns)
    at = {(CPLX *)buf->grid_side + (size_t)i_batch * buf->n_grid_side,
          buf->list[to_image ? 0 : 1]->n_row[g->rank], column};
    for (size_t r = 0; r < n_row; r += most, at.first += most) {
        size_t n = n_row - r < most ? n_row - r : most;
        if (to_image)
            NAME(lines_to_image)(g, rows + r * buf->stride, n, at);
        else
            NAME(lines_from_image)(g, rows + r * buf->stride, n, at);
    }
    ci_timer_end(ci_comm_timer(comm), mark);
}
CI_ISA_INSTANCES(NAME(rows_transform),
                 (ci_comm * comm, const ci_grid_operator *g, bool to_image, int i_batch, CPLX *rows,
                  size_t n_row, size_t column),
                 (comm, g, to_image, i_batch, rows, n_row, column))

CI_ISA_INLINE void NAME(halo_add)(const ci_grid_buffers *buf, int i_batch, CPLX *rows)
{
    const CPLX *carry = (const CPLX *)buf->carry + (size_t)i_batch * buf->n_carry;
    for (size_t i = 0; i < buf->n_carry; i++)
        rows[i] = carry[i] + rows[i];
}
CI_ISA_INSTANCES(NAME(halo_add), (const ci_grid_buffers *buf, int i_batch, CPLX *rows),
                 (buf, i_batch, rows))

/* The last strip's reach goes to the rank of the next strip, as carry. */
static ci_status NAME(halo_move)(ci_comm *comm, const ci_grid_operator *g, int i_plane)
{
    ci_grid_buffers *buf = g->buffers;
    size_t begin = g->strip_start[g->rank], end = g->strip_start[g->rank + 1];
    size_t n_byte = (size_t)g->plan.n_batch * buf->n_carry * sizeof(CPLX);
    if (g->n_rank == 1) return CI_OK;
    memset(buf->n_halo_send, 0, 2 * (size_t)g->n_rank * sizeof(size_t));
    if (end > begin && end < g->plan.n_strip && ci_grid_strip_active(g, end - 1, i_plane))
        buf->n_halo_send[ci_grid_strip_owner(g, end)] = n_byte;
    if (end > begin && begin > 0 && ci_grid_strip_active(g, begin - 1, i_plane))
        buf->n_halo_recv[ci_grid_strip_owner(g, begin - 1)] = n_byte;
    void *send = NULL;
    CI_TRY(ci_par_alloc(comm, &send, 1, n_byte, "grid strip"));
    memcpy(send, buf->carry, n_byte);
    ci_status status =
        ci_par_exchange_into(comm, send, buf->n_halo_send, buf->carry, buf->n_halo_recv);
    ci_mem_free(send);
    return status;
}

/* One strip of a batch of planes; the first strip's rows wait for what the rank before adds to
 * them. */
static void NAME(strip_grid)(ci_comm *comm, const ci_grid_operator *g, size_t b, int i_plane,
                             const CPLX *values, size_t column)
{
    const ci_grid_buffers *buf = g->buffers;
    bool is_active = ci_grid_strip_active(g, b, i_plane), is_first = b == g->strip_start[g->rank];
    CPLX *all = is_first ? buf->first : buf->strip;
    memset(all, 0, (size_t)g->plan.n_batch * buf->n_strip * sizeof *all);
    if (is_active) {
        size_t mark = ci_timer_begin(ci_comm_timer(comm), "grid");
        CI_ISA_KERNEL(NAME(strip_add), g->isa)(g, b, i_plane, values, all);
        ci_timer_end(ci_comm_timer(comm), mark);
    }
    for (int k = 0; k < g->plan.n_batch; k++) {
        CPLX *rows = all + (size_t)k * buf->n_strip;
        if (!is_first) {
            if (ci_grid_strip_active(g, b - 1, i_plane))
                CI_ISA_KERNEL(NAME(halo_add), g->isa)(buf, k, rows);
            CI_ISA_KERNEL(NAME(rows_transform), g->isa)
            (comm, g, true, k, rows, ci_grid_strip_rows(g, b, i_plane), column);
        }
        if (is_active)
            memcpy((CPLX *)buf->carry + (size_t)k * buf->n_carry,
                   rows + g->plan.strip_rows * buf->stride, buf->n_carry * sizeof *rows);
    }
}

/* All strips of planes [i_plane, i_plane + n_batch). */
static ci_status NAME(strips_grid)(ci_comm *comm, const ci_grid_operator *g, int i_plane,
                                   const CPLX *values)
{
    const ci_grid_buffers *buf = g->buffers;
    size_t begin = g->strip_start[g->rank], end = g->strip_start[g->rank + 1], column = 0;
    for (size_t b = begin; b < end; b++) {
        size_t n_row = ci_grid_strip_rows(g, b, i_plane);
        if (n_row > 0) NAME(strip_grid)(comm, g, b, i_plane, values, column);
        column += n_row;
    }
    CI_TRY(NAME(halo_move)(comm, g, i_plane));
    size_t n_row = end > begin ? ci_grid_strip_rows(g, begin, i_plane) : 0;
    for (int k = 0; n_row > 0 && k < g->plan.n_batch; k++) {
        CPLX *rows = (CPLX *)buf->first + (size_t)k * buf->n_strip;
        if (begin > 0 && ci_grid_strip_active(g, begin - 1, i_plane))
            CI_ISA_KERNEL(NAME(halo_add), g->isa)(buf, k, rows);
        CI_ISA_KERNEL(NAME(rows_transform), g->isa)(comm, g, true, k, rows, n_row, 0);
    }
    return CI_OK;
}

/* One strip of a batch of planes; carry holds the first rows of the strip after it. */
static void NAME(strip_degrid)(ci_comm *comm, const ci_grid_operator *g, size_t b, int i_plane,
                               CPLX *values, size_t column)
{
    const ci_grid_buffers *buf = g->buffers;
    CPLX *strips = buf->strip, *carry = buf->carry;
    bool is_active = ci_grid_strip_active(g, b, i_plane);
    size_t n_batch = (size_t)g->plan.n_batch, n_row = ci_grid_strip_rows(g, b, i_plane);
    for (size_t k = 0; k < n_batch; k++) {
        CPLX *rows = strips + k * buf->n_strip;
        CI_ISA_KERNEL(NAME(rows_transform), g->isa)
        (comm, g, false, (int)k, rows, n_row, column);
        if (is_active)
            memcpy(rows + g->plan.strip_rows * buf->stride, carry + k * buf->n_carry,
                   buf->n_carry * sizeof *rows);
        memcpy(carry + k * buf->n_carry, rows, buf->n_carry * sizeof *rows);
    }
    if (!is_active) return;
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "degrid");
    CI_ISA_KERNEL(NAME(strip_take), g->isa)(g, b, i_plane, strips, values);
    ci_timer_end(ci_comm_timer(comm), mark);
}

static void NAME(strips_degrid)(ci_comm *comm, const ci_grid_operator *g, int i_plane, CPLX *values)
{
    const ci_grid_buffers *buf = g->buffers;
    size_t begin = g->strip_start[g->rank], end = g->strip_start[g->rank + 1];
    size_t column = buf->list[1]->n_row[g->rank];
    if (end == begin) return;
    /* The reach of the last strip comes behind this rank's own rows. */
    if (end < g->plan.n_strip && ci_grid_strip_active(g, end - 1, i_plane)) {
        column -= buf->n_halo;
        for (int k = 0; k < g->plan.n_batch; k++)
            CI_ISA_KERNEL(NAME(rows_transform), g->isa)
        (comm, g, false, k, (CPLX *)buf->carry + (size_t)k * buf->n_carry, buf->n_halo, column);
    }
    for (size_t b = end; b-- > begin;) {
        size_t n_row = ci_grid_strip_rows(g, b, i_plane);
        column -= n_row;
        if (n_row > 0) NAME(strip_degrid)(comm, g, b, i_plane, values, column);
    }
}
