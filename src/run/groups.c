/* What a run has to do, as a structure: from the registry, and between ranks. */
#include "contimg/par_pack.h"
#include "contimg/run.h"

#include <math.h>
#include <string.h>

/* ---- from the registry ----------------------------------------------------------------------- */

static ci_status tile_copy(ci_run_tile *tile, const ci_registry_member *member)
{
    snprintf(tile->id, sizeof tile->id, "%s", member->observation_id);
    tile->time_mjd_s = member->first_time_mjd_s;
    tile->last_time_mjd_s = fmax(member->last_time_mjd_s, member->first_time_mjd_s);
    tile->is_degraded = member->is_degraded;
    tile->is_hole = member->state == CI_REGISTRY_WORK_FAILED;
    CI_TRY(ci_mem_alloc(&tile->path, member->n_path, sizeof *tile->path, "paths"));
    tile->n_path = member->n_path;
    for (size_t i = 0; i < member->n_path; i++)
        CI_TRY(ci_str_copy(&tile->path[i], member->path[i]));
    return CI_OK;
}

ci_status ci_run_groups_add(ci_run_groups *groups, const ci_registry_group *from)
{
    CI_TRY(ci_mem_resize(&groups->group, groups->n_group + 1, sizeof *groups->group, "groups"));
    ci_run_group *group = &groups->group[groups->n_group++];
    memset(group, 0, sizeof *group);
    snprintf(group->id, sizeof group->id, "%s", from->id);
    group->is_named = from->is_named;
    group->n_min_tiles = from->n_min_tiles > 0 ? (size_t)from->n_min_tiles : 0;
    CI_TRY(ci_mem_alloc(&group->tile, from->n_member, sizeof *group->tile, "tiles"));
    group->n_tile = from->n_member;
    for (size_t i = 0; i < from->n_member; i++)
        CI_TRY(tile_copy(&group->tile[i], &from->member[i]));
    return CI_OK;
}

static void group_clear(ci_run_group *group)
{
    for (size_t i = 0; i < group->n_tile; i++)
        ci_str_list_free(group->tile[i].path, group->tile[i].n_path);
    ci_mem_free(group->tile);
}

void ci_run_groups_cut(ci_run_groups *groups, size_t n)
{
    while (groups->n_group > n)
        group_clear(&groups->group[--groups->n_group]);
}

void ci_run_groups_free(ci_run_groups *groups)
{
    ci_run_groups_cut(groups, 0);
    ci_mem_free(groups->group);
    memset(groups, 0, sizeof *groups);
}

/* ---- between ranks --------------------------------------------------------------------------- */

static ci_status group_pack(ci_par_packer *p, const ci_run_group *group)
{
    CI_TRY(ci_par_pack(p, group, sizeof *group));
    for (size_t i = 0; i < group->n_tile; i++) {
        CI_TRY(ci_par_pack(p, &group->tile[i], sizeof group->tile[i]));
        for (size_t k = 0; k < group->tile[i].n_path; k++)
            CI_TRY(ci_par_pack_text(p, group->tile[i].path[k]));
    }
    return CI_OK;
}

ci_status ci_run_groups_pack(char **out, size_t *n_byte, const ci_run_groups *groups)
{
    ci_par_packer p = {0};
    ci_status status = ci_par_pack(&p, &groups->n_group, sizeof groups->n_group);
    for (size_t i = 0; status == CI_OK && i < groups->n_group; i++)
        status = group_pack(&p, &groups->group[i]);
    *out = status == CI_OK ? p.bytes : NULL;
    *n_byte = status == CI_OK ? p.n : 0;
    if (status != CI_OK) ci_mem_free(p.bytes);
    return status;
}

static ci_status tile_unpack(ci_par_unpacker *u, ci_run_tile *tile)
{
    CI_TRY(ci_par_unpack(u, tile, sizeof *tile));
    size_t n = tile->n_path;
    tile->path = NULL;
    tile->n_path = 0;
    CI_TRY(ci_mem_alloc(&tile->path, n, sizeof *tile->path, "paths"));
    while (tile->n_path < n)
        CI_TRY(ci_par_unpack_text(u, &tile->path[tile->n_path++]));
    return CI_OK;
}

static ci_status group_unpack(ci_par_unpacker *u, ci_run_group *group)
{
    CI_TRY(ci_par_unpack(u, group, sizeof *group));
    size_t n = group->n_tile;
    group->tile = NULL;
    group->n_tile = 0;
    CI_TRY(ci_mem_alloc(&group->tile, n, sizeof *group->tile, "tiles"));
    while (group->n_tile < n)
        CI_TRY(tile_unpack(u, &group->tile[group->n_tile++]));
    return CI_OK;
}

ci_status ci_run_groups_unpack(ci_run_groups *out, const char *bytes, size_t n_byte)
{
    ci_par_unpacker u = {bytes, n_byte};
    size_t n = 0;
    memset(out, 0, sizeof *out);
    CI_TRY(ci_par_unpack(&u, &n, sizeof n));
    ci_status status = ci_mem_alloc(&out->group, n, sizeof *out->group, "groups");
    while (status == CI_OK && out->n_group < n)
        status = group_unpack(&u, &out->group[out->n_group++]);
    if (status != CI_OK) ci_run_groups_free(out);
    return status;
}
