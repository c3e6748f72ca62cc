/* registry, for who watches: what is counted and listed for operators, and the alerts that they
 * were told of. All functions are local. */
#ifndef CONTIMG_REGISTRY_WATCH_H
#define CONTIMG_REGISTRY_WATCH_H

#include "contimg/registry.h"

typedef struct ci_registry_publish_counts
{
    int64_t n_published, n_staging, n_publishing, n_refused;
    int64_t n_failed;    /* in staging after a failure, or failed for good */
    int64_t n_exhausted; /* failed for good: attempts used up */
} ci_registry_publish_counts;
/* Products by state; those of the deployed pipeline only where asked. */
CI_MUST_CHECK ci_status ci_registry_products_count(ci_registry *registry, bool with_deployed,
                                                   ci_registry_publish_counts *out);
/* How many there were, well or not. */
typedef struct ci_registry_outcomes
{
    int64_t n_good, n_bad;
} ci_registry_outcomes;
/* Attempts to publish that ended since then: published, or failed or died. Refusals are neither. */
CI_MUST_CHECK ci_status ci_registry_attempts_count(ci_registry *registry, double since_unix_s,
                                                   ci_registry_outcomes *out);
/* Groups whose last end since then was completed, or failed. */
CI_MUST_CHECK ci_status ci_registry_groups_count(ci_registry *registry, double since_unix_s,
                                                 ci_registry_outcomes *out);
/* contimg's products that were staged before then and still are: how many, and the first one. */
CI_MUST_CHECK ci_status ci_registry_staging_count(ci_registry *registry, double before_unix_s,
                                                  int64_t *n, char first[CI_REGISTRY_ID]);

/* Something that an operator is to be told of once, and once when it is over. */
typedef struct ci_registry_alert
{
    char name[CI_REGISTRY_ID];
    char message[CI_REGISTRY_TEXT];
    double value, limit, since_unix_s;
    bool is_active; /* false: it has cleared */
} ci_registry_alert;
CI_REGISTRY_LIST(ci_registry_alerts, ci_registry_alert); /* by name */
/* Records which alerts hold now (name, message, value, limit of each). *tell: those whose beginning
 * or end nobody was told of yet; for tell_s seconds no other process gets them. One that ends
 * before anybody was told of it is forgotten. */
CI_MUST_CHECK ci_status ci_registry_alerts_update(ci_registry *registry,
                                                  const ci_registry_alerts *found, double tell_s,
                                                  ci_registry_alerts **tell);
/* The operator was told. */
CI_MUST_CHECK ci_status ci_registry_alert_told(ci_registry *registry,
                                               const ci_registry_alert *alert);
/* Those that are active, as recorded. */
CI_MUST_CHECK ci_status ci_registry_alerts_read(ci_registry *registry, ci_registry_alerts **out);
void ci_registry_alerts_free(ci_registry_alerts *alerts);

#endif
