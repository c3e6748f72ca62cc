/* What flagging costs, for who plans it. */
#include "contimg/flag.h"

static const double visibility_s = 8e-8;

double ci_flag_seconds(double n_visibility)
{
    return n_visibility * visibility_s;
}
