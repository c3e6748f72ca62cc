/* A tile's rows: read, convolved to the common beam, its noise measured. */
#include "mosaic/internal.h"

#include "contimg/fft.h"

#include <math.h>
#include <string.h>

/* A kernel has fallen to 1e-11 at this many of its widths. */
#define REACH_ZERO 3.0

/* Padded image of a tile: the margin keeps the two ends apart that the transform joins. */
typedef struct padded
{
    size_t n_y, n_x, margin, n; /* n: rows of this rank, the last rank's margin among them */
    float *rows;                /* [n][n_x + margin] */
    float *mask;                /* the same; 1 where there is no value, or NULL */
} padded;

static ci_status read_rows(const mosaic_tile *tile, const mosaic_rows *rows, padded *p,
                           bool *marks_blanks)
{
    size_t stride = p->n_x + p->margin;
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_mem_alloc(&p->rows, p->n * stride, sizeof *p->rows, "rows of a tile"));
    CI_TRY(ci_fits_reader_open(&reader, tile->image_path));
    ci_status status = CI_OK;
    for (size_t i = 0; i < rows->n && status == CI_OK; i++) {
        float *row = p->rows + i * stride;
        status = ci_fits_reader_rows(reader, rows->first + i, 1, row);
    }
    *marks_blanks = ci_fits_reader_has_blank(reader);
    ci_fits_reader_close(reader);
    return status;
}

static int64_t count_nan(const padded *p, size_t n_row)
{
    int64_t n = 0;
    for (size_t i = 0; i < n_row; i++)
        for (size_t x = 0; x < p->n_x; x++)
            n += !isfinite(p->rows[i * (p->n_x + p->margin) + x]);
    return n;
}

/* Pixels without a value count 0 in the convolution; where such pixels have a noticeable
 * part in a sum, the sum has no value either. */
static ci_status mask_rows(padded *p, const mosaic_rows *rows)
{
    size_t stride = p->n_x + p->margin;
    CI_TRY(ci_mem_alloc(&p->mask, p->n * stride, sizeof *p->mask, "mask of a tile"));
    for (size_t i = 0; i < rows->n; i++)
        for (size_t x = 0; x < p->n_x; x++)
            if (!isfinite(p->rows[i * stride + x])) {
                p->rows[i * stride + x] = 0;
                p->mask[i * stride + x] = 1;
            }
    return CI_OK;
}

static ci_status convolve(mosaic_job *job, const mosaic_tile *tile, const mosaic_rows *rows,
                          padded *p)
{
    ci_num_beam_gauss g = ci_num_beam_gauss_of(tile->kernel, tile->beam_factor);
    size_t n_y = p->n_y + p->margin, n_x = p->n_x + p->margin;
    CI_TRY(ci_fft_convolve(job->comm, &(ci_fft_slab){n_y, n_x, rows->first, p->n, p->rows},
                           ci_num_beam_gauss_transfer, &g));
    if (!p->mask) return CI_OK;
    g.factor = 1;
    return ci_fft_convolve(job->comm, &(ci_fft_slab){n_y, n_x, rows->first, p->n, p->mask},
                           ci_num_beam_gauss_transfer, &g);
}

/* Takes the margin off, in place, and puts NaN where there is no value: a border of which a
 * part of the kernel hangs over, and around pixels without a value. */
static void trim(padded *p, const mosaic_rows *rows, size_t border)
{
    size_t stride = p->n_x + p->margin;
    for (size_t i = 0; i < rows->n; i++) {
        size_t y = rows->first + i;
        bool is_border = y < border || y + border >= p->n_y;
        float *from = p->rows + i * stride, *to = p->rows + i * p->n_x;
        const float *mask = p->mask ? p->mask + i * stride : NULL;
        memmove(to, from, p->n_x * sizeof *to);
        for (size_t x = 0; x < p->n_x; x++)
            if (is_border || x < border || x + border >= p->n_x || (mask && mask[x] > 1e-3f))
                to[x] = NAN;
    }
}

