/* Rows of a block in groups of one time and phase centre, and the antennas' positions. */
#include "sky/rows.h"

#include <string.h>

static ci_status check(const ci_vis_block *block)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t i = 0; i < block->n_row; i++) {
        int32_t b = block->i_baseline[i], t = block->i_time[i], p = block->i_phase[i];
        if (b < 0 || (size_t)b >= meta->n_baseline || t < 0 || (size_t)t >= meta->n_time || p < 0 ||
            (size_t)p >= meta->n_phase)
            return ci_error(CI_ERR_INTERNAL,
                            "row %zu: baseline %d, time %d or phase centre %d is not in the meta",
                            i, b, t, p);
    }
    return CI_OK;
}

/* Counting sort by time and phase centre; groups that hold no row are left out. */
static void sort_rows(ci_sky_rows *out, const ci_vis_block *block, size_t *count, size_t n_key)
{
    size_t n_phase = block->meta->n_phase;
    for (size_t i = 0; i < block->n_row; i++)
        count[(size_t)block->i_time[i] * n_phase + (size_t)block->i_phase[i] + 1]++;
    for (size_t k = 0; k < n_key; k++) {
        if (count[k + 1] > 0) out->first[++out->n_group] = count[k] + count[k + 1];
        count[k + 1] += count[k];
    }
    for (size_t i = 0; i < block->n_row; i++) {
        size_t key = (size_t)block->i_time[i] * n_phase + (size_t)block->i_phase[i];
        out->row[count[key]++] = i;
    }
}

ci_status ci_sky_rows_new(ci_sky_rows *out, const ci_vis_block *block)
{
    memset(out, 0, sizeof *out);
    CI_TRY(check(block));
    size_t n_key = block->meta->n_time * block->meta->n_phase;
    size_t *count = NULL;
    CI_TRY(ci_mem_alloc(&count, n_key + 1, sizeof *count, "rows by time"));
    ci_status status = ci_mem_alloc(&out->row, block->n_row, sizeof *out->row, "rows by time");
    if (status == CI_OK)
        status = ci_mem_alloc(&out->first, (n_key < block->n_row ? n_key : block->n_row) + 1,
                              sizeof *out->first, "rows by time");
    if (status == CI_OK) sort_rows(out, block, count, n_key);
    ci_mem_free(count);
    if (status != CI_OK) ci_sky_rows_clear(out);
    return status;
}

void ci_sky_rows_clear(ci_sky_rows *rows)
{
    ci_mem_free(rows->first);
    ci_mem_free(rows->row);
    memset(rows, 0, sizeof *rows);
}

ci_status ci_sky_positions(double **out, const ci_vis_meta *meta)
{
    const ci_vis_array *array = &meta->array;
    CI_TRY(ci_mem_alloc(out, array->n_antenna * 3, sizeof **out, "antenna positions"));
    if (meta->n_baseline == 0) return CI_OK;
    const double *origin = array->antenna[meta->baseline_ant1[0]].pos_ecef_m;
    for (size_t a = 0; a < array->n_antenna; a++)
        for (int i = 0; i < 3; i++)
            (*out)[3 * a + (size_t)i] = array->antenna[a].pos_ecef_m[i] - origin[i];
    return CI_OK;
}
