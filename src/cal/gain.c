/* Gains: one solve per interval over the whole band, by the rank of number interval mod
 * ranks; sums over channels by lanes, over sub-bands in order. And the residual. */
#include "cal/share.h"
#include "cal/sums.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    N_AT_ONCE = 6 /* intervals that are summed at once */
};

/* sums over one sub-band with the present bandpass: re, im, b. */
static void baseline_sums(const ci_cal_problem *p, const ci_cal_bandpass_parts *k, size_t i_part,
                          size_t b, size_t h, size_t t, double loss, double out[3])
{
    const ci_cal_sums *s = &p->part[i_part];
    size_t ant1 = (size_t)p->meta->baseline_ant1[s->part.i_baseline_first + b];
    size_t ant2 = (size_t)p->meta->baseline_ant2[s->part.i_baseline_first + b];
    ci_cal_normal in = ci_cal_normal_at(s, ci_cal_sum_index(p, s, b, h, t));
    out[0] = out[1] = out[2] = 0;
    if (ant1 == ant2 || k->is_empty[i_part]) return;
    ci_cal_normal_sum(ci_comm_isa(p->comm), &in, ci_cal_bandpass_of(k, i_part, s->n_chan, h, ant1),
                      ci_cal_bandpass_of(k, i_part, s->n_chan, h, ant2), s->n_chan, out);
    out[0] *= loss;
    out[1] *= loss;
    out[2] *= loss * loss;
}

/* The same from sums of integrations. */
static void fine_sums(const ci_cal_problem *p, size_t i_part, size_t b, size_t h, size_t t,
                      double *out, size_t n_out)
{
    const double *in = p->part[i_part].fine + (b * p->n_feed + h) * p->meta->n_time * CI_CAL_FINE;
    memset(out, 0, n_out * sizeof *out);
    for (size_t i = ci_cal_interval_first(p, t); i < p->meta->n_time && p->i_interval[i] == t; i++)
        for (size_t k = 0; k < n_out; k++)
            out[k] += in[CI_CAL_FINE * i + k];
}

static double loss_of(const ci_cal_problem *p, size_t i_part, size_t b, size_t h)
{
    const ci_vis_part *part = &p->part[i_part].part;
    size_t ant1 = (size_t)p->meta->baseline_ant1[part->i_baseline_first + b];
    size_t ant2 = (size_t)p->meta->baseline_ant2[part->i_baseline_first + b];
    return ci_cal_loss(p, part->i_sub_band, h, ant1, ant2);
}

void ci_cal_interval_sums(const ci_cal_problem *p, const ci_cal_bandpass_parts *k, size_t i_part,
                          size_t b, size_t h, size_t t, double out[3])
{
    if (p->part[i_part].fine)
        fine_sums(p, i_part, b, h, t, out, 3);
    else
        baseline_sums(p, k, i_part, b, h, t, loss_of(p, i_part, b, h), out);
}

/* This rank's sums of the intervals [first, end), [interval][part][baseline][feed][3], n_here of an
 * interval: those of a baseline lie side by side. */
static void intervals_sum(const ci_cal_problem *p, const ci_cal_bandpass_parts *k, size_t first,
                          size_t end, size_t n_here, double *out)
{
    for (size_t i = 0; i < p->n_part; i++) {
        bool is_fine = p->part[i].fine != NULL;
        for (size_t b = 0; b < p->part[i].part.n_baseline; b++)
            for (size_t h = 0; h < p->n_feed; h++, out += 3) {
                double loss = is_fine ? 1 : loss_of(p, i, b, h);
                for (size_t t = first; t < end; t++) {
                    double *to = out + (t - first) * n_here;
                    if (is_fine)
                        fine_sums(p, i, b, h, t, to, 3);
                    else
                        baseline_sums(p, k, i, b, h, t, loss, to);
                }
            }
    }
}

/* The gathered sums of all sub-bands, added in order, then solved; sums [3][n_baseline]. */
static void interval_solve(ci_cal_problem *p, size_t t, const double *all, double *sums)
{
    size_t n = p->n_baseline;
    for (size_t h = 0; h < p->n_feed; h++) {
        const double *in = all;
        memset(sums, 0, 3 * n * sizeof(double));
        for (size_t i = 0; i < p->n_share; i++) {
            size_t first = (size_t)p->share[i].i_baseline_first;
            for (size_t b = 0; b < (size_t)p->share[i].n_baseline; b++, in += 3 * p->n_feed)
                for (size_t k = 0; k < 3; k++)
                    sums[k * n + first + b] += in[3 * h + k];
        }
        size_t at = (h * p->n_interval + t) * p->n_antenna;
        int n_step = ci_cal_stefcal_solve(p->solver, sums, sums + n, sums + 2 * n, p->i_ref,
                                          p->gain + at, p->gain_flag + at, p->gain_snr + at);
        p->n_unconverged += n_step < 0;
        if (n_step > p->n_iteration) p->n_iteration = n_step;
    }
}

