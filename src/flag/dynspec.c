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
    N_LANE = 8,
    N_AMPLITUDE = 192, /* samples that the median amplitude looks at */
    N_NOISE = 512,     /* and that of the noise */
    N_ITERATION = 3,
    MIN_GOOD = 16,
    BOX_TIME = 2, /* samples of a box of the surface */
    BOX_CHAN = 4,
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
static const double grow_sigma = 2.5;
static const double rank_eta = 0.1;

static ci_status arrays_new(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan, n_line = p->n_time + p->n_chan;
    size_t n_box = p->axis[0].n_box * p->axis[1].n_box;
    float *f = NULL;
    size_t n_windows = CI_FLAG_N_WINDOWS * CI_FLAG_WINDOWS_SIZE(p->n_time, p->n_chan);
    CI_TRY(ci_mem_alloc(&f, 8 * n + n_windows + 6 * n_box + 5 * p->n_chan + 2 * n_line,
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
    p->fringe = f + 5 * p->n_chan;
    CI_TRY(ci_mem_alloc(&p->search.mark, 2 * n, 1, "flagging: a baseline's dynamic spectrum"));
    p->search.mask = p->search.mark + n;
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
    ci_status status = ci_flag_axis_new(&p->axis[0], n_time, BOX_TIME);
    if (status == CI_OK) status = ci_flag_axis_new(&p->axis[1], n_chan, BOX_CHAN);
    if (status == CI_OK) status = arrays_new(p);
    if (status != CI_OK) {
        ci_flag_dynspec_free(p);
        return status;
    }
    p->search.centre = RAYLEIGH_MEAN;
    p->search.sigma = RAYLEIGH_RMS;
    memcpy(p->search.n_sigma, n_sigma, sizeof n_sigma);
    for (size_t t = 0; t < n_time; t++) {
        for (size_t c = 0; c < n_chan; c++) {
            double left = 1 - 2 * p->axis[0].own[t] * p->axis[1].own[c] +
                          p->axis[0].square[t] * p->axis[1].square[c];
            p->gain[t * n_chan + c] = left > 0.05 ? (float)(1 / sqrt(left)) : 1;
        }
    }
    *out = p;
    return CI_OK;
}

void ci_flag_dynspec_free(ci_flag_dynspec *p)
{
    if (!p) return;
    ci_flag_axis_clear(&p->axis[0]);
    ci_flag_axis_clear(&p->axis[1]);
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
    p->has_lines = ci_flag_lines_leave_out(p);
    double power = ci_flag_dynspec_median(p, value, N_AMPLITUDE);
    p->amplitude = sqrt(power);
    float limit = (float)(outlier_median * outlier_median * power);
    for (size_t i = 0; i < n; i++)
        weight[i] = value[i] <= limit ? weight[i] : 0;
}

/* Sums by lanes of w v[i + step] conj(w v[i]) over n. */
CI_ISA_INLINE void lag_add(const ci_flag_dynspec *p, size_t first, size_t n, size_t step,
                           float x[N_LANE], float y[N_LANE])
{
    const float *restrict re = p->re + first, *restrict im = p->im + first;
    const float *restrict w = p->weight + first;
    for (size_t i = 0; i + N_LANE <= n; i += N_LANE) {
        for (size_t k = 0; k < N_LANE; k++) {
            float u = w[i + k] * w[i + k + step];
            float a = re[i + k], b = im[i + k], c = re[i + k + step], d = im[i + k + step];
            x[k] += u * (a * c + b * d);
            y[k] += u * (a * d - b * c);
        }
    }
}

static void lanes_total(const float x[N_LANE], const float y[N_LANE], double out[2])
{
    out[0] = out[1] = 0;
    for (size_t k = 0; k < N_LANE; k++) {
        out[0] += (double)x[k];
        out[1] += (double)y[k];
    }
}

/* Phasors exp(-i n angle). */
CI_ISA_INLINE void phasors_fill(const double sum[2], size_t n, float *re, float *im)
{
    double size = sqrt(sum[0] * sum[0] + sum[1] * sum[1]);
    double c = size > 0 ? sum[0] / size : 1, s = size > 0 ? -sum[1] / size : 0, x = 1, y = 0;
    for (size_t i = 0; i < n; i++) {
        re[i] = (float)x;
        im[i] = (float)y;
        double next = x * c - y * s;
        y = x * s + y * c;
        x = next;
    }
}

/* Takes out the mean slope of phase over times and channels, which products of neighbours show: a
 * delay or an offset source winds it many times over the dynamic spectrum. */
CI_ISA_INLINE void fringe_stop(ci_flag_dynspec *p)
{
    size_t n_time = p->n_time, n_chan = p->n_chan, n_line = n_time + n_chan;
    double over_time[2], over_chan[2];
    float x_t[N_LANE] = {0}, y_t[N_LANE] = {0}, x_c[N_LANE] = {0}, y_c[N_LANE] = {0};
    for (size_t t = 0; t < n_time; t++) {
        if (t + 1 < n_time) lag_add(p, t * n_chan, n_chan, n_chan, x_t, y_t);
        lag_add(p, t * n_chan, n_chan - 1, 1, x_c, y_c);
    }
    lanes_total(x_t, y_t, over_time);
    lanes_total(x_c, y_c, over_chan);
    float *re = p->fringe, *im = p->fringe + n_line;
    phasors_fill(over_time, n_time, re, im);
    phasors_fill(over_chan, n_chan, re + n_time, im + n_time);
    for (size_t t = 0; t < n_time; t++) {
        float *restrict x = p->re + t * n_chan, *restrict y = p->im + t * n_chan;
        const float *restrict u = re + n_time, *restrict v = im + n_time;
        for (size_t c = 0; c < n_chan; c++) {
            float a = u[c] * re[t] - v[c] * im[t], b = u[c] * im[t] + v[c] * re[t];
            float z = x[c] * a - y[c] * b;
            y[c] = x[c] * b + y[c] * a;
            x[c] = z;
        }
    }
}

/* Weight, and weight x data, of the times of one row of boxes, into line [3][n_chan]. */
CI_ISA_INLINE void times_sum(const ci_flag_dynspec *p, size_t y)
{
    size_t n_chan = p->n_chan, first = y * p->axis[0].box, end = first + p->axis[0].box;
    float *restrict sum = p->line, *restrict x = sum + n_chan, *restrict z = x + n_chan;
    memset(p->line, 0, 3 * n_chan * sizeof(float));
    for (size_t t = first; t < end && t < p->n_time; t++) {
        const float *restrict re = p->re + t * n_chan, *restrict im = p->im + t * n_chan;
        const float *restrict w = p->weight + t * n_chan;
        for (size_t c = 0; c < n_chan; c++) {
            sum[c] += w[c];
            x[c] += w[c] * re[c];
            z[c] += w[c] * im[c];
        }
    }
}

/* Sums of weight, and of weight x data, over the boxes. */
CI_ISA_INLINE void boxes_sum(ci_flag_dynspec *p)
{
    size_t n_chan = p->n_chan, n_x = p->axis[1].n_box, n_box = p->axis[0].n_box * n_x;
    for (size_t y = 0; y < p->axis[0].n_box; y++) {
        times_sum(p, y);
        for (size_t k = 0; k < 3; k++) {
            const float *restrict in = p->line + k * n_chan;
            float *restrict out = p->box + k * n_box + y * n_x;
            for (size_t x = 0; x < n_x; x++) {
                size_t c = x * BOX_CHAN;
                out[x] = in[c];
                for (size_t i = 1; i < BOX_CHAN && c + i < n_chan; i++)
                    out[x] += in[c + i];
            }
        }
    }
}

/* out = sum over j of tap[j] x the row of boxes j. */
CI_ISA_INLINE void rows_mix(size_t n_row, size_t n_x, const float *restrict tap,
                            const float *restrict in, float *restrict out)
{
    for (size_t x = 0; x < n_x; x++)
        out[x] = 0;
    for (size_t j = 0; j < n_row; j++)
        for (size_t x = 0; tap[j] > 0 && x < n_x; x++)
            out[x] += tap[j] * in[j * n_x + x];
}

/* out = sum over j of in[j] x the taps of box j. */
CI_ISA_INLINE void row_mix(size_t n_x, const float *restrict tap, const float *restrict in,
                           float *restrict out)
{
    for (size_t x = 0; x < n_x; x++)
        out[x] = 0;
    for (size_t j = 0; j < n_x; j++)
        for (size_t x = 0; x < n_x; x++)
            out[x] += tap[j * n_x + x] * in[j];
}

/* Gaussian over boxes, times first, then channels: three dynamic spectra of n_y x n_x; the first
 * half of p->box to the second and back. */
CI_ISA_INLINE void boxes_smooth(ci_flag_dynspec *p)
{
    size_t n_y = p->axis[0].n_box, n_x = p->axis[1].n_box, n = n_y * n_x;
    float *box = p->box, *other = p->box + 3 * n;
    for (size_t k = 0; k < 3; k++) {
        for (size_t y = 0; y < n_y; y++)
            rows_mix(n_y, n_x, p->axis[0].tap + y * n_y, box + k * n, other + k * n + y * n_x);
    }
    for (size_t k = 0; k < 3; k++) {
        for (size_t y = 0; y < n_y; y++)
            row_mix(n_x, p->axis[1].tap, other + k * n + y * n_x, box + k * n + y * n_x);
    }
    for (size_t i = 0; i < n; i++) {
        float inverse = box[i] > 0 ? 1 / box[i] : 0;
        box[n + i] *= inverse;
        box[2 * n + i] *= inverse;
    }
}

/* The surface along the channels of one row of boxes between two, into line [2][n_chan]. */
CI_ISA_INLINE void surface_line(const ci_flag_dynspec *p, size_t t, float *line)
{
    size_t n_x = p->axis[1].n_box, n = p->axis[0].n_box * n_x, y = p->axis[0].node[t];
    size_t below = y * n_x, above = y + 1 < p->axis[0].n_box ? below + n_x : below;
    float s = p->axis[0].share[t];
    float *restrict row = p->box + 3 * n; /* both parts between the two rows */
    for (size_t k = 0; k < 2; k++)
        for (size_t x = 0; x < n_x; x++)
            row[k * n_x + x] =
                s * p->box[(k + 1) * n + below + x] + (1 - s) * p->box[(k + 1) * n + above + x];
    for (size_t c = 0; c < p->n_chan; c++) {
        size_t x = p->axis[1].node[c], next = x + 1 < n_x ? x + 1 : x;
        float u = p->axis[1].share[c];
        line[c] = u * row[x] + (1 - u) * row[next];
        line[p->n_chan + c] = u * row[n_x + x] + (1 - u) * row[n_x + next];
    }
}

/* Data less the surface into sum[0] and sum[1]. */
CI_ISA_INLINE void surface_subtract(ci_flag_dynspec *p)
{
    size_t n_chan = p->n_chan;
    for (size_t t = 0; t < p->n_time; t++) {
        surface_line(p, t, p->line);
        const float *restrict re = p->re + t * n_chan, *restrict im = p->im + t * n_chan;
        const float *restrict b_re = p->line, *restrict b_im = p->line + n_chan;
        float *restrict x = p->left[0] + t * n_chan;
        float *restrict y = p->left[1] + t * n_chan;
        for (size_t c = 0; c < n_chan; c++) {
            x[c] = re[c] - b_re[c];
            y[c] = im[c] - b_im[c];
        }
    }
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
    surface_subtract(p);
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
    double floor = 1e-6 * p->amplitude;
    p->noise = fmax(ci_flag_dynspec_median(p, p->search.value, N_NOISE) / RAYLEIGH_MEDIAN, floor);
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
    if (!(p->amplitude > 0)) return;
    fringe_stop(p);
    for (int i = 0; i < N_ITERATION; i++) {
        boxes_sum(p);
        boxes_smooth(p);
        residual_fill(p);
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
    ci_flag_grow(&p->search, fmax(grow_sigma, p->search.least));
    ci_flag_rank_operate(&p->search, rank_eta);
    n_found = 0;
    for (size_t i = 0; i < n; i++)
        n_found += p->search.mark[i] == CI_FLAG_MARK_FOUND;
    return n_found;
}
