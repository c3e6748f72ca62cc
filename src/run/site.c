/* Folders and databases that a command works with. */
#include "contimg/run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A folder that is missing although it was configured: its disk may not be mounted, and what is
 * written would fill the one below. */
static ci_status folder_make(const char *path, bool makes, const char *name)
{
    if (makes) CI_TRY(ci_path_make_folder(path));
    if (!ci_path_is_folder(path))
        return ci_error(
            CI_ERR_NOT_READY,
            "%s folder %s is not there: mount its disk, or make it by contimg check --make", name,
            path);
    return CI_OK;
}

/* Before any work: one that nobody may write to. */
static ci_status folder_check(const char *path, const char *name, const char *option)
{
    if (access(path, W_OK | X_OK) == 0) return CI_OK;
    return ci_error(CI_ERR_NOT_READY,
                    "%s folder %s: %s: give this user the right to write there, or set %s", name,
                    path, strerror(errno), option);
}

/* What is made is kept in staging, to be published once there is a right to: said at once. */
static void products_warn(const char *path)
{
    if (access(path, W_OK | X_OK) == 0) return;
    ci_log_warning("products folder %s: %s: what is made will stay in staging, for contimg publish "
                   "once this user may write there",
                   path, strerror(errno));
}

static ci_status folders_make(const ci_conf_paths *p, ci_run_access access)
{
    if (access == CI_RUN_READS) return CI_OK;
    CI_TRY(folder_make(p->state, p->makes_state, "state"));
    CI_TRY(folder_check(p->state, "state", "--state-dir"));
    if (access == CI_RUN_WRITES) return CI_OK;
    CI_TRY(folder_make(p->staging, p->makes_staging, "staging"));
    CI_TRY(folder_check(p->staging, "staging", "--output-dir"));
    CI_TRY(folder_make(p->products, p->makes_products, "products"));
    products_warn(p->products);
    return CI_OK;
}

ci_registry_paths ci_run_registry_paths(const ci_conf_paths *p, const char *backups)
{
    return (ci_registry_paths){p->ingest_db, p->cal_registry_db, p->products_db,
                               p->data_registry_db, backups};
}

ci_status ci_run_site_open_databases(ci_run_site *site, ci_run_access access)
{
    const ci_conf_paths *p = &site->paths;
    char *backups = NULL;
    ci_registry_options options;
    ci_log_info("state %s, staging %s, products %s", p->state, p->staging, p->products);
    CI_TRY(folders_make(p, access));
    CI_TRY(ci_path_join(&backups, p->state, "backups"));
    ci_registry_options_default(&options);
    options.read_only = access == CI_RUN_READS;
    ci_registry_paths paths = ci_run_registry_paths(p, backups);
    ci_status status = ci_registry_open(&site->registry, &paths, &options);
    ci_mem_free(backups);
    return status;
}

ci_status ci_run_site_open(ci_run_site *out, const ci_conf *conf, ci_run_access access)
{
    memset(out, 0, sizeof *out);
    CI_TRY(ci_conf_paths_new(&out->paths, conf));
    return ci_run_site_open_databases(out, access);
}

ci_status ci_run_site_keep_leases(ci_run_site *site)
{
    return ci_registry_keeper_start(&site->keeper, site->registry, CI_REGISTRY_RENEW_S);
}

void ci_run_site_close(ci_run_site *site)
{
    ci_registry_keeper_end(site->keeper);
    ci_registry_close(site->registry);
    ci_conf_paths_free(&site->paths);
    memset(site, 0, sizeof *site);
}

void ci_run_publish_options(const ci_run_site *site, const ci_conf *conf,
                            ci_publish_options *options)
{
    ci_publish_options_default(options);
    options->staging_base = site->paths.staging;
    options->products_base = site->paths.products;
    options->remove_staging = ci_conf_bool(conf, CI_CONF_OPT_REMOVE_STAGING);
    ci_tile_qa_limits(&options->limits, conf);
}

ci_status ci_run_ingest_options(const ci_conf *conf, ci_ingest_options *options)
{
    const char *since = ci_conf_text(conf, CI_CONF_OPT_INPUT_SINCE);
    double since_mjd_s = 0;
    ci_ingest_options_default(options);
    options->n_expected = ci_conf_int(conf, CI_CONF_OPT_EXPECTED_SUBBANDS);
    options->min_fraction =
        (double)ci_conf_int(conf, CI_CONF_OPT_MIN_SUBBANDS) / (double)options->n_expected;
    if (options->min_fraction > 1) options->min_fraction = 0.75;
    options->group_size = ci_conf_int(conf, CI_CONF_OPT_GROUP_SIZE);
    options->overlap = ci_conf_int(conf, CI_CONF_OPT_GROUP_OVERLAP);
    if (options->overlap >= options->group_size) options->overlap = options->group_size - 1;
    options->max_step_s = 1.2 * 60 * ci_conf_double(conf, CI_CONF_OPT_CHUNK_MINUTES);
    if (!*since) return CI_OK;
    if (ci_time_parse_iso(since, &since_mjd_s) != CI_OK)
        return ci_error(CI_ERR_USAGE, "--since '%s' (%s): use YYYY-MM-DDTHH:MM:SS (UTC)", since,
                        ci_conf_origin(conf, CI_CONF_OPT_INPUT_SINCE));
    options->since_unix_s = since_mjd_s - CI_MJD_UNIX_EPOCH * CI_DAY_S;
    return CI_OK;
}
