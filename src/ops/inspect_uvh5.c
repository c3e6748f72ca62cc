/* inspect of visibilities: the header, then every sample once. */
#include "ops/inspect.h"

#include "contimg/num.h"
#include "contimg/sky.h"
#include "contimg/uvh5.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static void array_tell(inspection *in, const ci_vis_meta *meta)
{
    char site[80];
    const ci_vis_array *a = &meta->array;
    ci_ops_inspect_site_text(site, a->lat_rad, a->lon_rad, a->height_m);
    bool has_instrument = a->instrument[0] != '\0' && strcmp(a->instrument, a->telescope) != 0;
    ci_ops_inspect_line(in, "Telescope", "%s%s%s%s, %s",
                        a->telescope[0] != '\0' ? a->telescope : "unnamed",
                        has_instrument ? " (" : "", has_instrument ? a->instrument : "",
                        has_instrument ? ")" : "", site);
    ci_json_put_string(in->json, "telescope", a->telescope);
    ci_json_put_string(in->json, "instrument", a->instrument);
    ci_json_put_number(in->json, "latitude_deg", a->lat_rad * CI_RAD_TO_DEG);
    ci_json_put_number(in->json, "longitude_deg", a->lon_rad * CI_RAD_TO_DEG);
    ci_json_put_number(in->json, "height_m", a->height_m);
}

typedef struct baseline_facts
{
    size_t n_antenna, n_auto;
    double shortest_m, longest_m;
} baseline_facts;

static ci_status baselines_look(const ci_vis_meta *meta, baseline_facts *f)
{
    uint8_t *has_data = NULL;
    CI_TRY(ci_mem_alloc(&has_data, meta->array.n_antenna, 1, "antennas"));
    f->shortest_m = INFINITY;
    for (size_t i = 0; i < meta->n_baseline; i++) {
        int32_t p = meta->baseline_ant1[i], q = meta->baseline_ant2[i];
        has_data[p] = has_data[q] = 1;
        if (p == q) {
            f->n_auto++;
            continue;
        }
        double length2 = 0;
        for (int k = 0; k < 3; k++) {
            double d = meta->array.antenna[q].pos_ecef_m[k] - meta->array.antenna[p].pos_ecef_m[k];
            length2 += d * d;
        }
        f->shortest_m = fmin(f->shortest_m, sqrt(length2));
        f->longest_m = fmax(f->longest_m, sqrt(length2));
    }
    for (size_t i = 0; i < meta->array.n_antenna; i++)
        f->n_antenna += has_data[i];
    ci_mem_free(has_data);
    return CI_OK;
}

static ci_status antennas_tell(inspection *in, const ci_vis_meta *meta)
{
    baseline_facts f = {0};
    char dishes[48] = "", lengths[64] = "";
    CI_TRY(baselines_look(meta, &f));
    double diameter = meta->array.antenna[0].diameter_m;
    for (size_t i = 0; i < meta->array.n_antenna; i++) {
        if (meta->array.antenna[i].diameter_m != diameter) diameter = 0;
    }
    if (diameter > 0) snprintf(dishes, sizeof dishes, ", dishes of %g m", diameter);
    ci_ops_inspect_line(in, "Antennas", "%zu of %zu have data%s", f.n_antenna,
                        meta->array.n_antenna, dishes);
    size_t n_cross = meta->n_baseline - f.n_auto;
    if (n_cross > 0) {
        snprintf(lengths, sizeof lengths, ", %.4g m to %.5g m", f.shortest_m, f.longest_m);
        ci_json_put(in->json, "baseline_m", ci_ops_inspect_pair(f.shortest_m, f.longest_m));
    }
    ci_ops_inspect_line(in, "Baselines", "%zu%s%s", n_cross, lengths,
                        f.n_auto > 0 ? ", and autocorrelations" : ", no autocorrelations");
    ci_json_put_int(in->json, "n_antenna", (int64_t)f.n_antenna);
    ci_json_put_int(in->json, "n_antenna_telescope", (int64_t)meta->array.n_antenna);
    ci_json_put_int(in->json, "n_baseline", (int64_t)n_cross);
    ci_json_put_int(in->json, "n_autocorrelation", (int64_t)f.n_auto);
    ci_json_put_number(in->json, "diameter_m", diameter);
    return CI_OK;
}

