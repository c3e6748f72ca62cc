/* The story of one thing as JSON. */
#include "ops/story.h"
#include "ops/time.h"

static const char *const kind_words[CI_OPS_STANDING_COUNT] = {"observation", "group", "product",
                                                              "file"};

const char *ci_ops_standing_word(ci_ops_standing_kind kind)
{
    return kind_words[kind];
}

static void file_put(ci_json *json, const ci_registry_file *f)
{
    ci_json_put_string(json, "path", f->path);
    ci_json_put_string(json, "observation", f->observation_id);
}

/* Files of its time that are not used, with their reasons. */
static void files_put(ci_json *json, const ci_registry_files *files,
                      const ci_registry_observation *o)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; files && i < files->n; i++) {
        const ci_registry_file *f = &files->item[i];
        if (!ci_ops_file_is_of(f, o)) continue;
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "path", f->path);
        ci_json_put_string(one, "state", ci_registry_file_state_word(f->state));
        ci_json_put_string(one, "reason", ci_ops_file_reason(f));
        ci_json_put(list, NULL, one);
    }
    ci_json_put(json, "files_not_used", list);
}

static void observation_put(ci_json *json, const ci_registry_observation *o)
{
    ci_json_put_int(json, "subbands_present", o->n_present);
    ci_json_put_int(json, "expected_subbands", o->n_expected);
    ci_json_put_string(json, "missing", o->missing);
    ci_json_put_bool(json, "is_degraded", o->is_degraded);
}

static void group_put(ci_json *json, const ci_registry_group *g)
{
    ci_json *members = ci_json_array();
    for (size_t i = 0; i < g->n_member; i++)
        ci_json_put_string(members, NULL, g->member[i].observation_id);
    ci_json_put(json, "members", members);
}

static void product_put(ci_json *json, const ci_registry_product *p, const ci_ops_standing *now)
{
    ci_json_put_string(json, "stage_path", p->stage_path);
    ci_json_put_string(json, "published_path", now->published_path);
    if (now->version_before[0]) ci_json_put_string(json, "version_before", now->version_before);
    ci_json_put_int(json, "publish_attempts", p->n_attempt);
}

void ci_ops_standing_put(ci_json *json, const ci_ops_standing *now)
{
    if (now->kind == CI_OPS_STANDING_PRODUCT) {
        ci_json_put_bool(json, "is_degraded", now->is_degraded);
        ci_json_put_string(json, "degraded_why", now->degraded_why);
    }
    ci_ops_time_put_known(json, "next_try", now->next_try_unix_s);
    if (now->owner[0]) {
        ci_json_put_string(json, "owner", now->owner);
        ci_ops_time_put_known(json, "owned_since", now->owned_unix_s);
        ci_json_put_bool(json, "is_lost", now->is_lost);
    }
    ci_json_put_string(json, "next", now->next);
}

static ci_json *now_json(const ci_ops_story *story, const ci_ops_standing *now)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "kind", kind_words[now->kind]);
    ci_json_put_string(json, "state", now->state);
    ci_json_put_string(json, "error", now->error);
    if (now->kind == CI_OPS_STANDING_OBSERVATION) {
        observation_put(json, &story->observations->item[0]);
        ci_json_put_string(json, "degraded_why", now->degraded_why);
        files_put(json, story->files, &story->observations->item[0]);
    } else if (now->kind == CI_OPS_STANDING_FILE)
        file_put(json, story->file);
    else if (now->kind == CI_OPS_STANDING_GROUP)
        group_put(json, &story->groups->item[0]);
    else
        product_put(json, &story->products->item[0], now);
    ci_ops_standing_put(json, now);
    return json;
}

static ci_json *change_json(const ci_registry_change *c, const char *log)
{
    ci_json *json = ci_json_object();
    ci_ops_time_put_known(json, "at", c->at_unix_s);
    ci_json_put_string(json, "kind", c->kind_word);
    ci_json_put_string(json, "from", c->from);
    ci_json_put_string(json, "to", c->to);
    ci_json_put_string(json, "reason", c->reason);
    ci_json_put_string(json, "host", c->host);
    ci_json_put_int(json, "pid", c->pid);
    ci_json_put_string(json, "job", c->job);
    ci_json_put_string(json, "run", c->run);
    if (log) ci_json_put_string(json, "log", log);
    return json;
}

static ci_json *attempt_json(const ci_registry_attempt *a)
{
    ci_json *json = ci_json_object();
    ci_json_put_int(json, "attempt", a->attempt);
    ci_ops_time_put_known(json, "started", a->started_unix_s);
    ci_ops_time_put_known(json, "ended", a->ended_unix_s);
    ci_json_put_string(json, "outcome", a->outcome);
    ci_json_put_string(json, "error", a->error);
    ci_json_put_string(json, "host", a->host);
    ci_json_put_int(json, "pid", a->pid);
    ci_json_put_string(json, "job", a->job);
    return json;
}

ci_json *ci_ops_story_json(const ci_ops_story *story)
{
    ci_json *root = ci_json_object();
    ci_json *now = ci_json_array(), *changes = ci_json_array(), *attempts = ci_json_array();
    for (size_t i = 0; i < story->n_now; i++)
        ci_json_put(now, NULL, now_json(story, &story->now[i]));
    for (size_t i = 0; i < story->changes->n; i++)
        ci_json_put(changes, NULL, change_json(&story->changes->item[i], story->log[i]));
    for (size_t i = 0; i < story->attempts->n; i++)
        ci_json_put(attempts, NULL, attempt_json(&story->attempts->item[i]));
    ci_json_put_string(root, "id", story->file ? story->file->path : story->id);
    ci_json_put(root, "now", now);
    ci_json_put(root, "changes", changes);
    ci_json_put(root, "attempts", attempts);
    if (story->last_log_line) ci_json_put_string(root, "last_log_line", story->last_log_line);
    return root;
}
