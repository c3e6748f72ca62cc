/* The model from inside. The gridder's part of it, pixel components, is constant in time and
 * frequency, at the mean beam. Bright sources show where that is wrong: the beam moves over them
 * (drift.c), their spectra are not flat and they lie between pixels (sources.c, source_fit.c). All
 * these are direct sums of points (points.h). */
#ifndef CLEAN_MODEL_H
#define CLEAN_MODEL_H

#include "clean/cells.h"
#include "clean/points.h"
#include "contimg/clean.h"

/* How far a step of a fit moves a source at ease: beams. */
#define CI_CLEAN_POSITION_SIGMA 0.2

/* One non-zero pixel of the model. */
typedef struct ci_clean_component
{
    int64_t index;     /* y n_x + x */
    double flux, beam; /* Jy; the mean beam there */
    double importance; /* of its error, Jy */
} ci_clean_component;

/* A source of flux (its point component + its pixel components) (nu / ref_hz)^slope. */
typedef struct ci_clean_source
{
    double l, m;      /* of its point component, else of its flux's centre */
    double flux;      /* Jy, of all its components, times the mean beam `beam` */
    double point_jy;  /* of it: of the point component; 0 where there is none */
    bool is_point;    /* has one, with position and flux found by least squares */
    bool is_rejected; /* no point, as was seen: never to be one again */
    bool has_slope;   /* bright enough for one to be told */
    double beam, slope;
} ci_clean_source;

/* What a source's flux is beside its mean: of weighted mean 0, so the image has it nowhere but in
 * sidelobes that the PSF, a mean as well, does not have. */
typedef struct ci_clean_variation
{
    double l, m;
    double flux;      /* Jy, mean, when it was found */
    double excess_jy; /* mean over the part that stands out most, times its sigma: */
    double sigma;     /* ... so many */
    double time_mjd_s[2], freq_hz[2]; /* ... from cell to cell, their middles */
} ci_clean_variation;
/* Columns of which the flux of a source outside the image is the sum, over time and frequency. */
enum
{
    CI_CLEAN_OUTSIDE_KNOWN = 0,      /* the beam that is known, over its mean */
    CI_CLEAN_OUTSIDE_SLOPE = 1,      /* its slope in frequency */
    CI_CLEAN_OUTSIDE_FREE = 2,       /* polynomials: 1, t, t^2, t^3, nu, nu t */
    CI_CLEAN_OUTSIDE_FREE_SLOPE = 4, /* of the free ones: nu */
    CI_CLEAN_OUTSIDE_COLUMNS = 8
};

/* A point source outside the image. */
typedef struct ci_clean_outside
{
    double l, m;
    double column_jy[CI_CLEAN_OUTSIDE_COLUMNS]; /* as seen through the beam */
} ci_clean_outside;

/* Numbers of how far CLEAN has come. */
enum
{
    CI_CLEAN_COURSE_MAJOR,
    CI_CLEAN_COURSE_MINOR,
    CI_CLEAN_COURSE_BEST_RMS,
    CI_CLEAN_COURSE_BEST_EXCESS,
    CI_CLEAN_COURSE_IDLE,
    CI_CLEAN_COURSE_LAST_RMS,
    CI_CLEAN_COURSE_SETTLED,
    CI_CLEAN_COURSE_INNER,
    CI_CLEAN_COURSE_DEEPER_RMS,
    CI_CLEAN_COURSE_LEVEL,
    CI_CLEAN_COURSE_MASK,
    CI_CLEAN_COURSE_THRESHOLD,
    CI_CLEAN_COURSE_NUMBERS
};

/* How far CLEAN has come, beside what the model is. */
typedef struct ci_clean_course
{
    bool is_known;
    double number[CI_CLEAN_COURSE_NUMBERS];
    size_t n_mark;
    int64_t *mark; /* [n_mark] ascending: scale x pixels + index of all pixels that hold or held a
                      component of that scale; the same on every rank */
} ci_clean_course;

