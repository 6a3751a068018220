/* UPD-18: the hub against a model of it, a few counters for each sender: 10,000 senders, ten
 * datagrams each, in random order, with accepts, receives and closes between. */
#include "backends/udp.h"
#include "backends/udp_hub.h"
#include "wait/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SENDERS = 10000, EACH = 10, DATAGRAMS = SENDERS * EACH, SIZE = 16 };

/* What the model knows of one sender. A letter is its number in the order of sending. */
struct sender {
    struct nf_peer *peer; /* NULL: a stranger */
    int sent;
    int letters[EACH]; /* that wait, the oldest first */
    int waiting;
};

struct model {
    struct nf_hub hub;
    struct nf_member listener;
    struct sender sender[SENDERS];
    int schedule[DATAGRAMS]; /* who sends next */
    uint32_t seed;
    int handed_out;
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

static struct model *open_model(uint32_t seed)
{
    struct model *model = calloc(1, sizeof *model);

    assert_non_null(model);
    nf_mutex_init(&model->hub.lock);
    assert_int_equal(nf_table_open(&model->hub.table), 0);
    model->hub.fd = -1;
    model->hub.listener = &model->listener;
    model->hub.bound[NF_PEERS] = SENDERS;
    model->hub.bound[NF_QUEUE] = EACH * SIZE;
    model->hub.bound[NF_TOTAL] = (int64_t)DATAGRAMS * 64;
    model->hub.bound[NF_STRANGERS] = (int64_t)DATAGRAMS * 64;
    model->seed = seed;
    shuffle(model);
    return model;
}

static void send_one(struct model *model, int number)
{
    struct sender *sender = &model->sender[number];
    struct nf_addr from = address(number);
    struct nf_addr local = {0};
    int data[SIZE / sizeof(int)] = {number, sender->sent};

    struct nf_letter *letter = nf_letter_new(data, sizeof data, sizeof data, &local);

    assert_non_null(letter);
    nf_hub_deliver(&model->hub, &from, nf_table_hash(&model->hub.table, &from), letter, NF_EPOCH);
    sender->letters[sender->waiting++] = sender->sent++;
}

/* A datagram is the oldest that the model has for the sender. */
static void check_datagram(struct model *model, int number, const int *data, size_t length)
{
    struct sender *sender = &model->sender[number];

    assert_int_equal(length, SIZE);
    assert_true(sender->waiting > 0);
    assert_int_equal(data[0], number);
    assert_int_equal(data[1], sender->letters[0]);
    sender->waiting--;
    memmove(sender->letters, sender->letters + 1, (size_t)sender->waiting * sizeof(int));
    model->handed_out++;
}

static void accept_one(struct model *model)
{
    struct nf_peer *peer = (struct nf_peer *)nf_socket_new(&nf_udp_peer);

    assert_non_null(peer);
    nf_hub_accept(&model->hub, peer, NF_EPOCH);
    struct sender *sender = &model->sender[number_of(&peer->member.head.name)];

    assert_null(sender->peer);
    assert_int_equal(peer->mail.load.datagrams, sender->waiting);
    sender->peer = peer;
}

static void receive_from_strangers(struct model *model)
{
    int data[SIZE / sizeof(int)];
    struct nf_addr from;
    struct nf_addr local;
    size_t length = nf_hub_take_stranger(&model->hub, data, sizeof data, &from, &local);

    assert_null(model->sender[number_of(&from)].peer);
    check_datagram(model, number_of(&from), data, length);
}

static void receive(struct model *model, int number)
{
    int data[SIZE / sizeof(int)];
    struct nf_peer *peer = model->sender[number].peer;
    struct nf_addr local;

    if (model->sender[number].waiting == 0) {
        assert_null(peer->mail.first);
    } else {
        assert_non_null(peer->mail.first);
        check_datagram(model, number, data, nf_hub_take_from(peer, data, sizeof data, &local));
    }
}

/* What waits goes with the socket. */
static void close_peer(struct model *model, int number)
{
    struct sender *sender = &model->sender[number];

    nf_hub_remove_peer(sender->peer);
    nf_socket_free(&sender->peer->member.head);
    sender->peer = NULL;
    model->handed_out += sender->waiting;
    sender->waiting = 0;
}

static void do_something(struct model *model)
{
    int number = (int)dice(model, SENDERS);
    bool strangers = model->hub.strangers.first != NULL;

    switch (dice(model, 8)) {
    case 0:
    case 1:
        if (strangers) {
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
    default:
        if (model->sender[number].peer != NULL) {
            receive(model, number);
        }
    }
}

static void finish(struct model *model)
{
    while (model->hub.strangers.first != NULL) {
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
    assert_int_equal(model->handed_out, DATAGRAMS);
    assert_int_equal(model->hub.dropped_queue, 0);
    assert_int_equal(model->hub.dropped_strangers, 0);
    assert_int_equal(model->hub.table.count, 0);
    assert_int_equal(model->hub.accepted, 0);
    assert_int_equal(model->hub.queued.bytes, 0);
    nf_table_close(&model->hub.table);
    nf_mutex_destroy(&model->hub.lock);
    free(model);
}

static void run(uint32_t seed)
{
    struct model *model = open_model(seed);

    print_message("seed %u\n", (unsigned)seed);
    for (int i = 0; i < DATAGRAMS; i++) {
        send_one(model, model->schedule[i]);
        do_something(model);
    }
    finish(model);
}

static void the_hub_does_what_the_model_does(void **state)
{
    (void)state;
    run(1);
    run(20110412);
    run(0xdeadbeef);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hub_does_what_the_model_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
