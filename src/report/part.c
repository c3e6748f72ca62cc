/* What the page and its tiles share: a table of gates, numbers out of JSON. */
#include "report/page.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

ci_status ci_report_numbers(double **out, size_t *n, const ci_json *array, const char *member)
{
    *n = ci_json_length(array);
    CI_TRY(ci_mem_alloc(out, *n, sizeof **out, "report"));
    for (size_t i = 0; i < *n; i++) {
        const ci_json *item = ci_json_at(array, i);
        (*out)[i] = member ? ci_json_get_number(item, member, NAN) : ci_json_number(item, NAN);
    }
    return CI_OK;
}

ci_status ci_report_gates(ci_text *out, const ci_json *gates)
{
    const ci_json *items = ci_json_get(gates, "gates");
    if (!items) items = gates;
    if (ci_json_length(items) == 0) return CI_OK;
    CI_TRY(ci_text_append(out,
                          "<table><tr><th>gate</th><th>outcome</th><th>value</th><th>limit</th>"
                          "<th></th></tr>\n"));
    for (size_t i = 0; i < ci_json_length(items); i++) {
        const ci_json *gate = ci_json_at(items, i);
        const char *outcome = ci_json_get_string(gate, "outcome", "");
        double value = ci_json_get_number(gate, "value", NAN);
        double limit = ci_json_get_number(gate, "limit", NAN);
        char value_text[32] = "", limit_text[32] = "";
        if (isfinite(value)) snprintf(value_text, sizeof value_text, "%.4g", value);
        if (isfinite(limit)) snprintf(limit_text, sizeof limit_text, "%.4g", limit);
        CI_TRY(ci_text_append(out,
                              "<tr><td>%s</td><td class='%s'>%s</td><td class='n'>%s</td><td "
                              "class='n'>%s</td><td>",
                              ci_json_get_string(gate, "gate", ""), outcome, outcome, value_text,
                              limit_text));
        CI_TRY(ci_report_escape(out, ci_json_get_string(gate, "text", "")));
        CI_TRY(ci_text_append(out, "</td></tr>\n"));
    }
    return ci_text_append(out, "</table>\n");
}

ci_report_tile_state ci_report_tile_state_of(const ci_json *tile)
{
    const char *word = ci_json_get_string(tile, "state", "");
    if (strcmp(word, "passed") == 0) return CI_REPORT_TILE_PASSED;
    return strcmp(word, "reused") == 0 ? CI_REPORT_TILE_REUSED : CI_REPORT_TILE_OTHER;
}
