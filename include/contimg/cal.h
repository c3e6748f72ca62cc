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

/* ci_cal_table.flag: 0 is a good solution. */
enum
{
    CI_CAL_FAILED = 1, /* there were data, but no solution came of them */
    CI_CAL_NO_DATA = 2 /* dead receptor, or nothing at this channel or time */
};

/* What tells which antenna of a table is which of the data. */
typedef enum ci_cal_identity
{
    CI_CAL_BY_BOTH, /* number with name, as ci_vis_antenna_match says */
    CI_CAL_BY_NAME, /* where one antenna of either has it */
    CI_CAL_BY_NUMBER
} ci_cal_identity;

/* A calibration table, the same on every rank. A receptor is (antenna, feed):
 * feed 0 = XX or RR, 1 = YY or LL (n_feed 1 or 2); where the data have one of them only,
 * jones[0] says which. */
typedef struct ci_cal_table
{
    ci_cal_kind kind;
    ci_vis_array array;          /* owned copy */
    bool x_is_north, x_is_known; /* as in ci_vis_meta */
    bool is_circular;
    size_t n_time, n_chan, n_feed;
    int jones[2];             /* of each feed: -5 X, -6 Y, -1 R, -2 L */
    double *time_mjd_s;       /* [n_time] centres */
    double interval_s;        /* length of one time interval */
    double *freq_hz;          /* [n_chan] ascending; GAIN: n_chan 1, weight-mean frequency */
    double *width_hz;         /* [n_chan]; GAIN: about freq_hz, holds the whole band */
    ci_c64 *gain;             /* [n_time][n_chan][n_antenna][n_feed] */
    uint8_t *flag;            /* the same shape; CI_CAL_*, 0 = good */
    float *snr;               /* the same shape; 0 where unknown */
    double dec_rad;           /* that dishes which stand still pointed to; NaN: unknown */
    int32_t i_ref_antenna;    /* -1: unknown */
    bool is_approximate;      /* the flux scale is not from a standard */
    bool has_delay_loss;      /* BANDPASS: data are divided by what channels lose by its delays */
    bool has_convention;      /* pol_convention says what unit of power its gains lead to: */
    bool stokes_is_sum;       /* I = XX + YY of data that it calibrated, else half of it */
    char *model, *history;    /* owned, NULL counts as ""; set by ci_str_set */
    char *path;               /* owned: what it was read from; NULL: made here */
    char *warnings;           /* owned: what its reading has to say, lines; NULL: nothing */
    ci_cal_identity antennas; /* by what they are matched with those of data; set by the user */
} ci_cal_table;
/* Zeroed arrays of the given shape and a copy of the array; to be freed with
 * ci_cal_table_free. Local. */
CI_MUST_CHECK ci_status ci_cal_table_new(ci_cal_table **out, ci_cal_kind kind,
                                         const ci_vis_array *array, size_t n_time, size_t n_chan,
                                         size_t n_feed);
/* NULL-safe. Local. */
void ci_cal_table_free(ci_cal_table *table);
/* Where a solution lies in gain, flag and snr. Local. */
static inline size_t ci_cal_index(const ci_cal_table *table, size_t i_time, size_t i_chan,
                                  size_t i_antenna, size_t i_feed)
{
    return ((i_time * table->n_chan + i_chan) * table->array.n_antenna + i_antenna) *
               table->n_feed +
           i_feed;
}
/* CalH5 (pyuvdata's format). Local. Reading: gains only; convention "multiply" is converted
 * into divide; a table of several channels is a bandpass, of one a gain, unless the file
 * says (its own tables do). Flags of a receptor, channel or time that has no solution at
 * all read as CI_CAL_NO_DATA. What is to be said of it is in `warnings`. Writing: cal_style sky; a
 * gain is wide_band with freq_range = freq_hz -+ width_hz/2; written as .part, renamed. */
CI_MUST_CHECK ci_status ci_cal_table_read(ci_cal_table **out, const char *path);
/* Logs a table's warnings. Local. */
void ci_cal_table_warn(const ci_cal_table *table);
/* Writes a table by that form. Local. */
CI_MUST_CHECK ci_status ci_cal_table_write(const ci_cal_table *table, const char *path);
/* Tables that belong together, [n]: all in place, or none. Local. */
CI_MUST_CHECK ci_status ci_cal_tables_write(const ci_cal_table *const *tables, char *const *paths,
                                            size_t n);

