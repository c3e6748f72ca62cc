/* What reading costs, for who plans it. */
#include "uvh5/uvh5_private.h"

#include <math.h>

static const double visibility_bytes = 8 + 1 + 4; /* data, flag, nsamples */
static const double read_bytes_s = 400e6;

double ci_uvh5_file_bytes(double n_visibility)
{
    return n_visibility * visibility_bytes;
}

double ci_uvh5_read_bytes(double n_byte)
{
    return fmin(UVH5_READ_BYTES, n_byte);
}

double ci_uvh5_read_seconds(double n_byte)
{
    return n_byte / read_bytes_s;
}
