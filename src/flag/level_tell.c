/* Warnings of what stays in single dynamic spectra though it is no noise. */
#include "flag/level.h"

#include <math.h>

static const double least_dirty = 0.005; /* of the baselines that have much left */
static const double least_told = 0.1;    /* of the baselines with loud lines */

double ci_flag_band_mhz(const ci_vis_meta *m, size_t i_sub_band)
{
    const ci_vis_sub_band *band = &m->sub_band[i_sub_band];
    return 1e-6 * 0.5 * (band->freq_hz[0] + band->freq_hz[band->n_chan - 1]);
}

/* Dynamic spectra most of which scatters far more than the quietest lines; level [n] in order. */
static void loud_tell(const ci_vis_meta *m, const ci_flag_level *level, size_t n)
{
    for (size_t first = 0, end; first < n; first = end) {
        int64_t most[2] = {0, 0};
        size_t n_loud = 0, i_sub_band = (size_t)level[first].i_sub_band;
        for (end = first; end < n && level[end].i_sub_band == level[first].i_sub_band; end++) {
            const int64_t *loud = level[end].n_loud;
            n_loud += loud[0] > 0 || loud[1] > 0;
            for (int k = 0; k < 2; k++)
                most[k] = loud[k] > most[k] ? loud[k] : most[k];
        }
        if ((double)n_loud < fmax(1, least_told * (double)(end - first))) continue;
        ci_log_warning("flag: sub-band at %.3f MHz: on %zu of %zu baselines by polarisation up to "
                       "%lld of %zu times and %lld of %zu channels scatter more than 3 times as "
                       "much as the quietest: interference in so many, or so weak beside the sky, "
                       "cannot be told from it, and stays",
                       ci_flag_band_mhz(m, i_sub_band), n_loud, end - first, (long long)most[0],
                       m->n_time, (long long)most[1], m->sub_band[i_sub_band].n_chan);
    }
}

/* Dynamic spectra with single samples that stand out, too many to be told from their noise, or a
 * sky that nothing follows. */
static void dirty_tell(const ci_flag_level *level, size_t n)
{
    size_t n_dirty = 0;
    for (size_t i = 0; i < n; i++)
        n_dirty += level[i].is_dirty != 0;
    if ((double)n_dirty <= least_dirty * (double)n + 1) return;
    ci_log_warning("flag: %zu of %zu baselines by sub-band and polarisation have more loud samples "
                   "left than noise has, and they stay: fringes of a bright sky that turn too fast "
                   "to be followed, or interference in 4 of 10 samples or more",
                   n_dirty, n);
}

void ci_flag_levels_tell(const ci_vis_meta *meta, const ci_flag_level *level, size_t n)
{
    dirty_tell(level, n);
    loud_tell(meta, level, n);
}
