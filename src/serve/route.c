/* From a request to its answer: paths, methods, limits, headers. */
#include "serve/serve_private.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    REPORT_BLOCK = 64 * 1024
};
#define JSON_TYPE "application/json"
#define API_POLICY "default-src 'none'; frame-ancestors 'none'"
/* Reports bring their style and their pictures along. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "              \
    "form-action 'none'; frame-ancestors 'none'"

static const struct
{
    const char *path;
    ci_serve_kind kind;
    const char *type;
} paths[] = {{"/api/status", CI_SERVE_STATUS, JSON_TYPE},
             {"/api/metrics/system", CI_SERVE_SYSTEM, JSON_TYPE},
             {"/api/monitoring/publish/status", CI_SERVE_PUBLISH, JSON_TYPE},
             {"/api/monitoring/publish/failed", CI_SERVE_FAILED, JSON_TYPE},
             {"/api/health", CI_SERVE_HEALTH, JSON_TYPE},
             {"/metrics", CI_SERVE_METRICS, "text/plain; version=0.0.4; charset=utf-8"},
             {"/", CI_SERVE_INDEX, "text/html; charset=utf-8"}};

/* One request under way. */
typedef struct
{
    ci_serve *service;
    struct MHD_Connection *connection;
    const char *method;
    const ci_serve_request *request;
} exchange;

/* ---- answers --------------------------------------------------------------------------------- */

