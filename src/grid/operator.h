/* The w-gridder from inside. The way of the numbers:
 *
 *   samples -> (route, once) -> the rank that owns their strip of grid rows
 *   per plane: strips of rows (u slow, v fast) -> FFT along v -> the image's rows only
 *     -> exchange -> FFT along u -> x screens, summed into this rank's rows of the image
 *
 * and backwards for degridding. The image is real, so every sample may be conjugated: to u >= 0, so
 * that only rows from about 0 to n_u / 2 exist, or, with a kernel along w, to w >= 0. A plane is
 * one of two things:
 *
 *   - a w of the kernel along w: a cell is one number (depth 1), a sample meets support_w planes,
 *     the screens are cos and sin of 2 pi w t;
 *   - a pair of terms (terms.h): a cell is two numbers (depth 2), what belongs at (u, v) and, the
 *     other way round, at (-u, -v); a sample meets all planes, the screens are the pair's functions
 *     of t. All planes have the same rows and are done side by side (n_batch).
 *
 * What a number is added to, and in what order, depends on the image, the samples and the accuracy
 * alone, never on ranks. */
#ifndef GRID_OPERATOR_H
#define GRID_OPERATOR_H

#include "contimg/fft.h"
#include "contimg/grid.h"
#include "grid/kernel.h"
#include "grid/terms.h"

enum
{
    CI_GRID_BLOCK_COLUMNS = 64, /* of a strip: samples of a block are gridded together */
    CI_GRID_LINES = 16,         /* rows that are transformed along v together */
    CI_GRID_POSITION_BASE = 32  /* keeps positions positive before they are cut to integers */
};

/* A run of channels of one row whose samples fall into the same strip and first plane.
 * Position in cells at frequency f: slope f - shift, already conjugated to u >= 0 and into the
 * period of the grid. */
typedef struct ci_grid_segment
{
    double slope_u, slope_v, slope_w; /* cells, planes per Hz */
    double shift_u, shift_v;          /* whole periods */
    uint64_t sample_first;            /* first of its samples in the owner's arrays */
    uint32_t freq_first, n_chan;      /* run of freq_hz: of the samples where it is cut, of the
                                       * operator where it is gridded */
    uint32_t i_strip, i_bucket;       /* i_bucket: first plane, or with terms block of columns */
    uint32_t is_conjugate, reserved;
} ci_grid_segment;

/* Where a segment's samples are among those of the rank that has its row. */
typedef struct ci_grid_route
{
    size_t first, n_chan;
} ci_grid_route;

/* A slanted image, of which the image's rows are interpolated (slant.h). */
typedef struct ci_grid_slant
{
    bool is_on;
    double slope;  /* of w along v; what is left of w is w - slope v */
    double v_most; /* wavelengths: greatest |v| */
    size_t n_pad;  /* rows of the slanted image before the first of the image, after its last */
    ci_grid_kernel kernel;       /* along y */
    ci_grid_series correction;   /* 1 / its transform, of v / v_most */
    double error, amplification; /* relative rms errors that it adds, and its growth of others */
} ci_grid_slant;

/* Sizes, kernels and planes: the same on every rank. */
typedef struct ci_grid_plan
{
    bool is_double;
    bool is_flat; /* one plane, no kernel along w */
    bool has_screen;
    size_t n_x, n_y, n_u, n_v; /* image, grid (padded); n_y: of the slanted one, if it is */
    size_t n_y_out;            /* rows of the image that is asked for */
    ci_grid_slant slant;
    double cell_rad;
    ci_grid_kernel kernel_uv, kernel_w;
    double sigma_uv, sigma_w, error; /* as chosen, and the table's promise */
    bool has_terms;
    size_t depth;                   /* numbers of a cell */
    int n_plane, n_bucket, n_batch; /* n_bucket = n_plane - support_w + 1, or blocks of columns */
    double w_first, w_step;         /* wavelengths: plane p is at w_first + p w_step; with terms
                                     * w_step is the greatest |w| */
    double t_mid, t_half;           /* n - 1 lies within t_mid -+ t_half */
    ci_grid_series correction_w;
    ci_grid_series sample_series[CI_GRID_TERMS_MAX_PAIRS][2]; /* even, odd, by plane */
    ci_grid_series pixel_series[CI_GRID_TERMS_MAX_PAIRS][2];
    int32_t row_first;          /* grid row of strip row 0 */
    size_t n_strip, strip_rows; /* grid rows of a strip: at least support - 1 */
    int32_t v_first;            /* grid column (v) of stored column 0 */
    size_t n_store;             /* stored columns */
    bool by_w;      /* samples are conjugated to w >= 0, not to u >= 0: half the planes, twice the
                     * rows */
    double u_shift; /* makes u positive: 0, or half a period where rows of u < 0 exist */
    double max_abs_u, max_abs_v; /* wavelengths */
    double min_w, max_w;         /* of samples conjugated to u >= 0 */
    double min_abs_w, max_abs_w; /* with a slant: of what is left of w */
    int64_t n_sample;
} ci_grid_plan;

