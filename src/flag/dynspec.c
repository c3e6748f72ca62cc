/* One baseline's dynamic spectrum: its mean fringe and a smooth complex surface are taken out, and
 * what is left is searched. The surface is complex, not of amplitudes: interference of any phase
 * adds to the residual by its full strength, however bright the sky, and a fringe is no outlier. */
#include "flag/dynspec.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    N_AMPLITUDE = 192, /* samples that the median amplitude looks at */
    N_NOISE = 512,     /* and that of the noise */
    N_ITERATION = 3,
    MIN_GOOD = 16,
    MIN_USUAL = 20, /* one in so many samples has to be usual */
    MAX_PASS = 16,
    MAX_PASS_BOTH = 4,
    MIN_TIME = 8,   /* that the noise of a channel needs */
    HALF_SHAPE = 8, /* of the running median of noise over channels */
    NODE_STEP = 4   /* it is taken at every fourth channel */
};

/* Of amplitudes without signal (Rayleigh's distribution), in units of one part's rms. */
#define RAYLEIGH_MEAN 1.2533141373155003
#define RAYLEIGH_RMS 0.6551363775620336
#define RAYLEIGH_MEDIAN 1.1774100225154747

static const double outlier_median = 5;  /* of the median amplitude: the surface starts without */
static const double bandpass_part = 0.8; /* of it: how far a channel may be off its neighbours */
static const double least_excess = 0.1;  /* of it: less is no interference, however low the noise */
static const double most_left = 1.08;    /* of the scatter: a surface that follows leaves no more */
static const double most_left_faint = 1.6; /* scatter of noise alone is measured too low */
static const double bright_part = 0.4;     /* of the amplitude: a sky that is seen in each sample */
static const double faint_part = 0.05;     /* of it: noise that hides nothing worth a flag */
static const double least_left = 0.01;     /* of it: less does no harm */
static const double least_gain = 0.95;     /* of noise: less is no use of another surface */
static const double floor_part = 1e-6;     /* of it: noise that rounding leaves */
static const double grow_sigma = 2.5;
static const double grow_sigma_lines = 3.5; /* beside whole lines lies much that is good */
static const double rank_eta = 0.1;

static size_t n_box_most(const ci_flag_dynspec *p)
{
    size_t most = 0;
    for (size_t k = 0; k < CI_FLAG_N_SURFACE; k++) {
        size_t n = p->axis[k][0].n_box * p->axis[k][1].n_box;
        if (n > most) most = n;
    }
    return most;
}

static ci_status arrays_new(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan, n_line = p->n_time + p->n_chan, n_box = n_box_most(p);
    float *f = NULL;
    size_t n_windows = CI_FLAG_N_WINDOWS * CI_FLAG_WINDOWS_SIZE(p->n_time, p->n_chan);
    CI_TRY(ci_mem_alloc(&f, 8 * n + n_windows + 6 * n_box + 5 * p->n_chan + 6 * n_line,
                        sizeof(float), "flagging: a baseline's dynamic spectrum"));
    p->all = f;
    p->re = f;
    p->im = (f += n);
    p->weight = (f += n);
    p->gain = (f += n);
    p->search.value = (f += n);
    p->left[0] = (f += n);
    p->left[1] = (f += n);
    p->search.scratch = (f += n);
    p->search.windows = (f += n);
    p->box = (f += n_windows);
    p->line = (f += 6 * n_box);
    p->fringe = (f += 5 * p->n_chan);
    p->lag[0] = (f += 2 * n_line);
    p->lag[1] = f + 4 * p->n_chan;
    CI_TRY(ci_mem_alloc(&p->search.mark, 2 * n, 1, "flagging: a baseline's dynamic spectrum"));
    p->search.mask = p->search.mark + n;
    return CI_OK;
}

static ci_status axes_new(ci_flag_dynspec *p)
{
    static const size_t box[CI_FLAG_N_SURFACE][2] = {
        [CI_FLAG_SURFACE_BOTH] = {CI_FLAG_BOX_TIME, CI_FLAG_BOX_CHAN},
        [CI_FLAG_SURFACE_CHAN] = {1, CI_FLAG_BOX_CHAN},
        [CI_FLAG_SURFACE_TIME] = {CI_FLAG_BOX_TIME, 1},
        [CI_FLAG_SURFACE_FINE] = {CI_FLAG_BOX_TIME / 2, CI_FLAG_BOX_CHAN / 2}};
    for (int k = 0; k < CI_FLAG_N_SURFACE; k++) {
        bool by_time = k == CI_FLAG_SURFACE_CHAN, by_chan = k == CI_FLAG_SURFACE_TIME;
        CI_TRY(ci_flag_axis_new(&p->axis[k][0], p->n_time, box[k][0], by_time));
        CI_TRY(ci_flag_axis_new(&p->axis[k][1], p->n_chan, box[k][1], by_chan));
    }
    return CI_OK;
}

ci_status ci_flag_dynspec_new(ci_flag_dynspec **out, size_t n_time, size_t n_chan)
{
    static const double n_sigma[CI_FLAG_N_LENGTH] = {6.1, 6.0, 5.0, 5.2, 5.0, 5.0};
    ci_flag_dynspec *p = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&p, 1, sizeof *p, "flagging: a baseline's dynamic spectrum"));
    p->n_time = p->search.n_time = n_time;
    p->n_chan = p->search.n_chan = n_chan;
    ci_status status = axes_new(p);
    if (status == CI_OK) status = arrays_new(p);
    if (status != CI_OK) {
        ci_flag_dynspec_free(p);
        return status;
    }
    p->search.centre = RAYLEIGH_MEAN;
    p->search.sigma = RAYLEIGH_RMS;
    memcpy(p->search.n_sigma, n_sigma, sizeof n_sigma);
    ci_flag_surface_set(p, CI_FLAG_SURFACE_BOTH, 1);
    *out = p;
    return CI_OK;
}

