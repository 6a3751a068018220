/* The public functions for sockets. Each one checks its arguments, makes one indirect call to the
 * socket's backend, and adds operation and address to a failure. netfacade.h documents them. */
#include "api/check.h"
#include "api/failure.h"
#include "api/poller.h"
#include "api/registry.h"
#include "open/adopt.h"
#include "socket/socket.h"
#include "name/endpoint.h"

#define TEXT_OF(number)              #number
#define VERSION(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

net_deadline net_after(int64_t milliseconds)
{
    return nf_deadline_after(nf_now(), milliseconds);
}

const char *net_version(void)
{
    return VERSION(NET_VERSION_MAJOR, NET_VERSION_MINOR, NET_VERSION_PATCH);
}

net_socket *net_listen(const char *address)
{
    struct nf_target target;
    net_socket *listener = NULL;
    int code = nf_check_call(address, NET_NOW);

    if (code == 0) {
        code = nf_registry_find(address, &target);
    }
    if (code == 0) {
        listener = nf_socket_new(target.backend->listener);
        code = listener != NULL
                   ? nf_adopt_open(listener, target.backend->listener, &target, NET_NOW)
                   : NET_LIMIT;
    }
    if (code < 0) {
        nf_socket_free(listener);
        nf_failed_for(code, "listen", address);
        return NULL;
    }
    return listener;
}

net_socket *net_connect(const char *address, net_deadline deadline)
{
    struct nf_target target;
    net_socket *socket = NULL;
    int code = nf_check_call(address, deadline);

    if (code == 0) {
        code = nf_registry_find(address, &target);
    }
    if (code == 0) {
        socket = nf_socket_new(target.backend);
        code =
            socket != NULL ? nf_adopt_open(socket, target.backend, &target, deadline) : NET_LIMIT;
    }
    if (code < 0) {
        nf_socket_free(socket);
        nf_failed_for(code, "connect", address);
        return NULL;
    }
    return socket;
}

net_socket *net_accept(net_socket *listener, net_deadline deadline)
{
    net_socket *accepted = NULL;

    if (nf_check_call(listener, deadline) == 0) {
        accepted = nf_backend_of(listener)->accept(listener, deadline);
    }
    if (accepted == NULL) {
        nf_failed(nf_cause_pending()->code, "accept", listener);
    }
    return accepted;
}

ssize_t net_send(net_socket *socket, const void *data, size_t size, net_deadline deadline)
{
    net_slice slice = {.data = data, .size = size};

    /* Return here: a size over SSIZE_MAX, cast to ssize_t, may equal the code of this failure, and
     * the comparison below would take the failure for a whole send. */
    if (!nf_data_is_good(socket, data, size, deadline)) {
        return nf_failed(nf_check_failed(socket, data, size, deadline), "send", socket);
    }
    ssize_t n = nf_backend_of(socket)->send(socket, &slice, 1, deadline);

    return n == (ssize_t)slice.size ? n : nf_fell_short(n, "send", socket);
}

ssize_t net_send_vector(net_socket *socket, const net_slice *slices, int count,
                        net_deadline deadline)
{
    size_t size = 0;
    int checked = count;
    ssize_t n = nf_check_slices(socket, slices, &checked, deadline, &size);

    if (n == 0) {
        n = nf_backend_of(socket)->send(socket, slices, checked, deadline);
    }
    bool sent = n == (ssize_t)size;

    if (sent && checked < count) {
        nf_fail(NET_TIMEOUT);
    }
    return sent && checked == count ? n : nf_fell_short(n, "send", socket);
}

ssize_t net_recv(net_socket *socket, void *buffer, size_t size, net_deadline deadline)
{
    ssize_t n = nf_data_is_good(socket, buffer, size, deadline)
                    ? nf_backend_of(socket)->recv(socket, buffer, size, NF_SOME, deadline)
                    : nf_check_failed(socket, buffer, size, deadline);

    return n >= 0 ? n : nf_failed((int)n, "recv", socket);
}

ssize_t net_recv_all(net_socket *socket, void *buffer, size_t size, net_deadline deadline)
{
    ssize_t n = nf_data_is_good(socket, buffer, size, deadline)
                    ? nf_backend_of(socket)->recv(socket, buffer, size, NF_ALL, deadline)
                    : nf_check_failed(socket, buffer, size, deadline);

    return n >= 0 && (size_t)n == size ? n : nf_fell_short(n, "recv", socket);
}

