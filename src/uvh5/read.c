/* Rows of a file into a canonical block: by slabs, each of the three arrays by itself so
 * that each chunk is read once whatever its shape. */
#include "uvh5/uvh5_private.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* From file to block. */
typedef struct reading
{
    const ci_uvh5_file *file;
    ci_vis_block *block;
    int32_t *baseline_map, *time_map; /* the file's -> meta's, -1: not there */
    int32_t *row_baseline, *row_time; /* [n_row of file] in terms of meta */
    int64_t *dest;                    /* [n_row of file] row of the block, -1: not wanted */
    size_t n_wanted;
    size_t row_first, row_end; /* file rows that hold all wanted ones */
    size_t chan_low, n_span;   /* file channels that hold the sub-band */
    size_t *column;            /* [n_chan] offset of a canonical channel within the span */
    bool is_plain_channels;    /* column[i] = i */
    bool is_plain_pols;        /* pol_direct[i] = i */
} reading;

static size_t triangle(const ci_vis_meta *meta, size_t i)
{
    size_t high = (size_t)meta->baseline_ant2[i];
    return high * (high + 1) / 2 + (size_t)meta->baseline_ant1[i];
}

/* The file's baselines and times in terms of `meta`; -1 where meta has none such. Both
 * lists are sorted. */
static void maps_fill(const ci_uvh5_file *file, const ci_vis_meta *meta, int32_t *baseline,
                      int32_t *time)
{
    const ci_vis_meta *own = file->meta;
    for (size_t i = 0, j = 0; i < own->n_baseline; i++) {
        size_t key = triangle(own, i);
        while (j < meta->n_baseline && triangle(meta, j) < key)
            j++;
        baseline[i] = j < meta->n_baseline && triangle(meta, j) == key ? (int32_t)j : -1;
    }
    double tolerance = 0.1 * own->interval_s;
    for (size_t i = 0, j = 0; i < own->n_time; i++) {
        double t = own->time_mjd_s[i];
        while (j + 1 < meta->n_time &&
               fabs(meta->time_mjd_s[j + 1] - t) <= fabs(meta->time_mjd_s[j] - t))
            j++;
        time[i] = fabs(meta->time_mjd_s[j] - t) <= tolerance ? (int32_t)j : -1;
    }
}

/* Stable counting sort: `to` gets the entries of `from` by ascending key[entry]. */
static ci_status sort_pass(const int32_t *key, size_t n_key, const int64_t *from, size_t n,
                           int64_t *to)
{
    size_t *at = NULL;
    CI_TRY(ci_mem_alloc(&at, n_key + 1, sizeof *at, "row order"));
    for (size_t i = 0; i < n; i++)
        at[key[from[i]] + 1]++;
    for (size_t i = 1; i <= n_key; i++)
        at[i] += at[i - 1];
    for (size_t i = 0; i < n; i++)
        to[at[key[from[i]]]++] = from[i];
    ci_mem_free(at);
    return CI_OK;
}

/* Wanted rows in file order into `list`; their baselines and times in terms of meta. */
static size_t rows_choose(reading *r, ci_vis_part part, int64_t *list)
{
    const ci_uvh5_file *file = r->file;
    int64_t low = (int64_t)part.i_baseline_first, high = low + (int64_t)part.n_baseline;
    size_t n = 0;
    for (size_t i = 0; i < file->n_row; i++) {
        int32_t b = r->baseline_map[file->row_baseline[i]], t = r->time_map[file->row_time[i]];
        r->dest[i] = -1;
        r->row_baseline[i] = b;
        r->row_time[i] = t;
        if (b < low || b >= high || t < 0) continue;
        if (n == 0) r->row_first = i;
        r->row_end = i + 1;
        list[n++] = (int64_t)i;
    }
    return n;
}

