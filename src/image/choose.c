/* Cell and size where the user leaves them open: a quarter of the fitted beam, and the
 * 20 % level of the primary beam. */
#include "image/choose.h"
#include "image/beam_fit.h"
#include "image/weight.h"

#include <complex.h>
#include <math.h>

/* A small PSF for finding the beam, before there is an image: the samples' weights on uv
 * cells so small that rounding to them bends no phase near the peak, then a plain sum over
 * the cells. Every rank does the same on the same exact sums. */
enum
{
    SMALL_N = 129,
    CELLS_PER_FIELD = 4
};
static const size_t default_size = 1024, greatest_size = 32768, least_size = 32;
static const double greatest_half_width = 0.65; /* corner still above the horizon */
/* Of the finest fringe. At 7 the beam is a tenth of a pixel. */
static const double least_cell = 1e-3, most_cell = 7;
static const double half_width_margin = 1.02;

static void small_psf_column(const ci_image_density *d, size_t iv, double cell, ci_c64 *column)
{
    for (size_t x = 0; x < SMALL_N; x++) {
        double l = -((double)x - SMALL_N / 2) * cell;
        ci_c64 sum = 0;
        for (size_t iu = 0; iu < d->n_u; iu++) {
            int64_t w = d->sum[iv * d->n_u + iu];
            if (w == 0) continue;
            double u = ((double)iu - (double)d->half_u) * d->cell_lambda;
            sum += ldexp((double)w, -d->exponent) * cexp(I * CI_TWO_PI * u * l);
        }
        column[x] = sum;
    }
}

static void small_psf_sum(const ci_image_density *d, double cell, double *psf)
{
    for (size_t iv = 0; iv < d->n_v; iv++) {
        ci_c64 column[SMALL_N];
        small_psf_column(d, iv, cell, column);
        for (size_t y = 0; y < SMALL_N; y++) {
            double m = ((double)y - SMALL_N / 2) * cell;
            ci_c64 phasor = cexp(I * CI_TWO_PI * (double)iv * d->cell_lambda * m);
            for (size_t x = 0; x < SMALL_N; x++)
                psf[y * SMALL_N + x] += creal(column[x] * phasor);
        }
    }
}

static ci_status small_psf(ci_comm *comm, const ci_vis_samples *s, double cell, float *psf)
{
    ci_image_density *d = NULL;
    CI_TRY(ci_image_density_new(comm, &d, s, 1 / (CELLS_PER_FIELD * SMALL_N * cell), true));
    double *sum = NULL;
    ci_status status = ci_mem_alloc(&sum, SMALL_N * SMALL_N, sizeof *sum, "provisional PSF");
    if (status == CI_OK) {
        small_psf_sum(d, cell, sum);
        double peak = sum[(SMALL_N / 2) * SMALL_N + SMALL_N / 2];
        for (size_t i = 0; i < SMALL_N * SMALL_N; i++)
            psf[i] = (float)(sum[i] / peak);
    }
    ci_mem_free(sum);
    ci_image_density_free(d);
    return ci_par_agree(comm, status);
}

/* Minor axis of the beam that the present imaging weights give. */
static ci_status beam_minor_find(ci_comm *comm, const ci_vis_samples *s, double *minor_rad)
{
    double longest = hypot(s->max_u_lambda, s->max_v_lambda);
    if (!(longest > 0))
        return ci_error(CI_ERR_INPUT, "all baselines are of length 0: nothing to image");
    float *psf = NULL;
    CI_TRY(ci_par_alloc(comm, &psf, SMALL_N * SMALL_N, sizeof *psf, "provisional PSF"));
    ci_status status = CI_OK;
    double cell = 1 / (6 * longest);
    for (int i = 0; i < 6; i++, cell *= 4) {
        ci_image_beam_fit fit;
        status = small_psf(comm, s, cell, psf);
        if (status == CI_OK)
            status = ci_par_agree(comm, ci_image_beam_fit_patch(psf, SMALL_N, &fit));
        if (status != CI_OK) break;
        *minor_rad = fit.minor * cell;
        if (fit.minor < SMALL_N / 3.0) break;
    }
    ci_mem_free(psf);
    return status;
}

