/* vis: visibilities in memory, and imaging samples of one Stokes value. No I/O.
 *
 * Canonical form, whatever the file looked like:
 *  - antennas by index into ci_vis_array.antenna, ant1 <= ant2 in every row
 *    (reversed rows were conjugated, XY and YX swapped);
 *  - baselines in triangle order: (0,0) (0,1) (1,1) (0,2) (1,2) (2,2) ..., of those
 *    that the data have; rows sorted by baseline, then time;
 *  - channels in ascending frequency; polarisations in AIPS order
 *    (-5 XX, -6 YY, -7 XY, -8 YX; -1 RR, -2 LL, -3 RL, -4 LR; 1 I .. 4 V).
 * The global order of samples is (sub-band ascending in frequency, row, channel, pol). */
#ifndef CONTIMG_VIS_H
#define CONTIMG_VIS_H

#include "contimg/par.h"

/* Why a sample is flagged; 0 is good. */
enum
{
    CI_VIS_FLAG_FILE = 1,      /* by the file */
    CI_VIS_FLAG_NONFINITE = 2, /* NaN or infinite */
    CI_VIS_FLAG_ZERO = 4,      /* exactly zero */
    CI_VIS_FLAG_DEAD = 8,      /* dead receptor */
    CI_VIS_FLAG_RFI = 16,      /* SumThreshold */
    CI_VIS_FLAG_CLIP = 32,     /* outlier clip */
    CI_VIS_FLAG_CAL = 64,      /* no calibration solution */
    CI_VIS_FLAG_USER = 128,    /* asked for (uv range, autocorrelation, ...) */
    CI_VIS_N_FLAG = 8          /* how many they are */
};

typedef struct ci_vis_antenna
{
    const char *name;     /* as long as it is; NULL counts as "" */
    int64_t number;       /* as in the file: unique there, as the name need not be */
    double pos_ecef_m[3]; /* absolute ITRS */
    double diameter_m;    /* 0: unknown */
    /* Directions of its feeds, X (or R) and Y (or L), from north through east; NaN: it has no
     * such feed. Where ci_vis_array.has_feeds. */
    double feed_rad[2];
    bool lacks_feed[2]; /* the file lists its feeds, and not this one: data of it are none */
    bool is_rotating;   /* alt-azimuth: feeds rotate on the sky by the parallactic angle */
} ci_vis_antenna;

/* Names are literals or lie in `texts`. Copy by ci_vis_array_copy, clear by
 * ci_vis_array_clear. */
typedef struct ci_vis_array
{
    const char *telescope, *instrument; /* NULL counts as "" */
    char *texts; /* owned: telescope, instrument and the antennas' names, each ended by NUL, in
                  * this order; NULL: all names are literals */
    size_t n_text_byte;
    bool has_feeds;                    /* antenna[].feed_rad is known, not assumed */
    double lat_rad, lon_rad, height_m; /* geodetic WGS84 of the file's origin */
    size_t n_antenna;
    ci_vis_antenna *antenna; /* [n_antenna], owned */
} ci_vis_array;

/* "" for NULL. Local. */
static inline const char *ci_vis_text(const char *name)
{
    return name != NULL ? name : "";
}
/* A copy that owns its antennas and names. Local. */
CI_MUST_CHECK ci_status ci_vis_array_copy(ci_vis_array *out, const ci_vis_array *array);
/* Frees what it owns and zeroes it. Local. */
void ci_vis_array_clear(ci_vis_array *array);
/* Takes ownership of `texts` [n_byte] (as in ci_vis_array) and points all names into it. Local. */
void ci_vis_array_texts_set(ci_vis_array *array, char *texts, size_t n_byte);
/* The one antenna of a name that is not empty; -1 where none or more than one has it. Local. */
int32_t ci_vis_antenna_named(const ci_vis_array *array, const char *name);
/* The antenna of `array` that is `wanted` of another description of it: of the same number and
 * name; else of the same name, where that is not empty and one antenna of either has it; else,
 * where names cannot tell, of the same number. -1: none. `other` holds `wanted`.
 * Local. */
int32_t ci_vis_antenna_match(const ci_vis_array *array, const ci_vis_array *other, size_t wanted);

typedef enum ci_vis_phasing
{
    CI_VIS_PHASING_UNPROJECTED, /* no w applied */
    CI_VIS_PHASING_SIDEREAL,    /* to one ICRS direction */
    CI_VIS_PHASING_MERIDIAN     /* each integration to hour angle 0 and an apparent declination */
} ci_vis_phasing;

