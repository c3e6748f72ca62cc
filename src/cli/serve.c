/* contimg serve: the read-only HTTP service. */
#include "cli/cli.h"

#include "contimg/serve.h"

#include <string.h>

/* The deployed service listened on every address of the machine. Here only a person's word on the
 * command line does that. */
static const char *address_of(const ci_conf *conf)
{
    const char *address = ci_conf_text(conf, CI_CONF_OPT_BIND);
    bool is_asked = ci_conf_source_of(conf, CI_CONF_OPT_BIND) == CI_CONF_SOURCE_COMMAND_LINE;
    bool is_all = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    if (!is_all || is_asked) return address;
    ci_log_warning("%s: CONTIMG_API_HOST=%s is taken as 127.0.0.1: others than this machine are "
                   "served only with --bind %s on the command line",
                   ci_conf_origin(conf, CI_CONF_OPT_BIND), address, address);
    return "127.0.0.1";
}

ci_status ci_cli_serve(const ci_conf *conf)
{
    ci_run_site site = {0};
    CI_TRY(ci_conf_paths_new(&site.paths, conf));
    const ci_conf_paths *p = &site.paths;
    const ci_ops_disk disks[] = CI_CLI_DISKS(&site);
    const ci_serve_options options = {
        .address = address_of(conf),
        .port = (int)ci_conf_int(conf, CI_CONF_OPT_PORT),
        .state = p->state,
        .databases = {p->ingest_db, p->cal_registry_db, p->products_db, p->data_registry_db, ""},
        .disk = disks,
        .n_disk = sizeof disks / sizeof *disks,
        .disk_critical_gb =
            p->is_local_default ? 0 : ci_conf_double(conf, CI_CONF_OPT_DISK_CRITICAL_GB),
        .contact = ci_conf_text(conf, CI_CONF_OPT_CONTACT)};
    ci_log_info("state %s, staging %s, products %s", p->state, p->staging, p->products);
    ci_status status = ci_serve_run(&options);
    ci_conf_paths_free(&site.paths);
    return status;
}
