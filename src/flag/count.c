/* Flags counted by antenna, time and channel. */
#include "flag/flag_private.h"

#include <string.h>

enum
{
    N_TOTAL = CI_VIS_N_FLAG + 2 /* good, by reason, good of parallel hands */
};

/* Flagged and all samples of cross-correlations; one integer array, so that one exact sum does. */
typedef struct tally
{
    size_t n_antenna, n_time, n_chan, n;
    int64_t *all;
    int64_t *antenna, *time; /* parts of it: [n_antenna][n_chan][2], [n_time][n_chan][2] */
    int64_t *total;
} tally;

/* Flagged samples of one block's channels and polarisations, and rows; scratch. */
typedef struct block_count
{
    int32_t *antenna, *time; /* [n_antenna][n_chan][n_pol], [n_time][n_chan][n_pol] */
    int64_t *n_row;          /* [n_antenna], then [n_time] */
} block_count;

static ci_status tally_new(const ci_flag_report *report, tally *out)
{
    *out = (tally){report->n_antenna, report->n_time, report->n_chan, 0, NULL, NULL, NULL, NULL};
    size_t n_antenna = 2 * out->n_antenna * out->n_chan, n_time = 2 * out->n_time * out->n_chan;
    out->n = n_antenna + n_time + N_TOTAL;
    CI_TRY(ci_mem_alloc(&out->all, out->n, sizeof *out->all, "flag counts"));
    out->antenna = out->all;
    out->time = out->antenna + n_antenna;
    out->total = out->time + n_time;
    return CI_OK;
}

static ci_status count_new(const ci_vis_set *set, block_count *out)
{
    const ci_vis_meta *meta = set->meta;
    size_t most = 0;
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->n_chan > most) most = set->block[i]->n_chan;
    most *= meta->n_pol;
    CI_TRY(ci_mem_alloc(&out->n_row, meta->array.n_antenna + meta->n_time, sizeof *out->n_row,
                        "flag counts"));
    CI_TRY(ci_mem_alloc(&out->antenna, meta->array.n_antenna * most, sizeof *out->antenna,
                        "flag counts"));
    return ci_mem_alloc(&out->time, meta->n_time * most, sizeof *out->time, "flag counts");
}

static void count_clear(block_count *count)
{
    ci_mem_free(count->n_row);
    ci_mem_free(count->antenna);
    ci_mem_free(count->time);
}

static void row_count(const uint8_t *restrict flags, size_t n, int32_t *restrict time,
                      int32_t *restrict ant1, int32_t *restrict ant2)
{
    for (size_t i = 0; i < n; i++) {
        int32_t bad = flags[i] != 0;
        time[i] += bad;
        ant1[i] += bad;
        ant2[i] += bad;
    }
}

/* One line of a map: count [n_chan][n_pol] of n_row rows. */
static void line_add(const int32_t *count, size_t n_chan, size_t n_pol, int64_t n_row, int64_t *to)
{
    for (size_t i = 0; i < n_chan * n_pol; i++)
        to[2 * (i / n_pol)] += count[i];
    for (size_t c = 0; c < n_chan; c++)
        to[2 * c + 1] += n_row * (int64_t)n_pol;
}

/* Adds the block's counts to the whole; good samples of parallel hands apart. */
static void block_add(const ci_vis_block *block, const block_count *count, tally *to)
{
    const ci_vis_meta *meta = block->meta;
    size_t n_pol = block->n_pol, n = block->n_chan * n_pol;
    size_t first = 2 * ci_vis_chan_first(meta, block->part.i_sub_band);
    int64_t *n_left = &to->total[N_TOTAL - 1];
    for (size_t a = 0; a < to->n_antenna; a++)
        line_add(count->antenna + a * n, block->n_chan, n_pol, count->n_row[a],
                 to->antenna + 2 * a * to->n_chan + first);
    for (size_t t = 0; t < to->n_time; t++) {
        int64_t n_row = count->n_row[to->n_antenna + t];
        const int32_t *flagged = count->time + t * n;
        line_add(flagged, block->n_chan, n_pol, n_row, to->time + 2 * t * to->n_chan + first);
        for (size_t i = 0; i < n; i++)
            if (ci_vis_pol_is_parallel(meta->pol[i % n_pol])) *n_left += n_row - flagged[i];
    }
}

