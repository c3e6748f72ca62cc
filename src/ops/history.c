/* What happened day by day: groups, tiles, products, failures and refusals with their reasons. */
#include "contimg/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* `what`: the thing, and its value where `text` has none. */
CI_PRINTF(3, 4)
static void count(ci_ops_reasons *list, const char *text, const char *what, ...)
{
    va_list values;
    size_t i = 0;
    while (i < list->n && strcmp(list->item[i].text, text) != 0)
        i++;
    if (i == sizeof list->item / sizeof *list->item) i--;
    if (i == list->n) {
        snprintf(list->item[i].text, sizeof list->item[i].text, "%s", text);
        list->n++;
    }
    va_start(values, what);
    vsnprintf(list->item[i].last, sizeof list->item[i].last, what, values);
    va_end(values);
    list->item[i].n++;
}

/* Of "ID: refused: noise: rms ...", as earlier versions wrote it, what follows "refused: ". */
static const char *refusal_of(const char *why)
{
    static const char mark[] = "refused: ";
    const char *at = strstr(why, mark);
    return at ? at + strlen(mark) : why;
}

/* The gate in the text of a change that is older than the column: "noise: rms ..." of a tile,
 * "ID: refused: noise: rms ..." of a product. */
static void old_gate_read(char gate[CI_REGISTRY_TEXT], const char *why)
{
    why = refusal_of(why);
    snprintf(gate, CI_REGISTRY_TEXT, "%.*s", (int)strcspn(why, ":;,"), why);
}

/* Counts as "product: noise": the gate, not its value. */
static void count_refusal(ci_ops_day *d, const ci_registry_change *c)
{
    char gate[CI_REGISTRY_TEXT], text[CI_REGISTRY_TEXT + CI_REGISTRY_WORD];
    if (c->gate[0])
        snprintf(gate, sizeof gate, "%s", c->gate);
    else
        old_gate_read(gate, c->reason);
    snprintf(text, sizeof text, "%s: %s", c->kind_word, gate);
    text[CI_REGISTRY_TEXT - 1] = '\0';
    count(&d->refusals, text, "%s: %s", c->subject, refusal_of(c->reason));
}

/* Things that failed for one reason have one reason: a thing's own name in it (of its folder) is
 * "ID". */
static void reason_of(char out[CI_REGISTRY_TEXT], const ci_registry_change *c)
{
    const char *from = *c->reason ? c->reason : "no reason given", *at;
    size_t n = 0, n_subject = strlen(c->subject);
    while (n_subject > 0 && n < CI_REGISTRY_TEXT && (at = strstr(from, c->subject))) {
        n += (size_t)snprintf(out + n, CI_REGISTRY_TEXT - n, "%.*sID", (int)(at - from), from);
        from = at + n_subject;
    }
    if (n < CI_REGISTRY_TEXT) snprintf(out + n, CI_REGISTRY_TEXT - n, "%s", from);
}

static void count_failure(ci_ops_day *d, const ci_registry_change *c)
{
    char text[CI_REGISTRY_TEXT + CI_REGISTRY_WORD], reason[CI_REGISTRY_TEXT];
    reason_of(reason, c);
    snprintf(text, sizeof text, "%s: %s", c->kind_word, reason);
    text[CI_REGISTRY_TEXT - 1] = '\0';
    count(&d->failures, text, "%s", c->subject);
}

/* A file that is not used. */
static void take_file(ci_ops_day *d, const ci_registry_change *c)
{
    char text[CI_REGISTRY_TEXT];
    snprintf(text, sizeof text, "file: %s", c->to);
    switch (c->to_state) {
    case CI_REGISTRY_FILE_EMPTY:
    case CI_REGISTRY_FILE_TRUNCATED:
    case CI_REGISTRY_FILE_CORRUPT:
    case CI_REGISTRY_FILE_DUPLICATE:
    case CI_REGISTRY_FILE_LATE:
        count(&d->refusals, text, "%s", c->subject);
        break;
    default:
        break;
    }
}

