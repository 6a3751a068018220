/* Strangers: peers of a stream that follow no protocol, on any wire. */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket/backend.h"

/* A close becomes a reset when the system is told so, and over unix when something is left unread.
 */
net_socket *meet_stranger(net_socket *listener, struct stranger *stranger)
{
    char address[ADDRESS_MAX];

    *stranger = (struct stranger){.fd = -1};
    dial_address(listener, address);
    if (net_fd(listener) >= 0) {
        stranger->fd = raw_dial(listener);
    } else {
        stranger->socket = assert_socket(net_connect(address, soon()));
    }
    net_socket *ours = assert_socket(net_accept(listener, soon()));

    if (stranger->fd >= 0 && !is_ip(address)) {
        assert_count(net_send(ours, "?", 1, soon()), 1);
    }
    return ours;
}

void stranger_says(const struct stranger *stranger, const char *words)
{
    ssize_t size = (ssize_t)strlen(words);

    if (stranger->fd >= 0) {
        assert_int_equal(send(stranger->fd, words, (size_t)size, MSG_NOSIGNAL), size);
    } else {
        assert_count(net_send(stranger->socket, words, (size_t)size, soon()), size);
    }
}

void stranger_hears_end(const struct stranger *stranger)
{
    char byte;

    if (stranger->fd >= 0) {
        await_events(stranger->fd, POLLRDHUP);
    } else {
        assert_code(net_recv(stranger->socket, &byte, 1, soon()), NET_EOF);
    }
}

void stranger_leaves(struct stranger *stranger)
{
    char unread[64];
    ssize_t n = 1;

    while (stranger->fd >= 0 && n > 0) {
        n = recv(stranger->fd, unread, sizeof unread, MSG_DONTWAIT);
    }
    if (stranger->fd >= 0) {
        close(stranger->fd);
    }
    net_close(stranger->socket, NET_NOW);
}

void stranger_breaks_off(struct stranger *stranger)
{
    struct nf_value value = {.number = 1};

    if (stranger->fd >= 0) {
        raw_reset(stranger->fd);
        return;
    }
    assert_int_equal(
        nf_backend_of(stranger->socket)->property(stranger->socket, NF_ABORT, &value, true), 0);
    net_close(stranger->socket, NET_NOW);
}

static bool is_ready(net_socket *socket, short events)
{
    unsigned interest =
        ((events & POLLOUT) != 0 ? NF_OUT : 0) | ((events & ~POLLOUT) != 0 ? NF_IN : 0);
    struct nf_readiness readiness;

    nf_backend_of(socket)->ready(socket, interest, &readiness);
    return (readiness.ready & interest) != 0;
}

void await_ready(net_socket *socket, short events)
{
    double since = now_ms();

    if (net_fd(socket) >= 0) {
        await_events(net_fd(socket), events);
        return;
    }
    while (!is_ready(socket, events) && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    assert_true(is_ready(socket, events));
}
