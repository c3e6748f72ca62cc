/* One file: integration by integration sky, interference, noise, gains, lost packets. */
#include "layout.h"
#include "predict.h"
#include "rng.h"
#include "world.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define SQRT_2 1.41421356237309504880

typedef struct file_work
{
    sim_world *world;
    size_t i_tile;
    int64_t sub_band;
    size_t n_chan, n_baseline, n_cell; /* n_cell = n_baseline x n_chan x SIM_N_POL */
    double *freq_hz;
    double *offset, *amp_jy;    /* of the sources, this integration */
    double *delay_s[SIM_N_POL]; /* [n_baseline] of the instrument; NULL: none */
    double *model[SIM_N_POL];   /* [n_baseline][n_chan][2]; [1] NULL: the same as [0] */
    ci_c64 *gain;               /* [n_antenna][n_chan][SIM_N_POL] */
    ci_c64 *vis;                /* [n_baseline][n_chan][SIM_N_POL] */
    float *out, *uvw_m;
    char *path, *part;
} file_work;

static void work_free(file_work *f)
{
    ci_mem_free(f->freq_hz);
    ci_mem_free(f->offset);
    ci_mem_free(f->amp_jy);
    for (int p = 0; p < SIM_N_POL; p++) {
        ci_mem_free(f->delay_s[p]);
        ci_mem_free(f->model[p]);
    }
    ci_mem_free(f->gain);
    ci_mem_free(f->vis);
    ci_mem_free(f->out);
    ci_mem_free(f->uvw_m);
    ci_mem_free(f->path);
    ci_mem_free(f->part);
}

static ci_status work_delays(file_work *f)
{
    const sim_world *w = f->world;
    if (w->options.delay_max_ns <= 0 || w->options.is_smear_off) return CI_OK;
    for (size_t p = 0; p < SIM_N_POL; p++) {
        CI_TRY(ci_mem_alloc(&f->delay_s[p], f->n_baseline, sizeof(double), "delays"));
        for (size_t b = 0; b < f->n_baseline; b++)
            f->delay_s[p][b] =
                w->gains->receptor[SIM_N_POL * (size_t)w->array->first[b] + p].delay_s -
                w->gains->receptor[SIM_N_POL * (size_t)w->array->second[b] + p].delay_s;
    }
    return ci_mem_alloc(&f->model[1], 2 * f->n_baseline * f->n_chan, sizeof(double), "model");
}

static ci_status work_new(file_work *f)
{
    const sim_world *w = f->world;
    size_t n_source = w->sources->n, n_ant = w->array->n_antenna;
    f->n_chan = (size_t)w->options.n_chan;
    f->n_baseline = w->array->n_baseline;
    f->n_cell = f->n_baseline * f->n_chan * SIM_N_POL;
    CI_TRY(ci_mem_alloc(&f->freq_hz, f->n_chan, sizeof(double), "frequencies"));
    CI_TRY(ci_mem_alloc(&f->offset, 3 * n_source, sizeof(double), "directions"));
    CI_TRY(ci_mem_alloc(&f->amp_jy, n_source * f->n_chan, sizeof(double), "fluxes"));
    CI_TRY(ci_mem_alloc(&f->model[0], 2 * f->n_baseline * f->n_chan, sizeof(double), "model"));
    CI_TRY(work_delays(f));
    CI_TRY(ci_mem_alloc(&f->gain, n_ant * f->n_chan * SIM_N_POL, sizeof(ci_c64), "gains"));
    CI_TRY(ci_mem_alloc(&f->vis, f->n_cell, sizeof(ci_c64), "visibilities"));
    CI_TRY(ci_mem_alloc(&f->out, 2 * f->n_cell, sizeof(float), "visibilities"));
    CI_TRY(ci_mem_alloc(&f->uvw_m, 3 * f->n_baseline, sizeof(float), "uvw"));
    CI_TRY(ci_path_join(&f->path, w->options.out, w->tile[f->i_tile].name[f->sub_band]));
    sim_world_freq(w, f->sub_band, f->freq_hz);
    return ci_str_format(&f->part, "%.*s_incomplete.hdf5", (int)(strlen(f->path) - 5), f->path);
}

