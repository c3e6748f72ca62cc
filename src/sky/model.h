/* model.h: what reading and writing of source lists share. */
#ifndef CI_SKY_MODEL_H
#define CI_SKY_MODEL_H

#include "contimg/sky.h"

/* Copies a name, or says that it is too long. */
ci_status ci_sky_name_set(char name[40], const char *text, const char *path, int line);

#endif
