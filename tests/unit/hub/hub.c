/* Which socket gets a datagram, and what may wait: without sockets, in made-up time. */
#include "hub/hub.h"
#include "socket/socket.h"
#include "wait/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define AT(ms) (NF_EPOCH + (ms)*NF_MILLISECOND)

enum { ROOM = 4096 };

static const struct nf_backend peer_table = {.scheme = "udp", .size = sizeof(struct nf_peer)};

struct bench {
    struct nf_hub hub;
    struct nf_member listener;
};

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);

    assert_non_null(bench);
    nf_mutex_init(&bench->hub.lock);
    assert_int_equal(nf_table_open(&bench->hub.table), 0);
    bench->hub.fd = -1;
    bench->hub.listener = &bench->listener;
    bench->hub.option[NF_PEERS] = 1000;
    bench->hub.option[NF_QUEUE] = ROOM;
    bench->hub.option[NF_TOTAL] = 4 * ROOM;
    bench->hub.option[NF_STRANGERS] = ROOM;
    bench->hub.option[NF_IDLE] = 1000;
    bench->hub.peers = (struct nf_pool){.bound = &bench->hub.option[NF_TOTAL],
                                        .queue_bound = &bench->hub.option[NF_QUEUE]};
    bench->hub.strangers =
        (struct nf_pool){.bound = &bench->hub.option[NF_STRANGERS], .is_ordered = true};
    bench->listener.hub = &bench->hub;
    *state = bench;
    return 0;
}

/* Whatever a test did, nothing is accounted for once all members are gone. */
static int close_bench(void **state)
{
    struct bench *bench = *state;
    struct nf_hub *hub = &bench->hub;

    nf_hub_remove_strangers(hub);
    assert_int_equal(hub->strangers.load.bytes, 0);
    assert_int_equal(hub->strangers.load.datagrams, 0);
    assert_int_equal(hub->peers.load.bytes, 0);
    assert_int_equal(hub->peers.load.datagrams, 0);
    assert_int_equal(hub->accepted, 0);
    assert_int_equal(hub->table.count, 0);
    assert_true(hub->heard.first == NULL && hub->heard.last == NULL);
    nf_table_close(&hub->table);
    nf_mutex_destroy(&hub->lock);
    free(bench);
    return 0;
}

static struct nf_addr address_of(int number)
{
    struct nf_addr addr = {
        .family = NF_IPV4,
        .port = 4000,
        .ip = {127, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};

    return addr;
}

static const struct nf_addr local = {.family = NF_IPV4, .ip = {127, 0, 0, 1}};

static void deliver_to(struct nf_hub *hub, int from, const void *data, size_t size,
                       const struct nf_addr *to, int64_t ms)
{
    struct nf_addr addr = address_of(from);
    struct nf_packet *packet = nf_packet_new(data, size, size, to);

    assert_non_null(packet);
    nf_hub_deliver(hub, &addr, nf_table_hash(&hub->table, &addr), packet, AT(ms));
}

/* A datagram of `size` bytes that begins with `mark`. */
static void deliver(struct nf_hub *hub, int from, int mark, size_t size, int64_t ms)
{
    char data[ROOM + sizeof mark] = "";

    memcpy(data, &mark, sizeof mark);
    deliver_to(hub, from, data, size, &local, ms);
}

static struct nf_peer *accept_first(struct nf_hub *hub, int64_t ms)
{
    struct nf_peer *peer = (struct nf_peer *)nf_socket_new(&peer_table);

