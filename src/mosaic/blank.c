/* Exact zeros of a tile that mean "no value". Some programs write 0 where an image has none; noise
 * is never 0 but by chance, one pixel in 1e7 of floats, but where the image was rounded to steps:
 * then its least values stand beside 0 as often as 0 does. Of floats all zeros are blanks; of
 * rounded values those in lines of three and beside them are, where lines do not come by chance. */
#include "mosaic/internal.h"

#include <math.h>
#include <string.h>

#define HALO 2

/* Zeros that chance gives floats. */
static const double chance_zeros = 1e-6;
/* Of zeros that come of rounding, the least number of values that are a step from 0. */
static const double step_share = 0.25, same_step = 1e-5;
/* Single zeros among the values: more of them come of rounding, and then lines come by chance. */
static const double rounded_share = 1e-3, chance_share = 0.05;

typedef struct zeros
{
    size_t n_x, n;    /* rows of this rank */
    uint8_t *zero;    /* [n + 2 HALO][n_x] */
    uint8_t *core;    /* the same: the middle of three zeros in a line */
    int64_t count[6]; /* values, single zeros, cores, zeros, least values of image, of rows */
} zeros;

static void mark_row(zeros *z, size_t i, const float *row)
{
    for (size_t x = 0; x < z->n_x; x++)
        z->zero[i * z->n_x + x] = row[x] == 0;
}

/* The rows of other ranks beside this one's, from the file. */
static ci_status mark_halo(const mosaic_tile *tile, const mosaic_rows *rows, zeros *z)
{
    ci_fits_reader *reader = NULL;
    float *row = NULL;
    CI_TRY(ci_mem_alloc(&row, z->n_x, sizeof *row, "row of a tile"));
    ci_status status = ci_fits_reader_open(&reader, tile->image_path);
    for (size_t i = 0; i < z->n + 2 * HALO && status == CI_OK; i++) {
        size_t y = rows->first + i; /* HALO too high */
        bool is_own = i >= HALO && i < z->n + HALO;
        if (is_own || y < HALO || y - HALO >= tile->header.n_y) continue;
        status = ci_fits_reader_rows(reader, y - HALO, 1, row);
        if (status == CI_OK) mark_row(z, i, row);
    }
    ci_fits_reader_close(reader);
    ci_mem_free(row);
    return status;
}

static bool is_zero(const zeros *z, size_t i, size_t x, int di, int dx)
{
    if ((dx < 0 && x == 0) || (dx > 0 && x + 1 == z->n_x)) return false;
    return z->zero[(size_t)((ptrdiff_t)i + di) * z->n_x + (size_t)((ptrdiff_t)x + dx)] != 0;
}

static void mark_cores(zeros *z)
{
    static const int way[4][2] = {{0, 1}, {1, 0}, {1, 1}, {1, -1}};
    for (size_t i = 1; i + 1 < z->n + 2 * HALO; i++)
        for (size_t x = 0; x < z->n_x; x++)
            for (int k = 0; k < 4 && z->zero[i * z->n_x + x]; k++)
                if (is_zero(z, i, x, way[k][0], way[k][1]) &&
                    is_zero(z, i, x, -way[k][0], -way[k][1]))
                    z->core[i * z->n_x + x] = 1;
}

/* Zeros, or cores, in the square of nine about a pixel. */
static int count_near(const zeros *z, const uint8_t *map, size_t i, size_t x)
{
    size_t low = x > 0 ? x - 1 : 0, high = x + 1 < z->n_x ? x + 1 : x;
    int n = 0;
    for (size_t j = i - 1; j <= i + 1; j++)
        for (size_t k = low; k <= high; k++)
            n += map[j * z->n_x + k];
    return n;
}

static ci_status zeros_find(const mosaic_tile *tile, const mosaic_rows *rows, const float *pixels,
                            size_t stride, zeros *z)
{
    size_t n_row = z->n + 2 * HALO;
    CI_TRY(ci_mem_alloc(&z->zero, n_row * z->n_x, 1, "zeros of a tile"));
    CI_TRY(ci_mem_alloc(&z->core, n_row * z->n_x, 1, "zeros of a tile"));
    for (size_t i = 0; i < z->n; i++)
        mark_row(z, i + HALO, pixels + i * stride);
    if (z->n > 0) CI_TRY(mark_halo(tile, rows, z));
    mark_cores(z);
    for (size_t i = 0; i < z->n; i++)
        for (size_t x = 0; x < z->n_x; x++) {
            size_t at = (i + HALO) * z->n_x + x;
            z->count[0] += pixels[i * stride + x] != 0 && isfinite(pixels[i * stride + x]);
            z->count[1] += z->zero[at] && count_near(z, z->zero, i + HALO, x) == 1;
            z->count[2] += z->core[at];
            z->count[3] += z->zero[at];
        }
    return CI_OK;
}