static void time_tell(inspection *in, const ci_vis_meta *meta)
{
    char span[80], first[32], last[32];
    double t0 = meta->time_mjd_s[0], t1 = meta->time_mjd_s[meta->n_time - 1];
    ci_ops_inspect_span_text(span, t0, t1);
    ci_ops_inspect_line(in, "Time", "%s, %zu integration%s of %.6g s", span, meta->n_time,
                        meta->n_time == 1 ? "" : "s", meta->interval_s);
    ci_time_iso(first, t0 + 5e-4, 3, true); /* cuts: rounded here */
    ci_time_iso(last, t1 + 5e-4, 3, true);
    ci_json_put_string(in->json, "first_time", first);
    ci_json_put_string(in->json, "last_time", last);
    ci_json_put_int(in->json, "n_time", (int64_t)meta->n_time);
    ci_json_put_number(in->json, "interval_s", meta->interval_s);
}

static void frequency_tell(inspection *in, const ci_vis_meta *meta)
{
    ci_json *windows = ci_json_array();
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *s = &meta->sub_band[i];
        char width[32];
        double low = s->freq_hz[0], high = s->freq_hz[s->n_chan - 1];
        ci_ops_inspect_hz_text(width, s->width_hz[0]);
        if (i < 32) {
            ci_ops_inspect_line(in, i == 0 ? "Frequency" : "",
                                "%.6f to %.6f MHz, %zu channel%s of %s", low * 1e-6, high * 1e-6,
                                s->n_chan, s->n_chan == 1 ? "" : "s", width);
        }
        ci_json *window = ci_json_object();
        ci_json_put(window, "freq_hz", ci_ops_inspect_pair(low, high));
        ci_json_put_int(window, "n_channel", (int64_t)s->n_chan);
        ci_json_put_number(window, "channel_width_hz", s->width_hz[0]);
        ci_json_put(windows, NULL, window);
    }
    if (meta->n_sub_band > 32)
        ci_ops_inspect_line(in, "", "and %zu more windows", meta->n_sub_band - 32);
    ci_json_put(in->json, "windows", windows);
}

static void polarisation_tell(inspection *in, const ci_vis_meta *meta, const ci_uvh5_file *file)
{
    static const char *const units[] = {"uncalibrated", "Jy", "K sr"};
    char names[32] = "";
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < meta->n_pol; i++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? " " : "",
                 ci_vis_pol_name(meta->pol[i]));
        ci_json_put_string(list, NULL, ci_vis_pol_name(meta->pol[i]));
    }
    if (ci_vis_pol_kind_of(meta->pol[0]) == CI_VIS_POL_LINEAR) {
        ci_ops_inspect_line(in, "Polarisation", "%s, X %s", names,
                            ci_uvh5_fact(file, "x_orientation"));
    } else {
        ci_ops_inspect_line(in, "Polarisation", "%s", names);
    }
    ci_ops_inspect_line(in, "Units", "%s%s; weights: %s", units[meta->units],
                        meta->stokes_is_sum ? ", I = XX + YY" : "",
                        meta->has_valid_nsamples ? "nsamples" : "1 (nsamples mean nothing)");
    const char *feeds = ci_uvh5_fact(file, "feeds");
    if (feeds[0] != '\0') ci_ops_inspect_line(in, "Feeds", "%s (from north through east)", feeds);
    ci_json_put_string(in->json, "feeds", feeds);
    ci_json_put(in->json, "polarisations", list);
    ci_json_put_string(in->json, "x_orientation", meta->x_is_north ? "north" : "east");
    ci_json_put_bool(in->json, "x_orientation_assumed", !meta->x_is_known);
    ci_json_put_string(in->json, "units", units[meta->units]);
    ci_json_put_bool(in->json, "nsamples_usable", meta->has_valid_nsamples);
}

