/* What gridding costs, for who plans it. */
#include "grid/operator.h"

enum
{
    SORTING_BYTES = 100,   /* of a segment, about */
    GRIDDED_BYTES = 4 + 8, /* weight, value */
    ROUTED_BYTES = 8,      /* on the way to the rank that grids */
    PLANE_BYTES = 50       /* of planes and strips, for each pixel of the image; 10 of them where it
                            * is interpolated from a slanted one: rows of other ranks, directions */
};
static const double sample_s = 1e-7;

bool ci_grid_is_double(double accuracy)
{
    return accuracy < 5e-6;
}

double ci_grid_samples_bytes(double n_row, double n_sample, bool is_double, int n_rank)
{
    double sample = GRIDDED_BYTES + (n_rank > 1 ? ROUTED_BYTES : 0);
    double row = 2 * (double)(sizeof(ci_grid_segment) + SORTING_BYTES);
    return n_sample * (is_double ? 2 : 1) * sample + n_row * row;
}

double ci_grid_planes_bytes(double n_pixel, bool is_double)
{
    return n_pixel * PLANE_BYTES * (is_double ? 2 : 1);
}

double ci_grid_seconds(double n_sample)
{
    return n_sample * sample_s;
}
