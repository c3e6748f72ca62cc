/* Simulated interference: emitters, their events, and how receptors see them. */
#include "rfi.h"
#include "array.h"
#include "rng.h"

#include <complex.h>
#include <string.h>

static const char *const names[] = {"narrow", "broad", "swept", "burst"};

const char *sim_rfi_name(sim_rfi_kind kind)
{
    return names[kind];
}

static ci_status parse(const char *text, double fraction[SIM_RFI_KIND_COUNT])
{
    char copy[256], *save = NULL;
    if (strlen(text) >= sizeof copy) return ci_error(CI_ERR_USAGE, "--rfi %s: too long", text);
    strcpy(copy, text);
    for (char *item = strtok_r(copy, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
        char *colon = strchr(item, ':');
        int kind = -1;
        if (colon != NULL) *colon = '\0';
        for (int k = 0; k < SIM_RFI_KIND_COUNT; k++)
            if (strcmp(item, names[k]) == 0) kind = k;
        if (kind < 0)
            return ci_error(CI_ERR_USAGE, "--rfi '%s': use narrow, broad, swept or burst", item);
        fraction[kind] = 0.01;
        if (colon != NULL) CI_TRY(ci_parse_double(colon + 1, "--rfi fraction", &fraction[kind]));
        if (!(fraction[kind] >= 0 && fraction[kind] <= 1))
            return ci_error(CI_ERR_USAGE, "--rfi %s:%g: a fraction is from 0 to 1", item,
                            fraction[kind]);
    }
    return CI_OK;
}

static ci_status append(sim_rfi *r, sim_rfi_event event)
{
    CI_TRY(ci_mem_resize(&r->event, r->n + 1, sizeof *r->event, "interference"));
    r->event[r->n++] = event;
    return CI_OK;
}

static ci_status add_swept(sim_rfi *r, const sim_options *o, sim_rfi_event e, sim_rng *rng)
{
    double start = sim_rng_uniform(rng) * (double)o->n_chan;
    double rate = (sim_rng_uniform(rng) < 0.5 ? -1 : 1) * (0.5 + 1.5 * sim_rng_uniform(rng));
    for (int64_t t = 0; t < o->n_time; t++) {
        double at = fmod(start + rate * (double)t, (double)o->n_chan);
        e.chan_first = (int64_t)(at < 0 ? at + (double)o->n_chan : at);
        if (e.chan_first >= o->n_chan) e.chan_first = 0;
        e.chan_end = e.chan_first + 1;
        e.time_first = t;
        e.time_end = t + 1;
        CI_TRY(append(r, e));
    }
    return CI_OK;
}

/* Events of one kind in one file, so that about `fraction` of its cells are hit. */
static ci_status add_file(sim_rfi *r, const sim_options *o, sim_rfi_kind kind, double fraction,
                          int64_t tile, int64_t sub_band)
{
    static const int64_t width = 3; /* of a burst */
    double cells = (double)(o->n_chan * o->n_time);
    double per_event =
        kind == SIM_RFI_NARROW || kind == SIM_RFI_SWEPT ? (double)o->n_time : (double)width;
    /* Narrow and swept: one random number decides on what is left of a whole emitter. */
    sim_rng rng =
        sim_rng_at((uint64_t)o->seed, SIM_RNG_RFI, kind, (uint64_t)tile, (uint64_t)sub_band, 0);
    int64_t n = (int64_t)(fraction * cells / per_event + sim_rng_uniform(&rng));
    for (int64_t i = 0; i < n; i++) {
        sim_rfi_event e = {.kind = kind,
                           .tile = tile,
                           .sub_band = sub_band,
                           .time_end = o->n_time,
                           .emitter = sim_rng_next(&rng)};
        e.amp_jy = o->rfi_jy * exp(0.5 * sim_rng_normal(&rng));
        if (kind == SIM_RFI_SWEPT) {
            CI_TRY(add_swept(r, o, e, &rng));
            continue;
        }
        e.chan_first = (int64_t)(sim_rng_uniform(&rng) * (double)o->n_chan);
        e.chan_end = e.chan_first + 1;
        if (kind == SIM_RFI_BURST) {
            e.time_first = (int64_t)(sim_rng_uniform(&rng) * (double)o->n_time);
            e.time_end = e.time_first + 1;
            e.chan_end = e.chan_first + width < o->n_chan ? e.chan_first + width : o->n_chan;
            e.amp_jy *= 20;
        }
        CI_TRY(append(r, e));
    }
    return CI_OK;
}

static ci_status add_broad(sim_rfi *r, const sim_options *o, double fraction, int64_t tile)
{
    for (int64_t t = 0; t < o->n_time; t++) {
        sim_rng rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_RFI, SIM_RFI_BROAD, (uint64_t)tile,
                                 (uint64_t)t, 1);
        sim_rfi_event e = {.kind = SIM_RFI_BROAD,
                           .tile = tile,
                           .time_first = t,
                           .time_end = t + 1,
                           .chan_end = o->n_chan};
        if (sim_rng_uniform(&rng) >= fraction) continue;
        e.emitter = sim_rng_next(&rng);
        e.amp_jy = o->rfi_jy * exp(0.5 * sim_rng_normal(&rng));
        for (e.sub_band = 0; e.sub_band < SIM_MAX_SUB_BAND; e.sub_band++)
            if (o->sub_band_on[e.sub_band]) CI_TRY(append(r, e));
    }
    return CI_OK;
}

