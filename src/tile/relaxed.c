/* Quality limits that are set looser than their defaults, in the words of tables, and
 * headers. */
#include "contimg/tile.h"

ci_status ci_tile_relaxed_cards(ci_fits_header *header, const ci_conf *conf, unsigned what)
{
    /* A key has eight characters at most. */
    static const char nth[] = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t n = 0;
    for (ci_conf_id id = ci_conf_relaxed_next(conf, what, 0); id < CI_CONF_OPT_COUNT;
         id = ci_conf_relaxed_next(conf, what, id + 1)) {
        char key[16], text[CI_CONF_RELAXED_TEXT];
        snprintf(key, sizeof key, "QARELAX%c", n + 1 < sizeof nth ? nth[n] : 'Z');
        n++;
        ci_conf_relaxed_text(conf, id, text);
        CI_TRY(ci_fits_card_set_text(header, key, text, "limit relaxed"));
    }
    return CI_OK;
}

ci_status ci_tile_relaxed_history(ci_cal_table *table, const ci_conf *conf)
{
    char *limits = NULL, *history = NULL;
    CI_TRY(ci_conf_relaxed_list(&limits, conf, CI_CONF_JUDGES_TABLES));
    ci_status status = CI_OK;
    if (*limits)
        status =
            ci_str_format(&history, "Limits relaxed: %s. %s", limits, ci_vis_text(table->history));
    if (status == CI_OK && history) status = ci_str_set(&table->history, history);
    ci_mem_free(limits);
    ci_mem_free(history);
    return status;
}
