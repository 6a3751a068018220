/* relay [-i SECONDS] [-n CALLS] LISTEN TARGET [SECONDS] - joins each caller of LISTEN to TARGET.
 *
 *     relay tcp://:7000 tcp://db.example:5432                a door in front of a server
 *     relay 'tls://:443?cert=C&key=K' tcp://127.0.0.1:80     TLS for a server without it
 *     relay udp://127.0.0.1:53 udp://9.9.9.9:53              datagrams stay as they are
 *     relay unixgram://@log udp://192.0.2.7:514              any wire to any other
 *
 * One thread serves all, and waits only in net_poller_wait: every other call has NET_NOW. While the
 * buffer for what one end says is full, the relay receives nothing from it, so the system makes it
 * wait. A half-close passes through as a half-close, a reset as a reset: what was cut off on one
 * side never looks whole on the other, so a message over 64 KiB of framed+ cuts its call off. So
 * does silence for -i SECONDS (600). While there are CALLS (1000), others wait in the system.
 * SECONDS (10) limits a dial, a hang-up, and all after SIGTERM, SIGINT or SIGHUP, which takes no
 * more calls, and ends it after the last; a second SIGINT does at once. SIGUSR1 prints counters. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include "text.h"
#include "wires.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 65536, /* every datagram fits: the largest has 65,507 bytes */
    MESSAGE_SIZE = 1200, /* how much of a stream one message carries: fits every path */
    RETRY_MS = 100,      /* between dials while all descriptors are in use */
    LOOK_MS = 20         /* how often it checks whether all has arrived, before a reset */
};

/* One end of a call, and what it says to the other end. */
struct end {
    struct call *call;
    struct end *other;
    net_socket *socket;
    bool is_stream;    /* else messages, and what is sent to it must fit one */
    bool is_datagrams; /* messages without an end; those of framed+ have one */
    bool is_open;      /* false for a target that is still dialed */
    bool is_waiting;   /* something is in the buffer; it may be an empty datagram */
    bool is_silent;    /* it says no more, or the relay receives no more from it */
    bool is_broken;    /* what it said has no proper end, as after a reset */
    bool is_unheard;   /* the other end takes no more, so what it says is dropped */
    bool is_done;      /* it is silent, and all it said and its end were sent on */
    bool holds_back;   /* framed+, tls: its socket may hold a rest, until it is writable */
    bool is_taking;    /* it may hold one now */
    size_t start;      /* of what is left in the buffer */
    size_t size;
    char buffer[BUFFER_SIZE];
};

struct call {
    struct call *next;
    struct call **link; /* the pointer to this one */
    struct end caller;
    struct end target;
    net_deadline dial_deadline;
    net_deadline deadline;         /* see expired() for what happens then */
    net_deadline end_deadline;     /* 0 until both ends are done */
    net_deadline silence_deadline; /* what passes puts it off */
    bool is_over;
    char name[128];
};

static net_poller *poller; /* set before the signal handler is installed */
static net_socket *listener;
static const char *target_address;
static int64_t patience_s = 10;
static int64_t silence_s = 600;
static int64_t most = 1000; /* calls at a time */
static struct call *calls;
static int64_t open_calls; /* how many `calls` has */
static long long taken;
static int status = EXIT_SUCCESS;
static volatile sig_atomic_t is_asked; /* for the counters */
static volatile sig_atomic_t is_ended;

/* A handler can do little more than this; the wake is never lost, so the loop sees the flag. */
static void on_signal(int number)
{
    *(number == SIGUSR1 ? &is_asked : &is_ended) = 1;
    net_poller_wake(poller);
}

static net_deadline after(int64_t seconds)
{
    return net_after(seconds * 1000);
}

static void complain(const char *name, const char *sentence)
{
    fprintf(stderr, "relay: %s%s%s\n", name, name[0] != '\0' ? ": " : "", sentence);
}

/* Accept callers while there is room, from `then` on: the others wait in the system's queue. */
static void watch_listener(net_deadline then)
{
    unsigned interest = open_calls < most && then == NET_NOW ? NET_READABLE : 0;

    if (listener != NULL) {
        net_poller_watch(poller, listener, interest, NULL, then == NET_NOW ? NET_FOREVER : then);
    }
}

/* ---- What an end says, and how it reaches the other ---- */

