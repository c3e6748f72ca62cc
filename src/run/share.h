/* Structures from rank 0 to all. */
#ifndef CONTIMG_RUN_SHARE_H
#define CONTIMG_RUN_SHARE_H

#include "contimg/run.h"

/* A text, owned by each rank; rank 0's is what it was. Collective. */
CI_MUST_CHECK ci_status ci_run_share_text(ci_comm *comm, char **inout);
/* The groups, rank 0's to all. Collective. */
CI_MUST_CHECK ci_status ci_run_share_groups(ci_comm *comm, ci_run_groups *inout);

#endif
