/* Channels: spectral windows become sub-bands, ascending in frequency. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct channel
{
    double freq_hz, width_hz;
    int64_t window;   /* its label */
    double window_hz; /* lowest frequency of its window: sorts the windows */
    int32_t index;    /* in the file */
} channel;

static int compare_window(const void *a, const void *b)
{
    const channel *x = a, *y = b;
    if (x->window != y->window) return x->window < y->window ? -1 : 1;
    if (x->freq_hz != y->freq_hz) return x->freq_hz < y->freq_hz ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_sub_band(const void *a, const void *b)
{
    const channel *x = a, *y = b;
    if (x->window_hz != y->window_hz) return x->window_hz < y->window_hz ? -1 : 1;
    return compare_window(a, b);
}

/* freq_array is (Nfreqs) or (Nspws, Nfreqs per window); channel_width the same, or one
 * value for all. */
static ci_status numbers_read(ci_uvh5_file *file, channel *channels, double *buffer)
{
    const double least_hz = 1e6, most_hz = 1e13; /* catches MHz or GHz given as Hz */
    size_t n = file->n_chan;
    CI_TRY(ci_h5_read_double(file->h5, "Header/freq_array", buffer, n));
    for (size_t i = 0; i < n; i++) {
        if (!(buffer[i] >= least_hz && buffer[i] <= most_hz)) {
            return ci_uvh5_refuse(file, "Header/freq_array",
                                  "channel %zu: %g Hz: not within %g to %g Hz: correct it (in Hz)",
                                  i, buffer[i], least_hz, most_hz);
        }
        channels[i].freq_hz = buffer[i];
        channels[i].index = (int32_t)i;
    }
    CI_TRY(ci_uvh5_header_doubles(file, "Header/channel_width", buffer, n));
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(buffer[i]) || buffer[i] <= 0) {
            return ci_uvh5_refuse(file, "Header/channel_width",
                                  "channel %zu: %g Hz: not positive: correct it", i, buffer[i]);
        }
        if (buffer[i] > 2 * channels[i].freq_hz) {
            return ci_uvh5_refuse(
                file, "Header/channel_width",
                "channel %zu: %g Hz: reaches below 0 Hz from its %g Hz: correct it (in Hz)", i,
                buffer[i], channels[i].freq_hz);
        }
        channels[i].width_hz = buffer[i];
    }
    return CI_OK;
}

static bool is_listed(const int64_t *labels, size_t n, int64_t label)
{
    for (size_t i = 0; i < n; i++) {
        if (labels[i] == label) return true;
    }
    return false;
}

/* Labels by flex_spw_id_array. */
static ci_status flex_read(ci_uvh5_file *file, channel *channels, const int64_t *labels,
                           int64_t *id)
{
    const char *name = "Header/flex_spw_id_array";
    if (!ci_h5_has(file->h5, name)) {
        if (file->n_spw == 1) return CI_OK;
        return ci_uvh5_refuse(file, name, "dataset is missing, but Nspws is %zu: add it",
                              file->n_spw);
    }
    CI_TRY(ci_h5_read_int(file->h5, name, id, file->n_chan));
    for (size_t i = 0; i < file->n_chan; i++) {
        channels[i].window = id[i];
        if (!is_listed(labels, file->n_spw, id[i])) {
            return ci_uvh5_refuse(
                file, name, "channel %zu: window %lld is not in spw_array: correct one of the two",
                i, (long long)id[i]);
        }
    }
    return CI_OK;
}

/* Labels of a (Nspws, Nfreqs) layout, or of flex_spw_id_array, or one for all. */
static ci_status windows_read(ci_uvh5_file *file, channel *channels, int64_t *id)
{
    int64_t *labels = NULL;
    ci_h5_info info;
    CI_TRY(ci_uvh5_header_info(file, "Header/freq_array", &info));
    CI_TRY(ci_mem_alloc(&labels, file->n_spw, sizeof *labels, "spectral windows"));
    ci_status status = ci_h5_read_int(file->h5, "Header/spw_array", labels, file->n_spw);
    if (status == CI_OK && file->n_spw > 1 && info.rank == 2 && info.dim[0] == file->n_spw) {
        size_t n_per_window = file->n_chan / file->n_spw;
        for (size_t i = 0; i < file->n_chan; i++)
            channels[i].window = labels[i / n_per_window];
    } else if (status == CI_OK) {
        status = flex_read(file, channels, labels, id);
    }
    ci_mem_free(labels);
    return status;
}

