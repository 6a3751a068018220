/* A hostile peer and an encrypted socket, over memory: toy+mem://. The peer speaks the toy cipher
 * by hand, in records of any type and in bytes of any kind, in pieces, and ends or breaks off; our
 * side is dialed or accepted, and receives, sends, half-closes, asks its poller and its properties,
 * step by step as the input says. The toy cipher checks what cipher.h promises to it. Here it is
 * checked that each call returns what it may, that bytes come once and in order, and that nothing
 * is left.
 */
#include "input.h"
#include "toy_cipher.h"

#include <netfacade.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 1 << 18, /* bytes of one direction in one run */
    SOME = 200,
    KEPT_MOST = 1 << 20 /* bytes that the peer's answers may be, waiting to be sent */
};

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "line %d: %s; last failure: %s\n", line, what, net_error_text());
        abort();
    }
}

#define expect(holds) check((holds), #holds, __LINE__)

/* ---- The peer ---- */

static struct {
    net_socket *plain;
    net_cipher_settings *settings;
    net_cipher_session *session;
    unsigned char in[ROOM];
    size_t in_count;
    int code; /* of its last step: 0, NET_CIPHER_HUNGRY, or why it is over */
    bool has_finished;
    bool is_wild; /* it has said what is no record, or out of its place */
    unsigned char said[ROOM];
    size_t said_count; /* bytes that our side must receive, in order */
    size_t heard;      /* bytes of ours that it has received */
} peer;

static net_cipher_failure failure;

static void peer_reads(void)
{
    ssize_t n =
        peer.plain != NULL && peer.in_count < sizeof peer.in
            ? net_recv(peer.plain, peer.in + peer.in_count, sizeof peer.in - peer.in_count, NET_NOW)
            : 0;

    peer.in_count += n > 0 ? (size_t)n : 0;
}

static void peer_flushes(size_t most)
{
    static unsigned char bytes[ROOM];
    size_t n = most > 0 ? toy_cipher.yield(peer.session, bytes, most) : 0;

    if (n > 0 && peer.plain != NULL && net_send(peer.plain, bytes, n, NET_NOW) != (ssize_t)n) {
        peer.is_wild = true; /* a part is lost */
    }
}

static void lend(void)
{
    toy_cipher.feed(peer.session, peer.in, peer.in_count);
}

static void take_back(void)
{
    size_t left = toy_cipher.feed(peer.session, NULL, 0);

    memmove(peer.in, peer.in + (peer.in_count - left), left);
    peer.in_count = left;
}

static bool is_ready;

static void peer_greets(void)
{
    if (!is_ready && peer.code == NET_CIPHER_HUNGRY) {
        lend();
        peer.code = toy_cipher.greet(peer.session, &failure);
        take_back();
        is_ready = peer.code == 0;
        peer.code = is_ready ? NET_CIPHER_HUNGRY : peer.code;
    }
}

/* What our side has sent comes in order: it is a text that counts. */
static void peer_hears(void)
{
    unsigned char bytes[SOME];

    if (!is_ready || peer.code != NET_CIPHER_HUNGRY) {
        return;
    }
    lend();
    ssize_t n = toy_cipher.decrypt(peer.session, bytes, sizeof bytes, &failure);

    take_back();
    peer.code = n < 0 ? (int)n : peer.code;
    for (ssize_t i = 0; i < n; i++) {
        expect(bytes[i] == (unsigned char)(peer.heard + (size_t)i));
    }
    peer.heard += n > 0 ? (size_t)n : 0;
    expect(n != NET_RESET || peer.is_wild);
}

static void peer_talks(unsigned how)
{
    size_t size = 1 + how % SOME;

    if (!is_ready || peer.code != NET_CIPHER_HUNGRY || peer.has_finished ||
        peer.said_count + size > ROOM) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        peer.said[peer.said_count + i] = (unsigned char)next_byte();
    }
    ssize_t n = toy_cipher.encrypt(peer.session, peer.said + peer.said_count, size, &failure);

    peer.said_count += n > 0 ? (size_t)n : 0;
}

