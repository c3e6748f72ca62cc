/* fft: row plans with one result at any rank count (FFTW_ESTIMATE, fixed batch, aligned,
 * last batch padded), good sizes, and distributed transforms of whole arrays. */
#ifndef CONTIMG_FFT_H
#define CONTIMG_FFT_H

#include "contimg/par.h"

/* Smallest 2^a 3^b 5^c 7^d >= n that is a multiple of 4 and no power of two. Local. */
size_t ci_fft_good_size(size_t n);
/* A good size >= n, up to an eighth greater, whose transforms take least time. Local. */
size_t ci_fft_fast_size(size_t n);
/* About how many ns a row of length n takes in single precision; ratios matter. Local. */
double ci_fft_row_ns(size_t n);

/* Complex transforms of many rows of length n, exponent sign -1 or +1, unnormalised, in
 * place; rows are contiguous. Single and double precision. Local. */
typedef struct ci_fft_rows ci_fft_rows;
/* Plans rows of length n. Local. */
CI_MUST_CHECK ci_status ci_fft_rows_new(ci_fft_rows **out, size_t n, int sign, bool is_double);
/* Frees it with all that it owns; NULL is allowed. Local. */
void ci_fft_rows_free(ci_fft_rows *plan);
/* Transforms [n_row][n] in place, a plan of single precision. Local. */
void ci_fft_rows_run32(const ci_fft_rows *plan, ci_c32 *rows, size_t n_row);
/* The same with a plan of double precision. Local. */
void ci_fft_rows_run64(const ci_fft_rows *plan, ci_c64 *rows, size_t n_row);

/* This rank's rows of an image [n_y][n_x], contiguous and in rank order (any split). */
typedef struct ci_fft_slab
{
    size_t n_y, n_x, y_first, n_here;
    float *value; /* [n_here][n_x] */
} ci_fft_slab;
/* Distributed convolution of a real image with a real, symmetric kernel given by its
 * transform: rows are split by FFTW-MPI. The slab's values are changed in place. transfer(u, v) in
 * cycles per pixel. Zero-padded to good sizes by the caller's margin. Collective. */
CI_MUST_CHECK ci_status ci_fft_convolve(ci_comm *comm, const ci_fft_slab *slab,
                                        double (*transfer)(void *context, double u, double v),
                                        void *context);

#endif
