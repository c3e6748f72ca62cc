/* serve: the read-only HTTP service: the documents of the deployed service, metrics as Prometheus
 * text, the reports of runs. No MPI. All functions are local. */
#ifndef CONTIMG_SERVE_H
#define CONTIMG_SERVE_H

#include "contimg/ops.h"

/* Texts and lists are borrowed. */
typedef struct ci_serve_options
{
    const char *address; /* numeric IPv4 or IPv6, or "localhost" */
    int port;            /* 0: any that is free */
    const char *state;   /* the reports are in its folder reports */
    ci_registry_paths databases;
    const ci_ops_disk *disk;
    size_t n_disk;
    double disk_critical_gb; /* below it the service is not healthy; 0: not looked at */
    const char *contact;     /* whom to ask, in the index page; "" for none */
} ci_serve_options;

/* Answers GET and HEAD until ci_stop_asked, one request a connection; the address on standard
 * output, then a line for each request. The databases are opened for reading, anew for each
 * document. Each answer is made of what the databases hold after its request came; requests that
 * come together share one. Told to the service manager in NOTIFY_SOCKET, where that is set. Ignores
 * SIGPIPE from then on.
 * CI_ERR_USAGE: no address of this machine; CI_ERR_NOT_READY: the port is in use; CI_ERR_IO. */
CI_MUST_CHECK ci_status ci_serve_run(const ci_serve_options *options);

#endif
