/* Samples of a strip added to its buffer, or taken from it, as a template (see taps.h). All
 * functions are local. */

/* The next samples of segments [i_segment, end), from sample *i_in of the first of them on. */
CI_ISA_INLINE void NAME(chunk_fill)(const ci_grid_operator *g, size_t *i_segment, size_t *i_in,
                                    size_t end, NAME(chunk) * chunk)
{
    const double *freq_hz = g->freq_hz;
    double shift_w = g->plan.w_first / g->plan.w_step;
    size_t n = 0;
    while (n < CHUNK && *i_segment < end) {
        const ci_grid_segment *segment = &g->segment[*i_segment];
        const double *freq = freq_hz + segment->freq_first + *i_in;
        size_t left = segment->n_chan - *i_in, m = CHUNK - n < left ? CHUNK - n : left;
        for (size_t i = 0; i < m; i++, n++) {
            chunk->at[n] = segment->sample_first + *i_in + i;
            chunk->u[n] = segment->slope_u * freq[i] - segment->shift_u;
            chunk->v[n] = segment->slope_v * freq[i] - segment->shift_v;
            chunk->w[n] = segment->slope_w * freq[i] - shift_w;
        }
        *i_in += m;
        if (*i_in < segment->n_chan) break;
        *i_in = 0;
        ++*i_segment;
    }
    chunk->n = n;
}

/* Where they lie in the strip's buffer. */
CI_ISA_INLINE void NAME(chunk_place)(const ci_grid_operator *g, size_t i_strip, NAME(chunk) * chunk)
{
    const ci_grid_plan *plan = &g->plan;
    double half = 0.5 * plan->kernel_uv.support, n_v = (double)plan->n_v;
    int32_t row_first = plan->row_first + (int32_t)plan->u_shift;
    row_first += (int32_t)(i_strip * plan->strip_rows);
    int32_t v_first = plan->v_first + (int32_t)plan->n_v, stride = (int32_t)plan->n_store;
    int32_t depth = (int32_t)plan->depth;
    for (size_t i = 0; i < chunk->n; i++) {
        double t_u, t_v;
        int32_t u = ci_grid_cell(chunk->u[i] + plan->u_shift, half, &t_u);
        int32_t v = ci_grid_cell(chunk->v[i] + n_v, half, &t_v);
        chunk->offset[i] = ((u - row_first) * stride + (v - v_first)) * depth;
        chunk->t_u[i] = (REAL)t_u;
        chunk->t_v[i] = (REAL)t_v;
    }
}

/* The one tap along w of a bucket's samples that meets plane p. */
CI_ISA_INLINE void NAME(chunk_tap_w)(const ci_grid_plan *plan, int i_bucket, int i_plane,
                                     NAME(chunk) * chunk)
{
    int tap = i_plane - i_bucket, degree = plan->kernel_w.degree;
    double cell = (double)i_bucket + CI_GRID_POSITION_BASE;
    double half = 0.5 * plan->kernel_w.support;
    REAL t[CHUNK], *k = chunk->part[0];
    for (size_t i = 0; i < chunk->n; i++) {
        double x = chunk->w[i] - half + CI_GRID_POSITION_BASE;
        t[i] = (REAL)(2.0 * (cell - x) - 1.0);
        k[i] = plan->kernel_w.COEF[0][tap];
    }
    for (int d = 1; d <= degree; d++) {
        REAL c = plan->kernel_w.COEF[d][tap];
        for (size_t i = 0; i < chunk->n; i++)
            k[i] = k[i] * t[i] + c;
    }
}

/* series (2 z^2 - 1) at n <= CHUNK points y = 2 (2 z^2 - 1). */
CI_ISA_INLINE void NAME(series)(const ci_grid_series *series, const REAL *y, size_t n, REAL *out)
{
    REAL b1[CHUNK], b2[CHUNK];
    const REAL first = (REAL)series->coef[0];
    for (size_t i = 0; i < n; i++)
        b1[i] = b2[i] = 0;
    for (int k = series->n_term - 1; k > 0; k--) {
        const REAL c = (REAL)series->coef[k];
        for (size_t i = 0; i < n; i++) {
            /* cppcheck-suppress uninitvar ; n values are filled by the caller */
            REAL b = c + y[i] * b1[i] - b2[i];
            b2[i] = b1[i];
            b1[i] = b;
        }
    }
    for (size_t i = 0; i < n; i++)
        out[i] = first + (REAL)0.5 * y[i] * b1[i] - b2[i];
}

/* A pair of terms, as weights at (u, v) and at (-u, -v). */
CI_ISA_INLINE void NAME(chunk_terms)(const ci_grid_series series[2], NAME(chunk) * chunk)
{
    REAL x[CHUNK], y[CHUNK], even[CHUNK], odd[CHUNK];
    for (size_t i = 0; i < chunk->n; i++) {
        x[i] = (REAL)chunk->w[i];
        y[i] = 4 * x[i] * x[i] - 2;
    }
    NAME(series)(&series[0], y, chunk->n, even);
    NAME(series)(&series[1], y, chunk->n, odd);
    for (size_t i = 0; i < chunk->n; i++) {
        /* cppcheck-suppress uninitvar ; filled above */
        chunk->part[0][i] = (REAL)0.5 * (even[i] + x[i] * odd[i]);
        chunk->part[1][i] = (REAL)0.5 * (even[i] - x[i] * odd[i]);
    }
}

