/* What visibilities and samples cost, for who plans it. */
#include "contimg/vis.h"

enum
{
    ROW_BYTES = 3 * 8 + 8 + 3 * 4, /* uvw, interval, indices; of samples: uvw, first, indices */
    FLAG_BYTES = 1,
    VALUE_BYTES = 8 + 4,      /* data, weight */
    SAMPLE_BYTES = 8 + 4 + 4, /* data, two weights */
    COMPUTED_BYTES = 8,
    NODES = 8 /* that compression leaves of an axis, in fields as large as tiles are */
};
static const double visibility_s = 1e-8;

double ci_vis_block_bytes(double n_row, double n_visibility)
{
    return ci_vis_block_rest_bytes(n_row, n_visibility) + n_visibility * VALUE_BYTES;
}

double ci_vis_block_rest_bytes(double n_row, double n_visibility)
{
    return n_row * ROW_BYTES + n_visibility * FLAG_BYTES;
}

double ci_vis_samples_bytes(double n_row, double n_sample, bool has_computed)
{
    return n_row * ROW_BYTES + n_sample * (SAMPLE_BYTES + (has_computed ? COMPUTED_BYTES : 0));
}

double ci_vis_compressed_fraction(double n)
{
    return n > NODES ? NODES / n : 1;
}

double ci_vis_samples_seconds(double n_visibility)
{
    return n_visibility * visibility_s;
}
