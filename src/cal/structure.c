/* Structure of the source that a table was solved on, against its model: what is gathered of the
 * calibrated amplitudes of baselines. */
#include "cal/structure.h"

#include "cal/sums.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum
{
    N_SUM = 6 /* of a baseline: re, im, weight, and by weight u u, u v, v v in wavelengths^2 */
};

static const double cell_lambda = 20;   /* in one of that size a field's sources are seen alike */
static const double least_ratio = 0.02; /* of data to model; what is left has no logarithm */

/* ---- sums of baselines -------------------------------------------------------------------- */

/* Adds what one baseline has in one interval. */
static void interval_add(const ci_cal_problem *p, const ci_cal_bandpass_parts *k, size_t i_part,
                         size_t b, size_t t, const double uv[CI_CAL_MOMENTS], double *out)
{
    size_t ant1 = (size_t)p->meta->baseline_ant1[p->part[i_part].part.i_baseline_first + b];
    size_t ant2 = (size_t)p->meta->baseline_ant2[p->part[i_part].part.i_baseline_first + b];
    for (size_t h = 0; h < p->n_feed; h++) {
        double in[3];
        size_t g1 = (h * p->n_interval + t) * p->n_antenna + ant1;
        size_t g2 = (h * p->n_interval + t) * p->n_antenna + ant2;
        if (p->gain_flag[g1] || p->gain_flag[g2]) continue;
        ci_c64 g = p->gain[g1] * conj(p->gain[g2]);
        ci_cal_interval_sums(p, k, i_part, b, h, t, in);
        ci_c64 a = (in[0] + I * in[1]) * conj(g);
        double weight = creal(g * conj(g)) * in[2];
        out[0] += creal(a);
        out[1] += cimag(a);
        out[2] += weight;
        for (size_t i = 0; i < CI_CAL_MOMENTS; i++)
            out[3 + i] += weight * uv[i];
    }
}

/* Of one part, [baseline][N_SUM]. */
static void part_sums(const ci_cal_problem *p, const ci_cal_bandpass_parts *k, size_t i_part,
                      const ci_vis_block *block, double *out)
{
    double mid = 0.5 * (block->freq_hz[0] + block->freq_hz[block->n_chan - 1]);
    double scale = mid / CI_C_M_S * (mid / CI_C_M_S);
    for (size_t r = 0, end; r < block->n_row; r = end) {
        size_t b = (size_t)block->i_baseline[r], t = p->i_interval[block->i_time[r]];
        double uv[CI_CAL_MOMENTS] = {0};
        for (end = r; end < block->n_row && (size_t)block->i_baseline[end] == b &&
                      p->i_interval[block->i_time[end]] == t;
             end++) {
            const double *at = block->uvw_m + 3 * end;
            uv[0] += at[0] * at[0] * scale;
            uv[1] += at[0] * at[1] * scale;
            uv[2] += at[1] * at[1] * scale;
        }
        for (size_t i = 0; i < CI_CAL_MOMENTS; i++)
            uv[i] /= (double)(end - r);
        b -= block->part.i_baseline_first;
        if (!ci_vis_baseline_is_auto(p->meta, (size_t)block->i_baseline[r]))
            interval_add(p, k, i_part, b, t, uv, out + N_SUM * b);
    }
}

/* Of all parts, added over sub-bands in order: *sums [n_baseline][N_SUM] on every rank. */
static ci_status sums_gather(const ci_cal_problem *p, const ci_vis_set *set, double *sums)
{
    size_t n = 0, n_byte = 0;
    double *here = NULL;
    void *whole = NULL;
    ci_cal_bandpass_parts k = {0};
    for (size_t i = 0; i < p->n_part; i++)
        n += p->part[i].part.n_baseline;
    ci_status status = ci_cal_bandpass_parts_new(p, &k);
    if (status == CI_OK) status = ci_mem_alloc(&here, N_SUM * n, sizeof *here, "structure");
    status = ci_par_agree(p->comm, status);
    n = 0;
    for (size_t i = 0; status == CI_OK && i < p->n_part; i++) {
        part_sums(p, &k, i, set->block[i], here + N_SUM * n);
        n += p->part[i].part.n_baseline;
    }
    if (status == CI_OK)
        status = ci_par_gather(p->comm, here, N_SUM * n * sizeof *here, -1, &whole, &n_byte);
    const double *in = whole;
    for (size_t i = 0; status == CI_OK && i < p->n_share; i++) {
        double *to = sums + N_SUM * p->share[i].i_baseline_first;
        for (int64_t j = 0; j < N_SUM * p->share[i].n_baseline; j++)
            to[j] += *in++;
    }
    ci_cal_bandpass_parts_clear(&k);
    ci_mem_free(here);
    ci_mem_free(whole);
    return status;
}

