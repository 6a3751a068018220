/* The play. Every callback of the loop makes one wait with NET_NOW, so what it does not take must
 * make the descriptor readable again. The callbacks are counted, so a descriptor that stays
 * readable for nothing is found. */
#define _POSIX_C_SOURCE 200809L
#include "play.h"

#include <netfacade.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CALLERS = 8, /* on each wire */
    ROUNDS = 25,
    BYTES = 3, /* single bytes that a caller sends in a round */
    CROWD = 100,
    WAKES = 200,
    SPELLS = 5,    /* deadlines, one after the other */
    SPELL_MS = 30, /* each */
    LATE_MS = 25, /* at least one of them is reported as soon as this, even on a machine that stalls
                     now and then */
    QUIET_MS = 200,
    AT_ONCE = 16, /* events of a wait, for a loop that takes many */
    SLACK = 20,   /* callbacks for nothing, in a whole scene */
    WATCHDOG = 50 /* seconds: longer means that a wake was lost */
};

/* A socket that is watched. */
struct party {
    net_socket *socket;
    void (*happens)(struct party *party, unsigned ready);
    int rounds;
    int heard; /* bytes, in this round */
    struct party *next;
};

static const struct foreign_loop *loop;
static net_poller *poller;
static bool takes_many;
static bool (*is_over)(void); /* the scene */
static struct party *parties; /* all of them */
static int callbacks;
static int told;    /* events */
static int wakes;   /* waits that returned 0 */
static int nothing; /* callbacks that found nothing */

#define check(condition) check_that((condition), #condition, __LINE__)

static void check_that(bool holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "play.c:%d: not so: %s; %s\n", line, what, net_error_text());
        exit(EXIT_FAILURE);
    }
}

/* ---- The poller in the loop ---- */

static void on_readable(void)
{
    net_event events[AT_ONCE];
    int n = net_poller_wait(poller, events, takes_many ? AT_ONCE : 1, NET_NOW);

    callbacks++;
    check(n >= 0 || n == NET_TIMEOUT);
    nothing += n < 0 ? 1 : 0;
    wakes += n == 0 ? 1 : 0;
    told += n > 0 ? n : 0;
    for (int i = 0; i < n; i++) {
        struct party *party = events[i].user;

        if (party->socket !=
            NULL) { /* not a socket that an earlier event of this wait made the play close */
            check(party->socket == events[i].socket);
            party->happens(party, events[i].ready);
        }
    }
    if (is_over()) {
        loop->stop();
    }
}

static void run_until(bool (*over)(void))
{
    is_over = over;
    loop->run();
}

/* Each callback has something to report: the loop does not spin. */
static void end_scene(const char *name)
{
    check(callbacks <= 2 * (told + wakes) + SLACK);
    check(nothing <= told + wakes + SLACK);
    printf("    %s: %d events and %d wakes in %d callbacks, %d of them for nothing\n", name, told,
           wakes, callbacks, nothing);
    callbacks = told = wakes = nothing = 0;
}

static struct party *add_party(net_socket *socket,
                               void (*happens)(struct party *party, unsigned ready))
{
    struct party *party = calloc(1, sizeof *party);

    check(socket != NULL && party != NULL);
    party->socket = socket;
    party->happens = happens;
    party->next = parties;
    parties = party;
    return party;
}

static void watch(struct party *party, unsigned interest)
{
    check(net_poller_watch(poller, party->socket, interest, party, NET_FOREVER) == 0);
}

static void leave(struct party *party)
{
    net_close(party->socket, NET_NOW);
    party->socket = NULL;
}

static void all_leave(void)
{
    while (parties != NULL) {
        struct party *next = parties->next;

        leave(parties);
        free(parties);
        parties = next;
    }
}

static net_deadline soon(void)
{
    return net_after(20000);
}

/* ---- Listeners and callers ---- */

/* Sends back one byte at a time, so that more are queued, in the system or in user space. */
static void callee_hears(struct party *party, unsigned ready)
{
    char byte;
    ssize_t n = net_recv(party->socket, &byte, 1, NET_NOW);

    check(ready == NET_READABLE);
    if (n == 1) {
        check(net_send(party->socket, &byte, 1, NET_NOW) == 1);
    } else if (n == NET_EOF) {
        leave(party);
    } else {
        check(n == NET_TIMEOUT);
    }
}

