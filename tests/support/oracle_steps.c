/* The steps of random programs. Each step is taken in both worlds, and the model records it. */
#include "oracle_steps.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 300, UNITS = 8 /* how many sends may wait */, BLOCK = 4096 };

static struct black_hole hole;
static int nobody; /* a bound socket that does not listen */
static char nobodys_address[ADDRESS_MAX];

static void take_a_port_of_nobodys(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;

    nobody = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(nobody, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(nobody, (struct sockaddr *)&name, &length), 0);
    snprintf(nobodys_address, sizeof nobodys_address, "tcp://127.0.0.1:%d", ntohs(name.sin_port));
}

void steps_begin(void)
{
    open_black_hole("127.0.0.1", 0, &hole);
    take_a_port_of_nobodys();
}

void steps_end(void)
{
    close(nobody);
    close_black_hole(&hole);
}

enum side other_side(enum side side)
{
    return side == DIALED ? ACCEPTED : DIALED;
}

bool can_talk(const struct pair_of_ends *pair, enum side side)
{
    const struct item *end = &pair->end[side];

    return !end->is_canceled && !end->is_dead && !end->is_unclear && !pair->is_hopeless;
}

/* Whether the other end receives what this end sends, now or later. */
static bool has_hearer(const struct pair_of_ends *pair, enum side side)
{
    const struct item *other = &pair->end[other_side(side)];

    return (other->socket[0] != NULL && !other->is_canceled) ||
           (side == DIALED && (pair->wire == UDP || pair->is_in_backlog) && !other->is_canceled);
}

void settle(struct pair_of_ends *pair)
{
    net_deadline limit = soon();
    char text[16];

    for (int world = 0; world < WORLDS && !pair->is_hopeless; world++) {
        net_socket *dialed = pair->end[DIALED].socket[world];

        while (dialed != NULL && pair->port[world] == 0 && !pair->end[DIALED].is_dead &&
               !pair->end[DIALED].is_canceled) {
            if (net_get(dialed, "port", text, sizeof text) > 0) {
                pair->port[world] = (unsigned)number_of(dialed, "port");
            }
            holds(net_after(0) < limit);
        }
    }
}

void step_wait(void)
{
    int count = 1 + (int)dice(4);

    note("wait for %d", count);
    wait_once(count);
}

/* ---- Dialing and accepting ---- */

static void dial_target(const struct pair_of_ends *pair, int world, unsigned kind, char *address)
{
    if (pair->is_hopeless) {
        strcpy(address, hole.address);
    } else if (pair->end[DIALED].is_dead) {
        strcpy(address, nobodys_address);
    } else {
        dial_address(oracle.listener[pair->wire].socket[world], address);
        if (kind == 0) {
            snprintf(address, ADDRESS_MAX, "%s://slow.example:%lld",
                     pair->wire == TCP ? "tcp" : "udp",
                     number_of(oracle.listener[pair->wire].socket[world], "port"));
        }
        strcat(address, pair->wire == TCP ? "?rcvbuf=16KiB&sndbuf=16KiB" : "");
    }
}

/* The pollers drive the dial, if it is watched. */
static void while_it_dials(const struct item *dialed)
{
    if ((dialed->interest & NET_WRITABLE) != 0) {
        compare();
    }
    for (unsigned i = dice(100); i > 0; i--) {
        wait_once(1 + (int)dice(4));
    }
}

/* How many connections wait to be accepted. For a listener, tcpi_unacked is that number. */
static unsigned callers_of(int world)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int fd = net_fd(oracle.listener[TCP].socket[world]);

    holds(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    return info.tcpi_unacked;
}

/* So that all worlds accept the same peer first. */
static void await_caller(int world, unsigned before)
{
    net_deadline limit = soon();

    while (callers_of(world) == before) {
        holds(net_after(0) < limit);
    }
}

void step_dial(void)
{
    struct pair_of_ends *pair = &oracle.pair[dice(PAIRS)];
    unsigned kind = dice(16); /* 0: by name; 1: to a port without a listener; 2: to an address that
                                 does not answer */
    bool at_once = kind < 3 || dice(2) == 0;
    unsigned before[WORLDS] = {0};

    if (pair->is_used) {
        return;
    }
    *pair = (struct pair_of_ends){.is_used = true, .wire = (enum wire)dice(WIRES)};
    pair->wire = kind == 1 || kind == 2 ? TCP : pair->wire;
    pair->is_hopeless = kind == 2;
    pair->end[DIALED].is_dead = kind == 1;
    pair->is_in_backlog = pair->wire == TCP && kind != 1 && kind != 2;
    note("dial %s, kind %u%s", name_of(pair, DIALED), kind, at_once ? ", at once" : "");
    for (int world = 0; world < WORLDS; world++) {
        char address[ADDRESS_MAX];

        before[world] = callers_of(world);
        dial_target(pair, world, kind, address);
        net_socket *dialed = net_connect(address, at_once ? NET_NOW : soon());

        holds(dialed != NULL);
        pair->end[DIALED].socket[world] = dialed;
    }
    if (dice(4) != 0) {
        watch_at_random(&pair->end[DIALED]);
    }
    if (kind == 0) {
        while_it_dials(&pair->end[DIALED]);
        settle(pair);
    }
    for (int world = 0; world < WORLDS && pair->is_in_backlog; world++) {
        await_caller(world, before[world]);
    }
}

