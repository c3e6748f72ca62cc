/* Imaging weights (natural, uniform, Briggs) and sums over them that do not depend on the
 * number of ranks. */
#include "image/weight.h"

#include <math.h>
#include <string.h>

static const double taper_least = 1e-6; /* of the shortest baseline's weight */

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

static void density_add(ci_image_density *d, const ci_vis_samples *s, const float *weight)
{
    for (size_t r = 0; r < s->n_row; r++) {
        const double *uvw = s->uvw_m + 3 * r, *freq_hz = ci_vis_row_freq(s, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(s, r); c++) {
            float w = weight[s->first[r] + c];
            if (w <= 0) continue;
            double k = freq_hz[c] / CI_C_M_S;
            d->sum[density_index(d, uvw[0] * k, uvw[1] * k)] += ci_num_fixed(w, d->exponent);
        }
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
    const float *weight = use_imaging ? s->weight : s->natural;
    double max = s->max_natural;
    if (use_imaging) CI_TRY(ci_vis_samples_max_weight(comm, s, weight, &max));
    ci_status status = ci_mem_alloc(&d, 1, sizeof *d, "uv density");
    if (status == CI_OK) {
        d->cell_lambda = cell_lambda;
        d->exponent = ci_num_fixed_exponent(max, s->n_good);
        status = density_size(d, s);
    }
    if (status == CI_OK)
        status = ci_mem_alloc(&d->sum, d->n_u * d->n_v, sizeof *d->sum, "uv density");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        density_add(d, s, weight);
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

static void weights_apply(ci_vis_samples *s, const ci_image_density *d, bool is_uniform, double f2)
{
    for (size_t r = 0; r < s->n_row; r++) {
        const double *uvw = s->uvw_m + 3 * r, *freq_hz = ci_vis_row_freq(s, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(s, r); c++) {
            double w = s->natural[s->first[r] + c];
            if (w <= 0) continue;
            double k = freq_hz[c] / CI_C_M_S;
            double cell = ci_image_density_at(d, uvw[0] * k, uvw[1] * k);
            s->weight[s->first[r] + c] =
                (float)(is_uniform ? w / fmax(cell, w) : w / (1 + f2 * cell));
        }
    }
}

/* Times exp(-pi^2 taper^2 (u^2 + v^2) / (4 ln 2)), the transform of a Gaussian of that full width
 * at half power; *least: the least of these exponents. */
static void taper_apply(ci_vis_samples *s, double taper_rad, double *least)
{
    double factor = CI_PI * CI_PI * taper_rad * taper_rad / (4 * log(2));
    *least = INFINITY;
    for (size_t r = 0; r < s->n_row; r++) {
        const double *uvw = s->uvw_m + 3 * r, *freq_hz = ci_vis_row_freq(s, r);
        double square = (uvw[0] * uvw[0] + uvw[1] * uvw[1]) / (CI_C_M_S * CI_C_M_S);
        for (size_t c = 0; c < ci_vis_row_n_chan(s, r); c++) {
            float *w = &s->weight[s->first[r] + c];
            if (*w <= 0) continue;
            double exponent = factor * square * freq_hz[c] * freq_hz[c];
            *least = fmin(*least, exponent);
            *w = (float)(*w * exp(-exponent));
        }
    }
}

static ci_status weights_taper(ci_comm *comm, ci_vis_samples *s, double taper_rad)
{
    double least;
    if (!(taper_rad > 0)) return CI_OK;
    taper_apply(s, taper_rad, &least);
    CI_TRY(ci_par_min_double(comm, &least, 1));
    if (exp(-least) >= taper_least || isinf(least)) return CI_OK;
    return ci_error(CI_ERR_USAGE,
                    "--taper %.6g: leaves %.2g of the weight of the shortest baseline of these "
                    "data, and less of the others: give less than %.3g arcsec",
                    taper_rad * CI_RAD_TO_ARCSEC, exp(-least),
                    taper_rad * sqrt(-log(taper_least) / least) * CI_RAD_TO_ARCSEC);
}

bool ci_image_weights_are_natural(const ci_image_options *o)
{
    return o->weighting == CI_IMAGE_NATURAL && !(o->taper_rad > 0);
}

ci_status ci_image_weights_set(ci_comm *comm, ci_vis_samples *s, const ci_image_options *o,
                               double extent_rad)
{
    if (o->weighting == CI_IMAGE_NATURAL) {
        if (s->n_sample > 0) memcpy(s->weight, s->natural, s->n_sample * sizeof *s->weight);
        return weights_taper(comm, s, o->taper_rad);
    }
    ci_image_density *d = NULL;
    CI_TRY(ci_image_density_new(comm, &d, s, 1 / extent_rad, false));
    double f2 = briggs_f2(d, o->robust);
    weights_apply(s, d, o->weighting == CI_IMAGE_UNIFORM, f2);
    ci_image_density_free(d);
    return weights_taper(comm, s, o->taper_rad);
}

/* ---- sums ------------------------------------------------------------------------------------ */

enum
{
    SUM_WEIGHT,
    SUM_FREQ,
    SUM_NOISE,
    N_SUM
};

static void summands_fill(const ci_vis_samples *s, ci_par_pairwise *sums)
{
    double *here = NULL;
    for (size_t r = 0; r < s->n_row; r++) {
        if (ci_vis_samples_summand_begins(s, r)) here = ci_par_pairwise_next(sums);
        const ci_vis_axis *axis = &s->axis[s->i_axis[r]];
        for (size_t c = 0; c < axis->n_chan; c++) {
            double w = s->weight[s->first[r] + c], f = s->freq_hz[axis->first + c];
            if (w <= 0) continue;
            here[SUM_WEIGHT] += w;
            here[SUM_FREQ] += w * f;
            here[SUM_NOISE] += w * w / s->natural[s->first[r] + c];
        }
    }
}

ci_status ci_image_sums_get(ci_comm *comm, const ci_vis_samples *s, ci_image_sums *out)
{
    *out = (ci_image_sums){.freq_min_hz = s->freq_min_hz, .freq_max_hz = s->freq_max_hz};
    double sum[N_SUM] = {0};
    ci_par_pairwise *sums = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(s), N_SUM));
    summands_fill(s, sums);
    ci_status status = ci_par_pairwise_finish(comm, sums, sum);
    ci_par_pairwise_free(sums);
    CI_TRY(status);
    out->weight = sum[SUM_WEIGHT];
    out->freq_hz = sum[SUM_FREQ] / sum[SUM_WEIGHT];
    out->thermal_jy = sqrt(sum[SUM_NOISE]) / sum[SUM_WEIGHT];
    return CI_OK;
}