    assert_non_null(peer);
    assert_non_null(hub->strangers.packets.first);
    nf_hub_accept(hub, peer, AT(ms));
    return peer;
}

static void drop(struct nf_peer *peer)
{
    nf_hub_remove_peer(peer);
    nf_socket_free(&peer->member.head);
}

/* The mark of the oldest datagram; -1: there is none. */
static int take(struct nf_peer *peer)
{
    struct nf_addr to;
    int mark = 0;

    if (peer->remote.queue.packets.first == NULL) {
        return -1;
    }
    nf_queue_take(&peer->remote.queue, &mark, sizeof mark, &to);
    assert_true(nf_addr_equal(&to, &local));
    return mark;
}

static int take_stranger(struct nf_hub *hub, int from)
{
    struct nf_addr expected = address_of(from);
    struct nf_source sender;
    struct nf_addr to;
    int mark = 0;

    if (hub->strangers.packets.first == NULL) {
        return -1;
    }
    nf_hub_take_stranger(hub, &mark, sizeof mark, &sender, &to);
    assert_true(nf_addr_equal(&sender.addr, &expected));
    return mark;
}

static void the_first_datagram_waits_in_the_accepted_socket(void **state)
{
    struct nf_hub *hub = *state;
    struct nf_addr first = address_of(1);

    deliver(hub, 1, 11, 8, 0);
    struct nf_peer *peer = accept_first(hub, 1);

    assert_true(nf_addr_equal(&peer->member.head.name, &first));
    assert_int_equal(take(peer), 11);
    assert_int_equal(take(peer), -1);
    assert_int_equal(take_stranger(hub, 1), -1);
    drop(peer);
}

/* What a stranger sent before the accept, and nothing else, goes to its socket in order. */
static void all_packets_of_a_stranger_go_with_it(void **state)
{
    struct nf_hub *hub = *state;

    for (int i = 0; i < 30; i++) {
        deliver(hub, i % 3, i, 8, 0);
    }
    struct nf_peer *peer = accept_first(hub, 1);

    for (int i = 0; i < 30; i += 3) {
        assert_int_equal(take(peer), i);
    }
    assert_int_equal(take(peer), -1);
    assert_int_equal(hub->strangers.load.datagrams, 20);
    for (int i = 0; i < 30; i++) {
        if (i % 3 != 0) {
            assert_int_equal(take_stranger(hub, i % 3), i);
        }
    }
    assert_int_equal(hub->table.count, 1);
    drop(peer);
}

static void interleaved_peers_see_only_their_own(void **state)
{
    struct nf_hub *hub = *state;
    struct nf_peer *peer[3];

    for (int i = 0; i < 3; i++) {
        deliver(hub, i, 100 + i, 4, 0);
        peer[i] = accept_first(hub, 0);
    }
    for (int i = 0; i < 60; i++) {
        deliver(hub, i % 3, i, 8, 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(peer[i]), 100 + i);
        for (int j = i; j < 60; j += 3) {
            assert_int_equal(take(peer[i]), j);
        }
        assert_int_equal(take(peer[i]), -1);
        drop(peer[i]);
    }
}

static void the_oldest_stranger_is_accepted_first(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 5, 1, 8, 0);
    deliver(hub, 4, 2, 8, 0);
    deliver(hub, 5, 3, 8, 0);
    deliver(hub, 6, 4, 8, 0);
    for (int i = 0; i < 3; i++) {
        struct nf_addr expected = address_of(i == 0 ? 5 : i == 1 ? 4 : 6);
        struct nf_peer *peer = accept_first(hub, 0);

        assert_true(nf_addr_equal(&peer->member.head.name, &expected));
        drop(peer);
    }
    assert_null(hub->strangers.packets.first);
}

static void strangers_are_bounded_to_the_byte(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, ROOM - 1, 0);
    deliver(hub, 2, 2, 2, 0);
    assert_int_equal(hub->strangers.dropped, 1);
    deliver(hub, 3, 3, 1, 0);
    assert_int_equal(hub->strangers.dropped, 1);
    assert_int_equal(hub->strangers.load.bytes, ROOM);
    deliver(hub, 1, 4, 1, 0);
    assert_int_equal(hub->strangers.dropped, 2);
    deliver(hub, 4, 5, 0, 0);
    assert_int_equal(hub->strangers.dropped, 2);
    assert_int_equal(hub->table.count, 3);
    assert_int_equal(take_stranger(hub, 1), 1);
    deliver(hub, 2, 6, ROOM - 1, 0);
    assert_int_equal(take_stranger(hub, 3), 3);
    assert_int_equal(hub->peers.dropped, 0);
}

/* The memory around a tiny datagram is bounded too. */
static void tiny_datagrams_are_bounded_in_number(void **state)
{
    struct nf_hub *hub = *state;

    for (int i = 0; i < 100000; i++) {
        deliver(hub, i, i, 0, 0);
    }
    assert_true(hub->strangers.load.datagrams < ROOM);
    assert_int_equal(hub->strangers.load.datagrams + hub->strangers.dropped, 100000);
    assert_int_equal(hub->table.count, hub->strangers.load.datagrams);
}

