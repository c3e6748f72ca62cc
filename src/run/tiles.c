/* The tiles of a group: used again or made, by teams of ranks. */
#include "run/tiles.h"

#include "run/lease.h"
#include "run/teams.h"

#include <string.h>

ci_status ci_run_tile_folder(const ci_run *run, const char *id, char **out)
{
    return ci_str_format(out, "%s/tiles/%s", run->site.paths.staging, id);
}

static ci_status check_claim(const void *context)
{
    return ci_run_lease_check(context);
}

/* A task for a tile; its folder is owned by the caller. */
static ci_status task_set(ci_tile_task *task, char **folder, const ci_run *run,
                          const ci_run_tile *tile, const ci_run_recipe *recipe)
{
    /* A list of calibrators is no catalogue of a field. */
    bool has_field = !ci_tile_model_is_list(ci_conf_text(run->conf, CI_CONF_OPT_MODEL));
    CI_TRY(ci_run_tile_folder(run, tile->id, folder));
    *task = (ci_tile_task){.id = tile->id,
                           .folder = *folder,
                           .claim_token = run->claim_token,
                           .check_claim = check_claim,
                           .claim_context = run,
                           .path = (const char *const *)tile->path,
                           .n_path = tile->n_path,
                           .field = has_field ? run->model : NULL,
                           .is_degraded = tile->is_degraded,
                           .made_with_sha256 = recipe->sha256,
                           .relaxed = recipe->relaxed};
    return CI_OK;
}

/* ---- tiles made before ----------------------------------------------------------------- */

bool ci_run_tile_is_judged_alike(const char *relaxed, const char *wanted, bool is_judged)
{
    return strcmp(relaxed, wanted) == 0 || (is_judged && !*relaxed);
}

/* Whether a record that was found can be used; it is marked where it was also judged and
 * registered. One that was not, because its run ended too soon, is judged in this run. */
static bool is_usable(ci_run *run, ci_tile_record *record, const char *relaxed)
{
    ci_registry_images *found = NULL;
    bool is_judged = ci_registry_tile_get(run->site.registry, record->id, &found) == CI_OK &&
                     found->n == 1 && found->item[0].state == CI_REGISTRY_IMAGE_PASSED;
    bool good = ci_run_tile_is_judged_alike(record->relaxed, relaxed, is_judged);
    if (!good)
        ci_log_info("tile %s is made again: other quality limits are relaxed", record->id);
    else if (is_judged && ci_registry_image_check(&found->item[0]) != CI_OK) {
        ci_log_warning("tile %s is made again: %s", record->id, ci_error_text());
        good = false;
    }
    ci_registry_images_free(found);
    record->is_reused = is_judged;
    return good;
}

/* The record of a tile that an earlier run made with the same options from the same files,
 * checked by checksum; NULL where there is none. Rank 0. */
static ci_status find_reusable(ci_run *run, const ci_run_tile *tile, const ci_run_recipe *recipe,
                               ci_tile_record **out)
{
    ci_tile_task task;
    char *folder = NULL;
    CI_TRY(task_set(&task, &folder, run, tile, recipe));
    ci_path_remove_parts(folder); /* of those who had the tile before */
    *out = ci_tile_record_load_cached(&task);
    ci_mem_free(folder);
    if (*out && !is_usable(run, *out, recipe->relaxed)) {
        ci_tile_record_free(*out);
        *out = NULL;
    }
    /* Whoever made it may have expected fewer sub-bands. */
    if (*out && tile->is_degraded) (*out)->is_degraded = true;
    if (*out) ci_log_info("tile %s: made before with the same options, used again", tile->id);
    return CI_OK;
}

/* Records of reusable tiles on rank 0; is_made[i] on all ranks: tile i need not be made. */
static ci_status reuse_tiles(ci_run *run, const ci_run_group *group, const ci_run_recipe *recipe,
                             ci_tile_record **record, int64_t *is_made)
{
    ci_status status = CI_OK;
    if (ci_comm_rank(run->world) == 0) {
        for (size_t i = 0; status == CI_OK && i < group->n_tile; i++) {
            const ci_run_tile *tile = &group->tile[i];
            if (!tile->is_hole) status = find_reusable(run, tile, recipe, &record[i]);
            is_made[i] = record[i] != NULL || tile->is_hole;
        }
    }
    CI_AGREE(run->world, status);
    return ci_par_bcast(run->world, is_made, group->n_tile * sizeof *is_made, 0);
}

