/* The band in output channels, and sums over the samples of each. */
#include "image/channels.h"

#include <math.h>

/* ---- bands ----------------------------------------------------------------------------------- */

/* A channel of the data by its index in ascending frequency. */
typedef struct place
{
    const ci_vis_sub_band *sub_band;
    size_t i;
} place;

static place place_of(const ci_vis_meta *meta, size_t i)
{
    size_t b = 0;
    for (; i >= meta->sub_band[b].n_chan; b++)
        i -= meta->sub_band[b].n_chan;
    return (place){&meta->sub_band[b], i};
}

/* First channel of output channel k of n: n_all for k = n. */
static size_t first_of(const ci_vis_meta *meta, size_t n_all, size_t k, size_t n)
{
    size_t first = 0;
    if (n > meta->n_sub_band) return k * n_all / n;
    for (size_t b = 0; b < k * meta->n_sub_band / n; b++)
        first += meta->sub_band[b].n_chan;
    return first;
}

static double centre_hz(place p)
{
    return p.sub_band->freq_hz[p.i];
}

static void band_set(const ci_vis_meta *meta, size_t n_all, size_t k, size_t n, ci_image_band *out)
{
    size_t first = first_of(meta, n_all, k, n), end = first_of(meta, n_all, k + 1, n);
    place low = place_of(meta, first), high = place_of(meta, end - 1);
    double low_hz = centre_hz(low) - low.sub_band->width_hz[low.i] / 2;
    double high_hz = centre_hz(high) + high.sub_band->width_hz[high.i] / 2;
    *out = (ci_image_band){.from_hz = -INFINITY,
                           .to_hz = INFINITY,
                           .freq_hz = (low_hz + high_hz) / 2,
                           .width_hz = high_hz - low_hz,
                           .i_channel = first,
                           .n_channel = end - first};
    if (first > 0) out->from_hz = (centre_hz(place_of(meta, first - 1)) + centre_hz(low)) / 2;
    if (end < n_all) out->to_hz = (centre_hz(high) + centre_hz(place_of(meta, end))) / 2;
}

ci_status ci_image_bands_new(const ci_vis_meta *meta, size_t n, ci_image_band **out)
{
    size_t n_all = 0;
    for (size_t b = 0; b < meta->n_sub_band; b++)
        n_all += meta->sub_band[b].n_chan;
    *out = NULL;
    if (n > n_all)
        return ci_error(CI_ERR_USAGE,
                        "--channels-out %zu: the data have %zu channel%s: give at most that many",
                        n, n_all, ci_plural((int64_t)n_all));
    CI_TRY(ci_mem_alloc(out, n, sizeof **out, "output channels"));
    for (size_t k = 0; k < n; k++)
        band_set(meta, n_all, k, n, &(*out)[k]);
    return CI_OK;
}

size_t ci_image_band_find(const ci_image_band *band, size_t n, double freq_hz)
{
    size_t k = 0;
    while (k + 1 < n && freq_hz >= band[k].to_hz)
        k++;
    return k;
}

/* ---- samples --------------------------------------------------------------------------------- */

enum
{
    SUM_WEIGHT,
    SUM_FREQ,
    SUM_NOISE,
    SUM_COUNT,
    SUM_POWER, /* [CI_CLEAN_SPECTRA_MAX] */
    N_SUM = SUM_POWER + CI_CLEAN_SPECTRA_MAX
};

static void sample_add(double weight, double natural, double freq_hz, double x, double *sum)
{
    sum[SUM_WEIGHT] += weight;
    sum[SUM_FREQ] += weight * freq_hz;
    sum[SUM_NOISE] += weight * weight / natural;
    sum[SUM_COUNT] += 1;
    for (int j = 0; j < CI_CLEAN_SPECTRA_MAX; j++, weight *= x)
        sum[SUM_POWER + j] += weight;
}

static void summands_fill(const ci_vis_samples *s, const ci_image_band *band, size_t n,
                          double ref_hz, ci_par_pairwise *sums)
{
    double *here = NULL;
    for (size_t r = 0; r < s->n_row; r++) {
        if (ci_vis_samples_summand_begins(s, r)) here = ci_par_pairwise_next(sums);
        const double *freq_hz = ci_vis_row_freq(s, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(s, r); c++) {
            size_t i = s->first[r] + c;
            if (!(s->weight[i] > 0)) continue;
            sample_add(s->weight[i], s->natural[i], freq_hz[c], log(freq_hz[c] / ref_hz),
                       here + N_SUM * ci_image_band_find(band, n, freq_hz[c]));
        }
    }
}

static ci_image_channel channel_of(const double *sum)
{
    ci_image_channel out = {.weight = sum[SUM_WEIGHT], .n_sample = (int64_t)sum[SUM_COUNT]};
    if (!(out.weight > 0)) return (ci_image_channel){0};
    out.freq_hz = sum[SUM_FREQ] / out.weight;
    out.thermal_jy = sqrt(sum[SUM_NOISE]) / out.weight;
    for (int j = 0; j < CI_CLEAN_SPECTRA_MAX; j++)
        out.power[j] = sum[SUM_POWER + j] / out.weight;
    return out;
}

ci_status ci_image_channels_sum(ci_comm *comm, const ci_vis_samples *s, const ci_image_band *band,
                                size_t n, double ref_hz, ci_image_channel *out)
{
    CI_PAR_EQUAL(comm, "output channels", (double)n, ref_hz);
    double *sum = NULL;
    ci_par_pairwise *sums = NULL;
    CI_TRY(ci_par_alloc(comm, &sum, n * N_SUM, sizeof *sum, "output channels"));
    ci_status status =
        ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(s), n * (size_t)N_SUM);
    if (status == CI_OK) {
        summands_fill(s, band, n, ref_hz, sums);
        status = ci_par_pairwise_finish(comm, sums, sum);
    }
    for (size_t k = 0; status == CI_OK && k < n; k++)
        out[k] = channel_of(sum + k * N_SUM);
    ci_par_pairwise_free(sums);
    ci_mem_free(sum);
    return status;
}

void ci_image_channel_take(const ci_vis_samples *s, const ci_image_band *band, const ci_c32 *from,
                           ci_c32 *vis)
{
    for (size_t r = 0; r < s->n_row; r++) {
        const double *freq_hz = ci_vis_row_freq(s, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(s, r); c++) {
            size_t i = s->first[r] + c;
            bool is_in = freq_hz[c] >= band->from_hz && freq_hz[c] < band->to_hz;
            vis[i] = !is_in ? 0 : from ? from[i] : 1;
        }
    }
}
