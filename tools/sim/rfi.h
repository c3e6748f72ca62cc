/* rfi: interference, as events at known times and frequencies. Local. */
#ifndef SIM_RFI_H
#define SIM_RFI_H

#include "gains.h"

typedef enum sim_rfi_kind
{
    SIM_RFI_NARROW, /* a channel, all tile long, strength changing with time */
    SIM_RFI_BROAD,  /* all channels of all sub-bands, one integration */
    SIM_RFI_SWEPT,  /* one channel at a time, moving through the sub-band */
    SIM_RFI_BURST,  /* one integration, few channels, strong */
    SIM_RFI_KIND_COUNT
} sim_rfi_kind;

/* A rectangle: sub-band (by number), integrations and channels [first, end). */
typedef struct sim_rfi_event
{
    sim_rfi_kind kind;
    int64_t tile, sub_band, time_first, time_end, chan_first, chan_end;
    uint64_t emitter; /* rectangles of one emitter share its way into the antennas */
    double amp_jy;
} sim_rfi_event;

typedef struct sim_rfi
{
    size_t n;
    sim_rfi_event *event;
} sim_rfi;

CI_MUST_CHECK ci_status sim_rfi_new(sim_rfi **out, const sim_options *options);
void sim_rfi_free(sim_rfi *rfi);
const char *sim_rfi_name(sim_rfi_kind kind);
/* One integration of one file. */
typedef struct sim_rfi_integration
{
    int64_t i_tile, sub_band, i_time;
    size_t n_antenna, n_baseline, n_chan;
    const int64_t *antenna;        /* numbers [n_antenna] */
    const int32_t *first, *second; /* indices in antenna [n_baseline] */
} sim_rfi_integration;
/* Adds what falls on it to vis [n_baseline][n_chan][SIM_N_POL] (Jy, before the gains). */
void sim_rfi_add(const sim_rfi *rfi, uint64_t seed, const sim_rfi_integration *at, ci_c64 *vis);

#endif
