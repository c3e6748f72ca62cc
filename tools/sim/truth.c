/* What is true: truth.json, and the sources as model CSV. */
#include "world.h"

static const char formula[] =
    "V = g1 conj(g2) sum_k S_k(nu) B_k exp(+2 pi i nu/c b.(s_k - s_0)), b = r_ant2 - r_ant1 "
    "(ECEF), s from apparent hour angle and declination with g = HA - lon: (cos d cos g, "
    "-cos d sin g, sin d), s_0 at hour angle 0 and dec_app_rad; XX = YY = I; g(t, nu) = amp (1 + "
    "drift_amp_per_hour h) exp(i (phase_rad + drift_phase_rad_per_hour h)) exp(sum_k (ripple_amp_k "
    "+ i ripple_phase_k) cos(2 pi k x + ripple_shift_k)) exp(2 pi i delay_s nu), h hours since "
    "reference_time_jd, k from 1, x = (nu - band_low_hz)/(band_high_hz - band_low_hz)";

static ci_json *numbers(size_t n, const double *value)
{
    ci_json *array = ci_json_array();
    for (size_t i = 0; i < n; i++)
        ci_json_put_number(array, NULL, value[i]);
    return array;
}

static ci_json *array_json(const sim_world *w)
{
    ci_json *out = ci_json_object(), *list = ci_json_array();
    const sim_array *a = w->array;
    ci_json_put_number(out, "latitude_deg", a->lat_rad * CI_RAD_TO_DEG);
    ci_json_put_number(out, "longitude_deg", a->lon_rad * CI_RAD_TO_DEG);
    ci_json_put_number(out, "altitude_m", a->height_m);
    ci_json_put_number(out, "diameter_m", w->options.diameter_m);
    for (size_t i = 0; i < a->n_antenna; i++) {
        ci_json *one = ci_json_object();
        ci_json_put_int(one, "station", a->antenna[i] + 1);
        ci_json_put_int(one, "number", a->antenna[i]);
        ci_json_put(one, "position_m", numbers(3, a->position_m + 3 * a->antenna[i]));
        ci_json_put(list, NULL, one);
    }
    ci_json_put(out, "antennas", list);
    return out;
}

static ci_json *tiles_json(const sim_world *w)
{
    ci_json *out = ci_json_array();
    for (size_t i = 0; i < w->n_tile; i++) {
        const sim_tile *t = &w->tile[i];
        ci_json *one = ci_json_object(), *files = ci_json_array();
        char first[32];
        ci_time_iso(first, (t->time_jd[0] - 2400000.5) * CI_DAY_S + 1e-3, 0, true);
        ci_json_put_string(one, "first_time", first);
        ci_json_put_number(one, "centre_ra_deg", t->centre_rad[0] * CI_RAD_TO_DEG);
        ci_json_put_number(one, "centre_dec_deg", t->centre_rad[1] * CI_RAD_TO_DEG);
        ci_json_put(one, "time_jd", numbers((size_t)w->options.n_time, t->time_jd));
        for (int k = 0; k < SIM_MAX_SUB_BAND; k++)
            if (!t->is_missing[k]) ci_json_put_string(files, NULL, t->name[k]);
        ci_json_put(one, "files", files);
        ci_json_put(out, NULL, one);
    }
    return out;
}

static ci_status bands_json(const sim_world *w, ci_json *into)
{
    ci_json *out = ci_json_array();
    double *freq = NULL;
    CI_TRY(ci_mem_alloc(&freq, (size_t)w->options.n_chan, sizeof *freq, "frequencies"));
    for (int k = 0; k < SIM_MAX_SUB_BAND; k++) {
        ci_json *one;
        if (!w->options.sub_band_on[k]) continue;
        one = ci_json_object();
        sim_world_freq(w, k, freq);
        ci_json_put_int(one, "sub_band", k);
        ci_json_put(one, "freq_hz", numbers((size_t)w->options.n_chan, freq));
        ci_json_put(out, NULL, one);
    }
    ci_mem_free(freq);
    ci_json_put(into, "sub_bands", out);
    return CI_OK;
}

