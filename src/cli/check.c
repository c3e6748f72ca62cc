/* contimg check and contimg inspect: what ops finds of machines and files. */
#include "cli/cli.h"

#include "contimg/ops.h"

/* ---- inspect ----------------------------------------------------------------------------------
 */

ci_status ci_cli_inspect(const ci_conf *conf)
{
    if (ci_conf_argument_count(conf) == 0)
        return ci_error(CI_ERR_USAGE, "no file given; contimg inspect FILE...");
    ci_status worst = CI_OK;
    ci_error_saved last = ci_error_save(CI_OK);
    for (size_t i = 0; i < ci_conf_argument_count(conf); i++) {
        ci_status status =
            ci_ops_inspect(ci_conf_argument(conf, i), ci_conf_bool(conf, CI_OPT_JSON), stdout);
        if (status == CI_OK) continue;
        /* Each unusable file is named; the last line is main's. */
        if (last.status != CI_OK) fprintf(stderr, "contimg: %s\n", last.text);
        last = ci_error_save(status);
        if (status > worst) worst = status;
    }
    ci_error_restore(&last);
    return worst;
}

/* ---- check ------------------------------------------------------------------------------------
 */

static ci_status print_values(const ci_conf *conf)
{
    if (!ci_conf_bool(conf, CI_OPT_JSON)) {
        ci_conf_print(stdout, conf);
        return CI_OK;
    }
    ci_json *list = ci_json_array();
    for (int i = 0; i < CI_OPT_COUNT; i++) {
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

ci_status ci_cli_check(const ci_conf *conf)
{
    ci_conf_paths paths;
    if (ci_conf_bool(conf, CI_OPT_VALUES)) return print_values(conf);
    CI_TRY(ci_conf_paths_new(&paths, conf));
    ci_ops_check_options options = {
        .input = paths.input,
        .staging = paths.staging,
        .products = paths.products,
        .state = paths.state,
        .databases = {paths.ingest_db, paths.cal_registry_db, paths.products_db,
                      paths.data_registry_db},
        .disk_critical_gb = ci_conf_double(conf, CI_OPT_DISK_CRITICAL_GB),
        .makes = ci_conf_bool(conf, CI_OPT_MAKE),
        .input_given = ci_conf_is_given(conf, CI_OPT_INPUT_DIR),
        .run_makes_staging = paths.makes_staging,
        .run_makes_products = paths.makes_products,
        .run_makes_state = paths.makes_state,
        .is_local = paths.is_local_default,
        .disk_critical_given = ci_conf_is_given(conf, CI_OPT_DISK_CRITICAL_GB)};
    ci_status status = ci_ops_check(&options, ci_conf_bool(conf, CI_OPT_JSON), stdout);
    ci_conf_paths_free(&paths);
    return status;
}
