/* One baseline's dynamic spectrum: its mean fringe and a smooth complex surface are taken out, and
 * what is left is searched. The surface is complex, not of amplitudes: interference of any phase
 * adds to the residual by its full strength, however bright the sky, and a fringe is no outlier. */
#include "flag/dynspec.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    N_AMPLITUDE = 192, /* samples that the median amplitude looks at */
    N_NOISE = 512,     /* and that of the noise */
    N_ITERATION = 3,
    MIN_USUAL = 20, /* one in so many samples has to be usual */
    MAX_PASS = 16,
    MAX_PASS_BOTH = 4,
    MAX_MODE = 12,
    MAX_PEEL = 8,
    MAX_CUT = 10,
    MIN_TIME = 8,   /* that the noise of a channel needs */
    HALF_SHAPE = 8, /* of the running median of noise over channels */
    NODE_STEP = 4   /* it is taken at every fourth channel */
};

static const double outlier_median = 5;   /* of the median amplitude: the surface starts without */
static const double outlier_noise = 8;    /* of the noise: modes are fitted without */
static const double outlier_low = 3.3;    /* of the noise of the quietest: usual samples */
static const double many_outliers = 0.04; /* of the samples; noise has 0.004 */
static const double bandpass_part = 0.8;  /* of it: how far a channel may be off its neighbours */
static const double least_excess = 0.1; /* of it: less is no interference, however low the noise */
static const double most_left = 1.08;   /* of the scatter: a surface that follows leaves no more */
static const double most_left_faint = 1.6; /* scatter of noise alone is measured too low */
static const double bright_part = 0.4;     /* of the amplitude: a sky that is seen in each sample */
static const double faint_part = 0.05;     /* of it: noise that hides nothing worth a flag */
static const double least_left = 0.01;     /* of it: less does no harm */
static const double least_excess_modes = 0.03; /* modes follow gains, too */
static const double least_coherence = 0.1;     /* of neighbours of a sky that is seen */
static const double most_coherence = 0.3;      /* of neighbours that are noise */
static const double most_usual = 3;            /* of the noise: of samples that are compared */
static const double least_gain = 0.95;         /* of noise: less is no use of another surface */
static const double floor_part = 1e-6;         /* of it: noise that rounding leaves */
static const double grow_sigma = 2.5;
static const double grow_sigma_lines = 3.5; /* beside whole lines lies much that is good */
static const double rank_eta = 0.1;

/* Weight 0 where far above the median of the usual samples. */
CI_ISA_INLINE void outliers_drop(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    const float *restrict value = p->search.value;
    float *restrict weight = p->weight;
    double power = ci_flag_dynspec_median(p, value, N_AMPLITUDE);
    p->amplitude = sqrt(power);
    float limit = (float)(outlier_median * outlier_median * power);
    for (size_t i = 0; i < n; i++)
        weight[i] = value[i] <= limit ? weight[i] : 0;
}

/* Powers into `value`, weight 1 where no outlier. */
CI_ISA_INLINE void weights_start(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    const float *restrict re = p->re, *restrict im = p->im;
    const uint8_t *restrict mark = p->search.mark;
    float *restrict value = p->search.value, *restrict weight = p->weight;
    for (size_t i = 0; i < n; i++)
        value[i] = re[i] * re[i] + im[i] * im[i];
    for (size_t i = 0; i < n; i++)
        weight[i] = mark[i] == CI_FLAG_MARK_GOOD ? 1 : 0;
    p->has_lines = ci_flag_lines_drop_bright(p);
    outliers_drop(p);
    ci_flag_lags_measure(p);
    if (ci_flag_lines_drop_scattered(p, sqrt(0.5) * least_excess * p->amplitude)) {
        p->has_lines = true;
        outliers_drop(p);
        ci_flag_lags_measure(p);
    }
}

