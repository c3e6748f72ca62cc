#include "publish/publish.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ci_publish_limits_default(ci_publish_limits *limits)
{
    *limits = (ci_publish_limits){
        .max_noise_ratio = 3,
        .warn_noise_ratio = 1.5,
        .min_dynamic_range = 5,
        .min_peak_snr = 5,
        .min_flux_ratio = 0.8,
        .max_flux_ratio = 1.2,
        .min_flux_match = 5,
        .pb_cut = 0.2,
    };
}

/* ---- the list ------------------------------------------------------------------------- */

static void gate(ci_publish_gates *gates, const char *name, ci_publish_gate_outcome outcome,
                 double value, double limit, const char *format, ...) CI_PRINTF(6, 7);
static void gate(ci_publish_gates *gates, const char *name, ci_publish_gate_outcome outcome,
                 double value, double limit, const char *format, ...)
{
    if (gates->n == CI_PUBLISH_MAX_GATES) return;
    ci_publish_gate *g = &gates->item[gates->n++];
    va_list values;
    va_start(values, format);
    snprintf(g->name, sizeof g->name, "%s", name);
    g->outcome = outcome;
    g->value = value;
    g->limit = limit;
    vsnprintf(g->text, sizeof g->text, format, values);
    va_end(values);
    gates->refused = gates->refused || outcome == CI_GATE_FAIL;
    gates->warned = gates->warned || outcome == CI_GATE_WARN;
}

static const char *const outcome_words[] = {"pass", "warn", "skip", "fail"};

ci_json *ci_publish_gates_json(const ci_publish_gates *gates)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < gates->n; i++) {
        const ci_publish_gate *g = &gates->item[i];
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "gate", g->name);
        ci_json_put_string(one, "outcome", outcome_words[g->outcome]);
        ci_json_put_number(one, "value", g->value);
        ci_json_put_number(one, "limit", g->limit);
        ci_json_put_string(one, "text", g->text);
        ci_json_put(list, NULL, one);
    }
    return list;
}

void ci_publish_gates_text(const ci_publish_gates *gates, char out[CI_REGISTRY_TEXT])
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < gates->n && at < CI_REGISTRY_TEXT - 8; i++) {
        const ci_publish_gate *g = &gates->item[i];
        if (g->outcome != CI_GATE_FAIL) continue;
        int n =
            snprintf(out + at, CI_REGISTRY_TEXT - at, "%s%s: %s", at ? "; " : "", g->name, g->text);
        at += n > 0 ? (size_t)n : 0;
    }
}

bool ci_publish_tile_passes(const ci_publish_gates *gates, char why[CI_REGISTRY_TEXT])
{
    static const char *const needed[] = {"opens", "checksum", "wcs",
                                         "beam",  "noise",    "dynamic_range"};
    why[0] = '\0';
    for (size_t i = 0; i < gates->n; i++)
        for (size_t k = 0; k < 6; k++)
            if (gates->item[i].outcome == CI_GATE_FAIL && !why[0] &&
                strcmp(gates->item[i].name, needed[k]) == 0)
                snprintf(why, CI_REGISTRY_TEXT, "%.24s: %.220s", gates->item[i].name,
                         gates->item[i].text);
    return !why[0];
}

/* ---- header gates ---------------------------------------------------------------------------- */

/* A fault of the product becomes a gate that fails, one of the machine, which says nothing about
 * the product, is returned. */
static ci_status fault_gate(ci_publish_gates *gates, const char *name, const char *what,
                            ci_status status)
{
    if (status == CI_OK || ci_status_is_environment(status)) return status;
    gate(gates, name, CI_GATE_FAIL, NAN, NAN, "%s%.200s", what, ci_error_text());
    ci_error_clear();
    return CI_OK;
}

