/* Files named by a person: one group of what there is. */
#include "ingest/ingest.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Named files with their facts, by time and falling frequency, and where clusters begin. */
struct ci_ingest_named_files
{
    size_t n, n_cluster;
    ci_registry_file *item;
    size_t *first; /* [n_cluster + 1] */
};

void ci_ingest_named_free(ci_ingest_named_files *named)
{
    if (!named) return;
    for (size_t i = 0; named->item && i < named->n; i++)
        ci_mem_free(named->item[i].path);
    ci_mem_free(named->item);
    ci_mem_free(named->first);
    ci_mem_free(named);
}

static ci_status file_facts(ci_registry_file *f, const char *given, double now,
                            const ci_ingest_options *options)
{
    char resolved[PATH_MAX];
    struct stat facts;
    if (!realpath(given, resolved) || stat(resolved, &facts) != 0)
        return ci_error(errno == ENOENT || errno == ENOTDIR ? CI_ERR_INPUT : CI_ERR_IO, "%s: %s",
                        given, strerror(errno));
    CI_TRY(ci_ingest_path_check(resolved));
    if (!S_ISREG(facts.st_mode)) return ci_error(CI_ERR_INPUT, "%s: not a file", given);
    if (ci_ingest_name_is_incomplete(resolved))
        return ci_error(CI_ERR_INPUT, "%s: named _incomplete: its writer is not done with it",
                        given);
    if (facts.st_size == 0) return ci_error(CI_ERR_INPUT, "%s: empty, 0 bytes", given);
    CI_TRY(ci_str_copy(&f->path, resolved));
    f->size = facts.st_size;
    f->mtime_unix_s = (double)facts.st_mtim.tv_sec + 1e-9 * (double)facts.st_mtim.tv_nsec;
    f->changed_unix_s = now;
    f->arrived_unix_s = fmin(f->mtime_unix_s, now);
    f->sub_band = -1;
    return ci_ingest_file_read(f, options);
}

static ci_status cluster_check(const ci_registry_file *files, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const char *differs = ci_ingest_differs(&files[i], &files[0]);
        if (differs)
            return ci_error(CI_ERR_INPUT,
                            "%s: its %s is not that of %s of the same time: name the "
                            "files of one instrument",
                            files[i].path, differs, files[0].path);
        for (size_t k = 0; k < i; k++)
            if (ci_ingest_same_sub_band(&files[i], &files[k]))
                return ci_error(CI_ERR_INPUT,
                                "%s: the same sub-band and time as %s: name one of "
                                "them",
                                files[i].path, files[k].path);
    }
    return CI_OK;
}

/* Reads, orders, and splits by first integration. */
static ci_status named_fill(ci_ingest_named_files *named, const char *const *paths, size_t n_path,
                            double now, const ci_ingest_options *options)
{
    CI_TRY(ci_mem_alloc(&named->item, n_path, sizeof *named->item, "named files"));
    CI_TRY(ci_mem_alloc(&named->first, n_path + 1, sizeof *named->first, "named files"));
    named->n = n_path;
    for (size_t i = 0; i < n_path; i++)
        CI_TRY(file_facts(&named->item[i], paths[i], now, options));
    qsort(named->item, n_path, sizeof *named->item, ci_ingest_file_order);
    for (size_t i = 1; i < n_path; i++)
        if (strcmp(named->item[i].path, named->item[i - 1].path) == 0)
            return ci_error(CI_ERR_INPUT, "%s: named twice", named->item[i].path);
    for (size_t i = 0; i < n_path; i++) {
        const ci_registry_file *f = &named->item[i];
        const ci_registry_file *head =
            named->n_cluster ? &named->item[named->first[named->n_cluster - 1]] : NULL;
        if (!head || f->first_time_mjd_s - head->first_time_mjd_s > ci_ingest_tolerance_s(head))
            named->first[named->n_cluster++] = i;
    }
    named->first[named->n_cluster] = n_path;
    for (size_t c = 0; c < named->n_cluster; c++)
        CI_TRY(cluster_check(&named->item[named->first[c]], named->first[c + 1] - named->first[c]));
    return CI_OK;
}

ci_status ci_ingest_named_read(ci_ingest_named_files **out, const char *const *paths, size_t n_path,
                               double now_unix_s, const ci_ingest_options *options)
{
    *out = NULL;
    if (n_path == 0) return ci_error(CI_ERR_USAGE, "no files named");
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "named files"));
    ci_status status = named_fill(*out, paths, n_path, now_unix_s, options);
    if (status == CI_OK) return CI_OK;
    ci_ingest_named_free(*out);
    *out = NULL;
    return status;
}

/* ---- without a database ------------------------------------------------------------------- */

static int by_frequency(const void *a, const void *b)
{
    double x = (*(const ci_registry_file *const *)a)->freq_low_hz;
    double y = (*(const ci_registry_file *const *)b)->freq_low_hz;
    return (x > y) - (x < y);
}