static void a_queue_is_bounded_to_the_byte_and_drops_the_newest(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, ROOM - 8, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    deliver(hub, 1, 2, 9, 0);
    assert_int_equal(peer->remote.queue.dropped, 1);
    assert_int_equal(hub->peers.dropped, 1);
    deliver(hub, 1, 3, 8, 0);
    assert_int_equal(peer->remote.queue.dropped, 1);
    deliver(hub, 1, 4, 1, 0);
    deliver(hub, 1, 5, 4, 0);
    assert_int_equal(peer->remote.queue.dropped, 3);
    assert_int_equal(hub->peers.dropped, 3);
    assert_int_equal(hub->strangers.dropped, 0);
    assert_int_equal(take(peer), 1);
    deliver(hub, 1, 6, ROOM - 8, 0);
    assert_int_equal(peer->remote.queue.dropped, 3);
    assert_int_equal(take(peer), 3);
    assert_int_equal(take(peer), 6);
    assert_int_equal(take(peer), -1);
    drop(peer);
}

static void the_queues_together_are_bounded_to_the_byte(void **state)
{
    struct nf_hub *hub = *state;
    struct nf_peer *peer[5];

    for (int i = 0; i < 5; i++) {
        deliver(hub, i, i, 0, 0);
        peer[i] = accept_first(hub, 0);
    }
    for (int i = 0; i < 4; i++) {
        deliver(hub, i, 10 + i, i == 3 ? ROOM - 4 : ROOM, 0);
        assert_int_equal(peer[i]->remote.queue.dropped, 0);
    }
    deliver(hub, 4, 14, 5, 0);
    assert_int_equal(peer[4]->remote.queue.dropped, 1);
    deliver(hub, 4, 15, 4, 0);
    assert_int_equal(peer[4]->remote.queue.dropped, 1);
    assert_int_equal(hub->peers.load.bytes, 4 * ROOM);
    drop(peer[0]);
    assert_int_equal(hub->peers.load.bytes, 3 * ROOM);
    deliver(hub, 4, 16, 8, 0);
    assert_int_equal(peer[4]->remote.queue.dropped, 1);
    for (int i = 1; i < 5; i++) {
        drop(peer[i]);
    }
}

/* The first datagram is accepted whatever the bounds say. The rest must fit. */
static void an_accept_lets_the_first_datagram_in_whatever_its_size(void **state)
{
    struct nf_hub *hub = *state;

    hub->option[NF_QUEUE] = 10;
    deliver(hub, 1, 1, 100, 0);
    deliver(hub, 1, 2, 4, 0);
    deliver(hub, 1, 3, 8, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    assert_int_equal(peer->remote.queue.dropped, 2);
    assert_int_equal(hub->peers.dropped, 2);
    assert_int_equal(take(peer), 1);
    assert_int_equal(take(peer), -1);
    deliver(hub, 1, 4, 10, 0);
    assert_int_equal(take(peer), 4);
    drop(peer);
}

/* Strangers cannot use up the memory of the peers, and peers cannot use up that of the
 * strangers. */
static void the_bounds_of_strangers_and_peers_are_apart(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, 4, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    for (int i = 0; i < 100; i++) {
        deliver(hub, 100 + i, i, ROOM / 2, 0);
    }
    assert_int_equal(hub->strangers.dropped, 98);
    deliver(hub, 1, 2, ROOM - 4, 0);
    assert_int_equal(peer->remote.queue.dropped, 0);
    deliver(hub, 1, 3, ROOM, 0);
    assert_int_equal(peer->remote.queue.dropped, 1);
    drop(peer);
}

static void a_silent_peer_ends_on_the_moment(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, 4, 0);
    deliver(hub, 2, 2, 4, 0);
    struct nf_peer *silent = accept_first(hub, 0);
    struct nf_peer *active = accept_first(hub, 0);

    deliver(hub, 2, 3, 4, 900);
    nf_hub_expire(hub, AT(1000) - 1);
    assert_true(silent->remote.entry.accepted);
    nf_hub_expire(hub, AT(1000));
    assert_false(silent->remote.entry.accepted);
    assert_true(active->remote.entry.accepted);
    assert_int_equal(hub->accepted, 1);
    nf_hub_expire(hub, AT(1900) - 1);
    assert_true(active->remote.entry.accepted);
    nf_hub_expire(hub, AT(1900));
    assert_false(active->remote.entry.accepted);
    assert_int_equal(take(silent), 1);
    assert_int_equal(take(silent), -1);
    assert_int_equal(take(active), 2);
    assert_int_equal(take(active), 3);
    drop(silent);
    drop(active);
}

