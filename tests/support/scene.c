/* A listener and its callers over a wire, and the ledger of what the wire delivered. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wire wire;
struct scene scene;

static unsigned char out[BATCH][SIZE_MOST];
static unsigned char in[BATCH][SIZE_MOST];

/* ---- Datagrams ---- */

static uint64_t sum_of(const struct caption *caption, const unsigned char *rest)
{
    const uint64_t prime =
        0x100000001b3; /* the prime of FNV-1a, used here for eight bytes at a time */
    size_t size = caption->size - sizeof *caption;
    uint64_t sum = 0xcbf29ce484222325;
    uint64_t word = 0;

    sum = (sum ^ ((uint64_t)caption->call << 32 | caption->way)) * prime;
    sum = (sum ^ ((uint64_t)caption->number << 32 | caption->size)) * prime;
    for (size_t at = 0; at < size; at += sizeof word) {
        word = 0;
        memcpy(&word, rest + at, size - at < sizeof word ? size - at : sizeof word);
        sum = (sum ^ word) * prime;
        sum ^= sum >> 29;
    }
    return sum;
}

static void write_datagram(unsigned char *data, unsigned call, enum way way, size_t size)
{
    struct caption caption = {
        .call = call, .way = way, .number = scene.call[call].sent[way]++, .size = (uint32_t)size};

    write_pattern(data + sizeof caption, size - sizeof caption,
                  caption.number * 131 + call * 7 + way);
    caption.sum = sum_of(&caption, data + sizeof caption);
    memcpy(data, &caption, sizeof caption);
}

void read_caption(const unsigned char *data, size_t size, struct caption *caption)
{
    assert_in_range(size, sizeof *caption, SIZE_MOST);
    memcpy(caption, data, sizeof *caption);
    assert_int_equal(caption->size, size);
    assert_in_range(caption->call, 0, CALLERS - 1);
    assert_in_range(caption->way, TO_LISTENER, TO_CALLER);
    assert_true(caption->number < scene.call[caption->call].sent[caption->way]);
    assert_true(caption->sum == sum_of(caption, data + sizeof *caption));
}

/* Each datagram must arrive whole, from the socket that sent it, at the socket that it is for. */
static void witness(void *context, unsigned from_port, unsigned to_port, const unsigned char *data,
                    size_t size)
{
    struct entry *entry = &scene.ledger[scene.entries++];

    (void)context;
    assert_in_range(scene.entries, 1, LEDGER - 1);
    read_caption(data, size, &entry->caption);
    unsigned port = scene.call[entry->caption.call].port;
    bool up = entry->caption.way == TO_LISTENER;

    assert_int_equal(from_port, up ? port : scene.port);
    assert_int_equal(to_port, up ? scene.port : port);
    entry->is_heard = false;
}

static bool is_for(const struct entry *entry, const struct ear *ear)
{
    bool accepted = scene.call[entry->caption.call].peer != NULL;

    if (entry->is_heard || entry->caption.way != ear->way) {
        return false;
    }
    return ear->call == NO_CALL ? !accepted : (int)entry->caption.call == ear->call;
}

/* The next that has been delivered for this receiver; NULL: it has received all. */
static struct entry *next_for(const struct ear *ear, struct entry *from)
{
    struct entry *end = scene.ledger + scene.entries;

    while (scene.first < scene.entries && scene.ledger[scene.first].is_heard) {
        scene.first++;
    }
    for (struct entry *entry = from != NULL ? from + 1 : scene.ledger + scene.first; entry < end;
         entry++) {
        if (is_for(entry, ear)) {
            return entry;
        }
    }
    return NULL;
}

