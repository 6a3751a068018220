/* chat_server [-s SECONDS] [ADDRESS...] - what one says all others hear, on one thread.
 *
 *     chat_server                                    tcp and udp, port 7000 of this host
 *     chat_server -s 60 tcp://:7000 'udp://:7000?idle=60s&peers=1000'
 *     nc 127.0.0.1 7000                              and nc -u, or chat; /nick NAME, /quit
 *
 * Over tcp a line is a message; over udp a datagram is one, and over framed+tcp what one send
 * carries. No member holds up the others:
 *  - What a slow member does not take waits in a queue of its own. When the queue is full, the
 *    server says so and hangs up: a member costs no more memory than that.
 *  - A member that sends no whole line for SECONDS (600) has to leave, however many single bytes it
 *    sends. Over udp `idle`, in the address, ends it.
 *  - The server receives more slowly from a member that says much; the rest waits on its side. It
 *    accepts members at that pace, too, because all others are told of each.
 *  - A member hears no control characters of others. A name has ASCII letters, digits, - and _, and
 *    no two names differ only in case or in 0 and o, 1, i and l, or - and _.
 * SIGINT, SIGTERM or SIGHUP ends the server: it tells all members, then hangs up. Over udp a
 * datagram can carry a false source address; guarded_server.c shows how to check it. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include "text.h"
#include "wires.h"

#include <ctype.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST "guest-" /* and a number: the name of a member until it chooses one */

enum {
    LINE_SIZE = 1024,            /* the longest message, with its end */
    NICK_SIZE = 32,              /* the longest name, with its end */
    TEXT_SIZE = LINE_SIZE + 256, /* a message with its sender's name, or a notice */
    QUEUE_SIZE = 65536,          /* what may wait for a slow member */
    FAREWELL_SIZE = 128,         /* in addition, so that there is always room for the goodbye */
    GOODBYE_MS = 5000,           /* how long a leaving member may take to receive it */
    BURST = 50,                  /* messages that are received without a pause */
    PACE_NS = 20000000,          /* beyond them, one in this time, in nanoseconds */
    DOORS = 16                   /* addresses to listen on */
};

struct member {
    net_socket *call;
    bool has_messages; /* else lines of a stream */
    bool has_end;      /* else datagrams: they have no end, and no queue */
    bool has_sent;     /* it leaves, and has taken all that it is to hear */
    bool ended;        /* it says no more, and all is received */
    char nick[NICK_SIZE];
    const char *leaves;    /* the reason; NULL while it takes part */
    net_deadline deadline; /* of its silence; of the goodbye when it leaves */
    net_deadline paid;     /* grows by PACE_NS with each message: how far it is ahead of the pace */
    char *queue;           /* what it has not taken yet; NULL: nothing */
    size_t queued;
    struct member *next;
    struct member *next_leaver;
};

static net_poller *poller; /* set before the signal handler is installed, never changed after */
static volatile sig_atomic_t stopping;
static struct member *members;
static struct member *leavers; /* they leave, and the others do not know it yet */
static net_socket *doors[DOORS];
static net_deadline callers_paid;   /* as a member's: how far the callers are ahead of the pace */
static int64_t silence_ms = 600000; /* a member with an end that says nothing for so long leaves */

/* net_poller_wake may be called from a signal handler: the wait in the loop returns 0. */
static void stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
    net_poller_wake(poller);
}

/* `say_goodbyes` does the rest, because a caller of this may be walking the list of members. */
static void leave(struct member *who, const char *why)
{
    if (who->leaves == NULL) {
        who->leaves = why;
        who->next_leaver = leavers;
        leavers = who;
    }
}

static void forget(struct member *who)
{
    struct member **place = &members;

    while (*place != who) {
        place = &(*place)->next;
    }
    *place = who->next;
    net_close(who->call, NET_NOW); /* takes it out of the poller too */
    free(who->queue);
    free(who);
}

