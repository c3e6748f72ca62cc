/* One baseline's dynamic spectrum of times and channels of one sub-band, one polarisation, and the
 * search for interference in such dynamic spectra. Shared by flag's own files. All functions are
 * local. */
#ifndef CI_FLAG_DYNSPEC_H
#define CI_FLAG_DYNSPEC_H

#include "contimg/vis.h"

/* Marks of a dynamic spectrum's samples. */
enum
{
    CI_FLAG_MARK_GOOD = 0,
    CI_FLAG_MARK_FOUND = 1,  /* interference */
    CI_FLAG_MARK_ABSENT = 2, /* flagged before: says nothing */
    CI_FLAG_MIN_GOOD = 16,   /* samples that a search needs */
    CI_FLAG_N_LENGTH = 6     /* window lengths 1, 2, 4, ... 32 of SumThreshold */
};

/* Of amplitudes without signal (Rayleigh's distribution), in units of one part's rms. */
#define CI_FLAG_RAYLEIGH_MEAN 1.2533141373155003
#define CI_FLAG_RAYLEIGH_RMS 0.6551363775620336
#define CI_FLAG_RAYLEIGH_MEDIAN 1.1774100225154747
#define CI_FLAG_RAYLEIGH_LOW 0.7585276164409321 /* lower quartile */

/* SumThreshold (Offringa et al. 2010, MNRAS 405, 155): windows of 1, 2, 4, ... samples along
 * channels and along times whose mean value exceeds a threshold that falls with their length;
 * samples that shorter windows found count as the threshold. */
typedef struct ci_flag_search
{
    size_t n_time, n_chan;
    float *value;  /* [n_time][n_chan] finite */
    uint8_t *mark; /* [n_time][n_chan] CI_FLAG_MARK_*; FOUND is added */
    double centre; /* mean value without interference: of samples that are absent, too */
    double sigma;  /* rms of the value without interference */
    double n_sigma[CI_FLAG_N_LENGTH]; /* of the mean of a window, by length */
    double least;                     /* no threshold is below it */
    ci_isa isa;
    float *windows; /* sums: [CI_FLAG_N_WINDOWS] of CI_FLAG_WINDOWS_SIZE */
    float *scratch; /* [n_time][n_chan] */
    uint8_t *mask;  /* scratch, [n_time][n_chan], 0 between calls */
} ci_flag_search;

/* Sums over windows, of values and of what is found, along times and along channels, two each.
 * Windows that begin too late for their length reach beyond the dynamic spectrum, and are never
 * used. */
#define CI_FLAG_N_WINDOWS 8
#define CI_FLAG_WINDOWS_SIZE(n_time, n_chan) ((n_time) * (n_chan) + (size_t)16 * (n_chan))

/* Marks what stands out; returns how many samples of all are FOUND now. Local. */
size_t ci_flag_sumthreshold(ci_flag_search *search);
/* Marks samples above `limit` beside one that is found already. Local. */
void ci_flag_grow(ci_flag_search *search, double limit);
/* Marks, in each line of times and of channels, every run of which more than a share 1 - `eta` is
 * found (the scale-invariant rank operator, Offringa et al. 2012, A&A 539, A95); absent samples
 * count neither way. Local. */
void ci_flag_rank_operate(ci_flag_search *search, double eta);

/* What a dynamic spectrum's smooth surface is made of: sums over boxes of samples, smoothed by a
 * Gaussian, and lines between the boxes' middles. */
typedef struct ci_flag_axis
{
    size_t n, box, n_box; /* samples, samples of a box, boxes */
    bool is_alone;        /* each box by itself, nothing between them */
    float *tap;           /* [n_box][n_box] Gaussian between boxes, not normalised */
    float *slope;         /* [n_box][n_box] and of a line through them */
    int32_t *node, *next; /* [n] the two boxes on either side of a sample */
    float *share;         /* [n] of that box */
    double *own, *square; /* [n] weight of a sample in its own smooth value, sum of squares */
    double *sum;          /* [n_box] of the taps, each times its samples */
} ci_flag_axis;

enum
{
    CI_FLAG_BOX_TIME = 2, /* samples of a box of the surface */
    CI_FLAG_BOX_CHAN = 4,
    CI_FLAG_BOX_LANES = 16 /* boxes that are read at once: so many numbers lie behind the last */
};

/* Along which axes a surface is smooth: where a bright sky turns too fast for its neighbours in
 * time (channel), it is smooth in channel (time) alone. */
typedef enum ci_flag_surface
{
    CI_FLAG_SURFACE_BOTH,
    CI_FLAG_SURFACE_CHAN,
    CI_FLAG_SURFACE_TIME,
    CI_FLAG_SURFACE_FINE, /* both, over half as many samples */
    CI_FLAG_N_SURFACE,
    CI_FLAG_SURFACE_MODES = CI_FLAG_N_SURFACE /* no surface of boxes: modes */
} ci_flag_surface;

