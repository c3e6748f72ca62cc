/* contimg check and contimg inspect: what ops finds of machines and files. */
#include "cli/cli.h"

#include "contimg/ops.h"

#include <string.h>

/* ---- inspect --------------------------------------------------------------------------------- */

ci_status ci_cli_inspect(const ci_conf *conf)
{
    if (ci_conf_argument_count(conf) == 0)
        return ci_error(CI_ERR_USAGE, "no file given; contimg inspect FILE...");
    ci_status worst = CI_OK;
    ci_error_saved last = ci_error_save(CI_OK);
    for (size_t i = 0; i < ci_conf_argument_count(conf); i++) {
        ci_status status =
            ci_ops_inspect(ci_conf_argument(conf, i), ci_conf_bool(conf, CI_CONF_OPT_JSON), stdout);
        if (status == CI_OK) continue;
        /* Each unusable file is named; the last line is main's. */
        if (last.status != CI_OK) fprintf(stderr, "contimg: %s\n", last.text);
        last = ci_error_save(status);
        if (status > worst) worst = status;
    }
    ci_error_restore(&last);
    return worst;
}

/* ---- check ----------------------------------------------------------------------------------- */

static ci_status print_values(const ci_conf *conf)
{
    if (!ci_conf_bool(conf, CI_CONF_OPT_JSON)) {
        ci_conf_print(stdout, conf);
        return CI_OK;
    }
    ci_json *list = ci_json_array();
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        char variable[64];
        ci_json *item = ci_json_object();
        ci_conf_variable(id, variable);
        ci_json_put_string(item, "name", ci_conf_name(id));
        ci_json_put_string(item, "variable", variable);
        ci_json_put_string(item, "value", ci_conf_text(conf, id));
        ci_json_put_string(item, "origin", ci_conf_origin(conf, id));
        ci_json_put(list, NULL, item);
    }
    return ci_cli_print_json(list);
}

/* What the groups that are ready will write, where there are databases to tell. */
static char *put_writes(const ci_conf *conf, const ci_conf_paths *paths, ci_ops_check_options *o)
{
    ci_plan plan;
    bool is_work = false;
    char *fault = NULL;
    if (!ci_path_exists(paths->ingest_db)) return NULL;
    if (ci_cli_plan_next(conf, &plan, &is_work) != CI_OK) {
        if (ci_str_copy(&fault, ci_error_text()) != CI_OK) fault = NULL;
        ci_error_clear();
    } else if (is_work) {
        o->staging_writes_gb = 1e-9 * plan.staging_bytes;
        o->products_writes_gb = 1e-9 * plan.products_bytes;
        o->state_writes_gb = 1e-9 * plan.state_bytes;
    }
    return fault;
}

/* What the services would say of the configuration, where they would not begin with it. */
static char *services_fault(const ci_conf *conf)
{
    char *fault = NULL;
    if (ci_conf_check_others(conf, CI_CONF_COMMAND_RUN | CI_CONF_COMMAND_PUBLISH |
                                       CI_CONF_COMMAND_SERVE | CI_CONF_COMMAND_MONITOR |
                                       CI_CONF_COMMAND_CLEAN) == CI_OK)
        return NULL;
    if (ci_str_copy(&fault, ci_error_text()) != CI_OK) fault = NULL;
    ci_error_clear();
    return fault;
}

/* What was given on the command line, for the same check on another machine. */
static ci_status given_new(char ***out, size_t *n, const ci_conf *conf)
{
    *n = 0;
    CI_TRY(ci_mem_alloc(out, CI_CONF_OPT_COUNT, sizeof **out, "arguments"));
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_conf_id id = (ci_conf_id)i;
        if (id == CI_CONF_OPT_NODES || id == CI_CONF_OPT_JSON || id == CI_CONF_OPT_LOG_LEVEL ||
            ci_conf_source_of(conf, id) != CI_CONF_SOURCE_COMMAND_LINE)
            continue;
        CI_TRY(ci_str_format(&(*out)[*n], "--%s=%s", ci_conf_name(id), ci_conf_text(conf, id)));
        (*n)++;
    }
    return CI_OK;
}

static ci_status check_with(const ci_conf *conf, ci_ops_check_options *o)
{
    char **given = NULL;
    size_t n = 0;
    const char *shared_with = ci_conf_text(conf, CI_CONF_OPT_SHARED_WITH);
    o->nodes = ci_conf_bool(conf, CI_CONF_OPT_NODES);
    o->shared_with = *shared_with ? shared_with : NULL;
    ci_status status = given_new(&given, &n, conf);
    o->argument = (const char *const *)given;
    o->n_argument = n;
    if (status == CI_OK) status = ci_ops_check(o, ci_conf_bool(conf, CI_CONF_OPT_JSON), stdout);
    for (size_t i = 0; i < n; i++)
        ci_mem_free(given[i]);
    ci_mem_free(given);
    return status;
}

ci_status ci_cli_check(const ci_conf *conf)
{
    ci_conf_paths paths;
    if (ci_conf_bool(conf, CI_CONF_OPT_VALUES)) return print_values(conf);
    CI_TRY(ci_conf_paths_new(&paths, conf));
    ci_ops_check_options options = {
        .input = paths.input,
        .staging = paths.staging,
        .products = paths.products,
        .state = paths.state,
        .databases = {paths.ingest_db, paths.cal_registry_db, paths.products_db,
                      paths.data_registry_db},
        .disk_critical_gb = ci_conf_double(conf, CI_CONF_OPT_DISK_CRITICAL_GB),
        .makes = ci_conf_bool(conf, CI_CONF_OPT_MAKE),
        .dry_run = ci_conf_bool(conf, CI_CONF_OPT_DRY_RUN),
        .input_given = ci_conf_is_given(conf, CI_CONF_OPT_INPUT_DIR),
        .run_makes_staging = paths.makes_staging,
        .run_makes_products = paths.makes_products,
        .run_makes_state = paths.makes_state,
        .is_local = paths.is_local_default,
        .disk_critical_given = ci_conf_is_given(conf, CI_CONF_OPT_DISK_CRITICAL_GB)};
    char *fault =
        ci_conf_is_given(conf, CI_CONF_OPT_SHARED_WITH) ? NULL : put_writes(conf, &paths, &options);
    char *services = services_fault(conf);
    options.plan_fault = fault;
    options.conf_fault = services;
    ci_status status = check_with(conf, &options);
    ci_mem_free(services);
    ci_mem_free(fault);
    ci_conf_paths_free(&paths);
    return status;
}