static ci_status solutions_share(ci_cal_problem *p)
{
    ci_cal_solutions all = {p->n_antenna, p->gain, p->gain_snr, p->gain_flag};
    size_t n = 0, size = ci_cal_solution_size(p->n_antenna);
    size_t rank = (size_t)ci_comm_rank(p->comm), n_rank = (size_t)ci_comm_size(p->comm);
    double *here = NULL;
    size_t n_max = (p->n_interval / n_rank + 1) * p->n_feed;
    CI_TRY(ci_par_alloc(p->comm, &here, n_max * size, sizeof *here, "gain solutions"));
    for (size_t t = rank; t < p->n_interval; t += n_rank)
        for (size_t h = 0; h < p->n_feed; h++)
            ci_cal_solution_pack(&all, h * p->n_interval + t, here + n++ * size);
    ci_status status = ci_cal_solutions_share(p->comm, here, n, &all);
    ci_mem_free(here);
    return status;
}

/* Scratch of a solve of gains. */
typedef struct gain_job
{
    size_t n_here; /* of this rank's sums of one interval */
    double *here;  /* [N_AT_ONCE][n_here] */
    double *sums;  /* [3][n_baseline] */
    ci_cal_bandpass_parts bandpass;
} gain_job;

static ci_status job_new(const ci_cal_problem *p, gain_job *job)
{
    *job = (gain_job){0};
    for (size_t i = 0; i < p->n_part; i++)
        job->n_here += 3 * p->n_feed * p->part[i].part.n_baseline;
    size_t n = p->n_interval < N_AT_ONCE ? p->n_interval : N_AT_ONCE;
    CI_TRY(ci_mem_alloc(&job->here, n * job->n_here, sizeof *job->here, "gain sums"));
    CI_TRY(ci_mem_alloc(&job->sums, 3 * p->n_baseline, sizeof *job->sums, "gain sums"));
    return ci_cal_bandpass_parts_new(p, &job->bandpass);
}

static void job_clear(gain_job *job)
{
    ci_cal_bandpass_parts_clear(&job->bandpass);
    ci_mem_free(job->here);
    ci_mem_free(job->sums);
}

static ci_status intervals_solve(ci_cal_problem *p, gain_job *job)
{
    int rank = ci_comm_rank(p->comm), n_rank = ci_comm_size(p->comm);
    for (size_t t = 0; t < p->n_interval; t++) {
        void *whole = NULL;
        size_t n_byte = 0, end = t + N_AT_ONCE < p->n_interval ? t + N_AT_ONCE : p->n_interval;
        int solver = (int)(t % (size_t)n_rank);
        if (t % N_AT_ONCE == 0) intervals_sum(p, &job->bandpass, t, end, job->n_here, job->here);
        CI_TRY(ci_par_gather(p->comm, job->here + t % N_AT_ONCE * job->n_here,
                             job->n_here * sizeof(double), solver, &whole, &n_byte));
        if (rank == solver) interval_solve(p, t, whole, job->sums);
        ci_mem_free(whole);
    }
    return CI_OK;
}

static ci_status gain_solve(ci_cal_problem *p)
{
    gain_job job;
    ci_status status = ci_par_agree(p->comm, job_new(p, &job));
    if (status == CI_OK) status = intervals_solve(p, &job);
    job_clear(&job);
    if (status == CI_OK) status = solutions_share(p);
    for (size_t h = 0; status == CI_OK && h < p->n_feed; h++) {
        size_t at = h * p->n_interval * p->n_antenna;
        ci_cal_reference_align(p->n_interval, p->n_antenna, p->i_ref, p->gain + at,
                               p->gain_flag + at);
    }
    return status;
}

ci_status ci_cal_gain_solve(ci_cal_problem *p)
{
    size_t mark = ci_timer_begin(ci_comm_timer(p->comm), "gains");
    ci_status status = gain_solve(p);
    ci_timer_end(ci_comm_timer(p->comm), mark);
    return status;
}

