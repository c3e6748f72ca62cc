/* A product's provenance.json, from the run, the product and the group's record. */
#include "run/provenance.h"

ci_status ci_run_provenance_text(char **out, const ci_run *run, const char *const *tile_id,
                                 size_t n_tile, const ci_run_group_record *record)
{
    ci_json *json = ci_json_object(), *tiles = ci_json_array();
    ci_json_put_string(json, "program", "contimg");
    ci_json_put_string(json, "version", ci_version());
    ci_json_put_string(json, "run", run->record.id);
    ci_json_put_string(json, "host", run->record.host);
    ci_json_put_string(json, "isa", ci_isa_name(run->record.isa));
    ci_json_put_int(json, "n_rank", run->record.n_rank);
    ci_json_put_string(json, "options", run->record.options);
    ci_json_put(json, "relaxed", ci_conf_relaxed_json(run->conf));
    ci_json_put_string(json, "group", record->id);
    ci_json_put_string(json, "inputs_sha256", record->inputs_sha256);
    ci_json_put_string(json, "options_sha256", run->choices_sha256);
    ci_json_put_bool(json, "is_degraded", record->is_degraded);
    ci_json_put_string(json, "degraded_why", record->degraded_why);
    if (record->version > 0) ci_json_put_int(json, "product_version", record->version);
    for (size_t i = 0; i < n_tile; i++)
        ci_json_put_string(tiles, NULL, tile_id[i]);
    ci_json_put(json, "tiles", tiles);
    ci_json_put(json, "mosaic", ci_run_mosaic_json(record->mosaic));
    ci_status status = ci_json_print(out, json, true);
    ci_json_free(json);
    return status;
}
