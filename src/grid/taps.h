/* The innermost loops of gridding and degridding, as a template: the file that includes this sets
 * REAL, CPLX, NAME(x), COEF and the shuffles below (plane32.c, plane64.c). Vectors are the
 * compiler's own of 32 bytes: every lane does the same +, x as a scalar would, so that all sets
 * give the same bits. A cell is `depth` complex numbers, one vector some cells. All functions are
 * local. */

typedef REAL NAME(vec) __attribute__((vector_size(32)));
/* The same at any address inside an array of numbers. */
typedef REAL NAME(vec_any) __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));

enum
{
    LANES = 32 / sizeof(REAL),
    MAX_VECTORS = 4 * CI_GRID_KERNEL_MAX_SUPPORT / LANES,
    CHUNK = 128 /* samples prepared at a time */
};

/* Samples that are gridded one after the other. */
typedef struct NAME(chunk)
{
    size_t n;
    size_t at[CHUNK];                    /* among the values */
    double u[CHUNK], v[CHUNK], w[CHUNK]; /* cells; planes, or w / w_max */
    int32_t offset[CHUNK];               /* of the first tap in the strip's buffer */
    REAL t_u[CHUNK], t_v[CHUNK];         /* arguments of the kernel's polynomials */
    REAL part[2][CHUNK];                 /* weights of the cell's numbers */
    REAL cell[4 * CHUNK + LANES];        /* [n][depth] complex: to add, or taken */
} NAME(chunk);

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

/* The weights of the taps of vector i of cells: each for all parts of its numbers. */
CI_ISA_INLINE void NAME(spread)(const NAME(vec) * k, const int depth, const int i, NAME(vec) * out)
{
    if (depth == 1)
        *out = i % 2 == 0 ? HALF_LOW(k[i / 2]) : HALF_HIGH(k[i / 2]);
    else if (i % 4 < 2)
        *out = i % 2 == 0 ? QUARTER_0(k[i / 4]) : QUARTER_1(k[i / 4]);
    else
        *out = i % 2 == 0 ? QUARTER_2(k[i / 4]) : QUARTER_3(k[i / 4]);
}

CI_ISA_INLINE void NAME(add)(const ci_grid_kernel *kernel, const int support, const int depth,
                             const NAME(chunk) * chunk, CPLX *strip, size_t stride)
{
    const int n = (2 * depth * support + LANES - 1) / LANES;
    for (size_t s = 0; s < chunk->n; s++) {
        NAME(vec) k_u[CI_GRID_KERNEL_MAX_SUPPORT / LANES], k_v[CI_GRID_KERNEL_MAX_SUPPORT / LANES];
        NAME(vec) row[MAX_VECTORS];
        NAME(taps)(kernel, support, chunk->t_u[s], chunk->t_v[s], k_u, k_v);
        const NAME(vec) cell = *(const NAME(vec_any) *)(chunk->cell + 2 * (size_t)depth * s);
        const NAME(vec) value = depth == 1 ? REPEAT_1(cell) : REPEAT_2(cell);
        UNROLL for (int i = 0; i < n; i++)
        {
            NAME(spread)(k_v, depth, i, &row[i]);
            row[i] *= value;
        }
        REAL *to = (REAL *)(strip + chunk->offset[s]);
        UNROLL for (int j = 0; j < support; j++)
        {
            REAL k = k_u[j / LANES][j % LANES];
            UNROLL for (int i = 0; i < n; i++) * (NAME(vec_any) *)(to + i * LANES) += k * row[i];
            to += 2 * stride;
        }
    }
}

