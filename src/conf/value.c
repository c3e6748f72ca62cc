/* Values of options: setting, checking and reading them. */
#include "conf/table.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

ci_status ci_conf_set(ci_conf *conf, ci_conf_id id, const char *text, ci_conf_source source,
                      const char *line)
{
    ci_conf_value *value = &conf->value[id];
    char *fresh_text = NULL, *fresh_line = NULL;
    CI_TRY(ci_str_copy(&fresh_text, text));
    ci_status status = line ? ci_str_copy(&fresh_line, line) : CI_OK;
    if (status != CI_OK) {
        ci_mem_free(fresh_text);
        return status;
    }
    ci_mem_free(value->text);
    ci_mem_free(value->line);
    value->text = fresh_text;
    value->source = source;
    value->line = fresh_line;
    return CI_OK;
}

ci_status ci_conf_value_append(ci_text *text, const ci_conf *conf, ci_conf_id id)
{
    const ci_conf_value *value = &conf->value[id];
    switch (ci_conf_rows[id].type) {
    case CI_TYPE_INT:
    case CI_TYPE_REAL:
        return ci_text_append(text, "%.17g", value->number);
    case CI_TYPE_FLAG:
        return ci_text_append(text, "%s", value->flag ? "true" : "false");
    case CI_TYPE_CHOICE:
        for (const char *at = value->text; *at; at++)
            CI_TRY(ci_text_append(text, "%c", tolower((unsigned char)*at)));
        return CI_OK;
    case CI_TYPE_TEXT:
    case CI_TYPE_PATH:
        break;
    }
    return ci_text_append(text, "%s", value->text);
}

/* ---- checking ---------------------------------------------------------------- */

static ci_status refuse(const ci_conf *conf, ci_conf_id id, const char *why)
{
    const ci_conf_row *row = &ci_conf_rows[id];
    return ci_error(CI_ERR_USAGE, "--%s '%s' (%s): %s", row->name, conf->value[id].text,
                    ci_conf_origin(conf, id), why);
}

/* Products of two such numbers are still numbers. */
static const double least_number = 1e-150;

static ci_status check_number(ci_conf *conf, ci_conf_id id)
{
    const ci_conf_row *row = &ci_conf_rows[id];
    ci_conf_value *value = &conf->value[id];
    char why[128];
    int64_t whole = 0;
    ci_status status = row->type == CI_TYPE_INT
                           ? ci_parse_int(value->text, row->name, &whole)
                           : ci_parse_double(value->text, row->name, &value->number);
    if (status != CI_OK)
        return refuse(conf, id, row->type == CI_TYPE_INT ? "not a whole number" : "not a number");
    if (row->type == CI_TYPE_INT) value->number = (double)whole;
    if (value->number != 0 && fabs(value->number) < least_number)
        return refuse(conf, id, "too small to be told from 0: give 0, or a greater number");
    if (row->low < row->high && (value->number < row->low || value->number > row->high)) {
        snprintf(why, sizeof why, "must lie between %g and %g", row->low, row->high);
        return refuse(conf, id, why);
    }
    return CI_OK;
}

static ci_status check_flag(ci_conf *conf, ci_conf_id id)
{
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no",
                                                                                "off"};
    ci_conf_value *value = &conf->value[id];
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(value->text, yes[i]) == 0) {
            value->flag = true;
            return CI_OK;
        }
        if (strcasecmp(value->text, no[i]) == 0) {
            value->flag = false;
            return CI_OK;
        }
    }
    return refuse(conf, id, "use true or false");
}

static ci_status check_choice(const ci_conf *conf, ci_conf_id id)
{
    const char *text = conf->value[id].text;
    size_t n = strlen(text);
    for (const char *choice = ci_conf_rows[id].argument; n > 0; choice++) {
        size_t length = strcspn(choice, "|");
        if (length == n && strncasecmp(choice, text, n) == 0) return CI_OK;
        choice += length;
        if (!*choice) break;
    }
    char why[160];
    snprintf(why, sizeof why, "use one of %s", ci_conf_rows[id].argument);
    return refuse(conf, id, why);
}

