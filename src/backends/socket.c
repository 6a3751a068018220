/* The life of the object behind a net_socket, whatever its wire. */
#include "backends/backend.h"
#include "os/thread.h"

#include <stdlib.h>

net_socket *nf_socket_new(const struct nf_backend *backend)
{
    net_socket *socket = calloc(1, backend->size);

    if (socket == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    atomic_init(&socket->backend, backend);
    socket->kind = backend;
    return socket;
}

void nf_socket_free(net_socket *socket)
{
    free(socket);
}

/* Counting first and loading the table second is what nf_socket_become relies on. */
void nf_socket_cancel(net_socket *socket)
{
    atomic_fetch_add(&socket->cancelling, 1);
    atomic_store(&socket->canceled, true);
    atomic_load(&socket->backend)->cancel(socket);
    atomic_fetch_sub(&socket->cancelling, 1);
}

void nf_socket_become(net_socket *socket, const struct nf_backend *backend)
{
    atomic_store(&socket->backend, backend);
    while (atomic_load(&socket->cancelling) != 0) {
        nf_thread_yield();
    }
}
