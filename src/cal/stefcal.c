/* StEFCal (Salvini & Wijnholds 2014, A&A 571, A97): with all other gains fixed, the best gain
 * of receptor p is
 *     g_p = sum_q A_pq g_q / sum_q B_pq |g_q|^2,
 * A_pq = sum w V_pq conj(M_pq), B_pq = sum w |M_pq|^2. All receptors step at once, and every
 * second step is averaged with the one before, which takes the oscillation out.
 * Baselines far off the solution lose weight by Huber's rule. */
#include "cal/stefcal.h"

#include "cal/huber.h"
#include "contimg/cal.h"
#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    N_REWEIGHT = 4
};

/* Amplitudes beyond these, of the median over the receptors, are no solution. */
#define MIN_AMPLITUDE 0.1
#define MAX_AMPLITUDE 10.0

struct ci_cal_stefcal
{
    ci_cal_stefcal_options options;
    size_t n_antenna, n_baseline, n_active;
    const int32_t *ant1, *ant2;
    uint8_t *usable;           /* [n_baseline] those that slot was found for */
    uint8_t *has_data;         /* [n_antenna] on one of them */
    int32_t *slot;             /* [n_antenna] index among the active, -1: not active */
    int32_t *antenna;          /* [n_active] back */
    int32_t *count;            /* [n_antenna] */
    double *m_re, *m_im, *m_b; /* [q][p] of the active, p fast: column q; 0 between others */
    double *g_re, *g_im, *num_re, *num_im, *den; /* [n_active] */
    ci_cal_huber of;                             /* usable baselines between the active */
    float *column;   /* [n_antenna][n_antenna] ratios of each receptor */
    double *scratch; /* [n_antenna] */
};

static const char what[] = "gain solver";

static ci_status arrays_new(ci_cal_stefcal *s)
{
    size_t n = s->n_antenna, n2 = n * n;
    int32_t **whole[] = {&s->slot, &s->antenna, &s->count};
    double **matrix[] = {&s->m_re, &s->m_im, &s->m_b};
    double **vector[] = {&s->g_re, &s->g_im, &s->num_re, &s->num_im, &s->den, &s->scratch};
    CI_TRY(ci_mem_alloc(&s->usable, s->n_baseline, 1, what));
    CI_TRY(ci_mem_alloc(&s->has_data, n, 1, what));
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        CI_TRY(ci_mem_alloc(whole[i], n, sizeof(int32_t), what));
    for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++)
        CI_TRY(ci_mem_alloc(matrix[i], n2, sizeof(double), what));
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        CI_TRY(ci_mem_alloc(vector[i], n, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&s->column, n2, sizeof(float), what));
    return ci_cal_huber_new(&s->of, s->n_baseline);
}

ci_status ci_cal_stefcal_new(ci_cal_stefcal **out, size_t n_antenna, size_t n_baseline,
                             const int32_t *ant1, const int32_t *ant2,
                             const ci_cal_stefcal_options *options)
{
    ci_cal_stefcal *s = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&s, 1, sizeof *s, what));
    s->options = *options;
    s->n_antenna = n_antenna;
    s->n_baseline = n_baseline;
    s->ant1 = ant1;
    s->ant2 = ant2;
    ci_status status = arrays_new(s);
    if (status != CI_OK) {
        ci_cal_stefcal_free(s);
        return status;
    }
    *out = s;
    return CI_OK;
}

void ci_cal_stefcal_free(ci_cal_stefcal *s)
{
    if (!s) return;
    ci_mem_free(s->usable);
    ci_mem_free(s->has_data);
    ci_mem_free(s->slot);
    ci_mem_free(s->antenna);
    ci_mem_free(s->count);
    ci_mem_free(s->m_re);
    ci_mem_free(s->m_im);
    ci_mem_free(s->m_b);
    ci_mem_free(s->g_re);
    ci_mem_free(s->g_im);
    ci_mem_free(s->num_re);
    ci_mem_free(s->num_im);
    ci_mem_free(s->den);
    ci_mem_free(s->column);
    ci_cal_huber_clear(&s->of);
    ci_mem_free(s->scratch);
    ci_mem_free(s);
}

static bool is_usable(const ci_cal_stefcal *s, size_t i, const double *b)
{
    return b[i] > 0 && s->ant1[i] != s->ant2[i];
}

/* slot[] = cluster number: receptors that baselines connect have one phase in common, others
 * have none. Keeps the largest cluster (the lowest on ties) in slot >= 0. */
