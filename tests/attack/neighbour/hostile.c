/* What the one hostile peer does. */
#define _GNU_SOURCE
#include "contest.h"
#include "crowd.h"
#include "foreign.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16, OVERSIZE = 60000, HELD_MOST = 64 };

static char zeros[PIECE];

/* Questions in their frames, one after another. It goes on where the system stopped taking them, so
 * that the server finds a message each time. */
static ssize_t says_framed(struct contest *contest, size_t size)
{
    enum { FRAME = 4 + QUESTION };
    static char questions[PIECE + FRAME];
    static size_t at;

    for (size_t i = 0; questions[3] == 0 && i < sizeof questions; i++) {
        questions[i] = i % FRAME == 3 ? QUESTION : 0;
    }
    size = size < FRAME ? FRAME : size;
    ssize_t n = send(contest->fd, questions + at, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    at = (at + (n > 0 ? (size_t)n : 0)) % FRAME;
    return n;
}

static ssize_t says(struct contest *contest, size_t size)
{
    if (is_framed(contest->address)) {
        ssize_t n = says_framed(contest, size);

        contest->taken += n > 0 ? 1 : 0;
        return n;
    }
    ssize_t n = contest->fd >= 0 ? send(contest->fd, zeros, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : net_send(contest->other, zeros, size, NET_NOW);

    contest->taken += n > 0 ? 1 : 0;
    return n;
}

/* ---- The steps ---- */

static void never_reads(struct contest *contest)
{
    for (int i = 0; i < 16; i++) {
        says(contest, QUESTION);
    }
}

static void floods(struct contest *contest)
{
    if (says(contest, is_over_stream(contest->address) ? PIECE : QUESTION) < 0) {
        nap(1);
    }
}

static void sends_too_much(struct contest *contest)
{
    for (int i = 0; i < 4; i++) {
        says(contest, OVERSIZE);
    }
}

/* A message of 1 MiB, which comes byte by byte and never ends. */
static void announces(struct contest *contest)
{
    static const char head[] = {0, 0x10, 0, 0};
    size_t size = contest->steps == 0 ? sizeof head : 1;
    ssize_t n = send(contest->fd, head, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    contest->taken += n > 0 ? 1 : 0;
}

/* By plain sockets where the wire has them. It dials, and asks on datagrams. */
static int dials(struct contest *contest)
{
    struct sockaddr any = {.sa_family = AF_UNIX};
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    int type = is_over_stream(contest->address) ? SOCK_STREAM : SOCK_DGRAM;

    getpeername(contest->fd, (struct sockaddr *)&name, &length);
    int fd = socket(name.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (type == SOCK_DGRAM && name.ss_family == AF_UNIX) {
        bind(fd, &any, sizeof any.sa_family);
    }
    bool is_taken = connect(fd, (struct sockaddr *)&name, length) == 0 || errno == EINPROGRESS;

    if (type == SOCK_DGRAM) {
        is_taken = send(fd, zeros, QUESTION, MSG_DONTWAIT) == QUESTION;
    }
    contest->taken += is_taken ? 1 : 0;
    return fd;
}

/* Callers that begin a handshake, go on byte by byte, and never end it; one more at each step. */
static void stalls(struct contest *contest)
{
    static const char head[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, (char)0xfc, 3, 3};
    static int held[HELD_MOST];
    static int said[HELD_MOST];
    int i = contest->steps % HELD_MOST;

    if (held[i] == 0) {
        held[i] = dials(contest);
    }
    const char *byte = &head[said[i] < (int)sizeof head ? said[i] : (int)sizeof head - 1];
    ssize_t n = send(held[i], byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);

    said[i] += n > 0 ? 1 : 0;
    contest->taken += n > 0 ? 1 : 0;
}

static void spoofs(struct contest *contest)
{
    crowd_flood(contest->fd, (unsigned)contest->steps * CROWD_MOST, CROWD_MOST, zeros, QUESTION);
    contest->taken++;
}

static void sends_from_port_0(struct contest *contest)
{
    static int raw = -1;
    struct sockaddr_in to;
    socklen_t length = sizeof to;
    struct {
        struct udphdr udp;
        char data[QUESTION];
    } packet = {.udp = {.len = htons(sizeof packet)}};

    raw = raw >= 0 ? raw : socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
    getpeername(contest->fd, (struct sockaddr *)&to, &length);
    packet.udp.dest = to.sin_port;
    to.sin_port = 0;
    ssize_t n =
        sendto(raw, &packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);

    contest->taken += n > 0 ? 1 : 0;
}

static void comes_and_goes_in_memory(struct contest *contest)
{
    net_socket *made = net_connect(contest->address, NET_NOW);

    if (made != NULL && !is_stream(contest->address)) {
        net_send(made, zeros, QUESTION, NET_NOW);
    }
    contest->taken += made != NULL ? 1 : 0;
    net_close(made, NET_NOW);
}

/* It breaks off, ends, or stays without a word. Over udp the answer then meets a closed port, which
 * makes an ICMP error. */
static void comes_and_goes(struct contest *contest)
{
    static int held[HELD_MOST];
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    if (contest->fd < 0) {
        comes_and_goes_in_memory(contest);
        return;
    }
    int fd = dials(contest);

    if (contest->steps % 3 == 0 && is_over_stream(contest->address)) {
        int *place = &held[contest->steps / 3 % HELD_MOST];

        if (*place > 0) {
            close(*place);
        }
        *place = fd;
        return;
    }
    if (contest->steps % 3 == 1) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    close(fd);
}

/* ---- Where each can be ---- */

static bool any_wire(const char *wire)
{
    return !is_adopted(wire);
}

static bool datagrams(const char *wire)
{
    return !is_adopted(wire) && !is_over_stream(wire);
}

static bool udp(const char *wire)
{
    return !is_adopted(wire) && !is_over_stream(wire) && is_ip(wire);
}

static bool raw_udp(const char *wire)
{
    return may_send_raw(AF_INET) && udp(wire) && strstr(wire, "127.0.0.1") != NULL;
}

static bool encrypted(const char *wire)
{
    return is_encrypted(wire);
}

static bool every_wire(const char *wire)
{
    return wire != NULL;
}

const struct hostile hostiles[] = {
    {"never reads", never_reads, 1, any_wire, true},
    {"floods", floods, 0, any_wire, true},
    {"announces", announces, 1, is_framed, false},
    {"stalls", stalls, 1, encrypted, false},
    {"oversize", sends_too_much, 1, datagrams, false},
    {"spoofs", spoofs, 1, udp, false},
    {"sends from port 0", sends_from_port_0, 1, raw_udp, false},
    {"comes and goes", comes_and_goes, 1, every_wire, false},
};
const size_t hostile_count = COUNT(hostiles);

/* ---- Its thread ---- */

void hostile_open(struct contest *contest)
{
    contest->fd = -1;
    if (is_framed(contest->address)) {
        contest->other = assert_socket(net_connect(contest->address + strlen("framed+"), soon()));
        contest->fd = net_fd(contest->other);
    } else if (contest->hostile->step == spoofs) {
        contest->fd = crowd_dial(contest->listener);
    } else if (net_fd(contest->listener) >= 0 &&
               (!is_encrypted(contest->address) || contest->hostile->step == stalls)) {
        contest->fd = foreign_dial(contest->listener);
    } else {
        contest->other = assert_socket(net_connect(contest->address, soon()));
    }
}

static void *act(void *argument)
{
    struct contest *contest = argument;

    while (!contest->row->done) {
        contest->hostile->step(contest);
        contest->steps++;
        if (contest->hostile->pause > 0) {
            nap(contest->hostile->pause);
        }
    }
    return NULL;
}

void hostile_start(struct contest *contest)
{
    assert_int_equal(pthread_create(&contest->attacker, NULL, act, contest), 0);
}
