/* What the attacker does, a step at a time. */
#define _GNU_SOURCE
#include "trial.h"
#include "foreign.h"
#include "passed.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1 << 16,
    DATAGRAM = 1000,
    LINGER = 1 /* s that the close of a passed descriptor waits */
};

static char zeros[PIECE];

/* ---- To and from our side, without waiting ---- */

static ssize_t attacker_sends(struct trial *trial, size_t size)
{
    if (is_pipe(trial->wire)) {
        return write(trial->fd, zeros, size);
    }
    if (trial->fd >= 0) {
        return send(trial->fd, zeros, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return net_send(trial->other, zeros, size, NET_NOW);
}

static ssize_t attacker_reads(struct trial *trial)
{
    static _Thread_local char heard[PIECE];

    if (trial->fd >= 0) {
        return recv(trial->fd, heard, sizeof heard, MSG_DONTWAIT);
    }
    return net_recv(trial->other, heard, sizeof heard, NET_NOW);
}

/* A dial that does not wait. Returns -1 if it failed. */
static int attacker_dials(struct trial *trial)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    int fd = -1;

    if (getsockname(net_fd(trial->listener), (struct sockaddr *)&name, &length) == 0) {
        fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, length) != 0 && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void dial_and_break_off(struct trial *trial)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    if (net_fd(trial->listener) < 0) {
        net_close(net_connect(trial->address, NET_NOW), NET_NOW);
        return;
    }
    int fd = attacker_dials(trial);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd);
    }
}

static bool hears_callers(const struct trial *trial)
{
    return trial->role == LISTENER && is_over_stream(trial->wire);
}

static void trickle(struct trial *trial)
{
    if (hears_callers(trial)) {
        dial_and_break_off(trial);
    } else {
        attacker_sends(trial, 1);
    }
}

static void read_a_little(struct trial *trial)
{
    ssize_t left = PIECE;

    for (ssize_t n = 1; left > 0 && n > 0; left -= n) {
        n = attacker_reads(trial);
    }
}

/* ---- Descriptors whose close waits ---- */

/* Its last copy is then the one on its way, unless the system refused to take it. */
static void pass(int over, int fd)
{
    if (pass_descriptors(over, zeros, 1, &fd, 1, MSG_DONTWAIT) == 1) {
        close(fd);
    } else {
        raw_reset(fd);
    }
}

static void pass_lingering(struct trial *trial)
{
    static int listener = -1;
    int over = hears_callers(trial) ? attacker_dials(trial) : trial->fd;

    if (over >= 0) {
        pass(over, open_lingering(&listener, LINGER));
    }
    if (over >= 0 && over != trial->fd) {
        close(over);
    }
}

/* ---- A wrong checksum ---- */

/* From the attacker's address to the one that it is connected to. */
static void send_bad_sum(struct trial *trial)
{
    static int raw = -1;
    struct sockaddr_in from;
    struct sockaddr_in to;
    socklen_t length = sizeof from;
    struct {
        struct iphdr ip;
        struct udphdr udp;
        char data[200];
    } packet;

    raw = raw >= 0 ? raw : socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    getsockname(trial->fd, (struct sockaddr *)&from, &length);
    getpeername(trial->fd, (struct sockaddr *)&to, &length);
    memset(&packet, 0, sizeof packet);
    packet.ip = (struct iphdr){.version = 4,
                               .ihl = sizeof packet.ip / 4,
                               .tot_len = htons(sizeof packet),
                               .ttl = 64,
                               .protocol = IPPROTO_UDP,
                               .saddr = from.sin_addr.s_addr,
                               .daddr = to.sin_addr.s_addr};
    packet.udp = (struct udphdr){.source = from.sin_port,
                                 .dest = to.sin_port,
                                 .len = htons(sizeof packet - sizeof packet.ip),
                                 .check = htons(0xdead)};
    sendto(raw, &packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
}

/* ---- Urgent bytes ---- */

/* And now and then a byte before them. */
static void send_urgent(struct trial *trial)
{
    static unsigned count;

    count++;
    if (count % 8 == 0) {
        attacker_sends(trial, 1);
    }
    send(trial->fd, "!", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_signal(struct trial *trial)
{
    pthread_kill(trial->thread, SIGUSR1);
}

/* ---- The steps ---- */

void attack_step(struct trial *trial, double now)
{
    static const struct {
        void (*step)(struct trial *);
        int period; /* ms */
    } steps[KINDS] = {
        [TRICKLE] = {trickle, 5},        [SLOW_READER] = {read_a_little, 50},
        [BAD_SUMS] = {send_bad_sum, 20}, [PASSED] = {pass_lingering, 60},
        [URGENT] = {send_urgent, 5},     [SIGNALS] = {send_signal, 1},
    };
    enum kind kind = trial->attack->kind;

    if (steps[kind].step != NULL && now >= trial->next_step) {
        trial->next_step = now + steps[kind].period * slowness();
        steps[kind].step(trial);
    }
}

static bool flood_once(struct trial *trial)
{
    if (hears_callers(trial)) {
        dial_and_break_off(trial);
        return true;
    }
    if (trial->verb->sends) {
        return attacker_reads(trial) > 0;
    }
    return attacker_sends(trial, is_over_stream(trial->wire) ? PIECE : DATAGRAM) > 0;
}

void *attack_flood(void *argument)
{
    struct trial *trial = argument;

    while (!trial->over) {
        if (!flood_once(trial)) {
            nap(1);
        }
    }
    return NULL;
}

const char *attack_is_missing(const struct attack *attack)
{
    if (attack->kind == BAD_SUMS && !may_send_raw(AF_INET)) {
        return "raw sockets are not permitted here (CAP_NET_RAW)";
    }
    if (attack->kind == PASSED && !can_refuse_passed()) {
        return "this kernel cannot refuse passed descriptors (SO_PASSRIGHTS, Linux 6.16)";
    }
    return NULL;
}
