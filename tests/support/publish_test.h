/* What unit tests of publishing begin and end with: a publish_case that is open, with its folders,
 * and what they ask of it. */
#ifndef TEST_PUBLISH_TEST_H
#define TEST_PUBLISH_TEST_H

#include "publish_case.h"
#include "raw_sql.h"
#include "unit_case.h"

#include <dirent.h>
#include <sys/wait.h>

static const mosaic_faults good = {0};

static inline int publish_begin(void **state)
{
    publish_case *t = calloc(1, sizeof *t);
    if (!t) return -1;
    *state = t;
    case_new(&t->c);
    OK(publish_case_open(t));
    return 0;
}

static inline int publish_end(void **state)
{
    publish_case *t = *state;
    ci_registry_close(t->registry);
    case_end(&t->c);
    free(t);
    size_t n_byte = ci_mem_now();
    if (n_byte) print_error("%zu bytes of counted memory are left\n", n_byte);
    return n_byte ? -1 : 0;
}

#define PUBLISH_TEST(function) cmocka_unit_test_setup_teardown(function, publish_begin, publish_end)

static inline void publish_close(publish_case *t)
{
    ci_registry_close(t->registry);
    t->registry = NULL;
}

static inline ci_registry_publish_state state_of(publish_case *t, const char *id)
{
    ci_registry_products *list;
    OK(ci_registry_product_get(t->registry, id, &list));
    assert_int_equal(list->n, 1);
    ci_registry_publish_state state = list->item[0].state;
    ci_registry_products_free(list);
    return state;
}

static inline size_t n_entries(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static inline void published_path(const publish_case *t, const char *id, char out[400])
{
    snprintf(out, 400, "%s/" CASE_DATE "/%s", t->products, id);
}

/* What the table of mosaics says of g1: that it is published there, or in staging and nowhere else.
 */
static inline void check_mosaic_row(const publish_case *t, bool is_published)
{
    char sql[1000], folder[400];
    if (is_published)
        published_path(t, "g1", folder);
    else
        snprintf(folder, sizeof folder, "%s/mosaics/g1", t->staging);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM mosaics WHERE group_id='g1' AND path='%s/mosaic.fits' AND "
             "output_path=path AND published_path IS %s%s%s",
             folder, is_published ? "'" : "NULL", is_published ? folder : "",
             is_published ? "'" : "");
    assert_int_equal(raw_int(t->c.products, sql), 1);
}

static inline void remove_folder(const char *path)
{
    char command[500];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

/* Another content in a published file. */
static inline void damage(const char *folder, const char *name)
{
    char path[420];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(chmod(path, 0644), 0);
    OK(ci_file_write(path, "x", 1));
}

static inline ci_qa_outcome outcome_of(const ci_qa_gates *gates, ci_qa_gate_kind kind)
{
    ci_qa_outcome worst = CI_QA_PASS;
    for (size_t i = 0; i < gates->n; i++)
        if (gates->item[i].kind == kind && gates->item[i].outcome > worst)
            worst = gates->item[i].outcome;
    return worst;
}

#endif
