/* Spectra of pixel components: orthogonal polynomials of ln nu, found in images of the residual
 * visibilities times each of them (Rau & Cornwell 2011; docs/adr/0009). */
#include "contimg/clean_spectra.h"

#include "clean/state.h"

#include <math.h>

enum
{
    MAX = CI_CLEAN_SPECTRA_MAX,
    N_MOMENT = 2 * MAX - 1,
    ROUNDS_MAX = 8,
    PATCH_HALF = 256,
    ACTIVE_MAX = 20000, /* pixels that one rank can work on */
    ITERATION_MAX = 1000000
};
/* Where there are components there is flux with a slope, and what is left of many adds up in their
 * sidelobes: so below the noise. */
static const double threshold_rms = 0.5; /* of a term's image: down to which it is deconvolved */
static const double done_rms = 1;        /* no more rounds where its peak is less */
static const double depth = 0.2;         /* of its peak, to which one round goes */
static const double gain = 0.3;          /* of minor cycles: where sources are is known */
static const double least_norm = 1e-6;   /* of a polynomial whose samples tell it, relative */

struct ci_clean_spectra
{
    ci_clean *clean;
    int n_term;
    double poly[MAX][MAX]; /* of term j: coefficients of x^k, x = ln(nu / reference) */
    double norm[MAX];      /* sum of weights times its square */
    double *pixels[MAX];   /* slabs of its coefficients, Jy; of term 0: none */
    double *image;         /* slab */
    ci_c32 *vis;           /* [n_sample] scratch */
    ci_clean_patch patch[MAX];
};

static size_t slab_of(const ci_clean_spectra *s)
{
    return s->clean->layout->n_here * s->clean->layout->n_x;
}

/* ---- polynomials ----------------------------------------------------------------------------- */

static double poly_at(const double *poly, double x)
{
    double sum = 0;
    for (int k = MAX - 1; k >= 0; k--)
        sum = sum * x + poly[k];
    return sum;
}

/* ln(nu / reference) along a row. */
static const float *row_x(const ci_clean_spectra *s, size_t i_row)
{
    const ci_vis_samples *samples = s->clean->setup.samples;
    return s->clean->setup.model->axis.x + samples->axis[samples->i_axis[i_row]].first;
}

/* Sums of weight x^k over all samples. */
static ci_status moments_sum(ci_comm *comm, const ci_clean_spectra *s, double moment[N_MOMENT])
{
    const ci_vis_samples *v = s->clean->setup.samples;
    double *here = NULL;
    ci_par_pairwise *sums = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(v), N_MOMENT));
    for (size_t r = 0; r < v->n_row; r++) {
        const float *x = row_x(s, r);
        if (ci_vis_samples_summand_begins(v, r)) here = ci_par_pairwise_next(sums);
        for (size_t c = 0; c < ci_vis_row_n_chan(v, r); c++) {
            double w = v->weight[v->first[r] + c];
            if (!(w > 0)) continue;
            for (int k = 0; k < N_MOMENT; k++, w *= x[c])
                here[k] += w;
        }
    }
    ci_status status = ci_par_pairwise_finish(comm, sums, moment);
    ci_par_pairwise_free(sums);
    return status;
}

static double inner(const double *a, const double *b, const double *moment)
{
    double sum = 0;
    for (int i = 0; i < MAX; i++)
        for (int j = 0; j < MAX; j++)
            sum += a[i] * b[j] * moment[i + j];
    return sum;
}

/* x^j less its parts along the lower ones (Gram & Schmidt). Terms that the samples do not tell go.
 */
