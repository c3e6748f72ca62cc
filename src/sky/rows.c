/* Rows of a block in batches of one time and phase centre, and the antennas' positions. */
#include "sky/rows.h"

#include "contimg/num.h"

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

/* Runs of rows of one time and phase centre. */
static void batches_find(ci_sky_rows *out, const ci_vis_block *block)
{
    for (size_t i = 0; i < block->n_row; i++) {
        size_t r = out->row[i], before = i > 0 ? out->row[i - 1] : r;
        if (block->i_time[r] != block->i_time[before] ||
            block->i_phase[r] != block->i_phase[before])
            out->first[++out->n_batch] = i;
    }
    if (block->n_row > 0) out->first[++out->n_batch] = block->n_row;
}

/* Rows by phase centre, then by time, where equal as they were: pairs of both are too many to
 * number, as a centre that moves is another one in each integration. */
static ci_status rows_sort(ci_sky_rows *out, const ci_vis_block *block)
{
    static const char what[] = "rows by time";
    size_t n = block->n_row, n_time = block->meta->n_time, n_phase = block->meta->n_phase;
    size_t *start = NULL, *by_phase = NULL;
    uint32_t *key = NULL;
    ci_status status =
        ci_mem_alloc(&start, (n_time > n_phase ? n_time : n_phase) + 1, sizeof *start, what);
    if (status == CI_OK) status = ci_mem_alloc(&by_phase, n, sizeof *by_phase, what);
    if (status == CI_OK) status = ci_mem_alloc(&key, n, sizeof *key, what);
    if (status == CI_OK) {
        for (size_t i = 0; i < n; i++)
            key[i] = (uint32_t)block->i_phase[i];
        ci_num_sort_by_key(key, n, n_phase, start, by_phase);
        for (size_t i = 0; i < n; i++)
            key[i] = (uint32_t)block->i_time[by_phase[i]];
        ci_num_sort_by_key(key, n, n_time, start, out->row);
        for (size_t i = 0; i < n; i++)
            out->row[i] = by_phase[out->row[i]];
    }
    ci_mem_free(start);
    ci_mem_free(by_phase);
    ci_mem_free(key);
    return status;
}

ci_status ci_sky_rows_new(ci_sky_rows *out, const ci_vis_block *block)
{
    static const char what[] = "rows by time";
    memset(out, 0, sizeof *out);
    CI_TRY(check(block));
    ci_status status = ci_mem_alloc(&out->row, block->n_row, sizeof *out->row, what);
    if (status == CI_OK)
        status = ci_mem_alloc(&out->first, block->n_row + 1, sizeof *out->first, what);
    if (status == CI_OK) status = rows_sort(out, block);
    if (status == CI_OK)
        batches_find(out, block);
    else
        ci_sky_rows_clear(out);
    return status;
}

size_t ci_sky_rows_most(const ci_sky_rows *rows)
{
    size_t most = 0;
    for (size_t g = 0; g < rows->n_batch; g++)
        if (rows->first[g + 1] - rows->first[g] > most) most = rows->first[g + 1] - rows->first[g];
    return most;
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
