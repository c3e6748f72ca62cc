/* Gains of a file that are no gains: far from all others in amplitude, or of nothing at all. */
#include "cal/calh5.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

static const double factor_max = 1e3; /* from the table's median, either way */

static double factor_of(double amplitude, double median)
{
    return fmax(amplitude / median, median / amplitude);
}

static ci_status median_of(const ci_cal_table *t, double *median)
{
    double *amplitude = NULL;
    size_t n = 0, n_all = t->n_time * t->n_chan * t->array.n_antenna * t->n_feed;
    CI_TRY(ci_mem_alloc(&amplitude, n_all, sizeof *amplitude, "amplitudes of a table"));
    for (size_t i = 0; i < n_all; i++)
        if (!t->flag[i]) amplitude[n++] = cabs(t->gain[i]);
    *median = n > 0 ? ci_num_median(amplitude, n) : 0;
    ci_mem_free(amplitude);
    return CI_OK;
}

ci_status ci_cal_outliers_flag(ci_cal_table *t)
{
    size_t n_far = 0, farthest = 0, n_all = t->n_time * t->n_chan * t->array.n_antenna * t->n_feed;
    double median, most = factor_max, value = 0;
    CI_TRY(median_of(t, &median));
    for (size_t i = 0; i < n_all && median > 0; i++) {
        double amplitude = cabs(t->gain[i]), factor = factor_of(amplitude, median);
        if (t->flag[i] || factor <= factor_max) continue;
        if (factor > most) {
            most = factor;
            farthest = i;
            value = amplitude;
        }
        t->flag[i] = CI_CAL_FAILED;
        t->gain[i] = 1;
        n_far++;
    }
    if (n_far == 0) return CI_OK;
    const ci_vis_antenna *antenna = &t->array.antenna[farthest / t->n_feed % t->array.n_antenna];
    return ci_cal_warning_add(t,
                              "%s: %zu gain%s more than a factor %g off the median amplitude, "
                              "%.4g, and %s flagged: that of antenna %lld \"%s\" is %.4g",
                              t->path, n_far, n_far == 1 ? " is" : "s are", factor_max, median,
                              n_far == 1 ? "is" : "are", (long long)antenna->number,
                              ci_vis_text(antenna->name), value);
}

void ci_cal_flags_refine(ci_cal_table *t)
{
    size_t n_step = t->n_time * t->n_chan, n_antenna = t->array.n_antenna;
    for (size_t h = 0; h < t->n_feed; h++) {
        for (int pass = 0; pass < 2; pass++) {
            size_t n_outer = pass ? n_antenna : n_step, n_inner = pass ? n_step : n_antenna;
            for (size_t i = 0; i < n_outer; i++) {
                bool any = false;
                for (int mark = 0; mark < 2 && !any; mark++) {
                    for (size_t k = 0; k < n_inner; k++) {
                        size_t step = pass ? k : i, a = pass ? i : k;
                        uint8_t *flag = &t->flag[(step * n_antenna + a) * t->n_feed + h];
                        any |= *flag == 0;
                        if (mark) *flag = CI_CAL_NO_DATA;
                    }
                }
            }
        }
    }
}
