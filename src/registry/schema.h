/* Tables as rows of text: the deployed pipeline's own, and what contimg adds. Private. */
#ifndef CONTIMG_REGISTRY_SCHEMA_H
#define CONTIMG_REGISTRY_SCHEMA_H

#include "contimg/registry.h"

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

#endif
