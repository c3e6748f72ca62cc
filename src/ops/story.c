/* What became of one thing: where it stands, every change, every attempt, and what comes next. */
#include "contimg/ingest.h"
#include "contimg/publish.h"
#include "ops/story.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* `state` and `error` stay where they are. */
static void standing_set(ci_ops_standing *now, ci_ops_standing_kind kind, const char *state,
                         const char *error)
{
    *now = (ci_ops_standing){.kind = kind,
                             .state = state,
                             .error = error ? error : "",
                             .owned_unix_s = NAN,
                             .next_try_unix_s = NAN,
                             .published_path = "",
                             .version_before = ""};
}

static void owner_set(ci_ops_standing *now, const ci_registry *registry,
                      const ci_registry_owner *owner)
{
    if (!owner->host[0]) return;
    ci_registry_owner_text(owner, now->owner);
    now->owned_unix_s = owner->acquired_unix_s;
    now->is_lost = !ci_registry_owner_alive(registry, owner);
}

CI_PRINTF(2, 3)
static void next_set(ci_ops_standing *now, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(now->next, sizeof now->next, format, values);
    va_end(values);
}

/* ---- where it stands ------------------------------------------------------------------------- */

/* The group that has an observation: of several one that is still to be made; NULL: none has. */
static const ci_registry_group *group_of(const ci_registry_groups *groups, const char *id)
{
    const ci_registry_group *found = NULL;
    for (size_t i = 0; i < groups->n; i++) {
        const ci_registry_group *g = &groups->item[i];
        for (size_t k = 0; k < g->n_member; k++) {
            if (strcmp(g->member[k].observation_id, id) != 0) continue;
            if (g->state == CI_REGISTRY_WORK_PENDING || g->state == CI_REGISTRY_WORK_IN_PROGRESS)
                return g;
            found = g;
        }
    }
    return found;
}

static void observation_group_next(ci_ops_standing *now, const ci_registry_group *g)
{
    if (!g)
        next_set(now, "is imaged with its group, once that is formed (contimg group tells when)");
    else if (g->state == CI_REGISTRY_WORK_FAILED)
        next_set(now, "none by itself: its group %s failed (contimg status %s)", g->id, g->id);
    else
        next_set(now, "is imaged with its group %s", g->id);
}

/* "sb03, sb07 are", "its 16 sub-bands are". */
static void awaited_next(ci_ops_standing *now, const ci_registry_observation *o)
{
    char missing[2 * CI_REGISTRY_TEXT], closes[32];
    ci_ingest_sub_bands_text(missing, o->missing);
    bool is_one = *missing && !strchr(missing, ',');
    if (!*missing)
        snprintf(missing, sizeof missing, "its %lld sub-bands", (long long)o->n_expected);
    ci_ops_observation_closes(closes, o);
    next_set(now,
             "closes when %s %s there, at %s at the latest: 10 minutes after the time of its last "
             "file (later only while one of its files is being written)",
             missing, is_one ? "is" : "are", closes);
}

/* The group that a scan made of an observation; NULL: none. */
static const ci_registry_group *group_of_scan(const ci_registry_groups *groups, const char *id)
{
    for (size_t i = 0; i < groups->n; i++) {
        const ci_registry_group *g = &groups->item[i];
        for (size_t k = 0; !g->is_named && k < g->n_member; k++)
            if (strcmp(g->member[k].observation_id, id) == 0) return g;
    }
    return NULL;
}

/* What takes its late files in: a person who asks for its group, or names them. */
static void late_next(ci_ops_standing *now, const ci_registry_observation *o,
                      const ci_registry_group *g, size_t n_late)
{
    char take[192];
    if (g)
        snprintf(take, sizeof take, "contimg run --group %s%s takes its %zu late file%s", g->id,
                 o->state == CI_REGISTRY_WORK_COMPLETED ? " --remake" : "", n_late,
                 ci_plural(n_late));
    else
        snprintf(take, sizeof take,
                 "contimg run with all its files named takes its %zu late file%s", n_late,
                 ci_plural(n_late));
    if (o->state == CI_REGISTRY_WORK_COMPLETED)
        next_set(now, "none by itself: its tile is made; %s", take);
    else if (o->state == CI_REGISTRY_WORK_FAILED)
        next_set(now, "none by itself: %s", take);
    else
        next_set(now, "is imaged with its group, without its late files; %s", take);
}