/* A line for each answer, as access logs have it. */
static void say(const exchange *x, int code, uint64_t n_byte)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char host[64] = "-", at[32], uri[200];
    socklen_t n = sizeof(struct sockaddr_in);
    if (info && info->client_addr->sa_family == AF_INET6) n = sizeof(struct sockaddr_in6);
    if (info) (void)getnameinfo(info->client_addr, n, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    snprintf(uri, sizeof uri, "%s", x->request ? x->request->uri : "-");
    ci_str_one_line(uri);
    ci_time_iso(at, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    printf("%s %s %.16s %s %d %llu\n", at, host, x->method, uri, code, (unsigned long long)n_byte);
}

/* Queues and gives up the response; MHD_NO ends the connection. */
static enum MHD_Result answer(const exchange *x, int code, const char *type,
                              struct MHD_Response *response, uint64_t n_byte)
{
    if (!response) return MHD_NO;
    const char *policy = strncmp(type, "text/html", 9) == 0 ? PAGE_POLICY : API_POLICY;
    const char *const headers[][2] = {{MHD_HTTP_HEADER_CONTENT_TYPE, type},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"X-Frame-Options", "DENY"},
                                      {"Content-Security-Policy", policy},
                                      {"Referrer-Policy", "no-referrer"},
                                      {"Cross-Origin-Resource-Policy", "same-origin"},
                                      {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
                                      {MHD_HTTP_HEADER_CONNECTION, "close"}};
    enum MHD_Result ok = MHD_YES;
    for (size_t i = 0; i < sizeof headers / sizeof *headers && ok == MHD_YES; i++)
        ok = MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (ok == MHD_YES && code == MHD_HTTP_METHOD_NOT_ALLOWED)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    ci_serve_clients_answered(&x->service->clients, x->connection, n_byte);
    if (ok == MHD_YES) ok = MHD_queue_response(x->connection, (unsigned)code, response);
    MHD_destroy_response(response);
    say(x, code, n_byte);
    return ok;
}

/* Takes the text over. */
static enum MHD_Result answer_text(const exchange *x, int code, const char *type, ci_text *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(text->length, text->text, ci_mem_free);
    if (!response) ci_mem_free(text->text);
    return answer(x, code, type, response, text->length);
}

/* {"error": why}; a fault of the service is in its log, too. */
static enum MHD_Result answer_error(const exchange *x, int code, const char *why)
{
    ci_json *json = ci_json_object();
    ci_text text = {0};
    char *printed = NULL;
    if (code >= 500) ci_log_warning("%s: %d: %s", x->request ? x->request->path : "-", code, why);
    ci_json_put_string(json, "error", why);
    ci_status status = ci_json_print(&printed, json, true);
    ci_json_free(json);
    if (status == CI_OK) status = ci_text_append(&text, "%s\n", printed);
    ci_mem_free(printed);
    return status == CI_OK ? answer_text(x, code, JSON_TYPE, &text) : MHD_NO;
}

/* ---- documents and reports ------------------------------------------------------------------- */

static enum MHD_Result answer_document(const exchange *x, ci_serve_kind kind, const char *type)
{
    ci_serve_which which = {0};
    ci_serve_document document;
    if (kind == CI_SERVE_FAILED) {
        which.limit = 50;
        if (ci_serve_request_int(x->request, "limit", 1, 1000, &which.limit) != CI_OK ||
            ci_serve_request_int(x->request, "max_attempts", 0, 1000, &which.min_attempts) != CI_OK)
            return answer_error(x, MHD_HTTP_BAD_REQUEST, ci_error_text());
    }
    ci_serve_documents_get(x->service->documents, kind, &which, &document);
    if (document.text.text) return answer_text(x, document.code, type, &document.text);
    return answer_error(x, document.code, document.error);
}

/* A part of a report. One that was cut meanwhile ends the connection: the library itself would try
 * again and again. */
static ssize_t report_read(void *file, uint64_t at, char *to, size_t n)
{
    ssize_t got = pread((int)(intptr_t)file, to, n, (off_t)at);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void report_close(void *file)
{
    close((int)(intptr_t)file);
}

static enum MHD_Result answer_report(const exchange *x)
{
    int fd;
    const char *type;
    struct stat facts;
    if (ci_serve_report_open(&fd, &type, x->service->options, x->request->path) != CI_OK)
        return answer_error(x, MHD_HTTP_NOT_FOUND, ci_error_text());
    if (fstat(fd, &facts) != 0) {
        close(fd);
        return answer_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, "the report cannot be read");
    }
    uint64_t n_byte = (uint64_t)facts.st_size;
    struct MHD_Response *response = MHD_create_response_from_callback(
        n_byte, REPORT_BLOCK, report_read, (void *)(intptr_t)fd, report_close);
    if (!response) close(fd);
    return answer(x, MHD_HTTP_OK, type, response, n_byte);
}

/* ---- what may be asked ----------------------------------------------------------------------- */

static enum MHD_Result header_add(void *sum, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    *(size_t *)sum += strlen(name) + (value ? strlen(value) : 0) + 4;
    return MHD_YES;
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* The code with which it is refused, and why; 0: it may be asked. */
static int refusal(const exchange *x, const char **why)
{
    size_t n_header = 0;
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, header_add, &n_header);
    if (x->request->is_too_long) {
        *why = "the address is too long";
        return MHD_HTTP_URI_TOO_LONG;
    }
    if (n_header > CI_SERVE_MAX_HEADERS) {
        *why = "the headers are too long";
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    if (strcmp(x->method, MHD_HTTP_METHOD_GET) != 0 &&
        strcmp(x->method, MHD_HTTP_METHOD_HEAD) != 0) {
        *why = "only GET and HEAD are answered: nothing can be changed here";
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (has_body(x->connection)) {
        *why = "a request with content is not answered";
        return MHD_HTTP_CONTENT_TOO_LARGE;
    }
    return 0;
}

enum MHD_Result ci_serve_route(void *service, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *n_data, void **request)
{
    (void)url, (void)version, (void)data, (void)n_data;
    ci_serve_request *asked = *request;
    const exchange x = {service, connection, method, asked};
    const char *why = "";
    if (!asked) return MHD_NO;
    int code = refusal(&x, &why);
    if (code != 0) return answer_error(&x, code, why);
    if (!ci_serve_request_parse(asked))
        return answer_error(&x, MHD_HTTP_BAD_REQUEST, "not an address of this service");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(asked->path, paths[i].path) == 0)
            return answer_document(&x, paths[i].kind, paths[i].type);
    if (strncmp(asked->path, "/reports/", strlen("/reports/")) == 0) return answer_report(&x);
    return answer_error(&x, MHD_HTTP_NOT_FOUND, "not found; / lists what there is");
}