typedef struct ci_vis_phase_centre
{
    ci_vis_phasing kind;
    double ra_rad, dec_rad; /* SIDEREAL: ICRS. MERIDIAN: dec_rad apparent, ra_rad unused */
    int32_t i_field;        /* into ci_vis_meta.field */
} ci_vis_phase_centre;

/* What has one name in the file: one phase centre, or where it moves one for each time. */
typedef struct ci_vis_field
{
    int64_t id; /* as in the file */
    char *name; /* owned */
} ci_vis_field;

enum
{
    CI_VIS_PHASE_MIXED = -1
};

typedef enum ci_vis_units
{
    CI_VIS_UNITS_UNCALIB,
    CI_VIS_UNITS_JY,
    CI_VIS_UNITS_K_STR
} ci_vis_units;

typedef struct ci_vis_sub_band
{
    size_t n_chan;
    double *freq_hz;  /* [n_chan] centres, ascending, owned */
    double *width_hz; /* [n_chan] > 0, owned */
} ci_vis_sub_band;

/* What all blocks of one data set share: the same on every rank. */
typedef struct ci_vis_meta
{
    ci_vis_array array;
    size_t n_pol;
    int pol[4];         /* AIPS numbers, canonical order */
    bool stokes_is_sum; /* pol_convention "sum": I = XX + YY */
    bool x_is_north;    /* X feeds lie nearer to north than to east */
    bool x_is_known;    /* that is said by the file or the user, not assumed */
    ci_vis_units units;
    double dut1_s; /* header's; 0 where not given */
    size_t n_baseline;
    int32_t *baseline_ant1, *baseline_ant2; /* [n_baseline] indices, triangle order, owned */
    size_t n_time;
    double *time_mjd_s; /* [n_time] distinct centres, UTC, ascending, owned */
    double interval_s;  /* median integration time */
    size_t n_sub_band;
    ci_vis_sub_band *sub_band; /* [n_sub_band] ascending in frequency, owned */
    size_t n_phase;
    ci_vis_phase_centre *phase; /* [n_phase], owned */
    /* [n_time] into phase: the centre of an integration's rows, CI_VIS_PHASE_MIXED where they have
     * several fields' at once. Owned; NULL: phase 0 at all times. */
    int32_t *time_phase;
    size_t n_field;
    ci_vis_field *field;     /* [n_field], owned */
    bool has_valid_nsamples; /* not all 0, negative, NaN or absurd */
} ci_vis_meta;

/* Frees what it owns and itself; NULL-safe. Local. */
void ci_vis_meta_free(ci_vis_meta *meta);
/* A copy that owns all of it. Local. */
CI_MUST_CHECK ci_status ci_vis_meta_copy(ci_vis_meta **out, const ci_vis_meta *meta);

/* Name of the field of a phase centre, "" where it has none. Local. */
const char *ci_vis_phase_name(const ci_vis_meta *meta, size_t i_phase);
/* Adds a field with a copy of the name; *i_field out may be NULL. Local. */
CI_MUST_CHECK ci_status ci_vis_field_add(ci_vis_meta *meta, int64_t id, const char *name,
                                         int32_t *i_field);

/* Which baselines of which sub-band a rank holds. */
typedef struct ci_vis_part
{
    size_t i_sub_band, i_baseline_first, n_baseline;
} ci_vis_part;

/* The parts of `rank` of `n_rank`: whole sub-bands while there are enough of them;
 * above that the ranks of a sub-band split its baselines into contiguous runs. Parts
 * ascend with rank in global order; idle ranks get none. *n_part out; parts
 * [n_sub_band] is the caller's. Local. */
void ci_vis_parts(size_t n_sub_band, size_t n_baseline, int n_rank, int rank, ci_vis_part *parts,
                  size_t *n_part);

