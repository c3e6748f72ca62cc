/* A run without MPI or data: a configuration, databases with a clock that stands, a listener that
 * remembers. */
#ifndef TEST_RUN_CASE_H
#define TEST_RUN_CASE_H

#include "conf_case.h"

#include "run/context.h"

typedef struct run_case
{
    ci_run run;
    ci_conf *conf;
    ci_clock clock;
    char folder[200];
    int n_nothing;
    size_t n_file, n_failed, n_waiting;
} run_case;
static run_case rc;

static void run_nothing(const ci_run_nothing *nothing)
{
    rc.n_nothing++;
    rc.n_file = nothing->n_file;
    rc.n_failed = nothing->n_failed_group;
    rc.n_waiting = nothing->n_waiting_group;
}
static const ci_run_listener run_listener = {.nothing = run_nothing};

static inline int run_begin(void **state)
{
    memset(&rc, 0, sizeof rc);
    if (conf_begin(state) != 0) return -1;
    setenv("CONTIMG_DISK_CRITICAL_GB", "0", 1); /* however full this machine is */
    snprintf(rc.folder, sizeof rc.folder, "%s", ((unit_case *)*state)->folder);
    return 0;
}

static inline int run_end(void **state)
{
    ci_run_site_close(&rc.run.site);
    ci_comm_free(rc.run.world);
    ci_conf_free(rc.conf);
    return unit_end(state);
}
#define RUN_TEST(function) cmocka_unit_test_setup_teardown(function, run_begin, run_end)

/* The configuration of a run in the test's folder, with these words besides. */
static inline void run_conf(const char *const *words)
{
    const char *all[20];
    char option[4][256];
    static const char *const names[] = {"input", "state", "output", "products"};
    size_t n = 0;
    for (; n < 4; n++) {
        snprintf(option[n], sizeof option[n], "--%s-dir=%s/%s", names[n], rc.folder, names[n]);
        all[n] = option[n];
    }
    for (; words && *words; words++)
        all[n++] = *words;
    all[n] = NULL;
    rc.conf = parsed(CI_CONF_COMMAND_RUN, all);
}

/* A handle of the databases by the test's clock; each process that wants one is an owner. */
static inline ci_registry *run_registry(void)
{
    const ci_conf_paths *p = &rc.run.site.paths;
    ci_registry *registry = NULL;
    ci_registry_options options;
    char backups[256];
    snprintf(backups, sizeof backups, "%s/backups", rc.folder);
    ci_registry_paths paths = ci_run_registry_paths(p, backups);
    ci_registry_options_default(&options);
    options.clock = &rc.clock;
    OK(ci_registry_open(&registry, &paths, &options));
    return registry;
}

static inline void run_open(const char *const *words)
{
    run_conf(words);
    rc.run.conf = rc.conf;
    rc.run.listener = &run_listener;
    OK(ci_comm_self(&rc.run.world));
    OK(ci_conf_paths_new(&rc.run.site.paths, rc.conf));
    OK(ci_path_make_folder(rc.run.site.paths.input));
    OK(ci_path_make_folder(rc.run.site.paths.state));
    OK(ci_path_make_folder(rc.run.site.paths.staging));
    OK(ci_path_make_folder(rc.run.site.paths.products));
    rc.clock = (ci_clock){.is_set = true, .unix_s = 1769299200}; /* 2026-01-25T00:00:00Z */
    rc.run.site.registry = run_registry();
}

/* An observation that begins at this time and is in that state. */
static inline void observation_make(double unix_s, ci_registry_work_state work, char id[32])
{
    ci_registry_observation o = {.state = work,
                                 .is_ready = true,
                                 .first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s),
                                 .last_time_mjd_s = ci_time_mjd_s_from_unix(unix_s + 296),
                                 .interval_s = 12.885,
                                 .n_expected = 16,
                                 .n_present = 16};
    ci_time_iso(id, o.first_time_mjd_s, 0, false);
    snprintf(o.id, sizeof o.id, "%s", id);
    OK(ci_registry_observation_put(rc.run.site.registry, &o));
}

/* A complete group of two observations, the second in that state; its id. */
static inline void group_make(double unix_s, ci_registry_work_state second, char id[CI_REGISTRY_ID])
{
    ci_registry_member member[2] = {{.role = CI_REGISTRY_ROLE_NEW}, {.role = CI_REGISTRY_ROLE_NEW}};
    char name[2][32];
    ci_registry_group group = {.state = CI_REGISTRY_WORK_PENDING,
                               .closed_by = "full",
                               .n_min_tiles = 2,
                               .n_member = 2,
                               .member = member};
    bool is_new = false;
    for (int i = 0; i < 2; i++) {
        double at = unix_s + 300 * i;
        observation_make(at, i == 1 ? second : CI_REGISTRY_WORK_PENDING, name[i]);
        snprintf(member[i].observation_id, sizeof member[i].observation_id, "%s", name[i]);
        member[i].first_time_mjd_s = ci_time_mjd_s_from_unix(at);
    }
    const char *const names[2] = {name[0], name[1]};
    OK(ci_registry_group_id(group.id, names, 2, member[0].first_time_mjd_s));
    OK(ci_registry_group_add(rc.run.site.registry, &group, &is_new));
    assert_true(is_new);
    snprintf(id, CI_REGISTRY_ID, "%s", group.id);
}

static inline ci_registry_work_state group_state(const char *id)
{
    ci_registry_groups *found = NULL;
    OK(ci_registry_group_get(rc.run.site.registry, id, &found));
    assert_int_equal(found->n, 1);
    ci_registry_work_state state = found->item[0].state;
    ci_registry_groups_free(found);
    return state;
}

#endif