/* *reader stays NULL where there is no path or the file does not open. */
static ci_status open_gate(ci_publish_gates *gates, const char *path, const char *what,
                           ci_fits_reader **reader)
{
    if (!path) return CI_OK;
    CI_TRY(fault_gate(gates, "opens", what, ci_fits_reader_open(reader, path)));
    if (!*reader) return CI_OK;
    return fault_gate(gates, "checksum", what, ci_fits_verify(path));
}

static ci_status wcs_gate(ci_publish_gates *gates, const ci_fits_header *h)
{
    enum
    {
        n_side = 5
    };
    ci_fits_wcs *wcs = NULL;
    double x[n_side * n_side], y[n_side * n_side], ra[n_side * n_side], dec[n_side * n_side];
    double x2[n_side * n_side], y2[n_side * n_side], worst = 0;
    size_t n = n_side * n_side, n_there = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)(i % n_side) / (n_side - 1) * (double)(h->n_x - 1);
        y[i] = (double)(i / n_side) / (n_side - 1) * (double)(h->n_y - 1);
    }
    ci_status status = ci_fits_wcs_new(&wcs, h);
    if (status == CI_OK) status = ci_fits_wcs_to_sky(wcs, n, x, y, ra, dec);
    if (status == CI_OK) status = ci_fits_wcs_to_pixel(wcs, n, ra, dec, x2, y2);
    ci_fits_wcs_free(wcs);
    if (status != CI_OK) return fault_gate(gates, "wcs", "", status);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(ra[i]) || !isfinite(x2[i])) continue; /* beyond the horizon */
        worst = fmax(worst, hypot(x2[i] - x[i], y2[i] - y[i]));
        n_there++;
    }
    bool centre = isfinite(ra[n / 2]) && isfinite(x2[n / 2]);
    gate(gates, "wcs", centre && worst < 0.01 ? CI_GATE_PASS : CI_GATE_FAIL, worst, 0.01,
         "pixel to sky and back differs by %.2g pixel at most, %zu of %zu places on the sky", worst,
         n_there, n);
    return CI_OK;
}

static ci_status header_gates(ci_publish_gates *gates, const ci_fits_header *h,
                              const ci_publish_limits *limits)
{
    CI_TRY(wcs_gate(gates, h));
    gate(gates, "units", strcasecmp(h->bunit, "Jy/beam") == 0 ? CI_GATE_PASS : CI_GATE_FAIL, NAN,
         NAN, "BUNIT '%s'%s", h->bunit, strcasecmp(h->bunit, "Jy/beam") ? ", not Jy/beam" : "");
    double major = h->beam_major_rad, minor = h->beam_minor_rad;
    bool beam_ok = isfinite(major) && isfinite(h->beam_pa_rad) && minor > 0 && major >= minor &&
                   minor >= h->cell_rad && major < 0.5;
    gate(gates, "beam", beam_ok ? CI_GATE_PASS : CI_GATE_FAIL, major * CI_RAD_TO_ARCSEC, NAN,
         "%.4g x %.4g arcsec, cell %.4g%s", major * CI_RAD_TO_ARCSEC, minor * CI_RAD_TO_ARCSEC,
         h->cell_rad * CI_RAD_TO_ARCSEC, beam_ok ? "" : ": not the beam of an image");
    char lacks[CI_REGISTRY_TEXT] = "";
    size_t at = 0;
    const char *names[3] = {h->time_mjd_s > 0 ? NULL : "DATE-OBS",
                            h->freq_hz > 0 ? NULL : "RESTFRQ", h->telescope[0] ? NULL : "TELESCOP"};
    for (int i = 0; i < 3; i++)
        if (names[i]) at += (size_t)snprintf(lacks + at, sizeof lacks - at, " %s", names[i]);
    for (const char *const *key = limits->provenance_cards; key && *key; key++)
        if (!ci_fits_card_get(h, *key) && at < sizeof lacks - 12)
            at += (size_t)snprintf(lacks + at, sizeof lacks - at, " %.8s", *key);
    gate(gates, "provenance", at ? CI_GATE_FAIL : CI_GATE_PASS, NAN, NAN,
         at ? "cards missing:%.200s" : "complete%s", at ? lacks : "");
    return CI_OK;
}

