/* The option table, look-ups of names and variables, and the names that are retired. */
#include "conf/table.h"

#include <ctype.h>
#include <string.h>

const ci_conf_row ci_conf_rows[CI_CONF_OPT_COUNT] = {
#define CI_OPTION(id, name, variable, type, argument, missing, low, high, commands, help)          \
    [CI_CONF_OPT_##                                                                                \
        id] = {name, variable, CI_TYPE_##type, argument, missing, low, high, commands, help},
#include "contimg/options.def"
#undef CI_OPTION
};

static const bool changes_tile[CI_CONF_OPT_COUNT] = {
#define CI_OPTION(id, ...) [CI_CONF_OPT_##id] = false,
#define CI_TILE_OPTION(id, ...) [CI_CONF_OPT_##id] = true,
#include "contimg/options.def"
#undef CI_OPTION
};

/* In the deployed contimg.env, without meaning here. */
static const char *const retired[] = {
    "CONTIMG_MS_DIR",
    "CONTIMG_CALTABLES_DIR",
    "CONTIMG_IMAGES_DIR",
    "CONTIMG_MOSAICS_DIR",
    "CONTIMG_LOGS_DIR",
    "CONTIMG_TMPFS_WARN_PERCENT",
    "CONTIMG_TMPFS_CRITICAL_PERCENT",
    "CONTIMG_CAL_USE_NVSS_SKYMODEL",
    "CONTIMG_QA_MS_MAX_ZEROS",
    "CONTIMG_QA_MS_MIN_AMP",
    "CONTIMG_QA_IMG_MIN_5SIGMA_PIXELS",
    "CONTIMG_SLACK_MIN_SEVERITY",
    "CONTIMG_AUTO_CLEANUP_ENABLED",
};

const char *ci_conf_name(ci_conf_id id)
{
    return ci_conf_rows[id].name;
}

bool ci_conf_changes_tile(ci_conf_id id)
{
    return changes_tile[id];
}

void ci_conf_variable(ci_conf_id id, char out[64])
{
    const ci_conf_row *row = &ci_conf_rows[id];
    if (row->variable) {
        snprintf(out, 64, "%s", row->variable);
        return;
    }
    size_t n = (size_t)snprintf(out, 64, "CONTIMG_%s", row->name);
    for (size_t i = 0; i < n && i < 63; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

ci_conf_id ci_conf_find_name(const char *name)
{
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++)
        if (strcmp(ci_conf_rows[i].name, name) == 0) return (ci_conf_id)i;
    return CI_CONF_OPT_COUNT;
}

ci_conf_id ci_conf_find_option(const char *name, ci_conf_command command)
{
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++)
        if (strcmp(ci_conf_rows[i].name, name) == 0 &&
            (ci_conf_rows[i].commands & (unsigned)command))
            return (ci_conf_id)i;
    return ci_conf_find_name(name);
}

ci_conf_id ci_conf_find_variable(const char *variable)
{
    char own[64];
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_variable((ci_conf_id)i, own);
        if (strcmp(own, variable) == 0) return (ci_conf_id)i;
    }
    return CI_CONF_OPT_COUNT;
}

bool ci_conf_is_retired(const char *variable)
{
    size_t n = sizeof retired / sizeof *retired;
    return ci_str_index(variable, retired, n) < n;
}