/* A datagram that waited in the descriptor past the moment counts as heard in time: a late read
 * does not end the peer. */
static void a_datagram_that_is_read_late_keeps_its_peer(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, 4, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    deliver(hub, 1, 2, 4, 5000);
    nf_hub_expire(hub, AT(5000));
    assert_false(!peer->remote.entry.accepted);
    assert_int_equal(take(peer), 1);
    assert_int_equal(take(peer), 2);
    drop(peer);
}

/* Even a datagram that is dropped ends the silence. */
static void a_dropped_datagram_renews_its_peer(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, ROOM, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    deliver(hub, 1, 2, 1, 999);
    assert_int_equal(peer->remote.queue.dropped, 1);
    nf_hub_expire(hub, AT(1998));
    assert_false(!peer->remote.entry.accepted);
    hub->option[NF_IDLE] = 0; /* off */
    nf_hub_expire(hub, NET_FOREVER - 1);
    assert_false(!peer->remote.entry.accepted);
    drop(peer);
}

static void an_ended_peer_that_writes_again_is_a_stranger(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, 4, 0);
    struct nf_peer *ended = accept_first(hub, 0);

    nf_hub_expire(hub, AT(1000));
    assert_false(ended->remote.entry.accepted);
    deliver(hub, 1, 2, 4, 1000);
    assert_int_equal(take(ended), 1);
    assert_int_equal(take(ended), -1);
    struct nf_peer *again = accept_first(hub, 1000);

    drop(ended);
    assert_int_equal(take(again), 2);
    deliver(hub, 1, 3, 4, 1001);
    assert_int_equal(take(again), 3);
    drop(again);
}

static void a_closed_peer_that_writes_again_is_a_stranger(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, 4, 0);
    drop(accept_first(hub, 0));
    deliver(hub, 1, 2, 4, 1);
    assert_int_equal(take_stranger(hub, 1), 2);
    assert_int_equal(take_stranger(hub, 1), -1);
}

static void without_a_listener_strangers_are_not_heard(void **state)
{
    struct nf_hub *hub = *state;

    deliver(hub, 1, 1, 4, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    nf_hub_remove_strangers(hub);
    hub->listener = NULL;
    deliver(hub, 2, 2, 4, 1);
    deliver(hub, 1, 3, 4, 1);
    assert_null(hub->strangers.packets.first);
    assert_int_equal(hub->table.count, 1);
    assert_int_equal(take(peer), 1);
    assert_int_equal(take(peer), 3);
    drop(peer);
}

/* The local address of an answer follows the peer's last datagram. */
static void the_local_address_is_that_of_the_last_datagram(void **state)
{
    struct nf_hub *hub = *state;
    struct nf_addr other = {.family = NF_IPV4, .ip = {127, 0, 0, 2}};

    deliver(hub, 1, 1, 4, 0);
    struct nf_peer *peer = accept_first(hub, 0);

    assert_true(nf_addr_equal(&peer->local, &local));
    deliver_to(hub, 1, "", 0, &other, 1);
    assert_true(nf_addr_equal(&peer->local, &other));
    drop(peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(the_first_datagram_waits_in_the_accepted_socket),
        TEST(all_packets_of_a_stranger_go_with_it),
        TEST(interleaved_peers_see_only_their_own),
        TEST(the_oldest_stranger_is_accepted_first),
        TEST(strangers_are_bounded_to_the_byte),
        TEST(tiny_datagrams_are_bounded_in_number),
        TEST(a_queue_is_bounded_to_the_byte_and_drops_the_newest),
        TEST(the_queues_together_are_bounded_to_the_byte),
        TEST(an_accept_lets_the_first_datagram_in_whatever_its_size),
        TEST(the_bounds_of_strangers_and_peers_are_apart),
        TEST(a_silent_peer_ends_on_the_moment),
        TEST(a_datagram_that_is_read_late_keeps_its_peer),
        TEST(a_dropped_datagram_renews_its_peer),
        TEST(an_ended_peer_that_writes_again_is_a_stranger),
        TEST(a_closed_peer_that_writes_again_is_a_stranger),
        TEST(without_a_listener_strangers_are_not_heard),
        TEST(the_local_address_is_that_of_the_last_datagram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
