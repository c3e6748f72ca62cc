/* Forming of observations: which files belong together, and when they are enough. */
#include "ingest/ingest.h"

#include "contimg/registry_lease.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a file finds its observation ---------------------------------------------------- */

/* The observation whose first integration is nearest, within the tolerance; index or n. */
static size_t nearest(const ci_registry_observations *list, double time_mjd_s, double tolerance_s)
{
    size_t best = list->n;
    for (size_t i = 0; i < list->n; i++) {
        double off = fabs(list->item[i].first_time_mjd_s - time_mjd_s);
        if (off > tolerance_s) continue;
        if (best == list->n || off < fabs(list->item[best].first_time_mjd_s - time_mjd_s)) best = i;
    }
    return best;
}

/* The id is the second of the first integration; where another observation has it (of a
 * faster instrument, or of the deployed pipeline), with as many digits as it takes. */
static ci_status new_id(ci_registry *registry, double first_time_mjd_s, char id[CI_REGISTRY_ID])
{
    static const int digits[] = {0, 3, 6};
    for (int i = 0; i < 3; i++) {
        char text[32];
        ci_registry_observations *there = NULL;
        ci_time_iso(text, first_time_mjd_s + (i == 0 ? 5e-4 : 0), digits[i], false);
        CI_TRY(ci_registry_observation_get(registry, text, &there));
        bool is_free = there->n == 0;
        ci_registry_observations_free(there);
        snprintf(id, CI_REGISTRY_ID, "%s", text);
        if (is_free) return CI_OK;
    }
    return ci_error(CI_ERR_INPUT, "observation %s: id taken, to the microsecond", id);
}

static ci_status observation_new(ci_registry *registry, ci_registry_file *file, int64_t n_expected,
                                 bool is_named)
{
    ci_registry_observation o = {
        .state = CI_REGISTRY_WORK_COLLECTING,
        .is_named = is_named,
        .first_time_mjd_s = file->first_time_mjd_s,
        .last_time_mjd_s = file->last_time_mjd_s,
        .interval_s = file->interval_s,
        .dec_rad = file->dec_rad,
        .dec_known = file->dec_known,
        .n_expected = n_expected,
        .received_unix_s = file->arrived_unix_s,
        .arrived_unix_s = file->arrived_unix_s,
    };
    CI_TRY(new_id(registry, file->first_time_mjd_s, o.id));
    CI_TRY(ci_registry_observation_put(registry, &o));
    snprintf(file->observation_id, sizeof file->observation_id, "%s", o.id);
    file->state = CI_REGISTRY_FILE_USED;
    return CI_OK;
}

static void say(ci_registry_file *file, ci_registry_file_state state, const char *format,
                const char *what)
{
    file->state = state;
    snprintf(file->reason, sizeof file->reason, format, what);
}

/* Against the files that the observation has. */
static ci_status judge(ci_registry *registry, const ci_registry_observation *o,
                       ci_registry_file *file)
{
    ci_registry_files *have = NULL;
    CI_TRY(ci_registry_files_read(registry, &have, o->id));
    const ci_registry_file *twin = NULL, *other = NULL;
    for (size_t i = 0; i < have->n; i++) {
        const ci_registry_file *f = &have->item[i];
        if (f->state != CI_REGISTRY_FILE_USED || strcmp(f->path, file->path) == 0) continue;
        other = f;
        if (ci_ingest_same_sub_band(f, file)) twin = f;
    }
    const char *differs = other ? ci_ingest_differs(file, other) : NULL;
    file->state = CI_REGISTRY_FILE_USED;
    if (differs)
        say(file, CI_REGISTRY_FILE_CORRUPT,
            "its %s is not that of the other files of its observation", differs);
    else if (twin)
        say(file, CI_REGISTRY_FILE_DUPLICATE, "the sub-band is there already: %s",
            ci_path_base(twin->path));
    else if (o->is_ready || o->state != CI_REGISTRY_WORK_COLLECTING)
        say(file, CI_REGISTRY_FILE_LATE,
            "its observation was closed before it came (%s); contimg status of the observation "
            "says what takes it",
            ci_registry_work_state_word(o->state));
    ci_registry_files_free(have);
    return CI_OK;
}

ci_status ci_ingest_assign(ci_registry *registry, ci_registry_file *file,
                           const ci_ingest_options *options)
{
    double tolerance_s = ci_ingest_tolerance_s(file);
    ci_registry_observations *near = NULL;
    file->reason[0] = '\0';
    CI_TRY(ci_registry_observations_read(registry, &near, file->first_time_mjd_s - tolerance_s,
                                         file->first_time_mjd_s + tolerance_s + 1e-3, false));
    size_t i = nearest(near, file->first_time_mjd_s, tolerance_s);
    ci_status status = CI_OK;
    if (i == near->n)
        status = observation_new(registry, file, options->n_expected, false);
    else {
        snprintf(file->observation_id, sizeof file->observation_id, "%s", near->item[i].id);
        status = judge(registry, &near->item[i], file);
    }
    ci_registry_observations_free(near);
    if (status == CI_OK) status = ci_registry_file_put(registry, file);
    return status;
}