static void listener_hears(struct party *party, unsigned ready)
{
    check(ready == NET_READABLE);
    net_socket *callee = net_accept(party->socket, NET_NOW);

    if (callee != NULL) {
        watch(add_party(callee, callee_hears), NET_READABLE);
    } else {
        check(net_error() == NET_TIMEOUT);
    }
}

static int callers_left;

static void say_all_words(struct party *party)
{
    party->heard = 0;
    for (int i = 0; i < BYTES; i++) {
        check(net_send(party->socket, "x", 1, NET_NOW) == 1);
    }
    watch(party, NET_READABLE);
}

static void caller_hears(struct party *party, unsigned ready)
{
    char byte;

    if (ready == NET_WRITABLE) { /* the socket was still dialing */
        say_all_words(party);
        return;
    }
    check(ready == NET_READABLE);
    ssize_t n = net_recv(party->socket, &byte, 1, NET_NOW);

    check(n == 1 || n == NET_TIMEOUT);
    party->heard += n == 1 ? 1 : 0;
    if (party->heard == BYTES && ++party->rounds < ROUNDS) {
        say_all_words(party);
    } else if (party->heard == BYTES) {
        leave(party);
        callers_left--;
    }
}

static bool no_caller_is_left(void)
{
    return callers_left == 0;
}

static net_socket *listen_at(const char *scheme, const char *host)
{
    char address[64];

    snprintf(address, sizeof address, "%s://%s:0", scheme, host);
    return net_listen(address);
}

static net_socket *dial(net_socket *listener, net_deadline deadline)
{
    char address[64];

    check(net_get(listener, "local", address, sizeof address) > 0);
    return net_connect(address, deadline);
}

/* Everything that is accepted and dialed is watched from callbacks. */
static void talk(const char *host)
{
    static const char *const schemes[] = {"tcp", "udp"};

    for (int wire = 0; wire < 2; wire++) {
        struct party *listener = add_party(listen_at(schemes[wire], host), listener_hears);

        watch(listener, NET_READABLE);
        for (int i = 0; i < CALLERS; i++) {
            watch(add_party(dial(listener->socket, NET_NOW), caller_hears), NET_WRITABLE);
        }
    }
    callers_left = 2 * CALLERS;
    run_until(no_caller_is_left);
    check(told >= 2 * CALLERS * ROUNDS * BYTES * 2);
    all_leave();
    end_scene("callers and listeners");
}

/* ---- Many that are ready at once ---- */

static int crowd_left;

static void one_of_the_crowd_hears(struct party *party, unsigned ready)
{
    char byte;

    check(ready == NET_READABLE);
    check(net_recv(party->socket, &byte, 1, NET_NOW) == 1);
    watch(party, 0);
    crowd_left--;
}

static bool all_have_heard(void)
{
    return crowd_left == 0;
}

static void watch_the_crowd(void)
{
    struct party *party = parties;

    for (int i = 0; i < CROWD; i++) {
        watch(party, NET_READABLE);
        party = party->next;
    }
}

static void *watch_the_crowd_from_a_thread(void *argument)
{
    (void)argument;
    watch_the_crowd();
    return NULL;
}

/* They are ready before they are watched. They are watched while the loop sleeps: once by a
 * callback of the loop's own that has nothing to do with the poller, once by a thread. The
 * datagrams of the udp peers are in user space by then, where the system does not see them. */
