/* The image's side of the planes, as a template (see taps.h): the transform along u, screens. All
 * functions are local. */

/* What a plane's number is multiplied by before the real and the imaginary part are added: by
 * distance from the middle column of row y. */
CI_ISA_INLINE void NAME(screen_make)(const ci_grid_operator *g, size_t y, int i_plane)
{
    const ci_grid_plan *plan = &g->plan;
    double plane_w = plan->w_first + i_plane * plan->w_step, scale = 1.0 / plan->t_half;
    size_t n = plan->n_x / 2 + 1;
    REAL *real = g->buffers->screen, *imaginary = real + n;
    const double *t = ci_grid_plane_row_t(g, y);
    if (!plan->has_terms) {
        for (size_t i = 0; i < n; i++) {
            REAL turns = (REAL)ci_num_turns_fraction(plane_w * t[i]);
            COS_SIN(turns, &real[i], &imaginary[i]);
        }
        return;
    }
    REAL z[CHUNK], arg[CHUNK];
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t m = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < m; i++) {
            z[i] = (REAL)(t[first + i] * scale);
            arg[i] = 4 * z[i] * z[i] - 2;
        }
        NAME(series)(&plan->pixel_series[i_plane][0], arg, m, real + first);
        NAME(series)(&plan->pixel_series[i_plane][1], arg, m, imaginary + first);
        for (size_t i = 0; i < m; i++)
            imaginary[first + i] *= z[i];
    }
}

/* Row y of the image from the plane's rows: those at u, and at -u where a cell is two numbers. */
CI_ISA_INLINE void NAME(line_collect)(const ci_grid_operator *g, size_t y, const CPLX *plane)
{
    const ci_grid_buffers *buf = g->buffers;
    const ci_grid_row_list *list = buf->list[0];
    size_t n_u = g->plan.n_u, depth = g->plan.depth;
    CPLX *line = buf->line_u;
    memset(line, 0, n_u * sizeof *line);
    for (size_t k = 0; k < list->n_run; k++) {
        const ci_grid_row_run *run = &list->run[k];
        const CPLX *from =
            plane + (list->start[run->i_rank] + y * list->n_row[run->i_rank] + run->column) * depth;
        for (size_t i = 0; i < run->length; i++)
            line[run->index + i] += from[i * depth];
        for (size_t i = 0; depth == 2 && i < run->length; i++) {
            size_t u = run->index + i;
            line[u == 0 ? 0 : n_u - u] += CONJUGATE(from[2 * i + 1]);
        }
    }
}

CI_ISA_INLINE void NAME(row_add)(const ci_grid_operator *g, bool is_first)
{
    const ci_grid_plan *plan = &g->plan;
    size_t n_x = plan->n_x, half = n_x / 2, n_u = plan->n_u;
    const REAL *line = g->buffers->line_u, *left = line + 2 * (n_u - half);
    const REAL *real = g->buffers->screen, *imaginary = real + half + 1;
    REAL *row = g->buffers->row;
    if (is_first) memset(row, 0, n_x * sizeof *row);
    for (size_t i = 0; i < n_x - half; i++)
        row[half + i] += line[2 * i] * real[i] + line[2 * i + 1] * imaginary[i];
    for (size_t x = 0; x < half; x++)
        row[x] += left[2 * x] * real[half - x] + left[2 * x + 1] * imaginary[half - x];
}

/* The sum of a batch of planes into the slab; the last batch divides by the kernels' shapes. */
CI_ISA_INLINE void NAME(row_to_slab)(const ci_grid_operator *g, size_t y, bool is_first,
                                     bool is_last, double *slab)
{
    size_t n_x = g->plan.n_x, half = n_x / 2;
    const REAL *row = g->buffers->row;
    double *correction = g->buffers->correction;
    for (size_t x = 0; x < n_x; x++)
        slab[x] = is_first ? (double)row[x] : slab[x] + (double)row[x];
    if (!is_last) return;
    ci_grid_plane_row_correction(g, y, correction);
    for (size_t x = 0; x < half; x++)
        slab[x] *= correction[half - x];
    for (size_t x = half; x < n_x; x++)
        slab[x] *= correction[x - half];
}

/* A row into the slanted image, divided by the kernels' shapes; it may be that row itself. */
CI_ISA_INLINE void NAME(row_to_slanted)(const ci_grid_operator *g, size_t y, const REAL *row)
{
    size_t n_x = g->plan.n_x, half = n_x / 2;
    REAL *to = (REAL *)g->buffers->image + (y - g->y_first) * n_x;
    double *correction = g->buffers->correction;
    ci_grid_plane_row_correction(g, y, correction);
    for (size_t x = 0; x < half; x++)
        to[x] = row[x] * (REAL)correction[half - x];
    for (size_t x = half; x < n_x; x++)
        to[x] = row[x] * (REAL)correction[x - half];
}