static int pair_of_port(enum wire wire, int world, unsigned port)
{
    for (int i = 0; i < PAIRS; i++) {
        struct pair_of_ends *pair = &oracle.pair[i];

        if (pair->is_used && pair->wire == wire && !pair->end[DIALED].is_dead) {
            settle(pair);
            if (pair->port[world] == port && pair->end[ACCEPTED].socket[0] == NULL) {
                return i;
            }
        }
    }
    oracle_fails("world %d: accepted somebody unknown, port %u", world, port);
    return -1;
}

void step_accept(void)
{
    enum wire wire = (enum wire)dice(WIRES);
    net_socket *accepted[WORLDS];
    int which[WORLDS];

    note("accept over %s", wire == TCP ? "tcp" : "udp");
    if (!listener_has_news(wire)) {
        for (int world = 0; world < WORLDS; world++) {
            holds(net_accept(oracle.listener[wire].socket[world], NET_NOW) == NULL);
            holds(net_error() == NET_TIMEOUT);
        }
        return;
    }
    for (int world = 0; world < WORLDS; world++) {
        char text[ADDRESS_MAX];

        accepted[world] = net_accept(oracle.listener[wire].socket[world], soon());
        holds(accepted[world] != NULL);
        holds(net_get(accepted[world], "peer", text, sizeof text) > 0);
        which[world] =
            pair_of_port(wire, world, (unsigned)strtoul(strrchr(text, ':') + 1, NULL, 10));
    }
    holds(which[0] == which[1]);
    struct pair_of_ends *pair = &oracle.pair[which[0]];

    note("accepted %s", name_of(pair, ACCEPTED));
    pair->is_in_backlog = false;
    memcpy(pair->end[ACCEPTED].socket, accepted, sizeof accepted);
}

/* ---- Talking ---- */

/* The byte at an offset of a stream, or the number of a datagram. */
static void write_text(unsigned char *text, size_t size, size_t from, enum wire wire)
{
    for (size_t i = 0; i < size; i++) {
        text[i] = (unsigned char)(wire == TCP ? from + i : from);
    }
}

static size_t sent_so_far(const struct item *hearer, int world)
{
    return hearer->received[world] + hearer->waiting[world];
}

void step_send(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;
    unsigned char text[PIECE];
    size_t size = 1 + dice(PIECE);

    if (!some_end(&pair, &side)) {
        return;
    }
    struct item *end = &pair->end[side];
    struct item *hearer = &pair->end[other_side(side)];
    bool is_heard = has_hearer(pair, side);

    if (!can_talk(pair, side) || end->has_shut || end->is_full || hearer->units >= UNITS ||
        (pair->wire == UDP && !is_heard)) {
        return;
    }
    note("%s sends %zu bytes", name_of(pair, side), size);
    for (int world = 0; world < WORLDS; world++) {
        write_text(text, size, sent_so_far(hearer, world), pair->wire);
        ssize_t n = net_send(end->socket[world], text, size, soon());

        holds(n == (ssize_t)size);
        hearer->waiting[world] += is_heard ? (pair->wire == TCP ? size : 1) : 0;
    }
    hearer->units += is_heard ? 1 : 0;
    if (!is_heard && hearer->is_canceled) {
        end->is_unclear = true; /* that the listener is gone may be reported or not */
    } else if (!is_heard) {
        end->is_dead = true; /* the system answers with a reset */
    }
}

void step_fill(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;
    unsigned char text[BLOCK];

    if (!some_end(&pair, &side) || pair->wire != TCP || !can_talk(pair, side) ||
        pair->end[side].has_shut || !has_hearer(pair, side)) {
        return;
    }
    struct item *hearer = &pair->end[other_side(side)];

    settle(pair);
    note("%s sends more than fits", name_of(pair, side));
    for (int world = 0; world < WORLDS; world++) {
        ssize_t n = 1;

        while (n > 0) {
            write_text(text, sizeof text, sent_so_far(hearer, world), TCP);
            n = net_send(pair->end[side].socket[world], text, sizeof text, NET_NOW);
            hearer->waiting[world] += n > 0 ? (size_t)n : 0;
        }
        holds(n == NET_TIMEOUT);
    }
    pair->end[side].is_full = true;
}

