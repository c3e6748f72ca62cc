/* The level of one baseline's dynamic spectrum beside those of the others. Shared by flag's own
 * files. */
#ifndef CI_FLAG_LEVEL_H
#define CI_FLAG_LEVEL_H

#include "contimg/par.h"
#include "contimg/vis.h"

/* One dynamic spectrum: what its search measured. */
typedef struct ci_flag_level
{
    int64_t i_sub_band, i_baseline, i_pol;
    double length_m;   /* of the baseline */
    double amplitude;  /* median of the samples */
    double noise;      /* rms of one part of what a smooth surface leaves */
    double scatter;    /* rms of one part of what is no fringe of even slope */
    int64_t is_dirty;  /* what stays is more than noise */
    int64_t n_loud[2]; /* times, channels that scatter far more than the quietest, and stay */
} ci_flag_level;

/* Flags baselines and receptors whose level is far above what all the others say it should be,
 * CI_VIS_FLAG_RFI: interference in most samples of a dynamic spectrum is no outlier in it. `here`
 * are the dynamic spectra of this rank's blocks. What is above the others, but by less, or in most
 * of the lines of a dynamic spectrum, or in a whole sub-band, stays and is told by a warning.
 * *n_bad: how many dynamic spectra are flagged, of all ranks. Collective. */
CI_MUST_CHECK ci_status ci_flag_levels_judge(ci_comm *comm, ci_vis_set *set,
                                             const ci_flag_level *here, size_t n_here,
                                             size_t *n_bad);

/* level_tell.c: a sub-band's middle. Local. */
double ci_flag_band_mhz(const ci_vis_meta *meta, size_t i_sub_band);
/* Warns of lines and samples that stay; level [n] in order of sub-bands. Local. */
void ci_flag_levels_tell(const ci_vis_meta *meta, const ci_flag_level *level, size_t n);

#endif