/* Any record, or what is none. */
static void peer_misbehaves(unsigned how)
{
    unsigned char body[SOME];
    enum toy_type type = (enum toy_type)(TOY_HELLO + how % TOY_TICKET);
    size_t size = next_byte() % 32;

    for (size_t i = 0; i < size; i++) {
        body[i] = (unsigned char)next_byte();
    }
    if ((how & 0x80) != 0 && peer.plain != NULL) {
        peer.is_wild = true;
        (void)!net_send(peer.plain, body, size, NET_NOW);
        return;
    }
    if (type == TOY_ASK) {
        uint32_t asks = next_byte() * 16;

        memcpy(body, &asks, sizeof asks);
        size = sizeof asks;
    }
    bool is_tame = is_ready && (type == TOY_ASK || type == TOY_ANSWER || type == TOY_TICKET ||
                                (type == TOY_DATA && size == 0));

    peer.is_wild = peer.is_wild || !is_tame;
    toy_add(peer.session, type, body, size);
}

static void peer_ends(unsigned how)
{
    if ((how & 0x40) != 0 && is_ready && !peer.has_finished && peer.code == NET_CIPHER_HUNGRY) {
        toy_cipher.finish(peer.session);
        peer.has_finished = true;
        return;
    }
    if (peer.plain != NULL && (how & 0x80) != 0) {
        expect(net_set(peer.plain, "reset", "on") == 0);
    }
    net_close(peer.plain, NET_NOW);
    peer.plain = NULL;
    peer.is_wild = true;
}

/* ---- Our side ---- */

static net_socket *mine;
static net_poller *poller;
static size_t got;
static size_t sent;
static int over; /* the code that receiving ends with */
static bool is_shut;

static bool is_code(ssize_t n)
{
    return n == NET_TIMEOUT || n == NET_EOF || n == NET_RESET || n == NET_DENIED;
}

static void receive(unsigned how)
{
    unsigned char bytes[SOME];
    size_t size = how % SOME;
    ssize_t n = (how & 0x80) != 0 && size > 0
                    ? net_recv_until(mine, bytes, size, 'x', NET_NOW)
                    : net_recv(mine, bytes, size, (how & 0x40) != 0 ? net_after(0) : NET_NOW);

    expect(n == NET_TOOBIG || (n >= 0 && (size_t)n <= size) || (n < 0 && is_code(n)));
    expect(n <= 0 || over == 0 || (how & 0x80) != 0);
    for (ssize_t i = 0; i < n && !peer.is_wild; i++) {
        expect(got + (size_t)i < peer.said_count && bytes[i] == peer.said[got + (size_t)i]);
    }
    got += n > 0 ? (size_t)n : 0;
    expect(n != NET_EOF || peer.has_finished || peer.is_wild);
    expect(over == 0 || n >= 0 || n == over || n == NET_TOOBIG);
    over = n < 0 && n != NET_TIMEOUT && n != NET_TOOBIG ? (int)n : over;
}

static void transmit(unsigned how)
{
    unsigned char bytes[SOME];
    size_t size = how % SOME;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(sent + i);
    }
    ssize_t n = net_send(mine, bytes, size, (how & 0x80) != 0 ? net_after(0) : NET_NOW);

    expect((n >= 0 && (size_t)n <= size) || (is_code(n) && n != NET_EOF) ||
           (n == NET_MISUSE && is_shut));
    sent += n > 0 ? (size_t)n : 0;
}

static void ask(unsigned how)
{
    static const char *const names[] = {"peer-motto", "card", "motto", "peer", "asked-host"};
    char text[600];
    net_event event;

    if ((how & 0x80) != 0) {
        (void)net_get(mine, names[how % 5], text, sizeof text);
        return;
    }
    int n = net_poller_wait(poller, &event, 1, NET_NOW);

    expect(n == NET_TIMEOUT || (n == 1 && event.socket == mine));
}

static void half_close(void)
{
    int code = net_shutdown(mine);

    expect(code == 0 || is_code(code));
    is_shut = is_shut || code == 0;
}