/* ---- pixel gates ----------------------------------------------------------------------------- */

typedef struct pixels
{
    double peak, peak_snr;
    size_t n_inside, n_nan, n_sample;
    float *sample; /* of the pixels whose spread is the noise */
    size_t n_room;
    size_t stride; /* every stride-th of those that count */
    size_t i_next;
    float weight_max;
} pixels;

static void sample_take(pixels *p, float value)
{
    if (p->i_next++ % p->stride == 0 && p->n_sample < p->n_room) p->sample[p->n_sample++] = value;
}

/* One row. `inside` is pb or weight (NULL: all pixels); `noise` and `residual` may be NULL. */
static void row_scan(pixels *p, size_t n, const float *image, const float *inside, double cut,
                     const float *noise, const float *residual)
{
    for (size_t i = 0; i < n; i++) {
        if (inside && !(inside[i] > cut)) continue;
        p->n_inside++;
        if (!isfinite(image[i])) {
            p->n_nan++;
            continue;
        }
        if (!(image[i] <= p->peak)) p->peak = image[i];
        if (noise && noise[i] > 0 && !(image[i] / noise[i] <= p->peak_snr))
            p->peak_snr = image[i] / noise[i];
        /* A mosaic's noise is that of its deepest half: its rim is noisier by design. */
        if (p->weight_max > 0 && !(inside[i] >= 0.5f * p->weight_max)) continue;
        if (!residual)
            sample_take(p, image[i]);
        else if (isfinite(residual[i]))
            sample_take(p, residual[i]);
    }
}

enum
{
    n_slab = 64,
    n_reader = 4
};

/* Rows of all images together; readers[0] is the image. NULL readers give no rows. */
static ci_status scan(pixels *p, ci_fits_reader *readers[n_reader], double cut)
{
    const ci_fits_header *h = ci_fits_reader_header(readers[0]);
    float *rows[n_reader] = {0};
    ci_status status = CI_OK;
    for (int k = 0; k < n_reader && status == CI_OK; k++)
        if (readers[k])
            status = ci_mem_alloc(&rows[k], n_slab * h->n_x, sizeof(float), "rows of an image");
    for (size_t y = 0; y < h->n_y && status == CI_OK; y += n_slab) {
        size_t n_row = h->n_y - y < n_slab ? h->n_y - y : n_slab;
        for (int k = 0; k < n_reader && status == CI_OK; k++)
            if (readers[k]) status = ci_fits_reader_rows(readers[k], y, n_row, rows[k]);
        if (status == CI_OK) row_scan(p, n_row * h->n_x, rows[0], rows[1], cut, rows[2], rows[3]);
    }
    for (int k = 0; k < n_reader; k++)
        ci_mem_free(rows[k]);
    return status;
}

static ci_status weight_max(ci_fits_reader *weight, float *out)
{
    const ci_fits_header *h = ci_fits_reader_header(weight);
    float *row = NULL;
    CI_TRY(ci_mem_alloc(&row, h->n_x, sizeof *row, "row of weights"));
    ci_status status = CI_OK;
    *out = 0;
    for (size_t y = 0; y < h->n_y && status == CI_OK; y++) {
        status = ci_fits_reader_rows(weight, y, 1, row);
        for (size_t x = 0; x < h->n_x && status == CI_OK; x++)
            if (row[x] > *out) *out = row[x];
    }
    ci_mem_free(row);
    return status;
}

/* A limit looser than the default is never silent. */
static bool is_relaxed(double value, double limit, double normal, bool is_max)
{
    return is_max ? value > normal && limit > normal : value < normal && limit < normal;
}