/* Wait for its messages, unless there were too many, and for room if something is queued. */
static bool watch(struct member *who)
{
    net_deadline pause = who->leaves == NULL ? who->paid - BURST * PACE_NS : NET_NOW;
    net_deadline until = who->deadline;
    bool is_sending = who->queued > 0 || (who->leaves != NULL && !who->has_sent);
    unsigned interest = is_sending ? NET_WRITABLE : 0;

    if (pause > net_after(0)) {
        until = pause < until ? pause : until;
    } else if (!who->ended) {
        interest |= NET_READABLE;
    }
    if (net_poller_watch(poller, who->call, interest, who, until) < 0) {
        leave(who, "could not be watched");
        return false;
    }
    return true;
}

/* ---- To one member, and to all ---- */

/* How much of the queue one send carries: all of it, or a line where a line is a message. */
static size_t next_size(const struct member *who)
{
    const char *end = who->has_messages ? memchr(who->queue, '\n', who->queued) : NULL;

    return end != NULL ? (size_t)(end - who->queue) + 1 : who->queued;
}

/* Send as much of its queue as one send takes now. A broken call takes nothing more; the next
 * receive reports that it is broken, after what the member has said. */
static void flush(struct member *who)
{
    if (who->queued > 0) {
        ssize_t sent = net_send(who->call, who->queue, next_size(who), NET_NOW);
        size_t gone = sent >= 0 ? (size_t)sent : sent == NET_TIMEOUT ? 0 : who->queued;
        who->queued -= gone;
        memmove(who->queue, who->queue + gone, who->queued);
    }
    if (who->queued == 0) {
        free(who->queue);
        who->queue = NULL;
    }
}

/* Send what it takes now and queue the rest, within `room`. False: there is not enough room. */
static bool put(struct member *who, const char *text, size_t room)
{
    size_t size = strlen(text);
    ssize_t sent = who->queued == 0 ? net_send(who->call, text, size, NET_NOW) : NET_TIMEOUT;
    size_t gone = sent > 0 ? (size_t)sent : 0;

    if (!who->has_end || gone == size || (sent < 0 && sent != NET_TIMEOUT)) {
        return true; /* a datagram goes at once or is lost; for a broken call see `flush` */
    }
    if (who->queue == NULL) {
        who->queue = malloc(QUEUE_SIZE + FAREWELL_SIZE);
    }
    if (who->queue == NULL || room - who->queued < size - gone) {
        return false;
    }
    memcpy(who->queue + who->queued, text + gone, size - gone);
    who->queued += size - gone;
    return who->queued > size - gone || watch(who); /* after the first, wait for room */
}

static void tell(struct member *who, const char *text)
{
    if (!put(who, text, QUEUE_SIZE)) {
        leave(who, "read too slowly");
    }
}

static void tell_all_but(const struct member *left_out, const char *text)
{
    for (struct member *who = members; who != NULL; who = who->next) {
        if (who != left_out && who->leaves == NULL) {
            tell(who, text);
        }
    }
}

/* Print "* NICK did that", to all members and to standard output. */
static void announce(const struct member *who, const char *did)
{
    char text[TEXT_SIZE];

    snprintf(text, sizeof text, "* %s %s\n", who->nick, did);
    fputs(text, stdout);
    tell_all_but(NULL, text);
}

/* ---- Hanging up, a step at a time ---- */

/* Send what is queued, then half-close, which the member reads as the end. Until its own end comes,
 * receive and forget what it says: to close before that would reset the connection, and could
 * destroy the goodbye on its way. All is sent when the socket is writable once more: one that
 * frames messages may hold the rest of the last one. Datagrams have no end. */
static void hang_up(struct member *who, unsigned ready)
{
    char unheard[LINE_SIZE];

    who->has_sent = who->has_sent || (who->queued == 0 && (ready & NET_WRITABLE) != 0);
    flush(who);
    if ((ready & NET_READABLE) != 0) {
        ssize_t got = net_recv(who->call, unheard, sizeof unheard, NET_NOW);
        who->ended = got < 0 && got != NET_TIMEOUT && got != NET_TOOBIG;
    }
    if (who->has_end && who->queued == 0) {
        net_shutdown(who->call); /* the second time does nothing */
    }
    if (!who->has_end || (ready & NET_EXPIRED) != 0 || (who->ended && who->has_sent) ||
        !watch(who)) {
        forget(who);
    }
}