/* uvw as the real writer stores it: hour angle 0 and the pointing's declination on the
 * reference day, (u, v) rotated to the north of J2000, single precision. */
static ci_status make_uvw(file_work *f)
{
    const sim_world *w = f->world;
    const double step = 1e-5, dec = w->dec_app_rad;
    double ra, de, ha_n, dec_n, angle, g = -w->array->lon_rad, s0[3];
    CI_TRY(sim_earth_set(w->earth, 2400000.5 + w->options.ref_mjd));
    sim_earth_icrs(w->earth, 0, dec, &ra, &de);
    sim_earth_hadec(w->earth, ra, de + step, &ha_n, &dec_n);
    angle = atan2(-ha_n * cos(dec), dec_n - dec);
    sim_earth_vector(w->earth, 0, dec, s0);
    for (size_t b = 0; b < f->n_baseline; b++) {
        const double *v = w->array->vector_m + 3 * b;
        double east = sin(g) * v[0] + cos(g) * v[1];
        double north = -sin(dec) * cos(g) * v[0] + sin(dec) * sin(g) * v[1] + cos(dec) * v[2];
        f->uvw_m[3 * b] = (float)(east * cos(angle) - north * sin(angle));
        f->uvw_m[3 * b + 1] = (float)(east * sin(angle) + north * cos(angle));
        f->uvw_m[3 * b + 2] = (float)(s0[0] * v[0] + s0[1] * v[1] + s0[2] * v[2]);
    }
    return CI_OK;
}

/* Airy pattern of a filled dish, power, 1 at the centre. */
static double airy(double sin_theta, double diameter_m, double freq_hz)
{
    double x = CI_PI * diameter_m * sin_theta * freq_hz / CI_C_M_S, a;
    if (x < 1e-6) return 1;
    a = 2 * j1(x) / x;
    return a * a;
}

/* Where the sources stand in one integration, and how bright each channel sees them. */
static ci_status make_scene(file_work *f, double time_jd)
{
    const sim_world *w = f->world;
    double s0[3], s[3], ha, dec;
    CI_TRY(sim_earth_set(w->earth, time_jd));
    sim_earth_vector(w->earth, 0, w->dec_app_rad, s0);
    for (size_t k = 0; k < w->sources->n; k++) {
        const sim_source *one = &w->sources->list[k];
        double cosine = 0, cross[3], sine;
        sim_earth_hadec(w->earth, one->ra_rad, one->dec_rad, &ha, &dec);
        sim_earth_vector(w->earth, ha, dec, s);
        for (int i = 0; i < 3; i++) {
            f->offset[3 * k + (size_t)i] = s[i] - s0[i];
            cosine += s[i] * s0[i];
            cross[i] = s[(i + 1) % 3] * s0[(i + 2) % 3] - s[(i + 2) % 3] * s0[(i + 1) % 3];
        }
        sine = sqrt(cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]);
        for (size_t c = 0; c < f->n_chan; c++) {
            double flux = one->flux_jy * pow(f->freq_hz[c] / one->ref_freq_hz, one->index);
            if (!w->options.is_beam_none)
                flux *= cosine > 0 ? airy(sine, w->options.diameter_m, f->freq_hz[c]) : 0;
            f->amp_jy[k * f->n_chan + c] = flux;
        }
    }
    return CI_OK;
}

