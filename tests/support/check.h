/* Checks of MPI tests, which are plain programs: a failed check is one line and a
 * non-zero end of every rank. Include in one file only. */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include "contimg/par.h"

static int check_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)
#define CHECK_OK(expression)                                                                       \
    do {                                                                                           \
        ci_status check_status_ = (expression);                                                    \
        if (check_status_ != CI_OK) {                                                              \
            fprintf(stderr, "%s:%d: %s gave %s: %s\n", __FILE__, __LINE__, #expression,            \
                    ci_status_name(check_status_), ci_error_text());                               \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)

/* Ends MPI and gives the process's exit code: 1 where any rank's check failed. */
static inline int check_end(ci_comm *world)
{
    ci_status status =
        check_failures ? ci_error(CI_ERR_INTERNAL, "%d checks failed", check_failures) : CI_OK;
    return ci_par_end(world, status) == CI_OK ? 0 : 1;
}

#endif
