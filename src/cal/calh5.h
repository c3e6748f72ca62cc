/* What reading and writing CalH5 share. */
#ifndef CI_CAL_CALH5_H
#define CI_CAL_CALH5_H

#include "contimg/cal.h"
#include "contimg/h5.h"

#define CI_JD_OF_MJD 2400000.5

#endif