/* The notice that one leaves may fill another's queue, so this goes on until no leaver is left. */
static void say_goodbyes(void)
{
    char text[FAREWELL_SIZE];

    while (leavers != NULL) {
        struct member *who = leavers;
        leavers = who->next_leaver;
        announce(who, who->leaves);
        snprintf(text, sizeof text, "* you %s\n", who->leaves);
        put(who, text, QUEUE_SIZE + FAREWELL_SIZE);
        who->deadline = net_after(GOODBYE_MS);
        hang_up(who, 0);
    }
}

static char look_of(char letter)
{
    static const char alike[][2] = {{'0', 'o'}, {'1', 'l'}, {'i', 'l'}, {'_', '-'}};
    char look = (char)tolower((unsigned char)letter);

    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) {
        look = look == alike[i][0] ? alike[i][1] : look;
    }
    return look;
}

/* Whether the first `size` characters, or all of two strings that are shorter, look the same. */
static bool looks_like(const char *nick, const char *other, size_t size)
{
    size_t i = 0;

    while (i < size && look_of(nick[i]) == look_of(other[i]) && nick[i] != '\0') {
        i++;
    }
    return i == size || (nick[i] == '\0' && other[i] == '\0');
}

/* Whether it is a name that no other member has, and that nobody can take for one of the server's
 * own words. Letters of other scripts may look like these, so they are not in names. */
static bool is_free(const struct member *who, const char *nick)
{
    size_t size = 0;
    const struct member *other = members;

    while (isalnum((unsigned char)nick[size]) || nick[size] == '-' || nick[size] == '_') {
        size++;
    }
    while (other != NULL && (other == who || !looks_like(nick, other->nick, NICK_SIZE))) {
        other = other->next;
    }
    return other == NULL && nick[size] == '\0' && size > 0 && size < NICK_SIZE &&
           !looks_like(nick, GUEST, strlen(GUEST)) && !looks_like(nick, "you", NICK_SIZE);
}

static void rename_to(struct member *who, const char *nick)
{
    char did[TEXT_SIZE];

    if (is_free(who, nick)) {
        snprintf(did, sizeof did, "is now %s", nick);
        announce(who, did);
        memcpy(who->nick, nick, strlen(nick) + 1);
    } else {
        tell(who, "* that name is taken, or is none\n");
    }
}

/* Without its end, and so that no member can fake another or control a terminal. */
static void make_one_line(char *words, size_t size)
{
    while (size > 0 && iscntrl((unsigned char)words[size - 1])) {
        size--;
    }
    words[text_clean(words, size)] = '\0';
}

static void said(struct member *who, const char *words)
{
    static const char nick_command[] = "/nick ";
    net_deadline now = net_after(0);
    char text[TEXT_SIZE];

    who->deadline = who->has_end ? net_after(silence_ms) : NET_FOREVER;
    who->paid = (who->paid > now ? who->paid : now) + PACE_NS;
    if (strcmp(words, "/quit") == 0) {
        leave(who, "said goodbye");
    } else if (strncmp(words, nick_command, strlen(nick_command)) == 0) {
        rename_to(who, words + strlen(nick_command));
    } else if (words[0] != '\0') {
        snprintf(text, sizeof text, "%s: %s\n", who->nick, words);
        tell_all_but(who, text);
    }
}

/* Receive one message. If more wait, the poller reports it again after the others' turn. */
static void hear(struct member *who)
{
    char words[LINE_SIZE + 1];
    ssize_t got = who->has_messages ? net_recv(who->call, words, LINE_SIZE, NET_NOW)
                                    : net_recv_until(who->call, words, LINE_SIZE, '\n', NET_NOW);

    if (got >= 0) {
        make_one_line(words, (size_t)got);
        said(who, words);
    } else if (got == NET_TOOBIG && who->has_messages) {
        tell(who, "* that was too long, nobody heard it\n");
    } else if (got == NET_TOOBIG) {
        leave(who, "said too long a line");
    } else if (got != NET_TIMEOUT) { /* a timeout is half a line, or none */
        who->ended = true;
        leave(who, got != NET_EOF ? "lost the connection"
                   : who->has_end ? "hung up"
                                  : "fell silent");
    }
}

/* As `watch` does for a member: after many callers, accept no more until the pause is over. */
static void watch_door(net_socket *door)
{
    net_deadline pause = callers_paid - BURST * PACE_NS;
    bool is_open = pause <= net_after(0);

    net_poller_watch(poller, door, is_open ? NET_READABLE : 0, NULL, is_open ? NET_FOREVER : pause);
}

