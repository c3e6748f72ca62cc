/* mosaic: tiles to one image: common beam, reprojection, weighted sum. Rows distributed. */
#ifndef CONTIMG_MOSAIC_H
#define CONTIMG_MOSAIC_H

#include "contimg/fits.h"
#include "contimg/par.h"

typedef struct ci_mosaic_options
{
    double pb_cut;   /* 0.2 */
    double cell_rad; /* 0: the tiles' */
} ci_mosaic_options;
/* The values named above. Local. */
void ci_mosaic_options_default(ci_mosaic_options *options);

typedef struct ci_mosaic_tile_stats
{
    double rms_jy, weight_fraction;
} ci_mosaic_tile_stats;
typedef struct ci_mosaic_stats
{
    size_t n_x, n_y, n_tile;
    double ra_rad, dec_rad, cell_rad;
    double beam_major_rad, beam_minor_rad, beam_pa_rad;
    double rms_jy, min_noise_jy, peak_jy, freq_hz;
    ci_mosaic_tile_stats *tile; /* [n_tile], owned */
} ci_mosaic_stats;

/* The tiles of a mosaic, in the group's order. */
typedef struct ci_mosaic_inputs
{
    const char *const *image_paths, *const *pb_paths; /* [n_tile] */
    size_t n_tile;
} ci_mosaic_inputs;
/* Tiles by the paths of their image.fits (Jy/beam, not beam-corrected) and pb.fits. Writes
 * PREFIX{mosaic,noise,weight}.fits. S = sum(PB I / s^2) / sum(PB^2 / s^2), noise =
 * 1/sqrt(sum(PB^2 / s^2)); outside all tiles NaN. `header`: provenance cards. Collective. */
CI_MUST_CHECK ci_status ci_mosaic_make(ci_comm *comm, const ci_mosaic_inputs *in,
                                       const ci_mosaic_options *options,
                                       const ci_fits_header *header, const char *prefix,
                                       ci_mosaic_stats *stats);
/* Frees what it owns. Local. */
void ci_mosaic_stats_clear(ci_mosaic_stats *stats);

/* Cost, for who plans it. Bytes on all ranks, of a mosaic of n_pixel from tiles of n_tile_pixel.
 * Local. */
double ci_mosaic_bytes(double n_pixel, double n_tile_pixel);
/* Seconds of one core for a mosaic of n_pixel, about. Local. */
double ci_mosaic_seconds(double n_pixel);
/* Bytes of the files of a mosaic of n_pixel. Local. */
double ci_mosaic_file_bytes(double n_pixel);

#endif