static void block_tally(const ci_vis_block *block, block_count *count, tally *to)
{
    const ci_vis_meta *meta = block->meta;
    size_t n = block->n_chan * block->n_pol;
    memset(count->n_row, 0, (to->n_antenna + to->n_time) * sizeof *count->n_row);
    memset(count->antenna, 0, to->n_antenna * n * sizeof *count->antenna);
    memset(count->time, 0, to->n_time * n * sizeof *count->time);
    for (size_t r = 0; r < block->n_row; r++) {
        size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
        size_t ant1 = (size_t)meta->baseline_ant1[b], ant2 = (size_t)meta->baseline_ant2[b];
        if (ant1 == ant2) continue;
        row_count(block->flags + ci_vis_sample(block, r, 0, 0), n, count->time + t * n,
                  count->antenna + ant1 * n, count->antenna + ant2 * n);
        count->n_row[ant1]++;
        count->n_row[ant2]++;
        count->n_row[to->n_antenna + t]++;
    }
    block_add(block, count, to);
}

/* Shares of a map's cells, and of its lines (by_line) or its columns (by_column), where asked. */
static void map_fill(const int64_t *from, size_t n_line, size_t n_chan, double *map,
                     double *by_line, double *by_column)
{
    for (size_t i = 0; i < n_line * n_chan; i++)
        map[i] = (double)from[2 * i] / (double)from[2 * i + 1];
    for (size_t k = 0; by_line && k < n_line; k++) {
        int64_t bad = 0, all = 0;
        for (size_t c = 0; c < n_chan; c++) {
            bad += from[2 * (k * n_chan + c)];
            all += from[2 * (k * n_chan + c) + 1];
        }
        by_line[k] = (double)bad / (double)all;
    }
    for (size_t c = 0; by_column && c < n_chan; c++) {
        int64_t bad = 0, all = 0;
        for (size_t k = 0; k < n_line; k++) {
            bad += from[2 * (k * n_chan + c)];
            all += from[2 * (k * n_chan + c) + 1];
        }
        by_column[c] = (double)bad / (double)all;
    }
}

static void report_fill(const tally *from, ci_flag_report *report)
{
    report->counts.n_good = from->total[0];
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        report->counts.n_by_bit[i] = from->total[1 + i];
    map_fill(from->antenna, from->n_antenna, from->n_chan, report->antenna_map,
             report->antenna_fraction, NULL);
    map_fill(from->time, from->n_time, from->n_chan, report->time_map, NULL,
             report->channel_fraction);
}

ci_status ci_flag_tally(ci_comm *comm, const ci_vis_set *set, ci_flag_report *report,
                        int64_t *n_left)
{
    tally all = {0};
    block_count count = {0};
    ci_vis_flag_counts counts = {0};
    ci_status status = tally_new(report, &all);
    if (status == CI_OK) status = count_new(set, &count);
    status = ci_par_agree(comm, status);
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++) {
        block_tally(set->block[i], &count, &all);
        ci_vis_flags_count(set->block[i], &counts);
    }
    if (status == CI_OK) {
        all.total[0] = counts.n_good;
        for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
            all.total[1 + i] = counts.n_by_bit[i];
        status = ci_par_sum_int(comm, all.all, all.n);
    }
    if (status == CI_OK) {
        report_fill(&all, report);
        *n_left = all.total[N_TOTAL - 1];
    }
    count_clear(&count);
    ci_mem_free(all.all);
    return status;
}
