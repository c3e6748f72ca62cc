/* The list of gates of one image, its limits, and what it says. */
#include "qa/qa.h"

#include <math.h>
#include <string.h>

/* What a gate is called, and whether a tile must pass it. */
static const struct
{
    const char *name;
    bool is_of_tiles;
} kinds[CI_QA_GATE_COUNT] = {[CI_QA_GATE_OPENS] = {"opens", true},
                             [CI_QA_GATE_CHECKSUM] = {"checksum", true},
                             [CI_QA_GATE_WCS] = {"wcs", true},
                             [CI_QA_GATE_UNITS] = {"units", false},
                             [CI_QA_GATE_BEAM] = {"beam", true},
                             [CI_QA_GATE_PROVENANCE] = {"provenance", false},
                             [CI_QA_GATE_FINITE] = {"finite", false},
                             [CI_QA_GATE_NOISE] = {"noise", true},
                             [CI_QA_GATE_COHERENCE] = {"coherence", true},
                             [CI_QA_GATE_DYNAMIC_RANGE] = {"dynamic_range", true},
                             [CI_QA_GATE_PEAK_SNR] = {"peak_snr", false},
                             [CI_QA_GATE_FLUX_RATIO] = {"flux_ratio", false}};

const char *ci_qa_gate_name(ci_qa_gate_kind kind)
{
    return kinds[kind].name;
}

void ci_qa_limits_default(ci_qa_limits *limits)
{
    *limits = (ci_qa_limits){
        .table = {.warn_flagged = 0.05,
                  .max_flagged = 0.30,
                  .min_amplitude = 0.1,
                  .max_amplitude = 10,
                  .max_phase_scatter_deg = 30,
                  .max_structure = 0.02,
                  .min_antenna = 10,
                  .max_offset_arcsec = 60},
        .image = {.max_noise_ratio = 3,
                  .warn_noise_ratio = 1.5,
                  .max_flux_loss = 0.02,
                  .min_dynamic_range = 5,
                  .min_peak_snr = 5,
                  .min_flux_ratio = 0.8,
                  .max_flux_ratio = 1.2,
                  .max_flux_offset = 0.02,
                  .min_flux_match = 5,
                  .pb_cut = 0.2},
    };
}

void ci_qa_gates_add(ci_qa_gates *gates, ci_qa_gate_kind kind, ci_qa_outcome outcome, double value,
                     double limit, const char *format, ...)
{
    if (gates->n == CI_QA_MAX_GATES) return;
    ci_qa_gate *g = &gates->item[gates->n++];
    va_list values;
    va_start(values, format);
    g->kind = kind;
    g->outcome = outcome;
    g->value = value;
    g->limit = limit;
    vsnprintf(g->text, sizeof g->text, format, values);
    va_end(values);
    gates->refused = gates->refused || outcome == CI_QA_FAIL;
    gates->warned = gates->warned || outcome == CI_QA_WARN;
}

ci_status ci_qa_fault_gate(ci_qa_gates *gates, ci_qa_gate_kind kind, const char *what,
                           ci_status status)
{
    if (status == CI_OK || ci_status_is_environment(status)) return status;
    ci_qa_gates_add(gates, kind, CI_QA_FAIL, NAN, NAN, "%s%s", what, ci_error_text());
    ci_error_clear();
    return CI_OK;
}

bool ci_qa_is_relaxed(double value, double limit, double normal, bool is_max)
{
    return is_max ? value > normal && limit > normal : value < normal && limit < normal;
}

/* ---- what the list says ---------------------------------------------------------------------- */

static const char *const outcome_words[CI_QA_OUTCOME_COUNT] = {"pass", "warn", "skip", "fail"};

const char *ci_qa_outcome_word(ci_qa_outcome outcome)
{
    return outcome_words[outcome];
}

ci_json *ci_qa_gates_json(const ci_qa_gates *gates)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < gates->n; i++) {
        const ci_qa_gate *g = &gates->item[i];
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "gate", kinds[g->kind].name);
        ci_json_put_string(one, "outcome", outcome_words[g->outcome]);
        ci_json_put_number(one, "value", g->value);
        ci_json_put_number(one, "limit", g->limit);
        ci_json_put_string(one, "text", g->text);
        ci_json_put(list, NULL, one);
    }
    return list;
}

static ci_status gate_parse(ci_qa_gates *gates, const ci_json *json)
{
    const char *name = ci_json_get_string(json, "gate", "");
    const char *word = ci_json_get_string(json, "outcome", "");
    size_t kind = 0;
    while (kind < CI_QA_GATE_COUNT && strcmp(kinds[kind].name, name) != 0)
        kind++;
    size_t outcome = ci_str_index(word, outcome_words, CI_QA_OUTCOME_COUNT);
    if (kind == CI_QA_GATE_COUNT || outcome == CI_QA_OUTCOME_COUNT)
        return ci_error(CI_ERR_INPUT, "gate '%s', outcome '%s': not known", name, word);
    ci_qa_gates_add(gates, (ci_qa_gate_kind)kind, (ci_qa_outcome)outcome,
                    ci_json_get_number(json, "value", NAN), ci_json_get_number(json, "limit", NAN),
                    "%s", ci_json_get_string(json, "text", ""));
    return CI_OK;
}

ci_status ci_qa_gates_parse(ci_qa_gates *gates, const ci_json *list)
{
    memset(gates, 0, sizeof *gates);
    for (size_t i = 0; i < ci_json_length(list); i++)
        CI_TRY(gate_parse(gates, ci_json_at(list, i)));
    return CI_OK;
}

void ci_qa_gates_text(const ci_qa_gates *gates, char out[CI_QA_TEXT])
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < gates->n && at < CI_QA_TEXT - 8; i++) {
        const ci_qa_gate *g = &gates->item[i];
        if (g->outcome != CI_QA_FAIL) continue;
        int n = snprintf(out + at, CI_QA_TEXT - at, "%s%s: %s", at ? "; " : "", kinds[g->kind].name,
                         g->text);
        at += n > 0 ? (size_t)n : 0;
    }
}

const ci_qa_gate *ci_qa_gates_first_failed(const ci_qa_gates *gates)
{
    for (size_t i = 0; i < gates->n; i++)
        if (gates->item[i].outcome == CI_QA_FAIL) return &gates->item[i];
    return NULL;
}

const ci_qa_gate *ci_qa_tile_first_failed(const ci_qa_gates *gates)
{
    for (size_t i = 0; i < gates->n; i++)
        if (gates->item[i].outcome == CI_QA_FAIL && kinds[gates->item[i].kind].is_of_tiles)
            return &gates->item[i];
    return NULL;
}
