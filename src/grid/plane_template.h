/* Planes of the w-gridder, as a template (see grid_taps.h): strips of grid rows, transforms
 * along v and u, screens. */

typedef struct NAME(work)
{
    const ci_grid_operator *g;
    ci_timer *timer;
    ci_grid_row_list *list;
    size_t stride, stride_v;      /* of a stored grid row, of a row in the transform along v */
    size_t n_halo;                /* rows of a strip that reach into the next */
    CPLX *strip;                  /* [CI_GRID_STRIP_ROWS + n_halo][stride] and a vector more */
    CPLX *first;                  /* the same of this rank's first strip, until its halo is here */
    CPLX *carry;                  /* [n_halo][stride] from the strip before */
    CPLX *line_v;                 /* [CI_GRID_STRIP_ROWS][stride_v] */
    CPLX *line_u;                 /* [n_u] */
    REAL *screen;                 /* [2][n_x / 2 + 1] cosines, sines */
    double *correction;           /* [n_x / 2 + 1] */
    CPLX *grid_side, *image_side; /* the same memory on one rank */
    REAL *image;                  /* [n_y_here][n_x] corrected image (degridding) */
    size_t *n_halo_send, *n_halo_recv; /* bytes, [n_rank] */
} NAME(work);

static void NAME(work_clear)(NAME(work) * w)
{
    if (w->image_side != w->grid_side) ci_mem_free(w->image_side);
    ci_mem_free(w->grid_side);
    ci_mem_free(w->strip);
    ci_mem_free(w->first);
    ci_mem_free(w->carry);
    ci_mem_free(w->line_v);
    ci_mem_free(w->line_u);
    ci_mem_free(w->screen);
    ci_mem_free(w->correction);
    ci_mem_free(w->image);
    ci_mem_free(w->n_halo_send);
    ci_grid_row_list_free(w->list);
}

static ci_status NAME(work_make)(NAME(work) * w, const ci_grid_operator *g, bool is_degrid)
{
    const ci_grid_plan *plan = &g->plan;
    size_t n_grid_side, n_image_side, half = plan->n_x / 2 + 1;
    *w = (NAME(work)){.g = g, .timer = w->timer, .stride = plan->n_store};
    w->n_halo = (size_t)plan->kernel_uv.support - 1;
    w->stride_v = (plan->n_v + 8) / 8 * 8 + 8; /* rows do not meet in one set of the cache */
    size_t n_strip = (CI_GRID_STRIP_ROWS + w->n_halo) * w->stride + 2 * CI_GRID_KERNEL_MAX_SUPPORT;
    CI_TRY(ci_grid_row_list_new(&w->list, g, is_degrid));
    ci_grid_row_list_largest(w->list, g, &n_grid_side, &n_image_side);
    CI_TRY(ci_mem_alloc(&w->strip, n_strip, sizeof(CPLX), "grid strip"));
    if (!is_degrid) CI_TRY(ci_mem_alloc(&w->first, n_strip, sizeof(CPLX), "grid strip"));
    CI_TRY(ci_mem_alloc(&w->carry, w->n_halo * w->stride, sizeof(CPLX), "grid strip"));
    CI_TRY(ci_mem_alloc(&w->line_v, CI_GRID_STRIP_ROWS * w->stride_v, sizeof(CPLX), "grid rows"));
    CI_TRY(ci_mem_alloc(&w->line_u, plan->n_u, sizeof(CPLX), "grid rows"));
    CI_TRY(ci_mem_alloc(&w->screen, 2 * half, sizeof(REAL), "screen"));
    CI_TRY(ci_mem_alloc(&w->correction, half, sizeof(double), "screen"));
    CI_TRY(ci_mem_alloc(&w->n_halo_send, 2 * (size_t)g->n_rank, sizeof(size_t), "grid strip"));
    w->n_halo_recv = w->n_halo_send + g->n_rank;
    if (is_degrid)
        CI_TRY(ci_mem_alloc(&w->image, g->n_y_here * plan->n_x, sizeof(REAL), "image to degrid"));
    if (g->n_rank == 1 && n_image_side > n_grid_side) n_grid_side = n_image_side;
    CI_TRY(ci_mem_alloc(&w->grid_side, n_grid_side, sizeof(CPLX), "plane"));
    w->image_side = w->grid_side;
    if (g->n_rank == 1) return CI_OK;
    w->image_side = NULL;
    return ci_mem_alloc(&w->image_side, n_image_side, sizeof(CPLX), "plane");
}

/* ---- grid side: strips of rows and the transform along v ----------------------------- */

/* Stored columns of rows into the period of v and transformed; image rows into columns
 * [column, column + n_row) of the grid side. */
