/* The w-gridder from inside. The way of the numbers:
 *
 *   samples -> (route, once) -> the rank that owns their strip of grid rows
 *   per plane of w: strips of rows (u slow, v fast) -> FFT along v -> the image's rows only
 *     -> exchange -> FFT along u -> x screen, summed into this rank's rows of the image
 *
 * and backwards for degridding. Every sample is turned into the half-plane u >= 0 (the image
 * is real), so only rows from about 0 to n_u / 2 exist. What a number is added to, and in
 * what order, depends on the image, the samples and the accuracy alone, never on ranks. */
#ifndef GRID_OPERATOR_H
#define GRID_OPERATOR_H

#include "contimg/fft.h"
#include "contimg/grid.h"
#include "grid/kernel.h"

enum
{
    CI_GRID_STRIP_ROWS = 16,   /* grid rows of a strip; at least the largest support - 1 */
    CI_GRID_POSITION_BASE = 32 /* keeps positions positive before they are cut to integers */
};

/* A run of channels of one row whose samples fall into the same strip and first plane.
 * Position in cells at frequency f: slope f - shift, already turned to u >= 0 and into the
 * period of the grid. */
typedef struct ci_grid_segment
{
    double slope_u, slope_v, slope_w; /* cells per Hz */
    double shift_u, shift_v;          /* whole periods */
    uint64_t sample_first;            /* first of its samples in the owner's arrays */
    uint32_t freq_first, n_chan;      /* run of freq_hz: of the samples where it is cut, of the
                                       * operator where it is gridded */
    uint32_t i_strip, i_bucket;       /* i_bucket: first plane */
    uint32_t is_conjugate, reserved;
} ci_grid_segment;

/* Where a segment's samples are among those of the rank that has its row. */
typedef struct ci_grid_route
{
    size_t first, n_chan;
} ci_grid_route;

/* Sizes, kernels and planes: the same on every rank. */
typedef struct ci_grid_plan
{
    bool is_double;
    bool is_flat; /* one plane, no kernel along w */
    bool has_screen;
    size_t n_x, n_y, n_u, n_v; /* image, grid (padded) */
    double cell_rad;
    ci_grid_kernel kernel_uv, kernel_w;
    double sigma_uv, sigma_w, error; /* as chosen, and the table's promise */
    int n_plane, n_bucket;           /* n_bucket = n_plane - support_w + 1 */
    double w_first, w_step;          /* wavelengths: plane p is at w_first + p w_step */
    double t_mid, t_half;            /* n - 1 lies within t_mid -+ t_half */
    ci_grid_kernel_series correction_w;
    int32_t row_first; /* grid row of strip row 0 */
    size_t n_strip;
    int32_t v_first;                /* grid column (v) of stored column 0 */
    size_t n_store;                 /* stored columns */
    double max_abs_u, min_w, max_w; /* of the turned samples, wavelengths */
    int64_t n_sample;
} ci_grid_plan;

struct ci_grid_operator
{
    ci_grid_plan plan;
    const ci_vis_samples *samples; /* borrowed */
    bool divide_by_n;
    ci_isa isa;
    int n_rank, rank;
    size_t y_first, n_y_here;
    /* strips */
    int64_t *count;      /* [n_strip][n_bucket] samples, of all ranks */
    size_t *strip_start; /* [n_rank + 1] */
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
    double *t; /* [distinct |y - n_y / 2|][n_x / 2 + 1] n - 1 less its middle */
    double *correction_x, *correction_y; /* by |x - n_x / 2|, |y - n_y / 2| */
};

/* plan.c: sizes and kernels from what all ranks' rows span. Collective. */
ci_status ci_grid_plan_make(ci_comm *comm, ci_grid_plan *plan, const ci_grid_geometry *geometry,
                            const ci_vis_samples *samples);
/* route.c: cuts rows into segments, splits strips over ranks, moves segments and
 * weights. Collective. */
ci_status ci_grid_route_make(ci_comm *comm, ci_grid_operator *g);
/* plane_rows.c: fills t_first and t. Local. */
ci_status ci_grid_plane_t_make(ci_grid_operator *g);
/* Distance of a pixel from the middle of its axis. */
static inline size_t ci_grid_distance(size_t i, size_t n)
{
    return i >= n / 2 ? i - n / 2 : n / 2 - i;
}
/* Rank that owns a strip. */
int ci_grid_strip_owner(const ci_grid_operator *g, size_t i_strip);
/* Does strip b have samples in plane p? And rows of it that hold data: all, those that the
 * strip before reaches into, or none. */
bool ci_grid_strip_active(const ci_grid_operator *g, size_t i_strip, int i_plane);
size_t ci_grid_strip_rows(const ci_grid_operator *g, size_t i_strip, int i_plane);

/* Segments [*low, *high) of this rank's strip i_strip that meet plane p. */
static inline void ci_grid_strip_segments(const ci_grid_operator *g, size_t i_strip, int i_plane,
                                          size_t *low, size_t *high)
{
    int n_bucket = g->plan.n_bucket, support = g->plan.n_plane - n_bucket + 1;
    int first = i_plane - support + 1 > 0 ? i_plane - support + 1 : 0;
    int last = i_plane < n_bucket - 1 ? i_plane : n_bucket - 1;
    const size_t *start = g->bucket_start + (i_strip - g->strip_start[g->rank]) * (size_t)n_bucket;
    *low = start[first];
    *high = start[last + 1];
}

/* A cell position: first tap's cell and the polynomials' argument. */
static inline int32_t ci_grid_cell(double position, double half, double *t)
{
    double x = position - half + CI_GRID_POSITION_BASE;
    int32_t cell = (int32_t)x + 1;
    *t = 2.0 * ((double)cell - x) - 1.0;
    return cell - CI_GRID_POSITION_BASE;
}

/* Samples, in place: conjugated where turned, times weight, times exp(-2 pi i w t_mid); with
 * unit set, as if each were 1. And back: the adjoint without the weight, 0 where it is 0. */
void ci_grid_values_turn32(const ci_grid_operator *g, bool unit, ci_c32 *values);
void ci_grid_values_turn64(const ci_grid_operator *g, bool unit, ci_c64 *values);
void ci_grid_values_turn_back32(const ci_grid_operator *g, ci_c32 *values);
void ci_grid_values_turn_back64(const ci_grid_operator *g, ci_c64 *values);

/* plane32.c and plane64.c: the whole operator in single and in double precision.
 * values [n_owned] are weighted samples turned to u >= 0 (grid), or are set (degrid). */
ci_status ci_grid_plane_grid32(ci_comm *comm, const ci_grid_operator *g, const ci_c32 *values,
                               double *slab);
ci_status ci_grid_plane_grid64(ci_comm *comm, const ci_grid_operator *g, const ci_c64 *values,
                               double *slab);
ci_status ci_grid_plane_degrid32(ci_comm *comm, const ci_grid_operator *g, const double *slab,
                                 ci_c32 *values);
ci_status ci_grid_plane_degrid64(ci_comm *comm, const ci_grid_operator *g, const double *slab,
                                 ci_c64 *values);

#endif