static void failed_next(ci_ops_standing *now, const ci_registry_observation *o,
                        const ci_registry_group *g)
{
    const char *before = o->is_ready ? "" : "put the missing files back, then ";
    if (g)
        next_set(now, "none by itself: %scontimg run --group %s tries it again", before, g->id);
    else
        next_set(now, "none by itself: %scontimg run with its files named tries it again", before);
}

static void observation_next(ci_ops_standing *now, const ci_registry_observation *o,
                             const ci_registry_groups *groups, size_t n_late)
{
    if (!o->is_deployed && n_late > 0) {
        late_next(now, o, group_of_scan(groups, o->id), n_late);
        return;
    }
    if (o->is_deployed)
        next_set(now, "none: it is the deployed pipeline's (contimg db adopt takes it over)");
    else if (ci_ops_observation_is_awaited(o))
        awaited_next(now, o);
    else if (o->state == CI_REGISTRY_WORK_FAILED)
        failed_next(now, o, group_of_scan(groups, o->id));
    else if (o->state == CI_REGISTRY_WORK_COMPLETED)
        next_set(now, "none: its tile is made");
    else
        observation_group_next(now, group_of(groups, o->id));
}

static void degraded_set(ci_ops_standing *now, const ci_registry_observation *o)
{
    char missing[2 * CI_REGISTRY_TEXT];
    ci_ingest_sub_bands_text(missing, o->missing);
    snprintf(now->degraded_why, sizeof now->degraded_why, "%lld of %lld sub-bands%s%.400s",
             (long long)o->n_present, (long long)o->n_expected, *missing ? ", missing " : "",
             missing);
}

static ci_status observation_read(ci_ops_story *story, ci_registry *registry)
{
    CI_TRY(ci_registry_observation_get(registry, story->id, &story->observations));
    if (story->observations->n == 0) return CI_OK;
    const ci_registry_observation *o = &story->observations->item[0];
    ci_ops_standing *now = &story->now[story->n_now++];
    standing_set(now, CI_OPS_STANDING_OBSERVATION, ci_registry_work_state_word(o->state), o->error);
    ci_registry_groups *groups = NULL;
    size_t n_late;
    now->is_degraded = o->is_degraded;
    if (o->is_degraded) degraded_set(now, o);
    CI_TRY(ci_ingest_count_late(registry, o->id, &n_late));
    CI_TRY(ci_registry_groups_read(registry, &groups));
    observation_next(now, o, groups, n_late);
    ci_registry_groups_free(groups);
    return o->is_deployed ? CI_OK : ci_registry_files_unused(registry, &story->files);
}

static void group_next(ci_ops_standing *now, const ci_registry *registry,
                       const ci_registry_group *g)
{
    bool lives = ci_registry_owner_alive(registry, &g->owner);
    if (g->is_deployed)
        next_set(now, "none: it is the deployed pipeline's");
    else if (g->state == CI_REGISTRY_WORK_IN_PROGRESS && lives)
        next_set(now, "is being made");
    else if (g->state == CI_REGISTRY_WORK_IN_PROGRESS)
        next_set(now, "lost: its run is gone; the next contimg run takes it over");
    else if (g->state == CI_REGISTRY_WORK_PENDING &&
             g->next_try_unix_s > ci_registry_now(registry)) {
        char until[32];
        ci_time_iso(until, ci_time_mjd_s_from_unix(g->next_try_unix_s), 0, true);
        next_set(now, "waits until %s; contimg run --group %s tries it at once", until, g->id);
    } else if (g->state == CI_REGISTRY_WORK_PENDING)
        next_set(now, "is made by a coming contimg run or contimg-submit, oldest group first");
    else if (g->state == CI_REGISTRY_WORK_FAILED)
        next_set(now, "none by itself: contimg run --group %s tries again", g->id);
    else
        next_set(now, "none: it is made; its product has a state of its own");
}

