/* What the headers of a tile's images say. */
#include "image/maker.h"

/* Cards of the run itself, the same in every file of the tile from then on. */
static ci_status cards_set(ci_image_maker *m)
{
    static const char *const weightings[] = {"natural", "uniform", "briggs"};
    const ci_image_options *o = m->setup.options;
    const ci_image_stats *s = &m->stats;
    ci_fits_header *h = &m->header;
    const ci_sky_beam *beam = m->setup.field->beam;
    CI_TRY(ci_fits_card_set_text(h, "WEIGHT", weightings[o->weighting], "imaging weights"));
    if (o->weighting == CI_IMAGE_BRIGGS)
        CI_TRY(ci_fits_card_set_number(h, "ROBUST", o->robust, "Briggs robustness"));
    if (o->taper_rad > 0)
        CI_TRY(ci_fits_card_set_number(h, "TAPER", o->taper_rad * CI_RAD_TO_ARCSEC,
                                       "[arcsec] FWHM of the Gaussian taper of weights"));
    CI_TRY(ci_fits_card_set_int(h, "PSEUDOI", s->is_pseudo_i, "1: I from one polarisation only"));
    CI_TRY(
        ci_fits_card_set_text(h, "PBEAM", beam ? ci_sky_beam_text(beam) : "none", "primary beam"));
    CI_TRY(ci_fits_card_set_number(h, "PBCUT", o->pb_cut, "pbcor is NaN below this beam"));
    CI_TRY(ci_fits_card_set_number(h, "ACCURACY", o->accuracy, "of gridding, asked"));
    CI_TRY(ci_fits_card_set_int(h, "NSAMPLE", s->n_sample, "unflagged visibilities imaged"));
    if (s->compression > 0) {
        CI_TRY(ci_fits_card_set_int(h, "NGRIDDED", s->n_node, "samples they were compressed to"));
        CI_TRY(ci_fits_card_set_number(h, "COMPRESS", s->compression,
                                       "most flux lost to it within COMPHALF"));
        CI_TRY(ci_fits_card_set_number(h, "COMPHALF", s->compression_half_width * CI_RAD_TO_DEG,
                                       "[deg] of the centre, along l and m"));
    }
    CI_TRY(ci_fits_card_set_number(h, "SUMWT", s->sum_weight, "sum of imaging weights"));
    if (o->min_uv_lambda > 0)
        CI_TRY(ci_fits_card_set_number(h, "UVMIN", o->min_uv_lambda, "wavelengths"));
    if (o->max_uv_lambda > 0)
        CI_TRY(ci_fits_card_set_number(h, "UVMAX", o->max_uv_lambda, "wavelengths"));
    CI_TRY(ci_fits_card_set_int(h, "NITER", o->clean.max_iteration, "limit of clean components"));
    if (!m->setup.weights_known)
        return ci_fits_card_set_text(h, "THERMAL", "unknown", "weights are not 1/sigma^2");
    return ci_fits_card_set_number(h, "THERMAL", s->thermal_jy, "[Jy/beam] expected noise");
}

/* Cards that are known once the beam is fitted, and once cleaning is over. */
ci_status ci_image_cards_beam(ci_image_maker *m)
{
    m->header.beam_major_rad = m->stats.beam_major_rad;
    m->header.beam_minor_rad = m->stats.beam_minor_rad;
    m->header.beam_pa_rad = m->stats.beam_pa_rad;
    return ci_fits_card_set_number(&m->header, "SIDELOBE", m->stats.psf_sidelobe,
                                   "greatest sidelobe of the PSF");
}

void ci_image_scales_text(const ci_clean_stats *clean, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < clean->n_scale && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%.4g", i > 0 ? "," : "", clean->scale_px[i]);
}

/* Widths of components besides points. */
static ci_status scales_card(ci_fits_header *h, const ci_clean_stats *clean)
{
    char text[96];
    ci_image_scales_text(clean, text, sizeof text);
    return text[0] ? ci_fits_card_set_text(h, "SCALES", text, "[pixel] widths of components")
                   : CI_OK;
}

ci_status ci_image_cards_clean(ci_image_maker *m)
{
    const ci_image_options *o = m->setup.options;
    const ci_image_stats *s = &m->stats;
    ci_fits_header *h = &m->header;
    CI_TRY(ci_fits_card_set_number(h, "RMS", s->rms_jy, "[Jy/beam] 1.4826 MAD of the residual"));
    if (o->clean.max_iteration == 0) return CI_OK;
    CI_TRY(ci_fits_card_set_int(h, "NMINOR", s->clean.n_minor, "clean components"));
    CI_TRY(ci_fits_card_set_int(h, "NMAJOR", s->clean.n_major, "major cycles"));
    CI_TRY(scales_card(h, &s->clean));
    CI_TRY(ci_fits_card_set_int(h, "NSLOPE", s->clean.n_slope,
                                "sources cleaned with a slope of their own"));
    CI_TRY(ci_fits_card_set_int(h, "NPOINT", s->clean.n_point, "point components between pixels"));
    CI_TRY(ci_fits_card_set_int(h, "NVARIED", s->clean.n_variable,
                                "bright sources not constant in time or frequency"));
    CI_TRY(ci_fits_card_set_int(h, "NOUTSIDE", s->clean.n_outside,
                                "sources outside the image subtracted"));
    CI_TRY(ci_fits_card_set_text(h, "STOPPED", s->clean.stop_reason, "why clean ended"));
    CI_TRY(ci_fits_card_set_int(h, "DIVERGED", s->clean.diverged, "1: clean diverged"));
    CI_TRY(ci_fits_card_set_number(h, "GAIN", o->clean.gain, "minor cycle gain"));
    CI_TRY(ci_fits_card_set_number(h, "MGAIN", o->clean.major_gain, "major cycle gain"));
    CI_TRY(ci_fits_card_set_number(h, "AUTOMASK", o->clean.auto_mask, "[local rms] mask"));
    CI_TRY(ci_fits_card_set_number(h, "AUTOTHR", o->clean.auto_threshold, "[local rms] threshold"));
    return ci_fits_card_set_number(h, "MODELJY", s->model_flux_jy, "[Jy] sum of components");
}

static ci_status header_set(ci_image_maker *m)
{
    ci_fits_header *h = &m->header;
    const ci_fits_header *header = m->setup.header;
    CI_TRY(ci_fits_header_copy(h, header));
    snprintf(m->unit, sizeof m->unit, "%.7s", header->bunit[0] ? header->bunit : "Jy");
    h->n_x = m->geometry.n_x;
    h->n_y = m->geometry.n_y;
    h->ra_rad = m->setup.field->ra_rad;
    h->dec_rad = m->setup.field->dec_rad;
    h->x_ref = (double)(m->geometry.n_x / 2);
    h->y_ref = (double)(m->geometry.n_y / 2);
    h->cell_rad = m->geometry.cell_rad;
    h->slant_a = h->slant_b = 0;
    h->freq_hz = m->stats.freq_hz;
    h->bandwidth_hz = m->stats.bandwidth_hz;
    if (h->time_mjd_s <= 0 && m->samples->n_time > 0) h->time_mjd_s = m->samples->time_mjd_s[0];
    h->stokes = m->setup.options->stokes;
    return h->telescope ? CI_OK : ci_str_set(&h->telescope, m->samples->array.telescope);
}

ci_status ci_image_cards_begin(ci_image_maker *m)
{
    CI_TRY(header_set(m));
    return cards_set(m);
}
