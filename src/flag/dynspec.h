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
    CI_FLAG_N_LENGTH = 6     /* window lengths 1, 2, 4, ... 32 of SumThreshold */
};

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
    float *tap;           /* [n_box][n_box] Gaussian between boxes, not normalised */
    size_t *node;         /* [n] the first of the two boxes on either side of a sample */
    float *share;         /* [n] of that box */
    double *own, *square; /* [n] weight of a sample in its own smooth value, sum of squares */
    double *sum;          /* [n_box] of the taps, each times its samples */
} ci_flag_axis;

typedef struct ci_flag_dynspec
{
    size_t n_time, n_chan, n_good;
    bool has_lines;        /* channels or times that the start leaves out */
    ci_flag_axis axis[2];  /* times, channels */
    float *re, *im;        /* [n_time][n_chan] data, the mean fringe taken out */
    float *weight;         /* 1: the surface follows it, 0: not */
    float *gain;           /* 1 / rms of the residual's share that the surface takes */
    float *left[2];        /* data less the surface, real and imaginary */
    float *box;            /* [2][3][n_box of times][n_box of channels] */
    float *line;           /* [4][n_chan] */
    float *fringe;         /* [2][n_time + n_chan] phasors of the mean fringe */
    double amplitude;      /* median of the good samples */
    double noise;          /* rms of one part of the residual */
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

/* lines.c: weight 0 for channels, then times, whose mean amplitude (search.value: its square) is
 * far above that of most beside them; true where they are more than a quarter of the dynamic
 * spectrum, else all are left in. Local. */
bool ci_flag_lines_leave_out(ci_flag_dynspec *dynspec);
/* Median of `value` over some n_most of the good samples, evenly spread; where lines are left out
 * without those, and over every channel alike. Local. */
double ci_flag_dynspec_median(const ci_flag_dynspec *dynspec, const float *value, size_t n_most);

/* axis.c. */
CI_MUST_CHECK ci_status ci_flag_axis_new(ci_flag_axis *axis, size_t n, size_t box);
void ci_flag_axis_clear(ci_flag_axis *axis);

#endif