/* ---- residual ------------------------------------------------------------------- */

/* out += chi^2 and power of one interval, from sums of integrations. */
static void fine_power(const ci_cal_problem *p, size_t i_part, size_t b, size_t h, size_t t,
                       ci_c64 g, double out[2])
{
    double in[CI_CAL_FINE];
    fine_sums(p, i_part, b, h, t, in, CI_CAL_FINE);
    out[0] += in[3] - 2 * (creal(g) * in[0] + cimag(g) * in[1]) + creal(g * conj(g)) * in[2];
    out[1] += in[3];
}

/* chi^2 and power of one baseline, all intervals and channels with a solution. */
static void baseline_residual(const ci_cal_problem *p, const ci_cal_bandpass_parts *k,
                              size_t i_part, size_t b, size_t h, double out[2])
{
    const ci_cal_sums *s = &p->part[i_part];
    size_t ant1 = (size_t)p->meta->baseline_ant1[s->part.i_baseline_first + b];
    size_t ant2 = (size_t)p->meta->baseline_ant2[s->part.i_baseline_first + b];
    double loss = s->fine ? 1 : ci_cal_loss(p, s->part.i_sub_band, h, ant1, ant2);
    out[0] = out[1] = 0;
    for (size_t t = 0; t < p->n_interval && ant1 != ant2; t++) {
        size_t g1 = (h * p->n_interval + t) * p->n_antenna + ant1;
        size_t g2 = (h * p->n_interval + t) * p->n_antenna + ant2;
        if (p->gain_flag[g1] || p->gain_flag[g2]) continue;
        ci_c64 g = loss * p->gain[g1] * conj(p->gain[g2]);
        if (s->fine) {
            fine_power(p, i_part, b, h, t, g, out);
            continue;
        }
        float f[2] = {(float)creal(g), (float)cimag(g)};
        ci_cal_normal in = ci_cal_normal_at(s, ci_cal_sum_index(p, s, b, h, t));
        ci_cal_normal_power(ci_comm_isa(p->comm), &in,
                            ci_cal_bandpass_of(k, i_part, s->n_chan, h, ant1),
                            ci_cal_bandpass_of(k, i_part, s->n_chan, h, ant2), s->n_chan, f, out);
    }
}

ci_status ci_cal_powers_gather(ci_cal_problem *p, void **whole, size_t *n_all)
{
    size_t mark = ci_timer_begin(ci_comm_timer(p->comm), "powers");
    size_t n = 0, n_byte = 0;
    double *here = NULL, *out;
    *whole = NULL;
    for (size_t i = 0; i < p->n_part; i++)
        n += p->part[i].part.n_baseline;
    n *= 2 * p->n_feed;
    ci_cal_bandpass_parts k = {0};
    ci_status status = ci_cal_bandpass_parts_new(p, &k);
    if (status == CI_OK) status = ci_mem_alloc(&here, n, sizeof *here, "residual");
    status = ci_par_agree(p->comm, status);
    out = here;
    for (size_t i = 0; status == CI_OK && i < p->n_part; i++)
        for (size_t b = 0; b < p->part[i].part.n_baseline; b++)
            for (size_t h = 0; h < p->n_feed; h++, out += 2)
                baseline_residual(p, &k, i, b, h, out);
    if (status == CI_OK)
        status = ci_par_gather(p->comm, here, n * sizeof(double), -1, whole, &n_byte);
    ci_cal_bandpass_parts_clear(&k);
    ci_mem_free(here);
    *n_all = n_byte / sizeof(double);
    ci_timer_end(ci_comm_timer(p->comm), mark);
    return status;
}

ci_status ci_cal_residual(ci_cal_problem *p, double residual[2])
{
    size_t n = 0;
    double sum[4] = {0};
    void *whole = NULL;
    CI_TRY(ci_cal_powers_gather(p, &whole, &n));
    const double *in = whole;
    for (size_t i = 0; i < n; i++)
        sum[i % (2 * p->n_feed)] += in[i];
    residual[0] = residual[1] = NAN;
    for (size_t h = 0; h < p->n_feed; h++)
        if (sum[2 * h + 1] > 0)
            residual[h] = sqrt((sum[2 * h] > 0 ? sum[2 * h] : 0) / sum[2 * h + 1]);
    ci_mem_free(whole);
    return CI_OK;
}
