/* What may need somebody: products that are not published, groups that failed, runs that are gone.
 */
#include "contimg/ops.h"

#include <string.h>

void ci_ops_text_cut(char *out, size_t n_byte, const char *text)
{
    static const char mark[] = " ...";
    size_t most = n_byte - sizeof mark, at = most;
    snprintf(out, n_byte, "%s", text);
    if (strlen(text) < n_byte) return;
    while (at > n_byte / 4 && text[at] != ' ')
        at--;
    if (text[at] == ' ') most = at;
    /* A word as long as that is cut between two characters. */
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
        most--;
    memcpy(out + most, mark, sizeof mark);
}

static void add(ci_ops_concerns *out, const char *kind, const char *id, const char *state,
                const char *why)
{
    out->n++;
    if (out->n_item == CI_OPS_CONCERNS) return;
    ci_ops_concern *c = &out->item[out->n_item++];
    c->kind = kind;
    c->state = state;
    snprintf(c->id, sizeof c->id, "%s", id);
    ci_ops_text_cut(c->why, sizeof c->why, why ? why : "");
}

static bool is_lost(const ci_registry *registry, const ci_registry_owner *owner)
{
    return owner->host[0] && !ci_registry_owner_alive(registry, owner);
}

/* Of a run that is gone. */
static void lost_add(ci_ops_concerns *out, const ci_registry *registry,
                     const ci_registry_groups *groups, const ci_registry_products *products)
{
    char who[CI_REGISTRY_TEXT];
    for (size_t i = groups->n; i-- > 0;) {
        const ci_registry_group *g = &groups->item[i];
        if (g->state != CI_REGISTRY_WORK_IN_PROGRESS || !is_lost(registry, &g->owner)) continue;
        ci_registry_owner_text(&g->owner, who);
        add(out, "group", g->id, "LOST", who);
    }
    for (size_t i = products->n; i-- > 0;) {
        const ci_registry_product *p = &products->item[i];
        if (p->state != CI_REGISTRY_PUBLISH_PUBLISHING || !is_lost(registry, &p->owner)) continue;
        ci_registry_owner_text(&p->owner, who);
        add(out, "product", p->id, "LOST", who);
    }
}

ci_status ci_ops_concerns_read(ci_ops_concerns *out, ci_registry *registry)
{
    ci_registry_groups *groups = NULL;
    ci_registry_products *products = NULL;
    memset(out, 0, sizeof *out);
    ci_status status = ci_registry_groups_unfinished(registry, &groups);
    if (status == CI_OK) status = ci_registry_products_read(registry, &products, -1, false);
    if (status == CI_OK) lost_add(out, registry, groups, products);
    for (size_t i = products ? products->n : 0; status == CI_OK && i-- > 0;) {
        const ci_registry_product *p = &products->item[i];
        if (p->state == CI_REGISTRY_PUBLISH_FAILED || p->state == CI_REGISTRY_PUBLISH_REFUSED)
            add(out, "product", p->id, ci_registry_publish_state_word(p->state), p->error);
    }
    for (size_t i = groups ? groups->n : 0; status == CI_OK && i-- > 0;) {
        const ci_registry_group *g = &groups->item[i];
        if (g->state == CI_REGISTRY_WORK_FAILED) add(out, "group", g->id, "failed", g->error);
    }
    ci_registry_groups_free(groups);
    ci_registry_products_free(products);
    return status;
}

ci_json *ci_ops_concerns_json(const ci_ops_concerns *concerns)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < concerns->n_item; i++) {
        const ci_ops_concern *c = &concerns->item[i];
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "kind", c->kind);
        ci_json_put_string(one, "id", c->id);
        ci_json_put_string(one, "state", c->state);
        ci_json_put_string(one, "why", c->why);
        ci_json_put(list, NULL, one);
    }
    return list;
}
