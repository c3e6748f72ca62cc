#include "cli/cli.h"

int main(int argc, char **argv)
{
    return ci_cli_main(argc, argv);
}
