/* netcat [-l] ADDRESS - joins a socket to standard input and output.
 *
 *     netcat -l tcp://:7000 > file         wait for one call and keep what it says
 *     netcat tcp://there:7000 < file       make that call
 *     netcat unix:///run/there < file      the same call within this machine
 *     echo | netcat udp://[::1]:7037       ask, and listen until it is quiet for a second
 *
 * One thread: fd://0 makes a socket of standard input, be it a terminal, a pipe or a file, so one
 * poller waits for what is typed, for what the peer says, and for room for what was typed. Only a
 * write to standard output may make everything wait. */
#include <netfacade.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 65536,  /* every datagram fits */
    DATAGRAM_SIZE = 1200, /* how much input one datagram carries: small enough for every path */
    TICK_MS = 200,        /* how often the progress is shown */
    QUIET_MS = 1000       /* datagrams have no end: after our input, stop when quiet so long */
};

static net_poller *poller;
static net_socket *input; /* standard input; NULL after its end */
static net_socket *call;
static bool datagrams;
static bool is_typed;   /* standard input is a terminal */
static bool is_watched; /* and so is where the progress is shown */
static bool ended;      /* the peer says no more */
static bool over;       /* there is nothing more to be done */
static bool failed;     /* and it has been told why */
static bool waiting;    /* something of the input was not sent yet: */
static char words[BUFFER_SIZE];
static size_t size; /* so many of them, */
static size_t said; /* but for these */
static net_deadline quiet_until;
static long long carried; /* bytes, both directions */

static void fail(const char *sentence)
{
    fprintf(stderr, "netcat: %s\n", sentence);
    failed = true;
}

/* Of a call that is broken off the peer must not believe that all was said, or heard. */
static void break_off(const char *sentence)
{
    fail(sentence);
    net_set(call, "reset", "on"); /* of streams; datagrams have no end that could mislead */
    over = true;
}

static void end_input(void)
{
    net_close(input, NET_NOW); /* takes it out of the poller too; who writes there may know */
    input = NULL;
    waiting = false;
    quiet_until = net_after(QUIET_MS);
}

/* All is said: the half-close, at which the peer reads an end. */
static void finish(void)
{
    end_input();
    if (!datagrams && net_shutdown(call) != 0) {
        fail(net_error_text());
    }
}

/* As much of the input as the socket takes now. When that is broken, what the peer has said before
 * is heard all the same. */
static void say(void)
{
    ssize_t sent = net_send(call, words + said, size - said, NET_NOW);

    if (sent >= 0) {
        said += (size_t)sent;
        carried += sent;
        waiting = said < size;
    } else if (sent != NET_TIMEOUT) {
        fail(net_error_text());
        end_input();
    }
}

/* Standard input to the socket. */
static void listen_to_input(void)
{
    ssize_t got = net_recv(input, words, datagrams ? DATAGRAM_SIZE : sizeof words, NET_NOW);

    if (got >= 0) {
        size = (size_t)got;
        said = 0;
        waiting = true;
        say();
    } else if (got == NET_EOF) {
        finish();
    } else if (got != NET_TIMEOUT) {
        break_off(net_error_text());
    }
}

/* The socket to standard output. */
static void listen_to_peer(void)
{
    static char buffer[BUFFER_SIZE];
    ssize_t got = net_recv(call, buffer, sizeof buffer, NET_NOW);

    if (got >= 0) {
        carried += got;
        quiet_until = net_after(QUIET_MS);
        if (fwrite(buffer, 1, (size_t)got, stdout) != (size_t)got) {
            break_off("standard output cannot be written");
        }
    } else if (got == NET_EOF) {
        ended = true;
    } else if (got != NET_TIMEOUT) {
        over = true;
        if (!failed) { /* or the send has told it already */
            fail(net_error_text());
        }
    }
}

