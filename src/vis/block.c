/* Blocks and sets of visibilities. */
#include "contimg/vis.h"

#include <string.h>

ci_status ci_vis_block_new(ci_vis_block **out, const ci_vis_meta *meta, ci_vis_part part,
                           size_t n_row)
{
    ci_vis_block *block = NULL;
    *out = NULL;
    if (part.i_sub_band >= meta->n_sub_band || part.i_baseline_first > meta->n_baseline ||
        part.n_baseline > meta->n_baseline - part.i_baseline_first) {
        return ci_error(CI_ERR_INTERNAL,
                        "visibility block: sub-band %zu, baselines %zu + %zu: the data set has "
                        "%zu sub-bands and %zu baselines",
                        part.i_sub_band, part.i_baseline_first, part.n_baseline, meta->n_sub_band,
                        meta->n_baseline);
    }
    const ci_vis_sub_band *sub_band = &meta->sub_band[part.i_sub_band];
    size_t n_cell = sub_band->n_chan * meta->n_pol;
    if (n_cell != 0 && n_row > SIZE_MAX / n_cell) {
        return ci_error(CI_ERR_MEMORY, "visibility block: %zu rows of %zu samples: too many", n_row,
                        n_cell);
    }
    CI_TRY(ci_mem_alloc(&block, 1, sizeof *block, "visibility block"));
    block->meta = meta;
    block->part = part;
    block->n_row = n_row;
    block->n_chan = sub_band->n_chan;
    block->n_pol = meta->n_pol;
    block->freq_hz = sub_band->freq_hz;
    block->width_hz = sub_band->width_hz;
    ci_status status = ci_mem_alloc(&block->i_baseline, n_row, sizeof(int32_t), "row baselines");
    if (status == CI_OK) status = ci_mem_alloc(&block->i_time, n_row, sizeof(int32_t), "row times");
    if (status == CI_OK)
        status = ci_mem_alloc(&block->i_phase, n_row, sizeof(int32_t), "row phase centres");
    if (status == CI_OK)
        status = ci_mem_alloc(&block->interval_s, n_row, sizeof(double), "row intervals");
    if (status == CI_OK) status = ci_mem_alloc(&block->uvw_m, n_row, 3 * sizeof(double), "uvw");
    if (status == CI_OK)
        status = ci_mem_alloc(&block->data, n_row * n_cell, sizeof(ci_c32), "visibilities");
    if (status == CI_OK) status = ci_mem_alloc(&block->flags, n_row * n_cell, 1, "flags");
    if (status == CI_OK)
        status = ci_mem_alloc(&block->weight, n_row * n_cell, sizeof(float), "weights");
    if (status != CI_OK) {
        ci_vis_block_free(block);
        return status;
    }
    *out = block;
    return CI_OK;
}

ci_status ci_vis_block_copy(ci_vis_block **out, const ci_vis_block *block)
{
    size_t n_row = block->n_row, n = n_row * block->n_chan * block->n_pol;
    CI_TRY(ci_vis_block_new(out, block->meta, block->part, n_row));
    if (n == 0) return CI_OK;
    memcpy((*out)->i_baseline, block->i_baseline, n_row * sizeof *block->i_baseline);
    memcpy((*out)->i_time, block->i_time, n_row * sizeof *block->i_time);
    memcpy((*out)->i_phase, block->i_phase, n_row * sizeof *block->i_phase);
    memcpy((*out)->interval_s, block->interval_s, n_row * sizeof *block->interval_s);
    memcpy((*out)->uvw_m, block->uvw_m, 3 * n_row * sizeof *block->uvw_m);
    memcpy((*out)->data, block->data, n * sizeof *block->data);
    memcpy((*out)->flags, block->flags, n);
    if (block->weight) {
        memcpy((*out)->weight, block->weight, n * sizeof *block->weight);
        return CI_OK;
    }
    ci_status status = ci_vis_weights_split(*out);
    if (status != CI_OK) {
        ci_vis_block_free(*out);
        *out = NULL;
        return status;
    }
    memcpy((*out)->row_weight, block->row_weight, n_row * block->n_pol * sizeof(double));
    memcpy((*out)->chan_weight, block->chan_weight, block->n_chan * sizeof(double));
    return CI_OK;
}

void ci_vis_block_free(ci_vis_block *block)
{
    if (block == NULL) return;
    ci_mem_free(block->i_baseline);
    ci_mem_free(block->i_time);
    ci_mem_free(block->i_phase);
    ci_mem_free(block->interval_s);
    ci_mem_free(block->uvw_m);
    ci_mem_free(block->data);
    ci_mem_free(block->flags);
    ci_mem_free(block->weight);
    ci_mem_free(block->row_weight);
    ci_mem_free(block->chan_weight);
    ci_mem_free(block);
}

void ci_vis_block_values_free(ci_vis_block *block)
{
    ci_mem_free(block->data);
    ci_mem_free(block->weight);
    ci_mem_free(block->row_weight);
    ci_mem_free(block->chan_weight);
    block->data = NULL;
    block->weight = NULL;
    block->row_weight = block->chan_weight = NULL;
}

void ci_vis_set_free(ci_vis_set *set)
{
    if (set == NULL) return;
    if (set->block != NULL) {
        for (size_t i = 0; i < set->n_block; i++)
            ci_vis_block_free(set->block[i]);
    }
    ci_mem_free(set->block);
    ci_vis_meta_free(set->meta);
    ci_mem_free(set);
}

size_t ci_vis_baseline_end(const ci_vis_block *block, size_t i_row)
{
    size_t end = i_row + 1;
    while (end < block->n_row && block->i_baseline[end] == block->i_baseline[i_row])
        end++;
    return end;
}

const char *ci_vis_flag_name(size_t bit)
{
    static const char *const names[CI_VIS_N_FLAG] = {"file", "nonfinite", "zero", "dead",
                                                     "rfi",  "clip",      "cal",  "user"};
    return bit < CI_VIS_N_FLAG ? names[bit] : "";
}

CI_ISA_INLINE void flags_count(const uint8_t *restrict flags, size_t n, size_t step,
                               int64_t *n_good)
{
    uint32_t count = 0;
    if (step == 2)
        for (size_t i = 0; i < n; i++)
            count += flags[2 * i] == 0;
    else
        for (size_t i = 0; i < n; i++)
            count += flags[step * i] == 0;
    *n_good = count;
}

CI_ISA_INSTANCES(flags_count, (const uint8_t *flags, size_t n, size_t step, int64_t *n_good),
                 (flags, n, step, n_good))

int64_t ci_vis_good_count(const uint8_t *flags, size_t n, size_t step, ci_isa isa)
{
    int64_t n_good = 0;
    CI_ISA_KERNEL(flags_count, isa)(flags, n, step, &n_good);
    return n_good;
}

void ci_vis_flags_count(const ci_vis_block *block, ci_vis_flag_counts *add_to)
{
    size_t n = block->n_row * block->n_chan * block->n_pol;
    int64_t n_by_value[256] = {0};
    for (size_t i = 0; i < n;) {
        uint64_t eight = 1;
        if (i + sizeof eight <= n) memcpy(&eight, block->flags + i, sizeof eight);
        if (eight == 0) { /* as nearly all are */
            n_by_value[0] += sizeof eight;
            i += sizeof eight;
        } else {
            n_by_value[block->flags[i++]]++;
        }
    }
    add_to->n_good += n_by_value[0];
    for (int value = 1; value < 256; value++) {
        int bit = 0;
        while ((value >> bit & 1) == 0)
            bit++;
        add_to->n_by_bit[bit] += n_by_value[value];
    }
}