/* Wanted rows by baseline, then time; where equal, as in the file. */
static ci_status rows_place(reading *r, ci_vis_part part, const ci_vis_meta *meta)
{
    size_t n_row = r->file->n_row;
    int64_t *list = NULL, *sorted = NULL;
    ci_status status = ci_mem_alloc(&list, n_row, sizeof *list, "row order");
    if (status == CI_OK) status = ci_mem_alloc(&sorted, n_row, sizeof *sorted, "row order");
    if (status == CI_OK) {
        r->n_wanted = rows_choose(r, part, list);
        status = sort_pass(r->row_time, meta->n_time, list, r->n_wanted, sorted);
    }
    if (status == CI_OK)
        status = sort_pass(r->row_baseline, meta->n_baseline, sorted, r->n_wanted, list);
    for (size_t i = 0; status == CI_OK && i < r->n_wanted; i++)
        r->dest[list[i]] = (int64_t)i;
    ci_mem_free(sorted);
    ci_mem_free(list);
    return status;
}

static ci_status reading_prepare(reading *r, ci_vis_part part, const ci_vis_meta *meta)
{
    const ci_uvh5_file *file = r->file;
    CI_TRY(ci_mem_alloc(&r->dest, file->n_row, sizeof *r->dest, "row order"));
    CI_TRY(ci_mem_alloc(&r->row_baseline, file->n_row, sizeof(int32_t), "row baselines"));
    CI_TRY(ci_mem_alloc(&r->row_time, file->n_row, sizeof(int32_t), "row times"));
    CI_TRY(ci_mem_alloc(&r->baseline_map, file->meta->n_baseline, sizeof(int32_t), "baselines"));
    CI_TRY(ci_mem_alloc(&r->time_map, file->meta->n_time, sizeof(int32_t), "times"));
    maps_fill(file, meta, r->baseline_map, r->time_map);
    return rows_place(r, part, meta);
}

static void reading_clear(reading *r)
{
    ci_mem_free(r->dest);
    ci_mem_free(r->row_baseline);
    ci_mem_free(r->row_time);
    ci_mem_free(r->baseline_map);
    ci_mem_free(r->time_map);
    ci_mem_free(r->column);
}

static void rows_describe(const reading *r)
{
    const ci_uvh5_file *file = r->file;
    ci_vis_block *block = r->block;
    for (size_t i = r->row_first; i < r->row_end; i++) {
        if (r->dest[i] < 0) continue;
        size_t d = (size_t)r->dest[i];
        double sign = file->row_reversed[i] != 0 ? -1 : 1;
        block->i_baseline[d] = r->row_baseline[i];
        block->i_time[d] = r->row_time[i];
        block->i_phase[d] = file->row_phase[i];
        block->interval_s[d] = file->row_interval[i];
        for (size_t k = 0; k < 3; k++) {
            block->uvw_m[3 * d + k] = sign * file->row_uvw[3 * i + k];
        }
    }
}

/* One row of visibilities: order of channels and polarisations, direction, and the flags
 * that follow from the values. */
static void row_take(const reading *r, const ci_c32 *from, bool is_reversed, ci_c32 *to,
                     uint8_t *flags)
{
    size_t n_chan = r->block->n_chan, n_pol = r->block->n_pol;
    const int *pol = is_reversed ? r->file->pol_reversed : r->file->pol_direct;
    if (r->is_plain_channels && r->is_plain_pols && !is_reversed) {
        memcpy(to, from, n_chan * n_pol * sizeof *to);
    } else {
        for (size_t c = 0; c < n_chan; c++) {
            const ci_c32 *cell = from + r->column[c] * n_pol;
            for (size_t p = 0; p < n_pol; p++)
                to[c * n_pol + p] = cell[pol[p]];
        }
    }
    float *part = (float *)to;
    if (is_reversed) {
        for (size_t i = 0; i < n_chan * n_pol; i++)
            part[2 * i + 1] = -part[2 * i + 1];
    }
    for (size_t i = 0; i < n_chan * n_pol; i++) {
        float re = part[2 * i], im = part[2 * i + 1];
        bool is_finite = re - re == 0 && im - im == 0;
        bool is_zero = re == 0 && im == 0;
        flags[i] = is_finite ? (is_zero ? CI_FLAG_ZERO : 0) : CI_FLAG_NONFINITE;
        part[2 * i] = is_finite ? re : 0;
        part[2 * i + 1] = is_finite ? im : 0;
    }
}

