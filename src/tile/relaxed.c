/* Quality limits that are set looser than their defaults, in the words of tables, headers and
 * records. */
#include "contimg/tile.h"

#include <string.h>

static bool judges(ci_conf_id id, unsigned what)
{
    bool is_of_tables = strncmp(ci_conf_name(id), "qa-cal-", 7) == 0;
    return (what & (is_of_tables ? CI_TILE_RELAXED_TABLES : CI_TILE_RELAXED_IMAGES)) != 0;
}

/* The next id from `id` on that is relaxed and judges this; CI_OPT_COUNT: none. */
static ci_conf_id next_relaxed(const ci_conf *conf, unsigned what, ci_conf_id id)
{
    int i = (int)id;
    while (i < CI_OPT_COUNT &&
           !(judges((ci_conf_id)i, what) && ci_conf_is_relaxed(conf, (ci_conf_id)i)))
        i++;
    return (ci_conf_id)i;
}

ci_status ci_tile_relaxed_text(char **out, const ci_conf *conf, unsigned what)
{
    ci_text text = {0};
    char one[CI_CONF_RELAXED_TEXT];
    ci_status status = ci_text_append(&text, "%s", "");
    for (ci_conf_id id = next_relaxed(conf, what, 0); status == CI_OK && id < CI_OPT_COUNT;
         id = next_relaxed(conf, what, id + 1)) {
        ci_conf_relaxed_text(conf, id, one);
        status = ci_text_append(&text, "%s%s", text.length ? ", " : "", one);
    }
    *out = status == CI_OK ? text.text : NULL;
    if (status != CI_OK) ci_mem_free(text.text);
    return status;
}

ci_json *ci_tile_relaxed_json(const ci_conf *conf)
{
    const unsigned all = CI_TILE_RELAXED_TABLES | CI_TILE_RELAXED_IMAGES;
    ci_json *list = ci_json_array();
    for (ci_conf_id id = next_relaxed(conf, all, 0); id < CI_OPT_COUNT;
         id = next_relaxed(conf, all, id + 1)) {
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "name", ci_conf_name(id));
        ci_json_put_number(one, "value", ci_conf_double(conf, id));
        ci_json_put_number(one, "default", ci_conf_default(id));
        ci_json_put_string(one, "origin", ci_conf_origin(conf, id));
        ci_json_put(list, NULL, one);
    }
    return list;
}

ci_status ci_tile_relaxed_cards(ci_fits_header *header, const ci_conf *conf, unsigned what)
{
    int n = 0;
    for (ci_conf_id id = next_relaxed(conf, what, 0); id < CI_OPT_COUNT;
         id = next_relaxed(conf, what, id + 1)) {
        char key[16], text[CI_CONF_RELAXED_TEXT];
        snprintf(key, sizeof key, "QARELAX%d", ++n);
        ci_conf_relaxed_text(conf, id, text);
        CI_TRY(ci_fits_card_set_text(header, key, text, "limit relaxed"));
    }
    return CI_OK;
}

ci_status ci_tile_relaxed_history(ci_cal_table *table, const ci_conf *conf)
{
    char *limits = NULL, *history = NULL;
    CI_TRY(ci_tile_relaxed_text(&limits, conf, CI_TILE_RELAXED_TABLES));
    ci_status status = CI_OK;
    if (*limits)
        status =
            ci_str_format(&history, "Limits relaxed: %s. %s", limits, ci_vis_text(table->history));
    if (status == CI_OK && history) status = ci_cal_text_set(&table->history, history);
    ci_mem_free(limits);
    ci_mem_free(history);
    return status;
}
