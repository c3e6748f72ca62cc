/* Rows of a file into a canonical block: some at once, each of the three arrays by itself so
 * that each chunk is read once whatever its shape. */
#include "contimg/num.h"
#include "uvh5/spread.h"

#include <math.h>

/* The file's baselines and times in terms of `meta`; -1 where meta has none such. Both
 * lists are sorted. */
static void maps_fill(const ci_uvh5_file *file, const ci_vis_meta *meta, int32_t *baseline,
                      int32_t *time)
{
    const ci_vis_meta *own = file->meta;
    for (size_t i = 0, j = 0; i < own->n_baseline; i++) {
        size_t key = ci_uvh5_triangle(own->baseline_ant1[i], own->baseline_ant2[i]);
        while (j < meta->n_baseline &&
               ci_uvh5_triangle(meta->baseline_ant1[j], meta->baseline_ant2[j]) < key)
            j++;
        bool is_there = j < meta->n_baseline &&
                        ci_uvh5_triangle(meta->baseline_ant1[j], meta->baseline_ant2[j]) == key;
        baseline[i] = is_there ? (int32_t)j : -1;
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

/* `to` gets the rows of `from` by ascending key_of[row]. */
static ci_status sort_pass(const int32_t *key_of, size_t n_key, const size_t *from, size_t n,
                           size_t *to)
{
    size_t *start = NULL, *order = NULL;
    uint32_t *key = NULL;
    ci_status status = ci_mem_alloc(&start, n_key + 1, sizeof *start, "row order");
    if (status == CI_OK) status = ci_mem_alloc(&order, n, sizeof *order, "row order");
    if (status == CI_OK) status = ci_mem_alloc(&key, n, sizeof *key, "row order");
    if (status == CI_OK) {
        for (size_t i = 0; i < n; i++)
            key[i] = (uint32_t)key_of[from[i]];
        ci_num_sort_by_key(key, n, n_key, start, order);
        for (size_t i = 0; i < n; i++)
            to[i] = from[order[i]];
    }
    ci_mem_free(start);
    ci_mem_free(order);
    ci_mem_free(key);
    return status;
}

/* Wanted rows in file order into `list`; their baselines and times in terms of meta. */
static size_t rows_choose(uvh5_spread *s, ci_vis_part part, size_t *list)
{
    const ci_uvh5_file *file = s->file;
    int64_t low = (int64_t)part.i_baseline_first, high = low + (int64_t)part.n_baseline;
    size_t n = 0;
    for (size_t i = 0; i < file->n_row; i++) {
        int32_t b = s->baseline_map[file->row_baseline[i]], t = s->time_map[file->row_time[i]];
        s->dest[i] = -1;
        s->row_baseline[i] = b;
        s->row_time[i] = t;
        if (b < low || b >= high || t < 0 || file->row_phase[i] < 0) continue;
        if (n == 0) s->row_first = i;
        s->row_end = i + 1;
        list[n++] = i;
    }
    return n;
}

/* Wanted rows by baseline, then time; where equal, as in the file. */
static ci_status rows_place(uvh5_spread *s, ci_vis_part part, const ci_vis_meta *meta)
{
    size_t n_row = s->file->n_row;
    size_t *list = NULL, *sorted = NULL;
    ci_status status = ci_mem_alloc(&list, n_row, sizeof *list, "row order");
    if (status == CI_OK) status = ci_mem_alloc(&sorted, n_row, sizeof *sorted, "row order");
    if (status == CI_OK) {
        s->n_wanted = rows_choose(s, part, list);
        status = sort_pass(s->row_time, meta->n_time, list, s->n_wanted, sorted);
    }
    if (status == CI_OK)
        status = sort_pass(s->row_baseline, meta->n_baseline, sorted, s->n_wanted, list);
    for (size_t i = 0; status == CI_OK && i < s->n_wanted; i++)
        s->dest[list[i]] = (int64_t)i;
    ci_mem_free(sorted);
    ci_mem_free(list);
    return status;
}

static ci_status spread_prepare(uvh5_spread *s, ci_vis_part part, const ci_vis_meta *meta)
{
    const ci_uvh5_file *file = s->file;
    CI_TRY(ci_mem_alloc(&s->dest, file->n_row, sizeof *s->dest, "row order"));
    CI_TRY(ci_mem_alloc(&s->row_baseline, file->n_row, sizeof(int32_t), "row baselines"));
    CI_TRY(ci_mem_alloc(&s->row_time, file->n_row, sizeof(int32_t), "row times"));
    CI_TRY(ci_mem_alloc(&s->baseline_map, file->meta->n_baseline, sizeof(int32_t), "baselines"));
    CI_TRY(ci_mem_alloc(&s->time_map, file->meta->n_time, sizeof(int32_t), "times"));
    maps_fill(file, meta, s->baseline_map, s->time_map);
    return rows_place(s, part, meta);
}

static void spread_clear(uvh5_spread *s)
{
    ci_mem_free(s->dest);
    ci_mem_free(s->row_baseline);
    ci_mem_free(s->row_time);
    ci_mem_free(s->baseline_map);
    ci_mem_free(s->time_map);
    ci_mem_free(s->order[0]);
    ci_mem_free(s->order[1]);
}

static void rows_describe(const uvh5_spread *s)
{
    const ci_uvh5_file *file = s->file;
    ci_vis_block *block = s->block;
    for (size_t i = s->row_first; i < s->row_end; i++) {
        if (s->dest[i] < 0) continue;
        size_t d = (size_t)s->dest[i];
        double sign = file->row_reversed[i] != 0 ? -1 : 1;
        block->i_baseline[d] = s->row_baseline[i];
        block->i_time[d] = s->row_time[i];
        block->i_phase[d] = file->row_phase[i];
        block->interval_s[d] = file->row_interval[i];
        for (size_t k = 0; k < 3; k++) {
            block->uvw_m[3 * d + k] = sign * file->row_uvw[3 * i + k];
        }
    }
}

/* Reads [first, first + n) of the rows into `buffer`, the sub-band's channels only. */
static ci_status rows_get(const uvh5_spread *s, ci_h5_reader *reader, size_t first, size_t n,
                          void *buffer)
{
    const ci_h5_info *info = ci_h5_reader_info(reader);
    uint64_t start[4] = {first, s->chan_low, 0, 0};
    uint64_t count[4] = {n, s->n_span, s->file->n_pol, 0};
    if (info->rank == 4) {
        /* (row, window, channel, pol): a sub-band lies within one window */
        start[1] = s->chan_low / info->dim[2];
        start[2] = s->chan_low % info->dim[2];
        count[1] = 1;
        count[2] = s->n_span;
        count[3] = s->file->n_pol;
    }
    return ci_h5_reader_read(reader, start, count, buffer);
}

static bool any_wanted(const uvh5_spread *s, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        if (s->dest[i] >= 0) return true;
    }
    return false;
}

static ci_status dataset_read(const uvh5_spread *s, const char *name, ci_h5_type type, size_t size,
                              uvh5_row_taker take)
{
    ci_h5_reader *reader = NULL;
    char *buffer = NULL;
    CI_TRY(ci_h5_reader_open(&reader, s->file->h5, name, type));
    /* Chunks that come as they are stay in the cache until they are spread; the library
     * gains by larger pieces. */
    size_t most = s->file->options.read_bytes > 0 ? s->file->options.read_bytes : UVH5_READ_BYTES;
    size_t wanted = ci_h5_reader_is_direct(reader) ? (size_t)256 << 10 : (size_t)8 << 20;
    size_t n_step = ci_h5_reader_rows(reader, wanted < most ? wanted : most);
    size_t n_all = s->file->n_row, row_byte = s->n_span * s->file->n_pol * size;
    if (n_step > n_all) n_step = n_all;
    ci_status status = ci_mem_alloc(&buffer, n_step, row_byte, "rows of a file");
    for (size_t first = s->row_first / n_step * n_step; status == CI_OK && first < s->row_end;
         first += n_step) {
        size_t low = first > s->row_first ? first : s->row_first;
        size_t high = first + n_step < s->row_end ? first + n_step : s->row_end;
        if (!any_wanted(s, low, high - low)) continue;
        status = rows_get(s, reader, low, high - low, buffer);
        for (size_t i = low; status == CI_OK && i < high; i++) {
            if (s->dest[i] >= 0) status = take(s, i, buffer + (i - low) * row_byte);
        }
    }
    ci_mem_free(buffer);
    ci_h5_reader_close(reader);
    return status;
}

/* Data of a feed that the antenna has not: a correlator writes something there all the same. */
static void lacking_flag(const uvh5_spread *s, size_t i_row)
{
    const ci_vis_meta *own = s->file->meta;
    const ci_vis_block *block = s->block;
    size_t i = s->file->row_baseline[i_row], n = block->n_chan * block->n_pol;
    const ci_vis_antenna *first = &own->array.antenna[own->baseline_ant1[i]];
    const ci_vis_antenna *second = &own->array.antenna[own->baseline_ant2[i]];
    uint8_t *flags = block->flags + (size_t)s->dest[i_row] * n;
    if (!first->lacks_feed[0] && !first->lacks_feed[1] && !second->lacks_feed[0] &&
        !second->lacks_feed[1])
        return;
    for (size_t p = 0; p < block->n_pol; p++) {
        int feed[2];
        ci_vis_pol_feeds(block->meta->pol[p], feed);
        if ((feed[0] < 0 || !first->lacks_feed[feed[0]]) &&
            (feed[1] < 0 || !second->lacks_feed[feed[1]]))
            continue;
        for (size_t c = 0; c < block->n_chan; c++)
            flags[c * block->n_pol + p] |= CI_VIS_FLAG_FILE;
    }
}

static ci_status arrays_read(const uvh5_spread *s)
{
    CI_TRY(dataset_read(s, "Data/visdata", CI_H5_C32, sizeof(ci_c32), ci_uvh5_take_visibilities));
    CI_TRY(dataset_read(s, "Data/flags", CI_H5_U8, 1, ci_uvh5_take_flags));
    for (size_t i = s->row_first; i < s->row_end; i++)
        if (s->dest[i] >= 0) lacking_flag(s, i);
    /* Nearly all files have one number in all of them: that is not stored a million times. */
    CI_TRY(ci_vis_weights_split(s->block));
    /* Where other files' nsamples have no meaning, these still say what is no data. */
    if (s->file->meta->has_valid_nsamples)
        CI_TRY(dataset_read(s, "Data/nsamples", CI_H5_F32, sizeof(float), ci_uvh5_take_weights));
    if (s->file->meta->has_valid_nsamples && s->block->meta->has_valid_nsamples) return CI_OK;
    CI_TRY(ci_vis_weights_split(s->block));
    for (size_t i = 0; i < s->block->n_row * s->block->n_pol; i++)
        s->block->row_weight[i] = 1;
    return CI_OK;
}

ci_status ci_uvh5_read_part(ci_uvh5_file *file, size_t i_spw, ci_vis_part part,
                            const ci_vis_meta *meta, ci_vis_block **out)
{
    uvh5_spread s = {.file = file, .isa = file->isa};
    *out = NULL;
    if (file->depth == UVH5_LOOK)
        return ci_error(CI_ERR_INTERNAL, "%s: opened for a look only", file->path);
    ci_h5_refusal_clear();
    ci_status status = spread_prepare(&s, part, meta);
    if (status == CI_OK) status = ci_uvh5_spread_order(&s, i_spw);
    if (status == CI_OK) status = ci_vis_block_new(&s.block, meta, part, s.n_wanted);
    if (status == CI_OK && s.n_wanted > 0) {
        rows_describe(&s);
        status = arrays_read(&s);
    }
    status = ci_h5_refusal_check(file->path, status);
    /* A file that moved explains a failed read better than HDF5 does. */
    if (status == CI_OK || status == CI_ERR_INPUT) {
        ci_status moved = ci_uvh5_stamp_check(&file->stamp, file->path);
        if (moved != CI_OK) status = moved;
    }
    spread_clear(&s);
    if (status != CI_OK) {
        ci_vis_block_free(s.block);
        return status;
    }
    *out = s.block;
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
        return ci_uvh5_read_part(file, i_spw, part, meta, out);
    }
    return ci_error(CI_ERR_INTERNAL, "%s: its sub-band at %.3f MHz is not in the data set",
                    file->path, own->freq_hz[0] * 1e-6);
}
