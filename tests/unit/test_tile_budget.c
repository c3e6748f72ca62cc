/* What a job may use of a node's memory: limits of control groups and of Slurm. */
#include "unit_case.h"

#include "tile/budget.h"

/* A file below the test's folder, its folders made. */
static void file_at(void **state, const char *path, const char *text)
{
    UNIT_PATH(whole, state, path);
    char *folder = NULL;
    OK(ci_path_parent(&folder, whole));
    OK(ci_path_make_folder(folder));
    ci_mem_free(folder);
    OK(ci_file_write(whole, text, strlen(text)));
}

static double limit_of(void **state)
{
    return ci_tile_node_limit_bytes(((unit_case *)*state)->folder);
}

static void slurm_set(const char *node, const char *cpu, const char *n_cpu)
{
    const char *names[] = {"SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"};
    const char *values[] = {node, cpu, n_cpu};
    for (int i = 0; i < 3; i++)
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
}

static void test_machine_alone(void **state)
{
    slurm_set(NULL, NULL, NULL);
    assert_true(limit_of(state) > 1e8);
}

/* The limit is the job's, not that of the group that the process is in. */
static void test_version_2(void **state)
{
    slurm_set(NULL, NULL, NULL);
    file_at(state, "proc/self/cgroup", "0::/system.slice/job_1/step_0\n");
    file_at(state, "sys/fs/cgroup/system.slice/job_1/step_0/memory.max", "max\n");
    file_at(state, "sys/fs/cgroup/system.slice/job_1/memory.max", "50000000\n");
    file_at(state, "sys/fs/cgroup/system.slice/memory.max", "max\n");
    assert_true(limit_of(state) == 5e7);
    file_at(state, "sys/fs/cgroup/memory.max", "40000000\n");
    assert_true(limit_of(state) == 4e7);
}

static void test_version_1(void **state)
{
    slurm_set(NULL, NULL, NULL);
    file_at(state, "proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/slurm/job_1\n0::/\n");
    file_at(state, "sys/fs/cgroup/memory/slurm/job_1/memory.limit_in_bytes", "30000000\n");
    file_at(state, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(limit_of(state) == 3e7);
}

static void test_slurm(void **state)
{
    slurm_set("20", NULL, NULL);
    assert_true(limit_of(state) == 20 * 1048576.0);
    slurm_set(NULL, "10", "4");
    assert_true(limit_of(state) == 40 * 1048576.0);
    slurm_set(NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_machine_alone),
        UNIT_TEST(test_version_2),
        UNIT_TEST(test_version_1),
        UNIT_TEST(test_slurm),
    };
    return cmocka_run_group_tests_name("tile_budget", tests, NULL, NULL);
}
