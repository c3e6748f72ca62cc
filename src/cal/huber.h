/* The baselines of one gain solve: their sums, how far they are off a solution, and the weights
 * that follow by Huber's rule. All functions are local. */
#ifndef CI_CAL_HUBER_H
#define CI_CAL_HUBER_H

#include "contimg/base.h"

typedef struct ci_cal_huber
{
    size_t n;                /* baselines with data between receptors that are solved for */
    int32_t *used;           /* [n] which of all */
    int32_t *first, *second; /* [n] index of their receptors */
    double *re, *im, *b;     /* [n] sum w V conj(M), sum w |M|^2 */
    double power;            /* sum |re + i im|^2 / b */
    double *weight;          /* [n] */
    double *misfit;          /* [n] chi^2 of a baseline's mean, 2 degrees of freedom */
    float *pool;             /* [n] what a median is taken of */
} ci_cal_huber;
/* Room for n_baseline; to be cleared where it fails, too. */
CI_MUST_CHECK ci_status ci_cal_huber_new(ci_cal_huber *out, size_t n_baseline);
void ci_cal_huber_clear(ci_cal_huber *huber);

/* Takes the sums of those that are used, and their power; weights 1. */
void ci_cal_huber_take(ci_cal_huber *huber, const double *re, const double *im, const double *b);
/* Misfits of a solution g_re + i g_im of n_gain receptors, and their robust scale: 1 where weights
 * are 1/sigma^2 and the model is right. */
double ci_cal_huber_misfits(ci_cal_huber *huber, ci_isa isa, const double *g_re, const double *g_im,
                            size_t n_gain);
/* New weights: less than 1 beyond `sigma` of that scale; whether one changed by more than 1 %. */
bool ci_cal_huber_reweight(ci_cal_huber *huber, ci_isa isa, double sigma, double scale2);

#endif
