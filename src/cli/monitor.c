/* contimg monitor: publish metrics and alerts; once, or again and again. */
#include "cli/cli.h"

#include "contimg/ops.h"
#include "contimg/publish.h"
#include "contimg/run.h"

#include <string.h>
#include <unistd.h>

#define TELL_LIMIT_S 30.0
/* While one monitor tells, no other does. */
#define TELL_ALONE_S 60.0

/* ---- where ----------------------------------------------------------------------------------- */

/* --db-path in place of --registry-db; the deployed script names products.sqlite3. */
static ci_status db_path_use(ci_run_site *site, const char *path)
{
    char *folder = NULL, *data = NULL;
    if (!*path) return CI_OK;
    bool is_products = strcmp(ci_path_base(path), "products.sqlite3") == 0;
    ci_status status = CI_OK;
    if (is_products) {
        status = ci_path_parent(&folder, path);
        if (status == CI_OK) status = ci_path_join(&data, folder, "data_registry.sqlite3");
        ci_mem_free(folder);
        if (status == CI_OK)
            ci_log_warning("--db-path %s: publish state is read from %s", path, data);
        path = data;
    }
    char *absolute = NULL;
    if (status == CI_OK) status = ci_path_absolute(&absolute, path);
    ci_mem_free(data);
    CI_TRY(status);
    ci_mem_free(site->paths.data_registry_db);
    site->paths.data_registry_db = absolute;
    return CI_OK;
}

/* For writing where there is something to write to; a colleague without permission reads. */
static ci_status site_open(ci_run_site *site, const ci_conf *conf, bool reads)
{
    memset(site, 0, sizeof *site);
    CI_TRY(ci_conf_paths_new(&site->paths, conf));
    CI_TRY(db_path_use(site, ci_conf_text(conf, CI_CONF_OPT_DB_PATH)));
    bool is_writable = access(site->paths.data_registry_db, R_OK | W_OK) == 0 &&
                       access(site->paths.state, W_OK | X_OK) == 0;
    ci_status status =
        ci_run_site_open_databases(site, is_writable && !reads ? CI_RUN_WRITES : CI_RUN_READS);
    /* A full disk is what alerts are for. */
    if (status == CI_ERR_DISK && is_writable && !reads) {
        ci_log_warning("%s", ci_error_text());
        ci_error_clear();
        status = ci_run_site_open_databases(site, CI_RUN_READS);
    }
    if (status == CI_OK) return CI_OK;
    return ci_error_prefix(status, "the databases cannot be read");
}

/* ---- one check ------------------------------------------------------------------------------- */

static ci_status judge(ci_ops_alerts *out, const ci_run_site *site, const ci_conf *conf)
{
    ci_ops_thresholds thresholds;
    const char *path = ci_conf_text(conf, CI_CONF_OPT_ALERT_THRESHOLDS);
    const ci_ops_disk disks[] = CI_CLI_DISKS(site);
    const ci_ops_disk_limits limits = {ci_conf_double(conf, CI_CONF_OPT_DISK_WARN_GB),
                                       ci_conf_double(conf, CI_CONF_OPT_DISK_CRITICAL_GB)};
    out->n = 0;
    ci_ops_thresholds_default(&thresholds);
    if (*path) CI_TRY(ci_ops_thresholds_read(&thresholds, path));
    CI_TRY(ci_ops_alerts_judge(out, site->registry, &thresholds));
    /* A laptop's disk is not the operators' concern unless it was asked for. */
    size_t n_disk = site->paths.is_local_default ? 0 : sizeof disks / sizeof *disks;
    return ci_ops_alerts_disks(out, disks, n_disk, &limits);
}

static void print_alert(const ci_registry_alert *alert, const ci_conf *conf)
{
    const char *contact = ci_conf_text(conf, CI_CONF_OPT_CONTACT);
    printf("%s %s: %s%s%s%s\n", alert->is_active ? "ALERT" : "CLEAR", alert->name, alert->message,
           *contact ? " (contact: " : "", contact, *contact ? ")" : "");
}

/* One that cannot be sent is sent by the next check. */
static ci_status tell(const ci_run_site *site, const ci_conf *conf, const ci_registry_alerts *list)
{
    const char *command = ci_conf_text(conf, CI_CONF_OPT_ALERT_COMMAND);
    const char *contact = ci_conf_text(conf, CI_CONF_OPT_CONTACT);
    for (size_t i = 0; i < list->n; i++) {
        ci_status status =
            *command ? ci_ops_alert_tell(command, &list->item[i], contact, TELL_LIMIT_S) : CI_OK;
        if (ci_conf_bool(conf, CI_CONF_OPT_QUIET)) print_alert(&list->item[i], conf);
        if (status == CI_OK)
            CI_TRY(ci_registry_alert_told(site->registry, &list->item[i]));
        else
            ci_log_error("alert %s could not be sent: %s", list->item[i].name, ci_error_text());
    }
    return CI_OK;
}

