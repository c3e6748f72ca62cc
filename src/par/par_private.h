/* What fft, the one other module that talks to MPI, may see of par. All functions are local. */
#ifndef CONTIMG_PAR_PRIVATE_H
#define CONTIMG_PAR_PRIVATE_H

#include "contimg/par.h"

#include <mpi.h>

struct ci_comm
{
    MPI_Comm mpi; /* MPI_COMM_NULL for a communicator of one that never uses MPI */
    int rank, size;
    bool is_world;   /* owned by ci_par_start, ended by ci_par_end */
    ci_isa isa;      /* the same on all ranks */
    ci_timer *timer; /* owned by the communicator that was split from none */
    bool owns_timer;
    char session_folder[256];     /* Open MPI's, of the world; "": not made by ci_par_start */
    ci_par_counters own_counters; /* of the communicator that was split from none */
    ci_par_counters *counters;    /* that one's */
};

/* MPI_COMM_NULL where the communicator is one process without MPI. */
MPI_Comm ci_comm_mpi(const ci_comm *comm);

/* Ends the job where an MPI call failed. */
void ci_par_check(const ci_comm *comm, int code);

/* One MPI call, timed and checked. */
#define CI_PAR_CALL(comm, call)                                                                    \
    do {                                                                                           \
        size_t ci_par_mark_ = ci_timer_begin((comm)->timer, "MPI");                                \
        ci_par_check((comm), (call));                                                              \
        ci_timer_end((comm)->timer, ci_par_mark_);                                                 \
    } while (0)

#endif
