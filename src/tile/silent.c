/* Receptors that gave noise only while a tile was observed, as its own field shows: named, and
 * flagged. */
#include "tile/coherence.h"

#include <stdio.h>

/* Whether nothing of a receptor is in the table because the solve failed. */
static bool is_silent(const ci_cal_table *t, size_t a, size_t h)
{
    for (size_t i = 0; i < t->n_time * t->n_chan; i++)
        if (t->flag[(i * t->array.n_antenna + a) * t->n_feed + h] != CI_CAL_FAILED) return false;
    return true;
}

/* " 7, 9 XX": an antenna with all its feeds, or one feed of it. */
static void names_write(const ci_cal_table *t, char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (size_t a = 0; a < t->array.n_antenna; a++) {
        size_t n_feed = 0, feed = 0;
        for (size_t h = 0; h < t->n_feed; h++) {
            if (!is_silent(t, a, h)) continue;
            n_feed++;
            feed = h;
        }
        if (n_feed == 0 || n >= size) continue;
        bool is_whole = n_feed == t->n_feed;
        n += (size_t)snprintf(text + n, size - n, "%s %lld%s%s", n > 0 ? "," : "",
                              (long long)t->array.antenna[a].number, is_whole ? "" : " ",
                              is_whole ? "" : ci_vis_pol_name(t->jones[feed]));
    }
}

void ci_tile_silent_tell(ci_comm *comm, const ci_cal_corrections *c)
{
    char names[1024];
    if (c->n_silent == 0 || !c->table || ci_comm_rank(comm) != 0) return;
    names_write(c->table, names, sizeof names);
    ci_log_warning("the tile's own field shows nothing but noise in %zu receptor%s, though it does "
                   "in others: flagged: antenna%s",
                   c->n_silent, ci_plural(c->n_silent), names);
}

ci_status ci_tile_silent_flag(ci_comm *comm, const ci_cal_corrections *c, ci_tile_data *data)
{
    ci_cal_table *t = c->table;
    if (c->n_silent == 0 || !t) return CI_OK;
    ci_tile_silent_tell(comm, c);
    for (size_t i = 0; i < t->n_time * t->n_chan * t->array.n_antenna * t->n_feed; i++)
        t->gain[i] = 1; /* flags alone */
    return ci_tile_blocks_apply((const ci_cal_table *const[2]){t, NULL}, ci_comm_isa(comm),
                                data->set);
}
