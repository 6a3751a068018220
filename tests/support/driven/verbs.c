/* What a blocking call promises, made of calls with NET_NOW: try; while nothing is there, sleep
 * until the reactor reports readiness, or until the deadline; try again. */
#define DRIVEN_IS_THE_DRIVER
#include "driven.h"

#include "reactor.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/failure.h"
#include "wait/deadline.h"

bool is_driven(void)
{
    return true;
}

/* A call in progress. */
struct step {
    net_socket *socket;
    net_deadline deadline;
    long in_vain; /* times in a row that readiness was reported and nothing was there */
};

/* Readiness may be reported in vain, but not all the time. */
enum { IN_VAIN_MOST = 100000 };

static bool waits(net_deadline deadline)
{
    return deadline != NET_NOW && nf_deadline_is_valid(deadline);
}

/* Whether to try again. The last try is at the deadline: the call returns what is there then, even
 * if it is too little for the system to report readiness. The failure of the previous try, that
 * nothing was there, stays this thread's last failure. */
static bool sleep_until_ready(struct step *step, unsigned interest)
{
    if (nf_deadline_passed(step->deadline)) {
        return false;
    }
    if (++step->in_vain > IN_VAIN_MOST) {
        fprintf(stderr, "the poller tells readiness in vain\n");
        abort();
    }
    int code = reactor_await(step->socket, interest, step->deadline);

    return code == 0 || code == NET_TIMEOUT;
}

/* The call did not get the turn in time. */
static int late(const char *verb, net_socket *socket)
{
    return nf_failed(nf_fail(NET_TIMEOUT), verb, socket);
}

/* In any of its layers. */
static bool has_rest(net_socket *socket)
{
    bool found = false;

    while (socket != NULL && socket->kind->lower != NULL) {
        struct nf_layer *layer = (struct nf_layer *)socket;

        found = found || atomic_load(&layer->has_rest);
        socket = layer->lower;
    }
    return found;
}

/* A message or a record that was cut counts as sent, and a poller sends its rest. A call that
 * blocks does not return before all of it is out. */
static void send_what_is_left(struct step *step)
{
    if (has_rest(step->socket)) {
        sleep_until_ready(step, NET_WRITABLE);
    }
}

/* ---- Opening and closing ---- */

enum { LIMIT_PATIENCE = 100 /* ms that an accept waits for a descriptor */ };

net_socket *driven_accept(net_socket *listener, net_deadline deadline)
{
    struct step step = {.socket = listener, .deadline = deadline};
    net_deadline limit = NET_NOW;
    bool again = true;
    net_socket *made = NULL;

    if (!waits(deadline)) {
        return net_accept(listener, deadline);
    }
    while (made == NULL && again) {
        made = net_accept(listener, NET_NOW);
        if (made == NULL && net_error() == NET_LIMIT) {
            limit = limit == NET_NOW ? net_after(LIMIT_PATIENCE) : limit;
            step.deadline = nf_earlier(deadline, limit);
        }
        again = made == NULL && (net_error() == NET_TIMEOUT || net_error() == NET_LIMIT) &&
                sleep_until_ready(&step, NET_READABLE);
    }
    return made;
}

net_socket *driven_connect(const char *address, net_deadline deadline)
{
    net_socket *made = net_connect(address, waits(deadline) ? NET_NOW : deadline);
    struct step step = {.socket = made, .deadline = deadline};

    if (made == NULL || !waits(deadline)) {
        return made;
    }
    int code = net_get(made, "peer", NULL, 0);

    if (code == NET_TIMEOUT && sleep_until_ready(&step, NET_WRITABLE)) {
        code = net_get(made, "peer", NULL, 0); /* the dial is decided */
    }
    if (code < 0) {
        net_close(made, NET_NOW);
        return NULL;
    }
    return made;
}

/* Nothing has been sent yet that a close would have to wait for. */
static bool is_dialing(net_socket *socket)
{
    return strcmp(nf_backend_of(socket)->scheme, "dialing") == 0;
}

/* Lingers as netfacade(7) says that a poller server does. With a deadline that has passed,
 * net_close finds nothing to wait for, and returns that. */
int driven_close(net_socket *socket, net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};
    char piece[4096];
    ssize_t n = 1;

    if (socket == NULL || !waits(deadline)) {
        return net_close(socket, deadline);
    }
    if (is_dialing(socket) || net_shutdown(socket) < 0) {
        return net_close(socket, NET_NOW);
    }
    send_what_is_left(&step); /* the peer's end may be there before that is gone */
    while (n >= 0 || n == NET_TIMEOUT || n == NET_TOOBIG) { /* 0 is an empty message */
        if (nf_deadline_passed(deadline) ||
            (n == NET_TIMEOUT && !sleep_until_ready(&step, NET_READABLE))) {
            return net_close(socket, net_after(0));
        }
        n = net_recv(socket, piece, sizeof piece, NET_NOW);
        step.in_vain = n == NET_TIMEOUT ? step.in_vain : 0;
    }
    return net_close(socket, NET_NOW);
}

/* ---- Sending ---- */

ssize_t driven_send(net_socket *socket, const void *data, size_t size, net_deadline deadline)
{
    net_slice slice = {data, size};

    return waits(deadline) && data != NULL ? driven_send_vector(socket, &slice, 1, deadline)
                                           : net_send(socket, data, size, deadline);
}