static void polynomials_make(ci_clean_spectra *s, const double *moment)
{
    int n_term = s->n_term;
    for (s->n_term = 0; s->n_term < n_term; s->n_term++) {
        int j = s->n_term;
        double *p = s->poly[j], power[MAX] = {0};
        p[j] = power[j] = 1;
        double whole = moment[2 * j];
        for (int i = 0; i < j; i++) {
            double part = inner(power, s->poly[i], moment) / s->norm[i];
            for (int k = 0; k < j; k++)
                p[k] -= part * s->poly[i][k];
        }
        s->norm[j] = inner(p, p, moment);
        if (!(s->norm[j] > least_norm * whole)) return;
    }
}

/* ---- making ---------------------------------------------------------------------------------- */

void ci_clean_spectra_free(ci_clean_spectra *s)
{
    if (!s) return;
    for (int j = 0; j < MAX; j++) {
        ci_mem_free(s->pixels[j]);
        ci_mem_free(s->patch[j].value);
    }
    ci_mem_free(s->image);
    ci_mem_free(s->vis);
    ci_mem_free(s);
}

static ci_status arrays_new(ci_clean_spectra *s)
{
    if (s->n_term <= 1) return CI_OK;
    CI_TRY(ci_mem_alloc(&s->image, slab_of(s), sizeof *s->image, "image of a spectral term"));
    CI_TRY(ci_mem_alloc(&s->vis, s->clean->setup.samples->n_sample, sizeof *s->vis,
                        "visibilities of a spectral term"));
    for (int j = 1; j < s->n_term; j++)
        CI_TRY(ci_mem_alloc(&s->pixels[j], slab_of(s), sizeof *s->pixels[j], "spectral term"));
    return CI_OK;
}

ci_status ci_clean_spectra_new(ci_comm *comm, ci_clean_spectra **out, ci_clean *clean, int n_term)
{
    *out = NULL;
    CI_PAR_EQUAL(comm, "spectra: number of terms", n_term);
    ci_clean_spectra *s = NULL;
    double moment[N_MOMENT];
    CI_TRY(ci_par_alloc(comm, &s, 1, sizeof *s, "spectra"));
    s->clean = clean;
    s->n_term = n_term;
    ci_status status = moments_sum(comm, s, moment);
    if (status == CI_OK) {
        polynomials_make(s, moment);
        status = ci_par_agree(comm, arrays_new(s));
    }
    if (status == CI_OK)
        *out = s;
    else
        ci_clean_spectra_free(s);
    return status;
}

/* ---- images of a term ------------------------------------------------------------------------ */

/* vis = the residual times the polynomial, or its square. */
static void vis_weigh(ci_clean_spectra *s, int j, bool is_psf)
{
    const ci_vis_samples *v = s->clean->setup.samples;
    for (size_t r = 0; r < v->n_row; r++) {
        const float *x = row_x(s, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(v, r); c++) {
            size_t i = v->first[r] + c;
            double value = poly_at(s->poly[j], x[c]);
            s->vis[i] = is_psf ? (float)(value * value) : (float)value * v->computed[i];
        }
    }
}

static ci_status term_image(ci_comm *comm, ci_clean_spectra *s, int j, bool is_psf)
{
    vis_weigh(s, j, is_psf);
    CI_TRY(ci_grid_image(comm, s->clean->setup.gridder, s->vis, s->image));
    for (size_t i = 0; i < slab_of(s); i++)
        s->image[i] /= s->norm[j];
    return CI_OK;
}

/* The middle of the term's PSF, on rank 0. */
static ci_status patch_make(ci_comm *comm, ci_clean_spectra *s, int j)
{
    const ci_grid_layout *l = s->clean->layout;
    size_t x = l->n_x / 2, y = l->n_y / 2, half = PATCH_HALF;
    const size_t room[4] = {x, y, l->n_x - 1 - x, l->n_y - 1 - y};
    if (s->patch[j].half > 0) return CI_OK;
    for (int i = 0; i < 4; i++)
        half = room[i] < half ? room[i] : half;
    CI_TRY(term_image(comm, s, j, true));
    s->patch[j].half = half;
    return ci_grid_slab_cut(comm, l, s->image,
                            (ci_grid_rectangle){x - half, y - half, 2 * half + 1, 2 * half + 1}, 0,
                            &s->patch[j].value);
}