static ci_status fill(sim_rfi *r, const sim_options *o, const double *fraction)
{
    for (int64_t tile = 0; tile < o->n_tile; tile++) {
        CI_TRY(add_broad(r, o, fraction[SIM_RFI_BROAD], tile));
        for (int64_t sb = 0; sb < SIM_MAX_SUB_BAND; sb++) {
            if (!o->sub_band_on[sb]) continue;
            for (int k = 0; k < SIM_RFI_KIND_COUNT; k++)
                if (k != SIM_RFI_BROAD && fraction[k] > 0)
                    CI_TRY(add_file(r, o, (sim_rfi_kind)k, fraction[k], tile, sb));
        }
    }
    return CI_OK;
}

ci_status sim_rfi_new(sim_rfi **out, const sim_options *o)
{
    sim_rfi *r = NULL;
    double fraction[SIM_RFI_KIND_COUNT] = {0};
    ci_status status;
    *out = NULL;
    CI_TRY(parse(o->rfi, fraction));
    CI_TRY(ci_mem_alloc(&r, 1, sizeof *r, "interference"));
    status = fill(r, o, fraction);
    if (status == CI_OK)
        *out = r;
    else
        sim_rfi_free(r);
    return status;
}

void sim_rfi_free(sim_rfi *r)
{
    if (r == NULL) return;
    ci_mem_free(r->event);
    ci_mem_free(r);
}

/* How an emitter comes into one receptor: a side lobe of random strength, a phase that
 * changes with time since the emitter does not move with the sky. */
static ci_c64 coupling(uint64_t seed, uint64_t emitter, int64_t number, uint64_t pol, int64_t t)
{
    sim_rng rng = sim_rng_at(seed, SIM_RNG_COUPLING, emitter, (uint64_t)number, pol, 0);
    double amp = exp(0.4 * sim_rng_normal(&rng));
    double phase = sim_rng_uniform(&rng) + 0.6 * (sim_rng_uniform(&rng) - 0.5) * (double)t;
    return amp * (cos(CI_TWO_PI * phase) + I * sin(CI_TWO_PI * phase));
}

static bool is_hit(const sim_rfi_event *e, const sim_rfi_integration *at)
{
    return e->tile == at->i_tile && e->sub_band == at->sub_band && at->i_time >= e->time_first &&
           at->i_time < e->time_end;
}

void sim_rfi_add(const sim_rfi *r, uint64_t seed, const sim_rfi_integration *at, ci_c64 *vis)
{
    ci_c64 way[SIM_N_STATION][SIM_N_POL];
    for (size_t i = 0; i < r->n; i++) {
        const sim_rfi_event *e = &r->event[i];
        if (!is_hit(e, at)) continue;
        sim_rng rng =
            sim_rng_at(seed, SIM_RNG_COUPLING, e->emitter, 1u << 20, (uint64_t)at->i_time, 0);
        double amp = e->amp_jy * exp(0.5 * sim_rng_normal(&rng));
        for (size_t a = 0; a < at->n_antenna; a++)
            for (size_t p = 0; p < SIM_N_POL; p++)
                way[a][p] = coupling(seed, e->emitter, at->antenna[a], p, at->i_time);
        for (size_t b = 0; b < at->n_baseline; b++)
            for (size_t p = 0; p < SIM_N_POL; p++) {
                ci_c64 v = amp * way[at->first[b]][p] * conj(way[at->second[b]][p]);
                for (int64_t c = e->chan_first; c < e->chan_end; c++)
                    vis[(b * at->n_chan + (size_t)c) * SIM_N_POL + p] += v;
            }
    }
}
