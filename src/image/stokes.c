/* One Stokes value and its natural weight from the correlations of a set. */
#include "image/stokes.h"
#include "image/channels.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* ---- samples ------------------------------------------------------------------------------ */

static bool sample_is_good(const ci_vis_block *b, size_t i_row, size_t i_chan, size_t i_pol)
{
    size_t s = ci_vis_sample(b, i_row, i_chan, i_pol);
    float weight = ci_vis_weight(b, i_row, i_chan, i_pol);
    /* A flag is the rule; a value that no flag covers must still not reach the image. */
    return b->flags[s] == 0 && weight > 0 && isfinite(weight) && isfinite(crealf(b->data[s])) &&
           isfinite(cimagf(b->data[s]));
}

/* Whether any sample of each polarisation is good: 1, else 0. */
static void good_seek(const ci_vis_set *set, int64_t n_good[4])
{
    for (size_t i = 0; i < set->n_block; i++) {
        const ci_vis_block *b = set->block[i];
        for (size_t p = 0; p < b->n_pol; p++)
            for (size_t r = 0; r < b->n_row && n_good[p] == 0; r++) {
                if (ci_vis_baseline_is_auto(b->meta, (size_t)b->i_baseline[r])) continue;
                for (size_t c = 0; c < b->n_chan && n_good[p] == 0; c++)
                    n_good[p] = sample_is_good(b, r, c, p);
            }
    }
}

typedef struct uv_range
{
    double min, max;     /* wavelengths; max 0: none */
    double least, most;  /* of what was asked about */
    int64_t n_in, n_all; /* so many were in it */
} uv_range;

/* distance_m: of the baseline in the plane of u and v. */
static bool uv_range_holds(uv_range *range, double distance_m, double freq_hz)
{
    double r = distance_m * freq_hz / CI_C_M_S;
    bool is_in = r >= range->min && (range->max <= 0 || r <= range->max);
    range->least = range->n_all++ ? fmin(range->least, r) : r;
    range->most = fmax(range->most, r);
    range->n_in += is_in;
    return is_in;
}

/* A range that holds no baseline is a mistake of the command line. */
static ci_status uv_range_check(ci_comm *comm, const uv_range *range)
{
    double ends[2] = {range->n_all ? -range->least : -INFINITY, range->most};
    int64_t n[2] = {range->n_in, range->n_all};
    CI_TRY(ci_par_sum_int(comm, n, 2));
    CI_TRY(ci_par_max_double(comm, ends, 2));
    if (n[0] > 0 || n[1] == 0) return CI_OK;
    return ci_error(CI_ERR_USAGE,
                    "--uv-range %.6g,%.6g: none of these data, whose baselines have %.4g to %.4g "
                    "wavelengths: give MIN,MAX in wavelengths, MAX 0 for none",
                    range->min, range->max, -ends[0], ends[1]);
}

/* ---- dynamic spectra ---------------------------------------------------------------------- */

/* Makes dynamic spectra of a set's rows, and samples of these. */
typedef struct former
{
    ci_vis_stokes recipe;
    ci_isa isa;
    uv_range range;
    ci_vis_compressor *compressor; /* NULL: samples as they are */
    ci_vis_samples *samples;
    size_t max_time, max_chan;
    double *time_mjd_s, *uvw_m; /* [max_time], [max_time][3] */
    ci_c32 *value;              /* [max_time][max_chan] */
    float *weight;
    /* Of rows whose own weights are products. */
    float *natural;         /* [max_chan] */
    const ci_vis_block *of; /* what it was made of: the block ... */
    double of_row[4];       /* ... and its row's weights [n_pol] */
    ci_image_band *band;    /* [n_band] output channels, whose edges compression does not cross */
    size_t n_band;          /* 0: there are none */
    float *band_weight;     /* [max_time][max_chan] those of one output channel */
} former;

/* Rows of one dynamic spectrum: so many at most, and none after a gap, over which a source's phase
 * is unknown. */
enum
{
    MAX_TIME = 64
};
static const double gap_intervals = 2.5;

/* ---- rows ---------------------------------------------------------------------------------- */

/* Some channels of a row on their way to a Stokes value. */
enum
{
    N_AT_ONCE = 64
};
typedef struct row_part
{
    double re[N_AT_ONCE], im[N_AT_ONCE], variance[N_AT_ONCE];
    int32_t is_bad[N_AT_ONCE]; /* in a polarisation that is needed */
} row_part;