/* Neighbouring grid rows: `column` within the rank's rows, `index` in the period of u. */
typedef struct ci_grid_row_run
{
    size_t i_rank, column, index, length;
} ci_grid_row_run;

/* The rows of one plane. Arrays belong to the structure. */
typedef struct ci_grid_row_list
{
    bool with_reach; /* also the rows of the next rank that a rank's last strip reaches into */
    size_t n_run, n_total;
    ci_grid_row_run *run;
    size_t *n_row;       /* [n_rank] */
    size_t *start;       /* [n_rank] of rank's block, in grid rows x image rows here */
    size_t *n_y;         /* [n_rank] image rows */
    size_t *n_grid_side; /* [n_rank] bytes of blocks by grid rank, by image rank */
    size_t *n_image_side;
} ci_grid_row_list;

/* Buffers of the planes: numbers are complex, in the operator's precision. */
typedef struct ci_grid_buffers
{
    ci_grid_row_list *list[2]; /* gridding, degridding */
    size_t stride, stride_v;   /* numbers of a strip's row, of a row in the transform along v */
    size_t n_halo, n_carry;    /* rows of a strip that reach into the next, their numbers */
    size_t n_strip;            /* numbers of a strip, its halo and a vector more */
    void *strip;               /* [n_batch][n_strip] */
    void *first;               /* [n_batch][n_strip] this rank's first, until its halo is here */
    void *carry;               /* [n_batch][n_carry] from the strip before */
    void *line_v;              /* [CI_GRID_LINES][stride_v] */
    void *line_u;              /* [n_u] */
    void *screen;              /* [2][n_x / 2 + 1] real */
    void *row;                 /* [n_x] real: a row of the image, added up */
    double *correction;        /* [n_x / 2 + 1] */
    size_t n_grid_side, n_image_side; /* numbers of a plane */
    void *grid_side, *image_side;     /* [n_batch][...]; the same memory on one rank */
    void *image;                      /* [n_y_here][n_x] real: corrected image (degridding), or
                                       * slanted one */
    void *rows;        /* rows that this rank interpolates from; NULL where they are its own */
    int32_t *tap_cell; /* [n_x / 2 + 1] of a slant */
    void *tap;         /* [support][n_x / 2 + 1] real */
    size_t *n_halo_send, *n_halo_recv; /* bytes, [n_rank] */
} ci_grid_buffers;

struct ci_grid_operator
{
    ci_grid_plan plan;
    const ci_vis_samples *samples; /* borrowed */
    bool divide_by_n;
    ci_isa isa;
    int n_rank, rank;
    size_t y_first, n_y_here;  /* rows of the plan's n_y */
    size_t y_first_out, n_out; /* rows of the image */
    /* strips */
    int64_t *count;      /* [n_strip][n_bucket] samples, of all ranks */
    size_t *strip_start; /* [n_rank + 1] */
    double balance;      /* cost of the strips of the busiest rank over the mean */
    /* what this rank holds as input, in the order of destination ranks */
    size_t n_route, n_routed;
    ci_grid_route *route;
    size_t *n_send, *n_recv; /* [n_rank] samples */
    /* what this rank grids */
    size_t n_segment, n_owned;
    ci_grid_segment *segment; /* sorted by strip and bucket, global order within */
    size_t *bucket_start;     /* [own strips * n_bucket + 1] */
    float *weight;            /* [n_owned] */
    double *freq_hz;          /* the data's channels, then those of segments between them */
    /* image side */
    ci_fft_rows *fft_u[2], *fft_v[2]; /* to image, to grid */
    size_t t_first;                   /* least |y - n_y / 2| of this rank's rows */
    double *t; /* [distinct |y - n_y / 2|][n_x / 2 + 1] n - 1 less its middle; of all rows with a
                * slant */
    double *correction_x, *correction_y; /* by |x - n_x / 2|, |y - n_y / 2| */
    /* Buffers, made when first needed and kept. */
    void *owned, *routed; /* samples to grid [n_owned], [n_routed]; the same on one rank */
    ci_grid_buffers *buffers;
};

