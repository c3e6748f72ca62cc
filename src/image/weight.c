/* Imaging weights (natural, uniform, Briggs) and sums over them that do not depend on the
 * number of ranks. */
#include "image/weight.h"

#include <math.h>

/* ---- density ------------------------------------------------------------------------------ */

static size_t density_index(const ci_image_density *d, double u, double v)
{
    int64_t iu = llround(u / d->cell_lambda), iv = llround(v / d->cell_lambda);
    if (iv < 0 || (iv == 0 && iu < 0)) {
        iu = -iu;
        iv = -iv;
    }
    return (size_t)iv * d->n_u + (size_t)(iu + d->half_u);
}

double ci_image_density_at(const ci_image_density *d, double u, double v)
{
    return ldexp((double)d->sum[density_index(d, u, v)], -d->exponent);
}

void ci_image_density_free(ci_image_density *d)
{
    if (!d) return;
    ci_mem_free(d->sum);
    ci_mem_free(d);
}

static void density_add(ci_image_density *d, const ci_vis_rows *rows, const float *weight)
{
    for (size_t r = 0; r < rows->n_row; r++)
        for (size_t c = 0; c < rows->n_chan; c++) {
            float w = weight[r * rows->n_chan + c];
            if (w <= 0) continue;
            double k = rows->freq_hz[c] / CI_C_M_S;
            size_t i = density_index(d, rows->uvw_m[3 * r] * k, rows->uvw_m[3 * r + 1] * k);
            d->sum[i] += ci_num_fixed(w, d->exponent);
        }
}

/* The half plane of cells that holds all samples. Its sides are checked as doubles: what is
 * beyond an integer, or not a number, cannot be rounded to one. */
static ci_status density_size(ci_image_density *d, const ci_vis_samples *s)
{
    const double most = 1 << 30;
    double half_u = s->max_u_lambda / d->cell_lambda, half_v = s->max_v_lambda / d->cell_lambda;
    if (!(half_u < most && half_v < most))
        return ci_error(CI_ERR_MEMORY,
                        "uv density: baselines of %.3g and %.3g wavelengths in cells of %.3g: too "
                        "many cells",
                        s->max_u_lambda, s->max_v_lambda, d->cell_lambda);
    d->half_u = llround(half_u) + 1;
    d->half_v = llround(half_v) + 1;
    d->n_u = (size_t)(2 * d->half_u + 1);
    d->n_v = (size_t)(d->half_v + 1);
    return CI_OK;
}

ci_status ci_image_density_new(ci_comm *comm, ci_image_density **out, const ci_vis_samples *s,
                               double cell_lambda, bool use_imaging)
{
    *out = NULL;
    ci_image_density *d = NULL;
    float *const *weight = use_imaging ? s->weight : s->natural;
    double max = s->max_natural;
    if (use_imaging) CI_TRY(ci_vis_samples_max_weight(comm, s, weight, &max));
    ci_status status = ci_mem_alloc(&d, 1, sizeof *d, "uv density");
    if (status == CI_OK) {
        d->cell_lambda = cell_lambda;
        d->exponent = ci_num_fixed_exponent(max, s->n_sample);
        status = density_size(d, s);
    }
    if (status == CI_OK)
        status = ci_mem_alloc(&d->sum, d->n_u * d->n_v, sizeof *d->sum, "uv density");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        for (size_t i = 0; i < s->n_rows; i++)
            density_add(d, &s->rows[i], weight[i]);
        status = ci_par_sum_int(comm, d->sum, d->n_u * d->n_v);
    }
    if (status != CI_OK) {
        ci_image_density_free(d);
        return status;
    }
    *out = d;
    return CI_OK;
}

/* ---- imaging weights ---------------------------------------------------------------------- */

/* Briggs (1995): f^2 = (5 10^-R)^2 / (sum W_cell^2 / sum w). */
static double briggs_f2(const ci_image_density *d, double robust)
{
    double square = 0, sum = 0;
    for (size_t i = 0; i < d->n_u * d->n_v; i++) {
        double w = ldexp((double)d->sum[i], -d->exponent);
        square += w * w;
        sum += w;
    }
    double f = 5 * pow(10, -robust);
    return f * f * sum / square;
}

