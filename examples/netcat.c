/* netcat [-l] ADDRESS - joins a socket to standard input and output.
 *
 *     netcat -l tcp://:7000 > file         wait for one call and keep what it says
 *     netcat tcp://there:7000 < file       make that call
 *     netcat tls://there:7000 < file       the same, encrypted, if the certificate is good
 *     netcat unix:///run/there < file      the same call within this machine
 *     echo | netcat udp://[::1]:7037       ask, and listen until it is quiet for a second
 *
 * It has one thread. fd://0 makes a socket of standard input, also of a terminal, a pipe or a file,
 * so one poller waits for input, for what the peer sends, and for room to send. Only a write to
 * standard output may make everything wait. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include "wires.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 65536, /* every datagram fits */
    MESSAGE_SIZE = 1200, /* how much input one message carries: small enough for every path */
    TICK_MS = 200,       /* how often the progress is shown */
    QUIET_MS = 1000      /* datagrams have no end: after the input, stop when quiet so long */
};

static net_poller *poller;
static net_socket *input;    /* standard input; NULL after its end */
static net_socket *listener; /* of -l, until it is called */
static volatile sig_atomic_t caught;
static net_socket *call;
static bool has_messages;
static bool has_end;    /* datagrams have none */
static bool holds_back; /* what is sent may be inside the socket until it is writable again */
static bool is_typed;   /* standard input is a terminal */
static bool is_watched; /* standard error, which shows the progress, is one */
static bool ended;      /* the peer says no more */
static bool over;       /* there is nothing more to be done */
static bool failed;     /* and the reason has been printed */
static bool waiting;    /* the input in `words` is not yet all sent */
static char words[BUFFER_SIZE];
static size_t size; /* bytes in `words` */
static size_t said; /* how many of them are sent */
static net_deadline quiet_until;
static long long carried; /* bytes, both directions */

static void fail(const char *sentence)
{
    fprintf(stderr, "netcat: %s\n", sentence);
    failed = true;
}

/* Reset the call, so that the peer does not believe that it was complete. */
static void break_off(const char *sentence)
{
    fail(sentence);
    net_set(call, "reset", "on"); /* streams only; datagrams have no end */
    over = true;
}

static void end_input(void)
{
    net_close(input, NET_NOW); /* takes it out of the poller, too; its writer may see it closed */
    input = NULL;
    waiting = false;
    quiet_until = net_after(QUIET_MS);
}

/* All is sent: half-close, and the peer reads an end. */
static void finish(void)
{
    end_input();
    if (has_end && net_shutdown(call) != 0) {
        fail(net_error_text());
    }
}

/* Send as much of the input as the socket takes now. If the socket is broken, what the peer sent
 * before is still received. */
static void say(void)
{
    ssize_t sent = net_send(call, words + said, size - said, NET_NOW);

    if (sent >= 0) {
        said += (size_t)sent;
        carried += sent;
        waiting = said < size || holds_back;
    } else if (sent != NET_TIMEOUT) {
        fail(net_error_text());
        end_input();
    }
}

/* Standard input to the socket. */
static void listen_to_input(void)
{
    ssize_t got = net_recv(input, words, has_messages ? MESSAGE_SIZE : sizeof words, NET_NOW);

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
    } else if (got == NET_TOOBIG) {
        fail(net_error_text()); /* this message is lost, and the next may fit */
    } else if (got != NET_TIMEOUT) {
        over = true;
        if (!failed) { /* or the send has printed it already */
            fail(net_error_text());
        }
    }
}

/* One line that overwrites itself, for a terminal and a transfer of more than a second. */
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

/* After the peer's end the input may go on, but a user should not have to press ^D. */
static bool is_over(void)
{
    bool spoken = input == NULL;

    return over || (ended && (spoken || is_typed)) ||
           (!has_end && spoken && net_after(0) >= quiet_until);
}

/* Watch only what is of use now: anything else would be ready again and again. */
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
        if (!has_end && input == NULL && quiet_until < until) {
            until = quiet_until;
        }
        int count = watch() ? net_poller_wait(poller, &event, 1, until) : net_error();
        if (count < 0 && count != NET_TIMEOUT) {
            fail(net_error_text());
            over = true;
        } else if (count > 0 && event.socket == input) {
            listen_to_input();
        } else if (count > 0) {
            if (said == size && (event.ready & NET_WRITABLE) != 0) {
                waiting = false;
            } else if (waiting && (event.ready & NET_WRITABLE) != 0) {
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

static void on_signal(int number)
{
    caught = number;
    net_cancel(listener);
}

/* While it listens, a signal that ends it must not leave the file of a unix address behind. */
static void catch_signals(bool is_on)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = is_on ? on_signal : SIG_DFL};
    struct sigaction before;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], NULL, &before);
        if (before.sa_handler != SIG_IGN) { /* nohup has set it so */
            sigaction(numbers[i], &action, NULL);
        }
    }
}

/* Wait for one call. Print the address, because with port 0 only the socket knows it. */
static net_socket *be_called(const char *address)
{
    net_socket *caller = NULL;
    char text[128];

    listener = net_listen(address);
    if (listener != NULL && net_get(listener, "local", text, sizeof text) > 0) {
        catch_signals(true);
        fprintf(stderr, "listening on %s\n", text);
        caller = net_accept(listener, NET_FOREVER);
        catch_signals(false);
    }
    net_close(listener, NET_NOW); /* the call lives on without it */
    if (caught != 0) {
        raise(caught); /* and end by it, as if it had not been caught */
    }
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
    signal(SIGPIPE, SIG_IGN); /* for break_off: the peer must not see a good end then either */
    input = net_connect("fd://0", NET_NOW);
    /* nohup opens it for writing only; then there is no input. */
    bool is_mute = input == NULL && net_error() == NET_MISUSE;
    poller = input != NULL || is_mute ? net_poller_open() : NULL;
    if (poller != NULL) {
        call = is_called ? be_called(address) : net_connect(address, NET_FOREVER);
    }
    if (call == NULL) {
        fail(net_error_text());
        return EXIT_FAILURE;
    }
    has_messages = wire_has_messages(call);
    has_end = wire_has_end(call);
    holds_back = wire_holds_back(call);
    is_typed = isatty(STDIN_FILENO) == 1;
    is_watched = isatty(STDERR_FILENO) == 1;
    setvbuf(stdout, NULL, _IONBF, 0); /* what is received is written at once */
    if (is_mute) {
        finish();
    }
    talk();
    if (net_close(call, NET_NOW) != 0) {
        fail(net_error_text()); /* not every wire can reset a call */
    }
    net_close(input, NET_NOW);
    net_poller_close(poller);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
