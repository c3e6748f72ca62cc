/* Do these files belong together, and what are they together? */
#include "uvh5/merge.h"
#include "contimg/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "<path> and <other>: <what>": always the first file against the one that does not fit. */
CI_PRINTF(3, 4)
static ci_status misfit(const ci_uvh5_file *first, const ci_uvh5_file *other, const char *format,
                        ...)
{
    char *what = NULL;
    va_list arguments;
    va_start(arguments, format);
    ci_status status = ci_str_format_args(&what, format, arguments);
    va_end(arguments);
    if (status == CI_OK)
        status = ci_error(CI_ERR_INPUT, "%s and %s: %s: give files of one observation only",
                          first->path, other->path, what);
    ci_mem_free(what);
    return status;
}

ci_status ci_uvh5_arrays_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const ci_vis_array *a = &first->meta->array, *b = &other->meta->array;
    if (strcmp(a->telescope, b->telescope) != 0) {
        return misfit(first, other, "two different arrays, telescope \"%s\" and \"%s\"",
                      a->telescope, b->telescope);
    }
    if (a->n_antenna != b->n_antenna) {
        return misfit(first, other, "two different arrays, of %zu and %zu antennas", a->n_antenna,
                      b->n_antenna);
    }
    for (size_t i = 0; i < a->n_antenna; i++) {
        const ci_vis_antenna *p = &a->antenna[i], *q = &b->antenna[i];
        double distance2 = 0;
        for (int k = 0; k < 3; k++) {
            double d = p->pos_ecef_m[k] - q->pos_ecef_m[k];
            distance2 += d * d;
        }
        if (p->number == q->number && strcmp(p->name, q->name) == 0 && distance2 < 0.01 * 0.01)
            continue;
        return misfit(first, other,
                      "two different arrays: antenna %zu is %lld \"%s\" and %lld \"%s\", %.3f m "
                      "apart",
                      i, (long long)p->number, p->name, (long long)q->number, q->name,
                      sqrt(distance2));
    }
    return CI_OK;
}

/* Feeds of every antenna in the same directions. */
static ci_status feeds_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const ci_vis_array *a = &first->meta->array, *b = &other->meta->array;
    bool same = first->meta->x_is_north == other->meta->x_is_north && a->has_feeds == b->has_feeds;
    for (size_t i = 0; same && a->has_feeds && i < a->n_antenna; i++)
        for (int k = 0; same && k < 2; k++) {
            double p = a->antenna[i].feed_rad[k], q = b->antenna[i].feed_rad[k];
            same = isnan(p) == isnan(q) && !(fabs(remainder(p - q, CI_TWO_PI)) > 1e-4);
        }
    return same ? CI_OK : misfit(first, other, "different feeds (x_orientation, feed_angle)");
}

/* Dishes, of which the beam is, and mounts, which turn feeds: those of the first file hold for all.
 */
static ci_status dishes_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const ci_vis_array *a = &first->meta->array, *b = &other->meta->array;
    for (size_t i = 0; i < a->n_antenna; i++) {
        const ci_vis_antenna *p = &a->antenna[i], *q = &b->antenna[i];
        if (fabs(p->diameter_m - q->diameter_m) > 1e-3 * fmax(p->diameter_m, q->diameter_m))
            return misfit(first, other,
                          "Header/antenna_diameters: %g and %g m of antenna %lld (0: not known)",
                          p->diameter_m, q->diameter_m, (long long)p->number);
        if (p->is_rotating != q->is_rotating)
            return misfit(first, other,
                          "Header/mount_type: the feeds of antenna %lld rotate with the "
                          "parallactic angle in one, not in the other",
                          (long long)p->number);
    }
    return CI_OK;
}

static ci_status conventions_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const ci_vis_meta *a = first->meta, *b = other->meta;
    bool same_pols = a->n_pol == b->n_pol;
    for (size_t i = 0; same_pols && i < a->n_pol; i++)
        same_pols = a->pol[i] == b->pol[i];
    if (!same_pols) return misfit(first, other, "different polarisations");
    if (a->units != b->units || a->stokes_is_sum != b->stokes_is_sum) {
        return misfit(first, other, "different units (vis_units, pol_convention)");
    }
    CI_TRY(feeds_compare(first, other));
    CI_TRY(dishes_compare(first, other));
    if (fabs(a->interval_s - b->interval_s) > 0.01 * a->interval_s) {
        return misfit(first, other, "different integration times, %g and %g s", a->interval_s,
                      b->interval_s);
    }
    return CI_OK;
}

