/* A hostile peer and a socket that carries messages, over memory: framed+mem://. The input is the
 * frame, the bounds, and then what both sides do, step by step: the peer says any bytes, in pieces,
 * and ends or breaks off; our side receives, sends, and asks its poller. The model in
 * framed_model.h says what each call must return. */
#include "framed_model.h"
#include "input.h"
#include "socket/kept.h"

#include <netfacade.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONG_UNIT = 1024, /* a long piece is a multiple of half of it */
    BATCH_MOST = 5,
    GROWTH = 4,       /* times more room than a socket needs for what it keeps */
    FITS = 64,        /* bytes, where it keeps next to nothing */
    SPARE = 1024,     /* bytes that the model always has room for */
    LAST_STEPS = 4096 /* within which the peer has heard everything */
};

/* ---- The input ---- */

/* Some bytes of the input; or many bytes that are all alike, if our side reads far ahead: else that
 * takes too long. Returns how many. */
static size_t next_bytes(unsigned char *to, size_t room)
{
    unsigned how = next_byte();
    size_t size = how & 0x3f;

    if ((how & 0x80) != 0 && model.queue >= LONG_UNIT) {
        size = (size + 1) * LONG_UNIT / 2;
        size = size < room ? size : room;
        memset(to, 'x', size);
        return size;
    }
    size = size < input_left ? size : input_left;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(to, input, size);
    }
    input += size;
    input_left -= size;
    return size;
}

/* ---- The two sides ---- */

static net_socket *mine;
static net_socket *peer;
static net_poller *poller;

/* A deadline that has passed is not the same as none: the library then receives a long message
 * without a copy. */
static net_deadline deadline_of(unsigned step)
{
    return (step & 0x40) != 0 ? net_after(0) : NET_NOW;
}

static void peer_says(void)
{
    static unsigned char bytes[IN_MOST];
    size_t size = next_bytes(bytes, IN_MOST - model.in_count);
    ssize_t n = peer != NULL && model.end == 0 ? net_send(peer, bytes, size, NET_NOW) : 0;

    expect(n >= 0 || n == NET_TIMEOUT);
    if (n > 0) {
        memcpy(model.in + model.in_count, bytes, (size_t)n);
        model.in_count += (size_t)n;
    }
}

static void peer_ends(unsigned step)
{
    if (peer == NULL || model.end != 0) {
        return;
    }
    if ((step & 0x40) == 0) {
        expect(net_shutdown(peer) == 0);
        model.end = NET_EOF;
        return;
    }
    expect(net_set(peer, "reset", "on") == 0);
    net_close(peer, NET_NOW);
    peer = NULL;
    model.end = NET_RESET;
}

/* What the peer has heard is what was sent, in order. Returns how much it heard. */
static ssize_t peer_hears(size_t most)
{
    static unsigned char bytes[OUT_MOST];
    ssize_t n = peer != NULL && most > 0 ? net_recv(peer, bytes, most, NET_NOW) : 0;

    if (n > 0) {
        expect((size_t)n <= model.out_count - model.out_at);
        expect(memcmp(bytes, model.out + model.out_at, (size_t)n) == 0);
        model.out_at += (size_t)n;
    }
    expect(n >= 0 || n == NET_TIMEOUT || n == NET_EOF);
    expect(n != NET_EOF || (model.is_shut && model.out_at == model.out_count));
    return n;
}

/* The peer says what it has heard: messages of the library's own. */
static void peer_echoes(void)
{
    size_t from = model.out_at;
    ssize_t n = peer_hears(4 * LONG_UNIT);

    if (n > 0 && model.end == 0 && IN_MOST - model.in_count >= (size_t)n) {
        n = net_send(peer, model.out + from, (size_t)n, NET_NOW);
        expect(n > 0 || n == NET_TIMEOUT);
    } else {
        n = 0;
    }
    if (n > 0) {
        memcpy(model.in + model.in_count, model.out + from, (size_t)n);
        model.in_count += (size_t)n;
    }
}

/* What a receive finds, which then knows it, too. */
static int look(struct found *found)
{
    model.was_bad = false;
    return next_message(found);
}

/* Much only where messages may be long. */
static size_t next_capacity(unsigned step)
{
    size_t unit = (step & 0x80) != 0 && model.queue >= LONG_UNIT ? LONG_UNIT : 1;

    return (next_byte() + 1) * unit - 1;
}

