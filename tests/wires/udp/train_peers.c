/* Peers that send trains: every datagram of a train is received as if it had come alone. */
#include "support.h"
#include "trains.h"

#include <string.h>
#include <unistd.h>

static char in[TRAIN_ROOM];
static char out[TRAIN_ROOM];

/* ---- The tests ---- */

static const struct {
    size_t size;
    size_t segment;
} trains[] = {{64 * 64, 64}, {45 * 1400, 1400}, {45 * 1400 + 1, 1400}, {1, 1},
              {2, 1},        {44 * 1472, 1472}, {9000, 4500},          {9000, 8999},
              {64, 1},       {1400, 1400},      {63 * 1000 + 7, 1000}};

static void check_trains(net_socket *socket, int fd)
{
    size_t offset = 0;

    for (size_t i = 0; i < COUNT(trains); i++) {
        send_pattern(fd, trains[i].size, trains[i].segment, offset);
        offset = hear_pattern(socket, trains[i].size, trains[i].segment, offset);
        hear_nothing(socket);
    }
}

/* A dialed socket asks for trains once it has received many datagrams at once. */
static void each_receive_gives_one_datagram_of_a_train(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd;
    net_socket *peer = accept_raw(listener, &fd);

    check_trains(peer, fd);
    net_close(peer, NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
    peer = dial_raw(template_of(state), &fd);
    check_trains(peer, fd);
    check_trains(peer, fd);
    net_close(peer, NET_NOW);
    close(fd);
}

/* The same with many messages in one call, on any socket, in counts that do not fit a train. */
static void check_messages(net_socket *socket, int fd)
{
    size_t offset = 0;

    for (size_t i = 0; i < COUNT(trains); i++) {
        size_t left = trains[i].size;

        send_pattern(fd, left, trains[i].segment, offset);
        while (left > 0) {
            static char room[7][9000];
            net_message message[7];
            int n;

            for (size_t j = 0; j < 7; j++) {
                message[j] = (net_message){.data = room[j], .capacity = sizeof room[j]};
            }
            n = (int)assert_ok(net_recv_messages(socket, message, 1 + (int)(left % 7), soon()));
            for (int j = 0; j < n; j++) {
                size_t length = left < trains[i].segment ? left : trains[i].segment;

                assert_int_equal(message[j].size, length);
                assert_true(is_pattern(room[j], length, offset));
                assert_memory_equal(&message[j].endpoint, &message[0].endpoint,
                                    sizeof message[0].endpoint);
                offset += length;
                left -= length;
            }
        }
        net_message none = {.data = in, .capacity = sizeof in};

        assert_code(net_recv_messages(socket, &none, 1, NET_NOW), NET_TIMEOUT);
    }
}

static void messages_are_the_datagrams_of_a_train(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd = raw_dial(listener);

    check_messages(listener, fd);
    close(fd);
    net_socket *peer = accept_raw(listener, &fd);

    check_messages(peer, fd);
    net_close(peer, NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
    peer = dial_raw(template_of(state), &fd);
    check_messages(peer, fd);
    net_close(peer, NET_NOW);
    close(fd);
}

/* A datagram that is larger than the buffer is dropped, reported and counted, and the others are
 * whole. */
static void check_small_buffer(net_socket *socket, int fd)
{
    long long truncated = number_of(socket, "truncated");

    for (int round = 0; round < 3; round++) {
        send_pattern(fd, 20 * 300 + 100, 300, 0);
        for (size_t i = 0; i <= 20; i++) {
            size_t room = i % 3 == 0 ? 299 : i % 3 == 1 ? 300 : 0;

            if (room < 300 && i < 20) {
                assert_code(net_recv(socket, room > 0 ? in : NULL, room, soon()), NET_TOOBIG);
                assert_says("300 bytes");
            } else {
                assert_count(net_recv(socket, in, 300, soon()), i < 20 ? 300 : 100);
                assert_true(is_pattern(in, i < 20 ? 300 : 100, i * 300));
            }
        }
        hear_nothing(socket);
    }
    assert_int_equal(number_of(socket, "truncated") - truncated, 3 * 13);
}

static void a_datagram_of_a_train_may_be_too_big(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd;
    net_socket *socket = accept_raw(listener, &fd);

    check_small_buffer(socket, fd);
    net_close(socket, NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
    socket = dial_raw(template_of(state), &fd);
    check_small_buffer(socket, fd);
    net_close(socket, NET_NOW);
    close(fd);
}

enum { PEERS = 5, SENT = 500, LATEST = 1 << PEERS };

/* A peer, and the trains that it sent and that are not received yet. */
struct talker {
    net_socket *peer;
    int fd;
    size_t size[LATEST];
    size_t segment[LATEST];
    int said;
    int heard;
    size_t said_bytes;
    size_t heard_bytes;
};

static void say_by_chance(struct talker *talker, unsigned *seed)
{
    size_t segment = 1 + random_below(seed, random_below(seed, 2) == 0 ? 10 : 1400);
    size_t size = segment * random_below(seed, 10) + 1 + random_below(seed, 5) % segment;

    talker->size[talker->said % LATEST] = size;
    talker->segment[talker->said++ % LATEST] = segment;
    send_pattern(talker->fd, size, segment, talker->said_bytes);
    talker->said_bytes += size;
}

/* Receive all but the last `left` trains. */
static void hear_late(struct talker *talker, int left)
{
    for (; talker->said - talker->heard > left; talker->heard++) {
        talker->heard_bytes =
            hear_pattern(talker->peer, talker->size[talker->heard % LATEST],
                         talker->segment[talker->heard % LATEST], talker->heard_bytes);
    }
}

/* Several peers send trains and single datagrams of all sizes at once. Some are received later than
 * others. */
static void interleaved_trains_reach_their_own_peers(void **state)
{
    static struct talker talker[PEERS];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    unsigned seed = 20110412;

    memset(talker, 0, sizeof talker);
    for (int i = 0; i < PEERS; i++) {
        talker[i].peer = accept_raw(listener, &talker[i].fd);
    }
    for (int i = 0; i < SENT; i++) {
        say_by_chance(&talker[random_below(&seed, PEERS)], &seed);
        for (int j = 0; j < PEERS; j++) {
            hear_late(&talker[j], 1 << j);
        }
    }
    for (int i = 0; i < PEERS; i++) {
        hear_late(&talker[i], 0);
        hear_nothing(talker[i].peer);
        net_close(talker[i].peer, NET_NOW);
        close(talker[i].fd);
    }
    assert_int_equal(number_of(listener, "dropped-queue"), 0);
    net_close(listener, NET_NOW);
}

/* Messages of one size to several peers become separate trains. */
static void messages_to_several_peers_are_not_one_train(void **state)
{
    enum { COUNT_OF = 40 };
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_message message[COUNT_OF];
    net_endpoint endpoint[PEERS];
    net_socket *peer[PEERS];
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    for (int i = 0; i < PEERS; i++) {
        char local[ADDRESS_MAX];

        peer[i] = assert_socket(net_connect(address, soon()));
        assert_ok(net_get(peer[i], "local", local, sizeof local));
        assert_count(net_resolve(local, &endpoint[i], 1, soon()), 1);
    }
    write_pattern(out, COUNT_OF * 10, 0);
    for (int i = 0; i < COUNT_OF; i++) {
        message[i] = (net_message){
            .data = out + i * 10, .size = 10, .endpoint = endpoint[i * i / 3 % PEERS]};
    }
    assert_count(net_send_messages(listener, message, COUNT_OF, soon()), COUNT_OF);
    for (int i = 0; i < COUNT_OF; i++) {
        assert_count(net_recv(peer[i * i / 3 % PEERS], in, sizeof in, soon()), 10);
        assert_true(is_pattern(in, 10, (size_t)i * 10));
    }
    for (int i = 0; i < PEERS; i++) {
        hear_nothing(peer[i]);
        net_close(peer[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(each_receive_gives_one_datagram_of_a_train),
        TEST(messages_are_the_datagrams_of_a_train),
        TEST(a_datagram_of_a_train_may_be_too_big),
        TEST(interleaved_trains_reach_their_own_peers),
        TEST(messages_to_several_peers_are_not_one_train),
    };

    return run_over(udp_templates, tests);
}
