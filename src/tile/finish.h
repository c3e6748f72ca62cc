/* The files of a tile that is made. */
#ifndef CI_TILE_FINISH_H
#define CI_TILE_FINISH_H

#include "contimg/tile.h"

enum
{
    CI_TILE_PICTURE = 560 /* width: all pictures of a run are inside its one report page */
};
/* Pictures of flags, image and residual into the folder, and the checksums of its images into the
 * record (team's rank 0; NULL elsewhere). The ranks share the work. Collective. */
CI_MUST_CHECK ci_status ci_tile_files_finish(ci_comm *team, const ci_tile_data *data,
                                             const char *id, const char *folder,
                                             ci_tile_record *record);

#endif