void ci_flag_dynspec_free(ci_flag_dynspec *p)
{
    if (!p) return;
    for (size_t k = 0; k < CI_FLAG_N_SURFACE; k++)
        for (size_t i = 0; i < 2; i++)
            ci_flag_axis_clear(&p->axis[k][i]);
    ci_mem_free(p->search.mark);
    ci_mem_free(p->all);
    ci_mem_free(p);
}

CI_ISA_INLINE void load_strided(ci_flag_dynspec *p, const float *restrict data,
                                const uint8_t *restrict flags, size_t n_pol)
{
    size_t n = p->n_time * p->n_chan;
    float *restrict re = p->re, *restrict im = p->im;
    uint8_t *restrict mark = p->search.mark;
    uint32_t n_good = 0;
    for (size_t i = 0; i < n; i++) {
        bool good = flags[i * n_pol] == 0;
        mark[i] = good ? CI_FLAG_MARK_GOOD : CI_FLAG_MARK_ABSENT;
        re[i] = good ? data[2 * i * n_pol] : 0;
        im[i] = good ? data[2 * i * n_pol + 1] : 0;
        n_good += good;
    }
    p->n_good = n_good;
}

CI_ISA_INLINE void load(ci_flag_dynspec *p, const float *data, const uint8_t *flags, size_t n_pol)
{
    if (n_pol == 2)
        load_strided(p, data, flags, 2);
    else
        load_strided(p, data, flags, n_pol);
}

CI_ISA_INSTANCES(load, (ci_flag_dynspec * p, const float *data, const uint8_t *flags, size_t n_pol),
                 (p, data, flags, n_pol))

void ci_flag_dynspec_fill(ci_flag_dynspec *p, const ci_vis_block *block, size_t first, size_t i_pol,
                          ci_isa isa)
{
    size_t at = ci_vis_sample(block, first, 0, i_pol);
    p->search.isa = isa;
    CI_ISA_KERNEL(load, isa)(p, (const float *)(block->data + at), block->flags + at, block->n_pol);
}

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
    if (n_left >= MIN_GOOD && n_left * MIN_USUAL >= p->n_good) return;
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
    double noise = ci_flag_dynspec_median(p, p->search.value, N_NOISE) / RAYLEIGH_MEDIAN;
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

/* Where the first surface leaves more than there is that is no fringe, the sky turns too fast for
 * it: then one along the axis in which the sky is smooth, or over fewer samples. */
CI_ISA_INLINE void surface_choose(ci_flag_dynspec *p)
{
    double of_time = ci_flag_lags_median(p, false, p->search.scratch);
    double of_chan = ci_flag_lags_median(p, true, p->search.scratch);
    p->scatter = fmin(of_time, of_chan);
    surface_try(p, CI_FLAG_SURFACE_BOTH, 1);
    if (surface_does(p)) return;
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
        const uint8_t *restrict mark = p->search.mark + t * n_chan;
        const float *restrict value = p->search.value + t * n_chan;
        const float *restrict weight = p->weight + t * n_chan;
        for (size_t c = 0; c < n_chan; c++) {
            bool good = p->has_lines ? weight[c] > 0 : mark[c] == CI_FLAG_MARK_GOOD;
            mean[c] += good ? value[c] : 0;
            count[c] += good ? 1 : 0;
        }
    }
    float middle = (float)(p->noise * RAYLEIGH_MEAN);
    for (size_t c = 0; c < n_chan; c++)
        mean[c] =
            4 * count[c] >= (float)p->n_time && p->n_time >= MIN_TIME ? mean[c] / count[c] : middle;
    float before = 0;
    for (size_t at = 0, last = 0;; last = at, at += NODE_STEP) {
        if (at >= n_chan) at = n_chan - 1;
        size_t first = at > HALF_SHAPE ? at - HALF_SHAPE : 0, n = 0;
        for (size_t c = first; c <= at + HALF_SHAPE && c < n_chan; c++)
            p->search.scratch[n++] = mean[c];
        float here = ci_num_median_float(p->search.scratch, n) / (float)RAYLEIGH_MEAN;
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
        p->line[c] = 1 / fmaxf(p->line[c], (float)floor);
    for (size_t t = 0; t < p->n_time; t++)
        for (size_t c = 0; c < n_chan; c++)
            p->search.value[t * n_chan + c] *= p->line[c];
    p->search.least = least_excess * p->amplitude / p->noise;
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

CI_ISA_INSTANCES(search, (ci_flag_dynspec * p, size_t *n_found), (p, n_found))

size_t ci_flag_dynspec_search(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan, n_found = 0;
    if (p->n_good < MIN_GOOD) return 0;
    CI_ISA_KERNEL(search, p->search.isa)(p, &n_found);
    if (n_found == 0) return 0;
    double sigma = p->has_lines ? grow_sigma_lines : grow_sigma;
    ci_flag_grow(&p->search, fmax(sigma, p->search.least));
    ci_flag_rank_operate(&p->search, rank_eta);
    n_found = 0;
    for (size_t i = 0; i < n; i++)
        n_found += p->search.mark[i] == CI_FLAG_MARK_FOUND;
    return n_found;
}
