/* What became of one thing: where it stands, every change, every attempt, and what comes next. */
#include "contimg/ops.h"
#include "ops/time.h"

#include <math.h>
#include <string.h>

static void put_owner(ci_json *json, const ci_registry *registry, const ci_registry_owner *owner)
{
    char who[CI_REGISTRY_TEXT];
    if (!owner->host[0]) return;
    ci_registry_owner_text(owner, who);
    ci_json_put_string(json, "owner", who);
    ci_ops_time_put(json, "owned_since", owner->acquired_unix_s);
    ci_json_put_bool(json, "is_lost", !ci_registry_owner_alive(registry, owner));
}

static ci_json *now_new(ci_json *list, const char *kind, const char *state, const char *error)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "kind", kind);
    ci_json_put_string(json, "state", state);
    ci_json_put_string(json, "error", error ? error : "");
    ci_json_put(list, NULL, json);
    return json;
}

CI_PRINTF(2, 3)
static void put_next(ci_json *json, const char *format, ...)
{
    char text[2 * CI_REGISTRY_TEXT];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    ci_json_put_string(json, "next", text);
}

/* ---- where it stands ------------------------------------------------------------------------- */

static ci_status observation_put(ci_json *list, ci_registry *registry, const char *id)
{
    ci_registry_observations *found = NULL;
    CI_TRY(ci_registry_observation_get(registry, id, &found));
    if (found->n > 0) {
        const ci_registry_observation *o = &found->item[0];
        ci_json *json =
            now_new(list, "observation", ci_registry_work_state_word(o->state), o->error);
        ci_json_put_int(json, "subbands_present", o->n_present);
        ci_json_put_int(json, "expected_subbands", o->n_expected);
        ci_json_put_string(json, "missing", o->missing);
        ci_json_put_bool(json, "is_degraded", o->is_degraded);
        if (o->is_deployed)
            put_next(json, "none: it is the deployed pipeline's (contimg db adopt takes it over)");
        else if (o->state == CI_REGISTRY_WORK_COLLECTING && !o->is_ready)
            put_next(json,
                     "closes when its %lld sub-bands are there, or 10 minutes after its last "
                     "file",
                     (long long)o->n_expected);
        else if (o->state == CI_REGISTRY_WORK_FAILED)
            put_next(json, "none by itself: contimg run with its files named images what there is");
        else if (o->state == CI_REGISTRY_WORK_COMPLETED)
            put_next(json, "none: its tile is made");
        else
            put_next(json, "is imaged with its group");
    }
    ci_registry_observations_free(found);
    return CI_OK;
}

static void group_next(ci_json *json, const ci_registry *registry, const ci_registry_group *g)
{
    bool lives = ci_registry_owner_alive(registry, &g->owner);
    if (g->is_deployed)
        put_next(json, "none: it is the deployed pipeline's");
    else if (g->state == CI_REGISTRY_WORK_IN_PROGRESS && lives)
        put_next(json, "is being made");
    else if (g->state == CI_REGISTRY_WORK_IN_PROGRESS)
        put_next(json, "lost: its run is gone; the next contimg run takes it over");
    else if (g->state == CI_REGISTRY_WORK_PENDING &&
             g->next_try_unix_s > ci_registry_now(registry)) {
        char until[32];
        ci_time_iso(until, ci_time_mjd_s_from_unix(g->next_try_unix_s), 0, true);
        put_next(json, "waits until %s; contimg run --group %s tries it at once", until, g->id);
    } else if (g->state == CI_REGISTRY_WORK_PENDING)
        put_next(json, "is made by a coming contimg run or contimg-submit, oldest group first");
    else if (g->state == CI_REGISTRY_WORK_FAILED)
        put_next(json, "none by itself: contimg run --group %s tries again", g->id);
    else
        put_next(json, "none: it is made; its product has a state of its own");
}