static void noise_gate(ci_publish_gates *gates, const ci_publish_subject *s,
                       const ci_publish_limits *limits, double rms)
{
    ci_publish_limits normal;
    ci_publish_limits_default(&normal);
    if (!(rms > 0)) {
        gate(gates, "noise", CI_GATE_FAIL, rms, NAN, "rms %g Jy/beam: not an image of the sky",
             rms);
        return;
    }
    if (!(s->thermal_jy > 0)) {
        gate(gates, "noise", s->accept_incomplete ? CI_GATE_SKIP : CI_GATE_WARN, NAN, NAN,
             "thermal noise not known; rms %.4g Jy/beam", rms);
        return;
    }
    double ratio = rms / s->thermal_jy;
    ci_publish_gate_outcome outcome = CI_GATE_PASS;
    if (ratio > limits->warn_noise_ratio ||
        is_relaxed(ratio, limits->warn_noise_ratio, normal.warn_noise_ratio, true))
        outcome = CI_GATE_WARN;
    if (ratio > limits->max_noise_ratio) outcome = CI_GATE_FAIL;
    gate(gates, "noise", outcome, ratio, limits->max_noise_ratio,
         "rms %.4g Jy/beam is %.2f x thermal (%.4g)%s", rms, ratio, s->thermal_jy,
         is_relaxed(ratio, limits->max_noise_ratio, normal.max_noise_ratio, true)
             ? ", limit relaxed"
             : "");
}

static void minimum_gate(ci_publish_gates *gates, const char *name, double value, double limit,
                         double normal)
{
    ci_publish_gate_outcome outcome = value >= limit ? CI_GATE_PASS : CI_GATE_FAIL;
    bool relaxed = outcome == CI_GATE_PASS && is_relaxed(value, limit, normal, false);
    gate(gates, name, relaxed ? CI_GATE_WARN : outcome, value, limit, "%.4g, at least %g%s", value,
         limit, relaxed ? ", limit relaxed" : "");
}

static void flux_gate(ci_publish_gates *gates, const ci_publish_subject *s,
                      const ci_publish_limits *limits)
{
    ci_publish_limits normal;
    ci_publish_limits_default(&normal);
    if (s->n_flux_match < limits->min_flux_match || !isfinite(s->flux_ratio)) {
        gate(gates, "flux_ratio", CI_GATE_SKIP, s->flux_ratio, NAN,
             "%lld catalogue source%s matched, %lld needed", (long long)s->n_flux_match,
             ci_plural(s->n_flux_match), (long long)limits->min_flux_match);
        return;
    }
    double r = s->flux_ratio;
    bool ok = r >= limits->min_flux_ratio && r <= limits->max_flux_ratio;
    bool relaxed = ok && (is_relaxed(r, limits->min_flux_ratio, normal.min_flux_ratio, false) ||
                          is_relaxed(r, limits->max_flux_ratio, normal.max_flux_ratio, true));
    gate(gates, "flux_ratio",
         !ok       ? CI_GATE_FAIL
         : relaxed ? CI_GATE_WARN
                   : CI_GATE_PASS,
         r, r < 1 ? limits->min_flux_ratio : limits->max_flux_ratio,
         "median found / catalogue %.3f over %lld source%s, %.2f to %.2f%s", r,
         (long long)s->n_flux_match, ci_plural(s->n_flux_match), limits->min_flux_ratio,
         limits->max_flux_ratio, relaxed ? ", limit relaxed" : "");
}

static void pixel_gates(ci_publish_gates *gates, const pixels *p, const ci_publish_subject *s,
                        const ci_publish_limits *limits)
{
    ci_publish_limits normal;
    ci_publish_limits_default(&normal);
    bool finite = p->n_inside > 0 && p->n_nan == 0;
    gate(gates, "finite", finite ? CI_GATE_PASS : CI_GATE_FAIL, (double)p->n_nan, 0,
         p->n_inside ? "%zu of %zu pixels inside are not numbers"
                     : "%zu; no pixel is inside the beam or the weights (%zu)",
         p->n_nan, p->n_inside);
    double rms = p->n_sample ? (double)ci_num_mad_sigma_float(p->sample, p->n_sample) : NAN;
    noise_gate(gates, s, limits, rms);
    minimum_gate(gates, "dynamic_range", p->peak / rms, limits->min_dynamic_range,
                 normal.min_dynamic_range);
    minimum_gate(gates, "peak_snr", isfinite(p->peak_snr) ? p->peak_snr : p->peak / rms,
                 limits->min_peak_snr, normal.min_peak_snr);
    flux_gate(gates, s, limits);
}