/* Where an image of it would be centred: needs earth orientation, told where there is. */
static void centre_tell(inspection *in, const ci_vis_meta *meta)
{
    ci_sky_eop *eop = NULL;
    double ra, dec;
    char position[64];
    if (ci_sky_eop_load(&eop, NULL) == CI_OK &&
        ci_sky_centre_default(eop, meta, &ra, &dec) == CI_OK) {
        ci_ops_inspect_position_text(position, ra, dec);
        ci_ops_inspect_line(in, "Centre", "%s (ICRS, %.5f %+.5f deg)%s", position,
                            ra * CI_RAD_TO_DEG, dec * CI_RAD_TO_DEG,
                            meta->phase[0].kind == CI_VIS_PHASING_SIDEREAL ? "" : " at mid time");
        ci_json_put(in->json, "centre_deg",
                    ci_ops_inspect_pair(ra * CI_RAD_TO_DEG, dec * CI_RAD_TO_DEG));
    }
    ci_error_clear();
    ci_sky_eop_free(eop);
}

/* All fields, with the first position of each; one needs no list. */
static void fields_tell(inspection *in, const ci_vis_meta *meta)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < meta->n_field; i++) {
        const ci_vis_field *field = &meta->field[i];
        const ci_vis_phase_centre *centre = NULL;
        for (size_t k = 0; k < meta->n_phase && centre == NULL; k++)
            if (meta->phase[k].i_field == (int32_t)i) centre = &meta->phase[k];
        ci_json *json = ci_json_object();
        ci_json_put_int(json, "id", field->id);
        ci_json_put_string(json, "name", field->name);
        char position[64] = "unprojected or on the meridian";
        if (centre != NULL && centre->kind == CI_VIS_PHASING_SIDEREAL) {
            ci_ops_inspect_position_text(position, centre->ra_rad, centre->dec_rad);
            ci_json_put(json, "centre_deg",
                        ci_ops_inspect_pair(centre->ra_rad * CI_RAD_TO_DEG,
                                            centre->dec_rad * CI_RAD_TO_DEG));
        }
        ci_json_put(list, NULL, json);
        if (meta->n_field > 1)
            ci_ops_inspect_line(in, i == 0 ? "Fields" : "", "%lld \"%s\": %s", (long long)field->id,
                                field->name, position);
    }
    ci_json_put(in->json, "fields", list);
}

static void phase_tell(inspection *in, const ci_vis_meta *meta, const ci_uvh5_file *file)
{
    const ci_vis_phase_centre *centre = &meta->phase[0];
    const char *name = ci_vis_phase_name(meta, 0);
    const char *origin = ci_uvh5_fact(file, "phasing");
    char more[48] = "";
    if (meta->n_phase > 1) snprintf(more, sizeof more, ", the first of %zu", meta->n_phase);
    switch (centre->kind) {
    case CI_VIS_PHASING_UNPROJECTED:
        ci_ops_inspect_line(in, "Phased to", "nothing: unprojected, drifting (%s)%s", origin, more);
        ci_json_put_string(in->json, "phasing", "unprojected");
        break;
    case CI_VIS_PHASING_SIDEREAL:
        ci_ops_inspect_line(in, "Phased to", "%s%s (%s)", name[0] != '\0' ? name : "a position",
                            more, origin);
        ci_json_put_string(in->json, "phasing", "sidereal");
        break;
    case CI_VIS_PHASING_MERIDIAN:
        ci_ops_inspect_line(
            in, "Phased to",
            "the meridian at apparent declination %+.5f deg, each integration (%s)%s",
            centre->dec_rad * CI_RAD_TO_DEG, origin, more);
        ci_json_put_string(in->json, "phasing", "meridian");
        ci_json_put_number(in->json, "meridian_dec_deg", centre->dec_rad * CI_RAD_TO_DEG);
        break;
    }
    ci_json_put_string(in->json, "phase_centre", name);
    ci_json_put_int(in->json, "n_phase_centre", (int64_t)meta->n_phase);
    fields_tell(in, meta);
    centre_tell(in, meta);
}