/* Where next to nothing is left without the loud lines, they are all that is known. */
CI_ISA_INLINE void few_restore(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan, n_left = 0;
    for (size_t i = 0; i < n; i++)
        n_left += p->weight[i] > 0;
    if (n_left >= CI_FLAG_MIN_GOOD && n_left * MIN_USUAL >= p->n_good) return;
    for (size_t i = 0; i < n; i++)
        p->weight[i] = p->search.mark[i] == CI_FLAG_MARK_GOOD ? 1 : 0;
    p->has_lines = false;
    outliers_drop(p);
    ci_flag_lags_measure(p);
}

/* What every channel has of steady residual, into line [2][n_chan]: up to a part of the signal that
 * may be its bandpass, more than that is a line and stays. */
CI_ISA_INLINE void bandpass_measure(ci_flag_dynspec *p)
{
    size_t n_chan = p->n_chan;
    float *restrict re = p->line, *restrict im = re + n_chan, *restrict sum = im + n_chan;
    memset(p->line, 0, 3 * n_chan * sizeof(float));
    for (size_t t = 0; p->n_time >= MIN_TIME && t < p->n_time; t++) {
        const float *restrict w = p->weight + t * n_chan;
        const float *restrict x = p->left[0] + t * n_chan;
        const float *restrict y = p->left[1] + t * n_chan;
        for (size_t c = 0; c < n_chan; c++) {
            re[c] += w[c] * x[c];
            im[c] += w[c] * y[c];
            sum[c] += w[c];
        }
    }
    float most = (float)(bandpass_part * p->amplitude);
    for (size_t c = 0; c < n_chan; c++) {
        float size = sqrtf(re[c] * re[c] + im[c] * im[c]);
        float inverse = 2 * sum[c] >= (float)p->n_time && size <= most * sum[c] ? 1 / sum[c] : 0;
        re[c] = inverse > 0 ? re[c] * inverse : 0;
        im[c] = inverse > 0 ? im[c] * inverse : 0;
    }
}

CI_ISA_INLINE void residual_fill(ci_flag_dynspec *p)
{
    size_t n_chan = p->n_chan;
    bandpass_measure(p);
    const float *restrict b_re = p->line, *restrict b_im = p->line + n_chan;
    for (size_t t = 0; t < p->n_time; t++) {
        const float *restrict re = p->left[0] + t * n_chan;
        const float *restrict im = p->left[1] + t * n_chan;
        const float *restrict gain = p->gain + t * n_chan;
        float *restrict out = p->search.value + t * n_chan;
        for (size_t c = 0; c < n_chan; c++) {
            float x = re[c] - b_re[c], y = im[c] - b_im[c];
            out[c] = gain[c] * sqrtf(x * x + y * y);
        }
    }
    double noise = ci_flag_dynspec_median(p, p->search.value, N_NOISE) / CI_FLAG_RAYLEIGH_MEDIAN;
    p->noise = fmax(noise, floor_part * p->amplitude);
}

/* Whether the surface follows the sky as well as noise lets one see. */
static bool surface_does(const ci_flag_dynspec *p)
{
    if (p->noise <= least_left * p->amplitude) return true;
    if (p->noise < faint_part * p->amplitude) return false;
    double most = p->noise < bright_part * p->amplitude ? most_left : most_left_faint;
    return p->noise <= most * p->scatter;
}

/* A surface, and more through what it leaves, as long as that is less and less. */
CI_ISA_INLINE void surface_try(ci_flag_dynspec *p, ci_flag_surface surface, size_t most)
{
    double before = INFINITY;
    ci_flag_surface_set(p, surface, 1);
    ci_flag_surface_subtract(p);
    residual_fill(p);
    while (p->noise < least_gain * before && p->n_pass < most && !surface_does(p)) {
        before = p->noise;
        ci_flag_surface_subtract_more(p, p->n_pass);
        ci_flag_surface_set(p, surface, p->n_pass);
        residual_fill(p);
    }
}

/* Whether the data have something that is alike in neighbours, of even slope or not: what does not
 * is noise, and nothing of it can be left. Cheap. */
static bool has_sky(const ci_flag_dynspec *p)
{
    for (size_t side = 0; side < 2; side++) {
        size_t n = side == 0 ? p->n_chan : p->n_time;
        double sum[3] = {0};
        for (size_t k = 0; k < 3; k++)
            for (size_t i = 0; i < n; i++)
                sum[k] += (double)p->lag[side][k * n + i];
        if (hypot(sum[0], sum[1]) > least_coherence * sum[2]) return true;
    }
    return false;
}

