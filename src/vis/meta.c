/* The shared description of a data set: copy, free, look-ups. */
#include "contimg/vis.h"

#include <string.h>

void ci_vis_meta_free(ci_vis_meta *meta)
{
    if (meta == NULL) return;
    ci_vis_array_clear(&meta->array);
    ci_mem_free(meta->baseline_ant1);
    ci_mem_free(meta->baseline_ant2);
    ci_mem_free(meta->time_mjd_s);
    if (meta->sub_band != NULL) {
        for (size_t i = 0; i < meta->n_sub_band; i++) {
            ci_mem_free(meta->sub_band[i].freq_hz);
            ci_mem_free(meta->sub_band[i].width_hz);
        }
    }
    ci_mem_free(meta->sub_band);
    ci_mem_free(meta->phase);
    ci_mem_free(meta->time_phase);
    for (size_t i = 0; meta->field && i < meta->n_field; i++)
        ci_mem_free(meta->field[i].name);
    ci_mem_free(meta->field);
    ci_mem_free(meta);
}

const char *ci_vis_phase_name(const ci_vis_meta *meta, size_t i_phase)
{
    if (i_phase >= meta->n_phase) return "";
    int32_t i = meta->phase[i_phase].i_field;
    return i >= 0 && (size_t)i < meta->n_field ? ci_vis_text(meta->field[i].name) : "";
}

ci_status ci_vis_field_add(ci_vis_meta *meta, int64_t id, const char *name, int32_t *i_field)
{
    CI_TRY(ci_mem_resize(&meta->field, meta->n_field + 1, sizeof *meta->field, "fields"));
    ci_vis_field *field = &meta->field[meta->n_field];
    field->id = id;
    field->name = NULL;
    CI_TRY(ci_str_copy(&field->name, name));
    if (i_field != NULL) *i_field = (int32_t)meta->n_field;
    meta->n_field++;
    return CI_OK;
}

/* A counted copy of n items into *out. */
static ci_status copy_items(void *out, const void *items, size_t n, size_t size, const char *what)
{
    void *copy = NULL;
    CI_TRY(ci_mem_alloc(&copy, n, size, what));
    if (n > 0) memcpy(copy, items, n * size);
    memcpy(out, &copy, sizeof copy);
    return CI_OK;
}

static ci_status copy_sub_bands(ci_vis_meta *copy, const ci_vis_meta *meta)
{
    CI_TRY(ci_mem_alloc(&copy->sub_band, meta->n_sub_band, sizeof *copy->sub_band, "sub-bands"));
    copy->n_sub_band = meta->n_sub_band;
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *from = &meta->sub_band[i];
        ci_vis_sub_band *to = &copy->sub_band[i];
        CI_TRY(copy_items(&to->freq_hz, from->freq_hz, from->n_chan, sizeof(double), "channels"));
        CI_TRY(copy_items(&to->width_hz, from->width_hz, from->n_chan, sizeof(double), "channels"));
        to->n_chan = from->n_chan;
    }
    return CI_OK;
}

static ci_status copy_owned(ci_vis_meta *copy, const ci_vis_meta *meta)
{
    CI_TRY(ci_vis_array_copy(&copy->array, &meta->array));
    CI_TRY(copy_items(&copy->baseline_ant1, meta->baseline_ant1, meta->n_baseline, sizeof(int32_t),
                      "baselines"));
    CI_TRY(copy_items(&copy->baseline_ant2, meta->baseline_ant2, meta->n_baseline, sizeof(int32_t),
                      "baselines"));
    CI_TRY(copy_items(&copy->time_mjd_s, meta->time_mjd_s, meta->n_time, sizeof(double), "times"));
    CI_TRY(
        copy_items(&copy->phase, meta->phase, meta->n_phase, sizeof *meta->phase, "phase centres"));
    if (meta->time_phase != NULL)
        CI_TRY(copy_items(&copy->time_phase, meta->time_phase, meta->n_time, sizeof(int32_t),
                          "phase centres"));
    for (size_t i = 0; i < meta->n_field; i++)
        CI_TRY(ci_vis_field_add(copy, meta->field[i].id, meta->field[i].name, NULL));
    return copy_sub_bands(copy, meta);
}

ci_status ci_vis_meta_copy(ci_vis_meta **out, const ci_vis_meta *meta)
{
    ci_vis_meta *copy = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&copy, 1, sizeof *copy, "data set description"));
    *copy = *meta;
    memset(&copy->array, 0, sizeof copy->array);
    copy->field = NULL;
    copy->n_field = 0;
    copy->baseline_ant1 = NULL;
    copy->baseline_ant2 = NULL;
    copy->time_mjd_s = NULL;
    copy->sub_band = NULL;
    copy->n_sub_band = 0;
    copy->phase = NULL;
    copy->time_phase = NULL;
    ci_status status = copy_owned(copy, meta);
    if (status != CI_OK) {
        ci_vis_meta_free(copy);
        return status;
    }
    *out = copy;
    return CI_OK;
}

size_t ci_vis_chan_first(const ci_vis_meta *meta, size_t i_sub_band)
{
    size_t n = 0;
    for (size_t i = 0; i < i_sub_band; i++)
        n += meta->sub_band[i].n_chan;
    return n;
}

/* Run `i_run` of n items split into n_run contiguous runs whose lengths differ by at
 * most one, the longer ones first. */
static void split(size_t n, size_t n_run, size_t i_run, size_t *first, size_t *count)
{
    size_t base = n / n_run, extra = n % n_run;
    *first = i_run * base + (i_run < extra ? i_run : extra);
    *count = base + (i_run < extra ? 1 : 0);
}

void ci_vis_parts(size_t n_sub_band, size_t n_baseline, int n_rank, int rank, ci_vis_part *parts,
                  size_t *n_part)
{
    size_t first = 0, count = 0;
    *n_part = 0;
    if (n_sub_band == 0 || n_baseline == 0 || n_rank <= 0 || rank < 0 || rank >= n_rank) return;
    if ((size_t)n_rank <= n_sub_band) {
        split(n_sub_band, (size_t)n_rank, (size_t)rank, &first, &count);
        for (size_t i = 0; i < count; i++) {
            parts[i] = (ci_vis_part){first + i, 0, n_baseline};
        }
        *n_part = count;
        return;
    }
    for (size_t i_sub_band = 0; i_sub_band < n_sub_band; i_sub_band++) {
        size_t rank_first, n_rank_here;
        split((size_t)n_rank, n_sub_band, i_sub_band, &rank_first, &n_rank_here);
        if ((size_t)rank < rank_first || (size_t)rank >= rank_first + n_rank_here) continue;
        split(n_baseline, n_rank_here, (size_t)rank - rank_first, &first, &count);
        if (count == 0) return;
        parts[0] = (ci_vis_part){i_sub_band, first, count};
        *n_part = 1;
    }
}
