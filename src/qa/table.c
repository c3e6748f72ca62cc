/* The gates of calibration tables, science.md "Table gates". */
#include "contimg/qa.h"

#include <math.h>

/* By which fluxes are off for certain, from where on it is said. */
static const double warn_structure = 0.01;
/* Of a source beside the calibrator, over the model's flux: below it tables are in doubt. */
static const double most_neighbour = 0.3;

static ci_status neighbour_judge(const ci_cal_structure *s, double limit)
{
    const struct ci_cal_neighbour *n = &s->neighbour;
    if (n->ratio <= fmax(most_neighbour, limit)) return CI_OK;
    return ci_error(
        CI_ERR_GATE,
        "calibrator: a source of about %.0f %% of its flux, %.0f arcsec from it, is not "
        "in the model: fluxes may be off by as much, the limit is %.0f %% "
        "(--qa-cal-max-structure beyond it): give a model that has it",
        100 * n->ratio, hypot(n->east_arcsec, n->north_arcsec), 100 * fmax(most_neighbour, limit));
}

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

ci_status ci_qa_structure_judge(const ci_cal_structure *s, const ci_qa_limits *limits)
{
    char text[512];
    if (ci_cal_structure_has_neighbour(s)) return neighbour_judge(s, limits->table.max_structure);
    double certain = fabs(s->flux) - CI_CAL_STRUCTURE_SIGMA * s->flux_sigma;
    if (s->n_baseline == 0 || !(certain > fmin(warn_structure, limits->table.max_structure)))
        return CI_OK;
    snprintf(text, sizeof text,
             "calibrator: its visibilities %s by %.1f %% to %.0f wavelengths against those of its "
             "model: it is %s; fluxes are %.1f +- %.1f %% too %s where its flux is the model's",
             s->fall < 0 ? "fall" : "rise", 100 * fabs(exp(s->fall) - 1), s->length_lambda,
             s->fall < 0 ? "larger" : "smaller", 100 * fabs(s->flux), 100 * s->flux_sigma,
             s->flux > 0 ? "high" : "low");
    if (certain > limits->table.max_structure)
        return ci_error(CI_ERR_GATE,
                        "%s, the limit is %.1f %% (--qa-cal-max-structure): give a model with its "
                        "components",
                        text, 100 * limits->table.max_structure);
    ci_log_warning("%s", text);
    return CI_OK;
}
