/* Publishing a product that a run has staged. */
#include "run/publish.h"

#include <string.h>

/* A run that ended between publishing and its own end is made again with the same sources; the
 * provenance names the run, the images differ in their dates. */
static bool has_same_sources(const char *folder, const char *published)
{
    char *path[2] = {NULL, NULL}, hex[2][CI_SHA256_HEX] = {"", ""};
    bool same = ci_path_join(&path[0], folder, "sources.csv") == CI_OK &&
                ci_path_join(&path[1], published, "sources.csv") == CI_OK &&
                ci_sha256_file(hex[0], path[0]) == CI_OK &&
                ci_sha256_file(hex[1], path[1]) == CI_OK && strcmp(hex[0], hex[1]) == 0;
    ci_mem_free(path[0]);
    ci_mem_free(path[1]);
    return same;
}

/* Groups are known by their times: other data of the same times, or other options. */
static ci_status other_result(const char *id, const char *folder, ci_publish_result *result)
{
    ci_status status = ci_error(CI_ERR_INPUT,
                                "group %s was published before with another result, which is kept: "
                                "%s; this run's is in %s. "
                                "For other data or options use another --state-dir",
                                id, result->published_path, folder);
    snprintf(result->text, sizeof result->text, "%s", ci_error_text());
    return status;
}

static ci_status result_record(const ci_publish_result *result, bool done, ci_report_group *record)
{
    record->state = done                              ? CI_REPORT_GROUP_PUBLISHED
                    : result->kind == CI_PUBLISH_GATE ? CI_REPORT_GROUP_REFUSED
                                                      : CI_REPORT_GROUP_STAGED;
    snprintf(record->reason, sizeof record->reason, "%s", done ? "" : result->text);
    if (!record->gates)
        CI_TRY(ci_mem_alloc(&record->gates, 1, sizeof *record->gates, "quality gates"));
    *record->gates = result->gates;
    return done ? ci_str_copy(&record->published_path, result->published_path) : CI_OK;
}

static ci_status publish(ci_run *run, const char *folder, ci_publish_result *result,
                         ci_report_group *record)
{
    ci_publish_options options;
    ci_run_publish_options(&run->site, run->conf, &options);
    ci_status status = ci_publish_product(run->site.registry, record->id, &options, result);
    bool done = result->kind == CI_PUBLISH_DONE || result->kind == CI_PUBLISH_DONE_BEFORE;
    if (status == CI_OK && result->kind == CI_PUBLISH_DONE_BEFORE &&
        !has_same_sources(folder, result->published_path)) {
        done = false;
        status = other_result(record->id, folder, result);
    }
    ci_status recorded = result_record(result, done, record);
    return status == CI_OK ? recorded : status;
}

ci_status ci_run_publish(ci_run *run, const char *folder, ci_report_group *record)
{
    ci_publish_result *result = NULL;
    if (ci_conf_bool(run->conf, CI_CONF_OPT_NO_PUBLISH)) {
        record->state = CI_REPORT_GROUP_STAGED;
        snprintf(record->reason, sizeof record->reason, "--no-publish");
        return CI_OK;
    }
    CI_TRY(ci_mem_alloc(&result, 1, sizeof *result, "publish"));
    ci_status status = publish(run, folder, result, record);
    ci_mem_free(result);
    return status;
}