void ci_ops_group_standing(ci_ops_standing *now, const ci_registry *registry,
                           const ci_registry_group *g)
{
    /* Of one that was made, what became of its product, and may be so no longer. */
    standing_set(now, CI_OPS_STANDING_GROUP, ci_registry_work_state_word(g->state),
                 g->state == CI_REGISTRY_WORK_COMPLETED ? "" : g->error);
    owner_set(now, registry, &g->owner);
    now->next_try_unix_s = g->next_try_unix_s;
    group_next(now, registry, g);
}

static ci_status group_read(ci_ops_story *story, ci_registry *registry)
{
    CI_TRY(ci_registry_group_get(registry, story->id, &story->groups));
    if (story->groups->n == 0) return CI_OK;
    ci_ops_group_standing(&story->now[story->n_now++], registry, &story->groups->item[0]);
    return CI_OK;
}

static int64_t max_attempt(void)
{
    ci_publish_options options;
    ci_publish_options_default(&options);
    return options.max_attempt;
}

static void product_next(ci_ops_standing *now, const ci_registry *registry,
                         const ci_registry_product *p)
{
    bool lives = ci_registry_owner_alive(registry, &p->owner);
    char when[32];
    if (p->is_deployed)
        next_set(now, "none: it is the deployed pipeline's (contimg db adopt takes it over)");
    else if (p->state == CI_REGISTRY_PUBLISH_PUBLISHED)
        next_set(now, "none: contimg publish --withdraw %s takes it back", p->id);
    else if (p->state == CI_REGISTRY_PUBLISH_PUBLISHING && lives)
        next_set(now, "is being published");
    else if (p->state == CI_REGISTRY_PUBLISH_PUBLISHING)
        next_set(now, "lost: contimg publish --recover or the next run finishes it");
    else if (p->state == CI_REGISTRY_PUBLISH_REFUSED)
        next_set(now, "none by itself: contimg publish --id %s judges it again", p->id);
    else if (p->state == CI_REGISTRY_PUBLISH_FAILED || !p->auto_publish)
        next_set(now, "none by itself: contimg publish --id %s publishes it", p->id);
    else if (p->next_try_unix_s > 0) {
        ci_time_iso(when, ci_time_mjd_s_from_unix(p->next_try_unix_s), 0, true);
        next_set(now,
                 "%lld of %lld attempts failed; tried again after %s by a run, at once by contimg "
                 "publish --id %s",
                 (long long)p->n_attempt, (long long)max_attempt(), when, p->id);
    } else
        next_set(now, "is published by its run, or by contimg publish --id %s", p->id);
}

char *ci_ops_product_degraded(const ci_registry_product *product)
{
    ci_json *metadata = NULL;
    char *why = NULL;
    if (!product->metadata_json || !product->metadata_json[0]) return NULL;
    if (ci_json_parse(&metadata, product->metadata_json, product->id) != CI_OK ||
        (ci_json_get_bool(metadata, "is_degraded", false) &&
         ci_str_copy(&why, ci_json_get_string(metadata, "degraded_why", "")) != CI_OK))
        ci_error_clear();
    ci_json_free(metadata);
    return why;
}

void ci_ops_product_standing(ci_ops_standing *now, const ci_registry *registry,
                             const ci_registry_product *p)
{
    char *why = ci_ops_product_degraded(p);
    standing_set(now, CI_OPS_STANDING_PRODUCT, ci_registry_publish_state_word(p->state), p->error);
    if (p->state == CI_REGISTRY_PUBLISH_PUBLISHED)
        now->published_path = p->published_path;
    else
        now->version_before = p->published_path;
    now->is_degraded = why != NULL;
    snprintf(now->degraded_why, sizeof now->degraded_why, "%s", why ? why : "");
    ci_mem_free(why);
    owner_set(now, registry, &p->owner);
    now->next_try_unix_s = p->next_try_unix_s;
    product_next(now, registry, p);
}

static ci_status product_read(ci_ops_story *story, ci_registry *registry)
{
    CI_TRY(ci_registry_product_get(registry, story->id, &story->products));
    if (story->products->n == 0) return CI_OK;
    ci_ops_product_standing(&story->now[story->n_now++], registry, &story->products->item[0]);
    return CI_OK;
}