static void largest_cluster_keep(ci_cal_stefcal *s, const double *b)
{
    bool changed = true;
    for (size_t a = 0; a < s->n_antenna; a++)
        s->slot[a] = s->slot[a] < 0 ? -1 : (int32_t)a;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < s->n_baseline; i++) {
            int32_t *x = &s->slot[s->ant1[i]], *y = &s->slot[s->ant2[i]];
            if (!is_usable(s, i, b) || *x < 0 || *y < 0 || *x == *y) continue;
            *x = *y = *x < *y ? *x : *y;
            changed = true;
        }
    }
    memset(s->count, 0, s->n_antenna * sizeof *s->count);
    for (size_t a = 0; a < s->n_antenna; a++)
        if (s->slot[a] >= 0) s->count[s->slot[a]]++;
    int32_t best = 0;
    for (size_t a = 1; a < s->n_antenna; a++)
        if (s->count[a] > s->count[best]) best = (int32_t)a;
    for (size_t a = 0; a < s->n_antenna; a++)
        if (s->slot[a] != best) s->slot[a] = -1;
}

/* Whether other baselines have data than in the solve before. */
static bool usable_changes(ci_cal_stefcal *s, const double *b)
{
    bool changes = false;
    for (size_t i = 0; i < s->n_baseline; i++) {
        uint8_t now = is_usable(s, i, b);
        changes |= now != s->usable[i];
        s->usable[i] = now;
    }
    return changes;
}

/* The baselines of a solve, and who has data; matrices of others are cleared. */
static void used_list(ci_cal_stefcal *s)
{
    size_t n2 = s->n_active * s->n_active;
    memset(s->has_data, 0, s->n_antenna);
    s->of.n = 0;
    for (size_t i = 0; i < s->n_baseline; i++) {
        int32_t p = s->slot[s->ant1[i]], q = s->slot[s->ant2[i]];
        if (!s->usable[i]) continue;
        s->has_data[s->ant1[i]] = s->has_data[s->ant2[i]] = 1;
        if (p < 0 || q < 0) continue;
        s->of.used[s->of.n] = (int32_t)i;
        s->of.first[s->of.n] = p;
        s->of.second[s->of.n++] = q;
    }
    memset(s->m_re, 0, n2 * sizeof(double));
    memset(s->m_im, 0, n2 * sizeof(double));
    memset(s->m_b, 0, n2 * sizeof(double));
}

/* Receptors with enough baselines to others that have enough, and connected. */
static void active_find(ci_cal_stefcal *s, const double *b)
{
    bool changed = true;
    if (!usable_changes(s, b)) return;
    memset(s->slot, 0, s->n_antenna * sizeof *s->slot);
    while (changed) {
        changed = false;
        memset(s->count, 0, s->n_antenna * sizeof *s->count);
        for (size_t i = 0; i < s->n_baseline; i++) {
            int32_t p = s->ant1[i], q = s->ant2[i];
            if (!is_usable(s, i, b) || s->slot[p] < 0 || s->slot[q] < 0) continue;
            s->count[p]++;
            s->count[q]++;
        }
        for (size_t a = 0; a < s->n_antenna; a++) {
            if (s->slot[a] < 0 || s->count[a] >= s->options.min_baselines) continue;
            s->slot[a] = -1;
            changed = true;
        }
    }
    largest_cluster_keep(s, b);
    s->n_active = 0;
    for (size_t a = 0; a < s->n_antenna; a++) {
        if (s->slot[a] < 0) continue;
        s->antenna[s->n_active] = (int32_t)a;
        s->slot[a] = (int32_t)s->n_active++;
    }
    used_list(s);
}

static void matrices_fill(ci_cal_stefcal *s)
{
    size_t n = s->n_active;
    for (size_t k = 0; k < s->of.n; k++) {
        size_t p = (size_t)s->of.first[k], q = (size_t)s->of.second[k];
        double u = s->of.weight[k];
        s->m_re[q * n + p] = s->m_re[p * n + q] = u * s->of.re[k];
        s->m_im[q * n + p] = u * s->of.im[k];
        s->m_im[p * n + q] = -u * s->of.im[k];
        s->m_b[q * n + p] = s->m_b[p * n + q] = u * s->of.b[k];
    }
}