static void take_product(ci_ops_day *d, const ci_registry_change *c)
{
    bool is_back = c->from_state == CI_REGISTRY_PUBLISH_PUBLISHING &&
                   c->to_state == CI_REGISTRY_PUBLISH_STAGING;
    bool is_failed = c->to_state == CI_REGISTRY_PUBLISH_FAILED || is_back;
    bool is_refused = c->to_state == CI_REGISTRY_PUBLISH_REFUSED;
    d->n_lost += c->from_state == CI_REGISTRY_PUBLISH_PUBLISHING &&
                 c->to_state == CI_REGISTRY_PUBLISH_PUBLISHING;
    d->n_published += c->to_state == CI_REGISTRY_PUBLISH_PUBLISHED;
    d->n_refused += is_refused;
    d->n_publish_failed += is_failed;
    if (is_failed) count_failure(d, c);
    if (is_refused) count_refusal(d, c);
}

static void take_image(ci_ops_day *d, const ci_registry_change *c)
{
    bool is_tile = c->kind == CI_REGISTRY_CHANGE_TILE;
    bool is_failed = c->to_state == CI_REGISTRY_IMAGE_FAILED;
    bool is_refused = c->to_state == CI_REGISTRY_IMAGE_REFUSED;
    d->n_tile_passed += is_tile && c->to_state == CI_REGISTRY_IMAGE_PASSED;
    d->n_tile_refused += is_tile && is_refused;
    d->n_tile_failed += is_tile && is_failed;
    if (is_failed) count_failure(d, c);
    if (is_refused) count_refusal(d, c);
}

static void take(ci_ops_day *d, const ci_registry_change *c)
{
    bool is_failed = c->to_state == CI_REGISTRY_WORK_FAILED;
    switch (c->kind) {
    case CI_REGISTRY_CHANGE_FILE:
        take_file(d, c);
        break;
    case CI_REGISTRY_CHANGE_GROUP:
        d->n_group += c->to_state == CI_REGISTRY_WORK_COMPLETED;
        d->n_group_failed += is_failed;
        d->n_lost += c->from_state == CI_REGISTRY_WORK_IN_PROGRESS &&
                     c->to_state == CI_REGISTRY_WORK_IN_PROGRESS;
        if (is_failed) count_failure(d, c);
        break;
    case CI_REGISTRY_CHANGE_OBSERVATION:
        if (is_failed) count_failure(d, c);
        break;
    case CI_REGISTRY_CHANGE_TILE:
    case CI_REGISTRY_CHANGE_MOSAIC:
        take_image(d, c);
        break;
    case CI_REGISTRY_CHANGE_PRODUCT:
        take_product(d, c);
        break;
    case CI_REGISTRY_CHANGE_OTHER:
        break;
    }
}

/* Seconds of the runs that ended on the day; NaN where none did. */
static double run_seconds(const ci_registry_runs *runs, const ci_ops_day *d)
{
    double sum = 0;
    for (size_t i = 0; i < runs->n; i++) {
        const ci_registry_run *r = &runs->item[i];
        bool is_of_day = r->ended_unix_s >= d->from_unix_s && r->ended_unix_s < d->to_unix_s;
        if (is_of_day) sum += r->ended_unix_s - r->started_unix_s;
    }
    return sum > 0 ? sum : (double)NAN;
}

/* What is not counted of changes. */
static ci_status day_end(ci_ops_day *d, ci_registry *registry, const ci_registry_runs *runs)
{
    int64_t n_tile = 0, n_made = d->n_tile_passed + d->n_tile_refused;
    d->tile_s = n_made > 0 ? run_seconds(runs, d) / (double)n_made : (double)NAN;
    return ci_registry_tiles_noise(registry, d->from_unix_s, d->to_unix_s, &n_tile,
                                   &d->noise_ratio);
}

