/* Order of the steps, counts and the report. */
#include "flag/flag_private.h"

#include <math.h>
#include <string.h>

void ci_flag_options_default(ci_flag_options *options)
{
    *options = (ci_flag_options){
        .dead = true, .dead_fraction = 0.05, .flagged_fraction = 0.95, .rfi = true};
}

void ci_flag_report_free(ci_flag_report *report)
{
    if (!report) return;
    ci_mem_free(report->dead);
    ci_mem_free(report->median_amplitude);
    ci_mem_free(report->antenna_fraction);
    ci_mem_free(report->channel_fraction);
    ci_mem_free(report);
}

static ci_status report_new(ci_flag_report **out, const ci_vis_meta *meta)
{
    ci_flag_report *report = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&report, 1, sizeof *report, "flag report"));
    report->n_antenna = meta->array.n_antenna;
    report->n_pol = meta->n_pol;
    report->n_chan = ci_vis_chan_first(meta, meta->n_sub_band);
    size_t n = report->n_antenna * report->n_pol;
    ci_status status = ci_mem_alloc(&report->dead, n, 1, "dead receptors");
    if (status == CI_OK)
        status = ci_mem_alloc(&report->median_amplitude, n, sizeof(double), "median amplitudes");
    if (status == CI_OK)
        status = ci_mem_alloc(&report->antenna_fraction, report->n_antenna, sizeof(double),
                              "flagged fraction of antennas");
    if (status == CI_OK)
        status = ci_mem_alloc(&report->channel_fraction, report->n_chan, sizeof(double),
                              "flagged fraction of channels");
    if (status != CI_OK) {
        ci_flag_report_free(report);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        report->median_amplitude[i] = NAN;
    *out = report;
    return CI_OK;
}

/* Flagged samples of a row, also added to those of each channel and polarisation [n]. */
static int64_t row_count(const uint8_t *restrict flags, size_t n, int32_t *restrict count)
{
    int32_t all = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t bad = flags[i] != 0;
        count[i] += bad;
        all += bad;
    }
    return all;
}

/* Flagged and all samples of cross-correlations, by antenna, then by channel, then the number
 * left in parallel hands; one integer array, so that one exact sum does. count: scratch, 0,
 * [n_chan][n_pol]. */
static void count_block(const ci_vis_block *block, size_t i_chan_first, int32_t *count,
                        int64_t *antenna, int64_t *channel, int64_t *n_left)
{
    const ci_vis_meta *meta = block->meta;
    size_t n_pol = block->n_pol, n = block->n_chan * n_pol, n_row = 0;
    for (size_t i_row = 0; i_row < block->n_row; i_row++) {
        int32_t b = block->i_baseline[i_row];
        int32_t ant1 = meta->baseline_ant1[b], ant2 = meta->baseline_ant2[b];
        if (ant1 == ant2) continue;
        int64_t flagged = row_count(block->flags + ci_vis_sample(block, i_row, 0, 0), n, count);
        n_row++;
        antenna[2 * ant1] += flagged;
        antenna[2 * ant1 + 1] += (int64_t)n;
        antenna[2 * ant2] += flagged;
        antenna[2 * ant2 + 1] += (int64_t)n;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t *to = channel + 2 * (i_chan_first + i / n_pol);
        to[0] += count[i];
        to[1] += (int64_t)n_row;
        if (ci_vis_pol_is_parallel(meta->pol[i % n_pol])) *n_left += (int64_t)n_row - count[i];
    }
}

static size_t chan_most(const ci_vis_set *set)
{
    size_t most = 0;
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->n_chan > most) most = set->block[i]->n_chan;
    return most;
}