static void take_step(void)
{
    unsigned step = next_byte();
    unsigned how = next_byte();

    switch (step % 12) {
    case 0:
    case 1:
        peer_reads();
        peer_greets();
        peer_flushes(how % 8 == 0 ? 1 + how : ROOM);
        break;
    case 2:
        peer_talks(how);
        break;
    case 3:
        peer_misbehaves(how);
        break;
    case 4:
        peer_flushes(how);
        break;
    case 5:
        peer_reads();
        peer_hears();
        break;
    case 6:
    case 7:
        receive(how);
        break;
    case 8:
        transmit(how);
        break;
    case 9:
        ask(how);
        break;
    case 10:
        if (how % 4 == 0) {
            half_close();
        }
        break;
    default:
        if (how % 8 == 0) {
            peer_ends(how);
        }
        break;
    }
    expect(atomic_load(&toy_sealed_most) < KEPT_MOST);
}

/* ---- A run ---- */

static void open_peer(int side, const char *faults)
{
    peer.settings = toy_configure(side, faults, &failure);
    expect(peer.settings != NULL);
    peer.session = toy_cipher.open(peer.settings, side, NULL, NULL, &failure);
    expect(peer.session != NULL);
    peer.code = NET_CIPHER_HUNGRY;
    peer.in_count = peer.said_count = peer.heard = 0;
    peer.has_finished = peer.is_wild = is_ready = is_shut = false;
    got = sent = 0;
    over = 0;
}

static void open_both(void)
{
    static const char *const ours[] = {"mood=calm", "faults=sip:1", "faults=give:3,take:5",
                                       "faults=record:20,empty:1"};
    static const char *const theirs[] = {NULL, "yield:3", "record:9", "empty:2"};
    static net_socket *plain;
    static net_socket *encrypted[4];
    unsigned how = next_byte();
    unsigned kind = how & 3;
    char address[128];

    expect(net_use_cipher(&toy_cipher) == 0);
    plain = plain != NULL ? plain : net_listen("mem://plain?sndbuf=2000&rcvbuf=2000");
    snprintf(address, sizeof address, "toy+mem://%u?%s&sndbuf=2000&rcvbuf=2000", kind, ours[kind]);
    encrypted[kind] = encrypted[kind] != NULL ? encrypted[kind] : net_listen(address);
    poller = poller != NULL ? poller : net_poller_open();
    if ((how & 0x80) != 0) {
        snprintf(address, sizeof address, "toy+mem://plain?%s", ours[kind]);
        mine = net_connect(address, NET_NOW);
        peer.plain = net_accept(plain, NET_NOW);
    } else {
        snprintf(address, sizeof address, "mem://%u", kind);
        peer.plain = net_connect(address, NET_NOW);
        mine = net_accept(encrypted[kind], NET_NOW);
    }
    expect(mine != NULL && peer.plain != NULL);
    open_peer((how & 0x80) != 0 ? NET_CIPHER_SERVER : NET_CIPHER_CLIENT, theirs[how >> 2 & 3]);
    expect(net_poller_watch(poller, mine, NET_READABLE, NULL, NET_FOREVER) == 0);
    atomic_store(&toy_sealed_most, 0);
}

/* If the peer has kept to the rules, all that it said is received, and its end. */
static void finish(void)
{
    enum { LAST_STEPS = 4000 };
    bool is_fair = !peer.is_wild && is_ready && peer.code == NET_CIPHER_HUNGRY;

    for (int i = 0; i < LAST_STEPS && is_fair && got < peer.said_count; i++) {
        peer_reads();
        peer_hears();
        peer_flushes(500);
        receive(0x47);
        is_fair = !peer.is_wild;
    }
    expect(!is_fair || got == peer.said_count || over != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_left = size;
    open_both();
    long settings = toy_settings();

    while (input_left > 0) {
        take_step();
    }
    finish();
    net_close(mine, NET_NOW);
    net_close(peer.plain, NET_NOW);
    peer.plain = NULL;
    toy_cipher.close(peer.session);
    toy_cipher.release(peer.settings);
    expect(toy_sessions() == 0);
    expect(toy_settings() < settings);
    return 0;
}