typedef struct ci_flag_dynspec
{
    size_t n_time, n_chan, n_good;
    size_t n_loud[2]; /* times, channels: loud lines that stay: too many, or weak beside the sky */
    bool has_lines;   /* channels, times or samples that level, noise and start leave out */
    bool is_cut;      /* weights are by what stands out of a first surface */
    bool is_dirty;    /* what stays is more than noise */
    ci_flag_axis axis[CI_FLAG_N_SURFACE][2]; /* times, channels */
    ci_flag_surface surface;
    size_t n_pass,
        n_pass_gain;  /* surfaces, each through what the one before leaves, or modes; of gain */
    float *re, *im;   /* [n_time][n_chan] data, the mean fringe taken out */
    float *weight;    /* 1: the surface follows it, 0: not */
    float *gain;      /* 1 / rms of the residual's share that the surface takes */
    float *left[2];   /* data less the surface, real and imaginary */
    float *box;       /* [2][3][n_box of times][n_box of channels] */
    float *line;      /* [4][n_chan] */
    float *lag[2];    /* [4][n_chan], [4][n_time]: sums of products of neighbours */
    float *fringe;    /* [2][n_chan], [2][n_time] phasors of the mean fringe */
    double amplitude; /* median of the good samples */
    double noise;     /* rms of one part of the residual */
    double scatter;   /* of what is no fringe along times or along channels, the less */
    ci_flag_search search; /* value: residual amplitude over the noise */
    void *all;             /* owns the arrays */
} ci_flag_dynspec;

/* Scratch for dynamic spectra of one shape. Local. */
CI_MUST_CHECK ci_status ci_flag_dynspec_new(ci_flag_dynspec **out, size_t n_time, size_t n_chan);
/* NULL-safe. Local. */
void ci_flag_dynspec_free(ci_flag_dynspec *dynspec);
/* Fills re, im and marks from rows [first, first + n_time) of one baseline; all that follows uses
 * the instruction set, the result is the same with each. Local. */
void ci_flag_dynspec_fill(ci_flag_dynspec *dynspec, const ci_vis_block *block, size_t first,
                          size_t i_pol, ci_isa isa);
/* Finds interference; returns how many samples. False flags on noise: 0.1 %. Local. */
size_t ci_flag_dynspec_search(ci_flag_dynspec *dynspec);

/* lines.c: weight 0 for channels and times whose mean amplitude (search.value: its square) is far
 * above that of the quietest quarter; true where there are any. Local. */
bool ci_flag_lines_drop_bright(ci_flag_dynspec *p);
/* The same by what is no fringe (the lags), where it is above `floor`. Local. */
bool ci_flag_lines_drop_scattered(ci_flag_dynspec *p, double floor);
/* Median of `value` over some n_most of the good samples, evenly spread; where lines are left out
 * without those, and over every channel alike. Local. */
double ci_flag_dynspec_median(const ci_flag_dynspec *dynspec, const float *value, size_t n_most);
/* Their lower quartile. Local. */
double ci_flag_dynspec_low(const ci_flag_dynspec *dynspec, const float *value, size_t n_most);

/* fringe.c: p->lag, of data and weights. Local. */
void ci_flag_lags_measure(ci_flag_dynspec *p);
/* Of each channel (time), rms of one part of what is no fringe of even slope; 0: not known. Local.
 */
void ci_flag_lags_scatter(const ci_flag_dynspec *p, bool of_chan, float *scatter);
/* Its median; scratch [n_chan] or [n_time]. NaN: not known. Local. */
double ci_flag_lags_median(const ci_flag_dynspec *p, bool of_chan, float *scratch);
/* Takes out the mean slope of phase over times and channels, which the lags show: a delay or an
 * offset source winds it many times over the dynamic spectrum. Local. */
void ci_flag_fringe_stop(ci_flag_dynspec *p);
/* Each time's own slope over channels. Local. */
void ci_flag_fringe_stop_rows(ci_flag_dynspec *p);

/* surface.c: what the next surfaces are; from p->surface's axes also the gain. Local. */
void ci_flag_surface_set(ci_flag_dynspec *p, ci_flag_surface surface, size_t n_pass);
/* Data less n_pass surfaces into left. Local. */
void ci_flag_surface_subtract(ci_flag_dynspec *p);
/* And n_more from left; n_pass grows. Local. */
void ci_flag_surface_subtract_more(ci_flag_dynspec *p, size_t n_more);

/* modes.c: takes the strongest mode out of left; false where it is no sky, and stays. *power: of
 * its samples, summed. Local. */
bool ci_flag_mode_subtract(ci_flag_dynspec *p, double *power);
/* The most that a mode of noise has. Local. */
double ci_flag_mode_noise(const ci_flag_dynspec *p);
/* How alike neighbours are in what is left (0 to 1), along time or along channel, the greater one:
 * noise is not. Of samples up to `usual` times the noise. Line and the search's scratch are used.
 * Local. */
double ci_flag_left_coherence(ci_flag_dynspec *p, double usual);

/* axis.c. */
CI_MUST_CHECK ci_status ci_flag_axis_new(ci_flag_axis *axis, size_t n, size_t box, bool is_alone);
void ci_flag_axis_clear(ci_flag_axis *axis);

#endif