static void weights_apply(ci_vis_samples *s, size_t i_rows, const ci_image_density *d,
                          bool is_uniform, double f2)
{
    const ci_vis_rows *rows = &s->rows[i_rows];
    for (size_t r = 0; r < rows->n_row; r++)
        for (size_t c = 0; c < rows->n_chan; c++) {
            size_t i = r * rows->n_chan + c;
            double w = s->natural[i_rows][i];
            if (w <= 0) continue;
            double k = rows->freq_hz[c] / CI_C_M_S;
            double cell =
                ci_image_density_at(d, rows->uvw_m[3 * r] * k, rows->uvw_m[3 * r + 1] * k);
            s->weight[i_rows][i] = (float)(is_uniform ? w / fmax(cell, w) : w / (1 + f2 * cell));
        }
}

ci_status ci_image_weights_set(ci_comm *comm, ci_vis_samples *s, ci_image_weighting weighting,
                               double robust, double extent_rad)
{
    if (weighting == CI_IMAGE_NATURAL) {
        for (size_t i = 0; i < s->n_rows; i++)
            for (size_t k = 0; k < s->rows[i].n_row * s->rows[i].n_chan; k++)
                s->weight[i][k] = s->natural[i][k];
        return CI_OK;
    }
    ci_image_density *d = NULL;
    CI_TRY(ci_image_density_new(comm, &d, s, 1 / extent_rad, false));
    double f2 = briggs_f2(d, robust);
    for (size_t i = 0; i < s->n_rows; i++)
        weights_apply(s, i, d, weighting == CI_IMAGE_UNIFORM, f2);
    ci_image_density_free(d);
    return CI_OK;
}

/* ---- sums ------------------------------------------------------------------------------------ */

enum
{
    SUM_WEIGHT,
    SUM_FREQ,
    SUM_NOISE,
    N_SUM
};

static void units_fill(const ci_vis_samples *s, double *unit, ci_image_sums *edges)
{
    double *here = unit;
    for (size_t i = 0; i < s->n_rows; i++) {
        const ci_vis_block *b = s->set->block[i];
        for (size_t r = 0; r < b->n_row; r++) {
            if (ci_vis_unit_begins(b, r)) {
                here = unit;
                unit += N_SUM;
            }
            for (size_t c = 0; c < b->n_chan; c++) {
                double w = s->weight[i][r * b->n_chan + c];
                if (w <= 0) continue;
                double f = b->freq_hz[c];
                here[SUM_WEIGHT] += w;
                here[SUM_FREQ] += w * f;
                here[SUM_NOISE] += w * w / s->natural[i][r * b->n_chan + c];
                edges->freq_min_hz = fmin(edges->freq_min_hz, f - b->width_hz[c] / 2);
                edges->freq_max_hz = fmax(edges->freq_max_hz, f + b->width_hz[c] / 2);
            }
        }
    }
}

ci_status ci_image_sums_get(ci_comm *comm, const ci_vis_samples *s, ci_image_sums *out)
{
    *out = (ci_image_sums){.freq_min_hz = 1e300, .freq_max_hz = -1e300};
    size_t n_unit = ci_vis_samples_units(s);
    double *unit = NULL, sum[N_SUM] = {0};
    CI_TRY(ci_par_alloc(comm, &unit, n_unit * N_SUM, sizeof *unit, "sums of weights"));
    units_fill(s, unit, out);
    ci_status status = ci_par_sum_units(comm, n_unit, N_SUM, unit, sum);
    ci_mem_free(unit);
    CI_TRY(status);
    CI_TRY(ci_par_min_double(comm, &out->freq_min_hz, 1));
    CI_TRY(ci_par_max_double(comm, &out->freq_max_hz, 1));
    out->weight = sum[SUM_WEIGHT];
    out->freq_hz = sum[SUM_FREQ] / sum[SUM_WEIGHT];
    out->thermal_jy = sqrt(sum[SUM_NOISE]) / sum[SUM_WEIGHT];
    return CI_OK;
}