/* Accept a caller, name it and watch it. When there is no descriptor for it, the poller reports the
 * listener again as soon as there is one. */
static void welcome(net_socket *door)
{
    static unsigned long number;
    net_socket *call = net_accept(door, NET_NOW);
    struct member *who = call != NULL ? calloc(1, sizeof *who) : NULL;

    if (who == NULL) {
        net_close(call, NET_NOW);
        return;
    }
    who->call = call;
    who->has_messages = wire_has_messages(call);
    who->has_end = wire_has_end(call);
    who->deadline = who->has_end ? net_after(silence_ms) : NET_FOREVER;
    snprintf(who->nick, sizeof who->nick, GUEST "%lu", ++number);
    who->next = members;
    members = who;
    callers_paid = (callers_paid > net_after(0) ? callers_paid : net_after(0)) + PACE_NS;
    watch(who);
    tell(who, "* welcome; /nick NAME, /quit\n");
    announce(who, "is here");
}

/* This removes the files of unix addresses. */
static void close_doors(void)
{
    for (int i = 0; i < DOORS; i++) {
        net_close(doors[i], NET_NOW);
        doors[i] = NULL;
    }
}

/* Wait for one event and handle it. With one event at a time none can be stale: closing a socket
 * takes its other events out of the poller. */
static void turn(void)
{
    net_event event;
    int count = net_poller_wait(poller, &event, 1, NET_FOREVER);
    struct member *who = count > 0 ? event.user : NULL;

    if (count < 0) {
        fprintf(stderr, "chat_server: %s\n", net_error_text());
        close_doors();
        exit(EXIT_FAILURE);
    }
    if (count > 0 && who == NULL) {
        if ((event.ready & NET_READABLE) != 0) {
            welcome(event.socket);
        }
        watch_door(event.socket);
    } else if (who != NULL && who->leaves != NULL) {
        hang_up(who, event.ready);
    } else if (who != NULL) {
        flush(who);
        if ((event.ready & NET_READABLE) != 0) {
            hear(who);
        } else if (net_after(0) >= who->deadline) { /* else a pause is over */
            leave(who, "kept silent for too long");
        }
        watch(who);
    }
    say_goodbyes();
}

static void serve(void)
{
    while (stopping == 0) {
        turn();
    }
    close_doors();
    for (struct member *who = members; who != NULL; who = who->next) {
        leave(who, "stayed to the end");
    }
    say_goodbyes();
    while (members != NULL) {
        turn(); /* each one left has a deadline */
    }
}

static void usage(void)
{
    fputs("usage: chat_server [-s SECONDS] [ADDRESS...]\n", stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static char *usual[] = {"tcp://127.0.0.1:7000", "udp://127.0.0.1:7000", NULL};
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    char local[128];
    int option;

    while ((option = getopt(argc, argv, "s:")) != -1) {
        silence_ms = option == 's' ? text_number(optarg, 1, INT32_MAX) * 1000 : -1;
        if (silence_ms < 0) {
            usage();
        }
    }
    if (argc - optind > DOORS) {
        usage();
    }
    char **addresses = optind < argc ? argv + optind : usual;
    setvbuf(stdout, NULL, _IOLBF, 0);
    poller = net_poller_open();
    if (poller == NULL) {
        fprintf(stderr, "chat_server: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    sigaction(SIGINT, &action, NULL); /* SA_RESETHAND: the second one ends the program */
    sigaction(SIGTERM, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup has set it so */
        sigaction(SIGHUP, &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* the reader of the output may be gone: the members are not */
    for (int i = 0; addresses[i] != NULL; i++) {
        doors[i] = net_listen(addresses[i]);
        if (doors[i] == NULL ||
            net_poller_watch(poller, doors[i], NET_READABLE, NULL, NET_FOREVER) != 0) {
            fprintf(stderr, "chat_server: %s\n", net_error_text());
            close_doors();
            return EXIT_FAILURE;
        }
        net_get(doors[i], "local", local, sizeof local); /* with port 0, the number */
        printf("listening on %s\n", local);
    }
    serve();
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed poller */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    net_poller_close(poller);
    return EXIT_SUCCESS;
}