/* Values of one polarisation of n channels, samples `step` apart, with its factor. A flag is the
 * rule; a value that no flag covers must still not reach the image. */
CI_ISA_INLINE void pol_sum(const float *restrict data, const uint8_t *restrict flags, size_t step,
                           size_t n, ci_c64 factor, row_part *part)
{
    double re = creal(factor), im = cimag(factor);
    for (size_t c = 0; c < n; c++) {
        float x = data[2 * c * step], y = data[2 * c * step + 1];
        /* x - x is 0 of a finite number alone */
        part->is_bad[c] |= !((flags[c * step] == 0) & (x - x == 0) & (y - y == 0));
        part->re[c] += re * (double)x - im * (double)y;
        part->im[c] += re * (double)y + im * (double)x;
    }
}

/* The same with the variance by the weights w. */
CI_ISA_INLINE void pol_add(const ci_vis_block *b, size_t first, const float *restrict w, size_t n,
                           ci_c64 factor, row_part *part)
{
    double re = creal(factor), im = cimag(factor), size2 = re * re + im * im;
    size_t step = b->n_pol;
    pol_sum((const float *)(b->data + first), b->flags + first, step, n, factor, part);
    for (size_t c = 0; c < n; c++) {
        float weight = w[c * step];
        part->is_bad[c] |= !((weight > 0) & (weight - weight == 0));
        part->variance[c] += size2 / (double)weight;
    }
}

/* Values and weights of n channels of a row, from the weights `own` [n][n_pol]; weight 0 where a
 * polarisation is flagged. */
CI_ISA_INLINE void part_form(const ci_vis_stokes *recipe, const ci_vis_block *b, size_t first,
                             const float *own, size_t n, ci_c32 *value, float *weight)
{
    row_part part = {{0}, {0}, {0}, {0}};
    float *restrict out = (float *)value;
    for (size_t k = 0; k < recipe->n_pol; k++)
        pol_add(b, first + (size_t)recipe->i_pol[k], own + recipe->i_pol[k], n, recipe->factor[k],
                &part);
    for (size_t c = 0; c < n; c++) {
        bool is_bad = part.is_bad[c] != 0;
        out[2 * c] = is_bad ? 0 : (float)part.re[c];
        out[2 * c + 1] = is_bad ? 0 : (float)part.im[c];
        weight[c] = is_bad ? 0 : (float)(1 / part.variance[c]);
    }
}

/* Those of a row whose first sample is given, [n_chan]. */
CI_ISA_INLINE void samples_form_row(const ci_vis_stokes *recipe, const ci_vis_block *b,
                                    size_t first, const float *own, ci_c32 *value, float *weight)
{
    for (size_t c = 0; c < b->n_chan; c += N_AT_ONCE)
        part_form(recipe, b, first + c * b->n_pol, own + c * b->n_pol,
                  b->n_chan - c < N_AT_ONCE ? b->n_chan - c : N_AT_ONCE, value + c, weight + c);
}

CI_ISA_INSTANCES(samples_form_row,
                 (const ci_vis_stokes *recipe, const ci_vis_block *b, size_t first,
                  const float *own, ci_c32 *value, float *weight),
                 (recipe, b, first, own, value, weight))

/* The same where the natural weights of unflagged samples are given, [n_chan]. */
CI_ISA_INLINE void samples_form_even(const ci_vis_stokes *recipe, const ci_vis_block *b,
                                     size_t first, const float *natural, ci_c32 *value,
                                     float *weight)
{
    size_t n_chan = b->n_chan, step = b->n_pol;
    float *restrict out = (float *)value, *restrict to = weight;
    for (size_t at = 0; at < n_chan; at += N_AT_ONCE) {
        size_t n = n_chan - at < N_AT_ONCE ? n_chan - at : N_AT_ONCE;
        row_part part = {{0}, {0}, {0}, {0}};
        for (size_t k = 0; k < recipe->n_pol; k++) {
            size_t s = first + at * step + (size_t)recipe->i_pol[k];
            pol_sum((const float *)(b->data + s), b->flags + s, step, n, recipe->factor[k], &part);
        }
        for (size_t c = 0; c < n; c++) {
            bool is_bad = part.is_bad[c] != 0 || !(natural[at + c] > 0);
            out[2 * (at + c)] = is_bad ? 0 : (float)part.re[c];
            out[2 * (at + c) + 1] = is_bad ? 0 : (float)part.im[c];
            to[at + c] = is_bad ? 0 : natural[at + c];
        }
    }
}

