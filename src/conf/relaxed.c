/* Quality limits that are looser than their defaults, and their warnings. */
#include "conf/table.h"

#include <stdlib.h>

enum
{
    NO_LIMIT,
    BELOW,
    ABOVE
};

/* The side on which each option is looser, as the table says. */
static const char relaxed_side[CI_OPT_COUNT] = {
#define CI_OPTION(id, ...) [CI_OPT_##id] = NO_LIMIT,
#define CI_LIMIT(side, id, ...) [CI_OPT_##id] = side,
#include "contimg/options.def"
#undef CI_OPTION
};

double ci_conf_default(ci_conf_id id)
{
    return strtod(ci_conf_rows[id].missing, NULL); /* every default is valid */
}

bool ci_conf_is_relaxed(const ci_conf *conf, ci_conf_id id)
{
    if (!(ci_conf_rows[id].commands & (unsigned)conf->command)) return false;
    double value = ci_conf_double(conf, id), normal = ci_conf_default(id);
    if (relaxed_side[id] == ABOVE) return value > normal;
    return relaxed_side[id] == BELOW && value < normal;
}

void ci_conf_relaxed_text(const ci_conf *conf, ci_conf_id id, char out[CI_CONF_RELAXED_TEXT])
{
    snprintf(out, CI_CONF_RELAXED_TEXT, "%s %.9g (%.9g)", ci_conf_name(id),
             ci_conf_double(conf, id), ci_conf_default(id));
}

void ci_conf_relaxed_warn(const ci_conf *conf)
{
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (ci_conf_is_relaxed(conf, id))
            ci_log_warning("--%s %s (%s) is looser than its default %s", ci_conf_name(id),
                           ci_conf_text(conf, id), ci_conf_origin(conf, id),
                           ci_conf_rows[id].missing);
    }
}