static ci_status sub_band_fill(ci_uvh5_file *file, const channel *channels, size_t first, size_t n,
                               size_t i_sub_band)
{
    ci_vis_sub_band *sub_band = &file->meta->sub_band[i_sub_band];
    CI_TRY(ci_mem_alloc(&sub_band->freq_hz, n, sizeof(double), "channels"));
    CI_TRY(ci_mem_alloc(&sub_band->width_hz, n, sizeof(double), "channels"));
    sub_band->n_chan = n;
    file->chan_first[i_sub_band] = first;
    for (size_t i = 0; i < n; i++) {
        const channel *c = &channels[first + i];
        sub_band->freq_hz[i] = c->freq_hz;
        sub_band->width_hz[i] = c->width_hz;
        file->chan_index[first + i] = c->index;
        if (i > 0 && c->freq_hz == c[-1].freq_hz) {
            return ci_uvh5_refuse(file, "Header/freq_array",
                                  "%.6f MHz appears twice (channels %d and %d): remove one",
                                  c->freq_hz * 1e-6, (int)c[-1].index, (int)c->index);
        }
    }
    return CI_OK;
}

/* Channels narrower or wider than their spacing are legal (channels left out), but worth
 * a word. */
static void spacing_check(ci_uvh5_file *file, const ci_vis_sub_band *sub_band)
{
    const double least = 0.02; /* of a step */
    double greatest = 0;
    size_t n_wide = 0;
    for (size_t i = 1; i < sub_band->n_chan; i++) {
        double step = sub_band->freq_hz[i] - sub_band->freq_hz[i - 1];
        double width = 0.5 * (sub_band->width_hz[i] + sub_band->width_hz[i - 1]);
        if (width > 1.01 * step) n_wide++;
        greatest = fmax(greatest, width / step);
    }
    if (sub_band->n_chan > 1 && greatest < least)
        ci_uvh5_warning_add(file,
                            "Header/channel_width: %g Hz at %.3f MHz, but channels are %.3g times "
                            "as far apart or more: most of the band is not in the file, or it is "
                            "not in Hz",
                            sub_band->width_hz[0], sub_band->freq_hz[0] * 1e-6, 1 / greatest);
    if (n_wide > 0) {
        ci_uvh5_warning_add(
            file, "Header/channel_width: %zu channels at %.3f MHz are wider than their spacing",
            n_wide, sub_band->freq_hz[0] * 1e-6);
    }
}

/* ---- a channel that strayed ------------------------------------------------------------- */

/* The step of a window's channels (ascending) where they say that they stand side by side: of
 * one width, and at least half of their steps as wide. 0 where they do not say so. */
static double grid_step(const channel *c, size_t n)
{
    double sum = 0, width = c[0].width_hz;
    size_t n_regular = 0;
    if (n < 5) return 0; /* too few to tell who strayed */
    for (size_t i = 1; i < n; i++) {
        double step = c[i].freq_hz - c[i - 1].freq_hz;
        if (fabs(c[i].width_hz - width) > 0.01 * width) return 0;
        if (fabs(step - width) > 0.01 * width) continue;
        sum += step;
        n_regular++;
    }
    return 2 * n_regular >= n - 1 ? sum / (double)n_regular : 0;
}

/* Whole steps apart; channels between them may have been left out. */
static bool is_on_grid(double distance_hz, double step_hz)
{
    double k = distance_hz / step_hz;
    return round(k) >= 1 && fabs(k - round(k)) < 0.1;
}

/* The one channel without which all others stand on one grid; n where there is none, as where
 * all do, or where several do not, which then is how the window is. */
static size_t stray_find(const channel *c, size_t n, double step_hz)
{
    size_t n_off = 0, first = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (is_on_grid(c[i + 1].freq_hz - c[i].freq_hz, step_hz)) continue;
        if (n_off++ == 0) first = i;
    }
    if (n_off == 1 && first == 0) return 0;
    if (n_off == 1 && first == n - 2) return n - 1;
    bool is_between =
        n_off == 2 && !is_on_grid(c[first + 2].freq_hz - c[first + 1].freq_hz, step_hz);
    if (is_between && is_on_grid(c[first + 2].freq_hz - c[first].freq_hz, step_hz))
        return first + 1;
    return n;
}