/* Phases relative to the receptor with most weight (or the reference), one amplitude. */
static void start_guess(ci_cal_stefcal *s, int32_t i_ref)
{
    size_t n = s->n_active, ref = 0;
    double sum_a = 0, sum_b = 0, best = -1;
    for (size_t q = 0; q < n; q++) {
        double weight = 0;
        for (size_t p = 0; p < n; p++) {
            double x = s->m_re[q * n + p], y = s->m_im[q * n + p];
            sum_a += sqrt(x * x + y * y);
            weight += s->m_b[q * n + p];
        }
        sum_b += weight;
        if (weight > best) {
            best = weight;
            ref = q;
        }
    }
    if (i_ref >= 0 && s->slot[i_ref] >= 0) ref = (size_t)s->slot[i_ref];
    double amplitude = sqrt(sum_a / sum_b);
    for (size_t p = 0; p < n; p++) {
        double x = s->m_re[ref * n + p], y = s->m_im[ref * n + p], r = sqrt(x * x + y * y);
        s->g_re[p] = r > 0 ? amplitude * x / r : amplitude;
        s->g_im[p] = r > 0 ? amplitude * y / r : 0;
    }
}

/* num_p = sum_q A_pq g_q, den_p = sum_q B_pq |g_q|^2; lanes over p are independent. */
CI_ISA_INLINE void normal(const ci_cal_stefcal *s)
{
    size_t n = s->n_active;
    double *restrict num_re = s->num_re, *restrict num_im = s->num_im, *restrict den = s->den;
    for (size_t p = 0; p < n; p++)
        num_re[p] = num_im[p] = den[p] = 0;
    for (size_t q = 0; q < n; q++) {
        double x = s->g_re[q], y = s->g_im[q], r2 = x * x + y * y;
        const double *restrict a = s->m_re + q * n, *restrict c = s->m_im + q * n;
        const double *restrict b = s->m_b + q * n;
        for (size_t p = 0; p < n; p++) {
            num_re[p] += a[p] * x - c[p] * y;
            num_im[p] += a[p] * y + c[p] * x;
            den[p] += b[p] * r2;
        }
    }
}

CI_ISA_INSTANCES(normal, (const ci_cal_stefcal *s), (s))

static void normal_sums(const ci_cal_stefcal *s)
{
    CI_ISA_KERNEL(normal, s->options.isa)(s);
}

/* Steps until converged; the number of steps, or -1. */
static int iterate(ci_cal_stefcal *s)
{
    size_t n = s->n_active;
    for (int step = 1; step <= s->options.max_iteration; step++) {
        double change = 0, size = 0;
        normal_sums(s);
        double share = step % 2 ? 1 : 0.5;
        for (size_t p = 0; p < n; p++) {
            double inverse = s->den[p] > 0 ? 1 / s->den[p] : 0;
            double x = s->num_re[p] * inverse, y = s->num_im[p] * inverse;
            double dx = x - s->g_re[p], dy = y - s->g_im[p];
            change += dx * dx + dy * dy;
            size += x * x + y * y;
            s->g_re[p] += share * dx;
            s->g_im[p] += share * dy;
        }
        if (!(size > 0) || !isfinite(size)) return -1;
        double tolerance = s->options.tolerance;
        if (step % 2 == 0 && change <= tolerance * tolerance * size) return step;
    }
    return -1;
}

static double misfits_measure(ci_cal_stefcal *s)
{
    return ci_cal_huber_misfits(&s->of, s->options.isa, s->g_re, s->g_im, s->n_active);
}

static bool reweight(ci_cal_stefcal *s, double scale2)
{
    return ci_cal_huber_reweight(&s->of, s->options.isa, s->options.huber_sigma, scale2);
}

/* Solutions and flags of the active receptors from what was found. */
static void solution_write(ci_cal_stefcal *s, double scale2, int32_t i_ref, ci_c64 *gain,
                           uint8_t *flag, float *snr)
{
    size_t n = s->n_active, n_good = 0;
    double phasor_re = 1, phasor_im = 0;
    if (i_ref >= 0 && s->slot[i_ref] >= 0) {
        size_t r = (size_t)s->slot[i_ref];
        double size = sqrt(s->g_re[r] * s->g_re[r] + s->g_im[r] * s->g_im[r]);
        if (size > 0) {
            phasor_re = s->g_re[r] / size;
            phasor_im = -s->g_im[r] / size;
        }
    }
    normal_sums(s);
    for (size_t p = 0; p < n; p++) {
        size_t a = (size_t)s->antenna[p];
        double x = s->g_re[p], y = s->g_im[p], amplitude = sqrt(x * x + y * y);
        double ratio = scale2 > 0 ? amplitude * sqrt(s->den[p] / scale2) : 1e9;
        bool is_ref = (int32_t)a == i_ref;
        gain[a] = is_ref ? amplitude
                         : (x * phasor_re - y * phasor_im) + I * (x * phasor_im + y * phasor_re);
        snr[a] = (float)(ratio < 1e9 ? ratio : 1e9);
        flag[a] = snr[a] >= (float)s->options.min_snr && amplitude > 0 ? 0 : CI_CAL_FAILED;
        if (!flag[a]) s->scratch[n_good++] = amplitude;
    }
    double median = ci_num_median(s->scratch, n_good);
    for (size_t p = 0; p < n; p++) {
        size_t a = (size_t)s->antenna[p];
        double amplitude = cabs(gain[a]);
        if (!flag[a] &&
            !(amplitude >= MIN_AMPLITUDE * median && amplitude <= MAX_AMPLITUDE * median))
            flag[a] = CI_CAL_FAILED;
    }
}

