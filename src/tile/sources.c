/* Which sources of a catalogue a tile's gains are corrected on, and how the array sees them. */
#include "tile/sources.h"

#include "tile/middle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double least_flux = 0.1; /* of the brightest, of those that are measured */

typedef struct seen_source
{
    double flux_jy;
    size_t i;
} seen_source;

void ci_tile_sources_clear(ci_tile_sources *f)
{
    ci_sky_model_free(f->model);
    for (size_t k = 0; k < f->n_flux; k++)
        ci_sky_model_free(f->one[k]);
}

ci_status ci_tile_sources_predict(void *scene, const ci_vis_block *block, ci_c32 *out)
{
    return ci_sky_predict(scene, block, out);
}

ci_status ci_tile_blocks_apply(const ci_cal_table *const table[2], ci_isa isa, ci_vis_set *set)
{
    for (size_t i = 0; (table[0] || table[1]) && i < set->n_block; i++)
        CI_TRY(ci_cal_apply_pair(table, isa, set->block[i]));
    return CI_OK;
}

static int brighter_first(const void *a, const void *b)
{
    const seen_source *x = a, *y = b;
    if (x->flux_jy != y->flux_jy) return x->flux_jy < y->flux_jy ? 1 : -1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* How many of the n brightest have all but a little of the power. */
static size_t enough(const ci_tile_choice *choice, const seen_source *seen, size_t n)
{
    double all = 0, sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        all += seen[i].flux_jy * seen[i].flux_jy;
    for (; k < n && k < choice->most && sum < (1 - choice->least_power) * all; k++)
        sum += seen[k].flux_jy * seen[k].flux_jy;
    return k;
}

/* Apparent fluxes at mid tile; the frame gives the directions in which phases shift the sky, too.
 */
static ci_status seen_find(const ci_tile_data *data, const ci_sky_model *near, ci_tile_sources *f,
                           seen_source *seen)
{
    double basis[3][3];
    ci_tile_middle middle;
    CI_TRY(ci_tile_middle_new(data, &middle));
    for (size_t i = 0; i < near->n_source; i++)
        seen[i] = (seen_source){fabs(ci_tile_middle_flux_jy(&middle, &near->source[i])), i};
    ci_sky_uvw_basis(middle.frame, data->ra_rad, data->dec_rad, basis);
    memcpy(f->cal.east, basis[0], sizeof f->cal.east);
    memcpy(f->cal.north, basis[1], sizeof f->cal.north);
    ci_tile_middle_clear(&middle);
    qsort(seen, near->n_source, sizeof *seen, brighter_first);
    return CI_OK;
}

static ci_status sources_take(const ci_sky_model *near, const seen_source *seen,
                              const ci_tile_choice *choice, ci_tile_sources *f)
{
    size_t n = enough(choice, seen, near->n_source);
    CI_TRY(ci_sky_model_new(&f->model));
    for (size_t k = 0; k < n; k++) {
        const ci_sky_source *source = &near->source[seen[k].i];
        CI_TRY(ci_sky_model_append(f->model, source));
        if (k == CI_TILE_FLUXES || f->n_flux < k || seen[k].flux_jy < least_flux * seen[0].flux_jy)
            continue;
        f->scale[k] = 1;
        CI_TRY(ci_sky_model_new(&f->one[f->n_flux++]));
        CI_TRY(ci_sky_model_append(f->one[k], source));
    }
    return CI_OK;
}

ci_status ci_tile_sources_new(const ci_tile_data *data, const ci_sky_model *catalogue,
                              const ci_tile_choice *choice, ci_isa isa, ci_tile_sources *f)
{
    ci_sky_model *near = NULL;
    seen_source *seen = NULL;
    ci_status status = ci_tile_model_near(&near, data, catalogue);
    if (status == CI_OK) status = ci_mem_alloc(&seen, near->n_source, sizeof *seen, "sources");
    if (status == CI_OK) status = seen_find(data, near, f, seen);
    if (status == CI_OK) status = sources_take(near, seen, choice, f);
    ci_mem_free(seen);
    ci_sky_model_free(near);
    CI_TRY(status);
    f->scene = (ci_sky_scene){data->eop, f->model, data->beam, &data->pointing, isa, NULL};
    for (size_t k = 0; k < f->n_flux; k++) {
        f->scene_of[k] = f->scene;
        f->scene_of[k].model = f->one[k];
    }
    f->cal.model = (ci_cal_model){ci_tile_sources_predict, &f->scene};
    return CI_OK;
}