/* Some baselines of one sub-band, all their times. Owns its arrays. */
typedef struct ci_vis_block
{
    const ci_vis_meta *meta; /* borrowed */
    ci_vis_part part;
    size_t n_row, n_chan, n_pol;
    const double *freq_hz;  /* [n_chan] borrowed from meta */
    const double *width_hz; /* [n_chan] borrowed from meta */
    int32_t *i_baseline;    /* [n_row] into meta->baseline_*; ascending */
    int32_t *i_time;        /* [n_row] into meta->time_mjd_s; ascending within a baseline */
    int32_t *i_phase;       /* [n_row] into meta->phase */
    double *interval_s;     /* [n_row] integration time */
    double *uvw_m;          /* [n_row][3] towards the present phase centre; ant2 - ant1 */
    ci_c32 *data;           /* [n_row][n_chan][n_pol] */
    uint8_t *flags;         /* [n_row][n_chan][n_pol] CI_FLAG_* bits */
    float *weight;          /* [n_row][n_chan][n_pol] nsamples as read, later 1/sigma^2 (Jy^-2) */
    /* NULL, or in place of `weight`, which is NULL then: the weight of a sample is the product of
     * two, rounded to single precision. */
    double *row_weight;  /* [n_row][n_pol] */
    double *chan_weight; /* [n_chan] */
} ci_vis_block;

/* Zeroed arrays of the given shape. Local. */
CI_MUST_CHECK ci_status ci_vis_block_new(ci_vis_block **out, const ci_vis_meta *meta,
                                         ci_vis_part part, size_t n_row);
/* NULL-safe. Local. */
void ci_vis_block_free(ci_vis_block *block);
/* Frees data and weights, which are NULL then; rows' coordinates and flags stay. Local. */
void ci_vis_block_values_free(ci_vis_block *block);

/* Weights become products, with 0 for each row and 1 for each channel. Local. */
CI_MUST_CHECK ci_status ci_vis_weights_split(ci_vis_block *block);
/* Products become block->weight again, the same weights. Local. */
CI_MUST_CHECK ci_status ci_vis_weights_join(ci_vis_block *block);
/* Weights of a row, [n_chan][n_pol], in either form: in the block, or in `scratch`, as large.
 * Local. */
const float *ci_vis_weights_row(const ci_vis_block *block, size_t i_row, float *scratch);

/* A copy with rows, values, flags and weights of its own. Local. */
CI_MUST_CHECK ci_status ci_vis_block_copy(ci_vis_block **out, const ci_vis_block *block);

/* The blocks that this rank holds, ascending in global order, and the shared meta. */
typedef struct ci_vis_set
{
    ci_vis_meta *meta; /* owned */
    size_t n_block;
    ci_vis_block **block; /* [n_block], owned; n_block 0 on an idle rank */
} ci_vis_set;
/* NULL-safe. Local. */
void ci_vis_set_free(ci_vis_set *set);

/* ---- polarisations ----------------------------------------------------------------------- */

/* Stokes parameters and correlations by their AIPS codes, which are those of the FITS STOKES axis;
 * 0 is none of them. */
enum
{
    CI_VIS_POL_I = 1,
    CI_VIS_POL_Q = 2,
    CI_VIS_POL_U = 3,
    CI_VIS_POL_V = 4,
    CI_VIS_POL_RR = -1,
    CI_VIS_POL_LL = -2,
    CI_VIS_POL_RL = -3,
    CI_VIS_POL_LR = -4,
    CI_VIS_POL_XX = -5,
    CI_VIS_POL_YY = -6,
    CI_VIS_POL_XY = -7,
    CI_VIS_POL_YX = -8
};
typedef enum ci_vis_pol_kind
{
    CI_VIS_POL_STOKES,
    CI_VIS_POL_CIRCULAR,
    CI_VIS_POL_LINEAR
} ci_vis_pol_kind;
/* "XX", "I", ...; "?" for what is none. Local. */
const char *ci_vis_pol_name(int pol);
/* The code of such a name; 0 where it is none. Local. */
int ci_vis_pol_parse(const char *name);
/* Index of a polarisation in meta->pol, or -1. Local. */
int ci_vis_pol_find(const ci_vis_meta *meta, int pol);
/* Local. */
ci_vis_pol_kind ci_vis_pol_kind_of(int pol);
/* Feed of the first and of the second antenna: 0 X or R, 1 Y or L; -1 of a Stokes value. Local. */
void ci_vis_pol_feeds(int pol, int feed[2]);
/* XX or YY, RR or LL: the correlation of one feed with itself. Local. */
int ci_vis_pol_of_feed(ci_vis_pol_kind kind, int feed);
/* What it is after exchanging the two antennas: XY <-> YX, RL <-> LR, else the same. Local. */
int ci_vis_pol_reversed(int pol);
/* Whether an unpolarised source is seen in it: XX, YY, RR, LL, I. Local. */
bool ci_vis_pol_is_parallel(int pol);
/* What the feeds of the antennas that have data do to Stokes parameters:
 *   XX = I + q Q, YY = I - q Q, XY + YX = 2 u U, XY - YX = 2i v V (linear feeds),
 * in the mean convention, Q, U, V of the IAU (Q north-south, U north-east; V by Hamaker &
 * Bregman 1996). */
