/* What a request asks for: its path and the parameters of its query. */
#include "serve/serve_private.h"

#include <string.h>

ci_serve_request *ci_serve_request_new(const char *uri)
{
    ci_serve_request *request = NULL;
    if (ci_mem_alloc(&request, 1, sizeof *request, "request") != CI_OK) return NULL;
    request->is_too_long = strlen(uri) > CI_SERVE_MAX_URI;
    snprintf(request->uri, sizeof request->uri, "%s", uri);
    request->query = "";
    return request;
}

void ci_serve_request_free(ci_serve_request *request)
{
    ci_mem_free(request);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One character of a path; *n: how many of the text it takes. -1: none that a path may have. */
static int decoded(const char *text, size_t *n)
{
    int c = (unsigned char)*text, high, low;
    *n = 1;
    if (c == '%') {
        if ((high = hex(text[1])) < 0 || (low = hex(text[2])) < 0) return -1;
        *n = 3;
        c = 16 * high + low;
        if (c == '/') return -1;
    }
    return c < 0x20 || c > 0x7e ? -1 : c;
}

bool ci_serve_request_parse(ci_serve_request *request)
{
    char *to = request->path;
    const char *from = request->uri;
    if (*from != '/') return false;
    while (*from && *from != '?') {
        size_t n;
        int c = decoded(from, &n);
        if (c < 0) return false;
        *to++ = (char)c;
        from += n;
    }
    *to = '\0';
    if (*from == '?') request->query = from + 1;
    return true;
}

ci_status ci_serve_request_int(const ci_serve_request *request, const char *name, int64_t low,
                               int64_t high, int64_t *value)
{
    size_t n_name = strlen(name);
    for (const char *p = request->query; *p; p += *p == '&') {
        size_t n = strcspn(p, "&");
        if (n > n_name && strncmp(p, name, n_name) == 0 && p[n_name] == '=') {
            char text[32];
            int64_t found = 0;
            snprintf(text, sizeof text, "%.*s", (int)(n - n_name - 1), p + n_name + 1);
            if (ci_parse_int(text, name, &found) != CI_OK || found < low || found > high)
                return ci_error(CI_ERR_USAGE, "%s: must be an integer from %lld to %lld", name,
                                (long long)low, (long long)high);
            *value = found;
        }
        p += n;
    }
    return CI_OK;
}
