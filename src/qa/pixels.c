/* Gates of an image's pixels: numbers, noise, dynamic range, peak, fluxes. */
#include "qa/qa.h"

#include "contimg/num.h"

#include <math.h>

typedef struct pixels
{
    double peak, peak_snr;
    size_t n_inside, n_nan, n_sample;
    float *sample; /* of the pixels whose spread is the noise */
    size_t max_sample;
    size_t stride; /* every stride-th of those that count */
    size_t i_next;
    float weight_max;
} pixels;

static void sample_take(pixels *p, float value)
{
    if (p->i_next++ % p->stride == 0 && p->n_sample < p->max_sample)
        p->sample[p->n_sample++] = value;
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
    n_slab = 64
};

/* Rows of all images together; readers->of[0] is the image. NULL readers give no rows. */
static ci_status scan(pixels *p, const ci_qa_readers *readers, double cut)
{
    const ci_fits_header *h = ci_fits_reader_header(readers->of[0]);
    float *rows[CI_QA_N_READER] = {0};
    ci_status status = CI_OK;
    for (int k = 0; k < CI_QA_N_READER && status == CI_OK; k++)
        if (readers->of[k])
            status = ci_mem_alloc(&rows[k], n_slab * h->n_x, sizeof(float), "rows of an image");
    for (size_t y = 0; y < h->n_y && status == CI_OK; y += n_slab) {
        size_t n_row = h->n_y - y < n_slab ? h->n_y - y : n_slab;
        for (int k = 0; k < CI_QA_N_READER && status == CI_OK; k++)
            if (readers->of[k]) status = ci_fits_reader_rows(readers->of[k], y, n_row, rows[k]);
        if (status == CI_OK) row_scan(p, n_row * h->n_x, rows[0], rows[1], cut, rows[2], rows[3]);
    }
    for (int k = 0; k < CI_QA_N_READER; k++)
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

/* ---- gates ----------------------------------------------------------------------------------- */

static void noise_gate(ci_qa_gates *gates, const ci_qa_subject *s, const ci_qa_limits *limits,
                       double rms)
{
    ci_qa_limits normal;
    ci_qa_limits_default(&normal);
    if (!(rms > 0)) {
        ci_qa_gates_add(gates, CI_QA_GATE_NOISE, CI_QA_FAIL, rms, NAN,
                        "rms %g Jy/beam: not an image of the sky", rms);
        return;
    }
    if (!(s->thermal_jy > 0)) {
        ci_qa_gates_add(gates, CI_QA_GATE_NOISE, s->accept_incomplete ? CI_QA_SKIP : CI_QA_WARN,
                        NAN, NAN, "thermal noise not known; rms %.4g Jy/beam", rms);
        return;
    }
    double ratio = rms / s->thermal_jy;
    ci_qa_outcome outcome = CI_QA_PASS;
    if (ratio > limits->image.warn_noise_ratio ||
        ci_qa_is_relaxed(ratio, limits->image.warn_noise_ratio, normal.image.warn_noise_ratio,
                         true))
        outcome = CI_QA_WARN;
    if (ratio > limits->image.max_noise_ratio) outcome = CI_QA_FAIL;
    ci_qa_gates_add(
        gates, CI_QA_GATE_NOISE, outcome, ratio, limits->image.max_noise_ratio,
        "rms %.4g Jy/beam is %.2f x thermal (%.4g)%s", rms, ratio, s->thermal_jy,
        ci_qa_is_relaxed(ratio, limits->image.max_noise_ratio, normal.image.max_noise_ratio, true)
            ? ", limit relaxed"
            : "");
}

/* Phases of gains that are another tile's: what they cost is known, or the noise lets them be. */
static void coherence_gate(ci_qa_gates *gates, const ci_qa_subject *s, const ci_qa_limits *limits,
                           double rms)
{
    static const char remedy[] = "give a calibrator nearer in time, or a catalogue of the field as "
                                 "--model FILE";
    ci_qa_limits normal;
    double loss = s->flux_loss, limit = limits->image.max_flux_loss;
    if (!s->is_loss_doubted || !(limit < 1)) return;
    ci_qa_limits_default(&normal);
    bool is_known = 2 * s->flux_sigma <= limit || loss - 2 * s->flux_sigma > limit;
    if (is_known && loss > limit) {
        ci_qa_gates_add(gates, CI_QA_GATE_COHERENCE, CI_QA_FAIL, loss, limit,
                        "gains of another tile have lost their phases: by the tile's own sources "
                        "fluxes may be %.1f +- %.1f %% too low, at most %g %%: %s",
                        100 * loss, 100 * s->flux_sigma, 100 * limit, remedy);
    } else if (is_known) {
        bool relaxed = ci_qa_is_relaxed(loss, limit, normal.image.max_flux_loss, true);
        ci_qa_gates_add(gates, CI_QA_GATE_COHERENCE, relaxed ? CI_QA_WARN : CI_QA_PASS, loss, limit,
                        "phases of gains of another tile cost %.1f +- %.1f %% of the flux, at most "
                        "%g %%%s",
                        100 * loss, 100 * s->flux_sigma, 100 * limit,
                        relaxed ? ", limit relaxed" : "");
    } else {
        bool is_noisy = rms / s->thermal_jy > limits->image.warn_noise_ratio;
        ci_qa_gates_add(gates, CI_QA_GATE_COHERENCE, is_noisy ? CI_QA_FAIL : CI_QA_SKIP, loss,
                        limit,
                        "the tile's own sources are too faint to say whether gains of another tile "
                        "have kept their phases, with an rms of %.2f x thermal%s%s",
                        rms / s->thermal_jy, is_noisy ? ": " : "", is_noisy ? remedy : "");
    }
}

static void minimum_gate(ci_qa_gates *gates, ci_qa_gate_kind kind, double value, double limit,
                         double normal)
{
    ci_qa_outcome outcome = value >= limit ? CI_QA_PASS : CI_QA_FAIL;
    bool relaxed = outcome == CI_QA_PASS && ci_qa_is_relaxed(value, limit, normal, false);
    ci_qa_gates_add(gates, kind, relaxed ? CI_QA_WARN : outcome, value, limit,
                    "%.4g, at least %g%s", value, limit, relaxed ? ", limit relaxed" : "");
}

bool ci_qa_fluxes_are_off(double ratio, double error, double limit)
{
    return error > 0 && fabs(ratio - 1) - 3 * error > limit;
}

const char *ci_qa_fluxes_why(void)
{
    return "gains have changed since the calibrator, the calibrator varied, or the catalogue has "
           "another scale: calibrate nearer in time, or --flux-scale field";
}

/* Inside both pairs of limits, but by one that is relaxed. */
static bool fluxes_are_relaxed(const ci_qa_subject *s, const ci_qa_limits *limits)
{
    ci_qa_limits normal;
    ci_qa_limits_default(&normal);
    const struct ci_qa_image_limits *l = &limits->image, *n = &normal.image;
    return ci_qa_is_relaxed(s->flux_ratio, l->min_flux_ratio, n->min_flux_ratio, false) ||
           ci_qa_is_relaxed(s->flux_ratio, l->max_flux_ratio, n->max_flux_ratio, true) ||
           (l->max_flux_offset > n->max_flux_offset &&
            ci_qa_fluxes_are_off(s->flux_ratio, s->flux_ratio_err, n->max_flux_offset));
}

/* Refused far from the catalogue's, where there are sources enough; warned of where more than noise
 * and sources that vary are off. */
static void flux_gate(ci_qa_gates *gates, const ci_qa_subject *s, const ci_qa_limits *limits)
{
    const struct ci_qa_image_limits *l = &limits->image;
    double r = s->flux_ratio, limit = r < 1 ? l->min_flux_ratio : l->max_flux_ratio;
    bool may_fail = s->n_flux_match >= l->min_flux_match && isfinite(r);
    bool fails = may_fail && !(r >= l->min_flux_ratio && r <= l->max_flux_ratio);
    bool is_off = ci_qa_fluxes_are_off(r, s->flux_ratio_err, l->max_flux_offset);
    if (!may_fail && !is_off) {
        ci_qa_gates_add(gates, CI_QA_GATE_FLUX_RATIO, CI_QA_SKIP, r, NAN,
                        "%lld catalogue source%s matched, %lld needed", (long long)s->n_flux_match,
                        ci_plural(s->n_flux_match), (long long)l->min_flux_match);
        return;
    }
    bool is_relaxed = !fails && !is_off && fluxes_are_relaxed(s, limits);
    char error[32] = "";
    if (s->flux_ratio_err > 0) snprintf(error, sizeof error, " +- %.3f", s->flux_ratio_err);
    if (is_off && !fails) limit = r < 1 ? 1 - l->max_flux_offset : 1 + l->max_flux_offset;
    ci_qa_gates_add(gates, CI_QA_GATE_FLUX_RATIO,
                    fails                  ? CI_QA_FAIL
                    : is_off || is_relaxed ? CI_QA_WARN
                                           : CI_QA_PASS,
                    r, limit, "fluxes are %.3f%s of the catalogue's over %lld source%s%s%s", r,
                    error, (long long)s->n_flux_match, ci_plural(s->n_flux_match),
                    fails || is_off ? ": "
                    : is_relaxed    ? ", limit relaxed"
                                    : "",
                    fails || is_off ? ci_qa_fluxes_why() : "");
}

static void pixel_gates(ci_qa_gates *gates, const pixels *p, const ci_qa_subject *s,
                        const ci_qa_limits *limits)
{
    ci_qa_limits normal;
    ci_qa_limits_default(&normal);
    bool finite = p->n_inside > 0 && p->n_nan == 0;
    ci_qa_gates_add(gates, CI_QA_GATE_FINITE, finite ? CI_QA_PASS : CI_QA_FAIL, (double)p->n_nan, 0,
                    p->n_inside ? "%zu of %zu pixels inside are not numbers"
                                : "%zu; no pixel is inside the beam or the weights (%zu)",
                    p->n_nan, p->n_inside);
    double rms = p->n_sample ? (double)ci_num_mad_sigma_float(p->sample, p->n_sample) : NAN;
    noise_gate(gates, s, limits, rms);
    coherence_gate(gates, s, limits, rms);
    minimum_gate(gates, CI_QA_GATE_DYNAMIC_RANGE, p->peak / rms, limits->image.min_dynamic_range,
                 normal.image.min_dynamic_range);
    minimum_gate(gates, CI_QA_GATE_PEAK_SNR, isfinite(p->peak_snr) ? p->peak_snr : p->peak / rms,
                 limits->image.min_peak_snr, normal.image.min_peak_snr);
    flux_gate(gates, s, limits);
}

ci_status ci_qa_pixels_judge(ci_qa_gates *gates, const ci_qa_readers *readers,
                             const ci_qa_subject *s, const ci_qa_limits *limits)
{
    const ci_fits_header *h = ci_fits_reader_header(readers->of[0]);
    const size_t most = (size_t)4 << 20; /* pixels whose median is taken */
    size_t n_pixel = h->n_x * h->n_y;
    pixels p = {.peak = NAN, .peak_snr = NAN, .stride = n_pixel / most + 1};
    p.max_sample = n_pixel / p.stride + 1;
    CI_TRY(ci_mem_alloc(&p.sample, p.max_sample, sizeof *p.sample, "pixels for the noise"));
    ci_status status =
        s->weight.path && readers->of[1] ? weight_max(readers->of[1], &p.weight_max) : CI_OK;
    if (status == CI_OK) status = scan(&p, readers, s->pb.path ? limits->image.pb_cut : 0);
    if (status == CI_OK) pixel_gates(gates, &p, s, limits);
    ci_mem_free(p.sample);
    return status;
}
