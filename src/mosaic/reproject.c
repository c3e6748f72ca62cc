/* A tile's rows onto the mosaic's: rows exchanged, positions by WCSLIB on a mesh, values by
 * interpolation. Every mosaic pixel is computed by itself, so that it does not matter which
 * rank does it. */
#include "mosaic/internal.h"

#include <math.h>
#include <string.h>

#define TAPS CI_NUM_LANCZOS_TAPS
#define BEFORE (TAPS / 2 - 1) /* taps before the pixel at floor(x) */
#define AFTER (TAPS / 2)
/* Interpolation weights are tabulated at this many fractions and taken linearly between:
 * error 1e-6. */
#define N_FRACTION 1024

/* Positions as near to a pixel are the pixel's, but for rounding: the slope of a beam over so much
 * is 1e-6 of its peak. */
static const double on_pixel = 1e-6;

/* Tile positions of the mosaic's pixels (k h, j h), from row `first` of such nodes. */
typedef struct mesh
{
    size_t step, first, n_y, n_x;
    double *x, *y; /* [n_y][n_x]; NaN where the tile cannot see it */
} mesh;

/* Two SIN projections differ by less than theta^2 per unit of angle: bilinear steps of h
 * pixels err by about h^2 cell / 8 pixels (theta < 1). Kept below 5e-4. */
static size_t mesh_step(double cell_rad)
{
    double step = sqrt(4e-3 / cell_rad);
    return step >= 32 ? 32 : step < 2 ? 1 : (size_t)step;
}

static ci_status mesh_row(const mosaic_job *job, const mosaic_tile *tile, const mesh *m, size_t j,
                          double *scratch)
{
    double *x = scratch, *y = x + m->n_x, *ra = y + m->n_x, *dec = ra + m->n_x;
    for (size_t k = 0; k < m->n_x; k++) {
        x[k] = (double)(k * m->step);
        y[k] = (double)((m->first + j) * m->step);
    }
    CI_TRY(ci_fits_wcs_to_sky(job->wcs, m->n_x, x, y, ra, dec));
    return ci_fits_wcs_to_pixel(tile->wcs, m->n_x, ra, dec, m->x + j * m->n_x, m->y + j * m->n_x);
}

static ci_status mesh_new(const mosaic_job *job, const mosaic_tile *tile, mesh *m)
{
    double cell = job->out.cell_rad;
    *m = (mesh){.step = mesh_step(cell > tile->header.cell_rad ? cell : tile->header.cell_rad)};
    if (job->rows.n == 0) return CI_OK;
    m->first = job->rows.first / m->step;
    m->n_y = (job->rows.first + job->rows.n - 1) / m->step + 2 - m->first;
    m->n_x = (job->out.n_x - 1) / m->step + 2;
    double *scratch = NULL;
    CI_TRY(ci_mem_alloc(&m->x, 2 * m->n_y * m->n_x, sizeof(double), "mesh of positions"));
    m->y = m->x + m->n_y * m->n_x;
    CI_TRY(ci_mem_alloc(&scratch, 4 * m->n_x, sizeof(double), "mesh of positions"));
    ci_status status = CI_OK;
    for (size_t j = 0; j < m->n_y && status == CI_OK; j++)
        status = mesh_row(job, tile, m, j, scratch);
    ci_mem_free(scratch);
    return status;
}

/* The four corners of a cell; false where the tile is not under it. */
static bool mesh_cell(const mesh *m, const ci_fits_header *h, size_t j, size_t k, double x[4],
                      double y[4])
{
    double x_min = INFINITY, x_max = -INFINITY, y_min = INFINITY, y_max = -INFINITY;
    for (size_t c = 0; c < 4; c++) {
        size_t at = (j + c / 2) * m->n_x + k + c % 2;
        x[c] = m->x[at];
        y[c] = m->y[at];
        if (!isfinite(x[c]) || !isfinite(y[c])) return false;
        x_min = fmin(x_min, x[c]);
        x_max = fmax(x_max, x[c]);
        y_min = fmin(y_min, y[c]);
        y_max = fmax(y_max, y[c]);
    }
    return x_max >= 0 && x_min <= (double)h->n_x && y_max >= 0 && y_min <= (double)h->n_y;
}