static ci_status phases_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const ci_vis_meta *a = first->meta, *b = other->meta;
    const double tolerance = 0.1 * CI_ARCSEC_TO_RAD;
    if (a->n_phase != b->n_phase && a->n_time != b->n_time && a->n_field == b->n_field)
        return misfit(first, other,
                      "%zu and %zu integrations, of a phase centre that moves: each must have all "
                      "integrations",
                      a->n_time, b->n_time);
    bool same = a->n_phase == b->n_phase;
    for (size_t i = 0; same && i < a->n_phase; i++) {
        const ci_vis_phase_centre *p = &a->phase[i], *q = &b->phase[i];
        double step_rad = remainder(p->ra_rad - q->ra_rad, CI_TWO_PI) * cos(p->dec_rad);
        same = p->kind == q->kind && fabs(p->dec_rad - q->dec_rad) < tolerance &&
               fabs(step_rad) < tolerance;
    }
    return same ? CI_OK : misfit(first, other, "different phase centres");
}

/* How many of b's times are also a's, and by how much these differ at most. Both ascend. */
static size_t times_shared(const ci_vis_meta *a, const ci_vis_meta *b, double *off_s)
{
    size_t n = 0, j = 0;
    double tolerance = 0.1 * a->interval_s;
    for (size_t i = 0; i < b->n_time; i++) {
        double t = b->time_mjd_s[i];
        while (j < a->n_time && a->time_mjd_s[j] < t - tolerance)
            j++;
        while (j + 1 < a->n_time && fabs(a->time_mjd_s[j + 1] - t) < fabs(a->time_mjd_s[j] - t))
            j++;
        if (j == a->n_time || fabs(a->time_mjd_s[j] - t) > tolerance) continue;
        *off_s = fmax(*off_s, fabs(a->time_mjd_s[j] - t));
        n++;
    }
    return n;
}

/* Data phased to the meridian of each integration are at another position where its time is: the
 * sky rotates by an arcsecond in 0.067 s. */
static ci_status offset_check(const ci_uvh5_file *first, const ci_uvh5_file *other, double off_s)
{
    const double unseen_s = 5e-3, most_s = 0.067;
    if (off_s <= unseen_s) return CI_OK;
    if (off_s > most_s && other->meta->phase[0].kind == CI_VIS_PHASING_MERIDIAN)
        return misfit(first, other,
                      "Header/time_array: the same integrations are up to %.3f s apart, and "
                      "phased to the meridian, which moves by %.1f arcsec meanwhile",
                      off_s, 15.04 * off_s);
    ci_log_warning("%s: Header/time_array: up to %.3f s from the same integrations of %s, whose "
                   "times are used",
                   other->path, off_s, first->path);
    return CI_OK;
}

/* A sub-band may have lost some integrations, not most of them. */
static ci_status times_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const ci_vis_meta *a = first->meta, *b = other->meta;
    double off_s = 0;
    size_t n = times_shared(a, b, &off_s);
    size_t most = a->n_time > b->n_time ? a->n_time : b->n_time;
    if (2 * n < most) {
        char time_a[32], time_b[32];
        ci_time_iso(time_a, a->time_mjd_s[0], 1, true);
        ci_time_iso(time_b, b->time_mjd_s[0], 1, true);
        return misfit(first, other,
                      "different times: %zu and %zu integrations from %s and %s, %zu shared",
                      a->n_time, b->n_time, time_a, time_b, n);
    }
    if (n < most) {
        ci_log_warning("%s: %zu of its %zu times are among the %zu of %s", other->path, n,
                       b->n_time, a->n_time, first->path);
    }
    return offset_check(first, other, off_s);
}

/* A tenth of the integration, or of the smallest step of one file where integrations of
 * several lengths interleave. */
static double times_tolerance(ci_uvh5_file *const *file, size_t n)
{
    double least = file[0]->meta->interval_s;
    for (size_t i = 0; i < n; i++) {
        const ci_vis_meta *m = file[i]->meta;
        for (size_t k = 1; k < m->n_time; k++) {
            least = fmin(least, m->time_mjd_s[k] - m->time_mjd_s[k - 1]);
        }
    }
    return 0.1 * least;
}

/* Each time's phase centre, of the files that have the time. */
static ci_status time_phases_merge(ci_uvh5_file *const *file, size_t n, double tolerance,
                                   ci_vis_meta *meta)
{
    const int32_t unknown = -2;
    ci_mem_free(meta->time_phase);
    meta->time_phase = NULL;
    CI_TRY(ci_mem_alloc(&meta->time_phase, meta->n_time, sizeof(int32_t), "phase centres"));
    for (size_t t = 0; t < meta->n_time; t++)
        meta->time_phase[t] = unknown;
    for (size_t i = 0; i < n; i++) {
        const ci_vis_meta *m = file[i]->meta;
        for (size_t k = 0, t = 0; k < m->n_time; k++) {
            while (t + 1 < meta->n_time && meta->time_mjd_s[t] < m->time_mjd_s[k] - tolerance)
                t++;
            int32_t *at = &meta->time_phase[t];
            if (*at != m->time_phase[k])
                *at = *at == unknown ? m->time_phase[k] : CI_VIS_PHASE_MIXED;
        }
    }
    return CI_OK;
}

