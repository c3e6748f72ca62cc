/* Output channels of an image: their spectra, their images and the map of spectral indices. */
#include "image/alpha.h"
#include "image/maker.h"
#include "image/pbeam.h"
#include "image/restore.h"
#include "image/write.h"

#include <math.h>
#include <stdio.h>

static const double alpha_snr = 10; /* least |flux| / rms of a pixel with a spectral index */

static size_t n_channel_of(const ci_image_maker *m)
{
    return m->band ? (size_t)m->setup.options->n_channel : 0;
}

double ci_image_channel_bytes(const ci_image_options *o)
{
    if (o->n_channel <= 1) return 0;
    double one = sizeof(double),
           terms = o->clean.max_iteration > 0 && o->n_term > 1 ? o->n_term : 0;
    return one + sizeof(float) + (o->clean.max_iteration > 0 ? one : 0) + one * terms;
}

/* ---- spectra --------------------------------------------------------------------------------- */

ci_status ci_image_spectra_fit(ci_comm *comm, ci_image_maker *m, bool *changed)
{
    *changed = false;
    if (n_channel_of(m) == 0 || !m->clean) return CI_OK;
    if (!m->spectra)
        CI_TRY(ci_clean_spectra_new(comm, &m->spectra, m->clean, m->setup.options->n_term));
    return ci_clean_spectra_fit(comm, m->spectra, changed);
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Of the channels' files. */
typedef struct work
{
    ci_image_maker *m;
    const char *prefix;
    size_t n;
    ci_image_channel *channel; /* [n] */
    ci_c32 *vis;               /* [n_sample] */
    double *residual, *model;  /* slabs */
    double *restored;          /* slab: the maker's PSF */
    float *pb;                 /* slab */
    ci_clean_point *points;    /* [n][n_point] of the model beside its pixels */
    size_t n_point;
    bool has_alpha;
    ci_image_alpha alpha;
    ci_fits_header header; /* of the channel */
    double rms_jy;
    double *sidelobe;   /* [n] of its PSF */
    ci_num_beam *beam;  /* [n] pixels; major 0: no data */
    ci_num_beam common; /* that all convolve to: of spectral indices */
} work;

static void work_clear(work *w)
{
    ci_mem_free(w->channel);
    ci_mem_free(w->vis);
    ci_mem_free(w->residual);
    ci_mem_free(w->model);
    ci_mem_free(w->pb);
    ci_mem_free(w->points);
    ci_mem_free(w->beam);
    ci_mem_free(w->sidelobe);
    ci_image_alpha_clear(&w->alpha);
    ci_fits_header_clear(&w->header);
}

static ci_status work_new(work *w)
{
    size_t slab = ci_image_maker_slab(w->m);
    CI_TRY(ci_mem_alloc(&w->channel, w->n, sizeof *w->channel, "output channels"));
    CI_TRY(ci_mem_alloc(&w->beam, w->n, sizeof *w->beam, "output channels"));
    CI_TRY(ci_mem_alloc(&w->sidelobe, w->n, sizeof *w->sidelobe, "output channels"));
    CI_TRY(ci_mem_alloc(&w->vis, w->m->samples->n_sample, sizeof *w->vis, "output channels"));
    CI_TRY(ci_mem_alloc(&w->residual, slab, sizeof *w->residual, "output channels"));
    if (w->m->model) CI_TRY(ci_mem_alloc(&w->model, slab, sizeof *w->model, "output channels"));
    return ci_mem_alloc(&w->pb, slab, sizeof *w->pb, "output channels");
}

/* The model's points in every channel. */
static ci_status points_find(ci_comm *comm, work *w)
{
    double *edge = NULL;
    if (!w->m->model) return CI_OK;
    CI_TRY(ci_par_alloc(comm, &edge, w->n + 1, sizeof *edge, "output channels"));
    for (size_t i = 0; i < w->n; i++)
        edge[i] = w->m->band[i].from_hz;
    edge[w->n] = w->m->band[w->n - 1].to_hz;
    ci_status status = ci_clean_band_points(comm, w->m->clean, &(ci_clean_bands){w->n, edge},
                                            &w->points, &w->n_point);
    ci_mem_free(edge);
    return status;
}

static ci_num_beam joint_beam(const ci_image_maker *m)
{
    double cell = m->geometry.cell_rad;
    return (ci_num_beam){m->stats.beam_major_rad / cell, m->stats.beam_minor_rad / cell,
                         m->stats.beam_pa_rad};
}

/* Which pixels of the joint image get a spectral index. */
static ci_status alpha_begin(ci_comm *comm, work *w)
{
    ci_image_maker *m = w->m;
    ci_clean_point *points = NULL;
    size_t n = 0;
    w->has_alpha = m->model && m->setup.options->n_term > 1;
    if (!w->has_alpha) return CI_OK;
    CI_TRY(ci_grid_slab_rms(comm, m->layout, m->residual, &m->stats.rms_jy));
    ci_status status = ci_par_agree(comm, ci_clean_model_points(m->model, &points, &n));
    if (status == CI_OK)
        status = ci_image_restore(comm, m->layout,
                                  (ci_image_sky){ci_clean_model_pixels(m->model), points, n,
                                                 ci_clean_model_extended(m->model)},
                                  m->residual, joint_beam(m), w->restored);
    ci_mem_free(points);
    CI_TRY(status);
    const ci_image_alpha_choice choice = {.image = w->restored,
                                          .least = alpha_snr * m->stats.rms_jy,
                                          .pb = m->pb,
                                          .pb_cut = m->setup.options->pb_cut,
                                          .margin = 2 * joint_beam(m).major};
    return ci_par_agree(comm, ci_image_alpha_new(&w->alpha, w->n, m->layout, &choice));
}

/* ---- files of one channel -------------------------------------------------------------------- */

static ci_status slab_write(ci_comm *comm, work *w, size_t i, const char *name, const char *per)
{
    char whole[32];
    snprintf(whole, sizeof whole, "ch%04zu.%s", i, name);
    snprintf(w->header.bunit, sizeof w->header.bunit, "%s%s", *per ? w->m->unit : "", per);
    return ci_image_slab_write(comm, w->m->layout, w->m->out, &w->header, w->prefix, whole);
}

static ci_status image_write(ci_comm *comm, work *w, size_t i, const double *slab, const char *name,
                             const char *per)
{
    for (size_t k = 0; k < ci_image_maker_slab(w->m); k++)
        w->m->out[k] = (float)slab[k];
    return slab_write(comm, w, i, name, per);
}

/* image, pb, pbcor. */
static ci_status corrected_write(ci_comm *comm, work *w, size_t i, const double *image)
{
    size_t n = ci_image_maker_slab(w->m);
    CI_TRY(image_write(comm, w, i, image, "image", "/beam"));
    for (size_t k = 0; k < n; k++)
        w->m->out[k] = w->pb[k] != 0 ? w->pb[k] : NAN;
    CI_TRY(slab_write(comm, w, i, "pb", ""));
    for (size_t k = 0; k < n; k++)
        w->m->out[k] = w->pb[k] >= w->m->setup.options->pb_cut ? (float)(image[k] / w->pb[k]) : NAN;
    return slab_write(comm, w, i, "pbcor", "/beam");
}

/* The channel's header: what is its own in place of what is the joint image's. */
static ci_status header_make(work *w, size_t i)
{
    const ci_image_channel *channel = &w->channel[i];
    ci_fits_header *h = &w->header;
    ci_fits_header_clear(h);
    CI_TRY(ci_fits_header_copy(h, &w->m->header));
    h->freq_hz = channel->freq_hz;
    h->bandwidth_hz = w->m->band[i].width_hz;
    ci_fits_card_remove(h, "NSAMPLE");
    ci_fits_card_remove(h, "RMS");
    CI_TRY(ci_fits_card_set_int(h, "NCHANOUT", (int64_t)w->n, "output channels"));
    CI_TRY(ci_fits_card_set_int(h, "CHANOUT", (int64_t)i, "this output channel, from 0"));
    CI_TRY(ci_fits_card_set_int(h, "CHANFRST", (int64_t)w->m->band[i].i_channel,
                                "first channel of the data in it, from 0"));
    CI_TRY(ci_fits_card_set_int(h, "CHANNUM", (int64_t)w->m->band[i].n_channel,
                                "channels of the data in it"));
    CI_TRY(ci_fits_card_set_int(h, "NGRIDDED", channel->n_sample, "samples of it that are imaged"));
    CI_TRY(ci_fits_card_set_number(h, "SUMWT", channel->weight, "sum of imaging weights"));
    if (w->m->setup.weights_known)
        CI_TRY(
            ci_fits_card_set_number(h, "THERMAL", channel->thermal_jy, "[Jy/beam] expected noise"));
    double cell = w->m->geometry.cell_rad;
    h->beam_major_rad = w->beam[i].major * cell;
    h->beam_minor_rad = w->beam[i].minor * cell;
    h->beam_pa_rad = w->beam[i].pa_rad;
    return ci_fits_card_set_number(h, "SIDELOBE", w->sidelobe[i], "greatest sidelobe of the PSF");
}

/* A channel's samples alone, of `from` or 1, as an image. */
static ci_status channel_grid(ci_comm *comm, work *w, size_t i, const ci_c32 *from, double *slab)
{
    ci_image_channel_take(w->m->samples, &w->m->band[i], from, w->vis);
    CI_TRY(ci_grid_image(comm, w->m->gridder, w->vis, slab));
    for (size_t k = 0; k < ci_image_maker_slab(w->m); k++)
        slab[k] /= w->channel[i].weight;
    return CI_OK;
}

/* The channel's PSF and beam. */
static ci_status psf_write(ci_comm *comm, work *w, size_t i)
{
    ci_image_beam_fit fit;
    if (!(w->channel[i].weight > 0)) {
        if (ci_comm_rank(comm) == 0)
            ci_log_warning("output channel %zu, %.6g MHz: no data are left, so it has no image", i,
                           w->m->band[i].freq_hz * 1e-6);
        return CI_OK;
    }
    ci_log_progress("image: PSF of output channel %zu of %zu", i + 1, w->n);
    CI_TRY(channel_grid(comm, w, i, NULL, w->restored));
    CI_TRY(ci_image_sidelobe(comm, w->m->layout, w->restored, &w->sidelobe[i]));
    CI_TRY(ci_image_beam_of(comm, w->m, w->restored, &fit));
    w->beam[i] = (ci_num_beam){fit.major, fit.minor, fit.pa_rad};
    CI_AGREE(comm, header_make(w, i));
    return image_write(comm, w, i, w->restored, "psf", "");
}

/* The smallest beam that the channels' can be convolved to. */
static ci_status common_find(ci_comm *comm, work *w)
{
    ci_num_beam *list = NULL;
    size_t n = 0;
    CI_TRY(ci_par_alloc(comm, &list, w->n, sizeof *list, "output channels"));
    for (size_t i = 0; i < w->n; i++)
        if (w->beam[i].major > 0) list[n++] = w->beam[i];
    w->common = ci_num_beam_common(list, n);
    ci_mem_free(list);
    return CI_OK;
}

/* The model in the channel: pixels into the slab, points as they are. */
static ci_image_sky sky_of(work *w, size_t i)
{
    const double *pixels = ci_clean_model_pixels(w->m->model);
    for (size_t k = 0; k < ci_image_maker_slab(w->m); k++)
        w->model[k] = pixels[k];
    if (w->m->spectra) ci_clean_spectra_add(w->m->spectra, w->channel[i].power, w->model);
    return (ci_image_sky){w->model, w->points + i * w->n_point, w->n_point,
                          ci_clean_model_extended(w->m->model)};
}

/* The channel at the beam that all channels have in common, for spectral indices: where components
 * of one source lie on some pixels, images with beams of their own are as wide as their PSFs, with
 * another beam they are not. */
static ci_status alpha_take(ci_comm *comm, work *w, size_t i, ci_image_sky sky)
{
    double *smooth = w->restored;
    CI_TRY(ci_image_smooth(comm, w->m->layout, w->residual, w->beam[i], w->common, w->m->out));
    for (size_t k = 0; k < ci_image_maker_slab(w->m); k++)
        smooth[k] = w->m->out[k];
    double rms;
    CI_TRY(ci_grid_slab_rms(comm, w->m->layout, smooth, &rms));
    CI_TRY(ci_image_restore(comm, w->m->layout, sky, smooth, w->common, smooth));
    ci_image_alpha_set(&w->alpha, i, w->channel[i].power[1], rms, smooth, w->pb);
    return CI_OK;
}

static ci_status modelled_write(ci_comm *comm, work *w, size_t i)
{
    const ci_grid_layout *l = w->m->layout;
    ci_image_sky sky = sky_of(w, i);
    if (w->has_alpha) CI_TRY(alpha_take(comm, w, i, sky));
    CI_TRY(ci_image_restore(comm, l, sky, w->residual, w->beam[i], w->restored));
    CI_TRY(image_write(comm, w, i, w->residual, "residual", "/beam"));
    ci_clean_points_pixelise(l, sky.points, sky.n_point, w->model);
    for (size_t k = 0; sky.extended && k < ci_image_maker_slab(w->m); k++)
        w->model[k] += sky.extended[k];
    CI_TRY(image_write(comm, w, i, w->model, "model", "/pixel"));
    return corrected_write(comm, w, i, w->restored);
}

static void channel_log(const work *w, size_t i)
{
    double pixel = w->m->geometry.cell_rad * CI_RAD_TO_ARCSEC;
    ci_log_info("output channel %zu: %.6g MHz, beam %.4g x %.4g arcsec, rms %.4g Jy/beam", i,
                w->channel[i].freq_hz * 1e-6, w->beam[i].major * pixel, w->beam[i].minor * pixel,
                w->rms_jy);
}

static ci_status channel_write(ci_comm *comm, work *w, size_t i)
{
    ci_image_maker *m = w->m;
    if (!(w->channel[i].weight > 0)) return CI_OK;
    ci_log_progress("image: output channel %zu of %zu", i + 1, w->n);
    CI_TRY(ci_image_pb(comm, m->samples, m->setup.field, m->layout, m->geometry.cell_rad,
                       &m->band[i], w->pb));
    CI_TRY(
        channel_grid(comm, w, i, m->model ? m->samples->computed : m->samples->data, w->residual));
    CI_TRY(ci_grid_slab_rms(comm, m->layout, w->residual, &w->rms_jy));
    CI_AGREE(comm, header_make(w, i));
    CI_AGREE(comm, ci_fits_card_set_number(&w->header, "RMS", w->rms_jy,
                                           "[Jy/beam] 1.4826 MAD of the residual"));
    channel_log(w, i);
    return m->model ? modelled_write(comm, w, i) : corrected_write(comm, w, i, w->residual);
}

/* ---- spectral indices ------------------------------------------------------------------------ */

static ci_status alpha_file(ci_comm *comm, work *w, bool is_error)
{
    ci_image_maker *m = w->m;
    for (size_t k = 0; k < ci_image_maker_slab(m); k++)
        m->out[k] = NAN;
    for (size_t k = 0; k < w->alpha.n_pixel; k++) {
        double value, error;
        ci_image_alpha_fit(&w->alpha, k, &value, &error);
        m->out[w->alpha.index[k]] = (float)(is_error ? error : value);
    }
    return ci_image_slab_write(comm, m->layout, m->out, &w->header, w->prefix,
                               is_error ? "alpha.error" : "alpha");
}

static ci_status alpha_header(work *w)
{
    ci_fits_header *h = &w->header;
    ci_fits_header_clear(h);
    CI_TRY(ci_fits_header_copy(h, &w->m->header));
    h->bunit[0] = '\0';
    h->beam_major_rad = w->common.major * w->m->geometry.cell_rad;
    h->beam_minor_rad = w->common.minor * w->m->geometry.cell_rad;
    h->beam_pa_rad = w->common.pa_rad;
    CI_TRY(ci_fits_card_set_int(h, "NCHANOUT", (int64_t)w->n, "output channels"));
    CI_TRY(ci_fits_card_set_int(h, "NTERM", w->m->setup.options->n_term,
                                "terms of components' spectra"));
    CI_TRY(ci_fits_card_set_number(h, "RMS", w->m->stats.rms_jy, "[Jy/beam] of the joint image"));
    return ci_fits_card_set_number(h, "ALPHASNR", alpha_snr, "NaN where flux/RMS is less");
}

static ci_status alpha_write(ci_comm *comm, work *w)
{
    if (!w->has_alpha) return CI_OK;
    CI_AGREE(comm, alpha_header(w));
    CI_TRY(alpha_file(comm, w, true));
    return alpha_file(comm, w, false);
}

static ci_status files_make(ci_comm *comm, work *w)
{
    CI_TRY(ci_image_channels_sum(comm, w->m->samples, w->m->band, w->n, w->m->stats.freq_hz,
                                 w->channel));
    CI_TRY(points_find(comm, w));
    CI_TRY(alpha_begin(comm, w));
    for (size_t i = 0; i < w->n; i++)
        CI_TRY(psf_write(comm, w, i));
    CI_TRY(common_find(comm, w));
    for (size_t i = 0; i < w->n; i++)
        CI_TRY(channel_write(comm, w, i));
    return alpha_write(comm, w);
}

ci_status ci_image_channels_write(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    work w = {.m = m, .prefix = prefix, .n = n_channel_of(m), .restored = m->psf};
    if (w.n == 0) return CI_OK;
    ci_status status = ci_par_agree(comm, work_new(&w));
    if (status == CI_OK) status = files_make(comm, &w);
    work_clear(&w);
    return status;
}