static void wait_for_a_crowd(const char *scheme, const char *host, bool by_a_thread)
{
    net_socket *callers[CROWD];
    net_socket *listener = listen_at(scheme, host);
    pthread_t thread;

    check(listener != NULL);
    for (int i = 0; i < CROWD; i++) {
        callers[i] = dial(listener, soon());
        check(callers[i] != NULL && net_send(callers[i], "x", 1, soon()) == 1);
        add_party(net_accept(listener, soon()), one_of_the_crowd_hears);
    }
    crowd_left = CROWD;
    if (by_a_thread) {
        check(pthread_create(&thread, NULL, watch_the_crowd_from_a_thread, NULL) == 0);
    } else {
        loop->after(20, watch_the_crowd);
    }
    run_until(all_have_heard);
    if (by_a_thread) {
        pthread_join(thread, NULL);
    }
    check(told == CROWD);
    all_leave();
    for (int i = 0; i < CROWD; i++) {
        net_close(callers[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    end_scene(by_a_thread ? "a crowd, by a thread" : "a crowd, by a callback");
}

/* ---- Deadlines ---- */

static int spells_left;
static net_deadline spell_end;
static net_deadline least_late;

static void begin_spell(struct party *party)
{
    spell_end = net_after(SPELL_MS);
    check(net_poller_watch(poller, party->socket, NET_READABLE, party, spell_end) == 0);
}

static void spell_passes(struct party *party, unsigned ready)
{
    net_deadline late = net_after(0) - spell_end;

    check(ready == NET_EXPIRED);
    check(late >= 0);
    least_late = late < least_late ? late : least_late;
    spells_left--;
    if (spells_left > 0) {
        begin_spell(party);
    }
}

static bool all_spells_have_passed(void)
{
    return spells_left == 0;
}

static void await_deadlines(const char *host)
{
    struct party *party = add_party(listen_at("udp", host), spell_passes);

    spells_left = SPELLS;
    least_late = NET_FOREVER;
    begin_spell(party);
    run_until(all_spells_have_passed);
    check(least_late <= net_after(LATE_MS) - net_after(0));
    all_leave();
    check(told == SPELLS);
    end_scene("deadlines");
}

/* ---- Wakes, and quiet ---- */

static atomic_int wakes_told;

/* Each is posted when the last has been reported: a lost one would be waited for forever. */
static void *wake_again_and_again(void *argument)
{
    (void)argument;
    for (int i = 0; i < WAKES; i++) {
        net_poller_wake(poller);
        while (atomic_load(&wakes_told) <= i) {
            sched_yield();
        }
    }
    return NULL;
}

static bool all_wakes_are_told(void)
{
    atomic_store(&wakes_told, wakes);
    return wakes == WAKES;
}

static void be_woken(void)
{
    pthread_t thread;

    atomic_store(&wakes_told, 0);
    check(pthread_create(&thread, NULL, wake_again_and_again, NULL) == 0);
    run_until(all_wakes_are_told);
    pthread_join(thread, NULL);
    end_scene("wakes");
}

static bool never(void)
{
    return false;
}

static void quiet_is_over(void)
{
    loop->stop();
}

/* Sockets that are watched, and of which nothing is to be reported. */
static void be_quiet(const char *host)
{
    struct party *udp = add_party(listen_at("udp", host), listener_hears);
    struct party *tcp = add_party(listen_at("tcp", host), listener_hears);

    watch(udp, NET_READABLE);
    check(net_poller_watch(poller, tcp->socket, NET_READABLE, tcp, net_after(60000)) == 0);
    loop->after(QUIET_MS, quiet_is_over);
    run_until(never);
    all_leave();
    check(told == 0 && callbacks <= SLACK);
    end_scene("quiet");
}

/* ---- All of it ---- */

static void play_at(const char *host)
{
    poller = net_poller_open();
    check(poller != NULL);
    int fd = net_poller_fd(poller);

    check(fd >= 0);
    loop->watch(fd, on_readable);
    talk(host);
    for (int i = 0; i < 4; i++) {
        wait_for_a_crowd(i / 2 == 0 ? "tcp" : "udp", host, i % 2 == 1);
    }
    await_deadlines(host);
    be_woken();
    be_quiet(host);
    loop->unwatch();
    net_poller_close(poller);
}

int play(const struct foreign_loop *foreign)
{
    net_socket *six = net_listen("udp://[::1]:0");

    loop = foreign;
    alarm(WATCHDOG);
    for (int i = 0; i < 4; i++) {
        const char *host = i / 2 == 0 ? "127.0.0.1" : "[::1]";

        if (i < 2 || six != NULL) {
            takes_many = i % 2 == 1;
            printf("%s at %s, %d at once\n", loop->name, host, takes_many ? AT_ONCE : 1);
            play_at(host);
        }
    }
    net_close(six, NET_NOW);
    return EXIT_SUCCESS;
}