/* The slices without their first `size` bytes. The caller frees the memory. */
static net_slice *without(const net_slice *slices, int *count, size_t size)
{
    int first = 0;

    while (first < *count - 1 && size >= slices[first].size) {
        size -= slices[first].size;
        first++;
    }
    *count -= first;
    net_slice *rest = calloc((size_t)*count, sizeof *rest);

    if (rest == NULL) {
        abort();
    }
    memcpy(rest, slices + first, (size_t)*count * sizeof *rest);
    rest[0].data = (const char *)rest[0].data + size;
    rest[0].size -= size;
    return rest;
}

static ssize_t send_rest(struct step *step, const net_slice *slices, int count, size_t sent)
{
    net_slice *rest = without(slices, &count, sent);
    ssize_t n = net_send_vector(step->socket, rest, count, NET_NOW);

    free(rest);
    return n;
}

static ssize_t send_whole(struct step *step, const net_slice *slices, int count)
{
    ssize_t n = net_send_vector(step->socket, slices, count, NET_NOW);
    size_t total = 0;
    size_t sent = n > 0 ? (size_t)n : 0;

    for (int i = 0; i < count; i++) {
        total += slices[i].size;
    }
    while (n == NET_TIMEOUT || (n > 0 && sent < total)) { /* an empty message may have to wait */
        if (n == NET_TIMEOUT && !sleep_until_ready(step, NET_WRITABLE)) {
            break;
        }
        n = send_rest(step, slices, count, sent);
        step->in_vain = n > 0 ? 0 : step->in_vain;
        sent += n > 0 ? (size_t)n : 0;
    }
    send_what_is_left(step);
    return sent > 0 ? (ssize_t)sent : n;
}

ssize_t driven_send_vector(net_socket *socket, const net_slice *slices, int count,
                           net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};

    if (socket == NULL || slices == NULL || count < 1 || !waits(deadline)) {
        return net_send_vector(socket, slices, count, deadline);
    }
    if (!reactor_take_turn(socket, REACTOR_TURN_OUT, deadline)) {
        return late("send", socket);
    }
    ssize_t n = send_whole(&step, slices, count);

    reactor_leave_turn(socket, REACTOR_TURN_OUT);
    return n;
}

/* A short count is returned at once, since only one call can return the reason. */
int driven_send_messages(net_socket *socket, const net_message *messages, int count,
                         net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};

    if (!waits(deadline)) {
        return net_send_messages(socket, messages, count, deadline);
    }
    int n = net_send_messages(socket, messages, count, NET_NOW);

    while (n == NET_TIMEOUT && sleep_until_ready(&step, NET_WRITABLE)) {
        n = net_send_messages(socket, messages, count, NET_NOW);
    }
    send_what_is_left(&step);
    return n;
}

/* ---- Receiving ---- */

ssize_t driven_recv(net_socket *socket, void *buffer, size_t size, net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};

    if (socket == NULL || !waits(deadline)) {
        return net_recv(socket, buffer, size, deadline);
    }
    if (!reactor_take_turn(socket, REACTOR_TURN_IN, deadline)) {
        return late("recv", socket);
    }
    ssize_t n = net_recv(socket, buffer, size, NET_NOW);

    while (n == NET_TIMEOUT && sleep_until_ready(&step, NET_READABLE)) {
        n = net_recv(socket, buffer, size, NET_NOW);
    }
    reactor_leave_turn(socket, REACTOR_TURN_IN);
    return n;
}

ssize_t driven_recv_all(net_socket *socket, void *buffer, size_t size, net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};
    size_t got = 0;

    if (socket == NULL || !waits(deadline)) {
        return net_recv_all(socket, buffer, size, deadline);
    }
    if (!reactor_take_turn(socket, REACTOR_TURN_IN, deadline)) {
        return late("recv", socket);
    }
    ssize_t n = net_recv_all(socket, buffer, size, NET_NOW);

    while (n > 0 || (n == NET_TIMEOUT && sleep_until_ready(&step, NET_READABLE))) {
        step.in_vain = n > 0 ? 0 : step.in_vain;
        got += n > 0 ? (size_t)n : 0;
        if (got == size) {
            break;
        }
        n = net_recv_all(socket, (char *)buffer + got, size - got, NET_NOW);
    }
    reactor_leave_turn(socket, REACTOR_TURN_IN);
    return got > 0 ? (ssize_t)got : n;
}

ssize_t driven_recv_until(net_socket *socket, void *buffer, size_t size, int delimiter,
                          net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};

    if (socket == NULL || !waits(deadline)) {
        return net_recv_until(socket, buffer, size, delimiter, deadline);
    }
    if (!reactor_take_turn(socket, REACTOR_TURN_IN, deadline)) {
        return late("recv", socket);
    }
    ssize_t n = net_recv_until(socket, buffer, size, delimiter, NET_NOW);

    while (n == NET_TIMEOUT && sleep_until_ready(&step, NET_READABLE)) {
        n = net_recv_until(socket, buffer, size, delimiter, NET_NOW);
    }
    reactor_leave_turn(socket, REACTOR_TURN_IN);
    return n;
}

int driven_recv_messages(net_socket *socket, net_message *messages, int count,
                         net_deadline deadline)
{
    struct step step = {.socket = socket, .deadline = deadline};

    if (!waits(deadline)) {
        return net_recv_messages(socket, messages, count, deadline);
    }
    int n = net_recv_messages(socket, messages, count, NET_NOW);

    while (n == NET_TIMEOUT && sleep_until_ready(&step, NET_READABLE)) {
        n = net_recv_messages(socket, messages, count, NET_NOW);
    }
    return n;
}
