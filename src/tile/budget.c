/* The memory budget of a process: --memory, else 0.8 of what cgroup, Slurm and the machine
 * allow a node, divided by the ranks on the node. */
#include "tile/budget.h"

#include <limits.h>
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

/* The least limit of a control group and of all above it: <tree><group>/<name>, then one less. */
static double group_limit(const char *tree, const char *group, const char *name)
{
    char below[PATH_MAX], path[2 * PATH_MAX];
    double limit = 0;
    snprintf(below, sizeof below, "%s", group);
    for (;;) {
        snprintf(path, sizeof path, "%s%s/%s", tree, strcmp(below, "/") == 0 ? "" : below, name);
        limit = smaller(limit, number_in_file(path));
        char *last = strrchr(below, '/');
        if (!last) return limit;
        *last = '\0';
    }
}

/* A line of /proc/self/cgroup, "0::/path" (version 2) or "5:cpu,memory:/path" (1); 0: not memory's.
 */
static double line_limit(const char *root, char *line)
{
    char tree[PATH_MAX];
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return 0;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    bool is_second = controllers[1] == '\0';
    if (!is_second && !strstr(controllers + 1, "memory")) return 0;
    snprintf(tree, sizeof tree, "%s/sys/fs/cgroup%s", root, is_second ? "" : "/memory");
    return group_limit(tree, group, is_second ? "memory.max" : "memory.limit_in_bytes");
}

/* What the process's control groups allow; 0: no limit is known. */
static double cgroup_limit(const char *root)
{
    char path[PATH_MAX], line[PATH_MAX];
    double limit = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        limit = smaller(limit, line_limit(root, line));
    fclose(file);
    return limit;
}

/* In MiB: of a node, or of each processor of it. */
static double slurm_limit(void)
{
    const double mib = 1048576.0;
    const char *node = getenv("SLURM_MEM_PER_NODE"), *cpu = getenv("SLURM_MEM_PER_CPU");
    const char *n_cpu = getenv("SLURM_CPUS_ON_NODE");
    if (node) return strtod(node, NULL) * mib;
    return cpu && n_cpu ? strtod(cpu, NULL) * strtod(n_cpu, NULL) * mib : 0;
}

double ci_tile_node_limit_bytes(const char *root)
{
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    return smaller(smaller(machine, cgroup_limit(root)), slurm_limit());
}

double ci_tile_node_budget_bytes(const ci_conf *conf)
{
    double asked = ci_conf_double(conf, CI_CONF_OPT_MEMORY) * 1e9;
    return asked > 0 ? asked : 0.8 * ci_tile_node_limit_bytes("");
}

ci_status ci_tile_budget_set(ci_comm *world, const ci_conf *conf)
{
    int n_on_node = 1;
    CI_TRY(ci_comm_node_size(world, &n_on_node));
    double node = ci_tile_node_budget_bytes(conf);
    ci_mem_set_budget((size_t)(node / n_on_node));
    if (ci_comm_rank(world) == 0)
        ci_log_debug("memory: %.2f GB a node, %d rank%s on it", node * 1e-9, n_on_node,
                     ci_plural(n_on_node));
    return CI_OK;
}