/* What the end says cannot be sent on. The relay still receives from a stream: to close it before
 * its end would reset it, and the last bytes of the other end might be lost on their way. */
static void lose_listener(struct end *end)
{
    end->is_unheard = true;
    end->is_waiting = false;
    end->is_silent = end->is_silent || end->is_datagrams;
}

/* The dial has failed; or a message does not fit, and without it the others must not look whole. */
static void cut_off(struct call *call)
{
    complain(call->name, net_error_text());
    call->is_over = true;
}

static void listen_to(struct end *end)
{
    size_t room = end->is_stream && !end->other->is_stream ? MESSAGE_SIZE : BUFFER_SIZE;
    ssize_t got = net_recv(end->socket, end->buffer, room, NET_NOW);

    if (got >= 0) {
        end->is_waiting = !end->is_unheard;
        end->start = 0;
        end->size = (size_t)got;
    } else if (end->is_datagrams &&
               (got == NET_REFUSED || got == NET_UNREACHABLE || got == NET_TOOBIG)) {
        return; /* a datagram was lost; the next may arrive */
    } else if (got == NET_TOOBIG) {
        cut_off(end->call);
    } else if (got != NET_TIMEOUT) {
        end->is_silent = true;
        if (got != NET_EOF || end->is_datagrams) { /* or a peer that was silent for `idle` */
            end->is_broken = !end->is_datagrams;
            lose_listener(end->other);
            end->other->is_silent = end->other->is_silent || end->is_broken;
            end->call->is_over = !end->other->is_open;
        }
    }
}

/* Pass on what there is, and then the end. Datagrams have no end to pass on, and a stream that was
 * cut off has none either: the other end gets a reset, see hang_up(). */
static void pass_on(struct end *end)
{
    struct end *to = end->other;

    if (end->is_waiting && to->is_open) {
        ssize_t sent = net_send(to->socket, end->buffer + end->start, end->size, NET_NOW);
        if (sent >= 0) {
            end->start += (size_t)sent;
            end->size -= (size_t)sent;
            end->is_waiting = end->size > 0;
            to->is_taking = to->holds_back;
            end->call->silence_deadline = after(silence_s);
            if (end->call->deadline != NET_FOREVER) { /* see is_leaving(): progress puts it off */
                end->call->deadline = after(patience_s);
            }
        } else if (sent != NET_TIMEOUT && to->is_datagrams) {
            end->is_waiting = false; /* lost, as may happen to a datagram anyway */
        } else if (sent == NET_TOOBIG || sent == NET_MISUSE) {
            cut_off(end->call);
        } else if (sent != NET_TIMEOUT) {
            lose_listener(end);
        }
    }
    if (end->is_silent && !end->is_waiting && !end->is_done && to->is_open && !to->is_taking) {
        end->is_done = true;
        if (!to->is_datagrams && !end->is_broken) {
            net_shutdown(to->socket);
        }
    }
}

/* ---- A call: its dial, its deadlines, its end ---- */

/* An end that receives a stream without its end must not take a part for the whole. */
static bool is_cut_off(const struct end *end)
{
    const struct end *from = end->other;
    bool is_endless = from->is_datagrams && from->is_open;

    return end->is_open && !end->is_datagrams && !is_endless && (!from->is_done || from->is_broken);
}

/* Over unix a reset is possible only while bytes from the peer are unread. */
static void close_end(struct end *end)
{
    if (is_cut_off(end)) {
        net_set(end->socket, "reset", "on");
    }
    if (net_close(end->socket, NET_NOW) != 0) { /* this takes it out of the poller, too */
        complain(end->call->name, net_error_text());
    }
}

static void hang_up(struct call *call)
{
    *call->link = call->next;
    if (call->next != NULL) {
        call->next->link = call->link;
    }
    close_end(&call->caller);
    close_end(&call->target);
    free(call);
    if (open_calls-- == most) {
        watch_listener(NET_NOW);
    }
}

/* A reset overtakes bytes that the system has not delivered yet, so they have to arrive first.
 * Sockets without a descriptor deliver at once, or cannot tell. */
static bool is_delivering(struct end *end)
{
    int fd = is_cut_off(end) ? net_fd(end->socket) : -1;
    int left = 0;

    return fd >= 0 && ioctl(fd, TIOCOUTQ, &left) == 0 && left > 0;
}

