/* Puts what was read in the file's order into a block's canonical order. */
#include "uvh5/spread.h"

#include <string.h>

ci_status ci_uvh5_spread_order(uvh5_spread *s, size_t i_spw)
{
    const ci_uvh5_file *file = s->file;
    const int32_t *index = file->chan_index + file->chan_first[i_spw];
    size_t n_chan = file->meta->sub_band[i_spw].n_chan, n_pol = file->n_pol, high = 0;
    s->chan_low = SIZE_MAX;
    for (size_t i = 0; i < n_chan; i++) {
        if ((size_t)index[i] < s->chan_low) s->chan_low = (size_t)index[i];
        if ((size_t)index[i] > high) high = (size_t)index[i];
    }
    s->n_span = high - s->chan_low + 1;
    for (int reversed = 0; reversed < 2; reversed++) {
        const int *pol = reversed ? file->pol_reversed : file->pol_direct;
        bool is_same = true;
        CI_TRY(ci_mem_alloc(&s->order[reversed], n_chan * n_pol, sizeof(uint32_t), "channels"));
        for (size_t i = 0; i < n_chan * n_pol; i++) {
            size_t column = (size_t)index[i / n_pol] - s->chan_low;
            s->order[reversed][i] = (uint32_t)(column * n_pol + (size_t)pol[i % n_pol]);
            is_same = is_same && s->order[reversed][i] == i;
        }
        s->is_in_order[reversed] = is_same;
    }
    return CI_OK;
}

/* What a row of the file gives: whether it holds zeros or numbers that are not finite (or no
 * weights), which nearly none does. */
CI_ISA_INLINE void samples_take(const float *restrict from, const uint32_t *restrict order,
                                size_t n, float sign, float *restrict to, uint32_t *any)
{
    uint32_t found = 0;
    for (size_t i = 0; !order && i < n; i++) {
        to[2 * i] = from[2 * i];
        to[2 * i + 1] = sign * from[2 * i + 1];
    }
    for (size_t i = 0; order && i < n; i++) {
        to[2 * i] = from[2 * order[i]];
        to[2 * i + 1] = sign * from[2 * order[i] + 1];
    }
    for (size_t i = 0; i < 2 * n; i++) {
        uint32_t bits;
        memcpy(&bits, to + i, sizeof bits);
        bits &= 0x7fffffffU;
        /* zero, or all bits of the exponent set */
        found |= (uint32_t)(bits == 0) | (uint32_t)(bits >= 0x7f800000U);
    }
    *any = found;
}

CI_ISA_INSTANCES(samples_take,
                 (const float *from, const uint32_t *order, size_t n, float sign, float *to,
                  uint32_t *any),
                 (from, order, n, sign, to, any))

static const float most_weight = 1e9F;

CI_ISA_INLINE void weights_take(const float *restrict from, const uint32_t *restrict order,
                                size_t n, float *restrict to, uint32_t *any)
{
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        float value = order ? from[order[i]] : from[i];
        bool has_data = value > 0 && value < most_weight;
        to[i] = has_data ? value : 0;
        found |= !has_data;
    }
    *any = found;
}

CI_ISA_INSTANCES(weights_take,
                 (const float *from, const uint32_t *order, size_t n, float *to, uint32_t *any),
                 (from, order, n, to, any))

/* NULL where a row of the file lies as the block's do. */
static const uint32_t *order_of(const uvh5_spread *s, bool is_reversed)
{
    return s->is_in_order[is_reversed] ? NULL : s->order[is_reversed];
}

static void special_flag(float *part, uint8_t *flags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float re = part[2 * i], im = part[2 * i + 1];
        bool is_finite = re - re == 0 && im - im == 0;
        if (!is_finite) {
            flags[i] |= CI_VIS_FLAG_NONFINITE;
            part[2 * i] = part[2 * i + 1] = 0;
        } else if (re == 0 && im == 0) {
            flags[i] |= CI_VIS_FLAG_ZERO;
        }
    }
}

ci_status ci_uvh5_take_visibilities(const uvh5_spread *s, size_t i_row, const void *row)
{
    bool is_reversed = s->file->row_reversed[i_row] != 0;
    size_t n = s->block->n_chan * s->block->n_pol, at = (size_t)s->dest[i_row] * n;
    float *to = (float *)(s->block->data + at);
    uint32_t any;
    CI_ISA_KERNEL(samples_take, s->isa)
    (row, order_of(s, is_reversed), n, is_reversed ? -1.0F : 1.0F, to, &any);
    if (any) special_flag(to, s->block->flags + at, n);
    return CI_OK;
}

ci_status ci_uvh5_take_flags(const uvh5_spread *s, size_t i_row, const void *row)
{
    const uint8_t *from = row;
    const uint32_t *order = s->order[s->file->row_reversed[i_row] != 0];
    size_t n = s->block->n_chan * s->block->n_pol, n_here = s->n_span * s->block->n_pol;
    uint8_t *to = s->block->flags + (size_t)s->dest[i_row] * n, any = 0;
    for (size_t i = 0; i < n_here; i++)
        any |= from[i];
    for (size_t i = 0; any != 0 && i < n; i++)
        to[i] |= from[order[i]] != 0 ? CI_VIS_FLAG_FILE : 0;
    return CI_OK;
}

/* Whether all of a row are one number. */
CI_ISA_INLINE void weights_compare(const float *restrict from, size_t n, bool *are_even)
{
    float first = from[0];
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++)
        found |= from[i] != first;
    *are_even = !found;
}

CI_ISA_INSTANCES(weights_compare, (const float *from, size_t n, bool *are_even),
                 (from, n, are_even))

/* True where the row's weights are the products of one number, which is taken. */
static bool row_weight_take(const uvh5_spread *s, size_t i_row, const float *row)
{
    bool are_even = false;
    ci_vis_block *block = s->block;
    CI_ISA_KERNEL(weights_compare, s->isa)(row, s->n_span * block->n_pol, &are_even);
    if (!are_even || !(row[0] > 0 && row[0] < most_weight)) return false;
    for (size_t p = 0; p < block->n_pol; p++)
        block->row_weight[(size_t)s->dest[i_row] * block->n_pol + p] = (double)row[0];
    return true;
}

ci_status ci_uvh5_take_weights(const uvh5_spread *s, size_t i_row, const void *row)
{
    if (s->block->row_weight && row_weight_take(s, i_row, row)) return CI_OK;
    CI_TRY(ci_vis_weights_join(s->block));
    size_t n = s->block->n_chan * s->block->n_pol, at = (size_t)s->dest[i_row] * n;
    const float *to = s->block->weight + at;
    uint8_t *flags = s->block->flags + at;
    uint32_t any;
    CI_ISA_KERNEL(weights_take, s->isa)
    (row, order_of(s, s->file->row_reversed[i_row] != 0), n, s->block->weight + at, &any);
    for (size_t i = 0; any && i < n; i++)
        flags[i] |= to[i] > 0 ? 0 : CI_VIS_FLAG_FILE;
    return CI_OK;
}
