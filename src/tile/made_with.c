/* The options that a tile is made with, as text: to be hashed, kept and compared. */
#include "contimg/tile.h"

/* The content of a file that an option names, where it is one. */
static ci_status hash_file(ci_text *text, const char *path)
{
    char hex[CI_SHA256_HEX];
    if (!*path || !ci_path_exists(path) || ci_path_is_folder(path)) return CI_OK;
    CI_TRY(ci_sha256_file(hex, path));
    return ci_text_append(text, " sha256=%s", hex);
}

/* --cal P names P.bandpass.calh5 and P.gain.calh5. */
static ci_status hash_tables(ci_text *text, const char *prefix)
{
    static const char *const endings[] = {"bandpass", "gain"};
    for (int i = 0; *prefix && i < 2; i++) {
        char *path = NULL;
        CI_TRY(ci_str_format(&path, "%s.%s.calh5", prefix, endings[i]));
        ci_status status = hash_file(text, path);
        ci_mem_free(path);
        CI_TRY(status);
    }
    return CI_OK;
}

ci_status ci_tile_value_append(ci_text *text, const ci_conf *conf, ci_conf_id id)
{
    size_t before = text->length;
    const char *value = ci_conf_text(conf, id);
    if (id == CI_CONF_OPT_MODEL || id == CI_CONF_OPT_CAL || id == CI_CONF_OPT_BEAM ||
        id == CI_CONF_OPT_EARTH_ORIENTATION)
        CI_TRY(hash_file(text, value));
    if (id == CI_CONF_OPT_CAL) CI_TRY(hash_tables(text, value));
    return text->length > before ? CI_OK : ci_conf_value_append(text, conf, id);
}

/* With another value of these CLEAN may go on: limits of it, and what is only warned of. */
static bool may_change(ci_conf_id id)
{
    static const ci_conf_id ids[] = {CI_CONF_OPT_NITER,          CI_CONF_OPT_AUTO_MASK,
                                     CI_CONF_OPT_AUTO_THRESHOLD, CI_CONF_OPT_OUTSIDE,
                                     CI_CONF_OPT_CAL_ANY_TIME,   CI_CONF_OPT_CAL_ANY_DEC,
                                     CI_CONF_OPT_BANDPASS_HOURS, CI_CONF_OPT_GAIN_HOURS};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] == id) return true;
    return false;
}

ci_status ci_tile_made_with(char **out, const ci_conf *conf)
{
    ci_text text = {0};
    ci_status status = CI_OK;
    for (int i = 0; status == CI_OK && i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (!ci_conf_changes_tile(id) || !ci_conf_is_used(conf, id) || may_change(id)) continue;
        status = ci_text_append(&text, "%s=", ci_conf_name(id));
        if (status == CI_OK) status = ci_tile_value_append(&text, conf, id);
        if (status == CI_OK) status = ci_text_append(&text, "\n");
    }
    if (status == CI_OK)
        *out = text.text;
    else
        ci_mem_free(text.text);
    return status;
}