static ci_status times_merge(ci_uvh5_file *const *file, size_t n, ci_vis_meta *meta)
{
    size_t n_all = 0, n_out = 0;
    double *times = NULL, tolerance = times_tolerance(file, n);
    for (size_t i = 0; i < n; i++)
        n_all += file[i]->meta->n_time;
    CI_TRY(ci_mem_alloc(&times, n_all, sizeof *times, "times"));
    n_all = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(times + n_all, file[i]->meta->time_mjd_s, file[i]->meta->n_time * sizeof *times);
        n_all += file[i]->meta->n_time;
    }
    qsort(times, n_all, sizeof *times, ci_num_compare_doubles);
    for (size_t i = 0; i < n_all; i++) {
        if (n_out == 0 || times[i] - times[n_out - 1] > tolerance) times[n_out++] = times[i];
    }
    ci_mem_free(meta->time_mjd_s);
    meta->time_mjd_s = times;
    meta->n_time = n_out;
    return time_phases_merge(file, n, tolerance, meta);
}

typedef struct pair
{
    int32_t ant1, ant2;
} pair;

static int compare_pairs(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->ant2 != y->ant2) return x->ant2 < y->ant2 ? -1 : 1;
    return x->ant1 < y->ant1 ? -1 : x->ant1 > y->ant1;
}

static ci_status baselines_merge(ci_uvh5_file *const *file, size_t n, ci_vis_meta *meta)
{
    size_t n_all = 0, n_out = 0;
    pair *pairs = NULL;
    for (size_t i = 0; i < n; i++)
        n_all += file[i]->meta->n_baseline;
    CI_TRY(ci_mem_alloc(&pairs, n_all, sizeof *pairs, "baselines"));
    n_all = 0;
    for (size_t i = 0; i < n; i++) {
        const ci_vis_meta *m = file[i]->meta;
        for (size_t k = 0; k < m->n_baseline; k++) {
            pairs[n_all++] = (pair){m->baseline_ant1[k], m->baseline_ant2[k]};
        }
    }
    qsort(pairs, n_all, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < n_all; i++) {
        if (n_out == 0 || compare_pairs(&pairs[i], &pairs[n_out - 1]) != 0) {
            pairs[n_out++] = pairs[i];
        }
    }
    ci_status status = ci_mem_resize(&meta->baseline_ant1, n_out, sizeof(int32_t), "baselines");
    if (status == CI_OK)
        status = ci_mem_resize(&meta->baseline_ant2, n_out, sizeof(int32_t), "baselines");
    for (size_t i = 0; status == CI_OK && i < n_out; i++) {
        meta->baseline_ant1[i] = pairs[i].ant1;
        meta->baseline_ant2[i] = pairs[i].ant2;
    }
    if (status == CI_OK) meta->n_baseline = n_out;
    ci_mem_free(pairs);
    return status;
}

typedef struct placed
{
    const ci_vis_sub_band *sub_band;
    uvh5_window window;
} placed;

static int compare_placed(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    double f = x->sub_band->freq_hz[0], g = y->sub_band->freq_hz[0];
    if (f != g) return f < g ? -1 : 1;
    if (x->window.i_path != y->window.i_path) return x->window.i_path < y->window.i_path ? -1 : 1;
    return x->window.i_spw < y->window.i_spw ? -1 : x->window.i_spw > y->window.i_spw;
}

/* Two sub-bands of different files must not share a channel centre. */
static ci_status twice_check(ci_uvh5_file *const *file, const placed *a, const placed *b)
{
    const ci_vis_sub_band *x = a->sub_band, *y = b->sub_band;
    if (a->window.i_path == b->window.i_path) return CI_OK; /* judged when it was opened */
    for (size_t i = 0, j = 0; i < x->n_chan && j < y->n_chan;) {
        double gap = x->freq_hz[i] - y->freq_hz[j];
        if (fabs(gap) < 0.1 * fmin(x->width_hz[i], y->width_hz[j])) {
            return misfit(file[a->window.i_path], file[b->window.i_path],
                          "the same frequency twice, %.6f MHz", x->freq_hz[i] * 1e-6);
        }
        if (gap < 0) {
            i++;
        } else {
            j++;
        }
    }
    return CI_OK;
}