static void NAME(rows_to_image)(NAME(work) * w, const CPLX *rows, size_t n_row, size_t column)
{
    size_t mark = ci_timer_begin(w->timer, "FFT");
    const ci_grid_plan *plan = &w->g->plan;
    int64_t n_v = (int64_t)plan->n_v;
    size_t n_total = w->list->n_row[w->g->rank], half = plan->n_y / 2;
    for (size_t r = 0; r < n_row; r++) {
        CPLX *line = w->line_v + r * w->stride_v;
        const CPLX *row = rows + r * w->stride;
        memset(line, 0, plan->n_v * sizeof *line);
        size_t at = (size_t)(((plan->v_first % n_v) + n_v) % n_v);
        for (size_t done = 0; done < w->stride; at = 0) {
            size_t left = w->stride - done, n = plan->n_v - at < left ? plan->n_v - at : left;
            for (size_t i = 0; i < n; i++)
                line[at + i] += row[done + i];
            done += n;
        }
        FFT_RUN(w->g->fft_v[0], line, 1);
    }
    for (size_t y = 0; y < plan->n_y; y++) {
        size_t k = y >= half ? y - half : plan->n_v - half + y;
        CPLX *to = w->grid_side + y * n_total + column;
        for (size_t r = 0; r < n_row; r++)
            to[r] = w->line_v[r * w->stride_v + k];
    }
    ci_timer_end(w->timer, mark);
}

/* The adjoint: columns of the grid side to rows of stored columns. */
static void NAME(rows_from_image)(NAME(work) * w, CPLX *rows, size_t n_row, size_t column)
{
    size_t mark = ci_timer_begin(w->timer, "FFT");
    const ci_grid_plan *plan = &w->g->plan;
    int64_t n_v = (int64_t)plan->n_v;
    size_t n_total = w->list->n_row[w->g->rank], half = plan->n_y / 2;
    for (size_t r = 0; r < n_row; r++)
        memset(w->line_v + r * w->stride_v, 0, plan->n_v * sizeof *w->line_v);
    for (size_t y = 0; y < plan->n_y; y++) {
        size_t k = y >= half ? y - half : plan->n_v - half + y;
        const CPLX *from = w->grid_side + y * n_total + column;
        for (size_t r = 0; r < n_row; r++)
            w->line_v[r * w->stride_v + k] = from[r];
    }
    for (size_t r = 0; r < n_row; r++) {
        CPLX *line = w->line_v + r * w->stride_v, *row = rows + r * w->stride;
        FFT_RUN(w->g->fft_v[1], line, 1);
        size_t at = (size_t)(((plan->v_first % n_v) + n_v) % n_v);
        for (size_t done = 0; done < w->stride; at = 0) {
            size_t left = w->stride - done, n = plan->n_v - at < left ? plan->n_v - at : left;
            memcpy(row + done, line + at, n * sizeof *row);
            done += n;
        }
    }
    ci_timer_end(w->timer, mark);
}

static void NAME(halo_add)(const NAME(work) * w, CPLX *rows)
{
    size_t n = w->n_halo * w->stride;
    for (size_t i = 0; i < n; i++)
        rows[i] = w->carry[i] + rows[i];
}

/* The last strip's reach goes to the rank of the next strip, as carry. */
static ci_status NAME(halo_move)(ci_comm *comm, NAME(work) * w, int i_plane)
{
    const ci_grid_operator *g = w->g;
    size_t begin = g->strip_start[g->rank], end = g->strip_start[g->rank + 1];
    size_t n_byte = w->n_halo * w->stride * sizeof(CPLX);
    if (g->n_rank == 1) return CI_OK;
    memset(w->n_halo_send, 0, 2 * (size_t)g->n_rank * sizeof(size_t));
    if (end > begin && end < g->plan.n_strip && ci_grid_strip_active(g, end - 1, i_plane))
        w->n_halo_send[ci_grid_strip_owner(g, end)] = n_byte;
    if (end > begin && begin > 0 && ci_grid_strip_active(g, begin - 1, i_plane))
        w->n_halo_recv[ci_grid_strip_owner(g, begin - 1)] = n_byte;
    /* `strip` is free by now: it holds what is sent. */
    memcpy(w->strip, w->carry, n_byte);
    return ci_par_exchange_into(comm, w->strip, w->n_halo_send, w->carry, w->n_halo_recv);
}