CI_ISA_INSTANCES(samples_form_even,
                 (const ci_vis_stokes *recipe, const ci_vis_block *b, size_t first,
                  const float *natural, ci_c32 *value, float *weight),
                 (recipe, b, first, natural, value, weight))

/* Natural weights of a row whose own are products, as pol_add and part_form have them. */
static void natural_set(former *f, const ci_vis_block *b, size_t i_row)
{
    for (size_t c = 0; c < b->n_chan; c++) {
        double variance = 0;
        bool is_bad = false;
        for (size_t k = 0; k < f->recipe.n_pol; k++) {
            float own = ci_vis_weight(b, i_row, c, (size_t)f->recipe.i_pol[k]);
            double re = creal(f->recipe.factor[k]), im = cimag(f->recipe.factor[k]);
            is_bad = is_bad || !(own > 0) || !isfinite(own);
            variance += (re * re + im * im) / (double)own;
        }
        f->natural[c] = is_bad ? 0 : (float)(1 / variance);
    }
}

/* Rows of one baseline have the same. */
static const float *natural_of(former *f, const ci_vis_block *b, size_t i_row)
{
    const double *own = b->row_weight + i_row * b->n_pol;
    if (f->of != b || memcmp(own, f->of_row, b->n_pol * sizeof *own) != 0) natural_set(f, b, i_row);
    f->of = b;
    memcpy(f->of_row, own, b->n_pol * sizeof *own);
    return f->natural;
}

static size_t dynspec_end(const ci_vis_block *b, size_t i_row)
{
    size_t end = ci_vis_baseline_end(b, i_row), i = i_row + 1;
    const double *time_mjd_s = b->meta->time_mjd_s;
    for (; i < end && i - i_row < MAX_TIME; i++) {
        double step_s = time_mjd_s[b->i_time[i]] - time_mjd_s[b->i_time[i - 1]];
        if (step_s > gap_intervals * b->meta->interval_s || !(step_s > 0)) break;
    }
    return i;
}

static void row_form(former *f, const ci_vis_block *b, size_t i_row, size_t i_time)
{
    const double *uvw = b->uvw_m + 3 * i_row;
    ci_c32 *value = f->value + i_time * b->n_chan;
    float *weight = f->weight + i_time * b->n_chan;
    memcpy(f->uvw_m + 3 * i_time, uvw, 3 * sizeof *uvw);
    f->time_mjd_s[i_time] = b->meta->time_mjd_s[b->i_time[i_row]];
    size_t first = ci_vis_sample(b, i_row, 0, 0);
    bool is_even = b->row_weight != NULL;
    const float *own = is_even ? natural_of(f, b, i_row) : ci_vis_weights_row(b, i_row, NULL);
    (is_even ? CI_ISA_KERNEL(samples_form_even, f->isa)
             : CI_ISA_KERNEL(samples_form_row, f->isa))(&f->recipe, b, first, own, value, weight);
    if (!(f->range.min > 0) && !(f->range.max > 0)) return;
    double distance_m = hypot(uvw[0], uvw[1]);
    for (size_t c = 0; c < b->n_chan; c++)
        if (!uv_range_holds(&f->range, distance_m, b->freq_hz[c])) {
            value[c] = 0;
            weight[c] = 0;
        }
}

/* What a dynamic spectrum has in one output channel. */
static ci_status band_add(former *f, const ci_vis_dynspec *all, size_t i_band, int32_t i_baseline,
                          size_t i_sub_band)
{
    ci_vis_dynspec part = *all;
    part.weight = f->band_weight;
    for (size_t c = 0; c < all->n_chan; c++) {
        bool is_in = ci_image_band_find(f->band, f->n_band, all->freq_hz[c]) == i_band;
        for (size_t t = 0; t < all->n_time; t++) {
            size_t i = t * all->n_chan + c;
            f->band_weight[i] = is_in ? all->weight[i] : 0;
        }
    }
    return ci_vis_samples_add_dynspec(f->samples, f->compressor, &part, i_baseline, i_sub_band);
}