static ci_status load_rows(mosaic_job *job, const mosaic_tile *tile, const mosaic_rows *rows,
                           padded *p)
{
    bool has_kernel = tile->kernel.major > 0, marks_blanks = false;
    CI_AGREE(job->comm, read_rows(tile, rows, p, &marks_blanks));
    if (!marks_blanks)
        CI_TRY(ci_mosaic_zeros_blank(job->comm, tile, rows, p->rows, p->n_x + p->margin));
    int64_t n_nan = count_nan(p, rows->n);
    CI_TRY(ci_par_sum_int(job->comm, &n_nan, 1));
    if (has_kernel && n_nan) CI_AGREE(job->comm, mask_rows(p, rows));
    if (has_kernel) CI_TRY(convolve(job, tile, rows, p));
    trim(p, rows, has_kernel ? (size_t)ceil(MOSAIC_REACH * tile->kernel.major) : 0);
    return CI_OK;
}

ci_status ci_mosaic_tile_load(mosaic_job *job, size_t i_tile, mosaic_slab *slab)
{
    mosaic_tile *tile = &job->tile[i_tile];
    mosaic_rows rows = ci_mosaic_rows_split(job->comm, tile->header.n_y, job->box);
    padded p = {.n_y = tile->header.n_y, .n_x = tile->header.n_x, .n = rows.n};
    if (tile->kernel.major > 0) p.margin = (size_t)ceil(REACH_ZERO * tile->kernel.major);
    if (ci_comm_rank(job->comm) == ci_comm_size(job->comm) - 1) p.n += p.margin;
    ci_status status = load_rows(job, tile, &rows, &p);
    ci_mem_free(p.mask);
    *slab = (mosaic_slab){.first = rows.first, .n = rows.n, .image = p.rows};
    if (status != CI_OK) return status;
    CI_TRY(
        ci_mosaic_noise_measure(job->comm, &rows, p.n_y, p.n_x, job->box, p.rows, &tile->rms_jy));
    if (!(tile->rms_jy > 0))
        return ci_error(CI_ERR_INPUT,
                        "%s: noise: %g: no empty sky to measure it in (blank or constant image)",
                        tile->image_path, tile->rms_jy);
    return CI_OK;
}

/* ---- noise ------------------------------------------------------------------------------ */

static ci_status box_values(const mosaic_rows *rows, size_t n_row, size_t n_x, size_t box,
                            const float *slab, float *sigma)
{
    size_t n_box = n_x / box ? n_x / box : 1;
    size_t largest = (n_row / rows->n_block + 1) * (n_x / n_box + 1);
    float *values = NULL;
    CI_TRY(ci_mem_alloc(&values, 2 * largest, sizeof *values, "noise of an image"));
    for (size_t b = 0; b < rows->n_block_here; b++)
        for (size_t k = 0; k < n_box; k++) {
            size_t y0 = ci_mosaic_block_edge(n_row, rows->n_block, rows->block_first + b);
            size_t y1 = ci_mosaic_block_edge(n_row, rows->n_block, rows->block_first + b + 1);
            size_t x0 = n_x * k / n_box, x1 = n_x * (k + 1) / n_box, n = 0;
            for (size_t y = y0; y < y1; y++)
                for (size_t x = x0; x < x1; x++) {
                    float v = slab[(y - rows->first) * n_x + x];
                    if (isfinite(v)) values[n++] = v;
                }
            float centre, s = NAN;
            if (4 * n >= (y1 - y0) * (x1 - x0))
                ci_num_clipped_float(values, values + largest, n, &centre, &s);
            sigma[b * n_box + k] = s;
        }
    ci_mem_free(values);
    return CI_OK;
}

/* Each box is clipped by itself, so sources do not count; the median over boxes leaves out
 * those that a bright source's sidelobes fill. */
ci_status ci_mosaic_noise_measure(ci_comm *comm, const mosaic_rows *rows, size_t n_row, size_t n_x,
                                  size_t box, const float *slab, double *rms)
{
    size_t n_box = n_x / box ? n_x / box : 1, n_here = rows->n_block_here * n_box, n_byte = 0;
    float *here = NULL, *all = NULL;
    ci_status status = ci_mem_alloc(&here, n_here, sizeof *here, "noise of an image");
    if (status == CI_OK) status = box_values(rows, n_row, n_x, box, slab, here);
    status = ci_par_agree(comm, status);
    if (status == CI_OK)
        status = ci_par_gather(comm, here, n_here * sizeof *here, -1, (void **)&all, &n_byte);
    if (status == CI_OK) *rms = ci_num_median_float(all, n_byte / sizeof *all);
    ci_mem_free(all);
    ci_mem_free(here);
    return status;
}
