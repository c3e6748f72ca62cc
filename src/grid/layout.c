/* Images whose rows are distributed: who holds what, cuts, peaks, exact order statistics. */
#include "contimg/grid.h"

#include <math.h>
#include <string.h>

enum
{
    LATTICE_MIN = 1024 /* rows and columns of an image whose every second one tells its rms */
};
static const double mad_to_sigma = 1.482602218505602;

void ci_grid_layout_free(ci_grid_layout *layout)
{
    if (!layout) return;
    ci_mem_free(layout->first_of);
    ci_mem_free(layout->count_of);
    ci_mem_free(layout);
}

static ci_status layout_fill(ci_grid_layout *layout, const int64_t *pair)
{
    size_t next = 0;
    for (int r = 0; r < layout->n_rank; r++) {
        layout->first_of[r] = next;
        layout->count_of[r] = (size_t)pair[2 * r + 1];
        if (layout->count_of[r] > 0 && (size_t)pair[2 * r] != next)
            return ci_error(CI_ERR_INTERNAL, "image slabs do not ascend with rank");
        next += layout->count_of[r];
    }
    if (next != layout->n_y)
        return ci_error(CI_ERR_INTERNAL, "image slabs hold %zu of %zu rows", next, layout->n_y);
    layout->y_first = layout->first_of[0];
    return CI_OK;
}

ci_status ci_grid_layout_new(ci_comm *comm, ci_grid_layout **out, size_t n_x, size_t n_y,
                             size_t y_first, size_t n_here)
{
    *out = NULL;
    int n_rank = ci_comm_size(comm);
    int64_t here[2] = {(int64_t)y_first, (int64_t)n_here}, *pair = NULL;
    CI_PAR_EQUAL(comm, "image layout: size", (double)n_x, (double)n_y);
    CI_TRY(ci_par_gather(comm, here, sizeof here, -1, (void **)&pair, NULL));
    ci_grid_layout *l = NULL;
    ci_status status = ci_mem_alloc(&l, 1, sizeof *l, "image layout");
    if (status == CI_OK) {
        *l = (ci_grid_layout){.n_x = n_x, .n_y = n_y, .n_here = n_here, .n_rank = n_rank};
        status = ci_mem_alloc(&l->first_of, (size_t)n_rank, sizeof(size_t), "image layout");
    }
    if (status == CI_OK)
        status = ci_mem_alloc(&l->count_of, (size_t)n_rank, sizeof(size_t), "image layout");
    if (status == CI_OK) status = layout_fill(l, pair);
    ci_mem_free(pair);
    status = ci_par_agree(comm, status);
    if (status != CI_OK) {
        ci_grid_layout_free(l);
        return status;
    }
    l->y_first = l->first_of[ci_comm_rank(comm)];
    *out = l;
    return CI_OK;
}

ci_status ci_grid_slab_cut(ci_comm *comm, const ci_grid_layout *l, const double *slab,
                           ci_grid_rectangle cut, int root, float **out)
{
    size_t n_x = cut.n_x;
    *out = NULL;
    CI_PAR_EQUAL(comm, "image cut: rectangle or root", (double)cut.x_first, (double)cut.y_first,
                 (double)n_x, (double)cut.n_y, root);
    size_t from = l->y_first > cut.y_first ? l->y_first : cut.y_first;
    size_t here_end = l->y_first + l->n_here, cut_end = cut.y_first + cut.n_y;
    size_t to = here_end < cut_end ? here_end : cut_end;
    size_t n_row = to > from ? to - from : 0;
    float *part = NULL;
    CI_TRY(ci_par_alloc(comm, &part, n_row * n_x, sizeof *part, "image cut"));
    for (size_t i = 0; i < n_row; i++) {
        const double *row = slab + (from + i - l->y_first) * l->n_x + cut.x_first;
        for (size_t x = 0; x < n_x; x++)
            part[i * n_x + x] = (float)row[x];
    }
    ci_status status =
        ci_par_gather(comm, part, n_row * n_x * sizeof *part, root, (void **)out, NULL);
    ci_mem_free(part);
    return status;
}

ci_status ci_grid_slab_nonzero(ci_comm *comm, const ci_grid_layout *l, const double *slab,
                               ci_grid_pixel **out, size_t *n_out)
{
    size_t n_pixel = l->n_here * l->n_x, n = 0, n_byte = 0;
    int64_t first = (int64_t)(l->y_first * l->n_x);
    ci_grid_pixel *here = NULL;
    *out = NULL;
    *n_out = 0;
    for (size_t i = 0; i < n_pixel; i++)
        n += slab[i] != 0;
    CI_TRY(ci_par_alloc(comm, &here, n, sizeof *here, "pixels that are not 0"));
    n = 0;
    for (size_t i = 0; i < n_pixel; i++)
        if (slab[i] != 0) here[n++] = (ci_grid_pixel){first + (int64_t)i, slab[i]};
    ci_status status = ci_par_gather(comm, here, n * sizeof *here, -1, (void **)out, &n_byte);
    ci_mem_free(here);
    *n_out = n_byte / sizeof **out;
    return status;
}

