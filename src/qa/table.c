/* The gates of calibration tables, science.md "Table gates". */
#include "contimg/qa.h"

ci_status ci_qa_table_judge(const ci_cal_table *t, const ci_qa_limits *limits, const char *what)
{
    const struct ci_qa_table_limits *l = &limits->table;
    ci_cal_quality q;
    CI_TRY(ci_cal_table_quality(t, &q));
    size_t n_needed = l->min_antenna > 0 ? (size_t)l->min_antenna : 0;
    if (n_needed > t->array.n_antenna) {
        ci_log_info(
            "%s: the array has %zu antennas: all are asked for, not --qa-cal-min-antennas %zu",
            what, t->array.n_antenna, n_needed);
        n_needed = t->array.n_antenna;
    }
    if (q.n_solution == 0) return ci_error(CI_ERR_GATE, "%s: no solution in the table", what);
    if (q.n_antenna < n_needed)
        return ci_error(CI_ERR_GATE,
                        "%s: %zu antennas have a solution, at least %zu are asked for "
                        "(--qa-cal-min-antennas)",
                        what, q.n_antenna, n_needed);
    if (q.flagged_fraction > l->max_flagged)
        return ci_error(CI_ERR_GATE,
                        "%s: %.1f %% of the solutions of working receptors are flagged (%zu of "
                        "%zu), the limit is %.1f %% (--qa-cal-max-flagged)",
                        what, 100 * q.flagged_fraction, q.n_failed, q.n_failed + q.n_solution,
                        100 * l->max_flagged);
    if (q.min_amplitude < l->min_amplitude || q.max_amplitude > l->max_amplitude)
        return ci_error(CI_ERR_GATE,
                        "%s: amplitudes from %.3g to %.3g of the median, the limits are %g and %g "
                        "(--qa-cal-min-amp, --qa-cal-max-amp)",
                        what, q.min_amplitude, q.max_amplitude, l->min_amplitude, l->max_amplitude);
    if (t->kind == CI_CAL_GAIN && q.phase_scatter_deg > l->max_phase_scatter_deg)
        return ci_error(CI_ERR_GATE,
                        "%s: phases scatter by %.1f deg over time (median over receptors, trend "
                        "taken out), the limit is %.1f deg (--qa-cal-max-phase-scatter)",
                        what, q.phase_scatter_deg, l->max_phase_scatter_deg);
    if (q.flagged_fraction > l->warn_flagged)
        ci_log_warning("%s: %.1f %% of the solutions of working receptors are flagged", what,
                       100 * q.flagged_fraction);
    return CI_OK;
}