static ci_status record_and_tell(const ci_run_site *site, const ci_conf *conf, ci_ops_alerts *found)
{
    ci_registry_alerts now = {found->n, found->item}, *list = NULL;
    bool is_kept = !ci_registry_is_read_only(site->registry);
    ci_status status =
        is_kept ? ci_registry_alerts_update(site->registry, &now, TELL_ALONE_S, &list) : CI_OK;
    if (status == CI_ERR_DISK) {
        ci_log_warning("%s", ci_error_text());
        ci_error_clear();
        is_kept = false;
        status = CI_OK;
    }
    if (status == CI_OK && !is_kept) {
        ci_log_info("%s is not written to: alerts are shown, neither remembered nor sent",
                    site->paths.data_registry_db);
        for (size_t i = 0; ci_conf_bool(conf, CI_CONF_OPT_QUIET) && i < found->n; i++)
            print_alert(&found->item[i], conf);
        return CI_OK;
    }
    if (status == CI_OK) status = tell(site, conf, list);
    ci_registry_alerts_free(list);
    return status;
}

static void print_concerns(const ci_ops_concerns *concerns)
{
    for (size_t i = 0; i < concerns->n_item; i++) {
        const ci_ops_concern *c = &concerns->item[i];
        printf("%s %s %s%s%s (contimg status %s)\n", c->state, c->kind, c->id, *c->why ? ": " : "",
               c->why, c->id);
    }
    if (concerns->n > concerns->n_item)
        printf("and %zu more: contimg status\n", concerns->n - concerns->n_item);
}

static void print_text(const ci_ops_metrics *m, const ci_ops_concerns *concerns,
                       const ci_ops_alerts *alerts, const ci_conf *conf)
{
    printf("published %lld, in staging %lld, publishing %lld\n", (long long)m->n_published,
           (long long)m->n_staging, (long long)m->n_publishing);
    printf("failed publishes %lld (%lld with no attempt left, the others are tried again), refused "
           "%lld, failed attempts of 24 h %lld\n",
           (long long)m->n_failed, (long long)m->n_exhausted, (long long)m->n_refused,
           (long long)m->n_recent_failure);
    printf("success rate %.2f %%\n", m->success_percent);
    print_concerns(concerns);
    for (size_t i = 0; i < alerts->n; i++)
        print_alert(&alerts->item[i], conf);
    if (alerts->n == 0) printf("no alert\n");
}

static ci_status print_json(const ci_ops_metrics *m, const ci_ops_concerns *concerns,
                            const ci_ops_alerts *alerts, const char *contact)
{
    ci_json *json = ci_json_object(), *texts = ci_json_array(), *details = ci_json_array();
    for (size_t i = 0; i < alerts->n; i++) {
        ci_json_put_string(texts, NULL, alerts->item[i].message);
        ci_json_put(details, NULL, ci_ops_alert_json(&alerts->item[i], contact));
    }
    ci_json_put(json, "status", ci_ops_metrics_json(m));
    ci_json_put(json, "alerts", texts);
    ci_json_put(json, "alert_details", details);
    ci_json_put(json, "concerns", ci_ops_concerns_json(concerns));
    return ci_cli_print_json(json);
}

/* When an alert began, from what is recorded; else now. */
static ci_status since_fill(ci_ops_alerts *alerts, ci_registry *registry)
{
    ci_registry_alerts *known = NULL;
    CI_TRY(ci_registry_alerts_read(registry, &known));
    for (size_t i = 0; i < alerts->n; i++) {
        alerts->item[i].since_unix_s = ci_registry_now(registry);
        for (size_t k = 0; k < known->n; k++)
            if (strcmp(known->item[k].name, alerts->item[i].name) == 0)
                alerts->item[i].since_unix_s = known->item[k].since_unix_s;
    }
    ci_registry_alerts_free(known);
    return CI_OK;
}

static ci_status test_tell(const ci_conf *conf, double now_unix_s)
{
    const char *command = ci_conf_text(conf, CI_CONF_OPT_ALERT_COMMAND);
    ci_registry_alert alert = {.name = "test",
                               .message = "a test of contimg monitor: nothing is wrong",
                               .since_unix_s = now_unix_s,
                               .is_active = true};
    return *command ? ci_ops_alert_tell(command, &alert, ci_conf_text(conf, CI_CONF_OPT_CONTACT),
                                        TELL_LIMIT_S)
                    : CI_OK;
}