typedef struct ci_vis_feeds
{
    double q, u, v;        /* +1 or -1 */
    double angle_rad[2];   /* of the first antenna with data; NaN where it has no such feed */
    bool differ;           /* from antenna to antenna by more than a degree */
    size_t i_antenna[2];   /* two that differ most, where they do */
    double other_rad;      /* the angle of the second of them, angle_rad[i_feed] of the first */
    int i_feed;            /* which feed differs: 0 X or R, 1 Y or L */
    bool is_off_axis;      /* by more than a degree from north, east, south, west */
    bool is_crossed;       /* X and Y at right angles to a degree */
    bool is_rotating;      /* mounts rotate the feeds on the sky */
    bool has_mixed_mounts; /* on some antennas, not on others */
} ci_vis_feeds;
/* Local. */
void ci_vis_feeds_judge(const ci_vis_meta *meta, ci_vis_feeds *out);
/* CI_ERR_INPUT, with the angles, where feeds spoil a Stokes parameter (CI_VIS_POL_*) formed
 * from these data. Local. */
CI_MUST_CHECK ci_status ci_vis_feeds_check(const ci_vis_meta *meta, int stokes);

/* A Stokes value as a sum over one or two correlations. */
typedef struct ci_vis_stokes
{
    size_t n_pol;
    int i_pol[2]; /* into meta->pol */
    ci_c64 factor[2];
    bool is_pseudo_i;
} ci_vis_stokes;

/* How `stokes` comes from the set's correlations; n_good [n_pol]: unflagged
 * cross-correlation samples of each over the array. CI_ERR_USAGE, where the file's
 * correlations can never give it, names what the file has. Local. */
CI_MUST_CHECK ci_status ci_vis_stokes_find(ci_vis_stokes *out, const ci_vis_meta *meta, int stokes,
                                           const int64_t *n_good);

/* ---- samples of a block ------------------------------------------------------------------ */

/* First row after `i_row` that belongs to another baseline: the rows of one baseline are a run.
 * Local. */
size_t ci_vis_baseline_end(const ci_vis_block *block, size_t i_row);
/* Channels of the sub-bands before one: where its channels begin among all; of
 * meta->n_sub_band: how many there are. Local. */
size_t ci_vis_chan_first(const ci_vis_meta *meta, size_t i_sub_band);
/* Whether both antennas of a baseline are the same. Local. */
static inline bool ci_vis_baseline_is_auto(const ci_vis_meta *meta, size_t i_baseline)
{
    return meta->baseline_ant1[i_baseline] == meta->baseline_ant2[i_baseline];
}
/* Index of a sample in data, flags and weight. Local. */
static inline size_t ci_vis_sample(const ci_vis_block *block, size_t i_row, size_t i_chan,
                                   size_t i_pol)
{
    return (i_row * block->n_chan + i_chan) * block->n_pol + i_pol;
}
/* Weight of a sample, in either form. Local. */
static inline float ci_vis_weight(const ci_vis_block *block, size_t i_row, size_t i_chan,
                                  size_t i_pol)
{
    if (block->weight) return block->weight[ci_vis_sample(block, i_row, i_chan, i_pol)];
    return (float)(block->chan_weight[i_chan] * block->row_weight[i_row * block->n_pol + i_pol]);
}

/* ---- imaging samples ----------------------------------------------------------------------- */

/* Channels that rows have in common: a run of the samples' frequencies, of one sub-band. */
typedef struct ci_vis_axis
{
    size_t first, n_chan; /* of freq_hz and width_hz; ascending */
    size_t i_sub_band;
} ci_vis_axis;

/* Samples of one Stokes value for imaging. Rows come in global order: sub-band, baseline, about
 * time. A row has its own axis of channels and its own time; those of compressed samples lie
 * between channels and integrations. Owns its arrays and knows nothing of the data that it was
 * made from. */
