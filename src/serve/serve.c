/* The service: from its socket to its end. */
#include "serve/serve_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum
{
    MAX_CONNECTION = 256,
    MAX_OF_ADDRESS = 64, /* of one client, where others than this machine's may come */
    OTHER_FILES = 160,   /* databases that are open, reports that are sent */
    IDLE_S = 10,         /* without a byte either way */
    REQUEST_BYTES = 128 * 1024,
    STACK_BYTES = 512 * 1024
};
#define STOP_S 1.0 /* for answers under way */
#define STEP_S 0.1

/* ---- the library ----------------------------------------------------------------------------- */

static void *on_uri(void *unused, const char *uri, struct MHD_Connection *connection)
{
    (void)unused, (void)connection;
    return ci_serve_request_new(uri);
}

static void on_completed(void *unused, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)unused, (void)connection, (void)code;
    ci_serve_request_free(*request);
    *request = NULL;
}

CI_PRINTF(2, 0)
static void on_fault(void *unused, const char *format, va_list values)
{
    char text[512];
    (void)unused;
    vsnprintf(text, sizeof text, format, values);
    text[strcspn(text, "\n")] = '\0';
    ci_log_debug("HTTP: %s", text);
}

/* As many connections as files can be open. */
static unsigned connection_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return MAX_CONNECTION;
    rlim_t wanted = MAX_CONNECTION + OTHER_FILES;
    if (files.rlim_cur < wanted && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) (void)getrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur >= wanted) return MAX_CONNECTION;
    return files.rlim_cur > OTHER_FILES + 8 ? (unsigned)files.rlim_cur - OTHER_FILES : 8;
}

/* A thread for each connection: one that waits for a database holds nobody up. */
static struct MHD_Daemon *daemon_start(ci_serve *service, int fd, bool is_loopback)
{
    unsigned n = connection_limit();
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_fault, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)ci_serve_clients_notify, &service->clients},
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)n, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, is_loopback ? 0 : MAX_OF_ADDRESS, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL},
        {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
                            0, NULL, NULL, ci_serve_route, service, MHD_OPTION_ARRAY, options,
                            MHD_OPTION_END);
}

/* No new connection, some time for those that are there, then the end. */
static void daemon_stop(ci_serve *service, struct MHD_Daemon *daemon)
{
    ci_serve_notify("STOPPING=1");
    MHD_socket fd = MHD_quiesce_daemon(daemon);
    if (fd != MHD_INVALID_SOCKET) close(fd);
    double end_s = ci_clock_monotonic_s() + STOP_S;
    while (ci_serve_clients_count(&service->clients) > 0 && ci_clock_monotonic_s() < end_s)
        ci_clock_wait(NULL, 0.02);
    MHD_stop_daemon(daemon);
}

/* ---- running --------------------------------------------------------------------------------- */

/* What is wrong with the databases is said once, and keeps nobody from asking. */
static void databases_look(const ci_serve_options *options)
{
    ci_registry *registry = NULL;
    if (ci_serve_registry_open(&registry, options, false) != CI_OK)
        ci_log_warning("%s", ci_error_text());
    ci_error_clear();
    ci_registry_close(registry);
}

static void wait_for_stop(ci_serve *service)
{
    double period_s = ci_serve_notify_period_s(), next_s = 0;
    while (!ci_stop_asked()) {
        ci_serve_clients_end_slow(&service->clients);
        if (period_s > 0 && ci_clock_monotonic_s() >= next_s) {
            ci_serve_notify("WATCHDOG=1");
            next_s = ci_clock_monotonic_s() + period_s;
        }
        ci_clock_wait(NULL, STEP_S);
    }
}

static ci_status serve(ci_serve *service, int fd, const char *where, bool is_loopback)
{
    struct MHD_Daemon *daemon = daemon_start(service, fd, is_loopback);
    if (!daemon) {
        close(fd);
        return ci_error(CI_ERR_IO, "%s: the service cannot start: no thread or no memory", where);
    }
    printf("contimg %s serves %s%s\n", ci_version(), where,
           is_loopback ? ", for this machine only (--bind opens it to others)" : "");
    ci_serve_notify("READY=1");
    wait_for_stop(service);
    daemon_stop(service, daemon);
    printf("contimg serve: stopped\n");
    return CI_OK;
}

ci_status ci_serve_run(const ci_serve_options *options)
{
    ci_serve service = {.options = options, .clients.lock = PTHREAD_MUTEX_INITIALIZER};
    char where[128];
    bool is_loopback = true;
    int fd = -1;
    ci_stop_install();
    signal(SIGPIPE, SIG_IGN);            /* a client that goes away */
    setvbuf(stdout, NULL, _IOLBF, 4096); /* an access log that can be followed */
    CI_TRY(ci_serve_listen(&fd, where, &is_loopback, options));
    databases_look(options);
    ci_status status = ci_serve_documents_new(&service.documents, options);
    if (status == CI_OK)
        status = serve(&service, fd, where, is_loopback);
    else
        close(fd);
    ci_serve_documents_free(service.documents);
    return status;
}
