/* What tests of registry, ingest and publish share: a folder of their own, its databases, a
 * clock that stands where it is put. */
#ifndef CONTIMG_TEST_REGISTRY_CASE_H
#define CONTIMG_TEST_REGISTRY_CASE_H

#include "contimg/registry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct registry_case
{
    char folder[256];
    char ingest[320], cal[320], products[320], data[320], backups[320];
    ci_registry_paths paths;
    ci_registry_options options;
    ci_clock clock;
} registry_case;

/* The databases in a folder, by the system's clock. */
static inline void case_paths(registry_case *c, const char *folder)
{
    snprintf(c->folder, sizeof c->folder, "%s", folder);
    snprintf(c->ingest, sizeof c->ingest, "%s/ingest.sqlite3", folder);
    snprintf(c->cal, sizeof c->cal, "%s/cal_registry.sqlite3", folder);
    snprintf(c->products, sizeof c->products, "%s/products.sqlite3", folder);
    snprintf(c->data, sizeof c->data, "%s/data_registry.sqlite3", folder);
    snprintf(c->backups, sizeof c->backups, "%s/backups", folder);
    c->paths = (ci_registry_paths){c->ingest, c->cal, c->products, c->data, c->backups};
    ci_registry_options_default(&c->options);
}

static inline void case_new(registry_case *c)
{
    const char *base = getenv("TMPDIR");
    char folder[200];
    memset(c, 0, sizeof *c);
    snprintf(folder, sizeof folder, "%s/contimg-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) abort();
    case_paths(c, folder);
    c->options.busy_s = 20;
    c->options.clock = &c->clock;
    c->clock = (ci_clock){.is_set = true, .unix_s = 1769299200}; /* 2026-01-25T00:00:00Z */
}

static inline void case_end(registry_case *c)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", c->folder);
    if (system(command) != 0) fprintf(stderr, "%s: not removed\n", c->folder);
}

#endif
