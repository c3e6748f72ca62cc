/* The slanted image: whether, how far, and the exchange of the rows that the image is made from. */
#include "grid/slant.h"
#include "contimg/num.h"

#include <math.h>
#include <string.h>

/* What a slant may err by, of the accuracy that is asked for; its kernel alone. */
static const double error_share = 0.5, kernel_share = 0.3;
/* dt/dm is about m: its rms over pixels, of its greatest; half as much again for what is not even.
 */
static const double rms_across = 0.577 * 1.5;
static const double steepest = 0.3;    /* d(slope t)/dm: no two directions meet in one */
static const double least_left = 1e-3; /* of |w|: less is not worth a smaller range */

/* ---- the plane ------------------------------------------------------------------------------ */

/* Number of a row's samples that count, and what makes wavelengths of its metres at the middle of
 * its channels, which stands for the row. */
static size_t row_middle(const ci_vis_samples *s, size_t i_row, double *per_m)
{
    size_t n_good = 0;
    for (size_t k = s->first[i_row]; k < s->first[i_row + 1]; k++)
        n_good += s->weight[k] > 0.0f;
    if (n_good > 0) *per_m = ci_vis_row_freq(s, i_row)[ci_vis_row_n_chan(s, i_row) / 2] / CI_C_M_S;
    return n_good;
}

/* The slope of least squares: sums of exact integers. */
static ci_status slope_find(ci_comm *comm, const ci_grid_plan *plan, const ci_vis_samples *s,
                            double *slope)
{
    int64_t sum[2] = {0, 0};
    int exponent = ci_num_fixed_exponent(4.0, plan->n_sample);
    for (size_t i = 0; i < s->n_row; i++) {
        double f;
        size_t n_good = row_middle(s, i, &f);
        if (n_good == 0) continue;
        double v = fmin(2.0, fmax(-2.0, s->uvw_m[3 * i + 1] * f / plan->max_abs_v));
        double w = fmin(2.0, fmax(-2.0, s->uvw_m[3 * i + 2] * f / plan->max_abs_w));
        sum[0] += (int64_t)n_good * ci_num_fixed(v * v, exponent);
        sum[1] += (int64_t)n_good * ci_num_fixed(v * w, exponent);
    }
    CI_TRY(ci_par_sum_int(comm, sum, 2));
    *slope = sum[0] > 0 ? (double)sum[1] / (double)sum[0] * plan->max_abs_w / plan->max_abs_v : 0.0;
    return CI_OK;
}

/* Greatest |w - slope v|. */
static ci_status left_find(ci_comm *comm, const ci_vis_samples *s, double slope, double *most)
{
    *most = 0.0;
    for (size_t i = 0; i < s->n_row; i++) {
        const double *uvw = s->uvw_m + 3 * i, *freq_hz = ci_vis_row_freq(s, i);
        double left = fabs(uvw[2] - slope * uvw[1]) / CI_C_M_S;
        for (size_t k = ci_vis_row_n_chan(s, i); k-- > 0;) {
            if (!(s->weight[s->first[i] + k] > 0.0f)) continue;
            *most = fmax(*most, left * freq_hz[k]); /* frequencies ascend */
            break;
        }
    }
    return ci_par_max_double(comm, most, 1);
}

/* rms over samples of (w - slope v) v / v_most, in wavelengths. */
static ci_status drift_find(ci_comm *comm, const ci_grid_plan *slanted, const ci_vis_samples *s,
                            double *rms)
{
    const ci_grid_slant *slant = &slanted->slant;
    int64_t sum = 0;
    int exponent = ci_num_fixed_exponent(16.0, slanted->n_sample);
    for (size_t i = 0; i < s->n_row; i++) {
        double f;
        size_t n_good = row_middle(s, i, &f);
        if (n_good == 0) continue;
        const double *uvw = s->uvw_m + 3 * i;
        double v = uvw[1] * f / slant->v_most;
        double w = (uvw[2] - slant->slope * uvw[1]) * f / slanted->max_abs_w;
        sum += (int64_t)n_good * ci_num_fixed(fmin(16.0, v * v * w * w), exponent);
    }
    CI_TRY(ci_par_sum_int(comm, &sum, 1));
    *rms = sqrt(ldexp((double)sum, -exponent) / (double)slanted->n_sample) * slanted->max_abs_w;
    return CI_OK;
}

/* ---- directions ----------------------------------------------------------------------------- */

/* From m = m0 + slope t and l^2 + m0^2 + n^2 = 1 with t = n - 1 - t_mid: a quadratic equation for
 * n, of whose roots the upper is above the horizon. */