/* ---- the fit ------------------------------------------------------------------------------- */

static int by_cell(const void *a, const void *b)
{
    const ci_cal_span *x = a, *y = b;
    for (int i = 0; i < 2; i++)
        if (x->cell[i] != y->cell[i]) return x->cell[i] < y->cell[i] ? -1 : 1;
    if (x->ant1 != y->ant1) return x->ant1 < y->ant1 ? -1 : 1;
    return x->ant2 < y->ant2 ? -1 : x->ant2 > y->ant2;
}

/* exp(2 pi i (u l + v m)) in the mean over a source about its centre: its log is -2 pi^2 times
 * u u <l l> + 2 u v <l m> + v v <m m>. */
static void baselines_fill(const ci_cal_problem *p, const double *sums, ci_cal_fit *f)
{
    const double unit = -2 * CI_PI * CI_PI * CI_ARCSEC_TO_RAD * CI_ARCSEC_TO_RAD;
    for (size_t b = 0; b < p->n_baseline; b++) {
        const double *s = sums + N_SUM * b;
        double ratio = hypot(s[0], s[1]) / s[2];
        if (!(s[2] > 0) || !(ratio > least_ratio) || !isfinite(ratio)) continue;
        ci_cal_span *to = &f->each[f->n++];
        *to = (ci_cal_span){.ant1 = (size_t)p->meta->baseline_ant1[b],
                            .ant2 = (size_t)p->meta->baseline_ant2[b],
                            .weight = s[2],
                            .uu = s[3] / s[2],
                            .uv = s[4] / s[2],
                            .vv = s[5] / s[2]};
        to->x[0] = unit * to->uu;
        to->x[1] = unit * 2 * to->uv;
        to->x[2] = unit * to->vv;
        to->x[CI_CAL_MOMENTS] = log(ratio);
        to->cell[0] = floor(sqrt(to->uu) / cell_lambda);
        to->cell[1] = floor(copysign(sqrt(to->vv), to->uv) / cell_lambda);
        f->length2 = fmax(f->length2, to->uu + to->vv);
    }
    qsort(f->each, f->n, sizeof *f->each, by_cell);
}

static ci_status fit_new(const ci_cal_problem *p, ci_cal_fit *f)
{
    static const char what[] = "structure of the calibrator";
    const ci_vis_sub_band *first = &p->meta->sub_band[0];
    const ci_vis_sub_band *last = &p->meta->sub_band[p->meta->n_sub_band - 1];
    double from = first->freq_hz[0], to = last->freq_hz[last->n_chan - 1];
    *f = (ci_cal_fit){.n_antenna = p->n_antenna, .half_band = fabs(to - from) / (to + from)};
    CI_TRY(ci_mem_alloc(&f->each, p->n_baseline, sizeof *f->each, what));
    CI_TRY(ci_mem_alloc(&f->normal, p->n_antenna * p->n_antenna, sizeof *f->normal, what));
    CI_TRY(ci_mem_alloc(&f->antenna, CI_CAL_COLUMNS * p->n_antenna, sizeof *f->antenna, what));
    CI_TRY(ci_mem_alloc(&f->is_used, p->n_antenna, sizeof *f->is_used, what));
    return ci_mem_alloc(&f->scratch, p->n_baseline, sizeof *f->scratch, what);
}

ci_status ci_cal_structure_find(const ci_cal_problem *p, const ci_vis_set *set,
                                ci_cal_structure *out)
{
    size_t mark = ci_timer_begin(ci_comm_timer(p->comm), "structure");
    double *sums = NULL;
    ci_cal_fit f = {0};
    ci_status status = fit_new(p, &f);
    if (status == CI_OK)
        status = ci_mem_alloc(&sums, N_SUM * p->n_baseline, sizeof *sums, "structure");
    status = ci_par_agree(p->comm, status);
    if (status == CI_OK) status = sums_gather(p, set, sums);
    if (status == CI_OK) {
        baselines_fill(p, sums, &f);
        ci_cal_structure_fit(&f, out);
        ci_cal_neighbour_fit(&f, out);
    }
    ci_mem_free(sums);
    ci_mem_free(f.each);
    ci_mem_free(f.normal);
    ci_mem_free(f.antenna);
    ci_mem_free(f.is_used);
    ci_mem_free(f.scratch);
    ci_timer_end(ci_comm_timer(p->comm), mark);
    return status;
}
