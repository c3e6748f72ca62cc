/* Mosaic groups as rows. Private to registry. All functions are local. */
#ifndef CONTIMG_REGISTRY_GROUPS_H
#define CONTIMG_REGISTRY_GROUPS_H

#include "registry/handle.h"

/* ci_registry_role. */
extern const ci_words ci_registry_role_words;
/* The group's own row, without its members. */
CI_MUST_CHECK ci_status ci_registry_group_insert(ci_registry *registry,
                                                 const ci_registry_group *group);

#endif