/* A quarter of the beam, to three digits in arcsec, so that it reads well. */
static double cell_from_beam(double minor_rad)
{
    double arcsec = minor_rad / 4 * CI_RAD_TO_ARCSEC;
    double step = pow(10, floor(log10(arcsec)) - 2);
    return round(arcsec / step) * step * CI_ARCSEC_TO_RAD;
}

/* ---- size ----------------------------------------------------------------------------------- */

/* The distance from the pointing, along direction k of four, at which the beam has fallen
 * to `level`. */
static double beam_radius(const ci_sky_field *sky, const ci_sky_frame *frame, double ra_rad,
                          double dec_rad, double freq_hz, double level, int k)
{
    static const double step_l[4] = {1, -1, 0, 0}, step_m[4] = {0, 0, 1, -1};
    double low = 0, high = 1e-6;
    for (; high < greatest_half_width; low = high, high *= 1.1) {
        double ra, dec;
        ci_sky_lm_inverse(ra_rad, dec_rad, step_l[k] * high, step_m[k] * high, &ra, &dec);
        if (!(ci_sky_beam_power(sky->beam, sky->pointing, frame, ra, dec, freq_hz) >= level)) break;
    }
    for (int i = 0; i < 30 && high < greatest_half_width; i++) {
        double ra, dec, mid = (low + high) / 2;
        ci_sky_lm_inverse(ra_rad, dec_rad, step_l[k] * mid, step_m[k] * mid, &ra, &dec);
        if (ci_sky_beam_power(sky->beam, sky->pointing, frame, ra, dec, freq_hz) >= level)
            low = mid;
        else
            high = mid;
    }
    return fmin(high, greatest_half_width);
}

/* Where and when the beam is asked for. */
typedef struct epoch
{
    const ci_vis_array *array;
    double mid_mjd_s, dut1_s;
} epoch;

static void pointing_place(const ci_sky_pointing *p, const ci_sky_frame *frame, double *ra_rad,
                           double *dec_rad)
{
    *ra_rad = p->ra_rad;
    *dec_rad = p->dec_rad;
    if (p->is_fixed) ci_sky_icrs(frame, p->ha_rad, p->dec_app_rad, ra_rad, dec_rad);
}

/* How far from the image's centre dishes that move have looked; 0 where they do not. */
static double pointings_reach(const ci_sky_field *sky, const ci_sky_frame *frame)
{
    double most = 0;
    for (size_t i = 0; i < sky->pointing->n_move; i++) {
        double ra, dec;
        pointing_place(&sky->pointing->move[i], frame, &ra, &dec);
        most = fmax(most, ci_sky_separation_rad(ra, dec, sky->ra_rad, sky->dec_rad));
    }
    return most;
}

static ci_status beam_half_width(const epoch *e, const ci_sky_field *sky, double freq_hz,
                                 double level, double *out)
{
    ci_sky_frame *frame = NULL;
    CI_TRY(ci_sky_frame_new(&frame, sky->eop, e->array, e->mid_mjd_s, e->dut1_s));
    double ra, dec;
    pointing_place(ci_sky_pointing_at(sky->pointing, e->mid_mjd_s), frame, &ra, &dec);
    *out = 0;
    for (int k = 0; k < 4; k++)
        *out = fmax(*out, beam_radius(sky, frame, ra, dec, freq_hz, level, k));
    *out = fmin(*out + pointings_reach(sky, frame), greatest_half_width);
    ci_sky_frame_free(frame);
    return CI_OK;
}

static size_t size_from(double half_width, double cell)
{
    double n = 2 * ceil(half_width / cell);
    if (n > (double)greatest_size) n = (double)greatest_size;
    return n < (double)least_size ? least_size : (size_t)n;
}

