/* Raw peers of a stream, on any wire: they talk and end in any way. And waiting for what they did.
 */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket/backend.h"
#include "socket/socket.h"
#include "os/poll.h"

/* A close becomes a reset when the system is told so, and over unix when something is left unread.
 */
net_socket *meet_raw_peer(net_socket *listener, struct raw_peer *peer)
{
    char address[ADDRESS_MAX];

    *peer = (struct raw_peer){.fd = -1};
    dial_address(listener, address);
    if (net_fd(listener) >= 0 && !is_encrypted(address)) {
        peer->fd = raw_dial(listener);
    } else {
        peer->socket = assert_socket(net_connect(address, soon()));
    }
    net_socket *ours = assert_socket(net_accept(listener, soon()));

    if (peer->fd >= 0 && !is_ip(address)) {
        assert_count(net_send(ours, "?", 1, soon()), 1);
    }
    return ours;
}

void raw_peer_says(const struct raw_peer *peer, const char *words)
{
    ssize_t size = (ssize_t)strlen(words);

    if (peer->fd >= 0) {
        assert_int_equal(send(peer->fd, words, (size_t)size, MSG_NOSIGNAL), size);
    } else {
        assert_count(net_send(peer->socket, words, (size_t)size, soon()), size);
    }
}

void raw_peer_hears_end(const struct raw_peer *peer)
{
    char byte;

    if (peer->fd >= 0) {
        await_events(peer->fd, POLLRDHUP);
    } else {
        assert_code(net_recv(peer->socket, &byte, 1, soon()), NET_EOF);
    }
}

void raw_peer_leaves(struct raw_peer *peer)
{
    char unread[64];
    ssize_t n = 1;

    while (peer->fd >= 0 && n > 0) {
        n = recv(peer->fd, unread, sizeof unread, MSG_DONTWAIT);
    }
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    net_close(peer->socket, NET_NOW);
}

void raw_peer_breaks_off(struct raw_peer *peer)
{
    struct nf_value value = {.number = 1};

    if (peer->fd >= 0) {
        raw_reset(peer->fd);
        return;
    }
    if (is_socket_encrypted(peer->socket)) {
        assert_ok(net_set(peer->socket, "reset", "on"));
        net_close(peer->socket, NET_NOW);
        return;
    }
    assert_int_equal(nf_backend_of(peer->socket)->property(peer->socket, NF_ABORT, &value, true),
                     0);
    net_close(peer->socket, NET_NOW);
}

static bool is_ready(net_socket *socket, short events)
{
    unsigned interest =
        ((events & POLLOUT) != 0 ? NF_OUT : 0) | ((events & ~POLLOUT) != 0 ? NF_IN : 0);
    struct nf_readiness readiness;

    nf_backend_of(socket)->ready(socket, interest, &readiness);
    if (readiness.ready == 0 && !readiness.is_hint && readiness.fd >= 0) {
        struct nf_poll poll = {.fd = readiness.fd, .want = readiness.want};

        return nf_poll(&poll, 1, NET_NOW) > 0;
    }
    if ((readiness.ready & interest) == 0) {
        return false;
    }
    nf_socket_notify(socket); /* it may have taken in what its descriptor showed to a poller */
    return true;
}

void await_ready(net_socket *socket, short events)
{
    double since = now_ms();

    bool has_descriptor = net_fd(socket) >= 0;

    if (has_descriptor && !(is_socket_encrypted(socket) && events == POLLIN)) {
        await_events(net_fd(socket), events);
        return;
    }
    while (!is_ready(socket, events) && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    assert_true(is_ready(socket, events));
}

void await_bytes(net_socket *socket, int count)
{
    double since = now_ms();
    int fd = net_fd(socket);
    int there = fd >= 0 ? 0 : count;

    if (is_socket_encrypted(socket)) {
        await_ready(socket, POLLIN);
        return;
    }

    while (there < count && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(0);
        assert_int_equal(ioctl(fd, FIONREAD, &there), 0);
    }
    assert_int_equal(there, count);
}
