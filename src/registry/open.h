/* Opening one database, and copies of it. Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_OPEN_H
#define CONTIMG_REGISTRY_OPEN_H

#include "registry/db.h"

/* Makes what is missing, migrates what is older after a copy into `backups`. */
CI_MUST_CHECK ci_status ci_registry_db_open_write(ci_db *db, const char *backups,
                                                  double now_unix_s);
/* Changes nothing; an older database is read as a migrated copy in memory. */
CI_MUST_CHECK ci_status ci_registry_db_open_read(ci_db *db, double now_unix_s);
/* For reading, whatever its version. */
CI_MUST_CHECK ci_status ci_registry_db_open_plain(ci_db *db);
/* integrity_check and foreign_key_check; CI_ERR_DATABASE with the first fault. */
CI_MUST_CHECK ci_status ci_registry_db_verify(ci_db *db);
/* The error that says that its schema is of a version newer than known. */
ci_status ci_registry_db_newer(const ci_db *db, int found);
/* Online copy of `from` into the file `path`. */
CI_MUST_CHECK ci_status ci_registry_db_backup(ci_db *from, const char *path);

#endif