typedef struct ci_vis_samples
{
    /* The same on every rank. */
    ci_vis_array array;
    double dut1_s;
    bool is_pseudo_i; /* Stokes I from one polarisation */
    size_t n_time;
    double *time_mjd_s; /* [n_time] of integrations: distinct, ascending */
    size_t n_sub_band;
    size_t n_freq;                     /* channels of the data */
    int64_t n_visibility;              /* unflagged ones of the data, over all ranks ... */
    int64_t n_good;                    /* ... and the samples with weight made of them */
    double freq_min_hz, freq_max_hz;   /* edges of channels with weight */
    double max_natural;                /* greatest natural weight of all ranks */
    double max_u_lambda, max_v_lambda; /* greatest |u|, |v| of samples with weight */
    /* Axes: at first those of the sub-bands, the same on every rank, then this rank's own. */
    size_t n_axis, n_axis_max;
    ci_vis_axis *axis; /* [n_axis]; the first n_sub_band ascending in frequency */
    size_t n_axis_freq, n_axis_freq_max;
    double *freq_hz;  /* [n_axis_freq] axis by axis; the first n_freq are the data's channels */
    double *width_hz; /* [n_freq] */
    /* This rank's rows. */
    size_t n_row, n_row_max;
    double *uvw_m;       /* [n_row][3] */
    double *row_mjd_s;   /* [n_row] */
    int32_t *i_baseline; /* [n_row] */
    int32_t *i_axis;     /* [n_row] into axis */
    size_t *first;       /* [n_row + 1]: samples of row i are [first[i], first[i + 1]) */
    /* Its samples, row by row. */
    size_t n_sample, n_sample_max;
    ci_c32 *data;     /* [n_sample] Stokes value, 0 where it has no weight */
    ci_c32 *computed; /* [n_sample] visibilities of the model, or the data less them; NULL until
                       * ci_vis_samples_computed_alloc */
    float *natural;   /* [n_sample] natural weight, 1/sigma^2 where weights are known; 0: flagged */
    float *weight;    /* [n_sample] imaging weight */
} ci_vis_samples;

/* No rows yet, but space for n_row_max with n_sample_max samples, which grows where it must.
 * Integrations are those of meta, axes its sub-bands. Local. */
CI_MUST_CHECK ci_status ci_vis_samples_new(ci_vis_samples **out, const ci_vis_meta *meta,
                                           size_t n_row_max, size_t n_sample_max);
/* NULL-safe. Local. */
void ci_vis_samples_free(ci_vis_samples *samples);
/* Space for so many more rows and samples. Local. */
CI_MUST_CHECK ci_status ci_vis_samples_reserve(ci_vis_samples *samples, size_t n_row,
                                               size_t n_sample);
/* A row, of i_axis. */
typedef struct ci_vis_row
{
    double uvw_m[3], time_mjd_s;
    int32_t i_baseline, i_axis; /* into meta->baseline_*, samples->axis */
} ci_vis_row;
/* Appends a row; the caller has filled data and natural from sample n_sample on. The imaging
 * weight is the natural one. Within the space that there is. Local. */
void ci_vis_samples_add(ci_vis_samples *samples, const ci_vis_row *row);
/* After the last row: counts, edges and maxima of all ranks. Collective. */
CI_MUST_CHECK ci_status ci_vis_samples_close(ci_comm *comm, ci_vis_samples *samples);
/* Allocates samples->computed where it is not there yet; the samples own it. Local. */
CI_MUST_CHECK ci_status ci_vis_samples_computed_alloc(ci_vis_samples *samples);
/* A row's frequencies [n_chan] in Hz, ascending, borrowed, and how many. Local. */
static inline const double *ci_vis_row_freq(const ci_vis_samples *samples, size_t i_row)
{
    return samples->freq_hz + samples->axis[samples->i_axis[i_row]].first;
}
/* Local. */
static inline size_t ci_vis_row_n_chan(const ci_vis_samples *samples, size_t i_row)
{
    return samples->axis[samples->i_axis[i_row]].n_chan;
}
/* A row's time among the integrations: what is smooth in time has at it the sum of
 * weight[k] x its value at integration first + k (Lagrange). One tap of weight 1 at an
 * integration. */
enum
{
    CI_VIS_TIME_TAPS = 4
};
typedef struct ci_vis_time_taps
{
    size_t first, n;
    double weight[CI_VIS_TIME_TAPS]; /* [n] */
} ci_vis_time_taps;
/* Local. */
void ci_vis_row_time_taps(const ci_vis_samples *samples, size_t i_row, ci_vis_time_taps *out);
/* A fixed summand of sums over samples is the rows of one baseline in one sub-band, never split
 * between ranks. Does one begin at a row. Local. */