/* Whether what is left is a sky that was not followed: neighbours are alike, and it is enough to be
 * taken for interference. */
static bool sky_is_left(ci_flag_dynspec *p)
{
    return p->noise > least_left * p->amplitude &&
           ci_flag_left_coherence(p, most_usual) > most_coherence;
}

/* Weight 0 for the samples that stand out most; false where none does. A sample that a mode is
 * drawn to leaves something in its whole time and channel, but most in itself. */
CI_ISA_INLINE bool outliers_peel(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    const float *restrict value = p->search.value;
    float *restrict weight = p->weight;
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = weight[i] > 0 && value[i] > most ? value[i] : most;
    if (!((double)most > outlier_noise * p->noise)) return false;
    for (size_t i = 0; i < n; i++)
        weight[i] = value[i] > 0.5F * most ? 0 : weight[i];
    ci_flag_surface_subtract(p);
    residual_fill(p);
    return true;
}

/* Weight 1 again in lines that were left out: modes are fitted in each line, and know what stands
 * out of it. */
CI_ISA_INLINE void lines_restore(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    const float *restrict re = p->re, *restrict im = p->im;
    const uint8_t *restrict mark = p->search.mark;
    float *restrict weight = p->weight;
    float limit = (float)(outlier_median * outlier_median * p->amplitude * p->amplitude);
    for (size_t i = 0; i < n; i++)
        weight[i] = mark[i] == CI_FLAG_MARK_GOOD && re[i] * re[i] + im[i] * im[i] <= limit ? 1 : 0;
}

/* As many modes as there are above the noise. */
CI_ISA_INLINE void modes_try(ci_flag_dynspec *p)
{
    size_t most = (p->n_time < p->n_chan ? p->n_time : p->n_chan) / 2, n_peel = 0;
    double power;
    if (p->has_lines && !p->is_cut) lines_restore(p);
    ci_flag_surface_set(p, CI_FLAG_SURFACE_MODES, 0);
    ci_flag_surface_subtract(p);
    residual_fill(p);
    if (most > MAX_MODE) most = MAX_MODE;
    while (p->n_pass < most) {
        if (!ci_flag_mode_subtract(p, &power)) {
            if (n_peel++ < MAX_PEEL && outliers_peel(p)) continue;
            break;
        }
        ci_flag_surface_set(p, CI_FLAG_SURFACE_MODES, p->n_pass + 1);
        residual_fill(p);
        if (power > ci_flag_mode_noise(p)) continue;
        ci_flag_surface_set(p, CI_FLAG_SURFACE_MODES, p->n_pass - 1); /* noise */
        ci_flag_surface_subtract(p);
        break;
    }
    residual_fill(p);
    while (n_peel++ < MAX_PEEL && outliers_peel(p))
        continue;
}

/* How many of the good samples are above (below) a limit. */
CI_ISA_INLINE size_t count_beyond(const ci_flag_dynspec *p, double limit, bool is_above)
{
    const float *restrict value = p->search.value;
    const uint8_t *restrict mark = p->search.mark;
    float most = (float)limit;
    uint32_t n = 0;
    for (size_t i = 0; i < p->n_time * p->n_chan; i++)
        n += (mark[i] == CI_FLAG_MARK_GOOD) & (is_above ? value[i] > most : value[i] < most);
    return n;
}

/* Weight 0 above the limit, 1 below; true where that has changed. */
CI_ISA_INLINE bool weights_cut(ci_flag_dynspec *p, double limit)
{
    const float *restrict value = p->search.value;
    const uint8_t *restrict mark = p->search.mark;
    float *restrict weight = p->weight, most = (float)limit;
    int changed = 0;
    for (size_t i = 0; i < p->n_time * p->n_chan; i++) {
        float here = mark[i] == CI_FLAG_MARK_GOOD && value[i] <= most ? 1 : 0;
        changed |= here != weight[i];
        weight[i] = here;
    }
    return changed;
}