/* ---- making the others ---------------------------------------------------------------------- */

/* One tile by a team; its record, packed, on the team's rank 0. */
static ci_status make_tile(ci_run *run, ci_comm *team, const ci_run_tile *tile,
                           const ci_run_material *material, ci_par_packer *packed)
{
    ci_tile_task task;
    ci_tile_record *record = NULL;
    char *folder = NULL;
    const ci_tile_tables *tables = material->tables;
    CI_AGREE(team, task_set(&task, &folder, run, tile, material->recipe));
    if (material->held->set && strcmp(tile->id, tables->own_tile) == 0)
        task.loaded = material->held;
    ci_status status = ci_tile_make(team, &run->options, &task, tables, &run->events, &record);
    if (status == CI_OK)
        status = ci_par_agree(team, record ? ci_tile_record_pack(packed, record) : CI_OK);
    ci_tile_data_free(material->held);
    ci_tile_record_free(record);
    ci_mem_free(folder);
    return status;
}

typedef struct
{
    ci_plan_teams plan;
    ci_comm *comm; /* this rank's */
    int i_team;
} tile_team;

static ci_status team_open(ci_run *run, const ci_run_group *group, tile_team *t)
{
    int rank_in_team;
    CI_TRY(ci_run_teams_choose(run, group, &t->plan));
    t->i_team = ci_plan_team_of(&t->plan, ci_comm_rank(run->world), &rank_in_team);
    return ci_comm_split(run->world, t->i_team, &t->comm);
}

/* What is held is of use to a team of all ranks whose first tile it is: later it would lie beside
 * another one, and a team of some ranks would have to read the others' parts. The same on all
 * ranks. */
static void held_check(const tile_team *t, const ci_run_group *group, const int64_t *is_made,
                       const ci_run_material *material)
{
    size_t first = 0;
    while (first < group->n_tile && is_made[first])
        first++;
    bool is_first =
        first < group->n_tile && strcmp(group->tile[first].id, material->tables->own_tile) == 0;
    if (t->plan.n_team > 1 || !is_first) ci_tile_data_free(material->held);
}

/* This team's tiles, one after the other; records, packed, on the team's rank 0. */
static ci_status make_team_tiles(ci_run *run, const tile_team *t, const ci_run_group *group,
                                 const int64_t *is_made, const ci_run_material *material,
                                 ci_par_packer *packed)
{
    size_t n_tile = group->n_tile;
    held_check(t, group, is_made, material);
    for (size_t i = (size_t)t->i_team; i < n_tile; i += (size_t)t->plan.n_team) {
        char where[64];
        if (is_made[i]) continue;
        CI_TRY(make_tile(run, t->comm, &group->tile[i], material, packed));
        snprintf(where, sizeof where, "after tile %zu of %zu", i + 1, n_tile);
        CI_TRY(ci_tile_stop_check(t->comm, where));
    }
    return CI_OK;
}

/* ---- all of them on rank 0 ------------------------------------------------------------------- */

/* The next of the packed records, to its tile. */
static ci_status record_take(const ci_run_group *group, ci_par_unpacker *packed,
                             ci_tile_record **record)
{
    ci_tile_record *one = NULL;
    CI_TRY(ci_tile_record_unpack(&one, packed));
    for (size_t i = 0; i < group->n_tile; i++) {
        if (strcmp(group->tile[i].id, one->id) != 0) continue;
        ci_tile_record_free(record[i]);
        record[i] = one;
        return CI_OK;
    }
    ci_status status = ci_error(CI_ERR_INTERNAL, "tile %s: is not of this group", one->id);
    ci_tile_record_free(one);
    return status;
}

