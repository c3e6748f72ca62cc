/* Tables as rows of text: the deployed pipeline's own, and what contimg adds; making them.
 * Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_SCHEMA_H
#define CONTIMG_REGISTRY_SCHEMA_H

#include "registry/db.h"

/* columns: declarations separated by ';'. One that starts with '(' is a table constraint,
 * which only a newly made table gets. */
typedef struct ci_schema_table
{
    const char *name, *columns;
} ci_schema_table;

/* Tables of the deployed pipeline, November 2025; NULL name ends. */
extern const ci_schema_table ci_registry_schema_deployed_ingest[];
extern const ci_schema_table ci_registry_schema_deployed_cal[];
extern const ci_schema_table ci_registry_schema_deployed_products[];
extern const ci_schema_table ci_registry_schema_deployed_data[];
/* The other shape of products' mosaics in the field. */
extern const ci_schema_table ci_registry_schema_deployed_workflow[];

int ci_registry_schema_version(ci_registry_database which);
const char *ci_registry_schema_file_name(ci_registry_database which);
/* CI_ERR_INPUT for a file that holds something, and no table of this database as contimg or the
 * deployed pipeline makes it: such a file is somebody else's. */
CI_MUST_CHECK ci_status ci_registry_schema_check_owner(ci_db *db);
/* From the version on disk to the known one; inside a transaction. */
CI_MUST_CHECK ci_status ci_registry_schema_migrate(ci_db *db, double now_unix_s);
CI_MUST_CHECK ci_status ci_registry_schema_version_read(ci_db *db, int *out);

#endif