/* A datagram of `size` bytes, received into `capacity` bytes, must be the next in the ledger. */
static void note(const struct ear *ear, const unsigned char *data, size_t size, size_t capacity,
                 const net_endpoint *endpoint)
{
    struct entry *entry = next_for(ear, NULL);
    struct caption caption;
    size_t head = capacity < sizeof caption ? capacity : sizeof caption;

    while (entry != NULL && scene.may_miss && memcmp(data, &entry->caption, head) != 0) {
        entry = next_for(ear, entry);
    }
    assert_non_null(entry);
    assert_int_equal(size, entry->caption.size);
    assert_memory_equal(data, &entry->caption, head);
    if (size <= capacity) {
        read_caption(data, size, &caption);
    }
    entry->is_heard = true;
    scene.truncated += size > capacity ? 1 : 0;
    if (endpoint != NULL && ear->way == TO_LISTENER) {
        char text[ADDRESS_MAX];
        struct call *call = &scene.call[entry->caption.call];

        assert_ok(net_endpoint_text(endpoint, text, sizeof text));
        assert_int_equal(strtoul(strrchr(text, ':') + 1, NULL, 10), call->port);
        call->endpoint = *endpoint;
        call->is_known = true;
    }
}

/* ---- Hearing ---- */

/* Now and then the buffer is too small even for the caption. */
static size_t some_capacity(void)
{
    return !scene.may_miss && random_below(&scene.seed, 8) == 0 ? random_below(&scene.seed, 64)
                                                                : SIZE_MOST;
}

static int hear_one(const struct ear *ear)
{
    size_t capacity = some_capacity();
    ssize_t n = net_recv(ear->socket, in[0], capacity, NET_NOW);

    if (n == NET_TIMEOUT) {
        return 0;
    }
    if (n == NET_TOOBIG) {
        const struct entry *entry = next_for(ear, NULL);
        char words[64];

        assert_non_null(entry);
        snprintf(words, sizeof words, "a message of %u bytes", (unsigned)entry->caption.size);
        assert_says(words);
        n = (ssize_t)entry->caption.size;
        assert_true((size_t)n > capacity);
    }
    assert_true(n >= 0);
    note(ear, in[0], (size_t)n, capacity, NULL);
    return 1;
}

static int hear_some(const struct ear *ear)
{
    net_message messages[BATCH];
    int count = 1 + (int)random_below(&scene.seed, BATCH);

    for (int i = 0; i < count; i++) {
        messages[i] = (net_message){.data = in[i], .capacity = some_capacity()};
    }
    int n = net_recv_messages(ear->socket, messages, count, NET_NOW);

    assert_true(n > 0 || n == NET_TIMEOUT);
    for (int i = 0; i < n; i++) {
        note(ear, in[i], messages[i].size, messages[i].capacity, &messages[i].endpoint);
    }
    return n > 0 ? n : 0;
}

static int hear_by_chance(const struct ear *ear)
{
    return ear->call == NO_CALL || random_below(&scene.seed, 2) == 0 ? hear_some(ear)
                                                                     : hear_one(ear);
}

void hear_all(const struct ear *ear)
{
    while (hear_by_chance(ear) > 0) {
    }
    assert_true(scene.may_miss || next_for(ear, NULL) == NULL);
}

struct ear ear_of(int call, enum way way)
{
    struct ear ear = {.way = way, .call = call, .socket = scene.listener};

    if (call != NO_CALL) {
        ear.socket = way == TO_CALLER ? scene.call[call].caller : scene.call[call].peer;
    }
    return ear;
}

/* Callers receive everything, since the kernel has little room for their queues. The others receive
 * some of theirs each, so that they read for each other. */
void hear_a_round(bool all)
{
    for (int i = NO_CALL; i < CALLERS; i++) {
        struct ear ear = ear_of(i, TO_LISTENER);

        if (ear.socket != NULL && all) {
            hear_all(&ear);
        } else if (ear.socket != NULL) {
            hear_by_chance(&ear);
        }
    }
    for (int i = 0; i < CALLERS; i++) {
        struct ear ear = ear_of(i, TO_CALLER);

        hear_all(&ear);
    }
}

/* ---- Sending ---- */