static void take_visibilities(const reading *r, size_t i_row, const void *from)
{
    size_t at = ci_vis_sample(r->block, (size_t)r->dest[i_row], 0, 0);
    row_take(r, from, r->file->row_reversed[i_row] != 0, r->block->data + at, r->block->flags + at);
}

static void take_flags(const reading *r, size_t i_row, const void *from)
{
    const uint8_t *source = from;
    const ci_vis_block *block = r->block;
    const int *pol =
        r->file->row_reversed[i_row] != 0 ? r->file->pol_reversed : r->file->pol_direct;
    uint8_t *to = block->flags + ci_vis_sample(block, (size_t)r->dest[i_row], 0, 0);
    for (size_t c = 0; c < block->n_chan; c++) {
        const uint8_t *cell = source + r->column[c] * block->n_pol;
        for (size_t p = 0; p < block->n_pol; p++) {
            to[c * block->n_pol + p] |= cell[pol[p]] != 0 ? CI_FLAG_FILE : 0;
        }
    }
}

static void take_weights(const reading *r, size_t i_row, const void *from)
{
    const float *source = from;
    const ci_vis_block *block = r->block;
    const int *pol =
        r->file->row_reversed[i_row] != 0 ? r->file->pol_reversed : r->file->pol_direct;
    float *to = block->weight + ci_vis_sample(block, (size_t)r->dest[i_row], 0, 0);
    for (size_t c = 0; c < block->n_chan; c++) {
        const float *cell = source + r->column[c] * block->n_pol;
        for (size_t p = 0; p < block->n_pol; p++) {
            float value = cell[pol[p]];
            to[c * block->n_pol + p] = value > 0 && value < 1e9F ? value : 0;
        }
    }
}

typedef void (*row_taker)(const reading *r, size_t i_row, const void *from);

/* Reads [first, first + n) of the rows into `buffer`, the sub-band's channels only. */
static ci_status slab_get(const reading *r, ci_h5_slab *slab, size_t first, size_t n, void *buffer)
{
    const ci_h5_info *info = ci_h5_slab_info(slab);
    uint64_t start[4] = {first, r->chan_low, 0, 0};
    uint64_t count[4] = {n, r->n_span, r->file->n_pol, 0};
    if (info->rank == 4) {
        /* (row, window, channel, pol): a sub-band lies within one window */
        start[1] = r->chan_low / info->dim[2];
        start[2] = r->chan_low % info->dim[2];
        count[1] = 1;
        count[2] = r->n_span;
        count[3] = r->file->n_pol;
    }
    return ci_h5_slab_read(slab, start, count, buffer);
}

static bool any_wanted(const reading *r, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        if (r->dest[i] >= 0) return true;
    }
    return false;
}

static ci_status dataset_read(const reading *r, const char *name, ci_h5_type type, size_t size,
                              row_taker take)
{
    ci_h5_slab *slab = NULL;
    char *buffer = NULL;
    CI_TRY(ci_h5_slab_open(&slab, r->file->h5, name, type));
    /* Chunks that come as they are stay in the cache until they are spread; the library
     * gains by larger pieces. */
    size_t most = r->file->options.slab_bytes > 0 ? r->file->options.slab_bytes : (size_t)64 << 20;
    size_t wanted = ci_h5_slab_is_direct(slab) ? (size_t)256 << 10 : (size_t)8 << 20;
    size_t n_step = ci_h5_slab_rows(slab, wanted < most ? wanted : most);
    size_t n_all = r->file->n_row, row_byte = r->n_span * r->file->n_pol * size;
    if (n_step > n_all) n_step = n_all;
    ci_status status = ci_mem_alloc(&buffer, n_step, row_byte, "read slab");
    for (size_t first = r->row_first / n_step * n_step; status == CI_OK && first < r->row_end;
         first += n_step) {
        size_t low = first > r->row_first ? first : r->row_first;
        size_t high = first + n_step < r->row_end ? first + n_step : r->row_end;
        if (!any_wanted(r, low, high - low)) continue;
        status = slab_get(r, slab, low, high - low, buffer);
        for (size_t i = low; status == CI_OK && i < high; i++) {
            if (r->dest[i] >= 0) take(r, i, buffer + (i - low) * row_byte);
        }
    }
    ci_mem_free(buffer);
    ci_h5_slab_close(slab);
    return status;
}