static void hear_stream(struct item *end, int world, size_t size)
{
    unsigned char got[BLOCK];
    unsigned char expected[BLOCK];

    while (size > 0) {
        size_t part = size < sizeof got ? size : sizeof got;

        write_text(expected, part, end->received[world], TCP);
        if (part == 1) {
            holds(net_recv(end->socket[world], got, part, soon()) == 1);
        } else {
            holds(net_recv_all(end->socket[world], got, part, soon()) == (ssize_t)part);
        }
        holds(memcmp(got, expected, part) == 0);
        end->received[world] += part;
        end->old[world] = 0;
        end->waiting[world] -= part;
        size -= part;
    }
}

/* Receives by one call for each, or by calls that read many ahead. */
static void hear_datagrams(struct item *end, int world, size_t count, bool many)
{
    unsigned char got[UNITS][PIECE];
    net_message messages[UNITS];

    while (count > 0) {
        for (size_t i = 0; i < count; i++) {
            messages[i] = (net_message){.data = got[i], .capacity = PIECE};
        }
        int n = many ? net_recv_messages(end->socket[world], messages, (int)count, soon())
                : net_recv(end->socket[world], got[0], PIECE, soon()) > 0 ? 1
                                                                          : -1;

        holds(n >= 1 && (size_t)n <= count);
        for (int i = 0; i < n; i++) {
            holds(got[i][0] == (unsigned char)(end->received[world] + (size_t)i));
        }
        end->received[world] += (size_t)n;
        end->waiting[world] -= (size_t)n;
        count -= (size_t)n;
    }
}

/* The offset of the first waiting byte with this value; SIZE_MAX: there is none. */
static size_t find_byte(const struct item *end, int world, int delimiter)
{
    size_t at = (size_t)(unsigned char)((size_t)delimiter - end->received[world]);

    return at < end->waiting[world] ? at : SIZE_MAX;
}

/* A line is taken as a whole, or not at all. Then the part that is there is not reported again. */
void step_recv_line(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (!some_end(&pair, &side) || pair->wire != TCP || !can_talk(pair, side) ||
        pair->end[side].has_end || pair->end[other_side(side)].is_full) {
        return;
    }
    struct item *end = &pair->end[side];
    int delimiter = (int)dice(UCHAR_MAX + 1);

    note("%s receives a line", name_of(pair, side));
    for (int world = 0; world < WORLDS; world++) {
        unsigned char got[UCHAR_MAX + 1];
        size_t at = find_byte(end, world, delimiter);
        bool is_there = at != SIZE_MAX;
        ssize_t n = net_recv_until(end->socket[world], got, sizeof got, delimiter,
                                   is_there ? soon() : NET_NOW);

        if (is_there) {
            holds(n == (ssize_t)at + 1 && got[at] == (unsigned char)delimiter);
            end->received[world] += at + 1;
            end->waiting[world] -= at + 1;
            end->old[world] = 0;
        } else {
            holds(n == NET_TIMEOUT);
            end->old[world] = end->waiting[world];
        }
    }
}

static void hear_nothing(const struct item *end, int code)
{
    unsigned char byte;

    for (int world = 0; world < WORLDS; world++) {
        holds(net_recv(end->socket[world], &byte, 1, code == NET_TIMEOUT ? NET_NOW : soon()) ==
              code);
    }
}

void hear(struct pair_of_ends *pair, enum side side, size_t size)
{
    struct item *end = &pair->end[side];
    bool many = dice(2) == 0;
    bool all = size == SIZE_MAX;

    for (int world = 0; world < WORLDS; world++) {
        if (pair->wire == TCP) {
            hear_stream(end, world, all ? end->waiting[world] : size);
        } else {
            hear_datagrams(end, world, all ? end->waiting[world] : size, many);
        }
    }
    if (end->waiting[0] == 0 && end->waiting[1] == 0) {
        end->units = 0;
        pair->end[other_side(side)].is_full = false;
    }
}

void step_recv(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (!some_end(&pair, &side)) {
        return;
    }
    struct item *end = &pair->end[side];
    size_t least = end->waiting[0] < end->waiting[1] ? end->waiting[0] : end->waiting[1];

    note("%s receives", name_of(pair, side));
    if (end->is_canceled) {
        hear_nothing(end, NET_CANCELED);
    } else if (pair->is_hopeless) {
        hear_nothing(end, NET_TIMEOUT);
    } else if (!can_talk(pair, side)) {
        return;
    } else if (least > 0) {
        size_t part = 1 + dice(least < PIECE ? (unsigned)least : PIECE);

        hear(pair, side, dice(3) == 0 ? SIZE_MAX : part);
    } else {
        hear_nothing(end, end->has_end ? NET_EOF : NET_TIMEOUT);
    }
}