/* ci_cal_options.gain_interval_s: as short as the S/N allows, down to one integration; phases and
 * amplitudes each on their own. */
#define CI_CAL_INTERVAL_AUTO (-1.0)

typedef struct ci_cal_options
{
    double gain_interval_s;              /* CI_CAL_INTERVAL_AUTO; 0: one solution over all times */
    const char *ref_antenna;             /* name list "103,104", NULL: by data quality */
    double min_uv_lambda, max_uv_lambda; /* 0: no limit */
    double tolerance;                    /* 1e-6 */
    int max_iteration;                   /* StEFCal steps a solve, 200 */
    double min_snr;                      /* 3 */
    int min_baselines;                   /* 4 */
    int n_round;                         /* bandpass <-> gain alternations, 3 */
    double huber_sigma; /* baselines off by more lose weight: 3; 0: no re-weighting */
} ci_cal_options;
/* The values named above. Local. */
void ci_cal_options_default(ci_cal_options *options);

/* Where the sky seems to lie from the model's place, by how gains turn with the Earth: science.md
 * "Flux". */
typedef struct ci_cal_offset
{
    size_t n_antenna, n_time;   /* antennas whose rates of phase tell; the table's intervals */
    double east_rad, north_rad; /* NaN: too few antennas or intervals */
    double sigma_rad[2];        /* their errors; infinite: the array does not tell it */
    double lever[2];            /* by which an offset of 1 turns phases: 1 east, |sin dec| north */
    double sure_rad;  /* offset times lever is more than this, at 5 sigma; 0: may be none */
    double plain_rad; /* the same if antennas have no drift in common */
    bool is_uneven;   /* phases turn faster in one part of the time than in another */
    double freq_hz;   /* of the gains */
} ci_cal_offset;

/* What the amplitudes of baselines say of the sky that a table was solved on, against its model:
 * log |V/M| is fitted by what gains of antennas explain, and -2 pi^2 (u u D_ll + 2 u v D_lm + v v
 * D_mm), D the second moments of the sky about its centre less those of the model. What falls with
 * baselines' length is taken for gains, which lift fluxes. docs/science.md "Structure". */
typedef struct ci_cal_structure
{
    size_t n_baseline;       /* that the numbers are of; 0: too few, they are not known (NaN) */
    double flux, flux_sigma; /* part by which fluxes of a field are too high, and its error */
    double fall;             /* of the log amplitude, with the model's, to the longest baseline */
    double length_lambda;    /* of that one */
    double moment[3];        /* D_ll, D_lm, D_mm, arcsec^2 */
    double information[3][3], score[3], scatter[3][3]; /* of ci_cal_structure_share */
    struct ci_cal_neighbour
    {
        double ratio;                     /* of its flux to the model's; 0: none was sought */
        double east_arcsec, north_arcsec; /* or the opposite of both: amplitudes do not tell */
        double share, moment_share;       /* of the variance beside gains that it explains, and that
                                           * moments do, over the same baselines */
    } neighbour;
} ci_cal_structure;
/* Errors that `flux` is to be above a limit with. */
#define CI_CAL_STRUCTURE_SIGMA 3.0
/* Part of the moments (arcsec^2) that the sky has beyond its model, with nothing else; its error is
 * infinite where the data cannot tell. Local. */
double ci_cal_structure_share(const ci_cal_structure *structure, const double moment[3],
                              double *sigma);
/* Whether amplitudes show one source beside the model's, of 2 % of its flux or more: where moments
 * explain them as well, or neither does, as amid hundreds of sources, they do not. Local. */
bool ci_cal_structure_has_neighbour(const ci_cal_structure *structure);

/* How well a solve went; the same on all ranks. */
typedef struct ci_cal_quality
{
    /* sqrt(sum w |V - g M g*|^2 / sum w |V|^2) over the cross-correlations that have a
     * solution, per feed, w the visibility weights; NaN where none */
    double residual[2];
    double flagged_fraction;  /* of working receptors where there are data; the worse table */
    double phase_scatter_deg; /* median over receptors, science.md "Table gates"; NaN where
                               * fewer than three times */
    double min_amplitude, max_amplitude; /* relative to the median over receptors */
    size_t n_solution, n_failed;
    size_t n_receptor[2];       /* per feed, with data */
    size_t n_antenna;           /* with a solution in any feed */
    int n_iteration;            /* the most steps that one gain solve took */
    ci_cal_offset offset;       /* by ci_cal_offset_find, who has the axes; else NaN */
    ci_cal_structure structure; /* of ci_cal_solve alone */
} ci_cal_quality;

