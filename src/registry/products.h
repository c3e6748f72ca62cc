/* Products as rows. Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_PRODUCTS_H
#define CONTIMG_REGISTRY_PRODUCTS_H

#include "registry/handle.h"

/* One product, n = 0 where there is none of contimg's: to work on, a deployed one is not there. */
CI_MUST_CHECK ci_status ci_registry_product_get_own(ci_registry *registry, const char *id,
                                                    ci_registry_products **out);

#endif