/* Rows of the tile that this rank's mosaic rows are interpolated from. */
static void rows_needed(const mesh *m, const ci_fits_header *h, size_t *first, size_t *n)
{
    double low = INFINITY, high = -INFINITY, x[4], y[4];
    for (size_t j = 0; j + 1 < m->n_y; j++)
        for (size_t k = 0; k + 1 < m->n_x; k++) {
            if (!mesh_cell(m, h, j, k, x, y)) continue;
            for (int c = 0; c < 4; c++) {
                low = fmin(low, y[c]);
                high = fmax(high, y[c]);
            }
        }
    *first = *n = 0;
    if (low > high) return;
    double from = floor(low) - BEFORE - 1, to = floor(high) + AFTER + 2;
    from = from < 0 ? 0 : from;
    to = to > (double)h->n_y ? (double)h->n_y : to;
    if (to <= from) return;
    *first = (size_t)from;
    *n = (size_t)to - *first;
}

/* ---- exchange ---------------------------------------------------------------------------- */

/* The rows [first, first + n) of the tile for this rank, from the ranks that hold them. */
static ci_status fetch_image(const mosaic_job *job, size_t n_x, const mosaic_slab *slab,
                             mosaic_slab *need)
{
    int n_rank = ci_comm_size(job->comm);
    size_t mine[2] = {need->first, need->n}, *all = NULL, *n_byte = NULL, n_send = 0;
    float *send = NULL;
    ci_status status = ci_par_gather(job->comm, mine, sizeof mine, -1, (void **)&all, NULL);
    if (status != CI_OK) return status;
    status = ci_mem_alloc(&n_byte, 2 * (size_t)n_rank, sizeof *n_byte, "row counts");
    for (int pass = 0; pass < 2 && status == CI_OK; pass++) {
        /* First counted, then copied, rank by rank. */
        if (pass) status = ci_mem_alloc(&send, n_send * n_x, sizeof *send, "rows to send");
        size_t at = 0;
        for (int r = 0; r < n_rank && status == CI_OK; r++) {
            size_t from = all[2 * r] > slab->first ? all[2 * r] : slab->first;
            size_t end_r = all[2 * r] + all[2 * r + 1], end = slab->first + slab->n;
            size_t to = end_r < end ? end_r : end, n = to > from ? to - from : 0;
            if (pass && n)
                memcpy(send + at * n_x, slab->image + (from - slab->first) * n_x,
                       n * n_x * sizeof *send);
            n_byte[r] = n * n_x * sizeof *send;
            at += n;
        }
        n_send = at;
    }
    status = ci_par_agree(job->comm, status);
    if (status == CI_OK)
        status = ci_par_exchange(job->comm, send, n_byte, (void **)&need->image, n_byte + n_rank);
    ci_mem_free(send);
    ci_mem_free(n_byte);
    ci_mem_free(all);
    return status;
}

static ci_status fetch_pb(const mosaic_tile *tile, mosaic_slab *need)
{
    if (need->n == 0) return CI_OK;
    CI_TRY(ci_mem_alloc(&need->pb, need->n * tile->header.n_x, sizeof *need->pb, "primary beam"));
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_fits_reader_open(&reader, tile->pb_path));
    ci_status status = ci_fits_reader_rows(reader, need->first, need->n, need->pb);
    ci_fits_reader_close(reader);
    return status;
}

/* ---- interpolation ------------------------------------------------------------------------- */

static void taps_at(const float *table, double fraction, float taps[TAPS])
{
    double at = fraction * N_FRACTION;
    size_t i = (size_t)at;
    float part = (float)(at - (double)i);
    const float *low = table + i * TAPS, *high = low + TAPS;
    for (int k = 0; k < TAPS; k++)
        taps[k] = low[k] + part * (high[k] - low[k]);
}