/* Predicts the model for one block: out [n_row][n_chan]. */
typedef ci_status (*ci_cal_predict)(void *context, const ci_vis_block *block, ci_c32 *out);
/* What is solved against: the function and what it is called with. */
typedef struct ci_cal_model
{
    ci_cal_predict predict;
    void *context;
} ci_cal_model;

/* Bandpass and gains of a data set (weights set, flags set, rephased or not: data and
 * model need only agree). Per-baseline normal sums per channel and time interval, summed
 * over blocks of 12 channels in order; each channel, and each interval, is then solved by
 * StEFCal (Salvini & Wijnholds 2014, average every second step), bandpass and gains
 * alternately. A data set of a single channel has the bandpass 1 and all in the gains. What a
 * channel loses by delays, sinc(width (tau1 - tau2)), is no antenna's gain and is taken out. What
 * the model explains less than half as well as the rest is left out: an antenna in a sub-band, a
 * sub-band (three at least). With CI_CAL_INTERVAL_AUTO a second pass over the data gives the gains
 * of intervals as short as S/N allows: 20 for phases, 100 for amplitudes, 60 s at most. Data are
 * not changed. Collective. Both tables on every rank, the same bytes at any rank count.
 * CI_ERR_NO_DATA: no unflagged cross-correlation; CI_ERR_INPUT: no parallel hands, too few
 * antennas, or a model that predicts nothing; CI_ERR_GATE: no solution. */
CI_MUST_CHECK ci_status ci_cal_solve(ci_comm *comm, const ci_vis_set *set, ci_cal_model model,
                                     const ci_cal_options *options, ci_cal_table **bandpass,
                                     ci_cal_table **gain, ci_cal_quality *quality);

/* S/N of a receptor over all times below which a field gives nothing. */
#define CI_CAL_FIELD_SNR 20.0
/* A field of whose own sources corrections of gains are made. */
typedef struct ci_cal_field
{
    ci_cal_model model;
    double east[3], north[3]; /* unit vectors (ECEF) of u and v: along them slopes of phase shift
                               * the sky */
    bool with_amplitude;      /* solve for amplitudes, too */
    double phase_s;           /* length of the intervals of phases, about; 0: the best one */
    bool holds_position;      /* the model is no measure of positions: the mean slope of phase over
                               * the array is taken out, and the sky stays where it is */
} ci_cal_field;
typedef struct ci_cal_corrections
{
    ci_cal_table *table; /* owned; NULL: nothing that is worth it, and none silent */
    bool has_phase, has_amplitude;
    double snr, interval_snr;    /* of a receptor over all times, and over an interval of its phases
                                  * (no    phases: the longest one): medians */
    double fall;                 /* of chi^2, in what noise gives one number */
    double chi2;                 /* of one number: 1 where the weights are 1/sigma^2 */
    double phase_s, amplitude_s; /* lengths of their intervals */
    double shift_rad;            /* by how much they move the sky, to where the model has it; with
                                  * holds_position: by how much they would, had it not been held */
    /* Part of their coherence that the data lose by the phases found, worth it or not, and its
     * error: of the shortest intervals that tell it to 0.25 %, else of the whole time; NaN: fewer
     * than half of the receptors have a solution. */
    double loss, loss_sigma;
    /* Receptors that the field would show in, and does not at any time: their gains of the table
     * are CI_CAL_FAILED; and the part of the flux that is lost by them, and by some more that are
     * not flagged as it is not sure enough that it is they. */
    size_t n_silent;
    double silent_loss;
} ci_cal_corrections;
/* Corrections (gains to divide by) of data whose gains are known about: phases of intervals from
 * the whole time down to a S/N of 20, amplitudes likewise down to 100, the length that lowers chi^2
 * most for its freedom, and only where it does by 3 for each number found. The mean log amplitude
 * over receptors stays in every interval: the flux scale. Positions become the model's, or are
 * held. A receptor without a solution keeps the one nearest in time, else 1. Below a S/N of 20 over
 * all times there are none. Options and errors as of ci_cal_solve. The same bytes at any rank
 * count. Collective. */
CI_MUST_CHECK ci_status ci_cal_field_solve(ci_comm *comm, const ci_vis_set *set,
                                           const ci_cal_field *field, const ci_cal_options *options,
                                           ci_cal_corrections *out);