static void receive(unsigned step)
{
    struct found found;
    int next = look(&found);
    size_t capacity = next_capacity(step);
    unsigned char *buffer = malloc(capacity + 1);

    expect(buffer != NULL);
    ssize_t n = net_recv(mine, buffer, capacity, deadline_of(step));

    for (size_t i = 0; n == NET_TIMEOUT && is_much() && i < IN_MOST / LATE_READS; i++) {
        n = net_recv(mine, buffer, capacity, deadline_of(step));
    }
    if (next < 0) {
        expect(n == next && net_error() == next);
    } else if (found.size > capacity) {
        expect(n == NET_TOOBIG);
        take_message(&found, capacity);
    } else {
        expect(n == (ssize_t)found.size && memcmp(buffer, found.bytes, found.size) == 0);
        take_message(&found, capacity);
    }
    free(buffer);
}

/* All that are there, or as many as it has place for. */
static void receive_messages(unsigned step)
{
    net_message messages[BATCH_MOST];
    int count = 1 + (int)(next_byte() % BATCH_MOST);
    struct found found;
    int next = look(&found);

    memset(messages, 0, sizeof messages);
    for (int i = 0; i < count; i++) {
        messages[i].capacity = next_capacity(i == 0 ? step : 0);
        messages[i].data = malloc(messages[i].capacity + 1);
        expect(messages[i].data != NULL);
    }
    int n = net_recv_messages(mine, messages, count, deadline_of(step));

    expect(n != 0 && n <= count && (n > 0) <= (next > 0));
    expect(n > 0 || n == next || (n == NET_TIMEOUT && is_much()));
    for (int i = 0; i < n; i++) {
        expect(next_message(&found) == 1 && messages[i].size == found.size);
        if (found.size <= messages[i].capacity) {
            expect(memcmp(messages[i].data, found.bytes, found.size) == 0);
        }
        take_message(&found, messages[i].capacity);
    }
    expect(n < 0 || n == count || next_message(&found) < 0 || is_much());
    for (int i = 0; i < count; i++) {
        free(messages[i].data);
    }
}

static void ask_poller(void)
{
    struct found found;
    bool would_wait = next_message(&found) == NET_TIMEOUT;
    net_event event;
    int n = net_poller_wait(poller, &event, 1, NET_NOW);

    if (!(would_wait && model.was_bad) && !is_much()) {
        expect(n == (would_wait ? NET_TIMEOUT : 1));
    }
    expect(n < 0 || (event.socket == mine && event.ready == NET_READABLE));
}

/* Nothing that was to be sent is lost. A send may fail for want of room only if the peer has not
 * heard everything. */
static void expect_send_code(ssize_t code, int refusal)
{
    if (peer == NULL) {
        expect(code < 0);
    } else if (code == NET_TIMEOUT) {
        expect(model.out_at < model.out_count);
    } else {
        expect((code == refusal && refusal != 0) || (code == NET_MISUSE && model.is_shut));
    }
}

static void transmit(unsigned step)
{
    static unsigned char bytes[OUT_MOST];
    size_t size = next_bytes(bytes, (OUT_MOST - model.out_count) / 2);

    if (OUT_MOST - model.out_count < (size_t)SPARE) {
        return;
    }
    ssize_t n = net_send(mine, bytes, size, deadline_of(step));

    if (n < 0) {
        expect_send_code(n, refused(bytes, size));
        return;
    }
    expect((size_t)n == size && refused(bytes, size) == 0 && !model.is_shut);
    add_sent(bytes, size);
}

static void transmit_messages(unsigned step)
{
    static unsigned char bytes[BATCH_MOST][OUT_MOST / BATCH_MOST];
    net_message messages[BATCH_MOST];
    int count = 1 + (int)(next_byte() % BATCH_MOST);
    size_t room = (OUT_MOST - model.out_count) / BATCH_MOST;

    memset(messages, 0, sizeof messages);
    if (room < (size_t)SPARE) {
        return;
    }
    for (int i = 0; i < count; i++) {
        messages[i].data = bytes[i];
        messages[i].size = next_bytes(bytes[i], room - SPARE / 4);
    }
    int n = net_send_messages(mine, messages, count, deadline_of(step));

    expect(n != 0 && n <= count);
    for (int i = 0; i < n; i++) {
        expect(refused(bytes[i], messages[i].size) == 0 && !model.is_shut);
        add_sent(bytes[i], messages[i].size);
    }
    if (n < 0) {
        expect_send_code(n, refused(bytes[0], messages[0].size));
    } else if (n < count) {
        expect_send_code(net_error(), refused(bytes[n], messages[n].size));
    }
}