/* ---- deconvolution --------------------------------------------------------------------------- */

static bool has_component(const ci_clean_spectra *s, size_t i)
{
    const double *extended = s->clean->setup.model->extended;
    return s->clean->pixels[i] != 0 || (extended && extended[i] != 0);
}

/* This rank's pixels of the image that hold components and are above the threshold. */
static ci_status active_find(const ci_clean_spectra *s, double threshold, ci_clean_active **out,
                             size_t *n_out)
{
    const ci_grid_layout *l = s->clean->layout;
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) CI_TRY(ci_mem_alloc(out, n, sizeof **out, "active pixels"));
        n = 0;
        for (size_t i = 0; i < slab_of(s); i++) {
            if (!has_component(s, i) || !(fabs(s->image[i]) > threshold)) continue;
            if (pass == 1)
                (*out)[n] = (ci_clean_active){.x = (int32_t)(i % l->n_x),
                                              .y = (int32_t)(l->y_first + i / l->n_x),
                                              .value = (float)s->image[i],
                                              .threshold = (float)threshold,
                                              .threshold_in = (float)threshold};
            n++;
        }
    }
    *n_out = n;
    return CI_OK;
}

/* All ranks' active pixels on rank 0, *n_all of them; none where they are faint. */
static ci_status active_gather(ci_comm *comm, const ci_clean_spectra *s, double rms,
                               ci_clean_active **out, int64_t *n_all)
{
    ci_clean_active *here = NULL;
    size_t n = 0;
    double peak = 0, threshold = threshold_rms * rms;
    *out = NULL;
    for (size_t i = 0; i < slab_of(s); i++)
        if (has_component(s, i)) peak = fmax(peak, fabs(s->image[i]));
    CI_TRY(ci_par_max_double(comm, &peak, 1));
    if (!(peak > done_rms * rms)) threshold = INFINITY;
    for (;; threshold *= 1.5) {
        ci_mem_free(here);
        here = NULL;
        CI_AGREE(comm, active_find(s, threshold, &here, &n));
        *n_all = (int64_t)n;
        ci_status status = ci_par_sum_int(comm, n_all, 1);
        if (status == CI_OK && *n_all > ACTIVE_MAX) continue;
        if (status == CI_OK)
            status = ci_par_gather(comm, here, n * sizeof *here, 0, (void **)out, NULL);
        ci_mem_free(here);
        return status;
    }
}

/* Minor cycles on rank 0: what they find, by index of the pixel. */
static ci_status minor_run(const ci_clean_spectra *s, int j, ci_clean_active *active, size_t n,
                           ci_grid_pixel **out, size_t *n_out)
{
    double *flux = NULL, peak = 0;
    ci_clean_minor_result result;
    CI_TRY(ci_mem_alloc(out, n, sizeof **out, "spectral components"));
    CI_TRY(ci_mem_alloc(&flux, n, sizeof *flux, "spectral components"));
    for (size_t i = 0; i < n; i++)
        peak = fmax(peak, fabsf(active[i].value));
    const ci_clean_minor_limits limits = {
        .gain = gain, .stop = depth * peak, .max_iteration = ITERATION_MAX};
    ci_status status = ci_clean_minor_clark(&s->patch[j], n, active, flux, &limits, &result);
    *n_out = 0;
    for (size_t i = 0; status == CI_OK && !result.diverged && i < n; i++)
        if (flux[i] != 0)
            (*out)[(*n_out)++] = (ci_grid_pixel){
                (int64_t)active[i].y * (int64_t)s->clean->layout->n_x + active[i].x, flux[i]};
    ci_mem_free(flux);
    return status;
}

