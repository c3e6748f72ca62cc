/* Order of the steps, counts and the report. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

void ci_flag_options_default(ci_flag_options *options)
{
    *options = (ci_flag_options){.dead = true,
                                 .dead_fraction = 0.05,
                                 .flagged_fraction = 0.95,
                                 .clip = false,
                                 .clip_sigma = 6};
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

bool ci_flag_is_parallel(const ci_vis_meta *meta, size_t i_pol)
{
    int pol = meta->pol[i_pol];
    return pol == 1 || pol == -1 || pol == -2 || pol == -5 || pol == -6;
}

ci_flag_hands ci_flag_hands_of(const ci_vis_meta *meta, size_t i_pol)
{
    switch (meta->pol[i_pol]) {
    case -3:
        return (ci_flag_hands){ci_vis_pol_find(meta, -1), ci_vis_pol_find(meta, -2)};
    case -4:
        return (ci_flag_hands){ci_vis_pol_find(meta, -2), ci_vis_pol_find(meta, -1)};
    case -7:
        return (ci_flag_hands){ci_vis_pol_find(meta, -5), ci_vis_pol_find(meta, -6)};
    case -8:
        return (ci_flag_hands){ci_vis_pol_find(meta, -6), ci_vis_pol_find(meta, -5)};
    case 2:
    case 3:
    case 4:
        return (ci_flag_hands){ci_vis_pol_find(meta, 1), ci_vis_pol_find(meta, 1)};
    default:
        return (ci_flag_hands){(int)i_pol, (int)i_pol};
    }
}

size_t ci_flag_baseline_end(const ci_vis_block *block, size_t i_row)
{
    size_t end = i_row + 1;
    while (end < block->n_row && block->i_baseline[end] == block->i_baseline[i_row])
        end++;
    return end;
}

double ci_flag_median_amplitude(const ci_vis_block *block, size_t i_row_first, size_t i_row_end,
                                size_t i_pol, float *scratch, size_t n_scratch, int64_t *n_good)
{
    size_t first = ci_vis_sample(block, i_row_first, 0, i_pol);
    size_t end = ci_vis_sample(block, i_row_end, 0, i_pol), step = block->n_pol;
    int64_t count = 0;
    for (size_t i = first; i < end; i += step)
        count += block->flags[i] == 0;
    *n_good = count;
    if (count == 0) return NAN;
    size_t stride = ((size_t)count + n_scratch - 1) / n_scratch, n = 0, i_good = 0;
    for (size_t i = first; i < end && n < n_scratch; i += step) {
        if (block->flags[i]) continue;
        if (i_good++ % stride) continue;
        double re = crealf(block->data[i]), im = cimagf(block->data[i]);
        scratch[n++] = (float)sqrt(re * re + im * im);
    }
    return ci_num_median_float(scratch, n);
}

static ci_status report_new(ci_flag_report **out, const ci_vis_meta *meta)
{
    ci_flag_report *report = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&report, 1, sizeof *report, "flag report"));
    report->n_antenna = meta->array.n_antenna;
    report->n_pol = meta->n_pol;
    for (size_t i = 0; i < meta->n_sub_band; i++)
        report->n_chan += meta->sub_band[i].n_chan;
    size_t n = report->n_antenna * report->n_pol;
    ci_status status = ci_mem_alloc(&report->dead, n, 1, "dead receptors");
    if (!status)
        status = ci_mem_alloc(&report->median_amplitude, n, sizeof(double), "median amplitudes");
    if (!status)
        status = ci_mem_alloc(&report->antenna_fraction, report->n_antenna, sizeof(double),
                              "flagged fraction of antennas");
    if (!status)
        status = ci_mem_alloc(&report->channel_fraction, report->n_chan, sizeof(double),
                              "flagged fraction of channels");
    if (status) {
        ci_flag_report_free(report);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        report->median_amplitude[i] = NAN;
    *out = report;
    return CI_OK;
}

/* Flagged and all samples of cross-correlations, by antenna, then by channel, then the number
 * left in parallel hands; one integer array, so that one exact sum does. */