static double beam_level(const ci_image_options *options)
{
    return options->pb_cut > 0 ? options->pb_cut : 0.2;
}

/* Half width of the image where neither size nor cell says it; 0: by default_size. */
static ci_status half_width_choose(ci_comm *comm, const ci_vis_samples *s, const ci_sky_field *sky,
                                   const ci_image_options *options, double *out)
{
    *out = 0;
    if (options->n_pixel > 0 || !sky->beam || ci_sky_beam_is_none(sky->beam)) return CI_OK;
    ci_image_sums sums;
    CI_TRY(ci_image_sums_get(comm, s, &sums));
    const epoch e = {&s->array, (s->time_mjd_s[0] + s->time_mjd_s[s->n_time - 1]) / 2, s->dut1_s};
    return ci_par_agree(comm, beam_half_width(&e, sky, sums.freq_hz, beam_level(options), out));
}

static size_t size_choose(const ci_image_options *options, double half_width, double cell)
{
    if (options->n_pixel > 0) return options->n_pixel;
    if (half_width > 0) return size_from(half_width, cell);
    size_t n = size_from(greatest_half_width, cell);
    return n < default_size ? n : default_size;
}

static ci_status cell_choose(ci_comm *comm, ci_vis_samples *s, const ci_image_options *options,
                             double half_width, double *cell)
{
    *cell = options->cell_rad;
    if (*cell > 0) return CI_OK;
    double minor = 0;
    CI_TRY(beam_minor_find(comm, s, &minor));
    *cell = cell_from_beam(minor);
    if (ci_image_weights_are_natural(options)) return CI_OK;
    /* The weights hang on the field, the field without a primary beam on the cell: one
     * round from the natural beam settles it. */
    double extent = (double)size_choose(options, half_width, *cell) * *cell;
    CI_TRY(ci_image_weights_set(comm, s, options, extent));
    CI_TRY(beam_minor_find(comm, s, &minor));
    *cell = cell_from_beam(minor);
    return CI_OK;
}

/* A cell that was asked for, before anything is made with it. */
static ci_status cell_check(const ci_vis_samples *s, const ci_image_options *options,
                            double half_width)
{
    double cell = options->cell_rad, arcsec = cell * CI_RAD_TO_ARCSEC;
    double fringe = fmax(1 / hypot(s->max_u_lambda, s->max_v_lambda), options->taper_rad);
    if (!(cell > 0)) return CI_OK;
    if (isfinite(fringe) && cell < least_cell * fringe)
        return ci_error(CI_ERR_USAGE,
                        "--cell-arcsec %.6g: less than a thousandth of the finest fringe of these "
                        "data, %.4g arcsec: give a larger cell, or 0 to have it chosen",
                        arcsec, fringe * CI_RAD_TO_ARCSEC);
    if (cell > most_cell * fringe)
        return ci_error(
            CI_ERR_USAGE,
            "--cell-arcsec %.6g: the finest fringe of these data, %.4g arcsec, would "
            "be less than %.2g of a pixel: give a smaller cell (in arcsec), or 0 to have "
            "it chosen",
            arcsec, fringe * CI_RAD_TO_ARCSEC, 1 / most_cell);
    double n = 2 * ceil(half_width / cell);
    if (options->n_pixel > 0 || n <= (double)greatest_size) return CI_OK;
    return ci_error(CI_ERR_USAGE,
                    "--cell-arcsec %.6g: the primary beam is %.6g pixels across, an image at most "
                    "%zu: give a larger cell, or --size for a part of it",
                    arcsec, n, greatest_size);
}

/* Between pixels as wide as the fringes, sources lose flux. */
static void cell_tell(const ci_vis_samples *s, const ci_image_options *options)
{
    double fringe = 1 / hypot(s->max_u_lambda, s->max_v_lambda);
    if (options->cell_rad > fringe)
        ci_log_warning("--cell-arcsec %.6g is wider than the finest fringe of these data, %.4g "
                       "arcsec: sources between pixels lose flux",
                       options->cell_rad * CI_RAD_TO_ARCSEC, fringe * CI_RAD_TO_ARCSEC);
}

