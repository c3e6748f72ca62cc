/* What there is of observations, groups, files and products, for lists and for programs. */
#include "ops/story.h"

#include <math.h>
#include <string.h>

ci_status ci_ops_status_read(ci_ops_status *out, ci_registry *registry)
{
    memset(out, 0, sizeof *out);
    CI_TRY(ci_registry_observations_read(registry, &out->observations, NAN, NAN, false));
    CI_TRY(ci_registry_groups_read(registry, &out->groups));
    CI_TRY(ci_registry_files_unused(registry, &out->files));
    return ci_registry_products_read(registry, &out->products, -1, true);
}

void ci_ops_status_clear(ci_ops_status *status)
{
    ci_registry_observations_free(status->observations);
    ci_registry_groups_free(status->groups);
    ci_registry_files_free(status->files);
    ci_registry_products_free(status->products);
    memset(status, 0, sizeof *status);
}

static bool is_member(const ci_registry_groups *groups, const char *observation_id)
{
    for (size_t i = 0; i < groups->n; i++)
        for (size_t k = 0; k < groups->item[i].n_member; k++)
            if (strcmp(groups->item[i].member[k].observation_id, observation_id) == 0) return true;
    return false;
}

size_t ci_ops_status_ungrouped(const ci_ops_status *status, double *arrived_unix_s)
{
    size_t n = 0;
    *arrived_unix_s = 0;
    for (size_t i = 0; i < status->observations->n; i++) {
        const ci_registry_observation *o = &status->observations->item[i];
        if (o->state == CI_REGISTRY_WORK_FAILED || is_member(status->groups, o->id)) continue;
        *arrived_unix_s = fmax(*arrived_unix_s, o->arrived_unix_s);
        n++;
    }
    return n;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static ci_json *observation_json(const ci_registry_observation *o)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "id", o->id);
    ci_json_put_string(json, "state", ci_registry_work_state_word(o->state));
    ci_json_put_int(json, "subbands_present", o->n_present);
    ci_json_put_int(json, "expected_subbands", o->n_expected);
    ci_json_put_string(json, "missing", o->missing);
    ci_json_put_bool(json, "is_degraded", o->is_degraded);
    ci_json_put_string(json, "error", o->error);
    return json;
}

static ci_json *group_json(const ci_registry *registry, const ci_registry_group *group)
{
    ci_ops_standing now;
    ci_json *json = ci_json_object(), *members = ci_json_array();
    ci_json_put_string(json, "id", group->id);
    ci_json_put_string(json, "state", ci_registry_work_state_word(group->state));
    ci_json_put_string(json, "closed_by", group->closed_by);
    ci_json_put_bool(json, "is_early", group->is_early);
    ci_json_put_string(json, "error", group->error);
    ci_ops_group_standing(&now, registry, group);
    ci_ops_standing_put(json, &now);
    for (size_t i = 0; i < group->n_member; i++)
        ci_json_put_string(members, NULL, group->member[i].observation_id);
    ci_json_put(json, "members", members);
    return json;
}

static ci_json *product_json(const ci_registry *registry, const ci_registry_product *p)
{
    ci_ops_standing now;
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "id", p->id);
    ci_json_put_string(json, "type", p->type_word);
    ci_json_put_string(json, "state", ci_registry_publish_state_word(p->state));
    ci_json_put_string(json, "stage_path", p->stage_path);
    ci_json_put_string(json, "published_path", p->published_path);
    ci_json_put_string(json, "error", p->error);
    ci_json_put_int(json, "publish_attempts", p->n_attempt);
    ci_json_put_bool(json, "is_deployed", p->is_deployed);
    ci_ops_product_standing(&now, registry, p);
    ci_ops_standing_put(json, &now);
    return json;
}

static ci_json *file_json(const ci_registry_file *file)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "path", file->path);
    ci_json_put_string(json, "state", ci_registry_file_state_word(file->state));
    ci_json_put_string(json, "reason", ci_ops_file_reason(file));
    return json;
}

ci_json *ci_ops_status_json(const ci_ops_status *status, const ci_registry *registry)
{
    ci_json *root = ci_json_object(), *observations = ci_json_array();
    ci_json *groups = ci_json_array(), *files = ci_json_array(), *products = ci_json_array();
    for (size_t i = 0; i < status->observations->n; i++)
        ci_json_put(observations, NULL, observation_json(&status->observations->item[i]));
    for (size_t i = 0; i < status->groups->n; i++)
        ci_json_put(groups, NULL, group_json(registry, &status->groups->item[i]));
    for (size_t i = 0; i < status->files->n; i++)
        ci_json_put(files, NULL, file_json(&status->files->item[i]));
    for (size_t i = 0; i < status->products->n; i++)
        ci_json_put(products, NULL, product_json(registry, &status->products->item[i]));
    ci_json_put(root, "products", products);
    ci_json_put(root, "observations", observations);
    ci_json_put(root, "groups", groups);
    ci_json_put(root, "files", files);
    return root;
}
