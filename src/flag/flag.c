/* Order of the steps, and the report. */
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
    ci_mem_free(report->time_map);
    ci_mem_free(report->antenna_map);
    ci_mem_free(report);
}

static ci_status report_new(ci_flag_report **out, const ci_vis_meta *meta)
{
    ci_flag_report *report = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&report, 1, sizeof *report, "flag report"));
    report->n_antenna = meta->array.n_antenna;
    report->n_pol = meta->n_pol;
    report->n_time = meta->n_time;
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
    if (status == CI_OK)
        status = ci_mem_alloc(&report->time_map, report->n_time * report->n_chan, sizeof(double),
                              "flags by time and channel");
    if (status == CI_OK)
        status = ci_mem_alloc(&report->antenna_map, report->n_antenna * report->n_chan,
                              sizeof(double), "flags by antenna and channel");
    if (status != CI_OK) {
        ci_flag_report_free(report);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        report->median_amplitude[i] = NAN;
    *out = report;
    return CI_OK;
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
    if (status == CI_OK) status = ci_flag_tally(comm, set, *report, &n_left);
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
    size_t n_bad = 0;
    ci_flag_report *made = NULL;
    *report = NULL;
    CI_PAR_EQUAL(comm, "flagging: an option", options->dead, options->dead_fraction,
                 options->flagged_fraction, options->rfi);
    ci_status status = ci_par_agree(comm, report_new(&made, set->meta));
    if (status == CI_OK && options->dead) status = ci_flag_dead(comm, set, options, false, made);
    if (status == CI_OK && options->rfi) status = ci_flag_rfi(comm, set, &n_bad);
    if (status == CI_OK && options->dead && n_bad > 0)
        status = ci_flag_dead(comm, set, options, true, made);
    if (status == CI_OK && ci_comm_rank(comm) == 0) ci_flag_dead_tell(set->meta, options, made);
    if (status == CI_OK) status = ci_flag_tally(comm, set, made, &n_left);
    if (status == CI_OK && n_left == 0) status = nothing_left(made);
    if (status != CI_OK) {
        ci_flag_report_free(made);
        return status;
    }
    *report = made;
    return CI_OK;
}