static ci_status group_put(ci_json *list, ci_registry *registry, const char *id)
{
    ci_registry_groups *found = NULL;
    CI_TRY(ci_registry_group_get(registry, id, &found));
    if (found->n > 0) {
        const ci_registry_group *g = &found->item[0];
        ci_json *json = now_new(list, "group", ci_registry_work_state_word(g->state), g->error);
        ci_json *members = ci_json_array();
        for (size_t i = 0; i < g->n_member; i++)
            ci_json_put_string(members, NULL, g->member[i].observation_id);
        ci_json_put(json, "members", members);
        put_owner(json, registry, &g->owner);
        ci_ops_time_put(json, "next_try", g->next_try_unix_s);
        group_next(json, registry, g);
    }
    ci_registry_groups_free(found);
    return CI_OK;
}

static void product_next(ci_json *json, const ci_registry *registry, const ci_registry_product *p)
{
    bool lives = ci_registry_owner_alive(registry, &p->owner);
    char when[32];
    if (p->is_deployed)
        put_next(json, "none: it is the deployed pipeline's (contimg db adopt takes it over)");
    else if (p->state == CI_REGISTRY_PUBLISH_PUBLISHED)
        put_next(json, "none: contimg publish --withdraw %s takes it back", p->id);
    else if (p->state == CI_REGISTRY_PUBLISH_PUBLISHING && lives)
        put_next(json, "is being published");
    else if (p->state == CI_REGISTRY_PUBLISH_PUBLISHING)
        put_next(json, "lost: contimg publish --recover or the next run finishes it");
    else if (p->state == CI_REGISTRY_PUBLISH_REFUSED)
        put_next(json, "none by itself: contimg publish --id %s judges it again", p->id);
    else if (p->state == CI_REGISTRY_PUBLISH_FAILED || !p->auto_publish)
        put_next(json, "none by itself: contimg publish --id %s publishes it", p->id);
    else if (p->next_try_unix_s > 0) {
        ci_time_iso(when, ci_time_mjd_s_from_unix(p->next_try_unix_s), 0, true);
        put_next(json, "tried again after %s by a run, at once by contimg publish --id %s", when,
                 p->id);
    } else
        put_next(json, "is published by its run, or by contimg publish --id %s", p->id);
}

static ci_status product_put(ci_json *list, ci_registry *registry, const char *id)
{
    ci_registry_products *found = NULL;
    CI_TRY(ci_registry_product_get(registry, id, &found));
    if (found->n > 0) {
        const ci_registry_product *p = &found->item[0];
        ci_json *json =
            now_new(list, "product", ci_registry_publish_state_word(p->state), p->error);
        ci_json_put_string(json, "stage_path", p->stage_path);
        bool is_published = p->state == CI_REGISTRY_PUBLISH_PUBLISHED;
        ci_json_put_string(json, "published_path", is_published ? p->published_path : "");
        if (!is_published && p->published_path[0])
            ci_json_put_string(json, "version_before", p->published_path);
        ci_json_put_int(json, "publish_attempts", p->n_attempt);
        ci_ops_time_put(json, "next_try", p->next_try_unix_s);
        put_owner(json, registry, &p->owner);
        product_next(json, registry, p);
    }
    ci_registry_products_free(found);
    return CI_OK;
}

/* ---- what happened --------------------------------------------------------------------------- */

static ci_json *change_json(const ci_registry_change *c, const char *state)
{
    ci_json *json = ci_json_object();
    char *log = NULL;
    ci_ops_time_put(json, "at", c->at_unix_s);
    ci_json_put_string(json, "kind", c->kind_word);
    ci_json_put_string(json, "from", c->from);
    ci_json_put_string(json, "to", c->to);
    ci_json_put_string(json, "reason", c->reason);
    ci_json_put_string(json, "host", c->host);
    ci_json_put_int(json, "pid", c->pid);
    ci_json_put_string(json, "job", c->job);
    ci_json_put_string(json, "run", c->run);
    if (c->run[0] && ci_str_format(&log, "%s/reports/%s/log.jsonl", state, c->run) == CI_OK &&
        ci_path_exists(log))
        ci_json_put_string(json, "log", log);
    ci_mem_free(log);
    return json;
}