ci_status ci_ingest_refresh(ci_registry *registry, const char *observation_id,
                            const ci_ingest_options *options)
{
    ci_registry_observations *list = NULL;
    ci_registry_files *files = NULL;
    ci_status status = ci_registry_observation_get(registry, observation_id, &list);
    if (status == CI_OK) status = ci_registry_files_read(registry, &files, observation_id);
    if (status == CI_OK && list->n == 1) {
        ci_registry_observation *o = &list->item[0];
        ci_ingest_number(files->item, files->n, options->n_expected);
        o->n_present = 0;
        for (size_t i = 0; i < files->n && status == CI_OK; i++) {
            const ci_registry_file *f = &files->item[i];
            if (f->state != CI_REGISTRY_FILE_USED) continue;
            o->n_present++;
            o->first_time_mjd_s = fmin(o->first_time_mjd_s, f->first_time_mjd_s);
            o->last_time_mjd_s = fmax(o->last_time_mjd_s, f->last_time_mjd_s);
            o->arrived_unix_s = fmax(o->arrived_unix_s, f->arrived_unix_s);
            status = ci_registry_file_put(registry, f);
        }
        /* While they are awaited, too. */
        ci_ingest_missing(files->item, files->n, o->n_expected, o->missing);
        if (status == CI_OK) status = ci_registry_sub_bands_put(registry, observation_id, files);
        if (status == CI_OK) status = ci_registry_observation_put(registry, o);
    }
    ci_registry_files_free(files);
    ci_registry_observations_free(list);
    return status;
}

/* ---- observations are closed ------------------------------------------------------------ */

/* A file that is still being written and whose name tells of this time. */
static bool is_awaited(const ci_registry_observation *o, const ci_registry_files *unsettled,
                       double now, double quiet_s)
{
    for (size_t i = 0; i < unsettled->n; i++) {
        const ci_registry_file *f = &unsettled->item[i];
        double named = ci_ingest_name_time(f->path);
        if (isnan(named) || fabs(named - o->first_time_mjd_s) > 60) continue;
        if (f->state != CI_REGISTRY_FILE_TRUNCATED && now - f->changed_unix_s < quiet_s)
            return true;
    }
    return false;
}

ci_status ci_ingest_account(ci_registry *registry, ci_registry_observation *o, int64_t n_expected)
{
    ci_registry_files *files = NULL;
    CI_TRY(ci_registry_files_read(registry, &files, o->id));
    o->is_degraded = ci_ingest_missing(files->item, files->n, n_expected, o->missing) > 0;
    ci_registry_files_free(files);
    return CI_OK;
}

/* Whether its sub-bands are enough, all or DEGRADED; where not, it has failed. */
static ci_status judge_count(ci_registry_observation *o, const ci_ingest_options *options)
{
    char *error = NULL, missing[2 * CI_REGISTRY_TEXT];
    o->is_ready = o->n_present > 0 &&
                  (double)o->n_present >= options->min_fraction * (double)o->n_expected - 1e-9;
    if (o->is_ready) return CI_OK;
    ci_ingest_sub_bands_text(missing, o->missing);
    CI_TRY(ci_str_format(&error, "%lld of %lld sub-bands, missing: %s", (long long)o->n_present,
                         (long long)o->n_expected, missing));
    ci_mem_free(o->error);
    o->error = error;
    o->is_degraded = false;
    o->state = CI_REGISTRY_WORK_FAILED;
    return CI_OK;
}

static ci_status close_short(ci_registry *registry, ci_registry_observation *o,
                             const ci_ingest_options *options, ci_ingest_report *report)
{
    char missing[2 * CI_REGISTRY_TEXT];
    CI_TRY(ci_ingest_account(registry, o, o->n_expected));
    ci_ingest_sub_bands_text(missing, o->missing);
    CI_TRY(judge_count(o, options));
    if (!o->is_ready) {
        report->n_failed++;
        ci_log_warning("observation %s failed: %s", o->id, o->error);
    } else {
        o->is_degraded = true;
        report->n_degraded++;
        ci_log_warning("observation %s is DEGRADED: %lld of %lld sub-bands, missing: %s", o->id,
                       (long long)o->n_present, (long long)o->n_expected,
                       *missing ? missing : "unknown");
    }
    return ci_registry_observation_put(registry, o);
}

ci_status ci_ingest_close_observations(ci_registry *registry, const ci_ingest_options *options,
                                       ci_ingest_report *report)
{
    ci_registry_observations *open = NULL;
    ci_registry_files *unsettled = NULL;
    double now = ci_registry_now(registry);
    ci_status status = ci_registry_observations_open(registry, &open);
    if (status == CI_OK) status = ci_registry_files_unsettled(registry, &unsettled);
    for (size_t i = 0; status == CI_OK && i < open->n; i++) {
        ci_registry_observation *o = &open->item[i];
        if (o->n_present >= o->n_expected) {
            o->state = CI_REGISTRY_WORK_PENDING;
            o->is_ready = true;
            report->n_complete++;
            status = ci_registry_observation_put(registry, o);
        } else if (now - o->arrived_unix_s >= options->quiet_s &&
                   !is_awaited(o, unsettled, now, options->quiet_s)) {
            status = close_short(registry, o, options, report);
        }
    }
    ci_registry_files_free(unsettled);
    ci_registry_observations_free(open);
    return status;
}