static size_t some_size(size_t most)
{
    size_t least = sizeof(struct caption);

    return least + random_below(&scene.seed, (unsigned)(most - least + 1));
}

void send_one(unsigned call, enum way way, size_t most)
{
    net_socket *from = way == TO_LISTENER ? scene.call[call].caller : scene.call[call].peer;
    size_t size = some_size(most);
    size_t head = random_below(&scene.seed, 2) == 0 ? size : random_below(&scene.seed, 24);
    const net_slice slices[] = {{out[0], head}, {out[0] + head, size - head}};

    write_datagram(out[0], call, way, size);
    assert_count(head == size ? net_send(from, out[0], size, soon())
                              : net_send_vector(from, slices, 2, soon()),
                 (long long)size);
    scene.on_the_wire++;
}

/* All of one size, the last one shorter now and then: a train. Or each of any size. */
static void write_batch(net_message *messages, int count, unsigned call, enum way way)
{
    bool alike = random_below(&scene.seed, 3) > 0;
    size_t size = some_size(FITS / 2);

    for (int i = 0; i < count; i++) {
        size = alike ? size : some_size(FITS / 2);
        if (alike && i == count - 1) {
            size = some_size(size);
        }
        write_datagram(out[i], call, way, size);
        messages[i] = (net_message){.data = out[i], .size = size};
    }
}

void send_batch(unsigned call, enum way way)
{
    net_socket *from = way == TO_LISTENER ? scene.call[call].caller : scene.call[call].peer;
    net_message messages[BATCH];
    int count = 1 + (int)random_below(&scene.seed, BATCH);

    write_batch(messages, count, call, way);
    assert_count(net_send_messages(from, messages, count, soon()), count);
    scene.on_the_wire += count;
}

/* From the listener to strangers and peers, some datagrams in a row to each. */
static void send_to_several(void)
{
    net_message messages[BATCH];
    int count = 0;

    while (count < BATCH / 2) {
        unsigned call = random_below(&scene.seed, CALLERS);
        int row = 1 + (int)random_below(&scene.seed, BATCH / 4);
        size_t size = some_size(FITS / 2);

        if (!scene.call[call].is_known) {
            return; /* it will be known soon */
        }
        for (int i = 0; i < row; i++, count++) {
            write_datagram(out[count], call, TO_CALLER, size);
            messages[count] = (net_message){
                .data = out[count], .size = size, .endpoint = scene.call[call].endpoint};
        }
    }
    assert_count(net_send_messages(scene.listener, messages, count, soon()), count);
    scene.on_the_wire += count;
}

void carry(void)
{
    wire_carry(&wire, scene.on_the_wire);
    scene.on_the_wire = 0;
}

void send_a_round(void)
{
    for (int i = 0; i < 5; i++) {
        unsigned call = random_below(&scene.seed, CALLERS);
        enum way way = random_below(&scene.seed, 2) == 0 ? TO_LISTENER : TO_CALLER;

        if (way == TO_CALLER && scene.call[call].peer == NULL) {
            send_to_several();
        } else if (random_below(&scene.seed, 2) == 0) {
            send_one(call, way, FITS);
        } else {
            send_batch(call, way);
        }
    }
    carry();
}

/* ---- Opening and closing ---- */

static net_socket *dial_far(unsigned i, const char *options)
{
    char address[ADDRESS_MAX];
    char local[ADDRESS_MAX];
    char name[ADDRESS_MAX];

    assert_ok(net_get(scene.listener, "local", name, sizeof name));
    bool v6 = strstr(name, "//[fd80") != NULL || (strstr(name, "//10.80") == NULL && i % 2 == 1);

    snprintf(address, sizeof address, "udp://%s:%u%s", v6 ? WIRE_FAR_V6 : WIRE_FAR_V4, scene.port,
             options);
    net_socket *caller = assert_socket(net_connect(address, soon()));

    assert_ok(net_get(caller, "local", local, sizeof local));
    scene.call[i].port = (unsigned)strtoul(strrchr(local, ':') + 1, NULL, 10);
    return caller;
}