static void half_close(void)
{
    int code = net_shutdown(mine);

    expect(code == 0 || peer == NULL);
    model.is_shut = model.is_shut || code == 0;
}

static void change_bounds(void)
{
    struct found found;
    char text[16];

    model.was_bad = model.was_bad || next_message(&found) == NET_RESET;
    model.max = 1 + next_byte();
    snprintf(text, sizeof text, "%d", (int)model.max);
    expect(net_set(mine, "max", text) == 0);
    model.queue = (1 + next_byte()) * (model.queue >= LONG_UNIT ? LONG_UNIT : 1);
    snprintf(text, sizeof text, "%d", (int)model.queue);
    expect(net_set(mine, "queue", text) == 0);
}

/* What is kept are bytes that the peer has said. Room is for no more than some times as many. */
static void check_memory(void)
{
    struct nf_kept *kept = mine->kept;

    expect(nf_kept_count(kept) <= model.in_count - model.in_at);
    expect(kept == NULL || (kept->count > 0 && kept->room / GROWTH <= kept->count + FITS));
}

static void take_step(void)
{
    unsigned step = next_byte();

    switch (step % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        peer_says();
        break;
    case 4:
    case 5:
        receive(step);
        break;
    case 6:
    case 7:
        receive_messages(step);
        break;
    case 8:
        ask_poller();
        break;
    case 9:
        transmit(step);
        break;
    case 10:
        transmit_messages(step);
        break;
    case 11:
        peer_hears(next_byte() * (step & 0x80 ? LONG_UNIT : 1));
        break;
    case 12:
        peer_echoes();
        break;
    case 13:
        change_bounds();
        break;
    case 14:
        half_close();
        break;
    default:
        peer_ends(step);
        break;
    }
    check_memory();
}

/* ---- A run ---- */

static void open_both(void)
{
    static const char *const frames[] = {"u32", "u16", "netstring", "line"};
    static const size_t maxima[] = {1, 5, 100, 65535, 100000};
    static const char *const targets[] = {"large?sndbuf=8KiB&rcvbuf=8KiB",
                                          "small?sndbuf=40&rcvbuf=40"};
    static net_socket *listeners[2];
    unsigned how = next_byte();
    unsigned target = how >> 7;
    char address[128];

    snprintf(address, sizeof address, "mem://%s", targets[target]);
    listeners[target] = listeners[target] != NULL ? listeners[target] : net_listen(address);
    poller = poller != NULL ? poller : net_poller_open();
    model.kind = (enum nf_frame_kind)(how & 3);
    model.max = maxima[(how & 0xf) < 0xc || (how & 3) == NF_FRAME_U16 ? how >> 2 & 3 : 4];
    model.queue = (size_t)1 << (how >> 4 & 7) * 2;
    model.in_count = model.in_at = model.out_count = model.out_at = 0;
    model.messages = model.bytes = model.truncated = 0;
    model.end = 0;
    model.is_shut = false;
    model.was_bad = false;
    snprintf(address, sizeof address, "framed+mem://%s&frame=%s&max=%d&queue=%d", targets[target],
             frames[how & 3], (int)model.max, (int)model.queue);
    mine = net_connect(address, NET_NOW);
    peer = net_accept(listeners[target], NET_NOW);
    expect(mine != NULL && peer != NULL);
    expect(net_poller_watch(poller, mine, NET_READABLE, NULL, NET_FOREVER) == 0);
}

/* Everything that is there is received, and everything that was sent arrives. */
static void finish(void)
{
    struct found found;
    net_event event;
    int64_t count;

    for (int next = 1; next > 0;) {
        next = next_message(&found);
        receive(0x44);
    }
    for (int i = 0; i < LAST_STEPS && peer != NULL && model.out_at < model.out_count; i++) {
        net_poller_wait(poller, &event, 1, NET_NOW);
        peer_hears(OUT_MOST);
    }
    expect(peer == NULL || model.out_at == model.out_count);
    expect(net_get_number(mine, "messages-received", &count) == 0 && count == model.messages);
    expect(net_get_number(mine, "bytes-received", &count) == 0 && count == model.bytes);
    expect(net_get_number(mine, "truncated", &count) == 0 && count == model.truncated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_left = size;
    open_both();
    while (input_left > 0) {
        take_step();
    }
    finish();
    net_close(mine, NET_NOW);
    net_close(peer, NET_NOW);
    return 0;
}