/* The same on all ranks. */
static ci_status found_share(ci_comm *comm, ci_grid_pixel **found, size_t *n)
{
    int64_t count = (int64_t)*n;
    CI_TRY(ci_par_bcast(comm, &count, sizeof count, 0));
    *n = (size_t)count;
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) != 0)
        status = ci_mem_alloc(found, *n, sizeof **found, "spectral components");
    CI_TRY(ci_par_agree(comm, status));
    return ci_par_bcast(comm, *found, *n * sizeof **found, 0);
}

/* What was found into the model, and out of residual and data. */
static ci_status found_take(ci_comm *comm, ci_clean_spectra *s, int j, const ci_grid_pixel *found,
                            size_t n)
{
    ci_vis_samples *v = s->clean->setup.samples;
    int64_t first = (int64_t)(s->clean->layout->y_first * s->clean->layout->n_x);
    for (size_t i = 0; i < slab_of(s); i++)
        s->image[i] = 0;
    for (size_t k = 0; k < n; k++) {
        int64_t i = found[k].index - first;
        if (i < 0 || i >= (int64_t)slab_of(s)) continue;
        s->image[i] = found[k].value;
        s->pixels[j][i] += found[k].value;
    }
    CI_TRY(ci_grid_degrid(comm, s->clean->setup.gridder, s->image, s->vis));
    for (size_t r = 0; r < v->n_row; r++) {
        const float *x = row_x(s, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(v, r); c++) {
            size_t i = v->first[r] + c;
            if (!(v->weight[i] > 0)) continue;
            ci_c32 part = (float)poly_at(s->poly[j], x[c]) * s->vis[i];
            v->computed[i] -= part;
            v->data[i] -= part;
        }
    }
    return CI_OK;
}

/* One term's round; *n_found components. */
static ci_status term_round(ci_comm *comm, ci_clean_spectra *s, int j, size_t *n_found)
{
    ci_clean_active *active = NULL;
    ci_grid_pixel *found = NULL;
    int64_t n = 0;
    double rms;
    *n_found = 0;
    CI_TRY(term_image(comm, s, j, false));
    CI_TRY(ci_grid_slab_rms(comm, s->clean->layout, s->image, &rms));
    CI_TRY(active_gather(comm, s, rms, &active, &n));
    ci_status status = n > 0 ? patch_make(comm, s, j) : CI_OK;
    if (status == CI_OK && ci_comm_rank(comm) == 0)
        status = minor_run(s, j, active, (size_t)n, &found, n_found);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = found_share(comm, &found, n_found);
    if (status == CI_OK && *n_found > 0) status = found_take(comm, s, j, found, *n_found);
    ci_mem_free(active);
    ci_mem_free(found);
    return status;
}

ci_status ci_clean_spectra_fit(ci_comm *comm, ci_clean_spectra *s, bool *changed)
{
    size_t n_all = 0;
    *changed = false;
    if (!s->clean->is_exact) CI_TRY(ci_clean_residual_plain(comm, s->clean));
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t n_round = 0;
        for (int j = 1; j < s->n_term; j++) {
            size_t n;
            ci_log_progress("spectra: round %d, term %d", round + 1, j);
            CI_TRY(term_round(comm, s, j, &n));
            n_round += n;
        }
        n_all += n_round;
        if (n_round == 0) break;
    }
    *changed = n_all > 0;
    if (n_all == 0) return CI_OK;
    ci_log_info("spectra: %zu component%s with a spectrum of %s own", n_all,
                ci_plural((int64_t)n_all), n_all == 1 ? "its" : "their");
    return ci_clean_residual_image(comm, s->clean);
}

void ci_clean_spectra_add(const ci_clean_spectra *s, const double *power, double *slab)
{
    for (int j = 1; j < s->n_term; j++) {
        double mean = 0;
        for (int k = 0; k < MAX; k++)
            mean += s->poly[j][k] * power[k];
        for (size_t i = 0; i < slab_of(s); i++)
            slab[i] += mean * s->pixels[j][i];
    }
}
