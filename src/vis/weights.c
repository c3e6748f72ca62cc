/* Weights of a block's samples as products of a number for each row and one for each channel. */
#include "contimg/vis.h"

ci_status ci_vis_weights_split(ci_vis_block *block)
{
    static const char what[] = "weights of rows";
    double *row = NULL, *chan = NULL;
    ci_status status = ci_mem_alloc(&row, block->n_row * block->n_pol, sizeof *row, what);
    if (status == CI_OK) status = ci_mem_alloc(&chan, block->n_chan, sizeof *chan, what);
    if (status != CI_OK) {
        ci_mem_free(row);
        return status;
    }
    for (size_t c = 0; c < block->n_chan; c++)
        chan[c] = 1;
    ci_mem_free(block->weight);
    ci_mem_free(block->row_weight);
    ci_mem_free(block->chan_weight);
    block->weight = NULL;
    block->row_weight = row;
    block->chan_weight = chan;
    return CI_OK;
}

static void row_fill(const ci_vis_block *block, size_t i_row, float *out)
{
    size_t n_pol = block->n_pol;
    for (size_t p = 0; p < n_pol; p++) {
        double of_row = block->row_weight[i_row * n_pol + p];
        for (size_t c = 0; c < block->n_chan; c++)
            out[c * n_pol + p] = (float)(block->chan_weight[c] * of_row);
    }
}

ci_status ci_vis_weights_join(ci_vis_block *block)
{
    float *weight = NULL;
    size_t n = block->n_chan * block->n_pol;
    if (!block->row_weight) return CI_OK;
    CI_TRY(ci_mem_alloc(&weight, block->n_row * n, sizeof *weight, "weights"));
    for (size_t r = 0; r < block->n_row; r++)
        row_fill(block, r, weight + r * n);
    ci_mem_free(block->row_weight);
    ci_mem_free(block->chan_weight);
    block->row_weight = block->chan_weight = NULL;
    block->weight = weight;
    return CI_OK;
}

const float *ci_vis_weights_row(const ci_vis_block *block, size_t i_row, float *scratch)
{
    if (block->weight) return block->weight + i_row * block->n_chan * block->n_pol;
    row_fill(block, i_row, scratch);
    return scratch;
}