/* No descriptor for a dial: accept no callers for a while, and leave descriptors to dials. */
static void fail_dial(struct call *call)
{
    if (net_error() != NET_LIMIT) {
        cut_off(call);
    } else {
        call->deadline = net_after(RETRY_MS);
        watch_listener(net_after(2L * RETRY_MS));
    }
    net_close(call->target.socket, NET_NOW);
    call->target.socket = NULL;
}

static void dial(struct call *call)
{
    call->deadline = call->dial_deadline;
    call->target.socket = net_connect(target_address, NET_NOW); /* the poller reports the end */
    if (call->target.socket == NULL) {
        fail_dial(call);
    } else {
        call->target.is_stream = !wire_has_messages(call->target.socket);
        call->target.is_datagrams = !wire_has_end(call->target.socket);
        call->target.holds_back = wire_holds_back(call->target.socket);
    }
}

static void end_dial(struct call *call)
{
    if (net_get(call->target.socket, "peer", NULL, 0) >= 0) {
        call->target.is_open = true;
        call->deadline = NET_FOREVER;
        call->silence_deadline = after(silence_s);
        pass_on(&call->caller);
    } else if (net_error() != NET_TIMEOUT) {
        fail_dial(call);
    }
}

static void expired(struct call *call)
{
    net_deadline now = net_after(0);
    bool is_silent = now >= call->silence_deadline;

    if (call->target.socket == NULL && now < call->dial_deadline) {
        dial(call);
    } else if (is_silent || now >= call->end_deadline) { /* else settle() looks again */
        if (is_silent || !call->target.is_open) {
            complain(call->name, is_silent ? "is silent" : "the target does not answer in time");
        }
        call->is_over = true;
    }
}

/* This end has finished, and the other one may never do so: what it says is dropped, or it sends
 * datagrams, which have no end. */
static bool is_leaving(const struct end *end)
{
    return end->is_silent && (end->other->is_unheard || end->other->is_datagrams);
}

/* Ask for readable only while there is room, for writable only while there is something to write:
 * what is always ready and not used would keep the loop busy. */
static bool watch(struct end *end, net_deadline deadline)
{
    bool reads = !end->is_waiting && !end->is_silent && end->is_open;
    bool writes = end->other->is_waiting || end->is_taking || !end->is_open;
    unsigned interest = (reads ? NET_READABLE : 0) | (writes ? NET_WRITABLE : 0);

    return end->socket == NULL ||
           net_poller_watch(poller, end->socket, interest, end, deadline) == 0;
}

/* Call this after everything that happens to a call. It may free the call. */
static void settle(struct call *call)
{
    if (call->deadline == NET_FOREVER && (is_leaving(&call->caller) || is_leaving(&call->target))) {
        call->deadline = after(patience_s);
    }
    if (!call->is_over && call->caller.is_done && call->target.is_done) {
        call->end_deadline = call->end_deadline == 0 ? after(patience_s) : call->end_deadline;
        call->deadline = net_after(LOOK_MS);
        call->is_over = !is_delivering(&call->caller) && !is_delivering(&call->target);
    }
    if (call->is_over || !watch(&call->caller, call->deadline) ||
        !watch(&call->target, call->silence_deadline)) {
        hang_up(call);
    }
}

static void handle(struct end *end, unsigned ready)
{
    struct call *call = end->call;

    if ((ready & NET_EXPIRED) != 0) {
        expired(call);
    } else if (!end->is_open) {
        end_dial(call);
    } else {
        end->is_taking = end->is_taking && (ready & NET_WRITABLE) == 0;
        if ((ready & NET_READABLE) != 0 && !end->is_waiting && !end->is_silent) {
            listen_to(end);
        }
        pass_on(end);
        pass_on(end->other);
    }
    settle(call);
}

/* ---- Taking calls, telling, ending ---- */

static void begin(net_socket *caller)
{
    struct call *call = calloc(1, sizeof *call);

    if (call == NULL) {
        net_close(caller, NET_NOW);
        return;
    }
    net_get(caller, "peer", call->name, sizeof call->name);
    call->caller.socket = caller;
    call->caller.is_stream = !wire_has_messages(caller);
    call->caller.is_datagrams = !wire_has_end(caller);
    call->caller.holds_back = wire_holds_back(caller);
    call->caller.is_open = true;
    call->caller.call = call;
    call->target.call = call;
    call->caller.other = &call->target;
    call->target.other = &call->caller;
    call->dial_deadline = after(patience_s);
    call->silence_deadline = NET_FOREVER; /* until the dial is won */
    call->link = &calls;
    call->next = calls;
    if (calls != NULL) {
        calls->link = &call->next;
    }
    calls = call;
    taken++;
    if (++open_calls == most) {
        watch_listener(NET_NOW);
    }
    dial(call);
    settle(call);
}

