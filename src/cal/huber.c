/* Misfits of the baselines of a gain solve, their scale, and Huber's weights. */
#include "cal/huber.h"

#include "contimg/num.h"

#include <math.h>

enum
{
    N_LANE = 8
};

ci_status ci_cal_huber_new(ci_cal_huber *out, size_t n_baseline)
{
    static const char what[] = "gain solver";
    int32_t **whole[] = {&out->used, &out->first, &out->second};
    double **real[] = {&out->re, &out->im, &out->b, &out->weight, &out->misfit};
    *out = (ci_cal_huber){0};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        CI_TRY(ci_mem_alloc(whole[i], n_baseline, sizeof **whole[i], what));
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        CI_TRY(ci_mem_alloc(real[i], n_baseline, sizeof **real[i], what));
    return ci_mem_alloc(&out->pool, n_baseline, sizeof *out->pool, what);
}

void ci_cal_huber_clear(ci_cal_huber *h)
{
    ci_mem_free(h->used);
    ci_mem_free(h->first);
    ci_mem_free(h->second);
    ci_mem_free(h->re);
    ci_mem_free(h->im);
    ci_mem_free(h->b);
    ci_mem_free(h->weight);
    ci_mem_free(h->misfit);
    ci_mem_free(h->pool);
}

void ci_cal_huber_take(ci_cal_huber *h, const double *re, const double *im, const double *b)
{
    double power[N_LANE] = {0};
    for (size_t k = 0; k < h->n; k++) {
        size_t i = (size_t)h->used[k];
        h->re[k] = re[i];
        h->im[k] = im[i];
        h->b[k] = b[i];
        h->weight[k] = 1;
        power[k % N_LANE] += (re[i] * re[i] + im[i] * im[i]) / b[i];
    }
    h->power = 0;
    for (size_t j = 0; j < N_LANE; j++)
        h->power += power[j];
}

CI_ISA_INLINE void misfits(const ci_cal_huber *h, const double *restrict g_re,
                           const double *restrict g_im)
{
    const double *restrict re = h->re, *restrict im = h->im, *restrict b = h->b;
    const int32_t *restrict first = h->first, *restrict second = h->second;
    double *restrict misfit = h->misfit;
    for (size_t k = 0; k < h->n; k++) {
        double p_re = g_re[first[k]], p_im = g_im[first[k]];
        double q_re = g_re[second[k]], q_im = g_im[second[k]];
        double dx = re[k] - b[k] * (p_re * q_re + p_im * q_im);
        double dy = im[k] - b[k] * (p_im * q_re - p_re * q_im);
        misfit[k] = (dx * dx + dy * dy) / b[k];
    }
}

CI_ISA_INSTANCES(misfits, (const ci_cal_huber *h, const double *g_re, const double *g_im),
                 (h, g_re, g_im))

double ci_cal_huber_misfits(ci_cal_huber *h, ci_isa isa, const double *g_re, const double *g_im,
                            size_t n_gain)
{
    double n = (double)h->n, mean = h->power / n;
    if (h->n == 0) return 0;
    CI_ISA_KERNEL(misfits, isa)(h, g_re, g_im);
    /* In units of the mean power, in which single precision does. */
    double inverse = mean > 0 ? 1 / mean : 1;
    for (size_t k = 0; k < h->n; k++)
        h->pool[k] = (float)(h->misfit[k] * inverse);
    double middle = (double)ci_num_median_by(h->pool, h->n, isa) / inverse;
    double free_part = (2.0 * n - 2.0 * (double)n_gain + 1) / (2.0 * n);
    double scale2 = middle / (2 * log(2.0));
    if (free_part > 0) scale2 /= free_part;
    /* what rounding of the sums leaves in noiseless data */
    double floor2 = 1e-14 * mean;
    return scale2 > floor2 ? scale2 : floor2;
}

/* most: greatest change. */
CI_ISA_INLINE void weights(const ci_cal_huber *h, double limit2, double *most)
{
    const double *restrict misfit = h->misfit;
    double *restrict weight = h->weight, change[N_LANE] = {0};
    for (size_t first = 0; first < h->n; first += N_LANE) {
        size_t n = h->n - first < N_LANE ? h->n - first : N_LANE;
        for (size_t j = 0; j < n; j++) {
            size_t k = first + j;
            double less = sqrt(limit2 / misfit[k]), u = misfit[k] > limit2 ? less : 1;
            double d = fabs(u - weight[k]);
            change[j] = d > change[j] ? d : change[j];
            weight[k] = u;
        }
    }
    for (size_t j = 0; j < N_LANE; j++)
        *most = change[j] > *most ? change[j] : *most;
}

CI_ISA_INSTANCES(weights, (const ci_cal_huber *h, double limit2, double *most), (h, limit2, most))

bool ci_cal_huber_reweight(ci_cal_huber *h, ci_isa isa, double sigma, double scale2)
{
    double most = 0;
    CI_ISA_KERNEL(weights, isa)(h, sigma * sigma * scale2, &most);
    return most > 0.01;
}