ci_status ci_grid_slab_peak(ci_comm *comm, const ci_grid_layout *l, const double *slab,
                            double *max_abs, double *max_value)
{
    double best[2] = {0, -1e300};
    for (size_t i = 0; i < l->n_here * l->n_x; i++) {
        if (fabs(slab[i]) > best[0]) best[0] = fabs(slab[i]);
        if (slab[i] > best[1]) best[1] = slab[i];
    }
    CI_TRY(ci_par_max_double(comm, best, 2));
    if (max_abs) *max_abs = best[0];
    if (max_value) *max_value = best[1];
    return CI_OK;
}

/* ---- exact order statistics by counting ----------------------------------------------- */

/* Unsigned keys in the order of the floats. */
static uint32_t float_key(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float key_float(uint32_t key)
{
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Key of the element of rank `order` (from 0) among all ranks' keys: three digits of 11, 11
 * and 10 bits, counted one after the other. */
static ci_status key_select(ci_comm *comm, const uint32_t *keys, size_t n, int64_t order,
                            uint32_t *out)
{
    static const int shifts[3] = {21, 10, 0}, widths[3] = {11, 11, 10};
    uint32_t prefix = 0;
    for (int k = 0; k < 3; k++) {
        int64_t count[2048] = {0};
        uint32_t n_bin = 1u << widths[k];
        for (size_t i = 0; i < n; i++)
            if (k == 0 || keys[i] >> shifts[k - 1] == prefix)
                count[(keys[i] >> shifts[k]) & (n_bin - 1)]++;
        CI_TRY(ci_par_sum_int(comm, count, n_bin));
        uint32_t bin = 0;
        while (bin + 1 < n_bin && order >= count[bin])
            order -= count[bin++];
        prefix = prefix << widths[k] | bin;
    }
    *out = prefix;
    return CI_OK;
}

/* The mean of the two keys in the middle of all ranks'. */
static ci_status key_median(ci_comm *comm, const uint32_t *keys, size_t n, int64_t n_all,
                            double *out)
{
    uint32_t low, high;
    CI_TRY(key_select(comm, keys, n, (n_all - 1) / 2, &low));
    /* The other one is equal, or the least above. */
    int64_t next[2] = {0, INT64_MIN}; /* how many up to low; minus the least above */
    for (size_t i = 0; i < n; i++)
        if (keys[i] <= low)
            next[0]++;
        else if (-(int64_t)keys[i] > next[1])
            next[1] = -(int64_t)keys[i];
    CI_TRY(ci_par_sum_int(comm, next, 1));
    CI_TRY(ci_par_max_int(comm, next + 1, 1));
    high = next[0] > n_all / 2 ? low : (uint32_t)-next[1];
    *out = 0.5 * ((double)key_float(low) + (double)key_float(high));
    return CI_OK;
}

/* Pixels of every second row and column where the image is large: neighbours share a beam. */
static size_t keys_fill(const ci_grid_layout *l, const double *slab, uint32_t *keys)
{
    size_t n = 0, step = l->n_x >= LATTICE_MIN && l->n_y >= LATTICE_MIN ? 2 : 1;
    for (size_t y = 0; y < l->n_here; y++) {
        if ((l->y_first + y) % step != 0) continue;
        for (size_t x = 0; x < l->n_x; x += step) {
            double value = slab[y * l->n_x + x];
            if (!isnan(value)) keys[n++] = float_key((float)value);
        }
    }
    return n;
}

ci_status ci_grid_slab_rms(ci_comm *comm, const ci_grid_layout *l, const double *slab, double *rms)
{
    uint32_t *keys = NULL;
    *rms = NAN;
    CI_TRY(ci_par_alloc(comm, &keys, l->n_here * l->n_x, sizeof *keys, "order statistics"));
    size_t n = keys_fill(l, slab, keys);
    int64_t n_all = (int64_t)n;
    double median = 0, mad = NAN;
    ci_status status = ci_par_sum_int(comm, &n_all, 1);
    if (status == CI_OK && n_all > 0) {
        status = key_median(comm, keys, n, n_all, &median);
        for (size_t i = 0; i < n; i++)
            keys[i] = float_key((float)fabs((double)key_float(keys[i]) - median));
        if (status == CI_OK) status = key_median(comm, keys, n, n_all, &mad);
        *rms = mad_to_sigma * mad;
    }
    ci_mem_free(keys);
    return status;
}