static float taps_sum(const float *pixel, size_t n_x, const float tx[TAPS], const float ty[TAPS])
{
    float part[TAPS] = {0}, sum = 0;
    for (int j = 0; j < TAPS; j++, pixel += n_x)
        for (int k = 0; k < TAPS; k++)
            part[k] += ty[j] * pixel[k];
    for (int k = 0; k < TAPS; k++)
        sum += tx[k] * part[k];
    return sum;
}

/* Image and beam at (x, y) of the tile; false where a tap has no value or no pixel, or the beam is
 * below pb_cut, which is most of a tile's corners: the image is not looked at there. */
static bool sample(const mosaic_slab *slab, const ci_fits_header *h, const float *table,
                   const double at[2], float pb_cut, float value[2])
{
    double x_low = floor(at[0]), y_low = floor(at[1]);
    if (!(x_low >= BEFORE && y_low >= BEFORE && x_low + AFTER < (double)h->n_x &&
          y_low + AFTER < (double)h->n_y))
        return false;
    float tx[TAPS], ty[TAPS];
    taps_at(table, at[0] - x_low, tx);
    taps_at(table, at[1] - y_low, ty);
    size_t first = ((size_t)y_low - BEFORE - slab->first) * h->n_x + (size_t)x_low - BEFORE;
    value[1] = taps_sum(slab->pb + first, h->n_x, tx, ty);
    if (!(value[1] >= pb_cut)) return false;
    value[0] = taps_sum(slab->image + first, h->n_x, tx, ty);
    return isfinite(value[0]);
}

typedef struct adder
{
    mosaic_job *job;
    const mosaic_tile *tile;
    const mosaic_slab *slab;
    const mesh *mesh;
    const float *table;
    double inverse_variance;
} adder;

/* Image and beam added to pixel i of the sums. Returns the weight added. */
static inline double add_value(const adder *a, size_t i, float image, float beam)
{
    double pb = (double)beam, w = pb * pb * a->inverse_variance;
    a->job->sum_flux[i] += (float)(pb * (double)image * a->inverse_variance);
    a->job->sum_weight[i] += (float)w;
    return w;
}

/* Whether the pixels of a mesh cell are pixels of the tile: `to` is the tile's at its first. */
static bool is_aligned(const mesh *m, const double cx[4], const double cy[4], int64_t to[2])
{
    double step = (double)m->step, x = rint(cx[0]), y = rint(cy[0]), worst = 0;
    for (size_t c = 0; c < 4; c++) {
        worst = fmax(worst, fabs(cx[c] - x - step * (double)(c % 2)));
        worst = fmax(worst, fabs(cy[c] - y - step * (double)(c / 2)));
    }
    to[0] = (int64_t)x;
    to[1] = (int64_t)y;
    return worst < on_pixel;
}

/* One row of one mesh cell whose pixels are the tile's: nothing is between them to be found. */
static double add_aligned_run(const adder *a, size_t j, size_t k, size_t y, const int64_t to[2])
{
    const mosaic_slab *slab = a->slab;
    size_t step = a->mesh->step, n_x = a->job->out.n_x, n_tile = a->tile->header.n_x;
    int64_t tile_y = to[1] + (int64_t)(y - (a->mesh->first + j) * step);
    float cut = (float)a->job->options.pb_cut;
    double sum = 0;
    if (tile_y < (int64_t)slab->first || tile_y >= (int64_t)(slab->first + slab->n)) return 0;
    const float *image = slab->image + ((size_t)tile_y - slab->first) * n_tile;
    const float *pb = slab->pb + ((size_t)tile_y - slab->first) * n_tile;
    size_t at = (y - a->job->rows.first) * n_x + k * step;
    for (size_t i = 0; i < step && k * step + i < n_x; i++) {
        int64_t x = to[0] + (int64_t)i;
        if (x < 0 || x >= (int64_t)n_tile || !(pb[x] >= cut) || !isfinite(image[x])) continue;
        sum += add_value(a, at + i, image[x], pb[x]);
    }
    return sum;
}

