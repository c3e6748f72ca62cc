/* The largest image of which the PSF's whole surroundings are computed. */
#ifndef CI_CLEAN_PSF_WIDE_H
#define CI_CLEAN_PSF_WIDE_H

enum
{
    CLEAN_PSF_WIDE_PIXELS = 1 << 23
};

#endif
