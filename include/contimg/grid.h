/* grid: the w-gridder, from samples to an image and back, and images whose rows are distributed
 * over ranks. It knows samples and an image's geometry, nothing else; results have the same bytes
 * at any rank count. */
#ifndef CONTIMG_GRID_H
#define CONTIMG_GRID_H

#include "contimg/par.h"
#include "contimg/vis.h"

/* ---- the operator ---------------------------------------------------------------------- */

/* Geometry of the operator: rows of the image are FITS rows; pixel (x, y) is at
 * l = -(x - n_x/2) cell, m = (y - n_y/2) cell (phase centre at pixel n/2, 0-based). */
typedef struct ci_grid_geometry
{
    size_t n_x, n_y;
    double cell_rad;
    double accuracy;  /* relative rms error asked for, 1e-3 .. 1e-12 */
    bool divide_by_n; /* the image is divided by n = sqrt(1 - l^2 - m^2) */
} ci_grid_geometry;

/* Whether samples are gridded in double precision for an accuracy that is asked for. Local. */
bool ci_grid_is_double(double accuracy);
/* Cost, for who plans it. Bytes of gridding samples that a rank of n_rank has, besides the samples
 * themselves. Local. */
double ci_grid_samples_bytes(double n_row, double n_sample, bool is_double, int n_rank);
/* Bytes of w planes for an image of n_pixel, over all ranks. Local. */
double ci_grid_planes_bytes(double n_pixel, bool is_double);
/* Seconds of one core to grid or degrid n_sample once, about. Local. */
double ci_grid_seconds(double n_sample);

typedef struct ci_grid_operator ci_grid_operator;
/* Plans strips of grid rows, w planes and transforms from the geometry and the uvw range of all
 * samples with weight; moves every weight once to the rank that grids the sample. The samples are
 * borrowed until the operator is freed; their rows and imaging weights must stay as they are.
 * Collective. */
CI_MUST_CHECK ci_status ci_grid_operator_new(ci_comm *comm, ci_grid_operator **out,
                                             const ci_grid_geometry *geometry,
                                             const ci_vis_samples *samples);
/* NULL-safe. Local. */
void ci_grid_operator_free(ci_grid_operator *gridder);
/* Image rows [*y_first, *y_first + *n_y) of this rank. Local. */
void ci_grid_operator_slab(const ci_grid_operator *gridder, size_t *y_first, size_t *n_y);
/* What was planned, for reports and tests. */
typedef struct ci_grid_numbers
{
    int64_t n_sample, n_sample_here;    /* unflagged samples in all; that this rank grids */
    int n_plane, n_strip, n_strip_here; /* w planes, strips of grid rows */
    size_t n_u, n_v;                    /* padded grid */
    int support_uv, support_w;          /* support_w 0: no kernel along w */
    int n_pair;                         /* pairs of terms of w instead, each one w plane; else 0 */
    /* What one way between grid and image moves: rows of the grid that hold data, of all w planes;
     * the columns that are kept of them; bytes of a row's value in one column. */
    int64_t n_row;
    size_t n_column, n_value_byte;
    bool is_double;
    double error;   /* expected relative rms error */
    double balance; /* estimated work of the busiest rank over the mean, 1 where it is even */
} ci_grid_numbers;
/* Local. */
void ci_grid_operator_numbers(const ci_grid_operator *gridder, ci_grid_numbers *out);
/* dirty(l,m) = Re sum weight vis exp(-2 pi i (u l + v m + w (n-1))), not normalised, into
 * this rank's slab [n_y][n_x] (double where accuracy asks for it, hence double here).
 * vis [n_sample] belongs to the samples, as samples->data does. Collective. */
CI_MUST_CHECK ci_status ci_grid_image(ci_comm *comm, ci_grid_operator *gridder, const ci_c32 *vis,
                                      double *slab);
/* The same from vis [n_sample] with all digits. Collective. */
CI_MUST_CHECK ci_status ci_grid_image_double(ci_comm *comm, ci_grid_operator *gridder,
                                             const ci_c64 *vis, double *slab);
/* The adjoint without weights, from this rank's slab [n_y][n_x]: vis [n_sample] = sum image exp(+2
 * pi i (...)); 0 where the weight is. Collective. */
CI_MUST_CHECK ci_status ci_grid_degrid(ci_comm *comm, ci_grid_operator *gridder, const double *slab,
                                       ci_c32 *vis);
/* The same to vis [n_sample] with all digits. Collective. */
CI_MUST_CHECK ci_status ci_grid_degrid_double(ci_comm *comm, ci_grid_operator *gridder,
                                              const double *slab, ci_c64 *vis);
/* PSF of the samples' weights (vis = 1) at the phase centre, into this rank's slab [n_y][n_x].
 * Collective. */
CI_MUST_CHECK ci_status ci_grid_psf(ci_comm *comm, ci_grid_operator *gridder, double *slab);

/* ---- distributed images ------------------------------------------------------------------ */

/* Who holds which image rows: contiguous slabs, ascending with rank. */
typedef struct ci_grid_layout
{
    size_t n_x, n_y, y_first, n_here; /* this rank's rows */
    int n_rank;
    size_t *first_of, *count_of; /* [n_rank] rows of each, owned */
} ci_grid_layout;
/* Of an image [n_y][n_x] of which this rank has rows [y_first, y_first + n_here). Collective. */
CI_MUST_CHECK ci_status ci_grid_layout_new(ci_comm *comm, ci_grid_layout **out, size_t n_x,
                                           size_t n_y, size_t y_first, size_t n_here);
/* NULL-safe. Local. */
void ci_grid_layout_free(ci_grid_layout *layout);

/* n_x x n_y pixels from (x_first, y_first). */
typedef struct ci_grid_rectangle
{
    size_t x_first, y_first, n_x, n_y;
} ci_grid_rectangle;
/* A rectangle of a distributed image (slab [n_here][n_x]), as float [n_y][n_x], on rank `root`
 * (*out NULL elsewhere), -1: on all; must lie inside. *out by ci_mem_free. Collective. */
CI_MUST_CHECK ci_status ci_grid_slab_cut(ci_comm *comm, const ci_grid_layout *layout,
                                         const double *slab, ci_grid_rectangle cut, int root,
                                         float **out);
/* A pixel of a distributed image: y n_x + x, and its value. */
typedef struct ci_grid_pixel
{
    int64_t index;
    double value;
} ci_grid_pixel;
/* All pixels that are not 0 of the whole image, slab [n_here][n_x], ascending by index, on all
 * ranks: *out [*n_out] by ci_mem_free. Collective. */
CI_MUST_CHECK ci_status ci_grid_slab_nonzero(ci_comm *comm, const ci_grid_layout *layout,
                                             const double *slab, ci_grid_pixel **out,
                                             size_t *n_out);
/* Maximum of |value| and of value over the whole image, slab [n_here][n_x]. Collective. */
CI_MUST_CHECK ci_status ci_grid_slab_peak(ci_comm *comm, const ci_grid_layout *layout,
                                          const double *slab, double *max_abs, double *max_value);
/* 1.4826 MAD over the whole image, slab [n_here][n_x], pixels as float, of every second row and
 * column from 1024 x 1024 pixels on: exact order statistics by counting, so no rank needs the
 * others' pixels. NaN pixels are left out. Collective. */
CI_MUST_CHECK ci_status ci_grid_slab_rms(ci_comm *comm, const ci_grid_layout *layout,
                                         const double *slab, double *rms);

#endif
