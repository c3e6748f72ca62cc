/* Private to ops: what the list of all and the story of one thing say alike. */
#ifndef CONTIMG_OPS_STORY_H
#define CONTIMG_OPS_STORY_H

#include "contimg/ops.h"

/* Whether some of its sub-bands are still waited for. Local. */
bool ci_ops_observation_is_awaited(const ci_registry_observation *o);
/* When it closes at the latest, as UTC. Local. */
void ci_ops_observation_closes(char out[32], const ci_registry_observation *o);
/* Where a group stands: who has it, until when it waits, what comes next. Borrows from its row.
 * Local. */
void ci_ops_group_standing(ci_ops_standing *now, const ci_registry *registry,
                           const ci_registry_group *g);
/* The same of a product, and why it is DEGRADED. Local. */
void ci_ops_product_standing(ci_ops_standing *now, const ci_registry *registry,
                             const ci_registry_product *p);
/* Puts owner, owned_since, is_lost, next_try and next; of a product is_degraded and
 * degraded_why. Local. */
void ci_ops_standing_put(ci_json *json, const ci_ops_standing *now);

#endif