static ci_status NAME(strips_grid)(ci_comm *comm, NAME(work) * w, int i_plane, const CPLX *values)
{
    const ci_grid_operator *g = w->g;
    size_t begin = g->strip_start[g->rank], end = g->strip_start[g->rank + 1], column = 0;
    size_t n_buffer = (CI_GRID_STRIP_ROWS + w->n_halo) * w->stride + 2 * CI_GRID_KERNEL_MAX_SUPPORT;
    for (size_t b = begin; b < end; b++) {
        size_t n_row = ci_grid_strip_rows(g, b, i_plane);
        bool is_active = ci_grid_strip_active(g, b, i_plane);
        if (n_row == 0) continue;
        CPLX *rows = b == begin ? w->first : w->strip;
        memset(rows, 0, n_buffer * sizeof *rows);
        if (is_active) {
            size_t mark = ci_timer_begin(w->timer, "grid");
            NAME(strip_add)(g, b, i_plane, values, rows);
            ci_timer_end(w->timer, mark);
        }
        if (b > begin) {
            if (ci_grid_strip_active(g, b - 1, i_plane)) NAME(halo_add)(w, rows);
            NAME(rows_to_image)(w, rows, n_row, column);
        }
        if (is_active)
            memcpy(w->carry, rows + CI_GRID_STRIP_ROWS * w->stride,
                   w->n_halo * w->stride * sizeof *rows);
        column += n_row;
    }
    CI_TRY(NAME(halo_move)(comm, w, i_plane));
    size_t n_row = end > begin ? ci_grid_strip_rows(g, begin, i_plane) : 0;
    if (n_row == 0) return CI_OK;
    if (begin > 0 && ci_grid_strip_active(g, begin - 1, i_plane)) NAME(halo_add)(w, w->first);
    NAME(rows_to_image)(w, w->first, n_row, 0);
    return CI_OK;
}

static void NAME(strips_degrid)(NAME(work) * w, int i_plane, CPLX *values)
{
    const ci_grid_operator *g = w->g;
    size_t begin = g->strip_start[g->rank], end = g->strip_start[g->rank + 1];
    size_t column = w->list->n_row[g->rank];
    if (end == begin) return;
    /* The reach of the last strip comes behind this rank's own rows. */
    if (end < g->plan.n_strip && ci_grid_strip_active(g, end - 1, i_plane)) {
        column -= w->n_halo;
        NAME(rows_from_image)(w, w->carry, w->n_halo, column);
    }
    for (size_t b = end; b-- > begin;) {
        size_t n_row = ci_grid_strip_rows(g, b, i_plane);
        if (n_row == 0) continue;
        column -= n_row;
        NAME(rows_from_image)(w, w->strip, n_row, column);
        if (ci_grid_strip_active(g, b, i_plane)) {
            memcpy(w->strip + CI_GRID_STRIP_ROWS * w->stride, w->carry,
                   w->n_halo * w->stride * sizeof(CPLX));
            size_t mark = ci_timer_begin(w->timer, "degrid");
            NAME(strip_take)(g, b, i_plane, w->strip, values);
            ci_timer_end(w->timer, mark);
        }
        memcpy(w->carry, w->strip, w->n_halo * w->stride * sizeof(CPLX));
    }
}

/* ---- image side: the transform along u, screens ------------------------------------- */

/* exp(2 pi i w (n - 1 - t_mid)) of row y, by distance from the middle column. */
static void NAME(screen_make)(NAME(work) * w, size_t y, int i_plane)
{
    const ci_grid_plan *plan = &w->g->plan;
    double plane_w = plan->w_first + i_plane * plan->w_step;
    size_t n = plan->n_x / 2 + 1;
    REAL *cosine = w->screen, *sine = w->screen + n;
    const double *t = ci_grid_plane_row_t(w->g, y);
    for (size_t i = 0; i < n; i++) {
        REAL turns = (REAL)ci_num_turns_fraction(plane_w * t[i]);
        COS_SIN(turns, &cosine[i], &sine[i]);
    }
}

static void NAME(row_accumulate)(const NAME(work) * w, double *row)
{
    const ci_grid_plan *plan = &w->g->plan;
    size_t n_x = plan->n_x, half = n_x / 2, n_u = plan->n_u;
    const REAL *line = (const REAL *)w->line_u, *left = line + 2 * (n_u - half);
    const REAL *cosine = w->screen, *sine = w->screen + half + 1;
    /* Re(F conj(screen)) */
    for (size_t i = 0; i < n_x - half; i++)
        row[half + i] += (double)(line[2 * i] * cosine[i] + line[2 * i + 1] * sine[i]);
    for (size_t x = 0; x < half; x++)
        row[x] += (double)(left[2 * x] * cosine[half - x] + left[2 * x + 1] * sine[half - x]);
}

static void NAME(image_accumulate)(NAME(work) * w, int i_plane, double *slab)
{
    size_t mark = ci_timer_begin(w->timer, "FFT");
    const ci_grid_operator *g = w->g;
    const ci_grid_row_list *list = w->list;
    for (size_t y = 0; y < g->n_y_here; y++) {
        memset(w->line_u, 0, g->plan.n_u * sizeof(CPLX));
        for (size_t k = 0; k < list->n_run; k++) {
            const ci_grid_row_run *run = &list->run[k];
            const CPLX *from = w->image_side + list->start[run->i_rank] +
                               y * list->n_row[run->i_rank] + run->column;
            for (size_t i = 0; i < run->length; i++)
                w->line_u[run->index + i] += from[i];
        }
        FFT_RUN(g->fft_u[0], w->line_u, 1);
        NAME(screen_make)(w, g->y_first + y, i_plane);
        NAME(row_accumulate)(w, slab + y * g->plan.n_x);
    }
    ci_timer_end(w->timer, mark);
}

