/* The hub against a model of it, which is a few counters for each sender. 10,000 senders send ten
 * datagrams each, in random order and in trains, with admits, accepts, receives and closes in
 * between. The bytes of a packet are in the batch, and they are gone when the next batch is
 * read. */
#include "hub/hub.h"
#include "socket/socket.h"
#include "os/batch.h"
#include "wait/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SENDERS = 10000, EACH = 10, DATAGRAMS = SENDERS * EACH };
enum { SIZE = 16, SHORTEST = 8, TRAIN = 4 /* datagrams at most */ };

/* A bound on what may wait: in bytes, and in datagrams, because small ones have a bound of their
 * own. */
struct account {
    int64_t bytes;
    int64_t datagrams;
    int64_t bound;
};

struct datagram {
    int number; /* in the order of sending */
    int size;
    int packet; /* the number of the packet that it came in */
};

/* What the model knows of one sender. */
struct sender {
    struct nf_peer *peer; /* NULL: a stranger */
    int sent;
    struct datagram waits[EACH]; /* the oldest first */
    int waiting;
    struct account queue;
    bool is_admitted;
};

static const struct nf_backend peer_table = {.scheme = "udp", .size = sizeof(struct nf_peer)};

struct model {
    struct nf_hub hub;
    struct nf_member listener;
    struct nf_packet batch[NF_BATCH_MAX];
    unsigned char room[NF_BATCH_MAX][TRAIN * SIZE];
    struct sender sender[SENDERS];
    struct account total;
    struct account strangers;
    int schedule[DATAGRAMS]; /* the order of the senders */
    uint32_t seed;
    int admitted[DATAGRAMS]; /* the senders to be accepted first, in this order */
    int first_admitted;
    int last_admitted;
    int packets;
    int handed_out;
    int dropped_queue;
    int dropped_strangers;
};

static uint32_t dice(struct model *model, uint32_t sides)
{
    model->seed ^= model->seed << 13;
    model->seed ^= model->seed >> 17;
    model->seed ^= model->seed << 5;
    return model->seed % sides;
}

static struct nf_addr address(int number)
{
    struct nf_addr addr = {.family = NF_IPV4, .port = (uint16_t)(1024 + number % 10)};

    addr.ip[0] = 127;
    addr.ip[2] = (uint8_t)(number / 10 >> 8);
    addr.ip[3] = (uint8_t)(number / 10);
    return addr;
}

static int number_of(const struct nf_addr *addr)
{
    return (addr->ip[2] << 8 | addr->ip[3]) * 10 + (addr->port - 1024);
}

static void shuffle(struct model *model)
{
    for (int i = 0; i < DATAGRAMS; i++) {
        model->schedule[i] = i / EACH;
    }
    for (uint32_t i = DATAGRAMS - 1; i > 0; i--) {
        uint32_t j = dice(model, i + 1);
        int other = model->schedule[j];

        model->schedule[j] = model->schedule[i];
        model->schedule[i] = other;
    }
}

static struct model *open_model(uint32_t seed, int64_t queue, int64_t total, int64_t strangers)
{
    struct model *model = calloc(1, sizeof *model);

    assert_non_null(model);
    nf_mutex_init(&model->hub.lock);
    assert_int_equal(nf_table_open(&model->hub.table), 0);
    model->hub.fd = -1;
    model->hub.listener = &model->listener;
    model->hub.borrowed = model->batch;
    model->hub.option[NF_PEERS] = SENDERS;
    model->hub.option[NF_QUEUE] = queue;
    model->hub.option[NF_TOTAL] = total;
    model->hub.option[NF_STRANGERS] = strangers;
    model->hub.peers = (struct nf_pool){.bound = &model->hub.option[NF_TOTAL],
                                        .queue_bound = &model->hub.option[NF_QUEUE]};
    model->hub.strangers =
        (struct nf_pool){.bound = &model->hub.option[NF_STRANGERS], .is_ordered = true};
    for (int i = 0; i < SENDERS; i++) {
        model->sender[i].queue.bound = queue;
    }
    model->total.bound = total;
    model->strangers.bound = strangers;
    model->seed = seed;
    shuffle(model);
    return model;
}

