/* What gridding costs, for who plans it. */
#include "grid/operator.h"

/* Bytes that sorting a segment takes, about. */
enum
{
    BYTES_SORTING = 100
};

bool ci_grid_is_double(double accuracy)
{
    return accuracy < 5e-6;
}

size_t ci_grid_row_bytes(void)
{
    return 2 * (sizeof(ci_grid_segment) + BYTES_SORTING);
}