bool ci_vis_samples_summand_begins(const ci_vis_samples *samples, size_t i_row);
/* How many this rank has. Local. */
size_t ci_vis_samples_n_summand(const ci_vis_samples *samples);
/* Greatest weight of all ranks; weight [n_sample] is samples->weight or ->natural. Collective. */
CI_MUST_CHECK ci_status ci_vis_samples_max_weight(ci_comm *comm, const ci_vis_samples *samples,
                                                  const float *weight, double *out);
/* Imaging weights added up to [n_time][n_freq], exact integers (ci_num_fixed), in arbitrary but
 * common scale; a sample between integrations and channels counts at its neighbours so that means
 * of what is smooth stay. *out is ci_mem_free'd by the caller. Collective. */
CI_MUST_CHECK ci_status ci_vis_samples_weight_by_time(ci_comm *comm, const ci_vis_samples *samples,
                                                      int64_t **out);

/* ---- compression --------------------------------------------------------------------------- */

/* Samples of one baseline and sub-band, phased to the image's centre. Borrowed. */
typedef struct ci_vis_dynspec
{
    size_t n_time, n_chan;
    const double *time_mjd_s; /* [n_time] ascending */
    const double *uvw_m;      /* [n_time][3] */
    const double *freq_hz;    /* [n_chan] ascending */
    const ci_c32 *value;      /* [n_time][n_chan] */
    const float *weight;      /* [n_time][n_chan] 1/variance; 0: flagged */
    ci_isa isa;               /* that it is compressed with; the result is the same with each */
} ci_vis_dynspec;

/* Compresses dynamic spectra to fewer samples, each with weight 1/variance and a (u, v, w) of its
 * own, that hold what a sky within a square field can be in them. */
typedef struct ci_vis_compressor ci_vis_compressor;
/* For dynamic spectra of at most max_time x max_chan samples: what it makes of them loses at most
 * `error` of the flux of a source whose |l| and |m| are at most half_width. Local. */
CI_MUST_CHECK ci_status ci_vis_compressor_new(ci_vis_compressor **out, size_t max_time,
                                              size_t max_chan, double error, double half_width);
/* NULL-safe. Local. */
void ci_vis_compressor_free(ci_vis_compressor *compressor);
/* Appends a dynamic spectrum's samples with weight: compressed, or as they are with compressor NULL
 * (rows without any are left out). Dynamic spectra come in global order. Local. */
CI_MUST_CHECK ci_status ci_vis_samples_add_dynspec(ci_vis_samples *samples,
                                                   ci_vis_compressor *compressor,
                                                   const ci_vis_dynspec *dynspec,
                                                   int32_t i_baseline, size_t i_sub_band);

/* Counts of samples by first reason, for reports: good, then one per flag bit. */
typedef struct ci_vis_flag_counts
{
    int64_t n_good, n_by_bit[CI_VIS_N_FLAG];
} ci_vis_flag_counts;
/* The word for a reason in reports and JSON, by its bit below CI_VIS_N_FLAG. Local. */
const char *ci_vis_flag_name(size_t bit);
/* Adds a block's. Local. */
void ci_vis_flags_count(const ci_vis_block *block, ci_vis_flag_counts *add_to);
/* Unflagged ones of n flags, `step` apart. Local. */
int64_t ci_vis_good_count(const uint8_t *flags, size_t n, size_t step, ci_isa isa);

/* ---- cost, for who plans it ---------------------------------------------------------------- */

/* Bytes of a block of n_row rows with n_visibility values over all polarisations. Local. */
double ci_vis_block_bytes(double n_row, double n_visibility);
/* Bytes of it that ci_vis_block_values_free leaves. Local. */
double ci_vis_block_rest_bytes(double n_row, double n_visibility);
/* Bytes of imaging samples; with those that the model computes or without. Local. */
double ci_vis_samples_bytes(double n_row, double n_sample, bool has_computed);
/* The fraction of n integrations, or of a sub-band's n channels, that compression leaves,
 * about. Local. */
double ci_vis_compressed_fraction(double n);
/* Seconds of one core to make samples of n_visibility values, about. Local. */
double ci_vis_samples_seconds(double n_visibility);

#endif