static void take_call(unsigned ready)
{
    if ((ready & NET_EXPIRED) != 0) { /* the pause is over: see fail_dial() */
        watch_listener(NET_NOW);
        return;
    }
    net_socket *caller = net_accept(listener, NET_NOW);
    if (caller != NULL) {
        begin(caller);
    } else if (net_error() != NET_TIMEOUT && net_error() != NET_LIMIT) {
        complain("", net_error_text()); /* after NET_LIMIT the poller reports room */
        status = EXIT_FAILURE;
        is_ended = 1;
    }
}

static void print_counters(void)
{
    for (const struct call *call = calls; call != NULL; call = call->next) {
        net_socket *caller = call->caller.socket;
        net_socket *target = call->target.socket;
        fprintf(stderr, "relay: %s %s: %lld of %lld bytes there, %lld of %lld back\n", call->name,
                call->target.is_open ? "open" : "dialing", wire_count(target, "bytes-sent"),
                wire_count(caller, "bytes-received"), wire_count(caller, "bytes-sent"),
                wire_count(target, "bytes-received"));
    }
    fprintf(stderr, "relay: %lld open, %lld taken\n", (long long)open_calls, taken);
}

/* Run until a signal, and then until the last call has ended or its deadline has passed. */
static void serve(void)
{
    net_deadline deadline = NET_FOREVER;
    net_event event;
    int count = 0;

    while (count >= 0 || count == NET_TIMEOUT) {
        if (is_asked) {
            is_asked = 0;
            print_counters();
        }
        if (is_ended && listener != NULL) {
            net_close(listener, NET_NOW); /* accepted calls live on without it */
            listener = NULL;
            deadline = after(patience_s);
        }
        if (listener == NULL && (calls == NULL || net_after(0) >= deadline)) {
            return;
        }
        /* One event at a time: of several, a later one could be of a call that an earlier one has
         * ended. It costs no more, because the poller keeps what the system reported at once. */
        count = net_poller_wait(poller, &event, 1, deadline);
        if (count > 0 && event.user != NULL) {
            handle(event.user, event.ready);
        } else if (count > 0) {
            take_call(event.ready);
        }
    }
    complain("", net_error_text());
    status = EXIT_FAILURE;
}

/* A number of the command line; NULL is none. */
static int64_t number(const char *text)
{
    int64_t value = text != NULL ? text_number(text, 1, INT32_MAX) : -1;

    if (value < 0) {
        fputs("usage: relay [-i SECONDS] [-n CALLS] LISTEN TARGET [SECONDS]\n", stderr);
        exit(2);
    }
    return value;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction once = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &once, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup has set it so */
        sigaction(SIGHUP, &once, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* the reader of the output may be gone */
}

int main(int argc, char **argv)
{
    char local[128];
    net_endpoint unused; /* this waits for no name: it only checks the address */
    sigset_t all;
    int option;

    while ((option = getopt(argc, argv, "i:n:")) != -1) {
        *(option == 'n' ? &most : &silence_s) = number(option != '?' ? optarg : NULL);
    }
    argc -= optind;
    argv += optind;
    patience_s = argc == 2 ? patience_s : number(argc == 3 ? argv[2] : NULL);
    target_address = argv[1];
    poller = net_poller_open();
    listener = net_listen(argv[0]);
    if (listener == NULL || poller == NULL ||
        net_resolve(target_address, &unused, 1, NET_NOW) == NET_ADDRESS ||
        net_poller_watch(poller, listener, NET_READABLE, NULL, NET_FOREVER) < 0) {
        complain("", net_error_text());
        net_close(listener, NET_NOW); /* this removes the file of a unix address */
        return EXIT_FAILURE;
    }
    catch_signals();
    net_get(listener, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);
    serve();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* the handler must not meet a closed poller */
    while (calls != NULL) {
        complain(calls->name, "is cut off");
        hang_up(calls);
    }
    net_close(listener, NET_NOW); /* NULL unless the poller has failed */
    net_poller_close(poller);
    return status;
}
