/* The memory budget of a process: --memory, else 0.8 of what cgroup, Slurm and the machine
 * allow a node, divided by the ranks on the node. */
#include "contimg/tile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number in a one-line file; 0 where there is none ("max"). */
static double number_in_file(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    return strtod(text, NULL);
}

static double smaller(double a, double b)
{
    if (a <= 0) return b;
    if (b <= 0) return a;
    return a < b ? a : b;
}

static double node_limit_bytes(void)
{
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double limit = smaller(machine, number_in_file("/sys/fs/cgroup/memory.max"));
    limit = smaller(limit, number_in_file("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    const char *slurm = getenv("SLURM_MEM_PER_NODE"); /* MiB */
    if (slurm) limit = smaller(limit, strtod(slurm, NULL) * 1048576.0);
    return limit;
}

ci_status ci_tile_budget_set(ci_comm *world, const ci_conf *conf)
{
    int n_on_node = 1;
    CI_TRY(ci_comm_node_size(world, &n_on_node));
    double asked = ci_conf_double(conf, CI_CONF_OPT_MEMORY) * 1e9;
    double node = asked > 0 ? asked : 0.8 * node_limit_bytes();
    ci_mem_set_budget((size_t)(node / n_on_node));
    if (ci_comm_rank(world) == 0)
        ci_log_debug("memory: %.2f GB a node, %d rank%s on it", node * 1e-9, n_on_node,
                     ci_plural(n_on_node));
    return CI_OK;
}