/* Single samples in a tenth or more of all pull the surface and make the noise: both are measured
 * again without what is far above the quietest quarter, until that stays the same. */
CI_ISA_INLINE void contaminated_leave(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    float *restrict value = p->search.windows;
    if ((double)count_beyond(p, outlier_low * p->noise, true) < many_outliers * (double)p->n_good)
        return;
    if (ci_flag_left_coherence(p, INFINITY) > most_coherence) return; /* a sky */
    p->has_lines = p->is_cut = true;
    for (int i = 0; i < MAX_CUT; i++) {
        double low = ci_flag_dynspec_low(p, p->search.value, N_NOISE) / CI_FLAG_RAYLEIGH_LOW;
        if (!weights_cut(p, outlier_low * low)) break;
        ci_flag_surface_subtract(p);
        residual_fill(p);
    }
    for (size_t i = 0; i < n; i++)
        value[i] = sqrtf(p->re[i] * p->re[i] + p->im[i] * p->im[i]);
    p->amplitude = ci_flag_dynspec_median(p, value, N_AMPLITUDE);
}

/* Where the first surface leaves more than there is that is no fringe, the sky turns too fast for
 * it: then modes, one along the axis in which the sky is smooth, or over fewer samples. */
CI_ISA_INLINE void surface_choose(ci_flag_dynspec *p)
{
    double of_time = ci_flag_lags_median(p, false, p->search.scratch);
    double of_chan = ci_flag_lags_median(p, true, p->search.scratch);
    p->scatter = fmin(of_time, of_chan);
    surface_try(p, CI_FLAG_SURFACE_BOTH, 1);
    contaminated_leave(p);
    bool is_left = has_sky(p) && sky_is_left(p);
    if (surface_does(p) && !is_left) return;
    if (is_left) {
        modes_try(p);
        if (!sky_is_left(p)) return;
    }
    if (of_time < 0.5 * of_chan) {
        ci_flag_fringe_stop_rows(p);
        surface_try(p, CI_FLAG_SURFACE_CHAN, MAX_PASS);
    } else if (of_chan < 0.5 * of_time) {
        surface_try(p, CI_FLAG_SURFACE_TIME, MAX_PASS);
    } else {
        surface_try(p, CI_FLAG_SURFACE_BOTH, MAX_PASS_BOTH);
        if (!surface_does(p)) surface_try(p, CI_FLAG_SURFACE_FINE, MAX_PASS);
    }
}

/* Noise of each channel relative to the dynamic spectrum's, smooth over channels, into line [0,
 * n_chan): the bandpass at the edges, but no narrow line. */
CI_ISA_INLINE void shape_measure(ci_flag_dynspec *p)
{
    size_t n_chan = p->n_chan;
    float *restrict shape = p->line, *restrict mean = shape + n_chan;
    float *restrict count = mean + n_chan;
    memset(mean, 0, 2 * n_chan * sizeof(float));
    for (size_t t = 0; t < p->n_time; t++) {
        const float *restrict value = p->search.value + t * n_chan;
        const float *restrict weight = p->weight + t * n_chan;
        for (size_t c = 0; c < n_chan; c++) {
            bool good = weight[c] > 0;
            mean[c] += good ? value[c] : 0;
            count[c] += good ? 1 : 0;
        }
    }
    float middle = (float)(p->noise * CI_FLAG_RAYLEIGH_MEAN);
    for (size_t c = 0; c < n_chan; c++)
        mean[c] =
            4 * count[c] >= (float)p->n_time && p->n_time >= MIN_TIME ? mean[c] / count[c] : middle;
    float before = 0;
    for (size_t at = 0, last = 0;; last = at, at += NODE_STEP) {
        if (at >= n_chan) at = n_chan - 1;
        size_t first = at > HALF_SHAPE ? at - HALF_SHAPE : 0, n = 0;
        for (size_t c = first; c <= at + HALF_SHAPE && c < n_chan; c++)
            p->search.scratch[n++] = mean[c];
        float here =
            ci_num_median_by(p->search.scratch, n, p->search.isa) / (float)CI_FLAG_RAYLEIGH_MEAN;
        for (size_t c = last; c < at; c++)
            shape[c] = before + (here - before) * (float)(c - last) / (float)(at - last);
        before = shape[at] = here;
        if (at + 1 >= n_chan) break;
    }
}

