/* Quality limits that are looser than their defaults, and their warnings. */
#include "conf/table.h"

#include <stdlib.h>

enum
{
    NO_LIMIT,
    BELOW,
    ABOVE
};
enum
{
    TABLES = CI_CONF_JUDGES_TABLES,
    IMAGES = CI_CONF_JUDGES_IMAGES
};

/* On which side each limit is looser, and what it judges, as the table says. */
static const struct
{
    char side;
    unsigned judged;
} limits[CI_CONF_OPT_COUNT] = {
#define CI_OPTION(id, ...) [CI_CONF_OPT_##id] = {NO_LIMIT, 0},
#define CI_LIMIT(side, judged, id, ...) [CI_CONF_OPT_##id] = {side, judged},
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
    if (limits[id].side == ABOVE) return value > normal;
    return limits[id].side == BELOW && value < normal;
}

void ci_conf_relaxed_text(const ci_conf *conf, ci_conf_id id, char out[CI_CONF_RELAXED_TEXT])
{
    snprintf(out, CI_CONF_RELAXED_TEXT, "%s %.9g (%.9g)", ci_conf_name(id),
             ci_conf_double(conf, id), ci_conf_default(id));
}

ci_conf_id ci_conf_relaxed_next(const ci_conf *conf, unsigned judged, ci_conf_id id)
{
    int i = (int)id;
    while (i < CI_CONF_OPT_COUNT &&
           !((limits[i].judged & judged) && ci_conf_is_relaxed(conf, (ci_conf_id)i)))
        i++;
    return (ci_conf_id)i;
}

ci_status ci_conf_relaxed_list(char **out, const ci_conf *conf, unsigned judged)
{
    ci_text text = {0};
    char one[CI_CONF_RELAXED_TEXT];
    ci_status status = ci_text_append(&text, "%s", "");
    for (ci_conf_id id = ci_conf_relaxed_next(conf, judged, 0);
         status == CI_OK && id < CI_CONF_OPT_COUNT;
         id = ci_conf_relaxed_next(conf, judged, id + 1)) {
        ci_conf_relaxed_text(conf, id, one);
        status = ci_text_append(&text, "%s%s", text.length ? ", " : "", one);
    }
    *out = status == CI_OK ? text.text : NULL;
    if (status != CI_OK) ci_mem_free(text.text);
    return status;
}

void ci_conf_relaxed_warn(const ci_conf *conf)
{
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (ci_conf_is_relaxed(conf, id))
            ci_log_warning("--%s %s (%s) is looser than its default %s", ci_conf_name(id),
                           ci_conf_text(conf, id), ci_conf_origin(conf, id),
                           ci_conf_rows[id].missing);
    }
}
