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
    size_t n = file->n_chan;
    bool is_scalar = false;
    CI_TRY(ci_h5_read_double(file->h5, "Header/freq_array", buffer, n));
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(buffer[i]) || buffer[i] <= 0) {
            return uvh5_refuse(file, "Header/freq_array", "channel %zu: %g Hz", i, buffer[i]);
        }
        channels[i].freq_hz = buffer[i];
        channels[i].index = (int32_t)i;
    }
    CI_TRY(uvh5_header_doubles(file, "Header/channel_width", buffer, n, &is_scalar));
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(buffer[i]) || buffer[i] <= 0) {
            return uvh5_refuse(file, "Header/channel_width", "channel %zu: %g Hz: not positive", i,
                               buffer[i]);
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
        return uvh5_refuse(file, name, "dataset is missing, but Nspws is %zu", file->n_spw);
    }
    CI_TRY(ci_h5_read_int(file->h5, name, id, file->n_chan));
    for (size_t i = 0; i < file->n_chan; i++) {
        channels[i].window = id[i];
        if (!is_listed(labels, file->n_spw, id[i])) {
            return uvh5_refuse(file, name, "channel %zu: window %lld is not in spw_array", i,
                               (long long)id[i]);
        }
    }
    return CI_OK;
}

/* Labels of a (Nspws, Nfreqs) layout, or of flex_spw_id_array, or one for all. */
static ci_status windows_read(ci_uvh5_file *file, channel *channels, int64_t *id)
{
    int64_t *labels = NULL;
    ci_h5_info info;
    CI_TRY(uvh5_header_info(file, "Header/freq_array", &info));
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
            return uvh5_refuse(file, "Header/freq_array",
                               "%.6f MHz appears twice (channels %d and %d)", c->freq_hz * 1e-6,
                               (int)c[-1].index, (int)c->index);
        }
    }
    return CI_OK;
}

/* Channels narrower or wider than their spacing are legal (channels left out), but worth
 * a word. */
static void spacing_check(ci_uvh5_file *file, const ci_vis_sub_band *sub_band)
{
    size_t n_wide = 0;
    for (size_t i = 1; i < sub_band->n_chan; i++) {
        double step = sub_band->freq_hz[i] - sub_band->freq_hz[i - 1];
        double width = 0.5 * (sub_band->width_hz[i] + sub_band->width_hz[i - 1]);
        if (width > 1.01 * step) n_wide++;
    }
    if (n_wide > 0) {
        uvh5_odd(file,
                 "Header/channel_width: %zu channels at %.3f MHz are wider than their spacing",
                 n_wide, sub_band->freq_hz[0] * 1e-6);
    }
}

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
        first = end;
        spacing_check(file, &meta->sub_band[i]);
        if (i == 0) continue;
        const ci_vis_sub_band *before = &meta->sub_band[i - 1];
        if (before->freq_hz[before->n_chan - 1] >= meta->sub_band[i].freq_hz[0]) {
            uvh5_odd(file, "spectral windows %zu and %zu overlap in frequency at %.3f MHz", i - 1,
                     i, meta->sub_band[i].freq_hz[0] * 1e-6);
        }
    }
    return CI_OK;
}

ci_status uvh5_freq_read(ci_uvh5_file *file)
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