/* Residuals in units of their noise. */
CI_ISA_INLINE void residual_scale(ci_flag_dynspec *p)
{
    size_t n_chan = p->n_chan;
    double floor = floor_part * p->amplitude;
    shape_measure(p);
    for (size_t c = 0; c < n_chan; c++)
        p->line[c] = 1 / (p->line[c] > (float)floor ? p->line[c] : (float)floor);
    for (size_t t = 0; t < p->n_time; t++)
        for (size_t c = 0; c < n_chan; c++)
            p->search.value[t * n_chan + c] *= p->line[c];
    double excess = p->surface == CI_FLAG_SURFACE_MODES ? least_excess_modes : least_excess;
    p->search.least = excess * p->amplitude / p->noise;
}

/* The surface follows what is not found; true where that has changed. */
CI_ISA_INLINE bool weights_renew(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    const uint8_t *restrict mark = p->search.mark;
    float *restrict weight = p->weight;
    int changed = 0;
    for (size_t i = 0; i < n; i++) {
        float here = mark[i] == CI_FLAG_MARK_GOOD ? 1 : 0;
        changed |= here != weight[i];
        weight[i] = here;
    }
    return changed;
}

/* What was found on a first surface is judged again on the better one. */
CI_ISA_INLINE void found_forget(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    uint8_t *restrict mark = p->search.mark;
    for (size_t i = 0; i < n; i++)
        mark[i] = mark[i] == CI_FLAG_MARK_FOUND ? CI_FLAG_MARK_GOOD : mark[i];
}

/* A first surface and what stands out of it, then surfaces without that; what is found is marked.
 */
CI_ISA_INLINE void search(ci_flag_dynspec *p, size_t *n_found)
{
    weights_start(p);
    if (p->has_lines) few_restore(p);
    if (!(p->amplitude > 0)) return;
    ci_flag_fringe_stop(p);
    surface_choose(p);
    contaminated_leave(p);
    for (int i = 0; i < N_ITERATION; i++) {
        if (i > 0) {
            ci_flag_surface_subtract(p);
            residual_fill(p);
        }
        residual_scale(p);
        found_forget(p);
        *n_found = ci_flag_sumthreshold(&p->search);
        if (!weights_renew(p)) break;
    }
}

/* Whether what stays has more that is loud, or more that is quiet beside the noise, than noise. */
CI_ISA_INLINE void dirty_judge(ci_flag_dynspec *p, size_t *n_found)
{
    double n = (double)(p->n_good - *n_found);
    double loud = (double)count_beyond(p, 3.5, true), quiet = (double)count_beyond(p, 0.35, false);
    p->is_dirty = loud > 0.02 * n + 1 + 4 * sqrt(0.002 * n) ||
                  quiet > 0.12 * n + 4 * sqrt(0.06 * n); /* of noise: 0.002 and 0.06 */
}

CI_ISA_INSTANCES(dirty_judge, (ci_flag_dynspec * p, size_t *n_found), (p, n_found))

CI_ISA_INSTANCES(search, (ci_flag_dynspec * p, size_t *n_found), (p, n_found))

size_t ci_flag_dynspec_search(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan, n_found = 0;
    p->is_cut = p->is_dirty = false;
    if (p->n_good < CI_FLAG_MIN_GOOD) return 0;
    CI_ISA_KERNEL(search, p->search.isa)(p, &n_found);
    if (p->noise > 0) CI_ISA_KERNEL(dirty_judge, p->search.isa)(p, &n_found);
    if (n_found == 0) return 0;
    double sigma = p->has_lines ? grow_sigma_lines : grow_sigma;
    ci_flag_grow(&p->search, fmax(sigma, p->search.least));
    ci_flag_rank_operate(&p->search, rank_eta);
    n_found = 0;
    for (size_t i = 0; i < n; i++)
        n_found += p->search.mark[i] == CI_FLAG_MARK_FOUND;
    return n_found;
}