static bool fits(const struct account *account, int size)
{
    return account->bytes + size <= account->bound &&
           account->datagrams < account->bound / 64 + 1024;
}

static void weigh(struct account *account, int bytes, int datagrams)
{
    account->bytes += bytes;
    account->datagrams += datagrams;
}

static bool fits_sender(const struct model *model, const struct sender *sender, int size)
{
    return sender->peer != NULL ? fits(&sender->queue, size) && fits(&model->total, size)
                                : fits(&model->strangers, size);
}

static void weigh_sender(struct model *model, struct sender *sender, int bytes, int datagrams)
{
    if (sender->peer != NULL) {
        weigh(&sender->queue, bytes, datagrams);
        weigh(&model->total, bytes, datagrams);
    } else {
        weigh(&model->strangers, bytes, datagrams);
    }
}

/* Of one packet, the datagrams that fit are queued, up to the first that does not. */
static void expect_packet(struct model *model, struct sender *sender,
                          const struct datagram *datagram, int count, bool is_let_in)
{
    bool in = true;

    for (int i = 0; i < count; i++) {
        in = in && (fits_sender(model, sender, datagram[i].size) || (i == 0 && is_let_in));
        if (in) {
            weigh_sender(model, sender, datagram[i].size, 1);
            sender->waits[sender->waiting++] = datagram[i];
        } else {
            *(sender->peer != NULL ? &model->dropped_queue : &model->dropped_strangers) += 1;
        }
    }
}

/* A train of `count` datagrams, the last one perhaps shorter, arrives at a place of the batch. */
static void send_train(struct model *model, int place, int number)
{
    struct sender *sender = &model->sender[number];
    int left = EACH - sender->sent;
    int count = 1 + (int)dice(model, (uint32_t)(left < TRAIN ? left : TRAIN));
    int last = SIZE - (int)dice(model, SIZE - SHORTEST + 1);
    struct nf_addr from = address(number);
    struct nf_packet *packet = &model->batch[place];
    struct datagram datagram[TRAIN];

    for (int i = 0; i < count; i++) {
        int data[2] = {number, sender->sent};

        memcpy(model->room[place] + (size_t)i * SIZE, data, sizeof data);
        datagram[i] = (struct datagram){.number = sender->sent++,
                                        .size = i < count - 1 ? SIZE : last,
                                        .packet = model->packets};
    }
    *packet = (struct nf_packet){.data = model->room[place],
                                 .size = (size_t)((count - 1) * SIZE + last),
                                 .segment = (size_t)(count > 1 ? SIZE : last),
                                 .is_borrowed = true};
    model->packets++;
    model->hub.borrowed_count = NF_BATCH_MAX;
    nf_hub_deliver(&model->hub, &from, nf_table_hash(&model->hub.table, &from), packet, NF_EPOCH);
    expect_packet(model, sender, datagram, count, false);
}

static void spill(struct model *model)
{
    assert_int_equal(nf_hub_spill(&model->hub), 0);
    for (int i = 0; i < NF_BATCH_MAX; i++) {
        assert_null(model->batch[i].queue);
    }
    memset(model->room, 0xff, sizeof model->room);
}

/* The datagram is the oldest one that the model has for the sender. */
static void check_datagram(struct model *model, int number, const int *data, size_t length)
{
    struct sender *sender = &model->sender[number];

    assert_true(sender->waiting > 0);
    assert_int_equal(length, sender->waits[0].size);
    assert_int_equal(data[0], number);
    assert_int_equal(data[1], sender->waits[0].number);
    weigh_sender(model, sender, -sender->waits[0].size, -1);
    sender->waiting--;
    memmove(sender->waits, sender->waits + 1, (size_t)sender->waiting * sizeof *sender->waits);
    model->handed_out++;
}