static void count_block(const ci_vis_block *block, size_t i_chan_first, int64_t *antenna,
                        int64_t *channel, int64_t *n_left)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t i_row = 0; i_row < block->n_row; i_row++) {
        int32_t b = block->i_baseline[i_row];
        int32_t ant1 = meta->baseline_ant1[b], ant2 = meta->baseline_ant2[b];
        if (ant1 == ant2) continue;
        int64_t flagged = 0;
        const uint8_t *flags = block->flags + ci_vis_sample(block, i_row, 0, 0);
        for (size_t i_chan = 0; i_chan < block->n_chan; i_chan++) {
            int64_t here = 0;
            for (size_t i_pol = 0; i_pol < block->n_pol; i_pol++) {
                bool bad = flags[i_chan * block->n_pol + i_pol] != 0;
                here += bad;
                *n_left += !bad && ci_flag_is_parallel(meta, i_pol);
            }
            channel[2 * (i_chan_first + i_chan)] += here;
            channel[2 * (i_chan_first + i_chan) + 1] += (int64_t)block->n_pol;
            flagged += here;
        }
        int64_t all = (int64_t)(block->n_chan * block->n_pol);
        antenna[2 * ant1] += flagged;
        antenna[2 * ant1 + 1] += all;
        antenna[2 * ant2] += flagged;
        antenna[2 * ant2 + 1] += all;
    }
}

static ci_status count_set(ci_comm *comm, const ci_vis_set *set, ci_flag_report *report,
                           int64_t *n_left)
{
    const ci_vis_meta *meta = set->meta;
    size_t n_antenna = report->n_antenna, n_chan = report->n_chan;
    size_t n = 2 * n_antenna + 2 * n_chan + 10;
    int64_t *all = NULL;
    CI_TRY(ci_par_alloc(comm, &all, n, sizeof *all, "flag counts"));
    int64_t *antenna = all, *channel = all + 2 * n_antenna, *totals = channel + 2 * n_chan;
    ci_vis_flag_counts counts = {0};
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *block = set->block[i];
        size_t i_chan_first = 0;
        for (size_t s = 0; s < block->part.i_sub_band; s++)
            i_chan_first += meta->sub_band[s].n_chan;
        count_block(block, i_chan_first, antenna, channel, &totals[9]);
        ci_vis_flags_count(block, &counts);
    }
    totals[0] = counts.n_good;
    for (int i = 0; i < 8; i++)
        totals[1 + i] = counts.n_by_bit[i];
    ci_status status = ci_par_sum_int(comm, all, n);
    if (!status) {
        report->counts.n_good = totals[0];
        for (int i = 0; i < 8; i++)
            report->counts.n_by_bit[i] = totals[1 + i];
        for (size_t i = 0; i < n_antenna; i++)
            report->antenna_fraction[i] = (double)antenna[2 * i] / (double)antenna[2 * i + 1];
        for (size_t i = 0; i < n_chan; i++)
            report->channel_fraction[i] = (double)channel[2 * i] / (double)channel[2 * i + 1];
        *n_left = totals[9];
    }
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
                    "receptor %lld, interference %lld, clipped %lld; good in autocorrelations and "
                    "cross hands %lld)",
                    (long long)c->n_by_bit[0], (long long)c->n_by_bit[1], (long long)c->n_by_bit[2],
                    (long long)c->n_by_bit[3], (long long)c->n_by_bit[4], (long long)c->n_by_bit[5],
                    (long long)c->n_good);
}

ci_status ci_flag_count(ci_comm *comm, const ci_vis_set *set, ci_flag_report **report)
{
    int64_t n_left;
    *report = NULL;
    CI_AGREE(comm, report_new(report, set->meta));
    ci_status status = count_set(comm, set, *report, &n_left);
    if (status) {
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
    CI_AGREE(comm, report_new(&made, set->meta));
    ci_status status = CI_OK;
    if (options->dead) status = ci_flag_dead(comm, set, options, made);
    if (!status && options->clip) status = ci_flag_clip(comm, set, options, made);
    if (!status) status = count_set(comm, set, made, &n_left);
    if (!status && n_left == 0) status = nothing_left(made);
    if (status) {
        ci_flag_report_free(made);
        return status;
    }
    *report = made;
    return CI_OK;
}