/* One row of one mesh cell. Returns the weight added. */
static double add_run(const adder *a, size_t j, size_t k, size_t y, const double cx[4],
                      const double cy[4])
{
    size_t step = a->mesh->step, n_x = a->job->out.n_x;
    double fy = (double)(y - (a->mesh->first + j) * step) / (double)step, sum = 0;
    size_t first = (y - a->job->rows.first) * n_x + k * step;
    for (size_t i = 0; i < step && k * step + i < n_x; i++) {
        double fx = (double)i / (double)step;
        double x0 = cx[0] + fx * (cx[1] - cx[0]), x1 = cx[2] + fx * (cx[3] - cx[2]);
        double y0 = cy[0] + fx * (cy[1] - cy[0]), y1 = cy[2] + fx * (cy[3] - cy[2]);
        const double at[2] = {x0 + fy * (x1 - x0), y0 + fy * (y1 - y0)};
        float value[2];
        if (!sample(a->slab, &a->tile->header, a->table, at, (float)a->job->options.pb_cut, value))
            continue;
        sum += add_value(a, first + i, value[0], value[1]);
    }
    return sum;
}

static void add_rows(const adder *a, size_t i_tile)
{
    const mosaic_job *job = a->job;
    const mesh *m = a->mesh;
    double cx[4], cy[4];
    for (size_t b = 0; b < job->rows.n_block_here; b++) {
        size_t block = job->rows.block_first + b;
        size_t y0 = ci_mosaic_block_edge(job->out.n_y, job->rows.n_block, block);
        size_t y1 = ci_mosaic_block_edge(job->out.n_y, job->rows.n_block, block + 1);
        double sum = 0;
        for (size_t y = y0; y < y1; y++) {
            size_t j = y / m->step - m->first;
            for (size_t k = 0; k + 1 < m->n_x; k++) {
                int64_t to[2];
                if (!mesh_cell(m, &a->tile->header, j, k, cx, cy)) continue;
                sum += is_aligned(m, cx, cy, to) ? add_aligned_run(a, j, k, y, to)
                                                 : add_run(a, j, k, y, cx, cy);
            }
        }
        job->block_weight[b * job->n_tile + i_tile] = sum;
    }
}

static ci_status table_new(float **table)
{
    CI_TRY(ci_mem_alloc(table, (N_FRACTION + 1) * TAPS, sizeof **table, "interpolation weights"));
    double taps[TAPS];
    for (size_t i = 0; i < N_FRACTION; i++) {
        ci_num_lanczos_taps((double)i / N_FRACTION, taps);
        for (int k = 0; k < TAPS; k++)
            (*table)[i * TAPS + k] = (float)taps[k];
    }
    /* Fraction 1 is the next pixel's fraction 0. */
    (*table)[N_FRACTION * TAPS + BEFORE + 1] = 1;
    return CI_OK;
}

ci_status ci_mosaic_tile_add(mosaic_job *job, size_t i_tile, mosaic_slab *slab)
{
    const mosaic_tile *tile = &job->tile[i_tile];
    mesh m = {0};
    mosaic_slab need = {0};
    float *table = NULL;
    ci_status status = mesh_new(job, tile, &m);
    if (status == CI_OK) status = table_new(&table);
    if (status == CI_OK) rows_needed(&m, &tile->header, &need.first, &need.n);
    status = ci_par_agree(job->comm, status);
    if (status == CI_OK) status = fetch_image(job, tile->header.n_x, slab, &need);
    if (status == CI_OK) {
        ci_mem_free(slab->image);
        slab->image = NULL;
        status = ci_par_agree(job->comm, fetch_pb(tile, &need));
    }
    if (status == CI_OK) {
        adder a = {.job = job,
                   .tile = tile,
                   .slab = &need,
                   .mesh = &m,
                   .table = table,
                   .inverse_variance = 1 / (tile->rms_jy * tile->rms_jy)};
        add_rows(&a, i_tile);
    }
    ci_mem_free(table);
    ci_mem_free(need.image);
    ci_mem_free(need.pb);
    ci_mem_free(m.x);
    return status;
}