double ci_grid_slant_t(const ci_grid_plan *plan, double l, double m)
{
    double slope = plan->slant.slope, a = m + slope * (1.0 + plan->t_mid);
    double s2 = 1.0 + slope * slope, root = sqrt(fmax(0.0, s2 * (1.0 - l * l) - a * a));
    return (a * slope + root) / s2 - 1.0 - plan->t_mid;
}

/* ---- the kernel along y --------------------------------------------------------------------- */

/* Greatest relative change of the correction by v / v_most. */
static double correction_steepest(const ci_grid_series *correction)
{
    enum
    {
        N = 32
    };
    double most = 0.0, before = ci_grid_series_value(correction, 0.0);
    for (int i = 1; i <= N; i++) {
        double now = ci_grid_series_value(correction, (double)i / N);
        most = fmax(most, fabs(now - before) * N / before);
        before = now;
    }
    return most;
}

/* The smallest kernel that is accurate enough; false: none. */
static bool kernel_find(ci_grid_slant *slant, double cell_rad, double accuracy)
{
    double scale = slant->v_most * cell_rad, sigma = 0.5 / scale;
    for (size_t i = 0; i < ci_grid_kernel_table_length; i++) {
        if (ci_grid_kernel_table[i].sigma > sigma) continue;
        ci_grid_kernel_entry entry = ci_grid_kernel_entry_at(i, sigma);
        if (entry.error > kernel_share * accuracy) continue;
        ci_grid_kernel_make(&slant->kernel, entry.support, entry.degree, entry.beta);
        ci_grid_kernel_series_make(&slant->correction, &slant->kernel, scale, 0.01 * accuracy);
        slant->error = entry.error;
        slant->amplification = entry.amplification;
        return true;
    }
    return false;
}

/* Rows that a slanted image of that many rows needs beyond each end of the image. */
static size_t pad_of(const ci_grid_plan *plan, size_t n_y)
{
    double l = plan->cell_rad * (double)(plan->n_x / 2 + 1);
    double m = plan->cell_rad * (double)(n_y / 2 + 1), r2 = l * l + m * m;
    double t_half = 0.5 * r2 / (1.0 + sqrt(fmax(0.0, 1.0 - r2)));
    double reach = fabs(plan->slant.slope) * t_half / plan->cell_rad;
    return (size_t)ceil(reach) + (size_t)plan->slant.kernel.support / 2 + 2;
}

/* Sizes, and whether all pixels are far from the horizon and where they can be found. */
static bool sizes_set(ci_grid_plan *plan, double drift_rms)
{
    ci_grid_slant *slant = &plan->slant;
    size_t n_pad = pad_of(plan, plan->n_y_out + 4 * pad_of(plan, plan->n_y_out));
    if (2 * n_pad > plan->n_y_out) return false;
    slant->n_pad = n_pad;
    plan->n_y = plan->n_y_out + 2 * n_pad;
    double l = plan->cell_rad * (double)(plan->n_x / 2 + 1);
    double m = plan->cell_rad * (double)(plan->n_y / 2 + 1), r2 = l * l + m * m;
    if (r2 > 0.9) return false;
    double n = sqrt(1.0 - r2), across = m / n;
    plan->t_mid = -0.5 * r2 / (1.0 + n);
    plan->t_half = -plan->t_mid;
    double drift = drift_rms * across / slant->v_most;
    slant->error =
        hypot(slant->error, rms_across * drift * correction_steepest(&slant->correction));
    return fabs(slant->slope) * across <= steepest;
}

ci_status ci_grid_slant_plan(ci_comm *comm, const ci_grid_plan *plan, const ci_vis_samples *samples,
                             double accuracy, ci_grid_plan *slanted)
{
    *slanted = *plan;
    double scale = plan->max_abs_v * plan->cell_rad;
    ci_grid_slant *slant = &slanted->slant;
    if (plan->is_flat || !(scale > 0.0) || scale > 0.45 || !(plan->max_abs_w > 0.0)) return CI_OK;
    slant->v_most = plan->max_abs_v;
    CI_TRY(slope_find(comm, plan, samples, &slant->slope));
    CI_TRY(left_find(comm, samples, slant->slope, &slanted->max_abs_w));
    double drift_rms = 0.0;
    slanted->max_abs_w = fmax(slanted->max_abs_w, least_left * plan->max_abs_w);
    CI_TRY(drift_find(comm, slanted, samples, &drift_rms));
    slant->is_on = slanted->max_abs_w < plan->max_abs_w &&
                   kernel_find(slant, plan->cell_rad, accuracy) && sizes_set(slanted, drift_rms) &&
                   slant->error <= error_share * accuracy;
    return CI_OK;
}