static void make_model(file_work *f)
{
    const sim_world *w = f->world;
    sim_scene scene = {.n_source = w->sources->n,
                       .n_chan = f->n_chan,
                       .offset = f->offset,
                       .amp_jy = f->amp_jy,
                       .freq_hz = f->freq_hz[0],
                       .step_hz = -w->channel_hz,
                       .smear = {.is_off = w->options.is_smear_off,
                                 .n_fine = (int)w->options.n_fine,
                                 .n_int = (int)w->options.n_int,
                                 .fine_hz = SIM_FINE_HZ,
                                 .sample_s = SIM_SAMPLE_S}};
    for (int p = 0; p < SIM_N_POL; p++)
        if (f->model[p] != NULL)
            memset(f->model[p], 0, 2 * f->n_baseline * f->n_chan * sizeof(double));
    sim_predict(&scene, f->n_baseline, w->array->vector_m,
                (const double *const[2]){f->delay_s[0], f->delay_s[1]}, f->model);
    for (size_t i = 0; i < f->n_baseline * f->n_chan; i++)
        for (size_t p = 0; p < SIM_N_POL; p++) {
            const double *m = f->model[p] != NULL ? f->model[p] : f->model[0];
            f->vis[SIM_N_POL * i + p] = m[2 * i] + I * m[2 * i + 1];
        }
}

/* Noise of one cell. An autocorrelation is real and rides on the system's own power. */
static ci_c64 noise(sim_rng *rng, double sigma, double sefd, bool is_auto)
{
    double two[2];
    sim_rng_normal2(rng, two);
    if (is_auto) return sefd + SQRT_2 * sigma * two[0];
    return sigma * two[0] + I * (sigma * two[1]);
}

/* Noise and gains, in the order asked for; dead receptors lose both. */
static void add_noise_and_gains(file_work *f, size_t i_time)
{
    const sim_world *w = f->world;
    const sim_array *a = w->array;
    bool is_after = w->options.noise_after;
    for (size_t b = 0; b < f->n_baseline; b++) {
        size_t i1 = (size_t)a->first[b], i2 = (size_t)a->second[b];
        /* Keyed by stations: a baseline's noise does not depend on which others there are. */
        sim_rng rng =
            sim_rng_at((uint64_t)w->options.seed, SIM_RNG_NOISE, f->i_tile, (uint64_t)f->sub_band,
                       i_time, (uint64_t)(a->ant_1[b] * SIM_N_STATION + a->ant_2[b]));
        for (size_t c = 0; c < f->n_chan; c++)
            for (size_t p = 0; p < SIM_N_POL; p++) {
                size_t cell = (b * f->n_chan + c) * SIM_N_POL + p;
                ci_c64 g1 = f->gain[(i1 * f->n_chan + c) * SIM_N_POL + p];
                ci_c64 g2 = f->gain[(i2 * f->n_chan + c) * SIM_N_POL + p];
                ci_c64 n =
                    w->sigma_jy > 0 ? noise(&rng, w->sigma_jy, w->options.sefd_jy, i1 == i2) : 0;
                ci_c64 v = f->vis[cell];
                if (is_after) {
                    bool is_dead = w->gains->receptor[SIM_N_POL * i1 + p].is_dead ||
                                   w->gains->receptor[SIM_N_POL * i2 + p].is_dead;
                    v = g1 * conj(g2) * v + n * w->gains->scale * (is_dead ? 1e-3 : 1);
                } else {
                    v = g1 * conj(g2) * (v + n);
                }
                if (i1 == i2) v = creal(v);
                f->out[2 * cell] = (float)creal(v);
                f->out[2 * cell + 1] = (float)cimag(v);
            }
    }
}

static void lose_packets(file_work *f, size_t i_time)
{
    const sim_world *w = f->world;
    const sim_array *a = w->array;
    if (w->options.nan_fraction <= 0) return;
    for (int quarter = 0; quarter < 4; quarter++) {
        bool is_lost[SIM_N_STATION] = {false};
        size_t first = (size_t)quarter * f->n_chan / 4, end = (size_t)(quarter + 1) * f->n_chan / 4;
        for (size_t i = 0; i < a->n_antenna; i++)
            is_lost[i] =
                sim_world_is_lost(w, f->i_tile, f->sub_band, i_time, a->antenna[i], quarter);
        for (size_t b = 0; b < f->n_baseline; b++) {
            if (!is_lost[a->first[b]] && !is_lost[a->second[b]]) continue;
            for (size_t i = (b * f->n_chan + first) * SIM_N_POL;
                 i < (b * f->n_chan + end) * SIM_N_POL; i++)
                f->out[2 * i] = f->out[2 * i + 1] = NAN;
        }
    }
}