static ci_status count_set(ci_comm *comm, const ci_vis_set *set, ci_flag_report *report,
                           int64_t *n_left)
{
    const ci_vis_meta *meta = set->meta;
    size_t n_antenna = report->n_antenna, n_chan = report->n_chan;
    size_t n = 2 * n_antenna + 2 * n_chan + 10;
    int64_t *all = NULL;
    int32_t *count = NULL;
    ci_status status =
        ci_mem_alloc(&count, chan_most(set) * meta->n_pol, sizeof *count, "flag counts");
    if (status == CI_OK) status = ci_mem_alloc(&all, n, sizeof *all, "flag counts");
    status = ci_par_agree(comm, status);
    if (status != CI_OK) {
        ci_mem_free(count);
        ci_mem_free(all);
        return status;
    }
    int64_t *antenna = all, *channel = all + 2 * n_antenna, *totals = channel + 2 * n_chan;
    ci_vis_flag_counts counts = {0};
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *block = set->block[i];
        size_t i_chan_first = ci_vis_chan_first(meta, block->part.i_sub_band);
        memset(count, 0, block->n_chan * block->n_pol * sizeof *count);
        count_block(block, i_chan_first, count, antenna, channel, &totals[9]);
        ci_vis_flags_count(block, &counts);
    }
    totals[0] = counts.n_good;
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        totals[1 + i] = counts.n_by_bit[i];
    status = ci_par_sum_int(comm, all, n);
    if (status == CI_OK) {
        report->counts.n_good = totals[0];
        for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
            report->counts.n_by_bit[i] = totals[1 + i];
        for (size_t i = 0; i < n_antenna; i++)
            report->antenna_fraction[i] = (double)antenna[2 * i] / (double)antenna[2 * i + 1];
        for (size_t i = 0; i < n_chan; i++)
            report->channel_fraction[i] = (double)channel[2 * i] / (double)channel[2 * i + 1];
        *n_left = totals[9];
    }
    ci_mem_free(count);
    ci_mem_free(all);
    return status;
}

/* One line that says why no data are left. */
static ci_status nothing_left(const ci_flag_report *report)
{
    const ci_vis_flag_counts *c = &report->counts;
    return ci_error(CI_ERR_NO_DATA,
                    "no data left after flags: no parallel-hand cross-correlation is good (samples "
                    "flagged first by the file %lld, not finite %lld, exactly zero %lld, dead "
                    "receptor %lld, interference %lld, no gains %lld; good in autocorrelations and "
                    "cross hands %lld)",
                    (long long)c->n_by_bit[0], (long long)c->n_by_bit[1], (long long)c->n_by_bit[2],
                    (long long)c->n_by_bit[3], (long long)c->n_by_bit[4], (long long)c->n_by_bit[6],
                    (long long)c->n_good);
}

ci_status ci_flag_count(ci_comm *comm, const ci_vis_set *set, ci_flag_report **report)
{
    int64_t n_left;
    *report = NULL;
    ci_status status = ci_par_agree(comm, report_new(report, set->meta));
    if (status == CI_OK) status = count_set(comm, set, *report, &n_left);
    if (status != CI_OK) {
        ci_flag_report_free(*report);
        *report = NULL;
    }
    return status;
}

ci_status ci_flag_run(ci_comm *comm, ci_vis_set *set, const ci_flag_options *options,
                      ci_flag_report **report)
{
    int64_t n_left = 0;
    ci_flag_report *made = NULL;
    *report = NULL;
    CI_PAR_EQUAL(comm, "flagging: an option", options->dead, options->dead_fraction,
                 options->flagged_fraction, options->rfi);
    ci_status status = ci_par_agree(comm, report_new(&made, set->meta));
    if (status == CI_OK && options->dead) status = ci_flag_dead(comm, set, options, made);
    if (status == CI_OK && options->rfi) status = ci_flag_rfi(comm, set);
    if (status == CI_OK) status = count_set(comm, set, made, &n_left);
    if (status == CI_OK && n_left == 0) status = nothing_left(made);
    if (status != CI_OK) {
        ci_flag_report_free(made);
        return status;
    }
    *report = made;
    return CI_OK;
}