/* plan.c: sizes and kernels from what all ranks' rows span. Collective. */
ci_status ci_grid_plan_make(ci_comm *comm, ci_grid_plan *plan, const ci_grid_geometry *geometry,
                            const ci_vis_samples *samples);
/* route.c: cuts rows into segments, splits strips over ranks, moves segments and
 * weights. Collective. */
ci_status ci_grid_route_make(ci_comm *comm, ci_grid_operator *g);
/* plane_rows.c: fills t_first and t. Local. */
ci_status ci_grid_plane_t_make(ci_grid_operator *g);
/* Distance of a pixel from the middle of its axis. Local. */
static inline size_t ci_grid_distance(size_t i, size_t n)
{
    return i >= n / 2 ? i - n / 2 : n / 2 - i;
}
/* share.c: strip_start and balance, from the counts of samples. Local. */
ci_status ci_grid_strips_share(ci_grid_operator *g);
/* Rank that owns a strip. Local. */
int ci_grid_strip_owner(const ci_grid_operator *g, size_t i_strip);
/* Whether a strip has samples in a w plane. Local. */
bool ci_grid_strip_active(const ci_grid_operator *g, size_t i_strip, int i_plane);
/* Rows of a strip that hold data in a w plane: all, those that the strip before reaches into, or
 * none. Local. */
size_t ci_grid_strip_rows(const ci_grid_operator *g, size_t i_strip, int i_plane);

/* Buckets [*low, *high) whose samples meet plane p. Local. */
static inline void ci_grid_plane_buckets(const ci_grid_plan *plan, int i_plane, int *low, int *high)
{
    int support = plan->n_plane - plan->n_bucket + 1;
    *low = !plan->has_terms && i_plane >= support ? i_plane - support + 1 : 0;
    *high = !plan->has_terms && i_plane < plan->n_bucket ? i_plane + 1 : plan->n_bucket;
}

/* A cell position: first tap's cell and the polynomials' argument. Local. */
static inline int32_t ci_grid_cell(double position, double half, double *t)
{
    double x = position - half + CI_GRID_POSITION_BASE;
    int32_t cell = (int32_t)x + 1;
    *t = 2.0 * ((double)cell - x) - 1.0;
    return cell - CI_GRID_POSITION_BASE;
}

/* What the planes do, in one precision (plane32.c, plane64.c). values
 * [n_owned] are samples in the order of the segments. */
typedef struct ci_grid_planes
{
    size_t size; /* bytes of a value */
    /* Samples, in place: conjugated where u (or w) < 0, times weight, times exp(-2 pi i w t_mid);
     * with unit set, as if each were 1. And back: the adjoint without the weight, 0 where it is 0.
     * Local. */
    void (*weight_phase_apply)(const ci_grid_operator *g, bool unit, void *values);
    void (*phase_remove)(const ci_grid_operator *g, void *values);
    /* Samples so prepared to this rank's slab, and its slab to samples. Collective. */
    ci_status (*grid)(ci_comm *comm, ci_grid_operator *g, const void *values, double *slab);
    ci_status (*degrid)(ci_comm *comm, ci_grid_operator *g, const double *slab, void *values);
} ci_grid_planes;
extern const ci_grid_planes ci_grid_planes32, ci_grid_planes64;
/* Those of the operator's precision. Local. */
const ci_grid_planes *ci_grid_planes_of(const ci_grid_operator *g);

#endif