/* Options that choose data or gains: typed empty, as by a variable that a script forgot to set,
 * they would quietly choose others. */
static bool is_choosing(ci_conf_id id)
{
    static const ci_conf_id ids[] = {
        CI_CONF_OPT_CAL,          CI_CONF_OPT_FIELD,  CI_CONF_OPT_MASK,    CI_CONF_OPT_MODEL,
        CI_CONF_OPT_PHASE_CENTER, CI_CONF_OPT_SCALES, CI_CONF_OPT_UV_RANGE};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i] == id) return true;
    return false;
}

/* An empty text says nothing where there is a default, as an empty number does: a variable that a
 * script forgot to set must not lead to the default folders. */
static ci_status check_text(const ci_conf *conf, ci_conf_id id)
{
    bool is_typed = ci_conf_source_of(conf, id) == CI_CONF_SOURCE_COMMAND_LINE;
    bool must_have = ci_conf_rows[id].missing[0] || (is_typed && is_choosing(id));
    if (conf->value[id].text[0] || !must_have) return CI_OK;
    return refuse(conf, id, "empty: give a value, or leave it out for the default");
}

/* Pairs of which the first may not be the greater: where the first is at its default and may follow
 * the second, it does (`follows`). */
static const struct
{
    ci_conf_id low, high;
    bool follows, may_equal;
} ordered[] = {
    {CI_CONF_OPT_MIN_SUBBANDS, CI_CONF_OPT_EXPECTED_SUBBANDS, true, true},
    {CI_CONF_OPT_GROUP_OVERLAP, CI_CONF_OPT_GROUP_SIZE, true, false},
    {CI_CONF_OPT_QA_CAL_MIN_AMP, CI_CONF_OPT_QA_CAL_MAX_AMP, false, false},
};

static ci_status check_order(const ci_conf *conf)
{
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        ci_conf_id low = ordered[i].low, high = ordered[i].high;
        unsigned both = ci_conf_rows[low].commands & ci_conf_rows[high].commands;
        if (!(both & (unsigned)conf->command)) continue;
        if (ordered[i].follows && !ci_conf_is_given(conf, low)) continue;
        double a = ci_conf_double(conf, low), b = ci_conf_double(conf, high);
        if (a < b || (a == b && ordered[i].may_equal)) continue;
        return ci_error(CI_ERR_USAGE, "--%s %s (%s): must be %s --%s %s (%s)", ci_conf_name(low),
                        ci_conf_text(conf, low), ci_conf_origin(conf, low),
                        ordered[i].may_equal ? "at most" : "below", ci_conf_name(high),
                        ci_conf_text(conf, high), ci_conf_origin(conf, high));
    }
    return CI_OK;
}

/* An option that has no effect because of another's value. */
static void warn_idle(const ci_conf *conf)
{
    if (ci_conf_is_used(conf, CI_CONF_OPT_SPECTRAL_TERMS) &&
        ci_conf_is_given(conf, CI_CONF_OPT_SPECTRAL_TERMS) &&
        ci_conf_int(conf, CI_CONF_OPT_CHANNELS_OUT) == 1)
        ci_log_warning("--spectral-terms %s (%s) has no effect without --channels-out",
                       ci_conf_text(conf, CI_CONF_OPT_SPECTRAL_TERMS),
                       ci_conf_origin(conf, CI_CONF_OPT_SPECTRAL_TERMS));
    if (!ci_conf_is_used(conf, CI_CONF_OPT_ROBUST) || !ci_conf_is_given(conf, CI_CONF_OPT_ROBUST))
        return;
    if (strcasecmp(ci_conf_text(conf, CI_CONF_OPT_WEIGHTING), "briggs") != 0)
        ci_log_warning("--robust %s (%s) has no effect with --weighting %s",
                       ci_conf_text(conf, CI_CONF_OPT_ROBUST),
                       ci_conf_origin(conf, CI_CONF_OPT_ROBUST),
                       ci_conf_text(conf, CI_CONF_OPT_WEIGHTING));
}

