/* world: everything that is simulated, the same on every rank; and the writing of one file
 * of it. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "array.h"
#include "earth.h"
#include "gains.h"
#include "options.h"
#include "rfi.h"
#include "sources.h"

#define SIM_FINE_HZ (0.25e9 / 8192)
#define SIM_SAMPLE_S 0.134217728

typedef struct sim_tile
{
    double centre_rad[2];              /* ICRS position of the pointing at mid tile */
    char name[SIM_MAX_SUB_BAND][64];   /* files */
    bool is_missing[SIM_MAX_SUB_BAND]; /* not written, or not asked for */
    double *time_jd;                   /* [n_time] UTC, middle of the integration */
} sim_tile;

typedef struct sim_world
{
    sim_options options;
    sim_array *array;
    sim_earth *earth;
    sim_sources *sources;
    sim_gains *gains;
    sim_rfi *rfi;
    double dec_app_rad;
    double interval_s, channel_hz, sigma_jy; /* of a real or imaginary part; 0: no noise */
    size_t n_tile;
    sim_tile *tile;
} sim_world;

CI_MUST_CHECK ci_status sim_world_new(sim_world **out, const sim_options *options);
void sim_world_free(sim_world *world);
/* Channel centres of a sub-band, descending, [n_chan]. */
void sim_world_freq(const sim_world *world, int64_t sub_band, double *freq_hz);
/* Is the packet of this antenna (number) and quarter of the channels lost? */
bool sim_world_is_lost(const sim_world *world, size_t i_tile, int64_t sub_band, size_t i_time,
                       int64_t antenna, int quarter);
/* Writes one file into options.out. Local. */
CI_MUST_CHECK ci_status sim_world_write(sim_world *world, size_t i_tile, int64_t sub_band);
/* truth.json, truth.csv, truth-calibrator.csv and truth-catalogue.csv into options.out. Local: one
 * rank's work. */
CI_MUST_CHECK ci_status sim_world_truth(const sim_world *world);

#endif