/* Of all teams; a hole has a record that says so. */
static ci_status sort_records(const ci_run_group *group, ci_par_unpacker packed,
                              ci_tile_record **record)
{
    while (packed.left > 0)
        CI_TRY(record_take(group, &packed, record));
    for (size_t i = 0; i < group->n_tile; i++) {
        if (record[i]) continue;
        CI_TRY(ci_tile_record_new(&record[i], group->tile[i].id));
        record[i]->status = CI_ERR_GATE;
        snprintf(record[i]->reason, sizeof record[i]->reason,
                 "its observation failed: contimg status %s", group->tile[i].id);
    }
    return CI_OK;
}

/* Collective. */
static ci_status gather_records(ci_run *run, const ci_run_group *group, const ci_par_packer *packed,
                                ci_tile_record **record)
{
    char *all = NULL;
    size_t n_all = 0;
    CI_TRY(ci_par_gather(run->world, packed->bytes, packed->n, 0, (void **)&all, &n_all));
    ci_status status = CI_OK;
    if (ci_comm_rank(run->world) == 0)
        status = sort_records(group, (ci_par_unpacker){all, n_all}, record);
    ci_mem_free(all);
    return ci_par_agree(run->world, status);
}

static ci_status make_tiles(ci_run *run, const ci_run_group *group, const ci_run_material *material,
                            const int64_t *is_made, ci_tile_record **record)
{
    tile_team t = {0};
    ci_par_packer packed = {0};
    ci_status status = team_open(run, group, &t);
    if (status == CI_OK)
        status =
            ci_par_agree(run->world, make_team_tiles(run, &t, group, is_made, material, &packed));
    if (status == CI_OK) status = gather_records(run, group, &packed, record);
    ci_comm_free(t.comm);
    ci_mem_free(packed.bytes);
    return ci_par_agree(run->world, status);
}

/* The machine failed it, and perhaps only once: a full disk or a bad file server. More memory there
 * will not be. */
static bool is_tried_again(const ci_tile_record *record)
{
    return record->state == CI_TILE_FAILED && ci_status_is_environment(record->status) &&
           record->status != CI_ERR_MEMORY;
}

/* Which tiles are made once more; their first record is told and goes. Collective. */
static ci_status again_choose(ci_run *run, const ci_run_group *group, ci_tile_record **record,
                              int64_t *is_made, int64_t *n_again)
{
    *n_again = 0;
    for (size_t i = 0; i < group->n_tile; i++) {
        is_made[i] = !record[i] || !is_tried_again(record[i]);
        if (is_made[i]) continue;
        ci_log_info("tile %s: tried again: %s", record[i]->id, record[i]->reason);
        ++*n_again;
    }
    CI_TRY(ci_par_bcast(run->world, is_made, group->n_tile * sizeof *is_made, 0));
    return ci_par_bcast(run->world, n_again, sizeof *n_again, 0);
}

/* All tiles, those that the machine failed twice. Collective. */
static ci_status make_twice(ci_run *run, const ci_run_group *group, const ci_run_material *material,
                            int64_t *is_made, ci_tile_record **record)
{
    int64_t n_again = 0;
    CI_TRY(reuse_tiles(run, group, material->recipe, record, is_made));
    CI_TRY(make_tiles(run, group, material, is_made, record));
    CI_TRY(again_choose(run, group, record, is_made, &n_again));
    return n_again > 0 ? make_tiles(run, group, material, is_made, record) : CI_OK;
}

ci_status ci_run_tiles_make(ci_run *run, const ci_run_group *group, const ci_run_material *material,
                            ci_report_group *record)
{
    ci_tile_record **made = NULL;
    int64_t *is_made = NULL;
    CI_TRY(ci_par_alloc(run->world, &is_made, group->n_tile, sizeof *is_made, "tiles"));
    ci_status status = ci_mem_alloc(&made, group->n_tile, sizeof *made, "tile records");
    status = ci_par_agree(run->world, status);
    if (status == CI_OK) status = make_twice(run, group, material, is_made, made);
    ci_mem_free(is_made);
    if (status == CI_OK && record) {
        record->tile = made;
        record->n_tile = group->n_tile;
        return CI_OK;
    }
    for (size_t i = 0; made && i < group->n_tile; i++)
        ci_tile_record_free(made[i]);
    ci_mem_free(made);
    return status;
}
