/* The paths of input, staging, state and products. */
#include "contimg/conf.h"

#include <string.h>

static const char deployed_root[] = "/data/dsa110-contimg";

static bool is_under(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return n > 0 && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* True where no folder is configured and the deployed folders do not exist. */
static bool nothing_configured(const ci_conf *conf)
{
    static const ci_conf_id ids[] = {CI_CONF_OPT_OUTPUT_DIR, CI_CONF_OPT_SCRATCH_DIR,
                                     CI_CONF_OPT_STATE_DIR, CI_CONF_OPT_PRODUCTS_DIR};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ci_conf_is_given(conf, ids[i]) && ci_conf_text(conf, ids[i])[0]) return false;
    return !ci_path_is_folder(deployed_root);
}

static bool is_typed(const ci_conf *conf, ci_conf_id id)
{
    return ci_conf_source_of(conf, id) == CI_CONF_SOURCE_COMMAND_LINE;
}

/* The scratch folder where the output folder lies in it, else the output folder. */
static ci_status staging(ci_conf_paths *out, const ci_conf *conf)
{
    char *scratch = NULL;
    CI_TRY(ci_path_absolute(&out->staging, ci_conf_text(conf, CI_CONF_OPT_OUTPUT_DIR)));
    out->makes_staging = is_typed(conf, CI_CONF_OPT_OUTPUT_DIR);
    CI_TRY(ci_path_absolute(&scratch, ci_conf_text(conf, CI_CONF_OPT_SCRATCH_DIR)));
    if (!is_under(out->staging, scratch)) {
        ci_mem_free(scratch);
        return CI_OK;
    }
    ci_mem_free(out->staging);
    out->staging = scratch;
    out->makes_staging = is_typed(conf, CI_CONF_OPT_SCRATCH_DIR);
    return CI_OK;
}

/* All absolute: paths in the databases are valid whatever folder the next command is started in. */
static ci_status folders(ci_conf_paths *out, const ci_conf *conf)
{
    CI_TRY(ci_path_absolute(&out->input, ci_conf_text(conf, CI_CONF_OPT_INPUT_DIR)));
    out->is_local_default = nothing_configured(conf);
    if (out->is_local_default) {
        out->makes_staging = out->makes_state = out->makes_products = true;
        CI_TRY(ci_path_absolute(&out->staging, "contimg-data/staging"));
        CI_TRY(ci_path_absolute(&out->state, "contimg-data/state"));
        return ci_path_absolute(&out->products, "contimg-data/products");
    }
    CI_TRY(staging(out, conf));
    out->makes_state = is_typed(conf, CI_CONF_OPT_STATE_DIR);
    out->makes_products = is_typed(conf, CI_CONF_OPT_PRODUCTS_DIR);
    CI_TRY(ci_path_absolute(&out->state, ci_conf_text(conf, CI_CONF_OPT_STATE_DIR)));
    return ci_path_absolute(&out->products, ci_conf_text(conf, CI_CONF_OPT_PRODUCTS_DIR));
}

static ci_status database(char **out, const ci_conf *conf, ci_conf_id id, const char *state,
                          const char *name)
{
    const char *given = ci_conf_text(conf, id);
    return *given ? ci_path_absolute(out, given) : ci_path_join(out, state, name);
}

static ci_status databases(ci_conf_paths *out, const ci_conf *conf)
{
    CI_TRY(database(&out->ingest_db, conf, CI_CONF_OPT_QUEUE_DB, out->state, "ingest.sqlite3"));
    CI_TRY(
        database(&out->products_db, conf, CI_CONF_OPT_PRODUCTS_DB, out->state, "products.sqlite3"));
    /* An older deployed file gives the calibration registry under CONTIMG_REGISTRY_DB. */
    const char *registry = ci_conf_text(conf, CI_CONF_OPT_REGISTRY_DB);
    bool is_old = strstr(ci_path_base(registry), "cal_registry") != NULL;
    if (is_old)
        ci_log_warning("registry-db %s is the calibration registry; publish state goes to "
                       "%s/data_registry.sqlite3",
                       registry, out->state);
    if (is_old)
        CI_TRY(ci_path_join(&out->data_registry_db, out->state, "data_registry.sqlite3"));
    else
        CI_TRY(database(&out->data_registry_db, conf, CI_CONF_OPT_REGISTRY_DB, out->state,
                        "data_registry.sqlite3"));
    if (is_old && !ci_conf_is_given(conf, CI_CONF_OPT_CAL_REGISTRY_DB))
        return ci_path_absolute(&out->cal_registry_db, registry);
    return database(&out->cal_registry_db, conf, CI_CONF_OPT_CAL_REGISTRY_DB, out->state,
                    "cal_registry.sqlite3");
}

ci_status ci_conf_paths_new(ci_conf_paths *out, const ci_conf *conf)
{
    memset(out, 0, sizeof *out);
    ci_status status = folders(out, conf);
    if (status == CI_OK) status = databases(out, conf);
    if (status != CI_OK) ci_conf_paths_free(out);
    return status;
}

void ci_conf_paths_free(ci_conf_paths *paths)
{
    ci_mem_free(paths->input);
    ci_mem_free(paths->staging);
    ci_mem_free(paths->state);
    ci_mem_free(paths->products);
    ci_mem_free(paths->ingest_db);
    ci_mem_free(paths->products_db);
    ci_mem_free(paths->data_registry_db);
    ci_mem_free(paths->cal_registry_db);
    memset(paths, 0, sizeof *paths);
}
