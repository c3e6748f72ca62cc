/* The innermost loops of gridding and degridding, as a template: REAL, CPLX, NAME(x) and
 * COEF are set by the file that includes this (plane32.c, plane64.c). Vectors are the
 * compiler's own of 16 bytes; every lane does the same +, x as a scalar would, so that
 * wider vectors give the same bits. Samples of one chunk of a segment are prepared in
 * arrays, then added one after the other. */

typedef REAL NAME(vec) __attribute__((vector_size(16)));
/* The same at any address inside an array of complex numbers. */
typedef REAL NAME(vec_any) __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));

enum
{
    LANES = 16 / sizeof(REAL),
    CHUNK = 128 /* samples prepared at a time */
};

typedef struct NAME(chunk)
{
    size_t n;
    int32_t offset[CHUNK]; /* of the first tap in the strip's buffer */
    REAL t_u[CHUNK], t_v[CHUNK], k_w[CHUNK];
    CPLX value[CHUNK];
} NAME(chunk);

/* Where a chunk's samples lie: u, v and the one tap of w that meets this plane. */
CI_ISA_INLINE void NAME(chunk_prepare)(const ci_grid_operator *g, const ci_grid_segment *segment,
                                       size_t first, int i_plane, NAME(chunk) * chunk)
{
    const ci_grid_plan *plan = &g->plan;
    const double *freq = g->freq_hz + segment->freq_first + first;
    double half = 0.5 * plan->kernel_uv.support, n_v = (double)plan->n_v;
    double slope_u = segment->slope_u, shift_u = segment->shift_u;
    double slope_v = segment->slope_v, shift_v = segment->shift_v;
    int32_t row_first = plan->row_first + (int32_t)segment->i_strip * CI_GRID_STRIP_ROWS;
    int32_t v_first = plan->v_first + (int32_t)plan->n_v, stride = (int32_t)plan->n_store;
    size_t left = segment->n_chan - first, n = left < CHUNK ? left : CHUNK;
    chunk->n = n;
    for (size_t i = 0; i < n; i++) {
        double t_u, t_v;
        int32_t u = ci_grid_cell(slope_u * freq[i] - shift_u, half, &t_u);
        int32_t v = ci_grid_cell(slope_v * freq[i] - shift_v + n_v, half, &t_v);
        chunk->offset[i] = (u - row_first) * stride + (v - v_first);
        chunk->t_u[i] = (REAL)t_u;
        chunk->t_v[i] = (REAL)t_v;
    }
    if (plan->is_flat) {
        for (size_t i = 0; i < n; i++)
            chunk->k_w[i] = 1;
        return;
    }
    int tap = i_plane - (int)segment->i_bucket, degree = plan->kernel_w.degree;
    double cell = (double)segment->i_bucket + CI_GRID_POSITION_BASE;
    double half_w = 0.5 * plan->kernel_w.support, slope_w = segment->slope_w;
    double shift_w = plan->w_first / plan->w_step;
    REAL t_w[CHUNK];
    for (size_t i = 0; i < n; i++) {
        double x = slope_w * freq[i] - shift_w - half_w + CI_GRID_POSITION_BASE;
        t_w[i] = (REAL)(2.0 * (cell - x) - 1.0);
        chunk->k_w[i] = plan->kernel_w.COEF[0][tap];
    }
    for (int d = 1; d <= degree; d++) {
        REAL c = plan->kernel_w.COEF[d][tap];
        for (size_t i = 0; i < n; i++)
            chunk->k_w[i] = chunk->k_w[i] * t_w[i] + c;
    }
}

/* All taps of u and of v of one sample, by Horner's rule over vectors of taps. */
CI_ISA_INLINE void NAME(taps)(const ci_grid_kernel *kernel, const int support, REAL t_u, REAL t_v,
                              NAME(vec) * k_u, NAME(vec) * k_v)
{
    const int n = (support + LANES - 1) / LANES;
    const NAME(vec_any) *coef = (const NAME(vec_any) *)kernel->COEF[0];
    for (int i = 0; i < n; i++)
        k_u[i] = k_v[i] = coef[i];
    for (int d = 1; d <= kernel->degree; d++) {
        coef = (const NAME(vec_any) *)kernel->COEF[d];
        for (int i = 0; i < n; i++) {
            k_u[i] = k_u[i] * t_u + coef[i];
            k_v[i] = k_v[i] * t_v + coef[i];
        }
    }
}

