/* base: how files are made and opened. All functions are local. */
#ifndef CONTIMG_BASE_FILE_H
#define CONTIMG_BASE_FILE_H

#include "contimg/base.h"

/* The one way in which a file of contimg's comes to be: what has that name in its folder is removed
 * (a link, not what it points to; no folder), and a plain file made anew, open for reading and
 * writing. *fd is the caller's to close. A missing folder is CI_ERR_IO. */
CI_MUST_CHECK ci_status ci_file_create(int *fd, const char *path);
/* What was made in a folder whose group works with it (set-group-ID bit: chmod 2775): the folder's
 * permissions, whatever the umask, for a folder that bit, too. In any other folder the umask
 * decides. Best effort: nothing where the file is not this user's. */
void ci_file_share(int fd, int folder);
/* All of the bytes into a descriptor; `path` is for the error's text. */
CI_MUST_CHECK ci_status ci_file_put(int fd, const char *path, const void *data, size_t n_byte);
/* Opens a regular file for reading; anything else (a folder, a device, a pipe that would be waited
 * for) is CI_ERR_INPUT. *fd is the caller's to close. */
CI_MUST_CHECK ci_status ci_file_open(int *fd, const char *path);
/* SHA-256 of all of an open file, to its end; `path` is for the error's text. ci_sha256_file is the
 * same of a regular file, and CI_ERR_STOPPED where a stop is asked for meanwhile. */
CI_MUST_CHECK ci_status ci_sha256_fd(char out_hex[CI_SHA256_HEX], int fd, const char *path);

#endif