/* A single channel off the others' grid is odd: a window's end may have been averaged apart.
 * It cannot be where it lies half over another, or farther away than the others reach. */
static ci_status stray_check(ci_uvh5_file *file, const channel *c, size_t n)
{
    double step = grid_step(c, n);
    size_t i = step > 0 ? stray_find(c, n, step) : n;
    if (i == n) return CI_OK;
    size_t low = i == 0 ? 1 : 0, high = i == n - 1 ? n - 2 : n - 1;
    double near = INFINITY;
    if (i > 0) near = c[i].freq_hz - c[i - 1].freq_hz;
    if (i < n - 1) near = fmin(near, c[i + 1].freq_hz - c[i].freq_hz);
    char text[256];
    snprintf(text, sizeof text,
             "channel %d: %.6f MHz is off the grid of its window's others, %.6f to %.6f MHz in "
             "steps of %.6g kHz",
             (int)c[i].index, c[i].freq_hz * 1e-6, c[low].freq_hz * 1e-6, c[high].freq_hz * 1e-6,
             step * 1e-3);
    if (near <= 0.5 * step || near > c[high].freq_hz - c[low].freq_hz)
        return ci_uvh5_refuse(file, "Header/freq_array", "%s: correct it", text);
    ci_uvh5_warning_add(file, "Header/freq_array: %s", text);
    return CI_OK;
}

/* ---- sub-bands -------------------------------------------------------------------------- */

static ci_status sub_bands_make(ci_uvh5_file *file, channel *channels)
{
    size_t n = file->n_chan, n_sub_band = 0;
    qsort(channels, n, sizeof *channels, compare_window);
    for (size_t i = 0; i < n; i++) {
        bool is_first = i == 0 || channels[i].window != channels[i - 1].window;
        if (is_first) n_sub_band++;
        channels[i].window_hz = is_first ? channels[i].freq_hz : channels[i - 1].window_hz;
    }
    qsort(channels, n, sizeof *channels, compare_sub_band);
    ci_vis_meta *meta = file->meta;
    CI_TRY(ci_mem_alloc(&meta->sub_band, n_sub_band, sizeof *meta->sub_band, "sub-bands"));
    CI_TRY(ci_mem_alloc(&file->chan_first, n_sub_band, sizeof(size_t), "sub-bands"));
    CI_TRY(ci_mem_alloc(&file->chan_index, n, sizeof(int32_t), "channels"));
    meta->n_sub_band = n_sub_band;
    for (size_t i = 0, first = 0; i < n_sub_band; i++) {
        size_t end = first + 1;
        while (end < n && channels[end].window == channels[first].window)
            end++;
        CI_TRY(sub_band_fill(file, channels, first, end - first, i));
        CI_TRY(stray_check(file, channels + first, end - first));
        first = end;
        spacing_check(file, &meta->sub_band[i]);
        if (i == 0) continue;
        const ci_vis_sub_band *before = &meta->sub_band[i - 1];
        if (before->freq_hz[before->n_chan - 1] >= meta->sub_band[i].freq_hz[0]) {
            ci_uvh5_warning_add(file,
                                "spectral windows %zu and %zu overlap in frequency at %.3f MHz",
                                i - 1, i, meta->sub_band[i].freq_hz[0] * 1e-6);
        }
    }
    return CI_OK;
}

ci_status ci_uvh5_freq_read(ci_uvh5_file *file)
{
    channel *channels = NULL;
    double *buffer = NULL;
    CI_TRY(ci_mem_alloc(&channels, file->n_chan, sizeof *channels, "channels"));
    ci_status status = ci_mem_alloc(&buffer, file->n_chan, sizeof *buffer, "channels");
    if (status == CI_OK) status = numbers_read(file, channels, buffer);
    if (status == CI_OK) status = windows_read(file, channels, (int64_t *)(void *)buffer);
    if (status == CI_OK) status = sub_bands_make(file, channels);
    ci_mem_free(buffer);
    ci_mem_free(channels);
    return status;
}