/* A line that is written over itself, for a terminal and a transfer of more than a second. */
static void show_progress(net_deadline begun, bool last)
{
    static net_deadline shown;
    double seconds = (double)(net_after(0) - begun) / 1e9;
    double mebibytes = (double)carried / (1024 * 1024);

    if (is_watched && seconds >= 1 && (last || shown < net_after(-TICK_MS))) {
        fprintf(stderr, "\r%.1f MiB, %.1f MiB/s%c", mebibytes, mebibytes / seconds,
                last ? '\n' : ' ');
        shown = net_after(0);
    }
}

/* Our side may have more to say than the other, but nobody should have to press ^D after its end.
 */
static bool is_over(void)
{
    bool spoken = input == NULL;

    return over || (ended && (spoken || is_typed)) ||
           (datagrams && spoken && net_after(0) >= quiet_until);
}

/* What nobody has use for now is not watched: it would be ready again and again. */
static bool watch(void)
{
    unsigned of_call = (ended ? 0 : NET_READABLE) | (waiting ? NET_WRITABLE : 0);

    return net_poller_watch(poller, call, of_call, NULL, NET_FOREVER) == 0 &&
           (input == NULL ||
            net_poller_watch(poller, input, waiting ? 0 : NET_READABLE, NULL, NET_FOREVER) == 0);
}

static void talk(void)
{
    net_deadline begun = net_after(0);
    net_event event = {.socket = NULL};

    while (!is_over()) {
        net_deadline until = is_watched ? net_after(TICK_MS) : NET_FOREVER;
        if (datagrams && input == NULL && quiet_until < until) {
            until = quiet_until;
        }
        int count = watch() ? net_poller_wait(poller, &event, 1, until) : net_error();
        if (count < 0 && count != NET_TIMEOUT) {
            fail(net_error_text());
            over = true;
        } else if (count > 0 && event.socket == input) {
            listen_to_input();
        } else if (count > 0) {
            if (waiting && (event.ready & NET_WRITABLE) != 0) {
                say();
            }
            if ((event.ready & NET_READABLE) != 0) {
                listen_to_peer();
            }
        }
        show_progress(begun, false);
    }
    show_progress(begun, true);
}

/* Wait for one call; the address is told, for with port 0 only the socket knows it. */
static net_socket *be_called(const char *address)
{
    net_socket *listener = net_listen(address);
    net_socket *caller = NULL;
    char text[128];

    if (listener != NULL && net_get(listener, "local", text, sizeof text) > 0) {
        fprintf(stderr, "listening on %s\n", text);
        caller = net_accept(listener, NET_FOREVER);
    }
    net_close(listener, NET_NOW); /* the call lives on without it */
    return caller;
}

int main(int argc, char **argv)
{
    const char *address = argv[argc - 1];
    bool is_called = argc == 3 && strcmp(argv[1], "-l") == 0;

    if (!is_called && (argc != 2 || address[0] == '-')) {
        fprintf(stderr, "usage: netcat [-l] ADDRESS\n");
        return 2;
    }
    input = net_connect("fd://0", NET_NOW);
    /* Where nohup has opened it, for writing alone, there is nothing to be said. */
    bool is_mute = input == NULL && net_error() == NET_MISUSE;
    poller = input != NULL || is_mute ? net_poller_open() : NULL;
    if (poller != NULL) {
        call = is_called ? be_called(address) : net_connect(address, NET_FOREVER);
    }
    if (call == NULL) {
        fail(net_error_text());
        return EXIT_FAILURE;
    }
    /* Only sockets that talk in datagrams have queues of them. */
    datagrams = net_get(call, "queue", NULL, 0) >= 0;
    is_typed = isatty(STDIN_FILENO) == 1;
    is_watched = isatty(STDERR_FILENO) == 1;
    setvbuf(stdout, NULL, _IONBF, 0); /* what is heard is written at once */
    if (is_mute) {
        finish();
    }
    talk();
    if (net_close(call, NET_NOW) != 0) {
        fail(net_error_text()); /* not every wire can say that a call was broken off */
    }
    net_close(input, NET_NOW);
    net_poller_close(poller);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