ci_status ci_conf_validate(ci_conf *conf)
{
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        const ci_conf_row *row = &ci_conf_rows[i];
        if (!ci_conf_is_used(conf, id)) continue;
        if (strstr(conf->value[i].text, "${"))
            CI_TRY(refuse(conf, id, "holds a ${NAME} that is set nowhere"));
        if (row->type == CI_TYPE_TEXT || row->type == CI_TYPE_PATH) CI_TRY(check_text(conf, id));
        if (row->type == CI_TYPE_INT || row->type == CI_TYPE_REAL) CI_TRY(check_number(conf, id));
        if (row->type == CI_TYPE_FLAG) CI_TRY(check_flag(conf, id));
        if (row->type == CI_TYPE_CHOICE) CI_TRY(check_choice(conf, id));
    }
    CI_TRY(check_order(conf));
    warn_idle(conf);
    return CI_OK;
}

ci_status ci_conf_check_others(const ci_conf *conf, unsigned commands)
{
    ci_conf other = *conf; /* texts are borrowed: checking sets numbers only */
    other.command = (ci_conf_command)commands;
    return ci_conf_validate(&other);
}

/* ---- getters ---------------------------------------------------------------------- */

size_t ci_conf_argument_count(const ci_conf *conf)
{
    return conf->n_argument;
}

const char *ci_conf_argument(const ci_conf *conf, size_t i)
{
    return conf->argument[i];
}

const char *const *ci_conf_arguments(const ci_conf *conf)
{
    return conf->argument;
}

ci_status ci_conf_check_work(const ci_conf *conf)
{
    const char *group = ci_conf_text(conf, CI_CONF_OPT_GROUP);
    if (!*group && ci_conf_bool(conf, CI_CONF_OPT_REMAKE))
        return ci_error(CI_ERR_USAGE, "--remake: give the group, too: --group ID, as `contimg "
                                      "status` lists it");
    if (!*group || ci_conf_argument_count(conf) == 0) return CI_OK;
    return ci_error(CI_ERR_USAGE, "--group %s, and files (%s): give one or the other", group,
                    ci_conf_argument(conf, 0));
}

const char *ci_conf_text(const ci_conf *conf, ci_conf_id id)
{
    return conf->value[id].text;
}

double ci_conf_double(const ci_conf *conf, ci_conf_id id)
{
    return conf->value[id].number;
}

int64_t ci_conf_int(const ci_conf *conf, ci_conf_id id)
{
    return (int64_t)conf->value[id].number;
}

bool ci_conf_bool(const ci_conf *conf, ci_conf_id id)
{
    return conf->value[id].flag;
}

bool ci_conf_is_used(const ci_conf *conf, ci_conf_id id)
{
    return ci_conf_rows[id].commands & (unsigned)conf->command;
}

bool ci_conf_is_given(const ci_conf *conf, ci_conf_id id)
{
    return conf->value[id].source != CI_CONF_SOURCE_DEFAULT;
}

ci_conf_source ci_conf_source_of(const ci_conf *conf, ci_conf_id id)
{
    return conf->value[id].source;
}

const char *ci_conf_origin(const ci_conf *conf, ci_conf_id id)
{
    static const char *const words[CI_CONF_SOURCE_COUNT] = {"default", "file", "environment",
                                                            "command line"};
    const ci_conf_value *value = &conf->value[id];
    return value->line ? value->line : words[value->source];
}

const char *ci_conf_file(const ci_conf *conf)
{
    return conf->file;
}

ci_status ci_conf_given_text(char **out, const ci_conf *conf)
{
    ci_text text = {0};
    ci_status status = ci_text_append(&text, "%s", "");
    for (int i = 0; status == CI_OK && i < CI_CONF_OPT_COUNT; i++)
        if (ci_conf_is_given(conf, (ci_conf_id)i) && ci_conf_is_used(conf, (ci_conf_id)i))
            status = ci_text_append(&text, "%s%s=%s", text.length ? " " : "", ci_conf_rows[i].name,
                                    conf->value[i].text);
    *out = text.text;
    return status;
}