/* Compressed samples are of one output channel. */
static ci_status bands_add(former *f, const ci_vis_dynspec *dynspec, int32_t i_baseline,
                           size_t i_sub_band)
{
    size_t first = 0, last = 0;
    if (f->n_band > 0 && f->compressor) {
        first = ci_image_band_find(f->band, f->n_band, dynspec->freq_hz[0]);
        last = ci_image_band_find(f->band, f->n_band, dynspec->freq_hz[dynspec->n_chan - 1]);
    }
    if (first == last)
        return ci_vis_samples_add_dynspec(f->samples, f->compressor, dynspec, i_baseline,
                                          i_sub_band);
    for (size_t i = first; i <= last; i++)
        CI_TRY(band_add(f, dynspec, i, i_baseline, i_sub_band));
    return CI_OK;
}

static ci_status dynspec_form(former *f, const ci_vis_block *b, size_t i_row, size_t end)
{
    const ci_vis_dynspec dynspec = {.n_time = end - i_row,
                                    .n_chan = b->n_chan,
                                    .time_mjd_s = f->time_mjd_s,
                                    .uvw_m = f->uvw_m,
                                    .freq_hz = b->freq_hz,
                                    .value = f->value,
                                    .weight = f->weight,
                                    .isa = f->isa};
    for (size_t i = i_row; i < end; i++)
        row_form(f, b, i, i - i_row);
    return bands_add(f, &dynspec, b->i_baseline[i_row], b->part.i_sub_band);
}

static ci_status block_form(former *f, const ci_vis_block *b)
{
    for (size_t i = 0, end; i < b->n_row; i = end) {
        end = dynspec_end(b, i);
        if (!ci_vis_baseline_is_auto(b->meta, (size_t)b->i_baseline[i]))
            CI_TRY(dynspec_form(f, b, i, end));
    }
    return CI_OK;
}

static void former_clear(former *f)
{
    ci_vis_compressor_free(f->compressor);
    ci_mem_free(f->time_mjd_s);
    ci_mem_free(f->uvw_m);
    ci_mem_free(f->value);
    ci_mem_free(f->weight);
    ci_mem_free(f->natural);
    ci_mem_free(f->band);
    ci_mem_free(f->band_weight);
}

static ci_status former_new(former *f, ci_isa isa, const ci_vis_meta *meta,
                            const ci_image_options *options, double half_width)
{
    *f = (former){.isa = isa,
                  .range = {.min = options->min_uv_lambda, .max = options->max_uv_lambda}};
    f->max_time = meta->n_time < MAX_TIME ? meta->n_time : MAX_TIME;
    for (size_t i = 0; i < meta->n_sub_band; i++)
        if (meta->sub_band[i].n_chan > f->max_chan) f->max_chan = meta->sub_band[i].n_chan;
    size_t n = f->max_time * f->max_chan;
    CI_TRY(
        ci_mem_alloc(&f->time_mjd_s, f->max_time, sizeof *f->time_mjd_s, "Stokes dynamic spectra"));
    CI_TRY(ci_mem_alloc(&f->uvw_m, f->max_time, 3 * sizeof *f->uvw_m, "Stokes dynamic spectra"));
    CI_TRY(ci_mem_alloc(&f->value, n, sizeof *f->value, "Stokes dynamic spectra"));
    CI_TRY(ci_mem_alloc(&f->weight, n, sizeof *f->weight, "Stokes dynamic spectra"));
    CI_TRY(ci_mem_alloc(&f->natural, f->max_chan, sizeof *f->natural, "Stokes dynamic spectra"));
    if (!(options->compression > 0 && half_width > 0)) return CI_OK;
    CI_TRY(ci_vis_compressor_new(&f->compressor, f->max_time, f->max_chan, options->compression,
                                 half_width));
    if (options->n_channel <= 1) return CI_OK;
    CI_TRY(ci_image_bands_new(meta, (size_t)options->n_channel, &f->band));
    f->n_band = (size_t)options->n_channel;
    return ci_mem_alloc(&f->band_weight, n, sizeof *f->band_weight, "Stokes dynamic spectra");
}

/* ---- all --------------------------------------------------------------------------------- */