static ci_status channels_place(reading *r, size_t i_spw)
{
    const ci_uvh5_file *file = r->file;
    const int32_t *index = file->chan_index + file->chan_first[i_spw];
    size_t n = file->meta->sub_band[i_spw].n_chan, high = 0;
    CI_TRY(ci_mem_alloc(&r->column, n, sizeof *r->column, "channels"));
    r->chan_low = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if ((size_t)index[i] < r->chan_low) r->chan_low = (size_t)index[i];
        if ((size_t)index[i] > high) high = (size_t)index[i];
    }
    r->n_span = high - r->chan_low + 1;
    r->is_plain_channels = r->is_plain_pols = true;
    for (size_t i = 0; i < n; i++) {
        r->column[i] = (size_t)index[i] - r->chan_low;
        if (r->column[i] != i) r->is_plain_channels = false;
    }
    for (size_t i = 0; i < file->n_pol; i++) {
        if (file->pol_direct[i] != (int)i) r->is_plain_pols = false;
    }
    return CI_OK;
}

static ci_status arrays_read(const reading *r)
{
    CI_TRY(dataset_read(r, "Data/visdata", CI_H5_C32, sizeof(ci_c32), take_visibilities));
    CI_TRY(dataset_read(r, "Data/flags", CI_H5_U8, 1, take_flags));
    if (r->file->meta->nsamples_mean_something && r->block->meta->nsamples_mean_something) {
        return dataset_read(r, "Data/nsamples", CI_H5_F32, sizeof(float), take_weights);
    }
    size_t n = r->block->n_row * r->block->n_chan * r->block->n_pol;
    for (size_t i = 0; i < n; i++)
        r->block->weight[i] = 1;
    return CI_OK;
}

ci_status uvh5_read_part(ci_uvh5_file *file, size_t i_spw, ci_vis_part part,
                         const ci_vis_meta *meta, ci_vis_block **out)
{
    reading r = {.file = file};
    *out = NULL;
    if (file->depth == UVH5_LOOK)
        return ci_error(CI_ERR_INTERNAL, "%s: opened for a look only", file->path);
    ci_status status = reading_prepare(&r, part, meta);
    if (status == CI_OK) status = channels_place(&r, i_spw);
    if (status == CI_OK) status = ci_vis_block_new(&r.block, meta, part, r.n_wanted);
    if (status == CI_OK && r.n_wanted > 0) {
        rows_describe(&r);
        status = arrays_read(&r);
    }
    /* A file that moved explains a failed read better than HDF5 does. */
    if (status == CI_OK || status == CI_ERR_INPUT) {
        ci_status moved = uvh5_stamp_check(&file->stamp, file->path);
        if (moved != CI_OK) status = moved;
    }
    reading_clear(&r);
    if (status != CI_OK) {
        ci_vis_block_free(r.block);
        return status;
    }
    *out = r.block;
    return CI_OK;
}

ci_status ci_uvh5_read(ci_uvh5_file *file, ci_vis_part part, const ci_vis_meta *meta,
                       ci_vis_block **out)
{
    size_t i_spw = part.i_sub_band;
    *out = NULL;
    if (meta == NULL) meta = file->meta;
    if (i_spw >= file->meta->n_sub_band) {
        return ci_error(CI_ERR_INTERNAL, "%s: sub-band %zu of %zu asked", file->path, i_spw,
                        file->meta->n_sub_band);
    }
    const ci_vis_sub_band *own = &file->meta->sub_band[i_spw];
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *other = &meta->sub_band[i];
        if (other->n_chan != own->n_chan || other->freq_hz[0] != own->freq_hz[0]) continue;
        part.i_sub_band = i;
        return uvh5_read_part(file, i_spw, part, meta, out);
    }
    return ci_error(CI_ERR_INTERNAL, "%s: its sub-band at %.3f MHz is not in the data set",
                    file->path, own->freq_hz[0] * 1e-6);
}