/* ---- late files are taken in ------------------------------------------------------------ */

static const ci_registry_file *used_twin(const ci_registry_files *files,
                                         const ci_registry_file *file)
{
    for (size_t i = 0; i < files->n; i++)
        if (files->item[i].state == CI_REGISTRY_FILE_USED &&
            ci_ingest_same_sub_band(&files->item[i], file))
            return &files->item[i];
    return NULL;
}

/* Those that are there, and whose sub-band is not yet, become the observation's. */
static ci_status late_files_take(ci_registry *registry, const char *id, size_t *n_taken)
{
    ci_registry_files *files = NULL;
    CI_TRY(ci_registry_files_read(registry, &files, id));
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < files->n; i++) {
        ci_registry_file *f = &files->item[i];
        if (f->state != CI_REGISTRY_FILE_LATE || !ci_path_exists(f->path)) continue;
        const ci_registry_file *twin = used_twin(files, f);
        if (twin)
            say(f, CI_REGISTRY_FILE_DUPLICATE, "the sub-band is there already: %s",
                ci_path_base(twin->path));
        else {
            say(f, CI_REGISTRY_FILE_USED, "%s", "");
            ++*n_taken;
        }
        status = ci_registry_file_put(registry, f);
    }
    ci_registry_files_free(files);
    return status;
}

ci_status ci_ingest_reopen(ci_registry_observation *o)
{
    o->is_ready = true;
    o->state = CI_REGISTRY_WORK_PENDING;
    return ci_str_set(&o->error, "");
}

/* With more files than before: to be imaged, or failed still, with fewer missing. */
static ci_status take_late(ci_registry *registry, const char *id, const ci_ingest_options *options,
                           size_t *n_taken)
{
    ci_registry_observations *list = NULL;
    ci_ingest_options counted = *options;
    CI_TRY(late_files_take(registry, id, n_taken));
    if (*n_taken == 0) return CI_OK;
    CI_TRY(ci_registry_observation_get(registry, id, &list));
    if (list->n == 1) counted.n_expected = list->item[0].n_expected;
    ci_registry_observations_free(list);
    CI_TRY(ci_ingest_refresh(registry, id, &counted));
    CI_TRY(ci_registry_observation_get(registry, id, &list));
    ci_status status = CI_OK;
    if (list->n == 1) {
        ci_registry_observation *o = &list->item[0];
        status = ci_ingest_account(registry, o, o->n_expected);
        if (status == CI_OK) status = judge_count(o, options);
        if (status == CI_OK && o->is_ready) status = ci_ingest_reopen(o);
        if (status == CI_OK) status = ci_registry_observation_put(registry, o);
        if (status == CI_OK)
            ci_log_info("observation %s: %zu late file%s taken in: %lld of %lld sub-bands now",
                        o->id, *n_taken, ci_plural(*n_taken), (long long)o->n_present,
                        (long long)o->n_expected);
    }
    ci_registry_observations_free(list);
    return status;
}

ci_status ci_ingest_count_late(ci_registry *registry, const char *observation_id, size_t *n)
{
    ci_registry_files *files = NULL;
    *n = 0;
    CI_TRY(ci_registry_files_read(registry, &files, observation_id));
    for (size_t i = 0; i < files->n; i++)
        *n += files->item[i].state == CI_REGISTRY_FILE_LATE;
    ci_registry_files_free(files);
    return CI_OK;
}

ci_status ci_ingest_take_late(ci_registry *registry, const char *observation_id,
                              const ci_ingest_options *options, size_t *n_taken)
{
    size_t n_late;
    *n_taken = 0;
    CI_TRY(ci_ingest_count_late(registry, observation_id, &n_late));
    if (n_late == 0) return CI_OK;
    ci_status status = ci_registry_tiles_claim(registry, &observation_id, 1, CI_REGISTRY_LEASE_S);
    if (status == CI_ERR_NOT_READY) {
        ci_log_info("observation %s: its late files are not taken in: %s", observation_id,
                    ci_error_text());
        ci_error_clear();
        return CI_OK;
    }
    CI_TRY(status);
    status = ci_registry_begin(registry, CI_REGISTRY_DB_INGEST);
    if (status == CI_OK)
        status = ci_registry_end(registry, CI_REGISTRY_DB_INGEST,
                                 take_late(registry, observation_id, options, n_taken));
    ci_error_saved saved = ci_error_save(status);
    ci_status released = ci_registry_tiles_release(registry, &observation_id, 1);
    return status == CI_OK ? released : ci_error_restore(&saved);
}