/* ---- rows between ranks --------------------------------------------------------------------- */

typedef struct range
{
    size_t first, end;
} range;

static range own(const ci_grid_operator *g, bool is_forward, int rank)
{
    size_t first, n;
    ci_par_split(is_forward ? g->plan.n_y : g->plan.n_y_out, g->n_rank, rank, &first, &n);
    return (range){first, first + n};
}

static range needed(const ci_grid_operator *g, bool is_forward, int rank)
{
    range r = own(g, !is_forward, rank);
    size_t reach = 2 * g->plan.slant.n_pad, n = g->plan.n_y_out;
    if (r.first == r.end) return (range){0, 0};
    if (is_forward) return (range){r.first, r.end + reach};
    r.first = r.first > reach ? r.first - reach : 0;
    r.end = r.end < n ? r.end : n;
    return r.first < r.end ? r : (range){0, 0};
}

void ci_grid_slant_needed(const ci_grid_operator *g, bool is_forward, size_t *first, size_t *end)
{
    range r = needed(g, is_forward, g->rank);
    *first = r.first;
    *end = r.end;
}

static range both(range a, range b)
{
    range r = {a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end};
    return r.first < r.end ? r : (range){0, 0};
}

/* Bytes of rows that this rank sends to each other one and gets from it. */
static void exchange_count(const ci_grid_operator *g, bool is_forward, size_t n_byte,
                           size_t *n_send, size_t *n_recv)
{
    range mine = own(g, is_forward, g->rank), wanted = needed(g, is_forward, g->rank);
    for (int r = 0; r < g->n_rank; r++) {
        range out = both(mine, needed(g, is_forward, r)), in = both(own(g, is_forward, r), wanted);
        n_send[r] = r == g->rank ? 0 : (out.end - out.first) * n_byte;
        n_recv[r] = r == g->rank ? 0 : (in.end - in.first) * n_byte;
    }
}

/* What came, and this rank's own rows, into their places. */
static void rows_place(const ci_grid_operator *g, bool is_forward, size_t n_byte, const char *have,
                       const char *came, char *need)
{
    range mine = own(g, is_forward, g->rank), wanted = needed(g, is_forward, g->rank);
    for (int r = 0; r < g->n_rank; r++) {
        range in = both(own(g, is_forward, r), wanted);
        size_t n = (in.end - in.first) * n_byte;
        if (n == 0) continue;
        memcpy(need, r == g->rank ? have + (in.first - mine.first) * n_byte : came, n);
        if (r != g->rank) came += n;
        need += n;
    }
}

/* The rows that others need of this rank's, one rank after the other. */
static void rows_pack(const ci_grid_operator *g, bool is_forward, size_t n_byte, const char *have,
                      char *send)
{
    range mine = own(g, is_forward, g->rank);
    for (int r = 0; r < g->n_rank; r++) {
        range out = both(mine, needed(g, is_forward, r));
        size_t n = r == g->rank ? 0 : (out.end - out.first) * n_byte;
        if (n > 0) memcpy(send, have + (out.first - mine.first) * n_byte, n);
        send += n;
    }
}

/* Most rows are this rank's own: they are copied once, and into no buffer. */
ci_status ci_grid_slant_exchange(ci_comm *comm, const ci_grid_operator *g, bool is_forward,
                                 size_t n_byte, const void *have, void *need)
{
    size_t n_rank = (size_t)g->n_rank, *n_send = NULL, n_out = 0, n_in = 0;
    char *send = NULL;
    ci_status status = ci_mem_alloc(&n_send, 2 * n_rank, sizeof *n_send, "image rows");
    if (status == CI_OK) {
        exchange_count(g, is_forward, n_byte, n_send, n_send + n_rank);
        for (size_t r = 0; r < n_rank; r++) {
            n_out += n_send[r];
            n_in += n_send[n_rank + r];
        }
        status = ci_mem_alloc(&send, n_out + n_in, 1, "image rows");
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        rows_pack(g, is_forward, n_byte, have, send);
        status = ci_par_exchange_into(comm, send, n_send, send + n_out, n_send + n_rank);
    }
    if (status == CI_OK) rows_place(g, is_forward, n_byte, have, send + n_out, need);
    ci_mem_free(send);
    ci_mem_free(n_send);
    return status;
}
