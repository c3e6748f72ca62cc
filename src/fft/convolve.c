/* Convolution of a whole, distributed image through FFTW-MPI, in double precision. */
#include "contimg/fft.h"
#include "par/par_private.h"

#include <complex.h>
#include <fftw3-mpi.h>
#include <string.h>

/* Everything about one convolution. FFTW-MPI gives every rank a run of the padded rows
 * before, and of the columns (n_x / 2 + 1 of them) after the forward transform. */
typedef struct convolution
{
    size_t n_y, n_x;         /* image */
    size_t n_py, n_px, n_pc; /* padded rows, columns, complex columns */
    ptrdiff_t n_row, row_first, n_col, col_first;
    double *data; /* rows of 2 n_pc doubles; then [n_col][n_py] complex */
    fftw_plan forward, backward;
} convolution;

static void convolution_clear(convolution *c)
{
    if (c->forward) fftw_destroy_plan(c->forward);
    if (c->backward) fftw_destroy_plan(c->backward);
    ci_mem_free(c->data);
}

static ci_status convolution_plan(ci_comm *comm, convolution *c)
{
    MPI_Comm mpi = ci_comm_mpi(comm);
    ptrdiff_t n_y = (ptrdiff_t)c->n_py, n_c = (ptrdiff_t)c->n_pc, n_x = (ptrdiff_t)c->n_px;
    ptrdiff_t n_alloc = n_y * n_c;
    c->n_row = n_y;
    c->n_col = n_c;
    if (mpi != MPI_COMM_NULL) {
        fftw_mpi_init();
        n_alloc = fftw_mpi_local_size_2d_transposed(n_y, n_c, mpi, &c->n_row, &c->row_first,
                                                    &c->n_col, &c->col_first);
    }
    CI_TRY(ci_par_alloc(comm, &c->data, 2 * (size_t)(n_alloc > 0 ? n_alloc : 1), sizeof *c->data,
                        "convolution of an image"));
    fftw_complex *spectrum = (fftw_complex *)c->data;
    if (mpi != MPI_COMM_NULL) {
        c->forward = fftw_mpi_plan_dft_r2c_2d(n_y, n_x, c->data, spectrum, mpi,
                                              FFTW_ESTIMATE | FFTW_MPI_TRANSPOSED_OUT);
        c->backward = fftw_mpi_plan_dft_c2r_2d(n_y, n_x, spectrum, c->data, mpi,
                                               FFTW_ESTIMATE | FFTW_MPI_TRANSPOSED_IN);
    } else {
        c->forward = fftw_plan_dft_r2c_2d((int)n_y, (int)n_x, c->data, spectrum, FFTW_ESTIMATE);
        c->backward = fftw_plan_dft_c2r_2d((int)n_y, (int)n_x, spectrum, c->data, FFTW_ESTIMATE);
    }
    ci_status status = CI_OK;
    if (!c->forward || !c->backward)
        status = ci_error(CI_ERR_INTERNAL, "FFTW cannot plan a transform of %zu x %zu", c->n_py,
                          c->n_px);
    return ci_par_agree(comm, status);
}

static size_t overlap(size_t first_a, size_t n_a, size_t first_b, size_t n_b, size_t *first)
{
    size_t last = first_a + n_a < first_b + n_b ? first_a + n_a : first_b + n_b;
    *first = first_a > first_b ? first_a : first_b;
    return last > *first ? last - *first : 0;
}

/* Moves rows between the caller's split and FFTW's; `span` [n_rank][4] holds every rank's
 * caller rows and FFTW rows. Rows ascend with rank in both. */