/* Each real weight twice, for the real and the imaginary part: vector i of those. */
CI_ISA_INLINE NAME(vec) NAME(twice)(const NAME(vec) * k, const int i)
{
    return i % 2 == 0 ? TWICE_LOW(k[i / 2]) : TWICE_HIGH(k[i / 2]);
}

CI_ISA_INLINE void NAME(add)(const ci_grid_kernel *kernel, const int support,
                             const NAME(chunk) * chunk, CPLX *strip, size_t stride)
{
    const int n = (2 * support + LANES - 1) / LANES;
    for (size_t s = 0; s < chunk->n; s++) {
        NAME(vec) k_u[CI_GRID_KERNEL_MAX_SUPPORT / LANES], k_v[CI_GRID_KERNEL_MAX_SUPPORT / LANES];
        NAME(vec) row[2 * CI_GRID_KERNEL_MAX_SUPPORT / LANES];
        NAME(taps)(kernel, support, chunk->t_u[s], chunk->t_v[s], k_u, k_v);
        const NAME(vec) value =
            SPREAD(((const REAL *)chunk->value)[2 * s], ((const REAL *)chunk->value)[2 * s + 1]);
        for (int i = 0; i < n; i++)
            row[i] = NAME(twice)(k_v, i) * value;
        REAL *to = (REAL *)(strip + chunk->offset[s]);
        for (int j = 0; j < support; j++) {
            REAL k = k_u[j / LANES][j % LANES];
            for (int i = 0; i < n; i++)
                *(NAME(vec_any) *)(to + i * LANES) += k * row[i];
            to += 2 * stride;
        }
    }
}

CI_ISA_INLINE void NAME(take)(const ci_grid_kernel *kernel, const int support, NAME(chunk) * chunk,
                              const CPLX *strip, size_t stride)
{
    const int n = (2 * support + LANES - 1) / LANES;
    for (size_t s = 0; s < chunk->n; s++) {
        NAME(vec) k_u[CI_GRID_KERNEL_MAX_SUPPORT / LANES], k_v[CI_GRID_KERNEL_MAX_SUPPORT / LANES];
        NAME(vec) sum[2 * CI_GRID_KERNEL_MAX_SUPPORT / LANES] = {{0}};
        NAME(taps)(kernel, support, chunk->t_u[s], chunk->t_v[s], k_u, k_v);
        const REAL *from = (const REAL *)(strip + chunk->offset[s]);
        for (int j = 0; j < support; j++) {
            REAL k = k_u[j / LANES][j % LANES];
            for (int i = 0; i < n; i++)
                sum[i] += k * *(const NAME(vec_any) *)(from + i * LANES);
            from += 2 * stride;
        }
        NAME(vec) all = sum[0] * NAME(twice)(k_v, 0);
        for (int i = 1; i < n; i++)
            all += sum[i] * NAME(twice)(k_v, i);
        for (int i = 2; i < LANES; i += 2) {
            all[0] += all[i];
            all[1] += all[i + 1];
        }
        ((REAL *)chunk->value)[2 * s] = all[0];
        ((REAL *)chunk->value)[2 * s + 1] = all[1];
    }
}

