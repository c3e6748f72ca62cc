/* cal: solves for antenna gains, keeps them in CalH5 tables, applies them, and measures
 * the noise of visibilities. V_cal = V / (g1 conj(g2)). Signs: docs/science.md. */
#ifndef CONTIMG_CAL_H
#define CONTIMG_CAL_H

#include "contimg/par.h"
#include "contimg/vis.h"

typedef enum ci_cal_kind
{
    CI_CAL_BANDPASS, /* per channel, mean amplitude over the band 1 */
    CI_CAL_GAIN      /* per time, flux scale in it */
} ci_cal_kind;

/* A calibration table, the same on every rank. A receptor is (antenna, parallel hand):
 * hand 0 = XX or RR, 1 = YY or LL (n_hand 1 or 2). */
typedef struct ci_cal_table
{
    ci_cal_kind kind;
    ci_vis_array array; /* owned copy */
    bool x_is_north;
    bool is_circular;
    size_t n_time, n_chan, n_hand;
    double *time_mjd_s; /* [n_time] centres */
    double interval_s;  /* length of one time interval */
    double *freq_hz;    /* [n_chan] ascending; GAIN: n_chan 1, weight-mean frequency */
    double *width_hz;   /* [n_chan] */
    ci_c64 *gain;       /* [n_time][n_chan][n_antenna][n_hand] */
    uint8_t *flag;      /* the same shape; 1 = no solution */
    float *snr;         /* the same shape; 0 where unknown */
    int32_t i_ref_antenna;
    bool is_approximate; /* the flux scale is not from a standard */
    char model[128], history[512];
} ci_cal_table;
void ci_cal_table_free(ci_cal_table *table);
CI_MUST_CHECK ci_status ci_cal_table_read(ci_cal_table **out, const char *path);
CI_MUST_CHECK ci_status ci_cal_table_write(const ci_cal_table *table, const char *path);

typedef struct ci_cal_options
{
    double gain_interval_s;              /* 60 */
    const char *ref_antenna;             /* name list "103,104", NULL: by data quality */
    double min_uv_lambda, max_uv_lambda; /* 0: no limit */
    double tolerance;                    /* 1e-6 */
    int max_iteration;                   /* StEFCal steps a solve, 200 */
    double min_snr;                      /* 3 */
    int min_baselines;                   /* 4 */
    int n_round;                         /* bandpass <-> gain alternations, 3 */
} ci_cal_options;
void ci_cal_options_default(ci_cal_options *options);

/* How well a solve went; the same on all ranks. */
typedef struct ci_cal_quality
{
    double residual[2];       /* |V - g M g*| / |V| over unflagged cross-correlations, per hand */
    double flagged_fraction;  /* of working receptors */
    double phase_scatter_deg; /* median over receptors, science.md "Table gates" */
    double min_amplitude, max_amplitude; /* relative to the median */
    size_t n_solution, n_failed;
    int n_iteration;
} ci_cal_quality;

/* Predicts the model for one block: out [n_row][n_chan]. */
typedef ci_status (*ci_cal_predict)(void *context, const ci_vis_block *block, ci_c32 *out);

/* Bandpass and gains of a data set (weights set, flags set, rephased or not: data and
 * model need only agree). Per-baseline normal sums within fixed blocks of 12 channels,
 * then StEFCal (Salvini & Wijnholds 2014) on every rank alike. Data are not changed.
 * Collective; both tables on every rank. */
CI_MUST_CHECK ci_status ci_cal_solve(ci_comm *comm, const ci_vis_set *set, ci_cal_predict predict,
                                     void *context, const ci_cal_options *options,
                                     ci_cal_table **bandpass, ci_cal_table **gain,
                                     ci_cal_quality *quality);
/* Divides data by the table's gains (bandpass nearest in time; gains linear in complex
 * log over time), multiplies weights by |g1 g2|^2, flags CAL where there is none. The
 * table's antennas are matched by name, its frequencies to half a channel. Local. */
CI_MUST_CHECK ci_status ci_cal_apply(const ci_cal_table *table, ci_vis_block *block);

typedef enum ci_cal_weighting
{
    CI_WEIGHTS_SIGMA,    /* 1/sigma^2, measured per baseline and sub-band, else --sefd */
    CI_WEIGHTS_NSAMPLES, /* as read */
    CI_WEIGHTS_UNIT
} ci_cal_weighting;
/* Noise of one real or imaginary part per baseline and hand from differences in time and
 * channel (robust), into block->weight = 1/sigma^2 in proportion to width x time. sefd_jy
 * > 0: the fall-back where differences cannot tell. *known = false where neither. Local. */
CI_MUST_CHECK ci_status ci_cal_weights(ci_vis_block *block, ci_cal_weighting how, double sefd_jy,
                                       bool *known);

#endif