/* Paths ascending in frequency, copied. */
static ci_status paths_copy(char ***out, const ci_registry_file *files, size_t n)
{
    const ci_registry_file **order = NULL;
    CI_TRY(ci_mem_alloc(&order, n, sizeof *order, "paths"));
    for (size_t i = 0; i < n; i++)
        order[i] = &files[i];
    qsort(order, n, sizeof *order, by_frequency);
    ci_status status = ci_mem_alloc(out, n, sizeof **out, "paths");
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = ci_str_copy(&(*out)[i], order[i]->path);
    ci_mem_free(order);
    return status;
}

ci_status ci_ingest_sort(ci_ingest_clusters **out, const char *const *paths, size_t n_path)
{
    ci_ingest_options options;
    ci_ingest_named_files *named = NULL;
    ci_ingest_clusters *list = NULL;
    *out = NULL;
    ci_ingest_options_default(&options);
    CI_TRY(ci_ingest_named_read(&named, paths, n_path, ci_clock_unix_s(), &options));
    ci_status status = ci_mem_alloc(&list, 1, sizeof *list, "clusters");
    if (status == CI_OK)
        status = ci_mem_alloc(&list->item, named->n_cluster, sizeof *list->item, "clusters");
    for (size_t c = 0; c < named->n_cluster && status == CI_OK; c++) {
        ci_ingest_cluster *cluster = &list->item[list->n++];
        const ci_registry_file *files = &named->item[named->first[c]];
        char text[32];
        cluster->n_path = named->first[c + 1] - named->first[c];
        ci_time_iso(text, files[0].first_time_mjd_s + 5e-4, 0, false);
        snprintf(cluster->observation_id, sizeof cluster->observation_id, "%s", text);
        status = paths_copy(&cluster->path, files, cluster->n_path);
    }
    ci_ingest_named_free(named);
    if (status != CI_OK) {
        ci_ingest_clusters_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}

void ci_ingest_clusters_free(ci_ingest_clusters *clusters)
{
    if (!clusters) return;
    for (size_t i = 0; i < clusters->n; i++) {
        ci_ingest_cluster *c = &clusters->item[i];
        for (size_t k = 0; c->path && k < c->n_path; k++)
            ci_mem_free(c->path[k]);
        ci_mem_free(c->path);
    }
    ci_mem_free(clusters->item);
    ci_mem_free(clusters);
}

/* The rule on how many sub-bands are enough; *is_degraded, text of those missing. */
static ci_status enough(ci_registry_file *files, size_t n, const ci_ingest_options *options,
                        int64_t *n_expected, bool *is_degraded, char missing[CI_REGISTRY_TEXT])
{
    int64_t expected = options->named_accept_incomplete ? 0 : options->n_expected;
    ci_ingest_number(files, n, expected);
    int64_t n_missing = ci_ingest_missing(files, n, expected, missing);
    *n_expected = expected ? expected : (int64_t)n + n_missing;
    *is_degraded = n_missing > 0;
    if (!expected || (double)n >= options->min_fraction * (double)expected - 1e-9) return CI_OK;
    char names[2 * CI_REGISTRY_TEXT];
    ci_ingest_sub_bands_text(names, missing);
    return ci_error(CI_ERR_INPUT,
                    "%s: %zu of %lld sub-bands of this observation, missing: %s; at least %.0f "
                    "are needed (--min-subbands, --expected-subbands)",
                    files[0].path, n, (long long)expected, names,
                    ceil(options->min_fraction * (double)expected));
}

ci_status ci_ingest_check_named(const char *const *paths, size_t n_path,
                                const ci_ingest_options *options)
{
    ci_ingest_named_files *named = NULL;
    int64_t n_expected;
    bool is_degraded;
    char missing[CI_REGISTRY_TEXT];
    CI_TRY(ci_ingest_named_read(&named, paths, n_path, ci_clock_unix_s(), options));
    ci_status status = CI_OK;
    for (size_t c = 0; c < named->n_cluster && status == CI_OK; c++)
        status = enough(&named->item[named->first[c]], named->first[c + 1] - named->first[c],
                        options, &n_expected, &is_degraded, missing);
    ci_ingest_named_free(named);
    return status;
}

/* ---- into the database ---------------------------------------------------------------------- */

/* One that a scan has closed keeps its own account of its sub-bands, with the late ones that were
 * named: the group knows which of them were. */
static ci_status mark_named(ci_registry *registry, ci_registry_observation *o, int64_t n_expected,
                            size_t n_late, bool accepts_incomplete)
{
    bool is_counted_here = o->is_named || !o->is_ready;
    if (is_counted_here) o->n_expected = n_expected < o->n_present ? o->n_present : n_expected;
    if (is_counted_here || n_late > 0)
        CI_TRY(ci_ingest_account(registry, o,
                                 is_counted_here && accepts_incomplete ? 0 : o->n_expected));
    /* Asked for by a person: one that failed is tried again. */
    if (o->state == CI_REGISTRY_WORK_COLLECTING || o->state == CI_REGISTRY_WORK_FAILED)
        return ci_ingest_reopen(o);
    o->is_ready = true;
    return CI_OK;
}

/* A file that is no sub-band of an observation yet. One that comes late is one by being named. */
static ci_status file_take(ci_registry *registry, ci_registry_file *file,
                           const ci_ingest_options *options, size_t *n_late)
{
    CI_TRY(ci_ingest_assign(registry, file, options));
    if (file->state != CI_REGISTRY_FILE_LATE) return CI_OK;
    file->state = CI_REGISTRY_FILE_USED;
    file->reason[0] = '\0';
    ++*n_late;
    return ci_registry_file_put(registry, file);
}

/* The files into an open observation of their time, or a new one. */
static ci_status observation_take(ci_registry *registry, ci_registry_file *files, size_t n,
                                  const ci_ingest_options *options, ci_registry_member *member)
{
    int64_t n_expected;
    bool is_degraded;
    char missing[CI_REGISTRY_TEXT];
    size_t n_late = 0;
    CI_TRY(enough(files, n, options, &n_expected, &is_degraded, missing));
    ci_registry_observations *list = NULL;
    for (size_t i = 0; i < n; i++) {
        ci_registry_files *known = NULL;
        CI_TRY(ci_registry_file_get(registry, files[i].path, &known));
        bool is_done = known->n > 0 && known->item[0].state == CI_REGISTRY_FILE_USED;
        if (is_done)
            snprintf(member->observation_id, sizeof member->observation_id, "%s",
                     known->item[0].observation_id);
        ci_registry_files_free(known);
        if (!is_done) CI_TRY(file_take(registry, &files[i], options, &n_late));
        if (!is_done && files[i].state == CI_REGISTRY_FILE_USED)
            snprintf(member->observation_id, sizeof member->observation_id, "%s",
                     files[i].observation_id);
        else if (!is_done && !member->observation_id[0])
            snprintf(member->observation_id, sizeof member->observation_id, "%s",
                     files[i].observation_id);
    }
    ci_ingest_options refresh = *options;
    if (options->named_accept_incomplete) refresh.n_expected = 0;
    CI_TRY(ci_ingest_refresh(registry, member->observation_id, &refresh));
    CI_TRY(ci_registry_observation_get(registry, member->observation_id, &list));
    ci_status status = CI_OK;
    if (list->n == 1) {
        ci_registry_observation *o = &list->item[0];
        bool is_fresh = o->state == CI_REGISTRY_WORK_COLLECTING && !o->is_ready;
        if (is_fresh) o->is_named = true;
        status = mark_named(registry, o, n_expected, n_late, options->named_accept_incomplete);
        if (status == CI_OK) status = ci_registry_observation_put(registry, o);
        member->first_time_mjd_s = o->first_time_mjd_s;
    }
    ci_registry_observations_free(list);
    member->role = CI_REGISTRY_ROLE_NAMED;
    if (status == CI_OK) status = paths_copy(&member->path, files, n);
    member->n_path = n;
    return status;
}

static ci_status group_take(ci_registry *registry, ci_ingest_named_files *named,
                            const ci_ingest_options *options, ci_registry_group *g)
{
    const char **ids = NULL;
    ci_status status = CI_OK;
    for (size_t c = 0; c < named->n_cluster && status == CI_OK; c++)
        status = observation_take(registry, &named->item[named->first[c]],
                                  named->first[c + 1] - named->first[c], options, &g->member[c]);
    if (status == CI_OK) status = ci_mem_alloc(&ids, g->n_member, sizeof *ids, "members");
    for (size_t c = 0; c < g->n_member && status == CI_OK; c++)
        ids[c] = g->member[c].observation_id;
    if (status == CI_OK)
        status = ci_registry_group_id(g->id, ids, g->n_member, g->member[0].first_time_mjd_s);
    bool is_new;
    if (status == CI_OK) status = ci_registry_group_add(registry, g, &is_new);
    ci_mem_free(ids);
    return status;
}

ci_status ci_ingest_named(ci_registry *registry, ci_ingest_named_files *named,
                          const ci_ingest_options *options, ci_registry_groups **out)
{
    ci_registry_group g = {.state = CI_REGISTRY_WORK_PENDING,
                           .is_named = true,
                           .closed_by = "named",
                           .n_member = named->n_cluster,
                           .n_min_tiles = 1};
    *out = NULL;
    CI_TRY(ci_mem_alloc(&g.member, named->n_cluster, sizeof *g.member, "members"));
    ci_status status = ci_registry_begin(registry, CI_REGISTRY_DB_INGEST);
    if (status == CI_OK)
        status = ci_registry_end(registry, CI_REGISTRY_DB_INGEST,
                                 group_take(registry, named, options, &g));
    if (status == CI_OK) status = ci_registry_group_get(registry, g.id, out);
    for (size_t c = 0; c < g.n_member; c++) {
        for (size_t k = 0; g.member[c].path && k < g.member[c].n_path; k++)
            ci_mem_free(g.member[c].path[k]);
        ci_mem_free(g.member[c].path);
    }
    ci_mem_free(g.member);
    return status;
}
