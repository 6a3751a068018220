/* chat_server [-s SECONDS] [ADDRESS...] - what one says all others hear, on one thread.
 *
 *     chat_server                                    tcp and udp, port 7000 of this host
 *     chat_server -s 60 tcp://:7000 'udp://:7000?idle=60s&peers=1000'
 *     nc 127.0.0.1 7000                              and nc -u, or chat; /nick NAME, /quit
 *
 * Over tcp a line is a message, over udp a datagram is one. No member holds up the others:
 *  - What a slow reader does not take waits in a queue of his own. When that is full he is told so
 *    and leaves: its size is all that he can cost.
 *  - Who says no whole line for SECONDS (600) leaves, however many single bytes he sends; over udp
 *    it is `idle`, in the address, after which he does.
 *  - Who says much is listened to more slowly; what he sends meanwhile waits on his side.
 * SIGINT or SIGTERM ends it: everybody is told, and then hung up on. Over udp anybody can write any
 * sender into a datagram; guarded_server.c shows how to ask whether he is there. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <ctype.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST "guest-" /* and a number: the name of who has chosen none */

enum {
    LINE_SIZE = 1024,            /* the longest message, with its end */
    NICK_SIZE = 32,              /* the longest name, with its end */
    TEXT_SIZE = LINE_SIZE + 256, /* a message with whose it is, or what happened to somebody */
    QUEUE_SIZE = 65536,          /* what may wait for a slow reader */
    FAREWELL_SIZE = 128,         /* beside it, so that there is always a place for the last word */
    GOODBYE_MS = 5000,           /* how long who leaves may take to hear the last word */
    BURST = 50,                  /* so many messages are heard as they come, */
    PACE_NS = 20000000,          /* and beyond that one in this time: moments are nanoseconds */
    DOORS = 16                   /* addresses to listen on */
};

struct member {
    net_socket *call;
    bool stream; /* tcp: lines, and a queue; else datagrams */
    bool ended;  /* he says no more, and all is received */
    char nick[NICK_SIZE];
    const char *leaves;    /* why he does; NULL while he takes part */
    net_deadline deadline; /* of his silence; of his goodbye when he leaves */
    net_deadline paid;     /* put off by PACE_NS for each message: how far he is ahead of it */
    char *queue;           /* what he did not take yet: NULL for nothing */
    size_t queued;
    struct member *next;
    struct member *next_leaver;
};

static net_poller *poller; /* set before the signal handler is installed, never changed after */
static volatile sig_atomic_t stopping;
static struct member *members;
static struct member *leavers;   /* who leaves, and the others do not know it yet */
static long silence_ms = 600000; /* a tcp member who says nothing for so long leaves */

/* net_poller_wake may be called from a signal handler: the wait in the loop returns 0. */
static void stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
    net_poller_wake(poller);
}

/* The rest is for `say_goodbyes`: whoever calls this may be on his way through all members. */
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