/* By which factor the data have other fluxes than a model's sources, each on its own: source [n]
 * predict one of the model's each. `gain` (NULL: none) is taken out of the data before. scale and
 * sigma [n], the same on all ranks; sigma as the weights say. Errors as ci_cal_apply. Collective.
 */
CI_MUST_CHECK ci_status ci_cal_source_scales(ci_comm *comm, const ci_vis_set *set,
                                             const ci_cal_table *gain, ci_cal_model model,
                                             const ci_cal_model *source, size_t n, double *scale,
                                             double *sigma);

/* Delays (s) of the receptors of one feed at a bandpass's first time, *out [n_antenna], to
 * ci_mem_free: the gain is exp(+2 pi i delay nu); NaN: not known. Local. */
CI_MUST_CHECK ci_status ci_cal_table_delays(double **out, const ci_cal_table *table, size_t i_feed);

/* The numbers of one table alone (residual NaN, n_iteration 0). Local. */
CI_MUST_CHECK ci_status ci_cal_table_quality(const ci_cal_table *table, ci_cal_quality *out);

/* The offset of a table of gains. axes [n_time][2][3]: unit vectors to the east and north of the
 * model in ITRF axes at each of its times. An antenna's rate of phase is one sample, whatever
 * drifts; a rate far off the others' is left out. sure_rad is the least of what is sure with and
 * without a drift that the antennas on one side of any line have in common. Phases by an offset
 * turn at one rate; is_uneven says that parts of the time surely differ by a third of it. Local. */
CI_MUST_CHECK ci_status ci_cal_offset_find(const ci_cal_table *gain, const double *axes,
                                           ci_cal_offset *out);
/* As if nothing was measured. Local. */
void ci_cal_offset_none(ci_cal_offset *out);

/* Declinations that are one strip of dishes which stand still: a table is for data no farther from
 * where it was solved. */
#define CI_CAL_STRIP_RAD (5 * CI_DEG_TO_RAD)

/* How old a table may be, and how far away it may have been solved. */
typedef struct ci_cal_validity
{
    double bandpass_s, gain_s; /* older: a warning; 24 h, 1 h */
    double most_s;             /* older: refused; 30 days; 0: no limit (--cal-any-time) */
    double strip_rad; /* of declination: farther is refused; 5 deg; 0: no limit (--cal-any-dec) */
} ci_cal_validity;
/* CI_ERR_INPUT where the table was solved at another declination than where the dishes of the data
 * point, by more than strip_rad; either NaN: not known, and not refused. Local. */
CI_MUST_CHECK ci_status ci_cal_strip_check(const ci_cal_table *table, double dec_rad,
                                           const ci_cal_validity *validity);
/* What a table is for: CI_ERR_INPUT where it knows no channel of the data, or is older than
 * most_s; warnings where it knows some only, or is older than its validity. Age is the longest
 * time from an integration of the data to the table's intervals. `tells`: logs, and says which
 * table of which times and channels is used, and its age. CI_ERR_INPUT, too, where names and
 * numbers of antennas contradict each other, or an antenna stands elsewhere, unless the table's
 * `antennas` says what to go by: then that is a warning, as another telescope's name is. Local. */
CI_MUST_CHECK ci_status ci_cal_table_check(const ci_cal_table *table, const ci_vis_meta *meta,
                                           const ci_cal_validity *validity, bool tells);

/* Channels of the data that the table knows, of how many. Local. */
size_t ci_cal_chans_known(const ci_cal_table *table, const ci_vis_meta *meta, size_t *n_all);
/* Sub-bands of the data that the table knows, but has no solution for: the solve left them out.
 * Local. */
size_t ci_cal_table_sub_bands_out(const ci_cal_table *table, const ci_vis_meta *meta);

/* Divides data by the table's gains (bandpass nearest in time; gains linear in complex
 * log over time), and by what channels lose by delays where it has_delay_loss, multiplies weights
 * by |g1 g2|^2, flags CAL where there is none (and where the solution nearest in time is flagged).
 * Antennas are matched by ci_vis_antenna_match, feeds by their directions (by X and Y where either
 * side's are not known), frequencies to half a channel: what the table does not know is flagged.
 * CI_ERR_INPUT where no antenna matches, or no channel of the whole data set, or the table's feeds
 * lie in other directions. Local. */
