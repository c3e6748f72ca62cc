/* The program: nothing but cli. */
#include "cli/cli.h"

#include <signal.h>

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a file limit is an error like a full disk */
    return ci_cli_main(argc, argv);
}