/* Changes are in order of time; days without any are left out. */
static ci_status days_fill(ci_ops_history *out, ci_registry *registry,
                           const ci_registry_changes *changes, const ci_registry_runs *runs)
{
    for (size_t i = 0; i < changes->n;) {
        CI_TRY(ci_mem_resize(&out->day, out->n_day + 1, sizeof *out->day, "day"));
        ci_ops_day *d = &out->day[out->n_day++];
        memset(d, 0, sizeof *d);
        d->noise_ratio = NAN;
        d->from_unix_s = CI_DAY_S * floor(changes->item[i].at_unix_s / CI_DAY_S);
        d->to_unix_s = d->from_unix_s + CI_DAY_S;
        for (; i < changes->n && changes->item[i].at_unix_s < d->to_unix_s; i++)
            take(d, &changes->item[i]);
        CI_TRY(day_end(d, registry, runs));
    }
    return CI_OK;
}

ci_status ci_ops_history_read(ci_ops_history *out, ci_registry *registry, double seconds)
{
    ci_registry_changes *changes = NULL;
    ci_registry_runs *runs = NULL;
    double since = ci_registry_now(registry) - seconds;
    memset(out, 0, sizeof *out);
    ci_status status = ci_registry_changes_read(registry, &changes, NULL, since);
    if (status == CI_OK) status = ci_registry_runs_read(registry, &runs, since);
    if (status == CI_OK) status = days_fill(out, registry, changes, runs);
    ci_registry_changes_free(changes);
    ci_registry_runs_free(runs);
    return status;
}

void ci_ops_history_clear(ci_ops_history *history)
{
    ci_mem_free(history->day);
    memset(history, 0, sizeof *history);
}

ci_status ci_ops_disk_free_gb(double *out, const char *path)
{
    char *folder = NULL;
    uint64_t bytes = 0;
    CI_TRY(ci_ops_existing_part(&folder, path));
    ci_status status = ci_path_free_bytes(folder, &bytes);
    *out = round(1e-7 * (double)bytes) / 100;
    ci_mem_free(folder);
    return status;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static ci_json *reasons_json(const ci_ops_reasons *list)
{
    ci_json *json = ci_json_array();
    for (size_t i = 0; i < list->n; i++) {
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "reason", list->item[i].text);
        ci_json_put_string(one, "last", list->item[i].last);
        ci_json_put_int(one, "count", list->item[i].n);
        ci_json_put(json, NULL, one);
    }
    return json;
}

static ci_json *day_json(const ci_ops_day *d)
{
    char date[32];
    ci_json *json = ci_json_object();
    ci_time_iso(date, ci_time_mjd_s_from_unix(d->from_unix_s), 0, false);
    date[10] = '\0';
    ci_json_put_string(json, "date", date);
    ci_json_put_int(json, "groups_completed", d->n_group);
    ci_json_put_int(json, "groups_failed", d->n_group_failed);
    ci_json_put_int(json, "tiles_passed", d->n_tile_passed);
    ci_json_put_int(json, "tiles_refused", d->n_tile_refused);
    ci_json_put_int(json, "tiles_failed", d->n_tile_failed);
    ci_json_put_int(json, "published", d->n_published);
    ci_json_put_int(json, "refused", d->n_refused);
    ci_json_put_int(json, "publish_failures", d->n_publish_failed);
    ci_json_put_int(json, "taken_over", d->n_lost);
    ci_json_put_number(json, "seconds_per_tile", d->tile_s);
    ci_json_put_number(json, "noise_over_thermal", d->noise_ratio);
    ci_json_put(json, "failures", reasons_json(&d->failures));
    ci_json_put(json, "refusals", reasons_json(&d->refusals));
    return json;
}

ci_json *ci_ops_history_json(const ci_ops_history *history)
{
    ci_json *json = ci_json_object(), *days = ci_json_array();
    for (size_t i = 0; i < history->n_day; i++)
        ci_json_put(days, NULL, day_json(&history->day[i]));
    ci_json_put(json, "days", days);
    return json;
}

ci_status ci_ops_since_parse(const char *text, double *seconds)
{
    char *end = NULL;
    double n = strtod(text, &end);
    bool is_hours = strcmp(end, "h") == 0, is_days = strcmp(end, "d") == 0;
    *seconds = n * (is_hours ? 3600 : CI_DAY_S);
    if (end != text && n > 0 && n < 1e5 && (is_hours || is_days)) return CI_OK;
    return ci_error(CI_ERR_USAGE, "--since '%s': give hours or days, as 24h, 7d, 30d, 90d", text);
}
