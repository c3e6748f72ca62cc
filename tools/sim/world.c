/* All of a simulation's truth together: array, sky, gains, interference, losses. */
#include "world.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOP_HZ 1.53e9
#define FIRST_FINE 1024

void sim_world_freq(const sim_world *w, int64_t sub_band, double *freq_hz)
{
    for (int64_t c = 0; c < w->options.n_chan; c++)
        freq_hz[c] =
            TOP_HZ - ((double)(FIRST_FINE + SIM_SUB_BAND_FINE * sub_band + c * w->options.n_fine) +
                      0.5 * (double)(w->options.n_fine - 1)) *
                         SIM_FINE_HZ;
}

bool sim_world_is_lost(const sim_world *w, size_t i_tile, int64_t sub_band, size_t i_time,
                       int64_t antenna, int quarter)
{
    sim_rng rng;
    if (w->options.nan_fraction <= 0) return false;
    rng = sim_rng_at((uint64_t)w->options.seed, SIM_RNG_NAN, i_tile, (uint64_t)sub_band, i_time,
                     (uint64_t)antenna * 4 + (uint64_t)quarter);
    return sim_rng_uniform(&rng) < w->options.nan_fraction;
}

static ci_status mark_missing(sim_world *w)
{
    char copy[256], *save = NULL;
    for (size_t t = 0; t < w->n_tile; t++)
        for (int k = 0; k < SIM_MAX_SUB_BAND; k++)
            w->tile[t].is_missing[k] = !w->options.sub_band_on[k];
    if (strlen(w->options.missing_sub_band) >= sizeof copy)
        return ci_error(CI_ERR_USAGE, "--missing-sub-band: too long");
    strcpy(copy, w->options.missing_sub_band);
    for (char *item = strtok_r(copy, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
        char *colon = strchr(item, ':');
        int64_t tile = -1, k;
        if (colon != NULL) {
            *colon = '\0';
            CI_TRY(ci_parse_int(item, "--missing-sub-band tile", &tile));
            item = colon + 1;
        }
        CI_TRY(ci_parse_int(item, "--missing-sub-band", &k));
        if (k < 0 || k >= SIM_MAX_SUB_BAND || tile >= (int64_t)w->n_tile)
            return ci_error(CI_ERR_USAGE, "--missing-sub-band %s: no such tile or sub-band",
                            w->options.missing_sub_band);
        for (int64_t t = 0; t < (int64_t)w->n_tile; t++)
            if (tile < 0 || t == tile) w->tile[t].is_missing[k] = true;
    }
    return CI_OK;
}

static void name_files(sim_world *w, size_t i_tile, double first_mjd_s)
{
    for (int k = 0; k < SIM_MAX_SUB_BAND; k++) {
        sim_rng rng =
            sim_rng_at((uint64_t)w->options.seed, SIM_RNG_JITTER, i_tile, (uint64_t)k, 0, 0);
        double late = floor(sim_rng_uniform(&rng) * (w->options.name_jitter_s + 1));
        char stamp[32];
        ci_time_iso(stamp, first_mjd_s + (w->options.name_jitter_s > 0 ? late : 0), 0, false);
        snprintf(w->tile[i_tile].name[k], sizeof w->tile[i_tile].name[k], "%s_sb%02d.hdf5", stamp,
                 k);
    }
}

static ci_status make_tile(sim_world *w, size_t i)
{
    const sim_options *o = &w->options;
    sim_tile *t = &w->tile[i];
    double step = o->tile_step_s > 0 ? o->tile_step_s : (double)o->n_time * w->interval_s;
    double first = o->start_mjd_s + (double)i * step, middle;
    CI_TRY(ci_mem_alloc(&t->time_jd, (size_t)o->n_time, sizeof(double), "times"));
    for (int64_t k = 0; k < o->n_time; k++)
        t->time_jd[k] = 2400000.5 + (first + (double)k * w->interval_s) / CI_DAY_S;
    middle = 0.5 * (t->time_jd[0] + t->time_jd[o->n_time - 1]);
    CI_TRY(sim_earth_set(w->earth, middle));
    sim_earth_icrs(w->earth, 0, w->dec_app_rad, &t->centre_rad[0], &t->centre_rad[1]);
    name_files(w, i, first);
    return CI_OK;
}

static ci_status make_sky(sim_world *w)
{
    double *centre = NULL;
    ci_status status;
    CI_TRY(ci_mem_alloc(&centre, 2 * w->n_tile, sizeof(double), "tile centres"));
    for (size_t i = 0; i < w->n_tile; i++)
        memcpy(centre + 2 * i, w->tile[i].centre_rad, 2 * sizeof(double));
    status = sim_sources_new(&w->sources, &w->options, centre);
    ci_mem_free(centre);
    return status;
}

static ci_status fill(sim_world *w)
{
    const sim_options *o = &w->options;
    if (strcmp(o->order, "station") != 0 && strcmp(o->order, "correlator") != 0)
        return ci_error(CI_ERR_USAGE, "--order %s: use station or correlator", o->order);
    w->dec_app_rad = o->dec_deg * CI_DEG_TO_RAD;
    w->interval_s = (double)o->n_int * SIM_SAMPLE_S;
    w->channel_hz = (double)o->n_fine * SIM_FINE_HZ;
    w->sigma_jy = o->sefd_jy / sqrt(2 * w->channel_hz * w->interval_s);
    w->n_tile = (size_t)o->n_tile;
    CI_TRY(sim_array_new(&w->array, o->stations, strcmp(o->order, "correlator") == 0));
    CI_TRY(sim_earth_new(&w->earth, w->array->lat_rad, w->array->lon_rad, w->array->height_m));
    CI_TRY(ci_mem_alloc(&w->tile, w->n_tile, sizeof *w->tile, "tiles"));
    CI_TRY(mark_missing(w));
    for (size_t i = 0; i < w->n_tile; i++)
        CI_TRY(make_tile(w, i));
    CI_TRY(make_sky(w));
    CI_TRY(sim_gains_new(&w->gains, o, w->array->n_antenna, w->array->antenna));
    return sim_rfi_new(&w->rfi, o);
}

ci_status sim_world_new(sim_world **out, const sim_options *options)
{
    sim_world *w = NULL;
    ci_status status;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&w, 1, sizeof *w, "simulation"));
    w->options = *options;
    status = fill(w);
    if (status == CI_OK)
        *out = w;
    else
        sim_world_free(w);
    return status;
}

void sim_world_free(sim_world *w)
{
    if (w == NULL) return;
    for (size_t i = 0; w->tile != NULL && i < w->n_tile; i++)
        ci_mem_free(w->tile[i].time_jd);
    ci_mem_free(w->tile);
    sim_rfi_free(w->rfi);
    sim_gains_free(w->gains);
    sim_sources_free(w->sources);
    sim_earth_free(w->earth);
    sim_array_free(w->array);
    ci_mem_free(w);
}