static ci_status move_rows(ci_comm *comm, const convolution *c, const size_t *span, bool to_fftw,
                           const float *send, float *recv)
{
    int n_rank = ci_comm_size(comm), me = ci_comm_rank(comm);
    size_t *n_send = NULL, first;
    ci_status status = ci_mem_alloc(&n_send, 2 * (size_t)n_rank, sizeof *n_send, "row counts");
    CI_AGREE(comm, status);
    const size_t *mine = span + 4 * (size_t)me;
    for (int r = 0; r < n_rank; r++) {
        const size_t *other = span + 4 * (size_t)r;
        size_t out = overlap(mine[0], mine[1], other[2], other[3], &first);
        size_t in = overlap(mine[2], mine[3], other[0], other[1], &first);
        n_send[r] = (to_fftw ? out : in) * c->n_x * sizeof(float);
        n_send[n_rank + r] = (to_fftw ? in : out) * c->n_x * sizeof(float);
    }
    status = ci_par_exchange_into(comm, send, n_send, recv, n_send + n_rank);
    ci_mem_free(n_send);
    return status;
}

static void multiply(convolution *c, double (*transfer)(void *, double, double), void *context,
                     bool is_transposed)
{
    ci_c64 *spectrum = (ci_c64 *)c->data;
    size_t n_slow = is_transposed ? (size_t)c->n_col : c->n_py;
    size_t n_fast = is_transposed ? c->n_py : c->n_pc;
    size_t slow_first = is_transposed ? (size_t)c->col_first : 0;
    double scale = 1.0 / ((double)c->n_py * (double)c->n_px);
    for (size_t i = 0; i < n_slow; i++) {
        for (size_t j = 0; j < n_fast; j++) {
            size_t i_x = is_transposed ? slow_first + i : j, i_y = is_transposed ? j : i;
            double v = (double)i_y - (i_y > c->n_py / 2 ? (double)c->n_py : 0.0);
            spectrum[i * n_fast + j] *=
                scale * transfer(context, (double)i_x / (double)c->n_px, v / (double)c->n_py);
        }
    }
}

/* Rows of the padded array that hold image, of this rank. */
static size_t image_rows(const convolution *c)
{
    size_t first;
    return overlap((size_t)c->row_first, (size_t)c->n_row, 0, c->n_y, &first);
}

static ci_status convolve_moved(ci_comm *comm, convolution *c, const size_t *span, float *slab,
                                float *rows, double (*transfer)(void *, double, double),
                                void *context)
{
    CI_TRY(move_rows(comm, c, span, true, slab, rows));
    size_t n_row = image_rows(c), stride = 2 * c->n_pc;
    for (size_t i = 0; i < n_row; i++)
        for (size_t x = 0; x < c->n_x; x++)
            c->data[i * stride + x] = rows[i * c->n_x + x];
    fftw_execute(c->forward);
    multiply(c, transfer, context, ci_comm_mpi(comm) != MPI_COMM_NULL);
    fftw_execute(c->backward);
    for (size_t i = 0; i < n_row; i++)
        for (size_t x = 0; x < c->n_x; x++)
            rows[i * c->n_x + x] = (float)c->data[i * stride + x];
    return move_rows(comm, c, span, false, rows, slab);
}

ci_status ci_fft_convolve(ci_comm *comm, const ci_fft_slab *slab,
                          double (*transfer)(void *context, double u, double v), void *context)
{
    size_t n_y = slab->n_y, n_x = slab->n_x;
    CI_PAR_EQUAL(comm, "convolution: image size", (double)n_y, (double)n_x);
    convolution c = {.n_y = n_y, .n_x = n_x};
    c.n_py = ci_fft_good_size(n_y);
    c.n_px = ci_fft_good_size(n_x);
    c.n_pc = c.n_px / 2 + 1;
    size_t *span = NULL;
    float *rows = NULL;
    ci_status status = convolution_plan(comm, &c);
    if (status == CI_OK) {
        size_t first, mine[4] = {slab->y_first, slab->n_here, (size_t)c.row_first, 0};
        mine[3] = overlap((size_t)c.row_first, (size_t)c.n_row, 0, n_y, &first);
        status = ci_par_gather(comm, mine, sizeof mine, -1, (void **)&span, NULL);
    }
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_mem_alloc(&rows, image_rows(&c) * n_x, sizeof *rows,
                                                 "convolution of an image"));
    if (status == CI_OK)
        status = convolve_moved(comm, &c, span, slab->value, rows, transfer, context);
    ci_mem_free(rows);
    ci_mem_free(span);
    convolution_clear(&c);
    return status;
}
