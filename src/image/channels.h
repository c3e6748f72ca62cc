/* Output channels: which part of the band each is, which samples are of it and what they weigh. */
#ifndef IMAGE_CHANNELS_H
#define IMAGE_CHANNELS_H

#include "contimg/clean_spectra.h"
#include "contimg/vis.h"

/* One output channel. */
typedef struct ci_image_band
{
    double from_hz, to_hz;       /* samples with from_hz <= frequency < to_hz are of it */
    double freq_hz, width_hz;    /* middle and width of its channels together */
    size_t i_channel, n_channel; /* of all channels of the data, in ascending frequency */
} ci_image_band;
/* The band of the data in n output channels: of whole sub-bands, where there are n, else of equal
 * numbers of channels. *out [n] by ci_mem_free. CI_ERR_USAGE where there are fewer channels. Local.
 */
CI_MUST_CHECK ci_status ci_image_bands_new(const ci_vis_meta *meta, size_t n, ci_image_band **out);
/* Index of the output channel of a frequency. Local. */
size_t ci_image_band_find(const ci_image_band *band, size_t n, double freq_hz);

/* What the samples of an output channel are. */
typedef struct ci_image_channel
{
    double weight;                      /* sum of imaging weights; 0: no data */
    double freq_hz;                     /* weight-mean */
    double thermal_jy;                  /* valid for weights of 1/sigma^2 */
    double power[CI_CLEAN_SPECTRA_MAX]; /* means of ln(nu / reference)^k */
    int64_t n_sample;                   /* gridded */
} ci_image_channel;
/* Of all ranks' samples, out [n], the same on each rank. Collective. */
CI_MUST_CHECK ci_status ci_image_channels_sum(ci_comm *comm, const ci_vis_samples *samples,
                                              const ci_image_band *band, size_t n, double ref_hz,
                                              ci_image_channel *out);
/* The values of output channel i, 0 in the others: vis [n_sample]; from NULL: 1. Local. */
void ci_image_channel_take(const ci_vis_samples *samples, const ci_image_band *band,
                           const ci_c32 *from, ci_c32 *vis);

#endif