static void NAME(row_screen)(NAME(work) * w, const REAL *row)
{
    const ci_grid_plan *plan = &w->g->plan;
    size_t n_x = plan->n_x, half = n_x / 2, n_u = plan->n_u;
    REAL *line = (REAL *)w->line_u, *left = line + 2 * (n_u - half);
    const REAL *cosine = w->screen, *sine = w->screen + half + 1;
    memset(line, 0, n_u * sizeof(CPLX));
    for (size_t i = 0; i < n_x - half; i++) {
        line[2 * i] = row[half + i] * cosine[i];
        line[2 * i + 1] = row[half + i] * sine[i];
    }
    for (size_t x = 0; x < half; x++) {
        left[2 * x] = row[x] * cosine[half - x];
        left[2 * x + 1] = row[x] * sine[half - x];
    }
}

static void NAME(image_spread)(NAME(work) * w, int i_plane)
{
    size_t mark = ci_timer_begin(w->timer, "FFT");
    const ci_grid_operator *g = w->g;
    const ci_grid_row_list *list = w->list;
    for (size_t y = 0; y < g->n_y_here; y++) {
        NAME(screen_make)(w, g->y_first + y, i_plane);
        NAME(row_screen)(w, w->image + y * g->plan.n_x);
        FFT_RUN(g->fft_u[1], w->line_u, 1);
        for (size_t k = 0; k < list->n_run; k++) {
            const ci_grid_row_run *run = &list->run[k];
            memcpy(w->image_side + list->start[run->i_rank] + y * list->n_row[run->i_rank] +
                       run->column,
                   w->line_u + run->index, run->length * sizeof(CPLX));
        }
    }
    ci_timer_end(w->timer, mark);
}

/* ---- the operator -------------------------------------------------------------------- */

ci_status NAME(ci_grid_plane_grid)(ci_comm *comm, const ci_grid_operator *g, const CPLX *values,
                                   double *slab)
{
    NAME(work) w = {.timer = ci_comm_timer(comm)};
    ci_status status = ci_par_agree(comm, NAME(work_make)(&w, g, false));
    memset(slab, 0, g->n_y_here * g->plan.n_x * sizeof *slab);
    for (int p = 0; status == CI_OK && p < g->plan.n_plane; p++) {
        ci_grid_row_list_set(w.list, g, p, sizeof(CPLX));
        status = NAME(strips_grid)(comm, &w, p, values);
        if (status == CI_OK && g->n_rank > 1)
            status = ci_par_exchange_into(comm, w.grid_side, w.list->n_grid_side, w.image_side,
                                          w.list->n_image_side);
        if (status == CI_OK) NAME(image_accumulate)(&w, p, slab);
    }
    if (status == CI_OK) ci_grid_plane_correct(g, w.correction, slab);
    NAME(work_clear)(&w);
    return ci_par_agree(comm, status);
}

static void NAME(image_correct)(NAME(work) * w, const double *slab)
{
    size_t n_x = w->g->plan.n_x;
    double *correction = w->correction;
    for (size_t y = 0; y < w->g->n_y_here; y++) {
        REAL *to = w->image + y * n_x;
        const double *from = slab + y * n_x;
        ci_grid_plane_row_correction(w->g, w->g->y_first + y, correction);
        for (size_t x = 0; x < n_x; x++)
            to[x] = (REAL)(from[x] * correction[ci_grid_distance(x, n_x)]);
    }
}

ci_status NAME(ci_grid_plane_degrid)(ci_comm *comm, const ci_grid_operator *g, const double *slab,
                                     CPLX *values)
{
    NAME(work) w = {.timer = ci_comm_timer(comm)};
    ci_status status = ci_par_agree(comm, NAME(work_make)(&w, g, true));
    memset(values, 0, g->n_owned * sizeof *values);
    if (status == CI_OK) NAME(image_correct)(&w, slab);
    for (int p = 0; status == CI_OK && p < g->plan.n_plane; p++) {
        ci_grid_row_list_set(w.list, g, p, sizeof(CPLX));
        NAME(image_spread)(&w, p);
        if (g->n_rank > 1)
            status = ci_par_exchange_into(comm, w.image_side, w.list->n_image_side, w.grid_side,
                                          w.list->n_grid_side);
        if (status == CI_OK) NAME(strips_degrid)(&w, p, values);
    }
    NAME(work_clear)(&w);
    return ci_par_agree(comm, status);
}
