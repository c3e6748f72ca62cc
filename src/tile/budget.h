/* The memory that a node gives this process's job. Private to tile. */
#ifndef CONTIMG_TILE_BUDGET_H
#define CONTIMG_TILE_BUDGET_H

#include "contimg/tile.h"

/* The least of the machine's memory, of the limits of the process's control groups (its own and
 * those above it) and of Slurm's, bytes. `root` stands before /proc and /sys: "". Local. */
double ci_tile_node_limit_bytes(const char *root);

#endif
