/* beam.h: the kinds of primary beam, inside. All functions are local. */
#ifndef CI_SKY_BEAM_H
#define CI_SKY_BEAM_H

#include "contimg/sky.h"

typedef enum ci_sky_beam_kind
{
    BEAM_NONE,
    BEAM_AIRY,
    BEAM_IMAGE
} ci_sky_beam_kind;

struct ci_sky_beam
{
    ci_sky_beam_kind kind;
    char *text;        /* owned: what it was asked for as; of a file its name */
    double diameter_m; /* AIRY */
    /* IMAGE: pixels [n_y][n_x], 1 at the reference pixel */
    size_t n_x, n_y;
    float *pixel;
    float *margin; /* [n_y][n_x] pixels to where nothing is known, below 0 there; NULL: all is */
    double slant_a, slant_b;                /* as in ci_fits_header */
    double x_ref, y_ref, cell_rad, freq_hz; /* freq_hz 0: the same at all frequencies */
};

ci_status ci_sky_beam_image_read(ci_sky_beam *beam, const char *path);
/* 0 where the file says nothing. */
double ci_sky_beam_image_power(const ci_sky_beam *beam, double l, double m, double freq_hz);
/* The same, going on smoothly where the file says nothing; how far from that a place is in rad,
 * below 0 there. */
double ci_sky_beam_image_beyond(const ci_sky_beam *beam, double l, double m, double freq_hz,
                                double *margin_rad);
/* The least and greatest power at one distance from the centre, that where they differ most of
 * those that the file covers; the distance in rad. */
double ci_sky_beam_image_range(const ci_sky_beam *beam, double range[2]);
/* Finds where the file says nothing (pixels of 0), and fills that smoothly. */
ci_status ci_sky_beam_cover(ci_sky_beam *beam);

/* Whether it is a smooth function of frequency: pixels are not. NULL: there is none. */
bool ci_sky_beam_is_smooth(const ci_sky_beam *beam);

/* Direction cosines of an ITRS direction about the pointing: l to the east, m to the north
 * of the apparent equator; false behind it, where no beam looks. */
typedef struct ci_sky_beam_axes
{
    double centre[3], east[3], north[3]; /* ITRS */
} ci_sky_beam_axes;
void ci_sky_beam_axes_at(ci_sky_beam_axes *out, const ci_sky_pointing *pointing,
                         const ci_sky_frame *frame);
bool ci_sky_beam_offset(const ci_sky_beam_axes *axes, const double s_itrs[3], double *l, double *m);

#endif
