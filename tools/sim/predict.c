/* Visibilities of the simulated sky on lanes of baselines. */
#include "predict.h"

#include <math.h>

enum
{
    LANE = 8,   /* baselines side by side */
    BLOCK = 64, /* channels from one start of the recurrences to the next */
    N_SERIES = 8
};

/* Radians of hour angle per second, the rate that the fringe stopping uses. */
#define SKY_RATE (CI_TWO_PI / 86164.09)

/* All arithmetic is lane by lane, and the same on every machine. Vectors go by pointer: how they
 * are passed by value depends on the instruction set. */
typedef double vec __attribute__((vector_size(LANE * sizeof(double))));
typedef int64_t vec_mask __attribute__((vector_size(LANE * sizeof(int64_t))));

/* LANE baselines: their vectors (m), and what instruments add to their delays. */
typedef struct baselines
{
    vec x, y, z, instrument_s[2];
} baselines;

/* Delays of one source and their rates, without unit. */
typedef struct delays
{
    vec tau_s, rate;
} delays;

/* The same source on LANE baselines: phasor and amplitude at the first channel of a block
 * and how they go on from channel to channel. */
typedef struct lanes
{
    vec re, im, step_re, step_im, loss, loss_1, loss_2;
    vec band[2]; /* loss within a channel, of each parallel hand */
} lanes;

/* 1 - q c[0] (1 - q c[1] (...)): of sin(y)/y and of cos(y), q = y^2. What is left out is below
 * 1e-16 at q = 1. */
static const double of_sine[N_SERIES] = {1.0 / 6,   1.0 / 20,  1.0 / 42,  1.0 / 72,
                                         1.0 / 110, 1.0 / 156, 1.0 / 210, 1.0 / 272};
static const double of_cosine[N_SERIES] = {1.0 / 2,  1.0 / 12,  1.0 / 30,  1.0 / 56,
                                           1.0 / 90, 1.0 / 132, 1.0 / 182, 1.0 / 240};

CI_ISA_INLINE void series(const double *c, const vec *q, vec *out)
{
    vec sum = *q * 0 + 1;
    for (int i = N_SERIES; i-- > 0;)
        sum = 1 - *q * c[i] * sum;
    *out = sum;
}

/* The nearest whole number. */
CI_ISA_INLINE void whole(const vec *x, vec *out)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52, where one is the last place */
    vec sum = *x + magic;
    *out = sum - magic;
}

/* yes where the mask is set, else no. */
CI_ISA_INLINE void choose(const vec_mask *mask, const vec *yes, const vec *no, vec *out)
{
    *out = (vec)((*mask & (vec_mask)*yes) | (~*mask & (vec_mask)*no));
}

/* exp(2 pi i turns). */
CI_ISA_INLINE void phasor(const vec *turns, vec *re, vec *im)
{
    vec whole_turns, quarter, s, c, least = *turns;
    whole(&least, &whole_turns);
    least -= whole_turns;
    vec four = 4 * least;
    whole(&four, &quarter); /* -2 to 2 */
    vec y = CI_TWO_PI * (least - 0.25 * quarter), q = y * y;
    series(of_sine, &q, &s);
    series(of_cosine, &q, &c);
    s *= y;
    vec size = quarter * quarter, other_s = -s, other_c = -c;
    vec_mask is_half = size > 2, is_odd = (size > 0.5) & (size < 2);
    choose(&is_half, &other_c, &c, re);
    choose(&is_half, &other_s, &s, im);
    other_s = -quarter * s;
    other_c = quarter * c;
    choose(&is_odd, &other_s, re, re);
    choose(&is_odd, &other_c, im, im);
}

/* sin(y)/y. */
CI_ISA_INLINE void sinc(const vec *y, vec *out)
{
    vec q = *y * *y;
    vec_mask is_far = q > 1;
    int64_t any = 0;
    series(of_sine, &q, out);
    for (int i = 0; i < LANE; i++)
        any |= is_far[i];
    for (int i = 0; any && i < LANE; i++)
        if (is_far[i]) (*out)[i] = sin((*y)[i]) / (*y)[i];
}

/* Mean of n phasors, their phases 2x apart and centred on 0. */
CI_ISA_INLINE void dirichlet(const vec *x, int n, vec *out)
{
    vec all = *x * n, one;
    sinc(&all, out);
    sinc(x, &one);
    *out /= one;
}

/* Delay of each lane towards one source, its rate, and the shift of the mean phase by the
 * delay's curvature within the integration. */
CI_ISA_INLINE void make_delays(const sim_scene *s, const double *offset, const baselines *b,
                               delays *d)
{
    double length = s->smear.n_int * s->smear.sample_s;
    double spread = length * length / 12 * (1 - 1.0 / ((double)s->smear.n_int * s->smear.n_int));
    vec equator = b->x * offset[0] + b->y * offset[1];
    d->tau_s = (equator + b->z * offset[2]) / CI_C_M_S;
    d->rate = (b->x * offset[1] - b->y * offset[0]) / CI_C_M_S * SKY_RATE;
    if (!s->smear.is_off) d->tau_s -= 0.5 * spread * SKY_RATE * SKY_RATE * equator / CI_C_M_S;
}

