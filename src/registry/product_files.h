/* The files of tiles and mosaics as rows. Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_PRODUCT_FILES_H
#define CONTIMG_REGISTRY_PRODUCT_FILES_H

#include "registry/handle.h"

/* Replaces the rows of one image; kind: "tile", "mosaic". */
CI_MUST_CHECK ci_status ci_registry_product_files_write(ci_db *db, const char *kind,
                                                        const ci_registry_image *image);
CI_MUST_CHECK ci_status ci_registry_product_files_read(ci_db *db, const char *kind,
                                                       ci_registry_image *image);

#endif