static ci_status sub_bands_take(const placed *list, size_t n, ci_vis_meta *meta)
{
    CI_TRY(ci_mem_alloc(&meta->sub_band, n, sizeof *meta->sub_band, "sub-bands"));
    meta->n_sub_band = n;
    for (size_t i = 0; i < n; i++) {
        const ci_vis_sub_band *from = list[i].sub_band;
        ci_vis_sub_band *to = &meta->sub_band[i];
        CI_TRY(ci_mem_alloc(&to->freq_hz, from->n_chan, sizeof(double), "channels"));
        CI_TRY(ci_mem_alloc(&to->width_hz, from->n_chan, sizeof(double), "channels"));
        to->n_chan = from->n_chan;
        memcpy(to->freq_hz, from->freq_hz, from->n_chan * sizeof(double));
        memcpy(to->width_hz, from->width_hz, from->n_chan * sizeof(double));
    }
    return CI_OK;
}

static void sub_bands_drop(ci_vis_meta *meta)
{
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        ci_mem_free(meta->sub_band[i].freq_hz);
        ci_mem_free(meta->sub_band[i].width_hz);
    }
    ci_mem_free(meta->sub_band);
    meta->sub_band = NULL;
    meta->n_sub_band = 0;
}

static ci_status sub_bands_merge(ci_uvh5_file *const *file, size_t n, ci_vis_meta *meta,
                                 uvh5_window **window)
{
    placed *list = NULL;
    size_t n_all = 0;
    for (size_t i = 0; i < n; i++)
        n_all += file[i]->meta->n_sub_band;
    CI_TRY(ci_mem_alloc(&list, n_all, sizeof *list, "sub-bands"));
    n_all = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < file[i]->meta->n_sub_band; k++) {
            list[n_all++] = (placed){&file[i]->meta->sub_band[k], {(int32_t)i, (int32_t)k}};
        }
    }
    qsort(list, n_all, sizeof *list, compare_placed);
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < n_all; i++) {
        double top =
            list[i].sub_band->freq_hz[list[i].sub_band->n_chan - 1] + list[i].sub_band->width_hz[0];
        for (size_t k = i + 1; status == CI_OK && k < n_all; k++) {
            if (list[k].sub_band->freq_hz[0] > top) break;
            status = twice_check(file, &list[i], &list[k]);
        }
    }
    if (status == CI_OK) status = ci_mem_alloc(window, n_all, sizeof **window, "sub-bands");
    if (status == CI_OK) {
        for (size_t i = 0; i < n_all; i++)
            (*window)[i] = list[i].window;
        sub_bands_drop(meta);
        status = sub_bands_take(list, n_all, meta);
    }
    ci_mem_free(list);
    return status;
}

/* One clock has one UT1 - UTC; it counts where the table of earth orientation does not reach. */
static void dut1_compare(const ci_uvh5_file *first, const ci_uvh5_file *other)
{
    const double unseen_s = 5e-3;
    double a = first->meta->dut1_s, b = other->meta->dut1_s;
    if (fabs(a - b) <= unseen_s) return;
    ci_log_warning("%s: Header/dut1: %g s, but %g s in %s, which is used where the table of earth "
                   "orientation ends",
                   other->path, b, a, first->path);
}

ci_status ci_uvh5_merge(ci_uvh5_file *const *file, size_t n, ci_vis_meta **out,
                        uvh5_window **window)
{
    ci_vis_meta *meta = NULL;
    *out = NULL;
    *window = NULL;
    for (size_t i = 1; i < n; i++) {
        CI_TRY(ci_uvh5_arrays_compare(file[0], file[i]));
        CI_TRY(conventions_compare(file[0], file[i]));
        CI_TRY(times_compare(file[0], file[i]));
        CI_TRY(phases_compare(file[0], file[i]));
        dut1_compare(file[0], file[i]);
    }
    CI_TRY(ci_vis_meta_copy(&meta, file[0]->meta));
    for (size_t i = 1; i < n; i++) {
        meta->has_valid_nsamples = meta->has_valid_nsamples && file[i]->meta->has_valid_nsamples;
    }
    ci_status status = times_merge(file, n, meta);
    if (status == CI_OK) status = baselines_merge(file, n, meta);
    if (status == CI_OK) status = sub_bands_merge(file, n, meta, window);
    if (status != CI_OK) {
        ci_vis_meta_free(meta);
        ci_mem_free(*window);
        *window = NULL;
        return status;
    }
    *out = meta;
    return CI_OK;
}