struct ci_clean_model
{
    ci_clean_origin origin;
    ci_clean_course course;
    const ci_sky_field *field;    /* borrowed */
    const ci_grid_layout *layout; /* borrowed */
    const float *pb;              /* slab, borrowed */
    double cell_rad;
    int stokes;                 /* CI_VIS_POL_* */
    bool has_beam, is_positive; /* is_positive: the sky is, so sources are */
    size_t n_frame;       /* integrations; 1 where the beam follows the sky, or there is none */
    ci_sky_frame **frame; /* [n_frame]; NULL without a beam */
    ci_clean_flux_axis axis;
    double rms_log;      /* of ln(nu / ref_hz) with imaging weights */
    double *node_weight; /* [n_frame][NODES]: sums of imaging weights times Lagrange's weights of
                            the nodes, in arbitrary but common units */
    ci_clean_cells cells;
    /* What a snapshot holds. */
    double *pixels;          /* slab of pixel components, Jy */
    double *extended;        /* slab of extended components, Jy; NULL: there are none */
    ci_clean_source *source; /* [n_source]: the same on every rank */
    size_t n_source;
    ci_clean_variation *variation; /* [n_variation] */
    double *amplitude;             /* [n_variation][cells in time][cells in frequency] Jy */
    size_t n_variation;
    ci_clean_outside *outside; /* [n_outside]: the same on every rank */
    size_t n_outside;
    bool points_off;                    /* point components did harm: none from now on */
    double residual_rms, residual_peak; /* of the residual image */
};

/* What a model held when it was taken. */
struct ci_clean_snapshot
{
    double *pixels, *extended; /* slabs */
    ci_clean_source *source;
    size_t n_source;
    ci_clean_variation *variation;
    double *amplitude;
    size_t n_variation;
    ci_clean_outside *outside;
    size_t n_outside;
    bool points_off;
    double residual_rms, residual_peak;
};

/* Direction cosines of a position in pixels from 0. Local. */
void ci_clean_model_place(const ci_clean_model *model, double x, double y, double *l, double *m);
/* Direction cosines of a pixel by its index y n_x + x. Local. */
void ci_clean_model_pixel(const ci_clean_model *model, int64_t index, double *l, double *m);
/* Beam over mean beam at (l, m): [n_frame][CI_CLEAN_FLUX_NODES]. Local. */
void ci_clean_model_beam_ratio(const ci_clean_model *model, double l, double m, double beam,
                               double *ratio);
/* The same over its own mean, which it returns; 1 where that is next to nothing. Local. */
double ci_clean_model_beam_profile(const ci_clean_model *model, double l, double m, double *ratio);
/* The mean alone. Local. */
double ci_clean_model_beam_mean(const ci_clean_model *model, double l, double m);
/* Which pixel components count: those of at least `least` importance (above 0), where the mean beam
 * is not nothing. What is known of them is left out of their fluxes. */
typedef double (*ci_clean_importance)(const ci_clean_model *model,
                                      const ci_clean_component *component);
typedef struct ci_clean_choice
{
    ci_clean_importance importance; /* NULL: |flux| */
    double least;
    const ci_clean_component *known; /* [n_known] by index, the same on every rank */
    size_t n_known;
} ci_clean_choice;
/* All ranks' such components on every rank, in scan order; choice NULL: all. *out by ci_mem_free.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_components_gather(ci_comm *comm, const ci_clean_model *model,
                                                   const ci_clean_choice *choice,
                                                   ci_clean_component **out, size_t *n_out);
/* The model becomes what the snapshot holds, and the other way round. Local. */
void ci_clean_model_swap(ci_clean_model *model, ci_clean_snapshot *snapshot);
/* The model without pixel components and bright sources. Local. */
void ci_clean_model_restart(ci_clean_model *model);
/* A source's point component. Local. */
ci_clean_point ci_clean_source_point(const ci_clean_model *model, const ci_clean_source *source);
/* A source's point component becomes pixel components. Local. */
void ci_clean_source_pixelise(ci_clean_model *model, ci_clean_source *source);

#endif