static bool same_size(ci_publish_gates *gates, ci_fits_reader *readers[n_reader])
{
    const ci_fits_header *h = ci_fits_reader_header(readers[0]);
    for (int k = 1; k < n_reader; k++) {
        const ci_fits_header *o = readers[k] ? ci_fits_reader_header(readers[k]) : h;
        if (o->n_x == h->n_x && o->n_y == h->n_y) continue;
        gate(gates, "opens", CI_GATE_FAIL, NAN, NAN,
             "the image has %zu x %zu pixels, another of its files %zu x %zu", h->n_x, h->n_y,
             o->n_x, o->n_y);
        return false;
    }
    return true;
}

static ci_status judge_pixels(ci_publish_gates *gates, ci_fits_reader *readers[n_reader],
                              const ci_publish_subject *s, const ci_publish_limits *limits)
{
    const ci_fits_header *h = ci_fits_reader_header(readers[0]);
    const size_t most = (size_t)4 << 20; /* pixels whose median is taken */
    size_t n_pixel = h->n_x * h->n_y;
    pixels p = {.peak = NAN, .peak_snr = NAN, .stride = n_pixel / most + 1};
    p.n_room = n_pixel / p.stride + 1;
    CI_TRY(ci_mem_alloc(&p.sample, p.n_room, sizeof *p.sample, "pixels for the noise"));
    ci_status status = s->weight && readers[1] ? weight_max(readers[1], &p.weight_max) : CI_OK;
    if (status == CI_OK) status = scan(&p, readers, s->pb ? limits->pb_cut : 0);
    if (status == CI_OK) pixel_gates(gates, &p, s, limits);
    ci_mem_free(p.sample);
    return status;
}

static ci_status judge_open(ci_publish_gates *gates, ci_fits_reader *readers[n_reader],
                            const ci_publish_subject *s, const ci_publish_limits *limits)
{
    bool opens = true;
    for (size_t i = 0; i < gates->n; i++)
        opens = opens && strcmp(gates->item[i].name, "opens") != 0;
    if (readers[0]) CI_TRY(header_gates(gates, ci_fits_reader_header(readers[0]), limits));
    if (!opens || !same_size(gates, readers)) return CI_OK;
    gate(gates, "opens", CI_GATE_PASS, NAN, NAN, "all files open");
    if (!gates->refused)
        gate(gates, "checksum", CI_GATE_PASS, NAN, NAN, "CHECKSUM and DATASUM hold");
    ci_status status = judge_pixels(gates, readers, s, limits);
    /* Pixels that cannot be read are the product's fault. */
    return status == CI_ERR_INPUT ? fault_gate(gates, "opens", "", status) : status;
}

ci_status ci_publish_gates_judge(ci_publish_gates *gates, const ci_publish_subject *s,
                                 const ci_publish_limits *limits)
{
    memset(gates, 0, sizeof *gates);
    const char *paths[n_reader] = {s->image, s->pb ? s->pb : s->weight, s->noise, s->residual};
    static const char *const names[n_reader] = {
        "image: ", "beam or weight: ", "noise: ", "residual: "};
    ci_fits_reader *readers[n_reader] = {0};
    ci_status status = CI_OK;
    for (int k = 0; k < n_reader && status == CI_OK; k++)
        status = open_gate(gates, paths[k], names[k], &readers[k]);
    if (status == CI_OK) status = judge_open(gates, readers, s, limits);
    for (int k = 0; k < n_reader; k++)
        ci_fits_reader_close(readers[k]);
    return status;
}
