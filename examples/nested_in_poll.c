/* nested_in_poll [ADDRESS] - prints what its callers say, and tells all of them what you type; the
 * end of your input ends it, and so does SIGINT, SIGTERM or SIGHUP. Default tcp://127.0.0.1:7000;
 * udp goes as well.
 *
 * A program that has a loop already keeps it. Here it is a loop of poll(2). It waits for the
 * terminal and for one descriptor that stands for all sockets: that of the poller. The loops of
 * libuv, of GLib or of a game take it in the same way. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include "text.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALLERS = 100, EVENTS = 16, TEXT_SIZE = 2048 };

static net_poller *poller; /* it has all callers, so the program needs no list */
static net_socket *listener;
static volatile sig_atomic_t is_ended;

/* The wake makes the poller's descriptor readable, so poll(2) returns also when the signal comes
 * just before it begins. */
static void end(int signal_number)
{
    (void)signal_number;
    is_ended = 1;
    net_poller_wake(poller);
}

static void pick_up(void)
{
    net_socket *call = net_accept(listener, NET_NOW);

    if (call == NULL || net_poller_list(poller, NULL, 0) > CALLERS ||
        net_poller_watch(poller, call, NET_READABLE, NULL, NET_FOREVER) < 0) {
        net_close(call, NET_NOW); /* NULL does no harm */
    }
}

/* It comes from anybody, so it is printed without characters that could control a terminal. */
static void print(char *text, size_t size)
{
    while (size > 0) {
        size_t line = 0;

        while (line < size && text[line] != '\n') {
            line++;
        }
        bool has_return = line > 0 && line < size && text[line - 1] == '\r';
        fwrite(text, 1, text_clean(text, has_return ? line - 1 : line), stdout);
        if (line < size) {
            putchar('\n');
            line++;
        }
        text += line;
        size -= line;
    }
    fflush(stdout);
}

static void hear(net_socket *call)
{
    char text[TEXT_SIZE];
    ssize_t size = net_recv(call, text, sizeof text, NET_NOW);

    if (size >= 0) {
        print(text, (size_t)size);
    } else if (size != NET_TIMEOUT && size != NET_TOOBIG) { /* a datagram that was dropped */
        net_close(call, NET_NOW); /* the poller forgets the socket by itself */
    }
}

/* One net_poller_wait that does not block. Events that it leaves make the descriptor readable
 * again, so a busy network never keeps the loop from the terminal. */
static void answer_the_network(void)
{
    net_event events[EVENTS];
    int count = net_poller_wait(poller, events, EVENTS, NET_NOW);

    for (int i = 0; i < count; i++) {
        if (events[i].socket == listener) {
            pick_up();
        } else {
            hear(events[i].socket); /* which closes no other socket that these events may name */
        }
    }
}

/* The loop never waits: it hangs up on a caller that does not take what you type. */
static void tell_all(const char *text, size_t size)
{
    net_event watched[CALLERS + 1];
    int count = net_poller_list(poller, watched, CALLERS + 1);

    for (int i = 0; i < count; i++) {
        net_socket *call = watched[i].socket;
        if (call != listener && (size_t)net_send(call, text, size, NET_NOW) != size) {
            net_close(call, NET_NOW);
        }
    }
}

static void hang_up_on_all(void)
{
    net_event watched[CALLERS + 1];
    int count = net_poller_list(poller, watched, CALLERS + 1);

    for (int i = 0; i < count; i++) {
        net_close(watched[i].socket, NET_NOW);
    }
}

static void run_the_loop(int network)
{
    struct pollfd watched[] = {{.fd = network, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
    char text[TEXT_SIZE];
    ssize_t typed = 1;

    while (typed > 0 && !is_ended && poll(watched, 2, -1) > 0) {
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
    struct sigaction action = {.sa_handler = end};
    char local[128];

    listener = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000");
    poller = listener != NULL ? net_poller_open() : NULL;
    int network = poller != NULL ? net_poller_fd(poller) : -1;

    if (network < 0 || net_poller_watch(poller, listener, NET_READABLE, NULL, NET_FOREVER) < 0) {
        fprintf(stderr, "nested_in_poll: %s\n", net_error_text());
        net_close(listener, NET_NOW);
        return EXIT_FAILURE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup has set it so */
        sigaction(SIGHUP, &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* the reader of the output may be gone: the callers are not */
    net_get(listener, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);
    run_the_loop(network);
    hang_up_on_all();        /* and on the listener */
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed poller */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    net_poller_close(poller);
    return EXIT_SUCCESS;
}