ssize_t net_recv_until(net_socket *socket, void *buffer, size_t size, int delimiter,
                       net_deadline deadline)
{
    ssize_t n = nf_check_data(socket, buffer, size, deadline);

    if (n == 0) {
        n = nf_check_delimiter(delimiter);
    }
    if (n == 0) {
        n = nf_backend_of(socket)->recv(socket, buffer, size, delimiter, deadline);
    }
    return n >= 0 ? n : nf_failed((int)n, "recv", socket);
}

int net_send_messages(net_socket *socket, const net_message *messages, int count,
                      net_deadline deadline)
{
    int checked = count;
    int n = nf_check_messages(socket, messages, &checked, true, deadline);

    if (n == 0) {
        n = nf_backend_of(socket)->send_messages(socket, messages, checked, deadline);
    }
    if (n == checked && checked < count) {
        nf_fail(NET_TIMEOUT);
    }
    return n > 0 && n == count ? n : (int)nf_fell_short(n, "send", socket);
}

int net_recv_messages(net_socket *socket, net_message *messages, int count, net_deadline deadline)
{
    int n = nf_check_messages(socket, messages, &count, false, deadline);

    if (n == 0) {
        n = nf_backend_of(socket)->recv_messages(socket, messages, count, deadline);
    }
    return n >= 0 ? n : nf_failed(n, "recv", socket);
}

int net_shutdown(net_socket *socket)
{
    int code = nf_check_call(socket, NET_NOW);

    if (code == 0) {
        code = nf_backend_of(socket)->shutdown(socket);
    }
    return code >= 0 ? code : nf_failed(code, "shutdown", socket);
}

void net_cancel(net_socket *socket)
{
    if (socket != NULL) {
        nf_socket_cancel(socket);
    }
}

/* The socket is closed even if the deadline is invalid: then with NET_NOW, and NET_MISUSE is
 * returned. */
int net_close(net_socket *socket, net_deadline deadline)
{
    if (socket == NULL) {
        return 0;
    }
    int misuse = nf_check_call(socket, deadline);
    struct nf_saved_name name;

    nf_save_name(&name, socket); /* close may free the bytes of the name */
    nf_socket_await_users(socket);
    nf_poller_forget(socket);
    int code = nf_backend_of(socket)->close(socket, misuse == 0 ? deadline : NET_NOW);

    if (misuse < 0) {
        code = nf_check_call(socket, deadline);
    }
    if (code < 0) {
        nf_failed_of(code, "close", &name);
    }
    if (code == NF_STAYS) {
        return 0;
    }
    nf_socket_free(socket);
    return code;
}

int net_release(net_socket *socket)
{
    struct nf_value value = {.number = -1};
    int code = nf_check_release(socket);

    if (code == 0) {
        code = nf_backend_of(socket)->property(socket, NF_RELEASE, &value, false);
    }
    if (code == 0) {
        code = nf_check_kept(socket);
    }
    if (code == 0) {
        nf_poller_forget(socket); /* first, because a poller may be watching the descriptor */
        code = nf_backend_of(socket)->property(socket, NF_RELEASE, &value, true);
    }
    if (code < 0) {
        return nf_failed(code, "release", socket);
    }
    nf_backend_of(socket)->close(socket, NET_NOW);
    nf_socket_free(socket);
    return (int)value.number;
}

int net_resolve(const char *address, net_endpoint *endpoints, int count, net_deadline deadline)
{
    struct nf_target target;
    int n = nf_check_array(address, endpoints, count, deadline);

    if (n == 0) {
        n = nf_registry_find(address, &target);
    }
    if (n == 0) {
        n = target.adopted < 0 ? target.backend->resolve(&target, endpoints, count, deadline)
                               : nf_fail_because(NET_MISUSE, "a descriptor is nobody's address");
    }
    return n >= 0 ? n : nf_failed_for(n, "resolve", address);
}

int net_endpoint_text(const net_endpoint *endpoint, char *buffer, size_t size)
{
    struct nf_addr addr;
    struct nf_text text;
    int code = nf_check_text(endpoint, endpoint, buffer, size);

    if (code == 0 && nf_endpoint_is_empty(endpoint)) {
        code = nf_fail_because(NET_MISUSE, "the endpoint names nobody");
    }
    if (code < 0) {
        return nf_failed_for(code, "endpoint", NULL);
    }
    nf_endpoint_remote(endpoint, &addr);
    nf_text_begin(&text, buffer, size);
    nf_print_addr(&text, &addr);
    return (int)text.length;
}