/* Wait for his words, unless he said too many, and for room for ours, if some are queued. */
static bool watch(struct member *who)
{
    net_deadline pause = who->leaves == NULL ? who->paid - BURST * PACE_NS : NET_NOW;
    net_deadline until = who->deadline;
    unsigned interest = who->queued > 0 ? NET_WRITABLE : 0;

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

/* As much of his queue as he takes now. A broken call takes nothing more; that it is broken his
 * next receive tells, after what he has said. */
static void flush(struct member *who)
{
    if (who->queued > 0) {
        ssize_t sent = net_send(who->call, who->queue, who->queued, NET_NOW);
        size_t gone = sent >= 0 ? (size_t)sent : sent == NET_TIMEOUT ? 0 : who->queued;
        who->queued -= gone;
        memmove(who->queue, who->queue + gone, who->queued);
    }
    if (who->queued == 0) {
        free(who->queue);
        who->queue = NULL;
    }
}

/* Send what he takes now and queue the rest, as far as there is `room`. False: there is none. */
static bool put(struct member *who, const char *text, size_t room)
{
    size_t size = strlen(text);
    ssize_t sent = who->queued == 0 ? net_send(who->call, text, size, NET_NOW) : NET_TIMEOUT;
    size_t gone = sent > 0 ? (size_t)sent : 0;

    if (!who->stream || gone == size || (sent < 0 && sent != NET_TIMEOUT)) {
        return true; /* a datagram goes at once or is lost; of a broken call see `flush` */
    }
    if (who->queue == NULL) {
        who->queue = malloc(QUEUE_SIZE + FAREWELL_SIZE);
    }
    if (who->queue == NULL || room - who->queued < size - gone) {
        return false;
    }
    memcpy(who->queue + who->queued, text + gone, size - gone);
    who->queued += size - gone;
    return who->queued > size - gone || watch(who); /* from the first on, wait for room */
}

static void tell(struct member *who, const char *text)
{
    if (!put(who, text, QUEUE_SIZE)) {
        leave(who, "read too slowly");
    }
}

static void tell_all_but(const struct member *him, const char *text)
{
    for (struct member *who = members; who != NULL; who = who->next) {
        if (who != him && who->leaves == NULL) {
            tell(who, text);
        }
    }
}

/* "* NICK did that", to all who take part and to whoever runs the server. */
static void announce(const struct member *who, const char *did)
{
    char text[TEXT_SIZE];

    snprintf(text, sizeof text, "* %s %s\n", who->nick, did);
    fputs(text, stdout);
    tell_all_but(NULL, text);
}

/* ---- Hanging up, a step at a time ---- */

/* What is queued goes first, then the half-close, at which he reads our end. Until his own end
 * comes, what he says is received and forgotten: to close before that would reset the connection,
 * and could destroy our last word on its way to him. Datagrams have no end. */
static void hang_up(struct member *who, unsigned ready)
{
    char unheard[LINE_SIZE];

    flush(who);
    if ((ready & NET_READABLE) != 0) {
        ssize_t got = net_recv(who->call, unheard, sizeof unheard, NET_NOW);
        who->ended = got < 0 && got != NET_TIMEOUT;
    }
    if (who->stream && who->queued == 0) {
        net_shutdown(who->call); /* the second time does nothing */
    }
    if (!who->stream || (ready & NET_EXPIRED) != 0 || (who->ended && who->queued == 0) ||
        !watch(who)) {
        forget(who);
    }
}

/* The word that one leaves may fill another's queue, so this goes on until nobody is left. */
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

/* Nobody's, none that could be somebody's yet, and not to be taken for anything else we say. */
static bool is_free(const char *nick)
{
    size_t size = strcspn(nick, " :*");
    const struct member *other = members;

    while (other != NULL && strcmp(other->nick, nick) != 0) {
        other = other->next;
    }
    return other == NULL && nick[size] == '\0' && size > 0 && size < NICK_SIZE &&
           strncmp(nick, GUEST, strlen(GUEST)) != 0;
}

static void rename_to(struct member *who, const char *nick)
{
    char did[TEXT_SIZE];

    if (is_free(nick)) {
        snprintf(did, sizeof did, "is now %s", nick);
        announce(who, did);
        memcpy(who->nick, nick, strlen(nick) + 1);
    } else {
        tell(who, "* that name is taken, or is none\n");
    }
}

/* No ends of lines and no escapes: nobody can speak as another, or to a terminal. */
static void make_one_line(char *words, size_t size)
{
    while (size > 0 && iscntrl((unsigned char)words[size - 1])) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        words[i] = iscntrl((unsigned char)words[i]) ? ' ' : words[i];
    }
    words[size] = '\0';
}