static ci_json *sources_json(const sim_world *w)
{
    ci_json *out = ci_json_array();
    for (size_t i = 0; i < w->sources->n; i++) {
        const sim_source *s = &w->sources->list[i];
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "name", s->name);
        ci_json_put_string(one, "role", sim_role_name(s->role));
        ci_json_put_number(one, "ra_deg", s->ra_rad * CI_RAD_TO_DEG);
        ci_json_put_number(one, "dec_deg", s->dec_rad * CI_RAD_TO_DEG);
        ci_json_put_number(one, "flux_jy", s->flux_jy);
        ci_json_put_number(one, "ref_freq_hz", s->ref_freq_hz);
        ci_json_put_number(one, "spectral_index", s->index);
        ci_json_put(out, NULL, one);
    }
    return out;
}

static ci_json *receptor_json(const sim_world *w, size_t i, size_t p)
{
    static const char *const pol[SIM_N_POL] = {"X", "Y"};
    const sim_receptor *r = &w->gains->receptor[SIM_N_POL * i + p];
    ci_json *one = ci_json_object();
    ci_json_put_int(one, "station", w->array->antenna[i] + 1);
    ci_json_put_int(one, "number", w->array->antenna[i]);
    ci_json_put_string(one, "pol", pol[p]);
    ci_json_put_number(one, "amp", r->amp);
    ci_json_put_number(one, "phase_rad", r->phase_rad);
    ci_json_put_number(one, "delay_s", r->delay_s);
    ci_json_put_number(one, "drift_amp_per_hour", r->drift_amp_per_hour);
    ci_json_put_number(one, "drift_phase_rad_per_hour", r->drift_phase_rad_per_hour);
    ci_json_put(one, "ripple_amp", numbers(SIM_N_RIPPLE, r->ripple_amp));
    ci_json_put(one, "ripple_phase", numbers(SIM_N_RIPPLE, r->ripple_phase));
    ci_json_put(one, "ripple_shift", numbers(SIM_N_RIPPLE, r->ripple_shift));
    ci_json_put_bool(one, "is_dead", r->is_dead);
    return one;
}

static ci_json *gains_json(const sim_world *w)
{
    ci_json *out = ci_json_object(), *list = ci_json_array();
    ci_json_put_number(out, "reference_time_jd", w->tile[0].time_jd[0]);
    ci_json_put_number(out, "band_low_hz", w->gains->band_low_hz);
    ci_json_put_number(out, "band_high_hz", w->gains->band_high_hz);
    ci_json_put_number(out, "raw_per_jy", w->gains->scale);
    for (size_t i = 0; i < w->array->n_antenna; i++)
        for (size_t p = 0; p < SIM_N_POL; p++)
            ci_json_put(list, NULL, receptor_json(w, i, p));
    ci_json_put(out, "receptors", list);
    return out;
}

static ci_json *rfi_json(const sim_world *w)
{
    ci_json *out = ci_json_array();
    for (size_t i = 0; i < w->rfi->n; i++) {
        const sim_rfi_event *e = &w->rfi->event[i];
        const double time[2] = {(double)e->time_first, (double)e->time_end};
        const double chan[2] = {(double)e->chan_first, (double)e->chan_end};
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "kind", sim_rfi_name(e->kind));
        ci_json_put_int(one, "tile", e->tile);
        ci_json_put_int(one, "sub_band", e->sub_band);
        ci_json_put(one, "time", numbers(2, time));
        ci_json_put(one, "chan", numbers(2, chan));
        ci_json_put_number(one, "amp_jy", e->amp_jy);
        ci_json_put(out, NULL, one);
    }
    return out;
}

/* Lost packets as rows [tile, sub-band, integration, antenna number, first channel, end]. */
static ci_json *lost_json(const sim_world *w)
{
    ci_json *out = ci_json_array();
    size_t n_chan = (size_t)w->options.n_chan;
    if (w->options.nan_fraction <= 0) return out;
    for (size_t i = 0; i < w->n_tile; i++)
        for (int k = 0; k < SIM_MAX_SUB_BAND; k++)
            for (size_t t = 0; t < (size_t)w->options.n_time && !w->tile[i].is_missing[k]; t++)
                for (size_t a = 0; a < w->array->n_antenna; a++)
                    for (size_t q = 0; q < 4; q++) {
                        int64_t number = w->array->antenna[a];
                        double row[6] = {(double)i,
                                         k,
                                         (double)t,
                                         (double)number,
                                         (double)(q * n_chan / 4),
                                         (double)((q + 1) * n_chan / 4)};
                        if (sim_world_is_lost(w, i, k, t, number, (int)q) && row[4] < row[5])
                            ci_json_put(out, NULL, numbers(6, row));
                    }
    return out;
}