/* Samples and rows of a set as it is, without autocorrelations. */
static void rows_count(const ci_vis_set *set, size_t *n_row, size_t *n_sample)
{
    *n_row = *n_sample = 0;
    for (size_t i = 0; i < set->n_block; i++)
        for (size_t r = 0; r < set->block[i]->n_row; r++)
            if (!ci_vis_baseline_is_auto(set->block[i]->meta,
                                         (size_t)set->block[i]->i_baseline[r])) {
                ++*n_row;
                *n_sample += set->block[i]->n_chan;
            }
}

static ci_status block_read(former *f, const ci_vis_block *b, const ci_cal_table *correction)
{
    ci_vis_block *corrected = NULL;
    if (!correction) return block_form(f, b);
    CI_TRY(ci_vis_block_copy(&corrected, b));
    ci_status status = ci_cal_apply(correction, corrected);
    if (status == CI_OK) status = block_form(f, corrected);
    ci_vis_block_free(corrected);
    return status;
}

static ci_status samples_form(former *f, const ci_vis_set *set, const ci_image_reading *reading)
{
    size_t n_row = 0, n_sample = 0;
    if (!f->compressor) rows_count(set, &n_row, &n_sample);
    CI_TRY(ci_vis_samples_new(&f->samples, set->meta, n_row, n_sample));
    f->samples->is_pseudo_i = f->recipe.is_pseudo_i;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_log_progress("image: samples of block %zu of %zu", i + 1, set->n_block);
        CI_TRY(block_read(f, set->block[i], reading->correction));
        if (!reading->keeps_values) ci_vis_block_values_free(set->block[i]);
    }
    return CI_OK;
}

static ci_status samples_make(ci_comm *comm, former *f, const ci_vis_set *set,
                              const ci_image_options *options, const ci_image_reading *reading)
{
    int64_t n_good[4] = {0};
    good_seek(set, n_good);
    CI_TRY(ci_par_sum_int(comm, n_good, 4));
    CI_TRY(ci_vis_feeds_check(set->meta, options->stokes));
    CI_TRY(ci_vis_stokes_find(&f->recipe, set->meta, options->stokes, n_good));
    CI_AGREE(comm, samples_form(f, set, reading));
    CI_TRY(ci_vis_samples_close(comm, f->samples));
    if (f->samples->n_good > 0) return CI_OK;
    if (f->range.min > 0 || f->range.max > 0) CI_TRY(uv_range_check(comm, &f->range));
    return ci_error(CI_ERR_NO_DATA, "Stokes %s: no data left after flags%s: nothing to image",
                    ci_vis_pol_name(options->stokes),
                    f->range.min > 0 || f->range.max > 0 ? " and --uv-range" : "");
}

static ci_status samples_new(ci_comm *comm, ci_vis_samples **out, const ci_vis_set *set,
                             const ci_image_options *options, double half_width,
                             const ci_image_reading *reading)
{
    CI_PAR_EQUAL(comm, "images: an option", (double)options->n_pixel, options->cell_rad,
                 options->weighting, options->robust, options->taper_rad, options->accuracy,
                 options->compression, options->min_uv_lambda, options->max_uv_lambda,
                 options->divide_by_n, options->pb_cut, options->stokes, options->stop != NULL,
                 options->n_channel, options->n_term, half_width);
    former f;
    *out = NULL;
    ci_status status =
        ci_par_agree(comm, former_new(&f, ci_comm_isa(comm), set->meta, options, half_width));
    if (status == CI_OK) status = samples_make(comm, &f, set, options, reading);
    if (status == CI_OK)
        *out = f.samples;
    else
        ci_vis_samples_free(f.samples);
    former_clear(&f);
    return status;
}

ci_status ci_image_samples_new(ci_comm *comm, ci_vis_samples **out, const ci_vis_set *set,
                               const ci_image_options *options)
{
    return samples_new(comm, out, set, options, 0, &(ci_image_reading){.keeps_values = true});
}

ci_status ci_image_samples_take(ci_comm *comm, ci_vis_samples **out, ci_vis_set *set,
                                const ci_image_options *options, double half_width,
                                const ci_image_reading *reading)
{
    return samples_new(comm, out, set, options, half_width, reading);
}

bool ci_image_stokes_is_positive(int stokes)
{
    return stokes != CI_VIS_POL_Q && stokes != CI_VIS_POL_U && stokes != CI_VIS_POL_V;
}