static void said(struct member *who, const char *words)
{
    static const char nick_command[] = "/nick ";
    net_deadline now = net_after(0);
    char text[TEXT_SIZE];

    who->deadline = who->stream ? net_after(silence_ms) : NET_FOREVER;
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

/* One message. If more wait, the poller says so again after it was the others' turn. */
static void hear(struct member *who)
{
    char words[LINE_SIZE + 1];
    ssize_t got = who->stream ? net_recv_until(who->call, words, LINE_SIZE, '\n', NET_NOW)
                              : net_recv(who->call, words, LINE_SIZE, NET_NOW);

    if (got >= 0) {
        make_one_line(words, (size_t)got);
        said(who, words);
    } else if (got == NET_TOOBIG && !who->stream) {
        tell(who, "* that was too long, nobody heard it\n");
    } else if (got == NET_TOOBIG) {
        leave(who, "said too long a line");
    } else if (got != NET_TIMEOUT) { /* which is half a line, or none */
        who->ended = true;
        leave(who, got != NET_EOF ? "lost the connection"
                   : who->stream  ? "hung up"
                                  : "fell silent");
    }
}

/* Who calls gets a name and is watched. When there is no descriptor for him, the poller says so
 * again as soon as there is one. */
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
    who->stream = net_get(call, "queue", NULL, 0) < 0; /* an option of datagrams only */
    who->deadline = who->stream ? net_after(silence_ms) : NET_FOREVER;
    snprintf(who->nick, sizeof who->nick, GUEST "%lu", ++number);
    who->next = members;
    members = who;
    watch(who);
    tell(who, "* welcome; /nick NAME, /quit\n");
    announce(who, "is here");
}

/* Wait for something to happen, and do what it asks for. One event at a time: whom that makes us
 * forget takes his own events along, and there is no array in which one could be stale. */
static void turn(void)
{
    net_event event;
    int count = net_poller_wait(poller, &event, 1, NET_FOREVER);
    struct member *who = count > 0 ? event.user : NULL;

    if (count < 0) {
        fprintf(stderr, "chat_server: %s\n", net_error_text());
        exit(EXIT_FAILURE);
    }
    if (count > 0 && who == NULL) {
        welcome(event.socket);
    } else if (who != NULL && who->leaves != NULL) {
        hang_up(who, event.ready);
    } else if (who != NULL) {
        flush(who);
        if ((event.ready & NET_READABLE) != 0) {
            hear(who);
        } else if (net_after(0) >= who->deadline) { /* or else a pause is over */
            leave(who, "kept silent for too long");
        }
        watch(who);
    }
    say_goodbyes();
}

static void serve(net_socket **doors)
{
    while (stopping == 0) {
        turn();
    }
    for (int i = 0; i < DOORS; i++) {
        net_close(doors[i], NET_NOW);
    }
    for (struct member *who = members; who != NULL; who = who->next) {
        leave(who, "stayed to the end");
    }
    say_goodbyes();
    while (members != NULL) {
        turn(); /* whoever is left has a deadline */
    }
}

int main(int argc, char **argv)
{
    static char *usual[] = {"tcp://127.0.0.1:7000", "udp://127.0.0.1:7000", NULL};
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    net_socket *doors[DOORS] = {NULL};
    char local[128];
    int option = getopt(argc, argv, "s:");
    char *end = "";

    if (option == 's') {
        silence_ms = strtol(optarg, &end, 10) * 1000;
    }
    char **addresses = optind < argc ? argv + optind : usual;
    if (option == '?' || *end != '\0' || silence_ms <= 0 || argc - optind > DOORS) {
        fputs("usage: chat_server [-s SECONDS] [ADDRESS...]\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    poller = net_poller_open();
    sigaction(SIGINT, &action, NULL); /* SA_RESETHAND: the second one ends us at once */
    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; addresses[i] != NULL; i++) {
        doors[i] = net_listen(addresses[i]);
        if (doors[i] == NULL ||
            net_poller_watch(poller, doors[i], NET_READABLE, NULL, NET_FOREVER) != 0) {
            fprintf(stderr, "chat_server: %s\n", net_error_text());
            return EXIT_FAILURE;
        }
        net_get(doors[i], "local", local, sizeof local); /* with port 0, it knows its number */
        printf("listening on %s\n", local);
    }
    serve(doors);
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed poller */
    signal(SIGTERM, SIG_DFL);
    net_poller_close(poller);
    return EXIT_SUCCESS;
}
