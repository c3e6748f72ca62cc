/* What is made in a folder whose group works with it, has the permissions of that folder. */
#include "contimg/base_file.h"

#include <errno.h>
#include <sys/stat.h>

void ci_file_share(int fd, int folder)
{
    struct stat above, facts;
    if (fstat(folder, &above) != 0 || !(above.st_mode & S_ISGID)) return;
    if (fstat(fd, &facts) != 0 || facts.st_gid != above.st_gid) return;
    mode_t mode =
        S_ISDIR(facts.st_mode) ? (above.st_mode & 02775) | 0700 : (above.st_mode & 0664) | 0600;
    /* Not possible on every file system; the umask's permissions stay. */
    if (fchmod(fd, mode) != 0) errno = 0;
}
