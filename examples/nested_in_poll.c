/* nested_in_poll [ADDRESS] - prints what its callers say, and tells all of them what you type; the
 * end of your input ends it. Default tcp://127.0.0.1:7000; udp goes as well.
 *
 * A program that has a loop already keeps it. Here it is poll(2), which waits for the terminal and,
 * as one descriptor, for all sockets: that of the poller. The loops of libuv, of GLib or of a game
 * take it in the same way. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALLERS = 100, EVENTS = 16, TEXT_SIZE = 2048 };

static net_poller *poller;
static net_socket *callers[CALLERS]; /* NULL: nobody in this place */

static void pick_up(net_socket *listener)
{
    net_socket *call = net_accept(listener, NET_NOW);
    net_socket **place = callers;

    while (place < callers + CALLERS && *place != NULL) {
        place++;
    }
    if (call == NULL || place == callers + CALLERS ||
        net_poller_watch(poller, call, NET_READABLE, place, NET_FOREVER) < 0) {
        net_close(call, NET_NOW); /* NULL does no harm */
        return;
    }
    *place = call;
}

static void hang_up(net_socket **place)
{
    net_close(*place, NET_NOW); /* the poller forgets the socket by itself */
    *place = NULL;
}

static void hear(net_socket **place)
{
    char text[TEXT_SIZE];
    ssize_t size = net_recv(*place, text, sizeof text, NET_NOW);

    if (size >= 0) {
        fwrite(text, 1, (size_t)size, stdout);
        fflush(stdout);
    } else if (size != NET_TIMEOUT) {
        hang_up(place);
    }
}

/* One wait, which does not wait. What it leaves makes the descriptor readable again, so a busy
 * network never keeps the loop from the terminal. */
static void answer_the_network(void)
{
    net_event events[EVENTS];
    int count = net_poller_wait(poller, events, EVENTS, NET_NOW);

    for (int i = 0; i < count; i++) {
        if (events[i].user == NULL) {
            pick_up(events[i].socket); /* only the listener is watched without a place */
        } else {
            hear(events[i].user); /* which closes no other socket that these events may name */
        }
    }
}

/* The loop waits for nobody: who does not take what we say is hung up on. */
static void tell_all(const char *text, size_t size)
{
    for (net_socket **place = callers; place < callers + CALLERS; place++) {
        if (*place != NULL && (size_t)net_send(*place, text, size, NET_NOW) != size) {
            hang_up(place);
        }
    }
}

static void run_the_loop(int network)
{
    struct pollfd watched[] = {{.fd = network, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
    char text[TEXT_SIZE];
    ssize_t typed = 1;

    while (typed > 0 && poll(watched, 2, -1) > 0) {
        if (watched[0].revents != 0) {
            answer_the_network();
        }
        if (watched[1].revents != 0) {
            typed = read(STDIN_FILENO, text, sizeof text);
            if (typed > 0) {
                tell_all(text, (size_t)typed);
            }
        }
    }
}

int main(int argc, char **argv)
{
    net_socket *listener = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000");
    char local[128];

    poller = listener != NULL ? net_poller_open() : NULL;
    int network = poller != NULL ? net_poller_fd(poller) : -1;

    if (network < 0 || net_poller_watch(poller, listener, NET_READABLE, NULL, NET_FOREVER) < 0) {
        fprintf(stderr, "nested_in_poll: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    net_get(listener, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);
    run_the_loop(network);
    for (int i = 0; i < CALLERS; i++) {
        net_close(callers[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    net_poller_close(poller);
    return EXIT_SUCCESS;
}
