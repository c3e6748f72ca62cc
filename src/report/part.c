/* What the pages of group and tile share: a table of gates. */
#include "report/page.h"

#include <math.h>

/* "" where it is not known. */
static void number_print(char out[32], double value)
{
    out[0] = '\0';
    if (isfinite(value)) snprintf(out, 32, "%.4g", value);
}

ci_status ci_report_gates(ci_text *out, const ci_qa_gates *gates)
{
    if (!gates || gates->n == 0) return CI_OK;
    CI_TRY(ci_text_append(
        out, "<table class='gates'><tr><th>gate</th><th>outcome</th><th>value</th><th>limit</th>"
             "<th></th></tr>\n"));
    for (size_t i = 0; i < gates->n; i++) {
        const ci_qa_gate *gate = &gates->item[i];
        const char *outcome = ci_qa_outcome_word(gate->outcome);
        char value[32], limit[32];
        number_print(value, gate->value);
        number_print(limit, gate->limit);
        CI_TRY(ci_text_append(out,
                              "<tr><td>%s</td><td class='%s'>%s</td><td class='n'>%s</td><td "
                              "class='n'>%s</td><td>",
                              ci_qa_gate_name(gate->kind), outcome, outcome, value, limit));
        CI_TRY(ci_report_escape(out, gate->text));
        CI_TRY(ci_text_append(out, "</td></tr>\n"));
    }
    return ci_text_append(out, "</table>\n");
}
