/* contimg report: the pages of a run, written anew from its report.json. */
#include "cli/cli.h"

#include "contimg/report.h"

#include <string.h>

/* A run's name is that of its folder, never a way out of STATE/reports. */
static ci_status check_name(const char *run)
{
    if (*run && *run != '.' && !strchr(run, '/')) return CI_OK;
    return ci_error(CI_ERR_USAGE,
                    "'%s' is no run: give the name of a folder of STATE/reports, as contimg status "
                    "GROUP and the index page of contimg serve name it",
                    run);
}

static ci_status rewrite(const char *state, const char *run)
{
    char *reports = NULL, *folder = NULL;
    CI_TRY(check_name(run));
    CI_TRY(ci_path_join(&reports, state, "reports"));
    ci_status status = ci_path_join(&folder, reports, run);
    if (status == CI_OK && !ci_path_is_folder(folder))
        status = ci_error(CI_ERR_INPUT, "run %s: %s has no folder of this name", run, reports);
    if (status == CI_OK) status = ci_report_rewrite(folder);
    if (status == CI_OK) printf("%s/report.html\n", folder);
    ci_mem_free(folder);
    ci_mem_free(reports);
    return status;
}

ci_status ci_cli_report(const ci_conf *conf)
{
    ci_conf_paths paths;
    size_t n = ci_conf_argument_count(conf);
    if (n == 0) return ci_error(CI_ERR_USAGE, "no run given; contimg report RUN...");
    ci_status status = ci_conf_paths_new(&paths, conf);
    for (size_t i = 0; i < n && status == CI_OK; i++)
        status = rewrite(paths.state, ci_conf_argument(conf, i));
    ci_conf_paths_free(&paths);
    return status;
}
