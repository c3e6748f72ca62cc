/* Whether all ranks were given the same options: their environments and files may differ. */
#include "cli/cli.h"

#include "contimg/par_pack.h"

#include <string.h>
#include <unistd.h>

/* What each rank may have its own of: where lines go, which file was read, the memory of its node.
 */
static bool is_own(ci_conf_id id)
{
    return id == CI_CONF_OPT_CONFIG || id == CI_CONF_OPT_LOG_LEVEL || id == CI_CONF_OPT_LOG_SPLIT ||
           id == CI_CONF_OPT_MEMORY || id == CI_CONF_OPT_HOME;
}

/* The next option from `i` on that must be equal; CI_CONF_OPT_COUNT: none. */
static int option_next(const ci_conf *conf, int i)
{
    while (i < CI_CONF_OPT_COUNT &&
           (is_own((ci_conf_id)i) || !ci_conf_is_used(conf, (ci_conf_id)i)))
        i++;
    return i;
}

static ci_status words_pack(ci_par_packer *packer, const ci_conf *conf)
{
    size_t n = ci_conf_argument_count(conf);
    for (int i = option_next(conf, 0); i < CI_CONF_OPT_COUNT; i = option_next(conf, i + 1))
        CI_TRY(ci_par_pack_text(packer, ci_conf_text(conf, (ci_conf_id)i)));
    CI_TRY(ci_par_pack(packer, &n, sizeof n));
    for (size_t i = 0; i < n; i++)
        CI_TRY(ci_par_pack_text(packer, ci_conf_argument(conf, i)));
    return CI_OK;
}

/* The next of rank 0's texts against one of this rank's. */
static ci_status compare(ci_par_unpacker *root, const char *what, const char *here,
                         const char *origin)
{
    char *there = NULL, host[64] = "";
    CI_TRY(ci_par_unpack_text(root, &there));
    bool is_same = strcmp(there, here) == 0;
    gethostname(host, sizeof host - 1);
    ci_status status =
        is_same ? CI_OK
                : ci_error(CI_ERR_USAGE,
                           "%s is '%s' on host %s (%s), '%s' at rank 0: all ranks need the same "
                           "options: give them on the command line or by --config FILE on a shared "
                           "disk, or let the launcher pass the environment on (mpirun -x NAME)",
                           what, here, host, origin, there);
    ci_mem_free(there);
    return status;
}

static ci_status compare_all(ci_par_unpacker root, const ci_conf *conf)
{
    size_t n = ci_conf_argument_count(conf), n_root = 0;
    for (int i = option_next(conf, 0); i < CI_CONF_OPT_COUNT; i = option_next(conf, i + 1)) {
        ci_conf_id id = (ci_conf_id)i;
        char name[80];
        snprintf(name, sizeof name, "--%s", ci_conf_name(id));
        CI_TRY(compare(&root, name, ci_conf_text(conf, id), ci_conf_origin(conf, id)));
    }
    CI_TRY(ci_par_unpack(&root, &n_root, sizeof n_root));
    if (n != n_root)
        return ci_error(CI_ERR_USAGE, "%zu file%s here, %zu at rank 0: give all ranks the same", n,
                        ci_plural(n), n_root);
    for (size_t i = 0; i < n; i++)
        CI_TRY(compare(&root, "a file", ci_conf_argument(conf, i), "command line"));
    return CI_OK;
}

ci_status ci_cli_ranks_check(ci_comm *world, const ci_conf *conf)
{
    ci_par_packer packer = {0};
    char *root = NULL;
    bool is_root = ci_comm_rank(world) == 0;
    if (ci_comm_size(world) == 1) return CI_OK;
    ci_status status = ci_par_agree(world, words_pack(&packer, conf));
    size_t n = packer.n;
    if (status == CI_OK) status = ci_par_bcast(world, &n, sizeof n, 0);
    if (status == CI_OK) status = ci_par_alloc(world, &root, n, 1, "options");
    if (status == CI_OK && is_root) memcpy(root, packer.bytes, n);
    if (status == CI_OK) status = ci_par_bcast(world, root, n, 0);
    if (status == CI_OK) status = compare_all((ci_par_unpacker){root, n}, conf);
    ci_mem_free(root);
    ci_mem_free(packer.bytes);
    return ci_par_agree(world, status);
}