ci_status ci_image_geometry_choose(ci_comm *comm, ci_vis_samples *s, const ci_sky_field *sky,
                                   const ci_image_options *options, ci_grid_geometry *out)
{
    double half_width = 0, cell = 0;
    CI_TRY(half_width_choose(comm, s, sky, options, &half_width));
    CI_TRY(cell_check(s, options, half_width));
    if (ci_comm_rank(comm) == 0) cell_tell(s, options);
    CI_TRY(cell_choose(comm, s, options, half_width, &cell));
    size_t n = size_choose(options, half_width, cell);
    double corner = (double)n * cell / 2;
    if (2 * corner * corner >= 1)
        return ci_error(CI_ERR_USAGE,
                        "--size %zu at --cell-arcsec %.6g: %.4g degrees across reaches beyond the "
                        "horizon: choose a smaller size or cell",
                        n, cell * CI_RAD_TO_ARCSEC, (double)n * cell * CI_RAD_TO_DEG);
    *out = (ci_grid_geometry){.n_x = n,
                              .n_y = n,
                              .cell_rad = cell,
                              .accuracy = options->accuracy,
                              .divide_by_n = options->divide_by_n};
    return ci_image_weights_set(comm, s, options, (double)n * cell);
}

/* ---- before there are samples ---------------------------------------------------------------- */

/* Bytes of n that are 0. */
static int64_t zeros_count(const uint8_t *flags, size_t n)
{
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += flags[i] == 0;
    return count;
}

/* Mean frequency of unflagged visibilities, to a sub-band's width; of all where all are flagged. */
static ci_status mean_freq(ci_comm *comm, const ci_vis_set *set, double *freq_hz)
{
    const ci_vis_meta *meta = set->meta;
    int64_t *n_good = NULL;
    double sum = 0, total = 0;
    CI_TRY(ci_par_alloc(comm, &n_good, meta->n_sub_band, sizeof *n_good, "frequencies"));
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *b = set->block[i];
        n_good[b->part.i_sub_band] += zeros_count(b->flags, b->n_row * b->n_chan * b->n_pol);
    }
    ci_status status = ci_par_sum_int(comm, n_good, meta->n_sub_band);
    for (int pass = 0; pass < 2 && !(total > 0); pass++)
        for (size_t i = 0; i < meta->n_sub_band; i++) {
            const ci_vis_sub_band *b = &meta->sub_band[i];
            double w = pass == 0 ? (double)n_good[i] : 1;
            sum += w * (b->freq_hz[0] + b->freq_hz[b->n_chan - 1]) / 2;
            total += w;
        }
    *freq_hz = sum / total;
    ci_mem_free(n_good);
    return status;
}

ci_status ci_image_half_width_bound(ci_comm *comm, const ci_vis_set *set, const ci_sky_field *sky,
                                    const ci_image_options *options, double *half_width)
{
    bool has_beam = sky->beam && !ci_sky_beam_is_none(sky->beam);
    const ci_vis_meta *meta = set->meta;
    *half_width = 0;
    if (options->n_pixel > 0 && options->cell_rad > 0)
        *half_width = half_width_margin * (double)options->n_pixel * options->cell_rad / 2;
    if (options->n_pixel > 0 || !has_beam) return CI_OK;
    double freq_hz, width = 0;
    CI_TRY(mean_freq(comm, set, &freq_hz));
    const epoch e = {&meta->array, (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]) / 2,
                     meta->dut1_s};
    CI_TRY(ci_par_agree(comm, beam_half_width(&e, sky, freq_hz, beam_level(options), &width)));
    *half_width = half_width_margin * width;
    return CI_OK;
}
