/* Private to mosaic. Frames: a tile's and the mosaic's pixel axes differ by a rotation (the
 * meridians converge: 6 degrees at declination 75 half an hour off), so a beam's angle is
 * meant relative to the axes of the frame it is named with. */
#ifndef MOSAIC_INTERNAL_H
#define MOSAIC_INTERNAL_H

#include "contimg/mosaic.h"
#include "contimg/num.h"

/* Within this many of its widths a kernel holds all but 3e-4 of its sum: a border of a tile that
 * has no value after it. */
#define MOSAIC_REACH 1.5

typedef struct mosaic_tile
{
    const char *image_path, *pb_path; /* borrowed */
    ci_fits_header header;            /* of the image; owned */
    ci_fits_wcs *wcs;                 /* owned */
    double rotation_rad;              /* angle of its +y axis in the mosaic, north to east */
    ci_num_beam kernel;               /* to the common beam, pixels, tile frame; major 0: none */
    double beam_factor;               /* area of the common beam over the tile's */
    double rms_jy;                    /* empty sky, after the convolution */
    double peak;                      /* greatest value of the beam */
    int64_t i_peak;                   /* its pixel, y n_x + x; -1: none */
} mosaic_tile;

/* Some rows, in blocks that are the same at any rank count. */
typedef struct mosaic_rows
{
    size_t n_block, block_first, n_block_here;
    size_t first, n; /* rows of this rank */
} mosaic_rows;

typedef struct mosaic_job
{
    ci_comm *comm;
    ci_mosaic_options options;
    size_t n_tile;
    mosaic_tile *tile;  /* [n_tile] */
    ci_fits_header out; /* geometry and beam of the mosaic */
    ci_fits_wcs *wcs;
    ci_num_beam common;   /* rad, mosaic frame */
    size_t box;           /* side of a noise box, pixels */
    mosaic_rows rows;     /* of the mosaic */
    float *sum_flux;      /* [rows.n][n_x] sum(PB I / s^2), later S */
    float *sum_weight;    /* [rows.n][n_x] sum(PB^2 / s^2) */
    double *block_weight; /* [rows.n_block_here][n_tile] sums of PB^2 / s^2 */
} mosaic_job;

/* Rows of one tile on this rank, [n][n_x] each. */
typedef struct mosaic_slab
{
    size_t first, n;
    float *image, *pb; /* owned */
} mosaic_slab;

/* Splits n_row rows in blocks of about `box` rows over the ranks. Local. */
mosaic_rows ci_mosaic_rows_split(const ci_comm *comm, size_t n_row, size_t box);
/* First row of block b. Local. */
size_t ci_mosaic_block_edge(size_t n_row, size_t n_block, size_t b);

/* Opens the tiles and checks that they fit together. Local. */
ci_status ci_mosaic_tiles_open(mosaic_job *job, const char *const *image_paths,
                               const char *const *pb_paths);
/* Refuses files that their own checksums call damaged, where they have some: each is read by one
 * rank. Collective. */
ci_status ci_mosaic_tiles_verify(mosaic_job *job);
/* Frees what the tiles own. Local. */
void ci_mosaic_tiles_clear(mosaic_job *job);
/* Refuses two tiles of one observation, by their headers and the peaks of their beams (each rank's
 * before). Collective. */
ci_status ci_mosaic_repeats_check(mosaic_job *job);
/* Centre, cell, size: all of every tile with PB >= cut. Collective. */
ci_status ci_mosaic_geometry_find(mosaic_job *job);
/* Common beam and the kernels to it. Local. */
ci_status ci_mosaic_beam_find(mosaic_job *job);

/* Puts NaN for exact zeros that mean "no value" in the rows of this rank, pixels
 * [rows->n][stride]; CI_ERR_INPUT where rounded values cannot be told from them. Collective. */
ci_status ci_mosaic_zeros_blank(ci_comm *comm, const mosaic_tile *tile, const mosaic_rows *rows,
                                float *pixels, size_t stride);
/* The rows of this rank of tile t, convolved to the common beam; pixels without a value NaN.
 * Measures rms_jy. Collective. */
ci_status ci_mosaic_tile_load(mosaic_job *job, size_t i_tile, mosaic_slab *slab);
/* Median over boxes of the clipped rms of an image whose rows are split by `rows`; NaN where
 * there is no box with a value. Collective. */
ci_status ci_mosaic_noise_measure(ci_comm *comm, const mosaic_rows *rows, size_t n_row, size_t n_x,
                                  size_t box, const float *slab, double *rms);

/* Adds a tile's rows to the sums of this rank. Rows are exchanged. Collective. */
ci_status ci_mosaic_tile_add(mosaic_job *job, size_t i_tile, mosaic_slab *slab);

/* Sums to values, statistics, files. Collective. */
ci_status ci_mosaic_finish(mosaic_job *job, const ci_fits_header *header, const char *prefix,
                           ci_mosaic_stats *stats);

#endif
