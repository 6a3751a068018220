/* The life of the object behind a net_socket, on every wire. */
#include "socket/socket.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/thread.h"
#include "wait/deadline.h"

#include <stdlib.h>
#include <string.h>

net_socket *nf_socket_new(const struct nf_backend *backend)
{
    net_socket *socket = calloc(1, backend->size);

    if (socket == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    atomic_init(&socket->backend, backend);
    socket->kind = backend;
    socket->process = (uint16_t)nf_process();
    return socket;
}

void nf_socket_free(net_socket *socket)
{
    if (socket != NULL && socket->owns_name) {
        nf_addr_drop(&socket->name);
    }
    if (socket != NULL) {
        free(socket->kept);
    }
    free(socket);
}

int nf_socket_go_on(net_socket *socket, struct nf_pace *pace, size_t moved, net_deadline deadline)
{
    if (nf_is_canceled(socket)) {
        return nf_fail(NET_CANCELED);
    }
    return nf_pace_goes_on(pace, moved, deadline) ? 0 : NET_TIMEOUT;
}

/* await_users relies on this order: count first, then load. The same holds for nf_socket_cancel. */
void nf_socket_notify_watched(net_socket *socket)
{
    atomic_fetch_add(&socket->users, 1);
    struct nf_notice *notice = atomic_load(&socket->notice);

    if (notice != NULL) {
        nf_notice_post(notice);
    }
    atomic_fetch_sub(&socket->users, 1);
}

void nf_socket_cancel(net_socket *socket)
{
    atomic_fetch_add(&socket->users, 1);
    atomic_store(&socket->canceled, true);
    atomic_load(&socket->backend)->cancel(socket);
    nf_socket_notify(socket);
    atomic_fetch_sub(&socket->users, 1);
}

/* A fork copies `users`, and may so count threads that only the parent has. A child therefore waits
 * no longer than a thread of its own needs to leave. */
void nf_socket_await_users(net_socket *socket)
{
    enum { COPIED = 100 }; /* ms */

    if (atomic_load(&socket->users) == 0) {
        return;
    }
    bool is_ours = socket->process == (uint16_t)nf_process();
    net_deadline until = is_ours ? NET_FOREVER : nf_deadline_after(nf_now(), COPIED);

    while (atomic_load(&socket->users) != 0 && !nf_deadline_passed(until)) {
        nf_thread_nap();
    }
}

void nf_socket_set_backend(net_socket *socket, const struct nf_backend *backend)
{
    atomic_store(&socket->backend, backend);
    nf_socket_await_users(socket);
}

void nf_socket_set_notice(net_socket *socket, struct nf_notice *notice)
{
    atomic_store(&socket->notice, notice);
    nf_socket_await_users(socket);
    if (socket->kind->lower != NULL) {
        nf_socket_set_notice(nf_layer_lower(socket), notice);
    }
}

void nf_socket_forget_notice(net_socket *socket)
{
    while (socket != NULL) {
        atomic_store(&socket->notice, NULL);
        socket = socket->kind->lower != NULL ? nf_layer_lower(socket) : NULL;
    }
}

size_t nf_slices_copy(char *to, const net_slice *slices, int count, size_t skip, size_t most)
{
    size_t copied = 0;

    for (int i = 0; i < count && copied < most; i++) {
        size_t from = skip < slices[i].size ? skip : slices[i].size;
        size_t left = slices[i].size - from;
        size_t piece = left < most - copied ? left : most - copied;

        if (piece > 0) {
            memcpy(to + copied, (const char *)slices[i].data + from, piece);
        }
        copied += piece;
        skip -= from;
    }
    return copied;
}
