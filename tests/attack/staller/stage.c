/* The two ends of a trial. The attacker's end is a plain descriptor where the wire has any, so that
 * the library does not help it. */
#define _GNU_SOURCE
#include "trial.h"
#include "foreign.h"
#include "raw_unix.h"
#include "trains.h"
#include "watching.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

bool is_pipe(const char *wire)
{
    return strcmp(wire, "pipe") == 0;
}

static const char *layer_of(const char *wire)
{
    bool is_chaos = strncmp(wire, "chaos+", strlen("chaos+")) == 0;

    return is_chaos ? "chaos+" : is_framed(wire) ? "framed+" : "";
}

static net_socket *adopt(int fd)
{
    char address[ADDRESS_MAX];

    foreign_address(fd, "", address);
    return assert_socket(net_connect(address, NET_NOW));
}

static void open_pipe(struct trial *trial)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    trial->mine = adopt(ends[0]);
    trial->fd = ends[1];
}

/* A library socket that dials the listener, and that has said who it is. */
static net_socket *dial(struct trial *trial)
{
    char address[ADDRESS_MAX];

    dial_address(trial->listener, address);
    net_socket *made = assert_socket(net_connect(address, soon()));

    if (!is_over_stream(trial->wire)) {
        say(made, "hi");
    }
    return made;
}

static net_socket *accept_one(struct trial *trial)
{
    char hi[8];
    net_socket *made = assert_socket(net_accept(trial->listener, soon()));

    if (!is_over_stream(trial->wire)) {
        assert_count(net_recv(made, hi, sizeof hi, soon()), 2);
    }
    return made;
}

/* The attacker speaks no frames. What it trickles is a part of a message that it announces. */
static void dial_unframed(struct trial *trial)
{
    static const char head[] = {0, 1, 0, 0};
    char address[ADDRESS_MAX];

    dial_address(trial->listener, address);
    trial->other = assert_socket(net_connect(address + strlen("framed+"), soon()));
    trial->fd = net_fd(trial->other);
    if (trial->attack->kind == TRICKLE) {
        assert_int_equal(send(trial->fd, head, sizeof head, MSG_NOSIGNAL), sizeof head);
    }
}

/* The attacker begins a handshake, and what it trickles goes on with it. */
static void dial_unencrypted(struct trial *trial)
{
    static const char head[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, (char)0xfc, 3, 3};

    trial->fd = foreign_dial(trial->listener);
    assert_int_equal(send(trial->fd, head, sizeof head, MSG_NOSIGNAL), sizeof head);
}

/* Returns the socket that the attacker's end belongs to. Only with the library's help can it talk
 * where bytes are encrypted. */
static net_socket *accept_attacker(struct trial *trial)
{
    bool is_encrypted_wire = is_encrypted(trial->wire);

    if (is_framed(trial->wire)) {
        dial_unframed(trial);
        return accept_one(trial);
    }
    if (is_encrypted_wire && trial->attack->kind == TRICKLE) {
        dial_unencrypted(trial);
        return accept_one(trial);
    }
    if (is_encrypted_wire || net_fd(trial->listener) < 0) {
        trial->other = dial(trial);
        return accept_one(trial);
    }
    trial->fd = foreign_dial(trial->listener);
    if (!is_over_stream(trial->wire)) {
        assert_int_equal(send(trial->fd, "hi", 2, 0), 2);
    }
    return accept_one(trial);
}

static void open_adopted(struct trial *trial)
{
    trial->mine = adopt(foreign_dial(trial->listener));
    if (!is_over_stream(trial->wire)) {
        say(trial->mine, "hi");
    }
    trial->other = accept_one(trial);
    trial->fd = is_over_stream(trial->wire) ? net_fd(trial->other) : -1;
}

/* The attacker's socket is connected back to the one that dialed it. */
static void open_dialed(struct trial *trial)
{
    char address[ADDRESS_MAX];
    struct sockaddr_un name = {0};
    socklen_t length = sizeof name;
    const char *layer = layer_of(trial->wire);

    if (strstr(trial->wire, "memgram") != NULL) {
        trial->mine = dial(trial);
        trial->other = accept_one(trial);
        return;
    }
    if (is_ip(trial->wire)) {
        trial->fd = raw_bind("127.0.0.1", address + strlen(layer));
        memcpy(address, layer, strlen(layer));
    } else {
        trial->fd = raw_unix_open("unixgram://@");
        assert_int_equal(getsockname(trial->fd, (struct sockaddr *)&name, &length), 0);
        snprintf(address, sizeof address, "%sunixgram://@%.32s", layer, name.sun_path + 1);
    }
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    char hi[8];

    trial->mine = assert_socket(net_connect(address, soon()));
    say(trial->mine, "hi");
    assert_int_equal(recvfrom(trial->fd, hi, sizeof hi, 0, (struct sockaddr *)&from, &size), 2);
    assert_int_equal(connect(trial->fd, (struct sockaddr *)&from, size), 0);
}

static void open_full_unix(struct trial *trial, const char *layer)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length = sizeof name;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = 0;

    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name.sun_family), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    for (int i = 0; i < 8 && result == 0; i++) {
        int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        result = connect(caller, (struct sockaddr *)&name, length);
    }
    snprintf(trial->address, sizeof trial->address, "%sunix://@%.32s", layer, name.sun_path + 1);
}

static void open_dialing(struct trial *trial)
{
    const char *layer = layer_of(trial->wire);
    struct black_hole hole;

    if (strstr(trial->wire, "mem:") != NULL) {
        trial->listener = assert_socket(net_listen("mem://?backlog=1"));
        dial_address(trial->listener, trial->address);
        trial->other = assert_socket(net_connect(trial->address, soon()));
    } else if (is_ip(trial->wire)) {
        open_black_hole(strstr(trial->wire, "[::1]") != NULL ? "::1" : "127.0.0.1", 0, &hole);
        snprintf(trial->address, sizeof trial->address, "%.8s%.200s", layer, hole.address);
        if (is_encrypted(trial->wire)) {
            memcpy(trial->address, "tls", strlen("tcp"));
        }
    } else {
        open_full_unix(trial, layer);
    }
    trial->mine = assert_socket(net_connect(trial->address, NET_NOW));
}

void stage_open(struct trial *trial)
{
    trial->fd = -1;
    trial->poller = open_poller();
    if (is_pipe(trial->wire)) {
        open_pipe(trial);
    } else if (trial->role == DIALING) {
        open_dialing(trial);
    } else {
        trial->listener = assert_socket(net_listen(trial->wire));
    }
    if (is_pipe(trial->wire)) {
        return;
    }
    switch (trial->role) {
    case ACCEPTED:
        trial->mine = accept_attacker(trial);
        break;
    case DIALED:
        open_dialed(trial);
        break;
    case ADOPTED:
        open_adopted(trial);
        break;
    case LISTENER:
        trial->mine = trial->listener;
        if (is_over_stream(trial->wire)) {
            dial_address(trial->listener, trial->address);
        } else {
            accept_attacker(trial);
        }
        break;
    default:
        break;
    }
}
