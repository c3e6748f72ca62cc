/* The flux scale of an image against a catalogue: the median of the ratios, with its error. */
#include "phot/internal.h"

#include <math.h>

/* Sources are sought down to this, in noise, and count from that on, by the catalogue. */
static const double seed_sigma = 8, least_snr = 20;
/* The beam of fainter parts is known less well. */
static const double least_beam = 0.4;
/* Of a flux: what is not known of it at least. */
static const double least_error = 0.005;
/* Of the mean spectral index of a catalogue; what differs from source to source is scatter. */
static const double index_error = 0.05;
/* Error of a median over that of a mean, sqrt(pi / 2). */
static const double of_median = 1.2533141373155;
static const double mad_to_sigma = 1.482602218505602;

enum
{
    N_SCATTER = 3, /* sources that tell their scatter */
    N_ROBUST = 8   /* of so many a quarter may be off and not make it */
};

/* Three quarters of normal values are nearer to the middle than so many sigma. */
static const double three_quarters = 1.150349;

static double deviation_of(const double *value, size_t n)
{
    double sum = 0, sum2 = 0;
    for (size_t i = 0; i < n; i++)
        sum += value[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum2 += (value[i] - sum) * (value[i] - sum);
    return sqrt(sum2 / (double)(n - 1));
}

/* By which the median of normal values is off as seldom as by three sigma, their scatter known from
 * nothing but themselves. Of few the standard deviation, as sources that vary make it larger: the
 * median over that is distributed as Student's t (to 5 %; n = 3: 20 % less). Else the scatter that
 * three quarters have at most; the factor is no less than the one of normal draws. `off` [n]: how
 * far from the median; reordered. */
static double scatter_sure(double deviation, double *off, size_t n)
{
    if (n < N_ROBUST) return ci_num_student(3, (double)(n - 1)) * deviation / sqrt((double)n);
    double scatter = ci_num_nth(off, n, (3 * n + 3) / 4 - 1) / three_quarters;
    return 3 * (1 + 4.3 / ((double)n - 4)) * of_median * scatter / sqrt((double)n);
}

ci_phot_scale ci_phot_scale_of(double *ratio, double *error, size_t n)
{
    ci_phot_scale out = {.n = n, .ratio = NAN, .sigma = NAN, .sure = NAN};
    if (n > 0) out.ratio = ci_num_median(ratio, n);
    if (n < 2) return out;
    double own = ci_num_median(error, n), deviation = deviation_of(ratio, n);
    for (size_t i = 0; i < n; i++)
        ratio[i] = fabs(ratio[i] - out.ratio);
    double one = fmax(mad_to_sigma * ci_num_median(ratio, n), own);
    out.sigma = of_median * one / sqrt((double)n);
    if (n < N_SCATTER) return out;
    out.sure = fmax(scatter_sure(deviation, ratio, n), 3 * of_median * own / sqrt((double)n));
    return out;
}

/* What is gathered of one image. */
typedef struct gathering
{
    ci_fits_reader *image, *pb;
    ci_fits_wcs *wcs;
    double rms_jy;
    float *row;                    /* [n_x] of the beam */
    double *ratio, *error, *index; /* [matches] */
    size_t n;
} gathering;

static void gathering_clear(gathering *g)
{
    ci_fits_reader_close(g->image);
    ci_fits_reader_close(g->pb);
    ci_fits_wcs_free(g->wcs);
    ci_mem_free(g->row);
    ci_mem_free(g->ratio);
    ci_mem_free(g->error);
    ci_mem_free(g->index);
}

/* The beam at a place; 0 outside the image. */
static ci_status beam_at(const gathering *g, double ra_rad, double dec_rad, double *out)
{
    const ci_fits_header *h = ci_fits_reader_header(g->pb);
    double x, y;
    *out = 0;
    CI_TRY(ci_fits_wcs_to_pixel(g->wcs, 1, &ra_rad, &dec_rad, &x, &y));
    if (!(x >= 0 && y >= 0 && x < (double)h->n_x - 0.5 && y < (double)h->n_y - 0.5)) return CI_OK;
    CI_TRY(ci_fits_reader_rows(g->pb, (size_t)(y + 0.5), 1, g->row));
    *out = (double)g->row[(size_t)(x + 0.5)];
    return CI_OK;
}

static ci_status take(gathering *g, const ci_phot_source *s, const ci_sky_source *t, double freq_hz)
{
    double beam, flux_jy = ci_sky_source_flux_jy(t, freq_hz);
    if (t->major_rad > 0 || t->is_flux_approximate) return CI_OK;
    CI_TRY(beam_at(g, s->ra_rad, s->dec_rad, &beam));
    if (!(beam >= least_beam) || !(flux_jy * beam >= least_snr * g->rms_jy)) return CI_OK;
    double seen_jy = flux_jy * beam;
    g->ratio[g->n] = s->flux_jy / seen_jy;
    g->error[g->n] = hypot(s->flux_err_jy / seen_jy, least_error);
    g->index[g->n++] = t->n_poly > 0 ? 0 : fabs(log(freq_hz / t->ref_freq_hz));
    return CI_OK;
}

static ci_status take_all(gathering *g, const ci_phot_compare *compare, const ci_phot_list *found,
                          const ci_sky_model *near, double freq_hz)
{
    size_t n_x = ci_fits_reader_header(g->pb)->n_x;
    CI_TRY(ci_mem_alloc(&g->row, n_x, sizeof *g->row, "row of a beam"));
    CI_TRY(ci_mem_alloc(&g->ratio, compare->n_match, sizeof *g->ratio, "matches"));
    CI_TRY(ci_mem_alloc(&g->error, compare->n_match, sizeof *g->error, "matches"));
    CI_TRY(ci_mem_alloc(&g->index, compare->n_match, sizeof *g->index, "matches"));
    for (size_t i = 0; i < compare->n_match; i++) {
        const ci_phot_match *m = &compare->match[i];
        CI_TRY(take(g, &found->source[m->i_found], &near->source[m->i_true], freq_hz));
    }
    return CI_OK;
}

/* Sources of the image against those of the catalogue that are near. */
static ci_status gather(gathering *g, const char *image_path, const ci_sky_model *near)
{
    const ci_fits_header *h = ci_fits_reader_header(g->image);
    ci_phot_options options;
    ci_phot_list *found = NULL;
    ci_phot_compare *compare = NULL;
    double beam_rad = h->beam_major_rad;
    ci_phot_options_default(&options);
    options.seed_sigma = seed_sigma;
    options.rms_jy = g->rms_jy;
    CI_TRY(ci_phot_find(&found, image_path, NULL, &options));
    ci_status status =
        ci_phot_compare_new(&compare, found, near, h->freq_hz, beam_rad, 2 * beam_rad);
    if (status == CI_OK) status = take_all(g, compare, found, near, h->freq_hz);
    ci_phot_compare_free(compare);
    ci_phot_list_free(found);
    return status;
}

static ci_status scale_find(gathering *g, ci_phot_scale *out, const char *image_path,
                            const ci_sky_model *catalogue)
{
    const ci_fits_header *h = ci_fits_reader_header(g->image);
    double radius = 0.5 * hypot((double)h->n_x, (double)h->n_y) * h->cell_rad;
    ci_sky_model *near = NULL;
    if (h->stokes != CI_VIS_POL_I) return CI_OK;
    CI_TRY(ci_fits_wcs_new(&g->wcs, h));
    CI_TRY(ci_sky_model_select(&near, catalogue, h->ra_rad, h->dec_rad, 1.1 * radius));
    ci_status status = near->n_source > 0 ? gather(g, image_path, near) : CI_OK;
    ci_sky_model_free(near);
    CI_TRY(status);
    *out = ci_phot_scale_of(g->ratio, g->error, g->n);
    double of_index = g->n > 0 ? index_error * ci_num_median(g->index, g->n) : 0;
    out->sigma = hypot(out->sigma, of_index);
    out->sure = hypot(out->sure, 3 * of_index);
    return CI_OK;
}

ci_status ci_phot_scale_find(ci_phot_scale *out, const char *image_path, const char *pb_path,
                             double rms_jy, const ci_sky_model *catalogue)
{
    gathering g = {.rms_jy = rms_jy};
    *out = (ci_phot_scale){.n = 0, .ratio = NAN, .sigma = NAN, .sure = NAN};
    if (!(rms_jy > 0)) return CI_OK;
    ci_status status = ci_fits_reader_open(&g.image, image_path);
    if (status == CI_OK) status = ci_fits_reader_open(&g.pb, pb_path);
    if (status == CI_OK) status = scale_find(&g, out, image_path, catalogue);
    gathering_clear(&g);
    return status;
}