/* The stranger's packets go to its socket, as many datagrams of each as the bounds of the peer
 * allow. The first datagram always goes. */
static void accept_one(struct model *model)
{
    struct nf_peer *peer = (struct nf_peer *)nf_socket_new(&peer_table);
    struct datagram waits[EACH];

    assert_non_null(peer);
    nf_hub_accept(&model->hub, peer, NF_EPOCH);
    int number = number_of(&peer->member.head.name);
    struct sender *sender = &model->sender[number];
    int waiting = sender->waiting;

    assert_null(sender->peer);
    if (model->first_admitted < model->last_admitted) {
        assert_int_equal(number, model->admitted[model->first_admitted++]);
        sender->is_admitted = false;
    }
    assert_false(sender->is_admitted);
    memcpy(waits, sender->waits, sizeof waits);
    for (int i = 0; i < waiting; i++) {
        weigh_sender(model, sender, -waits[i].size, -1);
    }
    sender->peer = peer;
    sender->waiting = 0;
    for (int i = 0, count = 0; i < waiting; i += count) {
        count = 1;
        while (i + count < waiting && waits[i + count].packet == waits[i].packet) {
            count++;
        }
        expect_packet(model, sender, waits + i, count, i == 0);
    }
    assert_int_equal(peer->remote.queue.load.datagrams, sender->waiting);
    assert_int_equal(peer->remote.queue.load.bytes, sender->queue.bytes);
}

static void receive_from_strangers(struct model *model)
{
    int data[SIZE / sizeof(int)] = {0};
    struct nf_source from;
    struct nf_addr local;
    size_t length = nf_hub_take_stranger(&model->hub, data, sizeof data, &from, &local);

    assert_null(model->sender[number_of(&from.addr)].peer);
    check_datagram(model, number_of(&from.addr), data, length);
}

static void receive(struct model *model, int number)
{
    int data[SIZE / sizeof(int)] = {0};
    struct nf_peer *peer = model->sender[number].peer;
    struct nf_addr local;

    if (model->sender[number].waiting == 0) {
        assert_null(peer->remote.queue.packets.first);
    } else {
        assert_non_null(peer->remote.queue.packets.first);
        check_datagram(model, number, data,
                       nf_queue_take(&peer->remote.queue, data, sizeof data, &local));
    }
}

/* What waits for a peer is freed with its socket. */
static void close_peer(struct model *model, int number)
{
    struct sender *sender = &model->sender[number];

    nf_hub_remove_peer(sender->peer);
    nf_socket_free(&sender->peer->member.head);
    weigh_sender(model, sender, -(int)sender->queue.bytes, -sender->waiting);
    sender->peer = NULL;
    model->handed_out += sender->waiting;
    sender->waiting = 0;
}

/* To admit an address twice is like once. The sender may have sent nothing yet, or be accepted
 * already. */
static void admit(struct model *model, int number)
{
    struct nf_addr addr = address(number);
    struct sender *sender = &model->sender[number];

    assert_int_equal(nf_hub_admit(&model->hub, &addr), 0);
    assert_int_equal(nf_hub_admit(&model->hub, &addr), 0);
    if (sender->peer == NULL && !sender->is_admitted) {
        sender->is_admitted = true;
        model->admitted[model->last_admitted++] = number;
    }
}

static int first_stranger(const struct model *model)
{
    const char *queue = (const char *)nf_pool_first(&model->hub.strangers)->queue;
    const struct nf_stranger *stranger =
        (const struct nf_stranger *)(const void *)(queue - offsetof(struct nf_remote, queue));

    return number_of(&stranger->addr);
}

