/* The timers of all ranks as one. */
#include "par/par_private.h"

ci_status ci_comm_timer_merge(ci_comm *comm, ci_timer **out)
{
    ci_timer_scope *all = NULL;
    size_t *counts = NULL, n_here = 0, n_rank = 0;
    *out = NULL;
    const ci_timer_scope *here = ci_timer_scopes(comm->timer, &n_here);
    ci_status status = ci_par_gather(comm, &n_here, sizeof n_here, 0, (void **)&counts, &n_rank);
    if (status == CI_OK)
        status = ci_par_gather(comm, here, n_here * sizeof *here, 0, (void **)&all, NULL);
    if (status == CI_OK) status = ci_par_agree(comm, comm->rank == 0 ? ci_timer_new(out) : CI_OK);
    size_t at = 0;
    for (size_t r = 0; status == CI_OK && r < n_rank / sizeof *counts; r++) {
        ci_timer_add(*out, all + at, counts[r]);
        at += counts[r];
    }
    ci_mem_free(counts);
    ci_mem_free(all);
    return status;
}
