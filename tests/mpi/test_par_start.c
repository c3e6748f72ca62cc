/* par: the last rank has no memory for its communicator: all ranks end with a text, none waits. */
#include "check.h"

#include <stdlib.h>

int main(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *size = getenv("OMPI_COMM_WORLD_SIZE");
    bool is_last = !rank || !size || atoi(rank) == atoi(size) - 1;
    ci_comm *world = NULL;
    if (is_last) ci_mem_set_budget(1);
    CHECK(ci_par_start(&world) == CI_ERR_MEMORY);
    CHECK(world == NULL && ci_error_text()[0] != '\0');
    ci_mem_set_budget(0);
    CHECK(ci_mem_now() == 0);
    return check_failures ? 1 : 0;
}