static void do_something(struct model *model)
{
    int number = (int)dice(model, SENDERS);
    bool strangers = model->hub.strangers.packets.first != NULL;

    switch (dice(model, 8)) {
    case 0:
    case 1:
        if (nf_hub_has_candidate(&model->hub)) {
            accept_one(model);
        }
        break;
    case 2:
        if (strangers) {
            receive_from_strangers(model);
        }
        break;
    case 3:
        if (model->sender[number].peer != NULL && dice(model, 4) == 0) {
            close_peer(model, number);
        }
        break;
    case 4:
        if (dice(model, 4) == 0) {
            spill(model);
        }
        break;
    case 5:
        if (dice(model, 8) == 0) {
            admit(model, number);
        } else if (strangers && dice(model, 8) == 0) {
            admit(model, first_stranger(
                             model)); /* its datagrams can still be received from the listener */
            receive_from_strangers(model);
        }
        break;
    default:
        if (model->sender[number].peer != NULL) {
            receive(model, number);
        }
    }
}

static void finish(struct model *model)
{
    while (model->hub.strangers.packets.first != NULL) {
        receive_from_strangers(model);
    }
    for (int i = 0; i < SENDERS; i++) {
        while (model->sender[i].peer != NULL && model->sender[i].waiting > 0) {
            receive(model, i);
        }
        if (model->sender[i].peer != NULL) {
            receive(model, i);
            close_peer(model, i);
        }
    }
    spill(model);
    assert_int_equal(model->hub.admitted, model->last_admitted - model->first_admitted);
    nf_hub_remove_strangers(&model->hub);
    assert_int_equal(model->hub.admitted, 0);
    assert_int_equal(model->handed_out + model->dropped_queue + model->dropped_strangers,
                     DATAGRAMS);
    assert_int_equal(model->hub.table.count, 0);
    assert_int_equal(model->hub.accepted, 0);
    assert_int_equal(model->hub.peers.load.bytes, 0);
    assert_int_equal(model->hub.peers.load.datagrams, 0);
    assert_int_equal(model->hub.strangers.load.datagrams, 0);
    nf_table_close(&model->hub.table);
    nf_mutex_destroy(&model->hub.lock);
    free(model);
}

static void check_accounts(const struct model *model)
{
    assert_int_equal(model->hub.peers.dropped, model->dropped_queue);
    assert_int_equal(model->hub.strangers.dropped, model->dropped_strangers);
    assert_int_equal(model->hub.peers.load.bytes, model->total.bytes);
    assert_int_equal(model->hub.peers.load.datagrams, model->total.datagrams);
    assert_int_equal(model->hub.strangers.load.bytes, model->strangers.bytes);
    assert_int_equal(model->hub.strangers.load.datagrams, model->strangers.datagrams);
}

static void run(uint32_t seed, int64_t queue, int64_t total, int64_t strangers)
{
    struct model *model = open_model(seed, queue, total, strangers);
    int next = 0;

    while (next < DATAGRAMS) {
        int batch = 1 + (int)dice(model, NF_BATCH_MAX);

        spill(model);
        for (int place = 0; next < DATAGRAMS && place < batch; next++) {
            if (model->sender[model->schedule[next]].sent < EACH) {
                send_train(model, place++, model->schedule[next]);
            }
        }
        check_accounts(model);
        for (int i = 0; i < 2 * batch; i++) {
            do_something(model);
        }
        check_accounts(model);
    }
    print_message("seed %u: %d of %d dropped\n", (unsigned)seed,
                  model->dropped_queue + model->dropped_strangers, DATAGRAMS);
    finish(model);
}

static void the_hub_does_what_the_model_does(void **state)
{
    const int64_t much = (int64_t)DATAGRAMS * 64;

    (void)state;
    run(1, EACH * SIZE, much, much);
    run(20110412, EACH * SIZE, much, much);
}

/* Of a train that does not fit whole, the first datagrams are kept: bounded to the byte, and in
 * number if they are small. */
static void its_bounds_cut_trains_as_the_model_does(void **state)
{
    const int64_t much = (int64_t)DATAGRAMS * 64;

    (void)state;
    run(0xdeadbeef, 50, much, much);
    run(2, EACH * SIZE, 4001, much);
    run(3, EACH * SIZE, 65537, 4003);
    run(4, 33, 30000, 65539);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hub_does_what_the_model_does),
        cmocka_unit_test(its_bounds_cut_trains_as_the_model_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
