/* What the files of serve share: the service, a request, an answer. Private to serve. All functions
 * are local. */
#ifndef CONTIMG_SERVE_PRIVATE_H
#define CONTIMG_SERVE_PRIVATE_H

#include "contimg/report.h"
#include "contimg/serve.h"

#include <microhttpd.h>
#include <pthread.h>

/* ---- request.c ------------------------------------------------------------------------------- */

enum
{
    CI_SERVE_MAX_URI = 2048,
    CI_SERVE_MAX_HEADERS = 16384 /* bytes of all names and values */
};
/* What was asked for. */
typedef struct ci_serve_request
{
    char uri[CI_SERVE_MAX_URI + 1]; /* as sent, cut */
    bool is_too_long;
    char path[CI_SERVE_MAX_URI + 1]; /* before the '?', decoded once */
    const char *query;               /* after it, in uri; "" for none */
} ci_serve_request;
/* Free with ci_serve_request_free. NULL: no memory. */
ci_serve_request *ci_serve_request_new(const char *uri);
void ci_serve_request_free(ci_serve_request *request);
/* Fills path and query. False where the path is no absolute one, or holds a broken escape, an
 * encoded slash, a control character or a byte that is no ASCII. */
bool ci_serve_request_parse(ci_serve_request *request);
/* An integer parameter of the query, `missing` where it is not there; CI_ERR_USAGE where it is no
 * number in [low, high]. */
CI_MUST_CHECK ci_status ci_serve_request_int(const ci_serve_request *request, const char *name,
                                             int64_t low, int64_t high, int64_t *value);

/* ---- documents.c ----------------------------------------------------------------------------- */

typedef enum ci_serve_kind
{
    CI_SERVE_STATUS,
    CI_SERVE_SYSTEM,
    CI_SERVE_PUBLISH,
    CI_SERVE_FAILED,
    CI_SERVE_HEALTH,
    CI_SERVE_METRICS,
    CI_SERVE_INDEX,
    CI_SERVE_KIND_COUNT
} ci_serve_kind;
/* What of a kind is asked for; all zero but for /failed. */
typedef struct ci_serve_which
{
    int64_t limit, min_attempts;
} ci_serve_which;
/* A document, whole. */
typedef struct ci_serve_document
{
    int code; /* HTTP status */
    ci_text text;
    char error[1024]; /* why it could not be made; text is empty then */
} ci_serve_document;
void ci_serve_document_clear(ci_serve_document *document);

/* The documents that there are, each made by one thread at a time. */
typedef struct ci_serve_documents ci_serve_documents;
CI_MUST_CHECK ci_status ci_serve_documents_new(ci_serve_documents **out,
                                               const ci_serve_options *options);
void ci_serve_documents_free(ci_serve_documents *documents); /* NULL-safe */
/* A copy of the document, made after this call began: by this thread, or by one that others of the
 * same kind waited for. Clear it with ci_serve_document_clear. */
void ci_serve_documents_get(ci_serve_documents *documents, ci_serve_kind kind,
                            const ci_serve_which *which, ci_serve_document *out);

/* Opens the databases for reading, for at most a second where they are locked. */
CI_MUST_CHECK ci_status ci_serve_registry_open(ci_registry **out, const ci_serve_options *options,
                                               bool is_repeated);

/* ---- health.c, prometheus.c, reports.c ------------------------------------------------------- */

/* {status, reasons, version, timestamp}; *is_well: nothing is wrong. */
CI_MUST_CHECK ci_status ci_serve_health_put(ci_text *out, const ci_serve_options *options,
                                            ci_registry *registry, const char *fault,
                                            bool *is_well);
CI_MUST_CHECK ci_status ci_serve_prometheus_put(ci_text *out, const ci_serve_options *options,
                                                ci_registry *registry);
/* The index page; registry NULL, and why, where the databases cannot be read. */
CI_MUST_CHECK ci_status ci_serve_index_put(ci_text *out, const ci_serve_options *options,
                                           ci_registry *registry, const char *fault);
/* Opens a file of a report, "/reports/RUN/NAME", without following any link below the reports
 * folder; *type: its content type. CI_ERR_INPUT: there is no such file. *fd is the caller's. */
CI_MUST_CHECK ci_status ci_serve_report_open(int *fd, const char **type,
                                             const ci_serve_options *options, const char *path);

/* ---- clients.c ------------------------------------------------------------------------------- */

/* The connections, each with the time by which it has to be over. */
typedef struct ci_serve_clients
{
    pthread_mutex_t lock;
    struct ci_serve_client *first;
    size_t n;
} ci_serve_clients;
void ci_serve_clients_notify(void *clients, struct MHD_Connection *connection,
                             void **socket_context, enum MHD_ConnectionNotificationCode code);
/* The request has come whole: now there is time for an answer of n_byte. */
void ci_serve_clients_answered(ci_serve_clients *clients, struct MHD_Connection *connection,
                               uint64_t n_byte);
/* Ends the connections whose time is over. */
void ci_serve_clients_end_slow(ci_serve_clients *clients);
size_t ci_serve_clients_count(ci_serve_clients *clients);

/* ---- route.c --------------------------------------------------------------------------------- */

typedef struct ci_serve
{
    const ci_serve_options *options;
    ci_serve_documents *documents;
    ci_serve_clients clients;
} ci_serve;
/* As MHD_AccessHandlerCallback; `service` is a ci_serve. */
enum MHD_Result ci_serve_route(void *service, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *n_data, void **request);

/* ---- listen.c, notify.c ---------------------------------------------------------------------- */

/* A socket that listens; *fd is the caller's. `where`: "http://127.0.0.1:8000/". */
CI_MUST_CHECK ci_status ci_serve_listen(int *fd, char where[128], bool *is_loopback,
                                        const ci_serve_options *options);
/* Tells the service manager ("READY=1"); nothing where there is none. */
void ci_serve_notify(const char *state);
/* Half of the time within which the service manager wants a sign of life; 0: it wants none. */
double ci_serve_notify_period_s(void);

#endif
