/* What unit tests of the registry begin and end with: the databases of a registry_case, opened
 * where the test asks for it; and SQL as another program would run it. */
#ifndef TEST_REGISTRY_TEST_H
#define TEST_REGISTRY_TEST_H

#include "raw_sql.h"
#include "registry_case.h"
#include "unit_case.h"

#include <math.h>
#include <sys/wait.h>

typedef struct registry_test
{
    registry_case c;
    ci_registry *registry; /* NULL: not opened, or closed by the test */
    size_t n_byte_before;
} registry_test;

static inline int registry_begin_closed(void **state)
{
    registry_test *t = calloc(1, sizeof *t);
    if (!t) return -1;
    *state = t;
    t->n_byte_before = ci_mem_now();
    case_new(&t->c);
    return 0;
}

static inline void registry_open(registry_test *t)
{
    OK(ci_registry_open(&t->registry, &t->c.paths, &t->c.options));
}

static inline void registry_close(registry_test *t)
{
    ci_registry_close(t->registry);
    t->registry = NULL;
}

static inline int registry_begin(void **state)
{
    if (registry_begin_closed(state) != 0) return -1;
    registry_open(*state);
    return 0;
}

static inline int registry_end(void **state)
{
    registry_test *t = *state;
    registry_close(t);
    case_end(&t->c);
    size_t n_byte = ci_mem_now() - t->n_byte_before;
    if (n_byte) print_error("%zu bytes of counted memory are left\n", n_byte);
    free(t);
    return n_byte ? -1 : 0;
}

#define REGISTRY_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, registry_begin, registry_end)
/* Databases that the test itself opens. */
#define REGISTRY_TEST_CLOSED(function)                                                             \
    cmocka_unit_test_setup_teardown(function, registry_begin_closed, registry_end)

/* ---- observations and groups ----------------------------------------------------------------- */

static inline void observation_make(ci_registry *registry, double unix_s, char id[CI_REGISTRY_ID])
{
    ci_registry_observation o = {.state = CI_REGISTRY_WORK_PENDING,
                                 .is_ready = true,
                                 .first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s),
                                 .interval_s = 12.885,
                                 .n_expected = 16,
                                 .n_present = 16};
    char text[32];
    ci_time_iso(text, o.first_time_mjd_s, 6, false);
    snprintf(o.id, sizeof o.id, "%s", text);
    OK(ci_registry_observation_put(registry, &o));
    snprintf(id, CI_REGISTRY_ID, "%s", o.id);
}

/* A group of these observations, the first n_overlap of them as overlap. */
static inline ci_status group_make(ci_registry *registry, size_t n, char (*ids)[CI_REGISTRY_ID],
                                   size_t n_overlap, double unix_s, char id[CI_REGISTRY_ID],
                                   bool *is_new)
{
    ci_registry_member members[16] = {0};
    const char *names[16];
    ci_registry_group g = {.state = CI_REGISTRY_WORK_PENDING,
                           .closed_by = "full",
                           .n_min_tiles = 2,
                           .n_member = n,
                           .member = members};
    for (size_t i = 0; i < n; i++) {
        snprintf(members[i].observation_id, CI_REGISTRY_ID, "%s", ids[i]);
        members[i].role = i < n_overlap ? CI_REGISTRY_ROLE_OVERLAP : CI_REGISTRY_ROLE_NEW;
        names[i] = ids[i];
    }
    members[0].first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s);
    CI_TRY(ci_registry_group_id(g.id, names, n, members[0].first_time_mjd_s));
    snprintf(id, CI_REGISTRY_ID, "%s", g.id);
    return ci_registry_group_add(registry, &g, is_new);
}

#endif