static void file_tell(inspection *in, const ci_uvh5_file *file)
{
    const char *version = ci_uvh5_fact(file, "version");
    ci_ops_inspect_line(
        in, "UVH5", "%s%s, %s", version[0] != '\0' ? "version " : "of the first kind, ",
        version[0] != '\0' ? version : "without a version", ci_uvh5_fact(file, "layout"));
    ci_ops_inspect_line(in, "Stored as", "%s; compression: %s", ci_uvh5_fact(file, "precision"),
                        ci_uvh5_fact(file, "filters"));
    ci_json_put_string(in->json, "kind", "UVH5");
    ci_json_put_string(in->json, "version", version);
    ci_json_put_string(in->json, "layout", ci_uvh5_fact(file, "layout"));
    ci_json_put_string(in->json, "filters", ci_uvh5_fact(file, "filters"));
    const char *history = ci_uvh5_fact(file, "history");
    if (history[0] != '\0') {
        ci_ops_inspect_line(in, "History", "%.110s%s", history,
                            strlen(history) > 110 ? " ..." : "");
    }
    ci_json_put_string(in->json, "history", history);
}

enum
{
    N_AMPLITUDE = 1 << 20
};

/* All samples, cross- and autocorrelations apart where it matters. */
typedef struct sample_facts
{
    ci_vis_flag_counts counts;
    int64_t n_sample, n_row, n_nonzero;
    double greatest;  /* amplitude of unflagged cross-correlations */
    float *amplitude; /* [N_AMPLITUDE] every `stride`-th of them */
    size_t n_amplitude, stride, i_next;
} sample_facts;

static void amplitudes_take(const ci_vis_block *block, sample_facts *f)
{
    size_t n_cell = block->n_chan * block->n_pol;
    for (size_t i = 0; i < block->n_row; i++) {
        int32_t b = block->i_baseline[i];
        bool is_cross = block->meta->baseline_ant1[b] != block->meta->baseline_ant2[b];
        for (size_t k = i * n_cell; k < (i + 1) * n_cell; k++) {
            float re = crealf(block->data[k]), im = cimagf(block->data[k]);
            if (re != 0 || im != 0) f->n_nonzero++;
            if (!is_cross || block->flags[k] != 0) continue;
            float amplitude = hypotf(re, im);
            if (amplitude > f->greatest) f->greatest = amplitude;
            if (f->i_next++ % f->stride == 0 && f->n_amplitude < N_AMPLITUDE) {
                f->amplitude[f->n_amplitude++] = amplitude;
            }
        }
    }
}

/* Reads by runs of baselines where a window is larger than this. */
static ci_status samples_read(ci_uvh5_file *file, sample_facts *f)
{
    const size_t most = (size_t)1 << 30;
    const ci_vis_meta *meta = ci_uvh5_meta(file);
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        size_t per_baseline = meta->n_time * meta->sub_band[i].n_chan * meta->n_pol * 13;
        size_t step = per_baseline > 0 ? most / per_baseline : meta->n_baseline;
        if (step == 0) step = 1;
        for (size_t first = 0; first < meta->n_baseline; first += step) {
            size_t n = meta->n_baseline - first < step ? meta->n_baseline - first : step;
            ci_vis_block *block = NULL;
            CI_TRY(ci_uvh5_read(file, (ci_vis_part){i, first, n}, NULL, &block));
            ci_vis_flags_count(block, &f->counts);
            f->n_sample += (int64_t)(block->n_row * block->n_chan * block->n_pol);
            if (i == 0) f->n_row += (int64_t)block->n_row;
            amplitudes_take(block, f);
            ci_vis_block_free(block);
        }
    }
    return CI_OK;
}

