/* Forming of mosaic groups from the observations of a night. */
#include "ingest/ingest.h"

#include <math.h>
#include <string.h>

/* Files have their times as Julian dates, to 0.04 ms: what is nearer to a limit is at it. */
static const double time_margin_s = 1e-3;

/* The night as seen by group forming: observations by time, with what they are already. */
typedef struct timeline_item
{
    const ci_registry_observation *o;
    bool is_new, is_overlap; /* in a group */
} timeline_item;

typedef struct timeline
{
    size_t n;
    timeline_item *item;
    ci_registry_observations *owned;
} timeline;

/* Why a group is closed; the registry has the word. */
typedef enum closing
{
    CLOSED_NOT,
    CLOSED_FULL,
    CLOSED_GAP,
    CLOSED_DECLINATION,
    CLOSED_SPAN,
    CLOSED_SILENCE,
    CLOSED_NEIGHBOUR
} closing;
static const char *const closing_words[] = {"",     "full",    "gap",      "declination",
                                            "span", "silence", "neighbour"};

typedef struct window
{
    size_t first, n_overlap, end; /* items [first, end) */
    closing closed_by;
} window;

/* May it be in a group: named ones only where the scanned folder has their files. */
static ci_status belongs(ci_registry *registry, const ci_registry_observation *o,
                         const char *folder, bool *out)
{
    *out = !o->is_named;
    if (*out || !folder) return CI_OK;
    ci_registry_files *files = NULL;
    CI_TRY(ci_registry_files_read(registry, &files, o->id));
    size_t n = strlen(folder);
    for (size_t i = 0; i < files->n && !*out; i++) {
        const char *path = files->item[i].path;
        *out = strncmp(path, folder, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
    }
    ci_registry_files_free(files);
    return CI_OK;
}

static ci_status timeline_read(ci_registry *registry, const char *folder,
                               const ci_ingest_options *options, timeline *out)
{
    double since;
    CI_TRY(ci_registry_ungrouped_since(registry, &since));
    if (isnan(since)) return CI_OK;
    since -= (double)(options->overlap + 1) * options->max_step_s;
    CI_TRY(ci_registry_observations_read(registry, &out->owned, since, NAN, false));
    CI_TRY(ci_mem_alloc(&out->item, out->owned->n, sizeof *out->item, "timeline"));
    for (size_t i = 0; i < out->owned->n; i++) {
        timeline_item item = {.o = &out->owned->item[i]};
        bool in = false;
        CI_TRY(belongs(registry, item.o, folder, &in));
        if (!in) continue;
        CI_TRY(ci_registry_observation_roles(registry, item.o->id, &item.is_new, &item.is_overlap));
        out->item[out->n++] = item;
    }
    return CI_OK;
}

static bool is_settled(const ci_registry_observation *o)
{
    return o->is_ready || o->state != CI_REGISTRY_WORK_COLLECTING;
}

/* Why b is not in one group with a: CLOSED_NOT where it is. */
static closing break_between(const ci_registry_observation *a, const ci_registry_observation *b,
                             const ci_ingest_options *options)
{
    double step_s = b->first_time_mjd_s - a->first_time_mjd_s;
    if (step_s >= options->max_step_s - time_margin_s) return CLOSED_GAP;
    if (a->dec_known && b->dec_known && fabs(a->dec_rad - b->dec_rad) > options->max_dec_step_rad)
        return CLOSED_DECLINATION;
    return CLOSED_NOT;
}

/* The window that begins with the first new observation i. */
static window window_at(const timeline *t, size_t i, double now, const ci_ingest_options *options)
{
    window w = {.first = i};
    while (w.n_overlap < (size_t)options->overlap && w.first > 0) {
        const timeline_item *before = &t->item[w.first - 1];
        if (!before->is_new || before->is_overlap ||
            break_between(before->o, t->item[w.first].o, options))
            break;
        w.first--;
        w.n_overlap++;
    }
    double arrived = 0;
    for (w.end = i; w.end < t->n; w.end++) {
        const timeline_item *next = &t->item[w.end];
        if (w.end > i) {
            closing why = break_between(t->item[w.end - 1].o, next->o, options);
            double span = next->o->first_time_mjd_s - t->item[w.first].o->first_time_mjd_s;
            if (!why && next->is_new) why = CLOSED_NEIGHBOUR;
            if (!why && span > options->max_span_s + time_margin_s) why = CLOSED_SPAN;
            if (why) {
                /* Decided only when what follows is settled too: files may come in any order. */
                if (is_settled(next->o)) w.closed_by = why;
                return w;
            }
        }
        if (!is_settled(next->o)) return w;
        arrived = fmax(arrived, next->o->arrived_unix_s);
        if (w.end + 1 - w.first == (size_t)options->group_size) {
            w.end++;
            w.closed_by = CLOSED_FULL;
            return w;
        }
    }
    if (now - arrived >= options->silence_s) w.closed_by = CLOSED_SILENCE;
    return w;
}

/* A group closed early needs no more tiles than a full one has. */
static int64_t min_tiles(const ci_ingest_options *options, bool is_early, size_t n)
{
    if (!is_early) return (int64_t)ceil(options->min_group_fraction * (double)n - 1e-9);
    return options->group_size < options->min_group_early ? options->group_size
                                                          : options->min_group_early;
}

static ci_status group_record(ci_registry *registry, const timeline *t, const window *w,
                              const ci_ingest_options *options, ci_ingest_report *report)
{
    size_t n = w->end - w->first, n_usable = 0;
    ci_registry_member *members = NULL;
    const char **ids = NULL;
    char error[CI_REGISTRY_TEXT] = "";
    ci_registry_group g = {.state = CI_REGISTRY_WORK_PENDING, .n_member = n, .error = error};
    ci_status status = ci_mem_alloc(&members, n, sizeof *members, "members");
    if (status == CI_OK) status = ci_mem_alloc(&ids, n, sizeof *ids, "members");
    for (size_t k = 0; k < n && status == CI_OK; k++) {
        const ci_registry_observation *o = t->item[w->first + k].o;
        ids[k] = o->id;
        snprintf(members[k].observation_id, sizeof members[k].observation_id, "%s", o->id);
        members[k].role = k < w->n_overlap ? CI_REGISTRY_ROLE_OVERLAP : CI_REGISTRY_ROLE_NEW;
        members[k].first_time_mjd_s = o->first_time_mjd_s;
        n_usable += o->state != CI_REGISTRY_WORK_FAILED;
    }
    if (status == CI_OK) {
        g.member = members;
        g.is_early = w->closed_by != CLOSED_FULL;
        snprintf(g.closed_by, sizeof g.closed_by, "%s", closing_words[w->closed_by]);
        g.n_min_tiles = min_tiles(options, g.is_early, n);
        if ((int64_t)n_usable < g.n_min_tiles) {
            g.state = CI_REGISTRY_WORK_FAILED;
            snprintf(error, sizeof error,
                     "closed %s(%s) with %zu member%s, %zu of them usable; %lld needed",
                     g.is_early ? "early " : "", closing_words[w->closed_by], n, ci_plural(n),
                     n_usable, (long long)g.n_min_tiles);
        }
        status = ci_registry_group_id(g.id, ids, n, members[0].first_time_mjd_s);
    }
    bool is_new = false;
    if (status == CI_OK) status = ci_registry_group_add(registry, &g, &is_new);
    report->n_group += is_new;
    if (is_new && g.state == CI_REGISTRY_WORK_FAILED)
        ci_log_warning("mosaic group %s failed: %s", g.id, error);
    ci_mem_free(members);
    ci_mem_free(ids);
    return status;
}

ci_status ci_ingest_form_groups(ci_registry *registry, const char *folder,
                                const ci_ingest_options *options, ci_ingest_report *report)
{
    timeline t = {0};
    double now = ci_registry_now(registry);
    ci_status status = timeline_read(registry, folder, options, &t);
    for (size_t i = 0; status == CI_OK && i < t.n;) {
        if (t.item[i].is_new) {
            i++;
            continue;
        }
        window w = window_at(&t, i, now, options);
        if (w.closed_by) {
            status = group_record(registry, &t, &w, options, report);
            for (size_t k = w.first; k < w.end; k++)
                *(k < w.first + w.n_overlap ? &t.item[k].is_overlap : &t.item[k].is_new) = true;
            i = w.end;
        } else {
            /* An open window blocks nothing that comes after its break. */
            do
                i++;
            while (i < t.n && !t.item[i].is_new &&
                   (i < w.end || !break_between(t.item[i - 1].o, t.item[i].o, options)));
        }
    }
    ci_registry_observations_free(t.owned);
    ci_mem_free(t.item);
    return status;
}
