/* A product's provenance, metadata_json of its row: written from the run and the group's record,
 * and what later runs read of it. */
#include "run/provenance.h"

#include <string.h>

/* ---- what is read again: written and read by the same names ---------------------------------- */

static const char inputs_name[] = "inputs_sha256", options_name[] = "options_sha256";
static const char degraded_name[] = "is_degraded", why_name[] = "degraded_why";
static const char version_name[] = "product_version";

static void made_put(ci_json *json, const ci_run_provenance *made)
{
    ci_json_put_string(json, inputs_name, made->inputs_sha256);
    ci_json_put_string(json, options_name, made->options_sha256);
    ci_json_put_bool(json, degraded_name, made->is_degraded);
    ci_json_put_string(json, why_name, made->degraded_why);
    if (made->version > 0) ci_json_put_int(json, version_name, made->version);
}

ci_status ci_run_provenance_read(ci_run_provenance *out, const ci_registry_product *product)
{
    ci_json *json = NULL;
    memset(out, 0, sizeof *out);
    if (!product->metadata_json[0]) return CI_OK;
    CI_TRY(ci_json_parse(&json, product->metadata_json, "metadata of a product"));
    snprintf(out->inputs_sha256, sizeof out->inputs_sha256, "%s",
             ci_json_get_string(json, inputs_name, ""));
    snprintf(out->options_sha256, sizeof out->options_sha256, "%s",
             ci_json_get_string(json, options_name, ""));
    out->is_degraded = ci_json_get_bool(json, degraded_name, false);
    if (out->is_degraded)
        snprintf(out->degraded_why, sizeof out->degraded_why, "%s",
                 ci_json_get_string(json, why_name, "an earlier run made it so"));
    out->version = (int64_t)ci_json_get_number(json, version_name, 0);
    ci_json_free(json);
    return CI_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

ci_status ci_run_provenance_text(char **out, const ci_run *run, const char *const *tile_id,
                                 size_t n_tile, const ci_report_group *record)
{
    ci_json *json = ci_json_object(), *tiles = ci_json_array();
    ci_run_provenance made = {.is_degraded = record->is_degraded, .version = record->version};
    memcpy(made.inputs_sha256, record->inputs_sha256, sizeof made.inputs_sha256);
    memcpy(made.options_sha256, run->choices_sha256, sizeof made.options_sha256);
    memcpy(made.degraded_why, record->degraded_why, sizeof made.degraded_why);
    ci_json_put_string(json, "program", "contimg");
    ci_json_put_string(json, "version", ci_version());
    ci_json_put_string(json, "run", run->record.id);
    ci_json_put_string(json, "host", run->record.host);
    ci_json_put_string(json, "isa", ci_isa_name(run->record.isa));
    ci_json_put_int(json, "n_rank", run->record.n_rank);
    ci_json_put_string(json, "options", run->record.options);
    ci_json_put(json, "relaxed", ci_report_limits_json(&run->record));
    ci_json_put_string(json, "group", record->id);
    made_put(json, &made);
    for (size_t i = 0; i < n_tile; i++)
        ci_json_put_string(tiles, NULL, tile_id[i]);
    ci_json_put(json, "tiles", tiles);
    ci_json_put(json, "mosaic", ci_report_mosaic_json(record->mosaic));
    ci_status status = ci_json_print(out, json, true);
    ci_json_free(json);
    return status;
}
