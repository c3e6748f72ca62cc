/* contimg clean: what may be removed, by rule and age. */
#include "cli/cli.h"

#include "contimg/run.h"

ci_status ci_cli_clean(const ci_conf *conf)
{
    ci_run_site site;
    ci_ops_cleaned sum = {0};
    bool dry_run = ci_conf_bool(conf, CI_CONF_OPT_DRY_RUN);
    ci_status status = ci_run_site_open(&site, conf, dry_run ? CI_RUN_READS : CI_RUN_WRITES);
    const ci_ops_clean_options options = {
        .staging = site.paths.staging,
        .state = site.paths.state,
        .staging_s = CI_DAY_S * ci_conf_double(conf, CI_CONF_OPT_STAGING_DAYS),
        .log_s = CI_DAY_S * ci_conf_double(conf, CI_CONF_OPT_LOG_DAYS),
        .report_s = CI_DAY_S * ci_conf_double(conf, CI_CONF_OPT_REPORT_DAYS),
        .n_overlap = ci_conf_int(conf, CI_CONF_OPT_GROUP_OVERLAP),
        .dry_run = dry_run};
    if (status == CI_OK) status = ci_ops_clean(&sum, site.registry, &options, stdout);
    if (status == CI_OK)
        printf("%zu thing%s of %.3f GB %s\n", sum.n_removed, ci_plural(sum.n_removed),
               1e-9 * (double)sum.n_byte, dry_run ? "would be removed" : "removed");
    if (status == CI_OK && sum.n_young > 0) {
        char next[32];
        ci_time_iso(next, ci_time_mjd_s_from_unix(sum.next_unix_s), 0, true);
        printf("%zu more of %.3f GB in staging %s not needed and too young, the first until %s; "
               "--staging-days 0 takes %s now\n",
               sum.n_young, 1e-9 * (double)sum.n_young_byte, sum.n_young == 1 ? "is" : "are", next,
               sum.n_young == 1 ? "it" : "them");
    }
    if (status == CI_OK && sum.n_fault > 0)
        status = ci_error(CI_ERR_IO, "%zu could not be removed, each named by a warning above",
                          sum.n_fault);
    ci_run_site_close(&site);
    return status;
}
