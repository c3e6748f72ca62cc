/* cli: options that differ between ranks are refused on all of them, before anything hangs on them.
 */
#include "check.h"

#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* What the check says where one rank's environment has another value of `name`. */
static ci_status with_other(ci_comm *world, int i_rank, const char *name, const char *value)
{
    char *words[] = {(char *)"image", (char *)"--size", (char *)"64"};
    ci_conf *conf = NULL;
    bool help = false;
    if (ci_comm_rank(world) == i_rank) setenv(name, value, 1);
    CHECK_OK(ci_conf_new(&conf, CI_CONF_COMMAND_IMAGE, 3, words, &help));
    unsetenv(name);
    ci_status status = ci_cli_ranks_check(world, conf);
    ci_conf_free(conf);
    return status;
}

static void test_differing(ci_comm *world)
{
    for (int i = 0; i < ci_comm_size(world); i++) {
        ci_error_clear();
        CHECK(with_other(world, i, "CONTIMG_NITER", "7") == CI_ERR_USAGE);
        CHECK(strstr(ci_error_text(), "--niter is '") != NULL);
        CHECK(strstr(ci_error_text(), i == 0 ? "'7' at rank 0" : "'100000' at rank 0") != NULL);
    }
}

/* The same value from elsewhere, what the command line overrides, and what is each rank's own. */
static void test_alike(ci_comm *world)
{
    int last = ci_comm_size(world) - 1;
    CHECK_OK(with_other(world, last, "CONTIMG_NITER", "100000"));
    CHECK_OK(with_other(world, last, "CONTIMG_SIZE", "128"));
    CHECK_OK(with_other(world, last, "CONTIMG_MEMORY", "2"));
    CHECK_OK(with_other(world, last, "CONTIMG_TEAMS", "2")); /* of other commands */
}

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 70;
    setenv("CONTIMG_CONFIG", "", 1);
    if (ci_comm_size(world) > 1) test_differing(world);
    test_alike(world);
    return check_end(world);
}