static unsigned first_seed(void)
{
    const char *told = getenv("NETFACADE_TEST_SEED");

    return told != NULL ? (unsigned)strtoul(told, NULL, 10) : 12;
}

bool lay(enum wire_kind kind)
{
    static const char *const names[WIRE_KINDS] = {"that can do nothing", "that cuts trains",
                                                  "that takes trains"};

    if (!wire_become(&wire, kind)) {
        print_message("skipped: before Linux 6.2 there is no wire %s\n", names[kind]);
        return false;
    }
    scene.seed = first_seed() + kind;
    wire.seed = scene.seed;
    print_message("a wire %s, seed %u\n", names[kind], first_seed());
    return true;
}

void open_scene(const char *template, const char *options, const char *caller_options)
{
    char address[ADDRESS_MAX];
    unsigned seed = scene.seed;

    memset(&scene, 0, sizeof scene);
    scene.seed = seed;
    snprintf(address, sizeof address, "%s%s", template, options);
    scene.listener = assert_socket(net_listen(address));
    scene.port = (unsigned)number_of(scene.listener, "port");
    for (unsigned i = 0; i < CALLERS; i++) {
        scene.call[i].caller = dial_far(i, caller_options);
    }
    wire.loses = wire.doubles = wire.holds = 0;
    wire.witness = witness;
}

/* A truncated datagram must be counted by the socket that received it. */
void close_scene(void)
{
    scene.truncated -= (long)number_of(scene.listener, "truncated");
    for (unsigned i = 0; i < CALLERS; i++) {
        scene.truncated -= (long)number_of(scene.call[i].caller, "truncated");
        scene.truncated -=
            scene.call[i].peer != NULL ? (long)number_of(scene.call[i].peer, "truncated") : 0;
    }
    assert_int_equal(scene.truncated, 0);
    for (unsigned i = 0; i < CALLERS; i++) {
        net_close(scene.call[i].peer, NET_NOW);
        net_close(scene.call[i].caller, NET_NOW);
    }
    net_close(scene.listener, NET_NOW);
}

/* ---- Coming and going ---- */

/* The listener accepts the sender of the oldest datagram. Everything that is queued of this sender
 * moves to the new peer. */
void accept_next(void)
{
    struct ear strangers = ear_of(NO_CALL, TO_LISTENER);
    const struct entry *entry = next_for(&strangers, NULL);
    char text[ADDRESS_MAX];

    if (entry == NULL) {
        assert_no_socket(net_accept(scene.listener, NET_NOW), NET_TIMEOUT);
        return;
    }
    net_socket *peer = assert_socket(net_accept(scene.listener, NET_NOW));
    struct call *call = &scene.call[entry->caption.call];

    call->peer = peer;
    assert_ok(net_get(peer, "peer", text, sizeof text));
    assert_int_equal(strtoul(strrchr(text, ':') + 1, NULL, 10), call->port);
}

/* What the caller sends from now on comes from a stranger. */
void leave(unsigned call)
{
    struct ear ear = ear_of((int)call, TO_LISTENER);

    hear_all(&ear);
    scene.truncated -= (long)number_of(ear.socket, "truncated");
    net_close(ear.socket, NET_NOW);
    scene.call[call].peer = NULL;
}

/* ---- Counting ---- */

static long sum_up(enum way way, unsigned first, unsigned last, bool heard_only)
{
    long count = 0;

    for (size_t i = 0; i < scene.entries; i++) {
        const struct entry *entry = &scene.ledger[i];
        const struct caption *caption = &entry->caption;

        count += caption->way == way && caption->call >= first && caption->call <= last &&
                 (entry->is_heard || !heard_only);
    }
    return count;
}

long delivered(enum way way, unsigned first, unsigned last)
{
    return sum_up(way, first, last, false);
}

long heard(enum way way, unsigned first, unsigned last)
{
    return sum_up(way, first, last, true);
}