static void file_next(ci_ops_standing *now, const ci_registry_file *f)
{
    const char *o = f->observation_id;
    switch (f->state) {
    case CI_REGISTRY_FILE_USED:
        next_set(now, "none: it is a sub-band of observation %s (contimg status %s)", o, o);
        break;
    case CI_REGISTRY_FILE_GROWING:
    case CI_REGISTRY_FILE_INCOMPLETE:
        next_set(now, "is looked at again by the next scan");
        break;
    case CI_REGISTRY_FILE_DUPLICATE:
        next_set(now, "none: observation %s has its sub-band (contimg status %s)", o, o);
        break;
    case CI_REGISTRY_FILE_LATE:
        next_set(now, "none by itself: see its observation, contimg status %s", o);
        break;
    default:
        next_set(now, "none by itself: when it is copied again the next scan reads it");
        break;
    }
}

/* A file by its path, or by its name: of several of that name the first. */
static ci_status file_read(ci_ops_story *story, ci_registry *registry, const char *id)
{
    char *path = NULL;
    ci_registry_files_free(story->files);
    story->files = NULL;
    bool is_path = strchr(id, '/') != NULL;
    if (is_path) CI_TRY(ci_path_absolute(&path, id));
    ci_status status = is_path ? ci_registry_file_get(registry, path, &story->files)
                               : ci_registry_files_read(registry, &story->files, NULL);
    ci_mem_free(path);
    CI_TRY(status);
    for (size_t i = 0; i < story->files->n && !story->file; i++) {
        const ci_registry_file *f = &story->files->item[i];
        if (is_path || strcmp(ci_path_base(f->path), id) == 0) story->file = f;
    }
    if (!story->file) return CI_OK;
    ci_ops_standing *now = &story->now[story->n_now++];
    standing_set(now, CI_OPS_STANDING_FILE, ci_registry_file_state_word(story->file->state),
                 ci_ops_file_reason(story->file));
    file_next(now, story->file);
    return CI_OK;
}

/* ---- what happened --------------------------------------------------------------------------- */

static ci_status changes_read(ci_ops_story *story, ci_registry *registry, const char *state,
                              const char *id)
{
    CI_TRY(ci_registry_changes_read(registry, &story->changes, id, 0));
    CI_TRY(ci_mem_alloc(&story->log, story->changes->n, sizeof *story->log, "paths of logs"));
    for (size_t i = 0; i < story->changes->n; i++) {
        char *log = NULL;
        const char *run = story->changes->item[i].run;
        if (!run[0]) continue;
        CI_TRY(ci_str_format(&log, "%s/reports/%s/log.jsonl", state, run));
        if (ci_path_exists(log))
            story->log[i] = log;
        else
            ci_mem_free(log);
    }
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
static void last_words_read(ci_ops_story *story)
{
    const char *log = NULL;
    bool is_lost = false;
    for (size_t i = 0; i < story->n_now; i++)
        is_lost = is_lost || story->now[i].is_lost;
    for (size_t i = story->changes->n; is_lost && i-- > 0 && !log;)
        log = story->log[i];
    if (log) story->last_log_line = log_last(log);
}

ci_status ci_ops_story_read(ci_ops_story *out, ci_registry *registry, const char *state,
                            const char *id)
{
    memset(out, 0, sizeof *out);
    snprintf(out->id, sizeof out->id, "%s", id);
    CI_TRY(observation_read(out, registry));
    CI_TRY(group_read(out, registry));
    CI_TRY(product_read(out, registry));
    if (out->n_now == 0) CI_TRY(file_read(out, registry, id));
    CI_TRY(changes_read(out, registry, state, out->file ? out->file->path : id));
    CI_TRY(ci_registry_attempts_read(registry, &out->attempts, id, 0));
    last_words_read(out);
    if (out->n_now + out->changes->n > 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: nothing is known of it: `contimg status` lists what there is", id);
}

void ci_ops_story_clear(ci_ops_story *story)
{
    for (size_t i = 0; story->log && i < story->changes->n; i++)
        ci_mem_free(story->log[i]);
    ci_mem_free(story->log);
    ci_registry_observations_free(story->observations);
    ci_registry_groups_free(story->groups);
    ci_registry_products_free(story->products);
    ci_registry_files_free(story->files);
    ci_registry_changes_free(story->changes);
    ci_registry_attempts_free(story->attempts);
    ci_mem_free(story->last_log_line);
    memset(story, 0, sizeof *story);
}
