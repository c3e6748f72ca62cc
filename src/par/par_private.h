/* What fft, the one other module that talks to MPI, may see of par. */
#ifndef CONTIMG_PAR_PRIVATE_H
#define CONTIMG_PAR_PRIVATE_H

#include "contimg/par.h"

#include <mpi.h>

struct ci_comm
{
    MPI_Comm mpi; /* MPI_COMM_NULL for a communicator of one that never uses MPI */
    int rank, size;
    bool is_world; /* owned by ci_par_start, ended by ci_par_end */
    ci_par_counters counters;
};

/* MPI_COMM_NULL where the communicator is one process without MPI. */
MPI_Comm ci_comm_mpi(const ci_comm *comm);

/* Ends the job where an MPI call failed. */
void ci_par_check(const ci_comm *comm, int code);

#endif