/* Planes [i_plane, i_plane + n_batch) into the slab, or all into the slanted image. */
CI_ISA_INLINE void NAME(planes_to_slab)(ci_comm *comm, const ci_grid_operator *g, int i_plane,
                                        double *slab)
{
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "FFT");
    const ci_grid_plan *plan = &g->plan;
    const ci_grid_buffers *buf = g->buffers;
    for (size_t y = 0; y < g->n_y_here; y++) {
        for (int k = 0; k < plan->n_batch; k++) {
            NAME(line_collect)
            (g, y, (const CPLX *)buf->image_side + (size_t)k * buf->n_image_side);
            FFT_RUN(g->fft_u[0], buf->line_u, 1);
            NAME(screen_make)(g, g->y_first + y, i_plane + k);
            NAME(row_add)(g, k == 0);
        }
        bool is_last = i_plane + plan->n_batch == plan->n_plane;
        double *to = slab + y * plan->n_x;
        if (plan->slant.is_on)
            NAME(row_to_slanted)(g, g->y_first + y, buf->row);
        else
            NAME(row_to_slab)(g, g->y_first + y, i_plane == 0, is_last, to);
    }
    ci_timer_end(ci_comm_timer(comm), mark);
}
CI_ISA_INSTANCES(NAME(planes_to_slab),
                 (ci_comm * comm, const ci_grid_operator *g, int i_plane, double *slab),
                 (comm, g, i_plane, slab))

CI_ISA_INLINE void NAME(row_screen)(const ci_grid_operator *g, const REAL *row)
{
    const ci_grid_plan *plan = &g->plan;
    size_t n_x = plan->n_x, half = n_x / 2, n_u = plan->n_u;
    REAL *line = g->buffers->line_u, *left = line + 2 * (n_u - half);
    const REAL *real = g->buffers->screen, *imaginary = real + half + 1;
    memset(line + 2 * (n_x - half), 0, (n_u - n_x) * sizeof(CPLX));
    for (size_t i = 0; i < n_x - half; i++) {
        line[2 * i] = row[half + i] * real[i];
        line[2 * i + 1] = row[half + i] * imaginary[i];
    }
    for (size_t x = 0; x < half; x++) {
        left[2 * x] = row[x] * real[half - x];
        left[2 * x + 1] = row[x] * imaginary[half - x];
    }
}

CI_ISA_INLINE void NAME(line_distribute)(const ci_grid_operator *g, size_t y, CPLX *plane)
{
    const ci_grid_buffers *buf = g->buffers;
    const ci_grid_row_list *list = buf->list[1];
    size_t n_u = g->plan.n_u, depth = g->plan.depth;
    const CPLX *line = buf->line_u;
    for (size_t k = 0; k < list->n_run; k++) {
        const ci_grid_row_run *run = &list->run[k];
        CPLX *to =
            plane + (list->start[run->i_rank] + y * list->n_row[run->i_rank] + run->column) * depth;
        for (size_t i = 0; i < run->length; i++)
            to[i * depth] = line[run->index + i];
        for (size_t i = 0; depth == 2 && i < run->length; i++) {
            size_t u = run->index + i;
            to[2 * i + 1] = CONJUGATE(line[u == 0 ? 0 : n_u - u]);
        }
    }
}

CI_ISA_INLINE void NAME(image_to_planes)(ci_comm *comm, const ci_grid_operator *g, int i_plane)
{
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "FFT");
    const ci_grid_buffers *buf = g->buffers;
    for (size_t y = 0; y < g->n_y_here; y++)
        for (int k = 0; k < g->plan.n_batch; k++) {
            NAME(screen_make)(g, g->y_first + y, i_plane + k);
            NAME(row_screen)(g, (const REAL *)buf->image + y * g->plan.n_x);
            FFT_RUN(g->fft_u[1], buf->line_u, 1);
            NAME(line_distribute)(g, y, (CPLX *)buf->image_side + (size_t)k * buf->n_image_side);
        }
    ci_timer_end(ci_comm_timer(comm), mark);
}
CI_ISA_INSTANCES(NAME(image_to_planes), (ci_comm * comm, const ci_grid_operator *g, int i_plane),
                 (comm, g, i_plane))

/* In place, where it is a slanted one. */
CI_ISA_INLINE void NAME(image_correct_slanted)(const ci_grid_operator *g)
{
    const REAL *image = g->buffers->image;
    for (size_t y = 0; y < g->n_y_here; y++)
        NAME(row_to_slanted)(g, g->y_first + y, image + y * g->plan.n_x);
}
CI_ISA_INSTANCES(NAME(image_correct_slanted), (const ci_grid_operator *g), (g))

CI_ISA_INLINE void NAME(image_correct)(const ci_grid_operator *g, const double *slab)
{
    size_t n_x = g->plan.n_x, half = n_x / 2;
    double *correction = g->buffers->correction;
    for (size_t y = 0; y < g->n_y_here; y++) {
        REAL *to = (REAL *)g->buffers->image + y * n_x;
        const double *from = slab + y * n_x;
        ci_grid_plane_row_correction(g, g->y_first + y, correction);
        for (size_t x = 0; x < half; x++)
            to[x] = (REAL)(from[x] * correction[half - x]);
        for (size_t x = half; x < n_x; x++)
            to[x] = (REAL)(from[x] * correction[x - half]);
    }
}
CI_ISA_INSTANCES(NAME(image_correct), (const ci_grid_operator *g, const double *slab), (g, slab))