static ci_status changes_put(ci_json *root, ci_registry *registry, const char *state,
                             const char *id)
{
    ci_registry_changes *changes = NULL;
    ci_json *list = ci_json_array();
    ci_json_put(root, "changes", list);
    CI_TRY(ci_registry_changes_read(registry, &changes, id, 0));
    for (size_t i = 0; i < changes->n; i++)
        ci_json_put(list, NULL, change_json(&changes->item[i], state));
    ci_registry_changes_free(changes);
    return CI_OK;
}

static ci_status attempts_put(ci_json *root, ci_registry *registry, const char *id)
{
    ci_registry_attempts *attempts = NULL;
    ci_json *list = ci_json_array();
    ci_json_put(root, "attempts", list);
    CI_TRY(ci_registry_attempts_read(registry, &attempts, id, 0));
    for (size_t i = 0; i < attempts->n; i++) {
        const ci_registry_attempt *a = &attempts->item[i];
        ci_json *json = ci_json_object();
        ci_json_put_int(json, "attempt", a->attempt);
        ci_ops_time_put(json, "started", a->started_unix_s);
        ci_ops_time_put(json, "ended", a->ended_unix_s);
        ci_json_put_string(json, "outcome", a->outcome);
        ci_json_put_string(json, "error", a->error);
        ci_json_put_string(json, "host", a->host);
        ci_json_put_int(json, "pid", a->pid);
        ci_json_put_string(json, "job", a->job);
        ci_json_put(list, NULL, json);
    }
    ci_registry_attempts_free(attempts);
    return CI_OK;
}

/* The message of a log's last line; NULL where there is none; ci_mem_free. */
static char *log_last(const char *path)
{
    char text[8192], *message = NULL;
    ci_json *json = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    if (fseek(file, 1 - (long)sizeof text, SEEK_END) != 0) rewind(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n] = '\0';
    const char *end = strrchr(text, '\n');
    if (ci_json_parse(&json, end ? end + 1 : text, path) != CI_OK ||
        ci_str_copy(&message, ci_json_get_string(json, "msg", "")) != CI_OK)
        ci_error_clear();
    ci_json_free(json);
    return message;
}

/* Of what is lost, the last that its run said. */
static void last_words_put(ci_json *root)
{
    const ci_json *now = ci_json_get(root, "now"), *changes = ci_json_get(root, "changes");
    const char *log = "";
    bool is_lost = false;
    for (size_t i = 0; i < ci_json_length(now); i++)
        is_lost = is_lost || ci_json_get_bool(ci_json_at(now, i), "is_lost", false);
    for (size_t i = ci_json_length(changes); is_lost && i-- > 0 && !*log;)
        log = ci_json_get_string(ci_json_at(changes, i), "log", "");
    char *message = *log ? log_last(log) : NULL;
    if (message) ci_json_put_string(root, "last_log_line", message);
    ci_mem_free(message);
}

static ci_status fill(ci_json *root, ci_registry *registry, const char *state, const char *id)
{
    ci_json *now = ci_json_array();
    ci_json_put_string(root, "id", id);
    ci_json_put(root, "now", now);
    CI_TRY(observation_put(now, registry, id));
    CI_TRY(group_put(now, registry, id));
    CI_TRY(product_put(now, registry, id));
    CI_TRY(changes_put(root, registry, state, id));
    CI_TRY(attempts_put(root, registry, id));
    last_words_put(root);
    if (ci_json_length(now) + ci_json_length(ci_json_get(root, "changes")) > 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: nothing is known of it: `contimg status` lists what there is", id);
}

ci_status ci_ops_story_json(ci_json **out, ci_registry *registry, const char *state, const char *id)
{
    *out = ci_json_object();
    ci_status status = fill(*out, registry, state, id);
    if (status == CI_OK) return CI_OK;
    ci_json_free(*out);
    *out = NULL;
    return status;
}