static void add_rfi(file_work *f, size_t t)
{
    const sim_world *w = f->world;
    sim_rfi_integration at = {.i_tile = (int64_t)f->i_tile,
                              .sub_band = f->sub_band,
                              .i_time = (int64_t)t,
                              .n_antenna = w->array->n_antenna,
                              .n_baseline = f->n_baseline,
                              .n_chan = f->n_chan,
                              .antenna = w->array->antenna,
                              .first = w->array->first,
                              .second = w->array->second};
    sim_rfi_add(w->rfi, (uint64_t)w->options.seed, &at, f->vis);
}

static ci_status write_integrations(file_work *f, sim_layout *layout)
{
    const sim_world *w = f->world;
    for (size_t t = 0; t < (size_t)w->options.n_time; t++) {
        double time_jd = w->tile[f->i_tile].time_jd[t];
        double hour = (time_jd - w->tile[0].time_jd[0]) * 24;
        if (ci_stop_asked()) return ci_error(CI_ERR_STOPPED, "%s: stopped by a signal", f->part);
        CI_TRY(make_scene(f, time_jd));
        make_model(f);
        add_rfi(f, t);
        sim_gains_at(w->gains, hour, f->n_chan, f->freq_hz, f->gain);
        add_noise_and_gains(f, t);
        lose_packets(f, t);
        CI_TRY(sim_layout_append(layout, time_jd, f->out));
    }
    return CI_OK;
}

static ci_status write_file(file_work *f)
{
    static const int64_t pol[SIM_N_POL] = {-5, -6};
    const sim_world *w = f->world;
    double diameter[SIM_N_STATION];
    char history[128];
    sim_layout *layout = NULL;
    sim_layout_header h = {.latitude_deg = w->array->lat_rad * CI_RAD_TO_DEG,
                           .longitude_deg = w->array->lon_rad * CI_RAD_TO_DEG,
                           .altitude_m = w->array->height_m,
                           .dec_app_rad = w->dec_app_rad,
                           .history = history,
                           .n_station = SIM_N_STATION,
                           .position_m = w->array->position_m,
                           .diameter_m = diameter,
                           .n_antenna = w->array->n_antenna,
                           .n_baseline = f->n_baseline,
                           .ant_1 = w->array->ant_1,
                           .ant_2 = w->array->ant_2,
                           .uvw_m = f->uvw_m,
                           .n_chan = f->n_chan,
                           .freq_hz = f->freq_hz,
                           .channel_width_hz = w->channel_hz,
                           .integration_s = (double)(float)w->interval_s,
                           .n_pol = SIM_N_POL,
                           .pol = pol,
                           .nsample = (float)w->options.n_int};
    ci_status status, closed;
    for (int i = 0; i < SIM_N_STATION; i++)
        diameter[i] = w->options.diameter_m;
    snprintf(history, sizeof history, "simulated by contimg-sim, seed %lld: not telescope data",
             (long long)w->options.seed);
    CI_TRY(make_uvw(f));
    CI_TRY(sim_layout_create(&layout, f->part, &h));
    status = write_integrations(f, layout);
    closed = sim_layout_close(layout);
    if (status == CI_OK) status = closed;
    return status != CI_OK ? status : ci_path_commit(f->part, f->path);
}

ci_status sim_world_write(sim_world *world, size_t i_tile, int64_t sub_band)
{
    file_work f = {.world = world, .i_tile = i_tile, .sub_band = sub_band};
    ci_status status = work_new(&f);
    if (status == CI_OK) status = write_file(&f);
    if (status != CI_OK && f.part != NULL) (void)remove(f.part);
    work_free(&f);
    return status;
}