static ci_json *missing_json(const sim_world *w)
{
    ci_json *out = ci_json_array();
    for (size_t i = 0; i < w->n_tile; i++)
        for (int k = 0; k < SIM_MAX_SUB_BAND; k++) {
            const double row[2] = {(double)i, k};
            if (w->options.sub_band_on[k] && w->tile[i].is_missing[k])
                ci_json_put(out, NULL, numbers(2, row));
        }
    return out;
}

static ci_status build(const sim_world *w, ci_json *root)
{
    ci_json *part = ci_json_object();
    ci_json_put_string(root, "format", "contimg-sim 1");
    ci_json_put_string(root, "program", ci_version());
    ci_json_put_string(root, "formula", formula);
    sim_options_json(&w->options, part);
    ci_json_put(root, "options", part);
    ci_json_put(root, "array", array_json(w));
    part = ci_json_object();
    ci_json_put_number(part, "ha_rad", 0);
    ci_json_put_number(part, "dec_app_rad", w->dec_app_rad);
    ci_json_put(root, "pointing", part);
    ci_json_put_number(root, "channel_width_hz", w->channel_hz);
    ci_json_put_number(root, "integration_s", w->interval_s);
    CI_TRY(bands_json(w, root));
    ci_json_put(root, "tiles", tiles_json(w));
    ci_json_put(root, "sources", sources_json(w));
    part = ci_json_object();
    ci_json_put_number(part, "sefd_jy", w->options.sefd_jy);
    ci_json_put_number(part, "sigma_jy", w->sigma_jy);
    ci_json_put_string(part, "added",
                       w->options.noise_after ? "after the gains" : "before the gains");
    ci_json_put(root, "noise", part);
    ci_json_put(root, "gains", gains_json(w));
    part = ci_json_object();
    ci_json_put(part, "rfi", rfi_json(w));
    ci_json_put(part, "lost_packets", lost_json(w));
    ci_json_put(part, "missing_sub_bands", missing_json(w));
    ci_json_put(root, "flags", part);
    return CI_OK;
}

typedef enum truth_file
{
    TRUTH_JSON,
    TRUTH_SOURCES,
    TRUTH_CALIBRATOR,
    TRUTH_CATALOGUE,
    TRUTH_FILE_COUNT
} truth_file;

static ci_status write_json(const sim_world *w, const char *path)
{
    ci_json *root = ci_json_object();
    ci_status status = build(w, root);
    if (status == CI_OK) status = ci_json_write_file(root, path);
    ci_json_free(root);
    return status;
}

static ci_status write_truth(const sim_world *w, truth_file which, const char *path)
{
    switch (which) {
    case TRUTH_SOURCES:
        return sim_sources_write(w->sources, path, -1);
    case TRUTH_CALIBRATOR:
        return sim_sources_write(w->sources, path, SIM_ROLE_CALIBRATOR);
    case TRUTH_CATALOGUE:
        return sim_sources_survey(w->sources, &w->options, path);
    default:
        return write_json(w, path);
    }
}

ci_status sim_world_truth(const sim_world *w)
{
    static const char *const name[TRUTH_FILE_COUNT] = {
        "truth.json", "truth.csv", "truth-calibrator.csv", "truth-catalogue.csv"};
    for (int i = 0; i < TRUTH_FILE_COUNT; i++) {
        char *path = NULL;
        ci_status status = ci_path_join(&path, w->options.out, name[i]);
        if (status == CI_OK) status = write_truth(w, (truth_file)i, path);
        ci_mem_free(path);
        CI_TRY(status);
    }
    return CI_OK;
}