CI_MUST_CHECK ci_status ci_cal_apply(const ci_cal_table *table, ci_vis_block *block);
/* ci_cal_apply of the first, then of the second, NULL: none; in one pass over the data. Where
 * either is refused nothing is applied. The same bytes with each instruction set. Local. */
CI_MUST_CHECK ci_status ci_cal_apply_pair(const ci_cal_table *const table[2], ci_isa isa,
                                          ci_vis_block *block);

typedef enum ci_cal_weighting
{
    CI_CAL_WEIGHTS_SIGMA,    /* 1/sigma^2, measured per baseline and sub-band, else --sefd */
    CI_CAL_WEIGHTS_NSAMPLES, /* as read */
    CI_CAL_WEIGHTS_UNIT
} ci_cal_weighting;
typedef struct ci_cal_noise
{
    bool is_known;
    int64_t n_measured, n_rounding; /* spectra (cross-correlations x polarisations) with noise, and
                                     * with none but rounding; 0 where sigma is not asked for */
} ci_cal_noise;
/* Noise of one real or imaginary part per baseline and polarisation from differences in time
 * and channel (robust), into block->weight = 1/sigma^2 in proportion to width x time.
 * sefd_jy > 0 (efficiency in it): the fall-back where differences cannot tell; it means
 * something for data in Jy only. is_known = false where neither, in one sub-band or all: all
 * weights of the set are 1 (it follows from the shapes of all sub-bands). A baseline with too few
 * good samples to measure, or whose values differ by no more than their rounding, gets weight 0
 * without an SEFD; where that is so of most spectra of a set, its weights mean nothing. Local. */
CI_MUST_CHECK ci_status ci_cal_weights(ci_vis_block *block, ci_cal_weighting how, double sefd_jy,
                                       ci_isa isa, ci_cal_noise *noise);
/* ci_cal_apply_pair and the weights of CI_CAL_WEIGHTS_SIGMA that follow, in one pass. Local. */
CI_MUST_CHECK ci_status ci_cal_apply_weigh(const ci_cal_table *const table[2], ci_isa isa,
                                           double sefd_jy, ci_vis_block *block,
                                           ci_cal_noise *noise);

/* Closure phases arg(V_ij V_jk V_ki): what no gain of an antenna changes, so what is left of the
 * sky's structure, of noise, and of faults of baselines (crosstalk, interference, losses). Of
 * triangles of a reference antenna i with antennas j and k half the list apart, each of the others
 * in two of them; V is the weighted mean over a sub-band's channels, the product is added over
 * sub-bands and parallel hands (Jennison 1958; its noise: Rogers, Doeleman & Moran 1995). */
typedef struct ci_cal_closures
{
    size_t n_triangle, n_time; /* at most 512 integrations, every n-th; 0: fewer than 3 antennas */
    int32_t i_ref;             /* -1: no triangle */
    int32_t *antenna;   /* [n_triangle] j; k is that of a later triangle, or an earlier one */
    double *time_mjd_s; /* [n_time] */
    double *phase_rad;  /* [n_triangle][n_time]; NaN: a baseline has no data */
    double *sigma_rad;  /* [n_triangle][n_time] that noise gives; infinite where it is as strong as
                         * the product, NaN without data or where weights are no noise */
} ci_cal_closures;
/* Leaves zeros. Local. */
void ci_cal_closures_clear(ci_cal_closures *closures);
/* Of calibrated or raw data. i_ref: -1, or an antenna without data: the one least flagged. fraction
 * [n_antenna]: flagged, NaN: no data; weights_known: they are 1/sigma^2. Filled on rank 0, zeros
 * elsewhere; the same bytes at any number of ranks. Collective. */
CI_MUST_CHECK ci_status ci_cal_closures_find(ci_comm *comm, const ci_vis_set *set, int32_t i_ref,
                                             const double *fraction, bool weights_known,
                                             ci_cal_closures *out);

/* What a solve works on: a share of a tile. */
typedef struct ci_cal_load
{
    double n_row, n_visibility; /* of the share, all polarisations and sub-bands */
    double n_block_visibility;  /* of its largest block, one polarisation */
    double n_pol, n_time;
    double span_s; /* seconds from the first integration's beginning to the last one's end */
} ci_cal_load;
/* Cost, for who plans it: bytes that a solve holds besides the visibilities. Local. */
double ci_cal_bytes(const ci_cal_load *load);
/* Cost, for who plans it: seconds of one core to solve for tables on n_visibility values and to
 * apply them, about. Local. */
double ci_cal_seconds(double n_visibility);

#endif
