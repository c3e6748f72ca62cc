/* What every part of a run works with. */
#ifndef CONTIMG_RUN_CONTEXT_H
#define CONTIMG_RUN_CONTEXT_H

#include "contimg/run.h"

typedef struct ci_run
{
    ci_comm *world;
    const ci_conf *conf;
    const ci_run_listener *listener;
    ci_tile_options options;
    ci_run_site site;    /* registry on rank 0 only */
    ci_sky_model *model; /* NULL: none given */
    ci_tile_events events;
    ci_report_record record;            /* rank 0 */
    char options_sha256[CI_SHA256_HEX]; /* of the options that change a tile */
    char choices_sha256[CI_SHA256_HEX]; /* the same, whatever the program's version */
    char *report_folder;                /* rank 0 */
    char claimed_group[CI_REGISTRY_ID]; /* the group that is worked on */
    char claim_token[CI_REGISTRY_ID];   /* and of its lease: what is written is checked by it */
    bool waits_for_tables;              /* the group's are not there yet: no fault of it */
} ci_run;

#endif