/* The loss in time changes by less than a part in 1e3 over a block: a parabola through its ends and
 * middle, as forward differences. */
CI_ISA_INLINE void start_loss(const sim_scene *s, const vec *rate, double freq_hz, double mid,
                              lanes *l)
{
    vec x = CI_PI * s->smear.sample_s * *rate, f[3];
    for (int k = 0; k < 3; k++) {
        vec at = x * (freq_hz + k * mid * s->step_hz);
        dirichlet(&at, s->smear.n_int, &f[k]);
    }
    double scale = mid > 0 ? 1 / mid : 0;
    vec curve = 0.5 * scale * scale * (f[2] - 2 * f[1] + f[0]);
    vec slope = scale * (f[1] - f[0]) - curve * mid;
    l->loss = f[0];
    l->loss_1 = slope + curve;
    l->loss_2 = 2 * curve;
}

CI_ISA_INLINE void start_lanes(const sim_scene *s, const baselines *b, const delays *d,
                               size_t i_chan, size_t n_chan, lanes *l)
{
    double freq_hz = s->freq_hz + (double)i_chan * s->step_hz;
    vec turns = freq_hz * d->tau_s, step = s->step_hz * d->tau_s;
    phasor(&turns, &l->re, &l->im);
    phasor(&step, &l->step_re, &l->step_im);
    l->loss_1 = l->loss_2 = turns * 0;
    l->loss = l->band[0] = l->band[1] = l->loss_1 + 1;
    if (s->smear.is_off) return;
    start_loss(s, &d->rate, freq_hz, 0.5 * (double)(n_chan - 1), l);
    for (int p = 0; p < 2; p++) {
        vec x = CI_PI * s->smear.fine_hz * (d->tau_s + b->instrument_s[p]);
        dirichlet(&x, s->smear.n_fine, &l->band[p]);
    }
}

/* sum: [n_chan][parallel hand][re, im], the second only where `both`. */
CI_ISA_INLINE void run_lanes(const lanes *l, const double *amp, size_t n_chan, bool both,
                             vec (*sum)[4])
{
    vec re = l->re, im = l->im, step_re = l->step_re, step_im = l->step_im;
    vec loss = l->loss, loss_1 = l->loss_1, loss_2 = l->loss_2;
    for (size_t c = 0; c < n_chan; c++) {
        vec w = amp[c] * loss, w_re = w * re, w_im = w * im, turned = re * step_re - im * step_im;
        sum[c][0] += w_re * l->band[0];
        sum[c][1] += w_im * l->band[0];
        if (both) {
            sum[c][2] += w_re * l->band[1];
            sum[c][3] += w_im * l->band[1];
        }
        im = re * step_im + im * step_re;
        re = turned;
        loss += loss_1;
        loss_1 += loss_2;
    }
}

/* n baselines from the i0-th; where there are fewer than LANE the last one again. */
static void baselines_take(size_t i0, size_t n, const double *b, const double *const delay_s[2],
                           baselines *out)
{
    for (size_t i = 0; i < LANE; i++) {
        size_t k = i0 + (i < n ? i : n - 1);
        out->x[i] = b[3 * k];
        out->y[i] = b[3 * k + 1];
        out->z[i] = b[3 * k + 2];
        for (int p = 0; p < 2; p++)
            out->instrument_s[p][i] = delay_s[p] != NULL ? delay_s[p][k] : 0;
    }
}

CI_ISA_INLINE void lanes_predict(const sim_scene *s, size_t i0, size_t n, const baselines *b,
                                 double *const out[2])
{
    bool both = out[1] != NULL;
    for (size_t c0 = 0; c0 < s->n_chan; c0 += BLOCK) {
        size_t n_chan = s->n_chan - c0 < BLOCK ? s->n_chan - c0 : BLOCK;
        vec sum[BLOCK][4] = {{{0}}};
        for (size_t k = 0; k < s->n_source; k++) {
            delays d;
            lanes l;
            make_delays(s, s->offset + 3 * k, b, &d);
            start_lanes(s, b, &d, c0, n_chan, &l);
            run_lanes(&l, s->amp_jy + k * s->n_chan + c0, n_chan, both, sum);
        }
        for (int p = 0; p < (both ? 2 : 1); p++)
            for (size_t i = 0; i < n; i++)
                for (size_t c = 0; c < n_chan; c++) {
                    double *cell = out[p] + 2 * ((i0 + i) * s->n_chan + c0 + c);
                    cell[0] += sum[c][2 * p][i];
                    cell[1] += sum[c][2 * p + 1][i];
                }
    }
}

CI_ISA_INSTANCES(lanes_predict,
                 (const sim_scene *s, size_t i0, size_t n, const baselines *b,
                  double *const out[2]),
                 (s, i0, n, b, out))

void sim_predict(const sim_scene *s, size_t n_baseline, const double *b,
                 const double *const delay_s[2], double *const out[2])
{
    ci_isa isa = ci_isa_widest(); /* each gives the same bits */
    for (size_t i = 0; i < n_baseline; i += LANE) {
        size_t n = n_baseline - i < LANE ? n_baseline - i : LANE;
        baselines lines;
        baselines_take(i, n, b, delay_s, &lines);
        CI_ISA_KERNEL(lanes_predict, isa)(s, i, n, &lines, out);
    }
}