CI_ISA_INLINE void NAME(take)(const ci_grid_kernel *kernel, const int support, const int depth,
                              NAME(chunk) * chunk, const CPLX *strip, size_t stride)
{
    const int n = (2 * depth * support + LANES - 1) / LANES;
    for (size_t s = 0; s < chunk->n; s++) {
        NAME(vec) k_u[CI_GRID_KERNEL_MAX_SUPPORT / LANES], k_v[CI_GRID_KERNEL_MAX_SUPPORT / LANES];
        NAME(vec) sum[MAX_VECTORS] = {{0}}, all = {0};
        NAME(taps)(kernel, support, chunk->t_u[s], chunk->t_v[s], k_u, k_v);
        const REAL *from = (const REAL *)(strip + chunk->offset[s]);
        UNROLL for (int j = 0; j < support; j++)
        {
            REAL k = k_u[j / LANES][j % LANES];
            UNROLL for (int i = 0; i < n; i++) sum[i] +=
                k * *(const NAME(vec_any) *)(from + i * LANES);
            from += 2 * stride;
        }
        UNROLL for (int i = 0; i < n; i++)
        {
            NAME(vec) k;
            NAME(spread)(k_v, depth, i, &k);
            all += sum[i] * k;
        }
        REAL *cell = chunk->cell + 2 * (size_t)depth * s;
        for (int i = 0; i < 2 * depth; i++)
            cell[i] = all[i];
        for (int i = 2 * depth; i < (int)LANES; i++)
            cell[i % (2 * depth)] += all[i];
    }
}

/* One function per support and depth: their loops have constant lengths. */
#define TAPS_OF(W)                                                                                 \
    ADD_OF(1, W)                                                                                   \
    ADD_OF(2, W)                                                                                   \
    TAKE_OF(1, W)                                                                                  \
    TAKE_OF(2, W)
#define ADD_OF(depth, W)                                                                           \
    CI_ISA_INLINE void NAME(add_##depth##_##W)(                                                    \
        const ci_grid_kernel *kernel, const NAME(chunk) * chunk, CPLX * strip, size_t stride)      \
    {                                                                                              \
        NAME(add)(kernel, W, depth, chunk, strip, stride);                                         \
    }                                                                                              \
    CI_ISA_INSTANCES(                                                                              \
        NAME(add_##depth##_##W),                                                                   \
        (const ci_grid_kernel *kernel, const NAME(chunk) * chunk, CPLX * strip, size_t stride),    \
        (kernel, chunk, strip, stride))
#define TAKE_OF(depth, W)                                                                          \
    CI_ISA_INLINE void NAME(take_##depth##_##W)(const ci_grid_kernel *kernel, NAME(chunk) * chunk, \
                                                const CPLX *strip, size_t stride)                  \
    {                                                                                              \
        NAME(take)(kernel, W, depth, chunk, strip, stride);                                        \
    }                                                                                              \
    CI_ISA_INSTANCES(                                                                              \
        NAME(take_##depth##_##W),                                                                  \
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
#undef ADD_OF
#undef TAKE_OF

typedef void (*NAME(add_function))(const ci_grid_kernel *, const NAME(chunk) *, CPLX *, size_t);
typedef void (*NAME(take_function))(const ci_grid_kernel *, NAME(chunk) *, const CPLX *, size_t);
#define ALL_OF(name)                                                                               \
    {                                                                                              \
        NULL, NULL, BY_ISA(name##_2), BY_ISA(name##_3), BY_ISA(name##_4), BY_ISA(name##_5),        \
            BY_ISA(name##_6), BY_ISA(name##_7), BY_ISA(name##_8), BY_ISA(name##_9),                \
            BY_ISA(name##_10), BY_ISA(name##_11), BY_ISA(name##_12), BY_ISA(name##_13),            \
            BY_ISA(name##_14), BY_ISA(name##_15), BY_ISA(name##_16)                                \
    }
#define BY_ISA(name) CI_ISA_TABLE(NAME(name))
/* By depth less one, support and instruction set. */
static const NAME(add_function) *const
    NAME(add_table)[2][CI_GRID_KERNEL_MAX_SUPPORT + 1] = {ALL_OF(add_1), ALL_OF(add_2)};
static const NAME(take_function) *const
    NAME(take_table)[2][CI_GRID_KERNEL_MAX_SUPPORT + 1] = {ALL_OF(take_1), ALL_OF(take_2)};
#undef ALL_OF
#undef BY_ISA