static int64_t count_of_size(const float *row, size_t n, double size)
{
    int64_t count = 0;
    for (size_t x = 0; x < n; x++)
        count += fabs(fabs((double)row[x]) - size) <= same_step * size;
    return count;
}

static double least_of(const float *row, size_t n)
{
    double least = INFINITY;
    for (size_t x = 0; x < n; x++)
        if (row[x] != 0) least = fmin(least, fabs((double)row[x]));
    return least;
}

/* Values that are a step from 0, in the image and, beyond the first, in rows. Collective. */
static ci_status counts_sum(ci_comm *comm, const float *pixels, size_t stride, zeros *z)
{
    double least = INFINITY;
    for (size_t i = 0; i < z->n; i++)
        least = fmin(least, least_of(pixels + i * stride, z->n_x));
    CI_TRY(ci_par_min_double(comm, &least, 1));
    for (size_t i = 0; i < z->n && isfinite(least); i++) {
        const float *row = pixels + i * stride;
        int64_t n = count_of_size(row, z->n_x, least_of(row, z->n_x));
        z->count[4] += count_of_size(row, z->n_x, least);
        z->count[5] += n > 1 ? n - 1 : 0;
    }
    return ci_par_sum_int(comm, z->count, 6);
}

typedef enum meaning
{
    SKY,
    LINES_BLANK,
    ALL_BLANK
} meaning;

/* What zeros mean; a fault where that cannot be told. */
static ci_status judge(const mosaic_tile *tile, const int64_t count[6], meaning *out)
{
    double n_value = (double)count[0], n_single = (double)count[1], n_core = (double)count[2];
    double n_zero = (double)count[3], n_step = (double)(count[4] > count[5] ? count[4] : count[5]);
    bool is_rounded = n_step >= fmax(2, step_share * n_single);
    *out = SKY;
    if (!is_rounded && n_zero > 1 + chance_zeros * n_value)
        *out = ALL_BLANK;
    else if (is_rounded && n_core > 0 && n_single <= rounded_share * n_value)
        *out = LINES_BLANK;
    if (*out != SKY || n_core <= chance_share * n_single) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: exact zeros: %.0f in lines and areas and %.0f single ones of %.0f values: "
                    "whether they are blank or rounded values cannot be told: write blank pixels "
                    "as NaN (BLANK in integers)",
                    tile->image_path, n_core, n_single, n_value + n_single);
}

static int64_t blank(const zeros *z, bool all, float *pixels, size_t stride)
{
    int64_t n = 0;
    for (size_t i = 0; i < z->n; i++)
        for (size_t x = 0; x < z->n_x; x++)
            if (z->zero[(i + HALO) * z->n_x + x] &&
                (all || count_near(z, z->core, i + HALO, x) > 0)) {
                pixels[i * stride + x] = NAN;
                n++;
            }
    return n;
}

ci_status ci_mosaic_zeros_blank(ci_comm *comm, const mosaic_tile *tile, const mosaic_rows *rows,
                                float *pixels, size_t stride)
{
    zeros z = {.n_x = tile->header.n_x, .n = rows->n};
    meaning what = SKY;
    int64_t n_blank = 0;
    ci_status status = ci_par_agree(comm, zeros_find(tile, rows, pixels, stride, &z));
    if (status == CI_OK) status = counts_sum(comm, pixels, stride, &z);
    if (status == CI_OK) status = judge(tile, z.count, &what);
    if (status == CI_OK && what != SKY) {
        n_blank = blank(&z, what == ALL_BLANK, pixels, stride);
        status = ci_par_sum_int(comm, &n_blank, 1);
    }
    if (status == CI_OK && n_blank > 0 && ci_comm_rank(comm) == 0)
        ci_log_warning("%s: %lld pixels (%.3g %%) are exact zeros%s: taken as blank",
                       tile->image_path, (long long)n_blank,
                       100 * (double)n_blank / ((double)z.n_x * (double)tile->header.n_y),
                       what == ALL_BLANK ? ", which noise is not" : " in lines and areas");
    ci_mem_free(z.zero);
    ci_mem_free(z.core);
    return status;
}
