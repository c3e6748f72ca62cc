/* The socket that the service listens on, and why there is none. */
#include "serve/serve_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_loopback_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
}

static ci_status resolve(struct addrinfo **out, const ci_serve_options *options)
{
    const char *address = options->address;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    char port[16];
    snprintf(port, sizeof port, "%d", options->port);
    if (strcmp(address, "localhost") == 0) address = "127.0.0.1";
    if (getaddrinfo(address, port, &hints, out) == 0) return CI_OK;
    return ci_error(CI_ERR_USAGE,
                    "--bind %s: not an address: give a numeric one of this machine, as 127.0.0.1, "
                    "::1, or 0.0.0.0 for all",
                    address);
}

static ci_status refused(int why, const ci_serve_options *options)
{
    const char *address = options->address;
    int port = options->port;
    switch (why) {
    case EADDRINUSE:
        return ci_error(CI_ERR_NOT_READY,
                        "port %d of %s is in use: another contimg serve, or another program; stop "
                        "it, or choose a port with --port (CONTIMG_API_PORT)",
                        port, address);
    case EADDRNOTAVAIL:
        return ci_error(CI_ERR_USAGE, "--bind %s: this machine has no such address", address);
    case EACCES:
    case EPERM:
        return ci_error(CI_ERR_IO,
                        "port %d of %s: %s: ports below 1024 are for root; choose another with "
                        "--port (CONTIMG_API_PORT)",
                        port, address, strerror(why));
    default:
        return ci_error(CI_ERR_IO, "port %d of %s: cannot listen: %s", port, address,
                        strerror(why));
    }
}

/* The address that it came to be, with the port that the system chose. */
static void where_it_is(int fd, char where[128])
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    char host[64] = "", port[16] = "";
    if (getsockname(fd, (struct sockaddr *)&address, &n) == 0)
        (void)getnameinfo((struct sockaddr *)&address, n, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_six = strchr(host, ':') != NULL;
    snprintf(where, 128, "http://%s%s%s:%s/", is_six ? "[" : "", host, is_six ? "]" : "", port);
}

ci_status ci_serve_listen(int *fd, char where[128], bool *is_loopback,
                          const ci_serve_options *options)
{
    struct addrinfo *found = NULL;
    int on = 1, why = 0;
    CI_TRY(resolve(&found, options));
    *is_loopback = is_loopback_address(found->ai_addr);
    *fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        why = errno;
    else {
        /* Started again, it need not wait for connections of before. */
        (void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (found->ai_family == AF_INET6)
            (void)setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(*fd, found->ai_addr, found->ai_addrlen) != 0 || listen(*fd, 511) != 0) why = errno;
    }
    freeaddrinfo(found);
    if (why == 0) {
        where_it_is(*fd, where);
        return CI_OK;
    }
    if (*fd >= 0) close(*fd);
    *fd = -1;
    return refused(why, options);
}
