/* Visibilities of the simulated sky on lanes of baselines. */
#include "predict.h"

#include <math.h>

enum
{
    LANE = 2,  /* baselines side by side: what plain x86-64 registers hold */
    BLOCK = 64 /* channels from one start of the recurrences to the next */
};

/* Radians of hour angle per second, the rate that the fringe stopping uses. */
#define SKY_RATE (CI_TWO_PI / 86164.09)

/* The same source on LANE baselines: phasor and amplitude at the first channel of a block
 * and how they go on from channel to channel. */
typedef double vec __attribute__((vector_size(LANE * sizeof(double))));
typedef struct lanes
{
    vec re, im, step_re, step_im, loss, loss_1, loss_2;
    vec band[2]; /* loss within a channel, of each parallel hand */
} lanes;

typedef struct delays
{
    double tau[LANE], rate[LANE], instrument[2][LANE];
} delays;

/* sin(y)/y. The series' first left-out term is below 1e-13 where it is used. */
static inline double sinc(double y)
{
    double q = y * y;
    if (q > 1.0) return sin(y) / y;
    return 1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110 * (1 - q / 156)))));
}

/* Mean of n phasors, their phases 2x apart and centred on 0. */
static inline double dirichlet(double x, int n)
{
    return sinc(n * x) / sinc(x);
}

/* Delay of each lane towards one source, its rate, and the shift of the mean phase by the
 * delay's curvature within the integration. */
static void make_delays(const sim_scene *s, const double *offset, const double *b, size_t n,
                        delays *d)
{
    double length = s->smear.n_int * s->smear.sample_s;
    double spread = length * length / 12 * (1 - 1.0 / ((double)s->smear.n_int * s->smear.n_int));
    for (size_t i = 0; i < LANE; i++) {
        const double *v = b + 3 * (i < n ? i : n - 1);
        double equator = v[0] * offset[0] + v[1] * offset[1];
        double tau = (equator + v[2] * offset[2]) / CI_C_M_S;
        d->rate[i] = (v[0] * offset[1] - v[1] * offset[0]) / CI_C_M_S * SKY_RATE;
        if (!s->smear.is_off) tau -= 0.5 * spread * SKY_RATE * SKY_RATE * equator / CI_C_M_S;
        d->tau[i] = tau;
    }
}

static void start_lanes(const sim_scene *s, const delays *d, size_t i_chan, size_t n_chan, lanes *l)
{
    double freq = s->freq_hz + (double)i_chan * s->step_hz;
    double mid = 0.5 * (double)(n_chan - 1);
    for (int i = 0; i < LANE; i++) {
        double turns = freq * d->tau[i], step = s->step_hz * d->tau[i];
        turns = CI_TWO_PI * (turns - rint(turns));
        step = CI_TWO_PI * (step - rint(step));
        l->re[i] = cos(turns);
        l->im[i] = sin(turns);
        l->step_re[i] = cos(step);
        l->step_im[i] = sin(step);
        l->loss[i] = 1;
        l->loss_1[i] = l->loss_2[i] = 0;
        l->band[0][i] = l->band[1][i] = 1;
    }
    if (s->smear.is_off) return;
    for (int i = 0; i < LANE; i++) {
        /* The loss in time changes by less than a part in 1e3 over a block: a parabola
         * through its ends and middle, as forward differences. */
        double x = CI_PI * d->rate[i] * s->smear.sample_s;
        double f0 = dirichlet(x * freq, s->smear.n_int);
        double f1 = dirichlet(x * (freq + mid * s->step_hz), s->smear.n_int);
        double f2 = dirichlet(x * (freq + 2 * mid * s->step_hz), s->smear.n_int);
        double curve = mid > 0 ? 0.5 * (f2 - 2 * f1 + f0) / (mid * mid) : 0;
        double slope = mid > 0 ? (f1 - f0) / mid - curve * mid : 0;
        l->loss[i] = f0;
        l->loss_1[i] = slope + curve;
        l->loss_2[i] = 2 * curve;
        for (int p = 0; p < 2; p++)
            l->band[p][i] = dirichlet(CI_PI * s->smear.fine_hz * (d->tau[i] + d->instrument[p][i]),
                                      s->smear.n_fine);
    }
}

/* sum: [n_chan][parallel hand][re, im], the second only where `both`. */
static inline void run_lanes(const lanes *l, const double *amp, size_t n_chan, bool both,
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

static void lanes_predict(const sim_scene *s, size_t i0, size_t n, const double *b,
                          const double *const delay_s[2], double *const out[2])
{
    bool both = out[1] != NULL;
    for (size_t c0 = 0; c0 < s->n_chan; c0 += BLOCK) {
        size_t n_chan = s->n_chan - c0 < BLOCK ? s->n_chan - c0 : BLOCK;
        vec sum[BLOCK][4] = {{{0}}};
        delays d = {0};
        lanes l;
        for (int p = 0; p < 2; p++)
            for (size_t i = 0; i < n && delay_s[p] != NULL; i++)
                d.instrument[p][i] = delay_s[p][i0 + i];
        for (size_t k = 0; k < s->n_source; k++) {
            make_delays(s, s->offset + 3 * k, b + 3 * i0, n, &d);
            start_lanes(s, &d, c0, n_chan, &l);
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

void sim_predict(const sim_scene *s, size_t n_baseline, const double *b,
                 const double *const delay_s[2], double *const out[2])
{
    for (size_t i = 0; i < n_baseline; i += LANE)
        lanes_predict(s, i, n_baseline - i < LANE ? n_baseline - i : LANE, b, delay_s, out);
}
