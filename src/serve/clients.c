/* The connections: how long each may take, however slowly it sends or reads. */
#include "serve/serve_private.h"

#include <string.h>
#include <sys/socket.h>

#define REQUEST_S 10.0 /* for all of a request, from the connection's begin */
#define ANSWER_S 60.0  /* for all of its answer, and so much more for each byte: */
#define BYTE_S 5e-5

typedef struct ci_serve_client
{
    int fd;
    bool is_ended;
    double end_s; /* monotonic */
    struct ci_serve_client *before, *next;
} ci_serve_client;

static void add(ci_serve_clients *clients, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    ci_serve_client *client = NULL;
    if (!info || ci_mem_alloc(&client, 1, sizeof *client, "connection") != CI_OK) return;
    client->fd = info->connect_fd;
    client->end_s = ci_clock_monotonic_s() + REQUEST_S;
    *context = client;
    pthread_mutex_lock(&clients->lock);
    client->next = clients->first;
    if (client->next) client->next->before = client;
    clients->first = client;
    clients->n++;
    pthread_mutex_unlock(&clients->lock);
}

static void take_out(ci_serve_clients *clients, ci_serve_client *client)
{
    pthread_mutex_lock(&clients->lock);
    if (client->before)
        client->before->next = client->next;
    else
        clients->first = client->next;
    if (client->next) client->next->before = client->before;
    clients->n--;
    pthread_mutex_unlock(&clients->lock);
    ci_mem_free(client);
}

void ci_serve_clients_notify(void *clients, struct MHD_Connection *connection,
                             void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        add(clients, connection, socket_context);
    else if (*socket_context) {
        take_out(clients, *socket_context);
        *socket_context = NULL;
    }
}

void ci_serve_clients_answered(ci_serve_clients *clients, struct MHD_Connection *connection,
                               uint64_t n_byte)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    ci_serve_client *client = info ? info->socket_context : NULL;
    if (!client) return;
    pthread_mutex_lock(&clients->lock);
    client->end_s = ci_clock_monotonic_s() + ANSWER_S + BYTE_S * (double)n_byte;
    pthread_mutex_unlock(&clients->lock);
}

/* The library closes the descriptor after it has said that the connection is over, so that it is
 * open while the client is in the list. */
void ci_serve_clients_end_slow(ci_serve_clients *clients)
{
    double now_s = ci_clock_monotonic_s();
    pthread_mutex_lock(&clients->lock);
    for (ci_serve_client *client = clients->first; client; client = client->next)
        if (!client->is_ended && now_s > client->end_s) {
            client->is_ended = true;
            shutdown(client->fd, SHUT_RDWR);
        }
    pthread_mutex_unlock(&clients->lock);
}

size_t ci_serve_clients_count(ci_serve_clients *clients)
{
    pthread_mutex_lock(&clients->lock);
    size_t n = clients->n;
    pthread_mutex_unlock(&clients->lock);
    return n;
}
