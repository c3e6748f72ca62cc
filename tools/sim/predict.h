/* predict: the noiseless visibilities of one integration of one sub-band, by direct sum
 * over point sources. Local, allocates nothing, knows no files. */
#ifndef SIM_PREDICT_H
#define SIM_PREDICT_H

#include "contimg/base.h"

/* How the correlator averages; all factors 1 where is_off. */
typedef struct sim_smear
{
    bool is_off;
    int n_fine, n_int;
    double fine_hz, sample_s;
} sim_smear;

typedef struct sim_scene
{
    size_t n_source, n_chan;
    const double *offset;    /* [n_source][3]: direction minus reference direction, ITRS */
    const double *amp_jy;    /* [n_source][n_chan]: flux x beam */
    double freq_hz, step_hz; /* first channel's centre, to the next (negative: descending) */
    sim_smear smear;
} sim_scene;

/* out[p] [n_baseline][n_chan][2] += sum over sources of
 *   amp exp(+2 pi i nu/c b.offset) D_freq D_time
 * for the parallel hands p = 0, 1; out[1] NULL: both are alike. b [n_baseline][3] in m. D_freq is
 * the mean of n_fine channels' phasors over the middle one, at the delay b.offset/c +
 * delay_s[p] (instrument, [n_baseline]; NULL: none); D_time the mean over n_int samples while
 * offset rotates with the sky (the reference direction is followed inside an integration). */
void sim_predict(const sim_scene *scene, size_t n_baseline, const double *b,
                 const double *const delay_s[2], double *const out[2]);

#endif
