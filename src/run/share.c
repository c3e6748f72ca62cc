/* Structures from rank 0 to all. */
#include "run/share.h"

#include <string.h>

/* n bytes of rank 0; *inout is allocated on the others. Collective. */
static ci_status bytes_share(ci_comm *comm, char **inout, size_t *n)
{
    int64_t n_byte = (int64_t)*n;
    CI_TRY(ci_par_bcast(comm, &n_byte, sizeof n_byte, 0));
    *n = (size_t)n_byte;
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) != 0) status = ci_mem_alloc(inout, *n, 1, "what rank 0 shares");
    CI_AGREE(comm, status);
    return ci_par_bcast(comm, *inout, *n, 0);
}

ci_status ci_run_share_text(ci_comm *comm, char **inout)
{
    size_t n = ci_comm_rank(comm) == 0 ? strlen(*inout) + 1 : 0;
    return bytes_share(comm, inout, &n);
}

ci_status ci_run_share_groups(ci_comm *comm, ci_run_groups *inout)
{
    if (ci_comm_size(comm) == 1) return CI_OK;
    bool is_root = ci_comm_rank(comm) == 0;
    char *bytes = NULL;
    size_t n = 0;
    ci_status status = is_root ? ci_run_groups_pack(&bytes, &n, inout) : CI_OK;
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = bytes_share(comm, &bytes, &n);
    if (status == CI_OK && !is_root) status = ci_run_groups_unpack(inout, bytes, n);
    ci_mem_free(bytes);
    return ci_par_agree(comm, status);
}
