/* Few frequencies in place of many: a smooth function of frequency is known everywhere from its
 * values at the nodes of Chebyshev's polynomial. All functions are local. */
#ifndef CI_SKY_NODES_H
#define CI_SKY_NODES_H

#include "sky/kernel.h"

enum
{
    CI_SKY_NODES = CI_SKY_LANES
};

/* The nodes of one tile of channels. */
typedef struct ci_sky_nodes
{
    double freq_hz[CI_SKY_NODES];
    float share[CI_SKY_NODES][CI_SKY_TILE]; /* of each node in each channel */
} ci_sky_nodes;
/* n_chan: 2 to TILE, ascending. */
void ci_sky_nodes_make(ci_sky_nodes *out, const double *freq_hz, size_t n_chan);

/* Radians that a phase may go through between the first channel and the last where a phasor of it
 * is to err by 2e-7: by the remainder of Chebyshev interpolation, 2 (range / 4)^N / N!. */
double ci_sky_nodes_range_rad(void);

/* out [n_chan] real and imaginary beside each other, n_chan at most TILE: of sums at nodes, real
 * [NODES], then imaginary ones. Lane by lane: the same bits whatever the instruction set. */
typedef void (*ci_sky_spread_kernel)(const ci_sky_nodes *nodes, const float *sum, size_t n_chan,
                                     float *out);
/* For a level that this machine has. */
ci_sky_spread_kernel ci_sky_spread_get(ci_isa isa);

#endif