static void samples_tell(inspection *in, sample_facts *f)
{
    char count[32];
    double n = f->n_sample > 0 ? (double)f->n_sample : 1;
    const int64_t *by = f->counts.n_by_bit;
    ci_ops_inspect_count_text(count, (uint64_t)f->n_sample);
    ci_ops_inspect_line(in, "Visibilities", "%s in %lld row%s", count, (long long)f->n_row,
                        ci_plural(f->n_row));
    ci_ops_inspect_line(in, "Flagged",
                        "%.3g %% (by the file %.3g, not finite %.3g, exact zeros %.3g)",
                        100 * (1 - (double)f->counts.n_good / n), 100 * (double)by[0] / n,
                        100 * (double)by[1] / n, 100 * (double)by[2] / n);
    ci_json_put_int(in->json, "n_row", f->n_row);
    ci_json_put_int(in->json, "n_visibility", f->n_sample);
    ci_json_put_number(in->json, "flagged", 1 - (double)f->counts.n_good / n);
    ci_json_put_number(in->json, "flagged_by_file", (double)by[0] / n);
    ci_json_put_number(in->json, "not_finite", (double)by[1] / n);
    ci_json_put_number(in->json, "exact_zero", (double)by[2] / n);
    if (f->n_amplitude > 0) {
        double median = (double)ci_num_median_float(f->amplitude, f->n_amplitude);
        ci_ops_inspect_line(in, "Amplitudes", "median %.4g, greatest %.4g (cross-correlations)",
                            median, f->greatest);
        ci_json_put_number(in->json, "median_amplitude", median);
        ci_json_put_number(in->json, "greatest_amplitude", f->greatest);
    }
    if (by[1] > 0)
        ci_ops_inspect_warning(in,
                               by[1] == 1 ? "%lld sample is not a finite number"
                                          : "%lld samples are not finite numbers",
                               (long long)by[1]);
    if (f->n_sample > 0 && by[1] == f->n_sample) {
        ci_ops_inspect_warning(
            in, "no visibility is a finite number: there is nothing to calibrate or image");
    } else if (f->n_nonzero == 0 && by[1] > 0) {
        ci_ops_inspect_warning(
            in, "all finite visibilities are exactly 0: there is nothing to calibrate or "
                "image");
    } else if (f->n_nonzero == 0) {
        ci_ops_inspect_warning(
            in, "all visibilities are exactly 0: there is nothing to calibrate or image");
    } else if (f->counts.n_good == 0) {
        ci_ops_inspect_warning(in,
                               "every sample is flagged: there is nothing to calibrate or image");
    } else if (f->n_amplitude == 0) {
        ci_ops_inspect_warning(
            in, "no unflagged cross-correlations: there is nothing to calibrate or image");
    }
}

static ci_status opened_inspect(inspection *in, ci_uvh5_file *file, sample_facts *f)
{
    const ci_vis_meta *meta = ci_uvh5_meta(file);
    file_tell(in, file);
    array_tell(in, meta);
    CI_TRY(antennas_tell(in, meta));
    time_tell(in, meta);
    frequency_tell(in, meta);
    polarisation_tell(in, meta, file);
    phase_tell(in, meta, file);
    for (size_t i = 0; i < ci_uvh5_warning_count(file); i++) {
        ci_ops_inspect_warning(in, "%s", ci_uvh5_warning_get(file, i));
    }
    const char *reversed = ci_uvh5_fact(file, "reversed");
    if (reversed[0] != '\0') ci_ops_inspect_warning(in, "%s: reversed when read", reversed);
    CI_TRY(ci_mem_alloc(&f->amplitude, N_AMPLITUDE, sizeof *f->amplitude, "amplitudes"));
    size_t n = 0;
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        n += meta->n_baseline * meta->n_time * meta->sub_band[i].n_chan * meta->n_pol;
    }
    f->stride = n / N_AMPLITUDE + 1;
    CI_TRY(samples_read(file, f));
    samples_tell(in, f);
    return CI_OK;
}

ci_status ci_ops_inspect_uvh5(inspection *in)
{
    ci_uvh5_file *file = NULL;
    sample_facts facts = {0};
    CI_TRY(ci_uvh5_open(&file, in->path, NULL));
    ci_status status = opened_inspect(in, file, &facts);
    ci_mem_free(facts.amplitude);
    ci_uvh5_close(file);
    return status;
}