/* Marks who has data and who has none, before any solution. */
static void flags_start(const ci_cal_stefcal *s, ci_c64 *gain, uint8_t *flag, float *snr)
{
    for (size_t a = 0; a < s->n_antenna; a++) {
        flag[a] = s->has_data[a] ? CI_CAL_FAILED : CI_CAL_NO_DATA;
        snr[a] = 0;
        if (s->slot[a] < 0) gain[a] = 0;
    }
}

/* Before anything is known: a baseline much stronger than its receptors' medians let expect
 * starts with little weight. A plain solve would follow a few strong outliers, and no
 * re-weighting comes back from there. */
static void outliers_guess(ci_cal_stefcal *s)
{
    size_t n = s->n_active;
    double *middle = s->den, all_b = 0;
    for (size_t k = 0; k < s->of.n; k++)
        all_b += s->of.b[k];
    /* In units of the mean, in which single precision does. */
    double unit = sqrt(s->of.power / all_b), inverse = unit > 0 ? 1 / unit : 1;
    memset(s->count, 0, s->n_antenna * sizeof *s->count);
    for (size_t k = 0; k < s->of.n; k++) {
        size_t p = (size_t)s->of.first[k], q = (size_t)s->of.second[k];
        double size = sqrt(s->of.re[k] * s->of.re[k] + s->of.im[k] * s->of.im[k]);
        float ratio = (float)(inverse * size / s->of.b[k]);
        s->of.misfit[k] = (double)ratio;
        s->of.pool[k] = ratio;
        s->column[p * n + (size_t)s->count[p]++] = ratio;
        s->column[q * n + (size_t)s->count[q]++] = ratio;
    }
    double typical = (double)ci_num_median_by(s->of.pool, s->of.n, s->options.isa);
    for (size_t p = 0; p < n; p++)
        middle[p] =
            (double)ci_num_median_by(s->column + p * n, (size_t)s->count[p], s->options.isa);
    for (size_t k = 0; k < s->of.n && typical > 0; k++) {
        double expected = middle[s->of.first[k]] * middle[s->of.second[k]] / typical;
        if (s->of.misfit[k] > 4 * expected) s->of.weight[k] = expected / s->of.misfit[k];
    }
}

/* Start values and weights; from the solution given where all have one. */
static void start(ci_cal_stefcal *s, int32_t i_ref, const ci_c64 *gain)
{
    bool warm = true;
    for (size_t p = 0; p < s->n_active; p++) {
        ci_c64 g = gain[s->antenna[p]];
        s->g_re[p] = creal(g);
        s->g_im[p] = cimag(g);
        if (!(creal(g * conj(g)) > 0)) warm = false;
    }
    if (s->options.huber_sigma > 0) {
        if (warm)
            (void)reweight(s, misfits_measure(s));
        else
            outliers_guess(s);
    }
    matrices_fill(s);
    if (!warm) start_guess(s, i_ref);
}

int ci_cal_stefcal_solve(ci_cal_stefcal *s, const double *re, const double *im, const double *b,
                         int32_t i_ref, ci_c64 *gain, uint8_t *flag, float *snr)
{
    active_find(s, b);
    flags_start(s, gain, flag, snr);
    if (s->n_active < 2) return 0;
    ci_cal_huber_take(&s->of, re, im, b);
    start(s, i_ref, gain);
    int n_step = iterate(s), n_here = n_step;
    double scale2 = misfits_measure(s);
    for (int k = 0; k < N_REWEIGHT && n_here > 0 && s->options.huber_sigma > 0; k++) {
        if (!reweight(s, scale2)) break;
        matrices_fill(s);
        n_here = iterate(s);
        n_step = n_here > 0 ? n_step + n_here : -1;
        scale2 = misfits_measure(s);
    }
    if (n_step < 0) {
        for (size_t p = 0; p < s->n_active; p++)
            gain[s->antenna[p]] = 0;
        return -1;
    }
    solution_write(s, scale2, i_ref, gain, flag, snr);
    return n_step;
}