/* What others read; that it cannot be written does not end the watch. */
static void documents_write(const ci_run_site *site)
{
    const ci_ops_disk disks[] = CI_CLI_DISKS(site);
    if (ci_ops_documents_write(site->registry, site->paths.state, disks, 3) != CI_OK)
        ci_log_warning("%s/api: %s", site->paths.state, ci_error_text());
}

static ci_status check_site(const ci_run_site *site, const ci_conf *conf)
{
    ci_ops_metrics metrics;
    ci_ops_concerns concerns;
    ci_ops_alerts alerts;
    bool is_test = ci_conf_bool(conf, CI_CONF_OPT_TEST);
    CI_TRY(ci_ops_metrics_read(&metrics, site->registry));
    CI_TRY(ci_ops_concerns_read(&concerns, site->registry));
    CI_TRY(judge(&alerts, site, conf));
    if (!is_test) CI_TRY(record_and_tell(site, conf, &alerts));
    if (!ci_registry_is_read_only(site->registry)) documents_write(site);
    CI_TRY(since_fill(&alerts, site->registry));
    if (ci_conf_bool(conf, CI_CONF_OPT_JSON))
        CI_TRY(print_json(&metrics, &concerns, &alerts, ci_conf_text(conf, CI_CONF_OPT_CONTACT)));
    else if (!ci_conf_bool(conf, CI_CONF_OPT_QUIET))
        print_text(&metrics, &concerns, &alerts, conf);
    if (is_test) CI_TRY(test_tell(conf, metrics.time_unix_s));
    if (alerts.n == 0) return CI_OK;
    return ci_error(CI_ERR_ALERT, "%zu alert%s active", alerts.n, alerts.n == 1 ? " is" : "s are");
}

static ci_status check_once(const ci_conf *conf)
{
    ci_run_site site;
    ci_status status = site_open(&site, conf, ci_conf_bool(conf, CI_CONF_OPT_TEST));
    if (status == CI_OK) status = check_site(&site, conf);
    ci_run_site_close(&site);
    return status;
}

/* A fault of one check is said, and does not end the watch; mistakes of the command line and in the
 * file of limits do where they are there from the start. */
static ci_status watch(const ci_conf *conf)
{
    ci_stop_install();
    for (bool is_first = true; !ci_stop_asked(); is_first = false) {
        ci_status status = check_once(conf);
        fflush(stdout);
        if (is_first && (status == CI_ERR_USAGE || status == CI_ERR_INPUT)) return status;
        if (status != CI_OK && status != CI_ERR_ALERT) ci_log_error("%s", ci_error_text());
        ci_error_clear();
        if (!ci_stop_asked())
            ci_clock_wait(NULL, ci_conf_double(conf, CI_CONF_OPT_MONITOR_INTERVAL));
    }
    return CI_OK;
}

/* ---- publishing again ------------------------------------------------------------------------ */

static ci_status retry(const ci_conf *conf)
{
    ci_run_site site;
    ci_cli_retry what = {.id = ci_conf_text(conf, CI_CONF_OPT_MONITOR_RETRY),
                         .limit = (size_t)ci_conf_int(conf, CI_CONF_OPT_LIMIT),
                         .dry_run = ci_conf_bool(conf, CI_CONF_OPT_TEST),
                         .as_json = ci_conf_bool(conf, CI_CONF_OPT_JSON)};
    ci_status status = site_open(&site, conf, what.dry_run);
    if (status == CI_OK && !what.dry_run) status = ci_run_site_keep_leases(&site);
    if (status == CI_OK) status = ci_cli_publish_again(&site, conf, &what);
    ci_run_site_close(&site);
    return status;
}

ci_status ci_cli_monitor(const ci_conf *conf)
{
    bool one = *ci_conf_text(conf, CI_CONF_OPT_MONITOR_RETRY),
         all = ci_conf_bool(conf, CI_CONF_OPT_RETRY_ALL),
         daemon = ci_conf_bool(conf, CI_CONF_OPT_DAEMON);
    if (one + all + daemon > 1)
        return ci_error(CI_ERR_USAGE, "give one of --retry-failed ID, --retry-all, --daemon");
    if (daemon && ci_conf_bool(conf, CI_CONF_OPT_TEST))
        return ci_error(CI_ERR_USAGE, "--test checks once: leave out --daemon");
    if (one || all) return retry(conf);
    return daemon ? watch(conf) : check_once(conf);
}