CI_ISA_INLINE void NAME(chunk_parts)(const ci_grid_plan *plan, int i_bucket, int i_plane,
                                     NAME(chunk) * chunk)
{
    if (plan->has_terms)
        NAME(chunk_terms)(plan->sample_series[i_plane], chunk);
    else if (!plan->is_flat)
        NAME(chunk_tap_w)(plan, i_bucket, i_plane, chunk);
    else
        for (size_t i = 0; i < chunk->n; i++)
            chunk->part[0][i] = 1;
}

CI_ISA_INLINE void NAME(chunk_load)(const REAL *values, size_t depth, NAME(chunk) * chunk)
{
    REAL *cell = chunk->cell;
    for (size_t i = 0; i < chunk->n; i++)
        for (size_t d = 0; d < depth; d++, cell += 2) {
            cell[0] = chunk->part[d][i] * values[2 * chunk->at[i]];
            cell[1] = chunk->part[d][i] * values[2 * chunk->at[i] + 1];
        }
}

CI_ISA_INLINE void NAME(chunk_store)(const NAME(chunk) * chunk, size_t depth, REAL *values)
{
    const REAL *cell = chunk->cell;
    for (size_t i = 0; i < chunk->n; i++)
        for (size_t d = 0; d < depth; d++, cell += 2) {
            values[2 * chunk->at[i]] += chunk->part[d][i] * cell[0];
            values[2 * chunk->at[i] + 1] += chunk->part[d][i] * cell[1];
        }
}

/* Segments of bucket q of this rank's strip. */
CI_ISA_INLINE void NAME(bucket_segments)(const ci_grid_operator *g, size_t i_strip, int q,
                                         size_t *first, size_t *end)
{
    size_t i = (i_strip - g->strip_start[g->rank]) * (size_t)g->plan.n_bucket + (size_t)q;
    *first = g->bucket_start[i];
    *end = g->bucket_start[i + 1];
}

/* Adds the samples of a strip to its buffers, one of each plane of a batch from i_plane on, buckets
 * ascending, global order in each (or, degridding, takes them from these). */
CI_ISA_INLINE void NAME(strip_add)(const ci_grid_operator *g, size_t i_strip, int i_plane,
                                   const CPLX *values, CPLX *strips)
{
    const ci_grid_plan *plan = &g->plan;
    const size_t n_strip = g->buffers->n_strip;
    int low, high;
    ci_grid_plane_buckets(plan, i_plane, &low, &high);
    NAME(chunk) chunk;
    NAME(add_function) add = NAME(add_table)[plan->depth - 1][plan->kernel_uv.support][g->isa];
    for (int q = low; q < high; q++) {
        size_t i, end, in = 0;
        NAME(bucket_segments)(g, i_strip, q, &i, &end);
        while (i < end) {
            NAME(chunk_fill)(g, &i, &in, end, &chunk);
            NAME(chunk_place)(g, i_strip, &chunk);
            for (int k = 0; k < plan->n_batch; k++) {
                NAME(chunk_parts)(plan, q, i_plane + k, &chunk);
                NAME(chunk_load)((const REAL *)values, plan->depth, &chunk);
                add(&plan->kernel_uv, &chunk, strips + (size_t)k * n_strip,
                    plan->n_store * plan->depth);
            }
        }
    }
}
CI_ISA_INSTANCES(NAME(strip_add),
                 (const ci_grid_operator *g, size_t i_strip, int i_plane, const CPLX *values,
                  CPLX *strips),
                 (g, i_strip, i_plane, values, strips))

CI_ISA_INLINE void NAME(strip_take)(const ci_grid_operator *g, size_t i_strip, int i_plane,
                                    const CPLX *strips, CPLX *values)
{
    const ci_grid_plan *plan = &g->plan;
    const size_t n_strip = g->buffers->n_strip;
    int low, high;
    ci_grid_plane_buckets(plan, i_plane, &low, &high);
    NAME(chunk) chunk;
    NAME(take_function) take = NAME(take_table)[plan->depth - 1][plan->kernel_uv.support][g->isa];
    for (int q = low; q < high; q++) {
        size_t i, end, in = 0;
        NAME(bucket_segments)(g, i_strip, q, &i, &end);
        while (i < end) {
            NAME(chunk_fill)(g, &i, &in, end, &chunk);
            NAME(chunk_place)(g, i_strip, &chunk);
            for (int k = 0; k < plan->n_batch; k++) {
                NAME(chunk_parts)(plan, q, i_plane + k, &chunk);
                take(&plan->kernel_uv, &chunk, strips + (size_t)k * n_strip,
                     plan->n_store * plan->depth);
                NAME(chunk_store)(&chunk, plan->depth, (REAL *)values);
            }
        }
    }
}
CI_ISA_INSTANCES(NAME(strip_take),
                 (const ci_grid_operator *g, size_t i_strip, int i_plane, const CPLX *strips,
                  CPLX *values),
                 (g, i_strip, i_plane, strips, values))
