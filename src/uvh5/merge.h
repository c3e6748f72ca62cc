/* Several files of one observation as one data set. All functions are local. */
#ifndef CI_UVH5_MERGE_H
#define CI_UVH5_MERGE_H

#include "uvh5/uvh5_private.h"

/* Where a sub-band of the data set comes from. */
typedef struct uvh5_window
{
    int32_t i_path, i_spw;
} uvh5_window;

/* Compares n opened files and merges their descriptions: sub-bands ascending in frequency,
 * baselines and times of all. `window` [n_sub_band]. CI_ERR_INPUT names both files and what
 * does not fit. */
ci_status ci_uvh5_merge(ci_uvh5_file *const *file, size_t n, ci_vis_meta **meta,
                        uvh5_window **window);

#endif