/* One function per support: their loops have constant lengths. */
#define TAPS_OF(W)                                                                                 \
    CI_ISA_INLINE void NAME(add_##W)(const ci_grid_kernel *kernel, const NAME(chunk) * chunk,      \
                                     CPLX * strip, size_t stride)                                  \
    {                                                                                              \
        NAME(add)(kernel, W, chunk, strip, stride);                                                \
    }                                                                                              \
    CI_ISA_INLINE void NAME(take_##W)(const ci_grid_kernel *kernel, NAME(chunk) * chunk,           \
                                      const CPLX *strip, size_t stride)                            \
    {                                                                                              \
        NAME(take)(kernel, W, chunk, strip, stride);                                               \
    }                                                                                              \
    CI_ISA_INSTANCES(                                                                              \
        NAME(add_##W),                                                                             \
        (const ci_grid_kernel *kernel, const NAME(chunk) * chunk, CPLX * strip, size_t stride),    \
        (kernel, chunk, strip, stride))                                                            \
    CI_ISA_INSTANCES(                                                                              \
        NAME(take_##W),                                                                            \
        (const ci_grid_kernel *kernel, NAME(chunk) * chunk, const CPLX *strip, size_t stride),     \
        (kernel, chunk, strip, stride))
TAPS_OF(2)
TAPS_OF(3)
TAPS_OF(4)
TAPS_OF(5)
TAPS_OF(6)
TAPS_OF(7)
TAPS_OF(8)
TAPS_OF(9)
TAPS_OF(10)
TAPS_OF(11)
TAPS_OF(12)
TAPS_OF(13)
TAPS_OF(14)
TAPS_OF(15)
TAPS_OF(16)
#undef TAPS_OF

CI_ISA_INSTANCES(NAME(chunk_prepare),
                 (const ci_grid_operator *g, const ci_grid_segment *segment, size_t first,
                  int i_plane, NAME(chunk) * chunk),
                 (g, segment, first, i_plane, chunk))

/* By support and instruction set. */
typedef void (*NAME(add_function))(const ci_grid_kernel *, const NAME(chunk) *, CPLX *, size_t);
typedef void (*NAME(take_function))(const ci_grid_kernel *, NAME(chunk) *, const CPLX *, size_t);
typedef void (*NAME(prepare_function))(const ci_grid_operator *, const ci_grid_segment *, size_t,
                                       int, NAME(chunk) *);
static const NAME(prepare_function)
    NAME(prepare_table)[CI_ISA_COUNT] = CI_ISA_TABLE(NAME(chunk_prepare));
#define ADD_OF(W) [W] = CI_ISA_TABLE(NAME(add_##W))
#define TAKE_OF(W) [W] = CI_ISA_TABLE(NAME(take_##W))
static const NAME(add_function) NAME(add_table)[CI_GRID_KERNEL_MAX_SUPPORT + 1][CI_ISA_COUNT] = {
    ADD_OF(2),  ADD_OF(3),  ADD_OF(4),  ADD_OF(5),  ADD_OF(6),  ADD_OF(7),  ADD_OF(8),  ADD_OF(9),
    ADD_OF(10), ADD_OF(11), ADD_OF(12), ADD_OF(13), ADD_OF(14), ADD_OF(15), ADD_OF(16),
};
static const NAME(take_function) NAME(take_table)[CI_GRID_KERNEL_MAX_SUPPORT + 1][CI_ISA_COUNT] = {
    TAKE_OF(2),  TAKE_OF(3),  TAKE_OF(4),  TAKE_OF(5),  TAKE_OF(6),
    TAKE_OF(7),  TAKE_OF(8),  TAKE_OF(9),  TAKE_OF(10), TAKE_OF(11),
    TAKE_OF(12), TAKE_OF(13), TAKE_OF(14), TAKE_OF(15), TAKE_OF(16),
};
#undef ADD_OF
#undef TAKE_OF

/* Adds this plane's samples of a strip to its buffer, buckets ascending, global order in
 * each (or, degridding, takes them from it). */
static void NAME(strip_add)(const ci_grid_operator *g, size_t i_strip, int i_plane,
                            const CPLX *values, CPLX *strip)
{
    const ci_grid_kernel *kernel = &g->plan.kernel_uv;
    size_t low, high;
    ci_grid_strip_segments(g, i_strip, i_plane, &low, &high);
    NAME(chunk) chunk;
    for (size_t i = low; i < high; i++) {
        const ci_grid_segment *segment = &g->segment[i];
        for (size_t first = 0; first < segment->n_chan; first += CHUNK) {
            const CPLX *from = values + segment->sample_first + first;
            NAME(prepare_table)[g->isa](g, segment, first, i_plane, &chunk);
            for (size_t s = 0; s < chunk.n; s++)
                chunk.value[s] = chunk.k_w[s] * from[s];
            NAME(add_table)[kernel->support][g->isa](kernel, &chunk, strip, g->plan.n_store);
        }
    }
}

static void NAME(strip_take)(const ci_grid_operator *g, size_t i_strip, int i_plane,
                             const CPLX *strip, CPLX *values)
{
    const ci_grid_kernel *kernel = &g->plan.kernel_uv;
    size_t low, high;
    ci_grid_strip_segments(g, i_strip, i_plane, &low, &high);
    NAME(chunk) chunk;
    for (size_t i = low; i < high; i++) {
        const ci_grid_segment *segment = &g->segment[i];
        for (size_t first = 0; first < segment->n_chan; first += CHUNK) {
            CPLX *to = values + segment->sample_first + first;
            NAME(prepare_table)[g->isa](g, segment, first, i_plane, &chunk);
            NAME(take_table)[kernel->support][g->isa](kernel, &chunk, strip, g->plan.n_store);
            for (size_t s = 0; s < chunk.n; s++)
                to[s] += chunk.k_w[s] * chunk.value[s];
        }
    }
}
